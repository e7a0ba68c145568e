"""Estimators that are small and the same in every run."""

from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

SEED = 0
# Anything that an estimator accepts of these keeps its model small and the same in every run.
SMALL = {
    "random_state": SEED,
    "n_estimators": 10,
    "max_depth": 4,
    "hidden_layer_sizes": (10,),
    "n_quantiles": 50,
}


def small(cls):
    """An instance with default parameters, except those that would make it large or random."""
    estimator = cls()
    known = estimator.get_params()
    return estimator.set_params(**{name: value for name, value in SMALL.items() if name in known})


def tree(**more):
    """A small tree, for the estimators that are made of others."""
    return DecisionTreeClassifier(max_depth=4, random_state=SEED, **more)


def class_voters():
    """Different classifiers, for those that let several vote."""
    return [("lr", LogisticRegression()), ("tree", tree()), ("nb", GaussianNB())]


def value_voters():
    """Different regressors, for the same."""
    return [("ridge", Ridge()), ("tree", DecisionTreeRegressor(max_depth=4, random_state=SEED))]
