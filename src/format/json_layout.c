/* Learning layouts: what the walk expects of the next record, from one that the general path has
 * read.
 *
 *   {"auction":  1001  ,"channel":"  Google"  ,"url":"  ..  "}\n
 *   `-- lit --'  int   `-- lit ---'  string   `- lit '      `- lit of STEP_END
 *
 * Records that alternate between a few shapes keep a layout each. Learning pauses ever longer while
 * layouts are thrown out that were of little use. */
#include "format/json_int.h"

#define USEFUL_HITS  4
#define PAUSE_MAX    256
#define SHORT_STRING 32 /* bytes */

static bool is_timestamp_step(const lt_type *type)
{
    return lt_type_is_timestamp(type) && type->precision == 3;
}

static uint64_t byte_at(unsigned index, unsigned char ch)
{
    return (uint64_t)ch << (index * 8);
}

/* The form of a timestamp text with whole seconds or milliseconds. `text` is behind the opening
 * quote; at least 40 readable bytes follow. */
static bool learn_time(json_step *step, const char *text)
{
    bool fraction = text[19] == '.';
    const char *zone = text + (fraction ? 23 : 19);
    bool zoned = *zone == 'Z';
    if (zone[zoned] != '"' || (text[10] != 'T' && text[10] != ' ')) {
        return false;
    }
    step->time_len = (uint32_t)(zone - text) + zoned + 1;
    step->time_mid = byte_at(2, (unsigned char)text[10]) | byte_at(3, '0') | byte_at(4, '0') |
                     byte_at(5, ':') | byte_at(6, '0') | byte_at(7, '0');
    step->time_tail = byte_at(0, ':') | byte_at(1, '0') | byte_at(2, '0');
    step->tail_fixed = byte_at(0, 0xff);
    step->tail_digits = byte_at(1, 0xff) | byte_at(2, 0xff);
    if (fraction) {
        step->time_tail |= byte_at(3, '.') | byte_at(4, '0') | byte_at(5, '0') | byte_at(6, '0');
        step->tail_fixed |= byte_at(3, 0xff);
        step->tail_digits |= byte_at(4, 0xff) | byte_at(5, 0xff) | byte_at(6, 0xff);
    }
    if (zoned) {
        unsigned index = (unsigned)(zone - text) - 16;
        step->time_tail |= byte_at(index, 'Z');
        step->tail_fixed |= byte_at(index, 0xff);
    }
    return true;
}

static json_step_op op_for(const json_decoder *dec, json_step *step, const char *value)
{
    bool string = *value == '"';
    bool number = *value == '-' || (*value >= '0' && *value <= '9');
    if (step->field < 0) {
        return string ? STEP_SKIP_STRING : number ? STEP_SKIP_NUMBER : STEP_SKIP_ANY;
    }
    const lt_type *type = dec->root->nodes[step->field].type;
    if (string && lt_type_is_string(type)) {
        return STEP_STRING;
    }
    if (number && type->kind == LT_TYPE_BIGINT) {
        return STEP_INT64;
    }
    if (number && type->kind == LT_TYPE_INT) {
        return STEP_INT32;
    }
    if (string && is_timestamp_step(type) && learn_time(step, value + 1)) {
        return STEP_TIME;
    }
    return STEP_ANY;
}

static bool includes_quote(json_step_op op)
{
    return op == STEP_SKIP_STRING || op == STEP_STRING || op == STEP_TIME;
}

static bool set_literal(json_step *step, const char *from, const char *to)
{
    size_t len = (size_t)(to - from);
    if (len > JSON_LIT_MAX) {
        return false;
    }
    memset(step->lit, 0, sizeof step->lit);
    memcpy(step->lit, from, len);
    step->lit_len = (uint32_t)len;
    step->mask = len == 64 ? ~0ULL : (1ULL << len) - 1;
    return true;
}

static bool reserve_steps(json_decoder *dec, json_layout *layout, uint32_t count)
{
    lt_mem *mem = dec->base.ctx.mem;
    if (count > layout->step_cap) {
        lt_mem_free_aligned(mem, layout->steps, layout->step_cap * sizeof(json_step));
        layout->step_cap = 0;
        layout->steps = lt_mem_alloc_aligned(mem, count * sizeof(json_step));
        if (layout->steps == NULL) {
            return false;
        }
        layout->step_cap = count;
    }
    return true;
}

