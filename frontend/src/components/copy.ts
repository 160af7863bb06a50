/** Puts a text on the clipboard, also over plain HTTP, where browsers hide the newer way. False where the browser does not allow it. */
export async function copyText(text: string): Promise<boolean> {
  return window.isSecureContext ? await write(text) : select(text);
}

function write(text: string): Promise<boolean> {
  return navigator.clipboard.writeText(text).then(
    () => true,
    () => false,
  );
}

function select(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "for-ears";
  const focused = document.activeElement;
  (focused?.closest("dialog[open]") ?? document.body).append(area); // outside of an open dialog nothing takes the focus
  area.select();
  const isSelected = document.activeElement === area;
  const isDone = document.execCommand("copy"); // eslint-disable-line @typescript-eslint/no-deprecated -- the only way there is without HTTPS
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return isSelected && isDone;
}
