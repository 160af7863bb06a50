/** What is left when nothing else can be shown. */
export function Broken() {
  return (
    <main className="centred" role="alert">
      <title>LAM Studio</title>
      <h1>Something went wrong</h1>
      <p>
        The page can’t be shown. Nothing is lost: conversations are kept by the gateway, and what you were writing is kept here.
      </p>
      <button type="button" className="primary" onClick={() => location.reload()}>
        Load it again
      </button>
    </main>
  );
}
