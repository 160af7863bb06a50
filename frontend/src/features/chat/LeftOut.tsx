import { words } from "../../words";

/** Marks a message that the model is not told any more. */
export function LeftOut() {
  return (
    <p className="left-out" title={words.thread.leftOutWhy}>
      {words.thread.leftOut}
    </p>
  );
}
