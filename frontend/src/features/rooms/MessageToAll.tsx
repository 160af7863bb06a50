import { useState, type SubmitEvent } from "react";

import { Dialog } from "../../components/Dialog";
import { Problem } from "../../components/Problem";
import type { RoomView } from "../../stores/rooms";
import { words } from "../../words";
import { useAbout, useSay } from "./room";

const LONGEST = 1000;

/** What everybody in the room is to read. */
export function MessageToAll({ view, onClose }: { view: RoomView; onClose: () => void }) {
  const say = words.rooms.owner;
  const now = useAbout(view)?.message ?? "";
  const [text, setText] = useState(now);
  const send = useSay(view);
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    send.mutate(text.trim(), { onSuccess: onClose });
  };
  return (
    <Dialog title={say.sayTitle} onClose={onClose}>
      <form className="fields" onSubmit={submit}>
        <label>
          {say.sayLabel}
          <textarea
            rows={3}
            required
            maxLength={LONGEST}
            dir="auto"
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <p className="muted">{say.sayHint}</p>
        <Problem of={send.error} />
        <footer className="buttons">
          {now !== "" && (
            <button type="button" disabled={send.isPending} onClick={() => send.mutate("", { onSuccess: onClose })}>
              {say.unsay}
            </button>
          )}
          <button type="submit" className="primary" disabled={send.isPending || text.trim() === ""}>
            {say.say}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
