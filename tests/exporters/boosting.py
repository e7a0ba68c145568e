"""XGBoost, LightGBM and CatBoost models, and how each of them is exported."""

import tempfile
from pathlib import Path

import lightgbm
import onnx
import onnxmltools
from catboost import CatBoostClassifier, CatBoostRegressor
from lightgbm import LGBMClassifier, LGBMRanker, LGBMRegressor
from onnxmltools.convert.common.data_types import FloatTensorType
from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
from skl2onnx import update_registered_converter
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier, XGBRegressor, XGBRFClassifier, XGBRFRegressor

from rows import OFF, off, on

CLASSIFIER_OPTIONS = {"nocl": [True, False], "zipmap": [True, False, "columns"]}


def register_with_skl2onnx():
    """Lets skl2onnx export these models as the last step of a scikit-learn pipeline."""
    for classifier, regressor, convert in (
        (XGBClassifier, XGBRegressor, convert_xgboost),
        (LGBMClassifier, LGBMRegressor, convert_lightgbm),
    ):
        update_registered_converter(
            classifier,
            f"Boosting{classifier.__name__}",
            calculate_linear_classifier_output_shapes,
            convert,
            options=CLASSIFIER_OPTIONS,
        )
        update_registered_converter(
            regressor,
            f"Boosting{regressor.__name__}",
            calculate_linear_regressor_output_shapes,
            convert,
            options={"split": None},
        )


register_with_skl2onnx()


def own(types):
    """The same description of the inputs in the types of onnxmltools, which are other classes."""
    return [(name, FloatTensorType(kind.shape)) for name, kind in types]


def export_xgboost(model, types, case):
    return onnxmltools.convert_xgboost(model, initial_types=own(types), target_opset=case.opset)


def export_lightgbm(model, types, case):
    return onnxmltools.convert_lightgbm(
        model, initial_types=own(types), target_opset=case.opset, zipmap=case.options.get("zipmap", True)
    )


def export_catboost(model, types, case):
    """CatBoost writes the file itself, and names the input itself."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        model.save_model(str(path), format="onnx")
        return onnx.load(path)


def xgb(cls, **more):
    return lambda: cls(**{"n_estimators": 10, "max_depth": 3, "random_state": 0, "n_jobs": 1} | more)


def lgbm(cls, **more):
    settings = {"n_estimators": 10, "num_leaves": 8, "random_state": 0, "n_jobs": 1, "verbose": -1}
    return lambda: cls(**settings | more)


def cat(cls, **more):
    settings = {
        "iterations": 10,
        "depth": 3,
        "random_seed": 0,
        "thread_count": 1,
        "verbose": False,
        "allow_writing_files": False,
    }
    return lambda: cls(**settings | more)


class BoosterOf(RegressorMixin, BaseEstimator):
    """LightGBM's plain booster, as `lightgbm.train` returns it, with the methods of an estimator."""

    def __init__(self, objective):
        self.objective = objective
        self.params = {"objective": objective, "num_leaves": 8, "num_threads": 1, "verbose": -1, "seed": 0}

    def fit(self, X, y):
        self.booster = lightgbm.train(self.params, lightgbm.Dataset(X, y), num_boost_round=10)
        return self

    def predict(self, X):
        return self.booster.predict(X)


def one_query_ranker():
    """A ranker of rows that all belong to the same query."""
    model = lgbm(LGBMRanker)()
    model.fit = lambda X, y: LGBMRanker.fit(model, X, y, group=[len(y)])
    return model


def export_booster(model, types, case):
    return export_lightgbm(model.booster, types, case)


CLASSES = on("iris", "breast-cancer", "digits")
CLASSES_GAPS = on("iris-gaps", "breast-cancer-gaps", "telco-numbers")
VALUES = on("diabetes", "diabetes-gaps")
ZIPPED = [
    (data, "float", options)
    for options in ({}, OFF)
    for data in ("iris", "iris-names", "breast-cancer", "breast-cancer-names", "breast-cancer-gaps")
]
BINARY = on("breast-cancer")
OLDER = [("breast-cancer", "float", {}, 12), ("diabetes", "float", {}, 9)]
PIPED = [
    ("breast-cancer-gaps", "float", {}),
    ("wine-gaps", "float", OFF),
    ("wine-gaps", "float", {"zipmap": "columns"}),
]
POSITIVE = on("diabetes-raw")

