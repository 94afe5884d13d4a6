/* The SQL front end: what is accepted, how it prints, that printing and parsing are inverse, where
 * errors point, and that hostile text cannot hurt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "base/assert.h"
#include "sql/parse.h"

typedef struct {
    lt_mem mem;
    lt_arena *arena;
    lt_text text;
    lt_error err;
} world;

static void world_init(world *w)
{
    lt_mem_init(&w->mem, NULL, "test", 0);
    w->arena = lt_arena_new(&w->mem, (size_t)1 << 30);
    assert_non_null(w->arena);
    lt_text_init(&w->text, &w->mem);
    lt_error_clear(&w->err);
}

static void world_deinit(world *w)
{
    lt_text_deinit(&w->text);
    lt_arena_free(w->arena);
    lt_mem_deinit(&w->mem);
}

/* ---- printing ----------------------------------------------------------------------------------
 */

typedef struct {
    const char *sql;
    const char *printed; /* NULL: only the round trip counts */
} sample;

static void check_expression(world *w, const sample *s)
{
    lt_ast_expr *expr = NULL;
    lt_ast_expr *again = NULL;
    if (lt_sql_parse_expression(&expr, w->arena, lt_str_of(s->sql), &w->err) != LT_OK) {
        fail_msg("%s: %s", s->sql, w->err.text);
    }
    lt_text_clear(&w->text);
    lt_sql_print_expression(expr, 0, &w->text);
    if (s->printed) {
        assert_string_equal(w->text.ptr, s->printed);
    }
    if (lt_sql_parse_expression(&again, w->arena, lt_text_str(&w->text), &w->err) != LT_OK) {
        fail_msg("%s: %s", w->text.ptr, w->err.text);
    }
    assert_true(lt_ast_expr_eq(expr, again));
}

static void check_statement(world *w, const sample *s)
{
    lt_ast_stmt *stmt = NULL;
    lt_ast_stmt *again = NULL;
    if (lt_sql_parse_statement(&stmt, w->arena, lt_str_of(s->sql), &w->err) != LT_OK) {
        fail_msg("%s: %s", s->sql, w->err.text);
    }
    lt_text_clear(&w->text);
    lt_sql_print_statement(stmt, 0, &w->text);
    if (s->printed) {
        assert_string_equal(w->text.ptr, s->printed);
    }
    if (lt_sql_parse_statement(&again, w->arena, lt_text_str(&w->text), &w->err) != LT_OK) {
        fail_msg("%s: %s", w->text.ptr, w->err.text);
    }
    assert_true(lt_ast_stmt_eq(stmt, again));
}

