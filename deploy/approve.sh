#!/usr/bin/env bash
# Countersigns a reviewed candidate, and puts it where hosts pick it up. The approver's key comes in a variable and is on disk for no
# longer than the signing takes.
#
#   APPROVER_KEY="$(cat ada.pem)" deploy/approve.sh CANDIDATE DIGEST REGISTRY BY REASON [OVERRIDE]
#
#   DIGEST     of what was reviewed, as deploy/review.sh gave it: anything else is refused
#   REGISTRY   a folder with trust.toml, or s3://BUCKET/PREFIX; for that, TRUST names the policy
#   OVERRIDE   why a missed gate does not matter, where one was missed
#
# Where the policy asks for more approvers, CANDIDATE has this one's approval afterwards and waits for the next; `more=true` goes to
# $GITHUB_OUTPUT, if that is set.
set -euo pipefail
usage() { sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit "$1"; }
case ${1:-} in -h | --help) usage 0 ;; esac
[ $# -ge 5 ] && [ $# -le 6 ] || usage 2 >&2
candidate=$1 digest=$2 registry=$3 by=$4 reason=$5 override=${6:-}
here=$(dirname "$0")
[ -n "${APPROVER_KEY:-}" ] || { echo 'approve: APPROVER_KEY is not set' >&2; exit 2; }

# A registry of its own to sign in: what comes out of it is whole, or not there at all.
# In memory where there is such a place.
work=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/approved"
(umask 077 && printf '%s\n' "$APPROVER_KEY" >"$work/key.pem")
unset APPROVER_KEY
cp "${TRUST:-$registry/trust.toml}" "$work/trust.toml"
# Whoever turned it down may have done so since the review.
"$here/registry.sh" get-rejection "$candidate" "$registry"
countersign approve "$candidate" --yes --expect-digest "$digest" --key "$work/key.pem" --by "$by" --reason "$reason" \
    ${override:+--override "$override"} --modules "$work"
rm "$work/key.pem"
approved=$(echo "$work"/approved/*.wasm)
# Hosts would refuse what this refuses.
if said=$(countersign verify "$approved" --modules "$work" --json); then
    "$here/registry.sh" put "$approved" "$registry"
elif grep --quiet '"\(not_approved\|gates_failed\)"' <<<"$said"; then
    cp "$approved" "$candidate"
    echo 'more=true' >>"${GITHUB_OUTPUT:-/dev/null}"
    echo "$candidate has one approval more, and needs another"
else
    echo "$said" >&2
    exit 1
fi
