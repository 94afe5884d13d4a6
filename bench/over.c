/* OVER aggregates alone: a sum over frames of each of 10,000 keys in event time, every batch
 * followed by its watermark. One JSON object per result on standard output. Usage: bench_over [ROWS
 * [VARIANT]].
 */
#include "op_bench.h"

enum { COL_K, COL_TS, COL_V, COLS };

typedef struct {
    lt_mem mem;
    lt_env *env;
    lt_arena *arena;
    lt_arena *scratch;
    lt_batch_pool *pool;
    lt_session session;
    lt_expr_builder b;
    const lt_schema *in_schema;
    const lt_schema *out_schema;
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
    r->b = (lt_expr_builder){.arena = r->arena, .session = &r->session, .fold = true};
    const lt_type *i64 = lt_type_new(r->arena, LT_TYPE_BIGINT, false);
    const lt_field fields[COLS + 1] = {
        {LT_STR("k"), i64},
        {LT_STR("ts"), lt_type_time(r->arena, LT_TYPE_TIMESTAMP, 3, false)},
        {LT_STR("v"), i64},
        {LT_STR("sum"), i64}};
    r->in_schema = lt_schema_new(r->arena, fields, COLS);
    r->out_schema = lt_schema_new(r->arena, fields, COLS + 1);
}

/* Rows of one batch lie within one millisecond a row; ts goes on from batch to batch. */
static lt_batch *make_batch(rig *r)
{
    lt_batch *batch = lt_batch_new(r->pool, r->in_schema, BATCH_ROWS);
    must(batch != NULL, "out of memory");
    for (uint32_t i = 0; i < BATCH_ROWS; i++) {
        LT_COL_DATA(&batch->cols[COL_K], int64_t)[i] = (int64_t)(rnd() % KEYS);
        LT_COL_DATA(&batch->cols[COL_V], int64_t)[i] = (int64_t)(rnd() % 1000000);
    }
    batch->row_count = BATCH_ROWS;
    batch->sel_count = BATCH_ROWS;
    return batch;
}

static void set_times(lt_batch *batch, int64_t from)
{
    for (uint32_t i = 0; i < BATCH_ROWS; i++) {
        LT_COL_DATA(&batch->cols[COL_TS], int64_t)[i] = from + i;
    }
}

typedef struct {
    const char *name;
    lt_frame frame;
    bool proctime;
} variant;

static const uint32_t by_key[1] = {COL_K};

static lt_op *op_new(rig *r, const variant *v)
{
    lt_error err = {0};
    lt_over_spec *spec = LT_NEW(r->arena, lt_over_spec);
    lt_agg **aggs = LT_NEW_ARRAY(r->arena, lt_agg *, 1);
    const lt_schema **ins = LT_NEW_ARRAY(r->arena, const lt_schema *, 1);
    lt_op *op = lt_mem_zalloc(&r->mem, lt_op_over.self_size);
    lt_expr *arg;
    must(op && ins && spec && aggs, "out of memory");
    must(lt_expr_column(&r->b, COL_V, r->in_schema->fields[COL_V].type, 0, &arg, &err) == LT_OK,
         err.text);
    must(lt_agg_bind(&r->b, LT_STR("SUM"), &arg, 1, false, NULL, v->frame.bounded, 0, &aggs[0],
                     &err) == LT_OK,
         err.text);
    *spec = (lt_over_spec){.partition = by_key,
                           .partition_count = 1,
                           .order = {COL_TS, false, true},
                           .frame = v->frame,
                           .proctime = v->proctime,
                           .aggs = aggs,
                           .agg_count = 1};
    ins[0] = r->in_schema;
    *op = (lt_op){.cls = &lt_op_over,
                  .spec = spec,
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
                  .out_schema = r->out_schema,
                  .batch_rows = BATCH_ROWS,
                  .watermark = LT_WATERMARK_MIN};
    must(op->state && lt_op_over.open(op, &err) == LT_OK, err.text);
    return op;
}

static void step(lt_op *op, lt_batch *batch, rig *r)
{
    lt_error err = {0};
    lt_emit emit = {count_put};
    int64_t last = LT_COL_DATA(&batch->cols[COL_TS], int64_t)[BATCH_ROWS - 1];
    lt_arena_reset(r->scratch, 1 << 20);
    must(op->cls->on_batch(op, 0, batch, &emit, &err) == LT_OK, err.text);
    lt_arena_reset(r->scratch, 1 << 20);
    must(op->cls->on_watermark(op, last, &emit, &err) == LT_OK, err.text);
    op->watermark = last;
}

static void run(rig *r, const variant *v, uint64_t rows)
{
    lt_op *op = op_new(r, v);
    lt_batch *batches[BATCHES];
    for (int i = 0; i < BATCHES; i++) {
        batches[i] = make_batch(r);
    }
    double best = 1e9; /* of rounds, because machines are shared */
    double spent = 0;
    uint64_t round = 0;
    rows_out = 0;
    for (uint64_t i = 0, done = 0; done < rows; i++, done += BATCH_ROWS) {
        set_times(batches[i % BATCHES], 1 + (int64_t)done);
        double from = now_s();
        step(op, batches[i % BATCHES], r);
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
    printf("{\"name\":\"over.%s\",\"value\":%.2f,\"unit\":\"ns/row\",\"better\":\"lower\"}\n",
           v->name, best);
    for (int i = BATCHES; i-- > 0;) {
        lt_batch_unref(batches[i]);
    }
    op->cls->close(op);
    lt_state_free(op->state);
    lt_mem_free(&r->mem, op, lt_op_over.self_size);
}

int main(int argc, char **argv)
{
    static const variant variants[] = {
        {.name = "rows_bounded", .frame = {true, true, 9}},
        {.name = "rows_unbounded", .frame = {true, false, 0}},
        {.name = "range_bounded", .frame = {false, true, 100000}},
        {.name = "range_unbounded", .frame = {false, false, 0}},
        {.name = "rows_bounded_proctime", .frame = {true, true, 9}, .proctime = true},
    };
    uint64_t rows = argc > 1 ? strtoull(argv[1], NULL, 10) : 4000000;
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
