# RUN --device with specifications of the Container Device Interface, as JSON and YAML.
. "$SOURCE_ROOT/tests/integration/lib.sh"
export BUILDER_CDI_SPEC_DIRS=$WORK/cdi:$WORK/cdi-other
mkdir -p cdi cdi-other library; echo shared > library/file
cat > cdi/vendor.yaml <<YAML
cdiVersion: "0.6.0"
kind: vendor.com/device
annotations:
  org.mobyproject.buildkit.device.class: accelerator
containerEdits:
  env: [COMMON=yes]
devices:
- name: zero
  containerEdits:
    env: [DEVICE=zero]
    deviceNodes:
    - {path: /dev/inside/zero, hostPath: /dev/zero}
    mounts:
    - {hostPath: $WORK/library, containerPath: /opt/library, options: [ro, rbind, nosuid]}
- name: hooked
  annotations:
    org.mobyproject.buildkit.device.autoallow: "true"
  containerEdits:
    env: [DEVICE=hooked]
    hooks: [{hookName: createContainer, path: /bin/false}]
YAML
echo '{"cdiVersion":"0.5.0","kind":"other.org/nic","devices":[{"name":"0","containerEdits":{"env":["NIC=0"]}}]}' > cdi-other/nic.json

context app <<'DOCKERFILE'
FROM busybox AS base
FROM base AS named
RUN --device=vendor.com/device=zero,required test -c /dev/inside/zero && head -c 4 /dev/inside/zero | od -An -tx1 > /read && \
    echo "$DEVICE $COMMON" > /variables && cat /opt/library/file > /file && ! touch /opt/library/x 2>/dev/null
RUN test ! -e /dev/inside && test ! -e /opt/library && test -z "$DEVICE"
FROM base AS class
RUN --device=accelerator --device=other.org/nic env | grep -E '^(DEVICE|COMMON|NIC)=' | sort > /variables
FROM base AS allowed
RUN --device=vendor.com/device=hooked echo "$DEVICE" > /variables
FROM base AS absent
RUN --device=nobody.org/x=1 --device=vendor.com/device=none echo "[$DEVICE]" > /variables
FROM base AS required
RUN --device=nobody.org/x=1,required true
DOCKERFILE
out() { rm -rf "$WORK/out"; build -o type=local,dest="$WORK/out" "$@" .; }

out --target named --allow device=vendor.com/device=zero
check_equal "node, variables, mount" "00 00 00 00 zero yes shared" "$(cd "$WORK/out"; cat read variables file | xargs)"
[ ! -e "$WORK/out/opt/library" ] && [ ! -e "$WORK/out/dev/inside" ] || fail "places of a device were left behind"
build --debug=stats --target named --allow device -o type=cacheonly .
check_equal "misses of the second build" 0 "$(stat_of cache.misses)"
out --target class --allow device
check_equal "all of a class, the first of a kind" "COMMON=yes DEVICE=zero NIC=0" "$(xargs < "$WORK/out/variables")"
out --target allowed
check_equal "a device that allows itself" hooked "$(cat "$WORK/out/variables")"
check_contains "$WORK/log" 'hooks of device `vendor.com/device=hooked` are not run'
out --target absent
check_equal "devices that are not there" "[]" "$(cat "$WORK/out/variables")"
fails 1 --target required --allow device .
check_contains "$WORK/log" 'device `nobody.org/x=1` is required'
fails 1 --no-cache --target named .
check_contains "$WORK/log" '--allow device=vendor.com/device=zero'
fails 1 --no-cache --target named --allow device=other.org/nic .
fails 2 --allow devices .
