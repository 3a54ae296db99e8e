#!/bin/sh
# mydocker in one file: this script, the bundles, and the deno executable, compressed (pack.sh puts them together).
# The first start unpacks them; any other is a few tests and an exec, and starts no process of its own.
#
# Where:        $MYDOCKER_CACHE if set; else /var/cache/mydocker, where only root can have put it; else
#               ${XDG_CACHE_HOME:-~/.cache}/mydocker; /tmp/mydocker-UID if that can't be written. Below it deno-HASH/
#               holds deno, the bundles in js-HASH and what deno keeps of them in cache-HASH; the hashes are of the contents.
# Environment:  DENO_DIR, DENO_NO_UPDATE_CHECK and HOME are set to keep deno quiet and off the caller's files (a bad
#               ~/.npmrc stops it). What the caller had there, if anything, is in MYDOCKER_ENV_DENO_DIR and so on:
#               lib/cli/environment.ts reads it. MYDOCKER_SELF is the absolute path of this file.

deno=@DENO@
bundle=@BUNDLE@
# A bundle named like a command has it alone (only.ts).
case ${1-} in
  @OWN@) own=$1 ;;
  *) own=full ;;
esac
# V8's helper threads have nothing to do in 20 ms, and starting them takes one.
# With the compiled code kept, compiling all of it the first time (--no-lazy) saves doing so bit by bit every time.
flags="-A --quiet --no-config --v8-flags=--single-threaded,--no-lazy"

