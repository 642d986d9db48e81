# Registries that want to know who asks: plain, TLS with an authority of its own, basic authentication, tokens. What we push, skopeo and
# podman pull with the same digests.
. "$SOURCE_ROOT/tests/integration/lib.sh"
. "$SOURCE_ROOT/tests/integration/registry_lib.sh"
image app
tools_agree() { # NAME SKOPEO_ARGS…
  local name=$1 digest; shift
  digest=$(skopeo inspect "$@" "docker://$name" | jq -r .Digest)
  check_equal "manifest digest by skopeo" "$digest" "sha256:$(skopeo inspect --raw "$@" "docker://$name" | sha256sum | cut -d' ' -f1)"
  new_store
  works pull "$name@$digest"
  check_equal "layers pulled by us" "$(skopeo inspect "$@" "docker://$name" | jq -r '.Layers[]')" "$(digests "$WORK/pulled.tar")"
}

# Anonymous, http.
registry open
open=localhost:$PORT
works push "$open/team/app:v1"
tools_agree "$open/team/app:v1" --tls-verify=false
if [ "$(id -u)" = 0 ] && command -v podman >/dev/null; then
  PODMAN_RUN=$(mktemp -d /tmp/podman.XXXXXX)  # its path may not be long
  in_podman pull -q --tls-verify=false "$open/team/app:v1" > "$WORK/podman.out" || fail "podman pull"
  check_equal "image id by podman" "$(skopeo inspect --raw --tls-verify=false "docker://$open/team/app:v1" | jq -r .config.digest)" \
    "sha256:$(tail -1 "$WORK/podman.out")"
  rm -rf "$PODMAN_RUN"
fi
refused "not found (no such tag)" pull "$open/team/app:none"
refused "not found (no such" pull "$open/team/none"

# TLS with a private authority.
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout "$WORK/ca.key" -out "$WORK/ca.crt" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$WORK/tls.key" -out "$WORK/tls.csr" 2>/dev/null
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' > "$WORK/tls.ext"
openssl x509 -req -in "$WORK/tls.csr" -CA "$WORK/ca.crt" -CAkey "$WORK/ca.key" -CAcreateserial -days 2 -extfile "$WORK/tls.ext" -out "$WORK/tls.crt" 2>/dev/null
registry tls "" "tls: {certificate: $WORK/tls.crt, key: $WORK/tls.key}"
tls=localhost:$PORT
mkdir -p "$WORK/certs/$tls"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other -keyout "$WORK/other.key" -out "$WORK/certs/$tls/ca.crt" 2>/dev/null
refused "certificate" push "$tls/team/app:v1"
check_contains "$WORK/log" "certs.d/$tls/ca.crt"
cp "$WORK/ca.crt" "$WORK/certs/$tls/ca.crt"
works push "$tls/team/app:v1"
tools_agree "$tls/team/app:v1" --cert-dir "$WORK/certs/$tls"

# As with docker, any certificate will do on loopback as long as none is configured.
works push "127.0.0.1:${tls#*:}/team/app:v2"

# Basic authentication.
printf 'me:%s\n' "$(htpasswd -nbB me secret | cut -d: -f2-)" > "$WORK/htpasswd"
registry basic "auth: {htpasswd: {realm: test, path: $WORK/htpasswd}}"
basic=127.0.0.1:$PORT
refused "registry returned 401 unauthorized" push "$basic/team/app:v1"
check_contains "$WORK/log" "log in with an account that may push to \`$basic/team/app\`"
log_in "$basic" me wrong
refused "registry returned 401 unauthorized" push "$basic/team/app:v1"
refused "registry returned 401 unauthorized" pull "$basic/team/app:v1"
check_contains "$WORK/log" "builder login $basic"
log_in "$basic" me secret
works push "$basic/team/app:v1"
tools_agree "$basic/team/app:v1" --tls-verify=false --creds me:secret

# Tokens.
token_server tokens
registry token "$AUTH"
token=127.0.0.1:$PORT
log_in "$token" writer wrong
refused "incorrect username or password" push "$token/team/app:v1"
log_in "$token" reader secret
refused "registry returned 401 unauthorized" push "$token/team/app:v1"
check_contains "$WORK/log" "log in with an account that may push to"
log_in "$token" writer secret
works push "$token/team/app:v1"
works push "$token/public/app:v1"
log_in "$token" reader secret
tools_agree "$token/team/app:v1" --tls-verify=false --creds reader:secret
log_out
new_store
refused "registry returned 401 unauthorized" pull "$token/team/app:v1"
works pull "$token/public/app:v1"
check_contains "$WORK/tokens.requests" "GET - anonymous repository:public/app:pull 200"
check_contains "$WORK/tokens.requests" "GET writer basic repository:team/app:pull,push 200"
! grep -q secret "$WORK/log" || fail "a password in the log"

# An identity token instead of a password.
realm=$(sed -n "s/.*realm: '\([^']*\)'.*/\1/p" <<< "$AUTH")
identity=$(curl -fs -u reader:secret "$realm?service=test-registry&offline_token=true" | jq -r .refresh_token)
printf '{"auths":{"%s":{"identitytoken":"%s"}}}' "$token" "$identity" > "$DOCKER_CONFIG/config.json"
new_store
works pull "$token/team/app:v1"
check_contains "$WORK/tokens.requests" "POST reader refresh_token repository:team/app:pull 200"

# Tokens that expire while the work goes on.
token_server short 5
registry expiring "$AUTH"
expiring=$PORT
proxy proxy "$expiring"
log_in "127.0.0.1:$PORT" writer secret
cd "$WORK/app"; new_store
printf '1 %s.*auth$ expire\n' HEAD 'PUT.*/blobs/' 'PUT.*/manifests/' > "$WORK/proxy.rules"
works push "127.0.0.1:$PORT/team/app:v1"
check_equal "requests with an expired token" 3 "$(grep -c ' expire ' "$WORK/proxy.requests")"
new_store
printf '1 %s.*auth$ expire\n' 'GET.*/manifests/' 'GET.*/blobs/' > "$WORK/proxy.rules"
works pull "127.0.0.1:$PORT/team/app:v1"
check_equal "requests with an expired token" 5 "$(grep -c ' expire ' "$WORK/proxy.requests")"
check_store
