/* ALTER statements. */
#include "sql/parse_int.h"

static lt_status alter_new(lt_parser *p, lt_ast_stmt_kind kind, lt_ast_stmt *stmt,
                           lt_ast_alter **out)
{
    *out = LT_NODE(p, lt_ast_alter);
    if (!*out) {
        return p->err->code;
    }
    stmt->kind = kind;
    stmt->alter = *out;
    return LT_OK;
}

/* ---- ALTER TABLE -------------------------------------------------------------------------------
 */

/* RENAME TO t, RENAME column TO name */
static lt_status rename(lt_parser *p, lt_ast_alter *node)
{
    node->action = LT_ALTER_RENAME;
    if (!lt_take_kw(p, LT_KW_TO)) {
        node->action = LT_ALTER_RENAME_COLUMN;
        LT_TRY(lt_parse_path(p, &node->column));
        LT_TRY(lt_expect_kw(p, LT_KW_TO));
    }
    return lt_parse_path(p, &node->to);
}

static lt_status set(lt_parser *p, lt_ast_alter *node)
{
    node->action = LT_ALTER_SET;
    return lt_parse_options(p, &node->options);
}

static lt_status reset(lt_parser *p, lt_ast_alter *node)
{
    node->action = LT_ALTER_RESET;
    return lt_parse_option_keys(p, &node->options);
}

/* [IF NOT EXISTS] PARTITION (..) [WITH (..)] PARTITION (..) .. */
static lt_status add_partitions(lt_parser *p, lt_ast_alter *node)
{
    node->action = LT_ALTER_ADD_PARTITIONS;
    LT_TRY(lt_parse_if_not_exists(p, &node->if_exists_action));
    LT_TRY(lt_at_kw(p, LT_KW_PARTITION) ? LT_OK : lt_parse_expected(p, "PARTITION"));
    while (lt_take_kw(p, LT_KW_PARTITION)) {
        lt_ast_partition partition;
        lt_ast_options options = {0};
        LT_TRY(lt_parse_partition(p, false, &partition));
        if (lt_take_kw(p, LT_KW_WITH)) {
            LT_TRY(lt_parse_options(p, &options));
        }
        uint32_t at = node->partition_count;
        LT_PUSH(p, node->partition_options, at, options);
        LT_PUSH(p, node->partitions, node->partition_count, partition);
    }
    return LT_OK;
}

/* [IF EXISTS] PARTITION (..), PARTITION (..) */
static lt_status drop_partitions(lt_parser *p, lt_ast_alter *node)
{
    node->action = LT_ALTER_DROP_PARTITIONS;
    LT_TRY(lt_parse_if_exists(p, &node->if_exists_action));
    do {
        lt_ast_partition partition;
        LT_TRY(lt_expect_kw(p, LT_KW_PARTITION));
        LT_TRY(lt_parse_partition(p, false, &partition));
        LT_PUSH(p, node->partitions, node->partition_count, partition);
    } while (lt_take(p, LT_TOK_COMMA));
    return LT_OK;
}

/* An element or a list of them in parentheses, behind ADD or MODIFY. */
static lt_status elements(lt_parser *p, lt_ast_alter *node)
{
    bool parens = lt_take(p, LT_TOK_LPAREN);
    do {
        LT_TRY(lt_parse_element(p, true, &node->schema));
    } while (parens && lt_take(p, LT_TOK_COMMA));
    if (parens) {
        LT_TRY(lt_expect(p, LT_TOK_RPAREN, "',' or ')'"));
    }
    return lt_check_schema(p, &node->schema, false);
}

static lt_status add(lt_parser *p, lt_ast_alter *node)
{
    if (lt_at_kw(p, LT_KW_PARTITION) || (lt_at_kw(p, LT_KW_IF) && lt_at_kw2(p, 1, LT_KW_NOT))) {
        return add_partitions(p, node);
    }
    if (lt_take_kw(p, LT_KW_DISTRIBUTION)) {
        node->action = LT_ALTER_ADD_DISTRIBUTION;
        return lt_parse_distribution(p, &node->distribution);
    }
    node->action = LT_ALTER_ADD;
    return elements(p, node);
}

static lt_status modify(lt_parser *p, lt_ast_alter *node)
{
    if (lt_take_kw(p, LT_KW_DISTRIBUTION)) {
        node->action = LT_ALTER_MODIFY_DISTRIBUTION;
        return lt_parse_distribution(p, &node->distribution);
    }
    node->action = LT_ALTER_MODIFY;
    return elements(p, node);
}

