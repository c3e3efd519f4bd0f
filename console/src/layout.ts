// layout.ts: where the steps of a graph stand: levels from top to bottom, within a level ordered by what they
// are joined to (barycentre), edges as curves. Pure.
import type { GraphStep } from "./types";

export const BOX = { width: 190, height: 50, gapX: 24, gapY: 42, margin: 8 };
const SWEEPS = 6;

export interface Box {
  step: GraphStep;
  x: number;
  y: number;
}

export interface Layout {
  boxes: Box[];
  edges: { from: string; to: string; path: string; isLoose: boolean }[];
  width: number;
  height: number;
}

function rowsOf(steps: GraphStep[]): GraphStep[][] {
  const rows: GraphStep[][] = [];
  for (const step of steps) (rows[step.level] ??= []).push(step);
  return rows.filter(Boolean);
}

/** Sorts a row by the mean place of its neighbours; those without stay where they are. */
function sortRow(row: GraphStep[], neighbours: (step: GraphStep) => string[], place: Map<string, number>): void {
  const weights = new Map(row.map((step, i) => {
    const places = neighbours(step).map((id) => place.get(id)).filter((at) => at !== undefined);
    return [step.id, places.length ? places.reduce((a, b) => a + b, 0) / places.length : i];
  }));
  row.sort((a, b) => weights.get(a.id)! - weights.get(b.id)!);
  row.forEach((step, i) => place.set(step.id, i - (row.length - 1) / 2));
}

export function layOut(steps: GraphStep[]): Layout {
  const rows = rowsOf(steps);
  const dependants = new Map<string, string[]>();
  for (const step of steps) {
    for (const id of step.dependencies) dependants.set(id, [...(dependants.get(id) ?? []), step.id]);
  }
  const place = new Map<string, number>();
  for (const row of rows) row.forEach((step, i) => place.set(step.id, i - (row.length - 1) / 2));
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (const row of rows) sortRow(row, (step) => step.dependencies, place);
    for (const row of [...rows].reverse()) sortRow(row, (step) => dependants.get(step.id) ?? [], place);
  }
  const widest = Math.max(1, ...rows.map((row) => row.length));
  const width = widest * (BOX.width + BOX.gapX) - BOX.gapX + 2 * BOX.margin;
  const boxes = new Map<string, Box>();
  rows.forEach((row, level) => row.forEach((step) => boxes.set(step.id, {
    step,
    x: width / 2 + place.get(step.id)! * (BOX.width + BOX.gapX) - BOX.width / 2,
    y: BOX.margin + level * (BOX.height + BOX.gapY),
  })));
  const edges: Layout["edges"] = [];
  for (const { step } of boxes.values()) {
    for (const id of step.dependencies) {
      const from = boxes.get(id), to = boxes.get(step.id);
      if (from && to) edges.push({ from: id, to: step.id, path: curve(from, to), isLoose: from.step.async });
    }
  }
  return {
    boxes: [...boxes.values()],
    edges,
    width,
    height: rows.length * (BOX.height + BOX.gapY) - BOX.gapY + 2 * BOX.margin,
  };
}

function curve(from: Box, to: Box): string {
  const x1 = from.x + BOX.width / 2, y1 = from.y + BOX.height;
  const x2 = to.x + BOX.width / 2, y2 = to.y;
  const bend = Math.max(BOX.gapY / 2, (y2 - y1) / 2);
  return `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`;
}
