/* Expressions alone: nanoseconds a row over batches of 4,096, without NULLs and with one row in ten
 * NULL (`.nulls`), on one core. Each figure is the least processor time of many short measures,
 * because machines are shared. A figure with a target says whether it is met; targets are for
 * batches without NULLs.
 *
 * Usage: bench_expr [PART_OF_NAME [ROUNDS]]. With ROUNDS nothing is timed: the expressions are
 * evaluated so often, for counting instructions (valgrind --tool=callgrind). --quick: one short
 * measure each. */
#include "figures.h"

#include "base/assert.h"
#include "bind/bind.h"
#include "expr/program.h"
#include "sql/parse.h"

#define ROWS       4096
#define MEASURES   60
#define MEASURE_NS 300000

typedef struct {
    const char *name;
    const char *sql;
    double target; /* ns a row; 0 = none */
} subject;

#define BEST_SIMPLE 0.6

static const subject subjects[] = {
    {"add_int", "i + i2", BEST_SIMPLE},
    {"add_bigint", "b + b2", BEST_SIMPLE},
    {"sub_bigint", "b - b2", BEST_SIMPLE},
    {"mul_bigint", "b * b2", BEST_SIMPLE},
    {"div_bigint", "b / k", BEST_SIMPLE},
    {"div_bigint_constant", "b / 60", BEST_SIMPLE},
    {"mod_bigint", "MOD(b, k)", BEST_SIMPLE},
    {"mod_bigint_constant", "MOD(b, 10)", BEST_SIMPLE},
    {"add_double", "d + d2", BEST_SIMPLE},
    {"mul_double", "d * d2", BEST_SIMPLE},
    {"div_double", "d / d2", BEST_SIMPLE},
    {"less_int", "i < i2", BEST_SIMPLE},
    {"equal_bigint", "b = b2", BEST_SIMPLE},
    {"less_bigint", "b < b2", BEST_SIMPLE},
    {"less_bigint_constant", "b < 500000", BEST_SIMPLE},
    {"less_double", "d < d2", BEST_SIMPLE},
    {"add_decimal18", "m + m2", 1.5},
    {"mul_decimal38", "w * w2", 0},
    {"abs_bigint", "ABS(b)", 0},
    {"round_double", "ROUND(d, 2)", 0},
    {"between_bigint", "b BETWEEN 100000 AND 600000", 0},
    {"and_or", "(b < 500000 AND d < 50) OR i > 10", 0},
    {"is_null", "b IS NULL", 0},
    {"case_3", "CASE WHEN k < 10 THEN b WHEN k < 20 THEN b2 WHEN k < 25 THEN 7 ELSE 0 END", 0},
    {"coalesce", "COALESCE(b, b2, 0)", 0},
    {"if", "IF(b < b2, b, b2)", 0},
    {"in_8_bigint", "k IN (1, 3, 5, 7, 11, 13, 17, 19)", 0},
    {"in_8_string", "short IN ('key-1', 'key-3', 'key-5', 'key-7', 'key-11', 'x', 'y', 'z')", 0},
    {"equal_string_60", "s = s2", 2},
    {"equal_string_60_constant",
     "s = 'The quick brown fox jumps over the lazy dog number 000000007'", 2},
    {"equal_string_short", "short = short2", 2},
    {"equal_string_short_constant", "short = 'key-7'", 2},
    {"less_string_60", "s < s2", 0},
    {"like_contains", "s LIKE '%lazy cat%'", 10},
    {"like_contains_hit", "s LIKE '%lazy dog%'", 10},
    {"like_prefix", "s LIKE 'The quick%'", 0},
    {"like_suffix", "s LIKE '%7'", 0},
    {"upper", "UPPER(s)", 12},
    {"lower", "LOWER(s)", 0},
    {"substring", "SUBSTRING(s, 5, 20)", 0},
    {"concat", "CONCAT(s, '-', short)", 0},
    {"concat_operator", "short || short2", 0},
    {"trim", "TRIM(padded)", 0},
    {"replace", "REPLACE(s, 'lazy', 'quick')", 0},
    {"split_index", "SPLIT_INDEX(csv, ',', 3)", 0},
    {"position", "POSITION('dog' IN s)", 0},
    {"char_length", "CHAR_LENGTH(s)", 0},
    {"md5", "MD5(s)", 0},
    {"regexp_extract", "REGEXP_EXTRACT(s, 'number ([0-9]+)', 1)", 120},
    {"regexp_replace", "REGEXP_REPLACE(s, '[aeiou]+', '_')", 0},
    {"json_value", "JSON_VALUE(js, '$.user.city')", 120},
    {"json_value_last", "JSON_VALUE(js, '$.price')", 120},
    {"json_exists", "JSON_EXISTS(js, '$.user.city')", 0},
    {"cast_string_bigint", "CAST(num AS BIGINT)", 6},
    {"cast_string_double", "CAST(dbl AS DOUBLE)", 0},
    {"cast_string_timestamp", "CAST(tstext AS TIMESTAMP(3))", 12},
    {"cast_bigint_string", "CAST(b AS STRING)", 0},
    {"cast_timestamp_string", "CAST(ts AS STRING)", 0},
    {"to_timestamp", "TO_TIMESTAMP(tssec)", 0},
    {"to_timestamp_pattern", "TO_TIMESTAMP(slashed, 'dd/MM/yyyy HH:mm:ss')", 0},
    {"date_format", "DATE_FORMAT(ts, 'yyyy-MM-dd HH:mm:ss')", 25},
    {"extract_hour", "EXTRACT(HOUR FROM ts)", 0},
    {"extract_month", "EXTRACT(MONTH FROM ts)", 0},
    {"timestampdiff", "TIMESTAMPDIFF(MINUTE, ts, ts2)", 0},
    {"floor_hour", "FLOOR(ts TO HOUR)", 0},
    {"floor_month", "FLOOR(ts TO MONTH)", 0},
    {"array_item", "arr[2]", 0},
};

