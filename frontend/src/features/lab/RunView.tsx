import { useState, type ReactNode } from "react";
import { useLocation } from "wouter";

import { ApiError } from "../../api/http";
import type { Game } from "../../api/lab";
import { Confirm } from "../../components/Confirm";
import { Problem } from "../../components/Problem";
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
  /** Shows a maze again from its log. */
  replay?: (game: Game) => ReactNode;
  /** What is shown where there is no such run. */
  missing: ReactNode;
}

/** A run: how far it is, all its trials, and what is asked for of them. */
export function RunView({ id, cell, onOpen, replay, missing }: Props) {
  const { view, error } = useLabRun(id);
  const [chosen, setChosen] = useState<Tab | null>(null);
  if (error instanceof ApiError && error.status === 404) return missing;
  if (view === undefined) return error ? <Problem of={error} /> : <p className="muted">{words.options.loading}</p>;
  return (
    <>
      <Head view={view} />
      <Matrix view={view} onOpen={onOpen} />
      <Tabs chosen={chosen} isRunning={view.run.status === "running"} onChoose={setChosen}>
        {(tab) =>
          tab === "live" ? (
            <Streams id={id} view={view} onOpen={onOpen} />
          ) : tab === "results" ? (
            <Outcomes id={id} view={view} />
          ) : (
            <SetupOf spec={view.run.spec} />
          )
        }
      </Tabs>
      {cell !== null && <Trial key={cell} id={id} view={view} cell={cell} replay={replay} onClose={() => onOpen(null)} />}
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
        <a className="button" href={`/api/lab/runs/${id}/export?format=csv`} download>
          {say.csv}
        </a>
        <a className="button" href={`/api/lab/runs/${id}/export?format=json`} download>
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

/** One of several views. Until somebody chooses: what goes on when the run was opened while it ran, else its results. */
function Tabs({
  chosen,
  isRunning,
  onChoose,
  children,
}: {
  chosen: Tab | null;
  isRunning: boolean;
  onChoose: (tab: Tab) => void;
  children: (tab: Tab) => ReactNode;
}) {
  const [first] = useState<Tab>(isRunning ? "live" : "results");
  const tab = chosen ?? first;
  return (
    <>
      <div className="tabs" role="tablist" aria-label={words.lab.run.views}>
        {TABS.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${name}`}
            aria-selected={name === tab}
            aria-controls="tab-panel"
            tabIndex={name === tab ? 0 : -1}
            onClick={() => onChoose(name)}
            onKeyDown={(event) => {
              const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
              const to = TABS[(TABS.indexOf(name) + step + TABS.length) % TABS.length];
              if (step === 0 || to === undefined) return;
              onChoose(to);
              document.getElementById(`tab-${to}`)?.focus();
            }}
          >
            {words.lab.run.tabs[name]}
          </button>
        ))}
      </div>
      <div role="tabpanel" id="tab-panel" aria-labelledby={`tab-${tab}`}>
        {children(tab)}
      </div>
    </>
  );
}
