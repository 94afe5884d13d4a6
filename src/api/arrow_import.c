/* Arrow structures (C Data Interface) as rows of a 'feed' table.
 *
 * Types are matched before anything is read, so that a mismatch names the column and both forms.
 * Values are copied into one batch that the feed hands to its reader as it is. The host vouches for
 * its buffers' sizes; everything that a buffer says about another one (offsets, view places) is
 * checked against the lengths that are known, and values against their types' ranges.
 *
 * Rows of an array are counted here without its offset: `from` and `count` select [from, from +
 * count) behind array->offset. NULL rows of a ROW or ARRAY mask what lies below them, so children
 * are read run by run, without the masked rows. */
#include "api/api_int.h"
#include "base/assert.h"
#include "expr/utf8.h"
#include "format/datetime.h"

#define ROWS_MAX       ((int64_t)1 << 30)
#define DAY_MIN        (-719162) /* 0001-01-01 */
#define DAY_MAX        2932896   /* 9999-12-31 */
#define MS_PER_DAY     86400000
#define VIEW_BYTES     16
#define VIEW_BUFFER_AT 2 /* buffers of a view array: validity, views, data.., sizes */

typedef struct {
    lt_mem *mem;
    lt_arena *arena;
    lt_str table;
    lt_str column; /* the top-level one, for messages */
    lt_error *err;
} importer;

/* A run of values: source rows [from, from + count), target rows [to, to + count) of `cap`. */
typedef struct {
    int64_t from;
    uint32_t to;
    uint32_t count;
    uint32_t cap;
} run;

static lt_status bad_value(importer *im, const char *what)
{
    return lt_error_set(im->err, LT_ERR_DATA, "column '" LT_STR_FMT "' of '" LT_STR_FMT "': %s",
                        LT_STR_ARG(im->column), LT_STR_ARG(im->table), what);
}

static lt_status bad_array(importer *im, const char *what)
{
    return lt_error_set(im->err, LT_ERR_USAGE,
                        "column '" LT_STR_FMT "' of '" LT_STR_FMT "': broken Arrow array: %s",
                        LT_STR_ARG(im->column), LT_STR_ARG(im->table), what);
}

static lt_status nomem(importer *im)
{
    return lt_error_nomem(im->err, "pushed rows");
}

/* ---- types ---- */

static bool starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool format_fits(const char *format, const lt_type *type)
{
    char text[LT_ARROW_FORMAT_MAX];
    const char *want = lt_api_arrow_format(type, text, sizeof text);
    if (want == NULL) {
        return false;
    }
    if (type->kind == LT_TYPE_DECIMAL && starts(format, want)) {
        const char *width = format + strlen(want);
        return width[0] == '\0' || strcmp(width, ",128") == 0;
    }
    if (type->kind == LT_TYPE_TIMESTAMP_LTZ) {
        return strncmp(format, want, 4) == 0 && format[4] != '\0';
    }
    if (strcmp(format, want) == 0) {
        return true;
    }
    if (lt_type_is_string(type)) {
        return strcmp(format, "u") == 0 || strcmp(format, "U") == 0;
    }
    if (lt_type_is_binary(type)) {
        return strcmp(format, "z") == 0 || strcmp(format, "Z") == 0;
    }
    return type->kind == LT_TYPE_ARRAY && strcmp(format, "+L") == 0;
}

static lt_status bad_type(importer *im, const char *format, const lt_type *type)
{
    char text[LT_ARROW_FORMAT_MAX];
    const char *want = lt_api_arrow_format(type, text, sizeof text);
    const char *quote = want != NULL ? "'" : "";
    lt_text sql;
    lt_text_init(&sql, im->mem);
    lt_type_print(type, &sql);
    lt_error_set(im->err, LT_ERR_USAGE,
                 "column '" LT_STR_FMT "' of '" LT_STR_FMT
                 "' is given as Arrow type '%s', but %.120s takes %s%s%s",
                 LT_STR_ARG(im->column), LT_STR_ARG(im->table), format,
                 sql.ptr != NULL ? sql.ptr : "its type", quote,
                 want != NULL ? want : "no Arrow values", quote);
    lt_text_deinit(&sql);
    return LT_ERR_USAGE;
}

