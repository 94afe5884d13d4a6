/* filesystem, writing with checkpoints: every row is in a visible file once, whatever happens.
 *
 * A file grows under its hidden name across checkpoints. save() notes how long it is and asks for
 * the bytes so far to be made durable; a file that was closed is noted as ready, and renamed by
 * the commit of the first checkpoint that covers it whole. load() cuts files back to the noted
 * length, renames what is still to be renamed, and removes the owner's hidden files that the
 * checkpoint does not know. So a hidden file is always either covered up to a known length or of no
 * account, and a visible one never changes again.
 *
 * Hidden files belong to an owner by the token in their names: others' are never touched. What an
 * owner left behind without any checkpoint is removed before the first file of its next run.
 *
 * load() may be called several times, when tasks became fewer: what another owner saved is taken
 * over as closed files. All tasks of a sink load before one of them writes: that owner may be among
 * them, without a state of its own, and would take its files for leftovers.
 *
 * The commit marker, `.part-<owner>-<run>.committed`, holds the number of the last checkpoint whose
 * files were all renamed, as text. It only tells, after a restart, a file that was published and
 * then taken away by its reader from one that was lost; so failing to write it is no failure.
 *
 * What save() gives. Numbers have 64 bits, little-endian; strings are a length and bytes:
 *   version (1), checkpoint, owner's token, run (2 numbers), next file number, rows, bytes,
 *   flags (bit 0: the input has ended);
 *   count of growing files, each: hidden and visible name below the table's path, bytes, rows,
 *     ns since its first row, ns since its last row;
 *   count of ready files, each the same (the last number is 0);
 *   count of partitions waiting for their success file, each: directory, ns since its first row;
 *   CRC-32C of everything before. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mutant.h"
#include "connector/filesystem/sink_int.h"

#define STATE_VERSION  1
#define FLAG_FINISHED  1u
#define CHECKSUM_BYTES 8
#define ARENA_MAX      (256u << 20)
#define MARKER_MAX     64

/* ---- the commit marker ---- */

typedef struct {
    uint64_t token;
    uint64_t run[2];
} identity;

static identity own_identity(const lt_fs_sink *self)
{
    return (identity){self->token, {self->run[0], self->run[1]}};
}

/* The marker's path into text. */
static bool marker_path(const lt_fs_sink *self, const identity *id, lt_text *path)
{
    lt_text_init(path, lt_fs_mem(self));
    lt_text_printf(path, "%s/.part-%016llx-%016llx%016llx.committed", self->path,
                   (unsigned long long)id->token, (unsigned long long)id->run[0],
                   (unsigned long long)id->run[1]);
    return !path->failed;
}

static uint64_t read_marker(lt_fs_sink *self, const identity *id)
{
    lt_env *env = self->base.ctx->env;
    lt_text path;
    lt_text bytes;
    lt_text_init(&bytes, lt_fs_mem(self));
    int64_t value = 0;
    if (marker_path(self, id, &path) &&
        lt_env_read_file(env, path.ptr, MARKER_MAX, &bytes, NULL) == LT_OK &&
        !lt_str_to_i64(lt_str_trim(lt_text_str(&bytes)), &value)) {
        value = 0;
    }
    lt_text_deinit(&bytes);
    lt_text_deinit(&path);
    return value > 0 ? (uint64_t)value : 0;
}

static void write_marker(lt_fs_sink *self, const identity *id, uint64_t checkpoint)
{
    lt_text path;
    lt_text bytes;
    lt_text_init(&bytes, lt_fs_mem(self));
    lt_text_printf(&bytes, "%llu\n", (unsigned long long)checkpoint);
    if (marker_path(self, id, &path) && !bytes.failed) {
        (void)lt_env_write_file(self->base.ctx->env, path.ptr, bytes.ptr, bytes.len, NULL);
    }
    lt_text_deinit(&bytes);
    lt_text_deinit(&path);
}

