# ADD of URLs and repositories; contexts from standard input, http and git; named contexts; secrets that must not show.
. "$SOURCE_ROOT/tests/integration/lib.sh"
command -v python3 >/dev/null || skip "python3 is not installed"
command -v git >/dev/null || skip "git is not installed"

web=$WORK/web; mkdir -p "$web/private" "$web/git"
port=$((20000 + RANDOM % 10000)); url=http://127.0.0.1:$port
python3 "$SOURCE_ROOT/tests/support/web_server.py" "$web" "$port" "$WORK/requests" & server=$!
trap 'kill $server' EXIT
printf one > "$web/file"; touch -d '2020-02-02 02:02:02 UTC' "$web/file"
for _ in $(seq 50); do curl -fs "$url/file" >/dev/null && break; sleep 0.1; done
requests() { cut -d' ' -f1,3 "$WORK/requests" | tr '\n' ',' | sed 's/,$//'; : > "$WORK/requests"; }
requests >/dev/null
files() { tar -tvf "$1" --numeric-owner --full-time --utc | awk '{print $1,$2,$4,$5,$6}'; }

# --- ADD of a URL: mode, time; the second build asks with HEAD and runs nothing; changed content is seen.
context url <<DOCKERFILE
FROM scratch
ADD $url/file /
DOCKERFILE
build -o type=tar,dest=out.tar .
check_equal "requests of the first build" "GET 200" "$(requests)"
check_equal "the file" "-rw------- 0/0 2020-02-02 02:02:02 file" "$(files out.tar)"
build --debug=stats -o type=tar,dest=out.tar .
check_equal "requests of the second build" "HEAD 304" "$(requests)"
check_equal "misses of the second build" 0 "$(stat_of cache.misses)"
printf two > "$web/file"
build -o type=tar,dest=out.tar .
check_equal "requests after a change" "HEAD 200,GET 200" "$(requests)"
check_equal "changed content" two "$(tar -xOf out.tar file)"
sum=$(sha256sum "$web/file" | cut -d' ' -f1)
sed -i "s/ADD/ADD --checksum=sha256:$sum/" Dockerfile
build -o type=tar,dest=out.tar .
check_equal "requests with a checksum" "" "$(requests)"
sed -i "s/$sum/${sum//[0-9]/0}/" Dockerfile
fails 1 .
check_contains "$WORK/log" "digest mismatch"
printf 'FROM scratch\nADD %s/missing /\n' "$url" > Dockerfile
fails 1 .
check_contains "$WORK/log" "status 404"

# --- Credentials: neither the token nor the password is to be found anywhere afterwards.
echo private > "$web/private/file"
context secret <<DOCKERFILE
FROM scratch
ADD $url/private/file /
DOCKERFILE
fails 1 .
check_contains "$WORK/log" "HTTP_AUTH_TOKEN_127.0.0.1:$port"
printf let-me-in > "$WORK/token"
build --secret "id=HTTP_AUTH_TOKEN_127.0.0.1:$port,src=$WORK/token" -o type=tar,dest=out.tar .
check_equal "private file" private "$(tar -xOf out.tar file)"
! grep -rqF let-me-in "$BUILDER_ROOT" "$WORK/log" out.tar || fail "the secret is in the store, the log or the result"

# --- A repository: branch, annotated tag, executable file, submodule; over http and as `git://` would be.
git_() { git -c user.name=T -c user.email=t@example.com -c init.defaultBranch=main -c protocol.file.allow=always "$@"; }
git_ init -q --bare "$web/git/sub.git"
git_ clone -q "$web/git/sub.git" sub 2>/dev/null
(cd sub && echo sub > s && git_ add s && git_ commit -qm s && git_ push -q origin HEAD:main)
git_ init -q --bare "$web/git/app.git"
git_ clone -q "$web/git/app.git" app 2>/dev/null
(cd app && mkdir -p dir && echo v1 > dir/version && printf '#!/bin/sh\n' > run && chmod 755 run
 printf 'FROM scratch\nCOPY dir/version run /\n' > Dockerfile
 printf 'FROM scratch\nCOPY version /other\n' > dir/Dockerfile
 printf '*\n' > .dockerignore
 git_ add -A && git_ commit -qm one && git_ tag -am v1 v1
 echo v2 > dir/version && git_ commit -qam two
 git_ submodule --quiet add "$url/git/sub.git" module && git_ commit -qm module
 git_ push -q origin HEAD:main v1)
