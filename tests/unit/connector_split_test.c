/* filesystem, reading by several lanes: whatever the order in which lanes claim and decode, the
 * rows and rejects, put back in the order of the blocks, are those of poll; and a position saved
 * after any claim goes on exactly there. */
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "connector_fixture.h"
#include "os/thread.h"

#define LANES_MAX      3
#define BLOCKS_MAX     2048
#define FILE_MAX       6000
#define LINE_MAX_BYTES 900 /* of one piece of a random file */

/* Notes each reject as text. */
typedef struct {
    lt_reject_sink base;
    lt_text *to;
    bool fail;
} log_sink;

/* What came out of one block, or of a whole source. */
typedef struct {
    lt_text rows;
    lt_text rejects;
} output;

typedef struct {
    lt_table_ctx ctx;
    log_sink rejects;
    lt_source_lane *lane;
    lt_source_block *block;
    output *out;
} worker;

typedef struct {
    fixture f;
    log_sink rejects;
    uint64_t rng;
    lt_source *src;
    worker workers[LANES_MAX];
    unsigned lanes;
    output blocks[BLOCKS_MAX];
    unsigned block_count;
    uint64_t rows, rejected;
    bool arrays; /* JSON lines with several rows: poll may stop within one */
} world;

static uint64_t rnd(world *w, uint64_t below)
{
    w->rng ^= w->rng << 13;
    w->rng ^= w->rng >> 7;
    w->rng ^= w->rng << 17;
    return (w->rng >> 11) % below;
}

static lt_status log_put(lt_reject_sink *sink, const lt_reject *reject, lt_error *err)
{
    log_sink *self = (log_sink *)sink;
    lt_text_printf(self->to, "%s@%lld in " LT_STR_FMT ": " LT_STR_FMT " [" LT_STR_FMT "]\n",
                   reject->code, (long long)reject->position, LT_STR_ARG(reject->where),
                   LT_STR_ARG(reject->detail), LT_STR_ARG(reject->raw));
    return self->fail ? lt_error_set(err, LT_ERR_DATA, "%s", reject->code) : LT_OK;
}

static void output_init(world *w, output *out)
{
    lt_text_init(&out->rows, &w->f.side);
    lt_text_init(&out->rejects, &w->f.side);
}

static void output_deinit(output *out)
{
    lt_text_deinit(&out->rows);
    lt_text_deinit(&out->rejects);
}

static void world_init(world *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    lt_sim_options options = {
        .seed = seed, .start_wall_us = 1700000000000000, .short_read_per_mille = 300};
    fixture_init_with(&w->f, &options);
    w->rng = seed * 0x9E3779B97F4A7C15ULL + 1;
    w->rejects.base.put = log_put;
}

static void world_deinit(world *w)
{
    fixture_deinit(&w->f);
}

static const char *shown(const lt_text *text)
{
    return text->ptr != NULL ? text->ptr : "";
}

/* ---- by poll ---- */

static void open_source(world *w, uint32_t batch_rows, output *out, const lt_text *position)
{
    w->f.ctx.batch_rows = batch_rows;
    w->f.ctx.rejects = &w->rejects.base;
    w->rejects.to = &out->rejects;
    w->src = fixture_open(&w->f, "filesystem");
    if (position != NULL) {
        assert_int_equal(w->src->cls->load(w->src, lt_text_str(position), &w->f.err), LT_OK);
    }
}

/* At most `batches`; gives the status that ended it. */
static lt_status poll_some(world *w, output *out, unsigned batches)
{
    lt_wait wait;
    lt_status st = LT_OK;
    while (batches > 0) {
        lt_batch *batch = NULL;
        st = w->src->cls->poll(w->src, &batch, &wait, &w->f.err);
        if (st == LT_OK) {
            fixture_rows(&out->rows, batch);
            lt_batch_unref(batch);
            batches--;
        } else if (st != LT_AGAIN || wait.wake_mono_ns > w->f.env->mono_ns(w->f.env)) {
            break;
        }
    }
    return st;
}

static void close_source(world *w)
{
    w->rows += w->src->rows;
    w->rejected += w->src->rejected;
    lt_source_free(w->src);
    w->src = NULL;
}

static void save(world *w, lt_text *position)
{
    lt_text_clear(position);
    assert_int_equal(w->src->cls->save(w->src, position, &w->f.err), LT_OK);
}

/* ---- by lanes ---- */

