import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore, type ReactNode } from "react";
import { useLocation, useSearch } from "wouter";

import { ApiError } from "../api/http";
import { refresh } from "../api/refresh";
import type { MessageAnswer, SessionSettings } from "../api/schema";
import type { Role } from "../api/together";
import { Panel } from "../components/Boundary";
import { ListButton } from "../components/frame";
import { Title } from "../components/Title";
import { CompanyContext } from "../features/chat/company";
import { Composer } from "../features/chat/Composer";
import { messageList } from "../features/chat/messages";
import { useSessionActions } from "../features/chat/session-actions";
import { useInSight, useLiveReply } from "../features/chat/streams";
import { Starters } from "../features/chat/Starters";
import { Thread } from "../features/chat/Thread";
import { beginEdit } from "../features/chat/Turn";
import { Happenings } from "../features/together/Happenings";
import { Typing, Watching } from "../features/together/Presence";
import { Share } from "../features/together/Share";
import { sessionPath } from "../site";
import { gatherings, type Gathering, type Lead } from "../stores/together";
import { words } from "../words";
import { NotFound } from "./NotFound";
import { Removed } from "./Removed";

const NO_MESSAGES: MessageAnswer[] = [];
const never = (): (() => void) => () => undefined;

interface Props {
  session: number | null;
  title: string;
  /** What whoever sits here may do, until the people of the session are known. */
  role: Role | undefined;
  /** What was chosen for the session that the first message makes. */
  settings: SessionSettings;
  onMade: () => void;
  /** Whoever sits here has left it. */
  onLeft: () => void;
  /** What stands at the end of the head. */
  head?: ReactNode;
  /** Stands where pictures are written to a model that cannot see them. */
  blind?: ReactNode;
}

/** A conversation below its head, who else is there, and where one writes. The same for somebody with an account and for a guest. */
export function Conversation({ session, title, role, settings, onMade, onLeft, head, blind = null }: Props) {
  const messages = useQuery({ ...messageList(session ?? 0), enabled: session !== null });
  const live = useLiveReply(session);
  const actions = useSessionActions(session, settings, onMade);
  const [sought, onSought] = useSought(actions.show);
  const gathering = session === null ? null : gatherings.of(session);
  const isRemoved = useSyncExternalStore(gathering?.subscribe ?? never, () => gathering?.isRemoved ?? false);
  const known = useSyncExternalStore(gathering?.subscribe ?? never, () => gathering?.role) ?? role;
  const company = useMemo(() => ({ gathering, role }), [gathering, role]);
  useInSight(session);
  const onLead = useLead(session, gathering);

  const lastTurn = messages.data?.findLast(({ role }) => role === "user");
  const writer = lastTurn?.author ?? null;
  useEffect(() => {
    if (writer !== null) gathering?.sent(writer.user_id);
  }, [gathering, writer, lastTurn]);

  if (isRemoved) return <Removed />;
  if (messages.error instanceof ApiError && messages.error.status === 404) return <NotFound />;
  const isEmpty = live === undefined && (session === null || messages.data?.length === 0);
  return (
    <CompanyContext value={company}>
      <Title>{title}</Title>
      <main className="middle" data-empty={isEmpty ? "" : undefined}>
        <header>
          <ListButton />
          <h1 className="title" dir="auto">
            {title}
          </h1>
          {session !== null && gathering !== null && (
            <Panel part="people">
              <Share key={session} session={session} gathering={gathering} onLeft={onLeft} />
              <Happenings key={`happenings ${session}`} session={session} gathering={gathering} onLead={onLead} />
            </Panel>
          )}
          {head}
        </header>
        {isEmpty ? (
          <h2 className="welcome">{known === "watch" ? words.together.nothingSaid : words.studio.welcome}</h2>
        ) : (
          <Panel key={`thread ${session ?? "new"}`} part="conversation" of={messages.data}>
            <Thread
              session={session}
              messages={messages.data ?? []}
              live={live}
              actions={actions}
              sought={sought}
              onSought={onSought}
              blind={blind}
            />
          </Panel>
        )}
        {messages.error && (
          <p className="problem" role="alert">
            {messages.error.message}{" "}
            <button type="button" onClick={() => void messages.refetch()}>
              {words.common.tryAgain}
            </button>
          </p>
        )}
        {gathering !== null && <Typing gathering={gathering} />}
        {known === "watch" && session !== null && gathering !== null ? (
          <Watching session={session} gathering={gathering} />
        ) : (
          known !== undefined && (
            <Panel key={`composer ${session ?? "new"}`} part="composer">
              <Composer
                session={session}
                live={live}
                messages={messages.data ?? NO_MESSAGES}
                actions={actions}
                onEditLast={() => lastTurn && beginEdit(lastTurn)}
                blind={blind}
              />
            </Panel>
          )
        )}
        {isEmpty && known !== "watch" && <Starters session={session} say={actions.say} />}
      </main>
    </CompanyContext>
  );
}

/** Goes to the message to which somebody leads everybody; where that is on another branch, once this page has it. */
function useLead(session: number | null, gathering: Gathering | null): (lead: Lead) => void {
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  return useCallback(
    ({ by, message }) => {
      if (session === null || by?.user_id === gathering?.me?.user_id) return;
      void refresh(queries, ["messages", session]).then(() => navigate(sessionPath(session, message), { replace: true }));
    },
    [session, gathering, queries, navigate],
  );
}

/** The message that the address asks for. One that is on another branch is looked for once more where it is. */
function useSought(show: (message: number) => Promise<void>): [number | null, (isThere: boolean) => void] {
  const [path, navigate] = useLocation();
  const [shown, setShown] = useState<number | null>(null);
  const asked = /^\d{1,10}$/.exec(new URLSearchParams(useSearch()).get("message") ?? "");
  const sought = asked === null ? null : Number(asked[0]);
  return [
    sought,
    (isThere) => {
      if (sought === null) return;
      if (isThere) {
        navigate(path, { replace: true });
        document.getElementById(`message-${sought}`)?.scrollIntoView({ block: "center" });
      } else if (shown !== sought) {
        setShown(sought);
        void show(sought);
      }
    },
  ];
}
