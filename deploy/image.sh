#!/usr/bin/env bash
# Builds the two images of the Dockerfile without a daemon, and tries them as they are to run: as user 10001, on a read-only root,
# without a capability. A model is trained by the one and served by the other, and a second version goes live beside it.
#
#   deploy/image.sh           on the bases that the Dockerfile names
#   deploy/image.sh --here    on bases made here, by debootstrap and with this machine's Rust, where docker.io is out of reach
#
# It takes root, for the chroot that buildah builds in. The images are then there as localhost/countersign and
# localhost/countersign-job.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."

fail() { printf 'image: %s\n' "$*" >&2; exit 1; }
say() { printf '\n== %s\n' "$*"; }

tools=(buildah bwrap debootstrap jq setpriv)
missing() { for tool in "${tools[@]}"; do command -v "$tool" >/dev/null || echo "$tool"; done; }
if [ -n "$(missing)" ] && [ "${CI:-}" = true ]; then
    apt-get update -qq && apt-get install --yes --no-install-recommends -qq buildah bubblewrap debootstrap jq >/dev/null
fi
[ -z "$(missing)" ] || fail "missing: $(missing | xargs); on Debian, apt-get install buildah bubblewrap debootstrap jq"
[ "$(id -u)" = 0 ] || fail 'run it as root: buildah builds in a chroot'

work=$(mktemp -d)
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" || true; done
    rm -rf "$work"
}
trap cleanup EXIT
export BUILDAH_ISOLATION=chroot

bases=()
if [ "${1:-}" = --here ]; then
    # Debian as it comes, and the same with a compiler and this machine's Rust. Made once: they change with Debian only.
    base=localhost/countersign-base rust=localhost/countersign-rust:$(rustc --version | cut -d ' ' -f 2)
    if ! buildah inspect --type image "$base" >/dev/null 2>&1; then
        say 'the base, by debootstrap'
        debootstrap --variant=minbase --include=ca-certificates bookworm "$work/base" >"$work/log" || { cat "$work/log"; fail 'debootstrap failed'; }
        # The same sources as here, so that updates are the same.
        cp /etc/apt/sources.list.d/debian.sources "$work/base/etc/apt/sources.list.d/" 2>/dev/null && : >"$work/base/etc/apt/sources.list"
        # Authorities that this machine trusts beyond Debian's are trusted there too: the registries may be reached through one.
        awk -v out="$work/base/usr/local/share/ca-certificates" '
            BEGIN { RS = "-----END CERTIFICATE-----" }
            { bare = $0; gsub(/[[:space:]]/, "", bare) }
            FNR == NR { seen[bare] = 1; next }
            bare ~ /BEGIN/ && !(bare in seen) { file = out "/this-machine-" ++count ".crt"; printf "%s%s\n", $0, RS > file }
        ' "$work/base/etc/ssl/certs/ca-certificates.crt" /etc/ssl/certs/ca-certificates.crt
        chroot "$work/base" update-ca-certificates >"$work/log" 2>&1
        made=$(buildah from scratch)
        buildah add --quiet "$made" "$work/base" / >/dev/null
        buildah commit --quiet --rm "$made" "$base" >/dev/null
        rm -rf "$work/base"
    fi
    if ! buildah inspect --type image "$rust" >/dev/null 2>&1; then
        say 'the base with Rust'
        made=$(buildah from "$base")
        buildah run "$made" sh -c 'apt-get update -qq && apt-get install --yes --no-install-recommends -qq gcc libc6-dev >/dev/null && rm -rf /var/lib/apt/lists/*'
        for part in bin lib; do buildah add --quiet "$made" "$(rustc --print sysroot)/$part" "/usr/local/rust/$part" >/dev/null; done
        buildah config --env PATH=/usr/local/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            --env CARGO_HOME=/usr/local/cargo "$made"
        buildah commit --quiet --rm "$made" "$rust" >/dev/null
    fi
    bases=(--build-arg "BUILD_BASE=$rust" --build-arg "JOB_BASE=$base")
fi

say 'the images'
start=$SECONDS
# A tree that is changed is no commit.
revision=''
[ -n "$(git -c safe.directory="$PWD" status --porcelain)" ] || revision=$(git -c safe.directory="$PWD" rev-parse HEAD)
build() {
    buildah build --quiet --format docker --layers --build-arg "REVISION=$revision" "${bases[@]}" \
        --target "$1" --tag "$2" . >"$work/log" 2>&1 || { tail -50 "$work/log"; fail "the image $2 could not be built"; }
}
build job localhost/countersign-job
build host localhost/countersign
printf 'built in %s s\n' "$((SECONDS - start))"

# Lays out an image's root, and says how large it is.
lay_out() {
    local made
    made=$(buildah from "$1")
    cp --archive "$(buildah mount "$made")" "$2"
    buildah rm "$made" >/dev/null
    printf '%s: %s\n' "$1" "$(du --summarize --human-readable --apparent-size "$2" | cut -f 1)"
}
lay_out localhost/countersign "$work/host"
lay_out localhost/countersign-job "$work/job"
chmod 755 "$work"
[ -z "$(find "$work/host" -perm /6000)" ] || fail 'the image of the host holds programs that gain rights'
[ "$(stat --format %u:%g "$work/host/var/lib/countersign")" = 10001:10001 ] || fail 'the folder of the data is not the user'"'"'s'
[ ! -e "$work/host/bin/sh" ] || fail 'the image of the host holds a shell'

