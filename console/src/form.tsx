// form.tsx: a saga's input as a form made from its `input_schema`, or as JSON; the same wherever sagas are started.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { writeJson } from "./json";
import { Field } from "./parts";
import { fieldsOf, parseJson, partsOf, textsOf, valuesOf } from "./schema";
import type { Field as FormField } from "./schema";
import type { Json } from "./types";

interface Props {
  schema: Json | undefined;
  /** Reads what was typed; throws an Error with what is wrong. Set here, called by who sends. */
  reader: { current: () => Json };
  help?: ComponentChildren;
}

export function InputForm({ schema, reader, help }: Props) {
  const fields = fieldsOf(schema);
  const [texts, setTexts] = useState<Record<string, string>>(
    Object.fromEntries(fields?.map((field) => [field.name, field.initial]) ?? []));
  const [raw, setRaw] = useState<string | null>(fields === null ? "{}" : null);
  const [fault, setFault] = useState("");
  reader.current = () => (raw !== null ? parseJson(raw, "The input") : valuesOf(fields!, texts));

  const toRaw = () => setRaw(writeJson(partsOf(fields!, texts), 2));
  const toForm = () => {
    try {
      setTexts(textsOf(fields!, parseJson(raw!, "The input")));
      setRaw(null);
      setFault("");
    } catch (reason) {
      setFault(reason instanceof Error ? reason.message : String(reason));
    }
  };
  const set = (name: string, value: string) => setTexts((was) => ({ ...was, [name]: value }));
  return (
    <fieldset>
      <legend>Input</legend>
      {fields !== null && raw === null
        ? fields.map((field) => <Input key={field.name} field={field} value={texts[field.name] ?? ""} set={set} />)
        : (
          <Field label="As JSON" help={fields === null ? "The definition has no input_schema to make a form from." : ""}>
            <textarea name="input" rows={8} spellcheck={false} value={raw ?? ""}
              onInput={(event) => setRaw(event.currentTarget.value)} />
          </Field>
        )}
      {help ? <p class="help">{help}</p> : null}
      {fault ? <p class="note warn" role="alert">{fault}. It stays as JSON.</p> : null}
      {fields !== null ? (
        <button type="button" class="small" onClick={raw === null ? toRaw : toForm}>
          {raw === null ? "As JSON" : "As a form"}
        </button>
      ) : null}
    </fieldset>
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
