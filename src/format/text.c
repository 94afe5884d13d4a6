/* Values as text, in the three styles of text.h. Nested values recurse by depth of their type.
 * Where the styles differ is said once, in each small function. */
#include "format/text.h"

#include "format/datetime.h"
#include "format/number.h"

#define MS_PER_DAY 86400000LL

static void put_value(lt_text *to, const lt_col *col, uint32_t row, lt_text_style style,
                      bool nested);

void lt_text_decimal(lt_text *to, lt_i128 unscaled, unsigned scale)
{
    char digits[48];
    char *at = digits + sizeof digits;
    lt_u128 left = unscaled < 0 ? 0 - (lt_u128)unscaled : (lt_u128)unscaled;
    unsigned count = 0;
    while (left > 0 || count <= scale) {
        if (count == scale && scale > 0) {
            *--at = '.';
        }
        *--at = (char)('0' + (unsigned)(left % 10));
        left /= 10;
        count++;
    }
    if (unscaled < 0) {
        *--at = '-';
    }
    lt_text_append(to, at, (size_t)(digits + sizeof digits - at));
}

const char *lt_kind_text(uint8_t kind)
{
    static const char *const texts[] = {"+I", "-U", "+U", "-D"};
    return kind < LT_COUNT_OF(texts) ? texts[kind] : "?";
}

static void put_bool(lt_text *to, bool value, lt_text_style style)
{
    if (style == LT_TEXT_JAVA) {
        lt_text_puts(to, value ? "true" : "false");
    } else {
        lt_text_puts(to, value ? "TRUE" : "FALSE");
    }
}

/* Exactly `digits` fraction digits. */
static void put_fraction(lt_text *to, int32_t nanos, unsigned digits)
{
    char text[10] = {'.'};
    for (unsigned i = 9; i > 0; i--) {
        text[i] = (char)('0' + nanos % 10);
        nanos /= 10;
    }
    if (digits > 0) {
        lt_text_append(to, text, LT_MIN(digits, 9U) + 1);
    }
}

/* LocalTime.toString: no seconds when they are zero, the fraction in groups of three.
 * Instant.toString always has seconds. */
static void put_java_time(lt_text *to, int32_t ms_of_day, int32_t ns_of_ms, bool seconds)
{
    int32_t nanos = ms_of_day % 1000 * 1000000 + ns_of_ms;
    size_t before = to->len;
    lt_put_time(to, ms_of_day / 1000);
    if (ms_of_day / 1000 % 60 == 0 && nanos == 0 && !seconds && !to->failed) {
        to->len = before + 5;
        to->ptr[to->len] = '\0';
    }
    if (nanos != 0) {
        put_fraction(to, nanos, nanos % 1000000 == 0 ? 3 : nanos % 1000 == 0 ? 6 : 9);
    }
}

static void put_timestamp(lt_text *to, const lt_col *col, uint32_t row, lt_text_style style)
{
    lt_instant at = lt_load_instant(col, row);
    int64_t days;
    int32_t ms;
    bool ltz = col->type->kind == LT_TYPE_TIMESTAMP_LTZ;
    lt_split_ms(at.ms, &days, &ms);
    lt_put_date(to, days);
    if (style == LT_TEXT_JAVA) {
        lt_text_putc(to, 'T');
        put_java_time(to, ms, at.ns_of_ms, ltz);
        lt_text_puts(to, ltz ? "Z" : "");
        return;
    }
    lt_text_putc(to, ' ');
    lt_put_time(to, ms / 1000);
    put_fraction(to, ms % 1000 * 1000000 + at.ns_of_ms, col->type->precision);
}

static void put_time(lt_text *to, const lt_col *col, uint32_t row, lt_text_style style)
{
    int32_t ms = LT_COL_DATA(col, int32_t)[row];
    if (style == LT_TEXT_JAVA) {
        put_java_time(to, ms, 0, false);
        return;
    }
    lt_put_time(to, ms / 1000);
    put_fraction(to, ms % 1000 * 1000000, LT_MIN(col->type->precision, 3U));
}

/* `+10-03`; Period.toString: `P10Y3M`, each part with its sign. */
static void put_months(lt_text *to, int32_t months, lt_text_style style)
{
    if (style == LT_TEXT_JAVA) {
        lt_text_putc(to, 'P');
        if (months / 12 != 0) {
            lt_text_printf(to, "%dY", months / 12);
        }
        if (months % 12 != 0) {
            lt_text_printf(to, "%dM", months % 12);
        }
        if (months == 0) {
            lt_text_puts(to, "0D");
        }
        return;
    }
    int64_t size = months < 0 ? -(int64_t)months : months;
    lt_text_printf(to, "%c%lld-%02lld", months < 0 ? '-' : '+', (long long)(size / 12),
                   (long long)(size % 12));
}

