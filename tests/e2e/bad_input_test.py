#!/usr/bin/env python3
"""Bad input, bad SQL, bad surroundings: the program never dies, never hangs, never loses a row without counting it, and says
what was wrong.

Each case is a function of its own that gets a Box: an empty directory, and run() to start the program in it. Whatever a case
looks at, every run is checked for the same things: no death by signal, no internal error, no sanitizer's report, an end within
TIMEOUT_S, and a ledger that balances at every operator.

Environment: LEAT. Arguments: parts of the names of the cases to run; all by default. Steps that this machine does not allow
(mounting, for one) are named on standard output."""
import concurrent.futures
import gzip
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

PROGRAM = pathlib.Path(os.environ["LEAT"]).resolve()
SANITIZED = b"__asan_init" in PROGRAM.read_bytes()
TIMEOUT_S = 30
NOBODY = 65534
CANARY = "canary-d41d8cd9"
BROKEN = ["Sanitizer", "runtime error:", "internal error", "it failed without saying why", "assertion"]
cases = []
skipped = []


def case(function):
    cases.append(function)
    return function


def need(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(part) for part in what)[:3000])


class Result:
    """How a run ended. stats: of --json-stats; source: the ledger of the first source of the first job."""

    def __init__(self, code, out, err, rss_kb, seconds):
        self.code, self.out, self.err, self.rss_kb, self.seconds = code, out, err, rss_kb, seconds
        self.stats = None
        lines = out.splitlines(keepends=True)
        if lines and lines[-1].startswith('{"exit_code"'):
            self.stats = json.loads(lines.pop())
        self.out = "".join(lines)

    def job(self):
        need(self.stats and self.stats["jobs"], "no statistics", self.err)
        return self.stats["jobs"][0]

    def node(self, part):
        return next(node for node in self.job()["nodes"] if part in node["name"])

    def says(self, code, *parts):
        need(self.code == code, "exit code", self.code, "instead of", code, "\n", self.err, self.out[:500])
        for part in parts:
            need(part in self.err, f"no {part!r} in:\n", self.err)
        return self

    def counts(self, lines, rejected=None):
        """Every line of the input became a row or was rejected while it was parsed."""
        source = self.node("Source")
        need(source["in"] == lines, "lines", lines, "source", source)
        need(source["used"] + source["rejected"] == lines, "lines", lines, "source", source)
        need(self.job()["rows_in"] == source["used"], "rows in", self.job())
        need(rejected is None or source["rejected"] == rejected, "rejected", rejected, "source", source)
        return self

    def rows(self):
        return [json.loads(line) for line in self.out.splitlines()]


def check_ledger(stats, err):
    for job in stats["jobs"]:
        for node in job["nodes"]:
            known = sum(node[name] for name in ("used", "filtered", "late", "expired", "rejected", "held"))
            need(job["state"] == "failed" or node["in"] == known, "the ledger does not balance:", node, err)


class Box:
    def __init__(self, directory):
        self.dir = directory
        self.runs = 0

    def path(self, name):
        return self.dir / name

    def write(self, name, content):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def start(self, args, stdin=subprocess.DEVNULL, stdout=None, nobody=False, limit=None, env=None):
        self.runs += 1
        self.out_path, self.err_path = self.path(f".out{self.runs}"), self.path(f".err{self.runs}")
        extra = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if nobody and os.geteuid() == 0 else {}
        if limit is not None:
            extra["preexec_fn"] = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            return subprocess.Popen([str(PROGRAM), *args], cwd=self.dir, stdin=stdin, stdout=stdout or out, stderr=err,
                                    env=dict(os.environ, HOME=str(self.dir), XDG_STATE_HOME=str(self.dir / ".state"),
                                             LC_ALL="C.UTF-8", **(env or {})), **extra)

    def wait(self, process, started, dies=False, out_of_memory=False):
        out_path, err_path = self.out_path, self.err_path
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise AssertionError("it hangs: " + str(process.args)[:300] + err_path.read_text(errors="replace")[-500:])
            time.sleep(0.005)
        process.returncode = os.waitstatus_to_exitcode(status)
        err = err_path.read_bytes().decode(errors="strict")
        result = Result(process.returncode, out_path.read_bytes().decode(errors="strict"), err, usage.ru_maxrss,
                        time.monotonic() - started)
        for word in BROKEN:
            need(word not in err, f"{word}:", err)
        need(dies or (result.code >= 0 and (result.code != 70 or out_of_memory)), "exit code", result.code, err)
        if result.stats:
            check_ledger(result.stats, err)
        return result

    def run(self, *args, out_of_memory=False, **how):
        started = time.monotonic()
        return self.wait(self.start(args, **how), started, out_of_memory=out_of_memory)

    def sql(self, text, *args, **how):
        """A script as a file: runs with the summary and its statistics; rejects in rejects/job.rejects.jsonl."""
        self.write("job.sql", text)
        return self.run("run", "job.sql", "--rejects", "rejects", "--json-stats", "-", "--no-progress", *args, **how)

    def rejects(self):
        path = self.path("rejects/job.rejects.jsonl")
        found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        for each in found:
            each["bytes"] = bytes.fromhex(each["raw_hex"]) if "raw_hex" in each else each["raw"].encode()
        return found

    def visible(self, name="out"):
        """The lines of the files that a reader of the sink's directory sees. Each file ends with a whole line."""
        lines = []
        for path in sorted(self.path(name).rglob("*")):
            if path.is_file() and not path.name.startswith((".", "_")):
                content = path.read_bytes()
                need(content.endswith(b"\n"), "torn file", path.name, content[-100:])
                lines += content.splitlines()
        return lines


def table(name, columns, path, *options, fmt="json", connector="filesystem"):
    given = [f"'connector' = '{connector}'", f"'path' = '{path}'", f"'format' = '{fmt}'", *options]
    return f"CREATE TABLE {name} ({columns}) WITH ({', '.join(given)});\n"


def policy(name):
    return f"'error.policy' = '{name}'"


def copy_job(path, *options, columns="a INT, b STRING", fmt="json"):
    """Reads path and writes it to out/ as JSON."""
    return (table("t", columns, path, *options, fmt=fmt) + table("o", columns, "out") + "INSERT INTO o SELECT * FROM t;\n")


# ---- files ----


@case
def no_such_file(box):
    box.sql(copy_job("nofile.jsonl")).says(3, "nofile.jsonl", "no such file or directory", "check the path")
    box.run("-e", "SELECT * FROM 'nofile.jsonl'").says(3, "nofile.jsonl", "line 1, column 15")
    box.run("run", "nofile.sql").says(3, "nofile.sql", "no such file or directory")


@case
def no_such_directory(box):
    box.sql(copy_job("nodir/x.jsonl")).says(3, "nodir/x.jsonl", "no such file or directory")
    box.sql(copy_job("nodir/*.jsonl")).says(3, "'nodir'", "no such file or directory")


