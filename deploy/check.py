"""What deploy/check.sh asks of the files that no program of their own judges.

check.py manifests COUNTERSIGN BUILT..    manifests as kustomize built them, and compose.yaml beside them
check.py archive FOLDER                   what an archive of a release has, unpacked
check.py watch SCRAPE                     alerts and dashboard, against what a host has shown at /metrics
"""

import json
import os
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from urllib.parse import urlsplit

import kubernetes_validate
import promql_parser as promql
import yaml

# The oldest Kubernetes that the manifests are for; the newest is the newest that the package knows.
OLDEST = "1.31"
# What Prometheus adds to each series, and what it tells of its own scrapes.
ADDED_LABELS, ADDED_SERIES = {"job", "instance"}, {"up"}
RULES_OF_OPERATOR = Path("deploy/kubernetes/components/prometheus-operator/rules.yaml")

faults = []


def fault(text):
    faults.append(text)
    print(f"FAILED {text}")


def passed(text, before):
    """Says that a check is done, if nothing has failed since."""
    if len(faults) == before:
        print(f"ok     {text}")


def nodes(tree):
    """Gives every mapping in a document."""
    if isinstance(tree, dict):
        yield tree
    for below in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from nodes(below)


# Kubernetes -----------------------------------------------------------------------------------------------------------------------


def schemas(built, documents):
    """Holds each document against Kubernetes' own schemas, in which an unknown field is an error."""
    before, beyond = len(faults), 0
    versions = [OLDEST, kubernetes_validate.latest_version()]
    for document in documents:
        name = f"{built}: {document['kind']} {document['metadata']['name']}"
        if document["apiVersion"].startswith("monitoring.coreos.com/"):
            beyond += 1
            continue
        for version in versions:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                place = ".".join(str(part) for part in error.path)
                fault(f"{name}, by the schema of {version}: {place}: {error.message}")
            except kubernetes_validate.SchemaNotFoundError as error:
                fault(f"{name}: {error.message}")
    extra = f"; {beyond} of the Prometheus operator have no schema here" if beyond else ""
    passed(f"{built}: {len(documents) - beyond} resources, by the strict schemas of {' and '.join(versions)}{extra}", before)


def template(document):
    """Gives the pod template of a workload, if it is one."""
    spec = document.get("spec", {})
    return spec.get("jobTemplate", {}).get("spec", spec).get("template")


