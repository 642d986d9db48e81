# run: root
# The tutorial image: built, loaded and run by podman; every kind of archive is accepted by independent readers.
. "$SOURCE_ROOT/tests/integration/lib.sh"
cp -r "$SOURCE_ROOT/examples/wow" "$WORK/wow" && cd "$WORK/wow"

build -t user/wow:v1 -o type=docker,dest="$WORK/wow.tar" -o type=oci,dest="$WORK/oci.tar" -o type=oci,dest="$WORK/oci",tar=false \
  -o type=docker,dest="$WORK/docker",tar=false -o type=tar,dest="$WORK/root.tar" -o type=local,dest="$WORK/root" .

in_podman load -i "$WORK/wow.tar" | has 'docker.io/user/wow:v1' || fail "podman load"
check_equal "what the image prints" "WOW ca marche" "$(run_in_podman user/wow:v1)"

for archive in docker-archive:$WORK/wow.tar oci-archive:$WORK/oci.tar oci:$WORK/oci:v1; do
  skopeo inspect "$archive" > "$WORK/inspect"
  check_equal "layers of $archive" 4 "$(jq '.Layers | length' "$WORK/inspect")"
done
tar -xf "$WORK/oci.tar" -C "$(mkdir -p "$WORK/unpacked" && echo "$WORK/unpacked")"
umoci unpack --image "$WORK/oci:v1" "$WORK/bundle"
umoci unpack --image "$WORK/unpacked:v1" "$WORK/bundle2"
for root in "$WORK/bundle/rootfs" "$WORK/bundle2/rootfs" "$WORK/root"; do
  check_equal "script in $root" "WOW ca marche" "$("$root/root/script.sh")"
done

in_podman import -q "$WORK/root.tar" imported:v1 >/dev/null
check_equal "imported root file system" "WOW ca marche" "$(run_in_podman imported:v1 /root/script.sh)"

in_podman pull -q "oci:$WORK/oci:v1" >/dev/null
in_podman pull -q "oci-archive:$WORK/oci.tar" >/dev/null