static bool is_map(const lt_type *type)
{
    return type->kind == LT_TYPE_MAP || type->kind == LT_TYPE_MULTISET;
}

static uint32_t buffers_min(const char *format)
{
    if (format[0] == 'v' || strchr("uUzZ", format[0]) != NULL) {
        return 3;
    }
    return strcmp(format, "+s") == 0 ? 1 : 2;
}

/* The shape of one array: what can be known of it without reading a buffer. */
static lt_status check_array(importer *im, const struct ArrowArray *a, const char *format,
                             int64_t children)
{
    if (a->length < 0 || a->offset < 0 || a->length > ROWS_MAX || a->offset > INT64_MAX / 64) {
        return bad_array(im, "a length or offset is out of range");
    }
    uint32_t buffers = buffers_min(format);
    if (a->n_buffers < buffers || (a->n_buffers > buffers && format[0] != 'v') ||
        a->buffers == NULL) {
        return bad_array(im, "wrong number of buffers");
    }
    if (buffers > 1 && a->length > 0 && a->buffers[1] == NULL) {
        return bad_array(im, "a buffer is missing");
    }
    if (a->n_children != children || (children > 0 && a->children == NULL)) {
        return bad_array(im, "wrong number of children");
    }
    return LT_OK;
}

static lt_status check_node(importer *im, const struct ArrowSchema *s, const struct ArrowArray *a,
                            const lt_type *type);

static lt_status check_entries(importer *im, const struct ArrowSchema *s,
                               const struct ArrowArray *a, const lt_type *type)
{
    static const lt_type count_type = {.kind = LT_TYPE_INT, .nullable = false};
    if (strcmp(s->format, "+s") != 0 || s->n_children != 2) {
        return bad_array(im, "a map's child is not a struct of key and value");
    }
    LT_TRY(check_array(im, a, "+s", 2));
    LT_TRY(check_node(im, s->children[0], a->children[0], type->fields[0].type));
    const lt_type *value = type->kind == LT_TYPE_MULTISET ? &count_type : type->fields[1].type;
    LT_TRY(check_node(im, s->children[1], a->children[1], value));
    for (uint32_t i = 0; i < 2; i++) {
        if (a->children[i]->length - a->length < a->offset) {
            return bad_array(im, "a child is shorter than its struct");
        }
    }
    return LT_OK;
}

static lt_status check_node(importer *im, const struct ArrowSchema *s, const struct ArrowArray *a,
                            const lt_type *type)
{
    if (s->dictionary != NULL || a->dictionary != NULL) {
        return bad_array(im, "dictionaries are not taken");
    }
    if (!format_fits(s->format, type)) {
        return bad_type(im, s->format, type);
    }
    int64_t children = is_map(type) ? 1 : (int64_t)type->field_count;
    if (s->n_children != children) {
        return bad_type(im, s->format, type);
    }
    LT_TRY(check_array(im, a, s->format, children));
    if (is_map(type)) {
        return check_entries(im, s->children[0], a->children[0], type);
    }
    for (int64_t i = 0; i < children; i++) {
        LT_TRY(check_node(im, s->children[i], a->children[i], type->fields[i].type));
        bool is_row = type->kind == LT_TYPE_ROW;
        if (is_row && !lt_str_eq(lt_str_of(s->children[i]->name), type->fields[i].name)) {
            return lt_error_set(im->err, LT_ERR_USAGE,
                                "column '" LT_STR_FMT "' of '" LT_STR_FMT
                                "': the ROW's field %d is '" LT_STR_FMT "' and not '%s'",
                                LT_STR_ARG(im->column), LT_STR_ARG(im->table), (int)i + 1,
                                LT_STR_ARG(type->fields[i].name),
                                s->children[i]->name != NULL ? s->children[i]->name : "");
        }
        if (is_row && a->children[i]->length - a->length < a->offset) {
            return bad_array(im, "a child is shorter than its struct");
        }
    }
    return LT_OK;
}

/* ---- values ---- */

static bool is_null(const struct ArrowArray *a, int64_t row)
{
    const uint8_t *bits = a->n_buffers > 0 ? a->buffers[0] : NULL;
    int64_t at = a->offset + row;
    return bits != NULL && ((bits[at >> 3] >> (at & 7)) & 1) == 0;
}

