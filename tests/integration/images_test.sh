#!/bin/bash
# What looks at images: images, inspect, history, info, version, search, diff; rows and columns as docker's.
. "$(dirname "$0")/lib.sh"

b() { "$BUILDER" "$@"; }
# refuses STATUS TEXT ARGS: the command must fail with that exit status and say TEXT on standard error; its standard output is in $WORK/out.
refuses() {
  local expected=$1 text=$2 status=0; shift 2
  "$BUILDER" "$@" > "$WORK/out" 2> "$WORK/err" || status=$?
  check_equal "exit status of $*" "$expected" "$status"
  check_contains "$WORK/err" "$text"
}

check_equal "empty store" "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE" "$(b images)"
check_equal "empty store -q" "" "$(b images -q)"

head -c 123456 /dev/zero > "$WORK/data"
context first <<'EOF'
FROM scratch
LABEL kind=first
ENV X=1
COPY data /f
COPY data /g
CMD ["/f"]
EOF
cp "$WORK/data" .
build -t me/wow:1 -t me/wow . > /dev/null
sleep 1
context second <<'EOF'
FROM busybox
LABEL kind=second
COPY hello /etc/hello
RUN echo changed > /etc/passwd && rm /etc/group
EOF
echo hello > hello
build -t app:v2 . > /dev/null

# --- images
b images > "$WORK/out"; cat "$WORK/out"
grep -Eqx 'REPOSITORY   TAG       IMAGE ID       CREATED +SIZE' "$WORK/out" || fail "heading of images"
check_equal "newest first" "app:v2 me/wow:1 me/wow:latest" "$(b images --format '{{.Repository}}:{{.Tag}}' | xargs)"
grep -Eqx 'me/wow       1         [0-9a-f]{12}   (Less than a second|[0-9]+ seconds?|About a minute|[0-9]+ minutes) ago +247kB' "$WORK/out" || fail "a row of images"
check_equal "two names of one image show the same id" "1" "$(b images -q me/wow | sort -u | wc -l)"
check_equal "images NAME" "2" "$(b images -q me/wow | wc -l)"
check_equal "images NAME:TAG" "1" "$(b image ls -q me/wow:1 | wc -l)"
check_equal "pattern" "me/wow me/wow" "$(b image list --format '{{.Repository}}' 'me/*' | xargs)"
check_equal "nothing fits" "0" "$(b images -q nothing | wc -l)"
check_equal "label" "app" "$(b images -f label=kind=second --format '{{.Repository}}')"
check_equal "since" "app" "$(b images --filter since=me/wow --format '{{.Repository}}')"
check_equal "before" "me/wow me/wow" "$(b images --filter before=app:v2 --format '{{.Repository}}' | xargs)"
b images --digests app | head -1 | has 'TAG       DIGEST  *IMAGE ID' || fail "images --digests"
b images --digests app | grep -Eq 'sha256:[0-9a-f]{64} ' || fail "a digest"
if status=0; b images > /dev/full 2> "$WORK/err" || status=$?; [ $status != 1 ]; then fail "lost output is no failure: $status"; fi
check_contains "$WORK/err" "write to standard output"
b tag app:v2 app:v3 >&- && b rmi app:v3 > /dev/null <&- || fail "without standard streams"
check_equal "whole ids" "71" "$(b images -q --no-trunc app:v2 | tr -d '\n' | wc -c)"
check_equal "json" "app v2" "$(b images --format json app | jq -r '.Repository + " " + .Tag')"
check_equal "table" "TAG       IMAGE ID" "$(b images --format 'table {{.Tag}}\t{{.ID}}' nothing)"
b images --tree | has '└─ linux/' || fail "images --tree"
refuses 1 "invalid filter" images -f colour=red
refuses 1 "there is no field \`.Repo\`" images --format '{{.Repo}}'
refuses 1 "unclosed action" images --format '{{.ID'
refuses 2 "did you mean --digests" images --digest

# An image that lost its name stays, untagged.
(cd "$WORK/first" && sed -i 's/X=1/X=2/' Dockerfile && build -t me/wow:1 -t me/wow . > /dev/null)
check_equal "dangling" "<none>:<none>" "$(b images -f dangling=true --format '{{.Repository}}:{{.Tag}}')"

