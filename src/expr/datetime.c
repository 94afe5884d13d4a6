/* Parts of dates and times: EXTRACT and its shorthands, FLOOR and CEIL to a unit, TIMESTAMPADD,
 * TIMESTAMPDIFF, OVERLAPS. TIMESTAMP_LTZ is taken apart in the session's zone. */
#include "expr/cast.h"
#include "expr/families.h"
#include "expr/temporal.h"

typedef enum {
    U_MILLENNIUM,
    U_CENTURY,
    U_DECADE,
    U_YEAR,
    U_QUARTER,
    U_MONTH,
    U_WEEK,
    U_DAY,
    U_DOY,
    U_DOW,
    U_ISODOW,
    U_ISOYEAR,
    U_EPOCH,
    U_HOUR,
    U_MINUTE,
    U_SECOND,
    U_MILLISECOND,
    U_MICROSECOND,
    U_NANOSECOND,
    U_COUNT
} unit;

static const char *const unit_names[] = {
    "MILLENNIUM", "CENTURY", "DECADE",      "YEAR",        "QUARTER",    "MONTH", "WEEK",
    "DAY",        "DOY",     "DOW",         "ISODOW",      "ISOYEAR",    "EPOCH", "HOUR",
    "MINUTE",     "SECOND",  "MILLISECOND", "MICROSECOND", "NANOSECOND",
};

_Static_assert(LT_COUNT_OF(unit_names) == U_COUNT, "every unit has a name");

static lt_status unit_of(const lt_infer *in, uint32_t arg, unit *out, lt_error *err)
{
    const lt_value *symbol = lt_in_literal(in, arg);
    if (symbol == NULL ||
        (symbol->type->kind != LT_TYPE_SYMBOL && !lt_type_is_string(symbol->type))) {
        return lt_in_refuse(in, err);
    }
    lt_str name = symbol->u.s;
    if (lt_str_starts(name, LT_STR("SQL_TSI_"))) {
        name.ptr += 8;
        name.len -= 8;
    }
    for (size_t i = 0; i < U_COUNT; i++) {
        lt_str known = lt_str_of(unit_names[i]);
        bool plural =
            name.len == known.len + 1 && lt_str_starts(name, known) && name.ptr[known.len] == 'S';
        if (lt_str_eq_ci(name, known) || plural) {
            *out = (unit)i;
            return LT_OK;
        }
    }
    return lt_error_set_at(err, LT_ERR_SQL, in->pos, "unknown time unit " LT_STR_FMT,
                           LT_STR_ARG(symbol->u.s));
}

/* What the kernels need to know. */
typedef struct {
    unit what;
    const lt_type *type;
    int64_t fixed_ms; /* length of units up to a week; 0 = by the calendar */
    bool up;          /* CEIL */
} time_op;

static const int64_t unit_ms[U_COUNT] = {
    [U_WEEK] = 7 * LT_MS_PER_DAY,  [U_DAY] = LT_MS_PER_DAY,       [U_HOUR] = LT_MS_PER_HOUR,
    [U_MINUTE] = LT_MS_PER_MINUTE, [U_SECOND] = LT_MS_PER_SECOND, [U_MILLISECOND] = 1,
};

static const lt_zone *zone_for(const lt_kctx *k, const lt_type *type)
{
    const lt_zone *zone = k->session->zone;
    return type->kind == LT_TYPE_TIMESTAMP_LTZ && zone != NULL && !lt_zone_is_utc(zone) ? zone
                                                                                        : NULL;
}

/* ---- EXTRACT ---- */

static int64_t iso_week(int64_t days, int64_t *year)
{
    int64_t thursday = days - lt_floor_mod(days + 3, 7) + 3;
    int month, day;
    lt_civil_from_days(thursday, year, &month, &day);
    return (thursday - lt_days_from_civil(*year, 1, 1)) / 7 + 1;
}

