/* Functions on arrays and maps. All are typed by one routine: a form says what the arguments are
 * (an array, elements of it, another array of its kind, strings), and the kernel builds its result
 * element by element through a small writer. Elements compare as values, NULL equal to NULL. */
#include "expr/cast.h"
#include "expr/families.h"
#include "expr/kernel.h"
#include "expr/totext.h"

/* ---- writing lists ---- */

typedef struct {
    lt_kctx *k;
    uint32_t row;
    lt_span span;
} writer;

static writer begin(lt_kctx *k, uint32_t row)
{
    writer w = {k, row, {k->out->child_len, 0}};
    return w;
}

static void end(writer *w)
{
    LT_OUT(w->k, lt_span)[w->row] = w->span;
}

/* Appends col[at] to child `child`; the last child of a row's element advances. */
static bool put(writer *w, uint32_t child, const lt_col *col, uint32_t at)
{
    lt_col *out = w->k->out;
    if (!lt_col_reserve_children(out, 1, w->k->arena) ||
        !lt_col_copy_value(&out->children[child], out->child_len, out->child_cap, col, at, false,
                           w->k->arena)) {
        w->k->nomem = true;
        return false;
    }
    if (child + 1 == out->child_count) {
        out->child_len++;
        w->span.count++;
    }
    return true;
}

static lt_span span_of(const lt_kctx *k, uint32_t arg, uint32_t row)
{
    return LT_ARG(k, arg, lt_span)[row & k->args[arg].mask];
}

static const lt_col *elements(const lt_kctx *k, uint32_t arg)
{
    return &k->args[arg].col->children[0];
}

static bool has(const lt_col *list, lt_span span, const lt_col *col, uint32_t at)
{
    for (uint32_t i = 0; i < span.count; i++) {
        if (lt_col_value_eq(list, span.start + i, col, at)) {
            return true;
        }
    }
    return false;
}

/* Appends unless an equal element stands there already. */
static bool put_distinct(writer *w, const lt_col *col, uint32_t at)
{
    return has(&w->k->out->children[0], w->span, col, at) || put(w, 0, col, at);
}

/* ---- kernels ---- */

static bool put_all(writer *w, const lt_col *col, lt_span span)
{
    for (uint32_t i = 0; i < span.count; i++) {
        if (!put(w, 0, col, span.start + i)) {
            return false;
        }
    }
    return true;
}

/* APPEND, PREPEND, CONCAT */
static lt_status join_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    int op = k->call->u.call.func->op;
    LT_EACH(k, row)
    {
        writer w = begin(k, row);
        bool skip = lt_k_is_null(k, 0, row), ok = true;
        for (uint32_t a = 1; op == LT_OP_ARRAY_CONCAT && a < k->arg_count; a++) {
            skip = skip || lt_k_is_null(k, a, row);
        }
        if (skip) {
            lt_k_null(k, row);
            continue;
        }
        if (op == LT_OP_ARRAY_PREPEND) {
            ok = put(&w, 0, k->args[1].col, row & k->args[1].mask);
        }
        ok = ok && put_all(&w, elements(k, 0), span_of(k, 0, row));
        if (op == LT_OP_ARRAY_APPEND) {
            ok = ok && put(&w, 0, k->args[1].col, row & k->args[1].mask);
        }
        for (uint32_t a = 1; op == LT_OP_ARRAY_CONCAT && ok && a < k->arg_count; a++) {
            ok = put_all(&w, elements(k, a), span_of(k, a, row));
        }
        if (!ok) {
            break;
        }
        end(&w);
    }
    return LT_OK;
}

