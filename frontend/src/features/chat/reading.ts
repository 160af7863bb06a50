/** What makes a reply be read aloud, what makes it silent, and the mark on what is being said. */

import { useEffect, useSyncExternalStore, type RefObject } from "react";

import type { LiveReply } from "../../stores/conversation";
import { recorder } from "../../stores/recorder";
import { speech } from "../../stores/speech";
import { paint } from "./marks";
import { SpokenPlace } from "./spoken";

const REPAINT_MS = 100;

export function useCanSpeak(): boolean {
  return useSyncExternalStore(speech.subscribe, () => speech.canSpeak);
}

export function useIsReading(reply: string | null): boolean {
  return useSyncExternalStore(speech.subscribe, () => speech.isReading(reply));
}

/** Whether a reply of this session is read. */
export function useIsReadingIn(session: number | null): boolean {
  return useSyncExternalStore(speech.subscribe, () => speech.reading !== null && speech.reading.session === session);
}

/** A reply on its way is read where the session wants that. */
export function useAutoRead(session: number | null, live: LiveReply | undefined): void {
  useEffect(() => {
    if (session === null || live === undefined) return;
    return speech.attend(session, live);
  }, [session, live]);
}

/** Esc and typing make it silent, and so does leaving the conversation. */
export function useSilence(session: number | null): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.key !== "Escape" || event.isComposing || event.defaultPrevented) return;
      speech.stop();
      recorder.cancel();
    };
    const type = ({ target }: Event): void => {
      if (target instanceof HTMLTextAreaElement && target.closest(".composer, .turn") !== null) speech.stop();
    };
    document.addEventListener("keydown", press);
    document.addEventListener("input", type);
    return () => {
      document.removeEventListener("keydown", press);
      document.removeEventListener("input", type);
      speech.leave(session);
      recorder.cancel();
      recorder.forget();
    };
  }, [session]);
}

/** Marks the sentence that is being said, where the browser can, without a change of the page. */
export function useSpokenMark(box: RefObject<HTMLDivElement | null>): void {
  useEffect(() => {
    let place: { message: Element; spoken: SpokenPlace } | null = null;
    let timer: ReturnType<typeof setTimeout> | null = null;
    const repaint = (): void => {
      timer = null;
      const { reading } = speech;
      const message = reading === null ? null : document.getElementById(`message-${reading.reply}`);
      if (reading?.at == null || message === null) {
        paint("spoken", []);
        return;
      }
      if (place?.message !== message) place = { message, spoken: new SpokenPlace(message) };
      const range = place.spoken.rangeOf(reading.sentences, reading.at);
      paint("spoken", range === null ? [] : [range]);
    };
    // A new value of a text node moves what was marked.
    const observer = new MutationObserver(() => (timer ??= setTimeout(repaint, REPAINT_MS)));
    const look = (): void => {
      observer.disconnect();
      if (box.current !== null && speech.reading !== null)
        observer.observe(box.current, { childList: true, characterData: true, subtree: true });
      repaint();
    };
    const unsubscribe = speech.subscribe(look);
    look();
    return () => {
      unsubscribe();
      observer.disconnect();
      if (timer !== null) clearTimeout(timer);
      paint("spoken", []);
    };
  }, [box]);
}
