"""Every document does what it says: its commands run, its links lead somewhere, its diagrams can be drawn.

`docs.py BINARIES [FILE..]` looks at all documents of the repository, or at those that are named:

- The `sh` blocks of README.md, docs/ and deploy/ are run by the real programs: those of a file top to bottom in one bash, which
  stops at the first failure, in a folder of its own. What cannot be run stands in `EXEMPT`, with the reason.
- Commands in tables of README.md and docs/challenge.md are run too, each by itself in a folder where there is everything. All
  other commands of ours, wherever they stand, have at least flags that the verb knows.
- A `json` block that follows an `sh` block of README.md, docs/api.md or docs/runbook.md has no name or word that was not answered.
- docs/api.md asks every route of a host's own OpenAPI document.
- Links lead to files, and their anchors to headings by GitHub's rules; so do those of the alerts to the runbook.
- `mermaid` blocks are drawn, by mermaid-cli and Chromium. Where they cannot be had this is skipped, on a build machine never.

Takes only Python's own library; docs.sh is the way in.
"""

import concurrent.futures
import contextlib
import functools
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

from workshop import BINARIES, run

ROOT = pathlib.Path(__file__).resolve().parent.parent
# What a document's blocks may take together; the longest take half a minute on two cores.
SECONDS_MAX = 300

BY_CI = "a step of .ci/run itself"
MEASURES = "measures for hours"
# Blocks that are not run, by their first line, each with the reason. Their commands' flags are looked at all the same.
EXEMPT = {
    ("README.md", "./quickstart.sh"): BY_CI,
    ("README.md", "cargo test --workspace --locked"): BY_CI,
    ("docs/measured.md", "cargo bench --profile dev --workspace --bench features"): MEASURES,
    ("docs/measured.md", "cargo bench --profile dev --workspace --bench score"): MEASURES,
    ("docs/measured.md", "tests/benches/speed.sh"): MEASURES,
    ("docs/approver.md", "countersign serve --modules /srv/modules --trust /etc/countersign/trust.toml --tokens /etc/countersign/tokens.toml \\"): (
        "needs folders of root's, and docker"
    ),
    ("docs/operator.md", "aws s3 cp modules/approved/credit-risk-3.wasm s3://models/credit/approved/"): "needs a bucket",
}
# Documents whose tables are full of commands that work as they stand.
TABLES = ["README.md", "docs/challenge.md"]
# What stands in such a command for something that is longer, or larger, than it need be here.
INSTEAD = {"--users 5000": "--users 300", "d75a9801...511a": "PUBLIC_KEY"}
# Exit codes of commands in tables that are no failure: a gate was missed, nothing was due.
CODES = {"train": {0, 4}, "run": {0, 4}, "retrain": {0, 4, 5}}
# Documents whose answers are shown behind the blocks that ask for them.
ANSWERED = ["README.md", "docs/api.md", "docs/runbook.md"]
PROGRAMS = ("countersign", "feature-job")


# Documents


class Fence:
    """A block between fences: its language, its lines, and the number of the first one, from 1."""

    def __init__(self, language, first, lines):
        self.language, self.first, self.lines = language, first, lines

    def text(self):
        return "\n".join(self.lines)


def parse(text):
    """Gives the fences of a document, and its other lines with their numbers."""
    fences, prose, inside, mark = [], [], None, ""
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r" *(`{3,}|~{3,}) *(\S*)", line)
        if inside is None and found:
            inside, mark = Fence(found[2], number + 1, []), found[1]
            indent = len(line) - len(line.lstrip())
        elif inside is not None and line.strip() == mark:
            fences.append(inside)
            inside = None
        elif inside is not None:
            inside.lines.append(line[min(indent, len(line) - len(line.lstrip())) :])
        else:
            prose.append((number, line))
    return fences, prose


@functools.cache
def document(path):
    return parse(path.read_text())


@functools.cache
def anchors(path):
    """Gives the anchors of a document's headings, as GitHub makes them."""
    found, seen = set(), {}
    for _, line in document(path)[1]:
        heading = re.match(r"#{1,6} +(.*?)(?: +#+)? *$", line)
        if not heading:
            continue
        text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "").replace("*", "")
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        found.add(f"{slug}-{count}" if count else slug)
    return found


