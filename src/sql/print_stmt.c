/* Printing statements. */
#include "sql/print_int.h"

/* ---- shared clauses ----------------------------------------------------------------------------
 */

static void options(lt_printer *pr, const lt_ast_options *node)
{
    lt_text_putc(pr->to, '(');
    for (uint32_t i = 0; i < node->count; i++) {
        lt_print_kw(pr, i > 0 ? ",\n  " : "\n  ");
        lt_print_string(pr, node->items[i].key.text);
        if (node->items[i].value.text.ptr) {
            lt_print_kw(pr, " = ");
            lt_print_string(pr, node->items[i].value.text);
        }
    }
    lt_print_kw(pr, "\n)");
}

static void with(lt_printer *pr, const char *word, const lt_ast_options *node)
{
    if (node->present) {
        lt_print_kw(pr, word);
        options(pr, node);
    }
}

static void comment(lt_printer *pr, const char *word, const lt_ast_string *node)
{
    if (node->text.ptr) {
        lt_print_kw(pr, word);
        lt_print_string(pr, node->text);
    }
}

static void partition(lt_printer *pr, const char *word, const lt_ast_partition *node)
{
    if (!node->present) {
        return;
    }
    lt_text_printf(pr->to, "%s(", word);
    for (uint32_t i = 0; i < node->count; i++) {
        lt_print_kw(pr, i > 0 ? ", " : "");
        lt_print_name(pr, &node->items[i].column);
        if (node->items[i].expr) {
            lt_print_kw(pr, " = ");
            lt_print_expr(pr, node->items[i].expr);
        }
    }
    lt_text_putc(pr->to, ')');
}

/* A whole query where TABLE t needs parentheses. */
static void whole_query(lt_printer *pr, const lt_ast_query *query)
{
    bool parens = query->kind == LT_QUERY_TABLE;
    lt_print_kw(pr, parens ? "(" : "");
    lt_print_query(pr, query);
    lt_print_kw(pr, parens ? ")" : "");
}

static void as_query(lt_printer *pr, const lt_ast_query *query)
{
    if (query) {
        lt_print_kw(pr, "\nAS\n");
        whole_query(pr, query);
    }
}

static void if_not_exists(lt_printer *pr, bool given)
{
    lt_print_kw(pr, given ? "IF NOT EXISTS " : "");
}

static void if_exists(lt_printer *pr, bool given)
{
    lt_print_kw(pr, given ? "IF EXISTS " : "");
}

static void distribution(lt_printer *pr, const lt_ast_distribution *node)
{
    static const char *const kinds[] = {[LT_DIST_NONE] = "",
                                        [LT_DIST_DEFAULT] = " BY ",
                                        [LT_DIST_HASH] = " BY HASH",
                                        [LT_DIST_RANGE] = " BY RANGE"};
    lt_print_kw(pr, kinds[node->kind]);
    if (node->columns.count > 0) {
        lt_print_names(pr, &node->columns);
    }
    if (node->buckets > 0) {
        lt_text_printf(pr->to, " INTO %lld BUCKETS", (long long)node->buckets);
    }
}

/* ---- schemas -----------------------------------------------------------------------------------
 */

static void enforced(lt_printer *pr, bool given, bool not_enforced)
{
    if (given) {
        lt_print_kw(pr, not_enforced ? " NOT ENFORCED" : " ENFORCED");
    }
}

static void constraint_name(lt_printer *pr, const lt_ast_name *name)
{
    if (name->text.ptr) {
        lt_print_kw(pr, "CONSTRAINT ");
        lt_print_name(pr, name);
        lt_text_putc(pr->to, ' ');
    }
}

static void typed_column(lt_printer *pr, const lt_ast_column *column)
{
    lt_text_putc(pr->to, ' ');
    lt_print_type(pr, column->type);
    if (column->kind == LT_COLUMN_METADATA) {
        lt_print_kw(pr, " METADATA");
        comment(pr, " FROM ", &column->metadata_key);
        lt_print_kw(pr, column->is_virtual ? " VIRTUAL" : "");
    }
    if (column->primary_key || column->unique) {
        lt_text_putc(pr->to, ' ');
        constraint_name(pr, &column->constraint);
        lt_print_kw(pr, column->unique ? "UNIQUE" : "PRIMARY KEY");
        enforced(pr, column->enforced_given, column->not_enforced);
    }
}

