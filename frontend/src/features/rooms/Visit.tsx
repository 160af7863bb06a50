import { useState, useSyncExternalStore, type ReactNode } from "react";

import type { Room } from "../../api/rooms";
import { Tabs } from "../../components/Tabs";
import type { RoomView } from "../../stores/rooms";
import { words } from "../../words";
import { Leaders } from "./Leaders";
import { LookInto } from "./LookInto";
import { Notes, useTimeLeft } from "./Notes";
import { useTiles } from "./room";
import { Tiles } from "./Tiles";

const MINUTE_MS = 60_000;
const NEAR_MS = 180 * MINUTE_MS;

type View = "conversation" | "maze" | "others" | "leaders";

interface Props {
  view: RoomView;
  room: Room;
  /** The view in which the room's maze is played, null for a room without one. */
  maze: ReactNode;
  children: ReactNode;
}

/** A room as a participant sees it: their own conversation and, where there are any, the others and the leaderboard. */
export function Visit({ view, room, maze, children }: Props) {
  const [chosen, setChosen] = useState<View>("conversation");
  const say = words.rooms.visit;
  const order: View[] = ["conversation"];
  if (maze !== null) order.push("maze");
  if (room.shows_others) order.push("others");
  if (room.task !== null) order.push("leaders");
  const shown = order.includes(chosen) ? chosen : "conversation";
  return (
    <>
      <Notes view={view} room={room} />
      {order.length === 1 ? (
        children
      ) : (
        <div className="visit">
          <Tabs
            label={say.views}
            titles={{ conversation: say.conversation, maze: say.maze, others: say.others, leaders: words.rooms.leaders.title }}
            order={order}
            chosen={shown}
            onChoose={setChosen}
          >
            {shown === "conversation" && children}
            {shown === "maze" && maze}
            {shown === "others" && <Others view={view} />}
            {shown === "leaders" && <Leaders view={view} />}
          </Tabs>
        </div>
      )}
    </>
  );
}

function Others({ view }: { view: RoomView }) {
  const [lookAt, setLookAt] = useState<number | null>(null);
  useTiles(view);
  const tile = lookAt === null ? undefined : view.of(lookAt);
  return (
    <div className="others">
      <Tiles view={view} onLook={setLookAt} />
      {tile && <LookInto view={view} tile={tile} onClose={() => setLookAt(null)} />}
    </div>
  );
}

/** How long one may still write, in the bar above, once that is worth a look. */
export function TimeLeft({ until }: { until: string | null }) {
  const left = useTimeLeft(until);
  const isNear = left !== null && left > 0 && left < NEAR_MS;
  return isNear && <span className="muted">{words.rooms.visit.timeLeft(Math.ceil(left / MINUTE_MS))}</span>;
}

/** Who one is in this room, as the others see it. */
export function OwnName({ view }: { view: RoomView }) {
  const name = useSyncExternalStore(view.subscribe, () => view.own?.person.name);
  return name !== undefined && <bdi className="muted">{name}</bdi>;
}
