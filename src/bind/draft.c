/* From a table's declaration to its definition: see draft.h. */
#include "bind/draft.h"

static lt_status keep(lt_binder *b, lt_str *s, lt_error *err)
{
    if (s->ptr) {
        *s = lt_arena_str(b->arena, *s);
        return s->ptr ? LT_OK : lt_error_nomem(err, "table");
    }
    return LT_OK;
}

/* The printer quotes every name; names of built-in functions read better without. A quoted name
 * before a parenthesis is always a call. */
static void plain_functions(lt_str s, lt_text *to)
{
    for (size_t at = 0; at < s.len;) {
        size_t end = at + 1;
        char quote = s.ptr[at];
        if (quote != '\'' && quote != '`') {
            lt_text_putc(to, s.ptr[at++]);
            continue;
        }
        while (end < s.len && s.ptr[end] != quote) {
            end++;
        }
        lt_str name = {s.ptr + at + 1, end - at - 1};
        bool call = quote == '`' && end + 1 < s.len && s.ptr[end + 1] == '(' &&
                    (at == 0 || s.ptr[at - 1] != '.');
        if (call && (lt_func_exists_scalar(name) || lt_func_exists_aggregate(name))) {
            for (size_t i = 0; i < name.len; i++) {
                char ch = name.ptr[i];
                lt_text_putc(to, ch >= 'a' && ch <= 'z' ? (char)(ch - 32) : ch);
            }
        } else {
            lt_text_append(to, s.ptr + at, LT_MIN(end + 1, s.len) - at);
        }
        at = end + 1;
    }
}

lt_str lt_bind_plain_text(lt_arena *arena, lt_mem *mem, lt_str s)
{
    lt_text text;
    lt_text_init(&text, mem);
    plain_functions(s, &text);
    lt_str out = text.failed ? (lt_str){NULL, 0} : lt_arena_str(arena, lt_text_str(&text));
    lt_text_deinit(&text);
    return out;
}

/* Does the first parenthesis close at the very end? */
static bool is_enclosed(lt_str s)
{
    char quote = 0;
    int depth = 0;
    if (s.len < 3 || s.ptr[0] != '(') {
        return false;
    }
    for (size_t at = 0; at < s.len; at++) {
        char ch = s.ptr[at];
        if (quote != 0) {
            quote = ch == quote ? 0 : quote;
        } else if (ch == '\'' || ch == '`') {
            quote = ch;
        } else if (ch == '(') {
            depth++;
        } else if (ch == ')' && --depth == 0) {
            return at == s.len - 1;
        }
    }
    return false;
}

lt_str lt_bind_expr_text(lt_arena *arena, lt_mem *mem, const lt_ast_expr *ast)
{
    lt_text text;
    lt_str out = {NULL, 0};
    lt_text_init(&text, mem);
    lt_sql_print_expression(ast, 0, &text);
    if (!text.failed) {
        lt_str s = lt_text_str(&text);
        /* The printer puts every operation in parentheses; the outermost pair says nothing. */
        if (ast->kind != LT_EXPR_ROW && is_enclosed(s)) {
            s.ptr++;
            s.len -= 2;
        }
        out = lt_bind_plain_text(arena, mem, s);
    }
    lt_text_deinit(&text);
    return out;
}

/* A binder whose results outlive the statement. */
lt_binder lt_binder_lasting(const lt_binder *b)
{
    lt_binder out = *b;
    out.arena = b->catalog->arena;
    out.eb.arena = b->catalog->arena;
    return out;
}

lt_status lt_ddl_check_free(lt_binder *b, const lt_object_path *path, bool temporary,
                            bool if_not_exists, uint32_t pos, bool *skip, lt_error *err)
{
    lt_table_def *old =
        temporary ? lt_catalog_temporary(b->catalog, path->catalog, path->database, path->name)
                  : lt_catalog_permanent(b->catalog, path->catalog, path->database, path->name);
    *skip = old && if_not_exists;
    if (!old || if_not_exists) {
        return LT_OK;
    }
    lt_status st = lt_error_set_at(err, LT_ERR_SQL, pos, "%s '%s' already exists",
                                   temporary ? "Temporary table" : "Table (or view)",
                                   lt_object_text(b->arena, path));
    lt_error_hint(err, "DROP it first, or write IF NOT EXISTS");
    return st;
}

