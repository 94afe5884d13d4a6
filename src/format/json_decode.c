/* The JSON decoder: one object per line (NDJSON), or an array of objects, each of which is a row.
 *
 * Input goes by chunks of whole lines that fit the first-level cache: a chunk's UTF-8 is checked at
 * once, then the walk (json_walk.c) takes the records that look like earlier ones. What it leaves
 * goes line by line through the general path (json_value.c), which decides what is refused and why.
 * Rules:
 *   - a line of blanks is skipped and is no record; CRLF ends a line as well; a byte order mark at
 * the stream's start is skipped
 *   - anything behind the record's closing bracket is an error (Flink ignores it)
 *   - of equal keys the last wins; names are compared byte by byte, case and all
 *   - texts are strict UTF-8 and lone surrogates are refused (Flink replaces them) */
#include "format/json_int.h"

#include "format/json.h"
#include "format/utf8.h"

#define CHUNK_MIN        512
#define INDEX_PAUSE_MAX  32U /* chunks */
#define SCHEMA_BYTES_MAX ((size_t)64 << 20)

/* ---- compiling the schema ---- */

static bool compile_node(json_decoder *dec, json_node *node, lt_str name, const lt_type *type);

static json_object *compile_object(json_decoder *dec, const lt_field *fields, uint32_t count)
{
    json_object *object = LT_NEW(dec->arena, json_object);
    uint32_t cap = 8;
    while (cap < count * 4) {
        cap *= 2;
    }
    if (object == NULL) {
        return NULL;
    }
    object->count = count;
    object->slot_mask = cap - 1;
    object->nodes = LT_NEW_ARRAY(dec->arena, json_node, LT_MAX(count, 1));
    object->seen = LT_NEW_ARRAY(dec->arena, uint64_t, lt_bits_bytes(LT_MAX(count, 1)) / 8);
    object->slots = LT_NEW_ARRAY(dec->arena, int32_t, cap);
    if (object->nodes == NULL || object->seen == NULL || object->slots == NULL) {
        return NULL;
    }
    memset(object->slots, 0xff, cap * sizeof *object->slots);
    for (uint32_t i = 0; i < count; i++) {
        if (!compile_node(dec, &object->nodes[i], fields[i].name, fields[i].type)) {
            return NULL;
        }
        object->lengths |= 1ULL << LT_MIN(fields[i].name.len, (size_t)63);
        uint32_t at = json_name_hash(fields[i].name);
        while (object->slots[at & object->slot_mask] >= 0) {
            at++;
        }
        object->slots[at & object->slot_mask] = (int32_t)i;
    }
    return object;
}

static bool compile_children(json_decoder *dec, json_node *node)
{
    static const lt_type count_type = {.kind = LT_TYPE_INT, .nullable = false};
    const lt_type *type = node->type;
    bool multiset = type->kind == LT_TYPE_MULTISET;
    node->child_count = multiset ? 2 : type->field_count;
    node->children = LT_NEW_ARRAY(dec->arena, json_node, node->child_count);
    node->table = LT_NEW(dec->arena, json_map_table);
    if (node->children == NULL || node->table == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < node->child_count; i++) {
        const lt_type *child = i < type->field_count ? type->fields[i].type : &count_type;
        if (!compile_node(dec, &node->children[i], node->name, child)) {
            return false;
        }
    }
    return true;
}

static bool compile_node(json_decoder *dec, json_node *node, lt_str name, const lt_type *type)
{
    *node = (json_node){.type = type, .name = name};
    if (type->kind == LT_TYPE_ROW) {
        node->object = compile_object(dec, type->fields, type->field_count);
        return node->object != NULL;
    }
    if (type->kind == LT_TYPE_ARRAY || type->kind == LT_TYPE_MAP ||
        type->kind == LT_TYPE_MULTISET) {
        return compile_children(dec, node);
    }
    return true;
}

static void free_tables(json_decoder *dec, json_node *node)
{
    lt_mem *mem = dec->base.ctx.mem;
    if (node->table != NULL) {
        lt_mem_free(mem, node->table->slots, node->table->slot_cap * sizeof *node->table->slots);
    }
    for (uint32_t i = 0; node->children != NULL && i < node->child_count; i++) {
        free_tables(dec, &node->children[i]);
    }
    for (uint32_t i = 0; node->object != NULL && i < node->object->count; i++) {
        free_tables(dec, &node->object->nodes[i]);
    }
}

