/* PERCENTILE(x, p[, frequency]): exact, interpolated between the two values next to the position
 * 1 + p * (n - 1) of the n sorted ones. All values are kept, each once with its count, in sorted
 * blocks that a directory lists in order:
 *
 *   state      i64 total, cell directory, cell blocks                                  40 bytes
 *   directory  entries: i64 least rank, i64 total, u32 block, u32 values in it
 *   blocks     BLOCK entries each (a single block: as many as it has): i64 rank, i64 count
 *
 * The rank of a DOUBLE is its bits in order: NaN is greatest, -0 comes before 0. Totals are sums of
 * the counts above zero; a count below zero is a row taken away ahead of its arrival. A count of
 * zero is dropped; a block is split in halves when it is full, and joined with a neighbour when
 * both are nearly empty.
 *
 * Cost for n different values: a change is two binary searches and moves at most BLOCK entries, a
 * new block once in BLOCK / 2 changes moves the directory; a result adds up the totals of n / BLOCK
 * to n / (BLOCK / 4) blocks. */
#include <math.h>
#include <stddef.h>

#include "expr/agg_int.h"
#include "expr/program.h"

#define BLOCK 128u /* entries */

typedef struct {
    int64_t rank;
    int64_t count;
} entry;

typedef struct {
    int64_t least;
    int64_t total;
    uint32_t block;
    uint32_t used;
} block_ref;

typedef struct {
    int64_t total;
    lt_cell refs;
    lt_cell blocks;
} sorted;

_Static_assert(sizeof(entry) == 16 && sizeof(block_ref) == 24 && sizeof(sorted) == 40,
               "states are packed");

/* agg->bound */
typedef struct {
    bool array; /* an ARRAY of percentages was given */
    uint32_t count;
    double *at; /* 0 .. 1 */
} percentages;

static int64_t rank_of(double value)
{
    int64_t bits;
    const double canonical = value != value ? (double)NAN : value;
    memcpy(&bits, &canonical, sizeof bits);
    return bits ^ (int64_t)((uint64_t)(bits >> 63) >> 1);
}

