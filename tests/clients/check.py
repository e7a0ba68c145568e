"""Public clients of the Open Inference Protocol, unmodified, against a running server.

Its models: `every` gives back each of its inputs, one of each datatype, `[N, 2]`; `plain` the same without FP16,
which JSON does not have; `scale` multiplies `[N, M]` by a scalar; `digits` is a classifier.
"""

import asyncio
import sys

import numpy as np

TYPES = {
    "BOOL": np.bool_, "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64,
    "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64,
    "FP16": np.float16, "FP32": np.float32, "FP64": np.float64, "BYTES": np.object_,
}
PLAIN = [datatype for datatype in TYPES if datatype != "FP16"]


def sample(datatype, rows):
    """Values at the edges of a datatype, `[rows, 2]`."""
    kind = TYPES[datatype]
    if datatype == "BYTES":
        values = ["äöü", "", "one\ntwo", "x" * 1000]
    elif datatype == "BOOL":
        values = [True, False]
    elif datatype.startswith("FP"):
        values = [-0.5, 0.0, 1.5, float(np.finfo(kind).max)]
    else:
        values = [np.iinfo(kind).min, np.iinfo(kind).max, 1]
    return np.array([values[ix % len(values)] for ix in range(2 * rows)], dtype=kind).reshape(rows, 2)


def same(came, expected):
    """Whether the arrays are the same; strings come as bytes or as text."""
    text = lambda value: value.decode() if isinstance(value, bytes) else value
    came, expected = np.asarray(came), np.asarray(expected)
    if expected.dtype == np.object_:
        came = np.array([text(value) for value in came.reshape(-1)], dtype=np.object_).reshape(came.shape)
    assert came.shape == expected.shape, (came.shape, expected.shape)
    assert (came == expected).all(), (came, expected)


def triton(address):
    import tritonclient.http as http
    from tritonclient.utils import InferenceServerException

    client = http.InferenceServerClient(address)
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("every", "1")
    assert not client.is_model_ready("nothing")
    extensions = client.get_server_metadata()["extensions"]
    assert {"binary_tensor_data", "classification", "model_repository"} <= set(extensions), extensions
    metadata = client.get_model_metadata("every")
    assert {tensor["datatype"] for tensor in metadata["inputs"]} == set(TYPES)
    config = client.get_model_config("scale")
    assert [tensor["dims"] for tensor in config["input"]] == [[-1, -1], [1]], config

    statistics = client.get_inference_statistics("every")["model_stats"]
    assert [entry["name"] for entry in statistics] == ["every"], statistics

    def given(name, array, datatype, binary):
        tensor = http.InferInput(name, array.shape, datatype)
        tensor.set_data_from_numpy(array, binary_data=binary)
        return tensor

    for rows in (1, 3, 300):
        arrays = {datatype: sample(datatype, rows) for datatype in TYPES}
        inputs = [given(name, array, name, True) for name, array in arrays.items()]
        for algorithm in (None, "gzip", "deflate"):
            result = client.infer(
                "every", inputs, request_id="7", model_version="1",
                request_compression_algorithm=algorithm, response_compression_algorithm=algorithm,
            )
            assert result.get_response()["id"] == "7"
            for name, array in arrays.items():
                same(result.as_numpy(f"{name}_out"), array)
        inputs = [given(name, arrays[name], name, False) for name in PLAIN]
        outputs = [http.InferRequestedOutput(f"{name}_out", binary_data=False) for name in reversed(PLAIN)]
        result = client.infer("plain", inputs, outputs=outputs, priority=1, timeout=1_000_000)
        assert [output["name"] for output in result.get_response()["outputs"]] == [f"{n}_out" for n in reversed(PLAIN)]
        for name in PLAIN:
            same(result.as_numpy(f"{name}_out"), arrays[name])

    for shape in ((1, 1), (5, 3), (0, 4)):
        matrix = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
        inputs = [given("by", np.array([2], np.float32), "FP32", False), given("x", matrix, "FP32", True)]
        if 0 in shape:
            refused(InferenceServerException, lambda: client.infer("scale", inputs), "x")
        else:
            same(client.infer("scale", inputs).as_numpy("y"), 2 * matrix)

    image = given("image", np.zeros((2, 1, 8, 8), np.float32), "FP32", True)
    plain = client.infer("digits", [image]).as_numpy("probabilities")
    for binary in (True, False):
        output = http.InferRequestedOutput("probabilities", binary_data=binary, class_count=3)
        classes = client.infer("digits", [image], outputs=[output]).as_numpy("probabilities")
        assert classes.shape == (2, 3), classes
        for row, ranked in zip(plain, classes):
            cells = [cell.decode() if isinstance(cell, bytes) else cell for cell in ranked]
            pairs = [(float(value), int(index)) for value, index, *_ in (cell.split(":") for cell in cells)]
            order = np.argsort(-row, kind="stable")[:3]
            assert [index for _, index in pairs] == order.tolist(), (row, ranked)
            same(np.array([value for value, _ in pairs], np.float32), row[order])

    refused(InferenceServerException, lambda: client.infer("nothing", [image]), "nothing", "404")
    refused(InferenceServerException, lambda: client.infer("digits", []), "image", "400")
    refused(InferenceServerException, lambda: client.load_model("nothing"), "nothing", "404")
    client.unload_model("digits")
    assert not client.is_model_ready("digits")
    states = {entry["name"]: entry["state"] for entry in client.get_model_repository_index()}
    assert states == {"digits": "UNAVAILABLE", "every": "READY", "plain": "READY", "scale": "READY"}, states
    client.load_model("digits")
    same(client.infer("digits", [image]).as_numpy("probabilities"), plain)
    client.close()


