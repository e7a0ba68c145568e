// A CSV file: dropped, predicted in a worker of its own, shown, and downloaded with the predictions.

import { draw, find, make, picture } from "./dom.js";
import { number, percent, scale, whole } from "./format.js";
import { model } from "./model.js";
import { labelOf, word } from "./words.js";

// Rows that are shown.
const SHOWN = 100;
const PER_FRAME = 5;

export class Table {
  #start;
  #worker;

  // `start` makes a worker.
  constructor(start) {
    this.#start = start;
    find("table").hidden = !model.features.length;
    const names = model.features.map(({ name }) => name).join(", ");
    const file = make("input", { type: "file", id: "file", accept: ".csv,text/csv", onchange: ({ target }) => this.#take(target.files[0]) });
    const sample = new Blob([csv([model.sample])], { type: "text/csv" });
    const drop = make("label", { class: "drop" }, make("span", { class: "button", text: word("choose") }), make("span", { text: word("drop") }), file);
    for (const type of ["dragenter", "dragover"]) {
      drop.addEventListener(type, (event) => {
        event.preventDefault();
        drop.classList.add("over");
      });
    }
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      this.#take(event.dataTransfer.files[0]);
    });
    find("table").replaceChildren(
      make("h2", { id: "table-title", text: word("table") }),
      drop,
      make("p", { class: "hint" }, `${word("hint", names.length > 300 ? `${names.slice(0, 300)} …` : names)} `,
        make("a", { href: URL.createObjectURL(sample), download: `${model.name}.csv`, text: word("example") })),
      make("div", { id: "table-progress" }),
      make("div", { id: "table-summary", role: "status" }),
      make("div", { id: "table-plot" }),
      make("div", { id: "table-rows" }));
  }

