/* Which types cast to which, explicitly and implicitly, and the common type of several. */
#include "expr/expr.h"
#include "expr/registry.h"

enum family {
    F_NULL,
    F_BOOL,
    F_EXACT,
    F_APPROX,
    F_STRING,
    F_BINARY,
    F_DATE,
    F_TIME,
    F_TS,
    F_LTZ,
    F_IMONTH,
    F_ISECOND,
    F_ARRAY,
    F_MAP,
    F_MULTISET,
    F_ROW,
    F_VARIANT,
    F_OTHER
};

static enum family family_of(const lt_type *type)
{
    switch (type->kind) {
    case LT_TYPE_NULL:
        return F_NULL;
    case LT_TYPE_BOOLEAN:
        return F_BOOL;
    case LT_TYPE_TINYINT:
    case LT_TYPE_SMALLINT:
    case LT_TYPE_INT:
    case LT_TYPE_BIGINT:
    case LT_TYPE_DECIMAL:
        return F_EXACT;
    case LT_TYPE_FLOAT:
    case LT_TYPE_DOUBLE:
        return F_APPROX;
    case LT_TYPE_CHAR:
    case LT_TYPE_VARCHAR:
        return F_STRING;
    case LT_TYPE_BINARY:
    case LT_TYPE_VARBINARY:
        return F_BINARY;
    case LT_TYPE_DATE:
        return F_DATE;
    case LT_TYPE_TIME:
        return F_TIME;
    case LT_TYPE_TIMESTAMP:
        return F_TS;
    case LT_TYPE_TIMESTAMP_LTZ:
        return F_LTZ;
    case LT_TYPE_INTERVAL_MONTH:
        return F_IMONTH;
    case LT_TYPE_INTERVAL_SECOND:
        return F_ISECOND;
    case LT_TYPE_ARRAY:
        return F_ARRAY;
    case LT_TYPE_MAP:
        return F_MAP;
    case LT_TYPE_MULTISET:
        return F_MULTISET;
    case LT_TYPE_ROW:
        return F_ROW;
    case LT_TYPE_VARIANT:
        return F_VARIANT;
    case LT_TYPE_DESCRIPTOR:
    case LT_TYPE_SYMBOL:
    case LT_TYPE_KIND_COUNT:
        return F_OTHER;
    }
    return F_OTHER;
}

#define BIT(f)  (1u << (f))
#define NUMBERS (BIT(F_EXACT) | BIT(F_APPROX))
#define NESTED  (BIT(F_ARRAY) | BIT(F_MAP) | BIT(F_MULTISET) | BIT(F_ROW))

/* From which families each family takes explicit casts; nested ones to their own kind are checked
 * field by field. A VARIANT made of JSON holds numbers, booleans, text; text comes out of it by
 * JSON_STRING. Numbers become intervals, intervals no numbers: as in Flink's SQL, whose planner
 * refuses what its runtime could do. */
static const uint32_t explicit_from[] = {
    [F_NULL] = 0,
    [F_BOOL] = BIT(F_BOOL) | NUMBERS | BIT(F_STRING) | BIT(F_VARIANT),
    [F_EXACT] = BIT(F_BOOL) | NUMBERS | BIT(F_STRING) | BIT(F_VARIANT),
    [F_APPROX] = BIT(F_BOOL) | NUMBERS | BIT(F_STRING) | BIT(F_VARIANT),
    [F_STRING] = BIT(F_BOOL) | NUMBERS | BIT(F_STRING) | BIT(F_BINARY) | BIT(F_DATE) | BIT(F_TIME) |
                 BIT(F_TS) | BIT(F_LTZ) | BIT(F_IMONTH) | BIT(F_ISECOND) | NESTED,
    [F_BINARY] = BIT(F_STRING) | BIT(F_BINARY),
    [F_DATE] = BIT(F_STRING) | BIT(F_DATE) | BIT(F_TS) | BIT(F_LTZ),
    [F_TIME] = BIT(F_STRING) | BIT(F_TIME) | BIT(F_TS) | BIT(F_LTZ),
    [F_TS] = BIT(F_STRING) | BIT(F_DATE) | BIT(F_TIME) | BIT(F_TS) | BIT(F_LTZ),
    [F_LTZ] = BIT(F_STRING) | BIT(F_DATE) | BIT(F_TIME) | BIT(F_TS) | BIT(F_LTZ),
    [F_IMONTH] = BIT(F_IMONTH) | BIT(F_EXACT),
    [F_ISECOND] = BIT(F_ISECOND) | BIT(F_EXACT),
    [F_ARRAY] = 0,
    [F_MAP] = 0,
    [F_MULTISET] = 0,
    [F_ROW] = 0,
    [F_VARIANT] = 0,
    [F_OTHER] = 0,
};

