/* Result rows as Arrow structures (C Data Interface).
 *
 * Everything handed out lies in one arena per structure, an `owner` that each ArrowArray
 * (ArrowSchema) in the tree refers to: a consumer may move children out and release them on their
 * own, so every node counts as one reference and the arena goes with the last. Values are copied,
 * since the batches' memory belongs to the job, and an owner holds on to the engine's account
 * (lt_api_ref), so that a structure may outlive job and engine.
 *
 * A column is exported for a list of source rows, which applies the selection at the top and the
 * spans of a list below it; ABSENT stands for the fields of a NULL ROW. */
#include <stdio.h>

#include "api/api_int.h"
#include "base/assert.h"

#define OWNER_BYTES_MAX ((size_t)8 << 30)
#define ALIGN           64
#define ABSENT          UINT32_MAX
#define FORMAT_MAX      LT_ARROW_FORMAT_MAX
#define NS_PER_MS       1000000

typedef struct {
    leat *db;
    lt_arena *arena;
    atomic_uint refs;
} owner;

typedef struct {
    owner *owner;
    lt_str column; /* the top-level one, for messages */
    lt_error *err;
} exporter;

/* Rows of a source column; rows NULL: 0 .. count - 1. */
typedef struct {
    const uint32_t *rows;
    uint32_t count;
} row_list;

/* ---- ownership ---- */

static owner *owner_new(leat *db)
{
    owner *own = lt_mem_zalloc(&db->mem, sizeof *own);
    if (own == NULL) {
        return NULL;
    }
    own->arena = lt_arena_new(&db->mem, OWNER_BYTES_MAX);
    if (own->arena == NULL) {
        lt_mem_free(&db->mem, own, sizeof *own);
        return NULL;
    }
    own->db = db;
    atomic_init(&own->refs, 1);
    lt_api_ref(db);
    return own;
}

static void owner_ref(owner *own)
{
    atomic_fetch_add_explicit(&own->refs, 1, memory_order_relaxed);
}

static void owner_unref(owner *own)
{
    unsigned before = atomic_fetch_sub_explicit(&own->refs, 1, memory_order_acq_rel);
    LT_ASSERT(before > 0);
    if (before == 1) {
        leat *db = own->db;
        lt_arena_free(own->arena);
        lt_mem_free(&db->mem, own, sizeof *own);
        lt_api_unref(db);
    }
}

static void release_array(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++) {
        if (array->children[i]->release != NULL) {
            array->children[i]->release(array->children[i]);
        }
    }
    array->release = NULL;
    owner_unref(array->private_data);
}

static void release_schema(struct ArrowSchema *schema)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i]->release != NULL) {
            schema->children[i]->release(schema->children[i]);
        }
    }
    schema->release = NULL;
    owner_unref(schema->private_data);
}

static lt_status nomem(exporter *ex)
{
    return lt_error_nomem(ex->err, "Arrow rows");
}

/* ---- schema ---- */

const char *lt_api_arrow_format(const lt_type *type, char *to, size_t size)
{
    static const char *const fixed[LT_TYPE_KIND_COUNT] = {[LT_TYPE_BOOLEAN] = "b",
                                                          [LT_TYPE_TINYINT] = "c",
                                                          [LT_TYPE_SMALLINT] = "s",
                                                          [LT_TYPE_INT] = "i",
                                                          [LT_TYPE_BIGINT] = "l",
                                                          [LT_TYPE_FLOAT] = "f",
                                                          [LT_TYPE_DOUBLE] = "g",
                                                          [LT_TYPE_CHAR] = "vu",
                                                          [LT_TYPE_VARCHAR] = "vu",
                                                          [LT_TYPE_BINARY] = "vz",
                                                          [LT_TYPE_VARBINARY] = "vz",
                                                          [LT_TYPE_DATE] = "tdD",
                                                          [LT_TYPE_TIME] = "ttm",
                                                          [LT_TYPE_INTERVAL_MONTH] = "tiM",
                                                          [LT_TYPE_INTERVAL_SECOND] = "tDm",
                                                          [LT_TYPE_ARRAY] = "+l",
                                                          [LT_TYPE_MAP] = "+m",
                                                          [LT_TYPE_MULTISET] = "+m",
                                                          [LT_TYPE_ROW] = "+s"};
    if (type->kind == LT_TYPE_DECIMAL) {
        (void)snprintf(to, size, "d:%u,%u", type->precision, type->scale);
        return to;
    }
    if (lt_type_is_timestamp(type)) {
        const char *unit = type->precision <= 3 ? "m" : type->precision <= 6 ? "u" : "n";
        (void)snprintf(to, size, "ts%s:%s", unit, type->kind == LT_TYPE_TIMESTAMP_LTZ ? "UTC" : "");
        return to;
    }
    return fixed[type->kind];
}