@case
def unreadable_file(box):
    box.write("secret.jsonl", '{"a":1}\n').chmod(0)
    box.write("job.sql", copy_job("secret.jsonl"))
    box.dir.chmod(0o777)
    box.run("run", "job.sql", nobody=True).says(6, "secret.jsonl", "permission denied")
    box.run("-e", "SELECT * FROM 'secret.jsonl'", nobody=True).says(6, "secret.jsonl", "permission denied")


@case
def empty_file(box):
    box.write("in.jsonl", "")
    box.sql(copy_job("in.jsonl")).says(0).counts(0)
    box.sql(copy_job("in.jsonl", fmt="csv")).says(0).counts(0)
    box.run("-e", "SELECT * FROM 'in.jsonl'").says(4, "holds no data")
    box.write("empty.sql", "")
    box.run("run", "empty.sql").says(0)


@case
def directory_without_matches(box):
    box.path("d").mkdir()
    box.sql(copy_job("d")).says(3, "no file to read: d")
    box.sql(copy_job("d/*.jsonl")).says(3, "no file to read: d/*.jsonl")
    box.write("d/.hidden.jsonl", '{"a":1}\n')
    box.sql(copy_job("d")).says(3, "names that begin with . or _ are passed over")
    box.run("run", "d").says(3, "it is a directory")


# ---- records ----


def judged(box, name, lines, text, options=(), fmt="json", end=b"\n"):
    """lines: (bytes, code or None). Rejects must be those lines, with their codes, raw bytes and positions."""
    content = end.join(line for line, _ in lines) + end
    box.write(name, content)
    result = box.sql(text).says(0)
    wanted, at = [], 0
    for line, code in lines:
        if code:
            wanted.append((code, at, line))
        at += len(line) + len(end)
    found = [(each["code"], each["position"], each["bytes"]) for each in box.rejects()]
    need(found == wanted, "rejects:", str(found)[:1000], "wanted:", str(wanted)[:1000])
    for each in box.rejects():
        need(each["table"] == "t" and each["stage"] == "parse" and each["where"] == name and each["job"] == "job", each)
        need(("raw_hex" in each) == (not is_utf8(each["bytes"])), "hex only for what is not UTF-8:", each)
    return result.counts(len(lines), len(wanted))


def is_utf8(raw):
    try:
        raw.decode()
        return True
    except UnicodeDecodeError:
        return False


@case
def json_of_all_kinds(box):
    lines = [
        (b'{"a":1,"b":"ok"}', None),
        (b'{"a":2,"b":"\xff\xfe"}', "bad-utf8"),
        (b'{"a":2,"b":"\xed\xa0\x80"}', "bad-utf8"),
        (b'{"a":2,"b":"\xc0\xaf"}', "bad-utf8"),
        (b'{"a":3,"b":"n\x00ul"}', "bad-json"),
        (b'\x00', "bad-json"),
        ('{"a":4,"b":"é\U0001f600"}'.encode(), None),
        ('{"a":"é","b":"\U0001f600"}'.encode(), "bad-field"),
        (b'{"a":"x","b":"y"}', "bad-field"),
        (b'{"a":99999999999,"b":"y"}', "bad-field"),
        (b'{"b":"no a"}', None),
        (b'{}', None),
        (b'{"a":5,"b":null,"c":[1,{"d":2}]}', None),
        (b'{"a":' + b"9" * 10000 + b'}', "number-too-long"),
        (b'{"a":1,"c":' + b"[" * 10000 + b"]" * 10000 + b'}', "too-deep"),
        (b'{"b":' + b'{"x":' * 10000 + b"1" + b"}" * 10000 + b'}', "too-deep"),
        (b'[' * 100000, "too-deep"),
        (b'"text"', "bad-json"),
        (b'null', "bad-json"),
        (b'{"a":6} behind', "bad-json"),
        (b'{"a":6', "bad-json"),
        (b'{"a":6,}', "bad-json"),
        (b"{'a':6}", "bad-json"),
        (b'{"a":07}', "bad-json"),
        (b'{"a":NaN}', "bad-json"),
        (b'{"a":8,"b":"\\ud800"}', "bad-surrogate"),
        (b'\x1b[31mred', "bad-json"),
    ]
    box.write("in.jsonl", b"\n".join(line for line, _ in lines) + b"\n")
    result = box.sql(copy_job("in.jsonl", policy("reject"))).says(0)
    content, found = box.path("in.jsonl").read_bytes(), box.rejects()
    for each in found:
        at = each["position"]
        need(content[at:at + len(each["bytes"])] == each["bytes"], "position or bytes", str(each)[:500])
        need(("raw_hex" in each) == (not is_utf8(each["bytes"])), "hex only for what is not UTF-8:", str(each)[:500])
    wanted = [line for line, code in lines if code]
    others = [each for each in found if each["bytes"] not in wanted]
    need(not others and len(found) == len(wanted), "rejected:", [str(each)[:200] for each in others], len(found), len(wanted))
    codes = dict((line, code) for line, code in lines)
    for each in found:
        need(each["code"] in (codes[each["bytes"]], "bad-json"), str(each)[:300], codes[each["bytes"]])
    result.counts(len(lines), len(wanted))
    need(len(box.visible()) == len(lines) - len(wanted), "rows in the sink")
    need("\x1b" not in result.err, "control characters in a message", repr(result.err))


@case
def json_rejects_are_exact(box):
    judged(box, "in.jsonl", [
        (b'{"a":1,"b":"ok"}', None),
        (b'{"a":2,"b":"\xff"}', "bad-utf8"),
        ('{"a":"é"}'.encode(), "bad-field"),
        (b'{"a":3}', None),
        (b'not json', "bad-json"),
    ], copy_job("in.jsonl", policy("reject")))


@case
def json_duplicate_keys(box):
    box.write("in.jsonl", '{"a":1,"a":2}\n{"a":null,"a":3,"b":"x","b":"y"}\n')
    box.sql(copy_job("in.jsonl")).says(0).counts(2, 0)
    need([json.loads(line) for line in box.visible()] == [{"a": 2, "b": None}, {"a": 3, "b": "y"}], box.visible())


@case
def csv_of_all_kinds(box):
    judged(box, "in.csv", [
        (b"1,ok", None),
        (b"x,y", "bad-field"),
        (b"2,\xff\xfe", "bad-utf8"),
        ("é,y".encode(), "bad-field"),
        (b",", "bad-field"),
        (b",z", "bad-field"),
        (b"9,", None),
        (b'3,"a""b"', None),
        (b'4,"a"b', "bad-csv"),
        (b"99999999999,z", "bad-field"),
    ], copy_job("in.csv", policy("reject"), fmt="csv"), fmt="csv")


