//! The node on bytes for an operator on dequantised bytes.

use tract_onnx::pb::{AttributeProto, NodeProto};

use super::graph::{Graph, Quantity, Weights};
use super::groups::{Group, Input, Order, Target};
use super::node;
use crate::quantized::{self as on_bytes, has_geometry};

/// The function of one number that an operator is.
pub(super) fn function(operator: &NodeProto) -> Option<Box<dyn Fn(f32) -> f32>> {
    let attribute = |name: &str, none: f32| Some(operator.get_attr_opt::<f32>(name).ok()?.unwrap_or(none));
    Some(match &*operator.op_type {
        "HardSigmoid" => {
            let (alpha, beta) = (attribute("alpha", 0.2)?, attribute("beta", 0.5)?);
            Box::new(move |x| (alpha * x + beta).clamp(0.0, 1.0))
        }
        "HardSwish" => Box::new(|x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)),
        "LeakyRelu" => {
            let alpha = attribute("alpha", 0.01)?;
            Box::new(move |x| if x < 0.0 { alpha * x } else { x })
        }
        "Sigmoid" => Box::new(|x| 1.0 / (1.0 + (-x).exp())),
        "Tanh" => Box::new(f32::tanh),
        _ => return None,
    })
}

pub(super) fn table(from: &Quantity, to: &Target, function: impl Fn(f32) -> f32) -> NodeProto {
    let byte = |byte: u8| {
        let number = if from.side.signed { i32::from(byte as i8) } else { i32::from(byte) };
        to.byte(function((number - from.side.zero) as f32 * from.scale)) as u8
    };
    let table = (0..=255).map(byte).collect::<Vec<_>>();
    node::new(
        on_bytes::TABLE,
        vec![node::bytes("table", &[256], table, false), node::sides(&[from.side, to.side])],
    )
}

fn weights_of(weights: &Weights, shape: &[usize]) -> Vec<AttributeProto> {
    let bytes = weights.bytes.iter().map(|byte| *byte as u8).collect();
    let zeros = weights.zeros.iter().map(|zero| i64::from(*zero));
    vec![node::bytes("weights", shape, bytes, true), node::ints("zeros", zeros)]
}

pub(super) fn convolution(
    graph: &Graph,
    operator: &NodeProto,
    to: &Target,
    inner: Vec<usize>,
) -> Option<Group> {
    let [x, weights, bias @ ..] = operator.input.as_slice() else { return None };
    let from = graph.quantity(x)?;
    let mut weights = graph.weights(weights, 0)?;
    let &[rows, channels, height, width] = weights.shape.as_slice() else { return None };
    let groups = operator.get_attr_opt("group").ok()?.unwrap_or(1usize);
    let kernel = operator.get_attr_opt_tvec::<usize>("kernel_shape").ok()?;
    let fits = has_geometry(operator, [height, width])
        && groups > 0
        && rows % groups == 0
        && kernel.is_none_or(|kernel| *kernel == [height, width]);
    if !fits {
        return None;
    }
    let area = height * width;
    let at = |ix: usize| {
        let (row, tap, channel) = (ix / channels / area, ix / channels % area, ix % channels);
        weights.bytes[(row * channels + channel) * area + tap]
    };
    weights.bytes = (0..weights.bytes.len()).map(at).collect();
    let units = weights.scales.iter().map(|scale| from.scale * scale).collect::<Vec<_>>();
    let bias = graph.bias(bias.first(), rows)?;
    let mut attributes = weights_of(&weights, &[rows, height, width, channels]);
    attributes.extend([
        node::words("bias", weights.integers(&bias, &units, from.side, to.scale)?),
        node::floats("scales", units.iter().map(|unit| unit / to.scale)),
        node::sides(&[from.side, to.side]),
        node::ints("range", to.range()),
        node::int("group", groups as i64),
    ]);
    let kept = ["auto_pad", "dilations", "pads", "strides"];
    let own = operator.attribute.iter().filter(|attribute| kept.contains(&attribute.name.as_str()));
    attributes.extend(own.cloned());
    let node = node::of(operator, on_bytes::CONVOLUTION, attributes);
    Some(Group::new(inner, node, vec![Input::from(&from)], Order::Last))
}

