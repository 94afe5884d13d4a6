/* Statements of a script: DDL takes effect, queries and INSERTs become jobs; checking and
 * explaining go as far as the plan. */
#include "api/api_int.h"
#include "sql/parse.h"

#define STATEMENT_ARENA_MAX ((size_t)1 << 30)
#define LOCAL_AGG_LANES     4 /* measured: below, one phase is faster unless one key has it all */

typedef struct {
    lt_str script;
    lt_sql_piece piece;
    lt_arena *arena;
    lt_bound bound;
} statement;

lt_status lt_api_plan(leat *db, const lt_bound *bound, lt_arena *arena, lt_plan **out,
                      lt_error *err)
{
    lt_plan_options options = {
        .parallelism = lt_api_parallelism(db),
        .local_agg_lanes = LOCAL_AGG_LANES,
        .pace_speed = db->config.replay_speed,
        .future_skew_ms = db->config.future_skew_ms,
        .final_rows = db->config.final_rows,
    };
    bool is_query = bound->kind == LT_BOUND_QUERY ||
                    (bound->kind == LT_BOUND_EXPLAIN && bound->explain_is_query);
    return lt_plan_build(db->catalog, bound->rels, bound->rel_count, is_query, &options, arena, out,
                         err);
}

/* What the printer writes means the same: *ast and *text become its own. */
static lt_status reparse(leat *db, lt_arena *arena, lt_ast_stmt **ast, lt_str *text, lt_error *err)
{
    lt_text printed;
    lt_text_init(&printed, &db->mem);
    lt_sql_print_statement(*ast, 0, &printed);
    *text = lt_arena_str(arena, lt_text_str(&printed));
    bool kept = !printed.failed && text->ptr != NULL;
    lt_text_deinit(&printed);
    return kept ? lt_sql_parse_statement(ast, arena, *text, err)
                : lt_error_nomem(err, "a statement");
}

/* Parses and binds one piece; stmt->arena is the caller's to free in every case. */
static lt_status bind_piece(leat *db, statement *stmt, lt_error *err)
{
    stmt->arena = lt_arena_new(&db->mem, STATEMENT_ARENA_MAX);
    if (stmt->arena == NULL) {
        return lt_error_nomem(err, "a statement");
    }
    lt_str text = lt_arena_str(stmt->arena, stmt->piece.text);
    lt_ast_stmt *ast;
    if (text.ptr == NULL) {
        return lt_error_nomem(err, "a statement");
    }
    LT_TRY(lt_sql_parse_statement(&ast, stmt->arena, text, err));
    if (db->config.reparse) {
        LT_TRY(reparse(db, stmt->arena, &ast, &text, err));
    }
    return lt_bind_statement(db->catalog, ast, text, &db->hook, stmt->arena, &stmt->bound, err);
}

static bool reads_stdin(const lt_plan *plan, unsigned *count)
{
    for (uint32_t i = 0; i < plan->node_count; i++) {
        const lt_plan_node *node = plan->nodes[i];
        *count += node->kind == LT_PLAN_SOURCE &&
                  strcmp(node->u.table.table->connector->name, "stdin") == 0;
    }
    return *count > 0;
}

/* Standard input can be read once. */
static lt_status check_stdin(leat *db, leat_job *job, lt_error *err)
{
    unsigned readers = 0;
    job->uses_stdin = reads_stdin(job->plan, &readers);
    for (const leat_job *other = db->jobs; other != NULL; other = other->next) {
        readers += job->uses_stdin && other->uses_stdin;
    }
    if (readers > 1) {
        lt_error_set(err, LT_ERR_SQL, "standard input is read twice");
        lt_error_hint(err, "put the INSERTs into one EXECUTE STATEMENT SET BEGIN .. END: it reads "
                           "each table once");
        return LT_ERR_SQL;
    }
    return LT_OK;
}

static lt_status check_files(const leat *db, const lt_plan *plan, lt_error *err)
{
    for (uint32_t i = 0; db->config.no_files && i < plan->node_count; i++) {
        const lt_plan_node *node = plan->nodes[i];
        if ((node->kind != LT_PLAN_SOURCE && node->kind != LT_PLAN_SINK) ||
            node->u.table.table == NULL) {
            continue;
        }
        const char *name = node->u.table.table->connector->name;
        if (strcmp(name, "feed") != 0 && strcmp(name, "datagen") != 0 &&
            strcmp(name, "blackhole") != 0) {
            return lt_error_set(err, LT_ERR_PERMISSION,
                                "connector '%s' was not allowed when the engine was opened", name);
        }
    }
    return LT_OK;
}

