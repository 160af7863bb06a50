import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";

import { templates } from "../../api/queries";
import { Problem } from "../../components/Problem";
import { words } from "../../words";

export function TemplateList({ chosen }: { chosen: string | null }) {
  const all = useQuery(templates);
  return (
    <nav aria-label={words.pages.templates} className="list">
      <Problem of={all.error} />
      {all.data?.length === 0 && <p className="muted">{words.templates.empty}</p>}
      <ul>
        {all.data?.map(({ id, title, description, version, is_active, updated_at }) => (
          <li key={id}>
            <Link href={`/templates/${id}`} aria-current={chosen === `${id}` ? "page" : undefined}>
              <span className="title">{title}</span>
              {description && <span className="snippet">{description}</span>}
              <span className="muted">{words.templates.about(version, updated_at, is_active)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
