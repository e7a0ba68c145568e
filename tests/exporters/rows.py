"""What every table of models uses: rows of (data, input type, options), and names."""

import re

# Options of the exporter; without them it leaves zipmap on.
OFF = {"zipmap": False}


def on(*names):
    """Single-precision rows with the exporter's defaults: a classifier's graph ends in a ZipMap."""
    return [(name, "float", {}) for name in names]


def off(*names):
    """The same with a classifier's probabilities as a plain matrix."""
    return [(name, "float", OFF) for name in names]


def kebab(name):
    """`KNeighborsClassifier` as `k-neighbors-classifier`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).strip("_").lower()
