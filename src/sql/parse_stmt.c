/* Statements: the dispatcher, DML, statement sets, EXPLAIN, plans, and the small ones. */
#include "sql/parse_int.h"

lt_status lt_parse_if_exists(lt_parser *p, bool *out)
{
    *out = lt_at_kw(p, LT_KW_IF) && lt_at_kw2(p, 1, LT_KW_EXISTS);
    if (*out) {
        lt_skip(p);
        lt_skip(p);
    }
    return LT_OK;
}

lt_status lt_parse_if_not_exists(lt_parser *p, bool *out)
{
    *out = lt_at_kw(p, LT_KW_IF) && lt_at_kw2(p, 1, LT_KW_NOT);
    if (*out) {
        lt_skip(p);
        lt_skip(p);
        return lt_expect_kw(p, LT_KW_EXISTS);
    }
    return LT_OK;
}

/* ---- INSERT ------------------------------------------------------------------------------------
 */

static lt_status partition_value(lt_parser *p, lt_ast_expr **out)
{
    uint32_t pos = lt_tok(p, 0)->pos;
    LT_TRY(lt_parse_expr(p, out));
    const lt_ast_expr *value = *out;
    if (value->kind == LT_EXPR_UNARY && value->unary.op == LT_OP_NEG) {
        value = value->unary.operand;
    }
    return value->kind == LT_EXPR_LITERAL
               ? LT_OK
               : lt_parse_error(p, pos, "the value of a partition column must be a literal");
}

lt_status lt_parse_partition(lt_parser *p, bool bare, lt_ast_partition *out)
{
    *out = (lt_ast_partition){.present = true, .pos = lt_tok(p, 0)->pos};
    LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
    do {
        lt_ast_partition_item item = {0};
        LT_TRY(lt_parse_name(p, &item.column));
        if (lt_take(p, LT_TOK_EQ)) {
            LT_TRY(partition_value(p, &item.expr));
        } else if (!bare) {
            return lt_parse_expected(p, "'='");
        }
        LT_PUSH(p, out->items, out->count, item);
    } while (lt_take(p, LT_TOK_COMMA));
    return lt_expect(p, LT_TOK_RPAREN, "',' or ')'");
}

/* ON CONFLICT DO {ERROR | NOTHING | DEDUPLICATE}: Flink 2.3, taken as an extension. */
static lt_status conflict(lt_parser *p, lt_ast_insert *insert)
{
    if (!lt_at_kw(p, LT_KW_ON)) {
        return LT_OK;
    }
    lt_skip(p);
    if (!lt_at_word(p, 0, "CONFLICT")) {
        return lt_parse_expected(p, "CONFLICT");
    }
    lt_skip(p);
    if (!lt_at_word(p, 0, "DO")) {
        return lt_parse_expected(p, "DO");
    }
    lt_skip(p);
    if (lt_at_word(p, 0, "ERROR")) {
        insert->conflict = LT_CONFLICT_ERROR;
    } else if (lt_at_word(p, 0, "NOTHING")) {
        insert->conflict = LT_CONFLICT_NOTHING;
    } else if (lt_at_word(p, 0, "DEDUPLICATE")) {
        insert->conflict = LT_CONFLICT_DEDUPLICATE;
    } else {
        return lt_parse_expected(p, "ERROR, NOTHING or DEDUPLICATE");
    }
    lt_skip(p);
    return LT_OK;
}

static lt_status insert(lt_parser *p, lt_ast_stmt *stmt)
{
    lt_ast_insert *node = LT_NODE(p, lt_ast_insert);
    if (!node) {
        return p->err->code;
    }
    stmt->kind = LT_STMT_INSERT;
    stmt->insert = node;
    node->execute = lt_take_kw(p, LT_KW_EXECUTE);
    LT_TRY(lt_expect_kw(p, LT_KW_INSERT));
    node->overwrite = lt_take_kw(p, LT_KW_OVERWRITE);
    if (!node->overwrite) {
        LT_TRY(lt_take_kw(p, LT_KW_INTO) ? LT_OK : lt_parse_expected(p, "INTO or OVERWRITE"));
    }
    LT_TRY(lt_parse_path(p, &node->table));
    LT_TRY(lt_parse_hints(p, &node->hints));
    if (lt_take_kw(p, LT_KW_PARTITION)) {
        LT_TRY(lt_parse_partition(p, false, &node->partition));
    }
    if (lt_at(p, LT_TOK_LPAREN) && lt_at_name(p, 1)) {
        LT_TRY(lt_parse_path_list(p, &node->columns));
    }
    LT_TRY(lt_parse_query(p, &node->query));
    return conflict(p, node);
}

