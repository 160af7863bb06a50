import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect, useState, useSyncExternalStore } from "react";

import { lab } from "../../api/lab";
import { Markdown } from "../../components/markdown/Markdown";
import { Problem } from "../../components/Problem";
import { useEachChange } from "../../components/streams";
import { Waiting } from "../../components/Waiting";
import { labRuns } from "../../stores/lab";
import { Panes } from "../../stores/panes";
import { figures, isThinking, waiting } from "../../stores/reply-status";
import { words } from "../../words";

/** One reply of a template that is tried, as it comes and when it has ended. */
export function TriedReply({ run, name }: { run: number; name: string }) {
  const { error } = useQuery({ queryKey: ["lab", "run", run], queryFn: () => labRuns.read(run).then(() => run), staleTime: 0 });
  const view = useSyncExternalStore(labRuns.subscribe, () => labRuns.get(run));
  const [panes] = useState(() => new Panes(labRuns, run));
  useEffect(() => panes.start(), [panes]);
  const [pane] = useSyncExternalStore(panes.subscribe, panes.get);
  const stream = pane?.stream;
  useEachChange(stream);
  const cell = view?.rows[0]?.cells[0];
  const isOver = cell !== undefined && cell.status !== "running" && cell.status !== "waiting";
  const [isOpen, setOpen] = useState(false);
  const transcript = useQuery({
    queryKey: ["lab", "cell", run, 0, cell?.status],
    queryFn: () => lab.transcript(run, cell?.number ?? 0),
    enabled: cell !== undefined && (isOver || isOpen),
  });
  const stop = useMutation({ mutationFn: () => lab.stop(run) });
  const said = transcript.data?.transcript[0];
  const text = stream?.snapshot.text || (said?.answer ?? "");
  const say = words.templates.trial;
  return (
    <article className="answer" aria-busy={!isOver} aria-label={name}>
      <header>
        <h3>{view === undefined ? name : say.tried(name, view.run.spec.models[0] ?? words.lab.defaultModel)}</h3>
        {cell !== undefined && !isOver && (
          <button type="button" disabled={stop.isPending} onClick={() => stop.mutate()}>
            {say.stop}
          </button>
        )}
      </header>
      <Markdown text={text} growing={!isOver} />
      {stream && !isOver && <Waiting isThinking={isThinking(stream)} says={(since, now) => waiting(stream, since, now)} />}
      {!stream && !isOver && <p className="waiting">{words.reply.sending}</p>}
      {cell?.status === "failed" && (
        <p className="problem" role="alert">
          {cell.result?.message}
        </p>
      )}
      {cell?.status === "stopped" && <p className="ending">{words.reply.stopped}</p>}
      <Problem of={error ?? stop.error ?? transcript.error} />
      {cell?.status === "complete" && cell.result && (
        <p className="figures muted">
          {figures(null, cell.result.completion_tokens == null ? null : { completion_tokens: cell.result.completion_tokens }, {
            first_token_ms: cell.result.first_token_ms ?? null,
          })}
        </p>
      )}
      <p className="for-ears" role="status">
        {isOver ? words.reply.isComplete : ""}
      </p>
      <details className="document wide" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>{say.sent}</summary>
        {said?.sent.map(({ role, content }, at) => (
          <div key={at}>
            <h4>{words.lab.transcript.role(role)}</h4>
            <pre tabIndex={0}>{content}</pre>
          </div>
        ))}
      </details>
    </article>
  );
}
