/* Which kind of join a JOIN is. It is decided here and not by the planner, because it decides the
 * types of what a SELECT sees: a regular join destroys the time attributes of both sides, an
 * interval join and a window join keep them, and a window join its windows too.
 *
 * A SELECT's joins are looked at when FROM and WHERE are bound, with the conditions of both: of an
 * outer join those of ON alone, since the WHERE sees rows that have no partner.
 *
 *   interval  as in Flink one equality of both sides' time attributes, or two comparisons that
 * bound one side's by the other's from both sides; constants may be added to either window    the
 * rows of both sides have windows, and their bounds are equal
 *
 * lt_rel_join makes every join a regular one; what is found to be more gets its attributes back,
 * and so does what stands above it in the SELECT. */
#include "bind/decorrelate.h"

#include <string.h>

#include "expr/registry.h"

static lt_status nomem(lt_error *err)
{
    return lt_error_nomem(err, "a join");
}

static bool is_call(const lt_expr *expr, const char *name)
{
    return expr->kind == LT_NODE_CALL && strcmp(expr->u.call.func->name, name) == 0;
}

/* ---- bounds ---- */

/* A constant of a day-time interval, in ms. */
static bool interval_ms(const lt_expr *expr, int64_t *ms)
{
    if (expr->type->kind != LT_TYPE_INTERVAL_SECOND) {
        return false;
    }
    if (expr->kind == LT_NODE_LITERAL) {
        *ms = expr->u.literal.u.i;
        return !expr->u.literal.is_null;
    }
    bool minus = is_call(expr, "-");
    if (!minus && !is_call(expr, "+")) {
        return false;
    }
    int64_t first, second = 0;
    uint32_t count = expr->u.call.arg_count;
    if (!interval_ms(expr->u.call.args[0], &first)) {
        return false;
    }
    if (count == 1) {
        return !LT_SUB_OVERFLOW(0, first, ms);
    }
    return interval_ms(expr->u.call.args[1], &second) &&
           !(minus ? LT_SUB_OVERFLOW(first, second, ms) : LT_ADD_OVERFLOW(first, second, ms));
}

typedef struct {
    uint32_t column; /* of the join */
    int64_t ms;      /* added to it */
} time_term;

/* A column, with constants added and taken away. */
static bool find_term(const lt_expr *expr, time_term *out)
{
    if (expr->kind == LT_NODE_COLUMN) {
        *out = (time_term){expr->u.column, 0};
        return true;
    }
    bool minus = is_call(expr, "-");
    if ((!minus && !is_call(expr, "+")) || expr->u.call.arg_count != 2) {
        return false;
    }
    const lt_expr *left = expr->u.call.args[0], *right = expr->u.call.args[1];
    int64_t ms;
    if (!minus && left->type->kind == LT_TYPE_INTERVAL_SECOND) {
        const lt_expr *other = left;
        left = right;
        right = other;
    }
    return interval_ms(right, &ms) && find_term(left, out) &&
           !(minus ? LT_SUB_OVERFLOW(out->ms, ms, &out->ms)
                   : LT_ADD_OVERFLOW(out->ms, ms, &out->ms));
}

static const lt_type *type_of(const lt_rel *join, uint32_t column)
{
    uint32_t lefts = join->inputs[0]->schema->count;
    const lt_rel *side = join->inputs[column < lefts ? 0 : 1];
    return side->schema->fields[column < lefts ? column : column - lefts].type;
}

/* a >= b (sign 1), a <= b (sign -1), each less one ms where it is strict. */
static bool note_bound(const lt_rel *join, const lt_expr *a, const lt_expr *b, int sign,
                       bool strict, lt_time_bounds *out)
{
    uint32_t lefts = join->inputs[0]->schema->count;
    time_term x, y;
    if (!find_term(a, &x) || !find_term(b, &y) || (x.column < lefts) == (y.column < lefts)) {
        return false;
    }
    const lt_type *type = type_of(join, x.column), *other = type_of(join, y.column);
    if (type->attr == LT_TIME_NONE || type->attr != other->attr || type->kind != other->kind) {
        return false;
    }
    if (x.column >= lefts) {
        const time_term swapped = x;
        x = y;
        y = swapped;
        sign = -sign;
    }
    /* left + x >= right + y is left >= right + (y - x) */
    int64_t ms;
    if (LT_SUB_OVERFLOW(y.ms, x.ms, &ms) || LT_ADD_OVERFLOW(ms, strict ? sign : 0, &ms)) {
        return false;
    }
    lt_join_interval *interval = &out->interval;
    bool known = out->lower || out->upper;
    if (known && (interval->left_time != x.column || interval->right_time != y.column - lefts)) {
        return false;
    }
    interval->left_time = x.column;
    interval->right_time = y.column - lefts;
    interval->proctime = type->attr == LT_TIME_PROCTIME;
    *(sign > 0 ? &interval->lower_ms : &interval->upper_ms) = ms;
    *(sign > 0 ? &out->lower : &out->upper) = true;
    return true;
}