# What the host's image says of how it is to be run.
config() { buildah inspect --type image localhost/countersign | jq --raw-output ".Docker.config$1"; }
[ "$(config .User)" = 10001:10001 ] || fail "the host would run as $(config .User)"
mapfile -t environment < <(config '.Env[]')
mapfile -t command < <(config '.Entrypoint[]'; config '.Cmd[]')

# Runs a program in a root as a container would: another user, no capability, nothing to write to but the volume.
volume=$work/volume
mkdir "$volume" && chown 10001:10001 "$volume"
contain() {
    setpriv --reuid 10001 --regid 10001 --clear-groups \
        bwrap --ro-bind "$1" / --proc /proc --dev /dev --tmpfs /tmp --bind "$volume" /var/lib/countersign --chdir /var/lib/countersign \
        --unshare-pid --unshare-ipc --unshare-uts --cap-drop ALL --die-with-parent --clearenv --setenv PATH /usr/local/bin:/usr/bin:/bin "${@:2}"
}
job() { contain "$work/job" "$@"; }
host() {
    local pair variables=()
    for pair in "${environment[@]}"; do variables+=(--setenv "${pair%%=*}" "${pair#*=}"); done
    contain "$work/host" "${variables[@]}" "$@"
}

say 'a model, by the job'
job sh -euc '
    mkdir -p modules/candidates modules/approved
    : >modules/trust.toml
    feature-job sample --users 2000 --seed 7 --out loans.csv
    feature-job features --input loans.csv --as-of 2021-12-27 --out features.parquet
    countersign keygen --role job --out job.pem --modules modules
    countersign keygen --role approver --name Ada --out ada.pem --modules modules
    countersign tokens add --role predict --name client --out predict.token --tokens tokens.toml
    countersign tokens add --role ingest --name publication --out ingest.token --tokens tokens.toml
    for recipe in logistic baseline; do
        feature-job train --features features.parquet --recipe $recipe --model credit-risk --key job.pem --out modules/candidates || [ $? = 4 ]
    done
' >"$work/log" 2>&1 || { cat "$work/log"; fail 'the job failed'; }
# On a sample as small as this a gate may be missed, which takes a reason; where none was, a reason is refused.
approve() {
    for override in '' '--override=a test'; do
        job countersign approve "modules/candidates/credit-risk-$1.wasm" --yes --key ada.pem --by Ada --reason 'a test' \
            ${override:+"$override"} --modules modules >"$work/log" 2>&1 && return
    done
    cat "$work/log"
    fail "version $1 was not approved"
}
approve 1

say 'the host, as its image says: nothing but the address, the policy and the tokens is told otherwise'
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])' 2>/dev/null || echo 18081)
environment+=("COUNTERSIGN_LISTEN=127.0.0.1:$port" COUNTERSIGN_TRUST=/var/lib/countersign/modules/trust.toml
    COUNTERSIGN_TOKENS=/var/lib/countersign/tokens.toml)
url=http://127.0.0.1:$port
began=$(date +%s%N)
host "${command[@]}" >"$work/host.out" 2>"$work/host.log" &
pids+=($!)
until curl --silent --fail --max-time 2 "$url/health/ready" >/dev/null; do
    kill -0 "${pids[0]}" 2>/dev/null || { cat "$work/host.log"; fail 'the host ended'; }
    [ $(($(date +%s%N) - began)) -lt 60000000000 ] || { cat "$work/host.log"; fail 'the host is not ready after a minute'; }
    sleep 0.01
done
printf 'from the start of the process to a live model: %s ms\n' $((($(date +%s%N) - began) / 1000000))
host countersign health --ready
job feature-job publish --features features.parquet --to "$url" --token-file ingest.token
# Not among curl's arguments, which everybody on this machine may read.
bearer() { printf 'authorization: Bearer %s' "$(cat "$volume/predict.token")"; }
predicted() { curl --silent --max-time 5 --header @<(bearer) "$url/v1/users/5008804/prediction"; }
predicted | jq --exit-status '.model.version == 1 and (.probability | type == "number")' >/dev/null || fail "version 1 does not answer: $(predicted)"
approve 2
for _ in $(seq 300); do
    predicted | jq --exit-status '.model.version == 2' >/dev/null && break
    sleep 0.1
done
predicted | jq --compact-output '{user_id, probability, decision, model}'
predicted | jq --exit-status '.model.version == 2' >/dev/null || fail 'version 2 did not go live'

# That it is so confined as it is claimed to be.
# setpriv became bwrap, which has the host as its only heir.
heir=${pids[0]}
while child=$(pgrep --parent "$heir"); do heir=$child; done
status=/proc/$heir/status
grep -q '^Uid:[[:space:]]*10001[[:space:]]*10001' "$status" && grep -q '^CapEff:[[:space:]]*0*$' "$status" || fail "the host runs with rights: $(cat "$status")"
! job touch /usr/local/bin/mine 2>/dev/null || fail 'the root can be written to'
kill -TERM "$heir"
wait "${pids[0]}" || fail "the host did not stop cleanly: $(cat "$work/host.log")"
pids=()
! host countersign health 2>/dev/null || fail 'a host that has stopped is called well'
say 'The images work.'
