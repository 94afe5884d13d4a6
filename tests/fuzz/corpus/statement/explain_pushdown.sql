CREATE TABLE wide (a INT, b STRING, c DOUBLE, d ARRAY<INT>, e BOOLEAN) WITH ('connector' = 'feed', 'format' = 'json', 'bounded' = 'true')
;
EXPLAIN SELECT b FROM wide WHERE a > 1
;
EXPLAIN SELECT COUNT(*) FROM wide
;
EXPLAIN SELECT COUNT(*) FROM wide WHERE c > 0
;
EXPLAIN SELECT w.x FROM (SELECT a + 1 AS x, b, c FROM wide) AS w WHERE w.x > 2
;