static bool at_insert(const lt_parser *p)
{
    return lt_at_kw(p, LT_KW_INSERT) ||
           (lt_at_kw(p, LT_KW_EXECUTE) && lt_at_kw2(p, 1, LT_KW_INSERT));
}

/* ---- statement sets ----------------------------------------------------------------------------
 */

static lt_status stmt_new(lt_parser *p, lt_ast_stmt **out)
{
    *out = LT_NODE(p, lt_ast_stmt);
    if (!*out) {
        return p->err->code;
    }
    (*out)->pos = lt_tok(p, 0)->pos;
    return LT_OK;
}

/* insert; insert; .. END */
static lt_status set_body(lt_parser *p, lt_ast_set *set)
{
    while (!lt_at_kw(p, LT_KW_END) || set->count == 0) {
        lt_ast_stmt *stmt = NULL;
        if (!at_insert(p)) {
            return lt_parse_expected(p, set->count == 0 ? "INSERT" : "INSERT or END");
        }
        LT_TRY(stmt_new(p, &stmt));
        LT_TRY(insert(p, stmt));
        LT_TRY(lt_expect(p, LT_TOK_SEMICOLON, "';'"));
        LT_PUSH(p, set->inserts, set->count, stmt);
    }
    lt_skip(p);
    return LT_OK;
}

static lt_status set_new(lt_parser *p, lt_ast_stmt *stmt)
{
    stmt->kind = LT_STMT_STATEMENT_SET;
    stmt->set = LT_NODE(p, lt_ast_set);
    return stmt->set ? LT_OK : p->err->code;
}

/* STATEMENT SET BEGIN .. END */
static lt_status statement_set(lt_parser *p, lt_ast_stmt *stmt)
{
    LT_TRY(set_new(p, stmt));
    LT_TRY(lt_expect_kw(p, LT_KW_STATEMENT));
    LT_TRY(lt_expect_kw(p, LT_KW_SET));
    LT_TRY(lt_expect_kw(p, LT_KW_BEGIN));
    return set_body(p, stmt->set);
}

/* BEGIN STATEMENT SET, alone or with all that follows up to END. */
static lt_status begin(lt_parser *p, lt_ast_stmt *stmt)
{
    lt_skip(p);
    LT_TRY(lt_expect_kw(p, LT_KW_STATEMENT));
    LT_TRY(lt_expect_kw(p, LT_KW_SET));
    bool more = lt_at(p, LT_TOK_SEMICOLON) && lt_tok(p, 1)->kind != LT_TOK_END;
    if (!more) {
        stmt->kind = LT_STMT_BEGIN_STATEMENT_SET;
        return LT_OK;
    }
    lt_skip(p);
    LT_TRY(set_new(p, stmt));
    stmt->set->client_form = true;
    return set_body(p, stmt->set);
}

/* ---- EXPLAIN, EXECUTE, plans -------------------------------------------------------------------
 */

static lt_status query_stmt(lt_parser *p, lt_ast_stmt *stmt)
{
    stmt->kind = LT_STMT_QUERY;
    return lt_parse_query(p, &stmt->query);
}

static bool at_query_stmt(const lt_parser *p)
{
    return lt_at_query(p) || lt_at(p, LT_TOK_LPAREN);
}

/* EXECUTE {query | INSERT .. | STATEMENT SET ..} */
static lt_status execute(lt_parser *p, lt_ast_stmt *stmt)
{
    if (at_insert(p)) {
        return insert(p, stmt);
    }
    lt_skip(p);
    stmt->execute = true;
    if (lt_at_kw(p, LT_KW_STATEMENT)) {
        return statement_set(p, stmt);
    }
    if (at_query_stmt(p)) {
        return query_stmt(p, stmt);
    }
    return lt_parse_expected(p, "a query, INSERT, STATEMENT SET or PLAN");
}

