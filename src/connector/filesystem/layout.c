/* Which columns live in the file, and the values that a file's name and properties give to the
 * others. */
#include <stdlib.h>
#include <string.h>

#include "connector/filesystem/files.h"
#include "connector/filesystem/filesystem_int.h"
#include "data/value.h"

bool lt_fs_is_partition(const lt_table_ctx *ctx, uint32_t record_index)
{
    for (uint32_t i = 0; i < ctx->partition_count; i++) {
        if (ctx->partition_by[i] == record_index) {
            return true;
        }
    }
    return false;
}

lt_status lt_fs_layout_new(const lt_table_ctx *ctx, lt_arena *arena, lt_fs_layout *out,
                           lt_error *err)
{
    uint32_t record_count = ctx->record_schema->count;
    uint32_t count = ctx->schema->count;
    lt_field *record = LT_NEW_ARRAY(arena, lt_field, record_count + 1);
    lt_field *wanted = LT_NEW_ARRAY(arena, lt_field, count + 1);
    uint32_t *moved = LT_NEW_ARRAY(arena, uint32_t, record_count + 1);
    out->record_index = LT_NEW_ARRAY(arena, uint32_t, count + 1);
    out->column = LT_NEW_ARRAY(arena, uint32_t, count + 1);
    if (record == NULL || wanted == NULL || moved == NULL || out->record_index == NULL ||
        out->column == NULL) {
        return lt_error_nomem(err, "a table's layout");
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < record_count; i++) {
        moved[i] = kept;
        if (!lt_fs_is_partition(ctx, i)) {
            record[kept++] = ctx->record_schema->fields[i];
        }
    }
    uint32_t used = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = ctx->record_index[i];
        if (index != UINT32_MAX && !lt_fs_is_partition(ctx, index)) {
            wanted[used] = ctx->schema->fields[i];
            out->record_index[used] = moved[index];
            out->column[used] = i;
            used++;
        }
    }
    out->record = lt_schema_new(arena, record, kept);
    out->wanted = lt_schema_new(arena, wanted, used);
    return out->record != NULL && out->wanted != NULL ? LT_OK
                                                      : lt_error_nomem(err, "a table's layout");
}

bool lt_fs_partition_type_ok(const lt_type *type)
{
    switch (lt_type_phys(type)) {
    case LT_PHYS_BOOL:
    case LT_PHYS_I8:
    case LT_PHYS_I16:
    case LT_PHYS_F32:
    case LT_PHYS_F64:
        return true;
    case LT_PHYS_I32:
        return type->kind == LT_TYPE_INT || type->kind == LT_TYPE_DATE;
    case LT_PHYS_I64:
        return type->kind == LT_TYPE_BIGINT;
    case LT_PHYS_STR:
        return lt_type_is_string(type);
    case LT_PHYS_NONE:
    case LT_PHYS_I128:
    case LT_PHYS_TS9:
    case LT_PHYS_LIST:
    case LT_PHYS_STRUCT:
        return false;
    }
    return false;
}

/* Days since 1970 of a civil date (Howard Hinnant's algorithm, public domain). */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    unsigned yoe = (unsigned)(year - era * 400);
    unsigned doy = (153 * (month + (month > 2 ? -3U : 9U)) + 2) / 5 + day - 1;
    unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + (int64_t)doe - 719468;
}

static bool parse_date(lt_str text, int64_t *days)
{
    static const unsigned char month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t year, month, day;
    if (text.len != 10 || text.ptr[4] != '-' || text.ptr[7] != '-' ||
        !lt_str_to_i64((lt_str){text.ptr, 4}, &year) ||
        !lt_str_to_i64((lt_str){text.ptr + 5, 2}, &month) ||
        !lt_str_to_i64((lt_str){text.ptr + 8, 2}, &day)) {
        return false;
    }
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (month < 1 || month > 12 || day < 1 || day > month_days[month - 1] ||
        (month == 2 && day == 29 && !leap)) {
        return false;
    }
    *days = days_of(year, (unsigned)month, (unsigned)day);
    return true;
}

