/* The syntax tree of Flink SQL: what was written, nothing about what it means.
 *
 * One struct per family, each with a `kind` and a union to switch over: statements (lt_ast_stmt),
 * queries (lt_ast_query), table references (lt_ast_from), expressions (lt_ast_expr), types
 * (lt_ast_type). All nodes, arrays and strings live in the arena that was handed to the parser and
 * are immutable after parsing.
 *
 * Conventions
 * - `pos` is the byte offset of the node's first byte in the text given to the parser.
 * - Lists are `T *items; uint32_t count` pairs; items is NULL when count is 0. Optional pointers
 * are NULL when absent.
 * - Keywords and special call syntaxes are normalised (upper-case names, one order of arguments),
 * so that two spellings of one thing give equal trees. Names keep their case: identifiers are
 * case-sensitive.
 * - Chains of AND, OR and of one set operation are flat lists. All other nesting is bounded by
 *   LT_SQL_LEVELS_MAX, so recursing over a tree is safe. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* No path from the root of a tree to a leaf is longer than this; a query counts LT_SQL_LEVELS_QUERY
 * levels. */
#define LT_SQL_LEVELS_MAX   400
#define LT_SQL_LEVELS_QUERY 4

typedef struct lt_ast_expr lt_ast_expr;
typedef struct lt_ast_type lt_ast_type;
typedef struct lt_ast_query lt_ast_query;
typedef struct lt_ast_from lt_ast_from;
typedef struct lt_ast_stmt lt_ast_stmt;
typedef struct lt_ast_window lt_ast_window;
typedef struct lt_ast_pattern lt_ast_pattern;
typedef struct lt_ast_group lt_ast_group;

/* ---- names, lists, options ---------------------------------------------------------------------
 */

/* An identifier without its quotes. An absent optional name has text.ptr == NULL. */
typedef struct {
    lt_str text;
    uint32_t pos;
    bool quoted; /* was written in back quotes; ignored by lt_ast_*_eq */
} lt_ast_name;

/* a.b.c; count >= 1 when present, 0 when an optional path is absent. */
typedef struct {
    lt_ast_name *items;
    uint32_t count;
} lt_ast_path;

typedef struct {
    lt_ast_name *items;
    uint32_t count;
} lt_ast_names;

typedef struct {
    lt_ast_path *items;
    uint32_t count;
} lt_ast_paths;

typedef struct {
    lt_ast_expr **items;
    uint32_t count;
} lt_ast_exprs;

/* A string literal's value where the grammar takes only a string. Absent: text.ptr == NULL. */
typedef struct {
    lt_str text;
    uint32_t pos;
} lt_ast_string;

/* 'key' = 'value' of WITH, SET, ...; in lists of keys (RESET) value.text.ptr is NULL. Duplicates
 * are kept, in order. */
typedef struct {
    lt_ast_string key;
    lt_ast_string value;
} lt_ast_option;

typedef struct {
    lt_ast_option *items;
    uint32_t count;
    uint32_t pos;
    bool present; /* the clause was written, perhaps with an empty list */
} lt_ast_options;

/* PARTITION (k = literal, ...). expr is NULL for a bare column (ANALYZE TABLE). */
typedef struct {
    lt_ast_name column;
    lt_ast_expr *expr;
} lt_ast_partition_item;

typedef struct {
    lt_ast_partition_item *items;
    uint32_t count;
    uint32_t pos;
    bool present;
} lt_ast_partition;

/* One argument of a hint: key = value, or only a value (a table name, a word, a number). */
typedef struct {
    lt_str key; /* ptr NULL when absent */
    lt_str value;
    bool key_is_string;   /* written in single quotes */
    bool value_is_string; /* likewise */
    bool value_is_name;   /* an identifier; else a string or a number */
    uint32_t pos;
} lt_ast_hint_arg;

typedef struct {
    lt_ast_name name; /* as written; compare without regard to case */
    lt_ast_hint_arg *args;
    uint32_t arg_count;
} lt_ast_hint;

typedef struct {
    lt_ast_hint *items;
    uint32_t count;
} lt_ast_hints;

/* ---- time units and intervals ------------------------------------------------------------------
 */

typedef enum {
    LT_UNIT_NONE,
    LT_UNIT_YEAR,
    LT_UNIT_QUARTER,
    LT_UNIT_MONTH,
    LT_UNIT_WEEK,
    LT_UNIT_DAY,
    LT_UNIT_HOUR,
    LT_UNIT_MINUTE,
    LT_UNIT_SECOND,
    LT_UNIT_MILLISECOND,
    LT_UNIT_MICROSECOND,
    LT_UNIT_NANOSECOND,
    LT_UNIT_EPOCH,
    LT_UNIT_DOW,
    LT_UNIT_ISODOW,
    LT_UNIT_DOY,
    LT_UNIT_ISOYEAR,
    LT_UNIT_DECADE,
    LT_UNIT_CENTURY,
    LT_UNIT_MILLENNIUM
} lt_ast_unit;

/* YEAR, DAY(3) TO SECOND(6), ...; precisions are -1 when not written. */
typedef struct {
    lt_ast_unit from;
    lt_ast_unit to; /* LT_UNIT_NONE: a single unit */
    int32_t precision;
    int32_t scale; /* of SECOND */
} lt_ast_interval;

/* ---- types -------------------------------------------------------------------------------------
 */

