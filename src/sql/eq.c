/* Structural equality of trees. Recursion is bounded by LT_SQL_LEVELS_MAX, as everywhere. */
#include "sql/ast.h"

/* Walks two lists of the same item type with a comparer of pointers to items. */
#define LIST_EQ(list_a, list_b, count_a, count_b, same) \
    list_eq((list_a), (list_b), (count_a), (count_b), sizeof *(list_a), (same))

typedef bool (*same_fn)(const void *a, const void *b);

static bool list_eq(const void *a, const void *b, uint32_t count_a, uint32_t count_b, size_t size,
                    same_fn same)
{
    if (count_a != count_b) {
        return false;
    }
    for (uint32_t i = 0; i < count_a; i++) {
        if (!same((const char *)a + i * size, (const char *)b + i * size)) {
            return false;
        }
    }
    return true;
}

/* ---- small parts -------------------------------------------------------------------------------
 */

/* Absent (ptr NULL) differs from empty. */
static bool text_eq(lt_str a, lt_str b)
{
    return !a.ptr == !b.ptr && lt_str_eq(a, b);
}

static bool name_same(const void *a, const void *b)
{
    return text_eq(((const lt_ast_name *)a)->text, ((const lt_ast_name *)b)->text);
}

static bool name_eq(lt_ast_name a, lt_ast_name b)
{
    return name_same(&a, &b);
}

static bool names_eq(lt_ast_names a, lt_ast_names b)
{
    return LIST_EQ(a.items, b.items, a.count, b.count, name_same);
}

static bool path_eq(lt_ast_path a, lt_ast_path b)
{
    return LIST_EQ(a.items, b.items, a.count, b.count, name_same);
}

static bool path_same(const void *a, const void *b)
{
    return path_eq(*(const lt_ast_path *)a, *(const lt_ast_path *)b);
}

static bool paths_eq(lt_ast_paths a, lt_ast_paths b)
{
    return LIST_EQ(a.items, b.items, a.count, b.count, path_same);
}

static bool expr_same(const void *a, const void *b)
{
    return lt_ast_expr_eq(*(lt_ast_expr *const *)a, *(lt_ast_expr *const *)b);
}

static bool exprs_eq(lt_ast_exprs a, lt_ast_exprs b)
{
    return LIST_EQ(a.items, b.items, a.count, b.count, expr_same);
}

static bool string_eq(lt_ast_string a, lt_ast_string b)
{
    return text_eq(a.text, b.text);
}

static bool option_same(const void *a, const void *b)
{
    const lt_ast_option *x = a;
    const lt_ast_option *y = b;
    return string_eq(x->key, y->key) && string_eq(x->value, y->value);
}

static bool options_eq(const lt_ast_options *a, const lt_ast_options *b)
{
    return a->present == b->present && LIST_EQ(a->items, b->items, a->count, b->count, option_same);
}

static bool options_same(const void *a, const void *b)
{
    return options_eq(a, b);
}

static bool partition_item_same(const void *a, const void *b)
{
    const lt_ast_partition_item *x = a;
    const lt_ast_partition_item *y = b;
    return name_eq(x->column, y->column) && lt_ast_expr_eq(x->expr, y->expr);
}

static bool partition_same(const void *a, const void *b)
{
    const lt_ast_partition *x = a;
    const lt_ast_partition *y = b;
    return x->present == y->present &&
           LIST_EQ(x->items, y->items, x->count, y->count, partition_item_same);
}

static bool hint_arg_same(const void *a, const void *b)
{
    const lt_ast_hint_arg *x = a;
    const lt_ast_hint_arg *y = b;
    return text_eq(x->key, y->key) && text_eq(x->value, y->value) &&
           x->key_is_string == y->key_is_string && x->value_is_string == y->value_is_string &&
           x->value_is_name == y->value_is_name;
}

static bool hint_same(const void *a, const void *b)
{
    const lt_ast_hint *x = a;
    const lt_ast_hint *y = b;
    return lt_str_eq_ci(x->name.text, y->name.text) &&
           LIST_EQ(x->args, y->args, x->arg_count, y->arg_count, hint_arg_same);
}

static bool hints_eq(lt_ast_hints a, lt_ast_hints b)
{
    return LIST_EQ(a.items, b.items, a.count, b.count, hint_same);
}

