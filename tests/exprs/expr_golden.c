/* Expressions that real Flink evaluated (golden*.jsonl, made by gen.py and Oracle.java), evaluated
 * again here and compared: the type, the text of the value of every row of table.json, which rows
 * fail, and what is refused when planned.
 *
 *   expr_golden DIR            the test: exactly the expressions of known-differences.txt may
 * differ expr_golden DIR --all      prints every difference, listed or not expr_golden DIR --update
 * rewrites known-differences.txt: new ones with the reason "?"
 *
 * A view of the table's types binds the expression; the table itself is a batch. Values of DOUBLE
 * and FLOAT are compared as numbers, since the JVM's text of them is not always the shortest, MAPs
 * without regard to order. Flink writes bytes as x'hex' here, and calls every TIME(p) TIME(0). */
#include <stdio.h>
#include <stdlib.h>

#include "bind/bind.h"
#include "expr/jsontree.h"
#include "expr/program.h"
#include "sql/parse.h"

#define COLS_MAX     80
#define ROWS_MAX     64
#define PROGRAMS_MAX 4

typedef struct {
    lt_mem mem;
    lt_env *env;
    lt_catalog *catalog;
    lt_arena *arena; /* of the table and the files */
    lt_arena *work;  /* of one expression */
    lt_json *table;
    lt_col cols[COLS_MAX];
    lt_batch batch;
    lt_program *programs[PROGRAMS_MAX]; /* in use for one expression */
    uint32_t program_count;
    lt_text why; /* of the last difference */
    const char *dir;
} test;

/* An expression that may differ, with its reason. */
typedef struct {
    lt_str text, reason;
    bool used;
} known;

typedef struct {
    known *items;
    uint32_t count, cap;
} known_list;

static void die(const char *what, const char *detail)
{
    fprintf(stderr, "expr_golden: %s: %s\n", what, detail);
    exit(2);
}

static lt_str read_file(test *t, const char *name, bool must)
{
    const char *path = lt_arena_printf(t->arena, "%s/%s", t->dir, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        if (must) {
            die("cannot open", path);
        }
        return (lt_str){NULL, 0};
    }
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    char *bytes = lt_arena_alloc(t->arena, size + 1, 1);
    if (bytes == NULL || fread(bytes, 1, size, file) != size) {
        die("cannot read", path);
    }
    fclose(file);
    return (lt_str){bytes, size};
}

static lt_json *member(const lt_json *object, const char *key)
{
    for (lt_json *item = object->first; item != NULL; item = item->next) {
        if (lt_str_eq(item->key, lt_str_of(key))) {
            return item;
        }
    }
    return NULL;
}

static lt_json *item_at(const lt_json *array, uint32_t index)
{
    lt_json *item = array->first;
    for (uint32_t i = 0; i < index && item != NULL; i++) {
        item = item->next;
    }
    return item;
}

static lt_json *parse_json(test *t, lt_str text, lt_arena *arena)
{
    bool nomem = false;
    lt_json *value = lt_json_parse(text, arena, &nomem);
    if (value == NULL) {
        die("not JSON", lt_arena_strndup(t->arena, text.ptr, text.len));
    }
    return value;
}

/* Parses and binds a statement. */
static lt_status bind(test *t, const char *sql, lt_arena *arena, lt_bound *out, lt_error *err)
{
    lt_ast_stmt *stmt = NULL;
    lt_status st = lt_sql_parse_statement(&stmt, arena, lt_str_of(sql), err);
    return st == LT_OK ? lt_bind_statement(t->catalog, stmt, lt_str_of(sql), NULL, arena, out, err)
                       : st;
}

static void must_bind(test *t, const char *sql, lt_bound *out)
{
    lt_error err = {0};
    if (bind(t, sql, t->arena, out, &err) != LT_OK) {
        die(err.text, sql);
    }
}

