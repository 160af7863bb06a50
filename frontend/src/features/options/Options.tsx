import { X } from "lucide-react";

import type { SessionChanges, SessionSettings } from "../../api/schema";
import { words } from "../../words";
import type { PendingSettings } from "../../stores/pending-settings";
import { Prompt } from "./Prompt";
import { Sampling } from "./Sampling";
import { useSettings, type SettingsInForce } from "./settings";
import { Transfer } from "./Transfer";
import { Voice } from "./Voice";

interface Props {
  session: number | null;
  fresh: SessionSettings;
  onFresh: (settings: SessionSettings) => void;
  onClose: () => void;
  pending: PendingSettings;
  /** All messages of the session are gone. */
  onEmptied: (session: number) => void;
  /** Whoever sits here decides what the model is told, and what becomes of the session. */
  isOwner: boolean;
}

/** What holds for the next messages of a conversation; before the first message, for the conversation it begins. */
export function Options({ session, fresh, onFresh, onClose, pending, onEmptied, isOwner }: Props) {
  return (
    <aside className="options" aria-label={words.studio.options}>
      <header>
        <h2>{words.studio.options}</h2>
        <button type="button" className="quiet icon" aria-label={words.options.close} onClick={onClose}>
          <X aria-hidden />
        </button>
      </header>
      {session === null ? (
        <>
          <Fields
            isOwner
            {...{
              values: fresh,
              state: "saved",
              change: (changes: SessionChanges) =>
                onFresh({ ...fresh, ...(changes.template_id && { system_prompt: null }), ...changes }),
            }}
          />
          <Voice session={null} />
        </>
      ) : (
        <OfSession key={session} session={session} pending={pending} onEmptied={onEmptied} isOwner={isOwner} />
      )}
    </aside>
  );
}

function OfSession({
  session,
  pending,
  onEmptied,
  isOwner,
}: {
  session: number;
  pending: PendingSettings;
  onEmptied: (session: number) => void;
  isOwner: boolean;
}) {
  const settings = useSettings(session, pending);
  return (
    <>
      <Fields {...settings} isOwner={isOwner} />
      <Voice session={session} />
      {isOwner && <Transfer session={session} onEmptied={() => onEmptied(session)} />}
    </>
  );
}

function Fields({ values, change, state, isOwner }: SettingsInForce & { isOwner: boolean }) {
  if (values === undefined) return <p className="muted">{state instanceof Error ? state.message : words.options.loading}</p>;
  return (
    <div className="fields">
      {isOwner && <Prompt values={values} change={change} />}
      <Sampling values={values} change={change} />
      {state instanceof Error ? (
        <p className="problem" role="alert">
          {state.message}
        </p>
      ) : (
        <p className="muted">{state === "saving" ? words.options.saving : words.options.saved}</p>
      )}
    </div>
  );
}
