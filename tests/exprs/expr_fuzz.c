/* Random typed expressions over random batches: leat's vectorised programs against the evaluator of
 * tests/ref, which takes one row at a time and shares no code with them.
 *
 *   expr_fuzz seed N                 one seed, with its expressions
 *   expr_fuzz random FIRST SECONDS   seeds from FIRST on for so long
 *   expr_fuzz slice FILE SEEDS SECONDS
 *                                    the same, resumable: FILE holds the next seed; exit status 3:
 * there is more to do
 *
 * A seed makes one batch (1, 7 or 1,024 rows; columns with and without NULLs; with and without a
 * selection) and EXPRESSIONS expressions over it. Both sides must give equal values and types, or
 * both an error. No call has literals alone: what is computed when planned is the matter of
 * expr_golden. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../ref/ref_fns.h"
#include "bind/bind.h"
#include "expr/program.h"
#include "sql/parse.h"

#define EXPRESSIONS 24
#define DEPTH       4
#define ROWS        1024

static const struct {
    const char *name, *sql;
    ref_type type;
    char text; /* what texts are: w words, x short ones, n numbers, t times */
} columns[] = {
    {"b", "BOOLEAN", {REF_BOOL, 0, 0}, 0},
    {"b2", "BOOLEAN", {REF_BOOL, 0, 0}, 0},
    {"t", "TINYINT", {REF_TINY, 0, 0}, 0},
    {"h", "SMALLINT", {REF_SMALL, 0, 0}, 0},
    {"i", "INT", {REF_INT, 0, 0}, 0},
    {"i2", "INT", {REF_INT, 0, 0}, 0},
    {"l", "BIGINT", {REF_LONG, 0, 0}, 0},
    {"l2", "BIGINT", {REF_LONG, 0, 0}, 0},
    {"d", "DOUBLE", {REF_DOUBLE, 0, 0}, 0},
    {"d2", "DOUBLE", {REF_DOUBLE, 0, 0}, 0},
    {"p1", "DECIMAL(9, 2)", {REF_DEC, 9, 2}, 0},
    {"p2", "DECIMAL(18, 6)", {REF_DEC, 18, 6}, 0},
    {"p3", "DECIMAL(38, 10)", {REF_DEC, 38, 10}, 0},
    {"p4", "DECIMAL(5, 0)", {REF_DEC, 5, 0}, 0},
    {"s", "STRING", {REF_STR, 0, 0}, 'w'},
    {"s2", "STRING", {REF_STR, 0, 0}, 'w'},
    {"x", "STRING", {REF_STR, 0, 0}, 'x'},
    {"n", "STRING", {REF_STR, 0, 0}, 'n'},
    {"u", "STRING", {REF_STR, 0, 0}, 't'},
    {"a", "DATE", {REF_DATE, 0, 0}, 0},
    {"a2", "DATE", {REF_DATE, 0, 0}, 0},
    {"k", "TIMESTAMP(3)", {REF_TS, 3, 0}, 0},
    {"k2", "TIMESTAMP(3)", {REF_TS, 3, 0}, 0},
    {"z", "TIMESTAMP(9)", {REF_TS, 9, 0}, 0},
};
#define COLUMNS ((int)(sizeof columns / sizeof columns[0]))

typedef struct {
    lt_mem mem;
    lt_env *env;
    lt_catalog *catalog;
    lt_arena *arena, *table, *work;
    lt_col cols[COLUMNS];
    ref_val cells[ROWS][COLUMNS];
    lt_batch batch;
    uint32_t sel[ROWS];
    uint64_t state;
    bool show;
    uint64_t expressions, rows, refused, wrong;
} fuzz;

/* ---- randomness ---- */

