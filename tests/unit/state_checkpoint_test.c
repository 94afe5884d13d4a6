/* The checkpoint store over the simulated disk: what was committed comes back exactly, whatever is
 * flipped, cut off, refused or lost in a crash; and what comes back is one checkpoint, never a mix.
 *
 * A world is what one checkpoint holds: the number that its blocks' bytes follow from. Its serial
 * number is in every part's scalars, so that a checkpoint read back says which world it claims to
 * be, and is then compared with all of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "data_random.h"
#include "os/env_sim.h"
#include "state/checkpoint.h"
#include "state/checkpoint_int.h"

#define DIR        "/state/job"
#define PARTS      3
#define BLOCKS     10
#define WORLDS_MAX 128

typedef struct {
    uint32_t serial;
    uint32_t content[PARTS][BLOCKS]; /* 0 = no such block */
} world;

typedef struct {
    lt_mem mem;
    lt_env *env;
    lt_ckpt_store *store;
    lt_ckpt_options options;
    lt_text said;
    test_rng rng;
    uint32_t block_bytes; /* at most */
    world worlds[WORLDS_MAX];
    uint32_t world_count;
    uint32_t committed; /* serial of the last one */
    world base;         /* what the store's last committed one holds */
    bool crash_armed;
} fixture;

static void hear(void *arg, const char *line)
{
    fixture *fix = arg;
    lt_text_puts(&fix->said, line);
    lt_text_putc(&fix->said, '\n');
}

static void fixture_init(fixture *fix, uint64_t seed, int compression)
{
    lt_sim_options options = {.seed = seed, .start_wall_us = 1000000};
    memset(fix, 0, sizeof *fix);
    lt_mem_init(&fix->mem, NULL, "test", 0);
    fix->env = lt_env_sim_new(&fix->mem, &options);
    assert_non_null(fix->env);
    fix->options = (lt_ckpt_options){.retain = 2, .compression = compression, .say = hear};
    fix->options.arg = fix;
    lt_text_init(&fix->said, &fix->mem);
    fix->rng.state = seed * 77;
    fix->block_bytes = 3000;
}

static void fixture_deinit(fixture *fix)
{
    lt_ckpt_store_close(fix->store);
    lt_text_deinit(&fix->said);
    lt_env_sim_free(fix->env);
    assert_int_equal(fix->mem.bytes, 0);
    lt_mem_deinit(&fix->mem);
}

static lt_status store_open(fixture *fix, lt_error *err)
{
    lt_ckpt_store_close(fix->store);
    fix->store = NULL;
    return lt_ckpt_store_open(fix->env, &fix->mem, DIR, &fix->options, &fix->store, err);
}

static void must(lt_status st, const lt_error *err)
{
    if (st != LT_OK) {
        fail_msg("%s: %s", lt_status_name(st), err->text);
    }
}

/* ---- Worlds ---- */

static size_t block_make(const fixture *fix, uint32_t content, uint8_t *to)
{
    test_rng rng = {content};
    size_t len = rng_below(&rng, fix->block_bytes);
    uint32_t noise = rng_below(&rng, 3);
    for (size_t i = 0; i < len; i++) {
        to[i] = (uint8_t)(noise == 0 ? rng_next(&rng) : i / 16 + content);
    }
    return len;
}

/* Changes some blocks of the newest world, or makes the first one. */
static world *world_next(fixture *fix, uint32_t change_percent)
{
    assert_true(fix->world_count < WORLDS_MAX);
    world *w = &fix->worlds[fix->world_count];
    *w = fix->world_count > 0 ? fix->worlds[fix->world_count - 1] : (world){0};
    w->serial = fix->world_count++;
    for (uint32_t p = 0; p < PARTS; p++) {
        for (uint32_t b = 0; b < BLOCKS; b++) {
            if (w->serial == 0 || rng_below(&fix->rng, 100) < change_percent) {
                w->content[p][b] =
                    rng_below(&fix->rng, 8) == 0 ? 0 : 1 + (uint32_t)(rng_next(&fix->rng) >> 33);
            }
        }
    }
    return w;
}

static void part_name(uint32_t p, char name[32])
{
    (void)snprintf(name, 32, "op-%u/task-%u", p / 2, p);
}

static lt_status write_parts(fixture *fix, lt_ckpt_writer *writer, const world *w,
                             const world *base, lt_error *err)
{
    uint8_t *bytes = malloc(fix->block_bytes + 1);
    lt_status st = LT_OK;
    for (uint32_t p = 0; p < PARTS && st == LT_OK; p++) {
        char name[32];
        char scalars[32];
        part_name(p, name);
        (void)snprintf(scalars, sizeof scalars, "%u", w->serial);
        st = lt_ckpt_write_part(writer, name, lt_str_of(scalars), err);
        for (uint32_t b = 0; b < BLOCKS && st == LT_OK; b++) {
            uint32_t content = w->content[p][b];
            uint64_t id = ((uint64_t)p << 40) + b * 7;
            if (content != 0 && base && base->content[p][b] == content) {
                st = lt_ckpt_write_same(writer, id, err);
            } else if (content != 0) {
                size_t len = block_make(fix, content, bytes);
                st = lt_ckpt_write_block(writer, id, bytes, len, err);
            }
        }
    }
    free(bytes);
    return st;
}

