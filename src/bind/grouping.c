/* GROUP BY: its keys and, of GROUPING SETS, ROLLUP and CUBE, the sets of them.
 *
 * All elements of a GROUP BY are lists of sets, and their product is what is grouped by: (a),
 * ROLLUP (b, c) is (a, b, c), (a, b), (a). One set is an ordinary GROUP BY. With several, an EXPAND
 * node gives every row once per set, with NULL for the keys that the set lacks and with the set's
 * number, which is a key too: a key that is NULL in the data is thereby told from one that is left
 * out, and a set that is written twice gives its rows twice. Keys of every set are left alone, so
 * that the bounds of windows are recognised above. */
#include "bind/bind_int.h"

#define SETS_MAX 4096 /* CUBE of twelve; every row comes that often */
#define KEYS_MAX 63   /* bits of GROUPING_ID, and of a set */

typedef struct {
    uint64_t *items; /* bit k: key k is in the set */
    uint32_t count;
} set_list;

typedef struct {
    lt_binder *b;
    const lt_ast_select *ast;
    const lt_scope *scope;
    lt_grouping *g;
    bool sets; /* there are GROUPING SETS, ROLLUP or CUBE */
} group_state;

/* ---- keys ---- */

static const lt_ast_item *item_of_alias(const lt_ast_select *ast, const lt_ast_expr *expr)
{
    for (uint32_t i = 0;
         expr->kind == LT_EXPR_IDENT && expr->path.count == 1 && i < ast->item_count; i++) {
        if (ast->items[i].alias.text.ptr &&
            lt_str_eq(ast->items[i].alias.text, expr->path.items[0].text)) {
            return &ast->items[i];
        }
    }
    return NULL;
}

static lt_status add_key(group_state *s, const lt_ast_expr *ast, uint32_t *key, lt_error *err)
{
    lt_grouping *g = s->g;
    lt_expr_env env = {.b = s->b, .scope = s->scope, .clause = "GROUP BY"};
    lt_expr *expr;
    if (item_of_alias(s->ast, ast)) {
        env.missing_hint = "GROUP BY takes no aliases of the select list: repeat the expression";
    }
    LT_TRY(lt_bind_expr(&env, ast, &expr, err));
    for (uint32_t i = 0; i < g->key_count; i++) {
        if (lt_expr_eq(g->keys[i], expr)) {
            *key = i;
            return LT_OK;
        }
    }
    lt_str name = {NULL, 0};
    if (expr->kind == LT_NODE_COLUMN) {
        name = s->scope->schema->fields[expr->u.column].name;
    } else {
        name = lt_str_of(lt_arena_printf(s->b->arena, "$f%u", g->key_count));
    }
    if (!name.ptr) {
        return lt_error_nomem(err, "name");
    }
    *key = g->key_count;
    g->keys[g->key_count] = expr;
    g->key_names[g->key_count++] = name;
    return LT_OK;
}

static lt_status add_tuple(group_state *s, const lt_ast_group *group, uint64_t *set, lt_error *err)
{
    uint32_t count = group->kind == LT_GROUP_EXPR ? 1 : group->exprs.count;
    *set = 0;
    for (uint32_t i = 0; i < count; i++) {
        const lt_ast_expr *expr =
            group->kind == LT_GROUP_EXPR ? group->expr : group->exprs.items[i];
        uint32_t key;
        if (lt_ast_is_group_window(expr)) {
            if (s->sets) {
                return lt_unsupported_at(err, expr->pos, "grouping sets with a window in GROUP BY");
            }
            LT_TRY(lt_group_window_bind(s->b, s->scope, expr, &s->g->window, err));
            continue;
        }
        LT_TRY(add_key(s, expr, &key, err));
        *set |= key < KEYS_MAX ? UINT64_C(1) << key : 0;
    }
    return LT_OK;
}

/* ---- sets ---- */

static lt_status too_many(const lt_ast_group *group, lt_error *err)
{
    return lt_error_set_at(err, LT_ERR_LIMIT, group->pos,
                           "GROUP BY has more than %d grouping sets: every row is taken that often",
                           SETS_MAX);
}

