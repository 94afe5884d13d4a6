/* Conversions between strings, numbers and times by pattern, and the functions of the current time.
 */
#include <math.h>
#include <stdio.h>

#include "base/hash.h"
#include "expr/cast.h"
#include "expr/datefmt.h"
#include "expr/decimal.h"
#include "expr/families.h"
#include "expr/simple.h"
#include "expr/temporal.h"

#define DEFAULT_PATTERN "yyyy-MM-dd HH:mm:ss"

static const lt_zone *session_zone(const lt_kctx *k)
{
    const lt_zone *zone = k->session->zone;
    return zone != NULL && !lt_zone_is_utc(zone) ? zone : NULL;
}

/* ---- patterns: compiled when typed if literal, else per row ---- */

typedef struct {
    const lt_datefmt *fmt; /* NULL: the pattern is an argument that varies, or the default */
    bool is_default;
} time_pattern;

/* arg beyond the last: the default pattern. */
static lt_status bind_pattern(lt_infer *in, uint32_t arg, bool legacy, lt_error *err)
{
    bool null_if_bad = in->func->infer == lt_infer_to_timestamp_ltz;
    time_pattern *p = LT_NEW(in->b->arena, time_pattern);
    lt_datefmt *fmt = LT_NEW(in->b->arena, lt_datefmt);
    if (p == NULL || fmt == NULL) {
        return lt_error_nomem(err, "pattern");
    }
    in->data = p;
    p->is_default = arg >= in->count;
    const lt_value *literal = p->is_default ? NULL : lt_in_literal(in, arg);
    if (!p->is_default && literal == NULL) {
        return LT_OK;
    }
    lt_str pattern = p->is_default ? LT_STR(DEFAULT_PATTERN) : literal->u.s;
    if (!lt_datefmt_compile(pattern, legacy, fmt)) {
        if (null_if_bad) {
            return lt_expr_null(in->b, in->type, in->pos, &in->replace, err);
        }
        char letter = lt_datefmt_bad_letter(pattern);
        char which[32] = "";
        if (letter != 0) {
            (void)snprintf(which, sizeof which, ": the letter %c", letter);
        }
        lt_status st =
            lt_error_set_at(err, LT_ERR_SQL, in->pos, "unsupported date pattern '" LT_STR_FMT "'%s",
                            LT_STR_ARG(pattern), which);
        lt_error_hint(err, "letters such as yyyy MM dd HH mm ss SSS; other text in single quotes");
        return st;
    }
    p->fmt = fmt;
    return LT_OK;
}

/* The pattern for a row; space holds it when it is compiled now. NULL: bad, the row failed. */
static const lt_datefmt *pattern_of(lt_kctx *k, uint32_t arg, uint32_t row, bool legacy,
                                    lt_datefmt *space)
{
    const time_pattern *p = (const time_pattern *)k->data;
    if (p->fmt != NULL) {
        return p->fmt;
    }
    lt_str pattern = lt_k_str(k, arg, row);
    if (!lt_datefmt_compile(pattern, legacy, space)) {
        lt_k_fail(k, row, "bad-pattern", "unsupported date pattern '%.*s'",
                  (int)LT_MIN(pattern.len, (size_t)100), pattern.ptr);
        return NULL;
    }
    return space;
}

/* ---- parsing ---- */

/* Java's Timestamp.valueOf and Date.valueOf, to which Flink falls back: 'yyyy-m-d [h:m:s[.f]]'. */
static bool parse_loosely(lt_str s, lt_ts9 *ts)
{
    s = lt_str_trim(s);
    int dashes = 0;
    for (size_t i = 0; i < s.len; i++) {
        dashes += s.ptr[i] == '-';
        if (s.ptr[i] == 'T') {
            return false;
        }
    }
    return dashes == 2 && lt_text_to_timestamp_rolling(s, ts);
}

typedef struct {
    lt_datefmt fmt;    /* a pattern that varies from row to row */
    lt_stamp_day last; /* without a pattern */
} stamp_space;