static uint64_t next(fuzz *f)
{
    f->state += 0x9e3779b97f4a7c15u;
    uint64_t z = f->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int below(fuzz *f, int n)
{
    return (int)(next(f) % (uint64_t)n);
}

static int64_t random_int(fuzz *f, ref_kind kind)
{
    static const int64_t most[] = {1, 127, 32767, INT32_MAX, INT64_MAX};
    switch (below(f, 8)) {
    case 0:
        return 0;
    case 1:
        return most[kind] - below(f, 2);
    case 2:
        return -most[kind] - 1 + below(f, 2);
    case 3:
        return ref_wrap(kind, (int64_t)next(f));
    default:
        return below(f, 41) - 20;
    }
}

static const char *const words[] = {"",        "a",    "abc",     "Hello World", "  pad ",
                                    "a,b,,c",  "aaa",  "Stra本e", "日本語",      "x😀y",
                                    "foo bar", "100%", "a_b",     "ABCabc",      "zzzzzzzzzzzzzzzz",
                                    "l,l"};
static const char *const shorts[] = {"", "a", "b", "l", ",", "ab", "o", "日", "A", " "};
static const char *const numbers[] = {
    "0",     "12",          "-7",  " 42 ", "1.5", "abc",
    "",      "99999999999", "127", "-128", "+5",  ".5",
    "3.999", "2147483648",  "1,2", "true", "No",  "12345678901234567890.123456",
    "T",     "0.005"};
static const char *const times[] = {"2024-02-29",
                                    "2023-02-29",
                                    "1999-12-31 23:59:59.123456789",
                                    "2024-1-2 3:4:5",
                                    "bad",
                                    "",
                                    "2024-02-29T12:34:56.7",
                                    "2024-13-01",
                                    "0001-01-01",
                                    "1969-12-31 00:00:00",
                                    "2024-02-29 24:00:00",
                                    "9999-12-31 23:59:59.999"};
static const char *const patterns[] = {"%",     "a%",     "%a",  "%a%", "_",  "a_c",  "",
                                       "%b%c%", "Hello%", "%_%", "日%", "__", "%l%l%"};
#define PICK(f, list) ((list)[below(f, (int)(sizeof(list) / sizeof((list)[0])))])

static ref_val random_value(fuzz *f, ref_type type, char text)
{
    ref_val v = {0};
    const char *s;
    switch ((int)type.kind) {
    case REF_BOOL:
        v.i = below(f, 2);
        break;
    case REF_DOUBLE:
        v.d = below(f, 6) == 0 ? PICK(f, ((const double[]){0.0, 1e15, -0.1, 1e300, 123456.789,
                                                           2147483648.5, -1e-7, 9.3e18}))
                               : (double)random_int(f, REF_INT) / 8;
        break;
    case REF_DEC: {
        int digits = below(f, type.precision + 1);
        for (int i = 0; i < digits; i++) {
            v.wide = v.wide * 10 + below(f, 10);
        }
        v.wide = below(f, 2) ? -v.wide : v.wide;
        break;
    }
    case REF_STR:
        s = text == 'x'   ? PICK(f, shorts)
            : text == 'n' ? PICK(f, numbers)
            : text == 't' ? PICK(f, times)
                          : PICK(f, words);
        v = ref_str(s, strlen(s));
        break;
    case REF_DATE:
        v.i = below(f, 4) ? below(f, 40000) - 5000 : below(f, 1000000) - 500000;
        break;
    case REF_TS:
        v.i = (int64_t)(below(f, 40000) - 5000) * 86400000 + below(f, 86400000);
        v.nanos = type.precision == 9 && below(f, 2) ? below(f, 1000000) : 0;
        break;
    default:
        v.i = random_int(f, type.kind);
        break;
    }
    return v;
}

/* ---- nodes ---- */

static ref_node *generate(fuzz *f, ref_type type, int depth);

static bool same_type(ref_type a, ref_type b)
{
    return a.kind == b.kind &&
           (a.kind != REF_DEC || (a.precision == b.precision && a.scale == b.scale)) &&
           (a.kind != REF_TS || a.precision == b.precision);
}

static ref_node *new_node(const char *sql, ref_type type, ref_fn fn)
{
    ref_node *node = ref_alloc(sizeof *node);
    node->sql = sql;
    node->type = type;
    node->fn = fn;
    node->column = -1;
    return node;
}

static bool is_constant(const ref_node *node)
{
    if (node->sql == NULL) {
        return node->column < 0;
    }
    for (int i = 0; i < node->count; i++) {
        if (!is_constant(node->args[i])) {
            return false;
        }
    }
    return true;
}

static const char *printed(const char *format, ...)
{
    char *out = ref_alloc(256);
    va_list args;
    va_start(args, format);
    vsnprintf(out, 256, format, args);
    va_end(args);
    return out;
}

static const char *type_sql(ref_type type)
{
    static const char *const names[] = {"BOOLEAN", "TINYINT", "SMALLINT", "INT",  "BIGINT",
                                        "DOUBLE",  "",        "STRING",   "DATE", ""};
    return type.kind == REF_DEC  ? printed("DECIMAL(%d, %d)", type.precision, type.scale)
           : type.kind == REF_TS ? printed("TIMESTAMP(%d)", type.precision)
                                 : names[type.kind];
}

static ref_node *text_literal(const char *s)
{
    ref_node *node = new_node(NULL, (ref_type){REF_STR, 0, 0}, NULL);
    node->literal = ref_str(s, strlen(s));
    node->literal_sql = printed("'%s'", s);
    return node;
}

static ref_node *number_literal(int64_t value)
{
    ref_node *node = new_node(NULL, (ref_type){REF_INT, 0, 0}, NULL);
    node->literal = ref_int(value);
    node->literal_sql = printed(value < 0 ? "(%lld)" : "%lld", (long long)value);
    return node;
}

static ref_node *literal(fuzz *f, ref_type type)
{
    ref_node *node = new_node(NULL, type, NULL);
    char text[80];
    ref_val v = random_value(f, type, 'w');
    ref_civil c;
    switch ((int)type.kind) {
    case REF_BOOL:
        node->literal_sql = v.i ? "TRUE" : "FALSE";
        break;
    case REF_DOUBLE:
        v.d = (double)(below(f, 81) - 40) / 4;
        node->literal_sql = printed(v.d < 0 ? "(%.2fE0)" : "%.2fE0", v.d);
        v.d = v.d == 0 ? 0 : v.d;
        break;
    case REF_DEC:
        text[ref_dec_text(&v, type.scale, text)] = '\0';
        node->literal_sql = printed("CAST('%s' AS %s)", text, type_sql(type));
        break;
    case REF_STR:
        return text_literal(PICK(f, words));
    case REF_DATE:
        v.i = below(f, 30000);
        c = ref_civil_of(v.i * 86400000, 0);
        node->literal_sql = printed("DATE '%04d-%02d-%02d'", (int)c.year, c.month, c.day);
        break;
    case REF_TS:
        v.i = v.i < 0 ? -v.i : v.i;
        c = ref_civil_of(v.i, v.nanos);
        node->literal_sql =
            printed(type.precision == 3 ? "TIMESTAMP '%04d-%02d-%02d %02d:%02d:%02d.%03d'"
                                        : "TIMESTAMP '%04d-%02d-%02d %02d:%02d:%02d.%03d%06d'",
                    (int)c.year, c.month, c.day, c.hour, c.minute, c.second, c.milli, v.nanos);
        break;
    case REF_INT:
        v.i = below(f, 4) ? below(f, 21) - 10 : v.i == INT32_MIN ? 0 : v.i;
        return number_literal(v.i);
    default:
        v.i = below(f, 201) - 100;
        node->literal_sql = printed("CAST(%d AS %s)", (int)v.i, type_sql(type));
        break;
    }
    node->literal = v;
    return node;
}

static ref_node *column_leaf(fuzz *f, ref_type type)
{
    int fits[COLUMNS], count = 0;
    for (int i = 0; i < COLUMNS; i++) {
        if (same_type(columns[i].type, type)) {
            fits[count++] = i;
        }
    }
    if (count > 0) {
        ref_node *node = new_node(NULL, type, NULL);
        node->column = fits[below(f, count)];
        return node;
    }
    /* A decimal or timestamp of another width. */
    ref_type from = type.kind == REF_DEC ? (ref_type){REF_DEC, 18, 6} : (ref_type){REF_TS, 9, 0};
    ref_node *node =
        new_node(printed("CAST(%% AS %s)", type_sql(type)), type, ref_cast(type.kind, type.kind));
    node->args[node->count++] = column_leaf(f, from);
    return node;
}

static ref_node *leaf(fuzz *f, ref_type type)
{
    return below(f, 4) == 0 ? literal(f, type) : column_leaf(f, type);
}

/* No call of literals alone. */
static ref_node *finish(fuzz *f, ref_node *node)
{
    if (is_constant(node)) {
        node->args[0] = column_leaf(f, node->args[0]->type);
    }
    return node;
}

static ref_node *with(ref_node *node, ref_node *arg)
{
    node->args[node->count++] = arg;
    return node;
}

static ref_type random_decimal(fuzz *f)
{
    static const ref_type types[] = {
        {REF_DEC, 9, 2},  {REF_DEC, 18, 6},  {REF_DEC, 38, 10}, {REF_DEC, 5, 0}, {REF_DEC, 12, 3},
        {REF_DEC, 20, 8}, {REF_DEC, 38, 20}, {REF_DEC, 3, 3},   {REF_DEC, 1, 0}, {REF_DEC, 38, 0}};
    return PICK(f, types);
}

static ref_type random_type(fuzz *f)
{
    ref_type type = {(ref_kind)below(f, (int)REF_TS + 1), 0, 0};
    if (type.kind == REF_DEC) {
        return random_decimal(f);
    }
    if (type.kind == REF_TS) {
        type.precision = below(f, 3) ? 3 : 9;
    }
    return type;
}

static ref_type type_of_letter(fuzz *f, char letter)
{
    switch (letter) {
    case 'b':
        return (ref_type){REF_BOOL, 0, 0};
    case 't':
        return (ref_type){REF_TINY, 0, 0};
    case 'h':
        return (ref_type){REF_SMALL, 0, 0};
    case 'i':
        return (ref_type){REF_INT, 0, 0};
    case 'l':
        return (ref_type){REF_LONG, 0, 0};
    case 'd':
        return (ref_type){REF_DOUBLE, 0, 0};
    case 'p':
        return random_decimal(f);
    case 'a':
        return (ref_type){REF_DATE, 0, 0};
    case 'k':
        return (ref_type){REF_TS, 3, 0};
    case 'z':
        return (ref_type){REF_TS, 9, 0};
    default:
        return (ref_type){REF_STR, 0, 0};
    }
}

static ref_node *argument(fuzz *f, char letter, int depth)
{
    switch (letter) {
    case 'n':
        return number_literal(below(f, 14) - 3);
    case 'm':
        return number_literal(below(f, 5) + 1);
    case 'y':
        return text_literal(
            PICK(f, ((const char *const[]){"a", ",", " ", "ab", "l", "zo", "H d"})));
    case 'q':
        return text_literal(PICK(f, patterns));
    case 'x': {
        ref_node *node = new_node(NULL, (ref_type){REF_STR, 0, 0}, NULL);
        node->column = 16;
        return below(f, 2) ? node : text_literal(PICK(f, shorts));
    }
    default:
        return generate(f, type_of_letter(f, letter), depth);
    }
}

static ref_node *call_function(fuzz *f, const ref_function *function, ref_type type, int depth)
{
    const char *sql = function->sql, *hash = strchr(sql, '#');
    int64_t extra = function->extras > 0 ? below(f, function->extras) : 0;
    if (hash != NULL) {
        sql = printed("%.*s%s%s", (int)(hash - sql), sql, function->names[extra], hash + 1);
    }
    ref_node *node = new_node(sql, type, function->fn);
    node->extra = extra;
    for (const char *letter = function->args; *letter != '\0'; letter++) {
        with(node, argument(f, *letter, depth - 1));
    }
    size_t first = strcspn(function->args, "bthildpsakzx");
    if (is_constant(node)) {
        node->args[first] = column_leaf(f, node->args[first]->type);
    }
    return node;
}

/* A function whose result has the letter; NULL: none. */
static ref_node *table_call(fuzz *f, ref_type type, int depth)
{
    static const char letters[] = "bthildpsa";
    char letter = type.kind == REF_TS ? (type.precision == 3 ? 'k' : 'z') : letters[type.kind];
    int total = ref_function_count + ref_text_count, start = below(f, total);
    if (type.kind == REF_TS && type.precision != 3 && type.precision != 9) {
        return NULL;
    }
    for (int i = 0; i < total; i++) {
        int at = (start + i) % total;
        const ref_function *function = at < ref_function_count
                                           ? &ref_functions[at]
                                           : &ref_text_functions[at - ref_function_count];
        if (function->result == letter) {
            return call_function(f, function, type, depth);
        }
    }
    return NULL;
}

static ref_node *conditional(fuzz *f, ref_type type, int depth)
{
    ref_type boolean = {REF_BOOL, 0, 0};
    int kind = below(f, 7);
    ref_node *node = new_node("", type, NULL);
    if (kind <= 2) {
        int branches = kind == 2 ? 2 : 1;
        node->lazy = REF_CASE;
        node->sql = kind == 0   ? "IF(%, %, %)"
                    : kind == 1 ? "CASE WHEN % THEN % ELSE % END"
                                : "CASE WHEN % THEN % WHEN % THEN % ELSE % END";
        for (int i = 0; i < branches; i++) {
            ref_node *condition = generate(f, boolean, depth - 1);
            with(node, is_constant(condition) ? column_leaf(f, boolean) : condition);
            with(node, generate(f, type, depth - 1));
        }
        return with(node, generate(f, type, depth - 1));
    }
    if (kind <= 4 || type.kind == REF_DOUBLE) {
        node->lazy = REF_COALESCE;
        node->sql = kind == 3 ? "COALESCE(%, %, %)" : "IFNULL(%, %)";
        with(node, column_leaf(f, type));
        for (int i = 1; i < (kind == 3 ? 3 : 2); i++) {
            with(node, generate(f, type, depth - 1));
        }
        return node;
    }
    if (kind == 5) {
        node->lazy = REF_NULLIF;
        node->sql = "NULLIF(%, %)";
        with(node, generate(f, type, depth - 1));
        return finish(f, with(node, generate(f, type, depth - 1)));
    }
    if (type.kind == REF_BOOL) {
        return column_leaf(f, type);
    }
    node->fn = ref_extreme;
    node->extra = below(f, 2);
    node->sql = node->extra == 0 ? "GREATEST(%, %)" : "LEAST(%, %)";
    with(node, generate(f, type, depth - 1));
    return finish(f, with(node, generate(f, type, depth - 1)));
}

static ref_node *cast(fuzz *f, ref_type type, int depth)
{
    for (int tries = 0; tries < 12; tries++) {
        ref_type from = random_type(f);
        ref_fn fn = ref_cast(from.kind, type.kind);
        if (fn == NULL || (type.kind == REF_STR && from.kind == REF_STR)) {
            continue;
        }
        bool try = below(f, 2);
        ref_node *node = new_node(
            printed(try ? "TRY_CAST(%% AS %s)" : "CAST(%% AS %s)", type_sql(type)), type, fn);
        node->lazy = try ? REF_TRY : REF_STRICT;
        ref_node *arg = generate(f, from, depth - 1);
        if (from.kind == REF_STR && below(f, 4) > 0) {
            arg = new_node(NULL, from, NULL);
            arg->column = type.kind == REF_TS ? 18 : 17;
        }
        return finish(f, with(node, arg));
    }
    return NULL;
}

static ref_node *decimal_function(fuzz *f, ref_type type, int depth)
{
    static const char *const sql[] = {"FLOOR(%)", "CEIL(%)", "ABS(%)", "-%", "ROUND(%, 2)"};
    ref_type from = below(f, 2) ? (ref_type){REF_DEC, 18, 6} : (ref_type){REF_DEC, 20, 8};
    int kind = below(f, 5);
    ref_type result = kind < 2    ? (ref_type){REF_DEC, from.precision, 0}
                      : kind == 4 ? (ref_type){REF_DEC, from.precision - from.scale + 3, 2}
                                  : from;
    ref_node *node = new_node(sql[kind], result, ref_dec_function);
    node->extra = kind;
    (void)finish(f, with(node, generate(f, from, depth - 1)));
    ref_node *out =
        new_node(printed("CAST(%% AS %s)", type_sql(type)), type, ref_cast(REF_DEC, REF_DEC));
    return with(out, node);
}

static ref_node *arithmetic(fuzz *f, ref_type type, int depth)
{
    static const char ops[] = {'+', '-', '*', '/', '%'};
    char op = ops[below(f, type.kind == REF_DOUBLE ? 4 : 5)];
    ref_type a = type, b = type, result = type;
    if (type.kind == REF_DEC) {
        a = random_decimal(f);
        b = below(f, 4) ? random_decimal(f) : (ref_type){(ref_kind)(REF_TINY + below(f, 4)), 0, 0};
        static const int digits[] = {0, 3, 5, 10, 19};
        ref_type wide = b.kind == REF_DEC ? b : (ref_type){REF_DEC, digits[b.kind], 0};
        if (op == '%' && a.scale == 0 && wide.scale == 0) {
            op = '+';
        }
        result = ref_dec_type(op, a, wide);
    } else if (type.kind > REF_TINY && type.kind <= REF_LONG && op != '%' && below(f, 3) == 0) {
        a.kind = (ref_kind)(REF_TINY + below(f, (int)type.kind - (int)REF_TINY + 1));
    }
    ref_node *node = new_node(op == '%' ? "MOD(%, %)" : printed("%% %c %%", op), result, ref_arith);
    node->extra = op;
    with(node, generate(f, a, depth - 1));
    (void)finish(f, with(node, generate(f, b, depth - 1)));
    if (same_type(result, type)) {
        return node;
    }
    ref_node *out =
        new_node(printed("CAST(%% AS %s)", type_sql(type)), type, ref_cast(REF_DEC, REF_DEC));
    return with(out, node);
}

/* Kinds that compare without surprises: decimals of moderate width. */
static ref_type comparable(fuzz *f)
{
    ref_type type = random_type(f);
    return type.kind == REF_DEC
               ? (below(f, 2) ? (ref_type){REF_DEC, 18, 6} : (ref_type){REF_DEC, 9, 2})
               : type;
}

static ref_node *comparison(fuzz *f, int depth)
{
    static const char *const ops[] = {"% = %", "% <> %", "% < %", "% <= %", "% > %", "% >= %"};
    ref_type boolean = {REF_BOOL, 0, 0}, type = comparable(f), other = type;
    if (type.kind >= REF_TINY && type.kind <= REF_DEC && below(f, 3) == 0) {
        other = (ref_type){(ref_kind)(REF_TINY + below(f, 4)), 0, 0};
        type = type.kind == REF_DOUBLE ? other : type;
    }
    int op = below(f, type.kind == REF_BOOL ? 2 : 8);
    ref_node *node = new_node(op < 6    ? ops[op]
                              : op == 6 ? "% BETWEEN % AND %"
                                        : "% NOT BETWEEN % AND %",
                              boolean, op < 6 ? ref_compare_op : NULL);
    node->lazy = op < 6 ? REF_STRICT : REF_BETWEEN;
    node->extra = op < 6 ? op : op - 6;
    with(node, generate(f, type, depth - 1));
    with(node, generate(f, other, depth - 1));
    if (op >= 6) {
        with(node, generate(f, other, depth - 1));
    }
    return finish(f, node);
}

static ref_node *membership(fuzz *f, int depth)
{
    ref_type boolean = {REF_BOOL, 0, 0}, type = comparable(f);
    if (type.kind == REF_DOUBLE || type.kind == REF_BOOL) {
        type.kind = REF_INT;
    }
    ref_node *node = new_node("", boolean, NULL);
    bool not = below(f, 2);
    if (below(f, 2)) {
        node->lazy = REF_DISTINCT;
        node->extra = not ;
        node->sql = not ? "% IS NOT DISTINCT FROM %" : "% IS DISTINCT FROM %";
        with(node, generate(f, type, depth - 1));
        return finish(f, with(node, generate(f, type, depth - 1)));
    }
    node->lazy = REF_IN;
    node->extra = not ;
    node->sql = not ? "% NOT IN (%, %, %)" : "% IN (%, %, %)";
    ref_node *x = generate(f, type, depth - 1);
    with(node, is_constant(x) ? column_leaf(f, type) : x);
    for (int i = 0; i < 3; i++) {
        with(node, literal(f, type));
    }
    return node;
}

static ref_node *logic(fuzz *f, int depth)
{
    static const char *const tests[] = {"% IS NULL",      "% IS TRUE",       "% IS FALSE",
                                        "% IS UNKNOWN",   "% IS NOT NULL",   "% IS NOT TRUE",
                                        "% IS NOT FALSE", "% IS NOT UNKNOWN"};
    ref_type boolean = {REF_BOOL, 0, 0};
    ref_node *node = new_node("", boolean, NULL);
    int kind = below(f, 4);
    if (kind <= 1) {
        node->lazy = kind == 0 ? REF_AND : REF_OR;
        node->sql = kind == 0 ? "% AND %" : "% OR %";
        for (int i = 0; i < 2; i++) {
            ref_node *arg = generate(f, boolean, depth - 1);
            with(node, is_constant(arg) ? column_leaf(f, boolean) : arg);
        }
        return node;
    }
    node->lazy = REF_IS;
    node->extra = below(f, 8);
    node->sql = tests[node->extra];
    ref_type type = (node->extra & 3) == 0 ? random_type(f) : boolean;
    return finish(f, with(node, generate(f, type, depth - 1)));
}

static ref_node *generate(fuzz *f, ref_type type, int depth)
{
    ref_node *node = NULL;
    if (depth <= 0 || below(f, 6) == 0) {
        return leaf(f, type);
    }
    int kind = below(f, 10);
    if (kind == 0) {
        return conditional(f, type, depth);
    }
    if (kind <= 2) {
        node = cast(f, type, depth);
    } else if (type.kind == REF_BOOL && kind <= 8) {
        return kind <= 5   ? comparison(f, depth)
               : kind == 6 ? membership(f, depth)
                           : logic(f, depth);
    } else if (type.kind >= REF_TINY && type.kind <= REF_DEC && kind <= 6) {
        return type.kind == REF_DEC && kind == 6 ? decimal_function(f, type, depth)
                                                 : arithmetic(f, type, depth);
    } else if (type.kind == REF_STR && kind == 3) {
        node = new_node("CONCAT_WS(%, %, %)", type, NULL);
        node->lazy = REF_CONCAT_WS;
        with(node, argument(f, 'x', 0));
        with(node, generate(f, type, depth - 1));
        return finish(f, with(node, column_leaf(f, type)));
    }
    node = node == NULL ? table_call(f, type, depth) : node;
    return node == NULL ? leaf(f, type) : node;
}

/* ---- printing ---- */

static void print(const ref_node *node, lt_text *to)
{
    if (node->sql == NULL) {
        lt_text_puts(to, node->column >= 0 ? columns[node->column].name : node->literal_sql);
        return;
    }
    int arg = 0;
    for (const char *p = node->sql; *p != '\0'; p++) {
        if (*p != '%') {
            lt_text_putc(to, *p);
            continue;
        }
        bool plain = node->args[arg]->sql == NULL;
        lt_text_puts(to, plain ? "" : "(");
        print(node->args[arg++], to);
        lt_text_puts(to, plain ? "" : ")");
    }
}

/* ---- leat's side ---- */

static void die(const char *what, const char *detail)
{
    fprintf(stderr, "expr_fuzz: %s: %s\n", what, detail);
    exit(2);
}

static lt_status bind(fuzz *f, const char *sql, lt_arena *arena, lt_bound *out, lt_error *err)
{
    lt_ast_stmt *stmt = NULL;
    lt_status st = lt_sql_parse_statement(&stmt, arena, lt_str_of(sql), err);
    return st == LT_OK ? lt_bind_statement(f->catalog, stmt, lt_str_of(sql), NULL, arena, out, err)
                       : st;
}

static void open_fuzz(fuzz *f)
{
    lt_text sql;
    lt_bound out;
    lt_error err = {0};
    lt_mem_init(&f->mem, NULL, "expr_fuzz", 0);
    f->env = lt_env_real_new(&f->mem);
    f->catalog = lt_catalog_new(&f->mem, f->env);
    f->arena = lt_arena_new(&f->mem, (size_t)1 << 30);
    f->table = lt_arena_new(&f->mem, (size_t)1 << 30);
    f->work = lt_arena_new(&f->mem, (size_t)1 << 30);
    lt_text_init(&sql, &f->mem);
    lt_text_puts(&sql, "CREATE VIEW q AS SELECT ");
    for (int i = 0; i < COLUMNS; i++) {
        lt_text_printf(&sql, "%sCAST(NULL AS %s) AS %s", i > 0 ? ", " : "", columns[i].sql,
                       columns[i].name);
    }
    if (bind(f, sql.ptr, f->arena, &out, &err) != LT_OK) {
        die(err.text, sql.ptr);
    }
    lt_text_deinit(&sql);
}

static void close_fuzz(fuzz *f)
{
    lt_arena_free(f->work);
    lt_arena_free(f->table);
    lt_arena_free(f->arena);
    lt_catalog_free(f->catalog);
    lt_env_real_free(f->env);
    lt_mem_deinit(&f->mem);
}

static lt_value to_value(const lt_type *type, const ref_val *v)
{
    lt_value out = {.type = type, .is_null = v->null};
    switch ((int)lt_type_phys(type)) {
    case LT_PHYS_BOOL:
        out.u.b = v->i != 0;
        break;
    case LT_PHYS_F64:
        out.u.f = v->d;
        break;
    case LT_PHYS_I128:
        out.u.wide = v->wide;
        break;
    case LT_PHYS_STR:
        out.u.s = (lt_str){v->s, v->len};
        break;
    case LT_PHYS_TS9:
        out.u.ts = (lt_ts9){v->i, v->nanos, 0};
        break;
    default:
        out.u.i = type->kind == LT_TYPE_DECIMAL ? (int64_t)v->wide : v->i;
        break;
    }
    return out;
}

static void fill(fuzz *f, const lt_schema *schema)
{
    static const uint32_t sizes[] = {1, 7, 64, 1024};
    uint32_t rows = sizes[below(f, 4)];
    f->batch = (lt_batch){.row_count = rows,
                          .row_cap = ROWS,
                          .col_count = COLUMNS,
                          .cols = f->cols,
                          .schema = schema};
    for (int c = 0; c < COLUMNS; c++) {
        bool nulls = below(f, 3) > 0;
        if (!lt_col_init(&f->cols[c], schema->fields[c].type, ROWS, f->table)) {
            die("memory", "table");
        }
        for (uint32_t row = 0; row < rows; row++) {
            ref_val v = nulls && below(f, 4) == 0
                            ? ref_null()
                            : random_value(f, columns[c].type, columns[c].text);
            lt_value value = to_value(schema->fields[c].type, &v);
            f->cells[row][c] = v;
            if (!lt_value_store(&value, &f->cols[c], row, ROWS, f->table)) {
                die("memory", "table");
            }
        }
    }
    if (below(f, 2)) {
        for (uint32_t row = 0; row < rows; row++) {
            if (below(f, 3) > 0) {
                f->sel[f->batch.sel_count++] = row;
            }
        }
        f->batch.sel = f->sel;
    }
}

static bool right_type(const lt_type *type, ref_type want)
{
    static const lt_type_kind kinds[] = {
        LT_TYPE_BOOLEAN, LT_TYPE_TINYINT, LT_TYPE_SMALLINT, LT_TYPE_INT,  LT_TYPE_BIGINT,
        LT_TYPE_DOUBLE,  LT_TYPE_DECIMAL, LT_TYPE_VARCHAR,  LT_TYPE_DATE, LT_TYPE_TIMESTAMP};
    if (want.kind == REF_STR) {
        return lt_type_is_string(type);
    }
    return type->kind == kinds[want.kind] &&
           (want.kind != REF_DEC ||
            (type->precision == want.precision && type->scale == want.scale)) &&
           (want.kind != REF_TS || type->precision == want.precision);
}

static bool equal(const lt_value *got, ref_type type, const ref_val *want)
{
    if (got->is_null || want->null) {
        return got->is_null == want->null;
    }
    lt_value other = to_value(got->type, want);
    switch ((int)type.kind) {
    case REF_BOOL:
        return got->u.b == other.u.b;
    case REF_DOUBLE:
        return got->u.f == want->d || (isnan(got->u.f) && isnan(want->d));
    case REF_DEC:
        return type.precision > 18 ? got->u.wide == want->wide : got->u.i == other.u.i;
    case REF_STR:
        return lt_str_eq(got->u.s, other.u.s);
    case REF_TS:
        return type.precision > 6 ? got->u.ts.ms == want->i && got->u.ts.ns_of_ms == want->nanos
                                  : got->u.i == want->i;
    default:
        return got->u.i == other.u.i;
    }
}

static void show(char *to, size_t size, ref_type type, const ref_val *v)
{
    char text[80];
    if (v->null || v->failed) {
        snprintf(to, size, v->failed ? "error" : "NULL");
    } else if (type.kind == REF_STR) {
        snprintf(to, size, "'%.*s'", (int)v->len, v->s);
    } else if (type.kind == REF_DEC) {
        text[ref_dec_text(v, type.scale, text)] = '\0';
        snprintf(to, size, "%s", text);
    } else if (type.kind == REF_DOUBLE) {
        snprintf(to, size, "%.17g", v->d);
    } else {
        snprintf(to, size, "%lld+%d", (long long)v->i, v->nanos);
    }
}

static void show_got(char *to, size_t size, ref_type type, const lt_value *v)
{
    ref_val r = {.null = v->is_null};
    if (!v->is_null) {
        r.i = type.kind == REF_BOOL                       ? v->u.b
              : type.kind == REF_TS && type.precision > 6 ? v->u.ts.ms
                                                          : v->u.i;
        r.nanos = type.kind == REF_TS && type.precision > 6 ? v->u.ts.ns_of_ms : 0;
        r.d = v->u.f;
        r.wide = v->type != NULL && lt_type_phys(v->type) == LT_PHYS_I128 ? v->u.wide : v->u.i;
        r.s = v->u.s.ptr;
        r.len = v->u.s.len;
    }
    show(to, size, type, &r);
}

static void compare_rows(fuzz *f, const ref_node *node, const lt_col *out,
                         const lt_row_errors *errors, const char *sql)
{
    size_t mark = ref_mark();
    for (uint32_t i = 0; i < lt_batch_live(&f->batch); i++) {
        uint32_t row = lt_batch_row(&f->batch, i);
        ref_val want = ref_eval(node, f->cells[row]);
        bool failed = errors->rows != NULL && lt_bit_get(errors->rows, row);
        lt_value got = {0};
        if (!failed && !lt_value_load(&got, out, row, false, f->work)) {
            die("memory", "value");
        }
        f->rows++;
        if (failed != want.failed || (!failed && !equal(&got, node->type, &want))) {
            char a[400], b[400];
            show(b, sizeof b, node->type, &want);
            show_got(a, sizeof a, node->type, &got);
            printf("%s\n  row %u: leat %s, reference %s\n", sql, row, failed ? errors->text : a, b);
            f->wrong++;
            for (int c = 0; c < COLUMNS && f->show; c++) {
                show(a, sizeof a, columns[c].type, &f->cells[row][c]);
                printf("    %s = %s\n", columns[c].name, a);
            }
            break;
        }
        ref_release(mark);
    }
    ref_release(mark);
}

static void check(fuzz *f, const ref_node *node)
{
    lt_text text;
    lt_bound bound;
    lt_error err = {0};
    lt_program *program = NULL;
    lt_col out;
    lt_row_errors errors;
    lt_text_init(&text, &f->mem);
    lt_text_puts(&text, "SELECT ");
    print(node, &text);
    lt_text_puts(&text, " AS y FROM q");
    f->expressions++;
    if (f->show) {
        printf("%s\n", text.ptr);
    }
    if (bind(f, text.ptr, f->work, &bound, &err) != LT_OK) {
        /* A bound that is missed can make a divisor constant. */
        bool folded = strstr(err.text, "division by zero") != NULL;
        f->refused++;
        f->wrong += !folded;
        if (!folded) {
            printf("%s\n  refused: %s\n", text.ptr, err.text);
        }
    } else {
        lt_expr **expr = bound.rels[0]->u.project.exprs;
        if (!right_type((*expr)->type, node->type)) {
            printf("%s\n  has another type than %s\n", text.ptr, type_sql(node->type));
            f->wrong++;
        } else if (lt_program_new(&f->mem, lt_catalog_session(f->catalog), expr, 1, &program,
                                  &err) != LT_OK ||
                   lt_program_eval(program, &f->batch, 0, f->work, &out, &errors, &err) != LT_OK) {
            die(err.text, text.ptr);
        } else {
            compare_rows(f, node, &out, &errors, text.ptr);
        }
    }
    lt_program_free(program);
    lt_text_deinit(&text);
    lt_arena_reset(f->work, (size_t)1 << 20);
}

/* Gives whether all was equal. */
static bool run_seed(fuzz *f, uint64_t seed)
{
    lt_bound out;
    lt_error err = {0};
    uint64_t wrong = f->wrong;
    f->state = seed * 0x2545f4914f6cdd1du + 1;
    ref_release(0);
    if (bind(f, "SELECT * FROM q", f->table, &out, &err) != LT_OK) {
        die(err.text, "SELECT * FROM q");
    }
    fill(f, out.rels[0]->schema);
    for (int i = 0; i < EXPRESSIONS; i++) {
        size_t mark = ref_mark();
        check(f, generate(f, random_type(f), 1 + below(f, DEPTH)));
        ref_release(mark);
    }
    lt_arena_reset(f->table, (size_t)1 << 20);
    if (f->wrong > wrong) {
        printf("expr_fuzz seed %llu\n", (unsigned long long)seed);
    }
    return f->wrong == wrong;
}

static void summary(const fuzz *f, uint64_t first, uint64_t end)
{
    printf("seeds %llu to %llu: %llu expressions, %llu rows compared, %llu differ\n",
           (unsigned long long)first, (unsigned long long)end - 1,
           (unsigned long long)f->expressions, (unsigned long long)f->rows,
           (unsigned long long)f->wrong);
}

static int slice(fuzz *f, const char *path, uint64_t seeds, time_t seconds)
{
    unsigned long long first = 1;
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        if (fscanf(file, "%llu", &first) != 1) {
            first = 1;
        }
        fclose(file);
    }
    time_t end = time(NULL) + seconds;
    uint64_t seed = first;
    while (seed <= seeds && time(NULL) < end && run_seed(f, seed)) {
        seed++;
    }
    summary(f, first, seed);
    file = fopen(path, "w");
    if (file == NULL) {
        die("cannot write", path);
    }
    fprintf(file, "%llu\n", (unsigned long long)seed);
    fclose(file);
    return f->wrong > 0 ? 1 : seed <= seeds ? 3 : 0;
}

int main(int argc, char **argv)
{
    static fuzz f;
    int status = 0;
    if (argc < 3) {
        fprintf(stderr, "expr_fuzz seed N | random FIRST SECONDS | slice FILE SEEDS SECONDS\n");
        return 2;
    }
    open_fuzz(&f);
    if (strcmp(argv[1], "slice") == 0 && argc == 5) {
        status = slice(&f, argv[2], strtoull(argv[3], NULL, 10), (time_t)strtol(argv[4], NULL, 10));
    } else {
        uint64_t first = strtoull(argv[2], NULL, 10), seed = first;
        f.show = strcmp(argv[1], "seed") == 0;
        time_t end = time(NULL) + (f.show || argc < 4 ? 0 : strtol(argv[3], NULL, 10));
        do {
            (void)run_seed(&f, seed++);
        } while (!f.show && time(NULL) < end && f.wrong < 200);
        summary(&f, first, seed);
        status = f.wrong > 0;
    }
    close_fuzz(&f);
    return status;
}
