/* The catalog: catalogs, databases, tables, views and session options of one engine handle; DDL
 * changes it. In memory; `default_catalog`.`default_database` at first. Identifiers are
 * case-sensitive. Temporary objects shadow permanent ones of the same path. */
#pragma once

#include "base/map.h"
#include "base/option.h"
#include "connector/connector.h"
#include "data/type.h"
#include "expr/expr.h"
#include "sql/ast.h"

typedef enum { LT_COLUMN_IS_PHYSICAL, LT_COLUMN_IS_METADATA, LT_COLUMN_IS_COMPUTED } lt_column_role;

typedef struct {
    lt_str name;
    const lt_type *type; /* computed: inferred; primary-key columns are NOT NULL; the watermark
                            column has its ROWTIME attribute; PROCTIME() its own */
    lt_column_role role;
    lt_str metadata_key;          /* metadata */
    const lt_type *metadata_type; /* metadata: the connector's type, cast explicitly to `type` */
    bool is_virtual;              /* metadata */
    lt_expr *expr;    /* computed: over the table's columns before it and all physical and metadata
                         ones (index = column index in `columns`) */
    lt_str expr_text; /* computed: as written, normalised */
    lt_str comment;
} lt_column_def;

typedef struct lt_table_def {
    lt_str catalog, database, name;
    bool temporary;
    bool is_view;
    bool inferred;   /* made from a file or stdin without DDL */
    bool has_header; /* inferred CSV */
    lt_column_def *columns;
    uint32_t column_count;
    const lt_schema *schema; /* all columns, as a query sees them */
    int watermark_col;       /* index into columns; -1 = none */
    lt_expr *watermark;      /* over `schema`; NULL with SOURCE_WATERMARK() */
    lt_str watermark_text;
    const uint32_t *primary_key;
    uint32_t primary_key_count;
    const uint32_t *partition_by;
    uint32_t partition_count;
    lt_str primary_key_name; /* of the constraint */
    lt_options options;
    const lt_connector *connector; /* NULL: no 'connector' option (an error when used) */
    const lt_format *format;       /* NULL: none */
    lt_str comment;
    /* views */
    lt_str query_text; /* normalised */
    const struct lt_ast_query *query;
    lt_str view_catalog, view_database; /* resolution context of the view's text */
    const struct lt_rel *view_rel;      /* bound once at creation to check it; bound anew at use */
} lt_table_def;

struct lt_native; /* expr/native.h */

/* A function of the user's: never changed, ALTER FUNCTION makes another one. */
typedef struct lt_function_def {
    lt_str catalog, database; /* ptr NULL: a system function */
    lt_str name;              /* in lower case */
    bool temporary;
    lt_str text;           /* behind AS: the expression, or library#symbol */
    const char *signature; /* f(a INT, b STRING) -> BIGINT */
    bool deterministic;
    const struct lt_native *native; /* LANGUAGE C; NULL: LANGUAGE SQL */
    const char *library;            /* LANGUAGE C: the file that was loaded */
    /* LANGUAGE SQL */
    const lt_schema *params; /* their types are nullable: arguments keep their own nullability */
    const lt_type *returns;
    lt_str body_catalog, body_database; /* in which the body's names are resolved */
    lt_origin origin;
} lt_function_def;

typedef struct lt_catalog lt_catalog;

/* arena: everything in the catalog lives there. NULL = out of memory. */
lt_catalog *lt_catalog_new(lt_mem *mem, lt_env *env);
void lt_catalog_free(lt_catalog *catalog); /* accepts NULL */

/* The session: options set by SET, the time zone that follows from them. */
const lt_session *lt_catalog_session(const lt_catalog *catalog);
lt_str lt_catalog_option(const lt_catalog *catalog,
                         const char *key); /* as set, else the default, else {NULL,0} */
lt_status
lt_catalog_set(lt_catalog *catalog, lt_str key, lt_str value,
               lt_error *err); /* checks key and value; see settings.c for what is known */
lt_status lt_catalog_reset(lt_catalog *catalog, lt_str key /* ptr NULL = all */, lt_error *err);

/* Directories, separated by `:`, from which CREATE FUNCTION .. LANGUAGE C may load libraries; NULL:
 * none. Borrowed. */
void lt_catalog_allow_native(lt_catalog *catalog, const char *directories);

/* Resolves 1 to 3 name parts against current catalog and database; NULL when absent. */
lt_table_def *lt_catalog_find(lt_catalog *catalog, const lt_str *parts, uint32_t count);
lt_arena *lt_catalog_arena(lt_catalog *catalog);
