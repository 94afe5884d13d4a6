/* datagen: rows made up, so many a second, random or counting. The first row comes at once; after
 * that row n is due n / rate seconds later, by the monotonic clock. A sequence column or
 * 'number-of-rows' ends it.
 *
 * What a row holds follows from the seed and the row's number, so that a position is enough to make
 * the same rows again. Times too: a row's time is when it was due, counted from an anchor (a row
 * and its wall clock time). Only a source that cannot keep up, or a clock that jumps, gets a new
 * anchor.
 *
 * Position, u64 each: version, seed, number of the next row, and since version 2 the anchor: row,
 * wall clock time in us (0 = none yet). */
#include "connector/datagen/datagen_int.h"

#include <string.h>

#include "base/hash.h"

#define POSITION_VERSION 2
#define ARENA_MAX        (64u << 20)
#define TICK_NS          2000000 /* between batches of a fast source: not row by row */
#define DRIFT_MAX_US     1000000 /* of the rows' times from the clock */

const char lt_datagen_default_ddl[] = "CREATE TEMPORARY TABLE datagen (\n"
                                      "  id BIGINT,\n"
                                      "  ts TIMESTAMP(3),\n"
                                      "  name STRING,\n"
                                      "  amount DOUBLE,\n"
                                      "  WATERMARK FOR ts AS ts\n"
                                      ") WITH (\n"
                                      "  'connector' = 'datagen',\n"
                                      "  'rows-per-second' = '10',\n"
                                      "  'fields.id.kind' = 'sequence',\n"
                                      "  'fields.id.start' = '1',\n"
                                      "  'fields.id.end' = '9223372036854775807',\n"
                                      "  'fields.name.length' = '8',\n"
                                      "  'fields.amount.min' = '0',\n"
                                      "  'fields.amount.max' = '100'\n"
                                      ")";

typedef struct {
    lt_source base;
    lt_arena *arena;
    lt_gen *gens; /* per column of ctx->schema */
    uint64_t seed;
    uint64_t next_row;
    uint64_t row_count; /* UINT64_MAX: no end */
    int64_t rate;
    bool limited; /* row_count is where another run was: made as fast as they are taken */
    bool has_times;
    uint64_t anchor_row;
    int64_t anchor_us; /* 0 = not known yet */
    bool started;
    int64_t start_ns;
    uint64_t start_row;
} datagen_source;

/* How many rows there will be: the shortest sequence and 'number-of-rows', whichever is less. */
static lt_status count_rows(const lt_table_ctx *ctx, lt_arena *arena, uint64_t *out, lt_error *err)
{
    bool has;
    int64_t number = lt_ctx_int(ctx, &lt_conn_datagen, "number-of-rows", &has);
    if (has && number < 0) {
        return lt_error_set(err, LT_ERR_SQL,
                            "option 'number-of-rows' of connector 'datagen' is below zero");
    }
    *out = has ? (uint64_t)number : UINT64_MAX;
    for (uint32_t i = 0; i < ctx->record_schema->count; i++) {
        const lt_field *field = &ctx->record_schema->fields[i];
        lt_gen gen;
        LT_TRY(lt_gen_new(ctx, arena, field->name, field->type, &gen, err));
        if (gen.sequence) {
            uint64_t rows = (uint64_t)gen.end - (uint64_t)gen.start;
            *out = LT_MIN(*out, rows == UINT64_MAX ? rows : rows + 1);
        }
    }
    return LT_OK;
}

static bool datagen_bounded(const lt_table_ctx *ctx)
{
    lt_arena *arena = lt_arena_new(ctx->mem, ARENA_MAX);
    uint64_t rows = UINT64_MAX;
    if (arena != NULL && count_rows(ctx, arena, &rows, NULL) != LT_OK) {
        rows = UINT64_MAX;
    }
    lt_arena_free(arena);
    /* A sequence up to the largest BIGINT is a counter, not an end. */
    return rows < (uint64_t)INT64_MAX / 2;
}

/* Does `fields.<path>.<what>` name a column, or a part of one? */
static bool names_column(const lt_table_ctx *ctx, lt_str path)
{
    for (uint32_t i = 0; i < ctx->record_schema->count; i++) {
        lt_str name = ctx->record_schema->fields[i].name;
        if (lt_str_starts(path, name) && (path.len == name.len || path.ptr[name.len] == '.')) {
            return true;
        }
    }
    return false;
}