static double value_of(int64_t rank)
{
    const int64_t bits = rank ^ (int64_t)((uint64_t)(rank >> 63) >> 1);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t ref_count(const sorted *s)
{
    return s->refs.len / (uint32_t)sizeof(block_ref);
}

static block_ref *ref_at(const sorted *s, uint32_t i)
{
    LT_DCHECK(i < ref_count(s));
    return (block_ref *)(void *)s->refs.ptr + i;
}

static entry *block_at(const sorted *s, const block_ref *ref)
{
    return (entry *)(void *)s->blocks.ptr + (size_t)ref->block * BLOCK;
}

static int64_t counted(int64_t count)
{
    return count > 0 ? count : 0;
}

/* The last block whose least value is not above the rank, or the first one. */
static uint32_t find_block(const sorted *s, int64_t rank)
{
    uint32_t from = 0, to = ref_count(s);
    while (to - from > 1) {
        uint32_t middle = from + (to - from) / 2;
        if (ref_at(s, middle)->least <= rank) {
            from = middle;
        } else {
            to = middle;
        }
    }
    return from;
}

/* The first entry of a block that is not below the rank. */
static uint32_t find_entry(const entry *entries, uint32_t used, int64_t rank)
{
    uint32_t from = 0;
    while (from < used) {
        uint32_t middle = from + (used - from) / 2;
        if (entries[middle].rank < rank) {
            from = middle + 1;
        } else {
            used = middle;
        }
    }
    return from;
}

static bool set_refs(sorted *s, lt_cells *cells, uint32_t count)
{
    return count <= UINT32_MAX / sizeof(block_ref) &&
           lt_cells_resize(cells, &s->refs, count * (uint32_t)sizeof(block_ref));
}

static bool set_entries(sorted *s, lt_cells *cells, size_t count)
{
    return count <= UINT32_MAX / sizeof(entry) &&
           lt_cells_resize(cells, &s->blocks, (uint32_t)(count * sizeof(entry)));
}

static int64_t total_of(const entry *entries, uint32_t used)
{
    int64_t total = 0;
    for (uint32_t i = 0; i < used; i++) {
        total += counted(entries[i].count);
    }
    return total;
}

/* The upper half of block i becomes a block of its own, at the end of the blocks. */
static bool split(sorted *s, lt_cells *cells, uint32_t i)
{
    uint32_t refs = ref_count(s);
    if (!set_entries(s, cells, ((size_t)refs + 1) * BLOCK) || !set_refs(s, cells, refs + 1)) {
        return false;
    }
    memmove(ref_at(s, i) + 1, ref_at(s, i), sizeof(block_ref) * (refs - i));
    block_ref *low = ref_at(s, i);
    block_ref *high = low + 1;
    high->block = refs;
    high->used = low->used / 2;
    low->used -= high->used;
    entry *to = block_at(s, high);
    memset(to, 0, sizeof *to * BLOCK);
    memcpy(to, block_at(s, low) + low->used, sizeof *to * high->used);
    memset(block_at(s, low) + low->used, 0, sizeof *to * high->used);
    high->least = to[0].rank;
    high->total = total_of(to, high->used);
    low->total -= high->total;
    return true;
}

/* Drops an entry of the directory, whose block holds nothing any more; the last block moves into
 * its place. */
static void drop_block(sorted *s, lt_cells *cells, uint32_t i)
{
    uint32_t last = ref_count(s) - 1;
    const uint32_t hole = ref_at(s, i)->block;
    for (uint32_t r = 0; hole != last && r <= last; r++) {
        block_ref *ref = ref_at(s, r);
        if (ref->block == last) {
            const block_ref to = {.block = hole};
            memcpy(block_at(s, &to), block_at(s, ref), sizeof(entry) * BLOCK);
            ref->block = hole;
            break;
        }
    }
    memmove(ref_at(s, i), ref_at(s, i) + 1, sizeof(block_ref) * (last - i));
    if (last == 0) {
        lt_cells_clear(cells, &s->refs);
        lt_cells_clear(cells, &s->blocks);
        return;
    }
    uint32_t left = last > 1 ? last * BLOCK : ref_at(s, 0)->used;
    lt_cells_shrink(cells, &s->refs, last * (uint32_t)sizeof(block_ref));
    lt_cells_shrink(cells, &s->blocks, left * (uint32_t)sizeof(entry));
}

/* Moves all of block i + 1 to block i. */
static void join(sorted *s, lt_cells *cells, uint32_t i)
{
    block_ref *low = ref_at(s, i);
    block_ref *high = low + 1;
    LT_ASSERT(low->used + high->used <= BLOCK);
    memcpy(block_at(s, low) + low->used, block_at(s, high), sizeof(entry) * high->used);
    low->used += high->used;
    low->total += high->total;
    high->used = 0;
    drop_block(s, cells, i + 1);
}

static void remove_entry(sorted *s, lt_cells *cells, uint32_t i, uint32_t at)
{
    block_ref *ref = ref_at(s, i);
    entry *entries = block_at(s, ref);
    ref->used--;
    memmove(entries + at, entries + at + 1, sizeof *entries * (ref->used - at));
    memset(entries + ref->used, 0, sizeof *entries);
    if (ref->used == 0) {
        drop_block(s, cells, i);
        return;
    }
    ref->least = entries[0].rank;
    uint32_t refs = ref_count(s);
    if (refs == 1) {
        lt_cells_shrink(cells, &s->blocks, ref->used * (uint32_t)sizeof(entry));
    } else if (i + 1 < refs && ref->used + ref[1].used <= BLOCK / 2) {
        join(s, cells, i);
    } else if (i > 0 && ref->used + ref[-1].used <= BLOCK / 2) {
        join(s, cells, i - 1);
    }
}

static bool insert_entry(sorted *s, lt_cells *cells, uint32_t i, entry fresh)
{
    if (ref_count(s) == 0) {
        if (!set_refs(s, cells, 1)) {
            return false;
        }
        *ref_at(s, 0) = (block_ref){0};
    }
    if (ref_at(s, i)->used == BLOCK) {
        if (!split(s, cells, i)) {
            return false;
        }
        i += ref_at(s, i + 1)->least <= fresh.rank;
    }
    if (ref_count(s) == 1 && !set_entries(s, cells, (size_t)ref_at(s, 0)->used + 1)) {
        return false;
    }
    block_ref *ref = ref_at(s, i);
    entry *entries = block_at(s, ref);
    uint32_t at = find_entry(entries, ref->used, fresh.rank);
    memmove(entries + at + 1, entries + at, sizeof *entries * (ref->used - at));
    entries[at] = fresh;
    ref->used++;
    ref->least = entries[0].rank;
    ref->total += counted(fresh.count);
    s->total += counted(fresh.count);
    return true;
}

/* Adds to the count of a value. */
static bool change(sorted *s, lt_cells *cells, int64_t rank, int64_t by)
{
    uint32_t i = 0, at = 0;
    if (ref_count(s) > 0) {
        i = find_block(s, rank);
        block_ref *ref = ref_at(s, i);
        entry *entries = block_at(s, ref);
        at = find_entry(entries, ref->used, rank);
        if (at < ref->used && entries[at].rank == rank) {
            int64_t before = counted(entries[at].count);
            entries[at].count += by;
            int64_t more = counted(entries[at].count) - before;
            ref->total += more;
            s->total += more;
            if (entries[at].count == 0) {
                remove_entry(s, cells, i, at);
            }
            return true;
        }
    }
    return insert_entry(s, cells, i, (entry){rank, by});
}

/* ---- the accumulator ---- */

static lt_status percentile_update(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                                   const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                                   lt_error *err)
{
    const double *val = LT_COL_DATA(&args[0], const double);
    const lt_col *often = agg->arg_count > 2 ? &args[2] : NULL;
    for (uint32_t i = 0; i < count; i++) {
        int64_t times = 1;
        if (lt_col_is_null(&args[0], rows[i])) {
            continue;
        }
        if (often != NULL) {
            times = lt_col_is_null(often, rows[i]) ? 0 : LT_COL_DATA(often, const int64_t)[rows[i]];
        }
        if (times > 0 &&
            !change((sorted *)(void *)states[i], cells, rank_of(val[rows[i]]), times * sign)) {
            return lt_error_nomem(err, "aggregate");
        }
    }
    return LT_OK;
}

static lt_status percentile_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                                  uint32_t count, lt_cells *cells, lt_error *err)
{
    (void)agg;
    for (uint32_t i = 0; i < count; i++) {
        const sorted *s = (const sorted *)(const void *)src[i];
        uint32_t refs = ref_count(s);
        for (uint32_t r = 0; r < refs; r++) {
            const block_ref *ref = ref_at(s, r);
            const entry *entries = block_at(s, ref);
            for (uint32_t e = 0; e < ref->used; e++) {
                if (!change((sorted *)(void *)dst[i], cells, entries[e].rank, entries[e].count)) {
                    return lt_error_nomem(err, "aggregate");
                }
            }
        }
    }
    return LT_OK;
}