static bool interval_eq(lt_ast_interval a, lt_ast_interval b)
{
    return a.from == b.from && a.to == b.to && a.precision == b.precision && a.scale == b.scale;
}

/* ---- types -------------------------------------------------------------------------------------
 */

static bool field_same(const void *a, const void *b)
{
    const lt_ast_field *x = a;
    const lt_ast_field *y = b;
    return name_eq(x->name, y->name) && lt_ast_type_eq(x->type, y->type) &&
           string_eq(x->comment, y->comment);
}

bool lt_ast_type_eq(const lt_ast_type *a, const lt_ast_type *b)
{
    if (!a || !b) {
        return a == b;
    }
    return a->kind == b->kind && a->not_null == b->not_null && a->precision == b->precision &&
           a->scale == b->scale && interval_eq(a->interval, b->interval) &&
           lt_ast_type_eq(a->children[0], b->children[0]) &&
           lt_ast_type_eq(a->children[1], b->children[1]) &&
           LIST_EQ(a->fields, b->fields, a->field_count, b->field_count, field_same) &&
           string_eq(a->class_name, b->class_name) && string_eq(a->snapshot, b->snapshot) &&
           path_eq(a->path, b->path);
}

/* ---- calls -------------------------------------------------------------------------------------
 */

static bool order_same(const void *a, const void *b)
{
    const lt_ast_order *x = a;
    const lt_ast_order *y = b;
    return x->dir == y->dir && x->nulls == y->nulls && lt_ast_expr_eq(x->expr, y->expr);
}

static bool orders_eq(lt_ast_orders a, lt_ast_orders b)
{
    return LIST_EQ(a.items, b.items, a.count, b.count, order_same);
}

static bool bound_eq(lt_ast_bound a, lt_ast_bound b)
{
    return a.kind == b.kind && lt_ast_expr_eq(a.expr, b.expr);
}

bool lt_ast_window_eq(const lt_ast_window *a, const lt_ast_window *b)
{
    if (!a || !b) {
        return a == b;
    }
    return a->bare == b->bare && name_eq(a->ref, b->ref) &&
           exprs_eq(a->partition_by, b->partition_by) && orders_eq(a->order_by, b->order_by) &&
           a->frame == b->frame && bound_eq(a->low, b->low) && a->has_high == b->has_high &&
           bound_eq(a->high, b->high) && a->partial_given == b->partial_given &&
           a->disallow_partial == b->disallow_partial;
}

static bool json_eq(const lt_ast_json *a, const lt_ast_json *b)
{
    if (!a || !b) {
        return a == b;
    }
    return lt_ast_type_eq(a->returning, b->returning) && a->wrapper == b->wrapper &&
           a->on_empty == b->on_empty && lt_ast_expr_eq(a->on_empty_default, b->on_empty_default) &&
           a->on_error == b->on_error && lt_ast_expr_eq(a->on_error_default, b->on_error_default) &&
           a->nulls == b->nulls;
}

/* All parts but the last, which `func` stands for. */
static bool call_name_eq(const lt_ast_call *a, const lt_ast_call *b)
{
    return lt_str_eq(a->func, b->func) &&
           LIST_EQ(a->name.items, b->name.items, a->name.count - 1, b->name.count - 1, name_same);
}

static bool arg_names_eq(const lt_ast_call *a, const lt_ast_call *b)
{
    if (!a->arg_names || !b->arg_names) {
        return a->arg_names == b->arg_names;
    }
    return LIST_EQ(a->arg_names, b->arg_names, a->args.count, b->args.count, name_same);
}

static bool call_eq(const lt_ast_call *a, const lt_ast_call *b)
{
    return call_name_eq(a, b) && exprs_eq(a->args, b->args) && arg_names_eq(a, b) &&
           a->niladic == b->niladic && a->quantifier == b->quantifier &&
           orders_eq(a->order_by, b->order_by) && orders_eq(a->within_group, b->within_group) &&
           a->treatment == b->treatment && lt_ast_expr_eq(a->filter, b->filter) &&
           lt_ast_window_eq(a->over, b->over) && a->semantics == b->semantics &&
           json_eq(a->json, b->json);
}

/* ---- expressions -------------------------------------------------------------------------------
 */

