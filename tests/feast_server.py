"""Feast's own feature server and ours give the same answers to the same questions.

`feast_server.py BINARIES` computes the features of a sample, publishes them to a real host, materializes the same rows in a Feast
repository (benches/speed/rival_feast.py), starts `feast serve`, and asks both. Names, statuses, and every value, to the last bit, must be
equal, and the times must be the same moments. Ours come in the order asked for; Feast keeps the entity first and the features in no
order (it holds them in a set), so that its clients look by name. For a value that is missing its protocol has the status NULL_VALUE, which
its server in Python never uses: that says PRESENT and null, ours NULL_VALUE and null.
"""

import contextlib
import datetime
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import pandas

from workshop import BINARIES, prepare, run

HERE = pathlib.Path(__file__).parent
NOBODY = 999_999_999


def ask(url, question):
    """Gives the status and the answer."""
    request = urllib.request.Request(f"{url}/get-online-features", json.dumps(question).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


@contextlib.contextmanager
def started(words, url, path, **more):
    """A server, from its first answer on."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
    try:
        for _ in range(600):
            assert process.poll() is None, f"{words} ended with {process.returncode}"
            with contextlib.suppress(OSError):
                urllib.request.urlopen(url + path, timeout=5).close()
                break
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def free_url():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def compare(what, ours, theirs):
    """Holds two answers against each other."""
    (entity, *names), (their_entity, *their_names) = (answer["metadata"]["feature_names"] for answer in (ours, theirs))
    assert entity == their_entity and sorted(names) == sorted(their_names), (what, names, their_names)
    mine_by_name = zip([entity, *names], ours["results"], strict=True)
    theirs_by_name = dict(zip([entity, *their_names], theirs["results"], strict=True))
    for name, mine in mine_by_name:
        other = theirs_by_name[name]
        assert mine.keys() == other.keys(), (what, name, mine.keys(), other.keys())
        # Values are written with all digits, so that equal numbers have equal bits; 2 and 2.0 are one number.
        times = ([moment(text) for text in answer["event_timestamps"]] for answer in (mine, other))
        for row, pair in enumerate(zip(zip(mine["values"], mine["statuses"], next(times)), zip(other["values"], other["statuses"], next(times)))):
            if pair[0][:2] == (None, "NULL_VALUE"):
                pair = ((None, "PRESENT", pair[0][2]), pair[1])
            assert pair[0] == pair[1], (what, name, row, *pair)


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        prepare(folder)
        rival = [sys.executable, HERE / "benches/speed/rival_feast.py", folder / "features.parquet", folder / "feast"]
        subprocess.run(rival, check=True, capture_output=True)
        store = pandas.read_parquet(folder / "features.parquet").groupby("id").tail(1)
        users = [int(user) for user in store["id"]]
        # A user whose first loan it is has no earlier ones: a value that is missing.
        first = [int(user) for user in store[store["avg_amount_loans_previous"].isna()]["id"]]
        assert first, "the sample has no user with one loan"
        url = free_url()
        serve = ["serve", "--insecure-loopback", "--modules", "modules", "--data", "data", "--listen", url.removeprefix("http://")]
        feast = [pathlib.Path(sys.executable).parent / "feast", "-c", folder / "feast", "serve", "--no-access-log", "--port"]
        theirs = free_url()
        with (
            started([BINARIES / "countersign", *serve], url, "/health/live", cwd=folder),
            started([*feast, theirs.rsplit(":", 1)[1]], theirs, "/health"),
        ):
            run(folder, "feature-job", "publish", "--features", "features.parquet", "--to", url)
            names = ["nb_previous_loans", "avg_amount_loans_previous", "age", "years_on_the_job", "flag_own_car"]
            full = [f"credit-risk:{name}" for name in names]
            questions = {
                "one user, one feature": {"features": ["credit-risk:age"], "entities": {"user_id": users[:1]}},
                "all users, all features": {"features": full, "entities": {"user_id": users}},
                "another order": {"features": full[::-1], "entities": {"user_id": users[:20][::-1]}},
                "a user twice": {"features": full, "entities": {"user_id": [users[0], users[0]]}},
                "an unknown user among known ones": {"features": full, "entities": {"user_id": [users[0], NOBODY, users[1]]}},
                "missing values": {"features": full, "entities": {"user_id": first}},
                "full names": {"features": full, "entities": {"user_id": users[:3]}, "full_feature_names": True},
                "a feature service": {"feature_service": "credit-risk", "entities": {"user_id": users[:3]}},
            }
            for what, question in questions.items():
                (status, mine), (other_status, other) = ask(url, question), ask(theirs, question)
                assert (status, other_status) == (200, 200), (what, mine, other)
                compare(what, mine, other)
            for what, question in {
                "an unknown feature": {"features": ["credit-risk:height"], "entities": {"user_id": users[:1]}},
                "another entity": {"features": full[:1], "entities": {"driver": users[:1]}},
                "no features": {"entities": {"user_id": users[:1]}},
            }.items():
                (status, mine), (other_status, other) = ask(url, question), ask(theirs, question)
                assert status >= 400 and other_status >= 400, (what, status, other_status)
                assert mine["detail"] and other, (what, mine, other)
            print(f"Feast's server and ours gave the same answers about {len(users)} users to {len(questions)} questions")


main()