static lt_status check_names(const lt_table_ctx *ctx, lt_error *err)
{
    for (uint32_t i = 0; i < ctx->options.count; i++) {
        const lt_option *option = &ctx->options.items[i];
        lt_str path = option->key;
        if (!lt_str_starts(path, LT_STR("fields."))) {
            continue;
        }
        path = (lt_str){path.ptr + 7, path.len - 7};
        while (path.len > 0 && path.ptr[path.len - 1] != '.') {
            path.len--;
        }
        path.len -= path.len > 0;
        if (!names_column(ctx, path)) {
            return lt_error_set_at(err, LT_ERR_SQL, option->pos,
                                   "option '" LT_STR_FMT
                                   "' of connector 'datagen': the table has no column " LT_STR_FMT,
                                   LT_STR_ARG(option->key), LT_STR_ARG(path));
        }
    }
    return LT_OK;
}

static lt_status datagen_check(const lt_table_ctx *ctx, bool as_source, lt_error *err)
{
    (void)as_source;
    LT_TRY(check_names(ctx, err));
    bool has;
    int64_t rate = lt_ctx_int(ctx, &lt_conn_datagen, "rows-per-second", &has);
    if (has && rate <= 0) {
        return lt_error_set(err, LT_ERR_SQL,
                            "option 'rows-per-second' of connector 'datagen' must be above zero");
    }
    lt_arena *arena = lt_arena_new(ctx->mem, ARENA_MAX);
    if (arena == NULL) {
        return lt_error_nomem(err, "a generator");
    }
    uint64_t rows;
    lt_status st = count_rows(ctx, arena, &rows, err);
    lt_arena_free(arena);
    return st;
}

static bool holds_time(const lt_type *type)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        if (holds_time(type->fields[i].type)) {
            return true;
        }
    }
    return type->kind == LT_TYPE_DATE || type->kind == LT_TYPE_TIME ||
           type->kind == LT_TYPE_TIMESTAMP || type->kind == LT_TYPE_TIMESTAMP_LTZ;
}

static lt_status datagen_open(lt_source *src, lt_error *err)
{
    datagen_source *self = (datagen_source *)src;
    const lt_table_ctx *ctx = src->ctx;
    LT_TRY(datagen_check(ctx, true, err));
    self->arena = lt_arena_new(ctx->mem, ARENA_MAX);
    if (self->arena == NULL) {
        return lt_error_nomem(err, "a generator");
    }
    self->gens = LT_NEW_ARRAY(self->arena, lt_gen, ctx->schema->count + 1);
    if (self->gens == NULL) {
        return lt_error_nomem(err, "a generator");
    }
    LT_TRY(count_rows(ctx, self->arena, &self->row_count, err));
    for (uint32_t i = 0; i < ctx->schema->count; i++) {
        LT_ASSERT(ctx->record_index[i] < ctx->record_schema->count);
        const lt_field *field = &ctx->record_schema->fields[ctx->record_index[i]];
        LT_TRY(lt_gen_new(ctx, self->arena, field->name, ctx->schema->fields[i].type,
                          &self->gens[i], err));
        self->has_times = self->has_times || holds_time(ctx->schema->fields[i].type);
    }
    self->rate = LT_MIN(lt_ctx_int(ctx, &lt_conn_datagen, "rows-per-second", NULL), 1000000000);
    self->seed = ctx->env->random_u64(ctx->env);
    return LT_OK;
}

/* Rows that may go out now; when there are none, *wake says when the next is due. */
static uint64_t rows_due(datagen_source *self, int64_t now, int64_t *wake)
{
    if (self->limited) {
        return UINT64_MAX;
    }
    if (!self->started) {
        self->started = true;
        self->start_ns = now;
        self->start_row = self->next_row;
    }
    lt_i128 elapsed = (lt_i128)(now - self->start_ns) * self->rate;
    uint64_t due = (uint64_t)(elapsed / 1000000000) + 1;
    uint64_t given = self->next_row - self->start_row;
    if (due > given) {
        return due - given;
    }
    int64_t next_ns =
        self->start_ns + (int64_t)(((lt_i128)given * 1000000000 + self->rate - 1) / self->rate);
    *wake = LT_MAX(next_ns, now + TICK_NS);
    return 0;
}

