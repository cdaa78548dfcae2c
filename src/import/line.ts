/** One line of a file. */
export interface Line {
  /** 1 for the first. */
  number: number;
  /** Without its line break; null where the line was longer than `MAX_LINE_BYTES` and was not kept. */
  text: string | null;
  /** False for the last line of a file that does not end in a line break: its writer may have been stopped in it. */
  complete: boolean;
}

/** What one line may hold in memory: a transcript carries pictures in its lines, but none of this size. */
export const MAX_LINE_BYTES = 64 * 1024 * 1024;

const LINE_FEED = 0x0a;

/**
 * Cuts a stream of bytes into lines, wherever the chunks begin and end. It holds no more than the line under way, and
 * bytes that are not UTF-8 become replacement characters.
 */
export class LineSplitter {
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #number = 0;

  /** The lines that this chunk completes; the rest waits for the next one. */
  push(chunk: Uint8Array): Line[] {
    const lines: Line[] = [];
    let from = 0;
    for (let at = chunk.indexOf(LINE_FEED); at !== -1; at = chunk.indexOf(LINE_FEED, from)) {
      this.#keep(chunk.subarray(from, at));
      lines.push(this.#take(true));
      from = at + 1;
    }
    this.#keep(chunk.subarray(from));
    return lines;
  }

  /** The line under way, where there is one: nothing follows. */
  end(): Line[] {
    return this.#bytes === 0 ? [] : [this.#take(false)];
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#bytes += bytes.length;
    if (this.#bytes > MAX_LINE_BYTES) this.#parts = [];
    // A copy: a file stream may use the memory of its chunks again.
    else this.#parts.push(Uint8Array.from(bytes));
  }

  #take(complete: boolean): Line {
    const text = this.#bytes > MAX_LINE_BYTES ? null : new TextDecoder().decode(Buffer.concat(this.#parts));
    this.#parts = [];
    this.#bytes = 0;
    return { number: ++this.#number, text, complete };
  }
}
