-- Revenue per item and minute; orders come up to five seconds out of order. Runs unchanged on Apache Flink 2.2.

CREATE TABLE orders (
  id BIGINT,
  ts TIMESTAMP(3),
  item STRING,
  price DECIMAL(10, 2),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'filesystem', 'path' = 'examples/shop/orders.jsonl', 'format' = 'json');

CREATE TABLE revenue (
  window_end TIMESTAMP(3),
  item STRING,
  orders BIGINT,
  total DECIMAL(38, 2)
) WITH ('connector' = 'print');

INSERT INTO revenue
SELECT window_end, item, COUNT(*), SUM(price)
FROM TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' MINUTE)
GROUP BY window_start, window_end, item;
