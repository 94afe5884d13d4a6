/* MIN and MAX over insert-only input; agg_minmax_set.c has the others. State: i64 flag (a value is
 * there), then the value in 8 or 16 bytes, or a cell for strings. */
#include "expr/agg_int.h"

typedef lt_agg_extreme_int i64_state;
typedef lt_agg_extreme_float f64_state;

typedef struct {
    int64_t seen;
    uint64_t low; /* of a 16-byte value */
    uint64_t high;
} wide_state;

typedef struct {
    int64_t seen;
    lt_cell cell;
} str_state;

_Static_assert(sizeof(str_state) == 24, "states are packed");

#define EXTREME_UPDATE(NAME, T, STATE, TEST)                                               \
    static lt_status NAME(const lt_agg *agg, uint8_t *const *states, const lt_col *args,   \
                          const uint32_t *rows, uint32_t count, int sign, lt_cells *cells, \
                          lt_error *err)                                                   \
    {                                                                                      \
        (void)agg;                                                                         \
        (void)cells;                                                                       \
        (void)err;                                                                         \
        LT_ASSERT(sign > 0);                                                               \
        const T *restrict val = LT_COL_DATA(&args[0], const T);                            \
        const uint64_t *restrict valid = args[0].valid;                                    \
        for (uint32_t i = 0; i < count; i++) {                                             \
            STATE *s = (STATE *)(void *)states[i];                                         \
            if (valid != NULL && !lt_bit_get(valid, rows[i])) {                            \
                continue;                                                                  \
            }                                                                              \
            const T x = val[rows[i]];                                                      \
            if (s->seen == 0 || (TEST)) {                                                  \
                s->value = x;                                                              \
                s->seen = 1;                                                               \
            }                                                                              \
        }                                                                                  \
        return LT_OK;                                                                      \
    }

#define EXTREME_PAIR(SUFFIX, T, STATE)                   \
    EXTREME_UPDATE(min_##SUFFIX, T, STATE, x < s->value) \
    EXTREME_UPDATE(max_##SUFFIX, T, STATE, x > s->value)

EXTREME_PAIR(bool, uint8_t, i64_state)
EXTREME_PAIR(i8, int8_t, i64_state)
EXTREME_PAIR(i16, int16_t, i64_state)
EXTREME_PAIR(i32, int32_t, i64_state)
EXTREME_PAIR(i64, int64_t, i64_state)
EXTREME_UPDATE(min_f32, float, f64_state, (double)x < s->value)
EXTREME_UPDATE(max_f32, float, f64_state, (double)x > s->value)
EXTREME_PAIR(f64, double, f64_state)

static int cmp_wide(const lt_agg *agg, const wide_state *a, const wide_state *b)
{
    if (agg->args[0]->type->kind == LT_TYPE_DECIMAL) {
        int64_t x = (int64_t)a->high, y = (int64_t)b->high;
        return x != y ? (x < y ? -1 : 1) : a->low < b->low ? -1 : a->low > b->low;
    }
    int64_t x = (int64_t)a->low, y = (int64_t)b->low; /* ms, then ns of ms */
    uint32_t p = (uint32_t)a->high, q = (uint32_t)b->high;
    return x != y ? (x < y ? -1 : 1) : p < q ? -1 : p > q;
}

static bool wants_max(const lt_agg *agg)
{
    return agg->bound != NULL;
}

static lt_status wide_update(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                             const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                             lt_error *err)
{
    (void)cells;
    (void)err;
    LT_ASSERT(sign > 0);
    const char *val = (const char *)args[0].data;
    int want = wants_max(agg) ? 1 : -1;
    for (uint32_t i = 0; i < count; i++) {
        wide_state *s = (wide_state *)(void *)states[i];
        wide_state x = {.seen = 1};
        if (lt_col_is_null(&args[0], rows[i])) {
            continue;
        }
        memcpy(&x.low, val + (size_t)rows[i] * 16, 16);
        if (s->seen == 0 || cmp_wide(agg, &x, s) * want > 0) {
            *s = x;
        }
    }
    return LT_OK;
}

static lt_status str_take(const lt_agg *agg, str_state *s, lt_str x, lt_cells *cells, lt_error *err)
{
    int want = wants_max(agg) ? 1 : -1;
    if (s->seen != 0 && lt_str_cmp(x, lt_cell_str(&s->cell)) * want <= 0) {
        return LT_OK;
    }
    if (!lt_cells_set(cells, &s->cell, x.ptr, (uint32_t)x.len)) {
        return lt_error_nomem(err, "aggregate");
    }
    s->seen = 1;
    return LT_OK;
}

static lt_status str_update(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                            const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                            lt_error *err)
{
    LT_ASSERT(sign > 0);
    for (uint32_t i = 0; i < count; i++) {
        if (!lt_col_is_null(&args[0], rows[i])) {
            const lt_strv *view = &LT_COL_DATA(&args[0], const lt_strv)[rows[i]];
            LT_TRY(str_take(agg, (str_state *)(void *)states[i], lt_strv_str(view), cells, err));
        }
    }
    return LT_OK;
}

static lt_status i64_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                           uint32_t count, lt_cells *cells, lt_error *err)
{
    (void)cells;
    (void)err;
    for (uint32_t i = 0; i < count; i++) {
        i64_state *d = (i64_state *)(void *)dst[i];
        const i64_state *s = (const i64_state *)(const void *)src[i];
        bool better = wants_max(agg) ? s->value > d->value : s->value < d->value;
        if (s->seen != 0 && (d->seen == 0 || better)) {
            *d = *s;
        }
    }
    return LT_OK;
}

static lt_status f64_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                           uint32_t count, lt_cells *cells, lt_error *err)
{
    (void)cells;
    (void)err;
    for (uint32_t i = 0; i < count; i++) {
        f64_state *d = (f64_state *)(void *)dst[i];
        const f64_state *s = (const f64_state *)(const void *)src[i];
        bool better = wants_max(agg) ? s->value > d->value : s->value < d->value;
        if (s->seen != 0 && (d->seen == 0 || better)) {
            *d = *s;
        }
    }
    return LT_OK;
}

