#!/bin/sh
# A job's life as people see it: ps, status, savepoint, stop, resume, and a second copy that is refused.
. "$(dirname "$0")/lib.sh"

cat >count.sql <<'SQL'
SET 'execution.checkpointing.interval' = '200 ms';
CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '500', 'fields.n.kind' = 'sequence',
    'fields.n.start' = '1', 'fields.n.end' = '1000000');
CREATE TABLE seen (n BIGINT) WITH ('connector' = 'filesystem', 'path' = 'seen', 'format' = 'json');
INSERT INTO seen SELECT n FROM numbers;
SQL

# start FILE ARGS...: in the background, stderr in ./run.err; waits until it can be asked
start()
{
    "$LEAT" run "$@" >run.out 2>run.err &
    pid=$!
    tries=0
    until "$LEAT" ps --json 2>/dev/null | grep -q "\"pid\":$pid,.*rows_in"; do
        tries=$((tries + 1))
        [ "$tries" -gt 200 ] && { fail "no control socket: $(cat run.err)"; return; }
        sleep 0.05
    done
}

# Rows of the sink; those of files that are not yet whole too.
rows()
{
    find "${1:-seen}" -type f ! -name '*.committed' -exec cat {} +
}

# Are they 1, 2, .. without a gap or a double?
whole()
{
    rows | tr -dc '0-9\n' | sort -n | awk '$1 != NR { print "row " NR " is " $1; exit }'
}

expect_exit "ps without jobs" 0 "$LEAT" ps
expect_exit "status of nothing" 1 "$LEAT" status count
start count.sql
await run.err "fresh"
expect_exit "ps" 0 "$LEAT" ps
expect_has "ps" out "running"
expect_has "ps" out "$work/count.sql"
expect_exit "ps --json" 0 "$LEAT" ps --json
expect_has "ps --json" out "\"pid\":$pid"
expect "one job" 1 "$(wc -l <out | tr -d ' ')"

# The socket is the user's alone.
expect "mode of the socket" 600 "$(stat -c %a state/leat/count-*/control.sock)"

# By name, by the beginning of it, by file and by folder.
for job in count cou count.sql ./count.sql "$work/state/leat/"*; do
    expect_exit "status $job" 0 "$LEAT" status "$job"
    expect_has "status $job" out "checkpoints"
done
expect_exit "status --json" 0 "$LEAT" status count --json
expect_has "status --json" out '"nodes":['

expect_exit "a second copy" 5 "$LEAT" run count.sql
expect_has "a second copy" err "runs already: pid $pid since"
expect_has "a second copy" err "leat stop count"

expect_exit "savepoint" 0 "$LEAT" savepoint count kept
expect "savepoint's path" "$work/kept" "$(cat out)"
[ -d kept ] || fail "no savepoint was made"
expect_exit "savepoint in the same place" 1 "$LEAT" savepoint count kept
expect_exit "savepoint without a place" 0 "$LEAT" savepoint count
[ -d "$(cat out)" ] || fail "no savepoint in '$(cat out)'"
expect_exit "state of a savepoint" 0 "$LEAT" state ls kept
expect_exit "state of a job" 0 "$LEAT" state ls count
expect_has "state of a job" out "checkpoint"

expect_exit "stop" 0 "$LEAT" stop count --savepoint end
expect "stop's savepoint" "$work/end" "$(cat out)"
wait "$pid"
expect "exit code of a stopped job" 0 $?
expect_exit "ps of a stopped job" 0 "$LEAT" ps
expect_has "ps of a stopped job" out "stopped"
expect "rows so far" "" "$(whole)"
before=$(rows | wc -l)
expect_exit "stop again" 5 "$LEAT" stop count

# Resumed where it stopped; SIGTERM stops with a checkpoint too.
start count.sql
await run.err "resumed"
sleep 0.5
kill -TERM "$pid"
wait "$pid"
expect "exit code after SIGTERM" 0 $?
expect "rows after a resume" "" "$(whole)"
[ "$(rows | wc -l)" -gt "$before" ] || fail "nothing was added after the resume"

