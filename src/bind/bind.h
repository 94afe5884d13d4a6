/* From syntax tree to meaning: runs DDL and session statements against the catalog, and binds
 * queries and INSERTs to typed trees. */
#pragma once

#include "bind/catalog.h"
#include "bind/rel.h"

typedef enum {
    LT_BOUND_DONE,   /* DDL, SET, USE ..: carried out; `message` says what, e.g. "Execute statement
                        succeeded." */
    LT_BOUND_TABLE,  /* SHOW, DESCRIBE, SET, EXPLAIN-less listings: a small table of text in
                        `listing` */
    LT_BOUND_QUERY,  /* rels[0] is the query */
    LT_BOUND_INSERT, /* rels[0 .. rel_count) are LT_REL_SINK roots of one job */
    LT_BOUND_EXPLAIN /* rels and flags of what is to be explained */
} lt_bound_kind;

typedef struct {
    const char *const *headers;
    uint32_t column_count;
    lt_str *cells; /* row-major; ptr NULL = SQL NULL */
    uint32_t row_count;
} lt_listing;

typedef struct {
    lt_bound_kind kind;
    lt_str message;
    lt_listing listing;
    lt_rel **rels;
    uint32_t rel_count;
    uint32_t explain_details; /* LT_EXPLAIN_* of sql/ast.h */
    bool explain_is_query;
} lt_bound;

/* Files and stdin by name: `FROM 'x.jsonl'` (the parser's LT_FROM_TABLE with a string is not
 * standard SQL: see from_file in bind) and `FROM stdin` are resolved by this hook, which infers and
 * registers a table. NULL = refused. */
typedef struct lt_infer_hook lt_infer_hook;
struct lt_infer_hook {
    lt_status (*table)(lt_infer_hook *hook, lt_catalog *catalog,
                       lt_str name /* file path, "stdin" or "datagen" */, lt_table_def **out,
                       lt_error *err);
};

/* Binds (and for DDL: executes) one statement. Results live in `arena`, which must outlive their
 * use; catalog objects in the catalog's. text: the statement, for error positions and stored view
 * texts. check_only: DDL is executed, but nothing does I/O. */
lt_status lt_bind_statement(lt_catalog *catalog, const lt_ast_stmt *stmt, lt_str text,
                            lt_infer_hook *hook, lt_arena *arena, lt_bound *out, lt_error *err);

/* A type as written. */
lt_status lt_bind_type(lt_arena *arena, const lt_ast_type *ast, const lt_type **out, lt_error *err);
/* CREATE TABLE text of a table, as SHOW CREATE TABLE prints it. Secrets are masked. */
void lt_table_print_ddl(const lt_table_def *table, lt_text *to);
