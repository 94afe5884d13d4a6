/* Joins as of a time. Of a processing time: the right side is looked up, by something. In event
 * time: is the right side a versioned table, that is, does it have a unique key (a table's PRIMARY
 * KEY, the PARTITION BY of a view with the last row of each key, the GROUP BY of a window
 * aggregate) and a rowtime, and does the join equate all of the key? */
#include "plan/join_parts.h"

/* Columns that no two rows have alike at a time. */
typedef struct {
    uint32_t *cols;
    uint32_t count;
    bool known;
} unique_key;

static lt_status nomem(lt_error *err)
{
    return lt_error_nomem(err, "a join");
}

/* position of a column of the input in a node; UINT32_MAX = it does not come out. */
static void map_key(unique_key *key, const lt_rel *project)
{
    for (uint32_t k = 0; k < key->count && key->known; k++) {
        uint32_t at = 0;
        while (at < project->schema->count &&
               (project->u.project.exprs[at]->kind != LT_NODE_COLUMN ||
                project->u.project.exprs[at]->u.column != key->cols[k])) {
            at++;
        }
        key->known = at < project->schema->count;
        key->cols[k] = at;
    }
}

static lt_status scan_key(lt_planner *p, const lt_rel *scan, unique_key *key, lt_error *err)
{
    const lt_table_def *table = scan->u.scan.table;
    key->cols = LT_NEW_ARRAY(p->arena, uint32_t, table->primary_key_count + 1);
    if (key->cols == NULL) {
        return nomem(err);
    }
    for (uint32_t k = 0; k < table->primary_key_count; k++) {
        for (uint32_t i = 0; i < scan->schema->count; i++) {
            if (scan->u.scan.columns[i] == table->primary_key[k]) {
                key->cols[key->count++] = i;
                break;
            }
        }
    }
    key->known = key->count > 0 && key->count == table->primary_key_count;
    return LT_OK;
}

static lt_status find_key(lt_planner *p, lt_rel *rel, unique_key *key, lt_error *err)
{
    lt_versioned versioned;
    bool is = false;
    *key = (unique_key){.cols = NULL};
    switch (rel->kind) {
    case LT_REL_SCAN:
        return scan_key(p, rel, key, err);
    case LT_REL_PROJECT:
        LT_TRY(find_key(p, rel->inputs[0], key, err));
        map_key(key, rel);
        return LT_OK;
    case LT_REL_FILTER:
        LT_TRY(lt_rule_versioned(p, rel, &versioned, &is, err));
        if (!is) {
            return find_key(p, rel->inputs[0], key, err);
        }
        key->cols = LT_NEW_ARRAY(p->arena, uint32_t, versioned.key_count + 1);
        if (key->cols == NULL) {
            return nomem(err);
        }
        for (uint32_t k = 0; k < versioned.key_count; k++) {
            key->cols[k] = versioned.keys[k];
        }
        key->count = versioned.key_count;
        key->known = true;
        return LT_OK;
    case LT_REL_WATERMARK:
        return find_key(p, rel->inputs[0], key, err);
    case LT_REL_AGGREGATE:
        key->cols = LT_NEW_ARRAY(p->arena, uint32_t, rel->u.aggregate.key_count + 1);
        if (key->cols == NULL) {
            return nomem(err);
        }
        for (; key->count < rel->u.aggregate.key_count; key->count++) {
            key->cols[key->count] = key->count;
        }
        key->known = key->count > 0;
        return LT_OK;
    case LT_REL_VALUES:
    case LT_REL_EXPAND:
    case LT_REL_WINDOW:
    case LT_REL_UNNEST:
    case LT_REL_UNION:
    case LT_REL_LIMIT:
    case LT_REL_SORT:
    case LT_REL_RANK:
    case LT_REL_OVER:
    case LT_REL_JOIN:
    case LT_REL_SINK:
        break;
    }
    return LT_OK;
}

static bool is_joined(const lt_join_parts *j, uint32_t column)
{
    for (uint32_t k = 0; k < j->key_count; k++) {
        if (j->keys[k].right->kind == LT_NODE_COLUMN && j->keys[k].right->u.column == column) {
            return true;
        }
    }
    return false;
}

static lt_status check_key(lt_join_parts *j, lt_error *err)
{
    unique_key key;
    LT_TRY(find_key(j->p, j->join->inputs[1], &key, err));
    if (!key.known) {
        lt_status st = lt_error_set_at(err, LT_ERR_SQL, j->join->pos,
                                       "Temporal Table Join requires primary key in versioned "
                                       "table, but no primary key can be found");
        lt_error_hint(err, "declare PRIMARY KEY (..) NOT ENFORCED, or join a view that keeps the "
                           "last row of each key: ROW_NUMBER() OVER (PARTITION BY key ORDER BY "
                           "rowtime DESC) with a WHERE that says = 1 and nothing else");
        return st;
    }
    for (uint32_t k = 0; k < key.count; k++) {
        if (!is_joined(j, key.cols[k])) {
            lt_str name = j->join->inputs[1]->schema->fields[key.cols[k]].name;
            return lt_error_set_at(err, LT_ERR_SQL, j->join->pos,
                                   "Temporal Table Join must be joined by the primary key of the "
                                   "versioned table: there is no equality on '" LT_STR_FMT "'",
                                   LT_STR_ARG(name));
        }
    }
    return LT_OK;
}

/* Is there a comparison of a column with a literal? */
static bool has_constant(const lt_expr *expr)
{
    if (expr == NULL || expr->kind != LT_NODE_CALL) {
        return false;
    }
    bool equal = lt_expr_is_call(expr, "="), any = false;
    if (!equal && !lt_expr_is_call(expr, "AND")) {
        return false;
    }
    for (uint32_t i = 0; i < expr->u.call.arg_count; i++) {
        const lt_expr *arg = expr->u.call.args[i];
        any = any || (equal ? arg->kind == LT_NODE_COLUMN : has_constant(arg));
    }
    return any;
}

/* What is looked up, is by equality: with the left row or with a constant. */
static lt_status check_lookup(const lt_join_parts *j, lt_error *err)
{
    const lt_expr *literal = NULL;
    for (uint32_t i = 0; i < j->conjunct_count; i++) {
        const lt_expr *expr = j->conjuncts[i];
        bool constant = expr->kind == LT_NODE_LITERAL; /* such as id = NULL */
        literal = constant ? expr : literal;
    }
    if (j->key_count > 0 || has_constant(j->pushed[1]) || literal != NULL) {
        return LT_OK;
    }
    return lt_error_set_at(err, LT_ERR_SQL, j->join->pos,
                           "Temporal table join requires an equality condition on fields of the "
                           "table that is looked up");
}

lt_status lt_join_check_temporal(lt_join_parts *j, lt_error *err)
{
    const lt_rel *join = j->join;
    const lt_schema *right = join->inputs[1]->schema;
    if (j->lookup) {
        return check_lookup(j, err);
    }
    if (j->key_count == 0) {
        return lt_error_set_at(err, LT_ERR_SQL, join->pos,
                               "Currently the join key in Temporal Table Join can not be empty.");
    }
    uint32_t time = 0;
    while (time < right->count && right->fields[time].type->attr != LT_TIME_ROWTIME) {
        time++;
    }
    if (time == right->count) {
        return lt_error_set_at(err, LT_ERR_SQL, join->pos,
                               "Event-Time Temporal Table Join requires both primary key and row "
                               "time attribute in versioned table, but no row time attribute can "
                               "be found.");
    }
    j->right_time = time;
    return check_key(j, err);
}
