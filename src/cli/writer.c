/* One const row per format: how a result begins, a row is written, and it ends. Column widths of
 * tables come from the first ROWS_SEEN rows, so that a large result streams. */
#include "cli/writer.h"

#include "base/arena.h"
#include "base/assert.h"
#include "cli/grid.h"

#define ROWS_SEEN         1000
#define WIDTH_MAX_DEFAULT 30 /* Flink's table.display.max-column-width */
#define NULL_TEXT         "<NULL>"
#define NAMES_BYTES_MAX   ((size_t)4 << 20)

typedef struct {
    void (*begin)(lt_writer *writer); /* NULL = nothing */
    void (*row)(lt_writer *writer, leat_rows *rows, uint32_t row);
    void (*settle)(lt_writer *writer); /* NULL = nothing */
    void (*finish)(lt_writer *writer); /* NULL = nothing */
} format_class;

struct lt_writer {
    lt_mem *mem;
    lt_arena *arena; /* names */
    lt_writer_options options;
    const format_class *class;
    leat_column *columns;
    uint32_t column_count;
    lt_str *keys; /* names as JSON strings */
    lt_grid grid;
    lt_text text;
    uint64_t count;
    bool begun;
};

static const char *const kind_names[] = {"+I", "-U", "+U", "-D"};

static const char *kind_of(const leat_rows *rows, uint32_t row)
{
    return kind_names[(unsigned)leat_rows_kind(rows, row) & 3];
}

static lt_str value_of(leat_rows *rows, uint32_t row, uint32_t column, leat_text_style style)
{
    size_t size = 0;
    const char *ptr = leat_rows_text(rows, row, column, style, &size);
    return (lt_str){ptr, ptr != NULL ? size : 0};
}

static const char *noun(uint64_t count)
{
    return count > 1 ? "rows" : "row";
}

/* ---- table, tableau ---- */

static void grid_row(lt_writer *self, leat_rows *rows, uint32_t row)
{
    leat_text_style style =
        self->options.format == LT_OUTPUT_TABLEAU ? LEAT_TEXT_SHELL : LEAT_TEXT_SQL;
    if (self->options.op) {
        lt_grid_cell(&self->grid, lt_str_of(kind_of(rows, row)));
    }
    for (uint32_t i = 0; i < self->column_count; i++) {
        lt_str value = value_of(rows, row, i, style);
        lt_grid_cell(&self->grid, value.ptr != NULL ? value : LT_STR(NULL_TEXT));
    }
    if (self->grid.fixed || lt_grid_waiting(&self->grid) >= ROWS_SEEN) {
        (void)lt_grid_print(&self->grid, &self->text);
    }
}

static void grid_settle(lt_writer *self)
{
    if (lt_grid_waiting(&self->grid) > 0) {
        (void)lt_grid_print(&self->grid, &self->text);
    }
}

static void table_finish(lt_writer *self)
{
    (void)lt_grid_print(&self->grid, &self->text);
    lt_text_printf(&self->text, "(%llu %s)\n", (unsigned long long)self->count,
                   self->count == 1 ? "row" : "rows");
}

/* Flink's streaming tableau: widths by type, the header before the first row. */
static void tableau_begin(lt_writer *self)
{
    if (self->options.op) {
        (void)lt_grid_print(&self->grid, &self->text);
    }
}

static void tableau_finish(lt_writer *self)
{
    unsigned long long count = (unsigned long long)self->count;
    if (!self->options.op && count == 0) {
        lt_text_puts(&self->text, "Empty set\n");
        return;
    }
    (void)lt_grid_print(&self->grid, &self->text);
    if (count > 0) {
        lt_grid_rule(&self->grid, &self->text);
    }
    lt_text_printf(&self->text,
                   self->options.op ? "Received a total of %llu %s\n" : "%llu %s in set\n", count,
                   noun(self->count));
}

static bool has_prefix(const char *type, const char *prefix)
{
    return strncmp(type, prefix, strlen(prefix)) == 0;
}

/* The n-th number in parentheses of a type's text, as 10 and 2 of DECIMAL(10, 2). */
static uint32_t type_parameter(const char *type, uint32_t fallback)
{
    const char *at = strchr(type, '(');
    uint32_t value = 0;
    if (at == NULL) {
        return fallback;
    }
    for (at++; *at >= '0' && *at <= '9' && value < 100000; at++) {
        value = value * 10 + (uint32_t)(*at - '0');
    }
    return value;
}