/* NULL, with every field below it. */
static bool set_null(importer *im, lt_col *col, uint32_t row, uint32_t cap)
{
    uint64_t *valid = lt_col_need_valid(col, cap, im->arena);
    if (valid == NULL) {
        return false;
    }
    lt_bit_clear(valid, row);
    size_t size = lt_phys_size(col->phys);
    if (size > 0) {
        memset((char *)col->data + size * row, 0, size);
    }
    for (uint32_t i = 0; col->phys == LT_PHYS_STRUCT && i < col->child_count; i++) {
        if (!set_null(im, &col->children[i], row, cap)) {
            return false;
        }
    }
    return true;
}

static lt_status take_nulls(importer *im, lt_col *col, const struct ArrowArray *a, run rows)
{
    for (uint32_t i = 0; i < rows.count; i++) {
        if (!is_null(a, rows.from + i)) {
            continue;
        }
        if (!col->type->nullable) {
            return bad_value(im, "NULL where the table says NOT NULL");
        }
        if (!set_null(im, col, rows.to + i, rows.cap)) {
            return nomem(im);
        }
    }
    return LT_OK;
}

static lt_i128 pow10_i128(unsigned exponent)
{
    lt_i128 value = 1;
    for (unsigned i = 0; i < exponent; i++) {
        value *= 10;
    }
    return value;
}

static lt_status take_decimals(importer *im, lt_col *col, const struct ArrowArray *a, run rows)
{
    const char *data = (const char *)a->buffers[1] + (a->offset + rows.from) * 16;
    lt_i128 limit = pow10_i128(col->type->precision);
    for (uint32_t i = 0; i < rows.count; i++) {
        lt_i128 value;
        if (is_null(a, rows.from + i)) {
            continue;
        }
        memcpy(&value, data + (size_t)i * sizeof value, sizeof value);
        if (value >= limit || value <= -limit) {
            return bad_value(im, "a decimal has more digits than its type");
        }
        if (col->phys == LT_PHYS_I64) {
            LT_COL_DATA(col, int64_t)[rows.to + i] = (int64_t)value;
        } else {
            memcpy((char *)col->data + sizeof value * (rows.to + i), &value, sizeof value);
        }
    }
    return LT_OK;
}

static lt_instant instant_of(int64_t value, int64_t per_ms)
{
    int64_t ms = value / per_ms - (value % per_ms < 0 ? 1 : 0);
    return (lt_instant){ms, (int32_t)((value - ms * per_ms) * (1000000 / per_ms))};
}

static lt_status take_timestamps(importer *im, lt_col *col, const struct ArrowArray *a, run rows)
{
    const int64_t *data = (const int64_t *)a->buffers[1] + a->offset + rows.from;
    unsigned precision = col->type->precision;
    int64_t per_ms = precision <= 3 ? 1 : precision <= 6 ? 1000 : 1000000;
    for (uint32_t i = 0; i < rows.count; i++) {
        if (is_null(a, rows.from + i)) {
            continue;
        }
        /* The range is checked before the split: ms * per_ms must not overflow. */
        bool fits = data[i] / per_ms >= (int64_t)DAY_MIN * MS_PER_DAY &&
                    data[i] / per_ms < ((int64_t)DAY_MAX + 1) * MS_PER_DAY &&
                    data[i] > INT64_MIN + per_ms;
        if (!fits || !lt_store_instant(col, rows.to + i, instant_of(data[i], per_ms))) {
            return bad_value(im, "a timestamp lies outside of the years 1 to 9999");
        }
    }
    return LT_OK;
}

static lt_status take_dates(importer *im, lt_col *col, const struct ArrowArray *a, run rows)
{
    const int32_t *data = (const int32_t *)a->buffers[1] + a->offset + rows.from;
    bool is_date = col->type->kind == LT_TYPE_DATE;
    static const int32_t units[] = {1000, 100, 10};
    int32_t unit = col->type->precision < 3 ? units[col->type->precision] : 1;
    for (uint32_t i = 0; i < rows.count; i++) {
        if (is_null(a, rows.from + i)) {
            continue;
        }
        int32_t value = data[i];
        if (is_date && (value < DAY_MIN || value > DAY_MAX)) {
            return bad_value(im, "a date lies outside of the years 1 to 9999");
        }
        if (!is_date && (value < 0 || value >= MS_PER_DAY)) {
            return bad_value(im, "a time is not within a day");
        }
        LT_COL_DATA(col, int32_t)[rows.to + i] = is_date ? value : value - value % unit;
    }
    return LT_OK;
}

