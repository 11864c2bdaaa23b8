"""Runs load.py with a stand-in for `oha`, and a host that answers everything: what of a load needs no load.

That a fault in a scenario, in what is given or in the host ends with 2 and its name before anything is sent; that what was not measured holds
no threshold; and that the search for the highest rate comes to its end. deploy/story.sh puts a real load on a real host.
"""

import http.server
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

FOLDER = pathlib.Path(__file__).resolve().parent
DAY = (FOLDER / "day.toml").read_text()
# Sends nothing. Answers as many requests as it is told to, within 1 ms up to a rate, and within 500 beyond it.
OHA = """#!{python}
import json, sys
told = dict(zip(sys.argv, sys.argv[1:]))
rate, seconds = float(told["-q"]), float(told["-z"].removesuffix("s"))
count = int(min(rate, {sent_max}) * seconds)
latency = None if count == 0 else 0.001 if rate <= {borne} else 0.5
print(json.dumps({{
    "statusCodeDistribution": {{"200": count}} if count else {{}},
    "errorDistribution": {{"aborted due to deadline": 3}},
    "latencyPercentiles": {{name: latency for name in ["p50", "p99", "p99.9"]}},
}}))
"""


class Host(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(401 if self.headers.get("authorization") == "Bearer another" else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    with tempfile.TemporaryDirectory() as folder, http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        folder = pathlib.Path(folder)
        url = f"http://127.0.0.1:{server.server_port}"
        for name, text in {
            "users": "5008804\n5008806\n", "none": "\n", "nobody": "5008804\n\nnobody\n", "token": "a-token\n", "another": "another\n",
        }.items():  # fmt: skip
            (folder / name).write_text(text)
        (folder / "huge").touch()
        (folder / "huge").open("r+b").truncate(65 << 20)

        def check(code, wanted, *words, scenario=DAY, host=url, users="users", token="token", sent_max=1e9, borne=3000):
            (folder / "scenario.toml").write_text(scenario)
            (folder / "oha").write_text(OHA.format(python=sys.executable, sent_max=sent_max, borne=borne))
            (folder / "oha").chmod(0o755)
            given = ["--host", host, "--users", folder / users, "--token-file", folder / token]
            command = [sys.executable, FOLDER / "load.py", folder / "scenario.toml", *given, *words]
            done = subprocess.run(command, env={"OHA": str(folder / "oha")}, capture_output=True, text=True, timeout=60)
            said = done.stdout + done.stderr
            if done.returncode != code or wanted not in said:
                sys.exit(f"load.py {words}: ended with {done.returncode}, not {code}, or does not say `{wanted}`: {said}")

        def without(pattern, text=""):
            changed = re.sub(pattern, text, DAY, count=1, flags=re.MULTILINE)
            assert changed != DAY, pattern
            return changed

        check(2, "knows no `p99_msec`", scenario=without("^p99_ms", "p99_msec"))
        check(2, "knows no `conections`", scenario=without("^connections", "conections"))
        check(2, "[[stages]] 1 has no `seconds`", scenario=without("^seconds = 60\n"))
        check(2, "`per_second` is 0,", scenario=without("^per_second = 200$", "per_second = 0"))
        check(2, "`connections` is 1.5,", scenario=without("^connections = 64", "connections = 1.5"))
        check(2, "`share` is '0.8',", scenario=without("^share = 0.8", 'share = "0.8"'))
        check(2, "`path` is 'v1',", scenario=without("^path = .*", 'path = "v1"'))
        check(2, "`failed_share` is nan,", scenario=without("^failed_share = 0", "failed_share = nan"))
        check(2, "Invalid value", scenario=without("^connections = 64", "connections = "))
        check(2, "has no `thresholds`", scenario=without(r"^\[thresholds\](\n.*)*"))
        check(2, "are not one request", "--scale", "0.001", "--seconds", "1")
        check(2, "0 is not above 0", "--scale", "0")
        check(2, "has no user id", users="none")
        check(2, "line 3: 'nobody'", users="nobody")
        check(2, "is larger than 64 MiB", users="huge")
        check(2, "cannot read", users="missing")
        check(2, "holds no token", token="none")
        check(2, "answers 401", token="another")
        check(2, "does not answer", host="http://127.0.0.1:1")
        check(2, "the address alone is wanted", host=f"{url}/v1")

        check(0, "held", "--scale", "0.1")
        check(0, "held", "--scale", "0.0025", "--seconds", "4")
        check(1, "p99_ms is 500, at most 20 was wanted", "--scale", "1")
        check(1, "offered_share is 0.5, at least 0.99 was wanted", "--scale", "0.1", sent_max=1000)
        check(1, "nothing was answered to tell p99_ms by", "--scale", "0.1", sent_max=0)
        check(0, "held: 2990.04 requests a second\n", "--capacity")
        check(0, "held: 1000 requests a second, where this ends", "--capacity", "--per-second-max", "1000")
        check(0, "this machine has sent 88%", "--capacity", borne=1e9, sent_max=2000)
        check(1, "at every rate", "--capacity", borne=0)


main()
