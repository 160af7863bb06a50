import { Link } from "wouter";

export function NotFound() {
  return (
    <main className="centred">
      <title>Not found · LAM Studio</title>
      <h1>Nothing is here</h1>
      <p>The address is wrong, or what was here is gone.</p>
      <Link href="/">Back to the conversations</Link>
    </main>
  );
}
