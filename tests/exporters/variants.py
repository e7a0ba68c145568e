"""Parameters of scikit-learn's estimators that change the exported graph."""

import numpy as np
from skl2onnx.sklapi import CastTransformer, ReplaceTransformer, WOETransformer
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA, KernelPCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import SelectFromModel, SelectKBest, chi2
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor, kernels
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import (
    BayesianRidge,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    RANSACRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    KNeighborsTransformer,
    LocalOutlierFactor,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    LabelBinarizer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, SVR, LinearSVC, NuSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier

from enumerated import COLUMNS, DATA, STRINGS
from rows import OFF, kebab, off, on
from small import SEED, class_voters, small, tree, value_voters

BOTH = off("iris") + on("breast-cancer-names")
PLAIN = on("iris", "breast-cancer-names")
SCALED = [("wine", "float", OFF), ("wine-names", "float", {}), ("breast-cancer-names", "float", {})]
IRIS = on("iris")
WINE = on("wine")
CANCER = off("breast-cancer")
DIABETES = on("diabetes")
GAPS = off("iris-gaps") + on("breast-cancer-gaps")
TEXT = on("text")
WORDS = on("telco-strings")
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
    *[
        (f"svc-{kernel}", lambda kernel=kernel: SVC(kernel=kernel), BOTH)
        for kernel in ("linear", "poly", "rbf", "sigmoid")
    ],
    *[
        (
            f"svc-{kernel}-probability",
            lambda kernel=kernel: SVC(kernel=kernel, probability=True, random_state=0),
            BOTH + IRIS,
        )
        for kernel in ("linear", "poly", "rbf", "sigmoid")
    ],
    ("svc-ovo", lambda: SVC(decision_function_shape="ovo"), BOTH),
    ("svc-break-ties", lambda: SVC(break_ties=True), BOTH),
    (
        "svc-raw-scores",
        lambda: SVC(decision_function_shape="ovo"),
        [("iris", "float", {"raw_scores": True, "zipmap": False})],
    ),
    ("nu-svc-probability", lambda: NuSVC(nu=0.2, probability=True, random_state=SEED), BOTH + IRIS),
    ("nu-svc-poly", lambda: NuSVC(nu=0.2, kernel="poly"), BOTH),
    *[
        (f"svr-{kernel}", lambda kernel=kernel: SVR(kernel=kernel), DIABETES)
        for kernel in ("linear", "poly", "sigmoid")
    ],
    *[
        (f"one-class-svm-{kernel}", lambda kernel=kernel: OneClassSVM(kernel=kernel, nu=0.1), IRIS)
        for kernel in ("linear", "poly", "sigmoid")
    ],
    ("linear-svc-hinge", lambda: LinearSVC(loss="hinge", random_state=SEED), PLAIN),
    ("linear-svc-no-intercept", lambda: LinearSVC(fit_intercept=False, random_state=SEED), PLAIN),
    # Linear models
    ("logistic-regression-ovr", lambda: LogisticRegression(solver="liblinear"), CANCER),
    ("logistic-regression-no-intercept", lambda: LogisticRegression(fit_intercept=False), BOTH),
    (
        "logistic-regression-raw-scores",
        LogisticRegression,
        [
            ("iris", "float", {"raw_scores": True, "zipmap": False}),
            ("breast-cancer", "float", {"raw_scores": True, "zipmap": False}),
            ("iris-names", "float", {"raw_scores": True}),
        ],
    ),
    ("logistic-regression-zipmap", LogisticRegression, ALL_ZIPMAPS),
    ("logistic-regression", LogisticRegression, [("iris-names", "float", {"nocl": True, "zipmap": False})]),
    ("ridge-classifier-no-intercept", lambda: RidgeClassifier(fit_intercept=False), BOTH),
    *[
        (
            f"sgd-classifier-{loss.replace('_', '-')}",
            # With the default steps the squared hinge grows to weights that float32 has too few digits for.
            lambda loss=loss: SGDClassifier(loss=loss, learning_rate="adaptive", eta0=0.001, random_state=0),
            SCALED,
        )
        for loss in ("log_loss", "modified_huber", "squared_hinge", "perceptron")
    ],
    ("sgd-regressor-huber", lambda: SGDRegressor("huber", random_state=SEED), DIABETES),
    ("linear-regression-no-intercept", lambda: LinearRegression(fit_intercept=False), DIABETES),
    ("bayesian-ridge", BayesianRidge, with_option("return_std", "diabetes")),
    *[
        (f"tweedie-regressor-{power}", lambda power=power: TweedieRegressor(power=power), DIABETES)
        for power in (1, 2, 3)
    ],
    ("tweedie-regressor-log", lambda: TweedieRegressor(power=0, link="log"), DIABETES),
    (
        "ransac-regressor-tree",
        lambda: RANSACRegressor(DecisionTreeRegressor(max_depth=3), min_samples=20, random_state=SEED),
        DIABETES,
    ),
    # Trees and their ensembles
    *[
        (f"{name}-{option.replace('_', '-')}", make, [(data, "float", {option: True, **off})])
        for name, make, data, off in (
            ("decision-tree-classifier", tree, "iris", OFF),
            (
                "decision-tree-regressor",
                lambda: DecisionTreeRegressor(max_depth=4, random_state=0),
                "diabetes",
                {},
            ),
            ("extra-tree-classifier", lambda: ExtraTreeClassifier(max_depth=4, random_state=0), "iris", OFF),
            ("random-forest-classifier", lambda: small(RandomForestClassifier), "iris", OFF),
            ("random-forest-regressor", lambda: small(RandomForestRegressor), "diabetes", {}),
            ("extra-trees-classifier", lambda: small(ExtraTreesClassifier), "iris", OFF),
        )
        for option in ("decision_path", "decision_leaf")
    ],
    ("decision-tree-classifier-entropy", lambda: tree(criterion="entropy", class_weight="balanced"), BOTH),
    ("decision-tree-classifier-gaps", tree, GAPS),
    ("decision-tree-classifier-multilabel", tree, off("iris-multilabel")),
    ("decision-tree-classifier-full", lambda: DecisionTreeClassifier(random_state=SEED), BOTH),
    ("random-forest-classifier-gaps", lambda: small(RandomForestClassifier), GAPS),
    ("random-forest-classifier-multilabel", lambda: small(RandomForestClassifier), off("iris-multilabel")),
    ("random-forest-classifier-zipmap", lambda: small(RandomForestClassifier), ALL_ZIPMAPS),
    (
        "random-forest-regressor-absolute-error",
        lambda: RandomForestRegressor(10, criterion="absolute_error", max_depth=4, random_state=SEED),
        DIABETES,
    ),
    ("random-forest-regressor-gaps", lambda: small(RandomForestRegressor), on("diabetes-gaps")),
    (
        "gradient-boosting-classifier-init-zero",
        lambda: GradientBoostingClassifier(n_estimators=10, init="zero", random_state=SEED),
        BOTH + IRIS,
    ),
    (
        "gradient-boosting-classifier-init-estimator",
        lambda: GradientBoostingClassifier(n_estimators=10, init=LogisticRegression(), random_state=SEED),
        BOTH,
    ),
    (
        "gradient-boosting-classifier-exponential",
        lambda: GradientBoostingClassifier(n_estimators=10, loss="exponential", random_state=SEED),
        CANCER,
    ),
    (
        "gradient-boosting-classifier-raw-scores",
        lambda: small(GradientBoostingClassifier),
        [("iris", "float", {"raw_scores": True, "zipmap": False})],
    ),
    ("gradient-boosting-classifier-zipmap", lambda: small(GradientBoostingClassifier), ALL_ZIPMAPS),
    *[
        (
            f"gradient-boosting-regressor-{loss.replace('_', '-')}",
            lambda loss=loss: GradientBoostingRegressor(n_estimators=10, loss=loss, random_state=SEED),
            DIABETES,
        )
        for loss in ("huber", "quantile")
    ],
    (
        "gradient-boosting-regressor-init-zero",
        lambda: GradientBoostingRegressor(n_estimators=10, init="zero", random_state=SEED),
        DIABETES,
    ),
    ("hist-gradient-boosting-classifier-gaps", lambda: HistGradientBoostingClassifier(max_iter=10), GAPS),
    (
        "hist-gradient-boosting-classifier-telco",
        lambda: HistGradientBoostingClassifier(max_iter=10),
        on("telco-numbers"),
    ),
    (
        "hist-gradient-boosting-classifier-categorical",
        lambda: HistGradientBoostingClassifier(max_iter=10, categorical_features=[0, 1]),
        off("digits-coarse"),
    ),
    (
        "hist-gradient-boosting-regressor-gaps",
        lambda: HistGradientBoostingRegressor(max_iter=10),
        on("diabetes-gaps"),
    ),
    *[
        (
            f"hist-gradient-boosting-regressor-{loss}",
            lambda loss=loss: HistGradientBoostingRegressor(
                loss=loss, quantile=0.5 if loss == "quantile" else None, max_iter=10
            ),
            DIABETES,
        )
        for loss in ("poisson", "gamma", "quantile", "absolute_error")
    ],
    (
        "isolation-forest-contamination",
        lambda: IsolationForest(n_estimators=10, contamination=0.1, random_state=SEED),
        IRIS,
    ),
    ("isolation-forest", lambda: small(IsolationForest), with_option("score_samples", "iris", "wine")),
    (
        "bagging-classifier-features",
        lambda: BaggingClassifier(tree(), 5, max_features=0.5, random_state=SEED),
        BOTH + IRIS,
    ),
    ("bagging-classifier-logistic", lambda: BaggingClassifier(LogisticRegression(), 5, random_state=0), BOTH),
    ("bagging-classifier-svc", lambda: BaggingClassifier(SVC(), 3, random_state=SEED), BOTH),
    (
        "bagging-regressor-features",
        lambda: BaggingRegressor(Ridge(), 5, max_features=0.5, random_state=SEED),
        DIABETES,
    ),
    (
        "ada-boost-classifier-logistic",
        lambda: AdaBoostClassifier(LogisticRegression(), n_estimators=5, random_state=SEED),
        BOTH + IRIS,
    ),
    (
        "ada-boost-classifier-raw-scores",
        lambda: AdaBoostClassifier(n_estimators=5, random_state=SEED),
        [("iris", "float", {"raw_scores": True, "zipmap": False})],
    ),
    (
        "ada-boost-regressor-ridge",
        lambda: AdaBoostRegressor(Ridge(), n_estimators=5, random_state=0),
        DIABETES,
    ),
    # Estimators made of estimators
    (
        "voting-classifier-hard",
        lambda: VotingClassifier(class_voters(), voting="hard", flatten_transform=False),
        BOTH + IRIS,
    ),
    (
        "voting-classifier-weights",
        lambda: VotingClassifier(
            class_voters(), voting="soft", flatten_transform=False, weights=np.array([1, 2, 3])
        ),
        BOTH,
    ),
    ("voting-regressor-weights", lambda: VotingRegressor(value_voters(), weights=np.array([1, 3])), DIABETES),
    (
        "stacking-classifier-passthrough",
        lambda: StackingClassifier(class_voters(), LogisticRegression(), cv=3, passthrough=True),
        BOTH + IRIS,
    ),
    (
        "stacking-classifier-predict",
        lambda: StackingClassifier(class_voters(), LogisticRegression(), cv=3, stack_method="predict"),
        BOTH,
    ),
    (
        "stacking-classifier-forests",
        lambda: StackingClassifier(
            [("rf", small(RandomForestClassifier)), ("gb", small(GradientBoostingClassifier))],
            LogisticRegression(),
            cv=3,
        ),
        BOTH,
    ),
    (
        "stacking-regressor-passthrough",
        lambda: StackingRegressor(value_voters(), Ridge(), cv=3, passthrough=True),
        DIABETES,
    ),
    *[
        (
            f"calibrated-classifier-cv-{method}-{name}",
            lambda method=method, make=make: CalibratedClassifierCV(make(), method=method, cv=3),
            BOTH + IRIS,
        )
        for method in ("sigmoid", "isotonic")
        for name, make in (
            ("tree", tree),
            ("linear-svc", lambda: LinearSVC(random_state=SEED)),
            ("nb", GaussianNB),
            ("svc", SVC),
        )
    ],
    (
        "calibrated-classifier-cv-temperature",
        lambda: CalibratedClassifierCV(GaussianNB(), method="temperature", cv=3),
        BOTH,
    ),
    (
        "calibrated-classifier-cv-one-model",
        lambda: CalibratedClassifierCV(GaussianNB(), ensemble=False, cv=3),
        BOTH,
    ),
    ("one-vs-rest-classifier-tree", lambda: OneVsRestClassifier(tree()), BOTH + IRIS),
    ("one-vs-rest-classifier-svc", lambda: OneVsRestClassifier(SVC()), BOTH),
    (
        "one-vs-rest-classifier-multilabel",
        lambda: OneVsRestClassifier(LogisticRegression()),
        off("iris-multilabel"),
    ),
    (
        "one-vs-rest-constant-label",
        lambda: OneVsRestClassifier(LogisticRegression()),
        off("iris-constant-label"),
    ),
    ("one-vs-one-classifier-tree", lambda: OneVsOneClassifier(tree()), BOTH + IRIS),
    ("one-vs-one-classifier-svc", lambda: OneVsOneClassifier(LinearSVC(random_state=SEED)), BOTH),
    ("multi-output-classifier-tree", lambda: MultiOutputClassifier(tree()), off("iris-pair")),
    (
        "multi-output-regressor-forest",
        lambda: MultiOutputRegressor(small(RandomForestRegressor)),
        on("linnerud"),
    ),
    ("classifier-chain", lambda: ClassifierChain(LogisticRegression()), off("iris-multilabel")),
    ("regressor-chain", lambda: RegressorChain(Ridge()), on("linnerud")),
    (
        "grid-search-cv-forest",
        lambda: GridSearchCV(small(RandomForestClassifier), {"max_depth": [2, 3]}, cv=3),
        BOTH + IRIS,
    ),
    ("grid-search-cv-ridge", lambda: GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=3), DIABETES),
    (
        "grid-search-cv-k-means",
        lambda: GridSearchCV(KMeans(random_state=SEED), {"n_clusters": [3, 4]}, cv=3),
        IRIS,
    ),
    # Neighbours
    *[
        (
            f"k-neighbors-classifier-{metric}-{weights}",
            lambda metric=metric, weights=weights: KNeighborsClassifier(metric=metric, weights=weights),
            BOTH + IRIS * (weights == "distance"),
        )
        for metric in ("euclidean", "manhattan", "minkowski", "chebyshev", "cosine")
        for weights in ("uniform", "distance")
    ],
    ("k-neighbors-classifier-minkowski-3", lambda: KNeighborsClassifier(metric="minkowski", p=3), BOTH),
    ("k-neighbors-classifier-brute", lambda: KNeighborsClassifier(3, algorithm="brute"), BOTH),
    ("k-neighbors-classifier-multilabel", KNeighborsClassifier, off("iris-multilabel")),
    # Not on iris: its flowers are measured in millimetres, so that many are equally far.
    ("k-neighbors-classifier-cdist", KNeighborsClassifier, [("wine", "float", {"optim": "cdist", **OFF})]),
    *[
        (
            f"k-neighbors-regressor-{metric}-{weights}",
            lambda metric=metric, weights=weights: KNeighborsRegressor(metric=metric, weights=weights),
            DIABETES,
        )
        for metric in ("euclidean", "manhattan")
        for weights in ("uniform", "distance")
    ],
    ("k-neighbors-regressor-cdist", KNeighborsRegressor, [("diabetes", "float", {"optim": "cdist"})]),
    ("k-neighbors-transformer-connectivity", lambda: KNeighborsTransformer(mode="connectivity"), IRIS),
    (
        "radius-neighbors-classifier-uniform",
        lambda: RadiusNeighborsClassifier(10.0, outlier_label="most_frequent"),
        BOTH,
    ),
    ("radius-neighbors-regressor-uniform", lambda: RadiusNeighborsRegressor(10.0), DIABETES),
    ("knn-imputer-distance", lambda: KNNImputer(weights="distance"), on("wine-gaps")),
    ("knn-imputer-cdist", KNNImputer, [("wine-gaps", "float", {"optim": "cdist"})]),
    (
        "local-outlier-factor",
        lambda: LocalOutlierFactor(novelty=True),
        with_option("score_samples", "iris") + [("wine", "float", {"optim": "cdist"})],
    ),
    # Gaussian processes and mixtures
    *[
        (
            f"gaussian-process-regressor-{name}",
            lambda kernel=kernel, alpha=alpha: GaussianProcessRegressor(kernel, alpha=alpha),
            DIABETES,
        )
        for name, kernel, alpha in (
            ("constant-rbf", kernels.ConstantKernel(2.0) * kernels.RBF(3.0), 0.5),
            ("white", kernels.RBF(3.0) + kernels.WhiteKernel(0.5), 0.5),
            ("matern-half", kernels.Matern(3.0, nu=0.5), 0.5),
            ("matern-three-halves", kernels.Matern(3.0, nu=1.5), 0.5),
            ("matern-five-halves", kernels.Matern(3.0, nu=2.5), 0.5),
            ("rational-quadratic", kernels.RationalQuadratic(3.0), 0.5),
            ("exp-sine-squared", kernels.ExpSineSquared(3.0, 50.0, periodicity_bounds="fixed"), 0.5),
            ("exponent", kernels.Exponentiation(kernels.RBF(3.0), 2), 0.5),
            # Its matrix is nearly singular; with less on the diagonal float32 has few digits left.
            ("pairwise-cosine", kernels.PairwiseKernel(metric="cosine"), 50.0),
        )
    ],
    (
        "gaussian-process-regressor-normalize-y",
        lambda: GaussianProcessRegressor(kernels.RBF(3.0), alpha=0.5, normalize_y=True),
        DIABETES,
    ),
    (
        "gaussian-process-regressor",
        lambda: GaussianProcessRegressor(kernels.RBF(3.0), alpha=0.5),
        [
            ("diabetes-few", "double", {"return_std": True}),
            ("diabetes-few", "double", {"return_cov": True}),
            ("diabetes", "float", {"optim": "cdist"}),
        ],
    ),
    (
        "gaussian-process-regressor-dot-product",
        lambda: GaussianProcessRegressor(kernels.DotProduct(), alpha=0.5),
        [("diabetes-few", "double", {})],
    ),
    ("gaussian-process-classifier-rbf", lambda: GaussianProcessClassifier(kernels.RBF(2.0)), BOTH),
    *[
        (
            f"gaussian-mixture-{kind}",
            lambda kind=kind: GaussianMixture(3, covariance_type=kind, random_state=SEED),
            IRIS + with_option("score_samples", "wine"),
        )
        for kind in ("full", "tied", "diag", "spherical")
    ],
    *[
        (
            f"bayesian-gaussian-mixture-{kind}",
            lambda kind=kind: BayesianGaussianMixture(
                n_components=3, covariance_type=kind, random_state=SEED
            ),
            IRIS,
        )
        for kind in ("full", "tied", "diag", "spherical")
    ],
    # Other models
    *[
        (
            f"mlp-classifier-{activation}",
            lambda activation=activation: MLPClassifier(
                hidden_layer_sizes=(8, 6), activation=activation, max_iter=50, random_state=SEED
            ),
            BOTH + IRIS,
        )
        for activation in ("identity", "logistic", "tanh")
    ],
    (
        "mlp-classifier-multilabel",
        lambda: MLPClassifier((8,), max_iter=50, random_state=SEED),
        off("iris-multilabel"),
    ),
    *[
        (
            f"mlp-regressor-{activation}",
            lambda activation=activation: MLPRegressor(
                hidden_layer_sizes=(8, 6), activation=activation, max_iter=50, random_state=SEED
            ),
            DIABETES,
        )
        for activation in ("identity", "logistic", "tanh")
    ],
    (
        "linear-discriminant-analysis-lsqr",
        lambda: LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
        BOTH,
    ),
    ("bernoulli-nb-binarize", lambda: BernoulliNB(binarize=3.0), BOTH),
    ("bernoulli-nb-no-binarize", lambda: BernoulliNB(binarize=None), off("digits-coarse")),
    ("gaussian-nb-priors", lambda: GaussianNB(priors=[0.2, 0.3, 0.5]), IRIS),
    ("k-means-gemm-off", lambda: KMeans(4, random_state=SEED), [("iris", "float", {"gemm": False})]),
    ("perceptron-l1", lambda: Perceptron(penalty="l1", random_state=SEED), BOTH),
    *[
        (f"{kebab(cls.__name__)}-labels", lambda cls=cls: small(cls), LABELS)
        for cls in (
            LogisticRegression,
            SVC,
            DecisionTreeClassifier,
            RandomForestClassifier,
            KNeighborsClassifier,
            GradientBoostingClassifier,
            GaussianNB,
            MLPClassifier,
            SGDClassifier,
            AdaBoostClassifier,
        )
    ],
    # Encoders and bins
    ("one-hot-encoder-ignore", lambda: OneHotEncoder(handle_unknown="ignore"), STRINGS),
    ("one-hot-encoder-drop-first", lambda: OneHotEncoder(drop="first"), STRINGS),
    ("one-hot-encoder-drop-if-binary", lambda: OneHotEncoder(drop="if_binary"), STRINGS),
    ("one-hot-encoder-dense", lambda: OneHotEncoder(sparse_output=False), STRINGS),
    (
        "one-hot-encoder-min-frequency",
        lambda: OneHotEncoder(min_frequency=0.2, handle_unknown="infrequent_if_exist"),
        STRINGS,
    ),
    ("one-hot-encoder-max-categories", lambda: OneHotEncoder(max_categories=2), STRINGS),
    ("one-hot-encoder-int64", lambda: OneHotEncoder(dtype=np.int64), STRINGS),
    (
        "ordinal-encoder-unknown",
        lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        STRINGS,
    ),
    ("ordinal-encoder-int64", lambda: OrdinalEncoder(dtype=np.int64), STRINGS),
    ("ordinal-encoder-max-categories", lambda: OrdinalEncoder(max_categories=2), STRINGS),
    (
        "target-encoder-continuous",
        lambda: TargetEncoder(target_type="continuous", random_state=SEED),
        [("digits-coarse", "int64", {}), ("digits-coarse", "float", {})],
    ),
    ("target-encoder-smooth", lambda: TargetEncoder(smooth=5.0, random_state=SEED), STRINGS),
    (
        "woe-transformer",
        lambda: WOETransformer(
            [[(0.0, 5.0), (5.0, 6.0, True, False)], [(2.0, 3.0)], "passthrough", "passthrough"]
        ),
        on("iris"),
    ),
    *[
        (
            f"k-bins-discretizer-{encode}-{strategy}",
            lambda encode=encode, strategy=strategy: KBinsDiscretizer(
                4, encode=encode, strategy=strategy, random_state=SEED
            ),
            on("wine", "breast-cancer"),
        )
        for encode in ("onehot", "onehot-dense", "ordinal")
        for strategy in ("uniform", "quantile", "kmeans")
    ],
    ("label-binarizer-values", lambda: LabelBinarizer(neg_label=-2, pos_label=3), DATA["LabelBinarizer"]),
    # Scalers, imputers and other columns in, columns out
    *[
        (
            f"simple-imputer-{strategy.replace('_', '-')}",
            lambda strategy=strategy: SimpleImputer(
                strategy=strategy, fill_value=7.5 if strategy == "constant" else None
            ),
            on("iris-gaps"),
        )
        for strategy in ("median", "most_frequent", "constant")
    ],
    (
        "simple-imputer-zeros",
        lambda: SimpleImputer(missing_values=0, strategy="most_frequent"),
        [("digits", "int64", {})],
    ),
    ("simple-imputer-indicator", lambda: SimpleImputer(add_indicator=True), on("iris-gaps")),
    (
        "simple-imputer-strings",
        lambda: SimpleImputer(missing_values="", strategy="most_frequent"),
        on("telco-strings-gaps"),
    ),
    (
        "simple-imputer-strings-constant",
        lambda: SimpleImputer(missing_values="", strategy="constant", fill_value="unknown"),
        on("telco-strings-gaps"),
    ),
    *[(f"normalizer-{norm}", lambda norm=norm: Normalizer(norm), COLUMNS) for norm in ("l1", "l2", "max")],
    ("binarizer-threshold", lambda: Binarizer(threshold=2.0), COLUMNS),
    ("standard-scaler-no-mean", lambda: StandardScaler(with_mean=False), COLUMNS),
    ("standard-scaler-no-std", lambda: StandardScaler(with_std=False), COLUMNS),
    *[
        (f"standard-scaler-{div}", StandardScaler, [("iris", "float", {"div": div})])
        for div in ("div", "div_cast")
    ],
    ("robust-scaler-no-centering", lambda: RobustScaler(with_centering=False), IRIS),
    ("min-max-scaler-range-clip", lambda: MinMaxScaler((-1, 2), clip=True), IRIS),
    ("power-transformer-box-cox", lambda: PowerTransformer("box-cox"), IRIS),
    ("power-transformer-not-standardized", lambda: PowerTransformer(standardize=False), COLUMNS[:2]),
    (
        "quantile-transformer-normal",
        lambda: QuantileTransformer(n_quantiles=50, output_distribution="normal"),
        COLUMNS[:2],
    ),
    *[
        (f"polynomial-features-{name}", lambda more=more: PolynomialFeatures(**more), IRIS)
        for name, more in (
            ("cubic", {"degree": 3}),
            ("interactions", {"interaction_only": True}),
            ("no-bias", {"include_bias": False}),
        )
    ],
    ("function-transformer-callable", lambda: FunctionTransformer(np.log1p), IRIS),
    ("cast-transformer-double", lambda: CastTransformer(dtype=np.float64), COLUMNS),
    ("cast-transformer-int64", lambda: CastTransformer(dtype=np.int64), COLUMNS),
    ("replace-transformer-nan", lambda: ReplaceTransformer(from_value=0, to_value=np.nan), IRIS),
    ("pca-whiten", lambda: PCA(3, whiten=True), COLUMNS),
    ("truncated-svd-3", lambda: TruncatedSVD(3, random_state=SEED), IRIS),
    *[
        (f"kernel-pca-{kernel}", lambda kernel=kernel: KernelPCA(3, kernel=kernel), WINE)
        for kernel in ("linear", "poly", "sigmoid", "cosine")
    ],
    ("select-from-model-forest", lambda: SelectFromModel(small(RandomForestClassifier)), COLUMNS[:2]),
    ("select-k-best-chi2", lambda: SelectKBest(chi2, k=2), IRIS),
    # Words
    ("count-vectorizer-binary", lambda: CountVectorizer(binary=True, max_features=100), TEXT),
    ("count-vectorizer-ngrams", lambda: CountVectorizer(ngram_range=(1, 2), max_features=100), TEXT),
    ("count-vectorizer-stop-words", lambda: CountVectorizer(stop_words="english", max_features=100), TEXT),
    ("count-vectorizer-pattern", lambda: CountVectorizer(token_pattern="[a-zA-Z]+", max_features=100), TEXT),
    ("count-vectorizer-case", lambda: CountVectorizer(lowercase=False, max_features=100), TEXT),
    ("count-vectorizer-vocabulary", lambda: CountVectorizer(vocabulary=["data", "class", "the", "of"]), TEXT),
    ("count-vectorizer-char", lambda: CountVectorizer(analyzer="char"), TEXT),
    (
        "count-vectorizer-char-ngrams",
        lambda: CountVectorizer(analyzer="char", ngram_range=(1, 2), max_features=100),
        TEXT,
    ),
    ("count-vectorizer-char-wb", lambda: CountVectorizer(analyzer="char_wb", max_features=100), TEXT),
    ("tfidf-vectorizer-ngrams", lambda: TfidfVectorizer(ngram_range=(1, 3), max_features=100), TEXT),
    ("tfidf-vectorizer-bigrams", lambda: TfidfVectorizer(ngram_range=(2, 2), max_features=100), TEXT),
    ("tfidf-vectorizer-stop-words", lambda: TfidfVectorizer(stop_words="english", max_features=100), TEXT),
    (
        "tfidf-vectorizer-l1-sublinear",
        lambda: TfidfVectorizer(norm="l1", sublinear_tf=True, max_features=100),
        TEXT,
    ),
    ("tfidf-vectorizer-no-idf", lambda: TfidfVectorizer(use_idf=False, norm=None, max_features=100), TEXT),
    ("tfidf-vectorizer-accents", lambda: TfidfVectorizer(strip_accents="ascii"), TEXT),
    ("tfidf-vectorizer-char", lambda: TfidfVectorizer(analyzer="char", max_features=100), TEXT),
    ("tfidf-transformer-raw", lambda: TfidfTransformer(norm=None, smooth_idf=False), on("wine-raw")),
    ("feature-hasher-positive", lambda: FeatureHasher(16, input_type="string", alternate_sign=False), WORDS),
    ("feature-hasher-double", lambda: FeatureHasher(32, input_type="string", dtype=np.float64), WORDS),
]
