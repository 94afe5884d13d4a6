/* Where a job keeps its state, under which name it finds it again, and that only one process does.
 *
 *   <state_dir>/<name>-<8 hex digits>/
 *     lock          held while the job runs; says by whom and since when
 *     job.json      name, file, pid, start, statements (secrets masked): for `leat ps`
 *     checkpoints/  state/checkpoint.h
 *     savepoints/   those that were given no path
 *     control.sock  of a process that serves one
 *
 * The name is 'pipeline.name', else the script's file; the digits are a hash of what the job is
 * known by (name or absolute path, and the ordinal among the jobs known by the same), so that two
 * files of one name do not meet. A job without either keeps no state: nobody could find it again.
 */
#include "api/api_int.h"
#include "base/hash.h"
#include "base/option.h"
#include "expr/civil.h"

#define SLUG_MAX          32
#define DDL_LOG_MAX       ((size_t)64 << 10)
#define LOCK_TRIES        5
#define LOCK_PAUSE_NS     INT64_C(40000000)
#define SAVEPOINT_TRIES   100
#define PARALLELISM_MAX   LT_KEY_GROUPS /* more tasks would get no rows */
#define TIMEOUT_MS        600000
#define COMPRESSION_LEVEL 1

/* ---- settings ---- */

static lt_str setting(const leat *db, const char *key, const char *older)
{
    lt_str value = lt_str_trim(lt_catalog_option(db->catalog, key));
    if (value.len == 0 && older != NULL) {
        value = lt_str_trim(lt_catalog_option(db->catalog, older));
    }
    return value;
}

static int64_t setting_ms(const leat *db, const char *key, int64_t fallback)
{
    int64_t ms;
    lt_str value = setting(db, key, NULL);
    return value.len > 0 && lt_parse_duration_ms(value, &ms) && ms >= 0 ? ms : fallback;
}

static int64_t setting_int(const leat *db, const char *key, const char *older, int64_t fallback)
{
    int64_t number;
    lt_str value = setting(db, key, older);
    return value.len > 0 && lt_str_to_i64(value, &number) ? number : fallback;
}

/* Flink writes local paths as file:///path. */
static lt_str local_path(lt_str path)
{
    static const char scheme[] = "file://";
    if (lt_str_starts(path, lt_str_of(scheme))) {
        path.ptr += sizeof scheme - 1;
        path.len -= sizeof scheme - 1;
    }
    while (path.len > 1 && path.ptr[path.len - 1] == '/') {
        path.len--;
    }
    return path;
}

uint32_t lt_api_parallelism(const leat *db)
{
    int64_t lanes = db->config.parallelism;
    if (lanes <= 0) {
        lanes = setting_int(db, "table.exec.resource.default-parallelism", NULL, -1);
    }
    if (lanes <= 0) {
        lanes = setting_int(db, "parallelism.default", NULL, 1);
    }
    return (uint32_t)LT_MIN(LT_MAX(lanes, 1), PARALLELISM_MAX);
}

/* ---- what is said on the way ---- */

/* From any thread of the job; handed on by lt_api_speak. */
static void hear(void *arg, const char *line)
{
    leat *db = arg;
    lt_mutex_lock(db->said_mutex);
    lt_text_puts(&db->said, line);
    lt_text_putc(&db->said, '\0');
    lt_mutex_unlock(db->said_mutex);
    atomic_store_explicit(&db->said_any, true, memory_order_release);
}

void lt_api_speak(leat *db)
{
    if (!atomic_exchange_explicit(&db->said_any, false, memory_order_acq_rel)) {
        return;
    }
    lt_text lines;
    lt_mutex_lock(db->said_mutex);
    lines = db->said;
    lt_text_init(&db->said, &db->mem);
    lt_mutex_unlock(db->said_mutex);
    for (size_t at = 0; !lines.failed && at < lines.len; at += strlen(lines.ptr + at) + 1) {
        db->config.say(db->config.say_arg, lines.ptr + at);
    }
    lt_text_deinit(&lines);
}

