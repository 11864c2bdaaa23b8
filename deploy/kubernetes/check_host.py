"""Puts images on a stand-in for Kubernetes by deploy/host.sh and the real kubectl, and sees what is there afterwards.

check_host.py MANIFESTS     an overlay with components/deployer as kustomize built it: the StatefulSet and the CronJob begin as they stand
                            there, and whoever asks may do what the Role allows, and nothing else

The stand-in answers what kubectl asks of an API server, keeps what it is told, and does what the controllers would: the pod gets the image of
the template at once, and some images become ready. It takes patches as Kubernetes does where those are of containers by their names.
"""

import concurrent.futures
import copy
import http.server
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HOST, JOB = "/apis/apps/v1/namespaces/countersign/statefulsets/countersign", "/apis/batch/v1/namespaces/countersign/cronjobs/countersign-job"
PODS = "/api/v1/namespaces/countersign/pods"
# Images by the digest that each has here.
A, B, C, D = (f"registry.example.com/countersign@sha256:{letter * 64}" for letter in "abcd")
JOB_B = f"registry.example.com:5000/countersign-job:0.2.0@sha256:{'b' * 64}"


def merged(old, new):
    """Merges as a strategic patch does: what is null goes, lists of things with names are merged by the name."""
    if isinstance(old, dict) and isinstance(new, dict):
        both = {key: merged(old.get(key), value) for key, value in new.items()}
        return {key: value for key, value in {**old, **both}.items() if value is not None}
    if isinstance(new, list) and all(isinstance(part, dict) and "name" in part for part in new):
        named = {part["name"]: part for part in old or []}
        for part in new:
            named[part["name"]] = merged(named.get(part["name"]), part)
        return list(named.values())
    return new


class Cluster(http.server.ThreadingHTTPServer):
    """The StatefulSet and the CronJob, which images become ready, and how often anything was changed."""

    daemon_threads = True

    def __init__(self, manifests, image, ready):
        self.objects = {HOST: manifests["StatefulSet"], JOB: manifests["CronJob"]}
        self.rules = manifests["Role"]["rules"]
        self.ready, self.refused, self.patches, self.changes = set(ready), set(), 0, threading.Condition()
        # What of the Role was used, as (verb, resource); how many times the StatefulSet cannot be read with an image; what was to run in the pod.
        self.used, self.unread, self.commands = set(), {}, []
        self.set_host(image)
        super().__init__(("127.0.0.1", 0), Requests)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """Whoever was killed has left in the middle of a word."""

    def host(self):
        return self.objects[HOST]["spec"]["template"]["spec"]["containers"][0]

    def set_host(self, image):
        self.host()["image"] = image

    def job(self):
        return next(box for box in self.objects[JOB]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["initContainers"] if box["name"] == "round")

    def begun(self):
        return self.objects[HOST]["metadata"].get("annotations", {}).get("countersign/rollout")

    def shown(self, path):
        """Gives an object as it would be read now."""
        found = copy.deepcopy(self.objects[path])
        found["metadata"] |= {"generation": self.patches + 1, "resourceVersion": str(self.patches + 1), "uid": "0"}
        if path == HOST:
            image = self.host()["image"]
            new, ready = image.replace(":", "-"), image in self.ready
            found["spec"].setdefault("updateStrategy", {"type": "RollingUpdate"})
            found["status"] = {
                "observedGeneration": self.patches + 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": int(ready),
                "updateRevision": new, "currentRevision": new if ready else "another",
            }  # fmt: skip
        return found

    def allows(self, verb, resource, name, group):
        """Says whether the Role allows it."""
        self.used.add((verb, resource))
        return any(
            group in rule["apiGroups"] and resource in rule["resources"] and verb in rule["verbs"] and name in rule.get("resourceNames", [name])
            for rule in self.rules
        )

    def pod(self):
        template = self.objects[HOST]["spec"]["template"]
        ready = {"type": "Ready", "status": "True"}
        return {
            "kind": "Pod", "apiVersion": "v1", "spec": template["spec"], "status": {"phase": "Running", "conditions": [ready]},
            "metadata": {"name": "countersign-0", "namespace": "countersign", "uid": "0", "labels": template["metadata"]["labels"]},
        }  # fmt: skip

    def become_ready(self, image):
        with self.changes:
            self.ready.add(image)
            self.changes.notify_all()


