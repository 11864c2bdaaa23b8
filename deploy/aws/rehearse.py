"""Rehearses the workflows `train`, `approve` and `deploy`: their own steps (github.py), with the real programs, against a host that runs as the
Kubernetes overlay `production` says. S3 and ECR are stood in for by moto, ECS and the cluster's `exec` by what stands here.

rehearse.py BINARIES [STATE]    STATE is what `terraform show -json` says after an apply; without it ECS is left out

Two rounds of training before an approval make two versions; a candidate comes from a run or from the registry, by one approver or two, and not at
all where its seal does not hold or somebody has turned it down; a model is rolled back in its pod, by a task on AWS, and at an address; a
release's images are put on ECS.
"""

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import yaml
from github import TOP, GitHub, attestation, stand_ins
from story import Task, tell, told, until

MODEL = "credit-risk"


class Ecs(http.server.ThreadingHTTPServer):
    """Answers the AWS CLI as ECS does, as far as rollout.sh and run.sh ask; a task that is run is run, with the real programs."""

    daemon_threads = True

    def __init__(self, house):
        super().__init__(("127.0.0.1", 0), Requests)
        self.house, self.asked, self.stopped, self.changed, self.status = house, set(), {}, {}, "STOPPED"
        self.installation = house.outputs["installation"]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def definition(self, family):
        """Writes a task definition as ECS tells it, from what Terraform calls it."""
        task = family.removeprefix(f"{self.installation['family']}-")
        values = self.house.resources[f"aws_ecs_task_definition.{task}"]
        definition = {
            "family": family, "taskRoleArn": values.get("task_role_arn"), "executionRoleArn": values["execution_role_arn"],
            "networkMode": values["network_mode"], "cpu": values["cpu"], "memory": values["memory"],
            "requiresCompatibilities": values["requires_compatibilities"], "volumes": [{"name": one["name"]} for one in values.get("volume") or []],
            "containerDefinitions": json.loads(values["container_definitions"]),
            # What only ECS may say, and does not take back.
            "revision": 1, "status": "ACTIVE", "taskDefinitionArn": f"arn:aws:ecs:eu-central-1:123456789012:task-definition/{family}:1",
        }  # fmt: skip
        return {name: value for name, value in definition.items() if value is not None}

    def describe_task_definition(self, asked):
        return {"taskDefinition": self.definition(asked["taskDefinition"])}

    def register_task_definition(self, asked):
        assert not {"revision", "status", "taskDefinitionArn"} & asked.keys(), asked.keys()
        self.changed[asked["family"]] = asked
        return {"taskDefinition": asked | {"taskDefinitionArn": f"arn:aws:ecs:eu-central-1:123456789012:task-definition/{asked['family']}:2"}}

    def update_service(self, asked):
        self.changed["service"] = asked
        return {"service": {"deployments": [{"id": "new", "status": "PRIMARY", "rolloutState": "IN_PROGRESS"}, {"id": "old", "status": "ACTIVE"}]}}

    def describe_services(self, asked):
        assert asked["services"] == [self.installation["service"]]
        return {"services": [{"deployments": [{"id": "new", "status": "PRIMARY", "rolloutState": "COMPLETED"}]}]}

    def run_task(self, asked):
        assert asked["cluster"] == self.installation["cluster"] and asked["networkConfiguration"] == self.installation["network"]
        name = asked["taskDefinition"].removeprefix(f"{self.installation['family']}-")
        [override] = asked["overrides"]["containerOverrides"]
        task = Task(self.house, name)
        said = {entry["name"]: entry["value"] for entry in override["environment"]}
        # The name that the balancer has in its network is none here.
        ended = task.start(override["name"], HOST=f"https://127.0.0.1:{self.house.ports[1]}", **said).wait(60)
        arn = f"arn:aws:ecs:eu-central-1:123456789012:task/{len(self.stopped)}"
        self.log(name, override["name"], len(self.stopped), task.log(override["name"]))
        self.stopped[arn] = {"taskArn": arn, "lastStatus": self.status, "stoppedReason": "Essential container in task exited",
                             "containers": [{"name": override["name"], "exitCode": ended}]}  # fmt: skip
        return {"tasks": [{"taskArn": arn}], "failures": []}

    def log(self, task, container, number, said):
        """Takes what a container said where its definition has it taken."""
        [one] = [one for one in self.definition(f"{self.installation['family']}-{task}")["containerDefinitions"] if one["name"] == container]
        options = one["logConfiguration"]["options"]
        group = ("--log-group-name", options["awslogs-group"])
        stream = (*group, "--log-stream-name", f"{options['awslogs-stream-prefix']}/{container}/{number}")
        if options["awslogs-group"] not in self.house.aws("logs", "describe-log-groups"):
            self.house.aws("logs", "create-log-group", *group)
        self.house.aws("logs", "create-log-stream", *stream)
        events = [{"timestamp": int(time.time() * 1000), "message": line} for line in said.splitlines()]
        self.house.aws("logs", "put-log-events", *stream, "--log-events", json.dumps(events))

    def describe_tasks(self, asked):
        return {"tasks": [self.stopped[arn] for arn in asked["tasks"]]}


