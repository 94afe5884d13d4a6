/* What all decoders share: statistics, limits, the end of over-long records, reject reports, and
 * the conversion of one text to one column value. */
#pragma once

#include "base/cpu.h"
#include "format/datetime.h"
#include "format/format.h"

/* How much of an over-long record is kept for its reject. */
#define LT_REJECT_RAW_MAX 256

/* Every decoder struct begins with this, and this begins with the statistics. */
typedef struct {
    lt_decode_stats stats;
    lt_format_ctx ctx;
    int64_t record_bytes_max;
    lt_cpu_level cpu;
    bool borrows; /* values may lie in the input: batches pin it */
    bool skipping; /* within a record that was too long: up to its end nothing is a record */
} lt_decoder_base;

void lt_decoder_base_init(lt_decoder_base *base, const lt_format_ctx *ctx);

/* Keeps the input alive as long as the batch, where its values may point there: buffers that nobody
 * holds are filled again while they are warm. false = out of memory. */
bool lt_decoder_pin(const lt_decoder_base *base, lt_batch *batch, lt_buf *buf);

/* Why a record was refused. */
typedef struct {
    const char *code; /* static */
    lt_stage stage;
    char detail[160];
} lt_refusal;

void lt_refuse(lt_refusal *why, const char *code, const char *fmt, ...) LT_PRINTF(3, 4);

/* Hands in->buf[from, to) to the reject sink. LT_OK to go on. */
lt_status lt_decoder_reject(lt_decoder_base *base, const lt_decode_in *in, size_t from, size_t to,
                            const lt_refusal *why, lt_error *err);

/* At in->pos == stream offset 0: forgets what belonged to the stream before and steps over a byte
 * order mark. True when a new stream starts here. False with *wait set: the first bytes may become
 * a mark, more are needed. */
bool lt_decoder_stream_start(lt_decoder_base *base, lt_decode_in *in, bool *wait);

/* For formats of one line per record. Steps over the rest of an over-long record, and over one that
 * has become too long (with its reject). Call with in->pos at a record start and `newline` the next
 * newline, NULL when there is none before in->end. *go_on: the record [pos, newline or end) is
 * complete and short enough. Otherwise in->pos was moved if there was something to skip; *stop
 * tells that no complete record is left. */
typedef struct {
    bool go_on;
    bool stop;
} lt_line_state;
lt_status lt_decoder_line(lt_decoder_base *base, lt_decode_in *in, const char *newline,
                          lt_line_state *state, lt_error *err);

/* ---- one text -> one value ---- */

typedef enum {
    LT_CONV_OK,
    LT_CONV_BAD,  /* no value of the type */
    LT_CONV_NULL, /* a value that SQL turns into NULL: a decimal with too many digits */
    LT_CONV_NOMEM
} lt_conv;

/* What differs between formats. */
typedef struct {
    lt_time_form timestamp;
    lt_time_form ltz;
    bool date_clamp;   /* 2020-02-30 is 2020-03-01, as java.sql.Date has it */
    bool time_short;   /* 12:34 is a TIME */
    bool time_clamp;   /* 24:00:00 is midnight */
    bool time_trim;    /* blanks around timestamps are ignored */
    bool time_epoch;   /* a number is a timestamp: seconds, ms, us or ns since 1970 by its size */
    bool decimal_trim; /* blanks around decimals are ignored */
    bool bool_strict;  /* only true and false are BOOLEAN; else anything but `true` is false, as in
                          Java */
} lt_conv_rules;

/* Flink's rules for a timestamp standard ("SQL" or "ISO-8601"); lenient accepts both, with any
 * zone. */
void lt_conv_time_forms(lt_conv_rules *rules, bool iso, bool lenient);

/* Stores a scalar. Strings of more than 12 bytes borrow from text. Sets no validity bit. */
lt_conv lt_conv_text(const lt_conv_rules *rules, lt_col *col, uint32_t row, lt_str text,
                     lt_arena *arena);

/* Stores an integer in an integer, interval or boolean-free column; false when out of the type's
 * range. */
bool lt_conv_store_i64(lt_col *col, uint32_t row, int64_t value);

/* NULL in `row`, zero below it. false = out of memory. */
bool lt_col_put_null(lt_col *col, uint32_t row, uint32_t cap, lt_arena *arena);
/* Rows that are not kept leave no NULL behind for the next record of the same row. */
void lt_cols_restore(lt_col *cols, uint32_t count, uint32_t row);

LT_INLINE void lt_col_put_valid(lt_col *col, uint32_t row)
{
    if (LT_UNLIKELY(col->valid != NULL)) {
        lt_bit_set(col->valid, row);
    }
}

/* Base64 with padding, as Java's MIME decoder without line feeds. `out` has room for len / 4 * 3
 * bytes; gives the length or SIZE_MAX. */
size_t lt_base64_decode(const char *ptr, size_t len, uint8_t *out);
void lt_base64_encode(lt_text *to, const char *ptr, size_t len);