bool lt_time_bounds_of(const lt_rel *join, const lt_expr *conjunct, lt_time_bounds *out)
{
    static const struct {
        const char *name;
        int sign;
        bool strict;
    } ops[] = {{">=", 1, false}, {">", 1, true}, {"<=", -1, false}, {"<", -1, true}};
    lt_expr *const *args = conjunct->kind == LT_NODE_CALL ? conjunct->u.call.args : NULL;
    *out = (lt_time_bounds){.lower = false};
    if (is_call(conjunct, "BETWEEN")) {
        return note_bound(join, args[0], args[1], 1, false, out) &&
               note_bound(join, args[0], args[2], -1, false, out);
    }
    if (is_call(conjunct, "=")) {
        return note_bound(join, args[0], args[1], 1, false, out) &&
               note_bound(join, args[0], args[1], -1, false, out);
    }
    for (size_t i = 0; i < LT_COUNT_OF(ops); i++) {
        if (is_call(conjunct, ops[i].name)) {
            return note_bound(join, args[0], args[1], ops[i].sign, ops[i].strict, out);
        }
    }
    return false;
}

/* ---- conjuncts ---- */

typedef struct {
    lt_expr **items;
    uint32_t count, cap;
} conjunct_list;

static lt_status add_conjunct(lt_binder *b, conjunct_list *list, lt_expr *expr, lt_error *err)
{
    if (is_call(expr, "AND")) {
        for (uint32_t i = 0; i < expr->u.call.arg_count; i++) {
            LT_TRY(add_conjunct(b, list, expr->u.call.args[i], err));
        }
        return LT_OK;
    }
    if (lt_expr_is_outer(expr)) {
        return LT_OK; /* a condition of a sub-query on the rows around it: it will stand elsewhere
                       */
    }
    if (list->count == list->cap) {
        uint32_t cap = list->cap ? list->cap * 2 : 8;
        lt_expr **grown = LT_NEW_ARRAY(b->arena, lt_expr *, cap);
        if (!grown) {
            return nomem(err);
        }
        for (uint32_t i = 0; i < list->count; i++) {
            grown[i] = list->items[i];
        }
        list->items = grown;
        list->cap = cap;
    }
    list->items[list->count++] = expr;
    return LT_OK;
}

typedef struct {
    uint32_t lefts;
    bool left, right;
} sides_seen;

static void see_side(void *arg, uint32_t column)
{
    sides_seen *seen = arg;
    seen->left = seen->left || column < seen->lefts;
    seen->right = seen->right || column >= seen->lefts;
}

/* Those about one side alone, over its own columns. */
static lt_status conjuncts_of_side(lt_binder *b, const lt_rel *join, const conjunct_list *all,
                                   bool right, conjunct_list *out, lt_error *err)
{
    uint32_t lefts = join->inputs[0]->schema->count;
    uint32_t count = lefts + join->inputs[1]->schema->count;
    uint32_t *map = LT_NEW_ARRAY(b->arena, uint32_t, count + 1);
    if (!map) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        map[i] = i < lefts ? i : i - lefts;
    }
    for (uint32_t i = 0; i < all->count; i++) {
        sides_seen seen = {.lefts = lefts};
        lt_expr_columns(all->items[i], see_side, &seen);
        if (seen.left == right || seen.right != right) {
            continue;
        }
        lt_expr *expr;
        LT_TRY(lt_expr_remap(&b->eb, all->items[i], map, NULL, &expr, err));
        LT_TRY(add_conjunct(b, out, expr, err));
    }
    return LT_OK;
}

/* ---- which kind ---- */

static bool find_interval(const lt_rel *join, const conjunct_list *conjuncts, lt_join_interval *out)
{
    lt_time_bounds all = {.lower = false};
    if (join->u.join.type == LT_JOIN_TYPE_SEMI || join->u.join.type == LT_JOIN_TYPE_ANTI) {
        return false;
    }
    for (uint32_t i = 0; i < conjuncts->count; i++) {
        lt_time_bounds one;
        if (!lt_time_bounds_of(join, conjuncts->items[i], &one)) {
            continue;
        }
        /* As in Flink two bounds, not more, both of the same attributes. */
        bool again = (one.lower && all.lower) || (one.upper && all.upper);
        bool other =
            (all.lower || all.upper) && (all.interval.left_time != one.interval.left_time ||
                                         all.interval.right_time != one.interval.right_time);
        if (again || other) {
            return false;
        }
        one.interval.lower_ms = one.lower ? one.interval.lower_ms : all.interval.lower_ms;
        one.interval.upper_ms = one.upper ? one.interval.upper_ms : all.interval.upper_ms;
        one.lower = one.lower || all.lower;
        one.upper = one.upper || all.upper;
        all = one;
    }
    *out = all.interval;
    return all.lower && all.upper;
}

