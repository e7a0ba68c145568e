//! `ai.onnx.NonMaxSuppression`: the boxes of each class with the highest scores, without those that overlap a better one.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__NonMaxSuppression.html>.
//! Inputs: float boxes `[N, B, 4]` as two corners `y1, x1, y2, x2` or, for `center_point_box`, as `x, y, width, height`;
//! float scores `[N, C, B]`; and as one number each, how many boxes a class has at most (none where it is absent), the
//! overlap and the score that a box must exceed. Output: int64 `[selected, 3]` of image, class and box.
//! Errors: shapes that do not fit, an overlap outside of 0..=1.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Built, Kernel, Lengths, elements, tensor_of};

pub(crate) fn non_max_suppression(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let centered = match node.get_attr_opt::<i64>("center_point_box")?.unwrap_or(0) {
        0 => false,
        1 => true,
        other => bail!("expected center_point_box 0 or 1, got {other}"),
    };
    kernel::wire(ctx, node, NonMaxSuppression { centered })
}

#[derive(Debug)]
struct NonMaxSuppression {
    centered: bool,
}

/// Two corners, the lesser first.
#[derive(Clone, Copy)]
struct Area([f32; 4]);

impl Area {
    fn of(of: &[f32], centered: bool) -> Self {
        let &[a, b, c, d] = of else { return Self([0.0; 4]) };
        Self(match centered {
            true => [a - c / 2.0, b - d / 2.0, a + c / 2.0, b + d / 2.0],
            false => [a.min(c), b.min(d), a.max(c), b.max(d)],
        })
    }

    fn size(self) -> f32 {
        let [a, b, c, d] = self.0;
        (c - a) * (d - b)
    }

    /// What both share, of what either has.
    fn overlap(self, other: Self) -> f32 {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        let shared = Self([a.max(e), b.max(f), c.min(g), d.min(h)]);
        if shared.0[2] <= shared.0[0]
            || shared.0[3] <= shared.0[1]
            || self.size() <= 0.0
            || other.size() <= 0.0
        {
            return 0.0;
        }
        shared.size() / (self.size() + other.size() - shared.size())
    }
}

impl Kernel for NonMaxSuppression {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        for input in kernel::required::<_, 2>(inputs)? {
            kernel::accept("boxes and scores", input, &[DatumType::F32])?;
            ensure!(
                input.rank() == 3,
                "expected boxes [N, B, 4] and scores [N, C, B], got shape {:?}",
                input.shape
            );
        }
        for (ix, dt) in [(2, DatumType::I64), (3, DatumType::F32), (4, DatumType::F32)] {
            if let Some(input) = kernel::optional(inputs, ix) {
                kernel::accept("limits", input, &[dt])?;
            }
        }
        Ok(tvec!(i64::fact([lengths.unknown(0, 0), 3.to_dim()])))
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let [boxes, scores] = kernel::required(&inputs)?;
        let limit = |ix: usize| kernel::optional(&inputs, ix).filter(|limit| limit.len() == 1);
        let most = limit(2).map_or(Ok(0), |most| most.cast_to_scalar::<i64>())?;
        let most = usize::try_from(most.max(0)).unwrap_or(usize::MAX);
        let overlap = limit(3).map_or(Ok(0.0), |overlap| overlap.cast_to_scalar::<f32>())?;
        ensure!((0.0..=1.0).contains(&overlap), "expected an overlap of 0..=1, got {overlap}");
        let least = limit(4).map(|least| least.cast_to_scalar::<f32>()).transpose()?;
        let (&[batch, count, 4], &[images, classes, scored]) = (boxes.shape(), scores.shape()) else {
            bail!(
                "expected boxes [N, B, 4] and scores [N, C, B], got {:?} and {:?}",
                boxes.shape(),
                scores.shape()
            )
        };
        ensure!(
            (batch, count) == (images, scored),
            "expected boxes and scores of the same images and boxes, got shapes {:?} and {:?}",
            boxes.shape(),
            scores.shape()
        );
        let areas: Vec<Area> =
            elements::<f32>(boxes)?.chunks_exact(4).map(|of| Area::of(of, self.centered)).collect();
        let mut found = vec![];
        let per_class = elements::<f32>(scores)?.chunks_exact(count.max(1)).take(images * classes);
        for (class, scores) in per_class.enumerate() {
            let (image, class) = (class / classes, class % classes);
            let mut order: Vec<usize> =
                (0..count).filter(|ix| least.is_none_or(|least| scores[*ix] > least)).collect();
            order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
            let mut kept: Vec<usize> = vec![];
            for ix in order {
                if kept.len() >= most {
                    break;
                }
                let area = |ix: usize| areas[image * count + ix];
                if kept.iter().all(|better| area(ix).overlap(area(*better)) <= overlap) {
                    kept.push(ix);
                    found.extend([image as i64, class as i64, ix as i64]);
                }
            }
        }
        Ok(tvec!(tensor_of(&[found.len() / 3, 3], found)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{compute, expect, int, node};

    fn inputs(most: i64, overlap: f32, least: f32) -> [Option<Tensor>; 5] {
        let boxes = tensor3(&[[[0f32, 0., 1., 1.], [1., 1.25, 0., 0.25], [0., 5., 1., 6.]]]);
        let scores = tensor3(&[[[0.9f32, 0.75, 0.3]]]);
        // The limits may be scalars or lists of one.
        [Some(boxes), Some(scores), Some(tensor0(most)), Some(tensor1(&[overlap])), Some(tensor1(&[least]))]
    }

    fn suppress(centered: i64) -> NodeProto {
        node("", "NonMaxSuppression", vec![int("center_point_box", centered)])
    }

    #[test]
    fn boxes_that_overlap_a_better_one_are_left_out() {
        // The first two share 0.75 of 1.25.
        expect(suppress(0), &inputs(9, 0.5, 0.), &[tensor2(&[[0i64, 0, 0], [0, 0, 2]])]);
        expect(suppress(0), &inputs(9, 0.7, 0.), &[tensor2(&[[0i64, 0, 0], [0, 0, 1], [0, 0, 2]])]);
    }

    #[test]
    fn few_and_well_scored_boxes_stay() {
        expect(suppress(0), &inputs(1, 0.5, 0.), &[tensor2(&[[0i64, 0, 0]])]);
        expect(suppress(0), &inputs(9, 0.5, 0.3), &[tensor2(&[[0i64, 0, 0]])]);
        expect(suppress(0), &inputs(0, 0.5, 0.), &[Tensor::zero::<i64>(&[0, 3]).unwrap()]);
    }

    #[test]
    fn overlaps_that_are_no_part_are_refused() {
        let error = format!("{:#}", compute(suppress(0), &inputs(9, f32::NAN, 0.)).unwrap_err());
        assert!(error.contains("an overlap of 0..=1"), "{error}");
    }
}
