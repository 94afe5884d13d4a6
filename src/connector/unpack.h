/* Streaming gzip, zlib (.deflate) and zstd in front of a file, with limits: nothing a file holds
 * makes it need more than a few MiB or run for ever.
 *
 *   - at most LT_UNPACK_RATIO_MAX bytes out per byte in, once LT_UNPACK_RATIO_FROM bytes have come
 * out
 *   - zstd windows of at most 2^LT_UNPACK_WINDOW_LOG_MAX bytes; gzip's are 32 KiB by nature
 *
 * Several members (frames) one after another are one stream. */
#pragma once

#include "os/env.h"

#define LT_UNPACK_RATIO_MAX      1000
#define LT_UNPACK_RATIO_FROM     (64LL << 20)
#define LT_UNPACK_WINDOW_LOG_MAX 23

typedef enum {
    LT_PACK_NONE,
    LT_PACK_GZIP,   /* .gz, .gzip; .deflate too */
    LT_PACK_ZSTD,   /* .zst, .zstd */
    LT_PACK_UNKNOWN /* a compression that is known by name only: .bz2, .xz, .lz4, .snappy */
} lt_pack;

lt_pack lt_pack_of(lt_str path);   /* by suffix */
lt_str lt_pack_strip(lt_str path); /* without that suffix */

typedef struct lt_unpack lt_unpack;

lt_status lt_unpack_new(lt_mem *mem, lt_pack pack, lt_unpack **out, lt_error *err);
void lt_unpack_free(lt_unpack *unpack); /* accepts NULL */

/* As env->read. *got = 0: the end. LT_ERR_DATA: broken, cut off or over a limit; lt_unpack_code
 * then tells the reject code. */
lt_status lt_unpack_read(lt_unpack *unpack, lt_env *env, lt_file *file, void *to, size_t size,
                         size_t *got, lt_error *err);
const char *lt_unpack_code(const lt_unpack *unpack);
uint64_t lt_unpack_bytes_in(const lt_unpack *unpack); /* read from the file */
