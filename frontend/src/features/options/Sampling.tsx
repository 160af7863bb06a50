import { useQuery } from "@tanstack/react-query";
import { RotateCcw } from "lucide-react";

import { models } from "../../api/queries";
import type { SessionChanges, SessionSettings } from "../../api/schema";
import { words } from "../../words";

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
        name={words.sampling.temperature}
        range={[0, 2, 0.05]}
        hint={words.sampling.temperatureHint}
        value={values.temperature ?? null}
        otherwise={given?.temperature}
        onChange={(temperature) => change({ temperature })}
      />
      <Slider
        name={words.sampling.topP}
        range={[0.05, 1, 0.05]}
        hint={words.sampling.topPHint}
        value={values.top_p ?? null}
        otherwise={given?.top_p}
        onChange={(top_p) => change({ top_p })}
      />
      <div className="field">
        <label htmlFor="max-tokens">{words.sampling.maxTokens}</label>
        <Reset name={words.sampling.maxTokens} isSet={values.max_tokens != null} onReset={() => change({ max_tokens: null })} />
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
        {name} <output>{words.format.number(shown, 2)}</output>
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
        {words.sampling.range(min, max, hint)}
      </span>
    </div>
  );
}

function Reset({ name, isSet, onReset }: { name: string; isSet: boolean; onReset: () => void }) {
  return (
    <button
      type="button"
      className="quiet icon"
      title={words.sampling.resetHint}
      aria-label={words.sampling.reset(name)}
      disabled={!isSet}
      onClick={onReset}
    >
      <RotateCcw aria-hidden />
    </button>
  );
}
