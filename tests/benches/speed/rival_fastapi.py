"""What is usually built: FastAPI, a scikit-learn model from joblib, features in SQLite. `uvicorn rival_fastapi:app`."""

import os
import sqlite3

import joblib
from fastapi import FastAPI, HTTPException

NAMES = ["nb_previous_loans", "avg_amount_loans_previous", "age", "years_on_the_job", "flag_own_car"]
model = joblib.load(os.environ["RIVAL_MODEL"])
database = sqlite3.connect(os.environ["RIVAL_DATABASE"], check_same_thread=False)
app = FastAPI()


def row(user):
    found = database.execute(f"select {', '.join(NAMES)} from features where id = ?", (user,)).fetchone()
    if found is None:
        raise HTTPException(404, "unknown user")
    return found


@app.get("/users/{user}/features")
async def features(user: int):
    return {"user_id": user, "features": dict(zip(NAMES, row(user)))}


@app.get("/users/{user}/prediction")
async def prediction(user: int):
    found = row(user)
    score = float(model.predict_proba([[-1.0 if value is None else value for value in found]])[0, 1])
    return {"user_id": user, "probability": score, "features": dict(zip(NAMES, found))}
