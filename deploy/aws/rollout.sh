#!/usr/bin/env bash
# Puts a release's images on ECS: a new host, which ECS takes back where it does not become ready, and the job's next rounds.
#
#   COUNTERSIGN_AWS="$(terraform output -json installation)" deploy/aws/rollout.sh HOST_DIGEST JOB_DIGEST [--new-ledger]
#
#   HOST_DIGEST, JOB_DIGEST   sha256:.. of the images in the registry, of one release: the job's fills the store that the host opens
#   --new-ledger              for the very first host, or where the ledger is lost and what was pinned may be forgotten
#
# It begins with the newest task definitions, so that it brings what `terraform apply` has changed in them as well. The old host stops before
# the new one starts.
set -euo pipefail
usage() { sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit "$1"; }
case ${1:-} in -h | --help) usage 0 ;; esac
[ $# -ge 2 ] || usage 2 >&2
host=$1 job=$2 new_ledger=${3:-}
for digest in "$host" "$job"; do
    # A tag may come to mean another image; a digest does not.
    [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || { echo "rollout: name the images by their digests, not $digest" >&2; exit 2; }
done
[ -z "$new_ledger" ] || [ "$new_ledger" = --new-ledger ] || { echo "rollout: what is \`$new_ledger\`?" >&2; exit 2; }
of() { jq --raw-output "$1" <<<"${COUNTERSIGN_AWS:?is not set: terraform output -json installation}"; }
AWS_REGION=$(of .region)
export AWS_REGION
cluster=$(of .cluster) service=$(of .service) family=$(of .family)

# Registers the newest definition of a task again, with these images; prints its ARN.
register() {
    local task=$1 command=${2:-}
    aws ecs describe-task-definition --task-definition "$family-$task" --query taskDefinition --output json |
        jq --arg host "$(of '.repositories.host')@$host" --arg job "$(of '.repositories.job')@$job" --argjson command "${command:-null}" '
            .containerDefinitions |= map(
                if .name == "host" then .image = $host | .command = $command
                elif .name == "seed" or .name == "round" or .name == "publish" then .image = $job
                else . end)
            # The rest of what describes it only ECS may say.
            | {family, taskRoleArn, executionRoleArn, networkMode, containerDefinitions, volumes, requiresCompatibilities, cpu, memory,
               ephemeralStorage, runtimePlatform} | with_entries(select(.value != null))' >"$work/$task.json"
    aws ecs register-task-definition --cli-input-json "file://$work/$task.json" --query taskDefinition.taskDefinitionArn --output text
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
definition=$(register host "$(jq --null-input --compact-output --arg flag "$new_ledger" '["serve", ($flag | select(. != ""))]')")
aws ecs update-service --cluster "$cluster" --service "$service" --task-definition "$definition" --desired-count 1 --output json >"$work/updated.json"
deployment=$(jq --raw-output '.service.deployments[] | select(.status == "PRIMARY") | .id' "$work/updated.json")
echo "rollout: $definition"

# ECS itself goes back where the new one does not become ready; this waits for what comes of it.
for _ in $(seq 240); do
    state=$(aws ecs describe-services --cluster "$cluster" --services "$service" --output json |
        jq --raw-output --arg id "$deployment" '.services[0].deployments[] | select(.id == $id) | .rolloutState')
    case $state in
        COMPLETED) break ;;
        # A deployment that was gone back on is listed for a while, and then no more.
        FAILED | '') echo 'rollout: the new host did not become ready; the one before comes back' >&2; exit 1 ;;
    esac
    sleep 15
done
[ "$state" = COMPLETED ] || { echo 'rollout: the new host is not ready after an hour' >&2; exit 1; }
# Only now: rounds train and publish with what serves.
register job
echo "rollout: done. Put these digests into terraform.tfvars, or the next apply of a changed definition names older ones."