static void start_lanes(world *w, unsigned lanes, bool fail)
{
    const lt_source_class *cls = w->src->cls;
    assert_true(cls->can_split(&w->f.ctx));
    w->lanes = lanes;
    w->block_count = 0;
    for (unsigned i = 0; i < lanes; i++) {
        worker *self = &w->workers[i];
        *self = (worker){.ctx = w->f.ctx, .rejects = {{log_put}, NULL, fail}};
        self->ctx.pool = lt_batch_pool_new(&w->f.root, 2);
        self->ctx.rejects = &self->rejects.base;
        assert_int_equal(cls->lane_new(w->src, &self->ctx, &self->lane, &w->f.err), LT_OK);
    }
}

static void stop_lanes(world *w)
{
    for (unsigned i = 0; i < w->lanes; i++) {
        worker *self = &w->workers[i];
        w->src->cls->block_free(self->block);
        w->rows += self->lane->rows;
        w->rejected += self->lane->rejected;
        w->src->cls->lane_free(self->lane);
        lt_batch_pool_free(self->ctx.pool);
    }
    w->lanes = 0;
    assert_int_equal(w->src->rows, 0);
    assert_int_equal(w->src->rejected, 0);
}

static lt_status claim(world *w, worker *self, lt_wait *wait)
{
    lt_status st = w->src->cls->claim(w->src, &self->block, wait, &w->f.err);
    if (st == LT_OK) {
        assert_true(w->block_count < BLOCKS_MAX);
        self->out = &w->blocks[w->block_count++];
        output_init(w, self->out);
        self->rejects.to = &self->out->rejects;
    }
    return st;
}

static lt_status decode(world *w, worker *self)
{
    lt_batch *batch = NULL;
    lt_status st = w->src->cls->decode(self->lane, self->block, &batch, &w->f.err);
    if (st == LT_OK) {
        assert_true(batch->row_count > 0 && batch->row_count <= self->ctx.batch_rows);
        fixture_rows(&self->out->rows, batch);
        lt_batch_unref(batch);
    } else {
        w->src->cls->block_free(self->block);
        self->block = NULL;
    }
    return st;
}

/* Lanes do something in any order, until `claims` blocks were handed out and decoded; gives the
 * status that ended it. */
static lt_status split_some(world *w, unsigned claims, lt_text *position)
{
    lt_status end = LT_OK;
    for (;;) {
        worker *self = &w->workers[rnd(w, w->lanes)];
        lt_wait wait = {0};
        lt_status st;
        if (self->block != NULL) {
            st = decode(w, self);
            if (st > LT_END) {
                fail_msg("decode: %s", w->f.err.text);
            }
        } else if (end == LT_OK && w->block_count < claims) {
            st = claim(w, self, &wait);
            bool later = st == LT_AGAIN && wait.wake_mono_ns > w->f.env->mono_ns(w->f.env);
            end = st == LT_OK || (st == LT_AGAIN && !later) ? LT_OK : st;
            if (st == LT_OK && w->block_count == claims && position != NULL) {
                save(w, position);
            }
            if (st > LT_END) {
                fail_msg("claim: %s", w->f.err.text);
            }
        } else {
            bool busy = false;
            for (unsigned i = 0; i < w->lanes; i++) {
                busy = busy || w->workers[i].block != NULL;
            }
            if (!busy) {
                if (end != LT_OK && position != NULL) {
                    save(w, position);
                }
                return end;
            }
        }
    }
}

/* What the blocks gave, in their order. */
static void gather(world *w, output *out)
{
    for (unsigned i = 0; i < w->block_count; i++) {
        output *block = &w->blocks[i];
        lt_text_append(&out->rows, shown(&block->rows), block->rows.len);
        lt_text_append(&out->rejects, shown(&block->rejects), block->rejects.len);
        output_deinit(block);
    }
    w->block_count = 0;
}

static void expect_text(world *w, const lt_text *got, const lt_text *want, const char *what)
{
    const char *a = shown(got);
    const char *b = shown(want);
    size_t same = 0;
    while (a[same] != '\0' && a[same] == b[same]) {
        same++;
    }
    if (a[same] != b[same]) {
        size_t from = same > 200 ? same - 200 : 0;
        fail_msg("%s, at %llu: after %.*s\ncame\n%.300s\nnot\n%.300s", what,
                 (unsigned long long)w->rng, (int)(same - from), a + from, a + same, b + same);
    }
}

