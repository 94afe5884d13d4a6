/* What each block of a test file does. A block that does not hold is reported with its place and
 * counted; the file goes on, so that one run shows all that is wrong. */
#include "base/option.h"
#include "cli/scan.h"
#include "cli/test_int.h"

#define FILE_BYTES_MAX ((size_t)64 << 20)
#define FEED_OPTIONS   "'connector' = 'feed', 'format' = 'json'"

/* ---- statements ---- */

/* $TMP and $HERE are paths. NUL-terminated, in the arena. */
static char *with_paths(lt_world *world, lt_str sql)
{
    lt_text text;
    lt_text_init(&text, world->mem);
    for (size_t i = 0; i < sql.len; i++) {
        lt_str rest = {sql.ptr + i, sql.len - i};
        if (lt_str_starts(rest, LT_STR("$TMP")) && world->tmp != NULL) {
            lt_text_puts(&text, world->tmp);
            i += 3;
        } else if (lt_str_starts(rest, LT_STR("$HERE"))) {
            lt_text_puts(&text, world->here);
            i += 4;
        } else {
            lt_text_putc(&text, sql.ptr[i]);
        }
    }
    char *copy = text.failed
                     ? NULL
                     : lt_arena_strndup(world->arena, text.ptr != NULL ? text.ptr : "", text.len);
    lt_text_deinit(&text);
    return copy;
}

static bool is_among(const lt_str *names, size_t count, lt_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (lt_str_eq(names[i], name)) {
            return true;
        }
    }
    return false;
}

/* DDL, with the options of replaced tables. */
static lt_status run_ddl(lt_world *world, const char *sql, lt_error *err)
{
    lt_str table;
    const char *options = NULL;
    if (lt_test_created_table(lt_str_of(sql), &table)) {
        if (is_among(world->sources.items, world->sources.count, table)) {
            options = FEED_OPTIONS;
        } else if (is_among(world->sinks.items, world->sinks.count, table)) {
            options = FEED_OPTIONS ", 'changelog' = 'I,UB,UA,D'";
        }
    }
    if (options != NULL) {
        sql = lt_test_with_options(world->arena, lt_str_of(sql), options);
        if (sql == NULL) {
            return lt_error_nomem(err, "a statement");
        }
    }
    return lt_world_ddl(world, sql, err);
}

/* A statement that has to come to its end by itself. */
static lt_status run_statement(lt_world *world, lt_str text, lt_error *err)
{
    const char *sql = with_paths(world, text);
    if (sql == NULL) {
        return lt_error_nomem(err, "a statement");
    }
    if (lt_test_is_ddl(lt_str_of(sql))) {
        return run_ddl(world, sql, err);
    }
    lt_test_engine *engine;
    lt_test_channel blame = {.error = NULL};
    LT_TRY(lt_world_engine(world, sql, LT_ENGINE_ONCE, &engine, err));
    lt_status st = lt_world_add_job(world, engine, sql, NULL, &blame, err);
    if (st == LT_OK) {
        st = lt_world_pump_to_end(world, engine, err);
    }
    if (st == LT_OK && blame.error != NULL) {
        world->message = blame.error;
        st = lt_error_set(err, LT_ERR_DATA, "%s", blame.error);
    }
    if (st == LT_OK && engine->jobs.count > 0 &&
        leat_step(engine->jobs.items[0].job, 0) != LEAT_DONE) {
        st = lt_error_set(
            err, LT_ERR_USAGE,
            "the statement waits for further input: use `start NAME`, or `end TABLE` before");
    }
    lt_world_engine_free(world, engine);
    return st;
}

static lt_status block_ok(lt_world *world, const lt_block *block, lt_error *err)
{
    return run_statement(world, block->sql, err);
}

static lt_status block_error(lt_world *world, const lt_block *block, lt_error *err)
{
    lt_error own;
    lt_error_clear(&own);
    lt_status st = run_statement(world, block->sql, &own);
    if (st == LT_OK) {
        lt_judge_report(world, block, "the statement was expected to fail", "");
        return LT_OK;
    }
    const char *message = world->message != NULL ? world->message : own.text;
    lt_judge_message_part(world, block, message);
    return block->has_rows ? lt_judge_message(world, block, message, err) : LT_OK;
}