static bool same_shape(const lt_type *from, const lt_type *to,
                       bool (*fits)(const lt_type *, const lt_type *))
{
    if (from->kind != to->kind || from->field_count != to->field_count) {
        return false;
    }
    for (uint32_t i = 0; i < from->field_count; i++) {
        if (!fits(from->fields[i].type, to->fields[i].type)) {
            return false;
        }
    }
    return true;
}

bool lt_type_can_cast(const lt_type *from, const lt_type *to)
{
    if (from->kind == LT_TYPE_NULL) {
        return to->kind != LT_TYPE_NULL && to->kind != LT_TYPE_SYMBOL;
    }
    enum family source = family_of(from), target = family_of(to);
    if (target == F_ARRAY || target == F_MAP || target == F_MULTISET || target == F_ROW) {
        return same_shape(from, to, lt_type_can_cast);
    }
    if ((target == F_IMONTH || target == F_ISECOND) && from->kind == LT_TYPE_DECIMAL) {
        return false;
    }
    return (explicit_from[target] & BIT(source)) != 0;
}

/* Order of implicit widening. */
static int number_rank(lt_type_kind kind)
{
    switch ((int)kind) {
    case LT_TYPE_TINYINT:
        return 1;
    case LT_TYPE_SMALLINT:
        return 2;
    case LT_TYPE_INT:
        return 3;
    case LT_TYPE_BIGINT:
        return 4;
    case LT_TYPE_DECIMAL:
        return 5;
    case LT_TYPE_FLOAT:
        return 6;
    case LT_TYPE_DOUBLE:
        return 7;
    default:
        return 0;
    }
}

bool lt_type_can_coerce(const lt_type *from, const lt_type *to)
{
    if (from->kind == LT_TYPE_NULL) {
        return to->nullable;
    }
    if (lt_type_eq_unnull(from, to)) {
        return true;
    }
    if (to->kind == LT_TYPE_DECIMAL) {
        return lt_type_is_numeric(from);
    }
    int rank = number_rank(from->kind);
    if (rank > 0) {
        return number_rank(to->kind) >= rank;
    }
    switch (family_of(to)) {
    case F_STRING:
        return lt_type_is_string(from) &&
               (to->kind == LT_TYPE_VARCHAR || from->kind == LT_TYPE_CHAR);
    case F_BINARY:
        return lt_type_is_binary(from) &&
               (to->kind == LT_TYPE_VARBINARY || from->kind == LT_TYPE_BINARY);
    case F_DATE:
        return from->kind == LT_TYPE_DATE || lt_type_is_timestamp(from);
    case F_TIME:
        return from->kind == LT_TYPE_TIME || lt_type_is_timestamp(from);
    case F_TS:
    case F_LTZ:
        return lt_type_is_timestamp(from);
    case F_ARRAY:
    case F_MAP:
    case F_MULTISET:
    case F_ROW:
        return same_shape(from, to, lt_type_can_coerce);
    case F_BOOL:
    case F_IMONTH:
    case F_ISECOND:
    case F_VARIANT:
        return from->kind == to->kind;
    case F_NULL:
    case F_EXACT:
    case F_APPROX:
    case F_OTHER:
        return false;
    }
    return false;
}

