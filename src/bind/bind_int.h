/* What the files of the binder share: the binding context, scopes of names, and the entry points
 * between files. Nothing here is seen by other layers. */
#pragma once

#include "base/assert.h"
#include "bind/bind.h"
#include "bind/catalog_int.h"
#include "sql/parse.h"

/* A view that (through shadowing or ALTER VIEW) reaches itself must end somewhere; so must a query
 * that doubles with every CTE. */
#define LT_VIEW_DEPTH_MAX 64
#define LT_RELS_MAX       20000
#define LT_JOINS_MAX      100 /* tables of one FROM: a chain of joins is bound recursively */

#define LT_FUNCTION_DEPTH_MAX 32    /* of functions that call functions */
#define LT_FUNCTION_NODES_MAX 10000 /* of an expression that calls of them stand for */
#define LT_FUNCTION_CALLS_MAX 10000 /* in one statement, those in bodies too */

typedef struct lt_cte lt_cte;
typedef struct lt_binder lt_binder;

/* A function in SQL whose body is being bound. */
typedef struct lt_inlining {
    const lt_function_def *def;
    const struct lt_inlining *outer;
    uint32_t depth;
} lt_inlining;

/* WITH name: bound anew at every use, in the environment where it was defined. */
struct lt_cte {
    const lt_ast_cte *ast;
    lt_cte *outer;
    const struct lt_expr_env *around; /* of the query that has the WITH */
    bool used;
};

/* The context of one statement (or of one view inside it). */
struct lt_binder {
    lt_catalog *catalog;
    lt_infer_hook *hook; /* may be NULL */
    lt_arena *arena;
    lt_expr_builder eb;
    lt_cte *ctes;
    const struct lt_expr_env *around; /* where a sub-query stands, for names it does not have
                                         itself; else NULL */
    lt_str current_catalog, current_database; /* against which names resolve */
    uint32_t view_depth;
    const lt_inlining *inlining; /* NULL: not in a function's body */
    const lt_ast_hints *hints;   /* of the SELECT whose FROM is being bound; NULL = none */
    uint32_t *rel_count;         /* of the whole statement */
    uint32_t *call_count;        /* of functions in SQL, the same */
};

/* What a STATE_TTL hint of the SELECT at hand says of a table or sub-query of its FROM clause; also
 * checks the hints' form. -1 = nothing. */
lt_status lt_hint_lookup_check(const lt_ast_hints *hints, lt_error *err); /* lookup_hint.c */
lt_status lt_hint_ttl(const lt_binder *b, lt_str table, int64_t *ttl_ms, lt_error *err);

/* One table of a FROM clause: columns [first, first + count) of the input. */
typedef struct {
    lt_str alias; /* ptr NULL: none */
    lt_str path[3];
    uint32_t path_count; /* of a table written without alias: full path, for db.t.column */
    uint32_t first, count;
} lt_scope_table;

typedef struct {
    const lt_schema *schema;
    lt_scope_table *tables;
    uint32_t table_count;
    /* After JOIN .. USING: what `*` gives and what names without a table find, in this order. NULL:
     * all columns. */
    const uint32_t *star;
    uint32_t star_count;
} lt_scope;

/* TUMBLE, HOP or SESSION in GROUP BY. */
typedef struct {
    bool present;
    lt_window window; /* time_col is set when it is placed */
    lt_expr *time;    /* over the input: a time attribute's column, or PROCTIME() */
} lt_group_window;

/* The aggregation of one SELECT while its items are bound. */
typedef struct {
    const lt_scope *input;
    lt_expr **keys; /* over the input */
    const lt_type **key_types;
    lt_str *key_names;
    uint32_t key_count;
    const uint64_t *sets;   /* of several grouping sets each: bit k = key k is in it */
    uint32_t set_count;     /* 0: plain keys; else the sets' number is a key behind the others */
    lt_group_window window; /* its bounds and time are three keys behind the others */
    lt_agg **aggs;
    uint32_t agg_count, agg_cap;
    uint32_t agg_base; /* output column of aggs[0] */
} lt_grouping;

