"""The churn model as a FastAPI application on ONNX Runtime, one thread in each worker.

The file named by BENCH_MODEL is the served one without its last node, which would make a dictionary of each row.
"""

import os

import numpy as np
import onnxruntime
from fastapi import FastAPI
from rows import Row, answer

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"])
types = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(string)": object}
inputs = [(value.name, types[value.type]) for value in session.get_inputs()]

app = FastAPI()


# The prediction takes less than handing it to a thread would, so it stays on the event loop.
@app.post("/predict")
async def predict(row: Row):
    values = {name: np.array([[getattr(row, name)]], dtype=kind) for name, kind in inputs}
    labels, probabilities = session.run(["label", "probabilities"], values)
    return answer(row, labels[0], probabilities[0].tolist())
