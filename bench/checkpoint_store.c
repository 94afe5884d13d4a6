/* How fast checkpoints are written, verified and read: 256 MiB in blocks of 16 KiB, raw and packed,
 * on the real disk (the working directory, or the one named). Writing includes the sync; verifying
 * reads from the page cache. One JSON line per case on stdout. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "os/env.h"
#include "state/checkpoint.h"

#define BLOCK_BYTES 16384
#define BLOCKS      16384
#define PARTS       4
#define BEST_OF     3
#define GIB         (1024.0 * 1024 * 1024)

typedef struct {
    lt_env *env;
    lt_mem *mem;
    lt_ckpt_store *store;
    int compression;
} bench;

/* Records as state has them: small numbers, keys in a row, some noise. */
static void make_block(uint64_t number, uint8_t *to)
{
    for (uint32_t i = 0; i < BLOCK_BYTES / 32; i++) {
        uint64_t record[4] = {number * 512 + i, lt_hash_u64(number * 512 + i) & 0xffffffff, i % 7,
                              1000 + lt_hash_u64(i) % 1000};
        memcpy(to + i * 32, record, sizeof record);
    }
}

static void report(const bench *b, const char *what, int64_t ns)
{
    double bytes = (double)BLOCK_BYTES * BLOCKS;
    printf("{\"name\": \"checkpoint_store.zstd%d.%s\", \"value\": %.2f, \"unit\": \"GiB/s\", "
           "\"better\": \"higher\"}\n",
           b->compression, what, bytes / GIB / ((double)ns / 1e9));
}

static lt_status write_blocks(bench *b, lt_ckpt_writer *writer, bool same, lt_error *err)
{
    static uint8_t blocks[64][BLOCK_BYTES];
    if (!same && blocks[0][0] == 0 && blocks[63][0] == 0) {
        for (uint32_t i = 0; i < 64; i++) {
            make_block(i, blocks[i]);
        }
    }
    (void)b;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        if (i % (BLOCKS / PARTS) == 0) {
            char name[32];
            (void)snprintf(name, sizeof name, "part-%u", i / (BLOCKS / PARTS));
            LT_TRY(lt_ckpt_write_part(writer, name, LT_STR(""), err));
        }
        if (same) {
            LT_TRY(lt_ckpt_write_same(writer, i, err));
        } else {
            LT_TRY(lt_ckpt_write_block(writer, i, blocks[i % 64], BLOCK_BYTES, err));
        }
    }
    return LT_OK;
}

static lt_status write_once(bench *b, bool same, int64_t *ns, lt_error *err)
{
    lt_ckpt_writer *writer;
    lt_ckpt_info info = {.id = lt_ckpt_next_id(b->store), .job = LT_STR("bench")};
    int64_t start = b->env->mono_ns(b->env);
    LT_TRY(lt_ckpt_write_begin(b->store, &info, NULL, &writer, err));
    lt_status st = write_blocks(b, writer, same, err);
    if (st != LT_OK) {
        lt_ckpt_write_abort(writer);
        return st;
    }
    LT_TRY(lt_ckpt_write_commit(writer, NULL, err));
    *ns = LT_MIN(*ns, b->env->mono_ns(b->env) - start);
    return LT_OK;
}

static lt_status ignore_block(void *arg, uint64_t id, const uint8_t *bytes, size_t len,
                              lt_error *err)
{
    (void)err;
    *(uint64_t *)arg += id + bytes[len - 1];
    return LT_OK;
}

static lt_status read_once(bench *b, int64_t *verify_ns, int64_t *read_ns, lt_error *err)
{
    lt_ckpt_reader *reader;
    uint64_t sum = 0;
    lt_status st = LT_OK;
    int64_t start = b->env->mono_ns(b->env);
    LT_TRY(lt_ckpt_open_latest(b->store, &reader, err));
    int64_t open = b->env->mono_ns(b->env);
    for (uint32_t p = 0; p < PARTS && st == LT_OK; p++) {
        st = lt_ckpt_read_part(reader, p, ignore_block, &sum, err);
    }
    lt_ckpt_reader_close(reader);
    *verify_ns = LT_MIN(*verify_ns, open - start);
    *read_ns = LT_MIN(*read_ns, b->env->mono_ns(b->env) - open);
    return st;
}

static lt_status run(bench *b, const char *dir, lt_error *err)
{
    int64_t full = INT64_MAX;
    int64_t same = INT64_MAX;
    int64_t verify = INT64_MAX;
    int64_t content = INT64_MAX;
    lt_ckpt_options options = {.retain = 1, .compression = b->compression};
    LT_TRY(lt_ckpt_store_open(b->env, b->mem, dir, &options, &b->store, err));
    LT_TRY(lt_ckpt_store_clear(b->store, err));
    for (int i = 0; i < BEST_OF; i++) {
        LT_TRY(write_once(b, false, &full, err));
        LT_TRY(write_once(b, true, &same, err));
        LT_TRY(read_once(b, &verify, &content, err));
    }
    report(b, "write", full);
    report(b, "write_same", same);
    report(b, "verify", verify);
    report(b, "read", content);
    return lt_ckpt_store_clear(b->store, err);
}

int main(int argc, char **argv)
{
    lt_mem mem;
    lt_error err = {0};
    lt_status st = LT_OK;
    const char *dir = argc > 1 ? argv[1] : "checkpoint_store.tmp";
    lt_mem_init(&mem, NULL, "bench", 0);
    lt_env *env = lt_env_real_new(&mem);
    for (int compression = 0; env && compression < 2 && st == LT_OK; compression++) {
        bench b = {.env = env, .mem = &mem, .compression = compression};
        st = run(&b, dir, &err);
        lt_ckpt_store_close(b.store);
    }
    if (!env || st != LT_OK) {
        (void)fprintf(stderr, "checkpoint_store: %s\n", err.text);
        return 1;
    }
    (void)env->unlink(env, dir, NULL);
    lt_env_real_free(env);
    lt_mem_deinit(&mem);
    return 0;
}