void json_decoder_free(lt_decoder *decoder)
{
    json_decoder *dec = (json_decoder *)(void *)decoder;
    if (dec == NULL) {
        return;
    }
    lt_mem *mem = dec->base.ctx.mem;
    for (uint32_t i = 0; dec->root != NULL && i < dec->root->count; i++) {
        free_tables(dec, &dec->root->nodes[i]);
    }
    for (uint32_t i = 0; i < JSON_LAYOUTS; i++) {
        json_layout *layout = &dec->layouts[i];
        lt_mem_free_aligned(mem, layout->steps, layout->step_cap * sizeof(json_step));
    }
    lt_text_deinit(&dec->scratch);
    lt_arena_free(dec->arena);
    lt_mem_free(mem, dec, sizeof *dec);
}

static bool option_bool(const lt_format_ctx *ctx, const char *name)
{
    return lt_options_bool(&ctx->options, ctx->prefix, json_options, JSON_OPTION_COUNT, name);
}

static lt_status compile(json_decoder *dec, lt_error *err)
{
    const lt_format_ctx *ctx = &dec->base.ctx;
    dec->arena = lt_arena_new(ctx->mem, SCHEMA_BYTES_MAX);
    if (dec->arena == NULL) {
        return lt_error_nomem(err, "the json decoder");
    }
    dec->root = compile_object(dec, ctx->schema->fields, ctx->schema->count);
    if (dec->root == NULL) {
        return lt_error_nomem(err, "the json decoder");
    }
    for (uint32_t i = 0; i < JSON_LAYOUTS; i++) {
        dec->layouts[i].missing = LT_NEW_ARRAY(dec->arena, uint32_t, LT_MAX(ctx->schema->count, 1));
        if (dec->layouts[i].missing == NULL) {
            return lt_error_nomem(err, "the json decoder");
        }
    }
    return LT_OK;
}

lt_status json_decoder_new(const lt_format_ctx *ctx, lt_decoder **out, lt_error *err)
{
    json_decoder *dec = lt_mem_zalloc(ctx->mem, sizeof *dec);
    if (dec == NULL) {
        return lt_error_nomem(err, "the json decoder");
    }
    lt_decoder_base_init(&dec->base, ctx);
    lt_text_init(&dec->scratch, ctx->mem);
    lt_str standard = lt_options_get(&ctx->options, ctx->prefix, json_options, JSON_OPTION_COUNT,
                                     "timestamp-format.standard");
    lt_conv_time_forms(&dec->rules, lt_str_eq_ci(standard, LT_STR("ISO-8601")), ctx->lenient);
    dec->rules.decimal_trim = true;
    dec->rules.time_clamp = !ctx->lenient;
    dec->rules.bool_strict = ctx->lenient;
    dec->fail_on_missing = option_bool(ctx, "fail-on-missing-field");
    dec->ignore_errors = option_bool(ctx, "ignore-parse-errors");
    dec->walkable = dec->base.record_bytes_max >= JSON_CHUNK_BYTES;
    dec->row_bytes = 64;
    dec->array_at = -1;
    lt_status st = compile(dec, err);
    if (st != LT_OK) {
        json_decoder_free((lt_decoder *)(void *)dec);
        return st;
    }
    *out = (lt_decoder *)(void *)dec;
    return LT_OK;
}

/* ---- one line ---- */

/* State of one decode call. */
typedef struct {
    json_decoder *dec;
    lt_decode_in *in;
    lt_batch *batch;
    size_t chunk_end;     /* up to here lines were looked at as a chunk */
    bool chunk_valid;     /* and are UTF-8 */
    const char *chunk;    /* its start */
    const uint16_t *line; /* newline of the line at in->pos, while that is in the chunk */
    const uint16_t *line_end;
} decode_call;

static lt_status reject_line(decode_call *call, json_reader *r, const char *from, const char *to,
                             lt_error *err)
{
    const char *base = call->in->buf->ptr;
    lt_cols_restore(call->batch->cols, call->batch->col_count, call->batch->row_count);
    while (to > from && to[-1] == '\r') {
        to--;
    }
    return lt_decoder_reject(&call->dec->base, call->in, (size_t)(from - base), (size_t)(to - base),
                             &r->why, err);
}

static void start_reader(decode_call *call, json_reader *r, const char *from, const char *to)
{
    r->dec = call->dec;
    r->record = from;
    r->end = to;
    r->arena = call->batch->arena;
    r->depth = 1;
    r->tracing = false;
    r->why.code = NULL;
}

