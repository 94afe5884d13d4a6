/* CREATE TABLE with LIKE and AS. What stays lives in the catalog's arena: the
 * statement's text and tree do not. */
#include "bind/draft.h"

/* ---- LIKE ---- */

typedef struct {
    lt_ast_merge of[LT_FEATURE_WATERMARKS + 1];
} merge_rules;

static lt_status like_rules(const lt_ast_create_table *ast, merge_rules *rules, lt_error *err)
{
    bool given[LT_FEATURE_WATERMARKS + 1] = {false};
    for (size_t i = 0; i < LT_COUNT_OF(rules->of); i++) {
        rules->of[i] = LT_MERGE_INCLUDING;
    }
    rules->of[LT_FEATURE_OPTIONS] = LT_MERGE_OVERWRITING;
    for (uint32_t i = 0; i < ast->like_option_count; i++) {
        lt_ast_feature feature = ast->like_options[i].feature;
        if (given[feature]) {
            return lt_error_set_at(err, LT_ERR_SQL, ast->like.items[0].pos,
                                   "Each like option feature can be declared only once");
        }
        given[feature] = true;
        if (feature == LT_FEATURE_ALL) {
            for (size_t f = 0; f < LT_COUNT_OF(rules->of); f++) {
                rules->of[f] =
                    given[f] && f != LT_FEATURE_ALL ? rules->of[f] : ast->like_options[i].merge;
            }
        }
        rules->of[feature] = ast->like_options[i].merge;
    }
    return LT_OK;
}

/* Takes from the base what the rules include. */
static lt_status like_base(lt_binder *b, const lt_ast_create_table *ast, const merge_rules *rules,
                           lt_table_draft *draft, lt_error *err)
{
    lt_table_def *base;
    LT_TRY(lt_bind_find_table(b, &ast->like, "Source table of the LIKE clause", &base, err));
    if (base->is_view) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->like.items[0].pos,
                               "LIKE takes a table, but '" LT_STR_FMT "' is a view",
                               LT_STR_ARG(base->name));
    }
    LT_TRY(lt_draft_from_def(b, base, draft, err));
    draft->comment = (lt_str){NULL, 0};
    for (uint32_t i = 0; i < draft->count;) {
        lt_column_role role = draft->columns[i].role;
        bool leave =
            (role == LT_COLUMN_IS_COMPUTED &&
             rules->of[LT_FEATURE_GENERATED] == LT_MERGE_EXCLUDING) ||
            (role == LT_COLUMN_IS_METADATA && rules->of[LT_FEATURE_METADATA] == LT_MERGE_EXCLUDING);
        if (leave) {
            lt_draft_remove(draft, i);
        } else {
            i++;
        }
    }
    if (rules->of[LT_FEATURE_WATERMARKS] == LT_MERGE_EXCLUDING) {
        draft->has_watermark = false;
    }
    if (rules->of[LT_FEATURE_CONSTRAINTS] == LT_MERGE_EXCLUDING) {
        draft->has_key = false;
        draft->key_count = 0;
        draft->key_name = (lt_str){NULL, 0};
    }
    if (rules->of[LT_FEATURE_PARTITIONS] == LT_MERGE_EXCLUDING) {
        draft->partition_count = 0;
    }
    if (rules->of[LT_FEATURE_OPTIONS] == LT_MERGE_EXCLUDING) {
        draft->options = (lt_options){NULL, 0};
    }
    return LT_OK;
}

/* A declared column meets one of the same name in the base: may it replace it? */
static lt_status merge_column(lt_binder *b, const merge_rules *rules, lt_table_draft *draft,
                              const lt_draft_column *column, lt_error *err)
{
    int at = lt_draft_find(draft, column->name);
    if (at < 0) {
        return lt_draft_add(b, draft, column, UINT32_MAX, err);
    }
    const lt_draft_column *old = &draft->columns[at];
    bool may =
        old->role == column->role && ((old->role == LT_COLUMN_IS_COMPUTED &&
                                       rules->of[LT_FEATURE_GENERATED] == LT_MERGE_OVERWRITING) ||
                                      (old->role == LT_COLUMN_IS_METADATA &&
                                       rules->of[LT_FEATURE_METADATA] == LT_MERGE_OVERWRITING));
    if (!may) {
        lt_status st =
            lt_error_set_at(err, LT_ERR_SQL, column->pos,
                            "A column named '" LT_STR_FMT "' already exists in the base table.",
                            LT_STR_ARG(column->name));
        if (old->role != LT_COLUMN_IS_PHYSICAL) {
            lt_error_hint(err, "OVERWRITING %s lets the new one win",
                          old->role == LT_COLUMN_IS_COMPUTED ? "GENERATED" : "METADATA");
        }
        return st;
    }
    draft->columns[at] = *column;
    return LT_OK;
}

