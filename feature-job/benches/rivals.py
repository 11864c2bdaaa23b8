"""The same features by DuckDB, polars and pandas.

`rivals.py NAME LOANS.csv OUT.parquet` computes them once and prints the seconds, without those that loading the library
takes. `rivals.py compare OURS.parquet THEIRS.parquet` holds two results against each other, loan by loan.

All compute the five features at one as-of. `duckdb-checked` also checks what feature-job checks, as far as SQL can say it;
the others check nothing. feature-job moreover hashes the file, computes the ages of the loan's day, and writes a report.
"""

import sys
import time

AS_OF = "2021-12-27"

FEATURES = f"""
    select loan_id, id, loan_date, status, code_gender, name_housing_type,
        row_number() over w - 1 as nb_previous_loans,
        avg(loan_amount) over (w rows between unbounded preceding and 1 preceding) as avg_amount_loans_previous,
        (date '{AS_OF}' - birthday) // 365 as age,
        case when job_start_date <= date '{AS_OF}' then (date '{AS_OF}' - job_start_date) // 365 end as years_on_the_job,
        case when flag_own_car = 'N' then 0 else 1 end as flag_own_car
    from loans
    window w as (partition by id order by loan_date, line)
    order by id, loan_date, line"""

# A column's type, and the rule for its values; a missing value breaks a rule unless the rule says otherwise.
RULES = {
    "loan_id": ("bigint", "loan_id >= 0"),
    "id": ("bigint", "id >= 0"),
    "code_gender": ("varchar", "code_gender in ('F', 'M')"),
    "flag_own_car": ("varchar", "flag_own_car in ('N', 'Y')"),
    "flag_own_realty": ("varchar", "flag_own_realty in ('N', 'Y')"),
    "cnt_children": ("bigint", "cnt_children between 0 and 30"),
    "amt_income_total": ("double", "isfinite(amt_income_total) and amt_income_total >= 0"),
    "name_income_type": ("varchar", "length(name_income_type) > 0"),
    "name_education_type": ("varchar", "length(name_education_type) > 0"),
    "name_family_status": ("varchar", "length(name_family_status) > 0"),
    "name_housing_type": ("varchar", "length(name_housing_type) > 0"),
    "days_birth": ("bigint", "days_birth <= 0"),
    "days_employed": ("bigint", "true"),
    "flag_mobil": ("bigint", "flag_mobil in (0, 1)"),
    "flag_work_phone": ("bigint", "flag_work_phone in (0, 1)"),
    "flag_phone": ("bigint", "flag_phone in (0, 1)"),
    "flag_email": ("bigint", "flag_email in (0, 1)"),
    "occupation_type": ("varchar", "true"),
    "cnt_fam_members": ("double", "cnt_fam_members between 1 and 30"),
    "status": ("bigint", "status in (0, 1)"),
    "birthday": ("date", "birthday between date '1900-01-01' and loan_date"),
    "job_start_date": ("date", "job_start_date is null or job_start_date > birthday"),
    "loan_date": ("date", f"loan_date between date '1990-01-01' and date '{AS_OF}'"),
    "loan_amount": ("double", "isfinite(loan_amount) and loan_amount >= 0"),
}

# What does not change from one loan of a user to the next.
CONSTANT = [name for name in RULES if name not in ("loan_id", "status", "loan_date", "loan_amount")]


def duckdb_features(csv, out):
    import duckdb

    yield
    # Loans of one day keep the order of the file.
    duckdb.sql(f"create view loans as select *, row_number() over () as line from read_csv('{csv}')")
    duckdb.sql(f"copy ({FEATURES}) to '{out}' (format parquet, compression zstd)")


def duckdb_checked(csv, out):
    import duckdb

    yield
    with open(csv) as file:
        header = file.readline().strip().split(",")
    types = ", ".join(f"'{name}': '{RULES[name][0]}'" for name in header)
    # A value that is not of its type is a reject with its line, as feature-job has it.
    duckdb.sql(
        f"create table raw as from read_csv('{csv}', header = true, columns = {{{types}}}, store_rejects = true)"
    )
    duckdb.sql("create view loans as select *, rowid as line from raw")
    rejects = duckdb.sql("select count(*) from reject_errors").fetchall()[0][0]
    broken = ", ".join(f"count_if(not coalesce({RULES[name][1]}, false))" for name in header)
    rows, doubles, *counts = duckdb.sql(
        f"select count(*), count(*) - count(distinct loan_id), {broken} from loans"
    ).fetchall()[0]
    attributes = ", ".join(name for name in CONSTANT if name in header)
    changing = duckdb.sql(
        f"""select count(*) from (select id, min(h) <> max(h) as changes
            from (select id, hash({attributes}) as h from loans) group by id) where changes"""
    ).fetchall()[0][0]
    if rejects or doubles or changing or any(counts):
        sys.exit(f"{rows} loans break rules: {rejects=} {doubles=} {changing=} {dict(zip(header, counts))}")
    duckdb.sql(f"copy ({FEATURES}) to '{out}' (format parquet, compression zstd)")


