#!/bin/sh
# Builds a Debian package of the binary named as the first argument (the release build, static Swift runtime) into the
# directory named as the second. What is in it besides: the units, the example configurations, the manual, completions.
#
# No debhelper: the package is a handful of files, and `make deb` must not need more than a few tools.
set -eu
cd "$(dirname "$0")/.."
binary=$(realpath "$1")
mkdir -p "$2"
output=$(realpath "$2")

upstream=$(sed -n 's/.*static let version = "\(.*\)"$/\1/p' Sources/Daemon/Daemon.swift)
version=$(dpkg-parsechangelog --file .ci/deb/changelog --show-field Version)
if [ "${version%-*}" != "$upstream" ]; then
    echo ".ci/deb/changelog is of version $version, the program of $upstream" >&2
    exit 1
fi
# A version of one's own for trying an upgrade.
version=$version${DEB_VERSION_SUFFIX-}
# The same files give the same package.
SOURCE_DATE_EPOCH=$(dpkg-parsechangelog --file .ci/deb/changelog --show-field Timestamp)
export SOURCE_DATE_EPOCH
architecture=$(dpkg --print-architecture)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
umask 022

put() { # MODE FILE PLACE
    install -D --mode "$1" "$2" "$root$3"
}
put_compressed() { # FILE PLACE
    mkdir -p "$root$(dirname "$2")"
    gzip --best --no-name --stdout "$1" >"$root$2"
}
completion() { # SHELL PLACE
    mkdir -p "$root$(dirname "$2")"
    # It is read by a shell, not run.
    "$binary" --generate-completion-script "$1" | sed '1{/^#!/d}' >"$root$2"
}

put 755 "$binary" /usr/bin/pulld
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$root/usr/bin/pulld"
put 644 systemd/pulld.service /lib/systemd/system/pulld.service
put 644 systemd/pulld@.service /lib/systemd/system/pulld@.service
put 644 config/minimal.yaml /etc/pulld/pulld.yaml
install -d --mode 700 "$root/etc/pulld/credentials"
put 644 config/pulld.schema.json /usr/share/pulld/pulld.schema.json
for file in config/*.yaml config/*.yml; do
    [ ! -e "$file" ] || put 644 "$file" "/usr/share/doc/pulld/examples/${file#config/}"
done
put_compressed config/man/pulld.8 /usr/share/man/man8/pulld.8.gz
put_compressed config/man/pulld.yaml.5 /usr/share/man/man5/pulld.yaml.5.gz
completion bash /usr/share/bash-completion/completions/pulld
completion zsh /usr/share/zsh/vendor-completions/_pulld
completion fish /usr/share/fish/vendor_completions.d/pulld.fish
put 644 .ci/deb/copyright /usr/share/doc/pulld/copyright
put_compressed CHANGELOG.md /usr/share/doc/pulld/changelog.gz
put_compressed .ci/deb/changelog /usr/share/doc/pulld/changelog.Debian.gz
put 644 .ci/deb/lintian-overrides /usr/share/lintian/overrides/pulld

# dpkg-shlibdeps reads the names of packages from debian/control, and knows a package's tree by its DEBIAN.
mkdir "$work/debian" "$root/DEBIAN"
cp .ci/deb/control "$work/debian/control"
libraries=$(cd "$work" && dpkg-shlibdeps -O root/usr/bin/pulld | sed -n 's/^shlibs:Depends=//p')
size=$(du -k --summarize --apparent-size "$root" | cut -f1)

sed -e '1,/^$/d' -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@LIBRARIES@/$libraries/" \
    -e "s/@SIZE@/$size/" .ci/deb/control >"$root/DEBIAN/control"
(cd "$root" && find etc -type f -printf '/%p\n' | sort) >"$root/DEBIAN/conffiles"
(cd "$root" && find usr lib -type f -print0 | sort --zero-terminated | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
for script in postinst prerm postrm; do put 755 ".ci/deb/$script" "/DEBIAN/$script"; done

dpkg-deb --root-owner-group -Zxz --build "$root" "$output/pulld_${version}_$architecture.deb" >/dev/null
ls -l "$output/pulld_${version}_$architecture.deb"
