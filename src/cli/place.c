/* Reads what src/api leaves in a job's folder (job.json, lock, checkpoints). */
#include "cli/place.h"

#include "cli/flat.h"

#define CARD_BYTES_MAX ((size_t)1 << 20)

/* ---- paths ---- */

const char *lt_place_absolute(const lt_cli *cli, lt_arena *arena, const char *path)
{
    if (path[0] != '/' && cli->cwd == NULL) {
        return NULL;
    }
    char *joined = path[0] == '/' ? lt_arena_printf(arena, "%s", path)
                                  : lt_arena_printf(arena, "%s/%s", cli->cwd, path);
    size_t len = 0;
    for (size_t at = 0; joined != NULL && joined[at] != '\0';) {
        size_t part = strcspn(joined + at, "/");
        bool is_up = part == 2 && joined[at] == '.' && joined[at + 1] == '.';
        bool is_here = part == 1 && joined[at] == '.';
        if (is_up) {
            while (len > 0 && joined[--len] != '/') {
            }
        } else if (part > 0 && !is_here) {
            joined[len] = '/';
            memmove(joined + len + 1, joined + at, part);
            len += part + 1;
        }
        at += part;
        at += joined[at] == '/';
    }
    if (joined != NULL && len == 0) {
        joined[len++] = '/';
    }
    if (joined != NULL) {
        joined[len] = '\0';
    }
    return joined;
}

const char *lt_place_state_dir(const lt_cli *cli, lt_arena *arena, const char *given)
{
    lt_env *env = cli->env;
    if (given != NULL) {
        return lt_place_absolute(cli, arena, given);
    }
    const char *state = env->getenv(env, "XDG_STATE_HOME");
    const char *home = env->getenv(env, "HOME");
    if (state != NULL && state[0] == '/') {
        return lt_arena_printf(arena, "%s/leat", state);
    }
    return home != NULL && home[0] == '/' ? lt_arena_printf(arena, "%s/.local/state/leat", home)
                                          : NULL;
}

/* ---- listing ---- */

typedef struct {
    lt_cli *cli;
    lt_arena *arena;
    const char *state_dir;
    lt_places *out;
} lister;

static const char *member(lt_cli *cli, lt_arena *arena, lt_str card, const char *key)
{
    lt_text text;
    lt_text_init(&text, cli->mem);
    bool found = lt_flat_text(card, key, &text);
    const char *copy =
        found ? lt_arena_strndup(arena, text.ptr != NULL ? text.ptr : "", text.len) : "";
    lt_text_deinit(&text);
    return copy;
}

/* False: there is no job in the folder. */
static bool read_card(lt_cli *cli, lt_arena *arena, const char *dir, lt_place *out)
{
    lt_text text;
    lt_text_init(&text, cli->mem);
    const char *path = lt_arena_printf(arena, "%s/job.json", dir);
    bool found =
        path != NULL && lt_env_read_file(cli->env, path, CARD_BYTES_MAX, &text, NULL) == LT_OK;
    if (found) {
        lt_str card = lt_str_trim(lt_text_str(&text));
        const char *slash = strrchr(dir, '/');
        *out = (lt_place){.dir = dir, .folder = slash != NULL ? slash + 1 : dir};
        out->checkpoint_ms = INT64_MIN;
        out->name = member(cli, arena, card, "name");
        out->file = member(cli, arena, card, "file");
        (void)lt_flat_int(card, "pid", &out->pid);
        (void)lt_flat_int(card, "started_ms", &out->started_ms);
        if (out->name != NULL && out->name[0] == '\0') {
            out->name = out->folder; /* it was being written */
        }
        found = out->name != NULL && out->file != NULL;
    }
    lt_text_deinit(&text);
    return found;
}

static lt_status list_one(void *arg, const lt_dirent *entry)
{
    lister *self = arg;
    lt_place place;
    if (entry->kind != LT_FILE_DIR) {
        return LT_OK;
    }
    const char *dir = lt_arena_printf(self->arena, "%s/%s", self->state_dir, entry->name);
    if (dir == NULL) {
        return LT_ERR_NOMEM;
    }
    if (!read_card(self->cli, self->arena, dir, &place)) {
        return LT_OK;
    }
    return lt_array_push(self->out, self->cli->mem, place) ? LT_OK : LT_ERR_NOMEM;
}

