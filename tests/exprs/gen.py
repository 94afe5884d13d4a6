#!/usr/bin/env python3
"""gen.py SEED COUNT > expressions.jsonl: random typed SQL expressions over the table of table.json, for Oracle.java to evaluate.

A grammar by result class: each class has columns, literals and templates whose {X} are expressions of class X. One argument in twenty is of another
class on purpose (coercion, and what the planner refuses). The first part is systematic: every template with plain arguments, and a CAST between
every pair of types; the rest is random, up to four calls deep. The same seed gives the same expressions."""
import json
import pathlib
import random
import sys

HERE = pathlib.Path(__file__).resolve().parent
CLASSES = "B T H I L F D P S Y A M K Z V W AI AS AP AD MS MI R".split()

COLUMNS = {
    "B": ["c_b", "c_b2", "c_bn"], "T": ["c_t", "c_tn"], "H": ["c_h"], "I": ["c_i", "c_i2", "c_in"], "L": ["c_l", "c_l2"], "F": ["c_f", "c_f2"],
    "D": ["c_d", "c_d2"], "P": ["c_p52", "c_p10", "c_p184", "c_p202", "c_p3810", "c_p3838", "c_p33"], "S": ["c_c5", "c_v10", "c_s", "c_s2", "c_num", "c_sn"],
    "Y": ["c_y3", "c_vy", "c_by"], "A": ["c_a", "c_a2"], "M": ["c_m0", "c_m3"], "K": ["c_k0", "c_k3", "c_k6", "c_k9", "c_kn"],
    "Z": ["c_z0", "c_z3", "c_z6", "c_z9"], "V": ["c_iym"], "W": ["c_ids"], "AI": ["c_ai"], "AS": ["c_as"], "AP": ["c_ap"], "AD": ["c_ad"],
    "MS": ["c_ms"], "MI": ["c_mi"], "R": ["c_r"], "time_text": ["c_time"], "json": ["c_json"]}