/* Makes node `to` with room for its children. */
static lt_status schema_node(exporter *ex, struct ArrowSchema *to, const char *format, lt_str name,
                             uint32_t child_count)
{
    lt_arena *arena = ex->owner->arena;
    *to = (struct ArrowSchema){
        .format = lt_arena_strndup(arena, format, strlen(format)),
        .name = lt_arena_strndup(arena, name.ptr != NULL ? name.ptr : "", name.len),
        .private_data = ex->owner,
    };
    struct ArrowSchema *children = LT_NEW_ARRAY(arena, struct ArrowSchema, child_count + 1);
    to->children = LT_NEW_ARRAY(arena, struct ArrowSchema *, child_count + 1);
    if (to->format == NULL || to->name == NULL || children == NULL || to->children == NULL) {
        return nomem(ex);
    }
    for (uint32_t i = 0; i < child_count; i++) {
        to->children[i] = &children[i];
    }
    to->n_children = child_count;
    to->release = release_schema;
    owner_ref(ex->owner);
    return LT_OK;
}

static lt_status schema_type(exporter *ex, struct ArrowSchema *to, lt_str name,
                             const lt_type *type);

/* +m has one child, the struct of key and value. */
static lt_status schema_entries(exporter *ex, struct ArrowSchema *to, const lt_type *type)
{
    static const lt_type count_type = {.kind = LT_TYPE_INT, .nullable = false};
    struct ArrowSchema *entries = to->children[0];
    LT_TRY(schema_node(ex, entries, "+s", LT_STR("entries"), 2));
    LT_TRY(schema_type(ex, entries->children[0], LT_STR("key"), type->fields[0].type));
    entries->children[0]->flags = 0;
    const lt_type *value = type->kind == LT_TYPE_MULTISET ? &count_type : type->fields[1].type;
    return schema_type(ex, entries->children[1], LT_STR("value"), value);
}

static lt_status schema_type(exporter *ex, struct ArrowSchema *to, lt_str name, const lt_type *type)
{
    char text[FORMAT_MAX];
    const char *format = lt_api_arrow_format(type, text, sizeof text);
    if (format == NULL) {
        lt_error_set(ex->err, LT_ERR_UNSUPPORTED, "column '" LT_STR_FMT "' has no Arrow form",
                     LT_STR_ARG(ex->column));
        lt_error_hint(ex->err, "CAST it to STRING in the query");
        return LT_ERR_UNSUPPORTED;
    }
    bool is_map = type->kind == LT_TYPE_MAP || type->kind == LT_TYPE_MULTISET;
    LT_TRY(schema_node(ex, to, format, name, is_map ? 1 : type->field_count));
    to->flags = type->nullable ? ARROW_FLAG_NULLABLE : 0;
    if (is_map) {
        return schema_entries(ex, to, type);
    }
    for (uint32_t i = 0; i < type->field_count; i++) {
        lt_str child = type->kind == LT_TYPE_ARRAY ? LT_STR("item") : type->fields[i].name;
        LT_TRY(schema_type(ex, to->children[i], child, type->fields[i].type));
    }
    return LT_OK;
}

static lt_status export_schema(exporter *ex, const lt_schema *schema, struct ArrowSchema *to)
{
    static const lt_type op_type = {.kind = LT_TYPE_TINYINT, .nullable = false};
    LT_TRY(schema_node(ex, to, "+s", LT_STR(""), schema->count + 1));
    for (uint32_t i = 0; i < schema->count; i++) {
        ex->column = schema->fields[i].name;
        LT_TRY(schema_type(ex, to->children[i], ex->column, schema->fields[i].type));
    }
    return schema_type(ex, to->children[schema->count], LT_STR("op"), &op_type);
}

/* ---- values ---- */

static bool is_null(const lt_col *col, row_list from, uint32_t i)
{
    uint32_t row = from.rows != NULL ? from.rows[i] : i;
    return row == ABSENT || lt_col_is_null(col, row);
}

