"""The data that the models are trained on: what scikit-learn bundles, and the Telco churn table."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import StandardScaler

# More rows would only make the nearest-neighbour models larger, as they carry their training rows.
DIGITS_ROWS = 300
TELCO_ROWS = 1500
TRAINING_SHARE = 0.6

TELCO_STRINGS = ["gender", "Partner", "InternetService", "Contract", "PaperlessBilling", "PaymentMethod"]
TELCO_NUMBERS = ["tenure", "MonthlyCharges", "TotalCharges"]


@dataclass
class Data:
    """Rows in a fixed shuffled order; the first `training` of them are the training rows."""

    X: np.ndarray | pd.DataFrame
    y: np.ndarray | None
    # A text vectorizer takes a flat list of documents while its graph takes a column [N, 1].
    is_text: bool = False

    @property
    def training(self):
        return int(len(self.X) * TRAINING_SHARE)


def take(X, rows):
    """The given rows of an array or a table."""
    return X.iloc[rows].reset_index(drop=True) if isinstance(X, pd.DataFrame) else X[rows]


def shuffled(X, y, limit=None, **more):
    """`Data` in a fixed random order, cut to `limit` rows."""
    order = np.random.RandomState(0).permutation(len(X))[:limit]
    return Data(take(X, order), np.asarray(y)[order], **more)


def bundled(load, scale=False, names=False, limit=None):
    """One of scikit-learn's data sets, with standardised columns or class names where asked for."""
    raw = load()
    X = StandardScaler().fit_transform(raw.data) if scale else raw.data
    return shuffled(X, raw.target_names[raw.target].astype(object) if names else raw.target, limit)


def with_gaps(data):
    """The same data with every tenth value missing."""
    gaps = np.random.RandomState(1).rand(*data.X.shape) < 0.1
    return Data(np.where(gaps, np.nan, data.X), data.y)


def with_targets(data, *targets):
    """The same rows with other targets, one column each."""
    return Data(data.X, np.column_stack(targets))


def two_questions(names=False):
    """Iris with two class targets: the species, and whether the petal is longer than the median."""
    data = load("iris-names" if names else "iris")
    long_petal = data.X[:, 2] > np.median(data.X[:, 2])
    return with_targets(
        data, data.y, np.where(long_petal, "long", "short") if names else long_petal.astype(int)
    )


def labels_present(constant=False):
    """Iris as a multi-label problem; optionally with one label that no row lacks."""
    data = load("iris")
    targets = [data.y == 0, data.X[:, 0] > 5.8, data.X[:, 1] > 3.0]
    if constant:
        targets[2] = np.ones(len(data.y))
    return Data(data.X, np.column_stack(targets).astype(np.int64))


def kernel_matrix():
    """Kernel of every iris row with the training rows, as KernelCenterer wants it."""
    data = load("iris")
    return Data(rbf_kernel(data.X, data.X[: data.training]), data.y)


def coarse_digits():
    """Grey values in three categories; columns where the training rows have all three."""
    data = load("digits")
    values = data.X // 6
    complete = [len(np.unique(column[: data.training])) == 3 for column in values.T]
    return Data(values[:, complete][:, :20], data.y)


def text():
    """Sentences of the data sets' own descriptions; the class is the data set that is described."""
    loaders = ("iris", "wine", "breast_cancer", "digits", "diabetes", "linnerud")
    lines = [
        (line.strip(), name)
        for name in loaders
        for line in getattr(datasets, f"load_{name}")().DESCR.splitlines()
        if len(line.split()) > 3 and line.isascii()
    ]
    sentences, names = np.array(lines, dtype=object).T
    return shuffled(sentences.reshape(-1, 1), names, is_text=True)


def text_column():
    """The sentences as a table with their length beside them."""
    sentences = text()
    table = pd.DataFrame({"sentence": sentences.X[:, 0]})
    table["length"] = table["sentence"].str.len().astype(np.float32)
    return Data(table.astype({"sentence": object}), sentences.y)