static lt_status new_list(group_state *s, const lt_ast_group *group, uint64_t count, set_list *out,
                          lt_error *err)
{
    if (count > SETS_MAX) {
        return too_many(group, err);
    }
    out->items = LT_NEW_ARRAY(s->b->arena, uint64_t, (size_t)count + 1);
    out->count = 0;
    return out->items ? LT_OK : lt_error_nomem(err, "grouping sets");
}

/* Sets of keys that come or go together, from all of them to none. */
static lt_status rollup_or_cube(group_state *s, const lt_ast_group *group, set_list *out,
                                lt_error *err)
{
    uint32_t parts = group->child_count;
    bool cube = group->kind == LT_GROUP_CUBE;
    uint64_t *part = LT_NEW_ARRAY(s->b->arena, uint64_t, parts + 1);
    if (!part) {
        return lt_error_nomem(err, "grouping sets");
    }
    for (uint32_t i = 0; i < parts; i++) {
        LT_TRY(add_tuple(s, group->children[i], &part[i], err));
    }
    if (parts > 32) {
        return too_many(group, err);
    }
    uint64_t count = cube ? UINT64_C(1) << parts : parts + 1;
    LT_TRY(new_list(s, group, count, out, err));
    for (uint64_t n = 0; n < count; n++) {
        uint64_t set = 0;
        for (uint32_t i = 0; i < parts; i++) {
            bool without = cube ? n >> (parts - 1 - i) & 1 : i >= parts - n;
            set |= without ? 0 : part[i];
        }
        out->items[out->count++] = set;
    }
    return LT_OK;
}

static lt_status sets_of(group_state *s, const lt_ast_group *group, set_list *out, lt_error *err)
{
    if (group->kind == LT_GROUP_ROLLUP || group->kind == LT_GROUP_CUBE) {
        return rollup_or_cube(s, group, out, err);
    }
    if (group->kind != LT_GROUP_SETS) {
        LT_TRY(new_list(s, group, 1, out, err));
        return add_tuple(s, group, &out->items[out->count++], err);
    }
    LT_TRY(new_list(s, group, SETS_MAX, out, err));
    for (uint32_t i = 0; i < group->child_count; i++) {
        set_list child;
        LT_TRY(sets_of(s, group->children[i], &child, err));
        if (out->count + child.count > SETS_MAX) {
            return too_many(group, err);
        }
        memcpy(out->items + out->count, child.items, child.count * sizeof *child.items);
        out->count += child.count;
    }
    return LT_OK;
}

static lt_status multiply(group_state *s, const lt_ast_group *group, const set_list *a,
                          const set_list *b, set_list *out, lt_error *err)
{
    LT_TRY(new_list(s, group, (uint64_t)a->count * b->count, out, err));
    for (uint32_t i = 0; i < a->count; i++) {
        for (uint32_t j = 0; j < b->count; j++) {
            out->items[out->count++] = a->items[i] | b->items[j];
        }
    }
    return LT_OK;
}

/* GROUP BY DISTINCT: each set once. */
static void drop_equal_sets(set_list *list)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        bool known = false;
        for (uint32_t j = 0; j < kept; j++) {
            known = known || list->items[j] == list->items[i];
        }
        if (!known) {
            list->items[kept++] = list->items[i];
        }
    }
    list->count = kept;
}

static uint32_t count_exprs(const lt_ast_group *group)
{
    uint32_t count = group->kind == LT_GROUP_EXPR ? 1 : group->exprs.count;
    for (uint32_t i = 0; i < group->child_count; i++) {
        count += count_exprs(group->children[i]);
    }
    return count;
}

static lt_status bind_sets(group_state *s, lt_error *err)
{
    lt_grouping *g = s->g;
    uint64_t nothing = 0;
    set_list all = {&nothing, 1};
    for (uint32_t i = 0; i < s->ast->group_count; i++) {
        set_list next, product;
        LT_TRY(sets_of(s, s->ast->groups[i], &next, err));
        LT_TRY(multiply(s, s->ast->groups[i], &all, &next, &product, err));
        all = product;
    }
    if (s->ast->group_quantifier == LT_QUANT_DISTINCT) {
        drop_equal_sets(&all);
    }
    if (all.count == 1) {
        return LT_OK;
    }
    if (g->key_count > KEYS_MAX) {
        return lt_error_set_at(err, LT_ERR_LIMIT, s->ast->groups[0]->pos,
                               "grouping sets of more than %d different keys", KEYS_MAX);
    }
    g->sets = all.items;
    g->set_count = all.count;
    return LT_OK;
}

