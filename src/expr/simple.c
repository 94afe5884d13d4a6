/* Typing by letters. */
#include "expr/simple.h"

static lt_status check_arg(lt_infer *in, uint32_t arg, char letter, lt_error *err)
{
    const lt_type *type = in->args[arg]->type;
    switch (letter) {
    case 's':
        return lt_in_string(in, arg, err);
    case 'y':
        if (type->kind == LT_TYPE_NULL) {
            return lt_in_cast(in, arg, lt_type_bytes(in->b->arena, true), err);
        }
        return lt_type_is_binary(type) ? LT_OK : lt_in_refuse(in, err);
    case 'x':
        return lt_type_is_binary(type) ? LT_OK : lt_in_string(in, arg, err);
    case 'i':
        return lt_in_int(in, arg, err);
    case 'l':
        if (type->kind == LT_TYPE_NULL || lt_type_is_integer(type)) {
            return lt_in_cast_kind(in, arg, LT_TYPE_BIGINT, err);
        }
        return lt_in_refuse(in, err);
    case 'd':
        return lt_in_double(in, arg, err);
    case 'b':
        return lt_in_bool(in, arg, err);
    default:
        LT_ASSERT(letter == 'a');
        return LT_OK;
    }
}

static const lt_type *result_type(const lt_infer *in, char letter, bool null)
{
    lt_arena *arena = in->b->arena;
    bool nullable = null || lt_in_nullable(in);
    switch (letter) {
    case 'S':
        return lt_type_string(arena, nullable);
    case 'Y':
        return lt_type_bytes(arena, nullable);
    case 'I':
        return lt_type_new(arena, LT_TYPE_INT, nullable);
    case 'L':
        return lt_type_new(arena, LT_TYPE_BIGINT, nullable);
    case 'D':
        return lt_type_new(arena, LT_TYPE_DOUBLE, nullable);
    case 'A':
    case 'N': {
        const lt_type *element = lt_type_string(arena, letter == 'N');
        return element == NULL ? NULL : lt_type_array(arena, element, nullable);
    }
    case 'M': {
        const lt_type *text = lt_type_string(arena, true);
        return text == NULL ? NULL : lt_type_map(arena, text, text, nullable);
    }
    default:
        LT_ASSERT(letter == 'B');
        return lt_type_new(arena, LT_TYPE_BOOLEAN, nullable);
    }
}

lt_status lt_in_simple(lt_infer *in, const lt_simple *simple, lt_error *err)
{
    const char *letter = simple->args;
    for (uint32_t i = 0; i < in->count; i++) {
        LT_TRY(check_arg(in, i, *letter, err));
        if (letter[1] != '+' && letter[1] != '\0') {
            letter++;
        }
    }
    in->type = result_type(in, simple->result, simple->null);
    in->kernel = simple->kernel;
    return LT_OK;
}
