/* Writing a checkpoint or a savepoint. Blocks go through a buffer of some megabytes into one new
 * file; its name, and the number in its heads, are never used twice, so that nothing of a failed
 * attempt can be taken for this one's. After an error the writer only repeats that error, until it
 * is committed (which then fails) or aborted.
 *
 * Order: blocks, sync, manifest under a temporary name, sync, rename. When the rename reports an
 * error it may have happened all the same; `withdraw` settles that. */
#include <inttypes.h>
#include <stdio.h>
#include <zstd.h>

#include "base/assert.h"
#include "base/hash.h"
#include "state/checkpoint_int.h"

#define BUFFER_FIRST  ((size_t)16 << 10)
#define BUFFER_BYTES  ((size_t)4 << 20)
#define LEVEL_MAX     19
#define ZSTD_WINDOW   20 /* log: bounds what the compressor takes for large blocks */
#define COPY_AHEAD    ((size_t)256 << 10)
#define PAYS_FRACTION 16 /* packed when that saves one of so many bytes */

/* Remembers an error: what is on disk by now is of no use. */
static lt_status keep_error(lt_ckpt_writer *writer, lt_status st, const lt_error *why,
                            lt_error *err)
{
    if (st != LT_OK) {
        writer->failed = *why;
        writer->failed.code = st;
        if (err) {
            *err = writer->failed;
        }
    }
    return st;
}

lt_status lt_ckpt_repeat_error_(const lt_ckpt_writer *writer, lt_error *err)
{
    if (writer->failed.code != LT_OK && err) {
        *err = writer->failed;
    }
    return writer->failed.code;
}

/* ---- Beginning ---- */

static lt_status stop_at_checkpoint(void *arg, const lt_dirent *entry)
{
    ckpt_data data;
    (void)arg;
    return lt_ckpt_name_parse_(entry->name, &data) == CKPT_NAME_MANIFEST ? LT_END : LT_OK;
}

/* A store would take a savepoint's data among its own for something to remove. */
static bool holds_checkpoints(const lt_ckpt_store *store, const char *dir)
{
    lt_env *env = store->env;
    lt_stat own;
    lt_stat other;
    if (env->stat(env, dir, &other, NULL) != LT_OK) {
        return false;
    }
    bool same = env->stat(env, store->dir, &own, NULL) == LT_OK && own.device == other.device &&
                own.inode == other.inode;
    return same || env->list(env, dir, stop_at_checkpoint, NULL, NULL) == LT_END;
}

static lt_status check_begin(const lt_ckpt_store *store, const lt_ckpt_info *info,
                             const char *savepoint_dir, lt_error *err)
{
    ckpt_path path;
    lt_stat stat;
    if (store->writing) {
        return lt_error_set(err, LT_ERR_INTERNAL, "two checkpoints were begun at a time");
    }
    if (!savepoint_dir) {
        return info->id > store->id_last
                   ? LT_OK
                   : lt_error_set(err, LT_ERR_INTERNAL,
                                  "checkpoint %" PRIu64 " after checkpoint %" PRIu64, info->id,
                                  store->id_last);
    }
    LT_TRY(lt_ckpt_check_dir_(savepoint_dir, err));
    lt_ckpt_join_(&path, savepoint_dir, CKPT_SAVEPOINT_NAME);
    bool taken = store->env->stat(store->env, path.text, &stat, NULL) == LT_OK;
    if (taken || holds_checkpoints(store, savepoint_dir)) {
        (void)lt_error_set(err, LT_ERR_USAGE, "'%s' holds %s already", savepoint_dir,
                           taken ? "a savepoint" : "checkpoints");
        lt_error_hint(err, "choose another directory");
        return LT_ERR_USAGE;
    }
    return LT_OK;
}

static int by_epoch_desc(const ckpt_file *a, const ckpt_file *b)
{
    return a->data.epoch < b->data.epoch ? 1 : a->data.epoch > b->data.epoch ? -1 : 0;
}

