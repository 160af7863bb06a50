import { Volume2, VolumeX } from "lucide-react";

import type { MessageAnswer } from "../../api/schema";
import type { LiveReply } from "../../stores/conversation";
import { ofStream, ofText, speech } from "../../stores/speech";
import { words } from "../../words";
import { useCanSpeak, useIsReading } from "./reading";

interface Props {
  message: MessageAnswer;
  live: LiveReply | undefined;
  text: string;
  isGrowing: boolean;
}

/** Reads a reply aloud, or stops that; not there where nobody can speak. */
export function ReadAloud({ message, live, text, isGrowing }: Props) {
  const reply = `${message.id}`;
  const canSpeak = useCanSpeak();
  const isReading = useIsReading(reply);
  if (!canSpeak || text.trim() === "") return null;
  const read = (): void => {
    if (isReading) speech.stop();
    else speech.read(message.session_id, reply, isGrowing && live !== undefined ? ofStream(live.stream) : ofText(text));
  };
  return (
    <button
      type="button"
      className="quiet icon"
      title={isReading ? words.speech.stopHint : words.speech.read}
      aria-label={isReading ? words.speech.stop : words.speech.read}
      onClick={read}
    >
      {isReading ? <VolumeX aria-hidden /> : <Volume2 aria-hidden />}
    </button>
  );
}
