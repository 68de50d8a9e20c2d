/** A place in a list; it leaves the list once. */
export interface Entry<T> {
  readonly value: T;
  readonly remove: () => void;
}

/**
 * A list in order of arrival, from whose middle anything can leave. A Set does the same, but where thousands come and go
 * each second its outgrown tables keep each other and all that was in them alive, one after the other, until a full
 * garbage collection: the scavenger takes what the old generation points to for alive, dead or not.
 */
export class LinkedList<T> implements Iterable<T> {
  #first: Link<T> | undefined;
  #last: Link<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): Entry<T> | undefined {
    return this.#first;
  }

  add(value: T): Entry<T> {
    const link: Link<T> = { value, remove: () => this.#remove(link), previous: this.#last, next: undefined };
    if (this.#last === undefined) this.#first = link;
    else this.#last.next = link;
    this.#last = link;
    this.#size += 1;
    return link;
  }

  /** In order of arrival. Nothing may leave meanwhile. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (let link = this.#first; link !== undefined; link = link.next) yield link.value;
  }

  #remove(link: Link<T>): void {
    if (link.previous === link) return;
    if (link.previous === undefined) this.#first = link.next;
    else link.previous.next = link.next;
    if (link.next === undefined) this.#last = link.previous;
    else link.next.previous = link.previous;
    // Links that are gone must not hold others; one that points to itself is gone.
    link.previous = link;
    link.next = undefined;
    this.#size -= 1;
  }
}

interface Link<T> extends Entry<T> {
  previous: Link<T> | undefined;
  next: Link<T> | undefined;
}
