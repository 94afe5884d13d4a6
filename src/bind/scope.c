/* Names -> columns. A path is tried as Flink does: `table.column.field..` when its head is a table
 * in scope, else `column.field..` with the column searched in all tables; two hits are an error.
 * What is not found is answered with the nearest name, or with all of them. */
#include "bind/bind_int.h"

#define NAMES_MAX 256

const char *lt_path_text(lt_arena *arena, const lt_ast_path *path)
{
    const char *text = "";
    for (uint32_t i = 0; i < path->count && text; i++) {
        text = lt_arena_printf(arena, "%s%s" LT_STR_FMT, text, i ? "." : "",
                               LT_STR_ARG(path->items[i].text));
    }
    return text ? text : "";
}

void lt_hint_columns(const lt_schema *schema, lt_str name, lt_arena *arena, lt_error *err)
{
    const char *names[NAMES_MAX] = {NULL};
    size_t count = 0;
    const char *list = "";
    for (uint32_t i = 0; i < schema->count && count < NAMES_MAX; i++) {
        if (schema->fields[i].name.len == 0) {
            continue; /* a column that is just being declared */
        }
        names[count] =
            lt_arena_strndup(arena, schema->fields[i].name.ptr, schema->fields[i].name.len);
        count += names[count] != NULL;
    }
    const char *near = lt_str_nearest(name, names, count);
    if (near) {
        lt_error_hint(err, "did you mean '%s'?", near);
        return;
    }
    for (size_t i = 0; i < count && i < 12 && list; i++) {
        list = lt_arena_printf(arena, "%s%s%s", list, i ? ", " : "", names[i]);
    }
    if (list && count > 0) {
        lt_error_hint(err, "columns here: %s%s", list, count > 12 ? ", .." : "");
    }
}

lt_status lt_schema_column(const lt_schema *schema, const lt_ast_name *name, const char *what,
                           uint32_t *out, lt_error *err)
{
    int found = lt_schema_find(schema, name->text);
    if (found < 0) {
        return lt_error_set_at(err, LT_ERR_SQL, name->pos, "%s '" LT_STR_FMT "' does not exist",
                               what, LT_STR_ARG(name->text));
    }
    *out = (uint32_t)found;
    return LT_OK;
}

lt_status lt_scope_single(lt_binder *b, const lt_schema *schema, lt_str alias, lt_scope *out,
                          lt_error *err)
{
    lt_scope_table *table = LT_NEW(b->arena, lt_scope_table);
    if (!table) {
        return lt_error_nomem(err, "scope");
    }
    table->alias = alias;
    table->count = schema->count;
    *out = (lt_scope){.schema = schema, .tables = table, .table_count = 1};
    return LT_OK;
}

lt_status lt_scope_join(lt_binder *b, const lt_scope *left, const lt_scope *right,
                        const lt_schema *schema, uint32_t pos, lt_scope *out, lt_error *err)
{
    uint32_t count = left->table_count + right->table_count;
    uint32_t shift = left->schema->count;
    lt_scope_table *tables = LT_NEW_ARRAY(b->arena, lt_scope_table, count + 1);
    if (!tables) {
        return lt_error_nomem(err, "scope");
    }
    for (uint32_t t = 0; t < count; t++) {
        bool is_left = t < left->table_count;
        tables[t] = is_left ? left->tables[t] : right->tables[t - left->table_count];
        tables[t].first += is_left ? 0 : shift;
        for (uint32_t l = 0; !is_left && tables[t].alias.ptr && l < left->table_count; l++) {
            if (tables[l].alias.ptr && lt_str_eq(tables[l].alias, tables[t].alias)) {
                lt_status st = lt_error_set_at(
                    err, LT_ERR_SQL, pos, "Duplicate relation name '" LT_STR_FMT "' in FROM clause",
                    LT_STR_ARG(tables[t].alias));
                lt_error_hint(err, "give one of them another name: AS ..");
                return st;
            }
        }
    }
    *out = (lt_scope){.schema = schema, .tables = tables, .table_count = count};
    if (!left->star && !right->star) {
        return LT_OK;
    }
    uint32_t lefts = lt_scope_star_count(left), rights = lt_scope_star_count(right);
    uint32_t *star = LT_NEW_ARRAY(b->arena, uint32_t, lefts + rights + 1);
    if (!star) {
        return lt_error_nomem(err, "scope");
    }
    for (uint32_t i = 0; i < lefts; i++) {
        star[i] = lt_scope_star(left, i);
    }
    for (uint32_t i = 0; i < rights; i++) {
        star[lefts + i] = shift + lt_scope_star(right, i);
    }
    out->star = star;
    out->star_count = lefts + rights;
    return LT_OK;
}

/* The first column of that name in the table: later ones of the same name are shadowed. */
static int table_column(const lt_scope *scope, const lt_scope_table *table, lt_str name)
{
    for (uint32_t i = table->first; i < table->first + table->count; i++) {
        if (lt_str_eq(scope->schema->fields[i].name, name)) {
            return (int)i;
        }
    }
    return -1;
}

const lt_scope_table *lt_scope_find_table(const lt_scope *scope, const lt_ast_path *path,
                                          uint32_t parts)
{
    for (uint32_t t = 0; t < scope->table_count; t++) {
        const lt_scope_table *table = &scope->tables[t];
        if (parts == 1 && table->alias.ptr && lt_str_eq(table->alias, path->items[0].text)) {
            return table;
        }
        if (parts < 2 || parts > table->path_count) {
            continue;
        }
        bool same = true; /* the last parts of the full path */
        for (uint32_t i = 0; i < parts; i++) {
            same =
                same && lt_str_eq(path->items[i].text, table->path[table->path_count - parts + i]);
        }
        if (same) {
            return table;
        }
    }
    return NULL;
}

