import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";

import { templates } from "../../api/queries";
import { useIsGuest } from "../../components/guest";
import type { TemplateAnswer } from "../../api/schema";
import { pathOf } from "../../site";
import { words } from "../../words";

/** The templates that a message beginning with `/` may mean; null when it means none, as it does for a guest. */
export function useSlash(text: string): TemplateAnswer[] | null {
  const isGuest = useIsGuest();
  const word = isGuest ? undefined : /^\/([^\n/]*)$/.exec(text)?.[1];
  const all = useQuery({ ...templates, enabled: word !== undefined });
  if (word === undefined) return null;
  return (all.data ?? [])
    .filter(({ title, is_active }) => is_active && title.toLowerCase().includes(word.trim().toLowerCase()))
    .slice(0, 8);
}

export function SlashMenu({
  found,
  at,
  onAt,
  take,
}: {
  found: TemplateAnswer[];
  at: number;
  onAt: (at: number) => void;
  take: (at: number) => void;
}) {
  return (
    <div className="slash">
      <ul className="choices" role="listbox" id="slash" aria-label={words.composer.templates}>
        {found.map(({ id, title, description }, index) => (
          <li
            key={id}
            id={`slash-${index}`}
            role="option"
            aria-selected={index === at}
            onPointerMove={() => onAt(index)}
            onPointerDown={(event) => {
              event.preventDefault(); // the focus stays where one writes
              take(index);
            }}
          >
            <span>{title}</span>
            <span className="muted">{description}</span>
          </li>
        ))}
      </ul>
      <p className="for-ears" role="status">
        {found.length > 0 && words.composer.found(found.length)}
      </p>
      {found.length === 0 && (
        <p className="muted">
          {words.composer.noTemplates} <Link href={pathOf("templates")}>{words.composer.createTemplate}</Link>
        </p>
      )}
    </div>
  );
}