static lt_status merge_options(lt_binder *b, const lt_ast_create_table *ast,
                               const merge_rules *rules, lt_table_draft *draft, lt_error *err)
{
    for (uint32_t i = 0;
         rules->of[LT_FEATURE_OPTIONS] == LT_MERGE_INCLUDING && i < ast->options.count; i++) {
        for (uint32_t j = 0; j < draft->options.count; j++) {
            if (lt_str_eq(draft->options.items[j].key, ast->options.items[i].key.text)) {
                return lt_error_set_at(
                    err, LT_ERR_SQL, ast->options.items[i].key.pos,
                    "There already exists an option ['" LT_STR_FMT
                    "'] in the base table; use OVERWRITING OPTIONS to replace it",
                    LT_STR_ARG(ast->options.items[i].key.text));
            }
        }
    }
    return lt_draft_set_options(b, draft, &ast->options, err);
}

/* ---- the declared parts ---- */

static lt_status one_key(const lt_ast_create_table *ast, lt_error *err)
{
    uint32_t keys = 0, pos = 0;
    for (uint32_t i = 0; i < ast->schema.column_count; i++) {
        if (ast->schema.columns[i].primary_key) {
            keys++;
            pos = ast->schema.columns[i].name.items[0].pos;
        }
    }
    for (uint32_t i = 0; i < ast->schema.constraint_count; i++) {
        keys += !ast->schema.constraints[i].unique;
        pos = ast->schema.constraints[i].pos;
    }
    return keys > 1 ? lt_error_set_at(err, LT_ERR_SQL, pos, "Duplicate primary key definition")
                    : LT_OK;
}

static lt_status declared_key(lt_binder *b, const lt_ast_create_table *ast, lt_table_draft *draft,
                              lt_error *err)
{
    const char *twice = "There already exists a primary key in the base table";
    LT_TRY(one_key(ast, err));
    for (uint32_t i = 0; i < ast->schema.column_count; i++) {
        if (ast->schema.columns[i].primary_key) {
            if (draft->has_key) {
                return lt_error_set_at(err, LT_ERR_SQL, ast->schema.columns[i].name.items[0].pos,
                                       "%s", twice);
            }
            LT_TRY(lt_draft_set_column_key(b, draft, &ast->schema.columns[i], err));
        }
    }
    for (uint32_t i = 0; i < ast->schema.constraint_count; i++) {
        if (draft->has_key && !ast->schema.constraints[i].unique) {
            return lt_error_set_at(err, LT_ERR_SQL, ast->schema.constraints[i].pos, "%s", twice);
        }
        LT_TRY(lt_draft_set_key(b, draft, &ast->schema.constraints[i], err));
    }
    return LT_OK;
}

static lt_status declared_partition(lt_binder *b, const lt_ast_create_table *ast,
                                    lt_table_draft *draft, lt_error *err)
{
    lt_str *names = LT_NEW_ARRAY(b->arena, lt_str, ast->partitioned_by.count + 1);
    if (ast->partitioned_by.count == 0) {
        return LT_OK;
    }
    if (!names) {
        return lt_error_nomem(err, "partition");
    }
    if (draft->partition_count > 0) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->partitioned_by.items[0].pos,
                               "The base table already has partitions defined");
    }
    for (uint32_t i = 0; i < ast->partitioned_by.count; i++) {
        names[i] = ast->partitioned_by.items[i].text;
    }
    draft->partition = names;
    draft->partition_count = ast->partitioned_by.count;
    draft->partition_pos = ast->partitioned_by.items[0].pos;
    return LT_OK;
}

