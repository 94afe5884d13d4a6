/* Java date patterns ('dd/MMM/yyyy:HH:mm:ss Z'): compiled once, then used to format and to parse.
 * Names are English. */
#pragma once

#include "data/column.h"
#include "expr/civil.h"
#include "expr/timezone.h"

#define LT_DATEFMT_ITEMS_MAX 64
#define LT_DATEFMT_TEXT_MAX  512 /* bytes of formatted text */

typedef struct {
    char letter;     /* 0 = literal text */
    uint8_t count;   /* letters, or bytes of text */
    uint8_t reserve; /* digits that the adjacent numbers behind this one take */
    bool optional;   /* inside [ ] */
    char text[8];
} lt_datefmt_item;

typedef struct {
    uint32_t count;
    bool legacy; /* SimpleDateFormat: numbers of any width, out-of-range fields roll over */
    bool daily; /* within a day only hours, minutes, seconds and their fraction change, each of them
                   once and of fixed width */
    lt_datefmt_item items[LT_DATEFMT_ITEMS_MAX];
} lt_datefmt;

/* false: an unknown letter, an open quote, too long. */
bool lt_datefmt_compile(lt_str pattern, bool legacy, lt_datefmt *out);
/* The first letter of the pattern that is not understood; 0 when something else is wrong. */
char lt_datefmt_bad_letter(lt_str pattern);

#define LT_DATEFMT_DAY_MAX 64

/* The text of a day with the clock at 0. Starts zeroed; used with one format. */
typedef struct {
    bool ready;
    int64_t start_ms;
    size_t len;
    /* Where the fields of the clock stand; below 0 = nowhere. */
    int hour, minute, second, fraction;
    int digits; /* of the fraction */
    char text[LT_DATEFMT_DAY_MAX];
} lt_datefmt_day;

/* As lt_datefmt_format for formats without zone letters, most of all for values of the day that was
 * there before: *day becomes local's day. Then lt_datefmt_put writes day->len bytes. false: to be
 * formatted otherwise. */
bool lt_datefmt_find_day(const lt_datefmt *fmt, lt_datefmt_day *day, lt_ts9 local);
LT_INLINE bool lt_datefmt_near(const lt_datefmt *fmt, lt_datefmt_day *day, lt_ts9 local)
{
    return (day->ready && (uint64_t)local.ms - (uint64_t)day->start_ms < (uint64_t)LT_MS_PER_DAY) ||
           lt_datefmt_find_day(fmt, day, local);
}
void lt_datefmt_put(const lt_datefmt_day *day, lt_ts9 local, char *to);

/* local: wall-clock; offset_ms and zone for the zone letters. Returns the length; to holds
 * LT_DATEFMT_TEXT_MAX bytes. */
size_t lt_datefmt_format(const lt_datefmt *fmt, lt_ts9 local, int64_t offset_ms, lt_str zone,
                         char *to);

/* Wall-clock fields; what the pattern does not name is 1970-01-01 00:00:00. *offset_ms is set when
 * the text has an offset. false: no match. */
bool lt_datefmt_parse(const lt_datefmt *fmt, lt_str s, lt_ts9 *local, bool *has_offset,
                      int64_t *offset_ms);
