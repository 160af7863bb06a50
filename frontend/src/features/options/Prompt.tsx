import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { presets, templates } from "../../api/queries";
import type { SessionChanges, SessionSettings, TemplateAnswer } from "../../api/schema";
import { Variables } from "../../components/Variables";
import { words } from "../../words";

interface Props {
  values: SessionSettings;
  change: (changes: SessionChanges) => void;
}

/** What the model is told before anything else. */
export function Prompt({ values, change }: Props) {
  const begun = useQuery(presets);
  const own = useQuery(templates);
  const [chosen, setChosen] = useState<TemplateAnswer | null>(null);
  const prompt = values.system_prompt ?? "";
  const preset = begun.data?.find(({ system_prompt, written }) => [system_prompt, written].includes(prompt));
  const usable = own.data?.filter(({ id, is_active }) => is_active || id === values.template_id) ?? [];

  const choose = (template: TemplateAnswer | undefined): void => {
    if (template === undefined) change({ template_id: null });
    else if (template.variables.length > 0) setChosen(template);
    else take(template, {});
  };
  const take = (template: TemplateAnswer, variables: Record<string, string>): void => {
    setChosen(null);
    change({ template_id: template.id, variables });
  };
  return (
    <>
      <label>
        {words.options.preset}
        <select
          value={preset?.key ?? ""}
          onChange={(event) => {
            const key = event.currentTarget.value;
            change({ system_prompt: begun.data?.find((one) => one.key === key)?.system_prompt ?? null, template_id: null });
          }}
        >
          <option value="">{words.common.none}</option>
          {begun.data?.map(({ key, title }) => (
            <option key={key} value={key}>
              {title}
            </option>
          ))}
        </select>
      </label>
      <label>
        {words.options.template}
        <select
          value={values.template_id ?? ""}
          onChange={(event) => choose(usable.find(({ id }) => id === Number(event.currentTarget.value)))}
        >
          <option value="">{words.common.none}</option>
          {usable.map(({ id, title }) => (
            <option key={id} value={id}>
              {title}
            </option>
          ))}
        </select>
      </label>
      <label>
        {words.options.systemPrompt}
        <textarea
          rows={4}
          maxLength={100_000}
          value={prompt}
          placeholder={words.options.systemPromptHint}
          onChange={(event) => change({ system_prompt: event.currentTarget.value || null })}
        />
      </label>
      {chosen && (
        <Variables
          title={chosen.title}
          variables={chosen.variables}
          submit={words.common.useTemplate}
          onDone={(said) => take(chosen, said)}
          onClose={() => setChosen(null)}
        />
      )}
    </>
  );
}
