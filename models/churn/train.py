"""Trains the churn model and writes models/churn/1.

The steps: read the CSV, hold rows out, fit a scikit-learn pipeline, measure it on the held-out rows, export it to ONNX,
assert that ONNX Runtime agrees on every held-out row, write the folder.
"""

import argparse
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
from onnx.helper import make_opsetid
from skl2onnx import convert_sklearn, update_registered_converter
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from skl2onnx.operator_converters.scaler_op import convert_sklearn_scaler
from skl2onnx.shape_calculators.scaler import calculate_sklearn_scaler_output_shapes
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from common import check_against_onnxruntime, library_versions, sha256, write_model  # noqa: E402

SOURCE = "https://github.com/IBM/telco-customer-churn-on-icp4d, data/Telco-Customer-Churn.csv"
NUMBERS = ["tenure", "MonthlyCharges", "TotalCharges"]
FLAG = "SeniorCitizen"
GOLDEN_ROWS = 250
BLANKED_ROWS = 5
OPSETS = {"": 18, "ai.onnx.ml": 3}

FEATURES = {
    "gender": "the customer's gender",
    "SeniorCitizen": "1 if the customer is 65 or older",
    "Partner": "whether the customer has a partner",
    "Dependents": "whether the customer has dependents",
    "tenure": "how long the customer has stayed",
    "PhoneService": "whether the customer has a telephone line",
    "MultipleLines": "whether the customer has more than one telephone line",
    "InternetService": "the kind of internet connection",
    "OnlineSecurity": "whether online security is booked",
    "OnlineBackup": "whether online backup is booked",
    "DeviceProtection": "whether device protection is booked",
    "TechSupport": "whether technical support is booked",
    "StreamingTV": "whether television is streamed",
    "StreamingMovies": "whether films are streamed",
    "Contract": "the term of the contract",
    "PaperlessBilling": "whether bills come without paper",
    "PaymentMethod": "how bills are paid",
    "MonthlyCharges": "what the customer pays a month",
    "TotalCharges": "what the customer has paid since the beginning; null before the first bill",
}
UNITS = {"tenure": "months", "MonthlyCharges": "USD per month", "TotalCharges": "USD"}


