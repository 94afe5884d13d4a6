"""Operators of the random queries: each knows its SQL, and what it gives by a naive recomputation that shares nothing with the engine.

`final(world)` is the bag of final rows (a Counter of tuples). Operators whose result depends on event time also have `events(world)`: what passes
through them, in order, as ("row", place, sign, tuple) and ("time", place, watermark in ms); places are those of the input records in one global
order, so that a union can merge two streams. All other operators only look at their inputs' final rows."""
import collections
import decimal
import functools

from exprs import BIGINT, TIME, Ex, is_decimal, ms_of, scale, time_of

END = 1 << 62  # the watermark behind the last row


class World:
    """Tables by name, each with its events as the source sends them."""

    def __init__(self, events):
        self.table_events = events


class Node:
    op = ""
    kids = ()
    time = None    # the column that is a time attribute
    window = None  # names of window start, end and time, while rows belong to windows
    updates = False
    streams = False  # events() works

    def names(self):
        return [c[0] for c in self.columns]

    def type_of(self, name):
        return dict(self.columns)[name]

    def row(self, values):
        return dict(zip(self.names(), values))

    def final(self, world):
        return fold(self.events(world))

    def nested(self, alias="q"):
        return f"({self.sql()}) AS {alias}"

    def needs(self):
        """Columns that each kid must have, for shrinking."""
        return [set() for _ in self.kids]

    def valid(self):
        return all(k.valid() and n <= set(k.names()) for k, n in zip(self.kids, self.needs()))

    def walk(self):
        yield self
        for k in self.kids:
            yield from k.walk()

    def ctes(self):
        return [c for k in self.kids for c in k.ctes()]


def fold(events):
    bag = collections.Counter()
    for event in events:
        if event[0] == "row":
            bag[event[3]] += event[2]
    return +bag


def statement(node):
    ctes = node.ctes()
    return ("WITH " + ", ".join(f"{n} AS ({s})" for n, s in ctes) + " " if ctes else "") + node.sql()


class Source(Node):
    op, streams = "source", True

    def __init__(self, table, prefix):
        self.table, self.name = table, table.name
        self.columns = [(prefix + c, t) for c, t in table.columns]
        self.time = prefix + "ts" if table.watermark is not None else None
        self.updates = table.changelog != "I"

    def sql(self):
        pairs = ", ".join(f"{c} AS {n}" for (c, _), n in zip(self.table.columns, self.names()))
        return f"SELECT {pairs} FROM {self.name}"

    def events(self, world):
        return world.table_events[self.name]


class Filter(Node):
    op = "filter"

    def __init__(self, kid, tests):
        self.kids, self.tests = [kid], tests
        self.columns, self.time, self.window, self.updates, self.streams = kid.columns, kid.time, kid.window, kid.updates, kid.streams

    def sql(self):
        return f"SELECT {', '.join(self.names())} FROM {self.kids[0].nested()} WHERE {' AND '.join(t.sql for t in self.tests)}"

    def needs(self):
        return [set().union(*[t.refs for t in self.tests])]

    def keeps(self, values):
        row = self.row(values)
        return all(t.fn(row) is True for t in self.tests)

    def events(self, world):
        return [e for e in self.kids[0].events(world) if e[0] == "time" or self.keeps(e[3])]

    def final(self, world):
        return collections.Counter({r: n for r, n in self.kids[0].final(world).items() if self.keeps(r)})

    def with_kids(self, kids):
        return Filter(kids[0], self.tests)

    def simpler(self):
        return [Filter(self.kids[0], self.tests[:i] + self.tests[i + 1:]) for i in range(len(self.tests))] if len(self.tests) > 1 else []