static void take_bools(lt_col *col, const struct ArrowArray *a, run rows)
{
    const uint8_t *bits = a->buffers[1];
    uint8_t *to = LT_COL_DATA(col, uint8_t) + rows.to;
    for (uint32_t i = 0; i < rows.count; i++) {
        int64_t at = a->offset + rows.from + i;
        to[i] = (uint8_t)((bits[at >> 3] >> (at & 7)) & 1);
    }
}

/* ---- strings ---- */

static lt_status view_bytes(importer *im, const struct ArrowArray *a, int64_t row, lt_str *out)
{
    const char *view = (const char *)a->buffers[1] + (a->offset + row) * VIEW_BYTES;
    int32_t head[4]; /* length, prefix, buffer, offset */
    memcpy(head, view, sizeof head);
    if (head[0] < 0) {
        return bad_array(im, "a string view has a negative length");
    }
    *out = (lt_str){view + 4, (size_t)head[0]};
    if (head[0] <= LT_STRV_INLINE_MAX) {
        return LT_OK;
    }
    const int64_t *sizes = a->buffers[a->n_buffers - 1];
    if (head[2] < 0 || head[2] >= a->n_buffers - VIEW_BUFFER_AT - 1 || head[3] < 0 ||
        sizes == NULL || (int64_t)head[3] + head[0] > sizes[head[2]] ||
        a->buffers[VIEW_BUFFER_AT + head[2]] == NULL) {
        return bad_array(im, "a string view points outside of its buffer");
    }
    out->ptr = (const char *)a->buffers[VIEW_BUFFER_AT + head[2]] + head[3];
    return LT_OK;
}

/* Offsets at position `at` and behind it, of 32 or 64 bits. */
static lt_status offset_range(importer *im, const struct ArrowArray *a, bool wide, int64_t row,
                              int64_t *first, int64_t *count)
{
    int64_t at = a->offset + row;
    int64_t end;
    if (wide) {
        const int64_t *offsets = a->buffers[1];
        *first = offsets[at];
        end = offsets[at + 1];
    } else {
        const int32_t *offsets = a->buffers[1];
        *first = offsets[at];
        end = offsets[at + 1];
    }
    if (*first < 0 || end < *first) {
        return bad_array(im, "offsets do not ascend");
    }
    *count = end - *first;
    return LT_OK;
}

static lt_status string_at(importer *im, const struct ArrowSchema *s, const struct ArrowArray *a,
                           int64_t row, lt_str *out)
{
    if (s->format[0] == 'v') {
        return view_bytes(im, a, row, out);
    }
    int64_t first;
    int64_t count;
    bool wide = s->format[0] == 'U' || s->format[0] == 'Z';
    LT_TRY(offset_range(im, a, wide, row, &first, &count));
    if (a->buffers[2] == NULL && count > 0) {
        return bad_array(im, "a buffer is missing");
    }
    *out = (lt_str){count > 0 ? (const char *)a->buffers[2] + first : "", (size_t)count};
    return LT_OK;
}

static lt_status take_strings(importer *im, lt_col *col, const struct ArrowSchema *s,
                              const struct ArrowArray *a, run rows)
{
    bool is_text = lt_type_is_string(col->type);
    for (uint32_t i = 0; i < rows.count; i++) {
        lt_str bytes;
        if (is_null(a, rows.from + i)) {
            continue;
        }
        LT_TRY(string_at(im, s, a, rows.from + i, &bytes));
        if (bytes.len > LT_LENGTH_MAX) {
            return bad_value(im, "a string of more than 2 GiB");
        }
        if (is_text && !lt_utf8_is_valid(bytes)) {
            return bad_value(im, "a string is not UTF-8");
        }
        if (bytes.len > LT_STRV_INLINE_MAX) {
            char *copy = lt_arena_alloc(im->arena, bytes.len, 1);
            if (copy == NULL) {
                return nomem(im);
            }
            memcpy(copy, bytes.ptr, bytes.len);
            bytes.ptr = copy;
        }
        LT_COL_DATA(col, lt_strv)[rows.to + i] = lt_strv_make(bytes.ptr, bytes.len);
    }
    return LT_OK;
}

