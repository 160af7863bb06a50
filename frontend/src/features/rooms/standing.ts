/** What a participant is at, in a word or two. */

import type { Tile } from "../../stores/tile";
import { words } from "../../words";

export function standing({ person, isRunning, snapshot }: Tile): string {
  const say = words.rooms.tiles;
  if (!isRunning) return say.states[person.state === "running" ? "idle" : person.state];
  if (snapshot.text !== "") return say.states.running;
  if (snapshot.thinking !== "") return say.thinking;
  const { stage, position = 0 } = snapshot.progress ?? {};
  if (stage === "queued") return position > 0 ? say.ahead(position) : say.states.waiting;
  return stage === "prompt" ? say.reading : say.states.waiting;
}
