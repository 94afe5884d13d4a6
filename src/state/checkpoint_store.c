/* The directory of checkpoints: what lies there, and which of it is kept.
 *
 * Nothing is ever deleted on the word of a manifest that could not be read: while there is one, all
 * data files that it may refer to stay. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mutant.h"
#include "state/checkpoint_int.h"

#define RETAIN_DEFAULT     1u
#define DATA_FILES_DEFAULT 16u
#define LINE_MAX_BYTES     1024
#define FINISHED_NAME      "finished"
#define DAMAGED_SUFFIX     ".damaged"

/* ---- Speaking ---- */

void lt_ckpt_say_(const lt_ckpt_store *store, const char *line)
{
    if (store->options.say) {
        store->options.say(store->options.arg, line);
    }
}

void lt_ckpt_say_error_(const lt_ckpt_store *store, const char *what, const lt_error *why)
{
    char line[LINE_MAX_BYTES];
    (void)snprintf(line, sizeof line, "%s: %s", what, why->text);
    lt_ckpt_say_(store, line);
}

/* ---- What is known ---- */

lt_status lt_ckpt_known_init_(ckpt_known *known, const ckpt_manifest *m, lt_mem *mem, lt_error *err)
{
    uint32_t count = (uint32_t)m->files.count;
    *known = (ckpt_known){.id = m->info.id,
                          .hash = m->hash,
                          .prev_id = m->prev_id,
                          .prev_hash = m->prev_hash,
                          .readable = true};
    if (count > 0) {
        known->files = lt_mem_alloc(mem, count * sizeof *known->files);
        if (!known->files) {
            return lt_error_nomem(err, "checkpoint list");
        }
    }
    known->file_count = count;
    for (uint32_t i = 0; i < count; i++) {
        known->files[i] = m->files.items[i].data;
    }
    return LT_OK;
}

void lt_ckpt_known_deinit_(ckpt_known *known, lt_mem *mem)
{
    lt_mem_free(mem, known->files, known->file_count * sizeof *known->files);
    known->files = NULL;
    known->file_count = 0;
}

void lt_ckpt_store_remove_(lt_ckpt_store *store, size_t index)
{
    lt_ckpt_known_deinit_(&store->known.items[index], store->mem);
    store->known.count--;
    memmove(&store->known.items[index], &store->known.items[index + 1],
            (store->known.count - index) * sizeof *store->known.items);
}

lt_status lt_ckpt_store_reserve_(lt_ckpt_store *store, lt_error *err)
{
    if (!lt_array_reserve(&store->known, store->mem, 1) ||
        !lt_array_reserve(&store->data, store->mem, 1)) {
        return lt_error_nomem(err, "checkpoint list");
    }
    return LT_OK;
}

void lt_ckpt_store_add_(lt_ckpt_store *store, const ckpt_known *known)
{
    for (size_t i = store->known.count; i-- > 0;) {
        if (store->known.items[i].id == known->id) {
            lt_ckpt_store_remove_(store, i);
        }
    }
    LT_ASSERT(store->known.count < store->known.cap);
    size_t at = store->known.count++;
    for (; at > 0 && store->known.items[at - 1].id > known->id; at--) {
        store->known.items[at] = store->known.items[at - 1];
    }
    store->known.items[at] = *known;
}

static bool same_data(ckpt_data a, ckpt_data b)
{
    return a.epoch == b.epoch && a.attempt == b.attempt;
}

void lt_ckpt_store_forget_data_(lt_ckpt_store *store, ckpt_data data)
{
    for (size_t i = store->data.count; i-- > 0;) {
        if (same_data(store->data.items[i], data)) {
            store->data.items[i] = store->data.items[--store->data.count];
        }
    }
}

static bool refers(const ckpt_known *known, ckpt_data data)
{
    if (!known->readable) {
        return data.epoch <= known->id;
    }
    for (uint32_t i = 0; i < known->file_count; i++) {
        bool swept = LT_MUTANT(DATA_SWEPT) && data.epoch < known->id;
        if (same_data(known->files[i], data) && !swept) {
            return true;
        }
    }
    return false;
}

static bool is_needed(const lt_ckpt_store *store, ckpt_data data)
{
    for (size_t i = 0; i < store->known.count; i++) {
        if (refers(&store->known.items[i], data)) {
            return true;
        }
    }
    return false;
}

/* ---- Removing ---- */

