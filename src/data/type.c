/* SQL types: construction, comparison by value, and the text that Flink would print.
 * Types are immutable and may be shared between threads once built. A constructor copies nothing
 * that is itself a type: children are borrowed from the same (or a longer-lived) arena. */
#include "data/type.h"

#include "base/assert.h"
#include "data/column.h"

static lt_type *type_alloc(lt_arena *arena, lt_type_kind kind, bool nullable)
{
    lt_type *type = LT_NEW(arena, lt_type);
    if (type) {
        type->kind = kind;
        type->nullable = nullable;
    }
    return type;
}

const lt_type *lt_type_new(lt_arena *arena, lt_type_kind kind, bool nullable)
{
    lt_type *type = type_alloc(arena, kind, nullable);
    if (type && (kind == LT_TYPE_VARCHAR || kind == LT_TYPE_VARBINARY)) {
        type->length = LT_LENGTH_MAX;
    } else if (type && (kind == LT_TYPE_CHAR || kind == LT_TYPE_BINARY)) {
        type->length = 1;
    } else if (type && kind == LT_TYPE_DECIMAL) {
        type->precision = 10;
    } else if (type && (kind == LT_TYPE_TIMESTAMP || kind == LT_TYPE_TIMESTAMP_LTZ)) {
        type->precision = 6;
    }
    return type;
}

const lt_type *lt_type_decimal(lt_arena *arena, uint8_t precision, uint8_t scale, bool nullable)
{
    LT_ASSERT(precision >= 1 && precision <= 38 && scale <= precision);
    lt_type *type = type_alloc(arena, LT_TYPE_DECIMAL, nullable);
    if (type) {
        type->precision = precision;
        type->scale = scale;
    }
    return type;
}

const lt_type *lt_type_sized(lt_arena *arena, lt_type_kind kind, int32_t length, bool nullable)
{
    LT_ASSERT(length >= 0);
    lt_type *type = type_alloc(arena, kind, nullable);
    if (type) {
        type->length = length;
    }
    return type;
}

const lt_type *lt_type_time(lt_arena *arena, lt_type_kind kind, uint8_t precision, bool nullable)
{
    LT_ASSERT(precision <= 9);
    lt_type *type = type_alloc(arena, kind, nullable);
    if (type) {
        type->precision = precision;
    }
    return type;
}

/* A type with unnamed children. value NULL: one child. */
static const lt_type *type_of_children(lt_arena *arena, lt_type_kind kind, const lt_type *first,
                                       const lt_type *second, bool nullable)
{
    uint32_t count = second ? 2 : 1;
    lt_type *type = type_alloc(arena, kind, nullable);
    lt_field *fields = LT_NEW_ARRAY(arena, lt_field, count);
    if (!type || !fields || !first) {
        return NULL;
    }
    fields[0].type = first;
    if (second) {
        fields[1].type = second;
    }
    type->field_count = count;
    type->fields = fields;
    return type;
}

const lt_type *lt_type_array(lt_arena *arena, const lt_type *element, bool nullable)
{
    return type_of_children(arena, LT_TYPE_ARRAY, element, NULL, nullable);
}

const lt_type *lt_type_map(lt_arena *arena, const lt_type *key, const lt_type *value, bool nullable)
{
    return value ? type_of_children(arena, LT_TYPE_MAP, key, value, nullable) : NULL;
}

const lt_type *lt_type_multiset(lt_arena *arena, const lt_type *element, bool nullable)
{
    return type_of_children(arena, LT_TYPE_MULTISET, element, NULL, nullable);
}

static const lt_field *fields_copy(lt_arena *arena, const lt_field *fields, uint32_t count)
{
    lt_field *copy = LT_NEW_ARRAY(arena, lt_field, count > 0 ? count : 1);
    if (!copy) {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        copy[i].type = fields[i].type;
        copy[i].name = LT_STR("");
        if (fields[i].name.len > 0) {
            copy[i].name = lt_arena_str(arena, fields[i].name);
            if (!copy[i].name.ptr) {
                return NULL;
            }
        }
    }
    return copy;
}

const lt_type *lt_type_row(lt_arena *arena, const lt_field *fields, uint32_t count, bool nullable)
{
    lt_type *type = type_alloc(arena, LT_TYPE_ROW, nullable);
    if (!type) {
        return NULL;
    }
    type->field_count = count;
    type->fields = fields_copy(arena, fields, count);
    return type->fields ? type : NULL;
}

const lt_type *lt_type_structured(lt_arena *arena, lt_str class_name, const lt_field *fields,
                                  uint32_t count, bool nullable)
{
    lt_type *type = type_alloc(arena, LT_TYPE_ROW, nullable);
    if (!type) {
        return NULL;
    }
    type->field_count = count;
    type->fields = fields_copy(arena, fields, count);
    type->class_name = lt_arena_str(arena, class_name);
    return type->fields && type->class_name.ptr ? type : NULL;
}

