import { Clock } from "lucide-react";
import { useEffect, useSyncExternalStore } from "react";

import type { MessageAnswer, WaitingAnswer } from "../../api/schema";
import { Avatar } from "../../components/Avatar";
import { isEnter, isEscape } from "../../components/keys";
import { documentsOf, picturesOf } from "../../protocol/parts";
import { drafts } from "../../stores/drafts";
import { words } from "../../words";
import { tooLong } from "./attachments";
import { useIsShared, useMaySteer, useMe, usePerson } from "./company";
import { Pictures } from "./Pictures";
import { Said } from "./Turn";
import { useWaitingActions, useWaitingMessages, type WaitingActions } from "./waiting";

interface Props {
  session: number;
  messages: MessageAnswer[];
  busy: boolean;
}

/** What was written while a reply runs, under it: each is sent in its turn, or says why not. */
export function WaitingMessages({ session, messages, busy }: Props) {
  const { waiting, isKnown } = useWaitingMessages(session, messages);
  const actions = useWaitingActions(session);
  const changed = useSyncExternalStore(drafts.subscribe, () => drafts.get(session).waiting);
  const isGone = isKnown && changed !== null && !waiting.some(({ id }) => id === changed.id);
  useEffect(() => {
    if (!isGone) return;
    drafts.change(session, { waiting: null });
    drafts.putBack(session, { text: changed.text }, words.waiting.sentMeanwhile); // sent from elsewhere: the change is not lost
  }, [isGone, session, changed]);
  if (waiting.length === 0) return null;
  return (
    <section className="waiting-messages" aria-label={words.waiting.label}>
      {waiting.map((message, at) => {
        const text = changed?.id === message.id ? changed.text : null;
        return (
          <WaitingMessage
            key={message.id}
            message={message}
            at={at}
            of={waiting.length}
            busy={busy}
            actions={actions}
            text={text}
          />
        );
      })}
    </section>
  );
}

interface One {
  message: WaitingAnswer;
  /** Its place in the order in which they are sent; 0: the first. */
  at: number;
  of: number;
  busy: boolean;
  actions: WaitingActions;
  /** What stands there while it is changed here. It lives with the drafts: it is kept when it is out of sight, and through a reload. */
  text: string | null;
}

function WaitingMessage({ message, at, of, busy, actions, text }: One) {
  const maySteer = useMaySteer();
  const isMine = useIsMine(message);
  if (text !== null) return <Changed message={message} text={text} actions={actions} />;
  return (
    <article className="turn is-waiting">
      <From message={message} at={at} of={of} />
      <Said parts={message.parts} />
      <footer>
        <span className="state">
          <Clock aria-hidden /> {state(message, at === 0, busy)}
        </span>
        {maySteer && !busy && (message.held !== null || message.editing) && (
          <button type="button" onClick={() => void actions.sendNow(message)}>
            {words.waiting.sendNow}
          </button>
        )}
        {isMine && (
          <>
            <button type="button" className="quiet" onClick={() => void actions.beginEdit(message)}>
              {words.thread.edit}
            </button>
            <button type="button" className="quiet" onClick={() => void actions.takeBack(message)}>
              {words.waiting.takeBack}
            </button>
          </>
        )}
      </footer>
    </article>
  );
}

/** Whose it is, and when it comes, where several people write. */
function From({ message, at, of }: Pick<One, "message" | "at" | "of">) {
  const isShared = useIsShared();
  const me = useMe();
  const author = usePerson(message.author ?? null);
  if (!isShared || author === undefined) return null;
  const name = author.user_id === me?.user_id ? words.thread.you : author.name;
  return (
    <h3 className="author speaker">
      <Avatar of={author} />
      <bdi>{of > 1 ? words.together.waitingOf(at + 1, name) : name}</bdi>
    </h3>
  );
}

function useIsMine(message: WaitingAnswer): boolean {
  const maySteer = useMaySteer();
  const me = useMe();
  const author = message.author ?? null;
  return maySteer && (author === null || me === undefined || author.user_id === me.user_id);
}

function state({ held, editing }: WaitingAnswer, isFirst: boolean, busy: boolean): string {
  if (editing) return words.waiting.edited;
  if (busy) return isFirst ? words.waiting.afterReply : words.waiting.afterOthers;
  if (held === null) return isFirst ? words.waiting.soon : words.waiting.afterOthers;
  return held.reason === "refused" ? words.waiting.refused(held.message ?? "") : words.waiting.held[held.reason];
}

function Changed({ message, text, actions }: { message: WaitingAnswer; text: string; actions: WaitingActions }) {
  const documents = documentsOf(message.parts);
  const pictures = picturesOf(message.parts);
  const problem = tooLong(documents, text);
  const isEmpty = text.trim() === "" && documents.length === 0 && pictures.length === 0;
  const end = (kept: string | null): void => {
    if (kept !== null && (problem !== null || isEmpty)) return;
    void actions.endEdit(message, kept);
  };
  return (
    <article className="turn is-waiting">
      <Pictures pictures={pictures} />
      <textarea
        aria-label={words.waiting.editLabel}
        value={text}
        autoFocus
        onFocus={(event) => event.currentTarget.setSelectionRange(text.length, text.length)}
        onChange={(event) => drafts.change(message.session_id, { waiting: { id: message.id, text: event.currentTarget.value } })}
        onKeyDown={(event) => {
          if (isEscape(event)) {
            event.stopPropagation(); // it ends the editing, and stops no reply
            end(null);
          } else if (isEnter(event)) {
            event.preventDefault();
            end(text);
          }
        }}
      />
      {problem !== null && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <footer>
        <button type="button" className="primary" disabled={problem !== null || isEmpty} onClick={() => end(text)}>
          {words.waiting.save}
        </button>
        <button type="button" onClick={() => end(null)}>
          {words.common.cancel}
        </button>
      </footer>
    </article>
  );
}
