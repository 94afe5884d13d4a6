#!/usr/bin/env python3
"""What people do to jobs that keep checkpoints: stop and resume them, start them twice, damage their files, edit their
statements, restore savepoints. The visible output must be that of the undisturbed run.

Each case is a function that gets a World: a folder of its own with an input and a way to start jobs. Environment: LEAT.
Arguments: parts of the names of the cases to run; all by default."""
import concurrent.futures
import glob
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import kill_test

PROGRAM = pathlib.Path(os.environ["LEAT"]).resolve()
cases = []


def case(function):
    cases.append(function)
    return function


def need(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(part) for part in what)[:3000])


class World:
    def __init__(self, root, name):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=name + ".", dir=root))
        os.link(root / "in.jsonl", self.directory / "in.jsonl")
        self.random = random.Random(name)
        self.processes = []

    def write(self, pipeline, seconds=2.5, interval_ms=100, replace=(), head=""):
        """The job's statements into job.sql; replace: pairs of texts, to edit them."""
        rate = int(kill_test.ROWS / seconds) if seconds else 0
        text = head + kill_test.statements(pipeline, rate, interval_ms)
        for old, new in replace:
            need(old in text, f"no {old!r} in", text)
            text = text.replace(old, new)
        (self.directory / "job.sql").write_text(text, encoding="utf-8")

    def start(self, *arguments, state="state"):
        command = [PROGRAM, "run", "--state-dir", state, "--no-progress", *arguments, "job.sql"]
        process = subprocess.Popen(command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        self.processes.append(process)
        return process

    def end(self, process, code, *parts):
        """Waits for its end; gives what it said."""
        try:
            err = process.communicate(timeout=60)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError("it hung: " + process.communicate()[1]) from None
        need("internal error" not in err and "Sanitizer" not in err, err)
        need(process.returncode == code, "exit code", process.returncode, "instead of", code, "\n", err)
        for part in parts:
            need(part in err, f"no {part!r} in\n", err)
        return err

    def run(self, code, *parts, arguments=(), state="state"):
        return self.end(self.start(*arguments, state=state), code, *parts)

    def checkpoints(self, state="state"):
        """Manifests, the newest last."""
        found = glob.glob(f"{self.directory}/{state}/*/checkpoints/chk-*.manifest")
        return sorted(found, key=lambda path: int(path.rsplit("-", 1)[1].split(".")[0]))

    def await_checkpoints(self, process, count):
        """Until so many new ones were made."""
        seen = set(self.checkpoints())
        before = len(seen)
        deadline = time.monotonic() + 30
        while len(seen) < before + count:
            need(process.poll() is None, "it ended too early")
            need(time.monotonic() < deadline, "no checkpoint came")
            time.sleep(0.005)
            seen |= set(self.checkpoints())

    def kill(self, process):
        process.send_signal(signal.SIGKILL)
        return self.end(process, -signal.SIGKILL)

    def tool(self, code, *arguments):
        result = subprocess.run([PROGRAM, *arguments, "--state-dir", "state"], cwd=self.directory, capture_output=True, text=True,
                                check=False, timeout=60)
        need(result.returncode == code, arguments, "exit code", result.returncode, result.stderr)
        return result.stdout.strip()

    def forget_output(self):
        for name in ("o", "rows_kept", "sums"):
            shutil.rmtree(self.directory / name, ignore_errors=True)

    def compare(self, expected):
        got = kill_test.visible(self.directory)
        for name, lines in expected.items():
            kill_test.compare(name, lines, got.get(name, []))
        hidden = glob.glob(f"{self.directory}/*/.part-*")
        need(not hidden, "hidden files are left", hidden)

    def written(self):
        """Lines in any file of the sink o, hidden ones too."""
        lines = []
        for path in glob.glob(f"{self.directory}/o/*") + glob.glob(f"{self.directory}/o/.*"):
            if not path.endswith(".committed"):
                lines += pathlib.Path(path).read_bytes().splitlines()
        return lines


def flip(path, generator, share=None):
    """One byte of a file; share: where, from 0 to 1."""
    content = bytearray(pathlib.Path(path).read_bytes())
    need(content, path, "is empty")
    at = generator.randrange(len(content)) if share is None else min(int(len(content) * share), len(content) - 1)
    content[at] ^= 1 << generator.randrange(8)
    pathlib.Path(path).write_bytes(content)


# ---- stopping ----


@case
def stop_in_mid_window(world, expected):
    for pipeline in ("tumble", "hop", "session"):
        world.write(pipeline, interval_ms=10000)
        world.forget_output()
        for stop in range(3):
            process = world.start("--parallelism", str(1 + stop))
            time.sleep(0.4)
            process.terminate()
            world.end(process, 0, "stopped")
            early = set(world.written()) - set(expected[pipeline]["o"])
            need(not early, pipeline, "windows fired early", list(early)[:3])
        world.run(0, "resumed from checkpoint", "done")
        world.compare(expected[pipeline])


@case
def stop_in_checkpoint(world, expected):
    world.write("tumble", interval_ms=1)
    for _ in range(12):
        process = world.start("--parallelism", str(world.random.randint(1, 4)))
        world.await_checkpoints(process, 1)
        time.sleep(world.random.random() * 0.06)
        process.terminate()
        world.end(process, 0, "stopped")
    world.run(0, "resumed from checkpoint")
    world.compare(expected["tumble"])


@case
def stop_twice_at_once(world, expected):
    """A second SIGTERM, and one right at the start, lose nothing."""
    world.write("join")
    for delay in (0.02, 0.3):
        process = world.start()
        time.sleep(delay)
        process.terminate()
        try:
            process.wait(0.001)
        except subprocess.TimeoutExpired:
            process.terminate()
        process.communicate(timeout=60)
        need(process.returncode in (0, -signal.SIGTERM, 128 + signal.SIGTERM, 130), process.returncode)
    world.run(0)
    world.compare(expected["join"])


# ---- two of them ----


@case
def second_copy(world, expected):
    world.write("set")
    first = world.start()
    world.await_checkpoints(first, 2)
    for _ in range(3):
        world.run(5, "runs already")
    need(first.poll() is None, "the first ended")
    world.end(first, 0, "done")
    world.compare(expected["set"])


# ---- damage ----


def damaged(world, expected, which):
    retained = "SET 'execution.checkpointing.num-retained' = '3';\n"
    world.write("tumble", head=retained)
    for share in (0.02, 0.3, 0.7, 0.999):
        process = world.start("--parallelism", "2")
        world.await_checkpoints(process, 4)
        world.kill(process)
        newest = world.checkpoints()[-1]
        path = newest
        if which == "data":
            number = newest.rsplit("-", 1)[1].split(".")[0]
            data = glob.glob(f"{os.path.dirname(newest)}/blocks-{number}.data")
            need(data, "no data file for", newest)
            path = data[0]
        flip(path, world.random, share)
        process = world.start("--parallelism", str(world.random.randint(1, 3)))
        world.await_checkpoints(process, 1)
        err = world.kill(process)
        need("damaged" in err and "resumed from checkpoint" in err, err)
    world.run(0, "resumed from checkpoint")
    world.compare(expected["tumble"])


@case
def damaged_manifest(world, expected):
    damaged(world, expected, "manifest")


@case
def damaged_data(world, expected):
    damaged(world, expected, "data")


@case
def nothing_whole_is_left(world, expected):
    """It does not begin anew by itself, and --fresh does."""
    world.write("tumble")
    process = world.start()
    world.await_checkpoints(process, 2)
    world.kill(process)
    for path in world.checkpoints():
        flip(path, world.random)
    world.run(5, "damaged")
    world.run(5, "damaged")
    world.write("tumble", seconds=0)
    world.run(0, "fresh start", arguments=["--fresh"])
    world.compare(expected["tumble"])


# ---- edited statements ----


@case
def edited_statements(world, expected):
    world.write("tumble")
    process = world.start()
    world.await_checkpoints(process, 3)
    process.terminate()
    world.end(process, 0, "stopped")
    # Another pace and another interval are no other job.
    world.write("tumble", seconds=2, interval_ms=50)
    process = world.start()
    world.await_checkpoints(process, 1)
    world.kill(process)
    edit = [("COUNT(*), SUM(v)", "COUNT(*), MAX(v)")]
    world.write("tumble", seconds=0, replace=edit)
    for _ in range(2):
        err = world.run(5, "the statements have changed since the checkpoint", "--allow-drop", "--fresh")
    need("'" in err, err)
    world.run(0, "resumed from checkpoint", arguments=["--allow-drop", "all"])
    need(len(kill_test.visible(world.directory)["o"]) > 0, "no output")
    world.forget_output()
    world.write("tumble", seconds=0)
    world.run(0, "fresh start", arguments=["--fresh"])
    world.compare(expected["tumble"])


@case
def edited_functions(world, expected):
    """State grouped by what a function gave is not taken for that of another body; a change that keys do not see keeps it."""
    functions = "CREATE FUNCTION bucket(k STRING) RETURNS STRING AS 'UPPER(k)' LANGUAGE SQL;\n"
    functions += "CREATE FUNCTION shift(v BIGINT) RETURNS BIGINT AS 'v * 2' LANGUAGE SQL;\n"
    edit = [("window_start, k, COUNT(*), SUM(v)", "window_start, bucket(k), COUNT(*), SUM(shift(v))"),
            ("window_end, k;", "window_end, bucket(k);")]
    world.write("tumble", replace=edit, head=functions)
    process = world.start()
    world.await_checkpoints(process, 2)
    process.terminate()
    world.end(process, 0, "stopped")
    world.write("tumble", replace=edit, head=functions.replace("v * 2", "v * 3"))
    process = world.start()
    world.await_checkpoints(process, 1)
    process.terminate()
    world.end(process, 0, "resumed from checkpoint", "stopped")
    world.write("tumble", seconds=0, replace=edit, head=functions.replace("UPPER(k)", "LOWER(k)"))
    world.run(5, "the statements have changed since the checkpoint")
    # The key's function counts with one phase and with two.
    world.write("tumble", seconds=0, replace=edit, head=functions)
    world.run(0, "resumed from checkpoint", arguments=["--parallelism", "4"])


# ---- starting elsewhere ----


@case
def other_parallelism(world, expected):
    for pipeline in ("tumble", "hop", "session", "join"):
        world.forget_output()
        world.write(pipeline, seconds=3)
        for lanes in (1, 4, 2, 3, 1):
            process = world.start("--parallelism", str(lanes))
            world.await_checkpoints(process, 2)
            world.kill(process)
        world.run(0, "resumed from checkpoint", arguments=["--parallelism", "4"])
        world.compare(expected[pipeline])


@case
def savepoint_after_more_data(world, expected):
    for pipeline in ("tumble", "join"):
        world.forget_output()
        shutil.rmtree(world.directory / "state", ignore_errors=True)
        world.write(pipeline)
        process = world.start("--parallelism", "2")
        world.await_checkpoints(process, 2)
        kept = world.tool(0, "savepoint", pipeline, f"kept-{pipeline}")
        before = world.checkpoints()
        need(before, "no checkpoint")
        world.await_checkpoints(process, 3)
        process.terminate()
        world.end(process, 0, "stopped")
        # In another folder: the rows up to the savepoint are there, those behind it are not.
        elsewhere = World(world.directory.parent, pipeline)
        elsewhere.write(pipeline, seconds=0)
        shutil.copytree(world.directory / "o", elsewhere.directory / "o")
        cut = elsewhere.run(0, "resumed from savepoint", arguments=["--restore", kept, "--parallelism", "3"])
        need("fresh" not in cut, cut)
        elsewhere.compare(expected[pipeline])
        # The job itself goes on where it was stopped.
        world.run(0, "resumed from checkpoint")
        world.compare(expected[pipeline])


@case
def a_finished_job_begins_anew(world, expected):
    world.write("filter", seconds=0)
    for _ in range(2):
        world.forget_output()
        world.run(0, "done")
        world.compare(expected["filter"])


# ---- starting again by itself ----


class Outage:
    """The sink's folder is away, and something that is none in its place."""

    def __init__(self, world):
        self.folder, self.away = world.directory / "o", world.directory / "away"

    def __enter__(self):
        self.folder.rename(self.away)
        self.folder.write_text("")

    def __exit__(self, *ignored):
        self.folder.unlink()
        self.away.rename(self.folder)


def strategy(kind, **options):
    lines = [f"SET 'restart-strategy.type' = '{kind}';\n"] if kind else []
    lines += [f"SET 'restart-strategy.{key.replace('__', '.').replace('_', '-')}' = '{value}';\n" for key, value in options.items()]
    return "".join(lines)


@case
def starts_again(world, expected):
    """By default, with growing delays; another kind of failure before and after do not matter."""
    world.write("tumble", seconds=3, head=strategy("", exponential_delay__initial_backoff="100 ms"))
    process = world.start("--parallelism", "2")
    for _ in range(2):
        world.await_checkpoints(process, 2)
        with Outage(world):
            time.sleep(0.7)
    err = world.end(process, 0, "it starts again in 0.", "resumed from checkpoint", "done")
    need(err.count("starts again") >= 3, err)
    world.compare(expected["tumble"])


@case
def starts_again_so_often(world, expected):
    world.write("tumble", head=strategy("fixed-delay", fixed_delay__attempts=3, fixed_delay__delay="50 ms"))
    process = world.start()
    world.await_checkpoints(process, 2)
    with Outage(world):
        err = world.end(process, 3, "starts again")
    need(err.count("starts again") == 3, err)
    world.write("tumble", head=strategy("none"))
    process = world.start()
    world.await_checkpoints(process, 2)
    with Outage(world):
        err = world.end(process, 3)
    need("starts again" not in err, err)
    world.run(0, "resumed from checkpoint")
    world.compare(expected["tumble"])


@case
def stopped_while_it_waits(world, expected):
    world.write("join", head=strategy("exponential-delay", exponential_delay__initial_backoff="1 min"))
    process = world.start()
    world.await_checkpoints(process, 2)
    with Outage(world):
        time.sleep(0.6)
        need(process.poll() is None, "it ended")
        begun = time.monotonic()
        process.terminate()
        world.end(process, 0, "starts again", "stopped")
        need(time.monotonic() - begun < 5, "it waited on")
    world.run(0, "resumed from checkpoint")
    world.compare(expected["join"])


@case
def bad_data_ends_the_job(world, expected):
    """They would come again."""
    text = (world.directory / "in.jsonl").read_text(encoding="utf-8")
    middle = text.index("\n", len(text) // 2) + 1
    (world.directory / "in.jsonl").unlink()
    (world.directory / "in.jsonl").write_text(text[:middle] + "this is no JSON\n" + text[middle:], encoding="utf-8")
    world.write("tumble", seconds=1)
    err = world.run(4)
    need("starts again" not in err, err)
    (world.directory / "in.jsonl").write_text(text, encoding="utf-8")
    world.run(0, "resumed from checkpoint")
    world.compare(expected["tumble"])


def run_case(function, root, expected):
    started = time.monotonic()
    world = World(root, function.__name__)
    failure = None
    try:
        function(world, expected)
    except AssertionError as wrong:
        lines = [str(each.lineno) for each in traceback.extract_tb(wrong.__traceback__) if each.filename == __file__]
        failure = f"line {', '.join(lines)} in {world.directory}: {wrong}"
    except Exception:  # pylint: disable=broad-except
        failure = traceback.format_exc()
    for process in world.processes:
        if process.poll() is None:
            process.kill()
            process.communicate()
    if failure is None:
        shutil.rmtree(world.directory, ignore_errors=True)
    return function.__name__, failure, time.monotonic() - started


def main():
    global PROGRAM
    chosen = [each for each in cases if not sys.argv[1:] or any(part in each.__name__ for part in sys.argv[1:])]
    root = pathlib.Path(tempfile.mkdtemp(prefix="leat-checkpoint."))
    PROGRAM = pathlib.Path(shutil.copy(PROGRAM, root))
    kill_test.PROGRAM = PROGRAM
    kill_test.make_input(root / "in.jsonl")
    expected = kill_test.undisturbed(root)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda each: run_case(each, root, expected), chosen))
    for name, failure, seconds in results:
        print(f"{'ok  ' if failure is None else 'FAIL'} {name} ({seconds:.1f} s)" + (f"\n{failure}" if failure else ""))
    failed = sum(failure is not None for _, failure, _ in results)
    print(f"{len(results)} cases, {failed} failed")
    if not failed:
        shutil.rmtree(root, ignore_errors=True)
    sys.exit(1 if failed else 0)


main()