const lt_type *lt_type_with_nullable(lt_arena *arena, const lt_type *type, bool nullable)
{
    if (type->nullable == nullable) {
        return type;
    }
    lt_type *copy = LT_NEW(arena, lt_type);
    if (copy) {
        *copy = *type;
        copy->nullable = nullable;
    }
    return copy;
}

const lt_type *lt_type_with_attr(lt_arena *arena, const lt_type *type, lt_time_attr attr)
{
    if (type->attr == attr) {
        return type;
    }
    lt_type *copy = LT_NEW(arena, lt_type);
    if (copy) {
        *copy = *type;
        copy->attr = attr;
    }
    return copy;
}

lt_phys lt_type_phys(const lt_type *type)
{
    switch (type->kind) {
    case LT_TYPE_BOOLEAN:
        return LT_PHYS_BOOL;
    case LT_TYPE_TINYINT:
        return LT_PHYS_I8;
    case LT_TYPE_SMALLINT:
        return LT_PHYS_I16;
    case LT_TYPE_INT:
    case LT_TYPE_DATE:
    case LT_TYPE_TIME:
    case LT_TYPE_INTERVAL_MONTH:
        return LT_PHYS_I32;
    case LT_TYPE_BIGINT:
    case LT_TYPE_INTERVAL_SECOND:
        return LT_PHYS_I64;
    case LT_TYPE_FLOAT:
        return LT_PHYS_F32;
    case LT_TYPE_DOUBLE:
        return LT_PHYS_F64;
    case LT_TYPE_DECIMAL:
        return type->precision <= 18 ? LT_PHYS_I64 : LT_PHYS_I128;
    case LT_TYPE_CHAR:
    case LT_TYPE_VARCHAR:
    case LT_TYPE_BINARY:
    case LT_TYPE_VARBINARY:
    case LT_TYPE_VARIANT:
        return LT_PHYS_STR;
    case LT_TYPE_TIMESTAMP:
    case LT_TYPE_TIMESTAMP_LTZ:
        return type->precision <= 6 ? LT_PHYS_I64 : LT_PHYS_TS9;
    case LT_TYPE_ARRAY:
    case LT_TYPE_MAP:
    case LT_TYPE_MULTISET:
        return LT_PHYS_LIST;
    case LT_TYPE_ROW:
        return LT_PHYS_STRUCT;
    case LT_TYPE_NULL:
    case LT_TYPE_DESCRIPTOR:
    case LT_TYPE_SYMBOL:
    case LT_TYPE_KIND_COUNT:
        break;
    }
    return LT_PHYS_NONE;
}

size_t lt_phys_size(lt_phys phys)
{
    switch (phys) {
    case LT_PHYS_BOOL:
    case LT_PHYS_I8:
        return 1;
    case LT_PHYS_I16:
        return 2;
    case LT_PHYS_I32:
    case LT_PHYS_F32:
        return 4;
    case LT_PHYS_I64:
    case LT_PHYS_F64:
        return 8;
    case LT_PHYS_I128:
        return sizeof(lt_i128);
    case LT_PHYS_STR:
        return sizeof(lt_strv);
    case LT_PHYS_TS9:
        return sizeof(lt_ts9);
    case LT_PHYS_LIST:
        return sizeof(lt_span);
    case LT_PHYS_NONE:
    case LT_PHYS_STRUCT:
        break;
    }
    return 0;
}

static bool type_eq(const lt_type *a, const lt_type *b, bool with_null)
{
    if (a == b) {
        return true;
    }
    if (a->kind != b->kind || (with_null && a->nullable != b->nullable) ||
        a->precision != b->precision || a->scale != b->scale || a->length != b->length ||
        a->field_count != b->field_count || !lt_str_eq(a->class_name, b->class_name)) {
        return false;
    }
    for (uint32_t i = 0; i < a->field_count; i++) {
        if (!lt_str_eq(a->fields[i].name, b->fields[i].name) ||
            !type_eq(a->fields[i].type, b->fields[i].type, with_null)) {
            return false;
        }
    }
    return true;
}

bool lt_type_eq(const lt_type *a, const lt_type *b)
{
    return type_eq(a, b, true);
}

bool lt_type_eq_unnull(const lt_type *a, const lt_type *b)
{
    return type_eq(a, b, false);
}

bool lt_type_is_numeric(const lt_type *type)
{
    return type->kind >= LT_TYPE_TINYINT && type->kind <= LT_TYPE_DECIMAL;
}

bool lt_type_is_integer(const lt_type *type)
{
    return type->kind >= LT_TYPE_TINYINT && type->kind <= LT_TYPE_BIGINT;
}

bool lt_type_is_string(const lt_type *type)
{
    return type->kind == LT_TYPE_CHAR || type->kind == LT_TYPE_VARCHAR;
}

bool lt_type_is_binary(const lt_type *type)
{
    return type->kind == LT_TYPE_BINARY || type->kind == LT_TYPE_VARBINARY;
}

bool lt_type_is_timestamp(const lt_type *type)
{
    return type->kind == LT_TYPE_TIMESTAMP || type->kind == LT_TYPE_TIMESTAMP_LTZ;
}

