/* State without its operator: items are declared as their descriptions come by, then the blocks are
 * loaded as ever; rows are read through the tables' own functions. */
#include "state/read.h"

#include <string.h>

#include "base/assert.h"
#include "state/load_int.h"

#define ROWS_MAX    1024
#define TYPES_BYTES ((size_t)64 << 20)
#define NO_EXPIRY   (INT64_MAX / 4)

typedef struct {
    lt_str name;
    lt_str key;
    const lt_rowcodec *codec; /* NULL: the key is shown as bytes, or there is none */
    const lt_type **types;
    uint32_t type_count;
    lt_state_field *fields; /* of the record; field_count 0: as bytes */
    uint32_t field_count;
    uint32_t value_size; /* without what lists and maps keep there */
    uint32_t value_at;   /* from the record */
    uint32_t *cell_offsets;
    uint32_t cell_count;
    const lt_schema *schema;
    int64_t bytes;
} read_item;

struct lt_state_reader {
    lt_mem *mem;
    lt_arena *arena;
    lt_batch_pool *pool;
    lt_state *state;
    lt_state_loader *loader;
    LT_ARRAY(read_item) items;
    /* The rows being read. */
    uint32_t item;
    lt_table *table;
    int64_t slice_end;
    bool begun;
    uint64_t cursor;
    const void *head;    /* of a list or a map whose rows come next */
    uint64_t row_cursor; /* of the list */
    const void *node;    /* of the map */
};

/* ---- declaring ---- */

static bool copy_text(lt_state_reader *reader, lt_str from, lt_str *to)
{
    char *bytes = LT_NEW_ARRAY(reader->arena, char, from.len + 1);
    if (!bytes) {
        return false;
    }
    memcpy(bytes, from.ptr, from.len);
    bytes[from.len] = '\0';
    *to = (lt_str){bytes, from.len};
    return true;
}

static bool read_key(lt_state_reader *reader, const item_description *from, read_item *item)
{
    if (!copy_text(reader, from->name, &item->name) || !copy_text(reader, from->key, &item->key)) {
        return false;
    }
    item->types = LT_NEW_ARRAY(reader->arena, const lt_type *, DESCRIBED_TYPES_MAX);
    if (!item->types) {
        return false;
    }
    if (lt_described_types_(item->key, reader->mem, reader->arena, item->types,
                            &item->type_count) != LT_OK) {
        return false;
    }
    if (item->type_count == NOT_SCALARS) {
        item->type_count = 0;
        return true;
    }
    item->codec = lt_rowcodec_new(reader->arena, item->types, item->type_count, false);
    return item->codec != NULL;
}

/* Are the named fields within the record and of types that have a column? */
static bool read_fields(lt_state_reader *reader, const item_description *from, read_item *item)
{
    block_reader at = from->fields;
    item->fields = LT_NEW_ARRAY(reader->arena, lt_state_field, (size_t)from->field_count + 1);
    if (!item->fields) {
        return false;
    }
    uint32_t count = from->field_count;
    for (uint32_t i = 0; i < count; i++) {
        lt_str name;
        if (!copy_text(reader, take_text(&at), &name)) {
            return false;
        }
        const lt_type *type;
        if (lt_described_type_(take_text(&at), reader->mem, reader->arena, &type) != LT_OK) {
            return false;
        }
        uint32_t offset = take32(&at);
        size_t size = !type                               ? SIZE_MAX
                      : lt_type_phys(type) == LT_PHYS_STR ? sizeof(lt_cell)
                                                          : lt_phys_size(lt_type_phys(type));
        if (!type || size > from->value_size || offset > from->value_size - size) {
            count = 0;
            break;
        }
        item->fields[i] = (lt_state_field){name.ptr, type, offset};
    }
    item->field_count = count;
    return true;
}

static lt_status senseless(lt_error *err)
{
    return lt_load_damaged_(err, "a state table's description makes no sense");
}

