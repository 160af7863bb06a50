import { ArrowUp, Camera, Paperclip, Square } from "lucide-react";
import { useEffect, useRef, useState, useSyncExternalStore, type ClipboardEvent, type KeyboardEvent, type ReactNode } from "react";

import type { MessageAnswer, TemplateAnswer } from "../../api/schema";
import { useChoices } from "../../components/choices";
import { useTakesFiles } from "../../components/guest";
import { FilesButton } from "../../components/FileButton";
import { isEnter, isEscape } from "../../components/keys";
import type { Document } from "../../protocol/parts";
import { Variables } from "../../components/Variables";
import { useStream } from "../../components/streams";
import { drafts, type Draft } from "../../stores/drafts";
import type { LiveReply } from "../../stores/conversation";
import { speech } from "../../stores/speech";
import { words } from "../../words";
import { tooLong, useKinds } from "./attachments";
import { Chips } from "./Chips";
import { useGathering } from "./company";
import { useDue, useSentOnceRead } from "./due";
import { told, type SessionActions } from "./session-actions";
import { useDrop } from "./drop";
import { composerField, composerRef, focusField } from "./focus";
import { isLong, pastedName } from "./pasted";
import { useIsReadingIn, useSilence } from "./reading";
import { SlashMenu, useSlash } from "./SlashMenu";
import { useIsBusy } from "./streams";
import { Talk, TalkState, useListening } from "./Talk";
import { MOST_PICTURES, moved, PICTURES, removePicture, useUploads } from "./uploads";
import { useWaitingMessages } from "./waiting";

interface Props {
  session: number | null;
  live: LiveReply | undefined;
  messages: MessageAnswer[];
  actions: SessionActions;
  onEditLast: () => void;
  /** Stands there while pictures are written to a model that cannot see them. */
  blind: ReactNode;
  /** Why nothing can be sent at the moment; what is written stays. */
  held?: string | null;
}

/**
 * Where one writes. Enter sends, Shift+Enter breaks the line; while a reply runs, Stop stands where Send was, Esc stops too, and what is
 * sent waits for the end of the reply.
 */
