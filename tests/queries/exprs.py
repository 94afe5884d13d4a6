"""Scalar expressions of the random queries: SQL text beside a Python function over one row (a dict of column name to value).

Values: INT and BIGINT int, DECIMAL(p, s) decimal.Decimal, STRING str, BOOLEAN bool, TIMESTAMP(3) datetime (naive), NULL None. Expressions are few
and plain on purpose, expressions have a test of their own (tests/exprs); what is tested here are the operators around them."""
import datetime
import decimal

INT, BIGINT, STRING, BOOLEAN, TIME, DECIMAL = "INT", "BIGINT", "STRING", "BOOLEAN", "TIMESTAMP(3)", "DECIMAL(8, 2)"
EPOCH = datetime.datetime(1970, 1, 1)
MS = datetime.timedelta(milliseconds=1)


def ms_of(time):
    return (time - EPOCH) // MS


def time_of(ms):
    return EPOCH + ms * MS


def family(sql_type):
    """Types of one family compare with each other."""
    return "number" if sql_type in (INT, BIGINT) or sql_type.startswith("DECIMAL") else sql_type


def scale(sql_type):
    return int(sql_type.split(",")[1].strip(" )"))


def is_decimal(sql_type):
    return sql_type.startswith("DECIMAL")


def text_of(value, sql_type):
    """As CAST(value AS STRING) prints it; None stays."""
    if value is None:
        return None
    if sql_type == BOOLEAN:
        return "TRUE" if value else "FALSE"
    if sql_type == TIME:
        return value.strftime("%Y-%m-%d %H:%M:%S.") + f"{value.microsecond // 1000:03d}"
    if is_decimal(sql_type):
        return format(value.quantize(decimal.Decimal(1).scaleb(-scale(sql_type)), decimal.ROUND_HALF_UP), "f")
    return str(value)


class Ex:
    """An expression: its SQL, the columns it reads, what it evaluates to."""

    def __init__(self, sql, sql_type, refs, fn, plain=None):
        self.sql, self.type, self.refs, self.fn = sql, sql_type, frozenset(refs), fn
        self.plain = plain  # the column's name when the expression is nothing else


def column(name, sql_type):
    return Ex(name, sql_type, [name], lambda row: row[name], plain=name)


def literal(value, sql_type):
    if sql_type == STRING:
        sql = f"'{value}'"
    elif sql_type == TIME:
        sql = f"TIMESTAMP '{text_of(value, TIME)}'"
    elif sql_type == BOOLEAN:
        sql = "TRUE" if value else "FALSE"
    elif sql_type == BIGINT:
        sql = f"CAST({value} AS BIGINT)"
    else:
        sql = str(value)
    return Ex(sql, sql_type, [], lambda row: value)


def null_aware(function, *values):
    return None if any(v is None for v in values) else function(*values)


COMPARE = {"=": lambda a, b: a == b, "<>": lambda a, b: a != b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b,
           ">=": lambda a, b: a >= b}


def compare(op, a, b):
    return Ex(f"{a.sql} {op} {b.sql}", BOOLEAN, a.refs | b.refs, lambda row: null_aware(COMPARE[op], a.fn(row), b.fn(row)))


def distinct_from(a, b, negated):
    word = "IS NOT DISTINCT FROM" if negated else "IS DISTINCT FROM"
    return Ex(f"{a.sql} {word} {b.sql}", BOOLEAN, a.refs | b.refs, lambda row: (a.fn(row) == b.fn(row)) == negated)


def is_null(a, negated):
    return Ex(f"{a.sql} IS {'NOT ' if negated else ''}NULL", BOOLEAN, a.refs, lambda row: (a.fn(row) is None) != negated)


def in_list(a, literals, negated):
    def value(row):
        v = a.fn(row)
        return None if v is None else (v in [x.fn(row) for x in literals]) != negated
    return Ex(f"{a.sql} {'NOT ' if negated else ''}IN ({', '.join(x.sql for x in literals)})", BOOLEAN, a.refs, value)


def like(a, pattern, test):
    return Ex(f"{a.sql} LIKE '{pattern}'", BOOLEAN, a.refs, lambda row: null_aware(test, a.fn(row)))


def any_of(parts):
    def value(row):
        found = [p.fn(row) for p in parts]
        return True if True in found else None if None in found else False
    return Ex("(" + " OR ".join(p.sql for p in parts) + ")", BOOLEAN, frozenset().union(*[p.refs for p in parts]), value)


