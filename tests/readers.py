"""DuckDB, pandas and polars read what the job writes: types, nulls, statistics and order.

`readers.py FEATURE_JOB` runs that binary on a sample, and on the real loan file where it lies beside the checkout, and reads
`features.parquet`, `rejects.parquet` and what `retrieve` gives by each of the three. Needs readers-requirements.txt.
"""

import datetime
import pathlib
import subprocess
import sys
import tempfile

import duckdb
import pandas
import polars
import pyarrow.parquet

REAL = pathlib.Path(__file__).parent / "../../shared/data/dataset_credit_risk.csv.gz"
AS_OF = "2021-12-27"

# The columns that a reader counts on, with their types as DuckDB, pandas and polars call them; a whole number that may be
# missing is a float to pandas.
FEATURES = {
    "loan_id": ("BIGINT", "int64", polars.Int64),
    "id": ("BIGINT", "int64", polars.Int64),
    "loan_date": ("DATE", "object", polars.Date),
    "nb_previous_loans": ("BIGINT", "int64", polars.Int64),
    "avg_amount_loans_previous": ("DOUBLE", "float64", polars.Float64),
    "age": ("BIGINT", "int64", polars.Int64),
    "years_on_the_job": ("BIGINT", "float64", polars.Int64),
    "flag_own_car": ("BIGINT", "int64", polars.Int64),
    "age_event": ("BIGINT", "int64", polars.Int64),
    "years_on_the_job_event": ("BIGINT", "float64", polars.Int64),
    "status": ("BIGINT", "int64", polars.Int64),
    "code_gender": ("VARCHAR", "str", polars.String),
    "name_housing_type": ("VARCHAR", "str", polars.String),
}

# The published values, at as-of 2021-12-27: user, previous loans, mean amount, age, years on the job, car.
GOLDEN = [
    (5008804, 15, 128.90637116931464, 33, 12, 1),
    (5008806, 29, 136.44686401351728, 59, 3, 1),
    (5008832, 34, 128.79188634777609, 27, 4, 0),
    (5021985, 9, 153.1254538753544, 30, 11, 1),
    (5137035, 33, 126.86727391416706, 26, 6, 0),
]


def check_features(path):
    """Reads a store by all three, demands that they agree, and gives it as polars has it."""
    by_duckdb = duckdb.sql(f"select * from '{path}'")
    by_pandas = pandas.read_parquet(path)
    by_polars = polars.read_parquet(path)
    types = dict(zip(by_duckdb.columns, map(str, by_duckdb.types)))
    for name, (duckdb_type, pandas_type, polars_type) in FEATURES.items():
        found = types[name], str(by_pandas[name].dtype), by_polars[name].dtype
        assert found == (duckdb_type, pandas_type, polars_type), f"{name} is {found}"
        # A missing value is null to all of them, and no NaN stands for one.
        nulls = duckdb.sql(f"select count(*) - count({name}), count(*) from '{path}'").fetchall()[0]
        missing = by_polars[name].null_count()
        assert nulls == (missing, len(by_polars)), f"{name}: {nulls}"
        assert int(by_pandas[name].isna().sum()) == missing, name
    assert by_polars.select(polars.col(polars.Float64).is_nan().any()).sum_horizontal().item() == 0
    assert by_polars.equals(by_polars.sort("id", "loan_date", maintain_order=True)), "not sorted by user and day"
    assert len(by_pandas) == len(by_polars)
    for name in ["avg_amount_loans_previous", "age"]:
        sums = by_polars[name].sum(), float(by_pandas[name].sum())
        assert abs(sums[0] - sums[1]) <= 1e-9 * sums[0], f"{name}: {sums}"
    check_layout(path)
    return by_polars


def check_layout(path):
    """Demands statistics, by which readers skip what they do not need, and zstd."""
    metadata = pyarrow.parquet.read_metadata(path)
    for group in range(metadata.num_row_groups):
        for place in range(metadata.num_columns):
            column = metadata.row_group(group).column(place)
            assert column.compression == "ZSTD", f"{column.path_in_schema} is {column.compression}"
            statistics = column.statistics
            assert statistics is not None and statistics.has_null_count, column.path_in_schema
            assert statistics.has_min_max or statistics.null_count == column.num_values, column.path_in_schema
    keys = {key.decode() for key in metadata.metadata}
    assert {"countersign.as_of", "countersign.view", "countersign.rows"} <= keys, keys
    # What a filter by user gives is what a full read gives of it.
    one = polars.read_parquet(path).item(0, "id")
    found = duckdb.sql(f"select count(*) from '{path}' where id = {one}").fetchall()[0][0]
    assert found == polars.read_parquet(path).filter(polars.col("id") == one).height


