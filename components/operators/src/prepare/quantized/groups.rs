//! Which nodes become one on bytes.
//!
//! A group ends in a `QuantizeLinear` of one scale and zero point, whose input one operator makes from dequantised bytes
//! and constants. A `Relu` or `Clip` between them is a bound of the output, for rounding keeps the order. Nothing else may
//! read a value within the group, and no value within it may be an output of the graph. Products also end in floats,
//! where nothing quantises them.

use edgewit_kernels::int8::Side;
use tract_onnx::pb::NodeProto;

use super::graph::{Graph, Quantity};
use super::operators::{average, convolution, factors, function, max_pool, moved, product, sum, table};

/// The order of axes in which a node wants its inputs, and gives its output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// As ONNX has them.
    First,
    /// With the channels last.
    Last,
    /// Its input with the channels last, its output as ONNX has it. They are of any rank.
    LastToFirst,
    /// As all of its inputs already are, or as ONNX has them.
    Either,
}

/// A node on bytes, for a group that ends in another.
pub(super) struct Group {
    /// The nodes that go, but for the last.
    pub(super) inner: Vec<usize>,
    /// Without inputs and outputs.
    pub(super) node: NodeProto,
    pub(super) order: Order,
    pub(super) inputs: Vec<Input>,
    /// Inputs of other types, behind the others.
    pub(super) rest: Vec<String>,
}

/// Bytes that a node reads.
pub(super) struct Input {
    pub(super) name: String,
    /// What makes of them the bytes that the node wants.
    pub(super) table: Option<NodeProto>,
}

impl Group {
    pub(super) fn new(inner: Vec<usize>, node: NodeProto, inputs: Vec<Input>, order: Order) -> Self {
        Self { inner, node, order, inputs, rest: vec![] }
    }
}

impl From<&Quantity> for Input {
    fn from(quantity: &Quantity) -> Self {
        Self { name: quantity.name.clone(), table: None }
    }
}

/// What the output's bytes stand for, and their bounds.
pub(super) struct Target {
    pub(super) scale: f32,
    pub(super) side: Side,
    low: i32,
    high: i32,
}

impl Target {
    pub(super) fn byte(&self, value: f32) -> i32 {
        let quotient = (value / self.scale).round_ties_even() as i32;
        quotient.saturating_add(self.side.zero).clamp(self.low, self.high)
    }

    fn bound(&mut self, [low, high]: [f32; 2]) {
        (self.low, self.high) = (self.byte(low), self.byte(high));
    }

    pub(super) fn range(&self) -> [i64; 2] {
        [self.low.into(), self.high.into()]
    }

    /// Whether bytes of `from` are bytes of this, as they are.
    pub(super) fn is(&self, from: &Quantity) -> bool {
        from.scale == self.scale && from.side == self.side
    }

    fn is_bounded(&self) -> bool {
        (self.low, self.high) != self.side.range()
    }
}

/// The group that ends in the node `end`, a `QuantizeLinear`.
pub(super) fn ending_in(graph: &Graph, end: usize) -> Option<Group> {
    let end = &graph.nodes[end];
    let (scale, side) = graph.side(end)?;
    let (low, high) = side.range();
    let mut to = Target { scale, side, low, high };
    let mut value = end.input[0].as_str();
    if let Some(from) = graph.quantity(value) {
        return Some(Group::new(vec![], table(&from, &to, |x| x), vec![Input::from(&from)], Order::Either));
    }
    let mut inner = vec![];
    if let Some((ix, clamp, bounds)) = clamp(graph, value).filter(|_| graph.has_one_reader(value)) {
        inner.push(ix);
        to.bound(bounds);
        value = &clamp.input[0];
        if let Some(from) = graph.quantity(value) {
            return Some(Group::new(
                inner,
                table(&from, &to, |x| x),
                vec![Input::from(&from)],
                Order::Either,
            ));
        }
    }
    let (ix, operator) = graph.maker(value).filter(|_| graph.has_one_reader(value))?;
    inner.push(ix);
    if operator.output.iter().filter(|output| !output.is_empty()).count() != 1 {
        return None;
    }
    match &*operator.op_type {
        "Conv" => convolution(graph, operator, &to, inner),
        "Gemm" | "MatMul" => product(graph, operator, Some(&to), inner),
        "Add" => sum(graph, operator, &to, inner),
        "GlobalAveragePool" if !to.is_bounded() => average(graph, operator, &to, inner),
        "MaxPool" if !to.is_bounded() => max_pool(graph, operator, &to, inner),
        "Concat" if !to.is_bounded() => {
            moved(graph, operator, &to, inner, operator.input.len(), Order::Either)
        }
        "Flatten" | "Identity" | "Reshape" | "Squeeze" | "Transpose" | "Unsqueeze" if !to.is_bounded() => {
            moved(graph, operator, &to, inner, 1, Order::First)
        }
        _ => {
            let function = function(operator)?;
            let from = graph.quantity(operator.input.first()?)?;
            Some(Group::new(inner, table(&from, &to, function), vec![Input::from(&from)], Order::Either))
        }
    }
}

/// A product whose floats or integers something else reads.
pub(super) fn of_product(graph: &Graph, end: usize) -> Option<Group> {
    let operator = &graph.nodes[end];
    match &*operator.op_type {
        "Gemm" | "MatMul" => product(graph, operator, None, vec![]),
        "MatMulInteger" => factors(graph, operator),
        _ => None,
    }
}

/// A node that keeps its input within constant bounds.
fn clamp<'a>(graph: &Graph<'a>, value: &str) -> Option<(usize, &'a NodeProto, [f32; 2])> {
    let (ix, node) = graph.maker(value)?;
    let bounds = match &*node.op_type {
        "Relu" => [0.0, f32::INFINITY],
        "Clip" => {
            let bound = |at: usize, attribute: &str, none: f32| match node.input.get(at) {
                Some(name) if !name.is_empty() => match graph.floats(name)?.as_slice() {
                    [bound] => Some(*bound),
                    _ => None,
                },
                _ => Some(node.get_attr_opt::<f32>(attribute).ok()?.unwrap_or(none)),
            };
            [bound(1, "min", f32::NEG_INFINITY)?, bound(2, "max", f32::INFINITY)?]
        }
        _ => return None,
    };
    (bounds[0] <= bounds[1]).then_some((ix, node, bounds))
}
