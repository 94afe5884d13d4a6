/* Format look-up and position bytes: see connector_int.h. */
#include <stdio.h>
#include <string.h>

#include "connector/connector_int.h"

lt_status lt_ctx_format(const lt_table_ctx *ctx, bool decode, const lt_format **out, lt_error *err)
{
    lt_str name =
        lt_options_get(&ctx->options, NULL, lt_table_options, lt_table_option_count, "format");
    const lt_format *format = name.ptr != NULL ? lt_format_find(name) : NULL;
    *out = format;
    if (format == NULL) {
        return lt_error_set(err, LT_ERR_SQL,
                            "table " LT_STR_FMT ": unknown format '" LT_STR_FMT "'",
                            LT_STR_ARG(ctx->table), (int)name.len, name.ptr ? name.ptr : "");
    }
    if (decode ? !format->has_decoder : !format->has_encoder) {
        return lt_error_set(err, LT_ERR_SQL, "table " LT_STR_FMT ": the format '%s' cannot be %s",
                            LT_STR_ARG(ctx->table), format->name, decode ? "read" : "written");
    }
    return LT_OK;
}

void lt_ctx_format_ctx(const lt_table_ctx *ctx, const lt_format *format, char *prefix, size_t size,
                       lt_format_ctx *out)
{
    (void)snprintf(prefix, size, "%s.", format->name);
    *out = (lt_format_ctx){
        .mem = ctx->mem,
        .schema = ctx->schema,
        .record_schema = ctx->record_schema,
        .record_index = ctx->record_index,
        .options = ctx->options,
        .prefix = prefix,
        .table = ctx->table,
        .lenient = ctx->inferred,
        .cpu = ctx->env->getenv(ctx->env, "LEAT_CPU"),
        .rejects = ctx->rejects,
    };
}

void lt_pos_put_u64(lt_text *to, uint64_t value)
{
    char bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)(value >> (8 * i));
    }
    lt_text_append(to, bytes, sizeof bytes);
}

void lt_pos_put_str(lt_text *to, lt_str str)
{
    lt_pos_put_u64(to, str.len);
    lt_text_append(to, str.ptr, str.len);
}

uint64_t lt_pos_get_u64(lt_pos_reader *reader)
{
    if (reader->bad || reader->rest.len < 8) {
        reader->bad = true;
        return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < 8; i++) {
        value |= (uint64_t)(unsigned char)reader->rest.ptr[i] << (8 * i);
    }
    reader->rest = (lt_str){reader->rest.ptr + 8, reader->rest.len - 8};
    return value;
}

lt_str lt_pos_get_str(lt_pos_reader *reader)
{
    uint64_t len = lt_pos_get_u64(reader);
    if (reader->bad || len > reader->rest.len) {
        reader->bad = true;
        return (lt_str){"", 0};
    }
    lt_str str = {reader->rest.ptr, (size_t)len};
    reader->rest = (lt_str){reader->rest.ptr + len, reader->rest.len - (size_t)len};
    return str;
}
