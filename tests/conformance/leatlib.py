"""libleat for Python, through ctypes: just what the conformance runner needs. It sees the engine as any host program does, through leat.h."""
import ctypes
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
OK, END = 0, 9
RUNNING, WAITING, DONE, STOPPED, FAILED = range(5)
KINDS = ["+I", "-U", "+U", "-D"]
SQL, JAVA = 0, 1


class Config(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("name", ctypes.c_char_p), ("rejects_dir", ctypes.c_char_p), ("memory_bytes_max", ctypes.c_int64),
                ("batch_rows", ctypes.c_uint32), ("virtual_clock", ctypes.c_bool), ("no_files", ctypes.c_bool), ("inferred_tables", ctypes.c_bool),
                ("idle_timeout_ms", ctypes.c_int64), ("future_skew_ms", ctypes.c_int64), ("replay_speed", ctypes.c_double), ("event_time", ctypes.c_char_p),
                ("event_delay_ms", ctypes.c_int64), ("final_rows", ctypes.c_bool)]


class Column(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("type", ctypes.c_char_p), ("right_align", ctypes.c_bool)]


def load():
    path = os.environ.get("LEAT_LIBRARY", str(ROOT / "build" / "release" / "libleat.so"))
    lib = ctypes.CDLL(path)
    p, s = ctypes.c_void_p, ctypes.c_char_p
    lib.leat_open.argtypes = [ctypes.POINTER(Config), ctypes.POINTER(p)]
    lib.leat_close.argtypes = [p]
    lib.leat_error.argtypes, lib.leat_error.restype = [p], s
    lib.leat_execute.argtypes = [p, s, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(p)]
    lib.leat_explain.argtypes = [p, s, p, p]
    lib.leat_push.argtypes = [p, s, ctypes.c_int, s, ctypes.c_size_t]
    lib.leat_step.argtypes = [p, ctypes.c_uint32]
    lib.leat_job_free.argtypes = [p]
    lib.leat_job_column.argtypes, lib.leat_job_column.restype = [p, ctypes.c_uint32, ctypes.POINTER(Column)], ctypes.c_bool
    lib.leat_take.argtypes, lib.leat_take.restype = [p, ctypes.POINTER(ctypes.c_uint32)], p
    lib.leat_rows_free.argtypes = [p]
    lib.leat_rows_kind.argtypes = [p, ctypes.c_uint32]
    lib.leat_rows_text.argtypes, lib.leat_rows_text.restype = [p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_int, ctypes.POINTER(ctypes.c_size_t)], p
    return lib


LIB = load()


class Error(Exception):
    """A failed call; `phase` is plan or run."""

    def __init__(self, message, phase="plan"):
        super().__init__(message)
        self.phase = phase


class Engine:
    def __init__(self, **config):
        settings = Config(struct_size=ctypes.sizeof(Config), virtual_clock=True, no_files=False, **config)
        self.db = ctypes.c_void_p()
        if LIB.leat_open(ctypes.byref(settings), ctypes.byref(self.db)) != OK:
            raise Error("leat_open failed")

    def close(self):
        LIB.leat_close(self.db)

    def error(self):
        return LIB.leat_error(self.db).decode("utf-8", "replace")

    def execute(self, sql):
        """Runs one statement; a Job, or None for DDL."""
        job = ctypes.c_void_p()
        if LIB.leat_execute(self.db, sql.encode('utf-8', 'replace'), None, ctypes.byref(job)) != OK:
            raise Error(self.error())
        return Job(self, job) if job.value else None

    def check(self, sql):
        if LIB.leat_explain(self.db, sql.encode('utf-8', 'replace'), None, None) != OK:
            raise Error(self.error())

    def push(self, table, kind, data):
        if LIB.leat_push(self.db, table.encode(), KINDS.index(kind), data, len(data)) != OK:
            raise Error(self.error(), "run")

    def end(self, table):
        LIB.leat_push(self.db, table.encode(), 0, None, 0)


class Job:
    def __init__(self, engine, handle):
        self.engine, self.handle = engine, handle

    def columns(self):
        found, column = [], Column()
        while LIB.leat_job_column(self.handle, len(found), ctypes.byref(column)):
            found.append((column.name.decode(), column.type.decode()))
        return found

    def step(self):
        """Until there is nothing to do; the state."""
        while True:
            state = LIB.leat_step(self.handle, 10000)
            if state == FAILED:
                raise Error(self.engine.error(), "run")
            if state != RUNNING:
                return state

    def take(self, style):
        """All rows so far: (kind, [text or None ..])."""
        width, taken = len(self.columns()), []
        size, count = ctypes.c_size_t(), ctypes.c_uint32()
        while True:
            rows = LIB.leat_take(self.handle, ctypes.byref(count))
            if not rows:
                return taken
            for row in range(count.value):
                values = []
                for column in range(width):
                    text = LIB.leat_rows_text(rows, row, column, style, ctypes.byref(size))
                    values.append(ctypes.string_at(text, size.value).decode("utf-8", "replace") if text else None)
                taken.append((KINDS[LIB.leat_rows_kind(rows, row)], values))
            LIB.leat_rows_free(rows)

    def run(self, style):
        """Runs to the end, taking rows on the way."""
        rows = []
        while True:
            state = self.step()
            rows += self.take(style)
            if state in (DONE, STOPPED):
                return rows + self.take(style)
            if state == WAITING and self.step() == WAITING:
                more = self.take(style)
                rows += more
                if not more:
                    return rows

    def free(self):
        LIB.leat_job_free(self.handle)
