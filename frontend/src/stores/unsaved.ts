/** Settings of sessions that were changed and are not stored yet: whoever sends a message has them stored before. */

class Unsaved {
  private readonly saves = new Map<number, () => Promise<unknown>>();

  /** `save` stores what was changed; until `drop` it is called before a message is sent. */
  put(session: number, save: () => Promise<unknown>): void {
    this.saves.set(session, save);
  }

  drop(session: number): void {
    this.saves.delete(session);
  }

  /** Throws what the saving throws: a message is not sent with settings that its writer did not mean. */
  async settle(session: number): Promise<void> {
    await this.saves.get(session)?.();
  }
}

export const unsaved = new Unsaved();
