"""What is exported: one table per kind of estimator, each row a constructor and its data.

Every class that skl2onnx has a converter for gets cases of its own from `enumerated`, so a new row is
only needed for a parameter, a pipeline or another library that deserves one.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Callable

import numpy as np
from sklearn.base import is_classifier, is_clusterer, is_outlier_detector, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, KernelPCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier, AdaBoostRegressor, BaggingClassifier, BaggingRegressor, ExtraTreesClassifier,
    GradientBoostingClassifier, GradientBoostingRegressor, HistGradientBoostingClassifier,
    HistGradientBoostingRegressor, IsolationForest, RandomForestClassifier, RandomForestRegressor,
    StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor,
)
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import SelectFromModel, SelectKBest, VarianceThreshold, chi2
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor, kernels
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import (
    BayesianRidge, ElasticNet, Lasso, LinearRegression, LogisticRegression, Perceptron, PoissonRegressor,
    RANSACRegressor, Ridge, RidgeClassifier, SGDClassifier, SGDRegressor, TweedieRegressor,
)
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.naive_bayes import BernoulliNB, GaussianNB, MultinomialNB
from sklearn.neighbors import (
    KNeighborsClassifier, KNeighborsRegressor, KNeighborsTransformer, LocalOutlierFactor,
    RadiusNeighborsClassifier, RadiusNeighborsRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer, FunctionTransformer, KBinsDiscretizer, LabelBinarizer, MaxAbsScaler, MinMaxScaler, Normalizer,
    OneHotEncoder, OrdinalEncoder, PolynomialFeatures, PowerTransformer, QuantileTransformer, RobustScaler,
    StandardScaler, TargetEncoder,
)
from sklearn.svm import SVC, SVR, LinearSVC, NuSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier
from sklearn.utils import get_tags
from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.sklapi import CastTransformer, ReplaceTransformer, WOETransformer
import skl2onnx.sklapi.register  # noqa: F401  the WOE encoder's converter is only known after this import

from boosting import BOOSTING
from data import TELCO_NUMBERS, TELCO_STRINGS

SEED = 0
# Every row is a neighbour: a graph with fewer asks onnxruntime for a row that is not there.
WIDE = 1000.0
# Anything that an estimator accepts of these keeps its model small and the same in every run.
SMALL = {
    "random_state": SEED, "n_estimators": 10, "max_depth": 4, "hidden_layer_sizes": (10,), "n_quantiles": 50,
}


@dataclass
class Case:
    """One model: how it is made, the data it is trained on, and how it is exported."""

    name: str
    make: Callable[[], Any]
    data: str
    # The type that a numeric matrix is given in; a table has a type for each of its columns.
    input: str = "float"
    options: dict = field(default_factory=dict)
    opset: dict | int | None = None
    library: str = "sklearn"
    # The exporter, where it is not skl2onnx: model, input types, opset -> ONNX model.
    export: Callable | None = None


def kebab(name):
    """`KNeighborsClassifier` as `k-neighbors-classifier`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).strip("_").lower()


def small(cls):
    """An instance with default parameters, except those that would make it large or random."""
    estimator = cls()
    known = estimator.get_params()
    return estimator.set_params(**{name: value for name, value in SMALL.items() if name in known})


def tree(**more):
    return DecisionTreeClassifier(max_depth=4, random_state=SEED, **more)


def class_voters():
    return [("lr", LogisticRegression()), ("tree", tree()), ("nb", GaussianNB())]


def value_voters():
    return [("ridge", Ridge()), ("tree", DecisionTreeRegressor(max_depth=4, random_state=SEED))]


# Classes that cannot be made, or say nothing, with the parameters of `small`.
CONSTRUCTORS = {
    "BaggingClassifier": lambda cls: cls(tree(), n_estimators=5, random_state=SEED),
    "BaggingRegressor": lambda cls: cls(DecisionTreeRegressor(max_depth=4), n_estimators=5, random_state=SEED),
    "CalibratedClassifierCV": lambda cls: cls(cv=3),
    "CastRegressor": lambda cls: cls(LinearRegression()),
    "ColumnTransformer": lambda cls: cls([("scale", StandardScaler(), [0, 2]), ("min", MinMaxScaler(), [1])]),
    "FeatureHasher": lambda cls: cls(n_features=16, input_type="string"),
    "FeatureUnion": lambda cls: cls([("scale", StandardScaler()), ("pca", PCA(2))]),
    "GaussianMixture": lambda cls: cls(3, reg_covar=1e-2, random_state=SEED),
    "GaussianProcessRegressor": lambda cls: cls(kernels.RBF(3.0), alpha=0.5),
    "GaussianRandomProjection": lambda cls: cls(3, random_state=SEED),
    "GenericUnivariateSelect": lambda cls: cls(mode="k_best", param=3),
    "GridSearchCV": lambda cls: cls(LogisticRegression(), {"C": [0.1, 1.0]}, cv=3),
    "HistGradientBoostingClassifier": lambda cls: cls(max_iter=10, max_depth=4, random_state=SEED),
    "HistGradientBoostingRegressor": lambda cls: cls(max_iter=10, max_depth=4, random_state=SEED),
    "IncrementalPCA": lambda cls: cls(3),
    "CategoricalNB": lambda cls: cls(min_categories=3),
    "KBinsDiscretizer": lambda cls: cls(4, encode="onehot-dense"),
    "NearestNeighbors": lambda cls: cls(radius=None),
    "QuadraticDiscriminantAnalysis": lambda cls: cls(reg_param=0.1),
    "KernelPCA": lambda cls: cls(3, kernel="rbf", random_state=SEED),
    "KMeans": lambda cls: cls(4, random_state=SEED),
    "LocalOutlierFactor": lambda cls: cls(novelty=True),
    "LogisticRegressionCV": lambda cls: cls(Cs=3, cv=3),
    "MiniBatchKMeans": lambda cls: cls(4, random_state=SEED),
    "MultiOutputClassifier": lambda cls: cls(LogisticRegression()),
    "MultiOutputRegressor": lambda cls: cls(Ridge()),
    "NuSVC": lambda cls: cls(nu=0.2),
    "OneVsOneClassifier": lambda cls: cls(LogisticRegression()),
    "OneVsRestClassifier": lambda cls: cls(LogisticRegression()),
    "PCA": lambda cls: cls(3),
    "Pipeline": lambda cls: cls([("scale", StandardScaler()), ("pca", PCA(2))]),
    "RadiusNeighborsClassifier": lambda cls: cls(radius=WIDE, weights="distance"),
    "RadiusNeighborsRegressor": lambda cls: cls(radius=WIDE, weights="distance"),
    "RandomTreesEmbedding": lambda cls: cls(5, max_depth=3, sparse_output=False, random_state=SEED),
    "ReplaceTransformer": lambda cls: cls(from_value=0, to_value=-1),
    "RFE": lambda cls: cls(LogisticRegression()),
    "RFECV": lambda cls: cls(LogisticRegression(), cv=3),
    "SelectFromModel": lambda cls: cls(LogisticRegression()),
    "SelectKBest": lambda cls: cls(k=3),
    "StackingClassifier": lambda cls: cls(class_voters(), LogisticRegression(), cv=3),
    "StackingRegressor": lambda cls: cls(value_voters(), Ridge(), cv=3),
    "TunedThresholdClassifierCV": lambda cls: cls(LogisticRegression(), cv=3),
    "VarianceThreshold": lambda cls: cls(0.2),
    "WOETransformer": lambda cls: cls([[(-9.0, 0.0), (0.0, 9.0)]] + ["passthrough"] * 29),
    "VotingClassifier": lambda cls: cls(class_voters(), voting="soft", flatten_transform=False),
    "VotingRegressor": lambda cls: cls(value_voters()),
}