/* Duration.toString: hours, minutes, seconds with fraction; parts that are zero are left out. */
static void put_duration(lt_text *to, int64_t ms)
{
    int64_t hours = ms / 3600000;
    int64_t minutes = ms / 60000 % 60;
    int64_t rest = ms % 60000;
    int64_t size = rest < 0 ? -rest : rest;
    lt_text_puts(to, ms == 0 ? "PT0S" : "PT");
    if (hours != 0) {
        lt_text_printf(to, "%lldH", (long long)hours);
    }
    if (minutes != 0) {
        lt_text_printf(to, "%lldM", (long long)minutes);
    }
    if (rest != 0) {
        lt_text_printf(to, "%s%lld", rest < 0 ? "-" : "", (long long)(size / 1000));
        lt_put_fraction(to, (int32_t)(size % 1000) * 1000000);
        lt_text_putc(to, 'S');
    }
}

/* `+1 10:17:36.789` */
static void put_day_time(lt_text *to, int64_t ms)
{
    uint64_t size = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    lt_text_printf(to, "%c%llu ", ms < 0 ? '-' : '+', (unsigned long long)(size / MS_PER_DAY));
    lt_put_time(to, (int64_t)(size % MS_PER_DAY / 1000));
    put_fraction(to, (int32_t)(size % 1000) * 1000000, 3);
}

static void put_hex(lt_text *to, lt_str bytes)
{
    static const char hex[] = "0123456789abcdef";
    lt_text_puts(to, "x'");
    for (size_t i = 0; i < bytes.len && lt_text_reserve(to, 2); i++) {
        unsigned char byte = (unsigned char)bytes.ptr[i];
        char two[2] = {hex[byte >> 4], hex[byte & 15]};
        lt_text_append(to, two, sizeof two);
    }
    lt_text_putc(to, '\'');
}

/* SQL: the bytes as UTF-8, each malformed one as U+FFFD. */
static void put_utf8(lt_text *to, lt_str bytes)
{
    const unsigned char *ptr = (const unsigned char *)bytes.ptr;
    for (size_t at = 0; at < bytes.len;) {
        unsigned char first = ptr[at];
        size_t need = first < 0x80   ? 1
                      : first < 0xC2 ? 0
                      : first < 0xE0 ? 2
                      : first < 0xF0 ? 3
                      : first < 0xF5 ? 4
                                     : 0;
        bool good = need > 0 && need <= bytes.len - at;
        for (size_t i = 1; good && i < need; i++) {
            good = (ptr[at + i] & 0xC0) == 0x80;
        }
        good = good && !(first == 0xE0 && ptr[at + 1] < 0xA0) &&
               !(first == 0xED && ptr[at + 1] > 0x9F) && !(first == 0xF0 && ptr[at + 1] < 0x90) &&
               !(first == 0xF4 && ptr[at + 1] > 0x8F);
        if (good) {
            lt_text_append(to, bytes.ptr + at, need);
            at += need;
        } else {
            lt_text_puts(to, "\xEF\xBF\xBD");
            at++;
        }
    }
}

static void put_bytes(lt_text *to, lt_str bytes, lt_text_style style)
{
    if (style == LT_TEXT_SHELL) {
        put_hex(to, bytes);
    } else if (style == LT_TEXT_SQL) {
        put_utf8(to, bytes);
    } else {
        lt_text_putc(to, '[');
        for (size_t i = 0; i < bytes.len; i++) {
            lt_text_printf(to, i > 0 ? ", %d" : "%d", (int)(signed char)bytes.ptr[i]);
        }
        lt_text_putc(to, ']');
    }
}

static void put_list(lt_text *to, const lt_col *col, uint32_t row, lt_text_style style)
{
    lt_span span = LT_COL_DATA(col, lt_span)[row];
    bool array = col->type->kind == LT_TYPE_ARRAY;
    lt_text_putc(to, array ? '[' : '{');
    for (uint32_t i = 0; i < span.count; i++) {
        lt_text_puts(to, i > 0 ? ", " : "");
        put_value(to, &col->children[0], span.start + i, style, true);
        if (!array) {
            lt_text_putc(to, '=');
            put_value(to, &col->children[1], span.start + i, style, true);
        }
    }
    lt_text_putc(to, array ? ']' : '}');
}

static void put_row(lt_text *to, const lt_col *col, uint32_t row, lt_text_style style)
{
    bool java = style == LT_TEXT_JAVA;
    lt_text_puts(to, java ? "+I[" : "(");
    for (uint32_t i = 0; i < col->child_count; i++) {
        lt_text_puts(to, i > 0 ? ", " : "");
        if (col->type->class_name.len > 0) {
            lt_str name = col->type->fields[i].name;
            lt_text_append(to, name.ptr, name.len);
            lt_text_putc(to, '=');
        }
        put_value(to, &col->children[i], row, style, true);
    }
    lt_text_putc(to, java ? ']' : ')');
}

