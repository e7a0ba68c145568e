"""Trains small models on real data, exports each to ONNX and writes what the original library says.

Every case is a folder in ONNX's own test layout: `model.onnx`, and `test_data_set_0` (one row), `_1`
(seven rows) and `_2` (a thousand rows) with a tensor per input and output. `report.json` tells which
cases there are, whose numbers they expect, and what could not be exported or run, and why.
"""

import os

# Two processes share the work, so each library must stay on one thread: this has to precede its import.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT"):
    os.environ[variable] = "1"

import argparse
import json
import logging
import multiprocessing
import shutil
import sys
import warnings
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
from onnx import numpy_helper
from skl2onnx import convert_sklearn, get_latest_tested_opset_version
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType

from cases import all_cases
from data import TELCO_SETS, load, take
from reference import differing, library_outputs, like
from runner import Runner, Skip, graph_columns, nodes

ROOT = Path(__file__).resolve().parents[2]
BATCHES = (1, 7, 1000)
# Rows on which float32 puts a value on the other side of a threshold say nothing about Edgewit.
FEW_ROWS = 0.05
CAST = {"float": np.float32, "double": np.float64, "int64": np.int64}
TYPES = {"f4": FloatTensorType, "f8": DoubleTensorType, "i8": Int64TensorType, "O": StringTensorType}
# Cases are dealt out in small lots, so that no process is left with all the slow ones.
LOT = 4
# What CatBoost writes of a training.
DIFFERENT_EACH_TIME = ("train_finish_time", "model_guid")
FAULT = "fault of this script"
# What skl2onnx says of the models that it cannot export to the newest operators.
ASKS_FOR_ML_3 = "You need to specify target_opset={'ai.onnx.ml': 3}"


def initial_types(X):
    """The exporter's description of the inputs."""
    return [
        (name, TYPES[values.dtype.str.lstrip("<|")]([None, *values.shape[1:]]))
        for name, values in graph_columns(X).items()
    ]


def for_library(data, X):
    """The same values in the type that people train with: the library computes in double precision."""
    if isinstance(X, pd.DataFrame):
        return X.astype({name: np.float64 for name in X.columns if X[name].dtype == np.float32})
    if data.is_text:
        return X.ravel()
    return X.astype(np.float64) if X.dtype == np.float32 else X


def train(case, data, X):
    """The fitted model."""
    model, rows = case.make(), slice(0, data.training)
    if data.y is None:
        return model.fit(for_library(data, take(X, rows)))
    return model.fit(for_library(data, take(X, rows)), data.y[rows])


def export(case, model, X):
    """The ONNX model."""
    try:
        if case.export:
            return case.export(model, initial_types(X), case)
        options = {id(model): case.options} if case.options else None
        to_onnx = partial(convert_sklearn, model, initial_types=initial_types(X), options=options)
        try:
            return to_onnx(target_opset=case.opset)
        except RuntimeError as error:
            if ASKS_FOR_ML_3 not in str(error):
                raise
            return to_onnx(target_opset={"": get_latest_tested_opset_version(), "ai.onnx.ml": 3})
    except Exception as error:
        raise Skip(f"cannot be exported: {summary(error)}") from error


def settle(onnx_model, name):
    """Takes out what differs from run to run: exporters draw names at random and write the time."""
    onnx_model.graph.name = name
    for number, node in enumerate(nodes(onnx_model)):
        for attribute in node.attribute:
            if attribute.HasField("g"):
                attribute.g.name = f"body-{number}"
    lasting = [entry for entry in onnx_model.metadata_props if entry.key not in DIFFERENT_EACH_TIME]
    del onnx_model.metadata_props[:]
    onnx_model.metadata_props.extend(lasting)
    opsets = sorted(onnx_model.opset_import, key=lambda opset: opset.domain)
    del onnx_model.opset_import[:]
    onnx_model.opset_import.extend(opsets)


