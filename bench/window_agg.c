/* The windowed aggregate alone: COUNT(*), SUM, MAX over 10,000 BIGINT keys in one-minute windows,
 * two to three of which are live at a time. Columns repeat; only the times are written anew for
 * every batch, which is not counted. Variants: no marks but one a batch, a mark before nearly every
 * row, and HOP. One JSON object per result on standard output. Usage: bench_window_agg [ROWS]. */
#include "op_bench.h"

#define ROWS_A_MS 16 /* event time goes on by a millisecond every 16 rows */
#define MINUTE    60000

enum { COL_TS, COL_K, COL_V, COLS };

typedef struct {
    lt_mem mem;
    lt_env *env;
    lt_arena *arena;
    lt_arena *scratch;
    lt_batch_pool *pool;
    lt_session session;
    const lt_schema *in_schema;
    lt_agg *aggs[3];
} rig;

static void setup(rig *r)
{
    lt_error err;
    lt_mem_init(&r->mem, NULL, "bench", 0);
    r->env = lt_env_real_new(&r->mem);
    r->arena = lt_arena_new(&r->mem, (size_t)1 << 28);
    r->scratch = lt_arena_new(&r->mem, (size_t)1 << 30);
    r->pool = lt_batch_pool_new(&r->mem, 8);
    must(r->env && r->arena && r->scratch && r->pool, "out of memory");
    r->session = (lt_session){.mem = &r->mem, .env = r->env, .time_zone = LT_STR("UTC")};
    const lt_type *i64 = lt_type_new(r->arena, LT_TYPE_BIGINT, false);
    const lt_field fields[COLS] = {
        {LT_STR("ts"), lt_type_time(r->arena, LT_TYPE_TIMESTAMP, 3, false)},
        {LT_STR("k"), i64},
        {LT_STR("v"), i64}};
    r->in_schema = lt_schema_new(r->arena, fields, COLS);
    lt_expr_builder b = {.arena = r->arena, .session = &r->session, .fold = true};
    lt_expr *v = NULL;
    must(lt_expr_column(&b, COL_V, i64, 0, &v, &err) == LT_OK, "column");
    static const char *const names[3] = {"COUNT", "SUM", "MAX"};
    for (int i = 0; i < 3; i++) {
        must(lt_agg_bind(&b, lt_str_of(names[i]), &v, i == 0 ? 0 : 1, false, NULL, false, 0,
                         &r->aggs[i], &err) == LT_OK,
             err.text);
    }
}

/* marks: one before every row but the first, else one a batch. */
static lt_batch *make_batch(rig *r, bool marks)
{
    lt_batch *batch = lt_batch_new(r->pool, r->in_schema, BATCH_ROWS);
    must(batch != NULL, "out of memory");
    for (uint32_t i = 0; i < BATCH_ROWS; i++) {
        LT_COL_DATA(&batch->cols[COL_K], int64_t)[i] = (int64_t)(rnd() % KEYS);
        LT_COL_DATA(&batch->cols[COL_V], int64_t)[i] = (int64_t)(rnd() % 1000000);
    }
    for (uint32_t i = marks ? 1 : BATCH_ROWS; i <= BATCH_ROWS; i++) {
        must(lt_batch_add_mark(batch, i, i), "out of memory");
    }
    batch->row_count = BATCH_ROWS;
    batch->sel_count = BATCH_ROWS;
    return batch;
}

/* Event time moves on; rows are up to 1.5 windows behind. */
static void set_times(lt_batch *batch, int64_t base)
{
    int64_t *ts = LT_COL_DATA(&batch->cols[COL_TS], int64_t);
    for (uint32_t i = 0; i < BATCH_ROWS; i++) {
        ts[i] = base + (int64_t)i / ROWS_A_MS - (int64_t)(rnd() % (MINUTE * 3 / 2));
    }
    for (uint32_t m = 0; m < batch->mark_count; m++) {
        batch->marks[m].watermark =
            base + (int64_t)(batch->marks[m].first_row / ROWS_A_MS) - MINUTE * 3 / 2;
    }
}

