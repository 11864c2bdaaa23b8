#!/usr/bin/env bash
# The whole way on this machine: loans, features, a trained and countersigned model, a host that serves it, and a second
# version that goes live under requests. Every command is printed before it runs, so that you learn the real ones.
#
#   ./quickstart.sh                     a sample of 5,000 users; the host stays up until Ctrl-C
#   ./quickstart.sh --data loans.csv    a real loan file (CSV or CSV.gz) instead of the sample
#   ./quickstart.sh --check             the same, then stops; exits 0, or says what failed
#   --users N    users in the sample          --port N    the host's port (8080)
set -euo pipefail
cd "$(dirname "$0")"

fail() { printf '\nquickstart: %s\n' "$*" >&2; exit 1; }
say() { printf '\n\033[1m# %s\033[0m\n' "$*"; }
run() { printf '\033[36m$ %s\033[0m\n' "$(printf '%q ' "$@" | sed 's/ $//')"; "$@" || fail "this command failed: $*"; }
# Shows the call as a user would write it, who has the token in a variable and not in the history of the shell.
get() {
    printf '\033[36m$ curl --header "authorization: Bearer $TOKEN" %s\033[0m\n' "$1"
    curl --silent --show-error --max-time 10 --header "authorization: Bearer $TOKEN" "$1" || fail "no answer from $1"
    echo
}

check='' data='' users=5000 port=8080
while [ $# -gt 0 ]; do
    case $1 in
        --check) check=1; shift ;;
        --data | --users | --port) [ $# -ge 2 ] || fail "$1 needs a value"; declare "${1#--}=$2"; shift 2 ;;
        -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;;
        *) fail "what is \`$1\`? Options are --check, --data FILE, --users N, --port N" ;;
    esac
done

for tool in cargo curl; do
    command -v $tool >/dev/null || fail "\`$tool\` is missing: $([ $tool = cargo ] && echo 'install Rust 1.95 from https://rustup.rs' || echo 'install it with your package manager')"
done
[[ $port =~ ^[0-9]+$ ]] && [ "$port" -ge 1 ] && [ "$port" -le 65535 ] || fail "--port takes a number from 1 to 65535, not $port"
[ -z "$data" ] || [ -f "$data" ] || fail "--data $data: there is no such file"
[ -z "$data" ] || data=$(realpath "$data")
if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    fail "port $port is taken, perhaps by an earlier quickstart: stop that program, or choose another with --port N"
fi

say 'Build. The first time takes about a quarter of an hour on 2 cores; cargo prints every crate it compiles.'
run cargo build --workspace --locked
PATH="$(realpath "${CARGO_TARGET_DIR:-target}")/debug:$PATH"

