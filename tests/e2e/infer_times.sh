#!/bin/sh
# Times of inferred tables: epoch seconds, milliseconds and microseconds, texts with and without a zone, and --event-time.
. "$(dirname "$0")/lib.sh"

WINDOWS="SELECT window_start, SUM(v) AS total FROM TUMBLE(TABLE 'in.jsonl', DESCRIPTOR(moment), INTERVAL '10' SECOND) GROUP BY window_start, window_end"
WANTED='window_start,total
2026-01-01 00:00:00.000,1
2026-01-01 00:00:10.000,2
2026-01-01 00:00:20.000,3'

# windows NAME FORMAT: rows at 0, 7, 14 and 21 seconds; FORMAT makes `moment` of %d seconds after 2026-01-01 00:00:00 UTC
windows()
{
    : >in.jsonl
    v=0
    for second in 0 7 14 21; do
        # shellcheck disable=SC2059
        printf "{\"moment\":$2,\"v\":%d}\n" "$((1767225600 + second))" "$v" >>in.jsonl
        v=$((v + 1))
    done
    expect "$1" "$WANTED" "$("$LEAT" -e "$WINDOWS" --event-time moment --delay 1s -o csv 2>err)"
}

windows seconds '%d'
windows "seconds with a fraction" '%d.250'
windows milliseconds '%d000'
windows microseconds '%d000000'

# types NAME LINE WANTED: what the columns of a line are taken for
types()
{
    printf '%s\n' "$2" >in.jsonl
    "$LEAT" -e "SELECT * FROM 'in.jsonl'" --show-ddl >out 2>err
    expect_has "$1" out "$3"
}

types "named like a time" '{"created_at":1767225600}' '`created_at` TIMESTAMP(3) WITH LOCAL TIME ZONE'
types "not named like a time" '{"serial":1767225600}' '`serial` BIGINT'
types "no time of this century" '{"ts":17}' '`ts` BIGINT'
types "text with zone" '{"x":"2026-01-01T00:00:00+02:00"}' '`x` TIMESTAMP(3) WITH LOCAL TIME ZONE'
types "text without zone" '{"x":"2026-01-01 00:00:00"}' '`x` TIMESTAMP(3)'

printf 'when,v\n1767225600,1\n' >in.csv
expect csv 'when,v
2026-01-01 00:00:00.000,1' "$("$LEAT" -e "SELECT * FROM 'in.csv'" --event-time when -o csv 2>err)"

expect_exit "a column that is not there" 2 "$LEAT" -e "SELECT * FROM 'in.csv'" --event-time whenn
expect_has "a column that is not there" err "has no column 'whenn'"
finish