static void say(leat *db, const char *before, const char *what)
{
    lt_text line;
    if (db->config.say == NULL) {
        return;
    }
    lt_text_init(&line, &db->mem);
    lt_text_puts(&line, before);
    lt_text_puts(&line, what);
    if (!line.failed) {
        db->config.say(db->config.say_arg, line.ptr);
    }
    lt_text_deinit(&line);
}

/* ---- who the job is ---- */

/* Nothing to resume: what came in cannot be had again, and what goes out is seen at once. */
static bool can_resume(const lt_plan *plan)
{
    for (uint32_t i = 0; i < plan->node_count; i++) {
        const lt_plan_node *node = plan->nodes[i];
        if (node->kind == LT_PLAN_SOURCE &&
            node->u.table.table->connector->source->guarantee != LT_SOURCE_EPHEMERAL) {
            return true;
        }
        const lt_connector *sink = node->kind == LT_PLAN_SINK && node->u.table.table != NULL
                                       ? node->u.table.table->connector
                                       : NULL;
        if (sink != NULL && !sink->sink->immediate && strcmp(sink->name, "blackhole") != 0) {
            return true;
        }
    }
    return false;
}

/* Later ones of the same file or name get a number. */
static lt_status count_ordinal(leat_job *job, lt_error *err)
{
    job->ordinal = 1;
    for (const leat_job *other = job->db->jobs; other != NULL; other = other->next) {
        job->ordinal +=
            other != job && other->known_by != NULL && strcmp(other->known_by, job->known_by) == 0;
    }
    if (job->ordinal > 1) {
        job->name = lt_arena_printf(job->arena, "%s-%u", job->name, job->ordinal);
    }
    return job->name != NULL ? LT_OK : lt_error_nomem(err, "a job");
}

lt_status lt_api_home_identify(leat_job *job, bool inserts, lt_error *err)
{
    leat *db = job->db;
    lt_str name = setting(db, "pipeline.name", NULL);
    job->inserts = inserts;
    bool keeps = inserts || db->config.keep_all;
    if (!keeps || (name.len == 0 && db->config.file == NULL)) {
        return LT_OK;
    }
    job->named = name.len > 0;
    job->known_by = job->named ? lt_arena_printf(job->arena, "name:" LT_STR_FMT, LT_STR_ARG(name))
                               : lt_arena_printf(job->arena, "file:%s", db->config.file);
    return job->known_by != NULL ? count_ordinal(job, err) : lt_error_nomem(err, "a job");
}

static char *slug_of(lt_arena *arena, const char *name)
{
    size_t len = LT_MIN(strlen(name), (size_t)SLUG_MAX);
    char *slug = lt_arena_strndup(arena, name, len);
    for (size_t i = 0; slug != NULL && i < len; i++) {
        char ch = slug[i];
        bool keeps = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                     (ch >= '0' && ch <= '9') || ch == '_' || (ch == '.' && i > 0);
        slug[i] = keeps ? ch : '-';
    }
    return slug;
}

/* ---- the folder ---- */

static const char *choose_base(leat_job *job)
{
    lt_str set = setting(job->db, "execution.checkpointing.dir", "state.checkpoints.dir");
    if (set.len == 0) {
        return job->db->config.state_dir;
    }
    set = local_path(set);
    return lt_arena_strndup(job->arena, set.ptr, set.len);
}

static lt_status name_folder(leat_job *job, const char *base, lt_error *err)
{
    lt_arena *arena = job->arena;
    uint64_t hash = lt_hash_bytes(job->known_by, strlen(job->known_by), job->ordinal);
    char *slug = slug_of(arena, job->name);
    job->slug = slug;
    job->home = slug == NULL ? NULL
                             : lt_arena_printf(arena, "%s/%s-%08x", base, slug,
                                               (unsigned)(hash & UINT32_MAX));
    job->checkpoints =
        job->home == NULL ? NULL : lt_arena_printf(arena, "%s/checkpoints", job->home);
    return job->checkpoints != NULL ? LT_OK : lt_error_nomem(err, "a job");
}

