/* JOIN: two table references become one, whose columns are the left ones, then the right ones.
 * Kinds of joins that do not run yet are refused by name.
 *
 * USING and NATURAL compare columns of one name. Such a column then stands once in front of `*` and
 * is what its bare name means (COALESCE of both sides' where one may be missing); t.column reaches
 * each side's own. */
#include "bind/bind_int.h"

static lt_status refuse_right(const lt_ast_from *right, lt_error *err)
{
    switch (right->kind) {
    case LT_FROM_FUNCTION:
        if (right->function.lateral) {
            return lt_unsupported_at(err, right->pos, "LATERAL TABLE(..)");
        }
        break;
    case LT_FROM_TABLE:
    case LT_FROM_SUBQUERY:
    case LT_FROM_UNNEST:
    case LT_FROM_JOIN:
    case LT_FROM_MATCH:
        break;
    }
    return LT_OK;
}

static lt_status refuse_join(const lt_ast_from *from, lt_error *err)
{
    uint32_t tables = 1;
    for (const lt_ast_from *left = from; left->kind == LT_FROM_JOIN; left = left->join.left) {
        if (++tables > LT_JOINS_MAX) {
            return lt_error_set_at(err, LT_ERR_LIMIT, from->join.right->pos,
                                   "more than %d tables are joined in one FROM clause",
                                   LT_JOINS_MAX);
        }
    }
    return refuse_right(from->join.right, err);
}

static lt_join_type type_of(const lt_ast_from *from)
{
    switch (from->join.how) {
    case LT_JOIN_COMMA:
    case LT_JOIN_CROSS:
    case LT_JOIN_INNER:
        break;
    case LT_JOIN_LEFT:
        return LT_JOIN_TYPE_LEFT;
    case LT_JOIN_RIGHT:
        return LT_JOIN_TYPE_RIGHT;
    case LT_JOIN_FULL:
        return LT_JOIN_TYPE_FULL;
    }
    return LT_JOIN_TYPE_INNER;
}

/* What hints say of an input that is one table, view or sub-query. */
static lt_status hint_side(lt_binder *b, const lt_ast_from *side, const lt_scope *scope,
                           lt_rel *join, int number, lt_error *err)
{
    int64_t ttl_ms = -1;
    if (side->kind != LT_FROM_JOIN && scope->table_count == 1 && scope->tables[0].alias.ptr) {
        LT_TRY(lt_hint_ttl(b, scope->tables[0].alias, &ttl_ms, err));
    }
    join->u.join.has_ttl[number] = ttl_ms >= 0;
    join->u.join.ttl_ms[number] = LT_MAX(ttl_ms, (int64_t)0);
    return LT_OK;
}

/* ---- USING, NATURAL ---- */

typedef struct {
    lt_binder *b;
    lt_rel *rel; /* the join */
    const lt_scope *left, *right;
    uint32_t shift;
    uint32_t *lefts, *rights; /* compared columns, of the join */
    uint32_t *merged;         /* the column that stands for both */
    uint32_t count;
    lt_expr **extra; /* computed ones, behind the join's */
    uint32_t extra_count;
} common_columns;

/* The only visible column of that name; found -1 = there is none. */
static lt_status visible_column(const lt_scope *scope, lt_str name, uint32_t pos, int *found,
                                lt_error *err)
{
    *found = -1;
    for (uint32_t i = 0; i < lt_scope_star_count(scope); i++) {
        uint32_t column = lt_scope_star(scope, i);
        if (!lt_str_eq(scope->schema->fields[column].name, name)) {
            continue;
        }
        if (*found >= 0) {
            return lt_error_set_at(err, LT_ERR_SQL, pos,
                                   "Column name '" LT_STR_FMT
                                   "' in NATURAL join or USING clause is not unique on one side "
                                   "of join",
                                   LT_STR_ARG(name));
        }
        *found = (int)column;
    }
    return LT_OK;
}

static lt_status find_using(common_columns *c, const lt_ast_names *names, lt_error *err)
{
    for (uint32_t i = 0; i < names->count; i++) {
        const lt_ast_name *name = &names->items[i];
        int left, right;
        LT_TRY(visible_column(c->left, name->text, name->pos, &left, err));
        LT_TRY(visible_column(c->right, name->text, name->pos, &right, err));
        if (left < 0 || right < 0) {
            lt_status st = lt_error_set_at(err, LT_ERR_SQL, name->pos,
                                           "Column '" LT_STR_FMT "' not found in the %s table",
                                           LT_STR_ARG(name->text), left < 0 ? "left" : "right");
            lt_hint_columns(left < 0 ? c->left->schema : c->right->schema, name->text, c->b->arena,
                            err);
            return st;
        }
        c->lefts[c->count] = (uint32_t)left;
        c->rights[c->count++] = c->shift + (uint32_t)right;
    }
    return LT_OK;
}

