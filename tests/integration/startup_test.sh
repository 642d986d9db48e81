# What a build in which nothing changed must not do, counted where time would depend on the machine: load libraries, open libcurl, start
# processes, make directories durable, or write the image anew.
. "$SOURCE_ROOT/tests/integration/lib.sh"
context app <<'DOCKERFILE'
FROM busybox
WORKDIR /app
RUN echo one > /one
COPY script.sh data /app/
RUN sh /app/script.sh
CMD ["sh"]
DOCKERFILE
echo 'echo two > /two' > script.sh; mkdir data; echo data > data/file
sleep 2.1   # the stat cache does not trust files that were changed just now
build -t app .
build -t app .

# Of shared libraries the C library and the mathematical one, the loader aside.
if [ "${BUILDER_STATIC_LIBRARIES:-ON}" = ON ]; then
  LD_DEBUG=files LD_DEBUG_OUTPUT=$WORK/loaded build -t app .
  cat "$WORK"/loaded.* | sed -n 's/.*calling init: //p' | grep '^/' | sed 's,.*/,,' | sort -u > "$WORK/libraries"
  if grep -Ev '^(ld-linux.*|libc|libm)\.so' "$WORK/libraries"; then fail "the libraries above are loaded, though nothing needs them"; fi
  [ -s "$WORK/libraries" ] || fail "the loader names no library"
fi

build --debug=stats -t app .
check_equal "CACHED steps" 5 "$(grep -c ' CACHED$' "$WORK/log")"
for counter in exec.runs mounts libraries.opened context.files_read layers.packed; do
  check_equal "$counter" 0 "$(stat_of $counter)"
done

# Only root can hide libcurl, and under strace an ordinary user's newuidmap has no privilege.
[ "$(id -u)" = 0 ] || exit 0

# Without libcurl just what needs the network fails, and says why.
libcurl=$(ldconfig -p | sed -nE 's/.*libcurl(-gnutls)?\.so\.4 .*=> //p' | sort -u | tr '\n' ' ')
cat > "$WORK/without-libcurl" <<SCRIPT
#!/bin/sh
exec unshare --mount sh -c 'for f in $libcurl; do mount --bind /dev/null "\$f"; done; exec "\$@"' sh "$BUILDER" "\$@"
SCRIPT
chmod 755 "$WORK/without-libcurl"
with_libcurl=$BUILDER BUILDER=$WORK/without-libcurl
build -t app .
context download <<'DOCKERFILE'
FROM scratch
ADD http://127.0.0.1:9/file /
DOCKERFILE
fails 1 .
check_contains "$WORK/log" "open libcurl"
check_contains "$WORK/log" "package \`libcurl4\`"
BUILDER=$with_libcurl
cd "$WORK/app"

command -v strace >/dev/null || skip "strace is not installed"
strace -f -qq -o "$WORK/calls" true 2>/dev/null || skip "strace is not allowed here"
strace -f -qq -o "$WORK/calls" "$BUILDER" build --progress=plain --build-context busybox=oci-layout://"$BASES"/busybox -t app . 2> "$WORK/log" ||
  { cat "$WORK/log"; fail "the build under strace"; }
check_equal "CACHED steps under strace" 5 "$(grep -c ' CACHED$' "$WORK/log")"
check_equal "processes started" 1 "$(grep -cE 'execve\(.* = 0' "$WORK/calls")"
for call in 'fsync|fdatasync|syncfs' 'rename|renameat|renameat2|link|linkat|symlink|symlinkat'; do
  grep -E "[0-9] ($call)\(" "$WORK/calls" && fail "the calls above have nothing to do in a build in which nothing changed"
done
written=$(grep -E 'openat\(.*O_(WRONLY|RDWR)' "$WORK/calls" | grep -oE '"[^"]+"' | tr -d '"' | grep -Ev '^/(proc|dev|sys)/' |
  grep -Ev '/(lock|cache\.db|cache\.db-wal|cache\.db-shm|\.index\.lock)$' || true)
check_equal "files opened for writing" "" "$written"