static bool take_detail(lt_parser *p, uint32_t *details)
{
    static const struct {
        lt_keyword keyword;
        uint32_t bit;
    } rows[] = {{LT_KW_ESTIMATED_COST, LT_EXPLAIN_ESTIMATED_COST},
                {LT_KW_CHANGELOG_MODE, LT_EXPLAIN_CHANGELOG_MODE},
                {LT_KW_JSON_EXECUTION_PLAN, LT_EXPLAIN_JSON_PLAN},
                {LT_KW_PLAN_ADVICE, LT_EXPLAIN_PLAN_ADVICE}};
    for (size_t i = 0; i < LT_COUNT_OF(rows); i++) {
        if (!(*details & rows[i].bit) && lt_take_kw(p, rows[i].keyword)) {
            *details |= rows[i].bit;
            return true;
        }
    }
    return false;
}

static lt_status explained(lt_parser *p, lt_ast_stmt *stmt)
{
    uint32_t pos = stmt->pos;
    if (at_query_stmt(p)) {
        return query_stmt(p, stmt);
    }
    if (at_insert(p)) {
        return insert(p, stmt);
    }
    if (lt_at_kw(p, LT_KW_EXECUTE)) {
        return execute(p, stmt);
    }
    if (lt_at_kw(p, LT_KW_STATEMENT)) {
        return statement_set(p, stmt);
    }
    if (lt_at_kw(p, LT_KW_CREATE) || lt_at_kw(p, LT_KW_REPLACE)) {
        LT_TRY(lt_parse_create(p, stmt));
        if (stmt->kind != LT_STMT_CREATE_TABLE || !stmt->create_table->query) {
            return lt_parse_error(p, pos,
                                  "of the CREATE statements EXPLAIN takes only CREATE TABLE .. AS");
        }
        return LT_OK;
    }
    return lt_parse_expected(p, "a query, INSERT, STATEMENT SET or CREATE TABLE .. AS");
}

static lt_status explain(lt_parser *p, lt_ast_stmt *stmt)
{
    lt_ast_explain *node = LT_NODE(p, lt_ast_explain);
    if (!node) {
        return p->err->code;
    }
    stmt->kind = LT_STMT_EXPLAIN;
    stmt->explain = node;
    lt_skip(p);
    if (!lt_take_kw2(p, LT_KW_PLAN, LT_KW_FOR)) {
        if (take_detail(p, &node->details)) {
            while (lt_take(p, LT_TOK_COMMA)) {
                if (!take_detail(p, &node->details)) {
                    return lt_parse_expected(p, "one more of ESTIMATED_COST, CHANGELOG_MODE, "
                                                "JSON_EXECUTION_PLAN and PLAN_ADVICE");
                }
            }
        }
    }
    LT_TRY(stmt_new(p, &node->stmt));
    return explained(p, node->stmt);
}

/* COMPILE [AND EXECUTE] PLAN 'f' [IF NOT EXISTS] FOR stmt, EXECUTE PLAN 'f' */
static lt_status plan(lt_parser *p, lt_ast_stmt *stmt)
{
    lt_ast_plan *node = LT_NODE(p, lt_ast_plan);
    if (!node) {
        return p->err->code;
    }
    stmt->plan = node;
    stmt->kind = lt_at_kw(p, LT_KW_EXECUTE) ? LT_STMT_EXECUTE_PLAN : LT_STMT_COMPILE_PLAN;
    lt_skip(p);
    if (stmt->kind == LT_STMT_COMPILE_PLAN && lt_take_kw(p, LT_KW_AND)) {
        LT_TRY(lt_expect_kw(p, LT_KW_EXECUTE));
        stmt->kind = LT_STMT_COMPILE_AND_EXECUTE_PLAN;
    }
    LT_TRY(lt_expect_kw(p, LT_KW_PLAN));
    LT_TRY(lt_parse_string(p, &node->file));
    if (stmt->kind == LT_STMT_EXECUTE_PLAN) {
        return LT_OK;
    }
    if (stmt->kind == LT_STMT_COMPILE_PLAN) {
        LT_TRY(lt_parse_if_not_exists(p, &node->if_not_exists));
    }
    LT_TRY(lt_expect_kw(p, LT_KW_FOR));
    LT_TRY(stmt_new(p, &node->stmt));
    if (lt_at_kw(p, LT_KW_STATEMENT)) {
        return statement_set(p, node->stmt);
    }
    return lt_at_kw(p, LT_KW_INSERT) ? insert(p, node->stmt)
                                     : lt_parse_expected(p, "INSERT or STATEMENT SET");
}