/* Flink's width by type of streaming results: digits and a sign. */
static uint32_t type_width(const char *type, uint32_t width_max)
{
    uint32_t width = width_max;
    if (has_prefix(type, "TINYINT")) {
        width = 4;
    } else if (has_prefix(type, "SMALLINT")) {
        width = 6;
    } else if (has_prefix(type, "INTERVAL")) {
        width = width_max;
    } else if (has_prefix(type, "INT")) {
        width = 11;
    } else if (has_prefix(type, "BIGINT")) {
        width = 20;
    } else if (has_prefix(type, "DECIMAL")) {
        width = type_parameter(type, 10) + 2;
    } else if (has_prefix(type, "BOOLEAN")) {
        width = 5;
    } else if (has_prefix(type, "DATE")) {
        width = 10;
    } else if (has_prefix(type, "TIMESTAMP")) {
        uint32_t precision = type_parameter(type, 6);
        width = 19 + (precision == 0 ? 0 : precision <= 3 ? 4 : precision <= 6 ? 7 : 10);
    } else if (has_prefix(type, "TIME")) {
        uint32_t precision = type_parameter(type, 0);
        width = precision == 0 ? 8 : precision + 9;
    }
    return LT_MAX(width, (uint32_t)strlen(NULL_TEXT));
}

static void grid_open(lt_writer *self)
{
    bool is_tableau = self->options.format == LT_OUTPUT_TABLEAU;
    uint32_t width_max = self->options.width_max > 0 ? self->options.width_max : WIDTH_MAX_DEFAULT;
    lt_grid_init(&self->grid, self->mem, is_tableau ? LT_GRID_TABLEAU : LT_GRID_PLAIN);
    self->grid.utf8 = self->options.utf8;
    self->grid.raw = is_tableau && self->options.raw;
    self->grid.width_max = is_tableau && !self->options.op ? width_max : 0;
    if (self->options.op) {
        lt_grid_column_add(&self->grid, "op", false, 0);
    }
    for (uint32_t i = 0; i < self->column_count; i++) {
        const leat_column *column = &self->columns[i];
        uint32_t width = is_tableau && self->options.op ? type_width(column->type, width_max) : 0;
        lt_grid_column_add(&self->grid, column->name, column->right_align, width);
    }
}

/* ---- csv, tsv ---- */

/* NULL is nothing, the empty string is "". */
static void csv_value(lt_text *to, lt_str value)
{
    bool quote = value.ptr != NULL && value.len == 0;
    for (size_t i = 0; i < value.len && !quote; i++) {
        char ch = value.ptr[i];
        quote = ch == ',' || ch == '"' || ch == '\n' || ch == '\r';
    }
    if (!quote) {
        lt_text_append(to, value.ptr, value.len);
        return;
    }
    lt_text_putc(to, '"');
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '"') {
            lt_text_putc(to, '"');
        }
        lt_text_putc(to, value.ptr[i]);
    }
    lt_text_putc(to, '"');
}

/* NULL is \N; tabs, line ends and backslashes are escaped, as in PostgreSQL's text format. */
static void tsv_value(lt_text *to, lt_str value)
{
    if (value.ptr == NULL) {
        lt_text_puts(to, "\\N");
        return;
    }
    for (size_t i = 0; i < value.len; i++) {
        char ch = value.ptr[i];
        if (ch == '\t' || ch == '\n' || ch == '\r' || ch == '\\') {
            lt_text_putc(to, '\\');
            ch = (char)(ch == '\t' ? 't' : ch == '\n' ? 'n' : ch == '\r' ? 'r' : ch);
        }
        lt_text_putc(to, ch);
    }
}

static void separated_value(lt_writer *self, bool is_first, lt_str value)
{
    if (self->options.format == LT_OUTPUT_CSV) {
        lt_text_puts(&self->text, is_first ? "" : ",");
        csv_value(&self->text, value);
    } else {
        lt_text_puts(&self->text, is_first ? "" : "\t");
        tsv_value(&self->text, value);
    }
}