static lt_status read_record(lt_state_reader *reader, const item_description *from, read_item *item,
                             lt_error *err)
{
    item->value_at = from->kind == ITEM_ORDERED ? ORDERED_HEAD_BYTES : 0;
    item->value_size = from->kind == ITEM_TIMERS || from->kind == ITEM_LISTS ? 0 : from->value_size;
    item->cell_offsets = LT_NEW_ARRAY(reader->arena, uint32_t, (size_t)from->cell_count + 1);
    if (!item->cell_offsets) {
        return lt_error_nomem(err, "reading state");
    }
    if (item->value_size < item->value_at) {
        return senseless(err);
    }
    item->value_size -= item->value_at;
    item->cell_count = from->cell_count;
    for (uint32_t c = 0; c < from->cell_count; c++) {
        uint32_t offset = image_get32(from->cell_offsets + 4 * (size_t)c);
        if (offset < item->value_at || offset % 8 != 0 || item->value_size < sizeof(lt_cell) ||
            offset - item->value_at > item->value_size - sizeof(lt_cell)) {
            return senseless(err);
        }
        item->cell_offsets[c] = offset - item->value_at;
    }
    return read_fields(reader, from, item) ? LT_OK : lt_error_nomem(err, "reading state");
}

static bool add_column(lt_field *fields, uint32_t *count, const char *name, const lt_type *type)
{
    if (!name || !type) {
        return false;
    }
    fields[(*count)++] = (lt_field){lt_str_of(name), type};
    return true;
}

static bool make_schema(lt_state_reader *reader, uint32_t kind, read_item *item)
{
    lt_arena *arena = reader->arena;
    size_t most = (size_t)item->type_count + item->field_count + item->cell_count + 6;
    lt_field *fields = LT_NEW_ARRAY(arena, lt_field, most);
    const lt_type *time = lt_type_time(arena, LT_TYPE_TIMESTAMP, 3, false);
    const lt_type *bytes = lt_type_sized(arena, LT_TYPE_VARBINARY, LT_LENGTH_MAX, true);
    uint32_t count = 0;
    bool done = fields && time && bytes;
    if (done && (kind == ITEM_SLICES || kind == ITEM_TIMERS)) {
        done = add_column(fields, &count, kind == ITEM_SLICES ? "slice_end" : "time", time);
    }
    for (uint32_t k = 0; done && k < item->type_count; k++) {
        done = add_column(fields, &count, lt_arena_printf(arena, "key_%u", k + 1), item->types[k]);
    }
    if (done && !item->codec && (item->key.len > 0 || kind == ITEM_TIMERS)) {
        done = add_column(fields, &count, "key", bytes);
    }
    if (done && (kind == ITEM_LISTS || kind == ITEM_ORDERED)) {
        done = add_column(fields, &count, kind == ITEM_LISTS ? "row" : "order", bytes);
    }
    for (uint32_t f = 0; done && f < item->field_count; f++) {
        done = add_column(fields, &count, item->fields[f].name, item->fields[f].type);
    }
    if (done && item->field_count == 0 && item->value_size > 0) {
        done = add_column(fields, &count, "value", bytes);
        for (uint32_t c = 0; done && c < item->cell_count; c++) {
            done = add_column(fields, &count, lt_arena_printf(arena, "cell_%u", c + 1), bytes);
        }
    }
    item->schema = done ? lt_schema_new(arena, fields, count) : NULL;
    return item->schema != NULL;
}

static lt_status declare_item(lt_state_reader *reader, const item_description *from,
                              const read_item *item, lt_error *err)
{
    lt_state *state = reader->state;
    lt_table_decl decl = {.name = item->name.ptr,
                          .key = item->codec,
                          .value_size = item->value_size,
                          .cell_offsets = item->cell_offsets,
                          .cell_count = item->cell_count,
                          .ttl_ms = from->has_stamps ? NO_EXPIRY : 0,
                          .group_fields = 0};
    lt_table *table;
    lt_slices *slices;
    lt_timers *timers;
    lt_lists *lists;
    lt_ordered *ordered;
    bool bytes_key = !item->codec && item->key.len > 0;
    const lt_timers_decl timers_decl = {.name = decl.name, .key = item->codec};
    const lt_lists_decl lists_decl = {.name = decl.name,
                                      .key = item->codec,
                                      .marked = lt_lists_are_wide_(from->tables[1].saved_size)};
    const lt_ordered_decl ordered_decl = {.name = decl.name,
                                          .key = item->codec,
                                          .value_size = decl.value_size,
                                          .cell_offsets = decl.cell_offsets,
                                          .cell_count = decl.cell_count};
    state->keys_as_bytes = bytes_key;
    switch (from->kind) {
    case ITEM_TABLE:
        return lt_state_table(state, &decl, &table, err);
    case ITEM_SLICES:
        return lt_state_slices(state, &decl, &slices, err);
    case ITEM_TIMERS:
        return lt_state_keyed_timers(state, &timers_decl, &timers, err);
    case ITEM_LISTS:
        return lt_state_lists(state, &lists_decl, &lists, err);
    case ITEM_ORDERED:
        return lt_state_ordered(state, &ordered_decl, &ordered, err);
    default:
        return lt_load_damaged_(err, "a state table is of no known kind");
    }
}

