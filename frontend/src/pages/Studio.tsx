import { useQuery } from "@tanstack/react-query";
import { SlidersHorizontal } from "lucide-react";
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { useLocation } from "wouter";

import { addressOf } from "../base";
import { health, sessionList, sessionOf } from "../api/queries";
import { titleOf } from "../api/title";
import type { FolderAnswer, ListedSession, SessionSettings } from "../api/schema";
import type { Role } from "../api/together";
import { Panel } from "../components/Boundary";
import { useConversations } from "../features/chat/streams";
import { Viewer } from "../features/chat/Viewer";
import { Blind, Model, useChooseModel } from "../features/options/Model";
import { Options } from "../features/options/Options";
import { useCommands } from "../features/palette/commands";
import { useFolderOfNew } from "../features/sessions/folders";
import { MoveDialog } from "../features/sessions/MoveDialog";
import { useDeleteSession } from "../features/sessions/sessions";
import { pathOf } from "../site";
import type { Command } from "../stores/commands";
import { Kept } from "../stores/kept";
import { preferences } from "../stores/preferences";
import { speech } from "../stores/speech";
import { gatherings } from "../stores/together";
import { words } from "../words";
import { Conversation } from "./Conversation";

const never = (): (() => void) => () => undefined;

type Listed = Pick<ListedSession, "id" | "title" | "folder_id" | "model" | "role">;

const FRESH: SessionSettings = {};

/** The conversation in sight and, on demand, its options. Without a session: a new one. */
export function Studio({ session }: { session: number | null }) {
  const folder = useFolderOfNew();
  const { fresh, setFresh, onMade } = useFresh(folder);
  const conversations = useConversations();
  const { options } = useSyncExternalStore(preferences.subscribe, preferences.get);
  const listed = useListed(session);
  const [isMoved, setMoved] = useState(false);
  const [isPicking, setPicking] = useState(false);
  const chooseModel = useChooseModel(session, conversations.pending);
  const role = useRoleIn(session, listed);
  const maySteer = role !== "watch";
  const model = (session === null ? fresh.model : listed?.model) ?? null;
  const blind = useMemo(() => <Blind model={model} onPick={() => setPicking(true)} />, [model]);
  const [, navigate] = useLocation();
  const onLeft = useCallback(() => navigate(pathOf("studio")), [navigate]);
  useVoiceOffer();
  useCommands(useStudioCommands(listed, role === "owner", setPicking, setMoved));

  const fresher = folder === undefined ? words.studio.newConversation : words.folders.newInTitle(folder.name);
  const title = session === null ? fresher : listed === undefined ? words.studio.newConversation : titleOf(listed);
  const hasOptions = options && maySteer;
  return (
    <div className="studio" data-options={hasOptions ? "open" : undefined}>
      <Conversation
        session={session}
        title={title}
        role={role}
        settings={fresh}
        onMade={onMade}
        onLeft={onLeft}
        blind={blind}
        head={
          maySteer && (
            <>
              <Panel part="options">
                <Model
                  model={model}
                  isOpen={isPicking}
                  onOpen={setPicking}
                  onChoose={(model) => (session === null ? setFresh({ ...fresh, model }) : chooseModel(model))}
                />
              </Panel>
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
            </>
          )
        }
      />
      {hasOptions && (
        <Panel part="options">
          <Options
            session={session}
            fresh={fresh}
            onFresh={setFresh}
            onClose={() => preferences.set({ options: false })}
            pending={conversations.pending}
            onEmptied={(emptied) => conversations.of(emptied).drop()}
            isOwner={role === "owner"}
          />
        </Panel>
      )}
      <Viewer />
      {isMoved && listed && <MoveDialog session={listed} onClose={() => setMoved(false)} />}
    </div>
  );
}