static lt_status unlink_name(const lt_ckpt_store *store, const char *name, lt_error *err)
{
    ckpt_path path;
    lt_stat stat;
    lt_ckpt_join_(&path, store->dir, name);
    lt_status st = store->env->unlink(store->env, path.text, err);
    bool gone = st != LT_OK && store->env->stat(store->env, path.text, &stat, NULL) == LT_ERR_IO;
    return gone ? LT_OK : st;
}

lt_status lt_ckpt_set_aside_(const lt_ckpt_store *store, const char *name, lt_error *err)
{
    ckpt_path from;
    ckpt_path to;
    char aside[CKPT_NAME_MAX];
    (void)snprintf(aside, sizeof aside, "%.90s%s", name, DAMAGED_SUFFIX);
    lt_ckpt_join_(&from, store->dir, name);
    lt_ckpt_join_(&to, store->dir, aside);
    return store->env->rename(store->env, from.text, to.text, err);
}

void lt_ckpt_store_sweep_(lt_ckpt_store *store, bool keep_aside)
{
    for (size_t i = store->data.count; i-- > 0;) {
        char name[CKPT_NAME_MAX];
        lt_error why = {0};
        ckpt_data data = store->data.items[i];
        if (is_needed(store, data)) {
            continue;
        }
        lt_ckpt_data_name_(data, name);
        if ((keep_aside ? lt_ckpt_set_aside_ : unlink_name)(store, name, &why) == LT_OK) {
            lt_ckpt_store_forget_data_(store, data);
        } else {
            lt_ckpt_say_error_(store, "old checkpoint data stay", &why);
        }
    }
}

void lt_ckpt_store_retain_(lt_ckpt_store *store)
{
    bool aside = false;
    for (size_t i = 0; store->known.count > store->options.retain && i < store->known.count;) {
        char name[CKPT_NAME_MAX];
        lt_error why = {0};
        ckpt_known *known = &store->known.items[i];
        /* The newest `retain` are never touched, whatever became of older ones. */
        if (store->known.count - i <= store->options.retain) {
            break;
        }
        lt_ckpt_manifest_name_(known->id, name);
        lt_status st = (known->readable ? unlink_name : lt_ckpt_set_aside_)(store, name, &why);
        if (st == LT_OK) {
            aside = aside || !known->readable;
            lt_ckpt_store_remove_(store, i);
        } else {
            lt_ckpt_say_error_(store, "an old checkpoint stays", &why);
            i++;
        }
    }
    lt_ckpt_store_sweep_(store, aside);
}

/* ---- Opening ---- */

static lt_status add_manifest(lt_ckpt_store *store, uint64_t id, lt_error *err)
{
    char name[CKPT_NAME_MAX];
    ckpt_path path;
    ckpt_manifest *m = NULL;
    ckpt_known known = {.id = id};
    LT_TRY(lt_ckpt_store_reserve_(store, err));
    lt_ckpt_manifest_name_(id, name);
    lt_ckpt_join_(&path, store->dir, name);
    lt_status st = lt_ckpt_manifest_read_(store->env, store->mem, path.text, id, &m, err);
    if (st == LT_OK) {
        st = lt_ckpt_known_init_(&known, m, store->mem, err);
        lt_ckpt_manifest_free_(m);
    }
    /* Any other error makes it one that cannot be read; open_latest looks once more. */
    if (st != LT_ERR_NOMEM) {
        lt_ckpt_store_add_(store, &known);
    }
    return st == LT_ERR_NOMEM ? st : LT_OK;
}

typedef struct {
    ckpt_data data;
    ckpt_name_kind kind;
    char name[CKPT_NAME_MAX];
} found_name;

typedef struct {
    lt_mem *mem;
    LT_ARRAY(found_name) items;
    bool savepoint;
} found_list;

static lt_status collect(void *arg, const lt_dirent *entry)
{
    found_list *found = arg;
    found_name item;
    found->savepoint = found->savepoint || strcmp(entry->name, CKPT_SAVEPOINT_NAME) == 0;
    item.kind = lt_ckpt_name_parse_(entry->name, &item.data);
    size_t len = strlen(entry->name);
    if (item.kind == CKPT_NAME_OTHER || entry->kind != LT_FILE_REGULAR || len >= sizeof item.name) {
        return LT_OK;
    }
    memcpy(item.name, entry->name, len + 1);
    return lt_array_push(&found->items, found->mem, item) ? LT_OK : LT_ERR_NOMEM;
}

