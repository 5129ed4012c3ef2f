#!/bin/sh
# Makes a Debian package of the program, and tries it: unpacks it, completes a command, shows a manual page and finds a photo.
#
#     packaging/debian.sh [PROGRAM]
#
# PROGRAM is a program that is built already; without it, it is built. Needs cargo-deb (`cargo install cargo-deb`).
set -eu
cd "$(dirname "$0")/.."

release=target/release
if [ $# -gt 0 ]; then
    mkdir -p "$release"
    cmp -s "$1" "$release/clip-search" || cp "$1" "$release/clip-search"
else
    cargo build --release --locked --package clip-search-cli --target-dir target
fi
program=$PWD/$release/clip-search

generated=target/packaging
rm -rf "$generated"
mkdir -p "$generated"
"$program" man "$generated/man"
for shell in bash zsh fish; do
    "$program" completions "$shell" > "$generated/clip-search.$shell"
done

version=$("$program" --version | cut -d ' ' -f 2)
maintainer=$(sed -n 's/^maintainer = "\(.*\)"$/\1/p' crates/cli/Cargo.toml)
date=$(git log -1 --format=%cD 2>/dev/null || date --rfc-email)
cat > "$generated/changelog" <<CHANGELOG
clip-search ($version-1) unstable; urgency=medium

  * NEWS.md, beside this file, tells what has changed.

 -- $maintainer  $date
CHANGELOG

cargo deb --package clip-search-cli --no-build --output "$generated/"
package=$(ls "$generated"/*.deb)

trial=$(mktemp -d)
trap 'rm -rf "$trial"' EXIT
dpkg-deb --info "$package"
dpkg-deb --extract "$package" "$trial/root"
for file in usr/bin/clip-search usr/share/man/man1/clip-search.1.gz usr/share/man/man1/clip-search-query.1.gz \
    usr/share/bash-completion/completions/clip-search usr/share/zsh/vendor-completions/_clip-search \
    usr/share/fish/vendor_completions.d/clip-search.fish usr/lib/systemd/user/clip-search-watch.service usr/lib/systemd/user/clip-search-index.timer; do
    [ -s "$trial/root/$file" ] || { echo "the package has no $file" >&2; exit 1; }
done

export HOME="$trial/home" CLIP_SEARCH_INDEX="$trial/index"
mkdir "$HOME"
"$trial/root/usr/bin/clip-search" --version
"$trial/root/usr/bin/clip-search" index --quiet samples
found=$("$trial/root/usr/bin/clip-search" query "a cat" --limit 1 --paths-only)
[ "$found" = "$PWD/samples/cat.jpg" ] || { echo "found $found instead of the cat" >&2; exit 1; }
if command -v man > /dev/null; then
    man --local-file "$trial/root/usr/share/man/man1/clip-search-query.1.gz" | grep -q SYNOPSIS
fi
if command -v systemd-analyze > /dev/null; then
    # The program and its pages are not installed.
    export XDG_RUNTIME_DIR="$trial"
    faults=$(systemd-analyze --user --man=no verify "$trial"/root/usr/lib/systemd/user/clip-search-* 2>&1 |
        grep -v 'not executable' || true)
    [ -z "$faults" ] || { echo "$faults" >&2; exit 1; }
fi
echo "made and tried $package"
