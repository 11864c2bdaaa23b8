"""The story of an installation, told by the containers of its task definitions: their scripts, variables and order as Terraform wrote them, with
the real programs, against a stand-in for S3 and Secrets Manager (moto). Nothing of it is AWS, but for what AWS is asked.

story.py STATE BINARIES    STATE is what `terraform show -json` says after an apply

A first round leaves features and a candidate; an approved one serves from the first moment that the host is ready, with features; a rollback
outlives the task; a token that is taken away stops counting; logged predictions reach their bucket. As root, containers run as their users.
"""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from datetime import date, timedelta
from pathlib import Path

ROOT = os.geteuid() == 0
BIN = Path(sys.executable).parent
# Where containers have their volumes.
PATHS = ["/var/lib/countersign", "/modules", "/run/keys", "/config", "/ledger", "/tmp"]
USER = 5008804


def told(text):
    print(f"- {text}", flush=True)


class Task:
    """A task as ECS would run it: containers one after the other, on volumes of its own."""

    def __init__(self, house, name, keep=()):
        self.house, self.folder = house, Path(tempfile.mkdtemp(dir=house.work))
        self.folder.chmod(0o755)
        values = house.resources[f"aws_ecs_task_definition.{name}"]
        self.containers = {one["name"]: one for one in json.loads(values["container_definitions"])}
        for path in PATHS:
            place = Path(keep[path]) if path in keep else self.folder / path[1:].replace("/", "-")
            place.mkdir(exist_ok=True)
            # Of the access point: whoever mounts it is the host.
            if path == "/ledger":
                place.chmod(0o777)
        self.keep, self.running = dict(keep), []

    def place(self, path):
        return self.keep.get(path) or str(self.folder / path[1:].replace("/", "-"))

    def here(self, text):
        """Puts this machine's places in the containers'."""
        text = re.sub(rf"(?<![\w./}}-])({'|'.join(PATHS)})(?![\w-])", lambda found: self.place(found[1]), text)
        return text.replace(":8099", f":{self.house.ports[2]}").replace("sleep 60", "sleep 1")

    def start(self, name, **environment):
        one = self.containers[name]
        said = {entry["name"]: self.here(entry["value"]) for entry in one.get("environment", [])}
        secrets = {entry["name"]: self.house.secret(entry["valueFrom"]) for entry in one.get("secrets", [])}
        if name == "host":
            command = ["countersign", *one["command"], *environment.pop("flags", [])]
        else:
            # The AWS CLI's image has bash for its shell, and Debian dash.
            shell = ["bash", "--posix"] if "aws-cli" in one["image"] else ["sh"]
            command = [*shell, "-c", self.here(one["command"][0])]
        if ROOT:
            uid, gid = one["user"].split(":")
            # Python and the AWS CLI may lie where only root looks; that is this machine's affair.
            looks = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"] if "aws-cli" in one["image"] else []
            rights = ["--bounding-set=-all,+chown"] if uid == "0" else looks
            command = ["setpriv", "--reuid", uid, "--regid", gid, "--clear-groups", *rights, *command]
        elif name == "prepare":
            command[-1] = "chown() { :; }\n" + command[-1]
        said |= secrets | self.house.environment | environment
        log = open(self.folder / f"{name}.log", "ab")
        process = subprocess.Popen(command, env=said, stdout=log, stderr=log, cwd="/")
        self.running.append(process)
        self.house.processes.append(process)
        return process

    def run(self, name, code=0, **environment):
        ended = self.start(name, **environment).wait(300)
        if ended != code:
            self.house.fail(f"{name} ended with {ended}, not {code}:\n{self.log(name)}")
        return self.log(name)

    def log(self, name):
        return (self.folder / f"{name}.log").read_text()


