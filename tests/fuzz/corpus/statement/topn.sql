SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY page ORDER BY price DESC, ts) AS r FROM clicks) WHERE r <= 3;
SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY n DESC) AS r FROM (SELECT window_start, window_end, page, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, page)) WHERE r = 1;
SELECT DISTINCT page FROM clicks LIMIT 3; WITH q AS (SELECT usr FROM clicks) SELECT MAX(usr) FROM q ORDER BY 1; VALUES (1, 'a'), (NULL, 'b');
