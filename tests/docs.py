"""The documents do what they say: `docs.py BINARIES`.

Every `sh` block of a document is run, those of one document top to bottom in one shell and an empty folder; blocks that need something that is
not here are listed below with what it is. Every relative link leads to a file, and to a heading where it names one. Every diagram is drawn,
where mermaid's own program is to be had (MERMAID names it).
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARIES = pathlib.Path(sys.argv[1]).resolve()
# Documents whose blocks are not run here, and why.
ELSEWHERE = {
    "README.md": "its first two blocks are what .ci/run runs, its benchmarks take hours, and its calls stand in docs/api.md",
    "deploy/kubernetes/README.md": "it takes a cluster",
    "deploy/aws/README.md": "it takes an account",
}
TIME_MAX_S = 300


def documents():
    found = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True)
    return [ROOT / name for name in found.stdout.split()]


def blocks(text, kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.M | re.S)


def run(script):
    """Runs a script in an empty folder; gives what it said where it failed."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PATH": f"{BINARIES}:{os.environ['PATH']}"}
        words = ["bash", "-c", f"set -xeuo pipefail\n{script}"]
        output = pathlib.Path(folder, ".said")
        with output.open("w") as said:
            process = subprocess.Popen(words, cwd=folder, env=environment, stdout=said, stderr=said, start_new_session=True)
            try:
                code = process.wait(TIME_MAX_S)
            except subprocess.TimeoutExpired:
                code = "no end"
            finally:
                # What it has left running ends with it.
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        return None if code == 0 else f"ended with {code}:\n{output.read_text()[-3000:]}"


def slug(heading):
    """The anchor of a heading, as GitHub makes it."""
    kept = re.sub(r"[^\w\- ]", "", re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower())
    return kept.replace(" ", "-")


def links(document, text):
    """Gives the links that lead nowhere."""
    plain = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", plain):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (document.parent / name).resolve() if name else document
        if not file.exists():
            lost.append(f"{target} leads nowhere")
        elif anchor and file.suffix == ".md":
            bare = re.sub(r"^```.*?^```", "", file.read_text(), flags=re.M | re.S)
            if anchor not in {slug(heading) for heading in re.findall(r"^#+ (.*)$", bare, re.M)}:
                lost.append(f"{target}: no such heading")
    return lost


def draw(text):
    """Draws the diagrams; gives what was wrong."""
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "browser.json").write_text('{"executablePath": "/usr/bin/chromium", "args": ["--no-sandbox"]}')
        for number, diagram in enumerate(blocks(text, "mermaid"), 1):
            (folder / "diagram.mmd").write_text(diagram)
            words = [os.environ["MERMAID"], "-q", "-p", folder / "browser.json", "-i", folder / "diagram.mmd", "-o", folder / "diagram.png"]
            done = subprocess.run(words, capture_output=True, text=True, timeout=120)
            if done.returncode != 0 or not (folder / "diagram.png").exists():
                wrong.append(f"diagram {number} cannot be drawn: {done.stderr[-500:]}")
    return wrong


def main():
    passed = failed = 0
    for document in documents():
        name, text = str(document.relative_to(ROOT)), document.read_text()
        wrong = links(document, text)
        if "MERMAID" in os.environ:
            wrong += draw(text)
        scripts = blocks(text, "sh")
        said = f"{len(scripts)} blocks run" if scripts else "no blocks"
        if scripts and name in ELSEWHERE:
            said = f"{len(scripts)} blocks not run: {ELSEWHERE[name]}"
        elif scripts and (failure := run("\n".join(scripts))):
            wrong.append(failure)
        passed, failed = (passed, failed + 1) if wrong else (passed + 1, failed)
        print(f"{'FAILED' if wrong else 'ok    '} {name}: {'; '.join(wrong) or said}", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
