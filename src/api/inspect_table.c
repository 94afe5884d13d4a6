/* One checkpoint: its state tables, or the records of one of them.
 *
 * Checkpoints describe themselves (docs/internals/state.md): the tables are declared from their
 * descriptions and loaded as an operator would load them, so that every check of a restart is made
 * here too. What the bytes of a record mean is the operator's business: fields that it named are
 * shown by name, the rest as it is stored. */
#include "api/inspect_int.h"
#include "base/hash.h"
#include "expr/totext.h"
#include "expr/utf8.h"
#include "sql/parse.h"
#include "state/state.h"

#define ITEM_BLOCK  2 /* kinds of blocks */
#define TABLE_BLOCK 3
#define FOREVER_MS  (INT64_MAX / 4)
#define SCAN_ROWS   256
#define KEYS_MAX    64

typedef enum { IS_TABLE = 1, IS_SLICES = 2, IS_TIMERS = 3, IS_LISTS = 4 } item_kind;

/* A state table as its description says. */
typedef struct {
    item_kind kind;
    lt_str name;
    lt_str key; /* "plain(BIGINT, STRING)"; empty without one */
    uint32_t value_size;
    bool has_stamps;
    uint32_t group_fields;
    uint32_t *cell_offsets;
    uint32_t cell_count;
    lt_state_field *fields;
    uint32_t field_count;
    uint64_t records;
    uint64_t bytes;
    uint32_t tables; /* seen of it */
    const lt_rowcodec *codec;
    bool plain;       /* its keys can be decoded */
    const char *text; /* name, NUL-terminated */
    lt_table *table;
    lt_slices *slices;
    lt_timers *timers;
} item;

typedef LT_ARRAY(item) items;

typedef struct {
    leat *db;
    leat_job *job; /* whose arena keeps what is shown */
    lt_arena *arena;
    items found; /* of the part at hand */
    lt_state_loader *loader;
} viewer;

/* ---- descriptions ---- */

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
    bool is_short;
} reader;

static uint64_t take(reader *from, unsigned size)
{
    uint64_t value = 0;
    if (from->is_short || (size_t)(from->end - from->at) < size) {
        from->is_short = true;
        return 0;
    }
    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)from->at[i] << (8 * i);
    }
    from->at += size;
    return value;
}

static lt_str take_text(reader *from, lt_arena *arena)
{
    uint32_t len = (uint32_t)take(from, 4);
    if (from->is_short || (size_t)(from->end - from->at) < len) {
        from->is_short = true;
        return LT_STR("");
    }
    lt_str text = lt_arena_str(arena, (lt_str){(const char *)from->at, len});
    from->at += len;
    return text;
}

static lt_status parse_type(lt_arena *arena, lt_str text, const lt_type **out, lt_error *err)
{
    lt_ast_type *ast;
    LT_TRY(lt_sql_parse_type(&ast, arena, text, err));
    return lt_bind_type(arena, ast, out, err);
}

static void take_fields(viewer *self, reader *from, item *out)
{
    lt_error err;
    uint32_t count = (uint32_t)take(from, 4);
    out->fields = count < 4096 ? LT_NEW_ARRAY(self->arena, lt_state_field, count + 1) : NULL;
    for (uint32_t i = 0; out->fields != NULL && i < count && !from->is_short; i++) {
        lt_state_field *field = &out->fields[out->field_count];
        field->name = take_text(from, self->arena).ptr;
        lt_str type = take_text(from, self->arena);
        field->offset = (uint32_t)take(from, 4);
        out->field_count += field->name != NULL && type.ptr != NULL &&
                            parse_type(self->arena, type, &field->type, &err) == LT_OK;
    }
}

/* Kind, name, key, record size, stamps, groups, cells, layouts, fields. */
static bool take_item(viewer *self, reader *from, item *out)
{
    *out = (item){.kind = (item_kind)take(from, 4)};
    out->name = take_text(from, self->arena);
    out->key = take_text(from, self->arena);
    out->value_size = (uint32_t)take(from, 4);
    out->has_stamps = take(from, 4) != 0;
    out->group_fields = (uint32_t)take(from, 4);
    out->cell_count = (uint32_t)take(from, 4);
    bool fits = !from->is_short && out->cell_count <= (size_t)(from->end - from->at) / 4;
    out->cell_offsets = fits ? LT_NEW_ARRAY(self->arena, uint32_t, out->cell_count + 1) : NULL;
    for (uint32_t i = 0; out->cell_offsets != NULL && i < out->cell_count; i++) {
        out->cell_offsets[i] = (uint32_t)take(from, 4);
    }
    uint32_t layouts = (uint32_t)take(from, 4);
    for (uint32_t i = 0; i < layouts && !from->is_short; i++) {
        (void)take(from, 8);
        (void)take(from, 8);
    }
    take_fields(self, from, out);
    out->text =
        lt_arena_strndup(self->arena, out->name.ptr != NULL ? out->name.ptr : "", out->name.len);
    return !from->is_short && out->cell_offsets != NULL && out->fields != NULL && out->text != NULL;
}

