/* The control socket's protocol: one JSON object a line, there and back.
 *
 *   {"do":"ps"}                                   -> {"ok":true,"state":"running",..}
 *   {"do":"status","as":"text"|"json"}            -> {"ok":true,"text":".."} or
 * {"ok":true,"status":{..}}
 *   {"do":"checkpoint"}                           -> {"ok":true,"checkpoint":12}
 *   {"do":"savepoint","path":"/dir" or absent}    -> {"ok":true,"path":"/dir"}
 *   {"do":"stop","drain":true,"path":"/dir"}      -> {"ok":true,"state":"stopped",..}
 *   anything that fails                           -> {"ok":false,"code":5,"error":".."}
 *
 * The last three are answered once they are done; a peer asks for one thing at a time. */
#pragma once

#include "cli/jobs.h"

typedef enum { LT_VERB_NONE, LT_VERB_CHECKPOINT, LT_VERB_SAVEPOINT, LT_VERB_STOP } lt_verb;

/* What a peer waits for. Zero = nothing. */
typedef struct {
    lt_verb verb;
    bool begun;                 /* the engine has taken it */
    uint64_t completed, failed; /* checkpoints, when it was taken */
    char before[256];           /* the last savepoint then */
    char path[2048];            /* "" = none */
} lt_pending;

/* Carries a request out or begins to. The answer, if there is one already, is appended with a
 * newline. */
void lt_control_request(lt_cli *cli, lt_cli_job *job, lt_str line, lt_pending *pending,
                        lt_text *answer);
/* Looks after a verb under way; appends the answer and clears pending once it is done. */
void lt_control_poll(lt_cli *cli, lt_cli_job *job, lt_pending *pending, lt_text *answer);