/* ---- building a draft ---- */

int lt_draft_find(const lt_table_draft *draft, lt_str name)
{
    for (uint32_t i = 0; i < draft->count; i++) {
        if (lt_str_eq(draft->columns[i].name, name)) {
            return (int)i;
        }
    }
    return -1;
}

lt_status lt_draft_add(lt_binder *b, lt_table_draft *draft, const lt_draft_column *column,
                       uint32_t at, lt_error *err)
{
    if (draft->count == draft->cap) {
        uint32_t cap = draft->cap ? 2 * draft->cap : 16;
        lt_draft_column *grown = LT_NEW_ARRAY(b->arena, lt_draft_column, cap);
        if (!grown) {
            return lt_error_nomem(err, "columns");
        }
        if (draft->count) {
            memcpy(grown, draft->columns, draft->count * sizeof *grown);
        }
        draft->columns = grown;
        draft->cap = cap;
    }
    at = LT_MIN(at, draft->count);
    memmove(draft->columns + at + 1, draft->columns + at,
            (draft->count - at) * sizeof *draft->columns);
    draft->columns[at] = *column;
    draft->count++;
    return LT_OK;
}

void lt_draft_remove(lt_table_draft *draft, uint32_t at)
{
    LT_ASSERT(at < draft->count);
    draft->count--;
    memmove(draft->columns + at, draft->columns + at + 1,
            (draft->count - at) * sizeof *draft->columns);
}

lt_status lt_draft_column_from_ast(lt_binder *b, const lt_ast_column *ast, lt_draft_column *out,
                                   lt_error *err)
{
    *out = (lt_draft_column){0};
    if (ast->name.count != 1) {
        return lt_unsupported_at(err, ast->name.items[0].pos, "changing a nested field");
    }
    out->name = ast->name.items[0].text;
    out->pos = ast->name.items[0].pos;
    out->comment = ast->comment.text;
    out->expr = ast->expr;
    if (ast->unique) {
        return lt_unsupported_at(err, out->pos, "UNIQUE constraints");
    }
    LT_TRY(keep(b, &out->name, err));
    LT_TRY(keep(b, &out->comment, err));
    switch (ast->kind) {
    case LT_COLUMN_COMPUTED:
        out->role = LT_COLUMN_IS_COMPUTED;
        return LT_OK;
    case LT_COLUMN_METADATA:
        out->role = LT_COLUMN_IS_METADATA;
        out->metadata_key = ast->metadata_key.text.ptr ? ast->metadata_key.text : out->name;
        out->is_virtual = ast->is_virtual;
        LT_TRY(keep(b, &out->metadata_key, err));
        break;
    case LT_COLUMN_PHYSICAL:
        out->role = LT_COLUMN_IS_PHYSICAL;
        break;
    case LT_COLUMN_BARE:
        return lt_error_set_at(err, LT_ERR_SQL, out->pos, "column '" LT_STR_FMT "' needs a type",
                               LT_STR_ARG(out->name));
    }
    return lt_bind_type(b->arena, ast->type, &out->type, err);
}

lt_status lt_draft_from_def(lt_binder *b, const lt_table_def *def, lt_table_draft *out,
                            lt_error *err)
{
    lt_str *names =
        LT_NEW_ARRAY(b->arena, lt_str, def->primary_key_count + def->partition_count + 1);
    if (!names) {
        return lt_error_nomem(err, "table");
    }
    *out = (lt_table_draft){0};
    for (uint32_t i = 0; i < def->column_count; i++) {
        const lt_column_def *from = &def->columns[i];
        lt_draft_column column = {.name = from->name,
                                  .role = from->role,
                                  .metadata_key = from->metadata_key,
                                  .is_virtual = from->is_virtual,
                                  .expr_text = from->expr_text,
                                  .comment = from->comment};
        column.type = lt_type_with_attr(b->arena, from->type, LT_TIME_NONE);
        if (!column.type) {
            return lt_error_nomem(err, "type");
        }
        LT_TRY(lt_draft_add(b, out, &column, UINT32_MAX, err));
    }
    for (uint32_t i = 0; i < def->primary_key_count; i++) {
        names[i] = def->columns[def->primary_key[i]].name;
    }
    out->has_key = def->primary_key_count > 0;
    out->key = names;
    out->key_count = def->primary_key_count;
    out->key_name = def->primary_key_name;
    names += def->primary_key_count;
    for (uint32_t i = 0; i < def->partition_count; i++) {
        names[i] = def->columns[def->partition_by[i]].name;
    }
    out->partition = names;
    out->partition_count = def->partition_count;
    if (def->watermark_col >= 0) {
        out->has_watermark = true;
        out->watermark_column = def->columns[def->watermark_col].name;
        out->watermark_text = def->watermark_text;
    }
    out->options = def->options;
    out->comment = def->comment;
    return LT_OK;
}

