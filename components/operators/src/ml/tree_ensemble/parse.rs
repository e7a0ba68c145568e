//! The attributes of the classifier and the regressor, with every inconsistency refused here.

use std::collections::HashMap;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

use super::forest::{Mode, NodeSpec};
use super::scoring::{Aggregate, Layout, Scoring};
use super::{Ensemble, Trees};
use crate::attributes::{self, IntsOrStrings};
use crate::ml::scores::Transform;

/// More targets than models have; the scores of a row must not fill the memory.
const MOST_TARGETS: usize = 1 << 16;

pub(super) fn classifier(ctx: &ParsingContext, node: &NodeProto) -> TractResult<Ensemble> {
    let labels = IntsOrStrings::read(node, "classlabels_int64s", "classlabels_strings")?;
    let parts = Parts::read(ctx, node, "class", labels.len())?;
    let (ids, weights, base) = (&parts.ids, &parts.weights.values, &parts.base.values);
    let layout = match ids.first() {
        Some(first) if labels.len() == 2 && ids.iter().all(|id| id == first) => {
            Layout::Binary { positive: weights.iter().all(|weight| *weight >= 0.0) }
        }
        _ => Layout::PerColumn,
    };
    let columns = if layout == Layout::PerColumn { labels.len() } else { 1 };
    let base = match base.len() {
        // Of two base values for a single column, that of its class id counts.
        2 if columns == 1 && labels.len() == 2 => [base[ids[0] as usize]].into(),
        len if len == labels.len() => base.as_slice().into(),
        0 | 1 if labels.len() == 2 => base.as_slice().into(),
        0 => [].into(),
        len => bail!("attribute base_values: expected none or {} values, got {len}", labels.len()),
    };
    let scoring = Scoring { layout, aggregate: Aggregate::Sum, transform: Transform::of(node)?, base };
    parts.ensemble(columns, scoring, Some(labels))
}

pub(super) fn regressor(ctx: &ParsingContext, node: &NodeProto) -> TractResult<Ensemble> {
    let targets = targets(node)?;
    let parts = Parts::read(ctx, node, "target", targets)?;
    let base = match parts.base.values.as_slice() {
        [one] => vec![*one; targets],
        base if base.is_empty() || base.len() == targets => base.into(),
        base => bail!("attribute base_values: expected none, 1 or {targets} values, got {}", base.len()),
    };
    let aggregate = match node.get_attr_opt("aggregate_function")?.unwrap_or("SUM") {
        "SUM" => Aggregate::Sum,
        "AVERAGE" => Aggregate::Average,
        "MIN" => Aggregate::Min,
        "MAX" => Aggregate::Max,
        name => bail!("attribute aggregate_function: {name:?} is no function"),
    };
    let transform = Transform::of(node)?;
    let scoring = Scoring { layout: Layout::PerColumn, aggregate, transform, base: base.into() };
    parts.ensemble(targets, scoring, None)
}

pub(super) fn targets(node: &NodeProto) -> TractResult<usize> {
    let targets = node.get_attr_opt::<i64>("n_targets")?.unwrap_or(0);
    let known = usize::try_from(targets).ok().filter(|targets| (1..=MOST_TARGETS).contains(targets));
    known.with_context(|| format!("attribute n_targets: expected 1 to {MOST_TARGETS}, got {targets}"))
}

/// What the classifier and the regressor have in common. The names of the weights differ by a prefix.
struct Parts<'a> {
    node: &'a NodeProto,
    prefix: &'a str,
    nodes: Nodes,
    /// The class or target of each weight.
    ids: Vec<u32>,
    weights: Numbers,
    base: Numbers,
    double: bool,
}

impl<'a> Parts<'a> {
    fn read(ctx: &ParsingContext, node: &'a NodeProto, prefix: &'a str, columns: usize) -> TractResult<Self> {
        let thresholds = Numbers::read(ctx, node, "nodes_values")?;
        let weights = Numbers::read(ctx, node, &format!("{prefix}_weights"))?;
        let base = Numbers::read(ctx, node, "base_values")?;
        let nodes = Nodes::read(node, &thresholds.values)?;
        let name = format!("{prefix}_ids");
        let ids = column_ids(&name, &attributes::ints(node, &name)?, columns)?;
        let double = thresholds.double || weights.double || base.double;
        Ok(Self { node, prefix, nodes, ids, weights, base, double })
    }

    fn ensemble(
        self,
        columns: usize,
        scoring: Scoring,
        labels: Option<IntsOrStrings>,
    ) -> TractResult<Ensemble> {
        let weights = self.leaf_weights(columns)?;
        let trees = Trees::new(&self.nodes.specs, &self.nodes.roots, &weights, columns, self.double)?;
        Ok(Ensemble { trees, scoring, labels, keeps_type: false })
    }