@case
def truncated_last_line(box):
    box.write("in.jsonl", '{"a":1,"b":"x"}\n{"a":2,"b"')
    box.sql(copy_job("in.jsonl", policy("reject"))).says(0).counts(2, 1)
    need(box.rejects()[0]["bytes"] == b'{"a":2,"b"' and box.rejects()[0]["position"] == 16, box.rejects())
    box.write("whole.jsonl", '{"a":1,"b":"x"}\n{"a":2,"b":"y"}')
    box.sql(copy_job("whole.jsonl")).says(0).counts(2, 0)
    box.path("rejects/job.rejects.jsonl").unlink()
    box.write("in.csv", '1,x\n2,"cut')
    box.sql(copy_job("in.csv", policy("reject"), fmt="csv")).says(0).counts(2, 1)
    need(box.rejects()[0]["bytes"] == b'2,"cut' and box.rejects()[0]["position"] == 4, box.rejects())


@case
def line_of_100_mb(box):
    with open(box.path("in.jsonl"), "wb") as file:
        file.write(b'{"a":1,"b":"x"}\n{"a":2,"b":"')
        for _ in range(100):
            file.write(b"x" * 1000000)
        file.write(b'"}\n{"a":3,"b":"y"}\n')
    result = box.sql(copy_job("in.jsonl", policy("reject"))).says(0).counts(3, 1)
    each = box.rejects()[0]
    need(each["code"] == "record-too-long" and each["position"] == 16 and each["raw"].startswith('{"a":2'), str(each)[:300])
    need(len(each["raw"]) <= 1 << 20, "how much of it is kept", len(each["raw"]))
    need(result.job()["memory_peak_bytes"] < 60 << 20, "account", result.job()["memory_peak_bytes"])
    need(SANITIZED or result.rss_kb < 60 << 10, "resident", result.rss_kb)
    box.sql(copy_job("in.jsonl")).says(4, "longer than 8388608 bytes", "'error.policy' = 'reject'")
    box.path("in.jsonl").unlink()


@case
def marks_and_line_ends(box):
    box.write("in.jsonl", b'\xef\xbb\xbf{"a":1,"b":"x"}\r\n\r\n{"a":2,"b":"y"}\r\n')
    box.sql(copy_job("in.jsonl")).says(0).counts(2, 0)
    box.write("in.csv", b"\xef\xbb\xbf1,x\r\n2,y")
    box.sql(copy_job("in.csv", fmt="csv")).says(0).counts(2, 0)
    box.write("head.csv", b"\xef\xbb\xbfid,name\r\n1,x\r\n2,y\r\n")
    rows = box.run("-e", "SELECT * FROM 'head.csv'", "-o", "jsonl").says(0).rows()
    need(rows == [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}], rows)
    box.write("bom.sql", b"\xef\xbb\xbfSELECT 1 AS a;\r\n")
    need(box.run("run", "bom.sql").says(0).rows() == [{"a": 1}])
    box.write("nul.sql", b"SELECT 1\x00;")
    box.run("run", "nul.sql").says(2, "zero byte")
    box.write("latin.sql", b"SELECT '\xe9' AS a;")
    box.run("run", "latin.sql").says(2, "UTF-8")


# ---- event time ----

TIMED = "a INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts"
WINDOWS = ("CREATE TABLE o (n BIGINT, w TIMESTAMP(3)) WITH ('connector' = 'filesystem', 'path' = 'out', 'format' = 'json');\n"
           "INSERT INTO o SELECT COUNT(*), window_start FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE))\n"
           "  GROUP BY window_start, window_end;\n")
TIMES = ['{"a":1,"ts":"2020-01-01 00:00:01"}', '{"a":2,"ts":"9999-01-01 00:00:00"}', '{"a":3,"ts":null}',
         '{"a":4,"ts":"soon"}', '{"a":5}', '{"a":6,"ts":"2020-01-01 00:00:20"}']


@case
def times_that_are_none(box):
    box.write("in.jsonl", "\n".join(TIMES[2:]) + "\n")
    for name in ("skip", "reject"):
        result = box.sql(table("t", TIMED, "in.jsonl", policy(name)) + WINDOWS).says(0).counts(4, 1)
        need(result.job()["rejected"] == 3 and result.node("Watermark")["rejected"] == 2, result.job())
        need(len(box.rejects()) == (3 if name == "reject" else 0), box.rejects())
    need(sorted(each["code"] for each in box.rejects()) == ["bad-field", "null-rowtime", "null-rowtime"], box.rejects())
    need(all(each["table"] == "t" for each in box.rejects()), box.rejects())
    box.write("in.jsonl", TIMES[2] + "\n")
    box.sql(table("t", TIMED, "in.jsonl") + WINDOWS).says(4, "the event time is NULL", "on table 't'")
    box.write("in.jsonl", TIMES[3] + "\n")
    box.sql(table("t", TIMED, "in.jsonl") + WINDOWS).says(4, "'ts'", "soon")


@case
def year_9999_in_a_bounded_file(box):
    box.write("in.jsonl", "\n".join([TIMES[0], TIMES[1], TIMES[5]]) + "\n")
    result = box.sql(table("t", TIMED, "in.jsonl") + WINDOWS).says(0).counts(3, 0)
    need(result.job()["late"] == 1, "the row behind it is late:", result.job())
    need([json.loads(line)["w"][:4] for line in box.visible()] == ["2020", "9999"], box.visible())


@case
def year_9999_in_a_pipe(box):
    """The far-future guard keeps it away from the clock; the open window is held when the job is stopped."""
    os.mkfifo(box.path("pipe"))
    box.write("job.sql", table("t", TIMED, "pipe", policy("reject"), "'source.monitor-interval' = '50ms'") + WINDOWS)
    started = time.monotonic()
    process = box.start(["run", "job.sql", "--rejects", "rejects", "--json-stats", "-"])
    with open(box.path("pipe"), "w") as pipe:
        pipe.write("\n".join([TIMES[0], TIMES[1], TIMES[5]]) + "\n")
        pipe.flush()
        deadline = time.monotonic() + TIMEOUT_S
        while len(box.rejects()) == 0 and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        result = box.wait(process, started).says(0, "held").counts(3, 0)
    need(box.rejects()[0]["code"] == "future-rowtime", box.rejects())
    need(result.job()["late"] == 0 and result.job()["held"] == 2 and result.job()["rejected"] == 1, result.job())
    need(box.visible() == [], "an open window fired", box.visible())


# ---- options and SQL ----

