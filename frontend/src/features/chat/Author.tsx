import type { Person } from "../../api/together";
import { Avatar } from "../../components/Avatar";
import { words } from "../../words";
import { useIsShared, useMe, usePerson, useReaders } from "./company";

/** Whose words these are: to be seen where more than one person writes, else only heard. `of` null: whoever sits here, or nobody knows. */
export function Author({ of }: { of: Person | null }) {
  const me = useMe();
  const isShared = useIsShared();
  const isMine = of === null || of.user_id === me?.user_id;
  const who = usePerson(of);
  if (who === undefined || (isMine && !isShared)) return <h2 className="for-ears speaker">{words.thread.you}</h2>;
  return (
    <h2 className="author speaker">
      <Avatar of={who} />
      <bdi>{isMine ? words.thread.you : who.name}</bdi>
    </h2>
  );
}

/** Who reads here now. */
export function Readers({ message }: { message: number }) {
  const readers = useReaders(message);
  if (readers.length === 0) return null;
  const said = words.together.readBy(readers.map(({ name }) => name));
  return (
    <span className="readers" role="img" aria-label={said} title={said}>
      {readers.slice(0, 4).map((one) => (
        <Avatar key={one.user_id} of={one} />
      ))}
    </span>
  );
}