static lt_status find_natural(common_columns *c, uint32_t pos, lt_error *err)
{
    for (uint32_t i = 0; i < lt_scope_star_count(c->left); i++) {
        uint32_t column = lt_scope_star(c->left, i);
        lt_str name = c->left->schema->fields[column].name;
        int left, right;
        LT_TRY(visible_column(c->right, name, pos, &right, err));
        if (right >= 0) {
            LT_TRY(visible_column(c->left, name, pos, &left, err));
            c->lefts[c->count] = column;
            c->rights[c->count++] = c->shift + (uint32_t)right;
        }
    }
    return LT_OK;
}

/* left = right, and which column of the common type shows the value: of an outer join that of the
 * side whose rows are always there, of a FULL one the first that is not NULL. */
static lt_status compare_columns(common_columns *c, uint32_t i, uint32_t pos, lt_error *err)
{
    lt_expr_builder *eb = &c->b->eb;
    const lt_field *fields = c->rel->schema->fields;
    const lt_type *types[2] = {fields[c->lefts[i]].type, fields[c->rights[i]].type};
    const lt_type *common = types[0];
    lt_expr *sides[2], *equal;
    LT_TRY(lt_expr_column(eb, c->lefts[i], types[0], pos, &sides[0], err));
    LT_TRY(lt_expr_column(eb, c->rights[i], types[1], pos, &sides[1], err));
    LT_TRY(lt_expr_call(eb, LT_STR("="), sides, 2, pos, &equal, err));
    if (c->rel->u.join.condition) {
        lt_expr *both[2] = {c->rel->u.join.condition, equal};
        LT_TRY(lt_expr_call(eb, LT_STR("AND"), both, 2, pos, &equal, err));
    }
    c->rel->u.join.condition = equal;
    bool same = lt_type_eq_unnull(types[0], types[1]);
    if (!same) {
        LT_TRY(lt_type_common(c->b->arena, types, 2, &common, err));
    }
    lt_join_type type = c->rel->u.join.type;
    bool left_shows = type != LT_JOIN_TYPE_RIGHT && type != LT_JOIN_TYPE_FULL;
    bool right_shows = type != LT_JOIN_TYPE_LEFT && type != LT_JOIN_TYPE_FULL;
    if (left_shows && (same || lt_type_eq_unnull(types[0], common))) {
        c->merged[i] = c->lefts[i];
        return LT_OK;
    }
    if (right_shows && (same || lt_type_eq_unnull(types[1], common))) {
        c->merged[i] = c->rights[i];
        return LT_OK;
    }
    lt_expr *shown = sides[left_shows ? 0 : 1];
    if (!left_shows && !right_shows) {
        LT_TRY(lt_expr_call(eb, LT_STR("COALESCE"), sides, 2, pos, &shown, err));
    }
    c->merged[i] = c->rel->schema->count + c->extra_count;
    return lt_expr_coerce(eb, shown, common, &c->extra[c->extra_count++], err);
}

/* The join with merged columns that had to be computed behind its own, under their names. */
static lt_status add_merged(common_columns *c, lt_bound_from *out, lt_error *err)
{
    if (c->extra_count == 0) {
        return LT_OK;
    }
    LT_TRY(lt_rel_extend(c->b, c->rel, c->extra, c->extra_count, &out->rel, err));
    lt_field *fields = LT_NEW_ARRAY(c->b->arena, lt_field, out->rel->schema->count);
    if (!fields) {
        return lt_error_nomem(err, "schema");
    }
    memcpy(fields, out->rel->schema->fields, out->rel->schema->count * sizeof *fields);
    for (uint32_t i = 0; i < c->count; i++) {
        fields[c->merged[i]].name = fields[c->lefts[i]].name;
    }
    out->rel->schema = lt_schema_new(c->b->arena, fields, out->rel->schema->count);
    out->scope.schema = out->rel->schema;
    return out->rel->schema ? LT_OK : lt_error_nomem(err, "schema");
}