/* Columns before the aggregates'. */
LT_INLINE uint32_t lt_grouping_width(const lt_grouping *g)
{
    return g->key_count + (g->set_count > 0 ? 1 : 0) + (g->window.present ? 3 : 0);
}

/* One distinct call with OVER of a SELECT. */
typedef struct {
    lt_agg *agg; /* NULL: ROW_NUMBER() */
    lt_expr **partition;
    uint32_t partition_count;
    lt_expr **order;
    lt_sort_key *directions; /* col unused */
    uint32_t order_count;
    lt_frame frame;
    uint32_t pos;
} lt_over;

typedef struct {
    lt_over *items;
    uint32_t count, cap;
    uint32_t base; /* column of items[0]'s result */
    const lt_ast_named_window *windows;
    uint32_t window_count;
} lt_overs;

typedef struct lt_subqueries lt_subqueries; /* subquery.c */

/* Where an expression stands and what it may see. */
typedef struct lt_expr_env {
    lt_binder *b;
    const lt_scope *scope;      /* input columns; NULL: none */
    const char *clause;         /* "WHERE", for messages */
    lt_grouping *grouping;      /* NULL outside grouped selects */
    lt_overs *overs;            /* NULL where no window function may stand */
    lt_subqueries *subs;        /* NULL where no sub-query may stand */
    bool in_aggregate;          /* among an aggregate's arguments */
    bool in_json;               /* a member of JSON_OBJECT or JSON_ARRAY: JSON(..) may stand here */
    const lt_ast_item *aliases; /* select items that names may fall back to (QUALIFY); else NULL */
    uint32_t alias_count;
    const char *missing_hint; /* added when a column is not found; may be NULL */
    lt_expr *const *params;   /* a function's body: what stands for its parameters; else NULL */
} lt_expr_env;

/* A bound table reference or query: the tree and how its columns are called. */
typedef struct {
    lt_rel *rel;
    lt_scope scope;
} lt_bound_from;

/* ---- type.c, literal.c ---- */
lt_status lt_bind_literal(lt_expr_builder *eb, const lt_ast_expr *ast, lt_expr **out,
                          lt_error *err);
/* ms or months of one unit; 0 when the unit makes no interval. */
int64_t lt_bind_unit_ms(lt_ast_unit unit);
int32_t lt_bind_unit_months(lt_ast_unit unit);
const char *lt_bind_unit_name(lt_ast_unit unit); /* "YEAR" .. */

/* ---- scope.c ---- */
/* Finds the column that the leading parts of a path name; *used = parts consumed. Errors say what
 * exists. */
lt_status lt_scope_column(const lt_expr_env *env, const lt_ast_path *path, uint32_t *column,
                          uint32_t *used, lt_error *err);
bool lt_scope_has_column(const lt_scope *scope, lt_str name);
/* Does the path begin with a table or a column of this scope? */
bool lt_scope_knows(const lt_scope *scope, const lt_ast_path *path);
/* `alias.*`: the table, or NULL. */
const lt_scope_table *lt_scope_find_table(const lt_scope *scope, const lt_ast_path *path,
                                          uint32_t parts);
lt_status lt_scope_single(lt_binder *b, const lt_schema *schema, lt_str alias, lt_scope *out,
                          lt_error *err);
/* Both sides' tables over the columns of `schema`, left ones first. Two tables of one name are an
 * error. */
lt_status lt_scope_join(lt_binder *b, const lt_scope *left, const lt_scope *right,
                        const lt_schema *schema, uint32_t pos, lt_scope *out, lt_error *err);
/* `*`: its columns, in order. */
LT_INLINE uint32_t lt_scope_star_count(const lt_scope *scope)
{
    return scope->star ? scope->star_count : scope->schema->count;
}
LT_INLINE uint32_t lt_scope_star(const lt_scope *scope, uint32_t index)
{
    return scope->star ? scope->star[index] : index;
}
lt_status lt_schema_column(const lt_schema *schema, const lt_ast_name *name, const char *what,
                           uint32_t *out, lt_error *err);
