/* From the tree of a correlated sub-query to one without outer references (decorrelate.h).
 *
 * Each step takes a node's flat input and gives the node's own flat form: a relation, what each of
 * the node's columns is in terms of it, and the condition pulled up so far. Projections are not
 * built at all but put into the expressions of the columns; they are computed where something above
 * needs a column: under an aggregate, or at the end. */
#include "bind/decorrelate.h"

#include <string.h>

#include "expr/registry.h"

typedef struct {
    lt_binder *b;
    lt_subquery_use use;
} context;

static lt_status nomem(lt_error *err)
{
    return lt_error_nomem(err, "a sub-query");
}

/* ---- outer references ---- */

static void note_outer(void *arg, uint32_t index)
{
    bool *found = arg;
    *found = *found || index >= LT_OUTER_COLUMN;
}

bool lt_expr_is_outer(const lt_expr *expr)
{
    bool found = false;
    if (expr != NULL) {
        lt_expr_columns(expr, note_outer, &found);
    }
    return found;
}

static bool any_outer(lt_expr *const *exprs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (lt_expr_is_outer(exprs[i])) {
            return true;
        }
    }
    return false;
}

static bool aggregate_is_outer(const lt_rel *rel)
{
    for (uint32_t a = 0; a < rel->u.aggregate.agg_count; a++) {
        const lt_agg *agg = rel->u.aggregate.aggs[a];
        if (any_outer(agg->args, agg->arg_count) || lt_expr_is_outer(agg->filter)) {
            return true;
        }
    }
    return false;
}

static bool values_are_outer(const lt_rel *rel)
{
    for (uint32_t r = 0; r < rel->u.values.row_count; r++) {
        if (any_outer(rel->u.values.rows[r], rel->schema->count)) {
            return true;
        }
    }
    return false;
}

static bool node_is_outer(const lt_rel *rel)
{
    switch (rel->kind) {
    case LT_REL_FILTER:
        return lt_expr_is_outer(rel->u.filter.condition);
    case LT_REL_PROJECT:
        return any_outer(rel->u.project.exprs, rel->schema->count);
    case LT_REL_AGGREGATE:
        return aggregate_is_outer(rel);
    case LT_REL_VALUES:
        return values_are_outer(rel);
    case LT_REL_JOIN:
        return lt_expr_is_outer(rel->u.join.condition);
    case LT_REL_SCAN:
    case LT_REL_UNNEST:
    case LT_REL_WATERMARK:
    case LT_REL_WINDOW:
    case LT_REL_EXPAND:
    case LT_REL_UNION:
    case LT_REL_LIMIT:
    case LT_REL_SORT:
    case LT_REL_RANK:
    case LT_REL_OVER:
    case LT_REL_SINK:
        break;
    }
    return false;
}

static bool tree_is_outer(const lt_rel *rel)
{
    for (uint32_t i = 0; i < rel->input_count; i++) {
        if (tree_is_outer(rel->inputs[i])) {
            return true;
        }
    }
    return node_is_outer(rel);
}

typedef struct {
    lt_expr_builder *eb;
    uint32_t left_count;
    lt_expr *const *exprs;
} column_map;

static lt_status move_column(lt_expr_builder *eb, const lt_expr *column, uint32_t to, lt_expr **out,
                             lt_error *err)
{
    return lt_expr_column(eb, to, column->type, column->pos, out, err);
}

static lt_status wrap_column(void *arg, const lt_expr *column, lt_expr **out, lt_error *err)
{
    return move_column(arg, column, column->u.column + LT_OUTER_COLUMN, out, err);
}

lt_status lt_outer_wrap(lt_binder *b, const lt_expr *expr, lt_expr **out, lt_error *err)
{
    return lt_expr_substitute(&b->eb, expr, wrap_column, &b->eb, out, err);
}

static lt_status join_column(void *arg, const lt_expr *column, lt_expr **out, lt_error *err)
{
    const column_map *map = arg;
    uint32_t index = column->u.column;
    return move_column(map->eb, column,
                       index >= LT_OUTER_COLUMN ? index - LT_OUTER_COLUMN : map->left_count + index,
                       out, err);
}

lt_status lt_outer_join_expr(lt_binder *b, const lt_expr *expr, uint32_t left_count, lt_expr **out,
                             lt_error *err)
{
    column_map map = {.eb = &b->eb, .left_count = left_count};
    return lt_expr_substitute(&b->eb, expr, join_column, &map, out, err);
}

