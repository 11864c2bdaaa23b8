"""Makes what the rivals serve: `rival_model.py FEATURES FOLDER` writes a forest of the same size, a SQLite table, MLServer's settings."""

import json
import pathlib
import sqlite3
import sys

import joblib
import pandas
from sklearn.ensemble import RandomForestClassifier

NAMES = ["nb_previous_loans", "avg_amount_loans_previous", "age", "years_on_the_job", "flag_own_car"]
table = pandas.read_parquet(sys.argv[1])
folder = pathlib.Path(sys.argv[2])
latest = table.groupby("id").tail(1)
forest = RandomForestClassifier(n_estimators=100, max_depth=8, random_state=1, n_jobs=1)
forest.fit(table[NAMES].fillna(-1.0).to_numpy(), table["status"].to_numpy())
joblib.dump(forest, folder / "model.joblib")
with sqlite3.connect(folder / "features.sqlite") as database:
    latest[["id", *NAMES]].to_sql("features", database, index=False)
    database.execute("create unique index by_id on features (id)")
(folder / "mlserver").mkdir(exist_ok=True)
settings = {"name": "credit-risk", "implementation": "mlserver_sklearn.SKLearnModel", "parameters": {"uri": str(folder / "model.joblib")}}
(folder / "mlserver" / "model-settings.json").write_text(json.dumps(settings))
