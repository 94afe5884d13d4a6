/* Generators: options -> ranges, ranges -> values. The names, defaults and ranges are Flink's.
 * Every value follows from (seed, row, column) alone, times excepted, so that a projection or a
 * restart does not change what a row holds. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "connector/datagen/datagen_int.h"

#define STRING_LENGTH_DEFAULT     100
#define COLLECTION_LENGTH_DEFAULT 3
#define LENGTH_MAX                (1 << 20)
#define MONTHS_MAX                120000 /* ten thousand years */
#define INTERVAL_MS_MAX           315569520000000LL
#define DAY_MS                    86400000LL

/* ---- options ---- */

typedef struct {
    const lt_table_ctx *ctx;
    lt_str name;
} field_options;

static const lt_option *find(const field_options *f, const char *what)
{
    for (uint32_t i = f->ctx->options.count; i > 0; i--) {
        const lt_option *option = &f->ctx->options.items[i - 1];
        lt_str key = option->key;
        size_t what_len = strlen(what);
        if (key.len == 7 + f->name.len + 1 + what_len && lt_str_starts(key, LT_STR("fields.")) &&
            memcmp(key.ptr + 7, f->name.ptr, f->name.len) == 0 && key.ptr[7 + f->name.len] == '.' &&
            memcmp(key.ptr + key.len - what_len, what, what_len) == 0) {
            return option;
        }
    }
    return NULL;
}

static lt_status bad_option(const field_options *f, const char *what, const char *why,
                            lt_error *err)
{
    const lt_option *option = find(f, what);
    lt_status st = lt_error_set(err, LT_ERR_SQL,
                                "option 'fields." LT_STR_FMT ".%s' of connector 'datagen': %s",
                                LT_STR_ARG(f->name), what, why);
    if (option != NULL && err != NULL) {
        err->has_sql_pos = true;
        err->sql_pos = option->pos;
    }
    return st;
}

static lt_status read_int(const field_options *f, const char *what, int64_t *value, bool *has,
                          lt_error *err)
{
    const lt_option *option = find(f, what);
    *has = option != NULL;
    if (option != NULL && !lt_str_to_i64(lt_str_trim(option->value), value)) {
        return bad_option(f, what, "a whole number is needed", err);
    }
    return LT_OK;
}

static lt_status read_real(const field_options *f, const char *what, double *value, bool *has,
                           lt_error *err)
{
    const lt_option *option = find(f, what);
    *has = option != NULL;
    if (option != NULL &&
        (!lt_str_to_f64(lt_str_trim(option->value), value) || !isfinite(*value))) {
        return bad_option(f, what, "a number is needed", err);
    }
    return LT_OK;
}

static lt_status int_range(const field_options *f, lt_gen *gen, int64_t low, int64_t high,
                           lt_error *err)
{
    bool has;
    gen->min = low;
    gen->max = high;
    LT_TRY(read_int(f, "min", &gen->min, &has, err));
    if (has && (gen->min < low || gen->min > high)) {
        return bad_option(f, "min", "the column's type does not reach so far", err);
    }
    LT_TRY(read_int(f, "max", &gen->max, &has, err));
    if (has && (gen->max < low || gen->max > high)) {
        return bad_option(f, "max", "the column's type does not reach so far", err);
    }
    return gen->min <= gen->max
               ? LT_OK
               : bad_option(f, find(f, "max") ? "max" : "min", "min is above max", err);
}

static lt_status real_range(const field_options *f, lt_gen *gen, double high, lt_error *err)
{
    bool has;
    gen->real_min = 0;
    gen->real_max = high;
    LT_TRY(read_real(f, "min", &gen->real_min, &has, err));
    LT_TRY(read_real(f, "max", &gen->real_max, &has, err));
    if (gen->real_min < -high || gen->real_max > high) {
        return bad_option(f, gen->real_max > high ? "max" : "min",
                          "the column's type does not reach so far", err);
    }
    return gen->real_min <= gen->real_max
               ? LT_OK
               : bad_option(f, find(f, "max") ? "max" : "min", "min is above max", err);
}

