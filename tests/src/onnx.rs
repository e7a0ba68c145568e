//! Small ONNX models, made in code: one operator of each datatype, and models with a fault.

use std::fs;
use std::path::Path;

use prost::Message;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataLocation;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};

/// An axis of an input: fixed, named, or left out as exporters leave the batch.
#[derive(Debug, Clone, Copy)]
pub enum Dim {
    /// Always this long.
    Fixed(i64),
    /// A `dim_param`.
    Named(&'static str),
    /// Neither value nor name.
    Unnamed,
}

/// A graph under construction.
#[derive(Debug, Default)]
pub struct Graph(GraphProto);

impl Graph {
    /// An empty graph.
    pub fn new() -> Graph {
        Graph::default()
    }

    /// An input of an ONNX element type (`TensorProto.DataType`).
    pub fn input(mut self, name: &str, element: i32, dims: &[Dim]) -> Graph {
        self.0.input.push(info(name, element, dims));
        self
    }

    /// An output, whose shape is for the model to find out.
    pub fn output(mut self, name: &str, element: i32) -> Graph {
        self.0.output.push(ValueInfoProto {
            r#type: Some(tensor(element, None)),
            name: name.into(),
            ..Default::default()
        });
        self
    }

    /// A node of the default domain, named as its operator and its output.
    pub fn node(self, operator: &str, inputs: &[&str], output: &str) -> Graph {
        self.node_of("", operator, inputs, output)
    }

    /// An output of a shape.
    pub fn shaped_output(mut self, name: &str, element: i32, dims: &[Dim]) -> Graph {
        self.0.output.push(info(name, element, dims));
        self
    }

    /// An `ai.onnx.ml.OneHotEncoder` of strings, which refuses what is no category.
    pub fn one_hot(mut self, input: &str, output: &str, categories: &[&str]) -> Graph {
        self = self.node_of("ai.onnx.ml", "OneHotEncoder", &[input], output);
        let attribute = |name: &str, kind: AttributeType| AttributeProto {
            name: name.into(),
            r#type: kind as i32,
            ..Default::default()
        };
        let strings = categories.iter().map(|category| category.as_bytes().to_vec()).collect();
        let strings = AttributeProto { strings, ..attribute("cats_strings", AttributeType::Strings) };
        if let Some(node) = self.0.node.last_mut() {
            node.attribute = vec![strings, attribute("zeros", AttributeType::Int)];
        }
        self
    }

    /// An initialiser of integers `[N]`.
    pub fn ints(mut self, name: &str, values: &[i64]) -> Graph {
        self.0.initializer.push(TensorProto {
            name: name.into(),
            dims: vec![values.len() as i64],
            data_type: 7,
            int64_data: values.into(),
            ..Default::default()
        });
        self
    }

    /// An initialiser of floats in -1 to 1, the same for the same `dims`.
    pub fn weights(mut self, name: &str, dims: &[i64]) -> Graph {
        let mut state = 1u32;
        let mut next = || {
            // The linear congruential generator of Numerical Recipes.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        let len = dims.iter().product::<i64>();
        self.0.initializer.push(TensorProto {
            name: name.into(),
            dims: dims.into(),
            data_type: 1,
            raw_data: (0..len).flat_map(|_| next().to_le_bytes()).collect(),
            ..Default::default()
        });
        self
    }

    /// A text for readers.
    pub fn documented(mut self, text: &str) -> Graph {
        self.0.doc_string = text.into();
        self
    }

    /// An initialiser of floats `[N]`, which lie in a file beside the model.
    pub fn external(mut self, name: &str, len: i64, location: &str) -> Graph {
        self.0.initializer.push(TensorProto {
            name: name.into(),
            dims: vec![len],
            data_type: 1,
            data_location: Some(DataLocation::External as i32),
            external_data: vec![StringStringEntryProto { key: "location".into(), value: location.into() }],
            ..Default::default()
        });
        self
    }

    /// A node of any domain.
    pub fn node_of(mut self, domain: &str, operator: &str, inputs: &[&str], output: &str) -> Graph {
        self.0.node.push(NodeProto {
            name: format!("{operator}_{output}"),
            op_type: operator.into(),
            domain: domain.into(),
            input: inputs.iter().map(|name| (*name).to_owned()).collect(),
            output: vec![output.into()],
            ..Default::default()
        });
        self
    }

    /// The ONNX file.
    pub fn bytes(self) -> Vec<u8> {
        let opset = |domain: &str, version| OperatorSetIdProto { domain: domain.into(), version };
        let model = ModelProto {
            ir_version: 8,
            opset_import: vec![opset("", 18), opset("ai.onnx.ml", 3)],
            graph: Some(self.0),
            ..Default::default()
        };
        model.encode_to_vec()
    }

    /// Writes `<folder>/<name>/1/model.onnx`.
    pub fn save(self, folder: &Path, name: &str) {
        save(folder, name, &self.bytes());
    }
}

/// Writes any bytes as `<folder>/<name>/1/model.onnx`.
pub fn save(folder: &Path, name: &str, bytes: &[u8]) {
    let folder = folder.join(name).join("1");
    fs::create_dir_all(&folder).expect("the folder can be made");
    fs::write(folder.join("model.onnx"), bytes).expect("the model can be written");
}

fn info(name: &str, element: i32, dims: &[Dim]) -> ValueInfoProto {
    let dim = |dim: &Dim| Dimension {
        value: match *dim {
            Dim::Fixed(length) => Some(dimension::Value::DimValue(length)),
            Dim::Named(name) => Some(dimension::Value::DimParam(name.into())),
            Dim::Unnamed => None,
        },
        ..Default::default()
    };
    let shape = TensorShapeProto { dim: dims.iter().map(dim).collect() };
    ValueInfoProto { name: name.into(), r#type: Some(tensor(element, Some(shape))), ..Default::default() }
}

fn tensor(element: i32, shape: Option<TensorShapeProto>) -> TypeProto {
    let tensor = type_proto::Tensor { elem_type: element, shape };
    TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() }
}
