"""All that is exported, gathered from the tables; a new row in one of them is a new case."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Callable

from boosting import BOOSTING, NOT_EXPORTED
from enumerated import NOT_MADE, enumerated
from opsets import IN_EVERY_OPSET, OPSETS
from pipelines import PIPELINES
from rows import kebab
from variants import VARIANTS


@dataclass
class Case:
    """One model: how it is made, the data it is trained on, and how it is exported."""

    name: str
    make: Callable[[], Any]
    data: str
    # The type that a numeric matrix is given in; a table has a type for each of its columns.
    input: str = "float"
    options: dict = field(default_factory=dict)
    opset: dict | int | None = None
    library: str = "sklearn"
    # The exporter, where it is not skl2onnx: model, input types, opset -> ONNX model.
    export: Callable | None = None


def suffix(data, input_type, options, opset=None):
    """The end of a case's name: what tells it from the same model exported in another way."""
    parts = [data] + [input_type] * (input_type != "float")
    for option, value in options.items():
        if option == "zipmap":
            parts.append("zipmap-columns" if value == "columns" else "no-zipmap")
        else:
            parts.append(option.replace("_", "-") + ("" if value is True else f"-{value}"))
    if opset:
        parts.append(
            f"opset{opset['']}-ml{opset['ai.onnx.ml']}" if isinstance(opset, dict) else f"opset{opset}"
        )
    return "-".join(parts)


def all_cases():
    """Every case once, and the entries of `skipped` for what is not even tried."""
    cases = []
    for prefix, table in (("sklearn", enumerated()), ("sklearn", VARIANTS), ("pipeline", PIPELINES)):
        for name, make, rows in table:
            cases += [Case(f"{prefix}-{name}-{suffix(*row)}", make, *row) for row in rows]
    for name, make, data, options in IN_EVERY_OPSET:
        for opset in OPSETS:
            row = (data, "float", options, opset)
            cases.append(Case(f"sklearn-{name}-{suffix(*row)}", make, *row))
    for name, make, export, rows in BOOSTING:
        library = name.split("-")[0]
        cases += [Case(f"{name}-{suffix(*row)}", make, *row, library=library, export=export) for row in rows]
    for case in cases:
        case.name = re.sub("[^a-z0-9-]", "-", case.name.lower())
    names = Counter(case.name for case in cases)
    if names.total() > len(names):
        raise ValueError(f"cases of the same name: {[name for name, count in names.items() if count > 1]}")
    skipped = [{"name": f"sklearn-{kebab(name)}", "reason": reason} for name, reason in NOT_MADE.items()]
    skipped += [{"name": name, "reason": reason} for name, reason in NOT_EXPORTED.items()]
    return cases, skipped