/* A view whose columns have the table's types. */
static void create_view(test *t)
{
    lt_text sql;
    lt_bound out;
    lt_text_init(&sql, &t->mem);
    lt_text_puts(&sql, "CREATE VIEW t AS SELECT ");
    const lt_json *columns = member(t->table, "columns");
    for (lt_json *c = columns->first; c != NULL; c = c->next) {
        bool not_null = c->count > 3;
        lt_str cell = not_null ? item_at(c, 2)->first->text : LT_STR("NULL");
        lt_text_printf(&sql, "%sCAST(" LT_STR_FMT " AS " LT_STR_FMT ") AS " LT_STR_FMT,
                       c == columns->first ? "" : ", ", LT_STR_ARG(cell),
                       LT_STR_ARG(item_at(c, 1)->text), LT_STR_ARG(item_at(c, 0)->text));
    }
    must_bind(t, sql.ptr, &out);
    must_bind(t, "CREATE VIEW z AS SELECT CAST('' AS STRING) AS z", &out);
    lt_text_deinit(&sql);
}

static void eval(test *t, lt_expr **expr, const lt_batch *in, lt_arena *arena, lt_col *out,
                 lt_row_errors *errors)
{
    lt_program *program = NULL;
    lt_error err = {0};
    const lt_session *session = lt_catalog_session(t->catalog);
    if (lt_program_new(&t->mem, session, expr, 1, &program, &err) != LT_OK ||
        lt_program_eval(program, in, 0, arena, out, errors, &err) != LT_OK) {
        die("evaluation", err.text);
    }
    /* Constants of a result live as long as its program. */
    LT_ASSERT(t->program_count < PROGRAMS_MAX);
    t->programs[t->program_count++] = program;
}

static void free_programs(test *t)
{
    while (t->program_count > 0) {
        lt_program_free(t->programs[--t->program_count]);
    }
}

/* What `SELECT CAST(cell AS type) FROM z` gives. */
static void cell_value(test *t, lt_str cell, lt_str type, lt_value *out)
{
    static lt_strv empty[64];
    lt_bound bound;
    lt_row_errors errors;
    lt_col z = {.phys = LT_PHYS_STR, .data = empty}, result;
    const char *sql =
        lt_arena_printf(t->arena, "SELECT CAST(" LT_STR_FMT " AS " LT_STR_FMT ") AS x FROM z",
                        LT_STR_ARG(cell), LT_STR_ARG(type));
    must_bind(t, sql, &bound);
    z.type = lt_type_sized(t->arena, LT_TYPE_VARCHAR, LT_LENGTH_MAX, false);
    lt_batch one = {.row_count = 1, .row_cap = 64, .col_count = 1, .cols = &z};
    eval(t, bound.rels[0]->u.project.exprs, &one, t->arena, &result, &errors);
    if (errors.count > 0 || !lt_value_load(out, &result, 0, true, t->arena)) {
        die(errors.text, sql);
    }
    free_programs(t);
}

static void load_table(test *t)
{
    lt_bound out;
    lt_error err = {0};
    t->table = parse_json(t, read_file(t, "table.json", true), t->arena);
    if (lt_catalog_set(t->catalog, LT_STR("table.local-time-zone"), member(t->table, "zone")->text,
                       &err) != LT_OK) {
        die("time zone", err.text);
    }
    create_view(t);
    must_bind(t, "SELECT * FROM t", &out);
    const lt_schema *schema = out.rels[0]->schema;
    const lt_json *columns = member(t->table, "columns");
    t->batch.col_count = columns->count;
    t->batch.row_count = t->batch.row_cap = item_at(columns->first, 2)->count;
    t->batch.cols = t->cols;
    t->batch.schema = schema;
    if (columns->count > COLS_MAX || t->batch.row_count > ROWS_MAX) {
        die("table.json", "too large");
    }
    uint32_t index = 0;
    for (lt_json *c = columns->first; c != NULL; c = c->next, index++) {
        if (!lt_col_init(&t->cols[index], schema->fields[index].type, ROWS_MAX, t->arena)) {
            die("memory", "table");
        }
        uint32_t row = 0;
        for (lt_json *cell = item_at(c, 2)->first; cell != NULL; cell = cell->next, row++) {
            lt_value value;
            cell_value(t, cell->text, item_at(c, 1)->text, &value);
            if (!lt_value_store(&value, &t->cols[index], row, ROWS_MAX, t->arena)) {
                die("memory", "table");
            }
        }
    }
}

