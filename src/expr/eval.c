/* Evaluating a program over one batch: NULL propagation, error masks, narrowed selections. */
#include "expr/program_int.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- the kernel's side ---- */

#define ROOM_BYTES ((size_t)16 << 10)

static uint64_t *new_bits(lt_arena *arena, uint32_t rows)
{
    return (uint64_t *)lt_arena_zalloc(arena, lt_bits_bytes(rows), 8);
}

void lt_k_fail(lt_kctx *k, uint32_t row, const char *code, const char *fmt, ...)
{
    if (k->err == NULL) {
        k->err = new_bits(k->scratch, k->err_rows);
        if (k->err == NULL) {
            k->nomem = true;
            return;
        }
    }
    lt_bit_set(k->err, row);
    if (k->fail == NULL) {
        lt_kfail *fail = LT_NEW(k->scratch, lt_kfail);
        if (fail == NULL) {
            k->nomem = true;
            return;
        }
        fail->code = code;
        const lt_origin *origin = lt_expr_bound(k->call)->origin;
        int len = origin == NULL ? 0
                                 : snprintf(fail->text, sizeof fail->text,
                                            "in the function %.100s: ", origin->name);
        va_list args;
        va_start(args, fmt);
        (void)vsnprintf(fail->text + len, sizeof fail->text - (size_t)len, fmt, args);
        va_end(args);
        k->fail = fail;
    }
}

void lt_k_null_slow(lt_kctx *k)
{
    if (lt_col_need_valid(k->out, k->cap, k->arena) == NULL) {
        k->nomem = true;
    }
}

static void end_room(lt_kctx *k)
{
    if (k->room_left > 0) {
        lt_arena_give_back(k->bytes, k->room + k->room_left, k->room_left);
        k->room_left = 0;
    }
}

/* Rows are served from a block; what is longer than a fair part of one goes by itself. The block of
 * a small batch is no larger than its rows may need. */
char *lt_k_bytes_slow(lt_kctx *k, size_t len)
{
    size_t size = LT_MAX(len, (size_t)1);
    bool alone = len > ROOM_BYTES / 8;
    if (!alone) {
        size = LT_MIN(size * LT_MAX(k->count, 1u), ROOM_BYTES);
        end_room(k);
    }
    char *ptr = lt_arena_alloc(k->bytes, size, 1);
    if (ptr == NULL) {
        k->nomem = true;
    } else if (!alone) {
        k->room = ptr + len;
        k->room_left = size - len;
    }
    return ptr;
}

const lt_batch *lt_k_batch(const lt_kctx *k)
{
    return k->program->in;
}

void *lt_k_kept(const lt_kctx *k)
{
    return k->program->kept[k->node].ptr;
}

void lt_k_keep(lt_kctx *k, void *ptr, void (*free_fn)(void *ptr))
{
    lt_keep *keep = &k->program->kept[k->node];
    if (keep->ptr != NULL) {
        keep->free(keep->ptr);
    }
    keep->ptr = ptr;
    keep->free = free_fn;
}

uint32_t *lt_k_sel(lt_kctx *k)
{
    uint32_t *sel = lt_arena_alloc(k->scratch, (size_t)k->cap * sizeof *sel, 64);
    if (sel == NULL) {
        k->nomem = true;
    }
    return sel;
}

static void fill_bytes(uint8_t *dst, const uint8_t *src, size_t size, uint32_t rows)
{
    for (uint32_t i = 0; i < rows; i++) {
        memcpy(dst + (size_t)i * size, src, size);
    }
}

bool lt_col_broadcast(lt_col *dst, const lt_col *src, uint32_t rows, lt_arena *arena)
{
    *dst = *src;
    if (src->valid != NULL) {
        dst->valid = lt_arena_alloc(arena, lt_bits_bytes(rows), 8);
        if (dst->valid == NULL) {
            return false;
        }
        memset(dst->valid, lt_bit_get(src->valid, 0) ? 0xff : 0, lt_bits_bytes(rows));
    }
    if (src->phys == LT_PHYS_STRUCT) {
        dst->children = LT_NEW_ARRAY(arena, lt_col, src->child_count + 1);
        if (dst->children == NULL) {
            return false;
        }
        for (uint32_t i = 0; i < src->child_count; i++) {
            if (!lt_col_broadcast(&dst->children[i], &src->children[i], rows, arena)) {
                return false;
            }
        }
        return true;
    }
    size_t size = lt_phys_size(src->phys);
    if (size == 0 || src->data == NULL) {
        return true;
    }
    dst->data = lt_arena_alloc(arena, (size_t)rows * size, 64);
    if (dst->data == NULL) {
        return false;
    }
    fill_bytes(dst->data, src->data, size, rows);
    return true;
}

