"""What schemathesis must be told of our API: how lines of JSON are written and read."""

import json

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def write_lines(ctx, value):
    records = value if isinstance(value, list) else [value]
    for record in records:
        # That the one day is not after the other cannot be said in a schema.
        days = [record.get(name) for name in ("event_time", "as_of")] if isinstance(record, dict) else []
        if len(days) == 2 and all(isinstance(day, str) for day in days):
            record["event_time"], record["as_of"] = sorted(days)
    return "".join(json.dumps(record) + "\n" for record in records).encode()