typedef enum {
    LT_ASTT_BOOLEAN,
    LT_ASTT_TINYINT,
    LT_ASTT_SMALLINT,
    LT_ASTT_INT,
    LT_ASTT_BIGINT,
    LT_ASTT_FLOAT,
    LT_ASTT_REAL,
    LT_ASTT_DOUBLE,
    LT_ASTT_DECIMAL,
    LT_ASTT_CHAR,
    LT_ASTT_VARCHAR,
    LT_ASTT_STRING,
    LT_ASTT_BINARY,
    LT_ASTT_VARBINARY,
    LT_ASTT_BYTES,
    LT_ASTT_DATE,
    LT_ASTT_TIME,
    LT_ASTT_TIMESTAMP,     /* without time zone */
    LT_ASTT_TIMESTAMP_LTZ, /* TIMESTAMP_LTZ or TIMESTAMP WITH LOCAL TIME ZONE */
    LT_ASTT_TIMESTAMP_TZ,  /* TIMESTAMP WITH TIME ZONE: parses, nothing runs it */
    LT_ASTT_INTERVAL,      /* `interval` says which */
    LT_ASTT_ARRAY,         /* children[0] */
    LT_ASTT_MULTISET,      /* children[0] */
    LT_ASTT_MAP,           /* children[0] key, children[1] value */
    LT_ASTT_ROW,           /* fields */
    LT_ASTT_STRUCTURED,    /* class_name, fields */
    LT_ASTT_RAW,           /* class_name, snapshot */
    LT_ASTT_VARIANT,
    LT_ASTT_NULL, /* this and the next: never parsed, for trees that the binder builds */
    LT_ASTT_ANY,
    LT_ASTT_USER /* path: a user defined type */
} lt_ast_type_kind;

typedef struct {
    lt_ast_name name; /* absent in ROW<INT, STRING> */
    lt_ast_type *type;
    lt_ast_string comment;
} lt_ast_field;

struct lt_ast_type {
    lt_ast_type_kind kind;
    uint32_t pos;
    bool not_null;
    bool postfix; /* `INT ARRAY` and `ROW(..)` instead of ARRAY<INT> and ROW<..>; means the same */
    int32_t precision; /* or length; -1 when not written */
    int32_t scale;     /* -1 when not written */
    lt_ast_interval interval;
    lt_ast_type *children[2];
    lt_ast_field *fields;
    uint32_t field_count;
    lt_ast_string class_name;
    lt_ast_string snapshot;
    lt_ast_path path;
};

/* ---- expressions -------------------------------------------------------------------------------
 */

typedef enum {
    LT_EXPR_LITERAL,          /* lit */
    LT_EXPR_IDENT,            /* path: column, alias.column, column.field, ... the binder decides */
    LT_EXPR_STAR,             /* `*` or `path.*`; path.count 0 for the bare star */
    LT_EXPR_CALL,             /* call */
    LT_EXPR_UNARY,            /* unary */
    LT_EXPR_BINARY,           /* binary */
    LT_EXPR_LOGICAL,          /* logical: AND or OR of two or more operands */
    LT_EXPR_IS,               /* is: a test with IS */
    LT_EXPR_BETWEEN,          /* between */
    LT_EXPR_LIKE,             /* like: LIKE, ILIKE, RLIKE, SIMILAR TO */
    LT_EXPR_IN,               /* in: list or sub-query */
    LT_EXPR_QUANTIFIED,       /* quantified: x = ANY (..), x > ALL (..) */
    LT_EXPR_EXISTS,           /* query */
    LT_EXPR_UNIQUE,           /* query */
    LT_EXPR_SUBQUERY,         /* query: scalar sub-query, or a row's one */
    LT_EXPR_CASE,             /* kase */
    LT_EXPR_CAST,             /* cast */
    LT_EXPR_FIELD,            /* field: operand.name where operand is not a plain path */
    LT_EXPR_ITEM,             /* item: operand[index] */
    LT_EXPR_ROW,              /* list: ROW(a, b) or (a, b) */
    LT_EXPR_ARRAY,            /* list: ARRAY[..] */
    LT_EXPR_MAP,              /* list: MAP[k, v, ..]; an even number of items */
    LT_EXPR_MULTISET,         /* list: MULTISET[..] */
    LT_EXPR_COLLECTION_QUERY, /* collection: ARRAY(query), MAP(query), MULTISET(query),
                                 CURSOR(query) */
    LT_EXPR_INTERVAL,         /* interval: INTERVAL expr unit, the value not a string literal */
    LT_EXPR_DATETIME_MINUS,   /* minus: (a - b) unit */
    /* The following appear only as arguments of calls. */
    LT_EXPR_UNIT,       /* unit: YEAR in EXTRACT(YEAR FROM t), FLOOR(t TO YEAR), TIMESTAMPADD(..) */
    LT_EXPR_SYMBOL,     /* symbol: a keyword, upper case: BOTH, LEADING, TRAILING of TRIM */
    LT_EXPR_TABLE_ARG,  /* table_arg: TABLE t or (query), with PARTITION BY and ORDER BY */
    LT_EXPR_MODEL_ARG,  /* path: MODEL m */
    LT_EXPR_DESCRIPTOR, /* names: DESCRIPTOR(a, b) */
    LT_EXPR_DEFAULT     /* DEFAULT */
} lt_ast_expr_kind;

typedef enum {
    LT_LIT_NULL,
    LT_LIT_UNKNOWN, /* the BOOLEAN that is neither */
    LT_LIT_BOOL,
    LT_LIT_INTEGER, /* text: decimal digits, no sign, any number of them */
    LT_LIT_DECIMAL, /* text: digits with a point, as written (`.5`, `1.`, `1.50`) */
    LT_LIT_DOUBLE,  /* text: with an exponent, as written */
    LT_LIT_STRING,  /* text: the decoded value, UTF-8, may contain NUL */
    LT_LIT_BINARY,  /* text: the decoded bytes */
    LT_LIT_DATE, /* text: what stands between the quotes; not checked here, as for the next three */
    LT_LIT_TIME,
    LT_LIT_TIMESTAMP,
    LT_LIT_INTERVAL /* text, negative, interval */
} lt_ast_lit_kind;

