/* State tables: the only long-lived memory an operator has. In open() an operator declares its
 * tables; reads and writes go in batches through this API; the framework snapshots, accounts, lists
 * (and later spills and rescales) them.
 *
 * A value record is value_size fixed bytes, 8-byte aligned, at a stable address until removed.
 * Record bytes are in a documented machine-independent form (little-endian scalars); cells at the
 * declared offsets hold what varies in length. Records are zeroed when created. Iteration is in
 * order of creation, so results do not depend on hash values. */
#pragma once

#include "base/status.h"
#include "data/cells.h"
#include "data/rowcodec.h"
#include "os/env.h"

typedef struct lt_state lt_state;   /* all tables of one operator */
typedef struct lt_table lt_table;   /* key row -> record */
typedef struct lt_slices lt_slices; /* slice end (event ms) -> table, dropped whole */
typedef struct lt_timers lt_timers; /* ordered set of (event ms, key bytes) */

typedef struct {
    const char *name;             /* unique in the operator; static */
    const lt_rowcodec *key;       /* plain codec; NULL = one record without a key */
    uint32_t value_size;          /* bytes per record; 0 = a set */
    const uint32_t *cell_offsets; /* where lt_cell members lie in the record */
    uint32_t cell_count;
    int64_t ttl_ms; /* 0 = never; processing-time idleness: a probe with create is a use, one
                       without is not */
} lt_table_decl;

/* env gives the clock for TTL. NULL = out of memory. */
lt_state *lt_state_new(lt_mem *mem, lt_env *env);
void lt_state_free(lt_state *state); /* accepts NULL */

lt_status lt_state_table(lt_state *state, const lt_table_decl *decl, lt_table **out, lt_error *err);
lt_status lt_state_slices(lt_state *state, const lt_table_decl *decl, lt_slices **out,
                          lt_error *err);
lt_status lt_state_timers(lt_state *state, const char *name, lt_timers **out, lt_error *err);
int64_t lt_state_rows(
    const lt_state *state); /* live records of all tables and slices; timers do not count */

/* ---- tables ---- */

/* All functions that take a hash mean lt_row_hash of the key bytes, which encode gives. With a TTL,
 * records that were idle too long are as good as absent, and a probe may remove some: pointers from
 * earlier callbacks are void then. */

/* Looks up rows->count keys; values[i] = the record, or NULL when absent and !create. With create,
 * absent keys get a zeroed record and fresh[i] = 1 for the first row that made it (fresh may be
 * NULL). Hashing is done; the probe prefetches. Duplicate keys within a batch give the same record.
 */
lt_status lt_table_probe(lt_table *table, const lt_rows *rows, bool create, void **values,
                         uint8_t *fresh, lt_error *err);
/* One key. */
lt_status lt_table_get(lt_table *table, const void *key, uint32_t key_len, uint64_t hash,
                       bool create, void **value, bool *fresh, lt_error *err);
/* Removes a record (its cells are freed). value came from this table. */
void lt_table_remove(lt_table *table, void *value);
void lt_table_clear(lt_table *table);
uint64_t lt_table_count(const lt_table *table);
lt_cells *lt_table_cells(lt_table *table); /* the store for this table's cells */

/* The key bytes of a record (var form: *len is exact). */
const uint8_t *lt_table_key(const lt_table *table, const void *value, uint32_t *len);

/* Walks records in order of creation. cursor starts at 0; fills up to max values, returns how many
 * (0 = end). Records created during the walk may be seen; removing those already returned is
 * allowed. One walk of a table at a time where records are removed in between. */
uint32_t lt_table_scan(const lt_table *table, uint64_t *cursor, void **values, uint32_t max);

/* ---- slices ---- */
lt_status lt_slices_get(lt_slices *slices, int64_t slice_end, bool create, lt_table **out,
                        lt_error *err); /* *out NULL when absent */
lt_table *lt_slices_first(const lt_slices *slices,
                          int64_t *slice_end); /* smallest end; NULL = none */
lt_table *lt_slices_next(const lt_slices *slices, int64_t after,
                         int64_t *slice_end); /* smallest end > after */
void lt_slices_drop(lt_slices *slices, int64_t slice_end);
/* 64 bits of the operator's own beside each slice (a row count); saved with it. */
int64_t *lt_slices_tag(lt_slices *slices, int64_t slice_end);

/* ---- timers ---- */
lt_status lt_timers_add(lt_timers *timers, int64_t at_ms, const void *key, uint32_t key_len,
                        lt_error *err); /* adding twice = once */
void lt_timers_remove(lt_timers *timers, int64_t at_ms, const void *key, uint32_t key_len);
/* The earliest timer with at_ms <= until; false = none. Bytes are valid until the next call. pop
 * removes it. Order: time, then key bytes. */
bool lt_timers_pop(lt_timers *timers, int64_t until, int64_t *at_ms, const uint8_t **key,
                   uint32_t *key_len);
int64_t lt_timers_next(const lt_timers *timers); /* LT_WATERMARK_MAX when empty */

/* ---- snapshot ---- */

/* Appends all tables to `to`: versioned, self-describing, checksummed (docs/internals/state.md). */
lt_status lt_state_save(const lt_state *state, lt_text *to, lt_error *err);
/* Loads into declared, empty tables; LT_ERR_STATE when damaged or when a table's description
 * differs (a TTL may come, go or change). *used = bytes consumed. After an error all tables are
 * empty. */
lt_status lt_state_load(lt_state *state, const void *bytes, size_t size, size_t *used,
                        lt_error *err);