/* CONTAINS, POSITION: the needle may be NULL */
static lt_status find_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    bool position = k->call->u.call.func->op == LT_OP_ARRAY_POSITION;
    LT_EACH(k, row)
    {
        if (lt_k_is_null(k, 0, row) || (position && lt_k_is_null(k, 1, row))) {
            lt_k_null(k, row);
            continue;
        }
        lt_span span = span_of(k, 0, row);
        uint32_t i = 0;
        while (i < span.count && !lt_col_value_eq(elements(k, 0), span.start + i, k->args[1].col,
                                                  row & k->args[1].mask)) {
            i++;
        }
        if (position) {
            LT_OUT(k, int32_t)[row] = i < span.count ? (int32_t)i + 1 : 0;
        } else {
            LT_OUT(k, uint8_t)[row] = i < span.count;
        }
    }
    return LT_OK;
}

static lt_status remove_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        if (lt_k_is_null(k, 0, row)) {
            lt_k_null(k, row);
            continue;
        }
        writer w = begin(k, row);
        lt_span span = span_of(k, 0, row);
        for (uint32_t i = span.start; i < span.start + span.count; i++) {
            if (!lt_col_value_eq(elements(k, 0), i, k->args[1].col, row & k->args[1].mask) &&
                !put(&w, 0, elements(k, 0), i)) {
                return LT_OK;
            }
        }
        end(&w);
    }
    return LT_OK;
}

/* DISTINCT, REVERSE, SLICE */
static lt_status pick_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    int op = k->call->u.call.func->op;
    LT_EACH(k, row)
    {
        writer w = begin(k, row);
        lt_span span = span_of(k, 0, row);
        bool ok = true;
        for (uint32_t i = 0; ok && i < span.count; i++) {
            uint32_t at =
                op == LT_OP_ARRAY_REVERSE ? span.start + span.count - 1 - i : span.start + i;
            ok = op == LT_OP_ARRAY_DISTINCT ? put_distinct(&w, elements(k, 0), at)
                                            : put(&w, 0, elements(k, 0), at);
        }
        if (!ok) {
            break;
        }
        end(&w);
    }
    return LT_OK;
}

/* Bounds count from 1, from the end when negative; 0 is 1; what lies outside is cut. */
static lt_status slice_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_span span = span_of(k, 0, row);
        int64_t count = span.count, from = lt_k_i32(k, 1, row);
        int64_t to = k->arg_count > 2 ? lt_k_i32(k, 2, row) : count;
        from = from < 0 ? from + count + 1 : from;
        to = to < 0 ? to + count + 1 : to;
        to = to == 0 ? 1 : to; /* just before the array: its first element; further before: none */
        writer w = begin(k, row);
        from = LT_MAX(from, (int64_t)1);
        to = LT_MIN(to, count);
        for (int64_t i = from; i <= to; i++) {
            if (!put(&w, 0, elements(k, 0), span.start + (uint32_t)i - 1)) {
                return LT_OK;
            }
        }
        end(&w);
    }
    return LT_OK;
}

/* UNION, EXCEPT, INTERSECT: sets, in order of first appearance. */
static lt_status set_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    int op = k->call->u.call.func->op;
    LT_EACH(k, row)
    {
        writer w = begin(k, row);
        lt_span a = span_of(k, 0, row), b = span_of(k, 1, row);
        const lt_col *left = elements(k, 0), *right = elements(k, 1);
        bool ok = true;
        for (uint32_t i = a.start; ok && i < a.start + a.count; i++) {
            if (op == LT_OP_ARRAY_UNION) {
                ok = put_distinct(&w, left, i);
            } else if (op == LT_OP_ARRAY_INTERSECT) {
                ok = !has(right, b, left, i) || put_distinct(&w, left, i);
            } else {
                ok = has(right, b, left, i) || put_distinct(&w, left, i);
            }
        }
        for (uint32_t i = b.start; ok && op == LT_OP_ARRAY_UNION && i < b.start + b.count; i++) {
            ok = put_distinct(&w, right, i);
        }
        if (!ok) {
            break;
        }
        end(&w);
    }
    return LT_OK;
}