# (library and name, constructor, exporter, data); without an exporter it is skl2onnx.
BOOSTING = [
    ("xgboost-classifier", xgb(XGBClassifier), export_xgboost, CLASSES + OLDER[:1]),
    ("xgboost-classifier-missing", xgb(XGBClassifier), export_xgboost, CLASSES_GAPS[:2]),
    ("xgboost-classifier-base-score", xgb(XGBClassifier, base_score=0.3), export_xgboost, BINARY),
    ("xgboost-classifier-logitraw", xgb(XGBClassifier, objective="binary:logitraw"), export_xgboost, BINARY),
    (
        "xgboost-classifier-softmax",
        xgb(XGBClassifier, objective="multi:softmax"),
        export_xgboost,
        CLASSES[:1],
    ),
    ("xgboost-classifier-dart", xgb(XGBClassifier, booster="dart", rate_drop=0.1), export_xgboost, BINARY),
    (
        "xgboost-classifier-subsample",
        xgb(XGBClassifier, subsample=0.7, colsample_bytree=0.7),
        export_xgboost,
        CLASSES,
    ),
    ("xgboost-rf-classifier", xgb(XGBRFClassifier), export_xgboost, CLASSES[:2]),
    ("xgboost-regressor", xgb(XGBRegressor), export_xgboost, VALUES + OLDER[1:]),
    ("xgboost-regressor-base-score", xgb(XGBRegressor, base_score=100.0), export_xgboost, VALUES),
    *[
        (f"xgboost-regressor-{objective}", xgb(XGBRegressor, objective=objective), export_xgboost, POSITIVE)
        for objective in (
            "count:poisson",
            "reg:gamma",
            "reg:tweedie",
            "reg:absoluteerror",
            "reg:pseudohubererror",
            "reg:squaredlogerror",
        )
    ],
    ("xgboost-regressor-logistic", xgb(XGBRegressor, objective="reg:logistic"), export_xgboost, BINARY),
    ("xgboost-rf-regressor", xgb(XGBRFRegressor), export_xgboost, VALUES),
    (
        "xgboost-pipeline-classifier",
        lambda: make_pipeline(StandardScaler(), xgb(XGBClassifier)()),
        None,
        PIPED,
    ),
    ("xgboost-pipeline-regressor", lambda: make_pipeline(SimpleImputer(), xgb(XGBRegressor)()), None, VALUES),
    ("lightgbm-classifier", lgbm(LGBMClassifier), export_lightgbm, ZIPPED + OLDER[:1]),
    ("lightgbm-classifier-telco", lgbm(LGBMClassifier), export_lightgbm, CLASSES_GAPS[2:]),
    (
        "lightgbm-classifier-zeros-missing",
        lgbm(LGBMClassifier, zero_as_missing=True),
        export_lightgbm,
        off("digits"),
    ),
    (
        "lightgbm-classifier-categorical",
        lgbm(LGBMClassifier, categorical_feature=[0, 1, 2]),
        export_lightgbm,
        off("digits-coarse"),
    ),
    (
        "lightgbm-classifier-categorical-telco",
        lgbm(LGBMClassifier, categorical_feature=[0], min_data_per_group=5, cat_smooth=1),
        export_lightgbm,
        on("digits-coarse"),
    ),
    (
        "lightgbm-classifier-rf",
        lgbm(LGBMClassifier, boosting_type="rf", subsample=0.7, subsample_freq=1),
        export_lightgbm,
        ZIPPED[:1] + BINARY,
    ),
    ("lightgbm-classifier-dart", lgbm(LGBMClassifier, boosting_type="dart"), export_lightgbm, BINARY),
    ("lightgbm-classifier-ova", lgbm(LGBMClassifier, objective="multiclassova"), export_lightgbm, ZIPPED[:1]),
    (
        "lightgbm-classifier-cross-entropy",
        lgbm(LGBMClassifier, objective="cross_entropy"),
        export_lightgbm,
        BINARY,
    ),
    ("lightgbm-regressor", lgbm(LGBMRegressor), export_lightgbm, VALUES + OLDER[1:]),
    (
        "lightgbm-regressor-rf",
        lgbm(LGBMRegressor, boosting_type="rf", subsample=0.7, subsample_freq=1),
        export_lightgbm,
        VALUES,
    ),
    *[
        (
            f"lightgbm-regressor-{objective}",
            lgbm(LGBMRegressor, objective=objective),
            export_lightgbm,
            POSITIVE,
        )
        for objective in ("regression_l1", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie")
    ],
    ("lightgbm-ranker", one_query_ranker, export_lightgbm, on("digits-coarse")),
    ("lightgbm-booster-regression", lambda: BoosterOf("regression"), export_booster, VALUES),
    (
        "lightgbm-pipeline-classifier",
        lambda: make_pipeline(StandardScaler(), lgbm(LGBMClassifier)()),
        None,
        PIPED,
    ),
    (
        "lightgbm-pipeline-regressor",
        lambda: make_pipeline(SimpleImputer(), lgbm(LGBMRegressor)()),
        None,
        VALUES,
    ),
    (
        "catboost-classifier",
        cat(CatBoostClassifier),
        export_catboost,
        CLASSES + CLASSES_GAPS + on("iris-names", "breast-cancer-names"),
    ),
    (
        "catboost-classifier-lossguide",
        cat(CatBoostClassifier, grow_policy="Lossguide"),
        export_catboost,
        CLASSES[:2],
    ),
    ("catboost-regressor", cat(CatBoostRegressor), export_catboost, VALUES + on("linnerud-weight")),
    ("catboost-regressor-mae", cat(CatBoostRegressor, loss_function="MAE"), export_catboost, VALUES[:1]),
    (
        "catboost-regressor-poisson",
        cat(CatBoostRegressor, loss_function="Poisson"),
        export_catboost,
        POSITIVE,
    ),
    (
        "catboost-regressor-targets",
        cat(CatBoostRegressor, loss_function="MultiRMSE"),
        export_catboost,
        on("linnerud"),
    ),
]

# What is exported as another model than was trained.
NOT_EXPORTED = {"xgboost-regressor-targets": "onnxmltools gives the trees of every target to the first"}
