/* infer() functions by family, and the operation codes with which rows of the registry that share
 * one tell themselves apart. */
#pragma once

#include "expr/registry.h"

/* logic.c */
enum { LT_OP_AND, LT_OP_OR };
enum {
    LT_OP_IS_NULL,
    LT_OP_IS_NOT_NULL,
    LT_OP_IS_TRUE,
    LT_OP_IS_NOT_TRUE,
    LT_OP_IS_FALSE,
    LT_OP_IS_NOT_FALSE,
    LT_OP_IS_UNKNOWN,
    LT_OP_IS_NOT_UNKNOWN
};
lt_status lt_infer_junction(lt_infer *in, lt_error *err);
lt_status lt_infer_not(lt_infer *in, lt_error *err);
lt_status lt_infer_is(lt_infer *in, lt_error *err);

/* conditional.c */
lt_status lt_infer_case(lt_infer *in, lt_error *err);
lt_status lt_infer_if(lt_infer *in, lt_error *err);
lt_status lt_infer_nullif(lt_infer *in, lt_error *err);
lt_status lt_infer_coalesce(lt_infer *in, lt_error *err);

/* compare.c */
enum { LT_OP_EQ, LT_OP_NE, LT_OP_LT, LT_OP_LE, LT_OP_GT, LT_OP_GE };
enum { LT_OP_DISTINCT, LT_OP_NOT_DISTINCT };
enum { LT_OP_BETWEEN_NOT = 1, LT_OP_BETWEEN_SYMMETRIC = 2 };
enum { LT_OP_IN, LT_OP_NOT_IN };
enum { LT_OP_GREATEST, LT_OP_LEAST };
lt_status lt_infer_compare(lt_infer *in, lt_error *err);
lt_status lt_infer_distinct(lt_infer *in, lt_error *err);
lt_status lt_infer_between(lt_infer *in, lt_error *err);
lt_status lt_infer_in(lt_infer *in, lt_error *err);
lt_status lt_infer_extreme(lt_infer *in, lt_error *err);

/* arith.c, interval.c */
enum { LT_OP_ADD, LT_OP_SUB, LT_OP_MUL, LT_OP_DIV, LT_OP_MOD };
lt_status lt_infer_arith(lt_infer *in, lt_error *err);
lt_status lt_infer_negate(lt_infer *in, lt_error *err);
lt_status lt_infer_interval_arith(lt_infer *in, lt_error *err);
void lt_decimal_result(int op, const lt_type *a, const lt_type *b, int *precision, int *scale);

/* cast.c */
lt_status lt_infer_cast(lt_infer *in, lt_error *err);

/* math.c */
enum { LT_OP_ROUND, LT_OP_TRUNCATE };
enum { LT_OP_ABS, LT_OP_SIGN };
enum { LT_OP_FLOOR, LT_OP_CEIL };
enum {
    LT_OP_SQRT,
    LT_OP_LN,
    LT_OP_LOG10,
    LT_OP_LOG2,
    LT_OP_EXP,
    LT_OP_SIN,
    LT_OP_COS,
    LT_OP_TAN,
    LT_OP_COT,
    LT_OP_ASIN,
    LT_OP_ACOS,
    LT_OP_ATAN,
    LT_OP_SINH,
    LT_OP_COSH,
    LT_OP_TANH,
    LT_OP_DEGREES,
    LT_OP_RADIANS,
    LT_OP_POWER,
    LT_OP_ATAN2,
    LT_OP_LOG
};
enum { LT_OP_PI, LT_OP_E };
lt_status lt_infer_math(lt_infer *in, lt_error *err);
lt_status lt_infer_log(lt_infer *in, lt_error *err);
lt_status lt_infer_abs(lt_infer *in, lt_error *err);
lt_status lt_infer_round(lt_infer *in, lt_error *err);
lt_status lt_infer_floor(
    lt_infer *in,
    lt_error *err); /* FLOOR, CEIL of numbers; of temporal values with a unit: datetime.c */
lt_status lt_infer_constant(lt_infer *in, lt_error *err);
lt_status lt_infer_rand(lt_infer *in, lt_error *err);
lt_status lt_infer_rand_integer(lt_infer *in, lt_error *err);
lt_status lt_infer_uuid(lt_infer *in, lt_error *err);
lt_status lt_infer_bin(lt_infer *in, lt_error *err);
lt_status lt_infer_hex(lt_infer *in, lt_error *err);
lt_status lt_infer_unhex(lt_infer *in, lt_error *err);