/* ---- common type ---- */

static uint8_t int_digits(lt_type_kind kind)
{
    switch ((int)kind) {
    case LT_TYPE_TINYINT:
        return 3;
    case LT_TYPE_SMALLINT:
        return 5;
    case LT_TYPE_INT:
        return 10;
    default:
        return 19;
    }
}

static const lt_type *common_number(lt_arena *arena, const lt_type *a, const lt_type *b,
                                    bool nullable)
{
    if (a->kind != LT_TYPE_DECIMAL && b->kind != LT_TYPE_DECIMAL) {
        int rank_a = number_rank(a->kind), rank_b = number_rank(b->kind);
        return lt_type_new(arena, rank_a >= rank_b ? a->kind : b->kind, nullable);
    }
    if (number_rank(a->kind) > 5 || number_rank(b->kind) > 5) {
        return lt_type_new(arena, LT_TYPE_DOUBLE, nullable);
    }
    int scale_a = a->kind == LT_TYPE_DECIMAL ? a->scale : 0;
    int scale_b = b->kind == LT_TYPE_DECIMAL ? b->scale : 0;
    int whole_a = a->kind == LT_TYPE_DECIMAL ? a->precision - a->scale : int_digits(a->kind);
    int whole_b = b->kind == LT_TYPE_DECIMAL ? b->precision - b->scale : int_digits(b->kind);
    int whole = LT_MAX(whole_a, whole_b);
    int scale = LT_MAX(scale_a, scale_b);
    if (whole + scale > 38) {
        whole = LT_MIN(whole, 38);
        scale = 38 - whole;
    }
    return lt_type_decimal(arena, (uint8_t)(whole + scale), (uint8_t)scale, nullable);
}

static const lt_type *common_sized(lt_arena *arena, const lt_type *a, const lt_type *b,
                                   lt_type_kind fixed, lt_type_kind variable, bool nullable)
{
    int32_t length = LT_MAX(a->length, b->length);
    bool both_fixed = a->kind == fixed && b->kind == fixed && a->length == b->length;
    return lt_type_sized(arena, both_fixed ? fixed : variable, length, nullable);
}

static const lt_type *common_two(lt_arena *arena, const lt_type *a, const lt_type *b);

static const lt_type *common_nested(lt_arena *arena, const lt_type *a, const lt_type *b,
                                    bool nullable)
{
    if (a->kind != b->kind || a->field_count != b->field_count ||
        !lt_str_eq(a->class_name, b->class_name)) {
        return NULL;
    }
    lt_field *fields = LT_NEW_ARRAY(arena, lt_field, a->field_count + 1);
    if (fields == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < a->field_count; i++) {
        fields[i].name = a->fields[i].name;
        fields[i].type = common_two(arena, a->fields[i].type, b->fields[i].type);
        if (fields[i].type == NULL) {
            return NULL;
        }
    }
    switch ((int)a->kind) {
    case LT_TYPE_ARRAY:
        return lt_type_array(arena, fields[0].type, nullable);
    case LT_TYPE_MAP:
        return lt_type_map(arena, fields[0].type, fields[1].type, nullable);
    case LT_TYPE_MULTISET:
        return lt_type_multiset(arena, fields[0].type, nullable);
    default:
        return a->class_name.len > 0
                   ? lt_type_structured(arena, a->class_name, fields, a->field_count, nullable)
                   : lt_type_row(arena, fields, a->field_count, nullable);
    }
}

