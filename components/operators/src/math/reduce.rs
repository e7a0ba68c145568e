//! `ai.onnx.ReduceL1`, `L2`, `LogSum`, `LogSumExp`, `Max`, `Mean`, `Min`, `Prod`, `Sum` and `SumSquare`.
//!
//! Source: <https://onnx.ai/onnx/operators/>, the pages `Reduce*`.
//! Input of any number type, for `Max` and `Min` also bool; output of the same type, whose reduced axes have
//! the length 1 or, with `keepdims` 0, are gone. The axes are an attribute or, from opset 18 (`ReduceSum` 13)
//! on, an input; none are all, or with `noop_with_empty_axes` really none. Of nothing, the sum is 0, the
//! product 1, the maximum the lowest value of the type and the minimum the highest. Sums of integers wrap;
//! all else is computed as double. tract lacks bools, unsigned integers of 32 and 64 bits, some squares, and
//! axes that only the run tells; its `ReduceLogSumExp` overflows, and its extrema of floats overlook NaN and
//! are finite for nothing. It is used for the rest.
//! Errors: an axis that the input does not have.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::number::Number;
use crate::attributes;
use crate::kernel::{self, Built, Kernel, Lengths, elements};
use crate::upstream;

/// The operators that [`reduce`] builds.
pub(super) const OPERATORS: [&str; 10] = [
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
];

pub(super) fn reduce(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let by = match node.op_type.strip_prefix("Reduce").unwrap_or_default() {
        "L1" => By::L1,
        "L2" => By::L2,
        "LogSum" => By::LogSum,
        "LogSumExp" => By::LogSumExp,
        "Max" => By::Max,
        "Mean" => By::Mean,
        "Min" => By::Min,
        "Prod" => By::Prod,
        "Sum" => By::Sum,
        "SumSquare" => By::SumSquare,
        other => bail!("expected a reduction, got {other}"),
    };
    let flag =
        |name: &str, default: i64| Ok::<_, TractError>(node.get_attr_opt(name)?.unwrap_or(default) != 0);
    let kernel = Reduce {
        by,
        axes: attributes::ints(node, "axes")?,
        keep: flag("keepdims", 1)?,
        none_is_none: flag("noop_with_empty_axes", 0)?,
    };
    if node.input.get(1).is_some_and(String::is_empty) {
        return kernel::wire(ctx, node, kernel);
    }
    let squares = matches!(by, By::L2 | By::SumSquare);
    let floats = !matches!(by, By::LogSumExp | By::Max | By::Min);
    let suits = move |inputs: &[TypedFact]| {
        let Some((x, axes)) = inputs.split_first() else { return true };
        let integers =
            matches!(x.datum_type, DatumType::I8 | DatumType::I16 | DatumType::I32 | DatumType::I64)
                || matches!(x.datum_type, DatumType::U8 | DatumType::U16 | DatumType::TDim);
        ((x.datum_type.is_float() && floats) || (integers && !squares))
            && axes.iter().all(|axes| axes.konst.is_some())
    };
    upstream::build_if(ctx, node, suits, kernel)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    L1,
    L2,
    LogSum,
    LogSumExp,
    Max,
    Mean,
    Min,
    Prod,
    Sum,
    SumSquare,
}

#[derive(Debug)]
struct Reduce {
    by: By,
    axes: Vec<i64>,
    keep: bool,
    none_is_none: bool,
}

impl Reduce {
    /// Which axes are reduced.
    fn reduced(&self, axes: &[i64], rank: usize) -> TractResult<TVec<bool>> {
        if axes.is_empty() {
            return Ok(tvec![!self.none_is_none; rank]);
        }
        let mut reduced = tvec![false; rank];
        for axis in axes {
            let from_start = if *axis < 0 { axis.saturating_add(rank as i64) } else { *axis };
            let found = usize::try_from(from_start).ok().and_then(|axis| reduced.get_mut(axis));
            *found.with_context(|| format!("expected an axis of an input of rank {rank}, got {axis}"))? =
                true;
        }
        Ok(reduced)
    }