static bool parse_integer(lt_str text, const lt_type *type, int64_t *out)
{
    if (type->kind == LT_TYPE_DATE) {
        return parse_date(text, out);
    }
    size_t bits = lt_phys_size(lt_type_phys(type)) * 8;
    if (!lt_str_to_i64(text, out)) {
        return false;
    }
    return bits >= 64 || (*out >= -(1LL << (bits - 1)) && *out < (1LL << (bits - 1)));
}

static bool parse_value(lt_str text, const lt_type *type, lt_value *out)
{
    if (lt_type_is_string(type)) {
        out->u.s = text;
        return true;
    }
    if (type->kind == LT_TYPE_BOOLEAN) {
        out->u.b = lt_str_eq_ci(text, LT_STR("true"));
        return out->u.b || lt_str_eq_ci(text, LT_STR("false"));
    }
    if (type->kind == LT_TYPE_FLOAT || type->kind == LT_TYPE_DOUBLE) {
        return lt_str_to_f64(text, &out->u.f);
    }
    return parse_integer(text, type, &out->u.i);
}

static lt_status partition_value(const lt_table_ctx *ctx, const lt_fs_extra *extra,
                                 const lt_fs_facts *facts, lt_batch *batch, lt_value *out,
                                 lt_error *err)
{
    lt_str raw;
    if (!lt_partition_find(facts->path, extra->partition, &raw)) {
        return lt_error_set(
            err, LT_ERR_DATA,
            "table " LT_STR_FMT ": " LT_STR_FMT " lies in no directory '" LT_STR_FMT "=..'",
            LT_STR_ARG(ctx->table), LT_STR_ARG(facts->path), LT_STR_ARG(extra->partition));
    }
    lt_text text;
    lt_text_init(&text, ctx->mem);
    lt_partition_unescape(&text, raw);
    lt_str value = {lt_arena_strndup(batch->arena, text.ptr ? text.ptr : "", text.len), text.len};
    bool failed = text.failed || value.ptr == NULL;
    lt_text_deinit(&text);
    if (failed) {
        return lt_error_nomem(err, "a partition's value");
    }
    if (lt_str_eq(value, facts->default_name)) {
        out->is_null = true;
    } else if (!parse_value(value, out->type, out)) {
        return lt_error_set(err, LT_ERR_DATA,
                            "table " LT_STR_FMT ": the directory '" LT_STR_FMT "=" LT_STR_FMT
                            "' of " LT_STR_FMT " does not fit the column's type",
                            LT_STR_ARG(ctx->table), LT_STR_ARG(extra->partition), LT_STR_ARG(value),
                            LT_STR_ARG(facts->path));
    }
    return LT_OK;
}

static lt_status metadata_value(const lt_fs_extra *extra, const lt_fs_facts *facts, lt_batch *batch,
                                lt_value *out, lt_error *err)
{
    if (strcmp(extra->metadata, "file.size") == 0) {
        out->u.i = facts->size;
        return LT_OK;
    }
    if (strcmp(extra->metadata, "file.modification-time") == 0) {
        out->u.i = facts->mtime_ms;
        return LT_OK;
    }
    lt_str text = facts->path;
    if (strcmp(extra->metadata, "file.name") == 0) {
        for (size_t i = text.len; i > 0; i--) {
            if (text.ptr[i - 1] == '/') {
                text = (lt_str){text.ptr + i, text.len - i};
                break;
            }
        }
    }
    out->u.s = lt_arena_str(batch->arena, text);
    return out->u.s.ptr != NULL ? LT_OK : lt_error_nomem(err, "a file's name");
}

lt_status lt_fs_fill_extra(const lt_table_ctx *ctx, const lt_fs_extra *extra,
                           const lt_fs_facts *facts, lt_batch *batch, lt_error *err)
{
    const lt_type *type = ctx->schema->fields[extra->column].type;
    lt_col *col = &batch->cols[extra->column];
    lt_value value;
    memset(&value, 0, sizeof value);
    value.type = type;
    LT_TRY(extra->metadata != NULL ? metadata_value(extra, facts, batch, &value, err)
                                   : partition_value(ctx, extra, facts, batch, &value, err));
    bool ok = lt_col_init(col, type, batch->row_count, batch->arena);
    for (uint32_t row = 0; ok && row < batch->row_count; row++) {
        ok = lt_value_store(&value, col, row, batch->row_count, batch->arena);
    }
    return ok ? LT_OK : lt_error_nomem(err, "a column");
}
