import { useSyncExternalStore } from "react";

import { DENSITIES, preferences, THEMES } from "../../stores/preferences";
import { words } from "../../words";

/** Of this device: colours, density and keys. */
export function Appearance() {
  const { theme, density, keys } = useSyncExternalStore(preferences.subscribe, preferences.get);
  return (
    <section>
      <h2>{words.settings.device}</h2>
      <Choice
        name="theme"
        title={words.settings.colours}
        options={THEMES}
        labels={words.settings.themes}
        value={theme}
        onChange={(value) => preferences.set({ theme: value })}
      />
      <Choice
        name="density"
        title={words.settings.density}
        options={DENSITIES}
        labels={words.settings.densities}
        value={density}
        onChange={(value) => preferences.set({ density: value })}
      />
      <label className="check">
        <input type="checkbox" checked={keys} onChange={(event) => preferences.set({ keys: event.currentTarget.checked })} />
        {words.settings.keys}
      </label>
    </section>
  );
}

interface ChoiceProps<Value extends string> {
  name: string;
  title: string;
  options: readonly Value[];
  labels: Readonly<Record<Value, string>>;
  value: Value;
  onChange: (value: Value) => void;
}

function Choice<Value extends string>({ name, title, options, labels, value, onChange }: ChoiceProps<Value>) {
  return (
    <fieldset>
      <legend>{title}</legend>
      {options.map((option) => (
        <label key={option} className="check">
          <input type="radio" name={name} checked={option === value} onChange={() => onChange(option)} />
          {labels[option]}
        </label>
      ))}
    </fieldset>
  );
}
