/* The table of aggregate functions; binding, printing, comparing calls. */
#include "expr/agg_int.h"
#include "expr/cast.h"

#define N LT_ARGS_ANY

static const lt_agg_func agg_functions[] = {
    {"COUNT", 0, N, lt_agg_bind_count, 0, "COUNT(*), COUNT(a, ..)", "rows without NULL arguments"},
    {"SUM", 1, 1, lt_agg_bind_sum, 0, "SUM(number)", "sum in the argument's type"},
    {"$SUM0", 1, 1, lt_agg_bind_sum, 1, "$SUM0(number)", "sum, 0 over no rows"},
    {"AVG", 1, 1, lt_agg_bind_avg, 0, "AVG(number)", "mean; integers truncate"},
    {"MIN", 1, 1, lt_agg_bind_extreme, LT_AGG_MIN, "MIN(a)", "smallest value"},
    {"MAX", 1, 1, lt_agg_bind_extreme, LT_AGG_MAX, "MAX(a)", "largest value"},
    {"VAR_POP", 1, 1, lt_agg_bind_var, LT_AGG_VAR_POP, "VAR_POP(number)", "population variance"},
    {"VAR_SAMP", 1, 1, lt_agg_bind_var, LT_AGG_VAR_SAMP, "VAR_SAMP(number)", "sample variance"},
    {"VARIANCE", 1, 1, lt_agg_bind_var, LT_AGG_VAR_SAMP, "VARIANCE(number)", "sample variance"},
    {"STDDEV_POP", 1, 1, lt_agg_bind_var, LT_AGG_STDDEV_POP, "STDDEV_POP(number)",
     "population standard deviation"},
    {"STDDEV_SAMP", 1, 1, lt_agg_bind_var, LT_AGG_STDDEV_SAMP, "STDDEV_SAMP(number)",
     "sample standard deviation"},
    {"STDDEV", 1, 1, lt_agg_bind_var, LT_AGG_STDDEV_SAMP, "STDDEV(number)",
     "sample standard deviation"},
    {"FIRST_VALUE", 1, 1, lt_agg_bind_value, LT_AGG_FIRST, "FIRST_VALUE(a)",
     "first value that is not NULL"},
    {"LAST_VALUE", 1, 1, lt_agg_bind_value, LT_AGG_LAST, "LAST_VALUE(a)",
     "last value that is not NULL"},
    {"SINGLE_VALUE", 1, 1, NULL, 0, "SINGLE_VALUE(a)", "the only value"},
    {"LISTAGG", 1, 2, lt_agg_bind_listagg, 0, "LISTAGG(string[, separator])", "joined strings"},
    {"COLLECT", 1, 1, lt_agg_bind_collect, 0, "COLLECT(a)", "MULTISET of the values"},
    {"ARRAY_AGG", 1, 1, lt_agg_bind_array_agg, 0, "ARRAY_AGG(a)", "ARRAY of the values"},
    {"JSON_OBJECTAGG", 2, N, NULL, 0, "JSON_OBJECTAGG(KEY k VALUE v)", "JSON object"},
    {"JSON_ARRAYAGG", 1, N, NULL, 0, "JSON_ARRAYAGG(a)", "JSON array"},
    {"PERCENTILE", 2, 3, NULL, 0, "PERCENTILE(a, p[, frequency])", "interpolated percentile"},
    {"APPROX_COUNT_DISTINCT", 1, 1, NULL, 0, "APPROX_COUNT_DISTINCT(a)", "approximate count"},
};

static const lt_agg_func *find(lt_str name)
{
    for (size_t i = 0; i < LT_COUNT_OF(agg_functions); i++) {
        if (lt_str_eq_ci(name, lt_str_of(agg_functions[i].name))) {
            return &agg_functions[i];
        }
    }
    return NULL;
}

bool lt_func_exists_aggregate(lt_str name)
{
    return find(name) != NULL;
}

const char *lt_func_aggregate_at(uint32_t index)
{
    if (index >= LT_COUNT_OF(agg_functions)) {
        return NULL;
    }
    return agg_functions[index].bind != NULL ? agg_functions[index].name : "";
}

lt_status lt_agg_refuse(const lt_agg_bind_ctx *c, lt_error *err)
{
    lt_text text;
    lt_text_init(&text, c->b->session->mem);
    for (uint32_t i = 0; i < c->agg->arg_count; i++) {
        if (i > 0) {
            lt_text_puts(&text, ", ");
        }
        if (c->agg->args[i]->type->kind == LT_TYPE_NULL) {
            lt_text_puts(&text, "NULL");
        } else {
            lt_type_print(c->agg->args[i]->type, &text);
        }
    }
    lt_str types = lt_text_str(&text);
    lt_status st = lt_error_set_at(err, LT_ERR_SQL, c->pos, "cannot apply %s to (" LT_STR_FMT ")",
                                   c->func->name, LT_STR_ARG(types));
    lt_error_hint(err, "supported: %s", c->func->signature);
    lt_text_deinit(&text);
    return st;
}

