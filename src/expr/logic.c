/* AND, OR, NOT and the IS tests: three-valued logic on bitmaps. */
#include "expr/families.h"
#include "expr/kernel.h"

#define ONES UINT64_MAX

static uint64_t bool_word(const lt_karg *arg, uint32_t w, uint32_t rows)
{
    const uint8_t *val = (const uint8_t *)arg->col->data;
    if (arg->mask == 0) {
        return val[0] & 1 ? ONES : 0;
    }
    uint32_t from = w * 64;
    if (from + 64 <= rows) {
        return lt_pack64(val + from);
    }
    uint64_t word = 0;
    for (uint32_t i = from; i < rows; i++) {
        word |= (uint64_t)(val[i] & 1) << (i - from);
    }
    return word;
}

static uint64_t valid_word(const lt_karg *arg, uint32_t w)
{
    if (arg->col->valid == NULL) {
        return ONES;
    }
    if (arg->mask == 0) {
        return lt_bit_get(arg->col->valid, 0) ? ONES : 0;
    }
    return arg->col->valid[w];
}

/* 8 bits to 8 bytes of 0/1. */
static void unpack_word(uint64_t word, uint8_t *out)
{
    for (int i = 0; i < 8; i++) {
        uint64_t x = ((word >> (8 * i)) & 0xff) * 0x0101010101010101ULL & 0x8040201008040201ULL;
        x = ((x + 0x7f7f7f7f7f7f7f7fULL) >> 7) & 0x0101010101010101ULL;
        memcpy(out + 8 * i, &x, 8);
    }
}

typedef struct {
    uint64_t *decided; /* AND: FALSE; OR: TRUE */
    uint64_t *unknown;
    uint32_t words;
    bool is_and;
} junction;

static lt_status junction_add(lt_kctx *k, junction *j, uint32_t arg, lt_error *err)
{
    const lt_karg *from = &k->args[arg];
    if (from->err != NULL && k->err == NULL) {
        k->err = lt_arena_zalloc(k->scratch, lt_bits_bytes(k->err_rows), 8);
        if (k->err == NULL) {
            return lt_error_nomem(err, "error mask");
        }
    }
    for (uint32_t w = 0; w < j->words; w++) {
        uint64_t valid = valid_word(from, w);
        uint64_t val = bool_word(from, w, k->rows);
        uint64_t before = j->decided[w];
        uint64_t failed = from->err != NULL ? from->err[w] & ~before : 0;
        if (from->err != NULL) {
            k->err[w] |= failed;
        }
        j->decided[w] |= valid & (j->is_and ? ~val : val) & ~failed;
        j->unknown[w] |= ~valid;
    }
    if (from->err != NULL && k->fail == NULL) {
        k->fail = from->fail;
    }
    return LT_OK;
}

/* Rows that earlier operands left open. */
static uint32_t open_rows(const lt_kctx *k, const junction *j, uint32_t *sel)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < k->count; i++) {
        uint32_t row = k->sel ? k->sel[i] : i;
        bool failed = k->err != NULL && lt_bit_get(k->err, row);
        sel[used] = row;
        used += !lt_bit_get(j->decided, row) && !failed;
    }
    return used;
}

static bool plain_operand(const lt_kctx *k, uint32_t arg)
{
    return k->args[arg].mask != 0 && k->args[arg].col->valid == NULL && k->args[arg].err == NULL;
}

/* Two cheap operands without NULLs: bytes. */
static bool junction_fast(lt_kctx *k, bool is_and)
{
    if (k->arg_count != 2 || !plain_operand(k, 0) || !plain_operand(k, 1)) {
        return false;
    }
    const uint8_t *restrict a = LT_ARG(k, 0, uint8_t);
    const uint8_t *restrict b = LT_ARG(k, 1, uint8_t);
    uint8_t *restrict out = LT_OUT(k, uint8_t);
    if (is_and) {
        for (uint32_t i = 0; i < k->rows; i++) {
            out[i] = a[i] & b[i];
        }
    } else {
        for (uint32_t i = 0; i < k->rows; i++) {
            out[i] = a[i] | b[i];
        }
    }
    return true;
}

