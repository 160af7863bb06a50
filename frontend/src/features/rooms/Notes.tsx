import { useEffect, useState } from "react";

import type { Room } from "../../api/rooms";
import type { RoomView } from "../../stores/rooms";
import { words } from "../../words";
import { useAbout } from "./room";
import { Transcript } from "./Transcript";

const TICK_MS = 20_000;

/** What stands above a participant's conversation: what the owner says, what is shown to all, and how long there is. */
export function Notes({ view, room }: { view: RoomView; room: Room }) {
  const say = words.rooms.visit;
  return (
    <div className="room-notes">
      <div role="status">
        {room.message !== null && (
          <p className="room-note">
            <span className="muted">{say.message}</span>
            <bdi>{room.message}</bdi>
          </p>
        )}
      </div>
      <Projection view={view} />
    </div>
  );
}

/** Why nothing can be sent at the moment; null: everything can. */
export function useHold(view: RoomView): string | null {
  const room = useAbout(view);
  const left = useTimeLeft(room?.ends_at ?? null);
  const say = words.rooms.visit;
  if (room === null) return null;
  if (room.state === "over") return say.over;
  if (left !== null && left <= 0) return say.timeOver;
  return room.state === "paused" ? say.paused : null;
}

/** How long a participant may write, in milliseconds; null: as long as the room is open. */
export function useTimeLeft(until: string | null): number | null {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (until === null) return;
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, [until]);
  return until === null ? null : Date.parse(until) - now;
}

/** The conversation that everybody is shown, until somebody folds it away. */
function Projection({ view }: { view: RoomView }) {
  const projected = useAbout(view)?.projected ?? null;
  const [hidden, setHidden] = useState<number | null>(null);
  const say = words.rooms.visit;
  if (projected === null) return null;
  const tile = view.ofSession(projected);
  if (tile === undefined) return null;
  if (tile === view.own) return <p className="room-note">{say.ownShown}</p>;
  const isHidden = hidden === projected;
  return (
    <section className="projection">
      <header>
        <h2>{say.shown(tile.person.name)}</h2>
        <button type="button" className="quiet" aria-expanded={!isHidden} onClick={() => setHidden(isHidden ? null : projected)}>
          {isHidden ? say.unhide : say.hide}
        </button>
      </header>
      {!isHidden && <Transcript key={projected} tile={tile} />}
    </section>
  );
}
