/** Whether the page is being printed: then all of it must be there, not only what is in sight. Knows no React. */

import { Subscribable } from "./subscribable";

class Printing extends Subscribable {
  isOn = false;

  set(isOn: boolean): void {
    if (this.isOn === isOn) return;
    this.isOn = isOn;
    this.notify();
  }
}

export const printing = new Printing();
