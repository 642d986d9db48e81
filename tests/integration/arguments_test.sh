# Build arguments that mean something to the builder itself (BUILDKIT_…), and what is the caller's environment.
. "$SOURCE_ROOT/tests/integration/lib.sh"
context app <<'DOCKERFILE'
FROM busybox
RUN hostname > /name
RUN --mount=type=cache,target=/c,id=kept echo x >> /c/lines; wc -l < /c/lines > /count
DOCKERFILE
out() { rm -rf "$WORK/out"; build -o type=local,dest="$WORK/out" "$@" .; }

out
check_equal "host name" buildkitsandbox "$(cat "$WORK/out/name")"
out --build-arg BUILDKIT_SANDBOX_HOSTNAME=other
check_equal "BUILDKIT_SANDBOX_HOSTNAME" other "$(cat "$WORK/out/name")"

# Caches of another name space are others. Both builds above ran the step, since the host name is part of it.
printf 'ARG AGAIN\nRUN --mount=type=cache,target=/c,id=kept wc -l < /c/lines > /count 2>/dev/null || echo none > /count\n' >> Dockerfile
out --build-arg AGAIN=1
check_equal "the same cache" 2 "$(cat "$WORK/out/count")"
out --build-arg AGAIN=2 --build-arg BUILDKIT_CACHE_MOUNT_NS=own
check_equal "BUILDKIT_CACHE_MOUNT_NS" none "$(cat "$WORK/out/count")"

# A frontend of another name is not used, and that is said; that of Docker is the built-in one.
build --build-arg BUILDKIT_SYNTAX=docker/dockerfile:1.7 -o type=cacheonly .
! grep -q "is not used" "$WORK/log" || fail "a warning about docker/dockerfile"
build --build-arg BUILDKIT_SYNTAX=example.org/other:1 -o type=cacheonly .
check_contains "$WORK/log" 'frontend `example.org/other:1` is not used'
printf '# check=error=true\nFROM busybox as Base\n' > Dockerfile
fails 1 .
check_contains "$WORK/log" "lint violation found"
build --build-arg BUILDKIT_DOCKERFILE_CHECK=skip=all -o type=cacheonly .

# Arguments about names, caches and attestations neither reach a step nor change its key.
printf 'FROM busybox\nRUN env > /env\n' > Dockerfile
out
build --debug=stats -o type=cacheonly --build-arg BUILDKIT_BUILD_NAME=n --build-arg BUILDKIT_INLINE_CACHE=1 .
check_equal "misses" 0 "$(stat_of cache.misses)"
! grep -q BUILDKIT "$WORK/out/env" || fail "a BUILDKIT argument in the environment of a step"

# --build-arg NAME takes the value of the caller's environment, and none where there is none.
printf 'FROM busybox\nARG GIVEN=default\nARG UNSET=default\nRUN echo "$GIVEN $UNSET" > /values\n' > Dockerfile
GIVEN=mine out --build-arg GIVEN --build-arg UNSET
check_equal "--build-arg NAME" "mine default" "$(cat "$WORK/out/values")"