/* Appends `did you mean` when one of the schema's columns is near, else lists them. */
void lt_hint_columns(const lt_schema *schema, lt_str name, lt_arena *arena, lt_error *err);
/* Joins path parts with dots, for messages. Never NULL. */
const char *lt_path_text(lt_arena *arena, const lt_ast_path *path);

/* ---- expr.c, call.c ---- */
lt_status lt_bind_expr(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                       lt_error *err);
/* As lt_bind_expr; the result must be BOOLEAN. */
lt_status lt_bind_condition(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                            lt_error *err);
lt_status lt_bind_exprs(const lt_expr_env *env, const lt_ast_exprs *list, lt_expr ***out,
                        lt_error *err);
lt_status lt_bind_call(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                       lt_error *err);
/* An aggregate's arguments and FILTER, bound in `inner`. def: the user's function, NULL: a built-in
 * one. never_empty: it is always given a row. */
lt_status lt_bind_agg_call(const lt_expr_env *inner, const lt_ast_expr *ast,
                           const lt_function_def *def, bool never_empty, lt_agg **out,
                           lt_error *err);
/* over.c: a call with OVER becomes the column of its result; def as above. */
lt_status lt_bind_over(const lt_expr_env *env, const lt_ast_expr *ast, const lt_function_def *def,
                       lt_expr **out, lt_error *err);
/* Puts the windows' nodes on top of *rel: its columns, then one per call. */
lt_status lt_bind_build_overs(lt_binder *b, const lt_overs *overs, lt_rel **rel, lt_error *err);
/* call_user.c. The user's function that a call means, by the order in which names are resolved:
 * temporary system functions, built-in ones (NULL), temporary ones, those of the catalog. */
const lt_function_def *lt_bind_find_function(lt_binder *b, const lt_ast_call *call);
bool lt_function_is_aggregate(const lt_function_def *def);
/* Adds a function of the user's to the error, if one has a name near to that of the call. */
void lt_bind_hint_function(lt_binder *b, const lt_ast_call *call, lt_error *err);
bool lt_bind_is_known_call(lt_str func); /* call.c: of the dialect, though not in the registry */
/* A call of a scalar one. */
lt_status lt_bind_user_call(const lt_expr_env *env, const lt_ast_expr *ast,
                            const lt_function_def *def, lt_expr **out, lt_error *err);
/* Binds the body over its parameters' types, as CREATE FUNCTION does to see that it is sound. */
lt_status lt_bind_function_body(lt_binder *b, const lt_function_def *def, lt_expr **out,
                                lt_error *err);
/* The parts of a path after a column name: row fields. */
lt_status lt_bind_fields(const lt_expr_env *env, lt_expr *base, const lt_ast_path *path,
                         uint32_t from, lt_expr **out, lt_error *err);
lt_status lt_bind_symbol(lt_expr_builder *eb, const char *text, uint32_t pos, lt_expr **out,
                         lt_error *err);
bool lt_ast_is_plain_word(const lt_ast_expr *ast);
/* Each of them outside sub-queries. */
bool lt_ast_has_aggregate(lt_binder *b, const lt_ast_expr *ast); /* and outside OVER */
bool lt_ast_has_over(lt_binder *b, const lt_ast_expr *ast);
bool lt_ast_has_query(lt_binder *b, const lt_ast_expr *ast); /* is there one? */
bool lt_ast_is_proctime(const lt_ast_expr *ast);             /* PROCTIME() itself */
/* The type that a projection of this expression has: attributes live on only through plain
 * references and PROCTIME(). NULL: no memory. */
const lt_type *lt_projected_type(lt_arena *arena, const lt_ast_expr *ast, const lt_expr *expr);
lt_status lt_unsupported_at(lt_error *err, uint32_t pos, const char *what);

/* ---- rels: rel.c ---- */
lt_rel *lt_rel_make(lt_binder *b, lt_rel_kind kind, uint32_t pos, lt_rel *input,
                    lt_error *err); /* NULL: err is set */
/* One row whose only column, ZERO, has no meaning. */
lt_status lt_rel_dummy(lt_binder *b, uint32_t pos, lt_rel **out, lt_error *err);
lt_status lt_rel_filter(lt_binder *b, lt_rel *input, lt_expr *condition, uint32_t pos, lt_rel **out,
                        lt_error *err);
