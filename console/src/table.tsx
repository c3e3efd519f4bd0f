// table.tsx: rows of a list and its pages by cursor, the same on every page of the console: what a list is asked
// for, why it is empty, its table, and where one is in it.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { get, query } from "./api";
import { useAnswer } from "./live";
import { Answer } from "./parts";
import type { Page } from "./types";

export interface Column<T> {
  /** Stands above the column, and on a phone before each cell. */
  title: string;
  of: (row: T) => ComponentChildren;
  isMono?: boolean;
  /** What may be done with the row: small buttons at its end. */
  isActs?: boolean;
}

interface TableProps<T> {
  label: string;
  rows: T[];
  columns: Column<T>[];
  keyOf: (row: T) => string;
}

export function Table<T>({ label, rows, columns, keyOf }: TableProps<T>) {
  return (
    <table class="rows" aria-label={label}>
      <thead>
        <tr>{columns.map(({ title, isActs }) => (
          <th key={title} scope="col">{isActs ? <span class="unseen">{title}</span> : title}</th>
        ))}</tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)}>
            {columns.map(({ title, of, isMono, isActs }) => (
              <td key={title} data-label={isActs ? undefined : title} class={isActs ? "acts" : undefined}>
                <div class={isMono ? "mono" : undefined}>{of(row)}</div>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The pages of a list: those that were seen are kept, so that one can go back. Other filters begin anew. */
export function usePages<T>(url: string, filters: Record<string, string | undefined> = {}, limit = 50) {
  const key = url + query(filters);
  const [trail, setTrail] = useState<{ key: string; cursors: string[] }>({ key, cursors: [] });
  const cursors = trail.key === key ? trail.cursors : [];
  const asked = url + query({ ...filters, limit, cursor: cursors.at(-1) ?? "" });
  const list = useAnswer(() => get<Page<T>>(asked), [asked]);
  const go = (next: string[]) => {
    setTrail({ key, cursors: next });
    scrollTo(0, 0);
  };
  return { ...list, cursors, go };
}

interface PagedProps<T> extends Omit<TableProps<T>, "rows"> {
  list: ReturnType<typeof usePages<T>>;
  /** Why there is nothing, and what to do next. */
  empty: ComponentChildren;
}

export function Paged<T>({ list, empty, ...table }: PagedProps<T>) {
  return (
    <>
      <Answer value={list.value} problem={list.problem}>
        {(page) => (page.items.length === 0 && list.cursors.length === 0 ? empty : <Table rows={page.items} {...table} />)}
      </Answer>
      <Pager trail={list.cursors} next={list.value?.next ?? null} onTrail={list.go} />
    </>
  );
}

function Pager({ trail, next, onTrail }:
    { trail: string[]; next: string | null; onTrail: (trail: string[]) => void }) {
  if (trail.length === 0 && !next) return null;
  return (
    <nav class="pager" aria-label="Pages of the list">
      <button type="button" disabled={trail.length === 0} onClick={() => onTrail([])}>First</button>
      <button type="button" disabled={trail.length === 0} onClick={() => onTrail(trail.slice(0, -1))}>Back</button>
      <span>page {trail.length + 1}</span>
      <button type="button" disabled={!next} onClick={() => next && onTrail([...trail, next])}>Next</button>
    </nav>
  );
}
