# Damage in the store is noticed when it is read, said once, and mended by the build that meets it: the result is the same to the byte.
. "$SOURCE_ROOT/tests/integration/lib.sh"
start_registry
registry=127.0.0.1:$PORT

context base <<'DOCKERFILE'
FROM busybox
COPY below /below
DOCKERFILE
echo below > below
BUILDER_ROOT=$WORK/origin build -q --push -t "$registry/base:1" . >/dev/null

context app <<DOCKERFILE
FROM $registry/base:1
RUN mkdir /dir && echo made > /dir/made-by-run
COPY data /data
DOCKERFILE
seq 30000 > data
name=$registry/nowhere/app:1
build -t "$name" .
build -o type=oci,dest="$WORK/before.tar" .
cd "$WORK"
index() { tar xOf before.tar index.json | jq -r '.manifests[0].digest'; }
blob() { echo "$BUILDER_ROOT/oci/blobs/sha256/${1#sha256:}"; }
mapfile -t layers < <(digests before.tar)
check_equal "layers" 4 ${#layers[@]}
manifest=$(blob "$(index)")
config=$(blob "$(jq -r .config.digest "$manifest")")
base=$(blob "${layers[1]}") run=$(blob "${layers[2]}") copy=$(blob "${layers[3]}")

flip() {
  local at=$(($(stat -c %s "$1") / 2)) byte
  byte=$(dd if="$1" bs=1 skip=$at count=1 status=none | od -An -tu1)
  printf "\\x$(printf %02x $((byte ^ 1)))" | dd of="$1" bs=1 seek=$at conv=notrunc status=none
}
cut_off() { truncate -s $(($(stat -c %s "$1") / 2)) "$1"; }
delete() { rm "$1"; }

warnings() { # WHAT EXPECTED
  local count; count=$(grep -c '\] warning: ' "$WORK/log" || true)
  [ "$count" = "$2" ] || { cat "$WORK/log"; fail "$1: $count warnings instead of $2"; }
}
# mended WHAT WARNINGS: the archive in new.tar is what it was, and so is the store.
mended() {
  cmp new.tar before.tar || fail "$1: the archive is another"
  warnings "$1" "$2"
  local file
  for file in "$base" "$run" "$copy" "$config" "$manifest"; do
    [ ! -e "$file" ] || check_equal "$1: digest" "$(basename "$file")" "$(sha256sum < "$file" | cut -d' ' -f1)"
  done
}

pushes=0
for how in flip cut_off delete; do
  # What is not there is no damage: a blob may be absent, and is made or fetched without a word.
  said=1; [ $how != delete ] || said=0
  for part in base run copy config manifest; do
    rm -f new.tar; $how "${!part}"
    build -o type=oci,dest=new.tar app || fail "$how $part: build"
    mended "$how $part" $said
    ! grep -q ERROR log || { cat log; fail "$how $part: an error that is none"; }

    $how "${!part}"
    build -o type=oci,dest=- app > new.tar || fail "$how $part: build to standard output"
    mended "$how $part to standard output" $said

    # The layer of a base in the same registry is mounted there, so that nobody reads it.
    [ $part != base ] || continue
    pushes=$((pushes + 1))
    $how "${!part}"
    build -q --push -t "$registry/app$pushes:1" app >/dev/null || fail "$how $part: push"
    warnings "$how $part, pushed" $said
    check_equal "$how $part: digest pushed" "$(index)" \
      "$(curl -fsI -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$registry/v2/app$pushes/manifests/1" | tr -d '\r' | awk 'tolower($1) == "docker-content-digest:" {print $2}')"
  done
done

# Several at once, and an OCI directory.
flip "$base"; flip "$copy"; flip "$config"; cut_off "$run"
build -o type=oci,dest=layout,tar=false app
check_equal "layout" "$(index)" "$(jq -r '.manifests[0].digest' layout/index.json)"
warnings "several" 4

