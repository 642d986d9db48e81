# run: root
# Every command of `builder --help`, and of the groups that it names, has a section in docs/cli.md, with an example.
. "$SOURCE_ROOT/tests/integration/lib.sh"
page=$SOURCE_ROOT/docs/cli.md
commands=$("$BUILDER" --help | awk '/^Commands:/{on=1;next} /^$/{on=0} on && $2!="more:"{print $1}')
[ "$(echo "$commands" | wc -l)" -gt 15 ] || fail "the overview has just: $commands"
for name in $commands "image prune" "system df" "system prune" "debug dump-llb"; do
  grep -qx "## $name" "$page" || fail "docs/cli.md has no section '$name'"
done
sections=$(grep '^## ' "$page" | cut -c4-)
while read -r name; do
  # shellcheck disable=SC2086
  "$BUILDER" $name --help > "$WORK/help" 2>&1 || fail "docs/cli.md has a section '$name', which is no command"
  awk -v s="## $name" '$0==s{on=1;next} /^## /{on=0} on' "$page" | has "builder $name" || fail "section '$name' has no example"
done <<< "$sections"
