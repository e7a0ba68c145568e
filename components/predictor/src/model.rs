//! A loaded model: its metadata, its plans, and the call that checks, computes and converts.

use edgewit_operators::{Interpreter, Plan};
use tract_onnx::prelude::*;

use crate::batch::Axis;
use crate::exports::edgewit::inference::predict::ModelMetadata;
use crate::exports::edgewit::inference::types::{Datatype, Error, Tensor};
use crate::{plans, tensor};

pub(crate) struct Model {
    pub(crate) metadata: ModelMetadata,
    pub(crate) inputs: Vec<Input>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) engine: Engine,
}

/// What computes.
pub(crate) enum Engine {
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
        plan: Plan,
    },
    /// Node by node, for a graph that cannot be planned.
    Interpreted {
        interpreter: Interpreter,
        /// The symbols of the inputs' axes are dead without it.
        _symbols: SymbolScope,
    },
}

impl Engine {
    pub(crate) fn run(&self, inputs: TVec<TValue>, bound: &SymbolValues) -> TractResult<TVec<TValue>> {
        match self {
            Engine::Planned { batch, single: Some(single), .. }
                if batch.as_ref().and_then(|symbol| bound.get(symbol)) == Some(1) =>
            {
                single.run(inputs)
            }
            Engine::Planned { any, .. } => any.run(inputs),
            Engine::RowByRow { rows, plan } => plans::row_by_row(plan, rows, inputs),
            Engine::Interpreted { interpreter, .. } => interpreter.run(inputs),
        }
    }
}

pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) datatype: Datatype,
    pub(crate) axes: Vec<Axis>,
}

pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) datatype: Datatype,
}

/// What `metadata` answers before a model is loaded.
pub(crate) fn no_metadata() -> ModelMetadata {
    ModelMetadata {
        name: String::new(),
        version: String::new(),
        digest: String::new(),
        manifest: "{}".into(),
        inputs: vec![],
        outputs: vec![],
    }
}

impl Model {
    /// Checks the inputs, runs the plan for their batch, and returns the selected outputs.
    pub(crate) fn predict(
        &self,
        inputs: Vec<Tensor>,
        outputs: Option<Vec<String>>,
    ) -> Result<Vec<Tensor>, Error> {
        let selected = self.select(outputs)?;
        let (inputs, bound) = self.bind(inputs)?;
        let failed = |error: TractError| Error::Execution(format!("{error:#}"));
        let results = self.engine.run(inputs, &bound).map_err(failed)?;
        selected
            .into_iter()
            .map(|ix| {
                let output = &self.outputs[ix];
                tensor::from_tract(&output.name, output.datatype, &results[ix]).map_err(failed)
            })
            .collect()
    }

    /// The positions of the wanted outputs.
    fn select(&self, names: Option<Vec<String>>) -> Result<Vec<usize>, Error> {
        let Some(names) = names else { return Ok((0..self.outputs.len()).collect()) };
        let find = |name: String| {
            self.outputs.iter().position(|output| output.name == name).ok_or_else(|| {
                let known = list(self.outputs.iter().map(|output| &output.name));
                invalid(format!("output `{name}` is not one of the model's: {known}"))
            })
        };
        names.into_iter().map(find).collect()
    }

    /// Puts the inputs into the model's order, converted, with the values of their symbols.
    fn bind(&self, tensors: Vec<Tensor>) -> Result<(TVec<TValue>, SymbolValues), Error> {
        let mut slots: Vec<Option<Tensor>> = self.inputs.iter().map(|_| None).collect();
        for (place, tensor) in tensors.into_iter().enumerate() {
            // Most callers keep the model's order; looking through all names for each would cost more than the model.
            let named = |input: &Input| input.name == tensor.name;
            let kept = self.inputs.get(place).is_some_and(named).then_some(place);
            let Some(ix) = kept.or_else(|| self.inputs.iter().position(named)) else {
                let known = list(self.inputs.iter().map(|input| &input.name));
                return Err(invalid(format!("input `{}` is not one of the model's: {known}", tensor.name)));
            };
            if slots[ix].is_some() {
                return Err(invalid(format!("input `{}` is given twice", tensor.name)));
            }
            slots[ix] = Some(tensor);
        }
        let mut symbols = SymbolValues::default();
        let mut values = tvec!();
        for (input, slot) in self.inputs.iter().zip(slots) {
            let tensor = slot.ok_or_else(|| invalid(format!("input `{}` is missing", input.name)))?;
            values.push(input.bind(tensor, &mut symbols)?.into_tvalue());
        }
        Ok((values, symbols))
    }
}

impl Input {
    /// Checks one tensor against this input and converts it.
    fn bind(&self, given: Tensor, symbols: &mut SymbolValues) -> Result<TractTensor, Error> {
        let fault = |text: String| invalid(format!("input `{}`: {text}", self.name));
        if given.datatype != self.datatype {
            let (expected, got) = (tensor::name(self.datatype), tensor::name(given.datatype));
            return Err(fault(format!("expected datatype {expected}, got {got}")));
        }
        if given.shape.len() != self.axes.len() {
            let (expected, got) = (self.axes.len(), given.shape.len());
            return Err(fault(format!("expected {expected} axes, got {got}")));
        }
        let mut shape: TVec<usize> = tvec!();
        for (ix, (axis, length)) in self.axes.iter().zip(&given.shape).enumerate() {
            let length =
                usize::try_from(*length).map_err(|_| fault(format!("axis {ix} of {length} is too long")))?;
            match axis {
                Axis::Fixed(expected) if *expected != length => {
                    return Err(fault(format!("axis {ix} is {expected} long, got {length}")));
                }
                Axis::Fixed(_) => {}
                Axis::Symbol(_) | Axis::Expression if length == 0 => {
                    return Err(fault(format!("axis {ix} is empty")));
                }
                Axis::Symbol(symbol) => match symbols.get(symbol) {
                    Some(bound) if bound != length as i64 => {
                        let text =
                            format!("axis {ix} ({symbol}) is {bound} long in another input, got {length}");
                        return Err(fault(text));
                    }
                    Some(_) => {}
                    None => symbols.set(symbol, length as i64),
                },
                Axis::Expression => {}
            }
            shape.push(length);
        }
        tensor::to_tract(self.datatype, &shape, given.data).map_err(fault)
    }
}

type TractTensor = tract_onnx::prelude::Tensor;

fn invalid(text: String) -> Error {
    Error::InvalidInput(text)
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
