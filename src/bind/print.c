/* CREATE TABLE and CREATE VIEW texts of what the catalog holds, as SHOW CREATE prints them: types
 * in full, options in order of their keys, secrets masked. */
#include "bind/bind_int.h"

static void print_type(const lt_type *type, lt_text *to);

static void print_nested(const lt_type *type, const char *name, lt_text *to)
{
    lt_text_printf(to, "%s<", name);
    for (uint32_t i = 0; i < type->field_count; i++) {
        lt_text_puts(to, i ? ", " : "");
        if (type->kind == LT_TYPE_ROW) {
            lt_sql_print_name(type->fields[i].name, to);
            lt_text_putc(to, ' ');
        }
        print_type(type->fields[i].type, to);
    }
    lt_text_putc(to, '>');
}

static void print_type(const lt_type *type, lt_text *to)
{
    if (type->kind == LT_TYPE_VARCHAR || type->kind == LT_TYPE_VARBINARY) {
        lt_text_printf(to, "%s(%d)", type->kind == LT_TYPE_VARCHAR ? "VARCHAR" : "VARBINARY",
                       (int)type->length);
    } else if (type->kind == LT_TYPE_TIMESTAMP) {
        lt_text_printf(to, "TIMESTAMP(%u)", type->precision);
    } else if (type->kind == LT_TYPE_TIMESTAMP_LTZ) {
        lt_text_printf(to, "TIMESTAMP(%u) WITH LOCAL TIME ZONE", type->precision);
    } else if (type->kind == LT_TYPE_ROW) {
        print_nested(type, "ROW", to);
    } else if (type->kind == LT_TYPE_ARRAY) {
        print_nested(type, "ARRAY", to);
    } else if (type->kind == LT_TYPE_MAP) {
        print_nested(type, "MAP", to);
    } else if (type->kind == LT_TYPE_MULTISET) {
        print_nested(type, "MULTISET", to);
    } else {
        lt_type plain = *type;
        plain.nullable = true;
        lt_type_print(&plain, to);
    }
    if (!type->nullable) {
        lt_text_puts(to, " NOT NULL");
    }
}

static void print_quoted(lt_str s, lt_text *to)
{
    lt_text_putc(to, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\'') {
            lt_text_putc(to, '\'');
        }
        lt_text_putc(to, s.ptr[i]);
    }
    lt_text_putc(to, '\'');
}

static void print_column(const lt_column_def *column, lt_text *to)
{
    lt_text_puts(to, "  ");
    lt_sql_print_name(column->name, to);
    if (column->role == LT_COLUMN_IS_COMPUTED) {
        lt_text_printf(to, " AS " LT_STR_FMT, LT_STR_ARG(column->expr_text));
    } else {
        lt_text_putc(to, ' ');
        print_type(column->type, to);
    }
    if (column->role == LT_COLUMN_IS_METADATA) {
        lt_text_puts(to, " METADATA");
        if (!lt_str_eq(column->metadata_key, column->name)) {
            lt_text_puts(to, " FROM ");
            print_quoted(column->metadata_key, to);
        }
        lt_text_puts(to, column->is_virtual ? " VIRTUAL" : "");
    }
    if (column->comment.len > 0) {
        lt_text_puts(to, " COMMENT ");
        print_quoted(column->comment, to);
    }
}

static void print_names(const lt_table_def *def, const uint32_t *columns, uint32_t count,
                        lt_text *to)
{
    lt_text_putc(to, '(');
    for (uint32_t i = 0; i < count; i++) {
        lt_text_puts(to, i ? ", " : "");
        lt_sql_print_name(def->columns[columns[i]].name, to);
    }
    lt_text_putc(to, ')');
}

static const lt_option_def *secret_def(const lt_table_def *def, lt_str key)
{
    for (uint32_t i = 0; def->connector && i < def->connector->option_count; i++) {
        if (lt_str_eq(key, lt_str_of(def->connector->options[i].name))) {
            return &def->connector->options[i];
        }
    }
    return NULL;
}

