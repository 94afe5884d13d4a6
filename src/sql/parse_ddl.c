/* CREATE statements and the elements of a table's schema. */
#include "sql/parse_int.h"

/* ---- elements of a schema ----------------------------------------------------------------------
 */

/* [NOT] ENFORCED */
static lt_status enforcement(lt_parser *p, bool *given, bool *not_enforced)
{
    if (lt_take_kw(p, LT_KW_ENFORCED)) {
        *given = true;
        return LT_OK;
    }
    if (lt_at_kw(p, LT_KW_NOT)) {
        lt_skip(p);
        *given = true;
        *not_enforced = true;
        return lt_expect_kw(p, LT_KW_ENFORCED);
    }
    return LT_OK;
}

/* PRIMARY KEY or UNIQUE */
static lt_status key_words(lt_parser *p, bool *unique)
{
    *unique = lt_take_kw(p, LT_KW_UNIQUE);
    if (*unique) {
        return LT_OK;
    }
    if (!lt_take_kw(p, LT_KW_PRIMARY)) {
        return lt_parse_expected(p, "PRIMARY KEY or UNIQUE");
    }
    return lt_expect_kw(p, LT_KW_KEY);
}

static bool at_constraint(const lt_parser *p)
{
    return lt_at_kw(p, LT_KW_CONSTRAINT) || lt_at_kw(p, LT_KW_PRIMARY) || lt_at_kw(p, LT_KW_UNIQUE);
}

static lt_status constraint(lt_parser *p, lt_ast_schema *schema)
{
    lt_ast_constraint node = {.pos = lt_tok(p, 0)->pos};
    if (lt_take_kw(p, LT_KW_CONSTRAINT)) {
        LT_TRY(lt_parse_name(p, &node.name));
    }
    LT_TRY(key_words(p, &node.unique));
    LT_TRY(lt_parse_name_list(p, &node.columns));
    LT_TRY(enforcement(p, &node.enforced_given, &node.not_enforced));
    LT_PUSH(p, schema->constraints, schema->constraint_count, node);
    return LT_OK;
}

/* An expression that is not a query itself. */
static lt_status column_expr(lt_parser *p, lt_ast_expr **out)
{
    uint32_t pos = lt_tok(p, 0)->pos;
    LT_TRY(lt_parse_expr(p, out));
    return (*out)->kind == LT_EXPR_SUBQUERY
               ? lt_parse_error(p, pos, "a query cannot compute a column or a watermark")
               : LT_OK;
}

static lt_status watermark(lt_parser *p, lt_ast_schema *schema)
{
    lt_ast_watermark *node = &schema->watermark;
    uint32_t pos = lt_tok(p, 0)->pos;
    if (node->present) {
        return lt_parse_error(p, pos, "a table has at most one WATERMARK");
    }
    node->present = true;
    node->pos = pos;
    lt_skip(p);
    LT_TRY(lt_expect_kw(p, LT_KW_FOR));
    LT_TRY(lt_parse_path(p, &node->column));
    LT_TRY(lt_expect_kw(p, LT_KW_AS));
    return column_expr(p, &node->expr);
}

static lt_status metadata(lt_parser *p, lt_ast_column *column)
{
    column->kind = LT_COLUMN_METADATA;
    if (lt_take_kw(p, LT_KW_FROM)) {
        LT_TRY(lt_parse_string(p, &column->metadata_key));
    }
    column->is_virtual = lt_take_kw(p, LT_KW_VIRTUAL);
    return LT_OK;
}

static lt_status column_key(lt_parser *p, lt_ast_column *column)
{
    if (lt_take_kw(p, LT_KW_CONSTRAINT)) {
        LT_TRY(lt_parse_name(p, &column->constraint));
    }
    LT_TRY(key_words(p, &column->unique));
    column->primary_key = !column->unique;
    return enforcement(p, &column->enforced_given, &column->not_enforced);
}

