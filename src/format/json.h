/* The json format: its options and its two halves, for json.c. */
#pragma once

#include "format/format.h"

enum { JSON_OPTION_COUNT = 8 };
extern const lt_option_def json_options[JSON_OPTION_COUNT];

lt_status json_decoder_new(const lt_format_ctx *ctx, lt_decoder **out, lt_error *err);
lt_status json_decode(lt_decoder *decoder, lt_decode_in *in, lt_batch *batch, lt_error *err);
void json_decoder_free(lt_decoder *decoder);

lt_status json_encoder_new(const lt_format_ctx *ctx, lt_encoder **out, lt_error *err);
lt_status json_encode(lt_encoder *encoder, const lt_batch *batch, const uint32_t *rows,
                      uint32_t count, lt_text *to, lt_error *err);
void json_encoder_free(lt_encoder *encoder);