@lru_cache(None)
def telco_table(path):
    """The Telco rows that are used: every row with a missing value, then the first ones."""
    table = pd.read_csv(path, keep_default_na=False, dtype=str)
    blank = table["TotalCharges"].str.strip() == ""
    table = pd.concat([table[blank], table[~blank]]).head(TELCO_ROWS)
    table["TotalCharges"] = table["TotalCharges"].str.strip().replace("", "nan")
    table = table.astype({name: np.float32 for name in TELCO_NUMBERS} | {"SeniorCitizen": np.int64})
    strings = table.columns.difference([*TELCO_NUMBERS, "SeniorCitizen"])
    return table.astype({name: object for name in strings})


def telco(path, gaps=False):
    """All columns of the Telco table; `gaps` empties some strings, which stands for "missing"."""
    table = telco_table(path)
    churn = table["Churn"].to_numpy()
    X = table.drop(columns=["customerID", "Churn"])
    if gaps:
        for number, name in enumerate(TELCO_STRINGS):
            X.loc[np.random.RandomState(number).rand(len(X)) < 0.1, name] = ""
    return shuffled(X, churn)


def telco_strings(path, gaps=False):
    """Six string columns of the Telco table as one matrix."""
    data = telco(path, gaps)
    return Data(data.X[TELCO_STRINGS].to_numpy(dtype=object), data.y)


def telco_numbers(path):
    """The numeric columns of the Telco table as one matrix, with its missing values."""
    data = telco(path)
    return Data(data.X[TELCO_NUMBERS].to_numpy(dtype=np.float64), data.y)


def telco_charges(path):
    """The Telco table with the monthly charges as the target of a regression."""
    data = telco(path)
    return Data(
        data.X.drop(columns=["MonthlyCharges", "TotalCharges"]), data.X["MonthlyCharges"].to_numpy(float)
    )


SETS = {
    "iris": lambda: bundled(datasets.load_iris),
    "iris-names": lambda: bundled(datasets.load_iris, names=True),
    "iris-codes": lambda: Data(load("iris").X, np.array([-5, 3, 70])[load("iris").y]),
    "iris-gaps": lambda: with_gaps(load("iris")),
    "iris-pair": two_questions,
    "iris-pair-names": lambda: two_questions(names=True),
    "iris-multilabel": labels_present,
    "iris-constant-label": lambda: labels_present(constant=True),
    "iris-kernel": kernel_matrix,
    "iris-labels": lambda: Data(load("iris-names").y, None),
    "digits-labels": lambda: Data(load("digits").y, None),
    "wine": lambda: bundled(datasets.load_wine, scale=True),
    "wine-raw": lambda: bundled(datasets.load_wine),
    "wine-gaps": lambda: with_gaps(load("wine")),
    "wine-names": lambda: bundled(datasets.load_wine, scale=True, names=True),
    "breast-cancer": lambda: bundled(datasets.load_breast_cancer, scale=True),
    "breast-cancer-raw": lambda: bundled(datasets.load_breast_cancer),
    "breast-cancer-names": lambda: bundled(datasets.load_breast_cancer, scale=True, names=True),
    "breast-cancer-flags": lambda: Data(load("breast-cancer").X, load("breast-cancer").y == 1),
    "breast-cancer-gaps": lambda: with_gaps(load("breast-cancer")),
    "digits": lambda: bundled(datasets.load_digits, limit=DIGITS_ROWS),
    "digits-coarse": coarse_digits,
    "diabetes": lambda: bundled(datasets.load_diabetes, scale=True),
    "diabetes-few": lambda: bundled(datasets.load_diabetes, scale=True, limit=150),
    "diabetes-raw": lambda: bundled(lambda: datasets.load_diabetes(scaled=False)),
    "diabetes-gaps": lambda: with_gaps(load("diabetes")),
    "linnerud": lambda: bundled(datasets.load_linnerud),
    "linnerud-weight": lambda: Data(load("linnerud").X, load("linnerud").y[:, 0]),
    "text": text,
    "text-column": text_column,
}

TELCO_SETS = {
    "telco": telco,
    "telco-gaps": lambda path: telco(path, gaps=True),
    "telco-strings": telco_strings,
    "telco-strings-gaps": lambda path: telco_strings(path, gaps=True),
    "telco-numbers": telco_numbers,
    "telco-charges": telco_charges,
}


@lru_cache(None)
def load(name, telco_path: Path | None = None):
    """The data set of that name."""
    return TELCO_SETS[name](telco_path) if name in TELCO_SETS else SETS[name]()
