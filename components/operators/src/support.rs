//! Which nodes of a model can run, asked before parsing: tract meets an unknown operator only late and one at a time.

use std::collections::BTreeMap;
use std::fmt;

use tract_onnx::Onnx;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};

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
}

impl fmt::Display for UnsupportedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dot = if self.domain.is_empty() { "" } else { "." };
        write!(f, "node `{}`: {}{dot}{}: {}", self.node, self.domain, self.operator, self.reason)
    }
}

/// Every node of `model`, subgraphs included, whose operator `onnx` does not have.
///
/// tract looks operators up by name alone; here the domain counts: an operator of another domain is not the one of the
/// same name.
pub fn unsupported(onnx: &Onnx, model: &ModelProto) -> Vec<UnsupportedNode> {
    let mut refused = vec![];
    visit(model.graph.as_ref(), &mut |node| {
        let domain = domain(node);
        let is_function = model.functions.iter().any(|function| {
            function.name.as_ref() == Some(&node.op_type)
                && plain(function.domain.as_deref().unwrap_or_default()) == domain
        });
        let reason = if is_function {
            "a function of the model; inline its functions when exporting"
        } else if !belongs(domain, &node.op_type) {
            "this domain has no such operator, or is not supported"
        } else if !onnx.op_register.0.contains_key(&node.op_type) {
            "the operator is not supported"
        } else {
            return;
        };
        refused.push(UnsupportedNode {
            node: if node.name.is_empty() {
                node.output.first().cloned().unwrap_or_default()
            } else {
                node.name.clone()
            },
            domain: domain.into(),
            operator: node.op_type.clone(),
            reason,
        });
    });
    refused
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
    visit(model.graph.as_ref(), &mut |node| {
        *counts.entry((domain(node).to_owned(), node.op_type.clone())).or_insert(0) += 1;
    });
    counts
}

fn visit<'a>(graph: impl IntoIterator<Item = &'a GraphProto>, see: &mut impl FnMut(&NodeProto)) {
    // A list and not recursion: a file may nest graphs as deep as it likes.
    let mut open = graph.into_iter().collect::<Vec<_>>();
    while let Some(graph) = open.pop() {
        for node in &graph.node {
            see(node);
            for attribute in &node.attribute {
                open.extend(&attribute.g);
                open.extend(&attribute.graphs);
            }
        }
    }
}

/// Whether an operator can be of a domain. `com.microsoft` has operators of which tract knows a few.
fn belongs(domain: &str, operator: &str) -> bool {
    match domain {
        "ai.onnx.ml" => ML_OPERATORS.contains(&operator),
        "" => operator != "Tokenizer" && !ML_OPERATORS.contains(&operator),
        "com.microsoft" => !ML_OPERATORS.contains(&operator),
        _ => false,
    }
}

fn domain(node: &NodeProto) -> &str {
    plain(&node.domain)
}

/// `ai.onnx` has two spellings.
fn plain(domain: &str) -> &str {
    if domain == "ai.onnx" { "" } else { domain }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::AttributeProto;

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
        let nodes =
            vec![node("", "Relu", "a"), node("", "Teleport", "b"), node("ai.onnx.ml", "SVMClassifier", "")];
        check(
            &model(nodes),
            &[
                "node `b`: Teleport: the operator is not supported",
                "node `SVMClassifier_out`: ai.onnx.ml.SVMClassifier: the operator is not supported",
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