/** What whoever sits here may do in the session; until that is known, what its entry in the list says, or everything. */
function useRoleIn(session: number | null, listed: Listed | undefined): Role {
  const gathering = session === null ? null : gatherings.of(session);
  const known = useSyncExternalStore(gathering?.subscribe ?? never, () => gathering?.role);
  return known ?? listed?.role ?? "owner";
}

/** What the gateway can speak and write down. */
function useVoiceOffer(): void {
  const about = useQuery(health).data as { voice?: typeof speech.offered } | undefined; // a gateway of an earlier release does not say
  const voice = about?.voice;
  useEffect(() => {
    if (voice !== undefined) speech.offer(voice);
  }, [voice]);
}

/** The session in sight, also where the list does not know it, such as in a folder that is closed. */
function useListed(session: number | null): Listed | undefined {
  const known = useQuery(sessionList).data?.find(({ id }) => id === session);
  const asked = useQuery({ ...sessionOf(session ?? 0), enabled: session !== null });
  return known ?? (session === null ? undefined : asked.data);
}

/** What was chosen for the next new session, by folder: it is there again after a reload. */
const chosenFor = new Kept<SessionSettings>("fresh");

/** What was chosen for the session that the next message begins; in a folder, beside what the folder has. Another folder, another choice. */
function useFresh(folder: FolderAnswer | undefined) {
  const of = folder?.id ?? null;
  const [settings, setSettings] = useState({ of, chosen: chosenFor.get(of) ?? FRESH });
  if (settings.of !== of) setSettings({ of, chosen: chosenFor.get(of) ?? FRESH });
  const { chosen } = settings;
  const ofFolder = useMemo((): SessionSettings => {
    if (folder === undefined) return FRESH;
    const { id, model, system_prompt } = folder;
    return { folder_id: id, ...(model && { model }), ...(system_prompt && { system_prompt }) };
  }, [folder]);
  const fresh = useMemo((): SessionSettings => ({ ...ofFolder, ...chosen }), [ofFolder, chosen]);
  const setFresh = useCallback(
    (next: SessionSettings) => {
      const known = new Map(Object.entries(ofFolder));
      const own: SessionSettings = Object.fromEntries(Object.entries(next).filter(([name, value]) => known.get(name) !== value));
      chosenFor.set(of, own);
      setSettings({ of, chosen: own });
    },
    [of, ofFolder],
  );
  const onMade = useCallback(() => {
    chosenFor.delete(of);
    setSettings({ of, chosen: FRESH });
  }, [of]);
  return { fresh, setFresh, onMade };
}

function useStudioCommands(
  listed: Listed | undefined,
  isOwner: boolean,
  pick: (isOpen: boolean) => void,
  setMoved: (isMoved: boolean) => void,
): readonly Command[] {
  const [, navigate] = useLocation();
  const remove = useDeleteSession();
  const { id, title } = listed ?? {};
  return useMemo(() => {
    const always: Command[] = [
      { title: words.studio.newConversation, key: "n", run: () => navigate(pathOf("studio")) },
      { title: words.picker.title, chord: "m", run: () => pick(true) },
      { title: words.studio.toggleOptions, key: "o", run: () => preferences.set({ options: !preferences.get().options }) },
    ];
    if (id === undefined || title === undefined) return always;
    const markdown = {
      title: words.studio.exportMarkdown,
      run: () => location.assign(addressOf(`/api/chatbot/sessions/${id}/export?format=markdown`)),
    };
    if (!isOwner) return [...always, markdown];
    return [
      ...always,
      { title: words.folders.moveThis, key: "m", run: () => setMoved(true) },
      markdown,
      { title: words.studio.exportJson, run: () => location.assign(addressOf(`/api/chatbot/sessions/${id}/export?format=json`)) },
      {
        title: words.studio.deleteConversation,
        run: () => {
          navigate(pathOf("studio"));
          remove({ id, title });
        },
      },
    ];
  }, [id, title, isOwner, navigate, remove, pick, setMoved]);
}
