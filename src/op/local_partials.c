/* Partial rows: their columns, and how the final window or group aggregate reads them; see
 * local_agg.h. */
#include "op/local_agg.h"

/* ---- columns ---- */

typedef struct {
    const lt_expr **exprs; /* the different ones */
    uint32_t count;
    uint32_t *of; /* of each argument and filter */
    uint32_t of_count;
} arg_list;

static void add_arg(arg_list *list, const lt_expr *expr)
{
    uint32_t at = 0;
    while (at < list->count && !lt_expr_eq(list->exprs[at], expr)) {
        at++;
    }
    if (at == list->count) {
        list->exprs[list->count++] = expr;
    }
    list->of[list->of_count++] = at;
}

/* In the order in which a set of aggregates evaluates them. */
static lt_status list_args(lt_arena *arena, const lt_local_agg_spec *spec, arg_list *list,
                           lt_error *err)
{
    uint32_t total = 0;
    for (uint32_t a = 0; a < spec->agg_count; a++) {
        total += spec->aggs[a]->arg_count + (spec->aggs[a]->filter ? 1 : 0);
    }
    list->exprs = LT_NEW_ARRAY(arena, const lt_expr *, (size_t)total + 1);
    list->of = LT_NEW_ARRAY(arena, uint32_t, (size_t)total + 1);
    if (!list->exprs || !list->of) {
        return lt_error_nomem(err, "a plan");
    }
    for (uint32_t a = 0; a < spec->agg_count; a++) {
        for (uint32_t i = 0; i < spec->aggs[a]->arg_count; i++) {
            add_arg(list, spec->aggs[a]->args[i]);
        }
        if (spec->aggs[a]->filter) {
            add_arg(list, spec->aggs[a]->filter);
        }
    }
    return LT_OK;
}

static lt_status plan_keys(lt_arena *arena, lt_local_agg_spec *spec, lt_error *err)
{
    uint32_t *keys = LT_NEW_ARRAY(arena, uint32_t, (size_t)spec->key_count + 2);
    if (!keys) {
        return lt_error_nomem(err, "a plan");
    }
    for (uint32_t k = 0; k < spec->key_count; k++) {
        keys[k] = spec->keys[k];
    }
    if (spec->windowed && spec->window.attached && spec->window.kind == LT_WINDOW_SESSION) {
        keys[spec->key_count++] = spec->window.start_col;
    }
    spec->keys = keys;
    return LT_OK;
}

lt_status lt_local_agg_plan(lt_arena *arena, lt_local_agg_spec *spec, const lt_schema **out,
                            lt_error *err)
{
    arg_list args = {0};
    LT_TRY(plan_keys(arena, spec, err));
    LT_TRY(list_args(arena, spec, &args, err));
    lt_field *fields = LT_NEW_ARRAY(arena, lt_field, (size_t)spec->key_count + args.count + 4);
    const lt_type *bigint = lt_type_new(arena, LT_TYPE_BIGINT, false);
    const lt_type *bytes = lt_type_sized(arena, LT_TYPE_VARBINARY, LT_LENGTH_MAX, false);
    if (!fields || !bigint || !bytes) {
        return lt_error_nomem(err, "a plan");
    }
    uint32_t count = 0;
    for (uint32_t k = 0; k < spec->key_count; k++) {
        fields[count++] = spec->rows->fields[spec->keys[k]];
    }
    spec->end_col = UINT32_MAX;
    if (spec->windowed) {
        spec->end_col = count;
        fields[count++] = (lt_field){LT_STR("$slice_end"), bigint};
    }
    spec->count_col = count;
    fields[count++] = (lt_field){LT_STR("$rows"), bigint};
    spec->state_col = count;
    fields[count++] = (lt_field){LT_STR("$state"), bytes};
    spec->arg_col = count;
    spec->arg_count = args.count;
    spec->arg_of = args.of;
    for (uint32_t a = 0; a < args.count; a++) {
        fields[count++] = (lt_field){LT_STR("$arg"), args.exprs[a]->type};
    }
    *out = lt_schema_new(arena, fields, count);
    return *out ? LT_OK : lt_error_nomem(err, "a plan");
}

