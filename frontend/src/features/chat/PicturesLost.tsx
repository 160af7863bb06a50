import type { MessageAnswer } from "../../api/schema";
import { words } from "../../words";

/** How many pictures the model returned that could not be kept. */
export function PicturesLost({ message }: { message: MessageAnswer }) {
  const lost = message.metadata?.["pictures_lost"];
  return typeof lost === "number" && lost > 0 ? <p className="left-out">{words.pictures.lost(lost)}</p> : null;
}
