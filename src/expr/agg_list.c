/* Entries of value lists; encoding and decoding through the row codec, which knows nested types. */
#include "expr/agg_list.h"

#define HEADER 8u

bool lt_agg_list_at(const lt_cell *cell, uint32_t at, lt_agg_entry *entry)
{
    if (at >= cell->len) {
        return false;
    }
    LT_ASSERT(cell->len - at >= HEADER);
    memcpy(&entry->len, cell->ptr + at, 4);
    memcpy(&entry->count, cell->ptr + at + 4, 4);
    LT_ASSERT(cell->len - at - HEADER >= entry->len);
    entry->bytes = cell->ptr + at + HEADER;
    entry->at = at;
    /* Entries stay 8-aligned: the codec reads values in place. */
    entry->end = at + HEADER + (entry->len + 7) / 8 * 8;
    return true;
}

bool lt_agg_list_append(lt_cells *cells, lt_cell *cell, const uint8_t *bytes, uint32_t len,
                        int32_t count)
{
    static const uint8_t zeros[8];
    uint8_t header[HEADER];
    memcpy(header, &len, 4);
    memcpy(header + 4, &count, 4);
    uint32_t padding = (len + 7) / 8 * 8 - len;
    return lt_cells_append(cells, cell, header, HEADER) &&
           lt_cells_append(cells, cell, bytes, len) &&
           (padding == 0 || lt_cells_append(cells, cell, zeros, padding));
}

void lt_agg_list_remove(lt_cells *cells, lt_cell *cell, const lt_agg_entry *entry)
{
    uint32_t rest = cell->len - entry->end;
    memmove(cell->ptr + entry->at, cell->ptr + entry->end, rest);
    if (entry->at + rest == 0) {
        lt_cells_clear(cells, cell);
    } else {
        bool shrunk = lt_cells_resize(cells, cell, entry->at + rest);
        LT_ASSERT(shrunk);
    }
}

bool lt_agg_list_find(const lt_cell *cell, const uint8_t *bytes, uint32_t len, lt_agg_entry *entry)
{
    for (uint32_t at = 0; lt_agg_list_at(cell, at, entry); at = entry->end) {
        if (entry->len == len && memcmp(entry->bytes, bytes, len) == 0) {
            return true;
        }
    }
    return false;
}

lt_status lt_agg_value_bind(lt_agg_bind_ctx *c, lt_agg_value **out, lt_error *err)
{
    const lt_type *arg = c->agg->args[0]->type;
    if (arg->kind == LT_TYPE_NULL) {
        return lt_agg_refuse(c, err);
    }
    lt_agg_value *bound = LT_NEW(c->b->arena, lt_agg_value);
    const lt_type *plain = lt_type_with_attr(c->b->arena, arg, LT_TIME_NONE);
    if (bound == NULL || plain == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    bound->type = lt_type_with_nullable(c->b->arena, plain, true);
    if (bound->type == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    bound->codec = lt_rowcodec_new(c->b->arena, &bound->type, 1, false);
    if (bound->codec == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    bound->mem = c->b->session->mem;
    bound->op = c->func->op;
    c->agg->bound = bound;
    *out = bound;
    return LT_OK;
}

lt_status lt_agg_encode(const lt_agg_value *bound, const lt_col *col, const uint32_t *rows,
                        uint32_t count, lt_arena **arena, lt_rows *out, lt_error *err)
{
    *arena = lt_arena_new(bound->mem, (size_t)1 << 30);
    if (*arena == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    return lt_rowcodec_encode(bound->codec, &col, rows, count, *arena, out, err);
}

lt_status lt_agg_decode(const lt_agg_value *bound, const uint8_t *const *ptrs, const uint32_t *lens,
                        uint32_t count, lt_arena *arena, lt_col *out, lt_error *err)
{
    uint32_t cap = (count + 63) / 64 * 64 + 64;
    if (!lt_col_init(out, bound->type, cap, arena)) {
        return lt_error_nomem(err, "aggregate");
    }
    if (count == 0) {
        return LT_OK;
    }
    lt_col *cols[1] = {out};
    return lt_rowcodec_decode(bound->codec, ptrs, lens, count, cap, true, arena, cols, err);
}