def links(path):
    """Says which links of a document lead nowhere; and how many there are."""
    faults, count = [], 0
    for number, line in document(path)[1]:
        line = re.sub(r"`[^`]*`", "``", line)
        targets = re.findall(r"\]\(<?([^)>\s]+)>?(?: \"[^\"]*\")?\)", line) + re.findall(r"^ *\[[^\]]+\]: +(\S+)", line)
        for target in targets:
            if re.match(r"[a-z][a-z+.-]*:", target):
                continue
            count += 1
            name, _, anchor = target.partition("#")
            led = (path.parent / urllib.parse.unquote(name)).resolve() if name else path
            if not led.is_relative_to(ROOT) or not led.exists():
                faults.append(f"line {number}: {target} leads to no file")
            elif anchor and (led.suffix != ".md" or anchor not in anchors(led)):
                faults.append(f"line {number}: {target} leads to no heading of {led.relative_to(ROOT)}")
    return faults, count


def alerts(path):
    """Says which links of alerts to the runbook lead nowhere; and how many there are."""
    faults, found = [], re.findall(r"(docs/[\w./-]+\.md)#([\w-]*)", path.read_text())
    for name, anchor in found:
        if not (ROOT / name).is_file() or anchor not in anchors(ROOT / name):
            faults.append(f"{name}#{anchor} leads to no heading")
    return faults, len(found)


# Commands by their words


@functools.cache
def flags_of(program, *verb):
    """Gives the flags that a verb knows; none where there is no such verb."""
    done = subprocess.run([BINARIES / program, *verb, "--help"], capture_output=True, text=True)
    return set(re.findall(r"--[a-z][a-z-]*", done.stdout)) if done.returncode == 0 else None


def commands_in(text):
    """Gives the commands of ours in a piece of shell."""
    text = re.sub(r"\\\n(?:> )?", " ", text)
    for line in text.splitlines():
        for part in re.split(r"&&|\|\|?|;|\$\(|\(", re.sub(r"^(?:[$>] )?\s*", "", line)):
            part = re.sub(r"^\s*(?:!|do|then|if|until|while|[A-Z_]+=\S*)\s+", "", part.strip())
            if part.startswith(tuple(f"{program} " for program in PROGRAMS)):
                yield part


def unknown_words(command):
    """Says what of a command its program does not know."""
    try:
        words = shlex.split(re.sub(r"[<>].*", "", command), comments=True)
    except ValueError:
        # A quote that is closed on another line.
        words = command.split()
    program, *rest = words
    verb = [word for word in rest[:1] if re.fullmatch(r"[a-z][a-z-]*", word)]
    if not verb:
        return
    if verb[0] in ("keys", "tokens") and len(rest) > 1 and not rest[1].startswith("-"):
        verb.append(rest[1])
    known = flags_of(program, *verb)
    if known is None:
        yield f"`{command}`: {program} has no verb {' '.join(verb)}"
        return
    for word in rest:
        flag = word.partition("=")[0]
        if re.fullmatch(r"--[a-z][a-z-]*", flag) and flag not in known:
            yield f"`{command}`: {program} {' '.join(verb)} has no {flag}"


def spans(prose):
    """Gives the commands of ours in `code` of running text and tables, with the line and whether it is a table."""
    for number, line in prose:
        for span in re.findall(r"`([^`]+)`", line):
            if re.match(rf"(?:{'|'.join(PROGRAMS)}) [a-z]", span):
                yield number, line.startswith("|"), span


def words_of(path):
    """Says which commands of a document have words that their program does not know; and how many commands there are."""
    fences, prose = document(path)
    faults, count = [], 0
    found = [(number, span) for number, _, span in spans(prose)]
    for fence in fences:
        if fence.language in ("sh", "console"):
            found += [(fence.first, command) for command in commands_in(fence.text())]
    for number, command in found:
        count += 1
        faults += [f"line {number}: {said}" for said in unknown_words(command)]
    return faults, count


# Blocks that are run


