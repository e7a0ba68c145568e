//! Which nodes of a model can run, asked before parsing: tract meets an unknown operator only late and one at a time.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use tract_onnx::Onnx;
use tract_onnx::pb::{ModelProto, NodeProto};

use crate::{interpreter, prepare, quantized};

/// A node that cannot run, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsupportedNode {
    /// The node's name, or that of its first output where it has none.
    pub node: String,
    /// The operator's domain; empty for `ai.onnx`.
    pub domain: String,
    /// The operator.
    pub operator: String,
    /// Why it cannot run.
    pub reason: &'static str,
    /// What to change when exporting, where something helps.
    pub advice: Option<&'static str>,
}

impl fmt::Display for UnsupportedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dot = if self.domain.is_empty() { "" } else { "." };
        write!(f, "node `{}`: {}{dot}{}: {}", self.node, self.domain, self.operator, self.reason)
    }
}

/// Every node of `model`, subgraphs and functions included, whose operator neither `onnx` nor [`crate::prepare`] nor
/// [`crate::Interpreter`] has. Ask before preparing.
///
/// tract looks operators up by name alone; here the domain counts: an operator of another domain is not the one of the
/// same name.
pub fn unsupported(onnx: &Onnx, model: &ModelProto) -> Vec<UnsupportedNode> {
    let functions = model.functions.iter().map(|function| {
        let name = function.name.as_deref().unwrap_or_default();
        (plain(function.domain.as_deref().unwrap_or_default()), name)
    });
    let functions = functions.collect::<HashSet<_>>();
    let mut refused = vec![];
    visit(model, &mut |node| {
        let (domain, operator) = (domain(node), node.op_type.as_str());
        let known = onnx.op_register.0.contains_key(operator)
            || interpreter::has(operator)
            || prepare::TAKEN_APART.contains(&operator)
            || prepare::EXPANDED.contains(&operator);
        if functions.contains(&(domain, operator)) || belongs(domain, operator) && known {
            return;
        }
        let of_onnx = matches!(domain, "" | "ai.onnx.ml") && belongs(domain, operator);
        refused.push(UnsupportedNode {
            node: name(node).into(),
            domain: domain.into(),
            operator: operator.into(),
            reason: if of_onnx {
                "the operator is not supported"
            } else {
                "this domain has no such operator, or is not supported"
            },
            advice: advice(domain, operator),
        });
    });
    refused
}

/// What is wrong with the opsets that `model` imports: ONNX wants one for the domain of every node.
pub fn opset_fault(model: &ModelProto) -> Option<String> {
    let imports = model.opset_import.iter().map(|import| plain(&import.domain)).collect::<HashSet<_>>();
    let functions =
        model.functions.iter().map(|function| plain(function.domain.as_deref().unwrap_or_default()));
    let known = functions.chain(imports).collect::<HashSet<_>>();
    let mut fault = None;
    visit(model, &mut |node| {
        let domain = domain(node);
        if fault.is_none() && !known.contains(domain) {
            let domain = if domain.is_empty() { "ai.onnx" } else { domain };
            fault = Some(format!(
                "node `{}`: {} is of the domain {domain}, of which the model imports no opset",
                name(node),
                node.op_type
            ));
        }
    });
    fault
}

/// What to change in the export of a node that cannot run.
fn advice(domain: &str, operator: &str) -> Option<&'static str> {
    Some(match (domain, operator) {
        ("com.microsoft" | "com.ms.internal.nhwc" | "com.microsoft.nchwc", _) => {
            "export without ONNX Runtime's graph optimiser, which fuses nodes into operators of its own"
        }
        ("ai.onnx.training" | "ai.onnx.preview.training", _) => {
            "export the model for inference, not for training"
        }
        ("aten" | "org.pytorch.aten", _) => {
            "export with torch.onnx.export(.., dynamo=True), which has no ATen fallback"
        }
        ("ai.onnx.contrib", _) => "leave pre- and postprocessing out of the model; give it tensors",
        ("", "ImageDecoder") => "decode the image outside; give the model its pixels",
        ("" | "ai.onnx.ml", _) => return None,
        _ => "export the operator as a function of the model, made of operators of ai.onnx",
    })
}