static const sample expressions[] = {
    {"a + b * c - d", "((`a` + (`b` * `c`)) - `d`)"},
    {"a || b || c", "((`a` || `b`) || `c`)"},
    {"-1", "-1"},
    {"- - 1", "(- -1)"},
    {"-a.b[1]", "(- `a`.`b`[1])"},
    {"(-1)[2]", NULL},
    {"a or b and not c = d", "(`a` OR (`b` AND (NOT (`c` = `d`))))"},
    {"a and (b and c) and d", "(((`a` AND `b`) AND `c`) AND `d`)"},
    {"a between 1 and 2 and b", "((`a` BETWEEN ASYMMETRIC 1 AND 2) AND `b`)"},
    {"a between b and c and d between e and f",
     "((`a` BETWEEN ASYMMETRIC `b` AND `c`) AND (`d` BETWEEN ASYMMETRIC `e` AND `f`))"},
    {"a not between symmetric b + 1 and c", "(`a` NOT BETWEEN SYMMETRIC (`b` + 1) AND `c`)"},
    {"a = b is null", "((`a` = `b`) IS NULL)"},
    {"a is null is not true", "((`a` IS NULL) IS NOT TRUE)"},
    {"a + b is distinct from c + d", "((`a` + `b`) IS DISTINCT FROM (`c` + `d`))"},
    {"a like b || 'x' escape '!'", "(`a` LIKE (`b` || 'x') ESCAPE '!')"},
    {"a not similar to b", "(`a` NOT SIMILAR TO `b`)"},
    {"a in (1, 2) or b not in (select c from d)", NULL},
    {"a in ((select 1))", "(`a` IN (SELECT 1))"},
    {"a > all (1, 2) and b = any (select 1)", NULL},
    {"(a, b) overlaps (c, d)", "(PERIOD (`a`, `b`) OVERLAPS PERIOD (`c`, `d`))"},
    {"a member of b multiset union all c", NULL},
    {"(a - b) day", "((`a` - `b`) DAY)"},
    {"(a).b.c[1].d", NULL},
    {"a[1].b", "(`a`[1].`b`)"},
    {"t.*", "`t`.*"},
    {"f(a => 1, b => default)", "`f`(`a` => 1, `b` => DEFAULT)"},
    {"f(1, b => 2)", NULL},
    {"count(distinct a) filter (where b > 1)", "COUNT(DISTINCT `a`) FILTER (WHERE (`b` > 1))"},
    {"sum(a) over (partition by b order by c desc nulls last rows between 1 preceding and current "
     "row)",
     "(SUM(`a`) OVER (PARTITION BY `b` ORDER BY `c` DESC NULLS LAST ROWS BETWEEN 1 PRECEDING AND "
     "CURRENT ROW))"},
    {"first_value(a) ignore nulls over w", "(FIRST_VALUE(`a`) IGNORE NULLS OVER `w`)"},
    {"listagg(a, ',') within group (order by b)", "LISTAGG(`a`, ',') WITHIN GROUP (ORDER BY `b`)"},
    {"array_agg(distinct a ignore nulls order by b)", NULL},
    {"trim(a)", "TRIM(BOTH ' ' FROM `a`)"},
    {"trim(leading 'x' from a)", "TRIM(LEADING 'x' FROM `a`)"},
    {"substring(a from 2 for 3)", "SUBSTRING(`a`, 2, 3)"},
    {"overlay(a placing b from 1)", "OVERLAY(`a` PLACING `b` FROM 1)"},
    {"position((-1) in b)", NULL},
    {"extract(year from a)", "EXTRACT(YEAR FROM `a`)"},
    {"ceiling(a to month)", "CEIL(`a` TO MONTH)"},
    {"timestampdiff(sql_tsi_day, a, b)", "TIMESTAMPDIFF(DAY, `a`, `b`)"},
    {"case a when 1, 2 then b else c end", "(CASE `a` WHEN 1, 2 THEN `b` ELSE `c` END)"},
    {"case when a then b end", "(CASE WHEN `a` THEN `b` END)"},
    {"cast(a as map<int, row<b string not null 'c'>>)",
     "CAST(`a` AS MAP< INTEGER, ROW< `b` STRING NOT NULL 'c' > >)"},
    {"try_cast(a as timestamp(3) with local time zone)",
     "(TRY_CAST(`a` AS TIMESTAMP(3) WITH LOCAL TIME ZONE))"},
    {"interval -'1 2' day(3) to hour", "INTERVAL -'1 2' DAY(3) TO HOUR"},
    {"interval '1' second(2, 3)", "INTERVAL '1' SECOND(2, 3)"},
    {"interval (a + 1) day", NULL},
    {"json_value(a, 'lax $.b' returning int null on empty default 3 on error)",
     "JSON_VALUE(`a`, 'lax $.b' RETURNING INTEGER NULL ON EMPTY DEFAULT 3 ON ERROR)"},
    {"json_object(key 'a' value 1, 'b' : 2 absent on null)",
     "JSON_OBJECT(KEY 'a' VALUE 1, KEY 'b' VALUE 2 ABSENT ON NULL)"},
    {"json_object()", "JSON_OBJECT()"},
    {"json_array(null on null)", "JSON_ARRAY(NULL ON NULL)"},
    {"a is not json array", "(`a` IS NOT JSON ARRAY)"},
    {"x'48656c'", "X'48656C'"},
    {"u&'\\263A x' ", "'\xE2\x98\xBA x'"},
    {"u&'#263A##' uescape '#'", "'\xE2\x98\xBA#'"},
    {"u&'\\D83D\\DE00'", "'\xF0\x9F\x98\x80'"},
    {"E'a\\n\\x41\\101\\u263A\\''", "'a\nAA\xE2\x98\xBA'''"},
    {"'it''s' 'x'\n'y'", "'it''sxy'"},
    {"_utf16'a'", "_UTF16'a'"},
    {"007 + .5 + 1. + 1e+3", "(((7 + 0.5) + 1) + 1E3)"},
    {"`a``b`", "`a``b`"},
    {"current_timestamp", "CURRENT_TIMESTAMP"},
    {"current_date()", "CURRENT_DATE()"},
    {"left(a, 1) || user", "(`left`(`a`, 1) || user)"},
    {"a /* x */ + -- y\n b // z", "(`a` + `b`)"},
    {"((select 1) union all (select 2) limit 3)", NULL},
};