static bool lit_eq(const lt_ast_lit *a, const lt_ast_lit *b)
{
    return a->kind == b->kind && text_eq(a->text, b->text) && a->value == b->value &&
           a->negative == b->negative && interval_eq(a->interval, b->interval) &&
           text_eq(a->charset, b->charset);
}

static bool two_eq(const lt_ast_expr *a, const lt_ast_expr *b, const lt_ast_expr *c,
                   const lt_ast_expr *d)
{
    return lt_ast_expr_eq(a, b) && lt_ast_expr_eq(c, d);
}

/* Operators and predicates. */
static bool predicate_eq(const lt_ast_expr *a, const lt_ast_expr *b)
{
    switch ((int)a->kind) {
    case LT_EXPR_UNARY:
        return a->unary.op == b->unary.op && lt_ast_expr_eq(a->unary.operand, b->unary.operand);
    case LT_EXPR_BINARY:
        return a->binary.op == b->binary.op &&
               two_eq(a->binary.left, b->binary.left, a->binary.right, b->binary.right);
    case LT_EXPR_LOGICAL:
        return a->logical.op == b->logical.op && exprs_eq(a->logical.operands, b->logical.operands);
    case LT_EXPR_IS:
        return a->is.test == b->is.test && a->is.negated == b->is.negated &&
               lt_ast_expr_eq(a->is.operand, b->is.operand);
    case LT_EXPR_BETWEEN:
        return a->between.negated == b->between.negated &&
               a->between.symmetric == b->between.symmetric &&
               lt_ast_expr_eq(a->between.operand, b->between.operand) &&
               two_eq(a->between.low, b->between.low, a->between.high, b->between.high);
    case LT_EXPR_LIKE:
        return a->like.how == b->like.how && a->like.negated == b->like.negated &&
               two_eq(a->like.operand, b->like.operand, a->like.pattern, b->like.pattern) &&
               lt_ast_expr_eq(a->like.escape, b->like.escape);
    case LT_EXPR_IN:
        return a->in.negated == b->in.negated && lt_ast_expr_eq(a->in.operand, b->in.operand) &&
               exprs_eq(a->in.list, b->in.list) && lt_ast_query_eq(a->in.query, b->in.query);
    default: /* LT_EXPR_QUANTIFIED */
        return a->quantified.op == b->quantified.op && a->quantified.all == b->quantified.all &&
               lt_ast_expr_eq(a->quantified.operand, b->quantified.operand) &&
               exprs_eq(a->quantified.list, b->quantified.list) &&
               lt_ast_query_eq(a->quantified.query, b->quantified.query);
    }
}

static bool table_arg_eq(const lt_ast_expr *a, const lt_ast_expr *b)
{
    return lt_ast_query_eq(a->table_arg.query, b->table_arg.query) &&
           exprs_eq(a->table_arg.partition_by, b->table_arg.partition_by) &&
           orders_eq(a->table_arg.order_by, b->table_arg.order_by);
}

static bool case_eq(const lt_ast_expr *a, const lt_ast_expr *b)
{
    return lt_ast_expr_eq(a->kase.operand, b->kase.operand) &&
           exprs_eq(a->kase.whens, b->kase.whens) && exprs_eq(a->kase.thens, b->kase.thens) &&
           lt_ast_expr_eq(a->kase.otherwise, b->kase.otherwise);
}

