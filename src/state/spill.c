/* Moving state to a file; spill.h says what for.
 *
 *   range    [ piece ][ piece ] free [ piece ][ piece ] ..         top
 *              moved    moved          memory   memory
 *
 * A piece is one allocation of a table: a chunk of entries, a slab of an index or of cells. Pieces
 * begin in plain memory. When all states of the job have more than the limit there, each moves its
 * own, oldest first, records before indexes: what is old is most likely cold. A moved piece stays
 * moved; the pages of it that are used come back by themselves. When too many have come back,
 * pieces are let go of in turn, which costs little where the system still has the pages in its
 * cache.
 *
 * Only the thread that owns a state moves its pieces, between callbacks, because nobody may write
 * to a piece meanwhile. The reader of a snapshot holds part.still while it looks at a block, and
 * where it empties or frees a table.
 *
 * Locks: part.lock protects the list of pieces (the reader of a snapshot frees some), spill.lock
 * the range. In that order, after part.still. */
#include <string.h>

#include "base/assert.h"
#include "state/snap_int.h"
#include "state/spill_int.h"

#define RANGE_BYTES ((size_t)1 << 40)
#define PIECE_LEAST ((size_t)64 << 10) /* smaller ones are not worth pages of their own */
#define LOOK_EVERY  8                  /* pieces let go of between two looks at what that gave */
#define SHARE_MOVED 4 /* this part of the limit is for moved pages that came back */

typedef struct {
    size_t at;
    size_t len;
} span;

struct lt_spill {
    lt_mem *mem;
    lt_env *env;
    lt_pages *pages;
    lt_mutex *lock;
    LT_ARRAY(span) free; /* ascending, never side by side */
    size_t top;          /* addresses from here on were never used */
    size_t piece_least;
    int64_t memory_max;
    int64_t resident_max; /* of moved pieces */
    _Atomic(int64_t) memory;
    _Atomic(int64_t) moved;
    _Atomic(int64_t) resident_others; /* of the process's mapped files that are none of ours */
    _Atomic(uint64_t) moves;
};

typedef struct {
    size_t at;
    size_t len;
    size_t size; /* asked for; charged to the account until it is moved */
    bool moved;
    bool last; /* moved after the others */
} piece;

typedef struct {
    lt_mem_source base;
    spill_part *part;
    bool last;
} piece_source;

struct spill_part {
    lt_spill *spill;
    lt_mem *mem;
    lt_mem records;
    lt_mem indexes;
    piece_source sources[2];
    lt_mutex *lock;
    lt_mutex *still;
    LT_ARRAY(piece) pieces;  /* ascending */
    _Atomic(int64_t) memory; /* bytes of its pieces that are not moved */
    size_t next_move[2];     /* addresses: where to look on, by piece.last */
    size_t next_drop;
};

/* ---- the range ---- */

static bool span_take(lt_spill *spill, size_t len, size_t *at)
{
    bool found = false;
    lt_mutex_lock(spill->lock);
    for (size_t i = 0; i < spill->free.count && !found; i++) {
        span *have = &spill->free.items[i];
        found = have->len >= len;
        if (found) {
            *at = have->at;
            have->at += len;
            have->len -= len;
        }
        if (found && have->len == 0) {
            spill->free.count--;
            memmove(have, have + 1, sizeof *have * (spill->free.count - i));
        }
    }
    if (!found && spill->pages->size - spill->top >= len) {
        *at = spill->top;
        spill->top += len;
        found = true;
    }
    lt_mutex_unlock(spill->lock);
    return found;
}

