import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { preview, run, type ImportProgress } from "../../api/imports";
import { refresh } from "../../api/refresh";
import type { ImportPreview } from "../../api/schema";
import { Dialog } from "../../components/Dialog";
import { FileButton } from "../../components/FileButton";
import { Problem } from "../../components/Problem";
import { words } from "../../words";
import { Contents, Refused } from "./Contents";

/** `reading`: the gateway looks at the file. `asks`: a person looks at what is in it. */
type Step =
  | { name: "reading" }
  | { name: "asks"; found: ImportPreview }
  | { name: "running"; found: ImportPreview; progress: ImportProgress | null }
  | { name: "over"; progress: ImportProgress };

/** Conversations from a file: what is in it, a question, and the import. `onShow`: one of the new sessions is to be shown. */
export function Import({ onShow }: { onShow: (session: number) => void }) {
  const queries = useQueryClient();
  const [step, setStep] = useState<Step | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [file, setFile] = useState<File | null>(null);
  const [abort, setAbort] = useState<AbortController | null>(null);

  const attempt = async (work: (signal: AbortSignal) => Promise<void>): Promise<void> => {
    const controller = new AbortController();
    setAbort(controller);
    setError(null);
    try {
      await work(controller.signal);
    } catch (problem) {
      if (!controller.signal.aborted) setError(problem instanceof Error ? problem : new Error(String(problem)));
      if (!controller.signal.aborted) setStep(null);
    }
  };
  const look = (chosen: File): void => {
    setFile(chosen);
    setStep({ name: "reading" });
    void attempt(async (signal) => setStep({ name: "asks", found: await preview(chosen, signal) }));
  };
  const start = (found: ImportPreview): void => {
    if (file === null) return;
    setStep({ name: "running", found, progress: null });
    void attempt(async (signal) => {
      try {
        for await (const progress of run(file, signal))
          setStep(progress.complete || progress.error !== null ? { name: "over", progress } : { name: "running", found, progress });
      } finally {
        await refresh(queries, ["sessions"]);
      }
    });
  };
  const close = (): void => {
    abort?.abort();
    setStep(null);
  };

  return (
    <section>
      <h2>{words.imports.title}</h2>
      <p className="muted">{words.imports.hint}</p>
      <Problem of={error} />
      <div className="buttons">
        <FileButton
          label={words.imports.choose}
          what={words.imports.file}
          accept=".json,.zip"
          disabled={step !== null}
          onFile={look}
        />
      </div>
      {step && (
        <Dialog title={titleOf(step)} onClose={close}>
          {step.name === "reading" && <p role="status">{words.imports.reading}</p>}
          {step.name === "asks" && <Contents found={step.found} onCancel={close} onImport={() => start(step.found)} />}
          {step.name === "running" && <Running {...step} onStop={close} />}
          {step.name === "over" && <Over progress={step.progress} onClose={close} onShow={onShow} />}
        </Dialog>
      )}
    </section>
  );
}

function titleOf(step: Step): string {
  if (step.name === "over") return step.progress.error === null ? words.imports.complete : words.imports.stopped;
  const source = step.name === "reading" ? null : step.found.source;
  return source === null ? words.imports.title : words.imports.from(words.imports.sources[source]);
}

function Running({ found, progress, onStop }: { found: ImportPreview; progress: ImportProgress | null; onStop: () => void }) {
  const all = found.sessions + found.refused;
  const done = progress === null ? 0 : progress.done + progress.skipped + progress.refused;
  return (
    <>
      <p role="status">{words.imports.progress(done, all)}</p>
      <progress max={Math.max(1, all)} value={done} aria-label={words.imports.progressLabel} />
      <p className="muted">{words.imports.stopHint}</p>
      <footer className="buttons">
        <button type="button" onClick={onStop}>
          {words.imports.stop}
        </button>
      </footer>
    </>
  );
}

function Over({ progress, onClose, onShow }: { progress: ImportProgress; onClose: () => void; onShow: (session: number) => void }) {
  const { done, skipped, refused, first, error, problems } = progress;
  return (
    <>
      {error !== null && (
        <p className="problem" role="alert">
          {error}
        </p>
      )}
      <p role="status">{words.imports.result(done, skipped, refused)}</p>
      {problems.length > 0 && (
        <section className="import-rest">
          <ul>
            <Refused problems={problems} of={refused} />
          </ul>
        </section>
      )}
      <footer className="buttons">
        <button type="button" onClick={onClose}>
          {words.common.close}
        </button>
        {first !== null && (
          <button type="button" className="primary" onClick={() => onShow(first)}>
            {words.imports.show}
          </button>
        )}
      </footer>
    </>
  );
}