class ExactScaler(StandardScaler):
    """A standard scaler that gives the same numbers in float32 as in float64.

    The mean is rounded to float32 and the deviation to a power of two. The subtraction then rounds once and the
    scaling not at all, so a value near a threshold falls on the same side of it in scikit-learn and in ONNX. With
    StandardScaler it may fall on the other side, and the row's probability jumps.
    """

    def fit(self, X, y=None, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.mean_ = self.mean_.astype(np.float32).astype(np.float64)
        self.scale_ = np.exp2(np.round(np.log2(self.scale_)))
        return self

    def transform(self, X, copy=None):
        return (np.asarray(X, dtype=np.float64) - self.mean_) / self.scale_


def read(path):
    """Reads the CSV: features with numbers as float32, which is what the ONNX model is given, and the label."""
    data = pd.read_csv(path, keep_default_na=False)
    data["TotalCharges"] = pd.to_numeric(data["TotalCharges"].str.strip(), errors="coerce")
    data[NUMBERS] = data[NUMBERS].astype(np.float32)
    return data[list(FEATURES)], data["Churn"]


def split(features, label):
    """Holds a quarter of the rows out, and with it a quarter of those without TotalCharges."""
    strata = label + features["TotalCharges"].isna().map(str)
    return train_test_split(features, label, test_size=0.25, stratify=strata, random_state=0)


def strings():
    return [name for name in FEATURES if name not in [*NUMBERS, FLAG]]


def build():
    """Builds the pipeline. Its parameters won a five-fold cross-validation of eight settings on the training rows."""
    numbers = Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", ExactScaler())])
    columns = ColumnTransformer(
        [
            ("numbers", numbers, NUMBERS),
            ("flag", "passthrough", [FLAG]),
            ("strings", OneHotEncoder(handle_unknown="ignore"), strings()),
        ]
    )
    trees = GradientBoostingClassifier(
        n_estimators=250, max_depth=2, learning_rate=0.05, subsample=0.7, min_samples_leaf=30, random_state=0
    )
    return Pipeline([("columns", columns), ("trees", trees)])


def measure(label, probability):
    """Measures the probability of "Yes" on held-out rows."""
    truth = (label == "Yes").to_numpy()
    return {
        "roc_auc": roc_auc_score(truth, probability),
        "accuracy": accuracy_score(truth, probability > 0.5),
        "f1": f1_score(truth, probability > 0.5),
        "log_loss": log_loss(truth, probability),
        "brier": brier_score_loss(truth, probability),
    }


def export(pipeline):
    """Exports the pipeline to ONNX with one input [N, 1] for each column of the CSV."""
    update_registered_converter(
        ExactScaler, "ExactScaler", calculate_sklearn_scaler_output_shapes, convert_sklearn_scaler,
        options={"div": ["std", "div", "div_cast"]},
    )  # fmt: skip
    types = {name: FloatTensorType for name in NUMBERS} | {FLAG: Int64TensorType}
    inputs = [(name, types.get(name, StringTensorType)([None, 1])) for name in FEATURES]
    model = convert_sklearn(pipeline, "churn", inputs, target_opset=OPSETS)
    rename(model, {"label": "class", "output_label": "label", "output_probability": "probabilities"})
    # The converter lists the opsets in the order of a set, which changes from run to run.
    del model.opset_import[:]
    model.opset_import.extend(make_opsetid(domain, version) for domain, version in OPSETS.items())
    return model


def rename(model, names):
    """Renames values of the graph."""
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for output in model.graph.output:
        output.name = names.get(output.name, output.name)


def to_inputs(features):
    """Turns rows into the model's inputs, each an array [n, 1]."""
    types = {name: np.float32 for name in NUMBERS} | {FLAG: np.int64}
    return {name: features[[name]].to_numpy().astype(types.get(name, object)) for name in FEATURES}


def golden_rows(held_out):
    """Chooses the first held-out rows, all without TotalCharges, and a few where it is blanked."""
    missing = held_out.iloc[GOLDEN_ROWS:]
    missing = missing[missing["TotalCharges"].isna()]
    blanked = held_out.iloc[:BLANKED_ROWS].assign(TotalCharges=np.float32(np.nan))
    return pd.concat([held_out.iloc[:GOLDEN_ROWS], missing, blanked])


def to_json(name, value):
    """Gives a cell as JSON has it: a number in the fewest digits that are the same float32, a missing one as null."""
    if name not in NUMBERS:
        return int(value) if name == FLAG else value
    if np.isnan(value):
        return None
    number = float(str(np.float32(value)))
    return int(number) if name == "tenure" else number


def describe(name, column):
    """Describes a feature by its training rows."""
    feature = {"name": name, "description": FEATURES[name]}
    if name not in NUMBERS:
        values = [to_json(name, value) for value in column]
        return feature | {"default": max(set(values), key=values.count), "categories": sorted(set(values))}
    feature |= {"unit": UNITS[name], "min": float(str(column.min())), "max": float(str(column.max()))}
    feature["default"] = to_json(name, column.quantile(0.5, interpolation="lower"))
    return feature | ({"nullable": True} if column.isna().any() else {})


def describe_model(train, held_out, metrics, data):
    """Makes model.toml."""
    return {
        "name": "churn",
        "version": "1",
        "task": "classification",
        "description": "Will this customer of a telecoms company leave?",
        "labels": ["No", "Yes"],
        "passthrough": ["customer_id"],
        "outputs": {"label": "label", "probability": "probabilities"},
        "features": [describe(name, train[name]) for name in FEATURES],
        "metrics": {name: round(float(value), 6) for name, value in metrics.items()},
        "translations": tomllib.loads((HERE / "translations.toml").read_text(encoding="utf-8")),
        "training": {
            "data": "Telco customer churn",
            "source": SOURCE,
            "licence": "Apache-2.0",
            "data_sha256": sha256(data),
            "rows": len(train),
            "held_out_rows": len(held_out),
            "script": "models/churn/train.py",
            "libraries": library_versions("numpy", "onnx", "pandas", "scikit-learn", "skl2onnx"),
        },
    }


def main():
    parser = argparse.ArgumentParser(description="Train the churn model.", epilog=f"The data is public: {SOURCE}")
    parser.add_argument("csv", type=Path, help="Telco-Customer-Churn.csv")
    parser.add_argument("--out", type=Path, default=HERE / "1", help="folder to write (default: models/churn/1)")
    args = parser.parse_args()

    train, held_out, train_label, held_out_label = split(*read(args.csv))
    pipeline = build().fit(train, train_label)
    metrics = measure(held_out_label, pipeline.predict_proba(held_out)[:, 1])
    model = export(pipeline)

    golden = golden_rows(held_out)
    checked = pd.concat([held_out, golden])
    worst = check_against_onnxruntime(
        model, to_inputs(checked), pipeline.predict(checked), pipeline.predict_proba(checked)
    )

    rows = [{name: to_json(name, row[name]) for name in FEATURES} for _, row in golden.iterrows()]
    cases = list(zip(rows, pipeline.predict(golden), pipeline.predict_proba(golden)))
    write_model(args.out, model, describe_model(train, held_out, metrics, args.csv), cases)
    print({name: round(float(value), 4) for name, value in metrics.items()})
    print(f"ONNX Runtime differs by at most {worst:.1e} over {len(checked)} rows; {len(cases)} golden cases")


if __name__ == "__main__":
    main()