/* Writes a world; incremental when the store allows it. */
static lt_status take(fixture *fix, const world *w, const char *savepoint, lt_ckpt_info *out,
                      lt_error *err)
{
    lt_ckpt_writer *writer;
    bool full = lt_ckpt_wants_full(fix->store);
    lt_ckpt_info info = {.id = lt_ckpt_next_id(fix->store),
                         .wall_ms = 1000 + w->serial,
                         .job = LT_STR("job"),
                         .plan = LT_STR("scan\nagg"),
                         .sql = LT_STR("SELECT 1"),
                         .parallelism = 2};
    LT_TRY(lt_ckpt_write_begin(fix->store, &info, savepoint, &writer, err));
    lt_status st = write_parts(fix, writer, w, full ? NULL : &fix->base, err);
    if (st != LT_OK) {
        lt_ckpt_write_abort(writer);
        return st;
    }
    LT_TRY(lt_ckpt_write_commit(writer, out, err));
    if (!savepoint) {
        fix->base = *w;
        fix->committed = w->serial;
    }
    return LT_OK;
}

typedef struct {
    const fixture *fix;
    const world *w;
    uint32_t part;
    uint32_t block;
    uint8_t *bytes;
} reading;

static lt_status check_block(void *arg, uint64_t id, const uint8_t *bytes, size_t len,
                             lt_error *err)
{
    reading *r = arg;
    (void)err;
    while (r->block < BLOCKS && r->w->content[r->part][r->block] == 0) {
        r->block++;
    }
    assert_true(r->block < BLOCKS);
    assert_int_equal(id, ((uint64_t)r->part << 40) + r->block * 7);
    assert_int_equal(len, block_make(r->fix, r->w->content[r->part][r->block], r->bytes));
    assert_memory_equal(bytes, r->bytes, len);
    r->block++;
    return LT_OK;
}

/* Compares everything with the world that it says it is; *serial is that one's. */
static lt_status check_reader(const fixture *fix, lt_ckpt_reader *reader, uint32_t *serial,
                              lt_error *err)
{
    lt_ckpt_part part;
    int64_t number = -1;
    lt_status st = LT_OK;
    reading r = {.fix = fix, .bytes = malloc(fix->block_bytes + 1)};
    assert_int_equal(lt_ckpt_reader_info(reader)->part_count, PARTS);
    for (r.part = 0; r.part < PARTS && st == LT_OK; r.part++) {
        char name[32];
        part_name(r.part, name);
        assert_true(lt_ckpt_part_at(reader, r.part, &part));
        assert_string_equal(part.name, name);
        int64_t found;
        assert_true(lt_str_to_i64(part.scalars, &found));
        assert_true(number < 0 || found == number);
        number = found;
        assert_true(number < fix->world_count);
        r.w = &fix->worlds[number];
        r.block = 0;
        st = lt_ckpt_read_part(reader, r.part, check_block, &r, err);
        while (st == LT_OK && r.block < BLOCKS) {
            assert_int_equal(r.w->content[r.part][r.block++], 0);
        }
    }
    assert_true(st != LT_OK || !lt_ckpt_part_at(reader, PARTS, &part));
    free(r.bytes);
    *serial = (uint32_t)number;
    return st;
}

/* What a new process finds; UINT32_MAX when nothing. */
static uint32_t reopen(fixture *fix)
{
    lt_error err = {0};
    lt_ckpt_reader *reader;
    uint32_t serial = UINT32_MAX;
    must(store_open(fix, &err), &err);
    must(lt_ckpt_open_latest(fix->store, &reader, &err), &err);
    if (reader) {
        must(check_reader(fix, reader, &serial, &err), &err);
        lt_ckpt_reader_close(reader);
    }
    return serial;
}

static void take_ok(fixture *fix, uint32_t change_percent, lt_ckpt_info *out)
{
    lt_error err = {0};
    must(take(fix, world_next(fix, change_percent), NULL, out, &err), &err);
}

typedef struct {
    uint32_t manifests;
    uint32_t data;
    uint32_t temps;
    uint32_t damaged;
    char names[40][48];
    uint32_t count;
} census;

static lt_status count_entry(void *arg, const lt_dirent *entry)
{
    census *c = arg;
    ckpt_data data;
    ckpt_name_kind kind = lt_ckpt_name_parse_(entry->name, &data);
    c->manifests += kind == CKPT_NAME_MANIFEST;
    c->data += kind == CKPT_NAME_DATA;
    c->temps += kind == CKPT_NAME_TEMP;
    c->damaged += kind == CKPT_NAME_DAMAGED;
    assert_true(c->count < LT_COUNT_OF(c->names));
    (void)snprintf(c->names[c->count++], sizeof c->names[0], "%.47s", entry->name);
    return LT_OK;
}

