// schema.ts: a form from the `input_schema` of a definition: fields for the members that are simple, text as
// JSON for the others. Pure. The server checks; a form that cannot be made is null, and one writes JSON.
import { readJson, writeJson } from "./json";
import type { Json, JsonObject } from "./types";

export interface Field {
  name: string;
  label: string;
  help: string;
  kind: "text" | "number" | "flag" | "choice" | "json";
  isRequired: boolean;
  isWhole: boolean;
  choices: Json[];
  initial: string;
}

function isObject(value: Json | undefined): value is JsonObject {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

function kindOf(schema: JsonObject): Field["kind"] {
  if (Array.isArray(schema.enum)) return "choice";
  switch (schema.type) {
    case "string": return "text";
    case "number": case "integer": return "number";
    case "boolean": return "flag";
    default: return "json";
  }
}

function initialOf(schema: JsonObject, kind: Field["kind"]): string {
  const value = schema.default ?? (Array.isArray(schema.examples) ? schema.examples[0] : undefined);
  if (value === undefined || value === null) return "";
  return kind === "text" && typeof value === "string" ? value : writeJson(value);
}

/** The fields of a schema, the required ones first; null: it is no object with members. */
export function fieldsOf(schema: Json | undefined): Field[] | null {
  if (!isObject(schema) || !isObject(schema.properties)) return null;
  const required = new Set(Array.isArray(schema.required) ? schema.required : []);
  const fields = Object.entries(schema.properties).map(([name, member]): Field => {
    const about = isObject(member) ? member : {};
    const kind = kindOf(about);
    return {
      name,
      kind,
      label: textOf(about.title) || name,
      help: textOf(about.description),
      isRequired: required.has(name),
      isWhole: about.type === "integer",
      choices: Array.isArray(about.enum) ? about.enum : [],
      initial: initialOf(about, kind),
    };
  });
  if (fields.length === 0) return null;
  return fields.sort((a, b) => Number(b.isRequired) - Number(a.isRequired));
}

/** What was typed as a value; undefined: nothing. Throws an Error with what is wrong. */
export function valueOf(field: Field, text: string): Json | undefined {
  if (field.kind === "text") return text === "" && !field.isRequired ? undefined : text;
  if (text.trim() === "") {
    if (field.isRequired) throw new Error(`${field.label} is missing`);
    return undefined;
  }
  if (field.kind === "number") {
    const number = Number(text);
    if (!Number.isFinite(number)) throw new Error(`${field.label} is no number`);
    if (field.isWhole && !Number.isInteger(number)) throw new Error(`${field.label} is no whole number`);
    return number;
  }
  return parseJson(text, field.label);
}

export function parseJson(text: string, label: string): Json {
  try {
    return readJson(text);
  } catch (reason) {
    throw new Error(`${label} is no JSON: ${reason instanceof Error ? reason.message : ""}`);
  }
}

/** The values of a whole form as an object. */
export function valuesOf(fields: Field[], texts: Record<string, string>): JsonObject {
  const values: JsonObject = {};
  for (const field of fields) {
    const value = valueOf(field, texts[field.name] ?? "");
    if (value !== undefined) values[field.name] = value;
  }
  return values;
}