static lt_status wide_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                            uint32_t count, lt_cells *cells, lt_error *err)
{
    (void)cells;
    (void)err;
    int want = wants_max(agg) ? 1 : -1;
    for (uint32_t i = 0; i < count; i++) {
        wide_state *d = (wide_state *)(void *)dst[i];
        const wide_state *s = (const wide_state *)(const void *)src[i];
        if (s->seen != 0 && (d->seen == 0 || cmp_wide(agg, s, d) * want > 0)) {
            *d = *s;
        }
    }
    return LT_OK;
}

static lt_status str_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                           uint32_t count, lt_cells *cells, lt_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const str_state *s = (const str_state *)(const void *)src[i];
        if (s->seen != 0) {
            LT_TRY(str_take(agg, (str_state *)(void *)dst[i], lt_cell_str(&s->cell), cells, err));
        }
    }
    return LT_OK;
}

static void put_value(lt_col *out, uint32_t row, const uint8_t *state)
{
    const i64_state *s = (const i64_state *)(const void *)state;
    const f64_state *f = (const f64_state *)(const void *)state;
    switch ((int)out->phys) {
    case LT_PHYS_BOOL:
    case LT_PHYS_I8:
        LT_COL_DATA(out, int8_t)[row] = (int8_t)s->value;
        break;
    case LT_PHYS_I16:
        LT_COL_DATA(out, int16_t)[row] = (int16_t)s->value;
        break;
    case LT_PHYS_I32:
        LT_COL_DATA(out, int32_t)[row] = (int32_t)s->value;
        break;
    case LT_PHYS_F32:
        LT_COL_DATA(out, float)[row] = (float)f->value;
        break;
    case LT_PHYS_I128:
    case LT_PHYS_TS9:
        memcpy((char *)out->data + (size_t)row * 16, state + 8, 16);
        break;
    default:
        LT_COL_DATA(out, int64_t)[row] = s->value;
        break;
    }
}

