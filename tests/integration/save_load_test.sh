# `builder save` and `load`: docker and OCI archives, several images, compressed ones, pipes, directories, platforms; damaged archives.
. "$SOURCE_ROOT/tests/integration/lib.sh"

context app <<'DOCKERFILE'
FROM busybox
COPY one /one
COPY two /two
DOCKERFILE
echo 1 > one; echo 2 > two
build -q -t me/app:1 -t me/app:2 . >/dev/null
context small <<'DOCKERFILE'
FROM scratch
COPY one /one
DOCKERFILE
echo 1 > one
build -q -t me/small . >/dev/null
id=$(build -q .)
cd "$WORK"
other() { BUILDER_ROOT=$WORK/other "$BUILDER" "$@"; }
fresh() { rm -rf "$WORK/other"; }
load() { other load "$@" > "$WORK/out" 2> "$WORK/log" || { cat "$WORK/out" "$WORK/log"; fail "load $*"; }; }
load_fails() { local status=0; other load "$@" > "$WORK/out" 2> "$WORK/log" || status=$?; check_equal "exit status of load $*" 1 "$status"; }
blobs_in() { tar tf "$1" | grep '^blobs/sha256/.' | sort; }

# One image by name: what docker writes is in it, always the same bytes; it loads from a file, from a pipe, and compressed.
"$BUILDER" save -o app.tar me/app:1
"$BUILDER" save me/app:1 | cmp - app.tar || fail "save is not deterministic"
check_equal "documents" "index.json manifest.json oci-layout" "$(tar tf app.tar | grep -v '^blobs' | sort | xargs)"
check_equal "names in manifest.json" '["me/app:1"]' "$(tar xOf app.tar manifest.json | jq -c '.[0].RepoTags')"
load -i app.tar
check_equal "output of load" "Loaded image: me/app:1" "$(cat out)"
other save me/app:1 | cmp - app.tar || fail "save, load, save: not the same archive"
cat app.tar | { fresh; load; }
for tool in gzip zstd xz bzip2; do
  command -v $tool >/dev/null || continue
  fresh; $tool -c app.tar > packed
  load -q -i packed
  other save me/app:1 | cmp - app.tar || fail "load of an archive packed with $tool"
  cat packed | other load > out
  head -c $(($(stat -c %s packed) - 20)) packed > cut
  fresh; load_fails -i cut
done

# Several images and names; what they share is there once. By id there is no name.
"$BUILDER" save -o all.tar me/app:1 me/app:2 me/small
fresh; load -i all.tar
check_equal "names loaded" "$(printf 'Loaded image: me/%s\n' app:1 app:2 small:latest)" "$(sort out)"
check_equal "names of one image in manifest.json" 2 "$(tar xOf all.tar manifest.json | jq '[.[] | select(.RepoTags | length == 2)][0].RepoTags | length')"
"$BUILDER" save me/app | tar xO manifest.json > names
check_equal "a name without tag is every tag" '["me/app:1","me/app:2"]' "$(jq -c '[.[].RepoTags[]] | sort' names)"
"$BUILDER" save -o '' me/app:1 | cmp - app.tar || fail "save -o ''"
"$BUILDER" save "$id" > id.tar
fresh; load -i id.tar
check_equal "load by id" "Loaded image ID: $id" "$(cat out)"
other save "$id" | cmp - id.tar || fail "an image without name is not kept"

# OCI archive and directory.
"$BUILDER" save --format oci -o oci.tar me/app:1
tar tf oci.tar | grep manifest.json > /dev/null && fail "an OCI archive with docker's manifest.json"
fresh; load -i oci.tar
check_equal "OCI archive" "Loaded image: me/app:1" "$(cat out)"
"$BUILDER" save --format oci-dir -o layout me/app:1 me/small
fresh; load -i layout
check_equal "OCI directory" "$(printf 'Loaded image: me/%s\n' app:1 small:latest)" "$(sort out)"
other save me/app:1 | cmp - app.tar || fail "load of a directory"

# Docker's own archives: layers as plain tar archives, linked to by the old names, the table of contents last.
rm -rf docker && mkdir -p docker/old && tar xf app.tar -C docker
cd docker
config=$(jq -r '.[0].Config' manifest.json) n=0
cp "$config" "$(basename "$config").json"
mkdir layers
jq -r '.[0].Layers[]' manifest.json | while read -r layer; do
  n=$((n + 1)); gzip -dc "$layer" > layers/$n.tar; mkdir -p id$n; ln -s ../layers/$n.tar id$n/layer.tar; echo 1.0 > id$n/VERSION