/* ---- comparing ---- */

static int by_byte(const void *a, const void *b)
{
    return (int)*(const unsigned char *)a - (int)*(const unsigned char *)b;
}

/* Do two texts consist of the same bytes? Enough for entries in another order. */
static bool same_bytes(test *t, lt_str a, lt_str b)
{
    if (a.len != b.len) {
        return false;
    }
    char *x = lt_arena_strndup(t->work, a.ptr, a.len), *y = lt_arena_strndup(t->work, b.ptr, b.len);
    qsort(x, a.len, 1, by_byte);
    qsort(y, b.len, 1, by_byte);
    return memcmp(x, y, a.len) == 0;
}

/* x'hex' as the bytes themselves. */
static lt_str without_hex(test *t, lt_str text)
{
    char *out = lt_arena_alloc(t->work, text.len + 1, 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned byte;
        int used = 0;
        if (text.ptr[i] != 'x' || i + 1 >= text.len || text.ptr[i + 1] != '\'') {
            out[len++] = text.ptr[i];
            continue;
        }
        i += 2;
        while (sscanf(text.ptr + i, "%2x%n", &byte, &used) == 1) {
            out[len++] = (char)byte;
            i += 2;
        }
    }
    return (lt_str){out, len};
}

static bool has_text(lt_str text, const char *part)
{
    size_t len = strlen(part);
    for (size_t i = 0; i + len <= text.len; i++) {
        if (memcmp(text.ptr + i, part, len) == 0) {
            return true;
        }
    }
    return false;
}

/* The same type, but for the precision of TIME. */
static bool same_type(lt_str got, lt_str want)
{
    if (got.len != want.len) {
        return false;
    }
    for (size_t i = 0; i < got.len; i++) {
        bool digit = i >= 5 && memcmp(got.ptr + i - 5, "TIME(", 5) == 0;
        if (got.ptr[i] != want.ptr[i] && !digit) {
            return false;
        }
    }
    return true;
}

static bool same_ascii(lt_str a, lt_str b)
{
    size_t i = 0, j = 0;
    while (true) {
        while (i < a.len && (unsigned char)a.ptr[i] >= 0x80) {
            i++;
        }
        while (j < b.len && (unsigned char)b.ptr[j] >= 0x80) {
            j++;
        }
        if (i == a.len || j == b.len || a.ptr[i] != b.ptr[j]) {
            return i == a.len && j == b.len;
        }
        i++;
        j++;
    }
}

static bool same_text(test *t, lt_str want, lt_str got, const lt_type *type, bool unordered)
{
    if (lt_str_eq(want, got)) {
        return true;
    }
    double a, b;
    if (type->kind == LT_TYPE_DOUBLE || type->kind == LT_TYPE_FLOAT) {
        if (lt_str_to_f64(want, &a) && lt_str_to_f64(got, &b)) {
            return type->kind == LT_TYPE_FLOAT ? (float)a == (float)b : a == b;
        }
    }
    if (has_text(want, "x'") && lt_str_eq(without_hex(t, want), got)) {
        return true;
    }
    if (has_text(want, "\xef\xbf\xbd")) {
        /* Bytes that are not UTF-8 stay what they are in leat and are replaced when Flink prints.
         */
        return same_ascii(want, got);
    }
    return unordered && same_bytes(t, want, got);
}

static size_t put_hex(char *to, lt_str bytes)
{
    static const char digits[] = "0123456789abcdef";
    size_t len = 0;
    to[len++] = 'x';
    to[len++] = '\'';
    for (size_t i = 0; i < bytes.len; i++) {
        to[len++] = digits[(unsigned char)bytes.ptr[i] >> 4];
        to[len++] = digits[bytes.ptr[i] & 15];
    }
    to[len++] = '\'';
    return len;
}

