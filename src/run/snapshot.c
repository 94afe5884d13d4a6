/* What a task keeps over a restart beside its state tables, and a quiet job as one run of bytes.
 * Little-endian.
 *
 *   task    i64 watermark
 *           u8 flags: 1 source ended, 2 all inputs ended, 4 end sent, 8 sink finished, 16 idle
 *           u64 rows out, i64 event max of the job
 *           u32 clocks, per clock: u32 input, i64 watermark, u8 idle
 *           u32 channels, per channel: u32 input, u8 ended
 *           8 x u64 ledger: in used filtered late expired rejected held out
 *           operators: i64 op watermark, u32 + bytes scalars
 *           sources: u32 + bytes position, u32 constant rows given out
 *           sinks: u64 hash, u64 chain, u32 + bytes of the connector
 *   job     "LTJB" u16 version u16 task count
 *           per task: u32 + bytes task, u32 + bytes state tables
 *           u32 CRC32C of everything before
 *
 * A job's bytes are taken only when it is quiet, so nothing is in flight. */
#include "base/hash.h"
#include "base/mutant.h"
#include "run/job_int.h"

#define SNAPSHOT_VERSION 2
#define SCALARS_MAX      LT_NODE_SCALARS_MAX

enum {
    SOURCE_ENDED = 1,
    ALL_ENDED = 2,
    END_SENT = 4,
    SINK_FINISHED = 8,
    IS_IDLE = 16,
    INPUT_OVER = 32 /* source in blocks: the last watermark was sent, the end perhaps not */
};

static void put(lt_text *to, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        lt_text_putc(to, (char)(value >> (8 * i)));
    }
}

/* Sizes are written before the section is known: a hole is kept and filled. */
static size_t hole(lt_text *to)
{
    put(to, 0, 4);
    return to->len;
}

static void fill(lt_text *to, size_t start)
{
    if (to->failed) {
        return;
    }
    uint32_t size = (uint32_t)(to->len - start);
    for (unsigned i = 0; i < 4; i++) {
        to->ptr[start - 4 + i] = (char)(size >> (8 * i));
    }
}

static void save_ledger(lt_text *to, const lt_ledger *l)
{
    const uint64_t words[8] = {l->in,      l->used,     l->filtered, l->late,
                               l->expired, l->rejected, l->held,     l->out};
    for (unsigned i = 0; i < 8; i++) {
        put(to, words[i], 8);
    }
}

/* The running watermark of a source read in blocks, at the cut of the checkpoint. */
static int64_t op_watermark(const lt_node *node, uint64_t checkpoint)
{
    const lt_sequence *sequence = node->sequence;
    if (sequence == NULL || node->op->cls != &lt_op_watermark) {
        return node->op->watermark;
    }
    return checkpoint > 0 ? sequence->before[sequence->cut % LT_SEQUENCE_WINDOW] : sequence->clock;
}

static lt_status save_op(const lt_node *node, uint64_t checkpoint, lt_text *to, lt_error *err)
{
    const lt_op *op = node->op;
    put(to, (uint64_t)op_watermark(node, checkpoint), 8);
    size_t start = hole(to);
    if (op->cls->save != NULL) {
        LT_TRY(op->cls->save(op, to, err));
    }
    fill(to, start);
    return LT_OK;
}

static lt_status save_source(const lt_node *node, uint64_t checkpoint, lt_text *to, lt_error *err)
{
    size_t start = hole(to);
    if (node->sequence != NULL && checkpoint > 0) {
        if (node->task == 0) {
            lt_text_append(to, node->sequence->position.ptr, node->sequence->position.len);
        }
    } else if (node->source != NULL && node->source->cls->save != NULL) {
        LT_TRY(node->source->cls->save(node->source, to, err));
    }
    fill(to, start);
    put(to, node->values_next, 4);
    return LT_OK;
}

static lt_status save_sink(const lt_node *node, uint64_t checkpoint, lt_text *to, lt_text *syncs,
                           lt_error *err)
{
    put(to, node->hash, 8);
    put(to, node->chain, 8);
    size_t start = hole(to);
    if (checkpoint > 0 && node->sink != NULL && node->sink->cls->save != NULL) {
        LT_TRY(node->sink->cls->save(node->sink, checkpoint, to, syncs, err));
    }
    fill(to, start);
    return LT_OK;
}