static lt_status inline_column(void *arg, const lt_expr *column, lt_expr **out, lt_error *err)
{
    const column_map *map = arg;
    if (column->u.column >= LT_OUTER_COLUMN) {
        return move_column(map->eb, column, column->u.column, out, err);
    }
    *out = map->exprs[column->u.column];
    return LT_OK;
}

/* The expression with what its columns stand for. */
static lt_status inlined(const context *c, const lt_expr *expr, lt_expr *const *exprs,
                         lt_expr **out, lt_error *err)
{
    column_map map = {.eb = &c->b->eb, .exprs = exprs};
    return lt_expr_substitute(&c->b->eb, expr, inline_column, &map, out, err);
}

static lt_status shift_column(void *arg, const lt_expr *column, lt_expr **out, lt_error *err)
{
    const column_map *map = arg;
    uint32_t index = column->u.column;
    return move_column(map->eb, column, index >= LT_OUTER_COLUMN ? index : index + map->left_count,
                       out, err);
}

/* The expression of a join's right input as one over the join. */
static lt_status shifted(const context *c, const lt_expr *expr, uint32_t by, lt_expr **out,
                         lt_error *err)
{
    column_map map = {.eb = &c->b->eb, .left_count = by};
    return lt_expr_substitute(&c->b->eb, expr, shift_column, &map, out, err);
}

/* ---- conditions ---- */

static lt_status add_condition(const context *c, lt_expr **to, lt_expr *more, lt_error *err)
{
    if (*to == NULL || more == NULL) {
        *to = *to == NULL ? more : *to;
        return LT_OK;
    }
    lt_expr *both[2] = {*to, more};
    return lt_expr_call(&c->b->eb, LT_STR("AND"), both, 2, more->pos, to, err);
}

static bool is_call(const lt_expr *expr, const char *name)
{
    return expr->kind == LT_NODE_CALL && strcmp(expr->u.call.func->name, name) == 0;
}

/* Splits a condition into what has outer references and what has none. */
static lt_status split_condition(const context *c, lt_expr *condition, lt_expr **own,
                                 lt_expr **outer, lt_error *err)
{
    if (is_call(condition, "AND")) {
        for (uint32_t i = 0; i < condition->u.call.arg_count; i++) {
            LT_TRY(split_condition(c, condition->u.call.args[i], own, outer, err));
        }
        return LT_OK;
    }
    return add_condition(c, lt_expr_is_outer(condition) ? outer : own, condition, err);
}

typedef struct {
    bool outer, inner;
} sides;

static void note_side(void *arg, uint32_t index)
{
    sides *s = arg;
    s->outer = s->outer || index >= LT_OUTER_COLUMN;
    s->inner = s->inner || index < LT_OUTER_COLUMN;
}

/* Is one side of the comparison over inner columns alone, the other over outer ones? */
static bool is_key_pair(const lt_expr *expr, uint32_t *inner_arg)
{
    if (!is_call(expr, "=") && !is_call(expr, "IS NOT DISTINCT FROM")) {
        return false;
    }
    for (uint32_t i = 0; i < 2; i++) {
        sides in = {false, false}, out = {false, false};
        lt_expr_columns(expr->u.call.args[i], note_side, &in);
        lt_expr_columns(expr->u.call.args[1 - i], note_side, &out);
        if (in.inner && !in.outer && out.outer && !out.inner) {
            *inner_arg = i;
            return true;
        }
    }
    return false;
}

static uint32_t count_conjuncts(const lt_expr *condition)
{
    if (condition == NULL) {
        return 0;
    }
    if (!is_call(condition, "AND")) {
        return 1;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < condition->u.call.arg_count; i++) {
        count += count_conjuncts(condition->u.call.args[i]);
    }
    return count;
}

static void list_conjuncts(lt_expr *condition, lt_expr **to, uint32_t *count)
{
    if (condition == NULL) {
        return;
    }
    if (!is_call(condition, "AND")) {
        to[(*count)++] = condition;
        return;
    }
    for (uint32_t i = 0; i < condition->u.call.arg_count; i++) {
        list_conjuncts(condition->u.call.args[i], to, count);
    }
}

/* ---- nodes ---- */

static lt_status flatten(const context *c, lt_rel *rel, lt_flat_query *out, lt_error *err);

