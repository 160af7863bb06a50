import { vi } from "vitest";

/** Waits until the check does not throw: as long as a busy machine may need, where vitest's own second is soon over. */
export async function eventually(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 30_000 });
}
