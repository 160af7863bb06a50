import { useMemo } from "react";

import type { Power } from "../../protocol/maze";
import type { Command } from "../../stores/commands";
import type { MazePlay } from "../../stores/maze-play";
import { words } from "../../words";
import { usePlay } from "./play";
import { POWER_KEYS, powersOf } from "./powers";

/** What can be done in a game from the keyboard, beside moving. */
export function useGameCommands(play: MazePlay): readonly Command[] {
  const kind = usePlay(play, ({ isOver, isManual, game }) => (isOver || !game.mine ? "watch" : isManual ? "manual" : "lam"));
  const names = usePlay(play, ({ state }) => powersOf(state).join(" "));
  return useMemo(() => {
    const { maze } = words;
    if (kind === "watch") return [];
    const ask: Command = { title: maze.hint, key: "h", run: () => play.ask() };
    if (kind === "lam") return [{ ...ask, title: maze.step }];
    const powers = names.split(" ").filter(Boolean) as Power[];
    return [
      ask,
      ...powers.map((power) => ({ title: maze.powers[power], key: POWER_KEYS[power], run: () => play.use(power) })),
      { title: maze.stopClock, key: "p", run: () => play.setClockStopped(!play.isClockStopped) },
    ];
  }, [play, kind, names]);
}
