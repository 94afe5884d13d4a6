/* The CSV decoder, with Flink's rules (Jackson's): fields by position, quotes with line ends and
 * doubled quotes inside, spaces behind a closing quote, a blank line is one empty field. A carriage
 * return ends a record too, with or without a newline behind it.
 *
 * One pass over the marks of 64 bytes at a time (csv_scan.c) cuts a record into spans; only the
 * columns wanted are converted. Resynchronising after a bad record: from the place of the error to
 * the next line end. A record without end ("open quote") is rejected at the end of the stream or
 * when it is too long; then the first newline behind the maximum ends it. */
#include "format/csv.h"

#include "format/csv_scan.h"
#include "format/decode_int.h"
#include "format/number.h"
#include "format/utf8.h"

#define ASCII_WINDOW     16384
#define SCHEMA_BYTES_MAX ((size_t)64 << 20)

typedef struct {
    const char *from;
    uint32_t len;
    bool quoted; /* quotes are cut off */
    bool coded;  /* holds doubled quotes or escapes */
} csv_span;

typedef struct {
    lt_decoder_base base;
    lt_arena *arena;
    csv_dialect dialect;
    csv_marks marks;
    csv_scan_fn *scan;
    lt_conv_rules rules;
    csv_span *spans; /* one per field of the physical record */
    uint32_t field_count;
    bool header_pending;
    uint32_t *wanted; /* schema column -> field */
} csv_decoder;

/* ---- cutting ---- */

/* Marks in order. */
typedef struct {
    csv_decoder *dec;
    const char *block;
    uint64_t bits;
    const char *end;
} mark_reader;

static void marks_start(mark_reader *marks, csv_decoder *dec, const char *at, const char *end)
{
    *marks = (mark_reader){.dec = dec, .block = at, .end = end};
    marks->bits = at < end ? dec->scan(at, &dec->marks) : 0;
}

/* The next mark, or `end`. */
LT_INLINE const char *marks_next(mark_reader *marks)
{
    while (marks->bits == 0) {
        marks->block += 64;
        if (marks->block >= marks->end) {
            return marks->end;
        }
        marks->bits = marks->dec->scan(marks->block, &marks->dec->marks);
    }
    const char *at = marks->block + LT_CTZ64(marks->bits);
    marks->bits &= marks->bits - 1;
    return at < marks->end ? at : marks->end;
}

/* The next mark behind `at`, which a mark before has covered. */
static const char *marks_next_from(mark_reader *marks, const char *at)
{
    const char *mark;
    do {
        mark = marks_next(marks);
    } while (mark < at && mark < marks->end);
    return mark;
}

typedef enum {
    CUT_RECORD,     /* record->next is behind its line end */
    CUT_INCOMPLETE, /* more bytes are needed */
    CUT_BROKEN      /* record->why; record->next is behind the line end at which to go on */
} cut_result;

typedef struct {
    const char *from;
    const char *stop; /* its line end */
    const char *next;
    uint32_t count; /* fields, also those that no span holds */
    lt_refusal why;
} csv_record;

static bool is_line_end(char ch)
{
    return ch == '\n' || ch == '\r';
}

/* `at` is a line end or the end of input: where the next record begins; NULL when one more byte is
 * needed to know. */
static const char *behind_line_end(const char *at, const char *end, bool last)
{
    if (at == end) {
        return last ? end : NULL;
    }
    if (*at == '\n') {
        return at + 1;
    }
    if (at + 1 == end) {
        return last ? end : NULL;
    }
    return at + 1 + (at[1] == '\n');
}

static void put_span(csv_decoder *dec, csv_record *record, csv_span span)
{
    if (record->count < dec->field_count) {
        dec->spans[record->count] = span;
    }
    record->count++;
}

/* From an error to the line end behind it. */
static cut_result broken_at(mark_reader *marks, csv_record *record, const char *at, bool last)
{
    lt_refuse(&record->why, "bad-csv",
              "a character other than the delimiter behind a closing quote");
    const char *end = marks->end;
    while (at < end && !is_line_end(*at)) {
        at++;
    }
    record->stop = at;
    record->next = behind_line_end(at, end, last);
    return record->next ? CUT_BROKEN : CUT_INCOMPLETE;
}