typedef struct {
    lt_ast_lit_kind kind;
    lt_str text;
    bool value;    /* of LT_LIT_BOOL */
    bool negative; /* INTERVAL - '1' DAY; a sign between the quotes stays in text */
    lt_ast_interval interval;
    lt_str charset; /* upper-case introducer of _utf8'..'; ptr NULL when none */
} lt_ast_lit;

typedef enum {
    LT_OP_NOT, /* unary */
    LT_OP_NEG,
    LT_OP_POS,
    LT_OP_ADD, /* binary from here */
    LT_OP_SUB,
    LT_OP_MUL,
    LT_OP_DIV,
    LT_OP_MOD,    /* % */
    LT_OP_CONCAT, /* || */
    LT_OP_EQ,
    LT_OP_NE,
    LT_OP_LT,
    LT_OP_LE,
    LT_OP_GT,
    LT_OP_GE,
    LT_OP_IS_DISTINCT,
    LT_OP_IS_NOT_DISTINCT,
    LT_OP_AND, /* only in LT_EXPR_LOGICAL */
    LT_OP_OR,
    LT_OP_OVERLAPS, /* periods: the operands are rows */
    LT_OP_CONTAINS,
    LT_OP_PERIOD_EQUALS,
    LT_OP_PRECEDES,
    LT_OP_SUCCEEDS,
    LT_OP_IMMEDIATELY_PRECEDES,
    LT_OP_IMMEDIATELY_SUCCEEDS,
    LT_OP_MEMBER_OF,
    LT_OP_NOT_MEMBER_OF,
    LT_OP_SUBMULTISET_OF,
    LT_OP_NOT_SUBMULTISET_OF,
    LT_OP_MULTISET_UNION,
    LT_OP_MULTISET_UNION_ALL,
    LT_OP_MULTISET_INTERSECT,
    LT_OP_MULTISET_INTERSECT_ALL,
    LT_OP_MULTISET_EXCEPT,
    LT_OP_MULTISET_EXCEPT_ALL
} lt_ast_op;

typedef enum {
    LT_IS_NULL,
    LT_IS_TRUE,
    LT_IS_FALSE,
    LT_IS_UNKNOWN,
    LT_IS_JSON_VALUE, /* also plain IS JSON */
    LT_IS_JSON_OBJECT,
    LT_IS_JSON_ARRAY,
    LT_IS_JSON_SCALAR,
    LT_IS_A_SET,
    LT_IS_EMPTY
} lt_ast_is_kind;

typedef enum { LT_LIKE, LT_ILIKE, LT_RLIKE, LT_SIMILAR } lt_ast_like_kind;

typedef enum { LT_DIR_NONE, LT_ASC, LT_DESC } lt_ast_dir;
typedef enum { LT_NULLS_NONE, LT_NULLS_FIRST, LT_NULLS_LAST } lt_ast_nulls;

/* An item of ORDER BY. */
typedef struct {
    lt_ast_expr *expr;
    lt_ast_dir dir;
    lt_ast_nulls nulls;
} lt_ast_order;

typedef struct {
    lt_ast_order *items;
    uint32_t count;
} lt_ast_orders;

typedef enum { LT_QUANT_NONE, LT_QUANT_DISTINCT, LT_QUANT_ALL } lt_ast_quantifier;
typedef enum { LT_TREAT_NONE, LT_TREAT_RESPECT_NULLS, LT_TREAT_IGNORE_NULLS } lt_ast_treatment;
typedef enum { LT_SEM_NONE, LT_SEM_RUNNING, LT_SEM_FINAL } lt_ast_semantics;

typedef enum {
    LT_JSON_ON_NONE, /* clause not written */
    LT_JSON_ON_NULL,
    LT_JSON_ON_ERROR,
    LT_JSON_ON_DEFAULT,
    LT_JSON_ON_EMPTY_ARRAY,
    LT_JSON_ON_EMPTY_OBJECT,
    LT_JSON_ON_TRUE,
    LT_JSON_ON_FALSE,
    LT_JSON_ON_UNKNOWN
} lt_ast_json_on;

typedef enum {
    LT_JSON_WRAPPER_NONE,
    LT_JSON_WRAPPER_WITHOUT,
    LT_JSON_WRAPPER_CONDITIONAL,
    LT_JSON_WRAPPER_UNCONDITIONAL /* also plain WITH [ARRAY] WRAPPER */
} lt_ast_json_wrapper;

typedef enum { LT_JSON_NULLS_NONE, LT_JSON_NULL_ON_NULL, LT_JSON_ABSENT_ON_NULL } lt_ast_json_nulls;

/* The clauses of the JSON functions. JSON_OBJECT and JSON_OBJECTAGG have their keys and values
 * alternating in the call's args. */
typedef struct {
    lt_ast_type *returning;
    lt_ast_json_wrapper wrapper;
    lt_ast_json_on on_empty;
    lt_ast_expr *on_empty_default;
    lt_ast_json_on on_error;
    lt_ast_expr *on_error_default;
    lt_ast_json_nulls nulls;
} lt_ast_json;

/* A call of a function, with all that may be written around it.
 * Special syntaxes are given with their arguments in this order:
 *   TRIM(SYMBOL, chars, s) - always three, blank and BOTH when not written
 *   SUBSTRING(s, from [, for]), POSITION(a, b [, from]), OVERLAY(s, r, from [, for])
 *   EXTRACT(UNIT, t), FLOOR(t, UNIT), CEIL(t, UNIT), TIMESTAMPADD(UNIT, n, t), TIMESTAMPDIFF(UNIT,
 * a, b) COUNT(STAR); CURRENT_DATE without parentheses: niladic set, no args FINAL(column),
 * RUNNING(column): niladic and `semantics` set; before a call only its `semantics` is set */
