#!/bin/sh
# The example: what Flink wrote for it is what leat writes, at full speed, in small batches, and paced.
. "$(dirname "$0")/lib.sh"
: "${LEAT_SOURCE:?set LEAT_SOURCE to the project}"
mkdir run && cd run || exit 1
ln -s "$LEAT_SOURCE/examples" examples

compare()
{
    cmp -s "$2" "$3" || {
        fail "$1 differs"
        diff "$2" "$3" | head -n 10 >&2
    }
}

# check NAME: the alerts are in ../alerts
check()
{
    for result in visits_per_minute.jsonl top_paths.csv sessions.jsonl; do
        cat "out/weblog/${result%.*}"/* 2>/dev/null | sort >../got
        sort "examples/weblog/expected/$result" >../want
        compare "$1: $result" ../want ../got
    done
    tr -d '\r' <../alerts | grep '^ALERT' | sort >../got
    sort examples/weblog/expected/alerts.txt >../want
    compare "$1: alerts" ../want ../got
    rm -rf out
}

"$LEAT" run examples/weblog/visits.sql >../alerts 2>../err
expect "exit code at full speed" 0 $?
expect_has "full speed" ../err "10,000 rows in"
check "full speed"
for rows in 1 7; do
    "$LEAT" run examples/weblog/visits.sql --batch-rows $rows -q >../alerts
    expect "exit code at $rows rows a batch" 0 $?
    check "$rows rows a batch"
done
# On a terminal, 84 hours in two seconds: the status area lives, and the alerts stand whole between its pictures.
if command -v script >/dev/null 2>&1; then
    export LEAT TERM=xterm
    timeout 60 script -qec '"$LEAT" run examples/weblog/visits.sql --replay 150000' /dev/null \
        </dev/null >../screen
    expect "exit code when paced" 0 $?
    expect_has "status area" ../screen "rows/s"
    expect_has "status area" ../screen "visits_per_minute"
    esc=$(printf '\033')
    tr -d '\r' <../screen | sed "s/$esc\[[0-9;?]*[A-Za-z]//g" >../alerts
    check "paced"
else
    echo "left out: there is no 'script' to make a terminal" >&2
fi
finish
