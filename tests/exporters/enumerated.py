"""A case of every class that skl2onnx has a converter for, so that none is forgotten."""

from functools import partial

import skl2onnx.sklapi.register  # noqa: F401  the WOE encoder's converter is only known after this import
from skl2onnx._supported_operators import sklearn_operator_name_map
from sklearn.base import is_classifier, is_clusterer, is_outlier_detector, is_regressor
from sklearn.decomposition import PCA
from sklearn.gaussian_process import kernels
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import get_tags

from rows import OFF, kebab, off, on
from small import SEED, class_voters, small, tree, value_voters

# Every row is a neighbour: where some are not, the graph asks onnxruntime for a row that is not there.
WIDE = 1000.0
# Classes that cannot be made, or say nothing, with the parameters of `small`.
CONSTRUCTORS = {
    "BaggingClassifier": lambda cls: cls(tree(), n_estimators=5, random_state=SEED),
    "BaggingRegressor": lambda cls: cls(
        DecisionTreeRegressor(max_depth=4), n_estimators=5, random_state=SEED
    ),
    "CalibratedClassifierCV": lambda cls: cls(cv=3),
    "CastRegressor": lambda cls: cls(LinearRegression()),
    "CategoricalNB": lambda cls: cls(min_categories=3),
    "ColumnTransformer": lambda cls: cls([("scale", StandardScaler(), [0, 2]), ("min", MinMaxScaler(), [1])]),
    "CountVectorizer": lambda cls: cls(max_features=100),
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
    "KBinsDiscretizer": lambda cls: cls(4, encode="onehot-dense"),
    "KernelPCA": lambda cls: cls(3, kernel="rbf", random_state=SEED),
    "KMeans": lambda cls: cls(4, random_state=SEED),
    "LocalOutlierFactor": lambda cls: cls(novelty=True),
    "LogisticRegressionCV": lambda cls: cls(Cs=3, cv=3),
    "MiniBatchKMeans": lambda cls: cls(4, random_state=SEED),
    "MultiOutputClassifier": lambda cls: cls(LogisticRegression()),
    "MultiOutputRegressor": lambda cls: cls(Ridge()),
    "NearestNeighbors": lambda cls: cls(radius=None),
    "NuSVC": lambda cls: cls(nu=0.2),
    "OneVsOneClassifier": lambda cls: cls(LogisticRegression()),
    "OneVsRestClassifier": lambda cls: cls(LogisticRegression()),
    "PCA": lambda cls: cls(3),
    "Pipeline": lambda cls: cls([("scale", StandardScaler()), ("pca", PCA(2))]),
    "QuadraticDiscriminantAnalysis": lambda cls: cls(reg_param=0.1),
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
    "TfidfVectorizer": lambda cls: cls(max_features=100),
    "TraceableCountVectorizer": lambda cls: cls(max_features=100),
    "TraceableTfidfVectorizer": lambda cls: cls(max_features=100),
    "TunedThresholdClassifierCV": lambda cls: cls(LogisticRegression(), cv=3),
    "VarianceThreshold": lambda cls: cls(0.2),
    "VotingClassifier": lambda cls: cls(class_voters(), voting="soft", flatten_transform=False),
    "VotingRegressor": lambda cls: cls(value_voters()),
    "WOETransformer": lambda cls: cls([[(-9.0, 0.0), (0.0, 9.0)]] + ["passthrough"] * 29),
}

# (data, input type, options) of each kind of estimator; `{}` leaves zipmap at the exporter's default: on.
CLASSIFICATION = [
    ("iris", "float", {}),
    ("iris", "float", OFF),
    ("iris-names", "float", {}),
    ("iris-names", "float", OFF),
    ("breast-cancer", "float", {}),
    ("breast-cancer-names", "float", OFF),
    ("digits", "int64", OFF),
    ("wine", "double", OFF),
]
BINARY = [row for row in CLASSIFICATION if row[0].startswith("breast")] + [("breast-cancer", "double", OFF)]
COUNTS = [
    ("iris", "float", {}),
    ("iris-names", "float", OFF),
    ("breast-cancer-raw", "float", {}),
    ("digits-coarse", "int64", OFF),
    ("digits-coarse", "float", {}),
    ("wine-raw", "double", OFF),
]
CATEGORIES = [("digits-coarse", "int64", {}), ("digits-coarse", "int64", OFF), ("digits-coarse", "float", {})]
REGRESSION = [("diabetes", "float", {}), ("diabetes", "double", {}), ("linnerud-weight", "int64", {})]
TARGETS = [("linnerud", "float", {}), ("linnerud", "double", {}), ("linnerud", "int64", {})]
OUTLIERS = [("breast-cancer", "float", {}), ("wine", "float", {}), ("iris", "double", {})]
CLUSTERS = [("iris", "float", {}), ("digits", "int64", {}), ("wine", "double", {})]
COLUMNS = [
    ("iris", "float", {}),
    ("breast-cancer", "float", {}),
    ("digits", "int64", {}),
    ("wine", "double", {}),
]
STRINGS = [("telco-strings", "float", {}), ("digits-coarse", "int64", {}), ("digits-coarse", "float", {})]

# Classes that need other data than their kind.
DATA = {
    "CategoricalNB": CATEGORIES,
    "ComplementNB": COUNTS,
    "CountVectorizer": on("text"),
    "FeatureHasher": on("telco-strings"),
    "KernelCenterer": [("iris-kernel", "float", {}), ("iris-kernel", "double", {})],
    "KNNImputer": [("wine-gaps", "float", {}), ("diabetes-gaps", "float", {}), ("wine-gaps", "double", {})],
    "LabelBinarizer": [("digits-labels", "int64", {}), ("iris-labels", "float", {})],
    "LabelEncoder": [("digits-labels", "int64", {}), ("iris-labels", "float", {})],
    "LinearSVC": [row for row in CLASSIFICATION if not row[2]] + [("digits", "int64", {})],
    "MultinomialNB": COUNTS,
    "MultiOutputClassifier": off("iris-pair", "iris-pair-names"),
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
    "TfidfVectorizer": on("text"),
    "TraceableCountVectorizer": on("text"),
    "TraceableTfidfVectorizer": on("text"),
    "TunedThresholdClassifierCV": BINARY,
    "WOETransformer": on("breast-cancer"),
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


def converted_classes():
    """What skl2onnx exports by itself; `boosting` teaches it more."""
    return [cls for cls in sklearn_operator_name_map if cls.__module__.startswith(("sklearn.", "skl2onnx."))]


def enumerated():
    """The table of all those classes: (name, constructor, data)."""
    table = []
    for cls in sorted(converted_classes(), key=lambda cls: cls.__name__):
        if cls.__name__ not in NOT_MADE:
            make = partial(CONSTRUCTORS.get(cls.__name__, small), cls)
            table.append((kebab(cls.__name__), make, DATA.get(cls.__name__) or usual_data(make())))
    return table
