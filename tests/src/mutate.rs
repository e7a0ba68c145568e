//! Mutants of ONNX models: what a broken exporter, a cut download or an attacker may hand to the loader.
//!
//! One seed, one mutant, on every machine. Most mutants stay protobuf and are wrong as graphs, for bytes at
//! random are mostly refused by the decoder and reach nothing behind it.

use std::mem::swap;

use prost::Message;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, TensorShapeProto, ValueInfoProto,
    type_proto,
};

/// Integers at which lengths, axes, counts and products of them go wrong.
const INTS: [i64; 16] = [
    i64::MIN,
    i64::MIN + 1,
    i32::MIN as i64,
    -1000,
    -2,
    -1,
    0,
    1,
    2,
    3,
    255,
    1 << 16,
    i32::MAX as i64,
    1 << 32,
    1 << 62,
    i64::MAX,
];

const FLOATS: [f32; 8] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0, 0.0, 1e-45, 0.5, f32::MAX];

/// Operators of all kinds, for nodes that were made for another.
const OPERATORS: [&str; 32] = [
    "Add",
    "ArgMax",
    "AveragePool",
    "Cast",
    "Concat",
    "Conv",
    "ConvTranspose",
    "CumSum",
    "Einsum",
    "Expand",
    "Gather",
    "GatherND",
    "Gemm",
    "If",
    "LSTM",
    "Loop",
    "MatMul",
    "NonMaxSuppression",
    "OneHot",
    "Pad",
    "QuantizeLinear",
    "Range",
    "ReduceSum",
    "Reshape",
    "Resize",
    "Scan",
    "ScatterND",
    "Slice",
    "Split",
    "TopK",
    "Transpose",
    "Where",
];

/// A mutant of `model`, the same for the same `seed`: one to three changes of its graph, or of its bytes for
/// one seed in five. What is no model gets changes of its bytes.
pub fn mutate(model: &[u8], seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let proto = if random.one_in(5) { None } else { ModelProto::decode(model).ok() };
    let Some(mut proto) = proto else { return of_bytes(model, &mut random) };
    for _ in 0..=random.below(3) {
        of_model(&mut proto, &mut random);
    }
    proto.encode_to_vec()
}

/// A mutant of any bytes: one to eight of them changed, or parts of them dropped, repeated or cut off.
pub fn mutate_bytes(bytes: &[u8], seed: u64) -> Vec<u8> {
    of_bytes(bytes, &mut Random(seed))
}

/// SplitMix64 (Steele, Lea, Flood, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 where there is none.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }

    fn pick_mut<'a, T>(&mut self, all: &'a mut [T]) -> Option<&'a mut T> {
        let ix = self.below(all.len());
        all.get_mut(ix)
    }
}

fn of_bytes(model: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = model.to_vec();
    for _ in 0..=random.below(8) {
        let at = random.below(bytes.len());
        let end = bytes.len().min(at + random.below(64));
        match random.below(5) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let copy = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, copy);
            }
            _ => {
                let byte = random.next() as u8;
                bytes.get_mut(at).into_iter().for_each(|old| *old = byte);
            }
        }
    }
    bytes
}

fn of_model(model: &mut ModelProto, random: &mut Random) {
    if random.one_in(20) {
        if let Some(import) = random.pick_mut(&mut model.opset_import) {
            import.version =
                random.of(&[i64::MIN, -1, 0, 1, 5, 7, 9, 10, 11, 12, 13, 15, 17, 18, 21, 24, 99]);
        }
        return;
    }
    if random.one_in(10)
        && let Some(function) = random.pick_mut(&mut model.functions)
    {
        return match random.below(4) {
            0 => of_names(&mut function.input, &["", "x"], random),
            1 => of_names(&mut function.output, &["", "y"], random),
            // It calls itself, or another one that calls it.
            2 => {
                let name = function.name.clone().unwrap_or_default();
                let domain = function.domain.clone().unwrap_or_default();
                if let Some(node) = random.pick_mut(&mut function.node) {
                    (node.op_type, node.domain) = (name, domain);
                }
            }
            _ => random.pick_mut(&mut function.node).into_iter().for_each(|node| of_node(node, &[], random)),
        };
    }
    if let Some(graph) = &mut model.graph {
        of_graph(graph, random);
    }
}