static void separated_begin(lt_writer *self)
{
    if (self->options.op) {
        separated_value(self, true, LT_STR("op"));
    }
    for (uint32_t i = 0; i < self->column_count; i++) {
        separated_value(self, i == 0 && !self->options.op, lt_str_of(self->columns[i].name));
    }
    lt_text_putc(&self->text, '\n');
}

static void separated_row(lt_writer *self, leat_rows *rows, uint32_t row)
{
    if (self->options.op) {
        separated_value(self, true, lt_str_of(kind_of(rows, row)));
    }
    for (uint32_t i = 0; i < self->column_count; i++) {
        separated_value(self, i == 0 && !self->options.op, value_of(rows, row, i, LEAT_TEXT_SQL));
    }
    lt_text_putc(&self->text, '\n');
}

/* ---- json, jsonl ---- */

static void json_object(lt_writer *self, leat_rows *rows, uint32_t row)
{
    lt_text *to = &self->text;
    lt_text_putc(to, '{');
    if (self->options.op) {
        lt_text_printf(to, "\"op\":\"%s\"%s", kind_of(rows, row),
                       self->column_count > 0 ? "," : "");
    }
    for (uint32_t i = 0; i < self->column_count; i++) {
        lt_str value = value_of(rows, row, i, LEAT_TEXT_JSON);
        lt_text_puts(to, i > 0 ? "," : "");
        lt_text_append(to, self->keys[i].ptr, self->keys[i].len);
        lt_text_putc(to, ':');
        if (value.ptr != NULL) {
            lt_text_append(to, value.ptr, value.len);
        } else {
            lt_text_puts(to, "null");
        }
    }
    lt_text_putc(to, '}');
}

static void jsonl_row(lt_writer *self, leat_rows *rows, uint32_t row)
{
    json_object(self, rows, row);
    lt_text_putc(&self->text, '\n');
}

static void json_row(lt_writer *self, leat_rows *rows, uint32_t row)
{
    lt_text_puts(&self->text, self->count == 0 ? "[\n" : ",\n");
    json_object(self, rows, row);
}

static void json_finish(lt_writer *self)
{
    lt_text_puts(&self->text, self->count == 0 ? "[]\n" : "\n]\n");
}

/* ---- changelog, plain ---- */

static void changelog_row(lt_writer *self, leat_rows *rows, uint32_t row)
{
    lt_text_puts(&self->text, kind_of(rows, row));
    for (uint32_t i = 0; i < self->column_count; i++) {
        lt_str value = value_of(rows, row, i, LEAT_TEXT_JAVA);
        lt_text_puts(&self->text, i == 0 ? "[" : ", ");
        if (value.ptr != NULL) {
            lt_text_append(&self->text, value.ptr, value.len);
        } else {
            lt_text_puts(&self->text, "null");
        }
    }
    lt_text_puts(&self->text, "]\n");
}

static void plain_row(lt_writer *self, leat_rows *rows, uint32_t row)
{
    for (uint32_t i = 0; i < self->column_count; i++) {
        lt_str value = value_of(rows, row, i, LEAT_TEXT_SQL);
        bool has_end = value.len > 0 && value.ptr[value.len - 1] == '\n';
        lt_text_append(&self->text, value.ptr, value.len);
        lt_text_puts(&self->text, i + 1 < self->column_count ? "\t" : has_end ? "" : "\n");
    }
}

/* ---- the writer ---- */

static const format_class classes[] = {
    [LT_OUTPUT_TABLE] = {.row = grid_row, .settle = grid_settle, .finish = table_finish},
    [LT_OUTPUT_TABLEAU] = {.begin = tableau_begin,
                           .row = grid_row,
                           .settle = grid_settle,
                           .finish = tableau_finish},
    [LT_OUTPUT_CSV] = {.begin = separated_begin, .row = separated_row},
    [LT_OUTPUT_TSV] = {.begin = separated_begin, .row = separated_row},
    [LT_OUTPUT_JSON] = {.row = json_row, .finish = json_finish},
    [LT_OUTPUT_JSONL] = {.row = jsonl_row},
    [LT_OUTPUT_CHANGELOG] = {.row = changelog_row},
    [LT_OUTPUT_PLAIN] = {.row = plain_row},
};

bool lt_output_find(lt_str name, lt_output *out)
{
    static const char *const names[] = {"table", "tableau", "csv",      "tsv",
                                        "json",  "jsonl",   "changelog"};
    for (size_t i = 0; i < LT_COUNT_OF(names); i++) {
        if (lt_str_eq(name, lt_str_of(names[i]))) {
            *out = (lt_output)i;
            return true;
        }
    }
    return false;
}