class Project(Node):
    op = "project"

    def __init__(self, kid, items):
        self.kids, self.items = [kid], items  # (name, Ex)
        self.columns = [(n, e.type) for n, e in items]
        renamed = {e.plain: n for n, e in reversed(items) if e.plain}
        self.time = renamed.get(kid.time)
        self.window = tuple(renamed.get(w) for w in kid.window) if kid.window and all(w in renamed for w in kid.window[:2]) else None
        self.updates, self.streams = kid.updates, kid.streams

    def sql(self):
        return f"SELECT {', '.join(f'{e.sql} AS {n}' for n, e in self.items)} FROM {self.kids[0].nested()}"

    def needs(self):
        return [set().union(*[e.refs for _, e in self.items])]

    def map(self, values):
        row = self.kids[0].row(values)
        return tuple(e.fn(row) for _, e in self.items)

    def events(self, world):
        return [e if e[0] == "time" else (*e[:3], self.map(e[3])) for e in self.kids[0].events(world)]

    def final(self, world):
        bag = collections.Counter()
        for values, n in self.kids[0].final(world).items():
            bag[self.map(values)] += n
        return bag

    def with_kids(self, kids):
        return Project(kids[0], self.items)

    def simpler(self):
        return [Project(self.kids[0], self.items[:i] + self.items[i + 1:]) for i in range(len(self.items))] if len(self.items) > 1 else []


class Union(Node):
    op = "union all"

    def __init__(self, left, right):
        self.kids, self.columns = [left, right], left.columns
        same = left.time and right.time and left.names().index(left.time) == right.names().index(right.time)
        self.time = left.time if same else None
        self.updates = left.updates or right.updates
        self.streams = left.streams and right.streams

    def sql(self):
        return " UNION ALL ".join(f"SELECT {', '.join(k.names())} FROM {k.nested()}" for k in self.kids)

    def valid(self):
        return all(k.valid() for k in self.kids) and [t for _, t in self.kids[0].columns] == [t for _, t in self.kids[1].columns]

    def events(self, world):
        merged = sorted([(e[1], i, k, e) for k, kid in enumerate(self.kids) for i, e in enumerate(kid.events(world))], key=lambda m: (m[0], m[2], m[1]))
        marks, out = [-END, -END], []
        for _, _, k, event in merged:
            if event[0] == "row":
                out.append(event)
            else:
                before = min(marks)
                marks[k] = event[2]
                if min(marks) > before:
                    out.append(("time", event[1], min(marks)))
        return out

    def final(self, world):
        return self.kids[0].final(world) + self.kids[1].final(world)

    def with_kids(self, kids):
        return Union(*kids)


class Distinct(Node):
    """Over the columns of a window it is a window aggregate."""
    op = "distinct"

    def __init__(self, kid):
        self.kids, self.columns, self.updates = [kid], kid.columns, kid.updates
        self.windowed = kid.streams and kid.window is not None and all(kid.window[:2])
        if self.windowed:
            self.updates, self.window, self.time, self.streams = False, kid.window, kid.window[2], True

    def sql(self):
        return f"SELECT DISTINCT {', '.join(self.names())} FROM {self.kids[0].nested()}"

    def final(self, world):
        return fold(self.events(world)) if self.windowed else collections.Counter(list(self.kids[0].final(world)))

    def events(self, world):
        start, end = (self.names().index(w) for w in self.window[:2])
        return by_window(self.kids[0].events(world), start, end, list)

    def with_kids(self, kids):
        return Distinct(*kids)


class Agg:
    """One aggregate call."""

    def __init__(self, name, function, arg, arg_type, distinct=False, test=None):
        self.name, self.function, self.arg, self.arg_type, self.distinct, self.test = name, function, arg, arg_type, distinct, test
        if function == "COUNT":
            self.type = BIGINT
        elif function in ("MIN", "MAX") or not is_decimal(arg_type):
            self.type = arg_type
        else:
            self.type = f"DECIMAL(38, {max(6, scale(arg_type)) if function == 'AVG' else scale(arg_type)})"
        self.refs = ({arg} if arg else set()) | (test.refs if test else set())

    def sql(self):
        text = f"{self.function}({'DISTINCT ' if self.distinct else ''}{self.arg or '*'})"
        return text + (f" FILTER (WHERE {self.test.sql})" if self.test else "")

    def value(self, rows):
        """rows: dicts, one for each row of the group."""
        if self.test:
            rows = [r for r in rows if self.test.fn(r) is True]
        if not self.arg:
            return len(rows)
        values = [r[self.arg] for r in rows if r[self.arg] is not None]
        if self.distinct:
            values = list(set(values))
        if self.function == "COUNT":
            return len(values)
        if not values:
            return None
        if self.function in ("MIN", "MAX"):
            return min(values) if self.function == "MIN" else max(values)
        total = sum(values[1:], values[0])
        if self.function == "SUM":
            return total
        if is_decimal(self.arg_type):
            with decimal.localcontext() as context:
                context.prec = 60
                return (total / len(values)).quantize(decimal.Decimal(1).scaleb(-scale(self.type)), decimal.ROUND_HALF_UP)
        return abs(total) // len(values) * (1 if total >= 0 else -1)