static lt_i128 pow10_wide(unsigned n)
{
    lt_i128 value = 1;
    while (n-- > 0) {
        value *= 10;
    }
    return value;
}

static lt_status decimal_range(const field_options *f, lt_gen *gen, lt_error *err)
{
    lt_i128 limit = pow10_wide(gen->type->precision) - 1;
    double scale = (double)pow10_wide(gen->type->scale);
    double low = 0;
    double high = 0;
    bool has_low;
    bool has_high;
    LT_TRY(read_real(f, "min", &low, &has_low, err));
    LT_TRY(read_real(f, "max", &high, &has_high, err));
    if (has_low && fabs(low * scale) > (double)limit) {
        return bad_option(f, "min", "the column's type does not reach so far", err);
    }
    if (has_high && fabs(high * scale) > (double)limit) {
        return bad_option(f, "max", "the column's type does not reach so far", err);
    }
    gen->wide_min = has_low ? (lt_i128)(low * scale) : 0;
    gen->wide_max = has_high ? (lt_i128)(high * scale) : limit;
    gen->wide_min = LT_MAX(LT_MIN(gen->wide_min, limit), -limit);
    gen->wide_max = LT_MAX(LT_MIN(gen->wide_max, limit), -limit);
    return gen->wide_min <= gen->wide_max
               ? LT_OK
               : bad_option(f, has_high ? "max" : "min", "min is above max", err);
}

static lt_status length_of(const field_options *f, lt_gen *gen, int64_t fallback, int64_t limit,
                           lt_error *err)
{
    bool has;
    gen->length = LT_MIN(fallback, limit);
    LT_TRY(read_int(f, "length", &gen->length, &has, err));
    if (has && (gen->length < 0 || gen->length > LENGTH_MAX)) {
        return bad_option(f, "length", "0 to 1048576 is possible", err);
    }
    if (has && gen->length > limit) {
        return bad_option(f, "length", "the column's type is shorter", err);
    }
    const lt_option *var_len = find(f, "var-len");
    gen->var_len = var_len != NULL && lt_str_eq_ci(lt_str_trim(var_len->value), LT_STR("true"));
    return LT_OK;
}

/* The largest number that the type holds, as far as BIGINT goes; 0: the type cannot count. */
static int64_t sequence_limit(const lt_type *type)
{
    if (type->kind == LT_TYPE_DECIMAL) {
        lt_i128 whole = pow10_wide((unsigned)(type->precision - type->scale)) - 1;
        return whole < (lt_i128)INT64_MAX ? (int64_t)whole : INT64_MAX;
    }
    if (lt_type_is_integer(type)) {
        size_t bits = lt_phys_size(lt_type_phys(type)) * 8;
        return (int64_t)(UINT64_MAX >> (65 - bits));
    }
    return lt_type_is_numeric(type) || lt_type_is_string(type) ? INT64_MAX : 0;
}

static lt_status sequence_range(const field_options *f, lt_gen *gen, lt_error *err)
{
    bool has_start;
    bool has_end;
    LT_TRY(read_int(f, "start", &gen->start, &has_start, err));
    LT_TRY(read_int(f, "end", &gen->end, &has_end, err));
    if (!has_start || !has_end) {
        return bad_option(f, "kind", "a sequence needs the options start and end", err);
    }
    if (gen->end < gen->start) {
        return bad_option(f, "end", "end is before start", err);
    }
    int64_t limit = sequence_limit(gen->type);
    if (limit == 0) {
        return bad_option(
            f, "kind", "a sequence is for numbers and strings; this column's type is another", err);
    }
    if (gen->start < -limit - 1 || gen->start > limit) {
        return bad_option(f, "start", "the column's type does not reach so far", err);
    }
    if (gen->end > limit) {
        return bad_option(f, "end", "the column's type does not reach so far", err);
    }
    return LT_OK;
}

