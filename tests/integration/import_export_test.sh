# `builder import` and `export`: a root file system archive becomes an image with one layer, and an image an archive.
. "$SOURCE_ROOT/tests/integration/lib.sh"

context root <<'DOCKERFILE'
FROM busybox
RUN mkdir /data && echo 1 > /data/a && ln /data/a /data/hard && ln -s a /data/soft && chown 12:34 /data/a && chmod 4750 /data/a
RUN echo 2 > /data/b && rm /bin/wget
DOCKERFILE
build -q -t me/root . >/dev/null
cd "$WORK"
import() { "$BUILDER" import "$@" > "$WORK/out" 2> "$WORK/log" || { cat "$WORK/log"; fail "import $*"; }; }
import_fails() { local expected=$1 status=0; shift; "$BUILDER" import "$@" > "$WORK/out" 2> "$WORK/log" || status=$?; check_equal "exit status of import $*" "$expected" "$status"; }
config_of() { "$BUILDER" save "$1" > saved.tar; tar xOf saved.tar "$(tar xOf saved.tar manifest.json | jq -r '.[0].Config')"; }

# What export writes is the root file system: the upper layers' changes, links, owners, modes.
"$BUILDER" export -o root.tar me/root
"$BUILDER" export me/root | cmp - root.tar || fail "export to standard output"
"$BUILDER" export -o '' me/root | cmp - root.tar || fail "export -o ''"
build -q -o type=tar,dest=built.tar root >/dev/null
cmp root.tar built.tar || fail "export is not what build -o type=tar writes"
tar tvf root.tar --numeric-owner | grep -E '^-rwsr-x--- 12/34 .* data/a$' >/dev/null || fail "owner and mode of data/a"
check_equal "file that was deleted" "" "$(tar tf root.tar | grep -x bin/wget || true)"
check_equal "file of the upper layer" 2 "$(tar xOf root.tar data/b)"

# There and back: one layer, the same files.
import root.tar me/imported:1.0
id=$(cat out)
config_of me/imported:1.0 > config
check_equal "printed id" "$id" "sha256:$(sha256sum < config | cut -d' ' -f1)"
check_equal "layers" 1 "$(jq '.rootfs.diff_ids | length' config)"
check_equal "diff id" "sha256:$(sha256sum < root.tar | cut -d' ' -f1)" "$(jq -r '.rootfs.diff_ids[0]' config)"
check_equal "config" '{}' "$(jq -c .config config)"
check_equal "history" "Imported from root.tar" "$(jq -r '.history[].comment' config)"
check_equal "architecture" "$(dpkg --print-architecture)" "$(jq -r .architecture config)"
"$BUILDER" export -o again.tar me/imported:1.0
cmp root.tar again.tar || fail "export, import, export: not the same archive"

# Compressed, from a pipe; gzip stays as it is to the byte.
for tool in gzip zstd xz bzip2; do
  command -v $tool >/dev/null || continue
  $tool -c root.tar > packed
  import - me/packed < packed
  check_equal "diff id of a $tool archive" "$(jq -r '.rootfs.diff_ids[0]' config)" "$(config_of me/packed | jq -r '.rootfs.diff_ids[0]')"
done
gzip -n9 < root.tar > packed
import packed me/packed
check_equal "blob of a gzip archive" "$(sha256sum < packed | cut -d' ' -f1)" "$("$BUILDER" save me/packed | tar xO manifest.json | jq -r '.[0].Layers[0]' | cut -d/ -f3)"

# --change, --message, --platform; the image runs and is a base.
import -c 'CMD ["cat", "/data/b"]' -c 'ENV A=1 B=2' --change 'workdir /data' -c 'EXPOSE 80' -c 'LABEL x=y' -c 'USER 12' -m 'from a test' root.tar me/changed
config_of me/changed > config
check_equal "config" '["cat","/data/b"] A=1 B=2 /data 80/tcp y 12' \
  "$(jq -r '[(.config.Cmd | tojson), (.config.Env | join(" ")), .config.WorkingDir, (.config.ExposedPorts | keys[]), .config.Labels.x, .config.User] | join(" ")' config)"
check_equal "history" '1 from a test' "$(jq -r '"\(.history | length) \(.history[0].comment)"' config)"
import -c 'ENV A=1' -c 'ENV B=x$A PATH=/b:$PATH' -c 'WORKDIR a' -c 'WORKDIR b' root.tar me/env
check_equal "environment" '{"Env":["A=1","B=x1","PATH=/b:"],"WorkingDir":"/a/b"}' "$(config_of me/env | jq -c .config)"
import -c 'ENV A=1' -c 'ENV PATH=' -c $'ENV B=2 \\\n C=3\nCMD x' root.tar me/env
check_equal "several lines" '{"Env":["A=1","PATH=","B=2","C=3"],"Cmd":["/bin/sh","-c","x"]}' "$(config_of me/env | jq -c '.config | {Env, Cmd} + (del(.Env, .Cmd))')"
import --platform linux/arm/v7 root.tar me/arm
check_equal "platform" "linux arm v7" "$(config_of me/arm | jq -r '[.os, .architecture, .variant] | join(" ")')"
context on <<'DOCKERFILE'
FROM me/changed
USER 0
RUN test "$(pwd)" = /data && test "$(cat b)" = 2 && test ! -e /bin/wget
DOCKERFILE
build --build-context me/unused=. . || fail "build from an imported image"
cd "$WORK"

# From a URL.
if command -v python3 >/dev/null; then
  mkdir www && cp packed www/root.tar.gz
  python3 - "$WORK/www" <<'PYTHON' > port & WEB_PID=$!
import functools, http.server, sys
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1]))
print(server.server_port, flush=True)
server.serve_forever()
PYTHON
  trap 'kill $WEB_PID 2>/dev/null' EXIT
  for _ in $(seq 50); do [ -s port ] && break; sleep 0.1; done
  import "http://127.0.0.1:$(cat port)/root.tar.gz" me/url
  import_fails 1 "http://127.0.0.1:$(cat port)/none" me/url
  check_contains log "404"
  kill $WEB_PID; wait $WEB_PID 2>/dev/null || true
  trap - EXIT
fi

# Without a name it has just its id.
import root.tar
"$BUILDER" export "$(cat out)" | cmp - root.tar || fail "export by id"

# What cannot be imported or exported.
blobs() { find "$BUILDER_ROOT/oci/blobs" -type f | sort; }
blobs > before
echo garbage > garbage
import_fails 1 garbage me/none
head -c 100000 packed > cut; import_fails 1 cut me/none
head -c 100000 root.tar > cut; import_fails 1 cut me/none
: > empty; import_fails 1 empty me/none
import_fails 1 "$WORK/missing" me/none
import_fails 2 -c 'RUN true' root.tar me/none
check_contains log "not possible here"
import_fails 1 -c 'USER me' -c 'ENV' root.tar me/none
check_contains log '--change `ENV`: ENV requires at least one argument'
grep -q scratch log && fail "an error shows what nobody wrote"
import_fails 1 -c 'NONSENSE x' root.tar me/none
import_fails 2 -c 'FROM busybox' root.tar me/none
import_fails 2 -c '' root.tar me/none
import_fails 2
import_fails 1 root.tar UPPER
blobs | cmp before - || fail "a failed import left something in the store"
"$BUILDER" export -o none.tar me/none 2> log && fail "exported an image that is not there"
check_contains log "No such image"
[ ! -e none.tar ] || fail "a file is left"
