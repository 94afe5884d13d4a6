/* leat check --suggest-watermark: how late the rows of each table with a watermark come, and the
 * WATERMARK clauses that wait for 99, 99.9 and 99.99 % of them.
 *
 * Of the script only what defines tables is executed. Then each table is read by a query of its
 * own, and what its watermark operator counted (leat_node_stats) is printed: nothing is written. */
#include "cli/human.h"
#include "cli/scan.h"
#include "cli/session.h"
#include "cli/signals.h"

#define STEP_BUDGET 64
#define WAIT_MS     1000
#define MS_PER_S    1000
#define MS_PER_MIN  60000
#define MS_PER_H    3600000
#define MS_PER_DAY  86400000

typedef struct {
    lt_str name; /* as written, with quotes */
    lt_str bare; /* its last part, without */
    lt_str time; /* the column of the watermark, as leat_ddl quotes it */
} suggest_table;

static bool is_word(const lt_scan *scan, const char *word)
{
    return scan->kind == LT_SCAN_WORD && lt_str_eq_ci(scan->text, lt_str_of(word));
}

static bool is_sign(const lt_scan *scan, char sign)
{
    return scan->kind == LT_SCAN_SIGN && scan->text.len == 1 && scan->text.ptr[0] == sign;
}

/* What only defines things. A CREATE .. AS SELECT runs a job, unless it makes a view. */
static bool defines(lt_str sql, size_t start, size_t end)
{
    static const char *const verbs[] = {"create", "alter", "drop", "use", "set", "reset", "load"};
    lt_str second;
    lt_str verb = lt_scan_verb(sql, start, &second);
    bool known = false;
    for (size_t i = 0; i < LT_COUNT_OF(verbs); i++) {
        known = known || lt_str_eq_ci(verb, lt_str_of(verbs[i]));
    }
    lt_scan scan = {.sql = {sql.ptr, end}, .at = start};
    bool is_view = false;
    bool after_as = false;
    while (known && lt_scan_next(&scan)) {
        is_view = is_view || is_word(&scan, "view");
        if (!is_view && after_as && (is_word(&scan, "select") || is_word(&scan, "with"))) {
            return false;
        }
        if (is_word(&scan, "materialized")) {
            return false;
        }
        after_as = is_word(&scan, "as");
    }
    return known;
}

/* The offset behind the statement's semicolon, or the end of the text. */
static size_t statement_end(lt_str sql, size_t start)
{
    lt_scan scan = {.sql = sql, .at = start};
    while (lt_scan_next(&scan)) {
        if (is_sign(&scan, ';')) {
            return scan.at;
        }
    }
    return sql.len;
}

/* The name of the table that a statement creates; false: it creates none. */
static bool created_table(lt_str sql, size_t start, size_t end, suggest_table *out)
{
    lt_scan scan = {.sql = {sql.ptr, end}, .at = start};
    if (!lt_scan_next(&scan) || !is_word(&scan, "create")) {
        return false;
    }
    bool more = lt_scan_next(&scan);
    while (more && (is_word(&scan, "temporary") || is_word(&scan, "or") ||
                    is_word(&scan, "replace") || is_word(&scan, "alter"))) {
        more = lt_scan_next(&scan);
    }
    if (!more || !is_word(&scan, "table") || !lt_scan_next(&scan)) {
        return false;
    }
    while (is_word(&scan, "if") || is_word(&scan, "not") || is_word(&scan, "exists")) {
        if (!lt_scan_next(&scan)) {
            return false;
        }
    }
    const char *from = scan.text.ptr - (scan.kind == LT_SCAN_QUOTED ? 1 : 0);
    while (scan.kind == LT_SCAN_WORD || scan.kind == LT_SCAN_QUOTED) {
        out->bare = scan.text;
        out->name = (lt_str){from, (size_t)(sql.ptr + scan.at - from)};
        if (!lt_scan_next(&scan) || !is_sign(&scan, '.') || !lt_scan_next(&scan)) {
            break;
        }
    }
    return out->name.len > 0;
}