class Group(Node):
    """GROUP BY keys; by the columns of a window as well (`window_kid`) it is a window aggregate, which fires once."""
    op = "group"

    def __init__(self, kid, keys, aggs, having=None, windowed=False):
        self.kids, self.keys, self.aggs, self.having, self.windowed = [kid], keys, aggs, having, windowed
        self.columns = [(k, kid.type_of(k)) for k in keys] + [(a.name, a.type) for a in aggs]
        self.updates = not windowed
        self.op = "window aggregate" if windowed else "group" if keys else "global aggregate"
        if windowed:
            self.window = tuple(w if w in keys else None for w in kid.window)
            self.time = self.window[2]
            self.streams = kid.streams

    def sql(self):
        items = self.keys + [f"{a.sql()} AS {a.name}" for a in self.aggs]
        text = f"SELECT {', '.join(items)} FROM {self.kids[0].nested()}"
        if self.keys:
            text += f" GROUP BY {', '.join(self.keys)}"
        return text + (f" HAVING {self.having[0]} {self.having[1]} {self.having[2]}" if self.having else "")

    def needs(self):
        return [set(self.keys).union(*[a.refs for a in self.aggs])]

    def valid(self):
        return super().valid() and (not self.windowed or self.kids[0].window is not None and set(self.kids[0].window[:2]) <= set(self.keys))

    def groups(self, bag):
        found = {}
        for values, n in bag.items():
            row = self.kids[0].row(values)
            found.setdefault(tuple(row[k] for k in self.keys), []).extend([row] * n)
        for key, rows in found.items():
            out = key + tuple(a.value(rows) for a in self.aggs)
            if self.having is None or out[-1] is not None and HAVING[self.having[1]](out[-1], self.having[2]):
                yield out

    def final(self, world):
        if self.windowed and self.kids[0].streams:
            return fold(self.events(world))
        return collections.Counter(self.groups(self.kids[0].final(world)))

    def events(self, world):
        start, end = (self.kids[0].names().index(w) for w in self.kids[0].window[:2])
        return by_window(self.kids[0].events(world), start, end, self.groups)

    def with_kids(self, kids):
        return Group(kids[0], self.keys, self.aggs, self.having, self.windowed)

    def simpler(self):
        out = [Group(self.kids[0], self.keys, self.aggs, None, self.windowed)] if self.having else []
        if len(self.aggs) + len(self.keys) > 1:
            if not self.having:
                out += [Group(self.kids[0], self.keys, self.aggs[:i] + self.aggs[i + 1:], None, self.windowed) for i in range(len(self.aggs))]
            fixed = self.kids[0].window[:2] if self.windowed else ()
            if len(self.keys) > 1:
                out += [Group(self.kids[0], [x for x in self.keys if x != k], self.aggs, self.having, self.windowed) for k in self.keys if k not in fixed]
        for i, a in enumerate(self.aggs):
            if a.test or a.distinct:
                plain = Agg(a.name, a.function, a.arg, a.arg_type)
                out.append(Group(self.kids[0], self.keys, self.aggs[:i] + [plain] + self.aggs[i + 1:], self.having, self.windowed))
        return out


HAVING = {">": lambda a, b: a > b, "<": lambda a, b: a < b, "<>": lambda a, b: a != b}