OPTION_MISTAKES = [
    ("'connector' = 'filesystm', 'path' = 'x', 'format' = 'json'", ["'filesystm'", "did you mean 'filesystem'?"]),
    ("'connector' = 'filesystem', 'pth' = 'x', 'format' = 'json'", ["'pth'", "did you mean 'path'?"]),
    ("'connector' = 'filesystem', 'path' = 'x', 'format' = 'jsn'", ["'jsn'", "did you mean 'json'?"]),
    ("'connector' = 'filesystem', 'path' = 'x'", ["needs the option 'format'"]),
    ("'connector' = 'filesystem', 'format' = 'json'", ["needs the option 'path'"]),
    ("'path' = 'x'", ["no 'connector' option"]),
    ("'connector' = 'filesystem', 'path' = 'x', 'format' = 'json', 'error.policy' = 'drop'", ["'drop'", "fail|skip|reject"]),
    ("'connector' = 'filesystem', 'path' = 'x', 'format' = 'json', 'source.monitor-interval' = 'soon'",
     ["'soon'", "a duration such as"]),
    ("'connector' = 'filesystem', 'path' = 'x', 'format' = 'json', 'source.record-size.max' = '-5'", ["'-5'", "a size such as"]),
    ("'connector' = 'filesystem', 'path' = 'x', 'format' = 'json', 'source.record-size.max' = '99999999999999999999gb'",
     ["a size such as"]),
    ("'connector' = 'filesystem', 'path' = 'x', 'format' = 'json', 'json.ignore-parse-errors' = 'maybe'",
     ["'maybe'", "'true' or 'false'"]),
    ("'connector' = 'filesystem', 'path' = 'x', 'format' = 'json', 'csv.field-delimiter' = ';'", ["'csv.field-delimiter'"]),
]


@case
def options_that_are_wrong(box):
    for options, parts in OPTION_MISTAKES:
        box.run("-e", f"CREATE TABLE t (a INT) WITH ({options}); SELECT * FROM t").says(2, *parts, "line 1, column", "^")
    box.run("-e", "SET 'pipeline.nam' = 'x'; SELECT 1").says(2, "'pipeline.nam'", "line 1, column 5")
    box.run("-e", "SET 'table.local-time-zone' = 'Mars/Base'; SELECT 1").says(2, "Mars/Base", "such as Europe/Berlin")
    box.run("-e", "SELECT 1", "-o", "xml").says(1, "'xml'", "jsonl")
    box.run("run", "--bogus").says(1, "--bogus")
    box.run("runn").says(1, "did you mean `leat run`?")
    box.run("-e", "SELECT 1", "--batch-rows", "0").says(1, "a number from 1 to")
    box.run("-e", "SELECT 1", "--memory", "lots").says(1, "a size such as")
    env = "CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'path' = '${env:LEAT_NOT_SET}', 'format' = 'json'); SELECT * FROM t"
    box.run("-e", env).says(1, "LEAT_NOT_SET", "not set")


SQL_MISTAKES = [
    ("SELEC 1", 1, 1, "'SELEC'"),
    ("SELECT 1 +", 1, 11, "the end of the text"),
    ("SELECT 1\n  FROM FROM t", 2, 8, "'FROM'"),
    ("SELECT 'abc", 1, 8, "no closing quote"),
    ("SELECT `abc", 1, 8, "no closing"),
    ("SELECT /* abc", 1, 8, "comment"),
    ("SELECT nope FROM (VALUES (1)) AS t(a)", 1, 8, "'nope'"),
    ("SELECT a FROM\n\n nope", 3, 2, "'nope'"),
    ("SELECT 'é', nope FROM (VALUES (1)) AS t(a)", 1, 13, "'nope'"),
    ("SELECT UPER('x')", 1, 8, "did you mean UPPER?"),
    ("SELECT UPPER(1, 2)", 1, 8, "UPPER"),
    ("CREATE TABLE t (a INTT) WITH ('connector' = 'datagen')", 1, 19, "did you mean INT?"),
    ("SELECT 1 + 'x'", 1, 8, "cannot apply +"),
    ("SELECT a, COUNT(*) FROM (VALUES (1, 2)) AS t(a, b) GROUP BY b", 1, 8, "'a'"),
    ("CREATE TABLE t (a INT, a INT) WITH ('connector' = 'datagen')", 1, 24, "'a'"),
    ("SELECT 99999999999999999999999999999999999999999999", 1, 8, "99999"),
]


@case
def sql_mistakes_have_a_place(box):
    for text, line, column, part in SQL_MISTAKES:
        result = box.run("-e", text).says(2, part, f"at line {line}, column {column}\n")
        caret = [shown for shown in result.err.splitlines() if shown.strip("| ") == "^"]
        need(len(caret) == 1, "no caret:", result.err)


@case
def text_that_is_no_sql(box):
    generator = random.Random(7)
    pieces = ["SELECT", "FROM", "(", ")", ",", "'x'", "'", "`", "*", "1e", ".", "/*", "*/", "--", ";", "CREATE TABLE t", "WITH",
              "é", "\U0001f600", "INTERVAL", "ROW<", ">", "::", "[", "{", "$", "\\", "\t", "X'0", "U&'\\0'", "AS", "OVER", "BETWEEN"]
    for _ in range(25):
        text = " ".join(generator.choice(pieces) for _ in range(generator.randrange(1, 12)))
        result = box.run("-e", text)
        need(result.code in (0, 1, 2, 3), text, result.err)
        need(result.code == 0 or result.err.startswith("leat: "), text, result.err)


# ---- the sink ----


def many(box, rows=20000):
    box.write("many.jsonl", "".join(f'{{"a":{i},"b":"{"x" * 20}"}}\n' for i in range(rows)))


@case
def disk_full(box):
    many(box)
    box.path("small").mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", box.path("small")],
                                                   capture_output=True).returncode == 0
    if not mounted:
        skipped.append("disk_full: no file system can be mounted here; only the limit of file sizes was tried")
        return
    try:
        text = table("t", "a INT, b STRING", "many.jsonl") + table("o", "a INT, b STRING", "small/out")
        result = box.sql(text + "INSERT INTO o SELECT * FROM t;").says(3, "no space left on the device")
        need(result.job()["state"] == "failed", result.job())
        need(box.visible("small/out") == [], "visible files")
    finally:
        subprocess.run(["umount", box.path("small")], check=True)


@case
def file_size_limit(box):
    many(box)
    box.sql(copy_job("many.jsonl"), limit=100000).says(3, "the file would be too large")
    need(box.visible() == [], "visible files")


@case
def full_standard_output(box):
    with open("/dev/full", "wb") as full:
        box.run("-e", "SELECT 1 AS a", stdout=full).says(3, "standard output", "no space left")
        box.run("-e", "SELECT 1 AS a", "-o", "csv", stdout=full).says(3, "no space left")
        box.run("help", stdout=full).says(3, "no space left")
        many(box)
        print_job = copy_job("many.jsonl").replace("'connector' = 'filesystem', 'path' = 'out', 'format' = 'json'",
                                                   "'connector' = 'print'")
        box.write("print.sql", print_job)
        box.run("run", "print.sql", stdout=full).says(3, "no space left")


