//! The attributes of `TreeEnsemble`: nodes and leaves in lists of their own, named by position.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::tract_hir::internal::*;

use super::forest::{Mode, NodeSpec};
use super::parse::{Numbers, check_len, column_ids, targets, tensor};
use super::scoring::{Aggregate, Layout, Scoring};
use super::{Ensemble, Trees};
use crate::attributes;
use crate::kernel::elements;
use crate::ml::scores::Transform;

const MODES: [Mode; 6] = [Mode::Leq, Mode::Lt, Mode::Gte, Mode::Gt, Mode::Eq, Mode::Neq];
const MEMBER: u8 = 6;

pub(super) fn parse(ctx: &ParsingContext, node: &NodeProto) -> TractResult<Ensemble> {
    let columns = targets(node)?;
    let target_ids = attributes::ints(node, "leaf_targetids")?;
    let target_ids = column_ids("leaf_targetids", &target_ids, columns)?;
    let weights = Numbers::of_tensor(ctx, node, "leaf_weights")?;
    check_len("leaf_weights", weights.values.len(), "leaf_targetids", target_ids.len())?;
    let splits = Numbers::of_tensor(ctx, node, "nodes_splits")?;
    let members = Numbers::of_tensor(ctx, node, "membership_values")?;

    let (specs, roots) = nodes(ctx, node, &splits.values, &members.values, target_ids.len())?;
    let mut of_leaf = vec![vec![]; specs.len()];
    let leaves = of_leaf.iter_mut().skip(splits.values.len());
    for ((leaf, column), weight) in leaves.zip(target_ids).zip(weights.values) {
        leaf.push((column, weight));
    }
    let double = weights.double || splits.double || members.double;
    let trees = Trees::new(&specs, &roots, &of_leaf, columns, double)?;
    let scoring = Scoring {
        layout: Layout::PerColumn,
        aggregate: match node.get_attr_opt::<i64>("aggregate_function")?.unwrap_or(1) {
            0 => Aggregate::Average,
            1 => Aggregate::Sum,
            2 => Aggregate::Min,
            3 => Aggregate::Max,
            other => bail!("attribute aggregate_function: {other} is no function"),
        },
        // The numbers of the ONNX page; onnxruntime takes 1 for LOGISTIC and 2 for SOFTMAX.
        transform: match node.get_attr_opt::<i64>("post_transform")?.unwrap_or(0) {
            0 => Transform::None,
            1 => Transform::Softmax,
            2 => Transform::Logistic,
            3 => Transform::SoftmaxZero,
            4 => Transform::Probit,
            other => bail!("attribute post_transform: {other} is no transform"),
        },
        base: [].into(),
    };
    Ok(Ensemble { trees, scoring, labels: None, keeps_type: true })
}