# Killed: nothing is lost, nothing doubled.
start count.sql
sleep 0.5
kill -KILL "$pid"
wait "$pid" 2>/dev/null
expect_exit "ps of a killed job" 0 "$LEAT" ps
expect_has "ps of a killed job" out "died"
start count.sql
await run.err "resumed"
sleep 0.3
expect_exit "stop after a kill" 0 "$LEAT" stop count
wait "$pid"
expect "rows after a kill" "" "$(whole)"

# From a savepoint, under another name.
for name in first second; do
    cat >$name.sql <<SQL
SET 'pipeline.name' = '$name';
CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '500', 'fields.n.kind' = 'sequence',
    'fields.n.start' = '1', 'fields.n.end' = '1000000');
CREATE TABLE shown (n BIGINT) WITH ('connector' = 'print');
INSERT INTO shown SELECT n FROM numbers;
SQL
done
start first.sql
sleep 0.3
expect_exit "stop first.sql" 0 "$LEAT" stop first --savepoint printed
wait "$pid"
last=$(tail -n 1 run.out | tr -dc '0-9')
start second.sql --restore printed
await run.err "resumed"
sleep 0.3
expect_exit "drain second.sql" 0 "$LEAT" stop second --drain
wait "$pid"
expect "first row after a restore" $((last + 1)) "$(head -n 1 run.out | tr -dc '0-9')"
expect_exit "a savepoint that is not there" 3 "$LEAT" run second.sql --restore nowhere

# Forgotten.
start count.sql --fresh
await run.err "fresh"
expect_exit "stop a fresh one" 0 "$LEAT" stop count
wait "$pid"

# A job of -e keeps no state, unless it has a name.
expect_exit "an unnamed job" 0 "$LEAT" -e "CREATE TABLE g (n BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '10');
    CREATE TABLE b (n BIGINT) WITH ('connector' = 'blackhole'); INSERT INTO b SELECT n FROM g"
[ "$(find state/leat -name job.json | wc -l)" = 3 ] || fail "an unnamed job left a folder: $(ls state/leat)"

expect_exit "a named job" 0 "$LEAT" -e "SET 'pipeline.name' = 'named';
    CREATE TABLE g (n BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '10');
    CREATE TABLE b (n BIGINT) WITH ('connector' = 'blackhole'); INSERT INTO b SELECT n FROM g"
expect_exit "status of a named job" 0 "$LEAT" status named
expect_has "status of a named job" out "finished"

# Each INSERT of a file is a job of its own.
cat >two.sql <<'SQL'
CREATE TABLE g (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '100');
CREATE TABLE b (n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO b SELECT n FROM g;
INSERT INTO b SELECT n FROM g WHERE n > 0;
SQL
start two.sql
expect_exit "a file of two jobs" 1 "$LEAT" status two.sql
expect_has "a file of two jobs" err "means several jobs"
expect_exit "stop the second" 0 "$LEAT" stop two-2
expect_exit "status of the first" 0 "$LEAT" status two
expect_has "status of the first" out "two: running"
expect_exit "stop the first" 0 "$LEAT" stop two
wait "$pid"
expect "exit code of two jobs" 0 $?

# A job whose input ends leaves nothing to resume.
printf '{"n":1}\n{"n":2}\n' >in.jsonl
cat >once.sql <<'SQL'
CREATE TABLE once (n BIGINT) WITH ('connector' = 'filesystem', 'path' = 'once', 'format' = 'json');
INSERT INTO once SELECT n FROM 'in.jsonl';
SQL
for round in 1 2; do
    expect_exit "once, round $round" 0 "$LEAT" run once.sql
    expect "rows of round $round" $((round * 2)) "$(cat once/* | wc -l | tr -d ' ')"
done
expect_exit "ps of a finished job" 0 "$LEAT" ps
expect_has "ps of a finished job" out "finished"
finish