# (data, input type, options) of each kind of estimator; `{}` leaves zipmap at the exporter's default: on.
OFF = {"zipmap": False}
CLASSIFICATION = [
    ("iris", "float", {}), ("iris", "float", OFF), ("iris-names", "float", {}), ("iris-names", "float", OFF),
    ("breast-cancer", "float", {}), ("breast-cancer-names", "float", OFF),
    ("digits", "int64", OFF), ("wine", "double", OFF),
]
BINARY = [row for row in CLASSIFICATION if row[0].startswith("breast")] + [("breast-cancer", "double", OFF)]
COUNTS = [
    ("iris", "float", {}), ("iris-names", "float", OFF), ("breast-cancer-raw", "float", {}),
    ("digits-coarse", "int64", OFF), ("digits-coarse", "float", {}), ("wine-raw", "double", OFF),
]
CATEGORIES = [("digits-coarse", "int64", {}), ("digits-coarse", "int64", OFF), ("digits-coarse", "float", {})]
REGRESSION = [
    ("diabetes", "float", {}), ("diabetes", "double", {}), ("linnerud-weight", "int64", {}),
]
TARGETS = [("linnerud", "float", {}), ("linnerud", "double", {}), ("linnerud", "int64", {})]
OUTLIERS = [("breast-cancer", "float", {}), ("wine", "float", {}), ("iris", "double", {})]
CLUSTERS = [("iris", "float", {}), ("digits", "int64", {}), ("wine", "double", {})]
COLUMNS = [
    ("iris", "float", {}), ("breast-cancer", "float", {}), ("digits", "int64", {}), ("wine", "double", {}),
]
STRINGS = [("telco-strings", "float", {}), ("digits-coarse", "int64", {}), ("digits-coarse", "float", {})]

# Classes that need other data than their kind.
DATA = {
    "CategoricalNB": CATEGORIES,
    "ComplementNB": COUNTS,
    "CountVectorizer": [("text", "float", {})],
    "FeatureHasher": [("telco-strings", "float", {})],
    "KernelCenterer": [("iris-kernel", "float", {}), ("iris-kernel", "double", {})],
    "KNNImputer": [("wine-gaps", "float", {}), ("diabetes-gaps", "float", {}), ("wine-gaps", "double", {})],
    "LabelBinarizer": [("digits-labels", "int64", {}), ("iris-labels", "float", {})],
    "LinearSVC": [row for row in CLASSIFICATION if not row[2]] + [("digits", "int64", {})],
    "LabelEncoder": [("digits-labels", "int64", {}), ("iris-labels", "float", {})],
    "MultinomialNB": COUNTS,
    "MultiOutputClassifier": [("iris-pair", "float", OFF), ("iris-pair-names", "float", OFF)],
    "NearestNeighbors": COLUMNS[1:],
    "OneHotEncoder": STRINGS,
    "OrdinalEncoder": STRINGS,
    "PolynomialFeatures": COLUMNS[:2] + [("linnerud", "int64", {}), ("wine", "double", {})],
    "QuadraticDiscriminantAnalysis": [row for row in CLASSIFICATION if row[0] != "digits"],
    "RFE": COLUMNS,
    "RFECV": COLUMNS,
    "SimpleImputer": [("iris-gaps", "float", {}), ("diabetes-gaps", "double", {})],
    "TargetEncoder": STRINGS[:1],
    "TfidfTransformer": [("digits", "float", {}), ("digits", "int64", {})],
    "TfidfVectorizer": [("text", "float", {})],
    "TraceableCountVectorizer": [("text", "float", {})],
    "TraceableTfidfVectorizer": [("text", "float", {})],
    "TunedThresholdClassifierCV": BINARY,
    "WOETransformer": [("breast-cancer", "float", {})],
}

NOT_MADE = {
    "DictVectorizer": "map input",
    "_ConstantPredictor": "internal: exercised by one-vs-rest-constant-label",
}


def usual_data(estimator):
    """The data that suit an estimator of that kind."""
    if is_classifier(estimator):
        return CLASSIFICATION
    if is_outlier_detector(estimator):
        return OUTLIERS
    if is_regressor(estimator):
        targets = get_tags(estimator).target_tags
        return REGRESSION * targets.single_output + TARGETS * targets.multi_output
    return CLUSTERS if is_clusterer(estimator) else COLUMNS


def suffix(data, input_type, options, opset=None):
    """The end of a case's name: what tells it from the same model exported in another way."""
    parts = [data] + [input_type] * (input_type != "float")
    for option, value in options.items():
        if option == "zipmap":
            parts.append("zipmap-columns" if value == "columns" else "no-zipmap")
        else:
            parts.append(option.replace("_", "-") + ("" if value is True else f"-{value}"))
    if opset:
        parts.append(f"opset{opset['']}-ml{opset['ai.onnx.ml']}" if isinstance(opset, dict) else f"opset{opset}")
    return "-".join(parts)


def converted_classes():
    """What skl2onnx exports by itself; `boosting` teaches it more."""
    return [cls for cls in sklearn_operator_name_map if cls.__module__.startswith(("sklearn.", "skl2onnx."))]


def enumerated():
    """Cases of every class that skl2onnx has a converter for, so that none is forgotten."""
    cases, skipped = [], []
    for cls in sorted(converted_classes(), key=lambda cls: cls.__name__):
        name = f"sklearn-{kebab(cls.__name__)}"
        if cls.__name__ in NOT_MADE:
            skipped.append({"name": name, "reason": NOT_MADE[cls.__name__]})
            continue
        make = CONSTRUCTORS.get(cls.__name__, small)
        for row in DATA.get(cls.__name__) or usual_data(make(cls)):
            cases.append(Case(f"{name}-{suffix(*row)}", lambda make=make, cls=cls: make(cls), *row))
    return cases, skipped


