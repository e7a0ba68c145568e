"""The exported model in onnxruntime."""

import numpy as np
import onnx
import onnxruntime
import pandas as pd


class Skip(Exception):
    """The reason why a model is no case."""


def graph_columns(X):
    """The inputs of the graph as name -> array: a column each of a table, else one matrix."""
    if isinstance(X, pd.DataFrame):
        return {name: X[name].to_numpy().reshape(-1, 1) for name in X.columns}
    return {"input": X}


def nodes(onnx_model):
    """All nodes of a model, those of its functions and those inside of loops and branches too."""
    waiting = [*onnx_model.graph.node, *(node for function in onnx_model.functions for node in function.node)]
    while waiting:
        node = waiting.pop(0)
        yield node
        for attribute in node.attribute:
            waiting += attribute.g.node


def class_order(onnx_model):
    """Output name -> class labels of every ZipMap: its maps become a matrix with a column per label."""
    order = {}
    for node in onnx_model.graph.node:
        if node.op_type == "ZipMap":
            labels = [
                list(attribute.ints) + [text.decode() for text in attribute.strings]
                for attribute in node.attribute
            ]
            order[node.output[0]] = sum(labels, [])
    return order


def in_plain_locale(onnx_model):
    """A copy for onnxruntime, which asks the system for the locale of lower-casing; the texts are ASCII."""
    copy = onnx.ModelProto()
    copy.CopyFrom(onnx_model)
    for node in nodes(copy):
        if node.op_type == "StringNormalizer":
            kept = [attribute for attribute in node.attribute if attribute.name != "locale"]
            del node.attribute[:]
            node.attribute.extend([*kept, onnx.helper.make_attribute("locale", "C")])
    return copy


class Runner:
    """The exported model in onnxruntime."""

    def __init__(self, onnx_model):
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        settings.log_severity_level = 4
        self.order = class_order(onnx_model)
        self.session = onnxruntime.InferenceSession(
            in_plain_locale(onnx_model).SerializeToString(), settings, providers=["CPUExecutionProvider"]
        )
        self.inputs = [value.name for value in self.session.get_inputs()]
        self.outputs = [value.name for value in self.session.get_outputs()]

    def feed(self, X):
        """Arrays by the graph's own input names: a lone input may be called anything."""
        columns = graph_columns(X)
        if len(columns) == 1:
            return dict(zip(self.inputs, columns.values()))
        return {name: columns[name] for name in self.inputs}

    def run(self, inputs):
        """The outputs, each as one array."""
        return [self.array(name, value) for name, value in zip(self.outputs, self.session.run(None, inputs))]

    def array(self, name, value):
        if not isinstance(value, list):
            return np.asarray(value)
        if value and isinstance(value[0], dict):
            return np.array([[row[label] for label in self.order[name]] for row in value], dtype=np.float32)
        raise Skip(f"output {name} is a sequence of tensors")
