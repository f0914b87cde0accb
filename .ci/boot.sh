#!/bin/sh
# Boots a fresh Debian 12 with systemd (debootstrap, systemd-nspawn) and takes the package named as the argument through its
# life there: .ci/boot/life.sh. Needs root. The first run downloads Debian, some 100 MB; later ones have it in .build/boot.
#
# The machine has a loopback interface only: the portal in it is `pulld sandbox`.
set -eu
cd "$(dirname "$0")/.."
package=$(realpath "$1")
place=$PWD/.build/boot
archive=$place/debian.tar
root=$place/root
# What a usual system has, and what the package depends on: nothing can be installed in there.
packages=systemd,systemd-sysv,dbus,ca-certificates,curl,man-db,procps,libcurl4,libsqlite3-0,libssl3,libstdc++6

mkdir -p "$place"
if [ ! -e "$archive" ]; then
    echo "making a Debian 12 in .build/boot"
    rm -rf "$root"
    debootstrap --variant=minbase --include="$packages" bookworm "$root" >"$place/debootstrap.log"
    tar -C "$root" -cf "$archive.new" .
    mv "$archive.new" "$archive"
fi
rm -rf "$root"
mkdir "$root"
tar -C "$root" -xf "$archive"
# A day's upgrade: the same program under a higher version.
mkdir "$root/packages"
cp "$package" "$root/packages/first.deb"
dpkg-deb -R "$package" "$place/next"
sed -i 's/^Version: .*/&+next/' "$place/next/DEBIAN/control"
dpkg-deb --root-owner-group -Znone --build "$place/next" "$root/packages/next.deb" >/dev/null
rm -rf "$place/next"
cp .ci/boot/life.sh "$root/life.sh"

systemd-nspawn --quiet --keep-unit --register=no --private-network --boot --directory "$root" --machine pulld-boot \
    >"$place/console.log" 2>&1 </dev/null &
machine=$!
init=
inside() { nsenter --target "$init" --all env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"; }
# shellcheck disable=SC2317,SC2329 # called by the trap
finish() {
    [ -z "$init" ] || inside systemctl --no-block poweroff 2>/dev/null || true
    for _ in $(seq 100); do kill -0 "$machine" 2>/dev/null || break; sleep 0.2; done
    kill "$machine" 2>/dev/null || true
    wait "$machine" 2>/dev/null || true
    rm -rf "$root"
}
trap finish EXIT

for _ in $(seq 150); do
    init=$(pgrep --parent "$machine" systemd || true)
    [ -z "$init" ] || ! inside systemctl is-system-running 2>/dev/null | grep -Eq 'running|degraded' || break
    sleep 0.2
done
inside systemctl is-system-running
inside sh /life.sh
