import { Link } from "wouter";

export function NotFound() {
  return (
    <main className="centred">
      <h1>Nothing is here</h1>
      <p>The address is wrong, or what was here is gone.</p>
      <Link href="/">Back to the studio</Link>
    </main>
  );
}