typedef struct {
    lt_ast_path name; /* as written */
    lt_str func;      /* the last part in upper case: switch on this for built-in functions */
    lt_ast_exprs args;
    lt_ast_name *arg_names; /* NULL, or one for each argument: f(name => value); absent ones have
                               text.ptr NULL */
    bool niladic;           /* written without parentheses: CURRENT_TIMESTAMP */
    lt_ast_quantifier quantifier;
    lt_ast_orders order_by;     /* inside the parentheses: ARRAY_AGG(x ORDER BY y) */
    lt_ast_orders within_group; /* WITHIN GROUP (ORDER BY ..) */
    lt_ast_treatment treatment; /* RESPECT or IGNORE NULLS */
    lt_ast_expr *filter;        /* FILTER (WHERE ..) */
    lt_ast_window *over;        /* OVER w: only `ref` set; OVER (..) */
    lt_ast_semantics semantics; /* RUNNING or FINAL in MATCH_RECOGNIZE */
    lt_ast_json *json;          /* NULL when not a JSON function with clauses */
} lt_ast_call;

struct lt_ast_expr {
    lt_ast_expr_kind kind;
    uint32_t pos;
    union {
        lt_ast_lit lit;
        lt_ast_path path;
        lt_ast_names names;
        lt_ast_call *call;
        lt_ast_query *query;
        lt_ast_exprs list;
        lt_ast_unit unit;
        lt_str symbol;
        struct {
            lt_ast_op op;
            lt_ast_expr *operand;
        } unary;
        struct {
            lt_ast_op op;
            lt_ast_expr *left, *right;
        } binary;
        struct {
            lt_ast_op op; /* LT_OP_AND or LT_OP_OR; no operand is a LOGICAL of the same op */
            lt_ast_exprs operands;
        } logical;
        struct {
            lt_ast_expr *operand;
            lt_ast_is_kind test;
            bool negated;
        } is;
        struct {
            lt_ast_expr *operand, *low, *high;
            bool negated;
            bool symmetric;
        } between;
        struct {
            lt_ast_expr *operand, *pattern;
            lt_ast_expr *escape; /* NULL when absent */
            lt_ast_like_kind how;
            bool negated;
        } like;
        struct {
            lt_ast_expr *operand;
            lt_ast_exprs list;   /* at least one item, or */
            lt_ast_query *query; /* not NULL */
            bool negated;
        } in;
        struct {
            lt_ast_expr *operand;
            lt_ast_op op; /* a comparison */
            bool all;     /* ALL; else ANY (SOME) */
            lt_ast_exprs list;
            lt_ast_query *query; /* not NULL, or list has items */
        } quantified;
        struct {
            lt_ast_expr *operand;   /* NULL for CASE WHEN condition */
            lt_ast_exprs whens;     /* as many as thens */
            lt_ast_exprs thens;     /* NULL: as the next; `WHEN a, b THEN c` gives NULL, c */
            lt_ast_expr *otherwise; /* NULL when there is no ELSE */
        } kase;
        struct {
            lt_ast_expr *operand;
            lt_ast_type *type;
            bool try_cast;
        } cast;
        struct {
            lt_ast_expr *operand;
            lt_ast_name name;
        } field;
        struct {
            lt_ast_expr *operand, *index;
        } item;
        struct {
            lt_ast_expr_kind what; /* LT_EXPR_ARRAY, LT_EXPR_MAP, LT_EXPR_MULTISET; LT_EXPR_SUBQUERY
                                      for CURSOR */
            lt_ast_query *query;
        } collection;
        struct {
            lt_ast_expr *value;
            lt_ast_interval interval;
        } interval;
        struct {
            lt_ast_expr *left, *right;
            lt_ast_interval interval;
        } minus;
        struct {
            lt_ast_query *query; /* LT_QUERY_TABLE for TABLE t */
            lt_ast_exprs partition_by;
            lt_ast_orders order_by;
        } table_arg;
    };
};

/* ---- windows (OVER) ----------------------------------------------------------------------------
 */

typedef enum {
    LT_BOUND_UNBOUNDED_PRECEDING,
    LT_BOUND_PRECEDING, /* expr */
    LT_BOUND_CURRENT_ROW,
    LT_BOUND_FOLLOWING, /* expr */
    LT_BOUND_UNBOUNDED_FOLLOWING
} lt_ast_bound_kind;

typedef struct {
    lt_ast_bound_kind kind;
    lt_ast_expr *expr;
} lt_ast_bound;

typedef enum { LT_FRAME_NONE, LT_FRAME_ROWS, LT_FRAME_RANGE } lt_ast_frame_kind;

struct lt_ast_window {
    uint32_t pos;
    bool bare;       /* OVER w, without parentheses: only ref is set */
    lt_ast_name ref; /* the window it refers to; absent when none */
    lt_ast_exprs partition_by;
    lt_ast_orders order_by;
    lt_ast_frame_kind frame;
    lt_ast_bound low; /* of the frame */
    bool has_high;    /* BETWEEN low AND high; else high is CURRENT ROW */
    lt_ast_bound high;
    bool partial_given; /* ALLOW or DISALLOW PARTIAL was written */
    bool disallow_partial;
};

/* ---- table references --------------------------------------------------------------------------
 */

typedef enum {
    LT_FROM_TABLE,    /* table */
    LT_FROM_SUBQUERY, /* subquery: also VALUES in parentheses and TABLE t */
    LT_FROM_FUNCTION, /* function: TABLE(f(..)), LATERAL TABLE(f(..)), f(..) */
    LT_FROM_UNNEST,   /* unnest */
    LT_FROM_JOIN,     /* join */
    LT_FROM_MATCH     /* match */
} lt_ast_from_kind;

typedef enum {
    LT_JOIN_COMMA,
    LT_JOIN_CROSS,
    LT_JOIN_INNER,
    LT_JOIN_LEFT,
    LT_JOIN_RIGHT,
    LT_JOIN_FULL
} lt_ast_join_kind;

