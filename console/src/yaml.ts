// yaml.ts: a definition's canonical JSON as the YAML that people write. Pure. Only what JSON knows is
// written, so any reader of YAML reads it back to the same.
import { writeJson } from "./json";
import type { Json } from "./types";

// A plain scalar that no reader takes for something else than text.
const PLAIN = /^[A-Za-z_/][A-Za-z0-9_ ./()+-]*$/;
const DURATION = /^\d+(\.\d+)?(ms|s|m|h|d)$/;
const WORDS = /^(true|false|null|yes|no|on|off|y|n)$/i;

type Scalar = null | boolean | number | bigint | string;

function scalar(value: Scalar): string {
  if (typeof value !== "string") return String(value);
  const isPlain = DURATION.test(value) || (PLAIN.test(value) && !WORDS.test(value) && !value.endsWith(" "));
  return isPlain ? value : JSON.stringify(value);
}

function isBlockText(value: Json): value is string {
  return typeof value === "string" && /\n/.test(value) && /^[^\s]/.test(value)
    && !/[^\S\n]\n/.test(value) && !/[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]/.test(value);
}

function blockText(value: string, indent: string): string {
  const keep = value.endsWith("\n\n") ? "+" : value.endsWith("\n") ? "" : "-";
  const body = value.replace(/\n$/, "").split("\n");
  return `|${keep}\n${body.map((line) => (line ? indent + line : "")).join("\n")}`;
}

function isSmall(value: Json): boolean {
  return Array.isArray(value) && value.length <= 8
    && value.every((one) => one === null || (typeof one !== "object" && !isBlockText(one)))
    && writeJson(value).length <= 72;
}

function put(value: Json, indent: string): string {
  if (isBlockText(value)) return ` ${blockText(value, indent)}`;
  if (value === null || typeof value !== "object") return ` ${scalar(value)}`;
  if (isSmall(value)) return ` [${(value as Scalar[]).map(scalar).join(", ")}]`;
  const rows = Array.isArray(value)
    ? value.map((one) => `${indent}-${item(one, indent)}`)
    : Object.entries(value).map(([name, one]) => `${indent}${scalar(name)}:${put(one, `${indent}  `)}`);
  if (rows.length === 0) return " {}";
  return `\n${rows.join("\n")}`;
}

/** What stands behind the dash: the first member on the same line. */
function item(value: Json, indent: string): string {
  const text = put(value, `${indent}  `);
  return text.startsWith("\n") ? ` ${text.slice(indent.length + 3)}` : text;
}

export function toYaml(value: Json): string {
  if (value !== null && typeof value === "object" && !Array.isArray(value)) {
    return Object.entries(value).map(([name, one]) => `${scalar(name)}:${put(one, "  ")}`).join("\n\n") + "\n";
  }
  return `${put(value, "").trim()}\n`;
}