done
jq -c --arg config "$(basename "$config").json" '[{Config: $config, RepoTags: ["me/docker:1"], Layers: ["id1/layer.tar", "id2/layer.tar", "id3/layer.tar"]}]' manifest.json > table
rm -rf blobs index.json oci-layout manifest.json old; mv table manifest.json
tar cf ../docker.tar id1 id2 id3 layers ./*.json
cd ..
fresh; load -i docker.tar
check_equal "docker archive" "Loaded image: me/docker:1" "$(cat out)"
other save -o again.tar me/docker:1
config_of() { tar xOf "$1" "$(tar xOf "$1" manifest.json | jq -r '.[0].Config')"; }
config_of app.tar | cmp - <(config_of again.tar) || fail "the image id changed"
check_equal "layers" "$(blobs_in app.tar | wc -l)" "$(blobs_in again.tar | wc -l)"
i=0; for layer in $(tar xOf again.tar manifest.json | jq -r '.[0].Layers[]'); do
  i=$((i + 1)); tar xOf again.tar "$layer" | gzip -dc | cmp - docker/layers/$i.tar || fail "layer $i changed"
done
# It serves as a base, without a network.
context from <<'DOCKERFILE'
FROM me/docker:1
RUN test "$(cat /two)" = 2
DOCKERFILE
BUILDER_ROOT=$WORK/other build --build-arg http_proxy=http://127.0.0.1:1 . || fail "build from a loaded image"
cd "$WORK"

# Platforms.
context both <<'DOCKERFILE'
FROM scratch
ARG TARGETARCH
COPY $TARGETARCH /arch
DOCKERFILE
echo amd64 > amd64; echo arm64 > arm64
build -q --platform linux/amd64,linux/arm64 -t me/both . >/dev/null
cd "$WORK"
"$BUILDER" save -o both.tar me/both
fresh; load --platform linux/arm64 -i both.tar
other save me/both > arm.tar
check_equal "platforms loaded" 1 "$(tar xOf arm.tar index.json | jq '.manifests | length')"
check_equal "architecture" arm64 "$(config_of arm.tar | jq -r .architecture)"
"$BUILDER" save --platform linux/arm64 me/both | cmp - arm.tar || fail "save --platform is not what load --platform keeps"
fresh; load -i both.tar
other save me/both | cmp - both.tar || fail "both platforms"
fresh; load_fails --platform linux/s390x -i both.tar
check_contains log "linux/s390x"

# Damaged, cut and foreign archives: an error that says so, and nothing in the store.
nothing_stored() {
  check_equal "blobs after $1" "" "$(find "$WORK/other/oci/blobs" -type f)"
  check_equal "images after $1" 0 "$(jq '.manifests | length' "$WORK/other/oci/index.json")"
  check_equal "left-overs after $1" "" "$(find "$WORK/other/tmp" -mindepth 1)"
}
blob=$(tar xOf app.tar manifest.json | jq -r '.[0].Layers[0]')
rm -rf damaged && mkdir damaged && tar xf app.tar -C damaged
printf x | dd of="damaged/$blob" bs=1 seek=5000 conv=notrunc status=none
tar cf damaged.tar -C damaged .
fresh; load_fails -i damaged.tar; check_contains log "damaged"; nothing_stored "a damaged layer"
rm "damaged/$blob"; tar cf damaged.tar -C damaged .
fresh; load_fails -i damaged.tar; check_contains log "missing"; nothing_stored "a missing layer"
fresh; load_fails -i damaged; check_contains log "missing"; nothing_stored "a directory without a layer"
sed -i 's/"sha256:./"sha256:f/' damaged/index.json; tar cf damaged.tar -C damaged .
fresh; load_fails -i damaged.tar; check_contains log "missing"; nothing_stored "a missing manifest"
echo '{' > damaged/index.json; tar cf damaged.tar -C damaged .
fresh; load_fails -i damaged.tar; nothing_stored "a broken document"
head -c 300000 app.tar > cut.tar
fresh; load_fails -i cut.tar; nothing_stored "a cut archive"
(cd docker && printf x | dd of=layers/2.tar bs=1 seek=600 conv=notrunc status=none && tar cf ../damaged.tar id1 id2 id3 layers ./*.json)
fresh; load_fails -i damaged.tar; check_contains log "damaged"; nothing_stored "a damaged docker layer"
echo garbage > garbage
fresh; load_fails -i garbage; nothing_stored "garbage"
: > empty
fresh; load_fails -i empty; nothing_stored "an empty file"
tar cf other.tar garbage
fresh; load_fails -i other.tar; check_contains log "builder import"; nothing_stored "another archive"
load_fails -i "$WORK/none"

# What cannot be saved leaves no file, and keeps one that is there.
"$BUILDER" save -o none.tar me/none 2> log && fail "saved an image that is not there"
check_contains log "No such image"
[ ! -e none.tar ] || fail "a file is left"
cp app.tar kept.tar
"$BUILDER" save -o kept.tar me/app:1 me/none 2> log && fail "saved an image that is not there"
cmp app.tar kept.tar
printf x | dd of="$BUILDER_ROOT/oci/$blob" bs=1 seek=5000 conv=notrunc status=none
"$BUILDER" save -o kept.tar me/app:1 2> log || fail "a damaged layer of the base was not fetched again"
check_contains log "damaged"
cmp app.tar kept.tar
