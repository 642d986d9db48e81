# `builder pull` as tutorials show it: by tag, by digest, all tags, one platform of several; what is there is not fetched again.
. "$SOURCE_ROOT/tests/integration/lib.sh"
start_registry
host=localhost:$PORT
skopeo copy -q --dest-tls-verify=false "oci:$BASES/busybox:latest" "docker://$host/library/tool:latest"
skopeo copy -q --dest-tls-verify=false "oci:$BASES/debian:latest" "docker://$host/library/tool:big"
# Two layers, of which the lower one is that of `latest`.
context two <<DOCKERFILE
FROM $host/library/tool
COPY file /file
DOCKERFILE
seq 1000 > file
BUILDER_ROOT=$WORK/other "$BUILDER" build -q -t "$host/library/tool:two" --push . >/dev/null
cd "$WORK"
digest=$(skopeo inspect --tls-verify=false "docker://$host/library/tool:latest" | jq -r .Digest)

pull() { "$BUILDER" pull "$@" > "$WORK/out" 2> "$WORK/log" || { local status=$?; cat "$WORK/out" "$WORK/log"; return $status; }; }
pull_fails() { local expected=$1 status=0; shift; pull "$@" > /dev/null || status=$?; check_equal "exit status of pull $*" "$expected" "$status"; }
blobs_at() { skopeo inspect --tls-verify=false --raw "docker://$host/library/tool:$1" | jq -r '.layers[].digest'; }
short() { cut -c8-19 <<< "$1"; }

# A name without tag, and the lines that docker prints.
pull "$host/library/tool"
base=$(blobs_at latest)
check_equal "output of the first pull" "Using default tag: latest
latest: Pulling from library/tool
$(short "$base"): Pulling fs layer
$(short "$base"): Pull complete
Digest: $digest
Status: Downloaded newer image for $host/library/tool:latest
$host/library/tool:latest" "$(cat "$WORK/out")"

# Again: nothing to do.
pull "$host/library/tool:latest"
check_equal "output of the second pull" "latest: Pulling from library/tool
Digest: $digest
Status: Image is up to date for $host/library/tool:latest
$host/library/tool:latest" "$(cat "$WORK/out")"

# A shared layer is not fetched.
pull "$host/library/tool:two"
check_contains "$WORK/out" "$(short "$base"): Already exists"
check_equal "layers fetched" 1 "$(grep -c "Pull complete" "$WORK/out")"

# All tags; what is there is just named.
pull -a "$host/library/tool"
for tag in big latest two; do check_contains "$WORK/out" "$tag: Pulling from library/tool"; done
check_equal "layers fetched by pull -a" 1 "$(grep -c "Pull complete" "$WORK/out")"
check_equal "last line of pull -a" "$host/library/tool" "$(tail -1 "$WORK/out")"
pull_fails 2 -a "$host/library/tool:two"
pull -q "$host/library/tool:two"
check_equal "quiet output" "$host/library/tool:two" "$(cat "$WORK/out")"

# By digest: exactly that image; one that the repository does not have is refused.
pull "$host/library/tool@$digest"
check_contains "$WORK/out" "Status: Image is up to date for $host/library/tool@$digest"
# Alone it has no tag; with one, that is its name; and with the last tag the digest goes, too.
(
  export BUILDER_ROOT=$WORK/by-digest
  shown() { "$BUILDER" images --digests --format '{{.Repository}} {{.Tag}} {{.Digest}}' "$@"; }
  pull "$host/library/tool@$digest"
  check_equal "pulled by digest" "$host/library/tool <none> $digest" "$(shown)"
  check_equal "found by its repository" "$host/library/tool <none> $digest" "$(shown "$host/library/tool")"
  grep -qE "^$host/library/tool +<none> " <("$BUILDER" images) || fail "no <none> in the table"
  "$BUILDER" inspect "$host/library/tool@$digest" | jq -e --arg d "$host/library/tool@$digest" '.[0].RepoDigests == [$d] and .[0].RepoTags != null' > /dev/null ||
    fail "RepoDigests of an image that was pulled by digest"
  pull "$host/library/tool"
  check_equal "pulled by tag as well" "$host/library/tool latest $digest" "$(shown)"
  "$BUILDER" rmi "$host/library/tool" > "$WORK/out"
  check_contains "$WORK/out" "Untagged: $host/library/tool@$digest"
  check_equal "after rmi of the tag" "" "$(shown)"
)
pull_fails 1 "$host/library/tool@${digest:0:70}0"
check_contains "$WORK/log" "not found (no such digest)"
pull_fails 1 "$host/library/none:1"
check_contains "$WORK/log" "not found"
pull_fails 1 "$host/library/TOOL"
pull_fails 2

# One of several platforms; and a platform that is not there.
context platforms <<'DOCKERFILE'
FROM scratch
ARG TARGETARCH
COPY $TARGETARCH /arch
DOCKERFILE
echo amd64 > amd64; echo arm64 > arm64
BUILDER_ROOT=$WORK/other "$BUILDER" build -q --platform linux/amd64,linux/arm64 -t "$host/me/both:1" --push . >/dev/null
cd "$WORK"
index=$(skopeo inspect --raw --tls-verify=false "docker://$host/me/both:1" | sha256sum | cut -d' ' -f1)
pull --platform linux/arm64 "$host/me/both:1"
check_contains "$WORK/out" "Digest: sha256:$index"
arm=$(skopeo inspect --tls-verify=false --override-arch arm64 "docker://$host/me/both:1" | jq -r '.Layers[0]')
[ -f "$BUILDER_ROOT/oci/blobs/sha256/${arm#sha256:}" ] || fail "the layer for arm64 did not come"
check_equal "layers fetched for one platform" 1 "$(grep -c "Pull complete" "$WORK/out")"
pull_fails 1 --platform linux/s390x "$host/me/both:1"
check_contains "$WORK/log" "linux/arm64"
pull_fails 1 --platform linux/s390x "$host/library/tool"
check_contains "$WORK/log" "it is an image for linux/amd64, not for linux/s390x"
pull_fails 1 --platform nonsense/x/y/z "$host/library/tool"

# On a terminal the lines are redrawn.
if command -v script >/dev/null; then
  BUILDER_ROOT=$WORK/third script -qec "$BUILDER pull $host/library/tool" /dev/null > "$WORK/screen"
  check_contains "$WORK/screen" "$(short "$base"): Downloading [="
  check_contains "$WORK/screen" $'\x1b[1A'
fi

# The layers are all here: a build FROM it, and a look at it, work after the registry has gone.
kill "$REGISTRY_PID"; wait "$REGISTRY_PID" 2>/dev/null || true
trap - EXIT
context offline <<DOCKERFILE
FROM $host/library/tool:two
RUN test -f /file
DOCKERFILE
"$BUILDER" build --progress=plain --no-cache . 2> "$WORK/log" || { cat "$WORK/log"; fail "build from a pulled image without its registry"; }
pull_fails 1 "$host/library/tool:two"
check_contains "$WORK/log" "connect to registry"
