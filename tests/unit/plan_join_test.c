/* SEMI and ANTI joins as the binder will make them: where conjuncts go, what is kept, which columns
 * come out, what the changelog and its key are. */
#include <string.h>

#include "bind_fixture.h"

#include "plan/plan.h"

#define TABLES                                                                                 \
    "CREATE TABLE a (k INT, v INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'feed', " \
    "'format' = 'json', 'changelog' = 'I,UB,UA,D')"
#define OTHER "CREATE TABLE b (k INT, w INT) WITH ('connector' = 'feed', 'format' = 'json')"

/* The join, and filters around it, give the left columns alone. */
static void turn_join(lt_rel *rel, lt_join_type type)
{
    if (rel->kind == LT_REL_JOIN) {
        rel->u.join.type = type;
        rel->schema = rel->inputs[0]->schema;
        return;
    }
    assert_true(rel->input_count == 1);
    turn_join(rel->inputs[0], type);
    if (rel->kind == LT_REL_FILTER) {
        rel->schema = rel->inputs[0]->schema;
    }
}

/* The plan of a query that selects columns of `a` alone, its join made one of another type. */
static const char *plan_of(fixture *f, const char *sql, lt_join_type type)
{
    static const lt_plan_options options = {.parallelism = 2};
    lt_plan *plan;
    ok(f, sql);
    turn_join(f->out.rels[0], type);
    lt_status st =
        lt_plan_build(f->catalog, f->out.rels, 1, true, &options, f->arena, &plan, &f->err);
    if (st != LT_OK) {
        fail_msg("%s", f->err.text);
    }
    lt_text_clear(&f->text);
    lt_plan_explain(plan, &f->text);
    return f->text.ptr;
}

static void has(const char *plan, const char *part)
{
    if (!strstr(plan, part)) {
        fail_msg("no `%s` in\n%s", part, plan);
    }
}

#define QUERY(select, on) "SELECT " select " FROM a JOIN b ON " on

static void semi(void **state)
{
    fixture *f = *state;
    ok(f, TABLES);
    ok(f, OTHER);
    const char *plan =
        plan_of(f, QUERY("a.k, v", "a.k = b.k AND v > 1 AND w > 2 AND v < w"), LT_JOIN_TYPE_SEMI);
    has(plan, "Join(type=semi, on=[k = k], where=[(v < w)], left=[grows with its keys], "
              "right=[grows with its rows]) changelog=[I,UB,UA,D], result=final");
    has(plan, "Calc(select=[k, v], where=[(v > 1)])");
    has(plan, "Calc(select=[k, w], where=[(w > 2)])");
    has(plan, "Result(columns=[k, v])");
    has(plan, "exchange=hash[k], exchange=hash[k]");
}

static void anti(void **state)
{
    fixture *f = *state;
    ok(f, TABLES);
    ok(f, OTHER);
    const char *plan =
        plan_of(f, QUERY("a.k, v", "a.k = b.k AND v > 1 AND w > 2"), LT_JOIN_TYPE_ANTI);
    /* who is no partner for v > 1 comes out */
    has(plan, "Join(type=anti, on=[k = k], where=[(v > 1)], left=[grows with its keys], "
              "right=[grows with its rows]) changelog=[I,UB,UA,D], result=final");
    has(plan, "Calc(select=[k], where=[(w > 2)])");
    plan = plan_of(f, QUERY("a.k", "a.k = b.k"), LT_JOIN_TYPE_ANTI);
    has(plan, "changelog=[I,UB,UA,D], result=final, key=[k]");
}

/* A condition around the join is over left columns: it goes below. */
static void where(void **state)
{
    fixture *f = *state;
    ok(f, TABLES);
    ok(f, OTHER);
    for (int type = LT_JOIN_TYPE_SEMI; type <= LT_JOIN_TYPE_ANTI; type++) {
        const char *plan =
            plan_of(f, QUERY("a.k, v", "a.k = b.k") " WHERE v > 1 AND v < 9", (lt_join_type)type);
        has(plan, "+- Calc(select=[k, v], where=[((v > 1) AND (v < 9))])");
        has(plan, type == LT_JOIN_TYPE_SEMI ? "type=semi, on=[k = k], left"
                                            : "type=anti, on=[k = k], left");
    }
}

/* Without an equality: one task, every row with every row. */
static void without_keys(void **state)
{
    fixture *f = *state;
    ok(f, TABLES);
    ok(f, OTHER);
    const char *plan = plan_of(f, QUERY("v", "v < w OR w IS NULL"), LT_JOIN_TYPE_ANTI);
    has(plan, "Join(type=anti, on=[], every row with every row, where=[((v < w) OR w IS NULL)]");
    has(plan, "tasks=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(semi, setup, teardown),
        cmocka_unit_test_setup_teardown(anti, setup, teardown),
        cmocka_unit_test_setup_teardown(where, setup, teardown),
        cmocka_unit_test_setup_teardown(without_keys, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
