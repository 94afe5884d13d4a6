"""The JSON job in DuckDB: json_job_duckdb.py INPUT OUTPUT THREADS"""
import sys

import duckdb

source, target, threads = sys.argv[1:4]
db = duckdb.connect()
db.execute(f"SET threads = {threads}")
db.execute(f"""COPY (
  SELECT (epoch_ms("dateTime") // 60000) * 60000, auction, count(*), sum(price)::BIGINT, max(price)
  FROM read_json('{source}', format = 'newline_delimited', columns = {{auction: 'BIGINT', price: 'BIGINT', "dateTime": 'TIMESTAMP'}})
  GROUP BY ALL) TO '{target}' (FORMAT csv, HEADER false)""")
