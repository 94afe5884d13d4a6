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

typedef struct lt_state lt_state;     /* all tables of one operator */
typedef struct lt_table lt_table;     /* key row -> record */
typedef struct lt_slices lt_slices;   /* slice end (event ms) -> table, dropped whole */
typedef struct lt_timers lt_timers;   /* ordered set of (event ms, key bytes) */
typedef struct lt_lists lt_lists;     /* key row -> rows in order of arrival */
typedef struct lt_ordered lt_ordered; /* key row -> records in order of bytes that compare */

/* What a record holds at an offset, for people who look into a checkpoint. Text and bytes are
 * cells.
 */
typedef struct {
    const char *name;
    const lt_type *type;
    uint32_t offset;
} lt_state_field;

typedef struct {
    const char *name;             /* unique in the operator; static */
    const lt_rowcodec *key;       /* plain codec; NULL = one record without a key */
    uint32_t value_size;          /* bytes per record; 0 = a set */
    const uint32_t *cell_offsets; /* where lt_cell members lie in the record */
    uint32_t cell_count;
    int64_t ttl_ms;        /* 0 = never; processing-time idleness: a probe with create is a use, one
                              without is not */
    uint32_t group_fields; /* leading key fields by which rows were dealt to tasks: their encoding's
                              hash gives the record's key group; 0 = not dealt, one task; or
                              LT_GROUP_NUMBER */
    const lt_state_field *fields; /* of the record; may be NULL: its bytes are shown as they are */
    uint32_t field_count;
} lt_table_decl;

/* group_fields: the first key field is a BIGINT NOT NULL that the operator numbers its records
 * with; its low LT_GROUP_NUMBER_BITS are the key group. */
#define LT_GROUP_NUMBER      UINT32_MAX
#define LT_GROUP_NUMBER_BITS 7

typedef struct {
    const char *name;       /* unique in the operator; static */
    const lt_rowcodec *key; /* plain codec that made the timers' key bytes; NULL = any bytes */
    uint32_t group_fields;  /* as in lt_table_decl; LT_GROUP_NUMBER: the last key byte has it */
} lt_timers_decl;

/* env gives the clock for TTL. NULL = out of memory. */
lt_state *lt_state_new(lt_mem *mem, lt_env *env);
void lt_state_free(lt_state *state);          /* accepts NULL */
bool lt_state_is_used(const lt_state *state); /* has anything been declared? */

lt_status lt_state_table(lt_state *state, const lt_table_decl *decl, lt_table **out, lt_error *err);
lt_status lt_state_slices(lt_state *state, const lt_table_decl *decl, lt_slices **out,
                          lt_error *err);
/* Timers that are not dealt by key. */
lt_status lt_state_timers(lt_state *state, const char *name, lt_timers **out, lt_error *err);
lt_status lt_state_keyed_timers(lt_state *state, const lt_timers_decl *decl, lt_timers **out,
                                lt_error *err);
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
/* As a probe without create, for reading alone: nothing is copied for a snapshot under way. */
void lt_table_peek(lt_table *table, const lt_rows *rows, const void **values);
/* One key. */
lt_status lt_table_get(lt_table *table, const void *key, uint32_t key_len, uint64_t hash,
                       bool create, void **value, bool *fresh, lt_error *err);
/* Removes a record (its cells are freed). value came from this table. */
void lt_table_remove(lt_table *table, void *value);
void lt_table_clear(lt_table *table);
uint64_t lt_table_count(const lt_table *table);
lt_cells *lt_table_cells(lt_table *table); /* the store for this table's cells, until it is
                                               cleared */

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
/* 64 bits of the operator's own beside each slice (a row count); saved with it. A sum: when state
 * is dealt anew, one task gets it, and what comes together is added. */
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

/* ---- lists ---- */

typedef enum {
    LT_LISTS_BAG,   /* all rows, equal ones too */
    LT_LISTS_KEYED, /* rows of a list have ids: a row takes the place of the one with its id */
    LT_LISTS_SINGLE /* one row a list, the newest */
} lt_lists_form;

typedef struct {
    const char *name;       /* unique in the operator; static */
    const lt_rowcodec *key; /* plain codec; never NULL */
    uint32_t group_fields;  /* as in lt_table_decl */
    int64_t ttl_ms;         /* as in lt_table_decl, for a list as a whole; appending and
                               lt_lists_mark_set are uses */
    lt_lists_form form;
    bool marked; /* each row has a mark, a number of the operator's own */
} lt_lists_decl;

