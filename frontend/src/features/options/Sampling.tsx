import { useQuery } from "@tanstack/react-query";
import { RotateCcw } from "lucide-react";

import { models } from "../../api/queries";
import type { SessionChanges, SessionSettings } from "../../api/schema";

interface Props {
  values: SessionSettings;
  change: (changes: SessionChanges) => void;
}

/** How the words are drawn: the gateway's values until somebody moves them. */
export function Sampling({ values, change }: Props) {
  const given = useQuery(models).data?.sampling;
  return (
    <>
      <Slider
        name="Temperature"
        range={[0, 2, 0.05]}
        hint="0 is the same each time, 2 is wild"
        value={values.temperature ?? null}
        otherwise={given?.temperature}
        onChange={(temperature) => change({ temperature })}
      />
      <Slider
        name="Top-p"
        range={[0.05, 1, 0.05]}
        hint="how much of the likely words is drawn from"
        value={values.top_p ?? null}
        otherwise={given?.top_p}
        onChange={(top_p) => change({ top_p })}
      />
      <div className="field">
        <label htmlFor="max-tokens">Longest reply, in tokens</label>
        <Reset name="the longest reply" isSet={values.max_tokens != null} onReset={() => change({ max_tokens: null })} />
        <input
          id="max-tokens"
          type="number"
          min={1}
          max={1_000_000}
          value={values.max_tokens ?? ""}
          placeholder={given === undefined ? "" : String(given.max_tokens)}
          onChange={(event) => {
            const { value, validity } = event.currentTarget;
            if (validity.valid) change({ max_tokens: value === "" ? null : Number(value) });
          }}
        />
      </div>
    </>
  );
}

interface SliderProps {
  name: string;
  range: [min: number, max: number, step: number];
  hint: string;
  value: number | null;
  otherwise: number | undefined;
  onChange: (value: number | null) => void;
}

function Slider({ name, range: [min, max, step], hint, value, otherwise, onChange }: SliderProps) {
  const id = `slider-${name}`;
  const shown = value ?? otherwise ?? min;
  return (
    <div className="field">
      <label htmlFor={id}>
        {name} <output>{shown.toFixed(2)}</output>
      </label>
      <Reset name={name} isSet={value !== null} onReset={() => onChange(null)} />
      <input
        id={id}
        type="range"
        min={min}
        max={max}
        step={step}
        value={shown}
        aria-describedby={`${id}-hint`}
        onChange={(event) => onChange(Number(event.currentTarget.value))}
      />
      <span id={`${id}-hint`} className="muted">
        {min} to {max}: {hint}
      </span>
    </div>
  );
}

function Reset({ name, isSet, onReset }: { name: string; isSet: boolean; onReset: () => void }) {
  return (
    <button
      type="button"
      className="quiet icon"
      title="Back to the gateway's"
      aria-label={`Reset ${name}`}
      disabled={!isSet}
      onClick={onReset}
    >
      <RotateCcw aria-hidden />
    </button>
  );
}
