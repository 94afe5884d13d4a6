/* Private to the join: join.c (opening, input, inner pairs), join_outer.c (rows with and without
 * partners), join_pairs.c (rounds of pairs) and join_state.c (changes of the lists). */
#pragma once

#include "op/op_int.h"
#include "op/specs.h"

typedef struct {
    lt_lists *lists;
    lt_rowcodec *codec;    /* of kept columns */
    lt_rowcodec *id_codec; /* LT_LISTS_KEYED */
    const lt_join_rows *rows;
    const uint32_t *keys; /* input columns */
    const uint32_t *cols; /* kept input columns */
    uint32_t count;       /* of cols */
    uint32_t first;       /* cols[0] in a pair */
    bool outer;           /* its rows come out without a partner, with NULLs */
    bool counted;         /* its rows are marked with the number of their partners */
    bool unmatched;       /* something comes out for rows without a partner */
} join_side;

/* Pairs of rows on their way out, in the round's arena. */
typedef struct {
    uint32_t *rows;       /* pair -> physical row of the batch */
    const uint8_t **ptrs; /* pair -> encoded partner */
    uint32_t *lens;
    uint64_t *refs; /* pair -> cursor at the partner; only join_outer.c */
    uint32_t count;
    lt_col *cols; /* by column of the pair: the partner's, and of the own those in the condition */
    uint32_t *index;  /* pairs that passed the condition */
    uint32_t left;    /* of index */
    uint32_t at;      /* of index, or of rows out: next to go out */
    uint32_t failing; /* the pair that failed, when self->failed is set */
    /* join_outer.c: rows that come out */
    uint32_t *outs_own;  /* physical row of the batch; JOIN_NONE = NULLs */
    uint32_t *outs_pair; /* pair whose partner it is; JOIN_NONE = NULLs */
    uint8_t *outs_kind;
    uint32_t outs;
} join_round;

#define JOIN_NONE UINT32_MAX

typedef struct {
    lt_op op;
    lt_rowcodec *key_codec;
    join_side sides[2];
    lt_evaluator condition;
    bool *tested; /* by column of the pair: the condition looks at it */
    bool at_once; /* encoded rows are done with in the callback that encodes them */
    lt_outbox box;
    lt_arena *chunk;       /* what belongs to the batch at hand */
    lt_arena *round_arena; /* what belongs to the round at hand */
    /* the batch at hand; NULL between callbacks unless LT_FULL was answered */
    lt_batch *pending;
    int side;
    uint32_t *rows;    /* inner: with keys that can match; else all */
    uint64_t *cursors; /* rows[i]'s next partner */
    uint32_t count, at;
    join_round round;
    uint8_t *refused; /* by physical row; NULL = none yet */
    lt_status failed; /* the policy is 'fail': reported when the output is out */
    lt_error failure;
    /* join_outer.c */
    bool *keyless;     /* by i: its key equals no other; NULL = none is like that */
    int32_t *partners; /* by i: found so far */
    lt_rows keys;      /* of rows, encoded */
    bool stored;       /* the own lists are changed */
    bool by_mark;      /* whether a pair comes out is in the partner's mark alone */
    bool by_size;      /* how many partners there are is all that matters */
} join_op;

/* join.c */

/* Opens everything but the lists; op->spec begins with an lt_join_spec. */
lt_status lt_join_init(join_op *self, lt_error *err);
void lt_join_deinit(lt_op *op);
/* self->rows becomes all live rows, and self->keyless says whose key equals no other .. */
lt_status lt_join_note_keyless(join_op *self, const lt_batch *in, lt_error *err);
/* .. or the live rows whose key can equal another; the others are filtered. */
lt_status lt_join_keyed_rows(join_op *self, const lt_batch *in, lt_error *err);

/* join_state.c */

/* Columns of self->rows, in scratch if self->at_once, else in the chunk's arena. */
lt_status lt_join_encode(join_op *self, const lt_rowcodec *codec, const lt_batch *in,
                         const uint32_t *columns, lt_rows *out, lt_error *err);

/* Inner joins: looks up the partners of self->rows and changes the side's lists by them; counts the
 * rows. */
lt_status lt_join_change(join_op *self, const lt_batch *in, lt_error *err);
/* Other joins: looks up the partners (or how many there are), in the chunk's arena .. */
lt_status lt_join_find(join_op *self, const lt_batch *in, lt_error *err);
/* Lookup joins: changes the right side's lists. */
lt_status lt_join_load(join_op *self, const lt_batch *in, lt_error *err);
/* .. and, once everything came out, changes the side's lists; corrects the ledger. */
lt_status lt_join_store(join_op *self, const lt_batch *in, lt_error *err);

/* join_pairs.c */
lt_status lt_join_round_new(join_op *self, uint32_t pairs, lt_error *err);
/* Columns of the partners, of self->sides[1 - self->side]. */
lt_status lt_join_decode(join_op *self, lt_error *err);
/* Leaves the pairs for which the condition is TRUE in round->index. When the policy is 'fail',
 * those before the failing one, and self->failed is set. */
lt_status lt_join_test(join_op *self, lt_error *err);

/* join_outer.c: what is to be done with the batch at hand; then everything that comes out and the
 * change of the own lists. LT_FULL leaves a cursor. */
void lt_join_outer_begin(join_op *self);
lt_status lt_join_outer_run(join_op *self, lt_emit *out, lt_error *err);
/* A round with room for rows that come out: twice as many as pairs. */
lt_status lt_join_outs_new(join_op *self, uint32_t most, lt_error *err);
void lt_join_push_out(join_op *self, uint32_t own, uint32_t pair, lt_row_kind kind);
/* Writes the next rows that come out into the output batch, which has room for them. Without a
 * batch at hand none of them is of the own side. */
lt_status lt_join_put_outs(join_op *self, uint32_t count, lt_error *err);