static void expect_same(world *w, const output *got, const output *want, const char *what)
{
    expect_text(w, &got->rows, &want->rows, what);
    expect_text(w, &got->rejects, &want->rejects, what);
}

/* ---- files ---- */

static size_t put_json(world *w, char *to)
{
    static const char *const lines[] = {"{\"a\":%u,\"t\":\"x%u\"}",
                                        "{\"t\":\"\\u00e4\",\"a\":%u}",
                                        "  ",
                                        "{\"a\":%u",
                                        "[{\"a\":%u},{\"a\":7,\"t\":\"in an array\"},{\"a\":8}]",
                                        "\xff{\"a\":%u}",
                                        "{\"a\":%u}\r",
                                        "{\"b\":%u}",
                                        ""};
    unsigned which = (unsigned)rnd(w, 14);
    which = which == 4 && !w->arrays ? 0 : which;
    unsigned number = (unsigned)rnd(w, 1000);
    int len;
    if (which >= LT_COUNT_OF(lines)) {
        unsigned filler = (unsigned)rnd(w, which == 13 ? 700 : 90);
        len = snprintf(to, LINE_MAX_BYTES, "{\"a\":%u,\"t\":\"%0*u\"}", number, (int)filler + 1,
                       number);
    } else {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        len = snprintf(to, LINE_MAX_BYTES, lines[which], number, number);
#pragma GCC diagnostic pop
    }
    to[len] = '\n';
    return (size_t)len + 1;
}

static size_t put_csv(world *w, char *to)
{
    static const char *const fields[] = {
        "5",         "",        "plain",    "\"q\"",  "\"a\"\"b\"",  "\"line\nend\"",
        "\"\r\n,\"", "\"a\"  ", "mid\"",    "\"a\"x", "\\\"",        "\"\\\"\"",
        "#note",     " \"b\"",  "\"\"",     "x\\\n",  "\"open ",     "\"\"\"\"",
        "# c \"",    "\\",      "'single'", "z\"\"z", "\"a\",\"b\"", "'it''s\n'"};
    static const char soup[] = "\"\"\",,,\n\n\r\r  ax\\#;'1";
    size_t len = 0;
    if (rnd(w, 6) == 0) {
        for (size_t i = rnd(w, 40); i > 0; i--) {
            to[len++] = soup[rnd(w, sizeof soup - 1)];
        }
        return len;
    }
    /* Mostly what is written as it should be. */
    bool tidy = rnd(w, 8) != 0;
    for (int column = 0; column < 2; column++) {
        if (rnd(w, 60) == 0) {
            len +=
                (size_t)snprintf(to + len, LINE_MAX_BYTES, "\"%0*u\n\"", (int)rnd(w, 700) + 1, 1U);
        } else {
            const char *field = fields[rnd(w, tidy ? 7 : LT_COUNT_OF(fields))];
            len += (size_t)snprintf(to + len, LINE_MAX_BYTES, "%s", field);
        }
        to[len++] = ',';
    }
    len--;
    static const char *const ends[] = {"\n", "\n", "\n", "\r\n", "\r"};
    return len + (size_t)snprintf(to + len, LINE_MAX_BYTES, "%s", ends[rnd(w, LT_COUNT_OF(ends))]);
}

/* Mostly as it is. */
static size_t cut_off(world *w, size_t len, size_t most)
{
    size_t cut = rnd(w, 3) == 0 ? rnd(w, most) : 0;
    return len - LT_MIN(len, cut);
}

static void put_file(world *w, const char *format, unsigned index)
{
    static char bytes[FILE_MAX + 2 * LINE_MAX_BYTES + 200];
    static unsigned char packed[FILE_MAX * 2];
    size_t len = 0;
    size_t wish = rnd(w, 5) == 0 ? rnd(w, 4) : rnd(w, FILE_MAX);
    if (rnd(w, 4) == 0) {
        memcpy(bytes, "\xef\xbb\xbf", 3);
        len = 3;
    }
    while (len < wish) {
        len += strcmp(format, "csv") == 0 ? put_csv(w, bytes + len) : put_json(w, bytes + len);
    }
    len = cut_off(w, len, 20);
    char path[64];
    bool pack = rnd(w, 4) == 0;
    (void)snprintf(path, sizeof path, "/d/f%u.%s%s", index, format, pack ? ".gz" : "");
    if (pack) {
        z_stream z;
        memset(&z, 0, sizeof z);
        assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
        z.next_in = (unsigned char *)bytes;
        z.avail_in = (unsigned)len;
        z.next_out = packed;
        z.avail_out = sizeof packed;
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        len = sizeof packed - z.avail_out;
        (void)deflateEnd(&z);
        len = cut_off(w, len, 30);
    }
    lt_status st = lt_sim_put(w->f.env, path, pack ? (const void *)packed : bytes, len, &w->f.err);
    if (st != LT_OK) {
        fail_msg("%s: %s", path, w->f.err.text);
    }
}

