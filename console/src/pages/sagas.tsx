// sagas.tsx: the list of sagas by filters, counts by state, live. The filters stand in the address, so a view
// can be kept and passed on.
import { useState } from "preact/hooks";
import { get } from "../api";
import { FILTERS, isNarrowed } from "../bulk";
import type { Filters } from "../bulk";
import { between, count, noteOf, signOf, words } from "../format";
import { useAnswer, useWake } from "../live";
import { Empty, Field, Live, SagaLink, State, Time } from "../parts";
import { link } from "../route";
import { Paged, usePages } from "../table";
import type { Column } from "../table";
import type { SagaRow, Stats } from "../types";
import { BatchDialog } from "./batches";

const STATES = ["running", "pending", "compensating", "suspended", "failed", "completed", "compensated",
  "cancelled", "timed_out"];
const TIMES: [string, string][] = [["", "any time"], ["15m", "last 15 minutes"], ["1h", "last hour"],
  ["24h", "last 24 hours"], ["168h", "last 7 days"], ["720h", "last 30 days"]];

function filtersOf(search: URLSearchParams): Filters {
  const filters: Filters = {};
  for (const name of FILTERS) {
    const value = search.get(name);
    if (value) filters[name] = value;
  }
  return filters;
}

function go(filters: Filters): void {
  location.hash = link("sagas", [], filters as Record<string, string>);
}

export function Sagas({ search }: { search: URLSearchParams }) {
  const filters = filtersOf(search);
  const key = JSON.stringify(filters);
  const [isTelling, setTelling] = useState(false);
  const stats = useAnswer(() => get<Stats>("/stats"), []);
  const list = usePages<SagaRow>("/sagas", filters);
  const connection = useWake("/events?type=saga.*", () => {
    void stats.again();
    void list.again();
  });
  return (
    <main>
      <header class="title">
        <h1>Sagas</h1>
        <Live connection={connection} />
        <Jump />
      </header>
      <Counts stats={stats.value} filters={filters} />
      <FilterBar key={key} filters={filters} stats={stats.value} onTell={() => setTelling(true)} />
      {isTelling ? <BatchDialog filters={filters} onClose={() => setTelling(false)} /> : null}
      <Paged list={list} label="Sagas" keyOf={(row) => row.id} columns={COLUMNS}
        empty={<Nothing hasFilters={key !== "{}"} stats={stats.value} />} />
    </main>
  );
}

function Jump() {
  const [id, setId] = useState("");
  const open = (event: Event) => {
    event.preventDefault();
    if (id.trim()) location.hash = link("saga", [id.trim()]);
  };
  return (
    <form class="jump" role="search" onSubmit={open}>
      <input type="search" aria-label="Id of a saga" placeholder="Open a saga by its id" value={id}
        onInput={(event) => setId(event.currentTarget.value)} />
      <button type="submit">Open</button>
    </form>
  );
}

/** Each state with its count; pressed ones are the filter. */
function Counts({ stats, filters }: { stats: Stats | null; filters: Filters }) {
  const chosen = new Set(filters.state?.split(",") ?? []);
  const toggle = (state: string) => {
    const next = new Set(chosen);
    if (!next.delete(state)) next.add(state);
    const { state: _, ...others } = filters;
    go(next.size ? { ...others, state: [...next].join(",") } : others);
  };
  return (
    <div class="counts" role="group" aria-label="Sagas by state">
      {STATES.map((state) => (
        <button type="button" key={state} aria-pressed={chosen.has(state)} class={`count state-${state}`}
          onClick={() => toggle(state)}>
          <b>{stats ? (stats.by_state[state] ?? 0).toLocaleString("en") : "…"}</b>
          <span><span aria-hidden="true">{signOf(state)}</span> {words(state)}</span>
        </button>
      ))}
    </div>
  );
}

