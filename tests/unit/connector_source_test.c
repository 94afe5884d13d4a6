/* filesystem, reading once: which files, what is in them, positions, limits. Following is in
 * connector_follow_test.c. */
#include <zlib.h>
#include <zstd.h>

#include "connector_fixture.h"

static const fixture_column one[] = {{"a", LT_TYPE_BIGINT, NULL}};

static void table(fixture *f, const char *path)
{
    const char *const options[] = {"path", path, "format", "json", NULL};
    fixture_table(f, one, 1, options);
}

static void expect(fixture *f, const char *path, const char *rows)
{
    table(f, path);
    const char *got = fixture_read(f, "filesystem");
    if (strcmp(got, rows) != 0) {
        fail_msg("%s gave %s, not %s", path, got, rows);
    }
}

static void expect_error(fixture *f, const char *path, const char *text)
{
    table(f, path);
    const char *got = fixture_read(f, "filesystem");
    if (strstr(got, text) == NULL) {
        fail_msg("%s gave %s, not %s", path, got, text);
    }
}

static void test_which_files(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    fixture_file(&f, "/d/b.json", "{\"a\":2}\n");
    fixture_file(&f, "/d/a.json", "{\"a\":1}\n");
    fixture_file(&f, "/d/.hidden.json", "{\"a\":90}\n");
    fixture_file(&f, "/d/_SUCCESS", "");
    fixture_file(&f, "/d/_tmp/x.json", "{\"a\":91}\n");
    fixture_file(&f, "/d/sub/c.json", "{\"a\":3}\n");
    fixture_file(&f, "/d/sub/deep/d.json", "{\"a\":4}\n");
    fixture_file(&f, "/d/sub/e.log", "{\"a\":5}\n");
    fixture_file(&f, "/d/we[ird].json", "{\"a\":6}\n");
    fixture_file(&f, "/empty/.keep", "");
    expect(&f, "/d", "1;2;3;4;5;6;");
    expect(&f, "/d/", "1;2;3;4;5;6;");
    expect(&f, "file:///d/sub", "3;4;5;");
    expect(&f, "/d/b.json", "2;");
    expect(&f, "/d/.hidden.json", "90;");
    expect(&f, "/d/*.json", "1;2;6;");
    expect(&f, "/d/[ab].json", "1;2;");
    expect(&f, "/d/[!a].json", "2;");
    expect(&f, "/d/?.json", "1;2;");
    expect(&f, "/d/**/*.json", "1;2;3;4;6;");
    expect(&f, "/d/**", "1;2;3;4;5;6;");
    expect(&f, "/d/**/**/c.json", "3;");
    expect(&f, "/d/s*", "3;4;5;");
    expect(&f, "/*/sub/*.log", "5;");
    expect(&f, "/d/we[ird].json", "6;"); /* a file of that very name goes before the pattern */
    expect(&f, "/d/.h*", "90;");
    expect_error(&f, "/none", "no such file");
    expect_error(&f, "/d/*.csv", "no file to read: /d/*.csv");
    expect_error(&f, "/empty", "no file to read: /empty");
    expect_error(&f, "s3://bucket/x", "only local files");
    expect_error(&f, "", "'path' is empty");
    fixture_deinit(&f);
}

static void test_regex(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    fixture_file(&f, "/d/a1.json", "{\"a\":1}\n");
    fixture_file(&f, "/d/a2.json", "{\"a\":2}\n");
    fixture_file(&f, "/d/b/a3.json", "{\"a\":3}\n");
    static const struct {
        const char *pattern;
        const char *rows;
    } cases[] = {
        {"/d/a[0-9]\\.json", "1;2;"},
        {".*/a3.*", "3;"},
        {"a1.json", "io: no file to read: /d"},
        {"[", "sql: 'source.path"},
    };
    for (size_t i = 0; i < LT_COUNT_OF(cases); i++) {
        const char *const options[] = {
            "path", "/d", "source.path.regex-pattern", cases[i].pattern, "format", "json", NULL};
        fixture_table(&f, one, 1, options);
        const char *got = fixture_read(&f, "filesystem");
        if (strncmp(got, cases[i].rows, strlen(cases[i].rows)) != 0) {
            fail_msg("%s gave %s", cases[i].pattern, got);
        }
    }
    fixture_deinit(&f);
}