static census take_census(const fixture *fix)
{
    census c = {0};
    lt_error err = {0};
    must(fix->env->list(fix->env, DIR, count_entry, &c, &err), &err);
    return c;
}

/* ---- Round trips ---- */

static void test_round_trip(void **state)
{
    (void)state;
    for (int compression = 0; compression < 2; compression++) {
        fixture *fix = calloc(1, sizeof *fix);
        lt_error err = {0};
        lt_ckpt_info info;
        fixture_init(fix, 3, compression);
        assert_int_equal(reopen(fix), UINT32_MAX);
        assert_true(lt_ckpt_wants_full(fix->store));
        take_ok(fix, 100, &info);
        assert_false(lt_ckpt_wants_full(fix->store));
        assert_int_equal(info.id, 1);
        assert_true(info.bytes_new > info.bytes_all);
        take_ok(fix, 0, &info);
        assert_int_equal(info.bytes_new, 0);
        take_ok(fix, 10, &info);
        assert_true(info.bytes_new < info.bytes_all);
        assert_int_equal(reopen(fix), 2);
        assert_int_equal(lt_ckpt_next_id(fix->store), 4);
        assert_int_equal(take_census(fix).manifests, 2);
        lt_ckpt_reader *reader;
        must(lt_ckpt_open_path(fix->env, &fix->mem, DIR "/chk-2.manifest", &reader, &err), &err);
        const lt_ckpt_info *found = lt_ckpt_reader_info(reader);
        assert_true(lt_str_eq(found->plan, LT_STR("scan\nagg")));
        assert_true(lt_str_eq(found->sql, LT_STR("SELECT 1")));
        assert_int_equal(found->wall_ms, 1001);
        assert_int_equal(found->parallelism, 2);
        lt_ckpt_reader_close(reader);
        assert_int_equal(fix->said.len, 0);
        fixture_deinit(fix);
        free(fix);
    }
}

/* Blocks larger than the buffer, empty ones, and none at all. */
static void test_sizes(void **state)
{
    (void)state;
    fixture *fix = calloc(1, sizeof *fix);
    fixture_init(fix, 4, 1);
    fix->block_bytes = 6 << 20;
    assert_int_equal(reopen(fix), UINT32_MAX);
    world *w = world_next(fix, 100);
    memset(w->content, 0, sizeof w->content);
    w->content[0][0] = 12;
    w->content[0][3] = 13;
    w->content[2][1] = 14;
    lt_error err = {0};
    must(take(fix, w, NULL, NULL, &err), &err);
    fix->block_bytes = 1;
    take_ok(fix, 100, NULL);
    assert_int_equal(reopen(fix), 1);
    w = world_next(fix, 0);
    memset(w->content, 0, sizeof w->content);
    must(take(fix, w, NULL, NULL, &err), &err);
    assert_int_equal(reopen(fix), 2);
    fixture_deinit(fix);
    free(fix);
}

static void test_chain(void **state)
{
    (void)state;
    static const uint32_t limits[] = {1, 3, 0};
    for (size_t i = 0; i < LT_COUNT_OF(limits); i++) {
        fixture *fix = calloc(1, sizeof *fix);
        fixture_init(fix, 5 + i, (int)i % 2);
        fix->options.data_files_max = limits[i];
        fix->options.retain = 1 + (uint32_t)i;
        uint32_t files_max = limits[i] == 0 ? 16 : limits[i];
        assert_int_equal(reopen(fix), UINT32_MAX);
        for (uint32_t n = 1; n <= 40; n++) {
            take_ok(fix, 6, NULL);
            assert_true(fix->store->last->files.count <= files_max + 1);
            census c = take_census(fix);
            assert_int_equal(c.manifests, LT_MIN(n, fix->options.retain));
            assert_true(c.data <= files_max + fix->options.retain);
            assert_int_equal(c.temps, 0);
            if (n % 9 == 0) {
                assert_int_equal(reopen(fix), n - 1);
                assert_true(lt_ckpt_wants_full(fix->store));
            }
        }
        assert_int_equal(fix->said.len, 0);
        fixture_deinit(fix);
        free(fix);
    }
}

