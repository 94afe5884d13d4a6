/* Casts of ARRAY, MAP, MULTISET and ROW to their own kind: each child column is cast by its kernel;
 * a child that fails fails the row that holds it. */
#include "expr/cast_int.h"

static bool copy_valid(lt_col *to, const lt_col *from, uint32_t rows, lt_arena *arena)
{
    to->valid = NULL;
    if (from->valid == NULL) {
        return true;
    }
    to->valid = lt_arena_alloc(arena, lt_bits_bytes((rows + 63) / 64 * 64), 8);
    if (to->valid == NULL) {
        return false;
    }
    memcpy(to->valid, from->valid, lt_bits_bytes(rows));
    return true;
}

/* Rows of a child that are not NULL. sel NULL: from 0 .. count-1. */
static lt_status live_children(lt_kctx *sub, const lt_col *col, lt_error *err)
{
    if (col->valid == NULL) {
        return LT_OK;
    }
    uint32_t *sel = lt_arena_alloc(sub->scratch, ((size_t)sub->count + 1) * sizeof *sel, 8);
    if (sel == NULL) {
        return lt_error_nomem(err, "selection");
    }
    uint32_t used = 0;
    for (uint32_t i = 0; i < sub->count; i++) {
        uint32_t row = sub->sel ? sub->sel[i] : i;
        sel[used] = row;
        used += lt_bit_get(col->valid, row);
    }
    sub->sel = sel;
    sub->count = used;
    return LT_OK;
}

/* A child column and the part of it to cast. */
typedef struct {
    const lt_cast *cast;
    const lt_col *from;
    uint32_t rows;
    const uint32_t *sel; /* NULL = 0 .. count-1 */
    uint32_t count;
    lt_col *out;
    uint64_t *failed; /* result: bitmap of what could not be cast; NULL = none */
} child_cast;

static lt_status run_child(lt_kctx *k, child_cast *c, lt_error *err)
{
    lt_kctx sub = *k;
    lt_karg arg = {.col = c->from, .mask = UINT32_MAX};
    sub.data = c->cast;
    sub.args = &arg;
    sub.arg_count = 1;
    sub.rows = c->rows;
    sub.cap = c->rows == 0 ? 64 : (c->rows + 63) / 64 * 64;
    sub.err_rows = sub.cap;
    sub.sel = c->sel;
    sub.count = c->count;
    sub.out = c->out;
    sub.err = NULL;
    lt_col *out = c->out;
    memset(out, 0, sizeof *out);
    if ((c->cast->flags & LT_FUNC_ALIAS) == 0) {
        if (!lt_col_init(out, c->cast->to, sub.cap, k->arena)) {
            return lt_error_nomem(err, "column");
        }
        if (out->data != NULL && out->phys != LT_PHYS_STRUCT) {
            memset(out->data, 0, (size_t)sub.cap * lt_phys_size(out->phys));
        }
    }
    if ((c->cast->flags & LT_FUNC_NULLS) == 0 && !copy_valid(out, c->from, c->rows, k->arena)) {
        return lt_error_nomem(err, "column");
    }
    if ((c->cast->flags & LT_FUNC_DENSE) == 0) {
        LT_TRY(live_children(&sub, c->from, err));
    }
    LT_TRY(c->cast->kernel(&sub, err));
    k->nomem = k->nomem || sub.nomem;
    c->failed = sub.err;
    k->fail = k->fail != NULL || lt_k_cast(k)->try_cast ? k->fail : sub.fail;
    return LT_OK;
}

/* TRY_CAST makes the whole value NULL. */
static void fail_row(lt_kctx *k, uint32_t row)
{
    if (lt_k_cast(k)->try_cast) {
        lt_k_null(k, row);
        return;
    }
    const char *text = k->fail != NULL ? k->fail->text : "bad nested value";
    lt_k_fail(k, row, "bad-cast", "%s", text);
}

static lt_status row_cast(lt_kctx *k, lt_error *err)
{
    const lt_cast *cast = lt_k_cast(k);
    const lt_col *from = k->args[0].col;
    uint64_t *valid = k->out->valid;
    *k->out = *from;
    k->out->type = cast->to;
    k->out->valid = valid;
    k->out->children = LT_NEW_ARRAY(k->arena, lt_col, from->child_count + 1);
    if (k->out->children == NULL) {
        return lt_error_nomem(err, "column");
    }
    for (uint32_t i = 0; i < from->child_count; i++) {
        child_cast c = {.cast = &cast->children[i],
                        .from = &from->children[i],
                        .rows = k->rows,
                        .sel = k->sel,
                        .count = k->count,
                        .out = &k->out->children[i]};
        LT_TRY(run_child(k, &c, err));
        LT_EACH(k, row)
        {
            if (c.failed != NULL && lt_bit_get(c.failed, row)) {
                fail_row(k, row);
            }
        }
    }
    return LT_OK;
}

static lt_status list_cast(lt_kctx *k, lt_error *err)
{
    const lt_cast *cast = lt_k_cast(k);
    const lt_col *from = k->args[0].col;
    uint64_t *valid = k->out->valid;
    *k->out = *from;
    k->out->type = cast->to;
    k->out->valid = valid;
    k->out->children = LT_NEW_ARRAY(k->arena, lt_col, from->child_count + 1);
    if (k->out->children == NULL) {
        return lt_error_nomem(err, "column");
    }
    for (uint32_t i = 0; i < from->child_count; i++) {
        if (i >= cast->from->field_count) {
            k->out->children[i] = from->children[i]; /* counts of a MULTISET */
            continue;
        }
        child_cast c = {.cast = &cast->children[i],
                        .from = &from->children[i],
                        .rows = from->child_len,
                        .count = from->child_len,
                        .out = &k->out->children[i]};
        LT_TRY(run_child(k, &c, err));
        if (c.failed == NULL) {
            continue;
        }
        LT_EACH(k, row)
        {
            lt_span span = LT_COL_DATA(from, const lt_span)[row];
            for (uint32_t e = span.start; e < span.start + span.count; e++) {
                if (lt_bit_get(c.failed, e)) {
                    fail_row(k, row);
                    break;
                }
            }
        }
    }
    k->out->child_cap = from->child_len;
    return LT_OK;
}

void lt_cast_pick_nested(lt_cast *cast)
{
    cast->kernel = cast->from->kind == LT_TYPE_ROW ? row_cast : list_cast;
    cast->flags = LT_FUNC_ALIAS;
}