LITERALS = {
    "B": ["TRUE", "FALSE", "CAST(NULL AS BOOLEAN)", "UNKNOWN"],
    "T": ["CAST(7 AS TINYINT)", "CAST(-128 AS TINYINT)", "CAST(NULL AS TINYINT)"],
    "H": ["CAST(300 AS SMALLINT)", "CAST(-32768 AS SMALLINT)", "CAST(NULL AS SMALLINT)"],
    "I": ["0", "1", "2", "3", "-1", "10", "42", "100", "2147483647", "-2147483647", "CAST(NULL AS INT)", "5", "7"],
    "L": ["3000000000", "CAST(1 AS BIGINT)", "9223372036854775807", "CAST(NULL AS BIGINT)", "-9000000000", "CAST(0 AS BIGINT)"],
    "F": ["CAST(1.5 AS FLOAT)", "CAST(0 AS FLOAT)", "CAST(-2.25 AS FLOAT)", "CAST(NULL AS FLOAT)", "CAST(0.1 AS FLOAT)"],
    "D": ["1.5E0", "0E0", "-2.5E0", "1E10", "0.1E0", "1E-3", "CAST(NULL AS DOUBLE)", "3E0", "1E300"],
    "P": ["1.5", "0.0", "-2.50", "0.001", "123456789.123456789", "99999999999999999999", "0.5", "-0.5", "2.5", "1.0", "CAST(NULL AS DECIMAL(10, 3))",
          "CAST('12345678901234567890.123456789012345678' AS DECIMAL(38, 18))", "CAST(3 AS DECIMAL(38, 18))", "CAST(7 AS DECIMAL(1, 0))"],
    "S": ["'a'", "''", "'Hello World'", "'abc'", "'12'", "' x '", "'äöü€'", "'a,b,c'", "'x=1,y=2'", "CAST(NULL AS STRING)", "CAST('ab' AS CHAR(4))",
          "CAST('abc' AS VARCHAR(5))", "'-3.75'", "'TRUE'", "'😀z'", "'2024-02-29'", "'A'", "'aXbX'"],
    "Y": ["x'48656C6C6F'", "x'00ff'", "x''", "CAST(NULL AS BYTES)", "CAST(x'0102' AS BINARY(3))", "CAST(x'4142' AS VARBINARY(2))", "x'C3A4'"],
    "A": ["DATE '2024-02-29'", "DATE '1969-12-31'", "DATE '2000-01-01'", "CAST(NULL AS DATE)", "DATE '2021-03-28'", "DATE '1752-10-15'"],
    "M": ["TIME '12:34:56'", "TIME '00:00:00'", "TIME '23:59:59'", "CAST(NULL AS TIME(3))", "TIME '06:07:08'"],
    "K": ["TIMESTAMP '2024-02-29 12:34:56'", "TIMESTAMP '1969-12-31 00:00:00'", "TIMESTAMP '2021-03-28 02:30:00.123456'",
          "TIMESTAMP '2000-01-01 00:00:00.000000001'", "CAST(NULL AS TIMESTAMP(3))", "TIMESTAMP '2023-12-31 23:59:59.9'"],
    "Z": ["TO_TIMESTAMP_LTZ(0, 3)", "TO_TIMESTAMP_LTZ(1711846800000, 3)", "CAST(TIMESTAMP '2024-10-27 02:30:00.5' AS TIMESTAMP_LTZ(3))",
          "CAST(NULL AS TIMESTAMP_LTZ(3))", "CAST('2020-06-01 10:00:00.123456' AS TIMESTAMP_LTZ(6))"],
    "V": ["INTERVAL '1' MONTH", "INTERVAL '2-10' YEAR TO MONTH", "INTERVAL -'3' YEAR", "CAST(NULL AS INTERVAL MONTH)", "INTERVAL '13' MONTH"],
    "W": ["INTERVAL '1' DAY", "INTERVAL '10' MINUTE", "INTERVAL '1 02:03:04.567' DAY TO SECOND", "INTERVAL -'36' HOUR", "INTERVAL '0.001' SECOND",
          "CAST(NULL AS INTERVAL SECOND)"],
    "AI": ["ARRAY[1, 2, 3]", "ARRAY[3, CAST(NULL AS INT), 1, 3]", "CAST(NULL AS ARRAY<INT>)", "ARRAY[c_i, 5]"],
    "AS": ["ARRAY['a', 'b']", "ARRAY['b', CAST(NULL AS STRING), 'a', 'b']", "ARRAY[c_s, c_s2]", "CAST(NULL AS ARRAY<STRING>)"],
    "AP": ["ARRAY[1.5, 2.25]", "ARRAY[c_p52, 0.5]"],
    "AD": ["ARRAY[1.5E0, 0E0, 2E0]", "ARRAY[c_d, c_d2]"],
    "MS": ["MAP['a', 1, 'b', 2]", "MAP['a', c_i, 'x', CAST(NULL AS INT)]", "CAST(NULL AS MAP<STRING, INT>)"],
    "MI": ["MAP[1, 'a', 2, 'b']", "MAP[3, c_s]"],
    "R": ["ROW(1, 'a')", "ROW(c_i, c_s)", "(1, 'x')"],
    "n": ["0", "1", "2", "3", "4", "5", "-1", "-2", "10", "c_small"],
    "pos": ["1", "2", "3", "5", "c_small"],
    "digits": ["0", "1", "2", "-1", "3", "-2", "5", "20", "c_small"],
    "json": ["'{\"a\":1,\"b\":[1,2,{\"c\":\"x\"}],\"d\":null}'", "'[1,2.5,\"x\",true]'", "'{\"a\":{\"b\":\"c\"}}'", "'{bad'", "'\"s\"'", "'1'", "''"],
    "path": ["'$.a'", "'$.b'", "'$.b[0]'", "'$.b[2].c'", "'$.a.b'", "'lax $.a'", "'strict $.x'", "'$'", "'$[1]'", "'$.d'", "'$.*'", "'$.b[*]'", "'$..c'"],
    "regex": ["'[a-z]+'", "'(\\w+)\\s(\\w+)'", "'a|b'", "'^.'", "'\\d+'", "'(.)(.)'", "'x*'", "'l{2}'", "'('", "'[A-Z]'", "'o\\b'", "c_s2"],
    "rep": ["'X'", "''", "'$1-'", "'<$0>'", "'\\$'", "'y'"],
    "like": ["'%a%'", "'a%'", "'%o'", "'_b%'", "'abc'", "'%'", "''", "'H%o%d'", "'%\\%%'", "c_s2", "'%_'"],
    "similar": ["'(a|b)%'", "'[a-z]+'", "'%l{2}%'", "'a_c'", "'[[:ALPHA:]]*'"],
    "sep": ["','", "'l'", "' '", "''", "'=' ", "'X'", "c_s2"],
    "format": ["'yyyy-MM-dd'", "'HH:mm:ss'", "'yyyy-MM-dd HH:mm:ss.SSS'", "'dd/MM/yy'", "'EEE, d MMM yyyy'", "'yyyyMMdd'", "'h:mm a'", "'DDD'", "'yyyy-MM-dd''T''HH:mm'","'E MMMM'"],
    "parsed": ["'yyyy-MM-dd'", "'HH:mm:ss'", "'yyyy-MM-dd HH:mm:ss.SSS'", "'dd/MM/yy'", "'yyyyMMdd'", "'yyyy-MM-dd HH:mm:ss'"],
    "time_text": ["'2024-02-29'", "'2024-02-29 12:34:56'", "'2024-02-29 12:34:56.789'", "'12:34:56'", "'bad'", "'2023-02-29'", "'2024-2-9'", "'1999-12-31 23:59:59.123456789'",
                  "'20240229'", "'29/02/24'"],
    "zone": ["'UTC'", "'Asia/Tokyo'", "'America/New_York'", "'GMT+2'", "'Nowhere'", "'-03:30'"],
    "num_text": ["'12'", "' 42 '", "'-7'", "'1.5'", "'1e3'", "'abc'", "''", "'99999999999'", "'0x10'", "'+5'", "'.5'", "'NaN'"],
    "url": ["'http://user:pw@host.com:80/p/a.html?k=v&x=1#frag'", "'nope'", "c_s"],
    "urlpart": ["'HOST'", "'PATH'", "'QUERY'", "'REF'", "'PROTOCOL'", "'FILE'", "'AUTHORITY'", "'USERINFO'", "'bad'"],
    "charset": ["'UTF-8'", "'US-ASCII'", "'ISO-8859-1'", "'UTF-16BE'", "'UTF-16'"],
}

