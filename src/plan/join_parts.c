/* A join taken apart: what its conditions are made of, and where each conjunct may go.
 *
 * Of the ON condition, what one side alone decides may be tested below the join, unless that side's
 * rows come out without a partner: then it says who is a partner, not who comes out. A conjunct of
 * the WHERE may go below to a side whose rows are never replaced by NULLs. One that cannot be TRUE
 * for such NULLs makes the join a stricter one first, as Calcite does: LEFT to INNER, FULL to LEFT,
 * RIGHT or INNER. */
#include "plan/join_parts.h"

#include <string.h>

#include "expr/registry.h"

static lt_status nomem(lt_error *err)
{
    return lt_error_nomem(err, "a join");
}

/* ---- looking at expressions ---- */

bool lt_expr_is_call(const lt_expr *expr, const char *name)
{
    return expr->kind == LT_NODE_CALL && strcmp(expr->u.call.func->name, name) == 0;
}

static void see_column(void *arg, uint32_t index)
{
    lt_join_columns *scan = arg;
    scan->sides |= index < scan->left_count ? LT_SIDE_LEFT : LT_SIDE_RIGHT;
    scan->uses++;
    scan->column = index;
}

lt_join_columns lt_join_scan(const lt_join_parts *j, const lt_expr *expr)
{
    lt_join_columns scan = {.left_count = j->left_count};
    lt_expr_columns(expr, see_column, &scan);
    return scan;
}

/* Has the type a unique byte form? Entries of maps may stand in any order. */
static bool is_key_type(const lt_type *type)
{
    if (type->kind == LT_TYPE_MAP || type->kind == LT_TYPE_MULTISET || type->kind == LT_TYPE_NULL) {
        return false;
    }
    for (uint32_t i = 0; i < type->field_count; i++) {
        if (!is_key_type(type->fields[i].type)) {
            return false;
        }
    }
    return true;
}

/* An expression over the join's columns as one over its right input's. */
static lt_status to_right(lt_join_parts *j, const lt_expr *expr, lt_expr **out, lt_error *err)
{
    uint32_t count = j->total;
    uint32_t *map = LT_NEW_ARRAY(j->p->arena, uint32_t, count + 1);
    if (map == NULL) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        map[i] = i >= j->left_count ? i - j->left_count : 0;
    }
    return lt_expr_remap(&j->p->builder, expr, map, NULL, out, err);
}

/* ---- NULLs of a side without a partner ---- */

static bool is_one_of(const lt_expr *expr, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (lt_expr_is_call(expr, names[i])) {
            return true;
        }
    }
    return false;
}

/* Is it NULL when the sides' columns are? Of calls, those that Calcite knows. */
static bool becomes_null(const lt_join_parts *j, const lt_expr *expr, int sides)
{
    static const char *const strict[] = {
        "=", "<>", "<",   "<=",   ">",    ">=",       "+",          "-",
        "*", "/",  "NOT", "LIKE", "CAST", "NOT LIKE", "SIMILAR TO", "NOT SIMILAR TO"};
    switch (expr->kind) {
    case LT_NODE_COLUMN:
        return ((expr->u.column < j->left_count ? LT_SIDE_LEFT : LT_SIDE_RIGHT) & sides) != 0;
    case LT_NODE_LITERAL:
        return lt_expr_is_null_literal(expr);
    case LT_NODE_CALL:
        break;
    }
    bool ranges = lt_expr_is_call(expr, "BETWEEN") || lt_expr_is_call(expr, "IN") ||
                  lt_expr_is_call(expr, "NOT IN");
    if (ranges) {
        return becomes_null(j, expr->u.call.args[0], sides);
    }
    for (uint32_t i = 0; is_one_of(expr, strict, LT_COUNT_OF(strict)) && i < expr->u.call.arg_count;
         i++) {
        if (becomes_null(j, expr->u.call.args[i], sides)) {
            return true;
        }
    }
    return false;
}

static bool is_false_literal(const lt_expr *expr)
{
    return expr->kind == LT_NODE_LITERAL && expr->type->kind == LT_TYPE_BOOLEAN &&
           (lt_expr_is_null_literal(expr) || !expr->u.literal.u.b);
}

/* never_true: it is FALSE or NULL then; else TRUE or NULL. */
static bool never(const lt_join_parts *j, const lt_expr *expr, int sides, bool never_true)
{
    if (never_true && is_false_literal(expr)) {
        return true;
    }
    bool conjunction = lt_expr_is_call(expr, "AND");
    if (conjunction || lt_expr_is_call(expr, "OR")) {
        bool any = conjunction == never_true;
        for (uint32_t i = 0; i < expr->u.call.arg_count; i++) {
            if (never(j, expr->u.call.args[i], sides, never_true) == any) {
                return any;
            }
        }
        return !any;
    }
    if (lt_expr_is_call(expr, "NOT")) {
        return never(j, expr->u.call.args[0], sides, !never_true);
    }
    if (lt_expr_is_call(expr, "IS NOT NULL") || lt_expr_is_call(expr, "IS NULL")) {
        bool is_null = lt_expr_is_call(expr, "IS NULL");
        return is_null != never_true && becomes_null(j, expr->u.call.args[0], sides);
    }
    if (never_true && lt_expr_is_call(expr, "IS TRUE")) {
        return never(j, expr->u.call.args[0], sides, true);
    }
    if (never_true && lt_expr_is_call(expr, "IS FALSE")) {
        return never(j, expr->u.call.args[0], sides, false);
    }
    return becomes_null(j, expr, sides);
}

