-- The access log of a web server, live: visits per minute, top pages, sessions and error alerts.
-- Runs unchanged on leat and on Apache Flink 2.2:
--   leat run examples/weblog/visits.sql --replay 5000

CREATE TABLE access_log (
  line STRING,
  ts AS TO_TIMESTAMP(REGEXP_EXTRACT(line, '\[([^ \]]+)', 1), 'dd/MMM/yyyy:HH:mm:ss'),
  WATERMARK FOR ts AS ts - INTERVAL '60' SECOND   -- lines come up to a minute out of order
) WITH (
  'connector' = 'filesystem',
  'path' = 'examples/weblog/access.log',
  'format' = 'raw'
);

CREATE VIEW hits AS
SELECT
  ts,
  REGEXP_EXTRACT(line, '^([^ ]+)', 1) AS visitor,
  REGEXP_EXTRACT(line, '"[A-Z]+ ([^ ?"]+)', 1) AS path,
  CAST(REGEXP_EXTRACT(line, '" ([0-9]{3}) ', 1) AS INT) AS status,
  TRY_CAST(REGEXP_EXTRACT(line, '" [0-9]{3} ([0-9]+)', 1) AS BIGINT) AS body_bytes
FROM access_log;

CREATE VIEW minutes AS
SELECT
  window_start,
  window_end,
  COUNT(*) AS visits,
  COUNT(DISTINCT visitor) AS visitors,
  SUM(body_bytes) AS body_bytes,
  CAST(COUNT(*) FILTER (WHERE status >= 400) AS DOUBLE) / COUNT(*) AS error_share
FROM TUMBLE(TABLE hits, DESCRIPTOR(ts), INTERVAL '1' MINUTE)
GROUP BY window_start, window_end;

CREATE TABLE visits_per_minute (
  window_start TIMESTAMP(3),
  window_end TIMESTAMP(3),
  visits BIGINT,
  visitors BIGINT,
  body_bytes BIGINT,
  error_share DOUBLE
) WITH ('connector' = 'filesystem', 'path' = 'out/weblog/visits_per_minute', 'format' = 'json');

CREATE TABLE top_paths (
  window_start TIMESTAMP(3),
  window_end TIMESTAMP(3),
  place BIGINT,
  path STRING,
  visits BIGINT
) WITH ('connector' = 'filesystem', 'path' = 'out/weblog/top_paths', 'format' = 'csv');

CREATE TABLE sessions (
  visitor STRING,
  session_start TIMESTAMP(3),
  session_end TIMESTAMP(3),
  pages BIGINT,
  body_bytes BIGINT
) WITH ('connector' = 'filesystem', 'path' = 'out/weblog/sessions', 'format' = 'json');

CREATE TABLE alerts (
  window_end TIMESTAMP(3),
  visits BIGINT,
  error_share DOUBLE,
  message STRING
) WITH ('connector' = 'print', 'print-identifier' = 'ALERT');

EXECUTE STATEMENT SET BEGIN

INSERT INTO visits_per_minute
SELECT window_start, window_end, visits, visitors, body_bytes, error_share FROM minutes;

INSERT INTO top_paths
SELECT window_start, window_end, place, path, visits
FROM (
  SELECT *, ROW_NUMBER() OVER (
    PARTITION BY window_start, window_end ORDER BY visits DESC, path ASC) AS place
  FROM (
    SELECT window_start, window_end, path, COUNT(*) AS visits
    FROM HOP(TABLE hits, DESCRIPTOR(ts), INTERVAL '5' MINUTE, INTERVAL '10' MINUTE)
    GROUP BY window_start, window_end, path
  )
)
WHERE place <= 3;

INSERT INTO sessions
SELECT visitor, window_start, window_end, COUNT(*), SUM(body_bytes)
FROM SESSION(TABLE hits PARTITION BY visitor, DESCRIPTOR(ts), INTERVAL '30' MINUTE)
GROUP BY visitor, window_start, window_end;

INSERT INTO alerts
SELECT window_end, visits, error_share, 'many requests fail'
FROM minutes
WHERE error_share > 0.05;

END;
