/* The JSON encoder: a line per row, as Flink's json format writes it. Each field's `,"name":` is
 * made once, at open; a row's bytes are appended in one pass, and a row that cannot be written
 * leaves nothing behind. */
#include "format/json.h"

#include "format/datetime.h"
#include "format/decode_int.h"
#include "format/json_int.h"
#include "format/json_text.h"
#include "format/number.h"
#include "format/text.h"

#define NAMES_BYTES_MAX ((size_t)64 << 20)

typedef enum { NULL_KEY_FAIL, NULL_KEY_DROP, NULL_KEY_LITERAL } null_key_mode;

typedef struct json_field json_field;

/* A value's place in its record. */
struct json_field {
    const lt_type *type;
    lt_str prefix;        /* `"name":` with quotes, escaped; fields only */
    json_field *children; /* as the column's children */
    uint32_t child_count;
};

typedef struct {
    lt_format_ctx ctx;
    lt_arena *arena;
    json_field root; /* children: the columns */
    null_key_mode null_key;
    lt_str null_literal;
    bool plain_decimal;
    bool skip_null;
    char time_sep;
} json_encoder;

/* ---- strings ---- */

static const char hex_upper[] = "0123456789ABCDEF";

static char *put_escape(char *out, unsigned char ch)
{
    static const char shortcuts[32] = {[8] = 'b', [9] = 't', [10] = 'n', [12] = 'f', [13] = 'r'};
    *out++ = '\\';
    if (ch >= 0x20) {
        *out++ = (char)ch;
    } else if (shortcuts[ch] != 0) {
        *out++ = shortcuts[ch];
    } else {
        memcpy(out, "u00", 3);
        out[3] = hex_upper[ch >> 4];
        out[4] = hex_upper[ch & 15];
        out += 5;
    }
    return out;
}

