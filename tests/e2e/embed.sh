#!/bin/sh
# The library as a stranger meets it: installed, found by pkg-config, linked both ways, with a header that stands alone, exporting nothing
# but leat_*, and without threads.
. "$(dirname "$0")/lib.sh"
: "${LEAT_SOURCE:?set LEAT_SOURCE to the project}"
BUILD=${LEAT_BUILD:-$(dirname "$LEAT")}
CC=${CC:-cc}
WARN="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"
FLAGS=${LEAT_SANITIZE:+-fsanitize=$LEAT_SANITIZE}

DESTDIR=$work/root cmake --install "$BUILD" >install.log 2>&1 || {
    fail "cmake --install:"
    tail -n 5 install.log >&2
    finish
}
libdir=$(dirname "$(find "$work/root" -name 'libleat.a')")
header=$(find "$work/root" -name leat.h)
export PKG_CONFIG_PATH="$libdir/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$work/root"
export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 LD_LIBRARY_PATH="$libdir"

cat >want <<'OUT'
2026-01-01 00:00:00.000	home	2
2026-01-01 00:00:00.000	cart	1
2026-01-01 00:00:10.000	home	1
OUT

# build OUTPUT SOURCE FLAGS...: as C17 with all warnings as errors
build()
{
    output=$1 input=$2
    shift 2
    # shellcheck disable=SC2086
    "$CC" -std=c17 $WARN $FLAGS "$input" "$@" -o "$output" 2>cc.log || {
        fail "$output does not compile:"
        head -n 20 cc.log >&2
        return 1
    }
}

# shellcheck disable=SC2046
if build shared "$LEAT_SOURCE/examples/embed.c" $(pkg-config --cflags --libs leat); then
    ./shared >got 2>err || fail "embed.c with the shared library: $(cat err)"
    expect "embed.c with the shared library" "$(sort want)" "$(sort got)"
fi
# The sanitizers' libraries are linked by the compiler; the static library is named, since -lleat prefers the other.
# shellcheck disable=SC2046
if build static "$LEAT_SOURCE/examples/embed.c" $(pkg-config --cflags leat) "$libdir/libleat.a" \
    $(pkg-config --static --libs leat | sed 's/-lleat//'); then
    env -u LD_LIBRARY_PATH ./static >got 2>err || fail "embed.c with the static library: $(cat err)"
    expect "embed.c with the static library" "$(sort want)" "$(sort got)"
fi
lines=$(wc -l <"$LEAT_SOURCE/examples/embed.c")
[ "$lines" -lt 60 ] || fail "embed.c has $lines lines"

expect "exported names" "" "$(nm -D --defined-only "$libdir"/libleat.so | awk '{print $3}' | grep -v '^leat_')"
declared=$(grep -o '\bleat_[a-z_]* *(' "$header" | tr -d ' (' | sort -u)
for name in $(nm -D --defined-only "$libdir"/libleat.so | awk '{print $3}'); do
    echo "$declared" | grep -qx "$name" || fail "$name is exported and not in leat.h"
done

# One thread before, during and after a job that reads and writes files; no standard stream is touched.
cat >threads.c <<'C'
#include <dirent.h>
#include <leat/leat.h>
#include <stdio.h>

static int threads(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/task");
    while (dir != NULL && readdir(dir) != NULL) {
        count++;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return count - 2;
}

int main(void)
{
    leat_config config = {.struct_size = sizeof config, .inferred_tables = true};
    leat *db;
    leat_job *job;
    int most = threads();
    if (leat_open(&config, &db) != LEAT_OK ||
        leat_execute(db,
                     "CREATE TABLE o (n BIGINT) WITH "
                     "('connector'='filesystem','path'='o','format'='csv')",
                     NULL, NULL) != LEAT_OK ||
        leat_execute(db, "INSERT INTO o SELECT n FROM 'in.jsonl'", NULL, &job) != LEAT_OK) {
        fprintf(stderr, "%s\n", leat_error(db));
        return 1;
    }
    leat_state state;
    do {
        state = leat_step(job, 1);
        int now = threads();
        most = now > most ? now : most;
        if (state == LEAT_WAITING) {
            leat_wait(job, 10);
        }
    } while (state == LEAT_RUNNING || state == LEAT_WAITING);
    leat_close(db);
    return state == LEAT_DONE && most == 1 ? 0 : 10 + most;
}
C
seq 1 20000 | sed 's/.*/{"n":&}/' >in.jsonl
case ${LEAT_SANITIZE:-} in
*thread*) echo "left out: the thread sanitizer makes a thread of its own" >&2 ;;
*)
    # shellcheck disable=SC2046
    if build threads threads.c -D_DEFAULT_SOURCE $(pkg-config --cflags --libs leat); then
        expect_exit "the library makes no threads" 0 ./threads
        expect "rows of the job" 20000 "$(cat o/* | wc -l | tr -d ' ')"
        [ -s out ] || [ -s err ] && fail "the library talks: $(cat out err)"
    fi
    ;;
esac

# shellcheck disable=SC2086
"$CC" -std=c11 $WARN -fsyntax-only -x c "$header" 2>cc.log || fail "leat.h alone as C: $(head -n 5 cc.log)"
if command -v g++ >/dev/null 2>&1; then
    # shellcheck disable=SC2086
    g++ -std=c++11 $WARN -fsyntax-only -x c++ "$header" 2>cc.log || fail "leat.h as C++: $(head -n 5 cc.log)"
else
    echo "left out: there is no g++ to read leat.h as C++" >&2
fi
finish