static lt_status declare(void *arg, const item_description *from, lt_error *err)
{
    lt_state_reader *reader = arg;
    read_item item = {.bytes = 0};
    if (!read_key(reader, from, &item)) {
        return lt_error_nomem(err, "reading state");
    }
    LT_TRY(read_record(reader, from, &item, err));
    if (!make_schema(reader, from->kind, &item)) {
        return lt_error_nomem(err, "reading state");
    }
    LT_TRY(declare_item(reader, from, &item, err));
    return lt_array_push(&reader->items, reader->mem, item) ? LT_OK
                                                            : lt_error_nomem(err, "reading state");
}

/* ---- the reader ---- */

lt_status lt_state_reader_new(lt_mem *mem, lt_state_reader **out, lt_error *err)
{
    lt_state_reader *reader = lt_mem_zalloc(mem, sizeof *reader);
    if (!reader) {
        return lt_error_nomem(err, "reading state");
    }
    reader->mem = mem;
    reader->arena = lt_arena_new(mem, TYPES_BYTES);
    reader->pool = lt_batch_pool_new(mem, 1);
    reader->state = lt_state_new(mem, NULL);
    lt_status st =
        reader->arena && reader->pool && reader->state
            ? lt_state_load_begin(reader->state, 0, LT_KEY_GROUPS - 1, &reader->loader, err)
            : lt_error_nomem(err, "reading state");
    if (st != LT_OK) {
        lt_state_reader_free(reader);
        return st;
    }
    reader->loader->declare = declare;
    reader->loader->declare_arg = reader;
    *out = reader;
    return LT_OK;
}

void lt_state_reader_free(lt_state_reader *reader)
{
    if (!reader) {
        return;
    }
    if (reader->loader) {
        (void)lt_state_load_end(reader->loader, true, NULL);
    }
    lt_state_free(reader->state);
    lt_batch_pool_free(reader->pool);
    lt_arena_free(reader->arena);
    lt_array_deinit(&reader->items, reader->mem);
    lt_mem_free(reader->mem, reader, sizeof *reader);
}

lt_status lt_state_reader_block(void *arg, uint64_t id, const uint8_t *bytes, size_t len,
                                lt_error *err)
{
    lt_state_reader *reader = arg;
    LT_TRY(lt_state_load_block(reader->loader, id, bytes, len, err));
    if (reader->items.count > 0 && id != ID_END) {
        reader->items.items[reader->items.count - 1].bytes += (int64_t)len;
    }
    return LT_OK;
}

lt_status lt_state_reader_ready(lt_state_reader *reader, lt_error *err)
{
    lt_state_loader *loader = reader->loader;
    reader->loader = NULL;
    return lt_state_load_end(loader, false, err);
}

uint32_t lt_state_reader_count(const lt_state_reader *reader)
{
    return (uint32_t)reader->items.count;
}

static uint64_t records_of(const state_item *item)
{
    uint64_t records = 0;
    for (size_t i = 0; item->slices && i < item->slices->items.count; i++) {
        records += lt_table_count(item->slices->items.items[i]->table);
    }
    records += item->table ? lt_table_count(item->table) : 0;
    records += item->timers ? lt_table_count(item->timers->set) : 0;
    records += item->lists ? lt_lists_count(item->lists) : 0;
    return records + (item->ordered ? lt_ordered_count(item->ordered) : 0);
}

void lt_state_reader_item(const lt_state_reader *reader, uint32_t index, lt_state_item *out)
{
    static const char *const kinds[ITEM_KIND_END] = {
        [ITEM_TABLE] = "table", [ITEM_SLICES] = "slices",       [ITEM_TIMERS] = "timers",
        [ITEM_LISTS] = "lists", [ITEM_ORDERED] = "ordered map",
    };
    const read_item *item = &reader->items.items[index];
    const state_item *own = &reader->state->items.items[index];
    *out = (lt_state_item){.name = item->name,
                           .kind = kinds[own->kind],
                           .key = item->key,
                           .schema = item->schema,
                           .records = records_of(own),
                           .bytes = item->bytes};
}