static void test_expressions(void **unused)
{
    (void)unused;
    world w;
    world_init(&w);
    for (size_t i = 0; i < LT_COUNT_OF(expressions); i++) {
        check_expression(&w, &expressions[i]);
    }
    world_deinit(&w);
}

static const sample statements[] = {
    {"select a.b c, * from t, u join v on x = y where z group by a, (b, c), rollup(d) limit 3 "
     "offset 2",
     "SELECT `a`.`b` AS `c`, *\nFROM `t`,\n`u`\nINNER JOIN `v` ON (`x` = `y`)\nWHERE `z`\n"
     "GROUP BY `a`, (ROW(`b`, `c`)), ROLLUP(`d`)\nOFFSET 2 ROWS\nFETCH NEXT 3 ROWS ONLY"},
    {"select * from a join (b left join c using (d)) on true", NULL},
    {"select * from ((select 1) union all (select 2)) as t(x)", NULL},
    {"select 1 union all select 2 union all select 3",
     "SELECT 1\nUNION ALL\nSELECT 2\nUNION ALL\nSELECT 3"},
    {"select 1 union (select 2 union select 3)", "SELECT 1\nUNION\n(SELECT 2\nUNION\nSELECT 3)"},
    {"(select 1 union select 2) intersect select 3",
     "(SELECT 1\nUNION\nSELECT 2)\nINTERSECT\nSELECT 3"},
    {"(select 1 limit 2) limit 3", "(SELECT 1\nFETCH NEXT 2 ROWS ONLY)\nFETCH NEXT 3 ROWS ONLY"},
    {"with a as (select 1), b (c) as (values 1, (2)) select * from a", NULL},
    {"select * from tumble(table t, descriptor(ts), interval '1' minute)",
     "SELECT *\nFROM TABLE(TUMBLE((TABLE `t`), DESCRIPTOR(`ts`), INTERVAL '1' MINUTE))"},
    {"select * from table(session(data => table t partition by (a, b), gap => interval '1' hour))",
     NULL},
    {"select /*+ lookup('table'='d', k='v'), x(a, 1) */ a from t /*+ options('a'='b') */ as u",
     NULL},
    {"select * from t for system_time as of a.b as c left join lateral table(f(x)) as y on true",
     NULL},
    {"select * from t cross join unnest(a) with ordinality as u(v, w)", NULL},
    {"select * from t match_recognize (partition by a order by b measures final last(x.c) as d all "
     "rows "
     "per match after match skip to x pattern (x (y z+? | w{2,})*) within interval '1' hour define "
     "x as "
     "x.c > prev(x.c))",
     NULL},
    {"table t", "(TABLE `t`)"},
    {"insert into t /*+ options('a'='b') */ partition (a = -1) (b) table u on conflict do nothing",
     NULL},
    {"execute statement set begin insert into a select 1; insert into b values (1); end;", NULL},
    {"begin statement set; insert into a select 1; end", NULL},
    {"explain plan_advice, changelog_mode insert into a select 1",
     "EXPLAIN CHANGELOG_MODE, PLAN_ADVICE INSERT INTO `a`\nSELECT 1"},
    {"create table t (a int primary key not enforced comment 'x', b as a + 1, c timestamp(3) "
     "metadata "
     "from 'k' virtual, watermark for c as c - interval '1' second) with ('k' = 'v')",
     "CREATE TABLE `t` (\n  `a` INTEGER PRIMARY KEY NOT ENFORCED COMMENT 'x',\n  `b` AS (`a` + "
     "1),\n"
     "  `c` TIMESTAMP(3) METADATA FROM 'k' VIRTUAL,\n  WATERMARK FOR `c` AS (`c` - INTERVAL '1' "
     "SECOND)\n)\nWITH (\n  'k' = 'v'\n)"},
    {"create or replace table t (a, b) distributed by range(a) into 3 buckets as select 1, 2",
     NULL},
    {"create table t (a int) like u (including all overwriting options)", NULL},
    {"create temporary system function f as 'x' language python using jar 'y', jar 'z'", NULL},
    {"alter table if exists t add (a int first, constraint c primary key (a) not enforced)", NULL},
    {"alter table t add if not exists partition (a = 1) with ('x' = 'y') partition (a = 2)", NULL},
    {"alter materialized table t set freshness = interval '1' day", NULL},
    {"show columns from a.b not like 'x'", NULL},
    {"set 'a' = 'b'", "SET 'a' = 'b'"},
    {"quit;", "QUIT"},
};

