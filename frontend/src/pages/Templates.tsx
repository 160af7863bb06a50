import { useQuery } from "@tanstack/react-query";
import { useRef } from "react";
import { Link } from "wouter";

import { templates } from "../api/queries";
import { Page } from "../components/Page";
import { Problem } from "../components/Problem";
import { TemplateForm } from "../features/templates/TemplateForm";
import { TemplateList } from "../features/templates/TemplateList";
import { useImportTemplates } from "../features/templates/templates";
import { NotFound } from "./NotFound";

/** Prompts to begin with. `chosen`: a number, or `new`. */
export function Templates({ chosen }: { chosen: string | null }) {
  const all = useQuery(templates);
  const file = useRef<HTMLInputElement>(null);
  const take = useImportTemplates();
  const template = all.data?.find(({ id }) => `${id}` === chosen) ?? null;
  if (chosen !== null && chosen !== "new" && all.data !== undefined && template === null) return <NotFound />;
  const actions = (
    <div className="buttons">
      <Link href="/templates/new" className="button primary">
        New template
      </Link>
      <button type="button" disabled={take.isPending} onClick={() => file.current?.click()}>
        Import
      </button>
      <a className="button" href="/api/templates/export" download>
        Export
      </a>
      <input
        ref={file}
        type="file"
        hidden
        accept=".json"
        aria-label="A file of templates"
        onChange={(event) => {
          const one = event.currentTarget.files?.[0];
          if (one) take.mutate(one);
          event.currentTarget.value = "";
        }}
      />
    </div>
  );
  return (
    <Page title="Templates" aside={actions}>
      <Problem of={take.error} />
      <div className="halves" data-chosen={chosen === null ? undefined : ""}>
        <TemplateList chosen={chosen} />
        {chosen === "new" && <TemplateForm template={null} />}
        {template && <TemplateForm key={template.id} template={template} />}
      </div>
    </Page>
  );
}
