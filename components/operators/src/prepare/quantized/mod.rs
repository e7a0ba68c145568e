//! Groups that dequantise, compute in floats and quantise, as one node on bytes.
//!
//! Sources: <https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html>, and what ONNX Runtime makes of such graphs
//! (<https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html>). The sums are exact then, where
//! floats round; the output is that of the graph within one step of its quantisation. What fits no group stays as it is, and
//! so does what has sums that 32 bits might not hold.
//!
//! Steps: `expand` writes quantised operators as such groups, `groups` finds which nodes become one, `ends` takes in what
//! quantises before them and dequantises behind them, and here the graph is written anew, with images kept channels last between nodes that read them so, and without what nothing reads any
//! more.

mod ends;
mod expand;
mod graph;
mod groups;
mod node;
mod operators;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use tract_onnx::pb::{GraphProto, NodeProto};

pub(crate) use self::expand::OPERATORS;
use self::graph::{Graph, reads};
use self::groups::{Group, Order};
use crate::quantized::{CHANNELS_FIRST, CHANNELS_LAST};
use crate::support::plain;

/// Rewrites the quantised parts of `graph`.
pub(super) fn fuse(graph: &mut GraphProto) {
    expand::expand(graph);
    let quantised = |node: &NodeProto| matches!(&*node.op_type, "DequantizeLinear" | "MatMulInteger");
    if !graph.node.iter().any(quantised) || !is_sorted(graph) {
        return;
    }
    let found = Graph::new(graph);
    let (mut groups, mut gone) = find(&found);
    ends::take_in(&found, &mut groups, &mut gone);
    let (nodes, read) = write(&found, groups, gone);
    let was_read = graph.node.iter().flat_map(reads).collect::<HashSet<_>>();
    let gone = |name: &str| was_read.contains(name) && !read.contains(name) && !found.given.contains(name);
    let initializers = graph.initializer.iter().map(|tensor| !gone(&tensor.name)).collect::<Vec<_>>();
    let mut kept = initializers.into_iter();
    graph.node = nodes;
    graph.initializer.retain(|_| kept.next().unwrap_or(true));
}

/// Whether every value is made before it is read, as ONNX wants it.
fn is_sorted(graph: &GraphProto) -> bool {
    let mut later = graph.node.iter().flat_map(|node| &node.output).collect::<HashSet<_>>();
    graph.node.iter().all(|node| {
        let ready = node.input.iter().all(|input| input.is_empty() || !later.contains(input));
        node.output.iter().for_each(|output| {
            later.remove(output);
        });
        ready
    })
}

/// The group of each node that ends one, and the nodes that go for it.
fn find(graph: &Graph) -> (Vec<Option<Group>>, HashSet<usize>) {
    let of_onnx = |ix: &usize| plain(&graph.nodes[*ix].domain).is_empty();
    let mut groups = graph.nodes.iter().map(|_| None).collect::<Vec<Option<Group>>>();
    let mut gone = HashSet::new();
    for ix in (0..groups.len()).filter(of_onnx) {
        if graph.nodes[ix].op_type == "QuantizeLinear" {
            groups[ix] = groups::ending_in(graph, ix);
            gone.extend(groups[ix].iter().flat_map(|group| &group.inner));
        }
    }
    for ix in (0..groups.len()).filter(of_onnx) {
        if !gone.contains(&ix) {
            groups[ix] = groups[ix].take().or_else(|| groups::of_product(graph, ix));
        }
    }
    // What only groups read of the floats, they read as bytes.
    let mut read = graph.given.iter().copied().map(str::to_owned).collect::<HashSet<_>>();
    for (ix, node) in graph.nodes.iter().enumerate().rev() {
        let linear = matches!(&*node.op_type, "DequantizeLinear" | "QuantizeLinear");
        match &groups[ix] {
            Some(group) => {
                read.extend(group.inputs.iter().map(|input| input.name.clone()));
                read.extend(group.rest.iter().cloned());
            }
            None if gone.contains(&ix) => {}
            None if linear && node.output.iter().all(|output| !read.contains(output)) => {
                gone.insert(ix);
            }
            None => read.extend(reads(node).into_iter().map(str::to_owned)),
        }
    }
    (groups, gone)
}

