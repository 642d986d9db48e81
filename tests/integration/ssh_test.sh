# RUN --mount=type=ssh with a real ssh: keys served by the builder, an agent of the user behind it, a login at a loopback sshd.
. "$SOURCE_ROOT/tests/integration/lib.sh"
[ -x /usr/sbin/sshd ] || skip "openssh-server is not installed"
port=$((20000 + RANDOM % 10000))
mkdir -m 700 "$WORK/keys"; keys=$WORK/keys
ssh-keygen -q -t ed25519 -N '' -f "$keys/host"
ssh-keygen -q -t ed25519 -N '' -C '' -f "$keys/ed25519"
ssh-keygen -q -t rsa -b 2048 -m PEM -N '' -f "$keys/rsa"
ssh-keygen -q -t ecdsa -b 384 -m PKCS8 -N '' -f "$keys/ecdsa"
ssh-keygen -q -t ed25519 -N secret -f "$keys/protected"
cat "$keys"/{ed25519,rsa,ecdsa}.pub > "$keys/authorized"
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
printf '%s\n' "Port $port" "ListenAddress 127.0.0.1" "HostKey $keys/host" "AuthorizedKeysFile $keys/authorized" \
  "StrictModes no" "UsePAM no" "PidFile none" "PasswordAuthentication no" "KbdInteractiveAuthentication no" > "$keys/config"
/usr/sbin/sshd -D -e -f "$keys/config" 2> "$keys/log" & servers=$!
trap 'kill $servers' EXIT

# The programs and libraries of this machine, which is of the same release as the base.
context app <<'DOCKERFILE'
FROM debian:bookworm AS client
COPY root/ /
COPY keys/*.pub /keys/
FROM client AS list
RUN --mount=type=ssh test "$SSH_AUTH_SOCK" = /run/buildkit/ssh_agent.0 && ssh-add -L > /listed
RUN --mount=type=ssh ! ssh-add -D && ! ssh-add -x </dev/null
RUN --mount=type=ssh ssh-keygen -q -t ed25519 -N '' -f /tmp/new && ! ssh-add /tmp/new && ssh-add -L | cmp - /listed
FROM client AS sign
ARG KEY
RUN --mount=type=ssh printf data > /data && ssh-keygen -q -Y sign -f /keys/$KEY.pub -n test /data
FROM client AS login
ARG KEY LOGIN PORT
RUN --mount=type=ssh,id=$KEY,required ssh -p $PORT -o IdentitiesOnly=no -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    $LOGIN@127.0.0.1 echo logged in > /said
FROM client AS several
RUN --mount=type=ssh,id=a,target=/a.sock --mount=type=ssh,id=b,uid=7,gid=8,mode=0666 \
    ssh-add -L > /a && SSH_AUTH_SOCK=/run/buildkit/ssh_agent.1 ssh-add -L > /b && stat -c '%u %g %a' /run/buildkit/ssh_agent.1 > /owner
RUN test ! -e /a.sock && test ! -e /run/buildkit/ssh_agent.1 && test -z "$SSH_AUTH_SOCK"
FROM client AS optional
RUN --mount=type=ssh test -z "$SSH_AUTH_SOCK" -o ! -e "$SSH_AUTH_SOCK" 
DOCKERFILE
mkdir -p root/usr/bin keys; cp "$keys"/{ed25519,rsa,ecdsa}.pub keys/
for program in ssh ssh-add ssh-keygen; do
  cp "$(command -v $program)" root/usr/bin/
  for library in $(ldd "$(command -v $program)" | awk '$3 ~ /^\// {print $3}'); do
    place=root$(readlink -f "$(dirname "$library")"); mkdir -p "$place"; cp -L "$library" "$place/"
  done
done
out() { rm -rf "$WORK/out"; build -o type=local,dest="$WORK/out" "$@" .; }
public() { cut -d' ' -f1,2 "$@" | sort; }

out --target list --ssh default="$keys/ed25519,$keys/rsa,$keys/ecdsa"
check_equal "keys of the agent" "$(public "$keys"/{ed25519,rsa,ecdsa}.pub)" "$(public "$WORK/out/listed")"
for key in ed25519 rsa ecdsa; do
  out --target sign --build-arg KEY=$key --ssh default="$keys/$key"
  echo "me $(cat "$keys/$key.pub")" > "$WORK/allowed"
  ssh-keygen -q -Y verify -f "$WORK/allowed" -I me -n test -s "$WORK/out/data.sig" < "$WORK/out/data" || fail "signature of $key"
  out --target login --build-arg KEY=$key --build-arg LOGIN="$(id -un)" --build-arg PORT=$port --ssh $key="$keys/$key"
  check_equal "login with $key" "logged in" "$(cat "$WORK/out/said")"
done

# An agent of the user's: what it holds can be used, and stays as it is.
eval "$(ssh-agent -s)" > /dev/null; servers="$servers $SSH_AGENT_PID"
ssh-add -q "$keys/rsa"
out --no-cache --target list --ssh default
check_equal "keys of the user's agent" "$(public "$keys/rsa.pub")" "$(public "$WORK/out/listed")"
check_equal "the user's agent afterwards" "$(public "$keys/rsa.pub")" "$(ssh-add -L | public)"
out --target several --ssh a="$keys/ecdsa" --ssh b="$SSH_AUTH_SOCK"
check_equal "two agents" "$(public "$keys/ecdsa.pub") $(public "$keys/rsa.pub") 7 8 666" \
  "$(public "$WORK/out/a") $(public "$WORK/out/b") $(cat "$WORK/out/owner")"
[ ! -e "$WORK/out/run/buildkit" ] || fail "the agent's directory is in the image"
build --target optional -o type=cacheonly .
fails 1 --target login --build-arg KEY=none .
check_contains "$WORK/log" 'ssh agent `none` is required'
fails 1 --target list --ssh default="$keys/protected" .
check_contains "$WORK/log" "protected by a passphrase"
fails 2 --target list --ssh default=/nowhere .
for secret in "$keys"/{ed25519,rsa,ecdsa}; do
  ! grep -rqF "$(sed -n 4p "$secret")" "$BUILDER_ROOT" "$WORK/log" "$WORK/out" 2>/dev/null || fail "the key $secret was left behind"
done
[ -z "$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'builder-ssh-*' -user "$(id -un)" -newer "$keys/host" 2>/dev/null)" ] || fail "the agent's socket was left behind"
