/* What can be said with the table alone, for any environment. */
#include "os/env.h"

#include "base/assert.h"

#define READ_STEP    ((size_t)64 << 10)
#define WAIT_STEP_NS INT64_C(1000000000)
#define TEMP_SUFFIX  ".tmp"

/* Reads to the end into `to`; one byte more than size_max tells a file that is too long. */
static lt_status read_all(lt_env *env, lt_file *file, size_t size_max, lt_text *to, lt_error *err)
{
    size_t total = 0;
    for (;;) {
        size_t got = 0;
        size_t left = size_max - total;
        size_t want = left < READ_STEP ? left + 1 : READ_STEP;
        if (!lt_text_reserve(to, want)) {
            return lt_error_nomem(err, "file content");
        }
        lt_status st = env->read(file, to->ptr + to->len, want, &got, err);
        if (st == LT_AGAIN) {
            env->wait(env, env->mono_ns(env) + WAIT_STEP_NS, &file, 1);
            continue;
        }
        LT_TRY(st);
        if (got == 0) {
            return LT_OK;
        }
        LT_ASSERT(got <= want);
        if (got > left) {
            return lt_error_set(err, LT_ERR_LIMIT, "the file is larger than %zu bytes", size_max);
        }
        total += got;
        to->len += got;
        to->ptr[to->len] = '\0';
    }
}

lt_status lt_env_read_file(lt_env *env, const char *path, size_t size_max, lt_text *to,
                           lt_error *err)
{
    lt_file *file = NULL;
    size_t len_before = to->len;
    LT_ASSERT(size_max < SIZE_MAX);
    LT_TRY(env->open(env, path, LT_OPEN_READ, &file, err));
    lt_status st = read_all(env, file, size_max, to, err);
    env->close(file);
    if (to->ptr) {
        to->len = st == LT_OK ? to->len : len_before;
        to->ptr[to->len] = '\0';
    }
    return st;
}

static lt_status write_temp(lt_env *env, const char *temp, const void *bytes, size_t size,
                            lt_error *err)
{
    lt_file *file = NULL;
    LT_TRY(env->open(env, temp, LT_OPEN_CREATE, &file, err));
    lt_status st = env->write(file, bytes, size, err);
    if (st == LT_OK) {
        /* Before the rename: a file that has its name but not its bytes would be taken for whole.
         */
        st = env->sync(file, err);
    }
    env->close(file);
    return st;
}

lt_status lt_env_write_file(lt_env *env, const char *path, const void *bytes, size_t size,
                            lt_error *err)
{
    lt_text temp;
    lt_text_init(&temp, env->mem);
    lt_text_puts(&temp, path);
    lt_text_puts(&temp, TEMP_SUFFIX);
    if (temp.failed) {
        lt_text_deinit(&temp);
        return lt_error_nomem(err, "file name");
    }
    lt_status st = write_temp(env, temp.ptr, bytes, size, err);
    if (st == LT_OK) {
        st = env->rename(env, temp.ptr, path, err);
    }
    if (st != LT_OK) {
        (void)env->unlink(env, temp.ptr, NULL);
    }
    lt_text_deinit(&temp);
    return st;
}
