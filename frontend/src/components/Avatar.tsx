import type { Person, Presence } from "../api/together";

interface Props {
  of: Pick<Person, "colour" | "initials">;
  /** A mark of whether they are there; none where that is said elsewhere. */
  presence?: Presence;
}

/** Somebody in two letters and a colour; their name stands beside it, or in the name of what it is in. */
export function Avatar({ of: { colour, initials }, presence }: Props) {
  return (
    <span className="avatar" data-colour={colour % 8} data-presence={presence} aria-hidden>
      <bdi>{initials}</bdi>
    </span>
  );
}
