CREATE TABLE a (i INT METADATA VIRTUAL, s STRING COMMENT 'x', c AS i + 1, PRIMARY KEY (i) NOT ENFORCED) PARTITIONED BY (s) WITH ('connector' = 'filesystem', 'path' = 'x', 'format' = 'json');
CREATE TEMPORARY VIEW w (x, y) AS SELECT page, n + 1 FROM busy; SHOW CREATE VIEW w; DROP VIEW IF EXISTS w;
ALTER TABLE a SET ('format' = 'csv'); ALTER TABLE a ADD (z ROW<q INT> AFTER s); DESCRIBE a; SHOW TABLES LIKE '%s%'; SHOW COLUMNS FROM users;
CREATE TABLE b LIKE clicks (EXCLUDING ALL INCLUDING WATERMARKS); SET 'table.local-time-zone' = 'Europe/Berlin'; RESET;
CREATE DATABASE d; USE d; CREATE CATALOG c WITH ('type' = 'generic_in_memory'); EXPLAIN PLAN FOR SELECT 1;