class Requests(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        action = self.headers["x-amz-target"].split(".")[1]
        self.server.asked.add(f"ecs:{action}")
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = json.dumps(getattr(self.server, re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower())(asked)).encode()
        self.send_response(200)
        self.send_header("content-type", "application/x-amz-json-1.1")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


# The cluster, as far as `exec` goes: the command runs with the variables of the pod and none other, and reads what kubectl reads. A token
# among arguments or variables of kubectl could be read by others on the machine, and by what kubectl calls.
KUBECTL = """import json, os, subprocess, sys
place = json.load(open(os.environ["POD"]))
assert os.path.basename(os.environ["KUBECONFIG"]) == "kubeconfig" and open(os.environ["KUBECONFIG"]).read() == "the cluster\\n"
given, command = sys.argv[1:sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1:]
assert given == ["--namespace", "bank", "exec", "--stdin", "statefulset/countersign", "--container", "host"], given
token = sys.stdin.read()
assert token and not any(token in said for said in [*sys.argv, *os.environ.values()])
sys.exit(subprocess.run(command, env=place, input=token, text=True).returncode)
"""


def pod():
    """Gives the variables of the host's container, as the overlay `production` has them."""
    built = subprocess.run(["kubectl", "kustomize", TOP / "deploy/kubernetes/overlays/production"], capture_output=True, text=True, check=True)
    documents = list(yaml.safe_load_all(built.stdout))
    [host] = [one for one in documents if one["kind"] == "StatefulSet"]
    [container] = [one for one in host["spec"]["template"]["spec"]["containers"] if one["name"] == "host"]
    settings = [source["configMapRef"]["name"] for source in container["envFrom"] if "configMapRef" in source]
    said = {}
    for one in documents:
        if one["kind"] == "ConfigMap" and one["metadata"]["name"] in settings:
            said |= one["data"]
    return said | {one["name"]: one["value"] for one in container["env"]}, container["args"]


def rehearse(house):
    modules, data, policy = (f"s3://{house.bucket(name)}" for name in ("modules", "data", "policy"))
    work, trust = house.work, house.work / "trust.toml"
    python = sys.executable

    # People, and what they have made.
    house.certificate("IP:127.0.0.1", "DNS:countersign.countersign.svc")
    keygen = ("countersign", "keygen", "--trust", trust, "--modules", work)
    house.call(*keygen, "--role", "job", "--name", "job", "--out", "job.pem")
    for name in ("Ada", "Ben"):
        house.call(*keygen, "--role", "approver", "--name", name, "--out", f"{name}.pem")
    house.call(*keygen, "--role", "job", "--no-enrol", "--out", "stranger.pem")
    house.call("countersign", "tokens", "add", "--role", "admin", "--name", "orders", "--out", "admin.token", "--tokens", "tokens.toml")
    key = {name: (work / f"{name}.pem").read_text() for name in ("job", "Ada", "Ben")}
    key |= {name: key[name].strip() for name in ("Ada", "Ben")}
    token = (work / "admin.token").read_text().strip()

    def trusted(**changes):
        """Puts the policy where it is read, by workflows and by the host."""
        for name, value in changes.items():
            trust.write_text(re.sub(rf"^{name} = .*$", f"{name} = {value}", trust.read_text(), flags=re.M))
        house.aws("s3", "cp", trust, f"{policy}/trust.toml")

    trusted()

    # The host, in a pod as the overlay says; its places and ports are others here.
    variables, arguments = pod()
    inside = variables | {
        "PATH": str(work / "bin"),
        "COUNTERSIGN_LISTEN": variables["COUNTERSIGN_LISTEN"].replace(":8080", f":{house.ports[0]}"),
        "COUNTERSIGN_ADMIN_LISTEN": variables["COUNTERSIGN_ADMIN_LISTEN"].replace(":8081", f":{house.ports[1]}"),
        "COUNTERSIGN_MODULES": modules,
        "COUNTERSIGN_TRUST": str(trust),
        "COUNTERSIGN_TOKENS": str(work / "tokens.toml"),
        "COUNTERSIGN_CONFIG": str(TOP / "deploy/kubernetes/base/limits.toml"),
        "COUNTERSIGN_DATA": str(work / "data"),
        "COUNTERSIGN_PREDICTION_LOG": str(work / "predictions"),
        "COUNTERSIGN_TLS_CERT": str(work / "tls.crt"),
        "COUNTERSIGN_TLS_KEY": str(work / "tls.key"),
    }
    assert "0.0.0.0" in inside["COUNTERSIGN_ADMIN_LISTEN"]
    (work / "pod.json").write_text(json.dumps(inside))
    log = open(work / "host.log", "ab")
    # Nobody reaches it from outside here either.
    loopback = {name: inside[name].replace("0.0.0.0", "127.0.0.1") for name in ("COUNTERSIGN_LISTEN", "COUNTERSIGN_ADMIN_LISTEN")}
    host = subprocess.Popen(
        [work / "bin/countersign", *arguments], env=house.environment | inside | loopback | {"COUNTERSIGN_POLL_MS": "100"}, stdout=log, stderr=log
    )
    house.processes.append(host)
    until("the host listens", lambda: house.ask("/v1/models", token, 1), lambda: (work / "host.log").read_text())

    def live():
        status, answer = house.ask(f"/v1/models/{MODEL}", token, 1)
        return answer.get("live_version") if status == 200 else None

    def goes_live(version):
        until(f"version {version} is live", lambda: live() == version, lambda: (work / "host.log").read_text())

    # GitHub's machines, and what the environments of the repository hold.
    ecs = Ecs(house) if house.outputs else None
    bin_ = work / "github-bin"
    bin_.mkdir()
    stand_ins(bin_, python)
    (bin_ / "kubectl").write_text(f"#!{python}\n{KUBECTL}")
    (bin_ / "kubectl").chmod(0o755)
    environment = house.environment | {
        # Our own programs are there when a step has brought them.
        "PATH": f"{bin_}:{house.environment['PATH'].removeprefix(f'{work}/bin:')}",
        "BUILT": str(work / "bin"),
        "ATTESTED": str(work / "attested"),
        "COPIED": str(work / "copied"),
        "REVISIONS": str(work / "revisions.json"),
        "POD": str(work / "pod.json"),
    }
    if ecs:
        environment["AWS_ENDPOINT_URL_ECS"] = f"http://127.0.0.1:{ecs.server_port}"

    def role_of(role, name):
        """Tells whether a role is for an environment: Terraform says so, where there is an apply."""
        if not house.outputs:
            return role != ""
        subject = f"repo:bank/countersign:environment:{name}"
        roles = [one for address, one in house.resources.items() if address.startswith("aws_iam_role.github[") and one["arn"] == role]
        return any(f'"{subject}"' in one["assume_role_policy"] for one in roles)

    github = GitHub(work, environment, role_of)
    made_up = {f"{name}_ROLE": name for name in ("TRAIN", "REVIEW", "APPROVE")} | {
        "AWS_REGION": "eu-central-1", "REGISTRY": modules, "POLICY": f"{policy}/trust.toml", "LOANS": f"{data}/loans", "FEATURES": f"{data}/features",
    }  # fmt: skip
    installed = house.outputs.get("github_variables", made_up)
    github.variables = {
        None: {name: value for name, value in installed.items() if name != "PLATFORM"},
        "approval": {"APPROVER": "Ada"},
        "second-approval": {"APPROVER": "Ben"},
        "production": {"PLATFORM": "kubernetes", "NAMESPACE": "bank"},
    }
    github.secrets = {
        "training": {"JOB_KEY": key["job"]},
        "approval": {"APPROVER_KEY": key["Ada"]},
        "second-approval": {"APPROVER_KEY": key["Ben"]},
        "production": {"KUBECONFIG": "the cluster", "ADMIN_TOKEN": token},
    }

    def run(workflow, **inputs):
        done = github.run(workflow, **inputs)
        for secrets in github.secrets.values():
            for name, secret in secrets.items():
                if len(secret) > 20 and secret.strip() in done.said:
                    house.fail(f"{workflow} says {name}")
        return done

    def passes(workflow, **inputs):
        done = run(workflow, **inputs)
        if not done.passed:
            house.fail(f"{workflow} {inputs}: {done.results}\n{done.said}")
        return done

    def fails(job, why, workflow, **inputs):
        """Runs what has to fail in a job, for a reason, with nothing done after it."""
        done = run(workflow, **inputs)
        after = list(done.results).index(job) + 1
        if done.results[job] != "failure" or why not in done.said or any(one != "skipped" for one in list(done.results.values())[after:]):
            house.fail(f"{workflow} {inputs} should fail in {job} ({why}): {done.results}\n{done.said}")
        return done

    def listed(folder):
        return set(house.aws("s3", "ls", f"{modules}/{folder}/").split()) & {f"{MODEL}-{version}.wasm" for version in range(1, 9)}

    # Training, twice before anybody approves.
    house.call("feature-job", "sample", "--users", "3000", "--seed", "7", "--out", "loans.csv")
    house.aws("s3", "cp", "loans.csv", f"{data}/loans/loans.csv")
    stored = lambda: {one["Key"] for one in json.loads(house.aws("s3api", "list-objects-v2", "--bucket", house.bucket("data"))).get("Contents", [])}
    rounds = [passes("train", as_of="2021-12-27", recipe="logistic", always=True)]
    if any("features" in name for name in stored()):
        house.fail("the features of a day that is past are those of a new host")
    rounds.append(passes("train", recipe="logistic", always=True))
    if not {"features/features.parquet", "features/features.parquet.manifest.json"} <= stored():
        house.fail("no features were left")
    if listed("candidates") != {f"{MODEL}-1.wasm", f"{MODEL}-2.wasm"}:
        house.fail(f"two rounds left {listed('candidates')}\n{rounds[1].said}")
    for version, one in enumerate(rounds, 1):
        found = set(github.artifacts[one.number]["candidate"])
        if found != {f"{MODEL}-{version}.wasm", f"{MODEL}-{version}.report.html"}:
            house.fail(f"round {version} hands over {found}")
    told("train, twice before an approval: two versions, in the registry and as artifacts; features of today alone are for new hosts")

    # The registry refuses what would take the place of something.
    def registry(code, why, *words):
        done = subprocess.run([TOP / "deploy/registry.sh", *words], env=house.environment, capture_output=True, text=True)
        if done.returncode != code or why not in done.stderr:
            house.fail(f"registry.sh {words} ended with {done.returncode}: {done.stdout}{done.stderr}")

    desk = work / "desk"
    desk.mkdir()
    for name, content in github.artifacts[rounds[1].number]["candidate"].items():
        (desk / name).write_bytes(content)
    second = desk / f"{MODEL}-2.wasm"
    registry(0, "", "put-candidate", second, modules)
    report = desk / f"{MODEL}-2.report.html"
    report.write_bytes(report.read_bytes() + b" ")
    registry(1, "another report", "put-candidate", second, modules)
    shutil.copy(second, desk / f"{MODEL}-1.wasm")
    registry(1, "another candidate", "put-candidate", desk / f"{MODEL}-1.wasm", modules)
    # Both were turned down at this desk; the first of them is another module than the one of that name.
    for version in (1, 2):
        house.call("countersign", "reject", desk / f"{MODEL}-{version}.wasm", "--by", "Ben", "--reason", "a rehearsal")
    note = desk / f"{MODEL}-2.wasm.rejected.json"
    registry(1, "is not about", "put-rejection", desk / f"{MODEL}-1.wasm.rejected.json", modules)
    registry(1, "is no note", "put-rejection", second, modules)
    told("registry.sh: no candidate, report or rejection in the place of another")

    # Approvals.
    reason = {"reason": "a rehearsal"}
    fails("review", "one of the two", "approve", **reason)
    fails("review", "one of the two", "approve", run=rounds[0].number, candidate=f"{MODEL}-1", **reason)
    fails("review", "is no name of a candidate", "approve", candidate="../approved/x", **reason)
    passes("approve", run=rounds[0].number, **reason)
    goes_live(1)
    told("approve, of a run: version 1 is live")

    def after_review(what):
        """Has something happen once in a run, while it waits for an approver."""
        def happens(run, job):
            if job == "review":
                github.meanwhile = lambda _run, _job: None
                what(run)
        github.meanwhile = happens

    def other_program(run):
        github.artifacts[run.number]["programs"]["countersign"] += b" "

    after_review(other_program)
    fails("approve", "did NOT match", "approve", run=rounds[1].number, **reason)
    after_review(lambda _run: registry(0, "", "put-rejection", note, modules))
    fails("approve", "was turned down by Ben: a rehearsal", "approve", run=rounds[1].number, **reason)
    fails("review", "was turned down", "approve", run=rounds[1].number, **reason)
    fails("review", "was turned down", "approve", candidate=f"{MODEL}-2", **reason)
    registry(0, "", "put-rejection", note, modules)
    note.write_bytes(note.read_bytes().replace(b"a rehearsal", b"another day"))
    registry(1, "another's note", "put-rejection", note, modules)
    house.aws("s3", "rm", f"{modules}/candidates/{note.name}")
    told("approve, by another program than the reviewed one, or of what was turned down, also meanwhile: refused")

    trusted(approvals_required=3)
    fails("second-approval", "nothing is released", "approve", candidate=f"{MODEL}-2", **reason)
    if "approved-twice" not in github.artifacts[str(github.runs)] or f"{MODEL}-2.wasm" in listed("approved"):
        house.fail(f"for a third approver there is {github.artifacts[str(github.runs)].keys()}, and approved is {listed('approved')}")
    told("approve, where three are asked for: fails after the second, and has the candidate for the third")
    trusted(approvals_required=2)
    done = passes("approve", candidate=f"{MODEL}-2", **reason)
    if done.results["second-approval"] != "success":
        house.fail(f"nobody was asked for a second approval: {done.results}\n{done.said}")
    goes_live(2)
    told("approve, of a candidate in the registry, by two: version 2 is live")

    house.aws("s3", "sync", f"{modules}/candidates", "candidates")
    train = ("feature-job", "train", "--features", work / f"run-{rounds[0].number}-candidate/out/features.parquet", "--recipe", "logistic")
    house.call(*train, "--model", MODEL, "--key", "stranger.pem", "--out", "candidates")
    house.aws("s3", "sync", "candidates", f"{modules}/candidates")
    fails("review", "the seal of candidates/credit-risk-3.wasm does not hold", "approve", candidate=f"{MODEL}-3", **reason)
    whole = github.artifacts[rounds[1].number]["candidate"][f"{MODEL}-2.wasm"]
    github.artifacts[rounds[1].number]["candidate"] = {f"{MODEL}-2.wasm": whole[:-1] + bytes([whole[-1] ^ 1])}
    fails("review", "no attestation", "approve", run=rounds[1].number, **reason)
    if listed("approved") != {f"{MODEL}-1.wasm", f"{MODEL}-2.wasm"}:
        house.fail(f"approved are {listed('approved')}")
    told("a candidate that a stranger signed, and one that no training of ours made: nobody is asked to approve them")

    # Back, each way. What is live is asked of the host. Version 1 has one approval.
    trusted(approvals_required=1)
    until("version 1 may serve again", lambda: "standby" in json.dumps(house.ask(f"/v1/models/{MODEL}", token, 1)))
    back = {"what": "rollback-model"}
    passes("deploy", **back)
    goes_live(1)
    passes("deploy", version="2", **back)
    goes_live(2)
    fails("rollback-model", "is no version", "deploy", version="2; id", **back)
    github.secrets["production"]["ADMIN_TOKEN"] = "w" * len(token)
    fails("rollback-model", "401", "deploy", **back)
    told("deploy, rollback-model on Kubernetes: by the host's own verb, in its pod; another token does nothing")

    script = TOP / "deploy/rollback.sh"
    orders = f"https://127.0.0.1:{house.ports[1]}"
    for version, rest in ((1, []), (2, ["2"])):
        subprocess.run([script, orders, MODEL, *rest], env=environment | {"COUNTERSIGN_TOKEN": token}, check=True, capture_output=True)
        goes_live(version)
    told("rollback.sh at an address: the same")

    github.variables["production"] = {}
    fails("rollback-model", "PLATFORM", "deploy", **back)
    if ecs:
        on_aws(house, github, ecs, passes, fails, goes_live, token)
    else:
        told("skipped: ECS, whose definitions Terraform writes")
    if host.poll() is not None or "panicked" in (work / "host.log").read_text():
        house.fail((work / "host.log").read_text())
    told("one host from start to end")


def on_aws(house, github, ecs, passes, fails, goes_live, token):
    """The same host with the orders of AWS, and a release for ECS."""
    github.variables["production"] = {"PLATFORM": house.outputs["github_variables"]["PLATFORM"]}
    # Neither lies on GitHub where AWS has what it takes.
    github.secrets["production"] = {}
    house.put_secret("admin-token", f"{token}\n")
    passes("deploy", what="rollback-model")
    goes_live(1)
    passes("deploy", what="rollback-model", version="2")
    goes_live(2)
    refused = fails("rollback-model", "order: 22", "deploy", what="rollback-model", version="77")
    if not re.search(r"^order \| .*77", refused.said, re.M):
        house.fail(f"nobody says why the host refused it:\n{refused.said}")
    told("deploy, rollback-model on AWS: by a task beside the host, which has the token; what the host refuses fails, and says why")

    def order(code, why, *words, **more):
        done = subprocess.run([TOP / "deploy/aws/run.sh", *words], env=github.environment | {"COUNTERSIGN_AWS": json.dumps(ecs.installation)} | more,
                              capture_output=True, text=True)  # fmt: skip
        if done.returncode != code or why not in done.stderr:
            house.fail(f"run.sh {words} ended with {done.returncode}: {done.stdout}{done.stderr}")

    for words in (("order", "request=GET /v1/models"), ("order", "REQUEST"), ("order", "PUBLISH=no"), ("job", "publish=no")):
        order(2, f"what is `{words[1]}`?", *words)
    order(0, "", "order", f"REQUEST=PUT /v1/models/{MODEL}/traffic", 'BODY={\n"live": 1\n}')
    goes_live(1)
    order(0, "", "order", f"REQUEST=PUT /v1/models/{MODEL}/traffic", 'BODY={"live": 2}')
    ecs.status = "RUNNING"
    order(1, "after 20 seconds the task is RUNNING", "order", WAIT_S="20")
    ecs.status = "STOPPED"
    told("run.sh: refuses words that it would pass over, takes a body of several lines, and waits no longer than it may")

    names = {"host": "a", "job": "b"}
    images = {
        name: f"ghcr.io/bank/{called}@sha256:{names[name] * 64}" for name, called in (("host", "countersign"), ("job", "countersign-job"))
    }
    for name in names:
        house.aws("ecr", "create-repository", "--repository-name", ecs.installation["repositories"][name].split("/", 1)[1])
    # A tag beside a digest is what a release's page shows to whoever copies it from there.
    given = {"what": "host", "image": images["host"].replace("@", ":v1.0.0@"), "job_image": images["job"]}

    def built(ref="refs/tags/v1.0.0", **commits):
        """Says which commits the images are of, by their labels and by who attests it."""
        (house.work / "revisions.json").write_text(json.dumps({f"sha256:{names[name] * 64}": commit for name, commit in commits.items()}))
        github.attested.write_text("".join(attestation(names[name] * 64, "release", ref, "c" * 40) for name in names))

    github.attested.write_text("")
    built(host="c" * 40)
    fails("host", "does not say which commit", "deploy", **given)
    built(host="c" * 40, job="d" * 40)
    fails("host", "not of one release", "deploy", **given)
    built(host="d" * 40, job="d" * 40)
    fails("host", "no attestation", "deploy", **given)
    built("refs/heads/version", host="c" * 40, job="c" * 40)
    fails("host", "no attestation", "deploy", **given)
    built(host="c" * 40, job="c" * 40)
    passes("deploy", **given)
    there = {name: f"{ecs.installation['repositories'][name]}@sha256:{letter * 64}" for name, letter in names.items()}
    copied = (house.work / "copied").read_text().splitlines()
    if copied != [f"copy --quiet --all --preserve-digests docker://{images[name]} docker://{there[name]}" for name in names]:
        house.fail(f"copied was {copied}")
    ran = {one["name"]: one["image"] for task in ("host", "job") for one in ecs.changed[f"{ecs.installation['family']}-{task}"]["containerDefinitions"]}
    if (ran["host"], ran["round"], ran["publish"], ran["seed"]) != (there["host"], there["job"], there["job"], there["job"]):
        house.fail(f"rolled out was {ran}")
    allowed = house.resources['aws_iam_role_policy.github["deploy"]']["policy"]
    for action in sorted(ecs.asked | {"logs:GetLogEvents"}):
        if f'"{action}"' not in allowed:
            house.fail(f"the role of the workflow lacks {action}")
    fails("host", "host, job or aws-cli", "deploy", what="host", image=images["host"])
    told(f"deploy, host on AWS: both images, of one release that a tag made, into ECR and onto ECS; {len(ecs.asked)} actions of ECS, all the role's")


if __name__ == "__main__":
    tell(rehearse, sys.argv[2] if len(sys.argv) > 2 else None, sys.argv[1])
