//! Operators of the domain `ai.onnx.ml`, one file each.

pub(crate) mod imputer;
pub(crate) mod linear;
pub(crate) mod one_hot_encoder;
pub(crate) mod scaler;
mod scores;
pub(crate) mod svm;
pub(crate) mod tree_ensemble;

/// Adds the operators of this domain to `onnx`.
pub(crate) fn register(onnx: &mut tract_onnx::Onnx) {
    let register = &mut onnx.op_register;
    register.insert("Imputer", imputer::imputer);
    register.insert("LinearClassifier", linear::linear_classifier);
    register.insert("LinearRegressor", linear::linear_regressor);
    register.insert("OneHotEncoder", one_hot_encoder::one_hot_encoder);
    register.insert("SVMClassifier", svm::svm_classifier);
    register.insert("SVMRegressor", svm::svm_regressor);
    register.insert("Scaler", scaler::scaler);
    register.insert("TreeEnsemble", tree_ensemble::tree_ensemble);
    register.insert("TreeEnsembleClassifier", tree_ensemble::tree_ensemble_classifier);
    register.insert("TreeEnsembleRegressor", tree_ensemble::tree_ensemble_regressor);
}
