/* Building and taking apart ARRAY, MAP and ROW values. */
#include "expr/cast.h"
#include "expr/families.h"
#include "expr/kernel.h"

/* ---- ARRAY[..], MAP[..] ---- */

static bool put_child(lt_kctx *k, uint32_t child, uint32_t at, uint32_t arg, uint32_t row)
{
    const lt_karg *from = &k->args[arg];
    if (lt_col_copy_value(&k->out->children[child], at, k->out->child_cap, from->col,
                          row & from->mask, false, k->arena)) {
        return true;
    }
    k->nomem = true;
    return false;
}

static lt_status array_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    if (!lt_col_reserve_children(k->out, k->count * k->arg_count + 1, k->arena)) {
        return lt_error_nomem(err, "array");
    }
    LT_EACH(k, row)
    {
        uint32_t start = k->out->child_len;
        for (uint32_t arg = 0; arg < k->arg_count; arg++) {
            if (!put_child(k, 0, start + arg, arg, row)) {
                return LT_OK;
            }
        }
        k->out->child_len += k->arg_count;
        LT_OUT(k, lt_span)[row] = (lt_span){start, k->arg_count};
    }
    return LT_OK;
}

lt_status lt_infer_array(lt_infer *in, lt_error *err)
{
    if (in->count == 0) {
        return lt_error_set_at(err, LT_ERR_SQL, in->pos, "an array needs at least one element");
    }
    const lt_type **types = LT_NEW_ARRAY(in->b->arena, const lt_type *, in->count);
    const lt_type *element;
    if (types == NULL) {
        return lt_error_nomem(err, "types");
    }
    for (uint32_t i = 0; i < in->count; i++) {
        types[i] = in->args[i]->type;
    }
    LT_TRY(lt_type_common_first(in->b->arena, types, in->count, &element, err));
    for (uint32_t i = 0; i < in->count; i++) {
        LT_TRY(lt_in_cast(in, i, element, err));
    }
    in->type = lt_type_array(in->b->arena, element, false);
    in->kernel = array_kernel;
    return LT_OK;
}

/* An equal key that comes later replaces the value. */
static lt_status map_kernel(lt_kctx *k, lt_error *err)
{
    uint32_t pairs = k->arg_count / 2;
    if (!lt_col_reserve_children(k->out, k->count * pairs + 1, k->arena)) {
        return lt_error_nomem(err, "map");
    }
    LT_EACH(k, row)
    {
        lt_span span = {k->out->child_len, 0};
        for (uint32_t pair = 0; pair < pairs; pair++) {
            uint32_t at = span.start + span.count;
            const lt_karg *key = &k->args[2 * pair];
            for (uint32_t i = 0; i < span.count; i++) {
                if (lt_col_value_eq(&k->out->children[0], span.start + i, key->col,
                                    row & key->mask)) {
                    at = span.start + i;
                    break;
                }
            }
            if (!put_child(k, 0, at, 2 * pair, row) || !put_child(k, 1, at, 2 * pair + 1, row)) {
                return LT_OK;
            }
            span.count += at == span.start + span.count;
        }
        k->out->child_len += span.count;
        LT_OUT(k, lt_span)[row] = span;
    }
    return LT_OK;
}

lt_status lt_infer_map(lt_infer *in, lt_error *err)
{
    if (in->count == 0 || in->count % 2 != 0) {
        return lt_error_set_at(err, LT_ERR_SQL, in->pos, "MAP takes pairs of key and value");
    }
    uint32_t pairs = in->count / 2;
    const lt_type **types = LT_NEW_ARRAY(in->b->arena, const lt_type *, pairs);
    const lt_type *side[2];
    if (types == NULL) {
        return lt_error_nomem(err, "types");
    }
    for (uint32_t s = 0; s < 2; s++) {
        for (uint32_t i = 0; i < pairs; i++) {
            types[i] = in->args[2 * i + s]->type;
        }
        LT_TRY(lt_type_common_first(in->b->arena, types, pairs, &side[s], err));
        for (uint32_t i = 0; i < pairs; i++) {
            LT_TRY(lt_in_cast(in, 2 * i + s, side[s], err));
        }
    }
    in->type = lt_type_map(in->b->arena, side[0], side[1], false);
    in->kernel = map_kernel;
    return LT_OK;
}

/* ---- ROW(..): the arguments become the children as they are ---- */

lt_status lt_row_kernel(lt_kctx *k, lt_error *err)
{
    lt_col *out = k->out;
    memset(out, 0, sizeof *out);
    out->type = k->call->type;
    out->phys = LT_PHYS_STRUCT;
    out->child_count = k->arg_count;
    out->children = LT_NEW_ARRAY(k->arena, lt_col, k->arg_count + 1);
    if (out->children == NULL) {
        return lt_error_nomem(err, "row");
    }
    for (uint32_t i = 0; i < k->arg_count; i++) {
        out->children[i] = *k->args[i].col;
        if (k->args[i].mask == 0 && k->rows > 1 &&
            !lt_col_broadcast(&out->children[i], k->args[i].col, k->cap, k->arena)) {
            return lt_error_nomem(err, "row");
        }
        out->children[i].type = k->call->type->fields[i].type;
    }
    return LT_OK;
}

