/* MIN and MAX over an input that takes rows away: an ordered multiset of the values.
 *
 * State: i64 main, i64 zeros, i64 live, cell entries, and for strings cell heap. Entries are
 * {i64 rank, u64 detail, i64 count}, in two runs sorted from the worst value to the best, which
 * therefore comes and goes at the end: `main` entries, then the recent ones. Ranks compare like the
 * values (complemented for MIN, so that greater is better):
 *
 *   integers, times   rank = value, detail = 0
 *   FLOAT, DOUBLE     rank = bits in order, NaN greatest, -0 before 0; detail = 0
 *   DECIMAL           rank = high half, detail = low half
 *   TIMESTAMP(7..9)   rank = ms, detail = ns of the ms
 *   strings           rank = first 8 bytes, big-endian; detail = offset << 32 | length in the heap
 *
 * A count below zero is a retraction ahead of its row, which happens when the row lies in another
 * slice; only counts above zero are values. A count of zero is an entry waiting to be dropped: at
 * the end of a run at once, elsewhere when half of the entries are such (`zeros` counts them).
 *
 * Cost for n different values: two binary searches; a new value moves at most the recent run, whose
 * length is held near 4 * sqrt(n), and each time that is full the runs are merged in O(n): together
 * O(sqrt(n)) moves per new value, O(log n) for a known one. `live` is the bytes of the heap that
 * entries name; the heap is rewritten when less than half of it is. */
#include <math.h>
#include <stddef.h>

#include "expr/agg_int.h"

#define RECENT_MIN 64u
#define ZEROS_MIN  32u
#define HEAP_MIN   256u

typedef struct {
    int64_t rank;
    uint64_t detail;
    int64_t count;
} entry;

typedef struct {
    int64_t main;
    int64_t zeros;
    int64_t live;
    lt_cell entries;
    lt_cell heap;
} set_state;

_Static_assert(sizeof(entry) == 24 && sizeof(set_state) == 56, "states are packed");

/* How a call's values are kept; agg->bound. */
typedef struct {
    bool maximum;
    lt_phys phys;
} set_form;

/* A value to look up. For strings detail is the length, and bytes are its bytes. */
typedef struct {
    int64_t rank;
    uint64_t detail;
    const uint8_t *bytes;
} probe_value;

static const set_form *form_of(const lt_agg *agg)
{
    return (const set_form *)agg->bound;
}

static entry *entries_of(const set_state *s)
{
    return (entry *)(void *)s->entries.ptr;
}

static uint32_t entry_count(const set_state *s)
{
    return s->entries.len / (uint32_t)sizeof(entry);
}

static lt_str text_of(const set_state *s, const entry *e)
{
    return (lt_str){(const char *)s->heap.ptr + (e->detail >> 32), (uint32_t)e->detail};
}

static int64_t text_bytes(const set_form *form, const entry *e)
{
    return form->phys == LT_PHYS_STR ? (int64_t)(uint32_t)e->detail : 0;
}

/* ---- values ---- */

static int64_t double_rank(double value)
{
    int64_t bits;
    double canonical = value != value ? (double)NAN : value;
    memcpy(&bits, &canonical, sizeof bits);
    return bits ^ (int64_t)((uint64_t)(bits >> 63) >> 1);
}

