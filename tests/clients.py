"""The clients of other servers work with ours unchanged, and every protocol gives the same scores, bit for bit.

`clients.py BINARIES` starts a real host with a trained and approved model, and asks it through Triton's own HTTP client (Open
Inference Protocol v2, JSON and binary tensors), MLflow's own scoring client, Feast's `get-online-features` and our own routes.
Needs clients-requirements.txt; clients.sh installs all of it.
"""

import pathlib
import re
import subprocess
import tempfile

import numpy
import pandas
import requests
import tritonclient.http as triton
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from tritonclient.utils import InferenceServerException

from workshop import BINARIES, prepare, run

FEATURES = ["nb_previous_loans", "avg_amount_loans_previous", "age", "years_on_the_job", "flag_own_car"]
NOBODY = 999_999_999


class Own:
    """Our own routes, by which the others are judged."""

    def __init__(self, url):
        self.url = url

    def features(self, user):
        return requests.get(f"{self.url}/v1/users/{user}/features", timeout=30)


def same(what, found, wanted):
    found, wanted = numpy.asarray(found, dtype=numpy.float64), numpy.asarray(wanted, dtype=numpy.float64)
    assert found.shape == wanted.shape and found.tobytes() == wanted.tobytes(), f"{what}: {found} is not {wanted}"


def tensor(name, values, datatype, binary):
    given = triton.InferInput(name, list(values.shape), datatype)
    given.set_data_from_numpy(values, binary_data=binary)
    return given


def open_inference(host, users, rows, wanted, decisions):
    client = triton.InferenceServerClient(url=host.removeprefix("http://"))
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("credit-risk")
    assert client.is_model_ready("credit-risk", "1") and not client.is_model_ready("nobody")
    assert client.get_server_metadata()["name"] == "countersign"
    about = client.get_model_metadata("credit-risk")
    assert about["versions"] == ["1"] and [column["name"] for column in about["inputs"]] == FEATURES, about
    index = client.get_model_repository_index()
    assert [(entry["name"], entry["version"], entry["state"]) for entry in index] == [("credit-risk", "1", "READY")], index

    ids = numpy.array(users, dtype=numpy.int64)
    asked = {
        "ids": [(ids, "user_id", "INT64")],
        "ids in a column": [(ids.reshape(-1, 1), "user_id", "INT64")],
        "a tensor": [(rows, "features", "FP64")],
        "a tensor each": [(rows[:, place].copy(), name, "FP64") for place, name in enumerate(FEATURES)],
        "columns": [(rows[:, place].reshape(-1, 1).copy(), name, "FP64") for place, name in enumerate(FEATURES)],
    }
    for what, columns in asked.items():
        # JSON has no NaN: there the client's own check of the values would refuse them.
        for binary in [True, False] if what.startswith("ids") else [True]:
            inputs = [tensor(name, values, datatype, binary) for values, name, datatype in columns]
            for version in ["", "1"]:
                answer = client.infer("credit-risk", inputs, model_version=version, request_id="r1")
                same(f"v2 {what}", answer.as_numpy("probability"), wanted)
                assert [word.decode() for word in answer.as_numpy("decision")] == decisions
                told = answer.get_response()
                assert (told["model_name"], told["model_version"], told["id"]) == ("credit-risk", "1", "r1"), told
            only = [triton.InferRequestedOutput("probability", binary_data=False)]
            answer = client.infer("credit-risk", inputs, outputs=only)
            same(f"v2 {what}, JSON", answer.as_numpy("probability"), wanted)
            assert answer.as_numpy("decision") is None
    for model, inputs, says in [
        ("nobody", [tensor("user_id", ids, "INT64", True)], "no model is called"),
        ("credit-risk", [tensor("user_id", numpy.array([NOBODY]), "INT64", True)], "no features are stored"),
        ("credit-risk", [tensor("age", rows[:, 2].copy(), "FP64", True)], "nb_previous_loans"),
        ("credit-risk", [tensor("user_id", ids.astype(numpy.float32) + 0.5, "FP32", True)], "user id"),
        ("credit-risk", [tensor("features", rows[:, :3].copy(), "FP64", True)], "features"),
    ]:
        try:
            client.infer(model, inputs)
            raise AssertionError(f"{says} was not said")
        except InferenceServerException as error:
            assert says in error.message(), error
    for body in [b"", b"{}", b"[]", b"{\"inputs\":1}", b"{\"inputs\":[{\"name\":\"user_id\",\"shape\":[1],\"datatype\":\"BYTES\",\"data\":[\"a\"]}]}"]:
        answer = requests.post(f"{host}/v2/models/credit-risk/infer", data=body, timeout=30)
        assert answer.status_code == 400 and list(answer.json()) == ["error"], answer.text