bool lt_window_equality(const lt_rel *join, const lt_expr *conjunct)
{
    const lt_window_props *a = &join->inputs[0]->window, *b = &join->inputs[1]->window;
    int lefts = (int)join->inputs[0]->schema->count;
    if (!is_call(conjunct, "=") || conjunct->u.call.args[0]->kind != LT_NODE_COLUMN ||
        conjunct->u.call.args[1]->kind != LT_NODE_COLUMN) {
        return false;
    }
    int x = (int)conjunct->u.call.args[0]->u.column, y = (int)conjunct->u.call.args[1]->u.column;
    int left = LT_MIN(x, y), right = LT_MAX(x, y) - lefts;
    bool start = left == a->start_col && right == b->start_col;
    return (start && a->kind != LT_WINDOW_SESSION) || (left == a->end_col && right == b->end_col);
}

/* Is there left = right of these columns? */
static bool has_equality(const lt_rel *join, const conjunct_list *conjuncts, int left, int right)
{
    uint32_t lefts = join->inputs[0]->schema->count;
    for (uint32_t i = 0; left >= 0 && right >= 0 && i < conjuncts->count; i++) {
        const lt_expr *expr = conjuncts->items[i];
        if (!is_call(expr, "=") || expr->u.call.args[0]->kind != LT_NODE_COLUMN ||
            expr->u.call.args[1]->kind != LT_NODE_COLUMN) {
            continue;
        }
        uint32_t a = expr->u.call.args[0]->u.column, z = expr->u.call.args[1]->u.column;
        if (LT_MIN(a, z) == (uint32_t)left && LT_MAX(a, z) == lefts + (uint32_t)right) {
            return true;
        }
    }
    return false;
}

static bool is_window(const lt_rel *join, const conjunct_list *conjuncts)
{
    const lt_window_props *a = &join->inputs[0]->window, *b = &join->inputs[1]->window;
    bool same = a->present && b->present && a->kind == b->kind && a->ltz == b->ltz &&
                a->window.size_ms == b->window.size_ms && a->window.step_ms == b->window.step_ms &&
                a->window.offset_ms == b->window.offset_ms;
    return same && has_equality(join, conjuncts, a->start_col, b->start_col) &&
           has_equality(join, conjuncts, a->end_col, b->end_col);
}

/* ---- what it keeps ---- */

static lt_status keep_attributes(lt_binder *b, lt_rel *join, lt_error *err)
{
    uint32_t count = join->schema->count;
    lt_field *fields = LT_NEW_ARRAY(b->arena, lt_field, count + 1);
    if (!fields) {
        return nomem(err);
    }
    /* Rows of a join in processing time come whatever their event time: nothing holds it back. */
    bool proctime = join->u.join.how == LT_JOIN_INTERVAL && join->u.join.interval.proctime;
    for (uint32_t i = 0; i < count; i++) {
        fields[i] = join->schema->fields[i];
        lt_time_attr attr = type_of(join, i)->attr;
        attr = proctime && attr == LT_TIME_ROWTIME ? LT_TIME_NONE : attr;
        fields[i].type = lt_type_with_attr(b->arena, fields[i].type, attr);
        if (!fields[i].type) {
            return nomem(err);
        }
    }
    join->schema = lt_schema_new(b->arena, fields, count);
    return join->schema ? LT_OK : nomem(err);
}

/* The windows of a window join: the columns of a side whose rows are never missing; of an inner
 * join the other's too. */
static void keep_windows(lt_rel *join)
{
    lt_join_type type = join->u.join.type;
    bool right = type == LT_JOIN_TYPE_RIGHT;
    int lefts = (int)join->inputs[0]->schema->count;
    const lt_window_props *other = &join->inputs[1]->window;
    int shift = right ? lefts : 0;
    join->window = join->inputs[right ? 1 : 0]->window;
    lt_window_props *window = &join->window;
    window->start_col += shift;
    window->end_col += shift;
    window->time_col += window->time_col >= 0 ? shift : 0;
    window->start_also = window->end_also = window->time_also = 0;
    if (type == LT_JOIN_TYPE_INNER) {
        window->start_also = lefts + other->start_col + 1;
        window->end_also = lefts + other->end_col + 1;
        window->time_also = other->time_col >= 0 ? lefts + other->time_col + 1 : 0;
    }
}

