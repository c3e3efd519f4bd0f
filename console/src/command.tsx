// command.tsx: what each of an operator's commands asks for before it is sent: fields, and for cancels what they
// would undo.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Ask } from "./ask";
import { get, path, post, remove } from "./api";
import { completable, retryable, skippable } from "./commands";
import type { Command } from "./commands";
import { writeJson } from "./json";
import { useAnswer } from "./live";
import { Answer, Field, State, Time } from "./parts";
import { link } from "./route";
import { parseJson } from "./schema";
import type { Json, JsonObject, Preview, Saga, SagaEvent, Step } from "./types";

interface Props {
  command: Command;
  saga: Saga;
  events: SagaEvent[];
  onDone: () => void;
  onClose: () => void;
}

export function CommandDialog(props: Props) {
  switch (props.command.name) {
    case "cancel": case "force-cancel": return <Cancel {...props} />;
    case "retry": return <Retry {...props} />;
    case "skip-step": return <Skip {...props} />;
    case "signal": return <Signal {...props} />;
    case "complete": return <Complete {...props} />;
    case "delete": return <Delete {...props} />;
    default: return <Plain {...props} />;
  }
}

interface FrameProps extends Props {
  body?: () => JsonObject;
  isBlocked?: boolean;
  children?: ComponentChildren;
}

/** A command that is sent as {by, reason} and what `body` adds. */
function Frame({ command, saga, onDone, onClose, body, isBlocked, children }: FrameProps) {
  const send = async (asked: { by: string; reason: string }, key: string) => {
    await post(`${path`/sagas/${saga.id}`}/${command.name}`, { ...asked, ...body?.() }, key);
    onDone();
  };
  return (
    <Ask title={`${command.label}: ${saga.id}`} help={<p>{command.help}</p>}
      label={command.name === "cancel" ? "Cancel the saga" : command.label} isDangerous={command.isDangerous}
      isBlocked={isBlocked ?? false} send={send} onClose={onClose}>
      {children}
    </Ask>
  );
}

function Plain(props: Props) {
  return <Frame {...props} />;
}

const WHAT: Record<string, string> = {
  undo: "is undone",
  ask: "its participant is asked, then undone if it happened",
  nothing: "has no compensation: stays",
  residue: "is left standing",
  unsettled: "a person must look",
  child: "its saga is undone",
  repair: "a person must repair it",
};

function Cancel(props: Props) {
  const { command, saga } = props;
  const isForce = command.name === "force-cancel";
  const [isPast, setPast] = useState(false);
  const url = `${path`/sagas/${saga.id}`}/cancel/preview${isForce ? `?force=true${isPast ? "&past_pivot=true" : ""}` : ""}`;
  const preview = useAnswer(() => get<Preview>(url), [url, saga.seq]);
  return (
    <Frame {...props} body={() => (isForce && isPast ? { past_pivot: true } : {})}
      isBlocked={preview.value?.accepted === false}>
      {isForce ? (
        <label class="sure">
          <input type="checkbox" checked={isPast} onChange={(event) => setPast(event.currentTarget.checked)} />
          Also past the pivot
        </label>
      ) : null}
      <Answer value={preview.value} problem={preview.problem}>{(value) => <PreviewList preview={value} />}</Answer>
    </Frame>
  );
}

function nameOf(row: { step: string; item: number | null }): string {
  return row.item === null ? row.step : `${row.step}[${row.item}]`;
}

