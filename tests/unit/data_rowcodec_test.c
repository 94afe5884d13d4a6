/* The row codec on random types: round trip, equality and order of the bytes, hashes, damaged
 * input; and the cell store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "data/cells.h"
#include "data/rowcodec.h"
#include "data_random.h"

enum { ROWS = 40, FIELDS_MAX = 4, SEEDS = 400 };

typedef struct {
    lt_arena *arena;
    uint32_t field_count;
    const lt_type *types[FIELDS_MAX];
    lt_col cols[FIELDS_MAX];
    const lt_col *col_ptrs[FIELDS_MAX];
} relation;

static bool relation_init(relation *rel, lt_arena *arena, uint64_t seed)
{
    test_rng rng = {seed};
    rel->arena = arena;
    rel->field_count = 1 + rng_below(&rng, FIELDS_MAX);
    int depth = seed % 3 == 0 ? 0 : 2;
    for (uint32_t f = 0; f < rel->field_count; f++) {
        rel->types[f] = random_type(&rng, arena, depth);
        if (!rel->types[f] || !lt_col_init(&rel->cols[f], rel->types[f], ROWS, arena)) {
            return false;
        }
        for (uint32_t i = 0; i < ROWS; i++) {
            if (!random_value(&rng, &rel->cols[f], i, ROWS, arena)) {
                return false;
            }
        }
        rel->col_ptrs[f] = &rel->cols[f];
    }
    return true;
}

static int relation_cmp(const relation *rel, uint32_t a, uint32_t b)
{
    for (uint32_t f = 0; f < rel->field_count; f++) {
        int order = lt_col_value_cmp(&rel->cols[f], a, &rel->cols[f], b);
        if (order) {
            return order;
        }
    }
    return 0;
}

static int bytes_cmp(const lt_rows *rows, uint32_t a, uint32_t b)
{
    uint32_t a_len = lt_rows_len(rows, a);
    uint32_t b_len = lt_rows_len(rows, b);
    int order = memcmp(lt_rows_ptr(rows, a), lt_rows_ptr(rows, b), LT_MIN(a_len, b_len));
    return order ? order : (a_len > b_len) - (a_len < b_len);
}

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

static void check_round_trip(relation *rel, const lt_rowcodec *codec, const lt_rows *rows)
{
    const uint8_t *ptrs[ROWS];
    uint32_t lens[ROWS];
    lt_col out[FIELDS_MAX];
    lt_col *out_ptrs[FIELDS_MAX];
    lt_error err;
    for (uint32_t i = 0; i < ROWS; i++) {
        ptrs[i] = lt_rows_ptr(rows, i);
        lens[i] = lt_rows_len(rows, i);
    }
    for (uint32_t f = 0; f < rel->field_count; f++) {
        out_ptrs[f] = &out[f];
        assert_true(lt_col_init(&out[f], rel->types[f], ROWS, rel->arena));
    }
    assert_int_equal(lt_rowcodec_decode(codec, ptrs, lens, ROWS, ROWS, rows->count % 2, rel->arena,
                                        out_ptrs, &err),
                     LT_OK);
    for (uint32_t f = 0; f < rel->field_count; f++) {
        for (uint32_t i = 0; i < ROWS; i++) {
            assert_true(lt_col_value_eq(&out[f], i, &rel->cols[f], i));
        }
    }
    /* Cut short, nothing is read past the end (the sanitizer watches) and var rows are refused when
     * the cut hits a field. */
    for (uint32_t i = 0; i < ROWS && rows->stride > 0; i++) {
        lens[i] -= 8;
        assert_int_equal(
            lt_rowcodec_decode(codec, ptrs, lens, ROWS, ROWS, true, rel->arena, out_ptrs, &err),
            LT_ERR_STATE);
        lens[i] += 8;
    }
}

