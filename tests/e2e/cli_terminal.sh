#!/bin/sh
# The status area: there on a terminal, nowhere else, and never within a line of output.
. "$(dirname "$0")/lib.sh"

cat >job.sql <<'SQL'
CREATE TABLE p (n BIGINT) WITH ('connector' = 'print', 'print-identifier' = 'ROW');
INSERT INTO p SELECT n FROM stdin;
SQL
feed()
{
    for n in 1 2 3 4 5 6 7 8; do
        printf '{"n":%d}\n' $n
        sleep 0.2
    done
}
feed | "$LEAT" run job.sql >out 2>err
expect "rows in a pipe" "$(for n in 1 2 3 4 5 6 7 8; do echo "ROW> +I[$n]"; done)" "$(cat out)"
if grep -q "$(printf '\033')" out err; then
    fail "control sequences outside a terminal"
fi
if ! command -v script >/dev/null 2>&1; then
    echo "left out: there is no 'script' to make a terminal" >&2
    finish
fi
feed >slow.jsonl
cat >inner.sh <<'SH'
for n in 1 2 3 4 5 6 7 8; do printf '{"n":%d}\n' $n; sleep 0.2; done | "$LEAT" run job.sql $OPTIONS
SH
export LEAT OPTIONS TERM=xterm
OPTIONS=
script -qec "sh inner.sh" /dev/null </dev/null >screen 2>&1
expect_has "status area" screen "rows/s"
expect_has "status area" screen "$(printf '\033[J')"
for n in 1 2 3 4 5 6 7 8; do
    expect_has "whole line" screen "ROW> +I[$n]"
done
OPTIONS=--no-progress
script -qec "sh inner.sh" /dev/null </dev/null >screen 2>&1
grep -q "rows/s" screen && fail "--no-progress shows a status area"
NO_COLOR=1 OPTIONS=
export NO_COLOR
script -qec "sh inner.sh" /dev/null </dev/null >screen 2>&1
grep -q "$(printf '\033\\[1m')" screen && fail "NO_COLOR shows colours"
finish