/* ---- DELETE, UPDATE ----------------------------------------------------------------------------
 */

static lt_status assignments(lt_parser *p, lt_ast_modify *node)
{
    do {
        lt_ast_path target = {0};
        lt_ast_expr *value = NULL;
        LT_TRY(lt_parse_path(p, &target));
        LT_TRY(lt_expect(p, LT_TOK_EQ, "'='"));
        LT_TRY(lt_parse_expr(p, &value));
        LT_PUSH(p, node->targets.items, node->targets.count, target);
        LT_PUSH(p, node->values.items, node->values.count, value);
    } while (lt_take(p, LT_TOK_COMMA));
    return LT_OK;
}

static lt_status modify(lt_parser *p, lt_ast_stmt *stmt)
{
    lt_ast_modify *node = LT_NODE(p, lt_ast_modify);
    if (!node) {
        return p->err->code;
    }
    stmt->modify = node;
    stmt->kind = lt_at_kw(p, LT_KW_DELETE) ? LT_STMT_DELETE : LT_STMT_UPDATE;
    lt_skip(p);
    if (stmt->kind == LT_STMT_DELETE) {
        LT_TRY(lt_expect_kw(p, LT_KW_FROM));
    }
    LT_TRY(lt_parse_path(p, &node->table));
    LT_TRY(lt_parse_hints(p, &node->hints));
    if (lt_take_kw(p, LT_KW_AS) || lt_at_name(p, 0)) {
        LT_TRY(lt_parse_name(p, &node->alias));
    }
    if (stmt->kind == LT_STMT_UPDATE) {
        LT_TRY(lt_expect_kw(p, LT_KW_SET));
        LT_TRY(assignments(p, node));
    }
    return lt_take_kw(p, LT_KW_WHERE) ? lt_parse_expr(p, &node->where) : LT_OK;
}

/* ---- the small ones ----------------------------------------------------------------------------
 */

static lt_status use(lt_parser *p, lt_ast_stmt *stmt)
{
    lt_ast_use *node = LT_NODE(p, lt_ast_use);
    if (!node) {
        return p->err->code;
    }
    stmt->kind = LT_STMT_USE;
    stmt->use = node;
    node->what = LT_OBJ_DATABASE;
    lt_skip(p);
    if (lt_take_kw(p, LT_KW_MODULES)) {
        node->what = LT_OBJ_MODULES;
        do {
            lt_ast_name name = {0};
            LT_TRY(lt_parse_name(p, &name));
            LT_PUSH(p, node->modules.items, node->modules.count, name);
        } while (lt_take(p, LT_TOK_COMMA));
        return LT_OK;
    }
    if (lt_at_kw(p, LT_KW_CATALOG)) {
        lt_ast_name name = {0};
        lt_skip(p);
        node->what = LT_OBJ_CATALOG;
        LT_TRY(lt_parse_name(p, &name));
        LT_PUSH(p, node->path.items, node->path.count, name);
        return LT_OK;
    }
    return lt_parse_path(p, &node->path);
}

static lt_status module(lt_parser *p, lt_ast_stmt *stmt)
{
    lt_ast_module *node = LT_NODE(p, lt_ast_module);
    if (!node) {
        return p->err->code;
    }
    stmt->kind = lt_at_kw(p, LT_KW_LOAD) ? LT_STMT_LOAD_MODULE : LT_STMT_UNLOAD_MODULE;
    stmt->module = node;
    lt_skip(p);
    LT_TRY(lt_expect_kw(p, LT_KW_MODULE));
    LT_TRY(lt_parse_name(p, &node->name));
    if (stmt->kind == LT_STMT_LOAD_MODULE && lt_take_kw(p, LT_KW_WITH)) {
        return lt_parse_options(p, &node->options);
    }
    return LT_OK;
}

