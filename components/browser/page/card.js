// The model card: what the manifest and the ONNX file say.

import { find, make } from "./dom.js";
import { number } from "./format.js";
import { model } from "./model.js";
import { describe, word } from "./words.js";

const plain = (value) => (typeof value === "number" ? number(value, 6) : typeof value === "object" ? Object.entries(value).map(([key, value]) => `${key} ${plain(value)}`).join(", ") : String(value));

const shape = (tensor) => `${tensor.name} ${tensor.datatype} [${tensor.shape.map((axis) => (axis < 0 ? "N" : axis)).join(", ")}]`;

const list = (title, entries) => entries.length > 0 && make("div", {},
  make("h3", { text: title }),
  make("dl", {}, ...entries.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })])));

export const card = (build) => {
  const { metrics = {}, training = {} } = model.manifest;
  const named = (value) => Object.entries(value).map(([name, value]) => [name.replaceAll("_", " "), plain(value)]);
  const about = [
    [word("model"), model.name], [word("version"), model.version], [word("digest"), model.digest],
    ...(model.labels.length ? [[word("classes"), model.labels.join(", ")]] : []),
    [word("inputs"), model.inputs.map(shape).join("; ")], [word("outputs"), model.outputs.map(shape).join("; ")],
    [word("operators"), model.operators.map(([name, nodes]) => `${name} × ${nodes}`).join(", ")],
    [word("build"), `${build ?? "–"}, Edgewit ${model.edgewit}`],
  ];
  find("card").replaceChildren(
    make("h2", { id: "card-title", text: word("card") }),
    make("p", { text: describe() }),
    make("div", { class: "lists" }, list(word("metrics"), named(metrics)), list(word("training"), named(training)), list(word("model"), about)));
};
