import { words } from "../words";

/** What is left when nothing else can be shown. */
export function Broken() {
  return (
    <main className="centred" role="alert">
      <title>{words.common.product}</title>
      <h1>{words.failure.everythingTitle}</h1>
      <p>{words.failure.everything}</p>
      <button type="button" className="primary" onClick={() => location.reload()}>
        {words.failure.reload}
      </button>
    </main>
  );
}