function PreviewList({ preview }: { preview: Preview }) {
  if (!preview.accepted) return <p class="note warn">It would be refused: {preview.detail}</p>;
  return (
    <div class="preview">
      {preview.pending ? <p class="note warn">It is recorded, and decided once the pivot is settled.</p> : null}
      {preview.awaited.length > 0 ? (
        <>
          <h3>Awaited first</h3>
          <ul>{preview.awaited.map((row) => <li key={nameOf(row)}><b>{nameOf(row)}</b> until <Time at={row.until} /></li>)}</ul>
        </>
      ) : null}
      <h3>Undone, in this order</h3>
      {preview.undone.length === 0 ? <p>Nothing was done, so nothing is undone.</p> : (
        <ol>
          {preview.undone.map((row) => (
            <li key={nameOf(row)} value={row.turn}>
              <b>{nameOf(row)}</b> {WHAT[row.what] ?? row.what}
              {row.maybe ? <span class="badge warn">maybe</span> : null}
              {row.in_flight ? <span class="quiet"> if its attempt succeeds</span> : null}
            </li>
          ))}
        </ol>
      )}
      {preview.truncated ? <p class="quiet">There is more than is listed.</p> : null}
      {preview.ends ? <p>Then the saga ends <State name={preview.ends} /></p> : null}
    </div>
  );
}

function StepChoice({ steps, value, onChange, any }:
    { steps: Step[]; value: string; onChange: (step: string) => void; any?: string }) {
  return (
    <Field label="Step">
      <select name="step" value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {any ? <option value="">{any}</option> : null}
        {steps.map((step) => <option key={step.id} value={step.id}>{step.id} ({step.state})</option>)}
      </select>
    </Field>
  );
}

function ItemChoice({ step, value, onChange }:
    { step: Step | undefined; value: string; onChange: (item: string) => void }) {
  if (step?.items_total === undefined) return null;
  return (
    <Field label="Item" help="of the foreach, from 0; empty: the step as a whole">
      <input name="item" type="number" min={0} max={step.items_total - 1} value={value}
        onInput={(event) => onChange(event.currentTarget.value)} />
    </Field>
  );
}

function placeOf(step: string, item: string): JsonObject {
  return { ...(step ? { step } : {}), ...(step && item ? { item: Number(item) } : {}) };
}

function JsonArea({ label, help, name, value, onChange }:
    { label: string; help: string; name: string; value: string; onChange: (text: string) => void }) {
  return (
    <Field label={label} help={help}>
      <textarea name={name} rows={6} spellcheck={false} value={value}
        onInput={(event) => onChange(event.currentTarget.value)} />
    </Field>
  );
}

/** The request of a step as its events tell it: what an edit begins with. */
function bodyOf(events: SagaEvent[], step: string): string {
  for (const event of [...events].reverse()) {
    const data = event.data;
    if (event.step === step && data !== null && typeof data === "object" && !Array.isArray(data) && "body" in data) {
      return writeJson(data.body ?? null, 2);
    }
  }
  return "";
}

function Retry(props: Props) {
  const { saga, events } = props;
  const steps = retryable(saga);
  const [step, setStep] = useState("");
  const [item, setItem] = useState("");
  const [input, setInput] = useState<string | null>(null);
  const chosen = steps.find((one) => one.id === step);
  const isEditable = chosen !== undefined && (chosen.waits_for === "human" || chosen.items_total !== undefined);
  const body = (): JsonObject => ({
    ...placeOf(step, item),
    ...(isEditable && input !== null ? { input: parseJson(input, "The input") } : {}),
  });
  const choose = (id: string) => {
    setStep(id);
    setInput(null);
  };
  return (
    <Frame {...props} body={body}>
      {saga.state === "failed" ? <p>Every compensation that is open is tried again.</p>
        : <StepChoice steps={steps} value={step} onChange={choose} any="all that wait" />}
      <ItemChoice step={chosen} value={item} onChange={setItem} />
      {isEditable ? (
        <label class="sure">
          <input type="checkbox" name="edit" checked={input !== null}
            onChange={(event) => setInput(event.currentTarget.checked ? bodyOf(events, step) : null)} />
          With another input
        </label>
      ) : null}
      {isEditable && input !== null ? (
        <JsonArea label="Input" name="input" value={input} onChange={setInput}
          help="What the step sends instead, under a new key. Only after a clear no." />
      ) : null}
    </Frame>
  );
}

