//! Core's datatypes to those that a binding generator makes of `wit/inference.wit`, and back.
//!
//! The generated types differ in each crate that has bindings, so the conversion is a macro. Tensors cross as messages:
//! [`crate::onnx`].

/// Defines `datatype_to_wit` and `datatype_from_wit` for the module that a binding generator made of the interface
/// `types`, given by its path.
#[macro_export]
macro_rules! wit_datatypes {
    ($($types:tt)::+) => {
        type WitDatatype = $($types)::+::Datatype;

        $crate::wit_datatypes!(@
            Bool Uint8 Uint16 Uint32 Uint64 Int8 Int16 Int32 Int64 Fp16 Fp32 Fp64 Bytes);
    };
    (@ $($name:ident)+) => {
        /// Core's datatype as the generated one.
        #[allow(dead_code, reason = "who is only told of tensors has no need of it")]
        pub(crate) fn datatype_to_wit(datatype: $crate::Datatype) -> WitDatatype {
            match datatype {
                $($crate::Datatype::$name => WitDatatype::$name,)+
            }
        }

        /// The generated datatype as core's.
        #[allow(dead_code, reason = "who only tells of tensors has no need of it")]
        pub(crate) fn datatype_from_wit(datatype: WitDatatype) -> $crate::Datatype {
            match datatype {
                $(WitDatatype::$name => $crate::Datatype::$name,)+
            }
        }
    };
}
