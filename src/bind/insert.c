/* INSERT: which sink columns get which query column, the implicit casts between them, and the SINK
 * on top.
 *
 *   query -> PROJECT (written columns in the sink's order: casts, constants of PARTITION, NULL for
 * what is not named) -> SINK */
#include "bind/bind_int.h"

/* One written column of the sink. */
typedef struct {
    uint32_t column;     /* in table->columns */
    const lt_type *type; /* without time attribute */
    lt_expr *constant;   /* PARTITION (k = ..) */
    int source;          /* query column; -1 = none */
} target;

typedef struct {
    lt_binder *b;
    const lt_ast_insert *ast;
    const lt_table_def *def;
    uint32_t pos;
    target *targets;
    uint32_t count;
} insert_state;

static lt_status collect_targets(insert_state *s, lt_error *err)
{
    s->targets = LT_NEW_ARRAY(s->b->arena, target, s->def->column_count + 1);
    if (!s->targets) {
        return lt_error_nomem(err, "columns");
    }
    for (uint32_t i = 0; i < s->def->column_count; i++) {
        const lt_column_def *column = &s->def->columns[i];
        if (column->role == LT_COLUMN_IS_COMPUTED ||
            (column->role == LT_COLUMN_IS_METADATA && column->is_virtual)) {
            continue;
        }
        target *to = &s->targets[s->count++];
        to->column = i;
        to->source = -1;
        to->type = lt_type_with_attr(s->b->arena, column->type, LT_TIME_NONE);
        if (!to->type) {
            return lt_error_nomem(err, "type");
        }
    }
    return LT_OK;
}

static lt_status find_target(insert_state *s, const lt_ast_name *name, target **out, lt_error *err)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (lt_str_eq(s->def->columns[s->targets[i].column].name, name->text)) {
            *out = &s->targets[i];
            return LT_OK;
        }
    }
    int found = lt_schema_find(s->def->schema, name->text);
    if (found >= 0) {
        return lt_error_set_at(
            err, LT_ERR_SQL, name->pos,
            "Column '" LT_STR_FMT "' of table '" LT_STR_FMT "' cannot be written: it is %s",
            LT_STR_ARG(name->text), LT_STR_ARG(s->def->name),
            s->def->columns[found].role == LT_COLUMN_IS_COMPUTED ? "computed" : "VIRTUAL metadata");
    }
    lt_status st =
        lt_error_set_at(err, LT_ERR_SQL, name->pos,
                        "Unknown target column '" LT_STR_FMT "' of table '" LT_STR_FMT "'",
                        LT_STR_ARG(name->text), LT_STR_ARG(s->def->name));
    lt_hint_columns(s->def->schema, name->text, s->b->arena, err);
    return st;
}

static lt_status bind_partition(insert_state *s, lt_error *err)
{
    const lt_expr_env env = {.b = s->b, .clause = "PARTITION"};
    for (uint32_t i = 0; i < s->ast->partition.count; i++) {
        const lt_ast_partition_item *item = &s->ast->partition.items[i];
        target *to;
        lt_expr *expr;
        bool partitioned = false;
        LT_TRY(find_target(s, &item->column, &to, err));
        for (uint32_t p = 0; p < s->def->partition_count; p++) {
            partitioned = partitioned || s->def->partition_by[p] == to->column;
        }
        if (!partitioned) {
            return lt_error_set_at(err, LT_ERR_SQL, item->column.pos,
                                   "'" LT_STR_FMT
                                   "' is not a partition column of table '" LT_STR_FMT "'",
                                   LT_STR_ARG(item->column.text), LT_STR_ARG(s->def->name));
        }
        if (!item->expr || to->constant) {
            return lt_error_set_at(err, LT_ERR_SQL, item->column.pos,
                                   "PARTITION needs one value for '" LT_STR_FMT "'",
                                   LT_STR_ARG(item->column.text));
        }
        LT_TRY(lt_bind_expr(&env, item->expr, &expr, err));
        if (!lt_expr_is_const(expr)) {
            return lt_error_set_at(err, LT_ERR_SQL, item->expr->pos, "PARTITION takes constants");
        }
        LT_TRY(lt_expr_cast(&s->b->eb, expr, to->type, false, item->expr->pos, &to->constant, err));
    }
    return LT_OK;
}

