#!/bin/bash
# corpus_real.sh: reads every Dockerfile of the corpus' real/ in the ways that do not build, without asking a registry: each is
# outlined, checked and lowered, with no crash and no error that BuildKit would not give. Prints the time for all of them.
set -eu
[ -d "$CORPUS/real" ] || { echo "SKIP: no corpus at ../shared/corpus"; exit 77; }
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
export BUILDER_ROOT=$work/store
mkdir "$work/context"

# What a file cannot do without: FROM docker:${ENGINE_VERSION}-dind.
arguments_of() {
  case $1 in
    */docker_cli_e2e_testdata_engine_Dockerfile) echo --build-arg ENGINE_VERSION=27 ;;
  esac
}

# try ALLOWED COMMAND...: exit status 0 or ALLOWED; with ALLOWED nothing on standard error, which is for errors.
try() {
  local allowed=$1 status=0; shift
  "$@" > "$work/out" 2> "$work/log" || status=$?
  [ $status != 0 ] || return 0
  [ $status = "$allowed" ] && [ ! -s "$work/log" ] && return
  echo "FAIL ($status): $*"; cat "$work/log"
  return 1
}

files=0 failures=0
for file in "$CORPUS"/real/*; do
  [ "${file##*/}" != index.json ] || continue
  files=$((files + 1))
  options="--base=empty $(arguments_of "$file") -f $file $work/context"
  try 0 "$BUILDER" build --call=outline $options || failures=$((failures + 1))
  try 1 "$BUILDER" build --call=check $options || failures=$((failures + 1))  # 1: it found something
  try 0 "$BUILDER" debug dump-llb $options || failures=$((failures + 1))
  grep -q '"digest": "sha256:' "$work/out" || { echo "FAIL: no graph for $file"; failures=$((failures + 1)); }
done
[ $files -ge 300 ] || { echo "FAIL: only $files Dockerfiles"; exit 1; }
echo "$files Dockerfiles outlined, checked and lowered, $failures failures; processor time (this script, then builder):"
times
[ $failures = 0 ]
