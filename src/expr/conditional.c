/* CASE and what is built on it: IF, NULLIF, COALESCE, IFNULL. Each branch is evaluated for the rows
 * that take it, when that is cheaper, and only those rows fail with it. */
#include "expr/cast.h"
#include "expr/families.h"
#include "expr/kernel.h"

typedef struct {
    uint32_t *rows;
    uint32_t count;
} row_set;

static lt_status start_rows(lt_kctx *k, row_set *rest, row_set *taken, lt_error *err)
{
    rest->rows = lt_k_sel(k);
    taken->rows = lt_k_sel(k);
    if (k->nomem) {
        return lt_error_nomem(err, "selection");
    }
    for (uint32_t i = 0; i < k->count; i++) {
        rest->rows[i] = k->sel ? k->sel[i] : i;
    }
    rest->count = k->count;
    taken->count = 0;
    return LT_OK;
}

/* Splits the rest into rows whose condition is TRUE and the others; failed rows are in neither. */
static void split_rows(const lt_karg *cond, row_set *rest, row_set *taken)
{
    const uint8_t *val = LT_COL_DATA(cond->col, const uint8_t);
    uint32_t kept = 0;
    taken->count = 0;
    for (uint32_t i = 0; i < rest->count; i++) {
        uint32_t row = rest->rows[i];
        uint32_t at = row & cond->mask;
        bool failed = cond->err != NULL && lt_bit_get(cond->err, row);
        bool hit = !lt_col_is_null(cond->col, at) && val[at] != 0;
        taken->rows[taken->count] = row;
        taken->count += !failed && hit;
        rest->rows[kept] = row;
        kept += !failed && !hit;
    }
    rest->count = kept;
}

static lt_status take_branch(lt_kctx *k, uint32_t arg, const row_set *taken, lt_error *err)
{
    if (taken->count == 0) {
        return LT_OK;
    }
    LT_TRY(lt_k_branch(k, arg, taken->rows, taken->count, err));
    LT_TRY(lt_k_inherit(k, arg, taken->rows, taken->count, err));
    return lt_k_scatter(k, &k->args[arg], taken->rows, taken->count, err);
}

static lt_status case_kernel(lt_kctx *k, lt_error *err)
{
    row_set rest = {0}, taken = {0};
    LT_TRY(start_rows(k, &rest, &taken, err));
    uint32_t last = k->arg_count - 1;
    for (uint32_t i = 0; i < last && rest.count > 0; i += 2) {
        LT_TRY(lt_k_branch(k, i, rest.rows, rest.count, err));
        LT_TRY(lt_k_inherit(k, i, rest.rows, rest.count, err));
        split_rows(&k->args[i], &rest, &taken);
        LT_TRY(take_branch(k, i + 1, &taken, err));
    }
    return take_branch(k, last, &rest, err);
}

static lt_status coalesce_kernel(lt_kctx *k, lt_error *err)
{
    row_set rest = {0}, taken = {0};
    LT_TRY(start_rows(k, &rest, &taken, err));
    for (uint32_t arg = 0; arg < k->arg_count && rest.count > 0; arg++) {
        LT_TRY(lt_k_branch(k, arg, rest.rows, rest.count, err));
        LT_TRY(lt_k_inherit(k, arg, rest.rows, rest.count, err));
        const lt_karg *from = &k->args[arg];
        uint32_t kept = 0;
        taken.count = 0;
        for (uint32_t i = 0; i < rest.count; i++) {
            uint32_t row = rest.rows[i];
            bool failed = from->err != NULL && lt_bit_get(from->err, row);
            bool null = lt_col_is_null(from->col, row & from->mask);
            taken.rows[taken.count] = row;
            taken.count += !failed && !null;
            rest.rows[kept] = row;
            kept += !failed && null;
        }
        rest.count = kept;
        LT_TRY(lt_k_scatter(k, from, taken.rows, taken.count, err));
    }
    for (uint32_t i = 0; i < rest.count; i++) {
        lt_k_null(k, rest.rows[i]);
    }
    return LT_OK;
}

/* The common type of every `step`-th argument from `from` on (and of the last one, for CASE). */
static lt_status unify(lt_infer *in, const uint32_t *which, uint32_t count, bool *any_null,
                       bool *all_null, lt_error *err)
{
    const lt_type **types = LT_NEW_ARRAY(in->b->arena, const lt_type *, count + 1);
    if (types == NULL) {
        return lt_error_nomem(err, "types");
    }
    *any_null = false;
    *all_null = true;
    for (uint32_t i = 0; i < count; i++) {
        types[i] = in->args[which[i]]->type;
        bool null = types[i]->nullable || types[i]->kind == LT_TYPE_NULL;
        *any_null = *any_null || null;
        *all_null = *all_null && null;
    }
    /* COALESCE and IFNULL are functions, CASE is an operator. */
    LT_TRY(in->kernel == coalesce_kernel
               ? lt_type_common(in->b->arena, types, count, &in->type, err)
               : lt_type_common_first(in->b->arena, types, count, &in->type, err));
    for (uint32_t i = 0; i < count; i++) {
        LT_TRY(lt_in_cast(in, which[i], in->type, err));
    }
    return LT_OK;
}

/* Drops branches that are never taken, cuts behind one that always is. */
static void prune_case(lt_infer *in)
{
    uint32_t used = 0;
    uint32_t i = 0;
    for (; i + 1 < in->count; i += 2) {
        const lt_expr *cond = in->args[i];
        if (cond->kind == LT_NODE_LITERAL) {
            if (cond->u.literal.is_null || !cond->u.literal.u.b) {
                continue;
            }
            in->args[used++] = in->args[i + 1];
            in->count = used;
            return;
        }
        in->args[used++] = in->args[i];
        in->args[used++] = in->args[i + 1];
    }
    in->args[used++] = in->args[in->count - 1];
    in->count = used;
}