class House:
    """What is there beside the tasks: AWS, as far as it is asked, and people with their keys."""

    def __init__(self, work, state, binaries):
        self.work, self.processes = work, []
        work.chmod(0o755)
        # Without an apply there are buckets and nothing else.
        values = json.loads(Path(state).read_text())["values"] if state else {"root_module": {"resources": []}, "outputs": {}}
        self.resources = {one["address"]: one["values"] for one in values["root_module"]["resources"] if one["mode"] == "managed"}
        self.outputs = {name: one["value"] for name, one in values["outputs"].items()}
        self.ports = [free_port() for _ in range(4)]
        bin_ = work / "bin"
        bin_.mkdir()
        for program in ("countersign", "feature-job"):
            shutil.copy(Path(binaries) / program, bin_)
        endpoint = f"http://127.0.0.1:{self.ports[3]}"
        self.environment = {
            "PATH": f"{bin_}:{BIN}:/usr/bin:/bin",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "story",
            "AWS_SECRET_ACCESS_KEY": "story",
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "HOSTNAME": "task",
            "LANG": "C.UTF-8",
        }
        self.processes.append(
            subprocess.Popen(
                [BIN / "moto_server", "--host", "127.0.0.1", "--port", str(self.ports[3])],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        until("the stand-in for AWS answers", lambda: urllib.request.urlopen(endpoint, timeout=1))
        for name in ("modules", "policy", "data", "predictions"):
            self.aws("s3", "mb", f"s3://{self.bucket(name)}")

    def fail(self, text):
        raise SystemExit(f"story: {text}")

    def bucket(self, name):
        return self.resources.get(f'aws_s3_bucket.main["{name}"]', {"bucket": f"story-{name}"})["bucket"]

    def secret(self, arn):
        # As it was put, to the last line's end.
        return json.loads(self.aws("secretsmanager", "get-secret-value", "--secret-id", arn, "--query", "SecretString", "--output", "json"))

    def call(self, *command, **more):
        done = subprocess.run(
            command, env={**self.environment, "HOME": str(self.work)}, cwd=self.work, capture_output=True, text=True, **more
        )
        if done.returncode:
            self.fail(f"{' '.join(map(str, command))}: {done.stderr}{done.stdout}")
        return done.stdout.strip()

    def aws(self, *command):
        return self.call("aws", *command)

    def certificate(self, *names):
        """Makes the host's certificate, and has whoever asks the host here check it, as the job checks the load balancer's."""
        import ssl

        key = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=host".split()
        said = ["-addext", f"subjectAltName={','.join(names)}", "-addext", "basicConstraints=critical,CA:FALSE"]
        self.call("openssl", *key, *said, "-keyout", "tls.key", "-out", "tls.crt")
        tls = self.work / "tls.crt"
        tls.chmod(0o644)
        self.environment |= {"SSL_CERT_FILE": str(tls), "CURL_CA_BUNDLE": str(tls)}
        self.trusting = ssl.create_default_context(cafile=tls)
        return tls

    def put_secret(self, name, text):
        """A person's part: values are put by hand. A container asks by the name that the state has for the ARN."""
        arn = self.resources[f'aws_secretsmanager_secret.main["{name}"]']["arn"]
        known = arn in self.aws("secretsmanager", "list-secrets", "--query", "SecretList[].Name")
        verb = ["put-secret-value", "--secret-id"] if known else ["create-secret", "--name"]
        self.aws("secretsmanager", *verb, arn, "--secret-string", text)

    def round(self, **environment):
        """One task of the job."""
        task = Task(self, "job")
        for name in ("prepare", "fetch", "round", "upload", "publish"):
            said = task.run(name, **{"publish": environment, "round": {"RECIPE": "logistic"}}.get(name, {}))
        return task, said

    def host(self, *flags, ledger):
        """A task of the host, as far as that it is ready."""
        task = Task(self, "host", keep={"/ledger": ledger})
        for name in ("prepare", "features", "seed"):
            task.run(name)
        task.start("files")
        until("all files are there", lambda: (Path(task.place("/config")) / "complete").exists(), lambda: task.log("files"))
        places = {
            "COUNTERSIGN_LISTEN": f"127.0.0.1:{self.ports[0]}",
            "COUNTERSIGN_ADMIN_LISTEN": f"127.0.0.1:{self.ports[1]}",
            "COUNTERSIGN_POLL_MS": "100",
        }
        task.start("host", flags=list(flags), **places)
        health = [self.work / "bin/countersign", "health", "--url", f"https://127.0.0.1:{self.ports[1]}", "--ready"]
        until(
            "the host is ready",
            lambda: subprocess.run(health, env=self.environment, check=True, capture_output=True),
            lambda: task.log("host"),
        )
        return task

    def stop(self, task):
        """As ECS does: in the reverse order of the start."""
        files, host = task.running[-2:]
        for process, name in ((host, "host"), (files, "files")):
            process.send_signal(signal.SIGTERM)
            if process.wait(60) != 0:
                self.fail(f"{name} did not end well:\n{task.log(name)}")

    def ask(self, path, token, port=0):
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.ports[port]}{path}", headers={"authorization": f"Bearer {token.strip()}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=5, context=self.trusting) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


