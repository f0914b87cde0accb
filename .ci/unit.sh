#!/bin/sh
# Checks the units in systemd/: `systemd-analyze verify` must print nothing and the exposure must be at most 1.3.
set -eu

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

for unit in pulld.service pulld@.service; do
    # The daemon is not installed where it is built, and a missing program is an error: a stand-in takes its place.
    sed 's|=/usr/bin/pulld |=/bin/true |' "systemd/$unit" >"$directory/$unit"

    # Its manual is not installed either.
    if ! output=$(systemd-analyze verify --man=no --no-pager "$directory/$unit" 2>&1) || [ -n "$output" ]; then
        printf 'systemd-analyze verify systemd/%s:\n%s\n' "$unit" "$output" >&2
        exit 1
    fi

    # The threshold is in tenths.
    if ! output=$(systemd-analyze security --offline=true --threshold=13 --no-pager "$directory/$unit" 2>&1); then
        printf '%s\n' "$output" >&2
        exit 1
    fi
done
