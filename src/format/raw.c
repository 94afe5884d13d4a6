/* The raw format: one column, one line per record. STRING and BYTES take the line as it is (a
 * carriage return before the newline is cut off); numbers and BOOLEAN are the line's bytes in the
 * given byte order, which must be as many as the type has. A number that contains a newline byte
 * cannot come through a file; message systems hand in one message per call. */
#include "format/decode_int.h"
#include "format/utf8.h"

enum { RAW_OPTION_COUNT = 2 };

static const lt_option_def raw_options[RAW_OPTION_COUNT] = {
    {.name = "charset",
     .kind = LT_OPT_STRING,
     .fallback = "UTF-8",
     .help = "UTF-8; other charsets are refused"},
    {.name = "endianness",
     .kind = LT_OPT_ENUM,
     .fallback = "big-endian",
     .choices = "big-endian|little-endian",
     .help = "Byte order of numbers"},
};

typedef struct {
    lt_decoder_base base;
    size_t width; /* bytes of a number; 0 = text or bytes */
    bool swap;    /* the other byte order than this machine's */
} raw_decoder;

typedef struct {
    lt_format_ctx ctx;
    size_t width;
    bool swap;
} raw_encoder;

static lt_str option_text(const lt_format_ctx *ctx, const char *name)
{
    return lt_options_get(&ctx->options, ctx->prefix, raw_options, RAW_OPTION_COUNT, name);
}

/* Bytes of a fixed-size value; 0 for text and bytes. */
static size_t width_of(const lt_type *type)
{
    return lt_type_is_string(type) || lt_type_is_binary(type) ? 0
                                                              : lt_phys_size(lt_type_phys(type));
}

static bool must_swap(const lt_format_ctx *ctx)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    bool little_here = first == 1;
    return lt_str_eq_ci(option_text(ctx, "endianness"), LT_STR("little-endian")) != little_here;
}