typedef enum {
    LT_PATTERN_VAR,     /* name */
    LT_PATTERN_CONCAT,  /* children */
    LT_PATTERN_ALTER,   /* children: a | b */
    LT_PATTERN_QUANT,   /* children[0] repeated min..max */
    LT_PATTERN_PERMUTE, /* children */
    LT_PATTERN_EXCLUDE  /* children[0]: {- a -} */
} lt_ast_pattern_kind;

#define LT_PATTERN_UNBOUNDED UINT32_MAX

struct lt_ast_pattern {
    lt_ast_pattern_kind kind;
    uint32_t pos;
    lt_ast_name name;
    lt_ast_pattern **children;
    uint32_t child_count;
    uint32_t min;
    uint32_t max; /* LT_PATTERN_UNBOUNDED */
    bool reluctant;
};

typedef struct {
    lt_ast_expr *expr;
    lt_ast_name name;
} lt_ast_named_expr;

typedef struct {
    lt_ast_name name;
    lt_ast_names vars;
} lt_ast_subset;

typedef enum {
    LT_SKIP_NONE, /* clause not written: Flink then goes to the next row */
    LT_SKIP_TO_NEXT_ROW,
    LT_SKIP_PAST_LAST_ROW,
    LT_SKIP_TO_FIRST,
    LT_SKIP_TO_LAST /* also SKIP TO v */
} lt_ast_skip_kind;

typedef enum { LT_ROWS_NONE, LT_ROWS_ONE, LT_ROWS_ALL } lt_ast_rows_per_match;

typedef struct {
    lt_ast_from *input;
    lt_ast_exprs partition_by;
    lt_ast_orders order_by;
    lt_ast_named_expr *measures; /* expr AS name */
    uint32_t measure_count;
    lt_ast_rows_per_match rows;
    lt_ast_skip_kind skip;
    lt_ast_name skip_var;
    bool anchor_start; /* ^ */
    bool anchor_end;   /* $ */
    lt_ast_pattern *pattern;
    lt_ast_expr *within; /* NULL when absent */
    lt_ast_subset *subsets;
    uint32_t subset_count;
    lt_ast_named_expr *defines; /* name AS condition */
    uint32_t define_count;
} lt_ast_match;

struct lt_ast_from {
    lt_ast_from_kind kind;
    uint32_t pos;
    lt_ast_name alias;    /* absent when none; never on LT_FROM_JOIN */
    lt_ast_names columns; /* AS t (a, b) */
    union {
        struct {
            lt_ast_path path;
            lt_ast_hints hints;
            lt_ast_expr *as_of; /* FOR SYSTEM_TIME AS OF expr; NULL when absent */
        } table;
        struct {
            lt_ast_query *query;
            bool lateral;
        } subquery;
        struct {
            lt_ast_expr *call; /* LT_EXPR_CALL */
            bool lateral;
            bool table_syntax; /* TABLE(f(..)) instead of f(..); means the same, ignored by
                                  lt_ast_*_eq */
        } function;
        struct {
            lt_ast_exprs exprs;
            bool ordinality;
        } unnest;
        struct {
            lt_ast_join_kind how;
            bool natural;
            lt_ast_from *left, *right;
            lt_ast_expr *on; /* NULL when absent */
            lt_ast_names using_columns;
        } join;
        lt_ast_match *match;
    };
};

/* ---- queries -----------------------------------------------------------------------------------
 */

typedef enum {
    LT_QUERY_SELECT, /* select */
    LT_QUERY_VALUES, /* rows */
    LT_QUERY_SETOP,  /* setop */
    LT_QUERY_TABLE,  /* table: TABLE t */
    LT_QUERY_NESTED  /* nested: (query with its own WITH, ORDER BY or LIMIT) that this node adds
                        further ones to */
} lt_ast_query_kind;

typedef enum { LT_SETOP_UNION, LT_SETOP_INTERSECT, LT_SETOP_EXCEPT } lt_ast_setop_kind;

/* An item of the select list; expr is LT_EXPR_STAR for * and t.* */
typedef struct {
    lt_ast_expr *expr;
    lt_ast_name alias; /* absent when none */
} lt_ast_item;

typedef enum {
    LT_GROUP_EXPR,   /* expr */
    LT_GROUP_TUPLE,  /* exprs: (a, b) as one element; () when empty */
    LT_GROUP_ROLLUP, /* children: EXPR or TUPLE */
    LT_GROUP_CUBE,   /* likewise */
    LT_GROUP_SETS    /* children of any kind */
} lt_ast_group_kind;

struct lt_ast_group {
    lt_ast_group_kind kind;
    uint32_t pos;
    lt_ast_expr *expr;
    lt_ast_exprs exprs;
    lt_ast_group **children;
    uint32_t child_count;
};

typedef struct {
    lt_ast_name name;
    lt_ast_window *window;
} lt_ast_named_window;

typedef struct {
    lt_ast_hints hints;
    lt_ast_quantifier quantifier;
    lt_ast_item *items;
    uint32_t item_count;
    lt_ast_from *from; /* NULL: SELECT without FROM */
    lt_ast_expr *where;
    bool has_group_by;
    lt_ast_quantifier group_quantifier; /* GROUP BY DISTINCT, ALL */
    lt_ast_group **groups;
    uint32_t group_count;
    lt_ast_expr *having;
    lt_ast_named_window *windows;
    uint32_t window_count;
    lt_ast_expr *qualify;
} lt_ast_select;

typedef struct {
    lt_ast_name name;
    lt_ast_names columns;
    lt_ast_query *query;
} lt_ast_cte;