    fn shape<D: DimLike>(&self, shape: &[D], reduced: &[bool]) -> TVec<D> {
        let lengths = shape.iter().zip(reduced);
        if self.keep {
            lengths.map(|(len, reduced)| if *reduced { 1.into() } else { len.clone() }).collect()
        } else {
            lengths.filter(|(_, reduced)| !**reduced).map(|(len, _)| len.clone()).collect()
        }
    }
}

impl Kernel for Reduce {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let [x] = kernel::required(inputs)?;
        let bools = x.datum_type == bool::datum_type() && matches!(self.by, By::Max | By::Min);
        ensure!(
            x.datum_type.is_number() || bools || x.datum_type.is_integer(),
            "expected numbers, got {:?}",
            x.datum_type
        );
        let axes = match kernel::optional(inputs, 1) {
            None => Some(self.axes.clone()),
            Some(fact) => match kernel::ints_of(fact) {
                Some(axes) => Some(axes.iter().map(|axis| axis.to_i64()).collect::<Result<Vec<_>, _>>()?),
                None if fact.shape.volume() == 0.to_dim() => Some(vec![]),
                None => None,
            },
        };
        let shape = match (axes, kernel::optional(inputs, 1)) {
            (Some(axes), _) => self.shape(x.shape.dims(), &self.reduced(&axes, x.rank())?),
            (None, Some(axes)) if !self.keep => {
                let count = axes.shape.volume().to_usize().context("expected a known number of axes")?;
                (0..x.rank().saturating_sub(count)).map(|axis| lengths.unknown(0, axis)).collect()
            }
            _ => (0..x.rank()).map(|axis| lengths.unknown(0, axis)).collect(),
        };
        Ok(tvec!(x.datum_type.fact(shape)))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [x] = kernel::required(&inputs)?;
        let reduced = match kernel::optional(&inputs, 1) {
            Some(axes) => self.reduced(elements::<i64>(axes.cast_to::<i64>()?.as_ref())?, x.rank())?,
            None => self.reduced(&self.axes, x.rank())?,
        };
        let y = if x.datum_type() == bool::datum_type() {
            let x = x.cast_to::<u8>()?;
            self.by.over(&x, &reduced)?.cast_to::<bool>()?.into_owned()
        } else {
            self.by.over(x, &reduced)?
        };
        Ok(tvec!(y.into_shape(&self.shape(x.shape(), &reduced))?))
    }
}

impl By {
    /// One number for each index of the axes that are not reduced, computed in the widest type of its kind: integers wrap
    /// there as they do in a narrower one, and floats are computed as doubles.
    fn over(self, x: &Tensor, reduced: &[bool]) -> TractResult<Tensor> {
        let (dt, shape) = (x.datum_type(), x.shape());
        let whole = matches!(self, By::L1 | By::Max | By::Min | By::Prod | By::Sum | By::SumSquare);
        let y = if dt.is_float() || !whole {
            let x = x.cast_to::<f64>()?;
            tensor1(&self.of_doubles(&Fold { x: elements(&x)?, shape, reduced }))
        } else if dt == u64::datum_type() {
            tensor1(&self.of_integers(&Fold { x: elements(x)?, shape, reduced }, [0, u64::MAX]))
        } else {
            let x = x.cast_to::<i64>()?;
            tensor1(&self.of_integers(&Fold { x: elements(&x)?, shape, reduced }, limits(dt)?))
        };
        Ok(y.cast_to_dt(dt)?.into_owned())
    }