case $0 in
  /*) self=$0 ;;
  *) self=$PWD/${0#./} ;;
esac
if ! [ -d "$PWD" ]; then
  case ${MYDOCKER_ROOT:-/} in
    /*) cd / ;; # deno doesn't start in a deleted directory
    *) echo "mydocker: the current directory is gone, and MYDOCKER_ROOT is relative to it" >&2 && exit 125 ;;
  esac
fi

go() {
  if [ "${DENO_DIR-}" != "$dir/cache-$bundle" ]; then # otherwise mydocker started itself, and all is in place
    unset MYDOCKER_ENV_DENO_DIR MYDOCKER_ENV_DENO_NO_UPDATE_CHECK MYDOCKER_ENV_HOME
    [ -z "${DENO_DIR+set}" ] || export MYDOCKER_ENV_DENO_DIR="$DENO_DIR"
    [ -z "${DENO_NO_UPDATE_CHECK+set}" ] || export MYDOCKER_ENV_DENO_NO_UPDATE_CHECK="$DENO_NO_UPDATE_CHECK"
    [ -z "${HOME+set}" ] || export MYDOCKER_ENV_HOME="$HOME"
  fi
  export MYDOCKER_SELF="$self" DENO_DIR="$dir/cache-$bundle" DENO_NO_UPDATE_CHECK=1 HOME="$dir"
  exec "$dir/deno" run $flags "$dir/js-$bundle/$own.js" "$@"
}

base=/var/cache/mydocker
home=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
if [ "${MYDOCKER_CACHE-}" ]; then
  base=$MYDOCKER_CACHE
elif [ ! -x "$base/deno-$deno/deno" ]; then
  base=$home/mydocker
fi
# Whether all is in place under $1. In a directory of ours is only what we put there. Empty files are what a crash of
# the machine leaves of a rename.
ready() {
  dir=$1/deno-$deno
  [ -x "$dir/deno" ] && [ -s "$dir/deno" ] && [ -s "$dir/js-$bundle/$own.js" ] &&
    { [ -O "$dir" ] || [ "$1" = /var/cache/mydocker ]; }
}

ready "$base" && go "$@"

# Makes $1 and unpacks into it whatever is missing; says why not.
unpack() {
  mkdir -p "$1" || return
  case $([ -O "$1" ] && ls -ldn "$1/.") in
    d????-??-*) ;;
    *) echo "others could write to $1" && return 1 ;;
  esac
  ready "$1" && return
  # Whoever unpacks, gzip included, holds the lock: those who come later wait, and find everything in place.
  # Without flock they all unpack, which does no harm: files appear by rename, complete, and are all the same.
  exec 9>"$1/.lock" || return
  if flock 9 2>/dev/null; then rm -rf "$1"/new.*; fi
  new=$(mktemp -d "$1/new.XXXXXX") || return
  trap 'rm -rf "$new"' EXIT
  trap 'exit 1' HUP INT TERM
  mkdir -p "$dir/cache-$bundle" || return
  if ! [ -x "$dir/deno" ] || ! [ -s "$dir/deno" ]; then
    tail -c +@DENO_AT@ "$self" | gzip -dc >"$new/deno" || return
    chmod 755 "$new/deno"
    "$new/deno" --version >/dev/null || return # mounted noexec? another architecture?
    mv -f "$new/deno" "$dir/deno" || return
  fi
  unpack_bundles || return
  warm >/dev/null 2>&1 || : # it is only for speed
}

# Each bundle has its name and its number of bytes in a line before it.
unpack_bundles() {
  tail -c +@BUNDLES_AT@ "$self" | head -c @BUNDLES_SIZE@ >"$new/bundles" || return
  [ "$(wc -c <"$new/bundles")" -eq @BUNDLES_SIZE@ ] || { echo "$self is cut short" && return 1; }
  mkdir "$new/js" || return
  DENO_DIR="$new/cache" DENO_NO_UPDATE_CHECK=1 HOME="$dir" NEW="$new" "$dir/deno" run $flags - <<'END' || return
const folder = Deno.env.get("NEW");
const bundles = Deno.readFileSync(`${folder}/bundles`);
for (let at = 0; at < bundles.length;) {
  const start = bundles.indexOf(10, at) + 1;
  const [name, size] = new TextDecoder().decode(bundles.subarray(at, start)).split(" ");
  at = start + Number(size);
  using file = Deno.openSync(`${folder}/js/${name}`, { createNew: true, write: true });
  for (let from = start; from < at;) from += file.writeSync(bundles.subarray(from, at));
  file.syncSync(); // only the bundle of a command is looked at before it starts, not its parts
}
END
  # What is there, if anything, is not whole, or somebody else's who was faster.
  [ -s "$dir/js-$bundle/$own.js" ] || { rm -rf "$dir/js-$bundle" && mv "$new/js" "$dir/js-$bundle"; }
}

# Has deno keep the compiled bundles, without which every start compiles its own. It does that in a thread, which the
# end of a command, always by Deno.exit, never leaves time for. The code is kept under the bundle's path, and only for
# the same V8 flags. Then deno's databases are put in order: a write-ahead log that nobody closed would be read again by
# every start.
warm() {
  DENO_DIR="$dir/cache-$bundle" DENO_NO_UPDATE_CHECK=1 HOME="$dir" BUNDLES="$dir/js-$bundle" \
    "$dir/deno" run $flags - <<'END' || return
const bundle = new URL("file:///");
Deno.exit = () => { throw "exit"; };
for (const { name } of Deno.readDirSync(Deno.env.get("BUNDLES"))) {
  bundle.pathname = `${Deno.env.get("BUNDLES")}/${name}`;
  await import(bundle.href).catch(() => {});
}
await new Promise((done) => setTimeout(done, 50));
END
  DENO_DIR="$new/cache" DENO_NO_UPDATE_CHECK=1 HOME="$dir" CACHE="$dir/cache-$bundle" "$dir/deno" run $flags - <<'END'
import { DatabaseSync } from "node:sqlite";
const cache = Deno.env.get("CACHE");
for (const { name } of Deno.readDirSync(cache)) {
  if (!name.endsWith("-wal")) continue;
  const database = new DatabaseSync(`${cache}/${name.slice(0, -4)}`);
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
}
END
}

# Prints the directory everything is in now.
prepare() {
  umask 022
  uid=$(id -u)
  last=${TMPDIR:-/tmp}/mydocker-$uid
  if [ "${MYDOCKER_CACHE-}" ]; then
    set -- "$MYDOCKER_CACHE"
  elif [ "$uid" -eq 0 ]; then
    set -- /var/cache/mydocker "$last"
  else
    set -- ${home:+"$home/mydocker"} "$last"
  fi
  for base do
    if problem=$(unpack "$base" 2>&1); then
      echo "$base/deno-$deno"
      return
    fi
    problems="${problems:+$problems; }$(set -f && echo $problem)" # unquoted: one line of it
  done
  echo "mydocker: can't unpack itself: $problems; name another directory with MYDOCKER_CACHE" >&2
  return 1
}

dir=$(prepare) || exit 125
go "$@"
exit # what follows is not for the shell
