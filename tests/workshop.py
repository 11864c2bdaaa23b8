"""What the tests in Python share: a folder with a trained and approved model, made by the real programs."""

import pathlib
import subprocess
import sys

BINARIES = pathlib.Path(sys.argv[1]).resolve()


def run(folder, program, *words, codes=(0,)):
    """Runs a program in the folder, demands that it succeeds, and gives what it said."""
    done = subprocess.run([BINARIES / program, *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode in codes, f"{program} {words}: {done.stdout}{done.stderr}"
    return done.stdout


def prepare(folder, users=300):
    """Computes the features of a sample, and trains and approves a small model."""
    (folder / "modules" / "candidates").mkdir(parents=True)
    for role, key in [("job", "job.pem"), ("approver", "ada.pem")]:
        run(folder, "countersign", "keygen", "--role", role, "--out", key, "--modules", "modules")
    run(folder, "feature-job", "sample", "--users", str(users), "--seed", "3", "--out", "loans.csv")
    run(folder, "feature-job", "features", "--input", "loans.csv", "--as-of", "2021-12-27", "--out", "features.parquet")
    (folder / "few.toml").write_text("[cost]\nmodule_bytes_max = 1e9\n")
    train = "train --features features.parquet --recipe forest --model credit-risk --key job.pem --gates few.toml --out modules/candidates"
    run(folder, "feature-job", *train.split(), codes=(0, 4))
    approve = "approve --yes --key ada.pem --by Ada --reason test --modules modules modules/candidates/credit-risk-1.wasm"
    run(folder, "countersign", *approve.split())