static bool parse_stamp(lt_kctx *k, uint32_t row, stamp_space *space, lt_ts9 *ts)
{
    const time_pattern *p = (const time_pattern *)k->data;
    lt_str s = lt_k_str(k, 0, row);
    bool has_offset;
    int64_t offset_ms;
    if (p->is_default) {
        return memchr(s.ptr, 'T', s.len) == NULL && lt_text_to_timestamp_near(s, &space->last, ts);
    }
    const lt_datefmt *fmt = pattern_of(k, 1, row, false, &space->fmt);
    if (fmt == NULL) {
        return false;
    }
    /* An offset in the text is read over, not applied: so does Flink. */
    return lt_datefmt_parse(fmt, s, ts, &has_offset, &offset_ms) || parse_loosely(s, ts);
}

static lt_status to_timestamp_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    stamp_space space;
    space.last = (lt_stamp_day){0};
    LT_EACH(k, row)
    {
        lt_ts9 ts;
        if (!parse_stamp(k, row, &space, &ts)) {
            lt_k_null(k, row);
            continue;
        }
        LT_OUT(k, int64_t)[row] = ts.ms;
    }
    return LT_OK;
}

lt_status lt_infer_to_timestamp(lt_infer *in, lt_error *err)
{
    for (uint32_t i = 0; i < in->count; i++) {
        LT_TRY(lt_in_string(in, i, err));
    }
    in->type = lt_type_time(in->b->arena, LT_TYPE_TIMESTAMP, 3, true);
    in->kernel = to_timestamp_kernel;
    return bind_pattern(in, 1, false, err);
}

static lt_status to_date_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    stamp_space space;
    space.last = (lt_stamp_day){0};
    LT_EACH(k, row)
    {
        lt_ts9 ts;
        int32_t days;
        if (k->arg_count == 1) {
            if (lt_text_to_date(lt_k_str(k, 0, row), &days)) {
                LT_OUT(k, int32_t)[row] = days;
            } else {
                lt_k_null(k, row);
            }
            continue;
        }
        if (!parse_stamp(k, row, &space, &ts)) {
            lt_k_null(k, row);
            continue;
        }
        LT_OUT(k, int32_t)[row] = (int32_t)lt_floor_div(ts.ms, LT_MS_PER_DAY);
    }
    return LT_OK;
}

lt_status lt_infer_to_date(lt_infer *in, lt_error *err)
{
    for (uint32_t i = 0; i < in->count; i++) {
        LT_TRY(lt_in_string(in, i, err));
    }
    in->type = lt_type_new(in->b->arena, LT_TYPE_DATE, true);
    in->kernel = to_date_kernel;
    return bind_pattern(in, 1, false, err);
}

/* ---- TO_TIMESTAMP_LTZ ---- */

/* Seconds or milliseconds since 1970, outside of years 0 to 9999: NULL. Floating point keeps
 * milliseconds of seconds, decimals are cut. */
static bool epoch_ms(double number, int64_t whole, bool integer, int64_t unit, int64_t *ms)
{
    int64_t value = whole;
    if (!integer) {
        number = isnan(number) && unit == 1 ? 0 : number * (double)unit;
        if (!(fabs(number) < 1e18)) {
            return false;
        }
        value = (int64_t)number;
    } else if (LT_MUL_OVERFLOW(value, unit, &value)) {
        return false;
    }
    *ms = value;
    return value >= -62167219200000LL && value <= 253402300799999LL;
}

static lt_status number_ltz_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    bool integer = k->args[0].col->phys == LT_PHYS_I64;
    LT_EACH(k, row)
    {
        int32_t precision = k->arg_count > 1 ? lt_k_i32(k, 1, row) : 3;
        int64_t ms, whole = integer ? lt_k_i64(k, 0, row) : 0;
        double number = integer ? 0 : lt_k_f64(k, 0, row);
        if (precision != 0 && precision != 3) {
            lt_k_fail(k, row, "bad-precision",
                      "TO_TIMESTAMP_LTZ takes the precision 0 or 3, not %d", precision);
            continue;
        }
        if (!epoch_ms(number, whole, integer, precision == 0 ? 1000 : 1, &ms)) {
            lt_k_null(k, row);
            continue;
        }
        LT_OUT(k, int64_t)[row] = ms;
    }
    return LT_OK;
}

