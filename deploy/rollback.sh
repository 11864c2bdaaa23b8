#!/usr/bin/env bash
# Rolls a model back to the version before, or to a named one, on a running host: one order, no restart, and no request is lost.
#
#   deploy/rollback.sh WHERE MODEL [VERSION]
#
#   WHERE   http://.. or https://..   the host's address for orders, where this machine reaches it; CURL_CA_BUNDLE names the file with the
#                                     authority's certificate, where that is one of your own
#           kubernetes[/NAMESPACE]    in the host's own pod, by `kubectl exec`, since its network lets in nobody from outside; KUBECONFIG says
#                                     where, and the namespace is `countersign` unless another is named
#           aws                       by a task beside the host, for the same reason (deploy/aws/run.sh); COUNTERSIGN_AWS says where
#
# COUNTERSIGN_TOKEN holds a token of the role admin; on AWS it lies in Secrets Manager, and none is needed here.
set -euo pipefail
usage() { sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit "$1"; }
case ${1:-} in -h | --help) usage 0 ;; esac
[ $# -eq 2 ] || [ $# -eq 3 ] || usage 2 >&2
where=$1 model=$2 version=${3:-}
# Both become part of an address or of a command.
[[ $model =~ ^[a-z][a-z0-9-]*$ ]] || { echo "rollback: \`$model\` is no name of a model" >&2; exit 2; }
[[ $version =~ ^[0-9]*$ ]] || { echo "rollback: \`$version\` is no version, such as 3" >&2; exit 2; }
body=${version:+{\"to\": $version\}}
# The token goes to who takes it by a pipe: arguments are for everybody on a machine to see, and what is called here needs no variable of it.
export -n COUNTERSIGN_TOKEN
[ "$where" = aws ] || : "${COUNTERSIGN_TOKEN:?is not set: a token of the role admin}"

case $where in
    http://* | https://*)
        curl --silent --show-error --fail-with-body --max-time 30 --request POST --header @<(printf 'authorization: Bearer %s\n' "$COUNTERSIGN_TOKEN") \
            --header 'content-type: application/json' --data "$body" "${where%/}/v1/models/$model/rollback"
        echo
        ;;
    kubernetes | kubernetes/?*)
        namespace=${where#kubernetes}
        namespace=${namespace#/}
        # The host's own verb: its image has no shell and no curl, and the address and the certificate stand in the pod's variables.
        printf '%s' "$COUNTERSIGN_TOKEN" | kubectl --namespace "${namespace:-countersign}" exec --stdin statefulset/countersign --container host -- \
            countersign rollback "$model" ${version:+--to "$version"} --token-file -
        ;;
    aws) "$(dirname "$0")/aws/run.sh" order "REQUEST=POST /v1/models/$model/rollback" "BODY=$body" ;;
    *) echo "rollback: what is \`$where\`? an address (https://..), kubernetes[/NAMESPACE] or aws" >&2; exit 2 ;;
esac
