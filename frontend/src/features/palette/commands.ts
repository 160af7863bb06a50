import { useEffect } from "react";

import { commands, type Command } from "../../stores/commands";

/** Offers these for as long as the component is there. Keep the list itself the same while it says the same. */
export function useCommands(list: readonly Command[]): void {
  useEffect(() => commands.add(list), [list]);
}
