"""Random tables, inputs and queries. The same seed gives the same case: Case(seed)."""
import datetime
import random

import exprs
import nodes
from exprs import BIGINT, BOOLEAN, DECIMAL, INT, STRING, TIME, Ex, column, compare, family, literal, time_of

START = 1704067200000  # 2024-01-01 00:00:00
COLUMNS = [("id", INT), ("k", INT), ("s", STRING), ("v", BIGINT), ("d", DECIMAL), ("b", BOOLEAN)]
# Operators that stand alone above one input, or above two.
UNARY = ["filter", "project", "distinct", "group", "global", "top-n", "dedup", "dedup first", "tvf", "window agg", "window top-n"]
BINARY = ["union", "inner", "left", "right", "full", "in", "not in", "exists", "not exists", "scalar", "intersect", "except", "intersect all", "except all", "interval inner", "interval left",
          "interval right", "interval full", "window inner", "window left", "window right", "window full"]
WINDOW_JOINS = [op for op in BINARY if op.startswith("window ")]
OPERATORS = UNARY + BINARY


class Table:
    """changelog: I; R retracts (-U, +U, -D); U upserts by primary key (+U, -D)."""

    def __init__(self, rng, number, wants_time, on_time=False):
        self.name, self.rng, self.on_time = f"t{number}", rng, on_time
        picked = sorted(rng.sample(range(1, len(COLUMNS)), rng.choice([2, 3, 3, 4])))
        self.columns = [COLUMNS[0]] + [COLUMNS[i] for i in picked]
        self.changelog = rng.choice(["I"] * 14 + ["R"] * 5 + ["U"] if wants_time else ["I"] * 10 + ["R"] * 10 + ["U"] * 4)
        self.changelog = "I" if on_time else self.changelog
        self.key = self.changelog == "U" or rng.random() < 0.25
        self.watermark = rng.choice([0, 1, 3, 5]) if wants_time or rng.random() < 0.3 else None
        if on_time:
            self.watermark = rng.choice([1, 3, 5])
        if self.watermark is not None:
            self.columns.append(("ts", TIME))
        self.records = self.make(rng.choice([0, 1, 3, 6, 8, 10, 12, 14, 18]))

    def fresh(self, n):
        rng, maker = self.rng, exprs.Maker(self.rng)
        self.clock = getattr(self, "clock", 0) + rng.choice([0, 1, 1, 2, 3, 7])
        row = [n]
        for name, sql_type in self.columns[1:]:
            if name == "ts":
                back = rng.choice([0, 0, 0, 1, 2, 4, 9]) if self.watermark is not None else 0
                back = min(back, self.watermark - 1) if self.on_time else back  # never late
                row.append(time_of(START + 1000 * max(0, self.clock - back)))
            else:
                row.append(None if rng.random() < 0.15 else maker.value(sql_type))
        return tuple(row)

    def make(self, count):
        """Records [(kind, row)], in order of arrival."""
        rng, live, out, n = self.rng, [], [], 0
        while len(out) < count:
            change = rng.random() if live and self.changelog != "I" else 1
            if change < 0.25:
                old = live.pop(rng.randrange(len(live)))
                out.append(("-D", old))
            elif change < 0.5:
                at = rng.randrange(len(live))
                old, new = live[at], self.fresh(live[at][0])
                out += [("-U", old), ("+U", new)] if self.changelog == "R" else [("+U", new)]
                live[at] = new
            else:
                n += 1
                live.append(self.fresh(n))
                out.append(("+U" if self.changelog == "U" else "+I", live[-1]))
        return out

    def kinds(self):
        return {"I": "I", "R": "I,UB,UA,D", "U": "I,UA,D"}[self.changelog]

    def ddl(self):
        columns = [f"{n} {t}{' NOT NULL' if n in ('id', 'ts') else ''}" for n, t in self.columns]
        if self.watermark is not None:
            delay = f" - INTERVAL '{self.watermark}' SECOND" if self.watermark else ""
            columns.append(f"WATERMARK FOR ts AS ts{delay}")
        if self.key:
            columns.append("PRIMARY KEY (id) NOT ENFORCED")
        return ", ".join(columns)