HANDS = r"""
# What a document leaves to its reader, done for it.
curl() { command curl --silent --show-error --fail-with-body --max-time 20 "$@"; }
stop_host() { [ -z "${hosted:-}" ] || { kill "$hosted" && wait "$hosted" || true; }; }
countersign() {
    case $1 in
        # A person answers.
        approve) echo yes | command countersign "$@" ;;
        # In a terminal of its own; what is asked of it then comes to a host that knows the users.
        serve)
            stop_host
            command countersign "$@" >host.out 2>host.log &
            hosted=$!
            for _ in $(seq 150); do
                command countersign health --ready --url "http://$COUNTERSIGN_LISTEN" >/dev/null 2>&1 && break
                kill -0 $hosted 2>/dev/null || { cat host.log; return 1; }
                sleep 0.2
            done
            [ -n "${ingest_token:-}" ] || ingest_token=$(cat ingest.token)
            COUNTERSIGN_TOKEN=$ingest_token feature-job publish --features features.parquet --to "http://$COUNTERSIGN_LISTEN"
            curl --header "authorization: Bearer $(cat predict.token)" "http://$COUNTERSIGN_LISTEN/v1/users/5008804/prediction"
            sleep 1.2
            ;;
        *) command countersign "$@" ;;
    esac
}
"""

# In place of programs that reach for a cluster or a bucket: what is named has to be there, and what the job would have made there is made.
STAND_INS = r"""
train() {
    mkdir -p modules/candidates
    feature-job train --features features.parquet --recipe logistic --model credit-risk --key job.pem --out modules/candidates \
        --champion none "$@" || [ $? -eq 4 ]
    [ -e ada.pem ] || command countersign keygen --role approver --name 'Ada Lovelace' --out ada.pem
}
kubectl() {
    local word before=''
    for word in "$@"; do
        case $before in -k | -f) [ "$word" = - ] || [ -e "$word" ] || { echo "kubectl: there is no $word"; return 1; } ;; esac
        before=$word
    done
    case "$1 $2" in
        'get pod') echo pod-0 ;;
        cp*:/modules/candidates) train --version 1 ;;
        'apply -f') [ "$3" != - ] || cat >/dev/null ;;
    esac
}
aws() {
    case "$*" in
        's3 sync'*candidates) train --version 3 --gates lax.toml ;;
        's3api put-object'*" --key production/approved/"*) ;;
        *) echo "aws: nobody here knows: $*" >&2; return 1 ;;
    esac
}
export -f aws
"""


# In place of docker: the commands of compose.yaml's services by the programs as they are, with the variables and folders that it gives them.
COMPOSE = r"""
install() { mkdir -p "${@:6}"; }
docker() {
    case "$*" in
        'compose build host job') ;;
        'compose up --detach --wait')
            host_of_compose countersign serve >host.out 2>host.log &
            until countersign health >/dev/null 2>&1; do kill -0 $! || { cat host.log; return 1; }; sleep 0.1; done
            ;;
        'compose run --rm job')
            # Its folders are mounted elsewhere in the container.
            sed "s:/run/secrets:$COUNTERSIGN_HOME/secrets:; s:/modules/:$COUNTERSIGN_HOME&:; s:/etc/countersign:$COUNTERSIGN_HOME/etc:" round.sh \
                >"$COUNTERSIGN_HOME/round.sh"
            (cd "$COUNTERSIGN_HOME/job" && COUNTERSIGN_HOST=http://$COUNTERSIGN_LISTEN COUNTERSIGN_RECIPE=$RECIPE sh ../round.sh)
            ;;
        'compose run --rm --entrypoint feature-job operator '*) (cd "$COUNTERSIGN_HOME" && operator_of_compose "${@:5:1}" "${@:7}") ;;
        'compose run --rm operator approve '*)
            (cd "$COUNTERSIGN_HOME" && operator_of_compose countersign "${@:5}" <<<yes)
            until countersign health --ready >/dev/null 2>&1; do sleep 0.1; done
            ;;
        'compose run --rm operator '*) (cd "$COUNTERSIGN_HOME" && operator_of_compose countersign "${@:5}") ;;
        *) echo "docker: nobody here knows: $*" >&2; return 1 ;;
    esac
}
curl() { command curl --silent --show-error --fail-with-body --max-time 20 "$@"; }
"""


def compose_service(name, folders, address):
    """Gives a function that runs a program with the variables of a service of compose.yaml, for which folders of this machine are mounted."""
    part = re.search(rf"^  {name}:\n((?: {{4}}.*\n|\n)*)", (ROOT / "compose.yaml").read_text(), re.MULTILINE)[1]
    variables = re.findall(r"^ {6}(COUNTERSIGN_\w+): (\S+)$", part, re.MULTILINE)
    assert variables, f"compose.yaml has no variables of {name}"
    words = []
    for variable, value in variables:
        for mounted, folder in folders.items():
            value = re.sub(rf"^{mounted}(?=/|$)", str(folder), value)
        value = value.replace("0.0.0.0:8080", address).replace("0.0.0.0:8081", "127.0.0.1:0")
        words.append(shlex.quote(f"{variable}={value}"))
    return f'{name}_of_compose() {{ env {" ".join(words)} "$@"; }}\n'


