# `builder build --load`: into an engine by its socket (a small stand-in; a real one where $BUILDER_TEST_ENGINE names it, for example
# unix:///run/docker.sock), and into podman by its program and its service.
. "$SOURCE_ROOT/tests/integration/lib.sh"
command -v python3 >/dev/null || skip "python3 is not installed"

context app <<'DOCKERFILE'
FROM busybox
COPY file /file
CMD ["cat", "/file"]
DOCKERFILE
echo loaded > file
mkdir "$WORK/engine"
python3 "$SOURCE_ROOT/tests/support/fake_engine.py" "$WORK/engine.sock" "$WORK/engine" & ENGINE_PID=$!
trap 'kill $ENGINE_PID 2>/dev/null' EXIT
for _ in $(seq 50); do [ -S "$WORK/engine.sock" ] && break; sleep 0.1; done
export DOCKER_HOST=unix://$WORK/engine.sock

# The whole image goes over the socket, as an archive that others read.
build --load -t me/app:1 -t me/app:2 --iidfile "$WORK/id" .
check_contains "$WORK/log" "loading into the engine at unix://$WORK/engine.sock"
check_equal "requests" "GET GET POST" "$(cut -d' ' -f1 "$WORK/engine/requests" | xargs)"
"$BUILDER" save me/app:1 me/app:2 | cmp - "$WORK/engine/loaded.tar" || fail "what was sent is not what save writes"
skopeo inspect "docker-archive:$WORK/engine/loaded.tar:docker.io/me/app:2" >/dev/null || fail "skopeo does not read what was sent"

# An image that is there already is only named.
cat "$WORK/id" > "$WORK/engine/known"; rm "$WORK/engine/loaded.tar"; : > "$WORK/engine/requests"
build --load -t me/app:3 .
[ ! -e "$WORK/engine/loaded.tar" ] || fail "an image that is there was sent again"
check_equal "name" "POST /images/$(cat "$WORK/id")/tag?repo=docker.io%2Fme%2Fapp&tag=3 HTTP/1.1" "$(tail -1 "$WORK/engine/requests")"
check_contains "$WORK/log" "CACHED"

# Together with other outputs.
rm "$WORK/engine/known"
build --load -t me/app:4 -o type=local,dest="$WORK/tree" .
[ -e "$WORK/engine/loaded.tar" ] && [ -e "$WORK/tree/file" ] || fail "--load with another output"

# What the engine says counts; so does a store that is damaged, of which no half image gets there.
touch "$WORK/engine/fail"
fails 1 --load -t me/app:1 .
check_contains "$WORK/log" "no space left on device"
rm "$WORK/engine/fail"
context big <<'DOCKERFILE'
FROM scratch
COPY big /big
DOCKERFILE
head -c 8000000 /dev/urandom > big
build -q -t me/big . >/dev/null
blob=$("$BUILDER" save me/big | tar xO manifest.json | jq -r '.[0].Layers[0]')
printf x | dd of="$BUILDER_ROOT/oci/$blob" bs=1 seek=7000000 conv=notrunc status=none
status=0; build --load -t me/big . || status=$?
[ $status = 1 ] || skopeo inspect "docker-archive:$WORK/engine/loaded.tar" >/dev/null || fail "a damaged image was loaded"

# No engine: said before anything is built.
cd "$WORK/app"; echo other > file
fails_without_engine() {
  status=0; env "$@" "$BUILDER" build --progress=plain --load --build-context busybox=oci-layout://"$BASES"/busybox . 2> "$WORK/log" || status=$?
  check_equal "exit status without an engine" 1 "$status"
}
fails_without_engine DOCKER_HOST="unix://$WORK/none.sock"
check_contains "$WORK/log" "none.sock"
fails_without_engine DOCKER_HOST=ssh://host
check_contains "$WORK/log" "DOCKER_HOST"
if [ ! -e /var/run/docker.sock ]; then
  mkdir "$WORK/nothing"
  fails_without_engine -u DOCKER_HOST PATH="$WORK/nothing"
  check_contains "$WORK/log" "no podman"
fi
kill $ENGINE_PID; wait $ENGINE_PID 2>/dev/null || true
trap - EXIT
unset DOCKER_HOST

