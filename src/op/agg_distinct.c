/* DISTINCT: sets of values kept in state tables, keyed (prefix, arguments) -> count. */
#include "op/agg_set_int.h"

/* A count that is zero at the end of a batch marks a record to be removed; this one says that it
 * was listed already. */
#define LISTED INT64_MIN

static const char *const set_names[] = {"distinct0",  "distinct1",  "distinct2",  "distinct3",
                                        "distinct4",  "distinct5",  "distinct6",  "distinct7",
                                        "distinct8",  "distinct9",  "distinct10", "distinct11",
                                        "distinct12", "distinct13", "distinct14", "distinct15"};

lt_status lt_distinct_plan(lt_op *op, lt_aggset *set, const lt_aggset_spec *spec, uint32_t d,
                           uint32_t a, lt_error *err)
{
    if (d >= LT_COUNT_OF(set_names)) {
        return lt_error_set(err, LT_ERR_LIMIT,
                            "one aggregation has more than %zu different DISTINCT arguments",
                            LT_COUNT_OF(set_names));
    }
    const lt_agg *agg = set->aggs[a];
    lt_distinct *distinct = &set->distinct[d];
    distinct->agg = a;
    distinct->field_count = spec->prefix_count + agg->arg_count;
    distinct->types = LT_NEW_ARRAY(op->arena, const lt_type *, (size_t)distinct->field_count + 1);
    if (!distinct->types) {
        return lt_error_nomem(err, "aggregates");
    }
    for (uint32_t i = 0; i < spec->prefix_count; i++) {
        distinct->types[i] = spec->prefix[i];
    }
    for (uint32_t i = 0; i < agg->arg_count; i++) {
        distinct->types[spec->prefix_count + i] = agg->args[i]->type;
    }
    distinct->codec = lt_rowcodec_new(op->arena, distinct->types, distinct->field_count, false);
    if (!distinct->codec) {
        return lt_error_nomem(err, "aggregates");
    }
    distinct->decl = (lt_table_decl){.name = set_names[d],
                                     .key = distinct->codec,
                                     .value_size = sizeof(int64_t),
                                     .ttl_ms = spec->ttl_ms,
                                     .group_fields = spec->group_fields};
    return LT_OK;
}

/* Encodes (prefix, arguments) of the rows and finds their counts. */
static lt_status probe(lt_aggset *set, const lt_agg_input *input, uint32_t d, const agg_rows *rows,
                       lt_rows *keys, int64_t ***counts, lt_error *err)
{
    const lt_distinct *distinct = &set->distinct[d];
    const lt_col **cols = LT_NEW_ARRAY(input->arena, const lt_col *, distinct->field_count + 1);
    void **values = LT_NEW_ARRAY(input->arena, void *, (size_t)rows->count + 1);
    if (!cols || !values) {
        return lt_error_nomem(err, "aggregates");
    }
    for (uint32_t i = 0; i < set->prefix_count; i++) {
        cols[i] = input->prefix[i];
    }
    for (uint32_t i = set->prefix_count; i < distinct->field_count; i++) {
        cols[i] = &input->cols[set->arg_at[distinct->agg] + i - set->prefix_count];
    }
    LT_TRY(lt_rowcodec_encode(distinct->codec, cols, rows->rows, rows->count, input->arena, keys,
                              err));
    LT_TRY(lt_table_probe(input->distinct[d], keys, true, values, NULL, err));
    *counts = (int64_t **)(void *)values;
    return LT_OK;
}

/* Removes records whose count is zero; a value that stands twice in the list is removed once. */
static void sweep(lt_table *table, int64_t **counts, uint32_t count)
{
    uint32_t zero = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (*counts[i] == 0) {
            *counts[i] = LISTED;
            counts[zero++] = counts[i];
        }
    }
    for (uint32_t i = 0; i < zero; i++) {
        lt_table_remove(table, counts[i]);
    }
}

lt_status lt_distinct_count(lt_aggset *set, const lt_agg_input *input, uint32_t d,
                            const agg_rows *rows, int sign, agg_rows *changed, lt_error *err)
{
    lt_rows keys;
    int64_t **counts = NULL;
    if (!lt_agg_rows_new(changed, rows->count, input->arena)) {
        return lt_error_nomem(err, "aggregates");
    }
    if (rows->count == 0) {
        return LT_OK;
    }
    LT_TRY(probe(set, input, d, rows, &keys, &counts, err));
    for (uint32_t i = 0; i < rows->count; i++) {
        int64_t before = *counts[i];
        int64_t after = before + sign;
        *counts[i] = after;
        if (before == 0 && input->on_value) {
            LT_TRY(input->on_value(input->arg, rows->records[i], d, lt_rows_ptr(&keys, i),
                                   lt_rows_len(&keys, i), err));
        }
        if ((before > 0) == (after > 0)) {
            continue;
        }
        changed->records[changed->count] = rows->records[i];
        changed->rows[changed->count++] = rows->rows[i];
    }
    sweep(input->distinct[d], counts, rows->count);
    return LT_OK;
}

/* Which of the incoming values made a difference, by sign. */
typedef struct {
    agg_rows gained;
    agg_rows lost;
} value_changes;

static lt_status count_values(lt_aggset *set, const lt_agg_input *input,
                              const lt_distinct_rows *rows, value_changes *changes, lt_error *err)
{
    const lt_distinct *distinct = &set->distinct[rows->distinct];
    const lt_col **cols = LT_NEW_ARRAY(input->arena, const lt_col *, distinct->field_count + 1);
    void **values = LT_NEW_ARRAY(input->arena, void *, (size_t)rows->count + 1);
    if (!cols || !values || !lt_agg_rows_new(&changes->gained, rows->count, input->arena) ||
        !lt_agg_rows_new(&changes->lost, rows->count, input->arena)) {
        return lt_error_nomem(err, "aggregates");
    }
    for (uint32_t i = 0; i < distinct->field_count; i++) {
        cols[i] = &rows->fields[i];
    }
    lt_rows keys;
    lt_table *table = input->distinct[rows->distinct];
    LT_TRY(lt_rowcodec_encode(distinct->codec, cols, NULL, rows->count, input->arena, &keys, err));
    LT_TRY(lt_table_probe(table, &keys, true, values, NULL, err));
    int64_t **counts = (int64_t **)(void *)values;
    for (uint32_t i = 0; i < rows->count; i++) {
        int64_t before = *counts[i];
        int64_t after = before + rows->counts[i];
        *counts[i] = after;
        agg_rows *to = after > 0 ? &changes->gained : &changes->lost;
        if (before == 0 && input->on_value) {
            LT_TRY(input->on_value(input->arg, rows->records[i], rows->distinct,
                                   lt_rows_ptr(&keys, i), lt_rows_len(&keys, i), err));
        }
        if ((before > 0) == (after > 0)) {
            continue;
        }
        to->records[to->count] = rows->records[i];
        to->rows[to->count++] = i;
    }
    sweep(table, counts, rows->count);
    return LT_OK;
}

lt_status lt_aggset_add_values(lt_aggset *set, const lt_agg_input *input,
                               const lt_distinct_rows *rows, lt_error *err)
{
    value_changes changes;
    LT_TRY(count_values(set, input, rows, &changes, err));
    const lt_col *args = rows->fields + set->prefix_count;
    for (uint32_t a = 0; a < set->count; a++) {
        if (set->distinct_of[a] != rows->distinct) {
            continue;
        }
        LT_TRY(lt_agg_apply(set, input, a, args, &changes.gained, 1, err));
        LT_TRY(lt_agg_apply(set, input, a, args, &changes.lost, -1, err));
    }
    return LT_OK;
}