# --- inspect
b image inspect me/wow > "$WORK/out"
check_equal "inspect" "amd64 linux layers 2 246912 /f me/wow:1,me/wow:latest" \
  "$(jq -r '.[0] | [.Architecture, .Os, .RootFS.Type, (.RootFS.Layers|length), .Size, .Config.Cmd[0], (.RepoTags|join(","))] | map(tostring) | join(" ")' "$WORK/out")"
id=$(b inspect -f '{{.Id}}' me/wow)
for name in "$id" "${id#sha256:}" "${id:7:12}" "${id:7:5}" docker.io/me/wow:latest "$(b inspect -f '{{index .RepoDigests 0}}' me/wow)"; do
  check_equal "inspect $name" "$id" "$(b inspect -f '{{.Id}}' "$name")"
done
check_equal "id is the config's digest" "$id" "sha256:$(sha256sum < "$BUILDER_ROOT/oci/blobs/sha256/${id#sha256:}" | cut -d' ' -f1)"
check_equal "template" '["/f"] first X=2' "$(b inspect --format '{{json .Config.Cmd}} {{.Config.Labels.kind}} {{range .Config.Env}}{{if eq . "X=2"}}{{.}}{{end}}{{end}}' me/wow)"
refuses 1 "No such image: nope:latest" inspect nope
check_equal "nothing found" "[]" "$(cat "$WORK/out")"
refuses 1 "No such image: nope:latest" inspect nope me/wow
check_equal "the others are shown" "1" "$(jq length "$WORK/out")"
refuses 1 "this store has: app:v2" inspect app
check_equal "json is one list on one line" "2 1" "$(b inspect -f json me/wow app:v2 | jq length) $(b inspect -f json me/wow app:v2 | wc -l)"
refuses 1 "No such image" inspect -f json nope
check_equal "json of nothing" "[]" "$(cat "$WORK/out")"
check_equal "fields that an image lacks" "map[]|[]||false|null|$id" \
  "$(b inspect -f '{{.Config.ExposedPorts}}|{{.Config.Entrypoint}}|{{.Config.StopSignal}}{{.Variant}}|{{.Config.ArgsEscaped}}|{{json .Config.Healthcheck}}|{{.ID}}' me/wow | sed 's/true/false/')"
refuses 1 ".StopSignal" inspect -f '{{.Config.Nope}}' me/wow
refuses 1 "repository name must be lowercase" inspect Me/Wow
refuses 1 "the name is empty" inspect ''
refuses 1 "did you mean .Architecture?" inspect -f '{{.Arhitecture}}' app:v2
refuses 1 "is not here for platform linux/s390x" inspect --platform linux/s390x app:v2
check_equal "its own platform" "$id" "$(b inspect -f '{{.Id}}' --platform linux/amd64 me/wow)"

# --- history
b history me/wow > "$WORK/out"; cat "$WORK/out"
grep -Eqx 'IMAGE          CREATED +CREATED BY +SIZE      COMMENT' "$WORK/out" || fail "heading of history"
grep -Eqx '[0-9a-f]{12}   .* ago +CMD \["/f"\] +0B        buildkit.dockerfile.v0' "$WORK/out" || fail "the first row of history"
grep -Eqx '<missing>      .* ago +COPY data /g # buildkit +123kB     buildkit.dockerfile.v0' "$WORK/out" || fail "a row of history"
check_equal "rows" "6" "$(wc -l < "$WORK/out")"
check_equal "-q" "${id:7:12} <missing>" "$(b history -q me/wow | uniq | xargs)"
check_equal "--no-trunc" "$id" "$(b history -q --no-trunc me/wow | head -1)"
check_equal "--human=false" "0 123456 123456 0 0" "$(b history --human=false --format '{{.Size}}' me/wow | xargs)"
b history -H=false me/wow | grep -Eq '20[0-9]{2}-[0-9]{2}-[0-9]{2}T' || fail "history -H=false has dates"
check_equal "json" "CMD [\"/f\"]" "$(b image history --format json me/wow | head -1 | jq -r .CreatedBy)"
refuses 1 "No such image" history nope

# --- diff
b diff me/wow me/wow > "$WORK/out"
check_contains "$WORK/out" "Files: the same"
b diff --exit-code me/wow:1 me/wow:latest > /dev/null
context third <<'EOF'
FROM busybox
COPY hello /etc/hello
EOF
echo hello > hello
build -t base:1 . > /dev/null
b diff base:1 app:v2 > "$WORK/out"; cat "$WORK/out"
check_contains "$WORK/out" "+ Labels.kind: \"second\""
check_contains "$WORK/out" "C /etc/passwd  (content)"
check_contains "$WORK/out" "D /etc/group"
check_contains "$WORK/out" " 1 changed, 1 removed"
grep -q '^  RUN /bin/sh -c echo changed' "$WORK/out" || fail "the instruction is named"
check_equal "json" "removed /etc/group" "$(b diff --format json base:1 app:v2 | jq -r '.Files[] | select(.Change=="removed") | .Change + " " + .Path')"
status=0; b diff --exit-code base:1 app:v2 > /dev/null || status=$?
check_equal "--exit-code" 1 $status
refuses 1 "No such image" diff base:1 nope

# --- info, version
b info > "$WORK/out"; cat "$WORK/out"
check_contains "$WORK/out" "Store: $BUILDER_ROOT"
check_contains "$WORK/out" "Images: 4 (1 untagged)"
check_equal "info --format" "4 $BUILDER_ROOT linux" "$(b system info --format '{{.Images}} {{.DockerRootDir}} {{.OSType}}')"
check_equal "driver" true "$(b info --format json | jq '.Driver == "overlay" or .Driver == "copy"')"
check_equal "copies" copy "$(BUILDER_SNAPSHOTTER=copy "$BUILDER" info -f '{{.Driver}}')"
version=$(b version)
check_equal "version" "builder $(b version --format '{{.Client.Version}}')" "$version"
check_equal "version json" "$(b version -f '{{.Server.Version}}')" "$(b version --format json | jq -r .version)"

# --- search
python3 "$SOURCE_ROOT/tests/support/hub_search.py" "$WORK/requests" 1 > "$WORK/port" & server=$!
trap 'kill $server 2>/dev/null' EXIT
for _ in $(seq 50); do [ -s "$WORK/port" ] && break; sleep 0.1; done
hub=localhost:$(cat "$WORK/port")
b search "$hub/nginx" > "$WORK/out"; cat "$WORK/out"
check_equal "a busy server is asked again" 2 "$(wc -l < "$WORK/requests")"
head -1 "$WORK/out" | grep -Eqx 'NAME +DESCRIPTION +STARS     OFFICIAL' || fail "heading of search"
grep -Eqx "$hub/nginx  +Official build of Nginx. +20000     \[OK\]" "$WORK/out" || fail "a row of search"
grep -q 'NGINX and NGINX Plus Ingress Controllers for…' "$WORK/out" || fail "a long description is cut"
b search --no-trunc "$hub/nginx" | has 'for Kubernetes and more words' || fail "search --no-trunc"
check_equal "--limit" 1 "$(b search --limit 1 --format '{{.Name}}' "$hub/nginx" | wc -l)"
check_equal "--limit is sent" "/v1/search?q=nginx&n=1" "$(tail -1 "$WORK/requests")"
check_equal "stars" "$hub/nginx" "$(b search -f stars=100 --format '{{.Name}}' "$hub/nginx")"
check_equal "official" 2 "$(b search -f is-official=false --format '{{.Name}}' "$hub/nginx" | wc -l)"
check_equal "json" true "$(b search --format json "$hub/nginx" | head -1 | jq -r .IsOfficial)"
check_equal "nothing found" 1 "$(b search "$hub/zzz" | wc -l)"
refuses 1 "the answer of $hub" search "$hub/broken"
refuses 2 "outside the range" search --limit 500 nginx
refuses 1 "reserved name" pull scratch
refuses 1 "ambiguous tag" tag app:v2 sha256:abc
refuses 1 "invalid filter" search -f color=red "$hub/nginx"
echo PASS