export function Composer({ session, live, messages, actions, onEditLast, blind, held = null }: Props) {
  const takesFiles = useTakesFiles();
  const gathering = useGathering();
  const draft = useSyncExternalStore(drafts.subscribe, () => drafts.get(session));
  const { pending, attach, forget } = useUploads(session);
  const [closed, setClosed] = useState<string | null>(null); // what was written when the templates were closed
  const [chosen, setChosen] = useState<TemplateAnswer | null>(null);
  const isMaking = useRef(false); // the session of the first message
  const kinds = useKinds();
  const busy = useIsBusy(live);
  const isStopping = useStream(live?.stream, ({ stoppedAt }) => stoppedAt !== null) ?? false;
  const change = (changes: Partial<Draft>): void => drafts.change(session, changes);
  const stop = useStop(live, busy, messages.findLast(({ status }) => status === "streaming")?.content.length ?? 0);
  const isReadAloud = useIsReadingIn(session);
  useSilence(session);
  const { canListen, state: talk } = useListening();
  const offered = useSlash(draft.text);
  const slash = draft.text === closed ? null : offered;
  const take = (template: TemplateAnswer, variables: Record<string, string>): void => {
    change({ text: "", template: { id: template.id, title: template.title, variables } });
    setChosen(null);
    focusField();
  };
  const choose = (template: TemplateAnswer | undefined): void => {
    if (template === undefined) return;
    if (template.variables.length > 0) setChosen(template);
    else take(template, {});
  };
  const choices = useChoices(slash?.length ?? 0, (at) => choose(slash?.[at]));
  const { waiting } = useWaitingMessages(session, messages);
  const waits = busy || waiting.some(({ held }) => held === null); // it does not overtake
  const { isReading, isSentOnceRead, setDue } = useDue(pending);
  const hasContent = draft.text.trim() !== "" || draft.documents.length + draft.pictures.length > 0 || isReading;

  const send = async (): Promise<void> => {
    if (!hasContent || held !== null || isMaking.current) return;
    setDue(isReading);
    if (isReading) return;
    const problem = tooLong(draft.documents, draft.text) ?? tooMany(draft.pictures);
    if (problem !== null) {
      change({ problem });
      return;
    }
    change({ text: "", documents: [], pictures: [], template: null });
    if (waits) {
      await actions.wait(draft);
      return;
    }
    isMaking.current = session === null;
    try {
      await actions.say(draft);
    } finally {
      isMaking.current = false;
    }
  };

  useSentOnceRead({ isReading, isSentOnceRead }, () => void send());

  const press = (event: KeyboardEvent): void => {
    if (slash !== null && choices.onKeyDown(event)) return;
    if (isEnter(event)) {
      event.preventDefault();
      void send();
    } else if (event.key === "ArrowUp" && draft.text === "" && !busy) {
      event.preventDefault();
      onEditLast();
    } else if (slash !== null && isEscape(event)) {
      event.stopPropagation(); // it closes the templates, and stops no reply
      setClosed(draft.text);
    }
  };
  const isOver = useDrop((list) => {
    if (!takesFiles) return;
    attach(list);
    focusField();
  });
  const paste = (event: ClipboardEvent): void => {
    const { types, files: list } = event.clipboardData;
    const text = types.includes("text/plain") ? event.clipboardData.getData("text/plain") : null; // a text brings its picture along
    if (text === null ? list.length === 0 : !isLong(text)) return;
    event.preventDefault();
    if (text === null) {
      if (takesFiles) attach(list);
    } else drafts.attach(session, { name: pastedName(draft.documents), text });
  };
  const asText = (document: Document): void => {
    const field = composerField();
    const [start, end] = [field?.selectionStart ?? draft.text.length, field?.selectionEnd ?? draft.text.length];
    const documents = draft.documents.filter((one) => one !== document);
    change({ documents, text: draft.text.slice(0, start) + document.text + draft.text.slice(end) });
    focusField();
  };

  const write = (said: string): void => {
    const { text } = drafts.get(session); // something may have been typed meanwhile
    const field = composerField();
    const [start, end] = [field?.selectionStart ?? text.length, field?.selectionEnd ?? text.length];
    const [before, after] = [text.slice(0, start), text.slice(end)];
    change({ text: before + (/\S$/.test(before) ? " " : "") + said + (/^\S/.test(after) ? " " : "") + after });
    focusField();
  };

  return (
    <>
      <form
        className="composer"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        {draft.problem !== null && (
          <p className="problem" role="alert">
            {draft.problem}
          </p>
        )}
        {draft.pictures.length > 0 && blind}
        {held !== null && (
          <p className="muted" role="status">
            {held}
          </p>
        )}
        {isSentOnceRead && (
          <p className="muted" role="status">
            {words.composer.sentOnceRead}
          </p>
        )}
        {canListen && <TalkState state={talk} take={write} />}
        {slash !== null && <SlashMenu found={slash} at={choices.at} onAt={choices.setAt} take={(at) => choose(slash[at])} />}
        <div className="box">
          <Chips
            draft={draft}
            pending={pending}
            change={change}
            forget={forget}
            removePicture={(picture) => removePicture(session, picture)}
            movePicture={(from, to) => change({ pictures: moved(draft.pictures, from, to) })}
            asText={asText}
          />
          {takesFiles && (
            <>
              <FilesButton
                label={words.composer.attach}
                hint={words.composer.attachHint}
                accept={kinds && `${PICTURES},${kinds}`}
                onFiles={attach}
              >
                <Paperclip aria-hidden />
              </FilesButton>
              <FilesButton camera label={words.pictures.take} accept={PICTURES} onFiles={attach}>
                <Camera aria-hidden />
              </FilesButton>
            </>
          )}
          <textarea
            ref={composerRef}
            aria-label={words.composer.label}
            aria-autocomplete="list"
            aria-haspopup="listbox"
            dir={draft.text === "" ? undefined : "auto"}
            aria-controls={slash === null ? undefined : "slash"}
            aria-activedescendant={slash?.length ? `slash-${choices.at}` : undefined}
            placeholder={words.composer.placeholder}
            rows={1}
            value={draft.text}
            autoFocus
            onChange={(event) => {
              change({ text: event.currentTarget.value });
              gathering?.type();
            }}
            onPaste={paste}
            onKeyDown={press}
          />
          {canListen && <Talk state={talk} take={write} />}
          {((!busy && !isReadAloud) || hasContent) && (
            <button
              type="submit"
              className={busy ? "quiet icon" : "primary icon"}
              aria-label={words.common.send}
              title={isReading ? words.composer.sentOnceRead : waits ? words.waiting.hint : words.composer.sendHint}
              disabled={!hasContent || held !== null}
            >
              <ArrowUp aria-hidden />
            </button>
          )}
          {(busy || isReadAloud) && (
            <button
              type="button"
              className="primary icon"
              aria-label={busy ? words.composer.stop : words.speech.stop}
              title={busy ? words.composer.stopHint : words.speech.stopHint}
              disabled={busy && isStopping}
              onClick={() => {
                speech.stop();
                stop();
                focusField();
              }}
            >
              <Square aria-hidden fill="currentColor" />
            </button>
          )}
        </div>
      </form>
      {isOver && takesFiles && (
        <div className="drop-here" aria-hidden>
          <p>
            <Paperclip /> {words.composer.drop}
          </p>
        </div>
      )}
      {chosen && (
        <Variables
          title={chosen.title}
          variables={chosen.variables}
          submit={words.common.useTemplate}
          onDone={(values) => take(chosen, values)}
          onClose={() => setChosen(null)}
        />
      )}
    </>
  );
}

/** What is wrong with the number of pictures, in a sentence; drafts come together where something was taken back. */
function tooMany({ length }: Draft["pictures"]): string | null {
  return length <= MOST_PICTURES ? null : words.pictures.remaining(MOST_PICTURES, length - MOST_PICTURES);
}

/** Stops the reply, of which the gateway has told `known` code units; Esc does it from anywhere. */
function useStop(live: LiveReply | undefined, busy: boolean, known: number): () => void {
  const stream = live?.stream;
  useEffect(() => {
    if (!busy || stream === undefined) return;
    const press = (event: globalThis.KeyboardEvent): void => {
      if (event.key === "Escape" && !event.isComposing && !event.defaultPrevented) stream.stop(known).catch(told);
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [busy, stream, known]);
  return () => {
    stream?.stop(known).catch(told);
  };
}