static void test_statements(void **unused)
{
    (void)unused;
    world w;
    world_init(&w);
    for (size_t i = 0; i < LT_COUNT_OF(statements); i++) {
        check_statement(&w, &statements[i]);
    }
    world_deinit(&w);
}

static void test_print_upper(void **unused)
{
    (void)unused;
    world w;
    world_init(&w);
    lt_ast_expr *expr = NULL;
    assert_int_equal(lt_sql_parse_expression(&expr, w.arena, LT_STR("f(a.`b`)"), &w.err), LT_OK);
    lt_sql_print_expression(expr, LT_PRINT_UPPER, &w.text);
    assert_string_equal(w.text.ptr, "`F`(`A`.`b`)");
    world_deinit(&w);
}

static void test_type(void **unused)
{
    (void)unused;
    world w;
    world_init(&w);
    lt_ast_type *type = NULL;
    lt_str text = LT_STR("row(a int not null, b decimal(10, 2) array) not null");
    assert_int_equal(lt_sql_parse_type(&type, w.arena, text, &w.err), LT_OK);
    assert_true(type->not_null);
    assert_int_equal(type->field_count, 2);
    assert_int_equal(type->fields[1].type->children[0]->scale, 2);
    lt_sql_print_type(type, 0, &w.text);
    assert_string_equal(w.text.ptr, "ROW(`a` INTEGER NOT NULL, `b` DECIMAL(10, 2) ARRAY) NOT NULL");
    world_deinit(&w);
}

static void test_tree(void **unused)
{
    (void)unused;
    world w;
    world_init(&w);
    lt_ast_stmt *stmt = NULL;
    lt_str text = LT_STR("select a as b from t join u on x.y = 1");
    assert_int_equal(lt_sql_parse_statement(&stmt, w.arena, text, &w.err), LT_OK);
    assert_int_equal(stmt->kind, LT_STMT_QUERY);
    const lt_ast_select *select = stmt->query->select;
    assert_int_equal(select->item_count, 1);
    assert_int_equal(select->items[0].expr->pos, 7);
    assert_int_equal(select->items[0].alias.pos, 12);
    assert_int_equal(select->from->kind, LT_FROM_JOIN);
    assert_int_equal(select->from->join.how, LT_JOIN_INNER);
    assert_int_equal(select->from->join.on->kind, LT_EXPR_BINARY);
    assert_int_equal(select->from->join.on->binary.left->path.count, 2);
    world_deinit(&w);
}

