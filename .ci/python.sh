#!/bin/sh
# Makes .build/python: a Python with the library by which tests check webhook signatures independently of this
# repository's own code. Says nothing when it is there.
set -eu
cd "$(dirname "$0")/.."

version=1.1.0
hash=9a88d48a1f198be61517fc7ad328cf58ba02b73f0fbd8941d4213e9c0b6c2a61
python=.build/python/bin/python3

installed=$("$python" -c 'from importlib.metadata import version; print(version("standardwebhooks"))' 2>/dev/null || true)
[ "$installed" != "$version" ] || exit 0

echo "installing: standardwebhooks $version (Python, into .build/python)"
mkdir -p .build
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! {
    python3 -m venv --clear .build/python &&
        echo "standardwebhooks==$version --hash=sha256:$hash" |
        "$python" -m pip install --disable-pip-version-check --no-input --require-hashes --requirement /dev/stdin
} >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