def references(built, documents, readme):
    """Sees that what is named is there: volumes, maps, claims, secrets, accounts, ports, and pods that a selector is for."""
    before = len(faults)
    there = {(document["kind"], document["metadata"]["name"]) for document in documents}
    # Secrets are made by hand: there is a word for each.
    there |= {("Secret", name) for name in re.findall(r"`(countersign-[a-z-]+)`", readme)}
    pods = [template(document) for document in documents if template(document)]
    sees = lambda selector, pod: selector.items() <= pod["metadata"]["labels"].items()

    for document in documents:
        name, spec = f"{built}: {document['kind']} {document['metadata']['name']}", document.get("spec", {})
        want = lambda kind, wanted: (kind, wanted) in there or fault(f"{name} names the {kind} {wanted}, which is not there")
        for node in nodes(spec):
            for key, kind in (
                ("configMapRef", "ConfigMap"),
                ("secretRef", "Secret"),
                ("configMap", "ConfigMap"),
                ("secret", "Secret"),
                ("credentials", "Secret"),
            ):
                if isinstance(node.get(key), dict):
                    want(kind, node[key].get("name") or node[key].get("secretName"))
            if "claimName" in node:
                want("PersistentVolumeClaim", node["claimName"])
            if "serviceAccountName" in node:
                want("ServiceAccount", node["serviceAccountName"])
        if document["kind"] == "StatefulSet":
            want("Service", spec["serviceName"])
        if document["kind"] == "RoleBinding":
            for named in [document["roleRef"], *document["subjects"]]:
                want(named["kind"], named["name"])
        for rule in document.get("rules", []) if document["kind"] == "Role" else []:
            # The one that is no document is what the StatefulSet makes.
            for wanted in set(rule.get("resourceNames", [])) - {name for _, name in there} - {"countersign-0"}:
                fault(f"{name} is for {wanted}, which is not there")
        if pod := template(document):
            containers = pod["spec"].get("initContainers", []) + pod["spec"]["containers"]
            volumes = {volume["name"] for volume in pod["spec"].get("volumes", [])}
            volumes |= {claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])}
            mounted = {mount["name"] for container in containers for mount in container["volumeMounts"]}
            for volume in volumes ^ mounted:
                fault(f"{name}: the volume {volume} is declared or mounted, and not both")
            for container in containers:
                ports = {port["name"] for port in container.get("ports", [])}
                for probe in (container[key] for key in container if key.endswith("Probe")):
                    if probe["httpGet"]["port"] not in ports:
                        fault(f"{name}: a probe asks at {probe['httpGet']['port']}, which is no port of {container['name']}")
                if not re.search(r":[\w.-]*\d|:local$|@sha256:", container["image"]):
                    fault(f"{name}: the image {container['image']} is not pinned")
            if not sees(spec.get("selector", {}).get("matchLabels", {}), pod):
                fault(f"{name}: its selector is not for its own pods")
        if document["kind"] in ("Service", "PodDisruptionBudget"):
            selector = spec["selector"].get("matchLabels", {}) if document["kind"] != "Service" else spec["selector"]
            selected = [pod for pod in pods if sees(selector, pod)]
            if not selected:
                fault(f"{name}: there is no pod for its selector")
            named = {port["name"] for pod in selected for box in pod["spec"]["containers"] for port in box.get("ports", [])}
            for port in spec.get("ports", []):
                if port["targetPort"] not in named:
                    fault(f"{name}: no pod has the port {port['targetPort']}")
    passed(f"{built}: all that is named is there", before)


def collector(built, documents):
    """Sees that a host that is to send traces is let out to where they go."""
    before, count = len(faults), 0
    policies = [document["spec"] for document in documents if document["kind"] == "NetworkPolicy"]
    for pod in filter(None, map(template, documents)):
        for variable in (variable for container in pod["spec"]["containers"] for variable in container.get("env", [])):
            if variable["name"] != "OTEL_EXPORTER_OTLP_ENDPOINT":
                continue
            count += 1
            url = urlsplit(variable["value"])
            # NAME.NAMESPACE.svc, as a cluster names it.
            namespace = {"kubernetes.io/metadata.name": url.hostname.split(".")[1]}
            there = lambda to: "ipBlock" in to or to.get("namespaceSelector", {}).get("matchLabels") == namespace
            let_out = any(
                policy["podSelector"].get("matchLabels", {}).items() <= pod["metadata"]["labels"].items()
                and any(port["port"] == url.port for port in rule["ports"])
                and any(map(there, rule["to"]))
                for policy in policies
                for rule in policy.get("egress", [])
            )
            if not let_out:
                fault(f"{built}: traces go to {variable['value']}, and no policy lets the host out to there")
    if count:
        passed(f"{built}: the host is let out to its collector", before)


def settings(where, containers, countersign):
    """Sees that what a host or a round is told is something it knows."""
    before = len(faults)
    said = subprocess.run([countersign, "serve", "--help"], capture_output=True, text=True, check=True).stdout
    known = {"countersign": set(re.findall(r"\[env: (\w+)=", said)), "countersign-job": set()}
    known["countersign-job"] |= set(re.findall(r"\$\{?(COUNTERSIGN_\w+)", Path("deploy/kubernetes/base/round.sh").read_text()))
    flags = set(re.findall(r"^\s+(--[\w-]+)", said, re.MULTILINE))
    for image, variables, arguments in containers:
        program = re.sub(r"[:@].*", "", image).split("/")[-1]
        for variable in variables:
            if variable.startswith("COUNTERSIGN_") and variable not in known.get(program, set()):
                fault(f"{where}: {program} knows no {variable}")
        for argument in arguments:
            if program == "countersign" and argument.startswith("-") and argument not in flags:
                fault(f"{where}: countersign serve has no {argument}")
    passed(f"{where}: the host and the job know every variable and flag that they are given", before)


