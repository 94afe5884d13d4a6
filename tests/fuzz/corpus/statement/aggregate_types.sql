CREATE TABLE t (i INT, l BIGINT, d DOUBLE, m DECIMAL(10, 2), s STRING, b BOOLEAN, ts TIMESTAMP(3), dt DATE) WITH ('connector' = 'feed', 'format' = 'json')
;
SELECT SUM(i), SUM(l), SUM(d), SUM(m), AVG(i), AVG(l), AVG(d), AVG(m) FROM t
;
SELECT MIN(i), MAX(l), MIN(d), MAX(m), MIN(s), MAX(s), MIN(b), MAX(ts), MIN(dt) FROM t
;
SELECT STDDEV_POP(d), VAR_SAMP(d), STDDEV_SAMP(i), VAR_POP(i) FROM t
;