/* ---- reading ---- */

uint64_t lt_partials_weight(const lt_local_agg_spec *spec, const lt_batch *in, const uint32_t *rows,
                            uint32_t count)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        int64_t held = lt_partials_rows(spec, in, rows[i]);
        LT_DCHECK(held > 0);
        sum += (uint64_t)held;
    }
    return sum;
}

/* Rows with accumulators. */
static lt_status merge_states(const lt_partials *from, uint8_t *const *records,
                              const uint32_t *rows, uint32_t count, lt_error *err)
{
    const lt_local_agg_spec *spec = from->spec;
    size_t size = 0;
    for (uint32_t a = 0; a < spec->agg_count; a++) {
        size += spec->aggs[a]->state_size;
    }
    uint8_t **states = lt_arena_alloc(from->arena, sizeof *states * ((size_t)count + 1), 64);
    uint8_t *copies = NULL; /* of those that an exchange moved to odd places, or that lie inline */
    const lt_strv *views = LT_COL_DATA(&from->in->cols[spec->state_col], const lt_strv);
    for (uint32_t i = 0; states && i < count; i++) {
        const lt_strv *view = &views[rows[i]];
        const char *bytes = lt_strv_ptr(view);
        LT_ASSERT(view->len == size);
        if ((uintptr_t)bytes % 8 == 0) {
            states[i] = (uint8_t *)(uintptr_t)bytes; /* only read */
            continue;
        }
        copies = copies ? copies : lt_arena_alloc(from->arena, size * count + 8, 8);
        if (!copies) {
            return lt_error_nomem(err, "accumulators");
        }
        states[i] = copies + size * i;
        memcpy(states[i], bytes, size);
    }
    return states ? lt_aggset_add(from->set, records, states, count, from->cells, from->arena, err)
                  : lt_error_nomem(err, "accumulators");
}

/* Rows that were passed as they are. */
static lt_status add_rows(const lt_partials *from, uint8_t *const *records, const uint32_t *rows,
                          uint32_t count, lt_error *err)
{
    const lt_local_agg_spec *spec = from->spec;
    uint32_t total = 0;
    for (uint32_t a = 0; a < spec->agg_count; a++) {
        total += spec->aggs[a]->arg_count + (spec->aggs[a]->filter ? 1 : 0);
    }
    lt_col *cols = LT_NEW_ARRAY(from->arena, lt_col, (size_t)total + 1);
    if (!cols) {
        return lt_error_nomem(err, "aggregates");
    }
    for (uint32_t i = 0; i < total; i++) {
        cols[i] = from->in->cols[spec->arg_col + spec->arg_of[i]];
    }
    const lt_agg_input to = {
        .op = from->op, .in = from->in, .cols = cols, .cells = from->cells, .arena = from->arena};
    return lt_aggset_update_signed(from->set, &to, records, rows, count, 1, err);
}

lt_status lt_partials_add(const lt_partials *from, uint8_t *const *records, const uint32_t *rows,
                          uint32_t count, lt_error *err)
{
    const lt_strv *views = LT_COL_DATA(&from->in->cols[from->spec->state_col], const lt_strv);
    uint32_t at = 0;
    while (from->spec->agg_count > 0 && at < count) {
        bool folded = views[rows[at]].len > 0;
        uint32_t end = at + 1;
        while (end < count && (views[rows[end]].len > 0) == folded) {
            end++;
        }
        if (folded) {
            LT_TRY(merge_states(from, records + at, rows + at, end - at, err));
        } else {
            LT_TRY(add_rows(from, records + at, rows + at, end - at, err));
        }
        at = end;
    }
    return LT_OK;
}