bool lt_scope_has_column(const lt_scope *scope, lt_str name)
{
    return scope && lt_schema_find(scope->schema, name) >= 0;
}

static lt_status not_found(const lt_expr_env *env, const lt_ast_path *path,
                           const lt_scope_table *table, lt_error *err)
{
    const lt_ast_name *name = &path->items[0];
    lt_arena *arena = env->b->arena;
    if (table) {
        name = &path->items[path->count > 1 ? 1 : 0];
        lt_status st =
            lt_error_set_at(err, LT_ERR_SQL, name->pos,
                            "Column '" LT_STR_FMT "' not found in table '" LT_STR_FMT "'",
                            LT_STR_ARG(name->text), LT_STR_ARG(table->alias));
        const lt_schema part = {table->count, env->scope->schema->fields + table->first};
        lt_hint_columns(&part, name->text, arena, err);
        return st;
    }
    if (path->count > 1) {
        lt_status st =
            lt_error_set_at(err, LT_ERR_SQL, name->pos,
                            "Table or column '" LT_STR_FMT "' not found", LT_STR_ARG(name->text));
        const char *names[8];
        size_t count = 0;
        for (uint32_t i = 0; env->scope && i < env->scope->table_count && count < 8; i++) {
            lt_str alias = env->scope->tables[i].alias;
            names[count] = alias.ptr ? lt_arena_strndup(arena, alias.ptr, alias.len) : NULL;
            count += names[count] != NULL;
        }
        const char *near = lt_str_nearest(name->text, names, count);
        if (near) {
            lt_error_hint(err, "did you mean '%s'?", near);
        } else if (count == 1) {
            lt_error_hint(err, "the table here is called '%s'", names[0]);
        } else if (count > 1) {
            lt_error_hint(err, "tables here: %s, %s%s", names[0], names[1],
                          count > 2 ? ", .." : "");
        }
        return st;
    }
    lt_status st =
        lt_error_set_at(err, LT_ERR_SQL, name->pos,
                        "Column '" LT_STR_FMT "' not found in any table", LT_STR_ARG(name->text));
    if (env->missing_hint) {
        lt_error_hint(err, "%s", env->missing_hint);
    } else if (env->scope && env->scope->table_count > 0) {
        lt_hint_columns(env->scope->schema, name->text, arena, err);
    } else {
        lt_error_hint(err, "no columns can be used here; text is written in single quotes");
    }
    return st;
}

static lt_status ambiguous(const lt_scope *scope, const lt_ast_name *name, lt_error *err)
{
    lt_status st = lt_error_set_at(err, LT_ERR_SQL, name->pos,
                                   "Column '" LT_STR_FMT "' is ambiguous", LT_STR_ARG(name->text));
    for (uint32_t t = scope->table_count; t-- > 0;) {
        const lt_scope_table *table = &scope->tables[t];
        if (table->alias.ptr && table_column(scope, table, name->text) >= 0) {
            lt_error_hint(err, "put the table's name before it: " LT_STR_FMT "." LT_STR_FMT,
                          LT_STR_ARG(table->alias), LT_STR_ARG(name->text));
            break;
        }
    }
    return st;
}

/* A name without a table before it: *hit = -1 when there is none. */
static lt_status plain_column(const lt_scope *scope, const lt_ast_name *name, int *hit,
                              lt_error *err)
{
    *hit = -1;
    for (uint32_t i = 0; scope->star && i < scope->star_count; i++) {
        if (lt_str_eq(scope->schema->fields[scope->star[i]].name, name->text)) {
            if (*hit >= 0) {
                return ambiguous(scope, name, err);
            }
            *hit = (int)scope->star[i];
        }
    }
    for (uint32_t t = 0; !scope->star && t < scope->table_count; t++) {
        int found = table_column(scope, &scope->tables[t], name->text);
        if (found >= 0 && *hit >= 0) {
            return ambiguous(scope, name, err);
        }
        *hit = found >= 0 ? found : *hit;
    }
    return LT_OK;
}

bool lt_scope_knows(const lt_scope *scope, const lt_ast_path *path)
{
    for (uint32_t parts = 1; scope && parts < path->count && parts <= 3; parts++) {
        if (lt_scope_find_table(scope, path, parts)) {
            return true;
        }
    }
    return lt_scope_has_column(scope, path->items[0].text);
}

lt_status lt_scope_column(const lt_expr_env *env, const lt_ast_path *path, uint32_t *column,
                          uint32_t *used, lt_error *err)
{
    const lt_scope *scope = env->scope;
    const lt_scope_table *seen = NULL;
    if (!scope) {
        return not_found(env, path, NULL, err);
    }
    for (uint32_t parts = 1; parts < path->count && parts <= 3; parts++) {
        const lt_scope_table *table = lt_scope_find_table(scope, path, parts);
        int found = table ? table_column(scope, table, path->items[parts].text) : -1;
        if (found >= 0) {
            *column = (uint32_t)found;
            *used = parts + 1;
            return LT_OK;
        }
        seen = table ? table : seen;
    }
    int hit = -1;
    LT_TRY(plain_column(scope, &path->items[0], &hit, err));
    if (hit < 0) {
        return not_found(env, path, seen, err);
    }
    *column = (uint32_t)hit;
    *used = 1;
    return LT_OK;
}
