/* The JSON decoder's parts.
 *
 *   json_decode.c  options, the loop over lines, rejects, learning of layouts
 *   json_value.c   one value of any type, with every check: the general path
 *   json_walk.c    records that look like one seen before: the fast path, per processor level
 *
 * Both paths accept the same records and give the same rows: whatever the walk does not recognise
 * at once it leaves to the general path, from the record's start. */
#pragma once

#include "format/decode_int.h"

#define JSON_DEPTH_MAX   128
#define JSON_NUMBER_MAX  1000 /* digits */
#define JSON_STEPS_MAX   256  /* members of a record that a layout can hold */
#define JSON_LIT_MAX     64
#define JSON_CHUNK_BYTES 16384 /* input that is looked at as a whole */
#define JSON_LAYOUTS     4

typedef struct json_node json_node;
typedef struct json_object json_object;
typedef struct json_decoder json_decoder;

/* The keys of a map by hash, for maps of more than a few keys. */
typedef struct {
    uint32_t *slots; /* positions; UINT32_MAX = free */
    uint32_t slot_cap;
    uint32_t mask;
    uint32_t rows; /* keys when it was built; 0 = not built */
} json_map_table;

/* A type compiled for reading. */
struct json_node {
    const lt_type *type;
    lt_str name;         /* of the column or field, for messages */
    json_object *object; /* ROW */
    json_node *children; /* ARRAY: 1; MAP, MULTISET: key and value */
    uint32_t child_count;
    json_map_table *table; /* MAP, MULTISET */
};

/* The fields of a record or ROW by name. Slots: open addressing over the names' hashes. */
struct json_object {
    uint32_t count;
    uint32_t expect; /* the field that came after the last one, last time */
    json_node *nodes;
    uint64_t *seen; /* scratch: a bit per field */
    int32_t *slots;
    uint32_t slot_mask;
    uint64_t lengths; /* bit i: some name has i bytes (63: or more) */
};

typedef enum {
    JSON_OK,
    JSON_FIELD,  /* well-formed, but no value of the type: reader->why */
    JSON_BROKEN, /* not JSON, or beyond a limit: reader->why */
    JSON_NOMEM
} json_result;

/* One record being read. `end`: its newline or the end of input; LT_BUF_PADDING readable bytes
 * follow. */
typedef struct {
    json_decoder *dec;
    const char *record;
    const char *end;
    lt_arena *arena;
    unsigned depth;
    bool tracing; /* the members of the root go to dec->trace */
    lt_refusal why;
} json_reader;

/* Where a value goes. `cap`: rows for which the column was allocated. */
typedef struct {
    lt_col *col;
    uint32_t row;
    uint32_t cap;
} json_slot;

/* What a layout is learned from: one member of the root. */
typedef struct {
    uint32_t lit_from; /* from the record's start: end of the value before */
    uint32_t value;    /* start of the value */
    int32_t field;     /* -1 = not wanted */
} json_trace;

/* Where a chunk's characters of interest are, as offsets from its start. */
typedef struct {
    uint32_t line_count;
    bool ascii;
    bool plain; /* marks and line_marks are filled; no backslash, no control character but newlines
                 */
    uint16_t newlines[JSON_CHUNK_BYTES + 1];
    uint16_t line_marks[JSON_CHUNK_BYTES + 1]; /* per newline: its position in `marks` */
    uint16_t marks[JSON_CHUNK_BYTES + 128];    /* quotes and newlines, in order */
} json_index;

typedef enum {
    STEP_SKIP_STRING, /* the literal includes the opening quote, in all _STRING steps and STEP_TIME
                       */
    STEP_SKIP_NUMBER,
    STEP_SKIP_ANY,
    STEP_INT32,
    STEP_INT64,
    STEP_STRING,
    STEP_TIME, /* TIMESTAMP or TIMESTAMP_LTZ of precision 3 */
    STEP_ANY,
    STEP_END /* the literal goes through the newline */
} json_step_op;

/* One literal to compare and what follows it. */
typedef struct {
    LT_ALIGNED(64) char lit[JSON_LIT_MAX];
    uint64_t mask; /* lit_len low bits */
    void *data;    /* the column's array in the batch at hand */
    uint32_t lit_len;
    int32_t field;
    json_step_op op;
    bool wide; /* a string that is likely longer than a short one */
    /* For the indexed walk: marks (quotes and newlines) counted from the record's first. */
    uint32_t mark;  /* the first one in the literal */
    uint32_t back;  /* and its place there */
    uint32_t close; /* the closing quote of a _STRING or STEP_TIME value */
    /* STEP_TIME: what the 3rd and 2nd half of `2026-01-01T00:00:01.123Z` look like. Digits become
     * their values by XOR, other characters zero. */
    uint32_t time_len; /* with the closing quote */
    uint64_t time_mid;
    uint64_t time_tail;
    uint64_t tail_fixed;  /* mask of the bytes of the tail that are no digits */
    uint64_t tail_digits; /* mask of those that are */
} json_step;