def containers_of(documents):
    """Gives each container's image, the names of its variables, and its arguments."""
    maps = {document["metadata"]["name"]: document["data"] for document in documents if document["kind"] == "ConfigMap"}
    for pod in filter(None, map(template, documents)):
        for container in pod["spec"].get("initContainers", []) + pod["spec"]["containers"]:
            # A place to work from is no host and no round: what its people call reads variables of its own.
            if container["name"] == "operator":
                continue
            variables = [variable["name"] for variable in container.get("env", [])]
            if container["name"] == "host":
                for source in container.get("envFrom", []):
                    variables += maps.get(source.get("configMapRef", {}).get("name"), {})
            yield container["image"], variables, container.get("args", [])


def compose():
    """Sees that each service names only what is declared, and that what it takes from here is here."""
    before = len(faults)
    whole = yaml.safe_load(Path("compose.yaml").read_text())
    for name, service in whole["services"].items():
        named = [("services", other) for other in service.get("depends_on", [])]
        named += [(kind, part["source"]) for kind in ("configs", "secrets") for part in service.get(kind, [])]
        named += [("volumes", part["source"]) for part in service.get("volumes", []) if part["type"] == "volume"]
        for kind, wanted in named:
            if wanted not in whole[kind]:
                fault(f"compose.yaml: {name} names {wanted}, which is not among the {kind}")
        for part in service.get("volumes", []):
            if part["source"].startswith("./") and not Path(part["source"]).exists():
                fault(f"compose.yaml: {name} mounts {part['source']}, which is not here")
    for name, config in whole["configs"].items():
        if not Path(config["file"]).is_file():
            fault(f"compose.yaml: {name} is {config['file']}, which is not here")
    passed("compose.yaml: all that is named is there", before)


def manifests(countersign, builds):
    readme = Path("deploy/kubernetes/README.md").read_text()
    for built in builds:
        documents = list(yaml.safe_load_all(Path(built).read_text()))
        name = Path(built).stem
        schemas(name, documents)
        references(name, documents, readme)
        collector(name, documents)
        settings(name, containers_of(documents), countersign)
    compose()
    services = yaml.safe_load(Path("compose.yaml").read_text())["services"]
    # The interval is for the loop in compose.yaml itself.
    told = lambda service: [name for name in service.get("environment", {}) if name != "COUNTERSIGN_INTERVAL"]
    settings(
        "compose.yaml",
        [(service["image"], told(service), service.get("command", [])) for name, service in services.items() if name != "operator"],
        countersign,
    )


# A release ------------------------------------------------------------------------------------------------------------------------


