# What courses teach about registries, typed as there: the section "Registries" of TUTORIALS.md, row by row.
#   pull nginx                                          "pull"
#   pull nginx:1.13, there under another tag            "pull"
#   pull -a me/tu-demo                                  "All tags"
#   pull alpine@sha256:…                                "By digest"
#   pull gcr.io/me/x:v2, registry.company.com:5000/app  "Other registries"
#   a multi-architecture name                           "Several platforms"
#   login                                               "login"
#   push me/wow:v1 · push me/wow                        "push"
#   push to a repository of somebody else               "push"
#   search nginx                                        "search"
. "$SOURCE_ROOT/tests/integration/lib.sh"
. "$SOURCE_ROOT/tests/integration/tutorials_lib.sh"

# Docker Hub wants tokens: `writer` may push, `reader` may not. The other registries ask nobody who he is.
token_server tokens
registry hub "$AUTH"
hub=localhost:$PORT
leads docker.io "$PORT"
registry gcr
gcr=localhost:$PORT
leads gcr.io "$PORT"
registry company
leads registry.company.com:5000 "$PORT"
# What others have published there.
as_writer() { DOCKER_CONFIG=$WORK/writer BUILDER_ROOT=$WORK/seed "$@"; }
mkdir "$WORK/writer"
as_writer log_in https://index.docker.io/v1/ writer secret
as_writer stand_in "" debian
as_writer stand_in "apk" alpine
as_writer stand_in nginx nginx nginx:1.13
stand_in x gcr.io/me/x:v2
stand_in app registry.company.com:5000/app
context demo <<< $'FROM debian\nRUN echo base > /base\nARG V\nRUN echo $V > /version'
for v in v1 v2; do as_writer builder build -q --push --build-arg V=$v -t me/tu-demo:$v . >/dev/null; done
cd "$WORK"
at_hub() { skopeo inspect --tls-verify=false --creds reader:secret "$@"; }
digest_at_hub() { at_hub "docker://$hub/$1" | jq -r .Digest; }
short() { cut -c8-19 <<< "$1"; }
lines() { grep -Ec -- "$1" "$WORK/out" || true; }

# --- login: without it there is nothing; name and password are asked for on a terminal, or given.
exits 1 builder pull nginx
check_contains "$WORK/log" "401 unauthorized"
exits 1 builder login -u reader --password-stdin <<< wrong
check_equal "nobody is logged in" "{}" "$(cat "$DOCKER_CONFIG/config.json")"
if command -v script >/dev/null; then
  # The answer is only typed once the question is there.
  answer() { for _ in $(seq 200); do grep -q "$1" "$WORK/screen" && break; sleep 0.1; done; sleep 0.3; echo "$2"; }
  : > "$WORK/screen"
  { answer Username: reader; answer Password: secret; answer Succeeded ""; } | script -qefc "$BUILDER login" "$WORK/screen" > /dev/null || true  # who answers may be cut off
  check_contains "$WORK/screen" "Login Succeeded"
  check_contains "$WORK/screen" 'COMMAND_EXIT_CODE="0"'
  if grep -q secret "$WORK/screen"; then fail "the password is shown"; fi
  check_equal "who is logged in" reader "$(jq -r '.auths["https://index.docker.io/v1/"].auth' "$DOCKER_CONFIG/config.json" | base64 -d | cut -d: -f1)"
  succeeds builder logout
  check_equal "output of logout" "Removing login credentials for https://index.docker.io/v1/" "$(cat "$WORK/out")"
fi
succeeds builder login -u reader --password-stdin <<< secret
check_equal "output of login" "Login Succeeded" "$(cat "$WORK/out")"

