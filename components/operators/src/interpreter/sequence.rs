//! Operators on sequences and optionals, and the two that turn tensors into sequences and back.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__SequenceConstruct.html> and its neighbours. They exist only here: a
//! plan of tract has no value but tensors.

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::value::{Value, concatenate, part, stack};
use crate::array::pick;
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
                    stack(tensors, pick::axis(*axis, rank + 1)?)?
                } else {
                    concatenate(&tensors, pick::axis(*axis, rank)?)?
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
                let axis = pick::axis(*axis, tensor.rank())?;
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
            if length == 0 {
                // tract has no empty slice.
                let mut shape: TVec<usize> = tensor.shape().into();
                shape[axis] = 0;
                return Ok(Value::tensor(Tensor::zero_dt(tensor.datum_type(), &shape)?));
            }
            Ok(Value::tensor(tensor.slice(axis, start - length, start)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{int, node};

    fn run(node: &NodeProto, inputs: Vec<Option<Value>>) -> TractResult<Value> {
        SequenceOperator::new(node)?.context("not an operator on sequences")?.run(inputs)
    }

    fn of(operator: &str) -> NodeProto {
        node("", operator, vec![])
    }

    fn numbers(values: &[i64]) -> Option<Value> {
        Some(Value::tensor(tensor1(values)))
    }

    fn number(value: i64) -> Option<Value> {
        Some(Value::tensor(tensor0(value)))
    }

    /// The lengths of the tensors of a sequence.
    fn lengths(value: &Value) -> Vec<usize> {
        let Value::Sequence(values) = value else { panic!("not a sequence: {value:?}") };
        let len = |value: &Value| value.clone().into_tensor().unwrap().len();
        values.iter().map(len).collect()
    }

    #[test]
    fn a_sequence_takes_and_gives_its_elements_at_positions_from_either_end() {
        let sequence = run(&of("SequenceConstruct"), vec![numbers(&[1]), numbers(&[1, 2])]).unwrap();
        let at = |operator: &str, rest: Vec<Option<Value>>| {
            run(&of(operator), [vec![Some(sequence.clone())], rest].concat())
        };
        let three = || numbers(&[1, 2, 3]);
        assert_eq!(lengths(&at("SequenceInsert", vec![three()]).unwrap()), [1, 2, 3]);
        assert_eq!(lengths(&at("SequenceInsert", vec![three(), number(-1)]).unwrap()), [1, 3, 2]);
        assert_eq!(lengths(&at("SequenceErase", vec![]).unwrap()), [1]);
        assert_eq!(lengths(&at("SequenceErase", vec![number(-2)]).unwrap()), [2]);
        assert_eq!(at("SequenceAt", vec![number(1)]).unwrap().into_tensor().unwrap().len(), 2);
        assert_eq!(at("SequenceLength", vec![]).unwrap().scalar::<i64>().unwrap(), 2);
        let error = at("SequenceAt", vec![number(2)]).unwrap_err();
        assert_eq!(error.to_string(), "position 2 of a sequence of 2");
    }

    #[test]
    fn a_tensor_is_split_by_one_length_by_lengths_or_into_single_parts() {
        let split = |lengths: Option<Value>| run(&of("SplitToSequence"), vec![numbers(&[1, 2, 3]), lengths]);
        assert_eq!(lengths(&split(number(2)).unwrap()), [2, 1]);
        assert_eq!(lengths(&split(numbers(&[0, 3])).unwrap()), [0, 3]);
        assert_eq!(lengths(&split(None).unwrap()), [1, 1, 1]);
        assert!(split(number(0)).unwrap_err().to_string().contains("above 0"));
        assert!(split(numbers(&[1, 1])).unwrap_err().to_string().contains("do not add up to 3"));
    }

    #[test]
    fn a_sequence_becomes_a_tensor_along_an_axis_old_or_new() {
        let sequence = run(&of("SequenceConstruct"), vec![numbers(&[1, 2]), numbers(&[3, 4])]).unwrap();
        let shape = |new_axis: i64, axis: i64| {
            let node = node("", "ConcatFromSequence", vec![int("axis", axis), int("new_axis", new_axis)]);
            run(&node, vec![Some(sequence.clone())])
                .map(|value| value.into_tensor().unwrap().shape().to_vec())
        };
        assert_eq!(shape(0, 0).unwrap(), [4]);
        assert_eq!(shape(1, -1).unwrap(), [2, 2]);
        assert!(shape(0, 1).is_err());
    }

    #[test]
    fn an_empty_optional_has_no_element() {
        let empty = run(&of("Optional"), vec![]).unwrap();
        let has = run(&of("OptionalHasElement"), vec![Some(empty.clone())]).unwrap();
        assert!(!has.scalar::<bool>().unwrap());
        assert!(run(&of("OptionalGetElement"), vec![Some(empty)]).is_err());
        let full = run(&of("Optional"), vec![numbers(&[7])]).unwrap();
        assert!(run(&of("OptionalGetElement"), vec![Some(full)]).is_ok());
    }
}