static void save_inputs(const lt_node *node, lt_text *to)
{
    put(to, node->clock_count, 4);
    for (uint32_t c = 0; c < node->channel_count; c++) {
        const lt_channel *channel = &node->channels[c];
        if (c > 0 && channel->clock == node->channels[c - 1].clock) {
            continue;
        }
        put(to, channel->input_no, 4);
        put(to, (uint64_t)node->clocks[channel->clock].watermark, 8);
        put(to, node->clocks[channel->clock].idle, 1);
    }
    put(to, node->channel_count, 4);
    for (uint32_t c = 0; c < node->channel_count; c++) {
        put(to, node->channels[c].input_no, 4);
        put(to, node->channels[c].ended, 1);
    }
}

static bool input_is_over(const lt_node *node, uint64_t checkpoint)
{
    return checkpoint > 0 && node->plan->kind == LT_PLAN_SOURCE && node->sequence != NULL &&
           node->sequence->cut_ended;
}

lt_status lt_node_save(const lt_node *node, uint64_t checkpoint, lt_text *to, lt_text *syncs,
                       lt_error *err)
{
    put(to, (uint64_t)node->watermark, 8);
    put(to,
        (uint64_t)((node->source_ended ? SOURCE_ENDED : 0) | (node->ended ? ALL_ENDED : 0) |
                   (node->end_sent ? END_SENT : 0) | (node->sink_finished ? SINK_FINISHED : 0) |
                   (node->idle ? IS_IDLE : 0) | (input_is_over(node, checkpoint) ? INPUT_OVER : 0)),
        1);
    put(to, node->rows_out, 8);
    put(to, (uint64_t)atomic_load(&node->job->event_max), 8);
    save_inputs(node, to);
    save_ledger(to, node->op != NULL ? &node->op->ledger : &node->ledger);
    switch (node->plan->kind) {
    case LT_PLAN_OPERATOR:
        LT_TRY(save_op(node, checkpoint, to, err));
        break;
    case LT_PLAN_SOURCE:
    case LT_PLAN_VALUES:
        LT_TRY(save_source(node, checkpoint, to, err));
        break;
    case LT_PLAN_SINK:
        LT_TRY(save_sink(node, checkpoint, to, syncs, err));
        break;
    }
    return to->failed || (syncs != NULL && syncs->failed) ? lt_error_nomem(err, "a snapshot")
                                                          : LT_OK;
}

lt_status lt_job_save(lt_job *job, lt_text *to, lt_error *err)
{
    if (job->running || !lt_job_quiet(job)) {
        return lt_error_set(err, LT_ERR_INTERNAL,
                            "a snapshot was asked for while rows are in flight");
    }
    size_t start = to->len;
    lt_text_append(to, "LTJB", 4);
    put(to, SNAPSHOT_VERSION, 2);
    put(to, job->node_count, 2);
    for (uint32_t i = 0; i < job->node_count; i++) {
        size_t section = hole(to);
        LT_TRY(lt_node_save(&job->nodes[i], 0, to, NULL, err));
        fill(to, section);
        section = hole(to);
        if (job->nodes[i].op != NULL) {
            LT_TRY(lt_state_save(job->nodes[i].op->state, to, err));
        }
        fill(to, section);
    }
    if (!to->failed) {
        put(to, lt_crc32c(to->ptr + start, to->len - start, 0), 4);
    }
    return to->failed ? lt_error_nomem(err, "a snapshot") : LT_OK;
}

/* ---- reading ---- */

typedef struct {
    const uint8_t *ptr;
    size_t left;
    bool bad;
} reader;

static uint64_t take(reader *in, unsigned bytes)
{
    if (in->left < bytes) {
        in->bad = true;
        return 0;
    }
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++) {
        value |= (uint64_t)in->ptr[i] << (8 * i);
    }
    in->ptr += bytes;
    in->left -= bytes;
    return value;
}

static lt_str take_bytes(reader *in)
{
    uint64_t len = take(in, 4);
    if (in->bad || len > in->left) {
        in->bad = true;
        return (lt_str){"", 0};
    }
    lt_str bytes = {(const char *)in->ptr, (size_t)len};
    in->ptr += len;
    in->left -= (size_t)len;
    return bytes;
}