bool lt_ast_expr_eq(const lt_ast_expr *a, const lt_ast_expr *b)
{
    if (!a || !b) {
        return a == b;
    }
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case LT_EXPR_LITERAL:
        return lit_eq(&a->lit, &b->lit);
    case LT_EXPR_IDENT:
    case LT_EXPR_STAR:
    case LT_EXPR_MODEL_ARG:
        return path_eq(a->path, b->path);
    case LT_EXPR_CALL:
        return call_eq(a->call, b->call);
    case LT_EXPR_UNARY:
    case LT_EXPR_BINARY:
    case LT_EXPR_LOGICAL:
    case LT_EXPR_IS:
    case LT_EXPR_BETWEEN:
    case LT_EXPR_LIKE:
    case LT_EXPR_IN:
    case LT_EXPR_QUANTIFIED:
        return predicate_eq(a, b);
    case LT_EXPR_EXISTS:
    case LT_EXPR_UNIQUE:
    case LT_EXPR_SUBQUERY:
        return lt_ast_query_eq(a->query, b->query);
    case LT_EXPR_CASE:
        return case_eq(a, b);
    case LT_EXPR_CAST:
        return a->cast.try_cast == b->cast.try_cast && lt_ast_type_eq(a->cast.type, b->cast.type) &&
               lt_ast_expr_eq(a->cast.operand, b->cast.operand);
    case LT_EXPR_FIELD:
        return name_eq(a->field.name, b->field.name) &&
               lt_ast_expr_eq(a->field.operand, b->field.operand);
    case LT_EXPR_ITEM:
        return two_eq(a->item.operand, b->item.operand, a->item.index, b->item.index);
    case LT_EXPR_ROW:
    case LT_EXPR_ARRAY:
    case LT_EXPR_MAP:
    case LT_EXPR_MULTISET:
        return exprs_eq(a->list, b->list);
    case LT_EXPR_COLLECTION_QUERY:
        return a->collection.what == b->collection.what &&
               lt_ast_query_eq(a->collection.query, b->collection.query);
    case LT_EXPR_INTERVAL:
        return interval_eq(a->interval.interval, b->interval.interval) &&
               lt_ast_expr_eq(a->interval.value, b->interval.value);
    case LT_EXPR_DATETIME_MINUS:
        return interval_eq(a->minus.interval, b->minus.interval) &&
               two_eq(a->minus.left, b->minus.left, a->minus.right, b->minus.right);
    case LT_EXPR_UNIT:
        return a->unit == b->unit;
    case LT_EXPR_SYMBOL:
        return lt_str_eq(a->symbol, b->symbol);
    case LT_EXPR_TABLE_ARG:
        return table_arg_eq(a, b);
    case LT_EXPR_DESCRIPTOR:
        return names_eq(a->names, b->names);
    case LT_EXPR_DEFAULT:
        return true;
    }
    return false;
}

/* ---- table references --------------------------------------------------------------------------
 */

static bool pattern_eq(const lt_ast_pattern *a, const lt_ast_pattern *b);

static bool pattern_same(const void *a, const void *b)
{
    return pattern_eq(*(lt_ast_pattern *const *)a, *(lt_ast_pattern *const *)b);
}

static bool pattern_eq(const lt_ast_pattern *a, const lt_ast_pattern *b)
{
    return a->kind == b->kind && name_eq(a->name, b->name) && a->min == b->min &&
           a->max == b->max && a->reluctant == b->reluctant &&
           LIST_EQ(a->children, b->children, a->child_count, b->child_count, pattern_same);
}

static bool named_same(const void *a, const void *b)
{
    const lt_ast_named_expr *x = a;
    const lt_ast_named_expr *y = b;
    return name_eq(x->name, y->name) && lt_ast_expr_eq(x->expr, y->expr);
}

static bool subset_same(const void *a, const void *b)
{
    const lt_ast_subset *x = a;
    const lt_ast_subset *y = b;
    return name_eq(x->name, y->name) && names_eq(x->vars, y->vars);
}

static bool from_eq(const lt_ast_from *a, const lt_ast_from *b);

static bool match_eq(const lt_ast_match *a, const lt_ast_match *b)
{
    return from_eq(a->input, b->input) && exprs_eq(a->partition_by, b->partition_by) &&
           orders_eq(a->order_by, b->order_by) &&
           LIST_EQ(a->measures, b->measures, a->measure_count, b->measure_count, named_same) &&
           a->rows == b->rows && a->skip == b->skip && name_eq(a->skip_var, b->skip_var) &&
           a->anchor_start == b->anchor_start && a->anchor_end == b->anchor_end &&
           pattern_eq(a->pattern, b->pattern) && lt_ast_expr_eq(a->within, b->within) &&
           LIST_EQ(a->subsets, b->subsets, a->subset_count, b->subset_count, subset_same) &&
           LIST_EQ(a->defines, b->defines, a->define_count, b->define_count, named_same);
}

