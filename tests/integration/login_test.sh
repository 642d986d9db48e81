# `builder login` and `logout` at a registry that asks for a password; where the credential is kept, and that others find it there.
. "$SOURCE_ROOT/tests/integration/lib.sh"
command -v docker-registry >/dev/null || skip "docker-registry is not installed"
command -v python3 >/dev/null || skip "python3 is not installed"
export DOCKER_CONFIG=$WORK/docker
# user:secret, by bcrypt.
echo 'user:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW' > "$WORK/htpasswd"
for _ in 1 2 3 4 5; do
  PORT=$((20000 + RANDOM % 12000))
  printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:%s"}\nauth: {htpasswd: {realm: test, path: %s}}\n' \
    "$WORK/registry" "$PORT" "$WORK/htpasswd" > "$WORK/registry.yml"
  docker-registry serve "$WORK/registry.yml" > "$WORK/registry.log" 2>&1 & REGISTRY_PID=$!
  trap 'kill $REGISTRY_PID 2>/dev/null' EXIT
  for _ in $(seq 50); do
    kill -0 $REGISTRY_PID 2>/dev/null || continue 2
    [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$PORT/v2/")" = 401 ] && break 2
    sleep 0.1
  done
done
host=localhost:$PORT
[ "$(curl -s -o /dev/null -w '%{http_code}' -u user:secret "http://127.0.0.1:$PORT/v2/")" = 200 ] || fail "the registry does not know its user"

login() { "$BUILDER" login "$@" > "$WORK/out" 2> "$WORK/log"; }
login_fails() { local expected=$1 status=0; shift; login "$@" || status=$?; check_equal "exit status of login $*" "$expected" "$status"; }

# Refused: nothing is written.
login_fails 1 -u user --password-stdin "$host" <<< wrong
check_contains "$WORK/log" "401 unauthorized"
[ ! -e "$DOCKER_CONFIG/config.json" ] || fail "a refused login wrote a file"
login_fails 2 --password-stdin "$host" <<< secret
login_fails 2 -u user -p secret --password-stdin "$host" <<< secret
login_fails 1 "$host" < /dev/null
check_contains "$WORK/log" "--password-stdin"

# Accepted: other fields of the file stay; only its owner may read it.
mkdir -p "$DOCKER_CONFIG"
echo '{"detachKeys":"ctrl-q","auths":{"other.example":{"auth":"YTpi"}},"HttpHeaders":{"X":"y"}}' > "$DOCKER_CONFIG/config.json"
login -u user --password-stdin "http://$host/v2/" <<< secret
check_equal "output" "Login Succeeded" "$(cat "$WORK/out")"
check_contains "$WORK/log" "stored unencrypted in '$DOCKER_CONFIG/config.json'"
check_equal "mode" 600 "$(stat -c %a "$DOCKER_CONFIG/config.json")"
check_equal "order of the fields" "detachKeys auths HttpHeaders" "$(jq -r 'keys_unsorted | join(" ")' "$DOCKER_CONFIG/config.json")"
check_equal "entry" user:secret "$(jq -r ".auths[\"$host\"].auth" "$DOCKER_CONFIG/config.json" | base64 -d)"
check_equal "the other entry" YTpi "$(jq -r '.auths["other.example"].auth' "$DOCKER_CONFIG/config.json")"
login -u user -p secret "$host"
check_contains "$WORK/log" "WARNING! Using --password via the CLI is insecure"
login "$host" < /dev/null
check_contains "$WORK/out" "Authenticating with existing credentials"

# It serves: push and pull by us, and skopeo finds it, too.
skopeo copy -q --dest-tls-verify=false --dest-authfile "$DOCKER_CONFIG/config.json" "oci:$BASES/busybox:latest" "docker://$host/me/base:1"
"$BUILDER" pull -q "$host/me/base:1" > "$WORK/out"
DOCKER_CONFIG=$WORK/nobody "$BUILDER" push "$host/me/base:1" > "$WORK/out" 2> "$WORK/log" && fail "a push without credential succeeded"
check_contains "$WORK/log" "401 unauthorized"
check_contains "$WORK/log" "hint: log in"
"$BUILDER" push "$host/me/base:1" > "$WORK/out"

# On a terminal user and password are asked for; the password is not shown.
python3 - "$BUILDER" "$host" <<'PYTHON'
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.environ['DOCKER_CONFIG'] = os.environ['WORK'] + '/asked'
    os.execv(sys.argv[1], [sys.argv[1], 'login', sys.argv[2]])
seen = b''
def until(text):
    global seen
    end = time.time() + 20
    while text not in seen and time.time() < end and select.select([fd], [], [], 1)[0] is not None:
        try:
            if select.select([fd], [], [], 0.1)[0]: seen += os.read(fd, 4096)
        except OSError:
            break
    assert text in seen, seen
until(b'Username: '); os.write(fd, b'user\n')
until(b'Password: '); time.sleep(0.2); os.write(fd, b'secret\n')
until(b'Login Succeeded')
assert b'secret' not in seen, seen
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
PYTHON

# Logout forgets just this one.
"$BUILDER" logout "$host" > "$WORK/out" 2> "$WORK/log"
check_equal "output of logout" "Removing login credentials for $host" "$(cat "$WORK/out")"
check_equal "entries left" other.example "$(jq -r '.auths | keys | join(" ")' "$DOCKER_CONFIG/config.json")"
"$BUILDER" logout "$host" > "$WORK/out" 2> "$WORK/log"
check_contains "$WORK/log" "Not logged in to $host"

# A credential helper keeps the secret; the file has none.
mkdir "$WORK/bin"
cat > "$WORK/bin/docker-credential-test" <<'HELPER'
#!/bin/sh
store=$WORK/helper.json
case $1 in
store) cat > "$store";;
get) read -r server; [ -f "$store" ] && [ "$(jq -r .ServerURL "$store")" = "$server" ] && cat "$store" || { echo "credentials not found in native keychain"; exit 1; };;
erase) cat > "$WORK/erased"; rm -f "$store";;
esac
HELPER
chmod +x "$WORK/bin/docker-credential-test"
export PATH=$WORK/bin:$PATH
echo '{"credsStore":"test"}' > "$DOCKER_CONFIG/config.json"
login -u user --password-stdin "$host" <<< secret
check_equal "warning about plain text" "" "$(cat "$WORK/log")"
check_equal "secret in the helper" secret "$(jq -r .Secret "$WORK/helper.json")"
check_equal "entry of the file" '{}' "$(jq -c ".auths[\"$host\"]" "$DOCKER_CONFIG/config.json")"
"$BUILDER" push -q "$host/me/base:1" > "$WORK/out"
"$BUILDER" logout "$host" > "$WORK/out"
check_equal "erased at the helper" "$host" "$(cat "$WORK/erased")"
check_equal "entries after logout" '{}' "$(jq -c .auths "$DOCKER_CONFIG/config.json")"
echo '{"credHelpers":{"'"$host"'":"missing"}}' > "$DOCKER_CONFIG/config.json"
login_fails 1 -u user --password-stdin "$host" <<< secret
check_contains "$WORK/log" "docker-credential-missing"

# A broken file is not replaced.
echo '{"auths":' > "$DOCKER_CONFIG/config.json"
login_fails 1 -u user --password-stdin "$host" <<< secret
check_equal "broken file" '{"auths":' "$(cat "$DOCKER_CONFIG/config.json")"
