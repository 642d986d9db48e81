# What a pull and a push do when the registry or the way to it fails. Each row: name; rules of the proxy; "ok", or what the error says.
# Temporary faults are survived, permanent ones end soon with a clear message, and wrong bytes never get into the store.
. "$SOURCE_ROOT/tests/integration/lib.sh"
. "$SOURCE_ROOT/tests/integration/registry_lib.sh"
export BUILDER_REGISTRY_TIMEOUT=2
MOST_SECONDS=30
registry data
upstream=$PORT
proxy elsewhere "$upstream"
elsewhere=$PORT
proxy proxy "$upstream"
at=127.0.0.1:$PORT
log_in "$at" user secret  # the registry does not ask; nobody else may see it

image app
image tiny 3000
image other
(cd "$WORK/app" && works push "localhost:$upstream/base/app:v1")
(cd "$WORK/tiny" && works push "localhost:$upstream/base/tiny:v1")
expected=$(skopeo inspect --tls-verify=false "docker://localhost:$upstream/base/app:v1" | jq -r '.Layers[]')

table=$WORK/table
row() { # DIRECTION NAME RULES EXPECTED COMMAND…
  local direction=$1 name=$2 rules=$3 expected=$4 status=0 outcome seconds; shift 4
  printf '%s\n' "$rules" > "$WORK/proxy.rules.new"; mv "$WORK/proxy.rules.new" "$WORK/proxy.rules"
  : > "$WORK/proxy.requests"; : > "$WORK/elsewhere.requests"
  SECONDS=0
  "$@" || status=$?
  seconds=$SECONDS
  outcome=ok; [ "$status" = 0 ] || outcome=$(grep -m1 -o '^ERROR: .*' "$WORK/log" || tail -1 "$WORK/log")
  printf '%s | %s | %s s | %s requests | %s\n' "$direction" "$name" "$seconds" "$(wc -l < "$WORK/proxy.requests")" "$outcome" | tee -a "$table"
  if [ "$expected" = ok ]; then
    [ "$status" = 0 ] || { cat "$WORK/log"; fail "$direction, $name: exit status $status"; }
  else
    check_equal "$direction, $name: exit status" 1 "$status"
    check_contains "$WORK/log" "$expected"
  fi
  [ "$seconds" -le "$MOST_SECONDS" ] || fail "$direction, $name: took $seconds s"
  check_store
  ! grep -q ' auth$' "$WORK/elsewhere.requests" || fail "$direction, $name: another host was given the credentials"
}

# Pulls, each into an empty store.
pulls() { # NAME RULES EXPECTED [IMAGE]
  new_store
  row pull "$1" "$2" "$3" pull "$at/base/${4:-app}:v1"
  if [ "$3" = ok ] && [ -z "${4:-}" ]; then check_equal "layers" "$expected" "$(digests "$WORK/pulled.tar")"; fi
  rm -rf "$BUILDER_ROOT" "$WORK/pulled.tar"
}
blobs='GET.*/blobs/' manifests='(GET|HEAD).*/manifests/'
pulls "cut once"                        "1 $blobs drop 100000"              ok
pulls "cut after 100 kB each time"      "always $blobs drop 100000"         ok
pulls "cut at once, always"             "always $blobs drop 0"              "the connection was cut"
pulls "429, Retry-After: 1"             "2 $blobs status 429 1"             ok
pulls "429, Retry-After: a date"        "1 $manifests status 429 date"      ok
pulls "429 without Retry-After"         "2 GET status 429"                  ok
pulls "429 always"                      "always GET status 429"             "registry returned 429 too many requests"
pulls "429, Retry-After: 1 h"           "always GET status 429 3600"        "registry returned 429 too many requests"
pulls "500"                             "2 $blobs status 500"               ok
pulls "502"                             "2 $manifests status 502"           ok
pulls "503"                             "3 GET status 503"                  ok
pulls "503 always"                      "always $blobs status 503"          "registry returned 503 service unavailable"
pulls "truncated once"                  "1 $blobs truncate 50"              ok
pulls "truncated always"                "always $blobs truncate 50"         "the connection was cut"
pulls "wrong bytes once"                "1 $blobs corrupt"                  ok
pulls "wrong bytes always"              "always $blobs corrupt"             "damaged: its digest is"
pulls "wrong bytes of the manifest"     "1 GET.*/manifests/ corrupt"        ok
pulls "wrong bytes of it, always"       "always GET.*/manifests/ corrupt"   "the manifest is damaged"
pulls "Content-Length too large"        "3 $blobs length 100"               ok
pulls "1 kB/s"                          "always $blobs slow 1000"           ok tiny
pulls "hangs once"                      "1 $blobs hang"                     ok
pulls "hangs always"                    "always GET hang"                   "it does not answer any more"
pulls "redirect to itself"              "always $blobs loop"                "more than 10 redirects"
pulls "redirect to another host"        "always $blobs redirect http://127.0.0.1:$elsewhere" ok
check_equal "requests at the other host" 3 "$(requests GET elsewhere)"