static void test_savepoint(void **state)
{
    (void)state;
    fixture *fix = calloc(1, sizeof *fix);
    lt_error err = {0};
    lt_ckpt_info info;
    lt_ckpt_reader *reader;
    uint32_t serial;
    fixture_init(fix, 6, 1);
    assert_int_equal(reopen(fix), UINT32_MAX);
    take_ok(fix, 100, NULL);
    take_ok(fix, 20, NULL);
    /* Its blocks come from two data files and from memory. */
    must(take(fix, world_next(fix, 10), "/save/one", &info, &err), &err);
    assert_true(info.savepoint && info.bytes_new == info.bytes_all + CKPT_FILE_HEAD);
    assert_int_equal(take(fix, world_next(fix, 10), "/save/one", &info, &err), LT_ERR_USAGE);
    assert_int_equal(take(fix, world_next(fix, 10), "/state/job/", &info, &err), LT_ERR_USAGE);
    assert_false(lt_ckpt_wants_full(fix->store));
    take_ok(fix, 10, NULL);
    assert_int_equal(reopen(fix), 5);
    must(lt_ckpt_store_clear(fix->store, &err), &err);
    assert_int_equal(take_census(fix).count, 0);
    must(lt_ckpt_open_path(fix->env, &fix->mem, "/save/one", &reader, &err), &err);
    must(check_reader(fix, reader, &serial, &err), &err);
    assert_int_equal(serial, 2);
    lt_ckpt_reader_close(reader);
    must(lt_ckpt_open_path(fix->env, &fix->mem, "/save/one/savepoint.manifest", &reader, &err),
         &err);
    lt_ckpt_reader_close(reader);
    assert_int_equal(lt_ckpt_open_path(fix->env, &fix->mem, "/save", &reader, &err), LT_ERR_STATE);
    assert_int_equal(lt_ckpt_open_path(fix->env, &fix->mem, "/none", &reader, &err), LT_ERR_IO);
    lt_ckpt_store *other;
    assert_int_equal(
        lt_ckpt_store_open(fix->env, &fix->mem, "/save/one", &fix->options, &other, &err),
        LT_ERR_USAGE);
    fixture_deinit(fix);
    free(fix);
}

static void test_misuse(void **state)
{
    (void)state;
    fixture *fix = calloc(1, sizeof *fix);
    lt_error err = {0};
    lt_ckpt_writer *writer;
    lt_ckpt_writer *second;
    lt_ckpt_info info = {.id = 1, .job = LT_STR("job")};
    fixture_init(fix, 7, 0);
    assert_int_equal(reopen(fix), UINT32_MAX);
    must(lt_ckpt_write_begin(fix->store, &info, NULL, &writer, &err), &err);
    assert_int_equal(lt_ckpt_write_begin(fix->store, &info, NULL, &second, &err), LT_ERR_INTERNAL);
    must(lt_ckpt_write_part(writer, "a", LT_STR(""), &err), &err);
    must(lt_ckpt_write_block(writer, 1, "x", 1, &err), &err);
    assert_int_equal(lt_ckpt_write_block(writer, 1, "x", 1, &err), LT_ERR_INTERNAL);
    /* Said once, it is said again. */
    err = (lt_error){0};
    assert_int_equal(lt_ckpt_write_commit(writer, NULL, &err), LT_ERR_INTERNAL);
    assert_true(strstr(err.text, "twice") != NULL);
    must(lt_ckpt_write_begin(fix->store, &info, NULL, &writer, &err), &err);
    must(lt_ckpt_write_part(writer, "a", LT_STR(""), &err), &err);
    assert_int_equal(lt_ckpt_write_same(writer, 1, &err), LT_ERR_INTERNAL);
    lt_ckpt_write_abort(writer);
    lt_ckpt_write_abort(NULL);
    assert_int_equal(take_census(fix).count, 0);
    take_ok(fix, 100, NULL);
    assert_int_equal(lt_ckpt_write_begin(fix->store, &info, NULL, &writer, &err), LT_ERR_INTERNAL);
    fixture_deinit(fix);
    free(fix);
}

static void test_finish(void **state)
{
    (void)state;
    fixture *fix = calloc(1, sizeof *fix);
    lt_error err = {0};
    fixture_init(fix, 8, 0);
    assert_int_equal(reopen(fix), UINT32_MAX);
    take_ok(fix, 100, NULL);
    must(lt_ckpt_store_finish(fix->store, &err), &err);
    assert_int_equal(reopen(fix), UINT32_MAX);
    assert_true(lt_ckpt_store_finished(fix->store));
    assert_int_equal(take_census(fix).manifests, 1);
    take_ok(fix, 100, NULL);
    assert_false(lt_ckpt_store_finished(fix->store));
    assert_int_equal(reopen(fix), 1);
    fixture_deinit(fix);
    free(fix);
}

typedef struct {
    uint64_t ids[8];
    uint32_t count;
} listing;

static lt_status note_listed(void *arg, const char *path, const lt_ckpt_info *info)
{
    listing *list = arg;
    assert_true(strncmp(path, DIR "/chk-", sizeof DIR + 4) == 0);
    assert_true(lt_str_eq(info->job, LT_STR("job")));
    list->ids[list->count++] = info->id;
    return LT_OK;
}

static void test_list(void **state)
{
    (void)state;
    fixture *fix = calloc(1, sizeof *fix);
    lt_error err = {0};
    listing list = {0};
    fixture_init(fix, 9, 0);
    fix->options.retain = 3;
    assert_int_equal(reopen(fix), UINT32_MAX);
    for (int i = 0; i < 12; i++) {
        take_ok(fix, 30, NULL);
    }
    must(lt_ckpt_list(fix->env, &fix->mem, DIR, note_listed, &list, &err), &err);
    assert_int_equal(list.count, 3);
    assert_true(list.ids[0] == 12 && list.ids[1] == 11 && list.ids[2] == 10);
    fixture_deinit(fix);
    free(fix);
}

/* ---- Damage ---- */

