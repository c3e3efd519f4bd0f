// many.ts: many inputs as text, and starting a saga of each. Pure, but for the clock; what is sent comes as a
// function.
//
// 1. Nothing is sent while a single line is at fault.
// 2. A row keeps its key until the server has answered it: sent again, it starts nothing twice.
import { isRefusal } from "./api";
import { readJson, writeJson } from "./json";
import type { Field } from "./schema";
import { faultOfInput } from "./schema";
import type { Json } from "./types";

/** How many one page may start; more is for a program. */
export const ROWS_MAX = 10_000;
const AT_ONCE = 4;
const TRIES_MAX = 5;

export interface Row {
  line: number;
  input: Json;
  key: string;
  state: "waiting" | "started" | "refused";
  problem: Error | null;
}

export interface Inputs {
  /** What `line` counts: lines, or entries of one list. */
  unit: "line" | "entry";
  rows: Row[];
  faults: { line: number; message: string }[];
  /** Rows that are the same as one before. */
  repeats: number;
}

interface Raw {
  line: number;
  read: () => Json;
}

function linesOf(text: string): Raw[] {
  return text.split("\n").map((line, i) => ({ line: i + 1, isEmpty: line.trim() === "", read: () => readJson(line) }))
    .filter((one) => !one.isEmpty);
}

/** Each input still to be read, so that one that is no JSON does not hide the others. */
function rawOf(text: string): { unit: Inputs["unit"]; raw: Raw[] } {
  if (!text.trimStart().startsWith("[")) return { unit: "line", raw: linesOf(text) };
  try {
    const list = readJson(text) as Json[];
    return { unit: "entry", raw: list.map((value, i) => ({ line: i + 1, read: () => value })) };
  } catch {
    return { unit: "line", raw: linesOf(text) }; // inputs that are lists, or a list with a mistake
  }
}

/** JSON lines, or one JSON list; the keys of the rows begin with `key`. */
export function inputsOf(text: string, fields: Field[] | null, key: string): Inputs {
  const { unit, raw } = rawOf(text);
  const inputs: Inputs = { unit, rows: [], faults: [], repeats: 0 };
  const seen = new Set<string>();
  for (const { line, read } of raw) {
    let input: Json;
    try {
      input = read();
    } catch (reason) {
      inputs.faults.push({ line, message: `is no JSON: ${reason instanceof Error ? reason.message : String(reason)}` });
      continue;
    }
    const fault = faultOfInput(fields, input);
    if (fault) inputs.faults.push({ line, message: fault });
    const known = writeJson(input);
    if (seen.has(known)) inputs.repeats++;
    seen.add(known);
    inputs.rows.push({ line, input, key: `${key}-${line}`, state: "waiting", problem: null });
  }
  if (inputs.rows.length > ROWS_MAX) {
    inputs.faults.push({ line: ROWS_MAX + 1, message: `is too many: ${ROWS_MAX.toLocaleString("en")} at a time` });
  }
  return inputs;
}

export interface Run {
  send: (row: Row) => Promise<unknown>;
  isStopped: () => boolean;
  pause: (ms: number) => Promise<unknown>;
}

/**
 * Starts what waits, a few at once. A refusal stays with its row and the others go on; an answer that does not
 * come is asked for again, then the run ends with its problem and the row waits on.
 */
export async function startAll(rows: Row[], { send, isStopped, pause }: Run): Promise<Error | null> {
  const waiting = rows.filter((row) => row.state === "waiting");
  let next = 0;
  let problem: Error | null = null;
  const one = async (row: Row) => {
    for (let tries = 1; problem === null && !isStopped(); tries++) {
      try {
        await send(row);
        row.state = "started";
        return;
      } catch (reason) {
        const error = reason instanceof Error ? reason : new Error(String(reason));
        if (isRefusal(error)) {
          row.state = "refused";
          row.problem = error;
          return;
        }
        if (tries === TRIES_MAX) problem = error;
        else await pause(250 * 2 ** tries);
      }
    }
  };
  const work = async () => {
    for (let row = waiting[next++]; row && problem === null && !isStopped(); row = waiting[next++]) await one(row);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return problem;
}

/** What was refused, as JSON lines to be mended. */
export function refusedOf(rows: Row[]): string {
  return rows.filter((row) => row.state === "refused").map((row) => writeJson(row.input)).join("\n");
}
