import { useSyncExternalStore } from "react";

import { preferences, type Density, type Theme } from "../../stores/preferences";

const THEMES: [Theme, string][] = [
  ["system", "Same as the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];

const DENSITIES: [Density, string][] = [
  ["comfortable", "Comfortable"],
  ["compact", "Compact"],
];

/** Of this device: colours, density and keys. */
export function Appearance() {
  const { theme, density, keys } = useSyncExternalStore(preferences.subscribe, preferences.get);
  return (
    <section>
      <h2>On this device</h2>
      <Choice name="theme" title="Colours" options={THEMES} value={theme} onChange={(value) => preferences.set({ theme: value })} />
      <Choice
        name="density"
        title="Density"
        options={DENSITIES}
        value={density}
        onChange={(value) => preferences.set({ density: value })}
      />
      <label className="check">
        <input type="checkbox" checked={keys} onChange={(event) => preferences.set({ keys: event.currentTarget.checked })} />
        Single-key shortcuts: N for a new conversation, O for the options, ? for the list of keys
      </label>
    </section>
  );
}

interface ChoiceProps<Value extends string> {
  name: string;
  title: string;
  options: readonly (readonly [Value, string])[];
  value: Value;
  onChange: (value: Value) => void;
}

function Choice<Value extends string>({ name, title, options, value, onChange }: ChoiceProps<Value>) {
  return (
    <fieldset>
      <legend>{title}</legend>
      {options.map(([option, label]) => (
        <label key={option} className="check">
          <input type="radio" name={name} checked={option === value} onChange={() => onChange(option)} />
          {label}
        </label>
      ))}
    </fieldset>
  );
}