lt_status lt_draft_set_key(lt_binder *b, lt_table_draft *draft, const lt_ast_constraint *ast,
                           lt_error *err)
{
    lt_str *names = LT_NEW_ARRAY(b->arena, lt_str, ast->columns.count + 1);
    if (!names) {
        return lt_error_nomem(err, "key");
    }
    if (ast->unique) {
        return lt_unsupported_at(err, ast->pos, "UNIQUE constraints");
    }
    if (!ast->not_enforced) {
        lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                        "a PRIMARY KEY is not enforced: the data belongs to the system behind the "
                        "connector");
        lt_error_hint(err, "write PRIMARY KEY .. NOT ENFORCED");
        return LT_ERR_SQL;
    }
    for (uint32_t i = 0; i < ast->columns.count; i++) {
        names[i] = ast->columns.items[i].text;
        LT_TRY(keep(b, &names[i], err));
    }
    draft->has_key = true;
    draft->key = names;
    draft->key_count = ast->columns.count;
    draft->key_pos = ast->pos;
    draft->key_name = ast->name.text;
    return keep(b, &draft->key_name, err);
}

lt_status lt_draft_set_column_key(lt_binder *b, lt_table_draft *draft, const lt_ast_column *ast,
                                  lt_error *err)
{
    const lt_ast_constraint constraint = {.name = ast->constraint,
                                          .columns = {ast->name.items, 1},
                                          .not_enforced = ast->not_enforced,
                                          .pos = ast->name.items[0].pos};
    return lt_draft_set_key(b, draft, &constraint, err);
}

void lt_draft_set_watermark(lt_table_draft *draft, const lt_ast_watermark *ast)
{
    draft->has_watermark = true;
    draft->watermark_column = ast->column.items[0].text;
    draft->watermark_pos = ast->column.items[0].pos;
    draft->watermark_expr = ast->expr;
    draft->watermark_text = (lt_str){NULL, 0};
}

lt_status lt_draft_set_options(lt_binder *b, lt_table_draft *draft, const lt_ast_options *ast,
                               lt_error *err)
{
    lt_option *items = LT_NEW_ARRAY(b->arena, lt_option, draft->options.count + ast->count + 1);
    uint32_t count = draft->options.count;
    if (!items) {
        return lt_error_nomem(err, "options");
    }
    if (count) {
        memcpy(items, draft->options.items, count * sizeof *items);
    }
    for (uint32_t i = 0; i < ast->count; i++) {
        lt_option option = {ast->items[i].key.text, ast->items[i].value.text,
                            ast->items[i].key.pos};
        uint32_t at = 0;
        LT_TRY(keep(b, &option.key, err));
        LT_TRY(keep(b, &option.value, err));
        while (at < count && !lt_str_eq(items[at].key, option.key)) {
            at++;
        }
        items[at] = option;
        count = LT_MAX(count, at + 1);
    }
    draft->options = (lt_options){items, count};
    return LT_OK;
}

/* ---- finishing ---- */

typedef struct {
    lt_binder *b;
    const lt_table_draft *draft;
    lt_table_def *def;
    lt_field *fields; /* what expressions see */
} finish_state;

