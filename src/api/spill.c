/* Where a job's state goes when it is too much for memory: the settings `state.backend.*`. */
#include "api/api_int.h"

static lt_str setting(const leat *db, const char *key)
{
    return lt_str_trim(lt_catalog_option(db->catalog, key));
}

/* The job's own folder, else one for temporary files. NULL = out of memory. */
static const char *choose_dir(const leat_job *job)
{
    lt_env *env = job->db->env;
    lt_str dirs = setting(job->db, "io.tmp.dirs");
    if (job->home != NULL) {
        return job->home;
    }
    size_t len = 0;
    while (len < dirs.len && dirs.ptr[len] != ',' && dirs.ptr[len] != ':') {
        len++;
    }
    if (len > 0) {
        return lt_arena_strndup(job->arena, dirs.ptr, len);
    }
    const char *set = env->getenv(env, "TMPDIR");
    return set != NULL && set[0] != '\0' ? lt_arena_strndup(job->arena, set, strlen(set)) : "/tmp";
}

lt_status lt_api_spill_configure(const leat_job *job, lt_job_options *out, lt_error *err)
{
    const leat *db = job->db;
    lt_str type = setting(db, "state.backend.type");
    type = type.len > 0 ? type : setting(db, "state.backend");
    lt_str limit = setting(db, "state.backend.memory.limit");
    bool spills = db->config.spill_all || lt_str_eq_ci(type, LT_STR("rocksdb")) ||
                  lt_str_eq_ci(type, LT_STR("forst"));
    if (!spills && limit.len > 0) {
        (void)lt_error_set(err, LT_ERR_SQL,
                           "'state.backend.memory.limit' has no meaning while 'state.backend.type' "
                           "is 'hashmap': all state is in memory");
        lt_error_hint(err,
                      "SET 'state.backend.type' = 'rocksdb' moves what is above the limit to a "
                      "file");
        return LT_ERR_SQL;
    }
    if (!spills) {
        return LT_OK;
    }
    out->spill_limit = db->config.spill_all ? 0 : db->env->memory_bytes(db->env) / 2;
    if (limit.len > 0 && !lt_parse_size(limit, &out->spill_limit)) {
        return lt_error_set(err, LT_ERR_SQL,
                            "'state.backend.memory.limit' = '" LT_STR_FMT "' is no size",
                            LT_STR_ARG(limit));
    }
    out->spill_dir = choose_dir(job);
    return out->spill_dir != NULL ? LT_OK : lt_error_nomem(err, "a job");
}