void lt_fs_forget_marker(lt_fs_sink *self)
{
    identity id = own_identity(self);
    lt_text path;
    if (marker_path(self, &id, &path)) {
        (void)self->base.ctx->env->unlink(self->base.ctx->env, path.ptr, NULL);
    }
    lt_text_deinit(&path);
}

/* ---- leftovers ---- */

typedef struct {
    lt_fs_sink *self;
    lt_arena *arena;
    char prefix[LT_FS_NAME_BYTES]; /* of hidden names that belong to the owner */
    const char *marker;            /* path of the one that stays */
} cleaning;

typedef struct {
    cleaning *c;
    bool descend;
    LT_ARRAY(char *) leftovers;
    LT_ARRAY(char *) dirs;
} cleaning_dir;

static lt_status sort_entry(void *arg, const lt_dirent *entry)
{
    cleaning_dir *dir = arg;
    lt_mem *mem = lt_fs_mem(dir->c->self);
    bool is_dir = entry->kind == LT_FILE_DIR;
    bool ours = !is_dir && strncmp(entry->name, dir->c->prefix, strlen(dir->c->prefix)) == 0;
    bool inner = is_dir && dir->descend && strchr(entry->name, '=') != NULL;
    if (!ours && !inner) {
        return LT_OK;
    }
    char *name = lt_arena_strndup(dir->c->arena, entry->name, strlen(entry->name));
    bool kept = name != NULL && (ours ? lt_array_push(&dir->leftovers, mem, name)
                                      : lt_array_push(&dir->dirs, mem, name));
    return kept ? LT_OK : LT_ERR_NOMEM;
}

