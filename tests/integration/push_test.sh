# `builder push` of an image that is there already: new, again, mounted, resumed, denied; lazily pulled layers; several tags and platforms.
. "$SOURCE_ROOT/tests/integration/lib.sh"
start_registry
host=localhost:$PORT
skopeo copy -q --dest-tls-verify=false "oci:$BASES/busybox:latest" "docker://$host/library/base:latest"

push() { "$BUILDER" push "$@" > "$WORK/out" 2> "$WORK/log" || { local status=$?; cat "$WORK/out" "$WORK/log"; return $status; }; }
push_fails() { local expected=$1 status=0; shift; push "$@" > /dev/null || status=$?; check_equal "exit status of push $*" "$expected" "$status"; }
inspect() { skopeo inspect --tls-verify=false "docker://$host/$1"; }
short() { cut -c8-19 <<< "$1"; }

context app <<DOCKERFILE
FROM $host/library/base
COPY --link file /file
DOCKERFILE
echo content > file
"$BUILDER" build -q -t "$host/me/wow:v1" -t "$host/me/wow" . >/dev/null
cd "$WORK"
# The base image was not needed so far, and is not for the push either: its registry mounts it.
base=$(inspect library/base | jq -r '.Layers[0]')
[ ! -f "$BUILDER_ROOT/oci/blobs/sha256/${base#sha256:}" ] || fail "the base's layer was downloaded"
push "$host/me/wow:v1"
digest=$(inspect me/wow:v1 | jq -r .Digest)
new=$(inspect me/wow:v1 | jq -r '.Layers[1]')
size=$(skopeo inspect --raw --tls-verify=false "docker://$host/me/wow:v1" | wc -c)
check_equal "first line" "The push refers to repository [$host/me/wow]" "$(head -1 "$WORK/out")"
check_equal "lines for the layers" "$(printf '%s\n' "$(short "$base"): Mounted from library/base" "$(short "$new"): Pushed" | sort)" "$(sed 1d "$WORK/out" | sed '$d' | sort)"
check_equal "last line" "v1: digest: $digest size: $size" "$(tail -1 "$WORK/out")"
[ ! -f "$BUILDER_ROOT/oci/blobs/sha256/${base#sha256:}" ] || fail "the base's layer was downloaded for the push"

# Again, and under another name of the same repository.
push "$host/me/wow:v1"
check_equal "layers that exist" 2 "$(grep -c "Layer already exists" "$WORK/out")"
push "$host/me/wow"
check_equal "hint at the tag" "Using default tag: latest" "$(head -1 "$WORK/out")"
push -q "$host/me/wow"
check_equal "quiet output" "$host/me/wow:latest" "$(cat "$WORK/out")"
rm -rf "$WORK/registry/docker/registry/v2/repositories/me"
push -a "$host/me/wow"
for tag in v1 latest; do check_equal "digest of $tag" "$digest" "$(inspect me/wow:$tag | jq -r .Digest)"; done

# To a registry that does not have the base: its bytes are copied.
first_port=$PORT first_pid=$REGISTRY_PID first=$WORK/registry
mv "$WORK/registry.yml" "$WORK/first.yml"
PORT=$((first_port + 1))
sed "s/127.0.0.1:$first_port/127.0.0.1:$PORT/; s|$WORK/registry|$WORK/second|" "$WORK/first.yml" > "$WORK/second.yml"
docker-registry serve "$WORK/second.yml" > "$WORK/second.log" 2>&1 & second_pid=$!
trap 'kill $first_pid $second_pid 2>/dev/null' EXIT
for _ in $(seq 50); do curl -fs "http://127.0.0.1:$PORT/v2/" >/dev/null && break; sleep 0.1; done
skopeo list-tags --tls-verify=false "docker://$host/me/wow" | jq -e '.Tags | length == 2' >/dev/null || fail "push -a did not push both tags"
context copied <<DOCKERFILE
FROM $host/library/base
COPY --link file /file
DOCKERFILE
echo content > file
"$BUILDER" build -q -t "localhost:$PORT/me/wow:v1" . >/dev/null
cd "$WORK"
push "localhost:$PORT/me/wow:v1"
check_equal "layers pushed to another registry" 2 "$(grep -c ": Pushed" "$WORK/out")"
check_equal "digest there" "$digest" "$(skopeo inspect --tls-verify=false "docker://localhost:$PORT/me/wow:v1" | jq -r .Digest)"

# Several platforms: an index; of a part of one that was pulled just that part.
context both <<'DOCKERFILE'
FROM scratch
ARG TARGETARCH
COPY $TARGETARCH /arch
DOCKERFILE
echo amd64 > amd64; echo arm64 > arm64
"$BUILDER" build -q --platform linux/amd64,linux/arm64 -t "$host/me/both:1" . >/dev/null
cd "$WORK"
push "$host/me/both:1"
check_equal "platforms of the index" "amd64 arm64" "$(skopeo inspect --raw --tls-verify=false "docker://$host/me/both:1" | jq -r '[.manifests[].platform.architecture] | join(" ")')"
push --platform linux/arm64 "$host/me/both:1"
check_equal "platform pushed alone" arm64 "$(skopeo inspect --tls-verify=false --override-arch arm64 "docker://$host/me/both:1" | jq -r .Architecture)"
push_fails 1 --platform linux/s390x "$host/me/both:1"
check_contains "$WORK/log" "linux/arm64"

# What cannot be pushed.
push_fails 1 "$host/me/none:1"
check_contains "$WORK/log" "No such image"
push_fails 1 -a "$host/me/none"
push_fails 2 -a "$host/me/wow:v1"
push_fails 2 "$host/me/wow@$digest"
push_fails 2
kill $second_pid; wait $second_pid 2>/dev/null || true
push_fails 1 "localhost:$PORT/me/wow:v1"
check_contains "$WORK/log" "connection refused"
kill $first_pid; wait $first_pid 2>/dev/null || true
trap - EXIT
