//! What flows between nodes: a tensor, a sequence, or nothing.

use tract_onnx::tract_hir::internal::*;

/// An ONNX value. An optional that holds something is that thing; the empty one is `Absent`.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Tensor(TValue),
    Sequence(Vec<Value>),
    Absent,
}

impl Value {
    pub(super) fn tensor(tensor: Tensor) -> Self {
        Self::Tensor(tensor.into_tvalue())
    }

    pub(super) fn into_tensor(self) -> TractResult<TValue> {
        match self {
            Self::Tensor(tensor) => Ok(tensor),
            Self::Sequence(values) => bail!("expected a tensor, got a sequence of {}", values.len()),
            Self::Absent => bail!("expected a tensor, got an empty optional"),
        }
    }

    pub(super) fn into_sequence(self) -> TractResult<Vec<Value>> {
        match self {
            Self::Sequence(values) => Ok(values),
            Self::Tensor(_) => bail!("expected a sequence, got a tensor"),
            Self::Absent => bail!("expected a sequence, got an empty optional"),
        }
    }

    /// The one element of a tensor `[]` or `[1]`.
    pub(super) fn scalar<T: Datum + Copy>(self) -> TractResult<T> {
        let tensor = self.into_tensor()?;
        ensure!(tensor.len() == 1, "expected one element, got shape {:?}", tensor.shape());
        let tensor = tensor.cast_to::<T>()?;
        Ok(crate::kernel::elements::<T>(&tensor)?[0])
    }
}

/// A part of `tensor` without its axis: `tensor[.., index, ..]`.
pub(super) fn part(tensor: &Tensor, axis: usize, index: usize) -> TractResult<Tensor> {
    let mut part = tensor.slice(axis, index, index + 1)?;
    part.remove_axis(axis)?;
    Ok(part)
}

/// Tensors of one shape, side by side along a new axis.
pub(super) fn stack(parts: Vec<Tensor>, axis: usize) -> TractResult<Tensor> {
    let with_axis = |mut part: Tensor| {
        part.insert_axis(axis)?;
        Ok(part)
    };
    let parts = parts.into_iter().map(with_axis).collect::<TractResult<Vec<_>>>()?;
    concatenate(&parts, axis)
}

/// Tensors one after the other along an axis that they have.
pub(super) fn concatenate(parts: &[Tensor], axis: usize) -> TractResult<Tensor> {
    let first = parts.first().context("expected at least one tensor")?;
    for part in parts {
        let fits = part.datum_type() == first.datum_type()
            && part.rank() == first.rank()
            && axis < part.rank()
            && part.shape().iter().zip(first.shape()).enumerate().all(|(ix, (a, b))| ix == axis || a == b);
        ensure!(fits, "{:?} and {:?} do not concatenate along axis {axis}", first.shape(), part.shape());
    }
    Tensor::stack_tensors(axis, parts)
}