static lt_status make_children(const field_options *f, lt_arena *arena, lt_gen *gen, lt_error *err)
{
    const lt_type *type = gen->type;
    gen->children = LT_NEW_ARRAY(arena, lt_gen, type->field_count + 1);
    if (gen->children == NULL) {
        return lt_error_nomem(err, "a generator");
    }
    for (uint32_t i = 0; i < type->field_count; i++) {
        lt_str part = type->kind == LT_TYPE_ROW   ? type->fields[i].name
                      : type->kind == LT_TYPE_MAP ? (i == 0 ? LT_STR("key") : LT_STR("value"))
                                                  : LT_STR("element");
        char *name = lt_arena_printf(arena, LT_STR_FMT "." LT_STR_FMT, LT_STR_ARG(f->name),
                                     LT_STR_ARG(part));
        if (name == NULL) {
            return lt_error_nomem(err, "a generator");
        }
        LT_TRY(lt_gen_new(f->ctx, arena, lt_str_of(name), type->fields[i].type, &gen->children[i],
                          err));
    }
    return LT_OK;
}

static lt_status times(const field_options *f, lt_gen *gen, lt_error *err)
{
    const lt_option *past = find(f, "max-past");
    if (past != NULL && !lt_parse_duration_ms(past->value, &gen->max_past_ms)) {
        return bad_option(f, "max-past", "a duration such as '10s' is needed", err);
    }
    gen->max_past_ms = LT_MIN(gen->max_past_ms, INTERVAL_MS_MAX);
    return LT_OK;
}

static lt_status random_range(const field_options *f, lt_arena *arena, lt_gen *gen, lt_error *err)
{
    const lt_type *type = gen->type;
    switch (type->kind) {
    case LT_TYPE_BOOLEAN:
    case LT_TYPE_DATE:
    case LT_TYPE_TIME:
        return LT_OK;
    case LT_TYPE_TINYINT:
        return int_range(f, gen, INT8_MIN, INT8_MAX, err);
    case LT_TYPE_SMALLINT:
        return int_range(f, gen, INT16_MIN, INT16_MAX, err);
    case LT_TYPE_INT:
        return int_range(f, gen, INT32_MIN, INT32_MAX, err);
    case LT_TYPE_BIGINT:
        return int_range(f, gen, INT64_MIN, INT64_MAX, err);
    case LT_TYPE_FLOAT:
        return real_range(f, gen, FLT_MAX, err);
    case LT_TYPE_DOUBLE:
        return real_range(f, gen, DBL_MAX, err);
    case LT_TYPE_DECIMAL:
        return decimal_range(f, gen, err);
    case LT_TYPE_CHAR:
    case LT_TYPE_BINARY:
        return length_of(f, gen, type->length, type->length, err);
    case LT_TYPE_VARCHAR:
    case LT_TYPE_VARBINARY:
        return length_of(f, gen, STRING_LENGTH_DEFAULT, type->length, err);
    case LT_TYPE_TIMESTAMP:
    case LT_TYPE_TIMESTAMP_LTZ:
        return times(f, gen, err);
    case LT_TYPE_INTERVAL_MONTH:
        return int_range(f, gen, 0, MONTHS_MAX, err);
    case LT_TYPE_INTERVAL_SECOND:
        return int_range(f, gen, 0, INTERVAL_MS_MAX, err);
    case LT_TYPE_ARRAY:
    case LT_TYPE_MAP:
    case LT_TYPE_MULTISET:
        LT_TRY(length_of(f, gen, COLLECTION_LENGTH_DEFAULT, LT_LENGTH_MAX, err));
        return make_children(f, arena, gen, err);
    case LT_TYPE_ROW:
        return make_children(f, arena, gen, err);
    case LT_TYPE_NULL:
    case LT_TYPE_VARIANT:
    case LT_TYPE_DESCRIPTOR:
    case LT_TYPE_SYMBOL:
    case LT_TYPE_KIND_COUNT:
        break;
    }
    return lt_error_set(err, LT_ERR_UNSUPPORTED,
                        "connector 'datagen' makes no values of the type of column " LT_STR_FMT,
                        LT_STR_ARG(f->name));
}