/* Bytes as Flink prints them, x'hex'. */
static void hex_of(test *t, const lt_col *values, const lt_batch *in, lt_col *out)
{
    if (!lt_col_init(out, values->type, ROWS_MAX, t->work)) {
        die("memory", "text");
    }
    out->valid = values->valid;
    for (uint32_t i = 0; i < in->sel_count; i++) {
        uint32_t row = in->sel[i];
        if (lt_col_is_null(values, row)) {
            continue;
        }
        lt_str bytes = lt_strv_str(&LT_COL_DATA(values, lt_strv)[row]);
        char *text = lt_arena_alloc(t->work, bytes.len * 2 + 4, 1);
        size_t len = put_hex(text, bytes);
        LT_COL_DATA(out, lt_strv)[row] = lt_strv_make(text, len);
    }
}

/* The text of every value, as CAST(x AS STRING) gives it. */
static void texts_of(test *t, const lt_col *values, const lt_row_errors *failed, lt_col *out)
{
    lt_error err = {0};
    lt_expr *ref = NULL, *text = NULL;
    lt_row_errors errors;
    uint32_t sel[ROWS_MAX];
    lt_col copy = *values;
    lt_expr_builder b = {.arena = t->work, .session = lt_catalog_session(t->catalog)};
    const lt_type *string = lt_type_sized(t->work, LT_TYPE_VARCHAR, LT_LENGTH_MAX, true);
    const lt_type *type = lt_type_with_nullable(t->work, values->type, true);
    if (lt_expr_column(&b, 0, type, 0, &ref, &err) != LT_OK ||
        lt_expr_cast(&b, ref, string, false, 0, &text, &err) != LT_OK) {
        die("text", err.text);
    }
    lt_batch one = t->batch;
    one.col_count = 1;
    one.cols = &copy;
    one.sel = sel;
    for (uint32_t row = 0; row < one.row_count; row++) {
        if (failed->rows == NULL || !lt_bit_get(failed->rows, row)) {
            sel[one.sel_count++] = row;
        }
    }
    if (lt_type_is_binary(values->type)) {
        hex_of(t, values, &one, out);
        return;
    }
    eval(t, &text, &one, t->work, out, &errors);
    if (errors.count > 0) {
        die("text", errors.text);
    }
}

static lt_str type_text(test *t, const lt_type *type)
{
    lt_text text;
    lt_text_init(&text, &t->mem);
    lt_type_print(type, &text);
    lt_str copy = lt_arena_str(t->work, (lt_str){text.ptr, text.len});
    lt_text_deinit(&text);
    return copy;
}

/* One row: want is a string, null, false for a row that fails, or true for anything. */
static bool same_row(test *t, const lt_json *want, uint32_t row, const lt_row_errors *errors,
                     const lt_col *texts, const lt_type *type, bool unordered)
{
    bool failed = errors->rows != NULL && lt_bit_get(errors->rows, row);
    if (want->kind == LT_JSON_TRUE) {
        return true; /* Flink itself broke */
    }
    if (want->kind == LT_JSON_FALSE || failed) {
        if ((want->kind == LT_JSON_FALSE) == failed) {
            return true;
        }
        lt_text_printf(&t->why, "row %u: %s, not " LT_STR_FMT, row,
                       failed ? errors->text : "no error", failed ? (int)want->text.len : 5,
                       failed ? want->text.ptr : "error");
        return false;
    }
    bool null = lt_col_is_null(texts, row);
    lt_str got = null ? LT_STR("NULL") : lt_strv_str(&LT_COL_DATA(texts, lt_strv)[row]);
    if (null == (want->kind == LT_JSON_NULL) &&
        (null || same_text(t, want->text, got, type, unordered))) {
        return true;
    }
    lt_str wanted = want->kind == LT_JSON_NULL ? LT_STR("NULL") : want->text;
    lt_text_printf(&t->why, "row %u: [" LT_STR_FMT "], not [" LT_STR_FMT "]", row, LT_STR_ARG(got),
                   LT_STR_ARG(wanted));
    return false;
}

