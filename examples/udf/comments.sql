-- What people write, by minute: functions of our own, in C and in SQL.
CREATE FUNCTION count_char AS 'libtext_functions.so#count_char_udf' LANGUAGE C;
CREATE FUNCTION longest AS 'libtext_functions.so#longest_udf' LANGUAGE C;

CREATE FUNCTION is_loud(body STRING) RETURNS BOOLEAN
AS 'count_char(body, ''!'') >= 3 OR body = UPPER(body)' LANGUAGE SQL;

CREATE TABLE comments (
  who STRING,
  body STRING,
  `at` TIMESTAMP(3),
  WATERMARK FOR `at` AS `at`
) WITH ('connector' = 'filesystem', 'path' = 'examples/udf/comments.jsonl', 'format' = 'json');

SELECT window_start, COUNT(*) AS comments, SUM(count_char(body, 'a')) AS a, longest(who) AS who,
  COUNT(*) FILTER (WHERE is_loud(body)) AS loud
FROM TUMBLE(TABLE comments, DESCRIPTOR(`at`), INTERVAL '1' MINUTE)
GROUP BY window_start, window_end;
