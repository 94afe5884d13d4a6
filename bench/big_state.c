/* A group aggregate whose state grows to 1 GB: time per batch of new keys on the way there, and how
 * fast the state is restored. COUNT, SUM, MAX by a BIGINT key. One JSON line per figure. Usage:
 * bench_big_state [--quick].
 *
 * Restoring is timed on memory that the process has touched: the allocator keeps what was freed
 * (no trimming, no maps of its own), the state is freed and loaded again. The first load's figure
 * stands beside it. */
#include <malloc.h>

#include "expr/aggregate.h"
#include "figures.h"
#include "op/op.h"
#include "op/specs.h"

#define BATCH_ROWS 4096
#define AGGS       3

typedef struct {
    lt_emit emit;
    lt_mem mem;
    lt_env *env;
    lt_arena *arena;
    lt_arena *scratch;
    lt_batch_pool *pool;
    lt_session session;
    const lt_schema *in_schema;
    const lt_schema *out_schema;
    lt_agg *aggs[AGGS];
    lt_group_agg_spec spec;
    lt_mem op_mem;
} rig;

static uint64_t rows_out;

static lt_status count_put(lt_emit *out, lt_batch *batch, lt_error *err)
{
    (void)out;
    (void)err;
    rows_out += lt_batch_live(batch);
    lt_batch_unref(batch);
    return LT_OK;
}

static void setup(rig *r)
{
    static const char *const names[AGGS] = {"COUNT", "SUM", "MAX"};
    static const uint32_t keys[1] = {0};
    lt_error err;
    lt_mem_init(&r->mem, NULL, "bench", 0);
    lt_mem_init(&r->op_mem, &r->mem, "operator", 0);
    r->emit.put = count_put;
    r->env = lt_env_real_new(&r->mem);
    r->arena = lt_arena_new(&r->mem, (size_t)1 << 28);
    r->scratch = lt_arena_new(&r->mem, (size_t)1 << 30);
    r->pool = lt_batch_pool_new(&r->mem, 8);
    must(r->env && r->arena && r->scratch && r->pool, "out of memory");
    r->session = (lt_session){.mem = &r->mem, .env = r->env, .time_zone = LT_STR("UTC")};
    const lt_type *i64 = lt_type_new(r->arena, LT_TYPE_BIGINT, false);
    const lt_field fields[2] = {{LT_STR("k"), i64}, {LT_STR("v"), i64}};
    r->in_schema = lt_schema_new(r->arena, fields, 2);
    lt_expr_builder b = {.arena = r->arena, .session = &r->session, .fold = true};
    lt_expr *v = NULL;
    must(lt_expr_column(&b, 1, i64, 0, &v, &err) == LT_OK, "column");
    lt_field out[AGGS + 1] = {fields[0]};
    for (uint32_t i = 0; i < AGGS; i++) {
        must(lt_agg_bind(&b, lt_str_of(names[i]), &v, i == 0 ? 0 : 1, false, NULL, false, 0,
                         &r->aggs[i], &err) == LT_OK,
             err.text);
        out[i + 1] = (lt_field){LT_STR("agg"), r->aggs[i]->result};
    }
    r->out_schema = lt_schema_new(r->arena, out, AGGS + 1);
    r->spec = (lt_group_agg_spec){
        .keys = keys, .key_count = 1, .aggs = r->aggs, .agg_count = AGGS, .emit_before = true};
}

static lt_op *op_new(rig *r)
{
    lt_error err = {0};
    const lt_schema **ins = LT_NEW_ARRAY(r->arena, const lt_schema *, 1);
    lt_op *op = lt_mem_zalloc(&r->mem, lt_op_group_agg.self_size);
    must(op != NULL && ins != NULL, "out of memory");
    ins[0] = r->in_schema;
    *op = (lt_op){.cls = &lt_op_group_agg,
                  .spec = &r->spec,
                  .label = "bench",
                  .session = &r->session,
                  .env = r->env,
                  .mem = &r->op_mem,
                  .arena = r->arena,
                  .scratch = r->scratch,
                  .pool = r->pool,
                  .state = lt_state_new(&r->op_mem, r->env),
                  .in_schemas = ins,
                  .in_count = 1,
                  .out_schema = r->out_schema,
                  .batch_rows = BATCH_ROWS,
                  .watermark = LT_WATERMARK_MIN};
    must(op->state && op->cls->open(op, &err) == LT_OK, err.text);
    return op;
}

