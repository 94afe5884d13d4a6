/* The block that describes an item, so that a checkpoint explains itself: written once, when the
 * item is declared, and read back when it is loaded or listed. */
#include <string.h>

#include "base/assert.h"
#include "state/describe_int.h"

/* ---- items ---- */

uint32_t lt_item_tables_(const state_item *item, lt_table **tables)
{
    lt_table *own[ITEM_TABLES_MAX] = {NULL, NULL};
    uint32_t count = 0;
    switch (item->kind) {
    case ITEM_TABLE:
        own[count++] = item->table;
        break;
    case ITEM_TIMERS:
        own[count++] = item->timers->set;
        break;
    case ITEM_LISTS:
        lt_lists_tables_(item->lists, own);
        count = 2;
        break;
    case ITEM_ORDERED:
        lt_ordered_tables_(item->ordered, own);
        count = 2;
        break;
    case ITEM_SLICES:
    case ITEM_KIND_END:
        break;
    }
    for (uint32_t i = 0; tables && i < count; i++) {
        tables[i] = own[i];
    }
    return count;
}

const lt_table_decl *lt_item_decl_(const state_item *item)
{
    lt_table *tables[ITEM_TABLES_MAX] = {NULL, NULL};
    if (item->kind == ITEM_SLICES) {
        return &item->slices->decl;
    }
    (void)lt_item_tables_(item, tables);
    return &tables[0]->decl;
}

entry_layout lt_item_layout_(const state_item *item, uint32_t n)
{
    lt_table *tables[ITEM_TABLES_MAX] = {NULL, NULL};
    if (item->kind == ITEM_SLICES) {
        return lt_table_layout_(&item->slices->decl, item->slices->kind);
    }
    uint32_t count = lt_item_tables_(item, tables);
    LT_ASSERT(n < count);
    return tables[n]->lay;
}

/* ---- writing ---- */

static void put32(lt_text *to, uint32_t value)
{
    uint8_t bytes[4];
    image_put32(bytes, value);
    lt_text_append(to, (const char *)bytes, sizeof bytes);
}

/* What print adds, with its length before it. */
static size_t open_text(lt_text *to)
{
    put32(to, 0);
    return to->len;
}

static void close_text(lt_text *to, size_t start)
{
    if (!to->failed) {
        image_put32((uint8_t *)to->ptr + start - 4, (uint32_t)(to->len - start));
    }
}

static void put_name(lt_text *to, const char *name)
{
    size_t start = open_text(to);
    lt_text_puts(to, name);
    close_text(to, start);
}

static void describe_fields(lt_text *to, const lt_table_decl *decl)
{
    put32(to, decl->field_count);
    for (uint32_t i = 0; i < decl->field_count; i++) {
        put_name(to, decl->fields[i].name);
        size_t start = open_text(to);
        lt_type_print(decl->fields[i].type, to);
        close_text(to, start);
        put32(to, decl->fields[i].offset);
    }
}

/* The record that people know: of lists there is none, of ordered maps it is the nodes'. */
const lt_table_decl *lt_item_record_(const state_item *item)
{
    lt_table *tables[ITEM_TABLES_MAX] = {NULL, NULL};
    if (item->kind != ITEM_ORDERED) {
        return lt_item_decl_(item);
    }
    (void)lt_item_tables_(item, tables);
    return &tables[1]->decl;
}

static void describe(lt_text *to, const state_item *item)
{
    const lt_table_decl *decl = lt_item_decl_(item);
    const lt_table_decl *record = lt_item_record_(item);
    put32(to, 0); /* CRC */
    put32(to, BLOCK_ITEM);
    put32(to, (uint32_t)item->kind);
    put_name(to, item->name);
    size_t start = open_text(to);
    if (decl->key) {
        lt_rowcodec_describe(decl->key, to);
    }
    close_text(to, start);
    put32(to, record->value_size);
    put32(to, decl->ttl_ms > 0);
    put32(to, decl->group_fields);
    put32(to, record->cell_count);
    for (uint32_t i = 0; i < record->cell_count; i++) {
        put32(to, record->cell_offsets[i]);
    }
    uint32_t tables = item->kind == ITEM_SLICES ? 1 : lt_item_tables_(item, NULL);
    put32(to, tables);
    for (uint32_t i = 0; i < tables; i++) {
        entry_layout lay = lt_item_layout_(item, i);
        put32(to, lay.stride);
        put32(to, lay.chunk_shift);
        put32(to, lay.block_shift);
        put32(to, lay.saved_size);
    }
    describe_fields(to, record);
}

lt_status lt_item_describe_(const lt_state *state, uint32_t number, state_item *item, lt_error *err)
{
    lt_text text;
    lt_text_init(&text, state->mem);
    describe(&text, item);
    item->description = text.failed ? NULL : lt_mem_alloc(state->mem, text.len);
    if (item->description) {
        memcpy(item->description, text.ptr, text.len);
        item->description_len = text.len;
        lt_image_seal_(block_id(number, 0, ID_DESCRIPTION), item->description, text.len);
    }
    lt_text_deinit(&text);
    return item->description ? LT_OK : lt_error_nomem(err, item->name);
}

/* ---- reading ---- */

bool lt_description_parse_(block_reader *from, item_description *out)
{
    *out = (item_description){0};
    out->kind = take32(from);
    out->name = take_text(from);
    out->key = take_text(from);
    out->value_size = take32(from);
    out->has_stamps = take32(from) != 0;
    out->group_fields = take32(from);
    out->cell_count = take32(from);
    out->cell_offsets = take_bytes(from, 4 * (size_t)out->cell_count);
    out->table_count = take32(from);
    if (from->short_read || out->table_count > ITEM_TABLES_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < out->table_count; i++) {
        out->tables[i].stride = take32(from);
        out->tables[i].chunk_shift = take32(from);
        out->tables[i].block_shift = take32(from);
        out->tables[i].saved_size = take32(from);
    }
    out->field_count = take32(from);
    out->fields = *from;
    for (uint32_t i = 0; i < out->field_count && !from->short_read; i++) {
        (void)take_text(from);
        (void)take_text(from);
        (void)take32(from);
    }
    return !from->short_read && from->at == from->end;
}