static lt_status raw_check(const lt_format_ctx *ctx, bool decode, lt_error *err)
{
    const lt_schema *record = decode && ctx->record_schema ? ctx->record_schema : ctx->schema;
    lt_str charset = option_text(ctx, "charset");
    if (record->count != 1) {
        return lt_error_set(
            err, LT_ERR_SQL,
            "The 'raw' format only supports single physical column, but this table has %u",
            record->count);
    }
    if (!lt_str_eq_ci(charset, LT_STR("UTF-8")) && !lt_str_eq_ci(charset, LT_STR("UTF8"))) {
        return lt_error_set(err, LT_ERR_UNSUPPORTED,
                            "option '%scharset': only UTF-8 is supported, not '%.*s'", ctx->prefix,
                            LT_STR_ARG(charset));
    }
    const lt_type *type = record->fields[0].type;
    switch (type->kind) {
    case LT_TYPE_BOOLEAN:
    case LT_TYPE_TINYINT:
    case LT_TYPE_SMALLINT:
    case LT_TYPE_INT:
    case LT_TYPE_BIGINT:
    case LT_TYPE_FLOAT:
    case LT_TYPE_DOUBLE:
    case LT_TYPE_CHAR:
    case LT_TYPE_VARCHAR:
    case LT_TYPE_BINARY:
    case LT_TYPE_VARBINARY:
        return LT_OK;
    case LT_TYPE_NULL:
    case LT_TYPE_DECIMAL:
    case LT_TYPE_DATE:
    case LT_TYPE_TIME:
    case LT_TYPE_TIMESTAMP:
    case LT_TYPE_TIMESTAMP_LTZ:
    case LT_TYPE_INTERVAL_MONTH:
    case LT_TYPE_INTERVAL_SECOND:
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
    return lt_error_set(err, LT_ERR_UNSUPPORTED,
                        "The 'raw' format doesn't support the type of column '%.*s'",
                        LT_STR_ARG(record->fields[0].name));
}

/* ---- decoder ---- */

static lt_status raw_decoder_new(const lt_format_ctx *ctx, lt_decoder **out, lt_error *err)
{
    raw_decoder *dec = lt_mem_zalloc(ctx->mem, sizeof *dec);
    if (dec == NULL) {
        return lt_error_nomem(err, "the raw decoder");
    }
    lt_decoder_base_init(&dec->base, ctx);
    dec->width = ctx->schema->count > 0 ? width_of(ctx->schema->fields[0].type) : 0;
    dec->swap = must_swap(ctx);
    *out = (lt_decoder *)(void *)dec;
    return LT_OK;
}

static void raw_decoder_free(lt_decoder *decoder)
{
    raw_decoder *dec = (raw_decoder *)(void *)decoder;
    if (dec != NULL) {
        lt_mem *mem = dec->base.ctx.mem;
        lt_mem_free(mem, dec, sizeof *dec);
    }
}

static void copy_bytes(void *to, const void *from, size_t width, bool swap)
{
    const char *in = from;
    char *out = to;
    for (size_t i = 0; i < width; i++) {
        out[i] = in[swap ? width - 1 - i : i];
    }
}

/* The line's bytes as the row's value; false with *why. */
static bool put_line(raw_decoder *dec, lt_batch *batch, lt_str line, lt_refusal *why)
{
    if (batch->col_count == 0) {
        return true;
    }
    lt_col *col = &batch->cols[0];
    uint32_t row = batch->row_count;
    if (lt_type_is_string(col->type) && !lt_utf8_valid(line.ptr, line.len, dec->base.cpu)) {
        lt_refuse(why, "bad-utf8", "the line is not UTF-8");
        return false;
    }
    lt_col_put_valid(col, row);
    if (dec->width == 0) {
        LT_COL_DATA(col, lt_strv)[row] = lt_strv_make(line.ptr, line.len);
        return true;
    }
    if (line.len != dec->width) {
        lt_refuse(why, "bad-field", "%zu bytes where the column's type has %zu", line.len,
                  dec->width);
        return false;
    }
    if (col->phys == LT_PHYS_BOOL) {
        LT_COL_DATA(col, uint8_t)[row] = line.ptr[0] != 0;
    } else {
        copy_bytes((char *)col->data + dec->width * row, line.ptr, dec->width, dec->swap);
    }
    return true;
}

static lt_status raw_line(raw_decoder *dec, lt_decode_in *in, lt_batch *batch, bool *stop,
                          lt_error *err)
{
    lt_line_state state;
    const char *from = in->buf->ptr + in->pos;
    const char *newline = memchr(from, '\n', in->end - in->pos);
    LT_TRY(lt_decoder_line(&dec->base, in, newline, &state, err));
    *stop = state.stop;
    if (!state.go_on) {
        return LT_OK;
    }
    size_t end = newline ? (size_t)(newline - in->buf->ptr) : in->end;
    lt_str line = {from, end - in->pos};
    if (dec->width == 0 && line.len > 0 && line.ptr[line.len - 1] == '\r') {
        line.len--;
    }
    lt_refusal why;
    if (put_line(dec, batch, line, &why)) {
        batch->row_count++;
        dec->base.stats.records++;
    } else {
        LT_TRY(lt_decoder_reject(&dec->base, in, in->pos, in->pos + line.len, &why, err));
    }
    size_t next = end + (newline != NULL);
    dec->base.stats.bytes += next - in->pos;
    in->pos = next;
    return LT_OK;
}

static lt_status raw_decode(lt_decoder *decoder, lt_decode_in *in, lt_batch *batch, lt_error *err)
{
    raw_decoder *dec = (raw_decoder *)(void *)decoder;
    bool stop = false;
    if (in->base_offset + (int64_t)in->pos == 0) {
        dec->base.skipping = false;
    }
    if (in->pos == in->end || batch->row_count == batch->row_cap) {
        return LT_OK;
    }
    if (!lt_decoder_pin(&dec->base, batch, in->buf)) {
        return lt_error_nomem(err, "a raw batch");
    }
    while (!stop && in->pos < in->end && batch->row_count < batch->row_cap) {
        LT_TRY(raw_line(dec, in, batch, &stop, err));
    }
    return LT_OK;
}

/* ---- encoder ---- */

static lt_status raw_encoder_new(const lt_format_ctx *ctx, lt_encoder **out, lt_error *err)
{
    raw_encoder *enc = lt_mem_zalloc(ctx->mem, sizeof *enc);
    if (enc == NULL) {
        return lt_error_nomem(err, "the raw encoder");
    }
    enc->ctx = *ctx;
    enc->width = width_of(ctx->schema->fields[0].type);
    enc->swap = must_swap(ctx);
    *out = (lt_encoder *)(void *)enc;
    return LT_OK;
}

static void raw_encoder_free(lt_encoder *encoder)
{
    raw_encoder *enc = (raw_encoder *)(void *)encoder;
    if (enc != NULL) {
        lt_mem *mem = enc->ctx.mem;
        lt_mem_free(mem, enc, sizeof *enc);
    }
}

static lt_status raw_encode(lt_encoder *encoder, const lt_batch *batch, const uint32_t *rows,
                            uint32_t count, lt_text *to, lt_error *err)
{
    const raw_encoder *enc = (const raw_encoder *)(const void *)encoder;
    const lt_col *col = &batch->cols[0];
    for (uint32_t i = 0; i < count; i++) {
        char bytes[16];
        lt_str value = {bytes, 0};
        if (!lt_col_is_null(col, rows[i]) && enc->width == 0) {
            value = lt_strv_str(&LT_COL_DATA(col, lt_strv)[rows[i]]);
        } else if (!lt_col_is_null(col, rows[i])) {
            copy_bytes(bytes, (const char *)col->data + enc->width * rows[i], enc->width,
                       enc->swap);
            value.len = enc->width;
        }
        lt_text_append(to, value.ptr, value.len); /* NULL is an empty line */
        lt_text_putc(to, '\n');
    }
    return to->failed ? lt_error_nomem(err, "raw output") : LT_OK;
}

const lt_format lt_format_raw = {
    .name = "raw",
    .help = "One column: lines, or the bytes of a number",
    .options = raw_options,
    .option_count = RAW_OPTION_COUNT,
    .has_decoder = true,
    .has_encoder = true,
    .check = raw_check,
    .decoder_new = raw_decoder_new,
    .decode = raw_decode,
    .decoder_free = raw_decoder_free,
    .whole = lt_format_whole_lines,
    .encoder_new = raw_encoder_new,
    .encode = raw_encode,
    .encoder_free = raw_encoder_free,
};