static lt_status typed_column(lt_parser *p, lt_ast_column *column)
{
    column->kind = LT_COLUMN_PHYSICAL;
    LT_TRY(lt_parse_type(p, true, &column->type));
    if (lt_take_kw(p, LT_KW_METADATA)) {
        return metadata(p, column);
    }
    return at_constraint(p) ? column_key(p, column) : LT_OK;
}

static lt_status column_body(lt_parser *p, bool alter, lt_ast_column *column)
{
    if (lt_take_kw(p, LT_KW_AS)) {
        column->kind = LT_COLUMN_COMPUTED;
        return column_expr(p, &column->expr);
    }
    if (!alter && (lt_at(p, LT_TOK_COMMA) || lt_at(p, LT_TOK_RPAREN))) {
        column->kind = LT_COLUMN_BARE;
        return LT_OK;
    }
    return typed_column(p, column);
}

static lt_status column(lt_parser *p, bool alter, lt_ast_schema *schema)
{
    lt_ast_column node = {0};
    uint32_t pos = lt_tok(p, 0)->pos;
    if (alter) {
        LT_TRY(lt_parse_path(p, &node.name));
    } else {
        lt_ast_name name = {0};
        LT_TRY(lt_parse_name(p, &name));
        LT_PUSH(p, node.name.items, node.name.count, name);
    }
    LT_TRY(column_body(p, alter, &node));
    if (node.kind != LT_COLUMN_BARE && lt_take_kw(p, LT_KW_COMMENT)) {
        LT_TRY(lt_parse_string(p, &node.comment));
    }
    if (alter && lt_take_kw(p, LT_KW_FIRST)) {
        node.first = true;
    } else if (alter && lt_take_kw(p, LT_KW_AFTER)) {
        LT_TRY(lt_parse_path(p, &node.after));
    }
    bool mixed = schema->column_count > 0 &&
                 (schema->columns[0].kind == LT_COLUMN_BARE) != (node.kind == LT_COLUMN_BARE);
    if (mixed) {
        return lt_parse_error(p, pos, "either all columns have a type here or none has");
    }
    LT_PUSH(p, schema->columns, schema->column_count, node);
    return LT_OK;
}

lt_status lt_parse_element(lt_parser *p, bool alter, lt_ast_schema *schema)
{
    schema->present = true;
    if (lt_at_kw(p, LT_KW_WATERMARK)) {
        return watermark(p, schema);
    }
    return at_constraint(p) ? constraint(p, schema) : column(p, alter, schema);
}

lt_status lt_check_schema(lt_parser *p, const lt_ast_schema *schema, bool strict)
{
    static const char *const enforced =
        "PRIMARY KEY must be NOT ENFORCED: the data is not ours, so the key cannot be enforced";
    uint32_t keys = 0;
    for (uint32_t i = 0; i < schema->column_count; i++) {
        const lt_ast_column *node = &schema->columns[i];
        uint32_t pos = node->name.items[0].pos;
        keys += node->primary_key ? 1 : 0;
        if (keys > 1) {
            return lt_parse_error(p, pos, "a table has at most one PRIMARY KEY");
        }
        if (strict && node->unique) {
            return lt_parse_unsupported(p, pos, "UNIQUE is not supported");
        }
        if (strict && node->primary_key && !node->not_enforced) {
            return lt_parse_error(p, pos, "%s", enforced);
        }
    }
    for (uint32_t i = 0; i < schema->constraint_count; i++) {
        const lt_ast_constraint *node = &schema->constraints[i];
        keys += node->unique ? 0 : 1;
        if (keys > 1) {
            return lt_parse_error(p, node->pos, "a table has at most one PRIMARY KEY");
        }
        if (strict && node->unique) {
            return lt_parse_unsupported(p, node->pos, "UNIQUE is not supported");
        }
        if (strict && !node->not_enforced) {
            return lt_parse_error(p, node->pos, "%s", enforced);
        }
    }
    return LT_OK;
}

static lt_status schema(lt_parser *p, lt_ast_schema *out)
{
    if (!lt_take(p, LT_TOK_LPAREN)) {
        return LT_OK;
    }
    do {
        LT_TRY(lt_parse_element(p, false, out));
    } while (lt_take(p, LT_TOK_COMMA));
    return lt_expect(p, LT_TOK_RPAREN, "',' or ')'");
}

