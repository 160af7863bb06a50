import { useState } from "react";

import type { Granted, Member } from "../../api/together";
import { Avatar } from "../../components/Avatar";
import { Confirm } from "../../components/Confirm";
import { Menu, type MenuItem } from "../../components/Menu";
import { Problem } from "../../components/Problem";
import type { Gathering } from "../../stores/together";
import { words } from "../../words";
import { useGathered, useHandOver, useRemove, useSetRole } from "./together";

interface Props {
  session: number;
  gathering: Gathering;
  onLeft: () => void;
}

type Question = { about: "remove" | "handOver" | "leave"; member: Member };

const NOBODY: readonly Member[] = [];

/** Everybody in the session: who they are, what they may do, whether they are there. Its owner changes that; everybody may leave but its owner. */
export function People({ session, gathering, onLeft }: Props) {
  const members = useGathered(gathering, ({ members }) => members) ?? NOBODY;
  const isOwner = useGathered(gathering, ({ role }) => role) === "owner";
  const [question, setQuestion] = useState<Question | null>(null);
  const setRole = useSetRole(session);
  const remove = useRemove(session);
  const handOver = useHandOver(session);
  const itemsOf = (member: Member): MenuItem[] => [
    ...(member.is_guest ? [] : [{ label: words.together.handOver, run: () => setQuestion({ about: "handOver", member }) }]),
    { label: words.together.remove, danger: true, run: () => setQuestion({ about: "remove", member }) },
  ];
  return (
    <>
      {isOwner && members.length < 2 && <p className="muted">{words.together.onlyYou}</p>}
      <Problem of={setRole.error ?? remove.error ?? handOver.error} />
      <ul className="cards members">
        {members.map((member) => (
          <li key={member.user_id}>
            <Avatar of={member} presence={member.presence} />
            <div>
              <Name of={member} />
              <span className="muted">{about(member, isOwner)}</span>
            </div>
            {isOwner && !member.is_me && (
              <>
                {member.wants_to_steer && (
                  <button
                    type="button"
                    className="primary"
                    aria-label={words.together.allowOf(member.name)}
                    onClick={() => setRole.mutate({ user: member.user_id, role: "steer" })}
                  >
                    {words.together.allow}
                  </button>
                )}
                <select
                  aria-label={words.together.roleOf(member.name)}
                  value={member.role}
                  onChange={(event) => setRole.mutate({ user: member.user_id, role: event.currentTarget.value as Granted })}
                >
                  {(["steer", "watch"] as const).map((role) => (
                    <option key={role} value={role}>
                      {words.together.roles[role]}
                    </option>
                  ))}
                </select>
                <Menu label={words.together.actionsOf(member.name)} items={itemsOf(member)} />
              </>
            )}
            {!isOwner && member.is_me && (
              <button type="button" onClick={() => setQuestion({ about: "leave", member })}>
                {words.together.leave}
              </button>
            )}
          </li>
        ))}
      </ul>
      {question && (
        <Confirm
          {...asked(question)}
          onClose={() => setQuestion(null)}
          onYes={() => {
            const { about, member } = question;
            setQuestion(null);
            if (about === "handOver") handOver.mutate(member.user_id);
            else void remove.mutateAsync(member.user_id).then(about === "leave" ? onLeft : undefined, () => undefined); // this may be gone by then
          }}
        />
      )}
    </>
  );
}

function Name({ of: { name, is_me } }: { of: Member }) {
  return <bdi>{is_me ? words.together.nameOfYou(name) : name}</bdi>;
}

/** *Guest · Can read · Here*; the owner sees the role where it is changed. */
function about({ is_guest, is_me, role, presence, wants_to_steer }: Member, isOwner: boolean): string {
  const said = [
    is_guest && words.together.guest,
    (!isOwner || is_me) && words.together.roles[role],
    words.together.presence[presence],
    wants_to_steer && words.together.wantsToSteer,
  ];
  return said.filter(Boolean).join(" · ");
}

function asked({ about, member: { name } }: Question): { title: string; text: string; does: string } {
  const { together } = words;
  switch (about) {
    case "remove":
      return { title: together.removeTitle(name), text: together.removeText, does: together.remove };
    case "handOver":
      return { title: together.handOverTitle(name), text: together.handOverText, does: together.handOver };
    case "leave":
      return { title: together.leaveTitle, text: together.leaveText, does: together.leave };
  }
}