static lt_status note_block(void *arg, uint64_t id, const uint8_t *bytes, size_t len, lt_error *err)
{
    viewer *self = arg;
    reader from = {bytes, bytes + len, false};
    (void)id;
    (void)take(&from, 4); /* checksum: the loader looks at it */
    uint64_t kind = take(&from, 4);
    if (kind == ITEM_BLOCK) {
        item one;
        if (!take_item(self, &from, &one)) {
            return lt_error_set(err, LT_ERR_STATE, "the description of a state table is damaged");
        }
        return lt_array_push(&self->found, &self->db->mem, one) ? LT_OK
                                                                : lt_error_nomem(err, "a listing");
    }
    if (self->found.count == 0) {
        return LT_OK;
    }
    item *last = &self->found.items[self->found.count - 1];
    last->bytes += len;
    if (kind == TABLE_BLOCK) {
        (void)take(&from, 8);
        (void)take(&from, 8);
        (void)take(&from, 8);
        /* Of lists the second table holds the rows, the first one only where they begin. */
        uint64_t records = take(&from, 8);
        last->records = last->kind == IS_LISTS ? records : last->records + records;
        last->tables++;
    }
    return LT_OK;
}

/* ---- which part is it ---- */

/* "Label#hash.n/task": up to the slash, and up to the number sign. */
static lt_str signature_of(const char *part)
{
    const char *slash = strrchr(part, '/');
    return (lt_str){part, slash != NULL ? (size_t)(slash - part) : strlen(part)};
}

static lt_str label_of(lt_str signature)
{
    size_t len = signature.len;
    while (len > 0 && signature.ptr[len - 1] != '#') {
        len--;
    }
    return len > 1 ? (lt_str){signature.ptr, len - 1} : signature;
}

static bool joins(lt_str before, lt_str name, lt_str wanted)
{
    return wanted.len == before.len + 1 + name.len && lt_str_starts(wanted, before) &&
           wanted.ptr[before.len] == '/' &&
           lt_str_eq((lt_str){wanted.ptr + before.len + 1, name.len}, name);
}

/* A table is called by its name, with the operator's before it where that is not enough. */
static bool is_called(const item *one, const char *part, lt_str wanted)
{
    lt_str signature = signature_of(part);
    return lt_str_eq(one->name, wanted) || joins(signature, one->name, wanted) ||
           joins(label_of(signature), one->name, wanted);
}

/* ---- the tables of a checkpoint ---- */

static const char *kind_name(item_kind kind)
{
    switch (kind) {
    case IS_TABLE:
        return "table";
    case IS_SLICES:
        return "windows";
    case IS_TIMERS:
        return "timers";
    case IS_LISTS:
        return "lists";
    }
    return "unknown";
}

static void item_row(lt_listing_builder *list, const char *part, const item *one)
{
    lt_str signature = signature_of(part);
    const char *task = part + signature.len + (part[signature.len] == '/');
    lt_listing_text(list, signature);
    lt_listing_text(list, lt_str_of(task));
    lt_listing_text(list, one->name);
    lt_listing_text(list, lt_str_of(kind_name(one->kind)));
    lt_listing_text(list, one->key);
    lt_listing_int(list, (int64_t)one->records);
    lt_listing_int(list, (int64_t)one->bytes);
}

static lt_status list_tables(viewer *self, lt_ckpt_reader *from, lt_error *err)
{
    static const char *const headers[] = {"operator", "task",    "table", "kind",
                                          "key",      "records", "bytes"};
    lt_listing_builder list;
    lt_ckpt_part part;
    lt_status st = LT_OK;
    lt_listing_begin(&list, self->db, self->job, headers, LT_COUNT_OF(headers));
    for (uint32_t i = 0; st == LT_OK && lt_ckpt_part_at(from, i, &part); i++) {
        self->found.count = 0;
        st = lt_ckpt_read_part(from, i, note_block, self, err);
        for (size_t k = 0; k < self->found.count; k++) {
            item_row(&list, part.name, &self->found.items[k]);
        }
    }
    return lt_listing_end(&list, st, err);
}

