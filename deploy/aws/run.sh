#!/usr/bin/env bash
# Runs a task once and waits for it: a round of the job, or an order to the host.
#
#   export COUNTERSIGN_AWS="$(terraform output -json installation)"
#   deploy/aws/run.sh job [PUBLISH=no]
#   deploy/aws/run.sh order REQUEST='POST /v1/models/credit-risk/rollback' [BODY='{"to": 6}']
#
# Ends with 0 where every container did; what they said stands in the log groups of the same names.
set -euo pipefail
usage() { sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit "$1"; }
case ${1:-} in -h | --help) usage 0 ;; esac
[ $# -ge 1 ] || usage 2 >&2
case $1 in
    job) container=publish ;;
    order) container=order ;;
    *) echo "run: what is \`$1\`? job or order" >&2; exit 2 ;;
esac
task=$1
shift
of() { jq --raw-output "$1" <<<"${COUNTERSIGN_AWS:?is not set: terraform output -json installation}"; }
AWS_REGION=$(of .region)
export AWS_REGION
cluster=$(of .cluster)

overrides=$(printf '%s\n' "$@" | jq --raw-input --null-input --compact-output --arg name "$container" '
    [inputs | select(contains("=")) | capture("^(?<name>[A-Z_]+)=(?<value>.*)$")] | {containerOverrides: [{name: $name, environment: .}]}')
started=$(aws ecs run-task --cluster "$cluster" --task-definition "$(of .family)-$task" --launch-type FARGATE --count 1 \
    --network-configuration "$(of '.network | tojson')" --overrides "$overrides" --output json)
arn=$(jq --raw-output '.tasks[0].taskArn // empty' <<<"$started")
[ -n "$arn" ] || { jq .failures <<<"$started" >&2; exit 1; }
echo "run: $arn"
state=''
while [ "$state" != STOPPED ]; do
    sleep 10
    described=$(aws ecs describe-tasks --cluster "$cluster" --tasks "$arn" --output json)
    state=$(jq --raw-output '.tasks[0].lastStatus' <<<"$described")
done
jq --raw-output '.tasks[0] | .stoppedReason, (.containers[] | "\(.name): \(.exitCode // .reason // "did not run")")' <<<"$described"
jq --exit-status '.tasks[0].containers | all(.exitCode == 0)' <<<"$described" >/dev/null
