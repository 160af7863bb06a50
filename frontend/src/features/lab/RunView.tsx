import { useState, type ReactNode } from "react";
import { useLocation } from "wouter";

import { addressOf } from "../../base";
import { ApiError } from "../../api/http";
import { Confirm } from "../../components/Confirm";
import { Problem } from "../../components/Problem";
import { Tabs } from "../../components/Tabs";
import { labPath, pathOf } from "../../site";
import { finished, total, type LabView } from "../../stores/lab";
import { words } from "../../words";
import { draftOf } from "./form";
import { useDeleteRun, useLabRun, useRunControl } from "./lab";
import { prefill } from "./LabForm";
import { Matrix } from "./Matrix";
import { Outcomes } from "./Outcomes";
import { SetupOf } from "./SetupOf";
import { Streams } from "./Streams";
import { Trial } from "./Trial";

type Tab = "live" | "results" | "setup";
const TABS: readonly Tab[] = ["live", "results", "setup"];

interface Props {
  id: number;
  /** The trial that is open. */
  cell: number | null;
  onOpen: (cell: number | null) => void;
  /** What is shown where there is no such run. */
  missing: ReactNode;
}

/** A run: how far it is, all its trials, and what is asked for of them. */
export function RunView({ missing, ...props }: Props) {
  const { view, error } = useLabRun(props.id);
  if (error instanceof ApiError && error.status === 404) return missing;
  if (view === undefined) return error ? <Problem of={error} /> : <p className="muted">{words.options.loading}</p>;
  return <Shown view={view} {...props} />;
}

/** Until somebody chooses: what goes on if the run was opened while it ran, else its results. */
function Shown({ id, view, cell, onOpen }: Omit<Props, "missing"> & { view: LabView }) {
  const [tab, setTab] = useState<Tab>(view.run.status === "running" ? "live" : "results");
  return (
    <>
      <Head view={view} />
      <Matrix view={view} onOpen={onOpen} />
      <Tabs label={words.lab.run.views} titles={words.lab.run.tabs} order={TABS} chosen={tab} onChoose={setTab}>
        {tab === "live" && <Streams id={id} view={view} onOpen={onOpen} />}
        {tab === "results" && <Outcomes id={id} view={view} />}
        {tab === "setup" && <SetupOf spec={view.run.spec} />}
      </Tabs>
      {cell !== null && <Trial key={cell} id={id} view={view} cell={cell} onClose={() => onOpen(null)} />}
    </>
  );
}

function Head({ view }: { view: LabView }) {
  const { id, title, counts, status, spec } = view.run;
  const [asks, setAsks] = useState(false);
  const [, navigate] = useLocation();
  const control = useRunControl(id);
  const remove = useDeleteRun();
  const say = words.lab.run;
  return (
    <section className="run-head" aria-label={title}>
      <h2>{title}</h2>
      <p role="status">{say.sentence(status, counts)}</p>
      {view.run.unserved.length > 0 && <p className="problem">{say.unserved(view.run.unserved)}</p>}
      <progress max={Math.max(1, total(counts))} value={finished(counts)} aria-label={say.progress} />
      <div className="buttons">
        {status === "running" && (
          <button type="button" disabled={control.isPending} onClick={() => control.mutate("stop")}>
            {say.stopAll}
          </button>
        )}
        {status !== "running" && counts.stopped + counts.failed > 0 && (
          <button type="button" className="primary" disabled={control.isPending} onClick={() => control.mutate("resume")}>
            {say.resume}
          </button>
        )}
        <button
          type="button"
          onClick={() => {
            prefill(draftOf(title, spec));
            navigate(labPath("new"));
          }}
        >
          {say.again}
        </button>
        <a className="button" href={addressOf(`/api/lab/runs/${id}/export?format=csv`)} download>
          {say.csv}
        </a>
        <a className="button" href={addressOf(`/api/lab/runs/${id}/export?format=json`)} download>
          {say.json}
        </a>
        <button type="button" className="danger" onClick={() => setAsks(true)}>
          {words.common.delete}
        </button>
      </div>
      <Problem of={control.error ?? remove.error} />
      {asks && (
        <Confirm
          title={say.deleteTitle(title)}
          text={say.deleteText}
          does={words.common.delete}
          onClose={() => setAsks(false)}
          onYes={() => remove.mutate(id, { onSuccess: () => navigate(pathOf("lab")) })}
        />
      )}
    </section>
  );
}