/* string.c, search.c, like.c, regexfn.c */
enum {
    LT_OP_CONCAT,
    LT_OP_CONCAT_WS,
    LT_OP_SUBSTRING,
    LT_OP_LEFT,
    LT_OP_RIGHT,
    LT_OP_LTRIM,
    LT_OP_RTRIM,
    LT_OP_BTRIM,
    LT_OP_UPPER,
    LT_OP_LOWER,
    LT_OP_INITCAP,
    LT_OP_LPAD,
    LT_OP_RPAD,
    LT_OP_REPEAT,
    LT_OP_REVERSE,
    LT_OP_CHAR_LENGTH,
    LT_OP_ASCII,
    LT_OP_CHR,
    LT_OP_IS_ALPHA,
    LT_OP_IS_DIGIT,
    LT_OP_IS_DECIMAL
};
enum {
    LT_OP_POSITION,
    LT_OP_LOCATE,
    LT_OP_INSTR,
    LT_OP_REPLACE,
    LT_OP_TRANSLATE,
    LT_OP_OVERLAY,
    LT_OP_SPLIT_INDEX,
    LT_OP_STARTSWITH,
    LT_OP_ENDSWITH
};
enum { LT_OP_LIKE, LT_OP_NOT_LIKE };
enum {
    LT_OP_REGEXP,
    LT_OP_REGEXP_EXTRACT,
    LT_OP_REGEXP_REPLACE,
    LT_OP_REGEXP_COUNT,
    LT_OP_REGEXP_INSTR,
    LT_OP_REGEXP_SUBSTR,
    LT_OP_REGEXP_EXTRACT_ALL,
    LT_OP_SIMILAR,
    LT_OP_NOT_SIMILAR,
    LT_OP_SPLIT,
    LT_OP_STR_TO_MAP
};
lt_status lt_infer_string(lt_infer *in, lt_error *err);
lt_status lt_infer_concat_op(lt_infer *in, lt_error *err);
lt_status lt_infer_trim(lt_infer *in, lt_error *err);
lt_status lt_infer_search(lt_infer *in, lt_error *err);
lt_status lt_infer_like(lt_infer *in, lt_error *err);
lt_status lt_infer_regex(lt_infer *in, lt_error *err);

/* datetime.c */
enum {
    LT_OP_YEAR,
    LT_OP_QUARTER,
    LT_OP_MONTH,
    LT_OP_WEEK,
    LT_OP_DAYOFYEAR,
    LT_OP_DAYOFMONTH,
    LT_OP_DAYOFWEEK,
    LT_OP_HOUR,
    LT_OP_MINUTE,
    LT_OP_SECOND
};
lt_status lt_infer_extract(lt_infer *in, lt_error *err);
lt_status lt_infer_part(lt_infer *in, lt_error *err);
lt_status lt_infer_floor_time(lt_infer *in, lt_error *err);
lt_status lt_infer_timestampadd(lt_infer *in, lt_error *err);
lt_status lt_infer_timestampdiff(lt_infer *in, lt_error *err);
lt_status lt_infer_overlaps(lt_infer *in, lt_error *err);

/* timeconv.c */
enum { LT_OP_NOW, LT_OP_LOCALTIMESTAMP, LT_OP_CURRENT_DATE, LT_OP_CURRENT_TIME };
lt_status lt_infer_to_timestamp(lt_infer *in, lt_error *err);
lt_status lt_infer_to_timestamp_ltz(lt_infer *in, lt_error *err);
lt_status lt_infer_to_date(lt_infer *in, lt_error *err);
lt_status lt_infer_date_format(lt_infer *in, lt_error *err);
lt_status lt_infer_from_unixtime(lt_infer *in, lt_error *err);
lt_status lt_infer_unix_timestamp(lt_infer *in, lt_error *err);
lt_status lt_infer_convert_tz(lt_infer *in, lt_error *err);
lt_status lt_infer_now(lt_infer *in, lt_error *err);
lt_status lt_infer_proctime(lt_infer *in, lt_error *err);
lt_status lt_infer_current_watermark(lt_infer *in, lt_error *err);

