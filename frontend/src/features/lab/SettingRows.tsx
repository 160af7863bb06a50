import { X } from "lucide-react";

import type { Setting } from "../../api/lab";
import { SETTINGS } from "../../api/sampling.gen";
import { words } from "../../words";
import { MOST_SETTINGS, newKey, type SettingDraft } from "./form";

const NUMBERS = SETTINGS.flatMap((setting) => (setting.control === "slider" || setting.control === "number" ? [setting] : []));

/** The settings that are compared, each a row; an empty field leaves the default. */
export function SettingRows({
  rows,
  onChange,
}: {
  rows: readonly SettingDraft[];
  onChange: (rows: readonly SettingDraft[]) => void;
}) {
  const say = words.lab.form;
  const change = (key: number, changes: Setting): void =>
    onChange(rows.map((row) => (row.key === key ? { ...row, setting: { ...row.setting, ...changes } } : row)));
  return (
    <fieldset>
      <legend>{say.settings}</legend>
      <p className="muted hint">{say.settingsHint}</p>
      <ol className="rows">
        {rows.map(({ key, setting }, at) => (
          <li key={key} className="setting" aria-label={say.setting(at + 1)}>
            <label>
              {say.settingTitle}
              <input
                value={setting.title ?? ""}
                maxLength={200}
                placeholder={say.setting(at + 1)}
                onChange={(event) => change(key, { title: event.currentTarget.value })}
              />
            </label>
            {NUMBERS.filter(({ isCommon, name }) => isCommon || name === "seed").map(({ name, min, max, step }) => (
              <label key={name}>
                {words.sampling.settings[name].label}
                <input
                  type="number"
                  {...{ min, max, step }}
                  placeholder={words.sampling.default}
                  value={(setting as Readonly<Record<string, number | null>>)[name] ?? ""}
                  onChange={(event) => {
                    const { value, validity } = event.currentTarget;
                    if (validity.valid) change(key, { [name]: value === "" ? null : Number(value) });
                  }}
                />
              </label>
            ))}
            <label>
              {words.sampling.settings.reasoning.label}
              <select
                value={setting.reasoning ?? ""}
                onChange={(event) => {
                  const { value } = event.currentTarget;
                  change(key, { reasoning: value === "off" || value === "auto" ? value : null });
                }}
              >
                <option value="">{words.sampling.default}</option>
                <option value="auto">{words.sampling.thinkingAuto}</option>
                <option value="off">{words.sampling.thinkingOff}</option>
              </select>
            </label>
            {rows.length > 1 && (
              <button
                type="button"
                className="quiet icon"
                aria-label={say.removeSetting(at + 1)}
                title={say.removeSetting(at + 1)}
                onClick={() => onChange(rows.filter((row) => row.key !== key))}
              >
                <X aria-hidden />
              </button>
            )}
          </li>
        ))}
      </ol>
      <div className="buttons">
        <button
          type="button"
          disabled={rows.length >= MOST_SETTINGS}
          onClick={() => onChange([...rows, { key: newKey(), setting: {} }])}
        >
          {say.addSetting}
        </button>
      </div>
    </fieldset>
  );
}