/* ---- clauses of CREATE TABLE -------------------------------------------------------------------
 */

static lt_status comment(lt_parser *p, lt_ast_string *out)
{
    return lt_take_kw(p, LT_KW_COMMENT) ? lt_parse_string(p, out) : LT_OK;
}

static lt_status with(lt_parser *p, lt_ast_options *out)
{
    return lt_take_kw(p, LT_KW_WITH) ? lt_parse_options(p, out) : LT_OK;
}

static lt_status partitioned_by(lt_parser *p, lt_ast_names *out)
{
    if (!lt_take_kw(p, LT_KW_PARTITIONED)) {
        return LT_OK;
    }
    LT_TRY(lt_expect_kw(p, LT_KW_BY));
    return lt_parse_name_list(p, out);
}

static lt_status buckets(lt_parser *p, lt_ast_distribution *out)
{
    const lt_token *token = lt_tok(p, 0);
    if (token->kind != LT_TOK_INTEGER) {
        return lt_parse_expected(p, "a number of buckets");
    }
    if (!lt_str_to_i64(lt_tok_text(p, token), &out->buckets) || out->buckets <= 0 ||
        out->buckets > INT32_MAX) {
        return lt_parse_error(p, token->pos, "the number of buckets must be a positive integer");
    }
    lt_skip(p);
    return lt_expect_kw(p, LT_KW_BUCKETS);
}

/* What follows DISTRIBUTED or DISTRIBUTION: [BY [HASH | RANGE] (a, b)] [INTO n BUCKETS] */
lt_status lt_parse_distribution(lt_parser *p, lt_ast_distribution *out)
{
    out->present = true;
    if (lt_take_kw(p, LT_KW_BY)) {
        out->kind = lt_take_kw(p, LT_KW_HASH)    ? LT_DIST_HASH
                    : lt_take_kw(p, LT_KW_RANGE) ? LT_DIST_RANGE
                                                 : LT_DIST_DEFAULT;
        LT_TRY(lt_parse_name_list(p, &out->columns));
        return lt_take_kw(p, LT_KW_INTO) ? buckets(p, out) : LT_OK;
    }
    if (!lt_take_kw(p, LT_KW_INTO)) {
        return lt_parse_expected(p, "BY or INTO");
    }
    return buckets(p, out);
}

static const struct {
    lt_keyword keyword;
    lt_ast_feature feature;
    bool overwriting; /* OVERWRITING may stand before it */
} features[] = {
    {LT_KW_ALL, LT_FEATURE_ALL, false},
    {LT_KW_CONSTRAINTS, LT_FEATURE_CONSTRAINTS, false},
    {LT_KW_DISTRIBUTION, LT_FEATURE_DISTRIBUTION, false},
    {LT_KW_PARTITIONS, LT_FEATURE_PARTITIONS, false},
    {LT_KW_GENERATED, LT_FEATURE_GENERATED, true},
    {LT_KW_METADATA, LT_FEATURE_METADATA, true},
    {LT_KW_OPTIONS, LT_FEATURE_OPTIONS, true},
    {LT_KW_WATERMARKS, LT_FEATURE_WATERMARKS, true},
};

static lt_status like_option(lt_parser *p, lt_ast_create_table *node)
{
    lt_ast_like_option option = {0};
    if (lt_take_kw(p, LT_KW_INCLUDING)) {
        option.merge = LT_MERGE_INCLUDING;
    } else if (lt_take_kw(p, LT_KW_EXCLUDING)) {
        option.merge = LT_MERGE_EXCLUDING;
    } else if (lt_take_kw(p, LT_KW_OVERWRITING)) {
        option.merge = LT_MERGE_OVERWRITING;
    } else {
        return lt_parse_expected(p, "INCLUDING, EXCLUDING, OVERWRITING or ')'");
    }
    for (size_t i = 0; i < LT_COUNT_OF(features); i++) {
        bool allowed = option.merge != LT_MERGE_OVERWRITING || features[i].overwriting;
        if (allowed && lt_take_kw(p, features[i].keyword)) {
            option.feature = features[i].feature;
            LT_PUSH(p, node->like_options, node->like_option_count, option);
            return LT_OK;
        }
    }
    return lt_parse_expected(p,
                             option.merge == LT_MERGE_OVERWRITING
                                 ? "GENERATED, METADATA, OPTIONS or WATERMARKS"
                                 : "ALL, CONSTRAINTS, DISTRIBUTION, GENERATED, METADATA, OPTIONS, "
                                   "PARTITIONS or WATERMARKS");
}