/* Few: by insertion. */
static void sort(lt_places *places)
{
    for (size_t i = 1; i < places->count; i++) {
        lt_place moved = places->items[i];
        size_t at = i;
        for (; at > 0; at--) {
            const lt_place *before = &places->items[at - 1];
            int order = strcmp(before->name, moved.name);
            if (order < 0 || (order == 0 && strcmp(before->folder, moved.folder) <= 0)) {
                break;
            }
            places->items[at] = places->items[at - 1];
        }
        places->items[at] = moved;
    }
}

lt_status lt_places_list(lt_cli *cli, lt_arena *arena, const char *state_dir, lt_places *out,
                         lt_error *err)
{
    lister self = {cli, arena, state_dir, out};
    lt_stat stat;
    if (cli->env->stat(cli->env, state_dir, &stat, NULL) != LT_OK) {
        return LT_OK;
    }
    lt_status st = cli->env->list(cli->env, state_dir, list_one, &self, err);
    if (st == LT_ERR_NOMEM) {
        return lt_error_nomem(err, "the jobs");
    }
    sort(out);
    return st;
}

/* ---- looking ---- */

static bool there(lt_cli *cli, lt_arena *arena, const char *dir, const char *name)
{
    lt_stat stat;
    const char *path = lt_arena_printf(arena, "%s/%s", dir, name);
    return path != NULL && cli->env->stat(cli->env, path, &stat, NULL) == LT_OK;
}

typedef struct {
    lt_cli *cli;
    lt_arena *arena;
    const char *dir;
    int64_t newest_ms;
} newest;

static lt_status look_at_file(void *arg, const lt_dirent *entry)
{
    newest *self = arg;
    lt_stat stat;
    lt_str name = lt_str_of(entry->name);
    lt_str suffix = LT_STR(".manifest");
    if (name.len < suffix.len ||
        memcmp(name.ptr + name.len - suffix.len, suffix.ptr, suffix.len) != 0) {
        return LT_OK;
    }
    const char *path = lt_arena_printf(self->arena, "%s/%s", self->dir, entry->name);
    if (path != NULL && self->cli->env->stat(self->cli->env, path, &stat, NULL) == LT_OK) {
        self->newest_ms = LT_MAX(self->newest_ms, stat.mtime_ms);
    }
    return LT_OK;
}

static int64_t newest_checkpoint(lt_cli *cli, lt_arena *arena, const char *dir)
{
    const char *checkpoints = lt_arena_printf(arena, "%s/checkpoints", dir);
    newest self = {cli, arena, checkpoints, INT64_MIN};
    if (checkpoints != NULL) {
        (void)cli->env->list(cli->env, checkpoints, look_at_file, &self, NULL);
    }
    return self.newest_ms;
}

void lt_place_look(lt_cli *cli, lt_arena *arena, lt_place *place)
{
    const char *path = lt_arena_printf(arena, "%s/lock", place->dir);
    lt_file *lock = NULL;
    place->checkpoint_ms = newest_checkpoint(cli, arena, place->dir);
    if (path == NULL) {
        return;
    }
    lt_status st = there(cli, arena, place->dir, "lock")
                       ? cli->env->lock(cli->env, path, &lock, NULL, 0, NULL)
                       : LT_OK;
    cli->env->close(lock);
    if (st == LT_ERR_STATE) {
        place->state = LT_PLACE_RUNNING;
    } else if (there(cli, arena, place->dir, "checkpoints/finished")) {
        place->state = LT_PLACE_FINISHED;
    } else {
        /* A process that ends in order takes its socket away. */
        place->state =
            there(cli, arena, place->dir, "control.sock") ? LT_PLACE_DIED : LT_PLACE_STOPPED;
    }
}

const char *lt_place_state_name(lt_place_state state)
{
    switch (state) {
    case LT_PLACE_RUNNING:
        return "running";
    case LT_PLACE_STOPPED:
        return "stopped";
    case LT_PLACE_DIED:
        return "died";
    case LT_PLACE_FINISHED:
        return "finished";
    case LT_PLACE_UNKNOWN:
        break;
    }
    return "unknown";
}

/* ---- which one ---- */

typedef enum { BY_NAME, BY_FILE, BY_FOLDER, BY_PREFIX, WAYS } way;

static bool matches(const lt_place *place, way how, const char *word, const char *absolute)
{
    lt_str prefix = lt_str_of(word);
    switch (how) {
    case BY_NAME:
        return strcmp(place->name, word) == 0;
    case BY_FILE:
        return absolute != NULL && strcmp(place->file, absolute) == 0;
    case BY_FOLDER:
        return strcmp(place->folder, word) == 0;
    case BY_PREFIX:
        return lt_str_starts(lt_str_of(place->name), prefix) ||
               lt_str_starts(lt_str_of(place->folder), prefix);
    case WAYS:
        break;
    }
    return false;
}