static bool from_eq(const lt_ast_from *a, const lt_ast_from *b)
{
    if (!a || !b) {
        return a == b;
    }
    if (a->kind != b->kind || !name_eq(a->alias, b->alias) || !names_eq(a->columns, b->columns)) {
        return false;
    }
    switch (a->kind) {
    case LT_FROM_TABLE:
        return path_eq(a->table.path, b->table.path) && hints_eq(a->table.hints, b->table.hints) &&
               lt_ast_expr_eq(a->table.as_of, b->table.as_of);
    case LT_FROM_SUBQUERY:
        return a->subquery.lateral == b->subquery.lateral &&
               lt_ast_query_eq(a->subquery.query, b->subquery.query);
    case LT_FROM_FUNCTION:
        return a->function.lateral == b->function.lateral &&
               lt_ast_expr_eq(a->function.call, b->function.call);
    case LT_FROM_UNNEST:
        return a->unnest.ordinality == b->unnest.ordinality &&
               exprs_eq(a->unnest.exprs, b->unnest.exprs);
    case LT_FROM_JOIN:
        return a->join.how == b->join.how && a->join.natural == b->join.natural &&
               from_eq(a->join.left, b->join.left) && from_eq(a->join.right, b->join.right) &&
               lt_ast_expr_eq(a->join.on, b->join.on) &&
               names_eq(a->join.using_columns, b->join.using_columns);
    case LT_FROM_MATCH:
        return match_eq(a->match, b->match);
    }
    return false;
}

/* ---- queries -----------------------------------------------------------------------------------
 */

static bool group_eq(const lt_ast_group *a, const lt_ast_group *b);

static bool group_same(const void *a, const void *b)
{
    return group_eq(*(lt_ast_group *const *)a, *(lt_ast_group *const *)b);
}

static bool group_eq(const lt_ast_group *a, const lt_ast_group *b)
{
    return a->kind == b->kind && lt_ast_expr_eq(a->expr, b->expr) && exprs_eq(a->exprs, b->exprs) &&
           LIST_EQ(a->children, b->children, a->child_count, b->child_count, group_same);
}

static bool item_same(const void *a, const void *b)
{
    const lt_ast_item *x = a;
    const lt_ast_item *y = b;
    return name_eq(x->alias, y->alias) && lt_ast_expr_eq(x->expr, y->expr);
}

static bool window_same(const void *a, const void *b)
{
    const lt_ast_named_window *x = a;
    const lt_ast_named_window *y = b;
    return name_eq(x->name, y->name) && lt_ast_window_eq(x->window, y->window);
}

static bool select_eq(const lt_ast_select *a, const lt_ast_select *b)
{
    return hints_eq(a->hints, b->hints) && a->quantifier == b->quantifier &&
           LIST_EQ(a->items, b->items, a->item_count, b->item_count, item_same) &&
           from_eq(a->from, b->from) && lt_ast_expr_eq(a->where, b->where) &&
           a->has_group_by == b->has_group_by && a->group_quantifier == b->group_quantifier &&
           LIST_EQ(a->groups, b->groups, a->group_count, b->group_count, group_same) &&
           lt_ast_expr_eq(a->having, b->having) &&
           LIST_EQ(a->windows, b->windows, a->window_count, b->window_count, window_same) &&
           lt_ast_expr_eq(a->qualify, b->qualify);
}

static bool cte_same(const void *a, const void *b)
{
    const lt_ast_cte *x = a;
    const lt_ast_cte *y = b;
    return name_eq(x->name, y->name) && names_eq(x->columns, y->columns) &&
           lt_ast_query_eq(x->query, y->query);
}

static bool query_same(const void *a, const void *b)
{
    return lt_ast_query_eq(*(lt_ast_query *const *)a, *(lt_ast_query *const *)b);
}

static bool body_eq(const lt_ast_query *a, const lt_ast_query *b)
{
    switch (a->kind) {
    case LT_QUERY_SELECT:
        return select_eq(a->select, b->select);
    case LT_QUERY_VALUES:
        return exprs_eq(a->rows, b->rows);
    case LT_QUERY_SETOP:
        return a->setop.op == b->setop.op && a->setop.all == b->setop.all &&
               LIST_EQ(a->setop.operands, b->setop.operands, a->setop.count, b->setop.count,
                       query_same);
    case LT_QUERY_TABLE:
        return path_eq(a->table, b->table);
    case LT_QUERY_NESTED:
        return lt_ast_query_eq(a->nested, b->nested);
    }
    return false;
}