def summary(error):
    """The beginning of a library's complaint, on one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {' '.join(lines)[:200]}"


class Comparison:
    """onnxruntime's outputs for some rows beside the library's."""

    def __init__(self, case, model, data, runner, X):
        self.names = runner.outputs
        self.inputs = runner.feed(X)
        self.got = runner.run(self.inputs)
        library = library_outputs(model, for_library(data, X), case.options)
        if len(library) != len(self.got):
            raise ValueError(f"{len(library)} outputs of the library for {self.names}")
        self.missing = [name for name, value in zip(self.names, library) if value is None]
        self.expected = [got if value is None else like(value, got) for value, got in zip(library, self.got)]

    def bad_rows(self, count):
        """The rows on which any output differs; all of them where outputs are not made of rows."""
        bad = np.zeros(count, dtype=bool)
        for expected, got in zip(self.expected, self.got):
            if expected is None:
                bad[:] = True
            elif (wrong := differing(expected, got)).any():
                by_row = got.shape.index(count) if count in got.shape else None
                bad |= (
                    True if by_row is None else np.moveaxis(wrong, by_row, 0).reshape(count, -1).any(axis=1)
                )
        return bad

    def what_differs(self):
        """Which outputs differ and how much, for the report."""
        notes = []
        for name, expected, got in zip(self.names, self.expected, self.got):
            if expected is None:
                notes.append(f"{name} has another shape: {list(got.shape)}")
            elif (wrong := differing(expected, got)).any():
                share = f"{name} in {wrong.sum()} of {wrong.size} values"
                worst = np.abs(expected - got)[wrong].max() if got.dtype.kind == "f" else None
                notes.append(share if worst is None else f"{share} by up to {worst:.2g}")
        return ", ".join(notes)


def write_tensors(folder, kind, named):
    for number, (name, value) in enumerate(named):
        tensor = numpy_helper.from_array(np.ascontiguousarray(value), name)
        (folder / f"{kind}_{number}.pb").write_bytes(tensor.SerializeToString())


def write_case(folder, onnx_model, results, faithful):
    """The case in ONNX's layout: the model, and inputs and outputs of each batch."""
    folder.mkdir(parents=True)
    onnx.save(onnx_model, folder / "model.onnx")
    for number, result in enumerate(results):
        test_set = folder / f"test_data_set_{number}"
        test_set.mkdir()
        write_tensors(test_set, "input", result.inputs.items())
        write_tensors(test_set, "output", zip(result.names, result.expected if faithful else result.got))


def choose_rows(compare, data, X):
    """The rows to test with, those that the model has not seen first, and a note if some are left out.

    A training row may sit exactly on a threshold, or at no distance of itself: there float32 tells
    nothing about Edgewit, so such rows are left out unless they are many.
    """
    everything = np.roll(np.arange(len(X)), -data.training)
    choices = [(everything, ""), (everything[: -data.training], "no training rows; ")]
    for rows, note in choices:
        compared = compare(take(X, rows))
        bad = compared.bad_rows(len(rows))
        if not bad.any():
            return rows, [note.rstrip("; ")] if note else []
        if bad.sum() < FEW_ROWS * len(rows):
            return rows[~bad], [f"{note}{bad.sum()} of {len(rows)} rows left out: {compared.what_differs()}"]
    return everything, []


