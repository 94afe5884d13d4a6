#!/bin/sh
# Late rows and watermarks as people meet them: what `check --suggest-watermark` prints, what `run` says when nothing comes out.
# label: check
. "$(dirname "$0")/lib.sh"

# 1,000 rows a second apart: every hundredth 3 s late, one a minute and a half
i=0
while [ "$i" -lt 1000 ]; do
    late=0
    [ $((i % 100)) -eq 99 ] && late=4
    [ "$i" -eq 500 ] && late=91
    printf '{"id":%d,"at":%d}\n' "$i" $(((1767225600 + i - late) * 1000))
    i=$((i + 1))
done >in.jsonl

cat >late.sql <<'SQL'
CREATE TABLE t (id INT, `at` BIGINT, ts AS TO_TIMESTAMP_LTZ(`at`, 3), WATERMARK FOR ts AS ts) WITH (
    'connector' = 'filesystem', 'path' = 'in.jsonl', 'format' = 'json');
CREATE TABLE o (n BIGINT) WITH ('connector' = 'filesystem', 'path' = 'result', 'format' = 'csv'); -- never; made
INSERT INTO o SELECT COUNT(*) FROM TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE) GROUP BY window_start, window_end;
SQL
expect_exit suggest 0 "$LEAT" check --suggest-watermark late.sql
expect "what is suggested" "t: 1,000 rows, 11 behind the newest event time before them
  99 %     WATERMARK FOR \`ts\` AS \`ts\` - INTERVAL '3.072' SECOND
  99.9 %   WATERMARK FOR \`ts\` AS \`ts\` - INTERVAL '3.072' SECOND
  99.99 %  WATERMARK FOR \`ts\` AS \`ts\` - INTERVAL '90.112' SECOND" "$(cat out)"
[ ! -e result ] || fail "something was written"

expect_exit "a sample" 0 "$LEAT" check --suggest-watermark --sample 10 late.sql
expect_has "a sample" out "behind the newest event time"
expect_exit "no number" 1 "$LEAT" check --suggest-watermark --sample few late.sql
expect_exit "no watermark" 2 "$LEAT" check --suggest-watermark -e "SELECT 1"
expect_has "no watermark" err "no table that is read has a watermark"

# stalled NAME QUERY TEXT: rows that keep coming to a query that gives none for five seconds
stalled()
{
    { printf '{"v":1,"ts":"2026-01-01 00:00:05"}\n{"v":2,"ts":"2026-01-01 00:00:08"}\n'; sleep 8; } |
        "$LEAT" -e "$2" --event-time ts --delay 4s -o csv >out 2>err
    expect_has "$1" err "$3"
}

WINDOWS="GROUP BY window_start, window_end"
stalled "an open window" \
    "SELECT window_start, COUNT(*) FROM TUMBLE(TABLE stdin, DESCRIPTOR(ts), INTERVAL '10' SECOND) $WINDOWS" \
    "2 rows in, none out yet: WindowAggregate holds 2 rows in windows, the first of which ends when the watermark reaches 2026-01-01 00:00:09.999 UTC"
expect_has "what holds it" err "its newest event is of 2026-01-01 00:00:08.000 UTC, its watermark 2026-01-01 00:00:04.000 UTC"
expect_has "what helps" err "an event of 2026-01-01 00:00:13.999 UTC or later moves it on"
expect "once" 1 "$(grep -c 'none out yet' err)"

stalled "a condition" "SELECT v FROM stdin WHERE v > 2" "2 rows in, none out yet: no row meets the condition"
finish
