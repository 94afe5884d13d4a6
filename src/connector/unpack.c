/* See unpack.h. zlib and zstd allocate through the account: each block is preceded by its size,
 * which both libraries do not tell when they free. */
#define ZSTD_STATIC_LINKING_ONLY /* for the allocator hooks */
#include "connector/unpack.h"

#include <limits.h>
#include <stdalign.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/assert.h"

#define IN_BYTES   (64 * 1024)
#define HEAD_BYTES 16 /* keeps the alignment of what follows */

struct lt_unpack {
    lt_mem *mem;
    lt_pack pack;
    const char *code;
    z_stream zlib;
    bool zlib_ready;
    ZSTD_DCtx *zstd;
    bool in_member; /* between the first and the last byte of a member (frame) */
    bool eof;       /* the file gave its last byte */
    size_t in_pos;
    size_t in_len;
    uint64_t bytes_in;
    uint64_t bytes_out;
    unsigned char in[IN_BYTES];
};

_Static_assert(HEAD_BYTES >= sizeof(size_t), "the size fits in front");

static bool ends_with(lt_str path, const char *suffix)
{
    lt_str tail = lt_str_of(suffix);
    return path.len > tail.len &&
           lt_str_eq_ci((lt_str){path.ptr + path.len - tail.len, tail.len}, tail);
}

static const struct {
    const char *suffix;
    lt_pack pack;
} suffixes[] = {
    {".gz", LT_PACK_GZIP},    {".gzip", LT_PACK_GZIP},   {".deflate", LT_PACK_GZIP},
    {".zst", LT_PACK_ZSTD},   {".zstd", LT_PACK_ZSTD},   {".bz2", LT_PACK_UNKNOWN},
    {".xz", LT_PACK_UNKNOWN}, {".lz4", LT_PACK_UNKNOWN}, {".snappy", LT_PACK_UNKNOWN},
};

lt_pack lt_pack_of(lt_str path)
{
    for (size_t i = 0; i < LT_COUNT_OF(suffixes); i++) {
        if (ends_with(path, suffixes[i].suffix)) {
            return suffixes[i].pack;
        }
    }
    return LT_PACK_NONE;
}

lt_str lt_pack_strip(lt_str path)
{
    for (size_t i = 0; i < LT_COUNT_OF(suffixes); i++) {
        if (ends_with(path, suffixes[i].suffix)) {
            return (lt_str){path.ptr, path.len - strlen(suffixes[i].suffix)};
        }
    }
    return path;
}

static void *hook_alloc(void *opaque, size_t size)
{
    char *block = lt_mem_alloc(opaque, size + HEAD_BYTES);
    if (block == NULL) {
        return NULL;
    }
    size_t whole = size + HEAD_BYTES;
    memcpy(block, &whole, sizeof whole);
    return block + HEAD_BYTES;
}

static void hook_free(void *opaque, void *ptr)
{
    if (ptr != NULL) {
        char *block = (char *)ptr - HEAD_BYTES;
        size_t whole;
        memcpy(&whole, block, sizeof whole);
        lt_mem_free(opaque, block, whole);
    }
}

static void *zlib_alloc(void *opaque, unsigned items, unsigned size)
{
    return hook_alloc(opaque, (size_t)items * size);
}

static lt_status init_zlib(lt_unpack *unpack, lt_error *err)
{
    unpack->zlib.zalloc = zlib_alloc;
    unpack->zlib.zfree = hook_free;
    unpack->zlib.opaque = unpack->mem;
    if (inflateInit2(&unpack->zlib, 15 + 32) != Z_OK) { /* + 32: gzip or zlib, told by its header */
        return lt_error_nomem(err, "a gzip reader");
    }
    unpack->zlib_ready = true;
    return LT_OK;
}

static lt_status init_zstd(lt_unpack *unpack, lt_error *err)
{
    ZSTD_customMem hooks = {hook_alloc, hook_free, unpack->mem};
    unpack->zstd = ZSTD_createDCtx_advanced(hooks);
    if (unpack->zstd == NULL) {
        return lt_error_nomem(err, "a zstd reader");
    }
    size_t rc = ZSTD_DCtx_setParameter(unpack->zstd, ZSTD_d_windowLogMax, LT_UNPACK_WINDOW_LOG_MAX);
    LT_ASSERT(!ZSTD_isError(rc));
    return LT_OK;
}

lt_status lt_unpack_new(lt_mem *mem, lt_pack pack, lt_unpack **out, lt_error *err)
{
    LT_ASSERT(pack == LT_PACK_GZIP || pack == LT_PACK_ZSTD);
    *out = NULL;
    lt_unpack *unpack = lt_mem_zalloc(mem, sizeof *unpack);
    if (unpack == NULL) {
        return lt_error_nomem(err, "a decompressor");
    }
    unpack->mem = mem;
    unpack->pack = pack;
    unpack->code = "bad-compression";
    lt_status st = pack == LT_PACK_GZIP ? init_zlib(unpack, err) : init_zstd(unpack, err);
    if (st != LT_OK) {
        lt_unpack_free(unpack);
        return st;
    }
    *out = unpack;
    return LT_OK;
}

