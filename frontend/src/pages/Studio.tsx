import { useQuery } from "@tanstack/react-query";
import { Menu, SlidersHorizontal } from "lucide-react";
import { useCallback, useMemo, useState, useSyncExternalStore } from "react";
import { useLocation, useSearch } from "wouter";

import { ApiError } from "../api/http";
import { sessionList } from "../api/queries";
import type { ListedSession, SessionSettings } from "../api/schema";
import { Panel } from "../components/Boundary";
import { Title } from "../components/Title";
import { AccountMenu } from "../features/account/AccountMenu";
import { Composer } from "../features/chat/Composer";
import { useSessionActions } from "../features/chat/session-actions";
import { messageList } from "../features/chat/messages";
import { useConversations, useInSight, useLiveReply } from "../features/chat/streams";
import { Thread } from "../features/chat/Thread";
import { beginEdit } from "../features/chat/Turn";
import { Options } from "../features/options/Options";
import { useCommands } from "../features/palette/commands";
import { SessionList } from "../features/sessions/SessionList";
import { useDeleteSession } from "../features/sessions/sessions";
import { pathOf } from "../site";
import type { Command } from "../stores/commands";
import { preferences } from "../stores/preferences";
import { words } from "../words";
import { NotFound } from "./NotFound";

const FRESH: SessionSettings = {};

/** The conversations on the left, the one in sight in the middle, on demand its options on the right. Without a session: a new one. */
export function Studio({ session }: { session: number | null }) {
  const [isListOpen, setListOpen] = useState(false);
  const [fresh, setFresh] = useState(FRESH);
  const onMade = useCallback(() => setFresh(FRESH), []);
  const conversations = useConversations();
  const { options } = useSyncExternalStore(preferences.subscribe, preferences.get);
  const messages = useQuery({ ...messageList(session ?? 0), enabled: session !== null });
  const listed = useQuery(sessionList).data?.find(({ id }) => id === session);
  const live = useLiveReply(session);
  const actions = useSessionActions(session, fresh, onMade);
  const [sought, onSought] = useSought(actions.show);
  useInSight(session);
  useCommands(useStudioCommands(listed));

  if (messages.error instanceof ApiError && messages.error.status === 404) return <NotFound />;
  const title = listed?.title ?? words.studio.newConversation;
  const isEmpty = live === undefined && (session === null || messages.data?.length === 0);
  const lastTurn = messages.data?.findLast(({ role }) => role === "user");
  return (
    <div className="studio" data-list={isListOpen ? "open" : undefined} data-options={options ? "open" : undefined}>
      <Title>{title}</Title>
      <aside className="side" aria-label={words.studio.side}>
        <Panel part="conversations">
          <SessionList shown={session} onChosen={() => setListOpen(false)} />
        </Panel>
        <Panel part="account">
          <AccountMenu />
        </Panel>
      </aside>
      <main className="middle">
        <header>
          <button
            type="button"
            className="quiet icon list-button"
            aria-label={words.studio.conversations}
            aria-expanded={isListOpen}
            onClick={() => setListOpen(!isListOpen)}
          >
            <Menu aria-hidden />
          </button>
          <h1 className="title">{title}</h1>
          <button
            type="button"
            className="quiet icon"
            title={words.studio.optionsHint}
            aria-label={words.studio.options}
            aria-expanded={options}
            onClick={() => preferences.set({ options: !options })}
          >
            <SlidersHorizontal aria-hidden />
          </button>
        </header>
        {isEmpty ? (
          <div className="welcome">
            <h2>{words.studio.welcome}</h2>
            <p>{words.studio.example}</p>
          </div>
        ) : (
          <Panel key={`thread ${session ?? "new"}`} part="conversation" of={messages.data}>
            <Thread
              session={session}
              messages={messages.data ?? []}
              live={live}
              actions={actions}
              sought={sought}
              onSought={onSought}
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
        <Panel key={`composer ${session ?? "new"}`} part="composer">
          <Composer session={session} live={live} say={actions.say} onEditLast={() => lastTurn && beginEdit(lastTurn)} />
        </Panel>
      </main>
      {options && (
        <Panel part="options">
          <Options
            session={session}
            fresh={fresh}
            onFresh={setFresh}
            onClose={() => preferences.set({ options: false })}
            pending={conversations.pending}
            onEmptied={(emptied) => conversations.of(emptied).drop()}
          />
        </Panel>
      )}
    </div>
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

function useStudioCommands(listed: ListedSession | undefined): readonly Command[] {
  const [, navigate] = useLocation();
  const remove = useDeleteSession();
  const { id, title } = listed ?? {};
  return useMemo(() => {
    const always: Command[] = [
      { title: words.studio.newConversation, key: "n", run: () => navigate(pathOf("studio")) },
      { title: words.studio.toggleOptions, key: "o", run: () => preferences.set({ options: !preferences.get().options }) },
    ];
    if (id === undefined || title === undefined) return always;
    return [
      ...always,
      {
        title: words.studio.exportMarkdown,
        run: () => location.assign(`/api/chatbot/sessions/${id}/export?format=markdown`),
      },
      { title: words.studio.exportJson, run: () => location.assign(`/api/chatbot/sessions/${id}/export?format=json`) },
      {
        title: words.studio.deleteConversation,
        run: () => {
          navigate(pathOf("studio"));
          remove({ id, title });
        },
      },
    ];
  }, [id, title, navigate, remove]);
}