# --- pull
succeeds builder pull nginx
digest=$(digest_at_hub library/nginx)
layers=$(at_hub "docker://$hub/library/nginx" | jq -r '.Layers[]')
check_equal "first lines" "Using default tag: latest
latest: Pulling from library/nginx" "$(head -2 "$WORK/out")"
for layer in $layers; do check_matches "$WORK/out" "$(short "$layer"): Pull complete"; done
check_equal "last lines" "Digest: $digest
Status: Downloaded newer image for nginx:latest
docker.io/library/nginx:latest" "$(tail -3 "$WORK/out")"
succeeds builder pull nginx
check_equal "the second time" "Using default tag: latest
latest: Pulling from library/nginx
Digest: $digest
Status: Image is up to date for nginx:latest
docker.io/library/nginx:latest" "$(cat "$WORK/out")"
# Another name of what is here: just a name. Another image: its own layers.
succeeds builder pull nginx:1.13
check_equal "there under another tag" "1.13: Pulling from library/nginx
Digest: $digest
Status: Downloaded newer image for nginx:1.13
docker.io/library/nginx:1.13" "$(cat "$WORK/out")"
check_equal "one image" 1 "$(builder images -q nginx | sort -u | wc -l)"
succeeds builder image pull debian
check_matches "$WORK/out" "$(short "$(head -1 <<< "$layers")"): Already exists"
check_equal "layers fetched" 1 "$(lines ': Pull complete$')"
exits 1 builder pull nothing
check_contains "$WORK/log" "not found"

# --- All tags
succeeds builder pull -a me/tu-demo
check_matches "$WORK/out" 'v1: Pulling from me/tu-demo'
check_matches "$WORK/out" 'v2: Pulling from me/tu-demo'
check_equal "layers fetched: one for both, one for each" 3 "$(lines ': Pull complete$')"
check_equal "layers that are shared: the base's two twice, one once" 5 "$(lines ': Already exists$')"
check_equal "last line" docker.io/me/tu-demo "$(tail -1 "$WORK/out")"
check_equal "tags" "v1 v2" "$(builder images me/tu-demo | awk 'NR > 1 { print $2 }' | sort | xargs)"

# --- By digest
digest=$(digest_at_hub library/alpine)
succeeds builder pull "alpine@$digest"
check_matches "$WORK/out" "Digest: $digest"
check_equal "last line" "docker.io/library/alpine@$digest" "$(tail -1 "$WORK/out")"
check_equal "exactly that image" "$(at_hub --raw "docker://$hub/library/alpine" | jq -r .config.digest)" "$(builder inspect -f '{{.Id}}' "alpine@$digest")"
exits 1 builder pull "alpine@sha256:$(printf '0%.0s' $(seq 64))"
check_contains "$WORK/log" "not found (no such digest)"
# A registry that gives something else than the digest says.
blob=$WORK/hub/docker/registry/v2/blobs/sha256/$(cut -c8-9 <<< "$digest")/${digest#sha256:}/data
cp "$blob" "$WORK/kept"; sed -i '1s/{/{ /' "$blob"
new_store
exits 1 builder pull "alpine@$digest"
check_equal "images" "" "$(builder images -q)"
cp "$WORK/kept" "$blob"

# --- Other registries
succeeds builder pull gcr.io/me/x:v2
check_matches "$WORK/out" 'v2: Pulling from me/x'
check_equal "last lines" "Status: Downloaded newer image for gcr.io/me/x:v2
gcr.io/me/x:v2" "$(tail -2 "$WORK/out")"
succeeds builder pull registry.company.com:5000/app
check_equal "last line" registry.company.com:5000/app:latest "$(tail -1 "$WORK/out")"
check_equal "images" "gcr.io/me/x v2 registry.company.com:5000/app latest" "$(builder images | awk 'NR > 1 { print $1, $2 }' | sort | xargs)"
exits 1 builder pull gcr.io/me/app
check_contains "$WORK/log" "gcr.io/me/app"
# A mirror of Docker Hub that registries.conf names.
printf '[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "%s"\n' "$gcr" > "$WORK/registries.conf"
CONTAINERS_REGISTRIES_CONF=$WORK/registries.conf succeeds builder pull me/x:v2
check_equal "last lines" "Status: Downloaded newer image for me/x:v2
docker.io/me/x:v2" "$(tail -2 "$WORK/out")"
check_equal "the same image" "$(builder inspect -f '{{.Id}}' gcr.io/me/x:v2)" "$(builder inspect -f '{{.Id}}' me/x:v2)"

# --- Several platforms: the one of this machine out of the list.
context both <<< $'FROM scratch\nARG TARGETARCH\nLABEL built-for=$TARGETARCH\nCOPY Dockerfile /'
as_writer builder build -q --push --platform linux/amd64,linux/arm64,linux/s390x -t me/both . >/dev/null
case $(uname -m) in x86_64) here=amd64;; aarch64) here=arm64;; *) here=$(uname -m);; esac
succeeds builder pull me/both
check_matches "$WORK/out" "Digest: sha256:$(at_hub --raw "docker://$hub/me/both" | sha256sum | cut -d' ' -f1)"
check_equal "platform" "$here $here" "$(builder inspect -f '{{.Architecture}} {{index .Config.Labels "built-for"}}' me/both)"

