import { Mic, Square } from "lucide-react";
import { useEffect, useEffectEvent, useSyncExternalStore } from "react";

import { recorder, Recorder } from "../../stores/recorder";
import { speech } from "../../stores/speech";
import { words } from "../../words";

/** Whether there is anybody who can listen, and what they do. */
export function useListening(): { canListen: boolean; state: Recorder["state"] } {
  const isOffered = useSyncExternalStore(speech.subscribe, () => speech.offered.transcription);
  const state = useSyncExternalStore(recorder.subscribe, () => recorder.state);
  return { canListen: isOffered && Recorder.isThere, state };
}

/** Held, or pressed twice, it listens in between; what was said is given as text. So does Ctrl+Shift+Space. */
export function Talk({ state, take }: { state: Recorder["state"]; take: (text: string) => void }) {
  const isOn = state === "asking" || state === "listening";
  const press = useEffectEvent(() => {
    speech.stop();
    recorder.press(take);
  });
  useEffect(() => {
    const down = (event: KeyboardEvent): void => {
      if (event.code !== "Space" || !event.ctrlKey || !event.shiftKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      if (!event.repeat && document.querySelector("dialog[open]") === null) press();
    };
    const up = (event: KeyboardEvent): void => {
      if (event.code === "Space") recorder.release();
    };
    const away = (): void => recorder.release(); // whoever holds the key does not let it go here
    document.addEventListener("keydown", down);
    document.addEventListener("keyup", up);
    globalThis.addEventListener("blur", away);
    return () => {
      document.removeEventListener("keydown", down);
      document.removeEventListener("keyup", up);
      globalThis.removeEventListener("blur", away);
    };
  }, []);
  const begin = (): void => {
    speech.stop();
    recorder.press(take);
  };
  return (
    <button
      type="button"
      className={isOn ? "primary icon" : "quiet icon"}
      title={words.speech.talkHint}
      aria-label={isOn ? words.speech.talkEnd : words.speech.talk}
      disabled={state === "writing"}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        begin();
      }}
      onPointerUp={() => recorder.release()}
      onContextMenu={(event) => event.preventDefault()} // a finger that is held
      onKeyDown={(event) => {
        if ((event.key !== "Enter" && event.key !== " ") || event.ctrlKey) return;
        event.preventDefault();
        if (!event.repeat) begin();
      }}
      onKeyUp={(event) => {
        if (event.key === "Enter" || event.key === " ") recorder.release();
      }}
    >
      {isOn ? <Square aria-hidden fill="currentColor" /> : <Mic aria-hidden />}
    </button>
  );
}

/** What is being waited for, in a sentence; and what could not be written down, to be tried again. */
export function TalkState({ state, take }: { state: Recorder["state"]; take: (text: string) => void }) {
  const unwritten = useSyncExternalStore(recorder.subscribe, () => recorder.unwritten);
  const says = { idle: "", asking: words.speech.asking, listening: words.speech.listening, writing: words.speech.writing }[state];
  if (state === "idle" && unwritten !== null) {
    return (
      <div className="problem" role="alert">
        <p>{unwritten.reason}</p>
        <div className="buttons">
          <button type="button" onClick={() => recorder.retry(take)}>
            {words.common.tryAgain}
          </button>
          <button type="button" className="quiet" onClick={() => recorder.forget()}>
            {words.speech.forget}
          </button>
        </div>
      </div>
    );
  }
  return (
    <p className={says === "" ? "for-ears" : "muted"} role="status">
      {says}
    </p>
  );
}
