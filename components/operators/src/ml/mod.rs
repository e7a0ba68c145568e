//! Operators of the domain `ai.onnx.ml`, one file each.

mod array_feature_extractor;
mod binarizer;
mod feature_vectorizer;
mod imputer;
mod label_encoder;
mod linear;
mod lookup;
mod normalizer;
pub(crate) mod one_hot_columns;
mod one_hot_encoder;
mod scaler;
mod scores;
mod svm;
pub(crate) mod tree_ensemble;

/// Adds them to `onnx`, in place of those that tract has.
pub(crate) fn register(onnx: &mut tract_onnx::Onnx) {
    let register = &mut onnx.op_register;
    register.insert("ArrayFeatureExtractor", array_feature_extractor::array_feature_extractor);
    register.insert("Binarizer", binarizer::binarizer);
    register.insert("CategoryMapper", label_encoder::category_mapper);
    register.insert("FeatureVectorizer", feature_vectorizer::feature_vectorizer);
    register.insert("Imputer", imputer::imputer);
    register.insert("LabelEncoder", label_encoder::label_encoder);
    register.insert("LinearClassifier", linear::linear_classifier);
    register.insert("LinearRegressor", linear::linear_regressor);
    register.insert("Normalizer", normalizer::normalizer);
    register.insert("OneHotEncoder", one_hot_encoder::one_hot_encoder);
    register.insert("Scaler", scaler::scaler);
    register.insert("SVMClassifier", svm::svm_classifier);
    register.insert("SVMRegressor", svm::svm_regressor);
    register.insert("TreeEnsemble", tree_ensemble::tree_ensemble);
    register.insert("TreeEnsembleClassifier", tree_ensemble::tree_ensemble_classifier);
    register.insert("TreeEnsembleRegressor", tree_ensemble::tree_ensemble_regressor);
}