/* A quoted field from behind its quote: gives the delimiter or line end behind it, NULL for
 * *result. */
static const char *cut_quoted(mark_reader *marks, csv_record *record, const char *from, bool last,
                              cut_result *result)
{
    csv_decoder *dec = marks->dec;
    const char quote = dec->dialect.quote;
    csv_span span = {.from = from, .quoted = true};
    const char *least = from;
    for (;;) {
        const char *at = marks_next_from(marks, least);
        if (at == marks->end) {
            break;
        }
        if (dec->dialect.escape != '\0' && *at == dec->dialect.escape) {
            span.coded = true;
            least = at + 2;
            continue;
        }
        if (*at != quote) {
            continue; /* delimiters and line ends belong to the field */
        }
        if (at + 1 == marks->end && !last) {
            break;
        }
        if (at + 1 < marks->end && at[1] == quote) {
            span.coded = true;
            least = at + 2;
            continue;
        }
        span.len = (uint32_t)(at - from);
        put_span(dec, record, span);
        const char *behind = at + 1;
        while (behind < marks->end && *behind == ' ' && *behind != dec->dialect.delimiter) {
            behind++;
        }
        if (behind == marks->end) {
            if (!last) {
                break;
            }
            return behind;
        }
        if (*behind != dec->dialect.delimiter && !is_line_end(*behind)) {
            *result = broken_at(marks, record, behind, last);
            return NULL;
        }
        return marks_next_from(marks, behind);
    }
    if (last) {
        lt_refuse(&record->why, "bad-csv", "the quote that opens a field is never closed");
        record->stop = marks->end;
        record->next = marks->end;
        *result = CUT_BROKEN;
    } else {
        *result = CUT_INCOMPLETE;
    }
    return NULL;
}

/* A plain field from its first byte: its delimiter, line end or the end of input. */
static const char *cut_plain(mark_reader *marks, csv_record *record, const char *from)
{
    csv_decoder *dec = marks->dec;
    csv_span span = {.from = from};
    const char *least = from;
    const char *at;
    for (;;) {
        at = marks_next_from(marks, least);
        if (at == marks->end || *at == dec->dialect.delimiter || is_line_end(*at)) {
            break;
        }
        if (dec->dialect.escape != '\0' && *at == dec->dialect.escape) {
            span.coded = true;
            least = at + 2;
        }
    }
    span.len = (uint32_t)(at - from);
    put_span(dec, record, span);
    return at;
}

/* Cuts the record at record->from. */
static cut_result cut_record(csv_decoder *dec, csv_record *record, const char *end, bool last)
{
    mark_reader marks;
    const char *at = record->from;
    const char quote = dec->dialect.quote;
    record->count = 0;
    marks_start(&marks, dec, at, end);
    for (;;) {
        if (quote != '\0' && at < end && *at == quote) {
            cut_result result = CUT_RECORD;
            at = cut_quoted(&marks, record, at + 1, last, &result);
            if (at == NULL) {
                return result;
            }
        } else {
            at = cut_plain(&marks, record, at);
        }
        if (at < end && *at == dec->dialect.delimiter) {
            at++;
            continue;
        }
        record->stop = at;
        record->next = behind_line_end(at, end, last);
        return record->next ? CUT_RECORD : CUT_INCOMPLETE;
    }
}

/* ---- converting ---- */

static char escaped_char(char ch)
{
    switch (ch) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case '0':
        return '\0';
    default:
        return ch;
    }
}

/* The span's text, decoded into the arena when it has to be. ptr NULL = out of memory. */
static lt_str span_text(const csv_decoder *dec, const csv_span *span, lt_arena *arena)
{
    lt_str text = {span->from, span->len};
    if (!span->coded) {
        return text;
    }
    char *out = lt_arena_alloc(arena, LT_MAX(text.len, 1), 1);
    char *to = out;
    const char *end = text.ptr + text.len;
    if (out == NULL) {
        return (lt_str){0};
    }
    for (const char *at = text.ptr; at < end; at++) {
        if (dec->dialect.escape != '\0' && *at == dec->dialect.escape && at + 1 < end) {
            *to++ = escaped_char(*++at);
        } else {
            *to++ = *at;
            at += span->quoted && *at == dec->dialect.quote; /* the second of two */
        }
    }
    return (lt_str){out, (size_t)(to - out)};
}