static bool is_known(const cleaning *c, const char *path)
{
    const lt_fs_sink *self = c->self;
    for (size_t i = 0; i < self->writers.count; i++) {
        const lt_fs_part *part = &self->writers.items[i]->part;
        if (part->hidden != NULL && strcmp(part->hidden, path) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < self->ready.count; i++) {
        if (strcmp(self->ready.items[i].hidden, path) == 0) {
            return true;
        }
    }
    return strcmp(c->marker, path) == 0;
}

/* Files of the table lie as deep as it has partition columns. */
static lt_status clean_dir(cleaning *c, const char *path, uint32_t depth, lt_error *err)
{
    lt_fs_sink *self = c->self;
    lt_env *env = self->base.ctx->env;
    cleaning_dir dir = {.c = c, .descend = depth < self->base.ctx->partition_count};
    lt_status st = env->list(env, path, sort_entry, &dir, err);
    if (st == LT_ERR_NOMEM) {
        (void)lt_error_nomem(err, "a directory listing");
    }
    for (size_t i = 0; st == LT_OK && i < dir.leftovers.count; i++) {
        char *file = lt_arena_printf(c->arena, "%s/%s", path, dir.leftovers.items[i]);
        if (file == NULL) {
            st = lt_error_nomem(err, "a path");
        } else if (!is_known(c, file)) {
            st = env->unlink(env, file, err);
        }
    }
    for (size_t i = 0; st == LT_OK && i < dir.dirs.count; i++) {
        char *inner = lt_arena_printf(c->arena, "%s/%s", path, dir.dirs.items[i]);
        st = inner == NULL ? lt_error_nomem(err, "a path") : clean_dir(c, inner, depth + 1, err);
    }
    lt_array_deinit(&dir.leftovers, lt_fs_mem(self));
    lt_array_deinit(&dir.dirs, lt_fs_mem(self));
    return st;
}

/* Removes the owner's hidden files that the sink does not know. */
static lt_status remove_leftovers(lt_fs_sink *self, const identity *id, lt_error *err)
{
    cleaning c = {.self = self, .arena = lt_arena_new(lt_fs_mem(self), ARENA_MAX)};
    lt_text marker;
    lt_status st = LT_OK;
    if (!marker_path(self, id, &marker) || c.arena == NULL) {
        st = lt_error_nomem(err, "a directory listing");
    } else {
        (void)snprintf(c.prefix, sizeof c.prefix, ".part-%016llx-", (unsigned long long)id->token);
        c.marker = marker.ptr;
        st = clean_dir(&c, self->path, 0, err);
    }
    lt_text_deinit(&marker);
    lt_arena_free(c.arena);
    return st;
}

lt_status lt_fs_clean(lt_fs_sink *self, lt_error *err)
{
    if (self->token == 0 || self->cleaned) {
        return LT_OK;
    }
    identity id = own_identity(self);
    LT_TRY(remove_leftovers(self, &id, err));
    self->cleaned = true;
    return LT_OK;
}

/* ---- save ---- */

/* Asks for the file to be synced unless all of it is known to be on disk. */
static void list_part(lt_fs_part *part, uint64_t checkpoint, lt_text *syncs)
{
    if (part->durable != part->bytes) {
        lt_text_append(syncs, part->hidden, strlen(part->hidden) + 1);
        part->listed = part->bytes;
        part->listed_in = checkpoint;
    }
}

static void put_part(const lt_fs_sink *self, const lt_fs_part *part, int64_t idle_ns, lt_text *to)
{
    size_t root = strlen(self->path) + 1;
    lt_pos_put_str(to, lt_str_of(part->hidden + root));
    lt_pos_put_str(to, lt_str_of(part->visible + root));
    lt_pos_put_u64(to, (uint64_t)part->bytes);
    lt_pos_put_u64(to, part->rows);
    lt_pos_put_u64(to, (uint64_t)(lt_fs_now_ns(self) - part->opened_ns));
    lt_pos_put_u64(to, (uint64_t)idle_ns);
}

static void put_head(const lt_fs_sink *self, uint64_t checkpoint, lt_text *to)
{
    lt_pos_put_u64(to, STATE_VERSION);
    lt_pos_put_u64(to, checkpoint);
    lt_pos_put_u64(to, self->token);
    lt_pos_put_u64(to, self->run[0]);
    lt_pos_put_u64(to, self->run[1]);
    lt_pos_put_u64(to, self->file_no);
    lt_pos_put_u64(to, self->base.rows);
    lt_pos_put_u64(to, self->base.bytes);
    lt_pos_put_u64(to, self->finished ? FLAG_FINISHED : 0);
}

static void put_files(lt_fs_sink *self, uint64_t checkpoint, lt_text *to, lt_text *syncs)
{
    int64_t now = lt_fs_now_ns(self);
    uint64_t growing = 0;
    for (size_t i = 0; i < self->writers.count; i++) {
        growing += self->writers.items[i]->file != NULL;
    }
    lt_pos_put_u64(to, growing);
    for (size_t i = 0; i < self->writers.count; i++) {
        lt_fs_writer *w = self->writers.items[i];
        if (w->file != NULL) {
            put_part(self, &w->part, now - w->written_ns, to);
            list_part(&w->part, checkpoint, syncs);
        }
    }
    lt_pos_put_u64(to, self->ready.count);
    for (size_t i = 0; i < self->ready.count; i++) {
        lt_fs_part *part = &self->ready.items[i];
        part->ready_in = LT_MIN(part->ready_in, checkpoint);
        put_part(self, part, 0, to);
        list_part(part, checkpoint, syncs);
    }
}

lt_status lt_fs_save(lt_sink *sink, uint64_t checkpoint, lt_text *to, lt_text *syncs, lt_error *err)
{
    lt_fs_sink *self = (lt_fs_sink *)sink;
    if (self->broken) {
        return lt_fs_refuse_broken(self, err);
    }
    LT_TRY(lt_fs_clean(self, err));
    /* A file that is due goes with this checkpoint, not with the one after the next look at it. */
    LT_TRY(lt_fs_roll_due(self, err));
    for (size_t i = 0; i < self->writers.count; i++) {
        lt_status st =
            LT_MUTANT(SAVE_UNFLUSHED) ? LT_OK : lt_fs_writer_out(self, self->writers.items[i], err);
        if (st != LT_OK) {
            return lt_fs_broken(self, st, err);
        }
    }
    if (self->finished) {
        self->finished_in = LT_MIN(self->finished_in, checkpoint);
    }
    size_t start = to->len;
    put_head(self, checkpoint, to);
    put_files(self, checkpoint, to, syncs);
    lt_pos_put_u64(to, self->partitions.count);
    for (size_t i = 0; i < self->partitions.count; i++) {
        lt_pos_put_str(to, lt_str_of(self->partitions.items[i].dir));
        lt_pos_put_u64(to, (uint64_t)(lt_fs_now_ns(self) - self->partitions.items[i].since_ns));
    }
    if (!to->failed) {
        lt_pos_put_u64(to, lt_crc32c(to->ptr + start, to->len - start, 0));
    }
    return to->failed || syncs->failed ? lt_error_nomem(err, "a checkpoint") : LT_OK;
}

/* ---- commit ---- */

/* `k=v/` of a file's path. */
static lt_str dir_of(const lt_fs_sink *self, const char *path)
{
    const char *name = path + strlen(self->path) + 1;
    const char *slash = strrchr(name, '/');
    return (lt_str){name, slash != NULL ? (size_t)(slash - name) + 1 : 0};
}

static lt_status missing(const lt_fs_sink *self, const lt_fs_part *part, uint64_t checkpoint,
                         lt_error *err)
{
    (void)lt_error_set(err, LT_ERR_STATE,
                       "table " LT_STR_FMT
                       ": %s is missing; it has %llu rows that checkpoint %llu covers",
                       LT_STR_ARG(self->base.ctx->table), part->hidden,
                       (unsigned long long)part->rows, (unsigned long long)checkpoint);
    lt_error_hint(err,
                  "put the file back; or start the job afresh, from the beginning of its input");
    return LT_ERR_STATE;
}

static lt_status wrong_size(const lt_fs_sink *self, const lt_fs_part *part, int64_t size,
                            uint64_t checkpoint, lt_error *err)
{
    (void)lt_error_set(err, LT_ERR_STATE,
                       "table " LT_STR_FMT ": %s has %lld bytes, but checkpoint %llu covers %lld",
                       LT_STR_ARG(self->base.ctx->table), part->hidden, (long long)size,
                       (unsigned long long)checkpoint, (long long)part->bytes);
    lt_error_hint(err,
                  "put the whole file back; or start the job afresh, from the beginning of its "
                  "input");
    return LT_ERR_STATE;
}

static lt_status commit_part(const lt_fs_sink *self, const lt_fs_part *part, lt_error *err)
{
    lt_env *env = self->base.ctx->env;
    lt_stat stat;
    if (env->stat(env, part->hidden, &stat, NULL) == LT_OK) {
        if (stat.size != part->bytes) {
            return wrong_size(self, part, stat.size, part->ready_in, err);
        }
        return env->rename(env, part->hidden, part->visible, err);
    }
    if (part->ready_in <= self->committed) {
        return LT_OK; /* who reads the files may have taken it away since */
    }
    if (env->stat(env, part->visible, &stat, NULL) == LT_OK) {
        /* Whoever renamed it may have been stopped before the new name was durable. The next
         * checkpoint will not know the file: renaming it to itself syncs its directory. */
        return env->rename(env, part->visible, part->visible, err);
    }
    return missing(self, part, part->ready_in, err);
}

/* Renames the files that the checkpoint covers whole; *count of them. */
static lt_status commit_parts(lt_fs_sink *self, uint64_t checkpoint, size_t *count, lt_error *err)
{
    size_t kept = 0;
    lt_status st = LT_OK;
    *count = 0;
    for (size_t i = 0; i < self->ready.count; i++) {
        lt_fs_part *part = &self->ready.items[i];
        bool due = st == LT_OK && part->ready_in <= checkpoint;
        if (due) {
            st = commit_part(self, part, err);
        }
        if (due && st == LT_OK) {
            st = lt_fs_note_partition(self, dir_of(self, part->visible), part->opened_ns, err);
        }
        if (due && st == LT_OK) {
            lt_fs_part_free(self, part);
            (*count)++;
        } else {
            self->ready.items[kept++] = *part;
        }
    }
    self->ready.count = kept;
    return st;
}

static void note_durable(lt_fs_part *part, uint64_t checkpoint)
{
    if (part->listed_in != 0 && part->listed_in <= checkpoint) {
        part->durable = part->listed;
    }
}

lt_status lt_fs_commit(lt_sink *sink, uint64_t checkpoint, lt_error *err)
{
    lt_fs_sink *self = (lt_fs_sink *)sink;
    size_t count;
    if (self->broken) {
        return lt_fs_refuse_broken(self, err);
    }
    lt_status st = commit_parts(self, checkpoint, &count, err);
    if (st != LT_OK) {
        return lt_fs_broken(self, st, err);
    }
    if (count > 0) {
        identity id = own_identity(self);
        write_marker(self, &id, checkpoint);
    }
    for (size_t i = 0; i < self->writers.count; i++) {
        note_durable(&self->writers.items[i]->part, checkpoint);
    }
    for (size_t i = 0; i < self->ready.count; i++) {
        note_durable(&self->ready.items[i], checkpoint);
    }
    bool ended = self->finished_in <= checkpoint;
    LT_TRY(lt_fs_commit_partitions(self, ended, err));
    self->done = ended && self->ready.count == 0;
    return LT_OK;
}

/* ---- load ---- */

typedef struct {
    lt_pos_reader reader;
    uint64_t checkpoint;
    identity id;
    bool own;
} saved;

static char *whole_path(const lt_fs_sink *self, lt_str name, size_t *size)
{
    size_t root = strlen(self->path);
    *size = root + 1 + name.len + 1;
    char *path = lt_mem_alloc(lt_fs_mem(self), *size);
    if (path != NULL) {
        memcpy(path, self->path, root);
        path[root] = '/';
        memcpy(path + root + 1, name.ptr, name.len);
        path[root + 1 + name.len] = '\0';
    }
    return path;
}

/* The part owns its names after LT_OK only. */
static lt_status get_part(lt_fs_sink *self, saved *from, lt_fs_part *part, int64_t *idle_ns,
                          lt_error *err)
{
    lt_str hidden = lt_pos_get_str(&from->reader);
    lt_str visible = lt_pos_get_str(&from->reader);
    memset(part, 0, sizeof *part);
    part->bytes = (int64_t)lt_pos_get_u64(&from->reader);
    part->rows = lt_pos_get_u64(&from->reader);
    part->opened_ns = lt_fs_now_ns(self) - (int64_t)lt_pos_get_u64(&from->reader);
    *idle_ns = (int64_t)lt_pos_get_u64(&from->reader);
    part->durable = part->bytes;
    part->ready_in = LT_FS_NOT_SAVED;
    if (from->reader.bad || hidden.len == 0 || visible.len == 0) {
        from->reader.bad = true;
        return LT_OK;
    }
    part->hidden = whole_path(self, hidden, &part->hidden_size);
    part->visible = whole_path(self, visible, &part->visible_size);
    if (part->hidden == NULL || part->visible == NULL) {
        lt_fs_part_free(self, part);
        return lt_error_nomem(err, "a path");
    }
    return LT_OK;
}

/* Opens a growing file at the length that the checkpoint covers. */
static lt_status reopen(const lt_fs_sink *self, const saved *from, lt_fs_part *part, lt_file **out,
                        lt_error *err)
{
    lt_env *env = self->base.ctx->env;
    lt_stat stat;
    *out = NULL;
    if (env->stat(env, part->hidden, &stat, NULL) != LT_OK) {
        if (env->stat(env, part->visible, &stat, NULL) != LT_OK) {
            return missing(self, part, from->checkpoint, err);
        }
        (void)lt_error_set(err, LT_ERR_STATE,
                           "table " LT_STR_FMT ": %s was published after checkpoint %llu; going on "
                           "from there would write its later rows twice",
                           LT_STR_ARG(self->base.ctx->table), part->visible,
                           (unsigned long long)from->checkpoint);
        lt_error_hint(err,
                      "restore the newest checkpoint, or rename the file back to %s: its later "
                      "rows are cut off then",
                      part->hidden);
        return LT_ERR_STATE;
    }
    if (stat.size < part->bytes) {
        return wrong_size(self, part, stat.size, from->checkpoint, err);
    }
    LT_TRY(env->open(env, part->hidden, LT_OPEN_APPEND, out, err));
    /* A cut is not durable before a sync, and neither is one that an earlier restart made and that
     * only shows in the size by now: without it later rows would appear twice. */
    part->durable = -1;
    if (stat.size > part->bytes && !LT_MUTANT(SINK_NOT_CUT)) {
        lt_status st = env->truncate(*out, part->bytes, err);
        if (st != LT_OK) {
            env->close(*out);
            *out = NULL;
            return st;
        }
    }
    return LT_OK;
}

static bool has_writer(const lt_fs_sink *self, lt_str dir)
{
    for (size_t i = 0; i < self->writers.count; i++) {
        if (lt_str_eq(self->writers.items[i]->dir, dir)) {
            return true;
        }
    }
    return false;
}

/* Takes the part over. */
static lt_status resume(lt_fs_sink *self, const saved *from, lt_fs_part *part, int64_t idle_ns,
                        lt_error *err)
{
    lt_file *file;
    lt_str dir = dir_of(self, part->hidden);
    lt_status st = reopen(self, from, part, &file, err);
    if (st == LT_OK && from->own && !has_writer(self, dir)) {
        lt_fs_writer *w = lt_fs_writer_new(self, dir);
        if (w != NULL) {
            w->part = *part;
            w->file = file;
            w->written_ns = lt_fs_now_ns(self) - idle_ns;
            return LT_OK;
        }
        st = lt_error_nomem(err, "a file writer");
    } else if (st == LT_OK) {
        if (lt_array_push(&self->ready, lt_fs_mem(self), *part)) {
            self->base.ctx->env->close(file);
            return LT_OK;
        }
        st = lt_error_nomem(err, "a list of files");
    }
    self->base.ctx->env->close(file);
    lt_fs_part_free(self, part);
    return st;
}

static lt_status get_files(lt_fs_sink *self, saved *from, lt_error *err)
{
    lt_fs_part part;
    int64_t idle_ns;
    uint64_t count = lt_pos_get_u64(&from->reader);
    for (uint64_t i = 0; i < count && !from->reader.bad; i++) {
        LT_TRY(get_part(self, from, &part, &idle_ns, err));
        if (!from->reader.bad) {
            LT_TRY(resume(self, from, &part, idle_ns, err));
        }
    }
    count = lt_pos_get_u64(&from->reader);
    for (uint64_t i = 0; i < count && !from->reader.bad; i++) {
        LT_TRY(get_part(self, from, &part, &idle_ns, err));
        if (from->reader.bad) {
            break;
        }
        if (LT_MUTANT(PENDING_LOST)) {
            lt_fs_part_free(self, &part);
            continue;
        }
        part.ready_in = from->checkpoint;
        if (!lt_array_push(&self->ready, lt_fs_mem(self), part)) {
            lt_fs_part_free(self, &part);
            return lt_error_nomem(err, "a list of files");
        }
    }
    count = lt_pos_get_u64(&from->reader);
    for (uint64_t i = 0; i < count && !from->reader.bad; i++) {
        lt_str dir = lt_pos_get_str(&from->reader);
        int64_t age_ns = (int64_t)lt_pos_get_u64(&from->reader);
        if (!from->reader.bad) {
            LT_TRY(lt_fs_note_partition(self, dir, lt_fs_now_ns(self) - age_ns, err));
        }
    }
    return LT_OK;
}

static lt_status damaged(const lt_fs_sink *self, lt_error *err)
{
    return lt_error_set(err, LT_ERR_STATE,
                        "table " LT_STR_FMT ": what the checkpoint says of its files is damaged",
                        LT_STR_ARG(self->base.ctx->table));
}

static lt_status get_head(lt_fs_sink *self, lt_str bytes, saved *from, lt_error *err)
{
    if (bytes.len < CHECKSUM_BYTES) {
        return damaged(self, err);
    }
    size_t len = bytes.len - CHECKSUM_BYTES;
    lt_pos_reader checksum = {.rest = {bytes.ptr + len, CHECKSUM_BYTES}};
    if (lt_pos_get_u64(&checksum) != lt_crc32c(bytes.ptr, len, 0)) {
        return damaged(self, err);
    }
    memset(from, 0, sizeof *from);
    from->reader.rest = (lt_str){bytes.ptr, len};
    uint64_t version = lt_pos_get_u64(&from->reader);
    if (version != STATE_VERSION) {
        return lt_error_set(err, LT_ERR_STATE,
                            "table " LT_STR_FMT ": the checkpoint has version %llu of a file "
                            "sink's state; this program reads %d",
                            LT_STR_ARG(self->base.ctx->table), (unsigned long long)version,
                            STATE_VERSION);
    }
    from->checkpoint = lt_pos_get_u64(&from->reader);
    from->id.token = lt_pos_get_u64(&from->reader);
    from->id.run[0] = lt_pos_get_u64(&from->reader);
    from->id.run[1] = lt_pos_get_u64(&from->reader);
    from->own = from->id.token == self->token;
    uint64_t file_no = lt_pos_get_u64(&from->reader);
    if (from->own) {
        memcpy(self->run, from->id.run, sizeof self->run);
        self->file_no = file_no;
    }
    self->base.rows += lt_pos_get_u64(&from->reader);
    self->base.bytes += lt_pos_get_u64(&from->reader);
    if ((lt_pos_get_u64(&from->reader) & FLAG_FINISHED) != 0 && from->own) {
        self->finished = true;
        self->finished_in = from->checkpoint;
    }
    return LT_OK;
}

static lt_status load(lt_fs_sink *self, lt_str bytes, lt_error *err)
{
    saved from;
    size_t count;
    LT_TRY(get_head(self, bytes, &from, err));
    LT_TRY(get_files(self, &from, err));
    if (from.reader.bad || from.reader.rest.len > 0) {
        return damaged(self, err);
    }
    if (!LT_MUTANT(LEFTOVERS_KEPT)) {
        LT_TRY(remove_leftovers(self, &from.id, err));
    }
    self->cleaned = self->cleaned || from.own;
    uint64_t marked = read_marker(self, &from.id);
    self->committed = marked;
    LT_TRY(commit_parts(self, from.checkpoint, &count, err));
    self->committed = 0;
    /* A number above comes from a run that went further: it says nothing about what follows. */
    if (marked > from.checkpoint || (count > 0 && marked < from.checkpoint)) {
        write_marker(self, &from.id, from.checkpoint);
    }
    bool ended = self->finished_in <= from.checkpoint;
    LT_TRY(lt_fs_commit_partitions(self, ended, err));
    self->done = ended && self->ready.count == 0;
    return LT_OK;
}

lt_status lt_fs_load(lt_sink *sink, lt_str from, lt_error *err)
{
    lt_fs_sink *self = (lt_fs_sink *)sink;
    lt_status st = load(self, from, err);
    /* What is half loaded must not be written to. */
    self->broken = self->broken || st != LT_OK;
    return st;
}