typedef struct {
    uint32_t block;
    uint32_t at;
    int64_t before; /* how many values stand before the entry */
} place;

static const entry *entry_of(const sorted *s, const place *p)
{
    return block_at(s, ref_at(s, p->block)) + p->at;
}

/* Goes to the next entry that has values. */
static void step(const sorted *s, place *p)
{
    p->before += counted(entry_of(s, p)->count);
    do {
        if (++p->at == ref_at(s, p->block)->used) {
            p->at = 0;
            do {
                p->block++;
            } while (ref_at(s, p->block)->total == 0);
        }
    } while (entry_of(s, p)->count <= 0);
}

/* The entry that holds the value number `position` < total. */
static place seek(const sorted *s, int64_t position)
{
    place p = {0};
    while (p.before + ref_at(s, p.block)->total <= position) {
        p.before += ref_at(s, p.block++)->total;
    }
    while (p.before + counted(entry_of(s, &p)->count) <= position) {
        p.before += counted(entry_of(s, &p)->count);
        p.at++;
    }
    return p;
}

/* Positions count from 1, and the operations stand in Flink's order: the rounding shows. */
static double percentile(const sorted *s, double share)
{
    double position = (double)(s->total - 1) * share + 1;
    double low = floor(position), high = ceil(position);
    place p = seek(s, (int64_t)low - 1);
    const entry *below = entry_of(s, &p);
    if (low == high || (int64_t)high <= p.before + below->count) {
        return value_of(below->rank);
    }
    step(s, &p);
    return (high - position) * value_of(below->rank) +
           (position - low) * value_of(entry_of(s, &p)->rank);
}

static lt_status percentile_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                                   lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    const percentages *bound = (const percentages *)agg->bound;
    if (bound->array && !lt_col_reserve_children(out, count * bound->count, arena)) {
        return lt_error_nomem(err, "aggregate");
    }
    for (uint32_t i = 0; i < count; i++) {
        const sorted *s = (const sorted *)(const void *)states[i];
        if (s->total == 0 || bound->count == 0) {
            if (bound->array) {
                LT_COL_DATA(out, lt_span)[i] = (lt_span){0, 0};
            }
            if (!lt_agg_set_null(out, i, out_cap, arena)) {
                return lt_error_nomem(err, "aggregate");
            }
            continue;
        }
        if (!bound->array) {
            LT_COL_DATA(out, double)[i] = percentile(s, bound->at[0]);
            continue;
        }
        LT_COL_DATA(out, lt_span)[i] = (lt_span){out->child_len, bound->count};
        for (uint32_t p = 0; p < bound->count; p++) {
            LT_COL_DATA(&out->children[0], double)[out->child_len++] = percentile(s, bound->at[p]);
        }
    }
    return LT_OK;
}

