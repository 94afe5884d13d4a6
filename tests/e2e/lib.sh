# What the scripts here share. LEAT is the program under test. Each script runs in an empty directory of its own.
set -u
: "${LEAT:?set LEAT to the program}"
[ -x "$LEAT" ] || { echo "there is no program $LEAT" >&2; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/leat-e2e.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C.UTF-8
export XDG_STATE_HOME="$work/state" # jobs keep their folders here
unset NO_COLOR
failures=0

fail()
{
    echo "FAIL: $*" >&2
    failures=$((failures + 1))
}

# expect NAME WANT GOT
expect()
{
    if [ "$2" != "$3" ]; then
        fail "$1"
        printf -- '--- wanted\n%s\n--- got\n%s\n' "$2" "$3" >&2
    fi
}

# expect_exit NAME CODE COMMAND...: stdout in ./out, stderr in ./err
expect_exit()
{
    name=$1 want=$2
    shift 2
    "$@" >out 2>err
    got=$?
    if [ "$got" != "$want" ]; then
        fail "$name: exit code $got instead of $want"
        head -n 20 err >&2
    fi
}

# expect_has NAME FILE TEXT
expect_has()
{
    grep -qF -e "$3" "$2" || {
        fail "$1: no '$3' in $2:"
        head -n 20 "$2" >&2
    }
}

# Waits until FILE holds TEXT, at most 20 s.
await()
{
    tries=0
    until grep -qF -e "$2" "$1" 2>/dev/null; do
        tries=$((tries + 1))
        if [ "$tries" -gt 400 ]; then
            fail "'$2' did not appear in $1"
            return 1
        fi
        sleep 0.05
    done
}

finish()
{
    [ "$failures" = 0 ] || exit 1
    exit 0
}