/* SET, SET 'k' = 'v', RESET, RESET 'k' */
static lt_status setting(lt_parser *p, lt_ast_stmt *stmt)
{
    stmt->kind = lt_at_kw(p, LT_KW_SET) ? LT_STMT_SET : LT_STMT_RESET;
    lt_skip(p);
    if (lt_at(p, LT_TOK_END) || lt_at(p, LT_TOK_SEMICOLON)) {
        return LT_OK;
    }
    if (!lt_at_string(p, 0) && !lt_at(p, LT_TOK_BAD)) {
        lt_status st = lt_parse_expected(p, "a string in single quotes");
        lt_error_hint(p->err, stmt->kind == LT_STMT_SET ? "write SET 'key' = 'value'"
                                                        : "write RESET 'key'");
        return st;
    }
    LT_TRY(lt_parse_string(p, &stmt->setting.key));
    if (stmt->kind == LT_STMT_RESET) {
        return LT_OK;
    }
    LT_TRY(lt_expect(p, LT_TOK_EQ, "'='"));
    return lt_parse_string(p, &stmt->setting.value);
}

/* ADD JAR 'p', REMOVE JAR 'p' */
static lt_status jar(lt_parser *p, lt_ast_stmt *stmt)
{
    stmt->kind = lt_at_kw(p, LT_KW_ADD) ? LT_STMT_ADD_JAR : LT_STMT_REMOVE_JAR;
    lt_skip(p);
    LT_TRY(lt_expect_kw(p, LT_KW_JAR));
    return lt_parse_string(p, &stmt->text);
}

static lt_status stop_job(lt_parser *p, lt_ast_stmt *stmt)
{
    lt_ast_stop_job *node = LT_NODE(p, lt_ast_stop_job);
    if (!node) {
        return p->err->code;
    }
    stmt->kind = LT_STMT_STOP_JOB;
    stmt->stop_job = node;
    lt_skip(p);
    LT_TRY(lt_expect_kw(p, LT_KW_JOB));
    LT_TRY(lt_parse_string(p, &node->id));
    if (lt_at_kw(p, LT_KW_WITH) && lt_at_kw2(p, 1, LT_KW_DRAIN)) {
        return lt_parse_error(p, lt_tok(p, 0)->pos, "WITH DRAIN needs WITH SAVEPOINT before it");
    }
    if (lt_take_kw(p, LT_KW_WITH)) {
        LT_TRY(lt_expect_kw(p, LT_KW_SAVEPOINT));
        node->savepoint = true;
        if (lt_take_kw(p, LT_KW_WITH)) {
            LT_TRY(lt_expect_kw(p, LT_KW_DRAIN));
            node->drain = true;
        }
    }
    return LT_OK;
}

static lt_status call(lt_parser *p, lt_ast_stmt *stmt)
{
    stmt->kind = LT_STMT_CALL;
    lt_skip(p);
    uint32_t pos = lt_tok(p, 0)->pos;
    LT_TRY(lt_parse_primary(p, &stmt->call));
    return stmt->call->kind == LT_EXPR_CALL && !stmt->call->call->niladic
               ? LT_OK
               : lt_parse_error(p, pos, "CALL takes a procedure with its arguments: CALL p(..)");
}

static lt_status analyze(lt_parser *p, lt_ast_stmt *stmt)
{
    lt_ast_analyze *node = LT_NODE(p, lt_ast_analyze);
    if (!node) {
        return p->err->code;
    }
    stmt->kind = LT_STMT_ANALYZE;
    stmt->analyze = node;
    lt_skip(p);
    LT_TRY(lt_expect_kw(p, LT_KW_TABLE));
    LT_TRY(lt_parse_path(p, &node->path));
    if (lt_take_kw(p, LT_KW_PARTITION)) {
        LT_TRY(lt_parse_partition(p, true, &node->partition));
    }
    LT_TRY(lt_expect_kw(p, LT_KW_COMPUTE));
    LT_TRY(lt_expect_kw(p, LT_KW_STATISTICS));
    if (!lt_take_kw(p, LT_KW_FOR)) {
        return LT_OK;
    }
    node->all_columns = lt_take_kw(p, LT_KW_ALL);
    LT_TRY(lt_expect_kw(p, LT_KW_COLUMNS));
    if (node->all_columns) {
        return LT_OK;
    }
    do {
        lt_ast_name name = {0};
        LT_TRY(lt_parse_name(p, &name));
        LT_PUSH(p, node->columns.items, node->columns.count, name);
    } while (lt_take(p, LT_TOK_COMMA));
    return LT_OK;
}

