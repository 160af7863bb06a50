/** What was written and not sent, by session; it is there again after a reload. */

import type { Document } from "../protocol/documents";

/** `template`: chosen for the next message, with the values of its variables. */
export interface Draft {
  text: string;
  documents: Document[];
  template: { id: number; title: string; variables: Record<string, string> } | null;
}

export const EMPTY: Draft = { text: "", documents: [], template: null };

export function readDraft(session: number | null): Draft {
  try {
    return { ...EMPTY, ...(JSON.parse(localStorage.getItem(key(session)) ?? "{}") as Partial<Draft>) };
  } catch {
    return EMPTY;
  }
}

/** False where the browser has no room for it: then it lives as long as the page. */
export function keepDraft(session: number | null, draft: Draft): boolean {
  try {
    if (draft.text === "" && draft.documents.length === 0 && draft.template === null) localStorage.removeItem(key(session));
    else localStorage.setItem(key(session), JSON.stringify(draft));
    return true;
  } catch {
    return false;
  }
}

function key(session: number | null): string {
  return `draft-${session ?? "new"}`;
}