async def kserve(base):
    import httpx
    from kserve import InferenceRESTClient, InferInput, InferRequest
    from kserve.inference_client import RESTConfig
    from kserve.protocol.infer_type import RequestedOutput

    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        assert await client.is_server_live(base) and await client.is_server_ready(base)
        assert await client.is_model_ready(base, "every")
        assert not await client.is_model_ready(base, "nothing")

        async def ask(model, arrays, binary):
            inputs = []
            for name, array in arrays.items():
                inputs.append(InferInput(name, list(array.shape), name))
                inputs[-1].set_data_from_numpy(array, binary_data=binary)
            outputs = [RequestedOutput(f"{name}_out", {"binary_data": binary}) for name in arrays]
            request = InferRequest(model, inputs, request_id="7", request_outputs=outputs)
            answer = await client.infer(base, request, model_name=model)
            assert answer.id == "7" and answer.model_name == model
            return {output.name: output for output in answer.outputs}

        for rows in (1, 3):
            for model, datatypes, binary in (("every", list(TYPES), True), ("plain", PLAIN, False)):
                arrays = {datatype: sample(datatype, rows) for datatype in datatypes}
                outputs = await ask(model, arrays, binary)
                for name, array in arrays.items():
                    same(outputs[f"{name}_out"].as_numpy(), array)

        try:
            await client.infer(base, {"inputs": []}, model_name="every")
        except httpx.HTTPStatusError as error:
            assert error.response.status_code == 400 and "missing" in str(error), error
        else:
            raise AssertionError("an empty request was answered")


def open_inference(base):
    from open_inference.openapi.client import InferenceRequest, OpenInferenceClient
    from open_inference.openapi.core.api_error import ApiError
    from open_inference.openapi.errors import BadRequestError

    client = OpenInferenceClient(base_url=base)
    client.check_server_liveness()
    client.check_server_readiness()
    client.check_model_readiness("plain")
    client.check_model_version_readiness("plain", "1")
    assert client.read_server_metadata().name == "edgewit"
    for metadata in (client.read_model_metadata("plain"), client.read_model_version_metadata("plain", "1")):
        assert {tensor.datatype for tensor in metadata.inputs} == set(PLAIN)

    def request(arrays):
        inputs = [
            {"name": name, "shape": list(array.shape), "datatype": name, "data": array.tolist()}
            for name, array in arrays.items()
        ]
        return InferenceRequest(id="7", inputs=inputs, outputs=[{"name": f"{name}_out"} for name in arrays])

    for rows in (1, 3):
        # The client makes floats of whole numbers, so they are ones that a double has.
        arrays = {name: sample(name, rows) for name in PLAIN}
        for name in ("INT64", "UINT64"):
            arrays[name] = np.full((rows, 2), 2**53, TYPES[name])
        every = request(arrays)
        for answer in (client.model_infer("plain", request=every),
                       client.model_version_infer("plain", "1", request=every)):
            assert answer.id == "7"
            for output in answer.outputs:
                name = output.datatype
                values = [value.__root__ if hasattr(value, "__root__") else value for value in output.data.__root__]
                same(np.array(values, dtype=TYPES[name]).reshape(output.shape), arrays[name])
    refused(BadRequestError, lambda: client.model_infer("plain", request=InferenceRequest(inputs=[])), "missing")
    refused(ApiError, lambda: client.model_infer("nothing", request=every), "nothing", "404")


def refused(kind, call, words, status=""):
    try:
        call()
    except kind as error:
        assert words in str(error) and status in str(error), error
    else:
        raise AssertionError(f"expected {kind.__name__} with {words!r}")


def main():
    client, base = sys.argv[1:]
    if client == "tritonclient":
        triton(base.removeprefix("http://"))
    elif client == "kserve":
        asyncio.run(kserve(base))
    else:
        open_inference(base)


main()
