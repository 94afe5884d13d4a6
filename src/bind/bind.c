/* The entry points: one statement to what it means. */
#include "bind/bind_int.h"

static lt_status bind_set(lt_binder *b, const lt_ast_set *set, lt_bound *out, lt_error *err)
{
    lt_rel **rels = LT_NEW_ARRAY(b->arena, lt_rel *, set->count + 1);
    if (!rels) {
        return lt_error_nomem(err, "statement set");
    }
    if (set->count == 0) {
        return lt_error_set(err, LT_ERR_SQL, "the statement set has no INSERT in it");
    }
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->inserts[i]->kind != LT_STMT_INSERT) {
            return lt_unsupported_at(err, set->inserts[i]->pos,
                                     "a statement set with other statements than INSERT");
        }
        LT_TRY(lt_bind_insert(b, set->inserts[i]->insert, set->inserts[i]->pos, &rels[i], err));
    }
    out->kind = LT_BOUND_INSERT;
    out->rels = rels;
    out->rel_count = set->count;
    return LT_OK;
}

/* A query, INSERT or statement set: what makes a job. */
static lt_status bind_job(lt_binder *b, const lt_ast_stmt *stmt, lt_bound *out, lt_error *err)
{
    if (stmt->kind == LT_STMT_STATEMENT_SET) {
        return bind_set(b, stmt->set, out, err);
    }
    out->rels = LT_NEW(b->arena, lt_rel *);
    if (!out->rels) {
        return lt_error_nomem(err, "statement");
    }
    out->rel_count = 1;
    if (stmt->kind == LT_STMT_INSERT) {
        out->kind = LT_BOUND_INSERT;
        return lt_bind_insert(b, stmt->insert, stmt->pos, &out->rels[0], err);
    }
    out->kind = LT_BOUND_QUERY;
    return lt_bind_query(b, stmt->query, true, &out->rels[0], err);
}

static lt_status bind_explain(lt_binder *b, const lt_ast_explain *explain, lt_bound *out,
                              lt_error *err)
{
    const lt_ast_stmt *stmt = explain->stmt;
    if (stmt->kind != LT_STMT_QUERY && stmt->kind != LT_STMT_INSERT &&
        stmt->kind != LT_STMT_STATEMENT_SET) {
        return lt_unsupported_at(err, stmt->pos, "EXPLAIN of this statement");
    }
    LT_TRY(bind_job(b, stmt, out, err));
    out->explain_is_query = stmt->kind == LT_STMT_QUERY;
    out->explain_details = explain->details;
    out->kind = LT_BOUND_EXPLAIN;
    return LT_OK;
}

static lt_status bind_setting(lt_binder *b, const lt_ast_stmt *stmt, lt_bound *out, lt_error *err)
{
    lt_str key = stmt->setting.key.text;
    lt_status st;
    if (stmt->kind == LT_STMT_SET && !key.ptr) {
        return lt_ddl_list_settings(b, out, err);
    }
    if (stmt->kind == LT_STMT_SET) {
        st = lt_catalog_set(b->catalog, key, stmt->setting.value.text, err);
    } else {
        st = lt_catalog_reset(b->catalog, key, err);
    }
    if (st != LT_OK && key.ptr) {
        err->has_sql_pos = true;
        err->sql_pos = stmt->setting.key.pos;
    }
    return st;
}

static lt_status bind_module(const lt_ast_stmt *stmt, lt_error *err)
{
    const lt_ast_name *name = &stmt->module->name;
    if (stmt->kind == LT_STMT_LOAD_MODULE && lt_str_eq(name->text, LT_STR("core"))) {
        return lt_error_set_at(err, LT_ERR_SQL, name->pos,
                               "A module with name 'core' already exists");
    }
    return lt_unsupported_at(err, stmt->pos,
                             stmt->kind == LT_STMT_LOAD_MODULE ? "LOAD MODULE" : "UNLOAD MODULE");
}

/* Statements of the dialect that this release does not run. */
static const char *refused_statement(lt_ast_stmt_kind kind)
{
    static const struct {
        lt_ast_stmt_kind kind;
        const char *name;
    } table[] = {
        {LT_STMT_CREATE_MATERIALIZED_TABLE, "materialized tables"},
        {LT_STMT_ALTER_MATERIALIZED_TABLE, "materialized tables"},
        {LT_STMT_CREATE_MODEL, "models"},
        {LT_STMT_ALTER_MODEL, "models"},
        {LT_STMT_ADD_JAR, "jars"},
        {LT_STMT_REMOVE_JAR, "jars"},
        {LT_STMT_STOP_JOB, "STOP JOB"},
        {LT_STMT_CALL, "CALL"},
        {LT_STMT_ANALYZE, "ANALYZE TABLE"},
        {LT_STMT_COMPILE_PLAN, "COMPILE PLAN"},
        {LT_STMT_EXECUTE_PLAN, "EXECUTE PLAN"},
        {LT_STMT_COMPILE_AND_EXECUTE_PLAN, "COMPILE AND EXECUTE PLAN"},
        {LT_STMT_DELETE, "DELETE"},
        {LT_STMT_UPDATE, "UPDATE"},
        {LT_STMT_TRUNCATE, "TRUNCATE TABLE"},
        {LT_STMT_BEGIN_STATEMENT_SET, "BEGIN STATEMENT SET outside the shell"},
        {LT_STMT_END, "END without BEGIN STATEMENT SET"},
        {LT_STMT_HELP, "HELP outside the shell"},
        {LT_STMT_QUIT, "QUIT outside the shell"},
        {LT_STMT_CLEAR, "CLEAR outside the shell"},
    };
    for (size_t i = 0; i < LT_COUNT_OF(table); i++) {
        if (table[i].kind == kind) {
            return table[i].name;
        }
    }
    return "this statement";
}

