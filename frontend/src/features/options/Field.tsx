import { RotateCcw } from "lucide-react";
import type { ReactNode } from "react";

import { words } from "../../words";

/** What every control of a setting is given. */
export interface FieldProps<Value> {
  id: string;
  label: string;
  hint: string;
  /** Null: nobody chose. */
  value: Value | null;
  onChange: (value: Value | null) => void;
}

interface FrameProps {
  id: string;
  label: string;
  /** Stands beside the label. */
  shown?: string;
  hint: string;
  isSet: boolean;
  onReset: () => void;
  children: ReactNode;
}

/** A control under its label, with a hint (`<id>-hint`) and a button that goes back to the default. */
export function Field({ id, label, shown, hint, isSet, onReset, children }: FrameProps) {
  return (
    <div className="field">
      <label htmlFor={id}>
        {label} {shown !== undefined && <output>{shown}</output>}
      </label>
      <button
        type="button"
        className="quiet icon"
        title={words.sampling.resetHint}
        aria-label={words.sampling.reset(label)}
        disabled={!isSet}
        onClick={onReset}
      >
        <RotateCcw aria-hidden />
      </button>
      {children}
      {hint && (
        <span id={`${id}-hint`} className="muted">
          {hint}
        </span>
      )}
    </div>
  );
}
