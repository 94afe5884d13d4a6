/* What all decoders share; see decode_int.h. */
#include <stdarg.h>
#include <stdio.h>

#include "format/decode_int.h"
#include "format/number.h"

#define RECORD_BYTES_MAX (8LL << 20)
#define MS_PER_SECOND    1000

void lt_decoder_base_init(lt_decoder_base *base, const lt_format_ctx *ctx)
{
    base->ctx = *ctx;
    base->record_bytes_max = ctx->record_bytes_max > 0 ? ctx->record_bytes_max : RECORD_BYTES_MAX;
    base->cpu = lt_cpu_level_from(ctx->cpu);
    base->borrows = false;
    for (uint32_t i = 0; i < ctx->schema->count; i++) {
        lt_phys phys = lt_type_phys(ctx->schema->fields[i].type);
        base->borrows = base->borrows || phys == LT_PHYS_STR || phys == LT_PHYS_LIST ||
                        phys == LT_PHYS_STRUCT;
    }
}

bool lt_decoder_pin(const lt_decoder_base *base, lt_batch *batch, lt_buf *buf)
{
    return !base->borrows || lt_batch_pin_buf(batch, buf);
}

const lt_decode_stats *lt_decoder_stats(const lt_decoder *decoder)
{
    return (const lt_decode_stats *)(const void *)decoder;
}

void lt_refuse(lt_refusal *why, const char *code, const char *fmt, ...)
{
    va_list args;
    why->code = code;
    why->stage = LT_STAGE_PARSE;
    va_start(args, fmt);
    (void)vsnprintf(why->detail, sizeof why->detail, fmt, args);
    va_end(args);
    /* Texts are cut to fit: not within a character. */
    size_t len = strlen(why->detail);
    if (len + 1 == sizeof why->detail) {
        while (len > 0 && ((unsigned char)why->detail[len - 1] & 0xC0) == 0x80) {
            len--;
        }
        if (len > 0 && ((unsigned char)why->detail[len - 1] & 0x80) != 0) {
            len--;
        }
        why->detail[len] = '\0';
    }
}

lt_status lt_decoder_reject(lt_decoder_base *base, const lt_decode_in *in, size_t from, size_t to,
                            const lt_refusal *why, lt_error *err)
{
    base->stats.records++;
    base->stats.rejected++;
    lt_reject reject = {
        .stage = why->stage,
        .code = why->code,
        .detail = lt_str_of(why->detail),
        .table = base->ctx.table,
        .where = in->where,
        .position = in->base_offset + (int64_t)from,
        .event_ms = LT_WATERMARK_MIN,
        .kind = LT_INSERT,
        .raw = {in->buf->ptr + from, to - from},
    };
    return base->ctx.rejects->put(base->ctx.rejects, &reject, err);
}

size_t lt_format_whole_lines(const lt_format_ctx *ctx, const char *ptr, size_t len)
{
    (void)ctx;
    const char *newline = len > 0 ? memrchr(ptr, '\n', len) : NULL;
    return newline != NULL ? (size_t)(newline - ptr) + 1 : 0;
}

bool lt_decoder_stream_start(lt_decoder_base *base, lt_decode_in *in, bool *wait)
{
    static const unsigned char mark[] = {0xEF, 0xBB, 0xBF};
    *wait = false;
    if (in->base_offset + (int64_t)in->pos != 0) {
        return false;
    }
    base->skipping = false;
    size_t have = LT_MIN(in->end - in->pos, sizeof mark);
    if (have == 0 || memcmp(in->buf->ptr + in->pos, mark, have) != 0) {
        return true;
    }
    if (have == sizeof mark) {
        in->pos += sizeof mark;
        base->stats.bytes += sizeof mark;
    } else if (!in->last) {
        *wait = true;
        return false;
    }
    return true;
}

static void consume(lt_decoder_base *base, lt_decode_in *in, size_t to)
{
    base->stats.bytes += to - in->pos;
    in->pos = to;
}

lt_status lt_decoder_line(lt_decoder_base *base, lt_decode_in *in, const char *newline,
                          lt_line_state *state, lt_error *err)
{
    size_t stop = newline ? (size_t)(newline - in->buf->ptr) : in->end;
    size_t len = stop - in->pos;
    *state = (lt_line_state){0};
    if (base->skipping) {
        consume(base, in, newline ? stop + 1 : stop);
        base->skipping = newline == NULL && !in->last;
        state->stop = newline == NULL;
        return LT_OK;
    }
    if ((int64_t)len > base->record_bytes_max) {
        lt_refusal why;
        lt_refuse(&why, "record-too-long", "the record is longer than %lld bytes",
                  (long long)base->record_bytes_max);
        size_t raw = LT_MIN(LT_MIN(len, (size_t)LT_REJECT_RAW_MAX), (size_t)base->record_bytes_max);
        LT_TRY(lt_decoder_reject(base, in, in->pos, in->pos + raw, &why, err));
        consume(base, in, newline ? stop + 1 : stop);
        base->skipping = newline == NULL && !in->last;
        state->stop = newline == NULL;
        return LT_OK;
    }
    state->go_on = newline != NULL || (in->last && len > 0);
    state->stop = !state->go_on;
    return LT_OK;
}

