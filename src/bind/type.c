/* Types as written in SQL -> typed ones, with Flink's defaults: TIMESTAMP(6), TIME(0), DECIMAL(10,
 * 0), CHAR(1), and unlimited VARCHAR and VARBINARY where no length is given. */
#include "bind/bind_int.h"

static lt_status nomem(lt_error *err)
{
    return lt_error_nomem(err, "type");
}

static lt_status out_of_range(const lt_ast_type *ast, const char *name, int low, int high,
                              lt_error *err)
{
    return lt_error_set_at(err, LT_ERR_SQL, ast->pos, "%s must have a %s between %d and %d", name,
                           ast->kind == LT_ASTT_DECIMAL || ast->kind == LT_ASTT_TIME ||
                                   ast->kind == LT_ASTT_TIMESTAMP ||
                                   ast->kind == LT_ASTT_TIMESTAMP_LTZ
                               ? "precision"
                               : "length",
                           low, high);
}

/* A name that stands for no type of SQL: a slip, or a type of the user's own. */
static lt_status unknown_type(const lt_ast_type *ast, lt_error *err)
{
    static const char *const names[] = {
        "BOOLEAN",   "TINYINT", "SMALLINT", "INT",     "INTEGER",   "BIGINT",        "FLOAT",
        "DOUBLE",    "DECIMAL", "NUMERIC",  "CHAR",    "VARCHAR",   "STRING",        "BINARY",
        "VARBINARY", "BYTES",   "DATE",     "TIME",    "TIMESTAMP", "TIMESTAMP_LTZ", "INTERVAL",
        "ARRAY",     "MAP",     "MULTISET", "VARIANT",
    };
    lt_str name = ast->path.items[ast->path.count - 1].text;
    if (lt_str_eq_ci(name, LT_STR("BITMAP"))) {
        return lt_error_set_at(err, LT_ERR_UNSUPPORTED, ast->pos,
                               "the type BITMAP belongs to Flink 2.3");
    }
    const char *near = lt_str_nearest(name, names, LT_COUNT_OF(names));
    lt_error_set_at(err, LT_ERR_SQL, ast->pos, "there is no type " LT_STR_FMT, LT_STR_ARG(name));
    if (near != NULL) {
        lt_error_hint(err, "did you mean %s?", near);
    } else {
        lt_error_hint(err, "user-defined types are not supported yet");
    }
    return LT_ERR_SQL;
}

static lt_status bind_sized(lt_arena *arena, const lt_ast_type *ast, lt_type_kind kind,
                            int32_t fallback, const lt_type **out, lt_error *err)
{
    static const char *const names[] = {"CHAR", "VARCHAR", "BINARY", "VARBINARY"};
    int32_t length = ast->precision < 0 ? fallback : ast->precision;
    if (length < 1) {
        return out_of_range(ast, names[kind - LT_TYPE_CHAR], 1, LT_LENGTH_MAX, err);
    }
    *out = lt_type_sized(arena, kind, length, !ast->not_null);
    return *out ? LT_OK : nomem(err);
}

static lt_status bind_decimal(lt_arena *arena, const lt_ast_type *ast, const lt_type **out,
                              lt_error *err)
{
    int32_t precision = ast->precision < 0 ? 10 : ast->precision;
    int32_t scale = ast->scale < 0 ? 0 : ast->scale;
    if (precision < 1 || precision > 38) {
        return out_of_range(ast, "DECIMAL", 1, 38, err);
    }
    if (scale > precision) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->pos,
                               "the scale of DECIMAL(%d, %d) must be between 0 and its precision",
                               precision, scale);
    }
    *out = lt_type_decimal(arena, (uint8_t)precision, (uint8_t)scale, !ast->not_null);
    return *out ? LT_OK : nomem(err);
}

static lt_status bind_time(lt_arena *arena, const lt_ast_type *ast, lt_type_kind kind,
                           int32_t fallback, const lt_type **out, lt_error *err)
{
    int32_t precision = ast->precision < 0 ? fallback : ast->precision;
    if (precision > 9) {
        return out_of_range(ast, kind == LT_TYPE_TIME ? "TIME" : "TIMESTAMP", 0, 9, err);
    }
    *out = lt_type_time(arena, kind, (uint8_t)precision, !ast->not_null);
    return *out ? LT_OK : nomem(err);
}

static lt_status bind_row(lt_arena *arena, const lt_ast_type *ast, const lt_type **out,
                          lt_error *err)
{
    lt_field *fields = LT_NEW_ARRAY(arena, lt_field, ast->field_count + 1);
    if (!fields) {
        return nomem(err);
    }
    for (uint32_t i = 0; i < ast->field_count; i++) {
        LT_TRY(lt_bind_type(arena, ast->fields[i].type, &fields[i].type, err));
        fields[i].name = ast->fields[i].name.text;
        if (!fields[i].name.ptr) {
            const char *name = lt_arena_printf(arena, "f%u", i);
            if (!name) {
                return nomem(err);
            }
            fields[i].name = lt_str_of(name);
        }
        for (uint32_t j = 0; j < i; j++) {
            if (lt_str_eq(fields[i].name, fields[j].name)) {
                return lt_error_set_at(err, LT_ERR_SQL, ast->fields[i].name.pos,
                                       "field '" LT_STR_FMT "' stands twice in the ROW type",
                                       LT_STR_ARG(fields[i].name));
            }
        }
    }
    *out = ast->kind == LT_ASTT_STRUCTURED
               ? lt_type_structured(arena, ast->class_name.text, fields, ast->field_count,
                                    !ast->not_null)
               : lt_type_row(arena, fields, ast->field_count, !ast->not_null);
    return *out ? LT_OK : nomem(err);
}

