"""leat as these tests drive it: tables and a query in, final rows as texts out."""
import ctypes
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "conformance"))
import leatlib

WRITE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t)
leatlib.LIB.leat_save.argtypes = [ctypes.c_void_p, WRITE, ctypes.c_void_p]
leatlib.LIB.leat_restore.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]


class Refused(Exception):
    """Not accepted when planned."""


def save(job):
    parts = []
    write = WRITE(lambda arg, data, size: parts.append(ctypes.string_at(data, size)))
    if leatlib.LIB.leat_save(job.handle, write, None) != leatlib.OK:
        raise leatlib.Error("save: " + job.engine.error(), "run")
    return b"".join(parts)


def sort_rows(rows):
    return sorted(rows, key=lambda r: [(v is not None, v or "") for v in r])


def fold(rows):
    """Final rows of a changelog, sorted."""
    bag = {}
    for kind, row in rows:
        bag[tuple(row)] = bag.get(tuple(row), 0) + (1 if kind[0] == "+" else -1)
    return sort_rows(list(k) for k, n in bag.items() for _ in range(n))


class Run:
    """tables: {"name", "ddl", "changelog", "columns", "rows": [(kind, [value ..])]}; order: [(table, from, to)]."""

    def __init__(self, tables, order, sql, batch_rows=0, lanes=1, restore=None):
        self.tables, self.order, self.sql = {t["name"]: t for t in tables}, order, sql
        self.batch_rows, self.lanes, self.restore = batch_rows, lanes, restore

    def start(self):
        engine = leatlib.Engine(batch_rows=self.batch_rows)
        try:
            engine.execute(f"SET 'parallelism.default' = '{self.lanes}'")
            for t in self.tables.values():
                engine.execute(f"CREATE TABLE {t['name']} ({t['ddl']}) WITH ('connector' = 'feed', 'format' = 'json', 'bounded' = 'true', 'changelog' = '{t['changelog']}')")
            try:
                return engine, engine.execute(self.sql)
            except leatlib.Error as error:
                raise Refused(str(error))
        except Exception:
            engine.close()
            raise

    def push(self, engine, piece):
        name, first, last = piece
        t = self.tables[name]
        for kind, row in t["rows"][first:last]:
            record = {c: v for c, v in zip(t["columns"], row)}
            engine.push(name, kind, (json.dumps(record) + "\n").encode())
        if last == len(t["rows"]):
            engine.end(name)

    def pieces(self):
        """With a restore at record n the piece it falls into is cut there."""
        seen = 0
        for name, first, last in self.order:
            if self.restore is not None and seen < self.restore < seen + last - first:
                yield name, first, first + self.restore - seen
                yield name, first + self.restore - seen, last
            else:
                yield name, first, last
            seen += last - first

    @staticmethod
    def drain(job):
        """Until nothing moves and nothing is left to take; the rows."""
        rows = []
        while True:
            job.step()
            more = job.take(leatlib.SQL)
            if not more:
                return rows
            rows += more

    def final(self):
        snapshot, rows, done, seen = None, [], [], 0
        engine, job = self.start()
        try:
            for piece in self.pieces():
                if self.restore is not None and snapshot is None and seen >= self.restore:
                    snapshot = save(job)
                    break
                self.push(engine, piece)
                rows += self.drain(job)
                done.append(piece)
                seen += piece[2] - piece[1]
            if snapshot is None:
                rows += job.run(leatlib.SQL)
        finally:
            engine.close()
        if snapshot is not None:
            rows += self.rest(snapshot, done)
        return fold(rows)

    def rest(self, snapshot, done):
        """What comes after a restore of the snapshot, which was taken behind the pieces `done`."""
        engine, job = self.start()
        try:
            self.restored(engine, job, snapshot, done)
            rows = []
            for piece in list(self.pieces())[len(done):]:
                self.push(engine, piece)
                rows += self.drain(job)
            return rows + job.run(leatlib.SQL)
        finally:
            engine.close()

    def restored(self, engine, job, snapshot, done):
        if leatlib.LIB.leat_restore(job.handle, snapshot, len(snapshot)) != leatlib.OK:
            raise leatlib.Error("restore: " + engine.error(), "run")
        for name, _, last in done:  # all records before were read, ends are no part of the state
            if last == len(self.tables[name]["rows"]):
                engine.end(name)
        extra = self.drain(job)
        if extra:
            raise leatlib.Error(f"rows that were given before the restore come again: {extra[:3]}", "run")