struct lt_ast_query {
    lt_ast_query_kind kind;
    uint32_t pos;
    bool recursive; /* WITH RECURSIVE */
    lt_ast_cte *ctes;
    uint32_t cte_count;
    union {
        lt_ast_select *select;
        lt_ast_exprs rows; /* each LT_EXPR_ROW; a scalar `VALUES 1` is a row of one */
        struct {
            lt_ast_setop_kind op;
            bool all;
            lt_ast_query **operands; /* two or more, folded from the left: ((a op b) op c) */
            uint32_t count;
        } setop;
        lt_ast_path table;
        lt_ast_query *nested;
    };
    lt_ast_orders order_by;
    lt_ast_expr *offset; /* OFFSET n */
    lt_ast_expr *limit;  /* LIMIT n or FETCH FIRST n ROWS ONLY; NULL when absent or LIMIT ALL */
};

/* ---- statements --------------------------------------------------------------------------------
 */

typedef enum {
    LT_STMT_QUERY,         /* query; `execute` set for EXECUTE SELECT .. */
    LT_STMT_INSERT,        /* insert */
    LT_STMT_STATEMENT_SET, /* set: EXECUTE STATEMENT SET BEGIN .. END, or BEGIN STATEMENT SET; ..
                              END */
    LT_STMT_EXPLAIN,       /* explain */
    LT_STMT_CREATE_TABLE,  /* create_table: also [CREATE OR] REPLACE TABLE */
    LT_STMT_CREATE_VIEW,   /* create_view */
    LT_STMT_CREATE_MATERIALIZED_TABLE, /* create_table with freshness */
    LT_STMT_CREATE_CATALOG,            /* create_object */
    LT_STMT_CREATE_DATABASE,           /* create_object */
    LT_STMT_CREATE_MODEL,              /* create_object */
    LT_STMT_CREATE_FUNCTION,           /* function */
    LT_STMT_ALTER_TABLE,               /* alter */
    LT_STMT_ALTER_VIEW,                /* alter: RENAME or AS query */
    LT_STMT_ALTER_MATERIALIZED_TABLE,  /* alter */
    LT_STMT_ALTER_CATALOG,             /* alter: SET, RESET, COMMENT */
    LT_STMT_ALTER_DATABASE,            /* alter: SET */
    LT_STMT_ALTER_MODEL,               /* alter: SET, RESET, RENAME */
    LT_STMT_ALTER_FUNCTION,            /* function */
    LT_STMT_DROP,                      /* drop */
    LT_STMT_SHOW,                      /* show */
    LT_STMT_DESCRIBE,                  /* describe */
    LT_STMT_USE,                       /* use */
    LT_STMT_LOAD_MODULE,               /* module */
    LT_STMT_UNLOAD_MODULE,             /* module */
    LT_STMT_SET,                       /* setting: key and value absent for the bare form */
    LT_STMT_RESET,                     /* setting */
    LT_STMT_ADD_JAR,                   /* text */
    LT_STMT_REMOVE_JAR,                /* text */
    LT_STMT_STOP_JOB,                  /* stop_job */
    LT_STMT_CALL,                      /* call: LT_EXPR_CALL */
    LT_STMT_ANALYZE,                   /* analyze */
    LT_STMT_COMPILE_PLAN,              /* plan: COMPILE PLAN 'f' FOR stmt */
    LT_STMT_EXECUTE_PLAN,              /* plan: EXECUTE PLAN 'f' */
    LT_STMT_COMPILE_AND_EXECUTE_PLAN,  /* plan */
    LT_STMT_DELETE,                    /* modify */
    LT_STMT_UPDATE,                    /* modify */
    LT_STMT_TRUNCATE,                  /* path */
    LT_STMT_BEGIN_STATEMENT_SET,       /* the client's, alone */
    LT_STMT_END,                       /* the client's END, alone */
    LT_STMT_HELP,
    LT_STMT_QUIT, /* QUIT or EXIT */
    LT_STMT_CLEAR
} lt_ast_stmt_kind;

typedef enum {
    LT_CONFLICT_NONE,
    LT_CONFLICT_ERROR,
    LT_CONFLICT_NOTHING,
    LT_CONFLICT_DEDUPLICATE
} lt_ast_conflict;

typedef struct {
    bool execute; /* EXECUTE INSERT .. */
    bool overwrite;
    lt_ast_path table;
    lt_ast_hints hints;
    lt_ast_partition partition;
    lt_ast_paths columns; /* none: all in order */
    lt_ast_query *query;
    lt_ast_conflict conflict; /* ON CONFLICT DO .. (Flink 2.3) */
} lt_ast_insert;

typedef struct {
    bool client_form;      /* BEGIN STATEMENT SET; .. END */
    lt_ast_stmt **inserts; /* LT_STMT_INSERT */
    uint32_t count;
} lt_ast_set;

#define LT_EXPLAIN_ESTIMATED_COST 1u
#define LT_EXPLAIN_CHANGELOG_MODE 2u
#define LT_EXPLAIN_JSON_PLAN      4u
#define LT_EXPLAIN_PLAN_ADVICE    8u

typedef struct {
    uint32_t details;  /* LT_EXPLAIN_* */
    lt_ast_stmt *stmt; /* query, insert, statement set, CREATE or REPLACE TABLE .. AS */
} lt_ast_explain;

typedef enum {
    LT_COLUMN_PHYSICAL, /* type */
    LT_COLUMN_METADATA, /* type, metadata_key, is_virtual */
    LT_COLUMN_COMPUTED, /* expr */
    LT_COLUMN_BARE      /* only a name: CREATE TABLE t (a, b) AS query */
} lt_ast_column_kind;

