// start.tsx: the dialogs that start sagas of a definition: one by a form, or many by JSON lines.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Problem, isRefusal, newKey, post } from "../api";
import { count } from "../format";
import { InputForm } from "../form";
import { inputsOf, refusedOf, startAll } from "../many";
import type { Inputs, Row } from "../many";
import { Dialog, Field, Payload, ProblemBox } from "../parts";
import { link } from "../route";
import { fieldsOf } from "../schema";
import type { Definition, Json, JsonObject, Saga } from "../types";

interface Props {
  definition: Definition;
  schema: Json | undefined;
  onClose: () => void;
}

export function tagsOf(text: string): string[] {
  return text.split(",").map((tag) => tag.trim()).filter(Boolean);
}

export function Start({ definition, schema, onClose }: Props) {
  const reader = useRef<() => Json>(() => null);
  const [more, setMore] = useState({ id: "", business_key: "", tags: "" });
  const [problem, setProblem] = useState<Error | null>(null);
  const [isBusy, setBusy] = useState(false);
  const key = useRef(newKey());
  const send = async (event: Event) => {
    event.preventDefault();
    setProblem(null);
    setBusy(true);
    try {
      const tags = tagsOf(more.tags);
      const body: JsonObject = {
        definition: definition.id,
        version: definition.version,
        input: reader.current(),
        ...(more.id ? { id: more.id } : {}),
        ...(more.business_key ? { business_key: more.business_key } : {}),
        ...(tags.length > 0 ? { tags } : {}),
      };
      const saga = await post<Saga>("/sagas", body, key.current);
      location.hash = link("saga", [saga.id]);
    } catch (caught) {
      if (isRefusal(caught)) key.current = newKey();
      setProblem(caught as Error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title={`Start ${definition.id} ${definition.version}`} onClose={onClose}>
      <form onSubmit={(event) => void send(event)}>
        <InputForm schema={schema} reader={reader} />
        <details>
          <summary>Id, business key, tags</summary>
          <Field label="Id" help="The same id again starts nothing new. Empty: one is drawn.">
            <input name="id" pattern="[A-Za-z0-9:_\-]{1,200}" value={more.id}
              onInput={(event) => setMore({ ...more, id: event.currentTarget.value })} /></Field>
          <Field label="Business key"><input name="business_key" value={more.business_key}
            onInput={(event) => setMore({ ...more, business_key: event.currentTarget.value })} /></Field>
          <Field label="Tags" help="with commas"><input name="tags" value={more.tags}
            onInput={(event) => setMore({ ...more, tags: event.currentTarget.value })} /></Field>
        </details>
        {schema !== undefined && problem instanceof Problem ? <Payload name="input_schema" value={schema} /> : null}
        <ProblemBox problem={problem} />
        <div class="buttons">
          <button type="button" onClick={onClose}>Close</button>
          <button type="submit" class="primary" disabled={isBusy}>Start</button>
        </div>
      </form>
    </Dialog>
  );
}

// ---- many -----------------------------------------------------------------------------------------

const DRAWN_MS = 100;
const SHOWN_MAX = 10;
const FILE_MAX = 20 << 20;

export function StartMany({ definition, schema, onClose }: Props) {
  const fields = useMemo(() => fieldsOf(schema), [schema]);
  const [text, setText] = useState("");
  const [tag, setTag] = useState(`many-${new Date().toISOString().slice(0, 19).replace(/\D/g, "")}`);
  const [rows, setRows] = useState<Row[] | null>(null);
  // Another text is another intention; so is the same one once its refused rows were taken back.
  const [turn, setTurn] = useState(0);
  const inputs = useMemo(() => inputsOf(text, fields, newKey()), [text, fields, turn]);
  const mend = () => {
    setText(refusedOf(rows!));
    setTurn(turn + 1);
    setRows(null);
  };
  if (rows !== null) return <Progress definition={definition} rows={rows} tag={tag} onMend={mend} onClose={onClose} />;
  const begin = (event: Event) => {
    event.preventDefault();
    if (inputs.rows.length > 0 && inputs.faults.length === 0) setRows(inputs.rows);
  };
  return (
    <Dialog title={`Start many: ${definition.id} ${definition.version}`} onClose={onClose}>
      <form onSubmit={begin}>
        <Source text={text} onText={setText} fields={fields?.map((field) => field.name) ?? []} />
        <Check inputs={inputs} />
        <Field label="Tag" help="They all carry it: by it the page Sagas shows how far they are.">
          <input name="tag" required maxLength={200} value={tag} onInput={(event) => setTag(event.currentTarget.value)} />
        </Field>
        <div class="buttons">
          <button type="button" onClick={onClose}>Close</button>
          <button type="submit" class="primary" disabled={inputs.rows.length === 0 || inputs.faults.length > 0}>
            {inputs.faults.length > 0 ? "Start" : `Start ${count(inputs.rows.length, "saga")}`}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Source({ text, onText, fields }: { text: string; onText: (text: string) => void; fields: string[] }) {
  const [fault, setFault] = useState("");
  const read = async (event: Event) => {
    const file = (event.currentTarget as HTMLInputElement).files?.[0];
    if (!file) return;
    setFault(file.size > FILE_MAX ? `${file.name} is larger than 20 MB: split it` : "");
    if (file.size > FILE_MAX) return;
    try {
      onText(await file.text());
    } catch (reason) {
      setFault(`${file.name} cannot be read: ${reason instanceof Error ? reason.message : ""}`);
    }
  };
  const example = fields.slice(0, 3).map((name) => `${JSON.stringify(name)}: …`).join(", ");
  return (
    <>
      <Field label="Inputs" help={<>One a line, as JSON{example ? <>: <code>{`{${example}}`}</code></> : ""}. Or one JSON list of them.</>}>
        <textarea name="inputs" rows={9} spellcheck={false} wrap="off" value={text}
          onInput={(event) => onText(event.currentTarget.value)} />
      </Field>
      <Field label="Or from a file">
        <input type="file" name="file" accept=".jsonl,.ndjson,.json,.txt" onChange={(event) => void read(event)} />
      </Field>
      {fault ? <p class="note bad" role="alert">{fault}</p> : null}
    </>
  );
}

/** What the text holds, told while one types: nothing is sent before all of it can be. */
function Check({ inputs }: { inputs: Inputs }) {
  const { rows, faults, repeats, unit } = inputs;
  const left = faults.length - SHOWN_MAX;
  return (
    <div role="status">
      {faults.length > 0 ? (
        <div class="note bad">
          <b>Nothing is started before {faults.length === 1 ? "this is" : "these are"} put right:</b>
          <ul>{faults.slice(0, SHOWN_MAX).map((one) => <li key={one.line}>{unit} {one.line}: {one.message}</li>)}</ul>
          {left > 0 ? <p>… and {count(left, "other")}</p> : null}
        </div>
      ) : null}
      {faults.length === 0 && repeats > 0
        ? <p class="note warn">{count(repeats, "input is", "inputs are")} the same as one before. Each starts a saga of its own.</p>
        : null}
      {faults.length === 0 && rows.length > 0 ? <Payload name="first input" value={rows[0]!.input} isOpen /> : null}
    </div>
  );
}

function Progress({ definition, rows, tag, onMend, onClose }:
    { definition: Definition; rows: Row[]; tag: string; onMend: () => void; onClose: () => void }) {
  const [, draw] = useState(0);
  const [isRunning, setRunning] = useState(false);
  const [problem, setProblem] = useState<Error | null>(null);
  const stop = useRef(() => undefined as void);
  const run = async () => {
    setProblem(null);
    setRunning(true);
    const timer = setInterval(() => draw((n) => n + 1), DRAWN_MS);
    let isStopped = false;
    // Whoever stops does not wait for answers that may never come: their rows wait, and keep their keys.
    const stopped = new Promise<null>((resolve) => {
      stop.current = () => {
        isStopped = true;
        resolve(null);
      };
    });
    const ended = await Promise.race([stopped, startAll(rows, {
      send: (row) => post("/sagas", { definition: definition.id, version: definition.version, input: row.input, tags: [tag] },
        row.key),
      isStopped: () => isStopped,
      pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    })]);
    clearInterval(timer);
    setProblem(ended);
    setRunning(false);
  };
  useEffect(() => {
    void run();
    return () => stop.current();
  }, []);
  useEffect(() => {
    if (!isRunning) return;
    const warn = (event: Event) => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [isRunning]);
  const started = rows.filter((row) => row.state === "started").length;
  const refused = rows.filter((row) => row.state === "refused");
  const left = rows.length - started - refused.length;
  return (
    <Dialog title={`Start many: ${definition.id} ${definition.version}`} isHeld={isRunning} onClose={onClose}>
      <progress class="wide" aria-label="Progress" max={rows.length} value={rows.length - left} />
      <p role="status">
        {started.toLocaleString("en")} of {count(rows.length, "saga")} started
        {refused.length > 0 ? `, ${refused.length.toLocaleString("en")} refused` : ""}
        {left > 0 ? `, ${left.toLocaleString("en")} to go` : ""}
      </p>
      <ProblemBox problem={problem} />
      {!isRunning && left > 0 ? <p class="note warn">What was not answered may have been started. Go on sends it again under
        the same key, which starts nothing twice.</p> : null}
      {refused.length > 0 ? (
        <div class="note bad">
          <ul>{refused.slice(0, SHOWN_MAX).map((row) => (
            <li key={row.line}>input {row.line}: {row.problem?.message}{violationsOf(row.problem)}</li>
          ))}</ul>
          {refused.length > SHOWN_MAX ? <p>… and {count(refused.length - SHOWN_MAX, "other")}</p> : null}
        </div>
      ) : null}
      <div class="buttons">
        {isRunning ? <button type="button" onClick={() => stop.current()}>Stop</button> : (
          <>
            <button type="button" onClick={onClose}>Close</button>
            {refused.length > 0 && left === 0 ? <button type="button" onClick={onMend}>Mend the refused ones</button> : null}
            {left > 0 ? <button type="button" class="primary" onClick={() => void run()}>Go on</button> : null}
            {started > 0 ? <a class="button" href={link("sagas", [], { tag })}>See them</a> : null}
          </>
        )}
      </div>
    </Dialog>
  );
}

function violationsOf(problem: Error | null): string {
  const others = problem instanceof Problem ? problem.body.violations?.slice(1) ?? [] : []; // the first is its detail
  return others.map((one) => `; ${one.pointer || "/"} ${one.message}`).join("");
}
