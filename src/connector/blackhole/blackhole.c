/* blackhole: takes every row and keeps none, for measuring the rest of a job. Also the smallest
 * connector there is: docs/howto/add-connector.md walks through this file. */
#include "connector/connector.h"

static lt_status blackhole_open(lt_sink *sink, lt_error *err)
{
    (void)sink;
    (void)err;
    return LT_OK;
}

static lt_status blackhole_write(lt_sink *sink, const lt_batch *batch, lt_error *err)
{
    (void)err;
    sink->rows += lt_batch_live(batch);
    return LT_OK;
}

static const lt_sink_class blackhole_sink = {
    .self_size = sizeof(lt_sink),
    .guarantee = LT_SINK_EXACTLY_ONCE, /* there is nothing to repeat */
    .kinds = 0xf,
    .open = blackhole_open,
    .write = blackhole_write,
};

extern const lt_connector lt_conn_blackhole;
const lt_connector lt_conn_blackhole = {
    .name = "blackhole",
    .help = "takes rows and keeps none",
    .sink = &blackhole_sink,
};
