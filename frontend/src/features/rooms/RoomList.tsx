import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";

import { roomList } from "../../api/rooms";
import { Problem } from "../../components/Problem";
import { roomPath } from "../../site";
import { words } from "../../words";

/** The rooms that one has opened, the newest first. */
export function RoomList() {
  const all = useQuery(roomList);
  const say = words.rooms;
  return (
    <>
      <p>{say.about}</p>
      <Problem of={all.error} />
      {all.data?.length === 0 && <p className="teach">{say.none}</p>}
      <ul className="cards">
        {all.data?.map((room) => (
          <li key={room.id}>
            <div>
              <Link href={roomPath(room.id)}>
                <bdi>{room.title}</bdi>
              </Link>
              <span className="muted">{say.row(room.participants, room.expires_at)}</span>
            </div>
            <span className="muted">{say.states[room.state]}</span>
          </li>
        ))}
      </ul>
    </>
  );
}