static lt_status extreme_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    int sign = k->call->u.call.func->op == LT_OP_ARRAY_MAX ? 1 : -1;
    const lt_col *col = elements(k, 0);
    LT_EACH(k, row)
    {
        lt_span span = span_of(k, 0, row);
        uint32_t best = UINT32_MAX;
        for (uint32_t i = span.start; i < span.start + span.count; i++) {
            if (!lt_col_is_null(col, i) &&
                (best == UINT32_MAX || lt_col_value_cmp(col, i, col, best) * sign > 0)) {
                best = i;
            }
        }
        if (best == UINT32_MAX) {
            lt_k_null(k, row);
        } else if (!lt_col_copy_value(k->out, row, k->cap, col, best, false, k->arena)) {
            k->nomem = true;
            break;
        }
    }
    return LT_OK;
}

/* SORT(array[, ascending[, nulls first]]); NULLs stand first ascending, last descending unless
 * told. */
static bool goes_before(const lt_col *col, uint32_t a, uint32_t b, bool ascending, bool nulls_first)
{
    bool a_null = lt_col_is_null(col, a), b_null = lt_col_is_null(col, b);
    if (a_null || b_null) {
        return a_null != b_null && a_null == nulls_first;
    }
    int order = lt_col_value_cmp(col, a, col, b);
    return ascending ? order < 0 : order > 0;
}

static void merge_sort(const lt_col *col, uint32_t *items, uint32_t *space, uint32_t count,
                       bool ascending, bool nulls_first)
{
    for (uint32_t width = 1; width < count; width *= 2) {
        for (uint32_t low = 0; low < count; low += 2 * width) {
            uint32_t mid = LT_MIN(low + width, count), high = LT_MIN(low + 2 * width, count);
            uint32_t a = low, b = mid;
            for (uint32_t i = low; i < high; i++) {
                bool right = b < high && (a == mid || goes_before(col, items[b], items[a],
                                                                  ascending, nulls_first));
                space[i] = right ? items[b++] : items[a++];
            }
        }
        memcpy(items, space, count * sizeof *items);
    }
}

static lt_status sort_kernel(lt_kctx *k, lt_error *err)
{
    const lt_col *col = elements(k, 0);
    uint32_t longest = 0;
    LT_EACH(k, row)
    {
        longest = LT_MAX(longest, span_of(k, 0, row).count);
    }
    uint32_t *items = LT_NEW_ARRAY(k->scratch, uint32_t, 2 * (size_t)longest + 1);
    if (items == NULL) {
        return lt_error_nomem(err, "array");
    }
    LT_EACH(k, row)
    {
        lt_span span = span_of(k, 0, row);
        bool ascending = k->arg_count < 2 || LT_ARG(k, 1, uint8_t)[row & k->args[1].mask] != 0;
        bool nulls_first =
            k->arg_count < 3 ? ascending : LT_ARG(k, 2, uint8_t)[row & k->args[2].mask] != 0;
        for (uint32_t i = 0; i < span.count; i++) {
            items[i] = span.start + i;
        }
        merge_sort(col, items, items + span.count, span.count, ascending, nulls_first);
        writer w = begin(k, row);
        for (uint32_t i = 0; i < span.count; i++) {
            if (!put(&w, 0, col, items[i])) {
                return LT_OK;
            }
        }
        end(&w);
    }
    return LT_OK;
}

/* JOIN(array, separator[, text for NULL]) */
static lt_status text_kernel(lt_kctx *k, lt_error *err)
{
    lt_text text;
    lt_text_init(&text, k->mem);
    const lt_col *col = elements(k, 0);
    LT_EACH(k, row)
    {
        lt_span span = span_of(k, 0, row);
        lt_str sep = lt_k_str(k, 1, row);
        bool first = true;
        lt_text_clear(&text);
        for (uint32_t i = span.start; i < span.start + span.count; i++) {
            bool null = lt_col_is_null(col, i);
            if (null && k->arg_count < 3) {
                continue;
            }
            lt_str part =
                null ? lt_k_str(k, 2, row) : lt_strv_str(&LT_COL_DATA(col, const lt_strv)[i]);
            if (!first) {
                lt_text_append(&text, sep.ptr, sep.len);
            }
            first = false;
            lt_text_append(&text, part.ptr, part.len);
        }
        lt_str s = lt_text_str(&text);
        lt_k_put_copy(k, row, s.ptr, s.len);
    }
    bool failed = text.failed;
    lt_text_deinit(&text);
    return failed ? lt_error_nomem(err, "string") : LT_OK;
}

