// commands.ts: what an operator may tell a saga in its state, as docs/internals/semantics.md says. Pure.
// The server decides; this only keeps from offering what it would refuse.
import type { Graph, Saga, SagaState, Step } from "./types";

export type CommandName =
  | "cancel" | "force-cancel" | "force-complete" | "retry" | "skip-step" | "suspend" | "resume"
  | "signal" | "complete" | "delete";

export interface Command {
  name: CommandName;
  label: string;
  help: string;
  isDangerous: boolean;
}

const ALL: Record<CommandName, Omit<Command, "name">> = {
  cancel: { label: "Cancel", isDangerous: true, help: "Undo what was done and end as cancelled." },
  retry: {
    label: "Retry", isDangerous: false, help: "Try again at once what waits, was refused or has failed.",
  },
  suspend: { label: "Suspend", isDangerous: false, help: "Start nothing new until it is resumed." },
  resume: { label: "Resume", isDangerous: false, help: "Go on after a suspend." },
  signal: { label: "Signal", isDangerous: false, help: "Send a signal that a step waits for, or will." },
  complete: {
    label: "Complete a step", isDangerous: false, help: "Give the answer that a step waits for, by its token.",
  },
  "skip-step": { label: "Skip a step", isDangerous: true, help: "Count a step, or its undo, as settled." },
  "force-cancel": {
    label: "Force cancel", isDangerous: true,
    help: "Cancel without awaiting what is in flight: what was not answered may have happened and is undone.",
  },
  "force-complete": {
    label: "Force complete", isDangerous: true,
    help: "End as completed, whatever is open. Nothing is undone and nothing more is done.",
  },
  delete: { label: "Delete", isDangerous: true, help: "Remove the finished saga with its history." },
};

const ENDED: SagaState[] = ["completed", "compensated", "cancelled", "timed_out", "failed"];

export function isEnded(state: SagaState): boolean {
  return ENDED.includes(state);
}

/** What it was before it was suspended, else what it is. */
export function innerState(saga: Saga): SagaState {
  return saga.state === "suspended" ? saga.suspended_in ?? "running" : saga.state;
}

export function isPastPivot(saga: Saga, graph: Graph | null): boolean {
  const pivots = new Set(graph?.steps.filter((step) => step.pivot).map((step) => step.id));
  return saga.steps.some((step) => pivots.has(step.id) && step.state === "completed");
}

/** The steps that skip-step could settle: none in flight, none that waits for somebody's answer. */
export function skippable(saga: Saga): Step[] {
  switch (innerState(saga)) {
    case "running":
      return saga.steps.filter((step) => step.state === "pending"
        || (step.state === "waiting" && !["answer", "child", "lease"].includes(step.waits_for ?? ""))
        || (step.items_total !== undefined && step.state === "running"));
    case "compensating":
      return saga.steps.filter((step) => !step.compensation?.deadline
        && (step.state === "completed" || step.state === "compensating" || (step.maybe ?? false)));
    default:
      return [];
  }
}

/** The steps that wait for somebody's answer. */
export function completable(saga: Saga): Step[] {
  return saga.steps.filter((step) => step.waits_for === "answer"
    || step.compensation?.waits_for === "answer");
}

const RETRIED = ["backoff", "human", "poll", "redrive", "sweep"];

/** The steps that a retry would take up at once; those of a failed saga are all taken up together. */
export function retryable(saga: Saga): Step[] {
  return saga.steps.filter((step) => RETRIED.includes(step.waits_for ?? "")
    || RETRIED.includes(step.compensation?.waits_for ?? "")
    || (step.items_total !== undefined && ["running", "waiting", "compensating"].includes(step.state)));
}

/** What may be told to this saga now, the usual first. */
export function commandsOf(saga: Saga, graph: Graph | null): Command[] {
  const inner = innerState(saga);
  const isPast = isPastPivot(saga, graph);
  const names: CommandName[] = [];
  if (saga.state === "suspended") names.push("resume");
  if (inner === "failed" || (saga.state === inner && !isEnded(inner) && retryable(saga).length > 0)) names.push("retry");
  if (inner === "pending" || (inner === "running" && !isPast)) names.push("cancel");
  if (!isEnded(inner) && saga.state !== "suspended") names.push("suspend");
  if (completable(saga).length > 0) names.push("complete");
  if (inner === "pending" || inner === "running") names.push("signal");
  if (skippable(saga).length > 0) names.push("skip-step");
  if (!isEnded(inner) || inner === "failed") names.push("force-cancel");
  if (inner === "running" || inner === "compensating" || inner === "failed") names.push("force-complete");
  if (isEnded(inner) && saga.open === 0) names.push("delete");
  return names.map((name) => ({ name, ...ALL[name] }));
}
