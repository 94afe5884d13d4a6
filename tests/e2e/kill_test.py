#!/usr/bin/env python3
"""Jobs that keep checkpoints are killed again and again at random moments and started anew with another parallelism: in the
end their visible files hold what the undisturbed run wrote, no row less and none twice.

The jobs are paced ('scan.rate-limit'), so they mostly sleep and run side by side. Most kills come after a checkpoint of the run at
hand; some at once, some while the last one is made; some are a SIGTERM, after which the job must have stopped by itself.

    kill_test.py [--kills N] [--seed S] [--seconds T] [--jobs J] [--log FILE] [--slice SECONDS] [--keep]

--seconds: how long an undisturbed job lasts. --log: figures are appended, and kills that it already counts for this program are
not repeated; with --slice the work ends after so long and the next call goes on. Environment: LEAT. A job that failed keeps its
folder, which is named."""
import argparse
import concurrent.futures
import glob
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

PROGRAM = pathlib.Path(os.environ["LEAT"]).resolve()
ROWS = 24000
RUN_LIMIT_S = 120
BAD_WORDS = ["Sanitizer", "runtime error:", "internal error", "assertion", "damaged"]

SOURCE = """CREATE TABLE ev (id BIGINT, ts TIMESTAMP(3), k STRING, v BIGINT, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH (
    'connector' = 'filesystem', 'path' = 'in.jsonl', 'format' = 'json' RATE);
"""
SINK = "CREATE TABLE {name} ({columns}) WITH ('connector' = 'filesystem', 'path' = '{name}', 'format' = '{format}'{more});\n"


def sink(name, columns, kind="csv", more=""):
    return SINK.format(name=name, columns=columns, format=kind, more=more)


PIPELINES = {
    "filter": sink("o", "id BIGINT, k STRING, v BIGINT") + "INSERT INTO o SELECT id, UPPER(k), v * 2 FROM ev WHERE v % 3 <> 0;",
    "tumble": sink("o", "w TIMESTAMP(3), k STRING, n BIGINT, s BIGINT", "json") + """INSERT INTO o
        SELECT window_start, k, COUNT(*), SUM(v) FROM TUMBLE(TABLE ev, DESCRIPTOR(ts), INTERVAL '1' MINUTE)
        GROUP BY window_start, window_end, k;""",
    "hop": sink("o", "w TIMESTAMP(3), k STRING, n BIGINT, d BIGINT") + """INSERT INTO o
        SELECT window_start, k, COUNT(*), COUNT(DISTINCT v) FROM HOP(TABLE ev, DESCRIPTOR(ts), INTERVAL '20' SECOND, INTERVAL '1' MINUTE)
        GROUP BY window_start, window_end, k;""",
    "session": sink("o", "w TIMESTAMP(3), e TIMESTAMP(3), k STRING, n BIGINT") + """INSERT INTO o
        SELECT window_start, window_end, k, COUNT(*) FROM SESSION(TABLE ev PARTITION BY k, DESCRIPTOR(ts), INTERVAL '8' SECOND)
        GROUP BY window_start, window_end, k;""",
    "join": sink("o", "a BIGINT, b BIGINT, k STRING") + """INSERT INTO o
        SELECT l.id, r.id, r.k FROM ev AS l JOIN ev AS r ON l.id = r.v;""",
    "set": sink("rows_kept", "id BIGINT, v BIGINT") + sink("sums", "w TIMESTAMP(3), s BIGINT", "json") + """EXECUTE STATEMENT SET BEGIN
        INSERT INTO rows_kept SELECT id, v FROM ev WHERE k <> 'k3';
        INSERT INTO sums SELECT window_start, SUM(v) FROM TUMBLE(TABLE ev, DESCRIPTOR(ts), INTERVAL '30' SECOND)
            GROUP BY window_start, window_end;
        END;""",
    "rolling": sink("o", "id BIGINT, k STRING", "json", ", 'sink.rolling-policy.file-size' = '20kb'") +
               "INSERT INTO o SELECT id, k FROM ev;",
}


def make_input(path):
    """Out of order by up to 5 s, a few later than that; v is another row's id, so that the join finds partners."""
    generator = random.Random(7)
    with open(path, "w", encoding="utf-8") as file:
        for i in range(ROWS):
            second = i / 40 - generator.choice([0, 0, 0, 1, 2, 4, 4.9, generator.random() * 9])
            second = max(second, 0)
            stamp = f"2024-01-01 {int(second) // 3600:02}:{int(second) // 60 % 60:02}:{int(second) % 60:02}.{int(second * 1000) % 1000:03}"
            row = {"id": i, "ts": stamp, "k": f"k{generator.randrange(9)}", "v": generator.randrange(ROWS)}
            file.write(json.dumps(row) + "\n")


