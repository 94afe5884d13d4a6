/* The table of aggregate functions; binding, printing, comparing calls. */
#include "expr/agg_int.h"
#include "expr/cast.h"
#include "expr/native.h"

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
    {"$LAG", 1, 3, lt_agg_bind_lag, 0, "LAG(a[, offset[, default]])", "value of an earlier row"},
    {"SINGLE_VALUE", 1, 1, lt_agg_bind_single, 0, "SINGLE_VALUE(a)",
     "the only value; an error when there are more"},
    {"LISTAGG", 1, 2, lt_agg_bind_listagg, 0, "LISTAGG(string[, separator])", "joined strings"},
    {"COLLECT", 1, 1, lt_agg_bind_collect, 0, "COLLECT(a)", "MULTISET of the values"},
    {"ARRAY_AGG", 1, 1, lt_agg_bind_array_agg, 0, "ARRAY_AGG(a)", "ARRAY of the values"},
    {"JSON_OBJECTAGG", 2, 2, lt_agg_bind_json_object, LT_AGG_JSON_NULL,
     "JSON_OBJECTAGG([KEY] k VALUE v [NULL|ABSENT ON NULL])", "JSON object of unique keys"},
    {"$JSON_OBJECTAGG_ABSENT", 2, 2, lt_agg_bind_json_object, LT_AGG_JSON_ABSENT,
     "JSON_OBJECTAGG([KEY] k VALUE v ABSENT ON NULL)", "JSON object without NULLs"},
    {"JSON_ARRAYAGG", 1, 1, lt_agg_bind_json_array, LT_AGG_JSON_ABSENT,
     "JSON_ARRAYAGG(a [NULL|ABSENT ON NULL])", "JSON array"},
    {"$JSON_ARRAYAGG_NULL", 1, 1, lt_agg_bind_json_array, LT_AGG_JSON_NULL,
     "JSON_ARRAYAGG(a NULL ON NULL)", "JSON array with NULLs"},
    {"PERCENTILE", 2, 3, lt_agg_bind_percentile, 0, "PERCENTILE(number, p[, frequency])",
     "interpolated percentile; p in 0 .. 1, or an ARRAY of such"},
    {"APPROX_COUNT_DISTINCT", 1, 1, lt_agg_bind_approx, 0, "APPROX_COUNT_DISTINCT(a)",
     "number of different values, within about 1 %"},
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

const char *lt_func_aggregate_signature(lt_str name, const char **doc)
{
    const lt_agg_func *func = find(name);
    *doc = func != NULL ? func->doc : NULL;
    return func != NULL && func->bind != NULL ? func->signature : NULL;
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

bool lt_agg_put_text(lt_col *out, uint32_t row, lt_str text, lt_arena *arena)
{
    if (text.len > LT_STRV_INLINE_MAX) {
        text = lt_arena_str(arena, text);
        if (text.ptr == NULL) {
            return false;
        }
    }
    LT_COL_DATA(out, lt_strv)[row] = lt_strv_make(text.ptr, text.len);
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

/* `like` has the quantifier, the filter, and what kind of input it is for. */
static lt_status bind_call(lt_agg_bind_ctx *c, const lt_agg *like, lt_expr *const *args,
                           uint32_t arg_count, lt_agg **out, lt_error *err)
{
    lt_expr_builder *b = c->b;
    const lt_expr *filter = like->filter;
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
    for (uint32_t i = 0; i < arg_count; i++) {
        if (args[i]->type->kind == LT_TYPE_NULL) {
            lt_status st = lt_error_set_at(err, LT_ERR_SQL, args[i]->pos, "Illegal use of 'NULL'");
            lt_error_hint(err, "give it a type: CAST(NULL AS ..)");
            return st;
        }
    }
    agg->arg_count = arg_count;
    agg->distinct = like->distinct;
    agg->filter = like->filter;
    agg->retracts = like->retracts;
    c->agg = agg;
    LT_TRY(c->func->bind(c, err));
    if (agg->result == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    LT_ASSERT(agg->cls != NULL && agg->state_size % 8 == 0);
    *out = agg;
    return LT_OK;
}

lt_status lt_agg_bind(lt_expr_builder *b, lt_str name, lt_expr *const *args, uint32_t arg_count,
                      bool distinct, lt_expr *filter, bool retracts, uint32_t pos, lt_agg **out,
                      lt_error *err)
{
    lt_agg_bind_ctx c = {.b = b, .func = find(name), .pos = pos};
    const lt_agg like = {.distinct = distinct, .filter = filter, .retracts = retracts};
    LT_TRY(check_call(c.func, name, arg_count, pos, err));
    return bind_call(&c, &like, args, arg_count, out, err);
}

lt_status lt_agg_rebind(lt_expr_builder *b, const lt_agg *agg, bool retracts, lt_agg **out,
                        lt_error *err)
{
    uint32_t pos = agg->arg_count > 0 ? agg->args[0]->pos : 0;
    if (agg->native != NULL) {
        const lt_native_agg_call call = {agg->args,   agg->arg_count, agg->distinct,
                                         agg->filter, retracts,       pos};
        return lt_native_agg_bind(b, agg->native, &call, out, err);
    }
    lt_agg_bind_ctx c = {
        .b = b, .func = find(lt_str_of(agg->cls->name)), .pos = pos, .again = true};
    lt_agg like = *agg;
    LT_ASSERT(c.func != NULL);
    like.retracts = retracts;
    return bind_call(&c, &like, agg->args, agg->arg_count, out, err);
}

void lt_agg_print(const lt_agg *agg, const lt_schema *input, lt_text *to)
{
    lt_text_puts(to, agg->shown != NULL ? agg->shown : agg->cls->name);
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
    if (agg->clause != NULL) {
        lt_text_printf(to, " %s", agg->clause);
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
