/**
 * The path on this site that an address given from outside leads to, with its query and fragment; `/` for every address that leads
 * elsewhere, however a browser reads it: another host, another scheme, slashes that are backslashes, tabs and line ends in between.
 */
export function ownPath(address: string, here: string = location.origin): string {
  const path = pathAt(address, here);
  return path !== null && pathAt(path, here) === path && !/^\/sign-in(?:[/?#]|$)/.test(path) ? path : "/";
}

/** What remains of the address once the browser has read it; a path such as `//host` must be read a second time. */
function pathAt(address: string, here: string): string | null {
  if (!/^[/\\]/.test(address) || !URL.canParse(address, here)) return null;
  const { origin, pathname, search, hash } = new URL(address, here);
  return origin === here ? pathname + search + hash : null;
}
