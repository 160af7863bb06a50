import { useQuery } from "@tanstack/react-query";
import { Link, useLocation, useSearch } from "wouter";

import { addressOf } from "../base";
import { publicTemplate, templates } from "../api/queries";
import { FileButton } from "../components/FileButton";
import { Page } from "../components/Page";
import { Problem } from "../components/Problem";
import { Tabs } from "../components/Tabs";
import { PublicTemplate } from "../features/templates/PublicTemplate";
import { TemplateForm } from "../features/templates/TemplateForm";
import { TemplateList } from "../features/templates/TemplateList";
import { useImportTemplates } from "../features/templates/templates";
import { Try } from "../features/templates/Try";
import { words } from "../words";
import { NotFound } from "./NotFound";

/** Prompts to begin with. `chosen`: a number, or `new`. */
export function Templates({ chosen }: { chosen: string | null }) {
  const all = useQuery(templates);
  const take = useImportTemplates();
  const [path, navigate] = useLocation();
  const view = new URLSearchParams(useSearch()).get("view") === "try" ? "try" : "write";
  const template = all.data?.find(({ id }) => `${id}` === chosen) ?? null;
  const isForeign = chosen !== null && chosen !== "new" && all.data !== undefined && template === null;
  const shared = useQuery({ ...publicTemplate(Number(chosen)), enabled: isForeign && /^[1-9]\d{0,14}$/.test(chosen) });
  if (isForeign && (shared.data === null || (shared.data === undefined && !shared.isEnabled))) return <NotFound />;
  const actions = (
    <div className="buttons">
      <Link href="/templates/new" className="button primary">
        {words.templates.new}
      </Link>
      <FileButton
        label={words.templates.import}
        what={words.templates.file}
        accept=".json"
        disabled={take.isPending}
        onFile={(file) => take.mutate(file)}
      />
      <a className="button" href={addressOf("/api/templates/export")} download>
        {words.templates.export}
      </a>
    </div>
  );
  return (
    <Page name="templates" aside={actions}>
      <Problem of={take.error ?? shared.error} />
      <div
        className="halves"
        data-chosen={chosen === null ? undefined : ""}
        data-wide={template && view === "try" ? "" : undefined}
      >
        <TemplateList chosen={chosen} />
        {isForeign && shared.data && <PublicTemplate template={shared.data} onCopy={(id) => navigate(`/templates/${id}`)} />}
        {chosen === "new" && <TemplateForm template={null} />}
        {template && (
          <div key={template.id}>
            <Tabs
              label={words.templates.view}
              titles={words.templates.views}
              order={["write", "try"]}
              chosen={view}
              onChoose={(to) => navigate(to === "try" ? `${path}?view=try` : path, { replace: true })}
            >
              {view === "try" ? <Try template={template} /> : <TemplateForm template={template} />}
            </Tabs>
          </div>
        )}
      </div>
    </Page>
  );
}