/* Without memory to note it the span is lost: addresses, nothing else. */
static void span_give(lt_spill *spill, size_t at, size_t len)
{
    lt_mutex_lock(spill->lock);
    size_t low = 0;
    size_t high = spill->free.count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (spill->free.items[mid].at < at) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    span *before = low > 0 ? &spill->free.items[low - 1] : NULL;
    span *after = low < spill->free.count ? &spill->free.items[low] : NULL;
    bool joins_before = before && before->at + before->len == at;
    bool joins_after = after && at + len == after->at;
    if (joins_before) {
        before->len += len + (joins_after ? after->len : 0);
    } else if (joins_after) {
        after->at = at;
        after->len += len;
    }
    if (joins_before && joins_after) {
        spill->free.count--;
        memmove(after, after + 1, sizeof *after * (spill->free.count - low));
    } else if (!joins_before && !joins_after && lt_array_reserve(&spill->free, spill->mem, 1)) {
        span *items = spill->free.items;
        memmove(items + low + 1, items + low, sizeof *items * (spill->free.count - low));
        items[low] = (span){at, len};
        spill->free.count++;
    }
    lt_mutex_unlock(spill->lock);
}

lt_status lt_spill_new(lt_mem *mem, lt_env *env, const char *dir, int64_t limit, lt_spill **out,
                       lt_error *err)
{
    *out = NULL;
    LT_ASSERT(limit >= 0);
    lt_spill *spill = lt_mem_zalloc(mem, sizeof *spill);
    if (!spill) {
        return lt_error_nomem(err, "state that can be moved to a file");
    }
    spill->mem = mem;
    spill->env = env;
    spill->lock = lt_mutex_new(mem);
    spill->resident_max = limit / SHARE_MOVED;
    spill->memory_max = limit - spill->resident_max;
    spill->piece_least = limit == 0 ? 1 : PIECE_LEAST;
    atomic_init(&spill->resident_others, -1);
    lt_status st = spill->lock ? env->pages_open(env, dir, RANGE_BYTES, &spill->pages, err)
                               : lt_error_nomem(err, "state that can be moved to a file");
    if (st != LT_OK) {
        lt_spill_free(spill);
        return st;
    }
    *out = spill;
    return LT_OK;
}

void lt_spill_free(lt_spill *spill)
{
    if (!spill) {
        return;
    }
    LT_ASSERT(atomic_load(&spill->memory) == 0 && atomic_load(&spill->moved) == 0);
    if (spill->pages) {
        spill->env->pages_close(spill->pages);
    }
    lt_array_deinit(&spill->free, spill->mem);
    lt_mutex_free(spill->lock);
    lt_mem_free(spill->mem, spill, sizeof *spill);
}

/* Of the moved pieces; what else the process has mapped from files was there before the first
 * move. */
static int64_t resident_now(const lt_spill *spill)
{
    int64_t others = atomic_load(&spill->resident_others);
    int64_t all = others < 0 ? 0 : spill->env->pages_resident(spill->pages);
    return LT_MAX(LT_MIN(all - others, atomic_load(&spill->moved)), INT64_C(0));
}

void lt_spill_get_stats(lt_spill *spill, lt_spill_stats *out)
{
    *out = (lt_spill_stats){
        .memory_bytes = atomic_load(&spill->memory),
        .spilled_bytes = atomic_load(&spill->moved),
        .resident_bytes = resident_now(spill),
        .moves = atomic_load(&spill->moves),
    };
}

/* ---- pieces ---- */