static uint32_t row_of(row_list from, uint32_t i)
{
    return from.rows != NULL ? from.rows[i] : i;
}

static lt_status array_node(exporter *ex, struct ArrowArray *to, uint32_t length,
                            uint32_t buffer_count, uint32_t child_count)
{
    lt_arena *arena = ex->owner->arena;
    *to = (struct ArrowArray){.length = length, .private_data = ex->owner};
    struct ArrowArray *children = LT_NEW_ARRAY(arena, struct ArrowArray, child_count + 1);
    to->children = LT_NEW_ARRAY(arena, struct ArrowArray *, child_count + 1);
    to->buffers = LT_NEW_ARRAY(arena, const void *, buffer_count + 1);
    if (children == NULL || to->children == NULL || to->buffers == NULL) {
        return nomem(ex);
    }
    for (uint32_t i = 0; i < child_count; i++) {
        to->children[i] = &children[i];
    }
    to->n_children = child_count;
    to->n_buffers = buffer_count;
    to->release = release_array;
    owner_ref(ex->owner);
    return LT_OK;
}

/* Zeroed; never NULL for want of rows: some consumers take NULL for a broken array. */
static void *buffer_new(exporter *ex, size_t size)
{
    return lt_arena_zalloc(ex->owner->arena, LT_MAX(size, (size_t)ALIGN), ALIGN);
}

/* Buffer 0. A field that is declared NOT NULL stays valid within a NULL ROW: its values are masked
 * by the ROW. */
static lt_status put_validity(exporter *ex, struct ArrowArray *to, const lt_col *col, row_list from)
{
    uint64_t *bits = NULL;
    for (uint32_t i = 0; i < from.count; i++) {
        bool absent = row_of(from, i) == ABSENT;
        if (!is_null(col, from, i) || (absent && !col->type->nullable)) {
            continue;
        }
        if (bits == NULL) {
            bits = buffer_new(ex, lt_bits_bytes(from.count));
            if (bits == NULL) {
                return nomem(ex);
            }
            memset(bits, 0xff, lt_bits_bytes(from.count));
        }
        lt_bit_clear(bits, i);
        to->null_count++;
    }
    for (uint32_t i = from.count; bits != NULL && (i & 63) != 0; i++) {
        lt_bit_clear(bits, i);
    }
    to->buffers[0] = bits;
    return LT_OK;
}

static void put_bools(uint64_t *to, const lt_col *col, row_list from)
{
    for (uint32_t i = 0; i < from.count; i++) {
        if (!is_null(col, from, i) && LT_COL_DATA(col, uint8_t)[row_of(from, i)] != 0) {
            lt_bit_set(to, i);
        }
    }
}

static void put_fixed(char *to, const lt_col *col, row_list from)
{
    size_t size = lt_phys_size(col->phys);
    const char *data = col->data;
    for (uint32_t i = 0; i < from.count; i++) {
        if (!is_null(col, from, i)) {
            memcpy(to + size * i, data + size * row_of(from, i), size);
        }
    }
}

static void put_short_decimals(lt_i128 *to, const lt_col *col, row_list from)
{
    for (uint32_t i = 0; i < from.count; i++) {
        if (!is_null(col, from, i)) {
            to[i] = LT_COL_DATA(col, int64_t)[row_of(from, i)];
        }
    }
}

static lt_status put_nanos(exporter *ex, int64_t *to, const lt_col *col, row_list from)
{
    for (uint32_t i = 0; i < from.count; i++) {
        if (is_null(col, from, i)) {
            continue;
        }
        lt_ts9 at = LT_COL_DATA(col, lt_ts9)[row_of(from, i)];
        /* The earliest instants have whole milliseconds below the range: borrow one. */
        int64_t ms = at.ms < 0 ? at.ms + 1 : at.ms;
        int64_t rest = at.ms < 0 ? at.ns_of_ms - NS_PER_MS : at.ns_of_ms;
        if (LT_MUL_OVERFLOW(ms, (int64_t)NS_PER_MS, &to[i]) ||
            LT_ADD_OVERFLOW(to[i], rest, &to[i])) {
            return lt_error_set(ex->err, LT_ERR_DATA,
                                "column '" LT_STR_FMT
                                "': a timestamp lies outside of what Arrow holds in nanoseconds "
                                "(1677 to 2262)",
                                LT_STR_ARG(ex->column));
        }
    }
    return LT_OK;
}

