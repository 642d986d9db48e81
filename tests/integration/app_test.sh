# run: root
# A real application: examples/node-app with Debian's nodejs and npm and a web framework; loaded in podman it serves a page to curl.
. "$SOURCE_ROOT/tests/integration/lib.sh"
cp -r "$SOURCE_ROOT/examples/node-app" "$WORK/node-app"

# This machine's certificate authorities have to be known in the sandbox too: a base image with them, made with builder itself.
context base <<'DOCKERFILE'
FROM debian:bookworm
COPY ca-certificates.crt /etc/ssl/extra-ca.crt
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/extra-ca.crt
DOCKERFILE
cp /etc/ssl/certs/ca-certificates.crt .
build -o type=oci,dest="$WORK/base.oci",tar=false -t base:latest .

cd "$WORK/node-app"
port=$((20000 + RANDOM % 10000))
build_app() { build --build-context debian:bookworm=oci-layout://"$WORK/base.oci" --debug=stats -t node-app:v1 "$@" .; }
# Packages come from the network, which may fail once; what was done by then is cached.
build_app -o type=docker,dest="$WORK/app.tar" || { sleep 10; build_app -o type=docker,dest="$WORK/app.tar"; } || {
  grep -Eq 'Temporary failure resolving|Could not resolve|Could not connect|EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|SELF_SIGNED_CERT' "$WORK/log" &&
    skip "the package archive or the npm registry cannot be reached"
  fail "the application does not build"
}
in_podman load -q -i "$WORK/app.tar" >/dev/null
run_in_podman -d --name app -e PORT=$port node-app:v1 >/dev/null
trap 'in_podman rm -f -t 0 app >/dev/null 2>&1' EXIT
for _ in $(seq 100); do curl -fs "http://127.0.0.1:$port/" >/dev/null && break; sleep 0.1; done
check_equal "the page" "<h1>Built with builder</h1>" "$(curl -fs "http://127.0.0.1:$port/")"
check_equal "user" 65534 "$(curl -fs "http://127.0.0.1:$port/healthz" | jq .uid)"

# Another server.js: nothing is installed again.
sed -i 's/Built with builder/Built again/' server.js
build_app -o type=docker,dest="$WORK/app2.tar"
check_equal "steps run after the change" 0 "$(stat_of exec.runs)"
