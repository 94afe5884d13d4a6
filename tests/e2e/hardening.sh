#!/bin/sh
# The shipped binary and library carry the hardening that cmake/flags.cmake asks for.
set -u
if [ -n "${LEAT_SANITIZE:-}" ]; then
    echo "hardening: skipped, a sanitized build is not what is shipped"
    exit 0
fi
dump=$(mktemp)
trap 'rm -f "$dump"' EXIT
failed=0

# expect WHAT PATTERN: the last dump has it
expect()
{
    if ! grep -q "$2" "$dump"; then
        echo "FAIL: $file: no $1"
        failed=1
    fi
}

# refuse WHAT PATTERN
refuse()
{
    if grep -q "$2" "$dump"; then
        echo "FAIL: $file: $1"
        failed=1
    fi
}

for file in "$LEAT_BUILD/leat" "$LEAT_BUILD/libleat.so"; do
    readelf -W -h "$file" > "$dump"
    expect "position independence" 'Type:.*DYN'
    readelf -W -d "$file" > "$dump"
    expect "immediate binding" 'NOW'
    refuse "a search path of the build machine" 'RPATH\|RUNPATH'
    readelf -W -l "$file" > "$dump"
    expect "read-only relocations" 'GNU_RELRO'
    refuse "an executable stack" 'GNU_STACK.*RWE'
    readelf -W -s "$file" > "$dump"
    expect "stack protector" '__stack_chk_fail'
    expect "fortified calls" '_chk@'
    if [ "$(uname -m)" = x86_64 ]; then
        objdump -d --no-show-raw-insn "$file" > "$dump"
        expect "control-flow protection" 'endbr64'
    fi
done
[ "$failed" = 0 ] && echo "hardened: $LEAT_BUILD/leat, libleat.so"
exit "$failed"
