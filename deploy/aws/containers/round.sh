# One round of the job: the features of all loans, and a candidate if one is due.
set -eu
cd /var/lib/countersign
(umask 077 && printf '%s\n' "$JOB_KEY" >/run/keys/job.pem)
unset JOB_KEY

# Where the loans are refused (exit code 3) the round ends here, and the host keeps the features that it has.
feature-job features --input 'loans/*' --out out/features.parquet --quality out/quality

trained=0
feature-job retrain --if-due --features out/features.parquet --recipe "$RECIPE" --model "$MODEL" --key /run/keys/job.pem \
    --out /modules/candidates --trust /modules/trust.toml || trained=$?
rm /run/keys/job.pem
case $trained in
    # 4: a candidate was written and missed a gate, which is for the approver to judge. 5: none was due.
    0 | 4 | 5) ;;
    *) exit "$trained" ;;
esac
