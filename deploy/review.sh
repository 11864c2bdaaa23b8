#!/usr/bin/env bash
# What an approver is to know of a candidate, before anybody approves: whether its seal holds, its figures, its gates, who has turned it down,
# its digest.
#
#   deploy/review.sh CANDIDATE REGISTRY
#
# Prints it, puts it into $GITHUB_STEP_SUMMARY and the digest into $GITHUB_OUTPUT, if those are set: the approval then is for this digest only.
set -euo pipefail
usage() { sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit "$1"; }
case ${1:-} in -h | --help) usage 0 ;; esac
[ $# -eq 2 ] || usage 2 >&2
# Of what is no module `review` says why.
digest=$(countersign inspect "$1" --json | jq --raw-output .module_digest) || true
# A candidate of a run has come without what the registry says of it.
"$(dirname "$0")/registry.sh" get-rejection "$1" "$2"
{
    printf '## %s\n\n```text\n' "$(basename "$1")"
    countersign review "$1" --modules "$2"
    # As JSON, in which whatever a note says is one line. One about another module says nothing of this one.
    [ ! -e "$1.rejected.json" ] || jq --raw-output --arg digest "$digest" 'select(.digest == $digest) | "turned down: \(tojson)"' "$1.rejected.json"
    printf '```\n'
} | tee -a "${GITHUB_STEP_SUMMARY:-/dev/null}"
echo "digest=$digest" | tee -a "${GITHUB_OUTPUT:-/dev/null}"
