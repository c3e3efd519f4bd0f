// node.tsx: the server itself: figures, recovery, shards; locks, services and queues.
import { useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { Ask } from "../ask";
import { get, path, post } from "../api";
import { count, words } from "../format";
import { useAnswer, useEvery } from "../live";
import { Answer, Empty, Field, Figures, SagaLink, State, Time } from "../parts";
import { Paged, Table, usePages } from "../table";
import type { Breaker, Cluster, Json, JsonObject, Lock, Page, Queue, Recovery, Stats } from "../types";

const EVERY_MS = 3000;

function figure(value: Json): ComponentChildren {
  if (typeof value === "number") return Number.isInteger(value) ? value.toLocaleString("en") : value.toFixed(3);
  if (typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value)) return <Time at={value} />;
  return value === null ? "–" : String(value);
}

function figuresOf(values: { [name: string]: Json }): [string, ComponentChildren][] {
  return Object.entries(values).map(([name, value]) => [words(name.replace(/^own_us_/, "µs of its own a step, ")),
    name.endsWith("_rate") && typeof value === "number" ? `${(value * 100).toFixed(1)} %` : figure(value)]);
}

export function Server() {
  const stats = useAnswer(() => get<Stats>("/stats"), []);
  const cluster = useAnswer(() => get<Cluster>("/cluster"), []);
  useEvery(EVERY_MS, () => {
    void stats.again();
    void cluster.again();
  });
  return (
    <main>
      <header class="title"><h1>Server</h1></header>
      <RecoveryPart />
      <Answer value={stats.value} problem={stats.problem}>
        {(value) => (
          <>
            <h2>All sagas</h2>
            <Figures rows={figuresOf(value.totals)} />
            <h2>This node, since it started</h2>
            <Figures rows={figuresOf({ ...value.engine, streams: value.streams })} />
            <Channels channels={value.channels} />
          </>
        )}
      </Answer>
      <Answer value={cluster.value} problem={cluster.problem}>{(value) => <Shards cluster={value} />}</Answer>
    </main>
  );
}

/** The channels of notifications that are configured; the others have no figures. */
function Channels({ channels }: { channels: Json }) {
  const all = Object.entries((channels ?? {}) as { [type: string]: JsonObject });
  const used = all.filter(([, one]) => one.configured === true);
  if (all.length === 0) return null;
  return (
    <>
      <h2>Notifications</h2>
      {used.length === 0 ? <p class="quiet">None is configured: {all.map(([type]) => words(type)).join(", ")}.</p> : (
        <Table label="Notifications" rows={used} keyOf={([type]) => type} columns={[
          { title: "Channel", of: ([type]) => words(type) },
          { title: "Sent", of: ([, one]) => figure(one.sent ?? null) },
          { title: "Failed", of: ([, one]) => figure(one.failed ?? null) },
          { title: "In flight", of: ([, one]) => figure(one.in_flight ?? null) },
          { title: "Waiting", of: ([, one]) => figure(one.waiting ?? null) },
        ]} />
      )}
    </>
  );
}

function RecoveryPart() {
  const recovery = useAnswer(() => get<Recovery>("/recovery"), []);
  const [problem, setProblem] = useState<Error | null>(null);
  useEvery(EVERY_MS, () => void recovery.again());
  const sweep = async () => {
    try {
      await post("/recovery/run");
      await recovery.again();
      setProblem(null);
    } catch (caught) {
      setProblem(caught as Error);
    }
  };
  return (
    <Answer value={recovery.value} problem={recovery.problem}>
      {(value) => (
        <>
          <h2>Recovery <button type="button" onClick={() => void sweep()}>Sweep now</button></h2>
          {problem ? <p class="note bad">{problem.message}</p> : null}
          <Figures rows={[
            ["looked at", count(value.scanned, "saga")],
            ["repaired", String(value.processed)],
            ["not repaired", String(value.failed)],
            ["attempts repeated after a crash", String(value.redriven)],
            ["last sweep", <Time at={value.last_run_at} />],
            ["stuck", String(value.stuck_total)],
          ]} />
          {value.stuck.length > 0 ? (
            <ul>{value.stuck.map((one) => (
              <li key={one.saga}><SagaLink id={one.saga} /> {String(one.definition ?? "")} <Time at={String(one.updated_at)} /></li>
            ))}</ul>
          ) : null}
        </>
      )}
    </Answer>
  );
}