/* KEYS, VALUES: one child of the map becomes the array; nothing is copied. */
static lt_status side_kernel(lt_kctx *k, lt_error *err)
{
    uint64_t *valid = k->out->valid;
    const lt_col *map = k->args[0].col;
    uint32_t side = k->call->u.call.func->op == LT_OP_MAP_VALUES;
    *k->out = *map;
    k->out->type = k->call->type;
    k->out->valid = valid;
    k->out->child_count = 1;
    k->out->children = LT_NEW(k->arena, lt_col);
    if (k->out->children == NULL) {
        return lt_error_nomem(err, "array");
    }
    k->out->children[0] = map->children[side];
    return LT_OK;
}

/* ENTRIES: ARRAY<ROW<key, value>> over the map's own children. */
static lt_status entries_kernel(lt_kctx *k, lt_error *err)
{
    uint64_t *valid = k->out->valid;
    const lt_col *map = k->args[0].col;
    *k->out = *map;
    k->out->type = k->call->type;
    k->out->valid = valid;
    k->out->child_count = 1;
    lt_col *entry = LT_NEW(k->arena, lt_col);
    if (entry == NULL) {
        return lt_error_nomem(err, "array");
    }
    entry->type = k->call->type->fields[0].type;
    entry->phys = LT_PHYS_STRUCT;
    entry->child_count = 2;
    entry->children = map->children;
    k->out->children = entry;
    return LT_OK;
}

/* FROM_ARRAYS(keys, values) and UNION(map, ..): a later equal key replaces the value. */
static bool put_pair(writer *w, const lt_col *keys, uint32_t key_at, const lt_col *values,
                     uint32_t at)
{
    lt_col *out = w->k->out;
    for (uint32_t i = 0; i < w->span.count; i++) {
        if (lt_col_value_eq(&out->children[0], w->span.start + i, keys, key_at)) {
            if (lt_col_copy_value(&out->children[1], w->span.start + i, out->child_cap, values, at,
                                  false, w->k->arena)) {
                return true;
            }
            w->k->nomem = true;
            return false;
        }
    }
    return put(w, 0, keys, key_at) && put(w, 1, values, at);
}

static lt_status from_arrays_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_span keys = span_of(k, 0, row), values = span_of(k, 1, row);
        if (keys.count != values.count) {
            lt_k_fail(k, row, "bad-map",
                      "MAP_FROM_ARRAYS takes arrays of one length, not %u and %u", keys.count,
                      values.count);
            continue;
        }
        writer w = begin(k, row);
        for (uint32_t i = 0; i < keys.count; i++) {
            if (!put_pair(&w, elements(k, 0), keys.start + i, elements(k, 1), values.start + i)) {
                return LT_OK;
            }
        }
        end(&w);
    }
    return LT_OK;
}

static lt_status map_union_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        writer w = begin(k, row);
        for (uint32_t a = 0; a < k->arg_count; a++) {
            const lt_col *map = k->args[a].col;
            lt_span span = span_of(k, a, row);
            for (uint32_t i = span.start; i < span.start + span.count; i++) {
                if (!put_pair(&w, &map->children[0], i, &map->children[1], i)) {
                    return LT_OK;
                }
            }
        }
        end(&w);
    }
    return LT_OK;
}

/* ---- typing ---- */

static bool is_array(const lt_infer *in, uint32_t arg)
{
    return in->args[arg]->type->kind == LT_TYPE_ARRAY;
}