/* Of several tasks, the first of the new ones carries the sum of the counts. */
static void load_ledger(reader *in, lt_ledger *l, bool mine)
{
    uint64_t *const words[8] = {&l->in,      &l->used,     &l->filtered, &l->late,
                                &l->expired, &l->rejected, &l->held,     &l->out};
    for (unsigned i = 0; i < 8; i++) {
        uint64_t count = take(in, 8);
        *words[i] += mine ? count : 0;
    }
}

static lt_status damaged(lt_error *err)
{
    return lt_error_set(err, LT_ERR_STATE, "the snapshot is damaged or belongs to another plan");
}

/* The scalars of operators that run in several tasks are counters for numbers that must not come
 * twice: of several tasks the largest counts. */
static lt_status load_scalars(lt_node *node, lt_str scalars, lt_part_fit fit, lt_error *err)
{
    int64_t merged[SCALARS_MAX];
    uint8_t bytes[SCALARS_MAX * 8];
    size_t count = scalars.len / 8;
    if (count > SCALARS_MAX || scalars.len % 8 != 0) {
        return damaged(err);
    }
    reader in = {(const uint8_t *)scalars.ptr, scalars.len, false};
    for (size_t i = 0; i < count; i++) {
        int64_t value = (int64_t)take(&in, 8);
        merged[i] = fit == LT_PART_FIRST ? value : LT_MAX(value, node->scalars[i]);
        node->scalars[i] = merged[i];
        for (unsigned b = 0; b < 8; b++) {
            bytes[8 * i + b] = (uint8_t)((uint64_t)merged[i] >> (8 * b));
        }
    }
    return node->op->cls->load(node->op, (lt_str){(const char *)bytes, scalars.len}, err);
}

static lt_status load_op(lt_node *node, reader *in, lt_part_fit fit, lt_error *err)
{
    lt_op *op = node->op;
    int64_t watermark = (int64_t)take(in, 8);
    op->watermark = fit == LT_PART_MORE ? LT_MIN(op->watermark, watermark) : watermark;
    if (node->sequence != NULL && op->cls == &lt_op_watermark) {
        node->sequence->clock = watermark;
        node->sequence->before[0] = watermark;
    }
    lt_str scalars = take_bytes(in);
    if (in->bad) {
        return damaged(err);
    }
    if (op->cls == &lt_op_watermark) {
        /* Of several parts, the first of the new tasks carries the sum of the counts. */
        bool keep = fit == LT_PART_SAME || node->task == 0;
        LT_TRY(lt_watermark_load_part(op, scalars, keep, err));
        if (node->sequence != NULL &&
            lt_watermark_get_clock(op).newest_ms >= node->sequence->newest.newest_ms) {
            node->sequence->newest = lt_watermark_get_clock(op);
        }
        return LT_OK;
    }
    if (op->cls->load == NULL) {
        return LT_OK;
    }
    return fit == LT_PART_SAME ? op->cls->load(op, scalars, err)
                               : load_scalars(node, scalars, fit, err);
}

/* Of tasks that read one source in blocks some may have sent the end before the barrier and others
 * not: `ended` is what this part says. */
static lt_status load_source(lt_node *node, reader *in, lt_part_fit fit, bool ended, lt_error *err)
{
    lt_str position = take_bytes(in);
    uint32_t values_next = (uint32_t)take(in, 4);
    node->values_next = LT_MAX(node->values_next, values_next);
    if (in->bad) {
        return damaged(err);
    }
    if (node->sequence != NULL && ended) {
        atomic_store(&node->sequence->ended, true);
    }
    /* Also when nothing will be read: the next checkpoint must know the position. */
    bool wanted = node->source != NULL && fit != LT_PART_MORE;
    if (wanted && node->source->cls->load != NULL) {
        return node->source->cls->load(node->source, position, err);
    }
    return LT_OK;
}

static lt_status load_sink(lt_node *node, reader *in, lt_error *err)
{
    node->hash = take(in, 8);
    node->chain = take(in, 8);
    lt_str bytes = take_bytes(in);
    if (in->bad) {
        return damaged(err);
    }
    if (node->sink_finished) {
        atomic_fetch_sub(&node->job->sinks_left, 1);
    }
    bool wanted = node->sink != NULL && node->ctx->checkpoints && bytes.len > 0;
    return wanted && node->sink->cls->load != NULL ? node->sink->cls->load(node->sink, bytes, err)
                                                   : LT_OK;
}

