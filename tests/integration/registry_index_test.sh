# An image for two platforms, built without emulation, is pushed as an index; skopeo reads the index and both of its images, and we too.
. "$SOURCE_ROOT/tests/integration/lib.sh"
. "$SOURCE_ROOT/tests/integration/registry_lib.sh"
registry data
at=localhost:$PORT
context app <<'DOCKERFILE'
FROM scratch
ARG TARGETARCH
COPY $TARGETARCH /arch
COPY common /common
LABEL arch=$TARGETARCH
DOCKERFILE
for arch in amd64 arm64; do echo "this is $arch" > $arch; done
echo common > common
new_store
works push "$at/me/app:v1" --platform linux/amd64,linux/arm64
skopeo inspect --raw --tls-verify=false "docker://$at/me/app:v1" > index.json
check_equal "media type" application/vnd.oci.image.index.v1+json "$(jq -r .mediaType index.json)"
check_equal "platforms" "linux/amd64 linux/arm64" "$(jq -r '[.manifests[].platform | .os + "/" + .architecture] | join(" ")' index.json)"
for arch in amd64 arm64; do
  manifest=$(jq -r ".manifests[] | select(.platform.architecture == \"$arch\") | .digest" index.json)
  check_equal "digest of $arch's manifest" "$manifest" \
    "sha256:$(skopeo inspect --raw --tls-verify=false "docker://$at/me/app@$manifest" | sha256sum | cut -d' ' -f1)"
  check_equal "architecture" "$arch" "$(skopeo inspect --override-arch $arch --tls-verify=false "docker://$at/me/app:v1" | jq -r .Architecture)"
  check_equal "label" "$arch" "$(skopeo inspect --override-arch $arch --tls-verify=false "docker://$at/me/app:v1" | jq -r .Labels.arch)"
  rm -rf "$WORK/copied"
  skopeo copy -q --override-arch $arch --src-tls-verify=false "docker://$at/me/app:v1" "dir:$WORK/copied"
  check_equal "file of $arch" "this is $arch" "$(for blob in $(jq -r '.layers[].digest' "$WORK/copied/manifest.json"); do
    tar -xzOf "$WORK/copied/${blob#sha256:}" arch 2>/dev/null || true; done)"
  new_store
  echo "FROM $at/me/app:v1" > "$WORK/Dockerfile.pull"
  works build -f "$WORK/Dockerfile.pull" --platform "linux/$arch" -o "type=local,dest=$WORK/local-$arch" .
  check_equal "file pulled by us" "this is $arch" "$(cat "$WORK/local-$arch/arch")"
done
# The whole index is copied by digest.
skopeo copy -q --all --src-tls-verify=false --dest-tls-verify=false "docker://$at/me/app:v1" "docker://$at/copy/app:v1"
check_equal "copy of the index" "$(sha256sum < index.json)" "$(skopeo inspect --raw --tls-verify=false "docker://$at/copy/app:v1" | sha256sum)"