def check_rejects(path, rows):
    found = duckdb.sql(f"select * from '{path}'")
    by_polars, by_pandas = polars.read_parquet(path), pandas.read_parquet(path)
    assert {"rule", "column", "value", "loan_id"} <= set(found.columns), found.columns
    assert len(by_polars) == len(by_pandas) == len(found.fetchall()) == rows, len(by_polars)
    assert by_polars.columns == list(by_pandas.columns) == found.columns


def check_retrieved(path, spine):
    by_polars, by_pandas = polars.read_parquet(path), pandas.read_parquet(path)
    found = duckdb.sql(f"select * from '{path}'").fetchall()
    assert len(found) == len(by_polars) == len(by_pandas) == len(spine)
    assert by_polars["age"].dtype == polars.Int64 and by_polars["avg_amount_loans_previous"].dtype == polars.Float64
    # The list's own columns are carried through as they stand, a CSV's as text.
    users = [int(user) for user in by_polars["user_id"]]
    assert users == [user for user, _ in spine], "the rows of the list keep their order"
    assert by_polars["age"].null_count() == sum(user == UNKNOWN for user in users)


UNKNOWN = 1


def sample(job, folder):
    run = lambda *words: subprocess.run([job, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    run("sample", "--users", "500", "--seed", "11", "--out", "loans.csv")
    lines = (folder / "loans.csv").read_text().splitlines()
    # Three rows that break a rule: they are set aside, and are not lost.
    amount = lines[0].split(",").index("loan_amount")
    for line in (5, 50, len(lines) - 1):
        fields = lines[line].split(",")
        fields[amount] = "a lot"
        lines[line] = ",".join(fields)
    (folder / "loans.csv").write_text("\n".join(lines) + "\n")
    run("features", "--input", "loans.csv", "--as-of", AS_OF, "--out", "features.parquet")
    store = check_features(folder / "features.parquet")
    assert len(store) == len(lines) - 1 - 3
    check_rejects(folder / "features.quality" / "rejects.parquet", 3)

    users = store["id"].unique(maintain_order=True)[:20].to_list()
    spine = [(user, "2021-06-30") for user in reversed(users)] + [(UNKNOWN, "2021-06-30")]
    (folder / "spine.csv").write_text("user_id,time\n" + "".join(f"{user},{day}\n" for user, day in spine))
    run("retrieve", "--entities", "spine.csv", "--features", "features.parquet", "--out", "training.parquet")
    check_retrieved(folder / "training.parquet", spine)


def real(job, folder):
    path = folder / "real.parquet"
    command = [job, "features", "--input", REAL.resolve(), "--as-of", AS_OF, "--out", path]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    store = check_features(path)
    assert len(store) == 777_715 and store["id"].n_unique() == 36_457
    present = {name: len(store) - store[name].null_count() for name in ("years_on_the_job", "avg_amount_loans_previous")}
    assert present == {"years_on_the_job": 649_743, "avg_amount_loans_previous": 741_258}, present
    period = store["loan_date"].min(), store["loan_date"].max()
    assert period == (datetime.date(2019, 1, 1), datetime.date(2020, 12, 30)), period
    names = ["nb_previous_loans", "avg_amount_loans_previous", "age", "years_on_the_job", "flag_own_car"]
    for user, *wanted in GOLDEN:
        query = f"select {', '.join(names)} from '{path}' where id = {user} order by nb_previous_loans desc limit 1"
        found = duckdb.sql(query).fetchall()[0]
        assert all(abs(one - other) <= 1e-6 for one, other in zip(found, wanted)), f"user {user}: {found}"


def main(job):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        sample(job, folder)
        print("a sample's files: read alike by duckdb, pandas and polars")
        if REAL.exists():
            real(job, folder)
            print("the real file's features: read alike, with the published values")
        else:
            print(f"skipped: {REAL.name} is not beside the checkout")


if __name__ == "__main__":
    main(str(pathlib.Path(sys.argv[1]).resolve()))
