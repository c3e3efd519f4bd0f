// schedules.tsx: what starts by the clock: the list, one schedule, and the dialog that makes one.
import { useRef, useState } from "preact/hooks";
import { Ask } from "../ask";
import { get, path, post, remove } from "../api";
import { instant } from "../format";
import { InputForm } from "../form";
import { useAnswer, useEvery } from "../live";
import { Answer, Empty, Field, Figures, Payload, SagaLink, State, Time } from "../parts";
import { link } from "../route";
import { schemaOf } from "../schema";
import { Paged, usePages } from "../table";
import type { Definition, Json, JsonObject, Page, Schedule } from "../types";
import { tagsOf } from "./start";

const EVERY_MS = 3000;

type Act = "pause" | "resume" | "trigger" | "delete";

const ACTS: Record<Act, { label: string; help: string }> = {
  pause: { label: "Pause", help: "Start nothing until it is resumed. Instants of the pause are not made up." },
  resume: { label: "Resume", help: "Go on." },
  trigger: { label: "Start now", help: "Starts a saga at once, whatever runs." },
  delete: { label: "Delete", help: "Start nothing more. Sagas that were started stay." },
};

type Asked = { id: string; act: Act };

function Buttons({ schedule, ask }: { schedule: Schedule; ask: (asked: Asked) => void }) {
  const button = (act: Act) => (
    <button type="button" class={act === "delete" ? "danger" : undefined} onClick={() => ask({ id: schedule.id, act })}>
      {ACTS[act].label}
    </button>
  );
  return (
    <>
      {schedule.state === "active" ? button("pause") : null}
      {schedule.state === "paused" ? button("resume") : null}
      {button("trigger")}
      {button("delete")}
    </>
  );
}

function ActDialog({ asked: { id, act }, onDone, onClose }:
    { asked: Asked; onDone: () => Promise<void> | void; onClose: () => void }) {
  const send = async () => {
    const url = path`/schedules/${id}`;
    if (act === "delete") await remove(url);
    else await post(`${url}/${act}`);
    await onDone();
  };
  return (
    <Ask title={`${ACTS[act].label}: ${id}`} label={ACTS[act].label} asks="neither" help={<p>{ACTS[act].help}</p>}
      isDangerous={act === "delete"} send={send} onClose={onClose} />
  );
}

function When({ schedule }: { schedule: Schedule }) {
  return schedule.cron ? <><code>{schedule.cron}</code> <span class="quiet">UTC</span></> : <>once, {instant(schedule.at)}</>;
}

function Counted({ schedule }: { schedule: Schedule }) {
  const { runs, skipped, failed } = schedule;
  return <>{runs.toLocaleString("en")}{skipped ? `, ${skipped} skipped` : ""}{failed ? `, ${failed} refused` : ""}</>;
}

export function Schedules({ fresh }: { fresh: string | null }) {
  const list = usePages<Schedule>("/schedules");
  const [isMaking, setMaking] = useState(fresh !== null);
  const [asked, setAsked] = useState<Asked | null>(null);
  useEvery(EVERY_MS, () => void list.again());
  return (
    <main>
      <header class="title">
        <h1>Schedules</h1>
        <button type="button" class="primary" onClick={() => setMaking(true)}>New schedule</button>
      </header>
      {isMaking ? <Making definition={fresh ?? ""} onClose={() => setMaking(false)} /> : null}
      {asked ? <ActDialog asked={asked} onDone={list.again} onClose={() => setAsked(null)} /> : null}
      <Paged list={list} label="Schedules" keyOf={(one) => one.id}
        empty={(
          <Empty title="Nothing starts by the clock">
            <p>Make a schedule with the button above, or on the command line:</p>
            <pre>skald schedule create nightly --cron '30 4 * * mon-fri' --definition settle</pre>
          </Empty>
        )}
        columns={[
          { title: "Schedule", isMono: true, of: (one) => <a href={link("schedule", [one.id])}>{one.id}</a> },
          { title: "State", of: (one) => <State name={one.state} /> },
          { title: "When", of: (one) => <When schedule={one} /> },
          { title: "Starts", of: (one) => <a class="mono" href={link("definition", [one.definition])}>{one.definition}</a> },
          { title: "Next", of: (one) => <Time at={one.next[0]} /> },
          { title: "Last", of: (one) => <SagaLink id={one.last_saga} /> },
          { title: "Runs", of: (one) => (
            <><Counted schedule={one} />{one.last_error ? <div class="note bad">{one.last_error}</div> : null}</>
          ) },
          { title: "Acts", isActs: true, of: (one) => <Buttons schedule={one} ask={setAsked} /> },
        ]} />
    </main>
  );
}

