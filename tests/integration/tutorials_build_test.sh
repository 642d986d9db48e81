# What courses teach about `docker build`, typed as there: the section "Build" of TUTORIALS.md, row by row.
#   build . · -f dir/Dockerfile . · . -t me/wow · -t me/wow:v1 . · image build -t test:latest .   "Ways to type it"
#   the BuildKit display                                                                         "The display"
#   a line added to the Dockerfile, built as :1.1                                                "A line added"
#   build without the final .                                                                    "Without the final ."
#   the Dockerfiles used there                                                                   "Dockerfiles"
. "$SOURCE_ROOT/tests/integration/lib.sh"
. "$SOURCE_ROOT/tests/integration/tutorials_lib.sh"
registry hub
leads docker.io "$PORT"
stand_in "" debian
stand_in pip3 python:3.9
stand_in "apk npm" alpine
stand_in "" centos

# step FILE NAME RESULT: a step of a plain display: the line with its name, and how it ended (CACHED or DONE).
step() {
  awk -v name="$2" -v result="$3" '
    { at = $1; text = substr($0, length($1) + 2) }
    text == name { wanted = at }
    at == wanted && (text == result || (result == "DONE" && text ~ /^DONE [0-9.]+s$/)) { found = 1 }
    END { exit !found }' "$1" || { cat "$1"; fail "step '$2' is not $3"; }
}
# names_of: the last words of a build: image id and names.
names_of() { sed -nE 's/^#[0-9]+ naming to ([^ ]+).* done$/\1/p' "$WORK/log" | xargs; }

# --- Ways to type it
context wow <<'DOCKERFILE'
FROM debian
LABEL maintainer="Somebody <somebody@example.com>"
RUN echo "Bienvenue dans ce conteneur"
COPY ./script.sh /root/
RUN chmod 777 /root/script.sh
ENTRYPOINT ["/root/script.sh"]
DOCKERFILE
printf '#!/bin/sh\necho wow\n' > script.sh
succeeds builder build .
check_equal "standard output" "" "$(cat "$WORK/out")"
check_matches "$WORK/log" '#[0-9]+ \[internal\] load build definition from Dockerfile'
check_matches "$WORK/log" '#[0-9]+ \[internal\] load metadata for docker\.io/library/debian:latest'
check_matches "$WORK/log" '#[0-9]+ \[1/4\] FROM docker\.io/library/debian:latest@sha256:[0-9a-f]{64}'
check_matches "$WORK/log" '#[0-9]+ \[internal\] load build context'
step "$WORK/log" '[2/4] RUN echo "Bienvenue dans ce conteneur"' DONE
check_matches "$WORK/log" '#[0-9]+ [0-9]+\.[0-9]+ Bienvenue dans ce conteneur'
step "$WORK/log" '[3/4] COPY ./script.sh /root/' DONE
step "$WORK/log" '[4/4] RUN chmod 777 /root/script.sh' DONE
step "$WORK/log" 'exporting to image' DONE
check_equal "names" "" "$(names_of)"
id=$(sed -nE 's/^#[0-9]+ writing image (sha256:[0-9a-f]{64}).* done$/\1/p' "$WORK/log")
check_equal "an image without name" "<none> <none> ${id:7:12}" "$(builder images --format '{{.Repository}} {{.Tag}} {{.ID}}')"

# The same under a name; options after the path; nothing runs a second time.
succeeds builder build . -t me/wow
check_equal "latest is added" docker.io/me/wow:latest "$(names_of)"
for name in '[2/4] RUN echo "Bienvenue dans ce conteneur"' '[3/4] COPY ./script.sh /root/' '[4/4] RUN chmod 777 /root/script.sh'; do
  step "$WORK/log" "$name" CACHED
done
check_contains "$WORK/log" "writing image $id"
succeeds builder build -t me/wow:v1 .
check_equal "a tag" docker.io/me/wow:v1 "$(names_of)"
succeeds builder image build -t test:latest .
check_equal "a name of Docker Hub's own" docker.io/library/test:latest "$(names_of)"
check_equal "one image" "${id:7:12}" "$(builder images -q | sort -u)"
mkdir dir; sed 's/Bienvenue/Salut/' Dockerfile > dir/Dockerfile
succeeds builder build -f dir/Dockerfile .
step "$WORK/log" '[2/4] RUN echo "Salut dans ce conteneur"' DONE

