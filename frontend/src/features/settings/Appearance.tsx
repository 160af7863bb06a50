import { useSyncExternalStore } from "react";

import { DENSITIES, preferences, THEMES } from "../../stores/preferences";
import { LANGUAGES, words } from "../../words";

/** Of this device: language, colours, density and keys. */
export function Appearance() {
  const { language, theme, density, keys } = useSyncExternalStore(preferences.subscribe, preferences.get);
  return (
    <section>
      <h2>{words.settings.device}</h2>
      <label className="field language">
        {words.settings.language}
        <select
          value={language}
          onChange={(event) => {
            preferences.set({ language: event.currentTarget.value as typeof language });
          }}
        >
          <option value="system">{words.settings.languageOfSystem}</option>
          {Object.entries(LANGUAGES).map(([tag, name]) => (
            <option key={tag} value={tag} lang={tag}>
              {name}
            </option>
          ))}
        </select>
      </label>
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
