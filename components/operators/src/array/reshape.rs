//! `ai.onnx.Reshape`, `Squeeze`, `Unsqueeze`, `Expand` and `ConstantOfShape`: upstream's where the shape is known before
//! the run, own ones where an input computes it.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__Reshape.html>, <https://onnx.ai/onnx/operators/onnx__Squeeze.html>,
//! <https://onnx.ai/onnx/operators/onnx__Unsqueeze.html>, <https://onnx.ai/onnx/operators/onnx__Expand.html>,
//! <https://onnx.ai/onnx/operators/onnx__ConstantOfShape.html>.
//! Inputs: any type and the shape or the axes, int64; how many there are has to be known. Output: the input's elements,
//! for `Expand` repeated, in another shape; or one value everywhere. Errors: shapes and axes that do not fit.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

use super::pick::{axis, pick, pick_along, volume};
use crate::kernel::{self, Built, Kernel, Lengths, elements};
use crate::upstream;

pub(crate) fn reshape(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let allow_zero = node.get_attr_opt::<i64>("allowzero")?.unwrap_or(0) != 0;
    build(ctx, node, 1, To::Shape { allow_zero })
}

pub(crate) fn squeeze(ctx: &ParsingContext, node: &NodeProto) -> Built {
    build(ctx, node, 1, To::Squeezed)
}

pub(crate) fn unsqueeze(ctx: &ParsingContext, node: &NodeProto) -> Built {
    build(ctx, node, 1, To::Unsqueezed)
}

pub(crate) fn expand(ctx: &ParsingContext, node: &NodeProto) -> Built {
    build(ctx, node, 1, To::Expanded)
}

pub(crate) fn constant_of_shape(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let mut node = node.clone();
    if node.attribute.iter().all(|attribute| attribute.name != "value") {
        // Upstream's default is a double.
        let zero = TensorProto {
            dims: vec![1],
            data_type: DataType::Float as i32,
            float_data: vec![0.0],
            ..Default::default()
        };
        let r#type = AttributeType::Tensor as i32;
        node.attribute.push(AttributeProto {
            name: "value".into(),
            r#type,
            t: Some(zero),
            ..Default::default()
        });
    }
    let value = ctx.load_tensor(node.get_attr::<&TensorProto>("value")?)?;
    ensure!(value.len() == 1, "expected one value, got {}", value.len());
    build(ctx, &node, 0, To::Filled(value))
}

fn build(ctx: &ParsingContext, node: &NodeProto, shape: usize, to: To) -> Built {
    // The first versions have attributes.
    if node.input.get(shape).is_none_or(String::is_empty) {
        return upstream::build(ctx, node);
    }
    let fits: upstream::Fits = match to {
        To::Filled(_) => |inputs| upstream::are_known(inputs, &[0]),
        To::Squeezed => {
            |inputs| upstream::are_known(inputs, &[1]) && check_axes(&To::Squeezed, inputs).is_ok()
        }
        To::Unsqueezed => {
            |inputs| upstream::are_known(inputs, &[1]) && check_axes(&To::Unsqueezed, inputs).is_ok()
        }
        _ => |inputs| upstream::are_known(inputs, &[1]),
    };
    upstream::build_or(ctx, node, fits, Reshape { to })
}

#[derive(Debug)]
struct Reshape {
    to: To,
}

#[derive(Debug)]
enum To {
    Shape { allow_zero: bool },
    Squeezed,
    Unsqueezed,
    Expanded,
    Filled(Tensor),
}

impl To {
    /// The input, if there is one, and the list of lengths or axes.
    fn split<'a, T: kernel::Given<'a>>(
        &self,
        inputs: &'a [Option<T>],
    ) -> TractResult<(Option<&'a T::One>, &'a T::One)> {
        if let Self::Filled(_) = self {
            let [list] = kernel::required(inputs)?;
            return Ok((None, list));
        }
        let [x, list] = kernel::required(inputs)?;
        Ok((Some(x), list))
    }

    fn rank(&self, rank: usize, listed: usize) -> TractResult<usize> {
        match self {
            Self::Shape { .. } | Self::Filled(_) => Ok(listed),
            Self::Squeezed => rank.checked_sub(listed).context("expected fewer axes than the input has"),
            Self::Unsqueezed => Ok(rank + listed),
            Self::Expanded => Ok(rank.max(listed)),
        }
    }

    fn shape(&self, from: &[usize], list: &[i64]) -> TractResult<Vec<usize>> {
        let rank = self.rank(from.len(), list.len())?;
        let length = |len: i64| {
            usize::try_from(len).with_context(|| format!("expected lengths of 0 or more, got {list:?}"))
        };
        match self {
            Self::Filled(_) => list.iter().map(|len| length(*len)).collect(),
            Self::Squeezed => {
                let marked = marked(list, from.len())?;
                let ones = from.iter().zip(&marked).all(|(len, marked)| !marked || *len == 1);
                ensure!(ones, "expected axes of length 1, got {list:?} of shape {from:?}");
                Ok(from.iter().zip(marked).filter(|(_, marked)| !marked).map(|(len, _)| *len).collect())
            }
            Self::Unsqueezed => {
                let mut from = from.iter();
                Ok(marked(list, rank)?
                    .into_iter()
                    .map(|new| if new { 1 } else { from.next().copied().unwrap_or(1) })
                    .collect())
            }
            Self::Expanded => {
                let lens = |ix: usize, len: usize| (ix + len).checked_sub(rank);
                let one = |ix: usize| -> TractResult<usize> {
                    let own = lens(ix, from.len()).map_or(1, |ix| from[ix]);
                    let to = lens(ix, list.len()).map_or(Ok(1), |ix| length(list[ix]))?;
                    ensure!(
                        own == to || own == 1 || to == 1,
                        "expected {list:?} to be of shape {from:?} or 1"
                    );
                    Ok(if own == 1 { to } else { own })
                };
                (0..rank).map(one).collect()
            }
            Self::Shape { allow_zero } => {
                let mut shape = vec![];
                for (ix, len) in list.iter().enumerate() {
                    shape.push(match *len {
                        -1 => 1,
                        0 if !allow_zero => {
                            *from.get(ix).context("expected a 0 where the input has an axis")?
                        }
                        len => length(len)?,
                    });
                }
                let (elements, others) = (from.iter().product::<usize>(), volume(&shape, 1)?);
                let open: Vec<usize> = (0..list.len()).filter(|ix| list[*ix] == -1).collect();
                if let &[open] = open.as_slice() {
                    shape[open] = elements.checked_div(others).unwrap_or(0);
                }
                ensure!(
                    open.len() <= 1 && volume(&shape, 1)? == elements,
                    "expected a shape of {elements} elements, got {list:?}"
                );
                Ok(shape)
            }
        }
    }
}

