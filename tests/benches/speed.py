"""How fast the host answers, held against others in the same run on the same machine, by `wrk` over loopback.

`speed.py BINARIES [ROUNDS [SECONDS]]`. The bare axum server (host/examples/bare.rs) is the measure; what is not installed of the rivals is left
out: RIVAL_FASTAPI, RIVAL_MLSERVER and RIVAL_FEAST name Pythons that have them (speed.sh makes them). Servers take turns, round by round;
figures are medians over the rounds. CPU is what the server's processes used, by request.
"""

import contextlib
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from workshop import BINARIES, prepare, run

ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
SECONDS = int(sys.argv[3]) if len(sys.argv) > 3 else 5
HERE = pathlib.Path(__file__).parent.resolve()
USERS = 36_457
CONNECTIONS = 32
NAMES = ["nb_previous_loans", "avg_amount_loans_previous", "age", "years_on_the_job", "flag_own_car"]
LUA = """
local ids = {}
for id in io.lines("%(ids)s") do ids[#ids + 1] = id end
math.randomseed(7)
%(headers)s
request = function()
    local id = ids[math.random(#ids)]
    return %(request)s
end
done = function(summary, latency, requests)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    io.write(string.format("\\nRESULT %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99)))
end
"""


def cpu_seconds(process):
    """Gives what a process and its children have used so far."""
    total, ticks = 0.0, os.sysconf("SC_CLK_TCK")
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rsplit(") ", 1)[1].split()
                parents[int(entry.name)] = (int(fields[1]), int(fields[11]) + int(fields[12]))
    for pid, (_, used) in parents.items():
        ancestor = pid
        while ancestor > 1 and ancestor != process.pid:
            ancestor = parents.get(ancestor, (0, 0))[0]
        total += used if ancestor == process.pid else 0
    return total / ticks


def wrk(folder, url, process, ids, get=None, post=None, token=None, threads=2, connections=CONNECTIONS, seconds=SECONDS, failures_max=0.0):
    """Runs wrk once; gives requests a second, p50 and p99 in ms, and microseconds of the server's CPU by request."""
    headers = f'wrk.headers["authorization"] = "Bearer {token}"\n' if token else ""
    if post:
        path, body = post
        headers += 'wrk.headers["content-type"] = "application/json"\n'
        request = f"wrk.format('POST', '{path}', nil, ({json.dumps(body)}):gsub('ID', id))"
        request = f"wrk.format('POST', '{path}', nil, (string.gsub({json.dumps(body)}, 'ID', id)))"
    else:
        request = f"wrk.format('GET', '{get}' .. id)" if not get.endswith("=") else f"wrk.format('GET', '{get[:-1]}')"
    script = folder / "script.lua"
    script.write_text(LUA % {"ids": ids, "headers": headers, "request": request})
    before = cpu_seconds(process)
    words = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", script, url]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    used = cpu_seconds(process) - before
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", done.stdout)
    requests, micros, failed, p50, p99 = map(int, found.groups())
    # Some rivals drop connections now and then; we may not.
    assert failed <= failures_max * requests, f"{url}: {failed} of {requests} failed\n{done.stdout}"
    return requests / (micros / 1e6), p50 / 1e3, p99 / 1e3, used / requests * 1e6


@contextlib.contextmanager
def server(words, folder, line=None, port=None, environment=None, path="/"):
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE if line else subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **(environment or {})})
    try:
        if line:
            url = process.stdout.readline().split()[-1]
        else:
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 120
            while True:
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(url + path, timeout=5).read()
                    break
                assert time.monotonic() < deadline and process.poll() is None, f"{words} did not start"
                time.sleep(0.2)
        yield process, url
    finally:
        process.kill()
        process.wait()


def free_port():
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        return port.getsockname()[1]


def get(url, token=None):
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {token}"} if token else {})
    return urllib.request.urlopen(request, timeout=30).read()


def wait_ready(url):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            get(f"{url}/health/ready")
            return
        time.sleep(0.1)
    raise AssertionError("the host is not ready")


