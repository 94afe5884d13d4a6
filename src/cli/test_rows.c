/* Rows as text, both ways. A value is CAST(x AS STRING); NULL is NULL, an empty string (empty), and
 * a text that could be taken for something else (two blanks, a quote in front, NULL ..) stands in
 * double quotes as in JSON. */
#include "cli/test_int.h"

#include <stdlib.h>

/* ---- out ---- */

static bool needs_quotes(lt_str value)
{
    static const char *const taken[] = {"NULL", "(empty)", "+I", "-U", "+U", "-D", "----"};
    for (size_t i = 0; i < LT_COUNT_OF(taken); i++) {
        if (lt_str_eq(value, lt_str_of(taken[i]))) {
            return true;
        }
    }
    if (value.ptr[0] == '"' || value.ptr[0] == '#' || value.ptr[0] == ' ' ||
        value.ptr[value.len - 1] == ' ') {
        return true;
    }
    for (size_t i = 0; i < value.len; i++) {
        unsigned char ch = (unsigned char)value.ptr[i];
        if (ch < ' ' || (ch == ' ' && i + 1 < value.len && value.ptr[i + 1] == ' ')) {
            return true;
        }
    }
    return false;
}

void lt_test_row_text(leat_rows *rows, uint32_t row, uint32_t width, lt_text *to)
{
    for (uint32_t c = 0; c < width; c++) {
        size_t size = 0;
        const char *ptr = leat_rows_text(rows, row, c, LEAT_TEXT_SQL, &size);
        lt_str value = {ptr, size};
        lt_text_puts(to, c > 0 ? "  " : "");
        if (ptr == NULL) {
            lt_text_puts(to, "NULL");
        } else if (size == 0) {
            lt_text_puts(to, "(empty)");
        } else if (needs_quotes(value)) {
            lt_text_json(to, value);
        } else {
            lt_text_append(to, ptr, size);
        }
    }
}

void lt_test_fold(lt_test_rows *rows)
{
    size_t kept = 0;
    for (size_t i = 0; i < rows->count; i++) {
        lt_test_row row = rows->items[i];
        if (row.kind == LEAT_INSERT || row.kind == LEAT_UPDATE_AFTER) {
            row.kind = LEAT_INSERT;
            rows->items[kept++] = row;
            continue;
        }
        size_t at = 0;
        while (at < kept && (rows->items[at].kind != LEAT_INSERT ||
                             !lt_str_eq(rows->items[at].text, row.text))) {
            at++;
        }
        if (at == kept) {
            rows->items[kept++] = row; /* a retraction of nothing stays visible */
            continue;
        }
        memmove(rows->items + at, rows->items + at + 1, (kept - at - 1) * sizeof *rows->items);
        kept--;
    }
    rows->count = kept;
}

/* ---- in ---- */

leat_kind lt_test_take_kind(lt_str *line)
{
    static const char *const kinds[] = {[LEAT_INSERT] = "+I",
                                        [LEAT_UPDATE_BEFORE] = "-U",
                                        [LEAT_UPDATE_AFTER] = "+U",
                                        [LEAT_DELETE] = "-D"};
    for (size_t i = 0; i < LT_COUNT_OF(kinds); i++) {
        bool starts = lt_str_starts(*line, lt_str_of(kinds[i]));
        if (starts && line->len > 2 && (line->ptr[2] == ' ' || line->ptr[2] == '\t')) {
            *line = lt_str_trim((lt_str){line->ptr + 2, line->len - 2});
            return (leat_kind)i;
        }
    }
    return LEAT_INSERT;
}

/* The next value of a line: up to two blanks or a tab; a value in double quotes as a whole. */
static bool take_value(lt_str *rest, lt_str *value)
{
    *rest = lt_str_trim(*rest);
    if (rest->len == 0) {
        return false;
    }
    size_t len = 0;
    if (rest->ptr[0] == '"') {
        len = 1;
        while (len < rest->len && rest->ptr[len] != '"') {
            len += rest->ptr[len] == '\\' ? 2 : 1;
        }
        len = LT_MIN(len + 1, rest->len);
    } else {
        while (len < rest->len && rest->ptr[len] != '\t' &&
               !(rest->ptr[len] == ' ' && len + 1 < rest->len && rest->ptr[len + 1] == ' ')) {
            len++;
        }
    }
    *value = (lt_str){rest->ptr, len};
    *rest = (lt_str){rest->ptr + len, rest->len - len};
    return true;
}