/* LIKE t [( options )] */
static lt_status like(lt_parser *p, lt_ast_create_table *node)
{
    LT_TRY(lt_parse_path(p, &node->like));
    if (!lt_take(p, LT_TOK_LPAREN)) {
        return LT_OK;
    }
    do {
        LT_TRY(like_option(p, node));
    } while (!lt_at(p, LT_TOK_RPAREN));
    lt_skip(p);
    return LT_OK;
}

/* What a CREATE statement has in front of its kind. */
typedef struct {
    uint32_t pos;
    bool create;
    bool or_replace;
    bool temporary;
    bool system;
} prefix;

static lt_status table_tail(lt_parser *p, lt_ast_create_table *node)
{
    if (lt_take_kw(p, LT_KW_LIKE)) {
        LT_TRY(like(p, node));
    } else if (lt_take_kw(p, LT_KW_AS)) {
        LT_TRY(lt_parse_query(p, &node->query));
    }
    bool bare = node->schema.column_count > 0 && node->schema.columns[0].kind == LT_COLUMN_BARE;
    if (bare && !node->query) {
        return lt_parse_error(p, node->schema.columns[0].name.items[0].pos,
                              "columns without a type go only with AS query");
    }
    return lt_check_schema(p, &node->schema, node->query != NULL || node->like.count > 0);
}

static lt_status create_table(lt_parser *p, const prefix *before, lt_ast_stmt *stmt)
{
    lt_ast_create_table *node = LT_NODE(p, lt_ast_create_table);
    if (!node) {
        return p->err->code;
    }
    stmt->kind = LT_STMT_CREATE_TABLE;
    stmt->create_table = node;
    node->temporary = before->temporary;
    node->replace = !before->create || before->or_replace;
    node->create_or = before->or_replace;
    LT_TRY(lt_parse_if_not_exists(p, &node->if_not_exists));
    LT_TRY(lt_parse_path(p, &node->path));
    LT_TRY(schema(p, &node->schema));
    LT_TRY(comment(p, &node->comment));
    if (lt_take_kw(p, LT_KW_DISTRIBUTED)) {
        LT_TRY(lt_parse_distribution(p, &node->distribution));
    }
    LT_TRY(partitioned_by(p, &node->partitioned_by));
    LT_TRY(with(p, &node->options));
    LT_TRY(table_tail(p, node));
    if (!before->create && !node->query) {
        return lt_parse_expected(p, "AS and a query");
    }
    return LT_OK;
}

/* ---- materialized tables -----------------------------------------------------------------------
 */

lt_status lt_parse_freshness(lt_parser *p, lt_ast_expr **out)
{
    LT_TRY(lt_expect(p, LT_TOK_EQ, "'='"));
    if (!lt_at_kw(p, LT_KW_INTERVAL)) {
        return lt_parse_expected(p, "an interval such as INTERVAL '1' HOUR");
    }
    LT_TRY(lt_parse_interval_literal(p, out));
    return (*out)->kind == LT_EXPR_LITERAL
               ? LT_OK
               : lt_parse_error(p, (*out)->pos,
                                "FRESHNESS takes an interval literal, as in "
                                "INTERVAL '1' HOUR");
}