def main():
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        prepare(folder, USERS)
        run(folder, "countersign", *"tokens add --role admin --name bench --out token --tokens tokens.toml".split())
        token = (folder / "token").read_text().strip()
        serve = [BINARIES / "countersign", *"serve --tokens tokens.toml --modules modules --listen 127.0.0.1:0 --data".split()]
        host, url = stack.enter_context(server([*serve, "data"], folder, line=True))
        run(folder, "feature-job", "publish", "--features", "features.parquet", "--to", url, "--token-file", "token")
        logging, logging_url = stack.enter_context(server([*serve, "data-2", "--prediction-log", "log"], folder, line=True))
        run(folder, "feature-job", "publish", "--features", "features.parquet", "--to", logging_url, "--token-file", "token", "--restart")
        wait_ready(url)
        wait_ready(logging_url)
        lines = (folder / "loans.csv").read_text().splitlines()
        place = lines[0].split(",").index("id")
        users = list(dict.fromkeys(line.split(",")[place] for line in lines[1:]))
        assert len(users) == USERS
        ids = folder / "ids"
        ids.write_text("\n".join(users) + "\n")
        few = folder / "numbers"
        few.write_text("\n".join(map(str, range(USERS))) + "\n")
        length = len(get(f"{url}/v1/users/{users[0]}/prediction", token))
        features_length = len(get(f"{url}/v1/users/{users[0]}/features", token))
        bare, bare_url = stack.enter_context(server([BINARIES / "examples" / "bare", folder / "sled", str(USERS)], folder, line=True))

        fast = [
            (f"bare axum, a constant of {length} bytes", bare, bare_url, {"get": f"/constant/{length}=", "ids": few}),
            ("countersign, prediction", host, url, {"get": "/v1/users/", "suffix": "/prediction", "ids": ids, "token": token}),
            ("countersign, prediction, each logged", logging, logging_url, {"get": "/v1/users/", "suffix": "/prediction", "ids": ids, "token": token}),
            (f"bare axum, a constant of {features_length} bytes", bare, bare_url, {"get": f"/constant/{features_length}=", "ids": few}),
            ("countersign, features", host, url, {"get": "/v1/users/", "suffix": "/features", "ids": ids, "token": token}),
            ("axum, one sled read as JSON", bare, bare_url, {"get": "/sled/", "ids": few}),
        ]
        many = json.dumps({"user_ids": [int(user) for user in users[:1000]]})
        fast.append(("countersign, 1,000 predictions a request", host, url, {"post": ("/v1/predictions", many), "ids": ids, "token": token, "connections": 4}))
        slow = rivals(stack, folder, ids)
        results = {}
        for number in range(ROUNDS):
            for name, process, at, how in fast + ([(*rest, {**how, "failures_max": 0.05}) for *rest, how in slow] if number < 3 else []):
                how = dict(how)
                suffix = how.pop("suffix", None)
                figures = ask(folder, at, process, suffix, how)
                results.setdefault(name, []).append(figures)
        print(f"{'':48} {'requests/s':>11} {'p50 ms':>8} {'p99 ms':>8} {'CPU us':>8}")
        medians = {name: [statistics.median(column) for column in zip(*rounds)] for name, rounds in results.items()}
        for name, (rate, p50, p99, cpu) in medians.items():
            print(f"{name:48} {rate:11,.0f} {p50:8.2f} {p99:8.2f} {cpu:8.1f}")

        def ratio(one, other):
            pairs = [a[0] / b[0] for a, b in zip(results[one], results[other])]
            return f"{statistics.median(pairs):.2f} ({min(pairs):.2f} to {max(pairs):.2f})"

        names = [name for name, *_ in fast]
        print(f"predictions against the bare server: {ratio(names[1], names[0])}; logged: {ratio(names[2], names[0])}")
        print(f"features against the bare server: {ratio(names[4], names[3])}; against one sled read: {ratio(names[4], names[5])}")
        for name, *_ in slow:
            ours = names[4] if name.endswith(": features") else names[1]
            print(f"{ours} against {name}: {medians[ours][0] / medians[name][0]:,.0f} times")
        print(f"{medians[names[6]][0] * 1000:,.0f} predictions/s in batches, {1e9 / medians[names[6]][3]:,.0f} a core's second")


def ask(folder, at, process, suffix, how):
    if suffix:
        how["get"] = how["get"]
        return wrk_suffix(folder, at, process, suffix, how)
    return wrk(folder, at, process, **how)


def wrk_suffix(folder, at, process, suffix, how):
    """The same, of a path that goes on after the id."""
    ids = folder / f"ids{suffix.replace('/', '-')}"
    if not ids.exists():
        ids.write_text("".join(f"{line}{suffix}\n" for line in how["ids"].read_text().split()))
    return wrk(folder, at, process, **{**how, "ids": ids})


def rivals(stack, folder, ids):
    found = []
    if python := os.environ.get("RIVAL_FASTAPI"):
        subprocess.run([python, HERE / "speed/rival_model.py", folder / "features.parquet", folder], check=True)
        port = free_port()
        environment = {"RIVAL_MODEL": str(folder / "model.joblib"), "RIVAL_DATABASE": str(folder / "features.sqlite")}
        words = [python, "-m", "uvicorn", "rival_fastapi:app", "--app-dir", HERE / "speed", "--port", str(port), "--workers", "2", "--no-access-log"]
        process, url = stack.enter_context(server(words, folder, port=port, environment=environment, path="/openapi.json"))
        found.append(("FastAPI, scikit-learn, SQLite: prediction", process, url, {"get": "/users/", "suffix": "/prediction", "ids": ids}))
        found.append(("FastAPI, SQLite: features", process, url, {"get": "/users/", "suffix": "/features", "ids": ids}))
    if python := os.environ.get("RIVAL_MLSERVER"):
        port = free_port()
        settings = {"MLSERVER_HTTP_PORT": str(port), "MLSERVER_GRPC_PORT": str(free_port()), "MLSERVER_METRICS_PORT": str(free_port()), "MLSERVER_PARALLEL_WORKERS": "0"}
        process, url = stack.enter_context(server([pathlib.Path(python).parent / "mlserver", "start", folder / "mlserver"], folder, port=port, environment=settings, path="/v2/health/ready"))
        body = json.dumps({"inputs": [{"name": "x", "shape": [1, 5], "datatype": "FP64", "data": [3, 120.5, 33, 2, 1]}], "outputs": [{"name": "predict_proba"}]})
        found.append(("MLServer, scikit-learn: prediction of given features", process, url, {"post": ("/v2/models/credit-risk/infer", body), "ids": ids}))
    if python := os.environ.get("RIVAL_FEAST"):
        subprocess.run([python, HERE / "speed/rival_feast.py", folder / "features.parquet", folder / "feast"], check=True, capture_output=True)
        port = free_port()
        words = [pathlib.Path(python).parent / "feast", "-c", folder / "feast", "serve", "--port", str(port), "--workers", "2", "--no-access-log"]
        process, url = stack.enter_context(server(words, folder, port=port, path="/health"))
        body = json.dumps({"features": [f"credit-risk:{name}" for name in NAMES], "entities": {"user_id": ["ID"]}}).replace('"ID"', "ID")
        found.append(("Feast: features", process, url, {"post": ("/get-online-features", body), "ids": ids}))
    return found


main()
