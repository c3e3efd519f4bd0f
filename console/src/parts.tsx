// parts.tsx: what all pages are made of: states, instants, payloads, problems, empty lists, dialogs. Text from
// sagas is only ever a text node.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Problem, trouble } from "./api";
import { brief, relative, signOf, words } from "./format";
import { writeJson } from "./json";
import type { Connection } from "./live";
import { useNow } from "./live";
import { link } from "./route";
import type { Json, Page, Trouble } from "./types";

export function State({ name, note }: { name: string; note?: string | null | undefined }) {
  return (
    <span class={`state state-${name}`}>
      <span aria-hidden="true">{signOf(name)}</span> {words(name)}{note ? ` · ${words(note)}` : ""}
    </span>
  );
}

export function Time({ at }: { at: string | null | undefined }) {
  const now = useNow();
  if (!at) return <span class="quiet">–</span>;
  return <time dateTime={at} title={at}>{relative(at, now)}</time>;
}

/** Hours, minutes and milliseconds: in a history the distance counts. */
export function Clock({ at }: { at: string | null }) {
  return at ? <time dateTime={at} title={at}>{at.slice(11, 23)}</time> : null;
}

export function SagaLink({ id }: { id: string | null }) {
  return id ? <a class="mono" href={link("saga", [id])}>{id}</a> : <span class="quiet">–</span>;
}

/** A payload: short ones on a line, long ones folded, member by member. */
export function Payload({ value, name, isOpen }: { value: Json | undefined; name: string; isOpen?: boolean }) {
  const isEmpty = value === null || value === undefined
    || (typeof value === "object" && Object.keys(value).length === 0);
  if (isEmpty) {
    return <p class="payload"><b>{name}</b> <span class="quiet">none</span></p>;
  }
  return (
    <div class="payload">
      <Branch name={name} value={value} depth={0} isOpen={isOpen ?? false} />
      <Copy text={writeJson(value, 2)} />
    </div>
  );
}

const MEMBERS_MAX = 200;

function Branch({ name, value, depth, isOpen }: { name: string; value: Json; depth: number; isOpen: boolean }) {
  const [open, setOpen] = useState(isOpen);
  if (value === null || typeof value !== "object") return <Leaf name={name} value={value} />;
  const rows: [string, Json][] = Array.isArray(value) ? value.map((one, i) => [String(i), one]) : Object.entries(value);
  if (rows.length === 0) return <div class="leaf"><b>{name}</b> {Array.isArray(value) ? "[]" : "{}"}</div>;
  return (
    <details open={open} onToggle={(event) => setOpen((event.currentTarget as HTMLDetailsElement).open)}>
      <summary><b>{name}</b> {open ? "" : <code>{brief(value)}</code>}</summary>
      {open && rows.slice(0, MEMBERS_MAX).map(([key, one]) =>
        <Branch key={key} name={key} value={one} depth={depth + 1} isOpen={rows.length <= 12 && depth < 2} />)}
      {open && rows.length > MEMBERS_MAX && <div class="quiet">… {rows.length - MEMBERS_MAX} more; copy shows all</div>}
    </details>
  );
}

function Leaf({ name, value }: { name: string; value: Exclude<Json, object> }) {
  const kind = value === null ? "null" : typeof value;
  return <div class="leaf"><b>{name}</b> <code class={`value-${kind}`}>{writeJson(value)}</code></div>;
}

export function Copy({ text }: { text: string }) {
  const [done, setDone] = useState(false);
  // Only where the page is trusted (https, or this machine): elsewhere browsers have no clipboard.
  if (!navigator.clipboard) return null;
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return <button type="button" class="small" onClick={() => void copy()}>{done ? "copied" : "copy"}</button>;
}

