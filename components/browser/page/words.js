// The page's own words, and those of the model's manifest in the reader's language.

import { model } from "./model.js";

// In English and in German. A manifest may have other languages; the page then speaks English around its words.
const WORDS = {
  row: ["One prediction", "Eine Vorhersage"],
  result: ["Prediction", "Vorhersage"],
  curve: ["What if", "Was wäre, wenn"],
  table: ["Many rows", "Viele Zeilen"],
  card: ["About the model", "Über das Modell"],
  loading: ["Loading the model …", "Das Modell wird geladen …"],
  failed: ["The model cannot be loaded", "Das Modell lässt sich nicht laden"],
  reset: ["Reset", "Zurücksetzen"],
  missing: ["missing", "fehlt"],
  usual: ["usually {0} to {1}", "meist {0} bis {1}"],
  history: ["Recent predictions", "Letzte Vorhersagen"],
  restore: ["Restore", "Wiederherstellen"],
  took: ["{0} ms", "{0} ms"],
  quick: ["less than 1 ms", "weniger als 1 ms"],
  here: ["in this page", "in dieser Seite"],
  server: ["on the server", "auf dem Server"],
  both: ["both", "beide"],
  where: ["Score", "Rechnen"],
  same: ["Both give the same answer.", "Beide antworten gleich."],
  differ: ["The answers differ.", "Die Antworten weichen ab."],
  feature: ["Feature", "Merkmal"],
  of: ["Probability of", "Wahrscheinlichkeit von"],
  value: ["Prediction", "Vorhersage"],
  choose: ["Choose a CSV file", "CSV-Datei auswählen"],
  drop: ["or drop one here", "oder hierher ziehen"],
  hint: ["The first line names the columns: {0}.", "Die erste Zeile benennt die Spalten: {0}."],
  rows: ["{0} rows", "{0} Zeilen"],
  wrong: ["Rows without a prediction: {0}", "Zeilen ohne Vorhersage: {0}"],
  cancel: ["Cancel", "Abbrechen"],
  cancelled: ["Cancelled.", "Abgebrochen."],
  download: ["Download with predictions", "Mit Vorhersagen herunterladen"],
  shown: ["The first {0} rows", "Die ersten {0} Zeilen"],
  example: ["Example file", "Beispieldatei"],
  spread: ["Distribution of the predictions", "Verteilung der Vorhersagen"],
  line: ["Row", "Zeile"],
  done: ["Done: {0} rows in {1} s.", "Fertig: {0} Zeilen in {1} s."],
  private: ["Everything is computed in this page. What you enter does not leave this device.", "Alles wird in dieser Seite gerechnet. Ihre Eingaben verlassen dieses Gerät nicht."],
  asked: ["What you enter leaves this device only when it is scored on the server.", "Ihre Eingaben verlassen dieses Gerät nur, wenn der Server rechnet."],
  offline: ["Works offline", "Geht ohne Netz"],
  online: ["Getting ready for offline …", "Wird für ohne Netz vorbereitet …"],
  update: ["A new version is ready.", "Eine neue Version ist da."],
  reload: ["Use it", "Verwenden"],
  language: ["Language", "Sprache"],
  metrics: ["Evaluation", "Güte"],
  training: ["Training", "Training"],
  model: ["Model", "Modell"],
  version: ["Version", "Version"],
  digest: ["SHA-256", "SHA-256"],
  inputs: ["Inputs", "Eingänge"],
  outputs: ["Outputs", "Ausgänge"],
  operators: ["Operators", "Operatoren"],
  build: ["Build", "Fassung"],
  drawing: ["Drawing of {0} by {1} pixels", "Zeichnung aus {0} mal {1} Bildpunkten"],
  picture: ["Draw, or drop a picture here.", "Zeichnen oder ein Bild hier ablegen."],
  keys: ["By keyboard, the arrow keys move and the space bar inks.", "Mit der Tastatur: Die Pfeiltasten bewegen, die Leertaste malt."],
  inked: ["Row {0}, column {1}: ink", "Zeile {0}, Spalte {1}: Farbe"],
  blank: ["Row {0}, column {1}: blank", "Zeile {0}, Spalte {1}: leer"],
  nopicture: ["{0} is no picture that this browser can open.", "{0} ist kein Bild, das dieser Browser öffnen kann."],
  clear: ["Clear", "Leeren"],
  open: ["Open a picture", "Bild öffnen"],
  invert: ["Dark on light", "Dunkel auf hell"],
  norows: ["This model takes tensors, not rows; use it as an ES module.", "Dieses Modell nimmt Tensoren, keine Zeilen; als ES-Modul verwendbar."],
  classes: ["Classes", "Klassen"],
};

const translations = model.manifest.translations ?? {};

// The languages in which the model is described, English for what the manifest says itself.
export const languages = [...new Set(["en", ...Object.keys(translations)])];

const preferred = () => {
  const short = (tag) => tag.split("-")[0];
  return navigator.languages.flatMap((tag) => [tag, short(tag)]).find((tag) => languages.includes(tag)) ?? "en";
};

let language = preferred();

export const current = () => language;

export const speak = (chosen) => {
  language = chosen;
  document.documentElement.lang = chosen;
};

export const word = (key, ...values) => {
  const [english, german] = WORDS[key];
  const text = language.split("-")[0] === "de" ? german : english;
  return values.reduce((text, value, ix) => text.replace(`{${ix}}`, () => value), text);
};

const own = () => translations[language] ?? {};

export const describe = () => own().description ?? model.manifest.description;
export const labelOf = (label) => own().labels?.[label] ?? String(label);

export const featureOf = (feature) => {
  const translated = own().features?.[feature.name] ?? {};
  const category = (value) => translated.categories?.[value] ?? String(value);
  return {
    name: translated.name ?? feature.name.replaceAll("_", " "),
    description: translated.description ?? feature.description,
    unit: translated.unit ?? feature.unit,
    category,
  };
};
