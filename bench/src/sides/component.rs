//! Edgewit: the packed component in this process, as `edgewit serve` runs it.

use std::hint::black_box;
use std::time::Instant;

use anyhow::Result;
use edgewit::runtime::{Instance, Limits, Program};

use super::{Inputs, Side, Values};

/// A packed model, in one sandbox or in one for each prediction.
pub(crate) struct Component {
    program: Program,
    reused: Option<Instance>,
    limits: Limits,
    inputs: Inputs,
}

impl Component {
    /// Starts a sandbox for each prediction, and drops it after.
    pub(crate) fn fresh(program: Program, inputs: Inputs) -> Component {
        Component { program, reused: None, limits: edgewit_bench::limits(), inputs }
    }

    /// Keeps one sandbox.
    pub(crate) fn reused(program: Program, inputs: Inputs) -> Result<Component> {
        let limits = edgewit_bench::limits();
        Ok(Component { reused: Some(program.instantiate(&limits)?), program, limits, inputs })
    }
}

impl Side for Component {
    fn time(&mut self, runs: usize) -> Result<f64> {
        let start = Instant::now();
        for run in 0..runs {
            let inputs = &self.inputs[run % self.inputs.len()];
            match &mut self.reused {
                Some(instance) => drop(black_box(instance.predict(inputs, None)?)),
                None => drop(black_box(self.program.instantiate(&self.limits)?.predict(inputs, None)?)),
            }
        }
        Ok(start.elapsed().as_secs_f64())
    }

    fn outputs(&mut self) -> Result<Vec<Vec<Values>>> {
        let outputs = self.inputs.iter().map(|inputs| {
            let outputs = match &mut self.reused {
                Some(instance) => instance.predict(inputs, None)?,
                None => self.program.instantiate(&self.limits)?.predict(inputs, None)?,
            };
            outputs.iter().map(Values::of).collect()
        });
        outputs.collect()
    }
}
