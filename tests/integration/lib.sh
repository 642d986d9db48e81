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

# start_registry: Debian's docker-registry on a free loopback port, $PORT; stopped when the test ends. SKIPs where it is not installed.
start_registry() {
  command -v docker-registry >/dev/null || skip "docker-registry is not installed"
  local try
  for try in 1 2 3 4 5; do
    PORT=$((20000 + RANDOM % 12000))
    printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:%s"}\n' \
      "$WORK/registry" "$PORT" > "$WORK/registry.yml"
    docker-registry serve "$WORK/registry.yml" > "$WORK/registry.log" 2>&1 & REGISTRY_PID=$!
    trap 'kill $REGISTRY_PID 2>/dev/null' EXIT
    for _ in $(seq 50); do
      kill -0 $REGISTRY_PID 2>/dev/null || break
      curl -fs "http://127.0.0.1:$PORT/v2/" >/dev/null && return 0
      sleep 0.1
    done
  done
  fail "docker-registry does not start: $(cat "$WORK/registry.log")"
}

# has GREP-ARGUMENTS…: as `grep -q`, but reads its input to the end: who writes it would be ended by SIGPIPE, and the pipe fail.
has() { grep "$@" > /dev/null; }

# kill_job PID: kill -9 of a background job that still runs; of one that ended the number may belong to somebody else by now.
kill_job() { if jobs -pr | has -x "$1"; then kill -9 "$1" 2>/dev/null || true; fi; }

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
    podman --root "$WORK/podman/root" --runroot "${PODMAN_RUN:-$WORK/podman/run}" --storage-driver vfs --cgroup-manager cgroupfs "$@"
}
run_in_podman() { in_podman run --rm --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --network host --cgroups disabled "$@"; }
