//! Where floats become bytes and bytes become floats again: by the product that reads or gives them, of the same zero point,
//! as far as nothing else does; and floats that become bytes only to be floats again, in one node.

use std::collections::{HashMap, HashSet};

use edgewit_kernels::int8::Side;
use tract_onnx::pb::NodeProto;

use super::graph::{Graph, reads};
use super::groups::{Group, Input, Order};
use super::node;
use crate::quantized as on_bytes;
use crate::support::plain;

/// Has `groups` take in such nodes, which are `gone` then.
pub(super) fn take_in(graph: &Graph, groups: &mut [Option<Group>], gone: &mut HashSet<usize>) {
    let readers = readers(graph, groups, gone);
    let only_reader = |value: &str| match readers.get(value).map(Vec::as_slice) {
        Some(&[ix]) if !graph.given.contains(value) => Some(ix),
        _ => None,
    };
    for (ix, node) in graph.nodes.iter().enumerate() {
        if gone.contains(&ix) || groups[ix].is_some() || !is_plain(node) {
            continue;
        }
        let Some((scale, side)) = graph.side(node) else { continue };
        if node.op_type == "QuantizeLinear" {
            let Some(reader) = only_reader(&node.output[0]) else { continue };
            let floats = Input { name: node.input[0].clone(), table: None };
            if let Some(product) = groups[reader].as_mut().filter(|group| takes(group, side)) {
                product.inputs = vec![floats];
                product.node.attribute.push(node::float("from", scale));
            } else if groups[reader].is_none() && is_back(graph, node, &graph.nodes[reader]) {
                let back = node::of(
                    &graph.nodes[reader],
                    on_bytes::ROUND,
                    vec![node::float("scale", scale), node::sides(&[side])],
                );
                groups[reader] = Some(Group::new(vec![], back, vec![floats], Order::First));
            } else {
                continue;
            }
            gone.insert(ix);
        } else if only_reader(&node.input[0]) == Some(ix)
            && let Some((maker, _)) = graph.maker(&node.input[0])
            && let Some(mut product) = groups[maker].take_if(|group| gives(group, side))
        {
            product.node.attribute.push(node::float("to", scale));
            groups[ix] = Some(product);
            gone.insert(maker);
        }
    }
}

/// The nodes that read each value, of those that are not `gone`.
fn readers(graph: &Graph, groups: &[Option<Group>], gone: &HashSet<usize>) -> HashMap<String, Vec<usize>> {
    let mut readers = HashMap::<String, Vec<usize>>::new();
    for (ix, node) in graph.nodes.iter().enumerate().filter(|(ix, _)| !gone.contains(ix)) {
        let names: Vec<&str> = match &groups[ix] {
            Some(group) => {
                group.inputs.iter().map(|input| &input.name).chain(&group.rest).map(String::as_str).collect()
            }
            None => reads(node),
        };
        names.into_iter().for_each(|name| readers.entry(name.to_owned()).or_default().push(ix));
    }
    readers
}

/// Whether a node of `ai.onnx` quantises or dequantises as the operators of the first version do.
fn is_plain(node: &NodeProto) -> bool {
    let known = |name: &str| matches!(name, "axis" | "saturate");
    plain(&node.domain).is_empty()
        && matches!(&*node.op_type, "DequantizeLinear" | "QuantizeLinear")
        && node.attribute.iter().all(|attribute| known(&attribute.name))
}

fn is_product(group: &Group) -> bool {
    group.node.op_type == on_bytes::PRODUCT && group.inputs.iter().all(|input| input.table.is_none())
}

/// The sides of a product's input and of its output, as far as they are bytes whose sides are known.
fn sides(group: &Group) -> &[i64] {
    let sides = group.node.attribute.iter().find(|attribute| attribute.name == "sides");
    sides.map_or(&[], |sides| &sides.ints)
}

/// Whether a group is a product that reads bytes of a `side`.
fn takes(group: &Group, side: Side) -> bool {
    is_product(group) && sides(group).starts_with(&node::side(side))
}

/// Whether a group is a product that gives bytes of a `side`.
fn gives(group: &Group, side: Side) -> bool {
    is_product(group) && sides(group).get(2..) == Some(&node::side(side))
}

/// Whether `back` dequantises what `node` quantises, to the same scale.
fn is_back(graph: &Graph, node: &NodeProto, back: &NodeProto) -> bool {
    back.op_type == "DequantizeLinear" && is_plain(back) && graph.side(back) == graph.side(node)
}
