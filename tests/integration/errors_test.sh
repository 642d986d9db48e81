# Every error is a golden file: errors/NAME.txt. UPDATE_GOLDEN=1 writes them anew (into $SOURCE_ROOT).
. "$SOURCE_ROOT/tests/integration/lib.sh"
golden=$SOURCE_ROOT/tests/integration/errors
mkdir -p "$golden"

# expect NAME STATUS ARGS: runs the build in the current directory and compares what is printed from the first line of the error on.
# Times, digests and the test's own paths are replaced.
expect() {
  local name=$1 status=$2; shift 2
  fails "$status" "$@"
  sed -n '/^\(------\|Dockerfile:\|ERROR: \)/,$p' "$WORK/log" |
    sed -e "s#$WORK#WORK#g; s#$BUILDER#builder#g; s#uid=[0-9]*#uid=N#g" -e 's/^[0-9]*\.[0-9]* //' -e 's/sha256:[0-9a-f]\{64\}/sha256:DIGEST/g' > "$WORK/actual"
  if [ -n "${UPDATE_GOLDEN:-}" ]; then cp "$WORK/actual" "$golden/$name.txt"; return; fi
  diff -u "$golden/$name.txt" "$WORK/actual" || fail "$name: the message changed"
}

context unknown_instruction <<'DOCKERFILE'
FROM busybox
COPPY a /a
DOCKERFILE
expect unknown_instruction 1 .

context missing_source <<'DOCKERFILE'
FROM busybox
COPY scirpt.sh /script.sh
DOCKERFILE
touch script.sh
expect missing_source 1 .

context ignored_source <<'DOCKERFILE'
FROM busybox
COPY secret.txt /secret.txt
DOCKERFILE
touch secret.txt; echo '*.txt' > .dockerignore
expect ignored_source 1 .

context run_fails <<'DOCKERFILE'
FROM busybox
RUN echo first
RUN echo about to fail && \
    exit 7
RUN echo never
DOCKERFILE
expect run_fails 1 .

context unknown_stage <<'DOCKERFILE'
FROM busybox AS build
RUN true
FROM busybox AS final
DOCKERFILE
expect unknown_target 1 --target=biuld .

context unknown_from <<'DOCKERFILE'
FROM busybox AS early
COPY --from=later /a /a
FROM busybox AS later
DOCKERFILE
expect later_stage 1 --target=early .

context unreachable <<'DOCKERFILE'
FROM localhost:1/library/none:latest
DOCKERFILE
expect unreachable_registry 1 .

context unwritable <<'DOCKERFILE'
FROM busybox
DOCKERFILE
touch "$WORK/blocked"
expect unwritable_output 1 -o type=oci,dest="$WORK/blocked/out.tar" .
expect missing_context 1 "$WORK/absent"
expect no_path 2
expect two_paths 2 . .
expect unknown_flag 2 --tagg=x .
expect flag_not_yet 2 --cache-to=type=inline .
expect bad_tag 2 -t 'Upper:case' .
expect unknown_output 2 -o type=tarr,dest=x .

context no_dockerfile <<'DOCKERFILE'
DOCKERFILE
rm Dockerfile
expect no_dockerfile 1 .

context empty_dockerfile <<'DOCKERFILE'
DOCKERFILE
expect empty_dockerfile 1 .

context undefined_required <<'DOCKERFILE'
FROM busybox
ARG VERSION
ENV V="${VERSION:?give it with --build-arg}"
DOCKERFILE
expect required_argument 1 .

context command_missing <<'DOCKERFILE'
FROM busybox
RUN ["nothing-there", "x"]
DOCKERFILE
expect command_not_found 1 .

context unknown_user <<'DOCKERFILE'
FROM busybox
USER nobody-here
RUN true
DOCKERFILE
expect unknown_user 1 .

# Where the kernel gives no user namespaces, a build with RUN says so; one without RUN works.
context no_user_namespaces <<'DOCKERFILE'
FROM busybox
RUN true
DOCKERFILE
cat > "$WORK/confined" <<SCRIPT
#!/bin/sh
exec unshare --user --map-root-user sh -c 'echo 0 > /proc/sys/user/max_user_namespaces
  exec setpriv --bounding-set=-sys_admin "\$@"' sh "$BUILDER" "\$@"
SCRIPT
chmod +x "$WORK/confined"
BUILDER_ROOT=$WORK/store2 BUILDER=$WORK/confined expect no_user_namespaces 1 .

# An existing output is kept when the build fails.
context keeps <<'DOCKERFILE'
FROM busybox
RUN exit 1
DOCKERFILE
echo precious > "$WORK/out.tar"
fails 1 -o type=oci,dest="$WORK/out.tar" .
check_equal "what was there" precious "$(cat "$WORK/out.tar")"
check_equal "leftovers beside it" "" "$(ls -A "$WORK" | grep '^\.\?out\.tar.' || true)"