/* The file of rejects is shared by the jobs of one script. */
static lt_status job_names(leat *db, leat_job *job, lt_error *err)
{
    lt_str set = lt_catalog_option(db->catalog, "pipeline.name");
    lt_str name = set.len > 0               ? set
                  : db->config.name != NULL ? lt_str_of(db->config.name)
                                            : LT_STR("leat");
    job->name = lt_arena_strndup(job->arena, name.ptr, name.len);
    if (job->name == NULL) {
        return lt_error_nomem(err, "a job");
    }
    if (db->config.rejects_dir == NULL || db->config.replay != NULL) {
        return LT_OK;
    }
    char *file = lt_arena_strndup(job->arena, name.ptr, name.len);
    for (char *ch = file; ch != NULL && *ch != '\0'; ch++) {
        *ch = *ch == '/' ? '-' : *ch; /* a name is not a path */
    }
    job->rejects_path = lt_arena_printf(job->arena, "%s/%s.rejects.jsonl", db->config.rejects_dir,
                                        file != NULL ? file : "job");
    return job->rejects_path != NULL ? LT_OK : lt_error_nomem(err, "a job");
}

static lt_status column_texts(leat_job *job, lt_error *err)
{
    job->columns = job->plan->nodes[job->plan->sinks[0]]->schema;
    job->type_texts = LT_NEW_ARRAY(job->arena, lt_text, job->columns->count + 1);
    if (job->type_texts == NULL) {
        return lt_error_nomem(err, "a job");
    }
    for (uint32_t i = 0; i < job->columns->count; i++) {
        lt_text_init(&job->type_texts[i], &job->db->mem);
        const lt_type *type =
            lt_type_with_attr(job->arena, job->columns->fields[i].type, LT_TIME_NONE);
        lt_type_print(type != NULL ? type : job->columns->fields[i].type, &job->type_texts[i]);
    }
    return LT_OK;
}

static int64_t idle_timeout_ms(const leat *db, bool *everywhere)
{
    lt_str set = lt_catalog_option(db->catalog, "table.exec.source.idle-timeout");
    int64_t ms = 0;
    if (set.len > 0 && lt_parse_duration_ms(set, &ms) && ms > 0) {
        *everywhere = true;
        return ms;
    }
    return db->config.idle_timeout_ms;
}

static lt_status start(leat *db, leat_job *job, bool inserts, lt_error *err)
{
    LT_TRY(check_stdin(db, job, err));
    LT_TRY(check_files(db, job->plan, err));
    LT_TRY(job_names(db, job, err));
    LT_TRY(lt_api_home_identify(job, inserts, err));
    bool skips;
    LT_TRY(lt_api_home_skips(job, &skips, err));
    if (skips) {
        job->plan = NULL;
        return LT_OK;
    }
    lt_job_options options = {
        .env = db->env,
        .mem = &db->job_mem,
        .session = lt_catalog_session(db->catalog),
        .name = job->name,
        .batch_rows = db->config.batch_rows,
        .rejects_path = job->rejects_path,
        .feeds = db->feeds,
        .parallelism = lt_api_parallelism(db),
        .threads = db->config.threads && db->config.replay == NULL,
    };
    job->zone = options.session->zone;
    job->node_stats = LT_NEW_ARRAY(job->arena, leat_node_stats, job->plan->node_count + 1);
    job->ckpt_stats = LT_NEW(job->arena, lt_ckpt_stats);
    job->reject_stats = LT_NEW_ARRAY(job->arena, leat_reject_stats, LT_STAGE_COUNT);
    if (job->node_stats == NULL || job->ckpt_stats == NULL || job->reject_stats == NULL) {
        return lt_error_nomem(err, "a job");
    }
    LT_TRY(lt_api_home_open(job, &options.ckpt, err));
    LT_TRY(lt_api_spill_configure(job, &options, err));
    options.idle_timeout_ms = idle_timeout_ms(db, &options.idle_timeout_bounded);
    if (job->plan->is_query) {
        LT_TRY(column_texts(job, err));
        /* Rows that are never taken back are final when they come. */
        if (db->config.final_rows && job->plan->bounded && lt_api_updates(job->plan)) {
            const lt_plan_node *sink = job->plan->nodes[job->plan->sinks[0]];
            LT_TRY(lt_fold_new(&db->job_mem, db->env, sink, &job->fold, err));
        }
    }
    LT_TRY(lt_api_restart_configure(job, &options, err));
    return lt_job_new(job->plan, &options, &job->job, err);
}

static void append(leat *db, leat_job *job)
{
    leat_job **tail = &db->jobs;
    while (*tail != NULL) {
        tail = &(*tail)->next;
    }
    *tail = job;
}

leat_job *lt_api_listing_new(leat *db)
{
    leat_job *job = lt_mem_zalloc(&db->mem, sizeof *job);
    if (job == NULL) {
        return NULL;
    }
    job->db = db;
    job->arena = lt_arena_new(&db->mem, STATEMENT_ARENA_MAX);
    append(db, job);
    if (job->arena == NULL) {
        leat_job_free(job);
        return NULL;
    }
    return job;
}

