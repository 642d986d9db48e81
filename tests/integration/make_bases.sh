#!/bin/sh
# Makes the base images of the integration tests from Debian packages, once per build directory.
set -eu
for kind in busybox debian; do
  [ -f "$BASES/$kind/index.json" ] && continue
  # Packages come from the network, which may fail once.
  "$SOURCE_ROOT/tools/dev/make-base-layout" "$kind" "$BASES/$kind" ||
    { sleep 10; "$SOURCE_ROOT/tools/dev/make-base-layout" "$kind" "$BASES/$kind"; }
done