/* fields: names and types of the result; window properties are carried over. */
/* Of two equal columns each, those that are listed. */
void lt_window_prefer(lt_window_props *window, const uint32_t *columns, uint32_t count);
/* The window properties of a projection, anew from those of its input. */
void lt_rel_project_window(lt_rel *rel);
lt_status lt_rel_project(lt_binder *b, lt_rel *input, lt_expr **exprs, const lt_field *fields,
                         uint32_t count, lt_rel **out, lt_error *err);
lt_status lt_rel_aggregate(lt_binder *b, lt_rel *input, const uint32_t *keys, const lt_str *names,
                           uint32_t key_count, lt_agg **aggs, uint32_t agg_count, lt_rel **out,
                           lt_error *err);
lt_status lt_rel_distinct(lt_binder *b, lt_rel *input, lt_rel **out, lt_error *err);
/* input, extended by expressions; the new columns stand at the end. */
lt_status lt_rel_extend(lt_binder *b, lt_rel *input, lt_expr *const *extra, uint32_t extra_count,
                        lt_rel **out, lt_error *err);
lt_status lt_rel_limit(lt_binder *b, lt_rel *input, int64_t offset, int64_t count, lt_rel **out,
                       lt_error *err);

/* Gives untyped NULL columns a physical form; once, on a finished tree. */
lt_status lt_rel_settle(lt_binder *b, lt_rel *rel, lt_error *err);

/* Columns lose their time attributes: rows of the two sides come in no common order of time. The
 * condition is the caller's. */
lt_status lt_rel_join(lt_binder *b, lt_rel *left, lt_rel *right, lt_join_type type, uint32_t pos,
                      lt_rel **out, lt_error *err);

/* ---- subquery.c ---- */
/* Sub-queries of the expressions of one clause, as joins to the rows that the clause is evaluated
 * over: each adds columns behind theirs. */
struct lt_subqueries {
    lt_binder *b;
    uint32_t base;  /* columns of the rows */
    uint32_t width; /* with those of the joins */
    struct lt_sub_join *joins;
    struct lt_sub_known *known; /* expressions bound already */
};
/* EXISTS, IN and quantified comparisons with a query, scalar sub-queries. */
lt_status lt_bind_subquery(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                           lt_error *err);
/* Joins what was collected to the rows. */
lt_status lt_subqueries_attach(const lt_subqueries *subs, lt_rel **rel, lt_error *err);
/* WHERE: its conjuncts become filters, semi joins and anti joins. */
lt_status lt_bind_where(const lt_expr_env *env, const lt_ast_expr *ast, lt_rel **rel,
                        lt_error *err);

/* lateral.c: JOIN LATERAL (SELECT ..); right gets the names, *out the left columns and the
 * sub-query's. */
lt_status lt_bind_lateral(lt_binder *b, const lt_ast_from *from, const lt_bound_from *left,
                          lt_bound_from *right, lt_rel **out, lt_error *err);

/* setop_all.c: INTERSECT ALL and EXCEPT ALL of inputs with the same columns. */
lt_status lt_bind_setop_all(lt_binder *b, const lt_ast_query *query, lt_rel *const *inputs,
                            uint32_t count, lt_rel **out, lt_error *err);

/* unnest.c: UNNEST(..) over the rows of left. right gets the names; *out: the left columns, then an
 * element's. */
lt_status lt_bind_unnest(lt_binder *b, const lt_ast_from *from, const lt_bound_from *left,
                         bool outer, lt_bound_from *right, lt_rel **out, lt_error *err);

/* ---- grouping.c ---- */
/* GROUP BY: fills in keys, names and sets. */
lt_status lt_grouping_bind(lt_binder *b, const lt_ast_select *ast, const lt_scope *scope,
                           lt_grouping *g, lt_error *err);
/* The types that the keys will have above the aggregation, known before it is built. window: of its
 * input; where there are several, it becomes the one that is grouped by. */
lt_status lt_grouping_types(lt_binder *b, lt_window_props *window, lt_grouping *g, lt_error *err);
/* Extends *rel by keys that are more than columns, and by what grouping sets need. *out:
 * lt_grouping_width columns of it. */
