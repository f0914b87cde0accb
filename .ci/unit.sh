#!/bin/sh
# Checks systemd/pulld.service: `systemd-analyze verify` must print nothing and the exposure must be at most 1.5.
set -eu

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

# The daemon is not installed where it is built, and a missing ExecStart is an error: a stand-in takes its place.
sed 's|^ExecStart=/usr/bin/pulld |ExecStart=/bin/true |' systemd/pulld.service >"$directory/pulld.service"

if ! output=$(systemd-analyze verify --no-pager "$directory/pulld.service" 2>&1) || [ -n "$output" ]; then
    printf 'systemd-analyze verify systemd/pulld.service:\n%s\n' "$output" >&2
    exit 1
fi

# The threshold is in tenths.
if ! output=$(systemd-analyze security --offline=true --threshold=15 --no-pager "$directory/pulld.service" 2>&1); then
    printf '%s\n' "$output" >&2
    exit 1
fi
