/** Files on their way to being documents of a draft. */

import { useRef, useState } from "react";

import { drafts } from "../../stores/drafts";
import { read } from "./attachments";

/** `problem`: why it could not become one. */
export interface Pending {
  id: number;
  name: string;
  problem: string | null;
}

export function useUploads(session: number | null) {
  const [pending, setPending] = useState<Pending[]>([]);
  const last = useRef(0);
  const attach = async (file: File): Promise<void> => {
    const id = ++last.current;
    setPending((now) => [...now, { id, name: file.name, problem: null }]);
    try {
      drafts.attach(session, await read(file)); // also when another session is in sight by now
      setPending((now) => now.filter((one) => one.id !== id));
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      setPending((now) => now.map((one) => (one.id === id ? { ...one, problem } : one)));
    }
  };
  const forget = (id: number): void => setPending((now) => now.filter((one) => one.id !== id));
  return { pending, attach, forget };
}
