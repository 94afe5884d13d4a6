/* The table of scalar functions. A row without infer() is a function that Flink 2.2 has and this build does not. */
#include "expr/registry.h"

#include "expr/families.h"

#define N      LT_ARGS_ANY
#define NULLS  LT_FUNC_NULLS
#define LAZY   LT_FUNC_LAZY
#define DENSE  LT_FUNC_DENSE
#define NONDET LT_FUNC_NONDET
#define PERROW (LT_FUNC_PER_ROW | LT_FUNC_NONDET)

static const lt_func functions[] = {
    /* comparison */
    {"=", 2, 2, LT_CAT_COMPARISON, 0, lt_infer_compare, LT_OP_EQ, "a = b", "equal"},
    {"<>", 2, 2, LT_CAT_COMPARISON, 0, lt_infer_compare, LT_OP_NE, "a <> b", "not equal"},
    {"<", 2, 2, LT_CAT_COMPARISON, 0, lt_infer_compare, LT_OP_LT, "a < b", "less"},
    {"<=", 2, 2, LT_CAT_COMPARISON, 0, lt_infer_compare, LT_OP_LE, "a <= b", "less or equal"},
    {">", 2, 2, LT_CAT_COMPARISON, 0, lt_infer_compare, LT_OP_GT, "a > b", "greater"},
    {">=", 2, 2, LT_CAT_COMPARISON, 0, lt_infer_compare, LT_OP_GE, "a >= b", "greater or equal"},
    {"IS NULL", 1, 1, LT_CAT_COMPARISON, NULLS | DENSE, lt_infer_is, LT_OP_IS_NULL, "a IS NULL",
     "is it NULL"},
    {"IS NOT NULL", 1, 1, LT_CAT_COMPARISON, NULLS | DENSE, lt_infer_is, LT_OP_IS_NOT_NULL,
     "a IS NOT NULL", "is it not NULL"},
    {"IS DISTINCT FROM", 2, 2, LT_CAT_COMPARISON, 0, lt_infer_distinct, LT_OP_DISTINCT,
     "a IS DISTINCT FROM b", "different, NULL equal to NULL"},
    {"IS NOT DISTINCT FROM", 2, 2, LT_CAT_COMPARISON, 0, lt_infer_distinct, LT_OP_NOT_DISTINCT,
     "a IS NOT DISTINCT FROM b", "equal, NULL equal to NULL"},
    {"BETWEEN", 3, 3, LT_CAT_COMPARISON, 0, lt_infer_between, 0, "x BETWEEN low AND high",
     "within both bounds"},
    {"NOT BETWEEN", 3, 3, LT_CAT_COMPARISON, 0, lt_infer_between, LT_OP_BETWEEN_NOT,
     "x NOT BETWEEN low AND high", "outside the bounds"},
    {"BETWEEN SYMMETRIC", 3, 3, LT_CAT_COMPARISON, 0, lt_infer_between, LT_OP_BETWEEN_SYMMETRIC,
     "x BETWEEN SYMMETRIC a AND b", "within the bounds in either order"},
    {"NOT BETWEEN SYMMETRIC", 3, 3, LT_CAT_COMPARISON, 0, lt_infer_between,
     LT_OP_BETWEEN_NOT | LT_OP_BETWEEN_SYMMETRIC, "x NOT BETWEEN SYMMETRIC a AND b",
     "outside the bounds in either order"},
    {"IN", 2, N, LT_CAT_COMPARISON, 0, lt_infer_in, LT_OP_IN, "x IN (a, ..)", "equal to one of"},
    {"NOT IN", 2, N, LT_CAT_COMPARISON, 0, lt_infer_in, LT_OP_NOT_IN, "x NOT IN (a, ..)",
     "equal to none of"},
    {"GREATEST", 1, N, LT_CAT_COMPARISON, 0, lt_infer_extreme, LT_OP_GREATEST, "GREATEST(a, ..)",
     "the largest; NULL if any is"},
    {"LEAST", 1, N, LT_CAT_COMPARISON, 0, lt_infer_extreme, LT_OP_LEAST, "LEAST(a, ..)",
     "the smallest; NULL if any is"},

    /* logic */
    {"AND", 2, N, LT_CAT_LOGIC, NULLS | LAZY | DENSE, lt_infer_junction, LT_OP_AND, "a AND b",
     "both"},
    {"OR", 2, N, LT_CAT_LOGIC, NULLS | LAZY | DENSE, lt_infer_junction, LT_OP_OR, "a OR b",
     "either"},
    {"NOT", 1, 1, LT_CAT_LOGIC, DENSE, lt_infer_not, 0, "NOT a", "the opposite"},
    {"IS TRUE", 1, 1, LT_CAT_LOGIC, NULLS | DENSE, lt_infer_is, LT_OP_IS_TRUE, "a IS TRUE", "true"},
    {"IS NOT TRUE", 1, 1, LT_CAT_LOGIC, NULLS | DENSE, lt_infer_is, LT_OP_IS_NOT_TRUE,
     "a IS NOT TRUE", "false or unknown"},
    {"IS FALSE", 1, 1, LT_CAT_LOGIC, NULLS | DENSE, lt_infer_is, LT_OP_IS_FALSE, "a IS FALSE",
     "false"},
    {"IS NOT FALSE", 1, 1, LT_CAT_LOGIC, NULLS | DENSE, lt_infer_is, LT_OP_IS_NOT_FALSE,
     "a IS NOT FALSE", "true or unknown"},
    {"IS UNKNOWN", 1, 1, LT_CAT_LOGIC, NULLS | DENSE, lt_infer_is, LT_OP_IS_UNKNOWN,
     "a IS UNKNOWN", "unknown"},
    {"IS NOT UNKNOWN", 1, 1, LT_CAT_LOGIC, NULLS | DENSE, lt_infer_is, LT_OP_IS_NOT_UNKNOWN,
     "a IS NOT UNKNOWN", "true or false"},

    /* conditional */
    {"CASE", 3, N, LT_CAT_CONDITIONAL, NULLS | LAZY, lt_infer_case, 0,
     "CASE WHEN c THEN a .. ELSE b END", "the value of the first true condition"},
    {"IF", 3, 3, LT_CAT_CONDITIONAL, 0, lt_infer_if, 0, "IF(c, a, b)", "a if c is true, else b"},
    {"NULLIF", 2, 2, LT_CAT_CONDITIONAL, 0, lt_infer_nullif, 0, "NULLIF(a, b)",
     "NULL if a equals b, else a"},
    {"COALESCE", 1, N, LT_CAT_CONDITIONAL, NULLS | LAZY, lt_infer_coalesce, 0, "COALESCE(a, ..)",
     "the first value that is not NULL"},
    {"IFNULL", 2, 2, LT_CAT_CONDITIONAL, NULLS | LAZY, lt_infer_coalesce, 0, "IFNULL(a, b)",
     "b if a is NULL, else a"},

    /* conversion */
    {"CAST", 1, 1, LT_CAT_CONVERSION, 0, lt_infer_cast, 0, "CAST(a AS type)",
     "converts, failing on bad values"},
    {"TRY_CAST", 1, 1, LT_CAT_CONVERSION, 0, lt_infer_cast, 1, "TRY_CAST(a AS type)",
     "converts, NULL for bad values"},

    /* arithmetic */
    {"+", 2, 2, LT_CAT_ARITHMETIC, 0, lt_infer_arith, LT_OP_ADD, "a + b", "sum"},
    {"-", 1, 2, LT_CAT_ARITHMETIC, 0, lt_infer_arith, LT_OP_SUB, "a - b, -a", "difference"},
    {"*", 2, 2, LT_CAT_ARITHMETIC, 0, lt_infer_arith, LT_OP_MUL, "a * b", "product"},
    {"/", 2, 2, LT_CAT_ARITHMETIC, 0, lt_infer_arith, LT_OP_DIV, "a / b", "quotient"},
    {"%", 2, 2, LT_CAT_ARITHMETIC, 0, lt_infer_arith, LT_OP_MOD, "a % b", "remainder"},
    {"MOD", 2, 2, LT_CAT_ARITHMETIC, 0, lt_infer_arith, LT_OP_MOD, "MOD(a, b)", "remainder"},
};

uint32_t lt_func_count(void)
{
    return LT_COUNT_OF(functions);
}

const lt_func *lt_func_at(uint32_t index)
{
    LT_ASSERT(index < lt_func_count());
    return &functions[index];
}

const lt_func *lt_func_find(lt_str name)
{
    for (uint32_t i = 0; i < lt_func_count(); i++) {
        const char *candidate = functions[i].name;
        if (strlen(candidate) == name.len && lt_str_eq_ci(name, (lt_str){candidate, name.len})) {
            return &functions[i];
        }
    }
    return NULL;
}
