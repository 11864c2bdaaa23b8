#!/usr/bin/env bash
# Copies images into the installation's registry, which is all that its network reaches; each by its digest, which stays the same.
#
#   COUNTERSIGN_AWS="$(terraform output -json installation)" deploy/aws/images.sh NAME=IMAGE@sha256:DIGEST..
#
#   NAME    host, job or aws-cli: what the image is for
#   IMAGE   where it comes from, such as ghcr.io/bank/countersign; where that takes a login, log in before
#
# An image that is there already is left alone, so that it may be run again.
set -euo pipefail
usage() { sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit "$1"; }
case ${1:-} in -h | --help) usage 0 ;; esac
[ $# -ge 1 ] || usage 2 >&2
of() { jq --raw-output "$@" <<<"${COUNTERSIGN_AWS:?is not set: terraform output -json installation}"; }
AWS_REGION=$(of .region)
export AWS_REGION
# All of them are looked at before the first is copied.
for pair in "$@"; do
    [[ $pair =~ ^(host|job|aws-cli)=.+@sha256:[0-9a-f]{64}$ ]] || { echo "images: \`$pair\` is not host, job or aws-cli, =, and an image by its digest" >&2; exit 2; }
done
for pair in "$@"; do
    repository=$(of --arg name "${pair%%=*}" '.repositories[$name]') image=${pair#*=}
    registry=${repository%%/*} digest=${image##*@} image=${image%@*}
    # The digest says which image it is, and skopeo takes no tag beside one.
    [[ ${image##*/} != *:* ]] || image=${image%:*}
    # A digest that is not there is an answer; whatever else went wrong is an error.
    if said=$(aws ecr describe-images --repository-name "${repository#*/}" --image-ids "imageDigest=$digest" 2>&1); then
        echo "images: $repository@$digest is there"
        continue
    fi
    grep --quiet ImageNotFoundException <<<"$said" || { echo "$said" >&2; exit 1; }
    aws ecr get-login-password | skopeo login --username AWS --password-stdin "$registry" >/dev/null
    # `--all`, since a digest may be that of a list of images, one for each architecture.
    skopeo copy --quiet --all --preserve-digests "docker://$image@$digest" "docker://$repository@$digest"
    echo "images: $repository@$digest"
done
