import { memo, useCallback, useSyncExternalStore } from "react";

import { useStream } from "../../components/streams";
import type { Tile } from "../../stores/tile";
import type { RoomView } from "../../stores/rooms";
import { words } from "../../words";
import { useAbout, useTiles } from "./room";
import { useSight, type Sight } from "./sight";
import { standing } from "./standing";

/** From so many on tiles are smaller, so that more of them are in sight. */
const MANY = 24;

/** What everybody writes, side by side. The text of a tile is written past React. */
export function Tiles({ view, onLook }: { view: RoomView; onLook: (user: number) => void }) {
  const tiles = useTiles(view).filter((tile) => tile !== view.own);
  const projected = useAbout(view)?.projected ?? null;
  const sight = useSight(view);
  return (
    <ul className="tiles" data-many={tiles.length > MANY ? "" : undefined} aria-label={words.rooms.tiles.label}>
      {tiles.map((tile) => (
        <TileView
          key={tile.person.user_id}
          tile={tile}
          isProjected={projected !== null && tile.person.session_id === projected}
          sight={sight}
          onLook={onLook}
        />
      ))}
    </ul>
  );
}

interface Props {
  tile: Tile;
  isProjected: boolean;
  sight: Sight;
  onLook: (user: number) => void;
}

const TileView = memo(function TileView({ tile, isProjected, sight, onLook }: Props) {
  const say = words.rooms.tiles;
  const person = useSyncExternalStore(tile.subscribe, () => tile.person);
  const state = useStream(tile, standing) ?? "";
  const isRunning = useStream(tile, (one) => one.isRunning) ?? false;
  const user = person.user_id;
  const box = useCallback((element: HTMLLIElement) => sight.watch(element, user), [sight, user]);
  const text = useCallback((element: HTMLParagraphElement) => written(tile, element), [tile]);
  return (
    <li ref={box} className="tile" data-state={isRunning ? "running" : person.state}>
      <header>
        <button type="button" aria-label={say.look(person.name)} onClick={() => onLook(user)}>
          <bdi>{person.name}</bdi>
        </button>
        {isProjected && <strong>{say.projected}</strong>}
        <span>{state}</span>
      </header>
      <div className="tile-text">
        <p ref={text} />
      </div>
      <footer>{person.messages === 0 ? say.silent : say.figures(person.messages, person.tokens)}</footer>
    </li>
  );
});

/** Writes the end of a tile's text into one text node. */
function written(tile: Tile, element: HTMLElement): () => void {
  const node = document.createTextNode("");
  element.append(node);
  const end = tile.draw((text) => {
    node.data = text;
  });
  return () => {
    end();
    node.remove();
  };
}