static lt_status refuse_several(const lt_places *places, const bool *chosen, const char *word,
                                lt_error *err)
{
    char names[LT_ERROR_HINT_MAX];
    size_t len = 0;
    for (size_t i = 0; i < places->count; i++) {
        size_t more = strlen(places->items[i].folder) + 2;
        if (chosen[i] && len + more < sizeof names - 40) {
            memcpy(names + len, len > 0 ? ", " : "", len > 0 ? 2 : 0);
            len += len > 0 ? 2 : 0;
            memcpy(names + len, places->items[i].folder, more - 2);
            len += more - 2;
        }
    }
    names[len] = '\0';
    lt_error_set(err, LT_ERR_USAGE, "'%s' means several jobs", word);
    lt_error_hint(err, "one of %s", names);
    return LT_ERR_USAGE;
}

static lt_status refuse_none(const lt_places *places, const char *word, const char *state_dir,
                             lt_error *err)
{
    const char *names[64];
    size_t count = 0;
    for (size_t i = 0; i < places->count && count < LT_COUNT_OF(names); i++) {
        names[count++] = places->items[i].name;
    }
    const char *near = lt_str_nearest(lt_str_of(word), names, count);
    lt_error_set(err, LT_ERR_USAGE, "there is no job '%s' in %s", word, state_dir);
    if (near != NULL) {
        lt_error_hint(err, "did you mean '%s'?", near);
    } else {
        lt_error_hint(err, "`leat ps` lists the jobs; --state-dir names another place");
    }
    return LT_ERR_USAGE;
}

/* The first way that fits any job decides. */
static size_t choose(const lt_places *places, const char *word, const char *absolute, bool *chosen)
{
    size_t count = 0;
    for (way how = BY_NAME; how < WAYS && count == 0; how++) {
        for (size_t i = 0; i < places->count; i++) {
            chosen[i] = matches(&places->items[i], how, word, absolute);
            count += chosen[i];
        }
    }
    return count;
}

static size_t keep_running(lt_cli *cli, lt_arena *arena, const lt_places *places, bool *chosen)
{
    size_t running = 0;
    for (size_t i = 0; i < places->count; i++) {
        if (chosen[i]) {
            lt_place_look(cli, arena, &places->items[i]);
            running += places->items[i].state == LT_PLACE_RUNNING;
        }
    }
    for (size_t i = 0; i < places->count && running == 1; i++) {
        chosen[i] = chosen[i] && places->items[i].state == LT_PLACE_RUNNING;
    }
    return running;
}

static lt_status find_among(lt_cli *cli, lt_arena *arena, const lt_places *places,
                            const char *state_dir, const char *word, bool must_run, lt_place *out,
                            lt_error *err)
{
    bool *chosen = LT_NEW_ARRAY(arena, bool, places->count + 1);
    if (chosen == NULL) {
        return lt_error_nomem(err, "the jobs");
    }
    size_t count = choose(places, word, lt_place_absolute(cli, arena, word), chosen);
    if (count == 0) {
        return refuse_none(places, word, state_dir, err);
    }
    if (count > 1 && (!must_run || keep_running(cli, arena, places, chosen) != 1)) {
        return refuse_several(places, chosen, word, err);
    }
    for (size_t i = 0; i < places->count; i++) {
        if (chosen[i]) {
            *out = places->items[i];
        }
    }
    return LT_OK;
}

lt_status lt_place_find(lt_cli *cli, lt_arena *arena, const char *state_dir, const char *word,
                        bool must_run, lt_place *out, lt_error *err)
{
    const char *absolute = lt_place_absolute(cli, arena, word);
    lt_places places = {NULL, 0, 0};
    lt_status st = LT_OK;
    bool is_dir =
        absolute != NULL && strchr(word, '/') != NULL && read_card(cli, arena, absolute, out);
    if (!is_dir) {
        if (state_dir == NULL) {
            lt_error_set(err, LT_ERR_USAGE, "it is not known where jobs keep their state");
            lt_error_hint(err, "--state-dir names the directory");
            return LT_ERR_USAGE;
        }
        st = lt_places_list(cli, arena, state_dir, &places, err);
        if (st == LT_OK) {
            st = find_among(cli, arena, &places, state_dir, word, must_run, out, err);
        }
    }
    if (st == LT_OK) {
        lt_place_look(cli, arena, out);
    }
    lt_array_deinit(&places, cli->mem);
    return st;
}