lt_status lt_grouping_place(lt_binder *b, lt_grouping *g, lt_rel **rel, uint32_t **out,
                            lt_error *err);
bool lt_is_grouping_call(lt_str func);
/* GROUPING(..), GROUPING_ID(..), GROUP_ID(): BIGINT NOT NULL over the aggregation's output. */
lt_status lt_bind_grouping_call(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                                lt_error *err);

/* ---- group_window.c ---- */
bool lt_ast_is_group_window(const lt_ast_expr *ast); /* TUMBLE(..), HOP(..), SESSION(..) */
bool lt_ast_is_window_time(const lt_ast_expr *ast); /* TUMBLE_ROWTIME(..), TUMBLE_PROCTIME(..) .. */
bool lt_is_group_window_call(lt_str func);          /* either, or TUMBLE_START .. */
/* A window among the elements of GROUP BY. */
lt_status lt_group_window_bind(lt_binder *b, const lt_scope *scope, const lt_ast_expr *ast,
                               lt_group_window *out, lt_error *err);
/* TUMBLE_START(..) and its kin, over the aggregation's output. */
lt_status lt_bind_group_window_call(const lt_expr_env *env, const lt_ast_expr *ast, lt_expr **out,
                                    lt_error *err);
/* Puts the window on *rel: its last three columns are bounds and time. keys: the other keys. */
lt_status lt_group_window_place(lt_binder *b, const lt_group_window *window, const uint32_t *keys,
                                uint32_t key_count, lt_rel **rel, lt_error *err);

/* ---- from.c, join.c, table.c, window_tvf.c ---- */
/* A table, view or WITH query behind JOIN, whatever FOR SYSTEM_TIME AS OF stands behind it. */
lt_status lt_bind_snapshot(lt_binder *b, const lt_ast_from *from, lt_bound_from *out,
                           lt_error *err);
lt_status lt_bind_from(lt_binder *b, const lt_ast_from *from, lt_bound_from *out, lt_error *err);
lt_status lt_bind_join(lt_binder *b, const lt_ast_from *from, lt_bound_from *out, lt_error *err);
lt_status lt_bind_table_path(lt_binder *b, const lt_ast_path *path, const lt_ast_hints *hints,
                             lt_bound_from *out, lt_error *err);
lt_status lt_bind_window_tvf(lt_binder *b, const lt_ast_expr *call, lt_rel **out, lt_error *err);
bool lt_is_window_tvf(lt_str func);
/* A length in a call of the windowing function `name`. */
lt_status lt_bind_window_duration(lt_binder *b, const char *name, const lt_ast_expr *ast,
                                  int64_t *out, lt_error *err);
/* The windowing function over the rows of input; window: as lt_window, but for what the type of its
 * time column says. SESSION: the keys are the caller's to set. */
lt_status lt_rel_window(lt_binder *b, lt_rel *input, const lt_window *window, lt_rel **out,
                        lt_error *err);
/* The table a path names, or an error that suggests names. */
lt_status lt_bind_find_table(lt_binder *b, const lt_ast_path *path, const char *what,
                             lt_table_def **out, lt_error *err);
/* Options with the OPTIONS hint applied, validated for use. */
lt_status lt_bind_table_options(lt_binder *b, const lt_table_def *def, const lt_ast_hints *hints,
                                uint32_t pos, lt_options *out, lt_error *err);
lt_status lt_bind_scan(lt_binder *b, lt_table_def *def, const lt_ast_hints *hints, uint32_t pos,
                       lt_rel **out, lt_error *err);

/* ---- query.c, select.c, insert.c ---- */
/* top: the ORDER BY of a nested query without LIMIT has no meaning and is dropped. */
lt_status lt_bind_query(lt_binder *b, const lt_ast_query *query, bool top, lt_rel **out,
                        lt_error *err);
/* Puts the query's WITH names into b's environment. */
lt_status lt_bind_push_ctes(lt_binder *b, const lt_ast_query *query, lt_error *err);
bool lt_bind_is_cte(lt_binder *b, const lt_ast_path *path);
lt_status lt_bind_select(lt_binder *b, const lt_ast_query *query, bool top, lt_rel **out,
                         lt_error *err);
