// definitions.tsx: what is defined; one definition with its picture and its YAML, and what it may start.
import { useState } from "preact/hooks";
import { define, get, path } from "../api";
import { count } from "../format";
import { Picture } from "../graph";
import { useAnswer } from "../live";
import { Answer, Copy, Dialog, Empty, Field, Figures, ProblemBox, State, Time } from "../parts";
import { link } from "../route";
import { memberOf, schemaOf } from "../schema";
import { Table } from "../table";
import type { Definition, Page, Stats } from "../types";
import { toYaml } from "../yaml";
import { Start, StartMany } from "./start";

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
          <Table label="Definitions" rows={latest(page)} keyOf={(one) => one.id} columns={[
            { title: "Definition", isMono: true, of: (one) => <a href={link("definition", [one.id])}>{one.id}</a> },
            { title: "Version", of: (one) => (
              <>{one.version}{versionsOf(page, one.id) > 1
                ? <span class="quiet"> and {count(versionsOf(page, one.id) - 1, "older one")}</span> : null}</>
            ) },
            { title: "Sagas", of: (one) => <Tallies stats={stats.value} id={one.id} /> },
            { title: "Defined", of: (one) => <Time at={one.created_at} /> },
            { title: "Acts", isActs: true, of: (one) => (
              <a class="button" href={link("definition", [one.id], { start: "1" })}>Start</a>
            ) },
          ]} />
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
  const [open, setOpen] = useState<"one" | "many" | null>(isStarting ? "one" : null);
  const saga = memberOf(definition.source, "saga");
  const yaml = typeof definition.source === "string" ? definition.source : toYaml(definition.source ?? null);
  return (
    <>
      <header class="title">
        <h1 class="mono">{definition.id}</h1>
        <span>{definition.version}{definition.is_latest ? " (latest)" : ""}</span>
        <button type="button" class="primary" onClick={() => setOpen("one")}>Start a saga</button>
        <button type="button" onClick={() => setOpen("many")}>Start many</button>
        <a class="button" href={link("schedules", [], { new: definition.id })}>Schedule it</a>
        <a class="button" href={link("sagas", [], { definition: definition.id })}>Its sagas</a>
      </header>
      {memberOf(saga, "description") ? <p>{String(memberOf(saga, "description"))}</p> : null}
      {open === "one" ? <Start definition={definition} schema={schemaOf(definition)} onClose={() => setOpen(null)} /> : null}
      {open === "many" ? (
        <StartMany definition={definition} schema={schemaOf(definition)} onClose={() => setOpen(null)} />
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
