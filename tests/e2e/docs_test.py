#!/usr/bin/env python3
"""Runs what the documents tell people to run: every fenced `sql` and `sh` block of README.md, CONTRIBUTING.md, docs/ and examples/.

- The sql blocks of a page are one script: `leat check` of the whole, then `leat run`. `sql check` marks a block that is checked only, because
  it would never end or reads what only the reader has.
- A sh block runs line by line, in a copy of the project's examples, with the program under test first in PATH. Lines of LATER belong to
  the build itself; only their targets are looked up here. `--replay` runs at full speed, and a page's pkg-config finds the library under test.
- A block with the info string `text output` stands right behind an executed one, and is what that one prints on standard output. Lines may
  come in another order: several lanes work at a query without ORDER BY.
- Links to files of the project must lead somewhere.
- Blocks with `text` or no info string are pictures. Any other info string is an error, so that no example goes unexecuted by a slip.

Environment: LEAT, LEAT_SOURCE, LEAT_BUILD. Arguments: pages, all by default. --update writes what was printed into the pages."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

program = pathlib.Path(os.environ["LEAT"]).resolve()
source = pathlib.Path(os.environ.get("LEAT_SOURCE", pathlib.Path(__file__).parents[2])).resolve()
build = pathlib.Path(os.environ.get("LEAT_BUILD", program.parent)).resolve()

LATER = re.compile(r"(\./x|make)( [a-z]+)?( [A-Z]+=\w+)?$")
NOT_RUN = {"", "text", "c", "cmake", "json"}
TIMEOUT_S = 60
failures = []


class Block:
    def __init__(self, page, line, info):
        self.page, self.line, self.info, self.text = page, line, info, ""

    def fail(self, what, detail=""):
        detail = "".join(f"\n    {line}" for line in detail.strip().splitlines()[:20])
        failures.append(f"{self.page.relative_to(source)}:{self.line}: {what}{detail}")


def blocks(page):
    """The fenced blocks of a page; indented ones are refused, since they would not be run."""
    found, fence, block, blank = [], None, None, True
    for number, line in enumerate(page.read_text().splitlines(), 1):
        mark = re.match(r"( *)(```+|~~~+)(.*)$", line)
        if block is None and mark:
            fence, indent = mark.group(2), len(mark.group(1))
            block = Block(page, number, mark.group(3).strip())
        elif block is not None and line.strip() == fence:
            found.append(block)
            block = None
        elif block is not None:
            block.text += line[indent:] + "\n"
        elif blank and re.match(r"    (leat|make|\./x|cat|SELECT|CREATE)\b", line):
            Block(page, number, "").fail("an indented example is not run: fence it with ```sh or ```sql")
        blank = not line.strip()
    if block is not None:
        block.fail("the block never ends")
    return found


def run(command, cwd, environment, shell=False):
    return subprocess.run(command, cwd=cwd, env=environment, shell=shell, capture_output=True, text=True, timeout=TIMEOUT_S,
                          stdin=subprocess.DEVNULL)


def target_exists(line):
    words = line.split()
    target = words[1] if len(words) > 1 and "=" not in words[1] else None
    if words[0] == "make":
        text = (source / "Makefile").read_text()
        return target is None or re.search(rf"^[a-z /]*\b{target}\b[a-z ]*:", text, re.MULTILINE)
    return target is not None and re.search(rf"^{target}\)", (source / "x").read_text(), re.MULTILINE)


def lines_of(text):
    """Commands: lines joined at backslashes, and as long as a quote or a here-document is open."""
    command = ""
    for line in text.splitlines():
        command += line + "\n"
        if line.endswith("\\"):
            continue
        if subprocess.run(["sh", "-n", "-c", command], capture_output=True).returncode != 0 or is_open(command):
            continue
        if command.strip() and not command.lstrip().startswith("#"):
            yield command.strip()
        command = ""
    if command.strip():
        yield command.strip()


def is_open(command):
    found = re.search(r"<<-?\s*'?(\w+)'?", command)
    return found is not None and not re.search(rf"^{found.group(1)}$", command, re.MULTILINE)


def run_sh(block, cwd, environment):
    """What the block prints, or None."""
    printed = ""
    for command in lines_of(block.text):
        bare = re.sub(r"\s+#.*$", "", command)
        if LATER.match(bare):
            if not target_exists(bare):
                block.fail(f"there is no such target: {bare}")
            continue
        command = re.sub(r"--replay \d+", "--replay max", command)
        try:
            result = run(["sh", "-c", command], cwd, environment)
        except subprocess.TimeoutExpired:
            block.fail(f"does not end within {TIMEOUT_S} s: {command}")
            return None
        if result.returncode != 0:
            block.fail(f"exit code {result.returncode}: {command}", result.stderr)
            return None
        printed += result.stdout
    return printed


def run_sql(page, parts, cwd, environment):
    """All the sql blocks of a page as one script; returns what each one printed."""
    whole, running = cwd / "page.sql", cwd / "page-run.sql"
    whole.write_text("".join(part.text.rstrip().rstrip(";") + ";\n" for part in parts))
    result = run([program, "check", whole], cwd, environment)
    if result.returncode != 0:
        # Which block was it? The first one with which the script fails.
        text = ""
        for part in parts:
            text += part.text.rstrip().rstrip(";") + ";\n"
            whole.write_text(text)
            result = run([program, "check", whole], cwd, environment)
            if result.returncode != 0:
                part.fail("leat check refuses it", result.stderr)
                return
    text = ""
    for part in parts:
        if part.info.split()[1:] == ["check"]:
            continue
        text += part.text.rstrip().rstrip(";") + ";\n"
    running.write_text(text)
    try:
        result = run([program, "run", running, "-q", "-o", "csv"], cwd, environment)
    except subprocess.TimeoutExpired:
        parts[0].fail("the page's SQL does not end; mark what is endless with ```sql check")
        return
    if result.returncode != 0:
        parts[0].fail("the page's SQL fails", result.stderr)


def environment_of(scratch):
    """The program first in PATH; the library below the scratch folder, as if it were installed."""
    root = scratch / "root"
    environment = dict(os.environ, LC_ALL="C.UTF-8", NO_COLOR="1", XDG_STATE_HOME=str(scratch / "state"))
    bin_dir = scratch / "bin"
    bin_dir.mkdir()
    (bin_dir / "leat").symlink_to(program)
    if sanitizer := os.environ.get("LEAT_SANITIZE"):
        cc = bin_dir / "cc"
        cc.write_text(f'#!/bin/sh\nexec {shutil.which("cc")} -fsanitize={sanitizer} "$@"\n')
        cc.chmod(0o755)
    environment["PATH"] = f"{bin_dir}:{environment['PATH']}"
    if any("pkg-config" in page.read_text() for page in pages()):
        done = subprocess.run(["cmake", "--install", str(build)], env=dict(environment, DESTDIR=str(root)), capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"cmake --install failed: {done.stderr}")
        pc = next(root.rglob("leat.pc")).parent
        environment.update(PKG_CONFIG_PATH=str(pc), PKG_CONFIG_SYSROOT_DIR=str(root), LD_LIBRARY_PATH=str(pc.parent),
                           PKG_CONFIG_ALLOW_SYSTEM_CFLAGS="1", PKG_CONFIG_ALLOW_SYSTEM_LIBS="1")
    return environment


def pages():
    if names := [name for name in sys.argv[1:] if name != "--update"]:
        return [pathlib.Path(name).resolve() for name in names]
    found = [source / "README.md", source / "CONTRIBUTING.md"]
    return found + sorted((source / "docs").rglob("*.md")) + sorted((source / "examples").rglob("README.md"))


def rewrite(page, edits):
    """Puts other texts into blocks, from the last one up so that the line numbers of the others hold."""
    lines = page.read_text().splitlines(True)
    for block, text in reversed(edits):
        lines[block.line:block.line + block.text.count("\n")] = [text]
        print(f"{page.relative_to(source)}:{block.line}: rewritten")
    page.write_text("".join(lines))


def same_lines(one, other):
    """Equal but for the order of lines, and blanks at their ends."""
    return sorted(map(str.rstrip, one.strip().splitlines())) == sorted(map(str.rstrip, other.strip().splitlines()))


def test_links(page):
    """Links to files of the project lead somewhere."""
    text = re.sub(r"^```.*?^```$", lambda fence: "\n" * fence.group().count("\n"), page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for found in re.finditer(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", lambda code: "`" * len(code.group()), text)):
        target = found.group(1).split("#")[0]
        if target and "://" not in target and not (page.parent / target).exists():
            Block(page, text.count("\n", 0, found.start()) + 1, "").fail(f"a link that leads nowhere: {target}")


def test_page(page, cwd, environment):
    parts = blocks(page)
    executed = 0
    printed = None
    edits = []
    run_sql_parts = [part for part in parts if part.info.split()[:1] == ["sql"]]
    if run_sql_parts:
        run_sql(page, run_sql_parts, cwd, environment)
        executed += len(run_sql_parts)
    for part in parts:
        kind = part.info.split()[0] if part.info else ""
        if kind == "sh" and part.info == "sh":
            printed = run_sh(part, cwd, environment)
            executed += 1
        elif part.info == "text output":
            if printed is None:
                part.fail("`text output` stands behind no sh block that succeeded")
            elif not same_lines(printed, part.text) and "--update" in sys.argv:
                edits.append((part, printed.strip("\n") + "\n"))
            elif not same_lines(printed, part.text):
                part.fail("that is not what the block above prints, which is:", printed)
            printed = None
        elif part.info in ("sql", "sql check") or part.info in NOT_RUN:
            printed = None
        else:
            part.fail(f"info string `{part.info}`; there are: sh, sql, sql check, text output, {', '.join(sorted(NOT_RUN - {''}))}")
    if edits:
        rewrite(page, edits)
    return executed


def main():
    executed = 0
    with tempfile.TemporaryDirectory(prefix="leat-docs.") as name:
        scratch = pathlib.Path(name)
        environment = environment_of(scratch)
        for number, page in enumerate(pages()):
            cwd = scratch / f"page{number}"
            cwd.mkdir()
            shutil.copytree(source / "examples", cwd / "examples")
            executed += test_page(page, cwd, environment)
            test_links(page)
    for failure in failures:
        print(f"FAIL: {failure}", file=sys.stderr)
    print(f"{executed} blocks of {len(pages())} pages executed, {len(failures)} failures")
    sys.exit(1 if failures else 0)


main()
