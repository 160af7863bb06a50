import { createContext } from "react";

/** Shows another game, or the choice (null), in place of this one. The context is null where each game is a page of its own. */
export const OnwardContext = createContext<((game: number | null) => void) | null>(null);
