/* The csv format: options, dialect, and its two halves. */
#pragma once

#include "format/format.h"

enum { CSV_OPTION_COUNT = 9 };
extern const lt_option_def csv_options[CSV_OPTION_COUNT];

/* The options, read. Bytes are ASCII; 0 = none. */
typedef struct {
    char delimiter;
    char quote;
    char escape;
    bool comments;
    bool ignore_errors;
    bool scientific;
    bool has_null;
    lt_str null_literal;
    lt_str array_delimiter;
} csv_dialect;

lt_status csv_dialect_read(const lt_format_ctx *ctx, csv_dialect *out, lt_error *err);

lt_status csv_decoder_new(const lt_format_ctx *ctx, lt_decoder **out, lt_error *err);
lt_status csv_decode(lt_decoder *decoder, lt_decode_in *in, lt_batch *batch, lt_error *err);
void csv_decoder_free(lt_decoder *decoder);
size_t csv_whole(const lt_format_ctx *ctx, const char *ptr, size_t len);

lt_status csv_encoder_new(const lt_format_ctx *ctx, lt_encoder **out, lt_error *err);
lt_status csv_encode(lt_encoder *encoder, const lt_batch *batch, const uint32_t *rows,
                     uint32_t count, lt_text *to, lt_error *err);
void csv_encoder_free(lt_encoder *encoder);
