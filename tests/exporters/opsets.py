"""Models that are exported to older operator sets too, as their graphs differ."""

from sklearn.cluster import KMeans
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor, kernels
from sklearn.impute import KNNImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.multiclass import OneVsOneClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import (
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
)
from sklearn.svm import SVC

from pipelines import telco_pipeline
from rows import OFF
from small import SEED, class_voters, small, tree

OPSETS = [
    {"": 12, "ai.onnx.ml": 1},
    {"": 12, "ai.onnx.ml": 2},
    {"": 15, "ai.onnx.ml": 2},
    {"": 17, "ai.onnx.ml": 3},
    22,
]

# (name, constructor, data, options) exported once for every opset above.
IN_EVERY_OPSET = [
    ("logistic-regression", LogisticRegression, "iris-names", {}),
    ("random-forest-classifier", lambda: small(RandomForestClassifier), "iris", OFF),
    ("random-forest-regressor", lambda: small(RandomForestRegressor), "diabetes", {}),
    ("gradient-boosting-classifier", lambda: small(GradientBoostingClassifier), "breast-cancer", {}),
    (
        "hist-gradient-boosting-classifier",
        lambda: HistGradientBoostingClassifier(max_iter=10),
        "breast-cancer-gaps",
        {},
    ),
    ("svc", lambda: SVC(probability=True, random_state=SEED), "iris", {}),
    ("mlp-classifier", lambda: MLPClassifier((8,), max_iter=50, random_state=SEED), "breast-cancer", OFF),
    ("k-neighbors-classifier", KNeighborsClassifier, "iris", OFF),
    ("gaussian-nb", GaussianNB, "iris-names", OFF),
    ("k-means", lambda: KMeans(4, random_state=SEED), "iris", {}),
    ("isolation-forest", lambda: small(IsolationForest), "iris", {}),
    ("local-outlier-factor", lambda: LocalOutlierFactor(novelty=True), "iris", {}),
    ("gaussian-mixture", lambda: GaussianMixture(3, random_state=SEED), "iris", {}),
    (
        "gaussian-process-regressor",
        lambda: GaussianProcessRegressor(kernels.RBF(3.0), alpha=0.5),
        "diabetes",
        {},
    ),
    ("ridge", Ridge, "linnerud", {}),
    ("polynomial-features", PolynomialFeatures, "iris", {}),
    ("quantile-transformer", lambda: QuantileTransformer(n_quantiles=50), "iris", {}),
    ("k-bins-discretizer", lambda: KBinsDiscretizer(4, encode="onehot-dense"), "wine", {}),
    ("one-hot-encoder", OneHotEncoder, "telco-strings", {}),
    ("ordinal-encoder", OrdinalEncoder, "telco-strings", {}),
    ("knn-imputer", KNNImputer, "wine-gaps", {}),
    ("tfidf-vectorizer", lambda: TfidfVectorizer(max_features=100), "text", {}),
    ("ada-boost-classifier", lambda: AdaBoostClassifier(n_estimators=5, random_state=SEED), "iris", OFF),
    ("bagging-classifier", lambda: BaggingClassifier(tree(), 5, random_state=SEED), "iris", OFF),
    ("stacking-classifier", lambda: StackingClassifier(class_voters(), cv=3), "iris", OFF),
    ("one-vs-one-classifier", lambda: OneVsOneClassifier(LogisticRegression()), "iris", OFF),
    ("telco-pipeline", lambda: telco_pipeline(LogisticRegression()), "telco", {}),
]
