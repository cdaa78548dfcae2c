import { emitKeypressEvents, type Key } from 'node:readline';

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[2J';
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l';

type Input = NodeJS.ReadStream;
type Output = NodeJS.WriteStream;

interface Listeners {
  onKey: (name: string) => void;
  /** The screen has another size now, and is empty. */
  onResize: () => void;
}

/**
 * The whole terminal, from here to `close`: a screen of its own, without a cursor, on which too long a line ends at the
 * edge. What stood there before comes back with `close`, and in any case before the process ends.
 */
export class Screen {
  #painted: readonly string[] = [];
  #isOpen = true;
  readonly #onResize: () => void;
  readonly #onKey: (text: string | undefined, key: Key) => void;

  constructor(
    { onKey, onResize }: Listeners,
    private readonly output: Output = process.stdout,
    private readonly input: Input = process.stdin,
  ) {
    this.#onKey = (text, key) => onKey(key.ctrl ? `ctrl+${key.name ?? ''}` : (key.name ?? text ?? ''));
    this.#onResize = () => {
      this.#painted = [];
      this.output.write('\u001b[2J');
      onResize();
    };
    // An error that nobody foresaw is told after this, and would be lost with the screen.
    process.on('uncaughtExceptionMonitor', this.close);
    process.on('exit', this.close);
    output.write(ENTER);
    output.on('resize', this.#onResize);
    if (!input.isTTY) return;
    emitKeypressEvents(input);
    input.setRawMode(true);
    input.on('keypress', this.#onKey);
    input.resume();
  }

  /** Writes the lines that are not there yet. A terminal that has not taken the last ones gets none: the next will do. */
  paint(lines: readonly string[]): void {
    if (!this.#isOpen || this.output.writableNeedDrain) return;
    const count = Math.max(lines.length, this.#painted.length);
    let text = '';
    for (let row = 0; row < count; row++) {
      const line = lines[row] ?? '';
      if (line !== this.#painted[row]) text += `\u001b[${row + 1};1H\u001b[2K${line}`;
    }
    this.#painted = lines;
    if (text !== '') this.output.write(text);
  }

  readonly close = (): void => {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    process.off('uncaughtExceptionMonitor', this.close);
    process.off('exit', this.close);
    this.output.off('resize', this.#onResize);
    if (this.input.isTTY) {
      this.input.off('keypress', this.#onKey);
      this.input.setRawMode(false);
      this.input.pause();
    }
    this.output.write(LEAVE);
  };
}