static const lt_agg_class percentile_class = {"PERCENTILE", percentile_update, percentile_merge,
                                              percentile_finish};

/* ---- binding ---- */

static lt_status bad_percentage(const lt_agg_bind_ctx *c, const char *what, lt_error *err)
{
    lt_status st = lt_error_set_at(err, LT_ERR_SQL, c->agg->args[1]->pos,
                                   "the percentage of PERCENTILE %s", what);
    lt_error_hint(err, "supported: %s, with p a literal number or an ARRAY of such",
                  c->func->signature);
    return st;
}

static void note_column(void *arg, uint32_t index)
{
    (void)index;
    *(bool *)arg = true;
}

/* The same in every row? */
static bool is_fixed(const lt_expr *expr)
{
    bool column = false;
    lt_expr_columns(expr, note_column, &column);
    return !column && lt_expr_is_deterministic(expr);
}

/* The value of the second argument, cast to DOUBLE or ARRAY<DOUBLE>. */
static lt_status read_percentages(lt_agg_bind_ctx *c, percentages *to, lt_error *err)
{
    lt_arena *arena = c->b->arena;
    lt_expr *given = c->agg->args[1], *cast;
    lt_value value;
    to->array = given->type->kind == LT_TYPE_ARRAY;
    const lt_type *element = to->array ? given->type->fields[0].type : given->type;
    if (!lt_type_is_numeric(element)) {
        return lt_agg_refuse(c, err);
    }
    const lt_type *type = lt_type_new(arena, LT_TYPE_DOUBLE, true);
    if (to->array && type != NULL) {
        type = lt_type_array(arena, type, true);
    }
    if (type == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    if (!is_fixed(given)) {
        return bad_percentage(c, "must be a literal", err);
    }
    if (given->type->kind == LT_TYPE_FLOAT) {
        /* As it is written: 0.3, and not the float next to it. */
        LT_TRY(
            lt_expr_cast(c->b, given, lt_type_string(arena, true), false, given->pos, &given, err));
    }
    LT_TRY(lt_expr_cast(c->b, given, type, false, given->pos, &cast, err));
    LT_TRY(lt_expr_eval_const(c->b->session, cast, arena, &value, err));
    to->count = to->array && !value.is_null ? value.u.list.count : 1;
    to->at = LT_NEW_ARRAY(arena, double, (size_t)to->count + 1);
    if (to->at == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    for (uint32_t i = 0; i < to->count; i++) {
        const lt_value *item = to->array && !value.is_null ? &value.u.list.items[i] : &value;
        if (item->is_null) {
            return bad_percentage(c, "must not be NULL", err);
        }
        if (!(item->u.f >= 0 && item->u.f <= 1)) {
            return bad_percentage(c, "must be between 0.0 and 1.0", err);
        }
        to->at[i] = item->u.f;
    }
    return LT_OK;
}

static lt_status cast_arg(lt_agg_bind_ctx *c, uint32_t arg, lt_type_kind kind, lt_error *err)
{
    lt_expr *given = c->agg->args[arg];
    const lt_type *type = lt_type_new(c->b->arena, kind, given->type->nullable);
    if (type == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    if (given->type->kind == kind) {
        return LT_OK;
    }
    return lt_expr_cast(c->b, given, type, false, given->pos, &c->agg->args[arg], err);
}

lt_status lt_agg_bind_percentile(lt_agg_bind_ctx *c, lt_error *err)
{
    lt_agg *agg = c->agg;
    percentages *bound = LT_NEW(c->b->arena, percentages);
    const lt_type *number = lt_type_new(c->b->arena, LT_TYPE_DOUBLE, true);
    if (bound == NULL || number == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    if (!lt_type_is_numeric(agg->args[0]->type) ||
        (agg->arg_count > 2 && !lt_type_is_integer(agg->args[2]->type))) {
        return lt_agg_refuse(c, err);
    }
    LT_TRY(read_percentages(c, bound, err));
    LT_TRY(cast_arg(c, 0, LT_TYPE_DOUBLE, err));
    if (agg->arg_count > 2) {
        LT_TRY(cast_arg(c, 2, LT_TYPE_BIGINT, err));
    }
    agg->cls = &percentile_class;
    agg->bound = bound;
    agg->result = bound->array ? lt_type_array(c->b->arena, number, true) : number;
    agg->state_size = sizeof(sorted);
    agg->cell_count = 2;
    agg->cell_offsets[0] = (uint32_t)offsetof(sorted, refs);
    agg->cell_offsets[1] = (uint32_t)offsetof(sorted, blocks);
    return LT_OK;
}
