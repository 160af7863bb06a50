import { useMemo } from "react";
import { useLocation } from "wouter";

import { signOut } from "../features/account/account";
import { useCommands } from "../features/palette/commands";
import { namedPages } from "../site";
import { notices } from "../stores/notices";
import { DENSITIES, preferences, THEMES } from "../stores/preferences";
import { words } from "../words";

/** The commands that work everywhere. */
export function Navigation({ isAdmin, opensRooms }: { isAdmin: boolean; opensRooms: boolean }) {
  const [, navigate] = useLocation();
  const list = useMemo(
    () => [
      ...namedPages({ isAdmin, opensRooms }).map(({ path, title }) => ({
        title: words.navigation.goTo(title),
        run: () => navigate(path),
      })),
      ...THEMES.map((theme) => ({ title: words.settings.useTheme[theme], run: () => preferences.set({ theme }) })),
      ...DENSITIES.map((density) => ({ title: words.settings.useDensity[density], run: () => preferences.set({ density }) })),
      { title: words.common.signOut, run: () => void signOut().catch((error: unknown) => notices.show(String(error))) },
    ],
    [isAdmin, opensRooms, navigate],
  );
  useCommands(list);
  return null;
}
