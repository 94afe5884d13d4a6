/* What connectors share and nobody outside this folder needs. */
#pragma once

#include "connector/connector.h"

/* `connector 'print'` for messages. */
void lt_connector_owner(const lt_connector *connector, char *to, size_t size);

/* The value of an option of this connector's table, by name (shorthands over base/option.h). */
LT_INLINE lt_str lt_ctx_text(const lt_table_ctx *ctx, const lt_connector *connector,
                             const char *name)
{
    return lt_options_get(&ctx->options, NULL, connector->options, connector->option_count, name);
}
LT_INLINE int64_t lt_ctx_int(const lt_table_ctx *ctx, const lt_connector *connector,
                             const char *name, bool *has)
{
    return lt_options_int(&ctx->options, NULL, connector->options, connector->option_count, name,
                          has);
}
LT_INLINE bool lt_ctx_bool(const lt_table_ctx *ctx, const lt_connector *connector, const char *name)
{
    return lt_options_bool(&ctx->options, NULL, connector->options, connector->option_count, name);
}

/* The format named by 'format'; LT_ERR_SQL with the list when it is unknown or has no decoder
 * (encoder). */
lt_status lt_ctx_format(const lt_table_ctx *ctx, bool decode, const lt_format **out, lt_error *err);

/* What a decoder (encoder) for all columns of the table is made for. prefix (size bytes) holds
 * `json.` and must outlive *out. */
void lt_ctx_format_ctx(const lt_table_ctx *ctx, const lt_format *format, char *prefix, size_t size,
                       lt_format_ctx *out);

/* ---- positions as bytes: little-endian, read with bounds ---- */
void lt_pos_put_u64(lt_text *to, uint64_t value);
void lt_pos_put_str(lt_text *to, lt_str str);

typedef struct {
    lt_str rest;
    bool bad; /* ran past the end; every read gives zero from then on */
} lt_pos_reader;

uint64_t lt_pos_get_u64(lt_pos_reader *reader);
lt_str lt_pos_get_str(lt_pos_reader *reader); /* borrowed */
