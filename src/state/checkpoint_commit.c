/* The end of a checkpoint that is being written: durable and published, or gone.
 *
 * The manifest is written under a temporary name, synced, and renamed. When the rename reports an
 * error it may have happened all the same; then the manifest is taken back, and when even that
 * fails, its data stay, so that whatever a restart finds is whole. */
#include <inttypes.h>
#include <stdio.h>
#include <zstd.h>

#include "base/mutant.h"
#include "state/checkpoint_int.h"

static void writer_free(lt_ckpt_writer *writer)
{
    lt_ckpt_store *store = writer->store;
    lt_env *env = store->env;
    for (uint32_t i = 0; i < writer->source_count; i++) {
        env->close(writer->sources[i].file);
    }
    env->close(writer->file);
    (void)ZSTD_freeCCtx(writer->cctx);
    lt_ckpt_window_free_(&writer->window);
    lt_mem_free(store->mem, writer->sources, writer->source_count * sizeof *writer->sources);
    lt_mem_free(store->mem, writer->buf, writer->cap);
    lt_ckpt_manifest_free_(writer->m);
    store->writing = false;
    lt_mem_free(store->mem, writer, sizeof *writer);
}

void lt_ckpt_write_abort(lt_ckpt_writer *writer)
{
    if (!writer) {
        return;
    }
    lt_ckpt_store *store = writer->store;
    lt_env *env = store->env;
    if (writer->file) {
        ckpt_path path;
        lt_ckpt_own_path_(writer, &path);
        env->close(writer->file);
        writer->file = NULL;
        /* What cannot be removed now is when the store opens next. */
        (void)env->unlink(env, path.text, NULL);
        lt_ckpt_store_forget_data_(store, writer->m->files.items[writer->own].data);
    }
    if (writer->dir_made) {
        (void)env->unlink(env, writer->dir, NULL);
    }
    if (writer->m && !writer->m->info.savepoint) {
        store->wants_full = true;
    }
    writer_free(writer);
}

static lt_status finish_data(lt_ckpt_writer *writer, lt_error *err)
{
    if (writer->own == CKPT_NONE) {
        return LT_OK;
    }
    LT_TRY(lt_ckpt_flush_(writer, err));
    return LT_MUTANT(SKIP_DATA_SYNC) ? LT_OK : ckpt_env_of(writer)->sync(writer->file, err);
}

static void finish_info(lt_ckpt_writer *writer)
{
    ckpt_manifest *m = writer->m;
    lt_ckpt_info *info = &m->info;
    lt_env *env = ckpt_env_of(writer);
    info->duration_us += (env->mono_ns(env) - writer->begin_ns) / 1000;
    info->part_count = (uint32_t)m->parts.count;
    info->bytes_new = writer->own == CKPT_NONE ? 0 : (int64_t)m->files.items[writer->own].size;
    info->bytes_all = 0;
    for (size_t i = 0; i < m->refs.count; i++) {
        info->bytes_all += CKPT_BLOCK_HEAD + (int64_t)m->refs.items[i].stored;
    }
}

static lt_status write_temp(lt_env *env, const char *path, const lt_text *bytes, lt_error *err)
{
    lt_file *file = NULL;
    LT_TRY(env->open(env, path, LT_OPEN_EXCL, &file, err));
    lt_status st = env->write(file, bytes->ptr, bytes->len, err);
    if (st == LT_OK && !LT_MUTANT(SKIP_MANIFEST_SYNC)) {
        st = env->sync(file, err);
    }
    env->close(file);
    return st;
}

/* After a rename that failed: makes sure that the manifest does not count. False: it does, and what
 * it refers to must stay. */
static bool withdraw(lt_env *env, const char *final_path, const char *temp_path)
{
    lt_stat stat;
    if (env->stat(env, final_path, &stat, NULL) != LT_OK) {
        return true;
    }
    /* Back to the temporary name: unlike unlink, a rename is durable when it returns. */
    return env->rename(env, final_path, temp_path, NULL) == LT_OK ||
           env->unlink(env, final_path, NULL) == LT_OK;
}