static void test_odd_content(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    fixture_file(&f, "/empty", "");
    fixture_file(&f, "/bom", "\xef\xbb\xbf{\"a\":1}\n");
    fixture_file(&f, "/bom-only", "\xef\xbb\xbf");
    fixture_file(&f, "/half-bom", "\xef\xbb");
    fixture_file(&f, "/crlf", "{\"a\":1}\r\n{\"a\":2}\r\n");
    fixture_file(&f, "/no-end", "{\"a\":1}\n{\"a\":2}");
    fixture_file(&f, "/cut", "{\"a\":1}\n{\"a\":");
    expect(&f, "/empty", "");
    expect(&f, "/bom", "1;");
    expect(&f, "/bom-only", "");
    expect(&f, "/crlf", "1;2;");
    expect(&f, "/no-end", "1;2;");
    assert_int_equal(f.rejects.count, 0);
    expect(&f, "/cut", "1;");
    assert_int_equal(f.rejects.count, 1);
    assert_string_equal(f.rejects.where, "/cut");
    expect(&f, "/half-bom", "");
    assert_int_equal(f.rejects.count, 2);
    f.rejects.fail = true;
    expect_error(&f, "/cut", "1;data: ");
    fixture_deinit(&f);
}

static size_t gzip(const char *text, size_t len, unsigned char *to, size_t cap)
{
    z_stream z;
    memset(&z, 0, sizeof z);
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)text;
    z.avail_in = (unsigned)len;
    z.next_out = to;
    z.avail_out = (unsigned)cap;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t used = cap - z.avail_out;
    (void)deflateEnd(&z);
    return used;
}

static void test_compressed(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    unsigned char bytes[4096];
    size_t len = gzip("{\"a\":1}\n{\"a\":2}\n", 16, bytes, sizeof bytes);
    assert_int_equal(lt_sim_put(f.env, "/x.gz", bytes, len, NULL), LT_OK);
    assert_int_equal(lt_sim_put(f.env, "/cut.gz", bytes, len - 9, NULL), LT_OK);
    size_t more = gzip("{\"a\":3}\n", 8, bytes + len, sizeof bytes - len); /* a second member */
    assert_int_equal(lt_sim_put(f.env, "/two.json.GZIP", bytes, len + more, NULL), LT_OK);
    bytes[12] ^= 0x55;
    assert_int_equal(lt_sim_put(f.env, "/bad.gz", bytes, len, NULL), LT_OK);
    len = ZSTD_compress(bytes, sizeof bytes, "{\"a\":7}\n{\"a\":8}\n", 16, 3);
    assert_int_equal(lt_sim_put(f.env, "/x.zst", bytes, len, NULL), LT_OK);
    assert_int_equal(lt_sim_put(f.env, "/cut.zst", bytes, len - 3, NULL), LT_OK);
    fixture_file(&f, "/plain.gz", "{\"a\":1}\n");
    fixture_file(&f, "/x.bz2", "BZh9");
    fixture_file(&f, "/none.gz", "");
    expect(&f, "/x.gz", "1;2;");
    expect(&f, "/two.json.GZIP", "1;2;3;");
    expect(&f, "/x.zst", "7;8;");
    expect(&f, "/none.gz", "");
    assert_int_equal(f.rejects.count, 0);
    expect(&f, "/cut.zst", "7;");
    assert_string_equal(f.rejects.code, "truncated-compression");
    expect(&f, "/cut.gz", "1;2;");
    assert_string_equal(f.rejects.code, "truncated-compression");
    expect(&f, "/bad.gz", "");
    assert_string_equal(f.rejects.code, "bad-compression");
    expect(&f, "/plain.gz", "");
    assert_string_equal(f.rejects.code, "bad-compression");
    assert_string_equal(f.rejects.where, "/plain.gz");
    assert_int_equal(f.rejects.count, 4);
    expect_error(&f, "/x.bz2", "only gzip and zstd");
    f.rejects.fail = true;
    expect_error(&f, "/cut.gz", "1;2;data: truncated-compression");
    fixture_deinit(&f);
}

