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
      <dl className="facts">
        <div>
          <dt>{say.models}</dt>
          <dd>{words.format.list(spec.models.map((_, at) => modelName(spec, at)))}</dd>
        </div>
        <div>
          <dt>{say.settings}</dt>
          <dd>{spec.settings.map((setting, at) => describe(setting.chosen, settingName(spec, at))).join("; ")}</dd>
        </div>
        <div>
          <dt>{say.tasks}</dt>
          <dd>
            {spec.set.title}. {words.lab.sets.about(spec.set, taskCount(spec.set))}
            {spec.set.maze && ` ${words.lab.sets.seeds(spec.set.maze.seeds)}`}
          </dd>
        </div>
        <div>
          <dt>{say.repeats}</dt>
          <dd>{words.format.number(spec.repeats)}</dd>
        </div>
        {spec.set.kind === "maze" && (
          <div>
            <dt>{say.forcing}</dt>
            <dd>{say.forcings[spec.forcing]}</dd>
          </div>
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