static bool build_steps(json_decoder *dec, json_layout *layout, const json_reader *r,
                        const char *newline)
{
    uint64_t *seen = dec->root->seen; /* set by the general path; taken back here to find repeats */
    for (uint32_t i = 0; i < dec->trace_count; i++) {
        json_step *step = &layout->steps[i];
        const json_trace *trace = &dec->trace[i];
        const char *value = r->record + trace->value;
        *step = (json_step){.field = trace->field};
        if (trace->field >= 0) {
            if (!lt_bit_get(seen, (uint32_t)trace->field)) {
                return false; /* a key twice */
            }
            lt_bit_clear(seen, (uint32_t)trace->field);
        }
        step->op = op_for(dec, step, value);
        uint32_t next = i + 1 < dec->trace_count ? dec->trace[i + 1].lit_from : dec->trace_end;
        step->wide = next - trace->value > SHORT_STRING;
        if (!set_literal(step, r->record + (i == 0 ? 0 : trace->lit_from),
                         value + includes_quote(step->op))) {
            return false;
        }
    }
    json_step *last = &layout->steps[dec->trace_count];
    *last = (json_step){.field = -1, .op = STEP_END};
    return set_literal(last, r->record + dec->trace_end, newline + 1);
}

static uint32_t count_quotes(const char *from, size_t len)
{
    uint32_t count = 0;
    for (size_t i = 0; i < len; i++) {
        count += from[i] == '"';
    }
    return count;
}

/* Numbers the marks. A record whose values have quotes of their own counts as it is: another count
 * is another shape. */
static void number_marks(const json_decoder *dec, json_layout *layout, const json_reader *r)
{
    uint32_t mark = 0;
    for (uint32_t i = 0; i <= dec->trace_count; i++) {
        json_step *step = &layout->steps[i];
        bool last = step->op == STEP_END;
        const char *first = memchr(step->lit, last ? '\n' : '"', step->lit_len);
        step->mark = mark;
        step->back = (uint32_t)(first - step->lit);
        mark += count_quotes(step->lit, step->lit_len);
        step->close = mark;
        if (!last) {
            uint32_t end = i + 1 < dec->trace_count ? dec->trace[i + 1].lit_from : dec->trace_end;
            const char *value = r->record + dec->trace[i].value + includes_quote(step->op);
            mark += count_quotes(value, (size_t)(r->record + end - value));
        }
    }
    layout->quotes = mark;
}

static void note_missing(const json_decoder *dec, json_layout *layout)
{
    layout->missing_count = 0;
    for (uint32_t field = 0; field < dec->root->count; field++) {
        bool present = false;
        for (uint32_t i = 0; i < layout->step_count && !present; i++) {
            present = layout->steps[i].field == (int32_t)field;
        }
        if (!present) {
            layout->missing[layout->missing_count++] = field;
        }
    }
}

/* The layout to throw out: an unused one, else the one of the fewest hits. */
static json_layout *victim(json_decoder *dec)
{
    json_layout *least = &dec->layouts[0];
    for (uint32_t i = 0; i < JSON_LAYOUTS; i++) {
        json_layout *layout = &dec->layouts[i];
        if (layout->step_count == 0) {
            return layout;
        }
        if (layout->hits < least->hits) {
            least = layout;
        }
    }
    return least;
}

void json_learn(json_decoder *dec, const json_reader *r, const char *newline)
{
    json_layout *layout = victim(dec);
    if (layout->step_count != 0) {
        bool useful = layout->hits >= USEFUL_HITS;
        dec->learn_pause = useful ? 0 : LT_MIN(dec->learn_pause * 2 + 1, PAUSE_MAX);
        for (uint32_t i = 0; i < JSON_LAYOUTS; i++) {
            dec->layouts[i].hits /= 2; /* old merits fade */
        }
    }
    dec->learn_wait = dec->learn_pause;
    layout->step_count = 0;
    layout->hits = 0;
    if (dec->trace_full || !reserve_steps(dec, layout, dec->trace_count + 1) ||
        !build_steps(dec, layout, r, newline)) {
        return;
    }
    layout->step_count = dec->trace_count + 1;
    number_marks(dec, layout, r);
    note_missing(dec, layout);
    dec->layout_now = (uint32_t)(layout - dec->layouts);
}

bool json_layouts_bind(json_decoder *dec, lt_batch *batch)
{
    for (uint32_t k = 0; k < JSON_LAYOUTS; k++) {
        json_layout *layout = &dec->layouts[k];
        for (uint32_t i = 0; i < layout->step_count; i++) {
            json_step *step = &layout->steps[i];
            step->data = step->field >= 0 ? batch->cols[step->field].data : NULL;
        }
        for (uint32_t i = 0; i < layout->missing_count && layout->step_count > 0; i++) {
            if (!lt_col_need_valid(&batch->cols[layout->missing[i]], batch->row_cap,
                                   batch->arena)) {
                return false;
            }
        }
    }
    return true;
}
