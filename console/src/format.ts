// format.ts: numbers, instants and words as people read them. Pure.
import { writeJson } from "./json";
import type { Json } from "./types";

const UNITS: [number, string][] = [[86_400_000, "d"], [3_600_000, "h"], [60_000, "min"], [1000, "s"]];

/** "340 ms", "1.5 s", "4 min 10 s", "2 d 3 h" */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return "";
  const size = Math.abs(ms);
  if (size < 1000) return `${Math.round(ms)} ms`;
  if (size < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const whole = Math.round(size / 1000) * 1000;
  const first = UNITS.findIndex(([unit]) => whole >= unit);
  const parts: string[] = [];
  let left = whole;
  for (const [unit, name] of UNITS.slice(first, first + 2)) {
    const count = Math.floor(left / unit);
    left -= count * unit;
    if (count > 0) parts.push(`${count} ${name}`);
  }
  return (ms < 0 ? "-" : "") + parts.join(" ");
}

/** "3 s ago", "in 2 min" */
export function relative(instant: string, now: number): string {
  const ms = Date.parse(instant) - now;
  if (Number.isNaN(ms)) return instant;
  if (Math.abs(ms) < 1000) return "now";
  const text = duration(Math.round(Math.abs(ms) / 1000) * 1000).replace(/\.0 s$/, " s");
  return ms < 0 ? `${text} ago` : `in ${text}`;
}

/** "2026-01-31 12:00 UTC": an instant that is far away, or that somebody has set. */
export function instant(at: string | null): string {
  const ms = Date.parse(at ?? "");
  if (Number.isNaN(ms)) return "–";
  const text = new Date(ms).toISOString().replace("T", " ");
  return `${ms % 60_000 === 0 ? text.slice(0, 16) : text.slice(0, 19)} UTC`;
}

export function between(from: string | null, to: string | null): string {
  return from && to ? duration(Date.parse(to) - Date.parse(from)) : "";
}

/** "timed_out" → "timed out" */
export function words(name: string): string {
  return name.replaceAll("_", " ");
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

/** A sign beside the colour, for those who do not see colours. */
export function signOf(state: string): string {
  switch (state) {
    case "completed": case "closed": case "active": case "finished": return "✔";
    case "failed": case "compensation_failed": case "open": return "✘";
    case "compensating": case "compensated": return "↩";
    case "cancelled": case "skipped": return "⊘";
    case "timed_out": return "◔";
    case "suspended": case "paused": return "‖";
    case "running": return "▶";
    case "waiting": case "half_open": return "…";
    default: return "·";
  }
}

/** Text of a payload on one line, cut. */
export function brief(value: Json, size = 80): string {
  const text = typeof value === "string" ? value : writeJson(value);
  return text.length > size ? `${text.slice(0, size - 1)}…` : text;
}

/** The gist of an event's data on one line: who and why, what went wrong, what was asked and answered. */
export function gist(data: Json): string {
  if (data === null || typeof data !== "object" || Array.isArray(data)) return "";
  const { by, reason, code, message, name, request, output, input } = data;
  const first = (value: Json | undefined) => (typeof value === "string" ? value.split("\n", 1)[0]! : "");
  const told = [first(by), first(reason), first(code), first(message), first(name)].filter((text) => text !== "");
  if (told.length > 0) return brief(told.join(": "), 160);
  if (first(request)) return brief(first(request), 100);
  const payload = output ?? input;
  return payload === undefined || payload === null ? "" : brief(payload, 100);
}

const REASONS: Record<string, string> = {
  step: "a step failed", cancel: "cancelled", timeout: "timed out", parent: "its parent asked", forced: "by force",
  acquire_timeout: "no slot in time", lock_timeout: "no lock in time",
};

/** What stands beside a saga's state: why it is undone, or in what it was suspended; nothing that the state says. */
export function noteOf(saga: { state: string; reason: string | null; suspended_in?: string }): string | null {
  if (saga.state === "suspended") return saga.suspended_in ?? null;
  if (saga.reason === null || ["cancelled", "timed_out"].includes(saga.state)) return null;
  return REASONS[saga.reason] ?? words(saga.reason);
}