def build(case, telco, out):
    """Trains, exports, compares and writes one case; returns its entry in the report and its operators."""
    data = load(case.data, telco)
    X = data.X
    if isinstance(X, np.ndarray) and X.dtype != object:
        X = X.astype(CAST[case.input])
    try:
        model = train(case, data, X)
    except Exception as error:
        raise Skip(f"cannot be trained: {summary(error)}") from error
    onnx_model = export(case, model, X)
    settle(onnx_model, case.name)

    try:
        compare = partial(Comparison, case, model, data, Runner(onnx_model))
        rows, notes = choose_rows(compare, data, X)
        parts = [
            np.resize(np.roll(rows, -sum(BATCHES[:number])), size) for number, size in enumerate(BATCHES)
        ]
        results = [compare(take(X, part)) for part in parts]
    except Exception as error:
        if type(error).__module__.startswith("onnxruntime"):
            raise Skip(f"onnxruntime cannot run it: {summary(error)}") from error
        raise

    notes += [f"the library has no {name}: onnxruntime's" for name in results[0].missing]
    faithful = not any(result.bad_rows(size).any() for result, size in zip(results, BATCHES))
    if not faithful:
        notes.append(f"onnxruntime's numbers: {results[-1].what_differs()}")
    write_case(out / case.name, onnx_model, results, faithful)

    entry = {
        "name": case.name,
        "library": case.library,
        "estimator": type(model).__name__,
        "expected_from": "library" if faithful else "onnxruntime",
    }
    operators = {f"{node.domain or 'ai.onnx'}:{node.op_type}" for node in nodes(onnx_model)}
    return entry | ({"note": "; ".join(notes)} if notes else {}), operators


def silence():
    """The libraries warn of what they will change one day, once per case."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)


def attempt(case, telco, out):
    """`build`, or the reason why there is no such case."""
    shutil.rmtree(out / case.name, ignore_errors=True)
    if case.data in TELCO_SETS and not telco:
        return None, {"name": case.name, "reason": "no Telco table"}, set()
    try:
        entry, operators = build(case, telco, out)
        return entry, None, operators
    except Skip as reason:
        return None, {"name": case.name, "reason": str(reason)}, set()
    except Exception as error:
        return None, {"name": case.name, "reason": f"{FAULT}: {summary(error)}"}, set()


def attempt_number(number, **where):
    """`attempt` for another process: constructors cannot be sent to it, a number can."""
    return attempt(CASES[number], **where)


silence()
CASES, NEVER_TRIED = all_cases()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder that the cases are written to")
    parser.add_argument(
        "--telco",
        type=Path,
        default=ROOT.parent / "shared/data/telco-customer-churn.csv",
        help="the Telco churn table",
    )
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    arguments = parser.parse_args()

    telco = arguments.telco.resolve() if arguments.telco.exists() else None
    if not telco:
        print(f"no Telco table at {arguments.telco}: its cases are skipped", file=sys.stderr)
    wanted = [number for number, case in enumerate(CASES) if arguments.only in case.name]
    arguments.out.mkdir(parents=True, exist_ok=True)
    results = []
    work = partial(attempt_number, telco=telco, out=arguments.out)
    with multiprocessing.Pool(2) as pool:
        for result in pool.imap(work, wanted, chunksize=LOT):
            results.append(result)
            if len(results) % 50 == 0:
                print(f"{len(results)} of {len(wanted)}", file=sys.stderr)
    report(arguments.out, results, [skip for skip in NEVER_TRIED if arguments.only in skip["name"]])


def report(out, results, skipped):
    """Writes report.json and prints it for people."""
    cases = [entry for entry, _, _ in results if entry]
    skipped = skipped + [skip for _, skip, _ in results if skip]
    operators = Counter(operator for _, _, found in results for operator in sorted(found))
    text = json.dumps(
        {"cases": cases, "skipped": skipped, "operators": dict(sorted(operators.items()))}, indent=1
    )
    (out / "report.json").write_text(text + "\n")

    origin = Counter(case["expected_from"] for case in cases)
    print(
        f"{len(cases)} cases: {origin['library']} expect the library's numbers, "
        f"{origin['onnxruntime']} onnxruntime's; {len(skipped)} skipped"
    )
    for case in cases:
        if case["expected_from"] == "onnxruntime":
            print(f"  {case['name']}: {case['note']}")
    print("skipped:")
    for skip in skipped:
        print(f"  {skip['name']}: {skip['reason']}")
    if any(skip["reason"].startswith(FAULT) for skip in skipped):
        sys.exit(1)


if __name__ == "__main__":
    main()
