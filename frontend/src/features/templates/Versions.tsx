import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { templateVersions } from "../../api/queries";
import { words } from "../../words";
import { Diff } from "./Diff";

interface Props {
  id: number;
  /** The text as it is written now, saved or not. */
  text: string;
  current: number;
  onUse: (content: string) => void;
}

/** What a template said before, and what changed since. */
export function Versions({ id, text, current, onUse }: Props) {
  const all = useQuery(templateVersions(id));
  const earlier = (all.data?.filter(({ version }) => version !== current) ?? []).toSorted(
    (one, other) => other.version - one.version,
  );
  const [chosen, setChosen] = useState<number | null>(null);
  const [target, setTarget] = useState<number | null>(null);
  const from = earlier.find(({ version }) => version === chosen) ?? earlier[0];
  if (from === undefined) return null;
  const to = all.data?.find(({ version }) => version === target)?.content ?? text;
  const say = words.templates;
  return (
    <section aria-label={say.earlierVersions} className="versions">
      <h2>{say.earlierVersions}</h2>
      <div className="buttons">
        <label className="inline">
          {say.from}
          <select value={from.version} onChange={(event) => setChosen(Number(event.currentTarget.value))}>
            {earlier.map(({ version, created_at }) => (
              <option key={version} value={version}>
                {say.versionFrom(version, created_at)}
              </option>
            ))}
          </select>
        </label>
        <label className="inline">
          {say.to}
          <select
            value={target ?? ""}
            onChange={(event) => setTarget(event.currentTarget.value === "" ? null : Number(event.currentTarget.value))}
          >
            <option value="">{say.asWritten}</option>
            {[...(all.data ?? [])]
              .sort((one, other) => other.version - one.version)
              .map(({ version }) => (
                <option key={version} value={version}>
                  {say.version(version)}
                </option>
              ))}
          </select>
        </label>
        <button type="button" onClick={() => onUse(from.content)}>
          {say.useVersion(from.version)}
        </button>
      </div>
      {from.content === to ? <p className="muted">{say.same}</p> : <Diff before={from.content} after={to} />}
    </section>
  );
}