/* Where a value goes. */
typedef struct {
    const lt_field *field;
    lt_col *col;
    uint32_t row;
    uint32_t cap;
    lt_arena *arena;
} csv_slot;

typedef enum { PUT_OK, PUT_BAD, PUT_NULL_REFUSED, PUT_NOMEM } put_result;

static put_result put_null(const csv_slot *slot)
{
    if (!slot->field->type->nullable) {
        return PUT_NULL_REFUSED;
    }
    return lt_col_put_null(slot->col, slot->row, slot->cap, slot->arena) ? PUT_OK : PUT_NOMEM;
}

static put_result put_scalar(const csv_decoder *dec, const csv_slot *slot, lt_str text)
{
    bool literal = dec->dialect.has_null && lt_str_eq(text, dec->dialect.null_literal);
    if (literal ||
        (dec->base.ctx.lenient && text.len == 0 && !lt_type_is_string(slot->field->type))) {
        return put_null(slot);
    }
    lt_col_put_valid(slot->col, slot->row);
    switch (lt_conv_text(&dec->rules, slot->col, slot->row, text, slot->arena)) {
    case LT_CONV_OK:
        return PUT_OK;
    case LT_CONV_NULL:
        return put_null(slot);
    case LT_CONV_NOMEM:
        return PUT_NOMEM;
    case LT_CONV_BAD:
        break;
    }
    return PUT_BAD;
}

/* As put_scalar, with NULL for what cannot be read if errors are ignored. */
static put_result put_settled(const csv_decoder *dec, const csv_slot *slot, lt_str text)
{
    put_result got = put_scalar(dec, slot, text);
    return got == PUT_BAD && dec->dialect.ignore_errors ? put_null(slot) : got;
}

/* Cuts the next element off *rest; false when there is none. */
static bool next_element(const csv_decoder *dec, lt_str *rest, lt_str *element)
{
    lt_str delimiter = dec->dialect.array_delimiter;
    if (rest->ptr == NULL) {
        return false;
    }
    *element = *rest;
    for (size_t at = 0; at + delimiter.len <= rest->len; at++) {
        if (memcmp(rest->ptr + at, delimiter.ptr, delimiter.len) == 0) {
            element->len = at;
            *rest = (lt_str){rest->ptr + at + delimiter.len, rest->len - at - delimiter.len};
            return true;
        }
    }
    *rest = (lt_str){0};
    return true;
}

static put_result put_array(const csv_decoder *dec, const csv_slot *slot, lt_str text)
{
    lt_col *col = slot->col;
    lt_span span = {col->child_len, 0};
    lt_str rest = text;
    lt_str element;
    while (text.len > 0 && next_element(dec, &rest, &element)) {
        if (!lt_col_reserve_children(col, 1, slot->arena)) {
            return PUT_NOMEM;
        }
        csv_slot child = {&slot->field->type->fields[0], col->children, col->child_len,
                          col->child_cap, slot->arena};
        put_result got = put_settled(dec, &child, element);
        if (got != PUT_OK) {
            return got;
        }
        col->child_len++;
        span.count++;
    }
    lt_col_put_valid(col, slot->row);
    LT_COL_DATA(col, lt_span)[slot->row] = span;
    return PUT_OK;
}

