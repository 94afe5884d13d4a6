/* A condition on ROW_NUMBER() OVER (PARTITION BY .. ORDER BY ..), such as rn <= 3: a Top-N, within
 * windows where their bounds are among the partition's columns. ORDER BY .. LIMIT is one too. What
 * kind of Top-N it is shows when the changelog is known (rank.c). */
#include <string.h>

#include "expr/registry.h"
#include "plan/logical.h"

typedef struct {
    lt_rel *rank;
    lt_chain chain; /* from the filter down to the RANK node, the filter's condition included */
    uint32_t rank_col;
    int64_t min, max; /* inclusive */
    lt_expr *rest;    /* conjuncts that are not about the rank; over the RANK node's output */
    bool bounded;
    bool variable; /* the bound is a column: of the RANK node's input, less one if end_less */
    uint32_t end_col;
    bool end_less;
} topn_match;

static bool int_literal(const lt_expr *expr, int64_t *out)
{
    if (expr->kind != LT_NODE_LITERAL || expr->u.literal.is_null ||
        !lt_type_is_integer(expr->type)) {
        return false;
    }
    *out = expr->u.literal.u.i;
    return true;
}

static bool is_rank(const topn_match *m, const lt_expr *expr)
{
    return expr->kind == LT_NODE_COLUMN && expr->u.column == m->rank_col;
}

static const char *mirrored(const char *name)
{
    static const char *const pairs[][2] = {
        {"<", ">"}, {">", "<"}, {"<=", ">="}, {">=", "<="}, {"=", "="}};
    for (size_t i = 0; i < LT_COUNT_OF(pairs); i++) {
        if (strcmp(name, pairs[i][0]) == 0) {
            return pairs[i][1];
        }
    }
    return NULL;
}

/* rn <= column, the column perhaps widened. */
static bool narrow_by_column(topn_match *m, const lt_expr *expr, const char *name)
{
    if (expr->kind == LT_NODE_CALL && strcmp(expr->u.call.func->name, "CAST") == 0 &&
        lt_type_is_integer(expr->type)) {
        expr = expr->u.call.args[0];
    }
    if (m->variable || name[0] != '<' || expr->kind != LT_NODE_COLUMN || is_rank(m, expr) ||
        !lt_type_is_integer(expr->type)) {
        return false;
    }
    m->variable = true;
    m->bounded = true;
    m->end_col = expr->u.column;
    m->end_less = name[1] == 0;
    return true;
}

/* Narrows the rank range by one conjunct; false when it is not a comparison of the rank with a
 * number. */
static bool narrow(topn_match *m, const lt_expr *expr, const char *name)
{
    int64_t n;
    if (strcmp(name, "BETWEEN") == 0 && is_rank(m, expr->u.call.args[0])) {
        int64_t high;
        if (!int_literal(expr->u.call.args[1], &n) || !int_literal(expr->u.call.args[2], &high)) {
            return false;
        }
        m->min = LT_MAX(m->min, n);
        m->max = LT_MIN(m->max, high);
        m->bounded = true;
        return true;
    }
    if (expr->u.call.arg_count != 2 || mirrored(name) == NULL) {
        return false;
    }
    const lt_expr *left = expr->u.call.args[0];
    const lt_expr *right = expr->u.call.args[1];
    if (is_rank(m, right)) {
        const lt_expr *other = left;
        left = right;
        right = other;
        name = mirrored(name);
    }
    if (!is_rank(m, left)) {
        return false;
    }
    if (!int_literal(right, &n)) {
        return narrow_by_column(m, right, name);
    }
    bool less = name[0] == '<';
    bool equal = name[0] == '=';
    bool closed = name[0] != '=' && name[1] == '=';
    if (less || equal) {
        m->max = LT_MIN(m->max, equal || closed ? n : n - 1);
        m->bounded = true;
    }
    if (!less) {
        m->min = LT_MAX(m->min, equal || closed ? n : n + 1);
    }
    return true;
}

static lt_status split(lt_planner *p, topn_match *m, lt_expr *expr, lt_error *err)
{
    const char *name = expr->kind == LT_NODE_CALL ? expr->u.call.func->name : "";
    if (strcmp(name, "AND") == 0) {
        for (uint32_t i = 0; i < expr->u.call.arg_count; i++) {
            LT_TRY(split(p, m, expr->u.call.args[i], err));
        }
        return LT_OK;
    }
    if (expr->kind == LT_NODE_CALL && narrow(m, expr, name)) {
        return LT_OK;
    }
    return lt_plan_and(p, m->rest, expr, &m->rest, err);
}

typedef struct {
    uint32_t col;
    bool found;
} col_use;

static void note_col(void *arg, uint32_t index)
{
    col_use *use = arg;
    use->found = use->found || index == use->col;
}

static bool rank_is_used(const topn_match *m, uint32_t count)
{
    col_use use = {m->rank_col, false};
    for (uint32_t i = 0; i < count; i++) {
        lt_expr_columns(m->chain.exprs[i], note_col, &use);
    }
    if (m->rest != NULL) {
        lt_expr_columns(m->rest, note_col, &use);
    }
    return use.found;
}

