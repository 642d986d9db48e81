# What is part of a step's key and what is not: every line of this test is a change and the steps that must run again.
. "$SOURCE_ROOT/tests/integration/lib.sh"
context app <<'DOCKERFILE'
FROM busybox AS base
ARG USED=1
RUN echo $USED > /used
FROM busybox AS files
COPY plain.txt /plain.txt
RUN cat /plain.txt > /copy
FROM busybox AS wild
COPY *.cfg /cfg/
RUN ls /cfg > /list
FROM busybox AS secret
RUN --mount=type=secret,id=s cat /run/secrets/s > /dev/null
FROM busybox AS bind
RUN --mount=type=bind,source=bound,target=/b cat /b/file > /from-bind
FROM busybox AS from
COPY --from=files /copy /copied
RUN cat /copied > /again
DOCKERFILE
echo plain > plain.txt; echo a > a.cfg; echo b > b.cfg; mkdir bound; echo bound > bound/file; echo s1 > "$WORK/s"
find . -exec touch -d 2020-01-01 {} +

# runs WHAT EXPECTED TARGET ARGS: the number of processes that a build starts.
runs() {
  local what=$1 expected=$2 target=$3; shift 3
  build --debug=stats,explain --target "$target" -o type=cacheonly --secret id=s,src="$WORK/s" "$@" .
  check_equal "steps run: $what" "$expected" "$(stat_of exec.runs)"
}

runs "first build" 1 base
runs "the same again" 0 base
runs "an unused build argument" 0 base --build-arg UNUSED=1
runs "a label" 0 base --label a=b
runs "the value that is the default" 0 base --build-arg USED=1
runs "a used build argument" 1 base --build-arg USED=2
check_contains "$WORK/log" "cache miss: variable USED changed: 1 -> 2"
runs "back to the first value" 0 base
runs "an extra host" 1 base --add-host h:10.0.0.1
runs "the extra host with another address" 0 base --add-host h:10.0.0.2
runs "--no-cache" 1 base --no-cache
runs "--no-cache-filter of this stage" 1 base --no-cache-filter base
runs "--no-cache-filter of another stage" 0 base --no-cache-filter files

runs "first build" 1 files
touch plain.txt
runs "another mtime" 0 files
cp plain.txt copy.tmp && mv copy.tmp plain.txt
runs "another inode" 0 files
echo x > unrelated.txt
runs "a file that is not copied" 0 files
chmod 755 plain.txt
runs "another mode" 1 files
chmod 644 plain.txt
runs "the first mode" 0 files
echo other > plain.txt
runs "another content" 1 files
check_contains "$WORK/log" "cache miss: file plain.txt changed"
rm unrelated.txt

runs "first build" 1 wild
mv a.cfg c.cfg
runs "a file behind a wildcard renamed" 1 wild
mv c.cfg a.cfg
runs "named back" 0 wild
echo d > d.cfg
runs "one file more behind a wildcard" 1 wild
rm d.cfg

runs "first build" 1 secret
echo s2 > "$WORK/s"
runs "another value of a secret" 0 secret

runs "first build" 1 bind
touch bound/file
runs "mtime of a bound file" 0 bind
echo x > plain2.txt
runs "a file outside of what is bound" 0 bind
echo other > bound/file
runs "content of a bound file" 1 bind
check_contains "$WORK/log" "cache miss: file bound/file changed"

# COPY --from is keyed by what it copies: another way to the same file keeps the rest.
echo plain > plain.txt
runs "first build of from; its source stage is cached" 1 from
sed -i 's/RUN cat .plain.txt > .copy/RUN cat \/plain.txt \/dev\/null > \/copy/' Dockerfile
runs "the source stage makes the same in another way" 1 from
sed -i 's/^RUN ls .cfg/# a comment\nRUN ls \/cfg/' Dockerfile
runs "a comment" 0 wild

# COPY --link and what follows on top of it: onto a new base nothing is copied again.
context link <<'DOCKERFILE'
ARG BASE=1
FROM busybox AS base
ARG BASE
RUN echo $BASE > /base
FROM base
COPY --link one.txt /one/
COPY --link two.txt /two/
DOCKERFILE
echo one > one.txt; echo two > two.txt
build --debug=stats -o type=local,dest="$WORK/link1" .
build --debug=stats -o type=local,dest="$WORK/link2" --build-arg BASE=2 .
check_equal "steps run for the new base" 1 "$(stat_of exec.runs)"
check_equal "cached COPY --link on the new base" 2 "$(grep -A1 "COPY --link" "$WORK/log" | grep -c CACHED)"
check_equal "files on the new base" "2 one two" "$(cat "$WORK"/link2/base "$WORK"/link2/one/one.txt "$WORK"/link2/two/two.txt | paste -sd' ')"