void lt_unpack_free(lt_unpack *unpack)
{
    if (unpack == NULL) {
        return;
    }
    if (unpack->zlib_ready) {
        (void)inflateEnd(&unpack->zlib);
    }
    (void)ZSTD_freeDCtx(unpack->zstd);
    lt_mem_free(unpack->mem, unpack, sizeof *unpack);
}

const char *lt_unpack_code(const lt_unpack *unpack)
{
    return unpack->code;
}

uint64_t lt_unpack_bytes_in(const lt_unpack *unpack)
{
    return unpack->bytes_in;
}

/* One step of inflate; *made = bytes written. */
static lt_status step_gzip(lt_unpack *unpack, void *to, size_t size, size_t *made, lt_error *err)
{
    if (!unpack->in_member) {
        int rc = inflateReset(&unpack->zlib);
        LT_ASSERT(rc == Z_OK);
        unpack->in_member = true;
    }
    z_stream *zlib = &unpack->zlib;
    zlib->next_in = unpack->in + unpack->in_pos;
    zlib->avail_in = (unsigned)(unpack->in_len - unpack->in_pos);
    zlib->next_out = to;
    zlib->avail_out = (unsigned)LT_MIN(size, (size_t)INT_MAX);
    unsigned room = zlib->avail_out;
    int rc = inflate(zlib, Z_NO_FLUSH);
    unpack->in_pos = unpack->in_len - zlib->avail_in;
    *made = room - zlib->avail_out;
    if (rc == Z_STREAM_END) {
        unpack->in_member = false;
        return LT_OK;
    }
    if (rc == Z_MEM_ERROR) {
        return lt_error_nomem(err, "decompression");
    }
    if (rc != Z_OK && rc != Z_BUF_ERROR) {
        return lt_error_set(err, LT_ERR_DATA, "broken gzip data: %s",
                            zlib->msg ? zlib->msg : "unknown reason");
    }
    return LT_OK;
}

static lt_status step_zstd(lt_unpack *unpack, void *to, size_t size, size_t *made, lt_error *err)
{
    ZSTD_outBuffer out = {to, size, 0};
    ZSTD_inBuffer in = {unpack->in, unpack->in_len, unpack->in_pos};
    size_t rc = ZSTD_decompressStream(unpack->zstd, &out, &in);
    unpack->in_pos = in.pos;
    *made = out.pos;
    unpack->in_member = rc != 0;
    if (!ZSTD_isError(rc)) {
        return LT_OK;
    }
    ZSTD_ErrorCode code = ZSTD_getErrorCode(rc);
    if (code == ZSTD_error_memory_allocation) {
        return lt_error_nomem(err, "decompression");
    }
    if (code == ZSTD_error_frameParameter_windowTooLarge) {
        unpack->code = "window-too-large";
        return lt_error_set(err, LT_ERR_DATA, "zstd data that needs a window of more than %d MiB",
                            1 << (LT_UNPACK_WINDOW_LOG_MAX - 20));
    }
    return lt_error_set(err, LT_ERR_DATA, "broken zstd data: %s", ZSTD_getErrorName(rc));
}

static lt_status refill(lt_unpack *unpack, lt_env *env, lt_file *file, lt_error *err)
{
    size_t got = 0;
    LT_TRY(env->read(file, unpack->in, IN_BYTES, &got, err));
    unpack->in_pos = 0;
    unpack->in_len = got;
    unpack->bytes_in += got;
    unpack->eof = got == 0;
    return LT_OK;
}

lt_status lt_unpack_read(lt_unpack *unpack, lt_env *env, lt_file *file, void *to, size_t size,
                         size_t *got, lt_error *err)
{
    *got = 0;
    LT_ASSERT(size > 0);
    for (;;) {
        if (unpack->in_pos == unpack->in_len && !unpack->eof) {
            LT_TRY(refill(unpack, env, file, err));
        }
        bool drained = unpack->in_pos == unpack->in_len;
        if (drained && !unpack->in_member) {
            return LT_OK;
        }
        size_t made = 0;
        LT_TRY(unpack->pack == LT_PACK_GZIP ? step_gzip(unpack, to, size, &made, err)
                                            : step_zstd(unpack, to, size, &made, err));
        unpack->bytes_out += made;
        if (unpack->bytes_out > (uint64_t)LT_UNPACK_RATIO_FROM &&
            unpack->bytes_out / LT_UNPACK_RATIO_MAX > unpack->bytes_in) {
            unpack->code = "decompression-bomb";
            return lt_error_set(
                err, LT_ERR_DATA,
                "%llu bytes of compressed data became more than %llu (ratio above %d)",
                (unsigned long long)unpack->bytes_in, (unsigned long long)unpack->bytes_out,
                LT_UNPACK_RATIO_MAX);
        }
        if (made > 0) {
            *got = made;
            return LT_OK;
        }
        if (drained && unpack->in_member) {
            unpack->code = "truncated-compression";
            return lt_error_set(err, LT_ERR_DATA, "compressed data is cut off after %llu bytes",
                                (unsigned long long)unpack->bytes_in);
        }
    }
}