typedef struct {
    char names[8][48];
    char *bytes[8];
    size_t sizes[8];
    uint32_t count;
} image;

/* Copies all files of the store. */
static void image_take(const fixture *fix, image *img)
{
    census c = take_census(fix);
    memset(img, 0, sizeof *img);
    assert_true(c.count <= LT_COUNT_OF(img->names));
    for (uint32_t i = 0; i < c.count; i++) {
        ckpt_path path;
        lt_ckpt_join_(&path, DIR, c.names[i]);
        const char *bytes = lt_sim_get(fix->env, path.text, &img->sizes[i]);
        memcpy(img->names[i], c.names[i], sizeof c.names[i]);
        img->bytes[i] = malloc(img->sizes[i] + 1);
        memcpy(img->bytes[i], bytes, img->sizes[i]);
    }
    img->count = c.count;
}

static void image_put(fixture *fix, const image *img, uint32_t skip)
{
    census c = take_census(fix);
    lt_error err = {0};
    ckpt_path path;
    for (uint32_t i = 0; i < c.count; i++) {
        lt_ckpt_join_(&path, DIR, c.names[i]);
        must(fix->env->unlink(fix->env, path.text, &err), &err);
    }
    for (uint32_t i = 0; i < img->count; i++) {
        lt_ckpt_join_(&path, DIR, img->names[i]);
        if (i != skip) {
            must(lt_sim_put(fix->env, path.text, img->bytes[i], img->sizes[i], &err), &err);
        }
    }
}

static void image_free(image *img)
{
    for (uint32_t i = 0; i < img->count; i++) {
        free(img->bytes[i]);
    }
}

/* Two checkpoints; every file of the first is one of its own. */
static void damage_init(fixture *fix, image *img, int compression)
{
    lt_error err = {0};
    fixture_init(fix, 10, compression);
    fix->block_bytes = 60;
    assert_int_equal(reopen(fix), UINT32_MAX);
    take_ok(fix, 100, NULL);
    take_ok(fix, 60, NULL);
    lt_ckpt_store_close(fix->store);
    fix->store = NULL;
    image_take(fix, img);
    assert_int_equal(img->count, 4);
    assert_true(err.code == LT_OK);
}

/* Opens with file `at` of the image replaced. Either the damage is found, and the older checkpoint
 * or an error is the answer, or it hit what no checkpoint needs. */
static void check_damaged(fixture *fix, const image *img, uint32_t at, const char *bytes,
                          size_t size, uint32_t expect)
{
    lt_error err = {0};
    lt_ckpt_reader *reader;
    ckpt_path path;
    uint32_t serial = UINT32_MAX;
    image_put(fix, img, at);
    lt_ckpt_join_(&path, DIR, img->names[at]);
    must(lt_sim_put(fix->env, path.text, bytes, size, &err), &err);
    lt_text_clear(&fix->said);
    must(store_open(fix, &err), &err);
    lt_status st = lt_ckpt_open_latest(fix->store, &reader, &err);
    if (st == LT_OK) {
        assert_non_null(reader);
        must(check_reader(fix, reader, &serial, &err), &err);
        lt_ckpt_reader_close(reader);
    }
    bool first_data = strcmp(img->names[at], "blocks-1.data") == 0;
    if (first_data) {
        /* Both refer to it: the newer one may do without what was hit, the older one needs all. */
        assert_true(st == LT_ERR_STATE || serial == 1);
        assert_true(st != LT_ERR_STATE || take_census(fix).manifests == 2);
        return;
    }
    must(st, &err);
    assert_int_equal(serial, expect);
    if (expect == 0) {
        census c = take_census(fix);
        assert_true(strncmp(fix->said.ptr, "checkpoint 2 is damaged (", 25) == 0);
        assert_true(strstr(fix->said.ptr, "); using checkpoint 1\n") != NULL);
        assert_int_equal(c.damaged, 2);
        assert_int_equal(c.count, 4);
        assert_int_equal(lt_ckpt_next_id(fix->store), 3);
    }
}

static void test_every_byte(void **state)
{
    (void)state;
    for (int compression = 0; compression < 2; compression++) {
        fixture *fix = calloc(1, sizeof *fix);
        image img;
        damage_init(fix, &img, compression);
        for (uint32_t f = 0; f < img.count; f++) {
            bool newest = strstr(img.names[f], "-2.") != NULL;
            char *bytes = malloc(img.sizes[f]);
            memcpy(bytes, img.bytes[f], img.sizes[f]);
            for (size_t i = 0; i < img.sizes[f]; i++) {
                bytes[i] = (char)(bytes[i] ^ (1 << (i % 8)));
                check_damaged(fix, &img, f, bytes, img.sizes[f], newest ? 0 : 1);
                bytes[i] = img.bytes[f][i];
            }
            free(bytes);
        }
        image_free(&img);
        fixture_deinit(fix);
        free(fix);
    }
}

