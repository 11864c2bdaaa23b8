#!/usr/bin/env python3
"""Puts a load on a host, by a scenario, and tells whether the host bore it.

`load.py SCENARIO.toml --host URL --token-file FILE --users FILE [--scale X] [--seconds X]`. The scenario (day.toml explains each
setting) has stages of so many requests a second each, and thresholds. Requests come by the clock, whether or not those before are
answered (an open model); `oha` sends them, and its latencies count from when each was due. `--users` has a user id a line. `--scale`
multiplies all rates, `--seconds` sets the length of every stage.

`load.py SCENARIO.toml .. --capacity` raises the rate of the first stage by a half until a threshold is passed, and halves the way
between the last two: the highest rate at which all held. It ends as well where this machine cannot send what is due, and at
`--per-second-max`, and says so: then the host bears that much at least.

Ends with 0 where every threshold held, with 1 where one was passed, and with 2 where nothing could be measured: a scenario with a fault,
a host that does not answer or refuses the token.

Needs `oha` (cargo install oha) on the PATH or named by OHA. It takes headers among its arguments alone, which everybody on the
machine can read while it runs: take a token of the role predict made for this (`countersign tokens add --expires`), and remove it
afterwards.
"""

import argparse
import json
import math
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib
import urllib.error
import urllib.parse
import urllib.request

COLUMNS = "{:14} {:>9} {:>10} {:>8} {:>8} {:>8} {:>8}  {}"
# What is measured of a stage. A threshold is one of these names, for at most, or with `_min` behind it, for at least.
FIGURES = ["offered_share", "failed_share", "per_second", "p50_ms", "p99_ms", "p999_ms"]
# More users than this are not drawn from: a sample of them does as well.
USERS_BYTES_MAX = 64 * 1024 * 1024
# Below this share of what was due it is this machine that was measured, whatever a scenario allows.
OFFERED_SHARE_MIN = 0.9


def stop(text):
    """Ends where nothing can be measured."""
    print(f"load: {text}", file=sys.stderr)
    sys.exit(2)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", type=pathlib.Path)
    parser.add_argument("--host", required=True, help="such as http://127.0.0.1:8080")
    parser.add_argument("--token-file", type=pathlib.Path, help="a file with a token of the role predict")
    parser.add_argument("--users", type=pathlib.Path, required=True, help="a file with a user id a line")
    parser.add_argument("--scale", type=above(0, float), default=1.0, help="multiplies all rates")
    parser.add_argument("--seconds", type=above(0, int), help="the length of every stage")
    parser.add_argument("--capacity", action="store_true", help="look for the highest rate that is borne")
    parser.add_argument("--per-second-max", type=above(0, float), default=1_000_000, help="where --capacity ends at the latest (%(default)s)")
    return parser.parse_args()


def above(bound, kind):
    """Gives what reads a number of an argument that is finite and above a bound."""

    def number(text):
        found = kind(text)
        if not bound < found < math.inf:
            raise argparse.ArgumentTypeError(f"{text} is not above {bound}")
        return found

    return number


# Before anything is sent


def text_of(file):
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        stop(f"cannot read {file}: {error}")


def checked(scenario, where):
    """Sees that a scenario is one, and names what is wrong with it."""

    def known(table, at, required, others=()):
        isinstance(table, dict) or stop(f"{where}: {at} is to be a table")
        for name in table:
            name in {*required, *others} or stop(f"{where}: {at} knows no `{name}`, only {', '.join([*required, *others])}")
        for name in required:
            name in table or stop(f"{where}: {at} has no `{name}`")

    def number(table, at, name, kind=(int, float)):
        value = table[name]
        fine = isinstance(value, kind) and not isinstance(value, bool) and 0 < value < math.inf
        fine or stop(f"{where}: {at}: `{name}` is {value!r}, and is to be a number above 0{', a whole one' if kind is int else ''}")

    def thresholds(table, at):
        known(table, at, [], [*FIGURES, *(f"{name}_min" for name in FIGURES)])
        for name, value in table.items():
            fine = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf
            fine or stop(f"{where}: {at}: `{name}` is {value!r}, and is to be a number from 0")

    def listed(name):
        tables = scenario[name]
        isinstance(tables, list) and tables or stop(f"{where}: there is no [[{name}]]")
        return [(table, f"[[{name}]] {place}") for place, table in enumerate(tables, 1)]

    known(scenario, "the scenario", ["connections", "requests", "stages", "thresholds"])
    number(scenario, "the scenario", "connections", int)
    for kind, at in listed("requests"):
        known(kind, at, ["share", "path"])
        number(kind, at, "share")
        path = kind["path"]
        isinstance(path, str) and path.startswith("/") and not any(letter.isspace() for letter in path) or stop(
            f"{where}: {at}: `path` is {path!r}, and is to be one, such as /v1/users/USER/prediction"
        )
    for stage, at in listed("stages"):
        known(stage, at, ["name", "seconds", "per_second"], ["thresholds"])
        isinstance(stage["name"], str) or stop(f"{where}: {at}: `name` is {stage['name']!r}, and is to be a text")
        number(stage, at, "seconds", int)
        number(stage, at, "per_second")
        thresholds(stage.get("thresholds", {}), f"the thresholds of {at}")
    thresholds(scenario["thresholds"], "[thresholds]")
    return scenario