static void table(world *w, const char *format)
{
    static const fixture_column columns[] = {{"a", LT_TYPE_BIGINT, NULL},
                                             {"t", LT_TYPE_VARCHAR, NULL},
                                             {"n", LT_TYPE_VARCHAR, "file.name"}};
    static const fixture_column line[] = {{"t", LT_TYPE_VARCHAR, NULL},
                                          {"n", LT_TYPE_VARCHAR, "file.name"}};
    bool raw = strcmp(format, "raw") == 0;
    bool csv = strcmp(format, "csv") == 0;
    const char *options[16] = {"path", "/d", "format", format};
    size_t at = 4;
    if (rnd(w, 2) == 0) {
        options[at++] = "source.record-size.max";
        options[at++] = rnd(w, 2) == 0 ? "300b" : "90b";
    }
    if (csv && rnd(w, 3) == 0) {
        options[at++] = "csv.escape-character";
        options[at++] = "\\";
    }
    if (csv && rnd(w, 4) == 0) {
        options[at++] = "csv.allow-comments";
        options[at++] = "true";
    }
    if (csv && rnd(w, 5) == 0) {
        options[at++] = "csv.quote-character";
        options[at++] = "'";
    } else if (csv && rnd(w, 5) == 0) {
        options[at++] = "csv.disable-quote-character";
        options[at++] = "true";
    }
    uint32_t extra = (uint32_t)rnd(w, 2);
    if (raw) {
        fixture_table(&w->f, line, 1 + extra, options);
    } else {
        fixture_table(&w->f, columns, 2 + extra, options);
    }
    w->f.ctx.has_header = csv && rnd(w, 3) == 0;
    w->f.ctx.inferred = rnd(w, 2) == 0;
}

/* Some of the rows from a position on, by lanes or by poll; then the position it came to. */
static void read_part(world *w, output *out, const lt_text *from, lt_text *position)
{
    bool polls = rnd(w, 3) == 0 && !w->arrays;
    open_source(w, 1 + (uint32_t)rnd(w, 8), out, from);
    if (polls) {
        (void)poll_some(w, out, (unsigned)rnd(w, 60));
        save(w, position);
    } else {
        save(w, position);
        start_lanes(w, 1 + (unsigned)rnd(w, LANES_MAX), false);
        (void)split_some(w, (unsigned)rnd(w, 8), position);
        stop_lanes(w);
        gather(w, out);
    }
    close_source(w);
}

/* Reads from one position to another, again. */
static void repeat_part(world *w, output *out, const lt_text *from, const lt_text *to)
{
    open_source(w, 1 + (uint32_t)rnd(w, 8), out, from);
    lt_status st = w->src->cls->limit(w->src, lt_text_str(to), &w->f.err);
    if (st != LT_OK) {
        fail_msg("limit: %s", w->f.err.text);
    }
    if (rnd(w, 2) == 0) {
        assert_int_equal(poll_some(w, out, UINT_MAX), LT_END);
    } else {
        start_lanes(w, 1 + (unsigned)rnd(w, LANES_MAX), false);
        assert_int_equal(split_some(w, UINT_MAX, NULL), LT_END);
        stop_lanes(w);
        gather(w, out);
    }
    close_source(w);
}

static void one_repeat(world *w)
{
    output first, second, again;
    lt_text middle, end;
    output_init(w, &first);
    output_init(w, &second);
    output_init(w, &again);
    lt_text_init(&middle, &w->f.side);
    lt_text_init(&end, &w->f.side);
    read_part(w, &first, NULL, &middle);
    read_part(w, &second, &middle, &end);
    repeat_part(w, &again, NULL, &middle);
    expect_same(w, &again, &first, "repeated from the beginning");
    output_deinit(&again);
    output_init(w, &again);
    repeat_part(w, &again, &middle, &end);
    expect_same(w, &again, &second, "repeated from a position");
    output_deinit(&first);
    output_deinit(&second);
    output_deinit(&again);
    lt_text_deinit(&middle);
    lt_text_deinit(&end);
}

