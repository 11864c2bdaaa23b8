#!/usr/bin/env bash
# Puts the images of a release on Kubernetes: the host's, and when that is ready the job's. Where the new host does not become ready, the
# image from before comes back, and the job keeps its own.
#
#   deploy/host.sh IMAGE@sha256:DIGEST [JOB_IMAGE@sha256:DIGEST]
#
#   JOB_IMAGE   the job's of the same release: the two agree on what a module and a record are. Left out, the job stays as it is
#
# KUBECONFIG says where; NAMESPACE is countersign and READY_S, how long a host may take, is 300 unless they say otherwise.
#
# What runs already is left alone. Only what this has put there is taken away again, and only where the cluster itself says that it is not
# ready: where that cannot be read the image stays, and this ends with 1. A run that was cut off is gone on with by running it once more:
# what it began stands in an annotation of the StatefulSet. It ends by saying what belongs into the overlay, also in
# $GITHUB_STEP_SUMMARY if that is set: without it the next `kubectl apply -k` puts the old images back.
#
# The rights that it takes in the cluster are those of deploy/kubernetes/components/deployer.
set -euo pipefail
usage() { sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit "$1"; }
case ${1:-} in -h | --help) usage 0 ;; esac
[ $# -eq 1 ] || [ $# -eq 2 ] || usage 2 >&2
image=$1 job=${2:-} namespace=${NAMESPACE:-countersign} ready_s=${READY_S:-300}
say() { printf 'host: %s\n' "$*" >&2; }
# A tag may come to mean another image; a digest does not.
for named in "$image" ${job:+"$job"}; do
    [[ $named =~ ^[A-Za-z0-9._:/-]+@sha256:[0-9a-f]{64}$ ]] || { say "name the image by its digest, not $named"; exit 2; }
done

cluster() { kubectl --namespace "$namespace" "$@"; }
# Gives the host's image, and what a run has begun and not ended: the image that it put there, and the one from before.
state() {
    cluster get statefulset/countersign --output \
        "jsonpath={.spec.template.spec.containers[?(@.name=='host')].image} {.metadata.annotations.countersign/rollout}"
}
# Sets the image, and with it in one request what is begun, so that neither is ever there without the other.
put() {
    cluster patch statefulset/countersign --patch "{\"metadata\": {\"annotations\": {\"countersign/rollout\": $2}},
        \"spec\": {\"template\": {\"spec\": {\"containers\": [{\"name\": \"host\", \"image\": \"$1\"}]}}}}"
}
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
# Reads how the host stands: ready, waiting, or unread with the reason in `why`. The rule is that of `kubectl rollout status`, which is not
# asked: it ends alike where a host is not ready, and where its own watch breaks off or is not allowed.
look() {
    local found generation observed wanted count
    stands=unread why=''
    if ! found=$(cluster get statefulset/countersign --request-timeout=10s --output "jsonpath={.metadata.generation}|{.status.observedGeneration}|\
{.spec.replicas}|{.status.readyReplicas}|{.status.currentRevision}|{.status.updateRevision}" 2>"$errors"); then
        why=$(tail -n 1 "$errors")
        return
    fi
    # A status without a count is one of no ready pod.
    [[ $found =~ ^([0-9]+)\|([0-9]*)\|([0-9]+)\|([0-9]*)\|(.*)\|(.+)$ ]] || { why="\`$found\` is no status"; return 0; }
    read -r generation observed wanted count <<<"${BASH_REMATCH[1]} ${BASH_REMATCH[2]:-0} ${BASH_REMATCH[3]} ${BASH_REMATCH[4]:-0}"
    stands=waiting
    if [ "$observed" -ge "$generation" ] && [ "$count" -ge "$wanted" ] && [ "${BASH_REMATCH[5]}" = "${BASH_REMATCH[6]}" ]; then stands=ready; fi
}
# Waits until the host is ready or has had its time, and leaves in `stands` what was read last. A cluster that gives no answer just then is
# asked for some seconds more: a moment without one leaves no image that is not ready in its place.
wait_ready() {
    local start=$SECONDS patience_s told=''
    while look; [ "$stands" != ready ]; do
        [ "$stands$why" = "$told" ] || say "$stands${why:+: $why}"
        told=$stands$why patience_s=$ready_s
        [ "$stands" = waiting ] || patience_s=$((ready_s + 15))
        [ $((SECONDS - start)) -lt "$patience_s" ] || return 0
        sleep 2
    done
}

found=$(state)
read -r now begun before <<<"$found"
if [ "$now" != "$image" ]; then
    # After a run that was cut off with yet another image, the one to go back to is the one before that.
    [ "$now" = "$begun" ] || before=$now
    [ "$before" != "$image" ] || before=''
    put "$image" "$([ -n "$before" ] && printf '"%s %s"' "$image" "$before" || echo null)"
elif [ "$begun" != "$image" ]; then
    # Somebody else put it there, or a run that came to its end.
    before=''
    say "$image is there already"
else
    say "going on with what a run before has begun"
fi

wait_ready
if [ "$stands" = unread ]; then
    say "whether $image is ready cannot be read. Nothing is taken back: run this again, and it goes on"
    exit 1
elif [ "$stands" = waiting ]; then
    if [ -z "$before" ]; then
        say "$image is not ready. It was there before, so that nothing is taken back: kubectl logs countersign-0"
        exit 1
    fi
    found=$(state)
    read -r now _ <<<"$found"
    if [ "$now" != "$image" ]; then
        say "$image is not ready, and somebody has put $now in its place, which is left alone"
        exit 1
    fi
    say "$image is not ready; $before comes back"
    put "$before" null
    wait_ready
    case $stands in
        waiting) say "$before is not ready either: kubectl logs countersign-0" ;;
        unread) say "whether $before is ready cannot be read" ;;
    esac
    exit 1
fi
[ -z "$before" ] || cluster annotate statefulset/countersign countersign/rollout-

if [ -n "$job" ]; then
    # For the next round; one that is under way ends as it began.
    cluster set image cronjob/countersign-job "round=$job" || { say 'the host is new and the job is not: run this again'; exit 1; }
else
    say 'the job stays as it is: where it is of another release, name its image as well'
fi

# Gives an image as an overlay names it: kustomize keeps the digest apart, and takes no tag beside it.
entry() {
    local name=${2%@*}
    [[ ${name##*/} != *:* ]] || name=${name%:*}
    printf '  - {name: %s, newName: %s, digest: "%s"}\n' "$1" "$name" "${2#*@}"
}
{
    printf 'The host runs. This belongs into the overlay, or the next kubectl apply -k puts the old images back:\n\n```yaml\nimages:\n'
    entry countersign "$image"
    [ -z "$job" ] || entry countersign-job "$job"
    printf '```\n'
} | tee -a "${GITHUB_STEP_SUMMARY:-/dev/null}"
