#!/bin/sh
# -e over stdin and files, in each output format.
. "$(dirname "$0")/lib.sh"

printf '{"name":"a,b","n":1}\n{"name":"","n":2}\n{"n":3}\n' >in.jsonl
Q="SELECT n, name FROM stdin"

expect csv 'n,name
1,"a,b"
2,""
3,' "$("$LEAT" -e "$Q" -o csv <in.jsonl)"
expect tsv "$(printf 'n\tname\n1\ta,b\n2\t\n3\t\\N')" "$("$LEAT" -e "$Q" -o tsv <in.jsonl)"
expect jsonl '{"n":1,"name":"a,b"}
{"n":2,"name":""}
{"n":3,"name":null}' "$("$LEAT" -e "$Q" -o jsonl <in.jsonl)"
expect json '[
{"n":1,"name":"a,b"},
{"n":2,"name":""},
{"n":3,"name":null}
]' "$("$LEAT" -e "$Q" -o json <in.jsonl)"
expect table 'n  name
-  ------
1  a,b
2
3  <NULL>
(3 rows)' "$("$LEAT" -e "$Q" <in.jsonl)"
expect changelog '+I[1, a,b]
+I[2, ]
+I[3, null]' "$("$LEAT" -e "$Q" -o changelog <in.jsonl)"
expect "file instead of stdin" '{"n":3}' "$("$LEAT" -e "SELECT n FROM 'in.jsonl' WHERE n > 2" -o jsonl)"

V="SELECT * FROM (VALUES (1, 'x'), (2, 'yy')) AS t(id, name)"
expect tableau '+----+-------------+--------------------------------+
| op |          id |                           name |
+----+-------------+--------------------------------+
| +I |           1 |                              x |
| +I |           2 |                             yy |
+----+-------------+--------------------------------+
Received a total of 2 rows' "$("$LEAT" -e "$V" -o tableau)"
expect "tableau of a listing" '+------------+
| table name |
+------------+
|          t |
+------------+
1 row in set' "$("$LEAT" -e "CREATE TABLE t (a INT) WITH ('connector' = 'datagen')" -e "SHOW TABLES" -o tableau)"
expect "empty tableau" 'Empty set' "$("$LEAT" -e "SHOW VIEWS" -o tableau)"

G="SELECT k, COUNT(*) AS n FROM (VALUES ('a'), ('b'), ('a')) AS t(k) GROUP BY k"
expect "final rows" 'a,2
b,1' "$("$LEAT" -e "$G" -o csv | tail -n +2 | sort)"
expect "all changes" '+I[a, 1]
+I[b, 1]
+U[a, 2]
-U[a, 1]' "$("$LEAT" -e "$G" -o changelog | sort)"
expect "several statements" '{"EXPR$0":1}
{"EXPR$0":2}' "$("$LEAT" -e "SELECT 1; SELECT 2" -o jsonl)"

cat >job.sql <<'SQL'
CREATE TABLE a (n BIGINT) WITH ('connector' = 'print', 'print-identifier' = 'A');
CREATE TABLE b (n BIGINT) WITH ('connector' = 'print');
INSERT INTO a SELECT n FROM 'in.jsonl';
INSERT INTO b SELECT n FROM 'in.jsonl' WHERE n > 1;
SQL
expect "two jobs" '+I[2]
+I[3]
A> +I[1]
A> +I[2]
A> +I[3]' "$("$LEAT" run job.sql 2>err | sort)"
expect_has summary err "3 rows in"
expect_exit "show-ddl" 0 "$LEAT" -e "SELECT * FROM 'in.jsonl'" --show-ddl
expect_has "show-ddl" out "CREATE"
expect_exit "json-stats" 0 "$LEAT" run job.sql -q --json-stats stats.json
expect_has "json-stats" stats.json '"rows_in":3'
! command -v python3 >/dev/null || python3 -m json.tool stats.json >/dev/null || fail "json-stats is no JSON"
expect "SQL from stdin" '{"EXPR$0":5}' "$(echo "SELECT 2 + 3" | "$LEAT" run - -q)"
finish
