#!/bin/sh
# Packs a deno executable and a program's bundles into one self-extracting file: pack.sh DENO OUTPUT BUNDLE.js...
# full.js, the last, has all commands; every other one has the command it is named after.
set -eu
deno=$1 output=$2
shift 2
here=$(dirname "$0")
work=$(mktemp -d "$output.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

hash() { sha256sum <"$1" | cut -c 1-16; }

gzip -nc <"$deno" >"$work/deno.gz"
cat "$@" >"$work/bundles"
parts= own=
for bundle do
  name=$(basename "$bundle" .js)
  parts="$parts${parts:+ }$name:$(($(wc -c <"$bundle")))"
  [ "$name" = full ] || own="$own${own:+ | }$name"
done

# The script holds offsets, which depend on its own length: numbers take as much room, filled up with blanks, as what they stand for.
fill() {
  sed -e "s/@DENO@/$(hash "$deno")/" -e "s/@BUNDLE@/$(hash "$work/bundles")/" -e "s/@PARTS@/$parts/" \
    -e "s/@OWN@/$own/" -e "s/@PARTS_AT@/$1/" -e "s/@DENO_AT@/$2/" "$here/launcher.sh"
}
header=$(fill 00000000 00000000 | wc -c)
at() { printf %-8d $((header + 1 + $1)); }
fill "$(at 0)" "$(at "$(wc -c <"$work/bundles")")" | cat - "$work/bundles" "$work/deno.gz" >"$work/file"
chmod 755 "$work/file"
mv "$work/file" "$output"
