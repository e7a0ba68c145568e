//! The inputs held against the model's, the run, the outputs picked.

use edgewit_core::Datatype;
use tract_onnx::prelude::*;

use crate::axis::{Axis, Lengths};
use crate::engine::Engine;
use crate::message;
use crate::tensor::Given;

/// A loaded model.
#[derive(Debug)]
pub struct Session {
    /// What it takes, in its order.
    pub inputs: Vec<Input>,
    /// What it gives, in its order.
    pub outputs: Vec<Output>,
    /// What computes.
    pub engine: Engine,
}

/// Why there is no prediction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The inputs do not fit the model; names the input, what was expected and what came.
    InvalidInput(String),
    /// The model failed while computing.
    Execution(String),
}

/// One of the inputs.
#[derive(Debug)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// What its elements are.
    pub datatype: Datatype,
    /// Its axes.
    pub axes: Vec<Axis>,
}

/// One of the outputs.
#[derive(Debug)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// What its elements are.
    pub datatype: Datatype,
}

impl Session {
    /// The outputs for a message of inputs, as a message: see `edgewit_core::onnx`. `outputs` selects them and their order,
    /// none selects all.
    ///
    /// # Errors
    /// As [`Session::bind`] and [`Session::run`].
    pub fn predict(&self, message: Vec<u8>, outputs: Option<Vec<String>>) -> Result<Vec<u8>, Fault> {
        let mut bound = self.bind(message::read(&message))?;
        message::free(message, &mut bound.0);
        let mut message = vec![];
        self.run(bound, outputs, |output, tensor| message::write(&mut message, output, tensor))?;
        Ok(message)
    }

    /// Computes for inputs with axes of such lengths, and gives each of the selected outputs to `output`.
    ///
    /// # Errors
    /// An output that is none; what the model fails with.
    pub fn run(
        &self,
        (inputs, lengths): (TVec<TValue>, Lengths<'_>),
        outputs: Option<Vec<String>>,
        mut output: impl FnMut(&Output, &Tensor) -> TractResult<()>,
    ) -> Result<(), Fault> {
        let selected = self.select(outputs)?;
        let failed = |error: TractError| Fault::Execution(format!("{error:#}"));
        let results = self.engine.run(inputs, &lengths).map_err(failed)?;
        selected.into_iter().try_for_each(|ix| output(&self.outputs[ix], &results[ix])).map_err(failed)
    }

    /// The positions of the wanted outputs.
    fn select(&self, names: Option<Vec<String>>) -> Result<Vec<usize>, Fault> {
        let Some(names) = names else { return Ok((0..self.outputs.len()).collect()) };
        let find = |name: String| {
            self.outputs.iter().position(|output| output.name == name).ok_or_else(|| {
                let known = list(self.outputs.iter().map(|output| &output.name));
                invalid(format!("output `{name}` is not one of the model's: {known}"))
            })
        };
        names.into_iter().map(find).collect()
    }

    /// Checks the inputs and puts them into the model's order, converted, with the lengths of the axes that vary.
    ///
    /// # Errors
    /// An input that is none, is missing, comes twice, or does not fit.
    pub fn bind<G: Given>(
        &self,
        given: impl IntoIterator<Item = Result<G, Fault>>,
    ) -> Result<(TVec<TValue>, Lengths<'_>), Fault> {
        let mut slots = self.inputs.iter().map(|_| None).collect::<TVec<Option<TValue>>>();
        let mut symbols = Lengths::default();
        for (place, given) in given.into_iter().enumerate() {
            let given = given?;
            // Most callers keep the model's order; looking through all names for each would cost more than the model.
            let named = |input: &Input| input.name == given.name();
            let kept = self.inputs.get(place).is_some_and(named).then_some(place);
            let Some(ix) = kept.or_else(|| self.inputs.iter().position(named)) else {
                let known = list(self.inputs.iter().map(|input| &input.name));
                return Err(invalid(format!("input `{}` is not one of the model's: {known}", given.name())));
            };
            if slots[ix].is_some() {
                return Err(invalid(format!("input `{}` is given twice", given.name())));
            }
            slots[ix] = Some(self.inputs[ix].bind(given, &mut symbols)?.into_tvalue());
        }
        let missing = |input: &Input| invalid(format!("input `{}` is missing", input.name));
        let values = self.inputs.iter().zip(slots).map(|(input, slot)| slot.ok_or_else(|| missing(input)));
        Ok((values.collect::<Result<_, _>>()?, symbols))
    }
}

impl Input {
    /// Checks one tensor against this input and converts it.
    fn bind<'a>(&'a self, given: impl Given, symbols: &mut Lengths<'a>) -> Result<Tensor, Fault> {
        let fault = |text: String| invalid(format!("input `{}`: {text}", self.name));
        if given.datatype() != self.datatype {
            let (expected, got) = (self.datatype, given.datatype());
            return Err(fault(format!("expected datatype {expected}, got {got}")));
        }
        if given.rank() != self.axes.len() {
            let (expected, got) = (self.axes.len(), given.rank());
            return Err(fault(format!("expected {expected} axes, got {got}")));
        }
        let mut shape: TVec<usize> = tvec!();
        for (ix, (axis, length)) in self.axes.iter().zip(given.shape()).enumerate() {
            let length =
                usize::try_from(length).map_err(|_| fault(format!("axis {ix} of {length} is too long")))?;
            match axis {
                Axis::Fixed(expected) if *expected != length => {
                    return Err(fault(format!("axis {ix} is {expected} long, got {length}")));
                }
                Axis::Fixed(_) => {}
                Axis::Symbol(_) | Axis::Expression if length == 0 => {
                    return Err(fault(format!("axis {ix} is empty")));
                }
                Axis::Symbol(symbol) => match symbols.get(symbol) {
                    Some(bound) if bound != length => {
                        let text =
                            format!("axis {ix} ({symbol}) is {bound} long in another input, got {length}");
                        return Err(fault(text));
                    }
                    Some(_) => {}
                    None => symbols.set(symbol, length),
                },
                Axis::Expression => {}
            }
            shape.push(length);
        }
        given.to_tract(&shape).map_err(fault)
    }
}

fn invalid(text: String) -> Fault {
    Fault::InvalidInput(text)
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
