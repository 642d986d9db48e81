# Limits of RUN: --resource and the classic builder's flags for memory and processors, --ulimit, --shm-size, --cgroup-parent.
. "$SOURCE_ROOT/tests/integration/lib.sh"
context app <<'DOCKERFILE'
FROM busybox AS show
RUN { cat /sys/fs/cgroup/cpu.max || paste -d' ' /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us; } > /cpu 2>/dev/null
RUN { cat /sys/fs/cgroup/memory.max || cat /sys/fs/cgroup/memory/memory.limit_in_bytes; } > /memory 2>/dev/null
RUN grep Cpus_allowed_list /proc/self/status | cut -f2 > /cpus; nproc > /nproc
FROM busybox AS eat
RUN a=x; while :; do a=$a$a; done
FROM busybox AS other
RUN ulimit -n > /nofile && df -k /dev/shm | tail -1 | awk '{print $2}' > /shm
DOCKERFILE
out() { rm -rf "$WORK/out"; build -o type=local,dest="$WORK/out" "$@" .; }

out --target other --ulimit nofile=123:456 --shm-size 2m
check_equal "--ulimit, --shm-size" "123 2048" "$(cat "$WORK/out/nofile" "$WORK/out/shm" | xargs)"
fails 2 --resource memory .
fails 2 --resource memory=1g,speed=9 .
check_contains "$WORK/log" "unknown resource"
build --squash --target other -o type=cacheonly .
check_contains "$WORK/log" "--squash has no effect"

# Who may not make cgroups is told so before anything runs in vain.
if ! build --target eat -m 32m -o type=cacheonly . > /dev/null; then
  if ! grep -q "out of memory" "$WORK/log"; then
    check_contains "$WORK/log" "hint: limits need a cgroup that this user may change"
    [ "$(id -u)" != 0 ] || fail "root cannot limit memory"
    echo "SKIP: this user has no cgroup to make limits in"; exit 0
  fi
else
  fail "a process that never ends eating ended well"
fi
check_contains "$WORK/log" "out of memory"
out --target show --resource memory=64m,cpu-quota=50000 --cpu-period 100000 --cpuset-cpus 0
check_equal "processor time" "50000 100000" "$(cat "$WORK/out/cpu")"
check_equal "memory" 67108864 "$(cat "$WORK/out/memory")"
check_equal "processors" "0 1" "$(cat "$WORK/out/cpus" "$WORK/out/nproc" | xargs)"
build --debug=stats --target show --memory 128m -o type=cacheonly .
check_equal "limits are no part of a step's key" 0 "$(stat_of cache.misses)"
out --no-cache --target show --cgroup-parent builder-it-$$
[ -z "$(find /sys/fs/cgroup -maxdepth 4 -name "builder-it-$$" -exec find {} -mindepth 1 -type d \; 2>/dev/null)" ] || fail "a cgroup was left behind"
find /sys/fs/cgroup -maxdepth 4 -depth -name "builder-it-$$" -exec rmdir {} \; 2>/dev/null