lt_status lt_infer_case(lt_infer *in, lt_error *err)
{
    if (in->count % 2 == 0) {
        return lt_error_set_at(err, LT_ERR_SQL, in->pos, "CASE without ELSE value");
    }
    uint32_t values = in->count / 2 + 1;
    uint32_t *which = LT_NEW_ARRAY(in->b->arena, uint32_t, values);
    if (which == NULL) {
        return lt_error_nomem(err, "types");
    }
    for (uint32_t i = 0; i + 1 < in->count; i += 2) {
        LT_TRY(lt_in_bool(in, i, err));
        which[i / 2] = i + 1;
    }
    which[values - 1] = in->count - 1;
    bool any_null, all_null;
    LT_TRY(unify(in, which, values, &any_null, &all_null, err));
    in->type = lt_type_with_nullable(in->b->arena, in->type, any_null);
    if (in->type == NULL) {
        return lt_error_nomem(err, "type");
    }
    in->kernel = case_kernel;
    if (in->b->fold) {
        prune_case(in);
        if (in->count == 1) {
            /* The type is that of the whole CASE, whichever branch is left. */
            return lt_expr_convert(in->b, in->args[0], in->type, &in->replace, err);
        }
    }
    return LT_OK;
}

static lt_status call_case(lt_infer *in, lt_expr *cond, lt_expr *yes, lt_expr *no, lt_error *err)
{
    lt_expr *args[3] = {cond, yes, no};
    return lt_expr_call(in->b, LT_STR("CASE"), args, 3, in->pos, &in->replace, err);
}

/* IF takes the values of plain types only; CASE takes all. */
static bool takes_if(const lt_type *type)
{
    return type->field_count == 0 && type->kind != LT_TYPE_INTERVAL_MONTH &&
           type->kind != LT_TYPE_INTERVAL_SECOND && type->kind != LT_TYPE_VARIANT;
}

lt_status lt_infer_if(lt_infer *in, lt_error *err)
{
    const lt_type *yes = in->args[1]->type, *no = in->args[2]->type;
    LT_TRY(lt_in_bool(in, 0, err));
    if (!takes_if(yes) || !takes_if(no)) {
        return lt_in_refuse(in, err);
    }
    if (lt_type_is_timestamp(yes) && yes->kind == no->kind) {
        /* Its precision is that of the first value, as in Flink. */
        LT_TRY(lt_expr_cast(in->b, in->args[2],
                            lt_type_with_nullable(in->b->arena, yes, no->nullable), false, in->pos,
                            &in->args[2], err));
    }
    lt_expr *result;
    bool nullable = lt_in_nullable(in);
    LT_TRY(call_case(in, in->args[0], in->args[1], in->args[2], err));
    result = in->replace;
    if (!nullable || result->type->nullable) {
        return LT_OK;
    }
    /* A condition that may be NULL makes the type so, too. */
    const lt_type *type = lt_type_with_nullable(in->b->arena, result->type, true);
    return type == NULL ? lt_error_nomem(err, "type")
                        : lt_expr_convert(in->b, result, type, &in->replace, err);
}

lt_status lt_infer_nullif(lt_infer *in, lt_error *err)
{
    lt_expr *equal, *null;
    LT_TRY(lt_expr_call(in->b, LT_STR("="), in->args, 2, in->pos, &equal, err));
    LT_TRY(lt_expr_null(in->b, in->args[0]->type, in->pos, &null, err));
    if (in->args[0]->type->kind == LT_TYPE_NULL) {
        return lt_in_refuse(in, err);
    }
    return call_case(in, equal, null, in->args[0], err);
}

lt_status lt_infer_coalesce(lt_infer *in, lt_error *err)
{
    uint32_t *which = LT_NEW_ARRAY(in->b->arena, uint32_t, in->count);
    if (which == NULL) {
        return lt_error_nomem(err, "types");
    }
    bool ifnull = in->func->name[0] == 'I';
    if (ifnull && !in->args[0]->type->nullable && in->args[0]->type->kind != LT_TYPE_NULL) {
        const lt_type *types[2] = {in->args[0]->type, in->args[1]->type}, *common;
        LT_TRY(lt_type_common(in->b->arena, types, 2, &common, err));
        if (common->kind == LT_TYPE_DECIMAL || lt_type_is_timestamp(common)) {
            common = lt_type_with_nullable(in->b->arena, common, false);
            return common == NULL ? lt_error_nomem(err, "type")
                                  : lt_expr_convert(in->b, in->args[0], common, &in->replace, err);
        }
        in->replace = in->args[0]; /* keeps its own type, too */
        return LT_OK;
    }
    for (uint32_t i = 0; i < in->count; i++) {
        which[i] = i;
    }
    bool any_null, all_null;
    in->kernel = coalesce_kernel;
    LT_TRY(unify(in, which, in->count, &any_null, &all_null, err));
    in->type = lt_type_with_nullable(in->b->arena, in->type, all_null);
    /* Nothing behind a value that is never NULL matters. */
    uint32_t used = 0;
    for (uint32_t i = 0; i < in->count; i++) {
        if (in->b->fold && lt_expr_is_null_literal(in->args[i]) && i + 1 < in->count) {
            continue;
        }
        in->args[used++] = in->args[i];
        if (!in->args[used - 1]->type->nullable) {
            break;
        }
    }
    in->count = used;
    if (used == 1) {
        in->replace = in->args[0];
    }
    return LT_OK;
}