static lt_status drop(lt_parser *p, lt_ast_alter *node)
{
    if (lt_at_kw(p, LT_KW_PARTITION) || (lt_at_kw(p, LT_KW_IF) && lt_at_kw2(p, 1, LT_KW_EXISTS))) {
        return drop_partitions(p, node);
    }
    if (lt_take_kw(p, LT_KW_PRIMARY)) {
        node->action = LT_ALTER_DROP_PRIMARY_KEY;
        return lt_expect_kw(p, LT_KW_KEY);
    }
    if (lt_take_kw(p, LT_KW_CONSTRAINT)) {
        node->action = LT_ALTER_DROP_CONSTRAINT;
        return lt_parse_name(p, &node->constraint);
    }
    if (lt_take_kw(p, LT_KW_WATERMARK)) {
        node->action = LT_ALTER_DROP_WATERMARK;
        return LT_OK;
    }
    if (lt_take_kw(p, LT_KW_DISTRIBUTION)) {
        node->action = LT_ALTER_DROP_DISTRIBUTION;
        return LT_OK;
    }
    node->action = LT_ALTER_DROP_COLUMNS;
    if (lt_at(p, LT_TOK_LPAREN)) {
        return lt_parse_path_list(p, &node->columns);
    }
    lt_ast_path path = {0};
    LT_TRY(lt_parse_path(p, &path));
    LT_PUSH(p, node->columns.items, node->columns.count, path);
    return LT_OK;
}

static lt_status alter_table(lt_parser *p, lt_ast_stmt *stmt)
{
    lt_ast_alter *node = NULL;
    LT_TRY(alter_new(p, LT_STMT_ALTER_TABLE, stmt, &node));
    LT_TRY(lt_parse_if_exists(p, &node->if_exists));
    LT_TRY(lt_parse_path(p, &node->path));
    if (lt_take_kw(p, LT_KW_RENAME)) {
        return rename(p, node);
    }
    if (lt_take_kw(p, LT_KW_SET)) {
        return set(p, node);
    }
    if (lt_take_kw(p, LT_KW_RESET)) {
        return reset(p, node);
    }
    if (lt_take_kw(p, LT_KW_ADD)) {
        return add(p, node);
    }
    if (lt_take_kw(p, LT_KW_MODIFY)) {
        return modify(p, node);
    }
    if (lt_take_kw(p, LT_KW_DROP)) {
        return drop(p, node);
    }
    return lt_parse_expected(p, "ADD, MODIFY, DROP, RENAME, SET or RESET");
}

/* ---- ALTER MATERIALIZED TABLE ------------------------------------------------------------------
 */

static lt_status set_materialized(lt_parser *p, lt_ast_alter *node)
{
    if (lt_take_kw(p, LT_KW_FRESHNESS)) {
        node->action = LT_ALTER_FRESHNESS;
        return lt_parse_freshness(p, &node->freshness);
    }
    if (lt_take_kw(p, LT_KW_REFRESH_MODE)) {
        node->action = LT_ALTER_REFRESH_MODE;
        return lt_parse_refresh_mode(p, &node->refresh);
    }
    return lt_at(p, LT_TOK_LPAREN) ? set(p, node)
                                   : lt_parse_expected(p, "FRESHNESS, REFRESH_MODE or '('");
}

static lt_status refresh(lt_parser *p, lt_ast_alter *node)
{
    node->action = LT_ALTER_REFRESH;
    if (!lt_take_kw(p, LT_KW_PARTITION)) {
        return LT_OK;
    }
    lt_ast_partition partition;
    LT_TRY(lt_parse_partition(p, false, &partition));
    LT_PUSH(p, node->partitions, node->partition_count, partition);
    return LT_OK;
}

static lt_status alter_materialized(lt_parser *p, lt_ast_stmt *stmt)
{
    lt_ast_alter *node = NULL;
    LT_TRY(alter_new(p, LT_STMT_ALTER_MATERIALIZED_TABLE, stmt, &node));
    LT_TRY(lt_expect_kw(p, LT_KW_TABLE));
    LT_TRY(lt_parse_path(p, &node->path));
    if (lt_take_kw(p, LT_KW_SUSPEND)) {
        node->action = LT_ALTER_SUSPEND;
        return LT_OK;
    }
    if (lt_take_kw(p, LT_KW_RESUME)) {
        node->action = LT_ALTER_RESUME;
        return lt_take_kw(p, LT_KW_WITH) ? lt_parse_options(p, &node->options) : LT_OK;
    }
    if (lt_take_kw(p, LT_KW_REFRESH)) {
        return refresh(p, node);
    }
    if (lt_take_kw(p, LT_KW_AS)) {
        node->action = LT_ALTER_AS_QUERY;
        return lt_parse_query(p, &node->query);
    }
    if (lt_take_kw(p, LT_KW_SET)) {
        return set_materialized(p, node);
    }
    if (lt_take_kw(p, LT_KW_RESET)) {
        return reset(p, node);
    }
    uint32_t pos = lt_tok(p, 0)->pos;
    bool schema =
        lt_take_kw(p, LT_KW_MODIFY) || lt_take_kw(p, LT_KW_ADD) || lt_take_kw(p, LT_KW_DROP);
    if (schema && lt_at_kw(p, LT_KW_DISTRIBUTION)) {
        return lt_parse_unsupported(p, pos,
                                    "the distribution of a materialized table cannot be changed");
    }
    if (schema) {
        return lt_parse_unsupported(p, pos,
                                    "changing the schema of a materialized table belongs to "
                                    "Flink 2.3");
    }
    return lt_parse_expected(p, "SUSPEND, RESUME, REFRESH, AS, SET or RESET");
}

