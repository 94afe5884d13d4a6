CREATE TABLE src (a INT) WITH ('connector' = 'feed', 'format' = 'json')
;
CREATE TABLE small (x INT) WITH ('connector' = 'blackhole')
;
CREATE TABLE big (x INT, n BIGINT) WITH ('connector' = 'blackhole')
;
EXECUTE STATEMENT SET BEGIN
INSERT INTO small SELECT a FROM src WHERE a < 3;
INSERT INTO big SELECT a, COUNT(*) FROM src WHERE a >= 3 GROUP BY a;
END
;