typedef struct {
    json_step *steps; /* NULL = unused */
    uint32_t step_count;
    uint32_t step_cap;
    uint32_t *missing; /* fields that the record does not have: NULL in the row */
    uint32_t missing_count;
    uint32_t hits;
    uint32_t quotes; /* in the whole record */
} json_layout;

struct json_decoder {
    lt_decoder_base base;
    lt_arena *arena; /* compiled schema */
    json_object *root;
    lt_conv_rules rules;
    bool fail_on_missing;
    bool ignore_errors;
    lt_text scratch;     /* unescaped keys, texts of trees */
    int64_t array_at;    /* stream offset of a top-level array given out in part */
    uint64_t array_done; /* its elements that were given out */
    /* layouts */
    json_trace trace[JSON_STEPS_MAX];
    uint32_t trace_count;
    bool trace_full;
    json_layout layouts[JSON_LAYOUTS];
    uint32_t layout_now;
    uint32_t learn_wait; /* records to go before the next layout is learned */
    uint32_t learn_pause;
    bool walkable;       /* layouts may be used */
    uint32_t row_bytes;  /* of an average record of late */
    uint32_t trace_end;  /* end of the last value, from the record's start */
    json_index index;    /* of the chunk at hand */
    uint32_t index_wait; /* chunks to go until the next full index */
    uint32_t index_pause;
    /* date of the last timestamp read by the walk */
    uint64_t date_word;
    uint16_t date_tail;
    int64_t date_ms;
};

/* ---- json_value.c ---- */

json_result json_broken(json_reader *r, const char *code, const char *what);
const char *json_skip_blanks(const char *at, const char *end);

/* `at` is behind the opening quote: gives the closing one, NULL with r->why when there is none or
 * an escape or control character is wrong. */
const char *json_string_end(json_reader *r, const char *at, bool *escaped);
/* Any value; NULL with r->why. */
const char *json_skip_value(json_reader *r, const char *at);
/* A value into a column's row. *at: in the first character, out behind the value (JSON_OK and
 * JSON_FIELD). */
json_result json_read_value(json_reader *r, const json_node *node, json_slot to, const char **at);
/* An object's members into columns: to.col is the first one. */
json_result json_read_object(json_reader *r, json_object *object, json_slot to, const char **at);
uint32_t json_name_hash(lt_str name);
/* Unescapes [from, to) to `out`, which has room for as many bytes; gives the end. The escapes were
 * checked. */
char *json_unescape(const char *from, const char *to, char *out);
/* Appends text of any value as Jackson's tree prints it. */
json_result json_tree_text(json_reader *r, lt_text *to, const char **at);

/* ---- json_walk.c ---- */

/* Where a walk goes and what it has done. */
typedef struct {
    const char *at;           /* in: a record start; out: first record that is not in the batch */
    const char *base;         /* what the newlines' offsets count from */
    const uint16_t *newlines; /* of the records from `at` on */
    const uint16_t *newlines_end;
    const char *wide_limit; /* up to here 128 bytes may be read */
    uint32_t row;           /* in, out */
    uint32_t row_cap;
    lt_col *cols;
} json_walk;

/* Reads records while they follow one of the layouts. The reader's end is the last newline. */
typedef void json_walk_fn(json_decoder *dec, json_reader *r, json_walk *walk);
/* `indexed`: dec->index has marks. */
json_walk_fn *json_walk_for(lt_cpu_level level, bool indexed);

/* Makes a layout of the record that was just read with tracing on: [r->record, newline], newline
 * included. */
void json_learn(json_decoder *dec, const json_reader *r, const char *newline);
/* Points the layouts' steps at the batch's columns. false = out of memory. */
bool json_layouts_bind(json_decoder *dec, lt_batch *batch);

/* ---- json_index.c ---- */

/* Fills the index of ptr[0, len), len <= JSON_CHUNK_BYTES. Without `full`, or where the level has
 * no fast way, newlines and `ascii` only. */
void json_index_fill(json_index *index, const char *ptr, size_t len, lt_cpu_level level, bool full);

/* ---- json_encode.c ---- */
void json_put_string(lt_text *to, const char *ptr, size_t len); /* as Jackson writes it */