T_UNIT = ["YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND"]
E_UNIT = T_UNIT + ["MICROSECOND", "NANOSECOND", "DOY", "DOW", "ISODOW", "ISOYEAR", "EPOCH", "DECADE", "CENTURY", "MILLENNIUM"]

TEMPLATES = {
    "B": ["{B} AND {B}", "{B} OR {B}", "NOT {B}", "{B} IS TRUE", "{B} IS NOT TRUE", "{B} IS FALSE", "{B} IS UNKNOWN", "{B} IS NOT FALSE", "{B} IS NOT UNKNOWN",
          "{X} = {X}", "{X} <> {X}", "{X} < {X}", "{X} <= {X}", "{X} > {X}", "{X} >= {X}", "{S} = {S}", "{S} < {S}", "{S} >= {S}", "{S} <> {S}",
          "{K} < {K}", "{K} = {K}", "{Z} >= {Z}", "{A} < {A}", "{A} = {A}", "{M} > {M}", "{V} < {V}", "{W} >= {W}", "{Y} = {Y}", "{Y} < {Y}", "{B} = {B}", "{B} < {B}",
          "{K} = {Z}", "{A} = {time_text}", "{K} > {time_text}", "{M} < {time_text}", "{R} = {R}", "{AI} = {AI}", "{MS} = {MS}", "{AS} <> {AS}",
          "{any} IS NULL", "{any} IS NOT NULL", "{X} IS DISTINCT FROM {X}", "{S} IS NOT DISTINCT FROM {S}", "{K} IS DISTINCT FROM {K}",
          "{X} BETWEEN {X} AND {X}", "{X} NOT BETWEEN {X} AND {X}", "{I} BETWEEN SYMMETRIC {I} AND {I}", "{S} BETWEEN {S} AND {S}", "{A} BETWEEN {A} AND {A}",
          "{I} NOT BETWEEN SYMMETRIC {I} AND {I}", "{K} BETWEEN {K} AND {K}",
          "{I} IN ({I}, {I}, {I})", "{I} NOT IN (1, 2, {I})", "{S} IN ('a', 'abc', {S})", "{S} NOT IN ({S}, 'b')", "{P} IN (1.5, {P}, 0.5)", "{A} IN ({A}, DATE '2024-02-29')",
          "{X} IN (1, 2.5, {X})", "{L} IN (1, 2, 3, 4, 5)", "{K} IN ({K}, {K})",
          "{S} LIKE {like}", "{S} NOT LIKE {like}", "{S} LIKE '%!%%' ESCAPE '!'", "{S} SIMILAR TO {similar}", "{S} NOT SIMILAR TO {similar}",
          "REGEXP({S}, {regex})", "STARTSWITH({S}, {S})", "ENDSWITH({S}, {S})", "STARTSWITH({Y}, {Y})", "ENDSWITH({Y}, {Y})", "IS_ALPHA({S})", "IS_DIGIT({S})", "IS_DECIMAL({num_text})",
          "IS_DECIMAL({S})", "IS_ALPHA({X})", "({K}, {K}) OVERLAPS ({K}, {K})", "({A}, {W}) OVERLAPS ({A}, {W})", "({M}, {W}) OVERLAPS ({M}, {M})",
          "ARRAY_CONTAINS({AI}, {I})", "ARRAY_CONTAINS({AS}, {S})", "JSON_EXISTS({json}, {path})", "JSON_EXISTS({json}, {path} TRUE ON ERROR)", "{json} IS JSON",
          "{json} IS NOT JSON", "{json} IS JSON ARRAY", "{json} IS JSON OBJECT", "{json} IS JSON SCALAR", "{S} IS JSON VALUE",
          "JSON_VALUE({json}, {path} RETURNING BOOLEAN)"],
    "T": ["{T} + {T}", "{T} - {T}", "{T} * {T}", "{T} / {T}", "-{T}", "ABS({T})"],
    "H": ["{H} + {T}", "{H} - {H}", "{H} * {H}", "{H} / {H}", "{H} % {T}", "-{H}"],
    "I": ["{I} + {I}", "{I} - {I}", "{I} * {I}", "{I} / {I}", "{I} % {I}", "MOD({I}, {I})", "-{I}", "ABS({I})", "SIGN({I})", "{I} + {T}", "{H} * {I}",
          "CHAR_LENGTH({S})", "CHARACTER_LENGTH({S})", "POSITION({sl} IN {sl})", "LOCATE({S}, {S})", "LOCATE({S}, {S}, {n})", "INSTR({S}, {S})", "INSTR({S}, {S}, {n})",
          "INSTR({S}, {S}, {n}, {pos})", "ASCII({S})", "REGEXP_COUNT({S}, {regex})", "REGEXP_INSTR({S}, {regex})", "CARDINALITY({AI})", "CARDINALITY({AS})", "CARDINALITY({MS})",
          "ARRAY_POSITION({AI}, {I})", "ARRAY_POSITION({AS}, {S})", "{AI}[{pos}]", "{MS}['a']", "{MS}[{S}]", "{R}.a", "ARRAY_MAX({AI})", "ARRAY_MIN({AI})",
          "FLOOR({I})", "CEIL({I})", "ROUND({I}, {digits})", "TRUNCATE({I}, {digits})", "TRUNCATE({I})", "ROUND({I})", "HASH_CODE({S})",
          "TIMESTAMPDIFF({tu}, {K}, {K})", "TIMESTAMPDIFF({tu}, {A}, {A})", "TIMESTAMPDIFF({tu}, {K}, {A})", "TIMESTAMPDIFF({tu}, {Z}, {Z})", "TIMESTAMPDIFF({tu}, {A}, {K})",
          "JSON_VALUE({json}, {path} RETURNING INTEGER)", "GREATEST({I}, {I}, {I})", "LEAST({I}, {I})", "CAST({B} AS INT)", "ELEMENT({AI})"],
    "L": ["{L} + {L}", "{L} - {I}", "{L} * {I}", "{L} / {I}", "{L} % {L}", "-{L}", "ABS({L})", "SIGN({L})", "MOD({L}, {I})", "{I} + {L}", "{L} / {L}",
          "EXTRACT({eu} FROM {K})", "EXTRACT({eu} FROM {A})", "EXTRACT({eu} FROM {Z})", "EXTRACT({eu} FROM {M})", "EXTRACT({eu} FROM {V})", "EXTRACT({eu} FROM {W})",
          "YEAR({A})", "YEAR({K})", "QUARTER({A})", "MONTH({Z})", "WEEK({A})", "DAYOFYEAR({A})", "DAYOFMONTH({A})", "DAYOFWEEK({A})", "HOUR({K})", "MINUTE({M})", "SECOND({K})",
          "HOUR({Z})", "HOUR({M})", "WEEK({K})", "DAYOFYEAR({K})", "DAYOFWEEK({K})", "MONTH({K})", "SECOND({M})", "HOUR({A})",
          "UNIX_TIMESTAMP({time_text})", "UNIX_TIMESTAMP({time_text}, {parsed})", "GREATEST({L}, {L})", "FLOOR({L})", "CEIL({L})", "ROUND({L}, {digits})", "TRUNCATE({L}, {digits})"],
    "F": ["{F} + {F}", "{F} * {F}", "{F} - {F}", "{F} / {F}", "-{F}", "ABS({F})", "SIGN({F})", "FLOOR({F})", "CEIL({F})", "ROUND({F}, {digits})", "TRUNCATE({F}, {digits})", "{F} + {I}", "{F} * {T}", "{F} % {F}"],
    "D": ["{D} + {D}", "{D} - {D}", "{D} * {D}", "{D} / {D}", "{D} + {I}", "{D} * {P}", "{F} * {D}", "{D} % {D}", "-{D}", "ABS({D})", "SIGN({D})", "FLOOR({D})", "CEIL({D})",
          "ROUND({D}, {digits})", "ROUND({D})", "TRUNCATE({D}, {digits})", "TRUNCATE({D})", "SQRT({X})", "LN({X})", "LOG10({X})", "LOG2({X})", "LOG({X})", "LOG({X}, {X})",
          "EXP({X})", "POWER({X}, {X})", "POWER({I}, {n})", "SIN({X})", "COS({X})", "TAN({X})", "COT({X})", "ASIN({X})", "ACOS({X})", "ATAN({X})", "ATAN2({X}, {X})", "SINH({X})", "COSH({X})",
          "TANH({X})", "DEGREES({X})", "RADIANS({X})", "PI()", "E()", "{AD}[{pos}]", "JSON_VALUE({json}, {path} RETURNING DOUBLE)", "GREATEST({D}, {X})", "LEAST({D}, {D})",
          "ARRAY_MAX({AD})", "MOD({D}, {D})", "{D} / {I}", "{P} / {D}"],
    "P": ["{P} + {P}", "{P} - {P}", "{P} * {P}", "{P} / {P}", "{P} % {P}", "{P} + {I}", "{I} - {P}", "{P} * {L}", "{L} / {P}", "{P} / {I}", "-{P}", "ABS({P})", "SIGN({P})",
          "FLOOR({P})", "CEIL({P})", "ROUND({P}, {digits})", "ROUND({P})", "TRUNCATE({P}, {digits})", "TRUNCATE({P})", "MOD({P}, {I})", "{I} % {P}", "GREATEST({P}, {P})",
          "LEAST({P}, {I})", "{AP}[{pos}]", "{T} * {P}", "{P} - {H}", "ARRAY_MIN({AP})"],
    "S": ["{S} || {S}", "CONCAT({S}, {S}, {S})", "CONCAT_WS({sep}, {S}, {S})", "UPPER({S})", "LOWER({S})", "INITCAP({S})", "SUBSTRING({S}, {n})", "SUBSTRING({S}, {n}, {n})",
          "SUBSTRING({S} FROM {n} FOR {n})", "SUBSTR({S}, {n})", "SUBSTR({S}, {n}, {n})", "LEFT({S}, {n})", "RIGHT({S}, {n})", "TRIM({S})", "TRIM(BOTH 'a' FROM {S})",
          "TRIM(LEADING {sep} FROM {S})", "TRIM(TRAILING {S} FROM {S})", "LTRIM({S})", "RTRIM({S})", "BTRIM({S})", "LTRIM({S}, {S})", "RTRIM({S}, 'ol')", "BTRIM({S}, 'Hdx')",
          "LPAD({S}, {n}, {S})", "RPAD({S}, {n}, {S})", "REPEAT({S}, {n})", "REVERSE({S})", "CHR({I})", "CHR({n})", "REPLACE({S}, {S}, {S})", "TRANSLATE({S}, {S}, {S})",
          "OVERLAY({S} PLACING {S} FROM {n})", "OVERLAY({S} PLACING {S} FROM {n} FOR {n})", "SPLIT_INDEX({S}, {sep}, {n})", "SPLIT_INDEX({S}, 44, {n})", "REGEXP_EXTRACT({S}, {regex})",
          "REGEXP_EXTRACT({S}, {regex}, {n})", "REGEXP_REPLACE({S}, {regex}, {rep})", "REGEXP_SUBSTR({S}, {regex})", "BIN({I})", "BIN({L})", "HEX({I})", "HEX({S})", "HEX({L})",
          "TO_BASE64({S})", "FROM_BASE64({S})", "FROM_BASE64(TO_BASE64({S}))", "DECODE({Y}, {charset})", "URL_ENCODE({S})", "URL_DECODE({S})", "PARSE_URL({url}, {urlpart})",
          "PARSE_URL({url}, 'QUERY', 'k')", "JSON_QUOTE({S})", "JSON_UNQUOTE({S})", "JSON_UNQUOTE({json})", "ELT({n}, {S}, {S})", "ELT({pos}, {S}, {S}, {S})", "PRINTF('%s-%s', {S}, {I})", "PRINTF('%05d|%x', {I}, {I})",
          "PRINTF('%.2f %10s', {D}, {S})", "MD5({S})", "SHA1({S})", "SHA224({S})", "SHA256({S})", "SHA384({S})", "SHA512({S})", "SHA2({S}, 256)", "SHA2({S}, {n})", "DATE_FORMAT({K}, {format})",
          "DATE_FORMAT({Z}, {format})", "DATE_FORMAT({time_text}, {format})", "FROM_UNIXTIME({L})", "FROM_UNIXTIME({I}, {format})", "CONVERT_TZ({time_text}, {zone}, {zone})",
          "JSON_VALUE({json}, {path})", "JSON_VALUE({json}, {path} DEFAULT 'e' ON EMPTY DEFAULT 'r' ON ERROR)", "JSON_VALUE({json}, {path} NULL ON EMPTY ERROR ON ERROR)", "JSON_QUERY({json}, {path})",
          "JSON_QUERY({json}, {path} WITH WRAPPER)", "JSON_QUERY({json}, {path} WITH CONDITIONAL WRAPPER)", "JSON_QUERY({json}, {path} EMPTY ARRAY ON EMPTY EMPTY OBJECT ON ERROR)",
          "JSON_STRING({any})", "JSON_OBJECT('k' VALUE {any})", "JSON_OBJECT('k' VALUE {S}, 'l' VALUE {X} ABSENT ON NULL)", "JSON_ARRAY({any}, {S})", "JSON_ARRAY({X}, {S} NULL ON NULL)",
          "TYPEOF({any})", "ARRAY_JOIN({AS}, {sep})", "ARRAY_JOIN({AS}, {sep}, {S})", "{AS}[{pos}]", "{MI}[{pos}]", "{R}.b", "GREATEST({S}, {S})", "LEAST({S}, {S}, {S})", "ARRAY_MAX({AS})",
          "CAST({X} AS STRING)", "CAST({any} AS STRING)", "TRY_CAST({any} AS STRING)", "CAST({K} AS STRING)", "CAST({D} AS VARCHAR(6))", "CAST({S} AS CHAR(4))", "CAST({B} AS STRING)", "UPPER({any})",
          "SUBSTRING({S}, {I}, {I})", "STR_TO_MAP({S})[{S}]", "LEFT({S}, {I})", "RIGHT({S}, {I})"],
    "Y": ["ENCODE({S}, {charset})", "UNHEX({S})", "UNHEX(HEX({S}))", "CAST({S} AS BYTES)", "CAST({Y} AS BINARY(4))", "CAST({S} AS VARBINARY(2))", "REVERSE({Y})", "SUBSTRING({Y}, {n})"],
    "A": ["{A} + {W}", "{A} - {W}", "{A} + {V}", "{A} - {V}", "FLOOR({A} TO {fu})", "CEIL({A} TO {fu})", "TIMESTAMPADD({tu}, {n}, {A})", "TO_DATE({time_text})", "TO_DATE({time_text}, {parsed})",
          "CAST({K} AS DATE)", "CAST({Z} AS DATE)", "CAST({time_text} AS DATE)", "TRY_CAST({S} AS DATE)", "GREATEST({A}, {A})", "{A} + INTERVAL '1' DAY", "{A} - INTERVAL '1' MONTH"],
    "M": ["{M} + {W}", "{M} - {W}", "CAST({K} AS TIME(3))", "CAST({time_text} AS TIME(0))", "TRY_CAST({S} AS TIME(3))", "CAST({Z} AS TIME(3))", "FLOOR({M} TO {fu})", "CEIL({M} TO MINUTE)", "TIMESTAMPADD(SECOND, {n}, {M})"],
    "K": ["{K} + {W}", "{K} - {W}", "{K} + {V}", "{K} - {V}", "FLOOR({K} TO {fu})", "CEIL({K} TO {fu})", "TIMESTAMPADD({tu}, {n}, {K})", "TIMESTAMPADD({tu}, {I}, {K})", "TO_TIMESTAMP({time_text})", "TO_TIMESTAMP({time_text}, {parsed})",
          "CAST({A} AS TIMESTAMP(3))", "CAST({Z} AS TIMESTAMP(6))", "CAST({time_text} AS TIMESTAMP(3))", "TRY_CAST({time_text} AS TIMESTAMP(9))", "CAST({M} AS TIMESTAMP(3))", "CAST({K} AS TIMESTAMP(0))",
          "CAST({K} AS TIMESTAMP(9))", "GREATEST({K}, {K})", "LEAST({K}, {K})", "TIMESTAMPADD(HOUR, {n}, {A})"],
    "Z": ["{Z} + {W}", "{Z} - {V}", "FLOOR({Z} TO {su})", "CEIL({Z} TO {su})", "TIMESTAMPADD({tu}, {n}, {Z})", "TO_TIMESTAMP_LTZ({I}, 0)", "TO_TIMESTAMP_LTZ({L}, 3)", "TO_TIMESTAMP_LTZ({L})", "TO_TIMESTAMP_LTZ({time_text})",
          "TO_TIMESTAMP_LTZ({time_text}, {parsed})", "TO_TIMESTAMP_LTZ({time_text}, {parsed}, {zone})", "CAST({K} AS TIMESTAMP_LTZ(3))", "CAST({A} AS TIMESTAMP_LTZ(0))", "CAST({time_text} AS TIMESTAMP_LTZ(3))", "CAST({Z} AS TIMESTAMP_LTZ(0))",
          "TO_TIMESTAMP_LTZ({D}, 3)"],
    "V": ["{V} + {V}", "{V} - {V}", "-{V}", "{V} * {I}", "CAST({I} AS INTERVAL MONTH)", "({A} - {A}) MONTH", "({K} - {K}) YEAR", "ABS({V})"],
    "W": ["{W} + {W}", "{W} - {W}", "-{W}", "{W} * {I}", "CAST({L} AS INTERVAL SECOND)", "({K} - {K}) SECOND", "({A} - {A}) DAY", "{W} / {I}", "({Z} - {Z}) HOUR", "({M} - {M}) MINUTE"],
    "AI": ["ARRAY[{I}, {I}]", "ARRAY[{I}, {T}, {H}]", "ARRAY_APPEND({AI}, {I})", "ARRAY_PREPEND({AI}, {I})", "ARRAY_REMOVE({AI}, {I})", "ARRAY_CONCAT({AI}, {AI})", "ARRAY_UNION({AI}, {AI})", "ARRAY_EXCEPT({AI}, {AI})",
           "ARRAY_INTERSECT({AI}, {AI})", "ARRAY_DISTINCT({AI})", "ARRAY_REVERSE({AI})", "ARRAY_SLICE({AI}, {n})", "ARRAY_SLICE({AI}, {n}, {n})", "ARRAY_SORT({AI})", "ARRAY_SORT({AI}, {B})", "ARRAY_SORT({AI}, FALSE, {B})", "MAP_VALUES({MS})",
           "MAP_KEYS({MI})", "CAST({AS} AS ARRAY<INT>)", "CAST({AD} AS ARRAY<INT>)", "TRY_CAST({AS} AS ARRAY<INT>)", "ARRAY_CONCAT({AI})"],
    "AS": ["ARRAY[{S}, {S}]", "SPLIT({S}, {sep})", "ARRAY_APPEND({AS}, {S})", "ARRAY_PREPEND({AS}, {S})", "ARRAY_DISTINCT({AS})", "ARRAY_SORT({AS})", "ARRAY_CONCAT({AS}, {AS})", "REGEXP_EXTRACT_ALL({S}, {regex})", "REGEXP_EXTRACT_ALL({S}, {regex}, {n})",
           "MAP_KEYS({MS})", "MAP_VALUES({MI})", "CAST({AI} AS ARRAY<STRING>)", "ARRAY_REMOVE({AS}, {S})", "ARRAY_UNION({AS}, {AS})", "ARRAY_EXCEPT({AS}, {AS})", "ARRAY_SLICE({AS}, {n}, {n})", "JSON_QUERY({json}, {path} RETURNING ARRAY<STRING>)",
           "ARRAY_SORT({AS}, FALSE)"],
    "AP": ["ARRAY[{P}, {P}]", "ARRAY[{P}, {I}]", "ARRAY_SORT({AP})", "CAST({AI} AS ARRAY<DECIMAL(6, 2)>)", "ARRAY_APPEND({AP}, {P})", "ARRAY_DISTINCT({AP})"],
    "AD": ["ARRAY[{D}, {D}]", "ARRAY[{D}, {I}]", "ARRAY_SORT({AD})", "CAST({AI} AS ARRAY<DOUBLE>)", "ARRAY_DISTINCT({AD})", "ARRAY_REVERSE({AD})"],
    "MS": ["MAP[{S}, {I}]", "MAP['a', {I}, {S}, {I}]", "MAP_FROM_ARRAYS({AS}, {AI})", "MAP_UNION({MS}, {MS})", "CAST(MAP['a', {L}] AS MAP<STRING, INT>)"],
    "MI": ["MAP[{I}, {S}]", "MAP_FROM_ARRAYS({AI}, {AS})", "MAP_UNION({MI}, {MI})", "MAP[1, {S}, 2, {S}]", "CAST(STR_TO_MAP({S}) AS MAP<INT, STRING>)"],
    "R": ["ROW({I}, {S})", "CAST(ROW({I}, {S}) AS ROW<a BIGINT, b STRING>)", "CAST(({X}, {X}) AS ROW<a INT, b STRING>)"],
    "other": ["STR_TO_MAP({S})", "STR_TO_MAP({S}, ',', '=')", "STR_TO_MAP({S}, {sep}, {sep})", "MAP_ENTRIES({MS})", "MAP_ENTRIES({MI})", "ROW({any}, {any})", "ARRAY[{any}, {any}]", "ARRAY[{K}, {K}]", "ARRAY[{A}, {A}]", "MAP[{any}, {any}]", "ARRAY[{R}, {R}]",
              "ARRAY[{AI}, {AI}]", "ARRAY[{Y}]", "ARRAY[{W}, {W}]", "ROW({X})", "MAP[{A}, {K}]", "ROW({X}, {S}, {any})", "COALESCE({any}, {any})", "CASE WHEN {B} THEN {any} ELSE {any} END", "IF({B}, {any}, {any})",
              "GREATEST({any}, {any})", "{any} + {any}", "{any} - {any}", "{any} * {any}", "{any} / {any}", "{any} || {any}", "{any} = {any}", "{any} < {any}", "-{any}", "ABS({any})", "ARRAY_CONTAINS({any}, {any})", "{any}[{any}]", "NULLIF({any}, {any})",
              "{any} IN ({any}, {any})", "CONCAT({any}, {any})", "FLOOR({any})", "CHAR_LENGTH({any})", "NOT {any}", "{any} AND {any}", "COALESCE({any}, NULL)", "CASE WHEN {B} THEN NULL ELSE {any} END", "IFNULL({any}, {any})", "{any} % {any}",
              "ROUND({any}, 1)", "EXTRACT({eu} FROM {any})", "SUBSTRING({any}, 2)", "CARDINALITY({any})", "{any} LIKE {any}", "{any} BETWEEN {any} AND {any}"],
}
GENERAL = ["CASE WHEN {B} THEN {0} ELSE {0} END", "CASE WHEN {B} THEN {0} WHEN {B} THEN {0} END", "CASE {I} WHEN 1 THEN {0} WHEN {I} THEN {0} ELSE {0} END", "IF({B}, {0}, {0})", "COALESCE({0}, {0})", "COALESCE({0}, {0}, {0})", "IFNULL({0}, {0})",
           "NULLIF({0}, {0})"]
