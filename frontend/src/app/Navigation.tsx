import { useMemo } from "react";
import { useLocation } from "wouter";

import { signOut } from "../features/account/account";
import { useCommands } from "../features/palette/commands";
import { notices } from "../stores/notices";
import { preferences } from "../stores/preferences";

/** The commands that work everywhere. */
export function Navigation({ isAdmin }: { isAdmin: boolean }) {
  const [, navigate] = useLocation();
  const list = useMemo(
    () => [
      { title: "Go to the conversations", run: () => navigate("/") },
      ...["Templates", "Usage", "Settings", ...(isAdmin ? ["Admin"] : [])].map((name) => ({
        title: `Go to ${name.toLowerCase()}`,
        run: () => navigate(`/${name.toLowerCase()}`),
      })),
      { title: "Light colours", run: () => preferences.set({ theme: "light" }) },
      { title: "Dark colours", run: () => preferences.set({ theme: "dark" }) },
      { title: "Colours as the system has them", run: () => preferences.set({ theme: "system" }) },
      { title: "Sign out", run: () => void signOut().catch((error: unknown) => notices.show(String(error))) },
    ],
    [isAdmin, navigate],
  );
  useCommands(list);
  return null;
}