static void op_free(rig *r, lt_op *op)
{
    op->cls->close(op);
    lt_state_free(op->state);
    lt_mem_free(&r->mem, op, lt_op_group_agg.self_size);
}

static void feed(rig *r, lt_op *op, lt_batch *batch, uint64_t first, samples *times)
{
    lt_error err = {0};
    for (uint32_t i = 0; i < BATCH_ROWS; i++) {
        LT_COL_DATA(&batch->cols[0], int64_t)[i] = (int64_t)(first + i);
        LT_COL_DATA(&batch->cols[1], int64_t)[i] = (int64_t)i;
    }
    int64_t start = now_ns();
    lt_arena_reset(r->scratch, 1 << 20);
    must(op->cls->on_batch(op, 0, batch, &r->emit, &err) == LT_OK, err.text);
    samples_add(times, now_ns() - start);
}

static lt_op *grow(rig *r, int64_t bytes_wanted, const char *name)
{
    samples times = {0};
    lt_op *op = op_new(r);
    lt_batch *batch = lt_batch_new(r->pool, r->in_schema, BATCH_ROWS);
    must(batch != NULL, "out of memory");
    batch->row_count = BATCH_ROWS;
    batch->sel_count = BATCH_ROWS;
    uint64_t rows = 0;
    int64_t start = now_ns();
    for (; atomic_load(&r->op_mem.bytes) < bytes_wanted; rows += BATCH_ROWS) {
        feed(r, op, batch, rows, &times);
    }
    int64_t ns = now_ns() - start;
    lt_batch_unref(batch);
    report_times(name, &times, "growing of the index; first touch of memory");
    char text[64];
    (void)snprintf(text, sizeof text, "%s.rate", name);
    report(&(figure){text, (double)rows * 1e3 / (double)ns, "Mrows/s", true, "new keys"});
    (void)snprintf(text, sizeof text, "%s.entry", name);
    report(&(figure){text, (double)atomic_load(&r->op_mem.bytes) / (double)rows, "bytes", false,
                     "record, key, index"});
    samples_free(&times);
    return op;
}

static double restore(rig *r, const lt_text *text)
{
    lt_error err = {0};
    size_t used = 0;
    lt_op *op = op_new(r);
    int64_t start = now_ns();
    must(lt_state_load(op->state, text->ptr, text->len, &used, &err) == LT_OK, err.text);
    double rate = (double)text->len / (double)(now_ns() - start);
    op_free(r, op);
    return rate;
}

int main(int argc, char **argv)
{
    bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    int64_t bytes = quick ? 4 << 20 : INT64_C(1) << 30;
    lt_error err = {0};
    rig r;
    (void)mallopt(M_MMAP_MAX, 0);
    (void)mallopt(M_TRIM_THRESHOLD, -1);
    memset(&r, 0, sizeof r);
    setup(&r);
    lt_op *op = grow(&r, bytes, "grow_to_1gb");
    lt_text text;
    lt_text_init(&text, &r.mem);
    int64_t start = now_ns();
    must(lt_state_save(op->state, &text, &err) == LT_OK, err.text);
    report(&(figure){"restore_1gb.save", (double)text.len / (double)(now_ns() - start), "GB/s",
                     true, "copying; growing of one text"});
    report(&(figure){"restore_1gb.bytes", (double)text.len / 1e9, "GB", false, "saved form"});
    report(&(figure){"restore_1gb.new_memory", restore(&r, &text), "GB/s", true,
                     "first touch of memory"});
    op_free(&r, op);
    double best = 0;
    for (int i = 0; i < 3; i++) {
        best = LT_MAX(best, restore(&r, &text));
    }
    report(&(figure){"restore_1gb.touched_memory", best, "GB/s", true, "building of the index"});
    op_free(&r, grow(&r, bytes, "grow_to_1gb_touched"));
    must(rows_out > 0, "nothing was computed");
    lt_text_deinit(&text);
    lt_batch_pool_free(r.pool);
    lt_arena_free(r.scratch);
    lt_arena_free(r.arena);
    lt_env_real_free(r.env);
    lt_mem_deinit(&r.op_mem);
    lt_mem_deinit(&r.mem);
    return 0;
}