/// The operators of `ai.onnx.ml`, <https://onnx.ai/onnx/operators/#ai-onnx-ml>; none is in `ai.onnx`, too.
const ML_OPERATORS: [&str; 19] = [
    "ArrayFeatureExtractor",
    "Binarizer",
    "CastMap",
    "CategoryMapper",
    "DictVectorizer",
    "FeatureVectorizer",
    "Imputer",
    "LabelEncoder",
    "LinearClassifier",
    "LinearRegressor",
    "Normalizer",
    "OneHotEncoder",
    "SVMClassifier",
    "SVMRegressor",
    "Scaler",
    "TreeEnsemble",
    "TreeEnsembleClassifier",
    "TreeEnsembleRegressor",
    "ZipMap",
];

/// How many nodes of `model`, subgraphs included, use each operator, by (domain, name). The domain of `ai.onnx` is
/// empty.
pub fn operator_counts(model: &ModelProto) -> BTreeMap<(String, String), u32> {
    let mut counts = BTreeMap::new();
    visit(model, &mut |node| {
        *counts.entry((domain(node).to_owned(), node.op_type.clone())).or_insert(0) += 1;
    });
    counts
}

fn visit(model: &ModelProto, see: &mut impl FnMut(&NodeProto)) {
    // A list and not recursion: a file may nest graphs as deep as it likes.
    let functions = model.functions.iter().map(|function| function.node.as_slice());
    let mut open = functions.chain(model.graph.iter().map(|graph| graph.node.as_slice())).collect::<Vec<_>>();
    while let Some(nodes) = open.pop() {
        for node in nodes {
            see(node);
            let graphs =
                node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs));
            open.extend(graphs.map(|graph| graph.node.as_slice()));
        }
    }
}

/// The oldest opset of `ai.onnx` that is meant to run: what tract is tested from.
pub const OLDEST_OPSET: i64 = 9;

/// Who runs an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// tract, as it is.
    Tract,
    /// This crate, in a plan of tract.
    Kernel,
    /// [`crate::Interpreter`]; a graph with it has no plan.
    Interpreter,
    /// [`crate::prepare`], which writes it in other operators.
    Rewrite,
}

/// Who runs the operator `name` of `domain`, if anybody.
pub fn provider(domain: &str, name: &str) -> Option<Provider> {
    if !belongs(plain(domain), name) {
        return None;
    }
    let theirs = tract_onnx::onnx();
    let mut ours = tract_onnx::onnx();
    crate::register(&mut ours);
    match (theirs.op_register.0.get(name), ours.op_register.0.get(name)) {
        _ if prepare::TAKEN_APART.contains(&name) || prepare::EXPANDED.contains(&name) => {
            Some(Provider::Rewrite)
        }
        (Some(theirs), Some(ours)) if std::ptr::fn_addr_eq(*theirs, *ours) => Some(Provider::Tract),
        (_, Some(_)) => Some(Provider::Kernel),
        _ => interpreter::has(name).then_some(Provider::Interpreter),
    }
}

/// The operators of `com.microsoft` that run.
pub const MICROSOFT_OPERATORS: [&str; 20] = [
    "BiasGelu",
    "CDist",
    "FastGelu",
    "GatherBlockQuantized",
    "Gelu",
    "MatMulNBits",
    "MurmurHash3",
    "QGemm",
    "QLinearAdd",
    "QLinearConcat",
    "QLinearGlobalAveragePool",
    "QLinearLeakyRelu",
    "QLinearMul",
    "QLinearSigmoid",
    "QLinearSoftmax",
    "QuickGelu",
    "RotaryEmbedding",
    "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
    "Tokenizer",
];

/// Those of them that are not of `ai.onnx`, too.
const ONLY_MICROSOFT: [&str; 3] = ["CDist", "MurmurHash3", "Tokenizer"];