/* ---- arguments ---- */

static lt_status merge_errors(lt_kctx *k, const lt_karg *arg, lt_error *err)
{
    if (arg->err == NULL) {
        return LT_OK;
    }
    if (k->err == NULL) {
        k->err = new_bits(k->scratch, k->err_rows);
        if (k->err == NULL) {
            return lt_error_nomem(err, "error mask");
        }
    }
    for (size_t w = 0; w < lt_bits_bytes(k->err_rows) / 8; w++) {
        k->err[w] |= arg->err[w];
    }
    k->fail = k->fail != NULL ? k->fail : arg->fail;
    return LT_OK;
}

static lt_status merge_valid(lt_kctx *k, lt_col *out, uint32_t rows, lt_error *err)
{
    uint32_t words = (rows + 63) / 64;
    for (uint32_t i = 0; i < k->arg_count; i++) {
        const uint64_t *from = k->args[i].col->valid;
        if (from == NULL) {
            continue;
        }
        if (k->args[i].mask == 0 && lt_bit_get(from, 0)) {
            continue;
        }
        if (out->valid == NULL) {
            out->valid = lt_arena_alloc(k->arena, lt_bits_bytes(k->cap), 8);
            if (out->valid == NULL) {
                return lt_error_nomem(err, "validity");
            }
            memset(out->valid, 0xff, lt_bits_bytes(k->cap));
        }
        if (k->args[i].mask == 0) {
            memset(out->valid, 0, lt_bits_bytes(k->cap));
            continue;
        }
        for (uint32_t w = 0; w < words; w++) {
            out->valid[w] &= from[w];
        }
    }
    return LT_OK;
}

/* Live rows by the word: most words are all ones or nearly so. */
static uint32_t list_live(const uint64_t *valid, const uint64_t *failed, uint32_t rows,
                          uint32_t *sel)
{
    uint32_t used = 0;
    for (uint32_t base = 0; base < rows; base += 64) {
        uint64_t bits = (valid != NULL ? valid[base / 64] : UINT64_MAX) &
                        (failed != NULL ? ~failed[base / 64] : UINT64_MAX);
        if (rows - base < 64) {
            bits &= ((uint64_t)1 << (rows - base)) - 1;
        }
        if (bits == UINT64_MAX) {
            for (uint32_t i = 0; i < 64; i++) {
                sel[used + i] = base + i;
            }
            used += 64;
            continue;
        }
        for (; bits != 0; bits &= bits - 1) {
            sel[used++] = base + LT_CTZ64(bits);
        }
    }
    return used;
}

/* Rows worth visiting: arguments neither NULL nor failed. */
static lt_status narrow(lt_kctx *k, const lt_col *out, uint32_t rows, lt_error *err)
{
    if (out->valid == NULL && k->err == NULL) {
        return LT_OK;
    }
    uint32_t *sel = lt_arena_alloc(k->scratch, ((size_t)rows + 64) * sizeof *sel, 64);
    if (sel == NULL) {
        return lt_error_nomem(err, "selection");
    }
    if (k->sel == NULL) {
        k->count = list_live(out->valid, k->err, k->count, sel);
        k->sel = sel;
        return LT_OK;
    }
    uint32_t used = 0;
    for (uint32_t i = 0; i < k->count; i++) {
        uint32_t row = k->sel[i];
        bool live = (out->valid == NULL || lt_bit_get(out->valid, row)) &&
                    (k->err == NULL || !lt_bit_get(k->err, row));
        sel[used] = row;
        used += live;
    }
    k->sel = sel;
    k->count = used;
    return LT_OK;
}

static lt_status init_out(lt_kctx *k, lt_col *out, bool zero, lt_error *err)
{
    uint64_t *valid = out->valid;
    if (!lt_col_init(out, k->call->type, k->cap, k->arena)) {
        return lt_error_nomem(err, "column");
    }
    out->valid = valid;
    if (zero && out->data != NULL) {
        memset(out->data, 0, (size_t)k->cap * lt_phys_size(out->phys));
    }
    return LT_OK;
}

