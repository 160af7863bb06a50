import { useQuery } from "@tanstack/react-query";
import { Link, useLocation, useSearch } from "wouter";

import { labSets } from "../api/queries";
import { FileButton } from "../components/FileButton";
import { Page } from "../components/Page";
import { Problem } from "../components/Problem";
import { useImportSet } from "../features/lab/lab";
import { LabForm } from "../features/lab/LabForm";
import { RunList } from "../features/lab/RunList";
import { RunView } from "../features/lab/RunView";
import { SetForm } from "../features/lab/SetForm";
import { SetList } from "../features/lab/SetList";
import { labPath, pathOf } from "../site";
import { words } from "../words";
import { NotFound } from "./NotFound";

/** Prompts are tried on tasks and measured. `part`: a run's number, `new`, `sets`, or null for all runs. */
export function Lab({ part }: { part: string | null }) {
  if (part === null) return <Runs />;
  if (part === "new") return <New />;
  if (part === "sets") return <Sets />;
  return /^\d{1,9}$/.test(part) ? <Run key={part} id={Number(part)} /> : <NotFound />;
}

function Runs() {
  return (
    <Page
      name="lab"
      aside={
        <div className="buttons">
          <Link href={labPath("new")} className="button primary">
            {words.lab.form.new}
          </Link>
          <Link href={labPath("sets")} className="button">
            {words.lab.sets.title}
          </Link>
        </div>
      }
    >
      <RunList />
    </Page>
  );
}

function New() {
  const set = new URLSearchParams(useSearch()).get("set");
  return (
    <Page name="lab" aside={<ToRuns />}>
      <h2>{words.lab.form.new}</h2>
      <LabForm key={set} set={set} />
    </Page>
  );
}

function Run({ id }: { id: number }) {
  const [path, navigate] = useLocation();
  const asked = /^\d{1,6}$/.exec(new URLSearchParams(useSearch()).get("trial") ?? "");
  const cell = asked === null ? null : Number(asked[0]);
  return (
    <Page name="lab" aside={<ToRuns />}>
      <RunView
        id={id}
        cell={cell}
        onOpen={(number) => navigate(number === null ? path : labPath(id, { trial: number }))}
        missing={<p role="alert">{words.lab.run.missing}</p>}
      />
    </Page>
  );
}

function Sets() {
  const [, navigate] = useLocation();
  const chosen = new URLSearchParams(useSearch()).get("set");
  const all = useQuery(labSets);
  const take = useImportSet();
  const set = all.data?.find(({ id }) => id === chosen) ?? null;
  const say = words.lab.sets;
  return (
    <Page name="lab" aside={<ToRuns />}>
      <header className="plot-head">
        <h2>{say.title}</h2>
        <div className="buttons">
          <Link href={labPath("sets", { set: "new" })} className="button primary">
            {say.new}
          </Link>
          <FileButton
            label={words.templates.import}
            what={say.file}
            accept=".json,.csv"
            disabled={take.isPending}
            onFile={(file) => take.mutate(file, { onSuccess: ({ id }) => navigate(labPath("sets", { set: id })) })}
          />
        </div>
      </header>
      <Problem of={take.error} />
      <div className="halves" data-chosen={chosen === null ? undefined : ""}>
        <SetList chosen={chosen} />
        {chosen === "new" && <SetForm key="new" set={null} />}
        {set && <SetForm key={set.id} set={set} />}
        {chosen !== null && chosen !== "new" && all.data && set === null && <p role="alert">{say.missing}</p>}
        {chosen === null && <FileHelp />}
      </div>
    </Page>
  );
}

/** What a file of cases looks like. */
function FileHelp() {
  const say = words.lab.sets;
  return (
    <section className="teach">
      <p>{say.teach}</p>
      <h3>{say.csv}</h3>
      <pre tabIndex={0}>{say.csvExample}</pre>
      <p className="muted">{say.csvHint}</p>
      <h3>{say.json}</h3>
      <pre tabIndex={0}>{say.jsonExample}</pre>
    </section>
  );
}

function ToRuns() {
  return (
    <Link href={pathOf("lab")} className="button">
      {words.lab.list.all}
    </Link>
  );
}
