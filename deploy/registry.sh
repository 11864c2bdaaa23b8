#!/usr/bin/env bash
# Copies modules to and from a registry, a folder or s3://BUCKET/PREFIX. A module that is put is whole before hosts see it.
#
#   deploy/registry.sh put MODULE REGISTRY     into approved/: with hosts that watch it, this is a deployment
#   deploy/registry.sh get REGISTRY FOLDER     the approved modules, into FOLDER/approved
set -euo pipefail
[ $# -eq 3 ] || { sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0" >&2; exit 2; }
case $1,$2,$3 in
    put,*,s3://*)
        place=${3#s3://} prefix=''
        place=${place%/}
        [[ $place != */* ]] || prefix=${place#*/}/
        # Only where nothing of that name is: a version belongs to the first module that took it.
        aws s3api put-object --bucket "${place%%/*}" --key "${prefix}approved/$(basename "$2")" --body "$2" --if-none-match '*' >/dev/null
        echo "${3%/}/approved/$(basename "$2")"
        ;;
    put,*)
        name=$(basename "$2")
        if [ -e "$3/approved/$name" ]; then
            # A version belongs to the first module that took it: hosts would refuse this one, and its place would be lost.
            cmp --quiet "$2" "$3/approved/$name" || { echo "registry: $3/approved/$name is there, and another module: train anew, for the next version" >&2; exit 1; }
        fi
        # Names with a dot before them are passed over, and a rename shows the whole file at once.
        cp "$2" "$3/approved/.$name.coming"
        sync "$3/approved/.$name.coming"
        mv "$3/approved/.$name.coming" "$3/approved/$name"
        echo "$3/approved/$name"
        ;;
    get,s3://*) mkdir -p "$3/approved" && aws s3 sync --no-progress --exclude '*/*' "${2%/}/approved" "$3/approved" ;;
    get,*) mkdir -p "$3/approved" && find "$2/approved" -maxdepth 1 -name '*.wasm' ! -name '.*' -exec cp --target-directory "$3/approved/" {} + ;;
    *) echo "registry: what is \`$1\`? put or get" >&2; exit 2 ;;
esac