static bool copy_columns(lt_writer *self, const leat_job *job)
{
    leat_column column;
    while (leat_job_column(job, self->column_count, &column)) {
        self->column_count++;
    }
    self->columns = LT_NEW_ARRAY(self->arena, leat_column, self->column_count + 1);
    self->keys = LT_NEW_ARRAY(self->arena, lt_str, self->column_count + 1);
    if (self->columns == NULL || self->keys == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < self->column_count && leat_job_column(job, i, &column); i++) {
        lt_text_clear(&self->text);
        lt_text_json(&self->text, lt_str_of(column.name));
        self->keys[i] = lt_arena_str(self->arena, lt_text_str(&self->text));
        self->columns[i] = column;
        self->columns[i].name = lt_arena_strndup(self->arena, column.name, strlen(column.name));
        self->columns[i].type = lt_arena_strndup(self->arena, column.type, strlen(column.type));
        if (self->keys[i].ptr == NULL || self->columns[i].name == NULL ||
            self->columns[i].type == NULL) {
            return false;
        }
    }
    lt_text_clear(&self->text);
    return !self->text.failed;
}

lt_status lt_writer_new(lt_mem *mem, const leat_job *job, const lt_writer_options *options,
                        lt_writer **out, lt_error *err)
{
    *out = NULL;
    lt_writer *self = lt_mem_zalloc(mem, sizeof *self);
    if (self == NULL) {
        return lt_error_nomem(err, "output");
    }
    self->mem = mem;
    self->options = *options;
    self->class = &classes[options->format];
    lt_text_init(&self->text, mem);
    self->arena = lt_arena_new(mem, NAMES_BYTES_MAX);
    if (self->arena == NULL || !copy_columns(self, job)) {
        lt_writer_free(self);
        return lt_error_nomem(err, "output");
    }
    grid_open(self);
    *out = self;
    return LT_OK;
}

void lt_writer_free(lt_writer *self)
{
    if (self == NULL) {
        return;
    }
    if (self->grid.mem != NULL) {
        lt_grid_deinit(&self->grid);
    }
    lt_arena_free(self->arena);
    lt_text_deinit(&self->text);
    lt_mem_free(self->mem, self, sizeof *self);
}

static lt_status judge(const lt_writer *self, lt_error *err)
{
    bool failed = self->text.failed || self->grid.failed || self->grid.kept.failed;
    return failed ? lt_error_nomem(err, "output") : LT_OK;
}

static void begin(lt_writer *self)
{
    if (!self->begun && self->class->begin != NULL) {
        self->class->begin(self);
    }
    self->begun = true;
}

/* Without `op` a row that takes another back would read as one more. */
static lt_status check_kind(const lt_writer *self, const leat_rows *rows, uint32_t row,
                            lt_error *err)
{
    bool shown = self->options.op || self->options.format == LT_OUTPUT_CHANGELOG;
    if (shown || leat_rows_kind(rows, row) == LEAT_INSERT) {
        return LT_OK;
    }
    (void)lt_error_set(err, LT_ERR_INTERNAL,
                       "the result holds a row of kind %s that this format cannot show",
                       kind_of(rows, row));
    lt_error_hint(err, "use -o changelog");
    return LT_ERR_INTERNAL;
}

lt_status lt_writer_rows(lt_writer *self, leat_rows *rows, uint32_t count, lt_error *err)
{
    begin(self);
    for (uint32_t row = 0; row < count; row++) {
        LT_TRY(check_kind(self, rows, row, err));
        self->class->row(self, rows, row);
        self->count++;
    }
    return judge(self, err);
}

lt_status lt_writer_settle(lt_writer *self, lt_error *err)
{
    if (self->class->settle != NULL) {
        self->class->settle(self);
    }
    return judge(self, err);
}

lt_status lt_writer_finish(lt_writer *self, lt_error *err)
{
    begin(self);
    if (self->class->finish != NULL) {
        self->class->finish(self);
    }
    return judge(self, err);
}

lt_text *lt_writer_text(lt_writer *self)
{
    return &self->text;
}

uint64_t lt_writer_count(const lt_writer *self)
{
    return self->count;
}
