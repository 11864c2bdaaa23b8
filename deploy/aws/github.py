"""Runs the workflows of .github/workflows as GitHub would, as far as they ask for it: each job's steps as they stand there, each step by a shell of
its own, with the variables and secrets of the job's environment. What an action does that a step `uses` is done here (artifacts, attestations),
or is nothing (a checkout, tools); an action that is not known here is an error. GitHub itself is not asked.
"""

import hashlib
import re
import subprocess
from pathlib import Path

import yaml

TOP = Path(__file__).resolve().parent.parent.parent


class GitHub:
    """A repository with its environments; its runs share artifacts and attestations."""

    def __init__(self, work, environment, role_of):
        """`environment` is what every step sees beside its own, and `role_of` says whether a role lets an environment in."""
        self.work, self.environment, self.role_of = work, environment, role_of
        self.variables, self.secrets, self.artifacts, self.runs = {}, {}, {}, 0
        # What happens while a run waits: it is called with the run and the name of each job that has ended.
        self.meanwhile = lambda _run, _job: None
        self.attested = work / "attested"
        self.attested.touch()

    def run(self, workflow, **inputs):
        """Starts a workflow by hand and waits for its end."""
        self.runs += 1
        return Run(self, workflow, inputs)


class Run:
    """A run that has ended: `results` and `outputs` of its jobs, and what they said."""

    def __init__(self, github, workflow, inputs):
        self.github, self.name, self.number, self.said = github, workflow, str(github.runs), ""
        self.results, self.outputs = {}, {}
        document = yaml.safe_load((TOP / f".github/workflows/{workflow}.yml").read_text())
        # `on` is a truth in YAML.
        asked = document[True]["workflow_dispatch"].get("inputs", {})
        assert inputs.keys() <= asked.keys(), f"{workflow} has no input {inputs.keys() - asked.keys()}"
        missing = {name for name, one in asked.items() if one.get("required") and name not in inputs}
        assert not missing, f"{workflow} takes {missing}"
        self.inputs = {name: inputs.get(name, one.get("default", "")) for name, one in asked.items()}
        github.artifacts[self.number] = {}
        for name, job in document["jobs"].items():
            needs = job.get("needs", [])
            needs = [needs] if isinstance(needs, str) else needs
            wanted = all(self.results[need] == "success" for need in needs)
            if not wanted or not Job(self, name, job).holds(job.get("if", "success()")):
                self.results[name] = "skipped"
                continue
            self.results[name] = Job(self, name, job).go()
            github.meanwhile(self, name)

    @property
    def passed(self):
        return "failure" not in self.results.values()


