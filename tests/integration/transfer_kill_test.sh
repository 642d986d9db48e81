# pull, push, load, save -o and build --push, ended by kill -9, SIGINT and SIGTERM in the middle of their bytes: the store needs no repair, the
# next command does the rest, what had arrived is not sent again, and nothing half is left anywhere.
. "$SOURCE_ROOT/tests/integration/lib.sh"
. "$SOURCE_ROOT/tests/integration/registry_lib.sh"
registry data
upstream=$PORT
proxy proxy "$upstream"
at=127.0.0.1:$PORT
MOST_SECONDS=20

context app <<'DOCKERFILE'
FROM scratch
COPY little /little
COPY big /big
COPY large /large
DOCKERFILE
head -c 40000 /dev/urandom > little
head -c 400000 /dev/urandom > big
head -c 500000 /dev/urandom > large
export BUILDER_ROOT=$WORK/origin
"$BUILDER" build -q -t "127.0.0.1:$upstream/me/app:1" . > /dev/null
"$BUILDER" push -q "127.0.0.1:$upstream/me/app:1" > /dev/null
"$BUILDER" save -o "$WORK/whole.tar" "127.0.0.1:$upstream/me/app:1"
digest() { skopeo inspect --tls-verify=false "docker://127.0.0.1:$upstream/$1" | jq -r .Digest; }
digest=$(digest me/app:1)
mapfile -t layers < <(skopeo inspect --tls-verify=false "docker://127.0.0.1:$upstream/me/app:1" | jq -r '.Layers[]')
check_equal "layers" 3 ${#layers[@]}
cd "$WORK"

# The small layer takes half a second, the others five: each way of ending meets one that is complete and two that are not.
slow() { echo 'always (GET|PUT|PATCH).*/blobs/ slow 100000' > "$WORK/proxy.rules"; }
fast() { : > "$WORK/proxy.rules"; }

# until_true CONDITION…: waits for it, for at most 20 seconds.
until_true() {
  for _ in $(seq 400); do "$@" && return 0; sleep 0.05; done
  fail "$*: never became true"
}
# ended SIGNAL CONDITION COMMAND…: starts the command, and ends it when the condition holds. The status must be the signal's.
ended() {
  local signal=$1 condition=$2 status=0 expected; shift 2
  expected=$((128 + $(kill -l "$signal")))
  "$@" < "${INPUT:-/dev/null}" > "$WORK/out" 2> "$WORK/log" & local pid=$!
  until_true "$condition"
  jobs -pr | has -x $pid || { cat "$WORK/log"; fail "$*: over before it could be ended"; }
  SECONDS=0
  kill -"$signal" $pid
  wait $pid 2> "$WORK/shell" || status=$?
  check_equal "$*, ended by $signal: exit status" "$expected" "$status"
  [ $SECONDS -le 2 ] || fail "$*: took $SECONDS s to end by $signal"
  [ "$signal" = KILL ] || [ ! -e "$BUILDER_ROOT" ] || check_equal "temporaries after $signal" "" "$(ls "$BUILDER_ROOT/tmp")"
  check_store
}
# goes_on COMMAND…: it succeeds, soon, and leaves nothing of those before it.
goes_on() {
  SECONDS=0
  "$@" > "$WORK/out" 2> "$WORK/log" || { cat "$WORK/log"; fail "$*: after one that was ended"; }
  [ $SECONDS -le $MOST_SECONDS ] || fail "$*: took $SECONDS s"
  check_equal "temporaries" "" "$(ls "$BUILDER_ROOT/tmp")"
  check_store
}
same_as_whole() {
  "$BUILDER" save -o saved.tar "$1"
  check_equal "blobs of $1" "$(tar tf whole.tar | grep blobs/sha256/. | sort)" "$(tar tf saved.tar | grep blobs/sha256/. | sort)"
}

bytes_in_tmp() { find "$BUILDER_ROOT/tmp" -type f -printf '%s\n' 2>/dev/null | awk '{n += $1} END {print n + 0}'; }
beginning() { [ "$(bytes_in_tmp)" -gt 10000 ]; }
first_layer_there() { [ -e "$BUILDER_ROOT/oci/blobs/sha256/${layers[0]#sha256:}" ] && [ "$(requests "GET.*${layers[0]}")" = 1 ]; }
nearly_all() { [ "$(bytes_in_tmp)" -gt 700000 ]; }

# fetched_fast PATTERN: body bytes. What the proxy still notes of a slow command that was ended before is left out.
fetched_fast() { awk -v p="$1" '($1 " " $2) ~ p && $6 != "slow" { n += $5 } END { print n + 0 }' proxy.requests; }

# pull. A layer that had come is not fetched again.
for signal in KILL INT TERM; do
  for instant in beginning first_layer_there nearly_all; do
    new_store; slow; : > proxy.requests
    ended $signal $instant "$BUILDER" pull "$at/me/app:1"
    check_equal "names after a pull that was ended" "" "$("$BUILDER" images -q)"
    fast; : > proxy.requests
    goes_on "$BUILDER" pull "$at/me/app:1"
    [ $instant = beginning ] || check_equal "fetched again" 0 "$(fetched_fast "GET.*${layers[0]}")"
    same_as_whole "$at/me/app:1"
    rm -rf "$BUILDER_ROOT"
    [ $signal = KILL ] || break
  done
done

# push and build --push. A layer that had arrived is not sent again.
export BUILDER_ROOT=$WORK/origin
arrived() { [ "$(awk -v d="${layers[0]#sha256:}" '$1 == "PUT" && $2 ~ d && $3 == 201' proxy.requests | wc -l)" = 1 ]; }
started() { [ "$(awk '$1 == "POST"' proxy.requests | wc -l)" -ge 3 ]; }
number=0
pushes() { # SIGNAL INSTANT COMMAND…, with NAME for the image
  local signal=$1 instant=$2; shift 2
  number=$((number + 1))
  local name=$at/new/app$number:1
  "$BUILDER" tag "127.0.0.1:$upstream/me/app:1" "$name"
  slow; : > proxy.requests
  ended "$signal" "$instant" "${@/NAME/$name}"
  if digest "new/app$number:1" 2> "$WORK/shell"; then fail "$*: a manifest without its layers"; fi
  fast; : > proxy.requests
  goes_on "${@/NAME/$name}"
  check_equal "digest pushed" "$digest" "$(digest "new/app$number:1")"
  [ "$instant" != arrived ] || check_equal "bytes of the layer that had arrived" 0 "$(bytes up "(PUT|PATCH).*${layers[0]#sha256:}")"
}
for signal in KILL INT TERM; do
  pushes $signal arrived "$BUILDER" push NAME
  pushes $signal arrived "$BUILDER" build --progress=plain --push -t NAME "$WORK/app"
done
pushes KILL started "$BUILDER" push NAME
pushes KILL started "$BUILDER" build --progress=plain --push -t NAME "$WORK/app"

# load from a pipe that stops: before the first layer, within one, and one byte before the end.
fed() { [ -e fed ]; }
mkfifo pipe
size=$(stat -c %s whole.tar)
for signal in KILL INT TERM; do
  for count in 600 500000 $((size - 1)); do
    new_store; rm -f fed
    { head -c $count whole.tar; touch fed; exec sleep 1000; } > pipe & feeder=$!
    ended $signal fed "$BUILDER" load -i pipe
    kill_job $feeder; wait $feeder 2> "$WORK/shell" || true
    check_equal "names after a load that was ended" "" "$("$BUILDER" images -q)"
    goes_on "$BUILDER" load -i whole.tar
    same_as_whole "127.0.0.1:$upstream/me/app:1"
    rm -rf "$BUILDER_ROOT"
    [ $signal = KILL ] || [ $count = 600 ] || break
  done
done

# Whoever waits for standard input can be ended, too.
waiting() { [ -e fed ] && sleep 0.3; }
new_store
for command in load "import -" "build --progress=plain -" "build --progress=plain -f - app" "login -u me --password-stdin $at"; do
  rm -f fed
  { touch fed; exec sleep 1000; } > pipe & feeder=$!
  # shellcheck disable=SC2086
  INPUT=pipe ended TERM waiting "$BUILDER" $command
  kill_job $feeder; wait $feeder 2> "$WORK/shell" || true
done

# save over a file that is there: while a layer is fetched …
cp whole.tar kept.tar
new_store
works "$BUILDER" pull "$at/me/app:1" > "$WORK/out" 2> "$WORK/log"
lose_layers() { for layer in "${layers[@]}"; do rm -f "$BUILDER_ROOT/oci/blobs/sha256/${layer#sha256:}"; done; }
unharmed() {
  cmp kept.tar whole.tar || fail "$1: the file that was there"
  check_equal "$1: left beside it" "" "$(find . -maxdepth 1 -name '.*' ! -name . -o -maxdepth 1 -name '*kept*' ! -name kept.tar)"
}
for signal in KILL INT TERM; do
  lose_layers; slow; : > proxy.requests
  ended $signal first_layer_there "$BUILDER" save -o kept.tar "$at/me/app:1"
  unharmed "save, ended by $signal"
  fast
  goes_on "$BUILDER" save -o other.tar "$at/me/app:1"
done
# … and while it is written: an archive that takes a while, ended at instants spread over that time.
context heavy <<'DOCKERFILE'
FROM scratch
COPY heavy /heavy
DOCKERFILE
head -c 150000000 /dev/urandom > heavy
"$BUILDER" build -q -t heavy . > /dev/null
rm heavy
cd "$WORK"
started=$(date +%s%N)
"$BUILDER" save -o heavy.tar heavy
whole=$(( ($(date +%s%N) - started) / 1000000 ))
middle=0
for part in 1 2 3 4 5 6 7 8; do
  signal=KILL; [ $((part % 3)) != 0 ] || signal=TERM
  "$BUILDER" save -o kept.tar heavy 2> "$WORK/log" & pid=$!
  delay=$((whole * part / 9))
  sleep "$(printf '%d.%03d' $((delay / 1000)) $((delay % 1000)))"
  if jobs -pr | has -x $pid; then kill -$signal $pid 2> "$WORK/shell" || true; fi
  status=0; wait $pid 2> "$WORK/shell" || status=$?
  case $status in
    0) cmp kept.tar heavy.tar || fail "save: another archive"; cp whole.tar kept.tar ;;
    137 | 143)
      # Ended between the renaming and the exit: the new archive is there, whole.
      if cmp -s kept.tar heavy.tar; then cp whole.tar kept.tar; else middle=$((middle + 1)); fi ;;
    *) cat "$WORK/log"; fail "save, ended by $signal: exit status $status" ;;
  esac
  unharmed "save, ended after $delay ms"
done
[ $middle -ge 3 ] || fail "only $middle of 8 saves were ended in the middle"
goes_on "$BUILDER" save -o kept.tar heavy
cmp kept.tar heavy.tar