/* With as many clocks as before each gets its own back, else all of an input its least. */
static lt_status load_clocks(lt_node *node, reader *in, lt_part_fit fit, lt_error *err)
{
    uint32_t count = (uint32_t)take(in, 4);
    bool same = fit == LT_PART_SAME && count == node->clock_count;
    bool anew = !same && fit != LT_PART_MORE && count > 0;
    for (uint32_t c = 0; anew && c < node->clock_count; c++) {
        node->clocks[c].watermark = LT_WATERMARK_MAX;
        node->clocks[c].idle = true;
    }
    for (uint32_t i = 0; i < count && !in->bad; i++) {
        uint32_t input = (uint32_t)take(in, 4);
        int64_t watermark = (int64_t)take(in, 8);
        bool idle = take(in, 1) != 0;
        if (input >= node->input_count) {
            return damaged(err);
        }
        for (uint32_t c = 0; c < node->channel_count; c++) {
            lt_clock *clock = &node->clocks[node->channels[c].clock];
            if (same && node->channels[c].clock == i) {
                clock->watermark = watermark;
                clock->idle = idle;
            } else if (!same && node->channels[c].input_no == input) {
                clock->watermark = LT_MIN(clock->watermark, watermark);
                clock->idle = clock->idle && idle;
            }
        }
    }
    return LT_OK;
}

static void set_ended(lt_node *node, lt_channel *channel, bool ended)
{
    lt_clock *clock = &node->clocks[channel->clock];
    if (ended && !channel->ended) {
        clock->open--;
    } else if (!ended && channel->ended) {
        clock->open++;
    }
    channel->ended = ended;
}

/* With as many channels as before each gets its own back, else those of an input have ended when
 * all of them had: one that was open keeps all open, whose producers then end once more. */
static lt_status load_channels(lt_node *node, reader *in, lt_part_fit fit, lt_error *err)
{
    uint32_t count = (uint32_t)take(in, 4);
    bool same = fit == LT_PART_SAME && count == node->channel_count;
    bool anew = !same && fit != LT_PART_MORE && count > 0;
    for (uint32_t c = 0; anew && c < node->channel_count; c++) {
        set_ended(node, &node->channels[c], true);
    }
    for (uint32_t i = 0; i < count && !in->bad; i++) {
        uint32_t input = (uint32_t)take(in, 4);
        bool ended = take(in, 1) != 0;
        if (input >= node->input_count) {
            return damaged(err);
        }
        for (uint32_t c = 0; c < node->channel_count; c++) {
            lt_channel *channel = &node->channels[c];
            if (same && c == i) {
                set_ended(node, channel, ended);
            } else if (!same && channel->input_no == input && !ended) {
                set_ended(node, channel, false);
            }
        }
    }
    return LT_OK;
}

static void load_flags(lt_node *node, uint64_t flags, bool more)
{
    bool *const states[] = {&node->source_ended, &node->ended, &node->end_sent,
                            &node->sink_finished, &node->idle};
    for (unsigned i = 0; i < LT_COUNT_OF(states); i++) {
        bool is_set = (flags >> i & 1) != 0;
        *states[i] = is_set && (!more || *states[i]);
    }
}

static lt_status load_node(lt_node *node, reader *in, lt_part_fit fit, lt_error *err)
{
    bool more = fit == LT_PART_MORE;
    int64_t watermark = (int64_t)take(in, 8);
    node->watermark = more ? LT_MIN(node->watermark, watermark) : watermark;
    uint64_t flags = take(in, 1);
    load_flags(node, flags, more);
    uint64_t rows_out = take(in, 8);
    bool mine = fit == LT_PART_SAME || node->task == 0;
    node->rows_out += mine ? rows_out : 0;
    int64_t event_max = (int64_t)take(in, 8);
    atomic_store(&node->job->event_max, LT_MAX(event_max, atomic_load(&node->job->event_max)));
    LT_TRY(load_clocks(node, in, fit, err));
    LT_TRY(load_channels(node, in, fit, err));
    load_ledger(in, node->op != NULL ? &node->op->ledger : &node->ledger, mine);
    if (in->bad) {
        return damaged(err);
    }
    switch (node->plan->kind) {
    case LT_PLAN_OPERATOR:
        LT_TRY(load_op(node, in, fit, err));
        break;
    case LT_PLAN_SOURCE:
    case LT_PLAN_VALUES:
        LT_TRY(load_source(node, in, fit, (flags & SOURCE_ENDED) != 0, err));
        break;
    case LT_PLAN_SINK:
        LT_TRY(load_sink(node, in, err));
        break;
    }
    return in->left == 0 ? LT_OK : damaged(err);
}

