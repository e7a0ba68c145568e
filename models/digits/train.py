"""Trains the digits model, a small convolutional network, and writes models/digits/1.

The steps: hold rows out, train with JAX in float32, compute the golden probabilities with the same function in float64,
build the ONNX graph by hand, assert that ONNX Runtime agrees on every held-out row, write the folder.
"""

import argparse
import sys
from importlib.resources import files
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, f1_score, log_loss
from sklearn.model_selection import train_test_split

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from common import check_against_onnxruntime, library_versions, sha256, write_model  # noqa: E402

SOURCE = "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits (its test set)"
SEED = 0
EPOCHS = 40
BATCH = 64
GOLDEN_ROWS = 250
BRIGHTEST = 16
CHANNELS = (16, 32)
CLASSES = 10


def split():
    """Holds a quarter of the images out. Returns images [n, 1, 8, 8] of 0 to 16 and labels [n], each in two parts."""
    digits = load_digits()
    images = digits.images.astype(np.float32)[:, np.newaxis]
    return train_test_split(images, digits.target, test_size=0.25, stratify=digits.target, random_state=SEED)


def initialise(key):
    """Makes the weights: normal with variance 2 / fan-in (He et al., 2015), biases zero."""
    first, second = CHANNELS
    shapes = {"conv1": (first, 1, 3, 3), "conv2": (second, first, 3, 3), "dense": (CLASSES, second * 4 * 4)}
    weights = {}
    for name, shape in shapes.items():
        key, draw = jax.random.split(key)
        deviation = np.sqrt(2 / np.prod(shape[1:]))
        weights[f"{name}_weight"] = deviation * jax.random.normal(draw, shape, dtype=jnp.float32)
        weights[f"{name}_bias"] = jnp.zeros(shape[0], dtype=jnp.float32)
    return weights


def logits(weights, images):
    """Computes logits [n, 10] from images [n, 1, 8, 8], in the precision of its arguments."""
    x = jax.nn.relu(convolve(weights, "conv1", images / BRIGHTEST))
    x = x.reshape(*x.shape[:2], 4, 2, 4, 2).max(axis=(3, 5))
    x = jax.nn.relu(convolve(weights, "conv2", x))
    return x.reshape(len(x), -1) @ weights["dense_weight"].T + weights["dense_bias"]


def convolve(weights, name, x):
    """Convolves 3x3 with padding 1, layout NCHW."""
    y = jax.lax.conv(x, weights[f"{name}_weight"], window_strides=(1, 1), padding="SAME")
    return y + weights[f"{name}_bias"][:, np.newaxis, np.newaxis]


def fit(images, labels):
    """Trains with Adam and a cosine schedule on shuffled batches, each image shifted by up to one pixel."""
    steps_per_epoch = len(images) // BATCH
    optimiser = optax.adam(optax.cosine_decay_schedule(3e-3, EPOCHS * steps_per_epoch))
    weights = initialise(jax.random.key(SEED))
    state = optimiser.init(weights)
    order = np.random.default_rng(SEED)

    def loss(weights, images, labels):
        return optax.softmax_cross_entropy_with_integer_labels(logits(weights, images), labels).mean()

    @jax.jit
    def step(weights, state, images, labels):
        updates, state = optimiser.update(jax.grad(loss)(weights, images, labels), state)
        return optax.apply_updates(weights, updates), state

    for _ in range(EPOCHS):
        rows = order.permutation(len(images))[: steps_per_epoch * BATCH]
        for batch in rows.reshape(steps_per_epoch, BATCH):
            shifted = shift(images[batch], *order.integers(-1, 2, size=2))
            weights, state = step(weights, state, shifted, labels[batch])
    return {name: np.asarray(value) for name, value in weights.items()}


def shift(images, down, right):
    """Shifts images by at most one pixel; what leaves is lost, what enters is 0."""
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return padded[:, :, 1 - down : 9 - down, 1 - right : 9 - right]


