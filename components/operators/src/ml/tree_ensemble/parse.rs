//! The node's attributes to a forest, its labels and its scoring, with every inconsistency refused here.

use std::collections::HashMap;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

use super::forest::{Forest, Mode, NodeSpec};
use super::scores::{Layout, Scoring, Transform};
use crate::attributes::{self, IntsOrStrings};

pub(super) struct Parsed {
    pub(super) labels: IntsOrStrings,
    pub(super) forest: Forest<f64>,
    pub(super) scoring: Scoring,
    /// An attribute is given in double, so floats would not do.
    pub(super) double: bool,
}

pub(super) fn parse(ctx: &ParsingContext, node: &NodeProto) -> TractResult<Parsed> {
    let labels = IntsOrStrings::read(node, "classlabels_int64s", "classlabels_strings")?;
    let thresholds = Numbers::read(ctx, node, "nodes_values")?;
    let weights = Numbers::read(ctx, node, "class_weights")?;
    let base = Numbers::read(ctx, node, "base_values")?;

    let tree = Nodes::read(node, &thresholds.values)?;
    let class_ids = class_ids(node, labels.len())?;
    let layout = layout(labels.len(), &class_ids, &weights.values);
    let columns = if layout == Layout::PerClass { labels.len() } else { 1 };
    let weights_of = leaf_weights(node, &tree, &class_ids, &weights.values, columns)?;
    let base_values = base_values(&base.values, labels.len(), columns, &class_ids)?;
    let forest = Forest::new(&tree.specs, &tree.roots, &weights_of, columns)?;
    let transform = Transform::parse(node.get_attr_opt("post_transform")?.unwrap_or("NONE"))?;
    Ok(Parsed {
        labels,
        forest,
        scoring: Scoring { layout, transform, base: base_values },
        double: thresholds.double || weights.double || base.double,
    })
}

/// A list of floats, or the tensor of the same name with `_as_tensor`.
struct Numbers {
    values: Vec<f64>,
    double: bool,
}

impl Numbers {
    fn read(ctx: &ParsingContext, node: &NodeProto, name: &str) -> TractResult<Self> {
        let floats = attributes::floats(node, name)?;
        let tensor_name = format!("{name}_as_tensor");
        let Some(proto) = node.get_attr_opt::<&TensorProto>(&tensor_name)? else {
            return Ok(Self { values: floats.into_iter().map(f64::from).collect(), double: false });
        };
        ensure!(floats.is_empty(), "expected one of the attributes {name} and {tensor_name}, both are set");
        let data_type = DataType::try_from(proto.data_type);
        ensure!(
            matches!(data_type, Ok(DataType::Double | DataType::Float)),
            "attribute {tensor_name}: expected doubles or floats, got {data_type:?}"
        );
        let tensor = ctx.load_tensor(proto).with_context(|| format!("attribute {tensor_name}"))?;
        let values = tensor.cast_to::<f64>()?.try_as_plain_ram()?.as_slice::<f64>()?.to_vec();
        Ok(Self { double: tensor.datum_type() == f64::datum_type() && !values.is_empty(), values })
    }
}

/// The nodes of all trees, in the order of the attributes.
struct Nodes {
    specs: Vec<NodeSpec>,
    roots: Vec<usize>,
    /// Tree id and node id to the position in `specs`.
    positions: HashMap<(i64, i64), usize>,
}

impl Nodes {
    fn read(node: &NodeProto, thresholds: &[f64]) -> TractResult<Self> {
        let tree_ids = attributes::ints(node, "nodes_treeids")?;
        let len = tree_ids.len();
        ensure!(len > 0, "attribute nodes_treeids: expected at least one node");
        let list = |name: &str| -> TractResult<Vec<i64>> {
            let values = attributes::ints(node, name)?;
            check_len(name, values.len(), "nodes_treeids", len)?;
            Ok(values)
        };
        let node_ids = list("nodes_nodeids")?;
        let feature_ids = list("nodes_featureids")?;
        let true_ids = list("nodes_truenodeids")?;
        let false_ids = list("nodes_falsenodeids")?;
        let modes = attributes::strings(node, "nodes_modes")?;
        check_len("nodes_modes", modes.len(), "nodes_treeids", len)?;
        check_len("nodes_values", thresholds.len(), "nodes_treeids", len)?;
        let missing = attributes::ints(node, "nodes_missing_value_tracks_true")?;
        if !missing.is_empty() {
            check_len("nodes_missing_value_tracks_true", missing.len(), "nodes_treeids", len)?;
        }

        let mut positions = HashMap::with_capacity(len);
        let mut first_of_tree = HashMap::new();
        let mut roots = vec![];
        for position in 0..len {
            let (tree, id) = (tree_ids[position], node_ids[position]);
            ensure!(
                positions.insert((tree, id), position).is_none(),
                "node {id} of tree {tree} is listed twice"
            );
            first_of_tree.entry(tree).or_insert_with(|| roots.push(position));
        }

        let child = |name: &str, tree: i64, id: i64| {
            let found = positions.get(&(tree, id)).copied();
            found.with_context(|| format!("attribute {name}: tree {tree} has no node {id}"))
        };
        let mut specs = Vec::with_capacity(len);
        for position in 0..len {
            let mode = mode(&modes[position])?;
            let mut spec = NodeSpec {
                mode,
                feature: 0,
                threshold: thresholds[position],
                missing_is_true: missing.get(position).is_some_and(|flag| *flag != 0),
                on_true: 0,
                on_false: 0,
            };
            if mode != Mode::Leaf {
                let feature = feature_ids[position];
                spec.feature = u32::try_from(feature)
                    .with_context(|| format!("attribute nodes_featureids: {feature} is no feature"))?;
                spec.on_true = child("nodes_truenodeids", tree_ids[position], true_ids[position])?;
                spec.on_false = child("nodes_falsenodeids", tree_ids[position], false_ids[position])?;
            }
            specs.push(spec);
        }
        Ok(Self { specs, roots, positions })
    }
}

