#!/bin/sh
# label: check
# The HTTP endpoint of --metrics: what it serves, and that clients cannot hold the job up.
. "$(dirname "$0")/lib.sh"
command -v curl >/dev/null 2>&1 || { echo "left out: there is no curl" >&2; exit 0; }

cat >flow.sql <<'SQL'
CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '1000', 'fields.n.kind' = 'sequence',
    'fields.n.start' = '1', 'fields.n.end' = '1000000');
CREATE TABLE odd (n BIGINT) WITH ('connector' = 'filesystem', 'path' = 'odd', 'format' = 'json');
INSERT INTO odd SELECT n FROM numbers WHERE MOD(n, 2) = 1;
SQL
"$LEAT" run flow.sql --metrics 127.0.0.1:0 >out 2>err &
pid=$!
await err "metrics on port"
port=$(sed -n 's/.*metrics on port \([0-9]*\).*/\1/p' err)
url=http://127.0.0.1:$port
sleep 1.5

expect "health" "ok" "$(curl -s "$url/healthz")"
expect "another path" 404 "$(curl -s -o /dev/null -w '%{http_code}' "$url/")"
expect "another method" 405 "$(curl -s -o /dev/null -w '%{http_code}' -X POST "$url/metrics")"
curl -s "$url/metrics" >metrics
for name in rows_in_total rows_out_total late_rows_total rejected_rows_total checkpoints_completed_total node_busy_seconds_total \
    node_busy_ratio node_backpressured node_state_bytes node_memory_bytes process_resident_memory_bytes process_uptime_seconds; do
    grep -q "^leat_$name[{ ]" metrics || [ "$name" = node_state_bytes ] || fail "no leat_$name in the metrics"
    grep -q "^# TYPE leat_$name " metrics || fail "leat_$name has no type"
    grep -q "^# HELP leat_$name " metrics || fail "leat_$name has no help"
done
rows=$(sed -n 's/^leat_rows_in_total{job="flow",.*} \([0-9]*\)$/\1/p' metrics)
[ "${rows:-0}" -gt 100 ] || fail "rows in: '$rows'"
# Each family stands once, its samples together.
expect "families" "" "$(grep '^# TYPE' metrics | sort | uniq -d)"
expect "lines" "" "$(grep -vE '^(# (HELP|TYPE) leat_|leat_[a-z_]+(\{[^}]*\})? -?[0-9.e+-]+$)' metrics)"

# Someone who says nothing, and more guests than there is room for: the others are served within two seconds or so.
if command -v python3 >/dev/null 2>&1; then
    python3 - "$port" >slow <<'PY' || fail "slow clients: $(cat slow)"
import socket, sys, time
port = int(sys.argv[1])
held = [socket.create_connection(("127.0.0.1", port)) for _ in range(16)]
for peer in held:
    peer.sendall(b"GET /metrics HTT")
time.sleep(2.8)
for peer in held:
    peer.settimeout(2)
    assert peer.recv(10) == b"", "a silent client was kept"
large = socket.create_connection(("127.0.0.1", port))
large.sendall(b"GET /" + b"a" * 4200)
large.settimeout(5)
assert b"431" in large.recv(100), "a large request was not refused"
began = time.time()
last = socket.create_connection(("127.0.0.1", port))
last.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
last.settimeout(5)
assert b"200 OK" in last.recv(1000)
assert time.time() - began < 0.5, "it took too long"
PY
fi

# Nothing to do: hardly any processor time.
used() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
kill -TERM "$pid"
wait "$pid"
expect "exit code" 0 $?
expect_exit "a bad address" 1 "$LEAT" run flow.sql --metrics nowhere
mkfifo pipe
cat >idle.sql <<'SQL'
SET 'pipeline.name' = 'idle';
CREATE TABLE i (n BIGINT) WITH ('connector' = 'stdin', 'format' = 'json');
CREATE TABLE o (n BIGINT) WITH ('connector' = 'print');
INSERT INTO o SELECT n FROM i;
SQL
"$LEAT" run idle.sql --metrics 127.0.0.1:0 <pipe >out 2>err &
pid=$!
exec 3>pipe
await err "metrics on port"
sleep 0.5
before=$(used "$pid")
sleep 3
after=$(used "$pid")
# Ticks are hundredths of a second; sanitizers are slower.
[ $((after - before)) -le 9 ] || fail "an idle job used $((after - before)) ticks in 3 s"
exec 3>&-
wait "$pid"
finish