/* ---- queries ---- */

/* Readers of what an INSERT writes to tables whose rows are kept. */
static lt_status read_sinks(lt_world *world, lt_test_engine *engine, const char *sql, lt_error *err)
{
    size_t at = 0;
    lt_str table;
    while (lt_test_next_target(lt_str_of(sql), &at, &table)) {
        if (!is_among(world->sinks.items, world->sinks.count, table)) {
            continue;
        }
        lt_test_channel *channel = lt_world_channel(world, table);
        if (channel == NULL) {
            LT_TRY(lt_world_new_channel(world, table, false, &channel, err));
        }
        const char *reader =
            lt_arena_printf(world->arena, "SELECT * FROM `" LT_STR_FMT "`", LT_STR_ARG(table));
        if (reader == NULL) {
            return lt_error_nomem(err, "a test");
        }
        bool read = false; /* two INSERTs of a set may share a sink */
        for (size_t i = 0; i < engine->jobs.count; i++) {
            read = read || strcmp(engine->jobs.items[i].sql, reader) == 0;
        }
        LT_TRY(read ? LT_OK : lt_world_add_job(world, engine, reader, channel, channel, err));
    }
    return LT_OK;
}

static lt_status start_job(lt_world *world, const char *sql, lt_test_channel *channel,
                           lt_error *err)
{
    lt_test_engine *engine;
    lt_str verb = lt_scan_verb(lt_str_of(sql), 0, NULL);
    bool inserts = verb.ptr != NULL &&
                   (lt_str_eq_ci(verb, LT_STR("insert")) || lt_str_eq_ci(verb, LT_STR("execute")));
    LT_TRY(lt_world_engine(world, sql, LT_ENGINE_STAYS, &engine, err));
    if (!lt_array_push(&world->engines, world->mem, engine)) {
        lt_world_engine_free(world, engine);
        return lt_error_nomem(err, "a test");
    }
    LT_TRY(lt_world_add_job(world, engine, sql, inserts ? NULL : channel, channel, err));
    if (inserts) {
        LT_TRY(read_sinks(world, engine, sql, err));
    }
    LT_TRY(lt_trial_before(world, engine, world->log.count, err));
    LT_TRY(lt_world_pump(world, engine, err));
    return lt_trial_after(world, engine, world->log.count, err);
}

static lt_status block_start(lt_world *world, const lt_block *block, lt_error *err)
{
    const char *sql = with_paths(world, block->sql);
    lt_test_channel *channel;
    if (sql == NULL) {
        return lt_error_nomem(err, "a statement");
    }
    if (lt_world_channel(world, block->name) != NULL) {
        return lt_error_set(err, LT_ERR_USAGE, "there is a query of this name already");
    }
    LT_TRY(lt_world_new_channel(world, block->name, block->final, &channel, err));
    return start_job(world, sql, channel, err);
}

static lt_status block_query(lt_world *world, const lt_block *block, lt_error *err)
{
    const char *sql = with_paths(world, block->sql);
    lt_test_engine *engine;
    lt_test_channel channel = {.final = block->final};
    if (sql == NULL) {
        return lt_error_nomem(err, "a statement");
    }
    LT_TRY(
        lt_world_engine(world, sql, block->final ? LT_ENGINE_FINAL : LT_ENGINE_ONCE, &engine, err));
    lt_status st = lt_world_add_job(world, engine, sql, &channel, &channel, err);
    if (st == LT_OK) {
        st = lt_world_pump_to_end(world, engine, err);
    }
    if (st == LT_OK) {
        st = lt_judge_channel(world, block, &channel, err);
    }
    lt_world_engine_free(world, engine);
    lt_array_deinit(&channel.rows, world->mem);
    lt_array_deinit(&channel.wanted, world->mem);
    return st;
}

/* ---- input ---- */

