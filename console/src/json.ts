// json.ts: JSON in and out without changing whole numbers: those beyond 2^53, which ids and amounts may be,
// become BigInt and go out as they came. Pure.
import type { Json } from "./types";

// Strings, which are passed over, and numbers.
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
// Stands before a number that travels through JSON.parse as text; nobody can know it and write it himself.
const MARK = `\u0001${Math.random().toString(36).slice(2)}:`;

function isLarge(token: string): boolean {
  return token.length > 15 && /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token));
}

export function readJson(text: string): Json {
  if (!/\d{16}/.test(text)) return JSON.parse(text) as Json;
  const marked = text.replace(TOKENS, (token) => (isLarge(token) ? JSON.stringify(MARK + token) : token));
  return JSON.parse(marked, (_key, value: unknown) =>
    (typeof value === "string" && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value)) as Json;
}

/** As JSON.stringify, with `indent` blanks or on one line. */
export function writeJson(value: Json, indent = 0, at = ""): string {
  if (typeof value === "bigint") return String(value);
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const inner = at + " ".repeat(indent);
  const list = Array.isArray(value)
    ? value.map((one) => writeJson(one, indent, inner))
    : Object.entries(value).map(([name, one]) =>
      `${JSON.stringify(name)}:${indent ? " " : ""}${writeJson(one, indent, inner)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  if (list.length === 0) return `${open}${close}`;
  if (indent === 0) return `${open}${list.join(",")}${close}`;
  return `${open}\n${inner}${list.join(`,\n${inner}`)}\n${at}${close}`;
}