static lt_status refuse_copy(leat_job *job, const char *holder, lt_error *err)
{
    lt_str who = lt_str_trim(lt_str_of(holder));
    (void)lt_error_set(err, LT_ERR_STATE, "job '%s' runs already: " LT_STR_FMT " holds %s/lock",
                       job->name, (int)(who.len > 0 ? who.len : 15),
                       who.len > 0 ? who.ptr : "another process", job->home);
    lt_error_hint(err,
                  "`leat stop %s` stops it; SET 'pipeline.name' gives this copy a name and state "
                  "of its own",
                  job->name);
    return LT_ERR_STATE;
}

/* Somebody who only looks whether the job runs holds the lock for a moment. */
static lt_status take_lock(leat_job *job, lt_error *err)
{
    lt_env *env = job->db->env;
    char holder[120] = "";
    const char *path = lt_arena_printf(job->arena, "%s/lock", job->home);
    lt_status st = path != NULL ? LT_ERR_STATE : lt_error_nomem(err, "a job");
    for (unsigned i = 0; i < LOCK_TRIES && st == LT_ERR_STATE; i++) {
        if (i > 0) {
            env->wait(env, env->mono_ns(env) + LOCK_PAUSE_NS, NULL, 0);
        }
        st = env->lock(env, path, &job->lock, holder, sizeof holder, err);
    }
    return st == LT_ERR_STATE ? refuse_copy(job, holder, err) : st;
}

void lt_api_time_text(int64_t ms, lt_text *to)
{
    int64_t year;
    int month, day;
    int64_t rest = lt_floor_mod(ms, LT_MS_PER_DAY) / 1000;
    lt_civil_from_days(lt_floor_div(ms, LT_MS_PER_DAY), &year, &month, &day);
    lt_text_printf(to, "%04lld-%02d-%02d %02d:%02d:%02d", (long long)year, month, day,
                   (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60));
}

static lt_status sign_lock(leat_job *job, int64_t now_ms, lt_error *err)
{
    lt_env *env = job->db->env;
    lt_text text;
    lt_text_init(&text, &job->db->mem);
    lt_text_printf(&text, "pid %lld since ", (long long)env->process_id(env));
    lt_api_time_text(now_ms, &text);
    lt_text_puts(&text, " UTC\n");
    lt_status st = text.failed ? lt_error_nomem(err, "a job") : env->truncate(job->lock, 0, err);
    if (st == LT_OK) {
        st = env->write(job->lock, text.ptr, text.len, err);
    }
    lt_text_deinit(&text);
    return st;
}

/* For `leat ps`; no recovery depends on it, so it is not synced. */
static lt_status write_card(leat_job *job, int64_t now_ms, lt_error *err)
{
    leat *db = job->db;
    lt_text text;
    lt_file *file = NULL;
    lt_text_init(&text, &db->mem);
    lt_text_puts(&text, "{\"name\":");
    lt_text_json(&text, lt_str_of(job->name));
    lt_text_puts(&text, ",\"file\":");
    if (db->config.file != NULL) {
        lt_text_json(&text, lt_str_of(db->config.file));
    } else {
        lt_text_puts(&text, "null");
    }
    lt_text_printf(&text, ",\"ordinal\":%u,\"pid\":%lld,\"started_ms\":%lld,\"started\":\"",
                   job->ordinal, (long long)db->env->process_id(db->env), (long long)now_ms);
    lt_api_time_text(now_ms, &text);
    lt_text_puts(&text, " UTC\",\"sql\":");
    lt_text_json(&text, lt_str_of(job->sql));
    lt_text_puts(&text, "}\n");
    const char *path = lt_arena_printf(job->arena, "%s/job.json", job->home);
    lt_status st = text.failed || path == NULL
                       ? lt_error_nomem(err, "a job")
                       : db->env->open(db->env, path, LT_OPEN_CREATE, &file, err);
    if (st == LT_OK) {
        st = db->env->write(file, text.ptr, text.len, err);
    }
    db->env->close(file);
    lt_text_deinit(&text);
    return st;
}

