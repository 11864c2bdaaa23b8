#!/usr/bin/env python3
"""Puts a load on a host, by a scenario, and tells whether the host bore it.

`load.py SCENARIO.toml --host URL --token-file FILE --users FILE [--scale X] [--seconds X]`. The scenario (day.toml explains each
setting) has stages of so many requests a second each, and thresholds. Requests come by the clock, whether or not those before are
answered (an open model); `oha` sends them, and its latencies count from when each was due. `--users` has a user id a line. `--scale`
multiplies all rates, `--seconds` sets the length of every stage. Ends with 1 where a threshold was passed.

`load.py SCENARIO.toml .. --capacity` raises the rate of the first stage by a half until a threshold is passed, and halves the way
between the last two: the highest rate at which all held.

Needs `oha` (cargo install oha) on the PATH or named by OHA.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib

COLUMNS = "{:14} {:>9} {:>10} {:>8} {:>8} {:>8} {:>8}  {}"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("scenario", type=pathlib.Path)
    parser.add_argument("--host", required=True, help="such as http://127.0.0.1:8080")
    parser.add_argument("--token-file", type=pathlib.Path, help="a file with a token of the role predict")
    parser.add_argument("--users", type=pathlib.Path, required=True, help="a file with a user id a line")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies all rates")
    parser.add_argument("--seconds", type=int, help="the length of every stage")
    parser.add_argument("--capacity", action="store_true", help="look for the highest rate that is borne")
    return parser.parse_args()


def urls(scenario, host, users, folder):
    """Writes a list of URLs, mixed as the scenario has it."""
    drawn = random.Random(1)
    kinds = scenario["requests"]
    paths = drawn.choices([kind["path"] for kind in kinds], [kind["share"] for kind in kinds], k=20_000)
    file = folder / "urls"
    file.write_text("".join(f"{host.rstrip('/')}{path.replace('USER', drawn.choice(users))}\n" for path in paths))
    return file


def run(oha, stage, scenario, token, file):
    """Runs one stage, and gives its figures."""
    rate, seconds = stage["per_second"], stage["seconds"]
    words = [oha, "--no-tui", "--output-format", "json", "-z", f"{seconds}s", "-q", f"{rate:.0f}", "-c", str(scenario["connections"])]
    words += ["--latency-correction", "--disable-compression", "--urls-from-file", file]
    words += ["-H", f"authorization: Bearer {token}"] if token else []
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, f"oha failed: {done.stderr}"
    told = json.loads(done.stdout)
    answers = {int(code): count for code, count in told["statusCodeDistribution"].items()}
    # What was under way when the time was over is neither answered nor failed.
    errors = sum(count for error, count in told["errorDistribution"].items() if "deadline" not in error)
    asked = sum(answers.values()) + errors
    failed = errors + sum(count for code, count in answers.items() if code >= 400)
    percentiles = {name: (told["latencyPercentiles"][name] or 0) * 1e3 for name in ["p50", "p99", "p99.9"]}
    return {
        "offered_share": asked / (rate * seconds),
        "failed_share": failed / max(asked, 1),
        "per_second": (asked - failed) / seconds,
        "p50_ms": percentiles["p50"],
        "p99_ms": percentiles["p99"],
        "p999_ms": percentiles["p99.9"],
    }


def passed(figures, thresholds):
    """Names the thresholds that were passed."""
    found = []
    for name, bound in thresholds.items():
        least = name.endswith("_min")
        value = figures[name.removesuffix("_min")]
        if value < bound if least else value > bound:
            found.append(f"{name.removesuffix('_min')} is {value:.4g}, {'at least' if least else 'at most'} {bound} was wanted")
    return found


def show(stage, figures, complaints):
    shown = [figures["per_second"], figures["p50_ms"], figures["p99_ms"], figures["p999_ms"]]
    name, rate = stage["name"], stage["per_second"]
    row = [name, f"{rate:.0f}", f"{shown[0]:.0f}", *(f"{value:.2f}" for value in shown[1:]), f"{figures['failed_share']:.2%}"]
    print(COLUMNS.format(*row, "; ".join(complaints) or "held"), flush=True)


def main():
    asked = arguments()
    oha = os.environ.get("OHA") or shutil.which("oha") or sys.exit("load: oha is missing: cargo install oha")
    scenario = tomllib.loads(asked.scenario.read_text())
    users = asked.users.read_text().split()
    users and all(user.isdigit() for user in users) or sys.exit(f"load: {asked.users} has to hold a user id a line")
    token = asked.token_file.read_text().strip() if asked.token_file else None
    stages = [{**stage, "per_second": stage["per_second"] * asked.scale} for stage in scenario["stages"]]
    if asked.seconds:
        stages = [{**stage, "seconds": asked.seconds} for stage in stages]
    with tempfile.TemporaryDirectory() as folder:
        file = urls(scenario, asked.host, users, pathlib.Path(folder))
        print(COLUMNS.format("stage", "due/s", "answered/s", "p50 ms", "p99 ms", "p99.9 ms", "failed", "thresholds"))

        def held(stage):
            figures = run(oha, stage, scenario, token, file)
            complaints = passed(figures, scenario["thresholds"] | stage.get("thresholds", {}))
            show(stage, figures, complaints)
            return not complaints

        if not asked.capacity:
            # All of them, and then the verdict: a stage that fails is no reason not to see the next.
            sys.exit(0 if all([held(stage) for stage in stages]) else 1)
        rate, last = stages[0]["per_second"], 0
        while held(stages[0] | {"name": "more", "per_second": rate}):
            last, rate = rate, rate * 1.5
        for _ in range(4):
            middle = (last + rate) / 2
            last, rate = (middle, rate) if held(stages[0] | {"name": "between", "per_second": middle}) else (last, middle)
        print(f"the highest rate at which all thresholds held: {last:.0f} requests a second")


main()