BOTH = [("iris", "float", OFF), ("breast-cancer-names", "float", {})]
PLAIN = [("iris", "float", {}), ("breast-cancer-names", "float", {})]
SCALED = [("wine", "float", OFF), ("wine-names", "float", {}), ("breast-cancer-names", "float", {})]
IRIS = [("iris", "float", {})]
WINE = [("wine", "float", {})]
CANCER = [("breast-cancer", "float", OFF)]
DIABETES = [("diabetes", "float", {})]
GAPS = [("iris-gaps", "float", OFF), ("breast-cancer-gaps", "float", {})]
TEXT = [("text", "float", {})]
WORDS = [("telco-strings", "float", {})]
LABELS = [("iris-codes", "float", {}), ("iris-codes", "float", OFF), ("breast-cancer-flags", "float", {})]
ALL_ZIPMAPS = [
    (data, "float", options)
    for data in ("iris", "iris-names", "breast-cancer", "breast-cancer-names")
    for options in ({"zipmap": "columns"}, {"output_class_labels": True, "zipmap": False})
]


def with_option(option, *data):
    """Rows that export with one more option switched on."""
    return [(name, "float", {option: True}) for name in data]


# (name, constructor, data): parameters that change the exported graph.
VARIANTS = [
    # Support vector machines
    *[(f"svc-{kernel}", lambda kernel=kernel: SVC(kernel=kernel), BOTH)
      for kernel in ("linear", "poly", "rbf", "sigmoid")],
    *[(f"svc-{kernel}-probability", lambda kernel=kernel: SVC(kernel=kernel, probability=True, random_state=0),
       BOTH + IRIS) for kernel in ("linear", "poly", "rbf", "sigmoid")],
    ("svc-ovo", lambda: SVC(decision_function_shape="ovo"), BOTH),
    ("svc-break-ties", lambda: SVC(break_ties=True), BOTH),
    ("svc-raw-scores", lambda: SVC(decision_function_shape="ovo"),
     [("iris", "float", {"raw_scores": True, "zipmap": False})]),
    ("nu-svc-probability", lambda: NuSVC(nu=0.2, probability=True, random_state=SEED), BOTH + IRIS),
    ("nu-svc-poly", lambda: NuSVC(nu=0.2, kernel="poly"), BOTH),
    *[(f"svr-{kernel}", lambda kernel=kernel: SVR(kernel=kernel), DIABETES)
      for kernel in ("linear", "poly", "sigmoid")],
    *[(f"one-class-svm-{kernel}", lambda kernel=kernel: OneClassSVM(kernel=kernel, nu=0.1), IRIS)
      for kernel in ("linear", "poly", "sigmoid")],
    ("linear-svc-hinge", lambda: LinearSVC(loss="hinge", random_state=SEED), PLAIN),
    ("linear-svc-no-intercept", lambda: LinearSVC(fit_intercept=False, random_state=SEED), PLAIN),

    # Linear models
    ("logistic-regression-ovr", lambda: LogisticRegression(solver="liblinear"), CANCER),
    ("logistic-regression-no-intercept", lambda: LogisticRegression(fit_intercept=False), BOTH),
    ("logistic-regression-raw-scores", LogisticRegression,
     [("iris", "float", {"raw_scores": True, "zipmap": False}),
      ("breast-cancer", "float", {"raw_scores": True, "zipmap": False}),
      ("iris-names", "float", {"raw_scores": True})]),
    ("logistic-regression-zipmap", LogisticRegression, ALL_ZIPMAPS),
    ("logistic-regression", LogisticRegression, [("iris-names", "float", {"nocl": True, "zipmap": False})]),
    ("ridge-classifier-no-intercept", lambda: RidgeClassifier(fit_intercept=False), BOTH),
    *[(f"sgd-classifier-{loss.replace('_', '-')}", lambda loss=loss: SGDClassifier(loss=loss, random_state=0),
       SCALED) for loss in ("log_loss", "modified_huber", "squared_hinge", "perceptron")],
    ("sgd-regressor-huber", lambda: SGDRegressor("huber", random_state=SEED), DIABETES),
    ("linear-regression-no-intercept", lambda: LinearRegression(fit_intercept=False), DIABETES),
    ("bayesian-ridge", BayesianRidge, with_option("return_std", "diabetes")),
    *[(f"tweedie-regressor-{power}", lambda power=power: TweedieRegressor(power=power), DIABETES)
      for power in (1, 2, 3)],
    ("tweedie-regressor-log", lambda: TweedieRegressor(power=0, link="log"), DIABETES),
    ("ransac-regressor-tree", lambda: RANSACRegressor(
        DecisionTreeRegressor(max_depth=3), min_samples=20, random_state=SEED), DIABETES),

    # Trees and their ensembles
    *[(f"{name}-{option.replace('_', '-')}", make, [(data, "float", {option: True, **off})])
      for name, make, data, off in (
          ("decision-tree-classifier", tree, "iris", OFF),
          ("decision-tree-regressor", lambda: DecisionTreeRegressor(max_depth=4, random_state=0), "diabetes", {}),
          ("extra-tree-classifier", lambda: ExtraTreeClassifier(max_depth=4, random_state=0), "iris", OFF),
          ("random-forest-classifier", lambda: small(RandomForestClassifier), "iris", OFF),
          ("random-forest-regressor", lambda: small(RandomForestRegressor), "diabetes", {}),
          ("extra-trees-classifier", lambda: small(ExtraTreesClassifier), "iris", OFF),
      ) for option in ("decision_path", "decision_leaf")],
    ("decision-tree-classifier-entropy", lambda: tree(criterion="entropy", class_weight="balanced"), BOTH),
    ("decision-tree-classifier-gaps", tree, GAPS),
    ("decision-tree-classifier-multilabel", tree, [("iris-multilabel", "float", OFF)]),
    ("decision-tree-classifier-full", lambda: DecisionTreeClassifier(random_state=SEED), BOTH),
    ("random-forest-classifier-gaps", lambda: small(RandomForestClassifier), GAPS),
    ("random-forest-classifier-multilabel", lambda: small(RandomForestClassifier),
     [("iris-multilabel", "float", OFF)]),
    ("random-forest-classifier-zipmap", lambda: small(RandomForestClassifier), ALL_ZIPMAPS),
    ("random-forest-regressor-absolute-error", lambda: RandomForestRegressor(
        10, criterion="absolute_error", max_depth=4, random_state=SEED), DIABETES),
    ("random-forest-regressor-gaps", lambda: small(RandomForestRegressor), [("diabetes-gaps", "float", {})]),
    ("gradient-boosting-classifier-init-zero", lambda: GradientBoostingClassifier(
        n_estimators=10, init="zero", random_state=SEED), BOTH + IRIS),
    ("gradient-boosting-classifier-init-estimator", lambda: GradientBoostingClassifier(
        n_estimators=10, init=LogisticRegression(), random_state=SEED), BOTH),
    ("gradient-boosting-classifier-exponential", lambda: GradientBoostingClassifier(
        n_estimators=10, loss="exponential", random_state=SEED), CANCER),
    ("gradient-boosting-classifier-raw-scores", lambda: small(GradientBoostingClassifier),
     [("iris", "float", {"raw_scores": True, "zipmap": False})]),
    ("gradient-boosting-classifier-zipmap", lambda: small(GradientBoostingClassifier), ALL_ZIPMAPS),
    *[(f"gradient-boosting-regressor-{loss.replace('_', '-')}", lambda loss=loss: GradientBoostingRegressor(
        n_estimators=10, loss=loss, random_state=SEED), DIABETES) for loss in ("huber", "quantile")],
    ("gradient-boosting-regressor-init-zero", lambda: GradientBoostingRegressor(
        n_estimators=10, init="zero", random_state=SEED), DIABETES),
    ("hist-gradient-boosting-classifier-gaps", lambda: HistGradientBoostingClassifier(max_iter=10), GAPS),
    ("hist-gradient-boosting-classifier-telco", lambda: HistGradientBoostingClassifier(max_iter=10),
     [("telco-numbers", "float", {})]),
    ("hist-gradient-boosting-classifier-categorical", lambda: HistGradientBoostingClassifier(
        max_iter=10, categorical_features=[0, 1]), [("digits-coarse", "float", OFF)]),
    ("hist-gradient-boosting-regressor-gaps", lambda: HistGradientBoostingRegressor(max_iter=10),
     [("diabetes-gaps", "float", {})]),
    *[(f"hist-gradient-boosting-regressor-{loss}", lambda loss=loss: HistGradientBoostingRegressor(
        loss=loss, quantile=0.5 if loss == "quantile" else None, max_iter=10), DIABETES)
      for loss in ("poisson", "gamma", "quantile", "absolute_error")],
    ("isolation-forest-contamination", lambda: IsolationForest(
        n_estimators=10, contamination=0.1, random_state=SEED), IRIS),
    ("isolation-forest", lambda: small(IsolationForest), with_option("score_samples", "iris", "wine")),
    ("bagging-classifier-features", lambda: BaggingClassifier(
        tree(), 5, max_features=0.5, random_state=SEED), BOTH + IRIS),
    ("bagging-classifier-logistic", lambda: BaggingClassifier(LogisticRegression(), 5, random_state=0), BOTH),
    ("bagging-classifier-svc", lambda: BaggingClassifier(SVC(), 3, random_state=SEED), BOTH),
    ("bagging-regressor-features", lambda: BaggingRegressor(
        Ridge(), 5, max_features=0.5, random_state=SEED), DIABETES),
    ("ada-boost-classifier-logistic", lambda: AdaBoostClassifier(
        LogisticRegression(), n_estimators=5, random_state=SEED), BOTH + IRIS),
    ("ada-boost-classifier-raw-scores", lambda: AdaBoostClassifier(n_estimators=5, random_state=SEED),
     [("iris", "float", {"raw_scores": True, "zipmap": False})]),
    ("ada-boost-regressor-ridge", lambda: AdaBoostRegressor(Ridge(), n_estimators=5, random_state=0), DIABETES),

    # Estimators made of estimators
    ("voting-classifier-hard", lambda: VotingClassifier(
        class_voters(), voting="hard", flatten_transform=False), BOTH + IRIS),
    ("voting-classifier-weights", lambda: VotingClassifier(
        class_voters(), voting="soft", flatten_transform=False, weights=np.array([1, 2, 3])), BOTH),
    ("voting-regressor-weights", lambda: VotingRegressor(value_voters(), weights=np.array([1, 3])), DIABETES),
    ("stacking-classifier-passthrough", lambda: StackingClassifier(
        class_voters(), LogisticRegression(), cv=3, passthrough=True), BOTH + IRIS),
    ("stacking-classifier-predict", lambda: StackingClassifier(
        class_voters(), LogisticRegression(), cv=3, stack_method="predict"), BOTH),
    ("stacking-classifier-forests", lambda: StackingClassifier(
        [("rf", small(RandomForestClassifier)), ("gb", small(GradientBoostingClassifier))],
        LogisticRegression(), cv=3), BOTH),
    ("stacking-regressor-passthrough", lambda: StackingRegressor(
        value_voters(), Ridge(), cv=3, passthrough=True), DIABETES),
    *[(f"calibrated-classifier-cv-{method}-{name}", lambda method=method, make=make: CalibratedClassifierCV(
        make(), method=method, cv=3), BOTH + IRIS)
      for method in ("sigmoid", "isotonic")
      for name, make in (("tree", tree), ("linear-svc", lambda: LinearSVC(random_state=SEED)),
                         ("nb", GaussianNB), ("svc", SVC))],
    ("calibrated-classifier-cv-temperature", lambda: CalibratedClassifierCV(
        GaussianNB(), method="temperature", cv=3), BOTH),
    ("calibrated-classifier-cv-one-model", lambda: CalibratedClassifierCV(GaussianNB(), ensemble=False, cv=3), BOTH),
    ("one-vs-rest-classifier-tree", lambda: OneVsRestClassifier(tree()), BOTH + IRIS),
    ("one-vs-rest-classifier-svc", lambda: OneVsRestClassifier(SVC()), BOTH),
    ("one-vs-rest-classifier-multilabel", lambda: OneVsRestClassifier(LogisticRegression()),
     [("iris-multilabel", "float", OFF)]),
    ("one-vs-rest-constant-label", lambda: OneVsRestClassifier(LogisticRegression()),
     [("iris-constant-label", "float", OFF)]),
    ("one-vs-one-classifier-tree", lambda: OneVsOneClassifier(tree()), BOTH + IRIS),
    ("one-vs-one-classifier-svc", lambda: OneVsOneClassifier(LinearSVC(random_state=SEED)), BOTH),
    ("multi-output-classifier-tree", lambda: MultiOutputClassifier(tree()), [("iris-pair", "float", OFF)]),
    ("multi-output-regressor-forest", lambda: MultiOutputRegressor(small(RandomForestRegressor)),
     [("linnerud", "float", {})]),
    ("classifier-chain", lambda: ClassifierChain(LogisticRegression()), [("iris-multilabel", "float", OFF)]),
    ("regressor-chain", lambda: RegressorChain(Ridge()), [("linnerud", "float", {})]),
    ("grid-search-cv-forest", lambda: GridSearchCV(
        small(RandomForestClassifier), {"max_depth": [2, 3]}, cv=3), BOTH + IRIS),
    ("grid-search-cv-ridge", lambda: GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=3), DIABETES),
    ("grid-search-cv-k-means", lambda: GridSearchCV(
        KMeans(random_state=SEED), {"n_clusters": [3, 4]}, cv=3), IRIS),

    # Neighbours
    *[(f"k-neighbors-classifier-{metric}-{weights}", lambda metric=metric, weights=weights: KNeighborsClassifier(
        metric=metric, weights=weights), BOTH + IRIS * (weights == "distance"))
      for metric in ("euclidean", "manhattan", "minkowski", "chebyshev", "cosine")
      for weights in ("uniform", "distance")],
    ("k-neighbors-classifier-minkowski-3", lambda: KNeighborsClassifier(metric="minkowski", p=3), BOTH),
    ("k-neighbors-classifier-brute", lambda: KNeighborsClassifier(3, algorithm="brute"), BOTH),
    ("k-neighbors-classifier-multilabel", KNeighborsClassifier, [("iris-multilabel", "float", OFF)]),
    ("k-neighbors-classifier-cdist", KNeighborsClassifier, [("iris", "float", {"optim": "cdist", **OFF})]),
    *[(f"k-neighbors-regressor-{metric}-{weights}", lambda metric=metric, weights=weights: KNeighborsRegressor(
        metric=metric, weights=weights), DIABETES)
      for metric in ("euclidean", "manhattan") for weights in ("uniform", "distance")],
    ("k-neighbors-regressor-cdist", KNeighborsRegressor, [("diabetes", "float", {"optim": "cdist"})]),
    ("k-neighbors-transformer-connectivity", lambda: KNeighborsTransformer(mode="connectivity"), IRIS),
    ("radius-neighbors-classifier-uniform", lambda: RadiusNeighborsClassifier(
        10.0, outlier_label="most_frequent"), BOTH),
    ("radius-neighbors-regressor-uniform", lambda: RadiusNeighborsRegressor(10.0), DIABETES),
    ("knn-imputer-distance", lambda: KNNImputer(weights="distance"), [("wine-gaps", "float", {})]),
    ("knn-imputer-cdist", KNNImputer, [("wine-gaps", "float", {"optim": "cdist"})]),
    ("local-outlier-factor", lambda: LocalOutlierFactor(novelty=True),
     with_option("score_samples", "iris") + [("iris", "float", {"optim": "cdist"})]),

    # Gaussian processes and mixtures
    *[(f"gaussian-process-regressor-{name}", lambda kernel=kernel: GaussianProcessRegressor(kernel, alpha=0.5),
       DIABETES) for name, kernel in (
           ("constant-rbf", kernels.ConstantKernel(2.0) * kernels.RBF(3.0)),
           ("white", kernels.RBF(3.0) + kernels.WhiteKernel(0.5)),
           ("matern-half", kernels.Matern(3.0, nu=0.5)),
           ("matern-three-halves", kernels.Matern(3.0, nu=1.5)),
           ("matern-five-halves", kernels.Matern(3.0, nu=2.5)),
           ("rational-quadratic", kernels.RationalQuadratic(3.0)),
           ("exp-sine-squared", kernels.ExpSineSquared(3.0, 50.0, periodicity_bounds="fixed")),
           ("exponent", kernels.Exponentiation(kernels.RBF(3.0), 2)),
           ("pairwise-cosine", kernels.PairwiseKernel(metric="cosine")))],
    ("gaussian-process-regressor-normalize-y", lambda: GaussianProcessRegressor(
        kernels.RBF(3.0), alpha=0.5, normalize_y=True), DIABETES),
    ("gaussian-process-regressor", lambda: GaussianProcessRegressor(kernels.RBF(3.0), alpha=0.5),
     [("diabetes-few", "double", {"return_std": True}), ("diabetes-few", "double", {"return_cov": True}),
      ("diabetes", "float", {"optim": "cdist"})]),
    ("gaussian-process-regressor-dot-product", lambda: GaussianProcessRegressor(
        kernels.DotProduct(), alpha=0.5), [("diabetes-few", "double", {})]),
    ("gaussian-process-classifier-rbf", lambda: GaussianProcessClassifier(kernels.RBF(2.0)), BOTH),
    *[(f"gaussian-mixture-{kind}", lambda kind=kind: GaussianMixture(
        3, covariance_type=kind, random_state=SEED), IRIS + with_option("score_samples", "wine"))
      for kind in ("full", "tied", "diag", "spherical")],
    *[(f"bayesian-gaussian-mixture-{kind}", lambda kind=kind: BayesianGaussianMixture(
        n_components=3, covariance_type=kind, random_state=SEED), IRIS)
      for kind in ("full", "tied", "diag", "spherical")],

    # Other models
    *[(f"mlp-classifier-{activation}", lambda activation=activation: MLPClassifier(
        hidden_layer_sizes=(8, 6), activation=activation, max_iter=50, random_state=SEED), BOTH + IRIS)
      for activation in ("identity", "logistic", "tanh")],
    ("mlp-classifier-multilabel", lambda: MLPClassifier((8,), max_iter=50, random_state=SEED),
     [("iris-multilabel", "float", OFF)]),
    *[(f"mlp-regressor-{activation}", lambda activation=activation: MLPRegressor(
        hidden_layer_sizes=(8, 6), activation=activation, max_iter=50, random_state=SEED), DIABETES)
      for activation in ("identity", "logistic", "tanh")],
    ("linear-discriminant-analysis-lsqr", lambda: LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"), BOTH),
    ("bernoulli-nb-binarize", lambda: BernoulliNB(binarize=3.0), BOTH),
    ("bernoulli-nb-no-binarize", lambda: BernoulliNB(binarize=None), [("digits-coarse", "float", OFF)]),
    ("gaussian-nb-priors", lambda: GaussianNB(priors=[0.2, 0.3, 0.5]), IRIS),
    ("k-means-gemm-off", lambda: KMeans(4, random_state=SEED), [("iris", "float", {"gemm": False})]),
    ("perceptron-l1", lambda: Perceptron(penalty="l1", random_state=SEED), BOTH),

    *[(f"{kebab(cls.__name__)}-labels", lambda cls=cls: small(cls), LABELS)
      for cls in (LogisticRegression, SVC, DecisionTreeClassifier, RandomForestClassifier, KNeighborsClassifier,
                  GradientBoostingClassifier, GaussianNB, MLPClassifier, SGDClassifier, AdaBoostClassifier)],

    # Encoders and bins
    ("one-hot-encoder-ignore", lambda: OneHotEncoder(handle_unknown="ignore"), STRINGS),
    ("one-hot-encoder-drop-first", lambda: OneHotEncoder(drop="first"), STRINGS),
    ("one-hot-encoder-drop-if-binary", lambda: OneHotEncoder(drop="if_binary"), STRINGS),
    ("one-hot-encoder-dense", lambda: OneHotEncoder(sparse_output=False), STRINGS),
    ("one-hot-encoder-min-frequency", lambda: OneHotEncoder(
        min_frequency=0.2, handle_unknown="infrequent_if_exist"), STRINGS),
    ("one-hot-encoder-max-categories", lambda: OneHotEncoder(max_categories=2), STRINGS),
    ("one-hot-encoder-int64", lambda: OneHotEncoder(dtype=np.int64), STRINGS),
    ("ordinal-encoder-unknown", lambda: OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1), STRINGS),
    ("ordinal-encoder-int64", lambda: OrdinalEncoder(dtype=np.int64), STRINGS),
    ("ordinal-encoder-max-categories", lambda: OrdinalEncoder(max_categories=2), STRINGS),
    ("target-encoder-continuous", lambda: TargetEncoder(target_type="continuous", random_state=SEED),
     [("digits-coarse", "int64", {}), ("digits-coarse", "float", {})]),
    ("target-encoder-smooth", lambda: TargetEncoder(smooth=5.0, random_state=SEED), STRINGS),
    ("woe-transformer", lambda: WOETransformer(
        [[(0.0, 5.0), (5.0, 6.0, True, False)], [(2.0, 3.0)], "passthrough", "passthrough"]),
     [("iris", "float", {})]),
    *[(f"k-bins-discretizer-{encode}-{strategy}", lambda encode=encode, strategy=strategy: KBinsDiscretizer(
        4, encode=encode, strategy=strategy, random_state=SEED), [("wine", "float", {}), ("breast-cancer", "float", {})])
      for encode in ("onehot", "onehot-dense", "ordinal") for strategy in ("uniform", "quantile", "kmeans")],
    ("label-binarizer-values", lambda: LabelBinarizer(neg_label=-2, pos_label=3), DATA["LabelBinarizer"]),

    # Scalers, imputers and other columns in, columns out
    *[(f"simple-imputer-{strategy.replace('_', '-')}", lambda strategy=strategy: SimpleImputer(
        strategy=strategy, fill_value=7.5 if strategy == "constant" else None), [("iris-gaps", "float", {})])
      for strategy in ("median", "most_frequent", "constant")],
    ("simple-imputer-zeros", lambda: SimpleImputer(missing_values=0, strategy="most_frequent"),
     [("digits", "int64", {})]),
    ("simple-imputer-indicator", lambda: SimpleImputer(add_indicator=True), [("iris-gaps", "float", {})]),
    ("simple-imputer-strings", lambda: SimpleImputer(missing_values="", strategy="most_frequent"),
     [("telco-strings-gaps", "float", {})]),
    ("simple-imputer-strings-constant", lambda: SimpleImputer(
        missing_values="", strategy="constant", fill_value="unknown"), [("telco-strings-gaps", "float", {})]),
    *[(f"normalizer-{norm}", lambda norm=norm: Normalizer(norm), COLUMNS) for norm in ("l1", "l2", "max")],
    ("binarizer-threshold", lambda: Binarizer(threshold=2.0), COLUMNS),
    ("standard-scaler-no-mean", lambda: StandardScaler(with_mean=False), COLUMNS),
    ("standard-scaler-no-std", lambda: StandardScaler(with_std=False), COLUMNS),
    *[(f"standard-scaler-{div}", StandardScaler, [("iris", "float", {"div": div})]) for div in ("div", "div_cast")],
    ("robust-scaler-no-centering", lambda: RobustScaler(with_centering=False), IRIS),
    ("min-max-scaler-range-clip", lambda: MinMaxScaler((-1, 2), clip=True), IRIS),
    ("power-transformer-box-cox", lambda: PowerTransformer("box-cox"), IRIS),
    ("power-transformer-not-standardized", lambda: PowerTransformer(standardize=False), COLUMNS[:2]),
    ("quantile-transformer-normal", lambda: QuantileTransformer(
        n_quantiles=50, output_distribution="normal"), COLUMNS[:2]),
    *[(f"polynomial-features-{name}", lambda more=more: PolynomialFeatures(**more), IRIS) for name, more in (
        ("cubic", {"degree": 3}), ("interactions", {"interaction_only": True}),
        ("no-bias", {"include_bias": False}))],
    ("function-transformer-callable", lambda: FunctionTransformer(np.log1p), IRIS),
    ("cast-transformer-double", lambda: CastTransformer(dtype=np.float64), COLUMNS),
    ("cast-transformer-int64", lambda: CastTransformer(dtype=np.int64), COLUMNS),
    ("replace-transformer-nan", lambda: ReplaceTransformer(from_value=0, to_value=np.nan), IRIS),
    ("pca-whiten", lambda: PCA(3, whiten=True), COLUMNS),
    ("truncated-svd-3", lambda: TruncatedSVD(3, random_state=SEED), IRIS),
    *[(f"kernel-pca-{kernel}", lambda kernel=kernel: KernelPCA(3, kernel=kernel), WINE)
      for kernel in ("linear", "poly", "sigmoid", "cosine")],
    ("select-from-model-forest", lambda: SelectFromModel(small(RandomForestClassifier)), COLUMNS[:2]),
    ("select-k-best-chi2", lambda: SelectKBest(chi2, k=2), IRIS),

    # Words
    ("count-vectorizer-binary", lambda: CountVectorizer(binary=True), TEXT),
    ("count-vectorizer-ngrams", lambda: CountVectorizer(ngram_range=(1, 2), max_features=200), TEXT),
    ("count-vectorizer-stop-words", lambda: CountVectorizer(stop_words="english", min_df=2), TEXT),
    ("count-vectorizer-pattern", lambda: CountVectorizer(token_pattern="[a-zA-Z]+"), TEXT),
    ("count-vectorizer-case", lambda: CountVectorizer(lowercase=False), TEXT),
    ("count-vectorizer-vocabulary", lambda: CountVectorizer(vocabulary=["data", "class", "the", "of"]), TEXT),
    ("count-vectorizer-char", lambda: CountVectorizer(analyzer="char"), TEXT),
    ("count-vectorizer-char-ngrams", lambda: CountVectorizer(
        analyzer="char", ngram_range=(1, 2), max_features=200), TEXT),
    ("count-vectorizer-char-wb", lambda: CountVectorizer(analyzer="char_wb", max_features=100), TEXT),
    ("tfidf-vectorizer-ngrams", lambda: TfidfVectorizer(ngram_range=(1, 3), max_features=200), TEXT),
    ("tfidf-vectorizer-bigrams", lambda: TfidfVectorizer(ngram_range=(2, 2), max_features=200), TEXT),
    ("tfidf-vectorizer-stop-words", lambda: TfidfVectorizer(stop_words="english"), TEXT),
    ("tfidf-vectorizer-l1-sublinear", lambda: TfidfVectorizer(norm="l1", sublinear_tf=True), TEXT),
    ("tfidf-vectorizer-no-idf", lambda: TfidfVectorizer(use_idf=False, norm=None), TEXT),
    ("tfidf-vectorizer-accents", lambda: TfidfVectorizer(strip_accents="ascii"), TEXT),
    ("tfidf-vectorizer-char", lambda: TfidfVectorizer(analyzer="char", max_features=100), TEXT),
    ("tfidf-transformer-raw", lambda: TfidfTransformer(norm=None, smooth_idf=False), [("wine-raw", "float", {})]),
    ("feature-hasher-positive", lambda: FeatureHasher(16, input_type="string", alternate_sign=False), WORDS),
    ("feature-hasher-double", lambda: FeatureHasher(32, input_type="string", dtype=np.float64), WORDS),
]


