// What if: the prediction against one feature, the others as they are.

import { draw, find, make, picture } from "./dom.js";
import { isNumber, stepOf } from "./form.js";
import { measure, number, percent, scale } from "./format.js";
import { model } from "./model.js";
import { featureOf, labelOf, word } from "./words.js";

const POINTS = 49;
const HEIGHT = 240;

const features = model.features.filter((feature) => !feature.shape && (isNumber(feature) || feature.categories || feature.datatype === "BOOL"));

// The values at which the curve is computed.
const valuesOf = (feature, now) => {
  if (feature.categories) return feature.categories;
  if (feature.datatype === "BOOL") return [false, true];
  const around = typeof now === "number" ? now : feature.default ?? 0;
  const low = feature.min ?? around - Math.max(1, Math.abs(around));
  const high = feature.max ?? around + Math.max(1, Math.abs(around));
  const step = stepOf(feature);
  const value = (ix) => low + ((high - low) * ix) / (POINTS - 1);
  const snap = (value) => (step === "any" ? value : Number((Math.round(value / step) * step).toFixed(10)));
  return [...new Set(Array.from({ length: POINTS }, (_, ix) => snap(value(ix))))];
};

export class Curve {
  #worker;
  #row;
  #busy = false;
  #again = false;
  #feature = features.find(isNumber) ?? features[0];
  #label;
  #box;

  constructor(worker) {
    this.#worker = worker;
    find("curve").hidden = features.length === 0;
    if (!features.length) return;
    const feature = make("select", { id: "curve-feature", onchange: ({ target }) => {
      this.#feature = features[target.selectedIndex];
      this.update();
    } }, ...features.map((feature) => make("option", { text: featureOf(feature).name, selected: feature === this.#feature })));
    // The second of two classes is usually what is asked for.
    this.#label = model.labels.length === 2 ? model.labels[1] : undefined;
    const label = model.labels.length > 1 && make("select", { id: "curve-label", onchange: ({ target }) => {
      this.#label = model.labels[target.selectedIndex];
      this.update();
    } }, ...model.labels.map((label) => make("option", { text: labelOf(label), selected: label === this.#label })));
    this.#label ??= model.labels[0];
    find("curve").replaceChildren(
      make("h2", { id: "curve-title", text: word("curve") }),
      make("div", { class: "choices" },
        make("label", {}, `${word("feature")} `, feature),
        label && make("label", {}, `${word("of")} `, label)),
      make("div", { id: "curve-plot" }));
  }

  // Computed one at a time; of the rows that come meanwhile only the last counts.
  async update(row = this.#row) {
    this.#row = row;
    if (!row || !this.#feature) return;
    if (this.#busy) return void (this.#again = true);
    this.#busy = true;
    do {
      this.#again = false;
      const feature = this.#feature;
      const values = valuesOf(feature, this.#row[feature.name]);
      try {
        const answers = await this.#worker().ask("batch", [values.map((value) => ({ ...this.#row, [feature.name]: value }))]);
        this.#draw(feature, values, answers);
      } catch {
        // The form says what is wrong with the row.
        find("curve-plot").replaceChildren();
      }
    } while (this.#again);
    this.#busy = false;
  }

  #draw(feature, values, answers) {
    const heights = answers.map((answer) => measure(answer, model.labels, this.#label));
    const share = Boolean(answers[0].probability);
    const known = heights.filter(Number.isFinite);
    if (!known.length) return find("curve-plot").replaceChildren();
    const range = share ? [0, 1] : [Math.min(...known), Math.max(...known)];
    // As wide as it is shown, so that its words have the size of others.
    const width = find("curve-plot").clientWidth;
    const box = (this.#box = { left: 52, right: width - 12, top: 12, bottom: HEIGHT - 34 });
    const y = scale(range, [box.bottom, box.top]);
    const text = share ? percent : (value) => number(value);
    const { name, unit, category } = featureOf(feature);
    const title = `${share ? `${word("of")} ${labelOf(this.#label)}` : word("value")} – ${name}: ${text(heights[0])} (${values[0]}), ${text(heights.at(-1))} (${values.at(-1)})`;
    const plain = isNumber(feature);
    const lines = [range[0], (range[0] + range[1]) / 2, range[1]].flatMap((value) => [
      draw("line", { x1: box.left, x2: box.right, y1: y(value), y2: y(value), class: "grid" }),
      draw("text", { x: box.left - 6, y: y(value) + 4, "text-anchor": "end", text: text(value) }),
    ]);
    const marks = plain ? this.#line(values, heights, y, unit) : this.#bars(feature, values, heights, y, category, text);
    find("curve-plot").replaceChildren(picture(width, HEIGHT, title, ...lines, ...marks));
  }

  #line(values, heights, y, unit) {
    const box = this.#box;
    const x = scale([values[0], values.at(-1)], [box.left, box.right]);
    const points = values.map((value, ix) => `${x(value).toFixed(1)},${y(heights[ix]).toFixed(1)}`).join(" ");
    const now = this.#row[this.#feature.name];
    const inside = typeof now === "number" && now >= values[0] && now <= values.at(-1);
    const nearest = values.reduce((best, value, ix) => (Math.abs(value - now) < Math.abs(values[best] - now) ? ix : best), 0);
    return [
      draw("polyline", { points, class: "line" }),
      inside && draw("line", { x1: x(now), x2: x(now), y1: box.top, y2: box.bottom, class: "now" }),
      inside && draw("circle", { cx: x(now), cy: y(heights[nearest]), r: 4.5, class: "dot" }),
      draw("text", { x: box.left, y: HEIGHT - 12, text: number(values[0]) }),
      unit && draw("text", { x: (box.left + box.right) / 2, y: HEIGHT - 12, "text-anchor": "middle", text: unit }),
      draw("text", { x: box.right, y: HEIGHT - 12, "text-anchor": "end", text: number(values.at(-1)) }),
    ];
  }

  #bars(feature, values, heights, y, category, text) {
    const box = this.#box;
    const room = (box.right - box.left) / values.length;
    const characters = Math.max(3, Math.floor(room / 7.5));
    const short = (name) => (name.length > characters ? `${name.slice(0, characters - 1)}…` : name);
    return values.flatMap((value, ix) => {
      const left = box.left + ix * room + room * 0.15;
      const chosen = value === this.#row[feature.name];
      const top = Math.min(y(heights[ix]), box.bottom - 1);
      return [
        draw("rect", { x: left, y: top, width: room * 0.7, height: box.bottom - top, rx: 3, class: chosen ? "column chosen" : "column" }),
        draw("text", { x: left + room * 0.35, y: Math.max(box.top + 10, top - 5), "text-anchor": "middle", text: text(heights[ix]) }),
        draw("text", { x: left + room * 0.35, y: HEIGHT - 14, "text-anchor": "middle", text: short(category(value)) }, draw("title", { text: category(value) })),
      ];
    });
  }
}
