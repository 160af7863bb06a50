import { useEffect, useState } from "react";

import type { RoomView } from "../../stores/rooms";
import { words } from "../../words";

/** So long names are gathered: a class that comes in is one sentence. */
const GATHER_MS = 3_000;
const MOST_NAMES = 3;

/** Who came in, for ears: not each by itself. */
export function Joins({ view }: { view: RoomView }) {
  const [said, setSaid] = useState("");
  useEffect(() => {
    let known: Set<number> | null = null;
    let names: string[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tell = (): void => {
      timer = undefined;
      setSaid(sentence(names));
      names = [];
    };
    const look = (): void => {
      if (view.room === null) return;
      const people = view.tiles.map(({ person }) => person);
      for (const { user_id, name } of people) if (known?.has(user_id) === false) names.push(name);
      known = new Set(people.map(({ user_id }) => user_id));
      if (names.length > 0) timer ??= setTimeout(tell, GATHER_MS);
    };
    const unsubscribe = view.subscribe(look);
    look();
    return () => {
      unsubscribe();
      clearTimeout(timer);
    };
  }, [view]);
  return (
    <p className="for-ears" role="status">
      {said}
    </p>
  );
}

function sentence(names: readonly string[]): string {
  const say = words.rooms.tiles;
  return names.length > MOST_NAMES ? say.manyJoined(names.length) : say.joined(names);
}
