"""ONNX Runtime's native build, one thread: loads a model, times it and tells its outputs, as bench/src/sides/peer.rs asks.

A request is a line of JSON on standard input, its answer a line on standard output.
"""

import json
import platform
import sys
import time

import numpy as np
import onnxruntime

DTYPES = {"FP32": np.float32, "FP64": np.float64, "INT64": np.int64, "BYTES": object}


class Peer:
    def version(self):
        return f"onnxruntime {onnxruntime.__version__}, Python {platform.python_version()}"

    def load(self, model, inputs):
        """Loads a model; `inputs` is a list of sets of tensors, each a prediction."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.sets = [{tensor["name"]: to_array(tensor) for tensor in tensors} for tensors in inputs]

    def time(self, runs):
        """Returns the seconds that `runs` predictions took."""
        run, sets = self.session.run, self.sets
        start = time.perf_counter()
        for number in range(runs):
            run(None, sets[number % len(sets)])
        return time.perf_counter() - start

    def outputs(self):
        """Returns the outputs for every set."""
        return [[to_values(value) for value in self.session.run(None, tensors)] for tensors in self.sets]


def to_array(tensor):
    return np.array(tensor["data"], dtype=DTYPES[tensor["datatype"]]).reshape(tensor["shape"])


def to_values(array):
    if array.dtype.kind == "f":
        return {"numbers": array.ravel().tolist()}
    return {"exact": [str(value) for value in array.ravel()]}


def main():
    peer = Peer()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"done": getattr(peer, request.pop("do"))(**request)}
        except Exception as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