function Skip(props: Props) {
  const steps = skippable(props.saga);
  const [step, setStep] = useState(steps[0]?.id ?? "");
  const [item, setItem] = useState("");
  const [output, setOutput] = useState("");
  const body = (): JsonObject => ({
    ...placeOf(step, item),
    ...(output.trim() ? { output: parseJson(output, "The output") } : {}),
  });
  return (
    <Frame {...props} body={body}>
      <StepChoice steps={steps} value={step} onChange={setStep} />
      <ItemChoice step={steps.find((one) => one.id === step)} value={item} onChange={setItem} />
      <JsonArea label="Output" name="output" value={output} onChange={setOutput}
        help="What later steps read in its place; empty is null." />
    </Frame>
  );
}

function Signal({ command, saga, onDone, onClose }: Props) {
  const [name, setName] = useState("");
  const [data, setData] = useState("");
  const send = async (_: unknown, key: string) => {
    const body: { name: string; data?: Json } = { name };
    if (data.trim()) body.data = parseJson(data, "The data");
    await post(path`/sagas/${saga.id}/signals`, body as JsonObject, key);
    onDone();
  };
  return (
    <Ask title={`${command.label}: ${saga.id}`} help={<p>{command.help}</p>} label="Send" isDangerous={false} asks="neither"
      send={send} onClose={onClose}>
      <Field label="Name"><input name="name" required maxLength={200} value={name}
        onInput={(event) => setName(event.currentTarget.value)} /></Field>
      <JsonArea label="Data" name="data" value={data} onChange={setData} help="JSON; may stay empty." />
    </Ask>
  );
}

function Complete({ command, saga, onDone, onClose }: Props) {
  const steps = completable(saga);
  const [step, setStep] = useState(steps[0]?.id ?? "");
  const [token, setToken] = useState("");
  const [outcome, setOutcome] = useState("succeeded");
  const [output, setOutput] = useState("");
  const [code, setCode] = useState("");
  const [message, setMessage] = useState("");
  const send = async (_: unknown, key: string) => {
    const body: JsonObject = outcome === "succeeded"
      ? { token, outcome, ...(output.trim() ? { output: parseJson(output, "The output") } : {}) }
      : { token, outcome, error: { code, message } };
    await post(path`/sagas/${saga.id}/steps/${step}/complete`, body, key);
    onDone();
  };
  return (
    <Ask title={`${command.label}: ${saga.id}`} help={<p>{command.help}</p>} label="Complete" isDangerous={false} asks="neither"
      send={send} onClose={onClose}>
      <StepChoice steps={steps} value={step} onChange={setStep} />
      <Field label="Token" help="The participant got it as the header Skald-Token.">
        <input name="token" required value={token} onInput={(event) => setToken(event.currentTarget.value)} /></Field>
      <Field label="Outcome">
        <select name="outcome" value={outcome} onChange={(event) => setOutcome(event.currentTarget.value)}>
          <option value="succeeded">succeeded</option>
          <option value="failed">failed</option>
        </select>
      </Field>
      {outcome === "succeeded"
        ? <JsonArea label="Output" name="output" value={output} onChange={setOutput} help="JSON; may stay empty." />
        : (
          <>
            <Field label="Code"><input name="code" required value={code}
              onInput={(event) => setCode(event.currentTarget.value)} /></Field>
            <Field label="Message"><input name="message" value={message}
              onInput={(event) => setMessage(event.currentTarget.value)} /></Field>
          </>
        )}
    </Ask>
  );
}

function Delete({ command, saga, onClose }: Props) {
  const send = async () => {
    await remove(path`/sagas/${saga.id}`);
    location.hash = link("sagas");
  };
  return (
    <Ask title={`${command.label}: ${saga.id}`} label="Delete" isDangerous asks="neither" send={send} onClose={onClose}
      help={<p>{command.help} Its id and its key are free again; nothing tells that it was there. Export it first if
        somebody may ask.</p>} />
  );
}
