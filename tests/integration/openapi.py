"""The served OpenAPI document as tests use it: its operations, its schemas made strict, values that
are wrong in one way each."""
import copy
import re

import jsonschema

PROBLEM = "application/problem+json"


class Operation:
    def __init__(self, method, path, row):
        self.method, self.path, self.row = method.upper(), path, row
        self.id = row["operationId"]
        self.parameters = [p for p in row["parameters"] if "$ref" not in p]
        self.takes_key = {"$ref": "#/components/parameters/IdempotencyKey"} in row["parameters"]

    def __str__(self):
        return f"{self.id} ({self.method} {self.path})"

    def names(self, place):
        return {p["name"]: p for p in self.parameters if p["in"] == place}

    @property
    def contents(self):
        return self.row.get("requestBody", {}).get("content", {})

    @property
    def statuses(self):
        return {int(s) for s in self.row["responses"] if s != "default"}

    def content_of(self, status):
        responses = self.row["responses"]
        return responses.get(str(status), {}).get("content", {})


class Document:
    def __init__(self, text):
        self.root = text
        self.operations = [Operation(method, path, row) for path, item in text["paths"].items()
                           for method, row in item.items()]
        self.by_id = {operation.id: operation for operation in self.operations}
        strict = copy.deepcopy(text["components"]["schemas"])
        for schema in strict.values():
            if schema.get("properties"):
                schema["additionalProperties"] = False
        self.strict = {"schemas": strict}

    def errors(self, schema, value, is_strict=True):
        """What is wrong with `value`; strict: members that the schema does not name are wrong too."""
        components = self.strict if is_strict else self.root["components"]
        validator = jsonschema.Draft202012Validator(
            {**schema, "components": components},
            format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
        return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}"
                for e in validator.iter_errors(value)]

    def references(self, node):
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for value in node.values():
                yield from self.references(value)
        elif isinstance(node, list):
            for value in node:
                yield from self.references(value)

    def resolve(self, reference):
        node = self.root
        for name in reference.removeprefix("#/").split("/"):
            node = node[name]
        return node


def wrong_values(schema):
    """Values of a query parameter or of a member that the schema rules out; each as Python value."""
    kind = schema.get("type")
    if kind == "integer":
        return ["many", schema["minimum"] - 1, schema["maximum"] + 1, 1.5]
    if kind == "boolean":
        return ["perhaps"]
    if kind == "string" and "pattern" in schema:
        return ["no such thing!", 7]
    if kind == "string":
        return ["x" * (schema["maxLength"] + 1), 7, "\x01"]
    if kind == "array":
        return ["text", [7], ["x"] * (schema["maxItems"] + 1), [""]]
    if kind == "object":
        return ["text", 7]
    return []


def filled(path, values):
    return re.sub(r"{(\w+)}", lambda m: values[m.group(1)], path)
