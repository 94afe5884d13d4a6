/* Private to inspect*.c. */
#pragma once

#include "api/api_int.h"
#include "base/array.h"

/* Fills job->listing cell by cell, row by row. Failures stick; lt_listing_end tells. */
typedef struct {
    leat *db;
    leat_job *job;
    LT_ARRAY(lt_str) cells;
    lt_text cell;
    bool failed;
} lt_listing_builder;

/* headers outlive the job. */
void lt_listing_begin(lt_listing_builder *list, leat *db, leat_job *job, const char *const *headers,
                      uint32_t column_count);
void lt_listing_text(lt_listing_builder *list, lt_str text);
void lt_listing_null(lt_listing_builder *list);
void lt_listing_int(lt_listing_builder *list, int64_t number);
void lt_listing_time(lt_listing_builder *list, int64_t ms);
/* st: how filling it went; to be called in every case. */
lt_status lt_listing_end(lt_listing_builder *list, lt_status st, lt_error *err);

/* A savepoint's directory or a manifest: its state tables, or the records of one. */
lt_status lt_api_inspect_one(leat *db, const char *path, const char *table, leat_job *job,
                             lt_error *err);
