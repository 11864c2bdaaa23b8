#!/usr/bin/env bash
# Puts a new host's image on Kubernetes, and the one before back where the new one does not become ready.
#
#   deploy/host.sh IMAGE@sha256:DIGEST [NAMESPACE]     KUBECONFIG says where
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0" >&2; exit 2; }
image=$1 namespace=${2:-countersign}
# A tag may come to mean another image; a digest does not.
[[ $image =~ @sha256:[0-9a-f]{64}$ ]] || { echo "host: name the image by its digest, not $image" >&2; exit 2; }
kubectl --namespace "$namespace" set image statefulset/countersign "host=$image"
if ! kubectl --namespace "$namespace" rollout status statefulset/countersign --timeout=300s; then
    echo 'host: the new one is not ready; the one before comes back' >&2
    kubectl --namespace "$namespace" rollout undo statefulset/countersign
    # A StatefulSet waits for its broken pod, unless that is taken away.
    kubectl --namespace "$namespace" delete pod countersign-0 --wait=false
    kubectl --namespace "$namespace" rollout status statefulset/countersign --timeout=300s
    exit 1
fi
