import { ArrowLeft } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "wouter";

import { pathOf, type PageName } from "../site";
import { words } from "../words";
import { Title } from "./Title";

/** The keys that scroll belong to the page at once: the window itself does not scroll. */
function focusUnlessElsewhere(box: HTMLDivElement | null): void {
  if (document.activeElement === document.body) box?.focus({ preventScroll: true });
}

interface Props {
  name: PageName;
  /** Instead of the page's own title. */
  title?: string;
  /** Where the arrow leads; else to the conversations. */
  back?: { href: string; label: string };
  /** Uses more of a wide screen. */
  isWide?: boolean;
  aside?: ReactNode;
  children: ReactNode;
}

/** A page beside the conversations: its title, a way back, one column. */
export function Page({ name, title = words.pages[name], back, isWide = false, aside, children }: Props) {
  const { href, label } = back ?? { href: pathOf("studio"), label: words.navigation.back };
  return (
    <div className="scrolls" tabIndex={-1} ref={focusUnlessElsewhere}>
      <main className={isWide ? "page wide" : "page"}>
        <Title>{title}</Title>
        <header>
          <Link href={href} className="button quiet icon" aria-label={label} title={label}>
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
