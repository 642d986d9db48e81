# --call and --check: texts and JSON against golden ones, exit statuses, and that no layer moves.
. "$SOURCE_ROOT/tests/integration/lib.sh"
context app <<'DOCKERFILE'
# VERSION of the base
ARG VERSION=latest
ARG UNUSED=1

# build compiles it
FROM busybox:${VERSION} AS build
# FOO is what it makes
ARG FOO=a BAR
RUN --mount=type=secret,id=token,required=true --mount=type=ssh --mount=type=cache,id=objects,target=/c echo $FOO
FROM scratch AS mid
ARG MID=2
COPY --from=build /x /y
# final holds it
FROM mid AS Final
RUN --mount=type=secret,id=token --mount=type=secret,id=other,env=O x
MAINTAINER joe
FROM mid
DOCKERFILE

# ask ARGS: like `build`, but standard output has the answer alone.
ask() { "$BUILDER" build --build-context busybox=oci-layout://"$BASES"/busybox "$@" 2> "$WORK/log"; }

# golden NAME ARGS: standard output of the call must be standard input.
golden() {
  local name=$1; shift
  cat > "$WORK/expected"
  ask "$@" . > "$WORK/actual" || true
  diff -u "$WORK/expected" "$WORK/actual" || fail "$name"
}

golden "targets" --call=targets <<'TEXT'
TARGET    DESCRIPTION
build     compiles it
mid       
final     holds it
(default) 
TEXT
golden "outline of a target" --call=outline --target final --build-arg FOO=z <<'TEXT'
TARGET:      final
DESCRIPTION: holds it

BUILD ARG   VALUE    DESCRIPTION
VERSION     latest   of the base
FOO         z        is what it makes
BAR                  
MID         2        

SECRET   REQUIRED
token    
other    

SSH       REQUIRED
default   

CACHE MOUNT
objects

TEXT
build --call=outline,format=json --target build . > "$WORK/outline.json"
check_equal "outline json" \
  '{"name":"build","description":"compiles it","args":[["VERSION","latest",2],["FOO","a",8],["BAR",null,8]],"secrets":[["token",true]],"ssh":[["default",null]],"cache":["objects"]}' \
  "$(jq -c '{name, description, args: [.args[] | [.name, .value, .location.ranges[0].start.line]],
     secrets: [.secrets[] | [.name, .required]], ssh: [.ssh[] | [.name, .required]], cache: [.cache[].ID]}' "$WORK/outline.json")"
check_equal "source in the outline" "$(cat Dockerfile)" "$(jq -r '.sources[0] | @base64d' "$WORK/outline.json")"
build --call=targets,format=json . > "$WORK/targets.json"
check_equal "targets json" '[["build","busybox:${VERSION}",null,6],["mid","scratch",null,10],["final","mid",null,14],[null,"mid",true,17]]' \
  "$(jq -c '[.targets[] | [.name, .base, .default, .location.ranges[0].start.line]]' "$WORK/targets.json")"

# Warnings of all stages, with their lines; something found means status 1.
golden "check" --check <<'TEXT'
Check complete, 2 warnings have been found!

WARNING: StageNameCasing - https://docs.docker.com/go/dockerfile/rule/stage-name-casing/
stage name `Final` should be lower case
Dockerfile:14
--------------------
  12 |     COPY --from=build /x /y
  13 |     # final holds it
  14 | >>> FROM mid AS Final
  15 |     RUN --mount=type=secret,id=token --mount=type=secret,id=other,env=O x
  16 |     MAINTAINER joe
--------------------

WARNING: MaintainerDeprecated - https://docs.docker.com/go/dockerfile/rule/maintainer-deprecated/
MAINTAINER is deprecated, use a label to name the author
Dockerfile:16
--------------------
  14 |     FROM mid AS Final
  15 |     RUN --mount=type=secret,id=token --mount=type=secret,id=other,env=O x
  16 | >>> MAINTAINER joe
  17 |     FROM mid
  18 |     
--------------------
TEXT
fails 1 --check .
status=0; ask --call=check,format=json . > "$WORK/check.json" || status=$?
check_equal "status of check as JSON" 1 $status
check_equal "check json" '[["StageNameCasing",14],["MaintainerDeprecated",16]]' \
  "$(jq -c '[.warnings[] | [.ruleName, .location.ranges[0].start.line]]' "$WORK/check.json")"
check_equal "no error in it" null "$(jq -c .buildError "$WORK/check.json")"
check_equal "layers pulled" 0 "$(find "$WORK/store" -path '*snapshots/*' -mindepth 2 -type d 2>/dev/null | wc -l)"

sed -i 's/Final/final/; /MAINTAINER/d' Dockerfile
check_equal "clean" "Check complete, no warnings found." "$(build --call=check .)"
check_equal "clean json" '{"warnings":[],"error":null}' \
  "$(build --call=check,format=json . | jq -c '{warnings, error: .buildError}')"

# error=true, a parse error and a base image that cannot be had are build errors.
context strict <<'DOCKERFILE'
# check=error=true
FROM scratch AS Big
DOCKERFILE
status=0; ask --call=check,format=json . > "$WORK/check.json" || status=$?
check_equal "status with error=true" 1 $status
check_equal "build error" "lint violation found for rules: StageNameCasing" "$(jq -r .buildError.message "$WORK/check.json")"
check_contains "$WORK/log" "ERROR: lint violation found for rules: StageNameCasing"

context broken <<'DOCKERFILE'
FROM scratch
COPPY a b
DOCKERFILE
status=0; ask --call=check,format=json . > "$WORK/check.json" || status=$?
check_equal "status of a parse error" 1 $status
check_equal "line of the parse error" 2 "$(jq .buildError.location.ranges[0].start.line "$WORK/check.json")"
check_contains "$WORK/log" "unknown instruction: COPPY (did you mean COPY?)"
fails 1 --call=outline .
fails 1 --call=targets .

context missing <<'DOCKERFILE'
ARG TAG=1
FROM oci-layout-that-is-not-there.invalid/x:$TAG
ARG A=b
DOCKERFILE
fails 1 --check .
check_equal "outline without the base image" "TAG A" "$(build --call=outline,format=json . | jq -r '[.args[].name] | join(" ")')"

# Without asking for base images at all; the form of the answer is a flag of its own, too.
ask --check --base=empty . > "$WORK/check" || fail "check with --base=empty: $(cat "$WORK/log")"
check_contains "$WORK/check" "no warnings found"
check_equal "--format beside --call" "TAG A" "$(ask --call=outline --format=json . | jq -r '[.args[].name] | join(" ")')"
check_equal "graph without the base image" "[1/1] FROM" \
  "$("$BUILDER" debug dump-llb --base=empty . | jq -r '.[0].name' | cut -c1-10)"
! "$BUILDER" debug dump-llb . 2> "$WORK/log" || fail "dump-llb without the base image"
fails 2 --base=empty .
fails 2 --call=outline --base=none .
fails 2 --format=json .
fails 2 --call=outline --format=xml .

fails 2 --call=outlin .
check_contains "$WORK/log" "did you mean outline?"
fails 2 --call=outline,format=xml .
build --call=subrequests.describe . | has '^targets ' || fail "targets is among the methods"

# A context from standard input is asked about in the same way.
cd "$WORK/app"
check_equal "targets of an archive" "build mid final -" \
  "$(tar -cf - . | ask --call=targets,format=json - | jq -r '[.targets[] | .name // "-"] | join(" ")')"