/* ---- loading ---- */

/* The end of the type that begins at `at`: the next comma outside of brackets and quotes. */
static size_t type_end(lt_str list, size_t at)
{
    int depth = 0;
    char quote = '\0';
    for (; at < list.len; at++) {
        char ch = list.ptr[at];
        if (quote != '\0') {
            quote = ch == quote ? '\0' : quote;
        } else if (ch == '`' || ch == '\'') {
            quote = ch;
        } else if (ch == '(' || ch == '<') {
            depth++;
        } else if (ch == ')' || ch == '>') {
            depth--;
        } else if (ch == ',' && depth == 0) {
            break;
        }
    }
    return at;
}

static lt_status make_codec(viewer *self, item *one, lt_error *err)
{
    const lt_type *types[KEYS_MAX];
    uint32_t count = 0;
    lt_str key = one->key;
    one->plain = lt_str_starts(key, LT_STR("plain("));
    size_t at = one->plain ? sizeof "plain(" - 1 : sizeof "ordered(" - 1;
    if (key.len == 0) {
        return LT_OK;
    }
    lt_str list = {key.ptr, key.len - 1};
    while (at < list.len && count < KEYS_MAX) {
        size_t end = type_end(list, at);
        lt_str text = lt_str_trim((lt_str){list.ptr + at, end - at});
        LT_TRY(parse_type(self->arena, text, &types[count++], err));
        at = end + 1;
    }
    const lt_type **kept = LT_NEW_ARRAY(self->arena, const lt_type *, count + 1);
    if (kept != NULL) {
        memcpy(kept, types, count * sizeof *kept);
        one->codec = lt_rowcodec_new(self->arena, kept, count, !one->plain);
    }
    return one->codec != NULL ? LT_OK : lt_error_nomem(err, "a listing");
}

static lt_status declare(viewer *self, lt_state *state, item *one, lt_error *err)
{
    lt_lists *lists;
    LT_TRY(make_codec(self, one, err));
    const lt_table_decl decl = {
        .name = one->text,
        .key = one->codec,
        .value_size = one->value_size,
        .cell_offsets = one->cell_offsets,
        .cell_count = one->cell_count,
        .ttl_ms = one->has_stamps ? FOREVER_MS : 0,
        .group_fields = one->group_fields,
    };
    const lt_timers_decl timers = {
        .name = one->text, .key = one->codec, .group_fields = one->group_fields};
    const lt_lists_decl of_lists = {.name = one->text,
                                    .key = one->codec,
                                    .group_fields = one->group_fields,
                                    .ttl_ms = decl.ttl_ms};
    switch (one->kind) {
    case IS_TABLE:
        return lt_state_table(state, &decl, &one->table, err);
    case IS_SLICES:
        return lt_state_slices(state, &decl, &one->slices, err);
    case IS_TIMERS:
        return lt_state_keyed_timers(state, &timers, &one->timers, err);
    case IS_LISTS:
        return lt_state_lists(state, &of_lists, &lists, err);
    }
    return lt_error_set(err, LT_ERR_STATE, "state table '%s' is of a kind that is not known",
                        one->text);
}

static lt_status load_block(void *arg, uint64_t id, const uint8_t *bytes, size_t len, lt_error *err)
{
    return lt_state_load_block(((viewer *)arg)->loader, id, bytes, len, err);
}

static lt_status load(viewer *self, lt_ckpt_reader *from, uint32_t part, lt_state *state,
                      lt_error *err)
{
    for (size_t i = 0; i < self->found.count; i++) {
        LT_TRY(declare(self, state, &self->found.items[i], err));
    }
    LT_TRY(lt_state_load_begin(state, 0, LT_KEY_GROUPS - 1, &self->loader, err));
    lt_status st = lt_ckpt_read_part(from, part, load_block, self, err);
    lt_status end = lt_state_load_end(self->loader, st != LT_OK, st == LT_OK ? err : NULL);
    return st != LT_OK ? st : end;
}

/* ---- records ---- */