lt_status lt_parse_refresh_mode(lt_parser *p, lt_ast_refresh *out)
{
    LT_TRY(lt_expect(p, LT_TOK_EQ, "'='"));
    if (lt_take_kw(p, LT_KW_FULL)) {
        *out = LT_REFRESH_FULL;
        return LT_OK;
    }
    *out = LT_REFRESH_CONTINUOUS;
    return lt_take_kw(p, LT_KW_CONTINUOUS) ? LT_OK : lt_parse_expected(p, "FULL or CONTINUOUS");
}

static lt_status materialized_schema(lt_parser *p, lt_ast_schema *out)
{
    if (!lt_take(p, LT_TOK_LPAREN)) {
        return LT_OK;
    }
    if (!at_constraint(p)) {
        return lt_at_name(p, 0) || lt_at_kw(p, LT_KW_WATERMARK)
                   ? lt_parse_unsupported(
                         p, lt_tok(p, 0)->pos,
                         "columns and watermarks of a materialized table belong to "
                         "Flink 2.3")
                   : lt_parse_expected(p, "PRIMARY KEY");
    }
    out->present = true;
    LT_TRY(constraint(p, out));
    return lt_expect(p, LT_TOK_RPAREN, "')'");
}

static lt_status create_materialized(lt_parser *p, const prefix *before, lt_ast_stmt *stmt)
{
    lt_ast_create_table *node = LT_NODE(p, lt_ast_create_table);
    if (!node) {
        return p->err->code;
    }
    LT_TRY(lt_expect_kw(p, LT_KW_TABLE));
    if (before->temporary || before->or_replace || !before->create) {
        return lt_parse_error(p, before->pos,
                              "a materialized table is neither temporary nor replaced");
    }
    stmt->kind = LT_STMT_CREATE_MATERIALIZED_TABLE;
    stmt->create_table = node;
    LT_TRY(lt_parse_if_not_exists(p, &node->if_not_exists));
    LT_TRY(lt_parse_path(p, &node->path));
    LT_TRY(materialized_schema(p, &node->schema));
    LT_TRY(comment(p, &node->comment));
    if (lt_take_kw(p, LT_KW_DISTRIBUTED)) {
        LT_TRY(lt_parse_distribution(p, &node->distribution));
    }
    LT_TRY(partitioned_by(p, &node->partitioned_by));
    LT_TRY(with(p, &node->options));
    if (lt_take_kw(p, LT_KW_FRESHNESS)) {
        LT_TRY(lt_parse_freshness(p, &node->freshness));
    }
    if (lt_take_kw(p, LT_KW_REFRESH_MODE)) {
        LT_TRY(lt_parse_refresh_mode(p, &node->refresh));
    }
    if (lt_at_word(p, 0, "START_MODE")) {
        return lt_parse_unsupported(p, lt_tok(p, 0)->pos, "START_MODE belongs to Flink 2.3");
    }
    LT_TRY(lt_expect_kw(p, LT_KW_AS));
    return lt_parse_query(p, &node->query);
}

/* ---- views, catalogs, databases, models, functions ---------------------------------------------
 */

static lt_status create_view(lt_parser *p, const prefix *before, lt_ast_stmt *stmt)
{
    lt_ast_create_view *node = LT_NODE(p, lt_ast_create_view);
    if (!node) {
        return p->err->code;
    }
    stmt->kind = LT_STMT_CREATE_VIEW;
    stmt->create_view = node;
    node->temporary = before->temporary;
    node->replace = before->or_replace;
    LT_TRY(lt_parse_if_not_exists(p, &node->if_not_exists));
    LT_TRY(lt_parse_path(p, &node->path));
    if (lt_at(p, LT_TOK_LPAREN)) {
        LT_TRY(lt_parse_name_list(p, &node->columns));
    }
    LT_TRY(comment(p, &node->comment));
    LT_TRY(lt_expect_kw(p, LT_KW_AS));
    return lt_parse_query(p, &node->query);
}

/* INPUT or OUTPUT ( name type, .. ) */
static lt_status model_columns(lt_parser *p, lt_ast_schema *out)
{
    LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
    out->present = true;
    do {
        lt_ast_column node = {0};
        lt_ast_name name = {0};
        LT_TRY(lt_parse_name(p, &name));
        LT_PUSH(p, node.name.items, node.name.count, name);
        LT_TRY(lt_parse_type(p, true, &node.type));
        LT_TRY(comment(p, &node.comment));
        LT_PUSH(p, out->columns, out->column_count, node);
    } while (lt_take(p, LT_TOK_COMMA));
    return lt_expect(p, LT_TOK_RPAREN, "',' or ')'");
}