static lt_status eval_strict(lt_kctx *k, uint32_t flags, lt_col *out, lt_error *err)
{
    uint32_t rows = k->rows;
    for (uint32_t i = 0; i < k->arg_count; i++) {
        LT_TRY(merge_errors(k, &k->args[i], err));
    }
    memset(out, 0, sizeof *out);
    if ((flags & LT_FUNC_NULLS) == 0) {
        LT_TRY(merge_valid(k, out, rows, err));
    }
    if ((flags & LT_FUNC_DENSE) == 0) {
        LT_TRY(narrow(k, out, rows, err));
    }
    if ((flags & LT_FUNC_ALIAS) == 0) {
        LT_TRY(init_out(k, out, (flags & LT_FUNC_DENSE) == 0 && k->count < k->rows, err));
    }
    return lt_expr_bound(k->call)->kernel(k, err);
}

/* ---- nodes ---- */

static bool all_const(const lt_program *p, const lt_node *node, uint32_t flags)
{
    if ((flags & LT_FUNC_PER_ROW) != 0) {
        return false;
    }
    uint32_t count = (flags & LT_FUNC_LAZY) != 0 ? 0 : node->arg_count;
    for (uint32_t i = 0; i < count; i++) {
        if (p->slots[node->args[i]].mask != 0) {
            return false;
        }
    }
    return (flags & LT_FUNC_LAZY) == 0;
}

static void init_kctx(lt_program *p, uint32_t id, lt_kctx *k)
{
    const lt_node *node = &p->nodes[id];
    memset(k, 0, sizeof *k);
    k->call = node->expr;
    k->data = lt_expr_bound(node->expr)->data;
    k->arg_count = node->arg_count;
    k->rows = p->rows;
    k->cap = p->cap;
    k->err_rows = p->cap;
    k->out = &p->cols[id];
    k->arena = node->keep ? p->out_arena : p->scratch;
    k->bytes = p->out_arena;
    k->scratch = p->scratch;
    k->mem = p->mem;
    k->session = p->session;
    k->watermark = p->watermark;
    k->cpu = p->cpu;
    k->program = p;
    k->node = id;
}

static lt_status eval_call(lt_program *p, uint32_t id, const uint32_t *sel, uint32_t count,
                           lt_error *err)
{
    const lt_node *node = &p->nodes[id];
    uint32_t flags = lt_expr_bound(node->expr)->flags;
    lt_karg *slot = &p->slots[id];
    lt_kctx k;
    init_kctx(p, id, &k);
    k.args = LT_NEW_ARRAY(p->scratch, lt_karg, node->arg_count + 1);
    if (k.args == NULL) {
        return lt_error_nomem(err, "arguments");
    }
    k.sel = sel;
    k.count = count;
    bool lazy = (flags & LT_FUNC_LAZY) != 0;
    for (uint32_t i = 0; i < (lazy ? 1 : node->arg_count); i++) {
        k.args[i] = p->slots[node->args[i]];
    }
    bool constant = all_const(p, node, flags);
    if (constant) {
        k.rows = 1;
        k.cap = 64;
        k.sel = NULL;
        k.count = 1;
    }
    lt_status st;
    if (lazy) {
        memset(k.out, 0, sizeof *k.out);
        st = init_out(&k, k.out, true, err);
        if (st == LT_OK) {
            st = lt_expr_bound(node->expr)->kernel(&k, err);
        }
    } else {
        st = eval_strict(&k, flags, k.out, err);
    }
    LT_TRY(st);
    end_room(&k);
    if (k.nomem) {
        return lt_error_nomem(err, "expression");
    }
    if (constant && k.err != NULL) {
        memset(k.err, lt_bit_get(k.err, 0) ? 0xff : 0, lt_bits_bytes(k.err_rows));
    }
    slot->col = k.out;
    slot->mask = constant ? 0 : UINT32_MAX;
    slot->err = k.err;
    slot->fail = k.fail;
    return LT_OK;
}

