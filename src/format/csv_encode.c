/* The CSV encoder, byte for byte as Flink's (Jackson's CsvMapper): a text is quoted when it is
 * longer than 24 characters or has a character below the highest of delimiter, quote and line feed
 * (which catches blanks, quotes, control characters) or an escape; quotes within are doubled. NULL
 * is the null literal, else empty; numbers are never quoted. */
#include "format/csv.h"

#include "format/datetime.h"
#include "format/decode_int.h"
#include "format/number.h"
#include "format/text.h"

#define UNQUOTED_MAX 24 /* UTF-16 units */

typedef struct {
    lt_format_ctx ctx;
    csv_dialect dialect;
    unsigned char safe_from; /* characters from here on need no quotes */
    lt_text nested;          /* an ARRAY's or ROW's text */
} csv_encoder;

static bool needs_quotes(const csv_encoder *enc, lt_str text)
{
    size_t units = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char ch = (unsigned char)text.ptr[i];
        if (ch < enc->safe_from ||
            (enc->dialect.escape != '\0' && ch == (unsigned char)enc->dialect.escape)) {
            return true;
        }
        /* Leading bytes count one unit, those of four-byte sequences two. */
        units += (ch & 0xC0) != 0x80 ? (ch >= 0xF0 ? 2U : 1U) : 0U;
        if (units > UNQUOTED_MAX) {
            return true;
        }
    }
    return false;
}

static void put_text(const csv_encoder *enc, lt_text *to, lt_str text)
{
    const char quote = enc->dialect.quote;
    const char escape = enc->dialect.escape;
    if (quote == '\0' || !needs_quotes(enc, text)) {
        lt_text_append(to, text.ptr, text.len);
        return;
    }
    if (!lt_text_reserve(to, text.len * 2 + 2)) {
        return;
    }
    char *out = to->ptr + to->len;
    *out++ = quote;
    if (memchr(text.ptr, quote, text.len) == NULL && escape == '\0') {
        memcpy(out, text.ptr, text.len);
        out += text.len;
        text.len = 0;
    }
    for (size_t i = 0; i < text.len; i++) {
        char ch = text.ptr[i];
        if (ch == quote || (escape != '\0' && ch == escape)) {
            *out++ = ch;
        }
        *out++ = ch;
    }
    *out++ = quote;
    *out = '\0';
    to->len = (size_t)(out - to->ptr);
}

static void put_decimal(const csv_encoder *enc, lt_text *to, const lt_col *col, uint32_t row)
{
    lt_i128 value = col->phys == LT_PHYS_I128 ? LT_COL_DATA(col, lt_i128)[row]
                                              : (lt_i128)LT_COL_DATA(col, int64_t)[row];
    if (enc->dialect.scientific) {
        lt_num_put_stripped(to, value, col->type->scale);
    } else {
        lt_text_decimal(to, value, col->type->scale);
    }
}

static void put_time(lt_text *to, int32_t ms)
{
    lt_put_time(to, ms / 1000);
    lt_put_fraction(to, ms % 1000 * 1000000);
}

/* A scalar without quotes; true when it is text, which may need them. */
static bool put_plain(const csv_encoder *enc, lt_text *to, const lt_col *col, uint32_t row)
{
    switch (col->type->kind) {
    case LT_TYPE_BOOLEAN:
        lt_text_puts(to, LT_COL_DATA(col, uint8_t)[row] ? "true" : "false");
        return false;
    case LT_TYPE_DECIMAL:
        put_decimal(enc, to, col, row);
        return false;
    case LT_TYPE_INTERVAL_MONTH:
        lt_text_printf(to, "%d", LT_COL_DATA(col, int32_t)[row]);
        return false;
    case LT_TYPE_INTERVAL_SECOND:
        lt_text_printf(to, "%lld", (long long)LT_COL_DATA(col, int64_t)[row]);
        return false;
    case LT_TYPE_TINYINT:
    case LT_TYPE_SMALLINT:
    case LT_TYPE_INT:
    case LT_TYPE_BIGINT:
    case LT_TYPE_FLOAT:
    case LT_TYPE_DOUBLE:
        lt_text_value(to, col, row, LT_TEXT_JAVA);
        return false;
    case LT_TYPE_BINARY:
    case LT_TYPE_VARBINARY: {
        const lt_strv *view = &LT_COL_DATA(col, lt_strv)[row];
        lt_base64_encode(to, lt_strv_ptr(view), view->len);
        return true;
    }
    case LT_TYPE_TIME:
        put_time(to, LT_COL_DATA(col, int32_t)[row]);
        return true;
    case LT_TYPE_TIMESTAMP:
    case LT_TYPE_TIMESTAMP_LTZ:
        lt_put_timestamp(to, lt_load_instant(col, row), ' ');
        lt_text_puts(to, col->type->kind == LT_TYPE_TIMESTAMP_LTZ ? "Z" : "");
        return true;
    case LT_TYPE_CHAR:
    case LT_TYPE_VARCHAR:
    case LT_TYPE_DATE:
    case LT_TYPE_NULL:
    case LT_TYPE_ARRAY:
    case LT_TYPE_MAP:
    case LT_TYPE_MULTISET:
    case LT_TYPE_ROW:
    case LT_TYPE_VARIANT:
    case LT_TYPE_DESCRIPTOR:
    case LT_TYPE_SYMBOL:
    case LT_TYPE_KIND_COUNT:
        break;
    }
    lt_text_value(to, col, row, LT_TEXT_SQL);
    return true;
}