static lt_str option_value(const lt_options *options, const char *key)
{
    for (uint32_t i = 0; i < options->count; i++) {
        if (lt_str_eq(options->items[i].key, lt_str_of(key))) {
            return options->items[i].value;
        }
    }
    return (lt_str){NULL, 0};
}

static lt_status finish_options(finish_state *s)
{
    lt_str connector = option_value(&s->draft->options, "connector");
    lt_str format = option_value(&s->draft->options, "format");
    if (!format.ptr) {
        format = option_value(&s->draft->options, "value.format");
    }
    s->def->options = s->draft->options;
    s->def->connector = connector.ptr ? lt_connector_find(connector) : NULL;
    s->def->format = format.ptr ? lt_format_find(format) : NULL;
    return LT_OK;
}

/* The type under which the connector delivers the metadata; the declared one while the connector is
 * not known. */
static lt_status metadata_type(finish_state *s, const lt_draft_column *column, const lt_type **out,
                               lt_error *err)
{
    const lt_connector *connector = s->def->connector;
    *out = column->type;
    for (uint32_t i = 0; connector && i < connector->metadata_count; i++) {
        lt_ast_type *ast;
        if (!lt_str_eq(column->metadata_key, lt_str_of(connector->metadata[i].key))) {
            continue;
        }
        LT_TRY(lt_sql_parse_type(&ast, s->b->arena, lt_str_of(connector->metadata[i].type), err));
        LT_TRY(lt_bind_type(s->b->arena, ast, out, err));
        if (!lt_type_can_cast(*out, column->type)) {
            return lt_error_set_at(err, LT_ERR_SQL, column->pos,
                                   "metadata '" LT_STR_FMT
                                   "' is %s and cannot be cast to the type of column '" LT_STR_FMT
                                   "'",
                                   LT_STR_ARG(column->metadata_key), connector->metadata[i].type,
                                   LT_STR_ARG(column->name));
        }
    }
    return LT_OK;
}

static lt_status finish_key(finish_state *s, lt_error *err)
{
    const lt_table_draft *draft = s->draft;
    uint32_t *key = LT_NEW_ARRAY(s->b->arena, uint32_t, draft->key_count + 1);
    const char *name = "PK";
    if (!key) {
        return lt_error_nomem(err, "key");
    }
    for (uint32_t i = 0; i < draft->key_count; i++) {
        int at = lt_draft_find(draft, draft->key[i]);
        if (at < 0) {
            return lt_error_set_at(err, LT_ERR_SQL, draft->key_pos,
                                   "Primary key column '" LT_STR_FMT
                                   "' is not defined in the schema",
                                   LT_STR_ARG(draft->key[i]));
        }
        if (draft->columns[at].role != LT_COLUMN_IS_PHYSICAL) {
            return lt_error_set_at(err, LT_ERR_SQL, draft->key_pos,
                                   "Could not create a PRIMARY KEY with column '" LT_STR_FMT
                                   "': the key takes physical columns only",
                                   LT_STR_ARG(draft->key[i]));
        }
        for (uint32_t j = 0; j < i; j++) {
            if (key[j] == (uint32_t)at) {
                return lt_error_set_at(err, LT_ERR_SQL, draft->key_pos,
                                       "column '" LT_STR_FMT "' stands twice in the PRIMARY KEY",
                                       LT_STR_ARG(draft->key[i]));
            }
        }
        key[i] = (uint32_t)at;
        name = lt_arena_printf(s->b->arena, "%s_" LT_STR_FMT, name, LT_STR_ARG(draft->key[i]));
        s->def->columns[at].type =
            lt_type_with_nullable(s->b->arena, s->def->columns[at].type, false);
        if (!name || !s->def->columns[at].type) {
            return lt_error_nomem(err, "key");
        }
    }
    s->def->primary_key = key;
    s->def->primary_key_count = draft->key_count;
    s->def->primary_key_name =
        draft->key_name.len > 0 ? draft->key_name : lt_str_of(draft->key_count > 0 ? name : NULL);
    return LT_OK;
}

