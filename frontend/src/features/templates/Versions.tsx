import { useQuery } from "@tanstack/react-query";

import { ago } from "../../components/said";
import { versions } from "./templates";

/** What a template said before. */
export function Versions({ id, current, onUse }: { id: number; current: number; onUse: (content: string) => void }) {
  const all = useQuery(versions(id));
  const earlier = all.data?.filter(({ version }) => version !== current) ?? [];
  if (earlier.length === 0) return null;
  return (
    <section aria-label="Earlier versions">
      <h2>Earlier versions</h2>
      {earlier.map(({ version, content, created_at }) => (
        <details key={version} className="document">
          <summary>
            Version {version} <span className="muted">{ago(created_at)}</span>
          </summary>
          <pre tabIndex={0}>{content}</pre>
          <button type="button" onClick={() => onUse(content)}>
            Take this text
          </button>
        </details>
      ))}
    </section>
  );
}