lt_status lt_grouping_bind(lt_binder *b, const lt_ast_select *ast, const lt_scope *scope,
                           lt_grouping *g, lt_error *err)
{
    group_state s = {b, ast, scope, g, false};
    uint32_t cap = 4;
    for (uint32_t i = 0; i < ast->group_count; i++) {
        cap += count_exprs(ast->groups[i]);
        s.sets = s.sets || ast->groups[i]->child_count > 0;
    }
    g->input = scope;
    g->keys = LT_NEW_ARRAY(b->arena, lt_expr *, cap);
    g->key_types = LT_NEW_ARRAY(b->arena, const lt_type *, cap);
    g->key_names = LT_NEW_ARRAY(b->arena, lt_str, cap);
    if (!g->keys || !g->key_types || !g->key_names) {
        return lt_error_nomem(err, "GROUP BY");
    }
    if (s.sets) {
        LT_TRY(bind_sets(&s, err));
    } else {
        for (uint32_t i = 0; i < ast->group_count; i++) {
            uint64_t ignored;
            LT_TRY(add_tuple(&s, ast->groups[i], &ignored, err));
        }
    }
    g->agg_base = lt_grouping_width(g);
    return LT_OK;
}

/* ---- above and below the aggregation ---- */

static bool in_every_set(const lt_grouping *g, uint32_t key)
{
    for (uint32_t i = 0; i < g->set_count; i++) {
        if ((g->sets[i] >> key & 1) == 0) {
            return false;
        }
    }
    return true;
}

lt_status lt_grouping_types(lt_binder *b, lt_window_props *window, lt_grouping *g, lt_error *err)
{
    bool start = false, end = false;
    uint32_t *columns = LT_NEW_ARRAY(b->arena, uint32_t, g->key_count + 1);
    uint32_t column_count = 0;
    if (!columns) {
        return lt_error_nomem(err, "keys");
    }
    for (uint32_t i = 0; i < g->key_count; i++) {
        if (g->keys[i]->kind == LT_NODE_COLUMN && in_every_set(g, i)) {
            columns[column_count++] = g->keys[i]->u.column;
        }
    }
    lt_window_prefer(window, columns, column_count);
    for (uint32_t i = 0; i < g->key_count; i++) {
        if (g->keys[i]->kind == LT_NODE_COLUMN && window->present && in_every_set(g, i)) {
            start = start || (int)g->keys[i]->u.column == window->start_col;
            end = end || (int)g->keys[i]->u.column == window->end_col;
        }
    }
    for (uint32_t i = 0; i < g->key_count; i++) {
        bool every = in_every_set(g, i);
        bool keeps = start && end && every && g->keys[i]->kind == LT_NODE_COLUMN &&
                     (int)g->keys[i]->u.column == window->time_col;
        const lt_type *type = g->keys[i]->type;
        type = keeps ? type : lt_type_with_attr(b->arena, type, LT_TIME_NONE);
        type = type && !every ? lt_type_with_nullable(b->arena, type, true) : type;
        if (!type) {
            return lt_error_nomem(err, "type");
        }
        g->key_types[i] = type;
    }
    return LT_OK;
}