for name in sub app; do
  git --git-dir="$web/git/$name.git" symbolic-ref HEAD refs/heads/main
  git --git-dir="$web/git/$name.git" config uploadpack.allowAnySHA1InWant true
done
first=$(git -C app rev-parse v1^{commit}) last=$(git -C app rev-parse HEAD)
repository=$url/git/app.git

context git <<DOCKERFILE
FROM scratch
ADD $repository /head/
ADD $repository#v1 /tag/
ADD $repository#$first:dir /commit/
ADD --keep-git-dir $repository?branch=main&submodules=false /kept/
ADD --checksum=${first:0:12} $repository?tag=v1 /checked/
DOCKERFILE
build -o type=local,dest=out .
check_equal "head" v2 "$(cat out/head/dir/version)"
check_equal "submodule" sub "$(cat out/head/module/s)"
check_equal "tag" v1 "$(cat out/tag/dir/version)"
check_equal "commit and directory" "Dockerfile version" "$(ls out/commit | xargs)"
check_equal "modes" "755 644 755" "$(stat -c %a out/head/run out/head/dir/version out/head/dir | xargs)"
[ ! -e out/head/.git ] && [ ! -e out/head/module/.git ] || fail ".git was not removed"
check_equal "kept .git" "$last" "$(git -c safe.directory='*' -C out/kept rev-parse HEAD)"
[ ! -e out/kept/module/s ] || fail "a submodule was fetched though it was not wanted"
build --debug=stats -o type=local,dest=out .
check_equal "fetches of the second build" 0 "$(stat_of git.fetches)"
check_equal "misses of the second build" 0 "$(stat_of cache.misses)"
printf 'FROM scratch\nADD --checksum=%s %s#v1 /\n' "$last" "$repository" > Dockerfile
fails 1 .
check_contains "$WORK/log" "$first"; check_contains "$WORK/log" "$last"
printf 'FROM scratch\nADD %s#%s /\n' "$repository" "${first:0:10}" > Dockerfile
fails 1 .
check_contains "$WORK/log" "given in full"
printf 'FROM scratch\nADD http://me:pass-word@127.0.0.1:%s/git/none.git /\n' "$port" > Dockerfile
fails 1 . 
! grep -F "git repository" "$WORK/log" | has -F pass-word || fail "the password is in the error"

# --- Contexts: git (no ignore file), git directory, http archive, http Dockerfile, -f URL, standard input.
cd "$WORK"
build -o type=tar,dest=out.tar "$repository"
check_equal "git context" v2 "$(tar -xOf out.tar version)"
build -o type=tar,dest=out.tar "$repository#v1:dir"
check_equal "git context's directory" v1 "$(tar -xOf out.tar other)"
printf 'FROM scratch\nCOPY .git /g\n' | build -f - --build-arg BUILDKIT_CONTEXT_KEEP_GIT_DIR=1 -o type=tar,dest=out.tar "$repository"
tar -tf out.tar g/HEAD >/dev/null || fail "no .git in the context"
build --build-arg SOURCE_DATE_EPOCH=1 -o type=tar,dest=out.tar "$repository"
check_equal "mode and owner from git" "-rw-r--r-- 0/0" "$(files out.tar | awk '/version/{print $1,$2}')"
mkdir -p ctx/nested
printf 'FROM scratch\nCOPY data /\n' > ctx/Dockerfile; printf 'FROM scratch\nCOPY data /second\n' > ctx/nested/Other
printf '*\n' > ctx/.dockerignore; echo data > ctx/data; chmod 640 ctx/data; touch -d '2021-01-01 UTC' ctx/data
tar -C ctx --owner=:12 --group=:34 -czf "$web/ctx.tgz" . && printf 'FROM scratch\nCOPY context /c\n' > "$web/Plain"
expected="-rw-r----- 12/34 2021-01-01 00:00:00 data"
build -o type=tar,dest=out.tar "$url/ctx.tgz"
check_equal "http archive" "$expected" "$(files out.tar)"
build -f nested/Other -o type=tar,dest=out.tar "$url/ctx.tgz"
check_equal "-f in an archive" second "$(tar -tf out.tar)"
build -o type=tar,dest=out.tar "$url/Plain"
check_equal "http Dockerfile" "$(cat "$web/Plain")" "$(tar -xOf out.tar c)"
printf 'FROM scratch\nCOPY out.txt /\n' > "$web/Remote"; mkdir -p local; echo l > local/out.txt
build -f "$url/Remote" -o type=tar,dest=out.tar local
check_equal "-f URL" out.txt "$(tar -tf out.tar)"
for filter in cat gzip bzip2 xz zstd; do
  command -v $filter >/dev/null || continue
  tar -C ctx --owner=:12 --group=:34 -c . | $filter | build -o type=tar,dest=out.tar -
  check_equal "tar on standard input by $filter" "$expected" "$(files out.tar)"
