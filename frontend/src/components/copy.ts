/** Puts a text on the clipboard; also over plain HTTP, where browsers hide the newer way. */
export async function copyText(text: string): Promise<void> {
  if (window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "for-ears";
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  document.execCommand("copy"); // eslint-disable-line @typescript-eslint/no-deprecated -- the only way there is without HTTPS
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
}