static void one_world(const char *format, uint64_t seed)
{
    static world w;
    world_init(&w, seed);
    w.arrays = rnd(&w, 2) == 0;
    unsigned files = 1 + (unsigned)rnd(&w, 4);
    for (unsigned i = 0; i < files; i++) {
        put_file(&w, format, i);
    }
    table(&w, format);
    output whole, parts;
    output_init(&w, &whole);
    open_source(&w, 1024, &whole, NULL);
    assert_int_equal(poll_some(&w, &whole, UINT_MAX), LT_END);
    uint64_t bytes = w.src->bytes;
    close_source(&w);
    uint64_t rows = w.rows, rejected = w.rejected;

    w.rows = 0;
    w.rejected = 0;
    output_init(&w, &parts);
    open_source(&w, 1 + (uint32_t)rnd(&w, 8), &parts, NULL);
    start_lanes(&w, 1 + (unsigned)rnd(&w, LANES_MAX), false);
    assert_int_equal(split_some(&w, UINT_MAX, NULL), LT_END);
    assert_int_equal(w.src->bytes, bytes);
    stop_lanes(&w);
    close_source(&w);
    unsigned blocks = w.block_count;
    gather(&w, &parts);
    expect_same(&w, &parts, &whole, format);
    assert_int_equal(w.rows, rows);
    assert_int_equal(w.rejected, rejected);
    output_deinit(&parts);

    /* With stops in between, by lanes or by poll on either side. */
    lt_text position;
    lt_text_init(&position, &w.f.side);
    for (int round = 0; round < 6; round++) {
        bool first_polls = rnd(&w, 3) == 0 && !w.arrays;
        bool then_polls = rnd(&w, 2) == 0;
        output_init(&w, &parts);
        open_source(&w, 1 + (uint32_t)rnd(&w, 8), &parts, NULL);
        if (first_polls) {
            (void)poll_some(&w, &parts, (unsigned)rnd(&w, 60));
            save(&w, &position);
        } else {
            save(&w, &position);
            start_lanes(&w, 1 + (unsigned)rnd(&w, LANES_MAX), false);
            (void)split_some(&w, (unsigned)rnd(&w, blocks + 2), &position);
            stop_lanes(&w);
            gather(&w, &parts);
        }
        close_source(&w);
        open_source(&w, 1 + (uint32_t)rnd(&w, 8), &parts, &position);
        if (then_polls) {
            assert_int_equal(poll_some(&w, &parts, UINT_MAX), LT_END);
        } else {
            start_lanes(&w, 1 + (unsigned)rnd(&w, LANES_MAX), false);
            assert_int_equal(split_some(&w, UINT_MAX, NULL), LT_END);
            stop_lanes(&w);
            gather(&w, &parts);
        }
        close_source(&w);
        expect_same(&w, &parts, &whole, "restart");
        output_deinit(&parts);
    }
    for (int round = 0; round < 4; round++) {
        one_repeat(&w);
    }
    lt_text_deinit(&position);
    output_deinit(&whole);
    world_deinit(&w);
}

static void test_random_files(void **state)
{
    (void)state;
    static const char *const formats[] = {"json", "csv", "raw", "csv"};
    for (uint64_t seed = 1; seed <= 1200; seed++) {
        one_world(formats[seed % LT_COUNT_OF(formats)], seed);
    }
}

/* ---- the CSV framer alone ---- */

/* However the text is cut, the records are the same; at every level. */
static void test_frames(void **state)
{
    (void)state;
    static const char *const levels[] = {"portable", "avx2"};
    static world w;
    static char bytes[4096 + 2 * LINE_MAX_BYTES + 200];
    world_init(&w, 7);
    table(&w, "csv");
    const lt_format *csv = lt_format_find(LT_STR("csv"));
    for (int round = 0; round < 400; round++) {
        size_t len = 0;
        while (len < 4096) {
            len += put_csv(&w, bytes + len);
        }
        lt_buf *buf = lt_buf_new(&w.f.side, len);
        memcpy(buf->ptr, bytes, len);
        size_t first[2];
        for (size_t level = 0; level < 2; level++) {
            lt_format_ctx fctx = {.schema = w.f.ctx.schema,
                                  .prefix = "csv.",
                                  .cpu = levels[level],
                                  .record_bytes_max = round % 3 == 0 ? 100 : 0};
            size_t whole = csv->whole(&fctx, buf->ptr, len);
            size_t at = 0;
            for (size_t cut = 1; cut <= len; cut += 1 + rnd(&w, 60)) {
                if (cut > at) {
                    at += csv->whole(&fctx, buf->ptr + at, cut - at);
                }
            }
            at += csv->whole(&fctx, buf->ptr + at, len - at);
            assert_int_equal(at, whole);
            first[level] = whole;
        }
        assert_int_equal(first[0], first[1]);
        lt_buf_unref(buf);
    }
    world_deinit(&w);
}