/* ---- rows ---- */

typedef struct {
    const uint8_t *key;
    uint32_t key_len;
    int64_t time;
    lt_str row; /* of a list; the order of a map's record */
    const uint8_t *value;
} read_row;

void lt_state_reader_open(lt_state_reader *reader, uint32_t index)
{
    const state_item *item = &reader->state->items.items[index];
    lt_table *tables[ITEM_TABLES_MAX] = {NULL, NULL};
    (void)lt_item_tables_(item, tables);
    reader->item = index;
    reader->table = item->slices ? lt_slices_first(item->slices, &reader->slice_end) : tables[0];
    reader->cursor = 0;
    reader->head = NULL;
}

/* The next record of the tables; of slices one after the other. */
static const void *next_record(lt_state_reader *reader)
{
    const state_item *item = &reader->state->items.items[reader->item];
    void *value = NULL;
    while (reader->table && lt_table_scan(reader->table, &reader->cursor, &value, 1) == 0) {
        reader->table = item->slices
                            ? lt_slices_next(item->slices, reader->slice_end, &reader->slice_end)
                            : NULL;
        reader->cursor = 0;
    }
    return value;
}

/* Moves to the next list or map that has rows. */
static bool next_head(lt_state_reader *reader, const state_item *item)
{
    while (!reader->head) {
        reader->head = next_record(reader);
        if (!reader->head) {
            return false;
        }
        reader->row_cursor = item->lists ? lt_lists_start_(reader->head) : 0;
        reader->node = item->ordered ? lt_ordered_first(item->ordered, reader->head) : NULL;
        if (reader->row_cursor == 0 && !reader->node) {
            reader->head = NULL;
        }
    }
    return true;
}

static bool next_row(lt_state_reader *reader, read_row *row)
{
    const state_item *item = &reader->state->items.items[reader->item];
    *row = (read_row){.time = reader->slice_end};
    if (!item->lists && !item->ordered) {
        const void *value = next_record(reader);
        if (!value) {
            return false;
        }
        row->time = reader->slice_end;
        row->value = value;
        row->key = lt_table_key(reader->table, value, &row->key_len);
        if (item->timers) {
            row->time = (int64_t)image_get64(row->key);
            row->key += TIMER_KEY_HEAD;
            row->key_len -= TIMER_KEY_HEAD;
        }
        return true;
    }
    if (!next_head(reader, item)) {
        return false;
    }
    row->key = lt_table_key(reader->table, reader->head, &row->key_len);
    bool more;
    if (item->lists) {
        const uint8_t *bytes;
        uint32_t len;
        lt_lists_next(item->lists, &reader->row_cursor, &bytes, &len);
        row->row = (lt_str){(const char *)bytes, len};
        more = reader->row_cursor != 0;
    } else {
        row->value = reader->node;
        row->row = lt_ordered_bytes(item->ordered, reader->node);
        reader->node = lt_ordered_next(item->ordered, reader->node);
        more = reader->node != NULL;
    }
    reader->head = more ? reader->head : NULL;
    return true;
}

static bool put_bytes(lt_batch *batch, uint32_t col, uint32_t row, const void *ptr, size_t len)
{
    char *copy = LT_NEW_ARRAY(batch->arena, char, len + 1);
    if (!copy) {
        return false;
    }
    if (len > 0) {
        memcpy(copy, ptr, len);
    }
    LT_COL_DATA(&batch->cols[col], lt_strv)[row] = lt_strv_make(copy, len);
    return true;
}

static bool put_cell(lt_batch *batch, uint32_t col, uint32_t row, const uint8_t *at)
{
    lt_cell cell;
    memcpy(&cell, at, sizeof cell);
    if (cell.cap_class > 0) {
        return put_bytes(batch, col, row, cell.ptr, cell.len);
    }
    if (!lt_col_need_valid(&batch->cols[col], batch->row_cap, batch->arena)) {
        return false;
    }
    lt_bit_clear(batch->cols[col].valid, row);
    return true;
}