static void column(lt_printer *pr, const lt_ast_column *node)
{
    lt_print_path(pr, &node->name);
    if (node->kind == LT_COLUMN_COMPUTED) {
        lt_print_kw(pr, " AS ");
        lt_print_expr(pr, node->expr);
    } else if (node->kind != LT_COLUMN_BARE) {
        typed_column(pr, node);
    }
    comment(pr, " COMMENT ", &node->comment);
    if (node->first) {
        lt_print_kw(pr, " FIRST");
    } else if (node->after.count > 0) {
        lt_print_kw(pr, " AFTER ");
        lt_print_path(pr, &node->after);
    }
}

static void constraint(lt_printer *pr, const lt_ast_constraint *node)
{
    constraint_name(pr, &node->name);
    lt_print_kw(pr, node->unique ? "UNIQUE " : "PRIMARY KEY ");
    lt_print_names(pr, &node->columns);
    enforced(pr, node->enforced_given, node->not_enforced);
}

static void schema(lt_printer *pr, const lt_ast_schema *node)
{
    const char *gap = "\n  ";
    lt_text_putc(pr->to, '(');
    for (uint32_t i = 0; i < node->column_count; i++) {
        lt_print_kw(pr, gap);
        column(pr, &node->columns[i]);
        gap = ",\n  ";
    }
    for (uint32_t i = 0; i < node->constraint_count; i++) {
        lt_print_kw(pr, gap);
        constraint(pr, &node->constraints[i]);
        gap = ",\n  ";
    }
    if (node->watermark.present) {
        lt_print_kw(pr, gap);
        lt_print_kw(pr, "WATERMARK FOR ");
        lt_print_path(pr, &node->watermark.column);
        lt_print_kw(pr, " AS ");
        lt_print_expr(pr, node->watermark.expr);
    }
    lt_print_kw(pr, "\n)");
}

/* ---- CREATE ------------------------------------------------------------------------------------
 */

static void like(lt_printer *pr, const lt_ast_create_table *node)
{
    static const char *const merges[] = {[LT_MERGE_INCLUDING] = "INCLUDING",
                                         [LT_MERGE_EXCLUDING] = "EXCLUDING",
                                         [LT_MERGE_OVERWRITING] = "OVERWRITING"};
    static const char *const features[] = {
        [LT_FEATURE_ALL] = "ALL",
        [LT_FEATURE_CONSTRAINTS] = "CONSTRAINTS",
        [LT_FEATURE_DISTRIBUTION] = "DISTRIBUTION",
        [LT_FEATURE_GENERATED] = "GENERATED",
        [LT_FEATURE_METADATA] = "METADATA",
        [LT_FEATURE_OPTIONS] = "OPTIONS",
        [LT_FEATURE_PARTITIONS] = "PARTITIONS",
        [LT_FEATURE_WATERMARKS] = "WATERMARKS",
    };
    lt_print_kw(pr, "\nLIKE ");
    lt_print_path(pr, &node->like);
    for (uint32_t i = 0; i < node->like_option_count; i++) {
        const lt_ast_like_option *option = &node->like_options[i];
        lt_text_printf(pr->to, "%s\n  %s %s", i == 0 ? " (" : "", merges[option->merge],
                       features[option->feature]);
    }
    lt_print_kw(pr, node->like_option_count > 0 ? "\n)" : "");
}

static void table_clauses(lt_printer *pr, const lt_ast_create_table *node, const char *with_word)
{
    comment(pr, "\nCOMMENT ", &node->comment);
    if (node->distribution.present) {
        lt_print_kw(pr, "\nDISTRIBUTED");
        distribution(pr, &node->distribution);
    }
    if (node->partitioned_by.count > 0) {
        lt_print_kw(pr, "\nPARTITIONED BY ");
        lt_print_names(pr, &node->partitioned_by);
    }
    with(pr, with_word, &node->options);
}

