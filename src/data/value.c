/* Single values in and out of columns. Not for hot paths. */
#include "data/value.h"

/* The items of a LIST value stand element by element, its children column by column. */
static bool store_list(const lt_value *value, lt_col *col, uint32_t row, lt_arena *arena)
{
    uint32_t width = col->child_count;
    LT_ASSERT(width > 0 && value->u.list.count % width == 0);
    uint32_t count = value->u.list.count / width;
    if (!lt_col_reserve_children(col, count, arena)) {
        return false;
    }
    for (uint32_t k = 0; k < count * width; k++) {
        if (!lt_value_store(&value->u.list.items[k], &col->children[k % width],
                            col->child_len + k / width, col->child_cap, arena)) {
            return false;
        }
    }
    LT_COL_DATA(col, lt_span)[row] = (lt_span){col->child_len, count};
    col->child_len += count;
    return true;
}

static bool store_struct(const lt_value *value, lt_col *col, uint32_t row, uint32_t row_cap,
                         lt_arena *arena)
{
    LT_ASSERT(value->u.list.count == col->child_count);
    for (uint32_t i = 0; i < col->child_count; i++) {
        if (!lt_value_store(&value->u.list.items[i], &col->children[i], row, row_cap, arena)) {
            return false;
        }
    }
    return true;
}

static bool store_null(lt_col *col, uint32_t row, uint32_t row_cap, lt_arena *arena)
{
    uint64_t *valid = lt_col_need_valid(col, row_cap, arena);
    if (!valid) {
        return false;
    }
    lt_bit_clear(valid, row);
    size_t size = lt_phys_size(col->phys);
    if (size > 0) {
        memset((char *)col->data + size * row, 0, size);
    }
    for (uint32_t i = 0; col->phys == LT_PHYS_STRUCT && i < col->child_count; i++) {
        if (!store_null(&col->children[i], row, row_cap, arena)) {
            return false;
        }
    }
    return true;
}

bool lt_value_store(const lt_value *value, lt_col *col, uint32_t row, uint32_t row_cap,
                    lt_arena *arena)
{
    LT_ASSERT(row < row_cap);
    if (value->is_null) {
        return store_null(col, row, row_cap, arena);
    }
    if (col->valid) {
        lt_bit_set(col->valid, row);
    }
    switch (col->phys) {
    case LT_PHYS_NONE:
        break;
    case LT_PHYS_BOOL:
        LT_COL_DATA(col, uint8_t)[row] = value->u.b;
        break;
    case LT_PHYS_I8:
        LT_COL_DATA(col, int8_t)[row] = (int8_t)value->u.i;
        break;
    case LT_PHYS_I16:
        LT_COL_DATA(col, int16_t)[row] = (int16_t)value->u.i;
        break;
    case LT_PHYS_I32:
        LT_COL_DATA(col, int32_t)[row] = (int32_t)value->u.i;
        break;
    case LT_PHYS_I64:
        LT_COL_DATA(col, int64_t)[row] = value->u.i;
        break;
    case LT_PHYS_I128:
        LT_COL_DATA(col, lt_i128)[row] = value->u.wide;
        break;
    case LT_PHYS_F32:
        LT_COL_DATA(col, float)[row] = (float)value->u.f;
        break;
    case LT_PHYS_F64:
        LT_COL_DATA(col, double)[row] = value->u.f;
        break;
    case LT_PHYS_STR:
        LT_COL_DATA(col, lt_strv)[row] = lt_strv_make(value->u.s.ptr, value->u.s.len);
        break;
    case LT_PHYS_TS9:
        LT_COL_DATA(col, lt_ts9)[row] = value->u.ts;
        break;
    case LT_PHYS_LIST:
        return store_list(value, col, row, arena);
    case LT_PHYS_STRUCT:
        return store_struct(value, col, row, row_cap, arena);
    }
    return true;
}

static bool load_items(lt_value *value, const lt_col *col, lt_span span, bool copy_bytes,
                       lt_arena *arena)
{
    uint32_t width = col->child_count;
    size_t count = (size_t)span.count * width;
    lt_value *items = LT_NEW_ARRAY(arena, lt_value, count > 0 ? count : 1);
    if (!items) {
        return false;
    }
    for (size_t k = 0; k < count; k++) {
        uint32_t row = span.start + (uint32_t)(k / width);
        if (!lt_value_load(&items[k], &col->children[k % width], row, copy_bytes, arena)) {
            return false;
        }
    }
    value->u.list.items = items;
    value->u.list.count = (uint32_t)count;
    return true;
}

static bool load_str(lt_value *value, const lt_col *col, uint32_t row, bool copy_bytes,
                     lt_arena *arena)
{
    value->u.s = lt_strv_str(&LT_COL_DATA(col, lt_strv)[row]);
    if (copy_bytes) {
        value->u.s = lt_arena_str(arena, value->u.s);
    }
    return value->u.s.ptr != NULL;
}

bool lt_value_load(lt_value *value, const lt_col *col, uint32_t row, bool copy_bytes,
                   lt_arena *arena)
{
    memset(value, 0, sizeof *value);
    value->type = col->type;
    value->is_null = lt_col_is_null(col, row);
    if (value->is_null) {
        return true;
    }
    switch (col->phys) {
    case LT_PHYS_NONE:
        value->is_null = true;
        break;
    case LT_PHYS_BOOL:
        value->u.b = LT_COL_DATA(col, uint8_t)[row] != 0;
        break;
    case LT_PHYS_I8:
        value->u.i = LT_COL_DATA(col, int8_t)[row];
        break;
    case LT_PHYS_I16:
        value->u.i = LT_COL_DATA(col, int16_t)[row];
        break;
    case LT_PHYS_I32:
        value->u.i = LT_COL_DATA(col, int32_t)[row];
        break;
    case LT_PHYS_I64:
        value->u.i = LT_COL_DATA(col, int64_t)[row];
        break;
    case LT_PHYS_I128:
        value->u.wide = LT_COL_DATA(col, lt_i128)[row];
        break;
    case LT_PHYS_F32:
        value->u.f = (double)LT_COL_DATA(col, float)[row];
        break;
    case LT_PHYS_F64:
        value->u.f = LT_COL_DATA(col, double)[row];
        break;
    case LT_PHYS_STR:
        return load_str(value, col, row, copy_bytes, arena);
    case LT_PHYS_TS9:
        value->u.ts = LT_COL_DATA(col, lt_ts9)[row];
        break;
    case LT_PHYS_LIST:
        return load_items(value, col, LT_COL_DATA(col, lt_span)[row], copy_bytes, arena);
    case LT_PHYS_STRUCT:
        return load_items(value, col, (lt_span){row, 1}, copy_bytes, arena);
    }
    return true;
}