const OVERLAPS: [string, string][] = [["skip", "pass over the instant"], ["allow", "start all the same"],
  ["queue", "start when it has ended; one instant waits, the latest"], ["cancel", "cancel it, then start"]];

export function SchedulePage({ id }: { id: string }) {
  const schedule = useAnswer(() => get<Schedule>(path`/schedules/${id}`), [id]);
  useEvery(EVERY_MS, () => void schedule.again());
  const [asked, setAsked] = useState<Asked | null>(null);
  const done = async () => {
    if (asked?.act === "delete") location.hash = link("schedules");
    else await schedule.again();
  };
  return (
    <main>
      {asked ? <ActDialog asked={asked} onDone={done} onClose={() => setAsked(null)} /> : null}
      <Answer value={schedule.value} problem={schedule.problem}>
        {(one) => (
          <>
            <header class="title">
              <h1 class="mono">{one.id}</h1>
              <State name={one.state} />
            </header>
            {one.last_error ? <p class="note bad">The last start was refused: {one.last_error}</p> : null}
            <div class="commands"><Buttons schedule={one} ask={setAsked} /></div>
            <Figures rows={[
              ["when", <When schedule={one} />],
              ["starts", <a class="mono" href={link("definition", [one.definition])}>{one.definition}</a>],
              ["version", one.version ?? "the latest at each start"],
              ["while the last one runs", OVERLAPS.find(([name]) => name === one.overlap)?.[1] ?? one.overlap],
              ["missed instants", one.catch_up ? `all of the last ${one.catch_up} are made up` : "only the latest is made up"],
              ["runs", <Counted schedule={one} />],
              ["last saga", <SagaLink id={one.last_saga} />],
              ["business key", one.business_key ?? "–"],
              ["made", <><Time at={one.created_at} />{one.by ? ` by ${one.by}` : ""}</>],
            ]} />
            <h2>Next</h2>
            {one.next.length === 0
              ? <p class="quiet">{one.state === "paused" ? "Nothing is started until it is resumed." : "Nothing more is started."}</p>
              : <ol>{one.next.map((at) => <li key={at}>{instant(at)} <span class="quiet"><Time at={at} /></span></li>)}</ol>}
            <h2>Each saga gets</h2>
            <Payload name="input" value={one.input} isOpen />
            <Payload name="context" value={one.context} />
            <Payload name="tags" value={one.tags} />
            <Payload name="attributes" value={one.attributes} />
          </>
        )}
      </Answer>
    </main>
  );
}

// ---- a new one ------------------------------------------------------------------------------------

const BLANK = { definition: "", kind: "cron", cron: "", at: "", overlap: "skip", id: "", version: "", business_key: "",
  tags: "", catch_up: "" };

