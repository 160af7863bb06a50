import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { refresh } from "../../api/refresh";
import type { MessageAnswer } from "../../api/schema";
import { Markdown } from "../../components/markdown/Markdown";
import { useEachChange, useStream } from "../../components/streams";
import { textOf } from "../../protocol/parts";
import type { Tile } from "../../stores/tile";
import { words } from "../../words";
import { transcriptOf } from "./room";
import { standing } from "./standing";

/** What one participant and the model say to each other, with the reply that runs; read, never written. Its end stays in sight. */
export function Transcript({ tile }: { tile: Tile }) {
  const { name, session_id: session } = tile.person;
  const said = useQuery(transcriptOf(session));
  const queries = useQueryClient();
  const run = useStream(tile, ({ wants }) => wants) ?? null;
  const messages = useStream(tile, ({ person }) => person.messages);
  useEffect(() => void refresh(queries, transcriptOf(session).queryKey), [queries, session, run, messages]);
  const all = said.data ?? [];
  const settled = all.filter(({ status }) => status !== "streaming");
  const reply = tile.snapshot.metadata?.assistant_message_id ?? null;
  const isSettled = settled.some(({ id }) => id === reply);
  return (
    <div className="transcript" tabIndex={0} role="region" aria-label={words.rooms.look.label(name)}>
      <div>
        {all.length === 50 && <p className="muted">{words.rooms.look.older}</p>}
        {said.data?.length === 0 && run === null && <p className="muted">{words.rooms.look.empty}</p>}
        {settled.map((message) => (
          <Said key={message.id} message={message} name={name} />
        ))}
        {!isSettled && (run !== null || said.data === undefined || reply !== null) && <Running tile={tile} />}
      </div>
    </div>
  );
}

function Said({ message, name }: { message: MessageAnswer; name: string }) {
  const say = words.rooms.look;
  const isTurn = message.role === "user";
  return (
    <article className={isTurn ? "turn" : "answer"}>
      <h3 className="for-ears speaker">{isTurn ? say.asked(name) : say.answered}</h3>
      {isTurn ? (
        <p className="as-written said" dir="auto">
          {textOf(message.parts)}
        </p>
      ) : (
        <Markdown text={message.content} growing={false} />
      )}
    </article>
  );
}

/** The reply that runs, or the last one where its messages are not known. */
function Running({ tile }: { tile: Tile }) {
  useEachChange(tile);
  return (
    <article className="answer" aria-busy={tile.isRunning}>
      <h3 className="for-ears speaker">{words.rooms.look.answered}</h3>
      {tile.text === "" ? (
        <p className="waiting">{tile.isRunning ? standing(tile) : words.rooms.tiles.silent}</p>
      ) : (
        <Markdown text={tile.text} growing={tile.isRunning} />
      )}
    </article>
  );
}