/* Zones named by an argument that is not a literal are loaded when they first come up; when there
 * are many, all are forgotten. */
#define ZONES_MAX  96
#define ZONE_SLOTS 128

typedef struct {
    bool used;
    char name[72];
    const lt_zone *zone; /* NULL: unknown */
} kept_zone;

typedef struct {
    lt_arena *arena;
    uint32_t count;
    kept_zone slots[ZONE_SLOTS];
} zone_table;

/* One table for each argument of CONVERT_TZ: forgetting in one leaves the other's zone. */
typedef struct {
    lt_mem *mem;
    zone_table tables[2];
} kept_zones;

static void kept_zones_free(void *ptr)
{
    kept_zones *z = (kept_zones *)ptr;
    for (int i = 0; i < 2; i++) {
        lt_arena_free(z->tables[i].arena);
    }
    lt_mem_free(z->mem, z, sizeof *z);
}

static kept_zone *zone_slot(zone_table *table, lt_str name)
{
    uint32_t at = (uint32_t)lt_hash_bytes(name.ptr, name.len, 0) % ZONE_SLOTS;
    while (table->slots[at].used && !lt_str_eq(lt_str_of(table->slots[at].name), name)) {
        at = (at + 1) % ZONE_SLOTS;
    }
    return &table->slots[at];
}

static const lt_zone *zone_by_name(lt_kctx *k, lt_str name, zone_table *table)
{
    if (name.len >= sizeof table->slots[0].name || memchr(name.ptr, '\0', name.len) != NULL) {
        return NULL;
    }
    if (table->arena == NULL) {
        table->arena = lt_arena_new(k->mem, (size_t)1 << 24);
        if (table->arena == NULL) {
            k->nomem = true;
            return NULL;
        }
    }
    kept_zone *slot = zone_slot(table, name);
    if (slot->used) {
        return slot->zone;
    }
    if (table->count == ZONES_MAX) {
        memset(table->slots, 0, sizeof table->slots);
        table->count = 0;
        lt_arena_reset(table->arena, 0);
        slot = zone_slot(table, name);
    }
    lt_error ignored;
    lt_status st = lt_zone_load(k->session->env, name, table->arena, &slot->zone, &ignored);
    if (st == LT_ERR_NOMEM) {
        slot->zone = NULL;
        k->nomem = true;
        return NULL;
    }
    slot->zone = st == LT_OK ? slot->zone : NULL;
    slot->used = true;
    memcpy(slot->name, name.ptr, name.len);
    table->count++;
    return slot->zone;
}

static const lt_zone *named_zone(lt_kctx *k, lt_str name, int which)
{
    kept_zones *z = (kept_zones *)lt_k_kept(k);
    if (z == NULL) {
        z = lt_mem_zalloc(k->mem, sizeof *z);
        if (z == NULL) {
            k->nomem = true;
            return NULL;
        }
        z->mem = k->mem;
        lt_k_keep(k, z, kept_zones_free);
    }
    return zone_by_name(k, name, &z->tables[which]);
}

static lt_status string_ltz_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    stamp_space space;
    space.last = (lt_stamp_day){0};
    LT_EACH(k, row)
    {
        lt_ts9 ts;
        const lt_zone *zone = NULL;
        if (!parse_stamp(k, row, &space, &ts)) {
            if (k->arg_count == 1) { /* with a pattern it would be NULL: so is Flink */
                lt_str text = lt_k_str(k, 0, row);
                lt_k_fail(k, row, "bad-timestamp", "not a timestamp: '%.*s'",
                          (int)LT_MIN(text.len, (size_t)60), text.ptr);
                continue;
            }
            lt_k_null(k, row);
            continue;
        }
        if (k->arg_count > 2) {
            zone = named_zone(k, lt_k_str(k, 2, row), 0);
            if (zone == NULL) {
                lt_k_null(k, row);
                continue;
            }
        }
        LT_OUT(k, int64_t)[row] = zone != NULL ? lt_zone_to_utc_ms(zone, ts.ms) : ts.ms;
    }
    return LT_OK;
}

