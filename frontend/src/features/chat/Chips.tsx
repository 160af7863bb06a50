import { FileText, Image, ScrollText, TextCursorInput, X } from "lucide-react";
import type { ReactNode } from "react";

import type { Document, Picture } from "../../protocol/parts";
import type { Draft } from "../../stores/drafts";
import type { Upload } from "../../stores/uploads";
import { FileName } from "../../components/FileName";
import { words } from "../../words";
import { PictureItems, PictureOnItsWay } from "./PictureChips";

interface Props {
  draft: Draft;
  pending: readonly Upload[];
  change: (changes: Partial<Draft>) => void;
  forget: (id: number) => void;
  removePicture: (picture: Picture) => void;
  movePicture: (from: number, to: number) => void;
  /** Writes a document's text into the message instead. */
  asText: (document: Document) => void;
}

/** What goes along with the message: documents, pictures, and a template for the prompt. */
export function Chips({ draft, pending, change, forget, removePicture, movePicture, asText }: Props) {
  const { template, documents, pictures } = draft;
  if (template === null && documents.length + pictures.length + pending.length === 0) return null;
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
          onText={() => asText(document)}
        >
          {words.composer.characters(document.text.length)}
        </Chip>
      ))}
      <PictureItems pictures={pictures} onRemove={removePicture} onMove={movePicture} />
      <OnTheirWay pending={pending} forget={forget} />
    </ul>
  );
}

/** Files that are not there yet, and those that cannot be. */
export function OnTheirWay({ pending, forget }: Pick<Props, "pending" | "forget">) {
  return (
    <>
      {pending.filter(isPictureOnItsWay).map((upload) => (
        <PictureOnItsWay key={upload.id} upload={upload} onCancel={() => forget(upload.id)} />
      ))}
      {pending
        .filter((one) => !isPictureOnItsWay(one))
        .map(({ id, name, kind, problem }) => (
          <Chip
            key={id}
            icon={kind === "picture" ? <Image aria-hidden /> : <FileText aria-hidden />}
            name={name}
            onRemove={() => forget(id)}
            isProblem={problem !== null}
          >
            {problem ?? words.composer.reading}
          </Chip>
        ))}
    </>
  );
}

function isPictureOnItsWay({ kind, problem }: Upload): boolean {
  return kind === "picture" && problem === null;
}

interface ChipProps {
  icon: ReactNode;
  name: string;
  children: ReactNode;
  onRemove: () => void;
  onText?: () => void;
  /** What stands below the name is why it could not be attached. */
  isProblem?: boolean;
}

function Chip({ icon, name, children, onRemove, onText, isProblem = false }: ChipProps) {
  return (
    <li className={isProblem ? "refused" : undefined}>
      {icon}
      <span className="what">
        <FileName name={name} />
        <span className={isProblem ? "problem" : "muted"}>{children}</span>
      </span>
      {onText && (
        <button
          type="button"
          className="quiet icon"
          title={words.composer.asTextHint}
          aria-label={words.composer.asText(name)}
          onClick={onText}
        >
          <TextCursorInput aria-hidden />
        </button>
      )}
      <button type="button" className="quiet icon" aria-label={words.composer.remove(name)} onClick={onRemove}>
        <X aria-hidden />
      </button>
    </li>
  );
}
