import { useQuery } from "@tanstack/react-query";

import { templateVersions } from "../../api/queries";
import { words } from "../../words";

/** What a template said before. */
export function Versions({ id, current, onUse }: { id: number; current: number; onUse: (content: string) => void }) {
  const all = useQuery(templateVersions(id));
  const earlier = all.data?.filter(({ version }) => version !== current) ?? [];
  if (earlier.length === 0) return null;
  return (
    <section aria-label={words.templates.earlierVersions}>
      <h2>{words.templates.earlierVersions}</h2>
      {earlier.map(({ version, content, created_at }) => (
        <details key={version} className="document">
          <summary>
            {words.templates.version(version)} <span className="muted">{words.format.ago(created_at)}</span>
          </summary>
          <pre tabIndex={0}>{content}</pre>
          <button type="button" onClick={() => onUse(content)}>
            {words.templates.useText}
          </button>
        </details>
      ))}
    </section>
  );
}