static lt_status finish_partition(finish_state *s, lt_error *err)
{
    const lt_table_draft *draft = s->draft;
    uint32_t *columns = LT_NEW_ARRAY(s->b->arena, uint32_t, draft->partition_count + 1);
    if (!columns) {
        return lt_error_nomem(err, "partition");
    }
    for (uint32_t i = 0; i < draft->partition_count; i++) {
        int at = lt_draft_find(draft, draft->partition[i]);
        if (at < 0 || draft->columns[at].role != LT_COLUMN_IS_PHYSICAL) {
            return lt_error_set_at(
                err, LT_ERR_SQL, draft->partition_pos, "Partition column '" LT_STR_FMT "' %s",
                LT_STR_ARG(draft->partition[i]),
                at < 0 ? "not defined in the table schema" : "must be a physical column");
        }
        columns[i] = (uint32_t)at;
    }
    s->def->partition_by = columns;
    s->def->partition_count = draft->partition_count;
    return LT_OK;
}

static lt_status finish_columns(finish_state *s, lt_error *err)
{
    const lt_table_draft *draft = s->draft;
    s->def->columns = LT_NEW_ARRAY(s->b->arena, lt_column_def, draft->count + 1);
    s->def->column_count = draft->count;
    s->fields = LT_NEW_ARRAY(s->b->arena, lt_field, draft->count + 1);
    if (!s->def->columns || !s->fields) {
        return lt_error_nomem(err, "columns");
    }
    for (uint32_t i = 0; i < draft->count; i++) {
        const lt_draft_column *from = &draft->columns[i];
        lt_column_def *to = &s->def->columns[i];
        for (uint32_t j = 0; j < i; j++) {
            if (lt_str_eq(draft->columns[j].name, from->name)) {
                return lt_error_set_at(err, LT_ERR_SQL, from->pos,
                                       "Column '" LT_STR_FMT "' is declared twice",
                                       LT_STR_ARG(from->name));
            }
        }
        to->name = from->name;
        to->role = from->role;
        to->type = from->type;
        to->metadata_key = from->metadata_key;
        to->is_virtual = from->is_virtual;
        to->comment = from->comment;
        if (from->role == LT_COLUMN_IS_METADATA) {
            LT_TRY(metadata_type(s, from, &to->metadata_type, err));
        }
        if (from->role != LT_COLUMN_IS_COMPUTED && (from->type->kind == LT_TYPE_INTERVAL_MONTH ||
                                                    from->type->kind == LT_TYPE_INTERVAL_SECOND)) {
            return lt_error_set_at(err, LT_ERR_SQL, from->pos,
                                   "Column '" LT_STR_FMT "' cannot have an INTERVAL type",
                                   LT_STR_ARG(from->name));
        }
    }
    LT_TRY(finish_key(s, err));
    return finish_partition(s, err);
}

/* Errors in text that was stored by an earlier statement point at this one. */
static lt_status stored_error(const finish_state *s, lt_status st, lt_str text, lt_error *err)
{
    if (st != LT_ERR_SQL && st != LT_ERR_UNSUPPORTED) {
        return st;
    }
    const char *cause =
        lt_arena_printf(s->b->arena, "in `" LT_STR_FMT "`: %s", LT_STR_ARG(text), err->text);
    return lt_error_set_at(err, st, s->draft->pos, "%s", cause ? cause : "");
}

static lt_status bind_text(finish_state *s, const lt_expr_env *env, const lt_ast_expr *ast,
                           lt_str text, lt_expr **out, const lt_ast_expr **used, lt_error *err)
{
    lt_ast_expr *parsed = NULL;
    if (ast) {
        *used = ast;
        return lt_bind_expr(env, ast, out, err);
    }
    LT_TRY(lt_sql_parse_expression(&parsed, s->b->arena, text, err));
    *used = parsed;
    return stored_error(s, lt_bind_expr(env, parsed, out, err), text, err);
}

static lt_status expr_text(finish_state *s, const lt_ast_expr *ast, lt_str old, lt_str *out,
                           lt_error *err)
{
    *out =
        old.ptr ? old : lt_bind_expr_text(s->b->arena, lt_catalog_session(s->b->catalog)->mem, ast);
    return out->ptr ? LT_OK : lt_error_nomem(err, "expression");
}

