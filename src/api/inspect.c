/* What is kept on disk, as listings: the checkpoints of a folder, the state tables of one
 * checkpoint. The records of a table are in inspect_table.c. */
#include "api/inspect_int.h"

/* ---- building a listing ---- */

void lt_listing_begin(lt_listing_builder *self, leat *db, leat_job *job, const char *const *headers,
                      uint32_t column_count)
{
    *self = (lt_listing_builder){.db = db, .job = job};
    lt_text_init(&self->cell, &db->mem);
    job->listing = (lt_listing){.headers = headers, .column_count = column_count};
}

void lt_listing_text(lt_listing_builder *self, lt_str text)
{
    lt_str copy = lt_arena_str(self->job->arena, text);
    bool kept = copy.ptr != NULL && lt_array_push(&self->cells, &self->db->mem, copy);
    self->failed = self->failed || !kept;
}

void lt_listing_null(lt_listing_builder *self)
{
    lt_str null = {NULL, 0};
    self->failed = !lt_array_push(&self->cells, &self->db->mem, null) || self->failed;
}

void lt_listing_int(lt_listing_builder *self, int64_t number)
{
    lt_text_clear(&self->cell);
    lt_text_printf(&self->cell, "%lld", (long long)number);
    lt_listing_text(self, lt_text_str(&self->cell));
}

void lt_listing_time(lt_listing_builder *self, int64_t ms)
{
    lt_text_clear(&self->cell);
    lt_api_time_text(ms, &self->cell);
    lt_listing_text(self, lt_text_str(&self->cell));
}

lt_status lt_listing_end(lt_listing_builder *self, lt_status st, lt_error *err)
{
    lt_listing *listing = &self->job->listing;
    size_t count = self->cells.count;
    listing->cells = LT_NEW_ARRAY(self->job->arena, lt_str, count + 1);
    if (st == LT_OK && (self->failed || self->cell.failed || listing->cells == NULL)) {
        st = lt_error_nomem(err, "a listing");
    }
    if (st == LT_OK && count > 0) {
        memcpy(listing->cells, self->cells.items, count * sizeof *listing->cells);
        listing->row_count = (uint32_t)(count / listing->column_count);
    }
    lt_array_deinit(&self->cells, &self->db->mem);
    lt_text_deinit(&self->cell);
    return st;
}

/* ---- checkpoints ---- */

static lt_status checkpoint_row(void *arg, const char *path, const lt_ckpt_info *info)
{
    lt_listing_builder *self = arg;
    lt_listing_int(self, (int64_t)info->id);
    lt_listing_text(self, info->savepoint ? LT_STR("savepoint")
                          : info->ended   ? LT_STR("last")
                                          : LT_STR("checkpoint"));
    lt_listing_time(self, info->wall_ms);
    lt_listing_int(self, info->duration_us / 1000);
    lt_listing_int(self, info->bytes_new);
    lt_listing_int(self, info->bytes_all);
    lt_listing_int(self, info->parallelism);
    lt_listing_text(self, info->job);
    lt_listing_text(self, lt_str_of(path));
    return LT_OK;
}

static lt_status list_checkpoints(leat *db, const char *dir, leat_job *job, lt_error *err)
{
    static const char *const headers[] = {"id",        "kind",  "time (UTC)", "ms",  "bytes new",
                                          "bytes all", "lanes", "job",        "path"};
    lt_listing_builder list;
    lt_listing_begin(&list, db, job, headers, LT_COUNT_OF(headers));
    lt_status st = lt_ckpt_list(db->env, &db->mem, dir, checkpoint_row, &list, err);
    return lt_listing_end(&list, st, err);
}

/* ---- which of them ---- */

typedef struct {
    lt_arena *arena;
    char *path; /* of the newest; NULL = none */
    uint32_t count;
    bool savepoint;
} newest;

static lt_status note(void *arg, const char *path, const lt_ckpt_info *info)
{
    newest *self = arg;
    if (self->count++ == 0) {
        self->savepoint = info->savepoint;
        self->path = lt_arena_strndup(self->arena, path, strlen(path));
        return self->path != NULL ? LT_OK : LT_ERR_NOMEM;
    }
    return LT_OK;
}

static bool is_dir(lt_env *env, const char *path)
{
    lt_stat stat;
    return path != NULL && env->stat(env, path, &stat, NULL) == LT_OK && stat.kind == LT_FILE_DIR;
}

lt_status lt_api_inspect(leat *db, const char *path, const char *table, leat_job *job,
                         lt_error *err)
{
    lt_stat stat;
    LT_TRY(db->env->stat(db->env, path, &stat, err));
    if (stat.kind != LT_FILE_DIR) {
        return lt_api_inspect_one(db, path, table, job, err);
    }
    const char *dir = lt_arena_printf(job->arena, "%s/checkpoints", path);
    if (dir == NULL) {
        return lt_error_nomem(err, "a path");
    }
    dir = is_dir(db->env, dir) ? dir : path;
    newest found = {.arena = job->arena};
    LT_TRY(lt_ckpt_list(db->env, &db->mem, dir, note, &found, err));
    if (found.count > 0 && (found.savepoint || table != NULL)) {
        return lt_api_inspect_one(db, found.savepoint ? dir : found.path, table, job, err);
    }
    if (found.count == 0 && dir == path) {
        return lt_api_inspect_one(db, path, table, job, err); /* a savepoint, or nothing of ours */
    }
    if (found.count == 0 && table != NULL) {
        return lt_error_set(err, LT_ERR_STATE, "there is no checkpoint in '%s' yet", path);
    }
    return list_checkpoints(db, dir, job, err);
}
