"""What people deploy: a table or a matrix, prepared and then given to a model."""

from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import SelectFromModel, SelectKBest, VarianceThreshold
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, PoissonRegressor, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, SVR

from data import TELCO_NUMBERS, TELCO_STRINGS
from rows import kebab, off, on
from small import SEED, class_voters, small, tree


def telco_columns(numbers, strings):
    """The usual preparation of a table: numbers one way, strings another."""
    return ColumnTransformer([("numbers", numbers, TELCO_NUMBERS), ("strings", strings, TELCO_STRINGS)])


def telco_pipeline(last):
    """Missing numbers filled and scaled, strings one-hot, then a model."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return make_pipeline(telco_columns(numbers, OneHotEncoder(handle_unknown="ignore")), last)


def imputed_strings():
    return make_pipeline(
        SimpleImputer(missing_values="", strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    )


def text_model(last):
    """Words of one column beside the scaled number of another."""
    columns = [
        ("words", TfidfVectorizer(max_features=300), "sentence"),
        ("length", StandardScaler(), ["length"]),
    ]
    return make_pipeline(ColumnTransformer(columns), last)


CHURN = on("telco") + off("telco")
CHURN_OFF = off("telco")
MATRIX = on("breast-cancer-raw") + off("wine-raw")

# (name, constructor, data): what people deploy.
PIPELINES = [
    *[
        (f"telco-{kebab(type(last()).__name__)}", lambda last=last: telco_pipeline(last()), CHURN)
        for last in (
            LogisticRegression,
            lambda: small(RandomForestClassifier),
            lambda: small(GradientBoostingClassifier),
            lambda: MLPClassifier((8,), max_iter=30, random_state=SEED),
            tree,
            lambda: small(SGDClassifier),
            KNeighborsClassifier,
        )
    ],
    (
        "telco-columns",
        lambda: telco_pipeline(LogisticRegression()),
        [("telco", "float", {"zipmap": "columns"})],
    ),
    (
        "telco-hist-gradient-boosting",
        lambda: make_pipeline(
            telco_columns("passthrough", OrdinalEncoder()), HistGradientBoostingClassifier(max_iter=10)
        ),
        CHURN,
    ),
    (
        "telco-target-encoder",
        lambda: make_pipeline(
            telco_columns(SimpleImputer(), TargetEncoder(random_state=SEED)), LogisticRegression()
        ),
        CHURN_OFF,
    ),
    (
        "telco-drop-first",
        lambda: make_pipeline(
            telco_columns(make_pipeline(SimpleImputer(), MinMaxScaler()), OneHotEncoder(drop="first")),
            LogisticRegression(),
        ),
        CHURN,
    ),
    (
        "telco-string-gaps",
        lambda: make_pipeline(
            telco_columns(make_pipeline(KNNImputer(), RobustScaler()), imputed_strings()),
            LogisticRegression(),
        ),
        on("telco-gaps"),
    ),
    (
        "telco-bins",
        lambda: make_pipeline(
            telco_columns(
                make_pipeline(SimpleImputer(), KBinsDiscretizer(4, encode="onehot-dense")), OneHotEncoder()
            ),
            LogisticRegression(),
        ),
        CHURN_OFF,
    ),
    (
        "telco-senior-passthrough",
        lambda: make_pipeline(
            ColumnTransformer(
                [
                    ("senior", "passthrough", ["SeniorCitizen"]),
                    ("tenure", StandardScaler(), ["tenure"]),
                    ("contract", OneHotEncoder(), ["Contract"]),
                ],
                transformer_weights={"tenure": 2.0},
            ),
            LogisticRegression(),
        ),
        CHURN,
    ),
    ("telco-calibrated", lambda: telco_pipeline(CalibratedClassifierCV(tree(), cv=3)), CHURN),
    (
        "telco-voting",
        lambda: telco_pipeline(VotingClassifier(class_voters()[:2], voting="soft", flatten_transform=False)),
        CHURN_OFF,
    ),
    ("telco-stacking", lambda: telco_pipeline(StackingClassifier(class_voters()[:2], cv=3)), CHURN_OFF),
    (
        "telco-grid-search",
        lambda: GridSearchCV(
            telco_pipeline(LogisticRegression()), {"logisticregression__C": [0.1, 1.0]}, cv=3
        ),
        CHURN,
    ),
    (
        "telco-selected",
        lambda: make_pipeline(
            telco_columns(SimpleImputer(), OneHotEncoder()), SelectKBest(k=10), LogisticRegression()
        ),
        CHURN_OFF,
    ),
    (
        "telco-svd",
        lambda: make_pipeline(
            telco_columns(SimpleImputer(), OneHotEncoder()),
            MaxAbsScaler(),
            TruncatedSVD(4, random_state=SEED),
            SVC(probability=True, random_state=SEED),
        ),
        CHURN_OFF,
    ),
    ("telco-prepared", lambda: telco_columns(SimpleImputer(), OneHotEncoder()), on("telco")),
    ("telco-clusters", lambda: telco_pipeline(KMeans(4, random_state=SEED)), on("telco")),
    ("telco-outliers", lambda: telco_pipeline(small(IsolationForest)), on("telco")),
    (
        "telco-charges-ridge",
        lambda: make_pipeline(
            ColumnTransformer(
                [
                    ("tenure", StandardScaler(), ["tenure"]),
                    ("strings", OneHotEncoder(), ["InternetService", "StreamingTV", "MultipleLines"]),
                ]
            ),
            Ridge(),
        ),
        on("telco-charges"),
    ),
    ("scaled-logistic", lambda: make_pipeline(StandardScaler(), LogisticRegression()), MATRIX),
    ("scaled-svc", lambda: make_pipeline(StandardScaler(), SVC(probability=True, random_state=SEED)), MATRIX),
    (
        "scaled-mlp",
        lambda: make_pipeline(MinMaxScaler(), MLPClassifier((8,), max_iter=50, random_state=0)),
        MATRIX,
    ),
    ("pca-neighbors", lambda: make_pipeline(StandardScaler(), PCA(4), KNeighborsClassifier()), MATRIX),
    (
        "imputed-forest",
        lambda: make_pipeline(SimpleImputer(), small(RandomForestClassifier)),
        on("breast-cancer-gaps") + off("iris-gaps"),
    ),
    (
        "nested",
        lambda: make_pipeline(
            make_pipeline(StandardScaler(), make_pipeline(PCA(3), MinMaxScaler())),
            make_pipeline(PolynomialFeatures(2), LogisticRegression()),
        ),
        MATRIX,
    ),
    (
        "union",
        lambda: make_pipeline(
            FeatureUnion(
                [
                    ("pca", PCA(2)),
                    ("best", SelectKBest(k=2)),
                    ("bins", KBinsDiscretizer(3, encode="ordinal")),
                ],
                transformer_weights={"pca": 0.5},
            ),
            LogisticRegression(),
        ),
        on("iris") + off("iris-names"),
    ),
    (
        "matrix-columns",
        lambda: make_pipeline(
            ColumnTransformer(
                [
                    ("scale", StandardScaler(), [0, 1]),
                    ("quantile", QuantileTransformer(n_quantiles=20), slice(2, 4)),
                ],
                remainder="passthrough",
            ),
            LogisticRegression(),
        ),
        on("iris") + off("wine-raw"),
    ),
    (
        "polynomial-ridge",
        lambda: make_pipeline(StandardScaler(), PolynomialFeatures(2), Ridge()),
        on("diabetes"),
    ),
    ("power-lasso", lambda: make_pipeline(PowerTransformer(), Lasso()), on("diabetes-raw")),
    (
        "selected-svr",
        lambda: make_pipeline(VarianceThreshold(), SelectFromModel(Ridge()), SVR()),
        on("diabetes"),
    ),
    ("imputed-elastic-net", lambda: make_pipeline(SimpleImputer(), ElasticNet()), on("diabetes-gaps")),
    (
        "scaled-poisson",
        lambda: make_pipeline(StandardScaler(), PoissonRegressor()),
        [("diabetes-raw", "float", {}), ("diabetes-raw", "double", {})],
    ),
    (
        "text-tfidf-logistic",
        lambda: make_pipeline(TfidfVectorizer(max_features=300), LogisticRegression()),
        on("text") + off("text"),
    ),
    (
        "text-count-tfidf-sgd",
        lambda: make_pipeline(
            CountVectorizer(stop_words="english"), TfidfTransformer(), SGDClassifier(random_state=SEED)
        ),
        off("text"),
    ),
    (
        "text-naive-bayes",
        lambda: make_pipeline(CountVectorizer(max_features=300), MultinomialNB()),
        on("text"),
    ),
    (
        "text-svd",
        lambda: make_pipeline(
            TfidfVectorizer(max_features=300), TruncatedSVD(5, random_state=SEED), LogisticRegression()
        ),
        off("text"),
    ),
    (
        "text-column-logistic",
        lambda: text_model(LogisticRegression()),
        on("text-column") + off("text-column"),
    ),
    ("text-column-forest", lambda: text_model(small(RandomForestClassifier)), off("text-column")),
]
