/* MD5 and the SHA family, for the SQL functions of those names; not for security of leat's own. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef enum { LT_MD5, LT_SHA1, LT_SHA224, LT_SHA256, LT_SHA384, LT_SHA512 } lt_digest_kind;

#define LT_DIGEST_MAX 64

/* Writes the digest; returns its length in bytes. */
size_t lt_digest(lt_digest_kind kind, const void *ptr, size_t len, uint8_t out[LT_DIGEST_MAX]);