TYPES = ["BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(5, 2)", "DECIMAL(10, 0)", "DECIMAL(18, 4)", "DECIMAL(38, 10)", "DECIMAL(38, 38)", "DECIMAL(3, 3)", "DECIMAL(20, 2)",
         "CHAR(1)", "CHAR(5)", "VARCHAR(3)", "VARCHAR(20)", "STRING", "BINARY(2)", "BINARY(6)", "VARBINARY(3)", "BYTES", "DATE", "TIME", "TIME(3)", "TIMESTAMP(0)", "TIMESTAMP(3)", "TIMESTAMP",
         "TIMESTAMP(9)", "TIMESTAMP_LTZ(0)", "TIMESTAMP_LTZ(3)", "TIMESTAMP_LTZ(6)", "TIMESTAMP_LTZ(9)", "INTERVAL YEAR TO MONTH", "INTERVAL DAY TO SECOND", "ARRAY<INT>", "ARRAY<STRING>", "ARRAY<DECIMAL(5, 1)>",
         "ARRAY<DOUBLE>", "MAP<STRING, INT>", "MAP<INT, STRING>", "MAP<STRING, STRING>", "ROW<a INT, b STRING>", "ROW<x STRING, y VARCHAR(2)>"]
CAST_TARGETS = {"B": "BOOLEAN", "T": "TINYINT", "H": "SMALLINT", "I": "INT", "L": "BIGINT", "F": "FLOAT", "D": "DOUBLE"}


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick_class(self, name):
        if name == "X":
            return self.random.choice("T H I I L F D D P P".split())
        if name == "any":
            return self.random.choice(CLASSES)
        return name

    def leaf(self, name):
        columns, literals = COLUMNS.get(name, []), LITERALS.get(name, [])
        if name == "num_text" and self.random.random() < 0.5:
            return "c_num"
        if columns and (not literals or self.random.random() < 0.72):
            return self.random.choice(columns)
        return self.random.choice(literals)

    def expr(self, name, depth):
        name = self.pick_class(name)
        if name == "sl":
            return self.leaf("S")
        if name == "tu":
            return self.random.choice(T_UNIT[:8])
        if name == "su": # of a zone with summer time: Flink rounds with the offset of the value, not of the result
            return self.random.choice(["HOUR", "MINUTE", "SECOND"])
        if name == "fu":
            return self.random.choice(T_UNIT)
        if name == "eu":
            return self.random.choice(E_UNIT)
        if name not in TEMPLATES:
            return self.leaf(name)
        if name in CLASSES and self.random.random() < 0.03:
            name = self.random.choice(CLASSES)
        if depth <= 0 or (name in CLASSES and self.random.random() < 0.2):
            return self.leaf(name)
        chosen = self.random.random()
        if name in CLASSES and chosen < 0.10:
            template = self.random.choice(GENERAL).replace("{0}", "{" + name + "}")
        elif name in CAST_TARGETS and chosen < 0.2:
            template = self.random.choice(["CAST({%s} AS %s)", "TRY_CAST({%s} AS %s)"]) % (self.random.choice(["X", "X", "S", "num_text"]), CAST_TARGETS[name])
        elif name == "P" and chosen < 0.2:
            p = self.random.choice([1, 3, 5, 9, 10, 18, 19, 20, 27, 37, 38])
            template = "CAST({%s} AS DECIMAL(%d, %d))" % (self.random.choice(["X", "P", "D", "S", "num_text"]), p, self.random.choice([0, 0, 1, 2, 4, 6, 10, 18, p]) % (p + 1))
        else:
            template = self.random.choice(TEMPLATES[name])
        return self.fill(template, depth - 1)

    def fill(self, template, depth, top=False):
        out, i = [], 0
        while i < len(template):
            if template[i] == "{":
                end = template.index("}", i)
                inner = self.expr(template[i + 1:end], depth)
                plain = inner.isalnum() or inner.startswith("c_") and inner.replace("_", "").isalnum()
                call = template[i - 1:i] in ("(", ",") or template[:i].rstrip().endswith(("(", ","))
                out.append(inner if plain or inner.startswith("'") or (call and template[end + 1:end + 2] in (",", ")")) else "(" + inner + ")")
                i = end + 1
            else:
                out.append(template[i])
                i += 1
        return "".join(out)