static lt_status split_names(lt_world *world, lt_str text, lt_test_lines *out, lt_error *err)
{
    size_t at = 0;
    while (at < text.len) {
        size_t start = at;
        while (at < text.len && strchr(" \t,()", text.ptr[at]) == NULL) {
            at++;
        }
        lt_str name = {text.ptr + start, at - start};
        if (name.len > 0 && !lt_array_push(out, world->mem, name)) {
            return lt_error_nomem(err, "names");
        }
        at++;
    }
    return LT_OK;
}

typedef struct {
    lt_test_table table;
    lt_test_lines columns;
    const char *name;
    bool raw;
    uint32_t rows_max; /* of one push */
    uint32_t rows;
    leat_kind kind;
    lt_text text;
} feeder;

static lt_status flush_feed(lt_world *world, feeder *feed, lt_error *err)
{
    if (feed->text.failed) {
        return lt_error_nomem(err, "fed rows");
    }
    lt_status st = feed->rows > 0
                       ? lt_world_push(world, feed->name, feed->kind, lt_text_str(&feed->text), err)
                       : LT_OK;
    lt_text_clear(&feed->text);
    feed->rows = 0;
    return st;
}

static lt_status feed_line(lt_world *world, feeder *feed, lt_str line, lt_error *err)
{
    lt_text record;
    lt_text_init(&record, world->mem);
    leat_kind kind = LEAT_INSERT;
    lt_status st = LT_OK;
    if (feed->raw) {
        lt_text_append(&record, line.ptr, line.len);
        lt_text_putc(&record, '\n');
    } else {
        st = lt_test_record(&feed->table, &feed->columns, line, &record, &kind, err);
    }
    if (st == LT_OK && feed->rows > 0 && (kind != feed->kind || feed->rows == feed->rows_max)) {
        st = flush_feed(world, feed, err);
    }
    feed->kind = kind;
    feed->rows++;
    lt_text_append(&feed->text, record.ptr, record.len);
    lt_text_deinit(&record);
    return st;
}

static lt_status block_feed(lt_world *world, const lt_block *block, lt_error *err)
{
    feeder feed = {.name = lt_arena_strndup(world->arena, block->name.ptr, block->name.len)};
    uint32_t batch_rows = world->setting->batch_rows;
    if (feed.name == NULL) {
        return lt_error_nomem(err, "fed rows");
    }
    feed.rows_max =
        world->setting->trial != LT_TRIAL_NONE && batch_rows > 0 ? batch_rows : UINT32_MAX;
    LT_TRY(lt_world_describe(world, feed.name, &feed.table, err));
    feed.raw = block->raw || !feed.table.is_json;
    lt_text_init(&feed.text, world->mem);
    lt_status st = split_names(world, block->rest, &feed.columns, err);
    for (uint32_t i = 0; i < block->row_count && st == LT_OK; i++) {
        st = feed_line(world, &feed, block->rows[i], err);
    }
    if (st == LT_OK) {
        st = flush_feed(world, &feed, err);
    }
    lt_text_deinit(&feed.text);
    lt_array_deinit(&feed.columns, world->mem);
    return st;
}

static lt_status block_end(lt_world *world, const lt_block *block, lt_error *err)
{
    lt_test_lines names = {NULL, 0, 0};
    lt_status st = split_names(world, block->name, &names, err);
    for (size_t i = 0; i < names.count && st == LT_OK; i++) {
        const char *table = lt_arena_strndup(world->arena, names.items[i].ptr, names.items[i].len);
        st = table != NULL ? lt_world_end(world, table, err) : lt_error_nomem(err, "a test");
    }
    lt_array_deinit(&names, world->mem);
    return st;
}

/* ---- time ---- */

static bool take_number(lt_str *text, char until, int64_t *out)
{
    size_t len = 0;
    while (len < text->len && text->ptr[len] >= '0' && text->ptr[len] <= '9') {
        len++;
    }
    if (!lt_str_to_i64((lt_str){text->ptr, len}, out)) {
        return false;
    }
    if (len < text->len && text->ptr[len] == until) {
        *text = (lt_str){text->ptr + len + 1, text->len - len - 1};
        return true;
    }
    bool at_end = len == text->len;
    *text = (lt_str){text->ptr + len, 0};
    return at_end && (until == ':' || until == '.' || until == '\0');
}

