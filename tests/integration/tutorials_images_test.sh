# What courses teach about images on this machine, typed as there: the sections "Local images" and "Around" of TUTORIALS.md, row by row.
#   images, image ls, images me/wow                       "images"
#   image ls -q · image ls --digests alpine · images -a   "images"
#   tag IMAGE_OR_ID name[:tag]                            "tag"
#   rmi name · rmi name:1.0, the last name                "rmi"
#   rmi -f ID ID · image rm $(image ls -q) -f             "All gone", at the end
#   history me/x:1.1                                      "history"
#   image inspect ubuntu:latest                           "inspect"
#   save -o x.tar IMG · load -i x.tar                     "save, load"
#   import moncentos.tar.gz me/centos:1.0                 "import"
#   a root file system archive of an image                "import"
#   version, info, --help                                 "Around"
. "$SOURCE_ROOT/tests/integration/lib.sh"
. "$SOURCE_ROOT/tests/integration/tutorials_lib.sh"
registry hub
leads docker.io "$PORT"
stand_in "" alpine
stand_in "" ubuntu
ago='(Less than a second|About a minute|[0-9]+ (second|minute)s?) ago'

# --- images
check_equal "nothing yet" 'REPOSITORY   TAG       IMAGE ID   CREATED   SIZE' "$(builder images)"
context old <<< $'FROM scratch\nCOPY data /'
truncate -s 72900000 data
SOURCE_DATE_EPOCH=$(($(date +%s) - 8 * 86400)) succeeds builder build -t me/old .
context wow <<'DOCKERFILE'
FROM alpine
COPY script.sh /root/
ENV WHO=me
RUN chmod 777 /root/script.sh && echo a line that is longer than its column
CMD ["/root/script.sh"]
DOCKERFILE
echo 'echo wow' > script.sh
succeeds builder build -t me/wow -t me/wow:v1 .
cd "$WORK"
succeeds builder images
cp "$WORK/out" "$WORK/images"
check_matches "$WORK/images" 'REPOSITORY   TAG       IMAGE ID       CREATED +SIZE'
check_matches "$WORK/images" "me/wow       latest    [0-9a-f]{12}   $ago +[0-9.]+MB"
check_matches "$WORK/images" "me/wow       v1        [0-9a-f]{12}   $ago +[0-9.]+MB"
check_matches "$WORK/images" 'me/old       latest    [0-9a-f]{12}   8 days ago +72\.9MB'
check_equal "newest first" me/old "$(tail -1 "$WORK/images" | cut -d' ' -f1)"
check_equal "one id for both names" 1 "$(awk '$1 == "me/wow" { print $3 }' "$WORK/images" | uniq | wc -l)"
for command in 'image ls' 'image list' 'images -a' 'image ls -a'; do
  # shellcheck disable=SC2086
  check_equal "$command" "$(awk '{ print $1, $2, $3 }' "$WORK/images")" "$(builder $command | awk '{ print $1, $2, $3 }')"
done
check_equal "one repository" "me/wow latest me/wow v1" "$(builder images me/wow | awk 'NR > 1 { print $1, $2 }' | xargs)"
builder image ls -q > "$WORK/ids"
check_equal "ids only" "$(awk 'NR > 1 { print $3 }' "$WORK/images")" "$(cat "$WORK/ids")"
succeeds builder pull alpine
succeeds builder image ls --digests alpine
check_matches "$WORK/out" 'REPOSITORY   TAG       DIGEST +IMAGE ID       CREATED +SIZE'
digest=$(skopeo inspect --tls-verify=false "docker://localhost:$PORT/library/alpine" | jq -r .Digest)
check_matches "$WORK/out" "alpine       latest    $digest   [0-9a-f]{12}   $ago +[0-9.]+MB"

# --- tag
id=$(id_of me/wow:v1)
succeeds builder tag me/wow:v1 me/second
check_equal "output of tag" "" "$(cat "$WORK/out" "$WORK/log")"
succeeds builder tag "$id" me/third:1.0
succeeds builder image tag "$(builder inspect -f '{{.Id}}' me/wow)" me/third:1.1
for name in me/second me/third:1.0 me/third:1.1; do check_equal "id of $name" "$id" "$(id_of $name)"; done
exits 1 builder tag nothing me/x
check_contains "$WORK/log" 'No such image: nothing:latest'