static int64_t date_part(unit what, int64_t days)
{
    int64_t year, iso_year;
    int month, day;
    switch ((int)what) {
    case U_DOW:
        return lt_floor_mod(days + 4, 7) + 1;
    case U_ISODOW:
        return lt_floor_mod(days + 3, 7) + 1;
    case U_WEEK:
        return iso_week(days, &iso_year);
    case U_ISOYEAR:
        (void)iso_week(days, &iso_year);
        return iso_year;
    default:
        break;
    }
    lt_civil_from_days(days, &year, &month, &day);
    switch ((int)what) {
    case U_MILLENNIUM:
        return year > 0 ? (year + 999) / 1000 : (year - 999) / 1000;
    case U_CENTURY:
        return year > 0 ? (year + 99) / 100 : (year - 99) / 100;
    case U_DECADE:
        return year / 10;
    case U_YEAR:
        return year;
    case U_QUARTER:
        return (month + 2) / 3;
    case U_MONTH:
        return month;
    case U_DAY:
        return day;
    default: /* U_DOY */
        return days - lt_days_from_civil(year, 1, 1) + 1;
    }
}

static int64_t time_part(unit what, int64_t ms, int32_t ns_of_ms)
{
    switch ((int)what) {
    case U_HOUR:
        return ms / LT_MS_PER_HOUR;
    case U_MINUTE:
        return ms / LT_MS_PER_MINUTE % 60;
    case U_SECOND:
        return ms / LT_MS_PER_SECOND % 60;
    case U_MILLISECOND:
        return ms % 1000;
    case U_MICROSECOND:
        return ms % 1000 * 1000 + ns_of_ms / 1000;
    default: /* U_NANOSECOND */
        return ms % 1000 * 1000000 + ns_of_ms;
    }
}

LT_INLINE void extract_stamp(lt_kctx *k, const int form)
{
    const time_op *op = (const time_op *)k->data;
    const lt_zone *zone = zone_for(k, op->type);
    int64_t *out = LT_OUT(k, int64_t);
    LT_EACH(k, row)
    {
        lt_ts9 ts = lt_ts_load(k->args[0].col->data, form, row);
        if (zone != NULL) {
            ts.ms += lt_zone_offset_ms(zone, ts.ms);
        }
        int64_t days = lt_floor_div(ts.ms, LT_MS_PER_DAY);
        int64_t ms = ts.ms - days * LT_MS_PER_DAY;
        out[row] = op->what == U_EPOCH  ? lt_floor_div(ts.ms, 1000)
                   : op->what >= U_HOUR ? time_part(op->what, ms, ts.ns_of_ms)
                                        : date_part(op->what, days);
    }
}

static lt_status extract_ms(lt_kctx *k, lt_error *err)
{
    (void)err;
    extract_stamp(k, LT_TS_MS);
    return LT_OK;
}

static lt_status extract_us(lt_kctx *k, lt_error *err)
{
    (void)err;
    extract_stamp(k, LT_TS_US);
    return LT_OK;
}

static lt_status extract_ns(lt_kctx *k, lt_error *err)
{
    (void)err;
    extract_stamp(k, LT_TS_NS);
    return LT_OK;
}

static lt_status extract_date(lt_kctx *k, lt_error *err)
{
    (void)err;
    const time_op *op = (const time_op *)k->data;
    LT_EACH(k, row)
    {
        int64_t days = LT_ARG(k, 0, int32_t)[row];
        LT_OUT(k, int64_t)
        [row] = op->what == U_EPOCH  ? days * 86400
                : op->what >= U_HOUR ? 0
                                     : date_part(op->what, days);
    }
    return LT_OK;
}

static lt_status extract_time(lt_kctx *k, lt_error *err)
{
    (void)err;
    const time_op *op = (const time_op *)k->data;
    LT_EACH(k, row)
    {
        int64_t ms = LT_ARG(k, 0, int32_t)[row];
        LT_OUT(k, int64_t)[row] = op->what == U_EPOCH ? ms / 1000 : time_part(op->what, ms, 0);
    }
    return LT_OK;
}

