import { ORDERS, type SessionBoard } from './board.js';
import type { Audience, ConnectionState } from './boardFeed.js';
import { frame, roomFor, scrolled } from './boardFrame.js';
import { Screen } from './screen.js';

/** The silences grow by themselves; what happens is shown sooner. */
const TICK_MS = 1_000;
const SOON_MS = 100;

/** A board on the whole terminal, until `close`. `onQuit` is told when somebody has seen enough. */
export class BoardScreen implements Audience {
  readonly #screen: Screen;
  readonly #ticking: NodeJS.Timeout;
  #soon: NodeJS.Timeout | undefined;
  #connection: ConnectionState = 'live';
  #position: number;
  #offset = 0;
  #order = 0;

  constructor(
    private readonly board: SessionBoard,
    private readonly origin: { url: string; position: number },
    private readonly onQuit: () => void,
    private readonly output: NodeJS.WriteStream = process.stdout,
  ) {
    this.#position = origin.position;
    this.#screen = new Screen({ onKey: (name) => this.#press(name), onResize: () => this.#paint() }, output);
    this.#ticking = setInterval(() => this.#paint(), TICK_MS);
    this.#paint();
  }

  onNews(): void {
    this.#paintSoon();
  }

  onProgress(connection: ConnectionState, position: number): void {
    this.#connection = connection;
    this.#position = position;
    this.#paintSoon();
  }

  close(): void {
    clearInterval(this.#ticking);
    clearTimeout(this.#soon);
    this.#screen.close();
  }

  #press(name: string): void {
    const page = roomFor(this.output.rows);
    switch (name) {
      case 'q':
      case 'ctrl+c':
        this.onQuit();
        return;
      case 's':
        this.#order += 1;
        this.#offset = 0;
        break;
      case 'up':
      case 'k':
        this.#offset -= 1;
        break;
      case 'down':
      case 'j':
        this.#offset += 1;
        break;
      case 'pageup':
        this.#offset -= page;
        break;
      case 'pagedown':
      case 'space':
        this.#offset += page;
        break;
      case 'home':
      case 'g':
        this.#offset = 0;
        break;
      case 'end':
        this.#offset = Infinity;
        break;
      default:
        return;
    }
    this.#paint();
  }

  #paintSoon(): void {
    this.#soon ??= setTimeout(() => this.#paint(), SOON_MS);
  }

  #paint(): void {
    clearTimeout(this.#soon);
    this.#soon = undefined;
    const now = performance.now();
    this.board.sweep(now);
    const order = ORDERS[this.#order % ORDERS.length] ?? 'attention';
    const places = this.board.places(now, order);
    const { more } = this.board;
    this.#offset = scrolled(this.#offset, places.length, roomFor(this.output.rows));
    const [connection, position, offset] = [this.#connection, this.#position, this.#offset];
    const scene = { url: this.origin.url, connection, position, places, more, order, offset };
    this.#screen.paint(frame(scene, this.output));
  }
}
