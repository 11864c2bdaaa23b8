# Looks after the files of a running host, for as long as it runs: brings the trust policy, the tokens and the certificate, again and again,
# so that a key or a token that is revoked counts within a minute and without a restart; and takes logged predictions to their bucket.
#
# ECS hands secrets over as variables alone, which a running program never sees change; the host reads files, and follows them.
set -u
umask 027
predictions=$PREDICTIONS/$(date -u +%Y/%m/%d)/$(date -u +%H%M%S)-${HOSTNAME:-host}
failed=''

# In the form of the host's own log, so that one filter counts both.
say() { printf '{"timestamp":"%s","level":"%s","message":"%s","target":"files"}\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" "$2"; }

# Puts what was fetched in place, whole, and only if it says something new: the host judges all modules again by a new policy.
place() {
    if [ -e "/config/$1" ] && [ "$(cat "/config/.$1")" = "$(cat "/config/$1")" ]; then rm "/config/.$1"; return; fi
    mv "/config/.$1" "/config/$1" && say INFO "$1 is new"
}
secret() { aws secretsmanager get-secret-value --secret-id "$1" --query SecretString --output text; }
# Names what cannot be done, and goes on with the rest: the host keeps what it has.
try() {
    what=$1
    shift
    "$@" || { failed="$failed $what"; return 1; }
}

fetch_trust() { aws s3 cp --only-show-errors "$POLICY" /config/.trust.toml && place trust.toml; }
fetch_tokens() { secret "$TOKENS_SECRET" >/config/.tokens.toml && place tokens.toml; }
fetch_tls() {
    secret "$TLS_SECRET" >/config/.tls.json &&
        jq --exit-status --raw-output .cert /config/.tls.json >/config/.tls.crt &&
        jq --exit-status --raw-output .key /config/.tls.json >/config/.tls.key &&
        place tls.key && place tls.crt
}
bring() {
    failed=''
    try 'the trust policy' fetch_trust
    try 'the tokens' fetch_tokens
    try 'the certificate' fetch_tls
}
take() { try 'logged predictions' aws s3 sync --only-show-errors /var/lib/countersign/predictions "$predictions"; }
tell() { if [ -z "$failed" ]; then say INFO 'files are current'; else say ERROR "out of reach:$failed"; fi; }

# The host has ended by the time that this is told to: ECS stops containers in the reverse of the order that it starts them in.
trap 'failed=""; take; tell; exit 0' TERM

printf '%s\n' "$LIMITS" >/config/limits.toml
until bring; [ -z "$failed" ]; do tell; sleep 5; done
: >/config/complete
while :; do
    tell
    # A shell that waits hears the signal at once, and one that sleeps when it wakes.
    sleep 60 &
    wait $!
    bring
    take
done
