import { Title } from "../components/Title";
import { JoinRoom } from "../features/rooms/JoinRoom";
import { words } from "../words";

/** The way into a room for whoever has its code. The code may stand in the address behind `#`, where no server sees it. */
export function JoinRoomPage() {
  return (
    <main className="centred">
      <Title>{words.rooms.join.title}</Title>
      <h1>{words.rooms.join.title}</h1>
      <JoinRoom code={decodeURIComponent(location.hash.slice(1))} />
    </main>
  );
}