/* Gives the query's columns to the sink's; *width = how many there must be. */
static lt_status assign_sources(insert_state *s, uint32_t *width, lt_error *err)
{
    *width = 0;
    if (s->ast->columns.count == 0) {
        for (uint32_t i = 0; i < s->count; i++) {
            if (!s->targets[i].constant) {
                s->targets[i].source = (int)(*width)++;
            }
        }
        return LT_OK;
    }
    for (uint32_t i = 0; i < s->ast->columns.count; i++) {
        const lt_ast_path *path = &s->ast->columns.items[i];
        target *to;
        if (path->count > 1) {
            return lt_unsupported_at(err, path->items[0].pos, "INSERT into a nested field");
        }
        LT_TRY(find_target(s, &path->items[0], &to, err));
        if (to->source >= 0 || to->constant) {
            return lt_error_set_at(err, LT_ERR_SQL, path->items[0].pos,
                                   "Target column '" LT_STR_FMT "' is assigned more than once",
                                   LT_STR_ARG(path->items[0].text));
        }
        to->source = (int)(*width)++;
    }
    for (uint32_t i = 0; i < s->count; i++) {
        const target *to = &s->targets[i];
        if (to->source < 0 && !to->constant && !to->type->nullable) {
            return lt_error_set_at(err, LT_ERR_SQL, s->ast->columns.items[0].items[0].pos,
                                   "Column '" LT_STR_FMT "' of table '" LT_STR_FMT
                                   "' is NOT NULL and must be among the columns",
                                   LT_STR_ARG(s->def->columns[to->column].name),
                                   LT_STR_ARG(s->def->name));
        }
    }
    return LT_OK;
}

/* ---- messages ---- */

static void print_columns(lt_text *to, const lt_field *fields, uint32_t count)
{
    lt_text_putc(to, '[');
    for (uint32_t i = 0; i < count; i++) {
        lt_text_printf(to, "%s" LT_STR_FMT ": ", i ? ", " : "", LT_STR_ARG(fields[i].name));
        lt_type_print(fields[i].type, to);
    }
    lt_text_putc(to, ']');
}

/* Where the query's column was written, as well as can be told. */
static uint32_t source_pos(const insert_state *s, int source)
{
    const lt_ast_query *query = s->ast->query;
    while (query->kind == LT_QUERY_NESTED) {
        query = query->nested;
    }
    if (source < 0) {
        return query->pos;
    }
    if (query->kind == LT_QUERY_VALUES && (uint32_t)source < query->rows.items[0]->list.count) {
        return query->rows.items[0]->list.items[source]->pos;
    }
    if (query->kind == LT_QUERY_SELECT) {
        for (uint32_t i = 0; i < query->select->item_count && i <= (uint32_t)source; i++) {
            if (query->select->items[i].expr->kind == LT_EXPR_STAR) {
                return query->select->items[i].expr->pos;
            }
            if (i == (uint32_t)source) {
                return query->select->items[i].expr->pos;
            }
        }
    }
    return query->pos;
}

static lt_status mismatch(const insert_state *s, const lt_rel *query, uint32_t pos,
                          const char *cause, lt_error *err)
{
    lt_text text;
    lt_field *fields = LT_NEW_ARRAY(s->b->arena, lt_field, s->count + 1);
    uint32_t count = 0;
    lt_text_init(&text, lt_catalog_session(s->b->catalog)->mem);
    for (uint32_t i = 0; fields && i < s->count; i++) {
        if (s->targets[i].source >= 0) {
            fields[count++] =
                (lt_field){s->def->columns[s->targets[i].column].name, s->targets[i].type};
        }
    }
    lt_text_puts(&text, "Query schema: ");
    print_columns(&text, query->schema->fields, query->schema->count);
    lt_text_puts(&text, " Sink schema: ");
    print_columns(&text, fields, count);
    lt_status st = lt_error_set_at(err, LT_ERR_SQL, pos,
                                   "Column types of query result and sink for '" LT_STR_FMT
                                   "." LT_STR_FMT "." LT_STR_FMT "' do not match. Cause: %s. %s",
                                   LT_STR_ARG(s->def->catalog), LT_STR_ARG(s->def->database),
                                   LT_STR_ARG(s->def->name), cause, text.ptr ? text.ptr : "");
    lt_text_deinit(&text);
    return st;
}

/* ---- the projection ---- */

static bool option_is(const insert_state *s, const char *key, const char *value)
{
    lt_str given = lt_catalog_option(s->b->catalog, key);
    return given.len > 0 && lt_str_eq_ci(given, lt_str_of(value));
}