static put_result put_row(const csv_decoder *dec, const csv_slot *slot, lt_str text)
{
    const lt_type *type = slot->field->type;
    lt_str rest = text;
    lt_str element;
    uint32_t i = 0;
    lt_col_put_valid(slot->col, slot->row);
    while (i < type->field_count && next_element(dec, &rest, &element)) {
        csv_slot child = {&type->fields[i], &slot->col->children[i], slot->row, slot->cap,
                          slot->arena};
        put_result got = put_settled(dec, &child, element);
        if (got != PUT_OK) {
            return got;
        }
        i++;
    }
    if (rest.ptr != NULL ||
        (i < type->field_count && (!dec->dialect.ignore_errors || text.len == 0))) {
        return PUT_BAD;
    }
    for (; i < type->field_count; i++) {
        csv_slot child = {&type->fields[i], &slot->col->children[i], slot->row, slot->cap,
                          slot->arena};
        put_result got = put_null(&child);
        if (got != PUT_OK) {
            return got;
        }
    }
    return PUT_OK;
}

static put_result put_field(const csv_decoder *dec, const csv_slot *slot, lt_str text)
{
    lt_type_kind kind = slot->field->type->kind;
    if (kind != LT_TYPE_ARRAY && kind != LT_TYPE_ROW) {
        return put_settled(dec, slot, text);
    }
    if (dec->dialect.has_null && lt_str_eq(text, dec->dialect.null_literal)) {
        return put_null(slot);
    }
    put_result got = kind == LT_TYPE_ARRAY ? put_array(dec, slot, text) : put_row(dec, slot, text);
    return got == PUT_BAD && dec->dialect.ignore_errors ? put_null(slot) : got;
}

static void refuse_field(csv_record *record, const lt_field *field, put_result got, lt_str text)
{
    int name_len = (int)LT_MIN(field->name.len, (size_t)60);
    if (got == PUT_NULL_REFUSED) {
        lt_refuse(&record->why, "null-value", "field '%.*s' is NOT NULL", name_len,
                  field->name.ptr);
        record->why.stage = LT_STAGE_CONSTRAINT;
    } else {
        lt_refuse(&record->why, "bad-field", "field '%.*s': no such value: %.*s", name_len,
                  field->name.ptr, (int)LT_MIN(text.len, (size_t)60), text.ptr);
    }
}

/* The record's wanted fields into the batch's next row. PUT_BAD: record->why. */
static put_result put_record(csv_decoder *dec, csv_record *record, lt_batch *batch)
{
    if (record->count > dec->field_count) {
        lt_refuse(&record->why, "too-many-fields", "%u fields where the table has %u",
                  record->count, dec->field_count);
        return PUT_BAD;
    }
    if (record->count < dec->field_count && !dec->dialect.ignore_errors) {
        lt_refuse(&record->why, "too-few-fields", "%u fields where the table has %u", record->count,
                  dec->field_count);
        return PUT_BAD;
    }
    const lt_schema *schema = dec->base.ctx.schema;
    for (uint32_t i = 0; i < schema->count; i++) {
        csv_slot slot = {&schema->fields[i], &batch->cols[i], batch->row_count, batch->row_cap,
                         batch->arena};
        lt_str text = {0};
        put_result got;
        if (dec->wanted[i] >= record->count) {
            got = put_null(&slot);
        } else {
            text = span_text(dec, &dec->spans[dec->wanted[i]], batch->arena);
            got = text.ptr == NULL ? PUT_NOMEM : put_field(dec, &slot, text);
        }
        if (got == PUT_NOMEM) {
            return got;
        }
        if (got != PUT_OK) {
            refuse_field(record, &schema->fields[i], got, text);
            return PUT_BAD;
        }
    }
    return PUT_OK;
}

/* ---- the loop ---- */

typedef struct {
    csv_decoder *dec;
    lt_decode_in *in;
    lt_batch *batch;
    const char *ascii_end; /* up to here the input is known to be ASCII */
} csv_call;

static void consume(csv_call *call, const char *to)
{
    size_t next = (size_t)(to - call->in->buf->ptr);
    call->dec->base.stats.bytes += next - call->in->pos;
    call->in->pos = next;
}

static bool record_is_utf8(csv_call *call, const csv_record *record)
{
    lt_cpu_level cpu = call->dec->base.cpu;
    const char *end = call->in->buf->ptr + call->in->end;
    if (record->stop <= call->ascii_end) {
        return true;
    }
    size_t window = LT_MIN((size_t)(end - record->from), (size_t)ASCII_WINDOW);
    call->ascii_end = record->from + lt_ascii_prefix(record->from, window, cpu);
    return record->stop <= call->ascii_end ||
           lt_utf8_valid(record->from, (size_t)(record->stop - record->from), cpu);
}