/* The statement's arena becomes the job's. */
static lt_status make_job(leat *db, statement *stmt, leat_job **out, lt_error *err)
{
    leat_job *job = lt_mem_zalloc(&db->mem, sizeof *job);
    if (job == NULL) {
        return lt_error_nomem(err, "a job");
    }
    job->db = db;
    job->arena = stmt->arena;
    stmt->arena = NULL;
    lt_status st = LT_OK;
    if (stmt->bound.kind == LT_BOUND_TABLE) {
        job->listing = stmt->bound.listing;
    } else if (stmt->bound.kind == LT_BOUND_EXPLAIN) {
        st = lt_api_explain_listing(db, &stmt->bound, job, err);
    } else {
        st = lt_api_plan(db, &stmt->bound, job->arena, &job->plan, err);
        if (st == LT_OK) {
            st = lt_api_home_sql(job, stmt->piece.text, err);
        }
        if (st == LT_OK) {
            st = start(db, job, stmt->bound.kind == LT_BOUND_INSERT, err);
        }
    }
    append(db, job);
    if (st != LT_OK) {
        leat_job_free(job);
        return st;
    }
    /* One that a replay skips only counts, for the names of those behind it. */
    bool is_started = job->job != NULL || stmt->bound.kind == LT_BOUND_TABLE ||
                      stmt->bound.kind == LT_BOUND_EXPLAIN;
    *out = is_started ? job : NULL;
    return LT_OK;
}

static lt_status run_piece(leat *db, statement *stmt, leat_job **out, lt_error *err)
{
    LT_TRY(bind_piece(db, stmt, err));
    if (stmt->bound.kind == LT_BOUND_DONE) {
        lt_api_log_ddl(db, stmt->piece.text);
        return LT_OK;
    }
    if (db->config.replay != NULL && stmt->bound.kind != LT_BOUND_INSERT) {
        return LT_OK;
    }
    if (out == NULL) {
        return lt_error_set(err, LT_ERR_USAGE,
                            "the statement starts a job, but no place was given for it");
    }
    return make_job(db, stmt, out, err);
}

leat_status leat_execute(leat *db, const char *sql, size_t *offset, leat_job **job)
{
    lt_error err;
    lt_error_clear(&err);
    if (job != NULL) {
        *job = NULL;
    }
    statement stmt = {.script = lt_str_of(sql)};
    lt_sql_script script = {.text = stmt.script, .offset = offset != NULL ? *offset : 0};
    if (!lt_sql_next(&script, &stmt.piece)) {
        return LEAT_END;
    }
    lt_status st = run_piece(db, &stmt, job, &err);
    lt_arena_free(stmt.arena);
    lt_api_speak(db);
    if (st != LT_OK) {
        return lt_api_fail(db, &err, stmt.script, stmt.piece.offset);
    }
    if (offset != NULL) {
        *offset = script.offset;
        return LEAT_OK;
    }
    if (lt_sql_next(&script, &stmt.piece)) {
        lt_error_set(&err, LT_ERR_USAGE,
                     "more than one statement was given; walk a script with an offset");
        return lt_api_fail(db, &err, (lt_str){NULL, 0}, 0);
    }
    return LEAT_OK;
}

/* Walks a script up to the plans; explain, when given, gets them as text. */
static leat_status walk(leat *db, const char *sql, lt_text *explain)
{
    lt_sql_script script = {.text = lt_str_of(sql)};
    lt_sql_piece piece;
    while (lt_sql_next(&script, &piece)) {
        lt_error err;
        lt_error_clear(&err);
        statement stmt = {.script = script.text, .piece = piece};
        lt_status st = bind_piece(db, &stmt, &err);
        bool plans = st == LT_OK &&
                     (stmt.bound.kind == LT_BOUND_QUERY || stmt.bound.kind == LT_BOUND_INSERT ||
                      stmt.bound.kind == LT_BOUND_EXPLAIN);
        if (plans) {
            lt_plan *plan;
            st = lt_api_plan(db, &stmt.bound, stmt.arena, &plan, &err);
            if (st == LT_OK && explain != NULL) {
                lt_plan_explain(plan, explain);
            }
        }
        lt_arena_free(stmt.arena);
        if (st != LT_OK) {
            return lt_api_fail(db, &err, script.text, piece.offset);
        }
    }
    return LEAT_OK;
}

leat_status leat_explain(leat *db, const char *sql, leat_write write, void *arg)
{
    if (write == NULL) {
        return walk(db, sql, NULL);
    }
    lt_text text;
    lt_text_init(&text, &db->mem);
    leat_status st = walk(db, sql, &text);
    if (st == LEAT_OK && !text.failed && text.len > 0) {
        write(arg, text.ptr, text.len);
    }
    bool failed = text.failed;
    lt_text_deinit(&text);
    return st == LEAT_OK && failed ? LEAT_NOMEM : st;
}