/* 300 MB of one byte in 300 KB, and a window of 128 MB: both end as one reject, in little memory.
 */
static void test_bombs(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    size_t cap = 1 << 20;
    unsigned char *bytes = lt_mem_zalloc(&f.root, cap);
    unsigned char *zeros = lt_mem_zalloc(&f.root, cap);
    z_stream z;
    memset(&z, 0, sizeof z);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = bytes;
    z.avail_out = (unsigned)cap;
    memset(zeros, '\n', cap);
    for (int i = 0; i < 300; i++) {
        z.next_in = zeros;
        z.avail_in = (unsigned)cap;
        assert_int_equal(deflate(&z, i == 299 ? Z_FINISH : Z_NO_FLUSH),
                         i == 299 ? Z_STREAM_END : Z_OK);
    }
    assert_int_equal(lt_sim_put(f.env, "/bomb.gz", bytes, cap - z.avail_out, NULL), LT_OK);
    (void)deflateEnd(&z);
    expect(&f, "/bomb.gz", "");
    assert_string_equal(f.rejects.code, "decompression-bomb");

    ZSTD_CCtx *c = ZSTD_createCCtx();
    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, 27)));
    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_enableLongDistanceMatching, 1)));
    ZSTD_outBuffer out = {bytes, cap, 0};
    ZSTD_inBuffer in = {zeros, cap, 0};
    (void)ZSTD_compressStream2(c, &out, &in, ZSTD_e_flush);
    in.pos = 0;
    (void)ZSTD_compressStream2(c, &out, &in, ZSTD_e_end);
    (void)ZSTD_freeCCtx(c);
    assert_int_equal(lt_sim_put(f.env, "/window.zst", bytes, out.pos, NULL), LT_OK);
    expect(&f, "/window.zst", "");
    assert_string_equal(f.rejects.code, "window-too-large");
    assert_true(atomic_load(&f.mem.bytes_peak) < 16 << 20);
    lt_mem_free(&f.root, bytes, cap);
    lt_mem_free(&f.root, zeros, cap);
    fixture_deinit(&f);
}

/* A line of 100 MB between two rows: one reject, and never more than a few blocks beyond the
 * longest record allowed. */
static void test_long_line(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    size_t size = 100u << 20;
    char *bytes = lt_mem_alloc(&f.root, size);
    memset(bytes, 'x', size);
    memcpy(bytes, "{\"a\":1}\n{\"b\":\"", 14);
    memcpy(bytes + size - 10, "\"}\n{\"a\":2}", 10);
    assert_int_equal(lt_sim_put(f.env, "/long", bytes, size, NULL), LT_OK);
    lt_mem_free(&f.root, bytes, size);
    expect(&f, "/long", "1;2;");
    assert_int_equal(f.rejects.count, 1);
    if (atomic_load(&f.mem.bytes_peak) > 32 << 20) {
        fail_msg("%lld bytes", (long long)atomic_load(&f.mem.bytes_peak));
    }
    fixture_deinit(&f);
}

/* Memory does not follow the input: 64 MB of short rows. */
static void test_flat_memory(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    size_t size = 64u << 20;
    char *bytes = lt_mem_alloc(&f.root, size);
    for (size_t i = 0; i < size; i += 8) {
        memcpy(bytes + i, "{\"a\":1}\n", 8);
    }
    assert_int_equal(lt_sim_put(f.env, "/big", bytes, size, NULL), LT_OK);
    lt_mem_free(&f.root, bytes, size);
    table(&f, "/big");
    f.ctx.batch_rows = 4096;
    lt_source *src = fixture_open(&f, "filesystem");
    lt_wait wait;
    lt_batch *batch;
    uint64_t rows = 0;
    lt_status st;
    while ((st = src->cls->poll(src, &batch, &wait, &f.err)) == LT_OK || st == LT_AGAIN) {
        rows += batch != NULL ? batch->row_count : 0;
        lt_batch_unref(batch);
    }
    assert_int_equal(st, LT_END);
    assert_int_equal(rows, size / 8);
    assert_int_equal(src->rows, rows);
    assert_int_equal(src->bytes, size);
    assert_true(atomic_load(&f.mem.bytes_peak) < 4 << 20);
    lt_source_free(src);
    fixture_deinit(&f);
}

