# Git repositories over every protocol, from real servers on loopback: sshd, git daemon, http with a password. SHA-256, submodules,
# and that neither the machine's configuration of git nor the user's keys have a say.
. "$SOURCE_ROOT/tests/integration/lib.sh"
command -v git >/dev/null || skip "git is not installed"
command -v python3 >/dev/null || skip "python3 is not installed"
[ -x /usr/sbin/sshd ] || skip "openssh-server is not installed"
# `user@host:path` has no port, so root takes port 22 of a network of its own.
if [ "$(id -u)" = 0 ] && [ -z "${OWN_NETWORK:-}" ] && unshare --net ip link set lo up 2>/dev/null; then
  OWN_NETWORK=1 exec unshare --net sh -c 'ip link set lo up; exec bash "$0"' "$0"
fi
port=${OWN_NETWORK:+22}; port=${port:-$((20000 + RANDOM % 10000))}
servers=; trap 'kill $servers 2>/dev/null' EXIT
wait_for() { for _ in $(seq 100); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done; fail "no answer: $*"; }
git_() { git -c user.name=T -c user.email=t@example.com -c init.defaultBranch=main -c protocol.file.allow=always "$@"; }

# --- Servers.
ssh_dir=$WORK/ssh; mkdir -m 700 "$ssh_dir"
for name in host other_host key stranger; do ssh-keygen -q -t ed25519 -N '' -f "$ssh_dir/$name"; done
cp "$ssh_dir/key.pub" "$ssh_dir/authorized"
start_sshd() { # HOST_KEY
  [ "$(id -u)" != 0 ] || mkdir -p /run/sshd
  printf '%s\n' "Port $port" "ListenAddress 127.0.0.1" "HostKey $ssh_dir/$1" "AuthorizedKeysFile $ssh_dir/authorized" \
    "StrictModes no" "UsePAM no" "PidFile none" "PasswordAuthentication no" "KbdInteractiveAuthentication no" > "$ssh_dir/config"
  /usr/sbin/sshd -D -e -f "$ssh_dir/config" 2> "$ssh_dir/log" & sshd=$!
  servers="$servers $sshd"
  wait_for ssh-keyscan -p "$port" 127.0.0.1
}
repositories=$WORK/repositories; mkdir -p "$repositories/git/private"
git_port=$((20000 + RANDOM % 10000))
git daemon --reuseaddr --listen=127.0.0.1 --port="$git_port" --base-path="$repositories" --export-all "$repositories" & servers="$servers $!"
web_port=$((30000 + RANDOM % 2000))
python3 "$SOURCE_ROOT/tests/support/web_server.py" "$repositories" "$web_port" "$WORK/requests" & servers="$servers $!"
wait_for curl -s "http://127.0.0.1:$web_port/none"
start_sshd host

# repository NAME OPTIONS: a bare one with a file, a tag and a submodule that is given relative to it.
repository() {
  local name=$1; shift
  git_ init -q --bare "$@" "$repositories/$name-sub.git"
  git_ init -q "$@" "$WORK/$name-sub"
  (cd "$WORK/$name-sub" && echo sub > s && git_ add s && git_ commit -qm s && git_ push -q "$repositories/$name-sub.git" HEAD:main)
  git_ init -q --bare "$@" "$repositories/$name.git"
  git_ init -q "$@" "$WORK/$name"
  (cd "$WORK/$name" && echo one > file && git_ add file && git_ commit -qm one && git_ tag -am v1 v1 && git_ remote add origin "$repositories/$name.git" &&
   git_ submodule --quiet add "../$name-sub.git" module && printf 'FROM scratch\nCOPY file /\n' > Dockerfile && echo two > file &&
   git_ add -A && git_ commit -qm two && git_ push -q origin HEAD:main v1)
  for bare in "$name" "$name-sub"; do git --git-dir="$repositories/$bare.git" symbolic-ref HEAD refs/heads/main; done
}
repository app
repository wide --object-format=sha256
ssh_url=ssh://$(id -un)@127.0.0.1:$port$repositories

# --- ssh: with a key, with an agent, without.
context ssh <<DOCKERFILE
FROM scratch
ADD $ssh_url/app.git /head/
ADD $ssh_url/app.git#v1 /tag/
DOCKERFILE
env -u SSH_AUTH_SOCK "$BUILDER" build --progress=plain -o type=local,dest=out . 2> "$WORK/log" && fail "a repository without a key"
check_contains "$WORK/log" "Permission denied (publickey"
check_contains "$WORK/log" "--ssh default"
fails 1 --ssh default="$ssh_dir/stranger" .
build --ssh default="$ssh_dir/key" -o type=local,dest=out .
check_equal "over ssh" "two one sub" "$(cat out/head/file out/tag/file out/head/module/s | paste -sd' ')"
build --debug=stats --ssh default="$ssh_dir/key" -o type=local,dest=out .
check_equal "fetches of a second build" 0 "$(stat_of git.fetches)"
eval "$(ssh-agent -s)" > /dev/null; servers="$servers $SSH_AGENT_PID"
ssh-add -q "$ssh_dir/key"
rm -rf "$BUILDER_ROOT"
build --ssh default -o type=local,dest=out .
check_equal "with an agent" two "$(cat out/head/file)"
cd "$WORK"
build -o type=tar,dest=out.tar "$ssh_url/app.git"  # of a context the agent is taken unasked
check_equal "context over ssh" two "$(tar -xOf out.tar file)"