function Shards({ cluster }: { cluster: Cluster }) {
  return (
    <>
      <h2>Nodes and shards</h2>
      <Figures rows={[
        ["this node", cluster.node ?? "–"],
        ["version", cluster.version],
        ["incarnation of the store", String(cluster.incarnation)],
        ["loops", String(cluster.loops)],
        ["shards", String(cluster.shards_total)],
      ]} />
      <details>
        <summary>{count(cluster.shards.length, "shard")}</summary>
        <Table label="Shards" rows={cluster.shards} keyOf={(one) => String(one.shard)} columns={[
          { title: "Shard", of: (one) => one.shard },
          { title: "Owner", of: (one) => one.owner ?? "–" },
          { title: "Epoch", of: (one) => one.epoch },
          { title: "Position", of: (one) => one.position.toLocaleString("en") },
        ]} />
      </details>
    </>
  );
}

// ---- locks ----------------------------------------------------------------------------------------

export function Locks() {
  const [key, setKey] = useState("");
  const list = usePages<Lock>("/locks", { key }, 100);
  useEvery(EVERY_MS, () => void list.again());
  return (
    <main>
      <header class="title">
        <h1>Locks</h1>
        <Field label="Key"><input type="search" value={key}
          onChange={(event) => setKey(event.currentTarget.value.trim())} /></Field>
      </header>
      <Paged list={list} label="Locks" keyOf={(lock) => lock.key ?? ""}
        empty={(
          <Empty title={key ? "Nobody holds this key" : "No key is held"}>
            <p>A saga with <code>lock_keys</code> holds them from its start to its end; who else wants one waits in
              line.</p>
          </Empty>
        )}
        columns={[
          { title: "Key", isMono: true, of: (lock) => lock.key },
          { title: "Held by", of: (lock) => <SagaLink id={lock.holder} /> },
          { title: "Since", of: (lock) => <Time at={lock.since} /> },
          { title: "Waiting", of: (lock) => <Waiters lock={lock} /> },
        ]} />
    </main>
  );
}

function Waiters({ lock }: { lock: Lock }) {
  if (lock.waiters_total === 0) return <span class="quiet">nobody</span>;
  return (
    <>
      {lock.waiters.slice(0, 10).map((one) => (
        <div key={one.saga}><SagaLink id={one.saga} /> <Time at={one.since} /></div>
      ))}
      {lock.waiters_total > 10 ? `… ${lock.waiters_total - 10} more` : null}
    </>
  );
}

// ---- services and queues --------------------------------------------------------------------------

export function Services() {
  const list = useAnswer(() => get<Page<Breaker>>("/circuit-breakers"), []);
  const queues = useAnswer(() => get<Page<Queue>>("/tasks"), []);
  const [asked, setAsked] = useState<Breaker | null>(null);
  useEvery(EVERY_MS, () => {
    void list.again();
    void queues.again();
  });
  return (
    <main>
      <header class="title"><h1>Services</h1></header>
      {asked ? (
        <Ask title={`Close the circuit breaker: ${asked.service}`} label="Close it" isDangerous={false}
          help={<p>Calls go through again at once. If the service still fails, it opens again.</p>}
          onClose={() => setAsked(null)} send={async (body) => {
            await post(path`/circuit-breakers/${asked.service}/reset`, body);
            await list.again();
          }} />
      ) : null}
      <Answer value={list.value} problem={list.problem}>
        {(page) => page.items.length === 0 ? (
          <Empty title="No service was called yet"><p>Each service stands here with its circuit breaker once a step has called it.</p></Empty>
        ) : (
          <Table label="Services" rows={page.items} keyOf={(one) => one.service} columns={[
            { title: "Service", isMono: true, of: (one) => one.service },
            { title: "Breaker", of: (one) => (
              <>
                <State name={one.state} />
                {one.failures > 0 ? <span class="quiet"> {count(one.failures, "failure")} in a row</span> : null}
                {one.retry_at ? <span class="quiet"> tries <Time at={one.retry_at} /></span> : null}
              </>
            ) },
            { title: "In flight", of: (one) => one.in_flight },
            { title: "In line", of: (one) => one.waiting },
            { title: "Sent", of: (one) => one.sent.toLocaleString("en") },
            { title: "Refused", of: (one) => one.refused.toLocaleString("en") },
            { title: "Opened", of: (one) => one.opened_count },
            { title: "Acts", isActs: true, of: (one) => (one.state === "closed" ? null
              : <button type="button" onClick={() => setAsked(one)}>Close</button>) },
          ]} />
        )}
      </Answer>
      <h2>Queues of tasks</h2>
      <Answer value={queues.value} problem={queues.problem}>
        {(page) => page.items.length === 0 ? <p class="quiet">No step was handed to a queue yet.</p> : (
          <Table label="Queues of tasks" rows={page.items} keyOf={(one) => one.queue} columns={[
            { title: "Queue", isMono: true, of: (one) => one.queue },
            { title: "Waiting", of: (one) => one.waiting },
            { title: "With workers", of: (one) => one.in_flight },
            { title: "Workers that wait", of: (one) => one.workers_waiting },
            { title: "Oldest", of: (one) => <Time at={one.oldest} /> },
          ]} />
        )}
      </Answer>
    </main>
  );
}
