// saga.tsx: one saga, live: what it waits for, its steps as a picture and as rows, its payloads, its history, and
// what an operator may tell it.
import { useEffect, useRef, useState } from "preact/hooks";
import { BASE, get, path } from "../api";
import { commandsOf } from "../commands";
import { CommandDialog } from "../command";
import { between, brief, count, gist, noteOf, words } from "../format";
import { Picture } from "../graph";
import { useAnswer, useEvery, useStream } from "../live";
import { Answer, Clock, Empty, Figures, Live, Payload, SagaLink, State, Time } from "../parts";
import { link } from "../route";
import type { Command } from "../commands";
import type { Definition, Explanation, Graph, Item, Page, Saga, SagaEvent, Step, Undo, Unit } from "../types";

const EVENTS_FIRST = 500; // of a long history, the last ones; the others when they are asked for
const EVENTS_MAX = 20000; // kept in the page
const EVENTS_SHOWN = 100;
const EXPLAIN_MS = 5000;

export function SagaPage({ id, step }: { id: string; step: string | null }) {
  const saga = useAnswer(() => get<Saga>(path`/sagas/${id}`), [id]);
  const explanation = useAnswer(() => get<Explanation>(path`/sagas/${id}/explain`), [id]);
  const [events, setEvents] = useState<SagaEvent[]>([]);
  const timer = useRef(0);
  const again = () => {
    void saga.again();
    void explanation.again();
  };
  // Many events at once are one question.
  const soon = () => {
    timer.current ||= window.setTimeout(() => {
      timer.current = 0;
      again();
    }, 150);
  };
  const [from, setFrom] = useState<number | null>(null);
  const last = saga.value?.seq;
  useEffect(() => {
    if (from === null && last !== undefined) setFrom(Math.max(0, last - EVENTS_FIRST));
  }, [last]);
  const url = from === null ? null : `${path`/sagas/${id}/events`}?after=${from}`;
  const connection = useStream<SagaEvent>(url, "after", (arrived) => {
    setEvents((was) => [...was, ...arrived].slice(-EVENTS_MAX));
    soon();
  });
  const fromStart = () => {
    setEvents([]);
    setFrom(0);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  useEvery(EXPLAIN_MS, () => {
    if (explanation.value?.until) void explanation.again(); // "in 12s" grows old
  });
  const definition = saga.value?.definition ?? "", version = saga.value?.version ?? "";
  const about = useAnswer(async () => (definition
    ? get<Definition>(path`/definitions/${definition}?version=${version}`) : null), [definition, version]);
  return (
    <main>
      <Answer value={saga.value} problem={saga.problem}>
        {(value) => (
          <Whole saga={value} graph={about.value?.graph ?? null} explanation={explanation.value}
            events={events} fromStart={from ? fromStart : null} chosen={step}
            connection={<Live connection={connection} />} again={again} />
        )}
      </Answer>
    </main>
  );
}

interface WholeProps {
  saga: Saga;
  graph: Graph | null;
  explanation: Explanation | null;
  events: SagaEvent[];
  fromStart: (() => void) | null;
  chosen: string | null;
  connection: preact.JSX.Element;
  again: () => void;
}

function Whole({ saga, graph, explanation, events, fromStart, chosen, connection, again }: WholeProps) {
  const [command, setCommand] = useState<Command | null>(null);
  return (
    <>
      <header class="title">
        <h1 class="mono">{saga.id}</h1>
        <State name={saga.state} note={noteOf(saga)} />
        {connection}
      </header>
      <p class="explain" aria-live="polite">{explanation?.sentence ?? "…"}</p>
      <Waiting explanation={explanation} />
      <Notes saga={saga} />
      <div class="commands" role="group" aria-label="Commands">
        {commandsOf(saga, graph).map((one) => (
          <button type="button" key={one.name} class={one.isDangerous ? "danger" : ""} title={one.help}
            onClick={() => setCommand(one)}>{one.label}</button>
        ))}
        <a class="button" href={BASE + path`/sagas/${saga.id}/export`} download={`${saga.id}.json`}>Export</a>
      </div>
      {command ? (
        <CommandDialog key={command.name} command={command} saga={saga} events={events} onDone={again}
          onClose={() => setCommand(null)} />
      ) : null}
      <div class="columns">
        <section aria-label="Graph">
          <h2>Graph</h2>
          {graph
            ? <Picture graph={graph} steps={saga.steps} hrefOf={(id) => link("saga", [saga.id], { step: id })} />
            : <p class="quiet">This build cannot draw it.</p>}
          <Facts saga={saga} />
          <h2>Data</h2>
          <Payload name="input" value={saga.input} isOpen />
          <Payload name="output" value={saga.output} isOpen />
          <Payload name="context" value={saga.context} />
          <Payload name="attributes" value={saga.attributes} />
        </section>
        <section aria-label="Steps">
          <h2>Steps</h2>
          <Steps saga={saga} chosen={chosen} />
          <Timeline events={events} fromStart={fromStart} />
        </section>
      </div>
    </>
  );
}

function Waiting({ explanation }: { explanation: Explanation | null }) {
  if (!explanation || explanation.waiting_total < 2) return null;
  return (
    <details class="waiting">
      <summary>It waits for {count(explanation.waiting_total, "thing")} at once</summary>
      <ul>
        {explanation.waiting.map((one, i) => (
          <li key={i}>{one.waits}{one.until ? <> until <Time at={one.until} /></> : null}{one.then ? `; then ${one.then}` : ""}</li>
        ))}
      </ul>
    </details>
  );
}

function Notes({ saga }: { saga: Saga }) {
  const { error, left } = saga;
  return (
    <>
      {error ? (
        <p class="note bad">
          {error.step ? <>Step <b>{error.step}</b>: </> : null}<code>{error.code}</code> {error.message}
        </p>
      ) : null}
      {saga.residue.length > 0 ? <p class="note warn">Left standing: <b>{saga.residue.join(", ")}</b></p> : null}
      {saga.suspend_reason ? <p class="note warn">Suspended: {saga.suspend_reason}</p> : null}
      {saga.requested ? <p class="note warn">Asked for, and waiting for the pivot: {words(saga.requested)}</p> : null}
      {left ? (
        <p class="note warn">
          Completed by force. Done: {left.done.join(", ") || "nothing"}; perhaps done: {left.maybe.join(", ") || "nothing"};
          in flight: {left.in_flight.join(", ") || "nothing"}.
        </p>
      ) : null}
    </>
  );
}

function Facts({ saga }: { saga: Saga }) {
  return (
    <Figures rows={[
      ["definition", <a href={link("definition", [saga.definition, saga.version])}>{saga.definition} {saga.version}</a>],
      ["business key", saga.business_key ?? "–"],
      ["tags", saga.tags.join(", ") || "–"],
      ["namespace", saga.namespace ?? "–"],
      ["parent", <SagaLink id={saga.parent} />],
      ["accepted", <Time at={saga.created_at} />],
      ["ended", <Time at={saga.ended_at} />],
      ["took", between(saga.created_at, saga.ended_at) || "–"],
      ["deadline", <Time at={saga.deadline} />],
      ["events", String(saga.seq)],
      ["retries", String(saga.retries)],
      ["open work", String(saga.open)],
    ]} />
  );
}

function Steps({ saga, chosen }: { saga: Saga; chosen: string | null }) {
  return (
    <ol class="steps">
      {saga.steps.map((step) => <StepRow key={step.id} saga={saga} step={step} isChosen={step.id === chosen} />)}
    </ol>
  );
}

function StepRow({ saga, step, isChosen }: { saga: Saga; step: Step; isChosen: boolean }) {
  const self = useRef<HTMLDetailsElement>(null);
  const [isOpen, setOpen] = useState(isChosen);
  useEffect(() => {
    if (!isChosen) return;
    setOpen(true);
    self.current?.scrollIntoView({ block: "nearest" });
    self.current?.querySelector("summary")?.focus({ preventScroll: true });
  }, [isChosen]);
  return (
    <li>
      <details ref={self} open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <b>{step.id}</b> <State name={step.state} />
          {step.maybe ? <span class="badge warn" title="It may have happened">maybe</span> : null}
          {(step.attempts ?? 0) > 1 ? <span class="quiet">{count(step.attempts!, "attempt")}</span> : null}
          {step.items_total !== undefined ? <span class="quiet">{step.items_settled}/{step.items_total} items</span> : null}
          {step.error ? <code class="bad">{brief(step.error.code ?? step.error.message ?? "", 40)}</code> : null}
        </summary>
        {isOpen ? <StepBody saga={saga} step={step} /> : null}
      </details>
    </li>
  );
}

function StepBody({ saga, step }: { saga: Saga; step: Step }) {
  return (
    <div class="body">
      <p class="quiet">{step.name} · {step.type}</p>
      <UnitBody unit={step} />
      {step.type === "saga" ? <Child saga={saga} step={step} /> : null}
      {step.items_total !== undefined ? <Items saga={saga} step={step} /> : null}
    </div>
  );
}

function UnitBody({ unit }: { unit: Unit }) {
  const undo: Undo | null = unit.compensation ?? null;
  return (
    <>
      <Figures rows={[
        ["attempts", `${unit.attempts ?? 0}${(unit.round ?? 1) > 1 ? `, round ${unit.round}` : ""}`],
        ["started", <Time at={unit.started_at} />],
        ...(unit.waits_for ? [["waits for", <>{words(unit.waits_for)} <Time at={unit.due_at} /></>] as [string, preact.JSX.Element]] : []),
        ...(unit.deadline ? [["deadline", <Time at={unit.deadline} />] as [string, preact.JSX.Element]] : []),
        ...(undo ? [["undo", <>{undo.state}, {count(undo.attempts, "attempt")}{undo.waits_for
          ? <>, waits for {words(undo.waits_for)} <Time at={undo.due_at} /></> : null}</>] as [string, preact.JSX.Element]] : []),
      ]} />
      {unit.error ? <p class="note bad"><code>{unit.error.code}</code> {unit.error.message}</p> : null}
      <Payload name="output" value={unit.output} isOpen />
    </>
  );
}

/** The saga that a step started: its id begins as this one's. */
function Child({ saga, step }: { saga: Saga; step: Step }) {
  const children = useAnswer(() => get<Page<{ id: string }>>(`/sagas?parent=${encodeURIComponent(saga.id)}&limit=100`),
    [saga.id, step.state]);
  const prefix = `${saga.id}.${step.id}`;
  const mine = children.value?.items.filter((one) => one.id === prefix || one.id.startsWith(`${prefix}.`)
    || one.id.startsWith(`${prefix}~`)) ?? [];
  return <p>{mine.map((one) => <><SagaLink key={one.id} id={one.id} /> </>)}</p>;
}

function Items({ saga, step }: { saga: Saga; step: Step }) {
  const steps = useAnswer(() => get<Page<Step>>(path`/sagas/${saga.id}/steps`), [saga.id, saga.seq]);
  const items: Item[] = steps.value?.items.find((one) => one.id === step.id)?.items ?? [];
  return (
    <ol start={0} class="steps">
      {items.slice(0, 200).map((item) => <ItemRow key={item.item} item={item} />)}
      {items.length > 200 ? <li class="quiet">… {items.length - 200} more: skald show {saga.id} --json</li> : null}
    </ol>
  );
}

function ItemRow({ item }: { item: Item }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <li>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          {item.item} <State name={item.state} /> {item.maybe ? <span class="badge warn">maybe</span> : null}
          <code>{brief(item.value, 50)}</code>
        </summary>
        {isOpen ? <div class="body"><Payload name="value" value={item.value} isOpen /><UnitBody unit={item} /></div> : null}
      </details>
    </li>
  );
}