static void create_table(lt_printer *pr, const lt_ast_create_table *node)
{
    lt_print_kw(pr, node->create_or ? "CREATE OR REPLACE "
                    : node->replace ? "REPLACE "
                                    : "CREATE ");
    lt_print_kw(pr, node->temporary ? "TEMPORARY TABLE " : "TABLE ");
    if_not_exists(pr, node->if_not_exists);
    lt_print_path(pr, &node->path);
    if (node->schema.present) {
        lt_text_putc(pr->to, ' ');
        schema(pr, &node->schema);
    }
    table_clauses(pr, node, node->replace ? " WITH " : "\nWITH ");
    if (node->like.count > 0) {
        like(pr, node);
    }
    as_query(pr, node->query);
}

static void create_materialized(lt_printer *pr, const lt_ast_create_table *node)
{
    lt_print_kw(pr, "CREATE MATERIALIZED TABLE ");
    if_not_exists(pr, node->if_not_exists);
    lt_print_path(pr, &node->path);
    if (node->schema.present) {
        lt_text_putc(pr->to, '\n');
        schema(pr, &node->schema);
    }
    table_clauses(pr, node, "\nWITH ");
    if (node->freshness) {
        lt_print_kw(pr, "\nFRESHNESS = ");
        lt_print_expr(pr, node->freshness);
    }
    if (node->refresh != LT_REFRESH_NONE) {
        lt_text_printf(pr->to, "\nREFRESH_MODE = %s",
                       node->refresh == LT_REFRESH_FULL ? "FULL" : "CONTINUOUS");
    }
    as_query(pr, node->query);
}

static void create_view(lt_printer *pr, const lt_ast_create_view *node)
{
    lt_print_kw(pr, node->replace ? "CREATE OR REPLACE " : "CREATE ");
    lt_print_kw(pr, node->temporary ? "TEMPORARY VIEW " : "VIEW ");
    if_not_exists(pr, node->if_not_exists);
    lt_print_path(pr, &node->path);
    if (node->columns.count > 0) {
        lt_text_putc(pr->to, ' ');
        lt_print_names(pr, &node->columns);
    }
    comment(pr, "\nCOMMENT ", &node->comment);
    as_query(pr, node->query);
}

static void create_object(lt_printer *pr, const char *word, const lt_ast_create_object *node)
{
    lt_text_printf(pr->to, "CREATE %s%s ", node->temporary ? "TEMPORARY " : "", word);
    if_not_exists(pr, node->if_not_exists);
    lt_print_path(pr, &node->path);
    if (node->input.present) {
        lt_print_kw(pr, " INPUT ");
        schema(pr, &node->input);
    }
    if (node->output.present) {
        lt_print_kw(pr, " OUTPUT ");
        schema(pr, &node->output);
    }
    comment(pr, "\nCOMMENT ", &node->comment);
    with(pr, " WITH ", &node->options);
    as_query(pr, node->query);
}

static void function(lt_printer *pr, const char *word, const lt_ast_function *node)
{
    lt_text_printf(pr->to, "%s %s%sFUNCTION ", word, node->temporary ? "TEMPORARY " : "",
                   node->system ? "SYSTEM " : "");
    if (word[0] == 'C') {
        if_not_exists(pr, node->if_exists);
    } else {
        if_exists(pr, node->if_exists);
    }
    lt_print_path(pr, &node->path);
    if (node->typed) {
        lt_text_putc(pr->to, '(');
        for (uint32_t i = 0; i < node->param_count; i++) {
            lt_text_puts(pr->to, i > 0 ? ", " : "");
            lt_print_name(pr, &node->params[i].name);
            lt_text_putc(pr->to, ' ');
            lt_print_type(pr, node->params[i].type);
        }
        lt_print_kw(pr, ") RETURNS ");
        lt_print_type(pr, node->returns);
    }
    comment(pr, " AS ", &node->class_name);
    if (node->language.ptr) {
        lt_text_printf(pr->to, " LANGUAGE " LT_STR_FMT, LT_STR_ARG(node->language));
    }
    for (uint32_t i = 0; i < node->jar_count; i++) {
        comment(pr, i == 0 ? " USING JAR " : ", JAR ", &node->jars[i]);
    }
}