/* ---- errors ------------------------------------------------------------------------------------
 */

typedef struct {
    const char *sql;
    lt_status code;
    uint32_t pos;
    const char *text; /* a part of the message */
    const char *hint; /* a part of the hint, or NULL */
} refusal;

static const refusal refusals[] = {
    {"selec 1", LT_ERR_SQL, 0, "expected a statement but found 'selec'", NULL},
    {"select a from order", LT_ERR_SQL, 14, "the reserved word 'order'", "back quotes"},
    {"select value from t", LT_ERR_SQL, 7, "the reserved word 'value'", "`value`"},
    {"select a count from t", LT_ERR_SQL, 9, "found 'count'", "back quotes"},
    {"create table t (user int)", LT_ERR_SQL, 16, "expected a name", "`user`"},
    {"select a != b", LT_ERR_SQL, 9, "'!='", "<>"},
    {"select a from t where", LT_ERR_SQL, 21, "the end of the text", NULL},
    {"select 'a", LT_ERR_SQL, 7, "no closing quote", NULL},
    {"select f(1 from t", LT_ERR_SQL, 11, "expected ',' or ')' but found 'from'", NULL},
    {"select \"a\"", LT_ERR_SQL, 7, "double quotes", NULL},
    {"select `a", LT_ERR_SQL, 7, "no closing back quote", NULL},
    {"select /* a", LT_ERR_SQL, 7, "no end", NULL},
    {"select x'123'", LT_ERR_SQL, 7, "even number", NULL},
    {"select E'\\u12'", LT_ERR_SQL, 7, "hexadecimal digits", NULL},
    {"select \xFF", LT_ERR_SQL, 7, "UTF-8", NULL},
    {"select ?", LT_ERR_UNSUPPORTED, 7, "parameters", NULL},
    {"select a limit 1, 2", LT_ERR_SQL, 15, "LIMIT start, count", "OFFSET"},
    {"select a offset 1 limit 2", LT_ERR_SQL, 18, "OFFSET before LIMIT", "OFFSET"},
    {"select * from (a)", LT_ERR_SQL, 15, "a query or a join", NULL},
    {"select a between 1", LT_ERR_SQL, 18, "AND", NULL},
    {"select a in ()", LT_ERR_SQL, 13, "an expression", NULL},
    {"select case a end", LT_ERR_SQL, 14, "WHEN", NULL},
    {"select map['a']", LT_ERR_SQL, 7, "MAP needs pairs", NULL},
    {"set a = b", LT_ERR_SQL, 4, "single quotes", "SET 'key' = 'value'"},
    {"create table t (a int, b)", LT_ERR_SQL, 23, "either all columns", NULL},
    {"create table t (a)", LT_ERR_SQL, 16, "AS query", NULL},
    {"create table t (a int primary key, primary key (a))", LT_ERR_SQL, 35, "at most one", NULL},
    {"create table t (primary key (a)) as select 1", LT_ERR_SQL, 16, "NOT ENFORCED", NULL},
    {"create table t (watermark for a as b, watermark for a as b)", LT_ERR_SQL, 38, "at most one",
     NULL},
    {"create table t (a as (select 1))", LT_ERR_SQL, 21, "a query cannot", NULL},
    {"create or alter materialized table t as select 1", LT_ERR_UNSUPPORTED, 10, "Flink 2.3", NULL},
    {"select to_changelog(a)", LT_ERR_UNSUPPORTED, 7, "Flink 2.3", NULL},
    {"select * from t tablesample bernoulli(1)", LT_ERR_UNSUPPORTED, 16, "TABLESAMPLE", NULL},
    {"merge into t using u on a = b", LT_ERR_UNSUPPORTED, 0, "MERGE", NULL},
    {"execute statement set begin end", LT_ERR_SQL, 28, "INSERT", NULL},
    {"stop job 'a' with drain", LT_ERR_SQL, 13, "WITH SAVEPOINT", NULL},
    {"", LT_ERR_SQL, 0, "expected a statement", NULL},
};

