import { ArrowUp, Paperclip, Square } from "lucide-react";
import { useEffect, useRef, useState, useSyncExternalStore, type ClipboardEvent, type DragEvent, type KeyboardEvent } from "react";

import type { TemplateAnswer } from "../../api/schema";
import { useChoices } from "../../components/choices";
import { isEnter, isEscape } from "../../components/keys";
import { Variables } from "../../components/Variables";
import { useStream } from "../../components/streams";
import { drafts, type Draft } from "../../stores/drafts";
import type { LiveReply } from "../../stores/conversation";
import { words } from "../../words";
import { KINDS, tooLong } from "./attachments";
import { Chips } from "./Chips";
import { told } from "./session-actions";
import { composerRef, focusField } from "./focus";
import { SlashMenu, useSlash } from "./SlashMenu";
import { useIsBusy } from "./streams";
import { useUploads } from "./uploads";

interface Props {
  session: number | null;
  live: LiveReply | undefined;
  say: (draft: Draft) => Promise<void>;
  onEditLast: () => void;
}

/** Where one writes. Enter sends, Shift+Enter breaks the line; while a reply runs, Stop stands where Send was, and Esc stops too. */
export function Composer({ session, live, say, onEditLast }: Props) {
  const draft = useSyncExternalStore(drafts.subscribe, () => drafts.get(session));
  const { pending, attach, forget } = useUploads(session);
  const [closed, setClosed] = useState<string | null>(null); // what was written when the templates were closed
  const [chosen, setChosen] = useState<TemplateAnswer | null>(null);
  const files = useRef<HTMLInputElement>(null);
  const busy = useIsBusy(live);
  const isStopping = useStream(live?.stream, ({ stoppedAt }) => stoppedAt !== null) ?? false;
  const change = (changes: Partial<Draft>): void => drafts.change(session, changes);
  const stop = useStop(live, busy);
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
  const isReading = pending.some((one) => one.problem === null);
  const canSend = !busy && !isReading && draft.text.trim() !== "";

  const send = async (): Promise<void> => {
    if (!canSend) return;
    const problem = tooLong(draft.documents, draft.text);
    if (problem !== null) {
      change({ problem });
      return;
    }
    change({ text: "", documents: [], template: null });
    try {
      await say(draft);
    } catch (error) {
      change({ ...draft, problem: error instanceof Error ? error.message : String(error) }); // nothing is lost
    }
  };

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
  const receive = (event: DragEvent | ClipboardEvent, list: FileList): void => {
    if (list.length === 0) return;
    event.preventDefault();
    for (const file of list) void attach(file);
  };

  return (
    <>
      <form
        className="composer"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => receive(event, event.dataTransfer.files)}
      >
        {draft.problem !== null && (
          <p className="problem" role="alert">
            {draft.problem}
          </p>
        )}
        {slash !== null && <SlashMenu found={slash} at={choices.at} onAt={choices.setAt} take={(at) => choose(slash[at])} />}
        <div className="box">
          <Chips draft={draft} pending={pending} change={change} forget={forget} />
          <button
            type="button"
            className="quiet icon"
            title={words.composer.attachHint}
            aria-label={words.composer.attach}
            onClick={() => files.current?.click()}
          >
            <Paperclip aria-hidden />
          </button>
          <input
            ref={files}
            type="file"
            hidden
            multiple
            accept={KINDS}
            onChange={(event) => {
              for (const file of event.currentTarget.files ?? []) void attach(file);
              event.currentTarget.value = "";
            }}
          />
          <textarea
            ref={composerRef}
            aria-label={words.composer.label}
            aria-controls={slash === null ? undefined : "slash"}
            aria-activedescendant={slash?.length ? `slash-${choices.at}` : undefined}
            placeholder={words.composer.placeholder}
            rows={1}
            value={draft.text}
            autoFocus
            onChange={(event) => change({ text: event.currentTarget.value })}
            onPaste={(event) => {
              if (!event.clipboardData.types.includes("text/plain")) receive(event, event.clipboardData.files); // a text brings its picture along
            }}
            onKeyDown={press}
          />
          {busy ? (
            <button
              type="button"
              className="primary icon"
              aria-label={words.composer.stop}
              title={words.composer.stopHint}
              disabled={isStopping}
              onClick={() => {
                stop();
                focusField();
              }}
            >
              <Square aria-hidden fill="currentColor" />
            </button>
          ) : (
            <button
              type="submit"
              className="primary icon"
              aria-label={words.common.send}
              title={isReading ? words.composer.waitForFile : words.composer.sendHint}
              disabled={!canSend}
            >
              <ArrowUp aria-hidden />
            </button>
          )}
        </div>
      </form>
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

/** Stops the reply; Esc does it from anywhere. */
function useStop(live: LiveReply | undefined, busy: boolean): () => void {
  const stream = live?.stream;
  useEffect(() => {
    if (!busy || stream === undefined) return;
    const press = (event: globalThis.KeyboardEvent): void => {
      if (event.key === "Escape" && !event.isComposing && !event.defaultPrevented) stream.stop().catch(told);
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [busy, stream]);
  return () => {
    stream?.stop().catch(told);
  };
}
