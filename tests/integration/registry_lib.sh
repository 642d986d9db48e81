# Sourced after lib.sh by the tests that need more than one plain registry. Everything listens on loopback and ends with the test.
command -v docker-registry >/dev/null || skip "docker-registry is not installed"
command -v python3 >/dev/null || skip "python3 is not installed"
SERVERS=()
trap 'kill "${SERVERS[@]}" 2>/dev/null || true' EXIT
export BUILDER_CERTS_D=$WORK/certs DOCKER_CONFIG=$WORK/docker
mkdir -p "$DOCKER_CONFIG"
unset REGISTRY_AUTH_FILE

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# wait_for PORT: until somebody listens there.
wait_for() {
  for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0; sleep 0.1; done
  fail "nothing listens on port $1"
}

# registry NAME [YAML]: docker-registry with its data in $WORK/NAME and more configuration, e.g. an auth section; its port in $PORT.
registry() {
  PORT=$(free_port)
  cat > "$WORK/$1.yml" <<YAML
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $WORK/$1}, delete: {enabled: true}}
http: {addr: "127.0.0.1:$PORT", secret: test${3:+, $3}}
${2:-}
YAML
  docker-registry serve "$WORK/$1.yml" > "$WORK/$1.log" 2>&1 & SERVERS+=($!)
  wait_for "$PORT"
}

# proxy NAME UPSTREAM_PORT: fault_proxy.py in front of a registry; its port in $PORT, log $WORK/NAME.requests, rules $WORK/NAME.rules.
proxy() {
  PORT=$(free_port)
  : > "$WORK/$1.requests"; : > "$WORK/$1.rules"
  python3 "$SOURCE_ROOT/tests/support/fault_proxy.py" "$PORT" "127.0.0.1:$2" "$WORK/$1.requests" "$WORK/$1.rules" 2> "$WORK/$1.log" & SERVERS+=($!)
  wait_for "$PORT"
}

# token_server NAME [LIFETIME]: its port in $PORT; auth section for `registry` in $AUTH.
token_server() {
  PORT=$(free_port)
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" -keyout "$WORK/$1.key" -out "$WORK/$1.pem" 2>/dev/null
  : > "$WORK/$1.requests"
  python3 "$SOURCE_ROOT/tests/support/token_server.py" "$PORT" "$WORK/$1.key" "$WORK/$1.pem" "$WORK/$1.requests" ${2:+"$2"} 2> "$WORK/$1.log" & SERVERS+=($!)
  wait_for "$PORT"
  AUTH="auth: {token: {realm: 'http://127.0.0.1:$PORT/token', service: test-registry, issuer: test-issuer, rootcertbundle: $WORK/$1.pem}}"
}

# log_in HOST USER PASSWORD: writes the credential as `docker login` does, and only that.
log_in() { printf '{"auths":{"%s":{"auth":"%s"}}}' "$1" "$(printf '%s:%s' "$2" "$3" | base64 -w0)" > "$DOCKER_CONFIG/config.json"; }
log_out() { echo "{}" > "$DOCKER_CONFIG/config.json"; }
log_out

# new_store: what was pulled and built before is forgotten.
new_store() { export BUILDER_ROOT=$WORK/store-$RANDOM$RANDOM; }

# image NAME [BYTES]: goes to a context with an image of two layers, the first of them incompressible with that size.
image() {
  context "$1" <<< $'FROM scratch\nCOPY big /big\nCOPY small /small\nENV NAME='"$1"
  head -c "${2:-1000000}" /dev/urandom > big
  echo "$1" > small
}

# push NAME [ARGS]: builds the current context under that name and pushes it.
push() { timeout 100 "$BUILDER" build --progress=plain -q --push -t "$1" "${@:2}" . > "$WORK/out" 2> "$WORK/log"; }

# pull NAME [ARGS]: gets all layers of an image, into $WORK/pulled.tar.
pull() {
  local context=$WORK/pull-context; mkdir -p "$context"
  echo "FROM $1" > "$context/Dockerfile"
  timeout 100 "$BUILDER" build --progress=plain -o "type=oci,dest=$WORK/pulled.tar" "${@:2}" "$context" 2> "$WORK/log"
}

# refused TEXT COMMAND…: it must fail with a message that has the text, and say what to do.
refused() {
  local text=$1 status=0; shift
  "$@" || status=$?
  [ "$status" != 0 ] && [ "$status" != 124 ] || { cat "$WORK/log"; fail "$*: exit status $status"; }
  check_contains "$WORK/log" "$text"
}
works() { "$@" || { cat "$WORK/log"; fail "$*"; }; }

# check_store: every blob of the store is what its name says.
check_store() {
  local file
  while read -r file; do
    check_equal "digest of $file" "$(basename "$file")" "$(sha256sum < "$file" | cut -d' ' -f1)"
  done < <(find "$BUILDER_ROOT" -type f -regextype posix-extended -regex '.*/blobs/sha256/[0-9a-f]{64}' 2>/dev/null)
}

# requests PATTERN [NAME]: how many requests of a proxy's log match "METHOD TARGET".
requests() { awk -v p="$1" '($1 " " $2) ~ p { n++ } END { print n + 0 }' "$WORK/${2:-proxy}.requests"; }
# bytes up|down PATTERN [NAME]: body bytes of those.
bytes() { awk -v c="$([ "$1" = up ] && echo 4 || echo 5)" -v p="$2" '($1 " " $2) ~ p { n += $c } END { print n + 0 }' "$WORK/${3:-proxy}.requests"; }
