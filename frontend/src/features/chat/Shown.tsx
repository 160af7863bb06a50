import type { MessageAnswer } from "../../api/schema";
import { words } from "../../words";
import { excerptsOf } from "./excerpts";

/** What the model read of documents that did not fit whole. */
export function Shown({ message }: { message: MessageAnswer }) {
  const cut = excerptsOf(message.metadata).filter((one) => one.characters < one.of_characters);
  if (cut.length === 0) return null;
  return (
    <p className="left-out" title={words.thread.shownWhy}>
      {cut.map((one) => words.thread.shown(one)).join(" ")}
    </p>
  );
}
