"""Makes the Postman collection out of api.http: `python3 docs/postman.py`. A test holds both against a running host."""

import json
import pathlib

HERE = pathlib.Path(__file__).parent


def requests(text):
    """Gives the name, method, URL, headers and body of each request of the file, and the variables."""
    head, *blocks = text.split("### ")
    variables = dict(line[1:].split(" = ", 1) for line in head.splitlines() if line.startswith("@"))
    found = []
    for block in blocks:
        name, rest = block.split("\n", 1)
        top, _, body = rest.strip().partition("\n\n")
        first, *headers = top.splitlines()
        method, url = first.split(" ", 1)
        found.append((name.strip(), method, url, [header.split(": ", 1) for header in headers], body.strip()))
    return variables, found


def item(name, method, url, headers, body):
    path, _, query = url.partition("?")
    split = {"raw": url, "host": ["{{host}}"], "path": path.removeprefix("{{host}}/").split("/")}
    if query:
        split["query"] = [dict(zip(("key", "value"), pair.split("=", 1))) for pair in query.split("&")]
    request = {"method": method, "header": [{"key": key, "value": value} for key, value in headers], "url": split}
    if body:
        request["body"] = {"mode": "raw", "raw": body, "options": {"raw": {"language": "json"}}}
    return {"name": name, "request": request}


def collection():
    variables, found = requests((HERE / "api.http").read_text())
    schema = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
    return {
        "info": {"name": "Countersign", "schema": schema},
        "item": [item(*request) for request in found],
        "variable": [{"key": key, "value": value} for key, value in variables.items()],
    }


if __name__ == "__main__":
    (HERE / "countersign.postman_collection.json").write_text(json.dumps(collection(), indent=2) + "\n")
