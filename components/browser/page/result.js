// The prediction, with a bar for each class, what the server says of the same row, and the predictions before.

import { draw, find, make, picture } from "./dom.js";
import { measure, number, percent, scale } from "./format.js";
import { model } from "./model.js";
import { featureOf, labelOf, word } from "./words.js";

// Classes that are shown: all of a few, else the likeliest.
const SHOWN = 5;
// Entries of the history, and how long a value must stay before it is one.
const KEPT = 40;
const LISTED = 5;
const SETTLED = 600;

const name = (answer) => {
  if (answer.label !== undefined) return labelOf(answer.label);
  if (Array.isArray(answer.prediction)) return answer.prediction.map((value) => number(value)).join(", ");
  if (answer.prediction && typeof answer.prediction === "object") return undefined;
  return answer.prediction === null ? "–" : number(answer.prediction, 6);
};

const inShort = (answer) => [name(answer), answer.confidence !== undefined && percent(answer.confidence)].filter(Boolean).join(" · ");

const bars = ({ probability }) => {
  const classes = probability.map((value, ix) => ({ value, ix, label: labelOf(model.labels[ix] ?? ix) }));
  const shown = classes.length > SHOWN ? classes.sort((a, b) => b.value - a.value).slice(0, SHOWN) : classes;
  return make("ul", { class: "bars" }, ...shown.map(({ value, ix, label }) => {
    const bar = make("span", { class: "bar", "aria-hidden": "true" }, make("span"));
    bar.firstChild.style.inlineSize = `${100 * (value ?? 0)}%`;
    return make("li", { "data-class": ix }, make("span", { class: "name", text: label }), bar, make("span", { class: "share", text: percent(value ?? NaN) }));
  }));
};

const answered = ({ answer, took }, where) => {
  const headline = name(answer);
  return make("div", { class: "answer", "data-where": where },
    where && make("h3", { text: word(where) }),
    headline === undefined ? make("pre", { text: JSON.stringify(answer.prediction, null, 1) }) : make("p", { class: "headline", text: headline }),
    answer.probability && bars(answer),
    make("p", { class: "hint took", text: took > 0 ? word("took", number(took, 3)) : word("quick") }));
};

const failed = (error, where) => make("div", { class: "answer", "data-where": where },
  where && make("h3", { text: word(where) }), make("p", { class: "problem", text: error.message }));

const equal = (a, b) => ["prediction", "label", "probability"].every((field) => JSON.stringify(a[field]) === JSON.stringify(b[field]));

export class Result {
  #history = [];
  #timer;
  #before;
  #restore;

  constructor(restore) {
    this.#restore = restore;
    find("result").replaceChildren(
      make("h2", { id: "result-title", text: word("result") }),
      make("div", { id: "answers", role: "status" }, make("p", { class: "hint", text: word("loading") })),
      make("div", { id: "history" }));
    this.#draw();
  }

  // `answers` holds { answer, took } or an error under `here` and `server`.
  show(answers, row) {
    const asked = Object.entries(answers);
    const parts = asked.map(([where, result]) => {
      const shown = asked.length > 1 ? where : undefined;
      return result instanceof Error ? failed(result, shown) : answered(result, shown);
    });
    const both = asked.map(([, result]) => result.answer).filter(Boolean);
    const verdict = both.length === 2 && make("p", { class: "verdict", text: word(equal(...both) ? "same" : "differ") });
    const [[, first]] = asked;
    this.#tell(first instanceof Error ? first.message : inShort(first.answer), make("div", { class: "answers" }, ...parts), ...(verdict ? [verdict] : []));
    if (both.length) this.#timer = setTimeout(() => this.#keep(both[0], row), SETTLED);
  }

  fail(text) {
    this.#tell(text, make("p", { class: "problem", text }));
  }

  // On a narrow screen the answers are below the form, which says at its lower edge in short what they are.
  #tell(short, ...parts) {
    clearTimeout(this.#timer);
    find("answers").replaceChildren(...parts);
    find("glance").textContent = short;
  }

  #keep(answer, row) {
    const before = this.#before;
    this.#before = row;
    if (before && changed(before, row).length === 0) return;
    this.#history = [...this.#history, { answer, row, what: before && changes(before, row) }].slice(-KEPT);
    this.#draw();
  }

  #draw() {
    if (!this.#history.length) return find("history").replaceChildren();
    const label = this.#history.at(-1).answer.label === undefined ? undefined : model.labels.length === 2 ? model.labels[1] : this.#history.at(-1).answer.label;
    const values = this.#history.map(({ answer }) => measure(answer, model.labels, label));
    const items = this.#history.slice(-LISTED - 1, -1).reverse().map(({ answer, row, what }) => make("li", {},
      make("span", {}, `${name(answer) ?? ""} `, make("small", { text: what ?? "" })),
      make("button", { type: "button", class: "quiet", text: word("restore"), onclick: () => this.#restore(row) })));
    find("history").replaceChildren(make("h3", { text: word("history") }), line(values, label), make("ol", {}, ...items));
  }
}

// A picture that was drawn again is another list.
const changed = (before, row) => model.features.filter(({ name }) => before[name] !== row[name]);

const changes = (before, row) => {
  const [feature, ...others] = changed(before, row);
  if (others.length) return `${others.length + 1} ×`;
  if (feature.shape) return undefined;
  const { name, category } = featureOf(feature);
  const value = row[feature.name];
  return `${name}: ${value === undefined ? word("missing") : feature.categories ? category(value) : number(value)}`;
};

const line = (values, label) => {
  const known = values.filter(Number.isFinite);
  const range = label === undefined ? [Math.min(...known), Math.max(...known)] : [0, 1];
  const [x, y] = [scale([0, Math.max(1, values.length - 1)], [4, 296]), scale(range, [44, 4])];
  const points = values.map((value, ix) => Number.isFinite(value) && `${x(ix).toFixed(1)},${y(value).toFixed(1)}`).filter(Boolean);
  const title = label === undefined ? word("history") : `${word("history")}: ${word("of")} ${labelOf(label)}`;
  const [cx, cy] = (points.at(-1) ?? "0,0").split(",");
  return picture(300, 48, title, draw("polyline", { points: points.join(" "), class: "line" }), draw("circle", { cx, cy, r: 3.5, class: "dot" }));
};