/* One case per kind of statement: exempt from the length of functions. */
static lt_status bind_any(lt_binder *b, const lt_ast_stmt *stmt, lt_bound *out, lt_error *err)
{
    switch (stmt->kind) {
    case LT_STMT_QUERY:
    case LT_STMT_INSERT:
    case LT_STMT_STATEMENT_SET:
        return bind_job(b, stmt, out, err);
    case LT_STMT_EXPLAIN:
        return bind_explain(b, stmt->explain, out, err);
    case LT_STMT_CREATE_TABLE:
        return lt_ddl_create_table(b, stmt->create_table, stmt->pos, out, err);
    case LT_STMT_CREATE_VIEW:
        return lt_ddl_create_view(b, stmt->create_view, stmt->pos, out, err);
    case LT_STMT_CREATE_CATALOG:
    case LT_STMT_CREATE_DATABASE:
        return lt_ddl_create_object(b, stmt, err);
    case LT_STMT_CREATE_FUNCTION:
        return lt_ddl_create_function(b, stmt->function, stmt->pos, err);
    case LT_STMT_ALTER_FUNCTION:
        return lt_ddl_alter_function(b, stmt->function, stmt->pos, err);
    case LT_STMT_ALTER_TABLE:
        return lt_ddl_alter_table(b, stmt->alter, stmt->pos, err);
    case LT_STMT_ALTER_VIEW:
        return lt_ddl_alter_view(b, stmt->alter, stmt->pos, err);
    case LT_STMT_ALTER_CATALOG:
    case LT_STMT_ALTER_DATABASE:
        return lt_ddl_alter_object(b, stmt, err);
    case LT_STMT_DROP:
        return lt_ddl_drop(b, stmt->drop, stmt->pos, err);
    case LT_STMT_SHOW:
        return lt_ddl_show(b, stmt->show, stmt->pos, out, err);
    case LT_STMT_DESCRIBE:
        return lt_ddl_describe(b, stmt->describe, stmt->pos, out, err);
    case LT_STMT_USE:
        return lt_ddl_use(b, stmt->use, stmt->pos, err);
    case LT_STMT_LOAD_MODULE:
    case LT_STMT_UNLOAD_MODULE:
        return bind_module(stmt, err);
    case LT_STMT_SET:
    case LT_STMT_RESET:
        return bind_setting(b, stmt, out, err);
    case LT_STMT_CREATE_MATERIALIZED_TABLE:
    case LT_STMT_CREATE_MODEL:
    case LT_STMT_ALTER_MATERIALIZED_TABLE:
    case LT_STMT_ALTER_MODEL:
    case LT_STMT_ADD_JAR:
    case LT_STMT_REMOVE_JAR:
    case LT_STMT_STOP_JOB:
    case LT_STMT_CALL:
    case LT_STMT_ANALYZE:
    case LT_STMT_COMPILE_PLAN:
    case LT_STMT_EXECUTE_PLAN:
    case LT_STMT_COMPILE_AND_EXECUTE_PLAN:
    case LT_STMT_DELETE:
    case LT_STMT_UPDATE:
    case LT_STMT_TRUNCATE:
    case LT_STMT_BEGIN_STATEMENT_SET:
    case LT_STMT_END:
    case LT_STMT_HELP:
    case LT_STMT_QUIT:
    case LT_STMT_CLEAR:
        break;
    }
    return lt_unsupported_at(err, stmt->pos, refused_statement(stmt->kind));
}

static lt_binder make_binder(lt_catalog *catalog, lt_infer_hook *hook, lt_arena *arena,
                             uint32_t counts[2])
{
    return (lt_binder){.catalog = catalog,
                       .hook = hook,
                       .arena = arena,
                       .eb = {.arena = arena, .session = lt_catalog_session(catalog), .fold = true},
                       .current_catalog = catalog->current_catalog,
                       .current_database = catalog->current_database,
                       .rel_count = &counts[0],
                       .call_count = &counts[1]};
}

lt_status lt_bind_statement(lt_catalog *catalog, const lt_ast_stmt *stmt, lt_str text,
                            lt_infer_hook *hook, lt_arena *arena, lt_bound *out, lt_error *err)
{
    lt_error local;
    uint32_t counts[2] = {0, 0};
    lt_binder b = make_binder(catalog, hook, arena, counts);
    (void)text; /* positions count from its start, so nothing of it is needed here */
    memset(out, 0, sizeof *out);
    out->kind = LT_BOUND_DONE;
    out->message = LT_STR("Execute statement succeeded.");
    err = err ? err : &local;
    lt_error_clear(err);
    LT_TRY(bind_any(&b, stmt, out, err));
    for (uint32_t i = 0; i < out->rel_count; i++) {
        LT_TRY(lt_rel_settle(&b, out->rels[i], err));
    }
    return LT_OK;
}