@case
def sink_directory_that_cannot_be_written(box):
    box.write("in.jsonl", '{"a":1,"b":"x"}\n{"a":"bad"}\n')
    box.path("locked").mkdir()
    box.path("locked").chmod(0o555)
    box.dir.chmod(0o777)
    target = copy_job("in.jsonl", policy("reject")).replace("'path' = 'out'", "'path' = 'locked/out'")
    box.write("a.sql", target)
    box.run("run", "a.sql", nobody=True).says(6, "locked/out", "permission denied")
    box.write("b.sql", target.replace("locked/out", "locked"))
    box.run("run", "b.sql", nobody=True).says(6, "locked", "permission denied")
    box.write("c.sql", target.replace("locked/out", "in.jsonl"))
    box.run("run", "c.sql", nobody=True).says(3, "in.jsonl is not a directory")
    box.write("d.sql", target.replace("locked/out", "free/out"))
    box.run("run", "d.sql", "--rejects", "locked", nobody=True).says(6, "locked", "permission denied")
    need(box.visible("free") == [], "a failed job published rows")


# ---- policies ----


@case
def policies_of_every_stage(box):
    stages = {
        "parse": ('{"a":1,"b":"1"}\n{"a":"x","b":"2"}\n{"a":3,"b":"3"}\n', "INSERT INTO o SELECT a, b FROM t;\n", "bad-field", ""),
        "expression": ('{"a":1,"b":"1"}\n{"a":2,"b":"x"}\n{"a":3,"b":"3"}\n', "INSERT INTO o SELECT CAST(b AS INT), b FROM t;\n",
                       None, "x"),
    }
    for stage, (content, insert, code, part) in stages.items():
        box.write("in.jsonl", content)
        for name in ("fail", "skip", "reject", None):
            shutil.rmtree(box.path("rejects"), ignore_errors=True)
            shutil.rmtree(box.path("out"), ignore_errors=True)
            text = table("t", "a INT, b STRING", "in.jsonl", *([policy(name)] if name else [])) + table("o", "a INT, b STRING", "out")
            result = box.sql(text + insert)
            if name in ("fail", None):
                result.says(4, "'error.policy' = 'reject' on table 't'")
                need(box.rejects() == [] and box.visible() == [], "rows of a failed job", box.visible())
                continue
            result.says(0, "1 rejected").counts(3, 1 if stage == "parse" else 0)
            need(result.job()["rejected"] == 1 and result.job()["rows_out"] == 2, result.job())
            need(len(box.visible()) == 2, box.visible())
            need(len(box.rejects()) == (1 if name == "reject" else 0), name, box.rejects())
            for each in box.rejects():
                need(each["stage"] == stage and each["table"] == "t" and each["kind"] == "+I", each)
                need((code is None or each["code"] == code) and part in each["raw"], each)


@case
def not_null_of_the_sink(box):
    box.write("in.jsonl", '{"a":1}\n{"a":null}\n{"a":3}\n')
    text = table("t", "a INT", "in.jsonl") + table("o", "a INT NOT NULL", "out") + "INSERT INTO o SELECT a FROM t;\n"
    box.sql(text).says(4, "'a'", "NOT NULL", "not-null-enforcer")
    need(box.visible() == [], box.visible())
    result = box.sql("SET 'table.exec.sink.not-null-enforcer' = 'DROP';\n" + text).says(0, "1 rejected").counts(3, 0)
    need(result.node("Sink")["rejected"] == 1 and len(box.visible()) == 2, result.job())


@case
def partitions_with_wild_names(box):
    values = ["../../evil", "..", ".", "a/b", "", "y" * 300, "_h", ".h", "é", "a=b", "a\nb", "nul\0x", "%2F", None, "ok"]
    box.write("in.jsonl", "".join(json.dumps({"a": number, "b": value}) + "\n" for number, value in enumerate(values)))
    sink = "CREATE TABLE o (a INT, b STRING) PARTITIONED BY (b) WITH ('connector' = 'filesystem', 'path' = 'in/out', 'format' = 'json'"
    text = table("t", "a INT, b STRING", "in.jsonl") + sink + "%s);\nINSERT INTO o SELECT * FROM t;\n"
    box.sql(text % "").says(4, "too long for a directory's name", "'error.policy' = 'reject' on table 'o'")
    for name in ("skip", "reject"):
        shutil.rmtree(box.path("in"), ignore_errors=True)
        result = box.sql(text % (", " + policy(name))).says(0, "1 rejected").counts(len(values), 0)
        sink_node = result.node("Sink")
        need(sink_node["rejected"] == 1 and sink_node["used"] == result.job()["rows_out"] == len(values) - 1, result.job())
        need(len(box.visible("in/out")) == len(values) - 1, box.visible("in/out"))
    each = box.rejects()[0]
    need(each["stage"] == "sink" and each["table"] == "o" and "y" * 300 in each["raw"] and each["raw"].startswith("+I[5, "), each)
    need(not list(box.dir.glob("**/evil")) and [path.name for path in box.path("in").iterdir()] == ["out"], "left its directory")
    back = box.run("-e", "CREATE TABLE t (a INT, b STRING) PARTITIONED BY (b) WITH ('connector' = 'filesystem', 'path' = 'in/out', "
                   "'format' = 'json'); SELECT * FROM t", "-o", "jsonl").says(0).rows()
    wanted = {number: value or None for number, value in enumerate(values) if number != 5}
    need({row["a"]: row["b"] for row in back} == wanted, back)


@case
def few_descriptors(box):
    def limited(name):
        line = f"ulimit -n 24; exec '{PROGRAM}' run {name} --json-stats -"
        return subprocess.run(["sh", "-c", line], cwd=box.dir, capture_output=True, text=True, timeout=TIMEOUT_S,
                              env=dict(os.environ, XDG_STATE_HOME=str(box.dir)))

    for number in range(100):
        box.write(f"in/{number}.jsonl", json.dumps({"a": number}) + "\n")
    box.write("job.sql", table("t", "a INT", "in") +
              "CREATE TABLE o (a INT, b INT) PARTITIONED BY (b) WITH ('connector' = 'filesystem', 'path' = 'out', 'format' = 'json');\n"
              "INSERT INTO o SELECT a, a FROM t;\n")
    result = limited("job.sql")
    need(result.returncode == 0 and len(box.visible()) == 100, result)


@case
def links_in_circles(box):
    box.write("in/x.jsonl", '{"a":1}\n')
    box.path("in/sub").mkdir()
    box.path("in/sub/again").symlink_to("../../in")
    box.sql(table("t", "a INT", "in") + "SELECT * FROM t;").says(2, "loop of links")
    box.path("in/sub/again").unlink()
    box.path("in/dangling.jsonl").symlink_to("nowhere")
    result = box.sql(table("t", "a INT", "in") + "SELECT * FROM t;")
    need(result.code == 3 and "dangling" in result.err or result.rows() == [{"a": 1}], result.err)


