// letters.tsx: dead letters: what was given up and a person must see to.
import { useState } from "preact/hooks";
import { Ask } from "../ask";
import { get, path, post, query, remove } from "../api";
import { words } from "../format";
import { useAnswer, useWake } from "../live";
import { Answer, Empty, Live, Pager, SagaLink, Time } from "../parts";
import type { Letter, Page } from "../types";

function pathOf(letter: Letter): string {
  const [saga, seq, number] = letter.id.split("/");
  return path`/dead-letters/${saga ?? ""}/${seq ?? ""}/${number ?? ""}`;
}

export function Letters() {
  const [trail, setTrail] = useState<string[]>([]);
  const cursor = trail.at(-1) ?? "";
  const list = useAnswer(() => get<Page<Letter>>(`/dead-letters${query({ limit: 50, cursor })}`), [cursor]);
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
      <Answer value={list.value} problem={list.problem}>
        {(page) => page.items.length === 0 ? (
          <Empty title="No dead letters">
            <p>Nothing was given up. A compensation that failed for good, or a step of which nobody knows whether it
              happened, would stand here.</p>
          </Empty>
        ) : (
          <table class="rows">
            <thead><tr><th>Saga</th><th>Step</th><th>Why</th><th>Definition</th><th>When</th><th /></tr></thead>
            <tbody>
              {page.items.map((letter) => (
                <tr key={letter.id}>
                  <td data-label="Saga"><SagaLink id={letter.saga} /></td>
                  <td data-label="Step">{letter.step}{letter.item !== null ? `[${letter.item}]` : ""}</td>
                  <td data-label="Why">{words(letter.why ?? "")}</td>
                  <td data-label="Definition">{letter.definition}</td>
                  <td data-label="When"><Time at={letter.at} /></td>
                  <td>
                    <button type="button" onClick={() => setAsked({ letter, what: "retry" })}>Retry</button>{" "}
                    <button type="button" class="danger" onClick={() => setAsked({ letter, what: "discard" })}>Discard</button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Answer>
      <Pager trail={trail} next={list.value?.next ?? null} onTrail={setTrail} />
    </main>
  );
}
