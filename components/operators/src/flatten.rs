//! `ai.onnx.Flatten`: upstream's, for any number of lengths that only the run will tell.
//!
//! Source: <https://onnx.ai/onnx/operators/onnx__Flatten.html>.
//! Input of any shape and type; output `[product of the axes before axis, product of the rest]`. tract refuses a shape of
//! several symbols, as that of tokens `[N, 1, length]` is. Errors: an axis beyond the rank.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::Built;

pub(crate) fn flatten(_ctx: &ParsingContext, node: &NodeProto) -> Built {
    Ok((expand(Flatten { axis: node.get_attr_opt("axis")?.unwrap_or(1) }), vec![]))
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Flatten {
    axis: i64,
}

impl Flatten {
    /// Where the shape is cut in two.
    fn cut(&self, rank: usize) -> TractResult<usize> {
        let rank = rank as i64;
        let axis = if self.axis < 0 { self.axis.saturating_add(rank) } else { self.axis };
        ensure!((0..=rank).contains(&axis), "expected an axis of a rank of {rank}, got {}", self.axis);
        Ok(axis as usize)
    }
}

impl Expansion for Flatten {
    fn name(&self) -> StaticName {
        "onnx.Flatten".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].datum_type, &inputs[0].datum_type)?;
        s.given(&inputs[0].shape, move |s, shape| {
            let (before, after) = shape.split_at(self.cut(shape.len())?);
            let flat: TVec<TDim> = tvec!(before.iter().product(), after.iter().product());
            s.equals(&outputs[0].shape, flat)
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let shape = model.outlet_fact(inputs[0])?.shape.to_tvec();
        let cut = self.cut(shape.len())?;
        let mut wire: TVec<OutletId> = inputs.into();
        // The rest first, so that the axes before it keep their places.
        for (name, at, part) in [("after", cut, &shape[cut..]), ("before", 0, &shape[..cut])] {
            let op = match part {
                [] => AxisOp::Add(at),
                [_] => continue,
                part => AxisOp::Reshape(at, part.into(), tvec!(part.iter().product())),
            };
            wire = model.wire_node(format!("{prefix}.{name}"), op, &wire)?;
        }
        Ok(wire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, int, model, node, refuse, run_model, string};

    fn flatten(axis: i64) -> NodeProto {
        node("", "Flatten", vec![int("axis", axis)])
    }

    #[test]
    fn the_axes_before_and_after_the_cut_become_one_each() {
        let x = || Tensor::zero::<f32>(&[2, 3, 4, 5]).unwrap();
        for (axis, shape) in
            [(0, [1, 120]), (1, [2, 60]), (2, [6, 20]), (4, [120, 1]), (-1, [24, 5]), (-4, [1, 120])]
        {
            check(flatten(axis), x(), Tensor::zero::<f32>(&shape).unwrap());
        }
        check(flatten(0), tensor0(3f32), tensor2(&[[3f32]]));
        check(node("", "Flatten", vec![]), tensor1(&[1i64, 2]), tensor2(&[[1i64], [2]]));
        refuse(flatten(5), x(), "a rank of 4, got 5");
        refuse(flatten(-5), x(), "a rank of 4, got -5");
    }

    #[test]
    fn several_lengths_may_be_unknown() {
        let mut tokenizer = node("com.microsoft", "Tokenizer", vec![string("tokenexp", ".")]);
        tokenizer.output = vec!["tokens".into()];
        let mut flatten = flatten(1);
        (flatten.name, flatten.input) = ("flatten".into(), vec!["tokens".into()]);
        let x = tensor2(&[["ab".to_string()], ["cd".into()]]);
        let outputs = run_model(model(vec![tokenizer, flatten], &x, true, &["y"]), &x).unwrap();
        let letters = ["a", "b", "c", "d"].map(ToString::to_string);
        assert_eq!(outputs[0], tensor1(&letters).into_shape(&[2, 2]).unwrap());
    }
}