function kindOf(type: string): string {
  if (type.startsWith("operator.") || type === "signal.received") return "operator";
  if (/failed|alerted|unknown|timed_out|late/.test(type)) return "bad";
  if (type.startsWith("compensation.") || /compensat|cancelled/.test(type)) return "undo";
  return /completed/.test(type) ? "good" : "plain";
}

function Timeline({ events, fromStart }: { events: SagaEvent[]; fromStart: (() => void) | null }) {
  const [shown, setShown] = useState(EVENTS_SHOWN);
  const newest = [...events].reverse();
  return (
    <>
      <h2>History <span class="quiet">newest first</span></h2>
      {events.length === 0 ? <Empty title="No event has arrived yet" /> : (
        <ol class="timeline" reversed start={events.at(-1)?.seq ?? 0}>
          {newest.slice(0, shown).map((event) => (
            <li key={event.seq} class={kindOf(event.type)}>
              <EventRow event={event} />
            </li>
          ))}
        </ol>
      )}
      {newest.length > shown
        ? <button type="button" onClick={() => setShown(shown + 5 * EVENTS_SHOWN)}>{newest.length - shown} earlier</button>
        : fromStart ? <button type="button" onClick={fromStart}>From the beginning</button> : null}
    </>
  );
}

export function EventRow({ event }: { event: SagaEvent }) {
  const [isOpen, setOpen] = useState(false);
  const place = [event.step, event.item !== null ? `item ${event.item}` : null, event.attempt > 1 ? `attempt ${event.attempt}` : null,
    event.round > 1 ? `round ${event.round}` : null].filter(Boolean).join(" · ");
  return (
    <details onToggle={(toggle) => setOpen(toggle.currentTarget.open)}>
      <summary>
        <Clock at={event.at} /> <b>{event.type}</b> <span>{place}</span> <span class="quiet">{gist(event.data)}</span>
      </summary>
      {isOpen ? <Payload name="data" value={event.data} isOpen /> : null}
    </details>
  );
}
