/* Inside of a program: shared by compile (program.c) and evaluation (eval.c).
 *
 * Nodes are the distinct sub-expressions, arguments before their users. A scope is a set of nodes
 * that are evaluated together: scope 0 always, the others (one for each argument but the first of a
 * lazy call) when the lazy call asks, for the rows it names. A node used in several scopes belongs
 * to their nearest common ancestor, so nothing is computed twice in a batch. */
#pragma once

#include "expr/kernel.h"

typedef struct {
    const lt_expr *expr;
    uint32_t *args;     /* nodes */
    uint32_t *branches; /* lazy calls: the scope of each argument */
    uint32_t arg_count;
    uint32_t scope;
    uint64_t hash;
    uint32_t next_same; /* chains of the two indexes */
    uint32_t next_tree;
    bool keep; /* memory of the result must outlive the evaluation */
    lt_col literal;
} lt_node;

/* What a kernel keeps from batch to batch, such as a compiled regular expression. */
typedef struct {
    void *ptr;
    void (*free)(void *ptr);
} lt_keep;

typedef struct {
    uint32_t parent;
    uint32_t *nodes;
    uint32_t count;
    bool heavy; /* holds a kernel that visits rows one by one */
} lt_scope;

struct lt_program {
    lt_mem *mem;
    const lt_session *session;
    lt_arena *arena;   /* the program itself */
    lt_arena *scratch; /* one evaluation */
    lt_cpu_level cpu;
    lt_node *nodes;
    uint32_t node_count;
    uint32_t node_cap;
    uint32_t *by_hash; /* index while compiling: heads of chains, 2 * node_cap of each */
    uint32_t *by_tree;
    lt_scope *scopes;
    uint32_t scope_count;
    uint32_t *outputs; /* node of each expression */
    uint32_t output_count;
    /* the batch being evaluated */
    lt_karg *slots; /* a result per node */
    lt_keep *kept;  /* per node */
    lt_col *cols;   /* where results live that are not the batch's own */
    uint64_t *done; /* bitmap of scopes */
    const lt_batch *in;
    lt_arena *out_arena;
    int64_t watermark;
    uint32_t rows;
    uint32_t cap;
};

lt_status lt_program_run_scope(lt_program *p, uint32_t scope, const uint32_t *sel, uint32_t count,
                               lt_error *err);