def polars_features(csv, out):
    import datetime

    import polars as pl

    yield
    as_of = pl.lit(datetime.date.fromisoformat(AS_OF))
    years = lambda name: (as_of - pl.col(name)).dt.total_days() // 365
    (
        pl.scan_csv(csv, try_parse_dates=True)
        .sort("id", "loan_date", maintain_order=True)
        .select(
            "loan_id", "id", "loan_date", "status", "code_gender", "name_housing_type",
            nb_previous_loans=pl.col("loan_id").cum_count().over("id") - 1,
            avg_amount_loans_previous=pl.col("loan_amount").shift(1).cum_sum().over("id")
            / (pl.col("loan_id").cum_count().over("id") - 1),
            age=years("birthday"),
            years_on_the_job=pl.when(pl.col("job_start_date") <= as_of).then(years("job_start_date")),
            flag_own_car=pl.when(pl.col("flag_own_car") == "N").then(0).otherwise(1),
        )
        .collect()
        .write_parquet(out, compression="zstd")
    )


def pandas_features(csv, out, mean):
    import pandas as pd

    as_of = pd.Timestamp(AS_OF)
    frame = pd.read_csv(csv).sort_values(["id", "loan_date"], kind="stable").reset_index(drop=True)
    users = frame.groupby("id")
    frame["nb_previous_loans"] = users.cumcount()
    frame["avg_amount_loans_previous"] = mean(frame, users)
    # 3021-09-18 was no date for the nanoseconds that pandas counted in before version 3; now it is one.
    frame["age"] = (as_of - pd.to_datetime(frame["birthday"], errors="coerce")).dt.days // 365
    start = pd.to_datetime(frame["job_start_date"], errors="coerce")
    frame["years_on_the_job"] = ((as_of - start).dt.days // 365).where(start <= as_of)
    frame["flag_own_car"] = (frame["flag_own_car"] != "N").astype(int)
    columns = ["loan_id", "id", "loan_date", "status", "code_gender", "name_housing_type", "nb_previous_loans"]
    columns += ["avg_amount_loans_previous", "age", "years_on_the_job", "flag_own_car"]
    frame[columns].to_parquet(out, compression="zstd")


def pandas_idiom(csv, out):
    """The mean before each loan as it is usually written, and as the data scientist wrote it: a small series per user."""
    import pandas  # noqa: F401

    yield
    mean = lambda frame, users: users["loan_amount"].transform(lambda amounts: amounts.shift().expanding().mean())
    pandas_features(csv, out, mean)


def pandas_sums(csv, out):
    """The same by running sums over the whole column: the fastest that pandas can."""
    import pandas  # noqa: F401

    yield
    earlier = lambda frame: frame["nb_previous_loans"].where(lambda count: count > 0)
    mean = lambda frame, users: (users["loan_amount"].cumsum() - frame["loan_amount"]) / earlier(frame)
    pandas_features(csv, out, mean)


RIVALS = {
    "duckdb-checked": duckdb_checked,
    "duckdb": duckdb_features,
    "polars": polars_features,
    "pandas": pandas_idiom,
    "pandas-sums": pandas_sums,
}


def compare(ours, theirs):
    import polars as pl

    names = ["nb_previous_loans", "age", "years_on_the_job", "flag_own_car", "status"]
    mean = "avg_amount_loans_previous"
    read = lambda path: pl.read_parquet(path, columns=["loan_id", *names, mean]).cast(dict.fromkeys(names, pl.Float64))
    # What is missing is null in one library and NaN in another.
    read_sorted = lambda path: read(path).fill_nan(None).sort("loan_id")
    ours, theirs = read_sorted(ours), read_sorted(theirs)
    if not ours.drop(mean).equals(theirs.drop(mean)):
        sys.exit("the features differ")
    both = pl.DataFrame({"ours": ours[mean], "theirs": theirs[mean]})
    if both["ours"].is_null().ne(both["theirs"].is_null()).any():
        sys.exit("the mean amounts are missing in different places")
    # Sums in another order round otherwise.
    apart = both.select(((pl.col("ours") - pl.col("theirs")).abs() / pl.col("ours")).max()).item()
    if apart > 1e-9:
        sys.exit(f"the mean amounts are {apart} apart")
    print(f"equal on {len(ours)} loans, mean amounts at most {apart:.1e} apart")


def main(name, *paths):
    if name == "compare":
        return compare(*paths)
    # A rival yields once, when its library is loaded.
    rival = RIVALS[name](*paths)
    next(rival)
    start = time.perf_counter()
    next(rival, None)
    print(f"seconds {time.perf_counter() - start}")


if __name__ == "__main__":
    main(*sys.argv[1:])
