/* Which checkpoint a start resumes from: the newest that is whole.
 *
 * A checkpoint found damaged is set aside (`.damaged`) only once an older one has proved whole.
 * While none is, everything stays as it lies, so that the next start says the same instead of
 * beginning anew. One that a newer leat wrote ends the search: going back behind it in silence
 * would repeat what it covers. */
#include <inttypes.h>
#include <stdio.h>

#include "base/mutant.h"
#include "state/checkpoint_int.h"

#define LINE_MAX_BYTES 1024

typedef struct {
    size_t index; /* into known */
    char why[LT_ERROR_TEXT_MAX];
} passed;

typedef struct {
    lt_ckpt_store *store;
    LT_ARRAY(passed) passed; /* newest first */
} search;

/* Does a newer manifest name another one as the checkpoint with this id? */
static bool breaks_chain(const lt_ckpt_store *store, size_t index)
{
    const ckpt_known *known = &store->known.items[index];
    for (size_t i = index + 1; i < store->known.count; i++) {
        const ckpt_known *newer = &store->known.items[i];
        if (newer->readable && newer->prev_id == known->id && newer->prev_hash != known->hash) {
            return true;
        }
    }
    return false;
}

static lt_status try_open(const lt_ckpt_store *store, size_t index, lt_ckpt_reader **out,
                          lt_error *why)
{
    char name[CKPT_NAME_MAX];
    ckpt_path path;
    uint64_t id = store->known.items[index].id;
    lt_ckpt_manifest_name_(id, name);
    lt_ckpt_join_(&path, store->dir, name);
    lt_status st = lt_ckpt_reader_open_(store->env, store->mem, path.text, id, out, why);
    if (st == LT_ERR_IO && !why->retriable) {
        /* A device may fail once; going back to an older checkpoint is worth asking again. */
        st = lt_ckpt_reader_open_(store->env, store->mem, path.text, id, out, why);
    }
    if (st == LT_OK && store->known.items[index].readable && breaks_chain(store, index)) {
        lt_ckpt_reader_close(*out);
        *out = NULL;
        return lt_error_set(why, LT_ERR_STATE,
                            "manifest: it is not the one that the checkpoint after it followed");
    }
    return st;
}

static lt_status refuse(const lt_ckpt_store *store, uint64_t id, const lt_error *why, lt_error *err)
{
    (void)lt_error_set(err, LT_ERR_STATE, "checkpoint %" PRIu64 " in '%s': %s", id, store->dir,
                       why->text);
    lt_error_hint(err, "%s", why->hint);
    return LT_ERR_STATE;
}

/* LT_ERR_STATE when all were passed over. */
static lt_status find_whole(search *s, lt_ckpt_reader **out, lt_error *err)
{
    const lt_ckpt_store *store = s->store;
    for (size_t i = store->known.count; i-- > 0;) {
        if (LT_MUTANT(STALE_MANIFEST) && i > 0 && i + 1 == store->known.count) {
            continue;
        }
        lt_error why = {0};
        lt_status st = try_open(store, i, out, &why);
        if (st == LT_OK) {
            return LT_OK;
        }
        if (st == LT_ERR_UNSUPPORTED) {
            return refuse(store, store->known.items[i].id, &why, err);
        }
        if (st != LT_ERR_STATE && (st != LT_ERR_IO || why.retriable)) {
            if (err) {
                *err = why;
            }
            return st;
        }
        passed item = {.index = i};
        memcpy(item.why, why.text, sizeof item.why);
        if (!lt_array_push(&s->passed, store->mem, item)) {
            return lt_error_nomem(err, "checkpoint list");
        }
    }
    const passed *newest = &s->passed.items[0];
    (void)lt_error_set(
        err, LT_ERR_STATE,
        "none of the %zu checkpoints in '%s' is whole; checkpoint %" PRIu64 " is damaged (%s)",
        s->passed.count, store->dir, store->known.items[newest->index].id, newest->why);
    lt_error_hint(err, "resume from a savepoint, or begin anew with --fresh");
    return LT_ERR_STATE;
}

static void set_passed_aside(search *s, uint64_t used)
{
    lt_ckpt_store *store = s->store;
    for (size_t i = 0; i < s->passed.count; i++) {
        char line[LINE_MAX_BYTES];
        char name[CKPT_NAME_MAX];
        lt_error why = {0};
        const passed *item = &s->passed.items[i];
        ckpt_known *known = &store->known.items[item->index];
        (void)snprintf(line, sizeof line,
                       "checkpoint %" PRIu64 " is damaged (%s); using checkpoint %" PRIu64,
                       known->id, item->why, used);
        lt_ckpt_say_(store, line);
        lt_ckpt_manifest_name_(known->id, name);
        if (lt_ckpt_set_aside_(store, name, &why) == LT_OK) {
            lt_ckpt_store_remove_(store, item->index);
        } else {
            lt_ckpt_say_error_(store, "the damaged checkpoint keeps its name", &why);
            known->readable = false;
        }
    }
    if (s->passed.count > 0) {
        lt_ckpt_store_sweep_(store, true);
    }
}

lt_status lt_ckpt_open_latest(lt_ckpt_store *store, lt_ckpt_reader **out, lt_error *err)
{
    *out = NULL;
    if (store->known.count == 0 || store->finished) {
        return LT_OK;
    }
    search s = {.store = store};
    lt_status st = find_whole(&s, out, err);
    if (st == LT_OK) {
        const ckpt_manifest *m = lt_ckpt_reader_manifest_(*out);
        set_passed_aside(&s, m->info.id);
        store->chain_id = m->info.id;
        store->chain_hash = m->hash;
    }
    lt_array_deinit(&s.passed, store->mem);
    return st;
}