/* 12 bytes and less as in lt_strv; longer: length, prefix, buffer number (0), offset. */
static lt_status put_views(exporter *ex, struct ArrowArray *to, const lt_col *col, row_list from)
{
    const lt_strv *views = col->data;
    uint64_t total = 0;
    for (uint32_t i = 0; i < from.count; i++) {
        uint32_t len = is_null(col, from, i) ? 0 : views[row_of(from, i)].len;
        total += len > LT_STRV_INLINE_MAX ? len : 0;
    }
    if (total > INT32_MAX) {
        return lt_error_set(ex->err, LT_ERR_LIMIT,
                            "column '" LT_STR_FMT "': more than 2 GiB of text in one Arrow array",
                            LT_STR_ARG(ex->column));
    }
    lt_strv *out = buffer_new(ex, sizeof *out * from.count);
    char *bytes = buffer_new(ex, (size_t)total);
    int64_t *sizes = buffer_new(ex, sizeof *sizes);
    if (out == NULL || bytes == NULL || sizes == NULL) {
        return nomem(ex);
    }
    int32_t offset = 0;
    for (uint32_t i = 0; i < from.count; i++) {
        if (is_null(col, from, i)) {
            continue;
        }
        const lt_strv *view = &views[row_of(from, i)];
        out[i] = *view;
        if (view->len > LT_STRV_INLINE_MAX) {
            int32_t place[2] = {0, offset};
            memcpy(bytes + offset, lt_strv_ptr(view), view->len);
            memcpy(out[i].u.ref.ptr_bytes, place, sizeof place);
            offset += (int32_t)view->len;
        }
    }
    sizes[0] = offset;
    to->buffers[1] = out;
    to->buffers[2] = bytes;
    to->buffers[3] = sizes;
    return LT_OK;
}

static lt_status export_col(exporter *ex, struct ArrowArray *to, const lt_col *col, row_list from);

/* Writes the offsets; *out: the source rows of the elements. */
static lt_status put_offsets(exporter *ex, struct ArrowArray *to, const lt_col *col, row_list from,
                             row_list *out)
{
    const lt_span *spans = col->data;
    uint64_t total = 0;
    for (uint32_t i = 0; i < from.count; i++) {
        total += is_null(col, from, i) ? 0 : spans[row_of(from, i)].count;
    }
    if (total > INT32_MAX) {
        return lt_error_set(ex->err, LT_ERR_LIMIT,
                            "column '" LT_STR_FMT "': more than 2^31 elements in one Arrow array",
                            LT_STR_ARG(ex->column));
    }
    int32_t *offsets = buffer_new(ex, sizeof *offsets * ((size_t)from.count + 1));
    uint32_t *rows = buffer_new(ex, sizeof *rows * (size_t)total);
    if (offsets == NULL || rows == NULL) {
        return nomem(ex);
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < from.count; i++) {
        lt_span span = is_null(col, from, i) ? (lt_span){0, 0} : spans[row_of(from, i)];
        for (uint32_t k = 0; k < span.count; k++) {
            rows[at++] = span.start + k;
        }
        offsets[i + 1] = (int32_t)at;
    }
    to->buffers[1] = offsets;
    *out = (row_list){rows, (uint32_t)total};
    return LT_OK;
}

static lt_status export_list(exporter *ex, struct ArrowArray *to, const lt_col *col, row_list from)
{
    row_list elements;
    LT_TRY(put_offsets(ex, to, col, from, &elements));
    if (col->type->kind == LT_TYPE_ARRAY) {
        return export_col(ex, to->children[0], &col->children[0], elements);
    }
    for (uint32_t i = 0; i < elements.count; i++) {
        if (is_null(&col->children[0], elements, i)) {
            return lt_error_set(ex->err, LT_ERR_DATA,
                                "column '" LT_STR_FMT "': a map with a NULL key has no Arrow form",
                                LT_STR_ARG(ex->column));
        }
    }
    struct ArrowArray *entries = to->children[0];
    LT_TRY(array_node(ex, entries, elements.count, 1, 2));
    LT_TRY(export_col(ex, entries->children[0], &col->children[0], elements));
    return export_col(ex, entries->children[1], &col->children[1], elements);
}

