/**
 * Draws a diagram of Mermaid in a frame of its own: the frame has no origin, so that nothing in it reaches the page, its cookies or the
 * gateway. The page sends the library's address and the text, and gets an image as text or a problem.
 */

"use strict";

const CONFIGURATION = {
  startOnLoad: false,
  securityLevel: "strict",
  htmlLabels: false,
  flowchart: { htmlLabels: false },
  maxTextSize: 20_000,
  maxEdges: 300,
  suppressErrorRendering: true,
  // What a text may not change.
  secure: [
    "secure",
    "securityLevel",
    "startOnLoad",
    "maxTextSize",
    "maxEdges",
    "suppressErrorRendering",
    "htmlLabels",
    "themeCSS",
    "fontFamily",
  ],
};

/** @param {string} address */
function loaded(address) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = resolve;
    script.onerror = () => reject(new Error("the library could not be loaded"));
    document.head.append(script);
  });
}

/**
 * An image that needs nothing around it, with the size that it asks for.
 * @param {string} markup
 */
function image(markup) {
  const box = document.createElement("div");
  box.innerHTML = markup;
  document.body.append(box);
  const svg = box.querySelector("svg");
  if (svg === null) throw new Error("nothing was drawn");
  const { width, height } = svg.viewBox.baseVal;
  const size = width > 0 && height > 0 ? { width, height } : svg.getBoundingClientRect();
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  svg.setAttribute("width", String(Math.ceil(size.width)));
  svg.setAttribute("height", String(Math.ceil(size.height)));
  svg.style.maxWidth = "";
  return { svg: new XMLSerializer().serializeToString(svg), width: Math.ceil(size.width), height: Math.ceil(size.height) };
}

addEventListener("message", async ({ source, data }) => {
  if (source !== parent) return;
  try {
    await loaded(data.library);
    const mermaid = globalThis.mermaid;
    mermaid.initialize({ ...CONFIGURATION, theme: data.isDark ? "dark" : "neutral", fontFamily: data.font });
    const { svg } = await mermaid.render("diagram", data.text);
    parent.postMessage({ image: image(svg) }, "*");
  } catch (problem) {
    parent.postMessage({ problem: problem instanceof Error ? problem.message : String(problem) }, "*");
  }
});
parent.postMessage({ isReady: true }, "*");