/// The nodes, and the names of all that they read.
fn write(
    graph: &Graph,
    groups: Vec<Option<Group>>,
    gone: HashSet<usize>,
) -> (Vec<NodeProto>, HashSet<String>) {
    let mut writer = Writer::default();
    for (ix, (node, group)) in graph.nodes.iter().zip(groups).enumerate() {
        match group {
            _ if gone.contains(&ix) => {}
            Some(group) => writer.group(group, &node.output[0]),
            None => {
                reads(node).into_iter().for_each(|name| writer.channels_first(name));
                writer.nodes.push(node.clone());
            }
        }
    }
    graph.given.iter().for_each(|name| writer.channels_first(name));
    let read = writer.nodes.iter().flat_map(reads).map(str::to_owned).collect();
    (writer.nodes, read)
}

#[derive(Default)]
struct Writer {
    nodes: Vec<NodeProto>,
    /// Values that there are with the channels last, under another name.
    last: HashSet<String>,
    /// Those that there are as ONNX has them, too.
    both: HashSet<String>,
}

fn last(name: &str) -> String {
    format!("{name}/channels-last")
}

impl Writer {
    fn push(&mut self, mut node: NodeProto, inputs: Vec<String>, output: String) {
        if node.name.is_empty() {
            node.name = format!("{output}/made");
        }
        self.nodes.push(NodeProto { input: inputs, output: vec![output], ..node });
    }

    /// Has a value as ONNX has it.
    fn channels_first(&mut self, name: &str) {
        if self.last.contains(name) && self.both.insert(name.to_owned()) {
            self.push(node::new(CHANNELS_FIRST, vec![]), vec![last(name)], name.to_owned());
        }
    }

    /// The name of a value in an order.
    fn ordered(&mut self, name: &str, channels_last: bool) -> String {
        if !channels_last {
            self.channels_first(name);
            return name.to_owned();
        }
        if self.last.insert(name.to_owned()) {
            self.both.insert(name.to_owned());
            self.push(node::new(CHANNELS_LAST, vec![]), vec![name.to_owned()], last(name));
        }
        last(name)
    }

    fn group(&mut self, group: Group, output: &str) {
        let Group { mut node, order, inputs, rest, .. } = group;
        let are_last = inputs.iter().all(|input| self.last.contains(&input.name));
        let is_last = match order {
            Order::First => false,
            Order::Last | Order::LastToFirst => true,
            Order::Either => are_last && (node.op_type != "Concat" || to_last(&mut node)),
        };
        let mut names = vec![];
        for (ix, input) in inputs.into_iter().enumerate() {
            let name = match order {
                // Under a name of its own: what is read in either order is an image.
                Order::LastToFirst if !self.last.contains(&input.name) => {
                    let own = format!("{output}/input-{ix}/reordered");
                    self.push(node::new(CHANNELS_LAST, vec![]), vec![input.name], own.clone());
                    own
                }
                _ => self.ordered(&input.name, is_last),
            };
            names.push(match input.table {
                Some(table) => {
                    let own = format!("{output}/input-{ix}");
                    self.push(table, vec![name], own.clone());
                    own
                }
                None => name,
            });
        }
        rest.iter().for_each(|name| self.channels_first(name));
        names.extend(rest);
        if order == Order::LastToFirst {
            let own = format!("{output}/reordered");
            self.push(node, names, own.clone());
            self.push(node::new(CHANNELS_FIRST, vec![]), vec![own], output.to_owned());
        } else if is_last {
            self.last.insert(output.to_owned());
            self.push(node, names, last(output));
        } else {
            self.push(node, names, output.to_owned());
        }
    }
}

/// Has a `Concat` mean the same axis of tensors with their channels last.
fn to_last(node: &mut NodeProto) -> bool {
    match node.attribute.iter_mut().find(|attribute| attribute.name == "axis") {
        Some(axis) if axis.i >= 0 => {
            axis.i = match axis.i {
                0 => 0,
                1 => -1,
                other => other - 1,
            };
            true
        }
        _ => false,
    }
}