/* When a row was due, by the wall clock. */
static int64_t due_us(const datagen_source *self, uint64_t row)
{
    uint64_t rows = row - self->anchor_row;
    uint64_t rate = (uint64_t)self->rate;
    return self->anchor_us + (int64_t)(rows / rate * 1000000 + rows % rate * 1000000 / rate);
}

static void keep_anchor(datagen_source *self, int64_t wall_us)
{
    int64_t drift = self->anchor_us > 0 ? wall_us - due_us(self, self->next_row) : INT64_MAX;
    if (!self->limited && (drift > DRIFT_MAX_US || drift < -DRIFT_MAX_US)) {
        self->anchor_row = self->next_row;
        self->anchor_us = wall_us;
    }
}

static bool make_column(const datagen_source *self, uint32_t column, lt_batch *batch,
                        uint32_t count)
{
    const lt_table_ctx *ctx = self->base.ctx;
    uint64_t column_seed = lt_hash_combine(self->seed, ctx->record_index[column]);
    lt_gen_run run = {.arena = batch->arena};
    for (uint32_t row = 0; row < count; row++) {
        run.row_no = self->next_row + row;
        run.state = lt_hash_combine(column_seed, run.row_no);
        run.wall_us = self->has_times ? due_us(self, run.row_no) : 0;
        if (!lt_gen_value(&self->gens[column], &run, &batch->cols[column], row, count)) {
            return false;
        }
    }
    return true;
}

static lt_status datagen_poll(lt_source *src, lt_batch **out, lt_wait *wait, lt_error *err)
{
    datagen_source *self = (datagen_source *)src;
    const lt_table_ctx *ctx = src->ctx;
    *out = NULL;
    if (self->next_row >= self->row_count) {
        return LT_END;
    }
    *wait = (lt_wait){.wake_mono_ns = INT64_MAX};
    uint64_t due = rows_due(self, ctx->env->mono_ns(ctx->env), &wait->wake_mono_ns);
    if (due == 0) {
        return LT_AGAIN;
    }
    due = LT_MIN(due, self->row_count - self->next_row);
    uint32_t count = (uint32_t)LT_MIN(due, (uint64_t)ctx->batch_rows);
    lt_batch *batch = lt_batch_new(ctx->pool, ctx->schema, count);
    if (batch == NULL) {
        return lt_error_nomem(err, "a batch");
    }
    int64_t wall_us = ctx->env->wall_us(ctx->env);
    keep_anchor(self, wall_us);
    for (uint32_t c = 0; c < ctx->schema->count; c++) {
        if (!make_column(self, c, batch, count)) {
            lt_batch_unref(batch);
            return lt_error_nomem(err, "generated rows");
        }
    }
    batch->row_count = count;
    batch->sel_count = count;
    batch->arrival_us = wall_us;
    self->next_row += count;
    src->rows += count;
    *out = batch;
    return LT_OK;
}

static lt_status datagen_save(const lt_source *src, lt_text *to, lt_error *err)
{
    const datagen_source *self = (const datagen_source *)src;
    lt_pos_put_u64(to, POSITION_VERSION);
    lt_pos_put_u64(to, self->seed);
    lt_pos_put_u64(to, self->next_row);
    lt_pos_put_u64(to, self->anchor_row);
    lt_pos_put_u64(to, (uint64_t)self->anchor_us);
    return to->failed ? lt_error_nomem(err, "a position") : LT_OK;
}

typedef struct {
    uint64_t seed;
    uint64_t next_row;
    uint64_t anchor_row;
    int64_t anchor_us;
} position;

static lt_status read_position(const lt_source *src, lt_str from, position *out, lt_error *err)
{
    lt_pos_reader reader = {.rest = from};
    uint64_t version = lt_pos_get_u64(&reader);
    memset(out, 0, sizeof *out);
    out->seed = lt_pos_get_u64(&reader);
    out->next_row = lt_pos_get_u64(&reader);
    if (version == POSITION_VERSION) {
        out->anchor_row = lt_pos_get_u64(&reader);
        out->anchor_us = (int64_t)lt_pos_get_u64(&reader);
    }
    bool bad = reader.bad || version < 1 || version > POSITION_VERSION || out->anchor_us < 0 ||
               out->anchor_row > out->next_row;
    if (bad) {
        return lt_error_set(err, LT_ERR_STATE,
                            "the saved position of table " LT_STR_FMT
                            " is damaged or newer than this build",
                            LT_STR_ARG(src->ctx->table));
    }
    return LT_OK;
}