lt_status lt_program_run_scope(lt_program *p, uint32_t scope, const uint32_t *sel, uint32_t count,
                               lt_error *err)
{
    if (lt_bit_get(p->done, scope)) {
        return LT_OK;
    }
    lt_bit_set(p->done, scope);
    const lt_scope *list = &p->scopes[scope];
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t id = list->nodes[i];
        const lt_node *node = &p->nodes[id];
        lt_karg *slot = &p->slots[id];
        memset(slot, 0, sizeof *slot);
        switch (node->expr->kind) {
        case LT_NODE_COLUMN:
            LT_ASSERT(node->expr->u.column < p->in->col_count);
            slot->col = &p->in->cols[node->expr->u.column];
            slot->mask = UINT32_MAX;
            break;
        case LT_NODE_LITERAL:
            slot->col = &node->literal;
            break;
        case LT_NODE_CALL:
            LT_TRY(eval_call(p, id, sel, count, err));
            break;
        }
    }
    return LT_OK;
}

/* ---- lazy calls ---- */

bool lt_k_branch_heavy(const lt_kctx *k, uint32_t arg)
{
    const lt_node *node = &k->program->nodes[k->node];
    return node->branches[arg] != node->scope && k->program->scopes[node->branches[arg]].heavy;
}

lt_status lt_k_branch(lt_kctx *k, uint32_t arg, const uint32_t *sel, uint32_t count, lt_error *err)
{
    const lt_node *node = &k->program->nodes[k->node];
    uint32_t scope = node->branches[arg];
    if (scope != node->scope) {
        LT_TRY(lt_program_run_scope(k->program, scope, sel, count, err));
    }
    k->args[arg] = k->program->slots[node->args[arg]];
    return LT_OK;
}

lt_status lt_k_inherit(lt_kctx *k, uint32_t arg, const uint32_t *sel, uint32_t count, lt_error *err)
{
    const lt_karg *from = &k->args[arg];
    if (from->err == NULL) {
        return LT_OK;
    }
    if (sel == NULL) {
        return merge_errors(k, from, err);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!lt_bit_get(from->err, sel[i])) {
            continue;
        }
        if (k->err == NULL) {
            k->err = new_bits(k->scratch, k->err_rows);
            if (k->err == NULL) {
                return lt_error_nomem(err, "error mask");
            }
        }
        lt_bit_set(k->err, sel[i]);
        k->fail = k->fail != NULL ? k->fail : from->fail;
    }
    return LT_OK;
}

#define SCATTER(T)                                          \
    do {                                                    \
        T *restrict dst = LT_OUT(k, T);                     \
        const T *restrict from = (const T *)src->col->data; \
        for (uint32_t i = 0; i < count; i++) {              \
            dst[rows[i]] = from[rows[i] & src->mask];       \
        }                                                   \
    } while (0)

lt_status lt_k_scatter(lt_kctx *k, const lt_karg *src, const uint32_t *rows, uint32_t count,
                       lt_error *err)
{
    if (src->col->valid != NULL) {
        for (uint32_t i = 0; i < count; i++) {
            if (lt_col_is_null(src->col, rows[i] & src->mask)) {
                lt_k_null(k, rows[i]);
            }
        }
    }
    switch (k->out->phys) {
    case LT_PHYS_BOOL:
    case LT_PHYS_I8:
        SCATTER(uint8_t);
        break;
    case LT_PHYS_I16:
        SCATTER(uint16_t);
        break;
    case LT_PHYS_I32:
    case LT_PHYS_F32:
        SCATTER(uint32_t);
        break;
    case LT_PHYS_I64:
    case LT_PHYS_F64:
        SCATTER(uint64_t);
        break;
    case LT_PHYS_I128:
        SCATTER(lt_i128);
        break;
    case LT_PHYS_STR:
        SCATTER(lt_strv);
        break;
    case LT_PHYS_TS9:
        SCATTER(lt_ts9);
        break;
    case LT_PHYS_LIST:
    case LT_PHYS_STRUCT:
        for (uint32_t i = 0; i < count; i++) {
            if (!lt_col_copy_value(k->out, rows[i], k->cap, src->col, rows[i] & src->mask, false,
                                   k->arena)) {
                return lt_error_nomem(err, "column");
            }
        }
        break;
    case LT_PHYS_NONE:
        break;
    }
    return k->nomem ? lt_error_nomem(err, "column") : LT_OK;
}