/* ---- ALTER -------------------------------------------------------------------------------------
 */

static void alter_partitions(lt_printer *pr, const lt_ast_alter *node)
{
    bool add = node->action == LT_ALTER_ADD_PARTITIONS;
    lt_print_kw(pr, add ? "\nADD" : "\nDROP");
    lt_print_kw(pr, !node->if_exists_action ? "" : add ? " IF NOT EXISTS" : " IF EXISTS");
    for (uint32_t i = 0; i < node->partition_count; i++) {
        partition(pr, i > 0 && !add ? ",\nPARTITION " : "\nPARTITION ", &node->partitions[i]);
        if (!add || !node->partition_options[i].present) {
            continue;
        }
        const lt_ast_options *list = &node->partition_options[i];
        lt_print_kw(pr, " WITH (");
        for (uint32_t k = 0; k < list->count; k++) {
            comment(pr, k > 0 ? ", " : "", &list->items[k].key);
            comment(pr, " = ", &list->items[k].value);
        }
        lt_text_putc(pr->to, ')');
    }
}

static void drop_columns(lt_printer *pr, const lt_ast_alter *node)
{
    lt_print_kw(pr, " DROP (");
    for (uint32_t i = 0; i < node->columns.count; i++) {
        lt_print_kw(pr, i > 0 ? ",\n  " : "\n  ");
        lt_print_path(pr, &node->columns.items[i]);
    }
    lt_print_kw(pr, "\n)");
}

static void alter_query(lt_printer *pr, bool materialized, const lt_ast_alter *node)
{
    lt_print_kw(pr, materialized ? " AS " : "\nAS\n");
    whole_query(pr, node->query);
}

static void alter_action(lt_printer *pr, bool materialized, const lt_ast_alter *node)
{
    switch (node->action) {
    case LT_ALTER_RENAME_COLUMN:
    case LT_ALTER_RENAME:
        lt_print_kw(pr, node->action == LT_ALTER_RENAME ? " RENAME" : " RENAME ");
        lt_print_path(pr, &node->column);
        lt_print_kw(pr, " TO ");
        lt_print_path(pr, &node->to);
        return;
    case LT_ALTER_SET:
        with(pr, " SET ", &node->options);
        return;
    case LT_ALTER_RESET:
        with(pr, " RESET ", &node->options);
        return;
    case LT_ALTER_COMMENT:
        comment(pr, " COMMENT ", &node->comment);
        return;
    case LT_ALTER_ADD:
    case LT_ALTER_MODIFY:
        lt_print_kw(pr, node->action == LT_ALTER_ADD ? " ADD " : " MODIFY ");
        schema(pr, &node->schema);
        return;
    case LT_ALTER_ADD_DISTRIBUTION:
    case LT_ALTER_MODIFY_DISTRIBUTION:
        lt_print_kw(pr, node->action == LT_ALTER_ADD_DISTRIBUTION ? " ADD" : " MODIFY");
        lt_print_kw(pr, " DISTRIBUTION");
        distribution(pr, &node->distribution);
        return;
    case LT_ALTER_DROP_DISTRIBUTION:
        lt_print_kw(pr, " DROP DISTRIBUTION");
        return;
    case LT_ALTER_DROP_COLUMNS:
        drop_columns(pr, node);
        return;
    case LT_ALTER_DROP_PRIMARY_KEY:
        lt_print_kw(pr, " DROP PRIMARY KEY");
        return;
    case LT_ALTER_DROP_CONSTRAINT:
        lt_print_kw(pr, " DROP CONSTRAINT ");
        lt_print_name(pr, &node->constraint);
        return;
    case LT_ALTER_DROP_WATERMARK:
        lt_print_kw(pr, " DROP WATERMARK");
        return;
    case LT_ALTER_ADD_PARTITIONS:
    case LT_ALTER_DROP_PARTITIONS:
        alter_partitions(pr, node);
        return;
    case LT_ALTER_AS_QUERY:
        alter_query(pr, materialized, node);
        return;
    case LT_ALTER_SUSPEND:
        lt_print_kw(pr, " SUSPEND");
        return;
    case LT_ALTER_RESUME:
        lt_print_kw(pr, " RESUME");
        with(pr, "\nWITH ", &node->options);
        return;
    case LT_ALTER_REFRESH:
        lt_print_kw(pr, " REFRESH");
        if (node->partition_count > 0) {
            partition(pr, " PARTITION ", &node->partitions[0]);
        }
        return;
    case LT_ALTER_FRESHNESS:
        lt_print_kw(pr, " SET FRESHNESS = ");
        lt_print_expr(pr, node->freshness);
        return;
    case LT_ALTER_REFRESH_MODE:
        lt_text_printf(pr->to, " SET REFRESH_MODE = %s",
                       node->refresh == LT_REFRESH_FULL ? "FULL" : "CONTINUOUS");
        return;
    }
}

