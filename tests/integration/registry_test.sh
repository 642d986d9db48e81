# Pull from and push to a real registry on loopback; a tag it does not have.
. "$SOURCE_ROOT/tests/integration/lib.sh"
start_registry
port=$PORT
skopeo copy -q --dest-tls-verify=false "oci:$BASES/busybox:latest" "docker://localhost:$port/base/busybox:1"

context app <<DOCKERFILE
FROM localhost:$port/base/busybox:1
RUN echo pulled > /pulled
COPY file /file
DOCKERFILE
echo x > file
"$BUILDER" build --progress=plain -t "localhost:$port/me/app:v1" --push . 2> "$WORK/log" || { cat "$WORK/log"; fail "build and push"; }
check_equal "layers pushed" 3 "$(skopeo inspect --tls-verify=false "docker://localhost:$port/me/app:v1" | jq '.Layers | length')"
umoci_dir=$WORK/pulled; skopeo copy -q --src-tls-verify=false "docker://localhost:$port/me/app:v1" "oci:$umoci_dir:v1"
umoci unpack ${UMOCI_FLAGS:-$([ "$(id -u)" = 0 ] || echo --rootless)} --image "$umoci_dir:v1" "$WORK/bundle"
check_equal "RUN's file" pulled "$(cat "$WORK/bundle/rootfs/pulled")"

sed -i 's/busybox:1/busybox:none/' Dockerfile
status=0; "$BUILDER" build --progress=plain . 2> "$WORK/log" || status=$?
check_equal "exit status for an unknown tag" 1 "$status"
check_contains "$WORK/log" "localhost:$port/base/busybox:none"
check_contains "$WORK/log" "not found"