static lt_status finish_computed(finish_state *s, lt_error *err)
{
    const lt_type *hidden = lt_type_new(s->b->arena, LT_TYPE_BOOLEAN, true);
    lt_scope scope;
    if (!hidden) {
        return lt_error_nomem(err, "type");
    }
    for (uint32_t i = 0; i < s->def->column_count; i++) {
        bool computed = s->def->columns[i].role == LT_COLUMN_IS_COMPUTED;
        /* No identifier is empty: computed columns cannot be named by other ones. */
        s->fields[i] = computed ? (lt_field){LT_STR(""), hidden}
                                : (lt_field){s->def->columns[i].name, s->def->columns[i].type};
    }
    const lt_schema schema = {s->def->column_count, s->fields};
    LT_TRY(lt_scope_single(s->b, &schema, (lt_str){NULL, 0}, &scope, err));
    for (uint32_t i = 0; i < s->def->column_count; i++) {
        const lt_draft_column *from = &s->draft->columns[i];
        lt_column_def *to = &s->def->columns[i];
        const lt_ast_expr *ast;
        lt_expr_env env = {.b = s->b, .scope = &scope, .clause = "a computed column"};
        if (from->role != LT_COLUMN_IS_COMPUTED) {
            continue;
        }
        if (from->expr && from->expr->kind == LT_EXPR_IDENT && from->expr->path.count == 1) {
            int at = lt_draft_find(s->draft, from->expr->path.items[0].text);
            env.missing_hint =
                at >= 0 ? "a computed column cannot use another computed column" : NULL;
        }
        LT_TRY(bind_text(s, &env, from->expr, from->expr_text, &to->expr, &ast, err));
        LT_TRY(expr_text(s, ast, from->expr_text, &to->expr_text, err));
        to->type = lt_projected_type(s->b->arena, ast, to->expr);
        if (!to->type) {
            return lt_error_nomem(err, "type");
        }
        if (to->type->kind == LT_TYPE_NULL) {
            return lt_error_set_at(err, LT_ERR_SQL, from->pos,
                                   "computed column '" LT_STR_FMT
                                   "' has no type: write CAST(NULL AS ..)",
                                   LT_STR_ARG(to->name));
        }
    }
    for (uint32_t i = 0; i < s->def->column_count; i++) {
        s->fields[i] = (lt_field){s->def->columns[i].name, s->def->columns[i].type};
    }
    return LT_OK;
}

static bool may_be_rowtime(const lt_type *type)
{
    return lt_type_is_timestamp(type) && type->precision <= 3;
}

static bool is_source_watermark(const lt_ast_expr *ast)
{
    return ast->kind == LT_EXPR_CALL && lt_str_eq(ast->call->func, LT_STR("SOURCE_WATERMARK")) &&
           ast->call->args.count == 0;
}

static lt_status bad_rowtime(finish_state *s, const char *what, const lt_type *type, uint32_t pos,
                             lt_error *err)
{
    lt_text text;
    lt_text_init(&text, lt_catalog_session(s->b->catalog)->mem);
    lt_type_print(type, &text);
    lt_status st = lt_error_set_at(err, LT_ERR_SQL, pos,
                                   "Invalid data type of %s for watermark definition: it must be "
                                   "TIMESTAMP(p) or TIMESTAMP_LTZ(p) with p from 0 to 3, but is %s",
                                   what, text.ptr ? text.ptr : "not");
    lt_text_deinit(&text);
    if (lt_type_is_timestamp(type)) {
        lt_error_hint(err, "declare the column as %s(3)",
                      type->kind == LT_TYPE_TIMESTAMP ? "TIMESTAMP" : "TIMESTAMP_LTZ");
    } else {
        lt_error_hint(
            err, "make a computed column of such a type, as in: ts AS TO_TIMESTAMP_LTZ(ms, 3)");
    }
    return st;
}