static lt_status refuse(const lt_rel *rel, const char *what, lt_error *err)
{
    lt_status st = lt_error_set_at(err, LT_ERR_UNSUPPORTED, rel->pos,
                                   "a correlated sub-query %s is not supported", what);
    lt_error_hint(err, "it uses columns of the query around it; write it as a join");
    return st;
}

/* Columns as they are; nothing pulled up. */
static lt_status flat_of(const context *c, lt_rel *rel, lt_flat_query *out, lt_error *err)
{
    *out = (lt_flat_query){.rel = rel, .count = rel->schema->count};
    out->cols = LT_NEW_ARRAY(c->b->arena, lt_expr *, rel->schema->count + 1);
    if (out->cols == NULL) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < rel->schema->count; i++) {
        LT_TRY(lt_expr_column(&c->b->eb, i, rel->schema->fields[i].type, rel->pos, &out->cols[i],
                              err));
    }
    return LT_OK;
}

static lt_status flatten_filter(const context *c, lt_rel *rel, lt_flat_query *out, lt_error *err)
{
    lt_expr *condition, *own = NULL, *outer = NULL;
    LT_TRY(flatten(c, rel->inputs[0], out, err));
    if (out->global) {
        return refuse(rel, "with HAVING over an aggregate without GROUP BY", err);
    }
    LT_TRY(inlined(c, rel->u.filter.condition, out->cols, &condition, err));
    LT_TRY(split_condition(c, condition, &own, &outer, err));
    LT_TRY(add_condition(c, &out->condition, outer, err));
    return own == NULL ? LT_OK : lt_rel_filter(c->b, out->rel, own, rel->pos, &out->rel, err);
}

static lt_status flatten_project(const context *c, lt_rel *rel, lt_flat_query *out, lt_error *err)
{
    LT_TRY(flatten(c, rel->inputs[0], out, err));
    uint32_t count = rel->schema->count;
    lt_expr **cols = LT_NEW_ARRAY(c->b->arena, lt_expr *, count + 1);
    if (cols == NULL) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        LT_TRY(inlined(c, rel->u.project.exprs[i], out->cols, &cols[i], err));
    }
    out->cols = cols;
    out->count = count;
    return LT_OK;
}

/* What a node below which columns must be computed makes of its flat input: a projection with the
 * input's columns at their places (NULL where one has outer references; used[] says whether it
 * matters), then the inner sides of the pulled-up equalities. */
typedef struct {
    lt_flat_query in;
    lt_rel *rel;
    uint32_t base;   /* column of the first key */
    uint32_t count;  /* keys */
    lt_expr **pairs; /* the equalities */
    uint32_t *inner; /* which argument of the pair is the inner one */
} keyed_input;

static lt_status computed_column(const context *c, const lt_flat_query *in, uint32_t i,
                                 lt_expr **out, lt_error *err)
{
    if (!lt_expr_is_outer(in->cols[i])) {
        *out = in->cols[i];
        return LT_OK;
    }
    const lt_type *type = lt_type_with_nullable(c->b->arena, in->cols[i]->type, true);
    if (type == NULL) {
        return nomem(err);
    }
    const lt_value null = {.type = type, .is_null = true};
    return lt_expr_literal(&c->b->eb, &null, in->cols[i]->pos, out, err);
}

static lt_status key_input(const context *c, const lt_rel *node, const char *what, keyed_input *out,
                           lt_error *err)
{
    LT_TRY(flatten(c, node->inputs[0], &out->in, err));
    const lt_flat_query *in = &out->in;
    const lt_schema *schema = node->inputs[0]->schema;
    uint32_t most = count_conjuncts(in->condition);
    lt_expr **exprs = LT_NEW_ARRAY(c->b->arena, lt_expr *, in->count + most + 1);
    lt_field *fields = LT_NEW_ARRAY(c->b->arena, lt_field, in->count + most + 1);
    out->pairs = LT_NEW_ARRAY(c->b->arena, lt_expr *, most + 1);
    out->inner = LT_NEW_ARRAY(c->b->arena, uint32_t, most + 1);
    if (exprs == NULL || fields == NULL || out->pairs == NULL || out->inner == NULL) {
        return nomem(err);
    }
    if (in->global) {
        return refuse(node, "with an aggregate over an aggregate without GROUP BY", err);
    }
    list_conjuncts(in->condition, out->pairs, &out->count);
    out->base = in->count;
    for (uint32_t i = 0; i < in->count; i++) {
        LT_TRY(computed_column(c, in, i, &exprs[i], err));
        fields[i] = (lt_field){schema->fields[i].name, exprs[i]->type};
    }
    for (uint32_t k = 0; k < out->count; k++) {
        if (!is_key_pair(out->pairs[k], &out->inner[k])) {
            return refuse(node, what, err);
        }
        lt_expr *inner = out->pairs[k]->u.call.args[out->inner[k]];
        const char *name = lt_arena_printf(c->b->arena, "$k%u", k);
        const lt_type *type = lt_type_with_attr(c->b->arena, inner->type, LT_TIME_NONE);
        if (name == NULL || type == NULL) {
            return nomem(err);
        }
        exprs[in->count + k] = inner;
        fields[in->count + k] = (lt_field){lt_str_of(name), type};
    }
    return lt_rel_project(c->b, in->rel, exprs, fields, in->count + out->count, &out->rel, err);
}