def statements(pipeline, rate, interval_ms):
    head = f"SET 'execution.checkpointing.interval' = '{interval_ms} ms';\nSET 'pipeline.name' = '{pipeline}';\n"
    pace = f", 'scan.rate-limit' = '{rate}'" if rate else ""
    return head + SOURCE.replace(" RATE", pace) + PIPELINES[pipeline]


def visible(directory):
    """Lines of the published files, sorted, per sink."""
    found = {}
    for name in ("o", "rows_kept", "sums"):
        lines = []
        for path in glob.glob(f"{directory}/{name}/part-*"):
            content = pathlib.Path(path).read_bytes()
            if not content.endswith(b"\n"):
                raise AssertionError(f"{path} ends within a line")
            lines += content.splitlines()
        if lines:
            found[name] = sorted(lines)
    return found


class Figures:
    def __init__(self):
        self.lock = threading.Lock()
        self.kills = self.stops = self.jobs = self.runs = self.resumed = 0
        self.failures = []


class Job:
    """One job's life from its first start to its end."""

    def __init__(self, work, number, options, expected):
        self.random = random.Random(f"{options.seed}/{number}")
        self.pipeline = list(PIPELINES)[number % len(PIPELINES)]
        self.directory = work / f"{number}-{self.pipeline}"
        self.directory.mkdir()
        os.link(work / "in.jsonl", self.directory / "in.jsonl")
        rate = int(ROWS / options.seconds)
        text = statements(self.pipeline, rate, self.random.choice([30, 80, 150, 150, 300]))
        (self.directory / "job.sql").write_text(text, encoding="utf-8")
        self.expected = expected[self.pipeline]
        self.log = []

    def checkpoints(self):
        return set(glob.glob(f"{self.directory}/state/*/checkpoints/chk-*.manifest"))

    def is_finished(self):
        return bool(glob.glob(f"{self.directory}/state/*/checkpoints/finished"))

    def start(self):
        lanes = self.random.randint(1, 4)
        command = [PROGRAM, "run", "--parallelism", str(lanes), "--state-dir", "state", "--no-progress", "job.sql"]
        return subprocess.Popen(command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True)

    def wait_for_moment(self, process):
        """Until it is to be disturbed: most often after a checkpoint of this run."""
        before = self.checkpoints()
        if self.random.random() < 0.15:
            time.sleep(self.random.random() * 0.15)
            return
        deadline = time.monotonic() + RUN_LIMIT_S
        while process.poll() is None and self.checkpoints() <= before and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            process.wait(self.random.random() * self.random.choice([0.02, 0.3, 0.3, 1]))
        except subprocess.TimeoutExpired:
            pass

    def end(self, process):
        try:
            err = process.communicate(timeout=RUN_LIMIT_S)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError("it hung: " + process.communicate()[1]) from None
        self.log.append(f"exit code {process.returncode}: {err.strip()}")
        if any(word in err for word in BAD_WORDS):
            raise AssertionError("it says bad things")
        return err

    def run_once(self, disturb, figures):
        process = self.start()
        sent = None
        if disturb:
            self.wait_for_moment(process)
            sent = signal.SIGTERM if self.random.random() < 0.15 else signal.SIGKILL
            process.send_signal(sent)
        err = self.end(process)
        killed = process.returncode == -signal.SIGKILL
        if process.returncode not in (0, -signal.SIGKILL if sent == signal.SIGKILL else 0,
                                      -signal.SIGTERM if sent == signal.SIGTERM else 0):
            raise AssertionError(f"exit code {process.returncode}")
        with figures.lock:
            figures.runs += 1
            figures.kills += killed
            figures.stops += sent == signal.SIGTERM and process.returncode == 0
            figures.resumed += "resumed from checkpoint" in err
        return self.is_finished()

    def live(self, figures, stop_at):
        """Disturbed a few times, then left alone."""
        left = self.random.randint(2, 9)
        while not self.run_once(left > 0 and time.monotonic() < stop_at, figures):
            left -= 1
        hidden = [path for path in glob.glob(f"{self.directory}/*/.part-*")]
        if hidden:
            raise AssertionError(f"hidden files are left: {hidden}")
        got = visible(self.directory)
        for name in self.expected:
            compare(name, self.expected[name], got.get(name, []))


