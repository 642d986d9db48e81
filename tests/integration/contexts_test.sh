# Where files and the Dockerfile come from: directories, standard input, named contexts.
. "$SOURCE_ROOT/tests/integration/lib.sh"
mkdir -p "$WORK/named/sub" && cd "$WORK/named"
echo 1 > kept; echo 2 > left-out; echo 3 > sub/file; echo left-out > .dockerignore
context app <<'DOCKERFILE'
FROM busybox AS base
FROM scratch
COPY --from=named / /named/
COPY --from=base /bin/true /true
DOCKERFILE
echo sub > .dockerignore   # of the main context only
build --build-context named="$WORK/named" -o type=local,dest="$WORK/out" .
check_equal "files of the named context" ".dockerignore kept sub sub/file" \
  "$(cd "$WORK/out/named" && find . -mindepth 1 | sed 's#^\./##' | sort | tr '\n' ' ' | sed 's/ $//')"
# A context replaces a stage of its name as a whole.
mkdir "$WORK/instead" "$WORK/instead/bin" && echo instead > "$WORK/instead/bin/true"
build --build-context named="$WORK/named" --build-context base="$WORK/instead" -o type=local,dest="$WORK/out2" .
check_equal "stage replaced by a context" instead "$(cat "$WORK/out2/true")"
build --build-context named=oci-layout://"$BASES"/busybox:latest -o type=local,dest="$WORK/out3" .
[ -x "$WORK/out3/named/bin/busybox" ] || fail "the layout's files are not there"
# A Dockerfile on standard input, with and without a context.
printf 'FROM scratch\nCOPY file /file\n' > "$WORK/Other"
echo here > file
build -f - -o type=local,dest="$WORK/out4" . < "$WORK/Other"
check_equal "Dockerfile from standard input" here "$(cat "$WORK/out4/file")"
printf 'FROM scratch\nCOPY <<f /f\nhi\nf\n' | build -o type=local,dest="$WORK/out5" -
check_equal "no context" hi "$(cat "$WORK/out5/f")"
# A Dockerfile outside of the context, through a link, with ignore rules of its own.
echo file > "$WORK/Other.dockerignore"
fails 1 -f "$WORK/Other" .
check_contains "$WORK/log" '"/file": not found'
ln -s "$WORK/Other" "$WORK/Link"
build -f "$WORK/Link" -o type=local,dest="$WORK/out6" .
check_equal "a link to the Dockerfile has its own ignore file" here "$(cat "$WORK/out6/file")"
# Lower case is found; a URL says what it is.
mv Dockerfile dockerfile
build --build-context named="$WORK/named" -o type=cacheonly .

# Hard links in a context are links in the layer, within one source.
context links <<'DOCKERFILE'
FROM scratch
COPY data /data/
DOCKERFILE
mkdir -p data/sub; echo x > data/one; ln data/one data/sub/two; ln data/one outside; echo x > data/copy
build -o type=oci,dest=out.tar .
layer=$(digests out.tar); tar -xOf out.tar "blobs/sha256/${layer#*:}" | tar -tvzf - > list
check_equal "hard links of the context" 1 "$(grep -c ' link to data/one$' list)"
build -o type=local,dest=out .
check_equal "names of one file" "$(stat -c %i out/data/one)" "$(stat -c %i out/data/sub/two)"
[ "$(stat -c %i out/data/one)" != "$(stat -c %i out/data/copy)" ] || fail "two files became one"
