// In the place of model.js on a host that asks for keys: asks the reader for one, and fetches with it what is known of the
// model. The key is kept in this variable alone, and gone with the page.

import { find, make } from "./dom.js";

// In English and in German. The page's other words (words.js) want to know the model.
const WORDS = {
  title: ["This host asks for a key", "Dieser Server verlangt einen Schlüssel"],
  key: ["Key or token", "Schlüssel oder Token"],
  hint: ["It is not stored: a page that is loaded again asks again.", "Er wird nicht gespeichert: Eine neu geladene Seite fragt wieder."],
  open: ["Open", "Öffnen"],
};
const language = navigator.language.split("-")[0] === "de" ? "de" : "en";
const word = (key) => WORDS[key][language === "de" ? 1 : 0];

// What goes with each request to the host.
export const headers = {};

const given = async (key) => {
  const response = await fetch("model.json", { headers: { authorization: `Bearer ${key}` }, cache: "no-store" });
  if (!response.ok) throw new Error((await response.json()).error);
  headers.authorization = `Bearer ${key}`;
  // Without a model's name, the host has sent us to the one that it answers by default.
  if (response.redirected) history.replaceState(null, "", new URL("./", response.url));
  return response.json();
};

const ask = () => new Promise((done) => {
  const key = make("input", { type: "password", id: "key", autocomplete: "off", required: true, "aria-describedby": "key-hint key-problem" });
  const problem = make("p", { class: "problem", id: "key-problem", role: "alert" });
  document.documentElement.lang = language;
  find("row-title").textContent = word("title");
  find("form").replaceChildren(
    make("div", { class: "field" },
      make("label", { for: "key", text: word("key") }),
      key,
      make("p", { class: "hint", id: "key-hint", text: word("hint") }),
      problem),
    make("button", { text: word("open") }));
  find("form").onsubmit = async (event) => {
    event.preventDefault();
    try {
      done(await given(key.value.trim()));
    } catch ({ message }) {
      problem.textContent = message;
      key.focus();
    }
  };
  key.focus();
});

const address = (path) => new URL(path, location.href);

const addresses = ({ bindings, modules }) => ({
  bindings: address(bindings),
  modules: Object.fromEntries(Object.entries(modules).map(([path, file]) => [path, address(file)])),
});

document.documentElement.dataset.asking = "";
const { model, builds: files } = await ask();
delete document.documentElement.dataset.asking;
document.title = document.querySelector("h1").textContent = `${model.name} ${model.version}`;

export { model };
export const builds = Object.fromEntries(Object.entries(files).map(([name, build]) => [name, addresses(build)]));
