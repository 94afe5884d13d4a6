CREATE TABLE b (k STRING, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'feed', 'format' = 'json')
;
CREATE VIEW big AS SELECT k, v * 10 AS v10, ts FROM b WHERE v >= 2
;
SELECT window_start, SUM(v10) AS s FROM TUMBLE(TABLE big, DESCRIPTOR(ts), INTERVAL '10' SECOND) GROUP BY window_start, window_end
;
WITH more AS (SELECT v + 1 AS w, ts FROM b)
SELECT window_start, SUM(w) AS s
FROM TUMBLE(TABLE more, DESCRIPTOR(ts), INTERVAL '10' SECOND) GROUP BY window_start, window_end
;