static lt_status create_object(lt_parser *p, const prefix *before, lt_ast_stmt_kind kind,
                               lt_ast_stmt *stmt)
{
    lt_ast_create_object *node = LT_NODE(p, lt_ast_create_object);
    if (!node) {
        return p->err->code;
    }
    bool model = kind == LT_STMT_CREATE_MODEL;
    if (before->temporary && !model) {
        return lt_parse_error(p, before->pos,
                              "only tables, views, functions and models can be temporary");
    }
    stmt->kind = kind;
    stmt->create_object = node;
    node->temporary = before->temporary;
    LT_TRY(lt_parse_if_not_exists(p, &node->if_not_exists));
    LT_TRY(lt_parse_path(p, &node->path));
    if (model && lt_take_kw(p, LT_KW_INPUT)) {
        LT_TRY(model_columns(p, &node->input));
    }
    if (model && lt_take_kw(p, LT_KW_OUTPUT)) {
        LT_TRY(model_columns(p, &node->output));
    }
    LT_TRY(comment(p, &node->comment));
    LT_TRY(with(p, &node->options));
    return model && lt_take_kw(p, LT_KW_AS) ? lt_parse_query(p, &node->query) : LT_OK;
}

static lt_status language(lt_parser *p, lt_str *out)
{
    static const lt_keyword languages[] = {LT_KW_JAVA, LT_KW_SCALA, LT_KW_PYTHON, LT_KW_SQL};
    for (size_t i = 0; i < LT_COUNT_OF(languages); i++) {
        if (lt_take_kw(p, languages[i])) {
            *out = lt_keyword_name(languages[i]);
            return LT_OK;
        }
    }
    if (lt_at_word(p, 0, "C")) {
        lt_skip(p);
        *out = LT_STR("C");
        return LT_OK;
    }
    return lt_parse_expected(p, "SQL, C, JAVA, SCALA or PYTHON");
}

static lt_status using_jars(lt_parser *p, lt_ast_function *node)
{
    do {
        lt_ast_string jar = {0};
        if (lt_at_word(p, 0, "ARTIFACT")) {
            return lt_parse_unsupported(p, lt_tok(p, 0)->pos,
                                        "USING ARTIFACT belongs to Flink 2.3");
        }
        LT_TRY(lt_expect_kw(p, LT_KW_JAR));
        LT_TRY(lt_parse_string(p, &jar));
        LT_PUSH(p, node->jars, node->jar_count, jar);
    } while (lt_take(p, LT_TOK_COMMA));
    return LT_OK;
}

/* (a INT, b STRING) RETURNS t */
static lt_status signature(lt_parser *p, lt_ast_function *node)
{
    if (!lt_take(p, LT_TOK_LPAREN)) {
        return LT_OK;
    }
    node->typed = true;
    while (!lt_at(p, LT_TOK_RPAREN)) {
        lt_ast_param param = {0};
        LT_TRY(lt_parse_name(p, &param.name));
        LT_TRY(lt_parse_type(p, true, &param.type));
        LT_PUSH(p, node->params, node->param_count, param);
        if (!lt_take(p, LT_TOK_COMMA)) {
            break;
        }
    }
    LT_TRY(lt_expect(p, LT_TOK_RPAREN, "')'"));
    LT_TRY(lt_expect_kw(p, LT_KW_RETURNS));
    return lt_parse_type(p, true, &node->returns);
}

