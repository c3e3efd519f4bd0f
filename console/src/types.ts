// types.ts: what the API answers, as far as the console reads it. The OpenAPI document says the rest.

export type Json = null | boolean | number | bigint | string | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

export interface Page<T> {
  items: T[];
  next: string | null;
  total?: number | null;
}

export type SagaState =
  | "pending" | "running" | "completed" | "compensating" | "compensated"
  | "failed" | "cancelled" | "timed_out" | "suspended";

export interface SagaRow {
  id: string;
  definition: string | null;
  version: string | null;
  state: SagaState;
  reason: string | null;
  has_residue: boolean;
  open: number;
  business_key: string | null;
  created_at: string | null;
  updated_at: string | null;
  ended_at: string | null;
  parent: string | null;
}

export interface Undo {
  state: string;
  attempts: number;
  round: number;
  waits_for?: string | null;
  due_at?: string | null;
  deadline?: string | null;
}

export interface Unit {
  state: string;
  maybe?: boolean;
  attempts?: number;
  round?: number;
  waits_for?: string | null;
  due_at?: string | null;
  deadline?: string | null;
  started_at?: string | null;
  output?: Json;
  error?: { code: string | null; message: string | null } | null;
  compensation?: Undo | null;
}

export interface Item extends Unit {
  item: number;
  value: Json;
}

export interface Step extends Unit {
  id: string;
  name: string | null;
  index: number;
  type: string;
  items_total?: number;
  items_settled?: number;
  items?: Item[];
}

export interface Saga {
  id: string;
  definition: string;
  version: string;
  namespace: string | null;
  state: SagaState;
  suspended_in?: SagaState;
  suspend_reason?: string | null;
  reason: string | null;
  requested?: string;
  residue: string[];
  left?: { done: string[]; maybe: string[]; in_flight: string[] };
  open: number;
  business_key: string | null;
  tags: string[];
  attributes: JsonObject;
  input: Json;
  context: Json;
  output: Json;
  error: { step: string | null; code: string | null; message: string | null } | null;
  steps_total: number;
  steps_completed: number;
  retries: number;
  seq: number;
  created_at: string | null;
  started_at: string | null;
  updated_at: string | null;
  ended_at: string | null;
  deadline: string | null;
  parent: string | null;
  steps: Step[];
}

export interface SagaEvent {
  saga?: string;
  definition?: string | null;
  seq: number;
  at: string | null;
  type: string;
  step: string | null;
  item: number | null;
  attempt: number;
  round: number;
  data: Json;
}

export interface Observation {
  number: number;
  at: string | null;
  type: string | null;
  level: string | null;
  saga: string | null;
  message: string | null;
  data: Json;
}

export interface Explanation {
  sentence: string;
  waits_for: string;
  until: string | null;
  waiting: { waits: string; then: string | null; until: string | null; step: string | null }[];
  waiting_total: number;
}

export interface Preview {
  accepted: boolean;
  detail: string | null;
  pending: boolean;
  ends: string | null;
  awaited: { step: string; item: number | null; maybe: boolean; until: string | null }[];
  undone: {
    step: string; item: number | null; maybe: boolean; in_flight: boolean; what: string; turn: number;
  }[];
  truncated: boolean;
}

export interface GraphStep {
  id: string;
  name: string;
  kind: string;
  level: number;
  compensation: string;
  pivot: boolean;
  async: boolean;
  foreach: boolean;
  conditional: boolean;
  continue_on_error: boolean;
  dependencies: string[];
}

export interface Graph {
  id: string;
  name: string;
  version: string;
  levels_count: number;
  steps: GraphStep[];
}

export interface Definition {
  id: string;
  version: string;
  digest: string;
  created_at: string | null;
  is_latest: boolean;
  source?: Json;
  graph?: Graph | null;
}

export interface Letter {
  id: string;
  saga: string | null;
  definition: string | null;
  step: string | null;
  item: number | null;
  why: string | null;
  at: string | null;
}

export interface Lock {
  key: string | null;
  holder: string | null;
  since: string | null;
  waiters_total: number;
  waiters: { saga: string | null; since: string | null }[];
}

export interface Breaker {
  service: string;
  state: "closed" | "open" | "half_open";
  failures: number;
  opened_count: number;
  changed_at: string | null;
  retry_at: string | null;
  in_flight: number;
  waiting: number;
  sent: number;
  refused: number;
}

export interface Queue {
  queue: string;
  waiting: number;
  in_flight: number;
  workers_waiting: number;
  oldest: string | null;
}

export interface Recovery {
  scanned: number;
  processed: number;
  failed: number;
  redriven: number;
  last_run_at: string | null;
  stuck: { saga: string | null; [name: string]: Json }[];
  stuck_total: number;
}

export interface Cluster {
  node: string | null;
  version: string;
  incarnation: number;
  loops: number;
  shards_total: number;
  nodes: JsonObject[];
  shards: { shard: number; owner: string | null; epoch: number; position: number }[];
}

export interface Stats {
  by_state: Record<string, number>;
  totals: JsonObject;
  definitions: { definition: string; version: string; by_state: Record<string, number> }[];
  engine: JsonObject;
  channels: Json;
  streams: number;
}

export interface Schedule {
  id: string;
  state: "active" | "paused" | "done";
  cron: string | null;
  at: string | null;
  definition: string;
  version: string | null;
  input: Json;
  context: Json;
  business_key: string | null;
  attributes: Json;
  tags: Json;
  overlap: string;
  catch_up: string | null;
  by: string | null;
  created_at: string | null;
  next: string[];
  last_at: string | null;
  last_saga: string | null;
  runs: number;
  skipped: number;
  failed: number;
  last_error: string | null;
}

export interface Batch {
  id: string;
  command: string;
  by: string;
  reason: string;
  state: string;
  matched: number | null;
  seen: number;
  done: number;
  failed: number;
  refused: Record<string, number>;
  last_error: string | null;
  created_at: string | null;
  finished_at: string | null;
}

/** A batch that is only looked at. */
export interface DryRun {
  matched: number | null;
  sample: string[];
}

export interface ProblemBody {
  type: string;
  title: string;
  status: number;
  detail: string;
  remedy: string;
  code?: string;
  diagnostics?: { line: number; column: number; path: string; message: string; remedy: string }[];
  violations?: { pointer: string; message: string }[];
}

export interface Trouble {
  name: string;
  means: string;
  check: string | null;
  remedy: string;
}
