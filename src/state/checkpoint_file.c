/* Names and data files of the checkpoint store: heads, and the window through which blocks are read
 * and checked. A block is believed when three agree: the manifest, the block's head (own place,
 * own file, sizes, checksum) and the stored bytes. */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/hash.h"
#include "state/checkpoint_int.h"

#define FILE_MAGIC  "LEATBLKS"
#define BLOCK_MAGIC 0x4b42544cu /* "LTBK" */
#define BLOCK_ZSTD  1u

/* ---- Names ---- */

void lt_ckpt_data_name_(ckpt_data data, char name[CKPT_NAME_MAX])
{
    if (data.attempt == 1) {
        (void)snprintf(name, CKPT_NAME_MAX, "blocks-%" PRIu64 ".data", data.epoch);
    } else {
        (void)snprintf(name, CKPT_NAME_MAX, "blocks-%" PRIu64 ".%" PRIu32 ".data", data.epoch,
                       data.attempt);
    }
}

void lt_ckpt_manifest_name_(uint64_t id, char name[CKPT_NAME_MAX])
{
    (void)snprintf(name, CKPT_NAME_MAX, "chk-%" PRIu64 ".manifest", id);
}

void lt_ckpt_join_(ckpt_path *to, const char *dir, const char *name)
{
    size_t len = strlen(dir);
    LT_ASSERT(len < CKPT_DIR_MAX && strlen(name) < CKPT_NAME_MAX);
    const char *slash = len > 0 && dir[len - 1] != '/' ? "/" : "";
    (void)snprintf(to->text, sizeof to->text, "%s%s%s", dir, slash, name);
}

lt_status lt_ckpt_check_dir_(const char *dir, lt_error *err)
{
    if (strlen(dir) + 2 > CKPT_DIR_MAX) {
        return lt_error_set(err, LT_ERR_LIMIT,
                            "the path of the checkpoint directory has more than %d bytes",
                            CKPT_DIR_MAX - 2);
    }
    return LT_OK;
}

/* Decimal digits at *at. */
static bool parse_number(const char **at, uint64_t *out)
{
    uint64_t value = 0;
    const char *begin = *at;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        if (LT_MUL_OVERFLOW(value, (uint64_t)10, &value) ||
            LT_ADD_OVERFLOW(value, (uint64_t)(**at - '0'), &value)) {
            return false;
        }
    }
    *out = value;
    return *at > begin;
}

static ckpt_name_kind parse_manifest(const char *at, ckpt_data *out)
{
    if (!parse_number(&at, &out->epoch)) {
        return CKPT_NAME_OTHER;
    }
    if (strcmp(at, ".manifest") == 0) {
        return CKPT_NAME_MANIFEST;
    }
    if (strcmp(at, ".manifest.damaged") == 0) {
        return CKPT_NAME_DAMAGED;
    }
    uint64_t attempt;
    if (strncmp(at, ".manifest.", 10) == 0) {
        at += 10;
        return parse_number(&at, &attempt) && strcmp(at, ".tmp") == 0 ? CKPT_NAME_TEMP
                                                                      : CKPT_NAME_OTHER;
    }
    return CKPT_NAME_OTHER;
}

static ckpt_name_kind parse_data(const char *at, ckpt_data *out)
{
    uint64_t attempt = 1;
    if (!parse_number(&at, &out->epoch)) {
        return CKPT_NAME_OTHER;
    }
    if (*at == '.' && at[1] >= '0' && at[1] <= '9') {
        at++;
        if (!parse_number(&at, &attempt) || attempt < 2 || attempt > UINT32_MAX) {
            return CKPT_NAME_OTHER;
        }
    }
    out->attempt = (uint32_t)attempt;
    return strcmp(at, ".data") == 0           ? CKPT_NAME_DATA
           : strcmp(at, ".data.damaged") == 0 ? CKPT_NAME_DAMAGED
                                              : CKPT_NAME_OTHER;
}

ckpt_name_kind lt_ckpt_name_parse_(const char *name, ckpt_data *out)
{
    char canonical[CKPT_NAME_MAX];
    *out = (ckpt_data){0};
    ckpt_name_kind kind = CKPT_NAME_OTHER;
    if (strncmp(name, "chk-", 4) == 0) {
        kind = parse_manifest(name + 4, out);
        lt_ckpt_manifest_name_(out->epoch, canonical);
    } else if (strncmp(name, "blocks-", 7) == 0) {
        kind = parse_data(name + 7, out);
        lt_ckpt_data_name_(*out, canonical);
    } else if (strcmp(name, "finished") == 0) {
        return CKPT_NAME_FINISHED;
    } else if (strcmp(name, "finished.tmp") == 0) {
        return CKPT_NAME_TEMP;
    }
    /* 007 is somebody else's. */
    bool ours = kind != CKPT_NAME_OTHER && strncmp(name, canonical, strlen(canonical)) == 0;
    return ours ? kind : CKPT_NAME_OTHER;
}

/* ---- Heads ---- */

uint64_t lt_ckpt_job_hash_(lt_str job)
{
    return lt_hash_bytes(job.ptr, job.len, 0);
}

uint64_t lt_ckpt_file_hash_(uint64_t hash, uint64_t block_hash)
{
    return lt_hash_combine(hash, block_hash);
}

void lt_ckpt_file_head_(uint8_t to[CKPT_FILE_HEAD], const ckpt_file *file, uint64_t job_hash)
{
    memset(to, 0, CKPT_FILE_HEAD);
    memcpy(to, FILE_MAGIC, 8);
    ckpt_put_u32(to + 8, CKPT_VERSION);
    ckpt_put_u32(to + 12, LT_HASH_VERSION);
    ckpt_put_u64(to + 16, file->data.epoch);
    ckpt_put_u64(to + 24, file->id);
    ckpt_put_u64(to + 32, job_hash);
    ckpt_put_u32(to + 40, file->data.attempt);
    ckpt_put_u32(to + 60, lt_crc32c(to, 60, 0));
}

