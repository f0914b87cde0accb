#!/bin/sh
# Installs the Debian packages named as arguments, where they are missing. Says nothing when there is nothing to do.
set -eu

missing=
for package in "$@"; do
    state=$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "installing:$missing"
as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "please install as root:$missing" >&2
        exit 77
    fi
    as_root=sudo
fi

# The log is shown only when something goes wrong.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt_get() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1
}
# shellcheck disable=SC2086 # a list of names, one word each
if ! { apt_get update && apt_get install -y --no-install-recommends $missing; }; then
    cat "$log" >&2
    exit 1
fi
