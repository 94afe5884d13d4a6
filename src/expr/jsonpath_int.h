/* A compiled JSON path: what the parser makes and the walker follows. */
#pragma once

#include "expr/jsonpath.h"

typedef enum {
    LT_STEP_KEYS,    /* the members of these names */
    LT_STEP_INDEXES, /* the elements at these places, negative ones from the end */
    LT_STEP_ALL,
    LT_STEP_SLICE,
    LT_STEP_FILTER,
    LT_STEP_FUNCTION,
} lt_json_step_kind;

typedef enum {
    LT_PATH_LENGTH,
    LT_PATH_MIN,
    LT_PATH_MAX,
    LT_PATH_AVG,
    LT_PATH_SUM,
    LT_PATH_STDDEV,
    LT_PATH_FIRST,
    LT_PATH_LAST,
    LT_PATH_INDEX,
    LT_PATH_KEYS,
} lt_json_function;

struct lt_json_step {
    lt_json_step_kind kind;
    bool deep;      /* `..`: at every depth */
    uint32_t count; /* keys or indexes */
    lt_str key;     /* the only one of KEYS */
    lt_str *keys;
    int64_t *indexes;
    /* SLICE: INT64_MIN, INT64_MAX = open; from is also FUNCTION's argument and the only index. */
    int64_t from, to;
    lt_json_function function;
    const lt_json_filter *filter;
};

typedef enum {
    LT_FILTER_OR,
    LT_FILTER_AND,
    LT_FILTER_NOT,
    LT_FILTER_EXISTS,
    LT_FILTER_EQ,
    LT_FILTER_NE,
    LT_FILTER_SAME,     /* === */
    LT_FILTER_NOT_SAME, /* !== */
    LT_FILTER_LT,
    LT_FILTER_LE,
    LT_FILTER_GT,
    LT_FILTER_GE,
    LT_FILTER_MATCH,
    LT_FILTER_IN,
    LT_FILTER_NIN,
    LT_FILTER_CONTAINS,
    LT_FILTER_SIZE,
    LT_FILTER_EMPTY,
    LT_FILTER_ANYOF,
    LT_FILTER_NONEOF,
    LT_FILTER_SUBSETOF,
} lt_json_filter_op;

/* One side of a comparison: a path, a regular expression or a literal. */
typedef struct {
    const lt_json_path *path;
    bool of_root; /* the path starts at `$` */
    uint32_t regex;
    lt_json *literal;
} lt_json_operand;

struct lt_json_filter {
    lt_json_filter_op op;
    const lt_json_filter *left, *right; /* OR, AND; NOT: left */
    lt_json_operand a, b;
};