class Job:
    def __init__(self, run, name, job):
        self.run, self.name, self.job, self.failed = run, name, job, False
        github, environment = run.github, job.get("environment")
        self.environment = environment
        self.known = {
            "inputs": run.inputs,
            "vars": github.variables.get(None, {}) | github.variables.get(environment, {}),
            "secrets": github.secrets.get(environment, {}),
            "needs": {name: {"outputs": outputs} for name, outputs in run.outputs.items()},
            "github": {"token": "github-token", "sha": "0" * 40, "repository": "bank/countersign"},
            "steps": {},
        }

    # Expressions ----------------------------------------------------------------------------------------------------------------------

    def value(self, expression):
        """Gives what an expression comes to. Its operators are Python's by other names, and what is not there is nothing."""
        parts = re.split(r"('(?:[^']|'')*')", expression)
        for place in range(0, len(parts), 2):
            part = re.sub(r"!(?!=)", " not ", parts[place].replace("&&", " and ").replace("||", " or "))
            parts[place] = re.sub(r"\b(inputs|vars|secrets|needs|github|steps)((?:\.[\w-]+)+)", r"of('\1\2')", part)
        functions = {
            "of": self.of,
            "hashFiles": lambda *patterns: "".join(str(path) for pattern in patterns for path in self.folder.glob(pattern)),
            "always": lambda: True,
            "cancelled": lambda: False,
            "success": lambda: not self.failed,
        }
        return eval("".join(parts).strip(), {"__builtins__": {}}, functions)  # noqa: S307

    def of(self, path):
        value = self.known
        for name in path.split("."):
            value = value.get(name, "") if isinstance(value, dict) else ""
        return value

    def text(self, value):
        """Puts what expressions come to in their places."""
        said = lambda found: {True: "true", False: "false"}.get(found, str(found)) if isinstance(found, bool) else str(found)
        return re.sub(r"\$\{\{(.*?)\}\}", lambda found: said(self.value(found[1])), str(value))

    def holds(self, condition):
        condition = re.sub(r"^\$\{\{(.*)\}\}$", r"\1", str(condition).strip())
        if not re.search(r"\b(always|cancelled|success|failure)\(\)", condition):
            condition = f"success() && ({condition})"
        return bool(self.value(condition))

    # Steps ----------------------------------------------------------------------------------------------------------------------------

    def go(self):
        self.folder = self.run.github.work / f"run-{self.run.number}-{self.name}"
        self.folder.mkdir()
        (self.folder / "deploy").symlink_to(TOP / "deploy")
        self.temporary = self.folder.with_name(self.folder.name + "-temporary")
        self.temporary.mkdir()
        (self.temporary / "path").touch()
        for place, step in enumerate(self.job["steps"]):
            if not self.holds(step.get("if", "success()")):
                continue
            try:
                outputs = self.action(step) if "uses" in step else self.shell(step, place)
                self.known["steps"][step.get("id", str(place))] = {"outputs": outputs}
            except subprocess.CalledProcessError:
                self.failed = True
        self.run.outputs[self.name] = {name: self.text(one) for name, one in self.job.get("outputs", {}).items()}
        return "failure" if self.failed else "success"

    def shell(self, step, place):
        outputs = self.temporary / f"outputs-{place}"
        outputs.touch()
        own = {name: self.text(one) for name, one in {**self.job.get("env", {}), **step.get("env", {})}.items()}
        given = {
            "GITHUB_OUTPUT": str(outputs),
            "GITHUB_STEP_SUMMARY": str(self.temporary / "summary"),
            "GITHUB_PATH": str(self.temporary / "path"),
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": self.of("github.repository"),
            # What steps before have put before the rest.
            "PATH": ":".join([*(self.temporary / "path").read_text().split()[::-1], self.run.github.environment["PATH"]]),
            "GITHUB_ACTOR": "ada",
            "RUNNER_TEMP": str(self.temporary),
            "HOME": str(self.temporary),
        }
        # As GitHub starts it: a pipe is only as good as its last command, unless bash is asked for by name.
        options = ["--noprofile", "--norc", "-eo", "pipefail"] if step.get("shell") == "bash" else ["-e"]
        script = self.temporary / f"step-{place}.sh"
        assert "${{" not in step["run"], f"{self.name}: an expression within a script"
        script.write_text(step["run"])
        done = subprocess.run(
            ["bash", *options, script],
            cwd=self.folder,
            env={**self.run.github.environment, **given, **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        self.run.said += f"## {self.run.name}, {self.name}, {step.get('name', step['run'].splitlines()[0])}\n{done.stdout}"
        done.check_returncode()
        return dict(line.split("=", 1) for line in outputs.read_text().splitlines())

    def action(self, step):
        name, given = step["uses"].split("@")[0], {key: self.text(one) for key, one in step.get("with", {}).items()}
        github = self.run.github
        match name:
            case "actions/checkout" | "actions/cache":
                pass
            case "aws-actions/configure-aws-credentials":
                if not github.role_of(given["role-to-assume"], self.environment):
                    self.refuse(f"{self.environment} may not be {given['role-to-assume'] or 'nobody'}")
            case "actions/upload-artifact":
                # Names with a dot before them it leaves out.
                found = [path for pattern in given["path"].split() for path in sorted(self.folder.glob(pattern))]
                files = [path for path in found if path.is_file() and not path.name.startswith(".")]
                kept = github.artifacts[self.run.number]
                if given["name"] in kept or not (files or given.get("if-no-files-found") == "ignore"):
                    self.refuse(f"the artifact {given['name']} is there already, or there is nothing to put in it")
                if files:
                    kept[given["name"]] = {path.name: path.read_bytes() for path in files}
            case "actions/download-artifact":
                # Of another run only by a token, and by its number.
                run = given["run-id"] if "github-token" in given else self.run.number
                if given["name"] not in github.artifacts.get(run, {}):
                    self.refuse(f"the run {run} has no artifact {given['name']}")
                (self.folder / given["path"]).mkdir(parents=True, exist_ok=True)
                for file, content in github.artifacts[run][given["name"]].items():
                    (self.folder / given["path"] / file).write_bytes(content)
            case "actions/attest-build-provenance":
                with open(github.attested, "a") as lines:
                    for path in self.folder.glob(given["subject-path"]):
                        lines.write(attestation(hashlib.sha256(path.read_bytes()).hexdigest(), self.run.name, "refs/heads/main", self.of("github.sha")))
            case _:
                raise AssertionError(f"what does {name} do?")
        return {}

    def refuse(self, why):
        self.run.said += f"## {self.run.name}, {self.name}: {why}\n"
        raise subprocess.CalledProcessError(1, why)


def attestation(digest, workflow, ref, commit):
    """Gives the line that says who built something: the workflow as a ref has it, and from which commit."""
    return f"{digest} https://github.com/bank/countersign/.github/workflows/{workflow}.yml@{ref} {commit}\n"


def stand_ins(folder, python):
    """Puts programs of GitHub's machines in a folder: what builds takes what is built, from $BUILT, and what looks at attestations looks at those of
    the runs here. None of them may be handed a secret as an argument, which the whole machine could read."""
    scripts = {
        "rustup": "",
        "cargo": "import os\nos.makedirs('target')\nos.symlink(os.environ['BUILT'], 'target/release')\n",
        "docker": "import sys\nassert sys.argv[1] == 'login' and sys.stdin.read()\n",
        # A tag beside a digest it refuses, as skopeo does.
        "skopeo": """import json, os, re, sys
verb, *rest = sys.argv[1:]
assert verb == "login" or not any(re.search(r":[^/@]+@", one.removeprefix("docker://")) for one in rest), rest
if verb == "login":
    assert sys.stdin.read()
elif verb == "inspect":
    assert rest[:-1] == ["--no-tags", "--format", '{{index .Labels "org.opencontainers.image.revision"}}'], rest
    print(json.load(open(os.environ["REVISIONS"])).get(rest[-1].split("@")[1], ""))
else:
    open(os.environ["COPIED"], "a").write(" ".join([verb, *rest]) + "\\n")
""",
        # What takes seconds elsewhere is there at once here.
        "sleep": "import time\ntime.sleep(0.05)\n",
        "gh": """import argparse, hashlib, os, re, sys
parser = argparse.ArgumentParser(allow_abbrev=False)
for name in ("attestation", "verify", "subject"):
    parser.add_argument(name)
for name in ("repo", "signer-workflow", "cert-identity-regex", "source-ref", "source-digest"):
    parser.add_argument(f"--{name}")
parser.add_argument("--deny-self-hosted-runners", action="store_true")
asked = parser.parse_args()
assert (asked.attestation, asked.verify) == ("attestation", "verify") and os.environ["GH_TOKEN"]
assert asked.repo == "bank/countersign" and asked.deny_self_hosted_runners
if asked.signer_workflow:
    asked.cert_identity_regex = "^https://github.com/" + re.escape(asked.signer_workflow) + "@"
of_image = asked.subject.startswith("oci://")
digest = asked.subject.split("@sha256:")[1] if of_image else hashlib.sha256(open(asked.subject, "rb").read()).hexdigest()
for line in open(os.environ["ATTESTED"]):
    subject, identity, commit = line.split()
    held = (asked.source_ref or identity.split("@")[1], asked.source_digest or commit) == (identity.split("@")[1], commit)
    if subject == digest and re.search(asked.cert_identity_regex, identity) and held:
        sys.exit(0)
sys.exit(f"no attestation of {asked.subject} by {asked.cert_identity_regex}")
""",
    }
    for name, script in scripts.items():
        path = folder / name
        path.write_text(f"#!{python}\n{script}")
        path.chmod(0o755)