/* table.exec.sink.type-length-enforcer */
static lt_status enforce_length(insert_state *s, const lt_type *type, lt_expr **expr, lt_error *err)
{
    static const char length[] = "table.exec.sink.type-length-enforcer";
    static const char nested[] = "table.exec.sink.nested-constraint-enforcer";
    lt_length_rule rule = {.fails = option_is(s, length, "ERROR")};
    rule.collections = option_is(s, nested, "ROWS_AND_COLLECTIONS");
    rule.rows = rule.collections || option_is(s, nested, "ROWS");
    if (!rule.fails && !option_is(s, length, "TRIM_PAD")) {
        return LT_OK;
    }
    return lt_expr_enforce_length(&s->b->eb, *expr, type, &rule, expr, err);
}

static lt_status target_expr(insert_state *s, const lt_rel *query, target *to, lt_expr **out,
                             lt_error *err)
{
    if (to->constant) {
        *out = to->constant;
        return LT_OK;
    }
    if (to->source < 0) {
        lt_value null = {0};
        null.is_null = true;
        null.type = to->type;
        return lt_expr_literal(&s->b->eb, &null, s->pos, out, err);
    }
    const lt_type *from = query->schema->fields[to->source].type;
    uint32_t pos = source_pos(s, to->source);
    lt_expr *column;
    if (from->kind == LT_TYPE_NULL && to->type->nullable) {
        const lt_value null = {.type = to->type, .is_null = true};
        return lt_expr_literal(&s->b->eb, &null, pos, out, err);
    }
    LT_TRY(lt_expr_column(&s->b->eb, (uint32_t)to->source, from, pos, &column, err));
    const lt_type *plain = lt_type_with_attr(s->b->arena, from, LT_TIME_NONE);
    if (!plain) {
        return lt_error_nomem(err, "type");
    }
    if (lt_type_eq_unnull(plain, to->type)) {
        *out = column;
        return LT_OK;
    }
    if (!lt_type_can_coerce(plain, to->type)) {
        lt_str name = s->def->columns[to->column].name;
        const char *cause = lt_arena_printf(
            s->b->arena, "Incompatible types for sink column '" LT_STR_FMT "' at position %d",
            LT_STR_ARG(name), to->source);
        lt_status st = mismatch(s, query, pos, cause ? cause : "Incompatible types", err);
        lt_error_hint(err, "write CAST(.. AS <the column's type>) if values may be changed");
        return st;
    }
    /* The sink checks NULLs itself, so that its enforcer option decides: the cast keeps
     * nullability. */
    const lt_type *nullable = lt_type_with_nullable(s->b->arena, to->type, from->nullable);
    return nullable ? lt_expr_coerce(&s->b->eb, column, nullable, out, err)
                    : lt_error_nomem(err, "type");
}

static lt_status fit_query(insert_state *s, lt_rel *query, lt_rel **out, lt_error *err)
{
    lt_expr **exprs = LT_NEW_ARRAY(s->b->arena, lt_expr *, s->count + 1);
    lt_field *fields = LT_NEW_ARRAY(s->b->arena, lt_field, s->count + 1);
    bool plain = query->schema->count == s->count;
    if (!exprs || !fields) {
        return lt_error_nomem(err, "projection");
    }
    for (uint32_t i = 0; i < s->count; i++) {
        LT_TRY(target_expr(s, query, &s->targets[i], &exprs[i], err));
        LT_TRY(enforce_length(s, s->targets[i].type, &exprs[i], err));
        plain = plain && exprs[i]->kind == LT_NODE_COLUMN && exprs[i]->u.column == i;
        fields[i].name = s->def->columns[s->targets[i].column].name;
        fields[i].type = lt_type_with_attr(s->b->arena, exprs[i]->type, LT_TIME_NONE);
        if (!fields[i].type) {
            return lt_error_nomem(err, "type");
        }
    }
    if (plain) {
        *out = query;
        return LT_OK;
    }
    return lt_rel_project(s->b, query, exprs, fields, s->count, out, err);
}

static lt_status make_sink(insert_state *s, lt_rel *input, const lt_options *options,
                           bool overwrite, lt_rel **out, lt_error *err)
{
    lt_rel *rel = lt_rel_make(s->b, LT_REL_SINK, s->pos, input, err);
    uint32_t *columns = LT_NEW_ARRAY(s->b->arena, uint32_t, s->count + 1);
    lt_field *fields = LT_NEW_ARRAY(s->b->arena, lt_field, s->count + 1);
    if (!rel || !columns || !fields) {
        return rel ? lt_error_nomem(err, "sink") : err->code;
    }
    for (uint32_t i = 0; i < s->count; i++) {
        columns[i] = s->targets[i].column;
        fields[i] = (lt_field){s->def->columns[columns[i]].name, s->targets[i].type};
    }
    rel->schema = lt_schema_new(s->b->arena, fields, s->count);
    rel->u.sink.table = s->def;
    rel->u.sink.columns = columns;
    rel->u.sink.options = *options;
    rel->u.sink.overwrite = overwrite;
    *out = rel;
    return rel->schema ? LT_OK : lt_error_nomem(err, "schema");
}

