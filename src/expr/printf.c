/* ELT and PRINTF: functions over arguments of mixed number and type. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "expr/cast.h"
#include "expr/decimal.h"
#include "expr/families.h"
#include "expr/javafmt.h"
#include "expr/kernel.h"
#include "expr/temporal.h"
#include "expr/totext.h"
#include "expr/utf8.h"

/* ---- ELT(index, a, b, ..) ---- */

static lt_status elt_kernel(lt_kctx *k, lt_error *err)
{
    uint32_t *rows = lt_k_sel(k);
    if (rows == NULL) {
        return lt_error_nomem(err, "selection");
    }
    for (uint32_t arg = 1; arg < k->arg_count; arg++) {
        uint32_t used = 0;
        LT_EACH(k, row)
        {
            rows[used] = row;
            used += !lt_k_is_null(k, 0, row) && lt_k_i64(k, 0, row) == (int64_t)arg;
        }
        LT_TRY(lt_k_scatter(k, &k->args[arg], rows, used, err));
    }
    LT_EACH(k, row)
    {
        int64_t index = lt_k_is_null(k, 0, row) ? 0 : lt_k_i64(k, 0, row);
        if (index < 1 || index >= (int64_t)k->arg_count) {
            lt_k_null(k, row);
        }
    }
    return LT_OK;
}

lt_status lt_infer_elt(lt_infer *in, lt_error *err)
{
    const lt_type *index = in->args[0]->type;
    if (!lt_type_is_integer(index) && index->kind != LT_TYPE_NULL) {
        return lt_in_refuse(in, err);
    }
    LT_TRY(lt_in_cast_kind(in, 0, LT_TYPE_BIGINT, err));
    const lt_value *literal = lt_in_literal(in, 0);
    if (literal != NULL && literal->u.i < 0) {
        return lt_in_refuse(in, err);
    }
    const lt_type **types = LT_NEW_ARRAY(in->b->arena, const lt_type *, in->count);
    lt_error ignored;
    if (types == NULL) {
        return lt_error_nomem(err, "types");
    }
    for (uint32_t i = 1; i < in->count; i++) {
        types[i - 1] = in->args[i]->type;
        if (!lt_type_is_string(types[i - 1]) && !lt_type_is_binary(types[i - 1]) &&
            types[i - 1]->kind != LT_TYPE_NULL) {
            return lt_in_refuse(in, err);
        }
    }
    if (lt_type_common(in->b->arena, types, in->count - 1, &in->type, &ignored) != LT_OK) {
        return lt_in_refuse(in, err);
    }
    for (uint32_t i = 1; i < in->count; i++) {
        LT_TRY(lt_in_cast(in, i, in->type, err));
    }
    in->type = lt_type_with_nullable(in->b->arena, in->type, true);
    in->kernel = elt_kernel;
    return LT_OK;
}

/* ---- PRINTF(format, ..): Java's Formatter for %d %s %S %f %e %E %b %B %x %X %o %c %n %% ---- */

typedef struct {
    bool minus, plus, space, zero, comma, paren;
    int index;            /* `2$`: that argument; -1 `<`: the one before; 0 the next */
    int width, precision; /* -1 = none */
    char conversion;
} directive;

/* `2$`, or nothing. */
static int take_index(lt_str f, size_t *at)
{
    size_t i = *at;
    int index = 0;
    while (i < f.len && f.ptr[i] >= '0' && f.ptr[i] <= '9' && index < 1000) {
        index = index * 10 + (f.ptr[i++] - '0');
    }
    if (index == 0 || i >= f.len || f.ptr[i] != '$') {
        return 0;
    }
    *at = i + 1;
    return index;
}

static bool take_directive(lt_str f, size_t *at, directive *d)
{
    memset(d, 0, sizeof *d);
    d->precision = -1;
    d->index = take_index(f, at);
    for (; *at < f.len; ++*at) {
        char c = f.ptr[*at];
        if (c == '-') {
            d->minus = true;
        } else if (c == '+') {
            d->plus = true;
        } else if (c == ' ') {
            d->space = true;
        } else if (c == '0') {
            d->zero = true;
        } else if (c == ',') {
            d->comma = true;
        } else if (c == '(') {
            d->paren = true;
        } else if (c == '<') {
            d->index = -1;
        } else {
            break;
        }
    }
    for (; *at < f.len && f.ptr[*at] >= '0' && f.ptr[*at] <= '9' && d->width < 10000; ++*at) {
        d->width = d->width * 10 + (f.ptr[*at] - '0');
    }
    if (*at < f.len && f.ptr[*at] == '.') {
        d->precision = 0;
        for (++*at; *at < f.len && f.ptr[*at] >= '0' && f.ptr[*at] <= '9' && d->precision < 1000;
             ++*at) {
            d->precision = d->precision * 10 + (f.ptr[*at] - '0');
        }
    }
    if (*at >= f.len) {
        return false;
    }
    d->conversion = f.ptr[(*at)++];
    return true;
}