static bool starts_with_word(lt_str type, const char *word)
{
    lt_str prefix = lt_str_of(word);
    return type.len >= prefix.len && lt_str_eq_ci((lt_str){type.ptr, prefix.len}, prefix);
}

static bool is_nested(lt_str type)
{
    return starts_with_word(type, "ARRAY") || starts_with_word(type, "MAP") ||
           starts_with_word(type, "ROW") || starts_with_word(type, "STRUCTURED") ||
           starts_with_word(type, "MULTISET");
}

static bool is_number(lt_str type)
{
    static const char *const names[] = {"TINYINT", "SMALLINT", "INT",    "BIGINT",
                                        "FLOAT",   "DOUBLE",   "DECIMAL"};
    for (size_t i = 0; i < LT_COUNT_OF(names); i++) {
        if (starts_with_word(type, names[i])) {
            return true;
        }
    }
    return false;
}

static bool is_plain_number(lt_str value)
{
    size_t i = value.len > 0 && value.ptr[0] == '-' ? 1 : 0;
    bool digits = i < value.len && value.ptr[i] >= '0' && value.ptr[i] <= '9';
    double number;
    return digits &&
           !(value.ptr[i] == '0' && i + 1 < value.len && value.ptr[i + 1] >= '0' &&
             value.ptr[i + 1] <= '9') &&
           value.ptr[value.len - 1] != '.' && lt_str_to_f64(value, &number);
}

static void put_value(lt_text *to, lt_str type, lt_str value)
{
    bool quoted = value.ptr[0] == '"' && value.len > 1 && value.ptr[value.len - 1] == '"';
    bool is_bool = lt_str_eq_ci(value, LT_STR("true")) || lt_str_eq_ci(value, LT_STR("false"));
    if (lt_str_eq(value, LT_STR("NULL"))) {
        lt_text_puts(to, "null");
    } else if (quoted || is_nested(type) || (is_number(type) && is_plain_number(value))) {
        lt_text_append(to, value.ptr, value.len);
    } else if (lt_str_eq(value, LT_STR("(empty)"))) {
        lt_text_puts(to, "\"\"");
    } else if (starts_with_word(type, "BOOLEAN") && is_bool) {
        lt_text_puts(to, lt_str_eq_ci(value, LT_STR("true")) ? "true" : "false");
    } else if (starts_with_word(type, "TIMESTAMP_LTZ") && value.ptr[value.len - 1] != 'Z') {
        /* The json format wants the zone written; times of test files are UTC. */
        lt_text_printf(to, "\"" LT_STR_FMT "Z\"", LT_STR_ARG(value));
    } else {
        lt_text_json(to, value);
    }
}

static bool find_column(const lt_test_table *table, lt_str name, uint32_t *out)
{
    for (*out = 0; *out < table->count; (*out)++) {
        if (lt_str_eq(table->names[*out], name)) {
            return true;
        }
    }
    return false;
}

lt_status lt_test_record(const lt_test_table *table, const lt_test_lines *columns, lt_str line,
                         lt_text *to, leat_kind *kind, lt_error *err)
{
    lt_str rest = lt_str_trim(line);
    *kind = lt_test_take_kind(&rest);
    uint32_t wanted = columns->count > 0 ? (uint32_t)columns->count : table->count;
    lt_str value;
    uint32_t given = 0;
    lt_text_putc(to, '{');
    while (take_value(&rest, &value)) {
        uint32_t at = given;
        if (given == wanted) {
            return lt_error_set(
                err, LT_ERR_USAGE,
                "more than %u values (they are separated by two blanks): " LT_STR_FMT, wanted,
                LT_STR_ARG(line));
        }
        if (columns->count > 0 && !find_column(table, columns->items[given], &at)) {
            return lt_error_set(err, LT_ERR_USAGE, "there is no column " LT_STR_FMT,
                                LT_STR_ARG(columns->items[given]));
        }
        lt_text_puts(to, given > 0 ? "," : "");
        lt_text_json(to, table->names[at]);
        lt_text_putc(to, ':');
        put_value(to, table->types[at], value);
        given++;
    }
    lt_text_puts(to, "}\n");
    if (given < wanted) {
        return lt_error_set(err, LT_ERR_USAGE,
                            "%u values for %u columns (two blanks separate values): " LT_STR_FMT,
                            given, wanted, LT_STR_ARG(line));
    }
    return LT_OK;
}

