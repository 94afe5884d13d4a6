/* Compiling expressions into a program: sharing common sub-expressions and cutting out the branches
 * of lazy calls. */
#include "expr/program_int.h"

#include "base/hash.h"

#define NO_SCOPE        UINT32_MAX
#define NO_NODE         UINT32_MAX
#define PROGRAM_MEM_MAX ((size_t)1 << 30)
#define SCRATCH_KEEP    ((size_t)1 << 20)

static uint64_t hash_ptr(const void *ptr)
{
    return lt_hash_u64((uint64_t)(uintptr_t)ptr);
}

static bool is_lazy(const lt_node *node)
{
    return node->expr->kind == LT_NODE_CALL &&
           (lt_expr_bound(node->expr)->flags & LT_FUNC_LAZY) != 0;
}

/* Calls that may differ from one evaluation to the next are shared only where the very same tree
 * node is used twice. */
static bool same_node(const lt_node *a, const lt_node *b)
{
    if (a->expr == b->expr) {
        return true;
    }
    if (a->hash != b->hash || a->expr->kind != b->expr->kind) {
        return false;
    }
    if (a->expr->kind != LT_NODE_CALL) {
        return lt_expr_eq(a->expr, b->expr);
    }
    if (lt_expr_bound(a->expr)->flags & LT_FUNC_PER_ROW) {
        return false;
    }
    /* Errors name the function whose body they come from. */
    if (a->expr->u.call.func != b->expr->u.call.func || a->arg_count != b->arg_count ||
        lt_expr_bound(a->expr)->origin != lt_expr_bound(b->expr)->origin ||
        !lt_type_eq(a->expr->type, b->expr->type)) {
        return false;
    }
    for (uint32_t i = 0; i < a->arg_count; i++) {
        if (a->args[i] != b->args[i]) {
            return false;
        }
    }
    return true;
}

/* Only spreads the literals of long IN lists and conditions; equal ones may differ here where that
 * is rare, as they are then merely not shared. */
static uint64_t hash_literal(uint64_t hash, const lt_value *value)
{
    if (value->is_null) {
        return hash;
    }
    switch ((int)lt_type_phys(value->type)) {
    case LT_PHYS_I8:
    case LT_PHYS_I16:
    case LT_PHYS_I32:
    case LT_PHYS_I64:
        return lt_hash_combine(hash, (uint64_t)value->u.i);
    case LT_PHYS_STR:
        return lt_hash_bytes(value->u.s.ptr, value->u.s.len, hash);
    default:
        return hash;
    }
}

static uint64_t hash_node(const lt_node *node)
{
    const lt_expr *expr = node->expr;
    uint64_t hash = lt_hash_u64((uint64_t)expr->kind * 64 + (uint64_t)expr->type->kind);
    switch (expr->kind) {
    case LT_NODE_COLUMN:
        return lt_hash_combine(hash, expr->u.column);
    case LT_NODE_LITERAL:
        return hash_literal(hash, &expr->u.literal);
    case LT_NODE_CALL:
        hash = lt_hash_combine(hash, hash_ptr(expr->u.call.func));
        for (uint32_t i = 0; i < node->arg_count; i++) {
            hash = lt_hash_combine(hash, node->args[i]);
        }
        return hash;
    }
    return hash;
}

static lt_status init_literal(lt_program *p, lt_node *node, lt_error *err)
{
    const lt_value *value = &node->expr->u.literal;
    if (value->type->kind == LT_TYPE_SYMBOL) {
        node->literal.type = value->type;
        return LT_OK;
    }
    if (value->type->kind == LT_TYPE_NULL) {
        node->literal.type = value->type;
        node->literal.valid = LT_NEW_ARRAY(p->arena, uint64_t, 2);
        node->literal.data = LT_NEW_ARRAY(p->arena, uint64_t, 2);
        return node->literal.valid != NULL && node->literal.data != NULL
                   ? LT_OK
                   : lt_error_nomem(err, "program");
    }
    if (!lt_col_init(&node->literal, value->type, 64, p->arena)) {
        return lt_error_nomem(err, "program");
    }
    if (value->is_null) {
        size_t size = lt_phys_size(node->literal.phys);
        if (node->literal.data != NULL) {
            memset(node->literal.data, 0, size);
        }
        uint64_t *valid = lt_col_need_valid(&node->literal, 64, p->arena);
        if (valid == NULL) {
            return lt_error_nomem(err, "program");
        }
        lt_bit_clear(valid, 0);
        return LT_OK;
    }
    return lt_value_store(value, &node->literal, 0, 64, p->arena) ? LT_OK
                                                                  : lt_error_nomem(err, "program");
}

