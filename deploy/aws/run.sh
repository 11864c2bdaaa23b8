#!/usr/bin/env bash
# Runs a task once and waits for it: a round of the job, or an order to the host.
#
#   export COUNTERSIGN_AWS="$(terraform output -json installation)"
#   deploy/aws/run.sh job [PUBLISH=no]
#   deploy/aws/run.sh order REQUEST='POST /v1/models/credit-risk/rollback' [BODY='{"to": 6}']
#
# Ends with 0 where every container did; what they said stands in the log groups of the same names, and the end of it is shown where one failed.
# WAIT_S, how long it waits, is 600 for an order and 10800 for a round unless it says otherwise; the task goes on after that.
set -euo pipefail
usage() { sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit "$1"; }
case ${1:-} in -h | --help) usage 0 ;; esac
[ $# -ge 1 ] || usage 2 >&2
case $1 in
    job) container=publish takes=PUBLISH wait_s=10800 ;;
    order) container=order takes='REQUEST|BODY' wait_s=600 ;;
    *) echo "run: what is \`$1\`? job or order" >&2; exit 2 ;;
esac
task=$1 wait_s=${WAIT_S:-$wait_s}
shift
# What was passed over would be the default in silence: a publication that was not to be, or another order.
for pair in "$@"; do
    [[ $pair =~ ^($takes)= ]] || { echo "run: what is \`$pair\`? $task takes ${takes//|/=.. and }=.." >&2; exit 2; }
done
of() { jq --raw-output "$1" <<<"${COUNTERSIGN_AWS:?is not set: terraform output -json installation}"; }
AWS_REGION=$(of .region)
export AWS_REGION
cluster=$(of .cluster)

overrides=$(jq --null-input --compact-output --arg name "$container" '
    [$ARGS.positional[] | index("=") as $at | {name: .[:$at], value: .[$at + 1:]}] | {containerOverrides: [{name: $name, environment: .}]}' --args "$@")
started=$(aws ecs run-task --cluster "$cluster" --task-definition "$(of .family)-$task" --launch-type FARGATE --count 1 \
    --network-configuration "$(of '.network | tojson')" --overrides "$overrides" --output json)
arn=$(jq --raw-output '.tasks[0].taskArn // empty' <<<"$started")
[ -n "$arn" ] || { jq .failures <<<"$started" >&2; exit 1; }
echo "run: $arn"
state=''
for _ in $(seq $(((wait_s + 9) / 10))); do
    sleep 10
    described=$(aws ecs describe-tasks --cluster "$cluster" --tasks "$arn" --output json)
    state=$(jq --raw-output '.tasks[0].lastStatus' <<<"$described")
    [ "$state" != STOPPED ] || break
done
[ "$state" = STOPPED ] || { echo "run: after $wait_s seconds the task is $state and goes on: aws ecs describe-tasks --cluster $cluster --tasks $arn" >&2; exit 1; }
jq --raw-output '.tasks[0] | .stoppedReason, (.containers[] | "\(.name): \(.exitCode // .reason // "did not run")")' <<<"$described"
# One that did not run has said nothing.
mapfile -t failed < <(jq --raw-output '.tasks[0].containers[] | select((.exitCode // 0) != 0).name' <<<"$described")
for container in "${failed[@]}"; do
    # Where the log cannot be read, that is not what went wrong.
    aws logs get-log-events --log-group-name "/$(of .family)/$task" --log-stream-name "$container/$container/${arn##*/}" --limit 20 --output json |
        jq --raw-output --arg name "$container" '.events[] | "\($name) | \(.message)"' >&2 || true
done
jq --exit-status '.tasks[0].containers | all(.exitCode == 0)' <<<"$described" >/dev/null
