/** What is being written: text, documents, a template. Kept through a reload. */

import { useEffect, useRef, useState } from "react";

import { keepDraft, readDraft, type Draft } from "../../stores/drafts";
import { read } from "./attachments";

/** A file on its way to being a document, or one that could not become it. */
export interface Pending {
  id: number;
  name: string;
  problem: string | null;
}

export function useDraft(session: number | null) {
  const [draft, setDraft] = useState(() => readDraft(session));
  const [pending, setPending] = useState<Pending[]>([]);
  const last = useRef(0);

  useEffect(() => {
    keepDraft(session, draft);
  }, [session, draft]);

  const change = (changes: Partial<Draft>): void => setDraft((now) => ({ ...now, ...changes }));

  const attach = async (file: File): Promise<void> => {
    const id = ++last.current;
    setPending((now) => [...now, { id, name: file.name, problem: null }]);
    try {
      const document = await read(file);
      setDraft((now) => ({ ...now, documents: [...now.documents, document] }));
      setPending((now) => now.filter((one) => one.id !== id));
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      setPending((now) => now.map((one) => (one.id === id ? { ...one, problem } : one)));
    }
  };
  const forget = (id: number): void => setPending((now) => now.filter((one) => one.id !== id));
  return { draft, change, setDraft, pending, attach, forget };
}