static void test_every_length(void **state)
{
    (void)state;
    fixture *fix = calloc(1, sizeof *fix);
    image img;
    damage_init(fix, &img, 1);
    for (uint32_t f = 0; f < img.count; f++) {
        bool newest = strstr(img.names[f], "-2.") != NULL;
        char *longer = calloc(1, img.sizes[f] + 1);
        memcpy(longer, img.bytes[f], img.sizes[f]);
        for (size_t len = 0; len <= img.sizes[f] + 1; len++) {
            if (len != img.sizes[f]) {
                check_damaged(fix, &img, f, longer, len, newest ? 0 : 1);
            }
        }
        free(longer);
    }
    image_free(&img);
    fixture_deinit(fix);
    free(fix);
}

/* A file in another one's place, each sound in itself. */
static void test_misdirected(void **state)
{
    (void)state;
    fixture *fix = calloc(1, sizeof *fix);
    image img;
    damage_init(fix, &img, 0);
    for (uint32_t f = 0; f < img.count; f++) {
        for (uint32_t g = 0; g < img.count; g++) {
            if (f != g && strstr(img.names[f], "-2.")) {
                check_damaged(fix, &img, f, img.bytes[g], img.sizes[g], 0);
            }
        }
    }
    image_free(&img);
    fixture_deinit(fix);
    free(fix);
}

/* A missing data file, and all checkpoints damaged: nothing is begun anew in silence. */
static void test_missing(void **state)
{
    (void)state;
    fixture *fix = calloc(1, sizeof *fix);
    image img;
    lt_error err = {0};
    lt_ckpt_reader *reader;
    damage_init(fix, &img, 0);
    for (uint32_t f = 0; f < img.count; f++) {
        image_put(fix, &img, f);
        lt_text_clear(&fix->said);
        must(store_open(fix, &err), &err);
        lt_status st = lt_ckpt_open_latest(fix->store, &reader, &err);
        bool first_data = strcmp(img.names[f], "blocks-1.data") == 0;
        assert_int_equal(st, first_data ? LT_ERR_STATE : LT_OK);
        lt_ckpt_reader_close(reader);
        if (first_data) {
            assert_true(strstr(err.text, "none of the 2 checkpoints") != NULL);
            assert_int_equal(take_census(fix).count, 3);
            must(store_open(fix, &err), &err);
            assert_int_equal(lt_ckpt_open_latest(fix->store, &reader, &err), LT_ERR_STATE);
        }
    }
    image_free(&img);
    fixture_deinit(fix);
    free(fix);
}

/* A manifest that says so under valid checksums is refused, and nothing older is used instead. */
static void test_newer_version(void **state)
{
    (void)state;
    static const size_t fields[] = {8, 12, 24};
    fixture *fix = calloc(1, sizeof *fix);
    image img;
    lt_error err = {0};
    lt_ckpt_reader *reader;
    damage_init(fix, &img, 0);
    for (size_t i = 0; i < LT_COUNT_OF(fields); i++) {
        uint8_t bytes[8192];
        for (uint32_t f = 0; f < img.count; f++) {
            if (strcmp(img.names[f], "chk-2.manifest") == 0) {
                image_put(fix, &img, UINT32_MAX);
                memcpy(bytes, img.bytes[f], img.sizes[f]);
                ckpt_put_u32(bytes + fields[i], 0x4000);
                lt_ckpt_manifest_seal_(bytes, img.sizes[f]);
                must(lt_sim_put(fix->env, DIR "/chk-2.manifest", bytes, img.sizes[f], &err), &err);
            }
        }
        must(store_open(fix, &err), &err);
        assert_int_equal(lt_ckpt_open_latest(fix->store, &reader, &err), LT_ERR_STATE);
        assert_true(strstr(err.text, "another version") != NULL);
        assert_int_equal(take_census(fix).count, 4);
        assert_int_equal(take_census(fix).damaged, 0);
    }
    image_free(&img);
    fixture_deinit(fix);
    free(fix);
}

/* After a fallback the ids go on behind the damaged one, and the chain from the one used. */
static void test_go_on_after_fallback(void **state)
{
    (void)state;
    fixture *fix = calloc(1, sizeof *fix);
    lt_error err = {0};
    lt_ckpt_info info;
    fixture_init(fix, 11, 1);
    assert_int_equal(reopen(fix), UINT32_MAX);
    for (int i = 0; i < 3; i++) {
        take_ok(fix, 30, NULL);
    }
    must(lt_sim_put(fix->env, DIR "/chk-3.manifest", "torn", 4, &err), &err);
    assert_int_equal(reopen(fix), 1);
    assert_int_equal(reopen(fix), 1);
    take_ok(fix, 30, &info);
    assert_int_equal(info.id, 4);
    assert_int_equal(fix->store->last->prev_id, 2);
    take_ok(fix, 30, NULL);
    assert_int_equal(reopen(fix), 4);
    census c = take_census(fix);
    assert_int_equal(c.manifests, 2);
    assert_int_equal(c.damaged, 2);
    fixture_deinit(fix);
    free(fix);
}

/* ---- Faults ---- */

