import { useEffect, useState, useSyncExternalStore } from "react";

import { Dialog } from "../../components/Dialog";
import { commands, keysOf, type Command } from "../../stores/commands";
import { preferences } from "../../stores/preferences";
import { words } from "../../words";
import { Palette } from "./Palette";

/** The palette, the list of keys, and the keys themselves. */
export function Keyboard() {
  const [open, setOpen] = useState<"palette" | "keys" | null>(null);
  const all = useSyncExternalStore(commands.subscribe, commands.get);
  const { keys } = useSyncExternalStore(preferences.subscribe, preferences.get);

  useEffect(() => {
    const own: Command[] = [{ title: words.palette.showKeys, key: "?", run: () => setOpen("keys") }];
    return commands.add(own);
  }, []);

  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        setOpen((now) => (now === "palette" ? null : "palette"));
        return;
      }
      const isChord = event.ctrlKey && !event.altKey && !event.shiftKey && !event.metaKey;
      const chosen = isChord ? all.find(({ chord }) => chord === event.key.toLowerCase()) : undefined;
      if (chosen !== undefined && document.querySelector("dialog[open]") === null) {
        event.preventDefault();
        chosen.run();
        return;
      }
      if (!keys || open !== null || event.ctrlKey || event.metaKey || event.altKey || isField(event.target)) return;
      const command = all.find(({ key }) => key?.toLowerCase() === event.key.toLowerCase());
      if (command === undefined) return;
      event.preventDefault();
      command.run();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [all, keys, open]);

  const close = (): void => setOpen(null);
  if (open === "palette") return <Palette onClose={close} />;
  if (open === null) return null;
  const own = all
    .filter(({ chord }) => keys || chord !== undefined)
    .flatMap((command): [string, string][] => {
      const pressed = keysOf(command);
      return pressed === null ? [] : [[pressed, command.title]];
    });
  return (
    <Dialog title={words.palette.keys} onClose={close}>
      <dl className="keys">
        {[...words.palette.fixedKeys, ...own].map(([key, does]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}

function isField(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select, dialog *"));
}