static bool listed(const uint32_t *columns, uint32_t count, uint32_t column)
{
    for (uint32_t i = 0; i < count; i++) {
        if (columns[i] == column) {
            return true;
        }
    }
    return false;
}

static lt_status merge_star(common_columns *c, lt_scope *scope, lt_error *err)
{
    uint32_t *star = LT_NEW_ARRAY(c->b->arena, uint32_t, scope->schema->count + c->count + 1);
    if (!star) {
        return lt_error_nomem(err, "scope");
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        star[n++] = c->merged[i];
    }
    uint32_t shown = scope->star ? scope->star_count : c->rel->schema->count;
    for (uint32_t i = 0; i < shown; i++) {
        uint32_t column = lt_scope_star(scope, i);
        if (!listed(c->lefts, c->count, column) && !listed(c->rights, c->count, column)) {
            star[n++] = column;
        }
    }
    scope->star = star;
    scope->star_count = n;
    return LT_OK;
}

static lt_status bind_common(lt_binder *b, const lt_ast_from *from, const lt_scope *left,
                             const lt_scope *right, lt_bound_from *out, lt_error *err)
{
    uint32_t most = LT_MAX(from->join.using_columns.count, left->schema->count) + 1;
    common_columns c = {.b = b,
                        .rel = out->rel,
                        .left = left,
                        .right = right,
                        .shift = left->schema->count,
                        .lefts = LT_NEW_ARRAY(b->arena, uint32_t, most),
                        .rights = LT_NEW_ARRAY(b->arena, uint32_t, most),
                        .merged = LT_NEW_ARRAY(b->arena, uint32_t, most),
                        .extra = LT_NEW_ARRAY(b->arena, lt_expr *, most)};
    if (!c.lefts || !c.rights || !c.merged || !c.extra) {
        return lt_error_nomem(err, "join");
    }
    LT_TRY(from->join.natural ? find_natural(&c, from->join.right->pos, err)
                              : find_using(&c, &from->join.using_columns, err));
    for (uint32_t i = 0; i < c.count; i++) {
        uint32_t pos =
            from->join.natural ? from->join.right->pos : from->join.using_columns.items[i].pos;
        LT_TRY(compare_columns(&c, i, pos, err));
    }
    LT_TRY(add_merged(&c, out, err));
    return c.count > 0 ? merge_star(&c, &out->scope, err) : LT_OK;
}

/* ---- FOR SYSTEM_TIME AS OF ---- */

static bool is_temporal(const lt_ast_from *from)
{
    return from->kind == LT_FROM_TABLE && from->table.as_of;
}

static lt_status bind_right(lt_binder *b, const lt_ast_from *right, lt_bound_from *out,
                            lt_error *err)
{
    return is_temporal(right) ? lt_bind_snapshot(b, right, out, err)
                              : lt_bind_from(b, right, out, err);
}

/* The join as of a time attribute of the left side, whose time attributes stay what they are. */
static lt_status bind_as_of(lt_binder *b, const lt_ast_from *from, const lt_bound_from *left,
                            lt_rel *join, lt_error *err)
{
    const lt_ast_expr *as_of = from->join.right->table.as_of;
    const lt_expr_env env = {.b = b, .scope = &left->scope, .clause = "FOR SYSTEM_TIME AS OF"};
    const lt_schema *lefts = left->rel->schema;
    lt_expr *time;
    if (join->u.join.type != LT_JOIN_TYPE_INNER && join->u.join.type != LT_JOIN_TYPE_LEFT) {
        return lt_error_set_at(err, LT_ERR_SQL, from->join.right->pos,
                               "Temporal table join currently only supports INNER JOIN and LEFT "
                               "JOIN, but was %s JOIN",
                               join->u.join.type == LT_JOIN_TYPE_FULL ? "FULL" : "RIGHT");
    }
    LT_TRY(lt_bind_expr(&env, as_of, &time, err));
    if (time->kind != LT_NODE_COLUMN || lefts->fields[time->u.column].type->attr == LT_TIME_NONE) {
        return lt_error_set_at(err, LT_ERR_SQL, as_of->pos,
                               "Temporal table join currently only supports 'FOR SYSTEM_TIME AS "
                               "OF' left table's time attribute field");
    }
    lt_field *fields = LT_NEW_ARRAY(b->arena, lt_field, join->schema->count + 1);
    if (!fields) {
        return lt_error_nomem(err, "schema");
    }
    for (uint32_t i = 0; i < join->schema->count; i++) {
        fields[i] = i < lefts->count ? lefts->fields[i] : join->schema->fields[i];
    }
    join->schema = lt_schema_new(b->arena, fields, join->schema->count);
    join->u.join.temporal = true;
    join->u.join.as_of = time->u.column;
    return join->schema ? LT_OK : lt_error_nomem(err, "schema");
}

