#!/bin/sh
# Packs a deno executable and a program of two bundles into one self-extracting file: pack.sh DENO FIRST SECOND OUTPUT
# The second is where the first finds it: next to itself, with "-full" in its name.
set -eu
deno=$1 first=$2 second=$3 output=$4
here=$(dirname "$0")
work=$(mktemp -d "$output.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

hash() { sha256sum <"$1" | cut -c 1-16; }

gzip -nc <"$deno" >"$work/deno.gz"
cat "$first" "$second" >"$work/bundles"

# The script holds offsets, which depend on its own length: numbers take as much room as what they stand for.
fill() {
  sed -e "s/@DENO@/$(hash "$deno")/" -e "s/@BUNDLE@/$(hash "$work/bundles")/" \
    -e "s/@FIRST_AT@/$1/" -e "s/@SECOND_AT@/$2/" -e "s/@DENO_AT@/$3/" \
    -e "s/@FIRST_SIZE@/$one/" -e "s/@SECOND_SIZE@/$two/" "$here/launcher.sh"
}
one=$(wc -c <"$first")
two=$(wc -c <"$second")
header=$(fill 00000000 00000000 00000000 | wc -c)
at() { printf %08d $((header + 1 + $1)); }
fill "$(at 0)" "$(at "$one")" "$(at $((one + two)))" | cat - "$work/bundles" "$work/deno.gz" >"$work/file"
chmod 755 "$work/file"
mv "$work/file" "$output"