/* WATERMARK FOR column in a table's DDL. */
static bool watermark_column(lt_str ddl, lt_str *out)
{
    lt_scan scan = {.sql = ddl, .at = 0};
    bool after = false;
    while (lt_scan_next(&scan)) {
        if (after && is_word(&scan, "for") && lt_scan_next(&scan)) {
            *out = scan.text;
            return true;
        }
        after = is_word(&scan, "watermark");
    }
    return false;
}

/* A row exactly as late as the delay would be late: so a millisecond more. */
static void put_interval(lt_text *to, int64_t behind_ms)
{
    long long ms = (long long)behind_ms + 1;
    if (ms < 100 * MS_PER_S) {
        lt_text_printf(to, "INTERVAL '%lld.%03lld' SECOND", ms / MS_PER_S, ms % MS_PER_S);
        return;
    }
    long long days = ms / MS_PER_DAY;
    lt_text_printf(to, "INTERVAL '%lld %02lld:%02lld:%02lld.%03lld' DAY%s TO SECOND", days,
                   ms % MS_PER_DAY / MS_PER_H, ms % MS_PER_H / MS_PER_MIN,
                   ms % MS_PER_MIN / MS_PER_S, ms % MS_PER_S, days > 99 ? "(6)" : "");
}

static void put_table(lt_text *to, const suggest_table *table, uint64_t rows,
                      const leat_node_stats *node)
{
    static const char *const shares[] = {"99 %", "99.9 %", "99.99 %"};
    lt_text_printf(to, LT_STR_FMT ": ", LT_STR_ARG(table->name));
    lt_human_count(to, rows);
    lt_text_puts(to, rows == 1 ? " row, " : " rows, ");
    lt_human_count(to, node->behind_rows);
    lt_text_puts(to, " behind the newest event time before them\n");
    for (size_t i = 0; rows > 0 && i < LT_COUNT_OF(shares); i++) {
        lt_text_printf(to, "  %-8s WATERMARK FOR `" LT_STR_FMT "` AS `" LT_STR_FMT "` - ",
                       shares[i], LT_STR_ARG(table->time), LT_STR_ARG(table->time));
        put_interval(to, node->behind_ms[i]);
        lt_text_putc(to, '\n');
    }
}

/* Steps the query until it ends or has read enough; its rows are not looked at. */
static leat_state read_rows(leat_job *job, int64_t sample, leat_stats *stats)
{
    for (;;) {
        leat_state state = leat_step(job, STEP_BUDGET);
        leat_rows *rows;
        while ((rows = leat_take(job, NULL)) != NULL) {
            leat_rows_free(rows);
        }
        leat_get_stats(job, stats);
        bool enough = sample > 0 && stats->rows_in >= (uint64_t)sample;
        if (enough || lt_signals_stop() != LT_STOP_NONE ||
            (state != LEAT_RUNNING && state != LEAT_WAITING)) {
            return state;
        }
        if (state == LEAT_WAITING) {
            leat_wait(job, WAIT_MS);
        }
    }
}

static int say_table(lt_cli_session *session, const suggest_table *table, const leat_stats *stats)
{
    lt_text text;
    lt_error err;
    lt_error_clear(&err);
    lt_text_init(&text, session->cli->mem);
    for (uint32_t i = 0; i < stats->node_count; i++) {
        if (stats->nodes[i].behind_ms[0] >= 0) {
            put_table(&text, table, stats->nodes[i].used, &stats->nodes[i]);
        }
    }
    lt_status st = lt_cli_out_write(session->cli, lt_text_str(&text), &err);
    lt_text_deinit(&text);
    return st == LT_OK ? LT_EXIT_OK : lt_cli_fail(session->cli, "", &err);
}

