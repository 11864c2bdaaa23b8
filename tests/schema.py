"""Holds a running host against its own OpenAPI document, by schemathesis.

`schema.py BINARIES [SECONDS]` starts a real host with a trained and approved model, tokens and features, and lets schemathesis ask
it for that long whatever the document allows and forbids. Every answer must be one that the document names; what it forbids must be
refused; no answer may be a fault of the host's. Needs schema-requirements.txt; schema.sh installs it.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

from workshop import BINARIES, prepare, run

SECONDS = sys.argv[2] if len(sys.argv) > 2 else "30"
HERE = pathlib.Path(__file__).parent.resolve()


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        prepare(folder)
        for role in ["ingest", "admin"]:
            words = f"tokens add --role {role} --name {role} --out {role}.token --tokens tokens.toml"
            run(folder, "countersign", *words.split())
        serve = "serve --tokens tokens.toml --modules modules --data data --listen 127.0.0.1:0"
        process = subprocess.Popen([BINARIES / "countersign", *serve.split()], cwd=folder, stdout=subprocess.PIPE, text=True)
        try:
            host = process.stdout.readline().split()[-1]
            run(folder, "feature-job", "publish", "--features", "features.parquet", "--to", host, "--token-file", "ingest.token")
            token = (folder / "admin.token").read_text().strip()
            words = ["run", f"{host}/openapi.json", "--header", f"Authorization: Bearer {token}", "--seed", "1", "--no-color"]
            words += ["--max-examples", "1000000", "--max-time", SECONDS, "--generation-database", "none"]
            environment = {**os.environ, "SCHEMATHESIS_HOOKS": "schema_hooks", "PYTHONPATH": str(HERE)}
            program = pathlib.Path(sys.executable).parent / "schemathesis"
            done = subprocess.run([program, *words], cwd=folder, env=environment)
            assert process.poll() is None, "the host has ended"
            sys.exit(done.returncode)
        finally:
            process.kill()
            process.wait()


main()