/* In order of keys, by repeated choice of the next one: option lists are short. */
static void print_options(const lt_table_def *def, lt_text *to)
{
    lt_str last = {NULL, 0};
    lt_text_puts(to, "WITH (\n");
    for (uint32_t n = 0; n < def->options.count; n++) {
        const lt_option *next = NULL;
        for (uint32_t i = 0; i < def->options.count; i++) {
            const lt_option *option = &def->options.items[i];
            if ((!last.ptr || lt_str_cmp(option->key, last) > 0) &&
                (!next || lt_str_cmp(option->key, next->key) < 0)) {
                next = option;
            }
        }
        if (!next) {
            break;
        }
        last = next->key;
        lt_text_puts(to, n ? ",\n  " : "  ");
        print_quoted(next->key, to);
        lt_text_puts(to, " = ");
        print_quoted(lt_option_is_secret(next->key, secret_def(def, next->key)) ? LT_STR("******")
                                                                                : next->value,
                     to);
    }
    lt_text_puts(to, "\n)\n");
}

static void print_path(const lt_table_def *def, lt_text *to)
{
    lt_sql_print_name(def->catalog, to);
    lt_text_putc(to, '.');
    lt_sql_print_name(def->database, to);
    lt_text_putc(to, '.');
    lt_sql_print_name(def->name, to);
}

static void print_view(const lt_table_def *def, lt_text *to)
{
    lt_text_printf(to, "CREATE %sVIEW ", def->temporary ? "TEMPORARY " : "");
    print_path(def, to);
    lt_text_puts(to, " (\n");
    for (uint32_t i = 0; i < def->column_count; i++) {
        lt_text_puts(to, i ? ",\n  " : "  ");
        lt_sql_print_name(def->columns[i].name, to);
    }
    lt_text_puts(to, "\n)\n");
    if (def->comment.len > 0) {
        lt_text_puts(to, "COMMENT ");
        print_quoted(def->comment, to);
        lt_text_putc(to, '\n');
    }
    lt_text_printf(to, "AS " LT_STR_FMT "\n", LT_STR_ARG(def->query_text));
}

void lt_table_print_ddl(const lt_table_def *def, lt_text *to)
{
    if (def->is_view) {
        print_view(def, to);
        return;
    }
    lt_text_printf(to, "CREATE %sTABLE ", def->temporary ? "TEMPORARY " : "");
    print_path(def, to);
    lt_text_puts(to, " (\n");
    for (uint32_t i = 0; i < def->column_count; i++) {
        lt_text_puts(to, i ? ",\n" : "");
        print_column(&def->columns[i], to);
    }
    if (def->watermark_col >= 0) {
        lt_text_puts(to, ",\n  WATERMARK FOR ");
        lt_sql_print_name(def->columns[def->watermark_col].name, to);
        lt_text_printf(to, " AS " LT_STR_FMT, LT_STR_ARG(def->watermark_text));
    }
    if (def->primary_key_count > 0) {
        lt_text_puts(to, ",\n  CONSTRAINT ");
        lt_sql_print_name(def->primary_key_name, to);
        lt_text_puts(to, " PRIMARY KEY ");
        print_names(def, def->primary_key, def->primary_key_count, to);
        lt_text_puts(to, " NOT ENFORCED");
    }
    lt_text_puts(to, "\n)\n");
    if (def->comment.len > 0) {
        lt_text_puts(to, "COMMENT ");
        print_quoted(def->comment, to);
        lt_text_putc(to, '\n');
    }
    if (def->partition_count > 0) {
        lt_text_puts(to, "PARTITIONED BY ");
        print_names(def, def->partition_by, def->partition_count, to);
        lt_text_putc(to, '\n');
    }
    if (def->options.count > 0) {
        print_options(def, to);
    }
}
