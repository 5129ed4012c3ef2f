#!/bin/sh
# Makes terminal.png: what a person sees who searches the sample photos in xterm, which shows pictures (sixels).
#
#     docs/images/terminal.sh [PROGRAM]
#
# Needs xterm, xvfb, imagemagick and fonts-dejavu-core.
set -eu
program=$(realpath "${1:-target/release/clip-search}")
cd "$(dirname "$0")/../.."
picture=$PWD/docs/images/terminal.png

# The folder's name is in the picture.
scratch=/tmp/anna
mkdir "$scratch"
trap 'kill "$display" 2>/dev/null || true; rm -rf "$scratch"' EXIT
export CLIP_SEARCH_INDEX="$scratch/index" HOME="$scratch" XDG_CACHE_HOME="$scratch/cache"
mkdir "$scratch/bin" "$scratch/Pictures"
ln -s "$program" "$scratch/bin/clip-search"
cp samples/*.jpg "$scratch/Pictures/"
"$program" index --quiet --device cpu --no-video "$scratch/Pictures"

# What is typed, and what it prints.
cat >"$scratch/session" <<SESSION
cd "$scratch/Pictures"
PATH=$scratch/bin:\$PATH
try() {
    printf '\033[1;32m\$\033[0m \033[1mclip-search query "%s" -n %s\033[0m\n' "\$1" "\$2"
    clip-search query "\$1" -n "\$2"
}
try 'night sky' 2
try 'a cup of coffee' 1
try 'a giraffe' 1
touch "$scratch/done"
sleep 60
SESSION

Xvfb -displayfd 3 -screen 0 800x700x24 3>"$scratch/number" 2>/dev/null &
display=$!
for _ in $(seq 100); do [ -s "$scratch/number" ] && break; sleep 0.1; done
DISPLAY=:$(cat "$scratch/number")
export DISPLAY
xterm -ti vt340 -geometry 76x34+0+0 -fa 'DejaVu Sans Mono' -fs 11 -bg '#101418' -fg '#e6e6e6' -b 8 +sb -title clip-search \
    -xrm 'XTerm*numColorRegisters: 1024' -xrm 'XTerm*sixelScrolling: true' -xrm 'XTerm*maxGraphicSize: 1000x1000' \
    -e sh "$scratch/session" &
terminal=$!
for _ in $(seq 600); do [ -e "$scratch/done" ] && break; sleep 0.1; done
sleep 1
import -window root "$scratch/screen.png"
kill "$terminal" || true
convert "$scratch/screen.png" -trim +repage -bordercolor '#101418' -border 12 -strip -colors 256 "$picture"