static lt_status extract_interval(lt_kctx *k, lt_error *err)
{
    (void)err;
    const time_op *op = (const time_op *)k->data;
    bool months = op->type->kind == LT_TYPE_INTERVAL_MONTH;
    LT_EACH(k, row)
    {
        int64_t x = months ? LT_ARG(k, 0, int32_t)[row] : LT_ARG(k, 0, int64_t)[row];
        int64_t value;
        if (months) {
            value = op->what == U_MONTH     ? x % 12
                    : op->what == U_QUARTER ? x % 12 / 3 + 1
                                            : x / 12 /
                                                  (op->what == U_DECADE       ? 10
                                                   : op->what == U_CENTURY    ? 100
                                                   : op->what == U_MILLENNIUM ? 1000
                                                                              : 1);
        } else if (op->what == U_DAY) {
            value = x / LT_MS_PER_DAY;
        } else if (op->what == U_EPOCH) {
            value = x / 1000;
        } else {
            value = time_part(op->what, x % LT_MS_PER_DAY, 0);
        }
        LT_OUT(k, int64_t)[row] = value;
    }
    return LT_OK;
}

static bool extract_fits(unit what, const lt_type *type)
{
    bool tiny = what == U_MICROSECOND || what == U_NANOSECOND;
    if (tiny && !lt_type_is_timestamp(type)) {
        return false;
    }
    if (type->kind == LT_TYPE_TIME) {
        return what > U_EPOCH;
    }
    if (type->kind == LT_TYPE_INTERVAL_MONTH) {
        return what <= U_MONTH;
    }
    if (type->kind == LT_TYPE_INTERVAL_SECOND) {
        return what == U_DAY || what > U_EPOCH;
    }
    return true;
}

static lt_kernel extract_kernel(const lt_type *type)
{
    static const lt_kernel stamps[] = {extract_ms, extract_us, extract_ns};
    switch ((int)type->kind) {
    case LT_TYPE_DATE:
        return extract_date;
    case LT_TYPE_TIME:
        return extract_time;
    case LT_TYPE_TIMESTAMP:
    case LT_TYPE_TIMESTAMP_LTZ:
        return stamps[lt_ts_form(type)];
    case LT_TYPE_INTERVAL_MONTH:
    case LT_TYPE_INTERVAL_SECOND:
        return extract_interval;
    default:
        return NULL;
    }
}

static lt_status new_op(lt_infer *in, unit what, const lt_type *type, bool up, lt_error *err)
{
    time_op *op = LT_NEW(in->b->arena, time_op);
    if (op == NULL) {
        return lt_error_nomem(err, "expression");
    }
    op->what = what;
    op->type = type;
    op->fixed_ms = unit_ms[what];
    op->up = up;
    in->data = op;
    return LT_OK;
}

static lt_status infer_part(lt_infer *in, unit what, lt_error *err)
{
    const lt_type *type = in->args[0]->type;
    in->kernel = extract_kernel(type);
    if (in->kernel == NULL || !extract_fits(what, type)) {
        return lt_in_refuse(in, err);
    }
    in->type = lt_in_type(in, LT_TYPE_BIGINT, false);
    return new_op(in, what, type, false, err);
}

/* (UNIT, value) */
lt_status lt_infer_extract(lt_infer *in, lt_error *err)
{
    unit what;
    LT_TRY(unit_of(in, 0, &what, err));
    if (in->args[1]->type->kind == LT_TYPE_NULL) {
        LT_TRY(lt_in_cast_kind(in, 1, LT_TYPE_DATE, err));
    }
    lt_expr *symbol = in->args[0];
    in->args[0] = in->args[1];
    in->count = 1;
    lt_status st = infer_part(in, what, err);
    /* The unit stays an argument: it tells two calls apart and is printed. */
    in->args[1] = symbol;
    in->count = 2;
    return st;
}

