import { UserPlus, Users } from "lucide-react";
import { useState } from "react";

import type { Member } from "../../api/together";
import { Avatar } from "../../components/Avatar";
import { Dialog } from "../../components/Dialog";
import { Tabs } from "../../components/Tabs";
import type { Gathering } from "../../stores/together";
import { words } from "../../words";
import { useAskers } from "./Happenings";
import { History } from "./History";
import { Links } from "./Links";
import { People } from "./People";
import { Publish } from "./Publish";
import { useGathered } from "./together";

const MOST = 4;
/** As many as a narrow screen has room for. */
const MOST_NARROW = 1;
const VIEWS = ["people", "links", "publish", "history"] as const;

interface Props {
  session: number;
  gathering: Gathering;
  /** Whoever sits here has left. */
  onLeft: () => void;
}

/** Who is there, in the head of the conversation; pressed, it says more and lets others in. */
export function Share({ session, gathering, onLeft }: Props) {
  const [isOpen, setOpen] = useState(false);
  const members = useGathered(gathering, ({ members }) => members);
  const role = useGathered(gathering, ({ role }) => role);
  const askers = useAskers(gathering);
  if (members === undefined) return null;
  const others = members.filter(({ is_me, presence }) => !is_me && presence !== "left");
  const label = role === "owner" ? words.together.peopleHere(namesOf(others)) : words.together.membersHere(namesOf(others));
  return (
    <>
      <button
        type="button"
        className={others.length === 0 ? "quiet icon" : "quiet people"}
        aria-haspopup="dialog"
        title={others.length === 0 && role === "owner" ? words.together.shareHint : label}
        onClick={() => setOpen(true)}
      >
        <span className="for-ears">{label}</span>
        {role === "owner" && askers.length > 0 && <span className="mark" aria-hidden />}
        {others.length > 0 ? <Faces of={others} /> : role === "owner" ? <UserPlus aria-hidden /> : <Users aria-hidden />}
      </button>
      {isOpen && (
        <Dialog
          title={role === "owner" ? words.together.title : words.together.titleOfMembers}
          shape="wide"
          onClose={() => setOpen(false)}
        >
          {role === "owner" ? (
            <Views session={session} gathering={gathering} onLeft={onLeft} />
          ) : (
            <People session={session} gathering={gathering} onLeft={onLeft} />
          )}
        </Dialog>
      )}
    </>
  );
}

function namesOf(members: readonly Member[]): string[] {
  return members.map(({ name }) => name);
}

/** The first of them; how many more there are depends on how many the screen has room for. */
function Faces({ of }: { of: readonly Member[] }) {
  const beyond = (most: number): string | null => (of.length > most ? words.together.more(of.length - most) : null);
  return (
    <span className="faces" aria-hidden>
      {of.slice(0, MOST).map((one) => (
        <Avatar key={one.user_id} of={one} presence={one.presence} />
      ))}
      <bdi className="beyond" dir="ltr">
        {beyond(MOST)}
      </bdi>
      <bdi className="beyond narrow" dir="ltr">
        {beyond(MOST_NARROW)}
      </bdi>
    </span>
  );
}

function Views(props: Props) {
  const [view, setView] = useState<(typeof VIEWS)[number]>("people");
  return (
    <Tabs label={words.together.title} titles={words.together.views} order={VIEWS} chosen={view} onChoose={setView}>
      {view === "people" && <People {...props} />}
      {view === "links" && <Links session={props.session} />}
      {view === "publish" && <Publish session={props.session} />}
      {view === "history" && <History session={props.session} />}
    </Tabs>
  );
}
