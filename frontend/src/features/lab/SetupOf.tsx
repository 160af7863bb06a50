import { setTitle } from "../../api/built-in";
import type { Setting, Spec } from "../../api/lab";
import { SETTINGS } from "../../api/sampling.gen";
import { words } from "../../words";
import { taskCount } from "./form";
import { modelName, promptName, settingName } from "./names";

/** What a run was begun with, all that is needed to repeat it. */
export function SetupOf({ spec }: { spec: Spec }) {
  const say = words.lab.form;
  return (
    <section aria-label={words.lab.run.tabs.setup}>
      <h2>{say.prompts}</h2>
      {spec.templates.map(({ content }, at) => (
        <details key={at} className="document wide" open={spec.templates.length === 1}>
          <summary>{promptName(spec, at)}</summary>
          <pre tabIndex={0}>{content}</pre>
        </details>
      ))}
      <dl className="lab-facts">
        <dt>{say.models}</dt>
        <dd>{words.format.list(spec.models.map((_, at) => modelName(spec, at)))}</dd>
        <dt>{say.settings}</dt>
        <dd>{spec.settings.map((setting, at) => describe(setting.chosen, settingName(spec, at))).join("; ")}</dd>
        <dt>{say.tasks}</dt>
        <dd>
          {setTitle(spec.set)}. {words.lab.sets.about(spec.set, taskCount(spec.set))}
          {spec.set.maze && ` ${words.lab.sets.seeds(spec.set.maze.seeds)}`}
        </dd>
        <dt>{say.repeats}</dt>
        <dd>{words.format.number(spec.repeats)}</dd>
        {spec.set.kind === "maze" && (
          <>
            <dt>{say.forcing}</dt>
            <dd>{say.forcings[spec.forcing]}</dd>
          </>
        )}
      </dl>
    </section>
  );
}

function describe(setting: Setting, name: string): string {
  const values = setting as Readonly<Record<string, unknown>>;
  const chosen = SETTINGS.filter(({ name: one }) => values[one] != null).map(
    ({ name: one }) => `${words.sampling.settings[one].label} ${String(values[one])}`,
  );
  return words.lab.settingAs(name, chosen);
}
