# Takes what a round made to the buckets, also where it ended halfway: features whose training failed are features all the same, and loans
# that were refused have a report that says why.
set -eu
cd /var/lib/countersign/out
if [ -d quality ]; then aws s3 sync --only-show-errors quality "$FEATURES/quality/$(date -u +%Y-%m-%d)"; fi
# Before they are published: a host that starts in between begins with these.
for file in features.parquet.manifest.json features.parquet; do
    if [ -s "$file" ]; then aws s3 cp --only-show-errors "$file" "$FEATURES/$file"; fi
done

# The report before the module that names it. No name is used twice: where another round was quicker, this one fails.
cd /modules/candidates
for file in *.html *.wasm; do
    if [ -f "$file" ] && ! grep -qxF "$file" /modules/known; then
        aws s3api put-object --bucket "${MODULES#s3://}" --key "candidates/$file" --body "$file" --if-none-match '*' >/dev/null
        echo "a new candidate: $MODULES/candidates/$file"
    fi
done
