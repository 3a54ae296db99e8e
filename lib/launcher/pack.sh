#!/bin/sh
# Packs a deno executable and a program's bundles into one self-extracting file: pack.sh DENO OUTPUT
# BUNDLE.js... full.js has all commands; ps.js, network_ls.js the command they are named after;
# PROGRAM.PART.js are parts of others.
set -eu
deno=$1 output=$2
shift 2
here=$(dirname "$0")
work=$(mktemp -d "$output.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

hash() { sha256sum <"$1" | cut -c 1-16; }

gzip -nc <"$deno" >"$work/deno.gz"
one= two="''"
for bundle do
  name=$(basename "$bundle" .js)
  echo "$name.js $(($(wc -c <"$bundle")))"
  cat "$bundle"
  case $name in
    full | *.*) ;;
    *_*) two="$two | '${name%%_*} ${name#*_}'" ;;
    *) one="$one${one:+ | }$name" ;;
  esac
done >"$work/bundles"
size=$(($(wc -c <"$work/bundles")))

# What the shell makes "x" of for each name that it has to keep off deno, or to forget:
# ${NAME+x}${MYDOCKER_ENV_NAME+x}...
eval "$(sed -n '/^kept_off="/,/"$/p' "$here/launcher.sh")"
any=
for name in $kept_off; do any="$any\${$name+x}\${MYDOCKER_ENV_$name+x}"; done

# The script holds offsets, which depend on its own length: numbers take as much room, filled up with blanks,
# as what they stand for.
fill() {
  sed -e "/^@PRELINK_TS@$/{r $here/../../ffi/prelink.ts" -e "d;}" \
    -e "/^@UNPACK_TS@$/{r $here/unpack.ts" -e "d;}" \
    -e "s/@ANY_KEPT_OFF@/$any/" -e "s/@DENO@/$(hash "$deno")/" -e "s/@BUNDLE@/$(hash "$work/bundles")/" \
    -e "s/@ONE@/$one/" -e "s/@TWO@/$two/" \
    -e "s/@BUNDLES_SIZE@/$size/" -e "s/@BUNDLES_AT@/$1/" -e "s/@DENO_AT@/$2/" "$here/launcher.sh"
}
header=$(fill 00000000 00000000 | wc -c)
at() { printf %-8d $((header + 1 + $1)); }
fill "$(at 0)" "$(at "$size")" | cat - "$work/bundles" "$work/deno.gz" >"$work/file"
chmod 755 "$work/file"
mv "$work/file" "$output"