/* ---- the policy `fail` ---- */

static void test_fail(void **state)
{
    (void)state;
    static world w;
    world_init(&w, 3);
    fixture_file(&w.f, "/d/x", "{\"a\":1}\n{\"a\":2}\nbad\n{\"a\":3}\n");
    static const fixture_column one[] = {{"a", LT_TYPE_BIGINT, NULL}};
    const char *const options[] = {"path", "/d", "format", "json", NULL};
    fixture_table(&w.f, one, 1, options);
    output out;
    output_init(&w, &out);
    open_source(&w, 1024, &out, NULL);
    start_lanes(&w, 1, true);
    lt_wait wait;
    assert_int_equal(claim(&w, &w.workers[0], &wait), LT_OK);
    assert_int_equal(decode(&w, &w.workers[0]), LT_OK);
    assert_int_equal(decode(&w, &w.workers[0]), LT_ERR_DATA);
    assert_string_equal(w.f.err.text, "bad-json");
    stop_lanes(&w);
    close_source(&w);
    gather(&w, &out);
    assert_string_equal(out.rows.ptr, "1;2;");
    assert_non_null(strstr(out.rejects.ptr, "bad-json@16 in /d/x"));
    output_deinit(&out);
    world_deinit(&w);
}

/* ---- followed ---- */

static void append(world *w, const char *path, const char *text)
{
    lt_file *file;
    lt_env *env = w->f.env;
    assert_int_equal(env->open(env, path, LT_OPEN_APPEND, &file, &w->f.err), LT_OK);
    assert_int_equal(env->write(file, text, strlen(text), &w->f.err), LT_OK);
    env->close(file);
}

static void expect_more(world *w, const char *rows)
{
    output out;
    output_init(w, &out);
    lt_sim_advance_us(w->f.env, 1000000);
    assert_int_equal(split_some(w, UINT_MAX, NULL), LT_AGAIN);
    gather(w, &out);
    assert_string_equal(shown(&out.rows), rows);
    output_deinit(&out);
}

static void test_followed(void **state)
{
    (void)state;
    static world w;
    static const fixture_column one[] = {{"a", LT_TYPE_BIGINT, NULL}};
    static const char *const formats[] = {"json", "csv"};
    for (int csv = 0; csv < 2; csv++) {
        world_init(&w, 5);
        fixture_file(&w.f, "/d/.keep", "");
        const char *const options[] = {
            "path", "/d", "format", formats[csv], "source.monitor-interval", "1s", NULL};
        fixture_table(&w.f, one, 1, options);
        output out;
        output_init(&w, &out);
        open_source(&w, 2, &out, NULL);
        start_lanes(&w, 2, false);
        expect_more(&w, "");
        append(&w, "/d/x", csv ? "1\n2" : "{\"a\":1}\n{\"a\":2");
        expect_more(&w, "1;");
        append(&w, "/d/x", csv ? "2\n\"3" : "2}\n{\"a\":");
        expect_more(&w, "22;");
        /* Cut off between claim and decode: what was there, and a reject. */
        append(&w, "/d/x", csv ? "3\"\n" : "33}\n");
        expect_more(&w, "33;");
        lt_wait wait;
        append(&w, "/d/x", csv ? "4\n5\n" : "{\"a\":4}\n{\"a\":5}\n");
        lt_sim_advance_us(w.f.env, 1000000);
        assert_int_equal(claim(&w, &w.workers[0], &wait), LT_OK);
        fixture_file(&w.f, "/d/x", csv ? "6\n" : "{\"a\":6}\n");
        expect_more(&w, csv ? "4;5;6;" : "6;");
        assert_int_equal(w.workers[0].lane->rejected + w.workers[1].lane->rejected, csv ? 0 : 1);
        stop_lanes(&w);
        close_source(&w);
        output_deinit(&out);
        world_deinit(&w);
    }
}