# A file of an unpacked layer is noticed when the layer is packed; the step runs again.
delete "$run"
file=$(echo "$BUILDER_ROOT"/snapshots/*/fs/dir/made-by-run)
flip "$file"
build --debug=stats -o type=oci,dest=new.tar app
mended "unpacked file" 1
check_contains log "unpacked layer"
check_equal "steps that ran" 1 "$(stat_of cache.misses)"
# The display tells both: that it was cached, and that it ran.
step=$(grep -oE '^#[0-9]+ \[.*RUN mkdir' log | head -1 | cut -d' ' -f1)
check_equal "ends of that step" "CACHED DONE" "$(grep -E "^$step (CACHED|DONE)" log | cut -d' ' -f2 | xargs)"
check_equal "ends of the others" 1 "$(grep -cE '^#[0-9]+ CACHED$' <(grep -v "^$step " log | grep -A1 'COPY data'))"

# The documents of the base image: asked for again.
for document in $(cd "$WORK/origin/oci/blobs/sha256" && grep -lE '"(mediaType|architecture)"' ./* 2>/dev/null); do
  [ -e "$BUILDER_ROOT/oci/blobs/sha256/$document" ] || continue
  flip "$BUILDER_ROOT/oci/blobs/sha256/$document"
  build -o type=oci,dest=new.tar app
  mended "document of the base" 1
done

# tell COMMAND…: log in $WORK/log.
tell() { "$BUILDER" "$@" > "$WORK/out" 2> "$WORK/log"; }
# Without the context: a layer of the base comes from its registry …
"$BUILDER" save -o save-before.tar "$name"
flip "$base"
tell save -o new.tar "$name" || { cat log; fail "save with a damaged base"; }
cmp new.tar save-before.tar || fail "save with a damaged base: another archive"
warnings "save with a damaged base" 1
# … a layer of a COPY is lost: nothing is written, nothing pushed, and the next build mends it.
flip "$copy"
rm new.tar
if tell save -o new.tar "$name"; then fail "a damaged layer was saved"; fi
warnings "save" 1
check_contains log "ERROR"
[ ! -e new.tar ] || fail "save left a file"
if tell push "$name"; then fail "a lost layer was pushed"; fi
curl -fs "http://$registry/v2/nowhere/app/manifests/1" && fail "the manifest of a lost layer was pushed"
build -o type=oci,dest=new.tar app
mended "after save and push" 0
flip "$copy"
if tell push "$name"; then fail "a damaged layer was pushed"; fi
warnings "push" 1
build -o type=oci,dest=new.tar app
mended "after push" 0
flip "$manifest"
if tell save -o save.tar "$name"; then fail "an image with a damaged manifest was saved"; fi
[ ! -e save.tar ] || fail "save left a file"
build -t "$name" app
tell save -o save.tar "$name" || { cat log; fail "save after the build"; }
cmp save.tar save-before.tar || fail "save after the build: another archive"
tell push "$name" || { cat log; fail "push after the build"; }

# The listing of a layer tells the times of its files: when that is lost, the step runs again, and they are those of now.
content_of() { # ARCHIVE: names and contents of the layer of the RUN
  rm -rf content; mkdir content
  tar xOf "$1" "blobs/sha256/$(digests "$1" | sed -n '3s/sha256://p')" | tar xzf - -C content
  (cd content && find . -type f -exec sha256sum {} + -o -print | sort)
}
delete "$run"
listing=$(grep -l made-by-run "$BUILDER_ROOT"/listings/*)
flip "$listing"
build -o type=oci,dest=new.tar app
warnings "listing" 1
check_equal "content after the listing was lost" "$(content_of before.tar)" "$(content_of new.tar)"
check_contains <(content_of new.tar) ./dir/made-by-run
build -o type=oci,dest=again.tar app
cmp new.tar again.tar || fail "not stable after the listing was lost"
warnings "listing, afterwards" 0

# A file of an unpacked layer that is read for a root file system: as a directory, as an archive; down a pipe that cannot be taken
# back, so the next build mends it.
export BUILDER_ROOT=$WORK/trees-store
# unpacked PATH: that file in the directory that is in use; those that were dropped are older.
unpacked() { ls -tc "$BUILDER_ROOT"/snapshots/*/fs/"$1" | head -1; }
build -o type=local,dest=tree app
check_equal "file in a tree" made "$(cat tree/dir/made-by-run)"
flip "$(unpacked dir/made-by-run)"
build -o type=local,dest=tree app
check_equal "file in a tree of a damaged store" made "$(cat tree/dir/made-by-run)"
warnings "type=local" 1
flip "$(unpacked dir/made-by-run)"
build -o type=tar,dest=root.tar app
check_equal "file in an archive" made "$(tar xOf root.tar dir/made-by-run)"
warnings "type=tar" 1
flip "$(unpacked dir/made-by-run)"
status=0; build -o type=tar,dest=- app > pipe.tar 2> shell || status=$?
check_equal "exit status of an archive to a pipe" 1 "$status"
warnings "type=tar to standard output" 1
check_contains log "useless"
build -o type=tar,dest=- app > root.tar
check_equal "file in the archive after that" made "$(tar xOf root.tar dir/made-by-run)"
warnings "type=tar to standard output, afterwards" 0
delete "$(unpacked dir/made-by-run)"
build -o type=local,dest=tree app
check_equal "file in a tree, missing in the store" made "$(cat tree/dir/made-by-run)"
warnings "missing file" 1

# A stage that is copied from: what is copied is what the stage made, though its directory is damaged by now.
staged() { # DESTINATION
  printf 'FROM busybox AS tools\nRUN echo tool > /tool\nFROM busybox\nCOPY --from=tools /tool /%s\n' "$1" > stages/Dockerfile
}
export BUILDER_ROOT=$WORK/stages-store
mkdir stages; staged first
build -o type=oci,dest=stages.tar stages
for how in flip cut_off delete; do
  $how "$(unpacked tool)"
  staged "$how"
  build -o type=local,dest="tree-$how" stages || fail "$how: COPY --from"
  check_equal "$how: file copied from a stage" tool "$(cat "tree-$how/$how")"
  warnings "$how: COPY --from" 1
done

# What a RUN reads of the directories it stands on nobody compares: it sees what is there (docs/cache-format.md). The layer itself stays
# what it was for everybody else.
printf 'FROM busybox\nRUN echo below > /below\nRUN cat /below > /seen\n' > stages/Dockerfile
sed 2q stages/Dockerfile > stages/lower
build -o type=cacheonly -f stages/lower stages
flip "$(unpacked below)"
build -o type=cacheonly stages
warnings "RUN on a damaged directory" 0
build -o type=local,dest=tree-run stages
warnings "tree of a damaged directory" 1
check_equal "the layer below" below "$(cat tree-run/below)"