def systematic(g):
    """Every template three times with plain arguments; casts between all pairs, of columns and of literals."""
    for name, templates in TEMPLATES.items():
        for template in templates:
            for _ in range(5):
                yield g.fill(template, 0)
    for name in CLASSES:
        for column in COLUMNS[name]:
            yield column
            for target in TYPES:
                yield f"CAST({column} AS {target})"
                if g.random.random() < 0.25:
                    yield f"TRY_CAST({column} AS {target})"
        for literal in LITERALS[name]:
            for target in g.random.sample(TYPES, 8):
                yield f"{g.random.choice(['CAST', 'CAST', 'TRY_CAST'])}({literal} AS {target})"
    for column in ("c_time", "c_json", "c_num"):
        for target in TYPES:
            yield f"CAST({column} AS {target})"
            yield f"TRY_CAST({column} AS {target})"
    for name in CLASSES:
        for template in GENERAL:
            for _ in range(3):
                yield g.fill(template.replace("{0}", "{" + name + "}"), 0)


def main(seed, count):
    g, seen, out = Generator(seed), set(), []
    for text in systematic(g):
        if text not in seen:
            seen.add(text)
            out.append(text)
    weights = [1, 1, 2, 2, 2, 3, 3, 3, 4]
    while len(out) < count:
        name = g.random.choice(CLASSES + ["B", "I", "D", "P", "P", "S", "S", "S", "K", "other"])
        text = g.expr(name, g.random.choice(weights))
        if text not in seen and len(text) < 400:
            seen.add(text)
            out.append(text)
    g.random.shuffle(out)
    for text in out:
        print(json.dumps({"e": text}, ensure_ascii=False))


main(int(sys.argv[1]), int(sys.argv[2]))
