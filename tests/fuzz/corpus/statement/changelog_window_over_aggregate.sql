CREATE TABLE b (k STRING, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'feed', 'format' = 'json')
;
SELECT window_start, COUNT(*) FROM TUMBLE(TABLE (SELECT k, MAX(ts) AS ts FROM b GROUP BY k), DESCRIPTOR(ts), INTERVAL '10' SECOND) GROUP BY window_start, window_end