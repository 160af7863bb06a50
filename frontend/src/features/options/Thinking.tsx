import type { SessionSettings } from "../../api/schema";
import { words } from "../../words";
import { Field, type FieldProps } from "./Field";

export type Reasoning = NonNullable<SessionSettings["reasoning"]>;

const FIRST_LIMIT = 1024;

interface Props extends FieldProps<Reasoning> {
  otherwise: Reasoning | null;
}

/** Whether the model thinks, and the most tokens it may. */
export function Thinking({ id, label, hint, value, otherwise, onChange }: Props) {
  const isLimited = typeof value === "number";
  return (
    <Field {...{ id, label, hint }} isSet={value !== null} onReset={() => onChange(null)}>
      <select
        id={id}
        value={isLimited ? "limited" : (value ?? "")}
        aria-describedby={`${id}-hint`}
        onChange={(event) => {
          const chosen = event.currentTarget.value;
          onChange(chosen === "limited" ? FIRST_LIMIT : chosen === "off" || chosen === "auto" ? chosen : null);
        }}
      >
        <option value="">
          {otherwise === "off" ? words.sampling.defaultIs(words.sampling.thinkingOff) : words.sampling.default}
        </option>
        <option value="auto">{words.sampling.thinkingAuto}</option>
        <option value="off">{words.sampling.thinkingOff}</option>
        <option value="limited">{words.sampling.thinkingLimited}</option>
      </select>
      {isLimited && (
        <input
          type="number"
          min={1}
          max={1_000_000}
          value={value}
          aria-label={words.sampling.thinkingLimit}
          onChange={(event) => {
            const { value: typed, validity } = event.currentTarget;
            if (validity.valid && typed !== "") onChange(Number(typed));
          }}
        />
      )}
    </Field>
  );
}