def archive(folder):
    """Sees that an archive has what its documents lead to, and what its compose.yaml takes from beside it."""
    os.chdir(folder)
    before, count = len(faults), 0
    for page in Path().rglob("*.md"):
        prose = re.sub(r"^ *```.*?^ *```|`[^`\n]*`", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for link in re.findall(r"\]\(([^)\s#]+)", prose):
            if not urlsplit(link).scheme:
                count += 1
                if not (page.parent / link).exists():
                    fault(f"the archive has no {link}, to which {page} leads")
    if count == 0:
        fault("the archive has no documents")
    passed(f"the archive has whatever its documents lead to: {count} links", before)
    compose()


# Prometheus and Grafana ---------------------------------------------------------------------------------------------------------------


def exported(scrape):
    """Gives the labels of every series of a scrape, by its name."""
    series = {}
    for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", scrape, re.MULTILINE):
        series.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return series


def expression(where, text, series):
    """Sees that an expression can be read, and asks for series and labels that there are."""
    for variable, stand_in in (("$__rate_interval", "5m"), ("$__range", "6h"), ("$__interval", "1m")):
        text = text.replace(variable, stand_in)
    try:
        tree = promql.parse(text)
    except ValueError as error:
        return fault(f"{where}: {error}: {text}")
    seen, groups = set(), set()

    def visit(node):
        if isinstance(node, promql.MatrixSelector):
            node = node.vector_selector
        if isinstance(node, promql.VectorSelector):
            if node.name not in series.keys() | ADDED_SERIES:
                fault(f"{where}: no host exports {node.name}")
            labels = series.get(node.name, set()) | ADDED_LABELS
            seen.update(labels)
            for matcher in node.matchers.matchers:
                if matcher.name not in labels:
                    fault(f"{where}: {node.name} has no label {matcher.name}")
        if isinstance(node, promql.AggregateExpr) and node.modifier:
            groups.update(node.modifier.labels)

    promql.walk(tree, visit)
    for label in groups - seen:
        fault(f"{where}: nothing there has the label {label}")


def alerts(series):
    before = len(faults)
    groups = yaml.safe_load(Path("deploy/prometheus/alerts.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    runbook = Path("docs/runbook.md")
    headings = re.findall(r"^#+ (.*)", runbook.read_text(), re.MULTILINE) if runbook.is_file() else []
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for rule in rules:
        where = f"alert {rule['alert']}"
        expression(where, rule["expr"], series)
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        if Path(page) != runbook or anchor not in anchors:
            fault(f"{where}: {page} has no #{anchor}")
        if not rule["annotations"]["summary"] or not rule["annotations"]["action"] or "severity" not in rule["labels"]:
            fault(f"{where}: say what is the matter, how bad it is, and what to do")
    passed(f"alerts.yml: {len(rules)} rules on what a host exports, each with what to do and a place in the runbook", before)
    before = len(faults)
    if yaml.safe_load(RULES_OF_OPERATOR.read_text())["spec"]["groups"] != groups:
        fault(f"{RULES_OF_OPERATOR} and deploy/prometheus/alerts.yml have different rules")
    passed("the rules of the Prometheus operator are the same", before)


def dashboard(series):
    before = len(faults)
    board = json.loads(Path("deploy/grafana/countersign.json").read_text())
    sources = yaml.safe_load(Path("deploy/grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    if variables["datasource"]["current"]["value"] not in {source["uid"] for source in sources}:
        fault("countersign.json begins with a datasource that is not provisioned")
    if any(node["datasource"]["uid"] != "${datasource}" for node in nodes(board) if isinstance(node.get("datasource"), dict)):
        fault("countersign.json asks another datasource than the one chosen on its page")
    panels = board["panels"]
    if len({panel["id"] for panel in panels}) != len(panels):
        fault("two panels have one id")
    for one, other in combinations(panels, 2):
        a, b = one["gridPos"], other["gridPos"]
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"] or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        if not beside or a["x"] + a["w"] > 24:
            fault(f"the panels {one['title']} and {other['title']} overlap, or stand out")
    asked = [(panel["title"], target["expr"]) for panel in panels for target in panel.get("targets", [])]
    asked += [(annotation["name"], annotation["expr"]) for annotation in board["annotations"]["list"]]
    asked += [("variable instance", re.sub(r"label_values\((\w+), (\w+)\)", r"group by (\2) (\1)", variables["instance"]["definition"]))]
    for title, text in asked:
        expression(f"countersign.json, {title}", text, series)
    shown = set(re.findall(r"countersign_\w+", json.dumps(board)))
    for name in sorted(name for name in series if name.startswith("countersign_")):
        plain = re.sub(r"_(sum|count|bucket)$", "_bucket", name)
        if plain not in shown:
            fault(f"countersign.json shows nothing of {name}")
    passed(f"countersign.json: {len(panels)} panels, {len(asked)} expressions, on all that a host exports and nothing else", before)


def watch(scrape):
    series = exported(Path(scrape).read_text())
    alerts(series)
    dashboard(series)


match sys.argv[1:]:
    case ["manifests", countersign, *builds]:
        manifests(countersign, builds)
    case ["archive", folder]:
        archive(folder)
    case ["watch", scrape]:
        watch(scrape)
    case _:
        sys.exit(__doc__)
sys.exit(1 if faults else 0)