# --- A host that has become another one is not believed.
kill $sshd; wait $sshd 2>/dev/null || true
start_sshd other_host
cd "$WORK/ssh"; echo "# again" >> Dockerfile
fails 1 --no-cache --ssh default .
check_contains "$WORK/log" "Host key verification failed"
kill $sshd; wait $sshd 2>/dev/null || true
start_sshd host

# --- user@host:path.
if [ "$port" = 22 ]; then
  printf 'FROM scratch\nADD %s@127.0.0.1:%s/app.git#v1 /\n' "$(id -un)" "$repositories" > Dockerfile
  build --ssh default -o type=tar,dest=out.tar .
  check_equal "user@host:path" one "$(tar -xOf out.tar file)"
fi

# --- SHA-256 repositories, by branch, tag and commit; over ssh and by git daemon.
commit=$(git -C "$WORK/wide" rev-parse v1^{commit})
check_equal "length of a commit" 64 ${#commit}
context wide <<DOCKERFILE
FROM scratch
ADD $ssh_url/wide.git /head/
ADD git://127.0.0.1:$git_port/wide.git#v1 /tag/
ADD --checksum=$commit git://127.0.0.1:$git_port/wide.git#$commit /commit/
ADD --keep-git-dir git://127.0.0.1:$git_port/app.git /kept/
DOCKERFILE
build --ssh default -o type=local,dest=out .
check_equal "SHA-256" "two sub one one" "$(cat out/head/file out/head/module/s out/tag/file out/commit/file | paste -sd' ')"
check_equal "by git daemon" "two sub" "$(cat out/kept/file out/kept/module/s | paste -sd' ')"
check_equal "the kept repository" "$(git -C "$WORK/app" rev-parse HEAD)" "$(git -c safe.directory='*' -C out/kept rev-parse HEAD)"

# --- http with a password: a token for all hosts, for this one, for another one; the header whole.
cp -r "$repositories/app.git" "$repositories/app-sub.git" "$repositories/git/private/"
printf let-me-in > "$WORK/token"; printf wrong-one > "$WORK/wrong"
printf 'basic %s' "$(printf x-access-token:let-me-in | base64)" > "$WORK/header"
context password <<DOCKERFILE
FROM scratch
ADD http://127.0.0.1:$web_port/git/private/app.git /
DOCKERFILE
fails 1 .
check_contains "$WORK/log" "GIT_AUTH_TOKEN"
fails 1 --secret id=GIT_AUTH_TOKEN.example.com,src="$WORK/token" .
fails 1 --secret id=GIT_AUTH_TOKEN,src="$WORK/wrong" .
! grep -q wrong-one "$WORK/log" || fail "the token is in the log"
for id in GIT_AUTH_TOKEN GIT_AUTH_TOKEN.127.0.0.1 "GIT_AUTH_TOKEN.127.0.0.1:$web_port"; do
  rm -rf "$BUILDER_ROOT"
  build --secret id="$id",src="$WORK/token" -o type=local,dest=out .
  check_equal "$id" "two sub" "$(cat out/file out/module/s | paste -sd' ')"
done
rm -rf "$BUILDER_ROOT"
build --secret id=GIT_AUTH_HEADER,src="$WORK/header" -o type=local,dest=out .
! grep -rqE "let-me-in|$(cut -c7- "$WORK/header")" "$BUILDER_ROOT" "$WORK/log" out || fail "a secret is in the store, the log or the result"

# --- What the caller's git is told does not count.
export HOME=$WORK/home; mkdir -p "$HOME/.ssh"
cp "$ssh_dir/key" "$HOME/.ssh/id_ed25519"
printf '[url "git://127.0.0.1:1/"]\n\tinsteadOf = git://127.0.0.1:%s/\n[core]\n\tautocrlf = true\n' "$git_port" > "$HOME/.gitconfig"
export GIT_DIR=/nowhere GIT_SSH_COMMAND=false GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.eol GIT_CONFIG_VALUE_0=crlf GIT_ALLOW_PROTOCOL=none
context isolated <<DOCKERFILE
FROM scratch
ADD git://127.0.0.1:$git_port/app.git?submodules=false#v1 /
ADD $ssh_url/app.git?submodules=false#v1 /again/
DOCKERFILE
rm -rf "$BUILDER_ROOT"
build --ssh default -o type=local,dest=out .
check_equal "with a hostile configuration" "one one" "$(cat out/file out/again/file | paste -sd' ')"
unset GIT_DIR GIT_SSH_COMMAND GIT_CONFIG_COUNT GIT_ALLOW_PROTOCOL