/// The nodes, then the leaves, then what tests of membership need; and the positions of the roots.
fn nodes(
    ctx: &ParsingContext,
    node: &NodeProto,
    splits: &[f64],
    members: &[f64],
    leaves: usize,
) -> TractResult<(Vec<NodeSpec>, Vec<usize>)> {
    let modes = tensor(ctx, node, "nodes_modes", &[DataType::Uint8])?
        .context("expected the attribute nodes_modes")?;
    let modes = elements::<u8>(&modes)?;
    let len = modes.len();
    check_len("nodes_splits", splits.len(), "nodes_modes", len)?;
    let list = |name: &str| -> TractResult<Vec<i64>> {
        let values = attributes::ints(node, name)?;
        check_len(name, values.len(), "nodes_modes", len)?;
        Ok(values)
    };
    let feature_ids = list("nodes_featureids")?;
    let branches = [
        ("nodes_truenodeids", list("nodes_truenodeids")?, list("nodes_trueleafs")?),
        ("nodes_falsenodeids", list("nodes_falsenodeids")?, list("nodes_falseleafs")?),
    ];
    let mut missing = attributes::ints(node, "nodes_missing_value_tracks_true")?;
    if missing.is_empty() {
        missing = vec![0; len];
    }
    check_len("nodes_missing_value_tracks_true", missing.len(), "nodes_modes", len)?;
    let mut sets = sets(members, modes.iter().filter(|mode| **mode == MEMBER).count())?.into_iter();

    let among = |name: &str, id: i64, len: usize| {
        let position = usize::try_from(id).ok().filter(|id| *id < len);
        position.with_context(|| format!("attribute {name}: {id} is none of {len} positions"))
    };
    let leaf = NodeSpec {
        mode: Mode::Leaf,
        feature: 0,
        threshold: 0.0,
        missing_is_true: false,
        on_true: 0,
        on_false: 0,
    };
    let mut specs = vec![leaf; len + leaves];
    for at in 0..len {
        let [on_true, on_false] = [0, 1].map(|side: usize| {
            let (name, ids, leafs) = &branches[side];
            if leafs[at] == 0 { among(name, ids[at], len) } else { Ok(len + among(name, ids[at], leaves)?) }
        });
        let feature = feature_ids[at];
        let feature = u32::try_from(feature)
            .with_context(|| format!("attribute nodes_featureids: {feature} is no feature"))?;
        let missing_is_true = missing[at] != 0;
        let (on_true, on_false) = (on_true?, on_false?);
        let spec =
            NodeSpec { mode: Mode::Eq, feature, threshold: splits[at], missing_is_true, on_true, on_false };
        match (modes[at], MODES.get(usize::from(modes[at]))) {
            (_, Some(mode)) => specs[at] = NodeSpec { mode: *mode, ..spec },
            (MEMBER, None) => search(&mut specs, at, spec, &sets.next().unwrap_or_default()),
            (other, None) => bail!("attribute nodes_modes: {other} is no mode"),
        }
    }
    let roots = attributes::ints(node, "tree_roots")?;
    ensure!(!roots.is_empty(), "attribute tree_roots: expected at least one tree");
    Ok((specs, roots.iter().map(|root| among("tree_roots", *root, len)).collect::<TractResult<_>>()?))
}

/// The sets of the nodes that test membership, sorted. NaN ends a set; after the last it may be left out.
fn sets(members: &[f64], expected: usize) -> TractResult<Vec<Vec<f64>>> {
    let mut sets: Vec<Vec<f64>> = members.split(|member| member.is_nan()).map(<[f64]>::to_vec).collect();
    if members.last().is_none_or(|last| last.is_nan()) {
        sets.pop();
    }
    ensure!(
        sets.len() == expected,
        "attribute membership_values has {} sets, nodes_modes has {expected} tests of membership",
        sets.len()
    );
    for set in &mut sets {
        set.sort_by(f64::total_cmp);
        set.dedup();
    }
    Ok(sets)
}

/// Writes a test of membership as nodes that search the sorted `set`, the first of them at `at`. A missing
/// value is decided there.
fn search(specs: &mut Vec<NodeSpec>, at: usize, test: NodeSpec, set: &[f64]) {
    let middle = set.len() / 2;
    let threshold = set.get(middle).copied().unwrap_or(f64::NAN);
    specs[at] = NodeSpec { mode: Mode::Eq, threshold, ..test };
    if set.len() < 2 {
        return;
    }
    let further = NodeSpec { missing_is_true: false, ..test };
    let below = specs.len();
    specs.extend([further; 2]);
    specs[at].on_false = below;
    search(specs, below + 1, further, &set[..middle]);
    let above = &set[middle + 1..];
    let on_false = if above.is_empty() { test.on_false } else { specs.len() };
    if !above.is_empty() {
        specs.push(further);
        search(specs, on_false, further, above);
    }
    specs[below] = NodeSpec { mode: Mode::Lt, threshold, on_true: below + 1, on_false, ..further };
}
