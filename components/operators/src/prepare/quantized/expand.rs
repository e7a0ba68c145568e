//! Quantised operators, as the groups of nodes that they stand for.
//!
//! Sources: <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md> and
//! <https://onnx.ai/onnx/operators/onnx__QLinearConv.html>. Those of `ai.onnx` stay unless their weights are constants:
//! they can run as they are.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};

use super::graph::Graph;
use super::node;
use crate::support::{self, plain};

/// The operators of `com.microsoft` that are written as others.
pub(crate) const OPERATORS: [&str; 8] = [
    "QGemm",
    "QLinearAdd",
    "QLinearConcat",
    "QLinearGlobalAveragePool",
    "QLinearLeakyRelu",
    "QLinearMul",
    "QLinearSigmoid",
    "QLinearSoftmax",
];

/// Writes those of `graph`, and those of ONNX Runtime in the graphs within it.
pub(super) fn expand(graph: &mut GraphProto) {
    expand_if(graph, |_| true);
}

fn expand_if(graph: &mut GraphProto, wanted: fn(&NodeProto) -> bool) {
    let found = Graph::new(graph);
    let mut expansion = Expansion::default();
    for node in &graph.node {
        if !wanted(node) || expansion.node(&found, node).is_none() {
            expansion.nodes.push(node.clone());
        }
    }
    let Expansion { nodes, constants, .. } = expansion;
    graph.node = nodes;
    graph.initializer.extend(constants);
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        let inner = attribute.g.iter_mut().chain(&mut attribute.graphs);
        // Nothing is fused there: those of ONNX are better off as they are.
        inner.for_each(|graph| expand_if(graph, |node| !plain(&node.domain).is_empty()));
    }
}

#[derive(Default)]
struct Expansion {
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
}

/// A node under way, and how many values of its own there are.
struct Site<'a> {
    node: &'a NodeProto,
    values: usize,
}

impl Site<'_> {
    fn value(&mut self) -> String {
        self.values += 1;
        format!("{}/value-{}", support::name(self.node), self.values)
    }
}

impl Expansion {
    /// Writes the node as others, or leaves it.
    fn node(&mut self, graph: &Graph, node: &NodeProto) -> Option<()> {
        let site = &mut Site { node, values: 0 };
        let given = |ix: usize| node.input.get(ix).map_or("", String::as_str);
        match (plain(&node.domain), &*node.op_type) {
            ("", "QLinearConv") => {
                let constants = (1..8).all(|ix| graph.is_constant(given(ix)));
                let (x, w) = (graph.floats(given(1)), graph.floats(given(4)));
                let (Some(&[x]), Some(w), true) = (x.as_deref(), w, constants) else { return None };
                let units = w.iter().map(|w| x * w).collect();
                let inputs = [self.dequantize(site, 0, None), self.dequantize(site, 3, Some(0))];
                let bias = self.bias(site, 8, units);
                self.operator(graph, site, "Conv", [inputs.to_vec(), bias].concat(), [6, 7]);
            }
            ("", "QLinearMatMul") => {
                let constants = (1..8).all(|ix| graph.is_constant(given(ix)));
                if !constants || graph.floats(given(1))?.len() != 1 || graph.floats(given(4)).is_none() {
                    return None;
                }
                let inputs = [self.dequantize(site, 0, None), self.dequantize(site, 3, Some(1))];
                self.operator(graph, site, "MatMul", inputs.to_vec(), [6, 7]);
            }
            ("com.microsoft", "QGemm") => {
                let rows_first = node.get_attr_opt::<i64>("transB").ok()?.unwrap_or(0) != 0;
                let alpha = node.get_attr_opt::<f32>("alpha").ok()?.unwrap_or(1.0);
                let axis = if rows_first { 0 } else { 1 };
                let inputs = [self.dequantize(site, 0, None), self.dequantize(site, 3, Some(axis))];
                let bias = match (graph.floats(given(1)).as_deref(), graph.floats(given(4))) {
                    _ if given(6).is_empty() => vec![],
                    (Some(&[a]), Some(b)) => self.bias(site, 6, b.iter().map(|b| alpha * a * b).collect()),
                    _ => return None,
                };
                self.operator(graph, site, "Gemm", [inputs.to_vec(), bias].concat(), [7, 8]);
            }
            ("com.microsoft", "QLinearAdd" | "QLinearMul") => {
                let inputs = [self.dequantize(site, 0, None), self.dequantize(site, 3, None)];
                self.operator(graph, site, &node.op_type[7..], inputs.to_vec(), [6, 7]);
            }
            ("com.microsoft", "QLinearConcat") => {
                let inputs = (2..node.input.len()).step_by(3);
                let inputs = inputs.map(|at| self.dequantize(site, at, None)).collect();
                self.operator(graph, site, "Concat", inputs, [0, 1]);
            }
            ("com.microsoft", "QLinearGlobalAveragePool")
                if node.get_attr_opt::<i64>("channels_last").ok()?.unwrap_or(0) != 0 =>
            {
                return None;
            }
            (
                "com.microsoft",
                "QLinearGlobalAveragePool" | "QLinearLeakyRelu" | "QLinearSigmoid" | "QLinearSoftmax",
            ) => {
                let input = self.dequantize(site, 0, None);
                self.operator(graph, site, &node.op_type[7..], vec![input], [3, 4]);
            }
            _ => return None,
        }
        Some(())
    }

