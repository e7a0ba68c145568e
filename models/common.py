"""What the training scripts share: checking a model against ONNX Runtime and writing its folder.

A folder is `<name>/<version>/` with `model.onnx`, `model.toml` and `golden/cases.json`.
"""

import hashlib
import json
import re
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

TOLERANCE = 1e-5
"""How far a golden probability may be from the one a runtime computes in float32."""


def sha256(path):
    """Returns the SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def library_versions(*names):
    """Returns the installed version of each library by name."""
    return {name: version(name) for name in names}


def check_against_onnxruntime(model, inputs, expected_labels, expected):
    """Asserts that ONNX Runtime gives the expected labels and probabilities, in one batch and row by row.

    `inputs` maps each input to an array of n rows, `expected` is a float array [n, classes].
    Returns the largest difference of a probability.
    """
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

    def run(rows):
        labels, probabilities = session.run(["label", "probabilities"], {k: v[rows] for k, v in inputs.items()})
        return list(labels), as_matrix(probabilities)

    count = len(expected)
    single = [run(slice(row, row + 1)) for row in range(count)]
    batches = [run(slice(0, count)), ([s[0][0] for s in single], np.concatenate([s[1] for s in single]))]
    worst = max(float(np.abs(probabilities - expected).max()) for _, probabilities in batches)
    assert worst <= TOLERANCE, f"ONNX Runtime differs by {worst:.2e} over {count} rows"
    assert all(labels == list(expected_labels) for labels, _ in batches), "ONNX Runtime gives other labels"
    return worst


def as_matrix(probabilities):
    """Turns probabilities into an array [n, classes], also those that ZipMap made a list of dictionaries."""
    if isinstance(probabilities, list):
        return np.array([list(row.values()) for row in probabilities], dtype=np.float32)
    return probabilities


def write_model(folder, model, manifest, cases):
    """Writes the folder of a model: `cases` is a list of (row, label, probabilities)."""
    (folder / "golden").mkdir(parents=True, exist_ok=True)
    onnx.checker.check_model(model, full_check=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
    (folder / "model.toml").write_text(to_toml(manifest), encoding="utf-8")
    (folder / "golden" / "cases.json").write_text(to_golden(cases), encoding="utf-8")


def to_golden(cases):
    """Formats golden cases as JSON, one case a line, so that a difference is readable."""
    lines = [
        json.dumps({"row": row, "expect": {"label": label, "probability": [float(p) for p in probabilities]}})
        for row, label, probabilities in cases
    ]
    return f'{{"tolerance": {TOLERANCE}, "cases": [\n' + ",\n".join(lines) + "\n]}\n"


def to_toml(table, path=""):
    """Formats a table as TOML: plain values first, then tables and arrays of tables.

    Strings, numbers, booleans and lists of them are written as in JSON, which TOML reads alike; so are keys with other
    characters than a bare key may have.
    """
    tables = {k: v for k, v in table.items() if is_table(v) or is_table_array(v)}
    text = "".join(f"{to_key(k)} = {to_json_text(v)}\n" for k, v in table.items() if k not in tables)
    for key, value in tables.items():
        name = path + to_key(key)
        header = f"[{name}]" if is_table(value) else f"[[{name}]]"
        for item in [value] if is_table(value) else value:
            text += f"\n{header}\n" + to_toml(item, f"{name}.")
    return text


def to_key(key):
    return key if re.fullmatch("[A-Za-z0-9_-]+", key) else to_json_text(key)


def to_json_text(value):
    return json.dumps(value, ensure_ascii=False)


def is_table(value):
    return isinstance(value, dict)


def is_table_array(value):
    return isinstance(value, list) and value != [] and all(map(is_table, value))