static lt_status open_home(leat_job *job, const char *base, lt_error *err)
{
    lt_env *env = job->db->env;
    LT_TRY(name_folder(job, base, err));
    LT_TRY(env->mkdirs(env, job->home, err));
    LT_TRY(take_lock(job, err));
    int64_t now_ms = env->wall_us(env) / 1000;
    LT_TRY(sign_lock(job, now_ms, err));
    LT_TRY(write_card(job, now_ms, err));
    lt_str savepoints =
        setting(job->db, "execution.checkpointing.savepoint-dir", "state.savepoints.dir");
    savepoints = local_path(savepoints);
    job->savepoints = savepoints.len > 0
                          ? lt_arena_strndup(job->arena, savepoints.ptr, savepoints.len)
                          : lt_arena_printf(job->arena, "%s/savepoints", job->home);
    return job->savepoints != NULL ? LT_OK : lt_error_nomem(err, "a job");
}

void lt_api_home_close(leat_job *job)
{
    if (job->lock != NULL) {
        job->db->env->close(job->lock);
        job->lock = NULL;
    }
}

/* ---- settings of the run layer ---- */

static void fill_settings(const leat_job *job, lt_ckpt_settings *out)
{
    const leat *db = job->db;
    int64_t failures = setting_int(db, "execution.checkpointing.tolerable-failed-checkpoints", NULL,
                                   (int64_t)UINT32_MAX);
    int64_t retain = setting_int(db, "execution.checkpointing.num-retained",
                                 "state.checkpoints.num-retained", 1);
    *out = (lt_ckpt_settings){
        .dir = job->checkpoints,
        .interval_ms =
            setting_ms(db, "execution.checkpointing.interval", db->config.checkpoint_interval_ms),
        .min_pause_ms = setting_ms(db, "execution.checkpointing.min-pause", 0),
        .timeout_ms = setting_ms(db, "execution.checkpointing.timeout", TIMEOUT_MS),
        .failures_max = (uint32_t)LT_MIN(LT_MAX(failures, 0), (int64_t)UINT32_MAX),
        .retain = (uint32_t)LT_MAX(retain, 1),
        .compression =
            (int)setting_int(db, "execution.checkpointing.compression", NULL, COMPRESSION_LEVEL),
        .fresh = db->config.fresh,
        .allow_drop = lt_str_of(db->config.allow_drop),
        .sql = job->sql,
        .say = db->config.say != NULL ? hear : NULL,
        .arg = job->db,
    };
}

static lt_status find_restore(const leat_job *job, lt_ckpt_settings *out, lt_error *err)
{
    const leat *db = job->db;
    lt_str path =
        local_path(setting(db, "execution.state-recovery.path", "execution.savepoint.path"));
    out->restore = db->config.restore;
    if (out->restore == NULL && path.len > 0) {
        out->restore = lt_arena_strndup(job->arena, path.ptr, path.len);
        return out->restore != NULL ? LT_OK : lt_error_nomem(err, "a path");
    }
    return LT_OK;
}

/* Why the job keeps none, when somebody relies on it. */
static const char *missing(const leat_job *job, const char *base)
{
    if (!job->inserts && !job->db->config.keep_all) {
        return "a query keeps no state";
    }
    if (job->known_by == NULL) {
        return "the job has no name under which it could be found again; SET 'pipeline.name'";
    }
    return base == NULL ? "there is no directory for it; SET 'execution.checkpointing.dir'" : NULL;
}

static lt_status read_replay_job(leat *db, lt_error *err)
{
    lt_ckpt_reader *reader = NULL;
    LT_TRY(lt_ckpt_open_path(db->env, &db->mem, db->config.replay, &reader, err));
    lt_str name = lt_ckpt_reader_info(reader)->job;
    db->replay_job = lt_arena_strndup(db->arena, name.ptr, name.len);
    lt_ckpt_reader_close(reader);
    return db->replay_job != NULL ? LT_OK : lt_error_nomem(err, "a job");
}

