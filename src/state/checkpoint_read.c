/* Reading a checkpoint. Opening verifies all of it: blocks are visited in the order of the disk,
 * through a window of a megabyte that the next hash finds in the cache. What a file holds beside
 * the blocks that are referred to is not looked at: bytes of no use cannot make a checkpoint
 * unusable. Blocks are checked once more when they are read for their content. */
#include <inttypes.h>
#include <stdlib.h>
#include <zstd.h>

#include "base/assert.h"
#include "state/checkpoint_int.h"

#define WINDOW ((size_t)1 << 20)

struct lt_ckpt_reader {
    lt_env *env;
    lt_mem *mem;
    ckpt_manifest *m;
    lt_file **files; /* of m->files, open as long as the reader: retention may unlink them */
};

/* ---- Opening ---- */

lt_status lt_ckpt_manifest_read_(lt_env *env, lt_mem *mem, const char *path, uint64_t expect_id,
                                 ckpt_manifest **out, lt_error *err)
{
    lt_text bytes;
    *out = NULL;
    lt_text_init(&bytes, mem);
    lt_status st = lt_env_read_file(env, path, CKPT_MANIFEST_MAX, &bytes, err);
    if (st == LT_OK) {
        st = lt_ckpt_manifest_parse_(mem, lt_text_str(&bytes).ptr, bytes.len, out, err);
    } else if (st == LT_ERR_LIMIT) {
        st = lt_error_set(err, LT_ERR_STATE, "manifest: it is too long to be one");
    }
    lt_text_deinit(&bytes);
    LT_TRY(st);
    const lt_ckpt_info *info = &(*out)->info;
    if (expect_id == 0 ? !info->savepoint : info->savepoint || info->id != expect_id) {
        st = lt_error_set(err, LT_ERR_STATE,
                          "manifest: it is that of %s %" PRIu64 " under another name",
                          info->savepoint ? "savepoint" : "checkpoint", info->id);
        lt_ckpt_manifest_free_(*out);
        *out = NULL;
    }
    return st;
}

typedef struct {
    uint64_t offset;
    uint32_t file;
    uint32_t ref; /* index */
} place;

static int by_place(const void *left, const void *right)
{
    const place *a = left;
    const place *b = right;
    if (a->file != b->file) {
        return a->file < b->file ? -1 : 1;
    }
    return (a->offset > b->offset) - (a->offset < b->offset);
}

/* All references in the order of the disk. */
static place *sort_places(const lt_ckpt_reader *reader)
{
    const ckpt_manifest *m = reader->m;
    bool sorted = true;
    place *places = lt_mem_alloc(reader->mem, LT_MAX(m->refs.count, 1) * sizeof *places);
    for (size_t i = 0; places && i < m->refs.count; i++) {
        const ckpt_ref *ref = &m->refs.items[i];
        places[i] = (place){ref->offset, ref->file, (uint32_t)i};
        sorted = sorted && (i == 0 || by_place(&places[i - 1], &places[i]) <= 0);
    }
    if (places && !sorted) {
        qsort(places, m->refs.count, sizeof *places, by_place);
    }
    return places;
}

/* Verifies one file's blocks, places[0..count). */
static lt_status verify_file(const lt_ckpt_reader *reader, ckpt_window *window, uint32_t index,
                             const place *places, size_t count, lt_error *err)
{
    const ckpt_file *file = &reader->m->files.items[index];
    uint64_t hash = 0;
    lt_ckpt_window_use_(window, reader->files[index], file);
    LT_TRY(lt_ckpt_window_check_file_(window, lt_ckpt_job_hash_(reader->m->info.job), err));
    for (size_t i = 0; i < count; i++) {
        const uint8_t *bytes;
        const ckpt_ref *ref = &reader->m->refs.items[places[i].ref];
        LT_TRY(lt_ckpt_window_block_(window, ref, WINDOW, &bytes, err));
        hash = lt_ckpt_file_hash_(hash, ref->hash);
    }
    if (count == file->blocks && hash != file->hash) {
        char name[CKPT_NAME_MAX];
        lt_ckpt_data_name_(file->data, name);
        return lt_error_set(err, LT_ERR_STATE, "%s: the sum of its blocks differs", name);
    }
    return LT_OK;
}

static lt_status verify(const lt_ckpt_reader *reader, lt_error *err)
{
    const ckpt_manifest *m = reader->m;
    place *places = sort_places(reader);
    if (!places) {
        return lt_error_nomem(err, "checkpoint verification");
    }
    ckpt_window window = {.env = reader->env, .mem = reader->mem};
    lt_status st = LT_OK;
    size_t at = 0;
    for (uint32_t i = 0; i < m->files.count && st == LT_OK; i++) {
        size_t begin = at;
        while (at < m->refs.count && places[at].file == i) {
            at++;
        }
        st = verify_file(reader, &window, i, places + begin, at - begin, err);
    }
    LT_ASSERT(st != LT_OK || at == m->refs.count);
    lt_ckpt_window_free_(&window);
    lt_mem_free(reader->mem, places, LT_MAX(m->refs.count, 1) * sizeof *places);
    return st;
}

