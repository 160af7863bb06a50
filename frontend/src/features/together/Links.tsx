import { useQuery } from "@tanstack/react-query";
import { useRef, type SubmitEvent } from "react";

import { addressOf } from "../../base";
import type { NewInvitation } from "../../api/together";
import { Problem } from "../../components/Problem";
import { Secret } from "../../components/Secret";
import { joinPath } from "../../site";
import { notices } from "../../stores/notices";
import { words } from "../../words";
import { invitationList, useInvite, useRevoke } from "./together";

const HOUR = 3_600;
/** Seconds until a link expires. */
const TERMS = [HOUR, 24 * HOUR, 7 * 24 * HOUR, 30 * 24 * HOUR];
/** How many people may come by it. */
const USES = [1, 5, 30, 100];
const ROLES = ["watch", "steer"] as const;

/** The links that let people in: made, seen once, revoked. */
export function Links({ session }: { session: number }) {
  const invite = useInvite(session);
  return (
    <div className="fields">
      {invite.data ? (
        <>
          <Secret
            value={location.origin + addressOf(joinPath(invite.data.secret))}
            title={words.together.linkTitle}
            about={words.together.linkMade}
            copy={words.together.copyLink}
          />
          <footer className="buttons">
            <button type="button" className="primary" onClick={() => invite.reset()}>
              {words.together.done}
            </button>
          </footer>
        </>
      ) : (
        <NewLink error={invite.error} isPending={invite.isPending} onMake={invite.mutate} />
      )}
      <Made session={session} />
    </div>
  );
}

interface FormProps {
  error: Error | null;
  isPending: boolean;
  onMake: (link: NewInvitation) => void;
}

function NewLink({ error, isPending, onMake }: FormProps) {
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const role = ROLES.find((one) => one === fields.get("role")) ?? "watch";
    onMake({ role, expires_in: Number(fields.get("expires")), uses: Number(fields.get("uses")) });
  };
  return (
    <form className="fields" onSubmit={submit}>
      <fieldset>
        <legend>{words.together.linkRole}</legend>
        {ROLES.map((role) => (
          <label key={role} className="check">
            <input type="radio" name="role" value={role} defaultChecked={role === "watch"} />
            <span>
              {words.together.roles[role]} <span className="muted">{words.together.roleHints[role]}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <div className="limits">
        <label>
          {words.together.expires}
          <select name="expires" defaultValue={24 * HOUR}>
            {TERMS.map((seconds) => (
              <option key={seconds} value={seconds}>
                {words.together.term(seconds)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {words.together.uses}
          <select name="uses" defaultValue={5}>
            {USES.map((uses) => (
              <option key={uses} value={uses}>
                {words.together.usesOf(uses)}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Problem of={error} />
      <footer className="buttons">
        <button type="submit" className="primary" disabled={isPending}>
          {words.together.createLink}
        </button>
      </footer>
    </form>
  );
}

function Made({ session }: { session: number }) {
  const all = useQuery(invitationList(session));
  const revoke = useRevoke(session);
  const head = useRef<HTMLHeadingElement>(null);
  return (
    <section>
      <h3 ref={head} tabIndex={-1}>
        {words.together.links}
      </h3>
      <Problem of={all.error ?? revoke.error} />
      {all.data?.length === 0 && <p className="muted">{words.together.noLinks}</p>}
      <ul className="cards">
        {all.data?.map(({ id, role, expires_at, uses_left, created_at }) => (
          <li key={id}>
            <div>
              {words.together.roles[role]} <span className="muted">{words.together.aboutLink(expires_at, uses_left)}</span>
            </div>
            <button
              type="button"
              aria-label={words.together.revokeLink(words.together.roles[role], created_at)}
              disabled={revoke.isPending}
              onClick={() =>
                revoke.mutate(id, {
                  onSuccess: () => {
                    notices.show(words.together.revoked);
                    head.current?.focus(); // its own button goes with it
                  },
                })
              }
            >
              {words.together.revoke}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
