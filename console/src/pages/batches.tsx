// batches.tsx: one command for all sagas of a filter: the dialog that gives it, and how far each such batch is.
import { useState } from "preact/hooks";
import { Ask } from "../ask";
import { path, post } from "../api";
import { BULK, bodyOf } from "../bulk";
import type { BulkName, Filters } from "../bulk";
import { count, words } from "../format";
import { useAnswer, useEvery } from "../live";
import { Answer, Empty, Field, SagaLink, State, Time } from "../parts";
import { link } from "../route";
import { Paged, usePages } from "../table";
import type { Batch, DryRun } from "../types";

const EVERY_MS = 3000;
const RUNNING_MS = 1000;

export function BatchDialog({ filters, onClose }: { filters: Filters; onClose: () => void }) {
  const [command, setCommand] = useState<BulkName>("suspend");
  const [isPast, setPast] = useState(false);
  const about = bodyOf(command, filters, isPast);
  // Who and why are wanted even here, and are not kept.
  const found = useAnswer(() => post<DryRun>("/sagas/batch", { ...about, by: "console", reason: "a look", dry_run: true }),
    [JSON.stringify(about.filter)]);
  const send = async (asked: { by: string; reason: string }, key: string) => {
    await post<Batch>("/sagas/batch", { ...about, ...asked }, key);
    location.hash = link("batches");
  };
  return (
    <Ask title="Command all of these sagas" label={BULK[command].label} isDangerous isBlocked={!found.value || found.value.matched === 0}
      help={<p>One command for all sagas that fit the filters of the list when it begins; those whose state does not take
        it are left as they are, and counted.</p>}
      send={send} onClose={onClose}>
      <Field label="Command" help={BULK[command].help}>
        <select name="command" value={command} onChange={(event) => setCommand(event.currentTarget.value as BulkName)}>
          {Object.entries(BULK).map(([name, { label }]) => <option key={name} value={name}>{label}</option>)}
        </select>
      </Field>
      {command === "force-cancel" ? (
        <label class="sure">
          <input type="checkbox" name="past" checked={isPast} onChange={(event) => setPast(event.currentTarget.checked)} />
          Also past the pivot
        </label>
      ) : null}
      <div class="preview">
        <h3>Which</h3>
        <p>{Object.entries(filters).filter(([name]) => name !== "sort")
          .map(([name, value]) => <span key={name}>{words(name)} <b class="mono">{value}</b>{" "}</span>)}</p>
        <Answer value={found.value} problem={found.problem}>{(value) => <Found found={value} />}</Answer>
      </div>
    </Ask>
  );
}

function Found({ found }: { found: DryRun }) {
  if (found.matched === 0) return <p class="note warn">No saga fits now. Choose other filters.</p>;
  const more = found.matched === null ? null : found.matched - found.sample.length;
  return (
    <>
      <h3>{found.matched === null ? "More than could be counted" : `Now ${count(found.matched, "saga")}`}</h3>
      <p>{found.sample.map((id) => <span key={id}><SagaLink id={id} /> </span>)}
        {more === null ? "and others" : more > 0 ? `and ${count(more, "other")}` : ""}</p>
    </>
  );
}

export function Batches() {
  const list = usePages<Batch>("/batches");
  const [asked, setAsked] = useState<string | null>(null);
  const isRunning = list.value?.items.some((one) => one.state === "running");
  useEvery(isRunning ? RUNNING_MS : EVERY_MS, () => void list.again());
  return (
    <main>
      <header class="title"><h1>Batches</h1></header>
      {asked ? (
        <Ask title={`End the batch: ${asked}`} label="End it" isDangerous={false} asks="neither" onClose={() => setAsked(null)}
          help={<p>No further saga is told. What was told stays told.</p>}
          send={async () => {
            await post(path`/batches/${asked}/cancel`);
            await list.again();
          }} />
      ) : null}
      <Paged list={list} label="Batches" keyOf={(one) => one.id}
        empty={(
          <Empty title="No command was given to many sagas at once">
            <p>Narrow the list of <a href={link("sagas")}>sagas</a> by its filters and press “Command all of these”, or on
              the command line:</p>
            <pre>skald batch cancel --state suspended --definition order --by ada --reason recall --dry-run</pre>
          </Empty>
        )}
        columns={[
          { title: "Batch", isMono: true, of: (one) => one.id },
          { title: "Command", of: (one) => one.command },
          { title: "State", of: (one) => <State name={one.state} /> },
          { title: "Progress", of: (one) => <Progress batch={one} /> },
          { title: "Who and why", of: (one) => `${one.by}: ${one.reason}` },
          { title: "Began", of: (one) => <Time at={one.created_at} /> },
          { title: "Acts", isActs: true, of: (one) => (one.state === "running"
            ? <button type="button" onClick={() => setAsked(one.id)}>End it</button> : null) },
        ]} />
    </main>
  );
}

function Progress({ batch }: { batch: Batch }) {
  const refused = Object.entries(batch.refused).filter(([, n]) => n > 0);
  const all = batch.matched ?? batch.seen;
  return (
    <>
      <progress aria-label="Progress" max={Math.max(1, all)} value={all === 0 && batch.state !== "running" ? 1 : batch.seen} />{" "}
      {batch.done.toLocaleString("en")}{batch.matched !== null ? ` of ${batch.matched.toLocaleString("en")}` : ""} done
      {batch.failed ? `, ${batch.failed} failed` : ""}
      {refused.map(([why, n]) => `, ${n} left: ${words(why)}`)}
      {batch.last_error && (batch.failed > 0 || refused.length > 0) ? <div class="quiet">{batch.last_error}</div> : null}
    </>
  );
}
