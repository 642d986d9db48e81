# A second run is all CACHED, the base image too, and reads nothing; a change re-runs just what depends on it; early cutoff keeps what follows.
. "$SOURCE_ROOT/tests/integration/lib.sh"
context app <<'DOCKERFILE'
FROM busybox
RUN echo one > /one
COPY script.sh /script.sh
RUN chmod 755 /script.sh
COPY late.txt /late.txt
DOCKERFILE
echo v1 > script.sh; echo late > late.txt
sleep 2.1   # the stat cache does not trust files that were changed just now

build --debug=stats -t app -o type=oci,dest="$WORK/1.tar" .
check_equal "steps run first" 2 "$(stat_of exec.runs)"
for counter in context.files_read layers.unpacked layers.packed bytes.compressed mounts; do
  [ "$(stat_of $counter)" -gt 0 ] || fail "$counter of the first run is 0"
done

build --debug=stats -t app -o type=oci,dest="$WORK/2.tar" .
check_equal "CACHED steps" 5 "$(grep -c ' CACHED$' "$WORK/log")"
for counter in exec.runs context.files_read layers.unpacked layers.packed bytes.compressed mounts; do
  check_equal "$counter of the second run" 0 "$(stat_of $counter)"
done
check_equal "layers" "$(digests "$WORK/1.tar")" "$(digests "$WORK/2.tar")"

# Another script: COPY and what follows, nothing before.
echo v2 > script.sh
build --debug=stats -t app:v2 -o type=oci,dest="$WORK/3.tar" .
check_equal "steps run for v2" 1 "$(stat_of exec.runs)"
check_contains "$WORK/log" "CACHED"

# A blank in a command: it runs again, finds the same, and everything after it is cached.
echo v1 > script.sh
sed -i 's/RUN echo one/RUN  echo   one/' Dockerfile
build --debug=stats -t app -o type=oci,dest="$WORK/4.tar" .
check_equal "steps run after the edit" 1 "$(stat_of exec.runs)"
check_equal "CACHED after the edit" 4 "$(grep -c ' CACHED$' "$WORK/log")"
check_equal "layers after the edit" "$(digests "$WORK/1.tar")" "$(digests "$WORK/4.tar")"

# A new mtime alone hits; another mode misses.
touch -d 2001-01-01 late.txt
build --debug=stats -t app -o type=cacheonly .
check_equal "CACHED after touch" 5 "$(grep -c ' CACHED$' "$WORK/log")"
chmod 600 late.txt
build -t app -o type=cacheonly .
check_equal "CACHED after chmod" 4 "$(grep -c ' CACHED$' "$WORK/log")"

# --no-cache runs everything.
build --debug=stats --no-cache -o type=cacheonly .
check_equal "steps run with --no-cache" 2 "$(stat_of exec.runs)"