# --- push
context wow <<< $'FROM debian\nCOPY --link Dockerfile /\nCMD ["sh"]'
succeeds builder build -t me/wow -t me/wow:v1 .
# The repository is somebody else's.
exits 1 builder push me/wow:v1
check_equal "first line" 'The push refers to repository [docker.io/me/wow]' "$(head -1 "$WORK/out")"
check_contains "$WORK/log" "registry returned 401 unauthorized"
check_contains "$WORK/log" 'hint: log in with an account that may push to `docker.io/me/wow`'
succeeds builder login --username writer --password-stdin <<< secret
check_equal "output of login" "Login Succeeded" "$(cat "$WORK/out")"
succeeds builder push me/wow:v1
digest=$(digest_at_hub me/wow:v1)
size=$(at_hub --raw "docker://$hub/me/wow:v1" | wc -c)
check_equal "image id" "$(builder inspect -f '{{.Id}}' me/wow)" "$(at_hub --raw "docker://$hub/me/wow:v1" | jq -r .config.digest)"
check_equal "first line" 'The push refers to repository [docker.io/me/wow]' "$(head -1 "$WORK/out")"
for layer in $(at_hub "docker://$hub/library/debian" | jq -r '.Layers[]'); do
  check_matches "$WORK/out" "$(short "$layer"): Mounted from library/debian"
done
check_matches "$WORK/out" "$(short "$(at_hub "docker://$hub/me/wow:v1" | jq -r '.Layers[-1]')"): Pushed"
check_equal "last line" "v1: digest: $digest size: $size" "$(tail -1 "$WORK/out")"
succeeds builder push me/wow
check_equal "first line" "Using default tag: latest" "$(head -1 "$WORK/out")"
check_equal "layers" 3 "$(lines '^[0-9a-f]{12}: Layer already exists$')"
check_equal "last line" "latest: digest: $digest size: $size" "$(tail -1 "$WORK/out")"
succeeds builder image push me/wow:v1
check_equal "image push" "v1: digest: $digest size: $size" "$(tail -1 "$WORK/out")"
exits 1 builder push me/nothing
check_contains "$WORK/log" "No such image: me/nothing:latest"
# Somebody else pulls it.
new_store
succeeds builder pull me/wow:v1
check_matches "$WORK/out" "Digest: $digest"
check_matches "$WORK/out" "Status: Downloaded newer image for me/wow:v1"

# --- search
python3 "$SOURCE_ROOT/tests/support/hub_search.py" "$WORK/requests" > "$WORK/port" & SERVERS+=($!)
for _ in $(seq 50); do [ -s "$WORK/port" ] && break; sleep 0.1; done
index=localhost:$(cat "$WORK/port")
succeeds builder search "$index/nginx"
check_matches "$WORK/out" 'NAME +DESCRIPTION +STARS     OFFICIAL'
check_matches "$WORK/out" "$index/nginx +Official build of Nginx\. +20000     \[OK\]"
check_matches "$WORK/out" "$index/nginx/nginx-ingress +NGINX and NGINX Plus Ingress Controllers for… +90 *"
check_equal "rows" 4 "$(wc -l < "$WORK/out")"
succeeds builder search --no-trunc "$index/nginx"
check_matches "$WORK/out" "$index/nginx/nginx-ingress +NGINX and NGINX Plus Ingress Controllers for Kubernetes and more words +90 *"
succeeds builder search --limit 2 "$index/nginx"
check_equal "rows with --limit" 3 "$(wc -l < "$WORK/out")"