/// Whether an operator is one of a domain.
fn belongs(domain: &str, operator: &str) -> bool {
    match domain {
        "ai.onnx.ml" => ML_OPERATORS.contains(&operator),
        "com.microsoft" => MICROSOFT_OPERATORS.contains(&operator),
        "" => {
            let of_others = ML_OPERATORS.contains(&operator) || prepare::EXPANDED.contains(&operator);
            !of_others && !ONLY_MICROSOFT.contains(&operator) && !operator.starts_with(quantized::PREFIX)
        }
        _ => false,
    }
}

/// What messages call a node: its name, or that of its first output.
pub(crate) fn name(node: &NodeProto) -> &str {
    match node.output.first() {
        Some(output) if node.name.is_empty() => output,
        _ => &node.name,
    }
}

fn domain(node: &NodeProto) -> &str {
    plain(&node.domain)
}

/// `ai.onnx` has two spellings.
pub(crate) fn plain(domain: &str) -> &str {
    if domain == "ai.onnx" { "" } else { domain }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::{AttributeProto, GraphProto, OperatorSetIdProto};

    use super::*;

    fn node(domain: &str, operator: &str, name: &str) -> NodeProto {
        NodeProto {
            domain: domain.into(),
            op_type: operator.into(),
            name: name.into(),
            output: vec![format!("{operator}_out")],
            ..Default::default()
        }
    }

    fn model(nodes: Vec<NodeProto>) -> ModelProto {
        ModelProto { graph: Some(GraphProto { node: nodes, ..Default::default() }), ..Default::default() }
    }

    fn check(model: &ModelProto, expect: &[&str]) {
        let mut onnx = tract_onnx::onnx();
        crate::register(&mut onnx);
        let came = unsupported(&onnx, model).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(came, expect);
    }

    #[test]
    fn every_unknown_node_is_named_by_name_or_output() {
        let nodes = vec![node("", "Relu", "a"), node("", "Teleport", "b"), node("", "ImageDecoder", "")];
        let reason = "the operator is not supported";
        check(
            &model(nodes),
            &[
                &format!("node `b`: Teleport: {reason}"),
                &format!("node `ImageDecoder_out`: ImageDecoder: {reason}"),
            ],
        );
    }

    #[test]
    fn an_operator_of_another_domain_is_not_the_one_of_its_name() {
        let nodes = vec![
            node("ai.onnx", "Relu", "a"),
            node("com.example", "Relu", "b"),
            node("ai.onnx.ml", "Relu", "c"),
            node("", "Scaler", "d"),
            node("", "Tokenizer", "e"),
            node("com.microsoft", "Tokenizer", "f"),
        ];
        let reason = "this domain has no such operator, or is not supported";
        check(
            &model(nodes),
            &[
                &format!("node `b`: com.example.Relu: {reason}"),
                &format!("node `c`: ai.onnx.ml.Relu: {reason}"),
                &format!("node `d`: Scaler: {reason}"),
                &format!("node `e`: Tokenizer: {reason}"),
            ],
        );
    }

    #[test]
    fn a_domain_without_an_opset_is_named_with_its_node() {
        let mut model = model(vec![node("", "Relu", "a"), node("ai.onnx.ml", "Scaler", "b")]);
        let import = |domain: &str| OperatorSetIdProto { domain: domain.into(), version: 3 };
        model.opset_import = vec![import("ai.onnx")];
        let fault = opset_fault(&model);
        assert_eq!(
            fault.as_deref(),
            Some("node `b`: Scaler is of the domain ai.onnx.ml, of which the model imports no opset")
        );
        model.opset_import.push(import("ai.onnx.ml"));
        assert_eq!(opset_fault(&model), None);
    }

    #[test]
    fn nodes_of_subgraphs_are_seen() {
        let inner = GraphProto { node: vec![node("", "Teleport", "inner")], ..Default::default() };
        let mut outer = node("", "If", "outer");
        outer.attribute.push(AttributeProto { g: Some(inner), ..Default::default() });
        let model = model(vec![outer]);
        check(&model, &["node `inner`: Teleport: the operator is not supported"]);
        let counts = operator_counts(&model);
        assert_eq!(counts.get(&(String::new(), "Teleport".into())), Some(&1));
        assert_eq!(counts.len(), 2);
    }
}