enum {
    C_I,
    C_I2,
    C_B,
    C_B2,
    C_K,
    C_D,
    C_D2,
    C_M,
    C_M2,
    C_W,
    C_W2,
    C_S,
    C_S2,
    C_SHORT,
    C_SHORT2,
    C_PADDED,
    C_CSV,
    C_NUM,
    C_DBL,
    C_TSTEXT,
    C_TSSEC,
    C_SLASHED,
    C_JS,
    C_TS,
    C_TS2,
    C_ARR,
    COLS
};

static const char table_sql[] =
    "CREATE TABLE t (i INT, i2 INT, b BIGINT, b2 BIGINT, k BIGINT, d DOUBLE, d2 DOUBLE,"
    " m DECIMAL(18, 2), m2 DECIMAL(18, 2), w DECIMAL(38, 4), w2 DECIMAL(38, 4),"
    " s STRING, s2 STRING, short STRING, short2 STRING, padded STRING, csv STRING, num STRING,"
    " dbl STRING, tstext STRING, tssec STRING, slashed STRING, js STRING,"
    " ts TIMESTAMP(3), ts2 TIMESTAMP(3), arr ARRAY<INT>) WITH ('connector' = 'datagen')";

typedef struct {
    lt_mem mem;
    lt_env *env;
    lt_catalog *catalog;
    lt_arena *arena;       /* trees, numbers */
    lt_arena *texts[COLS]; /* each column's by itself, as a batch of an operator has them */
    lt_arena *out;
    lt_batch batch;
    const lt_schema *schema;
} rig;

static uint64_t rng = 88172645463325252ULL;

/* xorshift64 (Marsaglia 2003). */
static uint64_t rnd(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng;
}

static int64_t below(uint64_t limit)
{
    return (int64_t)(rnd() % limit);
}