/* The equalities again, their inner sides columns first, first + 1 .. of rel. */
static lt_status key_condition(const context *c, const keyed_input *keyed, lt_rel *rel,
                               uint32_t first, lt_flat_query *out, lt_error *err)
{
    out->rel = rel;
    out->condition = NULL;
    for (uint32_t k = 0; k < keyed->count; k++) {
        const lt_expr *pair = keyed->pairs[k];
        lt_expr *args[2] = {pair->u.call.args[0], pair->u.call.args[1]}, *equal;
        LT_TRY(lt_expr_column(&c->b->eb, first + k, rel->schema->fields[first + k].type, pair->pos,
                              &args[keyed->inner[k]], err));
        LT_TRY(lt_expr_call(&c->b->eb,
                            is_call(pair, "=") ? LT_STR("=") : LT_STR("IS NOT DISTINCT FROM"), args,
                            2, pair->pos, &equal, err));
        LT_TRY(add_condition(c, &out->condition, equal, err));
    }
    return LT_OK;
}

typedef struct {
    const lt_flat_query *in;
    bool outer;
} use_scan;

static void note_use(void *arg, uint32_t index)
{
    use_scan *scan = arg;
    scan->outer =
        scan->outer || index >= LT_OUTER_COLUMN || lt_expr_is_outer(scan->in->cols[index]);
}

/* Do the aggregates use a column that is not known inside? */
static bool aggregates_need_outer(const lt_rel *rel, const lt_flat_query *in)
{
    use_scan scan = {in, false};
    for (uint32_t a = 0; a < rel->u.aggregate.agg_count; a++) {
        const lt_agg *agg = rel->u.aggregate.aggs[a];
        for (uint32_t i = 0; i < agg->arg_count; i++) {
            lt_expr_columns(agg->args[i], note_use, &scan);
        }
        if (agg->filter != NULL) {
            lt_expr_columns(agg->filter, note_use, &scan);
        }
    }
    return scan.outer;
}

static bool is_count(const lt_agg *agg)
{
    return strcmp(agg->cls->name, "COUNT") == 0;
}

/* What stands for a row of the global aggregate that is not there. */
static lt_status empty_values(const context *c, const lt_rel *rel, uint32_t first,
                              lt_flat_query *out, lt_error *err)
{
    out->global = true;
    out->empty = LT_NEW_ARRAY(c->b->arena, lt_expr *, out->rel->schema->count + 1);
    if (out->empty == NULL) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < out->rel->schema->count; i++) {
        const lt_type *type = out->rel->schema->fields[i].type;
        bool zero = i >= first && is_count(rel->u.aggregate.aggs[i - first]);
        type = lt_type_with_nullable(c->b->arena, type, !zero);
        if (type == NULL) {
            return nomem(err);
        }
        const lt_value value = {.type = type, .is_null = !zero};
        LT_TRY(lt_expr_literal(&c->b->eb, &value, rel->pos, &out->empty[i], err));
    }
    return LT_OK;
}

