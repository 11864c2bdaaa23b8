#!/usr/bin/env bash
# Rolls a model back to the version before, on a running host, in one request; no restart, and no request is lost.
#
#   deploy/rollback.sh HOST MODEL [VERSION]     COUNTERSIGN_TOKEN holds a token of the role admin
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0" >&2; exit 2; }
# Not among the arguments, which everybody on this machine may read.
: "${COUNTERSIGN_TOKEN:?is not set}"
body=${3:+{\"to\": $3\}}
curl --silent --show-error --fail-with-body --max-time 10 --request POST --header @<(printf 'authorization: Bearer %s\n' "$COUNTERSIGN_TOKEN") \
    --header 'content-type: application/json' --data "$body" "${1%/}/v1/models/$2/rollback"
echo