/* Names of the types that print as a bare word, or as word(parameter). */
static const char *const type_words[LT_TYPE_KIND_COUNT] = {
    [LT_TYPE_NULL] = "NULL",
    [LT_TYPE_BOOLEAN] = "BOOLEAN",
    [LT_TYPE_TINYINT] = "TINYINT",
    [LT_TYPE_SMALLINT] = "SMALLINT",
    [LT_TYPE_INT] = "INT",
    [LT_TYPE_BIGINT] = "BIGINT",
    [LT_TYPE_FLOAT] = "FLOAT",
    [LT_TYPE_DOUBLE] = "DOUBLE",
    [LT_TYPE_DECIMAL] = "DECIMAL",
    [LT_TYPE_CHAR] = "CHAR",
    [LT_TYPE_VARCHAR] = "VARCHAR",
    [LT_TYPE_BINARY] = "BINARY",
    [LT_TYPE_VARBINARY] = "VARBINARY",
    [LT_TYPE_DATE] = "DATE",
    [LT_TYPE_TIME] = "TIME",
    [LT_TYPE_TIMESTAMP] = "TIMESTAMP",
    [LT_TYPE_TIMESTAMP_LTZ] = "TIMESTAMP_LTZ",
    [LT_TYPE_INTERVAL_MONTH] = "INTERVAL MONTH",
    [LT_TYPE_INTERVAL_SECOND] = "INTERVAL SECOND(3)",
    [LT_TYPE_ARRAY] = "ARRAY",
    [LT_TYPE_MAP] = "MAP",
    [LT_TYPE_MULTISET] = "MULTISET",
    [LT_TYPE_ROW] = "ROW",
    [LT_TYPE_VARIANT] = "VARIANT",
    [LT_TYPE_DESCRIPTOR] = "DESCRIPTOR",
    [LT_TYPE_SYMBOL] = "SYMBOL",
};

static void print_quoted(lt_str name, lt_text *to)
{
    lt_text_putc(to, '`');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '`') {
            lt_text_putc(to, '`');
        }
        lt_text_putc(to, name.ptr[i]);
    }
    lt_text_puts(to, "` ");
}

static void print_children(const lt_type *type, lt_text *to)
{
    if (type->class_name.len > 0) {
        lt_text_printf(to, "STRUCTURED<'" LT_STR_FMT "', ", LT_STR_ARG(type->class_name));
    } else {
        lt_text_puts(to, type_words[type->kind]);
        lt_text_putc(to, '<');
    }
    for (uint32_t i = 0; i < type->field_count; i++) {
        if (i > 0) {
            lt_text_puts(to, ", ");
        }
        if (type->fields[i].name.len > 0) {
            print_quoted(type->fields[i].name, to);
        }
        lt_type_print(type->fields[i].type, to);
    }
    lt_text_putc(to, '>');
}

void lt_type_print(const lt_type *type, lt_text *to)
{
    LT_ASSERT(type->kind < LT_TYPE_KIND_COUNT);
    if (type->field_count > 0 || type->kind == LT_TYPE_ROW) {
        print_children(type, to);
    } else if (type->kind == LT_TYPE_DECIMAL) {
        lt_text_printf(to, "DECIMAL(%d, %d)", type->precision, type->scale);
    } else if (type->kind == LT_TYPE_VARCHAR && type->length == LT_LENGTH_MAX) {
        lt_text_puts(to, "STRING");
    } else if (type->kind == LT_TYPE_VARBINARY && type->length == LT_LENGTH_MAX) {
        lt_text_puts(to, "BYTES");
    } else if (lt_type_is_string(type) || lt_type_is_binary(type)) {
        lt_text_printf(to, "%s(%d)", type_words[type->kind], (int)type->length);
    } else if (lt_type_is_timestamp(type) || type->kind == LT_TYPE_TIME) {
        lt_text_printf(to, "%s(%d)", type_words[type->kind], type->precision);
    } else {
        lt_text_puts(to, type_words[type->kind]);
    }
    if (!type->nullable) {
        lt_text_puts(to, " NOT NULL");
    }
    if (type->attr == LT_TIME_ROWTIME) {
        lt_text_puts(to, " *ROWTIME*");
    } else if (type->attr == LT_TIME_PROCTIME) {
        lt_text_puts(to, " *PROCTIME*");
    }
}

const lt_schema *lt_schema_new(lt_arena *arena, const lt_field *fields, uint32_t count)
{
    lt_schema *schema = LT_NEW(arena, lt_schema);
    if (!schema) {
        return NULL;
    }
    schema->count = count;
    schema->fields = fields_copy(arena, fields, count);
    return schema->fields ? schema : NULL;
}

int lt_schema_find(const lt_schema *schema, lt_str name)
{
    for (uint32_t i = 0; i < schema->count; i++) {
        if (lt_str_eq(schema->fields[i].name, name)) {
            return (int)i;
        }
    }
    return -1;
}
