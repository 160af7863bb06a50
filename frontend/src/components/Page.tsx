import { ArrowLeft } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "wouter";

/** The keys that scroll belong to the page at once: the window itself does not scroll. */
function focusUnlessElsewhere(box: HTMLDivElement | null): void {
  if (document.activeElement === document.body) box?.focus({ preventScroll: true });
}

/** A page beside the conversations: its name, a way back, one column. */
export function Page({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <div className="scrolls" tabIndex={-1} ref={focusUnlessElsewhere}>
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