/* Publishes the manifest. *counts is set when it stands although there is an error. */
static lt_status publish(lt_ckpt_writer *writer, const lt_text *bytes, bool *counts, lt_error *err)
{
    lt_env *env = ckpt_env_of(writer);
    char name[CKPT_NAME_MAX] = CKPT_SAVEPOINT_NAME;
    char temp_name[CKPT_NAME_MAX];
    ckpt_path path;
    ckpt_path temp;
    lt_status st;
    if (!writer->m->info.savepoint) {
        lt_ckpt_manifest_name_(writer->m->info.id, name);
    }
    uint32_t attempt = writer->attempt - 1;
    lt_stat stat;
    do {
        attempt++;
        (void)snprintf(temp_name, sizeof temp_name, "%.60s.%" PRIu32 ".tmp", name, attempt);
        lt_ckpt_join_(&temp, writer->dir, temp_name);
    } while (attempt - writer->attempt < CKPT_ATTEMPTS_MAX &&
             env->stat(env, temp.text, &stat, NULL) == LT_OK);
    lt_ckpt_join_(&path, writer->dir, name);
    st = write_temp(env, temp.text, bytes, err);
    if (st == LT_OK) {
        st = env->rename(env, temp.text, path.text, err);
        *counts = st != LT_OK && !withdraw(env, path.text, temp.text);
    }
    if (st != LT_OK) {
        (void)env->unlink(env, temp.text, NULL);
    }
    return st;
}

/* The writer's manifest is what the next checkpoint refers to. */
static void adopt(lt_ckpt_writer *writer)
{
    lt_ckpt_store *store = writer->store;
    store->id_last = writer->m->info.id;
    store->chain_id = writer->m->info.id;
    store->chain_hash = writer->m->hash;
    store->wants_full = false;
    lt_ckpt_manifest_free_(store->last);
    store->last = writer->m;
    writer->m = NULL;
    lt_ckpt_store_retain_(store);
}

static lt_status commit(lt_ckpt_writer *writer, lt_text *bytes, lt_error *err)
{
    lt_ckpt_store *store = writer->store;
    ckpt_known known = {0};
    bool counts = false;
    LT_TRY(finish_data(writer, err));
    finish_info(writer);
    LT_TRY(lt_ckpt_manifest_encode_(writer->m, bytes, err));
    bool savepoint = writer->m->info.savepoint;
    if (!savepoint) {
        /* Memory first: nothing may fail once the manifest has its name. */
        LT_TRY(lt_ckpt_store_reserve_(store, err));
        LT_TRY(lt_ckpt_known_init_(&known, writer->m, store->mem, err));
    }
    lt_status st = publish(writer, bytes, &counts, err);
    if (!savepoint && (st == LT_OK || counts)) {
        lt_ckpt_store_add_(store, &known);
    } else {
        lt_ckpt_known_deinit_(&known, store->mem);
    }
    if (counts) {
        /* Neither committed nor gone: the abort must leave the data. */
        ckpt_env_of(writer)->close(writer->file);
        writer->file = NULL;
        writer->dir_made = false;
    }
    return st;
}

lt_status lt_ckpt_write_commit(lt_ckpt_writer *writer, lt_ckpt_info *out, lt_error *err)
{
    lt_text bytes;
    lt_text_init(&bytes, writer->store->mem);
    lt_status st = lt_ckpt_repeat_error_(writer, err);
    if (st == LT_OK) {
        st = commit(writer, &bytes, err);
    }
    lt_text_deinit(&bytes);
    if (st != LT_OK) {
        lt_ckpt_write_abort(writer);
        return st;
    }
    if (out) {
        *out = writer->m->info;
        out->job = out->plan = out->sql = (lt_str){"", 0};
    }
    if (!writer->m->info.savepoint) {
        adopt(writer);
    }
    writer_free(writer);
    return LT_OK;
}
