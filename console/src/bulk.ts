// bulk.ts: one command for all sagas of a list: which there are, and the filters of the list as the batch's. Pure.
import type { JsonObject } from "./types";

export const FILTERS = ["state", "definition", "business_key", "tag", "attribute", "created_from", "created_to", "residue",
  "parent", "sort"] as const;
export type Filters = Partial<Record<(typeof FILTERS)[number], string>>;

export type BulkName = "suspend" | "resume" | "retry" | "cancel" | "force-cancel" | "force-complete" | "delete";

export const BULK: Record<BulkName, { label: string; help: string }> = {
  suspend: { label: "Suspend them", help: "Each starts nothing new until it is resumed." },
  resume: { label: "Resume them", help: "Each goes on after a suspend." },
  retry: { label: "Retry them", help: "Each tries again at once what waits, was refused or has failed." },
  cancel: { label: "Cancel them", help: "Each undoes what was done and ends as cancelled." },
  "force-cancel": {
    label: "Force cancel them",
    help: "Each is cancelled without awaiting what is in flight: what was not answered may have happened and is undone.",
  },
  "force-complete": {
    label: "Force complete them",
    help: "Each ends as completed, whatever is open. Nothing is undone and nothing more is done.",
  },
  delete: {
    label: "Delete them",
    help: "Each that has finished is removed with its history. Nothing tells that it was there.",
  },
};

/** Filters that say which sagas; an order alone means every saga there is, which a batch does not take. */
export function isNarrowed(filters: Filters): boolean {
  return Object.keys(filters).some((name) => name !== "sort");
}

/** What is sent, without who and why. */
export function bodyOf(command: BulkName, filters: Filters, isPastPivot: boolean): JsonObject {
  const { tag, attribute, residue, sort: _, ...same } = filters;
  const filter: JsonObject = {
    ...(same as Record<string, string>),
    ...(tag ? { tag: [tag] } : {}),
    ...(attribute ? { attribute: [attribute] } : {}),
    ...(residue ? { residue: residue === "true" } : {}),
  };
  return { command, filter, ...(command === "force-cancel" && isPastPivot ? { past_pivot: true } : {}) };
}
