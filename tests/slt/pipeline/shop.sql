-- Revenue per minute and large orders, as it would run on a broker.
SET 'pipeline.name' = 'shop';

CREATE TABLE orders (
  id BIGINT,
  item STRING,
  amount DECIMAL(10, 2),
  ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (
  'connector' = 'filesystem', -- the test feeds it
  'path' = 'orders.jsonl; not here',
  'format' = 'json'
);

CREATE TABLE revenue (
  window_end TIMESTAMP(3),
  item STRING,
  total DECIMAL(38, 2)
) PARTITIONED BY (item) WITH ('connector' = 'filesystem', 'path' = '/nowhere/revenue', 'format' = 'csv');

CREATE TABLE large_orders (id BIGINT, amount DECIMAL(10, 2)) WITH ('connector' = 'print');

INSERT INTO revenue
SELECT window_end, item, SUM(amount)
FROM TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' MINUTE)
GROUP BY window_start, window_end, item;

INSERT INTO large_orders SELECT id, amount FROM orders WHERE amount > 100;