def negation(a):
    return Ex(f"NOT ({a.sql})", BOOLEAN, a.refs, lambda row: null_aware(lambda v: not v, a.fn(row)))


def call(template, sql_type, args, fn):
    return Ex(template.format(*[a.sql for a in args]), sql_type, frozenset().union(*[a.refs for a in args]), lambda row: fn(*[a.fn(row) for a in args]))


class Maker:
    """Random expressions over given columns [(name, type)]."""

    def __init__(self, rng):
        self.rng = rng

    def value(self, sql_type):
        """A literal's value; few distinct ones, so that comparisons hit."""
        r = self.rng
        if sql_type in (INT, BIGINT):
            return r.choice([-1, 0, 1, 1, 2, 2, 3, 5])
        if is_decimal(sql_type):
            return decimal.Decimal(r.choice(["-1.50", "0.00", "0.25", "1.00", "2.50", "7.75"]))
        if sql_type == STRING:
            return r.choice(["a", "b", "c", "A", "ab", ""])
        if sql_type == BOOLEAN:
            return r.random() < 0.5
        return time_of(1704067200000 + 1000 * r.randrange(0, 60))

    def test(self, columns):
        """One conjunct."""
        r = self.rng
        name, sql_type = r.choice(columns)
        a, kind = column(name, sql_type), r.random()
        peers = [c for c in columns if family(c[1]) == family(sql_type) and c[0] != name]
        if sql_type == BOOLEAN and kind < 0.4:
            return negation(a) if r.random() < 0.5 else a
        if kind < 0.15:
            return is_null(a, r.random() < 0.7)
        if sql_type == STRING and kind < 0.3:
            return r.choice([like(a, "a%", lambda v: v.startswith("a")), like(a, "%b", lambda v: v.endswith("b")), like(a, "_", lambda v: len(v) == 1)])
        if sql_type != TIME and sql_type != BOOLEAN and kind < 0.4:
            return in_list(a, [literal(self.value(sql_type), sql_type) for _ in range(r.choice([1, 2, 3]))], r.random() < 0.3)
        if kind < 0.5:
            return any_of([self.test(columns), self.test(columns)])
        b = column(*r.choice(peers)) if peers and r.random() < 0.5 and sql_type != TIME else literal(self.value(sql_type), sql_type)
        if kind < 0.6 and b.plain:
            return distinct_from(a, b, r.random() < 0.5)
        return compare(r.choice(list(COMPARE)) if sql_type != BOOLEAN else r.choice(["=", "<>"]), a, b)

    def scalar(self, columns):
        """A computed column."""
        r = self.rng
        name, sql_type = r.choice(columns)
        a = column(name, sql_type)
        if sql_type in (INT, BIGINT):
            n = r.choice([1, 2, 10])
            return r.choice([
                call("{0} + %d" % n, sql_type, [a], lambda v: null_aware(lambda x: x + n, v)),
                call("COALESCE({0}, %d)" % n if sql_type == INT else "COALESCE({0}, CAST(%d AS BIGINT))" % n, sql_type, [a], lambda v: n if v is None else v),
                call("CASE WHEN {0} > %d THEN 'a' ELSE 'b' END" % n, STRING, [a], lambda v: "a" if v is not None and v > n else "b"),
                call("CAST({0} AS BIGINT)", BIGINT, [a], lambda v: v),
                call("CAST({0} AS STRING)", STRING, [a], lambda v: null_aware(str, v)),
                call("{0} > %d" % n, BOOLEAN, [a], lambda v: null_aware(lambda x: x > n, v)),
                call("NULLIF({0}, %d)" % n, sql_type, [a], lambda v: None if v == n else v)])
        if sql_type == STRING:
            return r.choice([
                call("UPPER({0})", STRING, [a], lambda v: null_aware(str.upper, v)),
                call("CHAR_LENGTH({0})", INT, [a], lambda v: null_aware(len, v)),
                call("COALESCE({0}, 'b')", STRING, [a], lambda v: "b" if v is None else v),
                call("{0} || 'b'", STRING, [a], lambda v: null_aware(lambda x: x + "b", v))])
        if sql_type == BOOLEAN:
            return call("CASE WHEN {0} THEN 1 WHEN NOT {0} THEN 2 END", INT, [a], lambda v: {True: 1, False: 2, None: None}[v])
        if is_decimal(sql_type):
            return call("{0} IS NULL", BOOLEAN, [a], lambda v: v is None)
        return call("CAST(EXTRACT(SECOND FROM {0}) AS INT)", INT, [a], lambda v: null_aware(lambda x: x.second, v))
