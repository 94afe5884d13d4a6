/* Private to the join: join.c (pairs and output) and join_state.c (changes of the lists). */
#pragma once

#include "op/op_int.h"
#include "op/specs.h"

typedef struct {
    lt_lists *lists;
    lt_rowcodec *codec;   /* of kept columns */
    const uint32_t *keys; /* input columns */
    const uint32_t *cols; /* kept input columns */
    uint32_t count;       /* of cols */
    uint32_t first;       /* cols[0] in a pair */
} join_side;

/* Pairs of rows on their way out, in the round's arena. */
typedef struct {
    uint32_t *rows;       /* pair -> physical row of the batch */
    const uint8_t **ptrs; /* pair -> encoded partner */
    uint32_t *lens;
    uint32_t count;
    lt_col *cols; /* by column of the pair: the partner's, and of the own those in the condition */
    uint32_t *index; /* pairs that passed the condition */
    uint32_t left;   /* of index */
    uint32_t at;     /* of index: next to go out */
} join_round;

typedef struct {
    lt_op op;
    lt_rowcodec *key_codec;
    join_side sides[2];
    lt_evaluator condition;
    bool *tested; /* by column of the pair: the condition looks at it */
    lt_outbox box;
    lt_arena *chunk;       /* what belongs to the batch at hand */
    lt_arena *round_arena; /* what belongs to the round at hand */
    /* the batch at hand; NULL between callbacks unless LT_FULL was answered */
    lt_batch *pending;
    int side;
    uint32_t *rows;    /* with keys that can match */
    uint64_t *cursors; /* rows[i]'s next partner */
    uint32_t count, at;
    join_round round;
    bool refused_any;
    uint32_t refused_row; /* the last one that was refused */
    lt_status failed;     /* the policy is 'fail': reported when the output is out */
    lt_error failure;
} join_op;

/* Looks up the partners of self->rows and changes the side's lists by them; counts the rows. */
lt_status lt_join_change(join_op *self, const lt_batch *in, lt_error *err);
