/* The join alone, BIGINT keys and a payload of one BIGINT and one string of 16 bytes a side:
 * every key once on either side, in random order ("unique"), ten rows of a key on the right
 * ("fan_out"), -U/+U pairs on the left against a full right side ("changes"), and a LEFT JOIN whose
 * partners come after its rows ("left"). One JSON object per result on standard output; a row is an
 * input row. Usage: bench_join [KEYS [VARIANT]]. */
#include "op_bench.h"

enum { COL_K, COL_V, COL_S, COLS };

typedef struct {
    lt_mem mem;
    lt_env *env;
    lt_arena *arena;
    lt_arena *scratch;
    lt_batch_pool *pool;
    lt_session session;
    const lt_schema *in_schema;
    const lt_schema *pair;
    lt_op *op;
    lt_emit emit;
    double spent;
    uint64_t rows;
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
    r->emit.put = count_put;
    const lt_type *i64 = lt_type_new(r->arena, LT_TYPE_BIGINT, true);
    lt_field fields[2 * COLS] = {
        {LT_STR("k"), i64},
        {LT_STR("v"), i64},
        {LT_STR("s"), lt_type_sized(r->arena, LT_TYPE_VARCHAR, LT_LENGTH_MAX, true)}};
    memcpy(fields + COLS, fields, COLS * sizeof *fields);
    r->in_schema = lt_schema_new(r->arena, fields, COLS);
    r->pair = lt_schema_new(r->arena, fields, 2 * COLS);
}

static void open_join(rig *r, lt_join_type type, bool updates)
{
    static const uint32_t keys[1] = {COL_K};
    static const uint32_t cols[COLS] = {COL_K, COL_V, COL_S};
    static const uint32_t out[2 * COLS] = {0, 1, 2, 3, 4, 5};
    static const bool null_safe[1] = {false};
    lt_error err = {0};
    lt_join_spec *spec = LT_NEW(r->arena, lt_join_spec);
    const lt_type **types = LT_NEW_ARRAY(r->arena, const lt_type *, 1);
    const lt_schema **ins = LT_NEW_ARRAY(r->arena, const lt_schema *, 2);
    r->op = lt_mem_zalloc(&r->mem, lt_op_join.self_size);
    must(spec && types && ins && r->op, "out of memory");
    types[0] = r->in_schema->fields[COL_K].type;
    ins[0] = ins[1] = r->in_schema;
    *spec = (lt_join_spec){.type = type,
                           .left_keys = keys,
                           .right_keys = keys,
                           .key_types = types,
                           .null_safe = null_safe,
                           .key_count = 1,
                           .left_cols = cols,
                           .right_cols = cols,
                           .left_count = COLS,
                           .right_count = COLS,
                           .pair = r->pair,
                           .out = out,
                           .updates = updates};
    *r->op = (lt_op){.cls = &lt_op_join,
                     .spec = spec,
                     .label = "join",
                     .session = &r->session,
                     .env = r->env,
                     .mem = &r->mem,
                     .arena = r->arena,
                     .scratch = r->scratch,
                     .pool = r->pool,
                     .state = lt_state_new(&r->mem, r->env),
                     .in_schemas = ins,
                     .in_count = 2,
                     .out_schema = r->pair,
                     .batch_rows = BATCH_ROWS,
                     .watermark = LT_WATERMARK_MIN};
    must(r->op->state && r->op->cls->open(r->op, &err) == LT_OK, err.text);
}

static void close_join(rig *r)
{
    r->op->cls->close(r->op);
    lt_state_free(r->op->state);
    lt_mem_free(&r->mem, r->op, lt_op_join.self_size);
}

static void set_row(lt_batch *batch, uint32_t row, int64_t key, int64_t value)
{
    char text[32];
    LT_COL_DATA(&batch->cols[COL_K], int64_t)[row] = key;
    LT_COL_DATA(&batch->cols[COL_V], int64_t)[row] = value;
    int len = snprintf(text, sizeof text, "%016lld", (long long)value);
    lt_str s = lt_arena_str(batch->arena, (lt_str){text, (size_t)len});
    LT_COL_DATA(&batch->cols[COL_S], lt_strv)[row] = lt_strv_make(s.ptr, s.len);
}

/* As many rows of a side. When there are as many as keys every key comes once (keys must not be a
 * multiple of 7919), else they are drawn. pairs: every row is taken back and put again. */
static void feed(rig *r, int side, uint64_t count, uint64_t keys, bool pairs)
{
    lt_error err = {0};
    for (uint64_t at = 0; at < count;) {
        lt_batch *batch = lt_batch_new(r->pool, r->in_schema, BATCH_ROWS);
        must(batch != NULL, "out of memory");
        batch->kinds = pairs ? lt_arena_zalloc(batch->arena, BATCH_ROWS, 8) : NULL;
        uint32_t rows = 0;
        for (; rows < BATCH_ROWS && at < count; at++) {
            int64_t key = (int64_t)((count > keys ? rnd() : at * 7919) % keys);
            if (pairs) {
                batch->kinds[rows] = LT_UPDATE_BEFORE;
                set_row(batch, rows++, key, key);
                batch->kinds[rows] = LT_UPDATE_AFTER;
            }
            set_row(batch, rows++, key, pairs ? key + 1 : key);
        }
        batch->row_count = batch->sel_count = rows;
        double start = now_s();
        lt_arena_reset(r->scratch, (size_t)4 << 20);
        must(r->op->cls->on_batch(r->op, side, batch, &r->emit, &err) == LT_OK, err.text);
        r->spent += now_s() - start;
        r->rows += rows;
        lt_batch_unref(batch);
    }
}

static void report(rig *r, const char *name)
{
    printf("{\"name\": \"join.%s\", \"value\": %.0f, \"unit\": \"rows/s\", \"better\": "
           "\"higher\"}\n",
           name, (double)r->rows / r->spent);
    fprintf(stderr, "%s: %llu rows in, %llu out, %.0f MiB\n", name, (unsigned long long)r->rows,
            (unsigned long long)rows_out, (double)atomic_load(&r->mem.bytes) / 1048576.0);
}

int main(int argc, char **argv)
{
    uint64_t keys = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    static const char *const names[] = {"unique", "fan_out", "changes", "left"};
    must(keys > 0, "KEYS must be positive");
    for (int v = 0; v < 4; v++) {
        rig r = {0};
        if (argc > 2 && strcmp(argv[2], names[v]) != 0) {
            continue;
        }
        rows_out = 0;
        setup(&r);
        open_join(&r, v == 3 ? LT_JOIN_TYPE_LEFT : LT_JOIN_TYPE_INNER, v >= 2);
        int first = v == 3 ? 0 : 1;
        feed(&r, first, v == 1 ? 10 * keys : keys, keys, false);
        feed(&r, 1 - first, keys, keys, false);
        if (v == 2) {
            r.rows = 0;
            r.spent = 0;
            feed(&r, 0, keys, keys, true);
        }
        report(&r, names[v]);
        close_join(&r);
        lt_batch_pool_free(r.pool);
        lt_arena_free(r.scratch);
        lt_arena_free(r.arena);
        lt_env_real_free(r.env);
        lt_mem_deinit(&r.mem);
    }
    return 0;
}
