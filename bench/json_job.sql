-- JSON lines -> one-minute window by auction -> CSV. ${env:..} names the files.
CREATE TABLE bids (
  auction BIGINT,
  bidder BIGINT,
  price BIGINT,
  channel STRING,
  url STRING,
  `dateTime` TIMESTAMP_LTZ(3),
  extra STRING,
  WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '1' SECOND
) WITH (
  'connector' = 'filesystem',
  'path' = '${env:BENCH_INPUT}',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601'
);

CREATE TABLE prices (
  window_start_ms BIGINT,
  auction BIGINT,
  n BIGINT,
  total BIGINT,
  highest BIGINT
) WITH ('connector' = 'filesystem', 'path' = '${env:BENCH_OUTPUT}', 'format' = 'csv');

INSERT INTO prices
SELECT
  CAST(TIMESTAMPDIFF(SECOND, TIMESTAMP '1970-01-01 00:00:00', window_start) AS BIGINT) * 1000,
  auction, COUNT(*), SUM(price), MAX(price)
FROM TUMBLE(TABLE bids, DESCRIPTOR(`dateTime`), INTERVAL '1' MINUTE)
GROUP BY window_start, window_end, auction;