lt_status lt_infer_to_timestamp_ltz(lt_infer *in, lt_error *err)
{
    const lt_type *first = in->args[0]->type;
    in->type = lt_type_time(in->b->arena, LT_TYPE_TIMESTAMP_LTZ, 3, true);
    if (lt_type_is_numeric(first)) {
        if (in->count > 2) {
            return lt_in_refuse(in, err);
        }
        bool floating = first->kind == LT_TYPE_FLOAT || first->kind == LT_TYPE_DOUBLE;
        LT_TRY(lt_in_cast_kind(in, 0, floating ? LT_TYPE_DOUBLE : LT_TYPE_BIGINT, err));
        if (in->count > 1) {
            LT_TRY(lt_in_int(in, 1, err));
        }
        in->kernel = number_ltz_kernel;
        return LT_OK;
    }
    for (uint32_t i = 0; i < in->count; i++) {
        LT_TRY(lt_in_string(in, i, err));
    }
    in->kernel = string_ltz_kernel;
    return bind_pattern(in, 1, false, err);
}

/* ---- formatting ---- */

/* A pattern that is the same in all rows goes by the day. */
static void put_formatted(lt_kctx *k, uint32_t row, const lt_datefmt *fmt, lt_datefmt_day *day,
                          lt_ts9 local, int64_t offset_ms)
{
    if (fmt == ((const time_pattern *)k->data)->fmt && lt_datefmt_near(fmt, day, local)) {
        char small[LT_STRV_INLINE_MAX];
        char *to = day->len <= sizeof small ? small : lt_k_bytes(k, day->len);
        if (to != NULL) {
            lt_datefmt_put(day, local, to);
            lt_k_put_view(k, row, to, day->len);
        }
        return;
    }
    char text[LT_DATEFMT_TEXT_MAX];
    size_t len = lt_datefmt_format(fmt, local, offset_ms, k->session->time_zone, text);
    lt_k_put_copy(k, row, text, len);
}

static lt_status date_format_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    const lt_type *type = k->call->u.call.args[0]->type;
    int form = lt_ts_form(type);
    const lt_zone *zone = type->kind == LT_TYPE_TIMESTAMP_LTZ ? session_zone(k) : NULL;
    lt_datefmt space;
    lt_datefmt_day day = {0};
    LT_EACH(k, row)
    {
        const lt_datefmt *fmt = pattern_of(k, 1, row, false, &space);
        if (fmt == NULL) {
            continue;
        }
        lt_ts9 ts = lt_ts_load(k->args[0].col->data, form, row & k->args[0].mask);
        int64_t offset = zone != NULL ? lt_zone_offset_ms(zone, ts.ms) : 0;
        ts.ms += offset;
        put_formatted(k, row, fmt, &day, ts, offset);
    }
    return LT_OK;
}

/* 'yyyy-MM-dd HH:mm:ss', what follows is not looked at; a date alone is none. */
static bool parse_seconds(lt_str s, lt_ts9 *ts)
{
    s = lt_str_trim(s);
    if (memchr(s.ptr, ':', s.len) == NULL || !lt_text_to_timestamp_rolling(s, ts)) {
        return false;
    }
    ts->ms = lt_floor_div(ts->ms, 1000) * 1000;
    ts->ns_of_ms = 0;
    return true;
}

static lt_status string_format_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    lt_datefmt space;
    lt_datefmt_day day = {0};
    LT_EACH(k, row)
    {
        lt_ts9 ts;
        const lt_datefmt *fmt = pattern_of(k, 1, row, false, &space);
        if (fmt == NULL) {
            continue;
        }
        if (!parse_seconds(lt_k_str(k, 0, row), &ts)) {
            lt_k_null(k, row);
            continue;
        }
        put_formatted(k, row, fmt, &day, ts, 0);
    }
    return LT_OK;
}

lt_status lt_infer_date_format(lt_infer *in, lt_error *err)
{
    const lt_type *first = in->args[0]->type;
    LT_TRY(lt_in_string(in, 1, err));
    if (first->kind == LT_TYPE_NULL) {
        LT_TRY(lt_in_string(in, 0, err));
    } else if (first->kind == LT_TYPE_DATE) {
        LT_TRY(lt_in_cast(in, 0, lt_type_time(in->b->arena, LT_TYPE_TIMESTAMP, 3, true), err));
    }
    first = in->args[0]->type;
    if (!lt_type_is_string(first) && !lt_type_is_timestamp(first)) {
        return lt_in_refuse(in, err);
    }
    in->kernel = lt_type_is_string(first) ? string_format_kernel : date_format_kernel;
    in->type = lt_in_string_type(in, true);
    return bind_pattern(in, 1, false, err);
}

