"""The original library's numbers, in the order in which the exported graph returns them."""

import numpy as np
from sklearn.base import is_classifier, is_clusterer, is_outlier_detector, is_regressor
from sklearn.feature_selection import SelectorMixin
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.neighbors import NearestNeighbors


def path_strings(model, X):
    """A tree's decision path as skl2onnx writes it: a digit per node, a string per tree."""
    found = model.decision_path(X)
    path, starts = found if isinstance(found, tuple) else (found, [0, found.shape[1]])
    digits = path.toarray().astype(int).astype(str)
    trees = [digits[:, start:end] for start, end in zip(starts, starts[1:])]
    return np.array([["".join(row) for row in tree] for tree in trees], dtype=object).T


# What an option of the exporter adds to the outputs, in the exporter's order.
MORE_OUTPUTS = {
    "score_samples": lambda model, X: model.score_samples(X),
    "return_std": lambda model, X: model.predict(X, return_std=True)[1],
    "return_cov": lambda model, X: model.predict(X, return_cov=True)[1],
    "decision_path": path_strings,
    "decision_leaf": lambda model, X: model.apply(X),
    "output_class_labels": lambda model, X: model.classes_,
}


def class_scores(model, X, raw):
    """Probabilities, or the margins of a classifier that has none; None where it has neither."""
    if hasattr(model, "predict_proba") and not raw:
        return model.predict_proba(X)
    return model.decision_function(X) if hasattr(model, "decision_function") else None


def library_outputs(model, X, options):
    """One value per output of the graph; None where the library has no such value."""
    if isinstance(model, NearestNeighbors):
        return list(reversed(model.kneighbors(X)))
    if isinstance(model, SelectorMixin):
        return [model.transform(X)]
    if is_outlier_detector(model):
        outputs = [model.predict(X), model.decision_function(X)]
    elif isinstance(model, (GaussianMixture, BayesianGaussianMixture)):
        outputs = [model.predict(X), model.predict_proba(X)]
    elif is_classifier(model):
        labels = np.arange(len(model.classes_)) if options.get("nocl") else model.classes_
        predicted = model.predict(X)
        if options.get("nocl"):
            predicted = labels[np.searchsorted(model.classes_, predicted)]
        scores = class_scores(model, X, options.get("raw_scores"))
        outputs = [predicted, *(scores.T if options.get("zipmap") == "columns" else [scores])]
    elif is_clusterer(model):
        outputs = [model.predict(X), model.transform(X)]
    elif is_regressor(model) or not hasattr(model, "transform"):
        outputs = [model.predict(X)]
    else:
        outputs = [model.transform(X)]
    return outputs + [more(model, X) for option, more in MORE_OUTPUTS.items() if options.get(option)]


def like(value, graph_value):
    """The library's value with the type and shape of the graph's; None where it does not have them.

    A library gives one margin for two classes where a graph gives one for each of them, though not
    every exporter gives the positive one to the same class.
    """
    value = np.asarray(value.toarray() if hasattr(value, "toarray") else value)
    if value.size * 2 == graph_value.size and graph_value.shape[-1] == 2:
        value = np.stack([-value.ravel(), value.ravel()], axis=1)
        if np.abs(value + graph_value).sum() < np.abs(value - graph_value).sum():
            value = -value
    if value.size != graph_value.size:
        return None
    if graph_value.dtype.kind in "OUS":
        return value.astype(str).astype(object).reshape(graph_value.shape)
    return value.astype(graph_value.dtype).reshape(graph_value.shape)


def differing(expected, got):
    """Where two values differ by more than 1e-5 + 1e-4 |expected|; strings and integers: at all."""
    if expected.dtype.kind != "f":
        return expected != got
    return ~np.isclose(got, expected, rtol=1e-4, atol=1e-5, equal_nan=True)