/* YYYY-MM-DD HH:MM:SS[.mmm], UTC. The days of a civil date, counted from 1970-03-01 in years that
 * begin in March. */
static bool parse_time(lt_str text, int64_t *ms)
{
    int64_t y, mo, d, h, mi, s;
    int64_t milli = 0;
    bool ok = take_number(&text, '-', &y) && take_number(&text, '-', &mo) &&
              take_number(&text, ' ', &d) && take_number(&text, ':', &h) &&
              take_number(&text, ':', &mi) && take_number(&text, '.', &s);
    if (ok && text.len > 0) {
        ok = text.len == 3 && take_number(&text, '\0', &milli);
    }
    if (!ok || y < 1970 || y > 9999 || mo < 1 || mo > 12 || d < 1 || d > 31 || h > 23 || mi > 59 ||
        s > 59) {
        return false;
    }
    int64_t year = mo > 2 ? y : y - 1;
    int64_t month = mo > 2 ? mo - 3 : mo + 9;
    int64_t days =
        365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + d - 1 - 719468;
    *ms = ((days * 24 + h) * 60 + mi) * 60000 + s * 1000 + milli;
    return true;
}

static lt_status block_clock(lt_world *world, const lt_block *block, lt_error *err)
{
    int64_t ms = 0;
    lt_str text = block->name;
    bool relative = text.len > 0 && text.ptr[0] == '+';
    bool ok = relative
                  ? lt_parse_duration_ms(lt_str_trim((lt_str){text.ptr + 1, text.len - 1}), &ms)
                  : parse_time(text, &ms);
    if (!ok) {
        return lt_error_set(err, LT_ERR_USAGE,
                            "not a time: " LT_STR_FMT " (such as 2026-01-01 00:00:10, or +10 s)",
                            LT_STR_ARG(text));
    }
    ms += relative ? world->clock_ms : 0;
    if (ms < world->clock_ms) {
        return lt_error_set(err, LT_ERR_USAGE, "the clock only goes forward");
    }
    return lt_world_clock(world, ms, err);
}

static lt_status block_restart(lt_world *world, const lt_block *block, lt_error *err)
{
    (void)block;
    for (size_t i = 0; i < world->engines.count; i++) {
        LT_TRY(lt_trial_restart(world, world->engines.items[i], err));
    }
    return LT_OK;
}

static lt_status block_checkpoint(lt_world *world, const lt_block *block, lt_error *err)
{
    (void)block;
    for (size_t i = 0; i < world->engines.count; i++) {
        LT_TRY(lt_trial_checkpoint(world, world->engines.items[i], err));
    }
    return LT_OK;
}

/* crash [lanes N] */
static lt_status block_crash(lt_world *world, const lt_block *block, lt_error *err)
{
    int64_t lanes = 0;
    lt_str text = block->name;
    if (text.len > 0) {
        bool ok = lt_str_starts(text, LT_STR("lanes ")) &&
                  lt_str_to_i64(lt_str_trim((lt_str){text.ptr + 6, text.len - 6}), &lanes);
        if (!ok || lanes < 1 || lanes > 64) {
            return lt_error_set(err, LT_ERR_USAGE, "crash, or crash lanes N");
        }
    }
    for (size_t i = 0; i < world->engines.count; i++) {
        lt_test_engine *engine = world->engines.items[i];
        engine->lanes = lanes > 0 ? (uint32_t)lanes : engine->lanes;
        LT_TRY(lt_trial_crash(world, engine, err));
    }
    return LT_OK;
}

/* ---- expectations ---- */

static lt_status find_channel(lt_world *world, const lt_block *block, lt_test_channel **out,
                              lt_error *err)
{
    *out = lt_world_channel(world, block->name);
    return *out != NULL
               ? LT_OK
               : lt_error_set(err, LT_ERR_USAGE, "no query or sink is called '" LT_STR_FMT "'",
                              LT_STR_ARG(block->name));
}