static int64_t cpu_ns(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* ---- data ---- */

LT_PRINTF(4, 5)
static void put(rig *r, uint32_t column, uint32_t row, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    lt_str s = lt_arena_str(r->texts[column], (lt_str){text, (size_t)len});
    must(s.ptr != NULL, "out of memory");
    LT_COL_DATA(&r->batch.cols[column], lt_strv)[row] = lt_strv_make(s.ptr, s.len);
}

#define CELL(r, column, T, row) (LT_COL_DATA(&(r)->batch.cols[column], T)[row])

static void fill_numbers(rig *r, uint32_t row)
{
    CELL(r, C_I, int32_t, row) = (int32_t)below(1000000);
    CELL(r, C_I2, int32_t, row) = (int32_t)below(1000000);
    CELL(r, C_B, int64_t, row) = below(1000000);
    CELL(r, C_B2, int64_t, row) = below(1000000);
    CELL(r, C_K, int64_t, row) = 1 + below(30);
    CELL(r, C_D, double, row) = (double)below(1000000) / 997.0;
    CELL(r, C_D2, double, row) = (double)(1 + below(1000000)) / 997.0;
    CELL(r, C_M, int64_t, row) = below(100000000);
    CELL(r, C_M2, int64_t, row) = below(100000000);
    CELL(r, C_W, lt_i128, row) = below(UINT64_C(1000000000000));
    CELL(r, C_W2, lt_i128, row) = below(UINT64_C(1000000000000));
    lt_col *arr = &r->batch.cols[C_ARR];
    must(lt_col_reserve_children(arr, 3, r->arena), "out of memory");
    LT_COL_DATA(arr, lt_span)[row] = (lt_span){arr->child_len, 3};
    for (int i = 0; i < 3; i++) {
        LT_COL_DATA(&arr->children[0], int32_t)[arr->child_len++] = (int32_t)below(1000);
    }
}

static void fill_texts(rig *r, uint32_t row)
{
    int last = (int)below(100);
    put(r, C_S, row, "The quick brown fox jumps over the lazy dog number %09d", last);
    put(r, C_S2, row, "The quick brown fox jumps over the lazy dog number %09d",
        row % 2 ? last : (int)below(100));
    put(r, C_SHORT, row, "key-%d", (int)below(30));
    put(r, C_SHORT2, row, "key-%d", (int)below(30));
    put(r, C_PADDED, row, "   some padded text %d  ", (int)below(1000));
    put(r, C_CSV, row, "%d,abc,%d,the fourth,fifth", (int)below(1000), (int)below(1000));
    put(r, C_NUM, row, "%lld", (long long)below(1000000000));
    put(r, C_DBL, row, "%.3f", (double)below(1000000000) / 997.0);
    put(r, C_JS, row,
        "{\"id\": %d, \"type\": \"click\", \"session\": \"4f9c1e0a-77b2-4c1d-9a51-%012d\", "
        "\"page\": \"https://shop.example.com/items/%d?ref=home\", \"user\": {\"name\": \"Ada\", "
        "\"age\": %d, \"city\": \"Paris-%d\"}, \"tags\": [\"new\", \"sale\"], \"price\": %d.25}",
        (int)below(1000000), (int)below(1000000), (int)below(100000), (int)below(90),
        (int)below(50), (int)below(1000));
}

static void fill_times(rig *r, uint32_t row)
{
    /* Half a day of events, somewhat out of order, as a batch of a stream is. */
    int64_t at = INT64_C(1714980000000) + (int64_t)row * 10000 + below(5000);
    int64_t second = at / 1000 % 86400;
    int day = at / 86400000 == INT64_C(1714980000000) / 86400000 ? 6 : 7;
    int h = (int)(second / 3600), m = (int)(second / 60 % 60), s = (int)(second % 60);
    CELL(r, C_TS, int64_t, row) = at;
    CELL(r, C_TS2, int64_t, row) = at + below(10000000);
    put(r, C_TSTEXT, row, "2024-05-%02d %02d:%02d:%02d.%03d", day, h, m, s, (int)(at % 1000));
    put(r, C_TSSEC, row, "2024-05-%02d %02d:%02d:%02d", day, h, m, s);
    put(r, C_SLASHED, row, "%02d/05/2024 %02d:%02d:%02d", day, h, m, s);
}

static lt_bound bind(rig *r, const char *sql)
{
    lt_ast_stmt *stmt;
    lt_bound out = {0};
    lt_error err = {0};
    lt_str text = lt_arena_str(r->arena, lt_str_of(sql));
    if (lt_sql_parse_statement(&stmt, r->arena, text, &err) != LT_OK ||
        lt_bind_statement(r->catalog, stmt, text, NULL, r->arena, &out, &err) != LT_OK) {
        (void)fprintf(stderr, "%s\n", sql);
        must(false, err.text);
    }
    return out;
}

static void setup(rig *r)
{
    memset(r, 0, sizeof *r);
    lt_mem_init(&r->mem, NULL, "bench", 0);
    r->env = lt_env_real_new(&r->mem);
    r->catalog = lt_catalog_new(&r->mem, r->env);
    r->arena = lt_arena_new(&r->mem, (size_t)1 << 30);
    r->out = lt_arena_new(&r->mem, (size_t)1 << 30);
    must(r->env && r->catalog && r->arena && r->out, "out of memory");
    (void)bind(r, table_sql);
    lt_bound all = bind(r, "SELECT * FROM t");
    r->schema = all.rels[0]->schema;
    must(r->schema->count == COLS, "the table has other columns");
    r->batch.row_count = r->batch.row_cap = r->batch.sel_count = ROWS;
    r->batch.col_count = COLS;
    r->batch.schema = r->schema;
    r->batch.cols = LT_NEW_ARRAY(r->arena, lt_col, COLS);
    must(r->batch.cols != NULL, "out of memory");
    for (uint32_t c = 0; c < COLS; c++) {
        r->texts[c] = lt_arena_new(&r->mem, (size_t)1 << 30);
        must(r->texts[c] != NULL, "out of memory");
        must(lt_col_init(&r->batch.cols[c], r->schema->fields[c].type, ROWS, r->arena),
             "out of memory");
    }
    for (uint32_t row = 0; row < ROWS; row++) {
        fill_numbers(r, row);
        fill_texts(r, row);
        fill_times(r, row);
    }
}

/* One row in ten of each column. */
static void set_nulls(rig *r, bool some)
{
    for (uint32_t c = 0; c < COLS; c++) {
        lt_col *col = &r->batch.cols[c];
        col->valid = NULL;
        if (some) {
            must(lt_col_need_valid(col, ROWS, r->arena) != NULL, "out of memory");
            for (uint32_t row = 0; row < ROWS; row++) {
                if (below(10) == 0) {
                    lt_bit_clear(col->valid, row);
                }
            }
        }
    }
}

/* ---- measuring ---- */

static void evaluate(rig *r, lt_program *program, uint64_t times)
{
    for (uint64_t i = 0; i < times; i++) {
        lt_col out;
        lt_row_errors errors;
        lt_error err = {0};
        lt_arena_reset(r->out, (size_t)8 << 20);
        must(lt_program_eval(program, &r->batch, 0, r->out, &out, &errors, &err) == LT_OK,
             err.text);
        must(errors.count == 0, errors.text);
    }
}

static int64_t time_of(rig *r, lt_program *program, uint64_t times)
{
    int64_t from = cpu_ns();
    evaluate(r, program, times);
    return cpu_ns() - from;
}

static double best_of(rig *r, lt_program *program, int measures)
{
    evaluate(r, program, 2);
    int64_t one = time_of(r, program, 4) / 4;
    uint64_t times = one >= MEASURE_NS ? 1 : (uint64_t)(MEASURE_NS / LT_MAX(one, 1)) + 1;
    double best = 1e18;
    for (int i = 0; i < measures; i++) {
        double ns = (double)time_of(r, program, times) / (double)times / ROWS;
        best = LT_MIN(best, ns);
    }
    return best;
}

static void print_figure(const subject *s, bool nulls, double ns)
{
    (void)printf("{\"name\": \"expr.%s%s\", \"value\": %.4g, \"unit\": \"ns/row\", "
                 "\"better\": \"lower\"",
                 s->name, nulls ? ".nulls" : "", ns);
    if (s->target > 0 && !nulls) {
        (void)printf(", \"target\": %.3g, \"met\": %s", s->target,
                     ns <= s->target ? "true" : "false");
    }
    (void)printf("}\n");
    (void)fflush(stdout);
}

static void run(rig *r, const subject *s, bool nulls, int measures, uint64_t rounds)
{
    lt_error err = {0};
    lt_program *program = NULL;
    const char *sql = lt_arena_printf(r->arena, "SELECT %s FROM t", s->sql);
    must(sql != NULL, "out of memory");
    lt_bound bound = bind(r, sql);
    must(bound.kind == LT_BOUND_QUERY && bound.rels[0]->kind == LT_REL_PROJECT &&
             bound.rels[0]->inputs[0]->kind == LT_REL_SCAN,
         "not a projection of the table");
    must(lt_program_new(&r->mem, lt_catalog_session(r->catalog), bound.rels[0]->u.project.exprs, 1,
                        &program, &err) == LT_OK,
         err.text);
    if (rounds > 0) {
        evaluate(r, program, rounds);
    } else {
        print_figure(s, nulls, best_of(r, program, measures));
    }
    lt_program_free(program);
}

int main(int argc, char **argv)
{
    bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    const char *part = argc > 1 && !quick ? argv[1] : "";
    uint64_t rounds = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    rig r;
    setup(&r);
    for (int nulls = 0; nulls < (rounds > 0 ? 1 : 2); nulls++) {
        set_nulls(&r, nulls != 0);
        for (size_t i = 0; i < LT_COUNT_OF(subjects); i++) {
            if (strstr(subjects[i].name, part) != NULL) {
                run(&r, &subjects[i], nulls != 0, quick ? 1 : MEASURES, rounds);
            }
        }
    }
    for (uint32_t c = 0; c < COLS; c++) {
        lt_arena_free(r.texts[c]);
    }
    lt_arena_free(r.out);
    lt_arena_free(r.arena);
    lt_catalog_free(r.catalog);
    lt_env_real_free(r.env);
    lt_mem_deinit(&r.mem);
    return 0;
}