static lt_status open_files(lt_ckpt_reader *reader, const char *path, lt_error *err)
{
    const ckpt_manifest *m = reader->m;
    char dir[CKPT_DIR_MAX] = ".";
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) + 1 : 0;
    LT_ASSERT(len < sizeof dir);
    if (len > 0) {
        memcpy(dir, path, len);
        dir[len] = '\0';
    }
    reader->files = lt_mem_zalloc(reader->mem, LT_MAX(m->files.count, 1) * sizeof(lt_file *));
    if (!reader->files) {
        return lt_error_nomem(err, "checkpoint files");
    }
    for (size_t i = 0; i < m->files.count; i++) {
        char name[CKPT_NAME_MAX];
        ckpt_path data;
        lt_ckpt_data_name_(m->files.items[i].data, name);
        lt_ckpt_join_(&data, dir, name);
        LT_TRY(reader->env->open(reader->env, data.text, LT_OPEN_READ, &reader->files[i], err));
    }
    return LT_OK;
}

lt_status lt_ckpt_reader_open_(lt_env *env, lt_mem *mem, const char *path, uint64_t expect_id,
                               lt_ckpt_reader **out, lt_error *err)
{
    *out = NULL;
    lt_ckpt_reader *reader = lt_mem_zalloc(mem, sizeof *reader);
    if (!reader) {
        return lt_error_nomem(err, "checkpoint reader");
    }
    reader->env = env;
    reader->mem = mem;
    lt_status st = lt_ckpt_manifest_read_(env, mem, path, expect_id, &reader->m, err);
    if (st == LT_OK) {
        st = open_files(reader, path, err);
    }
    if (st == LT_OK) {
        st = verify(reader, err);
    }
    if (st != LT_OK) {
        lt_ckpt_reader_close(reader);
        return st;
    }
    *out = reader;
    return LT_OK;
}

void lt_ckpt_reader_close(lt_ckpt_reader *reader)
{
    if (!reader) {
        return;
    }
    if (reader->files) {
        size_t count = reader->m->files.count;
        for (size_t i = 0; i < count; i++) {
            reader->env->close(reader->files[i]);
        }
        lt_mem_free(reader->mem, reader->files, LT_MAX(count, 1) * sizeof(lt_file *));
    }
    lt_ckpt_manifest_free_(reader->m);
    lt_mem_free(reader->mem, reader, sizeof *reader);
}

/* ---- By path ---- */

/* The manifest that a path means; *id is what its content must say, 0 for a savepoint. */
static lt_status locate(lt_env *env, const char *path, ckpt_path *out, uint64_t *id, lt_error *err)
{
    lt_stat stat;
    ckpt_data named;
    *id = 0;
    LT_TRY(lt_ckpt_check_dir_(path, err));
    LT_TRY(env->stat(env, path, &stat, err));
    if (stat.kind == LT_FILE_DIR) {
        lt_ckpt_join_(out, path, CKPT_SAVEPOINT_NAME);
        if (env->stat(env, out->text, &stat, NULL) != LT_OK) {
            (void)lt_error_set(err, LT_ERR_STATE, "'%s' holds no savepoint", path);
            lt_error_hint(err, "of a checkpoint directory, name one manifest (chk-<id>.manifest)");
            return LT_ERR_STATE;
        }
        return LT_OK;
    }
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    memcpy(out->text, path, strlen(path) + 1);
    if (lt_ckpt_name_parse_(name, &named) == CKPT_NAME_MANIFEST && named.epoch > 0) {
        *id = named.epoch;
    } else if (strcmp(name, CKPT_SAVEPOINT_NAME) != 0) {
        return lt_error_set(err, LT_ERR_STATE, "'%s' is not named as a checkpoint's manifest is",
                            path);
    }
    return LT_OK;
}

lt_status lt_ckpt_open_path(lt_env *env, lt_mem *mem, const char *path, lt_ckpt_reader **out,
                            lt_error *err)
{
    ckpt_path manifest;
    uint64_t id;
    lt_error why = {0};
    *out = NULL;
    LT_TRY(locate(env, path, &manifest, &id, err));
    lt_status st = lt_ckpt_reader_open_(env, mem, manifest.text, id, out, &why);
    if (st == LT_ERR_STATE || st == LT_ERR_UNSUPPORTED) {
        (void)lt_error_set(err, LT_ERR_STATE,
                           st == LT_ERR_STATE ? "'%s' is damaged (%s)" : "'%s': %s", path,
                           why.text);
        lt_error_hint(err, "%s", why.hint);
        return LT_ERR_STATE;
    }
    if (st != LT_OK && err) {
        *err = why;
    }
    return st;
}