static void forget_watermarks(lt_node *node)
{
    node->watermark = LT_WATERMARK_MIN;
    for (uint32_t c = 0; c < node->clock_count; c++) {
        node->clocks[c].watermark = LT_WATERMARK_MIN;
    }
    if (node->op != NULL) {
        node->op->watermark = LT_WATERMARK_MIN;
    }
    if (node->sequence != NULL) {
        node->sequence->clock = LT_WATERMARK_MIN;
        node->sequence->before[0] = LT_WATERMARK_MIN;
    }
}

lt_status lt_node_load(lt_node *node, lt_str from, lt_part_fit fit, lt_error *err)
{
    reader in = {(const uint8_t *)from.ptr, from.len, false};
    lt_status st = load_node(node, &in, fit, err);
    bool has_clock = node->plan->kind == LT_PLAN_SOURCE ||
                     (node->op != NULL && node->op->cls == &lt_op_watermark);
    if (st == LT_OK && has_clock) {
        lt_align_note(node); /* its group knows how far it is before anything is read */
    }
    if (LT_MUTANT(WATERMARK_LOST)) {
        forget_watermarks(node);
    }
    return st;
}

lt_status lt_part_read(const lt_plan_node *plan, lt_str from, lt_part_facts *out, lt_error *err)
{
    reader in = {(const uint8_t *)from.ptr, from.len, false};
    *out = (lt_part_facts){0};
    take(&in, 8);
    out->source_ended = (take(&in, 1) & (SOURCE_ENDED | INPUT_OVER)) != 0;
    out->rows_out = take(&in, 8);
    take(&in, 8);
    for (uint64_t clocks = take(&in, 4); clocks > 0 && !in.bad; clocks--) {
        take(&in, 8);
        take(&in, 5);
    }
    for (uint64_t channels = take(&in, 4); channels > 0 && !in.bad; channels--) {
        take(&in, 5);
    }
    for (unsigned i = 0; i < 8; i++) {
        take(&in, 8);
    }
    if (plan->kind == LT_PLAN_SOURCE || plan->kind == LT_PLAN_VALUES) {
        out->position = take_bytes(&in);
    } else if (plan->kind == LT_PLAN_SINK) {
        out->hash = take(&in, 8);
        out->chain = take(&in, 8);
    }
    return in.bad ? damaged(err) : LT_OK;
}

static lt_status load_task(lt_node *node, reader *in, lt_error *err)
{
    lt_str scalars = take_bytes(in);
    lt_str tables = take_bytes(in);
    if (in->bad) {
        return damaged(err);
    }
    LT_TRY(lt_node_load(node, scalars, LT_PART_SAME, err));
    size_t used = 0;
    if (node->op != NULL) {
        LT_TRY(lt_state_load(node->op->state, tables.ptr, tables.len, &used, err));
    }
    return used == tables.len ? LT_OK : damaged(err);
}

lt_status lt_job_load(lt_job *job, lt_str from, lt_error *err)
{
    reader in = {(const uint8_t *)from.ptr, from.len, false};
    if (from.len < 12 || memcmp(from.ptr, "LTJB", 4) != 0) {
        return damaged(err);
    }
    reader crc = {in.ptr + from.len - 4, 4, false};
    if (lt_crc32c(from.ptr, from.len - 4, 0) != take(&crc, 4)) {
        return damaged(err);
    }
    in.left -= 4;
    take(&in, 4);
    if (take(&in, 2) != SNAPSHOT_VERSION || take(&in, 2) != job->node_count) {
        return damaged(err);
    }
    for (uint32_t i = 0; i < job->node_count; i++) {
        LT_TRY(load_task(&job->nodes[i], &in, err));
    }
    return in.left == 0 ? LT_OK : damaged(err);
}