bool lt_agg_set_null(lt_col *out, uint32_t row, uint32_t cap, lt_arena *arena)
{
    uint64_t *valid = lt_col_need_valid(out, cap, arena);
    if (valid == NULL) {
        return false;
    }
    lt_bit_clear(valid, row);
    return true;
}

static lt_status check_call(const lt_agg_func *func, lt_str name, uint32_t arg_count, uint32_t pos,
                            lt_error *err)
{
    if (func == NULL) {
        lt_status st = lt_error_set_at(
            err, LT_ERR_SQL, pos, "there is no aggregate function " LT_STR_FMT, LT_STR_ARG(name));
        const char *names[LT_COUNT_OF(agg_functions)];
        for (size_t i = 0; i < LT_COUNT_OF(agg_functions); i++) {
            names[i] = agg_functions[i].name;
        }
        const char *near = lt_str_nearest(name, names, LT_COUNT_OF(names));
        if (near != NULL) {
            lt_error_hint(err, "did you mean %s?", near);
        }
        return st;
    }
    if (func->bind == NULL) {
        return lt_error_set_at(err, LT_ERR_UNSUPPORTED, pos,
                               "the aggregate function %s is not supported yet", func->name);
    }
    if (arg_count < func->min_args || (func->max_args != N && arg_count > func->max_args)) {
        lt_status st = lt_error_set_at(err, LT_ERR_SQL, pos, "wrong number of arguments of %s: %u",
                                       func->name, arg_count);
        lt_error_hint(err, "supported: %s", func->signature);
        return st;
    }
    return LT_OK;
}

lt_status lt_agg_bind(lt_expr_builder *b, lt_str name, lt_expr *const *args, uint32_t arg_count,
                      bool distinct, lt_expr *filter, bool retracts, uint32_t pos, lt_agg **out,
                      lt_error *err)
{
    const lt_agg_func *func = find(name);
    LT_TRY(check_call(func, name, arg_count, pos, err));
    if (filter != NULL && filter->type->kind != LT_TYPE_BOOLEAN) {
        return lt_error_set_at(err, LT_ERR_SQL, filter->pos, "FILTER takes a BOOLEAN condition");
    }
    lt_agg *agg = LT_NEW(b->arena, lt_agg);
    if (agg == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    agg->args = LT_NEW_ARRAY(b->arena, lt_expr *, arg_count + 1);
    if (agg->args == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    for (uint32_t i = 0; i < arg_count; i++) {
        agg->args[i] = args[i];
    }
    agg->arg_count = arg_count;
    agg->distinct = distinct;
    agg->filter = filter;
    agg->retracts = retracts;
    lt_agg_bind_ctx c = {.b = b, .func = func, .pos = pos, .agg = agg};
    LT_TRY(func->bind(&c, err));
    if (agg->result == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    LT_ASSERT(agg->cls != NULL && agg->state_size % 8 == 0);
    *out = agg;
    return LT_OK;
}

lt_status lt_agg_rebind(lt_expr_builder *b, const lt_agg *agg, bool retracts, lt_agg **out,
                        lt_error *err)
{
    uint32_t pos = agg->arg_count > 0 ? agg->args[0]->pos : 0;
    return lt_agg_bind(b, lt_str_of(agg->cls->name), agg->args, agg->arg_count, agg->distinct,
                       agg->filter, retracts, pos, out, err);
}

void lt_agg_print(const lt_agg *agg, const lt_schema *input, lt_text *to)
{
    lt_text_puts(to, agg->cls->name);
    lt_text_putc(to, '(');
    if (agg->distinct) {
        lt_text_puts(to, "DISTINCT ");
    }
    if (agg->arg_count == 0) {
        lt_text_putc(to, '*');
    }
    for (uint32_t i = 0; i < agg->arg_count; i++) {
        if (i > 0) {
            lt_text_puts(to, ", ");
        }
        lt_expr_print(agg->args[i], input, to);
    }
    lt_text_putc(to, ')');
    if (agg->filter != NULL) {
        lt_text_puts(to, " FILTER (WHERE ");
        lt_expr_print(agg->filter, input, to);
        lt_text_putc(to, ')');
    }
}

bool lt_agg_eq(const lt_agg *a, const lt_agg *b)
{
    if (a->cls != b->cls || a->arg_count != b->arg_count || a->distinct != b->distinct ||
        a->retracts != b->retracts || !lt_type_eq(a->result, b->result)) {
        return false;
    }
    if ((a->filter == NULL) != (b->filter == NULL) ||
        (a->filter != NULL && !lt_expr_eq(a->filter, b->filter))) {
        return false;
    }
    for (uint32_t i = 0; i < a->arg_count; i++) {
        if (!lt_expr_eq(a->args[i], b->args[i])) {
            return false;
        }
    }
    return true;
}
