/* Structured types: ROWs with a class name. OBJECT_OF makes one, OBJECT_UPDATE changes fields. */
#include "expr/families.h"
#include "expr/kernel.h"
#include "expr/registry.h"

static lt_status refuse_at(const lt_infer *in, uint32_t arg, const char *what, lt_error *err)
{
    lt_status st =
        lt_error_set_at(err, LT_ERR_SQL, in->args[arg]->pos, "%s: %s", in->func->name, what);
    lt_error_hint(err, "supported: %s", in->func->signature);
    return st;
}

static const lt_value *name_at(const lt_infer *in, uint32_t arg)
{
    const lt_value *name = lt_in_literal(in, arg);
    return name != NULL && lt_type_is_string(in->args[arg]->type) ? name : NULL;
}

/* Pairs of a field name and a value from argument 1 on. */
static lt_status check_pairs(const lt_infer *in, lt_error *err)
{
    if (in->count % 2 == 0) {
        return lt_in_refuse(in, err);
    }
    for (uint32_t i = 1; i < in->count; i += 2) {
        const lt_value *name = name_at(in, i);
        if (name == NULL) {
            return refuse_at(in, i, "field names are string literals", err);
        }
        for (uint32_t j = 1; j < i; j += 2) {
            if (lt_str_eq(name->u.s, name_at(in, j)->u.s)) {
                return refuse_at(in, i, "a field is named twice", err);
            }
        }
        if (lt_kind_is(in->args[i + 1], LT_TYPE_NULL)) {
            return refuse_at(in, i + 1, "NULL alone has no type; write CAST(NULL AS type)", err);
        }
    }
    return LT_OK;
}

/* OBJECT_OF('class', 'name', value, ..): the values become the fields as they are. */
lt_status lt_infer_object_of(lt_infer *in, lt_error *err)
{
    const lt_value *class_name = name_at(in, 0);
    if (class_name == NULL || class_name->u.s.len == 0) {
        return refuse_at(in, 0, "the first argument is a string literal, the name of a class", err);
    }
    LT_TRY(check_pairs(in, err));
    uint32_t count = in->count / 2;
    lt_field *fields = LT_NEW_ARRAY(in->b->arena, lt_field, count + 1);
    lt_expr **values = LT_NEW_ARRAY(in->b->arena, lt_expr *, count + 1);
    if (fields == NULL || values == NULL) {
        return lt_error_nomem(err, "object");
    }
    for (uint32_t i = 0; i < count; i++) {
        values[i] = in->args[2 * i + 2];
        fields[i].name = name_at(in, 2 * i + 1)->u.s;
        fields[i].type = lt_type_with_attr(in->b->arena, values[i]->type, LT_TIME_NONE);
        if (fields[i].type == NULL) {
            return lt_error_nomem(err, "object");
        }
    }
    in->type = lt_type_structured(in->b->arena, class_name->u.s, fields, count, true);
    in->args = values;
    in->count = count;
    in->kernel = lt_row_kernel;
    return LT_OK;
}

static lt_status field_of(lt_infer *in, uint32_t index, lt_expr **out, lt_error *err)
{
    lt_value value;
    lt_expr *args[2] = {in->args[0], NULL};
    memset(&value, 0, sizeof value);
    value.type = lt_type_new(in->b->arena, LT_TYPE_INT, false);
    value.u.i = index;
    if (value.type == NULL) {
        return lt_error_nomem(err, "object");
    }
    LT_TRY(lt_expr_literal(in->b, &value, in->pos, &args[1], err));
    return lt_expr_call(in->b, LT_STR("FIELD"), args, 2, in->pos, out, err);
}

static lt_status class_literal(lt_infer *in, lt_str text, lt_expr **out, lt_error *err)
{
    lt_value value;
    memset(&value, 0, sizeof value);
    value.type = lt_type_string(in->b->arena, false);
    value.u.s = text;
    if (value.type == NULL) {
        return lt_error_nomem(err, "object");
    }
    return lt_expr_literal(in->b, &value, in->pos, out, err);
}

/* CASE WHEN object IS NULL THEN NULL ELSE OBJECT_OF(class, every field, ..) END */
lt_status lt_infer_object_update(lt_infer *in, lt_error *err)
{
    const lt_type *type = in->args[0]->type;
    if (type->kind != LT_TYPE_ROW || type->class_name.len == 0) {
        return lt_in_refuse(in, err);
    }
    LT_TRY(check_pairs(in, err));
    lt_expr **args = LT_NEW_ARRAY(in->b->arena, lt_expr *, 2 * type->field_count + 1);
    if (args == NULL) {
        return lt_error_nomem(err, "object");
    }
    uint32_t used = 0;
    LT_TRY(class_literal(in, type->class_name, &args[0], err));
    for (uint32_t f = 0; f < type->field_count; f++) {
        uint32_t at = 1;
        while (at < in->count && !lt_str_eq(name_at(in, at)->u.s, type->fields[f].name)) {
            at += 2;
        }
        LT_TRY(class_literal(in, type->fields[f].name, &args[2 * f + 1], err));
        if (at < in->count) {
            used++;
            args[2 * f + 2] = in->args[at + 1];
        } else {
            LT_TRY(field_of(in, f, &args[2 * f + 2], err));
        }
    }
    if (used != in->count / 2) {
        return refuse_at(in, 1, "the object has no field of that name", err);
    }
    lt_expr *parts[3];
    LT_TRY(lt_expr_call(in->b, LT_STR("OBJECT_OF"), args, 2 * type->field_count + 1, in->pos,
                        &parts[2], err));
    LT_TRY(lt_expr_call(in->b, LT_STR("IS NULL"), in->args, 1, in->pos, &parts[0], err));
    LT_TRY(lt_expr_null(in->b, parts[2]->type, in->pos, &parts[1], err));
    return lt_expr_call(in->b, LT_STR("CASE"), parts, 3, in->pos, &in->replace, err);
}
