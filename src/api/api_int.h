/* Private to src/api: the structures behind leat.h. */
#pragma once

#include "bind/bind.h"
#include "connector/host/feeds.h"
#include "expr/timezone.h"
#include "leat/leat.h"
#include "plan/plan.h"
#include "run/job.h"

struct leat {
    lt_mem mem;
    leat_config config;
    lt_arena *arena; /* copies of the configuration's strings */
    lt_env *env;
    bool is_virtual;
    lt_catalog *catalog;
    lt_host_feeds *feeds;
    lt_infer_hook hook;
    leat_job *jobs; /* linked list */
    lt_error error;
    lt_text error_text;
    lt_text ddl_text;
    lt_mem job_mem; /* parent account of all jobs */
};

struct lt_fold;

struct leat_job {
    leat *db;
    leat_job *next;
    lt_arena *arena; /* statement, bound tree, plan, listing */
    lt_plan *plan;   /* NULL: a listing (SHOW, DESCRIBE, EXPLAIN) */
    lt_job *job;
    lt_listing listing;
    bool listing_taken;
    const lt_schema *columns; /* of a query */
    lt_text *type_texts;      /* one per column */
    const lt_zone *zone;  /* of the session when the job started; TIMESTAMP_LTZ is shown in it */
    struct lt_fold *fold; /* final rows only; NULL = changes as they come */
    bool uses_stdin;
    bool broken; /* result rows could not be handed out for want of memory */
    char *name;
    char *rejects_path;
};

struct leat_rows {
    leat_job *job;
    lt_batch *batch; /* NULL: the listing */
    lt_text text;
};

/* errors.c */
leat_status lt_api_status(lt_status st);
/* Renders err (with the statement's text, when it has a position) into db's error text and gives
 * the public status. script may be {NULL, 0}; offset: of the statement in the script. */
leat_status lt_api_fail(leat *db, const lt_error *err, lt_str script, uint32_t offset);

/* infer.c */
lt_status lt_api_infer(lt_infer_hook *hook, lt_catalog *catalog, lt_str name, lt_table_def **out,
                       lt_error *err);

/* statement.c */
lt_status lt_api_plan(leat *db, const lt_bound *bound, lt_arena *arena, lt_plan **out,
                      lt_error *err);

/* job.c */
lt_status lt_api_explain_listing(leat *db, const lt_bound *bound, leat_job *job, lt_error *err);

/* fold.c: the final rows of a bounded query: insertions and retractions cancel out */
typedef struct lt_fold lt_fold;
lt_status lt_fold_new(lt_mem *mem, lt_env *env, const lt_plan_node *sink, lt_fold **out,
                      lt_error *err);
void lt_fold_free(lt_fold *fold); /* accepts NULL */
lt_status lt_fold_add(lt_fold *fold, const lt_batch *batch, lt_error *err);
lt_status lt_fold_next(lt_fold *fold, lt_batch **out, lt_error *err); /* *out NULL = no more */