static double rank_double(int64_t rank)
{
    int64_t bits = rank ^ (int64_t)((uint64_t)(rank >> 63) >> 1);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static probe_value string_value(const set_form *form, lt_str text)
{
    uint64_t prefix = 0;
    for (size_t i = 0; i < 8; i++) {
        prefix = prefix << 8 | (i < text.len ? (uint8_t)text.ptr[i] : 0U);
    }
    int64_t rank = (int64_t)(prefix ^ ((uint64_t)1 << 63));
    return (probe_value){form->maximum ? rank : ~rank, text.len, (const uint8_t *)text.ptr};
}

static probe_value value_at(const set_form *form, const lt_col *col, uint32_t row)
{
    probe_value v = {0};
    switch ((int)form->phys) {
    case LT_PHYS_BOOL:
        v.rank = LT_COL_DATA(col, const uint8_t)[row];
        break;
    case LT_PHYS_I8:
        v.rank = LT_COL_DATA(col, const int8_t)[row];
        break;
    case LT_PHYS_I16:
        v.rank = LT_COL_DATA(col, const int16_t)[row];
        break;
    case LT_PHYS_I32:
        v.rank = LT_COL_DATA(col, const int32_t)[row];
        break;
    case LT_PHYS_F32:
        v.rank = double_rank((double)LT_COL_DATA(col, const float)[row]);
        break;
    case LT_PHYS_F64:
        v.rank = double_rank(LT_COL_DATA(col, const double)[row]);
        break;
    case LT_PHYS_I128:
        memcpy(&v.detail, (const char *)col->data + (size_t)row * 16, 8);
        memcpy(&v.rank, (const char *)col->data + (size_t)row * 16 + 8, 8);
        break;
    case LT_PHYS_TS9: {
        lt_ts9 ts = LT_COL_DATA(col, const lt_ts9)[row];
        v.rank = ts.ms;
        v.detail = (uint64_t)ts.ns_of_ms;
        break;
    }
    case LT_PHYS_STR:
        return string_value(form, lt_strv_str(&LT_COL_DATA(col, const lt_strv)[row]));
    default:
        v.rank = LT_COL_DATA(col, const int64_t)[row];
        break;
    }
    if (!form->maximum) {
        v.rank = ~v.rank;
        v.detail = ~v.detail;
    }
    return v;
}

/* Below zero: the entry is worse than the value. */
static int compare(const set_form *form, const set_state *s, const entry *e, const probe_value *v)
{
    if (e->rank != v->rank) {
        return e->rank < v->rank ? -1 : 1;
    }
    if (form->phys != LT_PHYS_STR) {
        return e->detail < v->detail ? -1 : e->detail > v->detail;
    }
    int order = lt_str_cmp(text_of(s, e), (lt_str){(const char *)v->bytes, v->detail});
    return form->maximum ? order : -order;
}

static probe_value value_of_entry(const set_form *form, const set_state *s, const entry *e)
{
    probe_value v = {e->rank, e->detail, NULL};
    if (form->phys == LT_PHYS_STR) {
        lt_str text = text_of(s, e);
        v.detail = text.len;
        v.bytes = (const uint8_t *)text.ptr;
    }
    return v;
}

/* ---- runs ---- */

/* The first entry of [from, to) with a rank of at least `rank`. Which way each step goes cannot be
 * foreseen, so it is no branch. */
static uint32_t rank_bound(const entry *entries, uint32_t from, uint32_t to, int64_t rank)
{
    uint32_t count = to - from;
    const entry *at = entries + from;
    while (count > 0) {
        uint32_t half = (count + 1) / 2;
        at += at[half - 1].rank < rank ? half : 0;
        count -= half;
    }
    return (uint32_t)(at - entries);
}

/* The first entry of [from, to) that is not worse than the value; *equal tells whether it is it. */
static uint32_t lower_bound(const set_form *form, const set_state *s, uint32_t from, uint32_t to,
                            const probe_value *v, bool *equal)
{
    const entry *entries = entries_of(s);
    *equal = false;
    if (from == to) {
        return from;
    }
    from = rank_bound(entries, from, to, v->rank);
    if (from == to || entries[from].rank != v->rank) {
        return from;
    }
    if (form->phys != LT_PHYS_STR && entries[from].detail == v->detail) {
        *equal = true;
        return from;
    }
    if (v->rank < INT64_MAX) {
        to = rank_bound(entries, from, to, v->rank + 1);
    }
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        int order = compare(form, s, &entries[middle], v);
        if (order == 0) {
            *equal = true;
            return middle;
        }
        if (order < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

/* Moves the entries of [from, to) with a count other than zero down to `at`; returns their end. */
static uint32_t squeeze(const set_form *form, set_state *s, uint32_t from, uint32_t to, uint32_t at)
{
    entry *entries = entries_of(s);
    for (uint32_t i = from; i < to; i++) {
        if (entries[i].count != 0) {
            entries[at++] = entries[i];
        } else {
            s->live -= text_bytes(form, &entries[i]);
        }
    }
    return at;
}

static bool resize(set_state *s, lt_cells *cells, uint32_t count)
{
    if (count == 0) {
        lt_cells_clear(cells, &s->entries);
        return true;
    }
    return count <= UINT32_MAX / sizeof(entry) &&
           lt_cells_resize(cells, &s->entries, count * (uint32_t)sizeof(entry));
}

/* Drops entries of count zero anywhere. */
static bool drop_zeros(const set_form *form, set_state *s, lt_cells *cells)
{
    uint32_t main = (uint32_t)s->main;
    uint32_t first = squeeze(form, s, 0, main, 0);
    uint32_t all = squeeze(form, s, main, entry_count(s), first);
    s->zeros = 0;
    s->main = first;
    return resize(s, cells, all);
}

/* Makes one run of two. The recent run is much the shorter one: each of its entries is looked up
 * in the main run, from the last to the first, and what lies between two moves in one piece. */
static bool merge_runs(const set_form *form, set_state *s, lt_cells *cells)
{
    uint32_t first = (uint32_t)s->main;
    uint32_t all = entry_count(s);
    uint32_t recent = all - first;
    if (recent == 0) {
        return true;
    }
    if (!resize(s, cells, all + recent)) {
        return false;
    }
    entry *entries = entries_of(s);
    memcpy(entries + all, entries + first, sizeof *entries * recent);
    uint32_t end = first;
    for (uint32_t b = recent; b > 0; b--) {
        const probe_value v = value_of_entry(form, s, &entries[all + b - 1]);
        bool equal = false;
        uint32_t at = lower_bound(form, s, 0, end, &v, &equal);
        LT_DCHECK(!equal);
        memmove(entries + at + b, entries + at, sizeof *entries * (end - at));
        entries[at + b - 1] = entries[all + b - 1];
        end = at;
    }
    s->main = all;
    return resize(s, cells, all);
}

static bool rewrite_heap(set_state *s, lt_cells *cells)
{
    lt_cell fresh = {0};
    entry *entries = entries_of(s);
    uint32_t count = entry_count(s);
    if (count > 0 && !lt_cells_resize(cells, &fresh, (uint32_t)s->live)) {
        return false;
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        lt_str text = text_of(s, &entries[i]);
        if (text.len > 0) {
            memcpy(fresh.ptr + at, text.ptr, text.len);
        }
        entries[i].detail = (uint64_t)at << 32 | (uint32_t)text.len;
        at += (uint32_t)text.len;
    }
    LT_ASSERT(at == s->live);
    lt_cells_clear(cells, &s->heap);
    s->heap = fresh;
    return true;
}

static uint32_t recent_limit(const set_state *s)
{
    uint64_t limit = RECENT_MIN;
    while (limit * limit < (uint64_t)s->main * 16) {
        limit *= 2;
    }
    return (uint32_t)limit;
}

/* Drops entries of count zero at the ends of the runs, merges runs and rewrites the heap when due.
 */
static bool tidy(const set_form *form, set_state *s, lt_cells *cells)
{
    entry *entries = entries_of(s);
    uint32_t total = entry_count(s);
    uint32_t count = total;
    uint32_t main = (uint32_t)s->main;
    uint32_t first = main;
    if (s->zeros > 0) {
        while (first > 0 && entries[first - 1].count == 0) {
            s->live -= text_bytes(form, &entries[--first]);
            s->zeros--;
        }
        while (count > main && entries[count - 1].count == 0) {
            s->live -= text_bytes(form, &entries[--count]);
            s->zeros--;
        }
    }
    if (count != total || first != main) {
        if (first != main && count > main) {
            memmove(entries + first, entries + main, sizeof *entries * (count - main));
        }
        count -= main - first;
        s->main = first;
        if (!resize(s, cells, count)) {
            return false;
        }
    }
    if (s->zeros > ZEROS_MIN && s->zeros * 2 > (int64_t)count && !drop_zeros(form, s, cells)) {
        return false;
    }
    if (entry_count(s) - (uint32_t)s->main > recent_limit(s) && !merge_runs(form, s, cells)) {
        return false;
    }
    if (s->entries.len == 0) {
        lt_cells_clear(cells, &s->heap);
    }
    return s->heap.len <= HEAP_MIN || s->live * 2 >= (int64_t)s->heap.len || rewrite_heap(s, cells);
}

typedef struct {
    uint32_t at;
    bool prolongs; /* a best value behind the main run, without a recent one */
} place;

static bool insert(const set_form *form, set_state *s, lt_cells *cells, place to, entry fresh)
{
    uint32_t total = entry_count(s);
    if (!resize(s, cells, total + 1)) {
        return false;
    }
    entry *entries = entries_of(s);
    memmove(entries + to.at + 1, entries + to.at, sizeof *entries * (total - to.at));
    entries[to.at] = fresh;
    s->main += to.prolongs;
    s->live += text_bytes(form, &fresh);
    return tidy(form, s, cells);
}

static bool insert_value(const set_form *form, set_state *s, lt_cells *cells, place to,
                         const probe_value *v, int64_t count)
{
    entry fresh = {v->rank, v->detail, count};
    if (form->phys == LT_PHYS_STR) {
        fresh.detail |= (uint64_t)s->heap.len << 32;
        if (!lt_cells_append(cells, &s->heap, v->bytes, (uint32_t)v->detail)) {
            return false;
        }
    }
    return insert(form, s, cells, to, fresh);
}

/* Adds to the count of a value. */
static bool change(const set_form *form, set_state *s, lt_cells *cells, const probe_value *v,
                   int64_t by)
{
    uint32_t total = entry_count(s);
    uint32_t main = (uint32_t)s->main;
    bool found = false;
    place to = {.at = lower_bound(form, s, 0, main, v, &found)};
    to.prolongs = to.at == main && total == main;
    if (!found && !to.prolongs) {
        to.at = lower_bound(form, s, main, total, v, &found);
    }
    if (!found) {
        return insert_value(form, s, cells, to, v, by);
    }
    entry *e = &entries_of(s)[to.at];
    s->zeros -= e->count == 0;
    e->count += by;
    s->zeros += e->count == 0;
    return e->count != 0 || tidy(form, s, cells);
}

/* ---- the accumulator ---- */

static lt_status set_update(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                            const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                            lt_error *err)
{
    const set_form *form = form_of(agg);
    for (uint32_t i = 0; i < count; i++) {
        if (lt_col_is_null(&args[0], rows[i])) {
            continue;
        }
        const probe_value v = value_at(form, &args[0], rows[i]);
        if (!change(form, (set_state *)(void *)states[i], cells, &v, sign)) {
            return lt_error_nomem(err, "aggregate");
        }
    }
    return LT_OK;
}

static lt_status set_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                           uint32_t count, lt_cells *cells, lt_error *err)
{
    const set_form *form = form_of(agg);
    for (uint32_t i = 0; i < count; i++) {
        const set_state *s = (const set_state *)(const void *)src[i];
        uint32_t total = entry_count(s);
        for (uint32_t j = 0; j < total; j++) {
            const entry *e = &entries_of(s)[j];
            const probe_value v = value_of_entry(form, s, e);
            if (e->count != 0 && !change(form, (set_state *)(void *)dst[i], cells, &v, e->count)) {
                return lt_error_nomem(err, "aggregate");
            }
        }
    }
    return LT_OK;
}

/* The last entry of [from, to) that is a value; NULL = none. */
static const entry *last_value(const set_state *s, uint32_t from, uint32_t to)
{
    while (to > from && entries_of(s)[to - 1].count <= 0) {
        to--;
    }
    return to > from ? &entries_of(s)[to - 1] : NULL;
}

static const entry *best_of(const set_form *form, const set_state *s)
{
    const entry *a = last_value(s, 0, (uint32_t)s->main);
    const entry *b = last_value(s, (uint32_t)s->main, entry_count(s));
    if (a == NULL || b == NULL) {
        return a == NULL ? b : a;
    }
    const probe_value v = value_of_entry(form, s, b);
    return compare(form, s, a, &v) > 0 ? a : b;
}

static void put_number(const set_form *form, lt_col *out, uint32_t row, const entry *e)
{
    int64_t rank = form->maximum ? e->rank : ~e->rank;
    uint64_t detail = form->maximum ? e->detail : ~e->detail;
    switch ((int)form->phys) {
    case LT_PHYS_BOOL:
    case LT_PHYS_I8:
        LT_COL_DATA(out, int8_t)[row] = (int8_t)rank;
        break;
    case LT_PHYS_I16:
        LT_COL_DATA(out, int16_t)[row] = (int16_t)rank;
        break;
    case LT_PHYS_I32:
        LT_COL_DATA(out, int32_t)[row] = (int32_t)rank;
        break;
    case LT_PHYS_F32:
        LT_COL_DATA(out, float)[row] = (float)rank_double(rank);
        break;
    case LT_PHYS_F64:
        LT_COL_DATA(out, double)[row] = rank_double(rank);
        break;
    case LT_PHYS_I128:
        memcpy((char *)out->data + (size_t)row * 16, &detail, 8);
        memcpy((char *)out->data + (size_t)row * 16 + 8, &rank, 8);
        break;
    case LT_PHYS_TS9:
        memset((char *)out->data + (size_t)row * 16, 0, 16);
        LT_COL_DATA(out, lt_ts9)[row].ms = rank;
        LT_COL_DATA(out, lt_ts9)[row].ns_of_ms = (int32_t)detail;
        break;
    default:
        LT_COL_DATA(out, int64_t)[row] = rank;
        break;
    }
}

static lt_status set_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                            lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    const set_form *form = form_of(agg);
    bool ok = true;
    for (uint32_t i = 0; ok && i < count; i++) {
        const set_state *s = (const set_state *)(const void *)states[i];
        const entry *best = best_of(form, s);
        if (best == NULL) {
            ok = lt_agg_set_null(out, i, out_cap, arena);
        } else if (form->phys == LT_PHYS_STR) {
            ok = lt_agg_put_text(out, i, text_of(s, best), arena);
        } else {
            put_number(form, out, i, best);
        }
    }
    return ok ? LT_OK : lt_error_nomem(err, "aggregate");
}

static const lt_agg_class class_min_set = {"MIN", set_update, set_merge, set_finish};
static const lt_agg_class class_max_set = {"MAX", set_update, set_merge, set_finish};

lt_status lt_agg_bind_extreme_set(lt_agg_bind_ctx *c, lt_error *err)
{
    set_form *form = LT_NEW(c->b->arena, set_form);
    if (form == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    form->maximum = c->func->op == LT_AGG_MAX;
    form->phys = lt_type_phys(c->agg->args[0]->type);
    c->agg->cls = form->maximum ? &class_max_set : &class_min_set;
    c->agg->bound = form;
    c->agg->state_size = sizeof(set_state);
    c->agg->cell_count = form->phys == LT_PHYS_STR ? 2 : 1;
    c->agg->cell_offsets[0] = (uint32_t)offsetof(set_state, entries);
    c->agg->cell_offsets[1] = (uint32_t)offsetof(set_state, heap);
    return LT_OK;
}