static lt_status export_struct(exporter *ex, struct ArrowArray *to, const lt_col *col,
                               row_list from)
{
    row_list fields = from;
    if (to->null_count > 0) {
        uint32_t *rows = buffer_new(ex, sizeof *rows * from.count);
        if (rows == NULL) {
            return nomem(ex);
        }
        for (uint32_t i = 0; i < from.count; i++) {
            rows[i] = is_null(col, from, i) ? ABSENT : row_of(from, i);
        }
        fields.rows = rows;
    }
    for (uint32_t i = 0; i < col->child_count; i++) {
        LT_TRY(export_col(ex, to->children[i], &col->children[i], fields));
    }
    return LT_OK;
}

static lt_status export_flat(exporter *ex, struct ArrowArray *to, const lt_col *col, row_list from)
{
    bool is_decimal = col->type->kind == LT_TYPE_DECIMAL;
    size_t size = is_decimal ? sizeof(lt_i128) : LT_MIN(lt_phys_size(col->phys), sizeof(int64_t));
    void *data = buffer_new(ex, size * ((size_t)from.count + 1));
    if (data == NULL) {
        return nomem(ex);
    }
    to->buffers[1] = data;
    if (col->phys == LT_PHYS_BOOL) {
        put_bools(data, col, from);
    } else if (col->phys == LT_PHYS_TS9) {
        return put_nanos(ex, data, col, from);
    } else if (is_decimal && col->phys == LT_PHYS_I64) {
        put_short_decimals(data, col, from);
    } else {
        put_fixed(data, col, from);
    }
    return LT_OK;
}

static lt_status export_col(exporter *ex, struct ArrowArray *to, const lt_col *col, row_list from)
{
    bool is_map = col->phys == LT_PHYS_LIST && col->type->kind != LT_TYPE_ARRAY;
    uint32_t buffers = col->phys == LT_PHYS_STR ? 4 : col->phys == LT_PHYS_STRUCT ? 1 : 2;
    LT_TRY(array_node(ex, to, from.count, buffers, is_map ? 1 : col->child_count));
    LT_TRY(put_validity(ex, to, col, from));
    switch (col->phys) {
    case LT_PHYS_STR:
        return put_views(ex, to, col, from);
    case LT_PHYS_LIST:
        return export_list(ex, to, col, from);
    case LT_PHYS_STRUCT:
        return export_struct(ex, to, col, from);
    case LT_PHYS_NONE:
    case LT_PHYS_BOOL:
    case LT_PHYS_I8:
    case LT_PHYS_I16:
    case LT_PHYS_I32:
    case LT_PHYS_I64:
    case LT_PHYS_I128:
    case LT_PHYS_F32:
    case LT_PHYS_F64:
    case LT_PHYS_TS9:
        break;
    }
    return export_flat(ex, to, col, from);
}

static lt_status export_batch(exporter *ex, const lt_batch *batch, struct ArrowArray *to)
{
    row_list live = {batch->sel, lt_batch_live(batch)};
    LT_TRY(array_node(ex, to, live.count, 1, batch->col_count + 1));
    for (uint32_t i = 0; i < batch->col_count; i++) {
        ex->column = batch->schema->fields[i].name;
        LT_TRY(export_col(ex, to->children[i], &batch->cols[i], live));
    }
    struct ArrowArray *op = to->children[batch->col_count];
    LT_TRY(array_node(ex, op, live.count, 2, 0));
    uint8_t *kinds = buffer_new(ex, live.count);
    if (kinds == NULL) {
        return nomem(ex);
    }
    for (uint32_t i = 0; i < live.count; i++) {
        kinds[i] = lt_batch_kind(batch, row_of(live, i));
    }
    op->buffers[1] = kinds;
    return LT_OK;
}

/* ---- listings: text columns, made into a batch that borrows everything ---- */

typedef struct {
    lt_schema schema;
    lt_batch batch;
} listing_view;

