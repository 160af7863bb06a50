import type { ReactNode } from "react";

/** Written destinations that are longer are shortened: they may be whole files. */
const LONGEST = 80;

interface Props {
  href: string | undefined;
  title?: string | undefined;
  /** What it is called, where that is a plain text. */
  label: ReactNode;
  children: ReactNode;
}

/** A link that opens elsewhere and says where it goes, unless it is called just that. What leads to no other site is no link. `<bdi>`: a
 * text that turns the direction of writing turns only itself. */
export function Link({ href = "", title, label, children }: Props) {
  const address = addressOf(href);
  if (address === null) {
    const isPlace = href === "" || href.startsWith("#");
    return (
      <>
        <bdi>{children}</bdi>
        {!isPlace && <Destination>{written(href)}</Destination>}
      </>
    );
  }
  const goal = goalOf(address);
  return (
    <a href={address.href} title={title ? `${href}\n${title}` : href} target="_blank" rel="noopener noreferrer nofollow">
      <bdi>{children}</bdi>
      {!names(label, goal) && <Destination>{goal}</Destination>}
    </a>
  );
}

/** A destination as somebody wrote it, before the parser encoded it. */
function written(href: string): string {
  const start = href.slice(0, LONGEST);
  try {
    return decodeURI(start) + (start === href ? "" : "…");
  } catch {
    return start;
  }
}

function Destination({ children }: { children: string }) {
  return (
    <span className="host">
      {" "}
      (<bdi>{children}</bdi>)
    </span>
  );
}

/** The address on the web, or for mail, that a link leads to; null for everything else. */
function addressOf(href: string): URL | null {
  const full = /^[/\\]{2}/.test(href) ? `https:${href}` : href;
  if (!/^(?:https?|mailto):/i.test(full) || !URL.canParse(full)) return null;
  const address = new URL(full);
  return address.protocol === "mailto:" || address.host !== "" ? address : null;
}

/** The host as the browser will ask for it, in ASCII; of a mail address all of it. */
function goalOf(address: URL): string {
  return address.protocol === "mailto:" ? address.pathname : address.host;
}

/** Whether what a link is called is that host, or an address there, with nothing in it that only looks like it. */
function names(label: ReactNode, goal: string): boolean {
  if (typeof label !== "string" || /[\p{C}\s]/u.test(label)) return false;
  const called = /^(?:https?:\/\/|mailto:)?([^/?#]+)/i.exec(label)?.[1];
  return called?.toLowerCase() === goal.toLowerCase();
}