typedef struct {
    lt_ast_column_kind kind;
    lt_ast_path name; /* more than one part only in ALTER TABLE (nested field) */
    lt_ast_type *type;
    lt_ast_expr *expr;
    lt_ast_string metadata_key; /* absent: the column's name */
    bool is_virtual;
    bool primary_key; /* PRIMARY KEY written at the column */
    bool unique;
    lt_ast_name constraint; /* CONSTRAINT name, absent when none */
    bool enforced_given;    /* [NOT] ENFORCED was written */
    bool not_enforced;
    lt_ast_string comment;
    bool first;        /* ALTER TABLE: FIRST */
    lt_ast_path after; /* ALTER TABLE: AFTER column */
} lt_ast_column;

typedef struct {
    bool unique;      /* UNIQUE instead of PRIMARY KEY */
    lt_ast_name name; /* absent when none */
    lt_ast_names columns;
    bool enforced_given;
    bool not_enforced;
    uint32_t pos;
} lt_ast_constraint;

typedef struct {
    bool present;
    uint32_t pos;
    lt_ast_path column;
    lt_ast_expr *expr;
} lt_ast_watermark;

/* The parenthesised list of CREATE TABLE and of ALTER TABLE ADD, MODIFY. Two primary keys are
 * refused by the parser, and so are enforced keys and UNIQUE with LIKE or AS; in all other places
 * these two are the binder's to refuse. */
typedef struct {
    bool present;
    lt_ast_column *columns;
    uint32_t column_count;
    lt_ast_constraint *constraints;
    uint32_t constraint_count;
    lt_ast_watermark watermark;
} lt_ast_schema;

typedef enum { LT_DIST_NONE, LT_DIST_DEFAULT, LT_DIST_HASH, LT_DIST_RANGE } lt_ast_dist_kind;

typedef struct {
    bool present;
    lt_ast_dist_kind kind; /* LT_DIST_NONE: only INTO n BUCKETS */
    lt_ast_names columns;
    int64_t buckets; /* 0 when not written */
} lt_ast_distribution;

typedef enum { LT_MERGE_INCLUDING, LT_MERGE_EXCLUDING, LT_MERGE_OVERWRITING } lt_ast_merge;

typedef enum {
    LT_FEATURE_ALL,
    LT_FEATURE_CONSTRAINTS,
    LT_FEATURE_DISTRIBUTION,
    LT_FEATURE_GENERATED,
    LT_FEATURE_METADATA,
    LT_FEATURE_OPTIONS,
    LT_FEATURE_PARTITIONS,
    LT_FEATURE_WATERMARKS
} lt_ast_feature;

typedef struct {
    lt_ast_merge merge;
    lt_ast_feature feature;
} lt_ast_like_option;

typedef enum { LT_REFRESH_NONE, LT_REFRESH_FULL, LT_REFRESH_CONTINUOUS } lt_ast_refresh;

typedef struct {
    bool temporary;
    bool replace;   /* REPLACE TABLE or CREATE OR REPLACE TABLE */
    bool create_or; /* CREATE OR REPLACE, CREATE OR ALTER */
    bool if_not_exists;
    lt_ast_path path;
    lt_ast_schema schema;
    lt_ast_string comment;
    lt_ast_distribution distribution;
    lt_ast_names partitioned_by;
    lt_ast_options options;
    lt_ast_path like; /* count 0: no LIKE clause */
    lt_ast_like_option *like_options;
    uint32_t like_option_count;
    lt_ast_query *query;    /* AS query; NULL when absent */
    lt_ast_expr *freshness; /* materialized table: an interval literal */
    lt_ast_refresh refresh; /* materialized table */
} lt_ast_create_table;

typedef struct {
    bool temporary;
    bool replace; /* OR REPLACE: Flink refuses it later */
    bool if_not_exists;
    lt_ast_path path;
    lt_ast_names columns;
    lt_ast_string comment;
    lt_ast_query *query;
} lt_ast_create_view;

/* CREATE CATALOG, DATABASE, MODEL. */
typedef struct {
    bool temporary;
    bool if_not_exists;
    lt_ast_path path;
    lt_ast_string comment;
    lt_ast_options options;
    lt_ast_schema input;  /* model */
    lt_ast_schema output; /* model */
    lt_ast_query *query;  /* model: AS query */
} lt_ast_create_object;

typedef struct {
    lt_ast_name name;
    lt_ast_type *type;
} lt_ast_param;

typedef struct {
    bool temporary;
    bool system;
    bool if_exists; /* IF NOT EXISTS of CREATE, IF EXISTS of ALTER */
    bool typed;     /* written f(a INT, ..) RETURNS t: params and returns; not of Flink's */
    lt_ast_path path;
    lt_ast_param *params;
    uint32_t param_count;
    lt_ast_type *returns;
    lt_ast_string class_name; /* the text behind AS */
    lt_str language;          /* JAVA, SCALA, PYTHON, SQL, C in upper case; ptr NULL when absent */
    lt_ast_string *jars;
    uint32_t jar_count;
} lt_ast_function;

typedef enum {
    LT_ALTER_RENAME,           /* to */
    LT_ALTER_RENAME_COLUMN,    /* column, to */
    LT_ALTER_SET,              /* options */
    LT_ALTER_RESET,            /* options: keys */
    LT_ALTER_COMMENT,          /* comment */
    LT_ALTER_ADD,              /* schema */
    LT_ALTER_MODIFY,           /* schema */
    LT_ALTER_ADD_DISTRIBUTION, /* distribution */
    LT_ALTER_MODIFY_DISTRIBUTION,
    LT_ALTER_DROP_DISTRIBUTION,
    LT_ALTER_DROP_COLUMNS, /* columns */
    LT_ALTER_DROP_PRIMARY_KEY,
    LT_ALTER_DROP_CONSTRAINT, /* constraint */
    LT_ALTER_DROP_WATERMARK,
    LT_ALTER_ADD_PARTITIONS,  /* partitions, partition_options, if_exists_action */
    LT_ALTER_DROP_PARTITIONS, /* partitions, if_exists_action */
    LT_ALTER_AS_QUERY,        /* query */
    LT_ALTER_SUSPEND,
    LT_ALTER_RESUME,      /* options */
    LT_ALTER_REFRESH,     /* partitions[0] when count is 1 */
    LT_ALTER_FRESHNESS,   /* freshness */
    LT_ALTER_REFRESH_MODE /* refresh */
} lt_ast_alter_kind;

