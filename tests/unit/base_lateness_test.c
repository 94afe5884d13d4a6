/* The histogram of lateness: buckets cover all times without gaps, quantiles are never too small
 * and an eighth too large at most. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/lateness.h"

static void buckets_have_no_gaps(void **state)
{
    (void)state;
    for (uint32_t i = 0; i + 1 < LT_LATENESS_BUCKETS; i++) {
        int64_t last = lt_lateness_bucket_max(i);
        assert_int_equal(lt_lateness_bucket(last), i);
        assert_int_equal(lt_lateness_bucket(last + 1), i + 1);
    }
    assert_int_equal(lt_lateness_bucket(INT64_MAX), LT_LATENESS_BUCKETS - 1);
    assert_int_equal(lt_lateness_bucket(INT64_MIN), 0);
}

static void buckets_are_narrow(void **state)
{
    (void)state;
    for (int64_t ms = 1; ms < INT64_C(1) << 40; ms = ms * 9 / 8 + 1) {
        int64_t top = lt_lateness_bucket_max(lt_lateness_bucket(ms));
        assert_true(top >= ms);
        assert_true(top - ms <= ms / 8);
    }
}

static void quantiles(void **state)
{
    (void)state;
    static lt_lateness all;
    static lt_lateness more;
    assert_int_equal(lt_lateness_quantile(&all, 999000), 0);
    lt_lateness_add(&all, 0, 990);
    lt_lateness_add(&more, 3, 9);
    lt_lateness_add(&more, 100, 1);
    lt_lateness_merge(&all, &more);
    assert_int_equal(all.rows, 1000);
    assert_int_equal(lt_lateness_quantile(&all, 990000), 0);
    assert_int_equal(lt_lateness_quantile(&all, 999000), 3);
    assert_int_equal(lt_lateness_quantile(&all, 999001), 103);
    assert_int_equal(lt_lateness_quantile(&all, LT_LATENESS_ONE), 103);
}

static void shares_do_not_overflow(void **state)
{
    (void)state;
    assert_int_equal(lt_lateness_share(1, 1), 1);
    assert_int_equal(lt_lateness_share(2000, 999500), 1999);
    assert_true(lt_lateness_share(UINT64_C(1) << 62, LT_LATENESS_ONE) == UINT64_C(1) << 62);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_have_no_gaps),
        cmocka_unit_test(buckets_are_narrow),
        cmocka_unit_test(quantiles),
        cmocka_unit_test(shares_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
