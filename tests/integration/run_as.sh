#!/bin/bash
# run_as.sh root|user SCRIPT: runs a test as that kind of user, in a fresh directory that is kept when it fails.
set -eu
who=$1 script=$2
user=builder-test

if [ "$who" = root ] && [ "$(id -u)" != 0 ]; then
  echo "SKIP: needs root"; exit 77
fi
if [ "$who" = user ] && [ "$(id -u)" = 0 ]; then
  exec 9>/tmp/builder-test-user.lock
  flock 9
  id "$user" >/dev/null 2>&1 || useradd --create-home "$user"
  grep -q "^$user:" /etc/subuid || usermod --add-subuids 300000-365535 "$user"
  grep -q "^$user:" /etc/subgid || usermod --add-subgids 300000-365535 "$user"
  exec 9>&-
  # Under no_new_privs, for example inside bubblewrap, set-user-id programs such as newuidmap have no effect.
  setpriv --reuid "$user" --regid "$user" --init-groups unshare --user --map-auto --map-root-user true 2>/dev/null || {
    echo "SKIP: an ordinary user cannot use subordinate ids here (newuidmap fails; is no_new_privs set?)"; exit 77; }
fi
# Lower case only: podman makes an image name of the path.
WORK=${TMPDIR:-/var/tmp}/builder-it-$(basename "$script" _test.sh | tr -d _)-$who-$$
mkdir "$WORK"
chmod 755 "$WORK"
run=(bash "$script")
if [ "$who" = user ] && [ "$(id -u)" = 0 ]; then
  chown "$user:" "$WORK"
  # The program and the sources may lie where that user cannot look.
  cp "$BUILDER" "$WORK/" && BUILDER=$WORK/builder
  cp -r "$BASES" "$WORK/bases" && BASES=$WORK/bases
  mkdir "$WORK/source"
  cp -r "$SOURCE_ROOT/tests" "$SOURCE_ROOT/examples" "$SOURCE_ROOT/tools" "$WORK/source/" && SOURCE_ROOT=$WORK/source
  script=$SOURCE_ROOT/tests/integration/$(basename "$script")
  home=$(getent passwd "$user" | cut -d: -f6)
  run=(setpriv --reuid "$user" --regid "$user" --init-groups env HOME="$home" USER="$user" bash "$script")
fi
export WORK BUILDER BASES SOURCE_ROOT
status=0
(cd "$WORK" && "${run[@]}") || status=$?
if [ $status = 0 ] || [ $status = 77 ]; then
  rm -rf --one-file-system "$WORK"
else
  echo "kept: $WORK"
fi
exit $status
