import { useSyncExternalStore } from "react";

import { preferences, type Theme } from "../../stores/preferences";

const THEMES: [Theme, string][] = [
  ["system", "As the system has it"],
  ["light", "Light"],
  ["dark", "Dark"],
];

/** Of this device: colours and keys. */
export function Appearance() {
  const { theme, keys } = useSyncExternalStore(preferences.subscribe, preferences.get);
  return (
    <section>
      <h2>On this device</h2>
      <fieldset>
        <legend>Colours</legend>
        {THEMES.map(([value, label]) => (
          <label key={value} className="check">
            <input type="radio" name="theme" checked={theme === value} onChange={() => preferences.set({ theme: value })} />
            {label}
          </label>
        ))}
      </fieldset>
      <label className="check">
        <input type="checkbox" checked={keys} onChange={(event) => preferences.set({ keys: event.currentTarget.checked })} />
        Single keys do something: N a new conversation, O the options, ? the list of keys
      </label>
    </section>
  );
}