static lt_status reject_record(csv_call *call, const csv_record *record, lt_error *err)
{
    const char *base = call->in->buf->ptr;
    lt_cols_restore(call->batch->cols, call->batch->col_count, call->batch->row_count);
    return lt_decoder_reject(&call->dec->base, call->in, (size_t)(record->from - base),
                             (size_t)(record->stop - base), &record->why, err);
}

/* A comment, a header or (for inferred tables) a blank line. */
static bool is_no_row(csv_decoder *dec, const csv_record *record)
{
    if (dec->dialect.comments) {
        const char *at = record->from;
        while (at < record->stop && (*at == ' ' || *at == '\t')) {
            at++;
        }
        if (at < record->stop && *at == '#') {
            return true;
        }
    }
    if (dec->base.ctx.lenient && record->from == record->stop) {
        return true;
    }
    bool header = dec->header_pending;
    dec->header_pending = false;
    return header;
}

/* Too long, by now: rejected, and skipped up to the first newline behind the maximum. */
static lt_status skip_long(csv_call *call, const char *from, lt_error *err)
{
    lt_decoder_base *base = &call->dec->base;
    csv_record record = {.from = from};
    lt_refuse(&record.why, "record-too-long", "the record is longer than %lld bytes",
              (long long)base->record_bytes_max);
    record.stop = from + LT_MIN(base->record_bytes_max, (int64_t)LT_REJECT_RAW_MAX);
    LT_TRY(reject_record(call, &record, err));
    base->skipping = true;
    consume(call, from + base->record_bytes_max);
    return LT_OK;
}

/* A comment line ends at its line end, whatever quotes are in it. */
static bool at_comment(const csv_decoder *dec, const char *at, const char *end)
{
    while (dec->dialect.comments && at < end && (*at == ' ' || *at == '\t')) {
        at++;
    }
    return dec->dialect.comments && at < end && *at == '#';
}

static cut_result cut_comment(csv_record *record, const char *end, bool last)
{
    const char *at = record->from;
    while (at < end && !is_line_end(*at)) {
        at++;
    }
    record->stop = at;
    record->next = behind_line_end(at, end, last);
    return record->next ? CUT_RECORD : CUT_INCOMPLETE;
}

/* One record. *stop: no complete one is left. */
static lt_status decode_record(csv_call *call, bool *stop, lt_error *err)
{
    csv_decoder *dec = call->dec;
    const char *base = call->in->buf->ptr;
    const char *end = base + call->in->end;
    csv_record record = {.from = base + call->in->pos};
    bool comment = at_comment(dec, record.from, end);
    cut_result cut = comment ? cut_comment(&record, end, call->in->last)
                             : cut_record(dec, &record, end, call->in->last);
    /* A record whose line end is known but may go on (a carriage return at the end of input) is as
     * long as it will be. */
    const char *known = cut == CUT_INCOMPLETE && record.stop == NULL ? end : record.stop;
    if (known - record.from > dec->base.record_bytes_max) {
        return skip_long(call, record.from, err);
    }
    if (cut == CUT_INCOMPLETE) {
        *stop = true;
        return LT_OK;
    }
    bool good = cut == CUT_RECORD;
    if (good && (comment || is_no_row(dec, &record))) {
        consume(call, record.next);
        return LT_OK;
    }
    if (good && !record_is_utf8(call, &record)) {
        lt_refuse(&record.why, "bad-utf8", "the record is not UTF-8");
        good = false;
    }
    if (good) {
        put_result got = put_record(dec, &record, call->batch);
        if (got == PUT_NOMEM) {
            return lt_error_nomem(err, "a csv record");
        }
        good = got == PUT_OK;
    }
    if (!good) {
        LT_TRY(reject_record(call, &record, err));
    } else {
        call->batch->row_count++;
        dec->base.stats.records++;
    }
    consume(call, record.next);
    return LT_OK;
}

