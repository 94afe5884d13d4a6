/* Window table functions in FROM: TUMBLE, HOP, CUMULATE, SESSION with positional or named
 * arguments. Result: the input's columns, whose time attribute becomes a plain timestamp, then
 * window_start, window_end, window_time. */
#include "bind/bind_int.h"

typedef enum { ARG_DATA, ARG_TIMECOL, ARG_STEP, ARG_SIZE, ARG_OFFSET, ARG_COUNT } tvf_arg;

typedef struct {
    const char *name;
    lt_window_kind kind;
    const char *arg_names[ARG_COUNT]; /* NULL: not an argument of this function */
    tvf_arg order[ARG_COUNT];         /* positional */
    uint32_t required, max;
} tvf;

static const tvf tvfs[] = {
    {"TUMBLE",
     LT_WINDOW_TUMBLE,
     {"DATA", "TIMECOL", NULL, "SIZE", "OFFSET"},
     {ARG_DATA, ARG_TIMECOL, ARG_SIZE, ARG_OFFSET, ARG_COUNT},
     3,
     4},
    {"HOP",
     LT_WINDOW_HOP,
     {"DATA", "TIMECOL", "SLIDE", "SIZE", "OFFSET"},
     {ARG_DATA, ARG_TIMECOL, ARG_STEP, ARG_SIZE, ARG_OFFSET},
     4,
     5},
    {"CUMULATE",
     LT_WINDOW_CUMULATE,
     {"DATA", "TIMECOL", "STEP", "SIZE", "OFFSET"},
     {ARG_DATA, ARG_TIMECOL, ARG_STEP, ARG_SIZE, ARG_OFFSET},
     4,
     5},
    {"SESSION",
     LT_WINDOW_SESSION,
     {"DATA", "TIMECOL", NULL, "GAP", NULL},
     {ARG_DATA, ARG_TIMECOL, ARG_SIZE, ARG_COUNT, ARG_COUNT},
     3,
     3},
};

static const tvf *find_tvf(lt_str func)
{
    for (size_t i = 0; i < LT_COUNT_OF(tvfs); i++) {
        if (lt_str_eq(func, lt_str_of(tvfs[i].name))) {
            return &tvfs[i];
        }
    }
    return NULL;
}

bool lt_is_window_tvf(lt_str func)
{
    return find_tvf(func) != NULL;
}

static lt_status usage(const tvf *f, uint32_t pos, lt_error *err)
{
    static const char *const forms[] = {
        "TUMBLE(TABLE t, DESCRIPTOR(time_column), size [, offset])",
        "HOP(TABLE t, DESCRIPTOR(time_column), slide, size [, offset])",
        "CUMULATE(TABLE t, DESCRIPTOR(time_column), step, size [, offset])",
        "SESSION(TABLE t [PARTITION BY key, ..], DESCRIPTOR(time_column), gap)",
    };
    lt_status st =
        lt_error_set_at(err, LT_ERR_SQL, pos, "%s does not take these arguments", f->name);
    lt_error_hint(err, "it is written %s", forms[f->kind]);
    return st;
}

static lt_status sort_arguments(const tvf *f, const lt_ast_expr *ast,
                                const lt_ast_expr *args[ARG_COUNT], lt_error *err)
{
    const lt_ast_call *call = ast->call;
    if (call->args.count < f->required || call->args.count > f->max) {
        return usage(f, ast->pos, err);
    }
    for (uint32_t i = 0; i < call->args.count; i++) {
        tvf_arg at = f->order[i];
        if (call->arg_names && call->arg_names[i].text.ptr) {
            at = ARG_DATA;
            while (at < ARG_COUNT &&
                   !(f->arg_names[at] &&
                     lt_str_eq_ci(call->arg_names[i].text, lt_str_of(f->arg_names[at])))) {
                at++;
            }
            if (at == ARG_COUNT) {
                return usage(f, call->arg_names[i].pos, err);
            }
        }
        if (args[at]) {
            return usage(f, call->args.items[i]->pos, err);
        }
        if (call->args.items[i]->kind != LT_EXPR_DEFAULT) {
            args[at] = call->args.items[i];
        }
    }
    if (!args[ARG_DATA] || !args[ARG_TIMECOL] || !args[ARG_SIZE] ||
        (f->arg_names[ARG_STEP] && !args[ARG_STEP])) {
        return usage(f, ast->pos, err);
    }
    return LT_OK;
}