/* An element argument takes the array's element type; when it is wider or NULL, the array is cast
 * to the common one. */
static lt_status unify_element(lt_infer *in, uint32_t arg, bool widen, lt_error *err)
{
    const lt_type *array = in->args[0]->type, *element = array->fields[0].type;
    const lt_type *own = in->args[arg]->type;
    if (own->kind == LT_TYPE_NULL ||
        lt_type_can_coerce(own, lt_type_with_nullable(in->b->arena, element, true))) {
        bool nullable = element->nullable || own->nullable || own->kind == LT_TYPE_NULL;
        const lt_type *want = lt_type_with_nullable(in->b->arena, element, nullable);
        if (want == NULL) {
            return lt_error_nomem(err, "type");
        }
        LT_TRY(lt_in_cast(in, arg, want, err));
        if (widen && nullable != element->nullable) {
            return lt_in_cast(in, 0, lt_type_array(in->b->arena, want, true), err);
        }
        return LT_OK;
    }
    const lt_type *types[2] = {element, own}, *common;
    lt_error ignored;
    if (lt_type_common(in->b->arena, types, 2, &common, &ignored) != LT_OK) {
        return lt_in_refuse(in, err);
    }
    LT_TRY(lt_in_cast(in, 0, lt_type_array(in->b->arena, common, true), err));
    return lt_in_cast(in, arg, common, err);
}

/* All arguments are arrays (or maps) of one type. */
static lt_status unify_lists(lt_infer *in, lt_type_kind kind, lt_error *err)
{
    const lt_type **types = LT_NEW_ARRAY(in->b->arena, const lt_type *, in->count);
    const lt_type *common;
    lt_error ignored;
    if (types == NULL) {
        return lt_error_nomem(err, "types");
    }
    for (uint32_t i = 0; i < in->count; i++) {
        types[i] = in->args[i]->type;
        if (types[i]->kind != kind && types[i]->kind != LT_TYPE_NULL) {
            return lt_in_refuse(in, err);
        }
    }
    if (lt_type_common(in->b->arena, types, in->count, &common, &ignored) != LT_OK) {
        return lt_in_refuse(in, err);
    }
    for (uint32_t i = 0; i < in->count; i++) {
        LT_TRY(lt_in_cast(in, i, common, err));
    }
    in->type = lt_type_with_nullable(in->b->arena, common, lt_in_nullable(in));
    return LT_OK;
}

static bool is_ordered(const lt_type *type)
{
    return type->field_count == 0 && type->kind != LT_TYPE_VARIANT;
}

static lt_status infer_with_element(lt_infer *in, int op, lt_error *err)
{
    bool grows = op == LT_OP_ARRAY_APPEND || op == LT_OP_ARRAY_PREPEND;
    bool nullable = in->args[0]->type->nullable;
    LT_TRY(unify_element(in, 1, grows, err));
    if (grows) {
        nullable =
            lt_in_nullable(in); /* the type says so; the value is never NULL for an element */
        in->type = lt_type_with_nullable(in->b->arena, in->args[0]->type, nullable);
        in->kernel = join_kernel;
    } else if (op == LT_OP_ARRAY_REMOVE) {
        in->type = lt_type_with_nullable(in->b->arena, in->args[0]->type, nullable);
        in->kernel = remove_kernel;
    } else if (op == LT_OP_ARRAY_POSITION) {
        in->type = lt_in_type(in, LT_TYPE_INT, false);
        in->kernel = find_kernel;
    } else {
        in->type = lt_type_new(in->b->arena, LT_TYPE_BOOLEAN, nullable);
        in->kernel = find_kernel;
    }
    return LT_OK;
}

static lt_status infer_sort(lt_infer *in, lt_error *err)
{
    for (uint32_t i = 1; i < in->count; i++) {
        LT_TRY(lt_in_bool(in, i, err));
    }
    if (!is_ordered(in->args[0]->type->fields[0].type)) {
        return lt_in_refuse(in, err);
    }
    in->kernel = sort_kernel;
    return LT_OK;
}