void lt_conv_time_forms(lt_conv_rules *rules, bool iso, bool lenient)
{
    rules->timestamp = (lt_time_form){.space = !iso || lenient,
                                      .t = iso || lenient,
                                      .zone_any = lenient,
                                      .clamp = !iso && !lenient};
    rules->ltz = rules->timestamp;
    rules->ltz.zone_needed = !lenient;
    rules->time_epoch = lenient;
}

/* A number as time since 1970. Its unit follows from its size: up to the year 5138 in seconds,
 * which leaves the first three years after 1970 to seconds alone in all finer units. */
static bool epoch_instant(lt_str text, lt_instant *at)
{
    const lt_i128 billion = 1000000000;
    lt_i128 value; /* in billionths of the unit */
    if (lt_num_decimal(text, 38, 9, &value) != LT_NUM_OK) {
        return false;
    }
    lt_i128 size = value < 0 ? -value : value;
    lt_i128 unit = 1; /* of the number, as parts of a second */
    while (size >= unit * 100 * billion * billion && unit < billion) {
        unit *= 1000;
    }
    lt_i128 nanos = value / unit;
    lt_i128 ms = nanos / 1000000 - (nanos % 1000000 < 0 ? 1 : 0);
    if (ms > INT64_MAX || ms < INT64_MIN) {
        return false;
    }
    *at = (lt_instant){.ms = (int64_t)ms, .ns_of_ms = (int32_t)(nanos - ms * 1000000)};
    return true;
}

bool lt_conv_store_i64(lt_col *col, uint32_t row, int64_t value)
{
    switch (col->phys) {
    case LT_PHYS_I8:
        LT_COL_DATA(col, int8_t)[row] = (int8_t)value;
        return value >= INT8_MIN && value <= INT8_MAX;
    case LT_PHYS_I16:
        LT_COL_DATA(col, int16_t)[row] = (int16_t)value;
        return value >= INT16_MIN && value <= INT16_MAX;
    case LT_PHYS_I32:
        LT_COL_DATA(col, int32_t)[row] = (int32_t)value;
        return value >= INT32_MIN && value <= INT32_MAX;
    case LT_PHYS_I64:
        LT_COL_DATA(col, int64_t)[row] = value;
        return true;
    case LT_PHYS_NONE:
    case LT_PHYS_BOOL:
    case LT_PHYS_I128:
    case LT_PHYS_F32:
    case LT_PHYS_F64:
    case LT_PHYS_STR:
    case LT_PHYS_TS9:
    case LT_PHYS_LIST:
    case LT_PHYS_STRUCT:
        break;
    }
    return false;
}

static lt_conv conv_integer(lt_col *col, uint32_t row, lt_str text)
{
    int64_t value;
    return lt_str_to_i64(lt_num_trim(text), &value) && lt_conv_store_i64(col, row, value)
               ? LT_CONV_OK
               : LT_CONV_BAD;
}

static lt_conv conv_bool(const lt_conv_rules *rules, lt_col *col, uint32_t row, lt_str text)
{
    lt_str word = lt_num_trim(text);
    bool yes = lt_str_eq_ci(word, LT_STR("true"));
    if (rules->bool_strict && !yes && !lt_str_eq_ci(word, LT_STR("false"))) {
        return LT_CONV_BAD;
    }
    LT_COL_DATA(col, uint8_t)[row] = yes;
    return LT_CONV_OK;
}

static lt_conv conv_float(lt_col *col, uint32_t row, lt_str text)
{
    lt_str number = lt_num_trim(text);
    if (col->phys == LT_PHYS_F32) {
        return lt_num_f32(number, &LT_COL_DATA(col, float)[row]) ? LT_CONV_OK : LT_CONV_BAD;
    }
    return lt_num_f64(number, &LT_COL_DATA(col, double)[row]) ? LT_CONV_OK : LT_CONV_BAD;
}

static lt_conv conv_decimal(const lt_conv_rules *rules, lt_col *col, uint32_t row, lt_str text)
{
    lt_i128 value;
    lt_str number = rules->decimal_trim ? lt_num_trim(text) : text;
    lt_num_result got = lt_num_decimal(number, col->type->precision, col->type->scale, &value);
    if (got != LT_NUM_OK) {
        return got == LT_NUM_BAD ? LT_CONV_BAD : LT_CONV_NULL;
    }
    if (col->phys == LT_PHYS_I128) {
        LT_COL_DATA(col, lt_i128)[row] = value;
    } else {
        LT_COL_DATA(col, int64_t)[row] = (int64_t)value;
    }
    return LT_CONV_OK;
}

