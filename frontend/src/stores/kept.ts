/** What a tab keeps over a reload, by the id of what it belongs to (null: something new). Knows no React. */

import { keptName } from "../base";

type Id = number | string | null;

export class Kept<T> {
  private readonly known = new Map<Id, T | undefined>();

  /** `name`: what its keys in the browser begin with. */
  constructor(private readonly name: string) {}

  get(id: Id): T | undefined {
    if (!this.known.has(id)) this.known.set(id, this.read(id));
    return this.known.get(id);
  }

  set(id: Id, value: T): void {
    this.known.set(id, value);
    try {
      sessionStorage.setItem(this.key(id), JSON.stringify(value));
    } catch {
      sessionStorage.removeItem(this.key(id)); // too large for the browser: it is kept until a reload
    }
  }

  delete(id: Id): void {
    this.known.delete(id);
    sessionStorage.removeItem(this.key(id));
  }

  private read(id: Id): T | undefined {
    try {
      return (JSON.parse(sessionStorage.getItem(this.key(id)) ?? "null") as T | undefined) ?? undefined;
    } catch {
      return undefined;
    }
  }

  private key(id: Id): string {
    return keptName(`${this.name}-${id ?? "new"}`);
  }
}
