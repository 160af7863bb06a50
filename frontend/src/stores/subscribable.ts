/** What every store has: listeners that are called after each change. Knows no React; `useSyncExternalStore` takes it as it is. */

export class Subscribable {
  private readonly listeners = new Set<() => void>();

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** A listener that fails is reported as an error of the page; the others hear it, and whoever made the change goes on. */
  protected notify(): void {
    for (const listener of this.listeners) {
      try {
        listener();
      } catch (error) {
        reportError(error);
      }
    }
  }
}