static void alter(lt_printer *pr, const char *word, const lt_ast_alter *node)
{
    lt_text_printf(pr->to, "ALTER %s ", word);
    if_exists(pr, node->if_exists);
    lt_print_path(pr, &node->path);
    alter_action(pr, word[0] == 'M' && word[1] == 'A', node);
}

/* ---- SHOW, DESCRIBE, DROP, USE -----------------------------------------------------------------
 */

static const char *object_word(lt_ast_object what)
{
    static const char *const words[] = {
        [LT_OBJ_TABLE] = "TABLE",
        [LT_OBJ_VIEW] = "VIEW",
        [LT_OBJ_MATERIALIZED_TABLE] = "MATERIALIZED TABLE",
        [LT_OBJ_CATALOG] = "CATALOG",
        [LT_OBJ_DATABASE] = "DATABASE",
        [LT_OBJ_FUNCTION] = "FUNCTION",
        [LT_OBJ_MODEL] = "MODEL",
        [LT_OBJ_MODULES] = "MODULE",
        [LT_OBJ_PROCEDURE] = "PROCEDURE",
        [LT_OBJ_JOB] = "JOB",
        [LT_OBJ_JAR] = "JAR",
        [LT_OBJ_COLUMNS] = "COLUMN",
        [LT_OBJ_PARTITIONS] = "PARTITION",
    };
    LT_ASSERT((size_t)what < LT_COUNT_OF(words));
    return words[what];
}

static void show(lt_printer *pr, const lt_ast_show *node)
{
    if (node->how == LT_SHOW_CURRENT) {
        lt_text_printf(pr->to, "SHOW CURRENT %s", object_word(node->what));
        return;
    }
    if (node->how == LT_SHOW_CREATE) {
        lt_text_printf(pr->to, "SHOW CREATE %s ", object_word(node->what));
        lt_print_path(pr, &node->path);
        return;
    }
    lt_text_printf(pr->to, "SHOW %s%s%sS", node->user ? "USER " : "", node->full ? "FULL " : "",
                   object_word(node->what));
    if (node->path.count > 0) {
        lt_print_kw(pr, node->what == LT_OBJ_PARTITIONS ? " " : node->in ? " IN " : " FROM ");
        lt_print_path(pr, &node->path);
    }
    lt_print_kw(pr, node->not_like ? " NOT" : "");
    comment(pr, node->ilike ? " ILIKE " : " LIKE ", &node->like);
    partition(pr, " PARTITION ", &node->partition);
}

static void describe(lt_printer *pr, const lt_ast_describe *node)
{
    lt_print_kw(pr, "DESCRIBE ");
    if (node->what != LT_OBJ_TABLE) {
        lt_text_printf(pr->to, "%s ", object_word(node->what));
    }
    lt_print_kw(pr, node->extended ? "EXTENDED " : "");
    lt_print_path(pr, &node->path);
    comment(pr, "", &node->job);
}

static void drop(lt_printer *pr, const lt_ast_drop *node)
{
    lt_text_printf(pr->to, "DROP %s%s%s ", node->temporary ? "TEMPORARY " : "",
                   node->system ? "SYSTEM " : "", object_word(node->what));
    if_exists(pr, node->if_exists);
    lt_print_path(pr, &node->path);
    if (node->what == LT_OBJ_DATABASE) {
        lt_print_kw(pr, node->cascade ? " CASCADE" : " RESTRICT");
    }
}

