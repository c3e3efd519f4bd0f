// definitions.tsx: what is defined; one definition with its picture, its YAML and a form to start it.
import { useRef, useState } from "preact/hooks";
import { Problem, define, get, isRefusal, newKey, path, post } from "../api";
import { count } from "../format";
import { Picture } from "../graph";
import { writeJson } from "../json";
import { useAnswer } from "../live";
import { Answer, Copy, Dialog, Empty, Field, Figures, Payload, ProblemBox, State, Time } from "../parts";
import { link } from "../route";
import { fieldsOf, parseJson, valuesOf } from "../schema";
import type { Field as FormField } from "../schema";
import type { Definition, Json, JsonObject, Page, Saga, Stats } from "../types";
import { toYaml } from "../yaml";

interface Defined {
  id: string;
  version: string;
  warnings: { message: string }[];
}

export function Definitions() {
  const list = useAnswer(() => get<Page<Definition>>("/definitions?limit=1000"), []);
  const stats = useAnswer(() => get<Stats>("/stats"), []);
  const [isAdding, setAdding] = useState(false);
  const latest = (page: Page<Definition>) => page.items.filter((one) => one.is_latest);
  return (
    <main>
      <header class="title">
        <h1>Definitions</h1>
        <button type="button" class="primary" onClick={() => setAdding(true)}>Define</button>
      </header>
      {isAdding ? <Adding onClose={() => setAdding(false)} /> : null}
      <Answer value={list.value} problem={list.problem}>
        {(page) => page.items.length === 0 ? (
          <Empty title="Nothing is defined yet">
            <p>Paste a definition with the button above, or on the command line:</p>
            <pre>skald define order.saga.yaml</pre>
          </Empty>
        ) : (
          <table class="rows">
            <thead><tr><th>Definition</th><th>Version</th><th>Sagas</th><th>Defined</th><th /></tr></thead>
            <tbody>
              {latest(page).map((one) => (
                <tr key={one.id}>
                  <td data-label="Definition"><a class="mono" href={link("definition", [one.id])}>{one.id}</a></td>
                  <td data-label="Version">{one.version}{versionsOf(page, one.id) > 1
                    ? <span class="quiet"> and {count(versionsOf(page, one.id) - 1, "older one")}</span> : null}</td>
                  <td data-label="Sagas"><Tallies stats={stats.value} id={one.id} /></td>
                  <td data-label="Defined"><Time at={one.created_at} /></td>
                  <td><a class="button" href={link("definition", [one.id], { start: "1" })}>Start</a></td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Answer>
    </main>
  );
}

function versionsOf(page: Page<Definition>, id: string): number {
  return page.items.filter((one) => one.id === id).length;
}

function Tallies({ stats, id }: { stats: Stats | null; id: string }) {
  const sums = new Map<string, number>();
  for (const one of stats?.definitions.filter((each) => each.definition === id) ?? []) {
    for (const [state, n] of Object.entries(one.by_state)) {
      if (n > 0) sums.set(state, (sums.get(state) ?? 0) + n);
    }
  }
  if (sums.size === 0) return <span class="quiet">none yet</span>;
  return (
    <>
      {[...sums].map(([state, n]) => (
        <a key={state} class="tally" href={link("sagas", [], { definition: id, state })}>
          {n.toLocaleString("en")} <State name={state} />
        </a>
      ))}
    </>
  );
}

function Adding({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<Error | null>(null);
  const send = async (event: Event) => {
    event.preventDefault();
    try {
      const defined = await define<Defined>(text);
      location.hash = link("definition", [defined.id, defined.version]);
    } catch (caught) {
      setProblem(caught as Error);
    }
  };
  return (
    <Dialog title="Define a saga" onClose={onClose}>
      <form onSubmit={(event) => void send(event)}>
        <Field label="Definition" help="YAML or JSON. A changed definition needs another version.">
          <textarea name="source" rows={16} required spellcheck={false} value={text}
            onInput={(event) => setText(event.currentTarget.value)} />
        </Field>
        <ProblemBox problem={problem} />
        <div class="buttons">
          <button type="button" onClick={onClose}>Close</button>
          <button type="submit" class="primary">Define</button>
        </div>
      </form>
    </Dialog>
  );
}

function memberOf(value: Json | undefined, name: string): Json | undefined {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? value[name] : undefined;
}

export function DefinitionPage({ id, version, isStarting }: { id: string; version: string; isStarting: boolean }) {
  const url = `${path`/definitions/${id}`}${version ? `?version=${encodeURIComponent(version)}` : ""}`;
  const definition = useAnswer(() => get<Definition>(url), [url]);
  const versions = useAnswer(() => get<Page<Definition>>("/definitions?limit=1000"), []);
  return (
    <main>
      <Answer value={definition.value} problem={definition.problem}>
        {(value) => (
          <One key={`${value.id}/${value.version}`} definition={value} isStarting={isStarting}
            versions={versions.value?.items.filter((one) => one.id === id) ?? []} />
        )}
      </Answer>
    </main>
  );
}

function One({ definition, versions, isStarting }:
    { definition: Definition; versions: Definition[]; isStarting: boolean }) {
  const [isOpen, setOpen] = useState(isStarting);
  const saga = memberOf(definition.source, "saga");
  const yaml = typeof definition.source === "string" ? definition.source : toYaml(definition.source ?? null);
  return (
    <>
      <header class="title">
        <h1 class="mono">{definition.id}</h1>
        <span>{definition.version}{definition.is_latest ? " (latest)" : ""}</span>
        <button type="button" class="primary" onClick={() => setOpen(true)}>Start a saga</button>
        <a class="button" href={link("sagas", [], { definition: definition.id })}>Its sagas</a>
      </header>
      <p>{String(memberOf(saga, "description") ?? "")}</p>
      {isOpen ? (
        <Start definition={definition} schema={memberOf(saga, "input_schema")} onClose={() => setOpen(false)} />
      ) : null}
      <div class="columns">
        <section aria-label="Graph">
          <h2>Graph</h2>
          {definition.graph ? <Picture graph={definition.graph} />
            : <p class="note warn">This server cannot run it: a step's type is not in this build.</p>}
          <Figures rows={[
            ["defined", <Time at={definition.created_at} />],
            ["digest", <code title={definition.digest}>{definition.digest.slice(0, 12)}</code>],
            ["versions", <>{versions.map((one) => (
              <a key={one.version} href={link("definition", [one.id, one.version])}>{one.version} </a>
            ))}</>],
          ]} />
        </section>
        <section aria-label="Source">
          <h2>Definition <Copy text={yaml} /></h2>
          <pre class="source" tabIndex={0}>{yaml}</pre>
        </section>
      </div>
    </>
  );
}

function Start({ definition, schema, onClose }:
    { definition: Definition; schema: Json | undefined; onClose: () => void }) {
  const fields = fieldsOf(schema);
  const [texts, setTexts] = useState<Record<string, string>>(
    Object.fromEntries(fields?.map((field) => [field.name, field.initial]) ?? []));
  const [isRaw, setRaw] = useState(fields === null);
  const [raw, setRawText] = useState("{}");
  const [more, setMore] = useState({ id: "", business_key: "", tags: "" });
  const [problem, setProblem] = useState<Error | null>(null);
  const [isBusy, setBusy] = useState(false);
  const key = useRef(newKey());

  const toRaw = () => {
    try {
      setRawText(writeJson(valuesOf(fields ?? [], texts), 2));
    } catch {
      // half a form: what was there stays
    }
    setRaw(true);
  };
  const send = async (event: Event) => {
    event.preventDefault();
    setProblem(null);
    setBusy(true);
    try {
      const tags = more.tags.split(",").map((tag) => tag.trim()).filter(Boolean);
      const body: JsonObject = {
        definition: definition.id,
        version: definition.version,
        input: isRaw ? parseJson(raw, "The input") : valuesOf(fields!, texts),
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
  const set = (name: string, value: string) => setTexts((was) => ({ ...was, [name]: value }));
  return (
    <Dialog title={`Start ${definition.id} ${definition.version}`} onClose={onClose}>
      <form onSubmit={(event) => void send(event)}>
        {fields !== null && !isRaw
          ? fields.map((field) => <Input key={field.name} field={field} value={texts[field.name] ?? ""} set={set} />)
          : (
            <Field label="Input" help={fields === null ? "JSON. The definition has no input_schema to make a form from." : "JSON"}>
              <textarea name="input" rows={8} spellcheck={false} value={raw}
                onInput={(event) => setRawText(event.currentTarget.value)} />
            </Field>
          )}
        {fields !== null ? (
          <button type="button" class="small" onClick={() => (isRaw ? setRaw(false) : toRaw())}>
            {isRaw ? "As a form" : "As JSON"}
          </button>
        ) : null}
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

function Input({ field, value, set }:
    { field: FormField; value: string; set: (name: string, value: string) => void }) {
  const label = field.isRequired ? field.label : `${field.label} (optional)`;
  const common = { name: `input.${field.name}`, required: field.isRequired };
  const on = (event: Event) => set(field.name, (event.currentTarget as HTMLInputElement).value);
  switch (field.kind) {
    case "flag":
    case "choice": {
      const choices: Json[] = field.kind === "flag" ? [true, false] : field.choices;
      return (
        <Field label={label} help={field.help}>
          <select {...common} value={value} onChange={on}>
            <option value="">–</option>
            {choices.map((one) => <option key={writeJson(one)} value={writeJson(one)}>{typeof one === "string" ? one : writeJson(one)}</option>)}
          </select>
        </Field>
      );
    }
    case "json":
      return (
        <Field label={label} help={field.help || "JSON"}>
          <textarea {...common} rows={3} spellcheck={false} value={value} onInput={on} />
        </Field>
      );
    case "number":
      return (
        <Field label={label} help={field.help}>
          <input {...common} type="number" step={field.isWhole ? "1" : "any"} value={value} onInput={on} />
        </Field>
      );
    case "text":
      return (
        <Field label={label} help={field.help}>
          <input {...common} type="text" value={value} onInput={on} />
        </Field>
      );
  }
}
