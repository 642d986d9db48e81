# Twenty processes build the same Dockerfile on one store: each RUN is executed once in all.
. "$SOURCE_ROOT/tests/integration/lib.sh"
context app <<'DOCKERFILE'
FROM busybox AS a
RUN sleep 0.3; echo a > /a
FROM busybox
RUN sleep 0.2; echo b > /b
COPY --from=a /a /a
COPY file /file
RUN cat /a /b /file > /all
DOCKERFILE
echo content > file
pids=()
for i in $(seq 20); do
  "$BUILDER" build --progress=plain --debug=stats --build-context busybox=oci-layout://"$BASES"/busybox \
    -t app -o type=oci,dest="$WORK/out$i.tar" . 2> "$WORK/log$i" & pids+=($!)
done
for i in "${!pids[@]}"; do
  wait "${pids[$i]}" || { cat "$WORK/log$((i + 1))"; fail "process $((i + 1)) failed"; }
done
runs=$(cat "$WORK"/log* | awk '$1=="stat" && $2=="exec.runs" {n+=$3} END {print n+0}')
check_equal "RUN steps executed by all 20 processes" 3 "$runs"
for i in $(seq 2 20); do
  check_equal "manifest of process $i" "$(skopeo inspect --raw oci-archive:"$WORK/out1.tar" | sha256sum)" \
    "$(skopeo inspect --raw oci-archive:"$WORK/out$i.tar" | sha256sum)"
done
