# The build cache is kept within limits without anybody pruning it: when, how far, what stays, and what $BUILDER_GC says.
. "$SOURCE_ROOT/tests/integration/lib.sh"
context app <<'DOCKERFILE'
FROM busybox
RUN --mount=type=cache,target=/cached head -c 3000000 /dev/zero > /cached/wheel; echo one > /one
COPY Dockerfile /two
DOCKERFILE
stamp=$BUILDER_ROOT/gc
cache_entries() { "$BUILDER" du --format '{{.ID}}' | sort; }
overdue() { touch -d '2 days ago' "$stamp"; }
tidied='of what was used least was deleted'

# A wrong setting is said before anything is done, with what would be right.
for wrong in 20GB max-used-space=lots used=1GB max-used-space=120%; do
  BUILDER_GC=$wrong fails 1 .
  check_contains "$WORK/log" "BUILDER_GC"
  check_contains "$WORK/log" "max-used-space=20GB"
done
[ ! -e "$BUILDER_ROOT" ] || fail "a refused build made a store"

# A new store begins to count; nothing is deleted before a day has passed, or by whom it is switched off.
export BUILDER_GC=max-used-space=0
build -t me/wow:v1 .
[ -e "$stamp" ] || fail "no stamp"
build .
! grep -q "$tidied" "$WORK/log" || fail "tidied up at once"
overdue
BUILDER_GC=off build .
! grep -q "$tidied" "$WORK/log" || fail "tidied up although it is off"
entries=$(cache_entries | wc -l)
[ "$entries" -gt 3 ] || fail "$entries entries in the cache"

# While another process uses the store nothing is deleted, and it stays due.
(exec 9< "$BUILDER_ROOT/lock"; flock -s 9; build .; ! grep -q "$tidied" "$WORK/log") || fail "tidied up beside another process"

# Now it happens: what images need stays, the rest goes, and then there is a day of peace.
build .
check_contains "$WORK/log" "$tidied"
check_equal "cache mounts" 0 "$(ls "$BUILDER_ROOT/mounts" | wc -l)"
check_equal "unpacked layers" 0 "$(ls "$BUILDER_ROOT/snapshots" | grep -vcE '^empty$' || true)"
skopeo copy -q "oci:$BUILDER_ROOT/oci:docker.io/me/wow:v1" "oci-archive:$WORK/copied.oci" || fail "the image does not live any more"
build -t me/wow:v2 .
! grep -q "$tidied" "$WORK/log" || fail "tidied up twice"

# A build that failed tidies up as well (the disk may have been full); programs that read the output see nothing of it.
overdue
printf 'RUN false\n' >> Dockerfile
fails 1 .
check_contains "$WORK/log" "$tidied"
overdue
sed -i '$d' Dockerfile
"$BUILDER" build --progress=rawjson --build-context busybox=oci-layout://"$BASES"/busybox . 2> "$WORK/json" || fail "rawjson"
jq -es . "$WORK/json" > /dev/null || fail "rawjson is not JSON"
check_equal "entries" 0 "$("$BUILDER" du --filter type=regular --filter type=exec.cachemount --filter shared=false --format '{{.ID}}' | wc -l)"

# Limits that hold delete nothing.
unset BUILDER_GC
build .
cache_entries > "$WORK/before"
[ -s "$WORK/before" ] || fail "nothing is in the cache"
overdue
BUILDER_GC=max-used-space=1GB,min-free-space=0 build .
! grep -q "$tidied" "$WORK/log" || fail "tidied up within the limits"
cache_entries > "$WORK/after"
# There may be one more: digests of files that had changed just before are only kept by the second build.
check_equal "entries that are gone" "" "$(comm -23 "$WORK/before" "$WORK/after")"