/* What is done to lists, in order: row i is added to the list of key i, or taken away from it. */
typedef struct {
    const lt_rows *keys;
    const lt_rows *rows;  /* LT_LISTS_KEYED: row i ends with the bytes of id i */
    const lt_rows *ids;   /* LT_LISTS_KEYED alone, else NULL */
    const int32_t *marks; /* of added rows, where lists are marked; NULL = 0 */
    const uint8_t *adds;  /* 0 = take away; NULL = all are added */
    uint8_t *found;       /* out, of rows taken away: was there one? May be NULL without these */
} lt_lists_change;

lt_status lt_state_lists(lt_state *state, const lt_lists_decl *decl, lt_lists **out, lt_error *err);
/* cursors[i] = the first row of the list of key i, 0 = none. Changes nothing. */
lt_status lt_lists_find(lt_lists *lists, const lt_rows *keys, uint64_t *cursors, lt_error *err);
/* sizes[i] = how many rows the list of key i has. Changes nothing. */
void lt_lists_sizes(lt_lists *lists, const lt_rows *keys, uint32_t *sizes);
/* The row at *cursor, which moves on and is 0 behind the last one. Bytes are valid until the next
 * change of these lists, cursors likewise. */
void lt_lists_next(lt_lists *lists, uint64_t *cursor, const uint8_t **bytes, uint32_t *len);
/* Appends rows[i] to the list of keys[i]. After an error the rows before the one that failed are
 * there. */
lt_status lt_lists_append(lt_lists *lists, const lt_rows *keys, const lt_rows *rows, lt_error *err);
/* Takes away the oldest row of the list of keys[i] that equals rows[i]; found[i] = 0 when there is
 * none. */
lt_status lt_lists_remove(lt_lists *lists, const lt_rows *keys, const lt_rows *rows, uint8_t *found,
                          lt_error *err);
/* Both kinds of changes. Which row is taken away: LT_LISTS_BAG the oldest equal one, LT_LISTS_KEYED
 * the one with that id, LT_LISTS_SINGLE the one there is. */
lt_status lt_lists_apply(lt_lists *lists, const lt_lists_change *change, lt_error *err);
uint64_t lt_lists_count(const lt_lists *lists); /* rows of all lists */
/* The mark of the row at a cursor (as it was before lt_lists_next). Setting it keeps cursors. */
int32_t lt_lists_mark(const lt_lists *lists, uint64_t cursor);
void lt_lists_mark_set(lt_lists *lists, uint64_t cursor, int32_t mark);

/* ---- ordered maps ---- */

typedef struct {
    const char *name;       /* unique in the operator; static */
    const lt_rowcodec *key; /* plain codec; never NULL */
    uint32_t value_size;    /* as in lt_table_decl, likewise the cells */
    const uint32_t *cell_offsets;
    uint32_t cell_count;
    uint32_t group_fields; /* as in lt_table_decl */
    int64_t ttl_ms; /* as in lt_table_decl, for a map as a whole; a probe with create is a use */
} lt_ordered_decl;

/* A key's map. Given out by lt_ordered_probe; void after its last record was removed, and at the
 * end of the callback. */
typedef struct lt_ordered_map lt_ordered_map;

lt_status lt_state_ordered(lt_state *state, const lt_ordered_decl *decl, lt_ordered **out,
                           lt_error *err);
/* maps[i] = the map of keys' row i; NULL when it has no record and !create. A map that was created
 * and got no record is to be given back with lt_ordered_trim. With a TTL, maps of other keys may be
 * removed. */
lt_status lt_ordered_probe(lt_ordered *ordered, const lt_rows *keys, bool create,
                           lt_ordered_map **maps, lt_error *err);
void lt_ordered_trim(lt_ordered *ordered, lt_ordered_map *map);
uint32_t lt_ordered_size(const lt_ordered_map *map);
/* The record under these bytes (memcmp order; shorter before longer); made and zeroed when absent
 * and create, else NULL. Costs the logarithm of the map's size. Records are at stable addresses and
 * may be changed in this callback; fresh may be NULL. */
lt_status lt_ordered_get(lt_ordered *ordered, lt_ordered_map *map, lt_str bytes, bool create,
                         void **value, bool *fresh, lt_error *err);