bool lt_join_rejects_nulls(const lt_join_parts *j, const lt_expr *condition, lt_join_sides sides)
{
    return never(j, condition, (int)sides, true);
}

static void simplify(lt_join_parts *j, const lt_expr *where)
{
    if (lt_expr_is_call(where, "AND")) {
        for (uint32_t i = 0; i < where->u.call.arg_count; i++) {
            simplify(j, where->u.call.args[i]);
        }
        return;
    }
    bool lefts = j->type == LT_JOIN_TYPE_RIGHT || j->type == LT_JOIN_TYPE_FULL;
    if (lefts && lt_join_rejects_nulls(j, where, LT_SIDE_LEFT)) {
        j->type = j->type == LT_JOIN_TYPE_FULL ? LT_JOIN_TYPE_LEFT : LT_JOIN_TYPE_INNER;
    }
    bool rights = j->type == LT_JOIN_TYPE_LEFT || j->type == LT_JOIN_TYPE_FULL;
    if (rights && lt_join_rejects_nulls(j, where, LT_SIDE_RIGHT)) {
        j->type = j->type == LT_JOIN_TYPE_FULL ? LT_JOIN_TYPE_RIGHT : LT_JOIN_TYPE_INNER;
    }
}

/* ---- conjuncts ---- */

static lt_status key_type(lt_join_parts *j, const lt_type *a, const lt_type *b, const lt_type **out,
                          lt_error *err)
{
    const lt_type *types[2] = {a, b};
    lt_error ignored;
    *out = NULL;
    lt_status st = lt_type_common(j->p->arena, types, 2, out, &ignored);
    if (st == LT_ERR_NOMEM) {
        return nomem(err);
    }
    if (st != LT_OK || lt_type_phys(a) != lt_type_phys(b)) {
        *out = NULL;
        return LT_OK;
    }
    *out = lt_type_with_nullable(j->p->arena, *out, true);
    return *out != NULL ? LT_OK : nomem(err);
}

/* Both sides of one form? Strings of any length have the same; else the types must be equal. */
static bool same_form(const lt_type *a, const lt_type *b)
{
    bool bytes = lt_type_phys(a) == LT_PHYS_STR && lt_type_phys(b) == LT_PHYS_STR;
    return bytes || lt_type_eq_unnull(a, b);
}

static lt_status add_key(lt_join_parts *j, lt_expr *expr, bool swapped, bool *taken, lt_error *err)
{
    lt_expr *left = expr->u.call.args[swapped ? 1 : 0];
    lt_expr *right = expr->u.call.args[swapped ? 0 : 1];
    lt_join_key pair = {.left = left, .null_safe = lt_expr_is_call(expr, "IS NOT DISTINCT FROM")};
    LT_TRY(key_type(j, left->type, right->type, &pair.type, err));
    *taken = pair.type != NULL && is_key_type(pair.type) && same_form(left->type, right->type);
    if (!*taken) {
        return LT_OK;
    }
    LT_TRY(to_right(j, right, &pair.right, err));
    if (j->key_count == j->key_cap) {
        uint32_t cap = j->key_cap == 0 ? 4 : 2 * j->key_cap;
        lt_join_key *grown = LT_NEW_ARRAY(j->p->arena, lt_join_key, cap);
        if (grown == NULL) {
            return nomem(err);
        }
        for (uint32_t i = 0; i < j->key_count; i++) {
            grown[i] = j->keys[i];
        }
        j->keys = grown;
        j->key_cap = cap;
    }
    j->keys[j->key_count++] = pair;
    return LT_OK;
}

static lt_status split(lt_join_parts *j, lt_expr *expr, lt_error *err)
{
    if (lt_expr_is_call(expr, "AND")) {
        for (uint32_t i = 0; i < expr->u.call.arg_count; i++) {
            LT_TRY(split(j, expr->u.call.args[i], err));
        }
        return LT_OK;
    }
    if (j->conjunct_count == j->conjunct_cap) {
        uint32_t cap = j->conjunct_cap == 0 ? 8 : 2 * j->conjunct_cap;
        lt_expr **grown = LT_NEW_ARRAY(j->p->arena, lt_expr *, cap);
        if (grown == NULL) {
            return nomem(err);
        }
        for (uint32_t i = 0; i < j->conjunct_count; i++) {
            grown[i] = j->conjuncts[i];
        }
        j->conjuncts = grown;
        j->conjunct_cap = cap;
    }
    j->conjuncts[j->conjunct_count++] = expr;
    return LT_OK;
}

static lt_status push_down(lt_join_parts *j, int side, lt_expr *expr, lt_error *err)
{
    if (side == 1) {
        LT_TRY(to_right(j, expr, &expr, err));
    }
    return lt_plan_and(j->p, j->pushed[side], expr, &j->pushed[side], err);
}