lt_status lt_infer_part(lt_infer *in, lt_error *err)
{
    static const unit units[] = {
        [LT_OP_YEAR] = U_YEAR,     [LT_OP_QUARTER] = U_QUARTER, [LT_OP_MONTH] = U_MONTH,
        [LT_OP_WEEK] = U_WEEK,     [LT_OP_DAYOFYEAR] = U_DOY,   [LT_OP_DAYOFMONTH] = U_DAY,
        [LT_OP_DAYOFWEEK] = U_DOW, [LT_OP_HOUR] = U_HOUR,       [LT_OP_MINUTE] = U_MINUTE,
        [LT_OP_SECOND] = U_SECOND,
    };
    return infer_part(in, units[in->func->op], err);
}

/* ---- FLOOR, CEIL ---- */

/* First day of the unit that holds the day. */
static int64_t floor_day(unit what, int64_t days)
{
    int64_t year;
    int month, day;
    if (what == U_WEEK) {
        return days - lt_floor_mod(days + 4, 7); /* weeks start on Sunday here */
    }
    if (what >= U_DAY) {
        return days;
    }
    lt_civil_from_days(days, &year, &month, &day);
    switch ((int)what) {
    case U_MONTH:
        return days - day + 1;
    case U_QUARTER:
        return lt_days_from_civil(year, (month - 1) / 3 * 3 + 1, 1);
    case U_YEAR:
        return lt_days_from_civil(year, 1, 1);
    case U_DECADE:
        return lt_days_from_civil(lt_floor_div(year, 10) * 10, 1, 1);
    case U_CENTURY:
        return lt_days_from_civil(lt_floor_div(year - 1, 100) * 100 + 1, 1, 1);
    default: /* U_MILLENNIUM */
        return lt_days_from_civil(lt_floor_div(year - 1, 1000) * 1000 + 1, 1, 1);
    }
}

static int64_t next_day(unit what, int64_t first)
{
    static const int16_t months[] = {[U_MONTH] = 1,    [U_QUARTER] = 3,    [U_YEAR] = 12,
                                     [U_DECADE] = 120, [U_CENTURY] = 1200, [U_MILLENNIUM] = 12000};
    if (what == U_WEEK || what >= U_DAY) {
        return first + (what == U_WEEK ? 7 : 1);
    }
    return lt_add_months(first, months[what]);
}

static int64_t round_days(const time_op *op, int64_t days)
{
    int64_t first = floor_day(op->what, days);
    if (op->what == U_DAY && op->up) {
        return days + 1; /* as Flink does */
    }
    return !op->up || first == days ? first : next_day(op->what, first);
}

static int64_t round_ms(const time_op *op, int64_t ms)
{
    if (op->what >= U_HOUR || op->what == U_DAY) {
        int64_t rest = lt_floor_mod(ms, op->fixed_ms);
        return rest == 0 ? ms : ms - rest + (op->up ? op->fixed_ms : 0);
    }
    /* Calendar units look at the date alone: the first day of a month is its own ceiling at any
     * time of day. */
    return round_days(op, lt_floor_div(ms, LT_MS_PER_DAY)) * LT_MS_PER_DAY;
}

LT_INLINE void round_stamp(lt_kctx *k, const int form)
{
    const time_op *op = (const time_op *)k->data;
    const lt_zone *zone = zone_for(k, op->type);
    LT_EACH(k, row)
    {
        lt_ts9 ts = lt_ts_load(k->args[0].col->data, form, row);
        int64_t local = ts.ms + (zone != NULL ? lt_zone_offset_ms(zone, ts.ms) : 0);
        local = round_ms(
            op, local + (op->up && op->what == U_MILLISECOND &&
                         ts.ns_of_ms >
                             0)); /* a fraction of a millisecond is not looked at, as in Flink */
        ts.ms = zone != NULL ? lt_zone_to_utc_ms(zone, local) : local;
        ts.ns_of_ms = 0;
        lt_ts_store(k->out->data, form, row, ts);
    }
}