static void use(lt_printer *pr, const lt_ast_use *node)
{
    lt_print_kw(pr, node->what == LT_OBJ_CATALOG   ? "USE CATALOG "
                    : node->what == LT_OBJ_MODULES ? "USE MODULES "
                                                   : "USE ");
    lt_print_path(pr, &node->path);
    for (uint32_t i = 0; i < node->modules.count; i++) {
        lt_print_kw(pr, i > 0 ? ", " : "");
        lt_print_name(pr, &node->modules.items[i]);
    }
}

/* ---- DML ---------------------------------------------------------------------------------------
 */

static void insert(lt_printer *pr, const lt_ast_insert *node)
{
    static const char *const conflicts[] = {[LT_CONFLICT_NONE] = "",
                                            [LT_CONFLICT_ERROR] = "\nON CONFLICT DO ERROR",
                                            [LT_CONFLICT_NOTHING] = "\nON CONFLICT DO NOTHING",
                                            [LT_CONFLICT_DEDUPLICATE] =
                                                "\nON CONFLICT DO DEDUPLICATE"};
    lt_print_kw(pr, node->execute ? "EXECUTE " : "");
    lt_print_kw(pr, node->overwrite ? "INSERT OVERWRITE " : "INSERT INTO ");
    lt_print_path(pr, &node->table);
    lt_print_hints(pr, &node->hints);
    partition(pr, " PARTITION ", &node->partition);
    lt_print_kw(pr, node->partition.present ? "\n" : "");
    for (uint32_t i = 0; i < node->columns.count; i++) {
        lt_print_kw(pr, i > 0 ? ", " : node->partition.present ? "(" : " (");
        lt_print_path(pr, &node->columns.items[i]);
    }
    lt_print_kw(pr, node->columns.count > 0 ? ")" : "");
    lt_text_putc(pr->to, '\n');
    whole_query(pr, node->query);
    lt_print_kw(pr, conflicts[node->conflict]);
}

static void statement_set(lt_printer *pr, bool execute, const lt_ast_set *node)
{
    lt_print_kw(pr, execute ? "EXECUTE " : "");
    lt_print_kw(pr, node->client_form ? "BEGIN STATEMENT SET;\n" : "STATEMENT SET BEGIN\n");
    for (uint32_t i = 0; i < node->count; i++) {
        lt_print_stmt(pr, node->inserts[i]);
        lt_print_kw(pr, "\n;\n");
    }
    lt_print_kw(pr, "END");
}

static void explain(lt_printer *pr, const lt_ast_explain *node)
{
    static const struct {
        uint32_t bit;
        const char *word;
    } details[] = {{LT_EXPLAIN_JSON_PLAN, "JSON_EXECUTION_PLAN"},
                   {LT_EXPLAIN_CHANGELOG_MODE, "CHANGELOG_MODE"},
                   {LT_EXPLAIN_PLAN_ADVICE, "PLAN_ADVICE"},
                   {LT_EXPLAIN_ESTIMATED_COST, "ESTIMATED_COST"}};
    const char *gap = "";
    lt_print_kw(pr, "EXPLAIN ");
    for (size_t i = 0; i < LT_COUNT_OF(details); i++) {
        if (node->details & details[i].bit) {
            lt_text_printf(pr->to, "%s%s", gap, details[i].word);
            gap = ", ";
        }
    }
    lt_print_kw(pr, gap[0] ? " " : "");
    lt_print_stmt(pr, node->stmt);
}

static void plan(lt_printer *pr, const char *word, const lt_ast_plan *node)
{
    lt_print_kw(pr, word);
    lt_print_string(pr, node->file.text);
    if (node->stmt) {
        lt_print_kw(pr, node->if_not_exists ? " IF NOT EXISTS FOR " : " FOR ");
        lt_print_stmt(pr, node->stmt);
    }
}

