import { useEffect, useEffectEvent, useRef, useSyncExternalStore } from "react";

import { together, type Member, type Role } from "../../api/together";
import { notices } from "../../stores/notices";
import type { Gathering, Lead } from "../../stores/together";
import { words } from "../../words";
import { Announcer } from "./Presence";

interface Props {
  session: number;
  gathering: Gathering;
  /** Somebody leads everybody to a message. */
  onLead: (lead: Lead) => void;
}

const NOBODY: readonly Member[] = [];

/** What happens among the people of a session while one looks, said where it concerns whoever sits here. */
export function Happenings({ session, gathering, onLead }: Props) {
  useEffect(() => gathering.watch(), [gathering]);
  useLeads(gathering, onLead);
  useAsking(session, gathering);
  useOwnRole(gathering);
  return <Announcer gathering={gathering} />;
}

function useLeads(gathering: Gathering, onLead: (lead: Lead) => void): void {
  const lead = useSyncExternalStore(gathering.subscribe, () => gathering.lead);
  const known = useRef(lead);
  const follow = useEffectEvent(onLead);
  useEffect(() => {
    if (lead === null || known.current === lead) return;
    known.current = lead;
    if (lead.by !== undefined) notices.show(lead.by.is_me ? words.together.youLead : words.together.leadsYou(lead.by.name));
    follow(lead);
  }, [lead]);
}

/** Whoever asks to write is said to the owner, who may say yes at once. */
function useAsking(session: number, gathering: Gathering): void {
  const members = useSyncExternalStore(gathering.subscribe, () => gathering.members);
  const known = useRef<ReadonlySet<number> | null>(null);
  useEffect(() => {
    if (members === undefined) return;
    const asking = members.filter(({ wants_to_steer }) => wants_to_steer);
    const before = known.current;
    known.current = new Set(asking.map(({ user_id }) => user_id));
    if (gathering.role !== "owner" || before === null) return; // who asked before stands in the list
    for (const { user_id, name } of asking) {
      if (before.has(user_id)) continue;
      notices.show(words.together.askedToSteer(name), {
        label: words.together.allow,
        run: () => {
          together.setRole(session, user_id, "steer").catch((error: unknown) => {
            notices.show(error instanceof Error ? error.message : String(error));
          });
        },
      });
    }
  }, [session, gathering, members]);
}

function useOwnRole(gathering: Gathering): void {
  const role = useSyncExternalStore(gathering.subscribe, () => gathering.role);
  const known = useRef<Role | undefined>(undefined);
  useEffect(() => {
    const before = known.current;
    known.current = role;
    if (before !== undefined && role !== undefined && before !== role) notices.show(words.together.nowYou[role]);
  }, [role]);
}

/** Those who ask to write. */
export function useAskers(gathering: Gathering): readonly Member[] {
  const members = useSyncExternalStore(gathering.subscribe, () => gathering.members) ?? NOBODY;
  return members.filter(({ wants_to_steer }) => wants_to_steer);
}
