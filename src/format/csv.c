/* The csv format: options as in Flink 2.2, what it can carry, and the dialect that the options
 * give. */
#include "format/csv.h"

const lt_option_def csv_options[CSV_OPTION_COUNT] = {
    {.name = "field-delimiter",
     .kind = LT_OPT_STRING,
     .fallback = ",",
     .help = "One ASCII character; \\t for a tab"},
    {.name = "disable-quote-character",
     .kind = LT_OPT_BOOL,
     .fallback = "false",
     .help = "Quotes are characters like others"},
    {.name = "quote-character",
     .kind = LT_OPT_STRING,
     .fallback = "\"",
     .help = "One ASCII character"},
    {.name = "allow-comments",
     .kind = LT_OPT_BOOL,
     .fallback = "false",
     .help = "Lines that begin with # are skipped"},
    {.name = "ignore-parse-errors",
     .kind = LT_OPT_BOOL,
     .fallback = "false",
     .help = "Fields that cannot be read become NULL, broken records are skipped and counted"},
    {.name = "array-element-delimiter",
     .kind = LT_OPT_STRING,
     .fallback = ";",
     .help = "Between the elements of an ARRAY and the fields of a ROW"},
    {.name = "escape-character",
     .kind = LT_OPT_STRING,
     .help = "One ASCII character that takes the meaning of the next one; none by default"},
    {.name = "null-literal",
     .kind = LT_OPT_STRING,
     .help = "The text that stands for NULL; none by default"},
    {.name = "write-bigdecimal-in-scientific-notation",
     .kind = LT_OPT_BOOL,
     .fallback = "true",
     .help = "Write decimals as 1E+5 instead of 100000"},
};

static lt_str option_text(const lt_format_ctx *ctx, const char *name)
{
    return lt_options_get(&ctx->options, ctx->prefix, csv_options, CSV_OPTION_COUNT, name);
}

static bool option_bool(const lt_format_ctx *ctx, const char *name)
{
    return lt_options_bool(&ctx->options, ctx->prefix, csv_options, CSV_OPTION_COUNT, name);
}

/* A character as written, or as Java escapes it: \t, \\, \u0001. */
static bool one_character(lt_str text, char *out)
{
    if (text.len == 1 && (unsigned char)text.ptr[0] < 0x80) {
        *out = text.ptr[0];
        return true;
    }
    if (text.len == 2 && text.ptr[0] == '\\') {
        static const char names[] = "tnrbf\\\"'";
        static const char meanings[] = "\t\n\r\b\f\\\"'";
        for (size_t i = 0; names[i] != '\0'; i++) {
            if (names[i] == text.ptr[1]) {
                *out = meanings[i];
                return true;
            }
        }
    }
    if (text.len == 6 && text.ptr[0] == '\\' && text.ptr[1] == 'u' && text.ptr[2] == '0' &&
        text.ptr[3] == '0') {
        unsigned value = 0;
        for (size_t i = 4; i < 6; i++) {
            char ch = text.ptr[i];
            unsigned digit = ch >= '0' && ch <= '9'   ? (unsigned)(ch - '0')
                             : ch >= 'a' && ch <= 'f' ? (unsigned)(ch - 'a' + 10)
                             : ch >= 'A' && ch <= 'F' ? (unsigned)(ch - 'A' + 10)
                                                      : 256;
            value = value * 16 + digit;
        }
        *out = (char)value;
        return value > 0 && value < 0x80;
    }
    return false;
}

static lt_status read_character(const lt_format_ctx *ctx, const char *name, char *out,
                                lt_error *err)
{
    lt_str text = option_text(ctx, name);
    if (text.ptr == NULL) {
        *out = '\0';
        return LT_OK;
    }
    if (!one_character(text, out) || *out == '\n' || *out == '\r') {
        return lt_error_set(
            err, LT_ERR_SQL,
            "option '%s%s' must be one ASCII character other than a line end, not '%.*s'",
            ctx->prefix, name, LT_STR_ARG(text));
    }
    return LT_OK;
}

lt_status csv_dialect_read(const lt_format_ctx *ctx, csv_dialect *out, lt_error *err)
{
    *out = (csv_dialect){0};
    LT_TRY(read_character(ctx, "field-delimiter", &out->delimiter, err));
    LT_TRY(read_character(ctx, "quote-character", &out->quote, err));
    LT_TRY(read_character(ctx, "escape-character", &out->escape, err));
    if (option_bool(ctx, "disable-quote-character")) {
        out->quote = '\0';
    }
    if (out->delimiter == out->quote || out->delimiter == out->escape) {
        return lt_error_set(
            err, LT_ERR_SQL,
            "option '%sfield-delimiter' must differ from the quote and the escape character",
            ctx->prefix);
    }
    if (out->quote != '\0' && out->escape == out->quote) {
        out->escape = '\0'; /* a doubled quote is an escaped one anyway */
    }
    out->comments = option_bool(ctx, "allow-comments");
    out->ignore_errors = option_bool(ctx, "ignore-parse-errors");
    out->scientific = option_bool(ctx, "write-bigdecimal-in-scientific-notation");
    out->null_literal = option_text(ctx, "null-literal");
    out->has_null = out->null_literal.ptr != NULL;
    out->array_delimiter = option_text(ctx, "array-element-delimiter");
    if (out->array_delimiter.len == 0) {
        return lt_error_set(err, LT_ERR_SQL, "option '%sarray-element-delimiter' must not be empty",
                            ctx->prefix);
    }
    return LT_OK;
}

static bool is_scalar(const lt_type *type)
{
    return type->kind != LT_TYPE_ARRAY && type->kind != LT_TYPE_MAP &&
           type->kind != LT_TYPE_MULTISET && type->kind != LT_TYPE_ROW &&
           type->kind != LT_TYPE_VARIANT && type->kind != LT_TYPE_NULL &&
           type->kind != LT_TYPE_DESCRIPTOR && type->kind != LT_TYPE_SYMBOL;
}

static lt_status csv_check(const lt_format_ctx *ctx, bool decode, lt_error *err)
{
    csv_dialect dialect;
    (void)decode;
    LT_TRY(csv_dialect_read(ctx, &dialect, err));
    for (uint32_t i = 0; i < ctx->schema->count; i++) {
        const lt_type *type = ctx->schema->fields[i].type;
        bool list = type->kind == LT_TYPE_ARRAY || type->kind == LT_TYPE_ROW;
        bool good = list || is_scalar(type);
        for (uint32_t k = 0; list && k < type->field_count; k++) {
            good = good && is_scalar(type->fields[k].type);
        }
        if (!good) {
            return lt_error_set(err, LT_ERR_UNSUPPORTED,
                                "the csv format cannot carry the type of column '%.*s'; it takes "
                                "scalars, and ARRAY and ROW of scalars",
                                LT_STR_ARG(ctx->schema->fields[i].name));
        }
    }
    return LT_OK;
}

const lt_format lt_format_csv = {
    .name = "csv",
    .help = "Comma-separated values, RFC 4180",
    .options = csv_options,
    .option_count = CSV_OPTION_COUNT,
    .has_decoder = true,
    .has_encoder = true,
    .check = csv_check,
    .decoder_new = csv_decoder_new,
    .decode = csv_decode,
    .decoder_free = csv_decoder_free,
    .whole = csv_whole,
    .encoder_new = csv_encoder_new,
    .encode = csv_encode,
    .encoder_free = csv_encoder_free,
};
