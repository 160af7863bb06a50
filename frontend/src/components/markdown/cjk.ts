/** Emphasis and strikethrough whose marks stand beside Chinese, Japanese or Korean punctuation, where no spaces are written. */

import { cjkFriendlyExtension } from "micromark-extension-cjk-friendly";
import { gfmStrikethroughCjkFriendly } from "micromark-extension-cjk-friendly-gfm-strikethrough";
import type { Processor } from "unified";

/** For `remarkPlugins`, behind remark-gfm: its rules go first. One tilde is a tilde. */
export function remarkCjk(this: Processor): void {
  const data = this.data() as { micromarkExtensions?: unknown[] };
  (data.micromarkExtensions ??= []).push(cjkFriendlyExtension(), gfmStrikethroughCjkFriendly({ singleTilde: false }));
}