/* A job's life: checkpoints, some of which may fail; after an error the same id is tried again. */
static void live(fixture *fix, uint32_t count)
{
    lt_error err = {0};
    for (uint32_t i = 0; i < count; i++) {
        lt_status st = take(fix, world_next(fix, 25), NULL, NULL, &err);
        if (st != LT_OK) {
            assert_true(st == LT_ERR_IO || st == LT_ERR_NOMEM || st == LT_ERR_STATE);
            assert_true(err.text[0] != '\0');
            assert_true(lt_ckpt_wants_full(fix->store));
        }
    }
}

/* What is found is the last committed one, or a later one that ended in doubt. */
static void check_survivor(fixture *fix, uint32_t found)
{
    if (fix->committed == UINT32_MAX) {
        return; /* whatever was found was compared as a whole */
    }
    assert_true(found != UINT32_MAX && found >= fix->committed);
}

static void test_failing_calls(void **state)
{
    (void)state;
    static const char kinds[] = {'w', 's', 'm', 'r'};
    for (size_t k = 0; k < LT_COUNT_OF(kinds); k++) {
        for (uint32_t variant = 0; variant < 8; variant++) {
            uint32_t last = kinds[k] == 'r' ? 40 : 16;
            for (int64_t nth = 1; nth <= last; nth++) {
                fixture *fix = calloc(1, sizeof *fix);
                fixture_init(fix, 100 + variant, 1);
                fix->block_bytes = 200;
                fix->options.data_files_max = 2;
                assert_int_equal(reopen(fix), UINT32_MAX);
                fix->committed = UINT32_MAX;
                lt_sim_fail_nth(fix->env, kinds[k], nth);
                live(fix, 6);
                lt_sim_fail_nth(fix->env, kinds[k], 0);
                if (variant & 1) {
                    lt_sim_crash(fix->env);
                }
                check_survivor(fix, reopen(fix));
                /* What failed was taken back: nothing looks damaged. */
                assert_int_equal(fix->said.len, 0);
                take_ok(fix, 10, NULL);
                assert_int_equal(reopen(fix), fix->committed);
                fixture_deinit(fix);
                free(fix);
            }
        }
    }
}

/* A read that fails while a checkpoint is opened is asked again; an older one is not used for it.
 */
static void test_failing_open(void **state)
{
    (void)state;
    fixture *fix = calloc(1, sizeof *fix);
    fixture_init(fix, 12, 1);
    assert_int_equal(reopen(fix), UINT32_MAX);
    live(fix, 4);
    for (int64_t nth = 1; nth < 20; nth++) {
        lt_sim_fail_nth(fix->env, 'r', nth);
        lt_error err = {0};
        lt_ckpt_reader *reader;
        must(store_open(fix, &err), &err);
        must(lt_ckpt_open_latest(fix->store, &reader, &err), &err);
        assert_int_equal(lt_ckpt_reader_info(reader)->id, 4);
        lt_ckpt_reader_close(reader);
    }
    lt_sim_fail_nth(fix->env, 'r', 0);
    assert_int_equal(take_census(fix).manifests, 2);
    fixture_deinit(fix);
    free(fix);
}

static void test_disk_full(void **state)
{
    (void)state;
    for (int64_t room = 500; room < 60000; room += 700) {
        fixture *fix = calloc(1, sizeof *fix);
        fixture_init(fix, 13, 0);
        lt_env_sim_free(fix->env);
        lt_sim_options options = {.seed = 13, .disk_bytes_max = room};
        fix->env = lt_env_sim_new(&fix->mem, &options);
        fix->block_bytes = 500;
        assert_int_equal(reopen(fix), UINT32_MAX);
        fix->committed = UINT32_MAX;
        live(fix, 8);
        census c = take_census(fix);
        assert_int_equal(c.temps, 0);
        uint32_t found = reopen(fix);
        assert_int_equal(found, fix->committed);
        /* Nothing of what failed takes room. */
        assert_int_equal(take_census(fix).count, c.count);
        fixture_deinit(fix);
        free(fix);
    }
}

/* ---- Crashes: after every call that changes the disk ---- */

typedef struct {
    lt_env real; /* the simulator's own calls */
    int64_t left;
    bool dead;
} crasher;

static crasher crash_state;

static lt_status after(lt_env *env, lt_status st, lt_error *err)
{
    if (--crash_state.left == 0) {
        lt_sim_crash(env);
        crash_state.dead = true;
        return lt_error_set(err, LT_ERR_IO, "power loss");
    }
    return st;
}

static lt_status dead(lt_error *err)
{
    return lt_error_set(err, LT_ERR_IO, "no power");
}

static lt_env *crash_env;

static lt_status crash_write(lt_file *file, const void *from, size_t size, lt_error *err)
{
    return crash_state.dead ? dead(err)
                            : after(crash_env, crash_state.real.write(file, from, size, err), err);
}

static lt_status crash_sync(lt_file *file, lt_error *err)
{
    return crash_state.dead ? dead(err) : after(crash_env, crash_state.real.sync(file, err), err);
}

static lt_status crash_rename(lt_env *env, const char *from, const char *to, lt_error *err)
{
    return crash_state.dead ? dead(err)
                            : after(env, crash_state.real.rename(env, from, to, err), err);
}