static lt_status list_dir(lt_env *env, lt_mem *mem, const char *dir, found_list *out, lt_error *err)
{
    *out = (found_list){.mem = mem};
    lt_status st = env->list(env, dir, collect, out, err);
    if (st != LT_OK) {
        lt_array_deinit(&out->items, mem);
    }
    return st == LT_ERR_NOMEM ? lt_error_nomem(err, "checkpoint list") : st;
}

/* Takes note of everything and drops temporary files. */
static lt_status take_stock(lt_ckpt_store *store, const found_list *found, lt_error *err)
{
    for (size_t i = 0; i < found->items.count; i++) {
        const found_name *item = &found->items.items[i];
        store->id_last = LT_MAX(store->id_last, item->data.epoch);
        if (item->kind == CKPT_NAME_MANIFEST) {
            LT_TRY(add_manifest(store, item->data.epoch, err));
        } else if (item->kind == CKPT_NAME_DATA) {
            if (!lt_array_push(&store->data, store->mem, item->data)) {
                return lt_error_nomem(err, "checkpoint list");
            }
        } else if (item->kind == CKPT_NAME_FINISHED) {
            store->finished = true;
        }
    }
    for (size_t i = 0; i < found->items.count; i++) {
        lt_error why = {0};
        const found_name *item = &found->items.items[i];
        if (item->kind == CKPT_NAME_TEMP && unlink_name(store, item->name, &why) != LT_OK) {
            lt_ckpt_say_error_(store, "a temporary file stays", &why);
        }
    }
    for (size_t i = 0; i < store->known.count; i++) {
        if (store->known.items[i].readable) {
            store->chain_id = store->known.items[i].id;
            store->chain_hash = store->known.items[i].hash;
        }
    }
    lt_ckpt_store_sweep_(store, false);
    return LT_OK;
}

static lt_status store_init(lt_ckpt_store *store, lt_error *err)
{
    lt_env *env = store->env;
    found_list found;
    LT_TRY(env->mkdirs(env, store->dir, err));
    LT_TRY(list_dir(env, store->mem, store->dir, &found, err));
    lt_status st = LT_OK;
    if (found.savepoint) {
        st = lt_error_set(err, LT_ERR_USAGE, "'%s' is a savepoint's directory", store->dir);
        lt_error_hint(err, "give the job's checkpoints a directory of their own");
    } else {
        st = take_stock(store, &found, err);
    }
    lt_array_deinit(&found.items, store->mem);
    return st;
}

lt_status lt_ckpt_store_open(lt_env *env, lt_mem *mem, const char *dir,
                             const lt_ckpt_options *options, lt_ckpt_store **out, lt_error *err)
{
    *out = NULL;
    LT_TRY(lt_ckpt_check_dir_(dir, err));
    lt_ckpt_store *store = lt_mem_zalloc(mem, sizeof *store);
    if (!store) {
        return lt_error_nomem(err, "checkpoint store");
    }
    store->env = env;
    store->mem = mem;
    store->options = *options;
    store->options.retain = LT_MAX(options->retain, RETAIN_DEFAULT);
    if (options->data_files_max == 0) {
        store->options.data_files_max = DATA_FILES_DEFAULT;
    }
    store->options.data_files_max = LT_MIN(store->options.data_files_max, CKPT_FILES_MAX - 1);
    store->wants_full = true;
    memcpy(store->dir, dir, strlen(dir) + 1);
    lt_status st = store_init(store, err);
    if (st != LT_OK) {
        lt_ckpt_store_close(store);
        return st;
    }
    *out = store;
    return LT_OK;
}

void lt_ckpt_store_close(lt_ckpt_store *store)
{
    if (!store) {
        return;
    }
    LT_ASSERT(!store->writing);
    while (store->known.count > 0) {
        lt_ckpt_store_remove_(store, store->known.count - 1);
    }
    lt_array_deinit(&store->known, store->mem);
    lt_array_deinit(&store->data, store->mem);
    lt_ckpt_manifest_free_(store->last);
    lt_mem_free(store->mem, store, sizeof *store);
}

bool lt_ckpt_wants_full(const lt_ckpt_store *store)
{
    return store->wants_full;
}

uint64_t lt_ckpt_next_id(const lt_ckpt_store *store)
{
    return store->id_last + 1;
}

/* ---- The end of a job, and a new beginning ---- */

lt_status lt_ckpt_store_finish(lt_ckpt_store *store, lt_error *err)
{
    ckpt_path path;
    lt_ckpt_join_(&path, store->dir, FINISHED_NAME);
    lt_status st = lt_env_write_file(store->env, path.text, "finished\n", 9, err);
    if (st != LT_OK) {
        /* Its rename may have happened. */
        (void)store->env->unlink(store->env, path.text, NULL);
        return st;
    }
    store->finished = true;
    return LT_OK;
}

