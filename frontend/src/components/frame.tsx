import { Menu } from "lucide-react";
import { createContext, useContext } from "react";

import { words } from "../words";
import { useIsGuest } from "./guest";

/** The frame around every page, as a page sees it: whether its list of conversations and pages lies over a narrow screen. */
export interface FrameState {
  isListOpen: boolean;
  setListOpen: (isOpen: boolean) => void;
}

export const FrameContext = createContext<FrameState>({ isListOpen: false, setListOpen: () => undefined });

/** Opens the list on a narrow screen; on a wide one it is in sight anyway. A guest has none. */
export function ListButton() {
  const { isListOpen, setListOpen } = useContext(FrameContext);
  const isGuest = useIsGuest();
  if (isGuest) return null;
  return (
    <button
      type="button"
      className="quiet icon list-button"
      aria-label={words.studio.conversations}
      aria-expanded={isListOpen}
      onClick={() => setListOpen(!isListOpen)}
    >
      <Menu aria-hidden />
    </button>
  );
}