lt_status lt_infer_row(lt_infer *in, lt_error *err)
{
    lt_field *fields = LT_NEW_ARRAY(in->b->arena, lt_field, in->count);
    if (fields == NULL) {
        return lt_error_nomem(err, "row");
    }
    for (uint32_t i = 0; i < in->count; i++) {
        if (in->args[i]->type->kind == LT_TYPE_NULL) {
            return lt_in_refuse(in, err);
        }
        fields[i].name = LT_STR("");
        char *name = lt_arena_printf(in->b->arena, "EXPR$%u", i);
        if (name == NULL) {
            return lt_error_nomem(err, "row");
        }
        fields[i].name = lt_str_of(name);
        fields[i].type = lt_type_with_attr(in->b->arena, in->args[i]->type, LT_TIME_NONE);
        if (fields[i].type == NULL) {
            return lt_error_nomem(err, "row");
        }
    }
    in->type = lt_type_row(in->b->arena, fields, in->count, false);
    in->kernel = lt_row_kernel;
    return LT_OK;
}

/* ---- access ---- */

/* out[row] = child[at] */
static bool take_child(lt_kctx *k, uint32_t row, const lt_col *child, uint32_t at)
{
    if (lt_col_is_null(child, at)) {
        lt_k_null(k, row);
        return true;
    }
    if (k->out->phys == LT_PHYS_STR) {
        LT_OUT(k, lt_strv)[row] = LT_COL_DATA(child, const lt_strv)[at];
        return true;
    }
    if (lt_col_copy_value(k->out, row, k->cap, child, at, false, k->arena)) {
        return true;
    }
    k->nomem = true;
    return false;
}

static lt_status array_item_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    const lt_col *array = k->args[0].col;
    LT_EACH(k, row)
    {
        lt_span span = LT_COL_DATA(array, const lt_span)[row & k->args[0].mask];
        int32_t index = lt_k_i32(k, 1, row);
        if (index < 1 || (uint32_t)index > span.count) {
            lt_k_null(k, row);
        } else if (!take_child(k, row, &array->children[0], span.start + (uint32_t)index - 1)) {
            break;
        }
    }
    return LT_OK;
}

static lt_status map_item_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    const lt_col *map = k->args[0].col;
    LT_EACH(k, row)
    {
        lt_span span = LT_COL_DATA(map, const lt_span)[row & k->args[0].mask];
        uint32_t i = 0;
        while (i < span.count && !lt_col_value_eq(&map->children[0], span.start + i, k->args[1].col,
                                                  row & k->args[1].mask)) {
            i++;
        }
        if (i == span.count) {
            lt_k_null(k, row);
        } else if (!take_child(k, row, &map->children[1], span.start + i)) {
            break;
        }
    }
    return LT_OK;
}

lt_status lt_infer_item(lt_infer *in, lt_error *err)
{
    const lt_type *type = in->args[0]->type;
    if (type->kind == LT_TYPE_ARRAY) {
        LT_TRY(lt_in_int(in, 1, err));
        const lt_value *index = lt_in_literal(in, 1);
        if (index != NULL && index->u.i < 1) {
            return lt_error_set_at(err, LT_ERR_SQL, in->pos, "array elements count from 1");
        }
        in->kernel = array_item_kernel;
        in->type = lt_type_with_nullable(in->b->arena, type->fields[0].type, true);
        return LT_OK;
    }
    if (type->kind == LT_TYPE_MAP) {
        const lt_type *key = type->fields[0].type;
        bool texts = lt_type_is_string(key) && lt_type_is_string(in->args[1]->type);
        if (!texts && !lt_type_can_coerce(in->args[1]->type,
                                          lt_type_with_nullable(in->b->arena, key, true))) {
            return lt_in_refuse(in, err);
        }
        if (!lt_type_is_string(key)) {
            LT_TRY(lt_in_cast(in, 1, key, err));
        }
        in->kernel = map_item_kernel;
        in->type = lt_type_with_nullable(in->b->arena, type->fields[1].type, true);
        return LT_OK;
    }
    if (type->kind == LT_TYPE_VARIANT) {
        return lt_infer_variant_item(in, err);
    }
    return lt_in_refuse(in, err);
}