lt_status lt_api_home_skips(leat_job *job, bool *skips, lt_error *err)
{
    leat *db = job->db;
    *skips = false;
    if (db->config.replay == NULL || db->config.file == NULL) {
        return LT_OK;
    }
    if (db->replay_job == NULL) {
        LT_TRY(read_replay_job(db, err));
    }
    *skips = strcmp(db->replay_job, job->name) != 0;
    return LT_OK;
}

lt_status lt_api_home_open(leat_job *job, lt_ckpt_settings *out, lt_error *err)
{
    leat *db = job->db;
    if (db->config.replay != NULL) {
        *out = (lt_ckpt_settings){.replay = db->config.replay,
                                  .allow_drop = lt_str_of(db->config.allow_drop),
                                  .say = db->config.say != NULL ? hear : NULL,
                                  .arg = db};
        return LT_OK;
    }
    const char *base = choose_base(job);
    const char *why = missing(job, base);
    memset(out, 0, sizeof *out);
    LT_TRY(find_restore(job, out, err));
    const char *restore = out->restore;
    if (why != NULL && restore != NULL) {
        lt_error_set(err, LT_ERR_USAGE, "the job cannot start from '%s': it keeps no state",
                     restore);
        lt_error_hint(err, "%s", why);
        return LT_ERR_USAGE;
    }
    if (why != NULL) {
        if (job->inserts && setting_ms(db, "execution.checkpointing.interval", 0) > 0) {
            say(db, "no checkpoints are made: ", why);
        }
        return LT_OK;
    }
    if (!job->named && restore == NULL && !db->config.keep_all && !can_resume(job->plan)) {
        return LT_OK;
    }
    LT_TRY(open_home(job, base, err));
    fill_settings(job, out);
    out->restore = restore;
    return LT_OK;
}

/* ---- statements, for the manifest ---- */

void lt_api_log_ddl(leat *db, lt_str text)
{
    size_t start = db->ddl_log.len;
    if (start + text.len + 2 > DDL_LOG_MAX) {
        db->ddl_log_full = true;
        return;
    }
    lt_text_append(&db->ddl_log, text.ptr, text.len);
    lt_text_puts(&db->ddl_log, ";\n");
    if (!db->ddl_log.failed) {
        lt_api_mask_secrets(db->ddl_log.ptr + start, db->ddl_log.len - start);
    }
}

lt_status lt_api_home_sql(leat_job *job, lt_str text, lt_error *err)
{
    const leat *db = job->db;
    bool whole = !db->ddl_log_full && !db->ddl_log.failed && db->ddl_log.ptr != NULL;
    size_t before = whole ? db->ddl_log.len : 0;
    char *sql = lt_arena_alloc(job->arena, before + text.len + 1, 1);
    if (sql == NULL) {
        return lt_error_nomem(err, "a job");
    }
    if (before > 0) {
        memcpy(sql, db->ddl_log.ptr, before);
    }
    memcpy(sql + before, text.ptr, text.len);
    sql[before + text.len] = '\0';
    lt_api_mask_secrets(sql + before, text.len);
    job->sql = sql;
    return LT_OK;
}

/* ---- savepoints ---- */

static bool exists(lt_env *env, const char *path)
{
    lt_stat stat;
    return env->stat(env, path, &stat, NULL) == LT_OK;
}

static lt_status first_entry(void *arg, const lt_dirent *entry)
{
    (void)entry;
    *(bool *)arg = false;
    return LT_END;
}

static lt_status check_new(lt_env *env, const char *path, lt_error *err)
{
    bool empty = true;
    lt_stat stat;
    if (env->stat(env, path, &stat, NULL) != LT_OK) {
        return LT_OK;
    }
    if (stat.kind == LT_FILE_DIR) {
        lt_status st = env->list(env, path, first_entry, &empty, err);
        if (st != LT_OK && st != LT_END) {
            return st;
        }
    }
    if (stat.kind != LT_FILE_DIR || !empty) {
        lt_error_set(err, LT_ERR_USAGE, "'%s' exists already", path);
        lt_error_hint(err, "a savepoint gets a new directory of its own");
        return LT_ERR_USAGE;
    }
    return LT_OK;
}

