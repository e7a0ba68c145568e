//! tract as a native library, planned for the very shapes of the inputs.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use edgewit_core::{Data, Datatype};
use tract_onnx::prelude::*;

use super::{Side, Task, Values};

/// Whose operators tract has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operators {
    /// Its own.
    Plain,
    /// Those of `edgewit-operators`, too.
    Edgewit,
}

/// A plan of tract's.
pub(crate) struct Tract {
    plan: Arc<TypedRunnableModel>,
    inputs: Vec<TVec<TValue>>,
}

impl Tract {
    pub(crate) fn load(task: &Task, operators: Operators) -> Result<Tract> {
        let mut onnx = tract_onnx::onnx();
        let mut proto = onnx.proto_model_for_path(task.model)?;
        if operators == Operators::Edgewit {
            edgewit_operators::register(&mut onnx);
            edgewit_operators::prepare(&mut proto, &[])?;
        }
        let mut model = onnx.model_for_proto_model(&proto)?;
        let names = model.input_outlets()?.iter().map(|outlet| model.node(outlet.node).name.clone());
        let names = names.collect::<Vec<_>>();
        let sets = task.inputs.iter().map(|tensors| {
            let values = names.iter().map(|name| {
                let tensor = tensors.iter().find(|tensor| tensor.name == *name);
                Ok(to_tract(tensor.with_context(|| format!("there is no input `{name}`"))?)?.into_tvalue())
            });
            values.collect::<Result<TVec<TValue>>>()
        });
        let inputs = sets.collect::<Result<Vec<_>>>()?;
        for (number, value) in inputs.first().into_iter().flatten().enumerate() {
            model.set_input_fact(number, InferenceFact::dt_shape(value.datum_type(), value.shape()))?;
        }
        Ok(Tract { plan: model.into_optimized()?.into_runnable()?, inputs })
    }
}

impl Side for Tract {
    fn time(&mut self, runs: usize) -> Result<f64> {
        let start = Instant::now();
        for run in 0..runs {
            black_box(self.plan.run(self.inputs[run % self.inputs.len()].clone())?);
        }
        let took = start.elapsed().as_secs_f64();
        leave_vectors();
        Ok(took)
    }

    fn outputs(&mut self) -> Result<Vec<Vec<Values>>> {
        let outputs = self.inputs.iter().map(|inputs| {
            let outputs = self.plan.run(inputs.clone())?;
            outputs.iter().map(to_values).collect()
        });
        let outputs = outputs.collect();
        leave_vectors();
        outputs
    }
}

/// Clears the upper halves of the vector registers, which tract's AVX kernels leave as they are. Some processors then take
/// a hundred times as long for what other sides of this process compute with the lower halves.
fn leave_vectors() {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx") {
        #[allow(unsafe_code, reason = "it asks for a processor that has such registers")]
        // SAFETY: it has.
        unsafe {
            std::arch::x86_64::_mm256_zeroupper();
        }
    }
}

fn to_tract(tensor: &edgewit_core::Tensor) -> Result<Tensor> {
    let shape = tensor.shape.iter().map(|axis| *axis as usize).collect::<Vec<_>>();
    let datum = match (&tensor.data, tensor.datatype) {
        (Data::Strings(strings), _) => return tensor1(strings).into_shape(&shape),
        (_, Datatype::Fp32) => f32::datum_type(),
        (_, Datatype::Fp64) => f64::datum_type(),
        (_, Datatype::Int64) => i64::datum_type(),
        (_, other) => bail!("no inputs of {other:?} here"),
    };
    let numbers = tensor.as_f64s().context("the tensor holds numbers")?;
    Ok(Tensor::from_shape(&shape, &numbers)?.cast_to_dt(datum)?.into_owned())
}

fn to_values(value: &TValue) -> Result<Values> {
    let datum = value.datum_type();
    if datum.is_float() {
        let numbers = value.cast_to::<f64>()?;
        return Ok(Values::Numbers(numbers.to_plain_array_view::<f64>()?.iter().copied().collect()));
    }
    let texts = value.cast_to::<String>()?;
    Ok(Values::Exact(texts.to_plain_array_view::<String>()?.iter().cloned().collect()))
}
