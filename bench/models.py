"""Builds the models that the benchmarks measure: `models.py FOLDER` writes FOLDER/<name>.onnx, and
`models.py FOLDER --many N` writes N different logistic regressions as FOLDER/<name>/1/model.onnx.

The tabular models are fitted by scikit-learn to rows drawn with a fixed seed and exported by skl2onnx. The nets are the
published architectures with random weights: what a runtime does with them does not depend on the weights, and nothing has
to be downloaded or kept. Batch normalisation is folded into the convolutions, as exporters do it for inference. A file
that exists is kept; every model is seeded by its own name, so building one of them alone gives the same bytes.
"""

import argparse
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[1]
OPSETS = {"": 17, "ai.onnx.ml": 3}
IMAGE = ["batch", 3, 224, 224]
FEATURES = 20
CALIBRATION_IMAGES = 4


class Graph:
    """A graph under construction: every method adds one node and returns the name of its output."""

    def __init__(self, name):
        self.name = name
        self.random = seeded(name)
        self.nodes, self.weights = [], []

    def node(self, kind, *inputs, **attributes):
        output = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def weight(self, values, kind="weight"):
        name = f"{kind}_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values, dtype=np.float32), name))
        return name

    def he(self, *shape):
        """Adds weights drawn as He et al. (2015) do for rectifiers: they keep the scale of what flows through."""
        fan_in = np.prod(shape[1:])
        return self.weight(self.random.standard_normal(shape) * np.sqrt(2 / fan_in))

    def bias(self, count):
        return self.weight(self.random.standard_normal(count) * 0.1, "bias")

    def conv(self, x, in_channels, out_channels, size, stride=1, group=1):
        weights = self.he(out_channels, in_channels // group, size, size)
        return self.node(
            "Conv", x, weights, self.bias(out_channels),
            kernel_shape=[size] * 2, strides=[stride] * 2, pads=[size // 2] * 4, dilations=[1, 1], group=group,
        )  # fmt: skip

    def gemm(self, x, inputs, outputs):
        return self.node("Gemm", x, self.he(outputs, inputs), self.bias(outputs), alpha=1.0, beta=1.0, transB=1)

    def model(self, inputs, output, outputs):
        """Names the last output and wraps the graph up; the batch stays symbolic."""
        self.nodes[-1].output[0] = output
        graph = helper.make_graph(
            self.nodes,
            self.name,
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, inputs)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", outputs])],
            self.weights,
        )
        opset = helper.make_opsetid("", OPSETS[""])
        return helper.make_model(graph, opset_imports=[opset], ir_version=8, producer_name="edgewit-bench")


def seeded(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


def mlp(graph):
    """32-128-128-2 with rectifiers and a softmax."""
    x, inputs = "input", 32
    for outputs in (128, 128):
        x, inputs = graph.node("Relu", graph.gemm(x, inputs, outputs)), outputs
    graph.node("Softmax", graph.gemm(x, inputs, 2), axis=1)
    return graph.model(["batch", 32], "probabilities", 2)


def resnet18(graph):
    """He et al. (2016), table 1, as torchvision has it."""
    x = graph.node("Relu", graph.conv("input", 3, 64, 7, stride=2))
    x = graph.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for width, first_stride in [(64, 1), (128, 2), (256, 2), (512, 2)]:
        for stride in (first_stride, 1):
            y = graph.node("Relu", graph.conv(x, channels, width, 3, stride))
            y = graph.conv(y, width, width, 3)
            if stride != 1 or channels != width:
                x = graph.conv(x, channels, width, 1, stride)
            x, channels = graph.node("Relu", graph.node("Add", y, x)), width
    return classifier(graph, x, channels)


def mobilenetv2(graph):
    """Sandler et al. (2018), table 2, as torchvision has it."""
    limits = graph.weight(0.0, "min"), graph.weight(6.0, "max")

    def relu6(x):
        return graph.node("Clip", x, *limits)

    x, channels = relu6(graph.conv("input", 3, 32, 3, stride=2)), 32
    blocks = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    for expansion, width, count, first_stride in blocks:
        for stride in [first_stride] + [1] * (count - 1):
            y, hidden = x, channels * expansion
            if expansion != 1:
                y = relu6(graph.conv(y, channels, hidden, 1))
            y = relu6(graph.conv(y, hidden, hidden, 3, stride, group=hidden))
            y = graph.conv(y, hidden, width, 1)
            x = graph.node("Add", x, y) if stride == 1 and channels == width else y
            channels = width
    return classifier(graph, relu6(graph.conv(x, channels, 1280, 1)), 1280)


def classifier(graph, x, channels):
    graph.gemm(graph.node("Flatten", graph.node("GlobalAveragePool", x), axis=1), channels, 1000)
    return graph.model(IMAGE, "logits", 1000)


def trivial(graph):
    """One addition: what a packed model costs without its weights."""
    graph.node("Add", "input", graph.weight([1.0]))
    return graph.model(["batch", 1], "output", 1)


def estimator(name):
    """The scikit-learn models; at depth 8 the forest has 24,793 leaves, a usual size for a served one."""
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    return {
        "forest200": lambda: RandomForestClassifier(200, max_depth=8, random_state=0),
        "gbdt100": lambda: GradientBoostingClassifier(n_estimators=100, random_state=0),
        "logreg": lambda: LogisticRegression(max_iter=1000),
    }[name]()


def tabular(name):
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.datasets import make_classification

    rows, labels = make_classification(4000, FEATURES, n_informative=12, n_redundant=4, flip_y=0.1, random_state=0)
    fitted = estimator(name).fit(rows.astype(np.float32), labels)
    model = convert_sklearn(
        fitted, name, [("input", FloatTensorType([None, FEATURES]))], target_opset=OPSETS, options={"zipmap": False}
    )
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    return model


def churn():
    """The served model without its last node, ZipMap: not every runtime can return a dictionary for each row."""
    model = onnx.load(ROOT / "models/churn/1/model.onnx")
    (zipmap,) = [node for node in model.graph.node if node.op_type == "ZipMap"]
    model.graph.node.remove(zipmap)
    for node in model.graph.node:
        node.output[:] = [zipmap.output[0] if name == zipmap.input[0] else name for name in node.output]
    kept = [output for output in model.graph.output if output.name != zipmap.output[0]]
    del model.graph.output[:]
    output = helper.make_tensor_value_info(zipmap.output[0], TensorProto.FLOAT, ["batch", 2])
    model.graph.output.extend([*kept, output])
    return model


def many(folder, count):
    """Writes logistic regressions with coefficients of their own."""
    base = tabular("logreg")
    attributes = {attribute.name: attribute for attribute in base.graph.node[0].attribute}
    for number in range(count):
        name = f"logreg{number:04}"
        target = folder / name / "1" / "model.onnx"
        if target.exists():
            continue
        weights = seeded(name).standard_normal(FEATURES)
        attributes["coefficients"].floats[:] = [*-weights, *weights]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(base.SerializeToString(deterministic=True))
    print(f"{count} models in {folder}", flush=True)


def quantized(name, folder, layout):
    """Quantizes a built model to int8 with ONNX Runtime's own tool: weights by channel, activations to unsigned bytes."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    source, target = name.rsplit("_", 1)[0], folder / f"{name}.onnx"
    shape = [dim.dim_value or 1 for dim in onnx.load(folder / f"{source}.onnx").graph.input[0].type.tensor_type.shape.dim]
    random = seeded(name)

    class Calibration(CalibrationDataReader):
        left = CALIBRATION_IMAGES

        def get_next(self):
            self.left -= 1
            return None if self.left < 0 else {"input": random.standard_normal(shape, dtype=np.float32)}

    quantize_static(
        folder / f"{source}.onnx",
        target,
        Calibration(),
        quant_format=QuantFormat.QDQ if layout == "qdq" else QuantFormat.QOperator,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
    )


NETS = {"mlp": mlp, "resnet18": resnet18, "mobilenetv2": mobilenetv2, "trivial": trivial}
TABULAR = {name: partial(tabular, name) for name in ("forest200", "gbdt100", "logreg")} | {"churn": churn}
QUANTIZED = ["mlp_qlinear", "resnet18_qdq", "mobilenetv2_qdq"]


def build(name, folder):
    target = folder / f"{name}.onnx"
    if target.exists():
        return
    if name in QUANTIZED:
        build(name.rsplit("_", 1)[0], folder)
        quantized(name, folder, name.rsplit("_", 1)[1])
    else:
        model = NETS[name](Graph(name)) if name in NETS else TABULAR[name]()
        onnx.checker.check_model(model, full_check=True)
        target.write_bytes(model.SerializeToString(deterministic=True))
    print(f"built {target}, {target.stat().st_size} bytes", flush=True)


def main():
    parser = argparse.ArgumentParser(description="Build the models that the benchmarks measure.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help="which (default: all)")
    parser.add_argument("--many", type=int, help="how many logistic regressions to write instead")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    if args.many:
        return many(args.folder, args.many)
    for name in args.names or [*NETS, *TABULAR, *QUANTIZED]:
        build(name, args.folder)


if __name__ == "__main__":
    main()
