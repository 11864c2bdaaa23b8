"""The schema of Terraform's AWS provider, as far as it is asked for, without the provider.

HashiCorp generated types for TypeScript from the schema of each release, and npm has the last of them. Their declarations (index.d.ts) say
what is required and what may be repeated; their code (index.js) says how each argument is called in Terraform, and which are blocks.
"""

import base64
import functools
import hashlib
import json
import re
import subprocess
import tarfile
from pathlib import Path

PACKAGE = "@cdktf/provider-aws@21.22.1"
INTEGRITY = "sha512-BuSHeaQFUL9l33pBzIMRT7cTQ69AM2mLtijjteCPhVQRmvuhuj9Lvfymf7knAMhYqAT6+Lrls9jiGVW/Us3zrQ=="
PROVIDER = "6.25.0"
CACHE = Path.home() / ".cache/countersign/aws-schema"

# How a type is called there, and in Terraform.
SIMPLE = {"string": "string", "number": "number", "boolean": "bool", "any": "dynamic"}


class Unavailable(Exception):
    """The package cannot be had."""


def archive():
    """Gives the package, fetched once and held against the sum that npm published with it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    path = CACHE / "cdktf-provider-aws-21.22.1.tgz"
    if not path.exists():
        try:
            subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=CACHE, check=True, capture_output=True, text=True, timeout=300)
        except (OSError, subprocess.SubprocessError) as error:
            raise Unavailable(f"npm pack {PACKAGE}: {getattr(error, 'stderr', None) or error}") from error
    algorithm, wanted = INTEGRITY.split("-", 1)
    if base64.b64encode(hashlib.new(algorithm, path.read_bytes()).digest()).decode() != wanted:
        path.unlink()
        raise Unavailable(f"{path} was not what npm published, and is removed")
    return path


def folder(kind, name):
    """Gives where the package has a resource or a data source."""
    if kind == "provider":
        return "provider"
    short = name.removeprefix("aws_").replace("_", "-")
    return {"resource": short, "data": f"data-aws-{short}"}[kind]


def load(wanted):
    """Gives the schemas of (kind, name) pairs; a pair that the provider does not have is left out."""
    CACHE.mkdir(parents=True, exist_ok=True)
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    cached = {pair: CACHE / f"{version}-{folder(*pair)}.json" for pair in wanted}
    if missing := {folder(*pair) for pair, path in cached.items() if not path.exists()}:
        files = {}
        with tarfile.open(archive()) as package:
            for member in package:
                parts = member.name.split("/")
                if parts[:2] == ["package", "lib"] and parts[2] in missing and parts[-1] in ("index.js", "index.d.ts"):
                    files[parts[2], parts[-1]] = package.extractfile(member).read().decode()
        for name in missing:
            known = (name, "index.js") in files
            schema = derive(files[name, "index.js"], files[name, "index.d.ts"]) if known else None
            (CACHE / f"{version}-{name}.json").write_text(json.dumps(schema))
    schemas = {pair: json.loads(path.read_text()) for pair, path in cached.items()}
    return {pair: schema for pair, schema in schemas.items() if schema}


ENTRY = re.compile(r'^ +(\w+): \{\n +value: (.+),\n +isBlock: (true|false),\n +type: "(\w+)",\n +storageClassType: "(\w+)",', re.M)
FIELD = re.compile(r"/\*\*((?:(?!\*/).)*)\*/\s+readonly (\w+)(\??): ([^;]+);", re.S)


def derive(code, declarations):
    """Gives the schema that one folder of the package was generated from."""
    (top,) = re.findall(r"^class (\w+) extends cdktf\.Terraform(?:Resource|DataSource|Provider) ", code, re.M)
    interfaces = dict(re.findall(r"^export interface (\w+)(?: extends [\w.]+)? \{\n(.*?)^\}", declarations, re.M | re.S))
    fields = {
        name: {field: (mark == "", kind, said) for said, field, mark, kind in FIELD.findall(body)}
        for name, body in interfaces.items()
    }
    own = code[code.index(f"class {top} extends") :]
    bodies = {f"{top}Config": own[own.index("synthesizeHclAttributes() {") :].split("// remove undefined")[0]}
    for name, body in re.findall(r"^function (\w+)ToHclTerraform\(struct\) \{(.*?)^\}", code, re.M | re.S):
        bodies[name[0].upper() + name[1:]] = body

    @functools.cache
    def block(interface):
        found = {"attributes": {}, "blocks": {}}
        entries = ENTRY.findall(bodies[interface])
        if len(entries) != bodies[interface].count("isBlock:"):
            raise ValueError(f"{interface}: not all of its arguments are understood")
        for name, value, is_block, kind, storage in entries:
            camel = re.search(r"(?:struct|this)\.(?:_)?(\w+)", value)[1]
            required, declared, said = fields[interface][camel]
            if is_block == "false":
                found["attributes"][name] = {"type": cty(storage, kind), "required": required}
                continue
            (inner,) = re.findall(r"(\w+)ToHclTerraform", value)
            inner = block(inner[0].upper() + inner[1:])
            many = "[]" in declared
            if re.search(rf"^\s*\* {name} block", said, re.M):
                nesting = {"struct": "single", "set": "set"}.get(kind, "list")
                found["blocks"][name] = {"nesting": nesting, "many": many, "required": required, "block": inner}
            else:
                object_type = ["object", {key: value["type"] for key, value in inner["attributes"].items()}]
                found["attributes"][name] = {"type": [kind, object_type] if many else object_type, "required": required}
        return found

    schema = block(f"{top}Config")
    # What only AWS knows is read by getters, which name it as Terraform does.
    for kind, name in re.findall(r"this\.get(String|Number|Boolean|List|StringMap|NumberMap|AnyMap)Attribute\('(\w+)'\)", own):
        known = {
            "String": "string",
            "Number": "number",
            "Boolean": "bool",
            "List": ["list", "string"],
            "StringMap": ["map", "string"],
        }
        if name not in schema["blocks"]:
            schema["attributes"].setdefault(name, {"type": known.get(kind, "dynamic"), "required": False, "computed": True})
    for name in re.findall(r'new \w+(?:List|Map|OutputReference)\(this, "(\w+)"', own):
        if name not in schema["blocks"]:
            schema["attributes"].setdefault(name, {"type": "dynamic", "required": False, "computed": True})
    return schema


def cty(storage, kind):
    """Gives a type as Terraform writes it."""
    for suffix in ("List", "Map"):
        if storage.endswith(suffix):
            return [
                kind if suffix == "List" and kind in ("set", "list") else suffix.lower(),
                cty(storage.removesuffix(suffix), "simple"),
            ]
    return SIMPLE[storage]