/** A problem as the server tells it, with what its entry in the troubleshooting says. */
export function ProblemBox({ problem }: { problem: Error | null }) {
  const [entries, setEntries] = useState<Trouble[] | null>(null);
  useEffect(() => setEntries(null), [problem]);
  if (!problem) return null;
  const body = problem instanceof Problem ? problem.body : null;
  const explain = async () => setEntries((await trouble<Page<Trouble>>(body!.type).catch(() => null))?.items ?? []);
  return (
    <div class="problem" role="alert">
      <p><b>{body?.title ?? "This cannot be sent"}</b>{body?.code ? <code> {body.code}</code> : null}</p>
      <p>{problem.message}</p>
      {body?.remedy ? <p>→ {body.remedy}</p> : null}
      {body?.violations?.map((one) => <p key={one.pointer}><code>{one.pointer || "/"}</code> {one.message}</p>)}
      {body?.diagnostics?.map((one) => (
        <p key={`${one.line}:${one.column}:${one.message}`}>
          <code>line {one.line}, column {one.column}</code> {one.path} {one.message}{one.remedy ? ` → ${one.remedy}` : ""}
        </p>
      ))}
      {body?.type.startsWith("/problems/") && entries === null
        ? <button type="button" class="small" onClick={() => void explain()}>What does this mean?</button> : null}
      {entries?.map((one) => (
        <dl key={one.name + one.means}>
          <dt>means</dt><dd>{one.means}</dd>
          {one.check ? <><dt>check</dt><dd>{one.check}</dd></> : null}
          <dt>remedy</dt><dd>{one.remedy}</dd>
        </dl>
      ))}
      {entries?.length === 0 ? <p class="quiet">There is no entry for it.</p> : null}
    </div>
  );
}

/** Why a list is empty, and what to do next. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return <div class="empty"><p><b>{title}</b></p>{children}</div>;
}

/** The answer, or that it is on its way, or what went wrong. What was there stays beside a problem. */
export function Answer<T>({ value, problem, children }:
    { value: T | null; problem: Problem | null; children: (value: T) => ComponentChildren }) {
  return (
    <>
      <ProblemBox problem={problem} />
      {value !== null ? children(value) : problem ? null : <p class="quiet" aria-busy="true">Loading…</p>}
    </>
  );
}

export function Live({ connection }: { connection: Connection }) {
  const text = { live: "live", connecting: "connecting…", asleep: "paused" }[connection];
  return <span class={`live live-${connection}`} role="status">{text}</span>;
}

/**
 * A modal dialog: the browser keeps the focus in it and closes it on Escape; once something was typed only on a
 * second one, so that a slip loses nothing. While it is held (something runs) Escape does not close it.
 */
export function Dialog({ title, isHeld, onClose, children }:
    { title: string; isHeld?: boolean; onClose: () => void; children: ComponentChildren }) {
  const self = useRef<HTMLDialogElement>(null);
  // No state: drawing anew between an `input` and its `change` would take a tick back.
  const isTyped = useRef(false);
  const [isWarned, setWarned] = useState(false);
  useEffect(() => {
    const before = document.activeElement;
    self.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  const onCancel = (event: Event) => {
    if (event.target !== self.current) return; // a choice of files was left
    if (isHeld || isTyped.current) {
      event.preventDefault();
      isTyped.current = false;
      setWarned(true);
    } else {
      onClose();
    }
  };
  const onInput = () => {
    isTyped.current = true;
  };
  const onEnd = (event: Event) => {
    if (event.target === self.current) onClose();
  };
  return (
    <dialog ref={self} aria-label={title} onClose={onEnd} onCancel={onCancel} onInput={onInput}>
      <h2>{title}</h2>
      {children}
      <p class="slip quiet" role="status">
        {isWarned ? isHeld ? "Stop it first." : "Escape once more discards what you have typed." : ""}
      </p>
    </dialog>
  );
}

export function Field({ label, help, children }:
    { label: string; help?: ComponentChildren; children: ComponentChildren }) {
  return <label class="field"><span>{label}</span>{children}{help ? <small>{help}</small> : null}</label>;
}

export function Figures({ rows }: { rows: [string, ComponentChildren][] }) {
  return <dl class="figures">{rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>;
}

/** One's name, kept in this browser: every command tells who gave it. */
export const who = {
  get: () => {
    try {
      return localStorage.getItem("skald.by") ?? "";
    } catch {
      return "";
    }
  },
  set: (name: string) => {
    try {
      localStorage.setItem("skald.by", name);
    } catch {
      // a browser that keeps nothing asks again
    }
  },
};
