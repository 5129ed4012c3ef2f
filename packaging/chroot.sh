#!/bin/sh
# Installs the Debian package and the container's second stage in roots of their own, and uses both as people would. As root;
# needs debootstrap and a mirror of Debian.
#
#     packaging/chroot.sh PACKAGE.deb [FOLDER]
#
# FOLDER keeps Debian's root for the next time.
set -eu
package=$(realpath "$1")
work=${2:-$(mktemp -d)}
mkdir -p "$work"
cd "$(dirname "$0")/.."

if [ ! -e "$work/debian/etc/debian_version" ]; then
    debootstrap --variant=minbase bookworm "$work/debian"
fi
server=
cleanup() {
    [ -z "$server" ] || kill -TERM "$server" 2>/dev/null || true
    for root in "$work/package" "$work/container"; do
        umount "$root/proc" "$root/dev" 2>/dev/null || true
        rm -rf --one-file-system "$root"
    done
    [ $# -eq 0 ] || rm -rf --one-file-system "$work"
}
if [ $# -gt 1 ]; then trap cleanup EXIT; else trap 'cleanup all' EXIT; fi

# A copy of Debian's root, with the sample photos.
new_root() {
    rm -rf --one-file-system "$1"
    cp -a "$work/debian" "$1"
    mount -t proc proc "$1/proc"
    mount --bind /dev "$1/dev"
    mkdir "$1/photos"
    cp samples/*.jpg crates/clip-image/tests/fixtures/heif/plain.heic "$1/photos/"
}
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
as_user() { inside runuser -u someone -- env HOME=/home/someone "$@"; }
expect() {
    [ "$2" = "$3" ] || { printf '%s: expected "%s", found "%s"\n' "$1" "$2" "$3" >&2; exit 1; }
}

root=$work/package
new_root "$root"
cp "$package" "$root/tmp/clip-search.deb"
inside apt-get update --quiet
# Alone, as with --no-install-recommends: what it depends on must be enough.
inside apt-get install --yes --no-install-recommends /tmp/clip-search.deb
inside useradd --create-home someone
as_user clip-search --version
status=0
as_user clip-search index --quiet /photos || status=$?
expect 'a HEIC file without libheif is skipped' 1 "$status"
expect 'the cat' /photos/cat.jpg "$(as_user clip-search query 'a cat' --limit 1 --paths-only)"
# With what it recommends, and the shells.
inside apt-get install --yes --no-install-recommends libheif1 bash-completion zsh fish man-db groff-base
as_user clip-search index --quiet
expect 'HEIC' 11 "$(as_user clip-search status --json | sed 's/.*"photos":\([0-9]*\).*/\1/')"
as_user man clip-search-query | grep -q 'SYNOPSIS'
expect 'bash' query "$(as_user bash -c '. /usr/share/bash-completion/bash_completion; _completion_loader clip-search
    COMP_WORDS=(clip-search que); COMP_CWORD=1; $(complete -p clip-search | sed "s/.*-F \([^ ]*\).*/\1/") clip-search que clip-search
    echo "${COMPREPLY[@]}"')"
expect 'zsh' _clip-search "$(as_user zsh -f -c 'autoload -U compinit; compinit -D -u; echo $_comps[clip-search]')"
expect 'fish' query "$(as_user fish -c "complete -C 'clip-search que'" | cut -f 1)"
inside apt-get purge --yes clip-search
[ ! -e "$root/usr/bin/clip-search" ] && [ -z "$(find "$root/usr" -path '*clip-search*' -name '*clip-search*')" ]

root=$work/container
new_root "$root"
dockerfile=packaging/docker/Dockerfile
# Joins continued lines, takes the second stage's steps, and does what they say.
sed -e ':a' -e '/\\$/N; s/\\\n//; ta' "$dockerfile" | sed '1,/^FROM debian/d' >"$work/steps"
packages=$(sed -n 's/^ARG PACKAGES="\(.*\)"$/\1/p' "$work/steps")
sed -n 's/^RUN //p' "$work/steps" | inside PACKAGES="$packages" sh -eu
dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root/usr/local/bin" --strip-components=3 ./usr/bin/clip-search
environment=$(sed -n 's/^ENV //p' "$work/steps")
# shellcheck disable=SC2086
as_container() { exec chroot --userspec 10001:10001 "$root" /usr/bin/env -i -C /photos PATH=/usr/local/bin:/usr/bin:/bin $environment "$@"; }
(as_container clip-search index --quiet /photos)
mkdir -p "$root/run/secrets"
(umask 077 && echo 0123456789abcdef0123456789abcdef >"$root/run/secrets/token")
chroot "$root" chown clip-search /run/secrets/token
# The command, at another port than whatever runs here.
command=$(sed -n 's/^CMD //p' "$work/steps" | tr -d '[],"' | sed 's/0\.0\.0\.0:8080/127.0.0.1:18080/')
# shellcheck disable=SC2086
as_container clip-search $command >"$work/address" &
server=$!
for _ in $(seq 100); do [ -s "$work/address" ] && break; sleep 0.1; done
fetch() { curl --silent --output /dev/null --write-out '%{http_code}' "$@"; }
url='http://127.0.0.1:18080/api/v1/search?q=a+cat'
expect 'without the token' 401 "$(fetch "$url")"
expect 'with the token' 200 "$(fetch --header 'Authorization: Bearer 0123456789abcdef0123456789abcdef' "$url")"
kill -TERM "$server"
wait "$server" || expect 'the status of a server that was told to stop' 0 $?
server=
expect 'nothing but the index is written' '' "$(find "$root/photos" "$root/usr/local" -newer "$root/run/secrets/token")"
echo "installed, used and removed $(basename "$package"); did the steps of $dockerfile and served from there"
