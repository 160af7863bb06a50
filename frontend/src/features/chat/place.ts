/** Where one reads in a conversation: kept with the entry of the browser's history, so that Back and a reload return to it. */

export interface Place {
  message: number;
  /** How far its top is above the top of the column, in pixels. */
  above: number;
}

/** Where the entry in sight was left; null: at the end, or never. */
export function placeOf(session: number | null): Place | null {
  const state = history.state as { place?: Place & { session: number } } | null;
  const place = state?.place;
  return place !== undefined && place.session === session ? { message: place.message, above: place.above } : null;
}

export function keepPlace(session: number, place: Place | null): void {
  const state = (history.state ?? {}) as Record<string, unknown>;
  if (place === null && !("place" in state)) return;
  const kept = { ...state, place: place === null ? undefined : { session, ...place } };
  History.prototype.replaceState.call(history, kept, "");
}

/** The first message in sight. */
export function placeIn(box: HTMLElement): Place | null {
  const { top } = box.getBoundingClientRect();
  for (const one of box.querySelectorAll("[id^='message-']")) {
    const rect = one.getBoundingClientRect();
    if (rect.bottom > top) return { message: Number(one.id.slice("message-".length)), above: Math.round(top - rect.top) };
  }
  return null;
}
