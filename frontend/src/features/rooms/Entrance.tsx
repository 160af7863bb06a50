import { QrCode } from "lucide-react";
import { useState } from "react";

import { addressOf } from "../../base";
import { rooms, type Room } from "../../api/rooms";
import { CopyButton } from "../../components/CopyButton";
import { Dialog } from "../../components/Dialog";
import { words } from "../../words";

/** How one gets in: the code and a picture, small beside the tiles, and as large as a projector makes it. */
export function Entrance({ room }: { room: Room }) {
  const [isLarge, setLarge] = useState(false);
  const say = words.rooms.entrance;
  const code = room.code ?? "";
  if (code === "") return null;
  return (
    <section className="entrance" aria-label={say.title}>
      <button type="button" onClick={() => setLarge(true)}>
        <QrCode aria-hidden /> {say.show}
      </button>
      <code>{code}</code>
      <CopyButton text={joinAddress(code)} label={say.copy} />
      {isLarge && (
        <Dialog title={room.title} shape="viewer" onClose={() => setLarge(false)}>
          <LargeCode room={room} />
        </Dialog>
      )}
    </section>
  );
}

/** The code and its picture, as large as there is room. */
export function LargeCode({ room }: { room: Room }) {
  const say = words.rooms.entrance;
  const code = room.code ?? "";
  return (
    <div className="large">
      <div className="large-code">
        <div>
          <p>
            {say.at} <code>{shortAddress()}</code>
          </p>
          <p className="muted">{say.type}</p>
          <p className="the-code">
            <code aria-label={say.code(code)}>{code}</code>
          </p>
          <p className="muted">{say.scan}</p>
        </div>
        <img src={rooms.qrAddress(room.id)} alt={say.picture} />
      </div>
    </div>
  );
}

function joinAddress(code: string): string {
  return `${location.origin}${addressOf("/join")}#${code}`;
}

/** As one types it. */
function shortAddress(): string {
  return `${location.host}${addressOf("/join")}`;
}