def compare(name, expected, got):
    if expected != got:
        missing = list(set(expected) - set(got))[:3]
        extra = list(set(got) - set(expected))[:3]
        doubled = len(got) - len(set(got))
        raise AssertionError(f"sink {name}: {len(got)} lines instead of {len(expected)}; {doubled} doubled, missing {missing}, "
                             f"extra {extra}")


def undisturbed(work):
    """What each pipeline writes when nothing happens, on one lane and without checkpoints in between."""
    expected = {}
    for pipeline in PIPELINES:
        directory = work / f"undisturbed-{pipeline}"
        directory.mkdir()
        os.link(work / "in.jsonl", directory / "in.jsonl")
        (directory / "job.sql").write_text(statements(pipeline, 0, 0), encoding="utf-8")
        result = subprocess.run([PROGRAM, "run", "--parallelism", "1", "--state-dir", "state", "--no-progress", "job.sql"],
                                cwd=directory, capture_output=True, text=True, check=False, timeout=RUN_LIMIT_S)
        if result.returncode != 0:
            raise SystemExit(f"{pipeline}, undisturbed: exit code {result.returncode}: {result.stderr}")
        expected[pipeline] = visible(directory)
        if not expected[pipeline]:
            raise SystemExit(f"{pipeline}, undisturbed: no output")
    return expected


def live(work, number, options, expected, figures, stop_at):
    job = Job(work, number, options, expected)
    try:
        job.live(figures, stop_at)
    except Exception as failure:  # pylint: disable=broad-except
        text = f"job {number} ({job.pipeline}, seed {options.seed}) in {job.directory}: {failure}\n  " + "\n  ".join(job.log[-6:])
        with figures.lock:
            figures.failures.append(text)
        return
    with figures.lock:
        figures.jobs += 1
    if not options.keep:
        shutil.rmtree(job.directory, ignore_errors=True)


def done_before(options, build):
    """Kills that the log counts for this program, and how many slices did them."""
    kills = slices = 0
    if options.log and options.log.exists():
        for line in options.log.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            if record["build"] == build:
                kills += record["kills"]
                slices += 1
    return kills, slices


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--log", type=pathlib.Path)
    parser.add_argument("--slice", type=float, default=3600)
    parser.add_argument("--keep", action="store_true")
    return parser.parse_args()


def run_jobs(work, options, wanted, figures):
    stop_at = time.monotonic() + options.slice
    make_input(work / "in.jsonl")
    expected = undisturbed(work)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        number = 0
        under_way = set()
        while True:
            more = figures.kills < wanted and time.monotonic() < stop_at and not figures.failures
            while more and len(under_way) < options.jobs:
                under_way.add(pool.submit(live, work, number, options, expected, figures, stop_at))
                number += 1
            if not under_way:
                return
            _, under_way = concurrent.futures.wait(under_way, 0.5, concurrent.futures.FIRST_COMPLETED)


def main():
    global PROGRAM
    options = arguments()
    build = hashlib.sha256(PROGRAM.read_bytes()).hexdigest()[:16]
    before, slices = done_before(options, build)
    wanted = options.kills - before
    if wanted <= 0:
        print(f"{before} kills are done already")
        return
    options.seed += slices
    work = pathlib.Path(tempfile.mkdtemp(prefix="leat-kill."))
    PROGRAM = pathlib.Path(shutil.copy(PROGRAM, work))
    figures = Figures()
    started = time.monotonic()
    run_jobs(work, options, wanted, figures)
    seconds = time.monotonic() - started
    record = {"build": build, "time": time.strftime("%Y-%m-%d %H:%M:%S"), "seed": options.seed, "kills": figures.kills,
              "stops": figures.stops, "runs": figures.runs, "resumed": figures.resumed, "jobs": figures.jobs,
              "failures": len(figures.failures), "seconds": round(seconds, 1)}
    if options.log:
        options.log.parent.mkdir(parents=True, exist_ok=True)
        with open(options.log, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
    print(json.dumps(record))
    for failure in figures.failures:
        print("FAIL", failure)
    if figures.failures:
        sys.exit(1)
    if not options.keep:
        shutil.rmtree(work, ignore_errors=True)
    print(f"{before + figures.kills} kills of {options.kills}")


if __name__ == "__main__":
    main()