static lt_status round_stamp_ms(lt_kctx *k, lt_error *err)
{
    (void)err;
    round_stamp(k, LT_TS_MS);
    return LT_OK;
}

static lt_status round_stamp_us(lt_kctx *k, lt_error *err)
{
    (void)err;
    round_stamp(k, LT_TS_US);
    return LT_OK;
}

static lt_status round_stamp_ns(lt_kctx *k, lt_error *err)
{
    (void)err;
    round_stamp(k, LT_TS_NS);
    return LT_OK;
}

static lt_status round_date(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        int64_t days = LT_ARG(k, 0, int32_t)[row];
        LT_OUT(k, int32_t)[row] = (int32_t)round_days((const time_op *)k->data, days);
    }
    return LT_OK;
}

static lt_status round_time(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        int64_t ms = LT_ARG(k, 0, int32_t)[row];
        LT_OUT(k, int32_t)[row] = (int32_t)round_ms((const time_op *)k->data, ms);
    }
    return LT_OK;
}

/* (value, UNIT) */
lt_status lt_infer_floor_time(lt_infer *in, lt_error *err)
{
    static const lt_kernel stamps[] = {round_stamp_ms, round_stamp_us, round_stamp_ns};
    unit what;
    /* FLOOR(t TO unit) may come with the unit in either place. */
    if (in->args[0]->type->kind == LT_TYPE_SYMBOL) {
        lt_expr *symbol = in->args[0];
        in->args[0] = in->args[1];
        in->args[1] = symbol;
    }
    LT_TRY(unit_of(in, 1, &what, err));
    const lt_type *type = in->args[0]->type;
    bool date_unit = what <= U_DAY && what != U_EPOCH;
    if (what == U_DOY || what == U_DOW || what == U_ISODOW || what == U_ISOYEAR ||
        what == U_EPOCH || what > U_MILLISECOND) {
        return lt_in_refuse(in, err);
    }
    if (lt_type_is_timestamp(type)) {
        in->kernel = stamps[lt_ts_form(type)];
    } else if (type->kind == LT_TYPE_DATE) {
        in->kernel = round_date;
    } else if (type->kind == LT_TYPE_TIME && !date_unit) {
        in->kernel = round_time;
    } else {
        return lt_in_refuse(in, err);
    }
    in->type = lt_type_with_attr(in->b->arena, type, LT_TIME_NONE);
    return new_op(in, what, type, in->func->op == LT_OP_CEIL, err);
}

/* ---- TIMESTAMPADD(UNIT, n, t): t + n * INTERVAL '1' UNIT ---- */

static lt_status times_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    const time_op *op = (const time_op *)k->data;
    bool months = k->out->phys == LT_PHYS_I32;
    LT_EACH(k, row)
    {
        uint64_t n = (uint64_t)LT_ARG(k, 0, int64_t)[row] * (uint64_t)op->fixed_ms;
        if (months) {
            LT_OUT(k, int32_t)[row] = (int32_t)n;
        } else {
            LT_OUT(k, int64_t)[row] = (int64_t)n;
        }
    }
    return LT_OK;
}

static const int64_t unit_months[U_COUNT] = {
    [U_MONTH] = 1,    [U_QUARTER] = 3,    [U_YEAR] = 12,
    [U_DECADE] = 120, [U_CENTURY] = 1200, [U_MILLENNIUM] = 12000};

