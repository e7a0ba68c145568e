// Shows the routes of /openapi.json and sends what is typed into their forms.
"use strict";

const make = (name, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};

const headers = () => {
  const token = document.getElementById("token").value;
  return token ? { authorization: `Bearer ${token}` } : {};
};

// Long lists of numbers stay on one line each.
const pretty = (value) => JSON.stringify(value, null, 2)
  .replace(/\[[^[\]{}"]*\]/g, (list) => list.replace(/\s+/g, " "));

const typeOf = (schema) => {
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(", ");
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.type === "array") return `list of ${typeOf(schema.items ?? {})}`;
  return [schema.type ?? "anything"].flat().join(" or ");
};

const fieldsOf = (schema) => {
  const rows = Object.entries(schema?.properties ?? {}).map(([name, field]) => make("tr", {},
    make("td", { textContent: name + (schema.required?.includes(name) ? "" : "?") }),
    make("td", { textContent: typeOf(field) }),
    make("td", { textContent: field.description ?? "" })));
  return rows.length ? [make("details", {},
    make("summary", { textContent: "fields" }), make("form", {}, make("table", {}, ...rows)))] : [];
};

const send = async (method, path, body, output) => {
  const start = performance.now();
  let status, text;
  try {
    const type = body === undefined ? {} : { "content-type": "application/json" };
    const answer = await fetch(path, { method, body, headers: { ...headers(), ...type } });
    text = await answer.text();
    status = make("span", { className: answer.ok ? "status" : "status bad",
      textContent: `${answer.status} ${answer.statusText} in ${(performance.now() - start).toFixed(1)} ms` });
    try { text = pretty(JSON.parse(text)); } catch { /* Not JSON: shown as it is. */ }
  } catch (error) {
    status = make("span", { className: "status bad", textContent: String(error) });
  }
  output.replaceChildren(status, ...(text ? [make("pre", { textContent: text })] : []));
};

const form = (method, path, operation, resolve) => {
  const parameters = (operation.parameters ?? []).filter((parameter) => parameter.in === "path")
    .map(({ name }) => ({ name, input: make("input", { required: true }) }));
  const content = operation.requestBody?.content["application/json"];
  const body = content && make("textarea", { spellcheck: false, value: pretty(content.example) });
  const button = make("button", { textContent: "Send" });
  const output = make("output");
  const element = make("form", {},
    ...parameters.map(({ name, input }) => make("label", {}, `${name} `, input)),
    ...fieldsOf(resolve(content?.schema)), ...(body ? [body] : []), button, output);
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    const target = parameters.reduce(
      (path, { name, input }) => path.replace(`{${name}}`, encodeURIComponent(input.value)), path);
    await send(method.toUpperCase(), target, body?.value, output);
    button.disabled = false;
  });
  return element;
};

const show = (api) => {
  document.getElementById("about").textContent = `${api.info.description} Version ${api.info.version}.`;
  const resolve = (schema) => schema?.$ref ? api.components.schemas[schema.$ref.split("/").pop()] : schema;
  const sections = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0];
      if (!sections.has(tag)) sections.set(tag, make("section", {}, make("h2", { textContent: tag })));
      const line = make("summary", {},
        make("span", { className: `method ${method}`, textContent: method.toUpperCase() }),
        make("span", { className: "path", textContent: path }),
        make("span", { className: "summary", textContent: operation.summary }));
      const details = make("details", {}, line);
      // A form with a large example is made when it is looked at.
      details.addEventListener("toggle", () => details.append(form(method, path, operation, resolve)), { once: true });
      sections.get(tag).append(details);
    }
  }
  document.getElementById("routes").replaceChildren(...sections.values());
};

const load = async () => {
  const answer = await fetch("/openapi.json", { headers: headers() });
  if (answer.ok) return show(await answer.json());
  document.getElementById("routes").textContent = `/openapi.json: ${answer.status}. Enter a token that may read it.`;
};

document.getElementById("token").addEventListener("change", load);
load();