/* Every row once per set: input columns, the keys that some set lacks, the set's number. */
static lt_status expand(lt_binder *b, lt_grouping *g, uint32_t *keys, lt_rel **rel, lt_error *err)
{
    lt_rel *node = lt_rel_make(b, LT_REL_EXPAND, (*rel)->pos, *rel, err);
    if (!node) {
        return err->code;
    }
    const lt_schema *in = (*rel)->schema;
    lt_field *fields = LT_NEW_ARRAY(b->arena, lt_field, in->count + g->key_count + 1);
    uint32_t *cols = LT_NEW_ARRAY(b->arena, uint32_t, g->key_count + 1);
    uint64_t *sets = LT_NEW_ARRAY(b->arena, uint64_t, g->set_count + 1);
    const lt_type *number = lt_type_new(b->arena, LT_TYPE_BIGINT, false);
    if (!fields || !cols || !sets || !number) {
        return lt_error_nomem(err, "grouping sets");
    }
    memcpy(fields, in->fields, in->count * sizeof *fields);
    uint32_t count = 0;
    for (uint32_t i = 0; i < g->key_count; i++) {
        if (in_every_set(g, i)) {
            continue;
        }
        for (uint32_t n = 0; n < g->set_count; n++) {
            sets[n] |= (g->sets[n] >> i & 1) << count;
        }
        cols[count] = keys[i];
        keys[i] = in->count + count;
        fields[in->count + count++] = (lt_field){g->key_names[i], g->key_types[i]};
    }
    keys[g->key_count] = in->count + count;
    fields[in->count + count] = (lt_field){LT_STR("$e"), number};
    g->key_names[g->key_count] = LT_STR("$e");
    node->schema = lt_schema_new(b->arena, fields, in->count + count + 1);
    node->u.expand.keys = cols;
    node->u.expand.key_count = count;
    node->u.expand.sets = sets;
    node->u.expand.set_count = g->set_count;
    *rel = node;
    return node->schema ? LT_OK : lt_error_nomem(err, "schema");
}

lt_status lt_grouping_place(lt_binder *b, lt_grouping *g, lt_rel **rel, uint32_t **out,
                            lt_error *err)
{
    uint32_t base = (*rel)->schema->count, extra_count = 0;
    lt_expr **extra = LT_NEW_ARRAY(b->arena, lt_expr *, g->key_count + 1);
    uint32_t *keys = LT_NEW_ARRAY(b->arena, uint32_t, lt_grouping_width(g) + 1);
    if (!extra || !keys) {
        return lt_error_nomem(err, "GROUP BY");
    }
    for (uint32_t i = 0; i < g->key_count; i++) {
        if (g->keys[i]->kind == LT_NODE_COLUMN) {
            keys[i] = g->keys[i]->u.column;
        } else {
            extra[extra_count] = g->keys[i];
            keys[i] = base + extra_count++;
        }
    }
    if (extra_count > 0) {
        LT_TRY(lt_rel_extend(b, *rel, extra, extra_count, rel, err));
    }
    *out = keys;
    if (g->window.present) {
        static const char *const names[] = {"$window_start", "$window_end", "$window_time"};
        LT_TRY(lt_group_window_place(b, &g->window, keys, g->key_count, rel, err));
        for (uint32_t i = 0; i < 3; i++) {
            keys[g->key_count + i] = (*rel)->schema->count - 3 + i;
            g->key_names[g->key_count + i] = lt_str_of(names[i]);
        }
    }
    return g->set_count > 0 ? expand(b, g, keys, rel, err) : LT_OK;
}

/* ---- GROUPING, GROUPING_ID, GROUP_ID ---- */

bool lt_is_grouping_call(lt_str func)
{
    return lt_str_eq(func, LT_STR("GROUPING")) || lt_str_eq(func, LT_STR("GROUPING_ID")) ||
           lt_str_eq(func, LT_STR("GROUP_ID"));
}

static lt_status grouped_argument(const lt_expr_env *env, const lt_ast_expr *arg, lt_str func,
                                  uint32_t *key, lt_error *err)
{
    const lt_grouping *g = env->grouping;
    lt_expr_env below = *env;
    lt_expr *expr;
    below.scope = g->input;
    below.grouping = NULL;
    below.overs = NULL;
    below.subs = NULL;
    LT_TRY(lt_bind_expr(&below, arg, &expr, err));
    for (uint32_t i = 0; i < g->key_count; i++) {
        if (lt_expr_eq(g->keys[i], expr)) {
            *key = i;
            return LT_OK;
        }
    }
    return lt_error_set_at(err, LT_ERR_SQL, arg->pos,
                           "Argument to operator '" LT_STR_FMT "' must be a grouped expression",
                           LT_STR_ARG(func));
}

