//! What a graph says of its quantised tensors.

use std::collections::{HashMap, HashSet};

use edgewit_kernels::int8::{FLIP, Side};
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

use crate::support::plain;

/// A graph, looked at by name.
pub(super) struct Graph<'a> {
    pub(super) nodes: &'a [NodeProto],
    constants: HashMap<&'a str, &'a TensorProto>,
    makers: HashMap<&'a str, usize>,
    readers: HashMap<&'a str, usize>,
    /// What is read outside of the graph.
    pub(super) given: HashSet<&'a str>,
}

/// A tensor of bytes, and what they stand for.
pub(super) struct Quantity {
    pub(super) name: String,
    pub(super) scale: f32,
    pub(super) side: Side,
}

/// A constant of bytes.
pub(super) struct Weights {
    /// Signed; those of a file's unsigned bytes, and their zero points, are 128 less.
    pub(super) bytes: Vec<i8>,
    pub(super) shape: Vec<usize>,
    /// One for each index along `axis`.
    pub(super) scales: Vec<f32>,
    pub(super) zeros: Vec<i8>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(graph: &'a GraphProto) -> Self {
        let mut readers = HashMap::new();
        for name in graph.node.iter().flat_map(reads) {
            *readers.entry(name).or_insert(0) += 1;
        }
        let made =
            |(ix, node): (usize, &'a NodeProto)| node.output.iter().map(move |name| (name.as_str(), ix));
        Self {
            nodes: &graph.node,
            constants: graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect(),
            makers: graph.node.iter().enumerate().flat_map(made).collect(),
            readers,
            given: graph.output.iter().map(|output| output.name.as_str()).collect(),
        }
    }

    /// The node of `ai.onnx` that makes a value.
    pub(super) fn maker(&self, name: &str) -> Option<(usize, &'a NodeProto)> {
        let ix = *self.makers.get(name)?;
        Some((ix, &self.nodes[ix])).filter(|(_, node)| plain(&node.domain).is_empty())
    }

    /// Whether one node and nothing else reads a value.
    pub(super) fn has_one_reader(&self, name: &str) -> bool {
        self.readers.get(name) == Some(&1) && !self.given.contains(name)
    }

    pub(super) fn is_constant(&self, name: &str) -> bool {
        self.constants.contains_key(name)
    }

    /// Whether a value is one number, as far as the file tells: a constant, or what `DynamicQuantizeLinear` gives.
    pub(super) fn is_scalar(&self, name: &str) -> bool {
        match self.constants.get(name) {
            Some(proto) => proto.dims.iter().product::<i64>() == 1,
            None => self.maker(name).is_some_and(|(_, node)| node.op_type == "DynamicQuantizeLinear"),
        }
    }

    /// Whether a constant is of int8; no for uint8, none for anything else.
    pub(super) fn is_signed(&self, name: &str) -> Option<bool> {
        is_signed(&self.constant(name)?)
    }

    pub(super) fn constant(&self, name: &str) -> Option<Tensor> {
        let proto = *self.constants.get(name)?;
        tract_onnx::tensor::load_tensor(&*tract_onnx::data_resolver::default(), proto, None).ok()
    }

    pub(super) fn floats(&self, name: &str) -> Option<Vec<f32>> {
        self.vector(name, DataType::Float)
    }

    pub(super) fn integers(&self, name: &str) -> Option<Vec<i32>> {
        self.vector(name, DataType::Int32)
    }

    fn vector<T: Datum + Copy>(&self, name: &str, expected: DataType) -> Option<Vec<T>> {
        self.constants.get(name).filter(|proto| proto.data_type == expected as i32)?;
        let tensor = self.constant(name)?;
        Some(tensor.try_as_plain_ram().ok()?.as_slice::<T>().ok()?.to_vec())
    }

    /// What the bytes of a `QuantizeLinear` or `DequantizeLinear` of one scale stand for.
    pub(super) fn side(&self, node: &NodeProto) -> Option<(f32, Side)> {
        let [_, scale, zero] = node.input.as_slice() else { return None };
        let (&[scale], zero) = (self.floats(scale)?.as_slice(), self.constant(zero)?) else { return None };
        let signed = is_signed(&zero)?;
        let zero = zero.cast_to::<i32>().ok()?;
        let &[zero] = zero.try_as_plain_ram().ok()?.as_slice::<i32>().ok()? else { return None };
        let proper = scale.is_finite() && scale > 0.0;
        proper.then_some((scale, Side { zero, signed }))
    }

    /// The bytes that a float is dequantised from.
    pub(super) fn quantity(&self, name: &str) -> Option<Quantity> {
        let (_, node) = self.maker(name).filter(|(_, node)| node.op_type == "DequantizeLinear")?;
        let (scale, side) = self.side(node)?;
        Some(Quantity { name: node.input[0].clone(), scale, side })
    }

    /// The constant that a float is dequantised from, with a scale for all or for each index along `axis`.
    pub(super) fn weights(&self, name: &str, axis: usize) -> Option<Weights> {
        let (_, node) = self.maker(name).filter(|(_, node)| node.op_type == "DequantizeLinear")?;
        if node.get_attr_opt("block_size").ok()?.unwrap_or(0i64) != 0 {
            return None;
        }
        let bytes = self.constant(&node.input[0])?;
        let scales = self.floats(node.input.get(1)?)?;
        let zeros = node.input.get(2).filter(|zero| !zero.is_empty());
        let zeros = zeros.map(|zero| self.constant(zero)).map_or(Some(None), |zeros| zeros.map(Some))?;
        let along = node.get_attr_opt("axis").ok()?.unwrap_or(1i64);
        let along = if along < 0 { along + bytes.rank() as i64 } else { along };
        Weights::new(bytes, axis, scales, zeros.as_ref(), along == axis as i64)
    }

    /// A constant bias of so many rows; zeros where there is none.
    pub(super) fn bias(&self, name: Option<&String>, rows: usize) -> Option<Vec<f64>> {
        let Some(name) = name.filter(|name| !name.is_empty()) else { return Some(vec![0.0; rows]) };
        self.bias_floats(name).filter(|bias| bias.len() == rows)
    }

    /// A constant bias of one row, in the file as floats or as integers that are dequantised.
    fn bias_floats(&self, name: &str) -> Option<Vec<f64>> {
        if let Some(floats) = self.floats(name) {
            return self.is_row(name).then(|| floats.into_iter().map(f64::from).collect());
        }
        let (_, node) = self.maker(name).filter(|(_, node)| node.op_type == "DequantizeLinear")?;
        let bias = self.integers(&node.input[0]).filter(|_| self.is_row(&node.input[0]))?;
        let scales = self.floats(node.input.get(1)?)?;
        if let Some(zero) = node.input.get(2).filter(|zero| !zero.is_empty()) {
            self.integers(zero)?.iter().all(|zero| *zero == 0).then_some(())?;
        }
        let scale = |ix: usize| match scales.as_slice() {
            [scale] => Some(f64::from(*scale)),
            all => all.get(ix).copied().map(f64::from),
        };
        bias.iter().enumerate().map(|(ix, bias)| Some(f64::from(*bias) * scale(ix)?)).collect()
    }

    /// Whether a constant is a vector or a matrix of one row.
    fn is_row(&self, name: &str) -> bool {
        matches!(self.constants.get(name).map(|proto| proto.dims.as_slice()), Some([_] | [1, _]))
    }
}

impl Weights {
    /// `per_axis` says whether several scales are along the axis that is asked for.
    fn new(
        bytes: Tensor,
        axis: usize,
        scales: Vec<f32>,
        zeros: Option<&Tensor>,
        per_axis: bool,
    ) -> Option<Self> {
        let signed = is_signed(&bytes)?;
        let shape = bytes.shape().to_vec();
        let length = *shape.get(axis)?;
        let flip = if signed { 0 } else { FLIP };
        let signed = |tensor: &Tensor| -> Option<Vec<i8>> {
            let bytes = tensor.try_as_plain_ram().ok()?;
            Some(bytes.as_bytes().iter().map(|byte| (byte ^ flip) as i8).collect())
        };
        let spread = |count: usize| count == 1 || per_axis && count == length;
        let zeros = match zeros {
            Some(zeros) if zeros.datum_type() == bytes.datum_type() => signed(zeros)?,
            Some(_) => return None,
            None => vec![flip as i8],
        };
        let proper = scales.iter().all(|scale| scale.is_finite() && *scale > 0.0);
        if !proper || !spread(scales.len()) || !spread(zeros.len()) {
            return None;
        }
        let scales = if scales.len() == 1 { vec![scales[0]; length] } else { scales };
        let zeros = if zeros.len() == 1 { vec![zeros[0]; length] } else { zeros };
        Some(Self { bytes: signed(&bytes)?, shape, scales, zeros })
    }