function Making({ definition, onClose }: { definition: string; onClose: () => void }) {
  const all = useAnswer(() => get<Page<Definition>>("/definitions?limit=1000"), []);
  const [form, setForm] = useState({ ...BLANK, definition });
  const set = (event: Event) => {
    const { name, value } = event.currentTarget as HTMLInputElement;
    setForm((was) => ({ ...was, [name]: value }));
  };
  const reader = useRef<() => Json>(() => null);
  const url = form.definition && `${path`/definitions/${form.definition}`}`;
  const chosen = useAnswer(() => (url ? get<Definition>(url) : Promise.resolve(null)), [url]);
  const send = async ({ by }: { by: string }, key: string) => {
    const input = reader.current();
    const tags = tagsOf(form.tags);
    const optional = Object.fromEntries((["id", "version", "business_key", "catch_up"] as const)
      .map((name) => [name, form[name].trim()]).filter(([, value]) => value !== ""));
    const body: JsonObject = {
      ...optional, by, input, definition: form.definition,
      ...(form.kind === "cron" ? { cron: form.cron.trim(), overlap: form.overlap } : { at: utcOf(form.at) }),
      ...(tags.length > 0 ? { tags } : {}),
    };
    const made = await post<Schedule>("/schedules", body, key);
    location.hash = link("schedule", [made.id]);
  };
  return (
    <Ask title="New schedule" label="Make it" isDangerous={false} asks="who" isBlocked={form.definition !== "" && !chosen.value} send={send}
      onClose={onClose} help={<p>The next page shows at which instants it starts; it can be paused and deleted there.</p>}>
      <Field label="Definition" help={all.value?.items.length === 0 ? "Nothing is defined yet: define something first." : ""}>
        <select name="definition" required value={form.definition} onChange={set}>
          <option value="">choose</option>
          {all.value?.items.filter((one) => one.is_latest).map((one) => <option key={one.id} value={one.id}>{one.id}</option>)}
        </select>
      </Field>
      <Clock form={form} set={set} />
      {chosen.problem ? <Answer value={null} problem={chosen.problem}>{() => null}</Answer> : null}
      {chosen.value ? (
        <InputForm key={chosen.value.digest} schema={schemaOf(chosen.value)} reader={reader}
          help={<>In texts, <code>{"{{ .timestamp }}"}</code> is the instant and <code>{"{{ .context.run }}"}</code> the number
            of the run.</>} />
      ) : null}
      <details>
        <summary>Id, version, business key, tags, missed instants</summary>
        <Field label="Id" help="Of the schedule. Empty: one is drawn.">
          <input name="id" pattern="[A-Za-z0-9:_\-]{1,200}" value={form.id} onInput={set} /></Field>
        <Field label="Version" help="Of the definition. Empty: the latest at each start.">
          <input name="version" value={form.version} onInput={set} /></Field>
        <Field label="Business key"><input name="business_key" value={form.business_key} onInput={set} /></Field>
        <Field label="Tags" help="with commas"><input name="tags" value={form.tags} onInput={set} /></Field>
        <Field label="Make up what was missed" help="For so long, like 2h, while the server was away. Empty: only the latest instant.">
          <input name="catch_up" value={form.catch_up} onInput={set} /></Field>
      </details>
    </Ask>
  );
}

/** What a field of local time holds as an instant; "" if it holds none. */
function utcOf(local: string): string {
  const at = new Date(local);
  return Number.isNaN(at.getTime()) ? "" : at.toISOString();
}

function Clock({ form, set }: { form: typeof BLANK; set: (event: Event) => void }) {
  return (
    <>
      <Field label="When">
        <select name="kind" value={form.kind} onChange={set}>
          <option value="cron">again and again</option>
          <option value="at">once</option>
        </select>
      </Field>
      {form.kind === "at" ? (
        <Field label="At" help={utcOf(form.at) ? instant(utcOf(form.at)) : "in the time of this computer"}>
          <input name="at" type="datetime-local" required value={form.at} onInput={set} />
        </Field>
      ) : (
        <>
          <Field label="Cron" help="minute hour day month weekday, in UTC: 30 4 * * mon-fri is at 04:30 from Monday to Friday">
            <input name="cron" class="mono" required list="crons" placeholder="30 4 * * mon-fri" value={form.cron} onInput={set} />
          </Field>
          <datalist id="crons">{["@hourly", "@daily", "@weekly", "@monthly", "@yearly"].map((one) => <option key={one} value={one} />)}</datalist>
          <Field label="While the last one still runs">
            <select name="overlap" value={form.overlap} onChange={set}>
              {OVERLAPS.map(([name, text]) => <option key={name} value={name}>{text}</option>)}
            </select>
          </Field>
        </>
      )}
    </>
  );
}
