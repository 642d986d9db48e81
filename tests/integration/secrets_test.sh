# Secrets are there for RUN --mount=type=secret, as file and as variable, and nowhere else afterwards.
. "$SOURCE_ROOT/tests/integration/lib.sh"
context app <<'DOCKERFILE'
FROM busybox
RUN --mount=type=secret,id=file,mode=0440,uid=5,gid=6 \
    test "$(sha256sum < /run/secrets/file)" = "$(cat /run/secrets/file | sha256sum)" && \
    stat -c '%a %u %g %s' /run/secrets/file > /out
RUN --mount=type=secret,id=variable,env=TOKEN test -n "$TOKEN" && test ! -e /run/secrets/variable && echo ${#TOKEN} >> /out
RUN --mount=type=secret,id=variable,target=/etc/token test -s /etc/token && test -z "$TOKEN"
RUN --mount=type=secret,id=absent test ! -e /run/secrets/absent
RUN test ! -e /run/secrets/file && test ! -e /etc/token
DOCKERFILE
one=needle$(od -An -tx1 -N12 /dev/urandom | tr -d " "); two=haystack$(od -An -tx1 -N12 /dev/urandom | tr -d " ")
printf %s "$one" > "$WORK/secret-file"
export SECRET_VARIABLE=$two
with_secrets=(--secret id=file,src="$WORK/secret-file" --secret id=variable,env=SECRET_VARIABLE)

build "${with_secrets[@]}" --debug=explain,log,stats -t app --metadata-file "$WORK/metadata" \
  -o type=oci,dest="$WORK/out.tar" -o type=local,dest="$WORK/out" -o type=image .
cp "$WORK/log" "$WORK/log.1"
check_equal "mode, owner, size of the file; length of the variable" "440 5 6 30 32" "$(paste -sd' ' "$WORK/out/out")"
"$BUILDER" build --progress=rawjson --no-cache --build-context busybox=oci-layout://"$BASES"/busybox "${with_secrets[@]}" \
  -o type=oci,dest="$WORK/gzip.tar",compression=gzip,force-compression=true . > "$WORK/log.2" 2>&1

# everything_of FILE: its bytes, and what is inside when it is compressed.
everything_of() {
  cat "$1"
  case $(head -c 4 "$1" | od -An -tx1 | tr -d ' \n') in
    1f8b*) gzip -dc "$1" ;;
    28b52ffd) zstd -dc "$1" 2>/dev/null || true ;;
  esac
}
mkdir -p "$WORK/unpacked" "$WORK/unpacked2"
tar -xf "$WORK/out.tar" -C "$WORK/unpacked"; tar -xf "$WORK/gzip.tar" -C "$WORK/unpacked2"
files=0
while IFS= read -r file; do
  files=$((files + 1))
  for needle in "$one" "$two"; do
    if everything_of "$file" 2>/dev/null | has -aF -- "$needle"; then fail "a secret is in $file"; fi
  done
done < <(find "$WORK/store" "$WORK/unpacked" "$WORK/unpacked2" "$WORK/out.tar" "$WORK/log.1" "$WORK/log.2" "$WORK/metadata" "$WORK/out/out" "$WORK/out/etc" -type f -readable)
[ $files -gt 30 ] || fail "only $files files were searched"
find "$WORK/store" -name 'cache.db*' | has . || fail "the database was not among them"
if find "$WORK/store" "$WORK/out" | has -F -e "$one" -e "$two"; then fail "a secret is in a file name"; fi

# The probe itself finds a secret that a step does write.
context leak <<'DOCKERFILE'
FROM busybox
RUN --mount=type=secret,id=file cat /run/secrets/file > /leaked
DOCKERFILE
build "${with_secrets[@]}" -o type=local,dest="$WORK/leak" .
check_equal "what a step leaks itself" "$one" "$(cat "$WORK/leak/leaked")"

# A required secret that was not given, and a file that is not there.
context required <<'DOCKERFILE'
FROM busybox
RUN --mount=type=secret,id=must,required=true true
DOCKERFILE
fails 1 -o type=cacheonly .
check_contains "$WORK/log" "must"