typedef struct {
    lt_ast_alter_kind action;
    bool if_exists;
    lt_ast_path path;
    lt_ast_path to;
    lt_ast_path column;
    lt_ast_options options;
    lt_ast_string comment;
    lt_ast_schema schema;
    lt_ast_distribution distribution;
    lt_ast_paths columns;
    lt_ast_name constraint;
    bool if_exists_action; /* ADD IF NOT EXISTS PARTITION, DROP IF EXISTS PARTITION */
    lt_ast_partition *partitions;
    lt_ast_options *partition_options; /* as many as partitions; ADD only */
    uint32_t partition_count;
    lt_ast_query *query;
    lt_ast_expr *freshness;
    lt_ast_refresh refresh;
} lt_ast_alter;

/* What DROP, SHOW, DESCRIBE and USE name. */
typedef enum {
    LT_OBJ_TABLE,
    LT_OBJ_VIEW,
    LT_OBJ_MATERIALIZED_TABLE,
    LT_OBJ_CATALOG,
    LT_OBJ_DATABASE,
    LT_OBJ_FUNCTION,
    LT_OBJ_MODEL,
    LT_OBJ_MODULES, /* SHOW and USE MODULES */
    LT_OBJ_PROCEDURE,
    LT_OBJ_JOB,
    LT_OBJ_JAR,
    LT_OBJ_COLUMNS,
    LT_OBJ_PARTITIONS
} lt_ast_object;

typedef struct {
    lt_ast_object what; /* TABLE, VIEW, MATERIALIZED_TABLE, CATALOG, DATABASE, FUNCTION, MODEL */
    bool temporary;
    bool system;
    bool if_exists;
    bool cascade; /* database: CASCADE; else RESTRICT */
    lt_ast_path path;
} lt_ast_drop;

typedef enum {
    LT_SHOW_LIST,    /* SHOW TABLES .. and all other plurals */
    LT_SHOW_CURRENT, /* SHOW CURRENT CATALOG, DATABASE */
    LT_SHOW_CREATE   /* SHOW CREATE TABLE .. */
} lt_ast_show_kind;

typedef struct {
    lt_ast_show_kind how;
    lt_ast_object what;
    bool user;        /* SHOW USER FUNCTIONS */
    bool full;        /* SHOW FULL MODULES */
    bool in;          /* IN instead of FROM before path */
    lt_ast_path path; /* count 0 when absent */
    bool not_like;
    bool ilike;
    lt_ast_string like;         /* absent when there is no [I]LIKE */
    lt_ast_partition partition; /* SHOW PARTITIONS t PARTITION (..) */
} lt_ast_show;

typedef struct {
    lt_ast_object what;
    bool extended;
    lt_ast_path path;
    lt_ast_string job; /* DESCRIBE JOB 'id' */
} lt_ast_describe;

typedef struct {
    lt_ast_object what; /* CATALOG, DATABASE, MODULES */
    lt_ast_path path;
    lt_ast_names modules;
} lt_ast_use;

typedef struct {
    lt_ast_name name;
    lt_ast_options options;
} lt_ast_module;

typedef struct {
    lt_ast_string id;
    bool savepoint;
    bool drain;
} lt_ast_stop_job;

typedef struct {
    lt_ast_path path;
    lt_ast_partition partition;
    bool all_columns;
    lt_ast_names columns;
} lt_ast_analyze;

typedef struct {
    lt_ast_string file;
    bool if_not_exists;
    lt_ast_stmt *stmt; /* insert or statement set; NULL for EXECUTE PLAN */
} lt_ast_plan;

typedef struct {
    lt_ast_path table;
    lt_ast_hints hints;
    lt_ast_name alias;
    lt_ast_paths targets; /* UPDATE: SET target = value */
    lt_ast_exprs values;
    lt_ast_expr *where;
} lt_ast_modify;

struct lt_ast_stmt {
    lt_ast_stmt_kind kind;
    uint32_t pos;
    bool execute; /* EXECUTE query, EXECUTE STATEMENT SET */
    union {
        lt_ast_query *query;
        lt_ast_insert *insert;
        lt_ast_set *set;
        lt_ast_explain *explain;
        lt_ast_create_table *create_table;
        lt_ast_create_view *create_view;
        lt_ast_create_object *create_object;
        lt_ast_function *function;
        lt_ast_alter *alter;
        lt_ast_drop *drop;
        lt_ast_show *show;
        lt_ast_describe *describe;
        lt_ast_use *use;
        lt_ast_module *module;
        lt_ast_option setting;
        lt_ast_string text;
        lt_ast_stop_job *stop_job;
        lt_ast_expr *call;
        lt_ast_analyze *analyze;
        lt_ast_plan *plan;
        lt_ast_modify *modify;
        lt_ast_path path;
    };
};

/* Structural equality, without positions and quotes; for tests and for finding repeated expressions
 * (GROUP BY e and SELECT e). Function names compare without regard to case, all other names with
 * it. NULL equals only NULL. */
bool lt_ast_expr_eq(const lt_ast_expr *a, const lt_ast_expr *b);
bool lt_ast_type_eq(const lt_ast_type *a, const lt_ast_type *b);
bool lt_ast_window_eq(const lt_ast_window *a, const lt_ast_window *b);
bool lt_ast_query_eq(const lt_ast_query *a, const lt_ast_query *b);
bool lt_ast_stmt_eq(const lt_ast_stmt *a, const lt_ast_stmt *b);