bool lt_ast_query_eq(const lt_ast_query *a, const lt_ast_query *b)
{
    if (!a || !b) {
        return a == b;
    }
    return a->kind == b->kind && a->recursive == b->recursive &&
           LIST_EQ(a->ctes, b->ctes, a->cte_count, b->cte_count, cte_same) && body_eq(a, b) &&
           orders_eq(a->order_by, b->order_by) && lt_ast_expr_eq(a->offset, b->offset) &&
           lt_ast_expr_eq(a->limit, b->limit);
}

/* ---- statements --------------------------------------------------------------------------------
 */

static bool stmt_same(const void *a, const void *b)
{
    return lt_ast_stmt_eq(*(lt_ast_stmt *const *)a, *(lt_ast_stmt *const *)b);
}

static bool string_same(const void *a, const void *b)
{
    return string_eq(*(const lt_ast_string *)a, *(const lt_ast_string *)b);
}

static bool insert_eq(const lt_ast_insert *a, const lt_ast_insert *b)
{
    return a->execute == b->execute && a->overwrite == b->overwrite &&
           path_eq(a->table, b->table) && hints_eq(a->hints, b->hints) &&
           partition_same(&a->partition, &b->partition) && paths_eq(a->columns, b->columns) &&
           lt_ast_query_eq(a->query, b->query) && a->conflict == b->conflict;
}

static bool column_same(const void *a, const void *b)
{
    const lt_ast_column *x = a;
    const lt_ast_column *y = b;
    return x->kind == y->kind && path_eq(x->name, y->name) && lt_ast_type_eq(x->type, y->type) &&
           lt_ast_expr_eq(x->expr, y->expr) && string_eq(x->metadata_key, y->metadata_key) &&
           x->is_virtual == y->is_virtual && x->primary_key == y->primary_key &&
           x->unique == y->unique && name_eq(x->constraint, y->constraint) &&
           x->enforced_given == y->enforced_given && x->not_enforced == y->not_enforced &&
           string_eq(x->comment, y->comment) && x->first == y->first && path_eq(x->after, y->after);
}

static bool constraint_same(const void *a, const void *b)
{
    const lt_ast_constraint *x = a;
    const lt_ast_constraint *y = b;
    return x->unique == y->unique && name_eq(x->name, y->name) &&
           names_eq(x->columns, y->columns) && x->enforced_given == y->enforced_given &&
           x->not_enforced == y->not_enforced;
}

static bool schema_eq(const lt_ast_schema *a, const lt_ast_schema *b)
{
    return a->present == b->present &&
           LIST_EQ(a->columns, b->columns, a->column_count, b->column_count, column_same) &&
           LIST_EQ(a->constraints, b->constraints, a->constraint_count, b->constraint_count,
                   constraint_same) &&
           a->watermark.present == b->watermark.present &&
           path_eq(a->watermark.column, b->watermark.column) &&
           lt_ast_expr_eq(a->watermark.expr, b->watermark.expr);
}

static bool distribution_eq(const lt_ast_distribution *a, const lt_ast_distribution *b)
{
    return a->present == b->present && a->kind == b->kind && names_eq(a->columns, b->columns) &&
           a->buckets == b->buckets;
}

static bool like_option_same(const void *a, const void *b)
{
    const lt_ast_like_option *x = a;
    const lt_ast_like_option *y = b;
    return x->merge == y->merge && x->feature == y->feature;
}

static bool create_table_eq(const lt_ast_create_table *a, const lt_ast_create_table *b)
{
    return a->temporary == b->temporary && a->replace == b->replace &&
           a->create_or == b->create_or && a->if_not_exists == b->if_not_exists &&
           path_eq(a->path, b->path) && schema_eq(&a->schema, &b->schema) &&
           string_eq(a->comment, b->comment) &&
           distribution_eq(&a->distribution, &b->distribution) &&
           names_eq(a->partitioned_by, b->partitioned_by) && options_eq(&a->options, &b->options) &&
           path_eq(a->like, b->like) &&
           LIST_EQ(a->like_options, b->like_options, a->like_option_count, b->like_option_count,
                   like_option_same) &&
           lt_ast_query_eq(a->query, b->query) && lt_ast_expr_eq(a->freshness, b->freshness) &&
           a->refresh == b->refresh;
}