/* The field's column, NULL where the row is. */
static lt_status field_kernel(lt_kctx *k, lt_error *err)
{
    const lt_col *row_col = k->args[0].col;
    uint32_t index = *(const uint32_t *)k->data;
    const lt_col *child = &row_col->children[index];
    *k->out = *child;
    k->out->type = k->call->type;
    if (row_col->valid == NULL) {
        return LT_OK;
    }
    uint32_t words = (k->rows + 63) / 64;
    uint64_t *valid = lt_arena_alloc(k->arena, lt_bits_bytes(k->cap), 8);
    if (valid == NULL) {
        return lt_error_nomem(err, "validity");
    }
    for (uint32_t w = 0; w < words; w++) {
        valid[w] = row_col->valid[w] & (child->valid != NULL ? child->valid[w] : UINT64_MAX);
    }
    k->out->valid = valid;
    return LT_OK;
}

lt_status lt_infer_field(lt_infer *in, lt_error *err)
{
    const lt_type *type = in->args[0]->type;
    const lt_value *index = lt_in_literal(in, 1);
    if (type->kind != LT_TYPE_ROW || index == NULL || index->u.i < 0 ||
        index->u.i >= (int64_t)type->field_count) {
        return lt_in_refuse(in, err);
    }
    uint32_t *data = LT_NEW(in->b->arena, uint32_t);
    if (data == NULL) {
        return lt_error_nomem(err, "field");
    }
    *data = (uint32_t)index->u.i;
    in->data = data;
    const lt_type *field = type->fields[*data].type;
    in->type = lt_type_with_nullable(in->b->arena, field, field->nullable || type->nullable);
    in->kernel = field_kernel;
    return LT_OK;
}

static lt_status cardinality_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        LT_OUT(k, int32_t)[row] = (int32_t)LT_ARG(k, 0, lt_span)[row].count;
    }
    return LT_OK;
}

lt_status lt_infer_cardinality(lt_infer *in, lt_error *err)
{
    lt_type_kind kind = in->args[0]->type->kind;
    if (kind != LT_TYPE_ARRAY && kind != LT_TYPE_MAP && kind != LT_TYPE_MULTISET) {
        return lt_in_refuse(in, err);
    }
    in->type = lt_in_type(in, LT_TYPE_INT, false);
    in->kernel = cardinality_kernel;
    return LT_OK;
}

static lt_status element_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    const lt_col *array = k->args[0].col;
    LT_EACH(k, row)
    {
        lt_span span = LT_COL_DATA(array, const lt_span)[row];
        if (span.count == 0) {
            lt_k_null(k, row);
        } else if (span.count > 1) {
            lt_k_fail(k, row, "not-single", "ELEMENT takes an array of one element, not of %u",
                      span.count);
        } else if (!take_child(k, row, &array->children[0], span.start)) {
            break;
        }
    }
    return LT_OK;
}

lt_status lt_infer_element(lt_infer *in, lt_error *err)
{
    const lt_type *type = in->args[0]->type;
    if (type->kind != LT_TYPE_ARRAY && type->kind != LT_TYPE_MULTISET) {
        return lt_in_refuse(in, err);
    }
    /* An empty array has none; ARRAY[x] is known to have one. */
    const lt_expr *arg = in->args[0];
    bool one = arg->kind == LT_NODE_LITERAL && in->b->fold;
    if (arg->kind == LT_NODE_CALL) {
        one = lt_str_eq(lt_str_of(arg->u.call.func->name), LT_STR("ARRAY")) &&
              arg->u.call.arg_count == 1;
    }
    in->type = lt_type_with_nullable(in->b->arena, type->fields[0].type,
                                     type->nullable || type->fields[0].type->nullable || !one);
    in->kernel = element_kernel;
    return LT_OK;
}

lt_status lt_infer_typeof(lt_infer *in, lt_error *err)
{
    if (in->count == 2 &&
        (lt_in_literal(in, 1) == NULL || !lt_kind_is(in->args[1], LT_TYPE_BOOLEAN))) {
        return lt_in_refuse(in, err);
    }
    lt_text text;
    lt_text_init(&text, in->b->session->mem);
    if (in->args[0]->type->kind == LT_TYPE_NULL) {
        lt_text_puts(&text, "NULL");
    } else {
        lt_type_print(in->args[0]->type, &text);
    }
    lt_value value;
    memset(&value, 0, sizeof value);
    value.u.s = lt_arena_str(in->b->arena, lt_text_str(&text));
    bool failed = text.failed || value.u.s.ptr == NULL;
    lt_text_deinit(&text);
    value.type = lt_type_string(in->b->arena, true);
    if (failed || value.type == NULL) {
        return lt_error_nomem(err, "type name");
    }
    return lt_expr_literal(in->b, &value, in->pos, &in->replace, err);
}

/* What the binder found out about the session and passes on. */
lt_status lt_infer_given_text(lt_infer *in, lt_error *err)
{
    if (!lt_type_is_string(in->args[0]->type)) {
        return lt_in_refuse(in, err);
    }
    in->replace = in->args[0];
    return LT_OK;
}