/* ---- nested ---- */

static lt_status take(importer *im, lt_col *col, const struct ArrowSchema *s,
                      const struct ArrowArray *a, run rows);

/* The children of a struct array (a ROW, or a map's entries): rows count from its offset. */
static lt_status take_fields(importer *im, lt_col *col, const struct ArrowSchema *s,
                             const struct ArrowArray *a, run rows)
{
    run below = rows;
    below.from += a->offset;
    for (uint32_t c = 0; c < col->child_count; c++) {
        LT_TRY(take(im, &col->children[c], s->children[c], a->children[c], below));
    }
    return LT_OK;
}

static lt_status take_rows(importer *im, lt_col *col, const struct ArrowSchema *s,
                           const struct ArrowArray *a, run rows)
{
    uint32_t i = 0;
    while (i < rows.count) {
        uint32_t end = i;
        while (end < rows.count && !is_null(a, rows.from + end)) {
            end++;
        }
        run part = {rows.from + i, rows.to + i, end - i, rows.cap};
        if (part.count > 0) {
            LT_TRY(take_fields(im, col, s, a, part));
        }
        i = end + 1;
    }
    return LT_OK;
}

static lt_status take_list(importer *im, lt_col *col, const struct ArrowSchema *s,
                           const struct ArrowArray *a, run rows)
{
    const struct ArrowArray *child = a->children[0];
    for (uint32_t i = 0; i < rows.count; i++) {
        int64_t first;
        int64_t count;
        if (is_null(a, rows.from + i)) {
            continue;
        }
        LT_TRY(offset_range(im, a, s->format[1] == 'L', rows.from + i, &first, &count));
        if (first + count > child->length) {
            return bad_array(im, "offsets run past the elements");
        }
        if (!lt_col_reserve_children(col, (uint32_t)count, im->arena)) {
            return nomem(im);
        }
        run below = {first, col->child_len, (uint32_t)count, col->child_cap};
        LT_COL_DATA(col, lt_span)[rows.to + i] = (lt_span){col->child_len, (uint32_t)count};
        if (count > 0 && is_map(col->type)) {
            for (int64_t k = 0; k < count; k++) {
                if (is_null(child, first + k) ||
                    is_null(child->children[0], child->offset + first + k)) {
                    return bad_value(im, "a map has a NULL key or entry");
                }
            }
            LT_TRY(take_fields(im, col, s->children[0], child, below));
        } else if (count > 0) {
            LT_TRY(take(im, &col->children[0], s->children[0], child, below));
        }
        col->child_len += (uint32_t)count;
    }
    return LT_OK;
}

static lt_status take(importer *im, lt_col *col, const struct ArrowSchema *s,
                      const struct ArrowArray *a, run rows)
{
    if (rows.count == 0) {
        return LT_OK; /* the buffers may be missing */
    }
    LT_TRY(take_nulls(im, col, a, rows));
    switch (col->type->kind) {
    case LT_TYPE_BOOLEAN:
        take_bools(col, a, rows);
        return LT_OK;
    case LT_TYPE_DECIMAL:
        return take_decimals(im, col, a, rows);
    case LT_TYPE_CHAR:
    case LT_TYPE_VARCHAR:
    case LT_TYPE_BINARY:
    case LT_TYPE_VARBINARY:
        return take_strings(im, col, s, a, rows);
    case LT_TYPE_DATE:
    case LT_TYPE_TIME:
        return take_dates(im, col, a, rows);
    case LT_TYPE_TIMESTAMP:
    case LT_TYPE_TIMESTAMP_LTZ:
        return take_timestamps(im, col, a, rows);
    case LT_TYPE_ARRAY:
    case LT_TYPE_MAP:
    case LT_TYPE_MULTISET:
        return take_list(im, col, s, a, rows);
    case LT_TYPE_ROW:
        return take_rows(im, col, s, a, rows);
    case LT_TYPE_TINYINT:
    case LT_TYPE_SMALLINT:
    case LT_TYPE_INT:
    case LT_TYPE_BIGINT:
    case LT_TYPE_FLOAT:
    case LT_TYPE_DOUBLE:
    case LT_TYPE_INTERVAL_MONTH:
    case LT_TYPE_INTERVAL_SECOND: {
        size_t size = lt_phys_size(col->phys);
        memcpy((char *)col->data + size * rows.to,
               (const char *)a->buffers[1] + (int64_t)size * (a->offset + rows.from),
               size * rows.count);
        return LT_OK;
    }
    case LT_TYPE_NULL:
    case LT_TYPE_VARIANT:
    case LT_TYPE_DESCRIPTOR:
    case LT_TYPE_SYMBOL:
    case LT_TYPE_KIND_COUNT:
        break;
    }
    LT_ASSERT(!"a type without Arrow form was let in");
    return LT_ERR_INTERNAL;
}