static bool create_view_eq(const lt_ast_create_view *a, const lt_ast_create_view *b)
{
    return a->temporary == b->temporary && a->replace == b->replace &&
           a->if_not_exists == b->if_not_exists && path_eq(a->path, b->path) &&
           names_eq(a->columns, b->columns) && string_eq(a->comment, b->comment) &&
           lt_ast_query_eq(a->query, b->query);
}

static bool create_object_eq(const lt_ast_create_object *a, const lt_ast_create_object *b)
{
    return a->temporary == b->temporary && a->if_not_exists == b->if_not_exists &&
           path_eq(a->path, b->path) && string_eq(a->comment, b->comment) &&
           options_eq(&a->options, &b->options) && schema_eq(&a->input, &b->input) &&
           schema_eq(&a->output, &b->output) && lt_ast_query_eq(a->query, b->query);
}

static bool param_same(const void *a, const void *b)
{
    const lt_ast_param *left = a, *right = b;
    return name_eq(left->name, right->name) && lt_ast_type_eq(left->type, right->type);
}

static bool function_eq(const lt_ast_function *a, const lt_ast_function *b)
{
    if (a->typed != b->typed || !lt_ast_type_eq(a->returns, b->returns) ||
        !LIST_EQ(a->params, b->params, a->param_count, b->param_count, param_same)) {
        return false;
    }
    return a->temporary == b->temporary && a->system == b->system && a->if_exists == b->if_exists &&
           path_eq(a->path, b->path) && string_eq(a->class_name, b->class_name) &&
           text_eq(a->language, b->language) &&
           LIST_EQ(a->jars, b->jars, a->jar_count, b->jar_count, string_same);
}

static bool alter_eq(const lt_ast_alter *a, const lt_ast_alter *b)
{
    if (!a->partition_options != !b->partition_options) {
        return false;
    }
    uint32_t lists = a->partition_options ? a->partition_count : 0;
    return a->action == b->action && a->if_exists == b->if_exists && path_eq(a->path, b->path) &&
           path_eq(a->to, b->to) && path_eq(a->column, b->column) &&
           options_eq(&a->options, &b->options) && string_eq(a->comment, b->comment) &&
           schema_eq(&a->schema, &b->schema) &&
           distribution_eq(&a->distribution, &b->distribution) &&
           paths_eq(a->columns, b->columns) && name_eq(a->constraint, b->constraint) &&
           a->if_exists_action == b->if_exists_action &&
           LIST_EQ(a->partitions, b->partitions, a->partition_count, b->partition_count,
                   partition_same) &&
           LIST_EQ(a->partition_options, b->partition_options, lists, lists, options_same) &&
           lt_ast_query_eq(a->query, b->query) && lt_ast_expr_eq(a->freshness, b->freshness) &&
           a->refresh == b->refresh;
}

static bool show_eq(const lt_ast_show *a, const lt_ast_show *b)
{
    return a->how == b->how && a->what == b->what && a->user == b->user && a->full == b->full &&
           a->in == b->in && path_eq(a->path, b->path) && a->not_like == b->not_like &&
           a->ilike == b->ilike && string_eq(a->like, b->like) &&
           partition_same(&a->partition, &b->partition);
}

static bool drop_eq(const lt_ast_drop *a, const lt_ast_drop *b)
{
    return a->what == b->what && a->temporary == b->temporary && a->system == b->system &&
           a->if_exists == b->if_exists && a->cascade == b->cascade && path_eq(a->path, b->path);
}

static bool modify_eq(const lt_ast_modify *a, const lt_ast_modify *b)
{
    return path_eq(a->table, b->table) && hints_eq(a->hints, b->hints) &&
           name_eq(a->alias, b->alias) && paths_eq(a->targets, b->targets) &&
           exprs_eq(a->values, b->values) && lt_ast_expr_eq(a->where, b->where);
}

static bool plan_eq(const lt_ast_plan *a, const lt_ast_plan *b)
{
    return string_eq(a->file, b->file) && a->if_not_exists == b->if_not_exists &&
           lt_ast_stmt_eq(a->stmt, b->stmt);
}

