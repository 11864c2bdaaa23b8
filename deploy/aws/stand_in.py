"""Stands in for Terraform's AWS provider, so that Terraform itself judges the configuration: its own parser, types, functions and conditions,
against the provider's schema (schema.py), where neither the provider nor an account is to be had.

stand_in.py COMMAND..    runs a command that Terraform is part of, with the stand-in in the provider's place

What only AWS knows a plan leaves open, as a first plan does; an apply makes nothing but a state, in which names and ARNs are made up, so that
what is written out of them (documents of IAM, definitions of containers) can be looked at.
"""

import json
import os
import subprocess
import sys
import tempfile
from concurrent import futures

import grpc
import msgpack

from schema import load

# Protocol Buffers, as far as these messages go: https://protobuf.dev/programming-guides/encoding --------------------------------------


def varint(number):
    out = bytearray()
    while True:
        number, low = number >> 7, number & 127
        out.append(low | (128 if number else 0))
        if not number:
            return bytes(out)


def message(*fields):
    """Writes (number, value) pairs; a value is bytes, text, a number or a truth."""
    out = b""
    for number, value in fields:
        if isinstance(value, (bool, int)):
            out += varint(number << 3) + varint(int(value))
        else:
            value = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def read(data):
    """Gives the fields of a message, the last value of each number."""
    fields, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while at < len(data):
        tag = number()
        if tag & 7 == 0:
            fields[tag >> 3] = number()
        else:
            length = number()
            fields[tag >> 3], at = data[at : at + length], at + length
    return fields


# The plugin protocol, version 5: docs/plugin-protocol/tfplugin5.proto in Terraform's repository ----------------------------------------

SINGLE, LIST, SET = 1, 2, 3
UNKNOWN = msgpack.ExtType(0, b"\0")
# The parts of a statement of IAM that are lists, here and there.
DOCUMENT = {"actions": "Action", "not_actions": "NotAction", "resources": "Resource", "not_resources": "NotResource"}


def block(schema):
    """Writes tfplugin5.Schema.Block."""
    attributes = [
        message(
            (1, name),
            (2, json.dumps(what["type"])),
            (4, what["required"]),
            (5, not what["required"] and not what.get("computed")),
            (6, bool(what.get("computed")) or not what["required"]),
        )
        for name, what in schema["attributes"].items()
    ]
    nested = [
        message(
            (1, name),
            (2, block(what["block"])),
            (3, {"single": SINGLE, "list": LIST, "set": SET}[what["nesting"]]),
            (4, int(what["required"] and what["nesting"] != "single")),
            (5, int(not what["many"] and what["nesting"] != "single")),
        )
        for name, what in schema["blocks"].items()
    ]
    return message(*((2, attribute) for attribute in attributes), *((3, inner) for inner in nested))


def schema_message(schema):
    return message((1, 0), (2, block(schema)))


def entry(name, schema):
    """Writes an entry of a map from names to schemas."""
    return message((1, name), (2, schema_message(schema)))


def value(field):
    """Reads tfplugin5.DynamicValue."""
    return msgpack.unpackb(read(field)[1], ext_hook=msgpack.ExtType, strict_map_key=False)


def dynamic(what):
    return message((1, msgpack.packb(what)))