/* ---- comparing ---- */

static int compare_lines(const void *a, const void *b)
{
    return lt_str_cmp(*(const lt_str *)a, *(const lt_str *)b);
}

void lt_test_sort(lt_str *lines, uint32_t count)
{
    if (count > 1) {
        qsort(lines, count, sizeof *lines, compare_lines);
    }
}

/* Values separated by exactly two blanks, behind the `len` bytes that are there. */
static size_t put_values(char *text, size_t len, lt_str rest)
{
    lt_str value;
    while (take_value(&rest, &value)) {
        if (len > 0) {
            memcpy(text + len, "  ", 2);
            len += 2;
        }
        memcpy(text + len, value.ptr, value.len);
        len += value.len;
    }
    return len;
}

static lt_status normalise(lt_arena *arena, lt_str line, lt_str *out, lt_error *err)
{
    char *text = lt_arena_alloc(arena, line.len * 2 + 8, 1);
    if (text == NULL) {
        return lt_error_nomem(err, "rows");
    }
    lt_str rest = lt_str_trim(line);
    lt_str head = rest;
    (void)lt_test_take_kind(&rest);
    size_t len = 0;
    if (rest.ptr != head.ptr) {
        memcpy(text, head.ptr, 2);
        len = 2;
    }
    *out = (lt_str){text, put_values(text, len, rest)};
    return LT_OK;
}

lt_status lt_test_parse_row(lt_arena *arena, lt_str line, lt_test_row *out, lt_error *err)
{
    char *text = lt_arena_alloc(arena, line.len * 2 + 8, 1);
    if (text == NULL) {
        return lt_error_nomem(err, "rows");
    }
    lt_str rest = lt_str_trim(line);
    out->kind = lt_test_take_kind(&rest);
    out->text = (lt_str){text, put_values(text, 0, rest)};
    return LT_OK;
}

typedef struct {
    lt_str line;
    lt_str key;
    uint32_t at;
} keyed_line;

static int compare_keyed(const void *a, const void *b)
{
    const keyed_line *left = a;
    const keyed_line *right = b;
    int order = lt_str_cmp(left->key, right->key);
    return order != 0 ? order : (left->at > right->at) - (left->at < right->at);
}

/* Its key's columns; without any, the whole line with its kind. */
static lt_status key_of(lt_arena *arena, lt_str line, uint64_t columns, lt_str *out, lt_error *err)
{
    if (columns == 0) {
        *out = line;
        return LT_OK;
    }
    char *text = lt_arena_alloc(arena, line.len * 2 + 8, 1);
    if (text == NULL) {
        return lt_error_nomem(err, "rows");
    }
    size_t len = 0;
    lt_str value;
    lt_str rest = line;
    (void)lt_test_take_kind(&rest);
    for (uint32_t c = 0; take_value(&rest, &value); c++) {
        if (c < 64 && (columns >> c & 1) != 0) {
            memcpy(text + len, value.ptr, value.len);
            len += value.len;
            text[len++] = '\t';
        }
    }
    *out = (lt_str){text, len};
    return LT_OK;
}

/* Rows of one key stand together, in the order in which they came. */
static lt_status order_by_key(lt_arena *arena, uint64_t columns, lt_str *lines, uint32_t count,
                              lt_error *err)
{
    keyed_line *keyed = LT_NEW_ARRAY(arena, keyed_line, count + 1);
    if (keyed == NULL) {
        return lt_error_nomem(err, "rows");
    }
    for (uint32_t i = 0; i < count; i++) {
        keyed[i] = (keyed_line){.line = lines[i], .at = i};
        LT_TRY(key_of(arena, lines[i], columns, &keyed[i].key, err));
    }
    if (count > 1) {
        qsort(keyed, count, sizeof *keyed, compare_keyed);
    }
    for (uint32_t i = 0; i < count; i++) {
        lines[i] = keyed[i].line;
    }
    return LT_OK;
}