/* collection.c, collection2.c */
enum { LT_OP_ITEM, LT_OP_FIELD, LT_OP_CARDINALITY, LT_OP_ELEMENT };
lt_status lt_infer_array(lt_infer *in, lt_error *err);
lt_status lt_infer_map(lt_infer *in, lt_error *err);
lt_status lt_infer_row(lt_infer *in, lt_error *err);
lt_status lt_infer_item(lt_infer *in, lt_error *err);
lt_status lt_infer_field(lt_infer *in, lt_error *err);
lt_status lt_infer_cardinality(lt_infer *in, lt_error *err);
lt_status lt_infer_element(lt_infer *in, lt_error *err);
lt_status lt_infer_given_text(lt_infer *in, lt_error *err);
lt_status lt_infer_typeof(lt_infer *in, lt_error *err);

/* arrays.c */
enum {
    LT_OP_ARRAY_CONTAINS,
    LT_OP_ARRAY_POSITION,
    LT_OP_ARRAY_APPEND,
    LT_OP_ARRAY_PREPEND,
    LT_OP_ARRAY_REMOVE,
    LT_OP_ARRAY_CONCAT,
    LT_OP_ARRAY_UNION,
    LT_OP_ARRAY_EXCEPT,
    LT_OP_ARRAY_INTERSECT,
    LT_OP_ARRAY_DISTINCT,
    LT_OP_ARRAY_REVERSE,
    LT_OP_ARRAY_SLICE,
    LT_OP_ARRAY_SORT,
    LT_OP_ARRAY_MAX,
    LT_OP_ARRAY_MIN,
    LT_OP_ARRAY_JOIN
};
enum {
    LT_OP_MAP_KEYS,
    LT_OP_MAP_VALUES,
    LT_OP_MAP_ENTRIES,
    LT_OP_MAP_FROM_ARRAYS,
    LT_OP_MAP_UNION
};
lt_status lt_infer_array_function(lt_infer *in, lt_error *err);
lt_status lt_infer_map_function(lt_infer *in, lt_error *err);

/* encode.c; digests use lt_digest_kind as code */
enum {
    LT_OP_TO_BASE64,
    LT_OP_FROM_BASE64,
    LT_OP_ENCODE,
    LT_OP_DECODE,
    LT_OP_URL_ENCODE,
    LT_OP_URL_DECODE,
    LT_OP_PARSE_URL,
    LT_OP_JSON_QUOTE,
    LT_OP_JSON_UNQUOTE,
    LT_OP_HASH_CODE
};
lt_status lt_infer_digest(lt_infer *in, lt_error *err);
lt_status lt_infer_sha2(lt_infer *in, lt_error *err);
lt_status lt_infer_encoding(lt_infer *in, lt_error *err);

/* printf.c */
lt_status lt_infer_elt(lt_infer *in, lt_error *err);
lt_status lt_infer_printf(lt_infer *in, lt_error *err);

/* jsonfn.c */
enum { LT_OP_JSON_VALUE, LT_OP_JSON_QUERY, LT_OP_JSON_EXISTS };
enum { LT_OP_IS_JSON_VALUE, LT_OP_IS_JSON_SCALAR, LT_OP_IS_JSON_ARRAY, LT_OP_IS_JSON_OBJECT };
enum { LT_OP_JSON_STRING, LT_OP_JSON_OBJECT, LT_OP_JSON_ARRAY };
lt_status lt_infer_json_path(lt_infer *in, lt_error *err);
lt_status lt_infer_json_raw(lt_infer *in, lt_error *err);
lt_status lt_infer_parse_json(lt_infer *in, lt_error *err);
lt_status lt_infer_variant_item(lt_infer *in, lt_error *err);
/* Makes a ROW of the arguments. */
lt_status lt_row_kernel(lt_kctx *k, lt_error *err);
lt_status lt_infer_object_of(lt_infer *in, lt_error *err);
lt_status lt_infer_object_update(lt_infer *in, lt_error *err);
lt_status lt_infer_geo_distance(lt_infer *in, lt_error *err);
lt_status lt_infer_ip_in_cidr(lt_infer *in, lt_error *err);
lt_status lt_infer_date_bin(lt_infer *in, lt_error *err);
lt_status lt_infer_to_instant(lt_infer *in, lt_error *err);
lt_status lt_infer_is_json(lt_infer *in, lt_error *err);
lt_status lt_infer_json_build(lt_infer *in, lt_error *err);