/* Text where it is text, else x'..'. */
static void put_bytes(lt_text *to, const uint8_t *bytes, size_t len)
{
    const char *at = (const char *)bytes;
    const char *end = at + len;
    bool is_text = true;
    while (at < end && is_text) {
        const char *before = at;
        uint32_t code = lt_utf8_next(&at, end);
        is_text = code >= 0x20 && (code != 0xfffd || at - before == 3);
    }
    if (is_text) {
        lt_text_append(to, (const char *)bytes, len);
        return;
    }
    lt_text_puts(to, "x'");
    for (size_t i = 0; i < len; i++) {
        lt_text_printf(to, "%02x", bytes[i]);
    }
    lt_text_putc(to, '\'');
}

static lt_status key_cells(viewer *self, lt_listing_builder *list, const item *one,
                           const uint8_t *key, uint32_t len, lt_error *err)
{
    uint32_t count = one->codec != NULL ? lt_rowcodec_count(one->codec) : 0;
    lt_arena *scratch = self->arena;
    if (count > 0 && !one->plain) {
        lt_text_clear(&list->cell);
        put_bytes(&list->cell, key, len);
        lt_listing_text(list, lt_text_str(&list->cell));
        return LT_OK;
    }
    lt_col *cols = LT_NEW_ARRAY(scratch, lt_col, count + 1);
    lt_col **refs = LT_NEW_ARRAY(scratch, lt_col *, count + 1);
    bool made = cols != NULL && refs != NULL;
    for (uint32_t i = 0; made && i < count; i++) {
        made = lt_col_init(&cols[i], lt_rowcodec_type(one->codec, i), 1, scratch);
        refs[i] = &cols[i];
    }
    if (!made) {
        return lt_error_nomem(err, "a listing");
    }
    if (count > 0) {
        LT_TRY(lt_rowcodec_decode(one->codec, &key, &len, 1, 1, false, scratch, refs, err));
    }
    const lt_zone *zone = lt_catalog_session(self->db->catalog)->zone;
    for (uint32_t i = 0; i < count; i++) {
        if (lt_col_is_null(&cols[i], 0)) {
            lt_listing_null(list);
            continue;
        }
        lt_text_clear(&list->cell);
        lt_col_value_to_text(zone, cols[i].type, &cols[i], 0, &list->cell);
        lt_listing_text(list, lt_text_str(&list->cell));
    }
    return LT_OK;
}

static bool is_cell(const item *one, uint32_t offset)
{
    for (uint32_t i = 0; i < one->cell_count; i++) {
        if (one->cell_offsets[i] == offset) {
            return true;
        }
    }
    return false;
}

static lt_cell cell_at(const uint8_t *value, uint32_t offset)
{
    lt_cell cell;
    memcpy(&cell, value + offset, sizeof cell);
    return cell;
}

/* A field of the record by its type; what has no plain form is shown as bytes. */
static void field_cell(lt_listing_builder *list, const item *one, const lt_state_field *field,
                       const uint8_t *value)
{
    int64_t word = 0;
    double number;
    lt_text_clear(&list->cell);
    if (is_cell(one, field->offset)) {
        lt_cell cell = cell_at(value, field->offset);
        if (cell.cap_class == 0) {
            lt_listing_null(list);
            return;
        }
        put_bytes(&list->cell, cell.ptr, cell.len);
    } else if (field->offset + sizeof word <= one->value_size) {
        memcpy(&word, value + field->offset, sizeof word);
        memcpy(&number, &word, sizeof number);
        if (field->type->kind == LT_TYPE_DOUBLE) {
            lt_text_printf(&list->cell, "%.17g", number);
        } else {
            lt_text_printf(&list->cell, "%lld", (long long)word);
        }
    }
    lt_listing_text(list, lt_text_str(&list->cell));
}

/* The record as it is stored: its bytes without the cells, then the cells. */
static void raw_cell(lt_listing_builder *list, const item *one, const uint8_t *value)
{
    lt_text *text = &list->cell;
    lt_text_clear(text);
    lt_text_puts(text, "x'");
    for (uint32_t at = 0; at < one->value_size;) {
        if (is_cell(one, at)) {
            at += (uint32_t)sizeof(lt_cell);
            continue;
        }
        lt_text_printf(text, "%02x", value[at++]);
    }
    lt_text_putc(text, '\'');
    for (uint32_t i = 0; i < one->cell_count; i++) {
        lt_cell cell = cell_at(value, one->cell_offsets[i]);
        lt_text_puts(text, " | ");
        if (cell.cap_class != 0) {
            put_bytes(text, cell.ptr, cell.len);
        }
    }
    lt_listing_text(list, lt_text_str(text));
}