/* ---- UNIX time ---- */

static lt_status from_unixtime_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    const lt_zone *zone = session_zone(k);
    lt_datefmt space;
    lt_datefmt_day day = {0};
    LT_EACH(k, row)
    {
        const lt_datefmt *fmt = pattern_of(k, 1, row, true, &space);
        if (fmt == NULL) {
            continue;
        }
        lt_ts9 ts = {(int64_t)((uint64_t)lt_k_i64(k, 0, row) * 1000), 0, 0};
        int64_t offset = zone != NULL ? lt_zone_offset_ms(zone, ts.ms) : 0;
        ts.ms = (int64_t)((uint64_t)ts.ms + (uint64_t)offset);
        put_formatted(k, row, fmt, &day, ts, offset);
    }
    return LT_OK;
}

lt_status lt_infer_from_unixtime(lt_infer *in, lt_error *err)
{
    static const lt_simple simple = {"ls", 'S', true, from_unixtime_kernel};
    LT_TRY(lt_in_simple(in, &simple, err));
    return bind_pattern(in, 1, true, err);
}

static lt_status unix_timestamp_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    const lt_zone *zone = session_zone(k);
    lt_datefmt space;
    LT_EACH(k, row)
    {
        const lt_datefmt *fmt = pattern_of(k, 1, row, true, &space);
        if (fmt == NULL) {
            continue;
        }
        lt_ts9 ts;
        bool has_offset;
        int64_t offset;
        if (!lt_datefmt_parse(fmt, lt_k_str(k, 0, row), &ts, &has_offset, &offset)) {
            LT_OUT(k, int64_t)[row] = INT64_MIN;
            continue;
        }
        int64_t ms = has_offset     ? ts.ms - offset
                     : zone != NULL ? lt_zone_to_utc_late_ms(zone, ts.ms)
                                    : ts.ms;
        LT_OUT(k, int64_t)[row] = ms / 1000;
    }
    return LT_OK;
}

static lt_status now_seconds_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    int64_t us = k->session->env->wall_us(k->session->env);
    LT_OUT(k, int64_t)[0] = lt_floor_div(us, 1000000);
    return LT_OK;
}

lt_status lt_infer_unix_timestamp(lt_infer *in, lt_error *err)
{
    if (in->count == 0) {
        in->flags |= LT_FUNC_NONDET | LT_FUNC_DENSE;
        in->type = lt_type_new(in->b->arena, LT_TYPE_BIGINT, false);
        in->kernel = now_seconds_kernel;
        return LT_OK;
    }
    static const lt_simple simple = {"ss", 'L', false, unix_timestamp_kernel};
    LT_TRY(lt_in_simple(in, &simple, err));
    return bind_pattern(in, 1, true, err);
}

/* CONVERT_TZ('yyyy-MM-dd HH:mm:ss', from, to) */
/* As Java's TimeZone.getTimeZone: an unknown name, a bare offset too, is taken for UTC. */
static const lt_zone *java_zone(lt_kctx *k, uint32_t arg, uint32_t row, int which)
{
    lt_str name = lt_k_str(k, arg, row);
    bool offset = name.len > 0 && (name.ptr[0] == '+' || name.ptr[0] == '-');
    const lt_zone *zone = offset ? NULL : named_zone(k, name, which);
    return zone != NULL || k->nomem ? zone : named_zone(k, LT_STR("UTC"), which);
}

static lt_status convert_tz_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_ts9 ts;
        const lt_zone *from = java_zone(k, 1, row, 0);
        const lt_zone *to = java_zone(k, 2, row, 1);
        if (from == NULL || to == NULL || !parse_seconds(lt_k_str(k, 0, row), &ts)) {
            lt_k_null(k, row);
            continue;
        }
        ts.ms = lt_zone_to_utc_late_ms(from, ts.ms);
        ts.ms += lt_zone_offset_ms(to, ts.ms);
        char text[64];
        size_t len = lt_format_timestamp(ts, 0, text);
        lt_k_put_copy(k, row, text, len);
    }
    return LT_OK;
}