    fn of_doubles(self, fold: &Fold<f64>) -> Vec<f64> {
        let each = |mut y: Vec<f64>, f: &dyn Fn(f64) -> f64| {
            y.iter_mut().for_each(|y| *y = f(*y));
            y
        };
        let sums = || fold.by(0.0, |sum, x, _| sum + x);
        let squares = || fold.by(0.0, |sum, x, _| sum + x * x);
        match self {
            By::L1 => fold.by(0.0, |sum, x, _| sum + x.abs()),
            By::L2 => each(squares(), &f64::sqrt),
            By::LogSum => each(sums(), &f64::ln),
            By::LogSumExp => {
                let max = fold.by(f64::NEG_INFINITY, |max, x, _| max.max(x));
                let base = each(max, &|max| if max.is_finite() { max } else { 0.0 });
                let sums = fold.by(0.0, |sum, x, at| sum + (x - base[at]).exp());
                sums.iter().zip(&base).map(|(sum, base)| sum.ln() + base).collect()
            }
            By::Max => fold.by(f64::NEG_INFINITY, |max, x, _| max.larger(x)),
            By::Mean => {
                let count = fold.shape.iter().zip(fold.reduced).filter(|(_, reduced)| **reduced);
                let count = count.map(|(len, _)| *len as f64).product::<f64>();
                each(sums(), &|sum| sum / count)
            }
            By::Min => fold.by(f64::INFINITY, |min, x, _| min.smaller(x)),
            By::Prod => fold.by(1.0, |product, x, _| product * x),
            By::Sum => sums(),
            By::SumSquare => squares(),
        }
    }

    fn of_integers<T: Number>(self, fold: &Fold<T>, [lowest, highest]: [T; 2]) -> Vec<T> {
        let absolute = |x: T| if x < T::zero() { T::zero().minus(x) } else { x };
        match self {
            By::Max => fold.by(lowest, |max, x, _| max.larger(x)),
            By::Min => fold.by(highest, |min, x, _| min.smaller(x)),
            By::Prod => fold.by(T::one(), |product, x, _| product.times(x)),
            By::L1 => fold.by(T::zero(), |sum, x, _| sum.plus(absolute(x))),
            By::SumSquare => fold.by(T::zero(), |sum, x, _| sum.plus(x.times(x))),
            _ => fold.by(T::zero(), |sum, x, _| sum.plus(x)),
        }
    }
}

/// The least and the greatest integer of a type.
fn limits(datum_type: DatumType) -> TractResult<[i64; 2]> {
    Ok(match datum_type {
        DatumType::U8 => [0, u8::MAX.into()],
        DatumType::U16 => [0, u16::MAX.into()],
        DatumType::U32 => [0, u32::MAX.into()],
        DatumType::I8 => [i8::MIN.into(), i8::MAX.into()],
        DatumType::I16 => [i16::MIN.into(), i16::MAX.into()],
        DatumType::I32 => [i32::MIN.into(), i32::MAX.into()],
        DatumType::I64 => [i64::MIN, i64::MAX],
        other => bail!("expected numbers, got {other:?}"),
    })
}

struct Fold<'a, T> {
    x: &'a [T],
    shape: &'a [usize],
    reduced: &'a [bool],
}