/* Which of the last checkpoint's files go on being referred to: all but the oldest ones. */
static lt_status make_sources(lt_ckpt_writer *writer, lt_error *err)
{
    const ckpt_manifest *last = writer->store->last;
    uint32_t count = last ? (uint32_t)last->files.count : 0;
    if (count == 0) {
        return LT_OK;
    }
    writer->sources = lt_mem_zalloc(writer->store->mem, count * sizeof *writer->sources);
    if (!writer->sources) {
        return lt_error_nomem(err, "checkpoint writer");
    }
    writer->source_count = count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t newer = 0;
        for (uint32_t k = 0; k < count; k++) {
            newer += by_epoch_desc(&last->files.items[k], &last->files.items[i]) < 0;
        }
        writer->sources[i].index = CKPT_NONE;
        writer->sources[i].copy =
            writer->m->info.savepoint || newer >= writer->store->options.data_files_max;
    }
    return LT_OK;
}

static lt_status prepare_dir(lt_ckpt_writer *writer, const char *savepoint_dir, lt_error *err)
{
    lt_stat stat;
    lt_env *env = ckpt_env_of(writer);
    const char *dir = savepoint_dir ? savepoint_dir : writer->store->dir;
    memcpy(writer->dir, dir, strlen(dir) + 1);
    if (!savepoint_dir) {
        return LT_OK;
    }
    writer->dir_made = env->stat(env, dir, &stat, NULL) != LT_OK;
    return env->mkdirs(env, dir, err);
}

static lt_status prepare_zstd(lt_ckpt_writer *writer, lt_error *err)
{
    int level = writer->store->options.compression;
    if (level == 0) {
        return LT_OK;
    }
    writer->cctx = ZSTD_createCCtx();
    if (!writer->cctx ||
        ZSTD_isError(ZSTD_CCtx_setParameter(writer->cctx, ZSTD_c_compressionLevel,
                                            LT_MIN(level, LEVEL_MAX))) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(writer->cctx, ZSTD_c_windowLog, ZSTD_WINDOW))) {
        return lt_error_nomem(err, "checkpoint compression");
    }
    return LT_OK;
}

static lt_status writer_init(lt_ckpt_writer *writer, const lt_ckpt_info *info,
                             const char *savepoint_dir, lt_error *err)
{
    lt_ckpt_store *store = writer->store;
    lt_ckpt_info described = *info;
    described.savepoint = savepoint_dir != NULL;
    described.bytes_new = 0;
    described.bytes_all = 0;
    described.part_count = 0;
    writer->m = lt_ckpt_manifest_new_(store->mem);
    if (!writer->m) {
        return lt_error_nomem(err, "checkpoint manifest");
    }
    LT_TRY(lt_ckpt_manifest_describe_(writer->m, &described, err));
    writer->m->prev_id = store->chain_id;
    writer->m->prev_hash = store->chain_hash;
    LT_TRY(make_sources(writer, err));
    LT_TRY(prepare_zstd(writer, err));
    return prepare_dir(writer, savepoint_dir, err);
}

static void count_attempt(lt_ckpt_writer *writer, uint64_t id, bool savepoint)
{
    lt_ckpt_store *store = writer->store;
    writer->attempt = 1;
    if (savepoint) {
        return;
    }
    store->attempt = store->attempt_id == id ? store->attempt + 1 : 1;
    store->attempt_id = id;
    writer->attempt = store->attempt;
}