static void index_node(lt_program *p, uint32_t id)
{
    lt_node *node = &p->nodes[id];
    uint32_t mask = p->node_cap * 2 - 1; /* capacities are powers of two */
    uint32_t *same = &p->by_hash[node->hash & mask];
    uint32_t *tree = &p->by_tree[hash_ptr(node->expr) & mask];
    node->next_same = *same;
    node->next_tree = *tree;
    *same = id;
    *tree = id;
}

static lt_status index_nodes(lt_program *p, lt_error *err)
{
    uint32_t heads = p->node_cap * 2;
    p->by_hash = LT_NEW_ARRAY(p->arena, uint32_t, heads);
    p->by_tree = LT_NEW_ARRAY(p->arena, uint32_t, heads);
    if (p->by_hash == NULL || p->by_tree == NULL) {
        return lt_error_nomem(err, "program");
    }
    memset(p->by_hash, 0xff, heads * sizeof *p->by_hash);
    memset(p->by_tree, 0xff, heads * sizeof *p->by_tree);
    for (uint32_t i = 0; i < p->node_count; i++) {
        index_node(p, i);
    }
    return LT_OK;
}

/* The node made from this very tree node before; NO_NODE if none was. */
static uint32_t find_tree(const lt_program *p, const lt_expr *expr)
{
    if (p->node_cap == 0) {
        return NO_NODE;
    }
    uint32_t id = p->by_tree[hash_ptr(expr) & (p->node_cap * 2 - 1)];
    while (id != NO_NODE && p->nodes[id].expr != expr) {
        id = p->nodes[id].next_tree;
    }
    return id;
}

static uint32_t find_same(const lt_program *p, const lt_node *node)
{
    if (p->node_cap == 0) {
        return NO_NODE;
    }
    uint32_t id = p->by_hash[node->hash & (p->node_cap * 2 - 1)];
    while (id != NO_NODE && !same_node(&p->nodes[id], node)) {
        id = p->nodes[id].next_same;
    }
    return id;
}

static lt_status grow_nodes(lt_program *p, lt_error *err)
{
    if (p->node_count < p->node_cap) {
        return LT_OK;
    }
    uint32_t cap = p->node_cap ? p->node_cap * 2 : 16;
    lt_node *nodes = LT_NEW_ARRAY(p->arena, lt_node, cap);
    if (nodes == NULL) {
        return lt_error_nomem(err, "program");
    }
    if (p->node_count > 0) {
        memcpy(nodes, p->nodes, p->node_count * sizeof *nodes);
    }
    p->nodes = nodes;
    p->node_cap = cap;
    return index_nodes(p, err);
}

static lt_status add_node(lt_program *p, const lt_expr *expr, uint32_t *out, lt_error *err)
{
    lt_node node;
    memset(&node, 0, sizeof node);
    node.expr = expr;
    node.scope = NO_SCOPE;
    *out = find_tree(p, expr);
    if (*out != NO_NODE) {
        return LT_OK;
    }
    if (expr->kind == LT_NODE_CALL) {
        node.arg_count = expr->u.call.arg_count;
        node.args = LT_NEW_ARRAY(p->arena, uint32_t, node.arg_count + 1);
        if (node.args == NULL) {
            return lt_error_nomem(err, "program");
        }
        for (uint32_t i = 0; i < node.arg_count; i++) {
            LT_TRY(add_node(p, expr->u.call.args[i], &node.args[i], err));
        }
    }
    node.hash = hash_node(&node);
    *out = find_same(p, &node);
    if (*out != NO_NODE) {
        return LT_OK;
    }
    if (expr->kind == LT_NODE_LITERAL) {
        LT_TRY(init_literal(p, &node, err));
    }
    LT_TRY(grow_nodes(p, err));
    *out = p->node_count;
    p->nodes[p->node_count] = node;
    index_node(p, p->node_count++);
    return LT_OK;
}

static bool is_ancestor(const lt_program *p, uint32_t ancestor, uint32_t scope)
{
    while (scope != ancestor && scope != 0) {
        scope = p->scopes[scope].parent;
    }
    return scope == ancestor;
}

