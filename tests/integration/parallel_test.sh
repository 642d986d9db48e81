# Independent stages run at once; a stage that the target does not need never starts.
. "$SOURCE_ROOT/tests/integration/lib.sh"
context app <<'DOCKERFILE'
FROM busybox AS one
RUN sleep 3; echo 1 > /one
FROM busybox AS two
RUN sleep 3; echo 2 > /two
FROM busybox AS unneeded
RUN echo must not run > /dev/stderr; exit 9
FROM scratch
COPY --from=one /one /one
COPY --from=two /two /two
DOCKERFILE
started=$(date +%s%N)
build -o type=local,dest="$WORK/out" .
elapsed=$(( ($(date +%s%N) - started) / 1000000 ))
echo "elapsed: $elapsed ms"
[ "$elapsed" -lt 5500 ] || fail "two sleeps of 3 s took $elapsed ms: they did not run at once"
check_equal "files" "1 2" "$(cat "$WORK/out/one" "$WORK/out/two" | tr '\n' ' ' | sed 's/ $//')"
if grep -q unneeded "$WORK/log"; then fail "the unneeded stage was started"; fi