static lt_status begin(lt_ckpt_store *store, const lt_ckpt_info *info, const char *savepoint_dir,
                       lt_ckpt_writer **out, lt_error *err)
{
    LT_TRY(check_begin(store, info, savepoint_dir, err));
    if (store->finished && !savepoint_dir) {
        /* The mark would make the next start forget this checkpoint. */
        LT_TRY(lt_ckpt_store_clear(store, err));
    }
    lt_ckpt_writer *writer = lt_mem_zalloc(store->mem, sizeof *writer);
    if (!writer) {
        return lt_error_nomem(err, "checkpoint writer");
    }
    writer->store = store;
    writer->own = CKPT_NONE;
    writer->last_part = CKPT_NONE;
    writer->begin_ns = store->env->mono_ns(store->env);
    writer->job_hash = lt_ckpt_job_hash_(info->job);
    writer->window = (ckpt_window){.env = store->env, .mem = store->mem};
    store->writing = true;
    count_attempt(writer, info->id, savepoint_dir != NULL);
    lt_status st = writer_init(writer, info, savepoint_dir, err);
    if (st != LT_OK) {
        lt_ckpt_write_abort(writer);
        return st;
    }
    *out = writer;
    return LT_OK;
}

lt_status lt_ckpt_write_begin(lt_ckpt_store *store, const lt_ckpt_info *info,
                              const char *savepoint_dir, lt_ckpt_writer **out, lt_error *err)
{
    *out = NULL;
    lt_status st = begin(store, info, savepoint_dir, out, err);
    store->wants_full = store->wants_full || (st != LT_OK && !savepoint_dir);
    return st;
}

/* ---- The data file ---- */

void lt_ckpt_own_path_(const lt_ckpt_writer *writer, ckpt_path *path)
{
    char name[CKPT_NAME_MAX];
    lt_ckpt_data_name_(writer->m->files.items[writer->own].data, name);
    lt_ckpt_join_(path, writer->dir, name);
}

/* A name that nothing has: of a failed attempt something may be left. */
static lt_status choose_name(lt_ckpt_writer *writer, ckpt_path *path, lt_error *err)
{
    lt_env *env = ckpt_env_of(writer);
    lt_stat stat;
    ckpt_data *data = &writer->m->files.items[writer->own].data;
    for (uint32_t i = 0; i < CKPT_ATTEMPTS_MAX; i++) {
        data->attempt = writer->attempt + i;
        lt_ckpt_own_path_(writer, path);
        if (env->stat(env, path->text, &stat, NULL) != LT_OK) {
            return LT_OK;
        }
    }
    return lt_error_set(err, LT_ERR_IO, "too many failed attempts lie around '%s'", path->text);
}

static lt_status open_own(lt_ckpt_writer *writer, lt_error *err)
{
    lt_ckpt_store *store = writer->store;
    lt_env *env = store->env;
    ckpt_path path;
    ckpt_file file = {
        .data = {writer->m->info.id, 1}, .id = env->random_u64(env), .size = CKPT_FILE_HEAD};
    LT_TRY(lt_ckpt_store_reserve_(store, err));
    writer->buf = lt_mem_alloc(store->mem, BUFFER_FIRST);
    if (!writer->buf || !lt_array_push(&writer->m->files, store->mem, file)) {
        lt_mem_free(store->mem, writer->buf, BUFFER_FIRST);
        writer->buf = NULL;
        return lt_error_nomem(err, "checkpoint buffer");
    }
    writer->cap = BUFFER_FIRST;
    writer->own = (uint32_t)(writer->m->files.count - 1);
    LT_TRY(choose_name(writer, &path, err));
    LT_TRY(env->open(env, path.text, LT_OPEN_EXCL, &writer->file, err));
    const ckpt_file *own = &writer->m->files.items[writer->own];
    if (!writer->m->info.savepoint) {
        store->data.items[store->data.count++] = own->data;
    }
    lt_ckpt_file_head_(writer->buf, own, writer->job_hash);
    writer->len = CKPT_FILE_HEAD;
    return LT_OK;
}

lt_status lt_ckpt_flush_(lt_ckpt_writer *writer, lt_error *err)
{
    if (writer->len > 0) {
        LT_TRY(ckpt_env_of(writer)->write(writer->file, writer->buf, writer->len, err));
        writer->len = 0;
    }
    return LT_OK;
}