bool lt_ckpt_store_finished(const lt_ckpt_store *store)
{
    return store->finished;
}

/* Manifests first, each durably: what loses its data before its manifest would be taken for
 * damaged, and a manifest without the mark that the job has ended would be resumed. */
static lt_status clear_manifest(const lt_ckpt_store *store, const found_name *item, lt_error *err)
{
    char temp_name[CKPT_NAME_MAX];
    ckpt_path from;
    ckpt_path temp;
    (void)snprintf(temp_name, sizeof temp_name, "%.90s.0.tmp", item->name);
    lt_ckpt_join_(&from, store->dir, item->name);
    lt_ckpt_join_(&temp, store->dir, temp_name);
    LT_TRY(store->env->rename(store->env, from.text, temp.text, err));
    return unlink_name(store, temp_name, err);
}

static lt_status clear_found(const lt_ckpt_store *store, const found_list *found, lt_error *err)
{
    static const ckpt_name_kind order[] = {CKPT_NAME_MANIFEST, CKPT_NAME_DATA, CKPT_NAME_TEMP,
                                           CKPT_NAME_DAMAGED, CKPT_NAME_FINISHED};
    for (size_t k = 0; k < LT_COUNT_OF(order); k++) {
        for (size_t i = 0; i < found->items.count; i++) {
            const found_name *item = &found->items.items[i];
            if (item->kind == order[k]) {
                LT_TRY(item->kind == CKPT_NAME_MANIFEST ? clear_manifest(store, item, err)
                                                        : unlink_name(store, item->name, err));
            }
        }
    }
    return LT_OK;
}

lt_status lt_ckpt_store_clear(lt_ckpt_store *store, lt_error *err)
{
    found_list found;
    LT_ASSERT(!store->writing);
    LT_TRY(list_dir(store->env, store->mem, store->dir, &found, err));
    /* From here on nothing here is relied upon, even when only a part of it goes. */
    lt_ckpt_manifest_free_(store->last);
    store->last = NULL;
    store->wants_full = true;
    store->chain_id = 0;
    store->chain_hash = 0;
    lt_status st = clear_found(store, &found, err);
    lt_array_deinit(&found.items, store->mem);
    LT_TRY(st);
    while (store->known.count > 0) {
        lt_ckpt_store_remove_(store, store->known.count - 1);
    }
    store->data.count = 0;
    store->finished = false;
    return LT_OK;
}

/* ---- For people ---- */

static int newest_first(const void *left, const void *right)
{
    uint64_t a = ((const found_name *)left)->data.epoch;
    uint64_t b = ((const found_name *)right)->data.epoch;
    return (a < b) - (a > b);
}

static lt_status show(lt_env *env, lt_mem *mem, const char *path, uint64_t id,
                      lt_status (*fn)(void *arg, const char *path, const lt_ckpt_info *info),
                      void *arg)
{
    ckpt_manifest *m = NULL;
    lt_status st = lt_ckpt_manifest_read_(env, mem, path, id, &m, NULL);
    if (st == LT_OK) {
        st = fn(arg, path, &m->info);
        lt_ckpt_manifest_free_(m);
        return st;
    }
    return st == LT_ERR_NOMEM ? st : LT_OK;
}

lt_status lt_ckpt_list(lt_env *env, lt_mem *mem, const char *dir,
                       lt_status (*fn)(void *arg, const char *path, const lt_ckpt_info *info),
                       void *arg, lt_error *err)
{
    found_list found;
    LT_TRY(lt_ckpt_check_dir_(dir, err));
    LT_TRY(list_dir(env, mem, dir, &found, err));
    if (found.items.count > 0) {
        qsort(found.items.items, found.items.count, sizeof *found.items.items, newest_first);
    }
    lt_status st = LT_OK;
    for (size_t i = 0; i < found.items.count && st == LT_OK; i++) {
        const found_name *item = &found.items.items[i];
        if (item->kind == CKPT_NAME_MANIFEST) {
            ckpt_path path;
            lt_ckpt_join_(&path, dir, item->name);
            st = show(env, mem, path.text, item->data.epoch, fn, arg);
        }
    }
    lt_array_deinit(&found.items, mem);
    return st == LT_ERR_NOMEM ? lt_error_nomem(err, "checkpoint list") : st;
}
