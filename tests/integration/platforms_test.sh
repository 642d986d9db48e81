# Steps for another architecture: through an emulator where the kernel knows one, with a clear error where not; stages that run here
# cross-build without one. BUILDPLATFORM and TARGETPLATFORM say which is which.
. "$SOURCE_ROOT/tests/integration/lib.sh"
[ "$(uname -m)" = x86_64 ] || skip "the programs of this test are foreign on x86_64 only"

# A program of 8 instructions for ELF machine $1 that prints a line (aarch64; anything else cannot be run).
program() {
  python3 - "$1" <<'PYTHON'
import struct, sys
text = b'hello from aarch64\n'
code = [0xD2800020, 0x10000001 | (28 >> 2) << 5, 0xD2800002 | len(text) << 5, 0xD2800808, 0xD4000001, 0xD2800000, 0xD2800BA8, 0xD4000001]
body = b''.join(struct.pack('<I', word) for word in code) + text
start = 0x400000 + 64 + 56
size = 64 + 56 + len(body)
header = b'\x7fELF\x02\x01\x01' + bytes(9) + struct.pack('<HHIQQQIHHHHHH', 2, int(sys.argv[1]), 1, start, 64, 0, 0, 64, 56, 1, 0, 0, 0)
segment = struct.pack('<IIQQQQQQ', 1, 5, 0, 0x400000, 0x400000, size, size, 0x10000)
sys.stdout.buffer.write(header + segment + body)
PYTHON
}

context app <<'DOCKERFILE'
FROM --platform=$BUILDPLATFORM busybox AS build
ARG BUILDPLATFORM TARGETPLATFORM TARGETARCH
RUN echo "on $BUILDPLATFORM for $TARGETPLATFORM" > /$TARGETARCH
FROM scratch
ARG TARGETARCH
COPY --from=build /$TARGETARCH /platform
DOCKERFILE
build --platform linux/amd64,linux/arm64 -o type=oci,dest="$WORK/two.tar",tar=true .
mkdir "$WORK/two" && tar -xf "$WORK/two.tar" -C "$WORK/two"
index=$WORK/two/blobs/sha256/$(jq -r '.manifests[0].digest' "$WORK/two/index.json" | cut -d: -f2)
check_equal "platforms" "linux/amd64 linux/arm64" "$(jq -r '[.manifests[].platform | .os + "/" + .architecture] | join(" ")' "$index")"
build --platform linux/amd64,linux/arm64 -o type=local,dest="$WORK/out" .
check_equal "native stage" "on linux/amd64 for linux/arm64" "$(cat "$WORK/out/linux_arm64/platform")"

# Nothing runs programs of a processor that does not exist.
program 30000 > nothing; program 183 > hello; chmod +x nothing hello
context broken <<'DOCKERFILE'
FROM scratch
COPY --chmod=755 nothing /nothing
RUN ["/nothing"]
DOCKERFILE
cp ../app/nothing .
fails 1 --platform linux/riscv64 .
check_contains "$WORK/log" 'did not complete successfully: exit code: 126'
check_contains "$WORK/log" 'this step is for linux/riscv64 and this machine is linux/amd64'
check_contains "$WORK/log" 'qemu-user-static'
fails 1 --platform linux/amd64 .
if grep -q 'qemu-user-static' "$WORK/log"; then fail "an emulator does not help a step for this machine"; fi

# With an emulator that was registered to be opened at once (flag F), the step simply runs.
context emulated <<'DOCKERFILE'
FROM scratch
COPY hello /hello
RUN ["/hello"]
DOCKERFILE
cp ../app/hello .
if grep -qs '^enabled' /proc/sys/fs/binfmt_misc/qemu-aarch64 && grep -qs '^flags:.*F' /proc/sys/fs/binfmt_misc/qemu-aarch64; then
  build --platform linux/arm64 .
  check_contains "$WORK/log" 'hello from aarch64'
else
  fails 1 --platform linux/arm64 .
  check_contains "$WORK/log" 'qemu-user-static'
  echo "no emulator for aarch64 is registered: its error was checked instead"
fi
