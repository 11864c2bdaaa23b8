# Gives the host an order, such as a rollback, at the port where it takes orders. REQUEST is `METHOD PATH`, BODY is JSON.
set -eu
# The token is read from a file descriptor, since arguments are for everybody to see; without the line's end that it has where it was put from
# a file.
printf 'header = "authorization: Bearer %s"\n' "$(printf '%s' "$COUNTERSIGN_TOKEN")" |
    curl --silent --show-error --fail-with-body --max-time 30 --config - --request "${REQUEST%% *}" \
        --header 'content-type: application/json' --data "${BODY:-}" "$HOST${REQUEST#* }"
echo
