/* The one list of connectors, and the life of their instances. */
#include <string.h>

#include "base/assert.h"
#include "connector/connector_int.h"

/* A new connector is one line here and one folder beside this file. */
#define LT_CONNECTORS(X) X(filesystem) X(datagen) X(print) X(blackhole) X(stdin) X(stdout) X(feed)

#define X(id) extern const lt_connector lt_conn_##id;
LT_CONNECTORS(X)
#undef X

static const lt_connector *const connectors[] = {
#define X(id) &lt_conn_##id,
    LT_CONNECTORS(X)
#undef X
};

const lt_connector *lt_connector_find(lt_str name)
{
    for (size_t i = 0; i < LT_COUNT_OF(connectors); i++) {
        if (lt_str_eq(name, lt_str_of(connectors[i]->name))) {
            return connectors[i];
        }
    }
    return NULL;
}

const lt_connector *lt_connector_at(uint32_t index)
{
    return index < LT_COUNT_OF(connectors) ? connectors[index] : NULL;
}

/* The values are checked once more, because ${..} was resolved after the plan. */
static lt_status check_resolved(const lt_connector *connector, const lt_table_ctx *ctx,
                                lt_error *err)
{
    char owner[96];
    lt_connector_owner(connector, owner, sizeof owner);
    const lt_option_table tables[] = {
        {connector->options, connector->option_count, NULL},
        {lt_table_options, lt_table_option_count, NULL},
    };
    return lt_options_check_values(&ctx->options, tables, LT_COUNT_OF(tables), owner, err);
}

lt_status lt_source_new(const lt_connector *connector, const lt_table_ctx *ctx, lt_source **out,
                        lt_error *err)
{
    *out = NULL;
    const lt_source_class *cls = connector->source;
    if (cls == NULL) {
        return lt_error_set(err, LT_ERR_SQL,
                            "connector '%s' cannot be read from; it is a sink only",
                            connector->name);
    }
    LT_TRY(check_resolved(connector, ctx, err));
    LT_ASSERT(cls->self_size >= sizeof(lt_source));
    lt_source *src = lt_mem_zalloc(ctx->mem, cls->self_size);
    if (src == NULL) {
        return lt_error_nomem(err, "a source");
    }
    src->cls = cls;
    src->ctx = ctx;
    *out = src;
    return LT_OK;
}

void lt_source_free(lt_source *src)
{
    if (src == NULL) {
        return;
    }
    if (src->cls->close != NULL) {
        src->cls->close(src);
    }
    lt_mem_free(src->ctx->mem, src, src->cls->self_size);
}

lt_status lt_sink_new(const lt_connector *connector, const lt_table_ctx *ctx, lt_sink **out,
                      lt_error *err)
{
    *out = NULL;
    const lt_sink_class *cls = connector->sink;
    if (cls == NULL) {
        return lt_error_set(err, LT_ERR_SQL,
                            "connector '%s' cannot be written to; it is a source only",
                            connector->name);
    }
    LT_TRY(check_resolved(connector, ctx, err));
    LT_ASSERT(cls->self_size >= sizeof(lt_sink));
    lt_sink *sink = lt_mem_zalloc(ctx->mem, cls->self_size);
    if (sink == NULL) {
        return lt_error_nomem(err, "a sink");
    }
    sink->cls = cls;
    sink->ctx = ctx;
    *out = sink;
    return LT_OK;
}

void lt_sink_free(lt_sink *sink)
{
    if (sink == NULL) {
        return;
    }
    if (sink->cls->close != NULL) {
        sink->cls->close(sink);
    }
    lt_mem_free(sink->ctx->mem, sink, sink->cls->self_size);
}