static lt_status declared_watermark(const lt_ast_create_table *ast, const merge_rules *rules,
                                    lt_table_draft *draft, lt_error *err)
{
    const lt_ast_watermark *watermark = &ast->schema.watermark;
    if (!watermark->present) {
        return LT_OK;
    }
    if (draft->has_watermark && rules->of[LT_FEATURE_WATERMARKS] != LT_MERGE_OVERWRITING) {
        lt_status st = lt_error_set_at(
            err, LT_ERR_SQL, watermark->pos,
            "There already exists a watermark spec for column '" LT_STR_FMT "' in the base table",
            LT_STR_ARG(draft->watermark_column));
        lt_error_hint(err, "EXCLUDING WATERMARKS or OVERWRITING WATERMARKS lets the new one stand");
        return st;
    }
    if (watermark->column.count > 1) {
        lt_status st = lt_error_set_at(err, LT_ERR_SQL, watermark->column.items[0].pos,
                                       "the rowtime column must be a column of the table itself");
        lt_error_hint(
            err, "make a computed column of the nested field and declare the watermark for it");
        return st;
    }
    lt_draft_set_watermark(draft, watermark);
    return LT_OK;
}

static lt_status declared_columns(lt_binder *b, const lt_ast_create_table *ast,
                                  const merge_rules *rules, lt_table_draft *draft, lt_error *err)
{
    uint32_t base = draft->count;
    for (uint32_t i = 0; i < ast->schema.column_count; i++) {
        lt_draft_column column;
        LT_TRY(lt_draft_column_from_ast(b, &ast->schema.columns[i], &column, err));
        int at = lt_draft_find(draft, column.name);
        if (at >= (int)base) {
            return lt_error_set_at(err, LT_ERR_SQL, column.pos,
                                   "Column '" LT_STR_FMT "' is declared twice",
                                   LT_STR_ARG(column.name));
        }
        LT_TRY(merge_column(b, rules, draft, &column, err));
    }
    return LT_OK;
}

/* ---- CREATE TABLE AS ---- */

/* Declared columns first, then the query's; a name in both keeps the query's place and takes the
 * declared type. Bare names give the query's columns an order. */
static lt_status as_columns(lt_binder *b, const lt_ast_create_table *ast, const lt_rel *query,
                            lt_table_draft *draft, lt_error *err)
{
    for (uint32_t i = 0; i < query->schema->count; i++) {
        const lt_field *field = &query->schema->fields[i];
        lt_draft_column column = {.name = lt_arena_str(b->arena, field->name),
                                  .role = LT_COLUMN_IS_PHYSICAL,
                                  .pos = ast->path.items[0].pos};
        const lt_type *type = lt_type_with_attr(b->arena, field->type, LT_TIME_NONE);
        int at = lt_draft_find(draft, field->name);
        if (!type || !column.name.ptr) {
            return lt_error_nomem(err, "type");
        }
        if (type->kind == LT_TYPE_NULL) {
            return lt_error_set_at(err, LT_ERR_SQL, query->pos,
                                   "column '" LT_STR_FMT
                                   "' of the query has no type: write CAST(NULL AS ..)",
                                   LT_STR_ARG(field->name));
        }
        column.type = type;
        if (at >= 0) {
            if (draft->columns[at].role != LT_COLUMN_IS_PHYSICAL) {
                return lt_error_set_at(err, LT_ERR_SQL, draft->columns[at].pos,
                                       "column '" LT_STR_FMT
                                       "' is given by the query and cannot be computed or metadata",
                                       LT_STR_ARG(field->name));
            }
            column = draft->columns[at];
            lt_draft_remove(draft, (uint32_t)at);
        }
        LT_TRY(lt_draft_add(b, draft, &column, UINT32_MAX, err));
    }
    return LT_OK;
}

/* The query with its columns in the table's order; missing columns are NULL. */
static lt_status as_input(lt_binder *b, const lt_table_def *def, lt_rel *query, lt_rel **out,
                          lt_error *err)
{
    lt_expr **exprs = LT_NEW_ARRAY(b->arena, lt_expr *, def->column_count + 1);
    lt_field *fields = LT_NEW_ARRAY(b->arena, lt_field, def->column_count + 1);
    uint32_t count = 0;
    if (!exprs || !fields) {
        return lt_error_nomem(err, "projection");
    }
    for (uint32_t i = 0; i < def->column_count; i++) {
        const lt_column_def *column = &def->columns[i];
        int at = lt_schema_find(query->schema, column->name);
        if (column->role == LT_COLUMN_IS_COMPUTED ||
            (column->role == LT_COLUMN_IS_METADATA && column->is_virtual)) {
            continue;
        }
        fields[count].name = column->name;
        if (at >= 0) {
            fields[count].type = query->schema->fields[at].type;
            LT_TRY(lt_expr_column(&b->eb, (uint32_t)at, fields[count].type, query->pos,
                                  &exprs[count], err));
        } else {
            lt_value null = {
                .type = lt_type_with_nullable(
                    b->arena, lt_type_with_attr(b->arena, column->type, LT_TIME_NONE), true),
                .is_null = true};
            if (!null.type) {
                return lt_error_nomem(err, "type");
            }
            fields[count].type = null.type;
            LT_TRY(lt_expr_literal(&b->eb, &null, query->pos, &exprs[count], err));
        }
        count++;
    }
    return lt_rel_project(b, query, exprs, fields, count, out, err);
}