def by_window(events, start, end, result):
    """Rows wait for the end of their window, then result(bag of the window's rows) comes out; what comes later than that is dropped."""
    mark, open_windows, out = -END, {}, []
    for event in events:
        if event[0] == "row":
            window = event[3][start], event[3][end]
            if ms_of(window[1]) - 1 > mark:
                open_windows.setdefault(window, collections.Counter())[event[3]] += event[2]
            continue
        mark = event[2]
        for window in sorted(w for w in open_windows if ms_of(w[1]) - 1 <= mark):
            out += [("row", event[1], 1, values) for values in result(+open_windows.pop(window))]
        out.append(event)
    return out


class Tvf(Node):
    """TUMBLE, HOP, CUMULATE, SESSION over a time attribute."""
    streams = True

    def __init__(self, kid, kind, sizes, names, cte, keys=()):
        self.kids, self.kind, self.sizes, self.window, self.cte, self.keys = [kid], kind, sizes, names, cte, list(keys)
        self.columns = kid.columns + [(n, TIME) for n in names]
        self.time, self.updates, self.op = names[2], kid.updates, kind.lower()

    def ctes(self):
        return super().ctes() + [(self.cte, self.kids[0].sql())]

    def sql(self):
        interval = [f"INTERVAL '{s}' SECOND" for s in self.sizes]
        by = f" PARTITION BY {', '.join(self.keys)}" if self.keys else ""
        call = f"{self.kind}(TABLE {self.cte}{by}, DESCRIPTOR({self.kids[0].time}), {', '.join(interval)})"
        renamed = ", ".join(f"{w} AS {n}" for w, n in zip(("window_start", "window_end", "window_time"), self.window))
        return f"SELECT {', '.join(self.kids[0].names())}, {renamed} FROM TABLE({call}) AS w"

    def needs(self):
        return [set(self.keys) | {self.kids[0].time or "?"}]

    def valid(self):
        return self.kids[0].time is not None and self.kids[0].streams and super().valid()

    def windows(self, time):
        step = self.sizes[0] * 1000
        if self.kind == "TUMBLE":
            return [(time - time % step, time - time % step + step)]
        size = self.sizes[1] * 1000
        if self.kind == "HOP":
            last = time - time % step
            return [(s, s + size) for s in range(last, time - size, -step)]
        first = time - time % size
        return [(first, e) for e in range(first + step, first + size + 1, step) if e > time]

    @staticmethod
    def stamp(values, start, end):
        return values + (time_of(start), time_of(end), time_of(end - 1))

    def events(self, world):
        at = self.kids[0].names().index(self.kids[0].time)
        if self.kind == "SESSION":
            return self.session_events(world, at)
        out = []
        for e in self.kids[0].events(world):
            out += [e] if e[0] == "time" else [(*e[:3], self.stamp(e[3], *w)) for w in self.windows(ms_of(e[3][at]))]
        return out

    def session_events(self, world, at):
        """A row joins the sessions of its keys that are within the gap; late is what ends behind the watermark then."""
        keys = [self.kids[0].names().index(k) for k in self.keys]
        gap, mark, sessions, out = self.sizes[0] * 1000, -END, {}, []  # sessions: key -> [start, end, Counter]
        for e in self.kids[0].events(world):
            if e[0] == "row":
                time, mine = ms_of(e[3][at]), sessions.setdefault(tuple(e[3][k] for k in keys), [])
                touching = [s for s in mine if time <= s[1] and s[0] <= time + gap]
                start, end = min([time] + [s[0] for s in touching]), max([time + gap] + [s[1] for s in touching])
                if end - 1 <= mark:
                    continue
                rows = sum([s[2] for s in touching], collections.Counter())
                rows[e[3]] += e[2]
                mine[:] = [s for s in mine if s not in touching] + [[start, end, rows]]
                continue
            mark = e[2]
            for mine in sessions.values():
                for s in [s for s in mine if s[1] - 1 <= mark]:
                    mine.remove(s)
                    out += [("row", e[1], 1, self.stamp(v, s[0], s[1])) for v in s[2].elements()]
            out.append(e)
        return out

    def with_kids(self, kids):
        return Tvf(kids[0], self.kind, self.sizes, self.window, self.cte, self.keys)

    def simpler(self):
        return [Tvf(self.kids[0], self.kind, self.sizes, self.window, self.cte)] if self.keys else []


def sort_key(value):
    """NULLs lowest."""
    return (0,) if value is None else (1, value)


