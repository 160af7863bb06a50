import { useState } from "react";

import { answerNow } from "../../api/streams";
import { useStream } from "../../components/streams";
import type { LiveReply } from "../../stores/conversation";
import { canAnswerNow } from "../../stores/reply-status";
import { words } from "../../words";
import { focusComposer } from "./focus";
import { told } from "./session-actions";

/** Ends the thinking of a model whose server can do that: then it answers. */
export function AnswerNow({ live }: { live: LiveReply }) {
  const isOffered = useStream(live.stream, canAnswerNow) ?? false;
  const [isAsked, setAsked] = useState(false);
  const { id } = live.stream;
  if (!isOffered || id === null) return null;
  const ask = async (): Promise<void> => {
    setAsked(true);
    focusComposer(); // the button goes
    try {
      await answerNow(id);
    } catch (error) {
      setAsked(false);
      told(error);
    }
  };
  return (
    <button type="button" className="answer-now" disabled={isAsked} onClick={() => void ask()}>
      {words.reply.answerNow}
    </button>
  );
}