/* Keys: those of the query that are known inside, the pulled-up ones, then the aggregates. */
static lt_status flatten_aggregate(const context *c, lt_rel *rel, lt_flat_query *out, lt_error *err)
{
    keyed_input keyed = {0};
    LT_TRY(key_input(c, rel, "with an aggregate and a condition other than inner = outer below it",
                     &keyed, err));
    if (aggregates_need_outer(rel, &keyed.in)) {
        return refuse(rel, "that aggregates outer columns", err);
    }
    uint32_t own = rel->u.aggregate.key_count, aggs = rel->u.aggregate.agg_count;
    uint32_t *keys = LT_NEW_ARRAY(c->b->arena, uint32_t, own + keyed.count + 1);
    *out = (lt_flat_query){.count = rel->schema->count};
    out->cols = LT_NEW_ARRAY(c->b->arena, lt_expr *, rel->schema->count + 1);
    if (keys == NULL || out->cols == NULL) {
        return nomem(err);
    }
    uint32_t used = 0;
    for (uint32_t i = 0; i < own; i++) {
        uint32_t key = rel->u.aggregate.keys[i];
        if (lt_expr_is_outer(keyed.in.cols[key])) {
            out->cols[i] = keyed.in.cols[key]; /* one value per outer row: no key */
            continue;
        }
        LT_TRY(lt_expr_column(&c->b->eb, used, keyed.rel->schema->fields[key].type, rel->pos,
                              &out->cols[i], err));
        keys[used++] = key;
    }
    for (uint32_t k = 0; k < keyed.count; k++) {
        keys[used + k] = keyed.base + k;
    }
    lt_rel *grouped;
    LT_TRY(lt_rel_aggregate(c->b, keyed.rel, keys, NULL, used + keyed.count, rel->u.aggregate.aggs,
                            aggs, &grouped, err));
    uint32_t first = used + keyed.count;
    for (uint32_t a = 0; a < aggs; a++) {
        LT_TRY(lt_expr_column(&c->b->eb, first + a, grouped->schema->fields[first + a].type,
                              rel->pos, &out->cols[own + a], err));
    }
    LT_TRY(key_condition(c, &keyed, grouped, used, out, err));
    return own == 0 ? empty_values(c, rel, first, out, err) : LT_OK;
}

/* ROW_NUMBER within the rows of one outer row. */
static lt_status flatten_rank(const context *c, lt_rel *rel, lt_flat_query *out, lt_error *err)
{
    keyed_input keyed = {0};
    LT_TRY(key_input(c, rel, "with ROW_NUMBER() and a condition other than inner = outer below it",
                     &keyed, err));
    if (any_outer(keyed.in.cols, keyed.in.count)) {
        return refuse(rel, "with ROW_NUMBER() over outer columns", err);
    }
    uint32_t own = rel->u.rank.partition_count, columns = keyed.rel->schema->count;
    uint32_t *partition = LT_NEW_ARRAY(c->b->arena, uint32_t, own + keyed.count + 1);
    lt_field *fields = LT_NEW_ARRAY(c->b->arena, lt_field, columns + 2);
    lt_rel *rank = lt_rel_make(c->b, LT_REL_RANK, rel->pos, keyed.rel, err);
    if (rank == NULL) {
        return err->code;
    }
    if (partition == NULL || fields == NULL) {
        return nomem(err);
    }
    memcpy(partition, rel->u.rank.partition, own * sizeof *partition);
    for (uint32_t k = 0; k < keyed.count; k++) {
        partition[own + k] = keyed.base + k;
    }
    memcpy(fields, keyed.rel->schema->fields, columns * sizeof *fields);
    fields[columns] = rel->schema->fields[rel->schema->count - 1];
    rank->schema = lt_schema_new(c->b->arena, fields, columns + 1);
    if (rank->schema == NULL) {
        return nomem(err);
    }
    rank->u.rank = rel->u.rank;
    rank->u.rank.partition = partition;
    rank->u.rank.partition_count = own + keyed.count;
    LT_TRY(flat_of(c, rank, out, err));
    out->cols[keyed.base] = out->cols[columns]; /* the number stands behind the query's columns */
    out->count = keyed.base + 1;
    return key_condition(c, &keyed, rank, keyed.base, out, err);
}

/* The number is in the range that OFFSET and LIMIT leave. */
static lt_status number_filter(const context *c, lt_rel *rank, lt_rel *sort, lt_rel **out,
                               lt_error *err)
{
    uint32_t last = rank->schema->count - 1;
    const lt_type *type = rank->schema->fields[last].type;
    lt_expr *args[3], *between;
    lt_value low = {.type = type, .u.i = sort->u.sort.offset + 1};
    lt_value high = {.type = type, .u.i = sort->u.sort.offset + sort->u.sort.count};
    LT_TRY(lt_expr_column(&c->b->eb, last, type, sort->pos, &args[0], err));
    LT_TRY(lt_expr_literal(&c->b->eb, &low, sort->pos, &args[1], err));
    LT_TRY(lt_expr_literal(&c->b->eb, &high, sort->pos, &args[2], err));
    LT_TRY(lt_expr_call(&c->b->eb, LT_STR("BETWEEN"), args, 3, sort->pos, &between, err));
    return lt_rel_filter(c->b, rank, between, sort->pos, out, err);
}

