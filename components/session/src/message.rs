//! Tensors in ONNX's own messages to tract's and back: see `edgewit_core::onnx`.

use edgewit_core::Datatype;
use edgewit_core::onnx::{self, Elements, MessageError, TensorView};
use tract_onnx::prelude::{IntoTValue, TValue, Tensor, TractResult};

use crate::session::{Fault, Output};
use crate::tensor::{self, Given};

/// The tensors of a message.
pub(crate) fn read(message: &[u8]) -> impl Iterator<Item = Result<TensorView<'_>, Fault>> {
    onnx::read(message).map(|view| view.map_err(|error| Fault::InvalidInput(error.to_string())))
}

/// From this size on a tensor moves into the place of its message.
const LARGE: usize = 1 << 18;

/// Frees a message whose tensors were read. The large ones move to where it was, so that the memory behind them is free
/// in one piece: a hole as large as the inputs would stay in each sandbox of a model of images.
pub(crate) fn free(message: Vec<u8>, inputs: &mut [TValue]) {
    drop(message);
    for input in inputs {
        if input.datum_type().is_copy() && input.as_bytes().len() >= LARGE {
            *input = input.deep_clone().into_tvalue();
        }
    }
}

/// Appends an output to a message.
pub(crate) fn write(message: &mut Vec<u8>, output: &Output, tensor: &Tensor) -> TractResult<()> {
    let Output { name, datatype } = output;
    let cast = tensor.cast_to_dt(tensor::to_datum(*datatype))?;
    let elements = match datatype {
        Datatype::Bytes => Elements::Strings(cast.try_as_plain_ram()?.as_slice::<String>()?),
        _ => Elements::Raw(cast.as_bytes()),
    };
    let shape = cast.shape().iter().map(|axis| *axis as u64);
    onnx::write(message, name, *datatype, shape, elements);
    Ok(())
}

impl Given for TensorView<'_> {
    fn name(&self) -> &str {
        self.name
    }

    fn datatype(&self) -> Datatype {
        self.datatype
    }

    fn rank(&self) -> usize {
        self.rank
    }

    fn shape(&self) -> impl Iterator<Item = u64> {
        TensorView::shape(self)
    }

    fn to_tract(self, shape: &[usize]) -> Result<Tensor, String> {
        match self.datatype {
            Datatype::Bytes if !self.raw.is_empty() => return Err(tensor::other_case(Datatype::Bytes)),
            Datatype::Bytes => {}
            datatype if self.strings > 0 => return Err(tensor::other_case(datatype)),
            datatype => return tensor::numbers(datatype, shape, self.raw),
        }
        let mut wrong = None;
        let texts =
            self.texts().map_while(|text| text.map(String::from).map_err(|error| wrong = Some(error)).ok());
        let tensor = tensor::strings(shape, self.strings, texts);
        wrong.map_or(tensor, |error: MessageError| Err(error.to_string()))
    }
}
