# Sourced by the tests. $BUILDER, $BASES (OCI layouts busybox and debian), $WORK (fresh directory, the current one), $SOURCE_ROOT.
set -euo pipefail
export BUILDER_ROOT=$WORK/store
export XDG_RUNTIME_DIR=$WORK/runtime
mkdir -p -m 700 "$XDG_RUNTIME_DIR"
unset BUILDKIT_PROGRESS SOURCE_DATE_EPOCH DOCKER_CONFIG

fail() { echo "FAIL: $*" >&2; exit 1; }
skip() { echo "SKIP: $*"; exit 77; }

check_equal() { # WHAT EXPECTED ACTUAL
  [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
}

check_contains() { # FILE TEXT
  grep -qF -- "$2" "$1" || { echo "--- $1"; cat "$1"; fail "'$2' is not in $1"; }
}

# context NAME: makes a directory with the Dockerfile from standard input and goes there.
context() { mkdir -p "$WORK/$1"; cat > "$WORK/$1/Dockerfile"; cd "$WORK/$1"; }

# build ARGS: `builder build` with the base images; log in $WORK/log.
build() {
  "$BUILDER" build --progress=plain --build-context busybox=oci-layout://"$BASES"/busybox \
    --build-context debian:bookworm=oci-layout://"$BASES"/debian "$@" 2> "$WORK/log" || {
    local status=$?
    cat "$WORK/log"
    return $status
  }
}

# fails STATUS ARGS: the build must fail with that exit status; what it said is in $WORK/log.
fails() {
  local expected=$1 status=0; shift
  build "$@" >/dev/null || status=$?
  check_equal "exit status of build $*" "$expected" "$status"
}

# stat_of NAME: value of a --debug=stats counter in the log; 0 when it was never bumped.
stat_of() { awk -v n="$1" '$1=="stat" && $2==n {v=$3} END {print v+0}' "$WORK/log"; }

# digests ARCHIVE: the layer digests of an OCI layout or archive, one per line.
digests() { skopeo inspect --raw "oci${2:--archive}:$1" | jq -r '.layers[].digest'; }

# in_podman ARGS: podman with a store of its own. The machine's mixture of cgroup versions is hidden from it.
in_podman() {
  mkdir -p "$WORK/podman"
  local hard; hard=$(ulimit -Hn)
  printf '[containers]\ndefault_ulimits = ["nofile=%s:%s","nproc=%s:%s"]\n[engine]\nevents_logger = "file"\n' \
    "$hard" "$hard" "$(ulimit -Hu)" "$(ulimit -Hu)" > "$WORK/podman/containers.conf"
  sed -i 's/unlimited/1048576/g' "$WORK/podman/containers.conf"
  CONTAINERS_CONF=$WORK/podman/containers.conf unshare --mount sh -c \
    'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"' sh \
    podman --root "$WORK/podman/root" --runroot "$WORK/podman/run" --storage-driver vfs --cgroup-manager cgroupfs "$@"
}
run_in_podman() { in_podman run --rm --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --network host --cgroups disabled "$@"; }
