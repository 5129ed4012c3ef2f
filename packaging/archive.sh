#!/bin/sh
# Makes the archive of a release: the program, its completions and manual pages, and the licences. Prints the archive's path.
#
#     packaging/archive.sh PROGRAM TARGET FOLDER
#
# PROGRAM must run on this machine. The names are those by which `cargo binstall` looks for it (crates/cli/Cargo.toml).
set -eu
program=$(cd "$(dirname "$1")" && pwd)/$(basename "$1") target=$2
mkdir -p "$3"
folder=$(cd "$3" && pwd)
cd "$(dirname "$0")/.."

name=clip-search-$("$program" --version | cut -d ' ' -f 2)-$target
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$stage/$name/completions"
cp "$program" README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT "$stage/$name/"
"$program" completions bash >"$stage/$name/completions/clip-search.bash"
"$program" completions zsh >"$stage/$name/completions/_clip-search"
"$program" completions fish >"$stage/$name/completions/clip-search.fish"
"$program" completions powershell >"$stage/$name/completions/clip-search.ps1"
"$program" man "$stage/$name/man"

case $target in
*-windows-*)
    archive=$folder/$name.zip
    (cd "$stage" && 7z a -bso0 "$archive" "$name")
    ;;
*)
    mkdir "$stage/$name/systemd"
    cp packaging/systemd/* "$stage/$name/systemd/"
    archive=$folder/$name.tar.gz
    tar -C "$stage" --owner=0 --group=0 -czf "$archive" "$name" 2>/dev/null ||
        tar -C "$stage" -czf "$archive" "$name"
    ;;
esac
echo "$archive"
