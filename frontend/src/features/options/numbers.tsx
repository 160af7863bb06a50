import { words } from "../../words";
import { Field, type FieldProps } from "./Field";

interface Props extends FieldProps<number> {
  min: number;
  max: number;
  step: number | "any";
  otherwise: number | null;
}

export function Slider({ id, label, hint, value, otherwise, min, max, step, onChange }: Props) {
  const shown = value ?? otherwise ?? min;
  return (
    <Field
      {...{ id, label }}
      shown={words.format.number(shown, 2)}
      hint={words.sampling.range(min, max, hint)}
      isSet={value !== null}
      onReset={() => onChange(null)}
    >
      <input
        {...{ id, min, max, step }}
        type="range"
        value={shown}
        aria-describedby={`${id}-hint`}
        onChange={(event) => onChange(Number(event.currentTarget.value))}
      />
    </Field>
  );
}

/** Keeps what is typed to itself while it is no number of the range. */
export function NumberField({ id, label, hint, value, otherwise, min, max, step, onChange }: Props) {
  return (
    <Field {...{ id, label, hint }} isSet={value !== null} onReset={() => onChange(null)}>
      <input
        {...{ id, min, max, step }}
        type="number"
        value={value ?? ""}
        placeholder={otherwise === null ? words.sampling.default : String(otherwise)}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onChange={(event) => {
          const { value: typed, validity } = event.currentTarget;
          if (validity.valid) onChange(typed === "" ? null : Number(typed));
        }}
      />
    </Field>
  );
}
