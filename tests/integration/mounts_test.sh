# RUN --mount of every type, and here-documents in every form.
. "$SOURCE_ROOT/tests/integration/lib.sh"
context app <<'DOCKERFILE'
FROM busybox AS tool
RUN mkdir /t && echo tool > /t/file
FROM busybox AS bind
WORKDIR /w
RUN --mount=type=bind,target=/c cat /c/data/file > /from-context && ! touch /c/x 2>/dev/null
RUN --mount=type=bind,source=data,target=d,rw cat d/file > /relative && echo x > d/new && echo y > d/file
RUN --mount=type=bind,from=tool,source=/t/file,target=/one.txt cat /one.txt > /from-stage
RUN --mount=type=bind,from=busybox,target=/image test -x /image/bin/busybox && echo image > /from-image
RUN --mount=type=bind,source=data,target=/d cat /d/file > /after && test ! -e /d/new
RUN --mount=type=bind,source=data --mount=type=tmpfs,target=/tmp/t cat file > /at-workdir
FROM busybox AS cache
ARG WORD
RUN --mount=type=cache,target=/c,id=words echo $WORD >> /c/words && cat /c/words > /words
FROM busybox AS cachemode
RUN --mount=type=cache,target=/c,uid=7,gid=8,mode=0701 stat -c '%u %g %a' /c > /owner
RUN --mount=type=cache,from=tool,source=/t,target=/c,id=seeded cat /c/file > /seeded
FROM busybox AS tmpfs
RUN --mount=type=tmpfs,target=/t,size=1m grep ' /t tmpfs ' /proc/mounts && echo x > /t/x && \
    ! dd if=/dev/zero of=/t/big bs=64k count=32 2>/dev/null
RUN test ! -e /t/x
DOCKERFILE
mkdir data; echo data > data/file
out() { rm -rf "$WORK/out"; build -o type=local,dest="$WORK/out" "$@" .; }

out --target bind
check_equal "bind" "data data tool image data data" \
  "$(cd "$WORK/out"; cat from-context relative from-stage from-image after at-workdir | paste -sd' ')"
check_equal "the context after a write" "data" "$(cat data/file; ls data | grep -v '^file$' || true)"
for leftover in d/new w/new one.txt; do [ ! -e "$WORK/out/$leftover" ] || fail "$leftover was kept"; done

# A cache mount keeps what earlier builds put there; --no-cache begins an empty one.
out --target cache --build-arg WORD=a; out --target cache --build-arg WORD=b
check_equal "cache of two builds" "a b" "$(paste -sd' ' "$WORK/out/words")"
[ ! -e "$WORK/out/c/words" ] || fail "the cache is in the image"
out --target cache --build-arg WORD=c --no-cache
check_equal "cache with --no-cache" "c" "$(paste -sd' ' "$WORK/out/words")"
out --target cachemode
check_equal "owner and mode of a cache, content from a stage" "7 8 701 tool" \
  "$(cat "$WORK/out/owner" "$WORK/out/seeded" | paste -sd' ')"
build --target tmpfs -o type=cacheonly .

# Sharing: two steps at the same time see one directory, two directories, or wait for each other.
context sharing <<'DOCKERFILE'
FROM busybox AS a
ARG MODE
ARG RUN_ID
RUN --mount=type=cache,target=/c,id=s$MODE,sharing=$MODE \
    touch /c/a; for i in 1 2 3 4 5 6 7 8 9 10; do test -e /c/b && break; sleep 0.1; done; test -e /c/b && echo saw > /a || echo no > /a; rm -f /c/a
FROM busybox AS b
ARG MODE
ARG RUN_ID
RUN --mount=type=cache,target=/c,id=s$MODE,sharing=$MODE \
    touch /c/b; for i in 1 2 3 4 5 6 7 8 9 10; do test -e /c/a && break; sleep 0.1; done; test -e /c/a && echo saw > /b || echo no > /b; rm -f /c/b
FROM scratch
COPY --from=a /a /
COPY --from=b /b /
DOCKERFILE
for mode in shared private locked; do
  out --jobs 4 --build-arg MODE=$mode
  case $mode in shared) expected="saw" ;; *) expected="no no" ;; esac
  seen=$(cat "$WORK/out/a" "$WORK/out/b" | paste -sd' ')
  case "$seen" in *$expected*) ;; *) fail "sharing=$mode: $seen" ;; esac