static lt_status check_as(const lt_ast_create_table *ast, lt_error *err)
{
    uint32_t pos = ast->path.items[0].pos;
    if (ast->temporary) {
        return lt_error_set_at(err, LT_ERR_SQL, pos,
                               "CREATE TABLE AS SELECT makes no TEMPORARY table");
    }
    if (ast->partitioned_by.count > 0) {
        return lt_error_set_at(err, LT_ERR_SQL, pos,
                               "CREATE TABLE AS SELECT takes no PARTITIONED BY");
    }
    for (uint32_t i = 0; i < ast->schema.column_count; i++) {
        if (ast->schema.columns[i].kind == LT_COLUMN_BARE) {
            return lt_unsupported_at(err, ast->schema.columns[i].name.items[0].pos,
                                     "column names without types in CREATE TABLE AS");
        }
    }
    return LT_OK;
}

static lt_status create_as(lt_binder *b, const lt_ast_create_table *ast, const lt_object_path *path,
                           lt_rel *query, lt_table_draft *draft, lt_bound *out, lt_error *err)
{
    lt_binder keeper = lt_binder_lasting(b);
    lt_table_def *def;
    lt_rel **rels = LT_NEW(b->arena, lt_rel *);
    if (!rels) {
        return lt_error_nomem(err, "statement");
    }
    LT_TRY(as_columns(&keeper, ast, query, draft, err));
    LT_TRY(lt_draft_finish(&keeper, draft, path, false, &def, err));
    LT_TRY(as_input(b, def, query, &query, err));
    LT_TRY(lt_bind_sink(b, def, query, ast->path.items[0].pos, &rels[0], err));
    LT_TRY(lt_catalog_store(b->catalog, def, err));
    out->kind = LT_BOUND_INSERT;
    out->rels = rels;
    out->rel_count = 1;
    return LT_OK;
}

/* ---- CREATE TABLE ---- */

lt_status lt_ddl_create_table(lt_binder *b, const lt_ast_create_table *ast, uint32_t pos,
                              lt_bound *out, lt_error *err)
{
    lt_binder keeper = lt_binder_lasting(b);
    lt_object_path path;
    lt_table_draft draft = {.pos = pos};
    lt_table_def *def;
    merge_rules rules;
    lt_rel *query = NULL;
    bool skip;
    if (ast->replace) {
        return lt_unsupported_at(err, pos, "REPLACE TABLE");
    }
    if (ast->distribution.present) {
        return lt_unsupported_at(err, pos, "DISTRIBUTED BY");
    }
    LT_TRY(lt_bind_object_path(b, &ast->path, &path, err));
    LT_TRY(lt_ddl_check_free(b, &path, ast->temporary, ast->if_not_exists, ast->path.items[0].pos,
                             &skip, err));
    if (skip) {
        return LT_OK;
    }
    if (ast->query) {
        LT_TRY(check_as(ast, err));
        LT_TRY(lt_bind_query(b, ast->query, true, &query, err));
    }
    LT_TRY(like_rules(ast, &rules, err));
    if (ast->like.count > 0) {
        LT_TRY(like_base(&keeper, ast, &rules, &draft, err));
        draft.pos = pos;
    }
    draft.comment = ast->comment.text;
    LT_TRY(declared_columns(&keeper, ast, &rules, &draft, err));
    LT_TRY(declared_watermark(ast, &rules, &draft, err));
    LT_TRY(declared_key(&keeper, ast, &draft, err));
    LT_TRY(declared_partition(&keeper, ast, &draft, err));
    LT_TRY(merge_options(&keeper, ast, &rules, &draft, err));
    if (query) {
        return create_as(b, ast, &path, query, &draft, out, err);
    }
    LT_TRY(lt_draft_finish(&keeper, &draft, &path, ast->temporary, &def, err));
    return lt_catalog_store(b->catalog, def, err);
}