# Everything below happens in a folder that git ignores, anew each time.
work=$PWD/.quickstart
rm -rf "$work"
mkdir -p "$work/modules/candidates" "$work/modules/approved"
cp modules/trust.toml "$work/modules/"
cd "$work"
host='' clients=''
cleanup() {
    [ -z "$clients" ] || kill "$clients" 2>/dev/null || true
    [ -z "$host" ] || { kill -TERM "$host" 2>/dev/null && wait "$host" || true; }
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if [ -z "$data" ]; then
    say "Loans: a sample of $users users, with the columns and distributions of the real file"
    run feature-job sample --users "$users" --seed 7 --out loans.csv
    data=loans.csv
fi
say 'Features of every loan, as known when it was made'
run feature-job features --input "$data" --as-of "$(date -u +%F)" --out features.parquet

say 'Keys: the job signs what it makes, a person countersigns. Both public halves go into modules/trust.toml'
run countersign keygen --role job --out job.pem --modules modules
run countersign keygen --role approver --name 'Ada Lovelace' --out ada.pem --modules modules

say 'Tokens: who may ask the host for what. The file keeps digests only'
run countersign tokens add --role predict --name 'scoring service' --out predict.token --tokens tokens.toml
run countersign tokens add --role ingest --name 'nightly publication' --out ingest.token --tokens tokens.toml
run countersign tokens add --role admin --name 'operator' --out admin.token --tokens tokens.toml
TOKEN=$(cat predict.token)

# Trains a version. Code 4 says that it was written but missed a gate, which is for the approver to judge and no failure here.
train() {
    printf '\033[36m$ feature-job train %s\033[0m\n' "$*"
    feature-job train "$@" || [ $? -eq 4 ] || fail "this command failed: feature-job train $*"
}

say "Version 1: the data scientist's own recipe. It misses gates: rows of one user stand on both sides of its split"
train --features features.parquet --recipe baseline --model credit-risk --key job.pem --out modules/candidates
run countersign review modules/candidates/credit-risk-1.wasm --modules modules
run countersign approve modules/candidates/credit-risk-1.wasm --yes --key ada.pem --by 'Ada Lovelace' \
    --reason 'the baseline, to compare with' \
    --override 'a demonstration: nothing is decided by it, and the next version is compared with it' --modules modules

say 'The host: it verifies what lies in modules/approved and serves it'
url=http://127.0.0.1:$port
printf '\033[36m$ countersign serve --modules modules --data data --tokens tokens.toml --listen 127.0.0.1:%s &\033[0m\n' "$port"
countersign serve --modules modules --data data --tokens tokens.toml --listen "127.0.0.1:$port" >host.out 2>host.log &
host=$!
for _ in $(seq 300); do
    kill -0 "$host" 2>/dev/null || { cat host.log >&2; host=''; fail 'the host did not start; its log stands above'; }
    curl --silent --fail --max-time 5 "$url/health/ready" >/dev/null && break
    sleep 0.2
done
get "$url/health/ready"
curl --silent --fail --max-time 5 "$url/health/ready" >/dev/null || fail "version 1 did not go live; see $work/host.log"

say "Publish every user's latest features to the host"
published=$(run feature-job publish --features features.parquet --to "$url" --token-file ingest.token)
echo "$published"
user=$(sed -n 's/.*first user \([0-9]*\).*/\1/p' <<<"$published")
[ -n "$user" ] || fail 'publish named no user'

say "User $user: features and prediction"
get "$url/v1/users/$user/features"
get "$url/v1/users/$user/prediction"

say 'Version 2: another recipe, approved while requests are running'
train --features features.parquet --recipe forest --model credit-risk --key job.pem --out modules/candidates
(while :; do
    curl --silent --max-time 10 --write-out ' %{http_code}\n' --header "authorization: Bearer $TOKEN" "$url/v1/users/$user/prediction" || echo ' failed'
done) >requests.log &
clients=$!
sleep 1
run countersign approve modules/candidates/credit-risk-2.wasm --yes --key ada.pem --by 'Ada Lovelace' \
    --reason 'a probability, and learned without test users' --modules modules
for _ in $(seq 300); do
    grep -q '"version":2' requests.log && break
    sleep 0.2
done
sleep 1
# The loop is stopped between two requests: one cut off here would count as lost.
kill "$clients" && wait "$clients" 2>/dev/null || true
clients=''
sed -i '$!b; / [0-9]\{3\}$/!{/failed/!d}' requests.log
total=$(wc -l <requests.log) answered=$(grep -c ' 200$' requests.log || true)
for version in 1 2; do
    printf 'version %s answered %s requests\n' "$version" "$(grep -c "\"version\":$version," requests.log || true)"
done
printf '%s of %s requests were answered, %s lost\n' "$answered" "$total" "$((total - answered))"
grep -q '"version":2' requests.log || fail "version 2 did not go live; see $work/host.log"
[ "$total" -eq "$answered" ] || fail "requests were lost; see $work/requests.log"
get "$url/v1/users/$user/prediction"
get "$url/v1/models/credit-risk"

if [ -n "$check" ]; then
    kill -TERM "$host"
    wait "$host" || fail "the host did not stop cleanly; see $work/host.log"
    host=''
    say 'All of it works.'
    exit 0
fi
say "The host is up at $url until Ctrl-C. Try:"
cat <<END
  TOKEN=\$(cat $work/predict.token)
  curl -H "authorization: Bearer \$TOKEN" $url/v1/users/$user/prediction
  curl -H "authorization: Bearer \$TOKEN" $url/v1/models
  curl -H "authorization: Bearer \$TOKEN" $url/metrics
Keys, tokens, modules and data lie in $work; its log is host.log.
END
wait "$host"
END_CODE=$?
host=''
exit $END_CODE