static void modify(lt_printer *pr, bool update, const lt_ast_modify *node)
{
    lt_print_kw(pr, update ? "UPDATE " : "DELETE FROM ");
    lt_print_path(pr, &node->table);
    lt_print_hints(pr, &node->hints);
    if (node->alias.text.ptr) {
        lt_print_kw(pr, " AS ");
        lt_print_name(pr, &node->alias);
    }
    for (uint32_t i = 0; i < node->targets.count; i++) {
        lt_print_kw(pr, i > 0 ? ", " : " SET ");
        lt_print_path(pr, &node->targets.items[i]);
        lt_print_kw(pr, " = ");
        lt_print_expr(pr, node->values.items[i]);
    }
    if (node->where) {
        lt_print_kw(pr, "\nWHERE ");
        lt_print_expr(pr, node->where);
    }
}

/* ---- the small ones ----------------------------------------------------------------------------
 */

static void setting(lt_printer *pr, const char *word, const lt_ast_option *node)
{
    lt_print_kw(pr, word);
    comment(pr, " ", &node->key);
    comment(pr, " = ", &node->value);
}

static void stop_job(lt_printer *pr, const lt_ast_stop_job *node)
{
    comment(pr, "STOP JOB ", &node->id);
    lt_print_kw(pr, node->savepoint ? " WITH SAVEPOINT" : "");
    lt_print_kw(pr, node->drain ? " WITH DRAIN" : "");
}

static void analyze(lt_printer *pr, const lt_ast_analyze *node)
{
    lt_print_kw(pr, "ANALYZE TABLE ");
    lt_print_path(pr, &node->path);
    partition(pr, " PARTITION ", &node->partition);
    lt_print_kw(pr, " COMPUTE STATISTICS");
    lt_print_kw(pr, node->all_columns ? " FOR ALL COLUMNS" : "");
    for (uint32_t i = 0; i < node->columns.count; i++) {
        lt_print_kw(pr, i > 0 ? ", " : " FOR COLUMNS ");
        lt_print_name(pr, &node->columns.items[i]);
    }
}

static void module(lt_printer *pr, const char *word, const lt_ast_module *node)
{
    lt_print_kw(pr, word);
    lt_print_name(pr, &node->name);
    with(pr, " WITH ", &node->options);
}

static void path(lt_printer *pr, const char *word, const lt_ast_path *node)
{
    lt_print_kw(pr, word);
    lt_print_path(pr, node);
}

/* CREATE and ALTER statements. */
static void definition(lt_printer *pr, const lt_ast_stmt *stmt)
{
    switch ((int)stmt->kind) {
    case LT_STMT_CREATE_TABLE:
        create_table(pr, stmt->create_table);
        return;
    case LT_STMT_CREATE_VIEW:
        create_view(pr, stmt->create_view);
        return;
    case LT_STMT_CREATE_MATERIALIZED_TABLE:
        create_materialized(pr, stmt->create_table);
        return;
    case LT_STMT_CREATE_CATALOG:
        create_object(pr, "CATALOG", stmt->create_object);
        return;
    case LT_STMT_CREATE_DATABASE:
        create_object(pr, "DATABASE", stmt->create_object);
        return;
    case LT_STMT_CREATE_MODEL:
        create_object(pr, "MODEL", stmt->create_object);
        return;
    case LT_STMT_CREATE_FUNCTION:
        function(pr, "CREATE", stmt->function);
        return;
    case LT_STMT_ALTER_TABLE:
        alter(pr, "TABLE", stmt->alter);
        return;
    case LT_STMT_ALTER_VIEW:
        alter(pr, "VIEW", stmt->alter);
        return;
    case LT_STMT_ALTER_MATERIALIZED_TABLE:
        alter(pr, "MATERIALIZED TABLE", stmt->alter);
        return;
    case LT_STMT_ALTER_CATALOG:
        alter(pr, "CATALOG", stmt->alter);
        return;
    case LT_STMT_ALTER_DATABASE:
        alter(pr, "DATABASE", stmt->alter);
        return;
    case LT_STMT_ALTER_MODEL:
        alter(pr, "MODEL", stmt->alter);
        return;
    case LT_STMT_ALTER_FUNCTION:
        function(pr, "ALTER", stmt->function);
        return;
    default:
        LT_ASSERT(!"a CREATE or ALTER statement");
    }
}

