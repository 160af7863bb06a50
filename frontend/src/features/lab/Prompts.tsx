import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";

import { templates, templateVersions } from "../../api/queries";
import { words } from "../../words";
import { emptyPrompt, MOST_PROMPTS, type PromptDraft } from "./form";

interface Props {
  chosen: readonly PromptDraft[];
  onChange: (chosen: readonly PromptDraft[]) => void;
}

const OWN = "own";

/** The prompts of a run: templates in one of their versions, or texts that are written here. */
export function Prompts({ chosen, onChange }: Props) {
  const all = useQuery(templates);
  const say = words.lab.form;
  const change = (key: number, changes: Partial<PromptDraft>): void =>
    onChange(chosen.map((one) => (one.key === key ? { ...one, ...changes } : one)));
  const next = all.data?.find(({ id }) => !chosen.some(({ template }) => template === id));
  return (
    <fieldset>
      <legend>{say.prompts}</legend>
      {chosen.length === 0 && <p className="muted hint">{say.promptsHint}</p>}
      <ol className="rows">
        {chosen.map((prompt, at) => (
          <li key={prompt.key}>
            <div className="row">
              <select
                aria-label={say.prompt(at + 1)}
                value={prompt.template ?? OWN}
                onChange={(event) => {
                  const { value } = event.currentTarget;
                  change(prompt.key, { template: value === OWN ? null : Number(value), version: null });
                }}
              >
                <option value={OWN}>{say.ownText}</option>
                {prompt.template !== null && all.data && !all.data.some(({ id }) => id === prompt.template) && (
                  <option value={prompt.template}>{say.foreign(prompt.title, prompt.template)}</option>
                )}
                {all.data?.map(({ id, title }) => (
                  <option key={id} value={id}>
                    {title}
                  </option>
                ))}
              </select>
              {prompt.template !== null && (
                <VersionChoice
                  template={prompt.template}
                  version={prompt.version}
                  label={say.versionOf(at + 1)}
                  onChange={(version) => change(prompt.key, { version })}
                />
              )}
              <button
                type="button"
                className="quiet icon"
                aria-label={say.removePrompt(at + 1)}
                title={say.removePrompt(at + 1)}
                onClick={() => onChange(chosen.filter(({ key }) => key !== prompt.key))}
              >
                <X aria-hidden />
              </button>
            </div>
            {prompt.template === null && (
              <div className="fields">
                <input
                  aria-label={say.promptTitle(at + 1)}
                  placeholder={say.ownTitle(at + 1)}
                  maxLength={200}
                  value={prompt.title}
                  onChange={(event) => change(prompt.key, { title: event.currentTarget.value })}
                />
                <textarea
                  className="mono"
                  rows={4}
                  aria-label={say.promptText(at + 1)}
                  placeholder={say.textHint}
                  maxLength={100_000}
                  value={prompt.content}
                  onChange={(event) => change(prompt.key, { content: event.currentTarget.value })}
                />
              </div>
            )}
          </li>
        ))}
      </ol>
      <div className="buttons">
        <button
          type="button"
          disabled={chosen.length >= MOST_PROMPTS}
          onClick={() => onChange([...chosen, emptyPrompt(next?.id ?? null)])}
        >
          {say.addPrompt}
        </button>
      </div>
    </fieldset>
  );
}

function VersionChoice({
  template,
  version,
  label,
  onChange,
}: {
  template: number;
  version: number | null;
  label: string;
  onChange: (version: number | null) => void;
}) {
  const all = useQuery(templateVersions(template));
  const [newest, ...earlier] = all.data?.map((one) => one.version).toSorted((one, other) => other - one) ?? [];
  return (
    <select
      aria-label={label}
      value={version ?? ""}
      onChange={(event) => onChange(event.currentTarget.value === "" ? null : Number(event.currentTarget.value))}
    >
      <option value="">{words.lab.form.newest(newest ?? null)}</option>
      {(version !== null && version === newest ? [newest, ...earlier] : earlier).map((one) => (
        <option key={one} value={one}>
          {words.templates.version(one)}
        </option>
      ))}
    </select>
  );
}
