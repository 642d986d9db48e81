# run: root
# An ordinary user gets the same layer digests for COPY-only layers as root, and a RUN there sees the right owners.
. "$SOURCE_ROOT/tests/integration/lib.sh"
context app <<'DOCKERFILE'
FROM busybox
COPY --chown=1:2 dir /dir
COPY --chmod=4750 file /file
DOCKERFILE
mkdir dir; echo 1 > dir/a; ln -s a dir/b; echo 2 > file; chmod -R a+rX .
touch -d @1600000000 dir/a file dir; touch -h -d @1600000000 dir/b
build -o type=oci,dest="$WORK/root.tar" .
id builder-test >/dev/null 2>&1 || useradd --create-home builder-test
grep -q '^builder-test:' /etc/subuid || usermod --add-subuids 300000-365535 --add-subgids 300000-365535 builder-test
setpriv --reuid builder-test --regid builder-test --init-groups unshare --user --map-auto --map-root-user true 2>/dev/null ||
  skip "an ordinary user cannot use subordinate ids here (newuidmap fails; is no_new_privs set?)"
mkdir "$WORK/user" && cp "$BUILDER" "$WORK/user/builder" && cp -r "$BASES" "$WORK/user/bases" && chown -R builder-test: "$WORK/user"
as_user() {
  setpriv --reuid builder-test --regid builder-test --init-groups env HOME="$WORK/user" BUILDER_ROOT="$WORK/user/store" \
    "$WORK/user/builder" build --progress=plain --build-context busybox=oci-layout://"$WORK/user/bases/busybox" "$@" 2> "$WORK/log" ||
    { cat "$WORK/log"; fail "as user: $*"; }
}
as_user -o type=oci,dest="$WORK/user/user.tar" .
check_equal "layer digests" "$(digests "$WORK/root.tar")" "$(digests "$WORK/user/user.tar")"

context owners <<'DOCKERFILE'
FROM busybox
COPY --chown=1234:5678 file /file
RUN stat -c '%u:%g' /file /bin/sh > /owners; id -u >> /owners; chown 7:8 /file
USER 1000:1000
RUN id > /tmp/id
DOCKERFILE
echo x > file; chmod -R a+rX .
as_user -o type=oci,dest="$WORK/user/owners.tar" -o type=local,dest="$WORK/user/out" .
check_equal "owners a RUN sees" "1234:5678 0:0 0" "$(tr '\n' ' ' < "$WORK/user/out/owners" | sed 's/ $//')"
check_contains "$WORK/user/out/tmp/id" "uid=1000 gid=1000"