class Requests(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, status=200):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def refuse(self, status, reason):
        self.answer({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": reason, "code": status}, status)

    def allowed(self, verb):
        """Refuses what the Role does not allow. What there is at all everybody may read."""
        path, _, query = self.path.partition("?")
        asked = re.fullmatch(r"/apis?(?:/([a-z]+))?/v1/namespaces/countersign/([a-z]+)(?:/([\w-]+))?(/exec)?", path)
        if asked is None:
            return True
        group, resource, name, below = asked.groups()
        if verb == "get" and name is None:
            verb = "watch" if "watch=" in query else "list"
        if self.server.allows(verb, resource + (below or ""), name, group or ""):
            return True
        self.refuse(403, "Forbidden")
        return False

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if not self.allowed("get"):
            return
        if path == HOST and (times := self.server.unread.get(self.server.host()["image"])):
            self.server.unread[self.server.host()["image"]] = times - 1
            # By turns it is not allowed, and there without a status.
            return self.refuse(403, "Forbidden") if times % 2 else self.answer(self.server.objects[HOST] | {"status": {}})
        kinds = {"/apis/apps/v1": ("statefulsets", "StatefulSet"), "/apis/batch/v1": ("cronjobs", "CronJob")}
        if path in kinds:
            name, kind = kinds[path]
            resource = {"name": name, "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": ["get", "list", "patch", "watch"]}
            self.answer({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": path.removeprefix("/apis/"), "resources": [resource]})
        elif path == "/api":
            self.answer({"kind": "APIVersions", "versions": ["v1"]})
        elif path == "/api/v1":
            pods = {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["list"]}
            self.answer({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": [pods]})
        elif path == "/apis":
            versions = [{"groupVersion": f"{group}/v1", "version": "v1"} for group in ("apps", "batch")]
            groups = [{"name": at["groupVersion"].split("/")[0], "versions": [at], "preferredVersion": at} for at in versions]
            self.answer({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        elif path in self.server.objects:
            self.answer(self.server.shown(path))
        elif path == PODS:
            self.answer({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": [self.server.pod()]})
        else:
            self.refuse(404, "NotFound")

    def do_POST(self):
        """Notes what is to run in the pod, and runs nothing."""
        path, _, query = self.path.partition("?")
        if self.allowed("create"):
            assert path == f"{PODS}/countersign-0/exec", path
            self.server.commands.append(urllib.parse.parse_qs(query)["command"])
            self.refuse(500, "InternalError")

    def do_PATCH(self):
        path = self.path.partition("?")[0]
        patch = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self.allowed("patch"):
            return
        if path in self.server.refused:
            return self.refuse(403, "Forbidden")
        assert "merge-patch" in self.headers["content-type"], self.headers["content-type"]
        with self.server.changes:
            self.server.objects[path] = merged(self.server.objects[path], patch)
            self.server.patches += 1
            self.server.changes.notify_all()
        self.answer(self.server.shown(path))


# How long a host may take where it is not to become ready.
SOON = {"READY_S": "2"}


class Story:
    """One cluster, and whoever calls host.sh for it."""

    def __init__(self, manifests, folder, image=A, ready=(A,)):
        self.cluster = Cluster(copy.deepcopy(manifests), image, ready)
        self.old_job = self.cluster.job()["image"]
        config = folder / "kubeconfig"
        server = f"http://127.0.0.1:{self.cluster.server_port}"
        config.write_text(json.dumps({
            "kind": "Config", "apiVersion": "v1", "current-context": "here",
            "clusters": [{"name": "here", "cluster": {"server": server}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}], "users": [{"name": "me", "user": {}}],
        }))  # fmt: skip
        self.environment = os.environ | {"KUBECONFIG": str(config), "HOME": str(folder), "READY_S": "60"}
        self.environment.pop("GITHUB_STEP_SUMMARY", None)

    def start(self, *words, script="deploy/host.sh", **changed):
        return subprocess.Popen(
            [script, *words], cwd=ROOT, env=self.environment | changed, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def run(self, code, *words, **changed):
        """Runs it to its end, which has to be with a code; gives what it said."""
        process = self.start(*words, **changed)
        said = "".join(process.communicate(timeout=60))
        assert process.returncode == code, f"ended with {process.returncode}, not {code}: {said}"
        return said

    def cut_off(self, image):
        """Runs it, and kills it while it waits for the image."""
        process = self.start(image, JOB_B)
        self.until(lambda: self.cluster.host()["image"] == image)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def until(self, holds):
        start = time.monotonic()
        while not holds():
            assert time.monotonic() - start < 30, "waited in vain"
            time.sleep(0.05)

    def holds(self, image, job, begun=None):
        found = (self.cluster.host()["image"], self.cluster.job()["image"], self.cluster.begun())
        assert found == (image, job or self.old_job, begun), f"there is {found}"


def new_images(story, folder):
    """Both images are put there; what it says of the overlay gives these very images; and once more changes nothing."""
    story.cluster.ready.add(B)
    said = story.run(0, B, JOB_B)
    story.holds(B, JOB_B)
    images = re.search(r"```yaml\n(.*?)```", said, re.DOTALL)[1]
    overlay = folder / "overlay"
    overlay.mkdir()
    base = os.path.relpath(ROOT / "deploy/kubernetes/base", overlay)
    (overlay / "kustomization.yaml").write_text(f"resources: [{base}]\n{images}")
    built = subprocess.run(["kubectl", "kustomize", overlay], capture_output=True, text=True, check=True).stdout
    found = set(re.findall(r"image: (\S+)", built))
    wanted = {B, f"registry.example.com:5000/countersign-job@sha256:{'b' * 64}"}
    assert wanted < found and not any(word in ("countersign", "countersign-job") for word in found), found
    before = story.cluster.patches
    assert "is there already" in story.run(0, B, JOB_B)
    assert story.cluster.patches == before, "what ran already was changed"


def not_ready(story, _):
    """The image from before comes back, what others have changed meanwhile stays, and the job keeps its own."""
    process = story.start(B, JOB_B, **SOON)
    story.until(lambda: story.cluster.host()["image"] == B)
    story.cluster.host()["args"] = ["serve", "--changed-by-others"]
    process.communicate(timeout=60)
    assert process.returncode == 1
    story.holds(A, None)
    assert story.cluster.host()["args"] == ["serve", "--changed-by-others"], "a revision came back, and not the image"


def same_image(story, _):
    """What runs already and is not ready is no work of this run, and stays."""
    story.cluster.ready.clear()
    said = story.run(1, A, JOB_B, **SOON)
    assert "nothing is taken back" in said, said
    assert story.cluster.patches == 0
    story.holds(A, None)


def cut_off_and_ready(story, _):
    story.cut_off(B)
    story.holds(B, None, f"{B} {A}")
    story.cluster.become_ready(B)
    story.run(0, B, JOB_B)
    story.holds(B, JOB_B)


def cut_off_and_not_ready(story, _):
    story.cut_off(B)
    story.run(1, B, JOB_B, **SOON)
    story.holds(A, None)


def cut_off_and_another(story, _):
    """The image to go back to is the last that a run has ended with, not the one that was never ready."""
    story.cut_off(B)
    story.run(1, C, JOB_B, **SOON)
    story.holds(A, None)


def cut_off_and_applied(story, _):
    """Somebody applied an overlay in between: that image is the one to go back to."""
    story.cut_off(B)
    story.cluster.set_host(D)
    story.cluster.become_ready(D)
    story.run(1, C, JOB_B, **SOON)
    story.holds(D, None)


def cut_off_and_back(story, _):
    story.cut_off(B)
    story.run(0, A)
    story.holds(A, None)


def others_meanwhile(story, _):
    """Another image that somebody puts there while this waits is left alone."""
    process = story.start(B, **SOON)
    story.until(lambda: story.cluster.host()["image"] == B)
    story.cluster.set_host(D)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 1 and "left alone" in said, said
    assert story.cluster.host()["image"] == D


def job_refused(story, _):
    """Where the job may not be changed it is told, and done by the next run alone."""
    story.cluster.ready.add(B)
    story.cluster.refused.add(JOB)
    assert "the host is new and the job is not" in story.run(1, B, JOB_B)
    story.holds(B, None)
    story.cluster.refused.clear()
    story.run(0, B, JOB_B)
    story.holds(B, JOB_B)


def unread_for_a_while(story, _):
    """A cluster that does not say how the host stands, and then does: what it says last counts, be it the one or the other."""
    story.cluster.ready.add(B)
    story.cluster.unread = {B: 4, C: 4}
    said = story.run(0, B, JOB_B, **SOON)
    assert "unread: Error" in said and "is no status" in said, said
    story.holds(B, JOB_B)
    assert "comes back" in story.run(1, C, JOB_B, **SOON)
    story.holds(B, JOB_B)


def unread(story, _):
    """Where the cluster does not say that the new host is not ready it may well be: it stays, and the next run goes on."""
    story.cluster.unread = {B: 1000}
    said = story.run(1, B, JOB_B, **SOON)
    assert "Nothing is taken back" in said, said
    story.holds(B, None, f"{B} {A}")
    story.cluster.unread = {}
    story.cluster.become_ready(B)
    story.run(0, B, JOB_B)
    story.holds(B, JOB_B)


def unread_and_not_ready(story, _):
    """The run after it takes the image back."""
    story.cluster.unread = {B: 1000}
    story.run(1, B, JOB_B, **SOON)
    story.cluster.unread = {}
    story.run(1, B, JOB_B, **SOON)
    story.holds(A, None)


def rights(story, _):
    """host.sh and rollback.sh use each right that the Role gives; that they need no other the other stories see."""
    story.cluster.ready.add(B)
    story.run(0, B, JOB_B)
    said = story.run(1, "kubernetes", "credit-risk", script="deploy/rollback.sh", COUNTERSIGN_TOKEN="a-token")
    command = ["countersign", "rollback", "credit-risk", "--token-file", "-"]
    assert story.cluster.commands == [command], f"{story.cluster.commands}: {said}"
    given = {(verb, resource) for rule in story.cluster.rules for resource in rule["resources"] for verb in rule["verbs"]}
    assert not given - story.cluster.used, f"the Role gives what nobody uses: {given - story.cluster.used}"


def no_digest(story, _):
    for words in ([], ["countersign:0.2.0"], [B, "countersign-job:0.2.0"], [B, "namespace"], [B, JOB_B, "more"]):
        story.run(2, *words)
    assert "KUBECONFIG" in story.run(0, "--help")
    assert story.cluster.patches == 0


def main():
    [built] = sys.argv[1:]
    manifests = {document["kind"]: document for document in yaml.safe_load_all(pathlib.Path(built).read_text())}
    stories = [
        new_images, not_ready, same_image, cut_off_and_ready, cut_off_and_not_ready, cut_off_and_another, cut_off_and_applied,
        cut_off_and_back, others_meanwhile, job_refused, unread_for_a_while, unread,
        unread_and_not_ready, rights, no_digest,
    ]  # fmt: skip

    def told(story):
        """Gives what went wrong."""
        with tempfile.TemporaryDirectory() as folder:
            try:
                story(Story(manifests, pathlib.Path(folder)), pathlib.Path(folder))
            except (AssertionError, subprocess.TimeoutExpired) as error:
                return f"{story.__name__}: {error}"

    # They wait more than they work.
    with concurrent.futures.ThreadPoolExecutor(len(stories)) as pool:
        faults = list(filter(None, pool.map(told, stories)))
    sys.exit("\n".join(faults) or 0)


main()