static uint32_t common_scope(const lt_program *p, uint32_t a, uint32_t b)
{
    if (a == NO_SCOPE) {
        return b;
    }
    while (!is_ancestor(p, a, b)) {
        a = p->scopes[a].parent;
    }
    return a;
}

/* From users to their arguments: by the time a node is reached, all its users' scopes are final. */
static lt_status place_nodes(lt_program *p, lt_error *err)
{
    uint32_t scopes_max = 1;
    for (uint32_t i = 0; i < p->node_count; i++) {
        scopes_max += is_lazy(&p->nodes[i]) ? p->nodes[i].arg_count : 0;
    }
    p->scopes = LT_NEW_ARRAY(p->arena, lt_scope, scopes_max);
    if (p->scopes == NULL) {
        return lt_error_nomem(err, "program");
    }
    p->scope_count = 1;
    for (uint32_t i = 0; i < p->output_count; i++) {
        p->nodes[p->outputs[i]].scope = 0;
        p->nodes[p->outputs[i]].keep = true;
    }
    for (uint32_t id = p->node_count; id-- > 0;) {
        lt_node *node = &p->nodes[id];
        bool lazy = is_lazy(node);
        bool nested = node->expr->type->field_count > 0;
        LT_ASSERT(node->scope != NO_SCOPE);
        if (lazy) {
            node->branches = LT_NEW_ARRAY(p->arena, uint32_t, node->arg_count + 1);
            if (node->branches == NULL) {
                return lt_error_nomem(err, "program");
            }
        }
        for (uint32_t i = 0; i < node->arg_count; i++) {
            lt_node *arg = &p->nodes[node->args[i]];
            uint32_t use = node->scope;
            if (lazy && i > 0) {
                use = p->scope_count++;
                p->scopes[use].parent = node->scope;
            }
            if (lazy) {
                node->branches[i] = use;
            }
            arg->scope = common_scope(p, arg->scope, use);
            /* Nested values and aliases share memory with what they are made of. */
            bool shares = (lt_expr_bound(node->expr)->flags & LT_FUNC_ALIAS) != 0 || nested ||
                          arg->expr->type->field_count > 0;
            arg->keep = arg->keep || (node->keep && shares);
        }
    }
    return LT_OK;
}

static lt_status list_scopes(lt_program *p, lt_error *err)
{
    for (uint32_t i = 0; i < p->node_count; i++) {
        p->scopes[p->nodes[i].scope].count++;
    }
    for (uint32_t s = 0; s < p->scope_count; s++) {
        p->scopes[s].nodes = LT_NEW_ARRAY(p->arena, uint32_t, p->scopes[s].count + 1);
        if (p->scopes[s].nodes == NULL) {
            return lt_error_nomem(err, "program");
        }
        p->scopes[s].count = 0;
    }
    for (uint32_t i = 0; i < p->node_count; i++) {
        const lt_node *node = &p->nodes[i];
        lt_scope *scope = &p->scopes[node->scope];
        scope->nodes[scope->count++] = i;
        if (node->expr->kind == LT_NODE_CALL &&
            (lt_expr_bound(node->expr)->flags & LT_FUNC_DENSE) == 0) {
            for (uint32_t s = node->scope;; s = p->scopes[s].parent) {
                p->scopes[s].heavy = true;
                if (s == 0) {
                    break;
                }
            }
        }
    }
    return LT_OK;
}

static lt_status compile(lt_program *p, lt_expr *const *exprs, uint32_t count, lt_error *err)
{
    p->arena = lt_arena_new(p->mem, PROGRAM_MEM_MAX);
    p->scratch = lt_arena_new(p->mem, PROGRAM_MEM_MAX);
    if (p->arena == NULL || p->scratch == NULL) {
        return lt_error_nomem(err, "program");
    }
    p->outputs = LT_NEW_ARRAY(p->arena, uint32_t, count + 1);
    if (p->outputs == NULL) {
        return lt_error_nomem(err, "program");
    }
    for (uint32_t i = 0; i < count; i++) {
        LT_TRY(add_node(p, exprs[i], &p->outputs[i], err));
    }
    p->output_count = count;
    LT_TRY(place_nodes(p, err));
    LT_TRY(list_scopes(p, err));
    p->slots = LT_NEW_ARRAY(p->arena, lt_karg, p->node_count + 1);
    p->cols = LT_NEW_ARRAY(p->arena, lt_col, p->node_count + 1);
    p->kept = LT_NEW_ARRAY(p->arena, lt_keep, p->node_count + 1);
    p->done = LT_NEW_ARRAY(p->arena, uint64_t, p->scope_count / 64 + 1);
    return p->slots != NULL && p->cols != NULL && p->kept != NULL && p->done != NULL
               ? LT_OK
               : lt_error_nomem(err, "program");
}

