# Mirrors and other places by registries.conf and hosts.toml: asked first, left when they fail, never pushed to; broken files are errors.
. "$SOURCE_ROOT/tests/integration/lib.sh"
. "$SOURCE_ROOT/tests/integration/registry_lib.sh"
registry upstream
upstream=localhost:$PORT
registry mirror
proxy mirror "$PORT"
mirror=localhost:$PORT
image app
works push "$upstream/base/app:v1"
expected=$(skopeo inspect --tls-verify=false "docker://$upstream/base/app:v1" | jq -r '.Layers[]')
export CONTAINERS_REGISTRIES_CONF=$WORK/registries.conf
conf() { cat > "$CONTAINERS_REGISTRIES_CONF"; new_store; : > "$WORK/mirror.requests"; }
got_all() { check_equal "layers" "$expected" "$(digests "$WORK/pulled.tar")"; }

# A name that only the configuration knows; its mirror has nothing yet.
conf <<TOML
[[registry]]
prefix = "made-up.example/team"
location = "$upstream/base"
[[registry.mirror]]
location = "$mirror/cache"
TOML
works pull made-up.example/team/app:v1
got_all
[ "$(requests cache/app mirror)" -ge 1 ] || fail "the mirror was not asked"
# Filled, it gives everything.
skopeo copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$upstream/base/app:v1" "docker://$mirror/cache/app:v1"
new_store; : > "$WORK/mirror.requests"
works pull made-up.example/team/app:v1
got_all
check_equal "blobs from the mirror" 3 "$(awk '$1 == "GET" && /blobs/ && $3 == 200' "$WORK/mirror.requests" | wc -l)"
# Wrong bytes and silence of the mirror do no harm.
for fault in corrupt "status 503" "drop 10" hang; do
  new_store
  echo "always GET.*blobs $fault" > "$WORK/mirror.rules"
  BUILDER_REGISTRY_TIMEOUT=1 works pull made-up.example/team/app:v1
  got_all
  check_store
done
: > "$WORK/mirror.rules"

# Pushes go to the registry itself.
conf <<TOML
[[registry]]
location = "$upstream"
[[registry.mirror]]
location = "$mirror"
TOML
cd "$WORK/app"
works push "$upstream/pushed/app:v1"
check_equal "requests to the mirror" 0 "$(requests pushed mirror)"

# Blocked, and broken.
conf <<< $'[[registry]]\nlocation = "'"$upstream"$'"\nblocked = true'
refused "registry \`$upstream\` is blocked by \`$CONTAINERS_REGISTRIES_CONF\`" pull "$upstream/base/app:v1"
refused "is blocked by" push "$upstream/pushed/app:v2"
conf <<< $'[[registry]]\nlocation = '
refused "$CONTAINERS_REGISTRIES_CONF:2: " pull "$upstream/base/app:v1"
# Nobody reads it who asks no registry.
cd "$WORK/app"; works build .
rm "$CONTAINERS_REGISTRIES_CONF"

# hosts.toml
mkdir -p "$WORK/certs/made-up.example"
cat > "$WORK/certs/made-up.example/hosts.toml" <<TOML
server = "http://$upstream"
[host."http://$mirror/v2/cache"]
  capabilities = ["pull"]
  override_path = true
TOML
new_store; : > "$WORK/mirror.requests"
works pull made-up.example/base/app:v1
got_all
check_equal "tags asked of a host that may not resolve them" 0 "$(requests manifests/v1 mirror)"
check_contains "$WORK/mirror.requests" "GET /v2/cache/base/app/blobs/"
check_contains "$WORK/mirror.requests" "ns=made-up.example"
works push made-up.example/pushed/app:v3
check_equal "the image is in the server" 2 "$(skopeo inspect --tls-verify=false "docker://$upstream/pushed/app:v3" | jq '.Layers | length')"
echo 'server = 5' > "$WORK/certs/made-up.example/hosts.toml"
refused "hosts.toml:1: \`server\` must be a string" pull made-up.example/base/app:v1