static void pad_text(lt_text *to, const directive *d, const char *text, size_t len)
{
    size_t units = lt_utf16_units((lt_str){text, len}); /* Java's characters */
    size_t width = (size_t)d->width, fill = width > units ? width - units : 0;
    bool zeros = d->zero && !d->minus && d->conversion != 's' && d->conversion != 'b';
    if (zeros && len > 0 && (text[0] == '-' || text[0] == '+')) {
        lt_text_putc(to, text[0]);
        text++;
        len--;
    }
    for (size_t i = 0; !d->minus && i < fill; i++) {
        lt_text_putc(to, zeros ? '0' : ' ');
    }
    lt_text_append(to, text, len);
    for (size_t i = 0; d->minus && i < fill; i++) {
        lt_text_putc(to, ' ');
    }
}

static bool int_of(const lt_type *type, const lt_col *col, uint32_t row, int64_t *out)
{
    switch ((int)lt_type_phys(type)) {
    case LT_PHYS_I8:
        *out = LT_COL_DATA(col, const int8_t)[row];
        return true;
    case LT_PHYS_I16:
        *out = LT_COL_DATA(col, const int16_t)[row];
        return true;
    case LT_PHYS_I32:
        *out = LT_COL_DATA(col, const int32_t)[row];
        return true;
    case LT_PHYS_I64:
        *out = LT_COL_DATA(col, const int64_t)[row];
        return type->kind != LT_TYPE_DECIMAL && !lt_type_is_timestamp(type);
    default:
        return false;
    }
}

/* LocalDateTime.toString: 'T', seconds only if there are any, fraction in groups of three digits.
 */
static size_t java_timestamp(lt_ts9 ts, char *to)
{
    size_t len = lt_format_timestamp(ts, 9, to);
    to[len - 19] = 'T';
    while (len > 20 && memcmp(to + len - 3, "000", 3) == 0) {
        len -= 3;
    }
    if (to[len - 1] == '.') {
        len--;
    }
    return len == 19 && memcmp(to + 16, ":00", 3) == 0 ? 16 : len;
}

static size_t object_text(const lt_type *type, const lt_col *col, uint32_t row, char buf[96])
{
    int64_t number;
    if (type->kind == LT_TYPE_BOOLEAN) {
        bool truth = LT_COL_DATA(col, const uint8_t)[row] != 0;
        memcpy(buf, truth ? "true" : "false", 5);
        return truth ? 4 : 5;
    }
    if (lt_type_is_timestamp(type)) {
        return java_timestamp(lt_ts_load(col->data, lt_ts_form(type), row), buf);
    }
    if (int_of(type, col, row, &number)) {
        return lt_format_i64(number, buf);
    }
    int len = lt_scalar_to_text(NULL, type, col, row, buf);
    return len > 0 ? (size_t)len : 0;
}

/* Commas between the thousands of the whole part. */
static size_t group_digits(const char *text, size_t len, char *to)
{
    size_t first = 0, last, used = 0;
    while (first < len && (text[first] < '0' || text[first] > '9')) {
        first++;
    }
    for (last = first; last < len && text[last] >= '0' && text[last] <= '9'; last++) {
    }
    for (size_t i = 0; i < len; i++) {
        to[used++] = text[i];
        if (i >= first && i + 1 < last && (last - 1 - i) % 3 == 0) {
            to[used++] = ',';
        }
    }
    return used;
}

static bool put_integer(lt_text *to, const directive *d, const lt_type *type, const lt_col *col,
                        uint32_t row)
{
    int64_t x;
    char text[96], grouped[128];
    if (!int_of(type, col, row, &x)) {
        return false;
    }
    int len;
    if (d->conversion == 'd' && d->paren && x < 0) {
        len = snprintf(text, sizeof text, "(%" PRIu64 ")", 0 - (uint64_t)x);
    } else if (d->conversion == 'd') {
        len = snprintf(text, sizeof text,
                       d->plus    ? "%+" PRId64
                       : d->space ? "% " PRId64
                                  : "%" PRId64,
                       x);
    } else {
        uint64_t bits = lt_type_phys(type) == LT_PHYS_I64   ? (uint64_t)x
                        : lt_type_phys(type) == LT_PHYS_I32 ? (uint32_t)x
                        : lt_type_phys(type) == LT_PHYS_I16 ? (uint16_t)x
                                                            : (uint8_t)x;
        len = snprintf(text, sizeof text,
                       d->conversion == 'o'   ? "%" PRIo64
                       : d->conversion == 'X' ? "%" PRIX64
                                              : "%" PRIx64,
                       bits);
    }
    if (!d->comma) {
        pad_text(to, d, text, (size_t)len);
        return true;
    }
    pad_text(to, d, grouped, group_digits(text, (size_t)len, grouped));
    return true;
}

