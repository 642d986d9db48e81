# Images to and from podman, skopeo and umoci: docker archive, OCI archive, OCI directory; the layers stay what they are.
. "$SOURCE_ROOT/tests/integration/lib.sh"
command -v skopeo >/dev/null || skip "skopeo is not installed"

context app <<'DOCKERFILE'
FROM busybox
COPY one /one
RUN echo 2 > /two && ln -s two /link
LABEL who=me
DOCKERFILE
echo 1 > one
build -q -t me/app:1 . >/dev/null
cd "$WORK"
"$BUILDER" save -o app.tar me/app:1
"$BUILDER" save --format oci -o app-oci.tar me/app:1
"$BUILDER" save --format oci-dir -o app-dir me/app:1
other() { BUILDER_ROOT=$WORK/other "$BUILDER" "$@"; }
fresh() { rm -rf "$WORK/other"; }
config_path() { tar xOf "$1" manifest.json | jq -r '.[0].Config'; }
diff_ids() { tar xOf "$1" "$(config_path "$1")" | jq -r '.rootfs.diff_ids[]'; }
blobs_of() { tar xOf "$1" manifest.json | jq -r '.[0].Layers[]'; }
id=$(basename "$(config_path app.tar)")

# skopeo reads all three, as the same image ...
for source in docker-archive:app.tar oci-archive:app-oci.tar:1 oci:app-dir:1 oci-archive:app.tar:1; do
  check_equal "image id by skopeo from $source" "$id" "$(skopeo inspect --raw --config "$source" | sha256sum | cut -d' ' -f1)"
done
# ... and what it writes comes back: from OCI the same blobs, from docker archives the same layers.
skopeo copy -q oci-archive:app-oci.tar:1 oci-archive:sk-oci.tar:me/app:1
skopeo copy -q oci-archive:app-oci.tar:1 oci:sk-dir:me/app:1
skopeo copy -q oci-archive:app-oci.tar:1 docker-archive:sk-docker.tar:me/app:1
for source in sk-oci.tar sk-dir; do
  fresh; check_equal "load $source" "Loaded image: me/app:1" "$(other load -i $source)"
  other save -o back.tar me/app:1
  check_equal "blobs by way of $source" "$(blobs_of app.tar)" "$(blobs_of back.tar)"
done
fresh; check_equal "load sk-docker.tar" "Loaded image: me/app:1" "$(other load -i sk-docker.tar)"
other save -o back.tar me/app:1
check_equal "layers by way of docker-archive" "$(diff_ids app.tar)" "$(diff_ids back.tar)"
check_equal "image id by way of docker-archive" "$id" "$(basename "$(config_path back.tar)")"

# umoci unpacks and changes our directory; the changed image loads.
if command -v umoci >/dev/null; then
  cp -r app-dir um
  rootless=$([ "$(id -u)" = 0 ] || echo --rootless)
  umoci unpack $rootless --image um:1 bundle
  check_equal "file by umoci" 2 "$(cat bundle/rootfs/link)"
  echo 3 > bundle/rootfs/three
  umoci repack --image um:1 bundle
  umoci config --image um:1 --config.label who=you
  fresh; other load -i um > out
  check_contains out "Loaded image"
  loaded=$(sed 's/^Loaded image\( ID\)\?: //' out | tail -1)
  other export -o changed.tar "$loaded"
  check_equal "file that umoci added" 3 "$(tar xOf changed.tar three)"
  check_equal "lower layers" "$(blobs_of app.tar)" "$(other save "$loaded" | tar xO manifest.json | jq -r '.[0].Layers[]' | head -n -1)"
fi

# podman: saves with several layers, both formats; loads ours.
if command -v podman >/dev/null && [ "$(id -u)" = 0 ]; then
  in_podman load -q -i "$WORK/app.tar" > out || fail "podman does not load our docker archive"
  check_contains out "me/app:1"
  check_equal "image id in podman" "$id" "$(in_podman inspect --format '{{.Id}}' me/app:1)"
  check_equal "layers in podman" "$(diff_ids app.tar)" "$(in_podman inspect me/app:1 | jq -r '.[0].RootFS.Layers[]')"
  in_podman save -q -o "$WORK/pod-docker.tar" me/app:1
  in_podman save -q --format oci-archive -o "$WORK/pod-oci.tar" me/app:1
  in_podman save -q --format oci-dir -o "$WORK/pod-dir" me/app:1
  in_podman save -q --format docker-archive -m -o "$WORK/pod-many.tar" me/app:1
  for source in pod-docker.tar pod-oci.tar pod-dir pod-many.tar; do
    fresh; other load -i $source > out || fail "load of $source"
    loaded=$(sed 's/^Loaded image\( ID\)\?: //' out | tail -1)
    other save -o back.tar "$loaded"
    check_equal "layers by way of $source" "$(diff_ids app.tar)" "$(diff_ids back.tar)"
    case $source in pod-oci.tar | pod-dir)
      layout=$([ -d $source ] && echo "oci:$source" || echo "oci-archive:$source")
      check_equal "blobs of $source" "$(skopeo inspect --raw "$layout" | jq -r '.layers[].digest' | cut -d: -f2)" "$(blobs_of back.tar | cut -d/ -f3)";;
    esac
    other save --format oci "$loaded" > again.tar
    in_podman load -q -i "$WORK/again.tar" >/dev/null || fail "podman does not load what came back from $source"
  done
fi
