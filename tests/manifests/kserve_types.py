"""Checks manifests of KServe against the types of its Python package: kserve_types.py FILE...

The package is made of the definitions in Kubernetes, but takes a field that it does not know; this does not.
"""

import re
import sys

import kserve
import kubernetes.client
import yaml

PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float), "object": object}


def check(value, kind, where):
    """Yields what is wrong with `value`, which should be of this kind."""
    if match := re.fullmatch(r"(?:list|List)\[(.+)\]", kind):
        for index, item in enumerate(value):
            yield from check(item, match[1], f"{where}[{index}]")
    elif match := re.fullmatch(r"(?:dict|Dict)[(\[]str, (.+)[)\]]", kind):
        for key, item in value.items():
            yield from check(item, match[1], f"{where}.{key}")
    elif kind in PLAIN:
        if not isinstance(value, PLAIN[kind]):
            yield f"{where}: expected {kind}, got {value!r}"
    else:
        model = getattr(kserve.models, kind, None) or getattr(kubernetes.client, kind)
        names = {name: field for field, name in model.attribute_map.items()}
        for key, item in value.items():
            if key in names:
                yield from check(item, model.openapi_types[names[key]], f"{where}.{key}")
            else:
                yield f"{where}: there is no field {key}; expected one of {sorted(names)}"


def main():
    problems = []
    for file in sys.argv[1:]:
        with open(file, encoding="utf-8") as text:
            manifest = yaml.safe_load(text)
        version = manifest["apiVersion"].rsplit("/", 1)[1]
        kind = version.capitalize() + manifest["kind"]
        problems += check(manifest, kind, manifest["kind"])
    sys.exit("\n".join(problems) or None)


main()
