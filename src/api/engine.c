/* Opening and closing an engine, feeding it, and its clock. */
#include <stdlib.h>

#include "api/api_int.h"
#include "base/assert.h"
#include "os/env_virtual.h"

#define CONFIG_ARENA_MAX ((size_t)1 << 20)

const char *leat_version(void)
{
    return LEAT_VERSION;
}

static bool copy_text(leat *db, const char **text)
{
    if (*text == NULL) {
        return true;
    }
    *text = lt_arena_strndup(db->arena, *text, strlen(*text));
    return *text != NULL;
}

static leat_status open_parts(leat *db)
{
    db->arena = lt_arena_new(&db->mem, CONFIG_ARENA_MAX);
    db->env = lt_env_real_new(&db->mem);
    if (db->arena == NULL || db->env == NULL) {
        return LEAT_NOMEM;
    }
    if (db->config.virtual_clock) {
        lt_env *env = lt_env_virtual_new(db->env);
        if (env == NULL) {
            return LEAT_NOMEM;
        }
        db->env = env;
        db->is_virtual = true;
    }
    db->catalog = lt_catalog_new(&db->mem, db->env);
    db->feeds = lt_host_feeds_new(&db->mem);
    bool copied = copy_text(db, &db->config.name) && copy_text(db, &db->config.rejects_dir) &&
                  copy_text(db, &db->config.event_time) && copy_text(db, &db->config.state_dir) &&
                  copy_text(db, &db->config.file) && copy_text(db, &db->config.restore) &&
                  copy_text(db, &db->config.allow_drop) && copy_text(db, &db->config.replay) &&
                  copy_text(db, &db->config.native_functions);
    db->said_mutex = lt_mutex_new(&db->mem);
    if (db->catalog != NULL) {
        lt_catalog_allow_native(db->catalog, db->config.native_functions);
    }
    bool made = db->catalog != NULL && db->feeds != NULL && db->said_mutex != NULL;
    return made && copied ? LEAT_OK : LEAT_NOMEM;
}

leat_status leat_open(const leat_config *config, leat **out)
{
    *out = NULL;
    leat *db = calloc(1, sizeof *db); /* the account that pays for everything else lies in it */
    if (db == NULL) {
        return LEAT_NOMEM;
    }
    size_t size = config == NULL ? 0 : config->struct_size;
    if (size > sizeof db->config || (config != NULL && size == 0)) {
        free(db);
        return LEAT_USAGE;
    }
    if (config != NULL) {
        memcpy(&db->config, config, size);
    }
    atomic_init(&db->refs, 1);
    lt_mem_init(&db->mem, NULL, "engine", db->config.memory_bytes_max);
    lt_mem_init(&db->job_mem, &db->mem, "jobs", 0);
    lt_text_init(&db->error_text, &db->mem);
    lt_text_init(&db->ddl_text, &db->mem);
    lt_text_init(&db->ddl_log, &db->mem);
    lt_text_init(&db->said, &db->mem);
    atomic_init(&db->said_any, false);
    db->hook.table = lt_api_infer;
    leat_status st = open_parts(db);
    if (st != LEAT_OK) {
        leat_close(db);
        return st;
    }
    *out = db;
    return LEAT_OK;
}

void leat_close(leat *db)
{
    if (db == NULL) {
        return;
    }
    while (db->jobs != NULL) {
        leat_job_free(db->jobs);
    }
    lt_host_feeds_free(db->feeds);
    lt_catalog_free(db->catalog);
    lt_mutex_free(db->said_mutex);
    lt_text_deinit(&db->said);
    lt_text_deinit(&db->ddl_log);
    lt_text_deinit(&db->ddl_text);
    lt_text_deinit(&db->error_text);
    if (db->is_virtual) {
        lt_env_virtual_free(db->env);
    } else {
        lt_env_real_free(db->env);
    }
    lt_arena_free(db->arena);
    lt_mem_deinit(&db->job_mem);
    lt_api_unref(db);
}

void lt_api_ref(leat *db)
{
    atomic_fetch_add_explicit(&db->refs, 1, memory_order_relaxed);
}

void lt_api_unref(leat *db)
{
    unsigned before = atomic_fetch_sub_explicit(&db->refs, 1, memory_order_acq_rel);
    LT_ASSERT(before > 0);
    if (before == 1) {
        lt_mem_deinit(&db->mem);
        free(db);
    }
}

const char *leat_error(const leat *db)
{
    return db->error_text.ptr != NULL ? db->error_text.ptr : "";
}

leat_status leat_clock(leat *db, int64_t now_ms)
{
    if (!db->is_virtual) {
        lt_error err;
        lt_error_set(&err, LT_ERR_USAGE, "the engine was opened with the real clock");
        return lt_api_fail(db, &err, (lt_str){NULL, 0}, 0);
    }
    lt_env_virtual_set(db->env, now_ms);
    return LEAT_OK;
}

void leat_wake(leat *db)
{
    db->env->wake(db->env);
}

lt_status lt_api_feed_table(leat *db, const char *table, const lt_table_def **out, lt_error *err)
{
    lt_str name = lt_str_of(table);
    const lt_table_def *def = lt_catalog_find(db->catalog, &name, 1);
    if (def == NULL || def->connector == NULL || strcmp(def->connector->name, "feed") != 0) {
        return lt_error_set(err, LT_ERR_USAGE, "'%s' is not a table with 'connector' = 'feed'",
                            table);
    }
    *out = def;
    return LT_OK;
}

void lt_api_wake_jobs(leat *db)
{
    for (leat_job *job = db->jobs; job != NULL; job = job->next) {
        if (job->job != NULL) {
            lt_job_wake(job->job);
        }
    }
}

leat_status leat_push(leat *db, const char *table, leat_kind kind, const void *bytes, size_t size)
{
    lt_error err;
    lt_error_clear(&err);
    const lt_table_def *def;
    lt_status st = lt_api_feed_table(db, table, &def, &err);
    if (st == LT_OK && bytes == NULL) {
        st = lt_host_feeds_end(db->feeds, def->name, &err);
    } else if (st == LT_OK) {
        st = lt_host_feeds_push(db->feeds, def->name, (uint8_t)kind, bytes, size, &err);
    }
    if (st == LT_OK || st == LT_FULL) {
        lt_api_wake_jobs(db);
        return lt_api_status(st);
    }
    return lt_api_fail(db, &err, (lt_str){NULL, 0}, 0);
}
