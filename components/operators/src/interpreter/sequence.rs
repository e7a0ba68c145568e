//! Operators on sequences and optionals, and the two that turn tensors into sequences and back.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__SequenceConstruct.html> and its neighbours. They exist only here: a
//! plan of tract has no value but tensors.

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::value::{Value, axis_of, concatenate, part, stack};
use crate::kernel::elements;

/// The operators of this file, by name.
pub(crate) const OPERATORS: [&str; 11] = [
    "ConcatFromSequence",
    "Optional",
    "OptionalGetElement",
    "OptionalHasElement",
    "SequenceAt",
    "SequenceConstruct",
    "SequenceEmpty",
    "SequenceErase",
    "SequenceInsert",
    "SequenceLength",
    "SplitToSequence",
];

#[derive(Clone, Debug)]
pub(super) enum SequenceOperator {
    At,
    ConcatFrom {
        axis: i64,
        new_axis: bool,
    },
    Construct,
    Empty,
    Erase,
    GetElement,
    HasElement,
    /// Of any value, tensor or not.
    Identity,
    Insert,
    Length,
    Optional,
    SplitTo {
        axis: i64,
        keep_axis: bool,
    },
}

impl SequenceOperator {
    /// None for a node of another operator.
    pub(super) fn new(node: &NodeProto) -> TractResult<Option<Self>> {
        Ok(Some(match &*node.op_type {
            "ConcatFromSequence" => Self::ConcatFrom {
                axis: node.get_attr::<i64>("axis")?,
                new_axis: node.get_attr_opt::<i64>("new_axis")?.unwrap_or(0) != 0,
            },
            "Identity" => Self::Identity,
            "Optional" => Self::Optional,
            "OptionalGetElement" => Self::GetElement,
            "OptionalHasElement" => Self::HasElement,
            "SequenceAt" => Self::At,
            "SequenceConstruct" => Self::Construct,
            "SequenceEmpty" => Self::Empty,
            "SequenceErase" => Self::Erase,
            "SequenceInsert" => Self::Insert,
            "SequenceLength" => Self::Length,
            "SplitToSequence" => Self::SplitTo {
                axis: node.get_attr_opt::<i64>("axis")?.unwrap_or(0),
                keep_axis: node.get_attr_opt::<i64>("keepdims")?.unwrap_or(1) != 0,
            },
            _ => return Ok(None),
        }))
    }

    pub(super) fn run(&self, inputs: Vec<Option<Value>>) -> TractResult<Value> {
        let mut inputs = inputs.into_iter();
        let mut next = || inputs.next().flatten();
        let missing = "an input is missing";
        Ok(match self {
            Self::At => {
                let mut sequence = next().context(missing)?.into_sequence()?;
                let position = position(next(), sequence.len(), sequence.len().saturating_sub(1))?;
                ensure!(position < sequence.len(), "position {position} of a sequence of {}", sequence.len());
                sequence.swap_remove(position)
            }
            Self::ConcatFrom { axis, new_axis } => {
                let sequence = next().context(missing)?.into_sequence()?;
                let tensors = sequence.into_iter().map(|value| Ok(value.into_tensor()?.into_tensor()));
                let tensors = tensors.collect::<TractResult<Vec<_>>>()?;
                let rank = tensors.first().context("the sequence is empty")?.rank();
                Value::tensor(if *new_axis {
                    stack(tensors, axis_of(*axis, rank + 1)?)?
                } else {
                    concatenate(&tensors, axis_of(*axis, rank)?)?
                })
            }
            Self::Construct => Value::Sequence(inputs.flatten().collect()),
            Self::Empty => Value::Sequence(vec![]),
            Self::Erase => {
                let mut sequence = next().context(missing)?.into_sequence()?;
                let position = position(next(), sequence.len(), sequence.len().saturating_sub(1))?;
                ensure!(position < sequence.len(), "position {position} of a sequence of {}", sequence.len());
                sequence.remove(position);
                Value::Sequence(sequence)
            }
            Self::GetElement => match next() {
                None | Some(Value::Absent) => bail!("the optional is empty"),
                Some(value) => value,
            },
            Self::HasElement => Value::tensor(tensor0(!matches!(next(), None | Some(Value::Absent)))),
            Self::Identity => next().context(missing)?,
            Self::Insert => {
                let mut sequence = next().context(missing)?.into_sequence()?;
                let value = next().context(missing)?;
                let position = position(next(), sequence.len(), sequence.len())?;
                sequence.insert(position, value);
                Value::Sequence(sequence)
            }
            Self::Length => Value::tensor(tensor0(next().context(missing)?.into_sequence()?.len() as i64)),
            Self::Optional => next().unwrap_or(Value::Absent),
            Self::SplitTo { axis, keep_axis } => {
                let tensor = next().context(missing)?.into_tensor()?;
                let axis = axis_of(*axis, tensor.rank())?;
                Value::Sequence(split(&tensor, axis, next(), *keep_axis)?)
            }
        })
    }
}

/// A position in a sequence, negative from its end; `default` where none is given.
fn position(given: Option<Value>, len: usize, default: usize) -> TractResult<usize> {
    let Some(given) = given else { return Ok(default) };
    let given = given.scalar::<i64>()?;
    let position = if given < 0 { given + len as i64 } else { given };
    ensure!((0..=len as i64).contains(&position), "position {given} of a sequence of {len}");
    Ok(position as usize)
}

/// Parts of the lengths in `lengths`; of its one length, the last part being shorter; or of length 1.
fn split(tensor: &Tensor, axis: usize, lengths: Option<Value>, keep_axis: bool) -> TractResult<Vec<Value>> {
    let whole = tensor.shape()[axis];
    let Some(lengths) = lengths else {
        let single = |ix| if keep_axis { tensor.slice(axis, ix, ix + 1) } else { part(tensor, axis, ix) };
        return (0..whole).map(|ix| Ok(Value::tensor(single(ix)?))).collect();
    };
    let lengths = lengths.into_tensor()?;
    let given = lengths.cast_to::<i64>()?;
    let given = elements::<i64>(&given)?;
    let lengths = match given {
        [length] if lengths.rank() == 0 => {
            ensure!(*length > 0, "expected a length above 0, got {length}");
            let length = *length as usize;
            (0..whole).step_by(length).map(|start| length.min(whole - start)).collect()
        }
        _ => given.iter().map(|length| usize::try_from(*length)).collect::<Result<Vec<_>, _>>()?,
    };
    let total = lengths.iter().try_fold(0usize, |sum, length| sum.checked_add(*length));
    ensure!(total == Some(whole), "lengths {given:?} do not add up to {whole}, the length of axis {axis}");
    let mut start = 0;
    lengths
        .into_iter()
        .map(|length| {
            start += length;
            Ok(Value::tensor(tensor.slice(axis, start - length, start)?))
        })
        .collect()
}