    /// Column and weight of every leaf, in the order of the attributes. Weights of inner nodes are left out,
    /// as in onnxruntime: old exporters wrote them. So are all but the first of a leaf of a single column.
    fn leaf_weights(&self, columns: usize) -> TractResult<Vec<Vec<(u32, f64)>>> {
        let list = |what: &str| -> TractResult<Vec<i64>> {
            let name = format!("{}_{what}", self.prefix);
            let values = attributes::ints(self.node, &name)?;
            check_len(&name, values.len(), "its ids", self.ids.len())?;
            Ok(values)
        };
        let (tree_ids, node_ids) = (list("treeids")?, list("nodeids")?);
        let weights = &self.weights.values;
        check_len(&format!("{}_weights", self.prefix), weights.len(), "its ids", self.ids.len())?;
        let mut of_leaf = vec![vec![]; self.nodes.specs.len()];
        for ((key, column), weight) in tree_ids.iter().zip(&node_ids).zip(&self.ids).zip(weights) {
            let (tree, id) = (*key.0, *key.1);
            let position = *self.nodes.positions.get(&(tree, id)).with_context(|| {
                format!("attribute {}_nodeids: tree {tree} has no node {id}", self.prefix)
            })?;
            // skl2onnx numbers the leaves in a single column, and writes the number once for each class.
            let again = columns == 1 && !of_leaf[position].is_empty();
            if self.nodes.specs[position].mode == Mode::Leaf && !again {
                of_leaf[position].push((if columns == 1 { 0 } else { *column }, *weight));
            }
        }
        Ok(of_leaf)
    }
}

/// Checks that each weight is of one of the columns.
pub(super) fn column_ids(name: &str, ids: &[i64], columns: usize) -> TractResult<Vec<u32>> {
    ensure!(!ids.is_empty(), "attribute {name}: expected at least one weight");
    let id = |id: &i64| u32::try_from(*id).ok().filter(|id| (*id as usize) < columns);
    ids.iter()
        .map(|i| id(i).with_context(|| format!("attribute {name}: {i} is none of the {columns} columns")))
        .collect()
}

/// A list of floats, or the tensor of the same name with `_as_tensor`.
pub(super) struct Numbers {
    pub(super) values: Vec<f64>,
    /// They are given as doubles, so floats would not do.
    pub(super) double: bool,
}

impl Numbers {
    fn read(ctx: &ParsingContext, node: &NodeProto, name: &str) -> TractResult<Self> {
        let floats = attributes::floats(node, name)?;
        let tensor = Self::of_tensor(ctx, node, &format!("{name}_as_tensor"))?;
        ensure!(
            floats.is_empty() || tensor.values.is_empty(),
            "expected one of the attributes {name} and {name}_as_tensor, both are set"
        );
        if floats.is_empty() {
            return Ok(tensor);
        }
        Ok(Self { values: floats.into_iter().map(f64::from).collect(), double: false })
    }

    /// None, if the attribute is absent.
    pub(super) fn of_tensor(ctx: &ParsingContext, node: &NodeProto, name: &str) -> TractResult<Self> {
        let types = [DataType::Double, DataType::Float, DataType::Float16];
        let Some(tensor) = tensor(ctx, node, name, &types)? else {
            return Ok(Self { values: vec![], double: false });
        };
        let values = tensor.cast_to::<f64>()?.try_as_plain_ram()?.as_slice::<f64>()?.to_vec();
        Ok(Self { double: tensor.datum_type() == f64::datum_type() && !values.is_empty(), values })
    }
}

/// An attribute that is a tensor of one of `types`. tract checks that its data has the length of its shape.
pub(super) fn tensor(
    ctx: &ParsingContext,
    node: &NodeProto,
    name: &str,
    types: &[DataType],
) -> TractResult<Option<Tensor>> {
    let Some(proto) = node.get_attr_opt::<&TensorProto>(name)? else { return Ok(None) };
    let data_type = DataType::try_from(proto.data_type);
    ensure!(
        data_type.is_ok_and(|data_type| types.contains(&data_type)),
        "attribute {name}: expected a tensor of {types:?}, got {data_type:?}"
    );
    Ok(Some(ctx.load_tensor(proto).with_context(|| format!("attribute {name}"))?))
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

pub(super) fn check_len(name: &str, len: usize, than: &str, expected: usize) -> TractResult<()> {
    ensure!(len == expected, "attribute {name} has {len} values, {than} has {expected}");
    Ok(())
}