static void test_metadata(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    fixture_file(&f, "/d/x.json", "{\"a\":1}\n{\"a\":2}\n");
    fixture_file(&f, "/d/y.json", "{\"a\":3}\n");
    const fixture_column columns[] = {
        {"p", LT_TYPE_VARCHAR, "file.path"},
        {"a", LT_TYPE_BIGINT, NULL},
        {"n", LT_TYPE_VARCHAR, "file.name"},
        {"s", LT_TYPE_BIGINT, "file.size"},
        {"m", LT_TYPE_TIMESTAMP_LTZ, "file.modification-time"},
    };
    const char *const options[] = {"path", "/d", "format", "json", NULL};
    fixture_table(&f, columns, 5, options);
    assert_string_equal(fixture_read(&f, "filesystem"),
                        "/d/x.json|1|x.json|16|1700000000000;/d/x.json|2|x.json|16|1700000000000;"
                        "/d/y.json|3|y.json|8|1700000000000;");
    fixture_table(&f, columns, 1, options); /* nothing of the record is wanted */
    assert_string_equal(fixture_read(&f, "filesystem"), "/d/x.json;/d/x.json;/d/y.json;");
    fixture_deinit(&f);
}

static void test_partitions(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    fixture_file(&f, "/d/dt=2024-01-02/h=5/x.json", "{\"a\":1}\n");
    fixture_file(&f, "/d/dt=2024-01-03/h=__DEFAULT_PARTITION__/x.json", "{\"a\":2}\n");
    fixture_file(&f, "/d/dt=a%2Fb%25/h=-7/x.json", "{\"a\":3,\"dt\":\"no\"}\n");
    const fixture_column columns[] = {
        {"dt", LT_TYPE_VARCHAR, NULL}, {"a", LT_TYPE_BIGINT, NULL}, {"h", LT_TYPE_SMALLINT, NULL}};
    const char *const options[] = {"path", "/d", "format", "json", NULL};
    fixture_table(&f, columns, 3, options);
    f.partitions[0] = 0;
    f.partitions[1] = 2;
    f.ctx.partition_count = 2;
    assert_string_equal(fixture_read(&f, "filesystem"),
                        "2024-01-02|1|5;2024-01-03|2|NULL;a/b%|3|-7;");
    fixture_file(&f, "/d/dt=x/h=many/x.json", "{\"a\":4}\n");
    assert_non_null(
        strstr(fixture_read(&f, "filesystem"), "data: table t: the directory 'h=many'"));
    fixture_file(&f, "/d/dt=a/x.json", "{\"a\":4}\n");
    assert_non_null(strstr(fixture_read(&f, "filesystem"), "lies in no directory 'h=..'"));
    const lt_connector *connector = lt_connector_find(LT_STR("filesystem"));
    assert_int_equal(connector->check(&f.ctx, true, &f.err), LT_OK);
    f.ctx.partition_count = 3;
    f.partitions[2] = 1;
    assert_int_equal(connector->check(&f.ctx, true, &f.err), LT_ERR_SQL);
    fixture_deinit(&f);
}

static void many_files(fixture *f)
{
    char text[2048];
    unsigned n = 0;
    for (int file = 0; file < 4; file++) {
        size_t len = 0;
        for (int i = 0; i < 5 + file; i++) {
            len += (size_t)snprintf(text + len, sizeof text - len, "{\"a\":%u}%s\n", n++,
                                    file == 2 ? "\r" : "");
        }
        len -= file == 3; /* the last one without line end */
        char path[32];
        (void)snprintf(path, sizeof path, "/d/f%d.json%s", file, file == 1 ? ".gz" : "");
        unsigned char packed[2048];
        if (file == 1) {
            size_t size = gzip(text, len, packed, sizeof packed);
            assert_int_equal(lt_sim_put(f->env, path, packed, size, NULL), LT_OK);
        } else {
            assert_int_equal(lt_sim_put(f->env, path, text, len, NULL), LT_OK);
        }
    }
}

