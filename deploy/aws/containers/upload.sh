# Takes what a round made to the buckets, also where it ended halfway: features whose training failed are features all the same, and loans
# that were refused have a report that says why.
set -eu
cd /var/lib/countersign/out
if [ -d quality ]; then aws s3 sync --only-show-errors quality "$FEATURES/quality/$(date -u +%Y-%m-%d)"; fi
# Before they are published: a host that starts in between begins with these.
for file in features.parquet.manifest.json features.parquet; do
    if [ -s "$file" ]; then aws s3 cp --only-show-errors "$file" "$FEATURES/$file"; fi
done

# The module before its report: whoever has the name has the report's as well. Versions count on from modules, so that a round which is cut off in
# between is in no later one's way. No name is used twice: where another round was quicker, this one fails.
cd /modules/candidates
put() { aws s3api put-object --bucket "${MODULES#s3://}" --key "candidates/$1" --body "$1" --if-none-match '*' >/dev/null; }
there() { aws s3 cp --only-show-errors "$MODULES/candidates/$1" - | sha256sum; }
for module in *.wasm; do
    if [ -f "$module" ] && ! grep -qxF "$module" /modules/known; then
        put "$module"
        report=${module%.wasm}.report.html
        # The same report may lie there, from a round that got no further.
        [ ! -f "$report" ] || put "$report" || [ "$(there "$report")" = "$(sha256sum <"$report")" ]
        echo "a new candidate: $MODULES/candidates/$module"
    fi
done