/* ORDER BY .. LIMIT n of each outer row's rows: the first n numbers. */
static lt_status flatten_sort(const context *c, lt_rel *rel, lt_flat_query *out, lt_error *err)
{
    if (rel->u.sort.count < 0) {
        return refuse(rel, "with ORDER BY and no LIMIT", err);
    }
    lt_rel *rank = lt_rel_make(c->b, LT_REL_RANK, rel->pos, rel->inputs[0], err);
    if (rank == NULL) {
        return err->code;
    }
    uint32_t count = rel->schema->count;
    lt_field *fields = LT_NEW_ARRAY(c->b->arena, lt_field, count + 1);
    const lt_type *type = lt_type_new(c->b->arena, LT_TYPE_BIGINT, false);
    if (fields == NULL || type == NULL) {
        return nomem(err);
    }
    memcpy(fields, rel->schema->fields, count * sizeof *fields);
    fields[count] = (lt_field){LT_STR("$n"), type};
    rank->schema = lt_schema_new(c->b->arena, fields, count + 1);
    if (rank->schema == NULL) {
        return nomem(err);
    }
    rank->u.rank.order = rel->u.sort.keys;
    rank->u.rank.order_count = rel->u.sort.key_count;
    LT_TRY(flatten_rank(c, rank, out, err));
    LT_TRY(number_filter(c, out->rel, rel, &out->rel, err));
    out->count = count;
    return LT_OK;
}

static lt_status flatten_limit(const context *c, lt_rel *rel, lt_flat_query *out, lt_error *err)
{
    if (c->use == LT_SUBQUERY_TEST && rel->u.limit.offset == 0 && rel->u.limit.count != 0) {
        return flatten(c, rel->inputs[0], out, err); /* is there one? */
    }
    return refuse(rel, "with LIMIT and no ORDER BY", err);
}

/* Inner joins, and semi joins where it does not matter how often a row comes, take both sides
 * apart; other joins only their left side. */
static lt_status flatten_join(const context *c, lt_rel *rel, lt_flat_query *out, lt_error *err)
{
    lt_flat_query right;
    lt_join_type type = rel->u.join.type;
    bool inner =
        type == LT_JOIN_TYPE_INNER || (type == LT_JOIN_TYPE_SEMI && c->use == LT_SUBQUERY_TEST);
    bool left_only = type == LT_JOIN_TYPE_SEMI || type == LT_JOIN_TYPE_ANTI;
    if (rel->u.join.temporal) {
        return refuse(rel, "with a join FOR SYSTEM_TIME AS OF", err);
    }
    if (!inner && (tree_is_outer(rel->inputs[1]) || lt_expr_is_outer(rel->u.join.condition) ||
                   (type != LT_JOIN_TYPE_LEFT && !left_only))) {
        return refuse(rel, "with an outer join or a sub-query of its own below the correlation",
                      err);
    }
    LT_TRY(flatten(c, rel->inputs[0], out, err));
    LT_TRY(flatten(c, rel->inputs[1], &right, err));
    if (out->global || right.global) {
        return refuse(rel, "with a join of an aggregate without GROUP BY", err);
    }
    uint32_t shift = out->rel->schema->count, count = out->count + right.count;
    lt_expr **cols = LT_NEW_ARRAY(c->b->arena, lt_expr *, count + 1);
    lt_expr *condition = NULL, *own = NULL, *outer = NULL;
    if (cols == NULL) {
        return nomem(err);
    }
    memcpy(cols, out->cols, out->count * sizeof *cols);
    for (uint32_t i = 0; i < right.count; i++) {
        LT_TRY(shifted(c, right.cols[i], shift, &cols[out->count + i], err));
    }
    if (right.condition != NULL) {
        LT_TRY(shifted(c, right.condition, shift, &right.condition, err));
        LT_TRY(add_condition(c, &out->condition, right.condition, err));
    }
    if (rel->u.join.condition != NULL) {
        LT_TRY(inlined(c, rel->u.join.condition, cols, &condition, err));
        LT_TRY(split_condition(c, condition, &own, &outer, err));
        LT_TRY(add_condition(c, &out->condition, outer, err));
    }
    lt_rel *join;
    LT_TRY(lt_rel_join(c->b, out->rel, right.rel, inner ? LT_JOIN_TYPE_INNER : type, rel->pos,
                       &join, err));
    join->u.join.condition = own;
    out->rel = join;
    out->cols = cols;
    out->count = left_only ? out->count : count;
    for (uint32_t i = 0; i < out->count; i++) { /* columns of a LEFT JOIN may be NULL now */
        if (cols[i]->kind == LT_NODE_COLUMN && cols[i]->u.column < LT_OUTER_COLUMN) {
            uint32_t at = cols[i]->u.column;
            LT_TRY(lt_expr_column(&c->b->eb, at, join->schema->fields[at].type, rel->pos, &cols[i],
                                  err));
        }
    }
    return LT_OK;
}