def mlflow(host, users, rows, wanted):
    name, port = re.fullmatch(r"http://(.*):(\d+)", host).groups()
    client = ScoringServerClient(name, int(port))
    client.wait_server_ready(timeout=10)
    frame = pandas.DataFrame(rows, columns=FEATURES)
    for what, given in {
        "a frame of features": frame,
        "a frame in another order": frame[FEATURES[::-1]],
        "a frame of ids": pandas.DataFrame({"user_id": users}),
    }.items():
        same(f"mlflow {what}", client.invoke(given).get_predictions()[0], wanted)

    def post(body):
        return requests.post(f"{host}/invocations", json=body, timeout=30)

    values = [[None if value != value else value for value in row] for row in rows.tolist()]
    records = [dict(zip(FEATURES, row)) for row in values]
    columns = {name: [row[place] for row in values] for place, name in enumerate(FEATURES)}
    for body in [
        {"dataframe_split": {"columns": FEATURES, "index": list(range(len(values))), "data": values}},
        {"dataframe_split": {"columns": ["user_id"], "data": [[user] for user in users]}},
        {"dataframe_records": records},
        {"dataframe_records": [{"user_id": user} for user in users]},
        {"instances": records},
        {"instances": values},
        {"instances": users},
        {"inputs": columns},
        {"inputs": values},
        {"inputs": {"user_id": users}, "params": {}},
    ]:
        answer = post(body)
        assert answer.status_code == 200, answer.text
        same(f"mlflow {list(body)}", answer.json()["predictions"], wanted)
    for body, code in [
        ({}, "bad_body"),
        ({"instances": users, "inputs": users}, "bad_body"),
        ({"instances": [{"age": 1}]}, "bad_features"),
        ({"instances": [NOBODY]}, "unknown_user"),
        ({"instances": users, "params": {"temperature": 1}}, "bad_body"),
        ({"instances": [[1, 2], [3]]}, "bad_body"),
    ]:
        answer = post(body)
        assert answer.json()["error_code"] == code and 400 <= answer.status_code < 500, answer.text
    assert requests.get(f"{host}/ping", timeout=30).status_code == 200
    assert re.fullmatch(r"\d+\.\d+\.\d+", requests.get(f"{host}/version", timeout=30).text)


def feast(host, own, users):
    asked = {"features": ["credit-risk:age", "nb_previous_loans"], "entities": {"user_id": [*users, NOBODY]}}
    answer = requests.post(f"{host}/get-online-features", json=asked, timeout=30)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["metadata"]["feature_names"] == ["user_id", "age", "nb_previous_loans"], told
    entity, age, loans = told["results"]
    assert entity["values"] == [*users, NOBODY]
    for place, user in enumerate(users):
        ours = own.features(user).json()
        for name, column in [("age", age), ("nb_previous_loans", loans)]:
            assert column["values"][place] == ours["features"][name], (user, name)
            assert column["statuses"][place] == ours["statuses"][name], (user, name)
            assert column["event_timestamps"][place] == f"{ours['event_time']}T00:00:00Z", (user, name)
    assert (age["values"][-1], age["statuses"][-1]) == (None, "NOT_FOUND"), age
    everything = {"feature_service": "credit-risk", "entities": {"user_id": users}, "full_feature_names": True}
    names = requests.post(f"{host}/get-online-features", json=everything, timeout=30).json()["metadata"]["feature_names"]
    assert names == ["user_id", *(f"credit-risk__{name}" for name in FEATURES)], names
    for bad in [{}, {"features": ["x"], "entities": {"user_id": [1]}}, {"features": ["age"], "entities": {"driver": [1]}}]:
        answer = requests.post(f"{host}/get-online-features", json=bad, timeout=30)
        assert answer.status_code == 400 and "detail" in answer.json(), answer.text


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        prepare(folder)
        serve = "serve --insecure-loopback --modules modules --data data --listen 127.0.0.1:0"
        process = subprocess.Popen([BINARIES / "countersign", *serve.split()], cwd=folder, stdout=subprocess.PIPE, text=True)
        try:
            host = process.stdout.readline().split()[-1]
            run(folder, "feature-job", "publish", "--features", "features.parquet", "--to", host)
            ScoringServerClient(*re.fullmatch(r"http://(.*):(\d+)", host).groups()).wait_server_ready(timeout=60)
            own = Own(host)
            users = known_users(folder)
            rows = numpy.array([[numpy.nan if (value := own.features(user).json()["features"][name]) is None else value for name in FEATURES] for user in users])
            answers = [requests.get(f"{host}/v1/users/{user}/prediction", timeout=30).json() for user in users]
            wanted, decisions = [answer["probability"] for answer in answers], [answer["decision"] for answer in answers]
            assert len(set(wanted)) > 5 and numpy.isnan(rows).any(), "the users differ, and some values are missing"
            many = requests.post(f"{host}/v1/predictions", json={"user_ids": users}, timeout=30).json()["predictions"]
            same("/v1/predictions", [one["probability"] for one in many], wanted)
            given = [{name: None if value != value else value for name, value in zip(FEATURES, row)} for row in rows.tolist()]
            scores = requests.post(f"{host}/v1/models/credit-risk/score", json={"rows": given}, timeout=30).json()["scores"]
            same("/v1/models/credit-risk/score", [one["probability"] for one in scores], wanted)
            open_inference(host, users, rows, wanted, decisions)
            mlflow(host, users, rows, wanted)
            feast(host, own, users)
            print(f"{len(users)} users: the same scores through every protocol, bit for bit")
        finally:
            process.kill()
            process.wait()


def known_users(folder, most=60):
    """The ids of some users, in the order of the loan file."""
    lines = (folder / "loans.csv").read_text().splitlines()
    place = lines[0].split(",").index("id")
    return list(dict.fromkeys(int(line.split(",")[place]) for line in lines[1:]))[:most]


main()
