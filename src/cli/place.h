/* Where jobs keep their folders, and which of them is meant. */
#pragma once

#include "base/array.h"
#include "cli/cli.h"

typedef enum {
    LT_PLACE_UNKNOWN, /* not looked at */
    LT_PLACE_RUNNING,
    LT_PLACE_STOPPED, /* can be resumed */
    LT_PLACE_DIED,    /* can be resumed; the process did not end in order */
    LT_PLACE_FINISHED /* its input ended; the next start begins anew */
} lt_place_state;

typedef struct {
    const char *dir;
    const char *folder; /* last part of dir */
    const char *name;
    const char *file; /* "" = none */
    int64_t pid;
    int64_t started_ms;
    lt_place_state state;
    int64_t checkpoint_ms; /* of the newest one on disk, since 1970; INT64_MIN = none */
} lt_place;

typedef LT_ARRAY(lt_place) lt_places;

/* path made absolute, without `.`, `..` and doubled slashes; NULL: out of memory, or the working
 * directory is not known. */
const char *lt_place_absolute(const lt_cli *cli, lt_arena *arena, const char *path);

/* `given` (may be NULL), else $XDG_STATE_HOME/leat, else ~/.local/state/leat; NULL: none of them is
 * known. Absolute. */
const char *lt_place_state_dir(const lt_cli *cli, lt_arena *arena, const char *given);

/* All jobs below the directory, by name. None when there is no such directory. */
lt_status lt_places_list(lt_cli *cli, lt_arena *arena, const char *state_dir, lt_places *out,
                         lt_error *err);
/* Finds out whether it runs. */
void lt_place_look(lt_cli *cli, lt_arena *arena, lt_place *place);
const char *lt_place_state_name(lt_place_state state);

/* The one that is meant by a name, the beginning of one, a file, or a folder. must_run: among
 * several only those that run count. LT_ERR_USAGE: none, or several. */
lt_status lt_place_find(lt_cli *cli, lt_arena *arena, const char *state_dir, const char *word,
                        bool must_run, lt_place *out, lt_error *err);
