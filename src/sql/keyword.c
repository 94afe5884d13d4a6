/* Keyword tables. The names come from keyword.h; this file only searches them. */
#include "sql/keyword.h"

#include <string.h>

#include "base/assert.h"
#include "sql/parse.h"

typedef struct {
    const char *name;
    uint8_t len;
    char class;
} keyword_row;

#define LT_CLASS_N 'N'
#define LT_CLASS_R 'R'
#define LT_CLASS_F 'F'
#define LT_CLASS_C 'C'
#define LT_CLASS_B 'B'

/* clang-format off */
static const keyword_row rows[] = {
    {"", 0, 'N'},
#define X(name, class) {#name, sizeof #name - 1, LT_CLASS_##class},
    LT_KEYWORDS(X)
#undef X
};

static const char *const standard_functions[] = {
    "ABS", "ACOS", "ANY_VALUE", "APPROX_COUNT_DISTINCT", "ARG_MAX", "ARG_MIN", "ARRAY_AGG",
    "ASCII", "ASIN", "ATAN", "ATAN2", "AVG", "BIT_AND", "BIT_OR", "BIT_XOR", "CARDINALITY", "CAST",
    "CBRT", "CEIL", "CHARACTER_LENGTH", "CHAR_LENGTH", "CLASSIFIER", "COALESCE", "COLLECT",
    "CONTAINS_SUBSTR", "CONVERT", "COS", "COT", "COUNT", "COVAR_POP", "COVAR_SAMP", "CUME_DIST",
    "CURRENT_CATALOG", "CURRENT_DATE", "CURRENT_PATH", "CURRENT_ROLE", "CURRENT_SCHEMA",
    "CURRENT_TIME", "CURRENT_TIMESTAMP", "CURRENT_USER", "DAYOFMONTH", "DAYOFWEEK", "DAYOFYEAR",
    "DEGREES", "DENSE_RANK", "ELEMENT", "EVERY", "EXP", "EXTRACT", "FIRST", "FIRST_VALUE", "FLOOR",
    "FUSION", "GROUPING", "GROUPING_ID", "GROUP_CONCAT", "GROUP_ID", "HOP", "HOP_END", "HOP_START",
    "HOUR", "INITCAP", "INTERSECTION", "JSON_ARRAY", "JSON_ARRAYAGG", "JSON_DEPTH", "JSON_EXISTS",
    "JSON_INSERT", "JSON_KEYS", "JSON_LENGTH", "JSON_OBJECT", "JSON_OBJECTAGG", "JSON_PRETTY",
    "JSON_QUERY", "JSON_REMOVE", "JSON_REPLACE", "JSON_SET", "JSON_STORAGE_SIZE", "JSON_TYPE",
    "JSON_VALUE", "LAG", "LAST", "LAST_DAY", "LAST_VALUE", "LEAD", "LISTAGG", "LN", "LOCALTIME",
    "LOCALTIMESTAMP", "LOG10", "LOWER", "MATCH_NUMBER", "MAX", "MIN", "MINUTE", "MOD", "MODE",
    "MONTH", "NEXT", "NTH_VALUE", "NTILE", "NULLIF", "OCTET_LENGTH", "OVERLAY", "PERCENTILE_CONT",
    "PERCENTILE_DISC", "PERCENT_RANK", "PI", "POSITION", "POWER", "PREV", "QUARTER", "RADIANS",
    "RAND", "RAND_INTEGER", "RANK", "REGR_COUNT", "REGR_SXX", "REGR_SYY", "REPLACE", "ROUND",
    "ROW_NUMBER", "SECOND", "SESSION", "SESSION_END", "SESSION_START", "SESSION_USER", "SIGN",
    "SIN", "SINGLE_VALUE", "SOME", "SQRT", "STDDEV", "STDDEV_POP", "STDDEV_SAMP", "STRING_AGG",
    "SUBSTRING", "SUM", "SYSTEM_USER", "TAN", "TIMESTAMPADD", "TIMESTAMPDIFF", "TRANSLATE", "TRIM",
    "TRUNCATE", "TUMBLE", "TUMBLE_END", "TUMBLE_START", "UPPER", "USER", "VARIANCE", "VAR_POP",
    "VAR_SAMP", "WEEK", "YEAR",
};
/* clang-format on */

_Static_assert(LT_COUNT_OF(rows) == LT_KEYWORD_COUNT, "one row for each keyword");

#define KEYWORD_LEN_MAX 48

static int compare(lt_str a, const char *b, size_t b_len)
{
    int diff = memcmp(a.ptr, b, a.len < b_len ? a.len : b_len);
    if (diff != 0) {
        return diff;
    }
    return a.len < b_len ? -1 : a.len > b_len;
}

lt_keyword lt_keyword_find(lt_str word)
{
    char upper[KEYWORD_LEN_MAX];
    if (word.len == 0 || word.len > sizeof upper) {
        return LT_KEYWORD_NOT;
    }
    for (size_t i = 0; i < word.len; i++) {
        char ch = word.ptr[i];
        upper[i] = ch >= 'a' && ch <= 'z' ? (char)(ch - 'a' + 'A') : ch;
    }
    lt_str key = {upper, word.len};
    int low = 1;
    int high = LT_KEYWORD_COUNT - 1;
    while (low <= high) {
        int mid = (low + high) / 2;
        int diff = compare(key, rows[mid].name, rows[mid].len);
        if (diff == 0) {
            return (lt_keyword)mid;
        }
        if (diff < 0) {
            high = mid - 1;
        } else {
            low = mid + 1;
        }
    }
    return LT_KEYWORD_NOT;
}

lt_str lt_keyword_name(lt_keyword keyword)
{
    LT_ASSERT(keyword < LT_KEYWORD_COUNT);
    return (lt_str){rows[keyword].name, rows[keyword].len};
}

char lt_keyword_class(lt_keyword keyword)
{
    LT_ASSERT(keyword < LT_KEYWORD_COUNT);
    return rows[keyword].class;
}

bool lt_sql_is_reserved(lt_str word)
{
    return lt_keyword_class(lt_keyword_find(word)) != 'N';
}

bool lt_sql_is_standard_function(lt_str upper)
{
    int low = 0;
    int high = (int)LT_COUNT_OF(standard_functions) - 1;
    while (low <= high) {
        int mid = (low + high) / 2;
        const char *name = standard_functions[mid];
        int diff = compare(upper, name, strlen(name));
        if (diff == 0) {
            return true;
        }
        if (diff < 0) {
            high = mid - 1;
        } else {
            low = mid + 1;
        }
    }
    return false;
}