function FilterBar({ filters, stats, onTell }: { filters: Filters; stats: Stats | null; onTell: () => void }) {
  const names = [...new Set(stats?.definitions.map((one) => one.definition))].sort();
  if (filters.definition && !names.includes(filters.definition)) names.push(filters.definition);
  const apply = (event: Event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const next: Filters = filters.state ? { state: filters.state } : {};
    for (const name of FILTERS) {
      const value = form.get(name);
      if (typeof value === "string" && value.trim()) next[name] = value.trim();
    }
    go(next);
  };
  const choose = (event: Event) => (event.currentTarget as HTMLSelectElement).form?.requestSubmit();
  return (
    <form class="filters" onSubmit={apply}>
      <Field label="Definition">
        <select name="definition" value={filters.definition ?? ""} onChange={choose}>
          <option value="">all</option>
          {names.map((name) => <option key={name} value={name}>{name}</option>)}
        </select>
      </Field>
      <Field label="Business key"><input name="business_key" defaultValue={filters.business_key ?? ""} /></Field>
      <Field label="Tag"><input name="tag" defaultValue={filters.tag ?? ""} /></Field>
      <Field label="Started">
        <select name="created_from" value={filters.created_from ?? ""} onChange={choose}>
          {TIMES.map(([value, text]) => <option key={value} value={value}>{text}</option>)}
          {filters.created_from && !TIMES.some(([value]) => value === filters.created_from)
            ? <option value={filters.created_from}>since {filters.created_from}</option> : null}
        </select>
      </Field>
      <Field label="Sort">
        <select name="sort" value={filters.sort ?? ""} onChange={choose}>
          <option value="">by start</option>
          <option value="updated">by last change</option>
          <option value="ended">by end</option>
        </select>
      </Field>
      <details class="more" open={Boolean(filters.attribute || filters.parent || filters.residue || filters.created_to)}>
        <summary>More</summary>
        <Field label="Attribute" help="name:value"><input name="attribute" defaultValue={filters.attribute ?? ""} /></Field>
        <Field label="Children of"><input name="parent" defaultValue={filters.parent ?? ""} /></Field>
        <Field label="Started before" help="RFC 3339, or 90m for that long ago">
          <input name="created_to" defaultValue={filters.created_to ?? ""} /></Field>
        <Field label="Left standing">
          <select name="residue" value={filters.residue ?? ""} onChange={choose}>
            <option value="">all</option>
            <option value="true">only with residue</option>
          </select>
        </Field>
      </details>
      <div class="buttons">
        <button type="submit" class="primary">Filter</button>
        {Object.keys(filters).length > 0 ? <a class="button" href={link("sagas")}>Clear</a> : null}
        {isNarrowed(filters) ? <button type="button" onClick={onTell}>Command all of these</button> : null}
      </div>
    </form>
  );
}

const COLUMNS: Column<SagaRow>[] = [
  { title: "Saga", of: (row) => <SagaLink id={row.id} /> },
  { title: "State", of: (row) => (
    <>
      <State name={row.state} note={noteOf(row)} />
      {row.has_residue ? <span class="badge warn" title="Something was left standing">residue</span> : null}
    </>
  ) },
  { title: "Definition", of: (row) => <>{row.definition ?? "?"} <span class="quiet">{row.version}</span></> },
  { title: "Business key", of: (row) => row.business_key ?? <span class="quiet">–</span> },
  { title: "Started", of: (row) => <Time at={row.created_at} /> },
  { title: "Took", of: (row) => between(row.created_at, row.ended_at) || <span class="quiet">–</span> },
];

function Nothing({ hasFilters, stats }: { hasFilters: boolean; stats: Stats | null }) {
  const all = Object.values(stats?.by_state ?? {}).reduce((a, b) => a + b, 0);
  if (hasFilters && all > 0) {
    return (
      <Empty title="No saga fits these filters">
        <p>There are {count(all, "saga")} in all. <a href={link("sagas")}>Clear the filters</a>.</p>
      </Empty>
    );
  }
  return (
    <Empty title="There are no sagas yet">
      <p>Start one: choose a <a href={link("definitions")}>definition</a> and fill in its form, or on the command line:</p>
      <pre>skald define order.saga.yaml{"\n"}skald start order --input '{"{"}"amount": 99{"}"}'</pre>
    </Empty>
  );
}