/* ---- the table's rows ---- */

/* Index of the one child with this name; -1: none, -2: several. */
static int64_t child_find(const struct ArrowSchema *s, lt_str name)
{
    int64_t found = -1;
    for (int64_t i = 0; i < s->n_children; i++) {
        if (lt_str_eq(lt_str_of(s->children[i]->name), name)) {
            found = found == -1 ? i : -2;
        }
    }
    return found;
}

/* Is the last child the row kinds, and not a column of the table? */
static bool has_op(const struct ArrowSchema *s, const lt_schema *schema)
{
    if (s->n_children == 0 || lt_schema_find(schema, LT_STR("op")) >= 0) {
        return false;
    }
    const struct ArrowSchema *last = s->children[s->n_children - 1];
    return lt_str_eq(lt_str_of(last->name), LT_STR("op")) && strcmp(last->format, "c") == 0;
}

static lt_status take_kinds(importer *im, const struct ArrowArray *a, lt_batch *batch, int64_t from)
{
    im->column = LT_STR("op");
    LT_TRY(check_array(im, a, "c", 0));
    if (a->length - batch->row_count < from) {
        return bad_array(im, "a child is shorter than its struct");
    }
    const int8_t *kinds = a->buffers[1];
    for (uint32_t i = 0; i < batch->row_count; i++) {
        int8_t kind = kinds[a->offset + from + i];
        if (is_null(a, from + i) || kind < LT_INSERT || kind > LT_DELETE) {
            return bad_value(im, "a row kind is not 0 to 3");
        }
        batch->kinds[i] = (uint8_t)kind;
    }
    return LT_OK;
}

static lt_status take_column(importer *im, const struct ArrowSchema *s, const struct ArrowArray *a,
                             lt_batch *batch, uint32_t c)
{
    im->column = batch->schema->fields[c].name;
    int64_t found = child_find(s, im->column);
    if (found < 0) {
        return lt_error_set(im->err, LT_ERR_USAGE,
                            "the Arrow rows for '" LT_STR_FMT "' have %s column '" LT_STR_FMT "'",
                            LT_STR_ARG(im->table), found == -1 ? "no" : "more than one",
                            LT_STR_ARG(im->column));
    }
    const lt_type *type = batch->schema->fields[c].type;
    LT_TRY(check_node(im, s->children[found], a->children[found], type));
    if (a->children[found]->length - a->length < a->offset) {
        return bad_array(im, "a child is shorter than its struct");
    }
    if (!lt_col_init(&batch->cols[c], type, batch->row_count, im->arena)) {
        return nomem(im);
    }
    run all = {a->offset, 0, batch->row_count, batch->row_count};
    return take(im, &batch->cols[c], s->children[found], a->children[found], all);
}

static lt_status take_batch(importer *im, const struct ArrowSchema *s, const struct ArrowArray *a,
                            uint8_t kind, lt_batch *batch)
{
    const lt_schema *schema = batch->schema;
    bool op = has_op(s, schema);
    for (uint32_t c = 0; c < schema->count; c++) {
        LT_TRY(take_column(im, s, a, batch, c));
    }
    for (int64_t i = 0; i < s->n_children - (op ? 1 : 0); i++) {
        lt_str name = lt_str_of(s->children[i]->name);
        if (lt_schema_find(schema, name) < 0) {
            return lt_error_set(im->err, LT_ERR_USAGE,
                                "table '" LT_STR_FMT "' has no physical column '" LT_STR_FMT "'",
                                LT_STR_ARG(im->table), LT_STR_ARG(name));
        }
    }
    if (op || kind != LT_INSERT) {
        batch->kinds = lt_arena_alloc(im->arena, batch->row_count, 8);
        if (batch->kinds == NULL) {
            return nomem(im);
        }
        memset(batch->kinds, kind, batch->row_count);
    }
    return op ? take_kinds(im, a->children[s->n_children - 1], batch, a->offset) : LT_OK;
}