static lt_conv conv_bytes(lt_col *col, uint32_t row, lt_str text, lt_arena *arena)
{
    if (text.len == 0) {
        LT_COL_DATA(col, lt_strv)[row] = lt_strv_make(NULL, 0);
        return LT_CONV_OK;
    }
    uint8_t *bytes = lt_arena_alloc(arena, text.len / 4 * 3 + 3, 1);
    if (!bytes) {
        return LT_CONV_NOMEM;
    }
    size_t len = lt_base64_decode(text.ptr, text.len, bytes);
    if (len == SIZE_MAX) {
        return LT_CONV_BAD;
    }
    LT_COL_DATA(col, lt_strv)[row] = lt_strv_make((const char *)bytes, len);
    return LT_CONV_OK;
}

static lt_conv conv_time(const lt_conv_rules *rules, lt_col *col, uint32_t row, lt_str text)
{
    const lt_type *type = col->type;
    lt_instant at;
    int32_t value, nanos;
    if (type->kind == LT_TYPE_DATE) {
        if (!lt_parse_date(text, false, &value)) {
            int32_t last;
            /* The last day of the month, and the days beyond it counted on. */
            if (!rules->date_clamp || !lt_parse_date(text, true, &last)) {
                return LT_CONV_BAD;
            }
            int64_t year;
            unsigned month, day;
            lt_civil_from_days(last, &year, &month, &day);
            unsigned wanted = (unsigned)(text.ptr[text.len - 2] - '0') * 10 +
                              (unsigned)(text.ptr[text.len - 1] - '0');
            value = last + (int32_t)(wanted - day);
        }
        LT_COL_DATA(col, int32_t)[row] = value;
        return LT_CONV_OK;
    }
    if (type->kind == LT_TYPE_TIME) {
        if (!lt_parse_time(text, !rules->time_short, rules->time_clamp, &value, &nanos)) {
            return LT_CONV_BAD;
        }
        /* Flink's formats keep whole seconds of a TIME, whatever its precision. */
        LT_COL_DATA(col, int32_t)[row] = value - value % MS_PER_SECOND;
        return LT_CONV_OK;
    }
    const lt_time_form *form = type->kind == LT_TYPE_TIMESTAMP ? &rules->timestamp : &rules->ltz;
    text = rules->time_trim ? lt_num_trim(text) : text;
    if (!lt_parse_timestamp(text, form, &at) && !(rules->time_epoch && epoch_instant(text, &at))) {
        return LT_CONV_BAD;
    }
    return lt_store_instant(col, row, at) ? LT_CONV_OK : LT_CONV_BAD;
}

lt_conv lt_conv_text(const lt_conv_rules *rules, lt_col *col, uint32_t row, lt_str text,
                     lt_arena *arena)
{
    switch (col->type->kind) {
    case LT_TYPE_BOOLEAN:
        return conv_bool(rules, col, row, text);
    case LT_TYPE_TINYINT:
    case LT_TYPE_SMALLINT:
    case LT_TYPE_INT:
    case LT_TYPE_BIGINT:
    case LT_TYPE_INTERVAL_MONTH:
    case LT_TYPE_INTERVAL_SECOND:
        return conv_integer(col, row, text);
    case LT_TYPE_FLOAT:
    case LT_TYPE_DOUBLE:
        return conv_float(col, row, text);
    case LT_TYPE_DECIMAL:
        return conv_decimal(rules, col, row, text);
    case LT_TYPE_CHAR:
    case LT_TYPE_VARCHAR:
        LT_COL_DATA(col, lt_strv)[row] = lt_strv_make(text.ptr, text.len);
        return LT_CONV_OK;
    case LT_TYPE_BINARY:
    case LT_TYPE_VARBINARY:
        return conv_bytes(col, row, text, arena);
    case LT_TYPE_DATE:
    case LT_TYPE_TIME:
    case LT_TYPE_TIMESTAMP:
    case LT_TYPE_TIMESTAMP_LTZ:
        return conv_time(rules, col, row, text);
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
    return LT_CONV_BAD;
}

bool lt_col_put_null(lt_col *col, uint32_t row, uint32_t cap, lt_arena *arena)
{
    uint64_t *valid = lt_col_need_valid(col, cap, arena);
    if (!valid) {
        return false;
    }
    lt_bit_clear(valid, row);
    size_t size = lt_phys_size(col->phys);
    if (size > 0) {
        memset((char *)col->data + size * row, 0, size);
    }
    for (uint32_t i = 0; col->phys == LT_PHYS_STRUCT && i < col->child_count; i++) {
        if (!lt_col_put_null(&col->children[i], row, cap, arena)) {
            return false;
        }
    }
    return true;
}

void lt_cols_restore(lt_col *cols, uint32_t count, uint32_t row)
{
    for (uint32_t i = 0; i < count; i++) {
        lt_col_put_valid(&cols[i], row);
        if (cols[i].phys == LT_PHYS_STRUCT) {
            lt_cols_restore(cols[i].children, cols[i].child_count, row);
        }
    }
}