# --- rmi: a name of several, then the last one. What the build cache knows stays for the next build.
succeeds builder rmi me/second
check_equal "rmi of a name" "Untagged: me/second:latest" "$(cat "$WORK/out")"
check_equal "the image stays" "$id" "$(id_of me/wow)"
succeeds builder image rm me/third:1.0 me/third:1.1
check_equal "image rm" "Untagged: me/third:1.0 Untagged: me/third:1.1" "$(xargs < "$WORK/out")"
whole=$(builder inspect -f '{{.Id}}' me/old)
succeeds builder rmi me/old
check_equal "first line" "Untagged: me/old:latest" "$(sed -n 1p "$WORK/out")"
check_equal "second line" "Deleted: $whole" "$(sed -n 2p "$WORK/out")"
check_equal "images of that name" "" "$(id_of me/old)"
exits 1 builder rmi me/old
check_contains "$WORK/log" 'No such image: me/old:latest'

# --- history
cd "$WORK/wow"
sed -i 's/^CMD.*/RUN echo new/' Dockerfile
succeeds builder build -t me/x:1.1 .
succeeds builder history me/x:1.1
check_equal "rows" "$(builder image history me/x:1.1 | wc -l)" "$(wc -l < "$WORK/out")"
check_matches "$WORK/out" 'IMAGE          CREATED +CREATED BY +SIZE      COMMENT'
check_matches "$WORK/out" "$(id_of me/x:1.1)   $ago +RUN /bin/sh -c echo new # buildkit +[0-9.]+k?B +buildkit\.dockerfile\.v0"
check_matches "$WORK/out" "<missing>      $ago +RUN /bin/sh -c chmod 777 /root/script\.sh && .*… +[0-9.]+k?B +buildkit\.dockerfile\.v0"
check_matches "$WORK/out" "<missing>      $ago +ENV WHO=me +0B        buildkit\.dockerfile\.v0"
check_matches "$WORK/out" "<missing>      $ago +COPY script\.sh /root/ # buildkit +9B        buildkit\.dockerfile\.v0"
succeeds builder history --no-trunc me/x:1.1
check_matches "$WORK/out" "$(builder inspect -f '{{.Id}}' me/x:1.1) .* RUN /bin/sh -c echo new # buildkit .*"
check_contains "$WORK/out" 'RUN /bin/sh -c chmod 777 /root/script.sh && echo a line that is longer than its column # buildkit'
cd "$WORK"

# --- inspect
succeeds builder pull ubuntu
succeeds builder image inspect ubuntu:latest
check_equal "it is an array" 1 "$(jq 'if type == "array" then length else 0 end' "$WORK/out")"
check_equal "names" '["ubuntu:latest"]' "$(jq -c '.[0].RepoTags' "$WORK/out")"
check_equal "digests" '["ubuntu@'"$(skopeo inspect --tls-verify=false "docker://localhost:$PORT/library/ubuntu" | jq -r .Digest)"'"]' "$(jq -c '.[0].RepoDigests' "$WORK/out")"
check_equal "other fields" true "$(jq '.[0] | (.Id | test("^sha256:[0-9a-f]{64}$")) and (.Created | fromdateiso8601? // (sub("\\..*"; "Z") | fromdateiso8601) > 0) and
  (.Config.Env | index("STAND_IN=ubuntu") != null) and .Os == "linux" and .Size > 1000000' "$WORK/out")"
skopeo inspect --config --tls-verify=false "docker://localhost:$PORT/library/ubuntu" > "$WORK/config"
check_equal "architecture, layers" "$(jq -c '[.architecture, .rootfs.diff_ids]' "$WORK/config")" "$(jq -c '.[0] | [.Architecture, .RootFS.Layers]' "$WORK/out")"
check_equal "two images" 2 "$(builder inspect ubuntu alpine | jq length)"
exits 1 builder image inspect nothing
check_contains "$WORK/log" 'No such image: nothing:latest'

# --- save, load
id=$(id_of me/wow)
succeeds builder save -o x.tar me/wow
check_equal "output of save" "" "$(cat "$WORK/out")"
builder image save me/wow | cmp - x.tar || fail "image save writes something else"
succeeds builder rmi me/wow me/wow:v1
succeeds builder load -i x.tar
check_equal "output of load: every tag" "$(printf 'Loaded image: me/wow:%s\n' latest v1)" "$(cat "$WORK/out")"
check_equal "id" "$id" "$(id_of me/wow)"
succeeds builder image load < x.tar
check_equal "output of load from a pipe" "$(printf 'Loaded image: me/wow:%s\n' latest v1)" "$(cat "$WORK/out")"