static const lt_type *common_two(lt_arena *arena, const lt_type *a, const lt_type *b)
{
    bool nullable = a->nullable || b->nullable;
    if (a->kind == LT_TYPE_NULL) {
        return lt_type_with_nullable(arena, b, true);
    }
    if (b->kind == LT_TYPE_NULL) {
        return lt_type_with_nullable(arena, a, true);
    }
    if (lt_type_is_numeric(a) && lt_type_is_numeric(b)) {
        if (lt_type_eq_unnull(a, b)) {
            return lt_type_with_nullable(arena, a, nullable);
        }
        return common_number(arena, a, b, nullable);
    }
    if (lt_type_is_string(a) && lt_type_is_string(b)) {
        return common_sized(arena, a, b, LT_TYPE_CHAR, LT_TYPE_VARCHAR, nullable);
    }
    if (lt_type_is_binary(a) && lt_type_is_binary(b)) {
        return common_sized(arena, a, b, LT_TYPE_BINARY, LT_TYPE_VARBINARY, nullable);
    }
    if (lt_type_is_timestamp(a) && lt_type_is_timestamp(b)) {
        lt_type_kind kind = a->kind == LT_TYPE_TIMESTAMP_LTZ || b->kind == LT_TYPE_TIMESTAMP_LTZ
                                ? LT_TYPE_TIMESTAMP_LTZ
                                : LT_TYPE_TIMESTAMP;
        return lt_type_time(arena, kind, LT_MAX(a->precision, b->precision), nullable);
    }
    if (a->kind == LT_TYPE_TIME && b->kind == LT_TYPE_TIME) {
        return lt_type_time(arena, LT_TYPE_TIME, LT_MAX(a->precision, b->precision), nullable);
    }
    if ((a->kind == LT_TYPE_DATE && lt_type_is_timestamp(b)) ||
        (b->kind == LT_TYPE_DATE && lt_type_is_timestamp(a))) {
        const lt_type *stamp = a->kind == LT_TYPE_DATE ? b : a;
        return lt_type_with_nullable(arena, stamp, nullable);
    }
    if (a->field_count > 0 && b->field_count > 0) {
        return common_nested(arena, a, b, nullable);
    }
    return a->kind == b->kind ? lt_type_with_nullable(arena, a, nullable) : NULL;
}

lt_status lt_type_common(lt_arena *arena, const lt_type *const *types, uint32_t count,
                         const lt_type **out, lt_error *err)
{
    LT_ASSERT(count > 0);
    const lt_type *common = types[0];
    for (uint32_t i = 1; i < count; i++) {
        const lt_type *next = common_two(arena, common, types[i]);
        if (next == NULL) {
            lt_status st = lt_error_set(err, LT_ERR_SQL, "the values have no common type");
            lt_error_hint(err, "write a CAST so that all of them have one type");
            return st;
        }
        common = next;
    }
    if (common->kind == LT_TYPE_NULL) {
        lt_status st = lt_error_set(err, LT_ERR_SQL, "NULL alone has no type");
        lt_error_hint(err, "write CAST(NULL AS type)");
        return st;
    }
    *out = lt_type_with_attr(arena, common, LT_TIME_NONE);
    return *out != NULL ? LT_OK : lt_error_nomem(err, "type");
}

lt_status lt_type_common_first(lt_arena *arena, const lt_type *const *types, uint32_t count,
                               const lt_type **out, lt_error *err)
{
    LT_TRY(lt_type_common(arena, types, count, out, err));
    if ((*out)->kind != LT_TYPE_DOUBLE) {
        return LT_OK;
    }
    lt_type_kind first = LT_TYPE_NULL;
    for (uint32_t i = 0; i < count; i++) {
        lt_type_kind kind = types[i]->kind;
        if (kind == LT_TYPE_DECIMAL) {
            return LT_OK;
        }
        if (first == LT_TYPE_NULL && (kind == LT_TYPE_FLOAT || kind == LT_TYPE_DOUBLE)) {
            first = kind;
        }
    }
    if (first == LT_TYPE_FLOAT) {
        *out = lt_type_new(arena, LT_TYPE_FLOAT, (*out)->nullable);
    }
    return *out != NULL ? LT_OK : lt_error_nomem(err, "type");
}
