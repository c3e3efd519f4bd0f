// schema.ts: a form from the `input_schema` of a definition: fields for the members that are simple, text as
// JSON for the others. Pure. The server checks; a form that cannot be made is null, and one writes JSON.
import { readJson, writeJson } from "./json";
import type { Definition, Json, JsonObject } from "./types";

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

export function memberOf(value: Json | undefined, name: string): Json | undefined {
  return isObject(value) ? value[name] : undefined;
}

export function schemaOf(definition: Definition): Json | undefined {
  return memberOf(memberOf(definition.source, "saga"), "input_schema");
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
    // As it was typed: beyond 2^53 a number would be another one.
    return /^-?\d+$/.test(text) && !Number.isSafeInteger(number) ? BigInt(text) : number;
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

/** As much of a form as can be read: what is half typed is left out. */
export function partsOf(fields: Field[], texts: Record<string, string>): JsonObject {
  const values: JsonObject = {};
  for (const field of fields) {
    try {
      const value = valueOf(field, texts[field.name] ?? "");
      if (value !== undefined && value !== "") values[field.name] = value;
    } catch {
      // stays in the form
    }
  }
  return values;
}

/** An object as the texts of a form. Throws an Error if the form would lose something of it. */
export function textsOf(fields: Field[], value: Json): Record<string, string> {
  if (!isObject(value)) throw new Error("The form shows objects only");
  const texts: Record<string, string> = {};
  for (const [name, member] of Object.entries(value)) {
    const field = fields.find((one) => one.name === name);
    if (!field) throw new Error(`The form has no field for ${name}`);
    const fault = faultOf(field, member);
    if (fault) throw new Error(`The form cannot show it: ${fault}`);
    texts[name] = field.kind === "text" ? String(member) : writeJson(member);
  }
  return texts;
}

/** What the form would not have let through; "" if nothing. */
function faultOf(field: Field, value: Json): string {
  const isNumber = typeof value === "number" || typeof value === "bigint";
  switch (field.kind) {
    case "text": return typeof value === "string" ? "" : `${field.name} is no text`;
    case "flag": return typeof value === "boolean" ? "" : `${field.name} is neither true nor false`;
    case "number":
      if (!isNumber) return `${field.name} is no number`;
      return field.isWhole && typeof value === "number" && !Number.isInteger(value) ? `${field.name} is no whole number` : "";
    case "choice":
      return field.choices.some((one) => writeJson(one) === writeJson(value)) ? ""
        : `${field.name} is none of ${field.choices.map((one) => writeJson(one)).join(", ")}`;
    case "json": return "";
  }
}

/** The first thing that the form would not have let through in a whole input; "" if nothing. The server sees more. */
export function faultOfInput(fields: Field[] | null, input: Json): string {
  if (fields === null) return "";
  if (!isObject(input)) return "is no object";
  for (const field of fields) {
    const value = input[field.name];
    if (value === undefined && field.isRequired) return `${field.name} is missing`;
    const fault = value === undefined ? "" : faultOf(field, value);
    if (fault) return fault;
  }
  return "";
}
