// letters.tsx: dead letters: what was given up and a person must see to.
import { useState } from "preact/hooks";
import { Ask } from "../ask";
import { path, post, query, remove } from "../api";
import { words } from "../format";
import { useWake } from "../live";
import { Empty, Live, SagaLink, Time } from "../parts";
import { Paged, usePages } from "../table";
import type { Letter } from "../types";

function pathOf(letter: Letter): string {
  const [saga, seq, number] = letter.id.split("/");
  return path`/dead-letters/${saga ?? ""}/${seq ?? ""}/${number ?? ""}`;
}

export function Letters() {
  const list = usePages<Letter>("/dead-letters");
  const connection = useWake("/events?type=saga.*,operator.*", () => void list.again());
  const [asked, setAsked] = useState<{ letter: Letter; what: "retry" | "discard" } | null>(null);
  const send = async ({ by, reason }: { by: string; reason: string }, key: string) => {
    if (!asked) return;
    if (asked.what === "retry") await post(`${pathOf(asked.letter)}/retry`, { by, reason }, key);
    else await remove(pathOf(asked.letter) + query({ by, reason }));
    await list.again();
  };
  return (
    <main>
      <header class="title"><h1>Dead letters</h1><Live connection={connection} /></header>
      {asked ? (
        <Ask title={`${asked.what === "retry" ? "Retry" : "Discard"}: ${asked.letter.id}`}
          label={asked.what === "retry" ? "Retry" : "Discard"} isDangerous={asked.what === "discard"}
          help={<p>{asked.what === "retry" ? "Take up again what was given up; the letter is then gone."
            : "Delete the letter: somebody has seen to it. The saga stays as it is."}</p>}
          send={send} onClose={() => setAsked(null)} />
      ) : null}
      <Paged list={list} label="Dead letters" keyOf={(letter) => letter.id}
        empty={(
          <Empty title="No dead letters">
            <p>Nothing was given up. A compensation that failed for good, or a step of which nobody knows whether it
              happened, would stand here.</p>
          </Empty>
        )}
        columns={[
          { title: "Saga", of: (letter) => <SagaLink id={letter.saga} /> },
          { title: "Step", of: (letter) => `${letter.step}${letter.item !== null ? `[${letter.item}]` : ""}` },
          { title: "Why", of: (letter) => words(letter.why ?? "") },
          { title: "Definition", of: (letter) => letter.definition },
          { title: "When", of: (letter) => <Time at={letter.at} /> },
          { title: "Acts", isActs: true, of: (letter) => (
            <>
              <button type="button" onClick={() => setAsked({ letter, what: "retry" })}>Retry</button>
              <button type="button" class="danger" onClick={() => setAsked({ letter, what: "discard" })}>Discard</button>
            </>
          ) },
        ]} />
    </main>
  );
}
