CREATE TABLE t (a INT, PRIMARY KEY (a)) WITH ('connector' = 'blackhole')
;
CREATE TABLE t (a INT PRIMARY KEY, b INT) WITH ('connector' = 'blackhole')
;
CREATE TABLE t (a INT, PRIMARY KEY (a) ENFORCED) WITH ('connector' = 'blackhole')
;
CREATE TABLE t (a INT, b INT, PRIMARY KEY (a) NOT ENFORCED) WITH ('connector' = 'blackhole')
;
CREATE TABLE u (a INT PRIMARY KEY NOT ENFORCED, b INT) WITH ('connector' = 'blackhole')