static void test_errors(void **unused)
{
    (void)unused;
    world w;
    world_init(&w);
    for (size_t i = 0; i < LT_COUNT_OF(refusals); i++) {
        const refusal *r = &refusals[i];
        lt_ast_stmt *stmt = NULL;
        lt_error_clear(&w.err);
        lt_status st = lt_sql_parse_statement(&stmt, w.arena, lt_str_of(r->sql), &w.err);
        bool hint = !r->hint || strstr(w.err.hint, r->hint);
        if (st != r->code || !w.err.has_sql_pos || w.err.sql_pos != r->pos ||
            !strstr(w.err.text, r->text) || !hint) {
            fail_msg("%s: %s at %u: %s (%s)", r->sql, lt_status_name(st), (unsigned)w.err.sql_pos,
                     w.err.text, w.err.hint);
        }
        assert_null(stmt);
    }
    world_deinit(&w);
}

static void test_render(void **unused)
{
    (void)unused;
    world w;
    world_init(&w);
    lt_ast_stmt *stmt = NULL;
    lt_str sql = LT_STR("select a,\n\t'\xE2\x98\xBA', value\nfrom t");
    assert_int_equal(lt_sql_parse_statement(&stmt, w.arena, sql, &w.err), LT_ERR_SQL);
    lt_sql_error_render(&w.err, sql, &w.text);
    assert_string_equal(
        w.text.ptr,
        "expected an expression but found the reserved word 'value'\nat line 2, column 7\n"
        "    2 | \t'\xE2\x98\xBA', value\n      | \t     ^\n"
        "hint: `value` is a reserved word: to use it as a name, write it in back quotes\n");
    world_deinit(&w);
}

static void test_reserved(void **unused)
{
    (void)unused;
    static const char *const reserved[] = {"user",  "VALUE",  "timestamp", "Day",  "count",
                                           "bytes", "prev",   "partition", "rank", "datetime",
                                           "table", "offset", "abs",       "zone_"};
    static const char *const free_words[] = {"key",     "name",    "type", "data",
                                             "session", "week",    "plan", "model",
                                             "columns", "quarter", "if",   "x"};
    for (size_t i = 0; i + 1 < LT_COUNT_OF(reserved); i++) {
        assert_true(lt_sql_is_reserved(lt_str_of(reserved[i])));
    }
    assert_false(lt_sql_is_reserved(LT_STR("zone_")));
    for (size_t i = 0; i < LT_COUNT_OF(free_words); i++) {
        assert_false(lt_sql_is_reserved(lt_str_of(free_words[i])));
    }
}

/* ---- limits ------------------------------------------------------------------------------------
 */

static void repeat(lt_text *text, const char *what, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        lt_text_puts(text, what);
    }
}

typedef struct {
    const char *before;
    const char *open;
    const char *middle;
    const char *close;
    const char *after; /* NULL for nothing */
} bomb;

static const bomb bombs[] = {
    {"select ", "(", "1", ")", NULL},
    {"select ", "f(", "1", ")", NULL},
    {"select ", "-", "a", "", NULL},
    {"select ", "not ", "a", "", NULL},
    {"select ", "a[", "1", "]", NULL},
    {"select ", "array[", "1", "]", NULL},
    {"select ", "case when a then ", "1", " end", NULL},
    {"select ", "cast(", "a", " as int)", NULL},
    {"select ", "a in (", "1", ")", NULL},
    {"select ", "(select ", "1", ")", NULL},
    {"select ", "exists (select ", "1", ")", NULL},
    {"select ", "json_object('a' value ", "1", ")", NULL},
    {"select ", "a between b and ", "1", "", NULL},
    {"select ", "f(x) over (order by ", "1", ")", NULL},
    {"select a", "", "", " is null", NULL},
    {"select a", "", "", "[1]", NULL},
    {"select a", "", "", " + 1", NULL},
    {"select * from ", "(", "select 1", ")", NULL},
    {"select * from ", "(a join ", "b", " on true)", NULL},
    {"select * from a", "", "", " join b on true", NULL},
    {"select 1", "", "", " union select 1 except select 1", NULL},
    {"create table t (a ", "row<a ", "int", ">", ")"},
    {"create table t (a ", "array<", "int", ">", ")"},
    {"select a from t group by ", "grouping sets (", "a", ")", NULL},
    {"select * from t match_recognize (pattern (", "(", "a", " b)+", ") define a as true)"},
    {"", "(", "select 1", ")", NULL},
    {"", "explain ", "select 1", "", NULL},
};

