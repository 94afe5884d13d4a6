/* The window aggregates of the tests, computed the slow way: every accepted row is kept with its
 * window, and a result is recomputed from these rows. Shares no code with src/op. */
#pragma once

#include "expr/timezone.h"
#include "op_harness.h"

typedef struct {
    int64_t start, end; /* of its window */
    int64_t k, v;
    bool v_null;
    int sign;
} ref_row;

typedef struct {
    ref_row *items;
    size_t count, cap;
} ref_rows;

static void ref_push(ref_rows *rows, const ref_row *row)
{
    if (rows->count == rows->cap) {
        rows->cap = rows->cap ? rows->cap * 2 : 256;
        rows->items = realloc(rows->items, rows->cap * sizeof(ref_row));
        assert_non_null(rows->items);
    }
    rows->items[rows->count++] = *row;
}

static int64_t ref_local(const lt_zone *zone, int64_t utc)
{
    return zone ? utc + lt_zone_offset_ms(zone, utc) : utc;
}

/* The first instant from which on the local clock never shows less than end - 1 ms again. Clocks
 * change at whole minutes. */
static int64_t ref_close_slow(const lt_zone *zone, int64_t end)
{
    int64_t minute = (end - 1 + 15 * 3600000LL) / 60000 * 60000;
    while (ref_local(zone, minute) >= end - 1) {
        minute -= 60000;
    }
    int64_t u = minute + 1;
    while (ref_local(zone, u) < end - 1) {
        u++;
    }
    return u;
}

LT_UNUSED static int64_t ref_close(const lt_zone *zone, int64_t end)
{
    static struct {
        int64_t end, offset, close;
    } known[1024]; /* the search is slow */
    if (!zone) {
        return end - 1;
    }
    size_t at = (size_t)((uint64_t)end / 60000 % 1024);
    int64_t offset = lt_zone_offset_ms(zone, end) + 1; /* tells the zones of these tests apart */
    if (known[at].offset != offset || known[at].end != end) {
        known[at].offset = offset;
        known[at].end = end;
        known[at].close = ref_close_slow(zone, end);
    }
    return known[at].close;
}

/* Results of the rows of one key and window, as a line. updates: keys without rows left give none.
 */
LT_UNUSED static void ref_result(h_lines *lines, const ref_row *const *rows, size_t count,
                                 const char *key, bool updates, int64_t window_time)
{
    int64_t total = 0, sum = 0, values = 0, distinct = 0, distinct_sum = 0, filtered = 0, max = 0;
    bool has_max = false;
    for (size_t i = 0; i < count; i++) {
        total += rows[i]->sign;
        if (rows[i]->v_null) {
            continue;
        }
        int64_t v = rows[i]->v;
        sum += rows[i]->sign * v;
        values += rows[i]->sign;
        filtered += v > 50 ? rows[i]->sign : 0;
        int64_t net = 0;
        bool first = true;
        for (size_t j = 0; j < count; j++) {
            if (!rows[j]->v_null && rows[j]->v == v) {
                net += rows[j]->sign;
                first = first && j >= i;
            }
        }
        if (net > 0) {
            max = !has_max || v > max ? v : max;
            has_max = true;
            distinct += first;
            distinct_sum += first ? v : 0;
        }
    }
    if (updates && total == 0) {
        return;
    }
    char sum_text[32], max_text[32], dsum_text[32], string[64], line[512];
    (void)snprintf(sum_text, 32, values ? "%lld" : "NULL", (long long)sum);
    (void)snprintf(max_text, 32, has_max ? "%lld" : "NULL", (long long)max);
    (void)snprintf(dsum_text, 32, distinct ? "%lld" : "NULL", (long long)distinct_sum);
    h_string_of(rows[0]->k, string, sizeof string);
    if (total < 0) { /* retractions of rows that are elsewhere */
        (void)snprintf(string, sizeof string, "NULL");
    }
    (void)snprintf(line, sizeof line, "+I|%s%lld|%s|%s|%lld|%s|%lld|%s|%lld|%lld|%lld", key,
                   (long long)total, sum_text, max_text, (long long)distinct, dsum_text,
                   (long long)filtered, string, (long long)rows[0]->start, (long long)rows[0]->end,
                   (long long)window_time);
    h_push(lines, line);
}

/* The aggregates whose results ref_result writes. MAX(s) makes sense per key only. */
LT_UNUSED static uint32_t ref_aggs(h_rig *rig, lt_agg **aggs, bool updates)
{
    lt_expr *filter = h_call(rig, ">", h_col(rig, COL_V), h_int(rig, 50));
    aggs[0] = h_agg(rig, "COUNT", -1, false, NULL, updates);
    aggs[1] = h_agg(rig, "SUM", COL_V, false, NULL, updates);
    aggs[2] = h_agg(rig, "MAX", COL_V, false, NULL, updates);
    aggs[3] = h_agg(rig, "COUNT", COL_V, true, NULL, updates);
    aggs[4] = h_agg(rig, "SUM", COL_V, true, NULL, updates);
    aggs[5] = h_agg(rig, "COUNT", COL_V, false, filter, updates);
    aggs[6] = h_agg(rig, "MAX", COL_S, false, NULL, updates);
    return 7;
}

