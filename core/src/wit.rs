//! Core's tensors to the types that a binding generator makes of `wit/inference.wit`, and back.
//!
//! The generated types differ in each crate that has bindings, so the conversion is a macro.

/// Defines `tensor_to_wit`, `tensor_from_wit` and `datatype_from_wit` for the module that a
/// binding generator made of the interface `types`, given by its path. They move; nothing is copied.
#[macro_export]
macro_rules! wit_conversions {
    ($($types:ident)::+) => {
        type WitDatatype = $($types)::+::Datatype;

        $crate::wit_conversions!(@datatypes
            Bool Uint8 Uint16 Uint32 Uint64 Int8 Int16 Int32 Int64 Fp16 Fp32 Fp64 Bytes);

        /// Core's tensor as the generated one.
        pub(crate) fn tensor_to_wit(tensor: $crate::Tensor) -> $($types)::+::Tensor {
            $($types)::+::Tensor {
                name: tensor.name,
                datatype: datatype_to_wit(tensor.datatype),
                shape: tensor.shape,
                data: match tensor.data {
                    $crate::Data::Raw(bytes) => $($types)::+::TensorData::Raw(bytes),
                    $crate::Data::Strings(strings) => $($types)::+::TensorData::Strings(strings),
                },
            }
        }

        /// The generated tensor as core's.
        pub(crate) fn tensor_from_wit(tensor: $($types)::+::Tensor) -> $crate::Tensor {
            $crate::Tensor {
                name: tensor.name,
                datatype: datatype_from_wit(tensor.datatype),
                shape: tensor.shape,
                data: match tensor.data {
                    $($types)::+::TensorData::Raw(bytes) => $crate::Data::Raw(bytes),
                    $($types)::+::TensorData::Strings(strings) => $crate::Data::Strings(strings),
                },
            }
        }
    };
    (@datatypes $($name:ident)+) => {
        fn datatype_to_wit(datatype: $crate::Datatype) -> WitDatatype {
            match datatype {
                $($crate::Datatype::$name => WitDatatype::$name,)+
            }
        }

        /// The generated datatype as core's.
        pub(crate) fn datatype_from_wit(datatype: WitDatatype) -> $crate::Datatype {
            match datatype {
                $(WitDatatype::$name => $crate::Datatype::$name,)+
            }
        }
    };
}