/* Settles the joins of a SELECT whose FROM and WHERE are bound: gives interval joins and window
 * joins, and what lies between them and rel, the time attributes and windows they keep. */
lt_status lt_settle_joins(lt_binder *b, lt_rel *rel, lt_error *err);
lt_status lt_bind_insert(lt_binder *b, const lt_ast_insert *insert, uint32_t pos, lt_rel **out,
                         lt_error *err);
lt_status lt_bind_sink(lt_binder *b, lt_table_def *def, lt_rel *input, uint32_t pos, lt_rel **out,
                       lt_error *err);
/* OFFSET and LIMIT: *count = -1 when there is none. */
lt_status lt_bind_limits(lt_binder *b, const lt_ast_query *query, int64_t *offset, int64_t *count,
                         lt_error *err);
void lt_bind_direction(const lt_ast_order *order, lt_sort_key *key);

/* catalog, database and object name of a path; the database must exist. */
typedef struct {
    lt_str catalog, database, name;
} lt_object_path;

/* ---- DDL ---- */
/* A binder whose results outlive the statement: its arena is the catalog's. */
lt_binder lt_binder_lasting(const lt_binder *b);
/* Is the path free for a new object? *skip: it is not, but IF NOT EXISTS was written. */
lt_status lt_ddl_check_free(lt_binder *b, const lt_object_path *path, bool temporary,
                            bool if_not_exists, uint32_t pos, bool *skip, lt_error *err);
lt_status lt_ddl_create_table(lt_binder *b, const lt_ast_create_table *ast, uint32_t pos,
                              lt_bound *out, lt_error *err);
lt_status lt_ddl_create_view(lt_binder *b, const lt_ast_create_view *ast, uint32_t pos,
                             lt_bound *out, lt_error *err);
lt_status lt_ddl_create_object(lt_binder *b, const lt_ast_stmt *stmt, lt_error *err);
lt_status lt_ddl_alter_table(lt_binder *b, const lt_ast_alter *ast, uint32_t pos, lt_error *err);
lt_status lt_ddl_alter_view(lt_binder *b, const lt_ast_alter *ast, uint32_t pos, lt_error *err);
lt_status lt_ddl_alter_object(lt_binder *b, const lt_ast_stmt *stmt, lt_error *err);
lt_status lt_ddl_drop(lt_binder *b, const lt_ast_drop *ast, uint32_t pos, lt_error *err);
lt_status lt_ddl_create_function(lt_binder *b, const lt_ast_function *ast, uint32_t pos,
                                 lt_error *err);
lt_status lt_ddl_alter_function(lt_binder *b, const lt_ast_function *ast, uint32_t pos,
                                lt_error *err);
lt_status lt_ddl_drop_function(lt_binder *b, const lt_ast_drop *ast, lt_error *err);
lt_status lt_ddl_use(lt_binder *b, const lt_ast_use *ast, uint32_t pos, lt_error *err);
lt_status lt_ddl_show(lt_binder *b, const lt_ast_show *ast, uint32_t pos, lt_bound *out,
                      lt_error *err);
lt_status lt_ddl_describe(lt_binder *b, const lt_ast_describe *ast, uint32_t pos, lt_bound *out,
                          lt_error *err);
lt_status lt_ddl_list_settings(lt_binder *b, lt_bound *out, lt_error *err);
lt_status lt_bind_object_path(lt_binder *b, const lt_ast_path *path, lt_object_path *out,
                              lt_error *err);
const char *lt_object_text(lt_arena *arena, const lt_object_path *path);
/* Printed SQL with the names of built-in functions unquoted, in the arena. ptr NULL: no memory. */
lt_str lt_bind_plain_text(lt_arena *arena, lt_mem *mem, lt_str s);
/* A normalised expression, without the outermost parentheses. ptr NULL: no memory. */
lt_str lt_bind_expr_text(lt_arena *arena, lt_mem *mem, const lt_ast_expr *ast);