@case
def late_options_are_refused(box):
    for option in ("'late.policy' = 'side-output'", "'late.policy' = 'update'", "'late.allowed' = '5 min'"):
        box.sql(table("t", TIMED, "in.jsonl", option) + WINDOWS).says(2, option, "not supported yet", "dropped and counted")


@case
def file_that_is_cut_and_replaced(box):
    '''Rows of every version of a growing file come once.'''
    path = box.write("in.jsonl", '{"a":1}\n')
    box.write("job.sql", table("t", "a INT", "in.jsonl", policy("reject"), "'source.monitor-interval' = '20ms'") +
              table("o", "a INT", "out", "'sink.rolling-policy.inactivity-interval' = '50ms'", "'sink.rolling-policy.check-interval' = '20ms'") +
              "INSERT INTO o SELECT * FROM t;\n")
    started = time.monotonic()
    process = box.start(["run", "job.sql", "--json-stats", "-"])

    def appears(count):
        deadline = time.monotonic() + TIMEOUT_S / 2
        while not box.path("out").exists() or len(box.visible()) < count:
            need(time.monotonic() < deadline and process.poll() is None, "row", count, "did not come")
            time.sleep(0.02)

    appears(1)
    with open(path, "a") as file:
        file.write('{"a":')
        file.flush()
        time.sleep(0.1)
        file.write("2}\n")
    appears(2)
    os.truncate(path, 0)
    time.sleep(0.2)
    box.write("in.jsonl", '{"a":3}\n')
    appears(3)
    path.unlink()
    time.sleep(0.2)
    box.write("in.jsonl", '{"a":4}\n')
    appears(4)
    path.rename(box.path("old"))
    box.write("in.jsonl", '{"a":5}\n')
    appears(5)
    process.send_signal(signal.SIGTERM)
    box.wait(process, started).says(0).counts(5, 0)
    need(sorted(json.loads(line)["a"] for line in box.visible()) == [1, 2, 3, 4, 5], box.visible())


@case
def memory_limit(box):
    many(box)
    box.run("-e", "SELECT a, COUNT(*) AS n FROM 'many.jsonl' GROUP BY a", "--memory", "1mb",
            out_of_memory=True).says(70, "out of memory")


@case
def ignore_parse_errors_counts(box):
    box.write("in.jsonl", '{"a":1}\nbroken\n{"a":3}\n')
    result = box.sql(copy_job("in.jsonl", "'json.ignore-parse-errors' = 'true'")).says(0)
    source = result.node("Source")
    need(source["in"] == 3 and len(box.visible()) == source["used"], source, box.visible())


# ---- signals ----


def stop_after(box, number, delay):
    """A pipeline over an endless source that publishes small files; stopped somewhere on its way."""
    box.write("job.sql", "CREATE TABLE g (a BIGINT, b STRING) WITH ('connector' = 'datagen', 'rows-per-second' = '20000');\n" +
              table("o", "a BIGINT, b STRING", "out", "'sink.rolling-policy.file-size' = '16kb'",
                    "'sink.rolling-policy.check-interval' = '20ms'") + "INSERT INTO o SELECT a, b FROM g;\n")
    started = time.monotonic()
    process = box.start(["run", "job.sql", "--json-stats", "-"])
    time.sleep(delay)
    process.send_signal(number)
    result = box.wait(process, started, dies=True)
    if result.code == -number:
        need(not box.path("out").exists(), "died of the signal while it ran")
        return
    need(result.code == (130 if number == signal.SIGINT else 0), number, "exit code", result.code, result.err)
    rows = box.visible() if box.path("out").exists() else []
    for row in rows:
        json.loads(row)
    # What is not in a finished file yet waits under a hidden name for the job to go on.
    left = [path.name for path in box.path("out").rglob(".*")] if box.path("out").exists() else []
    need(all(name.endswith((".inprogress", ".committed")) for name in left), "hidden files were left:", left)
    if result.stats and result.stats["jobs"]:
        need(result.job()["rows_out"] == result.job()["rows_in"] >= len(rows), result.job(), len(rows))
        need(result.job()["state"] == "stopped", result.job())


def close_after(box, delay):
    reader, writer = os.pipe()
    started = time.monotonic()
    process = box.start(["-e", "SELECT * FROM datagen", "-o", "csv"], stdout=writer)
    os.close(writer)
    time.sleep(delay)
    os.close(reader)
    result = box.wait(process, started)
    need(result.code == 0 and result.err == "", "the reader went away:", result.code, result.err)


def at_random_times(box, stop):
    generator = random.Random(20260101)
    for turn in range(10):
        inner = Box(box.path(f"turn{turn}"))
        inner.dir.mkdir()
        stop(inner, generator.uniform(0.02, 0.6))


@case
def sigint_at_any_time(box):
    at_random_times(box, lambda inner, delay: stop_after(inner, signal.SIGINT, delay))


@case
def sigterm_at_any_time(box):
    at_random_times(box, lambda inner, delay: stop_after(inner, signal.SIGTERM, delay))


@case
def reader_gone_at_any_time(box):
    at_random_times(box, close_after)


@case
def pipe_without_writer(box):
    os.mkfifo(box.path("pipe"))
    box.write("job.sql", copy_job("pipe"))
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 0)):
        started = time.monotonic()
        process = box.start(["run", "job.sql", "--json-stats", "-"])
        while not any(os.path.realpath(each) == str(box.path("pipe")) for each in pathlib.Path(f"/proc/{process.pid}/fd").iterdir()):
            need(process.poll() is None and time.monotonic() - started < TIMEOUT_S, "the pipe is not opened")
            time.sleep(0.02)
        time.sleep(0.2)
        process.send_signal(number)
        box.wait(process, started).says(code, "stopped").counts(0)


# ---- standard streams ----


@case
def standard_input_read_twice(box):
    text = ("CREATE TABLE t (a INT) WITH ('connector' = 'stdin', 'format' = 'json');\n"
            "CREATE TABLE o (a INT) WITH ('connector' = 'print');\n"
            "INSERT INTO o SELECT * FROM t;\nINSERT INTO o SELECT * FROM t;\n")
    box.write("in.jsonl", '{"a":1}\n{"a":2}\n')
    with open(box.path("in.jsonl"), "rb") as stdin:
        result = box.sql(text, stdin=stdin).says(2, "standard input is read twice", "STATEMENT SET")
    need(result.out == "" or result.job()["rows_out"] == len(result.out.splitlines()), result.out)