static lt_status truncate(lt_parser *p, lt_ast_stmt *stmt)
{
    stmt->kind = LT_STMT_TRUNCATE;
    lt_skip(p);
    LT_TRY(lt_expect_kw(p, LT_KW_TABLE));
    return lt_parse_path(p, &stmt->path);
}

static lt_status refused(lt_parser *p, lt_ast_stmt *stmt)
{
    (void)stmt;
    const lt_token *token = lt_tok(p, 0);
    return lt_parse_unsupported(p, token->pos, "%s is not supported",
                                lt_keyword_name((lt_keyword)token->keyword).ptr);
}

static lt_status end(lt_parser *p, lt_ast_stmt *stmt)
{
    stmt->kind = LT_STMT_END;
    lt_skip(p);
    return LT_OK;
}

/* HELP, QUIT, EXIT, CLEAR: words of the client, not keywords. */
static bool client_word(lt_parser *p, lt_ast_stmt *stmt)
{
    static const struct {
        const char *word;
        lt_ast_stmt_kind kind;
    } words[] = {{"HELP", LT_STMT_HELP},
                 {"QUIT", LT_STMT_QUIT},
                 {"EXIT", LT_STMT_QUIT},
                 {"CLEAR", LT_STMT_CLEAR}};
    for (size_t i = 0; i < LT_COUNT_OF(words); i++) {
        if (lt_at_word(p, 0, words[i].word)) {
            stmt->kind = words[i].kind;
            lt_skip(p);
            return true;
        }
    }
    return false;
}

static const struct {
    lt_keyword keyword;
    lt_status (*parse)(lt_parser *p, lt_ast_stmt *stmt);
} statements[] = {
    {LT_KW_SELECT, query_stmt},
    {LT_KW_WITH, query_stmt},
    {LT_KW_VALUES, query_stmt},
    {LT_KW_TABLE, query_stmt},
    {LT_KW_INSERT, insert},
    {LT_KW_CREATE, lt_parse_create},
    {LT_KW_REPLACE, lt_parse_create},
    {LT_KW_ALTER, lt_parse_alter},
    {LT_KW_DROP, lt_parse_drop},
    {LT_KW_SHOW, lt_parse_show},
    {LT_KW_DESCRIBE, lt_parse_describe},
    {LT_KW_DESC, lt_parse_describe},
    {LT_KW_EXPLAIN, explain},
    {LT_KW_EXECUTE, execute},
    {LT_KW_COMPILE, plan},
    {LT_KW_USE, use},
    {LT_KW_LOAD, module},
    {LT_KW_UNLOAD, module},
    {LT_KW_SET, setting},
    {LT_KW_RESET, setting},
    {LT_KW_ADD, jar},
    {LT_KW_REMOVE, jar},
    {LT_KW_STOP, stop_job},
    {LT_KW_CALL, call},
    {LT_KW_ANALYZE, analyze},
    {LT_KW_DELETE, modify},
    {LT_KW_UPDATE, modify},
    {LT_KW_TRUNCATE, truncate},
    {LT_KW_BEGIN, begin},
    {LT_KW_END, end},
    {LT_KW_UPSERT, refused},
    {LT_KW_MERGE, refused},
};

lt_status lt_parse_stmt(lt_parser *p, lt_ast_stmt **out)
{
    LT_TRY(stmt_new(p, out));
    if (lt_at_kw(p, LT_KW_EXECUTE) && lt_at_kw2(p, 1, LT_KW_PLAN)) {
        return plan(p, *out);
    }
    if (lt_at(p, LT_TOK_LPAREN)) {
        return query_stmt(p, *out);
    }
    const lt_token *token = lt_tok(p, 0);
    for (size_t i = 0; token->kind == LT_TOK_WORD && i < LT_COUNT_OF(statements); i++) {
        if (token->keyword == statements[i].keyword) {
            return statements[i].parse(p, *out);
        }
    }
    return client_word(p, *out) ? LT_OK : lt_parse_expected(p, "a statement");
}
