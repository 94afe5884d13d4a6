/* The group aggregate alone: COUNT(*), SUM over 10,000 keys, BIGINT or strings of 8 to 20 bytes,
 * with net changes per batch (final rows wanted) or with the exact changelog; "changes" is an input
 * of -U/+U pairs. One JSON object per result on standard output. Usage: bench_group_agg [ROWS
 * [VARIANT]]. */
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
    lt_agg *aggs[2];         /* over inserts */
    lt_agg *retract_aggs[2]; /* over updates */
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
        {LT_STR("k"), i64},
        {LT_STR("s"), lt_type_sized(r->arena, LT_TYPE_VARCHAR, LT_LENGTH_MAX, false)},
        {LT_STR("v"), i64}};
    r->in_schema = lt_schema_new(r->arena, fields, COLS);
    lt_expr_builder b = {.arena = r->arena, .session = &r->session, .fold = true};
    lt_expr *v = NULL;
    must(lt_expr_column(&b, COL_V, i64, 0, &v, &err) == LT_OK, "column");
    static const char *const names[2] = {"COUNT", "SUM"};
    for (uint32_t i = 0; i < 2; i++) {
        must(lt_agg_bind(&b, lt_str_of(names[i]), &v, i, false, NULL, false, 0, &r->aggs[i],
                         &err) == LT_OK &&
                 lt_agg_bind(&b, lt_str_of(names[i]), &v, i, false, NULL, true, 0,
                             &r->retract_aggs[i], &err) == LT_OK,
             err.text);
    }
}

static lt_batch *make_batch(rig *r, bool changes, uint32_t keys)
{
    lt_batch *batch = lt_batch_new(r->pool, r->in_schema, BATCH_ROWS);
    must(batch != NULL, "out of memory");
    if (changes) {
        batch->kinds = lt_arena_alloc(batch->arena, BATCH_ROWS, 8);
        must(batch->kinds != NULL, "out of memory");
    }
    for (uint32_t i = 0; i < BATCH_ROWS; i++) {
        char text[32];
        bool after = changes && i % 2 == 1;
        int64_t *ks = LT_COL_DATA(&batch->cols[COL_K], int64_t);
        ks[i] = after ? ks[i - 1] : (int64_t)(rnd() % keys);
        LT_COL_DATA(&batch->cols[COL_V], int64_t)[i] = (int64_t)(rnd() % 1000000);
        int len = snprintf(text, sizeof text, "key-%lld-%.*s", (long long)ks[i], (int)(ks[i] % 12),
                           "abcdefghijkl");
        lt_str s = lt_arena_str(batch->arena, (lt_str){text, (size_t)len});
        LT_COL_DATA(&batch->cols[COL_S], lt_strv)[i] = lt_strv_make(s.ptr, s.len);
        if (changes) {
            batch->kinds[i] = after ? LT_UPDATE_AFTER : LT_UPDATE_BEFORE;
        }
    }
    must(lt_batch_add_mark(batch, BATCH_ROWS, 1), "out of memory");
    batch->row_count = BATCH_ROWS;
    batch->sel_count = BATCH_ROWS;
    return batch;
}

typedef struct {
    const char *name;
    bool strings;
    bool net;
    bool changes;
    bool skewed;
} variant;

static lt_op *op_new(rig *r, const lt_group_agg_spec *spec, const char *name)
{
    lt_error err = {0};
    lt_field fields[3] = {r->in_schema->fields[spec->keys[0]]};
    for (uint32_t a = 0; a < 2; a++) {
        fields[1 + a] = (lt_field){LT_STR("agg"), spec->aggs[a]->result};
    }
    const lt_schema **ins = LT_NEW_ARRAY(r->arena, const lt_schema *, 1);
    lt_op *op = lt_mem_zalloc(&r->mem, lt_op_group_agg.self_size);
    must(op != NULL && ins != NULL, "out of memory");
    ins[0] = r->in_schema;
    *op = (lt_op){.cls = &lt_op_group_agg,
                  .spec = spec,
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
                  .out_schema = lt_schema_new(r->arena, fields, 3),
                  .batch_rows = BATCH_ROWS,
                  .watermark = LT_WATERMARK_MIN};
    must(op->state && op->cls->open(op, &err) == LT_OK, err.text);
    return op;
}

static void run(rig *r, const variant *v, uint64_t rows)
{
    lt_error err = {0};
    const uint32_t keys[1] = {v->strings ? COL_S : COL_K};
    const lt_group_agg_spec spec = {.keys = keys,
                                    .key_count = 1,
                                    .aggs = v->changes ? r->retract_aggs : r->aggs,
                                    .agg_count = 2,
                                    .input_updates = v->changes,
                                    .emit_before = true,
                                    .net_ok = v->net};
    lt_emit emit = {count_put};
    lt_op *op = op_new(r, &spec, v->name);
    lt_batch *batches[BATCHES];
    for (int i = 0; i < BATCHES; i++) {
        batches[i] = make_batch(r, v->changes, v->skewed ? 8 : KEYS);
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
    printf("{\"name\":\"group_agg.%s\",\"value\":%.2f,\"unit\":\"ns/row\",\"better\":\"lower\"}\n",
           v->name, best);
    for (int i = 0; i < BATCHES; i++) {
        lt_batch_unref(batches[i]);
    }
    op->cls->close(op);
    lt_state_free(op->state);
    lt_mem_free(&r->mem, op, lt_op_group_agg.self_size);
}

int main(int argc, char **argv)
{
    static const variant variants[] = {
        {.name = "net", .net = true},
        {.name = "changelog"},
        {.name = "net_strings", .strings = true, .net = true},
        {.name = "changelog_strings", .strings = true},
        {.name = "changelog_of_changes", .changes = true},
        {.name = "changelog_skewed", .skewed = true},
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