def stage_readme(folder):
    """README begins with nothing but the repository, and docker."""
    home, address = folder / "srv", free_address()
    recipe = re.search(r"COUNTERSIGN_RECIPE:-([\w-]+)", (ROOT / "compose.yaml").read_text())[1]
    shutil.copy(ROOT / "deploy" / "kubernetes" / "base" / "round.sh", folder)
    mounted = {"/modules": home / "modules", "/etc/countersign": home / "etc", "/var/lib/countersign": home / "host"}
    hands = COMPOSE + f"RECIPE={recipe}\n"
    hands += compose_service("host", mounted, address) + compose_service("operator", {"/srv/countersign": home}, address)
    return hands, {"127.0.0.1:8080": address, "/srv/countersign": str(home), "--users 5000": "--users 500"}


def stage_guide(folder):
    """The guides take files and a host for granted. Gives the port that stands for its 8080."""
    workshop(folder, [1, 7, 8, 9])
    for made in [*folder.glob("*.token"), folder / "tokens.toml"]:
        made.unlink()
    return HANDS, {"127.0.0.1:8080": free_address()}


def stage_approver(_):
    """All is made there; only that a person answers is left to its reader."""
    return HANDS, {}


def stage_kubernetes(folder):
    """What is written there is done from the top of the repository; the keys and tokens are made by its own commands."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=ignored)
    shutil.copy(WORKSHOP / "features.parquet", folder)
    shutil.copy(WORKSHOP / "lax.toml", folder)
    return HANDS + STAND_INS, {}


STAGES = {
    "README.md": stage_readme,
    "docs/data-scientist.md": stage_guide,
    "docs/operator.md": stage_guide,
    "docs/approver.md": stage_approver,
    "deploy/kubernetes/README.md": stage_kubernetes,
}
WORKSHOP = None


def make_workshop(folder):
    """Makes once what documents take for granted: loans, features, keys, tokens, and approved versions, by the real programs."""
    (folder / "modules" / "candidates").mkdir(parents=True)
    fences, _ = document(ROOT / "docs" / "data-scientist.md")
    shown = {fence.language: fence.text() for fence in reversed(fences)}
    view = (ROOT / "contract" / "feature-view.toml").read_text()
    (folder / "spine.csv").write_text(shown["csv"] + "\n")
    (folder / "my-view.toml").write_text(f"{view}\n{shown['toml']}\n")
    (folder / "lax.toml").write_text("[cost]\nmodule_bytes_max = 1e9\n")
    says = functools.partial(run, folder)
    for users, name in [(300, "loans.csv"), (320, "new-loans.csv")]:
        says("feature-job", "sample", "--users", str(users), "--seed", "7", "--out", name)
    says("feature-job", *"features --input loans.csv --as-of 2021-12-27 --out features.parquet".split())
    for role, name, key in [("job", "job", "job.pem"), ("approver", "Ada Lovelace", "ada.pem"), ("approver", "Ben", "ben.pem")]:
        says("countersign", "keygen", "--role", role, "--name", name, "--out", key, "--modules", "modules")
    for role in ["predict", "ingest", "admin"]:
        says("countersign", *f"tokens add --role {role} --name {role}-0 --out {role}.token --tokens tokens.toml".split())
    train = "train --features features.parquet --recipe logistic --model credit-risk --key job.pem --gates lax.toml --out modules/candidates"
    for version in [1, 7, 8, 9]:
        says("feature-job", *train.split(), "--version", str(version))
        candidate = f"modules/candidates/credit-risk-{version}.wasm"
        says("countersign", *f"approve --yes --key ada.pem --by Ada --reason test --modules modules {candidate}".split())


def workshop(folder, versions):
    """Gives a copy of it in which these versions are approved."""
    shutil.copytree(WORKSHOP, folder, dirs_exist_ok=True)
    for file in (folder / "modules" / "approved").glob("*.wasm"):
        if int(file.stem.rpartition("-")[2]) not in versions:
            file.unlink()


def free_address():
    """Gives 127.0.0.1:8080, or another port where that is taken."""
    for port in [8080, 0]:
        with contextlib.suppress(OSError), socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", port))
            return f"127.0.0.1:{taken.getsockname()[1]}"


def script_of(path, fences, hands, instead):
    """Makes a script of which each line is that of the document, so that bash names the right one."""
    lines = ["" for _ in path.read_text().splitlines()]
    # Within a function the line is that of its call, and the last line told is the outermost.
    tell = 'lines=(0 $LINENO "${BASH_LINENO[@]::${#BASH_LINENO[@]}-1}"); echo "${lines[-1]}" >&3'
    lines[0] = f"set -Eeuo pipefail; trap {shlex.quote(tell)} ERR; {hands}"
    for fence in fences:
        # What was said of each block is found again by this.
        lines[fence.first - 2] = f"printf '\\n\\036%s\\n' {fence.first}"
        for place, line in enumerate(fence.lines, fence.first - 1):
            for old, new in instead.items():
                line = line.replace(old, new)
            # A failure that is expected, which bash by itself would not miss.
            lines[place] = f"{line} || false" if line.startswith("! ") else line
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def bash(command, folder, environment):
    """Runs bash with its children in a group of their own, and ends all of them."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("COUNTERSIGN_", "OTEL_"))}
    environment = {**ours, "PATH": f"{BINARIES}:{os.environ['PATH']}", **environment}
    said, failed = folder / ".said", folder / ".failed"
    with said.open("wb") as out, failed.open("wb") as trap:
        fd = trap.fileno()
        # The third file of the script is where it tells what failed.
        process = subprocess.Popen(
            ["bash", "-c", f'exec 3>&{fd}; exec bash "$@"', "bash", *command],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, pass_fds=[fd], start_new_session=True,
        )
        try:
            yield process, said, failed
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def waited(process):
    """Waits for the end, and gives the exit code; or says that there was no end."""
    try:
        return process.wait(SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return f"none after {SECONDS_MAX} s"


def blocks(path):
    """Runs a document's blocks; says what failed, and how many there are."""
    name = str(path.relative_to(ROOT))
    fences = [fence for fence in document(path)[0] if fence.language == "sh"]
    exempt = {first for file, first in EXEMPT if file == name}
    unused = exempt - {fence.lines[0] for fence in fences}
    faults = [f"EXEMPT names a block that is not there: {first}" for first in unused]
    fences = [fence for fence in fences if fence.lines[0] not in exempt]
    if not fences:
        return faults, 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        work = folder / "work"
        work.mkdir()
        hands, instead = STAGES.get(name, lambda _: ("", {}))(work)
        (folder / "hands.sh").write_text(hands)
        script = folder / path.name
        script.write_text(script_of(path, fences, f"source {shlex.quote(str(folder / 'hands.sh'))}", instead))
        listen = {"COUNTERSIGN_LISTEN": address for shown, address in instead.items() if shown == "127.0.0.1:8080"}
        with bash([script], work, listen) as (process, said, failed):
            code = waited(process)
            answers = split(said.read_text(errors="replace"))
            told = failed.read_text(errors="replace").strip()
        if code != 0:
            last = max(answers, default=0)
            # A name that is not set ends bash before it can tell the line; its last words have it.
            number = int(told.splitlines()[-1]) if told else last
            line = path.read_text().splitlines()[number - 1].strip()
            faults.append(f"line {number}{'' if told else ' or below'}: {line}: exit code {code}, and the end of what was said:")
            faults += [f"    {line}" for line in answers.get(last, "").splitlines()[-25:]]
        elif name in ANSWERED:
            faults += unanswered(path, answers)
    return faults, len(fences)


def split(text):
    """Gives what was said of each block, by the number of its first line."""
    parts = re.split(r"\n\x1e(\d+)\n", text)
    return {int(number): said for number, said in zip(parts[1::2], parts[2::2])}


def unanswered(path, answers):
    """Says which names and words a document shows as an answer that the block before it did not give."""
    fences = document(path)[0]
    for asked, shown in zip(fences, fences[1:]):
        if (asked.language, shown.language) != ("sh", "json"):
            continue
        said = re.sub(r"\s", "", answers.get(asked.first, ""))
        for number, line in enumerate(shown.lines, shown.first):
            for word in re.findall(r'"(?:[^"\\]|\\.)*"', line):
                # What is left out stands as an ellipsis; clocks go on.
                start = re.sub(r"\s", "", word.partition("…")[0])
                if start not in said and not re.search(r"\d{4}-\d\d-\d\dT", word):
                    yield f"line {number}: {word} is shown, and was not answered"


# Commands of tables


def tables(path):
    """Runs the commands of a document's tables, each in a folder of its own; says what failed, and how many there are."""
    found = [(number, span) for number, table, span in spans(document(path)[1]) if table and re.search(r" -| > ", span)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool, tempfile.TemporaryDirectory() as folder, host(folder) as url:
        said = list(pool.map(lambda one: table_command(one[1], url), found))
    return [f"line {number}: `{command}`: {fault}" for (number, command), fault in zip(found, said) if fault], len(found)


@contextlib.contextmanager
def host(folder):
    """Runs a host that has everything."""
    folder = pathlib.Path(folder)
    workshop(folder, [1, 7])
    serve = "serve --modules modules --data data --tokens tokens.toml --listen 127.0.0.1:0 --prediction-log predictions"
    log = (folder / "host.log").open("w")
    process = subprocess.Popen([BINARIES / "countersign", *serve.split()], cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        url = process.stdout.readline().split()[-1]
        until(lambda: subprocess.run([BINARIES / "countersign", "health", "--ready", "--url", url], capture_output=True).returncode == 0)
        run(folder, "feature-job", *f"publish --features features.parquet --to {url} --token-file ingest.token".split())
        yield url
    finally:
        process.kill()
        process.wait()
        log.close()


def until(holds):
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def table_command(command, url):
    """Runs a command where all that it needs is there, and what it makes is not; gives what went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        workshop(folder, [1])
        (folder / "predictions").mkdir()
        for old, new in INSTEAD.items():
            command = command.replace(old, new)
        verb = command.split()[1]
        if verb in ("keygen", "keys") and " revoke" not in command and " list" not in command:
            public = subprocess.run([BINARIES / "countersign", "keys", "show", "ben.pem"], cwd=folder, capture_output=True, text=True).stdout
            command = command.replace("PUBLIC_KEY", re.search(r"\b[0-9a-f]{64}\b", public)[0])
            shutil.copy(ROOT / "modules" / "trust.toml", folder / "modules")
        new = re.search(r"--out (\S+\.(?:pem|token))\b", command)
        if new:
            (folder / new[1]).unlink(missing_ok=True)
        if verb == "approve":
            # With the version that it would be compared with gone as well, its report says the same as when it was made.
            shutil.rmtree(folder / "modules" / "approved")
            command = f"echo yes | {command}"
        environment = {}
        if verb == "serve":
            command = re.sub(r"127\.0\.0\.1:8080", "127.0.0.1:0", command)
            command = f"{command} >served & until grep 'listening on' served; do sleep 0.1; done; kill $! && wait $!"
            environment["COUNTERSIGN_LISTEN"] = "127.0.0.1:0"
        else:
            command = command.replace("http://127.0.0.1:8080", url)
            environment["COUNTERSIGN_LISTEN"] = url.removeprefix("http://")
            if "--token-file" not in command and url in command:
                environment["COUNTERSIGN_TOKEN"] = (folder / "predict.token").read_text().strip()
        with bash(["-c", command], folder, environment) as (process, said, _):
            code = waited(process)
            if code not in CODES.get(verb, {0}):
                return f"exit code {code}: {said.read_text(errors='replace').strip()[-1500:]}"
    return None


# Routes


def routes(path):
    """Says which routes of a host's own description the document does not ask; and how many there are."""
    with tempfile.TemporaryDirectory() as folder, host(folder) as url:
        with urllib.request.urlopen(f"{url}/openapi.json", timeout=10) as answer:
            paths = json.load(answer)["paths"]
    asked = set()
    for fence in document(path)[0]:
        for line in re.sub(r"\\\n", " ", fence.text()).splitlines() if fence.language == "sh" else []:
            for target in re.findall(r"\$host(/[^\s\"'?]*)", line):
                method = re.search(r"(?:-X|--request) ?([A-Z]+)", line)
                sends = re.search(r" (?:-d|--data|--data-binary|--json) ?", line)
                asked.add((method[1] if method else "POST" if sends else "GET", target))
    faults, count = [], 0
    for template, methods in paths.items():
        pattern = re.sub(r"\{[^}]*\}", "[^/]+", template)
        for method in methods:
            count += 1
            if not any(word == method.upper() and re.fullmatch(pattern, target) for word, target in asked):
                faults.append(f"{method.upper()} {template} is not asked")
    return faults, count


# Diagrams


MERMAID = "@mermaid-js/mermaid-cli@12.2.0"


def painter():
    """Gives the program that draws, with what it takes; or says why there is none."""
    folder = pathlib.Path.home() / ".cache" / "countersign" / "mermaid-12.2.0"
    program = folder / "node_modules" / ".bin" / "mmdc"
    if not program.exists() and shutil.which("npm"):
        folder.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", folder, MERMAID]
        subprocess.run(install, env={**os.environ, "PUPPETEER_SKIP_DOWNLOAD": "1"}, stdout=subprocess.DEVNULL)
    if not shutil.which("chromium") and os.environ.get("CI") == "true" and os.geteuid() == 0:
        for words in [["update", "-qq"], ["install", "-qq", "--yes", "--no-install-recommends", "chromium", "fonts-dejavu-core"]]:
            subprocess.run(["apt-get", *words], env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, stdout=subprocess.DEVNULL)
    if not program.exists():
        return None, f"{MERMAID} could not be installed"
    if not shutil.which("chromium"):
        return None, "there is no chromium"
    return program, None


def diagrams(path, program):
    """Says which diagrams of a document cannot be drawn; and how many there are."""
    faults, found = [], [fence for fence in document(path)[0] if fence.language == "mermaid"]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "browser.json").write_text(json.dumps({"executablePath": shutil.which("chromium"), "args": ["--no-sandbox"]}))
        for fence in found:
            (folder / "in.mmd").write_text(fence.text() + "\n")
            words = [program, "--quiet", "--puppeteerConfigFile", "browser.json", "--input", "in.mmd", "--output", "out.png"]
            done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX)
            drawn = folder / "out.png"
            if done.returncode != 0 or not drawn.exists():
                faults.append(f"line {fence.first}: this diagram cannot be drawn: {done.stderr.partition('Parser.parseError')[0].strip()[:1000]}")
            drawn.unlink(missing_ok=True)
    return faults, len(found)


# All of it


def documents(named):
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.md", "deploy/*.yml", "deploy/*.yaml"]
    found = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    found = sorted({ROOT / name for name in found if (ROOT / name).is_file()})
    found = [path for path in found if path.suffix == ".md" or "runbook.md#" in path.read_text()]
    return [path for path in found if not named or str(path.relative_to(ROOT)) in named]


def checks(path, program):
    """Gives what holds for a document, each with the word for what is counted."""
    name = str(path.relative_to(ROOT))
    if path.suffix != ".md":
        return [("alerts", alerts, path)]
    found = [("links", links, path), ("commands", words_of, path)]
    if name == "README.md" or name == "modules/README.md" or re.match(r"docs/|deploy/.*README\.md", name):
        found.append(("blocks run", blocks, path))
    if name in TABLES:
        found.append(("commands of tables run", tables, path))
    if name == "docs/api.md":
        found.append(("routes", routes, path))
    if program:
        found.append(("diagrams drawn", diagrams, path, program))
    return found


def main():
    global WORKSHOP
    paths = documents(sys.argv[2:])
    assert paths, f"there is no document {' '.join(sys.argv[2:])}"
    program, why = painter()
    failed = 0
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        WORKSHOP = pathlib.Path(folder)
        make_workshop(WORKSHOP)
        work = {path: [(word, pool.submit(check, *given)) for word, check, *given in checks(path, program)] for path in paths}
        for path, found in work.items():
            outcomes = [(word, *future.result()) for word, future in found]
            faults = [fault for _, told, _ in outcomes for fault in told]
            failed += bool(faults)
            counted = ", ".join(f"{count} {word}" for word, _, count in outcomes if count)
            print(f"{'FAILED' if faults else 'ok    '} {path.relative_to(ROOT)}: {counted or 'nothing to check'}", flush=True)
            for line in "\n".join(faults).splitlines():
                print(f"       {line}", flush=True)
    if why:
        print(f"skipped: no diagram was drawn: {why}")
        failed += os.environ.get("CI") == "true"
    for (name, first), reason in EXEMPT.items():
        print(f"not run: {name}: {first}: {reason}")
    print(f"{len(paths) - min(failed, len(paths))} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