static void fill(lt_text *text, const bomb *b, size_t count)
{
    lt_text_clear(text);
    lt_text_puts(text, b->before);
    repeat(text, b->open, count);
    lt_text_puts(text, b->middle);
    repeat(text, b->close, count);
    lt_text_puts(text, b->after ? b->after : "");
}

/* Deep text is refused cleanly; just below the limit it prints to text that parses. */
static void *explode(void *unused)
{
    (void)unused;
    world w;
    world_init(&w);
    lt_text printed;
    lt_text_init(&printed, &w.mem);
    for (size_t i = 0; i < LT_COUNT_OF(bombs); i++) {
        lt_ast_stmt *stmt = NULL;
        fill(&w.text, &bombs[i], 10000);
        lt_status st = lt_sql_parse_statement(&stmt, w.arena, lt_text_str(&w.text), &w.err);
        LT_ASSERT(st == LT_ERR_LIMIT || st == LT_ERR_SQL);
        for (size_t depth = 600; depth > 0; depth -= 4) {
            fill(&w.text, &bombs[i], depth);
            if (lt_sql_parse_statement(&stmt, w.arena, lt_text_str(&w.text), &w.err) == LT_OK) {
                lt_ast_stmt *again = NULL;
                lt_text_clear(&printed);
                lt_sql_print_statement(stmt, 0, &printed);
                st = lt_sql_parse_statement(&again, w.arena, lt_text_str(&printed), &w.err);
                LT_ASSERT(st == LT_OK && lt_ast_stmt_eq(stmt, again));
                break;
            }
        }
        lt_arena_reset(w.arena, (size_t)1 << 20);
    }
    lt_text_deinit(&printed);
    world_deinit(&w);
    return NULL;
}

