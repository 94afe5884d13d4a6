#!/bin/sh
# leat replay: what led to each retained checkpoint is repeated with several numbers of lanes and agrees; after a byte of the input has
# changed it differs and says so.
# label: check
. "$(dirname "$0")/lib.sh"

# events FIRST LAST: one JSON object a line, 20 ms apart
events()
{
    awk -v first="$1" -v last="$2" 'BEGIN {
        for (i = first; i <= last; i++) {
            ms = i * 20
            printf "{\"id\":%d,\"k\":%d,\"v\":%d,\"ts\":\"2026-01-01 00:%02d:%02d.%03d\"}\n", i, i * 7 % 19, 100 + i * 31 % 800,
                ms / 60000, ms / 1000 % 60, ms % 1000
        }
    }'
}

# statements SOURCE-OPTIONS: a windowed aggregate, a self-join and an updating aggregate over one source
statements()
{
    cat <<SQL
SET 'execution.checkpointing.interval' = '200 ms';
SET 'execution.checkpointing.num-retained' = '100';
CREATE TABLE e (id BIGINT, k BIGINT, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
    WITH ('connector' = 'filesystem', 'format' = 'json', $1);
CREATE TABLE w (k BIGINT, ws TIMESTAMP(3), n BIGINT, s BIGINT) WITH ('connector' = 'filesystem', 'path' = 'w', 'format' = 'json');
CREATE TABLE j (a BIGINT, b BIGINT, d BIGINT) WITH ('connector' = 'filesystem', 'path' = 'j', 'format' = 'json');
CREATE TABLE g (k BIGINT, n BIGINT, s BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'blackhole');
EXECUTE STATEMENT SET BEGIN
INSERT INTO w SELECT k, window_start, COUNT(*), SUM(v) FROM TABLE(TUMBLE(TABLE e, DESCRIPTOR(ts), INTERVAL '5' SECOND))
    GROUP BY k, window_start, window_end;
INSERT INTO j SELECT a.id, b.id, a.v - b.v FROM e a JOIN e b ON a.id = b.v;
INSERT INTO g SELECT k, COUNT(*), SUM(v) FROM e GROUP BY k;
END;
SQL
}

# start FILE ARGS...: in the background, until it has made its first checkpoint
start()
{
    "$LEAT" run "$@" >run.out 2>run.err &
    pid=$!
    name=$(basename "$1" .sql)
    tries=0
    until ls state/leat/"$name"-*/checkpoints/chk-*.manifest >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -gt 400 ] && { fail "no checkpoint: $(cat run.err)"; return; }
        sleep 0.05
    done
}

# What jobs have written. Whoever asks whether one runs tries its lock.
files()
{
    find state w j -type f ! -name lock -exec cksum {} + | sort
}

# agrees NAME ARGS...: all checkpoints but the first, which has none before it
agrees()
{
    count=$(find state/leat/"$1"-*/checkpoints -name '*.manifest' | wc -l)
    for lanes in 1 2 4; do
        expect_exit "replay $* with $lanes lanes" 0 "$LEAT" replay "$@" --all --parallelism "$lanes"
        expect "all of $1 agree" "$((count - 1)) of $((count - 1)) checkpoints agree" "$(tail -n 1 out)"
    done
}

# spoil FILE BYTE: another first digit in the first `v` behind the byte
spoil()
{
    at=$(grep -bo '"v":' "$1" | awk -F: -v from="$2" '$1 > from { print $1 + 4; exit }')
    old=$(dd if="$1" bs=1 skip="$at" count=1 2>/dev/null)
    printf '%s' "$((old % 8 + 1))" | dd of="$1" bs=1 seek="$at" conv=notrunc 2>/dev/null
}

# differs NAME: exactly one stretch does
differs()
{
    expect_exit "replay of changed input of $1" 5 "$LEAT" replay "$1" --all
    expect_has "replay of changed input of $1" err "differs: "
    expect_has "replay of changed input of $1" out "'Sink: g' differs: "
    expect_has "replay of changed input of $1" err "the checkpoint says"
    expect "one stretch of $1 differs" "$((count - 2)) of $((count - 1)) checkpoints agree" "$(tail -n 1 out)"
}

# ---- a file read once ----

events 1 20000 >in.jsonl
statements "'path' = 'in.jsonl', 'scan.rate-limit' = '5000'" >paced.sql
start paced.sql --parallelism 2
sleep 1.5
expect_exit "stop" 0 "$LEAT" stop paced --savepoint end
wait "$pid"
before=$(files)
agrees paced
expect_exit "replay of the newest one" 0 "$LEAT" replay paced
expect "sinks of the newest one" 3 "$(grep -c 'agrees: ' out)"
expect_exit "replay by file, with a file" 0 "$LEAT" replay ./paced.sql paced.sql
expect_exit "replay of a savepoint, from the beginning" 0 "$LEAT" replay end
expect_has "replay of a savepoint" out "from the beginning of the input"
last=$(find state/leat/paced-*/checkpoints -name '*.manifest' | sort -V | tail -n 1)
expect_exit "replay of a manifest" 0 "$LEAT" replay "$last"
expect_exit "statements of a checkpoint" 0 "$LEAT" state show "$last" '$statements' -o jsonl
expect_has "statements of a checkpoint" out 'EXECUTE STATEMENT SET BEGIN'
expect "nothing was written" "$before" "$(files)"

