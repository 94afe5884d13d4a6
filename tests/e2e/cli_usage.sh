#!/bin/sh
# Mistakes on the command line, help, and the exit codes of what can go wrong.
. "$(dirname "$0")/lib.sh"

expect_exit "no arguments" 1 "$LEAT"
expect_exit "unknown command" 1 "$LEAT" rnu
expect_has "unknown command" err 'did you mean `leat run`?'
expect_exit "later command" 1 "$LEAT" serve
expect_has "later command" err "not part of this version"
expect_exit "unknown option" 1 "$LEAT" run --outptu csv
expect_has "unknown option" err "did you mean --output?"
expect_exit "unknown format" 1 "$LEAT" -e "SELECT 1" -o xml
expect_exit "nothing to run" 1 "$LEAT" run
expect_exit "missing file" 3 "$LEAT" run missing.sql
expect_has "missing file" err "missing.sql"
for page in "" run check explain test version completion; do
    # shellcheck disable=SC2086
    expect_exit "help $page" 0 "$LEAT" help $page
    expect_has "help $page" out "Usage: leat"
    [ -s err ] && fail "help $page talks on stderr"
done
expect_exit "--help" 0 "$LEAT" --help
expect_exit "--version" 0 "$LEAT" --version
expect_exit "version --json" 0 "$LEAT" version --json
expect_has "version --json" out '"version":"'
expect_exit "completion" 0 "$LEAT" completion bash
! command -v bash >/dev/null || bash -n out || fail "the bash completion is no script"

expect_exit "syntax" 2 "$LEAT" -e "SELEC 1"
expect_exit "unknown table" 2 "$LEAT" -e "SELECT * FROM nowhere"
expect_exit "no such input" 3 "$LEAT" -e "SELECT * FROM 'missing.jsonl'"
printf 'SELECT 1;\nSELECT nothing FROM (VALUES (1)) AS t(a);\n' >late.sql
expect_exit "mistake in the second statement" 2 "$LEAT" run late.sql
[ -s out ] && fail "a file with a mistake has begun to run"
expect_has "mistake in the second statement" err "late.sql"
expect_exit "check" 2 "$LEAT" check late.sql
echo "SELECT 1;" >good.sql
expect_exit "check" 0 "$LEAT" check good.sql
expect_exit "explain" 0 "$LEAT" explain good.sql
[ -s out ] || fail "explain prints nothing"
if [ -w /dev/full ]; then
    "$LEAT" -e "SELECT 1" >/dev/full 2>err
    expect "full device" 3 $?
    expect_has "full device" err "no space left"
fi
"$LEAT" -e "SELECT 1" >&- 2>err
expect "closed stdout" 3 $?
finish
