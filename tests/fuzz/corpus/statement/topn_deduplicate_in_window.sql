CREATE TABLE b (k STRING, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'feed', 'format' = 'json')
;
SELECT k, v, window_end FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, k ORDER BY ts ASC) AS rn FROM TUMBLE(TABLE b, DESCRIPTOR(ts), INTERVAL '10' SECOND))
WHERE rn <= 1
;
SELECT k, v, window_end FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, k ORDER BY ts DESC) AS rn FROM TUMBLE(TABLE b, DESCRIPTOR(ts), INTERVAL '10' SECOND))
WHERE rn = 1
;