static lt_status junction_run(lt_kctx *k, bool is_and, lt_error *err)
{
    junction j = {.words = (k->rows + 63) / 64, .is_and = is_and};
    if (k->arg_count == 2 && !lt_k_branch_heavy(k, 1)) {
        LT_TRY(lt_k_branch(k, 1, k->sel, k->count, err));
        if (junction_fast(k, is_and)) {
            return LT_OK;
        }
    }
    j.decided = lt_arena_zalloc(k->scratch, lt_bits_bytes(k->cap), 8);
    j.unknown = lt_arena_zalloc(k->scratch, lt_bits_bytes(k->cap), 8);
    if (j.decided == NULL || j.unknown == NULL) {
        return lt_error_nomem(err, "condition");
    }
    for (uint32_t arg = 0; arg < k->arg_count; arg++) {
        const uint32_t *use = k->sel;
        uint32_t count = k->count;
        if (arg > 0 && lt_k_branch_heavy(k, arg)) {
            uint32_t *own = lt_k_sel(k); /* nested branches keep theirs */
            if (own == NULL) {
                return lt_error_nomem(err, "selection");
            }
            use = own;
            count = open_rows(k, &j, own);
            if (count == 0) {
                break;
            }
        }
        LT_TRY(lt_k_branch(k, arg, use, count, err));
        LT_TRY(junction_add(k, &j, arg, err));
    }
    uint8_t *out = LT_OUT(k, uint8_t);
    uint64_t any_null = 0;
    for (uint32_t w = 0; w < j.words; w++) {
        any_null |= j.unknown[w] & ~j.decided[w];
        unpack_word(is_and ? ~j.decided[w] : j.decided[w], out + (size_t)w * 64);
    }
    if (any_null != 0) {
        uint64_t *valid = lt_col_need_valid(k->out, k->cap, k->arena);
        if (valid == NULL) {
            return lt_error_nomem(err, "validity");
        }
        for (uint32_t w = 0; w < j.words; w++) {
            valid[w] = j.decided[w] | ~j.unknown[w];
        }
    }
    return LT_OK;
}

static lt_status and_kernel(lt_kctx *k, lt_error *err)
{
    return junction_run(k, true, err);
}

static lt_status or_kernel(lt_kctx *k, lt_error *err)
{
    return junction_run(k, false, err);
}

/* Drops operands that do not matter and splices operands of the same kind in: (a AND b) AND c. */
static lt_status flatten(lt_infer *in, lt_error *err)
{
    bool is_and = in->func->op == LT_OP_AND;
    uint32_t cap = 0;
    for (uint32_t i = 0; i < in->count; i++) {
        const lt_expr *arg = in->args[i];
        bool same = arg->kind == LT_NODE_CALL && arg->u.call.func == in->func;
        cap += same ? arg->u.call.arg_count : 1;
    }
    lt_expr **args = LT_NEW_ARRAY(in->b->arena, lt_expr *, cap + 1);
    if (args == NULL) {
        return lt_error_nomem(err, "expression");
    }
    uint32_t used = 0;
    for (uint32_t i = 0; i < in->count; i++) {
        lt_expr *arg = in->args[i];
        if (arg->kind == LT_NODE_CALL && arg->u.call.func == in->func) {
            for (uint32_t a = 0; a < arg->u.call.arg_count; a++) {
                args[used++] = arg->u.call.args[a];
            }
            continue;
        }
        const lt_value *literal = lt_in_literal(in, i);
        if (in->b->fold && literal != NULL && literal->u.b == is_and) {
            continue;
        }
        if (in->b->fold && literal != NULL && used == 0) {
            in->replace = arg; /* FALSE AND .., TRUE OR .. */
            return LT_OK;
        }
        args[used++] = arg;
    }
    in->args = args;
    in->count = used;
    if (used == 0) {
        return lt_expr_bool(in->b, is_and, in->pos, &in->replace, err);
    }
    if (used == 1) {
        in->replace = args[0];
    }
    return LT_OK;
}