static void value_cells(lt_listing_builder *list, const item *one, const uint8_t *value)
{
    for (uint32_t i = 0; i < one->field_count; i++) {
        field_cell(list, one, &one->fields[i], value);
    }
    if (one->field_count == 0 && one->value_size > 0) {
        raw_cell(list, one, value);
    }
}

typedef struct {
    const char *task;
    const item *one;
    lt_listing_builder *list;
} shown_part;

static lt_status show_table(viewer *self, const shown_part *part, lt_table *table,
                            const int64_t *slice_end, lt_error *err)
{
    uint64_t cursor = 0;
    void *values[SCAN_ROWS];
    uint32_t count;
    while ((count = lt_table_scan(table, &cursor, values, SCAN_ROWS)) > 0) {
        for (uint32_t i = 0; i < count; i++) {
            uint32_t len = 0;
            const uint8_t *key =
                part->one->codec != NULL ? lt_table_key(table, values[i], &len) : NULL;
            lt_listing_text(part->list, lt_str_of(part->task));
            if (slice_end != NULL) {
                lt_listing_time(part->list, *slice_end);
            }
            LT_TRY(key_cells(self, part->list, part->one, key, len, err));
            value_cells(part->list, part->one, values[i]);
        }
    }
    return LT_OK;
}

static lt_status show_timers(viewer *self, const shown_part *part, lt_error *err)
{
    int64_t at_ms;
    const uint8_t *key;
    uint32_t len;
    while (lt_timers_pop(part->one->timers, INT64_MAX, &at_ms, &key, &len)) {
        lt_listing_text(part->list, lt_str_of(part->task));
        lt_listing_time(part->list, at_ms);
        if (part->one->codec != NULL) {
            LT_TRY(key_cells(self, part->list, part->one, key, len, err));
        } else {
            lt_text_clear(&part->list->cell);
            put_bytes(&part->list->cell, key, len);
            lt_listing_text(part->list, lt_text_str(&part->list->cell));
        }
    }
    return LT_OK;
}

static lt_status show_item(viewer *self, const shown_part *part, lt_error *err)
{
    int64_t end = INT64_MIN;
    switch (part->one->kind) {
    case IS_TABLE:
        return show_table(self, part, part->one->table, NULL, err);
    case IS_TIMERS:
        return show_timers(self, part, err);
    case IS_SLICES:
        for (lt_table *table = lt_slices_first(part->one->slices, &end); table != NULL;
             table = lt_slices_next(part->one->slices, end, &end)) {
            LT_TRY(show_table(self, part, table, &end, err));
        }
        return LT_OK;
    case IS_LISTS:
        break;
    }
    return lt_error_set(err, LT_ERR_UNSUPPORTED, "the rows of '%s' cannot be shown: it holds lists",
                        part->one->text);
}

/* Headers of an item's rows, in the job's arena. */
static lt_status begin_rows(viewer *self, lt_listing_builder *list, const item *one, lt_error *err)
{
    uint32_t keys = one->codec == NULL ? (one->kind == IS_TIMERS ? 1 : 0)
                    : one->plain       ? lt_rowcodec_count(one->codec)
                                       : 1;
    const char **headers =
        LT_NEW_ARRAY(self->job->arena, const char *, keys + one->field_count + 4);
    uint32_t count = 0;
    bool made = headers != NULL;
    if (made) {
        headers[count++] = "task";
        if (one->kind == IS_SLICES || one->kind == IS_TIMERS) {
            headers[count++] = one->kind == IS_SLICES ? "window end (UTC)" : "time (UTC)";
        }
    }
    for (uint32_t i = 0; made && i < keys; i++) {
        headers[count] = lt_arena_printf(self->job->arena, "key%u", i + 1);
        made = headers[count++] != NULL;
    }
    for (uint32_t i = 0; made && i < one->field_count; i++) {
        headers[count] = lt_arena_printf(self->job->arena, "%s", one->fields[i].name);
        made = headers[count++] != NULL;
    }
    if (made && one->field_count == 0 && one->value_size > 0 && one->kind != IS_TIMERS) {
        headers[count++] = "record";
    }
    if (!made) {
        return lt_error_nomem(err, "a listing");
    }
    lt_listing_begin(list, self->db, self->job, headers, count);
    return LT_OK;
}

