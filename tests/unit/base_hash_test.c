/* Hash values reach state files: the golden values here must not change while LT_HASH_VERSION
 * stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32c_int.h"
#include "base/hash.h"

static void crc_of_known_input(void **state)
{
    (void)state;
    unsigned char bytes[32];
    assert_int_equal(lt_crc32c("123456789", 9, 0), 0xE3069283U);
    assert_int_equal(lt_crc32c(NULL, 0, 0), 0);
    /* RFC 3720, B.4 */
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(lt_crc32c(bytes, 32, 0), 0x8A9136AAU);
    memset(bytes, 0xFF, sizeof bytes);
    assert_int_equal(lt_crc32c(bytes, 32, 0), 0x62A8AB43U);
    for (size_t i = 0; i < 32; i++) {
        bytes[i] = (unsigned char)i;
    }
    assert_int_equal(lt_crc32c(bytes, 32, 0), 0x46DD794EU);
}

/* The definition, bit by bit. */
static uint32_t crc_slow(const unsigned char *bytes, size_t len)
{
    uint32_t crc = ~0U;
    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82F63B78U : 0);
        }
    }
    return ~crc;
}

static void crc_paths_agree_and_chain(void **state)
{
    (void)state;
    unsigned char bytes[300];
    uint64_t random = 5;
    for (size_t i = 0; i < sizeof bytes; i++) {
        random = lt_hash_u64(random + i);
        bytes[i] = (unsigned char)random;
    }
    for (size_t from = 0; from < 9; from++) {
        for (size_t len = 0; from + len <= sizeof bytes; len++) {
            uint32_t want = crc_slow(bytes + from, len);
            assert_int_equal(lt_crc32c(bytes + from, len, 0), want);
            assert_int_equal(lt_crc32c_portable(bytes + from, len, 0), want);
            size_t cut = len / 3;
            uint32_t head = lt_crc32c(bytes + from, cut, 0);
            assert_int_equal(lt_crc32c_portable(bytes + from + cut, len - cut, head), want);
            assert_int_equal(lt_crc32c(bytes + from + cut, len - cut, head), want);
        }
    }
}

static void hashes_are_frozen(void **state)
{
    (void)state;
    assert_int_equal(LT_HASH_VERSION, 1);
    assert_true(lt_hash_u64(0) == 0);
    assert_true(lt_hash_u64(1) == 0xB456BCFC34C2CB2CULL);
    /* Published XXH3 values: the empty input, seed 0. */
    assert_true(lt_hash_bytes("", 0, 0) == 0x2D06800538D394C2ULL);
    assert_true(lt_hash_bytes(NULL, 0, 0) == 0x2D06800538D394C2ULL);
    assert_true(lt_hash_bytes("abc", 3, 0) != lt_hash_bytes("abc", 3, 1));
    assert_true(lt_hash_combine(1, 2) != lt_hash_combine(2, 1));
}

static void key_groups_are_even(void **state)
{
    (void)state;
    int counts[LT_KEY_GROUPS] = {0};
    for (uint64_t i = 0; i < 128000; i++) {
        uint32_t group = lt_key_group(lt_hash_u64(i));
        assert_true(group < LT_KEY_GROUPS);
        counts[group]++;
    }
    for (size_t i = 0; i < LT_KEY_GROUPS; i++) {
        assert_in_range(counts[i], 800, 1200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_of_known_input),
        cmocka_unit_test(crc_paths_agree_and_chain),
        cmocka_unit_test(hashes_are_frozen),
        cmocka_unit_test(key_groups_are_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
