// events.tsx: the events of all sagas as they happen, and what the node observed.
import { useRef, useState } from "preact/hooks";
import { query } from "../api";
import { count } from "../format";
import { useStream } from "../live";
import { Clock, Empty, Field, Live, Payload, SagaLink } from "../parts";
import type { Observation, SagaEvent } from "../types";
import { EventRow } from "./saga";

const SHOWN_MAX = 300;
const TYPES: [string, string][] = [["", "all"], ["saga.*", "sagas"], ["step.*", "steps"],
  ["compensation.*", "compensations"], ["operator.*", "operators"], ["saga.alerted", "alerts"],
  ["step.failed,step.unknown,compensation.failed,saga.failed", "failures"]];

export function Events({ type }: { type: string }) {
  const isNode = type === "observations";
  const url = isNode ? "/events/observations" : `/events${query({ type })}`;
  return (
    <main>
      <Feed key={url} url={url} isNode={isNode} type={type} />
    </main>
  );
}

type Row = SagaEvent | Observation;

function Feed({ url, isNode, type }: { url: string; isNode: boolean; type: string }) {
  const [rows, setRows] = useState<Row[]>([]);
  const [isHeld, setHeld] = useState(false);
  const held = useRef<Row[]>([]);
  const connection = useStream<Row>(url, "cursor", (arrived) => {
    if (isHeld) held.current = [...held.current, ...arrived].slice(-SHOWN_MAX);
    else setRows((was) => [...was, ...arrived].slice(-SHOWN_MAX));
  });
  const hold = () => {
    setHeld(!isHeld);
    if (isHeld) setRows((was) => [...was, ...held.current].slice(-SHOWN_MAX));
    held.current = [];
  };
  const choose = (event: Event) => {
    location.hash = `#/events${query({ type: (event.currentTarget as HTMLSelectElement).value })}`;
  };
  return (
    <>
      <header class="title">
        <h1>Events</h1>
        <Live connection={connection} />
        <Field label="Show">
          <select value={type} onChange={choose}>
            {TYPES.map(([value, text]) => <option key={value} value={value}>{text}</option>)}
            <option value="observations">what the node observed</option>
          </select>
        </Field>
        <button type="button" aria-pressed={isHeld} onClick={hold}>{isHeld ? "Go on" : "Hold"}</button>
      </header>
      {rows.length === 0 ? (
        <Empty title="Nothing has happened since this page was opened">
          <p>{isNode ? "The node tells here of its store, its recovery, its circuit breakers, and of alerts."
            : "What happens from now on appears here. What happened to a saga before stands on its page."}</p>
        </Empty>
      ) : (
        <>
          <p class="quiet">{count(rows.length, "row")}, newest first{rows.length === SHOWN_MAX ? "; older ones are dropped" : ""}</p>
          <ul class="timeline">
            {[...rows].reverse().map((row) => ("seq" in row
              ? <li key={`${row.saga}/${row.seq}`}><SagaLink id={row.saga ?? null} /> <EventRow event={row} /></li>
              : <li key={row.number} class={row.level === "error" || row.level === "warning" ? "bad" : "plain"}><Observed row={row} /></li>))}
          </ul>
        </>
      )}
    </>
  );
}

function Observed({ row }: { row: Observation }) {
  return (
    <details>
      <summary><Clock at={row.at} /> <b>{row.type}</b> {row.saga ? <SagaLink id={row.saga} /> : null} <span>{row.message}</span></summary>
      <Payload name="data" value={row.data} isOpen />
    </details>
  );
}
