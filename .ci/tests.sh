#!/bin/bash
# Runs the command of the tests and, where one failed, says at the end once more which and why: among the lines of over
# a thousand tests it is easily missed.
#
# usage: .ci/tests.sh COMMAND [ARGUMENT...]
set -u -o pipefail

output=$(mktemp)
trap 'rm -f "$output"' EXIT

"$@" 2>&1 | tee "$output"
status=$?
if [ "$status" -ne 0 ]; then
    printf '\nWhat failed:\n'
    grep -a '^✘' "$output" | grep -av '^✘ Suite ' | cut -c 1-1000
fi
exit "$status"
