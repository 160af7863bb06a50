import { useEffect, useRef, useState } from "react";

import type { LiveReply } from "../../stores/live-streams";

interface Props {
  session: number | null;
  live: LiveReply | undefined;
  say: (content: string) => Promise<void>;
}

/** Where one writes. Enter sends, Shift+Enter breaks the line; while a reply runs, Stop stands where Send was, and Esc stops too. */
export function Composer({ session, live, say }: Props) {
  const draftKey = `draft-${session ?? "new"}`;
  const [text, setText] = useState(() => localStorage.getItem(draftKey) ?? "");
  const [problem, setProblem] = useState<string | null>(null);
  const box = useRef<HTMLTextAreaElement>(null);
  const stream = live?.stream;
  const busy = stream !== undefined && !stream.over;

  const write = (value: string): void => {
    setText(value);
    if (value) localStorage.setItem(draftKey, value);
    else localStorage.removeItem(draftKey);
  };

  const send = async (): Promise<void> => {
    const content = text;
    if (!content.trim() || busy) return;
    write("");
    setProblem(null);
    try {
      await say(content);
    } catch (error) {
      write(content); // nothing is lost
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };

  useEffect(() => {
    if (!busy) return;
    const stop = (event: KeyboardEvent): void => {
      if (event.key === "Escape" && !event.defaultPrevented) void stream.stop(stream.snapshot.text.length).catch(() => undefined);
    };
    document.addEventListener("keydown", stop);
    return () => document.removeEventListener("keydown", stop);
  }, [busy, stream]);

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {problem !== null && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <div className="box">
        <textarea
          ref={box}
          aria-label="Message"
          placeholder="Ask anything"
          rows={1}
          value={text}
          autoFocus
          onChange={(event) => write(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
              event.preventDefault();
              void send();
            }
          }}
        />
        {busy ? (
          <button
            type="button"
            className="primary"
            disabled={stream.stopping}
            onClick={() => {
              stream.stop(stream.snapshot.text.length).catch((error: unknown) => setProblem(error instanceof Error ? error.message : String(error)));
              box.current?.focus();
            }}
          >
            Stop
          </button>
        ) : (
          <button type="submit" className="primary" disabled={!text.trim()}>
            Send
          </button>
        )}
      </div>
    </form>
  );
}