/* Reading touches the same memory over and over, whatever the size of the file. */
static void test_flat_memory(void **state)
{
    (void)state;
    static world w;
    static const fixture_column one[] = {{"a", LT_TYPE_BIGINT, NULL}};
    static const char *const formats[] = {"json", "csv"};
    for (int csv = 0; csv < 2; csv++) {
        lt_sim_options sim = {.seed = 1};
        memset(&w, 0, sizeof w);
        fixture_init_with(&w.f, &sim);
        w.rng = 1;
        size_t size = 48u << 20;
        char *bytes = lt_mem_alloc(&w.f.root, size);
        for (size_t i = 0; i < size; i += 8) {
            memcpy(bytes + i, csv ? "1234567\n" : "{\"a\":1}\n", 8);
        }
        assert_int_equal(lt_sim_put(w.f.env, "/d/big", bytes, size, NULL), LT_OK);
        lt_mem_free(&w.f.root, bytes, size);
        const char *const options[] = {"path", "/d", "format", formats[csv], NULL};
        fixture_table(&w.f, one, 1, options);
        output out;
        output_init(&w, &out);
        open_source(&w, 4096, &out, NULL);
        start_lanes(&w, 2, true);
        lt_status st = LT_OK;
        uint64_t rows = 0;
        for (unsigned turn = 0; st == LT_OK; turn++) {
            worker *self = &w.workers[turn % 2];
            lt_wait wait;
            lt_batch *batch;
            lt_text_clear(&out.rejects);
            st = w.src->cls->claim(w.src, &self->block, &wait, &w.f.err);
            while (st == LT_OK &&
                   w.src->cls->decode(self->lane, self->block, &batch, &w.f.err) == LT_OK) {
                rows += batch->row_count;
                lt_batch_unref(batch);
            }
            w.src->cls->block_free(self->block);
            self->block = NULL;
        }
        assert_int_equal(st, LT_END);
        assert_int_equal(rows, size / 8);
        assert_true(atomic_load(&w.f.mem.bytes_peak) < 4 << 20);
        stop_lanes(&w);
        close_source(&w);
        output_deinit(&out);
        world_deinit(&w);
    }
}

/* ---- real threads ---- */

typedef struct {
    world *w;
    lt_mutex *lock;
    worker *self;
} thread_part;

static void run_thread(void *arg)
{
    thread_part *part = arg;
    world *w = part->w;
    worker *self = part->self;
    const lt_source_class *cls = w->src->cls;
    lt_error err;
    for (;;) {
        lt_wait wait;
        lt_mutex_lock(part->lock);
        lt_status st = cls->claim(w->src, &self->block, &wait, &err);
        if (st == LT_OK) {
            self->out = &w->blocks[w->block_count++];
            output_init(w, self->out);
            self->rejects.to = &self->out->rejects;
        }
        lt_mutex_unlock(part->lock);
        if (st == LT_END) {
            return;
        }
        lt_batch *batch;
        while (st == LT_OK && cls->decode(self->lane, self->block, &batch, &err) == LT_OK) {
            fixture_rows(&self->out->rows, batch);
            lt_batch_unref(batch);
        }
        cls->block_free(self->block);
        self->block = NULL;
    }
}

static void write_files(world *w, lt_env *env, const char *dir, const char *format)
{
    static char bytes[64 * 1024 + 2 * LINE_MAX_BYTES + 200];
    for (int file = 0; file < 3; file++) {
        char path[128];
        lt_file *out;
        size_t len = 0;
        while (len < 64 * 1024) {
            len += strcmp(format, "csv") == 0 ? put_csv(w, bytes + len) : put_json(w, bytes + len);
        }
        (void)snprintf(path, sizeof path, "%s/%d.%s", dir, file, format);
        assert_int_equal(env->open(env, path, LT_OPEN_CREATE, &out, &w->f.err), LT_OK);
        assert_int_equal(env->write(out, bytes, len, &w->f.err), LT_OK);
        env->close(out);
    }
}

