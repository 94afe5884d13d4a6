/* TO_INSTANT(s[, pattern]): a point in time from text that says where on Earth its clock hangs.
 * TO_TIMESTAMP and TO_TIMESTAMP_LTZ read over an offset in the text, as Flink does. */
#include "expr/civil.h"
#include "expr/datefmt.h"
#include "expr/families.h"
#include "expr/kernel.h"
#include "expr/temporal.h"

static bool digits(lt_str s, size_t *at, size_t count, int64_t *out)
{
    int64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        char c = *at + i < s.len ? s.ptr[*at + i] : '\0';
        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (c - '0');
    }
    *at += count;
    *out = value;
    return true;
}

static bool take(lt_str s, size_t *at, char c)
{
    bool there = *at < s.len && s.ptr[*at] == c;
    *at += there;
    return there;
}

/* ISO 8601, extended or basic: a separator stands everywhere or nowhere. */
static bool iso_date(lt_str s, size_t *at, int64_t *days)
{
    int64_t year, month, day;
    if (!digits(s, at, 4, &year)) {
        return false;
    }
    bool extended = take(s, at, '-');
    if (!digits(s, at, 2, &month) || (extended && !take(s, at, '-')) || !digits(s, at, 2, &day) ||
        month < 1 || month > 12 || day < 1 || day > lt_days_in_month(year, (int)month)) {
        return false;
    }
    *days = lt_days_from_civil(year, (int)month, (int)day);
    return true;
}

/* HH, HH:mm, HH:mm:ss, HH:mm:ss.f; 24:00 is the end of the day, second 60 the one after 59. */
static bool iso_time(lt_str s, size_t *at, int64_t *ms)
{
    int64_t hour, minute = 0, second = 0, fraction = 0, unit = 100;
    if (!digits(s, at, 2, &hour)) {
        return false;
    }
    size_t mark = *at;
    bool extended = take(s, at, ':');
    if (digits(s, at, 2, &minute)) {
        mark = *at;
        if ((!extended || take(s, at, ':')) && digits(s, at, 2, &second)) {
            mark = *at;
        }
    }
    *at = mark;
    if (*at < s.len && (s.ptr[*at] == '.' || s.ptr[*at] == ',')) {
        size_t from = ++*at;
        while (*at < s.len && s.ptr[*at] >= '0' && s.ptr[*at] <= '9') {
            fraction += (s.ptr[*at] - '0') * unit;
            unit /= 10;
            ++*at;
        }
        if (*at == from) {
            return false;
        }
    }
    *ms = hour * LT_MS_PER_HOUR + minute * LT_MS_PER_MINUTE + second * LT_MS_PER_SECOND + fraction;
    return minute < 60 && second <= 60 && (hour < 24 || (hour == 24 && *ms == LT_MS_PER_DAY));
}

/* Z, +hh, +hhmm, +hh:mm. */
static bool iso_offset(lt_str s, size_t *at, int64_t *offset_ms)
{
    *offset_ms = 0;
    if (take(s, at, 'Z') || take(s, at, 'z')) {
        return true;
    }
    int64_t hour, minute = 0;
    bool west = *at < s.len && s.ptr[*at] == '-';
    if (!west && (*at >= s.len || s.ptr[*at] != '+')) {
        return false;
    }
    ++*at;
    if (!digits(s, at, 2, &hour)) {
        return false;
    }
    if (*at < s.len) {
        (void)take(s, at, ':');
        if (!digits(s, at, 2, &minute)) {
            return false;
        }
    }
    *offset_ms = (west ? -1 : 1) * (hour * LT_MS_PER_HOUR + minute * LT_MS_PER_MINUTE);
    return hour <= 18 && minute < 60;
}

static bool parse_iso(lt_str s, int64_t *local_ms, bool *has_offset, int64_t *offset_ms)
{
    size_t at = 0;
    int64_t days, ms = 0;
    s = lt_str_trim(s);
    if (!iso_date(s, &at, &days)) {
        return false;
    }
    if (take(s, &at, 'T') || take(s, &at, 't') || take(s, &at, ' ')) {
        if (!iso_time(s, &at, &ms)) {
            return false;
        }
        (void)take(s, &at, ' ');
    }
    *has_offset = at < s.len;
    *local_ms = days * LT_MS_PER_DAY + ms;
    return !*has_offset || (iso_offset(s, &at, offset_ms) && at == s.len);
}

static bool parse_by(lt_kctx *k, uint32_t row, const lt_datefmt *fmt, int64_t *local_ms,
                     bool *has_offset, int64_t *offset_ms)
{
    lt_ts9 local;
    if (!lt_datefmt_parse(fmt, lt_k_str(k, 0, row), &local, has_offset, offset_ms)) {
        return false;
    }
    *local_ms = local.ms;
    return true;
}

static lt_status instant_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    const lt_datefmt *fixed = (const lt_datefmt *)k->data;
    lt_datefmt own;
    LT_EACH(k, row)
    {
        int64_t local_ms, offset_ms = 0;
        bool has_offset = false, good;
        if (k->arg_count == 1) {
            good = parse_iso(lt_k_str(k, 0, row), &local_ms, &has_offset, &offset_ms);
        } else {
            good =
                (fixed != NULL || lt_datefmt_compile(lt_k_str(k, 1, row), false, &own)) &&
                parse_by(k, row, fixed != NULL ? fixed : &own, &local_ms, &has_offset, &offset_ms);
        }
        if (!good) {
            lt_k_null(k, row);
        } else if (has_offset) {
            LT_OUT(k, int64_t)[row] = local_ms - offset_ms;
        } else {
            const lt_zone *zone = k->session->zone;
            LT_OUT(k, int64_t)
            [row] = zone == NULL ? local_ms : lt_zone_to_utc_ms(zone, local_ms);
        }
    }
    return LT_OK;
}

lt_status lt_infer_to_instant(lt_infer *in, lt_error *err)
{
    for (uint32_t i = 0; i < in->count; i++) {
        LT_TRY(lt_in_string(in, i, err));
    }
    const lt_value *pattern = in->count > 1 ? lt_in_literal(in, 1) : NULL;
    if (pattern != NULL) {
        lt_datefmt *fmt = LT_NEW(in->b->arena, lt_datefmt);
        if (fmt == NULL) {
            return lt_error_nomem(err, "pattern");
        }
        if (!lt_datefmt_compile(pattern->u.s, false, fmt)) {
            return lt_error_set_at(err, LT_ERR_SQL, in->args[1]->pos,
                                   "unsupported date pattern '%.*s'",
                                   (int)LT_MIN(pattern->u.s.len, (size_t)60), pattern->u.s.ptr);
        }
        in->data = fmt;
    }
    in->type = lt_type_time(in->b->arena, LT_TYPE_TIMESTAMP_LTZ, 3, true);
    in->kernel = instant_kernel;
    return LT_OK;
}