/// A `Gemm` or `MatMul` with constant weights; without a target its output is floats.
pub(super) fn product(
    graph: &Graph,
    operator: &NodeProto,
    to: Option<&Target>,
    inner: Vec<usize>,
) -> Option<Group> {
    let [x, weights, bias @ ..] = operator.input.as_slice() else { return None };
    let from = graph.quantity(x)?;
    let flag = |name: &str| Some(operator.get_attr_opt::<i64>(name).ok()?.unwrap_or(0) != 0);
    let factor = |name: &str| Some(operator.get_attr_opt::<f32>(name).ok()?.unwrap_or(1.0));
    if flag("transA")? || factor("alpha")? != 1.0 || factor("beta")? != 1.0 {
        return None;
    }
    let rows_first = flag("transB")?;
    let weights = graph.weights(weights, if rows_first { 0 } else { 1 }).filter(|it| it.shape.len() == 2)?;
    let weights = if rows_first { weights } else { weights.transposed() };
    let units = weights.scales.iter().map(|scale| from.scale * scale).collect::<Vec<_>>();
    let bias = graph.bias(bias.first(), units.len())?;
    let mut attributes = weights_of(&weights, &weights.shape);
    match to {
        Some(to) => attributes.extend([
            node::words("bias", weights.integers(&bias, &units, from.side, to.scale)?),
            node::floats("scales", units.iter().map(|unit| unit / to.scale)),
            node::sides(&[from.side, to.side]),
            node::ints("range", to.range()),
        ]),
        None if weights.rooms(from.side).all(|[low, high]| low <= 0.0 && high >= 0.0) => attributes.extend([
            node::floats("offsets", bias.into_iter().map(|bias| bias as f32)),
            node::floats("scales", units),
            node::sides(&[from.side]),
        ]),
        None => return None,
    }
    let node = node::of(operator, on_bytes::PRODUCT, attributes);
    Some(Group::new(inner, node, vec![Input::from(&from)], Order::First))
}

/// A `MatMulInteger` with a constant second factor.
pub(super) fn factors(graph: &Graph, operator: &NodeProto) -> Option<Group> {
    let [a, b, zeros @ ..] = operator.input.as_slice() else { return None };
    let given = |zero: &&String| !zero.is_empty();
    let b_zero = match zeros.get(1).filter(given) {
        Some(zero) => Some(graph.constant(zero)?),
        None => None,
    };
    // Where the zero point is one for each row of the first factor, the general operator is used.
    let a_zero = zeros.first().filter(given);
    if a_zero.is_some_and(|zero| !graph.is_scalar(zero)) {
        return None;
    }
    let weights = Weights::of_factor(graph.constant(b)?, b_zero.as_ref())?.transposed();
    let node = node::of(operator, on_bytes::PRODUCT, weights_of(&weights, &weights.shape));
    let input = Input { name: a.clone(), table: None };
    let mut group = Group::new(vec![], node, vec![input], Order::First);
    group.rest = a_zero.cloned().into_iter().collect();
    Some(group)
}

pub(super) fn sum(graph: &Graph, operator: &NodeProto, to: &Target, inner: Vec<usize>) -> Option<Group> {
    let [a, b] = operator.input.as_slice() else { return None };
    let (a, b) = (graph.quantity(a)?, graph.quantity(b)?);
    let node = node::of(
        operator,
        on_bytes::SUM,
        vec![
            node::floats("scales", [a.scale / to.scale, b.scale / to.scale]),
            node::sides(&[a.side, b.side, to.side]),
            node::ints("range", to.range()),
        ],
    );
    Some(Group::new(inner, node, vec![Input::from(&a), Input::from(&b)], Order::Either))
}

pub(super) fn average(graph: &Graph, operator: &NodeProto, to: &Target, inner: Vec<usize>) -> Option<Group> {
    let from = graph.quantity(operator.input.first()?)?;
    let node = node::of(
        operator,
        on_bytes::AVERAGE,
        vec![node::floats("scales", [from.scale, to.scale]), node::sides(&[from.side, to.side])],
    );
    Some(Group::new(inner, node, vec![Input::from(&from)], Order::LastToFirst))
}

pub(super) fn max_pool(graph: &Graph, operator: &NodeProto, to: &Target, inner: Vec<usize>) -> Option<Group> {
    let from = graph.quantity(operator.input.first()?)?;
    let size = operator.get_attr_opt_tvec::<usize>("kernel_shape").ok()??;
    let size = size.as_slice().try_into().ok()?;
    if !to.is(&from) || !has_geometry(operator, size) {
        return None;
    }
    let node = node::of(operator, on_bytes::MAX_POOL, operator.attribute.clone());
    Some(Group::new(inner, node, vec![Input::from(&from)], Order::Last))
}

/// An operator that only moves numbers: it takes the output's bytes. Its first `count` inputs are quantised.
pub(super) fn moved(
    graph: &Graph,
    operator: &NodeProto,
    to: &Target,
    inner: Vec<usize>,
    count: usize,
    order: Order,
) -> Option<Group> {
    let (moved, rest) = operator.input.split_at_checked(count)?;
    let input = |name: &String| {
        let from = graph.quantity(name)?;
        let table = (!to.is(&from)).then(|| table(&from, to, |x| x));
        Some(Input { table, ..Input::from(&from) })
    };
    let inputs = moved.iter().map(input).collect::<Option<Vec<_>>>()?;
    let mut group = Group::new(inner, operator.clone(), inputs, order);
    group.rest = rest.to_vec();
    Some(group)
}