void lt_ckpt_block_head_(uint8_t to[CKPT_BLOCK_HEAD], const ckpt_file *file, const ckpt_ref *ref)
{
    ckpt_put_u32(to, BLOCK_MAGIC);
    ckpt_put_u32(to + 4, ref->stored < ref->plain ? BLOCK_ZSTD : 0);
    ckpt_put_u64(to + 8, file->id);
    ckpt_put_u64(to + 16, ref->offset);
    ckpt_put_u64(to + 24, file->data.epoch);
    ckpt_put_u64(to + 32, ref->id);
    ckpt_put_u32(to + 40, ref->part);
    ckpt_put_u32(to + 44, ref->stored);
    ckpt_put_u64(to + 48, ref->hash);
    ckpt_put_u32(to + 56, ref->plain);
    ckpt_put_u32(to + 60, lt_crc32c(to, 60, 0));
}

static lt_status damaged(lt_error *err, const ckpt_file *file, uint64_t at, const char *how)
{
    char name[CKPT_NAME_MAX];
    lt_ckpt_data_name_(file->data, name);
    return lt_error_set(err, LT_ERR_STATE, "%s, block at %" PRIu64 ": %s", name, at, how);
}

static lt_status check_block(const uint8_t *at, const ckpt_file *file, const ckpt_ref *ref,
                             lt_error *err)
{
    uint8_t expect[CKPT_BLOCK_HEAD];
    ckpt_ref written = *ref;
    /* A part may have had another number in the checkpoint that wrote the block. */
    written.part = ckpt_get_u32(at + 40);
    lt_ckpt_block_head_(expect, file, &written);
    if (memcmp(at, expect, sizeof expect) != 0) {
        if (ckpt_get_u32(at) != BLOCK_MAGIC || lt_crc32c(at, 60, 0) != ckpt_get_u32(at + 60)) {
            return damaged(err, file, ref->offset, "its head is not one");
        }
        return damaged(err, file, ref->offset,
                       ckpt_get_u64(at + 8) != file->id || ckpt_get_u64(at + 16) != ref->offset
                           ? "it belongs to another place"
                           : "it is another block");
    }
    if (lt_hash_bytes(at + CKPT_BLOCK_HEAD, ref->stored, 0) != ref->hash) {
        return damaged(err, file, ref->offset, "checksum differs");
    }
    return LT_OK;
}

/* ---- The window ---- */

void lt_ckpt_window_use_(ckpt_window *window, lt_file *file, const ckpt_file *desc)
{
    if (window->file != file || window->desc != desc) {
        window->file = file;
        window->desc = desc;
        window->at = 0;
        window->len = 0;
    }
}

void lt_ckpt_window_free_(ckpt_window *window)
{
    lt_mem_free(window->mem, window->buf, window->cap);
    window->buf = NULL;
    window->cap = 0;
    window->len = 0;
}

static lt_status fill(ckpt_window *window, uint64_t offset, size_t size, lt_error *err)
{
    window->len = 0;
    if (size > window->cap) {
        /* What is there is not needed: nothing to copy. */
        lt_ckpt_window_free_(window);
        window->buf = lt_mem_alloc(window->mem, size);
        if (!window->buf) {
            return lt_error_nomem(err, "checkpoint block");
        }
        window->cap = size;
    }
    window->at = offset;
    return window->env->pread(window->file, window->buf, size, (int64_t)offset, &window->len, err);
}

static lt_status need(ckpt_window *window, uint64_t offset, size_t size, size_t ahead,
                      lt_error *err)
{
    if (offset >= window->at && offset - window->at <= window->len &&
        size <= window->len - (size_t)(offset - window->at)) {
        return LT_OK;
    }
    uint64_t left = window->desc->size - offset;
    size_t want = ahead > left ? (size_t)left : ahead;
    LT_TRY(fill(window, offset, LT_MAX(want, size), err));
    return window->len >= size ? LT_OK
                               : damaged(err, window->desc, offset, "the file ends before its end");
}

lt_status lt_ckpt_window_check_file_(ckpt_window *window, uint64_t job_hash, lt_error *err)
{
    lt_stat stat;
    uint8_t expect[CKPT_FILE_HEAD];
    char name[CKPT_NAME_MAX];
    lt_ckpt_data_name_(window->desc->data, name);
    LT_TRY(window->env->fstat(window->file, &stat, err));
    if (stat.kind != LT_FILE_REGULAR || stat.size != (int64_t)window->desc->size) {
        return lt_error_set(err, LT_ERR_STATE, "%s: it has %" PRId64 " bytes instead of %" PRIu64,
                            name, stat.size, window->desc->size);
    }
    LT_TRY(need(window, 0, CKPT_FILE_HEAD, CKPT_FILE_HEAD, err));
    lt_ckpt_file_head_(expect, window->desc, job_hash);
    if (memcmp(window->buf, expect, sizeof expect) != 0) {
        return lt_error_set(err, LT_ERR_STATE, "%s: its head is another one", name);
    }
    return LT_OK;
}

lt_status lt_ckpt_window_block_(ckpt_window *window, const ckpt_ref *ref, size_t ahead,
                                const uint8_t **out, lt_error *err)
{
    size_t size = CKPT_BLOCK_HEAD + (size_t)ref->stored;
    LT_TRY(need(window, ref->offset, size, ahead, err));
    const uint8_t *at = window->buf + (ref->offset - window->at);
    LT_TRY(check_block(at, window->desc, ref, err));
    *out = at + CKPT_BLOCK_HEAD;
    return LT_OK;
}
