# Only what is needed goes over the line, counted by a proxy in front of the registry: a big base under a small layer, and a base that is
# there already.
. "$SOURCE_ROOT/tests/integration/lib.sh"
. "$SOURCE_ROOT/tests/integration/registry_lib.sh"
registry data
upstream=$PORT
proxy proxy "$upstream"
at=127.0.0.1:$PORT
image big 3000000
new_store
works push "localhost:$upstream/base/big:v1"
digest=$(skopeo inspect --tls-verify=false "docker://localhost:$upstream/base/big:v1" | jq -r .Digest)
base_layers=$(skopeo inspect --tls-verify=false "docker://localhost:$upstream/base/big:v1" | jq -r '.Layers[]')

# FROM big + COPY --link + ENV + push to the same registry.
new_store
context app <<< "FROM $at/base/big:v1"$'\nCOPY --link file /file\nENV A=b'
echo x > file
works push "$at/me/app:v1"
check_equal "manifests fetched" 1 "$(requests 'GET.*/manifests/')"
check_equal "blobs fetched: the config" 1 "$(requests 'GET.*/blobs/')"
check_equal "layers of the base mounted" 2 "$(awk '$1 == "POST" && /mount=/ && $3 == 201' "$WORK/proxy.requests" | wc -l)"
check_equal "blobs sent: the new layer and the config" 2 "$(requests 'PUT.*/blobs/')"
up=$(bytes up .) down=$(bytes down .)
echo "FROM big: $up bytes up, $down bytes down, $(wc -l < "$WORK/proxy.requests") requests"
[ "$up" -lt 5000 ] || fail "$up bytes were sent"
[ "$down" -lt 5000 ] || fail "$down bytes were fetched"
check_equal "layers of the base in the image" "$base_layers" \
  "$(skopeo inspect --tls-verify=false "docker://localhost:$upstream/me/app:v1" | jq -r '.Layers[:2][]')"
skopeo copy -q --src-tls-verify=false "docker://localhost:$upstream/me/app:v1" "oci:$WORK/copied:v1" || fail "skopeo copy"

# To the same repository: nothing to mount, nothing to send.
: > "$WORK/proxy.requests"
echo y > file
works push "$at/me/app:v2"
check_equal "requests for the base" 1 "$(requests 'base/big')"
check_equal "the one is a HEAD" 1 "$(requests 'HEAD .*base/big/manifests/v1')"
check_equal "mounts" 0 "$(requests mount=)"
[ "$(bytes up .)" -lt 5000 ] || fail "$(bytes up .) bytes were sent"

# Without --link, where the file goes depends on what the base has there (a directory? a link?): its layers are read once to learn that,
# and still not sent. The next build knows.
sed -i 's/COPY --link/COPY/' Dockerfile
: > "$WORK/proxy.requests"
works push "$at/plain/app:v1"
check_equal "layers of the base fetched" 2 "$(requests 'GET.*/blobs/')"
[ "$(bytes up .)" -lt 5000 ] || fail "$(bytes up .) bytes were sent"
echo z > file
: > "$WORK/proxy.requests"
works push "$at/plain/app:v2"
[ "$(bytes down .)" -lt 5000 ] || fail "$(bytes down .) bytes were fetched"

# A base that is there: one HEAD for a tag, nothing for a digest.
for change in no yes; do
  [ $change = no ] || echo changed > file
  : > "$WORK/proxy.requests"
  works build .
  check_equal "requests for a tag (change: $change)" "HEAD /v2/base/big/manifests/v1" "$(cut -d' ' -f1,2 "$WORK/proxy.requests")"
  : > "$WORK/proxy.requests"
  works build --pull .
  check_equal "requests with --pull" "HEAD /v2/base/big/manifests/v1" "$(cut -d' ' -f1,2 "$WORK/proxy.requests")"
done
sed -i "1s/.*/FROM $(sed 's/[\/&]/\\&/g' <<< "$at/base/big@$digest")/" Dockerfile
for change in no yes; do
  [ $change = no ] || echo again > file
  : > "$WORK/proxy.requests"
  works build .
  check_equal "requests for a digest (change: $change)" 0 "$(wc -l < "$WORK/proxy.requests")"
done

# The registry does not answer: what is here stands in, unless its answer is demanded.
sed -i "1s/.*/FROM $(sed 's/\//\\\//g' <<< "$at/base/big:v1")/" Dockerfile
echo 'always . status 503' > "$WORK/proxy.rules"
works build .
check_contains "$WORK/log" "503"
refused "registry returned 503" build --pull .
