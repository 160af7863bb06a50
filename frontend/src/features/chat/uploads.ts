/** Files that somebody chooses, drops or pastes, on their way into a draft, or into a turn that is being said differently. */

import { useMemo, useSyncExternalStore } from "react";

import { forget, upload } from "../../api/media";
import type { MessageAnswer } from "../../api/schema";
import { useRoomOfGuest } from "../../components/guest";
import { picturesOf, type Picture } from "../../protocol/parts";
import { drafts } from "../../stores/drafts";
import { notices } from "../../stores/notices";
import { uploads, type Attach, type Place } from "../../stores/uploads";
import { words } from "../../words";
import { read } from "./attachments";

/** As many pictures as the gateway takes with a message. */
export const MOST_PICTURES = 8;

/** What a file picker offers as pictures. */
export const PICTURES = "image/png,image/jpeg,image/webp,image/gif";

/** What files are attached to. `pictures`: those that it has already; null once it is gone. `document`: null where it takes none. */
interface Target {
  place: Place;
  /** The room of a guest, null for anybody else. */
  room: number | null;
  pictures: () => readonly Picture[] | null;
  take: (picture: Picture) => void;
  document: ((file: File) => Attach) | null;
  say: (problem: string) => void;
}

/** Files on their way into the draft of a session. */
export function useUploads(session: number | null) {
  const room = useRoomOfGuest();
  return useUploadsTo(useMemo(() => draftOf(session, room), [session, room]));
}

/** Pictures on their way into a turn. */
export function useTurnUploads(turn: MessageAnswer) {
  const room = useRoomOfGuest();
  return useUploadsTo(useMemo(() => turnOf(turn, room), [turn, room]));
}

function useUploadsTo(target: Target) {
  const { place } = target;
  const pending = useSyncExternalStore(uploads.subscribe, () => uploads.get(place));
  return {
    pending,
    attach: (files: Iterable<File>): void => attach(target, [...files]),
    forget: (id: number): void => uploads.remove(place, id),
  };
}

/** Pictures beyond what a message takes are left out, and the page says so. */
function attach(target: Target, files: readonly File[]): void {
  const { place, document, say } = target;
  const isOnItsWay = uploads.get(place).filter(({ kind, problem }) => kind === "picture" && problem === null);
  const room = Math.max(0, MOST_PICTURES - (target.pictures()?.length ?? 0) - isOnItsWay.length);
  const pictures = files.filter(isPicture);
  for (const file of pictures.slice(0, room))
    void uploads.add(place, { name: file.name, kind: "picture" }, pictureOf(target, file));
  for (const file of files.filter((one) => !isPicture(one))) {
    if (document === null) say(words.pictures.only);
    else void uploads.add(place, { name: file.name, kind: "document" }, document(file));
  }
  if (pictures.length > room) say(words.pictures.tooMany(MOST_PICTURES, pictures.length - room));
}

function isPicture({ type }: File): boolean {
  return type.startsWith("image/") && type !== "image/svg+xml"; // which is a text
}

/** It gets the picture also when another session is in sight by then. */
function pictureOf(target: Target, file: File): Attach {
  return async (onShare, signal) => {
    const { id, width, height } = await upload(file, onShare, signal, target.room);
    if (target.pictures() === null) lose([{ id }]);
    else target.take({ id, width, height });
  };
}

function draftOf(session: number | null, room: number | null): Target {
  return {
    place: session,
    room,
    pictures: () => drafts.get(session).pictures,
    take: (picture) => drafts.attachPicture(session, picture),
    document: (file) => async (_, signal) => {
      const found = await read(file, room);
      if (!signal.aborted) drafts.attach(session, found);
    },
    say: (problem) => drafts.change(session, { problem }),
  };
}

function turnOf({ id, session_id, parts }: MessageAnswer, room: number | null): Target {
  const pictures = () => {
    const edit = drafts.editOf(session_id, id);
    return edit === undefined ? null : (edit.pictures ?? picturesOf(parts));
  };
  return {
    place: `turn ${id}`,
    room,
    pictures,
    take: (picture) => {
      const edit = drafts.editOf(session_id, id);
      if (edit !== undefined) drafts.edit(session_id, { ...edit, pictures: [...(pictures() ?? []), picture] });
    },
    document: null,
    say: (problem) => notices.show(problem),
  };
}

/** Takes a picture out of a draft; nothing of it is kept where no other draft has it. */
export function removePicture(session: number | null, picture: Picture): void {
  drafts.change(session, { pictures: drafts.get(session).pictures.filter(({ id }) => id !== picture.id) });
  lose([picture]);
}

/** Ends what is on its way into a turn, and forgets the pictures that were added to it and not sent. */
export function leaveTurn({ id, parts }: MessageAnswer, pictures: readonly Picture[]): void {
  for (const one of uploads.get(`turn ${id}`)) uploads.remove(`turn ${id}`, one.id);
  const own = new Set(picturesOf(parts).map((picture) => picture.id));
  lose(pictures.filter((picture) => !own.has(picture.id)));
}

/** Pictures that no draft of this browser has are forgotten; the gateway does that by itself a day later. */
function lose(pictures: readonly Pick<Picture, "id">[]): void {
  for (const { id } of pictures) if (!drafts.hasPicture(id)) forget(id).catch(() => undefined);
}

/** The pictures with one of them at another place. */
export function moved(pictures: readonly Picture[], from: number, to: number): readonly Picture[] {
  const others = pictures.toSpliced(from, 1);
  return others.toSpliced(to, 0, ...pictures.slice(from, from + 1));
}