lt_status lt_bind_window_duration(lt_binder *b, const char *name, const lt_ast_expr *ast,
                                  int64_t *out, lt_error *err)
{
    lt_expr_env env = {.b = b, .clause = name};
    lt_expr *expr;
    LT_TRY(lt_bind_expr(&env, ast, &expr, err));
    if (expr->kind != LT_NODE_LITERAL || expr->type->kind != LT_TYPE_INTERVAL_SECOND ||
        expr->u.literal.is_null) {
        lt_status st = lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                                       "%s needs a constant day-time interval here", name);
        lt_error_hint(err, "such as INTERVAL '10' MINUTE");
        return st;
    }
    *out = expr->u.literal.u.i;
    return LT_OK;
}

static lt_status bind_input(lt_binder *b, const tvf *f, const lt_ast_expr *ast, lt_rel **out,
                            lt_error *err)
{
    const lt_ast_query *query = ast->kind == LT_EXPR_TABLE_ARG  ? ast->table_arg.query
                                : ast->kind == LT_EXPR_SUBQUERY ? ast->query
                                                                : NULL;
    if (!query) {
        lt_status st = lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                                       "the first argument of %s is a table", f->name);
        lt_error_hint(err, "write TABLE name, or a query in parentheses");
        return st;
    }
    if (query->kind == LT_QUERY_TABLE && !query->limit && !query->offset) {
        lt_bound_from from;
        LT_TRY(lt_bind_table_path(b, &query->table, NULL, &from, err));
        *out = from.rel;
        return LT_OK;
    }
    return lt_bind_query(b, query, false, out, err);
}

static lt_status bind_time_column(lt_binder *b, const tvf *f, const lt_ast_expr *ast,
                                  const lt_schema *schema, uint32_t *out, lt_error *err)
{
    if (ast->kind != LT_EXPR_DESCRIPTOR || ast->names.count != 1) {
        return usage(f, ast->pos, err);
    }
    const lt_ast_name *name = &ast->names.items[0];
    lt_status st = lt_schema_column(schema, name, "Column", out, err);
    if (st != LT_OK) {
        lt_hint_columns(schema, name->text, b->arena, err);
        return st;
    }
    const lt_type *type = schema->fields[*out].type;
    if (type->attr != LT_TIME_NONE) {
        return LT_OK;
    }
    lt_text text;
    lt_text_init(&text, lt_catalog_session(b->catalog)->mem);
    lt_type_print(type, &text);
    st = lt_error_set_at(
        err, LT_ERR_SQL, name->pos,
        "The window function requires the timecol is a time attribute type, but '" LT_STR_FMT
        "' is %s",
        LT_STR_ARG(name->text), text.ptr ? text.ptr : "not");
    lt_text_deinit(&text);
    lt_error_hint(err, "declare WATERMARK FOR the column in its CREATE TABLE; an expression on a "
                       "time attribute makes a plain timestamp");
    return st;
}

static lt_status check_lengths(const tvf *f, const lt_window *window,
                               const lt_ast_expr *const *args, lt_error *err)
{
    if (window->size_ms <= 0) {
        return lt_error_set_at(err, LT_ERR_SQL, args[ARG_SIZE]->pos, "%s needs a length above 0",
                               f->name);
    }
    if (!f->arg_names[ARG_STEP]) {
        return LT_OK;
    }
    if (window->step_ms <= 0) {
        return lt_error_set_at(err, LT_ERR_SQL, args[ARG_STEP]->pos, "%s needs a %s above 0",
                               f->name, f->kind == LT_WINDOW_HOP ? "slide" : "step");
    }
    if (window->size_ms % window->step_ms != 0) {
        return lt_error_set_at(
            err, LT_ERR_SQL, args[ARG_SIZE]->pos,
            "%s requires size must be an integral multiple of %s, but got size %lld ms and %s %lld "
            "ms",
            f->name, f->kind == LT_WINDOW_HOP ? "slide" : "step", (long long)window->size_ms,
            f->kind == LT_WINDOW_HOP ? "slide" : "step", (long long)window->step_ms);
    }
    return LT_OK;
}

static lt_status bind_session_keys(lt_binder *b, const lt_ast_expr *data, const lt_schema *schema,
                                   lt_rel *rel, lt_error *err)
{
    const lt_ast_exprs *list = &data->table_arg.partition_by;
    uint32_t *keys = LT_NEW_ARRAY(b->arena, uint32_t, list->count + 1);
    if (!keys) {
        return lt_error_nomem(err, "keys");
    }
    lt_scope scope;
    LT_TRY(lt_scope_single(b, schema, (lt_str){NULL, 0}, &scope, err));
    lt_expr_env env = {.b = b, .scope = &scope, .clause = "PARTITION BY"};
    for (uint32_t i = 0; i < list->count; i++) {
        lt_expr *expr;
        LT_TRY(lt_bind_expr(&env, list->items[i], &expr, err));
        if (expr->kind != LT_NODE_COLUMN) {
            return lt_error_set_at(err, LT_ERR_SQL, list->items[i]->pos,
                                   "PARTITION BY of a table argument takes columns only");
        }
        keys[i] = expr->u.column;
    }
    rel->u.window_tvf.session_keys = keys;
    rel->u.window_tvf.session_key_count = list->count;
    return LT_OK;
}