/* The first record whose bytes are >= these; NULL = none. */
void *lt_ordered_seek(const lt_ordered *ordered, const lt_ordered_map *map, lt_str bytes);
void *lt_ordered_first(const lt_ordered *ordered, const lt_ordered_map *map); /* NULL = none */
void *lt_ordered_last(const lt_ordered *ordered, const lt_ordered_map *map);
/* Brings what a look at the last record needs closer: the record itself, then, once it is there,
 * its bytes. */
void lt_ordered_prefetch_last(const lt_ordered *ordered, const lt_ordered_map *map, bool bytes);
void *lt_ordered_next(const lt_ordered *ordered, const void *value); /* NULL = that was the last */
void *lt_ordered_prev(const lt_ordered *ordered, const void *value);
lt_str lt_ordered_bytes(const lt_ordered *ordered, const void *value);
/* For records found by seek, first, .. before they are changed. */
void lt_ordered_touch(lt_ordered *ordered, void *value);
void lt_ordered_remove(lt_ordered *ordered, lt_ordered_map *map, void *value);
/* As remove, but a map without records stays: for callers that go on with it and trim it later. */
void lt_ordered_take(lt_ordered *ordered, lt_ordered_map *map, void *value);
/* Removes the records with from <= bytes < to; to.ptr NULL = to the end. Returns how many. */
uint64_t lt_ordered_remove_range(lt_ordered *ordered, lt_ordered_map *map, lt_str from, lt_str to);
lt_cells *lt_ordered_cells(lt_ordered *ordered);      /* the store for the records' cells */
uint64_t lt_ordered_count(const lt_ordered *ordered); /* records of all maps */

/* ---- snapshot ---- */

/* Appends all tables to `to`, in the blocks of a checkpoint (docs/internals/state.md). */
lt_status lt_state_save(const lt_state *state, lt_text *to, lt_error *err);
/* Loads into declared, empty tables; LT_ERR_STATE when damaged or when a table's description
 * differs (a TTL may come, go or change). *used = bytes consumed. After an error all tables are
 * empty. */
lt_status lt_state_load(lt_state *state, const void *bytes, size_t size, size_t *used,
                        lt_error *err);

/* ---- checkpoints: copy-on-write ----
 *
 * begin() fixes what the snapshot holds, in time proportional to the number of tables and slices,
 * on the task's thread. After that the task goes on changing its tables (a block that has not been
 * written yet is copied before its first change) while one other thread asks for the blocks. Rules
 * for operators: a record may be changed only in the callback that probed it for writing
 * (lt_table_probe, lt_table_get) or touched it (lt_table_touch). */
typedef struct lt_state_snap lt_state_snap;

typedef struct {
    uint64_t id;    /* the block's place: the same block has the same id in every checkpoint */
    bool unchanged; /* its bytes are those of the base; bytes is NULL then */
    const uint8_t *bytes; /* valid until the next call */
    size_t len;
} lt_state_block;

/* The base is the last snapshot that ended as committed. incremental false: every block comes with
 * its bytes. One snapshot at a time per state. */
lt_status lt_state_snap_begin(lt_state *state, bool incremental, lt_state_snap **out,
                              lt_error *err);
/* The next block, in a fixed order; LT_END = that was all. From any one thread. After an error the
 * snapshot can only be ended. */
lt_status lt_state_snap_next(lt_state_snap *snap, lt_state_block *out, lt_error *err);
/* From any one thread; the state must outlive its snapshot. committed: the checkpoint is durable
 * and becomes the base. What the task's thread still keeps for it is freed by the thread that asks
 * for the next snapshot's blocks. */
void lt_state_snap_end(lt_state_snap *snap, bool committed);

/* For records found by a scan, before they are changed. */
void lt_table_touch(lt_table *table, void *value);

typedef struct lt_state_loader lt_state_loader;

/* Loads one snapshot's blocks, in their order, into declared tables. Tables must be empty for the
 * first; further snapshots (of other tasks of the same operator, when the parallelism was another)
 * are added. Only records of key groups first..last (inclusive) are taken; 0, LT_KEY_GROUPS - 1 =
 * all. LT_ERR_STATE: not the declared tables, or damaged; all tables are empty then. */
lt_status lt_state_load_begin(lt_state *state, uint32_t group_first, uint32_t group_last,
                              lt_state_loader **out, lt_error *err);
lt_status lt_state_load_block(lt_state_loader *loader, uint64_t id, const uint8_t *bytes,
                              size_t len, lt_error *err);
/* Frees. abandon: after an error elsewhere; empties the tables. */
lt_status lt_state_load_end(lt_state_loader *loader, bool abandon, lt_error *err);