# The name moves to the new image; the old one stays, without it.
echo 'LABEL moved=yes' >> Dockerfile
succeeds builder build -t me/wow:v1 .
new=$(builder inspect -f '{{.Id}}' me/wow:v1)
[ "$new" != "$id" ] || fail "the name did not move"
check_equal "the other name stays" "$id" "$(builder inspect -f '{{.Id}}' me/wow)"

# --- A line added
context x <<'DOCKERFILE'
FROM centos
RUN echo first
RUN echo second
DOCKERFILE
succeeds builder build -t me/x:1.0 .
echo 'RUN echo third' >> Dockerfile
succeeds builder build -t me/x:1.1 .
step "$WORK/log" '[2/4] RUN echo first' CACHED
step "$WORK/log" '[3/4] RUN echo second' CACHED
step "$WORK/log" '[4/4] RUN echo third' DONE
check_matches "$WORK/log" '#[0-9]+ [0-9]+\.[0-9]+ third'

# --- The display
if command -v script >/dev/null; then
  # The last screen, without control sequences.
  screen() { script -qec "stty cols 100 rows 40; NO_COLOR=1 '$BUILDER' build --progress=tty -t me/x:1.0 ." /dev/null < /dev/null | tr -d '\r' |
    sed -E 's/\x1b\[[0-9;?]*[A-Za-z]//g' | awk '/FINISHED$/ { text = "" } { text = text $0 "\n" } END { printf "%s", text }' > "$WORK/screen"; }
  row() { check_matches "$WORK/screen" " => $1 +[0-9]+\.[0-9]s"; }
  screen
  grep -Eqx '\[\+\] Building [0-9]+\.[0-9]s \(([0-9]+)/\1\) FINISHED' "$WORK/screen" || { cat "$WORK/screen"; fail "no heading of the display"; }
  row '\[internal\] load build definition from Dockerfile'
  row '\[internal\] load metadata for docker\.io/library/centos:latest'
  row 'CACHED \[1/4\] FROM docker\.io/library/centos:latest@sha256:[0-9a-f]+'
  row 'CACHED \[2/4\] RUN echo first'
  row 'CACHED \[4/4\] RUN echo third'
  row 'exporting to image'
  row '=> exporting layers'
  row '=> writing image sha256:[0-9a-f]{64}'
  row '=> naming to docker\.io/me/x:1\.0'
  check_equal "widths of the rows" 99 "$(grep '^ => ' "$WORK/screen" | awk '{ print length($0) }' | sort -u | xargs)"
  echo 'RUN echo fourth' >> Dockerfile
  screen
  row '\[5/5\] RUN echo fourth'
fi

# --- Without the final .
exits 2 builder build -t me/wow
check_contains "$WORK/log" 'needs exactly one argument: the build context'
check_contains "$WORK/log" 'for the current directory: builder build .'

# --- Dockerfiles
# config IMAGE FIELDS: of the image's configuration, as JSON.
config() { builder inspect "$1" | jq -c ".[0].Config | $2"; }
# files IMAGE: owner, mode and name of each file.
files() { builder export "$1" | tar tv --numeric-owner | awk '{ print $2, $1, $6 }'; }

check_equal "config of FROM debian" '[{"maintainer":"Somebody <somebody@example.com>"},["/root/script.sh"],null]' "$(config me/wow '[.Labels, .Entrypoint, .Cmd]')"
files me/wow > "$WORK/files"
check_matches "$WORK/files" '0/0 -rwxrwxrwx root/script.sh'

context python <<'DOCKERFILE'
FROM python:3.9
WORKDIR /app
COPY . /app/
RUN pip3 install -r requirements.txt
CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "80"]
DOCKERFILE
echo fastapi > requirements.txt; echo 'app = None' > main.py
succeeds builder build -t me/api .
check_matches "$WORK/log" '#[0-9]+ [0-9]+\.[0-9]+ pip3 was called with install -r requirements.txt'
check_equal "config of FROM python" '["/app",["uvicorn","main:app","--host","0.0.0.0","--port","80"]]' "$(config me/api '[.WorkingDir, .Cmd]')"
files me/api > "$WORK/files"
for file in Dockerfile main.py requirements.txt; do check_matches "$WORK/files" "0/0 -rw-r--r-- app/$file"; done

