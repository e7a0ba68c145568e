// A form of the model's features, each with the widget that its values ask for.

import { find, make } from "./dom.js";
import { number } from "./format.js";
import { model } from "./model.js";
import { canvas, isPicture } from "./picture.js";
import { featureOf, word } from "./words.js";

// Pairs of categories that are off and on.
const SWITCHES = [["no", "yes"], ["0", "1"], ["false", "true"], ["off", "on"]];

// A category as JSON text, so that 1 and "1" stay apart.
const key = (value) => JSON.stringify(value);

const offAndOn = ({ categories = [] }) => {
  const named = (name) => categories.find((category) => String(category).toLowerCase() === name);
  const pair = SWITCHES.find((names) => categories.length === 2 && names.every((name) => named(name) !== undefined));
  return pair?.map(named);
};

export const isNumber = (feature) =>
  !feature.shape && !feature.categories && feature.datatype !== "BYTES" && feature.datatype !== "BOOL";

// The step between values: whole numbers, or as many decimals as the manifest's own numbers have.
export const stepOf = (feature) => {
  if (!feature.datatype.startsWith("FP")) return 1;
  const decimals = [feature.min, feature.max, feature.default].map((value) => String(value ?? "").split(".")[1]?.length ?? 0);
  const known = [feature.min, feature.max, feature.default].some((value) => value !== undefined);
  return known ? 10 ** -Math.max(...decimals) : "any";
};

// Each gives { element, read, write } for the control with the id that its label names.
const widgets = {
  toggle(feature, id, [off, on]) {
    const box = make("input", { type: "checkbox", role: "switch", id });
    return { element: box, read: () => (box.checked ? on : off), write: (value) => (box.checked = value === on) };
  },
  choice(feature, id) {
    const { category } = featureOf(feature);
    const options = feature.categories.map((value) => make("option", { value: key(value), text: category(value) }));
    const missing = feature.nullable && make("option", { value: "null", text: `(${word("missing")})` });
    const select = make("select", { id }, missing, ...options);
    return { element: select, read: () => JSON.parse(select.value), write: (value) => (select.value = key(value ?? null)) };
  },
  number(feature, id) {
    const { name, unit } = featureOf(feature);
    const step = stepOf(feature);
    const placeholder = feature.nullable ? word("missing") : undefined;
    const input = make("input", { type: "number", id, step, inputmode: "decimal", placeholder });
    const parts = [input];
    let slider;
    if (feature.min !== undefined && feature.max !== undefined) {
      const label = unit ? `${name} (${unit})` : name;
      slider = make("input", { type: "range", min: feature.min, max: feature.max, step, "aria-label": label });
      slider.addEventListener("input", () => (input.value = slider.value));
      input.addEventListener("input", () => input.value && (slider.value = input.value));
      parts.unshift(slider);
    }
    // What is typed but is no number reads as text, so that the answer says what is wrong with it.
    const read = () => (input.value === "" ? (input.validity.badInput ? "" : null) : Number(input.value));
    const write = (value) => {
      input.value = value ?? "";
      if (slider && value !== null) slider.value = value;
    };
    return { element: make("span", { class: "number" }, ...parts), read, write };
  },
  text(feature, id) {
    const input = make("input", { type: "text", id, autocomplete: "off" });
    return { element: input, read: () => (input.value === "" && feature.nullable ? null : input.value), write: (value) => (input.value = value ?? "") };
  },
  // Lists of numbers are written as JSON.
  list(feature, id) {
    const area = make("textarea", { id, spellcheck: "false", rows: 4 });
    const read = () => {
      try {
        return JSON.parse(area.value);
      } catch {
        return area.value;
      }
    };
    return { element: area, read, write: (value) => (area.value = JSON.stringify(value)) };
  },
};

const widget = (feature, id) => {
  const pair = offAndOn(feature);
  if (isPicture(feature)) return canvas(feature, id);
  if (feature.shape) return widgets.list(feature, id);
  if (pair && !feature.nullable) return widgets.toggle(feature, id, pair);
  if (feature.datatype === "BOOL") return widgets.toggle(feature, id, [false, true]);
  if (feature.categories) return widgets.choice(feature, id);
  return feature.datatype === "BYTES" ? widgets.text(feature, id) : widgets.number(feature, id);
};

const field = (feature, control, id) => {
  const { name, description, unit } = featureOf(feature);
  const usual = isNumber(feature) && feature.min !== undefined && feature.max !== undefined
    && word("usual", number(feature.min, 6), number(feature.max, 6));
  const hint = [description, usual].filter(Boolean).join("; ");
  const labelled = control.element.role === "switch" || control.element.getAttribute("role") === "switch";
  return make("div", { class: labelled ? "field switch" : "field", "data-feature": feature.name },
    make("label", { for: id }, name, unit && make("small", { text: ` ${unit}` })),
    control.element,
    hint && make("p", { class: "hint", text: hint }),
    make("p", { class: "problem", id: `${id}-problem`, hidden: true }));
};

// The form; `changed` is called with the name of the feature whose value is another now.
export class Form {
  #controls = new Map();

  constructor(changed) {
    const fields = model.features.map((feature, ix) => {
      const id = `feature-${ix}`;
      const control = widget(feature, id);
      this.#controls.set(feature.name, { control, id });
      const element = field(feature, control, id);
      const target = element.querySelector(`#${id}`);
      const hints = [...element.querySelectorAll(".hint")];
      hints.forEach((hint, ix) => (hint.id = `${id}-hint-${ix}`));
      target.setAttribute("aria-describedby", [...hints.map((hint) => hint.id), `${id}-problem`].join(" "));
      element.addEventListener("input", () => changed(feature.name));
      return element;
    });
    const reset = make("button", { type: "button", class: "quiet", text: word("reset"), onclick: () => {
      this.write(model.sample);
      changed();
    } });
    const wide = model.features.length === 1;
    find("form").replaceChildren(make("div", { class: wide ? "fields wide" : "fields" }, ...fields), fields.length ? reset : make("p", { text: word("norows") }));
    find("form").onsubmit = (event) => event.preventDefault();
  }

  read() {
    const row = {};
    for (const [name, { control }] of this.#controls) {
      const value = control.read();
      if (value !== null) row[name] = value;
    }
    return row;
  }

  write(row) {
    for (const [name, { control }] of this.#controls) control.write(row[name] ?? null);
  }

  // Shows what is wrong beside the feature, or nothing. Whether a feature was named.
  problem(feature, text) {
    for (const [name, { id }] of this.#controls) {
      const place = find(`${id}-problem`);
      place.hidden = name !== feature;
      place.textContent = name === feature ? text : "";
      find(id).toggleAttribute("aria-invalid", name === feature);
      if (name === feature) find(id).setAttribute("aria-invalid", "true");
    }
    return this.#controls.has(feature);
  }
}