/* The part's table of that name; NULL: it has none. */
static const item *find_item(const viewer *self, const char *part, lt_str wanted)
{
    for (size_t i = 0; i < self->found.count; i++) {
        if (is_called(&self->found.items[i], part, wanted)) {
            return &self->found.items[i];
        }
    }
    return NULL;
}

typedef struct {
    lt_listing_builder list;
    lt_str operator_; /* whose table it is; ptr NULL = not found yet */
} shown_table;

static lt_status show_part(viewer *self, lt_ckpt_reader *from, uint32_t index, const char *table,
                           shown_table *shown, lt_error *err)
{
    lt_ckpt_part part;
    (void)lt_ckpt_part_at(from, index, &part);
    self->found.count = 0;
    LT_TRY(lt_ckpt_read_part(from, index, note_block, self, err));
    const item *one = find_item(self, part.name, lt_str_of(table));
    if (one == NULL) {
        return LT_OK;
    }
    lt_str signature = signature_of(part.name);
    if (shown->operator_.ptr != NULL && !lt_str_eq(shown->operator_, signature)) {
        lt_error_set(err, LT_ERR_USAGE, "several operators have a state table '%s'", table);
        lt_error_hint(err, "write " LT_STR_FMT "/" LT_STR_FMT, LT_STR_ARG(signature),
                      LT_STR_ARG(one->name));
        return LT_ERR_USAGE;
    }
    lt_state *state = lt_state_new(&self->db->mem, self->db->env);
    lt_status st =
        state != NULL ? load(self, from, index, state, err) : lt_error_nomem(err, "a listing");
    if (st == LT_OK && shown->operator_.ptr == NULL) {
        shown->operator_ = lt_arena_str(self->arena, signature);
        st = begin_rows(self, &shown->list, one, err);
    }
    if (st == LT_OK) {
        const shown_part rows = {part.name + signature.len + 1, one, &shown->list};
        st = show_item(self, &rows, err);
    }
    lt_state_free(state);
    return st;
}

static lt_status show_rows(viewer *self, lt_ckpt_reader *from, const char *table, lt_error *err)
{
    shown_table shown = {.operator_ = {NULL, 0}};
    lt_ckpt_part part;
    lt_status st = LT_OK;
    for (uint32_t i = 0; st == LT_OK && lt_ckpt_part_at(from, i, &part); i++) {
        st = show_part(self, from, i, table, &shown, err);
    }
    if (shown.operator_.ptr != NULL) {
        return lt_listing_end(&shown.list, st, err);
    }
    if (st == LT_OK) {
        lt_error_set(err, LT_ERR_USAGE, "the checkpoint has no state table '%s'", table);
        lt_error_hint(err, "`leat state show` without a table lists them");
        st = LT_ERR_USAGE;
    }
    return st;
}

static lt_status show_statements(viewer *self, const lt_ckpt_reader *from, lt_error *err)
{
    static const char *const headers[] = {"sql"};
    lt_listing_builder list;
    lt_listing_begin(&list, self->db, self->job, headers, LT_COUNT_OF(headers));
    lt_listing_text(&list, lt_ckpt_reader_info(from)->sql);
    return lt_listing_end(&list, LT_OK, err);
}

#define STATEMENTS     "$statements"
#define VIEW_ARENA_MAX ((size_t)4 << 30)

lt_status lt_api_inspect_one(leat *db, const char *path, const char *table, leat_job *job,
                             lt_error *err)
{
    viewer self = {.db = db, .job = job, .arena = lt_arena_new(&db->mem, VIEW_ARENA_MAX)};
    lt_ckpt_reader *from = NULL;
    lt_status st = self.arena != NULL ? lt_ckpt_open_path(db->env, &db->mem, path, &from, err)
                                      : lt_error_nomem(err, "a listing");
    if (st == LT_OK && table == NULL) {
        st = list_tables(&self, from, err);
    } else if (st == LT_OK) {
        st = strcmp(table, STATEMENTS) == 0 ? show_statements(&self, from, err)
                                            : show_rows(&self, from, table, err);
    }
    lt_ckpt_reader_close(from);
    lt_array_deinit(&self.found, &db->mem);
    lt_arena_free(self.arena);
    return st;
}