static lt_status grow_buffer(lt_ckpt_writer *writer, size_t cap, lt_error *err)
{
    uint8_t *buf = lt_mem_realloc(writer->store->mem, writer->buf, writer->cap, cap);
    if (!buf) {
        return lt_error_nomem(err, "checkpoint buffer");
    }
    writer->buf = buf;
    writer->cap = cap;
    return LT_OK;
}

/* Room for a block of at most `size` stored bytes; *to is where these go. */
static lt_status make_room(lt_ckpt_writer *writer, size_t size, uint8_t **to, lt_error *err)
{
    size_t need = CKPT_BLOCK_HEAD + size;
    if (writer->own == CKPT_NONE) {
        LT_TRY(open_own(writer, err));
    }
    /* Most checkpoints are small: the buffer grows with what there is to write. */
    while (need > writer->cap - writer->len && writer->cap < BUFFER_BYTES) {
        LT_TRY(grow_buffer(writer, writer->cap * 4, err));
    }
    if (need > writer->cap - writer->len) {
        LT_TRY(lt_ckpt_flush_(writer, err));
    }
    if (need > writer->cap) {
        LT_TRY(grow_buffer(writer, need, err));
    }
    *to = writer->buf + writer->len + CKPT_BLOCK_HEAD;
    return LT_OK;
}

/* Enters the block whose stored bytes are where make_room said. */
static lt_status put_block(lt_ckpt_writer *writer, ckpt_ref *ref, lt_error *err)
{
    ckpt_file *own = &writer->m->files.items[writer->own];
    size_t size = CKPT_BLOCK_HEAD + (size_t)ref->stored;
    ref->file = writer->own;
    ref->offset = own->size;
    LT_TRY(lt_ckpt_manifest_add_ref_(writer->m, ref, err));
    lt_ckpt_block_head_(writer->buf + writer->len, own, ref);
    writer->len += size;
    own->size += size;
    own->blocks++;
    own->hash = lt_ckpt_file_hash_(own->hash, ref->hash);
    return LT_OK;
}

/* ---- Parts and blocks ---- */

lt_status lt_ckpt_write_part(lt_ckpt_writer *writer, const char *name, lt_str scalars,
                             lt_error *err)
{
    lt_error why = {0};
    const ckpt_manifest *last = writer->store->last;
    LT_TRY(lt_ckpt_repeat_error_(writer, err));
    writer->last_part = last ? lt_ckpt_manifest_part_(last, name) : CKPT_NONE;
    writer->last_at =
        writer->last_part == CKPT_NONE ? 0 : last->parts.items[writer->last_part].first;
    return keep_error(writer, lt_ckpt_manifest_add_part_(writer->m, name, scalars, &why), &why,
                      err);
}

/* Packs into `to` when that pays, else copies. Returns the stored length. */
static size_t pack(lt_ckpt_writer *writer, uint8_t *to, size_t cap, const void *bytes, size_t len)
{
    if (writer->cctx && len > 0) {
        size_t size = ZSTD_compress2(writer->cctx, to, cap, bytes, len);
        if (!ZSTD_isError(size) && size + len / PAYS_FRACTION < len) {
            return size;
        }
    }
    if (len > 0) {
        memcpy(to, bytes, len);
    }
    return len;
}

static lt_status write_block(lt_ckpt_writer *writer, uint64_t id, const void *bytes, size_t len,
                             lt_error *err)
{
    uint8_t *to;
    if (writer->m->parts.count == 0) {
        return lt_error_set(err, LT_ERR_INTERNAL, "a checkpoint block outside of a part");
    }
    if (len > CKPT_BLOCK_MAX) {
        return lt_error_set(err, LT_ERR_LIMIT, "a state block of %zu bytes; %zu MiB at most", len,
                            CKPT_BLOCK_MAX >> 20);
    }
    size_t bound = writer->cctx ? ZSTD_compressBound(len) : len;
    LT_TRY(make_room(writer, bound, &to, err));
    size_t stored = pack(writer, to, bound, bytes, len);
    ckpt_ref ref = {.id = id,
                    .hash = lt_hash_bytes(to, stored, 0),
                    .stored = (uint32_t)stored,
                    .plain = (uint32_t)len};
    return put_block(writer, &ref, err);
}

