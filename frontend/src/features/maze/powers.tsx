import { Hammer, Radar, Snowflake, Turtle } from "lucide-react";

import { POWERS, USUAL_POWERS, type Power, type State } from "../../protocol/maze";

export const POWER_ICONS = { break_wall: Hammer, slow_germs: Turtle, freeze_germs: Snowflake, scan: Radar } as const;
export const POWER_KEYS: Record<Power, string> = { break_wall: "b", slow_germs: "l", freeze_germs: "f", scan: "c" };

/** The powers that mean something in this maze. */
export function powersOf({ settings }: State): Power[] {
  return POWERS.filter((power) => {
    if ((settings.powers ?? USUAL_POWERS)[power] === 0) return false;
    if (power === "scan") return settings.fog;
    return power === "break_wall" || settings.germs > 0;
  });
}
