"""Writes the node tests of the `onnx` package in ONNX's own layout.

    python materialise.py <folder>

    <folder>/<case>/model.onnx
    <folder>/<case>/test_data_set_N/{input_N,output_N}.pb
    <folder>/<case>/tolerance.json        the case's own {"rtol", "atol"}

A value that is not a tensor keeps its own protobuf type (SequenceProto, OptionalProto, MapProto).
"""

import json
import sys
import warnings
from pathlib import Path

from onnx import TensorProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases

CONVERT = {
    "map_type": numpy_helper.from_dict,
    "sequence_type": numpy_helper.from_list,
    "optional_type": numpy_helper.from_optional,
    "tensor_type": numpy_helper.from_array,
}


def serialise(value, info):
    """One input or output of a case, as the bytes of its protobuf type."""
    if isinstance(value, TensorProto):
        return value.SerializeToString()
    return CONVERT[info.type.WhichOneof("value")](value, info.name).SerializeToString()


def write(case, folder):
    folder.mkdir(parents=True)
    graph = case.model.graph
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    (folder / "tolerance.json").write_text(json.dumps({"rtol": case.rtol, "atol": case.atol}))
    for number, (inputs, outputs) in enumerate(case.data_sets):
        data = folder / f"test_data_set_{number}"
        data.mkdir()
        for kind, values, infos in (("input", inputs, graph.input), ("output", outputs, graph.output)):
            for position, (value, info) in enumerate(zip(values, infos, strict=True)):
                (data / f"{kind}_{position}.pb").write_bytes(serialise(value, info))


def main():
    # The cases compute on values that overflow on purpose.
    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1])
    cases = collect_testcases(None)
    for case in cases:
        write(case, folder / case.name)
    print(f"{len(cases)} cases in {folder}")


if __name__ == "__main__":
    main()
