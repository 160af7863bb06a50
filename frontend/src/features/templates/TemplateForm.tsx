import { useState, type SubmitEvent } from "react";
import { useLocation } from "wouter";

import type { TemplateAnswer } from "../../api/schema";
import { Confirm } from "../../components/Confirm";
import { Problem } from "../../components/Problem";
import { Variables } from "../../components/Variables";
import { useDeleteTemplate, useSaveTemplate, useTryTemplate } from "./templates";
import { Versions } from "./Versions";

type Draft = Pick<TemplateAnswer, "title" | "description" | "content" | "is_active" | "is_public">;

const EMPTY: Draft = { title: "", description: null, content: "", is_active: true, is_public: false };
/** What was written and not saved, by template (null: a new one): it is there again when one comes back to it. */
const kept = new Map<number | null, Draft>();

/** One template: written, tried, put away, deleted. `template` null: a new one. */
export function TemplateForm({ template }: { template: TemplateAnswer | null }) {
  const [draft, setDraft] = useState<Draft>(kept.get(template?.id ?? null) ?? template ?? EMPTY);
  const [asks, setAsks] = useState<"variables" | "delete" | null>(null);
  const [, navigate] = useLocation();
  const save = useSaveTemplate(template?.id ?? null);
  const remove = useDeleteTemplate();
  const attempt = useTryTemplate();
  const stored = template ?? EMPTY;
  const isChanged = (["title", "description", "content", "is_active", "is_public"] as const).some(
    (name) => draft[name] !== stored[name],
  );

  const write = (said: Draft): void => {
    kept.set(template?.id ?? null, said);
    setDraft(said);
  };
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const { title, description, content, is_active, is_public } = draft;
    save.mutate(
      { title, description, content, is_active, is_public },
      {
        onSuccess: (saved) => {
          kept.delete(template?.id ?? null);
          navigate(`/templates/${saved.id}`);
        },
      },
    );
  };
  const begin = (variables: Record<string, string>): void => {
    if (template) attempt.mutate({ id: template.id, variables }, { onSuccess: ({ id }) => navigate(`/c/${id}`) });
  };
  return (
    <>
      <form className="fields" onSubmit={submit}>
        <label>
          Title
          <input
            value={draft.title}
            required
            maxLength={200}
            autoFocus={template === null}
            onChange={(event) => write({ ...draft, title: event.currentTarget.value })}
          />
        </label>
        <label>
          Description
          <input
            value={draft.description ?? ""}
            maxLength={2000}
            onChange={(event) => write({ ...draft, description: event.currentTarget.value || null })}
          />
        </label>
        <div className="field">
          <label htmlFor="template-prompt">Prompt</label>
          <textarea
            id="template-prompt"
            className="mono"
            rows={10}
            value={draft.content}
            required
            maxLength={100_000}
            aria-describedby="template-variables"
            onChange={(event) => write({ ...draft, content: event.currentTarget.value })}
          />
          <span className="muted" id="template-variables">
            Variables: {"{{name}}"}, {"{{name=default}}"}, {"{{name|what it is for}}"}.
            {template && template.variables.length > 0 && ` Here: ${template.variables.map(({ name }) => name).join(", ")}.`}
          </span>
        </div>
        <label className="check">
          <input
            type="checkbox"
            checked={draft.is_active}
            onChange={(event) => write({ ...draft, is_active: event.currentTarget.checked })}
          />
          Offered when a message begins with /
        </label>
        <label className="check">
          <input
            type="checkbox"
            checked={draft.is_public}
            onChange={(event) => write({ ...draft, is_public: event.currentTarget.checked })}
          />
          Anybody who knows its number{template ? ` (${template.id})` : ""} may read it
        </label>
        <Problem of={save.error ?? attempt.error ?? remove.error} />
        <div className="buttons">
          <button type="submit" className="primary" disabled={!isChanged || save.isPending}>
            {template === null ? "Make it" : "Save"}
          </button>
          {template && (
            <button
              type="button"
              disabled={isChanged || attempt.isPending}
              title={isChanged ? "Save it first" : undefined}
              onClick={() => (template.variables.length > 0 ? setAsks("variables") : begin({}))}
            >
              Try it in a chat
            </button>
          )}
          {template && (
            <button type="button" className="danger" onClick={() => setAsks("delete")}>
              Delete
            </button>
          )}
        </div>
        {template && <Versions id={template.id} current={template.version} onUse={(content) => write({ ...draft, content })} />}
      </form>
      {template && asks === "variables" && (
        <Variables
          title={template.title}
          variables={template.variables}
          submit="Begin"
          onDone={begin}
          onClose={() => setAsks(null)}
        />
      )}
      {template && asks === "delete" && (
        <Confirm
          title={`Delete “${template.title}”?`}
          text="All its versions are removed for ever. Conversations keep the prompt they took."
          does="Delete"
          onClose={() => setAsks(null)}
          onYes={() => remove.mutate(template.id, { onSuccess: () => navigate("/templates") })}
        />
      )}
    </>
  );
}
