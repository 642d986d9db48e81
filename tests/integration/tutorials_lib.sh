# Sourced after lib.sh by the tests of what courses about docker teach: everything is typed as there, with `builder` in place of `docker`.
# Names of Docker Hub and other public registries lead to registries on loopback.
. "$SOURCE_ROOT/tests/integration/registry_lib.sh"
unset DOCKER_DEFAULT_PLATFORM
umask 022
builder() { "$BUILDER" "$@"; }

# leads HOST PORT: what is pulled from HOST and pushed to it goes to that port.
leads() { mkdir -p "$BUILDER_CERTS_D/$1"; echo "server = \"http://localhost:$2\"" > "$BUILDER_CERTS_D/$1/hosts.toml"; }

# stand_in PROGRAMS NAME…: an image under these names in their registry; its programs (apk, npm…) just say how they were called.
stand_in() {
  local programs=$1 program name names=() directory=$WORK/stand-in; shift
  for name in "$@"; do names+=(-t "$name"); done
  rm -rf "$directory"; mkdir -p "$directory/bin"
  for program in $programs; do printf '#!/bin/sh\necho "%s was called with $*"\n' "$program" > "$directory/bin/$program"; done
  printf 'FROM busybox\nCOPY --chmod=755 bin /usr/bin\nENV STAND_IN=%s\n' "$1" > "$directory/Dockerfile"
  BUILDER_ROOT=$WORK/seed build -q --push "${names[@]}" "$directory" >/dev/null
}

# succeeds COMMAND…: its standard output is in $WORK/out, its standard error in $WORK/log.
succeeds() {
  local status=0
  "$@" > "$WORK/out" 2> "$WORK/log" || status=$?
  [ $status = 0 ] || { cat "$WORK/out" "$WORK/log"; fail "exit status $status of $*"; }
}
# exits STATUS COMMAND…: the same for a command that must fail.
exits() {
  local expected=$1 status=0; shift
  "$@" > "$WORK/out" 2> "$WORK/log" || status=$?
  check_equal "exit status of $*" "$expected" "$status"
}

# check_matches FILE PATTERN: a line of the file is that extended regular expression, wholly.
check_matches() { grep -Eqx -- "$2" "$1" || { echo "--- $1"; tail -50 "$1"; fail "no line of $1 matches '$2'"; }; }

# id_of IMAGE: its short id, as `images` shows it.
id_of() { builder images -q "$1" | uniq; }
