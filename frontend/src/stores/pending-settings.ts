/** Settings of sessions that were changed and are not stored yet: whoever sends a message has them stored before. */

export class PendingSettings {
  private readonly saves = new Map<number, () => Promise<unknown>>();
  private readonly running = new Map<number, Promise<unknown>>();

  /** `save` stores what was changed; until `drop` it is called before a message is sent. */
  put(session: number, save: () => Promise<unknown>): void {
    this.saves.set(session, save);
  }

  /** Is being stored already. */
  add(session: number, saving: Promise<unknown>): void {
    const before = this.running.get(session);
    this.running.set(session, before === undefined ? saving : Promise.all([before, saving]));
    saving.catch(() => undefined); // whoever began it says what went wrong
  }

  drop(session: number): void {
    this.saves.delete(session);
  }

  /** Throws what the saving throws: a message is not sent with settings that its writer did not mean. */
  async settle(session: number): Promise<void> {
    const saving = this.saves.get(session)?.();
    if (saving !== undefined) this.add(session, saving);
    try {
      await this.running.get(session);
    } finally {
      this.running.delete(session);
    }
  }

  /** The page is left: nobody is there to be told what went wrong. */
  settleAll(): void {
    for (const session of this.saves.keys()) this.settle(session).catch(() => undefined);
  }
}