/* Stops after `stop` batches, saves, starts anew, loads and goes on: the rows must be the same. */
static void restart_after(fixture *f, unsigned stop, const char *whole)
{
    lt_text rows, position;
    lt_text_init(&rows, &f->root);
    lt_text_init(&position, &f->root);
    lt_wait wait;
    lt_source *src = fixture_open(f, "filesystem");
    for (unsigned i = 0; i < stop; i++) {
        lt_batch *batch;
        lt_status st = src->cls->poll(src, &batch, &wait, &f->err);
        if (st != LT_OK) {
            break;
        }
        fixture_rows(&rows, batch);
        lt_batch_unref(batch);
    }
    assert_int_equal(src->cls->save(src, &position, &f->err), LT_OK);
    lt_source_free(src);
    for (int again = 0; again < 2;
         again++) { /* the position survives being loaded and saved unread */
        src = fixture_open(f, "filesystem");
        assert_int_equal(src->cls->load(src, lt_text_str(&position), &f->err), LT_OK);
        lt_text_clear(&position);
        assert_int_equal(src->cls->save(src, &position, &f->err), LT_OK);
        if (again == 1) {
            assert_int_equal(fixture_drain(f, src, &rows, &wait), LT_END);
        }
        lt_source_free(src);
    }
    if (strcmp(rows.ptr, whole) != 0) {
        fail_msg("restart after %u batches of %u: %s", stop, f->ctx.batch_rows, rows.ptr);
    }
    lt_text_deinit(&rows);
    lt_text_deinit(&position);
}

static void test_restart_everywhere(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    many_files(&f);
    static const uint32_t sizes[] = {1, 3, 7, 1024};
    for (size_t s = 0; s < LT_COUNT_OF(sizes); s++) {
        table(&f, "/d");
        f.ctx.batch_rows = sizes[s];
        char whole[4096];
        (void)snprintf(whole, sizeof whole, "%s", fixture_read(&f, "filesystem"));
        assert_int_equal(strlen(whole), 10 * 2 + 16 * 3);
        for (unsigned stop = 0; stop <= 27; stop++) {
            restart_after(&f, stop, whole);
        }
    }
    fixture_deinit(&f);
}

/* Header lines, quoted line ends and a byte order mark in every file, with a restart after every
 * batch. */
static void test_restart_csv(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    fixture_file(&f, "/d/a.csv",
                 "\xef\xbb\xbf\"i\nd\",t\r\n1,\"x\ny\"\r\n2,\"\"\"q\"\"\"\r\n3,\"a,b\"");
    fixture_file(&f, "/d/b.csv", "id,t\n");
    fixture_file(&f, "/d/c.csv", "id,t");
    fixture_file(&f, "/d/d.csv", "id,t\n4,z\n5,\"\n\n\"\n");
    const fixture_column columns[] = {{"id", LT_TYPE_BIGINT, NULL}, {"t", LT_TYPE_VARCHAR, NULL}};
    const char *const options[] = {"path", "/d", "format", "csv", NULL};
    for (uint32_t batch = 1; batch <= 3; batch++) {
        fixture_table(&f, columns, 2, options);
        f.ctx.has_header = true;
        f.ctx.inferred = true;
        f.ctx.batch_rows = batch;
        for (unsigned stop = 0; stop <= 6; stop++) {
            restart_after(&f, stop, "1|x\ny;2|\"q\";3|a,b;4|z;5|\n\n;");
        }
    }
    assert_int_equal(f.rejects.count, 0);
    fixture_deinit(&f);
}

/* In the middle of a record that is being passed over, the position is not taken for a record's
 * start. */
static void test_restart_inside_long_record(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    size_t size = 3u << 20;
    char *bytes = lt_mem_alloc(&f.root, size);
    memset(bytes, ' ', size);
    memcpy(bytes, "{\"a\":1}\n{\"a\":", 13);
    memcpy(bytes + size / 2, "{\"a\":7}", 7);
    memcpy(bytes + size - 13, "5}\n{\"a\":2}\n  ", 13);
    assert_int_equal(lt_sim_put(f.env, "/long", bytes, size, NULL), LT_OK);
    lt_mem_free(&f.root, bytes, size);
    const char *const options[] = {"path", "/long", "format", "json", "source.record-size.max",
                                   "64kb", NULL};
    fixture_table(&f, one, 1, options);
    f.ctx.batch_rows = 1;
    for (unsigned stop = 0; stop <= 3; stop++) {
        restart_after(&f, stop, "1;2;");
    }
    fixture_deinit(&f);
}