static void skip_rest(csv_call *call, bool *stop)
{
    const char *from = call->in->buf->ptr + call->in->pos;
    const char *newline = memchr(from, '\n', call->in->end - call->in->pos);
    consume(call, newline ? newline + 1 : call->in->buf->ptr + call->in->end);
    call->dec->base.skipping = newline == NULL && !call->in->last;
    *stop = newline == NULL;
}

lt_status csv_decode(lt_decoder *decoder, lt_decode_in *in, lt_batch *batch, lt_error *err)
{
    csv_decoder *dec = (csv_decoder *)(void *)decoder;
    csv_call call = {.dec = dec, .in = in, .batch = batch, .ascii_end = in->buf->ptr + in->pos};
    bool wait;
    if (lt_decoder_stream_start(&dec->base, in, &wait)) {
        dec->header_pending = dec->base.ctx.skip_header;
    }
    if (wait || in->pos == in->end || batch->row_count == batch->row_cap) {
        return LT_OK;
    }
    if (!lt_decoder_pin(&dec->base, batch, in->buf)) {
        return lt_error_nomem(err, "a csv batch");
    }
    bool stop = false;
    while (!stop && in->pos < in->end && batch->row_count < batch->row_cap) {
        if (dec->base.skipping) {
            skip_rest(&call, &stop);
        } else {
            LT_TRY(decode_record(&call, &stop, err));
        }
    }
    return LT_OK;
}

/* ---- open ---- */

void csv_decoder_free(lt_decoder *decoder)
{
    csv_decoder *dec = (csv_decoder *)(void *)decoder;
    if (dec != NULL) {
        lt_mem *mem = dec->base.ctx.mem;
        lt_arena_free(dec->arena);
        lt_mem_free(mem, dec, sizeof *dec);
    }
}

static lt_status compile(csv_decoder *dec, lt_error *err)
{
    const lt_format_ctx *ctx = &dec->base.ctx;
    const lt_schema *record = ctx->record_schema ? ctx->record_schema : ctx->schema;
    LT_TRY(csv_dialect_read(ctx, &dec->dialect, err));
    dec->arena = lt_arena_new(ctx->mem, SCHEMA_BYTES_MAX);
    if (dec->arena == NULL) {
        return lt_error_nomem(err, "the csv decoder");
    }
    dec->field_count = record->count;
    dec->spans = LT_NEW_ARRAY(dec->arena, csv_span, LT_MAX(record->count, 1));
    dec->wanted = LT_NEW_ARRAY(dec->arena, uint32_t, LT_MAX(ctx->schema->count, 1));
    if (dec->spans == NULL || dec->wanted == NULL) {
        return lt_error_nomem(err, "the csv decoder");
    }
    for (uint32_t i = 0; i < ctx->schema->count; i++) {
        dec->wanted[i] = ctx->record_schema ? ctx->record_index[i] : i;
    }
    const csv_dialect *dialect = &dec->dialect;
    dec->marks = (csv_marks){
        .delimiter = dialect->delimiter,
        .quote = dialect->quote ? dialect->quote : '\n',
        .escape = dialect->escape ? dialect->escape : '\n',
    };
    return LT_OK;
}

lt_status csv_decoder_new(const lt_format_ctx *ctx, lt_decoder **out, lt_error *err)
{
    csv_decoder *dec = lt_mem_zalloc(ctx->mem, sizeof *dec);
    if (dec == NULL) {
        return lt_error_nomem(err, "the csv decoder");
    }
    lt_decoder_base_init(&dec->base, ctx);
    dec->scan = csv_scan_for(dec->base.cpu);
    lt_conv_time_forms(&dec->rules, false, ctx->lenient);
    dec->rules.date_clamp = !ctx->lenient;
    dec->rules.time_short = true;
    dec->rules.time_trim = true;
    dec->rules.decimal_trim = ctx->lenient;
    dec->rules.bool_strict = ctx->lenient;
    dec->header_pending = false;
    lt_status st = compile(dec, err);
    if (st != LT_OK) {
        csv_decoder_free((lt_decoder *)(void *)dec);
        return st;
    }
    *out = (lt_decoder *)(void *)dec;
    return LT_OK;
}
