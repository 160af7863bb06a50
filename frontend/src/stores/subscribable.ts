/** What every store has: listeners that are called after each change. Knows no React; `useSyncExternalStore` takes it as it is. */

export class Subscribable {
  private readonly listeners = new Set<() => void>();

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  protected notify(): void {
    for (const listener of this.listeners) listener();
  }
}
