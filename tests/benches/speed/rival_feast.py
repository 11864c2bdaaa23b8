"""A Feast repository with the same features in its SQLite online store: `rival_feast.py FEATURES FOLDER`, then `feast -c FOLDER serve`."""

import datetime
import pathlib
import sys

import pandas
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource
from feast.types import Float64, Int64
from feast.value_type import ValueType

NAMES = ["nb_previous_loans", "avg_amount_loans_previous", "age", "years_on_the_job", "flag_own_car"]
folder = pathlib.Path(sys.argv[2])
folder.mkdir(exist_ok=True)
latest = pandas.read_parquet(sys.argv[1]).groupby("id").tail(1)
latest = latest.rename(columns={"id": "user_id"})[["user_id", "loan_date", *NAMES]]
latest["event_timestamp"] = pandas.to_datetime(latest.pop("loan_date"), utc=True)
latest.to_parquet(folder / "latest.parquet")
(folder / "feature_store.yaml").write_text(
    "project: credit\nregistry: registry.db\nprovider: local\nonline_store:\n  type: sqlite\n  path: online.db\nentity_key_serialization_version: 3\n"
)
store = FeatureStore(repo_path=str(folder))
user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.INT64)
source = FileSource(path=str(folder / "latest.parquet"), timestamp_field="event_timestamp")
types = {name: Float64 if str(latest[name].dtype).startswith("float") else Int64 for name in NAMES}
fields = [Field(name=name, dtype=types[name]) for name in NAMES]
view = FeatureView(name="credit-risk", entities=[user], ttl=datetime.timedelta(0), schema=fields, source=source)
store.apply([user, view, FeatureService(name="credit-risk", features=[view])])
store.materialize(datetime.datetime(2000, 1, 1), datetime.datetime.now())
