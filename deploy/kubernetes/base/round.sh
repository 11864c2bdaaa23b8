#!/bin/sh
# One round of the job: features of all loans, a candidate if one is due, every user's latest features to the host. It runs in the
# image countersign-job, once; what calls it sets COUNTERSIGN_HOST, and may set the others.
set -eu

# Where the loans are refused (exit code 3) the round ends here, and the host keeps the features that it has.
feature-job features --input "${COUNTERSIGN_LOANS:-loans/*}" --out features.parquet

# Publishing waits for no training to succeed: features are served whether or not a new model comes of them.
trained=0
feature-job retrain --if-due --features features.parquet --recipe "${COUNTERSIGN_RECIPE:-extra-trees}" \
    --model "${COUNTERSIGN_MODEL:-credit-risk}" --key /run/secrets/job.pem --out /modules/candidates \
    --trust "${COUNTERSIGN_TRUST:-/etc/countersign/trust.toml}" || trained=$?

# A host that restarts or moves is waited for.
feature-job publish --features features.parquet --to "$COUNTERSIGN_HOST" --token-file /run/secrets/ingest.token --patience 600

case $trained in
    # 4: a candidate was written and missed a gate, which is for the approver to judge. 5: none was due.
    0 | 4 | 5) ;;
    *) exit "$trained" ;;
esac