/* Index of the first piece at or behind this offset. */
static size_t piece_from(const spill_part *part, size_t at)
{
    size_t low = 0;
    size_t high = part->pieces.count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (part->pieces.items[mid].at < at) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static bool piece_add(spill_part *part, piece fresh)
{
    lt_mutex_lock(part->lock);
    bool room = lt_array_reserve(&part->pieces, part->mem, 1);
    if (room) {
        size_t i = piece_from(part, fresh.at);
        piece *items = part->pieces.items;
        memmove(items + i + 1, items + i, sizeof *items * (part->pieces.count - i));
        items[i] = fresh;
        part->pieces.count++;
    }
    lt_mutex_unlock(part->lock);
    return room;
}

static void *piece_alloc(lt_mem_source *source, size_t size)
{
    const piece_source *self = (const piece_source *)source;
    spill_part *part = self->part;
    lt_spill *spill = part->spill;
    size_t page = spill->pages->page;
    size_t at;
    if (size < spill->piece_least || size > spill->pages->size - page) {
        return NULL;
    }
    size_t len = (size + page - 1) / page * page;
    if (!span_take(spill, len, &at)) {
        return NULL;
    }
    if (!piece_add(part, (piece){at, len, size, false, self->last})) {
        span_give(spill, at, len);
        return NULL;
    }
    (void)atomic_fetch_add(&part->memory, (int64_t)len);
    (void)atomic_fetch_add(&spill->memory, (int64_t)len);
    return spill->pages->base + at;
}

static size_t piece_free(lt_mem_source *source, void *ptr, size_t size)
{
    spill_part *part = ((const piece_source *)source)->part;
    lt_spill *spill = part->spill;
    size_t at = (size_t)((uint8_t *)ptr - spill->pages->base);
    lt_mutex_lock(part->lock);
    size_t i = piece_from(part, at);
    LT_ASSERT(i < part->pieces.count && part->pieces.items[i].at == at);
    const piece gone = part->pieces.items[i];
    LT_ASSERT(gone.size == size);
    part->pieces.count--;
    memmove(&part->pieces.items[i], &part->pieces.items[i + 1],
            sizeof gone * (part->pieces.count - i));
    lt_mutex_unlock(part->lock);
    spill->env->pages_free(spill->pages, gone.at, gone.len, gone.moved);
    if (gone.moved) {
        (void)atomic_fetch_sub(&spill->moved, (int64_t)gone.len);
    } else {
        (void)atomic_fetch_sub(&part->memory, (int64_t)gone.len);
        (void)atomic_fetch_sub(&spill->memory, (int64_t)gone.len);
    }
    span_give(spill, gone.at, gone.len);
    return gone.moved ? 0 : size;
}

lt_status lt_state_spill_to(lt_state *state, lt_spill *spill, lt_error *err)
{
    LT_ASSERT(!state->spill && state->items.count == 0);
    spill_part *part = lt_mem_zalloc(state->mem, sizeof *part);
    if (!part) {
        return lt_error_nomem(err, "state that can be moved to a file");
    }
    part->spill = spill;
    part->mem = state->mem;
    part->lock = lt_mutex_new(state->mem);
    part->still = lt_mutex_new(state->mem);
    lt_mem_init(&part->records, state->mem, "records", 0);
    lt_mem_init(&part->indexes, state->mem, "indexes", 0);
    lt_mem *const accounts[2] = {&part->records, &part->indexes};
    for (unsigned i = 0; i < 2; i++) {
        part->sources[i] = (piece_source){
            {spill->pages->base, spill->pages->size, piece_alloc, piece_free}, part, i == 1};
        accounts[i]->source = &part->sources[i].base;
    }
    state->spill = part;
    return part->lock && part->still ? LT_OK
                                     : lt_error_nomem(err, "state that can be moved to a file");
}

void lt_spill_part_free_(spill_part *part)
{
    if (!part) {
        return;
    }
    LT_ASSERT(part->pieces.count == 0);
    lt_array_deinit(&part->pieces, part->mem);
    lt_mem_deinit(&part->records);
    lt_mem_deinit(&part->indexes);
    lt_mutex_free(part->lock);
    lt_mutex_free(part->still);
    lt_mem_free(part->mem, part, sizeof *part);
}

lt_mem *lt_spill_records_(spill_part *part)
{
    return part ? &part->records : NULL;
}

lt_mem *lt_spill_index_(spill_part *part)
{
    return part ? &part->indexes : NULL;
}

/* ---- moving ---- */

void lt_spill_hold_(spill_part *part)
{
    if (part) {
        lt_mutex_lock(part->still);
    }
}

void lt_spill_release_(spill_part *part)
{
    if (part) {
        lt_mutex_unlock(part->still);
    }
}

static lt_status move_piece(spill_part *part, piece *at, lt_error *err)
{
    lt_spill *spill = part->spill;
    if (atomic_load(&spill->resident_others) < 0) {
        int64_t unknown = -1;
        int64_t now = spill->env->pages_resident(spill->pages);
        (void)atomic_compare_exchange_strong(&spill->resident_others, &unknown, now);
    }
    LT_TRY(spill->env->pages_move(spill->pages, at->at, at->len, err));
    at->moved = true;
    lt_mem_uncharge(at->last ? &part->indexes : &part->records, at->size);
    (void)atomic_fetch_sub(&part->memory, (int64_t)at->len);
    (void)atomic_fetch_sub(&spill->memory, (int64_t)at->len);
    (void)atomic_fetch_add(&spill->moved, (int64_t)at->len);
    (void)atomic_fetch_add(&spill->moves, 1);
    return LT_OK;
}

/* A little more than has to be, so that this is not done for every piece. */
static bool is_enough(const spill_part *part)
{
    const lt_spill *spill = part->spill;
    return atomic_load(&spill->memory) <= spill->memory_max - spill->memory_max / 64 ||
           atomic_load(&part->memory) == 0;
}

static lt_status move_some(spill_part *part, lt_error *err)
{
    lt_status st = LT_OK;
    /* The reader gives way to others: waiting for it may take long, so that it is put off while not
     * much depends on it. */
    if (atomic_load(&part->spill->memory) - part->spill->memory_max > part->spill->memory_max / 8) {
        lt_mutex_lock(part->still);
    } else if (!lt_mutex_try(part->still)) {
        return LT_OK;
    }
    lt_mutex_lock(part->lock);
    for (unsigned last = 0; last < 2 && st == LT_OK; last++) {
        size_t i = piece_from(part, part->next_move[last]);
        for (size_t n = 0; n < part->pieces.count && st == LT_OK && !is_enough(part); n++, i++) {
            i = i < part->pieces.count ? i : 0;
            piece *at = &part->pieces.items[i];
            if (!at->moved && at->last == (last == 1)) {
                st = move_piece(part, at, err);
                part->next_move[last] = at->at + at->len;
            }
        }
    }
    lt_mutex_unlock(part->lock);
    lt_mutex_unlock(part->still);
    return st;
}

void lt_spill_ebb_(spill_part *part)
{
    if (!part || atomic_load_explicit(&part->spill->moved, memory_order_relaxed) == 0) {
        return;
    }
    const lt_spill *spill = part->spill;
    int64_t spare = LT_MAX(spill->memory_max - atomic_load(&spill->memory), INT64_C(0));
    int64_t most = spill->resident_max + spare;
    if (most > 0 && resident_now(spill) <= most) {
        return;
    }
    lt_mutex_lock(part->lock);
    size_t i = piece_from(part, part->next_drop);
    unsigned dropped = 0;
    for (size_t n = 0; n < part->pieces.count; n++, i++) {
        i = i < part->pieces.count ? i : 0;
        const piece *at = &part->pieces.items[i];
        if (at->moved) {
            spill->env->pages_drop(spill->pages, at->at, at->len);
            part->next_drop = at->at + at->len;
            dropped++;
        }
        if (at->moved && dropped % LOOK_EVERY == 0 && most > 0 &&
            resident_now(spill) <= most - most / 4) {
            break;
        }
    }
    lt_mutex_unlock(part->lock);
}

lt_status lt_state_tend(lt_state *state, lt_error *err)
{
    spill_part *part = state->spill;
    if (LT_LIKELY(!part)) {
        return LT_OK;
    }
    if (atomic_load_explicit(&part->spill->memory, memory_order_relaxed) >
        part->spill->memory_max) {
        LT_TRY(move_some(part, err));
    }
    lt_spill_ebb_(part);
    return LT_OK;
}