@case
def closed_streams(box):
    def shell(redirect, *args):
        line = " ".join(f"'{each}'" for each in (str(PROGRAM), *args)) + " " + redirect
        return subprocess.run(["sh", "-c", line], cwd=box.dir, capture_output=True, text=True, timeout=TIMEOUT_S)

    result = shell("<&-", "-e", "SELECT * FROM stdin")
    need(result.returncode == 3 and "standard input" in result.stderr, result)
    result = shell("<&-", "-e", "SELECT 1 AS a", "-o", "csv")
    need(result.returncode == 0 and result.stdout == "a\n1\n", result)
    result = shell(">&-", "-e", "SELECT 1 AS a")
    need(result.returncode == 3 and "standard output" in result.stderr, result)
    result = shell("2>&-", "-e", "SELECT 1 AS a", "-o", "csv")
    need(result.returncode == 0 and result.stdout == "a\n1\n", result)
    need(shell("<&- >&- 2>&-", "-e", "SELECT 1 AS a").returncode == 3)
    box.write("in.jsonl", '{"a":1,"b":"x"}\n')
    box.write("job.sql", copy_job("in.jsonl"))
    need(shell("<&- >&- 2>&-", "run", "job.sql").returncode == 0)
    need([json.loads(line) for line in box.visible()] == [{"a": 1, "b": "x"}], "something else was written into the sink")
    need(shell("<&- 2>&-", "run", "nofile.sql").returncode == 3)


# ---- secrets ----


@case
def secrets_are_never_shown(box):
    where = f"d-{CANARY}"
    box.write(f"{where}/in.jsonl", '{"a":1}\n{"a":"bad"}\n')
    env = {"CANARY": CANARY}
    good = "CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'path' = 'd-${env:CANARY}', 'format' = 'json'%s);\n"
    wrong = f"CREATE TABLE p (a INT) WITH ('connector' = 'filesystem', 'path' = 'x', 'format' = 'json', 'db.password' = '{CANARY}');\n"
    scripts = [
        good % ", 'error.policy' = 'reject'" + "SELECT * FROM t;\n",
        good % "" + "SELECT * FROM t;\n",
        good.replace("d-${", "e-${") % "" + "SELECT * FROM t;\n",
        good.replace("CANARY}'", "CANARY}/*.nothing'") % "" + "SELECT * FROM t;\n",
        good % "" + "SHOW CREATE TABLE t; DESCRIBE t; DESCRIBE EXTENDED t; EXPLAIN SELECT * FROM t;\n",
        good % "" + "INSERT INTO t SELECT 1;\n",
        wrong + "SHOW CREATE TABLE p; DESCRIBE p;\n",
        wrong + "EXPLAIN SELECT * FROM p;\n",
        wrong + "SELECT * FROM p;\n",
        wrong.replace("\n", "") + " SELECT * FRM p;",
        wrong + f"ALTER TABLE p SET ('my.secret' = '{CANARY}'); SHOW CREATE TABLE p; SELECT * FROM p;\n",
        good % "" + f"SELECT * FROM t /*+ OPTIONS('auth.token' = '{CANARY}') */;\n",
        f"CREATE TABLE q (a INT) WITH ( -- don't\n 'connector' = 'filesystem', 'password'  =  '{CANARY}', path);\n",
        f"CREATE TABLE q (a INT) WITH ('connector' = 'filesystem', 'password' = '{CANARY}",
        f"SET 'my.password' = '{CANARY}'; SELECT 1;\n",
    ]
    for number, text in enumerate(scripts):
        box.write(f"s{number}.sql", text)
        for args in (["run", f"s{number}.sql", "-v", "--rejects", "rejects", "--json-stats", "-"], ["check", f"s{number}.sql"],
                     ["explain", f"s{number}.sql"], ["-e", text, "-v"], ["run", f"s{number}.sql", "--show-ddl"]):
            result = box.run(*args, env=env)
            need(CANARY not in result.out and CANARY not in result.err, args[0], text, "\n", result.out, result.err)
            need(CANARY not in json.dumps(result.stats), result.stats)
    kept = [path for path in box.path("rejects").rglob("*.jsonl")]
    need(kept != [], "no rejects were kept")
    for path in kept:
        need(CANARY not in path.read_text() and "${env:CANARY}" in path.read_text(), path.read_text())


# ---- size ----


@case
def conditions_of_10000_parts(box):
    text = "SELECT a FROM (VALUES (1), (2)) AS t(a) WHERE " + " AND ".join(f"a < {i}" for i in range(2, 10002)) + ";"
    box.write("and.sql", text)
    need(box.run("run", "and.sql").says(0).rows() == [{"a": 1}])
    box.write("or.sql", text.replace("AND", "OR").replace("<", ">"))
    need(box.run("run", "or.sql").says(0).rows() == [])


@case
def nesting_of_10000_levels(box):
    for number, text in enumerate([
            "SELECT " + "(" * 10000 + "1" + ")" * 10000, "SELECT " + "NOT " * 10000 + "TRUE", "SELECT " + "- " * 10000 + "1",
            "SELECT " + "CASE WHEN TRUE THEN " * 10000 + "1" + " END" * 10000, "SELECT * FROM (" * 10000 + "SELECT 1" + ")" * 10000,
            "SELECT " + "ABS(" * 10000 + "1" + ")" * 10000, "SELECT " + "||".join(["'a'"] * 20000),
            "CREATE TABLE t (a " + "ARRAY<" * 10000 + "INT" + ">" * 10000 + ")", "SELECT " + "ARRAY[" * 10000 + "1" + "]" * 10000]):
        box.write(f"{number}.sql", text + ";")
        box.run("run", f"{number}.sql").says(2, "nested deeper than", "line 1, column")


@case
def list_of_50000_items(box):
    for number, item in enumerate((str, "'{}'".format)):
        box.write(f"{number}.sql", "SELECT a FROM (VALUES ({}), ({})) AS t(a) WHERE a IN ({});".format(
            item(1), item(49999), ", ".join(item(i) for i in range(10, 50010))))
        result = box.run("run", f"{number}.sql").says(0)
        need(len(result.rows()) == 1, result.out)
        need(result.seconds < 10, "took", result.seconds)


@case
def statement_of_10_mb(box):
    box.write("a.sql", "SELECT '" + "x" * 10000000 + "' AS a;")
    need(len(box.run("run", "a.sql").says(0).rows()[0]["a"]) == 10000000)
    box.write("b.sql", "SELECT " + ",".join(f"1+{i} AS c{i}" for i in range(300000)) + ";")
    box.run("run", "b.sql").says(2, "the statement has more than")
    box.write("c.sql", "SELECT " + "," * 10000000)
    box.run("run", "c.sql").says(2, "line 1, column 8")
    box.write("d.sql", "SELECT 1 /*" + " /*" * 3000000)
    box.run("run", "d.sql").says(2, "comment")


@case
def table_of_5000_columns(box):
    columns = ", ".join(f"c{i} INT" for i in range(5000))
    box.write("in.jsonl", (json.dumps({f"c{i}": i for i in range(5000)}) + "\n") * 20)
    result = box.sql(table("t", columns, "in.jsonl") + "SELECT c0, c4999 FROM t;").says(0).counts(20)
    need(result.rows() == [{"c0": 0, "c4999": 4999}] * 20)
    rows = box.sql(table("t", columns, "in.jsonl") + "SELECT * FROM t;").says(0).counts(20).rows()
    need(len(rows) == 20 and len(rows[0]) == 5000)