static void run(rig *r, const char *name, lt_window window, bool marks, uint64_t rows)
{
    lt_error err = {0};
    lt_field fields[8] = {r->in_schema->fields[COL_K]};
    for (uint32_t a = 0; a < 3; a++) {
        fields[1 + a] = (lt_field){LT_STR("agg"), r->aggs[a]->result};
        fields[4 + a] = (lt_field){LT_STR("bound"), r->in_schema->fields[COL_TS].type};
    }
    const uint32_t keys[1] = {COL_K};
    const lt_window_agg_spec spec = {
        .window = window, .keys = keys, .key_count = 1, .aggs = r->aggs, .agg_count = 3};
    lt_emit emit = {count_put};
    lt_op *op = lt_mem_zalloc(&r->mem, lt_op_window_agg.self_size);
    must(op != NULL, "out of memory");
    const lt_schema *ins[1] = {r->in_schema};
    *op = (lt_op){.cls = &lt_op_window_agg,
                  .spec = &spec,
                  .label = name,
                  .session = &r->session,
                  .env = r->env,
                  .mem = &r->mem,
                  .arena = r->arena,
                  .scratch = r->scratch,
                  .pool = r->pool,
                  .state = lt_state_new(&r->mem, r->env),
                  .in_schemas = ins,
                  .in_count = 1,
                  .out_schema = lt_schema_new(r->arena, fields, 7),
                  .batch_rows = 4096,
                  .watermark = LT_WATERMARK_MIN};
    must(op->state && op->cls->open(op, &err) == LT_OK, err.text);
    lt_batch *batches[BATCHES];
    for (int i = 0; i < BATCHES; i++) {
        batches[i] = make_batch(r, marks);
    }
    double best = 1e9; /* of rounds, because machines are shared */
    double spent = 0;
    uint64_t done = 0;
    uint64_t round = 0;
    int64_t base = 1767225600000;
    rows_out = 0;
    for (uint64_t i = 0; done < rows; i++) {
        lt_batch *batch = batches[i % BATCHES];
        set_times(batch, base);
        base += BATCH_ROWS / ROWS_A_MS;
        double from = now_s();
        lt_arena_reset(r->scratch, 1 << 20);
        must(op->cls->on_batch(op, 0, batch, &emit, &err) == LT_OK, err.text);
        spent += now_s() - from;
        done += BATCH_ROWS;
        round += BATCH_ROWS;
        if (round >= rows / 10) {
            double ns = spent * 1e9 / (double)round;
            best = ns < best ? ns : best;
            spent = 0;
            round = 0;
        }
    }
    must(op->ledger.late == 0 && rows_out > 0, "nothing was computed");
    printf("{\"name\":\"window_agg.%s\",\"value\":%.2f,\"unit\":\"ns/row\",\"better\":\"lower\"}\n",
           name, best);
    for (int i = 0; i < BATCHES; i++) {
        lt_batch_unref(batches[i]);
    }
    op->cls->close(op);
    lt_state_free(op->state);
    lt_mem_free(&r->mem, op, lt_op_window_agg.self_size);
}

int main(int argc, char **argv)
{
    uint64_t rows = argc > 1 ? strtoull(argv[1], NULL, 10) : 20000000;
    rig r;
    memset(&r, 0, sizeof r);
    setup(&r);
    const lt_window tumble = {.kind = LT_WINDOW_TUMBLE, .size_ms = MINUTE};
    const lt_window hop = {.kind = LT_WINDOW_HOP, .size_ms = 5 * MINUTE, .step_ms = MINUTE};
    run(&r, "tumble", tumble, false, rows);
    run(&r, "tumble_marks_per_row", tumble, true, rows);
    run(&r, "hop_5", hop, false, rows);
    lt_batch_pool_free(r.pool);
    lt_arena_free(r.scratch);
    lt_arena_free(r.arena);
    lt_env_real_free(r.env);
    lt_mem_deinit(&r.mem);
    return 0;
}