# --- import: the root file system of an image, compressed or not, makes another one of a single layer.
succeeds builder export -o moncentos.tar me/wow
tar tf moncentos.tar | grep -x root/script.sh > /dev/null || fail "export lacks a file"
printf 'FROM me/wow\n' | builder build -q -o type=tar,dest=built.tar - > "$WORK/log" 2>&1 || { cat "$WORK/log"; fail "build -o type=tar"; }
cmp built.tar moncentos.tar || fail "export and build -o type=tar differ"
gzip -k moncentos.tar
succeeds builder import moncentos.tar.gz me/centos:1.0
check_matches "$WORK/out" 'sha256:[0-9a-f]{64}'
check_equal "id" "$(cat "$WORK/out")" "$(builder inspect -f '{{.Id}}' me/centos:1.0)"
succeeds builder image import moncentos.tar me/centos:2.0
for tag in 1.0 2.0; do
  check_equal "layers" "[\"sha256:$(sha256sum < moncentos.tar | cut -d' ' -f1)\"]" "$(builder inspect -f '{{json .RootFS.Layers}}' me/centos:$tag)"
  succeeds builder history me/centos:$tag
  check_equal "a heading and one row" 2 "$(wc -l < "$WORK/out")"
done
printf 'FROM me/centos:1.0\nRUN sh /root/script.sh\n' | succeeds builder build -
check_matches "$WORK/log" '#[0-9]+ [0-9]+\.[0-9]+ wow'

# The last name of an image of which nobody else knows the layer: the layer goes, too.
head -c 100000 /dev/urandom > only; tar cf only.tar only
succeeds builder import only.tar me/only:1.0
whole=$(cat "$WORK/out")
succeeds builder rmi me/only:1.0
check_equal "rmi of the last name" "Untagged: me/only:1.0
Deleted: $whole
Deleted: sha256:$(sha256sum < only.tar | cut -d' ' -f1)" "$(cat "$WORK/out")"

# --- All gone: ids may come twice.
id=$(id_of me/centos:2.0)
succeeds builder tag "$id" me/again
succeeds builder rmi -f "$id" "$id"
check_equal "names" "Untagged: me/again:latest Untagged: me/centos:2.0" "$(grep Untagged "$WORK/out" | sort | xargs)"
check_equal "it is gone" "" "$(id_of me/centos:2.0)"
succeeds builder tag me/wow me/twice
# shellcheck disable=SC2046
succeeds builder image rm $(builder image ls -q) -f
check_contains "$WORK/out" "Untagged: me/twice:latest"
check_equal "all gone" 'REPOSITORY   TAG       IMAGE ID   CREATED   SIZE' "$(builder images)"
cd "$WORK/wow"
succeeds builder build -t me/x:1.1 .
check_equal "steps of the build cache" 4 "$(grep -Ec '^#[0-9]+ CACHED$' "$WORK/log")"
succeeds builder image prune -f
check_equal "image prune" 'Total reclaimed space: 0B' "$(cat "$WORK/out")"

# --- Around
succeeds builder version
check_matches "$WORK/out" 'builder [0-9]+\.[0-9]+\.[0-9]+.*'
succeeds builder info
check_contains "$WORK/out" "Store: $BUILDER_ROOT"
check_matches "$WORK/out" ' Images: 1 .*'
check_matches "$WORK/out" ' Images Size: [0-9.]+MB'
check_matches "$WORK/out" 'RUN: isolated by .*'
check_matches "$WORK/out" 'Missing: ?.*'
# Every command has help: what it is for, how it is called, long words with two dashes and short forms of one letter.
commands() { builder "$@" --help | sed -n '/^Commands:/,$s/^  \([a-z][a-z-]*\) .*/\1/p'; }
for group in "" image system builder buildx debug; do
  names=$(commands $group)
  [ -n "$names" ] || fail "no commands in help of '$group'"
  for name in $names; do
    # shellcheck disable=SC2086
    succeeds builder $group $name --help
    check_contains "$WORK/out" "Usage: builder ${group:+$group }$name"
    wrong=$(sed -n '/^Options:/,$p' "$WORK/out" | grep -E '^ {1,6}-' | grep -Ev '^  (-[a-zA-Z], |    )--[a-z][a-z-]+(,? |$)' || true)
    check_equal "options of $group $name" "" "$wrong"
  done
done
for pair in 'images:ls' 'rmi:rm' build:build pull:pull push:push inspect:inspect history:history tag:tag save:save load:load import:import; do
  check_equal "help of image ${pair#*:}" "$(builder "${pair%:*}" --help | grep -v ^Usage)" "$(builder image "${pair#*:}" --help | grep -v ^Usage)"
done
exits 2 builder imagse
check_contains "$WORK/log" 'is not a command of builder'