    /// The integers that a `bias` is in `units` of the sums of each row with bytes of a `side`, as near as 32 bits have room
    /// beside the sums, where not more than half a `step` of the output is lost. Rows lie one after the other.
    pub(super) fn integers(&self, bias: &[f64], units: &[f32], side: Side, step: f32) -> Option<Vec<i32>> {
        let integer = |((bias, unit), [low, high]): ((&f64, &f32), [f64; 2])| {
            let unit = f64::from(*unit);
            // Not `clamp`, which panics where there is no room.
            let integer = (bias / unit).round_ties_even().max(low).min(high);
            let lost = (bias - integer * unit).abs();
            (low <= high && lost <= f64::from(step) / 2.0).then_some(integer as i32)
        };
        bias.iter().zip(units).zip(self.rooms(side)).map(integer).collect()
    }

    /// The least and the largest that may be added to any sum of each row with bytes of a `side` within 32 bits.
    pub(super) fn rooms(&self, side: Side) -> impl Iterator<Item = [f64; 2]> {
        let depth = self.bytes.len() / self.zeros.len().max(1);
        self.zeros.iter().enumerate().map(move |(row, zero)| {
            let row = &self.bytes[row * depth..][..depth];
            let [least, most] = side.sums(row.iter().map(|weight| i32::from(*weight) - i32::from(*zero)));
            [(i64::from(i32::MIN) - least) as f64, (i64::from(i32::MAX) - most) as f64]
        })
    }