/* What poll gives from here to the position, or why it cannot. */
static const char *repeated(fixture *f, const lt_text *to)
{
    static char result[4096];
    lt_text rows;
    lt_text_init(&rows, &f->side);
    lt_wait wait;
    lt_source *src = fixture_open(f, "filesystem");
    lt_status st = src->cls->limit(src, lt_text_str(to), &f->err);
    if (st == LT_OK) {
        st = fixture_drain(f, src, &rows, &wait);
    }
    lt_source_free(src);
    (void)snprintf(result, sizeof result, "%s%s", rows.ptr ? rows.ptr : "",
                   st == LT_END ? "" : f->err.text);
    assert_true(st == LT_END || st == LT_ERR_STATE);
    lt_text_deinit(&rows);
    return result;
}

/* Files that grew or came are read as they were; what is not there any more is said. */
static void test_limit(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    fixture_file(&f, "/d/a", "{\"a\":1}\n{\"a\":2}");
    fixture_file(&f, "/d/b", "{\"a\":3}\n{\"a\":4}\n");
    table(&f, "/d");
    f.ctx.batch_rows = 1;
    lt_text start, middle, whole;
    lt_text_init(&start, &f.root);
    lt_text_init(&middle, &f.root);
    lt_text_init(&whole, &f.root);
    lt_source *src = fixture_open(&f, "filesystem");
    assert_int_equal(src->cls->save(src, &start, &f.err), LT_OK);
    lt_batch *batch;
    lt_wait wait;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(src->cls->poll(src, &batch, &wait, &f.err), LT_OK);
        lt_batch_unref(batch);
    }
    assert_int_equal(src->cls->save(src, &middle, &f.err), LT_OK);
    lt_text rest;
    lt_text_init(&rest, &f.side);
    assert_int_equal(fixture_drain(&f, src, &rest, &wait), LT_END);
    lt_text_deinit(&rest);
    assert_int_equal(src->cls->save(src, &whole, &f.err), LT_OK);
    lt_source_free(src);

    fixture_file(&f, "/d/b", "{\"a\":3}\n{\"a\":4}\n{\"a\":5}\n");
    fixture_file(&f, "/d/c", "{\"a\":6}\n");
    assert_string_equal(repeated(&f, &start), "");
    assert_string_equal(repeated(&f, &middle), "1;2;3;");
    assert_string_equal(repeated(&f, &whole), "1;2;3;4;");

    /* Another stretch than the one it stands in. */
    src = fixture_open(&f, "filesystem");
    assert_int_equal(src->cls->load(src, lt_text_str(&whole), &f.err), LT_OK);
    assert_int_equal(src->cls->limit(src, lt_text_str(&middle), &f.err), LT_ERR_STATE);
    assert_non_null(strstr(f.err.text, "it is to end at byte 8 and to begin at byte 16"));
    lt_source_free(src);
    src = fixture_open(&f, "filesystem");
    assert_int_equal(src->cls->limit(src, (lt_str){whole.ptr, whole.len - 1}, &f.err),
                     LT_ERR_STATE);
    lt_source_free(src);

    fixture_file(&f, "/d/b", "{\"a\":3}\n");
    assert_string_equal(repeated(&f, &middle), "1;2;/d/b cannot be read again up to byte 8: it is "
                                               "another file now");
    fixture_file(&f, "/d/b", "{\"a\":9}\n{\"a\":4}\n");
    assert_non_null(strstr(repeated(&f, &whole), "/d/b cannot be read again up to byte 16: it is "
                                                 "another file now"));
    assert_int_equal(f.env->unlink(f.env, "/d/b", &f.err), LT_OK);
    assert_string_equal(repeated(&f, &whole), "/d/b is gone; it was read up to byte 16");
    lt_text_deinit(&start);
    lt_text_deinit(&middle);
    lt_text_deinit(&whole);
    fixture_deinit(&f);
}

