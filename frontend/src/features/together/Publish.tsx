import { useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";

import { addressOf } from "../../base";
import { publicationPath, type Contents } from "../../api/together";
import { Confirm } from "../../components/Confirm";
import { Problem } from "../../components/Problem";
import { Secret } from "../../components/Secret";
import { words } from "../../words";
import { notices } from "../../stores/notices";
import { publicationList, usePublish, useWithdraw } from "./together";

/** What a page holds besides texts and pictures is chosen. */
const LEAST: Contents = { pictures: true, names: false, prompt: false, thoughts: false, documents: false };
const PARTS = ["pictures", "names", "prompt", "thoughts", "documents"] as const;

/** The branch in sight as a page for everybody, after a look at exactly what is in it. */
export function Publish({ session }: { session: number }) {
  const [contents, setContents] = useState<Contents>(LEAST);
  const publish = usePublish(session);
  return (
    <div className="fields">
      {publish.data ? (
        <>
          <Secret
            value={location.origin + addressOf(`/s/${publish.data.secret}`)}
            title={words.together.pageTitle}
            about={words.together.pageMade}
            copy={words.together.copyLink}
          />
          <footer className="buttons">
            <button type="button" className="primary" onClick={() => publish.reset()}>
              {words.together.done}
            </button>
          </footer>
        </>
      ) : (
        <>
          <p className="muted">{words.together.publishAbout}</p>
          <fieldset className="parts">
            <legend>{words.together.withParts}</legend>
            {PARTS.map((part) => (
              <label key={part} className="check">
                <input
                  type="checkbox"
                  checked={contents[part]}
                  onChange={(event) => setContents({ ...contents, [part]: event.currentTarget.checked })}
                />
                {words.together.parts[part]}
              </label>
            ))}
          </fieldset>
          <p className="muted">{words.together.previewHint}</p>
          <iframe
            className="preview-page"
            title={words.together.preview}
            sandbox=""
            src={addressOf(publicationPath(session, "preview/page", contents))}
          />
          <Problem of={publish.error} />
          <footer className="buttons">
            <a className="button" href={addressOf(publicationPath(session, "file", contents))} download>
              {words.together.download}
            </a>
            <button type="button" className="primary" disabled={publish.isPending} onClick={() => publish.mutate(contents)}>
              {words.together.publish}
            </button>
          </footer>
        </>
      )}
      <Published session={session} />
    </div>
  );
}

function Published({ session }: { session: number }) {
  const all = useQuery(publicationList(session));
  const withdraw = useWithdraw(session);
  const [asks, setAsks] = useState<number | null>(null);
  const head = useRef<HTMLHeadingElement>(null);
  return (
    <section>
      <h3 ref={head} tabIndex={-1}>
        {words.together.published}
      </h3>
      <Problem of={all.error ?? withdraw.error} />
      {all.data?.length === 0 && <p className="muted">{words.together.nothingPublished}</p>}
      <ul className="cards">
        {all.data?.map(({ id, created_at }) => (
          <li key={id}>
            {words.together.publishedOn(created_at)}
            <button type="button" aria-label={words.together.withdrawOf(created_at)} onClick={() => setAsks(id)}>
              {words.together.withdraw}
            </button>
          </li>
        ))}
      </ul>
      {asks !== null && (
        <Confirm
          title={words.together.withdrawTitle}
          text={words.together.withdrawText}
          does={words.together.withdraw}
          onClose={() => setAsks(null)}
          onYes={() => {
            setAsks(null);
            withdraw.mutate(asks, {
              onSuccess: () => {
                notices.show(words.together.withdrawn);
                head.current?.focus(); // its own button goes with it
              },
            });
          }}
        />
      )}
    </section>
  );
}
