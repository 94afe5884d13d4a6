/* The json format: options as in Flink, and what it can carry. */
#include "format/json.h"

const lt_option_def json_options[JSON_OPTION_COUNT] = {
    {.name = "fail-on-missing-field",
     .kind = LT_OPT_BOOL,
     .fallback = "false",
     .help = "Refuse records that lack a field, instead of taking NULL"},
    {.name = "ignore-parse-errors",
     .kind = LT_OPT_BOOL,
     .fallback = "false",
     .help = "Fields that cannot be read become NULL, broken records are skipped and counted"},
    {.name = "timestamp-format.standard",
     .kind = LT_OPT_ENUM,
     .fallback = "SQL",
     .choices = "SQL|ISO-8601",
     .help = "`2020-12-30 12:13:14.123` or `2020-12-30T12:13:14.123`"},
    {.name = "map-null-key.mode",
     .kind = LT_OPT_ENUM,
     .fallback = "FAIL",
     .choices = "FAIL|DROP|LITERAL",
     .help = "What to write for a NULL key of a map"},
    {.name = "map-null-key.literal",
     .kind = LT_OPT_STRING,
     .fallback = "null",
     .help = "The key written for NULL in mode LITERAL"},
    {.name = "encode.decimal-as-plain-number",
     .kind = LT_OPT_BOOL,
     .fallback = "false",
     .help = "Write decimals as 0.00000027 instead of 2.7E-7"},
    {.name = "encode.ignore-null-fields",
     .kind = LT_OPT_BOOL,
     .fallback = "false",
     .help = "Leave fields out that are NULL"},
    {.name = "decode.json-parser.enabled",
     .kind = LT_OPT_BOOL,
     .fallback = "true",
     .help = "Accepted for compatibility; there is one parser"},
};

static lt_status check_type(const lt_type *type, lt_str column, lt_error *err)
{
    bool map = type->kind == LT_TYPE_MAP || type->kind == LT_TYPE_MULTISET;
    if (type->kind == LT_TYPE_VARIANT || type->kind == LT_TYPE_NULL ||
        type->kind == LT_TYPE_DESCRIPTOR || type->kind == LT_TYPE_SYMBOL) {
        return lt_error_set(err, LT_ERR_UNSUPPORTED,
                            "the json format cannot carry the type of column '%.*s'",
                            LT_STR_ARG(column));
    }
    if (map && !lt_type_is_string(type->fields[0].type)) {
        return lt_error_set(err, LT_ERR_UNSUPPORTED,
                            "the json format needs strings as keys of MAP and elements of "
                            "MULTISET, in column '%.*s'",
                            LT_STR_ARG(column));
    }
    for (uint32_t i = 0; i < type->field_count; i++) {
        LT_TRY(check_type(type->fields[i].type, column, err));
    }
    return LT_OK;
}

static lt_status json_check(const lt_format_ctx *ctx, bool decode, lt_error *err)
{
    for (uint32_t i = 0; i < ctx->schema->count; i++) {
        LT_TRY(check_type(ctx->schema->fields[i].type, ctx->schema->fields[i].name, err));
    }
    if (decode &&
        lt_options_bool(&ctx->options, ctx->prefix, json_options, JSON_OPTION_COUNT,
                        "fail-on-missing-field") &&
        lt_options_bool(&ctx->options, ctx->prefix, json_options, JSON_OPTION_COUNT,
                        "ignore-parse-errors")) {
        return lt_error_set(
            err, LT_ERR_SQL,
            "%sfail-on-missing-field and %signore-parse-errors shouldn't both be true", ctx->prefix,
            ctx->prefix);
    }
    return LT_OK;
}

const lt_format lt_format_json = {
    .name = "json",
    .help = "JSON objects, one per line",
    .options = json_options,
    .option_count = JSON_OPTION_COUNT,
    .has_decoder = true,
    .has_encoder = true,
    .check = json_check,
    .decoder_new = json_decoder_new,
    .decode = json_decode,
    .decoder_free = json_decoder_free,
    .whole = lt_format_whole_lines,
    .encoder_new = json_encoder_new,
    .encode = json_encode,
    .encoder_free = json_encoder_free,
};