lt_status lt_infer_array_function(lt_infer *in, lt_error *err)
{
    int op = in->func->op;
    if (op == LT_OP_ARRAY_CONCAT || (op >= LT_OP_ARRAY_UNION && op <= LT_OP_ARRAY_INTERSECT)) {
        LT_TRY(unify_lists(in, LT_TYPE_ARRAY, err));
        in->kernel = op == LT_OP_ARRAY_CONCAT ? join_kernel : set_kernel;
        return LT_OK;
    }
    if (!is_array(in, 0)) {
        return lt_in_refuse(in, err);
    }
    const lt_type *element = in->args[0]->type->fields[0].type;
    in->type = in->args[0]->type;
    switch (op) {
    case LT_OP_ARRAY_CONTAINS:
    case LT_OP_ARRAY_POSITION:
    case LT_OP_ARRAY_APPEND:
    case LT_OP_ARRAY_PREPEND:
    case LT_OP_ARRAY_REMOVE:
        return infer_with_element(in, op, err);
    case LT_OP_ARRAY_SLICE:
        for (uint32_t i = 1; i < in->count; i++) {
            LT_TRY(lt_in_int(in, i, err));
        }
        in->kernel = slice_kernel;
        break;
    case LT_OP_ARRAY_SORT:
        LT_TRY(infer_sort(in, err));
        break;
    case LT_OP_ARRAY_MAX:
    case LT_OP_ARRAY_MIN:
        if (!is_ordered(element) || element->kind == LT_TYPE_BOOLEAN ||
            lt_type_is_binary(element)) {
            return lt_in_refuse(in, err);
        }
        in->type = lt_type_with_nullable(in->b->arena, element, true);
        in->kernel = extreme_kernel;
        return LT_OK;
    case LT_OP_ARRAY_JOIN:
        if (!lt_type_is_string(element)) {
            return lt_in_refuse(in, err);
        }
        for (uint32_t i = 1; i < in->count; i++) {
            LT_TRY(lt_in_string(in, i, err));
        }
        in->type = lt_in_string_type(in, false);
        in->kernel = text_kernel;
        return LT_OK;
    default:
        in->kernel = pick_kernel;
        break;
    }
    in->type = lt_type_with_nullable(in->b->arena, in->type, lt_in_nullable(in));
    return LT_OK;
}

lt_status lt_infer_map_function(lt_infer *in, lt_error *err)
{
    int op = in->func->op;
    lt_arena *arena = in->b->arena;
    if (op == LT_OP_MAP_UNION) {
        in->kernel = map_union_kernel;
        return unify_lists(in, LT_TYPE_MAP, err);
    }
    if (op == LT_OP_MAP_FROM_ARRAYS) {
        if (!is_array(in, 0) || !is_array(in, 1)) {
            return lt_in_refuse(in, err);
        }
        in->type = lt_type_map(arena, in->args[0]->type->fields[0].type,
                               in->args[1]->type->fields[0].type, lt_in_nullable(in));
        in->kernel = from_arrays_kernel;
        return LT_OK;
    }
    const lt_type *map = in->args[0]->type;
    if (map->kind != LT_TYPE_MAP) {
        return lt_in_refuse(in, err);
    }
    in->flags |= LT_FUNC_ALIAS;
    if (op == LT_OP_MAP_ENTRIES) {
        lt_field fields[2] = {{LT_STR("key"), map->fields[0].type},
                              {LT_STR("value"), map->fields[1].type}};
        const lt_type *entry = lt_type_row(arena, fields, 2, true);
        in->type = entry == NULL ? NULL : lt_type_array(arena, entry, map->nullable);
        in->kernel = entries_kernel;
        return LT_OK;
    }
    in->type = lt_type_array(arena, map->fields[op == LT_OP_MAP_VALUES].type, map->nullable);
    in->kernel = side_kernel;
    return LT_OK;
}