lt_status lt_program_new(lt_mem *mem, const lt_session *session, lt_expr *const *exprs,
                         uint32_t count, lt_program **out, lt_error *err)
{
    lt_program *p = lt_mem_zalloc(mem, sizeof *p);
    if (p == NULL) {
        return lt_error_nomem(err, "program");
    }
    p->mem = mem;
    p->session = session;
    lt_env *env = session->env;
    p->cpu = lt_cpu_level_from(env != NULL ? env->getenv(env, "LEAT_CPU") : NULL);
    lt_status st = compile(p, exprs, count, err);
    if (st != LT_OK) {
        lt_program_free(p);
        return st;
    }
    *out = p;
    return LT_OK;
}

void lt_program_free(lt_program *program)
{
    if (program == NULL) {
        return;
    }
    for (uint32_t i = 0; program->kept != NULL && i < program->node_count; i++) {
        if (program->kept[i].ptr != NULL) {
            program->kept[i].free(program->kept[i].ptr);
        }
    }
    lt_arena_free(program->scratch);
    lt_arena_free(program->arena);
    lt_mem_free(program->mem, program, sizeof *program);
}

static void finish_errors(const lt_program *p, uint32_t outputs, const lt_batch *in,
                          const uint64_t *bits, lt_row_errors *errors)
{
    for (uint32_t i = 0; i < lt_batch_live(in); i++) {
        uint32_t row = lt_batch_row(in, i);
        if (lt_bit_get(bits, row)) {
            if (errors->count == 0) {
                errors->first_row = row;
            }
            errors->count++;
        }
    }
    for (uint32_t i = 0; errors->count > 0 && i < outputs; i++) {
        const lt_karg *slot = &p->slots[p->outputs[i]];
        if (slot->err != NULL && slot->fail != NULL && lt_bit_get(slot->err, errors->first_row)) {
            errors->code = slot->fail->code;
            memcpy(errors->text, slot->fail->text, sizeof errors->text);
            return;
        }
    }
}

static lt_status run(lt_program *p, const lt_batch *in, int64_t watermark, lt_arena *arena,
                     const uint32_t *sel, uint32_t count, lt_error *err)
{
    lt_arena_reset(p->scratch, SCRATCH_KEEP);
    memset(p->done, 0, (p->scope_count / 64 + 1) * sizeof *p->done);
    p->in = in;
    p->out_arena = arena;
    p->watermark = watermark;
    p->rows = in->row_count;
    p->cap = (in->row_count + 63) / 64 * 64;
    if (p->cap == 0) {
        p->cap = 64;
    }
    return lt_program_run_scope(p, 0, sel, count, err);
}

/* Which rows failed. The message belongs to the first of them: what the kernels noted may be about
 * a row that turned out not to count, so that row is evaluated alone. */
static lt_status collect_errors(lt_program *p, uint32_t outputs, const lt_batch *in,
                                lt_arena *arena, lt_row_errors *errors, lt_error *err)
{
    memset(errors, 0, sizeof *errors);
    uint64_t *bits = NULL;
    size_t words = p->cap / 64;
    for (uint32_t i = 0; i < outputs; i++) {
        const uint64_t *from = p->slots[p->outputs[i]].err;
        if (from == NULL) {
            continue;
        }
        if (bits == NULL) {
            bits = LT_NEW_ARRAY(arena, uint64_t, words);
            if (bits == NULL) {
                return lt_error_nomem(err, "error mask");
            }
        }
        for (size_t w = 0; w < words; w++) {
            bits[w] |= from[w];
        }
    }
    if (bits == NULL) {
        return LT_OK;
    }
    finish_errors(p, outputs, in, bits, errors);
    errors->rows = errors->count > 0 ? bits : NULL;
    return LT_OK;
}

