import type { ImportPreview } from "../../api/schema";
import { words } from "../../words";

/** What an import would bring, and what it would not. */
export function Contents({ found, onCancel, onImport }: { found: ImportPreview; onCancel: () => void; onImport: () => void }) {
  const fresh = found.sessions - found.earlier;
  const counts = [
    [words.imports.earlier, found.earlier],
    [words.imports.messages, found.messages],
    [words.imports.branches, found.branches],
    [words.imports.documents, found.documents],
  ].filter((row): row is [string, number] => row[1] !== 0);
  const left = Object.entries(found.left).map(([kind, count]) => words.imports.left(kind, count));
  return (
    <>
      <dl className="counts">
        <div>
          <dt>{words.imports.sessions}</dt>
          <dd>{words.imports.count(found.sessions)}</dd>
        </div>
        {counts.map(([name, count]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{words.imports.count(count)}</dd>
          </div>
        ))}
      </dl>
      {found.titles.length > 0 && (
        <p className="muted">
          {words.imports.begins(
            found.titles.map((title) => title || words.imports.untitled),
            found.sessions,
          )}
        </p>
      )}
      {(left.length > 0 || found.refused > 0) && (
        <section className="import-rest">
          <h3>{words.imports.leftOut}</h3>
          <ul>
            {left.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
            <Refused problems={found.problems} of={found.refused} />
          </ul>
        </section>
      )}
      {fresh > found.room && <p className="problem">{words.imports.noRoom(found.room)}</p>}
      {fresh === 0 && found.sessions > 0 && <p>{words.imports.nothingNew}</p>}
      <footer className="buttons">
        <button type="button" onClick={onCancel}>
          {fresh === 0 ? words.common.close : words.common.cancel}
        </button>
        {fresh > 0 && (
          <button type="button" className="primary" disabled={found.room === 0} onClick={onImport}>
            {words.imports.run(Math.min(fresh, found.room))}
          </button>
        )}
      </footer>
    </>
  );
}

/** The conversations that cannot be taken, and why, as items of a list; `of`: how many there are. */
export function Refused({ problems, of }: { problems: ImportPreview["problems"]; of: number }) {
  const more = of - problems.length;
  return (
    <>
      {problems.map(({ title, reason }, at) => (
        <li key={at} dir="auto">
          {words.imports.refused(title || words.imports.untitled, reason)}
        </li>
      ))}
      {more > 0 && <li>{words.imports.moreRefused(more)}</li>}
    </>
  );
}