@case
def views_over_views(box):
    text = "CREATE VIEW v0 AS SELECT a FROM (VALUES (1)) AS t(a);\n"
    deep = text + "".join(f"CREATE VIEW v{i} AS SELECT a + 1 AS a FROM v{i - 1};\n" for i in range(1, 201))
    box.sql(deep + "SELECT * FROM v200;").says(2, "nests more than")
    wide = text + "".join(f"CREATE VIEW v{i} AS SELECT a FROM v{i - 1} UNION ALL SELECT a FROM v{i - 1};\n" for i in range(1, 41))
    box.sql(wide + "SELECT * FROM v40;").says(2, "has more than")
    need(box.sql("".join(deep.splitlines(True)[:50]) + "SELECT * FROM v49;").says(0).rows() == [{"a": 50}])


@case
def expressions_without_end(box):
    box.write("in.jsonl", json.dumps({"s": "a" * 100 + "b"}) + "\n" + json.dumps({"s": "aa"}) + "\n")
    for each in ("REGEXP(s, '(a+)+$')", "REGEXP_EXTRACT(s, '(a+)+$') = 'aa'", "s SIMILAR TO '(a+)+'"):
        text = table("t", "s STRING", "in.jsonl", policy("reject")) + f"SELECT {each} AS r FROM t;"
        result = box.sql(text).says(0, "takes too long").counts(2, 0)
        need(result.rows() == [{"r": True}] and result.job()["rejected"] == 1, result.job())
        need(result.seconds < 10, each, result.seconds)
        box.sql(text.replace("reject", "fail")).says(4, "takes too long")
    need(box.sql(table("t", "s STRING", "in.jsonl") + "SELECT s LIKE '" + "%a" * 40 + "%c' AS r FROM t;").says(0).rows() ==
         [{"r": False}, {"r": False}])
    box.run("-e", "SELECT CHAR_LENGTH(REPEAT(REPEAT(REPEAT('xxxxxxxxxx', 100000), 1000), 1000))").says(4, "longer than")


# ---- compression ----


def zstd_bomb(window_byte=0x38, blocks=2000):
    """A frame by hand: a raw block that begins a record, then blocks that are one byte 131,072 times."""
    head = b'{"a":1,"b":"'
    raw = (len(head) << 3).to_bytes(3, "little") + head
    run = ((131072 << 3) | 2).to_bytes(3, "little") + b"x"
    last = ((1 << 3) | 2 | 1).to_bytes(3, "little") + b"\n"
    return b"\x28\xb5\x2f\xfd\x00" + bytes([window_byte]) + raw + run * blocks + last


@case
def decompression_bombs(box):
    box.write("bomb.jsonl.gz", gzip.compress(b'{"a":1,"b":"' + b"x" * 200000000 + b'"}\n', 9))
    box.write("bomb.jsonl.zst", zstd_bomb())
    for name in ("bomb.jsonl.gz", "bomb.jsonl.zst"):
        shutil.rmtree(box.path("rejects"), ignore_errors=True)
        result = box.sql(copy_job(name, policy("reject"))).says(0, "rejected")
        need("decompression-bomb" in [each["code"] for each in box.rejects()], name, [each["code"] for each in box.rejects()])
        need(result.job()["memory_peak_bytes"] < 60 << 20, name, result.job()["memory_peak_bytes"])
        box.sql(copy_job(name)).says(4, name)
    box.write("wide.jsonl.zst", zstd_bomb(window_byte=0xa0, blocks=1))
    box.sql(copy_job("wide.jsonl.zst")).says(4, "window")


@case
def broken_compression(box):
    content = b"".join(b'{"a":%d,"b":"y%d"}\n' % (i, i * 7919 % 1000003) for i in range(20000))
    packed = gzip.compress(content)
    box.write("cut.jsonl.gz", packed[:-3000])
    result = box.sql(copy_job("cut.jsonl.gz", policy("reject"))).says(0, "1 rejected")
    need(box.rejects()[0]["code"] == "truncated-compression" and result.job()["rejected"] == 1, box.rejects())
    rows = box.visible()
    need(rows == content.splitlines()[:len(rows)] and len(rows) > 10000, len(rows))
    box.sql(copy_job("cut.jsonl.gz")).says(4, "cut off")
    box.write("junk.jsonl.gz", b"this is no gzip at all\n")
    box.sql(copy_job("junk.jsonl.gz")).says(4, "broken gzip data")
    box.run("-e", "SELECT * FROM 'junk.jsonl.gz'").says(4, "broken gzip data")
    box.write("x.jsonl.bz2", b"BZh")
    box.run("-e", "SELECT * FROM 'x.jsonl.bz2'").says(2, "only gzip and zstd")
    generator = random.Random(5)
    for _ in range(5):
        flipped = bytearray(packed)
        flipped[generator.randrange(20, len(flipped))] ^= 0xff
        box.write("flip.jsonl.gz", bytes(flipped))
        result = box.sql(copy_job("flip.jsonl.gz", policy("reject"))).says(0, "rejected")
        need(result.job()["rejected"] >= 1, "a wrong byte was not seen", result.job())


def run_case(function, root):
    directory = pathlib.Path(tempfile.mkdtemp(prefix=function.__name__ + ".", dir=root))
    directory.chmod(0o755)
    started = time.monotonic()
    try:
        function(Box(directory))
        return function.__name__, None, time.monotonic() - started
    except AssertionError as failure:
        line = traceback.extract_tb(failure.__traceback__)
        lines = ", ".join(str(each.lineno) for each in line if each.filename == __file__)
        return function.__name__, f"line {lines}: {failure}", time.monotonic() - started
    except Exception:  # pylint: disable=broad-except
        return function.__name__, traceback.format_exc(), time.monotonic() - started


def main():
    global PROGRAM
    chosen = [each for each in cases if not sys.argv[1:] or any(part in each.__name__ for part in sys.argv[1:])]
    with tempfile.TemporaryDirectory(prefix="leat-bad.") as root:
        os.chmod(root, 0o755)
        if os.geteuid() == 0:  # another user must be able to start it, too
            PROGRAM = pathlib.Path(shutil.copy(PROGRAM, root))
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            results = list(pool.map(lambda each: run_case(each, root), chosen))
    for name, failure, seconds in results:
        print(f"{'ok  ' if failure is None else 'FAIL'} {name} ({seconds:.1f} s)" + (f"\n{failure}" if failure else ""))
    for each in skipped:
        print("skipped:", each)
    failed = sum(failure is not None for _, failure, _ in results)
    print(f"{len(results)} cases, {failed} failed")
    sys.exit(1 if failed else 0)


main()