/* Rows of windows that close at or before the watermark leave as results: by end (and start), each
 * key once. */
LT_UNUSED static void ref_fire(h_lines *lines, ref_rows *rows, const lt_zone *zone,
                               int64_t watermark, bool string_key, bool updates)
{
    for (;;) {
        const ref_row *first = NULL;
        for (size_t i = 0; i < rows->count; i++) {
            const ref_row *row = &rows->items[i];
            if (ref_close(zone, row->end) <= watermark && (!first || row->end < first->end)) {
                first = row;
            }
        }
        if (!first) {
            break;
        }
        ref_row head = *first;
        const ref_row **group = malloc(sizeof *group * rows->count);
        ref_rows kept = {0};
        size_t count = 0;
        for (size_t i = 0; i < rows->count; i++) {
            const ref_row *row = &rows->items[i];
            if (row->k == head.k && row->end == head.end && row->start == head.start) {
                group[count++] = row;
            } else {
                ref_push(&kept, row);
            }
        }
        char key[80], text[64];
        h_string_of(head.k, text, sizeof text);
        if (string_key) {
            (void)snprintf(key, sizeof key, "%s|", text);
        } else {
            (void)snprintf(key, sizeof key, "%lld|", (long long)head.k);
        }
        ref_result(lines, group, count, key, updates,
                   zone ? lt_zone_to_utc_ms(zone, head.end - 1) : head.end - 1);
        free(group);
        free(rows->items);
        *rows = kept;
    }
    h_push_mark(lines, watermark);
}

/* Checks one operator over all configurations against the expected lines. */
LT_UNUSED static void ref_check(h_rig *rig, const h_event *events, size_t count, h_lines *want,
                                uint64_t late, const char *what)
{
    h_lines first = {0};
    h_sort(want);
    for (size_t c = 0; c < LT_COUNT_OF(h_configs); c++) {
        h_run(rig, &h_configs[c], events, count);
        assert_int_equal(rig->op->ledger.late, late);
        assert_int_equal(rig->op->ledger.held, 0);
        assert_int_equal(lt_state_rows(rig->state), 0);
        h_op_free(rig);
        if (c == 0) {
            first = rig->lines; /* as it came: the order must not depend on the configuration */
            rig->lines = (h_lines){0};
            h_lines sorted = {0};
            for (size_t i = 0; i < first.count; i++) {
                h_push(&sorted, first.items[i]);
            }
            h_sort(&sorted);
            h_assert_same(&sorted, want, what);
            h_lines_free(&sorted);
        } else {
            h_assert_same(&rig->lines, &first, what);
        }
    }
    h_lines_free(&first);
}

/* Random traffic: time goes up with disorder; watermarks come after some rows; in updates mode some
 * rows take an earlier one away. Ends with the end of input. */
typedef struct {
    size_t rows;
    int64_t start, step, disorder; /* ms */
    int64_t keys;
    int64_t lag; /* of the watermark */
    int mark_percent;
    bool updates;
} ref_traffic;

LT_UNUSED static size_t ref_events(h_event *events, uint64_t *seed, const ref_traffic *t)
{
    size_t count = 0;
    int64_t now = t->start, max = INT64_MIN;
    size_t live = 0;
    h_event *added = malloc(sizeof *added * t->rows);
    for (size_t i = 0; i < t->rows; i++) {
        h_event e = {0};
        if (t->updates && live > 0 && h_below(seed, 4) == 0) {
            size_t at = (size_t)h_below(seed, (int64_t)live);
            e = added[at];
            e.kind = h_below(seed, 2) ? LT_DELETE : LT_UPDATE_BEFORE;
            added[at] = added[--live];
        } else {
            now += h_below(seed, t->step);
            e.ts = now - h_below(seed, t->disorder);
            e.k = h_below(seed, t->keys);
            e.v = h_below(seed, 100);
            e.v_null = h_below(seed, 10) == 0;
            e.ts_null = h_below(seed, 200) == 0;
            e.kind = t->updates && h_below(seed, 2) ? LT_UPDATE_AFTER : LT_INSERT;
            if (!e.ts_null) {
                added[live++] = e;
            }
        }
        events[count++] = e;
        max = e.ts > max && !e.ts_null ? e.ts : max;
        if (h_below(seed, 100) < t->mark_percent) {
            events[count++] = (h_event){.mark = true, .ts = max - t->lag};
        }
    }
    free(added);
    count -= events[count - 1].mark; /* marks at one row merge */
    events[count++] = (h_event){.mark = true, .ts = LT_WATERMARK_MAX};
    return count;
}
