# --iidfile, --metadata-file, -q, and what depends on the kind of result.
. "$SOURCE_ROOT/tests/integration/lib.sh"
context app <<'DOCKERFILE'
FROM busybox
COPY file /file
DOCKERFILE
echo x > file
build -t app:v1 -t other/app --iidfile "$WORK/iid" --metadata-file "$WORK/meta.json" -o type=oci,dest="$WORK/oci",tar=false .
manifest=$(jq -r '.manifests[0].digest' "$WORK/oci/index.json")
config=$(jq -r .config.digest "$WORK/oci/blobs/sha256/${manifest#sha256:}")
check_equal "image id" "$config" "$(cat "$WORK/iid")"
check_equal "no newline behind it" 71 "$(wc -c < "$WORK/iid")"
check_equal "containerimage.digest" "$manifest" "$(jq -r '."containerimage.digest"' "$WORK/meta.json")"
check_equal "containerimage.config.digest" "$config" "$(jq -r '."containerimage.config.digest"' "$WORK/meta.json")"
check_equal "descriptor" "$manifest" "$(jq -r '."containerimage.descriptor".digest' "$WORK/meta.json")"
check_equal "config in the descriptor" "$config" "$(jq -r '."containerimage.descriptor".annotations."config.digest"' "$WORK/meta.json")"
check_equal "names" "docker.io/library/app:v1,docker.io/other/app:latest" "$(jq -r '."image.name"' "$WORK/meta.json")"
check_equal "mode of the metadata" 644 "$(stat -c %a "$WORK/meta.json")"
# A build that fails leaves no id of an older one.
echo 'RUN exit 1' >> Dockerfile
fails 1 --iidfile "$WORK/iid" .
[ ! -e "$WORK/iid" ] || fail "a stale image id is left"
sed -i '$d' Dockerfile
# No image, no id.
fails 1 --iidfile "$WORK/iid" -o type=local,dest="$WORK/out" .
check_contains "$WORK/log" "this output makes no image"
# An index also for one platform, if asked for; its digest then counts, and steps name their platform.
build --build-arg BUILDKIT_MULTI_PLATFORM=1 --metadata-file "$WORK/meta.json" -o type=oci,dest="$WORK/index",tar=false .
index=$(jq -r '.manifests[0].digest' "$WORK/index/index.json")
check_equal "kind of result" application/vnd.oci.image.index.v1+json "$(jq -r .mediaType "$WORK/index/blobs/sha256/${index#sha256:}")"
check_equal "digest of the index" "$index" "$(jq -r '."containerimage.digest"' "$WORK/meta.json")"
grep -Eq '^#[0-9]+ \[linux/[a-z0-9]+ [0-9]+/[0-9]+\] COPY' "$WORK/log" || fail "the step does not name its platform"
