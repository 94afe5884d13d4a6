/* Formats: bytes <-> batch. A decoder is compiled for a projected schema and writes straight into
 * columns, never through a tree per record; an encoder appends records to a text buffer. One file
 * pair per format; the registry is LT_FORMATS. */
#pragma once

#include "base/option.h"
#include "base/status.h"
#include "data/batch.h"
#include "data/reject.h"

typedef struct lt_decoder lt_decoder;
typedef struct lt_encoder lt_encoder;
typedef struct lt_format lt_format;

/* What a decoder or encoder is compiled for. Everything outlives it. */
typedef struct {
    lt_mem *mem;
    const lt_schema *schema; /* decoder: the columns wanted, in order; encoder: those given */
    /* CSV and other formats by position: the record's full physical schema, and for each column
     * wanted its position there. JSON goes by name. */
    const lt_schema *record_schema;
    const uint32_t *record_index; /* schema->count entries */
    lt_options options; /* of the table; the format's own have its prefix, such as "json." */
    const char *prefix; /* "json.", "value.json." */
    lt_str table;       /* for rejects and messages */
    bool lenient; /* inferred tables: a record that does not fit is a reject, and type mismatches
                     too */
    bool skip_header; /* CSV: the first record of every stream (stream offset 0) is a header and no
                         row */
    const char *cpu;  /* LEAT_CPU, lowers the SIMD level for tests; NULL = as detected */
    int64_t record_bytes_max; /* longer records are rejected; 0 = 8 MiB */
    lt_reject_sink *rejects;  /* decoders report refused records here */
} lt_format_ctx;

/* One run of bytes to decode. */
typedef struct {
    lt_buf *buf; /* pinned by the batch whose strings borrow from it */
    size_t
        pos; /* in: where to start; out: first byte not consumed (start of an incomplete record) */
    size_t end;          /* bytes available; LT_BUF_PADDING readable bytes follow */
    bool last;           /* no more bytes will follow: a record without terminator is complete */
    int64_t base_offset; /* stream offset of buf->ptr[0], for reject positions */
    lt_str where;        /* file name or the like, for rejects */
} lt_decode_in;

struct lt_format {
    const char *name;
    const char *help;
    const lt_option_def *options;
    uint32_t option_count;
    bool has_decoder;
    bool has_encoder;
    /* Checks schema and options without making anything (used at plan time); NULL = nothing beyond
     * the option table. */
    lt_status (*check)(const lt_format_ctx *ctx, bool decode, lt_error *err);
    lt_status (*decoder_new)(const lt_format_ctx *ctx, lt_decoder **out, lt_error *err);
    /* Appends rows to `batch` (at batch->row_count, up to row_cap) until the batch is full or no
     * complete record is left. Refused records go to the reject sink and are skipped (or fail the
     * call with LT_ERR_DATA after the rows before them are in the batch). A record longer than
     * record_bytes_max is skipped and rejected once, even when it spans many calls. Never needs
     * more than record_bytes_max + one block of input held. */
    lt_status (*decode)(lt_decoder *decoder, lt_decode_in *in, lt_batch *batch, lt_error *err);
    void (*decoder_free)(lt_decoder *decoder); /* accepts NULL */
    /* Cuts a stream into runs that decoders can take side by side: how many of the bytes
     * [ptr, ptr + len), which begin at a record, are whole records, as a decoder that saw the
     * stream from there would tell them apart. 0: more bytes are needed. LT_BUF_PADDING readable
     * bytes follow. `ctx` as for decoder_new, which accepted it. NULL: records of this format
     * cannot be told apart without decoding them. */
    size_t (*whole)(const lt_format_ctx *ctx, const char *ptr, size_t len);
    /* For each row decoded into the batch by the last decode call the format may tell the row kind
     * through batch->kinds (changelog formats). */

    lt_status (*encoder_new)(const lt_format_ctx *ctx, lt_encoder **out, lt_error *err);
    /* Appends rows[0..count) of the batch as whole records with their terminators. A row that
     * cannot be encoded fails the call (LT_ERR_DATA) or is rejected, nothing of it written. */
    lt_status (*encode)(lt_encoder *encoder, const lt_batch *batch, const uint32_t *rows,
                        uint32_t count, lt_text *to, lt_error *err);
    void (*encoder_free)(lt_encoder *encoder); /* accepts NULL */
};

/* `whole` of the formats whose records end at a newline and nowhere else. */
size_t lt_format_whole_lines(const lt_format_ctx *ctx, const char *ptr, size_t len);

/* All formats; NULL-terminated by count. */
const lt_format *lt_format_find(lt_str name);  /* NULL when unknown */
const lt_format *lt_format_at(uint32_t index); /* NULL past the end */

/* Statistics every decoder keeps. */
typedef struct {
    uint64_t records; /* seen, refused ones included */
    uint64_t rejected;
    uint64_t bytes;
} lt_decode_stats;
const lt_decode_stats *
lt_decoder_stats(const lt_decoder *decoder); /* decoders begin with this struct */
