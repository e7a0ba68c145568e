"""Fits the pipeline of models/churn/train.py and pickles it: `fit_churn.py PIPELINE [CSV]`.

Without the CSV it is fitted to the rows of the golden cases with their labels: a pipeline of the same steps and sizes,
but other numbers. It says which on standard output: `exact` or `golden rows`.
"""

import json
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models/churn"))
import train  # noqa: E402


def main():
    target, csv = Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None
    if csv:
        features, _, label, _ = train.split(*train.read(csv))
    else:
        cases = json.loads((ROOT / "models/churn/1/golden/cases.json").read_text())["cases"]
        features = pd.DataFrame([case["row"] for case in cases])
        features[train.NUMBERS] = features[train.NUMBERS].astype(np.float32)
        label = pd.Series([case["expect"]["label"] for case in cases])
    joblib.dump(train.build().fit(features, label), target)
    print("exact" if csv else "golden rows")


if __name__ == "__main__":
    main()