def scenario_of(file):
    try:
        return checked(tomllib.loads(text_of(file)), file)
    except tomllib.TOMLDecodeError as error:
        stop(f"{file}: {error}")


def users_of(file):
    """Reads the ids of users."""
    try:
        size = file.stat().st_size
    except OSError as error:
        stop(f"cannot read {file}: {error}")
    if size > USERS_BYTES_MAX:
        stop(f"{file} is larger than {USERS_BYTES_MAX >> 20} MiB: a sample of the users is enough, as `shuf -n 100000 {file}` draws it")
    users = text_of(file).split("\n")
    for number, user in enumerate(users, 1):
        user = user.strip()
        if user and not (user.isascii() and user.isdigit()):
            stop(f"{file}: line {number}: {user[:40]!r} is no user id")
    users = [user.strip() for user in users if user.strip()]
    return users or stop(f"{file} has no user id: one a line is wanted")


def token_of(file):
    token = text_of(file).strip()
    fine = token and token.isascii() and token.isprintable() and " " not in token
    return token if fine else stop(f"{file} holds no token: its text alone is wanted, as `countersign tokens add --out` writes it")


def preflight(host, scenario, user, token):
    """Asks once for each kind of request: a host that is not there, or does not know the token, is no host under load."""
    url = urllib.parse.urlsplit(host)
    if url.scheme not in ("http", "https") or not url.netloc or url.path.strip("/") or url.query:
        stop(f"--host {host}: the address alone is wanted, such as http://127.0.0.1:8080")
    for kind in scenario["requests"]:
        path = kind["path"].replace("USER", user)
        request = urllib.request.Request(f"{host.rstrip('/')}{path}", headers={"authorization": f"Bearer {token}"} if token else {})
        try:
            urllib.request.urlopen(request, timeout=10).close()
        except urllib.error.HTTPError as error:
            if error.code in (401, 403):
                stop(f"{host} answers {error.code} to {path}: {'the token is not one of the role predict' if token else 'it wants a --token-file'}")
        except (OSError, ValueError) as error:
            stop(f"{host} does not answer: {getattr(error, 'reason', error)}")


# The load


def urls(scenario, host, users, folder):
    """Writes a list of URLs, mixed as the scenario has it."""
    drawn = random.Random(1)
    kinds = scenario["requests"]
    paths = drawn.choices([kind["path"] for kind in kinds], [kind["share"] for kind in kinds], k=20_000)
    file = folder / "urls"
    file.write_text("".join(f"{host.rstrip('/')}{path.replace('USER', drawn.choice(users))}\n" for path in paths))
    return file


def run(oha, stage, scenario, token, file):
    """Runs one stage, and gives its figures; none stands for what nothing was answered to measure by."""
    rate, seconds = stage["per_second"], stage["seconds"]
    words = [oha, "--no-tui", "--output-format", "json", "-z", f"{seconds}s", "-q", f"{rate:.6g}", "-c", str(scenario["connections"])]
    words += ["--latency-correction", "--disable-compression", "--urls-from-file", file]
    words += ["-H", f"authorization: Bearer {token}"] if token else []
    done = subprocess.run(words, capture_output=True, text=True)
    done.returncode == 0 or stop(f"oha ended with {done.returncode}: {done.stderr.strip()}")
    told = json.loads(done.stdout)
    answers = {int(code): count for code, count in told["statusCodeDistribution"].items()}
    # What was under way when the time was over is neither answered nor failed.
    errors = sum(count for error, count in told["errorDistribution"].items() if "deadline" not in error)
    asked = sum(answers.values()) + errors
    failed = errors + sum(count for code, count in answers.items() if code >= 400)
    percentiles = {name: told["latencyPercentiles"][name] for name in ["p50", "p99", "p99.9"]}
    in_ms = lambda name: None if percentiles[name] is None else percentiles[name] * 1e3
    return {
        "offered_share": asked / (rate * seconds),
        "failed_share": failed / asked if asked else None,
        "per_second": (asked - failed) / seconds,
        "p50_ms": in_ms("p50"),
        "p99_ms": in_ms("p99"),
        "p999_ms": in_ms("p99.9"),
    }