class Provider:
    """Answers Terraform."""

    def __init__(self, types):
        self.schemas = load(types)

    def answer(self, method, request):
        fields = read(request)
        match method:
            case "GetSchema":
                resources = [(2, entry(name, schema)) for (kind, name), schema in self.schemas.items() if kind == "resource"]
                sources = [(3, entry(name, schema)) for (kind, name), schema in self.schemas.items() if kind == "data"]
                return message((1, schema_message(self.schemas["provider", "aws"])), *resources, *sources)
            case "PrepareProviderConfig":
                return message((1, fields[1]))
            case "PlanResourceChange":
                planned = self.plan("resource", fields[1].decode(), value(fields[3]))
                # By the rules of old providers, which may plan what a schema does not let them say.
                return message((1, dynamic(planned)), (5, True))
            case "ReadDataSource":
                return message((1, dynamic(self.look(fields[1].decode(), value(fields[2])))))
            case "ApplyResourceChange":
                return message((1, dynamic(self.invent(fields[1].decode(), value(fields[3])))), (4, True))
            case "ReadResource":
                return message((1, fields[2]))
            case _:
                return b""

    def plan(self, kind, name, planned):
        """Leaves open what only AWS knows."""
        for key, what in self.schemas[kind, name]["attributes"].items() if planned else ():
            if planned.get(key) is None and (what.get("computed") or key in ("id", "arn")):
                planned[key] = UNKNOWN
        return planned

    def invent(self, name, planned):
        """Makes up what only AWS knows; the ARNs of buckets and roles are as AWS writes them."""
        if planned is None:
            return None
        schema = self.schemas["resource", name]["attributes"]
        called = next((planned[key] for key in ("bucket", "name", "family") if isinstance(planned.get(key), str)), name)
        for key in (key for key, what in planned.items() if what == UNKNOWN):
            made_up = {
                "arn": {
                    "aws_s3_bucket": f"arn:aws:s3:::{called}",
                    "aws_iam_role": f"arn:aws:iam::123456789012:role/{called}",
                }.get(name, f"arn:aws:{name.split('_')[1]}:eu-central-1:123456789012:{called}"),
                "id": called,
                "repository_url": f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/{called}",
            }.get(key, f"{called}.{key}")
            planned[key] = {"string": made_up, "number": 1, "bool": False}.get(json.dumps(schema[key]["type"]).strip('"'))
        return planned

    def look(self, name, asked):
        """Answers a data source: documents of IAM are written out, as soon as all that stands in them is known."""
        if name != "aws_iam_policy_document":
            return self.plan("data", name, asked)
        statements = [one for text in asked["source_policy_documents"] or [] for one in json.loads(text)["Statement"]]
        for said in asked["statement"] or []:
            statement = {"Sid": said["sid"], "Effect": said["effect"] or "Allow"}
            for key, title in DOCUMENT.items():
                statement[title] = sorted(said[key] or [])
            statement["Principal"] = {one["type"]: sorted(one["identifiers"]) for one in said["principals"] or []}
            statement["Condition"] = {}
            for one in said["condition"] or []:
                statement["Condition"].setdefault(one["test"], {})[one["variable"]] = one["values"]
            statements.append({title: what for title, what in statement.items() if what})
        asked["json"] = json.dumps({"Version": "2012-10-17", "Statement": statements})
        asked["minified_json"], asked["id"] = asked["json"], "document"
        return asked


class Handler(grpc.GenericRpcHandler):
    """Takes calls by their names, whatever the service."""

    def __init__(self, provider):
        self.provider = provider

    def service(self, details):
        method = details.method.rsplit("/", 1)[1]
        return grpc.unary_unary_rpc_method_handler(lambda request, _context: self.provider.answer(method, request))


def serve(types, command):
    """Runs a command while the stand-in answers; gives its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        socket = f"{folder}/provider"
        server = grpc.server(futures.ThreadPoolExecutor(8))
        server.add_generic_rpc_handlers([Handler(Provider(types))])
        server.add_insecure_port(f"unix:{socket}")
        server.start()
        reattach = {
            "registry.terraform.io/hashicorp/aws": {
                "Protocol": "grpc",
                "ProtocolVersion": 5,
                "Pid": os.getpid(),
                "Test": True,
                "Addr": {"Network": "unix", "String": socket},
            }
        }
        try:
            return subprocess.run(
                command, env={**os.environ, "TF_REATTACH_PROVIDERS": json.dumps(reattach)}, check=False
            ).returncode
        finally:
            server.stop(None)


if __name__ == "__main__":
    from check import types_in_use

    sys.exit(serve(types_in_use(), sys.argv[1:]))
