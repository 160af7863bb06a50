import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";

import { templates } from "../../api/queries";
import { ago } from "../../components/said";
import { Problem } from "../../components/Problem";

export function TemplateList({ chosen }: { chosen: string | null }) {
  const all = useQuery(templates);
  return (
    <nav aria-label="Templates" className="list">
      <Problem of={all.error} />
      {all.data?.length === 0 && (
        <p className="muted">
          A template is a prompt to begin conversations with. For example: “Translate what I write into {"{{language=English}}"}.
          Tone: {"{{tone}}"}.”
        </p>
      )}
      <ul>
        {all.data?.map(({ id, title, description, version, is_active, updated_at }) => (
          <li key={id}>
            <Link href={`/templates/${id}`} aria-current={chosen === `${id}` ? "page" : undefined}>
              <span className="title">{title}</span>
              {description && <span className="snippet">{description}</span>}
              <span className="muted">
                version {version}, {ago(updated_at)}
                {is_active ? "" : ", put away"}
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