/* ---- the others --------------------------------------------------------------------------------
 */

static lt_status alter_view(lt_parser *p, lt_ast_stmt *stmt)
{
    lt_ast_alter *node = NULL;
    LT_TRY(alter_new(p, LT_STMT_ALTER_VIEW, stmt, &node));
    LT_TRY(lt_parse_path(p, &node->path));
    if (lt_take_kw(p, LT_KW_RENAME)) {
        LT_TRY(lt_expect_kw(p, LT_KW_TO));
        node->action = LT_ALTER_RENAME;
        return lt_parse_path(p, &node->to);
    }
    if (!lt_take_kw(p, LT_KW_AS)) {
        return lt_parse_expected(p, "RENAME or AS");
    }
    node->action = LT_ALTER_AS_QUERY;
    return lt_parse_query(p, &node->query);
}

static lt_status alter_catalog(lt_parser *p, lt_ast_stmt *stmt)
{
    lt_ast_alter *node = NULL;
    LT_TRY(alter_new(p, LT_STMT_ALTER_CATALOG, stmt, &node));
    lt_ast_name name = {0};
    LT_TRY(lt_parse_name(p, &name));
    LT_PUSH(p, node->path.items, node->path.count, name);
    if (lt_take_kw(p, LT_KW_SET)) {
        return set(p, node);
    }
    if (lt_take_kw(p, LT_KW_RESET)) {
        return reset(p, node);
    }
    if (!lt_take_kw(p, LT_KW_COMMENT)) {
        return lt_parse_expected(p, "SET, RESET or COMMENT");
    }
    node->action = LT_ALTER_COMMENT;
    return lt_parse_string(p, &node->comment);
}

static lt_status alter_database(lt_parser *p, lt_ast_stmt *stmt)
{
    lt_ast_alter *node = NULL;
    LT_TRY(alter_new(p, LT_STMT_ALTER_DATABASE, stmt, &node));
    LT_TRY(lt_parse_path(p, &node->path));
    LT_TRY(lt_expect_kw(p, LT_KW_SET));
    return set(p, node);
}

static lt_status alter_model(lt_parser *p, lt_ast_stmt *stmt)
{
    lt_ast_alter *node = NULL;
    LT_TRY(alter_new(p, LT_STMT_ALTER_MODEL, stmt, &node));
    LT_TRY(lt_parse_if_exists(p, &node->if_exists));
    LT_TRY(lt_parse_path(p, &node->path));
    if (lt_take_kw(p, LT_KW_SET)) {
        return set(p, node);
    }
    if (lt_take_kw(p, LT_KW_RESET)) {
        return reset(p, node);
    }
    if (!lt_take_kw(p, LT_KW_RENAME)) {
        return lt_parse_expected(p, "SET, RESET or RENAME");
    }
    LT_TRY(lt_expect_kw(p, LT_KW_TO));
    node->action = LT_ALTER_RENAME;
    return lt_parse_path(p, &node->to);
}

static lt_status alter_function(lt_parser *p, lt_ast_stmt *stmt)
{
    lt_ast_function *node = LT_NODE(p, lt_ast_function);
    if (!node) {
        return p->err->code;
    }
    stmt->kind = LT_STMT_ALTER_FUNCTION;
    stmt->function = node;
    node->temporary = lt_take_kw(p, LT_KW_TEMPORARY);
    node->system = node->temporary && lt_take_kw(p, LT_KW_SYSTEM);
    LT_TRY(lt_expect_kw(p, LT_KW_FUNCTION));
    LT_TRY(lt_parse_if_exists(p, &node->if_exists));
    LT_TRY(lt_parse_path(p, &node->path));
    return lt_parse_function_body(p, false, node);
}

lt_status lt_parse_alter(lt_parser *p, lt_ast_stmt *stmt)
{
    lt_skip(p);
    if (lt_take_kw(p, LT_KW_TABLE)) {
        return alter_table(p, stmt);
    }
    if (lt_take_kw(p, LT_KW_MATERIALIZED)) {
        return alter_materialized(p, stmt);
    }
    if (lt_take_kw(p, LT_KW_VIEW)) {
        return alter_view(p, stmt);
    }
    if (lt_take_kw(p, LT_KW_CATALOG)) {
        return alter_catalog(p, stmt);
    }
    if (lt_take_kw(p, LT_KW_DATABASE)) {
        return alter_database(p, stmt);
    }
    if (lt_take_kw(p, LT_KW_MODEL)) {
        return alter_model(p, stmt);
    }
    if (lt_at_kw(p, LT_KW_FUNCTION) || lt_at_kw(p, LT_KW_TEMPORARY)) {
        return alter_function(p, stmt);
    }
    return lt_parse_expected(
        p, "TABLE, VIEW, FUNCTION, CATALOG, DATABASE, MODEL or MATERIALIZED TABLE");
}