class TopN(Node):
    """ROW_NUMBER() .. <= n. The order ends with all columns, so that ties are equal rows; windowed: partitions hold the window."""

    def __init__(self, kid, keys, order, n, rank, windowed=False, low=1):
        self.kids, self.keys, self.order, self.n, self.rank, self.windowed, self.low = [kid], keys, order, n, rank, windowed, low
        self.columns = kid.columns + ([(rank, BIGINT)] if rank else [])
        self.updates, self.op = not windowed, "window top-n" if windowed else "top-n"
        if windowed:
            self.window, self.time, self.streams = kid.window, kid.time, kid.streams

    def full_order(self):
        named = {n for n, _ in self.order}
        return self.order + [(n, False) for n in self.kids[0].names() if n not in named and n not in self.keys]

    def sql(self):
        order = ", ".join(f"{n} {'DESC' if down else 'ASC'}" for n, down in self.full_order())
        by = f"PARTITION BY {', '.join(self.keys)} " if self.keys else ""
        rank = self.rank or "rn"
        numbered = f"SELECT {', '.join(self.kids[0].names())}, ROW_NUMBER() OVER ({by}ORDER BY {order}) AS {rank} FROM {self.kids[0].nested()}"
        test = f"{rank} <= {self.n}" + (f" AND {rank} >= {self.low}" if self.low > 1 else "")
        return f"SELECT {', '.join(self.names())} FROM ({numbered}) AS r WHERE {test}"

    def needs(self):
        return [set(self.keys) | {n for n, _ in self.order}]

    def valid(self):
        return super().valid() and bool(self.full_order()) and (not self.windowed or self.kids[0].window is not None and set(self.kids[0].window[:2]) <= set(self.keys))

    def best(self, bag):
        parts, names = {}, self.kids[0].names()
        for values in bag.elements():
            parts.setdefault(tuple(values[names.index(k)] for k in self.keys), []).append(values)
        for rows in parts.values():
            for name, down in reversed(self.full_order()):
                rows.sort(key=lambda v, i=names.index(name): sort_key(v[i]), reverse=down)
            for i, values in enumerate(rows[:self.n], 1):
                if i >= self.low:
                    yield values + ((i,) if self.rank else ())

    def final(self, world):
        if self.windowed and self.kids[0].streams:
            return fold(self.events(world))
        return collections.Counter(self.best(self.kids[0].final(world)))

    def events(self, world):
        start, end = (self.kids[0].names().index(w) for w in self.kids[0].window[:2])
        return by_window(self.kids[0].events(world), start, end, self.best)

    def with_kids(self, kids):
        return TopN(kids[0], self.keys, self.order, self.n, self.rank, self.windowed, self.low)

    def simpler(self):
        fixed = self.kids[0].window[:2] if self.windowed else ()
        out = [TopN(self.kids[0], [x for x in self.keys if x != k], self.order, self.n, self.rank, self.windowed, self.low) for k in self.keys if k not in fixed]
        out += [TopN(self.kids[0], self.keys, self.order[:i] + self.order[i + 1:], self.n, self.rank, self.windowed, self.low) for i in range(len(self.order))]
        return out