# Over tcp with TLS: both sides show certificates, from where docker's client looks for them.
certificates=$WORK/certificates
mkdir "$certificates" "$WORK/tls"
cd "$certificates"
certificate() { # NAME SUBJECT_ALTERNATIVE
  openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$1-key.pem" -out request.pem 2> /dev/null
  openssl x509 -req -in request.pem -days 2 -CA ca.pem -CAkey ca-key.pem -CAcreateserial -extfile <(echo "subjectAltName=$2") -out "$1.pem" 2> /dev/null
}
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=engine test" -keyout ca-key.pem -out ca.pem 2> /dev/null
certificate server IP:127.0.0.1
certificate client DNS:client
mkdir client unknown; cp ca.pem client; cp client.pem client/cert.pem; cp client-key.pem client/key.pem; cp ca.pem unknown
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
python3 "$SOURCE_ROOT/tests/support/fake_engine.py" "$port" "$WORK/tls" "$certificates" & ENGINE_PID=$!
trap 'kill $ENGINE_PID 2>/dev/null' EXIT
for _ in $(seq 50); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.1; done
cd "$WORK/app"
export DOCKER_HOST=tcp://127.0.0.1:$port DOCKER_TLS_VERIFY=1
DOCKER_CERT_PATH=$certificates/client build --load -t me/app:tls .
check_contains "$WORK/log" "loading into the engine at tcp://127.0.0.1:$port"
"$BUILDER" save me/app:tls | cmp - "$WORK/tls/loaded.tar" || fail "what was sent by TLS is not what save writes"
rm "$WORK/tls/loaded.tar"
DOCKER_CONFIG=$certificates/client build --load -t me/app:tls .
[ -e "$WORK/tls/loaded.tar" ] || fail "certificates beside config.json were not used"
rm "$WORK/tls/loaded.tar"
mkdir unverified; cp "$certificates"/client/{cert,key}.pem unverified
DOCKER_CERT_PATH=$PWD/unverified fails 1 --load -t me/app:tls .
DOCKER_CERT_PATH=$PWD/unverified DOCKER_TLS_VERIFY='' DOCKER_TLS=1 build --load -t me/app:tls .
[ -e "$WORK/tls/loaded.tar" ] || fail "TLS without a look at the certificate was not tried"
rm "$WORK/tls/loaded.tar"
for wrong in "$certificates/unknown" "$WORK"; do  # without a certificate for the engine; without its CA
  DOCKER_CERT_PATH=$wrong fails 1 --load -t me/app:tls .
  check_contains "$WORK/log" "the engine at tcp://127.0.0.1:$port"
done
env -u DOCKER_TLS_VERIFY DOCKER_CERT_PATH="$certificates/client" "$BUILDER" build -q --load -t me/app:tls . > "$WORK/log" 2>&1 && fail "loaded without TLS"
[ ! -e "$WORK/tls/loaded.tar" ] || fail "an image got to an engine that should not have let us in"
kill $ENGINE_PID; wait $ENGINE_PID 2>/dev/null || true
trap - EXIT
unset DOCKER_HOST DOCKER_TLS_VERIFY

# podman, by its program and by its service.
if [ "$(id -u)" = 0 ] && command -v podman >/dev/null && [ ! -e /var/run/docker.sock ] && [ ! -e /run/podman/podman.sock ]; then
  mkdir "$WORK/bin"
  run=$(mktemp -d /tmp/podman.XXXXXX)  # its path may not be long
  trap 'rm -rf "$run"' EXIT
  printf '#!/bin/sh\nexec %s --root %s --runroot %s --storage-driver vfs "$@"\n' "$(command -v podman)" "$WORK/podman/root" "$run" > "$WORK/bin/podman"
  chmod +x "$WORK/bin/podman"
  export PATH=$WORK/bin:$PATH
  build --load -t me/app:podman --iidfile "$WORK/id" .
  check_contains "$WORK/log" "loading into podman"
  check_equal "id in podman" "$(cat "$WORK/id")" "sha256:$(podman inspect --format '{{.Id}}' me/app:podman)"
  build --load -t me/app:again .
  check_equal "second name in podman" "$(cat "$WORK/id")" "sha256:$(podman inspect --format '{{.Id}}' me/app:again)"
  podman system service --time 60 "unix://$WORK/podman.sock" 2> "$WORK/podman.log" & PODMAN_PID=$!
  trap 'kill $PODMAN_PID 2>/dev/null; rm -rf "$run"' EXIT
  for _ in $(seq 50); do [ -S "$WORK/podman.sock" ] && break; sleep 0.1; done
  echo changed > file
  DOCKER_HOST=unix://$WORK/podman.sock build --load -t me/app:service --iidfile "$WORK/id" .
  check_equal "id by the service" "$(cat "$WORK/id")" "sha256:$(podman inspect --format '{{.Id}}' me/app:service)"
  DOCKER_HOST=unix://$WORK/podman.sock build --load -t me/app:named .
  check_equal "name by the service" "$(cat "$WORK/id")" "sha256:$(podman inspect --format '{{.Id}}' me/app:named)"
  kill $PODMAN_PID; wait $PODMAN_PID 2>/dev/null || true
  rm -rf "$run"
  trap - EXIT
fi

# A real Docker engine.
if [ -n "${BUILDER_TEST_ENGINE:-}" ]; then
  name=builder-test/load-$$
  api() { curl -fsS --unix-socket "${BUILDER_TEST_ENGINE#unix://}" "$@"; }
  echo "real $$" > file
  DOCKER_HOST=$BUILDER_TEST_ENGINE build --load -t "$name:1" --metadata-file "$WORK/metadata" .
  seen=$(api "http://localhost/images/$name:1/json" | jq -r .Id)
  grep -q "${seen#sha256:}" "$WORK/metadata" || fail "the engine has $seen, which is not the image that was built"
  DOCKER_HOST=$BUILDER_TEST_ENGINE build --load -t "$name:2" --debug=stats .
  check_equal "second name in the engine" "$seen" "$(api "http://localhost/images/$name:2/json" | jq -r .Id)"
  api -X DELETE "http://localhost/images/$name:1?force=1" >/dev/null; api -X DELETE "http://localhost/images/$name:2?force=1" >/dev/null
fi
