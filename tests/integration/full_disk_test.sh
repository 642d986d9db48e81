# A disk that fills up at any place of a build: the build fails and says so, what was there stays, nothing is left half, and with room
# again the same store makes the same image.
# run: root
. "$SOURCE_ROOT/tests/integration/lib.sh"
small=$WORK/small
mkdir "$small"
mount -t tmpfs -o size=64m none "$small" 2>/dev/null || skip "no rights to mount a small file system"
trap 'umount "$small"' EXIT
context app <<'DOCKERFILE'
FROM busybox
COPY files /files
RUN cat /files/* > /all && cat /all > /copy && rm /copy && ln /all /again
DOCKERFILE
mkdir files; for i in $(seq 100); do head -c 20000 /dev/urandom | base64 > files/$i; done
content() { { tar --numeric-owner -tvf "$1" | awk '{$4="";$5="";print}'; tar -xOf "$1"; } | sha256sum; }
build -o type=tar,dest="$WORK/clean.tar" .
clean=$(content "$WORK/clean.tar")

# leave ROOM: fills the small disk but for so many KiB.
leave() {
  rm -f "$small/filler"
  local available; available=$(df --output=avail -k "$small" | tail -n 1)
  fallocate -l $(((available - $1) * 1024)) "$small/filler"
}
# with_room ROOM STORE: a build with that store into an archive on the small disk; whether it failed is in $failed.
with_room() {
  echo before > "$small/out.tar"
  leave "$1"
  local status=0
  BUILDER_ROOT=$2 build -o type=tar,dest="$small/out.tar" . || status=$?
  failed=0
  if [ $status != 0 ]; then
    failed=1
    check_equal "exit status with $1 KiB" 1 $status
    grep -qiE "no space left on device|disk is full" "$WORK/log" || { cat "$WORK/log"; fail "with $1 KiB it does not say that the disk is full"; }
    grep -q "^hint: .*builder prune" "$WORK/log" || { cat "$WORK/log"; fail "with $1 KiB it does not say what to do"; }
    check_equal "what was there, with $1 KiB" before "$(cat "$small/out.tar")"
  fi
  check_equal "files with $1 KiB" "filler out.tar${3:+ $3}" "$(ls "$small" | tr '\n' ' ' | sed 's/ $//')"
  rm "$small/filler"
  BUILDER_ROOT=$2 build -o type=tar,dest="$small/out.tar" . || fail "with room again after $1 KiB"
  check_equal "content after $1 KiB" "$clean" "$(content "$small/out.tar")"
}

failures=0
for room in 0 16 64 200 500 1000 2000 3000 4000 5000 6000 8000 10000 12000 15000 20000; do
  rm -rf "$small/store"
  with_room $room "$small/store" store
  failures=$((failures + failed))
done
[ $failures -gt 5 ] || fail "only $failures builds met a full disk"
[ $failures -lt 16 ] || fail "every build met a full disk"

# The archive alone is on the full disk.
rm -rf "$small/store"
for room in 0 100 3000; do
  with_room $room "$BUILDER_ROOT"
  check_equal "failed with $room KiB" 1 $failed
done

# Where nothing is free, what takes the room can be seen and deleted.
mount -o remount,size=150m "$small"
export BUILDER_ROOT=$small/store
reserve=$BUILDER_ROOT/reserve/blocks
free_kib() { df --output=avail -k "$small" | tail -n 1 | tr -d ' '; }
for how in "prune -a -f" "system prune -a -f"; do
  rm -rf "$small"/*
  build -t me/wow . || fail "build before $how"
  check_equal "size of the reserve" 4194304 "$(stat -c %s "$reserve")"
  ! cat /dev/zero > "$small/filler" 2>/dev/null || fail "the disk has no end"
  check_equal "free before $how" 0 "$(free_kib)"
  ! build --no-cache -t me/wow . > /dev/null || fail "a build fits onto a full disk"
  "$BUILDER" du > "$WORK/out" || fail "du on a full disk"
  check_contains "$WORK/out" Total:
  [ -s "$reserve" ] || fail "du used up the reserve"
  "$BUILDER" rmi me/wow > "$WORK/out" || fail "rmi on a full disk"
  [ -s "$reserve" ] || fail "rmi used up the reserve"
  # shellcheck disable=SC2086
  "$BUILDER" $how > "$WORK/out" || fail "$how on a full disk"
  [ "$(free_kib)" -gt 2000 ] || fail "$how freed nothing"
  check_equal "size of the reserve after $how" 4194304 "$(stat -c %s "$reserve")"
  rm "$small/filler"
  build -o type=tar,dest="$small/out.tar" . || fail "build after $how"
  check_equal "content after $how" "$clean" "$(content "$small/out.tar")"
done

# A build that fails for it tidies up if that is due, and then there is room.
rm -rf "$small"/*
mkdir "$WORK/old"; head -c 30000000 /dev/urandom > "$WORK/old/file"
printf 'FROM busybox\nCOPY file /\nRUN cp /file /copy' | build -o type=cacheonly -f - "$WORK/old"
! cat /dev/zero > "$small/filler" 2>/dev/null || fail "the disk has no end"
touch -d "2 hours ago" "$BUILDER_ROOT/gc"
! BUILDER_GC=reserved-space=0 build --no-cache -o type=cacheonly . > /dev/null || fail "a build fits onto a full disk"
check_contains "$WORK/log" "of what was used least was deleted"
build --no-cache -o type=cacheonly . || fail "build after the automatic collection"

# The same where room is left but no inodes.
rm -rf "$small"/*
mkdir many; for i in $(seq 3000); do echo "$i" > "many/$i"; done
printf 'FROM busybox\nCOPY many /many\nRUN cp -r /many /again' | build -t me/wow -f - .
mount -o remount,nr_inodes="$(df --output=iused "$small" | tail -n 1 | tr -d ' ')" "$small"
! touch "$small/one" 2>/dev/null || fail "inodes are left"
! build --no-cache -t me/wow . > /dev/null || fail "a build fits without inodes"
"$BUILDER" du > "$WORK/out" || fail "du without inodes"
"$BUILDER" rmi me/wow > "$WORK/out" || fail "rmi without inodes"
"$BUILDER" prune -a -f > "$WORK/out" || fail "prune without inodes"
build -o type=cacheonly . || fail "build after prune without inodes"
