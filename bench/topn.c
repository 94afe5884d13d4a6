/* Top-N and deduplication alone: the best 10 of each of 10,000 keys over rows that are only added,
 * with and without ranks, over -U/+U pairs of everything, and one row per key. One JSON object per
 * result on standard output. Usage: bench_topn [ROWS [VARIANT]]. */
#include "op_bench.h"

enum { COL_K, COL_S, COL_V, COLS };

typedef struct {
    lt_mem mem;
    lt_env *env;
    lt_arena *arena;
    lt_arena *scratch;
    lt_batch_pool *pool;
    lt_session session;
    const lt_schema *in_schema;
    const lt_schema *ranked_schema;
} rig;

static void setup(rig *r)
{
    lt_mem_init(&r->mem, NULL, "bench", 0);
    r->env = lt_env_real_new(&r->mem);
    r->arena = lt_arena_new(&r->mem, (size_t)1 << 28);
    r->scratch = lt_arena_new(&r->mem, (size_t)1 << 30);
    r->pool = lt_batch_pool_new(&r->mem, 8);
    must(r->env && r->arena && r->scratch && r->pool, "out of memory");
    r->session = (lt_session){.mem = &r->mem, .env = r->env, .time_zone = LT_STR("UTC")};
    const lt_type *i64 = lt_type_new(r->arena, LT_TYPE_BIGINT, false);
    const lt_field fields[COLS + 1] = {
        {LT_STR("k"), i64},
        {LT_STR("s"), lt_type_sized(r->arena, LT_TYPE_VARCHAR, LT_LENGTH_MAX, false)},
        {LT_STR("v"), i64},
        {LT_STR("rn"), i64}};
    r->in_schema = lt_schema_new(r->arena, fields, COLS);
    r->ranked_schema = lt_schema_new(r->arena, fields, COLS + 1);
}

static lt_batch *make_batch(rig *r)
{
    lt_batch *batch = lt_batch_new(r->pool, r->in_schema, BATCH_ROWS);
    must(batch != NULL, "out of memory");
    for (uint32_t i = 0; i < BATCH_ROWS; i++) {
        char text[32];
        int64_t key = (int64_t)(rnd() % KEYS);
        LT_COL_DATA(&batch->cols[COL_K], int64_t)[i] = key;
        LT_COL_DATA(&batch->cols[COL_V], int64_t)[i] = (int64_t)(rnd() % 1000000);
        int len = snprintf(text, sizeof text, "key-%lld-%.*s", (long long)key, (int)(key % 12),
                           "abcdefghijkl");
        lt_str s = lt_arena_str(batch->arena, (lt_str){text, (size_t)len});
        LT_COL_DATA(&batch->cols[COL_S], lt_strv)[i] = lt_strv_make(s.ptr, s.len);
    }
    must(lt_batch_add_mark(batch, BATCH_ROWS, 1), "out of memory");
    batch->row_count = BATCH_ROWS;
    batch->sel_count = BATCH_ROWS;
    return batch;
}

/* The rows of a batch, all taken away. */
static lt_batch *make_retraction(rig *r, lt_batch *of)
{
    lt_batch *batch = lt_batch_derive(r->pool, of, r->in_schema);
    must(batch != NULL, "out of memory");
    memcpy(batch->cols, of->cols, sizeof(lt_col) * COLS);
    batch->kinds = lt_arena_alloc(batch->arena, BATCH_ROWS, 8);
    must(batch->kinds != NULL, "out of memory");
    memset(batch->kinds, LT_DELETE, BATCH_ROWS);
    return batch;
}

typedef struct {
    const char *name;
    bool ranked;
    bool changes;
    bool one;
} variant;

static const uint32_t by_key[1] = {COL_K};
static const lt_sort_key by_value = {COL_V, true, false};