static lt_status explain_first(lt_program *p, uint32_t outputs, const lt_batch *in,
                               int64_t watermark, lt_arena *arena, lt_row_errors *errors,
                               lt_error *err)
{
    if (errors->count == 0 || lt_batch_live(in) == 1) {
        return LT_OK;
    }
    uint32_t row = errors->first_row;
    LT_TRY(run(p, in, watermark, arena, &row, 1, err));
    for (uint32_t i = 0; i < outputs; i++) {
        const lt_karg *slot = &p->slots[p->outputs[i]];
        if (slot->err != NULL && slot->fail != NULL && lt_bit_get(slot->err, row)) {
            errors->code = slot->fail->code;
            memcpy(errors->text, slot->fail->text, sizeof errors->text);
            break;
        }
    }
    return LT_OK;
}

lt_status lt_program_eval(lt_program *program, const lt_batch *in, int64_t watermark,
                          lt_arena *arena, lt_col *out, lt_row_errors *errors, lt_error *err)
{
    lt_program *p = program;
    LT_TRY(run(p, in, watermark, arena, in->sel, lt_batch_live(in), err));
    for (uint32_t i = 0; i < p->output_count; i++) {
        const lt_karg *slot = &p->slots[p->outputs[i]];
        if (slot->mask == 0) {
            if (!lt_col_broadcast(&out[i], slot->col, p->cap, arena)) {
                return lt_error_nomem(err, "column");
            }
        } else {
            out[i] = *slot->col;
        }
        out[i].type = p->nodes[p->outputs[i]].expr->type;
    }
    LT_TRY(collect_errors(p, p->output_count, in, arena, errors, err));
    return explain_first(p, p->output_count, in, watermark, arena, errors, err);
}

static uint32_t select_true(const uint8_t *val, const uint64_t *valid, const uint32_t *rows,
                            uint32_t count, uint32_t *sel)
{
    uint32_t used = 0;
    if (rows == NULL && valid == NULL) {
        for (uint32_t row = 0; row < count; row++) {
            sel[used] = row;
            used += val[row];
        }
        return used;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = rows ? rows[i] : i;
        sel[used] = row;
        used += (uint32_t)(val[row] & (valid ? lt_bit_get(valid, row) : 1));
    }
    return used;
}

lt_status lt_program_filter(lt_program *program, const lt_batch *in, int64_t watermark,
                            lt_arena *arena, uint32_t *sel, uint32_t *sel_count,
                            lt_row_errors *errors, lt_error *err)
{
    lt_program *p = program;
    LT_ASSERT(p->output_count >= 1);
    LT_ASSERT(p->nodes[p->outputs[0]].expr->type->kind == LT_TYPE_BOOLEAN);
    uint32_t live = lt_batch_live(in);
    LT_TRY(run(p, in, watermark, arena, in->sel, live, err));
    const lt_karg *cond = &p->slots[p->outputs[0]];
    const uint8_t *val = LT_COL_DATA(cond->col, const uint8_t);
    uint32_t used = 0;
    if (cond->mask == 0) {
        if (!lt_col_is_null(cond->col, 0) && val[0]) {
            for (uint32_t i = 0; i < live; i++) {
                sel[used++] = lt_batch_row(in, i);
            }
        }
    } else {
        used = select_true(val, cond->col->valid, in->sel, live, sel);
    }
    LT_TRY(collect_errors(p, 1, in, arena, errors, err));
    if (errors->count > 0) {
        uint32_t kept = 0;
        for (uint32_t i = 0; i < used; i++) {
            uint32_t row = sel[i];
            sel[kept] = row;
            kept += !lt_bit_get(errors->rows, row);
        }
        used = kept;
    }
    *sel_count = used;
    return explain_first(p, 1, in, watermark, arena, errors, err);
}

lt_status lt_expr_eval_const(const lt_session *session, lt_expr *expr, lt_arena *arena,
                             lt_value *out, lt_error *err)
{
    if (expr->kind == LT_NODE_LITERAL) {
        *out = expr->u.literal;
        return LT_OK;
    }
    lt_program *p = NULL;
    LT_TRY(lt_program_new(session->mem, session, &expr, 1, &p, err));
    lt_batch one;
    memset(&one, 0, sizeof one);
    one.row_count = 1;
    one.row_cap = 1;
    lt_col col;
    lt_row_errors errors;
    lt_status st = lt_program_eval(p, &one, LT_WATERMARK_MIN, arena, &col, &errors, err);
    if (st == LT_OK && errors.count > 0) {
        st = lt_error_set_at(err, LT_ERR_DATA, expr->pos, "%s", errors.text);
    }
    if (st == LT_OK && !lt_value_load(out, &col, 0, true, arena)) {
        st = lt_error_nomem(err, "value");
    }
    lt_program_free(p);
    return st;
}