/* Columns of the flat input, then the element's: these stand behind the input's own. */
static lt_status flatten_unnest(const context *c, lt_rel *rel, lt_flat_query *out, lt_error *err)
{
    LT_TRY(flatten(c, rel->inputs[0], out, err));
    uint32_t column = rel->u.unnest.column, values = rel->schema->count - out->count;
    if (out->global || lt_expr_is_outer(out->cols[column])) {
        return refuse(rel, "with UNNEST of an outer column or of an aggregate", err);
    }
    lt_rel *input, *unnest;
    LT_TRY(lt_rel_extend(c->b, out->rel, &out->cols[column], 1, &input, err));
    uint32_t base = input->schema->count, count = out->count + values;
    lt_field *fields = LT_NEW_ARRAY(c->b->arena, lt_field, base + values + 1);
    lt_expr **cols = LT_NEW_ARRAY(c->b->arena, lt_expr *, count + 1);
    unnest = lt_rel_make(c->b, LT_REL_UNNEST, rel->pos, input, err);
    if (unnest == NULL) {
        return err->code;
    }
    if (fields == NULL || cols == NULL) {
        return nomem(err);
    }
    memcpy(fields, input->schema->fields, base * sizeof *fields);
    memcpy(cols, out->cols, out->count * sizeof *cols);
    for (uint32_t i = 0; i < values; i++) {
        fields[base + i] = rel->schema->fields[out->count + i];
        LT_TRY(lt_expr_column(&c->b->eb, base + i, fields[base + i].type, rel->pos,
                              &cols[out->count + i], err));
    }
    unnest->schema = lt_schema_new(c->b->arena, fields, base + values);
    unnest->u.unnest = rel->u.unnest;
    unnest->u.unnest.column = base - 1;
    out->rel = unnest;
    out->cols = cols;
    out->count = count;
    return unnest->schema == NULL ? nomem(err) : LT_OK;
}

static lt_status flatten_values(const context *c, lt_rel *rel, lt_flat_query *out, lt_error *err)
{
    if (rel->u.values.row_count != 1) {
        return refuse(rel, "with several rows of VALUES", err);
    }
    /* One row: its columns are expressions over a row without meaning. */
    lt_rel *dummy;
    LT_TRY(lt_rel_dummy(c->b, rel->pos, &dummy, err));
    *out =
        (lt_flat_query){.rel = dummy, .cols = rel->u.values.rows[0], .count = rel->schema->count};
    return LT_OK;
}

/* A global aggregate, projected: its row is there even when nothing comes in, so that a scalar
 * sub-query of it has a value other than NULL. */
static bool is_one_row(const lt_rel *rel)
{
    while (rel->kind == LT_REL_PROJECT) {
        rel = rel->inputs[0];
    }
    return rel->kind == LT_REL_AGGREGATE && rel->u.aggregate.key_count == 0;
}

static lt_status flatten(const context *c, lt_rel *rel, lt_flat_query *out, lt_error *err)
{
    if (!tree_is_outer(rel) && (c->use != LT_SUBQUERY_SCALAR || !is_one_row(rel))) {
        return flat_of(c, rel, out, err);
    }
    switch (rel->kind) {
    case LT_REL_FILTER:
        return flatten_filter(c, rel, out, err);
    case LT_REL_PROJECT:
        return flatten_project(c, rel, out, err);
    case LT_REL_AGGREGATE:
        return flatten_aggregate(c, rel, out, err);
    case LT_REL_RANK:
        return flatten_rank(c, rel, out, err);
    case LT_REL_SORT:
        return flatten_sort(c, rel, out, err);
    case LT_REL_LIMIT:
        return flatten_limit(c, rel, out, err);
    case LT_REL_JOIN:
        return flatten_join(c, rel, out, err);
    case LT_REL_UNNEST:
        return flatten_unnest(c, rel, out, err);
    case LT_REL_VALUES:
        return flatten_values(c, rel, out, err);
    case LT_REL_SCAN:
    case LT_REL_WATERMARK:
    case LT_REL_WINDOW:
    case LT_REL_UNION:
    case LT_REL_OVER:
    case LT_REL_SINK:
        break;
    case LT_REL_EXPAND:
        return refuse(rel, "with grouping sets", err);
    }
    return refuse(rel, "with a set operation or a window function", err);
}

