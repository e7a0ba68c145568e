// The page of a model. Steps: everything that shows without the model; the model; then what is asked of it.

import { card } from "./card.js";
import { Curve } from "./curve.js";
import { find, make } from "./dom.js";
import { Form } from "./form.js";
import { model } from "./model.js";
import { Result } from "./result.js";
import { Worker, ask, guarded, hosted, load, seal } from "./scoring.js";
import { Table } from "./table.js";
import { current, describe, languages, speak, word } from "./words.js";

let form;
let result;
let curve;
let worker;
let build;
let where = "here";
let settled = false;

const predict = async (row) => {
  const answers = {};
  const attempt = (promise) => promise.catch((error) => error);
  if (where !== "server") answers.here = attempt(worker.ask("predict", [row]));
  if (where !== "here") answers.server = attempt(ask(row));
  return Object.fromEntries(await Promise.all(Object.entries(answers).map(async ([key, value]) => [key, await value])));
};

// One prediction at a time; of the values that are entered meanwhile only the last count.
let busy = false;
let again = false;
const update = async () => {
  if (!settled) return;
  if (!model.features.length) return result.fail(word("norows"));
  if (busy) return void (again = true);
  busy = true;
  do {
    again = false;
    const row = form.read();
    const answers = await predict(row);
    const error = Object.values(answers).find((answer) => answer instanceof Error);
    const named = form.problem(error?.feature, error?.message ?? "");
    if (error && (where !== "both" || named)) result.fail(error.message);
    else {
      result.show(answers, row);
      if (!error) curve.update(row);
    }
  } while (again);
  busy = false;
};

const restore = (row) => {
  form.write(row);
  update();
};

const tools = () => {
  const names = (tag) => new Intl.DisplayNames([tag], { type: "language" }).of(tag);
  const language = languages.length > 1 && make("label", {}, `${word("language")} `,
    make("select", { id: "language", onchange: ({ target }) => translate(target.value) },
      ...languages.map((tag) => make("option", { value: tag, lang: tag, text: names(tag), selected: tag === current() }))));
  const places = hosted && make("label", {}, `${word("where")} `,
    make("select", { id: "where", onchange: ({ target }) => {
      where = target.value;
      update();
    } }, ...["here", "server", "both"].map((place) => make("option", { value: place, text: word(place), selected: place === where }))));
  find("tools").replaceChildren(...[places, language].filter(Boolean), make("span", { id: "offline", role: "status" }));
};

// Everything in words, in the chosen language; what was entered stays.
const translate = (chosen) => {
  const row = form?.read() ?? model.sample;
  speak(chosen);
  tools();
  offline();
  find("about").textContent = describe() ?? "";
  find("row-title").textContent = word("row");
  find("private").textContent = word(hosted ? "asked" : "private");
  form = new Form(update);
  form.write(row);
  result = new Result(restore);
  curve = new Curve(() => worker);
  new Table(() => new Worker());
  card(build);
  update();
};

// Without a secure context there is no service worker, and the page works as any other.
let registration;
const register = async () => {
  if (guarded) return;
  registration = await navigator.serviceWorker?.register("sw.js").catch(() => undefined);
  if (!registration) return;
  // The second worker waits until its version is wanted.
  const watch = (installing) => installing?.addEventListener("statechange", () => installing.state === "installed" && navigator.serviceWorker.controller && notice());
  if (registration.waiting) notice();
  registration.addEventListener("updatefound", () => watch(registration.installing));
  await navigator.serviceWorker.ready;
};

const notice = () => {
  const use = () => {
    navigator.serviceWorker.addEventListener("controllerchange", () => location.reload());
    registration.waiting.postMessage("use");
  };
  find("update").replaceChildren(make("span", { text: word("update") }), make("button", { type: "button", text: word("reload"), onclick: use }));
};

let kept = false;
const offline = () => {
  const badge = find("offline");
  badge.textContent = registration ? word(kept ? "offline" : "online") : "";
  badge.classList.toggle("ready", kept);
};

translate(current());
try {
  [build] = await Promise.all([load(), register()]);
  kept = Boolean(registration);
  seal();
  worker = new Worker();
  settled = true;
  offline();
  card(build);
  await update();
} catch (error) {
  result.fail(`${word("failed")}: ${error.message}`);
}
document.documentElement.dataset.ready = "";