def arrival(rng, tables):
    """In which order the tables' records come: [(table, from, to)], each table's end follows its last piece."""
    pieces = []
    for t in tables:
        cut = rng.randrange(1, len(t.records)) if len(t.records) > 2 and len(tables) > 1 and rng.random() < 0.6 else None
        pieces.append([(t.name, 0, cut), (t.name, cut, len(t.records))] if cut else [(t.name, 0, len(t.records))])
    order = []
    while any(pieces):
        order.append(rng.choice([p for p in pieces if p]).pop(0))
    return order


def events_of(tables, order):
    """What the sources send: rows, each followed by the watermark it raises, and the end."""
    by_name, out, place = {t.name: t for t in tables}, {t.name: [] for t in tables}, 0
    marks, current = {}, {t.name: {} for t in tables}
    for name, first, last in order:
        t = by_name[name]
        at = next((i for i, c in enumerate(t.columns) if c[0] == "ts"), None)
        for kind, row in t.records[first:last]:
            place += 1
            if t.changelog == "U":
                old = current[name].pop(row[0], None)
                if old is not None:
                    out[name].append(("row", place, -1, old))
                if kind == "+U":
                    current[name][row[0]] = row
                    out[name].append(("row", place, 1, row))
            else:
                out[name].append(("row", place, 1 if kind[0] == "+" else -1, row))
            if at is not None:
                mark = exprs.ms_of(row[at]) - 1000 * t.watermark
                if mark > marks.get(name, 0):
                    marks[name] = mark
                    out[name].append(("time", place, mark))
        if last == len(t.records):
            place += 1
            out[name].append(("time", place, nodes.END))
    return out


