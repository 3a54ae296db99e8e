#!/bin/sh
# mydocker in one file: this script, the bundles, and the deno executable, compressed (pack.sh puts them
# together). The first start unpacks them; any other is a few tests and an exec, and starts no process of its
# own.
#
# Where:        $MYDOCKER_CACHE if set; else /var/cache/mydocker; else ${XDG_CACHE_HOME:-~/.cache}/mydocker,
#               but not for root, whose home may be somebody else's (sudo -E); else mydocker-UID in /tmp, or
#               in $TMPDIR of others than root. Below it deno-HASH-fixed/ holds deno, the bundles in js-HASH
#               and what deno keeps of them in cache-HASH; the hashes are of the contents. Who could have put
#               something there is looked at before anything is run: place.
# Which deno:   one with a fixed address (ffi/prelink.ts), which starts faster. With MYDOCKER_PRELINK=0 it is
#               as it was packed, in a directory of its own, deno-HASH/.
# Environment:  What of the caller's means something to deno is unset. What of it there was is in
#               MYDOCKER_ENV_DENO_DIR and so on: lib/base/environment.ts reads it. HOME, DENO_DIR and
#               DENO_NO_UPDATE_CHECK are set to keep deno quiet and off the caller's files (a bad ~/.npmrc
#               stops it). MYDOCKER_SELF is the absolute path of this file.

deno=@DENO@
bundle=@BUNDLE@
[ "${MYDOCKER_PRELINK-}" = 0 ] || deno=$deno-fixed
# Each command has a file of its own (bundle/programs.ts); full.js finds what else can be typed.
case ${1-} in
  @ONE@) own=$1 ;;
  *)
    case "${1-} ${2-}" in
      @TWO@) own=$1_$2 ;;
      *) own=full ;;
    esac
    ;;
esac
# V8's helper threads have nothing to do in 20 ms, and starting them takes one.
# With the compiled code kept, compiling all of it the first time (--no-lazy) saves doing so bit by bit every
# time.
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

# NODE_OPTIONS and DENO_CONNECTED have deno run other code; DENO_AUDIT_PERMISSIONS, DENO_COVERAGE_DIR,
# DENO_SNAPSHOT_IMPORT_GRAPH and SSLKEYLOGFILE have it write files; the others make it talk, or fail. All that
# do so were found by trying each name that is in deno. HOME and the first two are the ones that are set
# below.
unset IFS # some shells take it from the environment
unset MYDOCKER_ENV_HOME
[ -z "${HOME+set}" ] || export MYDOCKER_ENV_HOME="$HOME"
kept_off="DENO_DIR DENO_NO_UPDATE_CHECK
  DENO_AUDIT_PERMISSIONS DENO_AUTH_TOKENS DENO_CONNECTED DENO_COVERAGE_DIR DENO_LOG DENO_LOG_LAZY_LOAD
  DENO_PERMISSION_BROKER_PATH DENO_SNAPSHOT_IMPORT_GRAPH DENO_STARTUP_PHASES DENO_TOKIO_EVENT_INTERVAL
  DENO_TOKIO_GLOBAL_QUEUE_INTERVAL DENO_TOKIO_MAX_IO_EVENTS_PER_TICK DENO_UNSTABLE_CONTROL_SOCK DENO_V8_FLAGS
  NODE_CHANNEL_FD NODE_CHANNEL_SERIALIZATION_MODE NODE_OPTIONS OTEL_DENO OTEL_DENO_CONSOLE OTEL_DENO_METRICS
  OTEL_DENO_TRACING OTEL_SDK_DISABLED SSLKEYLOGFILE"
# One test of them all (pack.sh makes it of the names): most callers have none, and the loop costs more than
# all else.
if [ "@ANY_KEPT_OFF@" ]; then
  for name in $kept_off; do
    eval "unset MYDOCKER_ENV_$name; [ -z \"\${$name+set}\" ] || export MYDOCKER_ENV_$name=\"\$$name\"
    unset $name"
  done
fi

go() {
  export MYDOCKER_SELF="$self" DENO_DIR="$dir/cache-$bundle" DENO_NO_UPDATE_CHECK=1 HOME="$dir"
  exec "$dir/deno" run $flags "$dir/js-$bundle/$own.js" "$@"
}

# Whether all is in place under $1. Empty files are what a crash of the machine leaves of a rename.
ready() {
  dir=$1/deno-$deno
  [ -x "$dir/deno" ] && [ -s "$dir/deno" ] && [ -s "$dir/js-$bundle/$own.js" ]
}

# The only place where what is there was put by root, whoever asks: nobody else can write to /var/cache. Root
# itself has a look, which costs no process; whose it is tells enough, as no user can have made a directory of
# root's there.
ours=/var/cache/mydocker
if [ -z "${MYDOCKER_CACHE-}" ] && ready $ours && { ! [ -O / ] || { [ -O $ours ] && ! [ -L $ours ]; }; }; then
  go "$@"
fi