static lt_status bind_watermark(finish_state *s, const lt_type *time, lt_error *err)
{
    const lt_table_draft *draft = s->draft;
    const lt_ast_expr *ast = draft->watermark_expr;
    const lt_schema schema = {s->def->column_count, s->fields};
    lt_scope scope;
    LT_TRY(lt_scope_single(s->b, &schema, (lt_str){NULL, 0}, &scope, err));
    const lt_expr_env env = {.b = s->b, .scope = &scope, .clause = "a watermark"};
    if (!ast) {
        lt_ast_expr *parsed;
        LT_TRY(lt_sql_parse_expression(&parsed, s->b->arena, draft->watermark_text, err));
        ast = parsed;
    }
    LT_TRY(expr_text(s, ast, draft->watermark_text, &s->def->watermark_text, err));
    if (is_source_watermark(ast)) {
        return LT_OK;
    }
    LT_TRY(bind_text(s, &env, draft->watermark_expr, draft->watermark_text, &s->def->watermark,
                     &ast, err));
    const lt_type *type = s->def->watermark->type;
    uint32_t pos = draft->watermark_expr ? draft->watermark_expr->pos : draft->pos;
    if (!may_be_rowtime(type) || type->kind != time->kind) {
        return bad_rowtime(s, "the expression", type, pos, err);
    }
    if (type->precision != 3) {
        const lt_type *ms = lt_type_time(s->b->arena, type->kind, 3, type->nullable);
        if (!ms) {
            return lt_error_nomem(err, "type");
        }
        return lt_expr_cast(&s->b->eb, s->def->watermark, ms, false, pos, &s->def->watermark, err);
    }
    return LT_OK;
}

static lt_status finish_watermark(finish_state *s, lt_error *err)
{
    const lt_table_draft *draft = s->draft;
    s->def->watermark_col = -1;
    if (!draft->has_watermark) {
        return LT_OK;
    }
    int at = lt_draft_find(draft, draft->watermark_column);
    uint32_t pos = draft->watermark_expr ? draft->watermark_pos : draft->pos;
    if (at < 0) {
        lt_status st = lt_error_set_at(err, LT_ERR_SQL, pos,
                                       "The rowtime attribute field '" LT_STR_FMT
                                       "' is not defined in the table schema",
                                       LT_STR_ARG(draft->watermark_column));
        const lt_schema schema = {s->def->column_count, s->fields};
        lt_hint_columns(&schema, draft->watermark_column, s->b->arena, err);
        return st;
    }
    lt_column_def *column = &s->def->columns[at];
    if (!may_be_rowtime(column->type) || column->type->attr != LT_TIME_NONE) {
        return bad_rowtime(s, "the time field", column->type, pos, err);
    }
    LT_TRY(bind_watermark(s, column->type, err));
    s->def->watermark_col = at;
    column->type = lt_type_with_attr(s->b->arena, column->type, LT_TIME_ROWTIME);
    s->fields[at].type = column->type;
    return column->type ? LT_OK : lt_error_nomem(err, "type");
}

lt_status lt_draft_finish(lt_binder *b, const lt_table_draft *draft, const lt_object_path *path,
                          bool temporary, lt_table_def **out, lt_error *err)
{
    finish_state s = {.b = b, .draft = draft};
    bool physical = false;
    s.def = LT_NEW(b->arena, lt_table_def);
    if (!s.def) {
        return lt_error_nomem(err, "table");
    }
    s.def->catalog = path->catalog;
    s.def->database = path->database;
    s.def->name = path->name;
    s.def->temporary = temporary;
    s.def->comment = draft->comment;
    LT_TRY(keep(b, &s.def->catalog, err));
    LT_TRY(keep(b, &s.def->database, err));
    LT_TRY(keep(b, &s.def->name, err));
    LT_TRY(keep(b, &s.def->comment, err));
    LT_TRY(finish_options(&s));
    LT_TRY(finish_columns(&s, err));
    LT_TRY(finish_computed(&s, err));
    LT_TRY(finish_watermark(&s, err));
    for (uint32_t i = 0; i < draft->count; i++) {
        physical = physical || draft->columns[i].role != LT_COLUMN_IS_COMPUTED;
    }
    if (!physical) {
        return lt_error_set_at(err, LT_ERR_SQL, draft->pos,
                               "a table needs at least one column that is not computed");
    }
    s.def->schema = lt_schema_new(b->arena, s.fields, draft->count);
    *out = s.def;
    return s.def->schema ? LT_OK : lt_error_nomem(err, "schema");
}