  async #take(file) {
    if (!file) return;
    this.#worker?.end();
    const worker = (this.#worker = this.#start());
    const began = performance.now();
    const bar = make("progress", { max: 1, value: 0, "aria-label": file.name });
    const count = make("span");
    const cancel = make("button", { type: "button", class: "quiet", text: word("cancel"), onclick: () => worker.end() });
    find("table-progress").replaceChildren(bar, count, cancel);
    for (const part of ["summary", "plot", "rows"]) find(`table-${part}`).replaceChildren();
    const body = make("tbody");
    // A few rows a frame: laying out many at once would block the page.
    const waiting = [];
    const show = () => {
      if (!waiting.length || this.#worker !== worker) return;
      body.append(...waiting.splice(0, PER_FRAME).map(line));
      requestAnimationFrame(show);
    };
    const report = ({ progress, rows, wrong, classes, header, fresh, bins }) => {
      if (this.#worker !== worker) return;
      bar.value = progress;
      count.textContent = word("rows", whole(rows));
      if (fresh.length && !body.parentElement) find("table-rows").replaceChildren(...frame(header, body));
      waiting.push(...fresh);
      show();
      find("table-plot").replaceChildren(...plots(classes, bins, rows - wrong));
    };
    try {
      const { rows, wrong, csv } = await worker.ask("table", [file, SHOWN], report);
      const seconds = number((performance.now() - began) / 1000, 2);
      const name = file.name.replace(/(\.csv)?$/i, "-predicted.csv");
      find("table-summary").replaceChildren(
        make("p", {}, word("done", whole(rows), seconds), wrong > 0 && make("strong", { text: ` ${word("wrong", whole(wrong))}.` })),
        make("a", { class: "button", href: URL.createObjectURL(csv), download: name, text: word("download") }));
    } catch (error) {
      const text = error.name === "AbortError" ? word("cancelled") : error.message;
      if (this.#worker === worker) find("table-summary").replaceChildren(make("p", { class: "problem", text }));
    } finally {
      worker.end();
      if (this.#worker === worker) find("table-progress").replaceChildren();
      find("file").value = "";
    }
  }
}

// A row in a CSV file. Lists of numbers are written as JSON.
const csv = (rows) => {
  const cell = (value) => {
    const text = typeof value === "object" && value !== null ? JSON.stringify(value) : String(value ?? "");
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const names = Object.keys(rows[0] ?? {});
  return [names, ...rows.map((row) => names.map((name) => row[name]))].map((line) => line.map(cell).join(",")).join("\n");
};

// The columns have widths of their own: the browser would else measure every cell again for each row that is added.
const frame = (header, body) => {
  const own = [word("line"), word("result"), ...(model.labels.length ? [word("of").split(" ")[0]] : [])];
  const widths = [7, 18, 14].slice(0, own.length).concat(header.map((text) => Math.min(24, Math.max(9, text.length + 5))));
  const columns = widths.map((width) => {
    const column = make("col");
    column.style.inlineSize = `${width}ch`;
    return column;
  });
  const head = make("tr", {}, ...[...own, ...header].map((text, ix) => make("th", { scope: "col", class: ix === 2 && own[ix] && "figure", text })));
  const caption = make("caption", { text: word("shown", SHOWN) });
  const table = make("table", {}, caption, make("colgroup", {}, ...columns), make("thead", {}, head), body);
  table.style.inlineSize = `${widths.reduce((sum, width) => sum + width, 0)}ch`;
  return [make("div", { role: "region", tabindex: 0, "aria-label": word("shown", SHOWN), class: "scroll" }, table)];
};

const line = ({ row, cells, answer, error }) => {
  const text = (value) => (typeof value === "number" ? number(value) : JSON.stringify(value));
  const said = answer && (answer.label === undefined ? text(answer.prediction) : labelOf(answer.label));
  const confidence = model.labels.length > 0 && make("td", { class: "figure", text: answer?.confidence === undefined ? "" : percent(answer.confidence) });
  return make("tr", { class: error === undefined ? undefined : "wrong" },
    make("th", { scope: "row", text: row }), make("td", { class: "said", text: said ?? error }), confidence,
    ...cells.map((text) => make("td", { text: text.slice(0, 80) })));
};

// How many rows of each class, and a histogram: of the second class's probability, or of the value.
const plots = (classes, bins, rows) => {
  const shares = Object.entries(classes).sort(([, a], [, b]) => b - a).slice(0, 12);
  const bars = shares.length > 0 && make("ul", { class: "bars" }, ...shares.map(([label, count]) => {
    const bar = make("span", { class: "bar", "aria-hidden": "true" }, make("span"));
    bar.firstChild.style.inlineSize = `${(100 * count) / rows}%`;
    return make("li", {}, make("span", { class: "name", text: labelOf(label) }), bar, make("span", { class: "share", text: whole(count) }));
  }));
  if (!bars && !bins) return [];
  return [make("h3", { text: word("spread") }), make("div", { class: "plots" }, bars, bins && histogram(bins))];
};

const histogram = ({ from, to, counts }) => {
  const [width, height, bottom] = [Math.min(560, find("table-plot").clientWidth), 180, 150];
  const y = scale([0, Math.max(...counts)], [bottom, 12]);
  const room = width / counts.length;
  const text = model.labels.length ? percent : (value) => number(value);
  const what = model.labels.length === 2 ? `${word("of")} ${labelOf(model.labels[1])}` : model.labels.length ? word("of").split(" ")[0] : word("value");
  const title = `${what}: ${text(from)} – ${text(to)}`;
  const columns = counts.map((count, ix) =>
    draw("rect", { x: ix * room + 1, y: y(count), width: room - 2, height: bottom - y(count), rx: 2, class: "column chosen" }));
  return picture(width, height, title, ...columns,
    draw("line", { x1: 0, x2: width, y1: bottom, y2: bottom, class: "grid" }),
    draw("text", { x: 0, y: height - 10, text: text(from) }),
    draw("text", { x: width / 2, y: height - 10, "text-anchor": "middle", text: what }),
    draw("text", { x: width, y: height - 10, "text-anchor": "end", text: text(to) }));
};