static bool in_partition(const lt_rel *rank, int col)
{
    for (uint32_t i = 0; col >= 0 && i < rank->u.rank.partition_count; i++) {
        if (rank->u.rank.partition[i] == (uint32_t)col) {
            return true;
        }
    }
    return false;
}

static lt_status make_topn(lt_planner *p, topn_match *m, bool rank_output, lt_log **out,
                           lt_error *err)
{
    lt_rel *rank = m->rank;
    const lt_window_props *props = &rank->inputs[0]->window;
    lt_log *input;
    LT_TRY(lt_plan_translate(p, rank->inputs[0], &input, err));
    const lt_schema *schema = rank_output ? rank->schema : rank->inputs[0]->schema;
    lt_log *node = lt_log_new(p, LT_LOG_TOPN, schema, &input, 1);
    uint32_t *partition = LT_NEW_ARRAY(p->arena, uint32_t, rank->u.rank.partition_count + 1);
    if (node == NULL || partition == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    lt_window_topn_spec *spec = &node->topn;
    for (uint32_t i = 0; i < rank->u.rank.partition_count; i++) {
        uint32_t col = rank->u.rank.partition[i];
        if ((int)col != props->start_col && (int)col != props->end_col) {
            partition[spec->partition_count++] = col;
        }
    }
    spec->partition = partition;
    spec->start_col = (uint32_t)props->start_col;
    spec->end_col = (uint32_t)props->end_col;
    spec->ltz = props->ltz;
    spec->order = rank->u.rank.order;
    spec->order_count = rank->u.rank.order_count;
    spec->rank_min = m->min;
    spec->rank_max = m->max;
    spec->rank_output = rank_output;
    node->pos = rank->pos;
    return lt_log_intern(p, node, out, err);
}

static lt_status make_rank(lt_planner *p, topn_match *m, bool rank_output, lt_log **out,
                           lt_error *err)
{
    lt_rel *rank = m->rank;
    lt_log *input;
    LT_TRY(lt_plan_translate(p, rank->inputs[0], &input, err));
    const lt_schema *schema = rank_output ? rank->schema : rank->inputs[0]->schema;
    lt_log *node = lt_log_new(p, LT_LOG_RANK, schema, &input, 1);
    if (node == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    node->rank = (lt_topn_spec){.partition = rank->u.rank.partition,
                                .partition_count = rank->u.rank.partition_count,
                                .order = rank->u.rank.order,
                                .order_count = rank->u.rank.order_count,
                                .rank_min = m->min,
                                .rank_max = m->max,
                                .variable = m->variable,
                                .end_col = m->end_col,
                                .end_less = m->end_less,
                                .rank_output = rank_output};
    node->pos = rank->pos;
    return lt_log_intern(p, node, out, err);
}

/* Where only one rank is asked for, it is a constant. */
static lt_status fix_rank(lt_planner *p, topn_match *m, uint32_t count, lt_error *err)
{
    const lt_schema *schema = m->rank->schema;
    lt_expr **exprs;
    const lt_value value = {.type = schema->fields[m->rank_col].type, .u.i = m->min};
    LT_TRY(lt_log_identity(p, schema, &exprs, err));
    LT_TRY(lt_expr_literal(&p->builder, &value, m->rank->pos, &exprs[m->rank_col], err));
    for (uint32_t i = 0; i < count; i++) {
        LT_TRY(lt_expr_remap(&p->builder, m->chain.exprs[i], NULL, exprs, &m->chain.exprs[i], err));
    }
    return m->rest == NULL ? LT_OK
                           : lt_expr_remap(&p->builder, m->rest, NULL, exprs, &m->rest, err);
}

static lt_status check_range(const topn_match *m, bool windowed, lt_error *err)
{
    uint32_t pos = m->rank->pos;
    if (!m->bounded) {
        return lt_error_set_at(err, LT_ERR_UNSUPPORTED, pos,
                               "ROW_NUMBER() needs an upper bound, such as WHERE rn <= 3");
    }
    if (m->variable && (m->max != INT64_MAX || windowed)) {
        return lt_error_set_at(err, LT_ERR_UNSUPPORTED, pos,
                               windowed ? "within windows the bound of ROW_NUMBER() is a number, "
                                          "not a column"
                                        : "ROW_NUMBER() takes one upper bound: a number or a "
                                          "column");
    }
    if (m->max < 1 && !windowed) {
        return lt_error_set_at(err, LT_ERR_SQL, pos,
                               "the upper bound of ROW_NUMBER() is %lld: no row has that number",
                               (long long)m->max);
    }
    return LT_OK;
}

static uint32_t passed_on(const lt_chain *chain, uint32_t count, uint32_t col)
{
    for (uint32_t i = 0; i < count; i++) {
        if (chain->exprs[i]->kind == LT_NODE_COLUMN && chain->exprs[i]->u.column == col) {
            return i;
        }
    }
    return UINT32_MAX;
}

lt_status lt_rule_versioned(lt_planner *p, lt_rel *rel, lt_versioned *out, bool *is, lt_error *err)
{
    topn_match m = {.min = 1, .max = INT64_MAX};
    *is = false;
    LT_TRY(lt_chain_collapse(p, rel, &m.chain, err));
    if (m.chain.bottom->kind != LT_REL_RANK || m.chain.condition == NULL) {
        return LT_OK;
    }
    m.rank = m.chain.bottom;
    m.rank_col = m.rank->schema->count - 1;
    LT_TRY(split(p, &m, m.chain.condition, err));
    const lt_sort_key *order = m.rank->u.rank.order;
    uint32_t count = m.rank->u.rank.partition_count;
    if (m.variable || m.min != 1 || m.max != 1 || m.rest != NULL || count == 0 ||
        m.rank->u.rank.order_count != 1 || !order->descending ||
        m.rank->schema->fields[order->col].type->attr != LT_TIME_ROWTIME) {
        return LT_OK;
    }
    uint32_t *keys = LT_NEW_ARRAY(p->arena, uint32_t, count);
    if (keys == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    out->keys = keys;
    out->key_count = count;
    out->time_col = passed_on(&m.chain, rel->schema->count, order->col);
    *is = out->time_col != UINT32_MAX;
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = passed_on(&m.chain, rel->schema->count, m.rank->u.rank.partition[i]);
        *is = *is && keys[i] != UINT32_MAX;
    }
    return LT_OK;
}

lt_status lt_rule_topn(lt_planner *p, lt_rel *filter, lt_log **out, lt_error *err)
{
    topn_match m = {.min = 1, .max = INT64_MAX};
    LT_TRY(lt_chain_collapse(p, filter, &m.chain, err));
    if (m.chain.bottom->kind != LT_REL_RANK || m.chain.condition == NULL) {
        return LT_OK;
    }
    m.rank = m.chain.bottom;
    m.rank_col = m.rank->schema->count - 1;
    LT_TRY(split(p, &m, m.chain.condition, err));
    const lt_window_props *props = &m.rank->inputs[0]->window;
    bool windowed = props->present && in_partition(m.rank, props->start_col) &&
                    in_partition(m.rank, props->end_col);
    if (!m.bounded && m.min == 1) {
        return LT_OK; /* nothing is said about which numbers: an OVER aggregate */
    }
    LT_TRY(check_range(&m, windowed, err));
    if (!windowed && !m.variable && m.min == m.max) {
        LT_TRY(fix_rank(p, &m, filter->schema->count, err));
    }
    bool rank_output = rank_is_used(&m, filter->schema->count);
    lt_log *topn;
    LT_TRY(windowed ? make_topn(p, &m, rank_output, &topn, err)
                    : make_rank(p, &m, rank_output, &topn, err));
    return lt_log_calc(p, topn, m.rest, m.chain.exprs, filter->schema, out, err);
}

/* ---- ORDER BY ---- */

static lt_status refuse_sort(const lt_rel *sort, lt_error *err)
{
    if (sort->u.sort.offset > 0) {
        lt_error_set_at(err, LT_ERR_UNSUPPORTED, sort->pos,
                        "ORDER BY with OFFSET needs a LIMIT in streaming");
        return LT_ERR_UNSUPPORTED;
    }
    lt_error_set_at(err, LT_ERR_UNSUPPORTED, sort->pos,
                    "ORDER BY on a column that is not a time attribute needs a LIMIT in streaming");
    lt_error_hint(err,
                  "an unbounded stream has no last row to sort; sort the output where it is read");
    return LT_ERR_UNSUPPORTED;
}

lt_status lt_rule_sort(lt_planner *p, lt_rel *sort, lt_log **out, lt_error *err)
{
    const lt_sort_key *keys = sort->u.sort.keys;
    int64_t offset = sort->u.sort.offset;
    int64_t count = sort->u.sort.count;
    lt_time_attr attr = sort->schema->fields[keys[0].col].type->attr;
    bool by_time = attr != LT_TIME_NONE && !keys[0].descending;
    lt_log *input;
    if (count < 0 && (offset > 0 || !by_time)) {
        return refuse_sort(sort, err);
    }
    LT_TRY(lt_plan_translate(p, sort->inputs[0], &input, err));
    if (count < 0 && attr == LT_TIME_PROCTIME && sort->u.sort.key_count == 1) {
        *out = input; /* rows come in that order */
        return LT_OK;
    }
    lt_log *node =
        lt_log_new(p, count < 0 ? LT_LOG_TIME_SORT : LT_LOG_RANK, sort->schema, &input, 1);
    if (node == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    node->rank = (lt_topn_spec){.order = keys,
                                .order_count = sort->u.sort.key_count,
                                .rank_min = offset + 1,
                                .rank_max = count > INT64_MAX - offset ? INT64_MAX : offset + count,
                                .is_limit = true};
    node->pos = sort->pos;
    return lt_log_intern(p, node, out, err);
}