lt_status lt_parse_function_body(lt_parser *p, bool jars, lt_ast_function *node)
{
    LT_TRY(signature(p, node));
    LT_TRY(lt_expect_kw(p, LT_KW_AS));
    LT_TRY(lt_parse_string(p, &node->class_name));
    if (lt_take_kw(p, LT_KW_LANGUAGE)) {
        LT_TRY(language(p, &node->language));
    }
    if (jars && lt_take_kw(p, LT_KW_USING)) {
        LT_TRY(using_jars(p, node));
    }
    if (lt_at_kw(p, LT_KW_WITH)) {
        return lt_parse_unsupported(p, lt_tok(p, 0)->pos,
                                    "options of functions belong to Flink 2.3");
    }
    return LT_OK;
}

static lt_status create_function(lt_parser *p, const prefix *before, lt_ast_stmt *stmt)
{
    lt_ast_function *node = LT_NODE(p, lt_ast_function);
    if (!node) {
        return p->err->code;
    }
    stmt->kind = LT_STMT_CREATE_FUNCTION;
    stmt->function = node;
    node->temporary = before->temporary;
    node->system = before->system;
    if (before->system && !before->temporary) {
        return lt_parse_error(p, before->pos, "a system function must be TEMPORARY");
    }
    LT_TRY(lt_parse_if_not_exists(p, &node->if_exists));
    LT_TRY(lt_parse_path(p, &node->path));
    if (node->system && node->path.count > 1) {
        return lt_parse_error(p, node->path.items[0].pos, "a system function has a simple name");
    }
    return lt_parse_function_body(p, true, node);
}

/* ---- the dispatcher ----------------------------------------------------------------------------
 */

static lt_status create_prefix(lt_parser *p, prefix *before)
{
    *before = (prefix){.pos = lt_tok(p, 0)->pos};
    before->create = lt_take_kw(p, LT_KW_CREATE);
    if (!before->create) {
        lt_skip(p); /* REPLACE TABLE */
        return lt_at_kw(p, LT_KW_TABLE) || lt_at_kw(p, LT_KW_MATERIALIZED)
                   ? LT_OK
                   : lt_parse_expected(p, "TABLE");
    }
    if (lt_take_kw(p, LT_KW_OR)) {
        if (lt_at_kw(p, LT_KW_ALTER)) {
            return lt_parse_unsupported(p, lt_tok(p, 0)->pos,
                                        "CREATE OR ALTER belongs to Flink 2.3");
        }
        LT_TRY(lt_expect_kw(p, LT_KW_REPLACE));
        before->or_replace = true;
    }
    before->temporary = lt_take_kw(p, LT_KW_TEMPORARY);
    before->system = lt_take_kw(p, LT_KW_SYSTEM);
    return before->system && !lt_at_kw(p, LT_KW_FUNCTION) ? lt_parse_expected(p, "FUNCTION")
                                                          : LT_OK;
}

lt_status lt_parse_create(lt_parser *p, lt_ast_stmt *stmt)
{
    prefix before;
    LT_TRY(create_prefix(p, &before));
    if (lt_take_kw(p, LT_KW_TABLE)) {
        return create_table(p, &before, stmt);
    }
    if (lt_take_kw(p, LT_KW_MATERIALIZED)) {
        return create_materialized(p, &before, stmt);
    }
    if (lt_take_kw(p, LT_KW_VIEW)) {
        return create_view(p, &before, stmt);
    }
    if (lt_take_kw(p, LT_KW_CATALOG)) {
        return create_object(p, &before, LT_STMT_CREATE_CATALOG, stmt);
    }
    if (lt_take_kw(p, LT_KW_DATABASE)) {
        return create_object(p, &before, LT_STMT_CREATE_DATABASE, stmt);
    }
    if (lt_take_kw(p, LT_KW_MODEL)) {
        return create_object(p, &before, LT_STMT_CREATE_MODEL, stmt);
    }
    if (lt_take_kw(p, LT_KW_FUNCTION)) {
        return create_function(p, &before, stmt);
    }
    if (lt_at_kw(p, LT_KW_CONNECTION)) {
        return lt_parse_unsupported(p, before.pos, "CREATE CONNECTION belongs to a later Flink");
    }
    return lt_parse_expected(
        p, "TABLE, VIEW, FUNCTION, CATALOG, DATABASE, MODEL or MATERIALIZED TABLE");
}
