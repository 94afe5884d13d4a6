/* Final rows: what is left of a changelog at its end, in order of first appearance.
 *
 * With an upsert key: a state table from the key to the row that it has now. Without one: a bag,
 * from whole rows to counts; each insertion adds one, each retraction takes one away. */
#include <stddef.h>

#include "api/api_int.h"
#include "state/state.h"

#define FOLD_ARENA_MAX ((size_t)1 << 30)

struct lt_fold {
    lt_mem *mem;
    const lt_schema *schema;
    lt_arena *arena;
    lt_arena *scratch;
    lt_state *state;
    lt_table *table;
    lt_rowcodec *codec;     /* whole rows */
    lt_rowcodec *key_codec; /* NULL: a bag */
    const uint32_t *key;    /* columns */
    uint32_t key_count;
    lt_batch_pool *pool;
    uint64_t cursor;
    int64_t repeat; /* copies of the current row still to give out */
    void *current;
};

/* The record of a key. */
typedef struct {
    lt_cell row;     /* encoded; of no meaning unless the key is there */
    int64_t present; /* 1: there; 0: taken back; GONE: marked for removal */
} keyed_row;

#define GONE INT64_MIN

static lt_status open_fold(lt_fold *fold, lt_env *env, lt_error *err)
{
    fold->arena = lt_arena_new(fold->mem, FOLD_ARENA_MAX);
    fold->scratch = lt_arena_new(fold->mem, FOLD_ARENA_MAX);
    fold->state = lt_state_new(fold->mem, env);
    fold->pool = lt_batch_pool_new(fold->mem, 4);
    if (fold->arena == NULL || fold->scratch == NULL || fold->state == NULL || fold->pool == NULL) {
        return lt_error_nomem(err, "the result");
    }
    const lt_type **types = LT_NEW_ARRAY(fold->arena, const lt_type *, fold->schema->count + 1);
    if (types == NULL) {
        return lt_error_nomem(err, "the result");
    }
    for (uint32_t i = 0; i < fold->schema->count; i++) {
        types[i] = fold->schema->fields[i].type;
    }
    fold->codec = lt_rowcodec_new(fold->arena, types, fold->schema->count, false);
    if (fold->codec == NULL) {
        return lt_error_nomem(err, "the result");
    }
    static const uint32_t cells[] = {offsetof(keyed_row, row)};
    lt_table_decl decl = {.name = "result", .key = fold->codec, .value_size = sizeof(int64_t)};
    if (fold->key_count > 0) {
        for (uint32_t i = 0; i < fold->key_count; i++) {
            types[i] = fold->schema->fields[fold->key[i]].type;
        }
        fold->key_codec = lt_rowcodec_new(fold->arena, types, fold->key_count, false);
        if (fold->key_codec == NULL) {
            return lt_error_nomem(err, "the result");
        }
        decl.key = fold->key_codec;
        decl.value_size = sizeof(keyed_row);
        decl.cell_offsets = cells;
        decl.cell_count = 1;
    }
    return lt_state_table(fold->state, &decl, &fold->table, err);
}

lt_status lt_fold_new(lt_mem *mem, lt_env *env, const lt_plan_node *sink, lt_fold **out,
                      lt_error *err)
{
    lt_fold *fold = lt_mem_zalloc(mem, sizeof *fold);
    if (fold == NULL) {
        return lt_error_nomem(err, "the result");
    }
    fold->mem = mem;
    fold->schema = sink->schema;
    fold->key = sink->key;
    fold->key_count = sink->key_count;
    lt_status st = open_fold(fold, env, err);
    if (st != LT_OK) {
        lt_fold_free(fold);
        return st;
    }
    *out = fold;
    return LT_OK;
}

void lt_fold_free(lt_fold *fold)
{
    if (fold == NULL) {
        return;
    }
    lt_state_free(fold->state);
    lt_arena_free(fold->scratch);
    lt_arena_free(fold->arena);
    lt_batch_pool_free(fold->pool);
    lt_mem_free(fold->mem, fold, sizeof *fold);
}

/* The live rows' encodings (of the key columns when `by_key`). */
static lt_status encode(lt_fold *fold, const lt_batch *batch, const uint32_t *rows, bool by_key,
                        lt_rows *out, lt_error *err)
{
    uint32_t count = by_key ? fold->key_count : batch->col_count;
    const lt_col **cols = LT_NEW_ARRAY(fold->scratch, const lt_col *, count + 1);
    if (cols == NULL) {
        return lt_error_nomem(err, "the result");
    }
    for (uint32_t c = 0; c < count; c++) {
        cols[c] = &batch->cols[by_key ? fold->key[c] : c];
    }
    return lt_rowcodec_encode(by_key ? fold->key_codec : fold->codec, cols, rows,
                              lt_batch_live(batch), fold->scratch, out, err);
}

/* Rows that cancelled out leave no entry behind. A record may be named more than once in a batch:
 * the first sight marks it, so that it is removed once. `count` finds its word of life. */
