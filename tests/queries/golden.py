#!/usr/bin/env python3
"""golden.py cases FIRST COUNT > cases.jsonl: the random cases as real Flink's runner takes them (one JSON object a line).
golden.py pack CASES ANSWERS > golden.jsonl: cases with Flink's final rows, shorter.
golden.py check [--update]: runs golden-*.jsonl through leat. The cases in known-differences.txt (`id<TAB>reason`) may differ; one that stops to
must go."""
import collections
import json
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import engine
import gen
from engine import leatlib

KNOWN = HERE / "known-differences.txt"


def as_record(kind, row):
    return row if kind == "+I" else {"op": kind, "row": row}


def case_of(seed):
    case = gen.Case(seed)
    tables = [{"name": t.name, "ddl": t.ddl(), "changelog": t.kinds(), "rows": [as_record(k, r) for k, r in case.json_rows(t)]} for t in case.tables]
    order = [name for name, first, last in case.order for _ in range(last - first)]
    return {"id": seed, "tables": tables, "order": order, "sql": case.sql(), "mode": "final"}


def cases(first, count):
    for seed in range(first, first + count):
        print(json.dumps(case_of(seed)))


def pieces(order, tables):
    """[(table, from, to)] of the table names in order of arrival; empty tables first."""
    at, out = {t["name"]: 0 for t in tables}, [(t["name"], 0, 0) for t in tables if not t["rows"]]
    for name in order:
        if out and out[-1][0] == name and out[-1][2] == at[name]:
            out[-1] = (name, out[-1][1], at[name] + 1)
        else:
            out.append((name, at[name], at[name] + 1))
        at[name] += 1
    return out


def pack(case_file, answer_file):
    answers = {}
    for line in open(answer_file):
        answer = json.loads(line)
        answers[answer["id"]] = answer
    for line in open(case_file):
        case = json.loads(line)
        answer = answers.get(case["id"])
        if answer is None or answer.get("error") == "TIMEOUT":
            continue
        out = {"id": case["id"], "sql": case["sql"],
               "t": [[t["name"], t["ddl"], t["changelog"], [[r["op"], r["row"]] if isinstance(r, dict) else r for r in t["rows"]]] for t in case["tables"]],
               "order": [f"{n}:{b - a}" for n, a, b in pieces(case["order"], case["tables"])]}
        if answer["ok"]:
            out["rows"] = [[None if v == "<NULL>" else v for v in text[1:]] if text[0] == "+I" else text for text in answer["text"]]
        else:
            out["x"], out["phase"] = answer["error"].split("\n")[0][:100], answer["phase"]
        print(json.dumps(out, separators=(",", ":")))


def unpack(line):
    case, tables = json.loads(line), []
    for name, ddl, changelog, records in case["t"]:
        rows = [(r[0], r[1]) if len(r) == 2 and isinstance(r[1], list) else ("+I", r) for r in records]
        columns = [c.split(" ")[0] for c in split_columns(ddl)]
        tables.append({"name": name, "ddl": ddl, "changelog": changelog, "columns": columns, "rows": rows})
    at, order = collections.Counter(), []
    for piece in case["order"]:
        name, count = piece.split(":")
        order.append((name, at[name], at[name] + int(count)))
        at[name] += int(count)
    return case, tables, order


def split_columns(ddl):
    parts, depth = [""], 0
    for ch in ddl:
        depth += (ch == "(") - (ch == ")")
        if ch == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += ch
    return [p.strip() for p in parts if not p.strip().startswith(("WATERMARK", "PRIMARY KEY"))]


def outcome(line):
    """(id, None when equal, else what differs)."""
    case, tables, order = unpack(line)
    try:
        got = engine.Run(tables, order, case["sql"], **[dict(), dict(batch_rows=1), dict(lanes=2)][case["id"] % 3]).final()
    except engine.Refused as error:
        return case["id"], None if "x" in case else "refused: " + " ".join(str(error).split("\n")[0].split())[:150]
    except leatlib.Error as error:
        return case["id"], None if case.get("phase") == "run" else "fails: " + " ".join(str(error).split("\n")[0].split())[:150]
    if "x" in case:
        return case["id"], "accepted, Flink: " + case["x"]
    wanted = engine.sort_rows(case["rows"])
    if got == wanted:
        return case["id"], None
    missing, extra = collections.Counter(map(str, wanted)), collections.Counter(map(str, got))
    return case["id"], f"rows: missing {list((missing - extra).elements())[:2]}, extra {list((extra - missing).elements())[:2]}"[:400]


def check(update, files):
    started, known = time.time(), {}
    if KNOWN.exists():
        for line in KNOWN.read_text().splitlines():
            if line and not line.startswith("#"):
                number, _, reason = line.partition("\t")
                known[int(number)] = reason
    equal, wrong, differing = 0, 0, {}
    for path in files or sorted(HERE.glob("golden-*.jsonl")):
        for line in open(path):
            number, text = outcome(line)
            if text is None:
                equal += 1
                if number in known and not update:
                    wrong += 1
                    print(f"EQUAL BUT LISTED {number}: remove it from known-differences.txt")
            else:
                differing[number] = text
                if number not in known:
                    wrong += 1
                    print(f"DIFFERS {number}: {text}")
    if update:
        lines = KNOWN.read_text().splitlines() if KNOWN.exists() else []
        head = [x for x in lines if x.startswith("#")]
        body = [f"{n}\t{known.get(n, 'new: ' + differing[n])}" for n in sorted(differing)]
        KNOWN.write_text("\n".join(head + body) + "\n")
    total = equal + len(differing)
    print(f"{equal} of {total} equal ({100 * equal / max(1, total):.2f} %), {len(differing)} differ, in {time.time() - started:.1f} s")
    return 0 if update or not wrong else 1


if __name__ == "__main__":
    if sys.argv[1] == "cases":
        cases(int(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1] == "pack":
        pack(sys.argv[2], sys.argv[3])
    else:
        sys.exit(check("--update" in sys.argv, [a for a in sys.argv[2:] if not a.startswith("--")]))
