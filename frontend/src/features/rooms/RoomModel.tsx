import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { answered, api } from "../../api/http";
import { sessionOf } from "../../api/queries";
import { refresh } from "../../api/refresh";
import type { Room } from "../../api/rooms";
import { Problem } from "../../components/Problem";
import { words } from "../../words";

/** Which of the room's models answers, where there is a choice. */
export function RoomModel({ room, session }: { room: Room; session: number }) {
  const about = useQuery({ ...sessionOf(session), enabled: room.models.length > 1 });
  const queries = useQueryClient();
  const choose = useMutation({
    mutationFn: (model: string) =>
      answered(api.PATCH("/api/chatbot/sessions/{session_id}", { params: { path: { session_id: session } }, body: { model } })),
    onSettled: () => refresh(queries, sessionOf(session).queryKey),
  });
  if (room.models.length < 2 || about.data === undefined) return null;
  const chosen = choose.isPending ? choose.variables : (about.data.model ?? room.models[0]);
  return (
    <>
      <select
        className="room-model"
        aria-label={words.rooms.visit.model}
        value={chosen}
        onChange={(event) => choose.mutate(event.currentTarget.value)}
      >
        {room.models.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
      <Problem of={choose.error} />
    </>
  );
}