/* Does the reference use columns of those before it? */
static bool is_dependent(const lt_ast_from *from)
{
    return from->kind == LT_FROM_UNNEST ||
           (from->kind == LT_FROM_SUBQUERY && from->subquery.lateral);
}

/* LATERAL and UNNEST: conditions go around them; of an outer one there may be none. */
static lt_status bind_dependent(lt_binder *b, const lt_ast_from *from, const lt_bound_from *left,
                                lt_bound_from *out, lt_error *err)
{
    const lt_ast_from *right_ast = from->join.right;
    lt_bound_from right;
    bool outer = from->join.how == LT_JOIN_LEFT;
    const lt_ast_expr *on = from->join.on;
    if (from->join.how == LT_JOIN_RIGHT || from->join.how == LT_JOIN_FULL) {
        return lt_error_set_at(err, LT_ERR_SQL, right_ast->pos,
                               "RIGHT and FULL JOIN cannot be used with LATERAL and UNNEST");
    }
    if (from->join.natural || from->join.using_columns.count > 0) {
        return lt_unsupported_at(err, right_ast->pos, "USING and NATURAL with LATERAL and UNNEST");
    }
    if (outer &&
        !(on && on->kind == LT_EXPR_LITERAL && on->lit.kind == LT_LIT_BOOL && on->lit.value)) {
        lt_status st = lt_error_set_at(err, LT_ERR_UNSUPPORTED, right_ast->pos,
                                       "LEFT JOIN of LATERAL and UNNEST takes only ON TRUE");
        lt_error_hint(err, "conditions go to WHERE");
        return st;
    }
    if (right_ast->kind == LT_FROM_UNNEST) {
        LT_TRY(lt_bind_unnest(b, right_ast, left, outer, &right, &out->rel, err));
    } else {
        LT_TRY(lt_bind_lateral(b, from, left, &right, &out->rel, err));
        right.scope.schema = right.rel->schema;
    }
    LT_TRY(lt_scope_join(b, &left->scope, &right.scope, out->rel->schema, right_ast->pos,
                         &out->scope, err));
    if (!on || outer) {
        return LT_OK;
    }
    const lt_expr_env env = {.b = b, .scope = &out->scope, .clause = "ON"};
    lt_expr *condition;
    LT_TRY(lt_bind_condition(&env, on, &condition, err));
    return lt_rel_filter(b, out->rel, condition, on->pos, &out->rel, err);
}

lt_status lt_bind_join(lt_binder *b, const lt_ast_from *from, lt_bound_from *out, lt_error *err)
{
    lt_bound_from left, right;
    LT_TRY(refuse_join(from, err));
    LT_TRY(lt_bind_from(b, from->join.left, &left, err));
    left.scope.schema = left.rel->schema;
    if (is_dependent(from->join.right)) {
        return bind_dependent(b, from, &left, out, err);
    }
    LT_TRY(bind_right(b, from->join.right, &right, err));
    right.scope.schema = right.rel->schema;
    LT_TRY(
        lt_rel_join(b, left.rel, right.rel, type_of(from), from->join.right->pos, &out->rel, err));
    if (is_temporal(from->join.right)) {
        LT_TRY(bind_as_of(b, from, &left, out->rel, err));
    }
    LT_TRY(hint_side(b, from->join.left, &left.scope, out->rel, 0, err));
    LT_TRY(hint_side(b, from->join.right, &right.scope, out->rel, 1, err));
    LT_TRY(lt_scope_join(b, &left.scope, &right.scope, out->rel->schema, from->join.right->pos,
                         &out->scope, err));
    if (from->join.natural || from->join.using_columns.count > 0) {
        return bind_common(b, from, &left.scope, &right.scope, out, err);
    }
    if (from->join.on) {
        const lt_expr_env env = {.b = b, .scope = &out->scope, .clause = "ON"};
        return lt_bind_condition(&env, from->join.on, &out->rel->u.join.condition, err);
    }
    return LT_OK;
}
