/* A job's snapshot: one section per plan node, little-endian.
 *
 *   "LTJB" u16 version u16 node count
 *   per node: u32 section bytes, then
 *     i64 watermark
 *     u8 flags: 1 source ended, 2 all inputs ended, 4 end sent, 8 sink finished
 *     u64 rows out, i64 event max of the job
 *     u32 inputs, per input: i64 watermark, u8 flags (1 idle, 2 ended)
 *     8 x u64 ledger: in used filtered late expired rejected held out
 *     operators: i64 op watermark, u32 + bytes scalars, u32 + bytes state tables
 *     sources: u32 + bytes position, u32 constant rows given out
 *   u32 CRC32C of everything before
 *
 * Taken only when the job is quiet, so nothing is in flight. */
#include "base/hash.h"
#include "run/job_int.h"

#define SNAPSHOT_VERSION 1

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

static lt_status save_op(const lt_node *node, lt_text *to, lt_error *err)
{
    const lt_op *op = node->op;
    put(to, (uint64_t)op->watermark, 8);
    size_t start = hole(to);
    if (op->cls->save != NULL) {
        LT_TRY(op->cls->save(op, to, err));
    }
    fill(to, start);
    start = hole(to);
    LT_TRY(lt_state_save(op->state, to, err));
    fill(to, start);
    return LT_OK;
}

static lt_status save_node(const lt_node *node, lt_text *to, lt_error *err)
{
    size_t section = hole(to);
    put(to, (uint64_t)node->watermark, 8);
    put(to,
        (uint64_t)((node->source_ended ? 1 : 0) | (node->ended ? 2 : 0) | (node->end_sent ? 4 : 0) |
                   (node->sink_finished ? 8 : 0)),
        1);
    put(to, node->rows_out, 8);
    put(to, (uint64_t)node->job->event_max, 8);
    put(to, node->input_count, 4);
    for (uint32_t i = 0; i < node->input_count; i++) {
        put(to, (uint64_t)node->inputs[i].watermark, 8);
        put(to, (uint64_t)((node->inputs[i].idle ? 1 : 0) | (node->inputs[i].ended ? 2 : 0)), 1);
    }
    save_ledger(to, node->op != NULL ? &node->op->ledger : &node->ledger);
    if (node->op != NULL) {
        LT_TRY(save_op(node, to, err));
    }
    if (node->plan->kind == LT_PLAN_SOURCE || node->plan->kind == LT_PLAN_VALUES) {
        size_t start = hole(to);
        if (node->source != NULL && node->source->cls->save != NULL) {
            LT_TRY(node->source->cls->save(node->source, to, err));
        }
        fill(to, start);
        put(to, node->values_next, 4);
    }
    fill(to, section);
    return LT_OK;
}

lt_status lt_job_save(lt_job *job, lt_text *to, lt_error *err)
{
    if (!lt_job_quiet(job)) {
        return lt_error_set(err, LT_ERR_INTERNAL,
                            "a snapshot was asked for while rows are in flight");
    }
    size_t start = to->len;
    lt_text_append(to, "LTJB", 4);
    put(to, SNAPSHOT_VERSION, 2);
    put(to, job->plan->node_count, 2);
    for (uint32_t id = 0; id < job->plan->node_count; id++) {
        LT_TRY(save_node(&job->nodes[id], to, err));
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

static void load_ledger(reader *in, lt_ledger *l)
{
    uint64_t *const words[8] = {&l->in,      &l->used,     &l->filtered, &l->late,
                                &l->expired, &l->rejected, &l->held,     &l->out};
    for (unsigned i = 0; i < 8; i++) {
        *words[i] = take(in, 8);
    }
}

static lt_status damaged(lt_error *err)
{
    return lt_error_set(err, LT_ERR_STATE, "the snapshot is damaged or belongs to another plan");
}

static lt_status load_op(lt_node *node, reader *in, lt_error *err)
{
    lt_op *op = node->op;
    op->watermark = (int64_t)take(in, 8);
    lt_str scalars = take_bytes(in);
    lt_str tables = take_bytes(in);
    if (in->bad) {
        return damaged(err);
    }
    if (op->cls->load != NULL) {
        LT_TRY(op->cls->load(op, scalars, err));
    }
    size_t used = 0;
    LT_TRY(lt_state_load(op->state, tables.ptr, tables.len, &used, err));
    return used == tables.len ? LT_OK : damaged(err);
}

static lt_status load_source(lt_node *node, reader *in, lt_error *err)
{
    lt_str position = take_bytes(in);
    node->values_next = (uint32_t)take(in, 4);
    if (in->bad) {
        return damaged(err);
    }
    if (node->source != NULL && node->source->cls->load != NULL && !node->source_ended) {
        return node->source->cls->load(node->source, position, err);
    }
    return LT_OK;
}

static lt_status load_node(lt_node *node, reader *in, lt_error *err)
{
    node->watermark = (int64_t)take(in, 8);
    uint64_t flags = take(in, 1);
    node->source_ended = (flags & 1) != 0;
    node->ended = (flags & 2) != 0;
    node->end_sent = (flags & 4) != 0;
    node->sink_finished = (flags & 8) != 0;
    node->rows_out = take(in, 8);
    node->job->event_max = (int64_t)take(in, 8);
    if (take(in, 4) != node->input_count) {
        return damaged(err);
    }
    for (uint32_t i = 0; i < node->input_count; i++) {
        node->inputs[i].watermark = (int64_t)take(in, 8);
        uint64_t input_flags = take(in, 1);
        node->inputs[i].idle = (input_flags & 1) != 0;
        node->inputs[i].ended = (input_flags & 2) != 0;
    }
    load_ledger(in, node->op != NULL ? &node->op->ledger : &node->ledger);
    if (in->bad) {
        return damaged(err);
    }
    if (node->op != NULL) {
        LT_TRY(load_op(node, in, err));
    }
    if (node->plan->kind == LT_PLAN_SOURCE || node->plan->kind == LT_PLAN_VALUES) {
        LT_TRY(load_source(node, in, err));
    }
    return in->left == 0 ? LT_OK : damaged(err);
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
    if (take(&in, 2) != SNAPSHOT_VERSION || take(&in, 2) != job->plan->node_count) {
        return damaged(err);
    }
    for (uint32_t id = 0; id < job->plan->node_count; id++) {
        lt_str section = take_bytes(&in);
        if (in.bad) {
            return damaged(err);
        }
        reader part = {(const uint8_t *)section.ptr, section.len, false};
        LT_TRY(load_node(&job->nodes[id], &part, err));
    }
    return in.left == 0 ? LT_OK : damaged(err);
}