lt_status lt_gen_new(const lt_table_ctx *ctx, lt_arena *arena, lt_str name, const lt_type *type,
                     lt_gen *out, lt_error *err)
{
    field_options f = {ctx, name};
    bool has;
    memset(out, 0, sizeof *out);
    out->type = type;
    const lt_option *kind = find(&f, "kind");
    out->sequence = kind != NULL && lt_str_eq_ci(lt_str_trim(kind->value), LT_STR("sequence"));
    LT_TRY(read_real(&f, "null-rate", &out->null_rate, &has, err));
    if (out->null_rate < 0 || out->null_rate > 1) {
        return bad_option(&f, "null-rate", "a number from 0 to 1 is needed", err);
    }
    if (out->null_rate > 0 && !type->nullable) {
        return bad_option(&f, "null-rate", "the column is NOT NULL", err);
    }
    return out->sequence ? sequence_range(&f, out, err) : random_range(&f, arena, out, err);
}

/* ---- values ---- */

static uint64_t next_u64(lt_gen_run *run)
{
    /* splitmix64 (public domain, Sebastiano Vigna) */
    run->state += 0x9e3779b97f4a7c15ULL;
    uint64_t z = run->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static double next_real(lt_gen_run *run)
{
    return (double)(next_u64(run) >> 11) * 0x1.0p-53;
}

static int64_t next_in(lt_gen_run *run, int64_t low, int64_t high)
{
    uint64_t span = (uint64_t)high - (uint64_t)low;
    uint64_t pick = span == UINT64_MAX ? next_u64(run)
                                       : (uint64_t)(((lt_u128)next_u64(run) * (span + 1)) >> 64);
    return (int64_t)((uint64_t)low + pick);
}

static lt_i128 next_wide(lt_gen_run *run, lt_i128 low, lt_i128 high)
{
    lt_u128 span = (lt_u128)high - (lt_u128)low + 1;
    lt_u128 pick = ((lt_u128)next_u64(run) << 64) | next_u64(run);
    return (lt_i128)((lt_u128)low + (span == 0 ? pick : pick % span));
}

static void put_integer(lt_col *col, uint32_t row, int64_t value)
{
    switch (col->phys) {
    case LT_PHYS_I8:
        LT_COL_DATA(col, int8_t)[row] = (int8_t)value;
        break;
    case LT_PHYS_I16:
        LT_COL_DATA(col, int16_t)[row] = (int16_t)value;
        break;
    case LT_PHYS_I32:
        LT_COL_DATA(col, int32_t)[row] = (int32_t)value;
        break;
    case LT_PHYS_I64:
        LT_COL_DATA(col, int64_t)[row] = value;
        break;
    case LT_PHYS_I128:
        LT_COL_DATA(col, lt_i128)[row] = value;
        break;
    case LT_PHYS_F32:
        LT_COL_DATA(col, float)[row] = (float)value;
        break;
    case LT_PHYS_F64:
        LT_COL_DATA(col, double)[row] = (double)value;
        break;
    case LT_PHYS_NONE:
    case LT_PHYS_BOOL:
    case LT_PHYS_STR:
    case LT_PHYS_TS9:
    case LT_PHYS_LIST:
    case LT_PHYS_STRUCT:
        LT_ASSERT(false);
    }
}

static void put_wide(lt_col *col, uint32_t row, lt_i128 value)
{
    if (col->phys == LT_PHYS_I128) {
        LT_COL_DATA(col, lt_i128)[row] = value;
    } else {
        LT_COL_DATA(col, int64_t)[row] = (int64_t)value;
    }
}

static bool put_bytes(lt_gen_run *run, lt_col *col, uint32_t row, const char *ptr, size_t len)
{
    if (len > LT_STRV_INLINE_MAX) {
        ptr = lt_arena_strndup(run->arena, ptr, len);
    }
    if (ptr == NULL) {
        return false;
    }
    LT_COL_DATA(col, lt_strv)[row] = lt_strv_make(ptr, len);
    return true;
}

static bool sequence_value(const lt_gen *gen, lt_gen_run *run, lt_col *col, uint32_t row)
{
    int64_t value = (int64_t)((uint64_t)gen->start + run->row_no);
    if (col->phys == LT_PHYS_STR) {
        char text[24];
        int len = snprintf(text, sizeof text, "%lld", (long long)value);
        return put_bytes(run, col, row, text, (size_t)len);
    }
    if (gen->type->kind == LT_TYPE_DECIMAL) {
        put_wide(col, row, (lt_i128)value * pow10_wide(gen->type->scale));
    } else {
        put_integer(col, row, value);
    }
    return true;
}

/* As two products: max - min may be beyond the largest number. */
static void put_real(const lt_gen *gen, lt_gen_run *run, lt_col *col, uint32_t row)
{
    double part = next_real(run);
    double value = gen->real_min * (1 - part) + gen->real_max * part;
    if (col->phys == LT_PHYS_F32) {
        LT_COL_DATA(col, float)[row] = (float)value;
    } else {
        LT_COL_DATA(col, double)[row] = value;
    }
}

static int64_t pick_length(const lt_gen *gen, lt_gen_run *run)
{
    return gen->var_len && gen->length > 0 ? next_in(run, 1, gen->length) : gen->length;
}

static bool string_value(const lt_gen *gen, lt_gen_run *run, lt_col *col, uint32_t row)
{
    static const char hex[] = "0123456789abcdef";
    size_t len = (size_t)pick_length(gen, run);
    bool is_text = lt_type_is_string(gen->type);
    char local[LT_STRV_INLINE_MAX];
    char *bytes = len <= sizeof local ? local : lt_arena_alloc(run->arena, len, 1);
    if (bytes == NULL) {
        return false;
    }
    uint64_t bits = 0;
    for (size_t i = 0; i < len; i++) {
        bits = i % 8 == 0 ? next_u64(run) : bits >> 8;
        bytes[i] = is_text ? hex[bits & 15] : (char)(bits & 255);
    }
    LT_COL_DATA(col, lt_strv)[row] = lt_strv_make(bytes, len);
    return true;
}

static void time_value(const lt_gen *gen, lt_gen_run *run, lt_col *col, uint32_t row)
{
    int64_t ms = run->wall_us / 1000;
    int64_t us_of_ms = run->wall_us % 1000;
    ms -= gen->max_past_ms > 0 ? next_in(run, 0, gen->max_past_ms) : 0;
    if (gen->type->kind == LT_TYPE_DATE) {
        LT_COL_DATA(col, int32_t)[row] = (int32_t)(ms / DAY_MS);
    } else if (gen->type->kind == LT_TYPE_TIME) {
        LT_COL_DATA(col, int32_t)[row] = (int32_t)(ms % DAY_MS);
    } else if (col->phys == LT_PHYS_TS9) {
        LT_COL_DATA(col, lt_ts9)[row] = (lt_ts9){.ms = ms, .ns_of_ms = (int32_t)(us_of_ms * 1000)};
    } else if (gen->type->precision > 3) {
        LT_COL_DATA(col, int64_t)[row] = ms * 1000 + us_of_ms;
    } else {
        LT_COL_DATA(col, int64_t)[row] = ms;
    }
}

/* Keys of a map and elements of a multiset stand once: a repeated one is left out, as in Flink. */
static bool is_repeated(const lt_col *keys, uint32_t first, uint32_t at)
{
    for (uint32_t i = first; i < at; i++) {
        if (lt_col_value_eq(keys, i, keys, at)) {
            return true;
        }
    }
    return false;
}

static bool list_value(const lt_gen *gen, lt_gen_run *run, lt_col *col, uint32_t row)
{
    uint32_t want = (uint32_t)pick_length(gen, run);
    if (!lt_col_reserve_children(col, want, run->arena)) {
        return false;
    }
    uint32_t first = col->child_len;
    uint32_t at = first;
    bool unique = gen->type->kind != LT_TYPE_ARRAY;
    for (uint32_t i = 0; i < want; i++) {
        if (!lt_gen_value(&gen->children[0], run, &col->children[0], at, col->child_cap)) {
            return false;
        }
        bool repeated = unique && is_repeated(&col->children[0], first, at);
        if (gen->type->kind == LT_TYPE_MAP &&
            !lt_gen_value(&gen->children[1], run, &col->children[1], at, col->child_cap)) {
            return false;
        }
        if (gen->type->kind == LT_TYPE_MULTISET) {
            put_integer(&col->children[1], at, next_in(run, 1, 3));
        }
        at += !repeated;
    }
    col->child_len = at;
    LT_COL_DATA(col, lt_span)[row] = (lt_span){first, at - first};
    return true;
}

static bool null_value(lt_gen_run *run, lt_col *col, uint32_t row, uint32_t row_cap)
{
    uint64_t *valid = lt_col_need_valid(col, row_cap, run->arena);
    if (valid == NULL) {
        return false;
    }
    lt_bit_clear(valid, row);
    if (col->data != NULL) {
        size_t size = lt_phys_size(col->phys);
        memset((char *)col->data + size * row, 0, size);
    }
    for (uint32_t i = 0; col->phys == LT_PHYS_STRUCT && i < col->child_count; i++) {
        if (!null_value(run, &col->children[i], row, row_cap)) {
            return false;
        }
    }
    return true;
}

static bool struct_value(const lt_gen *gen, lt_gen_run *run, lt_col *col, uint32_t row,
                         uint32_t row_cap)
{
    for (uint32_t i = 0; i < col->child_count; i++) {
        if (!lt_gen_value(&gen->children[i], run, &col->children[i], row, row_cap)) {
            return false;
        }
    }
    return true;
}

bool lt_gen_value(const lt_gen *gen, lt_gen_run *run, lt_col *col, uint32_t row, uint32_t row_cap)
{
    if (gen->null_rate > 0 && next_real(run) < gen->null_rate) {
        return null_value(run, col, row, row_cap);
    }
    if (col->valid != NULL) {
        lt_bit_set(col->valid, row);
    }
    if (gen->sequence) {
        return sequence_value(gen, run, col, row);
    }
    lt_type_kind kind = gen->type->kind;
    if (kind == LT_TYPE_BOOLEAN) {
        LT_COL_DATA(col, uint8_t)[row] = next_u64(run) & 1;
    } else if (kind == LT_TYPE_FLOAT || kind == LT_TYPE_DOUBLE) {
        put_real(gen, run, col, row);
    } else if (kind == LT_TYPE_DECIMAL) {
        put_wide(col, row, next_wide(run, gen->wide_min, gen->wide_max));
    } else if (kind == LT_TYPE_DATE || kind == LT_TYPE_TIME || lt_type_is_timestamp(gen->type)) {
        time_value(gen, run, col, row);
    } else if (col->phys == LT_PHYS_STR) {
        return string_value(gen, run, col, row);
    } else if (col->phys == LT_PHYS_LIST) {
        return list_value(gen, run, col, row);
    } else if (col->phys == LT_PHYS_STRUCT) {
        return struct_value(gen, run, col, row, row_cap);
    } else {
        put_integer(col, row, next_in(run, gen->min, gen->max));
    }
    return true;
}
