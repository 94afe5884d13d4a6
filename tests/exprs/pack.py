#!/usr/bin/env python3
"""pack.py < Oracle's output > golden.jsonl: shorter lines. Equal values of all rows become one, messages lose their detail; lines that say nothing
about the rules (code that Flink cannot compile, values that it cannot print, identities of objects) are left out."""
import json
import re
import sys

for text in sys.stdin:
    line = json.loads(text)
    if "c" in line or re.search("^(Match|Assertion)Error|^(Compile|ClassCast|NumberFormat|NullPointer|IllegalArgument|UnsupportedOperation|ArrayIndex)", line.get("x", "")):
        continue
    if "x" in line:
        out = {"e": line["e"], "x": line["x"][:70]}
    else:
        values = line["v"]
        if all(v is True for v in values) or any("@" in v and re.search(r"\.[A-Z]\w+@[0-9a-f]{6,}", v) for v in values if isinstance(v, str)):
            continue
        out = {"e": line["e"], "t": line["t"], "v": values[:1] if all(v == values[0] for v in values) else values}
    print(json.dumps(out, ensure_ascii=False, separators=(",", ":")))