static lt_op *op_new(rig *r, const variant *v)
{
    lt_error err = {0};
    const lt_op_class *cls = v->one ? &lt_op_keep : &lt_op_topn;
    lt_topn_spec *topn = LT_NEW(r->arena, lt_topn_spec);
    lt_keep_spec *keep = LT_NEW(r->arena, lt_keep_spec);
    const lt_schema **ins = LT_NEW_ARRAY(r->arena, const lt_schema *, 1);
    lt_op *op = lt_mem_zalloc(&r->mem, cls->self_size);
    must(op && ins && topn && keep, "out of memory");
    *topn = (lt_topn_spec){.partition = by_key,
                           .partition_count = 1,
                           .order = &by_value,
                           .order_count = 1,
                           .rank_min = 1,
                           .rank_max = 10,
                           .rank_output = v->ranked,
                           .strategy = v->changes ? LT_TOPN_RETRACT : LT_TOPN_APPEND};
    *keep = (lt_keep_spec){.partition = by_key,
                           .partition_count = 1,
                           .mode = LT_KEEP_BEST,
                           .order = &by_value,
                           .order_count = 1};
    ins[0] = r->in_schema;
    *op = (lt_op){.cls = cls,
                  .spec = v->one ? (const void *)keep : (const void *)topn,
                  .label = v->name,
                  .session = &r->session,
                  .env = r->env,
                  .mem = &r->mem,
                  .arena = r->arena,
                  .scratch = r->scratch,
                  .pool = r->pool,
                  .state = lt_state_new(&r->mem, r->env),
                  .in_schemas = ins,
                  .in_count = 1,
                  .out_schema = v->ranked ? r->ranked_schema : r->in_schema,
                  .batch_rows = BATCH_ROWS,
                  .watermark = LT_WATERMARK_MIN};
    must(op->state && cls->open(op, &err) == LT_OK, err.text);
    return op;
}

static void run(rig *r, const variant *v, uint64_t rows)
{
    lt_error err = {0};
    lt_emit emit = {count_put};
    lt_op *op = op_new(r, v);
    lt_batch *batches[BATCHES];
    for (int i = 0; i < BATCHES; i++) {
        bool taken = v->changes && i % 2 == 1;
        batches[i] = taken ? make_retraction(r, batches[i - 1]) : make_batch(r);
    }
    double best = 1e9; /* of rounds, because machines are shared */
    double spent = 0;
    uint64_t round = 0;
    rows_out = 0;
    for (uint64_t i = 0, done = 0; done < rows; i++, done += BATCH_ROWS) {
        double from = now_s();
        lt_arena_reset(r->scratch, 1 << 20);
        must(op->cls->on_batch(op, 0, batches[i % BATCHES], &emit, &err) == LT_OK, err.text);
        spent += now_s() - from;
        round += BATCH_ROWS;
        if (round >= rows / 10) {
            double ns = spent * 1e9 / (double)round;
            best = ns < best ? ns : best;
            spent = 0;
            round = 0;
        }
    }
    must(rows_out > 0, "nothing was computed");
    printf("{\"name\":\"topn.%s\",\"value\":%.2f,\"unit\":\"ns/row\",\"better\":\"lower\"}\n",
           v->name, best);
    for (int i = BATCHES; i-- > 0;) {
        lt_batch_unref(batches[i]);
    }
    op->cls->close(op);
    lt_state_free(op->state);
    lt_mem_free(&r->mem, op, v->one ? lt_op_keep.self_size : lt_op_topn.self_size);
}

int main(int argc, char **argv)
{
    static const variant variants[] = {
        {.name = "append"},
        {.name = "append_ranked", .ranked = true},
        {.name = "retract", .changes = true},
        {.name = "retract_ranked", .changes = true, .ranked = true},
        {.name = "best", .one = true},
    };
    uint64_t rows = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000;
    rig r;
    memset(&r, 0, sizeof r);
    setup(&r);
    for (size_t i = 0; i < LT_COUNT_OF(variants); i++) {
        if (argc <= 2 || strcmp(argv[2], variants[i].name) == 0) {
            run(&r, &variants[i], rows);
        }
    }
    lt_batch_pool_free(r.pool);
    lt_arena_free(r.scratch);
    lt_arena_free(r.arena);
    lt_env_real_free(r.env);
    lt_mem_deinit(&r.mem);
    return 0;
}