lt_status lt_api_savepoint_path(leat_job *job, const char *path, const char **out, lt_error *err)
{
    lt_env *env = job->db->env;
    if (job->home == NULL) {
        lt_error_set(err, LT_ERR_USAGE, "the job keeps no state");
        lt_error_hint(err,
                      "SET 'pipeline.name' names it, 'execution.checkpointing.dir' says where");
        return LT_ERR_USAGE;
    }
    if (path != NULL) {
        *out = lt_arena_strndup(job->arena, path, strlen(path));
        return *out != NULL ? check_new(env, path, err) : lt_error_nomem(err, "a path");
    }
    int64_t year;
    int month, day;
    int64_t s = env->wall_us(env) / 1000000;
    lt_civil_from_days(s / 86400, &year, &month, &day);
    const char *base = lt_arena_printf(job->arena, "%s/%s-%04lld%02d%02d-%02d%02d%02d",
                                       job->savepoints, job->slug, (long long)year, month, day,
                                       (int)(s / 3600 % 24), (int)(s / 60 % 60), (int)(s % 60));
    *out = base;
    for (unsigned i = 2; *out != NULL && i < SAVEPOINT_TRIES && exists(env, *out); i++) {
        *out = lt_arena_printf(job->arena, "%s-%u", base, i);
    }
    return *out != NULL ? env->mkdirs(env, job->savepoints, err) : lt_error_nomem(err, "a path");
}

typedef struct {
    lt_ckpt_writer *writer;
} copier;

static lt_status copy_block(void *arg, uint64_t id, const uint8_t *bytes, size_t len, lt_error *err)
{
    return lt_ckpt_write_block(((copier *)arg)->writer, id, bytes, len, err);
}

static lt_status copy_parts(lt_ckpt_reader *reader, lt_ckpt_writer *writer, lt_error *err)
{
    copier copy = {writer};
    lt_ckpt_part part;
    for (uint32_t i = 0; lt_ckpt_part_at(reader, i, &part); i++) {
        LT_TRY(lt_ckpt_write_part(writer, part.name, part.scalars, err));
        LT_TRY(lt_ckpt_read_part(reader, i, copy_block, &copy, err));
    }
    return LT_OK;
}

/* The end of a stopped job is its last checkpoint: the savepoint is that one, copied whole. */
lt_status lt_api_savepoint_copy(leat_job *job, const char *path, lt_error *err)
{
    leat *db = job->db;
    lt_ckpt_options options = {.retain = UINT32_MAX, .compression = COMPRESSION_LEVEL};
    lt_ckpt_store *store = NULL;
    lt_ckpt_reader *reader = NULL;
    lt_ckpt_writer *writer = NULL;
    lt_status st = lt_ckpt_store_open(db->env, &db->mem, job->checkpoints, &options, &store, err);
    if (st == LT_OK) {
        st = lt_ckpt_open_latest(store, &reader, err);
    }
    if (st == LT_OK && reader == NULL) {
        st = lt_error_set(err, LT_ERR_STATE, "the job stopped without a checkpoint");
    }
    if (st == LT_OK) {
        lt_ckpt_info info = *lt_ckpt_reader_info(reader);
        info.savepoint = true;
        info.id = lt_ckpt_next_id(store);
        st = lt_ckpt_write_begin(store, &info, path, &writer, err);
    }
    if (st == LT_OK) {
        st = copy_parts(reader, writer, err);
        if (st == LT_OK) {
            lt_ckpt_info made;
            st = lt_ckpt_write_commit(writer, &made, err);
        } else {
            lt_ckpt_write_abort(writer);
        }
    }
    lt_ckpt_reader_close(reader);
    lt_ckpt_store_close(store);
    return st;
}