bool lt_ast_stmt_eq(const lt_ast_stmt *a, const lt_ast_stmt *b)
{
    if (!a || !b) {
        return a == b;
    }
    if (a->kind != b->kind || a->execute != b->execute) {
        return false;
    }
    switch (a->kind) {
    case LT_STMT_QUERY:
        return lt_ast_query_eq(a->query, b->query);
    case LT_STMT_INSERT:
        return insert_eq(a->insert, b->insert);
    case LT_STMT_STATEMENT_SET:
        return a->set->client_form == b->set->client_form &&
               LIST_EQ(a->set->inserts, b->set->inserts, a->set->count, b->set->count, stmt_same);
    case LT_STMT_EXPLAIN:
        return a->explain->details == b->explain->details &&
               lt_ast_stmt_eq(a->explain->stmt, b->explain->stmt);
    case LT_STMT_CREATE_TABLE:
    case LT_STMT_CREATE_MATERIALIZED_TABLE:
        return create_table_eq(a->create_table, b->create_table);
    case LT_STMT_CREATE_VIEW:
        return create_view_eq(a->create_view, b->create_view);
    case LT_STMT_CREATE_CATALOG:
    case LT_STMT_CREATE_DATABASE:
    case LT_STMT_CREATE_MODEL:
        return create_object_eq(a->create_object, b->create_object);
    case LT_STMT_CREATE_FUNCTION:
    case LT_STMT_ALTER_FUNCTION:
        return function_eq(a->function, b->function);
    case LT_STMT_ALTER_TABLE:
    case LT_STMT_ALTER_VIEW:
    case LT_STMT_ALTER_MATERIALIZED_TABLE:
    case LT_STMT_ALTER_CATALOG:
    case LT_STMT_ALTER_DATABASE:
    case LT_STMT_ALTER_MODEL:
        return alter_eq(a->alter, b->alter);
    case LT_STMT_DROP:
        return drop_eq(a->drop, b->drop);
    case LT_STMT_SHOW:
        return show_eq(a->show, b->show);
    case LT_STMT_DESCRIBE:
        return a->describe->what == b->describe->what &&
               a->describe->extended == b->describe->extended &&
               path_eq(a->describe->path, b->describe->path) &&
               string_eq(a->describe->job, b->describe->job);
    case LT_STMT_USE:
        return a->use->what == b->use->what && path_eq(a->use->path, b->use->path) &&
               names_eq(a->use->modules, b->use->modules);
    case LT_STMT_LOAD_MODULE:
    case LT_STMT_UNLOAD_MODULE:
        return name_eq(a->module->name, b->module->name) &&
               options_eq(&a->module->options, &b->module->options);
    case LT_STMT_SET:
    case LT_STMT_RESET:
        return option_same(&a->setting, &b->setting);
    case LT_STMT_ADD_JAR:
    case LT_STMT_REMOVE_JAR:
        return string_eq(a->text, b->text);
    case LT_STMT_STOP_JOB:
        return string_eq(a->stop_job->id, b->stop_job->id) &&
               a->stop_job->savepoint == b->stop_job->savepoint &&
               a->stop_job->drain == b->stop_job->drain;
    case LT_STMT_CALL:
        return lt_ast_expr_eq(a->call, b->call);
    case LT_STMT_ANALYZE:
        return path_eq(a->analyze->path, b->analyze->path) &&
               partition_same(&a->analyze->partition, &b->analyze->partition) &&
               a->analyze->all_columns == b->analyze->all_columns &&
               names_eq(a->analyze->columns, b->analyze->columns);
    case LT_STMT_COMPILE_PLAN:
    case LT_STMT_EXECUTE_PLAN:
    case LT_STMT_COMPILE_AND_EXECUTE_PLAN:
        return plan_eq(a->plan, b->plan);
    case LT_STMT_DELETE:
    case LT_STMT_UPDATE:
        return modify_eq(a->modify, b->modify);
    case LT_STMT_TRUNCATE:
        return path_eq(a->path, b->path);
    case LT_STMT_BEGIN_STATEMENT_SET:
    case LT_STMT_END:
    case LT_STMT_HELP:
    case LT_STMT_QUIT:
    case LT_STMT_CLEAR:
        return true;
    }
    return false;
}