/* Input columns with the time column made plain, then the three of the window. */
static lt_status window_schema(lt_binder *b, lt_rel *rel, uint32_t time_col, lt_error *err)
{
    const lt_schema *input = rel->inputs[0]->schema;
    lt_field *fields = LT_NEW_ARRAY(b->arena, lt_field, input->count + 3);
    if (!fields) {
        return lt_error_nomem(err, "schema");
    }
    memcpy(fields, input->fields, input->count * sizeof *fields);
    const lt_type *time = input->fields[time_col].type;
    const lt_type *bound = lt_type_time(b->arena, LT_TYPE_TIMESTAMP, 3, false);
    const lt_type *attr = lt_type_time(b->arena, time->kind, 3, false);
    fields[time_col].type = lt_type_with_attr(b->arena, time, LT_TIME_NONE);
    attr = attr ? lt_type_with_attr(b->arena, attr, time->attr) : NULL;
    if (!bound || !attr || !fields[time_col].type) {
        return lt_error_nomem(err, "type");
    }
    fields[input->count] = (lt_field){LT_STR("window_start"), bound};
    fields[input->count + 1] = (lt_field){LT_STR("window_end"), bound};
    fields[input->count + 2] = (lt_field){LT_STR("window_time"), attr};
    rel->schema = lt_schema_new(b->arena, fields, input->count + 3);
    return rel->schema ? LT_OK : lt_error_nomem(err, "schema");
}

lt_status lt_rel_window(lt_binder *b, lt_rel *input, const lt_window *window, lt_rel **out,
                        lt_error *err)
{
    lt_rel *rel = lt_rel_make(b, LT_REL_WINDOW, input->pos, input, err);
    if (!rel) {
        return err->code;
    }
    const lt_type *time = input->schema->fields[window->time_col].type;
    int count = (int)input->schema->count;
    lt_window *own = &rel->u.window_tvf.window;
    *own = *window;
    own->ltz = time->kind == LT_TYPE_TIMESTAMP_LTZ;
    own->proctime = time->attr == LT_TIME_PROCTIME;
    LT_TRY(window_schema(b, rel, window->time_col, err));
    rel->window = (lt_window_props){.present = true,
                                    .ltz = own->ltz,
                                    .kind = own->kind,
                                    .window = *own,
                                    .start_col = count,
                                    .end_col = count + 1,
                                    .time_col = count + 2};
    *out = rel;
    return LT_OK;
}

lt_status lt_bind_window_tvf(lt_binder *b, const lt_ast_expr *ast, lt_rel **out, lt_error *err)
{
    const tvf *f = find_tvf(ast->call->func);
    const lt_ast_expr *args[ARG_COUNT] = {0};
    lt_window window = {0};
    lt_rel *input, *rel;
    LT_ASSERT(f != NULL);
    LT_TRY(sort_arguments(f, ast, args, err));
    LT_TRY(bind_input(b, f, args[ARG_DATA], &input, err));
    LT_TRY(bind_time_column(b, f, args[ARG_TIMECOL], input->schema, &window.time_col, err));
    LT_TRY(lt_bind_window_duration(b, f->name, args[ARG_SIZE], &window.size_ms, err));
    if (args[ARG_STEP]) {
        LT_TRY(lt_bind_window_duration(b, f->name, args[ARG_STEP], &window.step_ms, err));
    }
    if (args[ARG_OFFSET]) {
        LT_TRY(lt_bind_window_duration(b, f->name, args[ARG_OFFSET], &window.offset_ms, err));
    }
    LT_TRY(check_lengths(f, &window, args, err));
    window.kind = f->kind;
    LT_TRY(lt_rel_window(b, input, &window, &rel, err));
    rel->pos = ast->pos;
    if (args[ARG_DATA]->kind == LT_EXPR_TABLE_ARG &&
        args[ARG_DATA]->table_arg.partition_by.count > 0) {
        if (f->kind != LT_WINDOW_SESSION) {
            return lt_error_set_at(err, LT_ERR_SQL, args[ARG_DATA]->pos,
                                   "%s takes no PARTITION BY; only SESSION does", f->name);
        }
        LT_TRY(bind_session_keys(b, args[ARG_DATA], input->schema, rel, err));
    }
    *out = rel;
    return LT_OK;
}