void lt_print_stmt(lt_printer *pr, const lt_ast_stmt *stmt)
{
    switch (stmt->kind) {
    case LT_STMT_QUERY:
        lt_print_kw(pr, stmt->execute ? "EXECUTE " : "");
        whole_query(pr, stmt->query);
        return;
    case LT_STMT_INSERT:
        insert(pr, stmt->insert);
        return;
    case LT_STMT_STATEMENT_SET:
        statement_set(pr, stmt->execute, stmt->set);
        return;
    case LT_STMT_EXPLAIN:
        explain(pr, stmt->explain);
        return;
    case LT_STMT_CREATE_TABLE:
    case LT_STMT_CREATE_VIEW:
    case LT_STMT_CREATE_MATERIALIZED_TABLE:
    case LT_STMT_CREATE_CATALOG:
    case LT_STMT_CREATE_DATABASE:
    case LT_STMT_CREATE_MODEL:
    case LT_STMT_CREATE_FUNCTION:
    case LT_STMT_ALTER_TABLE:
    case LT_STMT_ALTER_VIEW:
    case LT_STMT_ALTER_MATERIALIZED_TABLE:
    case LT_STMT_ALTER_CATALOG:
    case LT_STMT_ALTER_DATABASE:
    case LT_STMT_ALTER_MODEL:
    case LT_STMT_ALTER_FUNCTION:
        definition(pr, stmt);
        return;
    case LT_STMT_DROP:
        drop(pr, stmt->drop);
        return;
    case LT_STMT_SHOW:
        show(pr, stmt->show);
        return;
    case LT_STMT_DESCRIBE:
        describe(pr, stmt->describe);
        return;
    case LT_STMT_USE:
        use(pr, stmt->use);
        return;
    case LT_STMT_LOAD_MODULE:
        module(pr, "LOAD MODULE ", stmt->module);
        return;
    case LT_STMT_UNLOAD_MODULE:
        module(pr, "UNLOAD MODULE ", stmt->module);
        return;
    case LT_STMT_SET:
        setting(pr, "SET", &stmt->setting);
        return;
    case LT_STMT_RESET:
        setting(pr, "RESET", &stmt->setting);
        return;
    case LT_STMT_ADD_JAR:
        comment(pr, "ADD JAR ", &stmt->text);
        return;
    case LT_STMT_REMOVE_JAR:
        comment(pr, "REMOVE JAR ", &stmt->text);
        return;
    case LT_STMT_STOP_JOB:
        stop_job(pr, stmt->stop_job);
        return;
    case LT_STMT_CALL:
        lt_print_kw(pr, "CALL ");
        lt_print_expr(pr, stmt->call);
        return;
    case LT_STMT_ANALYZE:
        analyze(pr, stmt->analyze);
        return;
    case LT_STMT_COMPILE_PLAN:
        plan(pr, "COMPILE PLAN ", stmt->plan);
        return;
    case LT_STMT_EXECUTE_PLAN:
        plan(pr, "EXECUTE PLAN ", stmt->plan);
        return;
    case LT_STMT_COMPILE_AND_EXECUTE_PLAN:
        plan(pr, "COMPILE AND EXECUTE PLAN ", stmt->plan);
        return;
    case LT_STMT_DELETE:
    case LT_STMT_UPDATE:
        modify(pr, stmt->kind == LT_STMT_UPDATE, stmt->modify);
        return;
    case LT_STMT_TRUNCATE:
        path(pr, "TRUNCATE TABLE ", &stmt->path);
        return;
    case LT_STMT_BEGIN_STATEMENT_SET:
        lt_print_kw(pr, "BEGIN STATEMENT SET");
        return;
    case LT_STMT_END:
        lt_print_kw(pr, "END");
        return;
    case LT_STMT_HELP:
        lt_print_kw(pr, "HELP");
        return;
    case LT_STMT_QUIT:
        lt_print_kw(pr, "QUIT");
        return;
    case LT_STMT_CLEAR:
        lt_print_kw(pr, "CLEAR");
        return;
    }
}
