import { useState } from "react";

import type { SessionSettings } from "../../api/schema";
import { words } from "../../words";
import { Field, type FieldProps } from "./Field";
import { escaped, lines, schemaIn } from "./written";

export type ResponseFormat = NonNullable<SessionSettings["response_format"]>;

/** Texts, one a line. */
export function Lines({ id, label, hint, value, onChange }: FieldProps<string[]>) {
  const [draft, setDraft] = useState<string | null>(null);
  const stored = (value ?? []).map(escaped).join("\n");
  return (
    <Field
      {...{ id, label, hint }}
      isSet={value !== null}
      onReset={() => {
        setDraft(null);
        onChange(null);
      }}
    >
      <textarea
        id={id}
        rows={2}
        value={draft ?? stored}
        placeholder={words.sampling.default}
        aria-describedby={`${id}-hint`}
        onBlur={() => setDraft(null)}
        onChange={(event) => {
          const text = event.currentTarget.value;
          setDraft(text);
          const texts = lines(text);
          onChange(texts.length > 0 ? texts : null);
        }}
      />
    </Field>
  );
}

/** A JSON schema. What is no JSON stays here until it is. */
export function Schema({ id, label, hint, value, onChange }: FieldProps<ResponseFormat>) {
  const [draft, setDraft] = useState<string | null>(null);
  const schema = value?.json_schema?.schema;
  const stored = schema === undefined ? "" : JSON.stringify(schema, null, 2);
  const isJson = draft === null || draft.trim() === "" || schemaIn(draft) !== null;
  return (
    <Field
      {...{ id, label }}
      hint={isJson ? hint : words.sampling.notJson}
      isSet={value !== null || draft !== null}
      onReset={() => {
        setDraft(null);
        onChange(null);
      }}
    >
      <textarea
        id={id}
        rows={2}
        className="mono"
        spellCheck={false}
        value={draft ?? stored}
        placeholder={words.sampling.default}
        aria-invalid={!isJson}
        aria-describedby={`${id}-hint`}
        onChange={(event) => {
          const text = event.currentTarget.value;
          setDraft(text);
          const written = schemaIn(text);
          if (written !== null) onChange({ type: "json_schema", json_schema: { name: "answer", schema: written } });
          else if (text.trim() === "") onChange(null);
        }}
      />
    </Field>
  );
}
