/* Sources that do not send a full changelog. A table whose rows say only what is new about their
 * primary key (kinds I,UA,D), or say it more than once ('table.exec.source.cdc-events-duplicate'),
 * gets a node that makes a full changelog of them. It stands above the watermarks, as in Flink:
 * what is said twice moves the time on, too.
 *
 * Conditions on the key go below it, where they spare state; other ones go into it: a row that does
 * not pass is kept, but not shown. before.c takes the node out again where nobody needs it. */
#include "plan/join_parts.h"

uint8_t lt_plan_kinds_of(lt_str text)
{
    uint8_t kinds = LT_KINDS_INSERT;
    for (size_t i = 0; i < text.len; i++) {
        bool before = i + 1 < text.len && text.ptr[i] == 'U' && text.ptr[i + 1] == 'B';
        bool after = i + 1 < text.len && text.ptr[i] == 'U' && text.ptr[i + 1] == 'A';
        kinds |= before               ? 1u << LT_UPDATE_BEFORE
                 : after              ? 1u << LT_UPDATE_AFTER
                 : text.ptr[i] == 'D' ? 1u << LT_DELETE
                                      : 0u;
    }
    return kinds;
}

uint8_t lt_plan_source_kinds(const lt_table_def *table, const lt_options *options)
{
    const lt_connector *connector = table->connector;
    if (!lt_options_has(options, "changelog")) {
        return LT_KINDS_INSERT;
    }
    return lt_plan_kinds_of(
        lt_options_get(options, NULL, connector->options, connector->option_count, "changelog"));
}

static bool lacks_before(uint8_t kinds)
{
    return (kinds & (1u << LT_UPDATE_AFTER)) != 0 && (kinds & (1u << LT_UPDATE_BEFORE)) == 0;
}

static bool may_repeat(const lt_planner *p)
{
    return lt_str_eq_ci(lt_catalog_option(p->catalog, "table.exec.source.cdc-events-duplicate"),
                        LT_STR("true"));
}

static lt_status refuse_keyless(const lt_table_def *table, bool lacks, lt_error *err)
{
    lt_error_set(err, LT_ERR_SQL,
                 lacks ? "table '" LT_STR_FMT
                         "' sends updates without their old row (UA without UB), and has no "
                         "primary key to know it by"
                       : "table '" LT_STR_FMT
                         "' sends changes, and 'table.exec.source.cdc-events-duplicate' = 'true' "
                         "needs a primary key to know repeated ones by",
                 LT_STR_ARG(table->name));
    lt_error_hint(err, "add PRIMARY KEY (..) NOT ENFORCED to the table");
    return LT_ERR_SQL;
}

/* The table that a scan with its computed columns and watermark reads. */
static const lt_rel *scan_of(const lt_rel *rel)
{
    while (rel->kind == LT_REL_PROJECT || rel->kind == LT_REL_WATERMARK) {
        rel = rel->inputs[0];
    }
    return rel->kind == LT_REL_SCAN ? rel : NULL;
}

/* Where a column of the table stands in the output of a node above its scan; UINT32_MAX = nowhere.
 */
static uint32_t column_at(const lt_rel *rel, uint32_t table_column)
{
    if (rel->kind == LT_REL_SCAN) {
        for (uint32_t i = 0; i < rel->schema->count; i++) {
            if (rel->u.scan.columns[i] == table_column) {
                return i;
            }
        }
        return UINT32_MAX;
    }
    uint32_t below = column_at(rel->inputs[0], table_column);
    if (rel->kind != LT_REL_PROJECT) {
        return below;
    }
    for (uint32_t i = 0; i < rel->schema->count; i++) {
        const lt_expr *expr = rel->u.project.exprs[i];
        if (expr->kind == LT_NODE_COLUMN && expr->u.column == below) {
            return i;
        }
    }
    return UINT32_MAX;
}

lt_status lt_plan_normalize(lt_planner *p, const lt_rel *rel, lt_log **node, lt_error *err)
{
    const lt_rel *scan = scan_of(rel);
    if (scan == NULL) {
        return LT_OK;
    }
    const lt_table_def *table = scan->u.scan.table;
    uint8_t kinds = lt_plan_source_kinds(table, &scan->u.scan.options);
    bool lacks = lacks_before(kinds);
    if (!lacks && (kinds == LT_KINDS_INSERT || !may_repeat(p))) {
        return LT_OK;
    }
    if (table->primary_key_count == 0) {
        return refuse_keyless(table, lacks, err);
    }
    uint32_t *keys = LT_NEW_ARRAY(p->arena, uint32_t, table->primary_key_count);
    lt_log *over = lt_log_new(p, LT_LOG_NORMALIZE, (*node)->schema, node, 1);
    if (keys == NULL || over == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    for (uint32_t k = 0; k < table->primary_key_count; k++) {
        keys[k] = column_at(rel, table->primary_key[k]);
        if (keys[k] == UINT32_MAX) {
            return lt_error_set(err, LT_ERR_INTERNAL, "a primary key column is not read");
        }
    }
    over->pos = rel->pos;
    over->keys = keys;
    over->key_count = table->primary_key_count;
    return lt_log_intern(p, over, node, err);
}

/* ---- conditions ---- */

typedef struct {
    const lt_log *node;
    bool other; /* a column that is not of the key */
} key_test;

static void test_column(void *arg, uint32_t column)
{
    key_test *test = arg;
    for (uint32_t k = 0; k < test->node->key_count; k++) {
        if (test->node->keys[k] == column) {
            return;
        }
    }
    test->other = true;
}

typedef struct {
    lt_expr *below; /* on the key alone */
    lt_expr *within;
    lt_expr *above; /* not the same each time */
} parts;

static lt_status split(lt_planner *p, const lt_log *node, lt_expr *condition, parts *out,
                       lt_error *err)
{
    if (lt_expr_is_call(condition, "AND")) {
        for (uint32_t i = 0; i < condition->u.call.arg_count; i++) {
            LT_TRY(split(p, node, condition->u.call.args[i], out, err));
        }
        return LT_OK;
    }
    key_test test = {node, false};
    lt_expr_columns(condition, test_column, &test);
    lt_expr **to = !lt_expr_is_deterministic(condition) ? &out->above
                   : test.other                         ? &out->within
                                                        : &out->below;
    return lt_plan_and(p, *to, condition, to, err);
}

lt_status lt_plan_push_condition(lt_planner *p, lt_log *calc, lt_log **out, lt_error *err)
{
    lt_log *old = calc->inputs[0];
    parts found = {NULL, NULL, NULL};
    LT_TRY(split(p, old, calc->condition, &found, err));
    lt_log *input = old->inputs[0];
    if (found.below != NULL) {
        lt_expr **exprs;
        LT_TRY(lt_log_identity(p, input->schema, &exprs, err));
        LT_TRY(lt_log_calc(p, input, found.below, exprs, input->schema, &input, err));
    }
    lt_log *node = lt_log_new(p, LT_LOG_NORMALIZE, old->schema, &input, 1);
    if (node == NULL) {
        return lt_error_nomem(err, "a plan");
    }
    node->pos = old->pos;
    node->keys = old->keys;
    node->key_count = old->key_count;
    node->condition = found.within;
    LT_TRY(lt_log_intern(p, node, &node, err));
    return lt_log_calc(p, node, found.above, calc->exprs, calc->schema, out, err);
}