static bool has_null(const lt_json *line)
{
    for (lt_json *item = member(line, "v")->first; item != NULL; item = item->next) {
        if (item->kind == LT_JSON_NULL) {
            return true;
        }
    }
    return false;
}

static bool same_values(test *t, const lt_json *line, lt_expr *expr, const lt_type *type)
{
    lt_col values, texts;
    lt_row_errors errors;
    lt_str text = member(line, "e")->text;
    bool unordered = has_text(text, "MAP") || has_text(text, "c_m");
    lt_str got = type_text(t, type), want = member(line, "t")->text;
    if (has_null(line) && has_text(want, " NOT NULL") && type->nullable) {
        /* Flink gives NULL where the type says NOT NULL (decimal overflow); leat's type says so. */
        want.len = got.len < want.len ? want.len - strlen(" NOT NULL") : want.len;
    }
    if (!same_type(got, want)) {
        lt_text_printf(&t->why, "type " LT_STR_FMT ", not " LT_STR_FMT, LT_STR_ARG(got),
                       LT_STR_ARG(want));
        return false;
    }
    eval(t, &expr, &t->batch, t->work, &values, &errors);
    texts_of(t, &values, &errors, &texts);
    const lt_json *list = member(line, "v"), *item = list->first;
    for (uint32_t row = 0; row < t->batch.row_count; row++) {
        if (!same_row(t, item, row, &errors, &texts, type, unordered)) {
            return false;
        }
        item = list->count == 1 ? item : item->next; /* one stands for all rows */
    }
    return true;
}

/* Is the expression what Flink says? Else t->why says how it differs. */
static bool same(test *t, const lt_json *line)
{
    lt_bound out;
    lt_error err = {0};
    lt_str text = member(line, "e")->text;
    bool refused = member(line, "x") != NULL;
    lt_text_clear(&t->why);
    const char *sql =
        lt_arena_printf(t->work, "SELECT " LT_STR_FMT " AS x FROM t", LT_STR_ARG(text));
    lt_status st = bind(t, sql, t->work, &out, &err);
    if (st != LT_OK) {
        if (!refused) {
            lt_text_printf(&t->why, "refused: %.150s", err.text);
        }
        return refused;
    }
    if (refused) {
        lt_str message = member(line, "x")->text;
        lt_text_printf(&t->why, "accepted, Flink: " LT_STR_FMT, LT_STR_ARG(message));
        return false;
    }
    LT_ASSERT(out.rels[0]->kind == LT_REL_PROJECT);
    LT_ASSERT(out.rels[0]->inputs[0]->schema->count == t->batch.col_count);
    return same_values(t, line, out.rels[0]->u.project.exprs[0],
                       out.rels[0]->schema->fields[0].type);
}

/* ---- what is known to differ ---- */

static bool next_line(lt_str *rest, lt_str *line)
{
    if (rest->len == 0) {
        return false;
    }
    const char *end = memchr(rest->ptr, '\n', rest->len);
    line->ptr = rest->ptr;
    line->len = end == NULL ? rest->len : (size_t)(end - rest->ptr);
    size_t used = line->len + (end != NULL);
    rest->ptr += used;
    rest->len -= used;
    return true;
}

static void add_known(test *t, known_list *list, lt_str text, lt_str reason)
{
    if (list->count == list->cap) {
        uint32_t cap = list->cap == 0 ? 256 : list->cap * 2;
        known *items = LT_NEW_ARRAY(t->arena, known, cap);
        if (items == NULL) {
            die("memory", "known differences");
        }
        if (list->count > 0) {
            memcpy(items, list->items, list->count * sizeof *items);
        }
        list->items = items;
        list->cap = cap;
    }
    list->items[list->count++] = (known){.text = text, .reason = reason};
}

static known *find_known(known_list *list, lt_str text)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (lt_str_eq(list->items[i].text, text)) {
            return &list->items[i];
        }
    }
    return NULL;
}

