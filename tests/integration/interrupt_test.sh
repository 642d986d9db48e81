# SIGINT in the middle of a RUN: over within 2 s with 130, and nothing is left: no process, mount, cgroup or temporary directory.
. "$SOURCE_ROOT/tests/integration/lib.sh"
marker=987$$
context app <<DOCKERFILE
FROM busybox
RUN sleep $marker & sleep $marker
DOCKERFILE
"$BUILDER" build --progress=plain --build-context busybox=oci-layout://"$BASES"/busybox -t app . 2> "$WORK/log" & pid=$!
for _ in $(seq 100); do pgrep -f "sleep $marker" >/dev/null && break; sleep 0.1; done
pgrep -f "^sleep $marker" >/dev/null || { cat "$WORK/log"; fail "the step did not start"; }
started=$(date +%s%N)
kill -INT $pid
status=0; wait $pid || status=$?
elapsed=$(( ($(date +%s%N) - started) / 1000000 ))
echo "ended after $elapsed ms"
check_equal "exit status" 130 "$status"
[ "$elapsed" -lt 2000 ] || fail "took $elapsed ms to end"
if pgrep -f "^sleep $marker"; then fail "a process of the step is left"; fi
if grep -q "$BUILDER_ROOT" /proc/self/mountinfo; then fail "a mount is left"; fi
check_equal "temporaries left" "" "$(ls "$BUILDER_ROOT/tmp" 2>/dev/null)"
if find /sys/fs/cgroup -maxdepth 4 -name "*builder*$pid*" 2>/dev/null | has .; then fail "a cgroup is left"; fi

# The same by SIGTERM, with its own number.
"$BUILDER" build --progress=plain --build-context busybox=oci-layout://"$BASES"/busybox -t app . 2> "$WORK/log" & pid=$!
for _ in $(seq 100); do pgrep -f "^sleep $marker" >/dev/null && break; sleep 0.1; done
kill -TERM $pid
status=0; wait $pid || status=$?
check_equal "exit status" 143 "$status"
if pgrep -f "^sleep $marker"; then fail "a process of the step is left"; fi
exit 0