static lt_status block_expect(lt_world *world, const lt_block *block, lt_error *err)
{
    lt_test_channel *channel;
    LT_TRY(find_channel(world, block, &channel, err));
    return lt_judge_channel(world, block, channel, err);
}

static lt_status block_expect_error(lt_world *world, const lt_block *block, lt_error *err)
{
    lt_test_channel *channel;
    LT_TRY(find_channel(world, block, &channel, err));
    if (channel->error == NULL) {
        lt_judge_report(world, block, "the query was expected to fail", "");
        return LT_OK;
    }
    lt_judge_message_part(world, block, channel->error);
    channel->error = NULL; /* judged; rows from before may still be expected */
    return LT_OK;
}

static void ledger_line(const leat_node_stats *n, lt_text *to)
{
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {{"in", n->in},     {"used", n->used},       {"filtered", n->filtered},
                  {"late", n->late}, {"expired", n->expired}, {"rejected", n->rejected},
                  {"held", n->held}, {"out", n->out}};
    lt_text_puts(to, n->name);
    for (size_t i = 0; i < LT_COUNT_OF(counts); i++) {
        if (counts[i].value > 0) {
            lt_text_printf(to, "  %s %llu", counts[i].name, (unsigned long long)counts[i].value);
        }
    }
}

static lt_status ledger_lines(lt_world *world, leat_job *job, lt_test_lines *lines, lt_error *err)
{
    leat_stats stats;
    leat_get_stats(job, &stats);
    for (uint32_t node = 0; node < stats.node_count; node++) {
        /* Whether there is a first phase depends on the lanes. */
        if (stats.parallelism > 1 && strncmp(stats.nodes[node].name, "Local", 5) == 0) {
            continue;
        }
        lt_text text;
        lt_text_init(&text, world->mem);
        ledger_line(&stats.nodes[node], &text);
        lt_str line = lt_arena_str(world->arena, lt_text_str(&text));
        bool kept = !text.failed && line.ptr != NULL && lt_array_push(lines, world->mem, line);
        lt_text_deinit(&text);
        if (!kept) {
            return lt_error_nomem(err, "a ledger");
        }
    }
    return LT_OK;
}

static lt_status block_expect_ledger(lt_world *world, const lt_block *block, lt_error *err)
{
    lt_test_channel *channel;
    lt_test_lines lines = {NULL, 0, 0};
    LT_TRY(find_channel(world, block, &channel, err));
    lt_status st = LT_OK;
    for (size_t i = 0; i < world->engines.count && st == LT_OK; i++) {
        lt_test_engine *engine = world->engines.items[i];
        for (size_t j = 0; j < engine->jobs.count && st == LT_OK; j++) {
            if (engine->jobs.items[j].blame == channel) {
                st = ledger_lines(world, engine->jobs.items[j].job, &lines, err);
            }
        }
    }
    if (st == LT_OK) {
        st = lt_judge_lines(world, block, lines.items, (uint32_t)lines.count, true, err);
    }
    lt_array_deinit(&lines, world->mem);
    return st;
}

static lt_status block_expect_file(lt_world *world, const lt_block *block, lt_error *err)
{
    const char *path = with_paths(world, block->name);
    return path != NULL ? lt_judge_file(world, block, path, err) : lt_error_nomem(err, "a path");
}

/* ---- a user's own file ---- */

/* An INSERT writes only to tables of this process: a test must not reach the real ones by an
 * omission. */
static lt_status check_targets(lt_world *world, const char *sql, lt_error *err)
{
    size_t at = 0;
    lt_str table;
    while (lt_test_next_target(lt_str_of(sql), &at, &table)) {
        if (!is_among(world->sinks.items, world->sinks.count, table)) {
            return lt_error_set(err, LT_ERR_USAGE,
                                "the file writes to '" LT_STR_FMT "': say `sink " LT_STR_FMT
                                "` before the include",
                                LT_STR_ARG(table), LT_STR_ARG(table));
        }
    }
    return LT_OK;
}

