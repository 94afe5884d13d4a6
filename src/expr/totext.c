/* Values as SQL text; nested types by recursion. */
#include "expr/totext.h"

#include <stdio.h>

#include "expr/decimal.h"
#include "expr/javafmt.h"
#include "expr/temporal.h"

static int64_t load_int(const lt_col *col, uint32_t row)
{
    switch ((int)col->phys) {
    case LT_PHYS_I8:
        return LT_COL_DATA(col, const int8_t)[row];
    case LT_PHYS_I16:
        return LT_COL_DATA(col, const int16_t)[row];
    case LT_PHYS_I32:
        return LT_COL_DATA(col, const int32_t)[row];
    default:
        return LT_COL_DATA(col, const int64_t)[row];
    }
}

int lt_scalar_to_text(const lt_zone *zone, const lt_type *type, const lt_col *col, uint32_t row,
                      char *buf)
{
    switch ((int)type->kind) {
    case LT_TYPE_BOOLEAN: {
        bool truth = LT_COL_DATA(col, const uint8_t)[row] != 0;
        memcpy(buf, truth ? "TRUE" : "FALSE", truth ? 4 : 5);
        return truth ? 4 : 5;
    }
    case LT_TYPE_TINYINT:
    case LT_TYPE_SMALLINT:
    case LT_TYPE_INT:
    case LT_TYPE_BIGINT:
        return (int)lt_format_i64(load_int(col, row), buf);
    case LT_TYPE_FLOAT:
        return (int)lt_format_f32(LT_COL_DATA(col, const float)[row], buf);
    case LT_TYPE_DOUBLE:
        return (int)lt_format_f64(LT_COL_DATA(col, const double)[row], buf);
    case LT_TYPE_DECIMAL:
        return (int)lt_format_decimal(lt_decimal_load(col->data, lt_decimal_wide(type), row),
                                      type->scale, buf);
    case LT_TYPE_DATE:
        return (int)lt_format_date(LT_COL_DATA(col, const int32_t)[row], buf);
    case LT_TYPE_TIME:
        return (int)lt_format_time(LT_COL_DATA(col, const int32_t)[row], type->precision, buf);
    case LT_TYPE_TIMESTAMP:
    case LT_TYPE_TIMESTAMP_LTZ: {
        lt_ts9 ts = lt_ts_load(col->data, lt_ts_form(type), row);
        if (type->kind == LT_TYPE_TIMESTAMP_LTZ && zone != NULL) {
            ts.ms += lt_zone_offset_ms(zone, ts.ms);
        }
        return (int)lt_format_timestamp(ts, type->precision, buf);
    }
    case LT_TYPE_INTERVAL_MONTH:
        return (int)lt_format_interval_month(LT_COL_DATA(col, const int32_t)[row], buf);
    case LT_TYPE_INTERVAL_SECOND:
        return (int)lt_format_interval_second(LT_COL_DATA(col, const int64_t)[row], buf);
    default:
        return -1;
    }
}

static void child_text(const lt_zone *zone, const lt_type *type, const lt_col *col, uint32_t row,
                       lt_text *to)
{
    if (lt_col_is_null(col, row)) {
        lt_text_puts(to, "NULL");
    } else {
        lt_col_value_to_text(zone, type, col, row, to);
    }
}

static void list_text(const lt_zone *zone, const lt_type *type, const lt_col *col, uint32_t row,
                      lt_text *to)
{
    lt_span span = LT_COL_DATA(col, const lt_span)[row];
    bool array = type->kind == LT_TYPE_ARRAY;
    static const lt_type count_type = {.kind = LT_TYPE_INT};
    lt_text_putc(to, array ? '[' : '{');
    for (uint32_t i = 0; i < span.count; i++) {
        if (i > 0) {
            lt_text_puts(to, ", ");
        }
        child_text(zone, type->fields[0].type, &col->children[0], span.start + i, to);
        if (!array) {
            lt_text_putc(to, '=');
            child_text(zone, type->kind == LT_TYPE_MAP ? type->fields[1].type : &count_type,
                       &col->children[1], span.start + i, to);
        }
    }
    lt_text_putc(to, array ? ']' : '}');
}

void lt_col_value_to_text(const lt_zone *zone, const lt_type *type, const lt_col *col, uint32_t row,
                          lt_text *to)
{
    char buf[96];
    int len = lt_scalar_to_text(zone, type, col, row, buf);
    if (len >= 0) {
        lt_text_append(to, buf, (size_t)len);
        return;
    }
    switch ((int)type->kind) {
    case LT_TYPE_ARRAY:
    case LT_TYPE_MAP:
    case LT_TYPE_MULTISET:
        list_text(zone, type, col, row, to);
        break;
    case LT_TYPE_ROW:
        lt_text_putc(to, '(');
        for (uint32_t i = 0; i < type->field_count; i++) {
            if (i > 0) {
                lt_text_puts(to, ", ");
            }
            if (type->class_name.len > 0) {
                lt_text_append(to, type->fields[i].name.ptr, type->fields[i].name.len);
                lt_text_putc(to, '=');
            }
            child_text(zone, type->fields[i].type, &col->children[i], row, to);
        }
        lt_text_putc(to, ')');
        break;
    case LT_TYPE_NULL:
        lt_text_puts(to, "NULL");
        break;
    default: {
        lt_str s = lt_strv_str(&LT_COL_DATA(col, const lt_strv)[row]);
        lt_text_append(to, s.ptr, s.len);
        break;
    }
    }
}

void lt_value_to_text(const lt_value *value, lt_text *to)
{
    if (value->is_null) {
        lt_text_puts(to, "NULL");
        return;
    }
    lt_arena *arena = lt_arena_new(to->mem, (size_t)1 << 28);
    lt_col col;
    if (arena != NULL && lt_col_init(&col, value->type, 64, arena) &&
        lt_value_store(value, &col, 0, 64, arena)) {
        lt_col_value_to_text(NULL, value->type, &col, 0, to);
    } else {
        to->failed = true;
    }
    lt_arena_free(arena);
}