static lt_status check_metadata(const insert_state *s, lt_error *err)
{
    for (uint32_t i = 0; i < s->count; i++) {
        const lt_column_def *column = &s->def->columns[s->targets[i].column];
        bool writable = column->role != LT_COLUMN_IS_METADATA;
        for (uint32_t m = 0; m < s->def->connector->metadata_count; m++) {
            const lt_metadata_def *metadata = &s->def->connector->metadata[m];
            writable = writable || (metadata->writable &&
                                    lt_str_eq(column->metadata_key, lt_str_of(metadata->key)));
        }
        if (!writable) {
            lt_status st =
                lt_error_set_at(err, LT_ERR_SQL, s->pos,
                                "Invalid metadata key '" LT_STR_FMT "' in column '" LT_STR_FMT
                                "' of table '" LT_STR_FMT "': connector '%s' does not write it",
                                LT_STR_ARG(column->metadata_key), LT_STR_ARG(column->name),
                                LT_STR_ARG(s->def->name), s->def->connector->name);
            lt_error_hint(err, "declare the column VIRTUAL to leave it out when writing");
            return st;
        }
    }
    return LT_OK;
}

static lt_status open_sink(insert_state *s, const lt_ast_hints *hints, lt_options *options,
                           lt_error *err)
{
    if (s->def->is_view) {
        return lt_error_set_at(err, LT_ERR_SQL, s->pos,
                               "'" LT_STR_FMT "' is a view: it cannot be written",
                               LT_STR_ARG(s->def->name));
    }
    LT_TRY(lt_bind_table_options(s->b, s->def, hints, s->pos, options, err));
    if (!s->def->connector->sink) {
        return lt_error_set_at(err, LT_ERR_SQL, s->pos,
                               "Table '" LT_STR_FMT
                               "' cannot be written: connector '%s' is only a source",
                               LT_STR_ARG(s->def->name), s->def->connector->name);
    }
    LT_TRY(collect_targets(s, err));
    return check_metadata(s, err);
}

lt_status lt_bind_insert(lt_binder *b, const lt_ast_insert *insert, uint32_t pos, lt_rel **out,
                         lt_error *err)
{
    insert_state s = {
        .b = b, .ast = insert, .pos = insert->table.count ? insert->table.items[0].pos : pos};
    lt_table_def *def;
    lt_options options;
    lt_rel *query;
    uint32_t width;
    if (insert->conflict != LT_CONFLICT_NONE) {
        return lt_unsupported_at(err, pos, "ON CONFLICT");
    }
    LT_TRY(lt_bind_find_table(b, &insert->table, "Table", &def, err));
    s.def = def;
    LT_TRY(open_sink(&s, &insert->hints, &options, err));
    LT_TRY(bind_partition(&s, err));
    LT_TRY(assign_sources(&s, &width, err));
    LT_TRY(lt_bind_query(b, insert->query, true, &query, err));
    if (query->schema->count != width) {
        return mismatch(&s, query, source_pos(&s, -1), "Different number of columns", err);
    }
    LT_TRY(fit_query(&s, query, &query, err));
    return make_sink(&s, query, &options, insert->overwrite, out, err);
}

/* CREATE TABLE AS: the query's columns go to the table's in order. */
lt_status lt_bind_sink(lt_binder *b, lt_table_def *def, lt_rel *input, uint32_t pos, lt_rel **out,
                       lt_error *err)
{
    const lt_ast_query nowhere = {.kind = LT_QUERY_TABLE, .pos = pos};
    const lt_ast_insert ast = {.query = (lt_ast_query *)(uintptr_t)&nowhere};
    insert_state s = {.b = b, .ast = &ast, .def = def, .pos = pos};
    lt_options options;
    uint32_t width;
    LT_TRY(open_sink(&s, NULL, &options, err));
    LT_TRY(assign_sources(&s, &width, err));
    if (input->schema->count != width) {
        return mismatch(&s, input, pos, "Different number of columns", err);
    }
    LT_TRY(fit_query(&s, input, &input, err));
    return make_sink(&s, input, &options, false, out, err);
}