    fn push(&mut self, site: &Site, op_type: &str, inputs: Vec<String>, output: String) -> &mut NodeProto {
        let name = format!("{}/{}", support::name(site.node), self.nodes.len());
        let node = NodeProto { name, input: inputs, output: vec![output], ..node::new(op_type, vec![]) };
        self.nodes.push(node);
        let last = self.nodes.len() - 1;
        &mut self.nodes[last]
    }

    /// The float of the bytes, scale and zero point that are the node's inputs from `at` on.
    fn dequantize(&mut self, site: &mut Site, at: usize, axis: Option<i64>) -> String {
        let output = site.value();
        let inputs = site.node.input.iter().skip(at).take(3).cloned().collect();
        let made = self.push(site, "DequantizeLinear", inputs, output.clone());
        made.attribute.extend(axis.map(|axis| node::int("axis", axis)));
        output
    }

    /// The float of the integers that are the node's input `at`, if there is one.
    fn bias(&mut self, site: &mut Site, at: usize, units: Vec<f32>) -> Vec<String> {
        let Some(bias) = site.node.input.get(at).filter(|bias| !bias.is_empty()) else { return vec![] };
        let (scale, output) = (site.value(), site.value());
        self.constants.push(TensorProto {
            name: scale.clone(),
            dims: if units.len() == 1 { vec![] } else { vec![units.len() as i64] },
            data_type: DataType::Float as i32,
            float_data: units,
            ..TensorProto::default()
        });
        let made = self.push(site, "DequantizeLinear", vec![bias.clone(), scale], output.clone());
        made.attribute.push(node::int("axis", 0));
        vec![output]
    }

    /// The operator on floats, and its output quantised by the scale and zero point that are the node's inputs `to`.
    fn operator(
        &mut self,
        graph: &Graph,
        site: &mut Site,
        op_type: &str,
        inputs: Vec<String>,
        to: [usize; 2],
    ) {
        let output = site.node.output[0].clone();
        let [scale, zero] = to.map(|ix| site.node.input.get(ix).filter(|name| !name.is_empty()).cloned());
        let value = if scale.is_some() { site.value() } else { output.clone() };
        let attribute: Vec<AttributeProto> = site.node.attribute.clone();
        self.push(site, op_type, inputs, value.clone()).attribute = attribute;
        if let Some(scale) = scale {
            let zero = zero.or_else(|| self.zero(graph, site));
            self.push(site, "QuantizeLinear", [value, scale].into_iter().chain(zero).collect(), output);
        }
    }

    /// The zero point of an output without one, where an input's says that it is int8: of `QuantizeLinear` it would be uint8.
    fn zero(&mut self, graph: &Graph, site: &mut Site) -> Option<String> {
        let signed = |ix: usize| graph.is_signed(site.node.input.get(ix)?);
        signed(2).or_else(|| signed(5))?.then(|| {
            let name = site.value();
            self.constants.push(TensorProto {
                name: name.clone(),
                data_type: DataType::Int8 as i32,
                raw_data: vec![0],
                ..TensorProto::default()
            });
            name
        })
    }
}
