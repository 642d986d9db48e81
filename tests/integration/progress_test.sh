# The displays: what each mode prints, and where.
. "$SOURCE_ROOT/tests/integration/lib.sh"
context app <<'DOCKERFILE'
FROM busybox
RUN echo from-the-step; echo a-long-name-that-needs-its-room-on-the-line-and-more-than-seventy-two-columns >/dev/null
RUN exit 3
DOCKERFILE
run() { # MODE ARGS: both streams in $WORK/out and $WORK/err, the exit status in $status.
  local mode=$1; shift; status=0
  "$BUILDER" build --progress="$mode" --build-context busybox=oci-layout://"$BASES"/busybox --no-cache "$@" \
    > "$WORK/out" 2> "$WORK/err" || status=$?
}
run plain .
check_equal "plain: status" 1 "$status"
check_equal "plain: standard output" "" "$(cat "$WORK/out")"
grep -Eq '^#[0-9]+ \[1/3\] RUN echo from-the-step' "$WORK/err" || fail "plain: no name of the step"
grep -Eq '^#[0-9]+ [0-9]+\.[0-9]+ from-the-step$' "$WORK/err" || fail "plain: no log with its time"
grep -Eq '^#[0-9]+ DONE [0-9]+\.[0-9]s$' "$WORK/err" || fail "plain: no DONE"
grep -Eq '^#[0-9]+ ERROR: ' "$WORK/err" || fail "plain: no ERROR"
sed -i '1i # syntax=example.org/other:1' Dockerfile
run plain .
check_contains "$WORK/err" 'frontend `example.org/other:1` is not used'
sed -i 1d Dockerfile
PROGRESS_NO_TRUNC=0 run plain .
[ "$(grep -E '^#[0-9]+ \[1/3\]' "$WORK/err" | head -1 | wc -m)" -le 80 ] || fail "PROGRESS_NO_TRUNC=0: the name was not cut"
# Without a terminal auto is plain, and tty an error.
run auto .
grep -Eq '^#[0-9]+ \[1/3\] RUN' "$WORK/err" || fail "auto without terminal is not plain"
run tty .
check_equal "tty without terminal: standard output" "" "$(cat "$WORK/out")"
[ "$status" != 0 ] || fail "tty without terminal did not fail"
BUILDKIT_PROGRESS=rawjson "$BUILDER" build --build-context busybox=oci-layout://"$BASES"/busybox . 2> "$WORK/err" >/dev/null || true
head -1 "$WORK/err" | jq -e . >/dev/null || fail "BUILDKIT_PROGRESS is not honoured"
# Every line of rawjson is an object with the members that tools read; only the error of the build comes after it.
run rawjson .
grep '^{' "$WORK/err" > "$WORK/json"
jq -es 'all(type == "object")' "$WORK/json" >/dev/null || fail "rawjson: a line is no object"
jq -es '[.[].vertexes[]?] | (any(.name | startswith("[1/3] RUN")) and any(.completed != null) and any((.error // "") != ""))' \
  "$WORK/json" >/dev/null || fail "rawjson: vertexes"
jq -es '[.[].logs[]?.data | @base64d] | join("") | contains("from-the-step")' "$WORK/json" >/dev/null || fail "rawjson: logs"
# none and quiet say nothing but the error; quiet prints the image id.
run none .
if grep -q '^#' "$WORK/err"; then fail "none: progress was printed"; fi
sed -i 3d Dockerfile
run quiet .
if grep -q '^#' "$WORK/err"; then fail "quiet: progress was printed"; fi
run plain -q .
check_equal "-q: standard error" "" "$(cat "$WORK/err")"
grep -Eqx 'sha256:[0-9a-f]{64}' "$WORK/out" || fail "-q: no image id"
# On a terminal the screen is redrawn, in colours unless NO_COLOR says otherwise.
command -v script >/dev/null || exit 0
screen() { script -qec "stty cols 100 rows 30; $1 '$BUILDER' build --progress=tty --no-cache --build-context busybox=oci-layout://$BASES/busybox ." /dev/null < /dev/null; }
screen "" > "$WORK/screen"
check_contains "$WORK/screen" "FINISHED"
check_contains "$WORK/screen" "[1/2] RUN echo from-the-step"
grep -q $'\x1b\[[0-9;]*m' "$WORK/screen" || fail "no colours"
# Each step has its time at the right, and the last lines of its log stand below it while it runs.
grep -aEq '\[1/2\] RUN echo from-the-step.* [0-9]+\.[0-9]s' "$WORK/screen" || fail "no time at the step"
BUILDKIT_COLORS=run=1,2,3 screen "" > "$WORK/screen"
grep -q $'\x1b\[38;2;1;2;3m => ' "$WORK/screen" || fail "BUILDKIT_COLORS is not honoured"
screen NO_COLOR=1 > "$WORK/screen"
if grep -Eq $'\x1b\[3[0-9]m' "$WORK/screen"; then fail "colours in spite of NO_COLOR"; fi
printf 'FROM busybox\nRUN for i in 1 2 3 4 5; do echo "line $i"; done; sleep 1\n' > Dockerfile
screen BUILDKIT_TTY_LOG_LINES=2 > "$WORK/screen"
grep -aq '=> => # line 5' "$WORK/screen" || fail "no log below a running step"
if grep -aq '=> => # line 3' "$WORK/screen"; then fail "BUILDKIT_TTY_LOG_LINES is not honoured"; fi
screen "" > "$WORK/screen"
grep -aq '=> => # line 1' "$WORK/screen" || fail "fewer than six lines of a log"