/* An element of a top-level array, already known to be well-formed. */
static lt_status read_element(decode_call *call, json_reader *r, const char **at, lt_error *err)
{
    lt_batch *batch = call->batch;
    const char *from = *at;
    const char *inside = from;
    json_slot to = {batch->cols, batch->row_count, batch->row_cap};
    r->depth = 1;
    *at = json_skip_value(r, from);
    LT_ASSERT(*at != NULL);
    json_result got = JSON_BROKEN;
    if (*from == '{') {
        r->depth = 2;
        got = json_read_object(r, call->dec->root, to, &inside);
    } else {
        (void)json_broken(r, "bad-json", "an element of the record's array is no object");
    }
    if (got == JSON_NOMEM) {
        return lt_error_nomem(err, "a json record");
    }
    if (got == JSON_OK) {
        batch->row_count++;
        call->dec->base.stats.records++;
        return LT_OK;
    }
    lt_status st = reject_line(call, r, from, *at, err); /* the element alone */
    r->why.code = NULL;
    return st;
}

/* A line that is an array: a row per element. When the batch is full the line stays unconsumed, and
 * the elements given out are remembered by its position. */
static lt_status read_array_line(decode_call *call, json_reader *r, const char *at, bool *whole,
                                 lt_error *err)
{
    json_decoder *dec = call->dec;
    int64_t position = call->in->base_offset + (int64_t)call->in->pos;
    uint64_t done = dec->array_at == position ? dec->array_done : 0;
    uint64_t index = 0;
    const char *open = at;
    *whole = true;
    const char *end = json_skip_value(r, at);
    if (end == NULL || json_skip_blanks(end, r->end) != r->end) {
        (void)json_broken(r, "bad-json", "something stands behind the record");
        return reject_line(call, r, r->record, r->end, err);
    }
    at = json_skip_blanks(open + 1, r->end);
    while (*at != ']') {
        if (index >= done) {
            if (call->batch->row_count == call->batch->row_cap) {
                dec->array_at = position;
                dec->array_done = index;
                *whole = false;
                return LT_OK;
            }
            LT_TRY(read_element(call, r, &at, err));
        } else {
            r->depth = 1;
            at = json_skip_value(r, at);
        }
        index++;
        at = json_skip_blanks(at, r->end);
        if (*at == ',') {
            at = json_skip_blanks(at + 1, r->end);
        }
    }
    dec->array_at = -1;
    return LT_OK;
}

static lt_status read_object_line(decode_call *call, json_reader *r, const char *at, lt_error *err)
{
    json_decoder *dec = call->dec;
    lt_batch *batch = call->batch;
    json_slot to = {batch->cols, batch->row_count, batch->row_cap};
    json_result got;
    bool learn = dec->walkable && dec->learn_wait == 0 && *r->end == '\n';
    if (dec->learn_wait > 0) {
        dec->learn_wait--;
    }
    r->tracing = learn;
    dec->trace_count = 0;
    dec->trace_full = false;
    dec->trace_end = 0;
    got = json_read_object(r, dec->root, to, &at);
    if (got == JSON_OK && json_skip_blanks(at, r->end) != r->end) {
        got = json_broken(r, "bad-json", "something stands behind the record");
    }
    if (got == JSON_NOMEM) {
        return lt_error_nomem(err, "a json record");
    }
    if (got != JSON_OK) {
        return reject_line(call, r, r->record, r->end, err);
    }
    batch->row_count++;
    dec->base.stats.records++;
    dec->row_bytes = (uint32_t)(r->end - r->record) + 1;
    if (learn) {
        json_learn(dec, r, r->end);
        if (!json_layouts_bind(dec, batch)) {
            return lt_error_nomem(err, "a json record");
        }
    }
    return LT_OK;
}

/* The line [from, to). *whole: it may be consumed. */
static lt_status read_line(decode_call *call, const char *from, const char *to, bool *whole,
                           lt_error *err)
{
    json_reader r;
    start_reader(call, &r, from, to);
    *whole = true;
    const char *at = json_skip_blanks(from, to);
    if (at == to) {
        return LT_OK;
    }
    bool known = (size_t)(to - call->in->buf->ptr) < call->chunk_end && call->chunk_valid;
    if (!known && !lt_utf8_valid(from, (size_t)(to - from), call->dec->base.cpu)) {
        (void)json_broken(&r, "bad-utf8", "the record is not UTF-8");
        return reject_line(call, &r, from, to, err);
    }
    if (*at == '{') {
        return read_object_line(call, &r, at, err);
    }
    if (*at == '[') {
        r.depth = 0;
        return read_array_line(call, &r, at, whole, err);
    }
    (void)json_broken(&r, "bad-json", "the record is no object");
    return reject_line(call, &r, from, to, err);
}

/* ---- many lines ---- */

