import { useState } from "react";

import { Confirm } from "../../components/Confirm";
import { Dialog } from "../../components/Dialog";
import { Problem } from "../../components/Problem";
import { useStream } from "../../components/streams";
import type { RoomView } from "../../stores/rooms";
import type { Tile } from "../../stores/tile";
import { words } from "../../words";
import { useAbout, useProject, useRemove, useStopReply } from "./room";
import { Transcript } from "./Transcript";

/** One participant's conversation, large enough for a projector; its owner may show it to everybody. */
export function LookInto({ view, tile, onClose }: { view: RoomView; tile: Tile; onClose: () => void }) {
  const room = useAbout(view);
  const say = words.rooms.look;
  const project = useProject(view);
  const stop = useStopReply();
  const remove = useRemove(view);
  const [isRemoving, setRemoving] = useState(false);
  const isRemoved = useStream(tile, ({ person }) => person.state === "removed") ?? false;
  const run = useStream(tile, ({ wants }) => wants) ?? null;
  const isProjected = room?.projected === tile.person.session_id;
  return (
    <Dialog title={tile.person.name} onClose={onClose} shape="viewer">
      <div className="looking">
        {room?.role === "owner" && (
          <div className="buttons">
            <button
              type="button"
              className={isProjected ? undefined : "primary"}
              disabled={project.isPending}
              onClick={() => project.mutate(isProjected ? null : tile.person.session_id)}
            >
              {isProjected ? say.unproject : say.project}
            </button>
            {run !== null && (
              <button type="button" disabled={stop.isPending} onClick={() => stop.mutate(run)}>
                {say.stop}
              </button>
            )}
            {!isRemoved && (
              <button type="button" className="quiet" disabled={remove.isPending} onClick={() => setRemoving(true)}>
                {say.remove}
              </button>
            )}
          </div>
        )}
        <Problem of={project.error ?? stop.error ?? remove.error} />
        <Transcript tile={tile} />
        {isRemoving && (
          <Confirm
            title={say.removeTitle(tile.person.name)}
            text={say.removeText}
            does={say.remove}
            onClose={() => setRemoving(false)}
            onYes={() => {
              setRemoving(false);
              remove.mutate(tile.person.user_id, { onSuccess: onClose });
            }}
          />
        )}
      </div>
    </Dialog>
  );
}