class Dedup(Node):
    """The last row of each key in event time; of rows of one time the last that came."""
    op = "dedup last"
    updates = True

    def __init__(self, kid, keys):
        self.kids, self.keys, self.columns = [kid], keys, kid.columns
        self.windowed = kid.window is not None and set(kid.window[:2]) <= set(keys)
        if self.windowed:
            self.updates, self.streams, self.window, self.time = False, True, kid.window, kid.time

    def sql(self):
        numbered = f"SELECT {', '.join(self.names())}, ROW_NUMBER() OVER (PARTITION BY {', '.join(self.keys)} ORDER BY {self.kids[0].time} DESC) AS rn FROM {self.kids[0].nested()}"
        return f"SELECT {', '.join(self.names())} FROM ({numbered}) AS r WHERE rn = 1"

    def needs(self):
        return [set(self.keys) | {self.kids[0].time or "?"}]

    def valid(self):
        return self.kids[0].time is not None and self.kids[0].streams and not self.kids[0].updates and super().valid()

    def best(self, bag):
        """Of a window's rows; ties are equal rows there."""
        at, keys, found = self.names().index(self.kids[0].time), [self.names().index(k) for k in self.keys], {}
        for values in sorted(bag, key=lambda v: v[at], reverse=self.op == "dedup first"):
            found[tuple(values[k] for k in keys)] = values
        return list(found.values())

    def events(self, world):
        start, end = (self.names().index(w) for w in self.kids[0].window[:2])
        return by_window(self.kids[0].events(world), start, end, self.best)

    def final(self, world):
        if self.windowed:
            return fold(self.events(world))
        at, keys, last = self.names().index(self.kids[0].time), [self.names().index(k) for k in self.keys], {}
        for e in self.kids[0].events(world):
            if e[0] == "row":
                key = tuple(e[3][k] for k in keys)
                if key not in last or last[key][at] <= e[3][at]:
                    last[key] = e[3]
        return collections.Counter(last.values())

    def with_kids(self, kids):
        return Dedup(kids[0], self.keys)


class DedupFirst(Dedup):
    """The first row of each key in event time, known when the watermark has passed it."""
    op, updates, streams = "dedup first", False, True

    def __init__(self, kid, keys):
        super().__init__(kid, keys)
        self.time = kid.time

    def sql(self):
        return super().sql().replace(f"ORDER BY {self.kids[0].time} DESC", f"ORDER BY {self.kids[0].time} ASC")

    def final(self, world):
        return fold(self.events(world))

    def events(self, world):
        if self.windowed:
            return super().events(world)
        at, keys = self.names().index(self.kids[0].time), [self.names().index(k) for k in self.keys]
        done, waiting, mark, out = set(), {}, -END, []
        for e in self.kids[0].events(world):
            if e[0] == "row":
                key = tuple(e[3][k] for k in keys)
                if key not in done and ms_of(e[3][at]) >= mark and (key not in waiting or e[3][at] < waiting[key][at]):
                    waiting[key] = e[3]
                continue
            mark = e[2]
            for key in [k for k, v in waiting.items() if ms_of(v[at]) <= mark]:
                done.add(key)
                out.append(("row", e[1], 1, waiting.pop(key)))
            out.append(e)
        return out

    def with_kids(self, kids):
        return DedupFirst(kids[0], self.keys)


class Join(Node):
    """A regular join: equalities [(left, right)] and further tests over both sides."""

    def __init__(self, kind, left, right, equal, tests):
        self.kind, self.kids, self.equal, self.tests = kind, [left, right], equal, tests
        self.columns = left.columns + right.columns
        self.updates = kind != "INNER" or left.updates or right.updates
        self.op = kind.lower() + " join"

    def condition(self):
        return " AND ".join([f"{a} = {b}" for a, b in self.equal] + [t.sql for t in self.tests])

    def sql(self):
        return f"SELECT {', '.join(self.names())} FROM {self.kids[0].nested('l')} {self.kind} JOIN {self.kids[1].nested('r')} ON {self.condition()}"

    def needs(self):
        names = [set(k.names()) for k in self.kids]
        refs = set().union(*[t.refs for t in self.tests])
        return [({e[i] for e in self.equal} | refs & names[i]) for i in range(2)]

    def valid(self):
        refs = set().union(*[t.refs for t in self.tests])
        return super().valid() and refs <= set(self.names()) and bool(self.equal or self.tests)

    def final(self, world):
        left, right = (k.final(world) for k in self.kids)
        met_left, met_right, bag = set(), set(), collections.Counter()
        for a, n in left.items():
            for b, m in right.items():
                row = self.row(a + b)
                if all(row[x] is not None and row[x] == row[y] for x, y in self.equal) and all(t.fn(row) is True for t in self.tests):
                    bag[a + b] += n * m
                    met_left.add(a)
                    met_right.add(b)
        if self.kind in ("LEFT", "FULL"):
            for a, n in left.items():
                if a not in met_left:
                    bag[a + (None,) * len(self.kids[1].columns)] += n
        if self.kind in ("RIGHT", "FULL"):
            for b, n in right.items():
                if b not in met_right:
                    bag[(None,) * len(self.kids[0].columns) + b] += n
        return bag

    def with_kids(self, kids):
        return Join(self.kind, kids[0], kids[1], self.equal, self.tests)

    def simpler(self):
        out = [Join("INNER", *self.kids, self.equal, self.tests)] if self.kind != "INNER" else []
        if len(self.equal) + len(self.tests) > 1:
            out += [Join(self.kind, *self.kids, self.equal[:i] + self.equal[i + 1:], self.tests) for i in range(len(self.equal))]
            out += [Join(self.kind, *self.kids, self.equal, self.tests[:i] + self.tests[i + 1:]) for i in range(len(self.tests))]
        return out


