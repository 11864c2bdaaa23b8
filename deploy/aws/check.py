"""What deploy/aws/check.sh asks of the Terraform files.

check.py files                 every block against the provider's schema, and every reference against what is declared
check.py state STATE BINARIES  what an apply would make: documents of IAM, containers, and the programs' own flags in them
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from schema import PROVIDER, Unavailable, load

HERE = Path(__file__).parent
# What Terraform itself takes in every block of a kind: https://developer.hashicorp.com/terraform/language/meta-arguments
META = {"data": {"count", "for_each", "depends_on", "provider", "lifecycle"}, "provider": {"alias"}}
META["resource"] = META["data"] | {"provisioner"}
MARKS = {"__is_block__", "__comments__", "__inline_comments__", "__start_line__", "__end_line__"}
faults = []


def fault(text):
    faults.append(text)
    print(f"FAILED {text}")


def passed(text, before):
    """Says that a check is done, if nothing has failed since."""
    if len(faults) == before:
        print(f"ok     {text}")


# Files ----------------------------------------------------------------------------------------------------------------------------


def types_in_use():
    """Gives the resources and data sources that the files name, and the provider."""
    named = re.findall(r'^(resource|data) "(\w+)"', "\n".join(path.read_text() for path in HERE.glob("*.tf")), re.M)
    return {*named, ("provider", "aws")}


def parse():
    """Gives the blocks of all files as (file, kind, labels, body)."""
    import hcl2

    for path in sorted(HERE.glob("*.tf")):
        for kind, blocks in hcl2.loads(path.read_text()).items():
            for body in blocks if kind not in MARKS else ():
                labels = []
                while isinstance(body, dict) and "__is_block__" not in body and len(body) == 1:
                    ((label, body),) = body.items()
                    labels.append(label.strip('"'))
                yield path.name, kind, labels, body


def hold(where, body, schema, meta=frozenset()):
    """Holds a block against its schema."""
    seen = {}
    for name, value in body.items():
        if name in MARKS or name in meta:
            continue
        blocks = [one for one in value if isinstance(one, dict) and one.get("__is_block__")] if isinstance(value, list) else []
        if name == "dynamic":
            for one in value:
                ((label, inner),) = ((key, inner) for key, inner in one.items() if key not in MARKS)
                seen.setdefault(label.strip('"'), []).append(inner["content"][0])
                for unknown in inner.keys() - MARKS - {"for_each", "content", "iterator", "labels"}:
                    fault(f"{where}: dynamic {label} has no argument {unknown}")
        elif blocks:
            seen.setdefault(name, []).extend(blocks)
        elif name in schema["blocks"]:
            fault(f"{where}: {name} is a block, and stands there as an argument")
        elif name not in schema["attributes"]:
            fault(f"{where}: there is no argument {name}")
        elif schema["attributes"][name].get("computed"):
            fault(f"{where}: {name} is AWS's to say")
    for name, blocks in seen.items():
        if name not in schema["blocks"]:
            fault(f"{where}: there is no block {name}")
            continue
        what = schema["blocks"][name]
        if not what["many"] and len(blocks) > 1:
            fault(f"{where}: {name} stands there {len(blocks)} times, and once is all it may")
        for inner in blocks:
            hold(f"{where}.{name}", inner, what["block"])
    needed = {name for what in ("attributes", "blocks") for name, inner in schema[what].items() if inner["required"]}
    for name in sorted(needed - body.keys() - seen.keys()):
        fault(f"{where}: {name} is needed")


def expressions(tree):
    """Gives all texts in a tree; what is computed in one stands in ${..}."""
    if isinstance(tree, str):
        yield tree
    for below in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from expressions(below)


def files():
    before, blocks = len(faults), list(parse())
    schemas = load(types_in_use())
    declared = {"var": set(), "local": set(), "resource": set(), "data": set(), "output": set()}
    for where, kind, labels, body in blocks:
        match kind:
            case "variable" | "output":
                key, name = {"variable": "var"}.get(kind, kind), labels[0]
                if "description" not in body:
                    fault(f"{where}: {kind} {name} has no description")
                if kind == "variable" and "type" not in body:
                    fault(f"{where}: variable {name} has no type")
                names = [name]
            case "locals":
                key, names = "local", body.keys() - MARKS
            case "resource" | "data":
                key, names = kind, [tuple(labels)]
            case _:
                continue
        for name in names:
            if name in declared[key]:
                fault(f"{where}: {kind} {name} is declared twice")
            declared[key].add(name)

    for where, kind, labels, body in blocks:
        if kind in ("resource", "data", "provider"):
            place = f"{where}: {kind} {'.'.join(labels)}"
            if (kind, labels[0]) not in schemas:
                fault(f"{place}: the provider has no such {kind}")
                continue
            hold(place, body, schemas[kind, labels[0]], META[kind])
    passed(
        f"{len([1 for _, kind, *_ in blocks if kind in ('resource', 'data')])} resources and data sources, by the schema of the provider {PROVIDER}",
        before,
    )

    before, used = len(faults), {"var": set(), "local": set()}
    for where, kind, labels, body in blocks:
        for text in expressions(body):
            # Quoted text within an expression names nothing, but for what it computes in turn.
            for space, name in re.findall(r'(?<![\w."-])(var|local)\.(\w+)', text):
                used[space].add(name)
                if name not in declared[space]:
                    fault(f"{where}: {kind} {'.'.join(labels)} names {space}.{name}, which is not declared")
            for data, of, name, attribute in re.findall(
                r'(?<![\w."-])(data\.)?(aws_\w+)\.(\w+)(?:\[(?:[^\[\]]|\[[^\]]*\])*\])*(?:\.(\w+))?', text
            ):
                space = "data" if data else "resource"
                if (of, name) not in declared[space]:
                    fault(f"{where}: {kind} {'.'.join(labels)} names {data}{of}.{name}, which is not declared")
                elif attribute and not any(attribute in schemas[space, of][what] for what in ("attributes", "blocks")):
                    fault(f"{where}: {kind} {'.'.join(labels)} names {data}{of}.{name}.{attribute}: there is no such attribute")
    for space in used:
        for name in sorted(declared[space] - used[space]):
            fault(f"{space}.{name} is declared and used nowhere")
    example = {
        line.split("=")[0].strip()
        for line in (HERE / "terraform.tfvars.example").read_text().splitlines()
        if re.match(r"\w+ *=", line)
    }
    for name in sorted(example - declared["var"]):
        fault(f"terraform.tfvars.example: there is no variable {name}")
    passed(f"{sum(map(len, used.values()))} variables and locals, and every reference to them and to resources", before)


# State ----------------------------------------------------------------------------------------------------------------------------

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html and of the services, in characters.
SIZES = {"aws_iam_role": 2048, "aws_iam_role_policy": 10240, "aws_s3_bucket_policy": 20480, "aws_kms_key": 32768}


def documents(resources):
    """Holds documents of IAM against the actions that AWS has."""
    from policy_sentry.querying.actions import get_action_data

    before, count, seen = len(faults), 0, set()
    for address, kind, values in resources:
        for attribute in ("policy", "assume_role_policy"):
            text = values.get(attribute)
            if not isinstance(text, str) or not text.startswith("{"):
                continue
            count += 1
            if len(text) > SIZES.get(kind, 20480):
                fault(f"{address}: {attribute} has {len(text)} characters, at most {SIZES.get(kind, 20480)} are taken")
            sids = set()
            for statement in json.loads(text)["Statement"]:
                sid, actions = statement.get("Sid"), statement.get("Action", [])
                if sid in sids:
                    fault(f"{address}: two statements are called {sid}")
                sids |= {sid} - {None}
                for action in actions:
                    service, _, name = action.partition(":")
                    wild = name in ("", "*")
                    if not wild and not get_action_data(service, name):
                        fault(f"{address}: AWS has no action {action}")
                    if wild and statement["Effect"] == "Allow" and kind != "aws_kms_key":
                        fault(f"{address}: {action} allows everything")
                    seen.add(action)
                    # S3 passes over an action whose resource is of the other kind, without a word.
                    for resource in statement.get("Resource", []) if service == "s3" and not wild else ():
                        if ("Object" in name) != ("/" in resource):
                            fault(f"{address}: {action} is not for {resource}")
    passed(
        f"{count} documents of IAM: {len(seen)} actions that AWS has, sizes, and that S3's are for buckets or for objects", before
    )


def buckets(resources):
    """Sees that every bucket has what every bucket is to have, which checkov does not follow through for_each."""
    before = len(faults)
    made = {values["bucket"] for _, kind, values in resources if kind == "aws_s3_bucket"}
    having = lambda kind: {values["bucket"]: values for _, of, values in resources if of == f"aws_s3_bucket_{kind}"}
    public, versioned, encrypted, logged, policies = map(
        having, ("public_access_block", "versioning", "server_side_encryption_configuration", "logging", "policy")
    )
    switches = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    for name in sorted(made):
        logs = name.endswith("-logs")
        if not all(public.get(name, {}).get(switch) for switch in switches):
            fault(f"{name}: the public is not kept out")
        if name not in versioned or versioned[name]["versioning_configuration"][0]["status"] != "Enabled":
            fault(f"{name}: it has no versions")
        by = (
            encrypted[name]["rule"][0]["apply_server_side_encryption_by_default"][0]["sse_algorithm"] if name in encrypted else None
        )
        if by != ("AES256" if logs else "aws:kms"):
            fault(f"{name}: it is encrypted by {by}")
        if not logs and name not in logged:
            fault(f"{name}: who reaches it is not logged")
        if "aws:SecureTransport" not in policies.get(name, {}).get("policy", ""):
            fault(f"{name}: it is reached without TLS")
    passed(f"{len(made)} buckets: closed to the public, versioned, encrypted, logged, reached by TLS alone", before)


def containers(resources):
    """Holds container definitions against the model of the ECS API, and against each other."""
    import botocore.session
    from botocore.validate import ParamValidator

    shape = botocore.session.get_session().get_service_model("ecs").operation_model("RegisterTaskDefinition").input_shape
    shape = shape.members["containerDefinitions"]
    before, count = len(faults), 0
    tasks = [(address, values) for address, kind, values in resources if kind == "aws_ecs_task_definition"]
    for address, values in tasks:
        text = values["container_definitions"]
        definitions, volumes = json.loads(text), {volume["name"] for volume in values.get("volume") or []}
        count += len(definitions)
        report = ParamValidator().validate(definitions, shape)
        if report.has_errors():
            fault(f"{address}: {report.generate_report()}")
            continue
        if len(text) > 60000:
            fault(f"{address}: {len(text)} characters of definitions; ECS takes 64 KiB of all")
        if [one["essential"] for one in definitions].count(True) != 1:
            fault(f"{address}: one container is to be essential")
        before_it, mounted = {}, set()
        for one in definitions:
            name = f"{address}: {one['name']}"
            for on in one.get("dependsOn", []):
                target = before_it.get(on["containerName"])
                if not target:
                    fault(f"{name} waits for {on['containerName']}, which is not there before it")
                elif on["condition"] in ("SUCCESS", "COMPLETE") and target["essential"]:
                    fault(f"{name} waits for the end of {on['containerName']}, with which the task ends")
                elif on["condition"] == "HEALTHY" and "healthCheck" not in target:
                    fault(f"{name} waits for {on['containerName']} to be healthy, which nobody asks it")
            mounted |= {mount["sourceVolume"] for mount in one.get("mountPoints", [])}
            if one["user"].startswith("0:") != (one["name"] == "prepare") or not one["readonlyRootFilesystem"]:
                fault(f"{name} is not confined")
            if not re.search(r"@sha256:[0-9a-f]{64}$", one["image"]):
                fault(f"{name}: the image {one['image']} is not named by its digest")
            if "awslogs" != one["logConfiguration"]["logDriver"]:
                fault(f"{name} has no log")
            before_it[one["name"]] = one
        if mounted != volumes:
            fault(f"{address}: volumes are declared or mounted, and not both: {', '.join(mounted ^ volumes)}")
    passed(f"{count} containers of {len(tasks)} tasks, by the model of the ECS API and against each other", before)
    return [(address, one) for address, values in tasks for one in json.loads(values["container_definitions"])]


def flags(all_containers, binaries):
    """Holds the variables and flags of our programs against the programs."""
    before, count = len(faults), 0
    told = lambda *command: (
        subprocess.run([binaries / command[0], *command[1:], "--help"], capture_output=True, text=True, check=True).stdout
    )
    variables = set(re.findall(r"\[env: (\w+)=", told("countersign", "serve")))
    for address, one in all_containers:
        if one["name"] == "host":
            for variable in (entry["name"] for entry in one["environment"] if entry["name"].startswith("COUNTERSIGN_")):
                count += 1
                if variable not in variables:
                    fault(f"{address}: {variable} means nothing to `countersign serve`")
            limits = next(
                entry["value"]
                for other, two in all_containers
                if two["name"] == "files"
                for entry in two["environment"]
                if entry["name"] == "LIMITS"
            )
            with tempfile.NamedTemporaryFile("w") as file:
                file.write(limits)
                file.flush()
                judged = subprocess.run([binaries / "countersign", "config", "--config", file.name], capture_output=True, text=True)
            if judged.returncode:
                fault(f"{address}: LIMITS: {judged.stderr.strip()}")
            programs = [["/".join(one["healthCheck"]["command"][1:2]).rsplit("/", 1)[1], *one["healthCheck"]["command"][2:]]]
        else:
            # Lines that go on in the next are one, and a command ends where the shell's next begins.
            text = re.sub(r"\\\n\s*", " ", "\n".join(one.get("command", [])))
            programs = [match.split() for match in re.findall(r"^\s*(?:exec )?((?:countersign|feature-job) [^&|;\n]*)", text, re.M)]
        for program, verb, *rest in programs:
            known = set(re.findall(r"--[a-z][a-z-]*", told(program, verb)))
            for flag in (word for word in rest if word.startswith("--")):
                count += 1
                if flag not in known:
                    fault(f"{address}: `{program} {verb}` has no {flag}")
    passed(f"{count} variables and flags, by {binaries}/countersign and feature-job", before)


def state(path, binaries):
    planned = json.loads(Path(path).read_text())["values"]["root_module"]["resources"]
    resources = [(one["address"], one["type"], one["values"]) for one in planned if one["mode"] == "managed"]
    documents(resources)
    buckets(resources)
    all_containers = containers(resources)
    if all((binaries / program).exists() for program in ("countersign", "feature-job")):
        flags(all_containers, binaries)
    else:
        print(f"skipped flags and variables: the programs are not in {binaries}")


if __name__ == "__main__":
    try:
        match sys.argv[1:]:
            case ["files"]:
                files()
            case ["state", path, binaries]:
                state(path, Path(binaries))
            case _:
                sys.exit(__doc__)
    except Unavailable as unavailable:
        print(f"skipped the provider's schema cannot be had: {unavailable}")
        sys.exit(75)
    sys.exit(bool(faults))