fn of_graph(graph: &mut GraphProto, random: &mut Random) {
    let inner = graph.node.iter_mut().flat_map(|node| &mut node.attribute).flat_map(|of| of.g.as_mut());
    let mut inner = inner.collect::<Vec<_>>();
    if !inner.is_empty() && random.one_in(2) {
        let ix = random.below(inner.len());
        return of_graph(inner[ix], random);
    }
    let names = value_names(graph);
    let names = names.iter().map(String::as_str).collect::<Vec<_>>();
    match random.below(16) {
        0 => of_infos(&mut graph.input, &names, random),
        1 => of_infos(&mut graph.output, &names, random),
        2 => of_infos(&mut graph.value_info, &names, random),
        3 | 4 => match random.pick_mut(&mut graph.initializer) {
            Some(tensor) if !random.one_in(4) => of_tensor(tensor, random),
            _ => of_list(&mut graph.initializer, random),
        },
        5 => of_list(&mut graph.node, random),
        // The graph in itself; a few times, and it is deep.
        6 if random.one_in(2) => {
            let copy = graph.clone();
            if let Some(node) = random.pick_mut(&mut graph.node) {
                let name = random.of(&["body", "then_branch", "else_branch", "value"]).to_owned();
                node.attribute.push(AttributeProto { name, r#type: 5, g: Some(copy), ..Default::default() });
            }
        }
        _ => {
            if let Some(node) = random.pick_mut(&mut graph.node) {
                of_node(node, &names, random);
            }
        }
    }
}

/// The names of all values of a graph: a node that reads one of them may read its own output.
fn value_names(graph: &GraphProto) -> Vec<String> {
    let infos = graph.input.iter().map(|info| &info.name);
    let tensors = graph.initializer.iter().map(|tensor| &tensor.name);
    let made = graph.node.iter().flat_map(|node| &node.output);
    infos.chain(tensors).chain(made).cloned().collect()
}

fn of_node(node: &mut NodeProto, names: &[&str], random: &mut Random) {
    match random.below(12) {
        0 => node.op_type = random.of(&OPERATORS).into(),
        1 => node.domain = random.of(&["", "ai.onnx", "ai.onnx.ml", "com.microsoft", "nowhere"]).into(),
        2 | 3 => of_names(&mut node.input, names, random),
        4 => of_names(&mut node.output, names, random),
        5 => of_list(&mut node.attribute, random),
        _ => match random.pick_mut(&mut node.attribute) {
            Some(attribute) => of_attribute(attribute, random),
            None => of_names(&mut node.input, names, random),
        },
    }
}

fn of_names(list: &mut Vec<String>, names: &[&str], random: &mut Random) {
    let other = random.pick(names).copied().unwrap_or_default().to_owned();
    match random.below(6) {
        0 => list.push(other),
        1 | 2 => {
            if let Some(name) = random.pick_mut(list) {
                *name = other;
            }
        }
        3 => random.pick_mut(list).into_iter().for_each(String::clear),
        _ => of_list(list, random),
    }
}

/// Drops, doubles, swaps or cuts.
fn of_list<T: Clone>(list: &mut Vec<T>, random: &mut Random) {
    if list.is_empty() {
        return;
    }
    let (at, other) = (random.below(list.len()), random.below(list.len()));
    match random.below(5) {
        0 => list.truncate(at),
        1 => list.push(list[at].clone()),
        2 => list.swap(at, other),
        _ => drop(list.remove(at)),
    }
}

fn of_attribute(attribute: &mut AttributeProto, random: &mut Random) {
    if random.one_in(8) {
        attribute.r#type = random.of(&[-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 99]);
        return;
    }
    if random.one_in(12) {
        attribute.name.push('_');
        return;
    }
    // Which field a reader takes is in the type, so that is the one to change; a list may be empty.
    match attribute.r#type {
        1 => attribute.f = random.of(&FLOATS),
        2 => attribute.i = random.of(&INTS),
        3 => attribute.s = random.of(&["", "\u{fffd}", "NOTSET", "linear", "max", "ij,jk->ik", "(["]).into(),
        4 => attribute.t.iter_mut().for_each(|tensor| of_tensor(tensor, random)),
        5 => attribute.g = attribute.g.take().filter(|_| random.one_in(2)),
        6 => of_values(&mut attribute.floats, random.of(&FLOATS), random),
        7 => of_values(&mut attribute.ints, random.of(&INTS), random),
        8 => match random.pick_mut(&mut attribute.strings) {
            Some(string) if random.one_in(3) => *string = random.of(&[&[][..], &[0xff], b"NaN"]).to_vec(),
            _ => of_list(&mut attribute.strings, random),
        },
        _ => of_list(&mut attribute.graphs, random),
    }
}

/// Puts `value` into a list, in place of another or at the end, or has one less.
fn of_values<T: Clone>(list: &mut Vec<T>, value: T, random: &mut Random) {
    match random.pick_mut(list) {
        Some(old) if random.one_in(2) => *old = value,
        Some(_) if random.one_in(2) => of_list(list, random),
        _ => list.push(value),
    }
}

fn of_tensor(tensor: &mut TensorProto, random: &mut Random) {
    match random.below(8) {
        0 | 1 => of_values(&mut tensor.dims, random.of(&INTS), random),
        // Data for another shape of the same number of elements.
        2 => tensor.dims.reverse(),
        3 => tensor.data_type = random.below(26) as i32 - 1,
        4 => tensor.data_location = Some(random.below(3) as i32),
        5 if !tensor.raw_data.is_empty() => {
            let len = random.below(tensor.raw_data.len());
            tensor.raw_data.truncate(len);
        }
        6 => swap(&mut tensor.raw_data, tensor.string_data.first_mut().unwrap_or(&mut vec![])),
        // Values that are lengths, axes or indices somewhere.
        _ if tensor.data_type == 7 && tensor.raw_data.len() >= 8 => {
            let at = 8 * random.below(tensor.raw_data.len() / 8);
            let value = random.of(&INTS);
            tensor.raw_data[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        _ => {
            of_values(&mut tensor.int64_data, random.of(&INTS), random);
            of_values(&mut tensor.float_data, random.of(&FLOATS), random);
            of_list(&mut tensor.int32_data, random);
            of_list(&mut tensor.string_data, random);
        }
    }
}

fn of_infos(infos: &mut Vec<ValueInfoProto>, names: &[&str], random: &mut Random) {
    let Some(info) = random.pick_mut(infos) else { return };
    let r#type = info.r#type.as_mut().and_then(|r#type| r#type.value.as_mut());
    match (random.below(6), r#type) {
        (0, _) => of_list(infos, random),
        (1, _) => info.name = random.pick(names).copied().unwrap_or_default().into(),
        (2, _) => info.r#type = None,
        (3, Some(type_proto::Value::TensorType(tensor))) => tensor.elem_type = random.below(26) as i32 - 1,
        (4, Some(type_proto::Value::TensorType(tensor))) if random.one_in(3) => tensor.shape = None,
        (_, Some(type_proto::Value::TensorType(tensor))) => {
            of_shape(tensor.shape.get_or_insert_default(), random);
        }
        (_, None) => of_list(infos, random),
    }
}

fn of_shape(shape: &mut TensorShapeProto, random: &mut Random) {
    let value = match random.below(4) {
        0 => None,
        1 => Some(dimension::Value::DimParam(random.of(&["N", "", "N+", "-1", "N*M/0", "\u{fffd}"]).into())),
        _ => Some(dimension::Value::DimValue(random.of(&INTS))),
    };
    of_values(&mut shape.dim, Dimension { value, ..Default::default() }, random);
}
