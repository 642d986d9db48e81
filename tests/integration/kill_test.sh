# kill -9 at 50 random instants of a build (pull, unpack, run, commit, export): the next build succeeds and its image equals that of a
# clean store.
. "$SOURCE_ROOT/tests/integration/lib.sh"
start_registry
skopeo copy -q --dest-tls-verify=false "oci:$BASES/busybox:latest" "docker://localhost:$PORT/base/busybox:1"
context app <<DOCKERFILE
FROM localhost:$PORT/base/busybox:1 AS a
RUN mkdir /d; for i in \$(seq 200); do echo \$i > /d/\$i; done
FROM localhost:$PORT/base/busybox:1
COPY files /files
RUN cat /files/* > /all; ln /all /again; rm /bin/vi
COPY --from=a /d /d
RUN echo end > /end
DOCKERFILE
mkdir files; for i in $(seq 300); do echo "$i" > files/$i; done
image() { # ARGS: builds to an archive; prints the flattened content of its layers without times
  "$BUILDER" build --progress=plain -t app "$@" . 2> "$WORK/log" || { cat "$WORK/log"; return 1; }
}
content() { { tar --numeric-owner -tvf "$1" | awk '{$4="";$5="";print}'; tar -xOf "$1"; } | sha256sum; }

started=$(date +%s%N)
BUILDER_ROOT=$WORK/clean image -o type=tar,dest="$WORK/clean.tar" -o type=oci,dest="$WORK/clean.oci"
whole=$(( ($(date +%s%N) - started) / 1000000 ))
RANDOM=${SEED:-4711}
for i in $(seq 50); do
  # Every tenth round begins with an empty store, so that unpacking is hit as well.
  if [ $((i % 10)) = 1 ]; then rm -rf "$BUILDER_ROOT"; fi
  extra=; if [ $((i % 2)) = 0 ]; then extra=--no-cache; fi
  delay=$((RANDOM % (whole + 50)))
  # shellcheck disable=SC2086
  "$BUILDER" build --progress=plain -t app $extra \
    -o type=oci,dest="$WORK/killed.tar" . 2>/dev/null & pid=$!
  sleep "$(printf '%d.%03d' $((delay / 1000)) $((delay % 1000)))"
  kill_job $pid
  wait $pid 2>/dev/null || true
  image -o type=tar,dest="$WORK/after.tar" || fail "round $i, killed after $delay ms: the next build failed"
  check_equal "content after round $i ($delay ms)" "$(content "$WORK/clean.tar")" "$(content "$WORK/after.tar")"
done
image -o type=oci,dest="$WORK/after.oci"
skopeo inspect oci-archive:"$WORK/after.oci" >/dev/null
if pgrep -f "$BUILDER_ROOT" >/dev/null; then fail "a process is left"; fi
exit 0
