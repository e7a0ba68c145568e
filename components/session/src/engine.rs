//! What computes: plans for a batch of one and for any, or the graph node by node.

use edgewit_operators::{Interpreter, Plan};
use tract_onnx::prelude::*;

use crate::axis::Lengths;

/// What computes.
#[derive(Debug)]
pub enum Engine {
    /// Plans, made ahead.
    Planned {
        /// The symbol of the batch axis, where the model has one.
        batch: Option<Symbol>,
        /// The plan for a batch of one.
        single: Option<Plan>,
        /// The plan for every batch.
        any: Plan,
    },
    /// A plan for a batch of one, to which the rows of a batch go one after the other.
    RowByRow {
        /// Which inputs have rows.
        rows: Vec<bool>,
        /// The plan.
        plan: Plan,
    },
    /// Node by node, for a graph that cannot be planned.
    Interpreted {
        /// The nodes.
        interpreter: Interpreter,
        /// The symbols of the inputs' axes, which are dead without it.
        symbols: SymbolScope,
    },
}

impl Engine {
    /// Whether running needs functions that plan and optimise, too.
    pub fn plans_when_run(&self) -> bool {
        match self {
            Engine::Planned { single, any, .. } => single.iter().chain([any]).any(Plan::plans_when_run),
            Engine::RowByRow { plan, .. } => plan.plans_when_run(),
            Engine::Interpreted { .. } => true,
        }
    }

    /// The outputs for `inputs`, whose axes have such `lengths`.
    ///
    /// # Errors
    /// What an operator refuses, with the node's name.
    pub fn run(&self, inputs: TVec<TValue>, lengths: &Lengths<'_>) -> TractResult<TVec<TValue>> {
        match self {
            Engine::Planned { batch, single: Some(single), .. }
                if batch.as_ref().and_then(|symbol| lengths.get(symbol)) == Some(1) =>
            {
                single.run(inputs)
            }
            Engine::Planned { any, .. } => any.run(inputs),
            Engine::RowByRow { rows, plan } => row_by_row(plan, rows, inputs),
            Engine::Interpreted { interpreter, .. } => interpreter.run(inputs),
        }
    }
}

/// Runs a plan for one row on each row of the inputs that have `rows`, and puts the results together again.
fn row_by_row(plan: &Plan, rows: &[bool], inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
    let batch = inputs.iter().zip(rows).find(|(_, rows)| **rows).map_or(1, |(input, _)| input.shape()[0]);
    if batch == 1 {
        return plan.run(inputs);
    }
    let run = |row: usize| {
        let one = |(input, rows): (&TValue, &bool)| {
            Ok(if *rows { input.slice(0, row, row + 1)?.into_tvalue() } else { input.clone() })
        };
        plan.run(inputs.iter().zip(rows).map(one).collect::<TractResult<_>>()?)
    };
    let results = (0..batch).map(run).collect::<TractResult<Vec<_>>>()?;
    let whole = |slot: usize| {
        let parts = results.iter().map(|outputs| &*outputs[slot]).collect::<Vec<_>>();
        Ok(Tensor::stack_tensors(0, &parts)?.into_tvalue())
    };
    (0..results[0].len()).map(whole).collect()
}