static lt_status include_statement(lt_world *world, lt_str piece, uint32_t *queries, lt_error *err)
{
    const char *sql = with_paths(world, piece);
    lt_test_channel *channel;
    if (sql == NULL) {
        return lt_error_nomem(err, "a statement");
    }
    if (lt_test_is_ddl(piece)) {
        return run_ddl(world, sql, err);
    }
    LT_TRY(check_targets(world, sql, err));
    const char *name = lt_arena_printf(world->arena, "query%u", ++*queries);
    if (name == NULL) {
        return lt_error_nomem(err, "a test");
    }
    LT_TRY(lt_world_new_channel(world, lt_str_of(name), false, &channel, err));
    return start_job(world, sql, channel, err);
}

static lt_status block_include(lt_world *world, const lt_block *block, lt_error *err)
{
    const char *path = with_paths(world, block->name);
    if (path != NULL && path[0] != '/') {
        path = lt_arena_printf(world->arena, "%s/%s", world->here, path);
    }
    if (path == NULL) {
        return lt_error_nomem(err, "a path");
    }
    lt_text text;
    lt_text_init(&text, world->mem);
    lt_status st = lt_env_read_file(world->cli->env, path, FILE_BYTES_MAX, &text, err);
    lt_str script = lt_arena_str(world->arena, lt_text_str(&text));
    lt_text_deinit(&text);
    size_t at = 0;
    uint32_t queries = 0;
    lt_str piece;
    while (st == LT_OK && lt_test_next_statement(script, &at, &piece)) {
        st = include_statement(world, piece, &queries, err);
    }
    return st;
}

static lt_status keep_names(lt_world *world, const lt_block *block, bool sources, lt_error *err)
{
    lt_test_lines names = {NULL, 0, 0};
    lt_status st = split_names(world, block->name, &names, err);
    for (size_t i = 0; i < names.count && st == LT_OK; i++) {
        bool kept = sources ? lt_array_push(&world->sources, world->mem, names.items[i])
                            : lt_array_push(&world->sinks, world->mem, names.items[i]);
        st = kept ? LT_OK : lt_error_nomem(err, "a test");
    }
    lt_array_deinit(&names, world->mem);
    return st;
}

static lt_status block_source(lt_world *world, const lt_block *block, lt_error *err)
{
    return keep_names(world, block, true, err);
}

static lt_status block_sink(lt_world *world, const lt_block *block, lt_error *err)
{
    return keep_names(world, block, false, err);
}

static lt_status block_skip(lt_world *world, const lt_block *block, lt_error *err)
{
    (void)world;
    (void)block;
    (void)err;
    return LT_OK; /* the command has read it */
}

void lt_test_block(lt_world *world, const lt_block *block)
{
    static lt_status (*const run[])(lt_world *, const lt_block *, lt_error *) = {
        [LT_BLOCK_OK] = block_ok,
        [LT_BLOCK_ERROR] = block_error,
        [LT_BLOCK_START] = block_start,
        [LT_BLOCK_QUERY] = block_query,
        [LT_BLOCK_FEED] = block_feed,
        [LT_BLOCK_END] = block_end,
        [LT_BLOCK_CLOCK] = block_clock,
        [LT_BLOCK_RESTART] = block_restart,
        [LT_BLOCK_CHECKPOINT] = block_checkpoint,
        [LT_BLOCK_CRASH] = block_crash,
        [LT_BLOCK_EXPECT] = block_expect,
        [LT_BLOCK_EXPECT_FILE] = block_expect_file,
        [LT_BLOCK_EXPECT_ERROR] = block_expect_error,
        [LT_BLOCK_EXPECT_LEDGER] = block_expect_ledger,
        [LT_BLOCK_SKIP] = block_skip,
        [LT_BLOCK_REQUIRES] = block_skip,
        [LT_BLOCK_INCLUDE] = block_include,
        [LT_BLOCK_SOURCE] = block_source,
        [LT_BLOCK_SINK] = block_sink,
    };
    lt_error err;
    lt_error_clear(&err);
    world->message = NULL;
    if (run[block->kind](world, block, &err) != LT_OK) {
        lt_judge_error(world, block, &err);
    }
}