/* The top-level array: rows of a table, none of them NULL. */
static lt_status check_top(importer *im, const struct ArrowSchema *s, const struct ArrowArray *a)
{
    if (s->release == NULL || a->release == NULL) {
        return lt_error_set(im->err, LT_ERR_USAGE, "the Arrow structures have been released");
    }
    if (strcmp(s->format, "+s") != 0) {
        return lt_error_set(im->err, LT_ERR_USAGE,
                            "rows are pushed as an Arrow struct array ('+s'), not as '%s'",
                            s->format);
    }
    LT_TRY(check_array(im, a, "+s", s->n_children));
    for (int64_t i = 0; i < a->length; i++) {
        if (is_null(a, i)) {
            return lt_error_set(im->err, LT_ERR_DATA, "row %lld of the Arrow rows is NULL",
                                (long long)i);
        }
    }
    return LT_OK;
}

static lt_status physical_schema(const lt_table_def *def, lt_batch *batch, lt_error *err)
{
    lt_field *fields = LT_NEW_ARRAY(batch->arena, lt_field, def->column_count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; fields != NULL && i < def->column_count; i++) {
        if (def->columns[i].role == LT_COLUMN_IS_PHYSICAL) {
            fields[count++] = (lt_field){def->columns[i].name, def->columns[i].type};
        }
    }
    batch->schema = fields != NULL ? lt_schema_new(batch->arena, fields, count) : NULL;
    batch->cols = LT_NEW_ARRAY(batch->arena, lt_col, count + 1);
    batch->col_count = count;
    return batch->schema != NULL && batch->cols != NULL ? LT_OK
                                                        : lt_error_nomem(err, "pushed rows");
}

static lt_status push_rows(leat *db, const lt_table_def *def, uint8_t kind,
                           const struct ArrowSchema *s, const struct ArrowArray *a, lt_error *err)
{
    importer im = {.mem = &db->mem, .table = def->name, .column = def->name, .err = err};
    LT_TRY(check_top(&im, s, a));
    lt_batch *batch = lt_host_feeds_batch(db->feeds);
    if (batch == NULL) {
        return nomem(&im);
    }
    im.arena = batch->arena;
    batch->row_count = (uint32_t)a->length;
    batch->row_cap = batch->row_count;
    batch->sel_count = batch->row_count;
    lt_status st = physical_schema(def, batch, err);
    if (st == LT_OK) {
        st = take_batch(&im, s, a, kind, batch);
    }
    if (st == LT_OK && batch->row_count > 0) {
        st = lt_host_feeds_push_batch(db->feeds, def->name, batch, err);
        batch = st == LT_OK ? NULL : batch;
    }
    lt_batch_unref(batch);
    return st;
}

leat_status leat_push_arrow(leat *db, const char *table, leat_kind kind, struct ArrowSchema *schema,
                            struct ArrowArray *array)
{
    lt_error err;
    lt_error_clear(&err);
    const lt_table_def *def;
    lt_status st = lt_api_feed_table(db, table, &def, &err);
    if (st == LT_OK && (unsigned)kind > LEAT_DELETE) {
        st = lt_error_set(&err, LT_ERR_USAGE, "row kind %d is not 0 to 3", (int)kind);
    }
    if (st == LT_OK) {
        st = push_rows(db, def, (uint8_t)kind, schema, array, &err);
    }
    if (st == LT_FULL) {
        return LEAT_FULL;
    }
    if (st != LT_OK) {
        return lt_api_fail(db, &err, (lt_str){NULL, 0}, 0);
    }
    array->release(array);
    schema->release(schema);
    lt_api_wake_jobs(db);
    return LEAT_OK;
}
