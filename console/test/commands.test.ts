// commands.test.ts: what is offered in each state, against the table of docs/internals/semantics.md.
import assert from "node:assert/strict";
import test from "node:test";
import { commandsOf, completable, retryable, skippable } from "../src/commands";
import type { Graph, Saga, Step } from "../src/types";

function step(id: string, more: Partial<Step> = {}): Step {
  return { id, name: id, index: 0, type: "http", state: "pending", ...more };
}

function saga(more: Partial<Saga>): Saga {
  return {
    id: "s", definition: "d", version: "1", namespace: null, state: "running", reason: null, residue: [], open: 0,
    business_key: null, tags: [], attributes: {}, input: null, context: null, output: null, error: null, steps_total: 0,
    steps_completed: 0, retries: 0, seq: 1, created_at: null, started_at: null, updated_at: null, ended_at: null,
    deadline: null, parent: null, steps: [], ...more,
  };
}

function graph(pivot: string): Graph {
  const box = (id: string) => ({
    id, name: id, kind: "http", level: 0, compensation: "none", pivot: id === pivot, async: false, foreach: false,
    conditional: false, continue_on_error: false, dependencies: [],
  });
  return { id: "d", name: "d", version: "1", levels_count: 1, steps: [box("a"), box("b")] };
}

function names(one: Saga, about: Graph | null = null): string {
  return commandsOf(one, about).map((command) => command.name).sort().join(" ");
}

test("each state offers what the server would take", () => {
  const waiting = [step("a", { state: "completed" }), step("b", { state: "waiting", waits_for: "backoff" })];
  assert.equal(names(saga({ state: "pending" })), "cancel force-cancel signal suspend");
  assert.equal(names(saga({ state: "running", steps: [step("a", { state: "running" })] })),
    "cancel force-cancel force-complete signal suspend");
  assert.equal(names(saga({ state: "running", steps: waiting })),
    "cancel force-cancel force-complete retry signal skip-step suspend");
  assert.equal(names(saga({ state: "compensating", steps: [step("a", { state: "compensating",
    compensation: { state: "open", attempts: 1, round: 1, waits_for: "backoff" } })] })),
  "force-cancel force-complete retry skip-step suspend");
  for (const state of ["completed", "compensated", "cancelled", "timed_out"] as const) {
    assert.equal(names(saga({ state, steps: [step("a", { state: "completed" })] })), "delete", state);
    assert.equal(names(saga({ state, open: 1 })), "", state);
  }
  assert.equal(names(saga({ state: "failed" })), "delete force-cancel force-complete retry");
});

test("a suspended saga takes what it took before, and may be resumed", () => {
  assert.equal(names(saga({ state: "suspended", suspended_in: "running", steps: [step("a")] })),
    "cancel force-cancel force-complete resume signal skip-step");
  assert.equal(names(saga({ state: "suspended", suspended_in: "pending" })), "cancel force-cancel resume signal");
  assert.equal(names(saga({ state: "suspended", suspended_in: "compensating" })), "force-cancel force-complete resume");
});

test("past its pivot a saga is not cancelled any more", () => {
  const steps = [step("a", { state: "completed" }), step("b", { state: "running" })];
  assert.equal(names(saga({ steps }), graph("a")), "force-cancel force-complete signal suspend");
  assert.equal(names(saga({ steps }), graph("b")), "cancel force-cancel force-complete signal suspend");
});

test("steps that wait for an answer are completed, not skipped", () => {
  const one = saga({ steps: [step("a", { state: "waiting", waits_for: "answer" }),
    step("b", { state: "waiting", waits_for: "signal" }), step("c", { state: "running" }), step("d")] });
  assert.deepEqual(completable(one).map((each) => each.id), ["a"]);
  assert.deepEqual(skippable(one).map((each) => each.id), ["b", "d"]);
  assert.deepEqual(retryable(one), []);
  assert.ok(names(one).includes("complete"));
});