/* ---- Content ---- */

const ckpt_manifest *lt_ckpt_reader_manifest_(const lt_ckpt_reader *reader)
{
    return reader->m;
}

const lt_ckpt_info *lt_ckpt_reader_info(const lt_ckpt_reader *reader)
{
    return &reader->m->info;
}

bool lt_ckpt_part_at(const lt_ckpt_reader *reader, uint32_t index, lt_ckpt_part *out)
{
    if (index >= reader->m->parts.count) {
        return false;
    }
    const ckpt_part *part = &reader->m->parts.items[index];
    *out = (lt_ckpt_part){part->name, part->scalars, part->count, part->plain};
    return true;
}

/* One call's tools: nothing is shared between threads but what is fixed. */
typedef struct {
    ckpt_window window;
    ZSTD_DCtx *dctx;
    uint8_t *plain;
    size_t plain_cap;
} unpacker;

static void unpacker_deinit(unpacker *u)
{
    lt_ckpt_window_free_(&u->window);
    lt_mem_free(u->window.mem, u->plain, u->plain_cap);
    (void)ZSTD_freeDCtx(u->dctx);
}

static lt_status unpack(unpacker *u, const ckpt_ref *ref, const uint8_t **bytes, lt_error *err)
{
    if (!u->dctx) {
        u->dctx = ZSTD_createDCtx();
    }
    if (ref->plain > u->plain_cap) {
        lt_mem_free(u->window.mem, u->plain, u->plain_cap);
        u->plain_cap = 0;
        u->plain = lt_mem_alloc(u->window.mem, ref->plain);
        u->plain_cap = u->plain ? ref->plain : 0;
    }
    if (!u->dctx || !u->plain) {
        return lt_error_nomem(err, "checkpoint block");
    }
    size_t got = ZSTD_decompressDCtx(u->dctx, u->plain, ref->plain, *bytes, ref->stored);
    if (ZSTD_isError(got) || got != ref->plain) {
        char name[CKPT_NAME_MAX];
        lt_ckpt_data_name_(u->window.desc->data, name);
        return lt_error_set(err, LT_ERR_STATE, "%s, block at %" PRIu64 ": it cannot be unpacked",
                            name, ref->offset);
    }
    *bytes = u->plain;
    return LT_OK;
}

/* Reads ahead only where the next block is near: an incremental checkpoint's lie scattered. */
static size_t ahead_of(const ckpt_ref *ref, size_t left)
{
    bool near = left > 1 && ref[1].file == ref->file && ref[1].offset > ref->offset &&
                ref[1].offset - ref->offset < WINDOW / 4;
    return near ? WINDOW : 0;
}

static lt_status read_block(const lt_ckpt_reader *reader, unpacker *u, const ckpt_ref *ref,
                            size_t ahead, const uint8_t **bytes, lt_error *err)
{
    lt_error why = {0};
    lt_ckpt_window_use_(&u->window, reader->files[ref->file], &reader->m->files.items[ref->file]);
    lt_status st = lt_ckpt_window_block_(&u->window, ref, ahead, bytes, &why);
    if (st == LT_OK && ref->stored < ref->plain) {
        st = unpack(u, ref, bytes, &why);
    }
    if (st == LT_ERR_STATE) {
        return lt_error_set(err, st, "%s %" PRIu64 " is damaged (%s)",
                            reader->m->info.savepoint ? "savepoint" : "checkpoint",
                            reader->m->info.id, why.text);
    }
    if (st != LT_OK && err) {
        *err = why;
    }
    return st;
}

lt_status lt_ckpt_read_part(lt_ckpt_reader *reader, uint32_t index,
                            lt_status (*fn)(void *arg, uint64_t id, const uint8_t *bytes,
                                            size_t len, lt_error *err),
                            void *arg, lt_error *err)
{
    LT_ASSERT(index < reader->m->parts.count);
    const ckpt_part *part = &reader->m->parts.items[index];
    unpacker u = {.window = {.env = reader->env, .mem = reader->mem}};
    lt_status st = LT_OK;
    for (size_t i = 0; i < part->count && st == LT_OK; i++) {
        const ckpt_ref *ref = &reader->m->refs.items[part->first + i];
        const uint8_t *bytes;
        st = read_block(reader, &u, ref, ahead_of(ref, part->count - i), &bytes, err);
        if (st == LT_OK) {
            st = fn(arg, ref->id, bytes, ref->plain, err);
        }
    }
    unpacker_deinit(&u);
    return st;
}
