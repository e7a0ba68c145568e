//! Small graphs, rewritten and as they are.

mod expand;
mod images;
mod products;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, ModelProto, TensorProto, ValueInfoProto};
use tract_onnx::tract_hir::internal::*;

use super::node::{float, floats, int, ints};
use super::*;
use crate::quantized::chain;
use crate::testing::{model_of, run_model, run_model_on};

/// A graph under way: nodes, constants, and one value after the other.
#[derive(Default)]
struct Net {
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
}

impl Net {
    fn constant(&mut self, data_type: DataType, dims: &[i64], raw_data: Vec<u8>) -> String {
        let name = format!("constant-{}", self.constants.len());
        let data_type = data_type as i32;
        self.constants.push(TensorProto {
            name: name.clone(),
            dims: dims.into(),
            data_type,
            raw_data,
            ..Default::default()
        });
        name
    }

    fn scale(&mut self, scales: &[f32]) -> String {
        let dims = [scales.len() as i64];
        let dims = if scales.len() == 1 { &[] } else { &dims[..] };
        self.constant(DataType::Float, dims, scales.iter().flat_map(|scale| scale.to_le_bytes()).collect())
    }

    fn node(&mut self, op_type: &str, inputs: &[&str], attribute: Vec<AttributeProto>) -> String {
        let output = format!("value-{}", self.nodes.len());
        let input = inputs.iter().map(ToString::to_string).collect();
        self.nodes.push(NodeProto {
            name: output.clone(),
            input,
            output: vec![output.clone()],
            ..super::node::new(op_type, attribute)
        });
        output
    }

    fn quantize(&mut self, x: &str, scale: f32, zero: u8) -> String {
        let (scale, zero) = (self.scale(&[scale]), self.constant(DataType::Uint8, &[], vec![zero]));
        self.node("QuantizeLinear", &[x, &scale, &zero], vec![])
    }

    fn dequantize(&mut self, x: &str, scale: f32, zero: u8) -> String {
        let (scale, zero) = (self.scale(&[scale]), self.constant(DataType::Uint8, &[], vec![zero]));
        self.node("DequantizeLinear", &[x, &scale, &zero], vec![])
    }

    /// Quantizes and dequantizes, as exporters write it.
    fn through(&mut self, x: &str, scale: f32, zero: u8) -> String {
        let x = self.quantize(x, scale, zero);
        self.dequantize(&x, scale, zero)
    }

    /// Weights with a scale for each of the first axis.
    fn weights(&mut self, dims: &[i64]) -> String {
        let count = dims.iter().product::<i64>() as u64;
        let bytes = (0..count).map(|ix| (ix.wrapping_mul(2_654_435_761) >> 7) as u8).collect();
        let weights = self.constant(DataType::Int8, dims, bytes);
        let scales = (0..dims[0]).map(|ix| 0.01 + ix as f32 * 0.001).collect::<Vec<_>>();
        let scale = self.scale(&scales);
        self.node("DequantizeLinear", &[&weights, &scale], vec![int("axis", 0)])
    }

    fn model(self, x: &Tensor, symbolic: bool, outputs: &[&str]) -> ModelProto {
        let mut model = model_of(self.nodes, &[("x", x)], symbolic, outputs);
        if let Some(graph) = &mut model.graph {
            graph.initializer = self.constants;
        }
        model
    }
}

/// What `fuse` leaves of the operators.
fn fused(model: &ModelProto) -> Vec<String> {
    let mut graph = model.graph.clone().unwrap();
    fuse(&mut graph);
    let mut names = graph.node.into_iter().map(|node| node.op_type).collect::<Vec<_>>();
    names.sort();
    names
}

/// The outputs without any rewriting.
fn as_written(model: &ModelProto, x: &Tensor) -> Vec<Tensor> {
    let mut onnx = tract_onnx::onnx();
    crate::register(&mut onnx);
    let plan = onnx.model_for_proto_model(model).unwrap().into_optimized().unwrap().into_runnable().unwrap();
    plan.run(tvec!(x.clone().into_tvalue())).unwrap().into_iter().map(TValue::into_tensor).collect()
}

fn image() -> Tensor {
    let x = (0..2 * 3 * 9 * 7).map(|ix: i32| (ix * 37 % 101) as f32 * 0.02 - 1.0).collect::<Vec<_>>();
    tensor1(&x).into_shape(&[2, 3, 9, 7]).unwrap()
}
