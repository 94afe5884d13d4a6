/* Java date patterns ('dd/MMM/yyyy:HH:mm:ss Z'): compiled once, then used to format and to parse.
 * Names are English. */
#pragma once

#include "data/column.h"
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
    lt_datefmt_item items[LT_DATEFMT_ITEMS_MAX];
} lt_datefmt;

/* false: an unknown letter, an open quote, too long. */
bool lt_datefmt_compile(lt_str pattern, bool legacy, lt_datefmt *out);

/* local: wall-clock; offset_ms and zone for the zone letters. Returns the length; to holds
 * LT_DATEFMT_TEXT_MAX bytes. */
size_t lt_datefmt_format(const lt_datefmt *fmt, lt_ts9 local, int64_t offset_ms, lt_str zone,
                         char *to);

/* Wall-clock fields; what the pattern does not name is 1970-01-01 00:00:00. *offset_ms is set when
 * the text has an offset. false: no match. */
bool lt_datefmt_parse(const lt_datefmt *fmt, lt_str s, lt_ts9 *local, bool *has_offset,
                      int64_t *offset_ms);