static void load_known(test *t, known_list *list)
{
    lt_str rest = read_file(t, "known-differences.txt", false), line;
    while (next_line(&rest, &line)) {
        const char *tab =
            line.len > 0 && line.ptr[0] != '#' ? memchr(line.ptr, '\t', line.len) : NULL;
        if (tab != NULL) {
            size_t at = (size_t)(tab - line.ptr);
            add_known(t, list, (lt_str){tab + 1, line.len - at - 1}, (lt_str){line.ptr, at});
        }
    }
}

static void save_known(test *t, const known_list *list)
{
    FILE *file = fopen(lt_arena_printf(t->arena, "%s/known-differences.txt", t->dir), "wb");
    if (file == NULL) {
        die("cannot write", "known-differences.txt");
    }
    fprintf(file, "# Expressions that differ from Flink: reason, tab, expression. Reasons are "
                  "explained in README.md."
                  " This list only shrinks.\n");
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->items[i].used) {
            fprintf(file, LT_STR_FMT "\t" LT_STR_FMT "\n", LT_STR_ARG(list->items[i].reason),
                    LT_STR_ARG(list->items[i].text));
        }
    }
    fclose(file);
}

/* ---- the whole ---- */

typedef struct {
    bool all, update;
    uint32_t lines, differ, wrong;
} tally;

static void run_file(test *t, const char *name, known_list *list, tally *sum)
{
    lt_str rest = read_file(t, name, true), text;
    while (next_line(&rest, &text)) {
        lt_json *line = parse_json(t, text, t->work);
        lt_str expr = member(line, "e")->text;
        bool equal = same(t, line);
        known *entry = find_known(list, expr);
        sum->lines++;
        sum->differ += !equal;
        if (!equal && (sum->all || (entry == NULL && !sum->update))) {
            printf("%s\t" LT_STR_FMT "\n\t%s\n", entry == NULL ? "DIFFERS" : "known",
                   LT_STR_ARG(expr), t->why.ptr);
        }
        if (equal && entry != NULL && !sum->update) {
            printf("EQUAL BUT LISTED\t" LT_STR_FMT "\n", LT_STR_ARG(expr));
        }
        sum->wrong += equal == (entry != NULL);
        if (entry != NULL) {
            entry->used = !equal;
        } else if (!equal && sum->update) {
            add_known(t, list, lt_arena_str(t->arena, expr), LT_STR("?"));
            list->items[list->count - 1].used = true;
        }
        free_programs(t);
        lt_arena_reset(t->work, (size_t)1 << 20);
    }
}

int main(int argc, char **argv)
{
    test t = {.dir = argc > 1 ? argv[1] : "."};
    known_list list = {0};
    tally sum = {.all = argc > 2 && strcmp(argv[2], "--all") == 0,
                 .update = argc > 2 && strcmp(argv[2], "--update") == 0};
    lt_mem_init(&t.mem, NULL, "expr_golden", 0);
    t.env = lt_env_real_new(&t.mem);
    t.catalog = lt_catalog_new(&t.mem, t.env);
    t.arena = lt_arena_new(&t.mem, (size_t)1 << 30);
    t.work = lt_arena_new(&t.mem, (size_t)1 << 30);
    lt_text_init(&t.why, &t.mem);
    load_table(&t);
    load_known(&t, &list);
    lt_str rest = read_file(&t, "golden.list", true), name;
    while (next_line(&rest, &name)) {
        run_file(&t, lt_arena_strndup(t.arena, name.ptr, name.len), &list, &sum);
    }
    if (sum.update) {
        save_known(&t, &list);
    }
    printf("%u expressions on %u rows: %u differ (%.2f %% equal), %u of them listed\n", sum.lines,
           t.batch.row_count, sum.differ, 100.0 * (sum.lines - sum.differ) / sum.lines, list.count);
    lt_text_deinit(&t.why);
    lt_arena_free(t.work);
    lt_arena_free(t.arena);
    lt_catalog_free(t.catalog);
    lt_env_real_free(t.env);
    lt_mem_deinit(&t.mem);
    return sum.wrong > 0 && !sum.update && !sum.all;
}