static lt_status extreme_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                                lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    (void)agg;
    bool ok = true;
    for (uint32_t i = 0; ok && i < count; i++) {
        const str_state *s = (const str_state *)(const void *)states[i];
        if (s->seen == 0) {
            ok = lt_agg_set_null(out, i, out_cap, arena);
        } else if (out->phys == LT_PHYS_STR) {
            ok = lt_agg_put_text(out, i, lt_cell_str(&s->cell), arena);
        } else {
            put_value(out, i, states[i]);
        }
    }
    return ok ? LT_OK : lt_error_nomem(err, "aggregate");
}

#define EXTREME_CLASSES(SUFFIX, MERGE)                                                           \
    static const lt_agg_class class_min_##SUFFIX = {"MIN", min_##SUFFIX, MERGE, extreme_finish}; \
    static const lt_agg_class class_max_##SUFFIX = {"MAX", max_##SUFFIX, MERGE, extreme_finish};

EXTREME_CLASSES(bool, i64_merge)
EXTREME_CLASSES(i8, i64_merge)
EXTREME_CLASSES(i16, i64_merge)
EXTREME_CLASSES(i32, i64_merge)
EXTREME_CLASSES(i64, i64_merge)
EXTREME_CLASSES(f32, f64_merge)
EXTREME_CLASSES(f64, f64_merge)
static const lt_agg_class class_min_wide = {"MIN", wide_update, wide_merge, extreme_finish};
static const lt_agg_class class_max_wide = {"MAX", wide_update, wide_merge, extreme_finish};
static const lt_agg_class class_min_str = {"MIN", str_update, str_merge, extreme_finish};
static const lt_agg_class class_max_str = {"MAX", str_update, str_merge, extreme_finish};

static const lt_agg_class *const extreme_classes[][2] = {
    [LT_PHYS_BOOL] = {&class_min_bool, &class_max_bool},
    [LT_PHYS_I8] = {&class_min_i8, &class_max_i8},
    [LT_PHYS_I16] = {&class_min_i16, &class_max_i16},
    [LT_PHYS_I32] = {&class_min_i32, &class_max_i32},
    [LT_PHYS_I64] = {&class_min_i64, &class_max_i64},
    [LT_PHYS_I128] = {&class_min_wide, &class_max_wide},
    [LT_PHYS_F32] = {&class_min_f32, &class_max_f32},
    [LT_PHYS_F64] = {&class_min_f64, &class_max_f64},
    [LT_PHYS_STR] = {&class_min_str, &class_max_str},
    [LT_PHYS_TS9] = {&class_min_wide, &class_max_wide},
};

lt_status lt_agg_bind_extreme(lt_agg_bind_ctx *c, lt_error *err)
{
    static const bool maximum = true;
    const lt_type *arg = c->agg->args[0]->type;
    if (arg->kind == LT_TYPE_NULL || arg->field_count > 0 || arg->kind == LT_TYPE_VARIANT ||
        lt_type_is_binary(arg)) {
        return lt_agg_refuse(c, err);
    }
    c->agg->result =
        lt_type_with_nullable(c->b->arena, lt_type_with_attr(c->b->arena, arg, LT_TIME_NONE), true);
    if (c->agg->retracts) {
        return lt_agg_bind_extreme_set(c, err);
    }
    lt_phys phys = lt_type_phys(arg);
    int op = c->func->op;
    c->agg->cls = extreme_classes[phys][op];
    c->agg->bound = op == LT_AGG_MAX ? &maximum : NULL;
    c->agg->state_size = phys == LT_PHYS_I128 || phys == LT_PHYS_TS9 ? sizeof(wide_state)
                         : phys == LT_PHYS_STR                       ? sizeof(str_state)
                                                                     : sizeof(i64_state);
    if (phys == LT_PHYS_STR) {
        c->agg->cell_count = 1;
        c->agg->cell_offsets[0] = (uint32_t)offsetof(str_state, cell);
    }
    return LT_OK;
}
