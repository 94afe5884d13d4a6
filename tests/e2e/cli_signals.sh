#!/bin/sh
# Signals, readers that go away, and rows that come while the input is still open.
. "$(dirname "$0")/lib.sh"

# A row goes out at once, long before the input ends.
mkfifo pipe
"$LEAT" -e "SELECT n FROM stdin" -o jsonl <pipe >out 2>err &
pid=$!
exec 3>pipe
printf '{"n":1}\n' >&3
await out '{"n":1}'
printf '{"n":2}\n' >&3
await out '{"n":2}'

# SIGUSR1: the summary, and on it goes.
kill -USR1 $pid
await err "2 rows in"
printf '{"n":3}\n' >&3
await out '{"n":3}'

# SIGTERM: a clean stop.
kill -TERM $pid
wait $pid
expect "exit code after SIGTERM" 0 $?
exec 3>&-

# The end of the input ends the job.
"$LEAT" -e "SELECT COUNT(*) AS c FROM stdin" -o jsonl <pipe >out 2>err &
pid=$!
exec 3>pipe
printf '{"n":1}\n{"n":2}\n' >&3
exec 3>&-
wait $pid
expect "exit code at the end" 0 $?
expect "count at the end" '{"c":2}' "$(cat out)"

# SIGINT. A shell's background jobs ignore it, so timeout sends it to a foreground one.
(printf '{"n":1}\n'; sleep 20 & echo $! >sleeper; wait) |
    { timeout -s INT --preserve-status 2 "$LEAT" -e "SELECT n FROM stdin" -o jsonl >out 2>err; echo $? >code
      kill "$(cat sleeper)"; }
expect "exit code after SIGINT" 130 "$(cat code)"
expect "rows before SIGINT" '{"n":1}' "$(cat out)"

# The reader goes away: no error, no message.
{ "$LEAT" -e "SELECT * FROM datagen" -o csv 2>err; echo $? >code; } | head -n 3 >out
expect "exit code after head" 0 "$(cat code)"
expect "rows of head" 3 "$(wc -l <out | tr -d ' ')"
[ -s err ] && fail "talks when its reader goes away: $(cat err)"
cat >print.sql <<'SQL'
CREATE TABLE p (n BIGINT) WITH ('connector' = 'print');
CREATE TABLE g (n BIGINT) WITH ('connector' = 'datagen');
INSERT INTO p SELECT n FROM g;
SQL
{ "$LEAT" run print.sql 2>err; echo $? >code; } | head -n 3 >out
expect "exit code of print after head" 0 "$(cat code)"
finish