/* One bit per argument, the first one the highest: 1 where the set lacks the key. GROUP_ID: how
 * often the set stood before. */
static int64_t value_in_set(const lt_grouping *g, const uint32_t *args, uint32_t count, bool id,
                            uint32_t set)
{
    int64_t value = 0;
    for (uint32_t i = 0; id && i < set; i++) {
        value += g->sets[i] == g->sets[set];
    }
    for (uint32_t i = 0; i < count; i++) {
        bool lacks = g->set_count > 0 && (g->sets[set] >> args[i] & 1) == 0;
        value = 2 * value + (lacks ? 1 : 0);
    }
    return value;
}

static lt_status bigint(const lt_expr_env *env, int64_t number, uint32_t pos, lt_expr **out,
                        lt_error *err)
{
    lt_value value = {0};
    value.type = lt_type_new(env->b->arena, LT_TYPE_BIGINT, false);
    value.u.i = number;
    return value.type ? lt_expr_literal(&env->b->eb, &value, pos, out, err)
                      : lt_error_nomem(err, "type");
}

/* CASE over the set's number; the last value is the one of all other sets. */
static lt_status choose_by_set(const lt_expr_env *env, const int64_t *values, uint32_t pos,
                               lt_expr **out, lt_error *err)
{
    const lt_grouping *g = env->grouping;
    lt_expr_builder *eb = &env->b->eb;
    lt_expr **args = LT_NEW_ARRAY(env->b->arena, lt_expr *, 2 * (size_t)g->set_count + 1);
    const lt_type *type = lt_type_new(env->b->arena, LT_TYPE_BIGINT, false);
    uint32_t used = 0, last = g->set_count - 1;
    if (!args || !type) {
        return lt_error_nomem(err, "expression");
    }
    for (uint32_t i = 0; i < last; i++) {
        lt_expr *both[2];
        if (values[i] == values[last]) {
            continue;
        }
        LT_TRY(lt_expr_column(eb, g->key_count, type, pos, &both[0], err));
        LT_TRY(bigint(env, i, pos, &both[1], err));
        LT_TRY(lt_expr_call(eb, LT_STR("="), both, 2, pos, &args[used++], err));
        LT_TRY(bigint(env, values[i], pos, &args[used++], err));
    }
    LT_TRY(bigint(env, values[last], pos, &args[used++], err));
    if (used == 1) {
        *out = args[0];
        return LT_OK;
    }
    return lt_expr_call(eb, LT_STR("CASE"), args, used, pos, out, err);
}

lt_status lt_bind_grouping_call(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                                lt_error *err)
{
    const lt_ast_call *call = ast->call;
    const lt_grouping *g = env->grouping;
    uint32_t count = call->args.count;
    bool id = lt_str_eq(call->func, LT_STR("GROUP_ID"));
    if (!g || env->in_aggregate) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                               LT_STR_FMT " operator may only occur in an aggregate query",
                               LT_STR_ARG(call->func));
    }
    if (id ? count > 0 : count == 0 || count > KEYS_MAX) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                               id ? LT_STR_FMT " takes no arguments"
                                  : LT_STR_FMT " takes one to 63 grouped expressions",
                               LT_STR_ARG(call->func));
    }
    uint32_t *args = LT_NEW_ARRAY(env->b->arena, uint32_t, count + 1);
    int64_t *values = LT_NEW_ARRAY(env->b->arena, int64_t, g->set_count + 1);
    if (!args || !values) {
        return lt_error_nomem(err, "expression");
    }
    for (uint32_t i = 0; i < count; i++) {
        LT_TRY(grouped_argument(env, call->args.items[i], call->func, &args[i], err));
    }
    for (uint32_t i = 0; i < g->set_count; i++) {
        values[i] = value_in_set(g, args, count, id, i);
    }
    return g->set_count > 0 ? choose_by_set(env, values, ast->pos, out, err)
                            : bigint(env, 0, ast->pos, out, err);
}
