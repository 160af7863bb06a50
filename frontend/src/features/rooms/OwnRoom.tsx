import { Lock, Megaphone, Pause, Play } from "lucide-react";
import { useState, useSyncExternalStore } from "react";

import type { Room } from "../../api/rooms";
import { Confirm } from "../../components/Confirm";
import { Menu } from "../../components/Menu";
import { Problem } from "../../components/Problem";
import { counts, type RoomView } from "../../stores/rooms";
import { words } from "../../words";
import { Entrance, LargeCode } from "./Entrance";
import { Joins } from "./Joins";
import { Leaders } from "./Leaders";
import { LookInto } from "./LookInto";
import { MessageToAll } from "./MessageToAll";
import { useChange, useDeed, useEnd, useExport, useTiles } from "./room";
import { Tiles } from "./Tiles";

/** A room as its owner sees it: the way in, everybody's tile, and what can be done for all at once. */
export function OwnRoom({ view, room }: { view: RoomView; room: Room }) {
  const [lookAt, setLookAt] = useState<number | null>(null);
  const tiles = useTiles(view);
  const tile = lookAt === null ? undefined : view.of(lookAt);
  const say = words.rooms.owner;
  return (
    <>
      <div className="room-bar">
        <Entrance room={room} />
        <Controls view={view} room={room} />
      </div>
      <p className="muted room-standing">
        <Standing view={view} />
        {room.locked && (
          <span>
            <Lock aria-hidden /> {words.rooms.locked}
          </span>
        )}
        <span>{say.until(room.expires_at)}</span>
      </p>
      {room.state === "paused" && (
        <p className="room-note" role="status">
          {say.paused}
        </p>
      )}
      {room.message !== null && <p className="room-note">{say.saidNow(room.message)}</p>}
      {room.gone_at !== null && <p className="room-note">{say.gone(room.gone_at)}</p>}
      <Joins view={view} />
      {tiles.length === 0 && (
        <>
          <p className="teach">{say.empty}</p>
          <LargeCode room={room} />
        </>
      )}
      {room.task !== null && <Leaders view={view} />}
      <Tiles view={view} onLook={setLookAt} />
      {tile && <LookInto view={view} tile={tile} onClose={() => setLookAt(null)} />}
    </>
  );
}

/** How many are here, and how many are answered. */
function Standing({ view }: { view: RoomView }) {
  const said = useSyncExternalStore(view.subscribe, () => {
    const { people, running } = counts(view.tiles);
    return words.rooms.owner.status(people, running);
  });
  return <span>{said}</span>;
}

function Controls({ view, room }: { view: RoomView; room: Room }) {
  const say = words.rooms.owner;
  const [open, setOpen] = useState<"message" | "end" | null>(null);
  const deed = useDeed(view);
  const change = useChange(view);
  const file = useExport(view);
  const end = useEnd(view);
  const isPaused = room.state === "paused";
  return (
    <div className="buttons">
      <button type="button" disabled={deed.isPending} onClick={() => deed.mutate(isPaused ? "resume" : "pause")}>
        {isPaused ? <Play aria-hidden /> : <Pause aria-hidden />} {isPaused ? say.resume : say.pause}
      </button>
      <button type="button" onClick={() => setOpen("message")}>
        <Megaphone aria-hidden /> {say.message}
      </button>
      <Menu
        label={say.actions}
        items={[
          { label: room.locked ? say.unlock : say.lock, run: () => deed.mutate(room.locked ? "unlock" : "lock") },
          {
            label: room.shows_others ? say.hidesOthers : say.showsOthers,
            run: () => change.mutate({ shows_others: !room.shows_others }),
          },
          { label: say.export, run: () => file.mutate() },
          { label: say.end, danger: true, run: () => setOpen("end") },
        ]}
      />
      <Problem of={deed.error ?? change.error ?? file.error ?? end.error} />
      {open === "message" && <MessageToAll view={view} onClose={() => setOpen(null)} />}
      {open === "end" && (
        <Confirm
          title={say.endTitle(room.title)}
          text={say.endText}
          does={say.endDoes}
          onClose={() => setOpen(null)}
          onYes={() => {
            setOpen(null);
            end.mutate();
          }}
        />
      )}
    </div>
  );
}