impl<T: Copy> Fold<'_, T> {
    /// Folds by a function of what it gave, an element, and the place in the result.
    fn by<A: Copy>(&self, start: A, f: impl Fn(A, T, usize) -> A) -> Vec<A> {
        let kept = |axis: usize| if self.reduced[axis] { 1 } else { self.shape[axis] };
        let mut strides: TVec<usize> = tvec![0; self.shape.len()];
        let mut len = 1;
        for axis in (0..self.shape.len()).rev() {
            strides[axis] = if self.reduced[axis] { 0 } else { len };
            len *= kept(axis);
        }
        let mut folded = vec![start; len];
        let mut at: TVec<usize> = tvec![0; self.shape.len()];
        let mut place = 0;
        for x in self.x {
            folded[place] = f(folded[place], *x, place);
            for axis in (0..at.len()).rev() {
                at[axis] += 1;
                place += strides[axis];
                if at[axis] < self.shape[axis] {
                    break;
                }
                place -= strides[axis] * at[axis];
                at[axis] = 0;
            }
        }
        folded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, int, node};

    /// With the axes as an input that only the run tells, as `testing::compute` gives all inputs.
    fn check(op: &str, keep: i64, x: Tensor, axes: &[i64], y: Tensor) {
        expect(node("", op, vec![int("keepdims", keep)]), &[Some(x), Some(tensor1(axes))], &[y]);
    }

    #[test]
    fn axes_may_be_known_at_run_time_only() {
        let x = || tensor2(&[[1f32, 2.0, -3.0], [4.0, 5.0, 6.0]]);
        check("ReduceSum", 1, x(), &[0], tensor2(&[[5f32, 7.0, 3.0]]));
        check("ReduceSum", 0, x(), &[-1], tensor1(&[0f32, 15.0]));
        check("ReduceL1", 0, x(), &[1], tensor1(&[6f32, 15.0]));
        check("ReduceL2", 0, x(), &[1, 0], tensor0(91f32.sqrt()));
        check("ReduceMax", 1, x(), &[], tensor2(&[[6f32]]));
        check("ReduceMin", 0, x(), &[0], tensor1(&[1f32, 2.0, -3.0]));
        check("ReduceMean", 0, x(), &[1], tensor1(&[0f32, 5.0]));
        check("ReduceProd", 0, x(), &[1], tensor1(&[-6f32, 120.0]));
        check("ReduceSumSquare", 0, x(), &[1], tensor1(&[14f32, 77.0]));
    }

    #[test]
    fn logarithms_of_large_exponentials_are_finite() {
        let x = tensor1(&[1000f32, 1000.0]);
        check("ReduceLogSumExp", 0, x.clone(), &[0], tensor0(1000.6931f32));
        check("ReduceLogSum", 0, x, &[0], tensor0(7.600_902_5f32));
    }

    #[test]
    fn bools_and_all_integers_are_reduced() {
        let bools = || tensor2(&[[true, false], [false, false]]);
        check("ReduceMax", 0, bools(), &[1], tensor1(&[true, false]));
        check("ReduceMin", 0, bools(), &[1], tensor1(&[false, false]));
        let large = tensor1(&[u64::MAX - 1, 1]);
        check("ReduceSum", 0, large.clone(), &[0], tensor0(u64::MAX));
        check("ReduceMax", 0, large, &[0], tensor0(u64::MAX - 1));
        expect(node("", "ReduceSumSquare", vec![]), &[Some(tensor1(&[3i64, -4]))], &[tensor1(&[25i64])]);
    }

    #[test]
    fn integers_of_any_width_wrap() {
        check("ReduceSum", 0, tensor1(&[u32::MAX, 2]), &[0], tensor0(1u32));
        check("ReduceProd", 0, tensor1(&[1u32 << 31, 3]), &[0], tensor0(1u32 << 31));
        check("ReduceProd", 0, tensor1(&[u64::MAX, 2]), &[0], tensor0(u64::MAX - 1));
        check("ReduceSumSquare", 0, tensor1(&[-128i8, 3]), &[0], tensor0(9i8));
        check("ReduceSumSquare", 0, tensor1(&[1i32 << 16, 3]), &[0], tensor0(9i32));
        check("ReduceL2", 0, tensor1(&[3i16, -4]), &[0], tensor0(5i16));
        check("ReduceMean", 0, tensor1(&[7u32, 2]), &[0], tensor0(4u32));
    }

    #[test]
    fn of_nothing_the_result_is_the_one_that_changes_nothing() {
        let nothing = |dt| Tensor::zero_dt(dt, &[0]).unwrap();
        check("ReduceMax", 0, nothing(DatumType::F32), &[0], tensor0(f32::NEG_INFINITY));
        check("ReduceMin", 0, nothing(DatumType::I32), &[0], tensor0(i32::MAX));
        check("ReduceMin", 0, nothing(DatumType::Bool), &[0], tensor0(true));
        check("ReduceProd", 0, nothing(DatumType::F64), &[0], tensor0(1f64));
    }

    #[test]
    fn no_axes_may_mean_none() {
        let node = node("", "ReduceSum", vec![int("noop_with_empty_axes", 1)]);
        let x = tensor1(&[1u32, 2]);
        expect(node, &[Some(x.clone()), Some(Tensor::zero::<i64>(&[0]).unwrap())], &[x]);
    }

    #[test]
    fn an_axis_that_is_not_there_is_refused() {
        let inputs = [Some(tensor1(&[1f32])), Some(tensor1(&[1i64]))];
        let error = format!("{:#}", compute(node("", "ReduceSum", vec![]), &inputs).unwrap_err());
        assert!(error.contains("axis of an input of rank 1, got 1"), "{error}");
    }
}
