import { useState, type SubmitEvent } from "react";
import { useLocation } from "wouter";

import type { TemplateAnswer } from "../../api/schema";
import { Confirm } from "../../components/Confirm";
import { Problem } from "../../components/Problem";
import { Variables } from "../../components/Variables";
import { sessionPath } from "../../site";
import { words } from "../../words";
import { useDeleteTemplate, useSaveTemplate, useTryTemplate } from "./templates";
import { EMPTY, unsaved, type Draft } from "./unsaved";
import { Versions } from "./Versions";

/** One template: written, tried, put away, deleted. `template` null: a new one. */
export function TemplateForm({ template }: { template: TemplateAnswer | null }) {
  const [draft, setDraft] = useState<Draft>(unsaved.get(template?.id ?? null) ?? template ?? EMPTY);
  const [asks, setAsks] = useState<"variables" | "delete" | null>(null);
  const [, navigate] = useLocation();
  const save = useSaveTemplate(template?.id ?? null);
  const remove = useDeleteTemplate();
  const attempt = useTryTemplate();
  const stored = template ?? EMPTY;
  const isChanged = (["title", "description", "content", "is_active", "is_public"] as const).some(
    (name) => draft[name] !== stored[name],
  );

  const write = (changed: Draft): void => {
    unsaved.set(template?.id ?? null, changed);
    setDraft(changed);
  };
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const { title, description, content, is_active, is_public } = draft;
    save.mutate(
      { title, description, content, is_active, is_public },
      {
        onSuccess: (saved) => {
          const newest = unsaved.get(template?.id ?? null);
          unsaved.delete(template?.id ?? null);
          if (newest !== undefined && newest !== draft) unsaved.set(saved.id, newest); // somebody has written on meanwhile
          navigate(`/templates/${saved.id}`);
        },
      },
    );
  };
  const begin = (variables: Record<string, string>): void => {
    if (template) attempt.mutate({ id: template.id, variables }, { onSuccess: ({ id }) => navigate(sessionPath(id)) });
  };
  return (
    <>
      <form className="fields" onSubmit={submit}>
        <label>
          {words.templates.title}
          <input
            value={draft.title}
            required
            maxLength={200}
            autoFocus={template === null}
            onChange={(event) => write({ ...draft, title: event.currentTarget.value })}
          />
        </label>
        <label>
          {words.templates.description}
          <input
            value={draft.description ?? ""}
            maxLength={2000}
            onChange={(event) => write({ ...draft, description: event.currentTarget.value || null })}
          />
        </label>
        <div className="field">
          <label htmlFor="template-prompt">{words.templates.prompt}</label>
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
            {words.templates.variablesHint}
            {template &&
              template.variables.length > 0 &&
              ` ${words.templates.variables(template.variables.map(({ name }) => name))}`}
          </span>
        </div>
        <label className="check">
          <input
            type="checkbox"
            checked={draft.is_active}
            onChange={(event) => write({ ...draft, is_active: event.currentTarget.checked })}
          />
          {words.templates.isOffered}
        </label>
        <label className="check">
          <input
            type="checkbox"
            checked={draft.is_public}
            onChange={(event) => write({ ...draft, is_public: event.currentTarget.checked })}
          />
          {words.templates.isPublic(template?.id ?? null)}
        </label>
        <Problem of={save.error ?? attempt.error ?? remove.error} />
        <div className="buttons">
          <button type="submit" className="primary" disabled={!isChanged || save.isPending}>
            {template === null ? words.templates.create : words.templates.save}
          </button>
          {template && (
            <button
              type="button"
              disabled={isChanged || attempt.isPending}
              title={isChanged ? words.templates.saveFirst : undefined}
              onClick={() => (template.variables.length > 0 ? setAsks("variables") : begin({}))}
            >
              {words.templates.tryIt}
            </button>
          )}
          {template && (
            <button type="button" className="danger" onClick={() => setAsks("delete")}>
              {words.common.delete}
            </button>
          )}
        </div>
        {template && (
          <Versions
            id={template.id}
            text={draft.content}
            current={template.version}
            onUse={(content) => write({ ...draft, content })}
          />
        )}
      </form>
      {template && asks === "variables" && (
        <Variables
          title={template.title}
          variables={template.variables}
          submit={words.templates.start}
          onDone={begin}
          onClose={() => setAsks(null)}
        />
      )}
      {template && asks === "delete" && (
        <Confirm
          title={words.templates.deleteTitle(template.title)}
          text={words.templates.deleteText}
          does={words.common.delete}
          onClose={() => setAsks(null)}
          onYes={() => remove.mutate(template.id, { onSuccess: () => navigate("/templates") })}
        />
      )}
    </>
  );
}