static lt_status interval_of(lt_infer *in, unit what, lt_expr *number, lt_expr **out, lt_error *err)
{
    lt_infer part = *in;
    part.flags = 0;
    part.count = 1;
    part.replace = NULL;
    part.args = LT_NEW_ARRAY(in->b->arena, lt_expr *, 2);
    if (part.args == NULL) {
        return lt_error_nomem(err, "expression");
    }
    part.args[0] = number;
    LT_TRY(lt_in_cast_kind(&part, 0, LT_TYPE_BIGINT, err));
    bool months = unit_months[what] > 0;
    part.type = lt_type_new(in->b->arena, months ? LT_TYPE_INTERVAL_MONTH : LT_TYPE_INTERVAL_SECOND,
                            number->type->nullable);
    part.kernel = times_kernel;
    /* One function row serves several units: the unit is the call's second argument. */
    part.args[1] = in->args[0];
    part.count = 2;
    LT_TRY(new_op(&part, what, part.type, false, err));
    ((time_op *)(uintptr_t)part.data)->fixed_ms = months ? unit_months[what] : unit_ms[what];
    return lt_expr_finish(&part, out, err);
}

lt_status lt_infer_timestampadd(lt_infer *in, lt_error *err)
{
    unit what;
    LT_TRY(unit_of(in, 0, &what, err));
    if (unit_months[what] == 0 && unit_ms[what] == 0) {
        return lt_in_refuse(in, err);
    }
    const lt_type *number = in->args[1]->type;
    if (!lt_type_is_integer(number) && number->kind != LT_TYPE_NULL) {
        return lt_in_refuse(in, err);
    }
    if (in->args[2]->type->kind == LT_TYPE_NULL) {
        LT_TRY(lt_in_cast(in, 2, lt_type_time(in->b->arena, LT_TYPE_TIMESTAMP, 3, true), err));
    }
    const lt_type *type = in->args[2]->type;
    if (type->kind != LT_TYPE_DATE && type->kind != LT_TYPE_TIME && !lt_type_is_timestamp(type)) {
        return lt_in_refuse(in, err);
    }
    lt_expr *operands[2];
    LT_TRY(interval_of(in, what, in->args[1], &operands[1], err));
    if (type->kind == LT_TYPE_DATE && what > U_DAY) {
        LT_TRY(lt_in_cast(in, 2, lt_type_time(in->b->arena, LT_TYPE_TIMESTAMP, 6, true), err));
    }
    if (type->kind == LT_TYPE_TIME && unit_months[what] > 0) {
        in->replace = in->args[2]; /* a time of day has no months */
        return LT_OK;
    }
    operands[0] = in->args[2];
    return lt_expr_call(in->b, LT_STR("+"), operands, 2, in->pos, &in->replace, err);
}

/* ---- TIMESTAMPDIFF(UNIT, t1, t2): t2 - t1 in whole units ---- */

/* Whole months from one day to a later one. */
static int64_t months_of_days(int64_t from, int64_t to)
{
    int64_t from_year, to_year;
    int from_month, from_day, to_month, to_day;
    lt_civil_from_days(from, &from_year, &from_month, &from_day);
    lt_civil_from_days(to, &to_year, &to_month, &to_day);
    int64_t months = (to_year - from_year) * 12 + to_month - from_month;
    return lt_add_months(from, months) > to ? months - 1 : months;
}

/* Whole months from a to b, both local ms, as Calcite counts them: between the dates, and one less
 * if that lands on b's date at a later time of day. */
static int64_t months_between(int64_t a, int64_t b)
{
    int64_t a_days = lt_floor_div(a, LT_MS_PER_DAY), b_days = lt_floor_div(b, LT_MS_PER_DAY);
    int64_t months =
        b_days >= a_days ? months_of_days(a_days, b_days) : -months_of_days(b_days, a_days);
    bool lands = lt_add_months(a_days, months) == b_days;
    return lands && b - b_days * LT_MS_PER_DAY < a - a_days * LT_MS_PER_DAY ? months - 1 : months;
}

typedef struct {
    unit what;
    int form[2]; /* of each operand; -1 = DATE, -2 = TIME */
    int64_t divisor;
} diff_op;

static int64_t load_local(const lt_kctx *k, uint32_t arg, int form, uint32_t row)
{
    row &= k->args[arg].mask;
    const lt_col *col = k->args[arg].col;
    if (form == -1) {
        return LT_COL_DATA(col, const int32_t)[row] * LT_MS_PER_DAY;
    }
    return form == -2 ? LT_COL_DATA(col, const int32_t)[row] : lt_ts_load_ms(col->data, form, row);
}