class Builder:
    def __init__(self, rng):
        self.rng, self.maker, self.tables, self.count = rng, exprs.Maker(rng), [], 0

    def name(self, letter):
        self.count += 1
        return f"{letter}{self.count}"

    # ---- inputs ----

    def source(self, wants_time=False, only_inserts=False, on_time=False):
        table = Table(self.rng, len(self.tables), wants_time, on_time)
        while only_inserts and table.changelog != "I":
            table = Table(self.rng, len(self.tables), wants_time)
        self.tables.append(table)
        return nodes.Source(table, f"{'abcdefgh'[len(self.tables) - 1]}_")

    def input(self, depth, wants_time=False, only_inserts=False):
        if depth <= 0 or len(self.tables) >= 4:
            return self.source(wants_time, only_inserts)
        if wants_time or only_inserts:
            op = self.rng.choice(["filter", "project", "filter", "union", "window agg"])
        else:
            op = self.rng.choice(OPERATORS)
        return self.operator(op, depth - 1, wants_time=wants_time, only_inserts=only_inserts)

    # ---- pieces ----

    def plain_columns(self, node, types=None):
        return [c for c in node.columns if types is None and c[1] != TIME or types is not None and c[1] in types]

    def some(self, items, least=1, most=3):
        items = list(items)
        return self.rng.sample(items, min(len(items), self.rng.randint(least, most)))

    def tests(self, columns, most=2):
        return [self.maker.test(columns) for _ in range(self.rng.randint(1, most))]

    def aggs(self, node, most=3):
        rng, out = self.rng, []
        for _ in range(rng.randint(1, most)):
            numbers = [c for c in node.columns if family(c[1]) == "number"]
            function = rng.choice(["COUNT", "COUNT", "SUM", "MIN", "MAX", "AVG"] if numbers else ["COUNT", "MIN", "MAX"])
            name, sql_type = rng.choice(numbers if function in ("SUM", "AVG") else self.plain_columns(node, None) or node.columns)
            if function in ("MIN", "MAX") and sql_type == BOOLEAN:
                function = "COUNT"
            if function == "COUNT" and rng.random() < 0.4:
                name, sql_type = None, None
            distinct = name is not None and function in ("COUNT", "SUM") and rng.random() < 0.25
            test = self.maker.test(node.columns) if rng.random() < 0.15 else None
            out.append(nodes.Agg(self.name("x"), function, name, sql_type, distinct, test))
        return out

    def having(self, aggs):
        last = aggs[-1]
        if self.rng.random() < 0.75 or family(last.type) != "number" or last.type.startswith("DECIMAL"):
            return None
        return last.sql(), self.rng.choice(list(nodes.HAVING)), self.rng.choice([0, 1, 2])

    def pair(self, left, right):
        """Two columns that compare, or None."""
        pairs = [(a, b) for a, t in left.columns for b, u in right.columns if t == u and t not in (TIME, BOOLEAN)]
        pairs = pairs or [(a, b) for a, t in left.columns for b, u in right.columns if family(t) == family(u) == "number"]
        return self.rng.choice(pairs) if pairs else None

    def aligned(self, left, right):
        """Projections of both to columns of the same types; a time attribute of both stays one."""
        items = ([], [])
        if left.time and right.time and self.rng.random() < 0.8:
            for side, kid in zip(items, (left, right)):
                side.append(column(kid.time, TIME))
        free = [c for c in right.columns if c[1] != TIME]
        for name, sql_type in self.rng.sample(left.columns, len(left.columns)):
            match = next((c for c in free if c[1] == sql_type), None)
            if match and sql_type != TIME:
                free.remove(match)
                items[0].append(column(name, sql_type))
                items[1].append(column(*match))
        if not items[0]:
            items[0].append(literal(1, INT))
            items[1].append(literal(2, INT))
        return [nodes.Project(kid, [(self.name("u"), e) for e in side]) for side, kid in zip(items, (left, right))]

    # ---- operators ----

    def operator(self, op, depth, kid=None, wants_time=False, only_inserts=False):
        """`op` over `kid` (or a new input); where it cannot stand there, over an input it can."""
        if op.startswith("interval") or op in WINDOW_JOINS:  # stands over inputs of its own
            joined = self.interval(op) if op.startswith("interval") else self.window_join(op)
            return joined if kid is None else self.binary(self.rng.choice(["left", "in", "union", "exists"]), kid, joined)
        if op in BINARY:
            return self.binary(op, kid or self.input(depth, wants_time, only_inserts), self.input(min(depth, 1), wants_time, only_inserts))
        timed = op in ("tvf", "window agg", "window top-n", "dedup", "dedup first")
        kid = kid or self.input(depth, wants_time or timed, only_inserts or op in ("window top-n", "dedup", "dedup first"))
        if timed:
            return self.timed(op, kid)
        rng = self.rng
        if op in ("distinct", "group") and any(isinstance(n, nodes.WindowJoin) and n.kind != "INNER" for n in kid.walk()):
            # Flink fails to plan an aggregate by windows that may be NULL
            kid = nodes.Project(kid, [(self.name("p"), column(*c)) for c in kid.columns if c[1] != TIME])
        if op == "filter":
            return nodes.Filter(kid, self.tests(kid.columns))
        if op == "project":
            kept = [c for c in kid.columns if c[0] == kid.time and (wants_time or rng.random() < 0.7) or kid.window and c[0] in kid.window and rng.random() < 0.9]
            kept += [c for c in self.some(kid.columns, 1, 3) if c not in kept]
            items = [(self.name("p"), column(*c)) for c in kept]
            return nodes.Project(kid, items + [(self.name("p"), self.maker.scalar(kid.columns)) for _ in range(rng.choice([0, 1, 1, 2]))])
        if op == "distinct":
            small = self.some(kid.columns, 1, 2)
            if kid.window and any(isinstance(n, nodes.Tvf) and n.kind == "SESSION" for n in kid.walk()):
                small = [c for c in kid.columns if c[1] != TIME][:2] or small[:1]
                return nodes.Distinct(nodes.Project(kid, [(self.name("p"), column(*c)) for c in small]))
            return nodes.Distinct(nodes.Project(kid, [(self.name("p"), column(*c)) for c in small]) if rng.random() < 0.7 else kid)
        if op in ("group", "global"):
            aggs = self.aggs(kid)
            keys = self.some(kid.names(), 1, 2) if op == "group" else []
            if kid.window and set(kid.window[:2]) <= set(keys):
                return nodes.Group(kid, keys, aggs, self.having(aggs), windowed=True)
            return nodes.Group(kid, keys, aggs, self.having(aggs))
        keys = self.some(kid.names(), 0, 2)
        if kid.window and set(kid.window[:2]) <= set(keys):
            keys = [k for k in keys if k != kid.window[0]]
        order = [(n, rng.random() < 0.5) for n in self.some([n for n in kid.names() if n not in keys], 0, 2) if n != kid.time]
        n = rng.choice([1, 2, 3] if kid.updates or rng.random() < 0.1 else [2, 3])  # Flink keeps replaced rows of a Top-1 over inserts
        top = nodes.TopN(kid, keys, order, n, self.name("n") if rng.random() < 0.4 else None)
        return top if top.valid() else nodes.Filter(kid, self.tests(kid.columns))

    def timed(self, op, kid):
        rng = self.rng
        inserts = op in ("window top-n", "dedup", "dedup first")
        if inserts and kid.updates:
            kid = self.source(True, True)
        if op in ("dedup", "dedup first"):
            if not kid.time or not kid.streams:
                kid = self.source(True, True)
            times = [n for n, t in kid.columns if t == TIME and n != kid.time and n not in (kid.window or ())]
            if times and len(times) + 1 < len(kid.columns):  # Flink takes the first time attribute there is
                kid = nodes.Project(kid, [(self.name("p"), column(*c)) for c in kid.columns if c[0] not in times])
            # Of rows of one time and key the order of arrival decides, which several lanes may change behind an operator with keys.
            ordered = all(isinstance(n, (nodes.Source, nodes.Filter, nodes.Project, nodes.Union)) for n in kid.walk())
            others = [n for n in kid.names() if n != kid.time]
            keys = self.some(others, 1, 2) if ordered else others
            return (nodes.Dedup if op == "dedup" else nodes.DedupFirst)(kid, keys) if keys else nodes.Filter(kid, self.tests(kid.columns))
        if op == "tvf" or not (kid.window and all(kid.window[:2])) or not kid.streams:
            kid = self.tvf(kid, inserts)
        if op == "tvf":
            return kid
        if op == "window top-n" and any(isinstance(n, nodes.Tvf) and n.keys for n in kid.walk()):
            kid = self.tvf(self.source(True, True), True)  # Flink ranks sessions of all keys that end together in one
        if isinstance(kid, nodes.Filter) and isinstance(kid.kids[0], nodes.Tvf) and kid.kids[0].kind == "SESSION":
            kid = kid.kids[0]  # Flink moves the filter below the assignment of sessions
        elif rng.random() < 0.15 and not (isinstance(kid, nodes.Tvf) and kid.kind == "SESSION"):
            kid = nodes.Filter(kid, self.tests([c for c in kid.columns if c[1] != TIME]))
        bounds = list(kid.window[:2])
        others = [n for n in kid.names() if n not in kid.window]
        keys = bounds + ([kid.window[2]] if kid.window[2] and rng.random() < 0.5 else [])
        if op == "window agg":
            keys += self.some(others, 0, 2)
            aggs = self.aggs(kid)
            return nodes.Group(kid, keys, aggs, self.having(aggs), windowed=True)
        keys = bounds + self.some(others, 0, 1)
        order = [(n, rng.random() < 0.5) for n in self.some([n for n in others if n not in keys], 0, 2)]
        top = nodes.TopN(kid, keys, order, rng.choice([1, 2, 3]), self.name("n") if rng.random() < 0.4 else None, windowed=True)
        return top if top.valid() else nodes.Filter(kid, self.tests(kid.columns))

    def tvf(self, kid, inserts):
        rng = self.rng
        if not kid.time or not kid.streams:
            kid = self.source(True, inserts)
        kind = rng.choice(["TUMBLE", "TUMBLE", "HOP", "CUMULATE", "SESSION"])
        if kind == "SESSION" and kid.updates:
            kind = "TUMBLE"
        step = rng.choice([2, 5, 10])
        sizes = [step] if kind == "TUMBLE" else [rng.choice([2, 3, 6])] if kind == "SESSION" else [step, step * rng.choice([2, 3])]
        keys = self.some([n for n, t in kid.columns if t != TIME], 0, 1) if kind == "SESSION" and not inserts else []
        names = tuple(self.name(w) for w in ("ws", "we", "wt"))
        return nodes.Tvf(kid, kind, sizes, names, self.name("c"), keys)

    def on_time(self):
        """An input of event time without late rows."""
        kid, kind = self.source(True, True, True), self.rng.random()
        if kind < 0.25:
            return nodes.Filter(kid, self.tests(kid.columns))
        if kind < 0.5:
            kept = [(kid.time, TIME)] + self.some([c for c in kid.columns if c[1] != TIME], 1, 3)
            return nodes.Project(kid, [(self.name("p"), column(*c)) for c in kept])
        return kid

    def interval(self, op):
        left, right = self.on_time(), self.on_time()
        pair = self.pair(left, right)
        if pair is None:
            return nodes.Union(*self.aligned(left, right))
        return nodes.IntervalJoin(op.split()[1].upper(), left, right, [pair], self.rng.choice([0, 2, 5, 10]), self.rng.choice([0, 3, 8]))

    def window_join(self, op):
        kind, (step, times) = self.rng.choice(["TUMBLE", "HOP", "CUMULATE"]), (self.rng.choice([2, 5, 10]), self.rng.choice([2, 3]))
        sides = []
        for _ in range(2):
            names = tuple(self.name(w) for w in ("ws", "we", "wt"))
            sides.append(nodes.Tvf(self.on_time(), kind, [step] if kind == "TUMBLE" else [step, step * times], names, self.name("c")))
            if self.rng.random() < 0.3:
                aggs = self.aggs(sides[-1])
                keys = list(names[:2]) + self.some([n for n, t in sides[-1].columns if t in (INT, STRING)], 1, 2)
                sides[-1] = nodes.Group(sides[-1], keys, aggs, None, windowed=True)
        pair, (left, right) = self.pair(*sides), sides
        equal = list(zip(left.window[:2], right.window[:2])) + ([pair] if pair else [])
        tests = [self.maker.test([c for c in left.columns + right.columns if c[1] != TIME])] if self.rng.random() < 0.2 else []
        return nodes.WindowJoin(op.split()[1].upper(), left, right, equal, tests)

    def binary(self, op, left, right):
        rng = self.rng
        if op == "union":
            return nodes.Union(*self.aligned(left, right))
        if op.startswith(("intersect", "except")):
            return nodes.SetOp(op.upper(), *self.aligned(left, right))
        pair = self.pair(left, right)
        if pair is None:
            return nodes.Union(*self.aligned(left, right))
        if op in ("in", "not in", "exists", "not exists"):
            extra = self.maker.test([c for c in right.columns]) if rng.random() < 0.3 else None
            return nodes.Member(left, right, op.upper(), pair, extra)
        if op == "scalar":
            agg = self.aggs(right, 1)[0]
            pair = pair if rng.random() < 0.4 else None
            mine = [n for n, t in left.columns if family(t) == family(agg.type) and t != TIME]
            if mine and rng.random() < 0.6:
                return nodes.Scalar(left, right, agg, pair, ("where", rng.choice(mine), rng.choice(list(nodes.COMPARE))))
            return nodes.Scalar(left, right, agg, pair, ("select", self.name("y")))
        equal = [pair]
        if rng.random() < 0.3:
            second = self.pair(left, right)
            equal += [second] if second != pair else []
        both = [c for c in left.columns + right.columns if c[1] != TIME]
        tests = []
        if rng.random() < 0.3:
            tests.append(self.maker.test(both))
        return nodes.Join(op.upper(), left, right, equal, tests)