def telco_columns(numbers, strings):
    """The usual preparation of a table: numbers one way, strings another."""
    return ColumnTransformer([("numbers", numbers, TELCO_NUMBERS), ("strings", strings, TELCO_STRINGS)])


def telco_pipeline(last):
    """Missing numbers filled and scaled, strings one-hot, then a model."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return make_pipeline(telco_columns(numbers, OneHotEncoder(handle_unknown="ignore")), last)


def imputed_strings():
    return make_pipeline(
        SimpleImputer(missing_values="", strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))


def text_model(last):
    """Words of one column beside the scaled number of another."""
    columns = [("words", TfidfVectorizer(max_features=300), "sentence"), ("length", StandardScaler(), ["length"])]
    return make_pipeline(ColumnTransformer(columns), last)


CHURN = [("telco", "float", {}), ("telco", "float", OFF)]
CHURN_OFF = [("telco", "float", OFF)]
MATRIX = [("breast-cancer-raw", "float", {}), ("wine-raw", "float", OFF)]

# (name, constructor, data): what people deploy.
PIPELINES = [
    *[(f"telco-{kebab(type(last()).__name__)}", lambda last=last: telco_pipeline(last()), CHURN)
      for last in (
          LogisticRegression, lambda: small(RandomForestClassifier), lambda: small(GradientBoostingClassifier),
          lambda: MLPClassifier((8,), max_iter=30, random_state=SEED), tree,
          lambda: small(SGDClassifier), KNeighborsClassifier)],
    ("telco-columns", lambda: telco_pipeline(LogisticRegression()), [("telco", "float", {"zipmap": "columns"})]),
    ("telco-hist-gradient-boosting", lambda: make_pipeline(
        telco_columns("passthrough", OrdinalEncoder()), HistGradientBoostingClassifier(max_iter=10)), CHURN),
    ("telco-target-encoder", lambda: make_pipeline(
        telco_columns(SimpleImputer(), TargetEncoder(random_state=SEED)), LogisticRegression()), CHURN_OFF),
    ("telco-drop-first", lambda: make_pipeline(telco_columns(
        make_pipeline(SimpleImputer(), MinMaxScaler()), OneHotEncoder(drop="first")), LogisticRegression()), CHURN),
    ("telco-string-gaps", lambda: make_pipeline(telco_columns(
        make_pipeline(KNNImputer(), RobustScaler()), imputed_strings()), LogisticRegression()),
     [("telco-gaps", "float", {})]),
    ("telco-bins", lambda: make_pipeline(telco_columns(make_pipeline(
        SimpleImputer(), KBinsDiscretizer(4, encode="onehot-dense")), OneHotEncoder()), LogisticRegression()), CHURN_OFF),
    ("telco-senior-passthrough", lambda: make_pipeline(ColumnTransformer([
        ("senior", "passthrough", ["SeniorCitizen"]), ("tenure", StandardScaler(), ["tenure"]),
        ("contract", OneHotEncoder(), ["Contract"])], transformer_weights={"tenure": 2.0}), LogisticRegression()),
     CHURN),
    ("telco-calibrated", lambda: telco_pipeline(CalibratedClassifierCV(tree(), cv=3)), CHURN),
    ("telco-voting", lambda: telco_pipeline(VotingClassifier(
        class_voters()[:2], voting="soft", flatten_transform=False)), CHURN_OFF),
    ("telco-stacking", lambda: telco_pipeline(StackingClassifier(class_voters()[:2], cv=3)), CHURN_OFF),
    ("telco-grid-search", lambda: GridSearchCV(
        telco_pipeline(LogisticRegression()), {"logisticregression__C": [0.1, 1.0]}, cv=3), CHURN),
    ("telco-selected", lambda: make_pipeline(
        telco_columns(SimpleImputer(), OneHotEncoder()), SelectKBest(k=10), LogisticRegression()), CHURN_OFF),
    ("telco-svd", lambda: make_pipeline(
        telco_columns(SimpleImputer(), OneHotEncoder()), MaxAbsScaler(), TruncatedSVD(4, random_state=SEED),
        SVC(probability=True, random_state=SEED)), CHURN_OFF),
    ("telco-prepared", lambda: telco_columns(SimpleImputer(), OneHotEncoder()), [("telco", "float", {})]),
    ("telco-clusters", lambda: telco_pipeline(KMeans(4, random_state=SEED)), [("telco", "float", {})]),
    ("telco-outliers", lambda: telco_pipeline(small(IsolationForest)), [("telco", "float", {})]),
    ("telco-charges-ridge", lambda: make_pipeline(ColumnTransformer([
        ("tenure", StandardScaler(), ["tenure"]),
        ("strings", OneHotEncoder(), ["InternetService", "StreamingTV", "MultipleLines"])]), Ridge()),
     [("telco-charges", "float", {})]),
    ("scaled-logistic", lambda: make_pipeline(StandardScaler(), LogisticRegression()), MATRIX),
    ("scaled-svc", lambda: make_pipeline(StandardScaler(), SVC(probability=True, random_state=SEED)), MATRIX),
    ("scaled-mlp", lambda: make_pipeline(MinMaxScaler(), MLPClassifier((8,), max_iter=50, random_state=0)), MATRIX),
    ("pca-neighbors", lambda: make_pipeline(StandardScaler(), PCA(4), KNeighborsClassifier()), MATRIX),
    ("imputed-forest", lambda: make_pipeline(SimpleImputer(), small(RandomForestClassifier)), GAPS),
    ("nested", lambda: make_pipeline(make_pipeline(StandardScaler(), make_pipeline(PCA(3), MinMaxScaler())),
                                     make_pipeline(PolynomialFeatures(2), LogisticRegression())), MATRIX),
    ("union", lambda: make_pipeline(FeatureUnion(
        [("pca", PCA(2)), ("best", SelectKBest(k=2)), ("bins", KBinsDiscretizer(3, encode="ordinal"))],
        transformer_weights={"pca": 0.5}), LogisticRegression()), [("iris", "float", {}), ("iris-names", "float", OFF)]),
    ("matrix-columns", lambda: make_pipeline(ColumnTransformer([
        ("scale", StandardScaler(), [0, 1]), ("quantile", QuantileTransformer(n_quantiles=20), slice(2, 4))],
        remainder="passthrough"), LogisticRegression()), [("iris", "float", {}), ("wine-raw", "float", OFF)]),
    ("polynomial-ridge", lambda: make_pipeline(StandardScaler(), PolynomialFeatures(2), Ridge()), DIABETES),
    ("power-lasso", lambda: make_pipeline(PowerTransformer(), Lasso()), [("diabetes-raw", "float", {})]),
    ("selected-svr", lambda: make_pipeline(VarianceThreshold(), SelectFromModel(Ridge()), SVR()), DIABETES),
    ("imputed-elastic-net", lambda: make_pipeline(SimpleImputer(), ElasticNet()),
     [("diabetes-gaps", "float", {})]),
    ("scaled-poisson", lambda: make_pipeline(StandardScaler(), PoissonRegressor()),
     [("diabetes-raw", "float", {}), ("diabetes-raw", "double", {})]),
    ("text-tfidf-logistic", lambda: make_pipeline(TfidfVectorizer(max_features=300), LogisticRegression()),
     [("text", "float", {}), ("text", "float", OFF)]),
    ("text-count-tfidf-sgd", lambda: make_pipeline(
        CountVectorizer(stop_words="english"), TfidfTransformer(), SGDClassifier(random_state=SEED)),
     [("text", "float", OFF)]),
    ("text-naive-bayes", lambda: make_pipeline(CountVectorizer(max_features=300), MultinomialNB()),
     [("text", "float", {})]),
    ("text-svd", lambda: make_pipeline(
        TfidfVectorizer(max_features=300), TruncatedSVD(5, random_state=SEED), LogisticRegression()),
     [("text", "float", OFF)]),
    ("text-column-logistic", lambda: text_model(LogisticRegression()),
     [("text-column", "float", {}), ("text-column", "float", OFF)]),
    ("text-column-forest", lambda: text_model(small(RandomForestClassifier)), [("text-column", "float", OFF)]),
]

OPSETS = [
    {"": 12, "ai.onnx.ml": 1}, {"": 12, "ai.onnx.ml": 2}, {"": 15, "ai.onnx.ml": 2}, {"": 17, "ai.onnx.ml": 3},
    22,
]

# (name, constructor, data, options) exported once for every opset above.
IN_EVERY_OPSET = [
    ("logistic-regression", LogisticRegression, "iris-names", {}),
    ("random-forest-classifier", lambda: small(RandomForestClassifier), "iris", OFF),
    ("random-forest-regressor", lambda: small(RandomForestRegressor), "diabetes", {}),
    ("gradient-boosting-classifier", lambda: small(GradientBoostingClassifier), "breast-cancer", {}),
    ("hist-gradient-boosting-classifier", lambda: HistGradientBoostingClassifier(max_iter=10), "breast-cancer-gaps", {}),
    ("svc", lambda: SVC(probability=True, random_state=SEED), "iris", {}),
    ("mlp-classifier", lambda: MLPClassifier((8,), max_iter=50, random_state=SEED), "breast-cancer", OFF),
    ("k-neighbors-classifier", KNeighborsClassifier, "iris", OFF),
    ("gaussian-nb", GaussianNB, "iris-names", OFF),
    ("k-means", lambda: KMeans(4, random_state=SEED), "iris", {}),
    ("isolation-forest", lambda: small(IsolationForest), "iris", {}),
    ("local-outlier-factor", lambda: LocalOutlierFactor(novelty=True), "iris", {}),
    ("gaussian-mixture", lambda: GaussianMixture(3, random_state=SEED), "iris", {}),
    ("gaussian-process-regressor", lambda: GaussianProcessRegressor(kernels.RBF(3.0), alpha=0.5), "diabetes", {}),
    ("ridge", Ridge, "linnerud", {}),
    ("polynomial-features", PolynomialFeatures, "iris", {}),
    ("quantile-transformer", lambda: QuantileTransformer(n_quantiles=50), "iris", {}),
    ("k-bins-discretizer", lambda: KBinsDiscretizer(4, encode="onehot-dense"), "wine", {}),
    ("one-hot-encoder", OneHotEncoder, "telco-strings", {}),
    ("ordinal-encoder", OrdinalEncoder, "telco-strings", {}),
    ("knn-imputer", KNNImputer, "wine-gaps", {}),
    ("tfidf-vectorizer", TfidfVectorizer, "text", {}),
    ("ada-boost-classifier", lambda: AdaBoostClassifier(n_estimators=5, random_state=SEED), "iris", OFF),
    ("bagging-classifier", lambda: BaggingClassifier(tree(), 5, random_state=SEED), "iris", OFF),
    ("stacking-classifier", lambda: StackingClassifier(class_voters(), cv=3), "iris", OFF),
    ("one-vs-one-classifier", lambda: OneVsOneClassifier(LogisticRegression()), "iris", OFF),
    ("telco-pipeline", lambda: telco_pipeline(LogisticRegression()), "telco", {}),
]


def all_cases():
    """Every case once, and the entries of `skipped` for what is not even tried."""
    cases, skipped = enumerated()
    for prefix, table in (("sklearn", VARIANTS), ("pipeline", PIPELINES)):
        for name, make, rows in table:
            cases += [Case(f"{prefix}-{name}-{suffix(*row)}", make, *row) for row in rows]
    for name, make, data, options in IN_EVERY_OPSET:
        for opset in OPSETS:
            case_name = f"sklearn-{name}-{suffix(data, 'float', options, opset)}"
            cases.append(Case(case_name, make, data, options=options, opset=opset))
    for name, make, export, rows in BOOSTING:
        for data, input_type, options in rows:
            cases.append(Case(
                f"{name}-{suffix(data, input_type, options)}", make, data, input_type, options,
                library=name.split("-")[0], export=export))
    names = [re.sub("[^a-z0-9-]", "-", case.name.lower()) for case in cases]
    for case, name in zip(cases, names):
        case.name = name
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"case names that occur more than once: {sorted(twice)}")
    return cases, skipped