static void codec_properties(void **state)
{
    (void)state;
    lt_mem mem;
    lt_error err;
    lt_mem_init(&mem, NULL, "test", 0);
    uint32_t fixed = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        lt_arena *arena = lt_arena_new(&mem, 1 << 26);
        relation rel;
        assert_true(relation_init(&rel, arena, seed));
        lt_rowcodec *plain = lt_rowcodec_new(arena, rel.types, rel.field_count, false);
        lt_rowcodec *ordered = lt_rowcodec_new(arena, rel.types, rel.field_count, true);
        lt_rows rows, keys;
        assert_int_equal(lt_rowcodec_encode(plain, rel.col_ptrs, NULL, ROWS, arena, &rows, &err),
                         LT_OK);
        assert_int_equal(lt_rowcodec_encode(ordered, rel.col_ptrs, NULL, ROWS, arena, &keys, &err),
                         LT_OK);
        fixed += rows.stride > 0;
        const uint64_t *hashes = NULL;
        assert_int_equal(lt_rowcodec_hash(plain, rel.col_ptrs, NULL, ROWS, arena, &hashes, &err),
                         LT_OK);
        assert_memory_equal(hashes, rows.hashes, sizeof *hashes * ROWS);
        assert_int_equal(rows.stride, lt_rowcodec_stride(plain));
        for (uint32_t a = 0; a < ROWS; a++) {
            assert_int_equal(lt_rows_len(&rows, a) % 8, 0);
            assert_true(rows.hashes[a] ==
                        lt_row_hash(lt_rows_ptr(&rows, a), lt_rows_len(&rows, a)));
            for (uint32_t b = 0; b < ROWS; b++) {
                int order = relation_cmp(&rel, a, b);
                assert_int_equal(sign(bytes_cmp(&keys, a, b)), sign(order));
                assert_int_equal(bytes_cmp(&rows, a, b) == 0, order == 0);
            }
        }
        check_round_trip(&rel, plain, &rows);

        /* A selection gives the same bytes. */
        static const uint32_t picks[] = {3, 7, 7, 39};
        lt_rows some;
        assert_int_equal(lt_rowcodec_encode(plain, rel.col_ptrs, picks, 4, arena, &some, &err),
                         LT_OK);
        for (uint32_t i = 0; i < 4; i++) {
            assert_int_equal(lt_rows_len(&some, i), lt_rows_len(&rows, picks[i]));
            assert_memory_equal(lt_rows_ptr(&some, i), lt_rows_ptr(&rows, picks[i]),
                                lt_rows_len(&some, i));
            assert_true(some.hashes[i] == rows.hashes[picks[i]]);
        }
        lt_arena_free(arena);
    }
    assert_in_range(fixed, SEEDS / 20, SEEDS - SEEDS / 20);
    assert_int_equal(mem.bytes, 0);
}

/* Any damage is refused or decodes to something; it never reads or writes out of bounds. */
static void damaged_rows_are_harmless(void **state)
{
    (void)state;
    lt_mem mem;
    lt_error err;
    lt_mem_init(&mem, NULL, "test", 0);
    for (uint64_t seed = 1; seed <= 100; seed++) {
        lt_arena *arena = lt_arena_new(&mem, 1 << 26);
        relation rel;
        test_rng rng = {seed};
        assert_true(relation_init(&rel, arena, seed));
        lt_rowcodec *codec = lt_rowcodec_new(arena, rel.types, rel.field_count, false);
        lt_rows rows;
        assert_int_equal(lt_rowcodec_encode(codec, rel.col_ptrs, NULL, ROWS, arena, &rows, &err),
                         LT_OK);
        for (uint32_t i = 0; i < ROWS; i++) {
            uint32_t len = lt_rows_len(&rows, i) & ~7U;
            uint32_t cut = rng_below(&rng, 2) ? len : rng_below(&rng, len + 1);
            uint8_t *copy =
                lt_mem_alloc(&mem, cut); /* exact, so that the sanitizer sees overruns */
            memcpy(copy, lt_rows_ptr(&rows, i), cut);
            for (uint32_t k = 0; k < 3 && cut > 0; k++) {
                copy[rng_below(&rng, cut)] = (uint8_t)rng_next(&rng);
            }
            lt_col out[FIELDS_MAX];
            lt_col *out_ptrs[FIELDS_MAX];
            for (uint32_t f = 0; f < rel.field_count; f++) {
                out_ptrs[f] = &out[f];
                assert_true(lt_col_init(&out[f], rel.types[f], 1, arena));
            }
            const uint8_t *ptr = copy;
            lt_status st = lt_rowcodec_decode(codec, &ptr, &cut, 1, 1, true, arena, out_ptrs, &err);
            assert_true(st == LT_OK || st == LT_ERR_STATE || st == LT_ERR_NOMEM);
            lt_mem_free(&mem, copy, cut);
        }
        lt_arena_free(arena);
    }
    assert_int_equal(mem.bytes, 0);
}