sed "s/SUM(v) FROM e/SUM(v + 1) FROM e/" paced.sql >edited.sql
expect_exit "replay with other statements" 5 "$LEAT" replay end edited.sql
expect_has "replay with other statements" err "'Sink: g' differs"

"$LEAT" replay paced --all >out
middle=$(grep -o 'in.jsonl at byte [0-9]*' out | sed -n '3s/.* //p')
cp in.jsonl kept.jsonl
spoil in.jsonl "$middle"
differs paced
third=$(grep -n '^checkpoint' out | sed -n '3s/.*checkpoint \([0-9]*\).*/\1/p')
expect_exit "replay of the stretch" 5 "$LEAT" replay "$(dirname "$last")/chk-$third.manifest" --parallelism 1
cp kept.jsonl in.jsonl
expect_exit "replay of the input as it was" 0 "$LEAT" replay "$(dirname "$last")/chk-$third.manifest"
head -c 300000 kept.jsonl >in.jsonl
expect_exit "replay of input that became shorter" 5 "$LEAT" replay end
expect_has "replay of input that became shorter" err "cannot be read again"
cp kept.jsonl in.jsonl

# Resumed after a kill: the numbers go on, and so do the hashes.
start paced.sql --parallelism 3
await run.err "resumed"
sleep 0.5
kill -KILL "$pid"
wait "$pid" 2>/dev/null
agrees paced

# ---- files that are followed, one of them renamed meanwhile ----

mkdir logs
events 1 500 >logs/a
statements "'path' = 'logs', 'source.monitor-interval' = '50 ms'" >follow.sql
start follow.sql
for step in 1 2 3 4 5 6; do
    events $((step * 500 + 1)) $((step * 500 + 500)) >>logs/a
    [ "$step" = 3 ] && { mv logs/a logs/b; : >logs/a; }
    sleep 0.2
done
sleep 0.3
expect_exit "stop" 0 "$LEAT" stop follow
wait "$pid"
agrees follow
spoil logs/b 60000
differs follow

# ---- sources that wait for each other: one at its end does not hold the other ----

cat >aligned.sql <<'SQL'
SET 'execution.checkpointing.interval' = '200 ms';
SET 'execution.checkpointing.num-retained' = '100';
CREATE TABLE e (id BIGINT, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
    WITH ('connector' = 'filesystem', 'path' = 'in.jsonl', 'format' = 'json', 'scan.rate-limit' = '5000',
    'scan.watermark.alignment.group' = 'all', 'scan.watermark.alignment.max-drift' = '2 s');
CREATE TABLE f WITH ('scan.rate-limit' = '4000') LIKE e (OVERWRITING OPTIONS);
CREATE TABLE b (a BIGINT, b BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO b SELECT e.id, f.id FROM e JOIN f ON e.id = f.v;
SQL
start aligned.sql
sleep 1
kill -TERM "$pid"
wait "$pid"
agrees aligned

# ---- a file of several jobs ----

cat >two.sql <<'SQL'
SET 'execution.checkpointing.interval' = '200 ms';
SET 'execution.checkpointing.num-retained' = '100';
CREATE TABLE n (a BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '1000');
CREATE TABLE e (id BIGINT, k BIGINT) WITH ('connector' = 'filesystem', 'path' = 'in.jsonl', 'format' = 'json', 'scan.rate-limit' = '5000');
CREATE TABLE b (k BIGINT, c BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'blackhole');
CREATE TABLE t (id BIGINT, now TIMESTAMP_LTZ(3)) WITH ('connector' = 'blackhole');
INSERT INTO b SELECT a, COUNT(*) FROM n GROUP BY a;
INSERT INTO b SELECT k, COUNT(*) FROM e GROUP BY k;
INSERT INTO t SELECT id, CURRENT_TIMESTAMP FROM e;
SQL
start two.sql
sleep 0.6
kill -TERM "$pid"
wait "$pid"
agrees two-2
agrees two-2 two.sql

# What depends on the clock does not come again.
expect_exit "replay of what the clock says" 5 "$LEAT" replay two-3 --all
expect_has "replay of what the clock says" err "depends on the order of arrival or on the clock"

# ---- what cannot be repeated ----

cat >secret.sql <<'SQL'
SET 'pipeline.name' = 'secret';
CREATE TABLE g (n BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '10');
CREATE TABLE b (n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO b SELECT n FROM g WHERE 'password' = 'password';
SQL
expect_exit "a job with a secret" 0 "$LEAT" run secret.sql
expect_exit "replay of a job with a secret" 1 "$LEAT" replay secret
expect_has "replay of a job with a secret" err "without secrets such as 'password'"
expect_exit "replay of a job with a secret, with its file" 0 "$LEAT" replay secret secret.sql
expect_exit "a pipe" 0 sh -c "printf '{\"n\":1}\n' | '$LEAT' -e \"SET 'pipeline.name' = 'piped'; SET 'execution.checkpointing.interval' = '1 s';
    CREATE TABLE p (n BIGINT) WITH ('connector' = 'stdin', 'format' = 'json');
    CREATE TABLE b (n BIGINT) WITH ('connector' = 'blackhole'); INSERT INTO b SELECT n FROM p\""
expect_exit "replay of a pipe" 2 "$LEAT" replay piped </dev/null
expect_has "replay of a pipe" err "cannot be read again"
expect_exit "replay of nothing" 1 "$LEAT" replay
expect_exit "replay of an unknown job" 1 "$LEAT" replay nobody
finish