static lt_status prepare(lt_arena *arena, const lt_test_compare *cmp, const lt_str *lines,
                         uint32_t count, lt_str **out, lt_error *err)
{
    *out = LT_NEW_ARRAY(arena, lt_str, count + 1);
    if (*out == NULL) {
        return lt_error_nomem(err, "rows");
    }
    for (uint32_t i = 0; i < count; i++) {
        (*out)[i] = lines[i];
        if (cmp->columns) {
            LT_TRY(normalise(arena, lines[i], &(*out)[i], err));
        }
    }
    if (cmp->sorted) {
        lt_test_sort(*out, count);
        return LT_OK;
    }
    return cmp->by_key ? order_by_key(arena, cmp->key_columns, *out, count, err) : LT_OK;
}

#define LCS_MAX 600

/* The classic table of longest common subsequences, for what is left between equal ends. */
static lt_status put_diff(lt_arena *arena, const lt_str *want, uint32_t wants, const lt_str *got,
                          uint32_t gots, lt_text *report, lt_error *err)
{
    bool small = wants <= LCS_MAX && gots <= LCS_MAX;
    uint16_t *common = small ? LT_NEW_ARRAY(arena, uint16_t, (wants + 1) * (gots + 1)) : NULL;
    if (small && common == NULL) {
        return lt_error_nomem(err, "a difference");
    }
    uint32_t row = gots + 1;
    for (uint32_t i = wants; small && i-- > 0;) {
        for (uint32_t j = gots; j-- > 0;) {
            uint16_t same = (uint16_t)(common[(i + 1) * row + j + 1] + 1);
            uint16_t other = LT_MAX(common[(i + 1) * row + j], common[i * row + j + 1]);
            common[i * row + j] = lt_str_eq(want[i], got[j]) ? same : other;
        }
    }
    uint32_t i = 0;
    uint32_t j = 0;
    while (i < wants || j < gots) {
        if (small && i < wants && j < gots && lt_str_eq(want[i], got[j])) {
            lt_text_printf(report, "      " LT_STR_FMT "\n", LT_STR_ARG(want[i]));
            i++;
            j++;
        } else if (j == gots || (i < wants && (!small || common[(i + 1) * row + j] >=
                                                             common[i * row + j + 1]))) {
            lt_text_printf(report, "    - " LT_STR_FMT "\n", LT_STR_ARG(want[i]));
            i++;
        } else {
            lt_text_printf(report, "    + " LT_STR_FMT "\n", LT_STR_ARG(got[j]));
            j++;
        }
    }
    return LT_OK;
}

#define DIFF_ARENA_MAX ((size_t)256 << 20)

lt_status lt_test_diff(lt_mem *mem, const lt_test_compare *cmp, lt_text *report, bool *same,
                       lt_error *err)
{
    lt_arena *arena = lt_arena_new(mem, DIFF_ARENA_MAX);
    lt_str *want = NULL;
    lt_str *got = NULL;
    if (arena == NULL) {
        return lt_error_nomem(err, "rows");
    }
    lt_status st = prepare(arena, cmp, cmp->want, cmp->want_count, &want, err);
    if (st == LT_OK) {
        st = prepare(arena, cmp, cmp->got, cmp->got_count, &got, err);
    }
    if (st == LT_OK) {
        uint32_t wants = cmp->want_count;
        uint32_t gots = cmp->got_count;
        uint32_t front = 0;
        while (front < wants && front < gots && lt_str_eq(want[front], got[front])) {
            front++;
        }
        while (wants > front && gots > front && lt_str_eq(want[wants - 1], got[gots - 1])) {
            wants--;
            gots--;
        }
        *same = front == wants && front == gots;
        if (!*same) {
            st = put_diff(arena, want + front, wants - front, got + front, gots - front, report,
                          err);
        }
    }
    lt_arena_free(arena);
    return st;
}
