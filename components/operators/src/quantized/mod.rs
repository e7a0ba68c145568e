//! Operators on bytes, which no file has: `prepare` writes them in place of groups that dequantise, compute in floats and
//! quantise, and for the quantised operators of ONNX and ONNX Runtime whose parameters are constants.
//!
//! A tensor of bytes, uint8 or int8, stands for `(byte - zero) * scale`. Images come in two orders of axes: as ONNX has
//! them, `[N, C, H, W]`, and channels last, `[N, H, W, C]`, which the kernels read; `prepare` knows which tensor is
//! which. All that a node needs to know is in its attributes, so that its constants are in memory once, packed.

use edgewit_kernels::int8::Side;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

pub(crate) mod chain;
mod convolution;
mod order;
mod pool;
mod product;
mod round;
mod sum;
mod table;

/// The names begin so, which no operator of ONNX does.
pub(crate) const PREFIX: &str = "edgewit.";

pub(crate) const CONVOLUTION: &str = "edgewit.Convolution";
pub(crate) const PRODUCT: &str = "edgewit.Product";
pub(crate) const ROUND: &str = "edgewit.Round";
pub(crate) const SUM: &str = "edgewit.Sum";
pub(crate) const MAX_POOL: &str = "edgewit.MaxPool";
pub(crate) const AVERAGE: &str = "edgewit.Average";
pub(crate) const TABLE: &str = "edgewit.Table";
pub(crate) const CHANNELS_FIRST: &str = "edgewit.ChannelsFirst";
pub(crate) const CHANNELS_LAST: &str = "edgewit.ChannelsLast";

pub(crate) fn register(onnx: &mut tract_onnx::Onnx) {
    let register = &mut onnx.op_register;
    register.insert(CONVOLUTION, convolution::convolution);
    register.insert(PRODUCT, product::product);
    register.insert(ROUND, round::round);
    register.insert(SUM, sum::sum);
    register.insert(MAX_POOL, pool::max_pool);
    register.insert(AVERAGE, pool::average);
    register.insert(TABLE, table::table);
    register.insert(CHANNELS_FIRST, order::channels_first);
    register.insert(CHANNELS_LAST, order::channels_last);
}

/// Whether the strides, dilations and pads of a convolution or a pool with windows of `size` are ones that run here.
pub(crate) fn has_geometry(node: &NodeProto, size: [usize; 2]) -> bool {
    convolution::Geometry::read(node, size).is_ok()
}

/// What quantised tensors are of.
const BYTES: [DatumType; 2] = [DatumType::I8, DatumType::U8];
/// What is quantised: half precision and int32 as the floats that they are.
const FLOATS: [DatumType; 3] = [DatumType::F16, DatumType::F32, DatumType::I32];

/// The attribute `sides`: a zero point and whether bytes are signed, for each input and then the output.
fn sides<const N: usize>(node: &NodeProto) -> TractResult<[Side; N]> {
    let all = node.get_attr_tvec::<i64>("sides")?;
    let (pairs, rest) = all.as_chunks::<2>();
    let pairs: &[_; N] = pairs.try_into().ok().filter(|_| rest.is_empty()).context("expected other sides")?;
    Ok(pairs.map(|[zero, signed]| Side { zero: zero as i32, signed: signed != 0 }))
}

/// The type of the bytes of a side.
fn datum_type(side: Side) -> DatumType {
    if side.signed { DatumType::I8 } else { DatumType::U8 }
}

/// The least and the largest byte of the output: the attribute `range`.
fn range(node: &NodeProto) -> TractResult<[i32; 2]> {
    match *node.get_attr_tvec::<i64>("range")? {
        [low, high] => Ok([low as i32, high as i32]),
        _ => bail!("expected a range of two"),
    }
}

/// The bytes of the tensor in the attribute `name`.
fn constant(ctx: &ParsingContext, node: &NodeProto, name: &str) -> TractResult<Tensor> {
    ctx.load_tensor(node.get_attr::<&TensorProto>(name)?).with_context(|| format!("attribute {name}"))
}

/// The floats that a quantised tensor of one scale stands for.
fn floats<'a>(bytes: &'a [u8], side: Side, scale: f32) -> impl Iterator<Item = f32> + 'a {
    let number = move |byte: u8| if side.signed { i32::from(byte as i8) } else { i32::from(byte) };
    bytes.iter().map(move |byte| (number(*byte) - side.zero) as f32 * scale)
}

/// The elements of a tensor of int8 or uint8 as they are in memory.
fn bytes(tensor: &Tensor) -> TractResult<&[u8]> {
    Ok(tensor.try_as_plain_ram()?.as_bytes())
}

/// A tensor of zeros, and what fills it.
fn filled(
    datum_type: DatumType,
    shape: &[usize],
    fill: impl FnOnce(&mut [u8]) -> TractResult<()>,
) -> TractResult<Tensor> {
    let mut tensor = Tensor::zero_dt(datum_type, shape)?;
    fill(tensor.try_as_plain_ram_mut()?.as_bytes_mut())?;
    Ok(tensor)
}