class IntervalJoin(Join):
    """The times of both rows lie within bounds of each other; over inputs without late rows."""

    def __init__(self, kind, left, right, equal, before, after):
        super().__init__(kind, left, right, equal, [])
        self.before, self.after, self.updates, self.op = before, after, False, kind.lower() + " interval join"

    def condition(self):
        left, right = (k.time for k in self.kids)
        return super().condition() + f" AND {left} BETWEEN {right} - INTERVAL '{self.before}' SECOND AND {right} + INTERVAL '{self.after}' SECOND"

    def valid(self):
        return all(k.valid() and k.time and k.streams for k in self.kids) and all(n <= set(k.names()) for k, n in zip(self.kids, self.needs()))

    def final(self, world):
        left, right = (k.time for k in self.kids)

        def close(row):
            return -1000 * self.before <= ms_of(row[left]) - ms_of(row[right]) <= 1000 * self.after
        plain = Join(self.kind, *self.kids, self.equal, [Ex("", "BOOLEAN", [left, right], close)])
        return plain.final(world)

    def with_kids(self, kids):
        return IntervalJoin(self.kind, *kids, self.equal, self.before, self.after)

    def simpler(self):
        return [IntervalJoin("INNER", *self.kids, self.equal, self.before, self.after)] if self.kind != "INNER" else []


class WindowJoin(Join):
    """An equality of both windows' bounds makes a join of windows; over inputs without late rows."""

    def __init__(self, kind, left, right, equal, tests):
        super().__init__(kind, left, right, equal, tests)
        self.updates, self.op = False, kind.lower() + " window join"

    def valid(self):
        bounds = zip(self.kids[0].window[:2], self.kids[1].window[:2]) if all(k.window and all(k.window[:2]) for k in self.kids) else None
        return super().valid() and bounds is not None and set(bounds) <= set(self.equal)

    def with_kids(self, kids):
        return WindowJoin(self.kind, *kids, self.equal, self.tests)

    def simpler(self):
        return [WindowJoin(self.kind, *self.kids, self.equal, [])] if self.tests else []


class Member(Node):
    """[NOT] IN and [NOT] EXISTS with a sub-query."""

    def __init__(self, left, right, form, pair, extra=None):
        self.kids, self.form, self.pair, self.extra = [left, right], form, pair, extra
        self.columns = left.columns
        self.updates = True if form != "IN" and form != "EXISTS" else left.updates or right.updates
        self.op = form.lower()

    def sql(self):
        a, b = self.pair
        names = ", ".join(self.kids[0].names())
        if self.form.endswith("IN"):
            extra = f" WHERE {self.extra.sql}" if self.extra else ""
            return f"SELECT {names} FROM {self.kids[0].nested('l')} WHERE {a} {self.form} (SELECT {b} FROM {self.kids[1].nested('r')}{extra})"
        extra = f" AND {self.extra.sql}" if self.extra else ""
        return f"SELECT {names} FROM {self.kids[0].nested('l')} WHERE {self.form} (SELECT * FROM {self.kids[1].nested('r')} WHERE {a} = {b}{extra})"

    def needs(self):
        return [{self.pair[0]}, {self.pair[1]} | (self.extra.refs if self.extra else set())]

    def holds(self, value, found):
        if self.form == "EXISTS" or self.form == "IN":
            return value is not None and value in found
        if self.form == "NOT EXISTS":
            return value is None or value not in found
        return not found or value is not None and value not in found and None not in found

    def final(self, world):
        right = self.kids[1]
        rows = [right.row(v) for v in right.final(world)]
        found = {r[self.pair[1]] for r in rows if self.extra is None or self.extra.fn(r) is True}
        at = self.names().index(self.pair[0])
        return collections.Counter({v: n for v, n in self.kids[0].final(world).items() if self.holds(v[at], found)})

    def with_kids(self, kids):
        return Member(kids[0], kids[1], self.form, self.pair, self.extra)

    def simpler(self):
        return [Member(*self.kids, self.form, self.pair)] if self.extra else []


