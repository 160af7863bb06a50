/** Asks a frame without an origin to draw a diagram (public/diagram.js). The library is loaded there, and only then. */

import library from "@mermaid-js/tiny/dist/mermaid.tiny.js?url";

/** After so many milliseconds it is given up. */
const PATIENCE = 20_000;

export interface Drawing {
  /** A `data:` address: nothing in an image runs, and nothing is loaded for it. */
  source: string;
  width: number;
  height: number;
  isDark: boolean;
}

interface Answer {
  isReady?: boolean;
  image?: { svg: string; width: number; height: number };
  problem?: string;
}

/** Rejects with the library's sentence where the text is no diagram. */
export async function drawn(text: string): Promise<Drawing> {
  const isDark = prefersDark();
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", "allow-scripts");
  frame.className = "diagram-frame";
  frame.ariaHidden = "true";
  frame.tabIndex = -1;
  frame.src = `${import.meta.env.BASE_URL}diagram.html`;
  let stop = (): void => undefined;
  try {
    const { svg, width, height } = await new Promise<NonNullable<Answer["image"]>>((resolve, reject) => {
      const timer = setTimeout(() => reject(new TooSlow()), PATIENCE);
      const hear = ({ source, data }: MessageEvent<Answer>): void => {
        if (source !== frame.contentWindow || source === null) return;
        const font = getComputedStyle(document.body).fontFamily;
        if (data.isReady)
          frame.contentWindow?.postMessage({ library: new URL(library, location.href).href, text, isDark, font }, "*");
        else if (data.image) resolve(data.image);
        else reject(new Error(data.problem ?? ""));
      };
      window.addEventListener("message", hear);
      stop = () => {
        clearTimeout(timer);
        window.removeEventListener("message", hear);
      };
      document.body.append(frame);
    });
    return { source: `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`, width, height, isDark };
  } finally {
    stop();
    frame.remove();
  }
}

export class TooSlow extends Error {}

function prefersDark(): boolean {
  const chosen = document.documentElement.dataset["theme"];
  return chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
}
