import { memo, useEffect, useState, useSyncExternalStore } from "react";

import type { Cell, Spec } from "../../api/lab";
import { actionText } from "../../components/maze/actions";
import { useEachChange } from "../../components/streams";
import { Waiting } from "../../components/Waiting";
import { readAnswer } from "../../protocol/answer";
import { actionOf } from "../../protocol/maze";
import { labRuns, type LabView } from "../../stores/lab";
import type { LiveStream } from "../../stores/live-stream";
import { Panes, type Pane } from "../../stores/panes";
import { isThinking, waiting } from "../../stores/reply-status";
import { words } from "../../words";
import { useStopCell } from "./lab";
import { outcomeOf, trialName } from "./outcome";

/** How much of a text a pane shows: its end. All of it is in the trial's transcript. */
const SHOWN_UNITS = 6_000;

/** Up to four trials as their models write; the others are counted. */
export function Streams({ id, view, onOpen }: { id: number; view: LabView; onOpen: (cell: number) => void }) {
  const [panes] = useState(() => new Panes(labRuns, id));
  useEffect(() => panes.start(), [panes]);
  const open = useSyncExternalStore(panes.subscribe, panes.get);
  const cells = view.rows.flatMap((row) => row.cells);
  const running = cells.filter(({ status }) => status === "running");
  const others = running.filter(({ number }) => !open.some(({ cell }) => cell === number)).length;
  const say = words.lab.live;
  return (
    <>
      <p className="muted">{open.length === 0 ? say.nothing(view.run.status) : say.others(others, view.run.counts.waiting)}</p>
      <div className="panes" data-count={open.length}>
        {open.map((pane, place) => {
          const cell = cells.find(({ number }) => number === pane.cell);
          return (
            cell && (
              <PaneView
                key={place}
                {...{ id, pane, place, cell, running }}
                spec={view.run.spec}
                onChoose={(number) => panes.choose(place, number)}
                onOpen={onOpen}
              />
            )
          );
        })}
      </div>
    </>
  );
}

interface PaneProps {
  id: number;
  pane: Pane;
  place: number;
  cell: Cell;
  running: readonly Cell[];
  spec: Spec;
  onChoose: (cell: number | null) => void;
  onOpen: (cell: number) => void;
}

function PaneView({ id, pane, place, cell, running, spec, onChoose, onOpen }: PaneProps) {
  const stop = useStopCell(id);
  const say = words.lab.live;
  const name = (one: Cell): string => trialName(spec, one);
  const choices = [cell, ...running.filter(({ number }) => number !== cell.number)];
  return (
    <section className="pane" aria-label={say.pane(place + 1)}>
      <header>
        <select
          aria-label={say.choose(place + 1)}
          value={pane.isPinned ? cell.number : ""}
          onChange={(event) => onChoose(event.currentTarget.value === "" ? null : Number(event.currentTarget.value))}
        >
          <option value="">{say.newest(name(cell))}</option>
          {choices.map((one) => (
            <option key={one.number} value={one.number}>
              {name(one)}
            </option>
          ))}
        </select>
        {cell.status === "running" && (
          <button
            type="button"
            className="quiet"
            aria-label={say.stop(name(cell))}
            disabled={stop.isPending}
            onClick={() => stop.mutate(cell.number)}
          >
            {words.composer.stop}
          </button>
        )}
      </header>
      <LiveText stream={pane.stream} label={name(cell)} isMaze={spec.set.kind === "maze"} />
      <footer className="muted">
        {pane.stream && cell.status === "running" ? <Standing stream={pane.stream} /> : <p>{outcomeOf(spec, cell)}</p>}
        <button type="button" className="quiet" onClick={() => onOpen(cell.number)}>
          {say.open}
        </button>
      </footer>
    </section>
  );
}

/** What a trial that runs is at. */
function Standing({ stream }: { stream: LiveStream }) {
  useEachChange(stream);
  const { text, thinking, progress } = stream.snapshot;
  if (stream.connection !== "lost" && text !== "") return <p>{words.lab.live.writing}</p>;
  if (stream.connection !== "lost" && thinking === "" && progress === null) return <p>{words.lab.live.starting}</p>;
  return <Waiting isThinking={isThinking(stream)} says={(since, now) => waiting(stream, since, now)} />;
}

function LiveText({ stream, label, isMaze }: { stream: LiveStream | undefined; label: string; isMaze: boolean }) {
  useEachChange(stream);
  const text = stream?.snapshot.text ?? "";
  const thinking = stream?.snapshot.thinking ?? "";
  return (
    <div className="live-text" tabIndex={0} role="region" aria-label={label} aria-busy={stream !== undefined && !stream.over}>
      <div>
        {text === "" && thinking !== "" && <p className="muted as-written">{end(thinking)}</p>}
        {isMaze ? <Steps text={end(text)} /> : <p className="as-written">{end(text)}</p>}
      </div>
    </div>
  );
}

/** The answers of a game, one to a line. */
function Steps({ text }: { text: string }) {
  return text.split("\n").map((line, at) => <Step key={at} line={line} />);
}

/** What an answer says and does; one that holds neither stands as it was written. */
const Step = memo(function Step({ line }: { line: string }) {
  const { say, action: value, isComplete, isBroken } = readAnswer(line);
  const action = actionOf(value);
  const isAnswer = line.trimStart().startsWith("{") && !isBroken && (!isComplete || say !== "" || action !== null);
  if (!isAnswer) return <p className="as-written">{line}</p>;
  return (
    <p dir="auto">
      {say} {action && <strong>{actionText(action)}</strong>}
    </p>
  );
});

function end(text: string): string {
  return text.length <= SHOWN_UNITS ? text : `…${text.slice(-SHOWN_UNITS)}`;
}
