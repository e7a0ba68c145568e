"""Holds values that were computed here against SciPy's and scikit-learn's of the same samples."""

import json
import math
import sys

import numpy as np
from scipy import spatial, special, stats
from sklearn import metrics

TOLERANCE = 1e-9


def close(name, ours, theirs):
    if ours is None or abs(ours - theirs) > TOLERANCE or math.isnan(ours):
        sys.exit(f"{name}: {ours} here, {theirs} there")


def drift(case):
    name, test = case["name"], case["test"]
    if "numbers" in case:
        theirs = stats.ks_2samp(*case["numbers"], method="exact")
    else:
        table = np.array(case["bins"])
        theirs = stats.chi2_contingency(table[:, table.sum(axis=0) > 0], correction=False)
    close(f"{name}: statistic", test["statistic"], theirs.statistic)
    close(f"{name}: p", test["p_value"], theirs.pvalue)
    p, q = (np.array(counts) / sum(counts) for counts in case["bins"])
    close(f"{name}: Jensen-Shannon", case["jensen_shannon"], spatial.distance.jensenshannon(p, q, base=2))
    seen = (p > 0) | (q > 0)
    p, q = np.maximum(p[seen], 1e-4), np.maximum(q[seen], 1e-4)
    # The index is the relative entropy both ways; elementwise they need no sum of 1.
    index = (special.rel_entr(p, q) + special.rel_entr(q, p)).sum()
    close(f"{name}: index", case["psi"], index)


def classification(case):
    name, ours = case["name"], case["found"]
    truth, predicted = np.array(case["truth"]), np.array(case["predicted"])
    probabilities = np.array(case["probabilities"])
    classes = list(range(probabilities.shape[1]))
    two = len(classes) == 2
    average = "binary" if two else "macro"
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        truth, predicted, average=average, zero_division=0
    )
    score = probabilities[:, 1] if two else probabilities
    for what, theirs in {
        "accuracy": metrics.accuracy_score(truth, predicted),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "roc_auc": metrics.roc_auc_score(truth, score, **({} if two else {"multi_class": "ovr"})),
        "log_loss": metrics.log_loss(truth, probabilities, labels=classes),
        "brier": metrics.brier_score_loss(truth, score, **({} if two else {"labels": classes})),
    }.items():
        close(f"{name}: {what}", ours[what], theirs)
    if two:
        # A bin has its upper end. Of scores on an end, a rounding more would choose the bin.
        places = np.clip(np.ceil(score * 10), 1, 10) - 0.5
        sums = stats.binned_statistic(places, [truth, score], "sum", bins=np.arange(11)).statistic
        error = np.abs(sums[0] - sums[1]).sum() / len(truth)
        close(f"{name}: calibration", ours["calibration"]["error"], error)


def regression(case):
    name, ours = case["name"], case["found"]
    truth, predicted = case["truth"], case["predicted"]
    close(f"{name}: mae", ours["mae"], metrics.mean_absolute_error(truth, predicted))
    close(f"{name}: rmse", ours["rmse"], metrics.root_mean_squared_error(truth, predicted))
    close(f"{name}: r2", ours["r2"], metrics.r2_score(truth, predicted))


with open(sys.argv[1], encoding="utf-8") as file:
    cases = json.load(file)
for kind, check in {"drift": drift, "classification": classification, "regression": regression}.items():
    assert cases[kind], kind
    for case in cases[kind]:
        check(case)