lt_status lt_infer_convert_tz(lt_infer *in, lt_error *err)
{
    static const lt_simple simple = {"sss", 'S', true, convert_tz_kernel};
    return lt_in_simple(in, &simple, err);
}

/* ---- the current time: one value a batch ---- */

static lt_status now_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    int op = k->call->u.call.func->op;
    int64_t ms = lt_floor_div(k->session->env->wall_us(k->session->env), 1000);
    const lt_zone *zone = session_zone(k);
    int64_t local = ms + (zone != NULL ? lt_zone_offset_ms(zone, ms) : 0);
    int64_t days = lt_floor_div(local, LT_MS_PER_DAY);
    switch (op) {
    case LT_OP_NOW:
        LT_OUT(k, int64_t)[0] = ms;
        break;
    case LT_OP_LOCALTIMESTAMP:
        LT_OUT(k, int64_t)[0] = local;
        break;
    case LT_OP_CURRENT_DATE:
        LT_OUT(k, int32_t)[0] = (int32_t)days;
        break;
    default:
        LT_OUT(k, int32_t)[0] = (int32_t)((local - days * LT_MS_PER_DAY) / 1000 * 1000);
        break;
    }
    return LT_OK;
}

lt_status lt_infer_now(lt_infer *in, lt_error *err)
{
    (void)err;
    lt_arena *arena = in->b->arena;
    in->kernel = now_kernel;
    switch (in->func->op) {
    case LT_OP_NOW:
        in->type = lt_type_time(arena, LT_TYPE_TIMESTAMP_LTZ, 3, false);
        break;
    case LT_OP_LOCALTIMESTAMP:
        in->type = lt_type_time(arena, LT_TYPE_TIMESTAMP, 3, false);
        break;
    case LT_OP_CURRENT_DATE:
        in->type = lt_type_new(arena, LT_TYPE_DATE, false);
        break;
    default:
        in->type = lt_type_time(arena, LT_TYPE_TIME, 0, false);
        break;
    }
    return LT_OK;
}

/* PROCTIME() carries the attribute. */
lt_status lt_infer_proctime(lt_infer *in, lt_error *err)
{
    (void)err;
    const lt_type *type = lt_type_time(in->b->arena, LT_TYPE_TIMESTAMP_LTZ, 3, false);
    in->kernel = now_kernel;
    in->type = type == NULL ? NULL : lt_type_with_attr(in->b->arena, type, LT_TIME_PROCTIME);
    return LT_OK;
}

/* ---- CURRENT_WATERMARK(rowtime): the watermark before the row; NULL before the first ---- */

static lt_status watermark_kernel(lt_kctx *k, lt_error *err)
{
    const lt_batch *in = lt_k_batch(k);
    int64_t *out = LT_OUT(k, int64_t);
    uint64_t *valid = lt_col_need_valid(k->out, k->cap, k->arena);
    if (valid == NULL) {
        return lt_error_nomem(err, "validity");
    }
    int64_t watermark = k->watermark;
    uint32_t mark = 0;
    for (uint32_t row = 0; row < k->rows; row++) {
        while (mark < in->mark_count && in->marks[mark].first_row <= row) {
            watermark = in->marks[mark++].watermark;
        }
        out[row] = watermark;
        if (watermark == LT_WATERMARK_MIN) {
            lt_bit_clear(valid, row);
        }
    }
    return LT_OK;
}

lt_status lt_infer_current_watermark(lt_infer *in, lt_error *err)
{
    const lt_type *type = in->args[0]->type;
    if (!lt_type_is_timestamp(type) || type->attr != LT_TIME_ROWTIME) {
        return lt_error_set_at(err, LT_ERR_SQL, in->pos,
                               "CURRENT_WATERMARK takes an event-time attribute");
    }
    in->type = lt_type_time(in->b->arena, type->kind, 3, true);
    in->kernel = watermark_kernel;
    return LT_OK;
}