static lt_status datagen_load(lt_source *src, lt_str from, lt_error *err)
{
    datagen_source *self = (datagen_source *)src;
    position at;
    LT_TRY(read_position(src, from, &at, err));
    self->seed = at.seed;
    self->next_row = at.next_row;
    self->anchor_row = at.anchor_row;
    self->anchor_us = at.anchor_us;
    return LT_OK;
}

static lt_status datagen_limit(lt_source *src, lt_str to, lt_error *err)
{
    datagen_source *self = (datagen_source *)src;
    position at;
    LT_TRY(read_position(src, to, &at, err));
    if (at.next_row < self->next_row || (self->next_row > 0 && at.seed != self->seed)) {
        return lt_error_set(err, LT_ERR_STATE,
                            "table " LT_STR_FMT
                            ": row %llu to stop at is not one of the run that is at row %llu",
                            LT_STR_ARG(src->ctx->table), (unsigned long long)at.next_row,
                            (unsigned long long)self->next_row);
    }
    if (self->has_times && at.next_row > self->next_row &&
        (at.anchor_us == 0 || at.anchor_row > self->next_row)) {
        return lt_error_set(err, LT_ERR_STATE,
                            "table " LT_STR_FMT
                            ": the times of its rows cannot be repeated: the rows fell behind "
                            "'rows-per-second', or the clock jumped, at row %llu",
                            LT_STR_ARG(src->ctx->table), (unsigned long long)at.anchor_row);
    }
    self->seed = at.seed;
    self->anchor_row = at.anchor_row;
    self->anchor_us = at.anchor_us;
    self->row_count = LT_MIN(self->row_count, at.next_row);
    self->limited = true;
    return LT_OK;
}

static void datagen_describe(const lt_source *src, lt_text *to)
{
    const datagen_source *self = (const datagen_source *)src;
    lt_text_printf(to, "row %llu", (unsigned long long)self->next_row);
}

static void datagen_close(lt_source *src)
{
    datagen_source *self = (datagen_source *)src;
    lt_arena_free(self->arena);
}

static const lt_option_def options[] = {
    {.name = "rows-per-second",
     .kind = LT_OPT_INT,
     .fallback = "10000",
     .help = "how many rows a second"},
    {.name = "number-of-rows", .kind = LT_OPT_INT, .help = "end after so many rows"},
    {.name = "fields.#.kind",
     .kind = LT_OPT_ENUM,
     .choices = "random|sequence",
     .fallback = "random",
     .help = "random values, or one after another"},
    {.name = "fields.#.min", .kind = LT_OPT_DOUBLE, .help = "smallest random number"},
    {.name = "fields.#.max", .kind = LT_OPT_DOUBLE, .help = "largest random number"},
    {.name = "fields.#.max-past",
     .kind = LT_OPT_DURATION,
     .fallback = "0 s",
     .help = "how old a random time may be"},
    {.name = "fields.#.length",
     .kind = LT_OPT_INT,
     .help = "characters, bytes (100) or elements (3) of random values"},
    {.name = "fields.#.var-len",
     .kind = LT_OPT_BOOL,
     .fallback = "false",
     .help = "any length from 1 up to length"},
    {.name = "fields.#.start", .kind = LT_OPT_INT, .help = "first value of a sequence"},
    {.name = "fields.#.end",
     .kind = LT_OPT_INT,
     .help = "last value of a sequence; ends the source"},
    {.name = "fields.#.null-rate",
     .kind = LT_OPT_DOUBLE,
     .fallback = "0",
     .help = "share of NULLs, 0 to 1"},
};

static const lt_source_class source_class = {
    .self_size = sizeof(datagen_source),
    .guarantee = LT_SOURCE_REPLAYABLE,
    .bounded = datagen_bounded,
    .open = datagen_open,
    .poll = datagen_poll,
    .save = datagen_save,
    .load = datagen_load,
    .limit = datagen_limit,
    .describe = datagen_describe,
    .close = datagen_close,
};

const lt_connector lt_conn_datagen = {
    .name = "datagen",
    .help = "makes rows up",
    .options = options,
    .option_count = LT_COUNT_OF(options),
    .source = &source_class,
    .check = datagen_check,
};