class Case:
    """One random case; seeds walk over all pairs of operators."""

    def __init__(self, seed):
        self.seed, self.rng = seed, random.Random(seed)
        b = Builder(self.rng)
        n = len(OPERATORS)
        above, below = OPERATORS[seed % n], OPERATORS[seed // n % n]
        self.asked = above, below
        timed = ("tvf", "window agg", "window top-n", "dedup", "dedup first")
        only = above in ("window top-n", "dedup", "dedup first")
        node = b.operator(below, self.rng.choice([0, 0, 0, 1]), wants_time=above in timed, only_inserts=only)
        node = b.operator(above, self.rng.choice([0, 0, 1]), kid=node)
        if self.rng.random() < 0.2:
            node = b.operator(self.rng.choice(OPERATORS), 0, kid=node)
        self.node, self.tables = node, b.tables
        self.keep_used()
        self.order = arrival(self.rng, self.tables)

    def keep_used(self):
        used = {s.name for s in self.node.walk() if isinstance(s, nodes.Source)}
        self.tables = [t for t in self.tables if t.name in used]

    def sql(self):
        return nodes.statement(self.node)

    def expected(self):
        """The final rows as texts, sorted."""
        world = nodes.World(events_of(self.tables, self.order))
        types = [t for _, t in self.node.columns]
        bag = self.node.final(world)
        rows = [[exprs.text_of(v, t) for v, t in zip(values, types)] for values, n in bag.items() for _ in range(n)]
        return sorted(rows, key=lambda r: [(v is not None, v or "") for v in r])

    def json_rows(self, table):
        return [(kind, [exprs.text_of(v, t) if t not in (INT, BIGINT, BOOLEAN) else v for v, (_, t) in zip(row, table.columns)])
                for kind, row in table.records]
