import type { PublicTemplate as Public } from "../../api/schema";
import { Problem } from "../../components/Problem";
import { words } from "../../words";
import { useSaveTemplate } from "./templates";

/** Another person's template that everyone may read. `onCopy`: with the number of one's own. */
export function PublicTemplate({ template, onCopy }: { template: Public; onCopy: (id: number) => void }) {
  const { title, description, content, version, variables } = template;
  const save = useSaveTemplate(null);
  const copy = (): void =>
    save.mutate({ title, description, content, is_active: true, is_public: false }, { onSuccess: ({ id }) => onCopy(id) });
  return (
    <article className="fields">
      <h2 className="title">{title}</h2>
      <p className="muted">{words.templates.shared(version)}</p>
      {description && <p dir="auto">{description}</p>}
      <pre className="as-written" tabIndex={0} dir="auto">
        {content}
      </pre>
      {variables.length > 0 && <p className="muted">{words.templates.variables(variables.map(({ name }) => name))}</p>}
      <Problem of={save.error} />
      <div className="buttons">
        <button type="button" className="primary" disabled={save.isPending} onClick={copy}>
          {words.templates.copyShared}
        </button>
      </div>
    </article>
  );
}