static bool is_true_literal(const lt_expr *expr)
{
    return expr->kind == LT_NODE_LITERAL && expr->type->kind == LT_TYPE_BOOLEAN &&
           !lt_expr_is_null_literal(expr) && expr->u.literal.u.b;
}

/* Do the bounds of an interval join say it already, or the windows of a window join? */
static bool is_implied(const lt_join_parts *j, const lt_expr *expr)
{
    const lt_join_interval *known = &j->join->u.join.interval;
    lt_time_bounds said;
    if (j->join->u.join.how == LT_JOIN_WINDOW) {
        return lt_window_equality(j->join, expr);
    }
    if (j->join->u.join.how != LT_JOIN_INTERVAL || !lt_time_bounds_of(j->join, expr, &said)) {
        return false;
    }
    return said.interval.left_time == known->left_time &&
           said.interval.right_time == known->right_time &&
           (!said.lower || said.interval.lower_ms <= known->lower_ms) &&
           (!said.upper || said.interval.upper_ms >= known->upper_ms);
}

/* A conjunct of the join's own condition. */
static lt_status place(lt_join_parts *j, lt_expr *expr, lt_error *err)
{
    if (is_true_literal(expr) || is_implied(j, expr)) {
        return LT_OK;
    }
    if (!lt_expr_is_deterministic(expr)) {
        return lt_plan_and(j->p, j->residual, expr, &j->residual, err);
    }
    bool keeps_left = j->type == LT_JOIN_TYPE_LEFT || j->type == LT_JOIN_TYPE_FULL ||
                      j->type == LT_JOIN_TYPE_ANTI;
    /* A version that is filtered out would leave its time to the one before it. */
    bool keeps_right = j->type == LT_JOIN_TYPE_RIGHT || j->type == LT_JOIN_TYPE_FULL ||
                       (j->join->u.join.temporal && !j->lookup);
    int sides = lt_join_scan(j, expr).sides;
    if (sides == LT_SIDE_LEFT && !keeps_left) {
        return push_down(j, 0, expr, err);
    }
    if (sides == LT_SIDE_RIGHT && !keeps_right) {
        return push_down(j, 1, expr, err);
    }
    if (lt_expr_is_call(expr, "=") || lt_expr_is_call(expr, "IS NOT DISTINCT FROM")) {
        int a = lt_join_scan(j, expr->u.call.args[0]).sides;
        int b = lt_join_scan(j, expr->u.call.args[1]).sides;
        bool taken = false;
        if (a + b == LT_SIDE_BOTH && a != LT_SIDE_NONE && b != LT_SIDE_NONE) {
            LT_TRY(add_key(j, expr, a == LT_SIDE_RIGHT, &taken, err));
        }
        if (taken) {
            return LT_OK;
        }
    }
    return lt_plan_and(j->p, j->residual, expr, &j->residual, err);
}

/* A conjunct of the WHERE around a join that is not an inner one. */
static lt_status place_where(lt_join_parts *j, lt_expr *expr, lt_error *err)
{
    if (lt_expr_is_call(expr, "AND")) {
        for (uint32_t i = 0; i < expr->u.call.arg_count; i++) {
            LT_TRY(place_where(j, expr->u.call.args[i], err));
        }
        return LT_OK;
    }
    int sides = lt_expr_is_deterministic(expr) ? lt_join_scan(j, expr).sides : LT_SIDE_NONE;
    bool left = j->type == LT_JOIN_TYPE_LEFT || lt_join_is_exists(j->type);
    if (sides == LT_SIDE_LEFT && left) {
        return push_down(j, 0, expr, err);
    }
    if (sides == LT_SIDE_RIGHT && j->type == LT_JOIN_TYPE_RIGHT) {
        return push_down(j, 1, expr, err);
    }
    return lt_plan_and(j->p, j->above, expr, &j->above, err);
}

lt_status lt_join_take_apart(lt_join_parts *j, lt_planner *p, lt_rel *join, lt_expr *where,
                             lt_error *err)
{
    uint32_t left_count = join->inputs[0]->schema->count;
    *j = (lt_join_parts){.p = p,
                         .join = join,
                         .type = join->u.join.type,
                         .left_count = left_count,
                         .total = left_count + join->inputs[1]->schema->count};
    j->lookup = join->u.join.temporal &&
                join->inputs[0]->schema->fields[join->u.join.as_of].type->attr == LT_TIME_PROCTIME;
    if (where != NULL) {
        simplify(j, where);
    }
    if (join->u.join.condition != NULL) {
        LT_TRY(split(j, join->u.join.condition, err));
    }
    if (where != NULL && j->type == LT_JOIN_TYPE_INNER) {
        LT_TRY(split(j, where, err));
    } else if (where != NULL) {
        LT_TRY(place_where(j, where, err));
    }
    for (uint32_t i = 0; i < j->conjunct_count; i++) {
        LT_TRY(place(j, j->conjuncts[i], err));
    }
    return LT_OK;
}