static void remove_gone(lt_fold *fold, void **values, uint32_t live, size_t word)
{
    uint32_t gone = 0;
    for (uint32_t i = 0; i < live; i++) {
        int64_t *life = (int64_t *)(void *)((char *)values[i] + word);
        if (*life == 0) {
            *life = GONE;
            values[gone++] = values[i];
        }
    }
    for (uint32_t i = 0; i < gone; i++) {
        lt_table_remove(fold->table, values[i]);
    }
}

static lt_status add_keyed(lt_fold *fold, const lt_batch *batch, const uint32_t *rows,
                           void **values, lt_error *err)
{
    uint32_t live = lt_batch_live(batch);
    lt_rows keys;
    lt_rows whole;
    LT_TRY(encode(fold, batch, rows, true, &keys, err));
    LT_TRY(encode(fold, batch, rows, false, &whole, err));
    LT_TRY(lt_table_probe(fold->table, &keys, true, values, NULL, err));
    lt_cells *cells = lt_table_cells(fold->table);
    for (uint32_t i = 0; i < live; i++) {
        keyed_row *record = values[i];
        record->present = lt_kind_is_add(lt_batch_kind(batch, rows[i])) ? 1 : 0;
        if (record->present == 1 &&
            !lt_cells_set(cells, &record->row, lt_rows_ptr(&whole, i), lt_rows_len(&whole, i))) {
            return lt_error_nomem(err, "the result");
        }
    }
    remove_gone(fold, values, live, offsetof(keyed_row, present));
    return LT_OK;
}

static lt_status add_to_bag(lt_fold *fold, const lt_batch *batch, const uint32_t *rows,
                            void **values, lt_error *err)
{
    uint32_t live = lt_batch_live(batch);
    lt_rows whole;
    LT_TRY(encode(fold, batch, rows, false, &whole, err));
    LT_TRY(lt_table_probe(fold->table, &whole, true, values, NULL, err));
    for (uint32_t i = 0; i < live; i++) {
        int64_t *count = values[i];
        *count += lt_kind_is_add(lt_batch_kind(batch, rows[i])) ? 1 : -1;
    }
    remove_gone(fold, values, live, 0);
    return LT_OK;
}

lt_status lt_fold_add(lt_fold *fold, const lt_batch *batch, lt_error *err)
{
    uint32_t live = lt_batch_live(batch);
    if (live == 0) {
        return LT_OK;
    }
    lt_arena_reset(fold->scratch, 1 << 20);
    uint32_t *rows = LT_NEW_ARRAY(fold->scratch, uint32_t, live);
    void **values = LT_NEW_ARRAY(fold->scratch, void *, live);
    if (rows == NULL || values == NULL) {
        return lt_error_nomem(err, "the result");
    }
    for (uint32_t i = 0; i < live; i++) {
        rows[i] = lt_batch_row(batch, i);
    }
    return fold->key_count > 0 ? add_keyed(fold, batch, rows, values, err)
                               : add_to_bag(fold, batch, rows, values, err);
}

/* The next row to give out; false = no more. */
static bool next_row(lt_fold *fold, const uint8_t **ptr, uint32_t *len)
{
    while (fold->repeat <= 0) {
        if (lt_table_scan(fold->table, &fold->cursor, &fold->current, 1) == 0) {
            return false;
        }
        const keyed_row *record = fold->current;
        fold->repeat = fold->key_count > 0 ? record->present : *(const int64_t *)fold->current;
    }
    fold->repeat--;
    if (fold->key_count > 0) {
        const keyed_row *record = fold->current;
        *ptr = record->row.ptr;
        *len = record->row.len;
    } else {
        *ptr = lt_table_key(fold->table, fold->current, len);
    }
    return true;
}

lt_status lt_fold_next(lt_fold *fold, lt_batch **out, lt_error *err)
{
    *out = NULL;
    lt_arena_reset(fold->scratch, 1 << 20);
    const uint8_t **ptrs = LT_NEW_ARRAY(fold->scratch, const uint8_t *, LT_BATCH_ROWS_MAX);
    uint32_t *lens = LT_NEW_ARRAY(fold->scratch, uint32_t, LT_BATCH_ROWS_MAX);
    if (ptrs == NULL || lens == NULL) {
        return lt_error_nomem(err, "the result");
    }
    uint32_t count = 0;
    while (count < LT_BATCH_ROWS_MAX && next_row(fold, &ptrs[count], &lens[count])) {
        count++;
    }
    if (count == 0) {
        return LT_OK;
    }
    lt_batch *batch = lt_batch_new(fold->pool, fold->schema, LT_BATCH_ROWS_MAX);
    lt_col **cols = LT_NEW_ARRAY(fold->scratch, lt_col *, fold->schema->count + 1);
    if (batch == NULL || cols == NULL) {
        lt_batch_unref(batch);
        return lt_error_nomem(err, "the result");
    }
    for (uint32_t c = 0; c < fold->schema->count; c++) {
        cols[c] = &batch->cols[c];
    }
    lt_status st = lt_rowcodec_decode(fold->codec, ptrs, lens, count, LT_BATCH_ROWS_MAX, true,
                                      batch->arena, cols, err);
    if (st != LT_OK) {
        lt_batch_unref(batch);
        return st;
    }
    batch->row_count = count;
    *out = batch;
    return LT_OK;
}