# Prints where $1, which is made if need be, really is; says why not where others than root and we could
# change what is in it: if any directory on the way belongs to somebody else, or lets others write. In one
# like /tmp others can, but not to what isn't theirs. There are no symlinks left on the way, which somebody
# else might turn round later.
place() {
  [ -d "$1" ] || mkdir -p -- "$1" || return
  place=$(cd -P -- "$1" && pwd -P) || return
  set -- /
  rest=${place#/} at=
  while [ "$rest" ]; do
    at=$at/${rest%%/*}
    set -- "$@" "$at"
    case $rest in
      */*) rest=${rest#*/} ;;
      *) rest= ;;
    esac
  done
  # Sorted by bytes, "/" is the first and the place itself the last.
  LC_ALL=C ls -ldn -- "$@" 2>&1 | {
    while read -r mode links owner group rest; do
      found="$mode $links $owner $group $rest"
      case $owner:$group:$mode in
        0:*:d????-??-* | 0:0:d???????-* | "$uid":*:d????-??-* | "$uid":0:d???????-*) open= ;;
        0:*:d????????[tT]* | "$uid":*:d????????[tT]*) open=$found ;;
        *) open=$found && break ;;
      esac
    done
    [ -z "$open" ] || { printf '%s\n' "others could write to $place: $open" && return 1; }
  } || return
  printf '%s\n' "$place"
}

# Unpacks into $1 whatever is missing; says why not.
unpack() {
  ready "$1" && return
  # Whoever unpacks, gzip included, holds the lock: those who come later wait, and find everything in place.
  # Without flock they all unpack, which does no harm: files appear by rename, complete, and are all the same.
  exec 9>"$1/.lock" || return
  if flock 9 2>/dev/null; then rm -rf "$1"/.new-mydocker.*; fi
  ready "$1" && return
  new=$(mktemp -d "$1/.new-mydocker.XXXXXX") || return
  trap 'rm -rf "$new"' EXIT
  trap 'exit 1' HUP INT TERM
  export DENO_NO_UPDATE_CHECK=1 HOME="$dir"
  cache=$dir/cache-$bundle bundles=$dir/js-$bundle
  mkdir -p "$cache" || return
  if ! [ -x "$dir/deno" ] || ! [ -s "$dir/deno" ]; then
    tail -c +@DENO_AT@ "$self" | gzip -dc >"$new/deno" || return
    chmod 755 "$new/deno"
    "$new/deno" --version >/dev/null || return # mounted noexec? another architecture?
    if [ "${MYDOCKER_PRELINK-}" != 0 ] && prelink >/dev/null 2>&1; then
      mv -f "$new/fixed" "$new/deno" || return
    fi
    mv -f "$new/deno" "$dir/deno" || return
  fi
  unpack_bundles || return
  unpack_ts "$cache" "$dir/deno" warm "$bundles" "$cache" >/dev/null 2>&1 || : # it is only for speed
}

unpack_bundles() {
  tail -c +@BUNDLES_AT@ "$self" | head -c @BUNDLES_SIZE@ >"$new/bundles" || return
  [ "$(wc -c <"$new/bundles")" -eq @BUNDLES_SIZE@ ] || { echo "$self is cut short" && return 1; }
  mkdir "$new/js" || return
  unpack_ts "$new/cache" "$dir/deno" bundles "$new/bundles" "$new/js" || return
  # What is there, if anything, is not whole, or somebody else's who was faster.
  [ -s "$bundles/$own.js" ] || { rm -rf "$bundles" && mv "$new/js" "$bundles"; }
}

# Makes $new/fixed of $new/deno; fails where that is not as expected, or doesn't run afterwards.
prelink() {
  DENO_DIR="$new/cache" "$new/deno" run $flags - "$new/deno" "$new/fixed" <<'END' || return
@PRELINK_TS@
END
  "$new/fixed" --version && unpack_ts "$new/cache" "$new/fixed" dlopen
}

# Runs unpack.ts by the deno $2, for which its cache is $1; the rest is for the script.
unpack_ts() {
  kept=$1 runs=$2
  shift 2
  DENO_DIR="$kept" "$runs" run $flags - "$@" <<'END'
@UNPACK_TS@
END
}

# Prints the directory everything is in now.
prepare() {
  PATH=/usr/sbin:/usr/bin:/sbin:/bin${PATH:+:$PATH} # what we run is the system's
  unset CDPATH
  umask 022
  uid=$(id -u)
  home=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
  tmp=/tmp
  [ "$uid" -eq 0 ] || tmp=${TMPDIR:-/tmp}
  last=$(cd -P -- "$tmp" && pwd -P)/mydocker-$uid
  if [ "${MYDOCKER_CACHE-}" ]; then
    set -- "$MYDOCKER_CACHE"
  elif [ "$uid" -eq 0 ]; then
    set -- $ours "$last"
  else
    set -- ${home:+"$home/mydocker"} "$last"
  fi
  for base do
    if ! found=$(place "$base" 2>&1); then
      problem=$found
    elif [ "$base" = "$last" ] && [ "$found" != "$last" ]; then
      problem="$last is a symbolic link" # anybody can make one there, to any directory
    elif problem=$(unpack "$found" 2>&1); then
      printf '%s\n' "$found/deno-$deno"
      return
    fi
    problems="${problems:+$problems; }$(set -f && printf '%s ' $problem)" # unquoted: one line of it
  done
  printf '%s\n' "mydocker: can't unpack itself: ${problems% }; name another directory with MYDOCKER_CACHE" >&2
  return 1
}

dir=$(prepare) || exit 125
go "$@"
exit # what follows is not for the shell