def free_port():
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(what, holds, log=lambda: ""):
    for _ in range(300):
        try:
            if holds():
                return
        except (OSError, subprocess.SubprocessError):
            pass
        time.sleep(0.1)
    raise SystemExit(f"story: waited in vain until {what}\n{log()}")


def story(house):
    modules, data, policy = (f"s3://{house.bucket(name)}" for name in ("modules", "data", "policy"))
    registry = house.work / "registry"
    (registry / "approved").mkdir(parents=True)
    tls = house.certificate("IP:127.0.0.1")
    house.put_secret("host-tls", json.dumps({"cert": tls.read_text(), "key": (house.work / "tls.key").read_text()}))
    for role, name in (("job", "job"), ("approver", "ada")):
        house.call(
            "countersign",
            "keygen",
            "--role",
            role,
            "--name",
            name,
            "--out",
            f"{name}.pem",
            "--trust",
            registry / "trust.toml",
            "--modules",
            registry,
        )
    house.put_secret("job-key", (house.work / "job.pem").read_text())
    for role in ("predict", "ingest", "admin"):
        house.call(
            "countersign", "tokens", "add", "--role", role, "--name", role, "--out", f"{role}.token", "--tokens", "tokens.toml"
        )
    # As README.md has people put them, from files.
    tokens = {role: (house.work / f"{role}.token").read_text() for role in ("predict", "ingest", "admin")}
    house.put_secret("tokens", (house.work / "tokens.toml").read_text())
    house.put_secret("ingest-token", tokens["ingest"])
    house.put_secret("admin-token", tokens["admin"])
    house.aws("s3", "cp", registry / "trust.toml", f"{policy}/trust.toml")

    def deliver(days):
        house.call("feature-job", "sample", "--users", "3000", "--seed", "7", "--out", "loans.csv")
        with open(house.work / "loans.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        with open(house.work / "loans.csv", "w", newline="") as file:
            table = csv.DictWriter(file, rows[0])
            table.writeheader()
            for row in rows:
                table.writerow(row | {"loan_date": date.fromisoformat(row["loan_date"]) + timedelta(days)})
        house.aws("s3", "cp", "loans.csv", f"{data}/loans/loans.csv")

    def approve(version):
        name = f"credit-risk-{version}.wasm"
        house.aws("s3", "sync", f"{modules}/candidates", "candidates")
        # The candidate missed a gate or did not; an approver says why that does not matter only where one was.
        said = house.call("countersign", "inspect", f"candidates/{name}", "--json")
        missed = any(not gate["passed"] for gate in json.loads(said)["card"].get("gates", []))
        house.call(
            "countersign",
            "approve",
            f"candidates/{name}",
            "--yes",
            "--key",
            "ada.pem",
            "--by",
            "ada",
            "--reason",
            "a story",
            *(["--override", "a story"] if missed else []),
            "--modules",
            registry,
        )
        house.call(Path(__file__).parent.parent / "registry.sh", "put", registry / "approved" / name, modules)

    def version(token="predict"):
        status, answer = house.ask(f"/v1/users/{USER}/prediction", tokens[token])
        return answer["model"]["version"] if status == 200 else (status, answer)

    deliver(0)
    first, said = house.round(PUBLISH="no", HOST="unused")
    listed = house.aws("s3", "ls", "--recursive", modules), house.aws("s3", "ls", "--recursive", data)
    if (
        "credit-risk-1.wasm" not in listed[0]
        or "features/features.parquet\n" not in listed[1] + "\n"
        or "nothing is published" not in said
    ):
        house.fail(f"the first round left {listed}: {said}")
    told("the first round: a candidate, features and the report on the loans in their buckets")

    # Cut off between the two, it leaves the module, which versions count on from; and what has taken a name keeps it.
    report, module = (f"{modules}/candidates/credit-risk-1.{kind}" for kind in ("report.html", "wasm"))

    def refused(why):
        if first.start("upload").wait(300) == 0:
            house.fail(f"{why}: {first.log('upload')}")

    house.aws("s3", "rm", report)
    refused("another round has taken this name")
    if "report" in house.aws("s3", "ls", f"{modules}/candidates/"):
        house.fail("a report was put beside a module that was there before")
    house.aws("s3", "rm", module)
    first.run("upload")
    # The same report may be there.
    house.aws("s3", "rm", module)
    first.run("upload")
    (house.work / "other.html").write_text("another")
    house.aws("s3", "cp", "other.html", report)
    house.aws("s3", "rm", module)
    refused("another report was there")
    house.aws("s3", "rm", report)
    house.aws("s3", "rm", module)
    first.run("upload")
    told("an upload again: the module before its report, and nothing takes another's place")

    approve(1)
    ledger = house.work / "ledger"
    task = house.host("--new-ledger", ledger=str(ledger))
    if version() != 1:
        house.fail(f"a ready host answers {version()}")
    told("the first host: version 1 answers from the moment that it is ready, with features")

    # Most of these loans are later than all that the first version knew: a new one is due.
    deliver(200)
    orders = f"https://127.0.0.1:{house.ports[1]}"
    job, said = house.round(HOST=orders)
    if "published" not in said:
        house.fail(f"nothing was published: {said}")
    told("the second round: published over TLS to the running host")
    if "credit-risk-2.wasm" not in house.aws("s3", "ls", f"{modules}/candidates/"):
        house.fail(f"the second round left no candidate: {job.log('round')}")
    approve(2)
    until("version 2 answers", lambda: version() == 2, lambda: task.log("host"))
    told("a module in the bucket: version 2 answers, and nothing was restarted")

    order = Task(house, "order")
    order.run("order", HOST=orders, REQUEST="POST /v1/models/credit-risk/rollback")
    if version() != 1:
        house.fail(f"after a rollback {version()} answers: {order.log('order')}")
    house.stop(task)
    logged = house.aws("s3", "ls", "--recursive", f"s3://{house.bucket('predictions')}")
    if ".ndjson" not in logged:
        house.fail(f"no prediction reached its bucket: {logged}")
    told("a rollback by an order; the host stops, and what it logged is in the bucket")

    task = house.host(ledger=str(ledger))
    if version() != 1:
        house.fail(f"the next task forgot the rollback: {version()}")
    told("the next task, with a disk of its own: the rollback holds, and features were there before it was ready")

    house.call("countersign", "tokens", "remove", "predict", "--tokens", "tokens.toml")
    house.put_secret("tokens", (house.work / "tokens.toml").read_text())
    until(
        "the token counts no more",
        lambda: house.ask(f"/v1/users/{USER}/features", tokens["predict"])[0] == 401,
        lambda: task.log("files"),
    )
    house.call("countersign", "keys", "revoke", "ada", "--reason", "a story", "--trust", registry / "trust.toml")
    house.aws("s3", "cp", registry / "trust.toml", f"{policy}/trust.toml")
    until("no version is left", lambda: version("admin") not in (1, 2), lambda: task.log("host"))
    told("a token and a key are taken away: neither counts, and nothing was restarted")
    # One line of the filters of watch.tf, as it really stands there.
    if '"level":"ERROR"' not in task.log("host") or '"message":"files are current"' not in task.log("files"):
        house.fail("the logs lack what is counted in them")
    house.stop(task)


def tell(story, state, binaries):
    """Tells a story in a house of its own, and leaves nothing running."""
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), state, binaries)
        try:
            story(house)
        finally:
            for process in house.processes:
                if process.poll() is None:
                    process.kill()
                    process.wait()


if __name__ == "__main__":
    tell(story, *sys.argv[1:])