static void put_null(lt_text *to, lt_text_style style, bool nested)
{
    lt_text_puts(to, style == LT_TEXT_JAVA               ? "null"
                     : style == LT_TEXT_SHELL && !nested ? "<NULL>"
                                                         : "NULL");
}

static void put_value(lt_text *to, const lt_col *col, uint32_t row, lt_text_style style,
                      bool nested)
{
    if (lt_col_is_null(col, row)) {
        put_null(to, style, nested);
        return;
    }
    switch (col->type->kind) {
    case LT_TYPE_BOOLEAN:
        put_bool(to, LT_COL_DATA(col, uint8_t)[row] != 0, style);
        return;
    case LT_TYPE_TINYINT:
        lt_num_put_i64(to, LT_COL_DATA(col, int8_t)[row]);
        return;
    case LT_TYPE_SMALLINT:
        lt_num_put_i64(to, LT_COL_DATA(col, int16_t)[row]);
        return;
    case LT_TYPE_INT:
        lt_num_put_i64(to, LT_COL_DATA(col, int32_t)[row]);
        return;
    case LT_TYPE_BIGINT:
        lt_num_put_i64(to, LT_COL_DATA(col, int64_t)[row]);
        return;
    case LT_TYPE_FLOAT:
        lt_text_float(to, LT_COL_DATA(col, float)[row]);
        return;
    case LT_TYPE_DOUBLE:
        lt_text_double(to, LT_COL_DATA(col, double)[row]);
        return;
    case LT_TYPE_DECIMAL:
        lt_text_decimal(to,
                        col->phys == LT_PHYS_I128 ? LT_COL_DATA(col, lt_i128)[row]
                                                  : (lt_i128)LT_COL_DATA(col, int64_t)[row],
                        col->type->scale);
        return;
    case LT_TYPE_CHAR:
    case LT_TYPE_VARCHAR: {
        lt_str text = lt_strv_str(&LT_COL_DATA(col, lt_strv)[row]);
        lt_text_append(to, text.ptr, text.len);
        return;
    }
    case LT_TYPE_VARIANT: { /* stored as its text */
        lt_str text = lt_strv_str(&LT_COL_DATA(col, lt_strv)[row]);
        lt_text_append(to, text.ptr, text.len);
        return;
    }
    case LT_TYPE_BINARY:
    case LT_TYPE_VARBINARY:
        put_bytes(to, lt_strv_str(&LT_COL_DATA(col, lt_strv)[row]), style);
        return;
    case LT_TYPE_DATE:
        lt_put_date(to, LT_COL_DATA(col, int32_t)[row]);
        return;
    case LT_TYPE_TIME:
        put_time(to, col, row, style);
        return;
    case LT_TYPE_TIMESTAMP:
    case LT_TYPE_TIMESTAMP_LTZ:
        put_timestamp(to, col, row, style);
        return;
    case LT_TYPE_INTERVAL_MONTH:
        put_months(to, LT_COL_DATA(col, int32_t)[row], style);
        return;
    case LT_TYPE_INTERVAL_SECOND:
        if (style == LT_TEXT_JAVA) {
            put_duration(to, LT_COL_DATA(col, int64_t)[row]);
        } else {
            put_day_time(to, LT_COL_DATA(col, int64_t)[row]);
        }
        return;
    case LT_TYPE_ARRAY:
    case LT_TYPE_MAP:
    case LT_TYPE_MULTISET:
        put_list(to, col, row, style);
        return;
    case LT_TYPE_ROW:
        put_row(to, col, row, style);
        return;
    case LT_TYPE_NULL:
    case LT_TYPE_DESCRIPTOR:
    case LT_TYPE_SYMBOL:
    case LT_TYPE_KIND_COUNT:
        put_null(to, style, nested);
        return;
    }
}

void lt_text_value(lt_text *to, const lt_col *col, uint32_t row, lt_text_style style)
{
    put_value(to, col, row, style, false);
}

void lt_text_row(lt_text *to, const lt_batch *batch, uint32_t row)
{
    lt_text_puts(to, lt_kind_text(lt_batch_kind(batch, row)));
    lt_text_putc(to, '[');
    for (uint32_t i = 0; i < batch->col_count; i++) {
        lt_text_puts(to, i > 0 ? ", " : "");
        put_value(to, &batch->cols[i], row, LT_TEXT_JAVA, true);
    }
    lt_text_putc(to, ']');
}