/* The record's bytes without the addresses in its cells, then each cell. */
static bool put_raw(const read_item *item, lt_batch *batch, uint32_t col, uint32_t row,
                    const uint8_t *value)
{
    uint8_t *copy = LT_NEW_ARRAY(batch->arena, uint8_t, (size_t)item->value_size + 1);
    if (!copy) {
        return false;
    }
    memcpy(copy, value, item->value_size);
    for (uint32_t c = 0; c < item->cell_count; c++) {
        memset(copy + item->cell_offsets[c], 0, sizeof(lt_cell));
        if (!put_cell(batch, col + 1 + c, row, value + item->cell_offsets[c])) {
            return false;
        }
    }
    LT_COL_DATA(&batch->cols[col], lt_strv)
    [row] = lt_strv_make((const char *)copy, item->value_size);
    return true;
}

static bool put_fields(const read_item *item, lt_batch *batch, uint32_t col, uint32_t row,
                       const uint8_t *value)
{
    for (uint32_t f = 0; f < item->field_count; f++) {
        const uint8_t *at = value + item->fields[f].offset;
        lt_col *to = &batch->cols[col + f];
        size_t size = lt_phys_size(to->phys);
        if (to->phys == LT_PHYS_STR) {
            if (!put_cell(batch, col + f, row, at)) {
                return false;
            }
        } else {
            memcpy((uint8_t *)to->data + row * size, at, size);
        }
    }
    return true;
}

/* Columns but the key's. */
static bool put_row(const lt_state_reader *reader, lt_batch *batch, uint32_t at,
                    const read_row *row)
{
    const read_item *item = &reader->items.items[reader->item];
    const state_item *own = &reader->state->items.items[reader->item];
    uint32_t col = 0;
    if (own->slices || own->timers) {
        LT_COL_DATA(&batch->cols[col++], int64_t)[at] = row->time;
    }
    col += item->type_count;
    if (!item->codec && (item->key.len > 0 || own->timers) &&
        !put_bytes(batch, col++, at, row->key, row->key_len)) {
        return false;
    }
    if ((own->lists || own->ordered) && !put_bytes(batch, col++, at, row->row.ptr, row->row.len)) {
        return false;
    }
    if (item->field_count > 0) {
        return put_fields(item, batch, col, at, row->value);
    }
    return item->value_size == 0 || put_raw(item, batch, col, at, row->value);
}

static lt_status put_keys(const lt_state_reader *reader, lt_batch *batch,
                          const uint8_t *const *keys, const uint32_t *lens, uint32_t count,
                          lt_error *err)
{
    const read_item *item = &reader->items.items[reader->item];
    const state_item *own = &reader->state->items.items[reader->item];
    if (!item->codec || item->type_count == 0) {
        return LT_OK;
    }
    lt_col *refs[DESCRIBED_TYPES_MAX];
    for (uint32_t k = 0; k < item->type_count; k++) {
        refs[k] = &batch->cols[k + (own->slices || own->timers ? 1 : 0)];
    }
    return lt_rowcodec_decode(item->codec, keys, lens, count, batch->row_cap, true, batch->arena,
                              refs, err);
}

static lt_status fill_batch(lt_state_reader *reader, lt_batch *batch, lt_error *err)
{
    const uint8_t *keys[ROWS_MAX];
    uint32_t lens[ROWS_MAX];
    read_row row;
    uint32_t count = 0;
    while (count < ROWS_MAX && next_row(reader, &row)) {
        keys[count] = row.key;
        lens[count] = row.key_len;
        if (!put_row(reader, batch, count, &row)) {
            return lt_error_nomem(err, "reading state");
        }
        count++;
    }
    batch->row_count = count;
    batch->sel_count = count;
    return put_keys(reader, batch, keys, lens, count, err);
}

lt_status lt_state_reader_rows(lt_state_reader *reader, lt_batch **out, lt_error *err)
{
    const read_item *item = &reader->items.items[reader->item];
    lt_batch *batch = lt_batch_new(reader->pool, item->schema, ROWS_MAX);
    *out = NULL;
    if (!batch) {
        return lt_error_nomem(err, "reading state");
    }
    lt_status st = fill_batch(reader, batch, err);
    if (st != LT_OK || batch->row_count == 0) {
        lt_batch_unref(batch);
        return st;
    }
    *out = batch;
    return LT_OK;
}
