"""The same features by DuckDB, polars or pandas: `rivals.py LIBRARY LOANS.csv OUT.parquet` prints the median seconds.

They compute the five features at one as-of and check nothing; feature-job also checks every value, hashes the file and
computes the ages of the loan's day.
"""

import statistics
import sys
import time

AS_OF = "2021-12-27"


def duckdb(csv, out):
    import duckdb

    duckdb.sql(f"""
        copy (
            select loan_id, id, loan_date, status, code_gender, name_housing_type,
                row_number() over w - 1 as nb_previous_loans,
                avg(loan_amount) over (w rows between unbounded preceding and 1 preceding) as avg_amount_loans_previous,
                (date '{AS_OF}' - birthday) // 365 as age,
                case when job_start_date <= date '{AS_OF}' then (date '{AS_OF}' - job_start_date) // 365 end
                    as years_on_the_job,
                case when flag_own_car = 'N' then 0 else 1 end as flag_own_car
            from read_csv('{csv}')
            window w as (partition by id order by loan_date)
            order by id, loan_date
        ) to '{out}' (format parquet, compression zstd)""")


def polars(csv, out):
    import datetime

    import polars as pl

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


def pandas(csv, out):
    import pandas as pd

    as_of = pd.Timestamp(AS_OF)
    frame = pd.read_csv(csv).sort_values(["id", "loan_date"], kind="stable")
    users = frame.groupby("id")
    frame["nb_previous_loans"] = users.cumcount()
    frame["avg_amount_loans_previous"] = (users["loan_amount"].cumsum() - frame["loan_amount"]) / frame[
        "nb_previous_loans"
    ].where(lambda count: count > 0)
    frame["age"] = (as_of - pd.to_datetime(frame["birthday"], errors="coerce")).dt.days // 365
    start = pd.to_datetime(frame["job_start_date"], errors="coerce")
    frame["years_on_the_job"] = ((as_of - start).dt.days // 365).where(start <= as_of)
    frame["flag_own_car"] = (frame["flag_own_car"] != "N").astype(int)
    frame.to_parquet(out, compression="zstd")


if __name__ == "__main__":
    name, csv, out = sys.argv[1:]
    __import__(name)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        globals()[name](csv, out)
        seconds.append(time.perf_counter() - start)
    print(statistics.median(seconds))
