import { useMutation } from "@tanstack/react-query";
import { useEffect, useEffectEvent, useLayoutEffect, useRef, useState, type SubmitEvent } from "react";
import { useLocation } from "wouter";

import { ApiError } from "../../api/http";
import { rooms } from "../../api/rooms";
import { roomPath } from "../../site";
import { guests } from "../../stores/guests";
import { words } from "../../words";
import { asCode } from "./code";

/** The way into a room: its code, then a nickname for whoever is not signed in. `code`: what the address says; empty: it is asked for. */
export function JoinRoom({ code: asked }: { code: string }) {
  const [code, setCode] = useState(() => asCode(asked));
  const look = useMutation({ mutationFn: (wanted: string) => rooms.look(wanted) });
  const lookFirst = useEffectEvent(() => {
    if (code !== "") look.mutate(code);
  });
  useEffect(() => lookFirst(), []);
  if (look.data) {
    const again = (): void => {
      look.reset();
      setCode("");
    };
    return <Nickname code={code} room={look.data} onAgain={again} />;
  }
  return (
    <form
      className="sign-in"
      onSubmit={(event) => {
        event.preventDefault();
        look.mutate(code);
      }}
    >
      <label>
        {words.rooms.join.code}
        <input
          className="room-code"
          name="code"
          dir="ltr"
          required
          autoFocus
          autoComplete="off"
          autoCapitalize="characters"
          spellCheck={false}
          maxLength={24}
          aria-describedby="code-hint"
          value={code}
          onChange={(event) => setCode(asCode(event.currentTarget.value))}
        />
      </label>
      <p className="muted" id="code-hint">
        {words.rooms.join.codeHint}
      </p>
      <Refusal of={look.error} />
      <button type="submit" className="primary" disabled={look.isPending || code === ""}>
        {words.rooms.join.next}
      </button>
    </form>
  );
}

interface NicknameProps {
  code: string;
  room: { title: string; needs_nickname: boolean };
  onAgain: () => void;
}

function Nickname({ code, room, onAgain }: NicknameProps) {
  const [, navigate] = useLocation();
  const say = words.rooms.join;
  const field = useRef<HTMLInputElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const join = useMutation({
    mutationFn: (nickname: string | null) => rooms.join(code, nickname),
    onSuccess: ({ room_id }) => {
      if (room.needs_nickname) guests.endLogin();
      navigate(roomPath(room_id));
    },
  });
  useLayoutEffect(() => (field.current ?? button.current)?.focus(), []);
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    join.mutate(room.needs_nickname ? (field.current?.value ?? "") : null);
  };
  return (
    <form className="sign-in" onSubmit={submit}>
      <p>{say.about(room.title)}</p>
      {room.needs_nickname && (
        <>
          <label>
            {say.nickname}
            <input ref={field} name="nickname" required maxLength={32} autoComplete="nickname" aria-describedby="nickname-hint" />
          </label>
          <p className="muted" id="nickname-hint">
            {say.nicknameHint}
          </p>
        </>
      )}
      <Refusal of={join.error} />
      <button ref={button} type="submit" className="primary" disabled={join.isPending}>
        {say.join}
      </button>
      <button type="button" className="quiet" onClick={onAgain}>
        {say.other}
      </button>
    </form>
  );
}

/** Why one is not let in, in a sentence for somebody who never saw this program before. */
function Refusal({ of }: { of: Error | null }) {
  return (
    of && (
      <p className="problem" role="alert">
        {refusal(of)}
      </p>
    )
  );
}

function refusal(error: Error): string {
  const say = words.rooms.join;
  if (!(error instanceof ApiError)) return error.message;
  if (error.code === "room_locked") return say.locked;
  if (error.status === 404) return say.unknown;
  if (error.status === 429) return say.throttled;
  return error.status === 422 ? say.taken : error.message;
}
