//! The axes of the inputs: which are fixed, which vary, and which vary together.

use tract_onnx::prelude::*;

/// One axis of an input.
#[derive(Debug, Clone, PartialEq)]
pub enum Axis {
    /// Always this long.
    Fixed(usize),
    /// As long as every other axis of this symbol.
    Symbol(Symbol),
    /// An expression of symbols; tract checks it when it runs.
    Expression,
}

impl Axis {
    /// Reads an axis of a typed model.
    pub fn of(dim: &TDim) -> Axis {
        match dim {
            TDim::Val(length) => Axis::Fixed(*length as usize),
            TDim::Sym(symbol) => Axis::Symbol(symbol.clone()),
            _ => Axis::Expression,
        }
    }
}

/// How long the axes of each symbol are in one call.
#[derive(Debug, Default)]
pub struct Lengths<'a>(TVec<(&'a Symbol, usize)>);

impl<'a> Lengths<'a> {
    /// The length of the axes of `symbol`, where it is known already.
    pub fn get(&self, symbol: &Symbol) -> Option<usize> {
        // A model has one or two symbols, so looking through them is quicker than a map.
        self.0.iter().find(|(bound, _)| *bound == symbol).map(|(_, length)| *length)
    }

    /// Notes the length of the axes of `symbol`.
    pub fn set(&mut self, symbol: &'a Symbol, length: usize) {
        self.0.push((symbol, length));
    }
}
