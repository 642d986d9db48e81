# tag, rmi, du, prune, image prune, system prune, system df: names, messages, what is freed and what stays.
. "$SOURCE_ROOT/tests/integration/lib.sh"
context app <<'DOCKERFILE'
FROM busybox
RUN --mount=type=cache,target=/cached echo wheel > /cached/wheel; echo one > /one
COPY Dockerfile /two
DOCKERFILE
build -t me/wow:v1 .
builder() { "$BUILDER" "$@"; }

# tag: a second name; by name, by id, by a part of the id.
id=$(builder images -q me/wow:v1 2>/dev/null || true)
builder tag me/wow:v1 me/wow
builder tag me/wow other:x > "$WORK/out"; check_equal "output of tag" "" "$(cat "$WORK/out")"
! builder tag nosuch x 2> "$WORK/err" || fail "tag of nothing works"
check_contains "$WORK/err" "No such image: nosuch:latest"
! builder tag me/wow "x@sha256:$(printf '0%.0s' $(seq 64))" 2> "$WORK/err" || fail "tag with a digest works"
check_contains "$WORK/err" "refusing to create a tag with a digest reference"
! builder tag me/wow UPPER 2>/dev/null || fail "tag with a wrong name works"

# rmi: a name of several; the last one; what is not there; the same twice.
check_equal "rmi of a name" "Untagged: me/wow:latest" "$(builder rmi me/wow)"
[ -n "$id" ] || id=$(jq -r '.manifests[0].digest' "$BUILDER_ROOT/oci/index.json" | cut -d: -f2 | cut -c1-12)
! builder rmi "$id" 2> "$WORK/err" || fail "rmi of an id with names in two repositories works"
check_contains "$WORK/err" "must be forced"
check_equal "rmi of another name" "Untagged: other:x" "$(builder rmi other:x)"
builder rmi -f "$id" "$id" > "$WORK/out"
check_contains "$WORK/out" "Untagged: me/wow:v1"
check_contains "$WORK/out" "Deleted: sha256:"
! builder rmi nosuch 2> "$WORK/err" || fail "rmi of nothing works"
check_contains "$WORK/err" "No such image: nosuch:latest"
builder rmi -f nosuch 2>/dev/null || fail "rmi -f of nothing fails"
! builder rmi -f nosuch: 2> "$WORK/err" || fail "rmi -f of no name works"
check_contains "$WORK/err" "the tag is empty"
check_equal "images that are left" 0 "$(jq '.manifests|length' "$BUILDER_ROOT/oci/index.json")"

# The build cache is as good as before.
build --debug=stats -t me/wow:v1 .
check_equal "steps that ran after rmi" 0 "$(stat_of exec.runs)"

# du.
builder du > "$WORK/out"
head -1 "$WORK/out" | has -E '^ID +RECLAIMABLE +SIZE +LAST ACCESSED$' || fail "head of du: $(head -1 "$WORK/out")"
for word in Shared: Private: Reclaimable: Total:; do check_contains "$WORK/out" "$word"; done
builder du --verbose --filter type=exec.cachemount > "$WORK/out"
check_contains "$WORK/out" "cached mount /cached"
check_contains "$WORK/out" "exec.cachemount"
builder du --format json | jq -es 'length > 3 and all(.[]; .ID != "" and .Size != "")' >/dev/null || fail "du --format json"
check_equal "du --format TEMPLATE" "$(builder du --format json | jq -r '.ID + " " + .Size')" "$(builder du --format '{{.ID}} {{.Size}}')"
builder du --filter type=exec.cachemount --format 'table {{.Type}}\t{{.Mutable}}\t{{.LastUsedAt}}' > "$WORK/out"
grep -qE '^TYPE +MUTABLE +LAST ACCESSED$' "$WORK/out" || fail "headings of du --format table"
grep -qE '^exec.cachemount +true +[A-Z]' "$WORK/out" || fail "row of du --format table"
check_equal "system df --format TEMPLATE" "Images Containers Local Volumes Build Cache" "$(builder system df --format '{{.Type}}\t{{.Size}}' | cut -f1 | xargs)"
check_equal "system df --format json" "Images 1" "$(builder system df --format json | jq -r '.Type + " " + .TotalCount' | head -1)"
check_equal "system df --format table" "TYPE            ACTIVE" "$(builder system df --format 'table {{.Type}}\t{{.Active}}' | head -1)"
builder system df -v --format json | jq -e '(.Images | length == 1) and .Containers == [] and (.BuildCache[0].CacheType | length > 0)' > /dev/null ||
  fail "system df -v --format json"
check_equal "system df -v --format TEMPLATE" "$(builder images --no-trunc --format '{{.ID}}')" "$(builder system df -v --format '{{range .Images}}{{.ID}}{{end}}')"
status=0; builder du --format '{{.Bogus}}' 2>/dev/null || status=$?
check_equal "exit status of a wrong template" 1 "$status"
builder system df > "$WORK/out"
grep -qE '^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE$' "$WORK/out" || fail "head of system df"
grep -qE '^Images +1 +0 ' "$WORK/out" || fail "images in system df"
status=0; builder du --filter nonsense=1 2>/dev/null || status=$?
check_equal "exit status of a wrong filter" 2 $status