done
build -f nested/Other -o type=tar,dest=out.tar - < "$web/ctx.tgz"
check_equal "-f in standard input" second "$(tar -tf out.tar)"
build -f "$WORK/ctx/nested/Other" -o type=tar,dest=out.tar - < "$web/ctx.tgz"
check_equal "absolute -f beside standard input" second "$(tar -tf out.tar)"
build -f - -o type=tar,dest=out.tar "$repository" < <(printf 'FROM scratch\nCOPY run /r\n')
check_equal "-f - beside a repository" r "$(tar -tf out.tar)"
fails 2 -f - - < "$web/ctx.tgz"
head -c 100 "$web/ctx.tgz" > cut.tgz; fails 1 - < cut.tgz
printf 'FROM scratch\n' | build -o type=tar,dest=out.tar -

# --- SOURCE_DATE_EPOCH that names a source: a commit's time, Last-Modified, the newest time of an archive; a directory has none.
created() { tar -xOf "$1" "blobs/sha256/$(tar -xOf "$1" index.json | jq -r '.manifests[0].digest' | cut -d: -f2)" | jq -r .config.digest |
  cut -d: -f2 | { read -r config; tar -xOf "$1" "blobs/sha256/$config"; } | jq -r .created; }
seconds() { date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ; }
build --build-arg SOURCE_DATE_EPOCH=context -o type=oci,dest=out.tar "$repository#v1"
check_equal "created with a commit" "$(seconds "$(git --git-dir="$web/git/app.git" show -s --format=%ct v1^{commit})")" "$(created out.tar)"
cp "$web/ctx.tgz" "$web/dated.tgz"; touch -d '2022-02-02 UTC' "$web/dated.tgz"
build --build-arg SOURCE_DATE_EPOCH=context -o type=oci,dest=out.tar "$url/dated.tgz"
check_equal "created with Last-Modified" 2022-02-02T00:00:00Z "$(created out.tar)"
find ctx -exec touch -d '2021-01-01 UTC' {} +; touch -d '2021-03-03 UTC' ctx/nested/Other
tar -C ctx -c . | build --build-arg SOURCE_DATE_EPOCH=context -o type=oci,dest=out.tar -
check_equal "created with an archive's newest file" 2021-03-03T00:00:00Z "$(created out.tar)"
context epoch <<DOCKERFILE
ARG SOURCE_DATE_EPOCH=source
FROM scratch AS source
ADD $url/dated /
FROM busybox
ARG SOURCE_DATE_EPOCH
RUN echo -n \$SOURCE_DATE_EPOCH > /epoch
DOCKERFILE
echo dated > "$web/dated"; touch -d '2023-03-03 UTC' "$web/dated"
build -o type=tar,dest=out.tar .
check_equal "what a step sees" "$(date -d '2023-03-03 UTC' +%s)" "$(tar -xOf out.tar epoch)"
build --build-arg SOURCE_DATE_EPOCH=context -o type=tar,dest=out.tar .
check_equal "of a directory" "" "$(tar -xOf out.tar epoch)"
build --build-arg SOURCE_DATE_EPOCH=other --build-context other="$repository#v1" -o type=tar,dest=out.tar .
check_equal "of a named context" "$(git --git-dir="$web/git/app.git" show -s --format=%ct v1^{commit})" "$(tar -xOf out.tar epoch)"

# --- Named contexts: git and http, as source and as base.
context named <<'DOCKERFILE'
FROM repo AS base
FROM base
COPY --from=repo /run /again
COPY --from=web /context /download
DOCKERFILE
build --build-context repo="$repository#v1" --build-context web="$url/file" -o type=tar,dest=out.tar .
check_equal "named git context" v1 "$(tar -xOf out.tar dir/version)"
check_equal "named http context" two "$(tar -xOf out.tar download)"
[ -n "$(tar -tf out.tar again)" ] || fail "no file from the named context"