# Pushes, each to a new repository.
cd "$WORK/other"; new_store
works push "localhost:$upstream/warm/up:v1"
manifest=$(skopeo inspect --raw --tls-verify=false "docker://localhost:$upstream/warm/up:v1" | sha256sum)
number=0
pushes() { # NAME RULES EXPECTED [ARGS]
  number=$((number + 1))
  row push "$1" "$2" "$3" push "$at/new/app$number:v1" "${@:4}"
  if [ "$3" = ok ]; then
    check_equal "manifest" "$manifest" "$(skopeo inspect --raw --tls-verify=false "docker://localhost:$upstream/new/app$number:v1" | sha256sum)"
  fi
}
put='PUT.*/blobs/uploads/' start='POST.*/blobs/uploads/'
pushes "cut once"                       "1 $put drop-upload 100"            ok
pushes "cut always"                     "always $put drop-upload 100"       "the connection was cut"
pushes "429, Retry-After: 1"            "2 $put status 429 1"               ok
pushes "429 always"                     "always $start status 429"          "registry returned 429 too many requests"
pushes "500"                            "2 $start status 500"               ok
pushes "502"                            "2 $put status 502"                 ok
pushes "503"                            "2 HEAD status 503"                 ok
pushes "503 of the manifest"            "2 PUT.*/manifests/ status 503"     ok
pushes "503 always"                     "always $put status 503"            "registry returned 503 service unavailable"
pushes "100 kB/s"                       "always $put slow 100000"           ok
pushes "hangs once"                     "1 $put hang"                       ok
pushes "hangs always"                   "always $put hang"                  "it does not answer any more"
pushes "413 to more than 300 kB"        "always (PUT|PATCH).*/blobs/ limit 300000" ok
pushes "413 to anything"                "always (PUT|PATCH).*/blobs/ status 413"   "registry returned 413 content too large"
pushes "403"                            "always $start status 403"          "registry returned 403 forbidden"
pushes "redirect to itself"             "always $put loop"                  "redirects"
pushes "redirect to another host"       "always $put redirect http://127.0.0.1:$elsewhere" ok
for status in 404 405; do
  pushes "a mount is answered by $status" "always POST.*mount= status $status" ok -t "$at/second/app$status:v1"
  check_equal "mounts tried" 3 "$(requests 'POST.*mount=')"
  check_equal "manifest of the second name" "$manifest" \
    "$(skopeo inspect --raw --tls-verify=false "docker://localhost:$upstream/second/app$status:v1" | sha256sum)"
done

# A small image at 1 kB/s. All of it fits into buffers on the way, so that the registry seems silent until it has read it: that must not
# take longer than $BUILDER_REGISTRY_TIMEOUT.
(
  cd "$WORK/tiny"; new_store
  export BUILDER_REGISTRY_TIMEOUT=15
  row push "1 kB/s" "always $put slow 1000" ok push "$at/new/tiny:v1"
  layers() { skopeo inspect --raw --tls-verify=false "docker://localhost:$upstream/$1" | jq -c '[.layers[].digest]'; }
  check_equal "layers" "$(layers base/tiny:v1)" "$(layers new/tiny:v1)"
  rm -rf "$BUILDER_ROOT"
)

# A push that failed half-way is resumed: what is there already is not sent again.
: > "$WORK/proxy.rules"; : > "$WORK/proxy.requests"
echo 'always PUT.*/manifests/ status 403' > "$WORK/proxy.rules"
refused "registry returned 403" push "$at/resumed/app:v1"
sent=$(bytes up "$put")
[ "$sent" -ge 1000000 ] || fail "only $sent bytes were sent"
: > "$WORK/proxy.rules"; : > "$WORK/proxy.requests"
works push "$at/resumed/app:v1"
check_equal "blob bytes sent again" 0 "$(bytes up "$put")"
# An image that is there already: the same.
: > "$WORK/proxy.requests"
works push "$at/resumed/app:v1"
check_equal "blob bytes of a second push" 0 "$(bytes up "$put")"
# To another name of the same registry: not a byte either.
: > "$WORK/proxy.requests"
works push "$at/resumed/app:v2" -t "$at/mounted/app:v1"
check_equal "blob bytes for another repository" 0 "$(bytes up "$put")"
check_equal "mounts" 3 "$(awk '$1 == "POST" && /mount=/ && $3 == 201' "$WORK/proxy.requests" | wc -l)"

# A registry that lost the blobs gets them anew.
for digest in $(skopeo inspect --raw --tls-verify=false "docker://localhost:$upstream/resumed/app:v1" | jq -r '.layers[].digest, .config.digest'); do
  curl -fs -X DELETE "http://localhost:$upstream/v2/resumed/app/blobs/$digest"
done
: > "$WORK/proxy.requests"
works push "$at/resumed/app:v1"
check_equal "blobs sent again or mounted" 3 "$(awk '($1 == "PUT" && /blobs/ || $1 == "POST" && /mount=/) && $3 == 201' "$WORK/proxy.requests" | wc -l)"
new_store
works pull "$at/resumed/app:v1"
check_store