static void test_bad_positions(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    many_files(&f);
    table(&f, "/d");
    f.ctx.batch_rows = 2;
    lt_text position;
    lt_text_init(&position, &f.root);
    lt_wait wait;
    lt_batch *batch;
    lt_source *src = fixture_open(&f, "filesystem");
    assert_int_equal(src->cls->poll(src, &batch, &wait, &f.err), LT_OK);
    lt_batch_unref(batch);
    assert_int_equal(src->cls->save(src, &position, &f.err), LT_OK);
    lt_source_free(src);
    for (size_t len = 0; len < position.len; len++) {
        src = fixture_open(&f, "filesystem");
        assert_int_equal(src->cls->load(src, (lt_str){position.ptr, len}, &f.err), LT_ERR_STATE);
        lt_source_free(src);
    }
    /* Another file under the name. */
    fixture_file(&f, "/d/f0.json", "{\"a\":100}\n{\"a\":101}\n");
    src = fixture_open(&f, "filesystem");
    assert_int_equal(src->cls->load(src, lt_text_str(&position), &f.err), LT_OK);
    assert_int_equal(src->cls->poll(src, &batch, &wait, &f.err), LT_ERR_STATE);
    assert_non_null(strstr(f.err.text, "no longer the file"));
    lt_source_free(src);
    assert_int_equal(f.env->unlink(f.env, "/d/f0.json", &f.err), LT_OK);
    src = fixture_open(&f, "filesystem");
    assert_int_equal(src->cls->load(src, lt_text_str(&position), &f.err), LT_ERR_STATE);
    lt_source_free(src);
    lt_text_deinit(&position);
    fixture_deinit(&f);
}

static void test_read_errors(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    fixture_file(&f, "/a", "{\"a\":1}\n");
    fixture_file(&f, "/b", "{\"a\":2}\n");
    table(&f, "/[ab]");
    for (int64_t n = 1; n < 9; n++) {
        lt_sim_fail_nth(f.env, 'r', n);
        const char *got = fixture_read(&f, "filesystem");
        if (strcmp(got, "1;2;") == 0) {
            lt_sim_fail_nth(f.env, 'r', 0);
            assert_true(n > 4);
            break;
        }
        assert_non_null(strstr(got, "io: "));
    }
    fixture_deinit(&f);
}

static void test_no_memory(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    many_files(&f);
    const fixture_column columns[] = {{"a", LT_TYPE_BIGINT, NULL},
                                      {"n", LT_TYPE_VARCHAR, "file.name"}};
    const char *const options[] = {"path",     "/d", "format", "json", "source.path.regex-pattern",
                                   ".*json.*", NULL};
    fixture_table(&f, columns, 2, options);
    f.ctx.batch_rows = 4;
    bool reached = true;
    for (int64_t n = 0; reached; n++) {
        int64_t at = atomic_load(&f.root.alloc_count) + n;
        atomic_store(&f.root.fail_at, at);
        const char *got = fixture_read(&f, "filesystem");
        reached = atomic_load(&f.root.alloc_count) > at;
        atomic_store(&f.root.fail_at, -1);
        /* An arena that gets no large chunk tries a small one: a failure may leave no trace. */
        bool whole = strstr(got, "25|f3.json;") != NULL && f.err.code == LT_OK;
        if (!whole && (!reached || strstr(got, "nomem: ") == NULL)) {
            fail_msg("%lld: %s", (long long)n, got);
        }
        assert_int_equal(atomic_load(&f.mem.bytes), 0);
    }
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_files), cmocka_unit_test(test_regex),
        cmocka_unit_test(test_odd_content), cmocka_unit_test(test_compressed),
        cmocka_unit_test(test_bombs),       cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_flat_memory), cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_partitions),  cmocka_unit_test(test_restart_everywhere),
        cmocka_unit_test(test_restart_csv), cmocka_unit_test(test_restart_inside_long_record),
        cmocka_unit_test(test_limit),       cmocka_unit_test(test_bad_positions),
        cmocka_unit_test(test_read_errors), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
