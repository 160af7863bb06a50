import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Brain, ChevronDown, Eye, Wrench } from "lucide-react";
import { useMemo, useState } from "react";

import { answered, api } from "../../api/http";
import { health, models } from "../../api/queries";
import { Finder } from "../../components/Finder";
import { finder } from "../../protocol/folding";
import { notices } from "../../stores/notices";
import type { PendingSettings } from "../../stores/pending-settings";
import { words } from "../../words";
import { blindness, choicesOf, type ModelChoice, type State } from "./models";

/** States in which no reply comes. */
const AILING: ReadonlySet<State> = new Set(["unreachable", "unavailable"]);

/** While the picker is open, so that a model is seen to load and a place to become free. */
const LOOK_AGAIN_MS = 2000;

/** The session's model; it is stored before the next message is sent. */
export function useChooseModel(session: number | null, pending: PendingSettings): (model: string | null) => void {
  const queries = useQueryClient();
  const { mutateAsync } = useMutation({
    scope: { id: `settings ${session}` }, // one after the other, as in settings.ts
    networkMode: "always",
    mutationFn: ({ id, model }: { id: number; model: string | null }) =>
      answered(api.PATCH("/api/chatbot/sessions/{session_id}", { params: { path: { session_id: id } }, body: { model } })),
    onSuccess: (now, { id }) => queries.setQueryData(["session", id], now),
    onError: (error) => notices.show(error.message),
  });
  return (model) => {
    if (session !== null) pending.add(session, mutateAsync({ id: session, model }));
  };
}

interface Props {
  /** Null: the default. */
  model: string | null;
  isOpen: boolean;
  onOpen: (isOpen: boolean) => void;
  onChoose: (model: string | null) => void;
}

/** Which model answers, where, and how it is doing; pressed, another one is chosen. */
export function Model({ model, isOpen, onOpen, onChoose }: Props) {
  const known = useQuery(models).data;
  const about = useQuery(health).data;
  const chosen = useMemo(() => choicesOf(model, known, about).find(({ name }) => name === model), [model, known, about]);
  if (chosen === undefined) return null;
  const name = model ?? known?.default ?? words.picker.none;
  const where = words.picker.where(chosen.where);
  return (
    <>
      <button
        type="button"
        className="quiet model-button"
        aria-haspopup="dialog"
        title={words.picker.about(name, where, said(chosen.state))}
        onClick={() => onOpen(true)}
      >
        <StateMark state={chosen.state} />
        <span className="for-ears">{words.options.model} </span>
        <bdi className="title">{name}</bdi>
        {where !== "" && <span className="where">{where}</span>}
        <span className={chosen.state === "ready" ? "for-ears" : AILING.has(chosen.state) ? "state" : "where"}>
          {said(chosen.state)}
        </span>
        <ChevronDown aria-hidden />
      </button>
      {isOpen && <Picker model={model} onChoose={onChoose} onClose={() => onOpen(false)} />}
    </>
  );
}

function Picker({ model, onChoose, onClose }: Pick<Props, "model" | "onChoose"> & { onClose: () => void }) {
  const [text, setText] = useState("");
  const known = useQuery({ ...models, staleTime: 0, refetchInterval: LOOK_AGAIN_MS }).data;
  const about = useQuery({ ...health, staleTime: 0 }).data;
  const has = finder(text);
  const choices = choicesOf(model, known, about).filter(({ title }) => has(title));
  return (
    <Finder
      title={words.picker.title}
      label={words.picker.find}
      text={text}
      onText={setText}
      choices={choices}
      isChosen={({ name }) => name === model}
      onTake={({ name }) => onChoose(name)}
      onClose={onClose}
      empty={words.picker.noResults}
    >
      {(choice) => (
        <>
          <StateMark state={choice.state} />
          <span className="model-choice">
            <span>
              <bdi>{choice.title}</bdi>
              {choice.name === model && <strong> {words.picker.chosen}</strong>}
            </span>
            <span className="muted">{words.picker.facts(loadOf(choice), words.picker.where(choice.where), choice.context)}</span>
            {choice.name !== null && <More {...choice} />}
          </span>
        </>
      )}
    </Finder>
  );
}

/** What the default's row leaves to the row of the model that it is. */
function More({ price, note, ...choice }: ModelChoice) {
  return (
    <>
      <Abilities {...choice} />
      {price !== null && <span className="muted">{words.picker.price(price.input, price.output)}</span>}
      {note !== "" && <bdi className="muted">{note}</bdi>}
    </>
  );
}

/** What a model can do besides reading and writing text; only what is known. */
function Abilities({ sees, thinks, tools }: Pick<ModelChoice, "sees" | "thinks" | "tools">) {
  if (!sees && !thinks && !tools) return null;
  return (
    <span className="abilities">
      {sees && (
        <span>
          <Eye aria-hidden /> {words.picker.sees}
        </span>
      )}
      {thinks && (
        <span>
          <Brain aria-hidden /> {words.picker.thinks}
        </span>
      )}
      {tools && (
        <span>
          <Wrench aria-hidden /> {words.picker.tools}
        </span>
      )}
    </span>
  );
}

/** Whether a reply could begin at once, or what stands before it. */
function loadOf({ state, places, busy }: ModelChoice): string {
  if (state === "asleep") return words.picker.asleep;
  if (state === "busy") return words.picker.full(places);
  if (state !== "ready") return said(state);
  return places === 0 ? "" : words.picker.free(places - busy, places);
}

/** Says before anything is sent that the model cannot see pictures, and offers another. */
export function Blind({ model, onPick }: { model: string | null; onPick: () => void }) {
  const known = useQuery(models).data;
  const blind = useMemo(() => blindness(model, known), [model, known]);
  if (blind === null) return null;
  return (
    <p className="problem" role="status">
      {words.picker.blind(blind.model, blind.others)}{" "}
      {blind.others.length > 0 && (
        <button type="button" onClick={onPick}>
          {words.picker.title}
        </button>
      )}
    </p>
  );
}

/** Told apart by its shape as well: full, half, dashed, empty, square. */
function StateMark({ state }: { state: State }) {
  return <span className="model-state" data-state={state ?? "unknown"} aria-hidden />;
}

function said(state: State): string {
  return state === null ? "" : words.admin.states[state];
}