def passed(figures, thresholds):
    """Names the thresholds that were passed. What could not be measured has passed its own."""
    found = []
    for name, bound in thresholds.items():
        least = name.endswith("_min")
        figure = name.removesuffix("_min")
        value = figures[figure]
        if value is None:
            found.append(f"nothing was answered to tell {figure} by")
        elif value < bound if least else value > bound:
            found.append(f"{figure} is {value:.4g}, {'at least' if least else 'at most'} {bound} was wanted")
    return found


def show(stage, figures, complaints):
    said = lambda value, form: "-" if value is None else form.format(value)
    latencies = [said(figures[name], "{:.2f}") for name in ["p50_ms", "p99_ms", "p999_ms"]]
    row = [stage["name"], f"{stage['per_second']:.6g}", f"{figures['per_second']:.6g}", *latencies, said(figures["failed_share"], "{:.2%}")]
    print(COLUMNS.format(*row, "; ".join(complaints) or "held"), flush=True)


def capacity(first, measure, per_second_max):
    """Looks for the highest rate at which all thresholds held; gives whether there was one."""
    told = lambda rate, why="": print(f"the highest rate at which all thresholds held: {rate:.6g} requests a second{why}")

    def borne(name, rate):
        figures, held = measure(first | {"name": name, "per_second": rate})
        if figures["offered_share"] < OFFERED_SHARE_MIN:
            print(f"of what was due this machine has sent {figures['offered_share']:.0%}: it may be slower than the host")
            return False
        return held

    rate, last = min(first["per_second"], per_second_max), 0
    while borne("more", rate):
        if rate >= per_second_max:
            told(rate, ", where this ends (--per-second-max): the host bears that at least")
            return True
        last, rate = rate, min(rate * 1.5, per_second_max)
    for _ in range(4):
        middle = (last + rate) / 2
        last, rate = (middle, rate) if borne("between", middle) else (last, middle)
    if last == 0:
        print(f"from {rate:.6g} requests a second on, some threshold was passed at every rate")
        return False
    told(last)
    return True


def main():
    asked = arguments()
    oha = os.environ.get("OHA") or shutil.which("oha") or stop("oha is missing: cargo install oha")
    scenario = scenario_of(asked.scenario)
    users = users_of(asked.users)
    token = token_of(asked.token_file) if asked.token_file else None
    stages = [{**stage, "per_second": stage["per_second"] * asked.scale} for stage in scenario["stages"]]
    if asked.seconds:
        stages = [{**stage, "seconds": asked.seconds} for stage in stages]
    for stage in stages:
        if stage["per_second"] * stage["seconds"] < 1:
            stop(f"{stage['name']}: {stage['per_second']:.6g} requests a second for {stage['seconds']} s are not one request")
    preflight(asked.host, scenario, users[0], token)
    with tempfile.TemporaryDirectory() as folder:
        file = urls(scenario, asked.host, users, pathlib.Path(folder))
        print(COLUMNS.format("stage", "due/s", "answered/s", "p50 ms", "p99 ms", "p99.9 ms", "failed", "thresholds"))

        def measure(stage):
            """Gives a stage's figures, and whether its thresholds held."""
            figures = run(oha, stage, scenario, token, file)
            complaints = passed(figures, scenario["thresholds"] | stage.get("thresholds", {}))
            show(stage, figures, complaints)
            return figures, not complaints

        if asked.capacity:
            fine = capacity(stages[0], measure, asked.per_second_max)
        else:
            # All of them, and then the verdict: a stage that fails is no reason not to see the next.
            fine = all([measure(stage)[1] for stage in stages])
    sys.exit(0 if fine else 1)


main()
