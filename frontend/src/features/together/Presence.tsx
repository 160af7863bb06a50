import { useState } from "react";

import { together } from "../../api/together";
import type { Gathering } from "../../stores/together";
import { notices } from "../../stores/notices";
import { words } from "../../words";
import { useGathered } from "./together";

/** Who types, above where one writes. Seen, not said: it changes all the time. */
export function Typing({ gathering }: { gathering: Gathering }) {
  const typing = useGathered(gathering, ({ typing }) => typing);
  const isShared = useGathered(gathering, ({ isShared }) => isShared);
  if (!isShared) return null; // it has its line as soon as it may be needed: nothing moves when somebody types
  return (
    <p className="typing" aria-hidden>
      {typing.length > 0 && words.together.typing(typing.map(({ name }) => name))}
    </p>
  );
}

/** For screen readers: who came and went, gathered into one sentence. */
export function Announcer({ gathering }: { gathering: Gathering }) {
  return (
    <p className="for-ears" role="status">
      {useGathered(gathering, ({ announcement }) => announcement)}
    </p>
  );
}

/** In place of where one writes: why one cannot, and how one may ask. */
export function Watching({ session, gathering }: { session: number; gathering: Gathering }) {
  const hasAsked = useGathered(gathering, ({ me }) => me?.wants_to_steer === true);
  const [isAsking, setAsking] = useState(false);
  const ask = async (): Promise<void> => {
    setAsking(true);
    try {
      await together.askToSteer(session);
    } catch (error) {
      notices.show(error instanceof Error ? error.message : String(error));
    }
    await gathering.read();
    setAsking(false);
  };
  return (
    <div className="composer watching">
      <p role="status">{hasAsked ? words.together.youAsked : words.together.watching}</p>
      {!hasAsked && (
        <button type="button" disabled={isAsking} onClick={() => void ask()}>
          {words.together.askToSteer}
        </button>
      )}
    </div>
  );
}