static lt_status diff_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    const diff_op *op = (const diff_op *)k->data;
    bool months = unit_months[op->what] > 0;
    LT_EACH(k, row)
    {
        int64_t a = load_local(k, 1, op->form[0], row);
        int64_t b = load_local(k, 2, op->form[1], row);
        int64_t units = months ? months_between(a, b) : b - a;
        LT_OUT(k, int32_t)[row] = (int32_t)(units / op->divisor);
    }
    return LT_OK;
}

static int form_of(const lt_type *type)
{
    return type->kind == LT_TYPE_DATE ? -1 : type->kind == LT_TYPE_TIME ? -2 : lt_ts_form(type);
}

lt_status lt_infer_timestampdiff(lt_infer *in, lt_error *err)
{
    unit what;
    LT_TRY(unit_of(in, 0, &what, err));
    if (unit_months[what] == 0 && unit_ms[what] == 0) {
        return lt_in_refuse(in, err);
    }
    for (uint32_t i = 1; i < 3; i++) {
        if (in->args[i]->type->kind == LT_TYPE_NULL) {
            LT_TRY(lt_in_cast(in, i, lt_type_time(in->b->arena, LT_TYPE_TIMESTAMP, 3, true), err));
        }
        const lt_type *type = in->args[i]->type;
        if (type->kind != LT_TYPE_DATE && type->kind != LT_TYPE_TIME &&
            !lt_type_is_timestamp(type)) {
            return lt_in_refuse(in, err);
        }
    }
    const lt_type *a = in->args[1]->type, *b = in->args[2]->type;
    if ((a->kind == LT_TYPE_TIMESTAMP_LTZ) != (b->kind == LT_TYPE_TIMESTAMP_LTZ)) {
        lt_status st = lt_in_refuse(in, err);
        lt_error_hint(err,
                      "TIMESTAMP_LTZ is an instant: cast one side so that both are the same type");
        return st;
    }
    diff_op *op = LT_NEW(in->b->arena, diff_op);
    if (op == NULL) {
        return lt_error_nomem(err, "expression");
    }
    op->what = what;
    op->form[0] = form_of(a);
    op->form[1] = form_of(b);
    op->divisor = unit_months[what] > 0 ? unit_months[what] : unit_ms[what];
    in->data = op;
    in->type = lt_in_type(in, LT_TYPE_INT, false);
    in->kernel = diff_kernel;
    return LT_OK;
}

/* ---- (s1, e1) OVERLAPS (s2, e2), where each e may be an interval ---- */

static lt_status call2(lt_infer *in, const char *name, lt_expr *a, lt_expr *b, lt_expr **out,
                       lt_error *err)
{
    lt_expr *args[2] = {a, b};
    return lt_expr_call(in->b, lt_str_of(name), args, 2, in->pos, out, err);
}

lt_status lt_infer_overlaps(lt_infer *in, lt_error *err)
{
    lt_expr *low[2], *high[2];
    for (uint32_t i = 0; i < 2; i++) {
        lt_expr *start = in->args[2 * i], *end = in->args[2 * i + 1];
        lt_type_kind kind = end->type->kind;
        if (kind == LT_TYPE_INTERVAL_MONTH || kind == LT_TYPE_INTERVAL_SECOND) {
            LT_TRY(call2(in, "+", start, end, &end, err));
        }
        LT_TRY(call2(in, "LEAST", start, end, &low[i], err));
        LT_TRY(call2(in, "GREATEST", start, end, &high[i], err));
    }
    lt_expr *a, *b;
    LT_TRY(call2(in, ">=", high[0], low[1], &a, err));
    LT_TRY(call2(in, ">=", high[1], low[0], &b, err));
    return call2(in, "AND", a, b, &in->replace, err);
}
