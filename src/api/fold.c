/* Final rows: a bag of rows. Each insertion adds one, each retraction takes one away; what is left
 * at the end is the result, in order of first appearance. The bag is a state table from whole rows
 * to counts. */
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
    lt_rowcodec *codec;
    lt_batch_pool *pool;
    uint64_t cursor;
    int64_t repeat; /* copies of the current row still to give out */
    void *current;
};

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
    lt_table_decl decl = {.name = "result", .key = fold->codec, .value_size = sizeof(int64_t)};
    return lt_state_table(fold->state, &decl, &fold->table, err);
}

lt_status lt_fold_new(lt_mem *mem, lt_env *env, const lt_schema *schema, lt_fold **out,
                      lt_error *err)
{
    lt_fold *fold = lt_mem_zalloc(mem, sizeof *fold);
    if (fold == NULL) {
        return lt_error_nomem(err, "the result");
    }
    fold->mem = mem;
    fold->schema = schema;
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

lt_status lt_fold_add(lt_fold *fold, const lt_batch *batch, lt_error *err)
{
    uint32_t live = lt_batch_live(batch);
    if (live == 0) {
        return LT_OK;
    }
    lt_arena_reset(fold->scratch, 1 << 20);
    const lt_col **cols = LT_NEW_ARRAY(fold->scratch, const lt_col *, batch->col_count + 1);
    uint32_t *rows = LT_NEW_ARRAY(fold->scratch, uint32_t, live);
    void **values = LT_NEW_ARRAY(fold->scratch, void *, live);
    if (cols == NULL || rows == NULL || values == NULL) {
        return lt_error_nomem(err, "the result");
    }
    for (uint32_t c = 0; c < batch->col_count; c++) {
        cols[c] = &batch->cols[c];
    }
    for (uint32_t i = 0; i < live; i++) {
        rows[i] = lt_batch_row(batch, i);
    }
    lt_rows encoded;
    LT_TRY(lt_rowcodec_encode(fold->codec, cols, rows, live, fold->scratch, &encoded, err));
    LT_TRY(lt_table_probe(fold->table, &encoded, true, values, NULL, err));
    for (uint32_t i = 0; i < live; i++) {
        int64_t *count = values[i];
        *count += lt_kind_is_add(lt_batch_kind(batch, rows[i])) ? 1 : -1;
    }
    /* Rows that cancelled out leave no entry behind. A record may be named more than once in a
     * batch: the first sight marks it, so that it is removed once. */
    uint32_t gone = 0;
    for (uint32_t i = 0; i < live; i++) {
        int64_t *count = values[i];
        if (*count == 0) {
            *count = INT64_MIN;
            values[gone++] = count;
        }
    }
    for (uint32_t i = 0; i < gone; i++) {
        lt_table_remove(fold->table, values[i]);
    }
    return LT_OK;
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
    while (count < LT_BATCH_ROWS_MAX) {
        if (fold->repeat <= 0) {
            if (lt_table_scan(fold->table, &fold->cursor, &fold->current, 1) == 0) {
                break;
            }
            fold->repeat = *(const int64_t *)fold->current;
            continue;
        }
        ptrs[count] = lt_table_key(fold->table, fold->current, &lens[count]);
        count++;
        fold->repeat--;
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