static lt_status bind_collection(lt_arena *arena, const lt_ast_type *ast, const lt_type **out,
                                 lt_error *err)
{
    const lt_type *first = NULL, *second = NULL;
    LT_TRY(lt_bind_type(arena, ast->children[0], &first, err));
    if (ast->kind == LT_ASTT_MAP) {
        LT_TRY(lt_bind_type(arena, ast->children[1], &second, err));
        *out = lt_type_map(arena, first, second, !ast->not_null);
    } else if (ast->kind == LT_ASTT_ARRAY) {
        *out = lt_type_array(arena, first, !ast->not_null);
    } else {
        *out = lt_type_multiset(arena, first, !ast->not_null);
    }
    return *out ? LT_OK : nomem(err);
}

static lt_status bind_plain(lt_arena *arena, const lt_ast_type *ast, lt_type_kind kind,
                            const lt_type **out, lt_error *err)
{
    *out = lt_type_new(arena, kind, !ast->not_null);
    return *out ? LT_OK : nomem(err);
}

lt_status lt_bind_type(lt_arena *arena, const lt_ast_type *ast, const lt_type **out, lt_error *err)
{
    switch (ast->kind) {
    case LT_ASTT_BOOLEAN:
        return bind_plain(arena, ast, LT_TYPE_BOOLEAN, out, err);
    case LT_ASTT_TINYINT:
        return bind_plain(arena, ast, LT_TYPE_TINYINT, out, err);
    case LT_ASTT_SMALLINT:
        return bind_plain(arena, ast, LT_TYPE_SMALLINT, out, err);
    case LT_ASTT_INT:
        return bind_plain(arena, ast, LT_TYPE_INT, out, err);
    case LT_ASTT_BIGINT:
        return bind_plain(arena, ast, LT_TYPE_BIGINT, out, err);
    case LT_ASTT_FLOAT:
    case LT_ASTT_REAL:
        return bind_plain(arena, ast, LT_TYPE_FLOAT, out, err);
    case LT_ASTT_DOUBLE:
        return bind_plain(arena, ast, LT_TYPE_DOUBLE, out, err);
    case LT_ASTT_DECIMAL:
        return bind_decimal(arena, ast, out, err);
    case LT_ASTT_CHAR:
        return bind_sized(arena, ast, LT_TYPE_CHAR, 1, out, err);
    case LT_ASTT_VARCHAR:
    case LT_ASTT_STRING:
        return bind_sized(arena, ast, LT_TYPE_VARCHAR, LT_LENGTH_MAX, out, err);
    case LT_ASTT_BINARY:
        return bind_sized(arena, ast, LT_TYPE_BINARY, 1, out, err);
    case LT_ASTT_VARBINARY:
    case LT_ASTT_BYTES:
        return bind_sized(arena, ast, LT_TYPE_VARBINARY, LT_LENGTH_MAX, out, err);
    case LT_ASTT_DATE:
        return bind_plain(arena, ast, LT_TYPE_DATE, out, err);
    case LT_ASTT_TIME:
        return bind_time(arena, ast, LT_TYPE_TIME, 0, out, err);
    case LT_ASTT_TIMESTAMP:
        return bind_time(arena, ast, LT_TYPE_TIMESTAMP, 6, out, err);
    case LT_ASTT_TIMESTAMP_LTZ:
        return bind_time(arena, ast, LT_TYPE_TIMESTAMP_LTZ, 6, out, err);
    case LT_ASTT_INTERVAL:
        return bind_plain(arena, ast,
                          lt_bind_unit_months(ast->interval.from) != 0 ? LT_TYPE_INTERVAL_MONTH
                                                                       : LT_TYPE_INTERVAL_SECOND,
                          out, err);
    case LT_ASTT_ARRAY:
    case LT_ASTT_MULTISET:
    case LT_ASTT_MAP:
        return bind_collection(arena, ast, out, err);
    case LT_ASTT_ROW:
    case LT_ASTT_STRUCTURED:
        return bind_row(arena, ast, out, err);
    case LT_ASTT_VARIANT:
        return bind_plain(arena, ast, LT_TYPE_VARIANT, out, err);
    case LT_ASTT_TIMESTAMP_TZ:
        return lt_unsupported_at(err, ast->pos, "the type TIMESTAMP WITH TIME ZONE");
    case LT_ASTT_RAW:
        return lt_unsupported_at(err, ast->pos, "the type RAW");
    case LT_ASTT_USER:
        return unknown_type(ast, err);
    case LT_ASTT_NULL:
    case LT_ASTT_ANY:
        break;
    }
    return lt_error_set_at(err, LT_ERR_SQL, ast->pos, "this type cannot be used here");
}