/* From 1e17 on, where the shortest digits that read back equal are followed by zeros, as in Java.
 * At most 380 bytes for up to 60 places. */
static size_t put_large(double x, int places, char *to)
{
    uint64_t number;
    int exponent;
    size_t len = 0;
    lt_shortest_f64(fabs(x), &number, &exponent);
    if (x < 0) {
        to[len++] = '-';
    }
    len += lt_format_i64((int64_t)number, to + len);
    for (int i = 0; i < exponent; i++) {
        to[len++] = '0';
    }
    if (places > 0) {
        to[len++] = '.';
    }
    for (int i = 0; i < places; i++) {
        to[len++] = '0';
    }
    return len;
}

static bool put_real(lt_text *to, const directive *d, const lt_type *type, const lt_col *col,
                     uint32_t row)
{
    char text[512];
    int places = d->precision < 0 ? 6 : d->precision;
    lt_i128 rounded;
    if (places > 60) {
        return false;
    }
    if (type->kind == LT_TYPE_DECIMAL && d->conversion == 'f' && places <= 38) {
        lt_i128 x = lt_decimal_load(col->data, lt_decimal_wide(type), row);
        if (lt_decimal_rescale(x, type->scale, places, 38, &rounded)) {
            pad_text(to, d, text, lt_format_decimal(rounded, places, text));
            return true;
        }
    }
    double x;
    if (type->kind == LT_TYPE_FLOAT) {
        x = (double)LT_COL_DATA(col, const float)[row];
    } else if (type->kind == LT_TYPE_DOUBLE) {
        x = LT_COL_DATA(col, const double)[row];
    } else {
        return false;
    }
    if (!isfinite(x)) {
        directive plain = *d;
        plain.zero = false;
        lt_str word = isnan(x) ? LT_STR("NaN") : x < 0 ? LT_STR("-Infinity") : LT_STR("+Infinity");
        size_t skip = word.ptr[0] == '+' && !d->plus;
        pad_text(to, &plain, word.ptr + skip, word.len - skip);
        return true;
    }
    if (d->conversion == 'f' && lt_decimal_from_f64(x, 38, LT_MIN(places, 38), &rounded)) {
        size_t from = 0;
        char grouped[128];
        if (d->plus && !signbit(x)) {
            text[from++] = '+';
        }
        if (signbit(x) && rounded == 0) {
            text[from++] = '-'; /* Java keeps the sign of what becomes 0 */
        }
        size_t used = from + lt_format_decimal(rounded, LT_MIN(places, 38), text + from);
        if (d->comma) {
            pad_text(to, d, grouped, group_digits(text, used, grouped));
        } else {
            pad_text(to, d, text, used);
        }
        return true;
    }
    if (d->conversion == 'f' && fabs(x) >= 1e17) {
        pad_text(to, d, text, put_large(x, places, text));
        return true;
    }
    int len = snprintf(text, sizeof text,
                       d->conversion == 'e'   ? "%.*e"
                       : d->conversion == 'E' ? "%.*E"
                                              : "%.*f",
                       places, x);
    if (len < 0 || (size_t)len >= sizeof text) {
        return false;
    }
    pad_text(to, d, text, (size_t)len);
    return true;
}

/* A character by its code. */
static bool put_char(lt_text *to, const directive *d, const lt_type *type, const lt_col *col,
                     uint32_t row)
{
    int64_t code;
    char text[LT_STRV_INLINE_MAX];
    if (!int_of(type, col, row, &code) || code < 0 || code > 0x10ffff) {
        return false;
    }
    pad_text(to, d, text, lt_utf8_put((uint32_t)code, text));
    return true;
}

static bool put_value(lt_kctx *k, lt_text *to, const directive *d, uint32_t arg, uint32_t row);

static void put_capitals(lt_str s, lt_text *to)
{
    char text[LT_STRV_INLINE_MAX];
    for (const char *at = s.ptr, *end = s.ptr + s.len; at < end;) {
        uint32_t code = lt_utf8_next(&at, end);
        if (code == 0xdf) {
            lt_text_puts(to, "SS");
        } else {
            lt_text_append(to, text, lt_utf8_put(lt_code_upper(code), text));
        }
    }
}

/* %S and %B: as %s and %b, in capitals. */
static bool put_upper(lt_kctx *k, lt_text *to, const directive *d, uint32_t arg, uint32_t row)
{
    directive small = *d;
    lt_text text;
    small.conversion = d->conversion == 'S' ? 's' : 'b';
    lt_text_init(&text, k->mem);
    bool good = put_value(k, &text, &small, arg, row);
    lt_str s = lt_text_str(&text);
    put_capitals(s, to);
    to->failed = to->failed || text.failed;
    lt_text_deinit(&text);
    return good;
}

