// ask.tsx: the dialog that every command goes through: who, why, what else it needs, and a second look at
// the dangerous ones.
import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { isRefusal, newKey } from "./api";
import { Dialog, Field, ProblemBox, who } from "./parts";

interface Props {
  title: string;
  help: ComponentChildren;
  label: string;
  isDangerous: boolean;
  /** What of who and why is kept, and so asked for; both if it is not said. */
  asks?: "both" | "who" | "neither";
  isBlocked?: boolean;
  /** `key`: the same for every try of one intention. */
  send: (asked: { by: string; reason: string }, key: string) => Promise<unknown>;
  onClose: () => void;
  children?: ComponentChildren;
}

export function Ask({ title, help, label, isDangerous, asks = "both", isBlocked, send, onClose, children }: Props) {
  const [by, setBy] = useState(who.get());
  const [reason, setReason] = useState("");
  const [isSure, setSure] = useState(!isDangerous);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Error | null>(null);
  const key = useRef(newKey());
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      if (asks !== "neither") who.set(by);
      await send({ by, reason }, key.current);
      onClose();
    } catch (caught) {
      if (isRefusal(caught)) key.current = newKey();
      setProblem(caught instanceof Error ? caught : new Error(String(caught)));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <div class="help">{help}</div>
        {children}
        {asks === "neither" ? null : (
          <Field label="Who"><input name="by" required maxLength={200} value={by} autocomplete="name"
            onInput={(event) => setBy(event.currentTarget.value)} /></Field>
        )}
        {asks === "both" ? (
          <Field label="Why" help="Both are kept in the saga's history.">
            <input name="reason" required maxLength={1000} value={reason}
              onInput={(event) => setReason(event.currentTarget.value)} /></Field>
        ) : null}
        {isDangerous ? (
          <label class="sure">
            <input type="checkbox" name="sure" checked={isSure} onChange={(event) => setSure(event.currentTarget.checked)} />
            I have read what this does
          </label>
        ) : null}
        <ProblemBox problem={problem} />
        <div class="buttons">
          <button type="button" onClick={onClose}>Close</button>
          <button type="submit" class={isDangerous ? "danger" : "primary"} disabled={isBusy || isBlocked || !isSure}>
            {label}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