static void test_threads(void **state)
{
    (void)state;
    static world w;
    static const char *const formats[] = {"json", "csv"};
    for (size_t round = 0; round < 2; round++) {
        world_init(&w, 11);
        lt_env *env = lt_env_real_new(&w.f.root);
        char dir[] = "/tmp/leat_split_XXXXXX";
        char glob[64];
        assert_non_null(env);
        assert_non_null(mkdtemp(dir));
        (void)snprintf(glob, sizeof glob, "%s/*.%s", dir, formats[round]);
        write_files(&w, env, dir, formats[round]);
        static const fixture_column columns[] = {{"a", LT_TYPE_BIGINT, NULL},
                                                 {"t", LT_TYPE_VARCHAR, NULL},
                                                 {"n", LT_TYPE_VARCHAR, "file.name"}};
        const char *const options[] = {"path", glob, "format", formats[round], NULL};
        fixture_table(&w.f, columns, 3, options);
        w.f.ctx.env = env;
        output whole, parts;
        output_init(&w, &whole);
        output_init(&w, &parts);
        open_source(&w, 100, &whole, NULL);
        assert_int_equal(poll_some(&w, &whole, UINT_MAX), LT_END);
        close_source(&w);
        open_source(&w, 10, &parts, NULL);
        start_lanes(&w, 2, false);
        thread_part threads[2];
        lt_thread *handles[2];
        lt_mutex *lock = lt_mutex_new(&w.f.root);
        for (unsigned i = 0; i < 2; i++) {
            threads[i] = (thread_part){&w, lock, &w.workers[i]};
            assert_int_equal(
                lt_thread_start(&w.f.root, "lane", run_thread, &threads[i], &handles[i], NULL),
                LT_OK);
        }
        lt_thread_join(handles[0]);
        lt_thread_join(handles[1]);
        lt_mutex_free(lock);
        stop_lanes(&w);
        close_source(&w);
        gather(&w, &parts);
        expect_same(&w, &parts, &whole, "threads");
        output_deinit(&parts);
        output_deinit(&whole);
        for (int file = 0; file < 3; file++) {
            char path[128];
            (void)snprintf(path, sizeof path, "%s/%d.%s", dir, file, formats[round]);
            (void)unlink(path);
        }
        (void)rmdir(dir);
        lt_env_real_free(env);
        world_deinit(&w);
    }
}

/* ---- allocations that fail ---- */

static void test_no_memory(void **state)
{
    (void)state;
    static const fixture_column columns[] = {{"a", LT_TYPE_BIGINT, NULL},
                                             {"n", LT_TYPE_VARCHAR, "file.name"}};
    static const char *const formats[] = {"json", "csv"};
    for (size_t round = 0; round < 2; round++) {
        bool reached = true;
        for (int64_t n = 0; reached; n++) {
            static world w;
            world_init(&w, 2);
            fixture_file(&w.f, "/d/a", round ? "1\n2\n3\n4" : "{\"a\":1}\n{\"a\":2}\n{\"a\":3}");
            fixture_file(&w.f, "/d/b", round ? "7" : "{\"a\":7}");
            const char *const options[] = {"path", "/d", "format", formats[round], NULL};
            fixture_table(&w.f, columns, 2, options);
            output out;
            output_init(&w, &out);
            open_source(&w, 2, &out, NULL);
            start_lanes(&w, 1, false);
            int64_t at = atomic_load(&w.f.root.alloc_count) + n;
            atomic_store(&w.f.root.fail_at, at);
            lt_status st = LT_OK;
            while (st == LT_OK) {
                lt_wait wait;
                st = claim(&w, &w.workers[0], &wait);
                bool claimed = st == LT_OK;
                while (st == LT_OK) {
                    st = decode(&w, &w.workers[0]);
                }
                st = claimed && st == LT_END ? LT_OK : st;
            }
            reached = atomic_load(&w.f.root.alloc_count) > at;
            atomic_store(&w.f.root.fail_at, -1);
            assert_true(st == LT_END || st == LT_ERR_NOMEM);
            stop_lanes(&w);
            close_source(&w);
            gather(&w, &out);
            if (st == LT_END) {
                assert_string_equal(out.rows.ptr,
                                    round ? "1|a;2|a;3|a;4|a;7|b;" : "1|a;2|a;3|a;7|b;");
            }
            output_deinit(&out);
            assert_int_equal(atomic_load(&w.f.mem.bytes), 0);
            world_deinit(&w);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_files), cmocka_unit_test(test_frames),
        cmocka_unit_test(test_fail),         cmocka_unit_test(test_followed),
        cmocka_unit_test(test_flat_memory),  cmocka_unit_test(test_threads),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