static bool put_value(lt_kctx *k, lt_text *to, const directive *d, uint32_t arg, uint32_t row)
{
    const lt_type *type = k->call->u.call.args[arg]->type;
    const lt_col *col = k->args[arg].col;
    uint32_t at = row & k->args[arg].mask;
    char buf[96];
    if (type->kind == LT_TYPE_NULL || lt_col_is_null(col, at)) {
        if (d->conversion == 'b') {
            pad_text(to, d, "false", 5);
        } else {
            directive text = *d;
            text.conversion = 's';
            /* Java cuts it as any text: %.2f gives "nu". */
            pad_text(to, &text, "null",
                     d->precision >= 0 ? LT_MIN((size_t)d->precision, (size_t)4) : 4);
        }
        return true;
    }
    if (d->conversion == 'S' || d->conversion == 'B') {
        return put_upper(k, to, d, arg, row);
    }
    switch (d->conversion) {
    case 'd':
    case 'x':
    case 'X':
    case 'o':
        return put_integer(to, d, type, col, at);
    case 'c':
        return put_char(to, d, type, col, at);
    case 'f':
    case 'e':
    case 'E':
        return put_real(to, d, type, col, at);
    case 'b':
        if (type->kind != LT_TYPE_BOOLEAN) {
            pad_text(to, d, "true", 4);
            return true;
        }
        pad_text(to, d, buf, object_text(type, col, at, buf));
        return true;
    case 's':
        if (type->field_count > 0) {
            lt_text nested;
            lt_text_init(&nested, k->mem);
            lt_col_value_to_text(NULL, type, col, at, &nested);
            lt_str s = lt_text_str(&nested);
            pad_text(to, d, s.ptr, s.len);
            to->failed = to->failed || nested.failed;
            lt_text_deinit(&nested);
            return true;
        }
        if (lt_type_is_string(type)) {
            lt_str s = lt_strv_str(&LT_COL_DATA(col, const lt_strv)[at]);
            s.len = d->precision >= 0 ? LT_MIN(s.len, (size_t)d->precision) : s.len;
            pad_text(to, d, s.ptr, s.len);
            return true;
        }
        pad_text(to, d, buf, object_text(type, col, at, buf));
        return true;
    default:
        return false;
    }
}

static bool format_row(lt_kctx *k, uint32_t row, lt_text *to)
{
    lt_str f = lt_k_str(k, 0, row);
    uint32_t next = 1, arg = 0;
    for (size_t at = 0; at < f.len;) {
        if (f.ptr[at] != '%') {
            lt_text_putc(to, f.ptr[at++]);
            continue;
        }
        directive d;
        at++;
        if (!take_directive(f, &at, &d)) {
            return false;
        }
        if (d.conversion == '%' || d.conversion == 'n') {
            lt_text_putc(to, d.conversion == 'n' ? '\n' : '%');
            continue;
        }
        arg = d.index > 0 ? (uint32_t)d.index : d.index < 0 ? arg : next++;
        if (arg == 0 || arg >= k->arg_count || !put_value(k, to, &d, arg, row)) {
            return false;
        }
    }
    return true;
}

static lt_status printf_kernel(lt_kctx *k, lt_error *err)
{
    lt_text text;
    lt_text_init(&text, k->mem);
    LT_EACH(k, row)
    {
        lt_text_clear(&text);
        if (lt_k_is_null(k, 0, row) || !format_row(k, row, &text)) {
            lt_k_null(k, row);
            continue;
        }
        lt_str s = lt_text_str(&text);
        lt_k_put_copy(k, row, s.ptr, s.len);
    }
    bool failed = text.failed;
    lt_text_deinit(&text);
    return failed ? lt_error_nomem(err, "string") : LT_OK;
}

/* What Java's Formatter has besides. */
static lt_status check_format(const lt_infer *in, lt_str f, lt_error *err)
{
    for (size_t at = 0; at < f.len;) {
        directive d;
        if (f.ptr[at++] != '%') {
            continue;
        }
        if (take_directive(f, &at, &d) && strchr("gGaAhHtT", d.conversion) != NULL) {
            return lt_error_set_at(err, LT_ERR_UNSUPPORTED, in->args[0]->pos,
                                   "PRINTF: the conversion %%%c is not supported", d.conversion);
        }
    }
    return LT_OK;
}

lt_status lt_infer_printf(lt_infer *in, lt_error *err)
{
    LT_TRY(lt_in_string(in, 0, err));
    const lt_value *format = lt_in_literal(in, 0);
    if (format != NULL) {
        LT_TRY(check_format(in, format->u.s, err));
    }
    in->type = lt_type_string(in->b->arena, true);
    in->kernel = printf_kernel;
    return LT_OK;
}