static lt_status crash_unlink(lt_env *env, const char *path, lt_error *err)
{
    return crash_state.dead ? dead(err) : after(env, crash_state.real.unlink(env, path, err), err);
}

static lt_status crash_open(lt_env *env, const char *path, lt_open_mode mode, lt_file **out,
                            lt_error *err)
{
    if (crash_state.dead) {
        return dead(err);
    }
    lt_status st = crash_state.real.open(env, path, mode, out, err);
    if (mode == LT_OPEN_READ) {
        return st;
    }
    lt_status end = after(env, st, err);
    if (end != LT_OK && st == LT_OK) {
        env->close(*out);
        *out = NULL;
    }
    return end;
}

static void crash_arm(fixture *fix, int64_t calls)
{
    crash_env = fix->env;
    crash_state = (crasher){.real = *fix->env, .left = calls};
    fix->env->write = crash_write;
    fix->env->sync = crash_sync;
    fix->env->rename = crash_rename;
    fix->env->unlink = crash_unlink;
    fix->env->open = crash_open;
}

static void crash_disarm(fixture *fix)
{
    fix->env->write = crash_state.real.write;
    fix->env->sync = crash_state.real.sync;
    fix->env->rename = crash_state.real.rename;
    fix->env->unlink = crash_state.real.unlink;
    fix->env->open = crash_state.real.open;
}

static void test_crash_anywhere(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        bool reached = true;
        for (int64_t calls = 1; reached; calls++) {
            fixture *fix = calloc(1, sizeof *fix);
            fixture_init(fix, seed, (int)(seed % 2));
            fix->block_bytes = 400;
            fix->options.retain = 1 + (uint32_t)(seed % 3);
            fix->options.data_files_max = 2;
            assert_int_equal(reopen(fix), UINT32_MAX);
            fix->committed = UINT32_MAX;
            crash_arm(fix, calls);
            live(fix, 5);
            reached = crash_state.dead;
            crash_disarm(fix);
            check_survivor(fix, reopen(fix));
            assert_int_equal(take_census(fix).temps, 0);
            take_ok(fix, 10, NULL);
            assert_int_equal(reopen(fix), fix->committed);
            fixture_deinit(fix);
            free(fix);
        }
    }
}

/* Beginning anew never ends in resuming what was to be forgotten. */
static void test_crash_while_clearing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        bool reached = true;
        for (int64_t calls = 1; reached; calls++) {
            fixture *fix = calloc(1, sizeof *fix);
            lt_error err = {0};
            fixture_init(fix, seed, 0);
            assert_int_equal(reopen(fix), UINT32_MAX);
            live(fix, 3);
            must(lt_ckpt_store_finish(fix->store, &err), &err);
            crash_arm(fix, calls);
            (void)lt_ckpt_store_clear(fix->store, &err);
            reached = crash_state.dead;
            crash_disarm(fix);
            assert_int_equal(reopen(fix), UINT32_MAX);
            take_ok(fix, 10, NULL);
            assert_int_equal(reopen(fix), 3);
            fixture_deinit(fix);
            free(fix);
        }
    }
}

/* ---- Memory ---- */

static void test_failing_allocations(void **state)
{
    (void)state;
    bool reached = true;
    for (int64_t n = 0; reached; n++) {
        fixture *fix = calloc(1, sizeof *fix);
        lt_error err = {0};
        fixture_init(fix, 14, 1);
        fix->block_bytes = 100;
        fix->options.data_files_max = 1;
        assert_int_equal(reopen(fix), UINT32_MAX);
        fix->committed = UINT32_MAX;
        int64_t start = atomic_load(&fix->mem.alloc_count);
        atomic_store(&fix->mem.fail_at, start + n);
        live(fix, 4);
        lt_status st = take(fix, world_next(fix, 10), "/save", NULL, &err);
        assert_true(st == LT_OK || st == LT_ERR_NOMEM || st == LT_ERR_STATE);
        lt_ckpt_reader *reader = NULL;
        st = store_open(fix, &err);
        if (st == LT_OK) {
            st = lt_ckpt_open_latest(fix->store, &reader, &err);
        }
        uint32_t serial = 0;
        if (st == LT_OK && reader) {
            st = check_reader(fix, reader, &serial, &err);
        }
        assert_true(st == LT_OK || st == LT_ERR_NOMEM);
        lt_ckpt_reader_close(reader);
        reached = atomic_load(&fix->mem.alloc_count) > start + n;
        atomic_store(&fix->mem.fail_at, -1);
        check_survivor(fix, reopen(fix));
        assert_int_equal(take_census(fix).damaged, 0);
        fixture_deinit(fix);
        free(fix);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_savepoint),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_finish),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_misdirected),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_newer_version),
        cmocka_unit_test(test_go_on_after_fallback),
        cmocka_unit_test(test_failing_calls),
        cmocka_unit_test(test_failing_open),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_crash_anywhere),
        cmocka_unit_test(test_crash_while_clearing),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