class Scalar(Node):
    """A comparison with a scalar sub-query, or one as a column. The sub-query is a global aggregate, alone or for each value of a column (`pair`)."""
    updates = True

    def __init__(self, left, right, agg, pair, use):
        self.kids, self.agg, self.pair, self.use = [left, right], agg, pair, use  # use: ("where", column, comparison) or ("select", name)
        self.columns = left.columns + ([(use[1], agg.type)] if use[0] == "select" else [])
        self.op = ("correlated " if pair else "") + "scalar in " + use[0]

    def sql(self):
        where = f" WHERE {self.pair[0]} = {self.pair[1]}" if self.pair else ""
        query = f"(SELECT {self.agg.sql()} FROM {self.kids[1].nested('r')}{where})"
        names = ", ".join(self.kids[0].names())
        if self.use[0] == "select":
            return f"SELECT {names}, {query} AS {self.use[1]} FROM {self.kids[0].nested('l')}"
        return f"SELECT {names} FROM {self.kids[0].nested('l')} WHERE {self.use[1]} {self.use[2]} {query}"

    def needs(self):
        left = ({self.pair[0]} if self.pair else set()) | ({self.use[1]} if self.use[0] == "where" else set())
        return [left, self.agg.refs | ({self.pair[1]} if self.pair else set())]

    def final(self, world):
        right = self.kids[1]
        rows = [right.row(v) for v in right.final(world).elements()]
        bag = collections.Counter()
        for values, n in self.kids[0].final(world).items():
            row = self.kids[0].row(values)
            mine = [r for r in rows if not self.pair or row[self.pair[0]] is not None and r[self.pair[1]] == row[self.pair[0]]]
            # Without any row a streaming global aggregate has none either. For each value of a column COUNT is 0, as the standard says.
            value = self.agg.value(mine) if mine or self.pair else None
            if self.use[0] == "select":
                bag[values + (value,)] += n
            elif value is not None and row[self.use[1]] is not None and COMPARE[self.use[2]](row[self.use[1]], value):
                bag[values] += n
        return bag

    def with_kids(self, kids):
        return Scalar(kids[0], kids[1], self.agg, self.pair, self.use)

    def simpler(self):
        return []


COMPARE = {"=": lambda a, b: a == b, "<": lambda a, b: a < b, ">=": lambda a, b: a >= b, "<>": lambda a, b: a != b}


class SetOp(Node):
    updates = True

    def __init__(self, kind, left, right):
        self.kind, self.kids, self.columns, self.op = kind, [left, right], left.columns, kind.lower()

    def sql(self):
        return f" {self.kind} ".join(f"SELECT {', '.join(k.names())} FROM {k.nested()}" for k in self.kids)

    valid = Union.valid

    def final(self, world):
        left, right = (k.final(world) for k in self.kids)
        if self.kind.endswith("ALL"):
            return left & right if self.kind == "INTERSECT ALL" else left - right
        return collections.Counter(list(set(left) & set(right) if self.kind == "INTERSECT" else set(left) - set(right)))

    def with_kids(self, kids):
        return SetOp(self.kind, *kids)


def simpler(node):
    """Trees with one thing less: an operator, a part of one, in any place."""
    for kid in node.kids:
        yield kid
    if hasattr(node, "simpler"):
        yield from node.simpler()
    if not node.kids:
        return
    for i, kid in enumerate(node.kids):
        for small in simpler(kid):
            kids = list(node.kids)
            kids[i] = small
            try:
                yield node.with_kids(kids)
            except (KeyError, ValueError, TypeError):
                continue
