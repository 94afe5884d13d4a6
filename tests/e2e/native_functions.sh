#!/bin/sh
# Functions in C: loaded only from where the operator allows it, whatever a statement says; then the example runs.
. "$(dirname "$0")/lib.sh"
: "${LEAT_SOURCE:?set LEAT_SOURCE to the project}"
BUILD=${LEAT_BUILD:-$(dirname "$LEAT")}
mkdir run && cd run || exit 1
ln -s "$LEAT_SOURCE/examples" examples
export XDG_STATE_HOME="$work/state"
allowed=$work/functions
mkdir "$allowed" "$allowed-not"
cp "$BUILD/examples/udf/libtext_functions.so" "$allowed/libtext_functions.so"
cp "$BUILD/examples/udf/libtext_functions.so" "$allowed-not/libother.so"

# refused TITLE EXIT PART ARGUMENTS..: the statement in $sql fails, saying so
refused()
{
    title=$1 code=$2 part=$3
    shift 3
    "$LEAT" run -q "$@" -e "$sql" >out 2>err
    expect "$title: exit code" "$code" $?
    expect_has "$title" err "$part"
}

sql="CREATE FUNCTION count_char AS 'libtext_functions.so#count_char_udf' LANGUAGE C; SELECT count_char('banana', 'a') AS n"
refused "not allowed" 6 "functions in C are not allowed"
expect_has "how to allow it" err "--allow-native-functions DIR"
refused "another directory" 2 "there is no library 'libtext_functions.so' in" --allow-native-functions "$allowed-not"
refused "no directory" 2 "there is no library" --allow-native-functions "$work/nowhere"
"$LEAT" run -q -o csv --allow-native-functions "$work/nowhere" --allow-native-functions "$allowed" -e "$sql" >out 2>err || fail "allowed: $(cat err)"
expect "allowed" "n 3" "$(tr '\n' ' ' <out | sed 's/ $//')"
"$LEAT" check --allow-native-functions "$allowed" -e "$sql" >out 2>err || fail "check: $(cat err)"
sql="CREATE FUNCTION count_char AS 'libtext_functions.so#count_char_udf' LANGUAGE C; SELECT count_char(body, 'a') AS n FROM 'examples/udf/comments.jsonl'"
"$LEAT" explain --allow-native-functions "$allowed" -e "$sql" >out 2>err || fail "explain: $(cat err)"
expect_has "explain" out "count_char(body, 'a')"

sql="CREATE FUNCTION f AS '$allowed/libtext_functions.so#count_char_udf' LANGUAGE C; SELECT f('aa', 'a') AS n"
"$LEAT" run -q -o csv --allow-native-functions "$allowed/" -e "$sql" >out 2>err || fail "absolute path inside: $(cat err)"
sql="CREATE FUNCTION f AS '$allowed-not/libother.so#count_char_udf' LANGUAGE C"
refused "a directory whose name only begins like it" 2 "there is no library" --allow-native-functions "$allowed"
sql="CREATE FUNCTION f AS '../functions-not/libother.so#count_char_udf' LANGUAGE C"
refused "a step outside" 6 "'..' is not allowed" --allow-native-functions "$allowed"
ln -s "$allowed-not/libother.so" "$allowed/liblink.so"
sql="CREATE FUNCTION f AS 'liblink.so#count_char_udf' LANGUAGE C"
refused "a link to the outside" 6 "lies outside of" --allow-native-functions "$allowed"
cp "$allowed-not/libother.so" "$allowed/libopen.so"
chmod o+w "$allowed/libopen.so"
sql="CREATE FUNCTION f AS 'libopen.so#count_char_udf' LANGUAGE C"
refused "a file that everybody may write" 6 "everybody may write to it" --allow-native-functions "$allowed"
echo "no library" >"$allowed/libtext.so"
sql="CREATE FUNCTION f AS 'libtext.so#count_char_udf' LANGUAGE C"
refused "no library" 3 "cannot load" --allow-native-functions "$allowed"
mkdir "$allowed/libdir.so"
sql="CREATE FUNCTION f AS 'libdir.so#count_char_udf' LANGUAGE C"
refused "a directory" 3 "it is no file" --allow-native-functions "$allowed"

"$LEAT" run examples/udf/comments.sql -q -o csv --allow-native-functions "$allowed" >out 2>err || fail "the example: $(cat err)"
cat >want <<'OUT'
window_start,comments,a,who,loud
2026-01-01 10:00:00.000,3,11,ann,0
2026-01-01 10:01:00.000,2,6,cid,1
OUT
expect "the example" "$(cat want)" "$(cat out)"

# The header stands alone, for C and for C++.
printf '#include <leat/udf.h>\nLEAT_UDF_EXPORT const leat_udf none_udf = {LEAT_UDF_HEAD};\n' >header.c
${CC:-cc} -std=c17 -Wall -Wpedantic -Wconversion -Werror -I"$LEAT_SOURCE/include" -c header.c -o header.o 2>cc.log || fail "the header in C: $(cat cc.log)"
if command -v g++ >/dev/null 2>&1; then
    g++ -std=c++20 -x c++ -Wall -Wpedantic -Wconversion -Werror -I"$LEAT_SOURCE/include" -c header.c -o header.o 2>cc.log || fail "the header in C++: $(cat cc.log)"
fi
finish