static void known_bytes(void **state)
{
    (void)state;
    lt_mem mem;
    lt_error err;
    lt_mem_init(&mem, NULL, "test", 0);
    lt_arena *arena = lt_arena_new(&mem, 1 << 20);
    const lt_type *types[] = {lt_type_new(arena, LT_TYPE_INT, false),
                              lt_type_new(arena, LT_TYPE_SMALLINT, true)};
    lt_col cols[2];
    const lt_col *ptrs[] = {&cols[0], &cols[1]};
    assert_true(lt_col_init(&cols[0], types[0], 2, arena));
    assert_true(lt_col_init(&cols[1], types[1], 2, arena));
    LT_COL_DATA(&cols[0], int32_t)[0] = 0x01020304;
    LT_COL_DATA(&cols[0], int32_t)[1] = -1;
    LT_COL_DATA(&cols[1], int16_t)[0] = 5;
    LT_COL_DATA(&cols[1], int16_t)[1] = 0x7777;
    assert_non_null(lt_col_need_valid(&cols[1], 2, arena));
    lt_bit_clear(cols[1].valid, 1);
    lt_rows rows;
    lt_rowcodec *codec = lt_rowcodec_new(arena, types, 2, false);
    assert_int_equal(lt_rowcodec_encode(codec, ptrs, NULL, 2, arena, &rows, &err), LT_OK);
    static const uint8_t plain[] = {4, 3, 2, 1, 5, 0, 0, 0, 255, 255, 255, 255, 0, 0, 2, 0};
    assert_int_equal(rows.stride, 8);
    assert_memory_equal(rows.bytes, plain, sizeof plain);
    codec = lt_rowcodec_new(arena, types, 2, true);
    assert_int_equal(lt_rowcodec_encode(codec, ptrs, NULL, 2, arena, &rows, &err), LT_OK);
    static const uint8_t ordered[] = {1, 0x81, 2,   3,   4,   1, 0x80, 5,
                                      1, 0x7f, 255, 255, 255, 0, 0,    0};
    assert_memory_equal(rows.bytes, ordered, sizeof ordered);

    lt_text text;
    lt_text_init(&text, &mem);
    lt_rowcodec_describe(codec, &text);
    assert_string_equal(text.ptr, "ordered(INT NOT NULL, SMALLINT)");
    lt_text_deinit(&text);

    /* A NULL where the plan promised none cannot be stored in the form without a mask. */
    codec = lt_rowcodec_new(arena, types, 1, false);
    assert_non_null(lt_col_need_valid(&cols[0], 2, arena));
    lt_bit_clear(cols[0].valid, 0);
    assert_int_equal(lt_rowcodec_encode(codec, ptrs, NULL, 2, arena, &rows, &err), LT_ERR_INTERNAL);
    lt_arena_free(arena);
}

static void codec_survives_failed_allocations(void **state)
{
    (void)state;
    lt_error err;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        bool done = false;
        for (int64_t nth = 0; !done; nth++) {
            lt_mem mem;
            lt_mem_init(&mem, NULL, "fault", 0);
            mem.fail_at = nth;
            lt_arena *arena = lt_arena_new(&mem, 1 << 26);
            relation rel;
            lt_rows rows;
            if (arena && relation_init(&rel, arena, seed)) {
                lt_rowcodec *codec = lt_rowcodec_new(arena, rel.types, rel.field_count, false);
                lt_status st = LT_ERR_NOMEM;
                if (codec) {
                    st = lt_rowcodec_encode(codec, rel.col_ptrs, NULL, ROWS, arena, &rows, &err);
                }
                assert_true(st == LT_OK || st == LT_ERR_NOMEM);
            }
            done = mem.alloc_count <= nth; /* some failures are made up for */
            lt_arena_free(arena);
            assert_int_equal(mem.bytes, 0);
            assert_true(nth < 1000);
        }
    }
}

/* Random operations on cells against plain copies. */
static void cells_hold_bytes(void **state)
{
    (void)state;
    enum { CELLS = 60, BYTES_MAX = 100000 };
    lt_mem mem;
    lt_mem_init(&mem, NULL, "test", 0);
    lt_cells *cells = lt_cells_new(&mem);
    static lt_cell cell[CELLS];
    static uint8_t model[CELLS][BYTES_MAX];
    uint32_t lens[CELLS] = {0};
    test_rng rng = {7};
    memset(cell, 0, sizeof cell);
    for (int step = 0; step < 20000; step++) {
        uint32_t i = rng_below(&rng, CELLS);
        uint8_t bytes[300];
        uint32_t len = rng_below(&rng, sizeof bytes);
        memset(bytes, (int)rng_below(&rng, 256), sizeof bytes);
        switch (rng_below(&rng, 8)) {
        case 0:
            lt_cells_clear(cells, &cell[i]);
            assert_null(cell[i].ptr);
            lens[i] = 0;
            break;
        case 1:
            assert_true(lt_cells_set(cells, &cell[i], bytes, len));
            memcpy(model[i], bytes, len);
            lens[i] = len;
            break;
        case 2:
            len = LT_MIN(len * (rng_below(&rng, 20) == 0 ? 300U : 1U), (uint32_t)BYTES_MAX);
            assert_true(lt_cells_resize(cells, &cell[i], len));
            if (len > lens[i]) {
                memset(cell[i].ptr + lens[i], 9, len - lens[i]);
                memset(model[i] + lens[i], 9, len - lens[i]);
            }
            lens[i] = len;
            break;
        default:
            if (lens[i] + len <= BYTES_MAX) {
                assert_true(lt_cells_append(cells, &cell[i], bytes, len));
                memcpy(model[i] + lens[i], bytes, len);
                lens[i] += len;
            }
            break;
        }
        assert_int_equal(cell[i].len, lens[i]);
        assert_int_equal((uintptr_t)cell[i].ptr % 8, 0);
        if (step % 50 == 0) {
            for (uint32_t k = 0; k < CELLS; k++) {
                lt_str str = lt_cell_str(&cell[k]);
                assert_true(str.len == 0 || memcmp(str.ptr, model[k], str.len) == 0);
            }
        }
    }
    lt_cells_free(cells);
    assert_int_equal(mem.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codec_properties), cmocka_unit_test(damaged_rows_are_harmless),
        cmocka_unit_test(known_bytes),      cmocka_unit_test(codec_survives_failed_allocations),
        cmocka_unit_test(cells_hold_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
