/* A table while it is being declared or altered: columns and clauses by name, expressions as text
 * or syntax. lt_draft_finish resolves everything and makes the definition; CREATE TABLE, LIKE,
 * CREATE TABLE AS and ALTER TABLE all end there, so that one set of checks holds for all. */
#pragma once

#include "bind/bind_int.h"

typedef struct {
    lt_str name;
    uint32_t pos;
    lt_column_role role;
    const lt_type *type; /* physical, metadata */
    lt_str metadata_key;
    bool is_virtual;
    const lt_ast_expr *expr; /* computed: from this statement, else NULL and expr_text is parsed */
    lt_str expr_text;
    lt_str comment;
} lt_draft_column;

typedef struct {
    lt_draft_column *columns;
    uint32_t count, cap;
    bool has_watermark;
    lt_str watermark_column;
    uint32_t watermark_pos;
    const lt_ast_expr *watermark_expr; /* as above */
    lt_str watermark_text;
    bool has_key;
    lt_str key_name; /* empty: made from the columns */
    const lt_str *key;
    uint32_t key_count;
    uint32_t key_pos;
    const lt_str *partition;
    uint32_t partition_count;
    uint32_t partition_pos;
    lt_options options;
    lt_str comment;
    uint32_t pos; /* of the statement, for errors in stored text */
} lt_table_draft;

/* b: a binder whose arena is the catalog's. */
lt_status lt_draft_from_def(lt_binder *b, const lt_table_def *def, lt_table_draft *out,
                            lt_error *err);
lt_status lt_draft_column_from_ast(lt_binder *b, const lt_ast_column *ast, lt_draft_column *out,
                                   lt_error *err);
/* at: position in the list; UINT32_MAX: the end. */
lt_status lt_draft_add(lt_binder *b, lt_table_draft *draft, const lt_draft_column *column,
                       uint32_t at, lt_error *err);
int lt_draft_find(const lt_table_draft *draft, lt_str name);
void lt_draft_remove(lt_table_draft *draft, uint32_t at);
lt_status lt_draft_set_key(lt_binder *b, lt_table_draft *draft, const lt_ast_constraint *ast,
                           lt_error *err);
/* PRIMARY KEY written at a column. */
lt_status lt_draft_set_column_key(lt_binder *b, lt_table_draft *draft, const lt_ast_column *ast,
                                  lt_error *err);
void lt_draft_set_watermark(lt_table_draft *draft, const lt_ast_watermark *ast);
/* New values win over old ones; the result lives in b's arena. */
lt_status lt_draft_set_options(lt_binder *b, lt_table_draft *draft, const lt_ast_options *ast,
                               lt_error *err);
lt_status lt_draft_finish(lt_binder *b, const lt_table_draft *draft, const lt_object_path *path,
                          bool temporary, lt_table_def **out, lt_error *err);
