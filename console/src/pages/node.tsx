// node.tsx: the server itself: figures, recovery, shards; locks, services and queues; schedules and batches.
import { useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { Ask } from "../ask";
import { get, path, post, query, remove } from "../api";
import { count, words } from "../format";
import { useAnswer, useEvery } from "../live";
import { Answer, Empty, Field, Figures, Pager, Payload, SagaLink, State, Time } from "../parts";
import { link } from "../route";
import type { Batch, Breaker, Cluster, Json, Lock, Page, Queue, Recovery, Schedule, Stats } from "../types";

const EVERY_MS = 3000;

function figure(value: Json): ComponentChildren {
  if (typeof value === "number") return Number.isInteger(value) ? value.toLocaleString("en") : value.toFixed(3);
  if (typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value)) return <Time at={value} />;
  return value === null ? "–" : String(value);
}

function figuresOf(values: { [name: string]: Json }): [string, ComponentChildren][] {
  return Object.entries(values).map(([name, value]) => [words(name.replace(/^own_us_/, "µs of its own a step, ")), figure(value)]);
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
            {value.channels ? <Payload name="notifications" value={value.channels} isOpen /> : null}
          </>
        )}
      </Answer>
      <Answer value={cluster.value} problem={cluster.problem}>{(value) => <Shards cluster={value} />}</Answer>
    </main>
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
        <table class="rows">
          <thead><tr><th>Shard</th><th>Owner</th><th>Epoch</th><th>Position</th></tr></thead>
          <tbody>
            {cluster.shards.map((one) => (
              <tr key={one.shard}>
                <td data-label="Shard">{one.shard}</td><td data-label="Owner">{one.owner ?? "–"}</td>
                <td data-label="Epoch">{one.epoch}</td><td data-label="Position">{one.position.toLocaleString("en")}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </>
  );
}

// ---- locks ----------------------------------------------------------------------------------------

export function Locks() {
  const [trail, setTrail] = useState<string[]>([]);
  const [key, setKey] = useState("");
  const cursor = trail.at(-1) ?? "";
  const url = `/locks${query({ limit: 100, cursor, key })}`;
  const list = useAnswer(() => get<Page<Lock>>(url), [url]);
  useEvery(EVERY_MS, () => void list.again());
  return (
    <main>
      <header class="title">
        <h1>Locks</h1>
        <Field label="Key"><input type="search" value={key} onChange={(event) => {
          setKey(event.currentTarget.value.trim());
          setTrail([]);
        }} /></Field>
      </header>
      <Answer value={list.value} problem={list.problem}>
        {(page) => page.items.length === 0 ? (
          <Empty title={key ? "Nobody holds this key" : "No key is held"}>
            <p>A saga with <code>lock_keys</code> holds them from its start to its end; who else wants one waits in
              line.</p>
          </Empty>
        ) : (
          <table class="rows">
            <thead><tr><th>Key</th><th>Held by</th><th>Since</th><th>Waiting</th></tr></thead>
            <tbody>
              {page.items.map((lock) => (
                <tr key={lock.key}>
                  <td data-label="Key" class="mono">{lock.key}</td>
                  <td data-label="Held by"><SagaLink id={lock.holder} /></td>
                  <td data-label="Since"><Time at={lock.since} /></td>
                  <td data-label="Waiting">
                    {lock.waiters.slice(0, 10).map((one) => <div key={one.saga}><SagaLink id={one.saga} /> <Time at={one.since} /></div>)}
                    {lock.waiters_total > 10 ? `… ${lock.waiters_total - 10} more` : lock.waiters_total === 0 ? "nobody" : null}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Answer>
      <Pager trail={trail} next={list.value?.next ?? null} onTrail={setTrail} />
    </main>
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
          <table class="rows">
            <thead><tr><th>Service</th><th>Breaker</th><th>In flight</th><th>In line</th><th>Sent</th><th>Refused</th><th>Opened</th><th /></tr></thead>
            <tbody>
              {page.items.map((one) => (
                <tr key={one.service}>
                  <td data-label="Service" class="mono">{one.service}</td>
                  <td data-label="Breaker">
                    <State name={one.state} />{one.failures > 0 ? <span class="quiet"> {count(one.failures, "failure")} in a row</span> : null}
                    {one.retry_at ? <span class="quiet"> tries <Time at={one.retry_at} /></span> : null}
                  </td>
                  <td data-label="In flight">{one.in_flight}</td>
                  <td data-label="In line">{one.waiting}</td>
                  <td data-label="Sent">{one.sent.toLocaleString("en")}</td>
                  <td data-label="Refused">{one.refused.toLocaleString("en")}</td>
                  <td data-label="Opened">{one.opened_count}</td>
                  <td>{one.state === "closed" ? null : <button type="button" onClick={() => setAsked(one)}>Close</button>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Answer>
      <h2>Queues of tasks</h2>
      <Answer value={queues.value} problem={queues.problem}>
        {(page) => page.items.length === 0 ? <p class="quiet">No step was handed to a queue yet.</p> : (
          <table class="rows">
            <thead><tr><th>Queue</th><th>Waiting</th><th>With workers</th><th>Workers that wait</th><th>Oldest</th></tr></thead>
            <tbody>
              {page.items.map((one) => (
                <tr key={one.queue}>
                  <td data-label="Queue" class="mono">{one.queue}</td><td data-label="Waiting">{one.waiting}</td>
                  <td data-label="With workers">{one.in_flight}</td><td data-label="Workers that wait">{one.workers_waiting}</td>
                  <td data-label="Oldest"><Time at={one.oldest} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Answer>
    </main>
  );
}

// ---- schedules and batches ------------------------------------------------------------------------

type Act = "pause" | "resume" | "trigger" | "delete";

const ACTS: Record<Act, { label: string; help: string }> = {
  pause: { label: "Pause", help: "Start nothing until it is resumed. Instants of the pause are not made up." },
  resume: { label: "Resume", help: "Go on." },
  trigger: { label: "Start one now", help: "Starts a saga at once, whatever runs." },
  delete: { label: "Delete", help: "Start nothing more. Sagas that were started stay." },
};

export function Schedules() {
  const list = useAnswer(() => get<Page<Schedule>>("/schedules?limit=100"), []);
  const batches = useAnswer(() => get<Page<Batch>>("/batches?limit=50"), []);
  const [asked, setAsked] = useState<{ id: string; act: Act } | null>(null);
  useEvery(EVERY_MS, () => {
    void list.again();
    void batches.again();
  });
  const send = async () => {
    if (!asked) return;
    const url = path`/schedules/${asked.id}`;
    if (asked.act === "delete") await remove(url);
    else await post(`${url}/${asked.act}`);
    await list.again();
  };
  return (
    <main>
      <header class="title"><h1>Schedules</h1></header>
      {asked ? (
        <Ask title={`${ACTS[asked.act].label}: ${asked.id}`} label={ACTS[asked.act].label} isAnonymous
          help={<p>{ACTS[asked.act].help}</p>} isDangerous={asked.act === "delete"} send={send} onClose={() => setAsked(null)} />
      ) : null}
      <Answer value={list.value} problem={list.problem}>
        {(page) => page.items.length === 0 ? (
          <Empty title="Nothing starts by the clock">
            <p>Make a schedule on the command line:</p>
            <pre>skald schedule create nightly --cron '30 4 * * mon-fri' --definition settle</pre>
          </Empty>
        ) : <ScheduleRows rows={page.items} ask={(id, act) => setAsked({ id, act })} />}
      </Answer>
      <h2>Batches</h2>
      <Answer value={batches.value} problem={batches.problem}>
        {(page) => page.items.length === 0 ? (
          <Empty title="No command was given to many sagas at once">
            <pre>skald batch cancel --state suspended --definition order --by ada --reason recall --dry-run</pre>
          </Empty>
        ) : <BatchRows rows={page.items} again={batches.again} />}
      </Answer>
    </main>
  );
}

function ScheduleRows({ rows, ask }: { rows: Schedule[]; ask: (id: string, act: Act) => void }) {
  return (
    <table class="rows">
      <thead><tr><th>Schedule</th><th>State</th><th>When</th><th>Starts</th><th>Next</th><th>Last</th><th>Runs</th><th /></tr></thead>
      <tbody>
        {rows.map((one) => (
          <tr key={one.id}>
            <td data-label="Schedule" class="mono">{one.id}</td>
            <td data-label="State"><State name={one.state} /></td>
            <td data-label="When"><code>{one.cron ?? one.at}</code> <span class="quiet">{one.overlap}</span></td>
            <td data-label="Starts"><a href={link("definition", [one.definition])}>{one.definition}</a></td>
            <td data-label="Next"><Time at={one.next[0]} /></td>
            <td data-label="Last"><SagaLink id={one.last_saga} /></td>
            <td data-label="Runs">{one.runs}{one.skipped ? `, ${one.skipped} skipped` : ""}{one.failed ? `, ${one.failed} refused` : ""}
              {one.last_error ? <div class="note bad">{one.last_error}</div> : null}</td>
            <td>
              {one.state === "active" ? <button type="button" onClick={() => ask(one.id, "pause")}>Pause</button> : null}
              {one.state === "paused" ? <button type="button" onClick={() => ask(one.id, "resume")}>Resume</button> : null}{" "}
              <button type="button" onClick={() => ask(one.id, "trigger")}>Now</button>{" "}
              <button type="button" class="danger" onClick={() => ask(one.id, "delete")}>Delete</button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function BatchRows({ rows, again }: { rows: Batch[]; again: () => Promise<void> }) {
  const end = async (id: string) => {
    await post(path`/batches/${id}/cancel`).catch(() => null);
    await again();
  };
  return (
    <table class="rows">
      <thead><tr><th>Batch</th><th>Command</th><th>State</th><th>Progress</th><th>Who and why</th><th>Began</th><th /></tr></thead>
      <tbody>
        {rows.map((one) => (
          <tr key={one.id}>
            <td data-label="Batch" class="mono">{one.id}</td>
            <td data-label="Command">{one.command}</td>
            <td data-label="State"><State name={one.state} /></td>
            <td data-label="Progress">
              <progress max={Math.max(1, one.matched ?? one.seen)} value={one.seen} /> {one.done} done
              {one.failed ? `, ${one.failed} failed` : ""}
              {Object.entries(one.refused).filter(([, n]) => n > 0).map(([why, n]) => `, ${n} ${words(why)}`)}
            </td>
            <td data-label="Who and why">{one.by}: {one.reason}</td>
            <td data-label="Began"><Time at={one.created_at} /></td>
            <td>{one.state === "running" ? <button type="button" onClick={() => void end(one.id)}>End it</button> : null}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