static listing_view *listing_new(lt_arena *arena, const lt_listing *listing)
{
    static const lt_type text = {
        .kind = LT_TYPE_VARCHAR, .nullable = true, .length = LT_LENGTH_MAX};
    uint32_t count = listing->column_count;
    listing_view *view = LT_NEW(arena, listing_view);
    lt_field *fields = LT_NEW_ARRAY(arena, lt_field, count + 1);
    lt_col *cols = LT_NEW_ARRAY(arena, lt_col, count + 1);
    if (view == NULL || fields == NULL || cols == NULL) {
        return NULL;
    }
    for (uint32_t c = 0; c < count; c++) {
        fields[c] = (lt_field){lt_str_of(listing->headers[c]), &text};
        if (!lt_col_init(&cols[c], &text, listing->row_count, arena)) {
            return NULL;
        }
        for (uint32_t row = 0; row < listing->row_count; row++) {
            lt_str cell = listing->cells[row * count + c];
            if (cell.ptr != NULL) {
                LT_COL_DATA(&cols[c], lt_strv)[row] = lt_strv_make(cell.ptr, cell.len);
            } else if (lt_col_need_valid(&cols[c], listing->row_count, arena) == NULL) {
                return NULL;
            } else {
                lt_bit_clear(cols[c].valid, row);
            }
        }
    }
    view->schema = (lt_schema){count, fields};
    view->batch.schema = &view->schema;
    view->batch.cols = cols;
    view->batch.col_count = count;
    view->batch.row_count = listing->row_count;
    view->batch.sel_count = listing->row_count;
    return view;
}

/* ---- the call ---- */

typedef struct {
    struct ArrowSchema schema;
    struct ArrowArray array;
} exported;

static lt_status export_with(leat *db, const lt_schema *schema, const lt_batch *batch,
                             exported *out, lt_error *err)
{
    exporter ex = {.owner = owner_new(db), .err = err};
    if (ex.owner == NULL) {
        return nomem(&ex);
    }
    lt_status st = schema != NULL ? export_schema(&ex, schema, &out->schema)
                                  : export_batch(&ex, batch, &out->array);
    owner_unref(ex.owner); /* the structures have their own references */
    return st;
}

/* schema and batch: each NULL when it is not wanted. */
static lt_status export_both(leat_job *job, const lt_schema *schema, const lt_batch *batch,
                             exported *out, lt_error *err)
{
    *out = (exported){.schema.release = NULL};
    lt_status st = LT_OK;
    if (schema != NULL) {
        st = export_with(job->db, schema, NULL, out, err);
    }
    if (st == LT_OK && batch != NULL) {
        st = export_with(job->db, NULL, batch, out, err);
    }
    if (st != LT_OK && out->schema.release != NULL) {
        out->schema.release(&out->schema);
    }
    if (st != LT_OK && out->array.release != NULL) {
        out->array.release(&out->array);
    }
    return st;
}

static lt_status take_listing(leat_job *job, bool want_schema, bool want_array, exported *out,
                              lt_error *err)
{
    if (want_array && job->listing_taken) {
        return LT_END;
    }
    lt_arena *arena = lt_arena_new(&job->db->mem, OWNER_BYTES_MAX);
    listing_view *view = arena != NULL ? listing_new(arena, &job->listing) : NULL;
    lt_status st = view == NULL ? lt_error_nomem(err, "Arrow rows")
                                : export_both(job, want_schema ? &view->schema : NULL,
                                              want_array ? &view->batch : NULL, out, err);
    lt_arena_free(arena);
    job->listing_taken = job->listing_taken || (want_array && st == LT_OK);
    return st;
}

static lt_status take_rows(leat_job *job, bool want_schema, bool want_array, exported *out,
                           lt_error *err)
{
    if (job->columns == NULL) {
        return lt_error_set(err, LT_ERR_USAGE,
                            "the job writes into tables and has no rows to take");
    }
    lt_batch *batch = want_array ? lt_api_next_batch(job) : NULL;
    if (want_array && batch == NULL) {
        return LT_END;
    }
    lt_status st = export_both(job, want_schema ? job->columns : NULL, batch, out, err);
    if (st == LT_OK) {
        lt_batch_unref(batch);
    } else {
        job->held = batch;
    }
    return st;
}

leat_status leat_take_arrow(leat_job *job, struct ArrowSchema *schema, struct ArrowArray *array)
{
    lt_error err;
    lt_error_clear(&err);
    exported out;
    lt_status st = job->plan == NULL ? take_listing(job, schema != NULL, array != NULL, &out, &err)
                                     : take_rows(job, schema != NULL, array != NULL, &out, &err);
    if (st == LT_END) {
        return LEAT_END;
    }
    if (st != LT_OK) {
        return lt_api_fail(job->db, &err, (lt_str){NULL, 0}, 0);
    }
    if (schema != NULL) {
        *schema = out.schema;
    }
    if (array != NULL) {
        *array = out.array;
    }
    return LEAT_OK;
}
