import { words } from "../words";

/** The title in the browser's tab: that of the page, then the product's name. */
export function Title({ children }: { children: string }) {
  return <title>{words.common.documentTitle(children)}</title>;
}
