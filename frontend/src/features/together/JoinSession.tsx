import { useMutation, useQuery } from "@tanstack/react-query";
import { useRef, useState, type SubmitEvent } from "react";
import { Link, useLocation } from "wouter";

import { ApiError } from "../../api/http";
import { together, type Invited } from "../../api/together";
import { titleOf } from "../../api/title";
import { pathOf, sessionPath } from "../../site";
import { guests } from "../../stores/guests";
import { words } from "../../words";

/** UTF-16 units; the gateway counts what one sees, and says when it is too much. */
const LONGEST_NAME = 128;

/** What a link leads to. Looking at it uses nothing up; only the button joins. */
export function JoinSession({ secret }: { secret: string }) {
  const look = useQuery({
    queryKey: ["join", secret],
    queryFn: () => together.look(secret),
    retry: (tries, error) => tries < 2 && error instanceof ApiError && (error.status === 0 || error.status >= 500),
    staleTime: Infinity,
  });
  if (look.data !== undefined) return <Invitation secret={secret} to={look.data} />;
  if (look.error === null) return <p role="status">{words.together.looking}</p>;
  const isBad = look.error instanceof ApiError && [404, 410, 422].includes(look.error.status);
  return (
    <>
      <h1>{words.together.badLink}</h1>
      <p role="alert">{isBad ? words.together.badLinkText : look.error.message}</p>
      {isBad ? (
        <Link href={pathOf("studio")}>{words.navigation.back}</Link>
      ) : (
        <button type="button" className="primary" onClick={() => void look.refetch()}>
          {words.common.tryAgain}
        </button>
      )}
    </>
  );
}

function Invitation({ secret, to }: { secret: string; to: Invited }) {
  const [, navigate] = useLocation();
  const name = useRef<HTMLInputElement>(null);
  const [nickname, setNickname] = useState("");
  const join = useMutation({
    mutationFn: () => together.accept(secret, to.needs_nickname ? nickname : null),
    onSuccess: ({ session_id }) => {
      if (!to.is_signed_in) guests.enter(session_id, `s${session_id}`);
      navigate(sessionPath(session_id), { replace: true });
    },
    onError: () => name.current?.focus(),
  });
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    join.mutate();
  };
  return (
    <>
      <p className="muted">{words.together.joinTo(to.by)}</p>
      <h1>
        <bdi>{titleOf(to)}</bdi>
      </h1>
      <p>
        {words.together.joinAs[to.role]} {to.is_signed_in && words.together.joinAsYourself}
        {!to.is_signed_in && !to.needs_nickname && words.together.joinAsBefore}
      </p>
      <form className="sign-in" onSubmit={submit}>
        {to.needs_nickname && (
          <label>
            {words.together.nickname}
            <input
              ref={name}
              name="nickname"
              dir="auto"
              required
              maxLength={LONGEST_NAME}
              autoComplete="nickname"
              autoFocus
              value={nickname}
              aria-invalid={join.error ? true : undefined}
              aria-describedby="join-hint"
              onChange={(event) => setNickname(event.currentTarget.value)}
            />
            <span id="join-hint">{words.together.nicknameHint}</span>
          </label>
        )}
        {join.error && (
          <p className="problem" role="alert">
            {join.error.message}
          </p>
        )}
        <button type="submit" className="primary" disabled={join.isPending} autoFocus={!to.needs_nickname}>
          {words.together.join}
        </button>
      </form>
      <p className="muted">{words.together.linkExpires(to.expires_at)}</p>
      {!to.is_signed_in && (
        <Link href={`${pathOf("signIn")}?to=${encodeURIComponent(pathOf("join"))}#${secret}`}>{words.together.signInInstead}</Link>
      )}
    </>
  );
}
