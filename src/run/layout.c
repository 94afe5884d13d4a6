/* From plan nodes to tasks on lanes, and the channels between them.
 *
 * A node spread over blocks or keys has a task on every lane. A node with one task stands on the
 * lane of what it reads if that has one task too; sources take lanes in turn, and what gathers from
 * all lanes goes to the last, since the first has the most to do where only one source reads. */
#include "run/job_int.h"

static uint32_t task_count(const lt_job *job, const lt_plan_node *node)
{
    return node->spread == LT_SPREAD_ONE ? 1 : job->lane_count;
}

static lt_status nomem(lt_error *err)
{
    return lt_error_nomem(err, "a job");
}

static uint32_t lane_of(const lt_job *job, const lt_plan_node *node, uint32_t task,
                        uint32_t *sources)
{
    if (node->spread != LT_SPREAD_ONE) {
        return task;
    }
    if (node->input_count == 0) {
        return (*sources)++ % job->lane_count;
    }
    const lt_plan_node *in = job->plan->nodes[node->inputs[0]];
    return in->spread == LT_SPREAD_ONE ? lt_job_task(job, in->id, 0)->lane->no
                                       : job->lane_count - 1;
}

static lt_status place(lt_job *job, lt_error *err)
{
    const lt_plan *plan = job->plan;
    uint32_t sources = 0;
    for (uint32_t id = 0; id < plan->node_count; id++) {
        uint32_t count = task_count(job, plan->nodes[id]);
        for (uint32_t t = 0; t < count; t++) {
            lt_node *node = lt_job_task(job, id, t);
            node->plan = plan->nodes[id];
            node->job = job;
            node->task = t;
            node->task_count = count;
            node->lane = &job->lanes[lane_of(job, plan->nodes[id], t, &sources)];
            node->lane->node_count++;
            if (plan->nodes[id]->spread == LT_SPREAD_BLOCKS) {
                uint32_t source = id;
                while (plan->nodes[source]->input_count > 0) {
                    source = plan->nodes[source]->inputs[0];
                }
                node->sequence = &job->sequences[source];
            }
        }
    }
    for (uint32_t i = 0; i < job->lane_count; i++) {
        job->lanes[i].nodes = LT_NEW_ARRAY(job->arena, lt_node *, job->lanes[i].node_count + 1);
        if (job->lanes[i].nodes == NULL) {
            return nomem(err);
        }
        job->lanes[i].node_count = 0;
    }
    for (uint32_t i = 0; i < job->node_count; i++) {
        lt_lane *lane = job->nodes[i].lane;
        lane->nodes[lane->node_count++] = &job->nodes[i];
    }
    return LT_OK;
}

/* Channels that input i of one task of the node has. */
static uint32_t channels_of(const lt_job *job, const lt_plan_node *node, uint32_t input)
{
    const lt_plan_node *in = job->plan->nodes[node->inputs[input]];
    return node->exchanges[input].kind == LT_EXCHANGE_FORWARD ? 1 : task_count(job, in);
}

static void init_channel(lt_job *job, lt_channel *channel, lt_node *consumer, uint32_t input)
{
    channel->consumer = consumer;
    channel->input_no = input;
    channel->ring.cap = LT_RING_SLOTS;
    if (job->options.buggify != 0) {
        channel->ring.cap = 2 * LT_EMIT_SLOTS + 2 + (uint32_t)(lt_job_random(job) % 4);
    }
}

/* Does this input take numbered blocks from several tasks? */
static lt_sequence *sequence_of(const lt_job *job, const lt_plan_node *node, uint32_t input)
{
    const lt_plan_node *in = job->plan->nodes[node->inputs[input]];
    if (in->spread != LT_SPREAD_BLOCKS || node->exchanges[input].kind == LT_EXCHANGE_FORWARD) {
        return NULL;
    }
    return lt_job_task(job, in->id, 0)->sequence;
}

static lt_status build_inputs(lt_job *job, lt_node *node, lt_error *err)
{
    const lt_plan_node *plan = node->plan;
    for (uint32_t i = 0; i < plan->input_count; i++) {
        node->channel_count += channels_of(job, plan, i);
    }
    node->input_count = plan->input_count;
    node->inputs = LT_NEW_ARRAY(job->arena, lt_input, node->input_count + 1);
    node->channels = LT_NEW_ARRAY(job->arena, lt_channel, node->channel_count + 1);
    node->clocks = LT_NEW_ARRAY(job->arena, lt_clock, node->channel_count + 1);
    if (node->inputs == NULL || node->channels == NULL || node->clocks == NULL) {
        return nomem(err);
    }
    if (plan->kind == LT_PLAN_OPERATOR && plan->u.op.cls == &lt_op_join) {
        const lt_join_spec *spec = plan->u.op.spec;
        node->looks_up = spec->lookup;
        node->loads = spec->loads;
        atomic_fetch_add(&job->loads_left, spec->loads ? 1 : 0);
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < node->input_count; i++) {
        lt_input *input = &node->inputs[i];
        input->first = at;
        input->count = channels_of(job, plan, i);
        input->sequence = sequence_of(job, plan, i);
        for (uint32_t c = 0; c < input->count; c++) {
            lt_channel *channel = &node->channels[at++];
            init_channel(job, channel, node, i);
            bool shares = input->sequence != NULL && c > 0;
            node->clock_count += shares ? 0 : 1;
            channel->clock = node->clock_count - 1;
            lt_clock *clock = &node->clocks[channel->clock];
            clock->watermark = LT_WATERMARK_MIN;
            clock->open++;
            clock->timeless = node->looks_up && i == 1;
        }
    }
    return LT_OK;
}