/* Looks at the next chunk of whole lines, if there is one at in->pos. */
static void next_chunk(decode_call *call)
{
    json_decoder *dec = call->dec;
    lt_decode_in *in = call->in;
    const char *from = in->buf->ptr + in->pos;
    uint64_t rows = call->batch->row_cap - call->batch->row_count;
    uint64_t want = LT_MIN(rows * dec->row_bytes + CHUNK_MIN, (uint64_t)JSON_CHUNK_BYTES);
    size_t len = LT_MIN(in->end - in->pos, want);
    json_index *index = &dec->index;
    bool full = dec->index_wait == 0 && dec->layouts[dec->layout_now].step_count > 0;
    json_index_fill(index, from, len, dec->base.cpu, full);
    if (!full) {
        dec->index_wait -= dec->index_wait > 0;
    } else {
        /* Text with escapes everywhere is not worth the full index: it is tried ever less often. */
        dec->index_pause = index->plain ? 0 : LT_MIN(dec->index_pause * 2 + 1, INDEX_PAUSE_MAX);
        dec->index_wait = dec->index_pause;
    }
    uint32_t count = index->line_count;
    call->chunk = from;
    call->line = index->newlines;
    call->line_end = index->newlines + count;
    call->chunk_end = in->pos + (count > 0 ? (size_t)index->newlines[count - 1] + 1 : 0);
    call->chunk_valid = count > 0 && (index->ascii || lt_utf8_valid(from, call->chunk_end - in->pos,
                                                                    dec->base.cpu));
}

static void walk_chunk(decode_call *call)
{
    json_decoder *dec = call->dec;
    lt_decode_in *in = call->in;
    const char *base = in->buf->ptr;
    json_reader r;
    json_walk walk = {
        .at = base + in->pos,
        .base = call->chunk,
        .newlines = call->line,
        .newlines_end = call->line_end,
        .wide_limit = base + (in->end > LT_BUF_PADDING ? in->end - LT_BUF_PADDING : 0),
        .row = call->batch->row_count,
        .row_cap = call->batch->row_cap,
        .cols = call->batch->cols,
    };
    start_reader(call, &r, walk.at, base + call->chunk_end - 1);
    json_walk_for(dec->base.cpu, dec->index.plain)(dec, &r, &walk);
    uint32_t rows = walk.row - call->batch->row_count;
    size_t bytes = (size_t)(walk.at - base) - in->pos;
    if (rows > 0) {
        dec->row_bytes = (uint32_t)(bytes / rows + 1);
    }
    dec->base.stats.records += rows;
    dec->base.stats.bytes += bytes;
    call->batch->row_count = walk.row;
    call->line = walk.newlines;
    in->pos += bytes;
}

/* One line by the general path. *stop: no complete record is left, or the batch is full. */
static lt_status decode_line(decode_call *call, bool *stop, lt_error *err)
{
    lt_decode_in *in = call->in;
    lt_line_state state;
    const char *from = in->buf->ptr + in->pos;
    bool known = in->pos < call->chunk_end;
    const char *newline = known ? call->chunk + *call->line : memchr(from, '\n', in->end - in->pos);
    LT_TRY(lt_decoder_line(&call->dec->base, in, newline, &state, err));
    *stop = state.stop;
    if (!state.go_on) {
        return LT_OK;
    }
    bool whole;
    const char *to = newline ? newline : in->buf->ptr + in->end;
    LT_TRY(read_line(call, from, to, &whole, err));
    if (!whole) {
        *stop = true;
        return LT_OK;
    }
    size_t next = (size_t)(to - in->buf->ptr) + (newline != NULL);
    if (known) {
        call->line++;
    }
    call->dec->base.stats.bytes += next - in->pos;
    in->pos = next;
    return LT_OK;
}

lt_status json_decode(lt_decoder *decoder, lt_decode_in *in, lt_batch *batch, lt_error *err)
{
    json_decoder *dec = (json_decoder *)(void *)decoder;
    decode_call call = {.dec = dec, .in = in, .batch = batch, .chunk_end = in->pos};
    bool wait;
    (void)lt_decoder_stream_start(&dec->base, in, &wait);
    if (wait || in->pos == in->end || batch->row_count == batch->row_cap) {
        return LT_OK;
    }
    if (!lt_decoder_pin(&dec->base, batch, in->buf) || !json_layouts_bind(dec, batch)) {
        return lt_error_nomem(err, "a json batch");
    }
    bool stop = false;
    while (!stop && in->pos < in->end && batch->row_count < batch->row_cap) {
        if (dec->walkable && !dec->base.skipping) {
            if (in->pos >= call.chunk_end) {
                next_chunk(&call);
            }
            if (call.chunk_valid && in->pos < call.chunk_end) {
                walk_chunk(&call);
                if (in->pos == call.chunk_end || batch->row_count == batch->row_cap) {
                    continue;
                }
            }
        }
        LT_TRY(decode_line(&call, &stop, err));
    }
    return LT_OK;
}