lt_status lt_ckpt_write_block(lt_ckpt_writer *writer, uint64_t id, const void *bytes, size_t len,
                              lt_error *err)
{
    lt_error why = {0};
    LT_TRY(lt_ckpt_repeat_error_(writer, err));
    return keep_error(writer, write_block(writer, id, bytes, len, &why), &why, err);
}

/* ---- Blocks that did not change ---- */

/* Snapshots ask in the order in which they wrote: mostly the next one is it. */
static const ckpt_ref *find_same(lt_ckpt_writer *writer, uint64_t id)
{
    const ckpt_manifest *last = writer->store->last;
    if (writer->last_part == CKPT_NONE) {
        return NULL;
    }
    size_t at = writer->last_at;
    bool hit = at < last->refs.count && last->refs.items[at].id == id &&
               last->refs.items[at].part == writer->last_part;
    if (!hit) {
        at = lt_ckpt_manifest_find_(last, writer->last_part, id);
    }
    if (at == SIZE_MAX) {
        return NULL;
    }
    writer->last_at = at + 1;
    return &last->refs.items[at];
}

static lt_status open_source(lt_ckpt_writer *writer, ckpt_source *from, const ckpt_file *desc,
                             lt_error *err)
{
    if (!from->file) {
        char name[CKPT_NAME_MAX];
        ckpt_path path;
        lt_ckpt_data_name_(desc->data, name);
        lt_ckpt_join_(&path, writer->store->dir, name);
        LT_TRY(ckpt_env_of(writer)->open(ckpt_env_of(writer), path.text, LT_OPEN_READ, &from->file,
                                         err));
    }
    lt_ckpt_window_use_(&writer->window, from->file, desc);
    return LT_OK;
}

/* Writes the stored bytes anew, verified. */
static lt_status copy_block(lt_ckpt_writer *writer, const ckpt_ref *old, lt_error *err)
{
    uint8_t *to;
    const uint8_t *bytes;
    ckpt_ref ref = *old;
    const ckpt_file *desc = &writer->store->last->files.items[old->file];
    LT_TRY(open_source(writer, &writer->sources[old->file], desc, err));
    LT_TRY(lt_ckpt_window_block_(&writer->window, old, COPY_AHEAD, &bytes, err));
    LT_TRY(make_room(writer, old->stored, &to, err));
    memcpy(to, bytes, old->stored);
    return put_block(writer, &ref, err);
}

static lt_status refer(lt_ckpt_writer *writer, const ckpt_ref *old, lt_error *err)
{
    ckpt_source *from = &writer->sources[old->file];
    ckpt_ref ref = *old;
    if (from->index == CKPT_NONE) {
        if (!lt_array_push(&writer->m->files, writer->m->mem,
                           writer->store->last->files.items[old->file])) {
            return lt_error_nomem(err, "checkpoint manifest");
        }
        from->index = (uint32_t)(writer->m->files.count - 1);
    }
    ref.file = from->index;
    return lt_ckpt_manifest_add_ref_(writer->m, &ref, err);
}

static lt_status write_same(lt_ckpt_writer *writer, uint64_t id, lt_error *err)
{
    const ckpt_ref *old = writer->m->parts.count > 0 ? find_same(writer, id) : NULL;
    if (!old) {
        return lt_error_set(err, LT_ERR_INTERNAL,
                            "block %" PRIu64 " of the checkpoint was not in the one before", id);
    }
    return writer->sources[old->file].copy ? copy_block(writer, old, err) : refer(writer, old, err);
}

lt_status lt_ckpt_write_same(lt_ckpt_writer *writer, uint64_t id, lt_error *err)
{
    lt_error why = {0};
    LT_TRY(lt_ckpt_repeat_error_(writer, err));
    return keep_error(writer, write_same(writer, id, &why), &why, err);
}
