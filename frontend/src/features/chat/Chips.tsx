import { FileText, ScrollText, X } from "lucide-react";
import type { ReactNode } from "react";

import type { Draft } from "../../stores/drafts";
import { words } from "../../words";
import type { Pending } from "./uploads";

interface Props {
  draft: Draft;
  pending: Pending[];
  change: (changes: Partial<Draft>) => void;
  forget: (id: number) => void;
}

/** What goes along with the message: documents, and a template for the prompt. */
export function Chips({ draft, pending, change, forget }: Props) {
  const { template, documents } = draft;
  if (template === null && documents.length === 0 && pending.length === 0) return null;
  return (
    <ul className="chips" aria-label={words.composer.attached}>
      {template && (
        <Chip icon={<ScrollText aria-hidden />} name={template.title} onRemove={() => change({ template: null })}>
          {words.composer.fromNow}
        </Chip>
      )}
      {documents.map((document, at) => (
        <Chip
          key={at}
          icon={<FileText aria-hidden />}
          name={document.name}
          onRemove={() => change({ documents: documents.filter((one) => one !== document) })}
        >
          {words.composer.characters(document.text.length)}
        </Chip>
      ))}
      {pending.map(({ id, name, problem }) => (
        <Chip key={`pending ${id}`} icon={<FileText aria-hidden />} name={name} onRemove={() => forget(id)}>
          {problem === null ? words.composer.reading : <span className="problem">{problem}</span>}
        </Chip>
      ))}
    </ul>
  );
}

function Chip({ icon, name, children, onRemove }: { icon: ReactNode; name: string; children: ReactNode; onRemove: () => void }) {
  return (
    <li>
      {icon}
      <span className="title">{name}</span>
      <span className="muted">{children}</span>
      <button type="button" className="quiet icon" aria-label={words.composer.remove(name)} onClick={onRemove}>
        <X aria-hidden />
      </button>
    </li>
  );
}