/* True when one of eight bytes needs an escape. */
LT_INLINE bool needs_escape(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101ULL;
    uint64_t quote = word ^ (ones * '"');
    uint64_t slash = word ^ (ones * '\\');
    uint64_t hit =
        ((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash);
    return (hit & 0x8080808080808080ULL) != 0;
}

void json_put_string(lt_text *to, const char *ptr, size_t len)
{
    /* The usual string has no escape: eight bytes more than its length are room enough for one;
     * beyond that room is made by the rest's worst case. */
    if (!lt_text_reserve(to, len + 16)) {
        return;
    }
    char *out = to->ptr + to->len;
    size_t at = 0;
    *out++ = '"';
    while (len - at >= 8) {
        uint64_t word = lt_load64(ptr + at);
        if (needs_escape(word)) {
            break;
        }
        memcpy(out, &word, 8);
        out += 8;
        at += 8;
    }
    to->len = (size_t)(out - to->ptr);
    if (!lt_text_reserve(to, (len - at) * 6 + 1)) {
        return;
    }
    out = to->ptr + to->len;
    for (; at < len; at++) {
        unsigned char ch = (unsigned char)ptr[at];
        if (ch < 0x20 || ch == '"' || ch == '\\') {
            out = put_escape(out, ch);
        } else {
            *out++ = (char)ch;
        }
    }
    *out++ = '"';
    *out = '\0';
    to->len = (size_t)(out - to->ptr);
}

/* ---- scalars ---- */

static void put_double(lt_text *to, const lt_col *col, uint32_t row)
{
    double value = col->phys == LT_PHYS_F32 ? (double)LT_COL_DATA(col, float)[row]
                                            : LT_COL_DATA(col, double)[row];
    bool quoted = !(value - value == 0);
    if (quoted) {
        lt_text_putc(to, '"');
    }
    if (col->phys == LT_PHYS_F32) {
        lt_text_float(to, LT_COL_DATA(col, float)[row]);
    } else {
        lt_text_double(to, value);
    }
    if (quoted) {
        lt_text_putc(to, '"');
    }
}

static void put_instant(const json_encoder *enc, lt_text *to, const lt_col *col, uint32_t row)
{
    lt_text_putc(to, '"');
    lt_put_timestamp(to, lt_load_instant(col, row), enc->time_sep);
    lt_text_puts(to, col->type->kind == LT_TYPE_TIMESTAMP_LTZ ? "Z\"" : "\"");
}

static void put_bytes(lt_text *to, const lt_col *col, uint32_t row)
{
    const lt_strv *view = &LT_COL_DATA(col, lt_strv)[row];
    lt_text_putc(to, '"');
    lt_base64_encode(to, lt_strv_ptr(view), view->len);
    lt_text_putc(to, '"');
}

static lt_status put_value(const json_encoder *enc, lt_text *to, const json_field *field,
                           const lt_col *col, uint32_t row);

static lt_status put_array(const json_encoder *enc, lt_text *to, const json_field *field,
                           const lt_col *col, uint32_t row)
{
    lt_span span = LT_COL_DATA(col, lt_span)[row];
    lt_text_putc(to, '[');
    for (uint32_t i = 0; i < span.count; i++) {
        if (i > 0) {
            lt_text_putc(to, ',');
        }
        if (put_value(enc, to, field->children, col->children, span.start + i) != LT_OK) {
            return LT_ERR_DATA;
        }
    }
    lt_text_putc(to, ']');
    return LT_OK;
}

static lt_status put_map(const json_encoder *enc, lt_text *to, const json_field *field,
                         const lt_col *col, uint32_t row)
{
    lt_span span = LT_COL_DATA(col, lt_span)[row];
    const lt_col *keys = &col->children[0];
    bool first = true;
    lt_text_putc(to, '{');
    for (uint32_t i = span.start; i < span.start + span.count; i++) {
        lt_str key;
        if (!lt_col_is_null(keys, i)) {
            key = lt_strv_str(&LT_COL_DATA(keys, lt_strv)[i]);
        } else if (enc->null_key == NULL_KEY_FAIL) {
            return LT_ERR_DATA;
        } else if (enc->null_key == NULL_KEY_DROP) {
            continue;
        } else {
            key = enc->null_literal;
        }
        if (!first) {
            lt_text_putc(to, ',');
        }
        first = false;
        json_put_string(to, key.ptr, key.len);
        lt_text_putc(to, ':');
        if (put_value(enc, to, &field->children[1], &col->children[1], i) != LT_OK) {
            return LT_ERR_DATA;
        }
    }
    lt_text_putc(to, '}');
    return LT_OK;
}

/* The fields of a row, from columns of their own: a ROW's children, or a batch's columns. */
static lt_status put_fields(const json_encoder *enc, lt_text *to, const json_field *parent,
                            const lt_col *cols, uint32_t row)
{
    bool first = true;
    lt_text_putc(to, '{');
    for (uint32_t i = 0; i < parent->child_count; i++) {
        const json_field *field = &parent->children[i];
        if (enc->skip_null && lt_col_is_null(&cols[i], row)) {
            continue;
        }
        /* The prefix begins with a comma, which the first field leaves out. */
        lt_text_append(to, field->prefix.ptr + first, field->prefix.len - first);
        first = false;
        if (put_value(enc, to, field, &cols[i], row) != LT_OK) {
            return LT_ERR_DATA;
        }
    }
    lt_text_putc(to, '}');
    return LT_OK;
}

static void put_decimal(const json_encoder *enc, lt_text *to, const lt_col *col, uint32_t row)
{
    lt_i128 value = col->phys == LT_PHYS_I128 ? LT_COL_DATA(col, lt_i128)[row]
                                              : (lt_i128)LT_COL_DATA(col, int64_t)[row];
    if (enc->plain_decimal) {
        lt_text_decimal(to, value, col->type->scale);
    } else {
        lt_num_put_stripped(to, value, col->type->scale);
    }
}

static void put_string_value(lt_text *to, const lt_col *col, uint32_t row)
{
    const lt_strv *view = &LT_COL_DATA(col, lt_strv)[row];
    json_put_string(to, lt_strv_ptr(view), view->len);
}

static void put_day(lt_text *to, const lt_col *col, uint32_t row)
{
    int32_t value = LT_COL_DATA(col, int32_t)[row];
    lt_text_putc(to, '"');
    if (col->type->kind == LT_TYPE_DATE) {
        lt_put_date(to, value);
    } else {
        lt_put_time(to, value / 1000); /* Flink drops the fraction here */
    }
    lt_text_putc(to, '"');
}

static lt_status put_value(const json_encoder *enc, lt_text *to, const json_field *field,
                           const lt_col *col, uint32_t row)
{
    if (lt_col_is_null(col, row)) {
        lt_text_append(to, "null", 4);
        return LT_OK;
    }
    switch (field->type->kind) {
    case LT_TYPE_BOOLEAN:
        lt_text_puts(to, LT_COL_DATA(col, uint8_t)[row] ? "true" : "false");
        return LT_OK;
    case LT_TYPE_TINYINT:
        lt_num_put_i64(to, LT_COL_DATA(col, int8_t)[row]);
        return LT_OK;
    case LT_TYPE_SMALLINT:
        lt_num_put_i64(to, LT_COL_DATA(col, int16_t)[row]);
        return LT_OK;
    case LT_TYPE_INT:
    case LT_TYPE_INTERVAL_MONTH:
        lt_num_put_i64(to, LT_COL_DATA(col, int32_t)[row]);
        return LT_OK;
    case LT_TYPE_BIGINT:
    case LT_TYPE_INTERVAL_SECOND:
        lt_num_put_i64(to, LT_COL_DATA(col, int64_t)[row]);
        return LT_OK;
    case LT_TYPE_FLOAT:
    case LT_TYPE_DOUBLE:
        put_double(to, col, row);
        return LT_OK;
    case LT_TYPE_DECIMAL:
        put_decimal(enc, to, col, row);
        return LT_OK;
    case LT_TYPE_CHAR:
    case LT_TYPE_VARCHAR:
        put_string_value(to, col, row);
        return LT_OK;
    case LT_TYPE_BINARY:
    case LT_TYPE_VARBINARY:
        put_bytes(to, col, row);
        return LT_OK;
    case LT_TYPE_DATE:
    case LT_TYPE_TIME:
        put_day(to, col, row);
        return LT_OK;
    case LT_TYPE_TIMESTAMP:
    case LT_TYPE_TIMESTAMP_LTZ:
        put_instant(enc, to, col, row);
        return LT_OK;
    case LT_TYPE_ARRAY:
        return put_array(enc, to, field, col, row);
    case LT_TYPE_MAP:
    case LT_TYPE_MULTISET:
        return put_map(enc, to, field, col, row);
    case LT_TYPE_ROW:
        return put_fields(enc, to, field, col->children, row);
    case LT_TYPE_NULL:
    case LT_TYPE_VARIANT:
    case LT_TYPE_DESCRIPTOR:
    case LT_TYPE_SYMBOL:
    case LT_TYPE_KIND_COUNT:
        break;
    }
    LT_ASSERT(!"types were checked at plan time");
    return LT_ERR_INTERNAL;
}

lt_status json_encode(lt_encoder *encoder, const lt_batch *batch, const uint32_t *rows,
                      uint32_t count, lt_text *to, lt_error *err)
{
    const json_encoder *enc = (const json_encoder *)(const void *)encoder;
    for (uint32_t i = 0; i < count; i++) {
        size_t before = to->len;
        if (put_fields(enc, to, &enc->root, batch->cols, rows[i]) != LT_OK) {
            to->len = before;
            return lt_error_set(err, LT_ERR_DATA,
                                "a map has a NULL key, which JSON cannot carry; set "
                                "'%smap-null-key.mode' to DROP or LITERAL",
                                enc->ctx.prefix);
        }
        lt_text_putc(to, '\n');
        if (to->failed) {
            return lt_error_nomem(err, "json output");
        }
    }
    return LT_OK;
}

/* ---- open ---- */

static bool compile_fields(json_encoder *enc, json_field *parent, const lt_field *fields,
                           uint32_t count);

static bool compile_field(json_encoder *enc, json_field *out, const lt_type *type)
{
    static const lt_type count_type = {.kind = LT_TYPE_INT};
    out->type = type;
    if (type->kind == LT_TYPE_MULTISET) {
        lt_field fields[2] = {type->fields[0], {.type = &count_type}};
        return compile_fields(enc, out, fields, 2);
    }
    return compile_fields(enc, out, type->fields, type->field_count);
}

static bool compile_fields(json_encoder *enc, json_field *parent, const lt_field *fields,
                           uint32_t count)
{
    parent->child_count = count;
    if (count == 0) {
        return true;
    }
    parent->children = LT_NEW_ARRAY(enc->arena, json_field, count);
    if (parent->children == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        lt_text text;
        lt_text_init(&text, enc->ctx.mem);
        lt_text_putc(&text, ',');
        json_put_string(&text, fields[i].name.ptr, fields[i].name.len);
        lt_text_putc(&text, ':');
        parent->children[i].prefix = lt_arena_str(enc->arena, lt_text_str(&text));
        bool good = !text.failed && parent->children[i].prefix.ptr != NULL;
        lt_text_deinit(&text);
        if (!good || !compile_field(enc, &parent->children[i], fields[i].type)) {
            return false;
        }
    }
    return true;
}

void json_encoder_free(lt_encoder *encoder)
{
    json_encoder *enc = (json_encoder *)(void *)encoder;
    if (enc != NULL) {
        lt_arena_free(enc->arena);
        lt_mem_free(enc->ctx.mem, enc, sizeof *enc);
    }
}

static lt_str option_text(const lt_format_ctx *ctx, const char *name)
{
    return lt_options_get(&ctx->options, ctx->prefix, json_options, JSON_OPTION_COUNT, name);
}

static bool option_bool(const lt_format_ctx *ctx, const char *name)
{
    return lt_options_bool(&ctx->options, ctx->prefix, json_options, JSON_OPTION_COUNT, name);
}

lt_status json_encoder_new(const lt_format_ctx *ctx, lt_encoder **out, lt_error *err)
{
    json_encoder *enc = lt_mem_zalloc(ctx->mem, sizeof *enc);
    if (enc == NULL) {
        return lt_error_nomem(err, "the json encoder");
    }
    enc->ctx = *ctx;
    enc->arena = lt_arena_new(ctx->mem, NAMES_BYTES_MAX);
    if (enc->arena == NULL ||
        !compile_fields(enc, &enc->root, ctx->schema->fields, ctx->schema->count)) {
        json_encoder_free((lt_encoder *)(void *)enc);
        return lt_error_nomem(err, "the json encoder");
    }
    lt_str mode = option_text(ctx, "map-null-key.mode");
    enc->null_key = lt_str_eq_ci(mode, LT_STR("DROP"))      ? NULL_KEY_DROP
                    : lt_str_eq_ci(mode, LT_STR("LITERAL")) ? NULL_KEY_LITERAL
                                                            : NULL_KEY_FAIL;
    enc->null_literal = option_text(ctx, "map-null-key.literal");
    enc->plain_decimal = option_bool(ctx, "encode.decimal-as-plain-number");
    enc->skip_null = option_bool(ctx, "encode.ignore-null-fields");
    enc->time_sep =
        lt_str_eq_ci(option_text(ctx, "timestamp-format.standard"), LT_STR("ISO-8601")) ? 'T' : ' ';
    *out = (lt_encoder *)(void *)enc;
    return LT_OK;
}

void lt_json_value_text(lt_text *to, const lt_col *col, uint32_t row)
{
    json_encoder enc = {
        .ctx.mem = to->mem, .null_key = NULL_KEY_LITERAL, .plain_decimal = true, .time_sep = ' '};
    enc.null_literal = LT_STR("null");
    json_field field = {.type = col->type};
    bool nested = col->type->field_count > 0;
    if (nested) {
        enc.arena = lt_arena_new(to->mem, NAMES_BYTES_MAX);
        if (enc.arena == NULL || !compile_field(&enc, &field, col->type)) {
            lt_arena_free(enc.arena);
            to->failed = true;
            return;
        }
    }
    if (put_value(&enc, to, &field, col, row) != LT_OK) {
        to->failed = true;
    }
    lt_arena_free(enc.arena);
}
