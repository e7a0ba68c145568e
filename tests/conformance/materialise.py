"""Writes the node tests of the `onnx` package in ONNX's own layout.

    python materialise.py <folder>

    <folder>/<case>/model.onnx
    <folder>/<case>/test_data_set_N/{input_N,output_N}.pb
    <folder>/<case>/tolerance.json        the case's own {"rtol", "atol"}
    <folder>/operators.json               every operator with the opsets that changed it, and of each case its operators

A value that is not a tensor keeps its own protobuf type (SequenceProto, OptionalProto, MapProto).
"""

import json
import re
import sys
import warnings
from pathlib import Path

from onnx import TensorProto, defs, numpy_helper
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


def operators():
    """Of each operator of ai.onnx and ai.onnx.ml the opsets in which it came or changed; none of what was withdrawn."""
    versions = {}
    withdrawn = set()
    for schema in defs.get_all_schemas_with_history():
        if schema.domain in ("", "ai.onnx.ml"):
            versions.setdefault((schema.domain, schema.name), set()).add(schema.since_version)
            if schema.deprecated:
                withdrawn.add((schema.domain, schema.name))
    return [
        {"domain": domain, "name": name, "versions": sorted(since)}
        for (domain, name), since in sorted(versions.items())
        if (domain, name) not in withdrawn
    ]


def operators_of(cases):
    """Which operators each case tests. One that spells an operator out in others tests that operator."""
    own = {case.name: sorted({node.op_type for node in case.model.graph.node}) for case in cases}
    return {name: own.get(re.sub("_expanded.*", "", name), own[name]) for name in own}


def main():
    # The cases compute on values that overflow on purpose.
    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1])
    cases = collect_testcases(None)
    for case in cases:
        write(case, folder / case.name)
    listing = {"operators": operators(), "cases": operators_of(cases)}
    (folder / "operators.json").write_text(json.dumps(listing, indent=1))
    print(f"{len(cases)} cases in {folder}")


if __name__ == "__main__":
    main()
