// api.ts: questions to the server that served this page, and to no other.
import { readJson, writeJson } from "./json";
import type { Json, ProblemBody } from "./types";

export class Problem extends Error {
  constructor(readonly body: ProblemBody) {
    super(body.detail || body.title);
  }
}

/** A path below /api/v1: what stands in ${} is made safe for a URL. */
export function path(parts: TemplateStringsArray, ...values: (string | number)[]): string {
  return parts.reduce((text, part, i) => text + encodeURIComponent(values[i - 1] ?? "") + part);
}

/** "?a=1&b=2" of what is not empty; a list stands there once for each. */
export function query(values: Record<string, string | number | string[] | null | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined && one !== "") search.append(name, String(one));
    }
  }
  const text = search.toString();
  return text ? `?${text}` : "";
}

function unreachable(reason: unknown): Problem {
  return new Problem({
    type: "",
    title: "The server does not answer",
    status: 0,
    detail: reason instanceof Error ? reason.message : String(reason),
    remedy: "Is it running, and is the network there? The console asks again by itself.",
  });
}

async function problemOf(reply: Response): Promise<Problem> {
  const text = await reply.text();
  try {
    const body = JSON.parse(text) as ProblemBody;
    if (typeof body.title === "string") return new Problem(body);
  } catch {
    // not ours: a proxy's, perhaps
  }
  return new Problem({
    type: "",
    title: `${reply.status} ${reply.statusText}`,
    status: reply.status,
    detail: text.slice(0, 400),
    remedy: "This answer is not Skald's: look at what stands between.",
  });
}

async function ask<T>(method: string, url: string, body?: string, type?: string, key?: string): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (type) headers["Content-Type"] = type;
  if (key) headers["Idempotency-Key"] = key;
  let reply: Response;
  try {
    reply = await fetch(url, { method, headers, ...(body === undefined ? {} : { body }) });
  } catch (reason) {
    throw unreachable(reason);
  }
  if (!reply.ok) throw await problemOf(reply);
  return (reply.status === 204 ? null : readJson(await reply.text())) as T;
}

/**
 * The Idempotency-Key of one intention: sent again after an answer that was lost, it changes nothing twice.
 * (crypto.randomUUID is there only on https and localhost.)
 */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return "console-" + Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The server has said no, and not just "not now": what is sent next is another intention. */
export function isRefusal(reason: unknown): boolean {
  if (!(reason instanceof Problem)) return false;
  const { status } = reason.body;
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}

export const BASE = "/api/v1";
export const get = <T>(url: string) => ask<T>("GET", BASE + url);
export const post = <T>(url: string, body?: Json, key?: string) =>
  ask<T>("POST", BASE + url, body === undefined ? undefined : writeJson(body),
    body === undefined ? undefined : "application/json", key);
export const remove = (url: string) => ask<null>("DELETE", BASE + url);
export const define = <T>(text: string) => ask<T>("POST", `${BASE}/definitions?file=console`, text, "application/yaml");
/** What the `type` of a problem leads to. */
export const trouble = <T>(type: string) => ask<T>("GET", type);