# prune asks, keeps what images need, and takes what fits the filter.
echo n | builder prune > "$WORK/out"
check_equal "question of prune" "WARNING! This will remove all dangling build cache. Are you sure you want to continue? [y/N] " "$(cat "$WORK/out")"
check_equal "an old one" "Total:	0B" "$(builder prune -f --filter until=24h)"
builder prune -f --filter type=exec.cachemount > "$WORK/out"
head -1 "$WORK/out" | has -E '^ID +RECLAIMABLE +SIZE +LAST ACCESSED$' || fail "head of prune"
check_equal "rows of prune" 3 "$(wc -l < "$WORK/out")"
check_equal "cache mounts" 0 "$(ls "$BUILDER_ROOT/mounts" | wc -l)"
builder prune -af > "$WORK/out"
check_equal "unpacked layers after prune -a" 0 "$(ls "$BUILDER_ROOT/snapshots" | grep -vc '^empty$' || true)"
build -o type=oci,dest="$WORK/x.oci" .
check_contains "$WORK/log" "exporting"
skopeo inspect "oci:$BUILDER_ROOT/oci" > /dev/null 2>&1 || true
skopeo copy -q "oci:$BUILDER_ROOT/oci:docker.io/me/wow:v1" "oci-archive:$WORK/copied.oci" || fail "the image does not live any more"

# image prune: what lost its name; label and until filters; -a.
echo "LABEL keep=yes" >> Dockerfile
build -t me/wow:v1 .
check_equal "images" 2 "$(jq '.manifests|length' "$BUILDER_ROOT/oci/index.json")"
check_equal "labelled" "Total reclaimed space: 0B" "$(builder image prune -f --filter label=keep=no)"
builder image prune -f > "$WORK/out"
check_contains "$WORK/out" "Deleted Images:"
check_contains "$WORK/out" "deleted: sha256:"
check_contains "$WORK/out" "Total reclaimed space: "
check_equal "kept by its label" "Total reclaimed space: 0B" "$(builder image prune -af --filter label!=keep=yes)"
builder image prune -af > "$WORK/out"
check_contains "$WORK/out" "untagged: me/wow:v1"
builder system prune -af > "$WORK/out"
check_contains "$WORK/out" "Total reclaimed space: "
check_equal "blobs after system prune -a" 0 "$(ls "$BUILDER_ROOT/oci/blobs/sha256" | wc -l)"

# A build at work: prune waits, rmi does not.
printf 'FROM busybox\nRUN sleep 3; echo done\n' > Dockerfile
build -t slow:1 . & pid=$!
sleep 1
builder rmi nosuch >/dev/null 2>&1 || true
builder prune -af > /dev/null 2> "$WORK/err"
wait $pid || fail "a build failed while prune waited"
check_contains "$WORK/err" "waiting for other builder processes"

# Killed in the middle, the store still works.
for i in $(seq 12); do
  build -t slow:1 . >/dev/null
  "$BUILDER" prune -af > /dev/null 2>&1 & pid=$!
  sleep "0.0$((RANDOM % 8))"
  kill_job $pid
  wait $pid 2>/dev/null || true
  printf 'FROM busybox\nRUN echo %s\n' "$i" > Dockerfile
  build -t slow:1 -o type=oci,dest="$WORK/after.oci" . || fail "round $i: the build after a killed prune"
done
skopeo inspect "oci-archive:$WORK/after.oci" > /dev/null

# system df -v tells what images share.
mkdir shared && printf 'FROM busybox\nCOPY f /f\n' > shared/Dockerfile
head -c 2000 /dev/zero > shared/f; build -t sharing:1 shared > /dev/null
head -c 3000 /dev/zero > shared/f; build -t sharing:2 shared > /dev/null
builder tag sharing:2 sharing:3
builder system df -v > "$WORK/out"
grep -qE '^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE +SHARED SIZE +UNIQUE SIZE +CONTAINERS$' "$WORK/out" || fail "head of system df -v: $(cat "$WORK/out")"
check_equal "what is not shared" "1=2kB 2=3kB 3=3kB" \
  "$(builder system df -v --format json | jq -r '[.Images[] | select(.Repository == "sharing") | .Tag + "=" + .UniqueSize] | sort | join(" ")')"
check_equal "what is shared" 1 "$(builder system df -v --format json | jq -r '.Images[] | select(.Repository == "sharing") | .SharedSize' | sort -u | grep -c B)"

builder prune -af > /dev/null
check_equal "rubbish" "" "$(find "$BUILDER_ROOT/tmp" -mindepth 2 | head -1)"
exit 0
