/* Locale-free formatting for the status area and the summary. */
#include "cli/human.h"

#include <leat/leat.h>
#include <stdio.h>

#define DAY_S INT64_C(86400)

void lt_human_count(lt_text *to, uint64_t value)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            lt_text_putc(to, ',');
        }
        lt_text_putc(to, digits[i]);
    }
}

/* Three significant digits before a unit. */
static void scaled(lt_text *to, double value, const char *const *units, size_t count)
{
    size_t unit = 0;
    while (value >= 999.5 && unit + 1 < count) {
        value /= 1000;
        unit++;
    }
    int decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    lt_text_printf(to, "%.*f%s", decimals, value, units[unit]);
}

void lt_human_short(lt_text *to, double value)
{
    static const char *const units[] = {"", "K", "M", "G", "T"};
    scaled(to, value, units, LT_COUNT_OF(units));
}

void lt_human_bytes(lt_text *to, double bytes)
{
    static const char *const units[] = {" B", " KB", " MB", " GB", " TB"};
    scaled(to, bytes, units, LT_COUNT_OF(units));
}

void lt_human_elapsed(lt_text *to, int64_t ns)
{
    int64_t ms = ns > 0 ? ns / 1000000 : 0;
    int64_t s = ms / 1000;
    if (ms < 1000) {
        lt_text_printf(to, "%lld ms", (long long)ms);
    } else if (s < 60) {
        lt_text_printf(to, "%lld.%lld s", (long long)s, (long long)(ms % 1000 / 100));
    } else if (s < 3600) {
        lt_text_printf(to, "%lld:%02lld", (long long)(s / 60), (long long)(s % 60));
    } else if (s >= 2 * DAY_S) {
        lt_text_printf(to, "%lld d", (long long)(s / DAY_S));
    } else {
        lt_text_printf(to, "%lld:%02lld:%02lld", (long long)(s / 3600), (long long)(s / 60 % 60),
                       (long long)(s % 60));
    }
}

void lt_human_time(lt_text *to, int64_t ms)
{
    if (ms == LEAT_TIME_MIN || ms == LEAT_TIME_MAX) {
        lt_text_puts(to, ms == LEAT_TIME_MIN ? "-" : "end");
        return;
    }
    int64_t s = ms / 1000 - (ms % 1000 < 0 ? 1 : 0);
    int64_t days = s / DAY_S - (s % DAY_S < 0 ? 1 : 0);
    int64_t rest = s - days * DAY_S;
    /* Days since 0000-03-01, in eras of 400 years: leap days come last. */
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t of_era = z - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    lt_text_printf(to, "%04lld-%02lld-%02lld %02lld:%02lld:%02lld", (long long)year,
                   (long long)month, (long long)day, (long long)(rest / 3600),
                   (long long)(rest / 60 % 60), (long long)(rest % 60));
}