/* The channel from a task of the producer to one of the consumer. */
static lt_channel *channel_between(lt_job *job, const lt_plan_node *consumer, uint32_t input,
                                   uint32_t from, uint32_t to)
{
    lt_node *node = lt_job_task(job, consumer->id, to);
    bool forward = consumer->exchanges[input].kind == LT_EXCHANGE_FORWARD;
    return &node->channels[node->inputs[input].first + (forward ? 0 : from)];
}

static lt_status build_edge(lt_job *job, lt_node *node, const lt_plan_node *consumer,
                            uint32_t input, lt_error *err)
{
    lt_edge *edge = &node->edges[node->edge_count++];
    const lt_exchange *exchange = &consumer->exchanges[input];
    bool forward = exchange->kind == LT_EXCHANGE_FORWARD;
    edge->exchange = exchange;
    edge->target_count = forward ? 1 : task_count(job, consumer);
    edge->targets = LT_NEW_ARRAY(job->arena, lt_channel *, edge->target_count);
    if (edge->targets == NULL) {
        return nomem(err);
    }
    for (uint32_t t = 0; t < edge->target_count; t++) {
        edge->targets[t] =
            channel_between(job, consumer, input, node->task, forward ? node->task : t);
        edge->targets[t]->producer = node;
    }
    if (exchange->kind == LT_EXCHANGE_HASH && edge->target_count > 1) {
        edge->codec = lt_rowcodec_new(job->arena, exchange->key_types, exchange->key_count, false);
        return edge->codec != NULL ? LT_OK : nomem(err);
    }
    return LT_OK;
}

static lt_status build_edges(lt_job *job, lt_node *node, lt_error *err)
{
    const lt_plan *plan = job->plan;
    uint32_t count = 0;
    for (uint32_t id = 0; id < plan->node_count; id++) {
        for (uint32_t i = 0; i < plan->nodes[id]->input_count; i++) {
            count += plan->nodes[id]->inputs[i] == node->plan->id;
        }
    }
    node->edges = LT_NEW_ARRAY(job->arena, lt_edge, count + 1);
    if (node->edges == NULL) {
        return nomem(err);
    }
    for (uint32_t id = 0; id < plan->node_count; id++) {
        for (uint32_t i = 0; i < plan->nodes[id]->input_count; i++) {
            if (plan->nodes[id]->inputs[i] == node->plan->id) {
                LT_TRY(build_edge(job, node, plan->nodes[id], i, err));
            }
        }
    }
    return LT_OK;
}

/* A sequence knows who takes its blocks in order, so that it never runs too far ahead of them. */
static lt_status build_sequence(lt_job *job, uint32_t source, lt_error *err)
{
    lt_sequence *sequence = &job->sequences[source];
    uint32_t count = 0;
    for (uint32_t i = 0; i < job->node_count; i++) {
        for (uint32_t k = 0; k < job->nodes[i].input_count; k++) {
            count += job->nodes[i].inputs[k].sequence == sequence;
        }
    }
    sequence->job = job;
    sequence->reader = lt_job_task(job, source, 0);
    sequence->clock = LT_WATERMARK_MIN;
    sequence->newest = (lt_watermark_clock){LT_WATERMARK_MIN, 0};
    lt_text_init(&sequence->position, &job->mem);
    sequence->lock = lt_mutex_new(&job->mem);
    sequence->tasks = LT_NEW_ARRAY(job->arena, lt_node *, job->lane_count);
    sequence->readers = LT_NEW_ARRAY(job->arena, lt_input *, count + 1);
    if (sequence->lock == NULL || sequence->tasks == NULL || sequence->readers == NULL) {
        return nomem(err);
    }
    for (uint32_t t = 0; t < job->lane_count; t++) {
        sequence->tasks[t] = lt_job_task(job, source, t);
    }
    for (uint32_t i = 0; i < job->node_count; i++) {
        for (uint32_t k = 0; k < job->nodes[i].input_count; k++) {
            if (job->nodes[i].inputs[k].sequence == sequence) {
                sequence->readers[sequence->reader_count++] = &job->nodes[i].inputs[k];
            }
        }
    }
    int watermark = job->plan->nodes[source]->u.table.watermark_node;
    sequence->has_watermarks =
        watermark >= 0 && job->plan->nodes[watermark]->spread == LT_SPREAD_BLOCKS;
    return LT_OK;
}

lt_status lt_job_layout(lt_job *job, lt_error *err)
{
    const lt_plan *plan = job->plan;
    job->first = LT_NEW_ARRAY(job->arena, uint32_t, plan->node_count + 1);
    job->sequences = LT_NEW_ARRAY(job->arena, lt_sequence, plan->node_count + 1);
    if (job->first == NULL || job->sequences == NULL) {
        return nomem(err);
    }
    uint32_t total = 0;
    for (uint32_t id = 0; id < plan->node_count; id++) {
        job->first[id] = total;
        total += task_count(job, plan->nodes[id]);
    }
    job->nodes = LT_NEW_ARRAY(job->arena, lt_node, total + 1);
    if (job->nodes == NULL) {
        return nomem(err);
    }
    job->node_count = total;
    LT_TRY(place(job, err));
    for (uint32_t i = 0; i < total; i++) {
        LT_TRY(build_inputs(job, &job->nodes[i], err));
    }
    for (uint32_t i = 0; i < total; i++) {
        LT_TRY(build_edges(job, &job->nodes[i], err));
    }
    for (uint32_t id = 0; id < plan->node_count; id++) {
        if (plan->nodes[id]->kind == LT_PLAN_SOURCE &&
            plan->nodes[id]->spread == LT_SPREAD_BLOCKS) {
            LT_TRY(build_sequence(job, id, err));
        }
    }
    return LT_OK;
}