static void put_element(const csv_encoder *enc, lt_text *to, const lt_col *col, uint32_t row)
{
    if (lt_col_is_null(col, row)) {
        lt_text_append(to, enc->dialect.null_literal.ptr, enc->dialect.null_literal.len);
    } else {
        (void)put_plain(enc, to, col, row);
    }
}

/* An ARRAY's elements or a ROW's fields, joined. */
static void put_joined(const csv_encoder *enc, lt_text *to, const lt_col *col, uint32_t row)
{
    lt_str delimiter = enc->dialect.array_delimiter;
    bool array = col->type->kind == LT_TYPE_ARRAY;
    lt_span span = array ? LT_COL_DATA(col, lt_span)[row] : (lt_span){row, col->child_count};
    for (uint32_t i = 0; i < span.count; i++) {
        if (i > 0) {
            lt_text_append(to, delimiter.ptr, delimiter.len);
        }
        put_element(enc, to, array ? col->children : &col->children[i],
                    array ? span.start + i : row);
    }
}

static void put_field(csv_encoder *enc, lt_text *to, const lt_col *col, uint32_t row)
{
    lt_type_kind kind = col->type->kind;
    if (lt_col_is_null(col, row)) {
        /* As it is: Jackson writes its null value without quotes. */
        lt_text_append(to, enc->dialect.null_literal.ptr, enc->dialect.null_literal.len);
        return;
    }
    if (lt_type_is_string(col->type)) {
        put_text(enc, to, lt_strv_str(&LT_COL_DATA(col, lt_strv)[row]));
        return;
    }
    size_t before = to->len;
    bool text = true;
    if (kind == LT_TYPE_ARRAY || kind == LT_TYPE_ROW) {
        put_joined(enc, to, col, row);
    } else {
        text = put_plain(enc, to, col, row);
    }
    if (!text || to->failed || !needs_quotes(enc, (lt_str){to->ptr + before, to->len - before})) {
        return;
    }
    /* Again, through a copy: the quotes go around what was just written. */
    lt_text_clear(&enc->nested);
    lt_text_append(&enc->nested, to->ptr + before, to->len - before);
    to->failed = to->failed || enc->nested.failed;
    to->len = before;
    put_text(enc, to, lt_text_str(&enc->nested));
}

lt_status csv_encode(lt_encoder *encoder, const lt_batch *batch, const uint32_t *rows,
                     uint32_t count, lt_text *to, lt_error *err)
{
    csv_encoder *enc = (csv_encoder *)(void *)encoder;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t c = 0; c < batch->col_count; c++) {
            if (c > 0) {
                lt_text_putc(to, enc->dialect.delimiter);
            }
            put_field(enc, to, &batch->cols[c], rows[i]);
        }
        lt_text_putc(to, '\n');
        if (to->failed) {
            return lt_error_nomem(err, "csv output");
        }
    }
    return LT_OK;
}

void csv_encoder_free(lt_encoder *encoder)
{
    csv_encoder *enc = (csv_encoder *)(void *)encoder;
    if (enc != NULL) {
        lt_text_deinit(&enc->nested);
        lt_mem_free(enc->ctx.mem, enc, sizeof *enc);
    }
}

lt_status csv_encoder_new(const lt_format_ctx *ctx, lt_encoder **out, lt_error *err)
{
    csv_encoder *enc = lt_mem_zalloc(ctx->mem, sizeof *enc);
    if (enc == NULL) {
        return lt_error_nomem(err, "the csv encoder");
    }
    enc->ctx = *ctx;
    lt_text_init(&enc->nested, ctx->mem);
    lt_status st = csv_dialect_read(ctx, &enc->dialect, err);
    if (st != LT_OK) {
        csv_encoder_free((lt_encoder *)(void *)enc);
        return st;
    }
    unsigned char highest = (unsigned char)LT_MAX(enc->dialect.delimiter, '\n');
    highest = LT_MAX(highest, (unsigned char)enc->dialect.quote);
    enc->safe_from = (unsigned char)(highest + 1);
    *out = (lt_encoder *)(void *)enc;
    return LT_OK;
}