context node <<'DOCKERFILE'
FROM alpine
LABEL maintainer="somebody"
RUN apk add --update nodejs
COPY . /src
WORKDIR /src
RUN npm install
EXPOSE 8080
ENTRYPOINT ["node", "./app.js"]
DOCKERFILE
echo 'console.log("hello")' > app.js
succeeds builder build -t me/app .
check_matches "$WORK/log" '#[0-9]+ [0-9]+\.[0-9]+ apk was called with add --update nodejs'
check_matches "$WORK/log" '#[0-9]+ [0-9]+\.[0-9]+ npm was called with install'
check_equal "config of FROM alpine" '[{"8080/tcp":{}},["node","./app.js"],"/src"]' "$(config me/app '[.ExposedPorts, .Entrypoint, .WorkingDir]')"

context java <<'DOCKERFILE'
FROM centos
LABEL version="1.0"
ENV JAVA_HOME /usr/bin/java
WORKDIR /opt
ADD archive.tar.gz /
COPY fichier.conf /etc/
CMD ["ping", "127.0.0.1", "-c", "30"]
ENTRYPOINT ["monappli-start.sh"]
DOCKERFILE
mkdir monappli; echo 1 > monappli/one; tar czf archive.tar.gz monappli; echo clef=valeur > fichier.conf
succeeds builder build -t me/java .
check_equal "config of FROM centos" '["1.0",["JAVA_HOME=/usr/bin/java"],["ping","127.0.0.1","-c","30"],["monappli-start.sh"]]' \
  "$(config me/java '[.Labels.version, (.Env | map(select(startswith("JAVA")))), .Cmd, .Entrypoint]')"
files me/java > "$WORK/files"
check_matches "$WORK/files" '[0-9]+/[0-9]+ -rw-r--r-- monappli/one'
check_matches "$WORK/files" '0/0 -rw-r--r-- etc/fichier.conf'

context more <<'DOCKERFILE'
# A comment first
FROM debian
ARG APT_FLAGS="-q -y"
RUN echo "flags: $APT_FLAGS"
# between the instructions
ENV MY_DOG=Rex\ The\ Dog
RUN echo "mygroup:x:77:" >> /etc/group
ADD --chown=55:mygroup files* /somedir/
EXPOSE 80/tcp
  # and with blanks before it
EXPOSE 80/udp
ENTRYPOINT exec top -b
DOCKERFILE
echo 1 > files1; echo 2 > files2
succeeds builder build -t me/more .
check_matches "$WORK/log" '#[0-9]+ [0-9]+\.[0-9]+ flags: -q -y'
succeeds builder build --build-arg APT_FLAGS=-qq -t me/more .
check_matches "$WORK/log" '#[0-9]+ [0-9]+\.[0-9]+ flags: -qq'
check_equal "config" '["MY_DOG=Rex The Dog",["80/tcp","80/udp"],["/bin/sh","-c","exec top -b"]]' \
  "$(config me/more '[(.Env[] | select(startswith("MY_DOG"))), (.ExposedPorts | keys), .Entrypoint]')"
files me/more > "$WORK/files"
check_matches "$WORK/files" '55/77 -rw-r--r-- somedir/files1'
check_matches "$WORK/files" '55/77 -rw-r--r-- somedir/files2'

# A root file system: `build -o type=tar` writes one, `FROM scratch` takes it.
context scratch <<'DOCKERFILE'
FROM scratch
ADD rootfs.tar /
CMD ["/bin/sh"]
DOCKERFILE
(cd ../more && builder build -o type=tar,dest=../scratch/rootfs.tar . 2> "$WORK/log") || { cat "$WORK/log"; fail "build -o type=tar"; }
succeeds builder build -t me/base .
files me/base > "$WORK/files"
check_matches "$WORK/files" '55/77 -rw-r--r-- somedir/files1'
printf 'FROM me/base\nRUN cat /somedir/files1 && echo runs\n' | succeeds builder build -t me/from -
check_matches "$WORK/log" '#[0-9]+ [0-9]+\.[0-9]+ runs'