static int suggest_one(lt_cli_session *session, const suggest_table *table, int64_t sample)
{
    lt_error err;
    lt_error_clear(&err);
    const char *query = lt_arena_printf(session->arena, "SELECT `" LT_STR_FMT "` FROM " LT_STR_FMT,
                                        LT_STR_ARG(table->time), LT_STR_ARG(table->name));
    if (query == NULL) {
        (void)lt_error_nomem(&err, "a query");
        return lt_cli_fail(session->cli, "", &err);
    }
    leat_job *job = NULL;
    leat_status status = leat_execute(session->db, query, NULL, &job);
    if (status != LEAT_OK) {
        return lt_session_complain(session, status);
    }
    leat_stats stats;
    leat_get_stats(job, &stats);
    if (!stats.bounded && sample <= 0) {
        lt_cli_say(session->cli, LT_STR_FMT " has no end: --sample says how many rows to read",
                   LT_STR_ARG(table->name));
        leat_job_free(job);
        return LT_EXIT_USAGE;
    }
    leat_state state = read_rows(job, sample, &stats);
    int exit_code = state == LEAT_FAILED ? lt_session_complain(session, stats.status)
                                         : say_table(session, table, &stats);
    leat_job_free(job);
    return exit_code;
}

/* A sink cannot be read: only those that the script reads from are looked at. */
static bool is_read(lt_str sql, lt_str bare)
{
    lt_scan scan = {.sql = sql, .at = 0};
    while (lt_scan_table(&scan)) {
        if (lt_str_eq(scan.text, bare)) {
            return true;
        }
    }
    lt_scan any = {.sql = sql, .at = 0};
    bool after_table = false;
    while (lt_scan_next(&any)) { /* TUMBLE(TABLE t, ..) */
        if (after_table && lt_str_eq(any.text, bare) && any.kind != LT_SCAN_STRING) {
            lt_scan next = any;
            if (lt_scan_next(&next) && (is_sign(&next, ',') || is_sign(&next, ')'))) {
                return true;
            }
        }
        after_table = is_word(&any, "table");
    }
    return false;
}

static lt_status read_sample(const lt_cli_session *session, int64_t *out, lt_error *err)
{
    const char *text = lt_cli_arg(session->args, "sample");
    *out = 0;
    if (text == NULL || (lt_str_to_i64(lt_str_of(text), out) && *out > 0)) {
        return LT_OK;
    }
    return lt_error_set(err, LT_ERR_USAGE, "--sample takes a number of rows, not '%s'", text);
}

/* Tables are looked at behind the last statement: ALTER TABLE may have changed them. */
static int suggest_all(lt_cli_session *session, int64_t sample)
{
    lt_str sql = lt_str_of(session->sql);
    int exit_code = LT_EXIT_OK;
    bool found = false;
    for (size_t at = 0; at < sql.len; at = statement_end(sql, at)) {
        suggest_table table = {0};
        if (!created_table(sql, at, statement_end(sql, at), &table) || !is_read(sql, table.bare)) {
            continue;
        }
        const char *bare = lt_arena_strndup(session->arena, table.bare.ptr, table.bare.len);
        const char *ddl = bare != NULL ? leat_ddl(session->db, bare) : NULL;
        if (ddl == NULL || !watermark_column(lt_str_of(ddl), &table.time)) {
            continue;
        }
        /* What leat_ddl gave lasts until the next call. */
        table.time = lt_arena_str(session->arena, table.time);
        int code = suggest_one(session, &table, sample);
        exit_code = exit_code == LT_EXIT_OK ? code : exit_code;
        found = true;
    }
    if (!found) {
        lt_cli_say(session->cli,
                   "no table that is read has a watermark; begin with one such as WATERMARK FOR ts "
                   "AS ts");
        return LT_EXIT_SQL;
    }
    return exit_code;
}

int lt_suggest_watermarks(lt_cli_session *session)
{
    lt_error err;
    lt_error_clear(&err);
    int64_t sample;
    if (read_sample(session, &sample, &err) != LT_OK) {
        return lt_cli_fail(session->cli, "", &err);
    }
    lt_str sql = lt_str_of(session->sql);
    for (size_t at = 0; at < sql.len;) {
        size_t end = statement_end(sql, at);
        if (defines(sql, at, end)) {
            size_t offset = at;
            leat_job *job = NULL;
            leat_status status = leat_execute(session->db, session->sql, &offset, &job);
            leat_job_free(job);
            if (status != LEAT_OK) {
                return lt_session_complain(session, status);
            }
        }
        at = end;
    }
    return suggest_all(session, sample);
}