done
# private and locked differ in when and where: two directories at the same time, or one after the other. Each step waits for the
# other one's mark outside of the cache, in vain where it is locked out.
context apart <<'DOCKERFILE'
FROM busybox AS a
ARG MODE
RUN --mount=type=cache,target=/meet,id=meet$MODE --mount=type=cache,target=/c,id=apart$MODE,sharing=$MODE \
    touch /meet/a /c/from-a; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do test -e /meet/b && break; sleep 0.1; done; \
    { test -e /meet/b && echo together || echo alone; ls /c; } > /a; rm -f /meet/a
FROM busybox AS b
ARG MODE
RUN --mount=type=cache,target=/meet,id=meet$MODE --mount=type=cache,target=/c,id=apart$MODE,sharing=$MODE \
    touch /meet/b /c/from-b; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do test -e /meet/a && break; sleep 0.1; done; \
    { test -e /meet/a && echo together || echo alone; ls /c; } > /b; rm -f /meet/b
FROM scratch
COPY --from=a /a /
COPY --from=b /b /
DOCKERFILE
for mode in private locked; do
  out --jobs 4 --build-arg MODE=$mode
  seen=$(cat "$WORK/out/a" "$WORK/out/b" | paste -sd' ')
  case $mode in
    private) case "$seen" in *together*) ;; *) fail "sharing=private waited: $seen" ;; esac
             case "$seen" in *"from-a from-b"*) fail "sharing=private was one directory: $seen" ;; esac ;;
    locked) case "$seen" in "alone "*alone*) ;; *) fail "sharing=locked did not wait: $seen" ;; esac
            case "$seen" in *"from-a from-b"*) ;; *) fail "sharing=locked was two directories: $seen" ;; esac ;;
  esac
done

# Here-documents.
context heredoc <<'DOCKERFILE'
FROM busybox
ARG NAME=arg
RUN <<EOF
echo one $NAME > /1
echo two >> /1
EOF
RUN <<'EOF'
echo "$NAME" > /2
EOF
RUN <<-EOF
	echo tabs > /3
	EOF
RUN <<EOF
#!/bin/awk -f
BEGIN { print "awk" > "/4" }
EOF
RUN cat <<A > /5 && cat <<B >> /5
first $NAME
A
second
B
RUN sh <<EOF
echo stdin > /6
EOF
RUN 3<<EOF cat <&3 > /7
fd
EOF
COPY <<a.txt <<"b.txt" /files/
expanded $NAME
a.txt
literal $NAME
b.txt
COPY --chmod=751 <<EOF /script
echo script
EOF
ADD <<-EOF /added
	no tabs
EOF
DOCKERFILE
out
cd "$WORK/out"
check_equal "RUN heredocs" "one arg two arg tabs awk first arg second stdin fd" "$(cat 1 2 3 4 5 6 7 | paste -sd' ')"
check_equal "COPY heredocs" 'expanded arg|literal $NAME|echo script|no tabs' "$(cat files/a.txt files/b.txt script added | paste -sd'|')"
check_equal "mode of a heredoc" 751 "$(stat -c %a script)"

# SSH: a real agent, asked for its keys over the socket that a step finds.
command -v ssh-agent >/dev/null && command -v ssh-add >/dev/null || skip "all but the ssh mount was tested: there is no ssh-agent"
eval "$(ssh-agent -s -a "$WORK/agent")" >/dev/null
trap 'kill "$SSH_AGENT_PID" 2>/dev/null' EXIT
ssh-keygen -q -t ed25519 -N '' -C test -f "$WORK/key"
ssh-add -q "$WORK/key"
context ssh <<'DOCKERFILE'
FROM debian:bookworm
RUN --mount=type=ssh,mode=0666 perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new($ENV{SSH_AUTH_SOCK}) or die "connect: $!"; \
    print $s pack("NC", 1, 11); $s->flush; read($s, $b, 9); ($l, $t, $n) = unpack("NCN", $b); print "agent type=$t keys=$n\n"; exit($t != 12 || $n != 1)'
RUN test -z "$SSH_AUTH_SOCK" && test ! -e /run/buildkit
RUN --mount=type=ssh,id=other,target=/tmp/s test ! -e /tmp/s
DOCKERFILE
build --ssh default -o type=cacheonly .
check_contains "$WORK/log" "agent type=12 keys=1"
build --no-cache --ssh default="$WORK/agent" -o type=cacheonly .
sed -i 's/type=ssh,id=other/type=ssh,required,id=other/' Dockerfile
fails 1 --ssh default -o type=cacheonly .
check_contains "$WORK/log" "other"
