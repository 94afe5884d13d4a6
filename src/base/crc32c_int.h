/* The table path of lt_crc32c, apart so that a test can compare it with the hardware's. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* As lt_crc32c, on any processor. */
uint32_t lt_crc32c_portable(const void *ptr, size_t len, uint32_t crc);
