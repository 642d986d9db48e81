# run: root
# 3 layers with 20,000 files: the same digest with 1 and with 2 threads, twice in a row, and from root and non-root.
. "$SOURCE_ROOT/tests/integration/lib.sh"
context app <<'DOCKERFILE'
FROM scratch
COPY a /a
COPY b /b
COPY c /c
DOCKERFILE
python3 - <<'PY'
import os, random
random.seed(7)
for top, count in (('a', 8000), ('b', 8000), ('c', 4000)):
    for i in range(count):
        d = '%s/%d/%d' % (top, i % 20, i % 7)
        os.makedirs(d, exist_ok=True)
        p = '%s/f%d' % (d, i)
        with open(p, 'wb') as f:
            f.write(random.randbytes(random.randrange(0, 2000)))
        os.chmod(p, 0o755 if i % 5 == 0 else 0o644)
        os.utime(p, (1600000000 + i, 1600000000 + i))
PY
chmod -R a+rX "$WORK/app"
export SOURCE_DATE_EPOCH=1700000000
digest() { skopeo inspect --raw oci-archive:"$1" | sha256sum | cut -d' ' -f1; }
build -o type=oci,dest="$WORK/1.tar" .
build -o type=oci,dest="$WORK/2.tar" .
rm -rf "$BUILDER_ROOT"
taskset -c 0 "$BUILDER" build --progress=plain --jobs=1 -o type=oci,dest="$WORK/3.tar" . 2> "$WORK/log"
rm -rf "$BUILDER_ROOT"
build -o type=oci,dest="$WORK/4.tar" .
for i in 2 3 4; do check_equal "digest of run $i" "$(digest "$WORK/1.tar")" "$(digest "$WORK/$i.tar")"; done
cmp "$WORK/1.tar" "$WORK/4.tar" || fail "the archives differ"

id builder-test >/dev/null 2>&1 || useradd --create-home builder-test
mkdir "$WORK/user" && cp "$BUILDER" "$WORK/user/builder" && chown -R builder-test: "$WORK/user"
setpriv --reuid builder-test --regid builder-test --init-groups env HOME="$WORK/user" BUILDER_ROOT="$WORK/user/store" \
  "$WORK/user/builder" build --progress=plain -o type=oci,dest="$WORK/user/5.tar" "$WORK/app" 2> "$WORK/log" || { cat "$WORK/log"; fail "as user"; }
check_equal "digest as an ordinary user" "$(digest "$WORK/1.tar")" "$(digest "$WORK/user/5.tar")"