/* ---- the top ---- */

/* Puts what is computed from inner columns alone into rel, so that a join that finds no partner
 * makes it NULL; appends the columns to rel's. */
static lt_status compute_columns(const context *c, lt_flat_query *q, lt_error *err)
{
    lt_expr **extra = LT_NEW_ARRAY(c->b->arena, lt_expr *, q->count + 1);
    uint32_t base = q->rel->schema->count, count = 0;
    if (extra == NULL) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < q->count; i++) {
        if (q->cols[i]->kind == LT_NODE_COLUMN || lt_expr_is_outer(q->cols[i])) {
            continue;
        }
        extra[count] = q->cols[i];
        const lt_type *type = lt_type_with_attr(c->b->arena, q->cols[i]->type, LT_TIME_NONE);
        if (type == NULL) {
            return nomem(err);
        }
        LT_TRY(lt_expr_column(&c->b->eb, base + count, type, q->cols[i]->pos, &q->cols[i], err));
        count++;
    }
    return count == 0 ? LT_OK : lt_rel_extend(c->b, q->rel, extra, count, &q->rel, err);
}

/* A value that a missing row of a global aggregate has, for the columns just computed. */
static lt_status compute_empty(const context *c, const lt_flat_query *was, lt_flat_query *q,
                               lt_error *err)
{
    uint32_t count = q->rel->schema->count;
    lt_expr **empty = LT_NEW_ARRAY(c->b->arena, lt_expr *, count + 1);
    if (empty == NULL) {
        return nomem(err);
    }
    memcpy(empty, was->empty, was->rel->schema->count * sizeof *empty);
    for (uint32_t i = 0; i < q->count; i++) {
        if (q->cols[i]->kind == LT_NODE_COLUMN && q->cols[i]->u.column >= was->rel->schema->count &&
            q->cols[i]->u.column < LT_OUTER_COLUMN) {
            LT_TRY(inlined(c, was->cols[i], was->empty, &empty[q->cols[i]->u.column], err));
        }
    }
    q->empty = empty;
    return LT_OK;
}

lt_status lt_decorrelate(lt_binder *b, lt_rel *query, lt_subquery_use use, lt_flat_query *out,
                         lt_error *err)
{
    const context c = {b, use};
    LT_TRY(flatten(&c, query, out, err));
    lt_flat_query was = *out;
    lt_expr **cols = LT_NEW_ARRAY(b->arena, lt_expr *, out->count + 1);
    if (cols == NULL) {
        return nomem(err);
    }
    memcpy(cols, out->cols, out->count * sizeof *cols);
    out->cols = cols;
    LT_TRY(compute_columns(&c, out, err));
    return out->global ? compute_empty(&c, &was, out, err) : LT_OK;
}

lt_status lt_flat_pairs(lt_binder *b, const lt_flat_query *query, lt_key_pairs *out, lt_error *err)
{
    uint32_t most = count_conjuncts(query->condition), count = 0;
    lt_expr **conjuncts = LT_NEW_ARRAY(b->arena, lt_expr *, most + 1);
    *out = (lt_key_pairs){.inner = LT_NEW_ARRAY(b->arena, lt_expr *, most + 1),
                          .outer = LT_NEW_ARRAY(b->arena, lt_expr *, most + 1),
                          .null_safe = LT_NEW_ARRAY(b->arena, bool, most + 1)};
    if (conjuncts == NULL || out->inner == NULL || out->outer == NULL || out->null_safe == NULL) {
        return nomem(err);
    }
    list_conjuncts(query->condition, conjuncts, &count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t inner;
        if (is_key_pair(conjuncts[i], &inner)) {
            out->inner[out->count] = conjuncts[i]->u.call.args[inner];
            out->outer[out->count] = conjuncts[i]->u.call.args[1 - inner];
            out->null_safe[out->count++] = !is_call(conjuncts[i], "=");
        }
    }
    out->all = out->count == count;
    return LT_OK;
}