/* On a stack of one mebibyte, the smallest that a host may give us. */
static void test_depth(void **unused)
{
    (void)unused;
    pthread_attr_t attr;
    pthread_t thread;
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, (size_t)1 << 20), 0);
    assert_int_equal(pthread_create(&thread, &attr, explode, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(pthread_attr_destroy(&attr), 0);
}

/* Chains that are no nesting. */
static void test_long(void **unused)
{
    (void)unused;
    static const bomb chains[] = {
        {"select a", "", "", " and a = 1", NULL},
        {"select a", "", "", " or (a and b)", NULL},
        {"select a", "", "", ", a", NULL},
        {"select 1", "", "", " union all select 1", NULL},
        {"values 1", "", "", ", (1)", NULL},
        {"select a in (1", "", "", ", 1", ")"},
        {"select f(1", "", "", ", 1", ")"},
        {"select 'a'", "", "", " 'a'", NULL},
        {"with a as (select 1)", "", "", ", a as (select 1)", " select 1"},
        {"select * from t match_recognize (pattern (a", "", "", " b+?", ") define a as true)"},
    };
    world w;
    world_init(&w);
    for (size_t i = 0; i < LT_COUNT_OF(chains); i++) {
        fill(&w.text, &chains[i], 10000);
        char *sql = lt_arena_strndup(w.arena, w.text.ptr, w.text.len);
        sample s = {sql, NULL};
        check_statement(&w, &s);
    }
    world_deinit(&w);
}

static void test_nodes(void **unused)
{
    (void)unused;
    world w;
    world_init(&w);
    lt_ast_stmt *stmt = NULL;
    bomb chain = {"values 1", "", "", ",1", NULL};
    fill(&w.text, &chain, LT_SQL_NODES_MAX);
    assert_int_equal(lt_sql_parse_statement(&stmt, w.arena, lt_text_str(&w.text), &w.err),
                     LT_ERR_LIMIT);
    world_deinit(&w);
}

/* Every allocation may fail. */
static void test_memory(void **unused)
{
    (void)unused;
    lt_str sql =
        LT_STR("with a as (select 1) select f(x, y => 'it''s'), case when `q``r` then 1.5 end, "
               "cast(z as row<b int>) from t join u using (v) group by rollup(c) order by 1");
    for (size_t max = 0; max < 40000; max += 97) {
        world w;
        world_init(&w);
        lt_arena_free(w.arena);
        w.arena = lt_arena_new(&w.mem, max + 1);
        if (w.arena) {
            lt_ast_stmt *stmt = NULL;
            lt_status st = lt_sql_parse_statement(&stmt, w.arena, sql, &w.err);
            assert_true(st == LT_OK || st == LT_ERR_NOMEM);
            assert_true((st == LT_OK) == (stmt != NULL));
        }
        world_deinit(&w);
    }
}

/* ---- scripts -----------------------------------------------------------------------------------
 */

static void test_script(void **unused)
{
    (void)unused;
    lt_sql_script script = {
        .text =
            LT_STR(";-- first; not this\nselect ';' , `a;b` /* ; */ from t ;\n\n"
                   "EXECUTE STATEMENT SET BEGIN\n insert into a select case when b then 1 end;\n"
                   " insert into c select E'\\'; end';\nEND;\n"
                   "begin statement set;insert into a select 1; end ; // x;\n"
                   "set 'a' = 'it''s;'; begin statement set")};
    static const struct {
        const char *start;
        uint32_t line;
        bool terminated;
    } expected[] = {{"select ';' , `a;b` /* ; */ from t", 2, true},
                    {"EXECUTE STATEMENT SET", 4, true},
                    {"begin statement set;insert into a select 1; end", 8, true},
                    {"set 'a' = 'it''s;'", 9, true},
                    {"begin statement set", 9, false}};
    lt_sql_piece piece;
    size_t count = 0;
    while (lt_sql_next(&script, &piece)) {
        assert_true(count < LT_COUNT_OF(expected));
        assert_true(lt_str_starts(piece.text, lt_str_of(expected[count].start)));
        assert_int_equal(piece.line, expected[count].line);
        assert_int_equal(piece.terminated, expected[count].terminated);
        assert_ptr_equal(piece.text.ptr, script.text.ptr + piece.offset);
        count++;
    }
    assert_int_equal(count, LT_COUNT_OF(expected));
}

/* What a shell has after a line of a longer statement. */
static void test_script_incomplete(void **unused)
{
    (void)unused;
    static const char *const texts[] = {"select 'a;",
                                        "select `a;",
                                        "select /* ; ",
                                        "select 1",
                                        "begin statement set; insert into a select 1;",
                                        "execute statement set begin insert into a select 1;"};
    for (size_t i = 0; i < LT_COUNT_OF(texts); i++) {
        lt_sql_script script = {.text = lt_str_of(texts[i])};
        lt_sql_piece piece;
        assert_true(lt_sql_next(&script, &piece));
        assert_false(piece.terminated);
        assert_false(lt_sql_next(&script, &piece));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expressions), cmocka_unit_test(test_statements),
        cmocka_unit_test(test_print_upper), cmocka_unit_test(test_type),
        cmocka_unit_test(test_tree),        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_render),      cmocka_unit_test(test_reserved),
        cmocka_unit_test(test_depth),       cmocka_unit_test(test_long),
        cmocka_unit_test(test_nodes),       cmocka_unit_test(test_memory),
        cmocka_unit_test(test_script),      cmocka_unit_test(test_script_incomplete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
