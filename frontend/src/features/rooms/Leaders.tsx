import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useSyncExternalStore } from "react";

import { leaderboardOf } from "../../api/rooms";
import { refresh } from "../../api/refresh";
import { DataTable } from "../../components/DataTable";
import { Problem } from "../../components/Problem";
import type { RoomView } from "../../stores/rooms";
import { words } from "../../words";

/** How often it is asked for again at most, while things happen in the room. */
const AGAIN_MS = 5_000;

/** Who did best at the room's task. */
export function Leaders({ view }: { view: RoomView }) {
  const say = words.rooms.leaders;
  const board = useQuery(leaderboardOf(view.id));
  useAgain(view);
  return (
    <section className="leaders">
      <h2>{say.title}</h2>
      <Problem of={board.error} />
      {board.data?.length === 0 && <p className="muted">{say.empty}</p>}
      {board.data && board.data.length > 0 && (
        <DataTable
          title={say.title}
          heads={say.heads}
          numbers={[0, 2, 3]}
          named={1}
          rows={board.data.map(({ user_id, rank, name, score, tries, is_me }) => ({
            key: user_id,
            cells: [
              words.format.number(rank),
              <bdi key="">{is_me ? say.me(name) : name}</bdi>,
              words.format.number(score),
              words.format.number(tries),
            ],
          }))}
        />
      )}
    </section>
  );
}

/** Reads it again some time after something has happened in the room. */
function useAgain(view: RoomView): void {
  const queries = useQueryClient();
  const tiles = useSyncExternalStore(view.subscribe, () => view.tiles);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const isFirst = useRef(true);
  useEffect(() => {
    if (isFirst.current) {
      isFirst.current = false;
      return;
    }
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      void refresh(queries, leaderboardOf(view.id).queryKey);
    }, AGAIN_MS);
  }, [tiles, queries, view]);
  useEffect(() => () => clearTimeout(timer.current), []);
}