fn mode(name: &str) -> TractResult<Mode> {
    Ok(match name {
        "BRANCH_LEQ" => Mode::Leq,
        "BRANCH_LT" => Mode::Lt,
        "BRANCH_GTE" => Mode::Gte,
        "BRANCH_GT" => Mode::Gt,
        "BRANCH_EQ" => Mode::Eq,
        "BRANCH_NEQ" => Mode::Neq,
        "LEAF" => Mode::Leaf,
        _ => bail!("attribute nodes_modes: {name:?} is no mode"),
    })
}

fn class_ids(node: &NodeProto, classes: usize) -> TractResult<Vec<u32>> {
    let ids = attributes::ints(node, "class_ids")?;
    ensure!(!ids.is_empty(), "attribute class_ids: expected at least one weight");
    let id = |id: &i64| u32::try_from(*id).ok().filter(|id| (*id as usize) < classes);
    ids.iter()
        .map(|i| id(i).with_context(|| format!("attribute class_ids: {i} is none of the {classes} classes")))
        .collect()
}

fn layout(classes: usize, class_ids: &[u32], weights: &[f64]) -> Layout {
    match classes {
        1 => Layout::Lone,
        2 if class_ids.iter().all(|id| *id == class_ids[0]) => {
            Layout::Binary { positive: weights.iter().all(|weight| *weight >= 0.0) }
        }
        _ => Layout::PerClass,
    }
}

/// Column and weight of every leaf, in the order of the attributes. Weights of inner nodes are left out, as in
/// onnxruntime: old exporters wrote them.
fn leaf_weights(
    node: &NodeProto,
    nodes: &Nodes,
    class_ids: &[u32],
    weights: &[f64],
    columns: usize,
) -> TractResult<Vec<Vec<(u32, f64)>>> {
    let tree_ids = attributes::ints(node, "class_treeids")?;
    let node_ids = attributes::ints(node, "class_nodeids")?;
    check_len("class_treeids", tree_ids.len(), "class_ids", class_ids.len())?;
    check_len("class_nodeids", node_ids.len(), "class_ids", class_ids.len())?;
    check_len("class_weights", weights.len(), "class_ids", class_ids.len())?;
    let mut of_leaf = vec![vec![]; nodes.specs.len()];
    for ((key, class), weight) in tree_ids.iter().zip(&node_ids).zip(class_ids).zip(weights) {
        let (tree, id) = (*key.0, *key.1);
        let position = nodes.positions.get(&(tree, id));
        let position =
            *position.with_context(|| format!("attribute class_nodeids: tree {tree} has no node {id}"))?;
        if nodes.specs[position].mode == Mode::Leaf {
            of_leaf[position].push((if columns == 1 { 0 } else { *class }, *weight));
        }
    }
    Ok(of_leaf)
}

/// One base value for each column of sums. A single one is for every column; of two for a single column, that of its
/// class id counts.
fn base_values(base: &[f64], classes: usize, columns: usize, class_ids: &[u32]) -> TractResult<Box<[f64]>> {
    match base.len() {
        0 => Ok([].into()),
        1 => Ok(vec![base[0]; columns].into()),
        len if len == classes && columns == 1 => Ok([base[class_ids[0] as usize]].into()),
        len if len == classes => Ok(base.into()),
        len => bail!("attribute base_values: expected none, 1 or {classes} values, got {len}"),
    }
}

fn check_len(name: &str, len: usize, than: &str, expected: usize) -> TractResult<()> {
    ensure!(len == expected, "attribute {name} has {len} values, {than} has {expected}");
    Ok(())
}
