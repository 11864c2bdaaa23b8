# Brings what a round of the job works on: the loans, the approved modules that a candidate is compared with, the candidates that versions
# count on from, and the trust policy.
set -eu
cd /var/lib/countersign
mkdir -p loans out /modules/approved /modules/candidates
aws s3 sync --only-show-errors "$LOANS" loans
for folder in approved candidates; do
    aws s3 sync --only-show-errors --exclude '*' --include '*.wasm' --exclude '*/*' "$MODULES/$folder" "/modules/$folder"
done
aws s3 cp --only-show-errors "$POLICY" /modules/trust.toml
# What lies there now is not what this round will make.
ls /modules/candidates >/modules/known