static lt_status settle(lt_binder *b, lt_rel *rel, const conjunct_list *above, bool *changed,
                        lt_error *err);

static lt_status settle_join(lt_binder *b, lt_rel *join, const conjunct_list *above, bool *changed,
                             lt_error *err)
{
    bool inner = join->u.join.type == LT_JOIN_TYPE_INNER;
    bool below;
    conjunct_list all = {.count = 0}, sides[2] = {{.count = 0}, {.count = 0}};
    if (join->u.join.condition) {
        LT_TRY(add_conjunct(b, &all, join->u.join.condition, err));
    }
    for (uint32_t i = 0; inner && i < above->count; i++) {
        LT_TRY(add_conjunct(b, &all, above->items[i], err));
    }
    for (int side = 0; side < 2; side++) {
        if (inner) {
            LT_TRY(conjuncts_of_side(b, join, &all, side == 1, &sides[side], err));
        } else if (side == 0 && join->u.join.type != LT_JOIN_TYPE_RIGHT &&
                   join->u.join.type != LT_JOIN_TYPE_FULL) {
            LT_TRY(conjuncts_of_side(b, join, above, false, &sides[side], err));
        }
        LT_TRY(settle(b, join->inputs[side], &sides[side], &below, err));
    }
    join->u.join.settled = true;
    if (join->u.join.temporal) {
        return LT_OK; /* keeps what it kept */
    }
    if (is_window(join, &all)) {
        join->u.join.how = LT_JOIN_WINDOW;
        keep_windows(join);
    } else if (find_interval(join, &all, &join->u.join.interval)) {
        join->u.join.how = LT_JOIN_INTERVAL;
    } else {
        return LT_OK;
    }
    *changed = true;
    return keep_attributes(b, join, err);
}

/* A projection that passes on columns passes on what these have got back. */
static lt_status project_again(lt_binder *b, lt_rel *rel, lt_error *err)
{
    uint32_t count = rel->schema->count;
    lt_field *fields = LT_NEW_ARRAY(b->arena, lt_field, count + 1);
    if (!fields) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        const lt_expr *expr = rel->u.project.exprs[i];
        fields[i] = rel->schema->fields[i];
        if (expr->kind == LT_NODE_COLUMN) {
            lt_time_attr attr = rel->inputs[0]->schema->fields[expr->u.column].type->attr;
            fields[i].type = lt_type_with_attr(b->arena, fields[i].type, attr);
            if (!fields[i].type) {
                return nomem(err);
            }
        }
    }
    rel->schema = lt_schema_new(b->arena, fields, count);
    lt_rel_project_window(rel);
    return rel->schema ? LT_OK : nomem(err);
}

static lt_status settle_project(lt_binder *b, lt_rel *rel, const conjunct_list *above,
                                bool *changed, lt_error *err)
{
    conjunct_list below = {.count = 0};
    for (uint32_t i = 0; i < above->count; i++) {
        lt_expr *expr;
        LT_TRY(lt_expr_remap(&b->eb, above->items[i], NULL, rel->u.project.exprs, &expr, err));
        LT_TRY(add_conjunct(b, &below, expr, err));
    }
    LT_TRY(settle(b, rel->inputs[0], &below, changed, err));
    return *changed ? project_again(b, rel, err) : LT_OK;
}

static lt_status settle(lt_binder *b, lt_rel *rel, const conjunct_list *above, bool *changed,
                        lt_error *err)
{
    *changed = false;
    if (rel->kind == LT_REL_JOIN) {
        return rel->u.join.settled ? LT_OK : settle_join(b, rel, above, changed, err);
    }
    if (rel->kind == LT_REL_PROJECT) {
        return settle_project(b, rel, above, changed, err);
    }
    if (rel->kind != LT_REL_FILTER) {
        return LT_OK;
    }
    conjunct_list all = {.count = 0};
    LT_TRY(add_conjunct(b, &all, rel->u.filter.condition, err));
    for (uint32_t i = 0; i < above->count; i++) {
        LT_TRY(add_conjunct(b, &all, above->items[i], err));
    }
    LT_TRY(settle(b, rel->inputs[0], &all, changed, err));
    if (*changed) {
        rel->schema = rel->inputs[0]->schema;
        rel->window = rel->inputs[0]->window;
    }
    return LT_OK;
}

lt_status lt_settle_joins(lt_binder *b, lt_rel *rel, lt_error *err)
{
    const conjunct_list none = {.count = 0};
    bool changed;
    return settle(b, rel, &none, &changed, err);
}