    /// Of a constant factor of integers: `[K, M]`, with a zero point for all or for each of M.
    pub(super) fn of_factor(bytes: Tensor, zeros: Option<&Tensor>) -> Option<Self> {
        (bytes.rank() == 2).then(|| Self::new(bytes, 1, vec![1.0], zeros, true))?
    }

    /// The bytes with the axes of a matrix in the other order.
    pub(super) fn transposed(mut self) -> Self {
        let &[rows, columns] = self.shape.as_slice() else { return self };
        let at = |ix: usize| self.bytes[ix % rows * columns + ix / rows];
        self.bytes = (0..rows * columns).map(at).collect();
        self.shape = vec![columns, rows];
        self
    }
}

fn is_signed(tensor: &Tensor) -> Option<bool> {
    match tensor.datum_type() {
        DatumType::I8 => Some(true),
        DatumType::U8 => Some(false),
        _ => None,
    }
}

/// What a node reads, its subgraphs included.
pub(super) fn reads(node: &NodeProto) -> Vec<&str> {
    let mut names = node.input.iter().map(String::as_str).collect::<Vec<_>>();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        for graph in node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs)) {
            names.extend(graph.node.iter().flat_map(|node| &node.input).map(String::as_str));
            names.extend(graph.output.iter().map(|output| output.name.as_str()));
            open.extend(&graph.node);
        }
    }
    names.retain(|name| !name.is_empty());
    names
}