def predict(weights, images):
    """Computes probabilities [n, 10] in float64, the reference that ONNX Runtime has no part in."""
    with jax.enable_x64(True):
        exact = {name: jnp.asarray(value, dtype=jnp.float64) for name, value in weights.items()}
        return np.asarray(jax.nn.softmax(logits(exact, jnp.asarray(images, dtype=jnp.float64))))


def export(weights):
    """Builds the ONNX graph: `image` [N, 1, 8, 8] of 0 to 16 -> `probabilities` [N, 10], `label` [N]."""
    same = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Div", ["image", "brightest"], ["scaled"]),
        helper.make_node("Conv", ["scaled", "conv1_weight", "conv1_bias"], ["conv1"], **same),
        helper.make_node("Relu", ["conv1"], ["relu1"]),
        helper.make_node("MaxPool", ["relu1"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["pooled", "conv2_weight", "conv2_bias"], ["conv2"], **same),
        helper.make_node("Relu", ["conv2"], ["relu2"]),
        helper.make_node("Flatten", ["relu2"], ["flat"], axis=1),
        helper.make_node("Gemm", ["flat", "dense_weight", "dense_bias"], ["logits"], transB=1),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
    ]
    initialisers = weights | {"brightest": np.float32(BRIGHTEST)}
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["N"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", CLASSES]),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in sorted(initialisers.items())],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def describe_model(train, held_out, metrics):
    """Makes model.toml."""
    return {
        "name": "digits",
        "version": "1",
        "task": "classification",
        "description": "Which handwritten digit is on this image of 8 by 8 pixels?",
        "labels": [str(digit) for digit in range(CLASSES)],
        "outputs": {"label": "label", "probability": "probabilities"},
        "features": [
            {
                "name": "image",
                "description": "one channel of 8 rows of 8 pixels, 0 for paper and 16 for ink",
                "min": 0.0,
                "max": float(BRIGHTEST),
                "default": to_json(held_out[0]),
            }
        ],
        "metrics": {name: round(float(value), 6) for name, value in metrics.items()},
        "training": {
            "data": "Optical recognition of handwritten digits, as scikit-learn's load_digits",
            "source": SOURCE,
            "licence": "CC-BY-4.0",
            "data_sha256": sha256(files("sklearn.datasets.data") / "digits.csv.gz"),
            "rows": len(train),
            "held_out_rows": len(held_out),
            "script": "models/digits/train.py",
            "libraries": library_versions("jax", "jaxlib", "numpy", "onnx", "optax", "scikit-learn"),
        },
    }


def to_json(image):
    """Gives an image [1, 8, 8] as nested lists of integers, which its pixels are."""
    return image.astype(int).tolist()


def main():
    parser = argparse.ArgumentParser(description="Train the digits model. The data comes with scikit-learn.")
    parser.add_argument("--out", type=Path, default=HERE / "1", help="folder to write (default: models/digits/1)")
    args = parser.parse_args()

    train, held_out, train_label, held_out_label = split()
    weights = fit(train, train_label)
    probabilities = predict(weights, held_out)
    predicted = probabilities.argmax(axis=1)
    metrics = {
        "accuracy": accuracy_score(held_out_label, predicted),
        "f1_macro": f1_score(held_out_label, predicted, average="macro"),
        "log_loss": log_loss(held_out_label, probabilities),
    }
    model = export(weights)
    worst = check_against_onnxruntime(model, {"image": held_out}, predicted, probabilities)

    rows = [{"image": to_json(image)} for image in held_out[:GOLDEN_ROWS]]
    cases = list(zip(rows, map(str, predicted), probabilities))
    write_model(args.out, model, describe_model(train, held_out, metrics), cases)
    print({name: round(float(value), 4) for name, value in metrics.items()})
    print(f"ONNX Runtime differs by at most {worst:.1e} over {len(held_out)} rows; {len(cases)} golden cases")


if __name__ == "__main__":
    main()
