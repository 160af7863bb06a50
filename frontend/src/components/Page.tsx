import { ArrowLeft } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "wouter";

/** A page beside the conversations: its name, a way back, one column. */
export function Page({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <div className="scrolls">
      <main className="page">
        <title>{`${title} · LAM Studio`}</title>
        <header>
          <Link href="/" className="button quiet icon" aria-label="Back to the conversations" title="Back to the conversations">
            <ArrowLeft aria-hidden />
          </Link>
          <h1>{title}</h1>
          {aside}
        </header>
        {children}
      </main>
    </div>
  );
}
