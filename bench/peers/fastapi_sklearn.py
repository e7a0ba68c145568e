"""The churn model as a FastAPI application on the scikit-learn pipeline that it was exported from.

BENCH_PIPELINE names the pickled pipeline, BENCH_TRAIN the folder of the script with its classes.
"""

import os
import sys

import joblib
import pandas as pd
from fastapi import FastAPI
from rows import Row, answer

sys.path.insert(0, os.environ["BENCH_TRAIN"])
pipeline = joblib.load(os.environ["BENCH_PIPELINE"])
app = FastAPI()


@app.post("/predict")
async def predict(row: Row):
    frame = pd.DataFrame([row.model_dump(exclude={"customer_id"})])
    frame["TotalCharges"] = frame["TotalCharges"].astype(float)
    probability = pipeline.predict_proba(frame)[0].tolist()
    return answer(row, pipeline.classes_[int(probability[1] > probability[0])], probability)