lt_status lt_infer_junction(lt_infer *in, lt_error *err)
{
    for (uint32_t i = 0; i < in->count; i++) {
        LT_TRY(lt_in_bool(in, i, err));
    }
    LT_TRY(flatten(in, err));
    in->type = lt_in_type(in, LT_TYPE_BOOLEAN, false);
    in->kernel = in->func->op == LT_OP_AND ? and_kernel : or_kernel;
    return LT_OK;
}

static lt_status not_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    const uint8_t *restrict a = LT_ARG(k, 0, uint8_t);
    uint8_t *restrict out = LT_OUT(k, uint8_t);
    if (k->args[0].mask == 0) {
        out[0] = a[0] ^ 1;
        return LT_OK;
    }
    for (uint32_t i = 0; i < k->rows; i++) {
        out[i] = a[i] ^ 1;
    }
    return LT_OK;
}

lt_status lt_infer_not(lt_infer *in, lt_error *err)
{
    LT_TRY(lt_in_bool(in, 0, err));
    in->type = lt_in_type(in, LT_TYPE_BOOLEAN, false);
    in->kernel = not_kernel;
    return LT_OK;
}

/* ---- IS [NOT] NULL | TRUE | FALSE | UNKNOWN ---- */

typedef struct {
    bool use_value; /* IS TRUE, IS FALSE */
    bool value;
    bool negate;
} is_test;

static const is_test is_tests[] = {
    [LT_OP_IS_NULL] = {false, false, false},    [LT_OP_IS_NOT_NULL] = {false, false, true},
    [LT_OP_IS_TRUE] = {true, true, false},      [LT_OP_IS_NOT_TRUE] = {true, true, true},
    [LT_OP_IS_FALSE] = {true, false, false},    [LT_OP_IS_NOT_FALSE] = {true, false, true},
    [LT_OP_IS_UNKNOWN] = {false, false, false}, [LT_OP_IS_NOT_UNKNOWN] = {false, false, true},
};

static lt_status is_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    const is_test *test = (const is_test *)k->data;
    uint8_t *out = LT_OUT(k, uint8_t);
    uint32_t words = (k->rows + 63) / 64;
    for (uint32_t w = 0; w < words; w++) {
        uint64_t valid = valid_word(&k->args[0], w);
        uint64_t bits = ~valid;
        if (test->use_value) {
            uint64_t val = bool_word(&k->args[0], w, k->rows);
            bits = valid & (test->value ? val : ~val);
        }
        unpack_word(test->negate ? ~bits : bits, out + (size_t)w * 64);
    }
    return LT_OK;
}

lt_status lt_infer_is(lt_infer *in, lt_error *err)
{
    int op = in->func->op;
    if (op != LT_OP_IS_NULL && op != LT_OP_IS_NOT_NULL) {
        LT_TRY(lt_in_bool(in, 0, err));
    }
    in->type = lt_type_new(in->b->arena, LT_TYPE_BOOLEAN, false);
    in->kernel = is_kernel;
    in->data = &is_tests[op];
    if (in->b->fold && !in->args[0]->type->nullable && !is_tests[op].use_value &&
        in->args[0]->type->kind != LT_TYPE_NULL && lt_expr_is_deterministic(in->args[0])) {
        return lt_expr_bool(in->b, is_tests[op].negate, in->pos, &in->replace, err);
    }
    if (in->b->fold && in->args[0]->type->kind == LT_TYPE_NULL) {
        return lt_expr_bool(in->b, !is_tests[op].negate, in->pos, &in->replace, err);
    }
    return LT_OK;
}