/// Which axes are listed.
fn marked(list: &[i64], rank: usize) -> TractResult<Vec<bool>> {
    let mut marked = vec![false; rank];
    for ix in list {
        let axis = axis(*ix, rank)?;
        ensure!(!marked[axis], "expected each axis once, got {list:?}");
        marked[axis] = true;
    }
    Ok(marked)
}

/// Refuses axes that are known before the run and upstream panics on.
fn check_axes(to: &To, inputs: &[Option<&TypedFact>]) -> TractResult<()> {
    let (Some(x), list) = to.split(inputs)? else { return Ok(()) };
    let Some(list) = kernel::ints_of(list) else { return Ok(()) };
    let list = list.iter().map(|axis| axis.to_i64()).collect::<Result<Vec<_>, _>>()?;
    match to {
        To::Squeezed => marked(&list, x.shape.len()).map(|_| ()),
        To::Unsqueezed => marked(&list, x.shape.len() + list.len()).map(|_| ()),
        _ => Ok(()),
    }
}

impl Kernel for Reshape {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        check_axes(&self.to, inputs)?;
        let (x, list) = self.to.split(inputs)?;
        kernel::accept("the list", list, &[DatumType::I64])?;
        let listed = list.shape.volume().to_usize().context("expected a list of known length")?;
        let rank = self.to.rank(x.map_or(0, |x| x.shape.len()), listed)?;
        let shape: TVec<TDim> = (0..rank).map(|axis| lengths.unknown(0, axis)).collect();
        let datum_type = match &self.to {
            To::Filled(value) => value.datum_type(),
            _ => x.context("expected an input")?.datum_type,
        };
        Ok(tvec!(datum_type.fact(shape)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let (x, list) = self.to.split(&inputs)?;
        let shape = self.to.shape(x.map_or(&[], Tensor::shape), elements::<i64>(list)?)?;
        if let To::Filled(value) = &self.to {
            volume(&shape, value.datum_type().size_of().max(size_of::<usize>()))?;
            let sources = vec![0; shape.iter().product()];
            return Ok(tvec!(pick(value, &shape, 1, &sources, None)?));
        }
        let mut x = x.context("expected an input")?.clone();
        if let To::Expanded = self.to {
            volume(&shape, size_of::<usize>())?;
            let ones = shape.len() - x.rank();
            x.set_shape(&[&vec![1; ones], x.shape()].concat())?;
            let lens = x.shape().iter().zip(&shape);
            let maps = lens.map(|(len, to)| (0..*to).map(|at| if *len == 1 { 0 } else { at }).collect());
            return Ok(tvec!(pick_along(&x, &maps.collect::<Vec<_>>(), None)?));
        }
        x.set_shape(&shape)?;
        Ok(tvec!(x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, node};

    fn check(op_type: &str, x: Tensor, list: &[i64], expected: Tensor) {
        expect(node("", op_type, vec![]), &[Some(x), Some(tensor1(list))], &[expected]);
    }

    fn refused(op_type: &str, list: &[i64]) -> String {
        let inputs = [Some(tensor2(&[[1f32, 2.]])), Some(tensor1(list))];
        format!("{:#}", compute(node("", op_type, vec![]), &inputs).unwrap_err())
    }

    #[test]
    fn shapes_and_axes_may_come_at_run_time() {
        let x = || tensor2(&[[1f32, 2., 3., 4.]]);
        check("Reshape", x(), &[2, -1], tensor2(&[[1f32, 2.], [3., 4.]]));
        check("Reshape", x(), &[0, 4, 1], tensor3(&[[[1f32], [2.], [3.], [4.]]]));
        check("Squeeze", x(), &[-2], tensor1(&[1f32, 2., 3., 4.]));
        check("Unsqueeze", x(), &[0], tensor3(&[[[1f32, 2., 3., 4.]]]));
        check("Expand", tensor1(&[1i32, 2]), &[2, 1], tensor2(&[[1i32, 2], [1, 2]]));
        let ones = node("", "ConstantOfShape", vec![]);
        expect(ones, &[Some(tensor1(&[1i64, 2]))], &[tensor2(&[[0f32, 0.]])]);
    }

    #[test]
    fn shapes_and_axes_that_do_not_fit_are_refused() {
        assert!(refused("Reshape", &[3]).contains("a shape of 2 elements, got [3]"));
        assert!(refused("Reshape", &[-1, -1]).contains("a shape of 2 elements"));
        assert!(refused("Squeeze", &[1]).contains("axes of length 1"));
        assert!(refused("Unsqueeze", &[0, 0]).contains("each axis once"));
        assert!(refused("Expand", &[3]).contains("to be of shape"));
    }
}
